/* SPDX-License-Identifier: BSD-3-Clause */
/* Turns of the loop, for tests that count them, and what its backend cannot. */
#ifndef EVCHAT_TEST_LOOP_H
#define EVCHAT_TEST_LOOP_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>

/* One turn in which all that can go goes: where I/O is choppy, so many more
 * that nothing was refused or cut short in the last.  Returns what
 * event_base_loop() does. */
int loop_turn(struct event_base *base, int flags);

/* So many descriptors it can wait for, of those that were asked for: select(2)
 * has an end. */
size_t loop_holds(const struct event_base *base, size_t descriptors);

/* Has it ended because memory was refused to itself?  It may where it waits
 * with select(2), which libevent gives copies of its sets, and then says so: a
 * program's own loop would have ended.  `result` is event_base_loop()'s; it
 * fails the test when it is an error for no such reason. */
bool loop_has_no_memory(const struct event_base *base, int result);

#endif
