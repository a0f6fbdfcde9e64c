/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What time it is.  A room of its own so that a test can put another clock in
 * its place: no test waits for time to pass.
 */
#include "clock-internal.h"
#include <time.h>

uint64_t
evchat_clock_ms_(void)
{
	struct timespec t;

	/* Cannot fail: POSIX 2008 systems have this clock. */
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000 + 1;
}
