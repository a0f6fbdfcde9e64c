/* SPDX-License-Identifier: BSD-3-Clause */
/* The deadlines of a channel.  Pure: times in ms are passed in. */
#ifndef EVCHAT_DEADLINE_INTERNAL_H
#define EVCHAT_DEADLINE_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

enum evchat_deadline {
	EVCHAT_DEADLINE_FRAME,
	EVCHAT_DEADLINE_IDLE,
	EVCHAT_DEADLINE_WRITE,
	EVCHAT_DEADLINE_LINGER,
	EVCHAT_DEADLINES
};

/* All zeros is a set in which nothing is due. */
struct evchat_deadlines {
	uint64_t due[EVCHAT_DEADLINES]; /* 0: not running */
	uint64_t held_at;               /* 0, or since when the peer waits */
};

/* Due `ms` from now; 0 ms stops it. */
void evchat_deadline_start_(struct evchat_deadlines *d,
    enum evchat_deadline which, uint64_t now, unsigned ms);
void evchat_deadline_stop_(
    struct evchat_deadlines *d, enum evchat_deadline which);
bool evchat_deadline_runs_(
    const struct evchat_deadlines *d, enum evchat_deadline which);

/* The peer cannot be heard from `now` on, so what it owes does not fall due;
 * and it can be heard again. */
void evchat_deadlines_hold_(struct evchat_deadlines *d, uint64_t now);
void evchat_deadlines_release_(struct evchat_deadlines *d, uint64_t now);
bool evchat_deadlines_are_held_(const struct evchat_deadlines *d);

/* The earliest moment at which something is due; 0 for never. */
uint64_t evchat_deadlines_next_(const struct evchat_deadlines *d);

/* Which one has passed, the earliest first; EVCHAT_DEADLINES for none. */
enum evchat_deadline evchat_deadlines_passed_(
    const struct evchat_deadlines *d, uint64_t now);

#endif
