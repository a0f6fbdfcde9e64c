/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libevent's clock, made the fake one (fake_clock.h): timers of the loop pass
 * when a test moves that, and no test waits for them.  It takes the place of
 * the C library's clock_gettime(), so this is linked only into tests that want
 * it.
 */
#ifndef EVCHAT_TEST_LOOP_TIME_H
#define EVCHAT_TEST_LOOP_TIME_H

#include <stdbool.h>

/* Hold it, or let it be the real one again.  An event_base must not see both.
 */
void loop_time_hold(bool held);

#endif
