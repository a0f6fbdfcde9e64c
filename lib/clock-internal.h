/* SPDX-License-Identifier: BSD-3-Clause */
/* What time it is, and how long until another. */
#ifndef EVCHAT_CLOCK_INTERNAL_H
#define EVCHAT_CLOCK_INTERNAL_H

#include <stdint.h>
#include <sys/time.h>

/* A time in ms that never goes back and is never 0. */
uint64_t evchat_clock_ms_(void);

/* How long it is until then, in ms; 0 if that is over. */
static inline uint64_t
evchat_clock_left_(uint64_t due)
{
	uint64_t now = evchat_clock_ms_();

	return due > now ? due - now : 0;
}

/* So long, as libevent's timers take it. */
static inline struct timeval
evchat_clock_interval_(uint64_t ms)
{
	return (struct timeval){
	    (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
}

#endif
