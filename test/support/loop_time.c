/* SPDX-License-Identifier: BSD-3-Clause */
/* libevent's clock, which can be made the fake one. */
#include "support/loop_time.h"
#include "clock-internal.h"
#include <dlfcn.h>
#include <string.h>
#include <time.h>

static bool is_held;

void
loop_time_hold(bool held)
{
	is_held = held;
}

/* It has a name of its own here, and the linker knows it by the usual one.
 * libevent is to find it, too. */
#pragma GCC visibility push(default)
int held_clock_gettime(clockid_t id, struct timespec *time) __asm__(
    "clock_gettime");
#pragma GCC visibility pop

static int
real_time(clockid_t id, struct timespec *time)
{
	static int (*real)(clockid_t, struct timespec *);
	void *found;

	/* ISO C has no conversion from an object's address to a function's. */
	if (!real) {
		found = dlsym(RTLD_NEXT, "clock_gettime");
		memcpy(&real, &found, sizeof real);
	}
	return real(id, time);
}

int
held_clock_gettime(clockid_t id, struct timespec *time)
{
	uint64_t ms;

	if (!is_held || id == CLOCK_REALTIME)
		return real_time(id, time);
	ms = evchat_clock_ms_();
	time->tv_sec = (time_t)(ms / 1000);
	time->tv_nsec = (long)(ms % 1000 * 1000000);
	return 0;
}
