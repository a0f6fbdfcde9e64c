/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The deadlines of a channel: when each is due, and which has passed.  Pure
 * arithmetic on a time the caller passes; knows no clock and no timer.
 *
 * The frame and idle deadlines are the peer's to meet, so they stand still
 * while the peer cannot be heard.
 */
#include "deadline-internal.h"

static bool
is_held(const struct evchat_deadlines *d, enum evchat_deadline which)
{
	return d->held_at && (which == EVCHAT_DEADLINE_FRAME ||
				 which == EVCHAT_DEADLINE_IDLE);
}

void
evchat_deadline_start_(struct evchat_deadlines *d, enum evchat_deadline which,
    uint64_t now, unsigned ms)
{
	if (is_held(d, which))
		now = d->held_at;
	d->due[which] = ms ? now + ms : 0;
}

void
evchat_deadline_stop_(struct evchat_deadlines *d, enum evchat_deadline which)
{
	d->due[which] = 0;
}

bool
evchat_deadline_runs_(
    const struct evchat_deadlines *d, enum evchat_deadline which)
{
	return d->due[which] != 0;
}

void
evchat_deadlines_hold_(struct evchat_deadlines *d, uint64_t now)
{
	if (!d->held_at)
		d->held_at = now;
}

void
evchat_deadlines_release_(struct evchat_deadlines *d, uint64_t now)
{
	uint64_t stood_still = now - d->held_at;

	if (!d->held_at)
		return;
	if (d->due[EVCHAT_DEADLINE_FRAME])
		d->due[EVCHAT_DEADLINE_FRAME] += stood_still;
	if (d->due[EVCHAT_DEADLINE_IDLE])
		d->due[EVCHAT_DEADLINE_IDLE] += stood_still;
	d->held_at = 0;
}

bool
evchat_deadlines_are_held_(const struct evchat_deadlines *d)
{
	return d->held_at != 0;
}

static enum evchat_deadline
earliest(const struct evchat_deadlines *d)
{
	enum evchat_deadline first = EVCHAT_DEADLINES;

	for (int i = 0; i < EVCHAT_DEADLINES; i++) {
		enum evchat_deadline which = (enum evchat_deadline)i;

		if (!d->due[which] || is_held(d, which))
			continue;
		if (first == EVCHAT_DEADLINES || d->due[which] < d->due[first])
			first = which;
	}
	return first;
}

uint64_t
evchat_deadlines_next_(const struct evchat_deadlines *d)
{
	enum evchat_deadline first = earliest(d);

	return first == EVCHAT_DEADLINES ? 0 : d->due[first];
}

enum evchat_deadline
evchat_deadlines_passed_(const struct evchat_deadlines *d, uint64_t now)
{
	enum evchat_deadline first = earliest(d);

	if (first == EVCHAT_DEADLINES || d->due[first] > now)
		return EVCHAT_DEADLINES;
	return first;
}
