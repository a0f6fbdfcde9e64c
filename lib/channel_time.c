/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The time of a channel: its timer, which deadlines run, and what happens when
 * one passes.  What is due when is arithmetic, and lies in deadline.c.  A
 * channel that is never timed has no memory of it.
 */
#include "alloc-internal.h"
#include "channel-internal.h"
#include "clock-internal.h"
#include <event2/event.h>

/* libevent reads no more than this at a time (rule 10). */
enum { READ_AT_ONCE = 4096 };

/* A peer that has taken one of so many parts of what waits for it is given the
 * time anew; and where it is the write deadline, one that has taken so much:
 * megabytes may wait in the kernel. */
enum { PROGRESS_STEPS = 8, PROGRESS_ENOUGH = 32 * 1024 };

/* --- The timer. --- */

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct evchat *ch = ctx;

	(void)fd;
	(void)what;
	ch->time->timer_due = 0;
	ch->yielding = false;
	ch->late = true;
	evchat_channel_serve_(ch);
}

/* NULL without memory. */
static struct evchat_time *
time_of(struct evchat *ch)
{
	struct evchat_time *time = ch->time;

	if (time)
		return time;
	time = evchat_zalloc_(sizeof *time);
	if (!time)
		return NULL;
	time->timer =
	    evtimer_new(bufferevent_get_base(ch->transport.bev), on_timer, ch);
	if (time->timer)
		return ch->time = time;
	evchat_mfree_(time);
	return NULL;
}

int
evchat_channel_prepare_time_(struct evchat *ch)
{
	return time_of(ch) ? 0 : EVCHAT_ERR_NO_MEMORY;
}

void
evchat_channel_forget_time_(struct evchat *ch)
{
	if (!ch->time)
		return;
	event_free(ch->time->timer);
	evchat_mfree_(ch->time);
	ch->time = NULL;
}

static int
start_timer(struct evchat_time *time, uint64_t due, uint64_t ms)
{
	struct timeval tv = evchat_clock_interval_(ms);

	time->timer_due = due;
	return evtimer_add(time->timer, &tv);
}

/* A zero timer lets every socket that is ready have its turn first; a deferred
 * trigger would be served again before it (rule 25). */
void
evchat_channel_yield_(struct evchat *ch)
{
	struct evchat_time *time;

	if (!evchat_channel_is_open_(ch))
		return;
	time = time_of(ch);
	if (time && !start_timer(time, 1, 0))
		return;
	/* Without memory: less fair, but nothing is lost. */
	if (time)
		time->timer_due = 0;
	ch->yielding = false;
	ch->poked = true;
	evchat_transport_poke_(&ch->transport);
}

/* --- Deadlines. --- */

/* Is it met by bytes that the peer sends? */
static bool
is_the_peers(enum evchat_deadline which)
{
	return which == EVCHAT_DEADLINE_FRAME || which == EVCHAT_DEADLINE_IDLE;
}

void
evchat_channel_start_(
    struct evchat *ch, enum evchat_deadline which, unsigned ms)
{
	struct evchat_time *time = time_of(ch);

	if (!time) {
		evchat_channel_end_(ch, EVCHAT_REASON_NO_MEMORY);
		return;
	}
	if (is_the_peers(which))
		time->grace = 0;
	evchat_deadline_start_(&time->deadlines, which, evchat_clock_ms_(), ms);
}

void
evchat_channel_stop_(struct evchat *ch, enum evchat_deadline which)
{
	if (ch->time)
		evchat_deadline_stop_(&ch->time->deadlines, which);
}

bool
evchat_channel_times_(const struct evchat *ch, enum evchat_deadline which)
{
	return ch->time && evchat_deadline_runs_(&ch->time->deadlines, which);
}

static void
time_idle(struct evchat *ch)
{
	unsigned ms = ch->limits->idle_deadline_ms;
	uint64_t heard;

	if (!ms || !ch->transport.can_read || ch->transport.waiting ||
	    evchat_channel_has_output_(ch) || ch->input_end || ch->closing) {
		evchat_channel_stop_(ch, EVCHAT_DEADLINE_IDLE);
		return;
	}
	heard = evchat_channel_heard_(ch);
	if (evchat_channel_times_(ch, EVCHAT_DEADLINE_IDLE) &&
	    heard == ch->time->heard)
		return;
	evchat_channel_start_(ch, EVCHAT_DEADLINE_IDLE, ms);
	if (ch->time)
		ch->time->heard = heard;
}

static void
time_write(struct evchat *ch)
{
	unsigned ms = ch->limits->write_deadline_ms;
	uint64_t sent;

	if (!ms || ch->broken || !evchat_channel_is_sending_(ch)) {
		evchat_channel_stop_(ch, EVCHAT_DEADLINE_WRITE);
		return;
	}
	sent = evchat_channel_sent_(ch);
	if (evchat_channel_times_(ch, EVCHAT_DEADLINE_WRITE) &&
	    sent == ch->time->sent)
		return;
	evchat_channel_start_(ch, EVCHAT_DEADLINE_WRITE, ms);
	if (!ch->time)
		return;
	ch->time->sent = sent;
	ch->time->unacked = evchat_transport_unacked_(&ch->transport);
	ch->time->write_grace = false;
}

void
evchat_channel_note_progress_(struct evchat *ch)
{
	if (!evchat_channel_is_open_(ch))
		return;
	/* From now on the peer owes nothing. */
	if (ch->closing || ch->input_end)
		evchat_channel_stop_(ch, EVCHAT_DEADLINE_FRAME);
	time_idle(ch);
	time_write(ch);
}

static void
linger_on(struct evchat *ch, unsigned unacked)
{
	evchat_channel_start_(
	    ch, EVCHAT_DEADLINE_LINGER, ch->limits->linger_ms);
	if (ch->time)
		ch->time->unacked = unacked;
}

static void
start_to_linger(struct evchat *ch)
{
	unsigned unacked = evchat_transport_unacked_(&ch->transport);

	linger_on(ch, unacked);
	if (ch->time)
		ch->time->step = unacked / PROGRESS_STEPS + 1;
}

void
evchat_channel_linger_(struct evchat *ch, bool wanted)
{
	if (evchat_channel_times_(ch, EVCHAT_DEADLINE_LINGER) == wanted)
		return;
	if (wanted)
		start_to_linger(ch);
	else
		evchat_channel_stop_(ch, EVCHAT_DEADLINE_LINGER);
}

/* A stalled loop must not make a peer late whose bytes have come in time: what
 * is in memory, and what is in the kernel now, is looked at first (rule 66).
 * For the latter so many turns are granted as reading it takes, not more: a
 * rate limit may keep it where it is.  `grace` counts them down to 1. */
static bool
may_still_be_in_time(struct evchat *ch)
{
	unsigned *grace = &ch->time->grace;
	size_t unread;

	if (evchat_channel_has_input_(ch))
		return true;
	unread = evchat_transport_unread_(&ch->transport);
	if (!unread || *grace == 1)
		return false;
	if (*grace)
		--*grace;
	else
		*grace = 3 + (unsigned)(unread / READ_AT_ONCE);
	return true;
}

/* Nor must it make a peer one that took nothing, where bytes can be written and
 * have not been. */
static bool
may_be_taken(struct evchat *ch)
{
	bool may = !ch->time->write_grace &&
		   evchat_transport_is_writable_(&ch->transport);

	ch->time->write_grace = may;
	return may;
}

/* A kernel does not say that there is room before there is much of it; a peer
 * that takes a good part of what waits there is a slow one. */
static bool
is_being_taken(struct evchat *ch)
{
	unsigned unacked = evchat_transport_unacked_(&ch->transport);
	unsigned before = ch->time->unacked;
	unsigned part = before / PROGRESS_STEPS;

	if (part > PROGRESS_ENOUGH)
		part = PROGRESS_ENOUGH;
	if (unacked >= before - part)
		return false;
	evchat_channel_start_(
	    ch, EVCHAT_DEADLINE_WRITE, ch->limits->write_deadline_ms);
	ch->time->unacked = unacked;
	return true;
}

static bool
may_be_late_by_mistake(struct evchat *ch, enum evchat_deadline which)
{
	if (which == EVCHAT_DEADLINE_WRITE)
		return is_being_taken(ch) || may_be_taken(ch);
	return is_the_peers(which) && may_still_be_in_time(ch);
}

/* A peer that has acknowledged a good part of an answer is on its way to the
 * rest; one that takes it byte by byte must not keep the channel for ever. */
static void
end_lingering(struct evchat *ch)
{
	unsigned unacked = evchat_transport_unacked_(&ch->transport);

	if (unacked && unacked + ch->time->step <= ch->time->unacked)
		linger_on(ch, unacked);
	else
		evchat_channel_end_(
		    ch, ch->error ? EVCHAT_REASON_ERROR : ch->reason);
}

/* The deadline starts anew; the application may leave the channel open. */
static void
time_out(struct evchat *ch, enum evchat_deadline which, unsigned ms,
    enum evchat_reason reason)
{
	evchat_channel_start_(ch, which, ms);
	if (ch->callbacks.timeout && !ch->closing)
		ch->callbacks.timeout(ch, reason, ch->ctx);
	else
		evchat_channel_end_(ch, reason);
}

static void
expire(struct evchat *ch, enum evchat_deadline which)
{
	if (may_be_late_by_mistake(ch, which)) {
		evchat_channel_yield_(ch);
		return;
	}
	switch (which) {
	case EVCHAT_DEADLINE_FRAME:
		time_out(ch, which, evchat_channel_frame_ms_(ch),
		    EVCHAT_REASON_TIMEOUT_FRAME);
		break;
	case EVCHAT_DEADLINE_IDLE:
		time_out(ch, which, ch->limits->idle_deadline_ms,
		    EVCHAT_REASON_TIMEOUT_IDLE);
		break;
	case EVCHAT_DEADLINE_WRITE:
		time_out(ch, which, ch->limits->write_deadline_ms,
		    EVCHAT_REASON_TIMEOUT_WRITE);
		break;
	case EVCHAT_DEADLINE_LINGER:
		end_lingering(ch);
		break;
	case EVCHAT_DEADLINES:
	default:
		break;
	}
}

void
evchat_channel_look_at_deadlines_(struct evchat *ch)
{
	const struct evchat_deadlines *deadlines;

	if (!ch->late || !evchat_channel_is_open_(ch))
		return;
	ch->late = false;
	deadlines = &ch->time->deadlines;
	if (evchat_deadlines_next_(deadlines))
		expire(ch,
		    evchat_deadlines_passed_(deadlines, evchat_clock_ms_()));
}

/* The timer is moved only forward: when it fires too early nothing has passed,
 * and it is set again (rule 67). */
void
evchat_channel_keep_time_(struct evchat *ch)
{
	struct evchat_time *time = ch->time;
	uint64_t next;

	if (!time)
		return;
	next = evchat_deadlines_next_(&time->deadlines);
	if (!next || (time->timer_due && time->timer_due <= next))
		return;
	if (start_timer(time, next, evchat_clock_left_(next)))
		evchat_channel_end_(ch, EVCHAT_REASON_NO_MEMORY);
}

/* While the channel does not listen, the peer's deadlines stand still. */
void
evchat_channel_hold_or_release_(struct evchat *ch)
{
	bool deaf = ch->paused || evchat_channel_is_clogged_(ch);
	struct evchat_deadlines *deadlines;

	if (!ch->time)
		return;
	deadlines = &ch->time->deadlines;
	if (deaf == evchat_deadlines_are_held_(deadlines))
		return;
	if (deaf)
		evchat_deadlines_hold_(deadlines, evchat_clock_ms_());
	else
		evchat_deadlines_release_(deadlines, evchat_clock_ms_());
}
