/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The time of a channel: its timer, which deadlines run, and what happens when
 * one passes.  What is due when is arithmetic, and lies in deadline.c.
 */
#include "channel-internal.h"
#include "clock-internal.h"
#include <event2/event.h>

/* libevent reads no more than this at a time (rule 10). */
enum { READ_AT_ONCE = 4096 };

/* --- The timer. --- */

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct evchat *ch = ctx;

	(void)fd;
	(void)what;
	ch->timer_due = 0;
	ch->yielding = false;
	ch->late = true;
	evchat_channel_serve_(ch);
}

static int
start_timer(struct evchat *ch, uint64_t ms)
{
	struct timeval tv = {
	    (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};

	if (!ch->timer)
		ch->timer = evtimer_new(
		    bufferevent_get_base(ch->transport.bev), on_timer, ch);
	if (!ch->timer || evtimer_add(ch->timer, &tv))
		return EVCHAT_ERR_NO_MEMORY;
	return 0;
}

/* A zero timer lets every socket that is ready have its turn first; a deferred
 * trigger would be served again before it (rule 25). */
void
evchat_channel_yield_(struct evchat *ch)
{
	if (!evchat_channel_is_open_(ch))
		return;
	ch->timer_due = 1;
	if (!start_timer(ch, 0))
		return;
	/* Without memory: less fair, but nothing is lost. */
	ch->timer_due = 0;
	ch->yielding = false;
	ch->poked = true;
	evchat_transport_poke_(&ch->transport);
}

/* --- Deadlines. --- */

static void
time_idle(struct evchat *ch)
{
	unsigned ms = ch->limits->idle_deadline_ms;
	uint64_t heard;

	if (!ms || !ch->transport.can_read || evchat_channel_has_output_(ch) ||
	    ch->input_end || ch->closing) {
		evchat_deadline_stop_(&ch->deadlines, EVCHAT_DEADLINE_IDLE);
		return;
	}
	heard = evchat_channel_heard_(ch);
	if (evchat_deadline_runs_(&ch->deadlines, EVCHAT_DEADLINE_IDLE) &&
	    heard == ch->heard)
		return;
	ch->heard = heard;
	ch->grace = 0;
	evchat_deadline_start_(
	    &ch->deadlines, EVCHAT_DEADLINE_IDLE, evchat_clock_ms_(), ms);
}

static void
time_write(struct evchat *ch)
{
	unsigned ms = ch->limits->write_deadline_ms;
	uint64_t sent;

	if (!ms || ch->broken || !evchat_transport_pending_(&ch->transport)) {
		evchat_deadline_stop_(&ch->deadlines, EVCHAT_DEADLINE_WRITE);
		return;
	}
	sent = evchat_channel_sent_(ch);
	if (evchat_deadline_runs_(&ch->deadlines, EVCHAT_DEADLINE_WRITE) &&
	    sent == ch->sent)
		return;
	ch->sent = sent;
	evchat_deadline_start_(
	    &ch->deadlines, EVCHAT_DEADLINE_WRITE, evchat_clock_ms_(), ms);
}

void
evchat_channel_note_progress_(struct evchat *ch)
{
	if (!evchat_channel_is_open_(ch))
		return;
	/* From now on the peer owes nothing. */
	if (ch->closing || ch->input_end)
		evchat_deadline_stop_(&ch->deadlines, EVCHAT_DEADLINE_FRAME);
	time_idle(ch);
	time_write(ch);
}

void
evchat_channel_linger_(struct evchat *ch, bool wanted)
{
	bool runs =
	    evchat_deadline_runs_(&ch->deadlines, EVCHAT_DEADLINE_LINGER);

	if (runs == wanted)
		return;
	if (wanted)
		evchat_deadline_start_(&ch->deadlines, EVCHAT_DEADLINE_LINGER,
		    evchat_clock_ms_(), ch->limits->linger_ms);
	else
		evchat_deadline_stop_(&ch->deadlines, EVCHAT_DEADLINE_LINGER);
}

/* A stalled loop must not make a peer late whose bytes have come in time: what
 * is in memory, and what is in the kernel now, is looked at first (rule 66).
 * For the latter so many turns are granted as reading it takes, not more: a
 * rate limit may keep it where it is.  `grace` counts them down to 1. */
static bool
may_still_be_in_time(struct evchat *ch)
{
	size_t unread;

	if (evchat_channel_has_input_(ch))
		return true;
	unread = evchat_transport_unread_(&ch->transport);
	if (!unread || ch->grace == 1)
		return false;
	if (ch->grace)
		ch->grace--;
	else
		ch->grace = 3 + (unsigned)(unread / READ_AT_ONCE);
	return true;
}

/* The deadline starts anew; the application may leave the channel open. */
static void
time_out(struct evchat *ch, enum evchat_deadline which, unsigned ms,
    enum evchat_reason reason)
{
	ch->grace = 0;
	evchat_deadline_start_(&ch->deadlines, which, evchat_clock_ms_(), ms);
	if (ch->callbacks.timeout && !ch->closing)
		ch->callbacks.timeout(ch, reason, ch->ctx);
	else
		evchat_channel_end_(ch, reason);
}

static void
expire(struct evchat *ch, enum evchat_deadline which)
{
	bool from_peer =
	    which == EVCHAT_DEADLINE_FRAME || which == EVCHAT_DEADLINE_IDLE;

	if (from_peer && may_still_be_in_time(ch)) {
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
		evchat_channel_end_(
		    ch, ch->error ? EVCHAT_REASON_ERROR : ch->reason);
		break;
	case EVCHAT_DEADLINES:
	default:
		break;
	}
}

void
evchat_channel_look_at_deadlines_(struct evchat *ch)
{
	if (!ch->late || !evchat_channel_is_open_(ch))
		return;
	ch->late = false;
	if (evchat_deadlines_next_(&ch->deadlines))
		expire(ch, evchat_deadlines_passed_(
			       &ch->deadlines, evchat_clock_ms_()));
}

/* The timer is moved only forward: when it fires too early nothing has passed,
 * and it is set again (rule 67). */
void
evchat_channel_keep_time_(struct evchat *ch)
{
	uint64_t next, now;

	next = evchat_deadlines_next_(&ch->deadlines);
	if (!next || (ch->timer_due && ch->timer_due <= next))
		return;
	now = evchat_clock_ms_();
	ch->timer_due = next;
	if (start_timer(ch, next > now ? next - now : 0))
		evchat_channel_end_(ch, EVCHAT_REASON_NO_MEMORY);
}

/* While the channel does not listen, the peer's deadlines stand still. */
void
evchat_channel_hold_or_release_(struct evchat *ch)
{
	bool deaf = ch->paused || evchat_channel_is_clogged_(ch);

	if (deaf == evchat_deadlines_are_held_(&ch->deadlines))
		return;
	if (deaf)
		evchat_deadlines_hold_(&ch->deadlines, evchat_clock_ms_());
	else
		evchat_deadlines_release_(&ch->deadlines, evchat_clock_ms_());
}
