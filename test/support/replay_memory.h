/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The allocator under a replay: the C library's, counted, and able to fail
 * once.
 */
#ifndef EVCHAT_TEST_REPLAY_MEMORY_H
#define EVCHAT_TEST_REPLAY_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* Put it under evchat, and under libevent too; and the C library's back. */
int replay_memory_begin(bool libevent_too);
void replay_memory_end(bool libevent_too);

/* Count requests from zero, and refuse the one after `passes` others; SIZE_MAX
 * refuses none.  Until replay_memory_rest(), after which none is counted nor
 * refused. */
void replay_memory_watch(size_t passes);
void replay_memory_go_on(void);
void replay_memory_rest(void);

/* Was one refused since replay_memory_watch()? */
bool replay_memory_refused(void);

/* Blocks that were got and not given back. */
size_t replay_memory_live(void);

#endif
