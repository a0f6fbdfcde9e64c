/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a channel: its turns, and the ways out.
 *
 * Everything a channel does it does in a turn, and a turn comes from the loop:
 * from the bufferevent's callbacks, from a poke, or from the timer.  Calls only
 * note what is wanted.  So nothing recurses, no callback runs inside a call,
 * and whatever a callback asks for is done when it has returned.
 *
 *	serve: take input -> give output -> settle -> keep time -> leave
 */
#include "alloc-internal.h"
#include "buffers-internal.h"
#include "channel-internal.h"
#include "limits-internal.h"
#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/util.h>
#include <stddef.h>
#include <string.h>

/* Ten thousand idle channels are to cost little beside their bufferevents. */
static_assert(sizeof(struct evchat) <= 376, "a channel has grown");

/* --- Turns. --- */

void
evchat_channel_poke_(struct evchat *ch)
{
	if (ch->poked)
		return;
	ch->poked = true;
	evchat_transport_poke_(&ch->transport);
}

void
evchat_channel_end_(struct evchat *ch, enum evchat_reason reason)
{
	if (!evchat_channel_is_open_(ch))
		return;
	/* Inside a call it may yet be freed. */
	if (!ch->serving) {
		evchat_channel_doom_(ch, reason, ch->error);
		return;
	}
	ch->ended = true;
	ch->reason = reason;
}

/* The first error counts; what is no error number is one of input or output.
 */
static void
note_error(struct evchat *ch, int error)
{
	if (!ch->error)
		ch->error = error ? error : EIO;
}

void
evchat_channel_fail_(struct evchat *ch, int error)
{
	note_error(ch, error);
	evchat_channel_end_(ch,
	    error == ENOMEM ? EVCHAT_REASON_NO_MEMORY : EVCHAT_REASON_ERROR);
}

void
evchat_channel_doom_(struct evchat *ch, enum evchat_reason reason, int error)
{
	if (!evchat_channel_is_open_(ch) || ch->doomed)
		return;
	ch->doomed = true;
	evchat_queue_halt_(&ch->queue);
	ch->reason = reason;
	ch->error = error;
	evchat_channel_wish_(ch);
}

static struct evchat *
channel_of(struct evchat_transport *t)
{
	return (
	    void *)((unsigned char *)t - offsetof(struct evchat, transport));
}

void
evchat_channel_take_news_(struct evchat_transport *t, unsigned news)
{
	int error = EVUTIL_SOCKET_ERROR(); /* before anything changes it */
	struct evchat *ch = channel_of(t);

	if (news & EVCHAT_NEWS_WRITABLE)
		ch->poked = false;
	if (news & EVCHAT_NEWS_CONNECTED)
		ch->connected = true;
	if (news & (EVCHAT_NEWS_READ_ERROR | EVCHAT_NEWS_WRITE_ERROR))
		note_error(ch, error);
	if (news & EVCHAT_NEWS_WRITE_ERROR)
		ch->broken = true;
	if (news & (EVCHAT_NEWS_EOF | EVCHAT_NEWS_READ_ERROR) &&
	    ch->input_end == EVCHAT_INPUT_OPEN)
		ch->input_end = EVCHAT_INPUT_OVER;
	if (news & EVCHAT_NEWS_READ_TIMEOUT)
		evchat_channel_end_(ch, EVCHAT_REASON_TIMEOUT_IDLE);
	if (news & EVCHAT_NEWS_WRITE_TIMEOUT)
		evchat_channel_end_(ch, EVCHAT_REASON_TIMEOUT_WRITE);
	evchat_channel_serve_(ch);
}

static void
listen_or_not(struct evchat *ch)
{
	bool wanted = evchat_channel_wants_input_(ch);

	evchat_channel_hold_or_release_(ch);
	if (wanted == ch->transport.reading)
		return;
	errno = 0;
	if (evchat_transport_read_(&ch->transport, wanted))
		evchat_channel_fail_(ch, errno);
}

/* --- The way out when all is done. --- */

static bool
input_is_told(const struct evchat *ch)
{
	return ch->input_end == EVCHAT_INPUT_TOLD;
}

/* Output cannot go: what the peer sent before it went is handed over yet. */
static void
settle_broken(struct evchat *ch)
{
	if (!ch->unsent)
		ch->unsent = evchat_pending(ch);
	evchat_queue_clear_(&ch->queue);
	if (input_is_told(ch) || !ch->transport.can_read)
		evchat_channel_end_(ch, EVCHAT_REASON_ERROR);
	else
		evchat_channel_linger_(ch, true);
}

/* Closing, and something is left: it takes the time it takes, but nobody waits
 * for a producer that sleeps when the peer has gone already. */
static void
settle_waiting(struct evchat *ch)
{
	bool sleeping = evchat_queue_is_asleep_(&ch->queue) &&
			!evchat_transport_pending_(&ch->transport);

	evchat_channel_linger_(ch, sleeping && input_is_told(ch));
}

/* All has left evchat: also the layers below, and then FIN? */
static bool
finish(struct evchat *ch)
{
	if (!ch->finished)
		ch->finished = evchat_transport_finish_(&ch->transport);
	return ch->finished;
}

/* Only output is closed, and all is sent; with the peer's end that is all. */
static void
settle_shut(struct evchat *ch)
{
	if (finish(ch) && input_is_told(ch))
		evchat_channel_end_(ch, EVCHAT_REASON_EOF);
}

/* Closing before it is connected, and with nothing to connect for. */
static void
settle_unconnected(struct evchat *ch)
{
	if (ch->closing && evchat_queue_is_empty_(&ch->queue))
		evchat_channel_end_(ch, ch->reason);
}

/* Closing, and all is sent.  An answer may still be on its way: a close now
 * could turn what the peer still sends into a reset that destroys it (S48). */
static void
settle_sent(struct evchat *ch)
{
	if (!finish(ch)) {
		/* A producer that was waited for has come to its end. */
		evchat_channel_linger_(ch, false);
		if (ch->error && input_is_told(ch))
			evchat_channel_end_(ch, EVCHAT_REASON_ERROR);
		return;
	}
	evchat_channel_linger_(ch, ch->transport.half_closed && ch->moved);
	if (!evchat_channel_times_(ch, EVCHAT_DEADLINE_LINGER) ||
	    input_is_told(ch))
		evchat_channel_end_(ch, ch->reason);
}

static void
settle(struct evchat *ch)
{
	if (!evchat_channel_is_open_(ch))
		return;
	if (ch->doomed)
		evchat_channel_end_(ch, ch->reason);
	else if (ch->transport.waiting)
		settle_unconnected(ch);
	else if (ch->broken)
		settle_broken(ch);
	else if (ch->closing && evchat_queue_is_empty_(&ch->queue))
		settle_sent(ch);
	else if (ch->error && input_is_told(ch))
		evchat_channel_end_(ch, EVCHAT_REASON_ERROR);
	else if (ch->closing)
		settle_waiting(ch);
	else if (ch->shut && evchat_queue_is_empty_(&ch->queue))
		settle_shut(ch);
}

/* --- Leaving. --- */

void
evchat_channel_tie_(struct evchat *ch, struct evchat_tie *tie)
{
	tie->next = ch->ties;
	ch->ties = tie;
}

void
evchat_channel_untie_(struct evchat *ch, struct evchat_tie *tie)
{
	struct evchat_tie **at = &ch->ties;

	while (*at && *at != tie)
		at = &(*at)->next;
	if (*at)
		*at = tie->next;
}

void
evchat_channel_set_maker_(struct evchat *ch, struct evchat_tie *maker)
{
	ch->maker = maker;
}

static void
cut_ties(struct evchat *ch)
{
	struct evchat_tie *tie = ch->maker;

	ch->maker = NULL;
	if (tie)
		tie->cut(tie);
	while ((tie = ch->ties)) {
		ch->ties = tie->next;
		tie->cut(tie);
	}
}

void
evchat_channel_tear_down_(struct evchat *ch, bool reset)
{
	cut_ties(ch);
	evchat_transport_close_(&ch->transport, reset);
	evchat_queue_clear_(&ch->queue);
	evchat_channel_forget_time_(ch);
}

void
evchat_channel_destroy_(struct evchat *ch)
{
	evchat_framer_clear_(&ch->framer);
	evchat_gather_clear_(&ch->gather);
	evchat_queue_clear_(&ch->queue);
	evchat_limits_release_(ch->limits);
	evchat_mfree_(ch);
}

/* Would the peer take a part of an answer for the whole? */
static bool
was_cut_short(const struct evchat *ch)
{
	return ch->reason == EVCHAT_REASON_PRODUCER || ch->unsent ||
	       !evchat_queue_is_empty_(&ch->queue);
}

static void
tell_closed(struct evchat *ch)
{
	/* A resolver that is told to forget may free the channel. */
	cut_ties(ch);
	if (ch->dead)
		return;
	ch->told = true;
	if (!ch->unsent)
		ch->unsent = evchat_pending(ch);
	if (ch->reason != EVCHAT_REASON_ERROR &&
	    ch->reason != EVCHAT_REASON_LOOKUP)
		ch->error = 0;
	ch->moved = evchat_channel_sent_(ch);
	ch->bytes_in = evchat_channel_heard_(ch);
	evchat_channel_tear_down_(ch, was_cut_short(ch) && !ch->keep_fd);
	if (ch->callbacks.closed)
		ch->callbacks.closed(ch, ch->reason, ch->ctx);
	ch->dead = true;
}

/* Have one, with what it may take. */
static void
begin_turn(struct evchat *ch, struct evchat_turn *turn)
{
	uint64_t bytes = ch->limits->read_budget;
	bool reads = evchat_channel_wants_input_(ch);

	*turn = (struct evchat_turn){
	    .bytes = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX,
	    .frames = ch->limits->frames_per_turn};
	ch->serving = true;
	evchat_transport_begin_turn_(
	    &ch->transport, &turn->view, reads ? turn->bytes : 0);
	if (!turn->view.buffers)
		return;
	turn->batch.bytes = turn->view.buffers->out;
	turn->batch.room = sizeof turn->view.buffers->out;
	evchat_queue_begin_turn_(&ch->queue, &turn->batch);
}

/* What was received and pushed in this turn and is still there goes where it
 * can stay. */
static void
end_turn(struct evchat *ch, struct evchat_turn *turn)
{
	uint64_t unsent = evchat_pending(ch);

	if (evchat_queue_end_turn_(&ch->queue)) {
		ch->unsent = unsent;
		evchat_channel_end_(ch, EVCHAT_REASON_NO_MEMORY);
	}
	if (evchat_transport_end_turn_(&ch->transport))
		evchat_channel_end_(ch, EVCHAT_REASON_NO_MEMORY);
	if (turn->lent)
		evbuffer_free(turn->lent);
}

/* Have another turn.  Where everything goes at once, who pushes in `drained`
 * has something to do for ever: not before the others had their turn. */
static void
go_on(struct evchat *ch)
{
	if (ch->transport.fast)
		evchat_channel_yield_(ch);
	else
		evchat_channel_wish_(ch);
}

static void
leave(struct evchat *ch)
{
	if (ch->ended && !ch->dead)
		tell_closed(ch);
	ch->serving = false;
	if (ch->dead)
		evchat_channel_destroy_(ch);
	else if (ch->again)
		go_on(ch);
}

static void
tell_connected(struct evchat *ch)
{
	if (!ch->connected || ch->doomed || !evchat_channel_is_open_(ch))
		return;
	ch->connected = false;
	if (ch->callbacks.connected)
		ch->callbacks.connected(ch, ch->ctx);
}

static void
have_turn(struct evchat *ch)
{
	tell_connected(ch);
	evchat_channel_take_input_(ch);
	ch->again = false; /* what was asked for so far is done below */
	evchat_channel_give_output_(ch);
	/* What waited may have come to nothing, without a byte to be sent. */
	if (evchat_channel_could_go_on_(ch))
		ch->again = true;
	settle(ch);
	evchat_channel_note_progress_(
	    ch); /* before anybody is said to have made none */
	evchat_channel_look_at_deadlines_(ch);
	if (evchat_channel_is_open_(ch))
		listen_or_not(ch);
	if (evchat_channel_is_open_(ch))
		evchat_channel_keep_time_(ch);
}

void
evchat_channel_serve_(struct evchat *ch)
{
	struct evchat_turn turn;

	if (ch->serving) {
		ch->again = true;
		return;
	}
	begin_turn(ch, &turn);
	have_turn(ch);
	end_turn(ch, &turn);
	leave(ch);
}

/* --- Death. --- */

void
evchat_close_when_done(struct evchat *ch)
{
	if (!ch || !evchat_channel_is_open_(ch) || ch->doomed || ch->closing)
		return;
	ch->closing = true;
	ch->reason = EVCHAT_REASON_DONE;
	evchat_channel_wish_(ch);
}

int
evchat_shutdown_write(struct evchat *ch)
{
	int error = evchat_channel_check_(ch);

	if (error)
		return error;
	if (ch->closing || ch->doomed)
		return EVCHAT_ERR_CLOSING;
	if (!ch->transport.can_write)
		return EVCHAT_ERR_INVALID;
	if (!ch->transport.can_read) {
		evchat_close_when_done(ch);
		return 0;
	}
	ch->shut = true;
	evchat_channel_wish_(ch);
	return 0;
}

void
evchat_free(struct evchat *ch)
{
	bool serving;

	/* What has ended and was not told so need not be told any more. */
	if (!ch || ch->dead || ch->told)
		return;
	ch->dead = true;
	serving = ch->serving;
	ch->serving = true; /* a filter calls back when its output is drained */
	evchat_channel_tear_down_(
	    ch, (was_cut_short(ch) || evchat_channel_has_output_(ch)) &&
		    !ch->keep_fd);
	ch->serving = serving;
	if (!serving)
		evchat_channel_destroy_(ch);
}

/* --- Looking and changing. --- */

int
evchat_set_callbacks(
    struct evchat *ch, const struct evchat_callbacks *callbacks)
{
	int error = evchat_channel_check_(ch);

	if (error)
		return error;
	if (!evchat_callbacks_are_valid_(callbacks))
		return EVCHAT_ERR_INVALID;
	evchat_channel_keep_callbacks_(ch, callbacks);
	return 0;
}

void
evchat_channel_share_limits_(
    struct evchat *ch, const struct evchat_limits *shared)
{
	ch->limits = evchat_limits_hold_(shared);
	evchat_transport_set_low_(&ch->transport, shared->output_low);
	/* Its time starts in a turn. */
	if (shared->idle_deadline_ms)
		evchat_channel_wish_(ch);
}

int
evchat_set_limits(struct evchat *ch, const struct evchat_limits *limits)
{
	const struct evchat_limits *own;
	int error = evchat_channel_check_(ch);

	if (!error)
		error = evchat_limits_new_(&own, limits);
	if (error)
		return error;
	evchat_limits_release_(ch->limits);
	ch->limits = own;
	evchat_transport_set_low_(&ch->transport, ch->limits->output_low);
	evchat_queue_be_quick_(&ch->queue, 0);
	evchat_channel_wish_(ch);
	return 0;
}

void
evchat_set_ctx(struct evchat *ch, void *ctx)
{
	if (ch)
		ch->ctx = ctx;
}

void *
evchat_ctx(const struct evchat *ch)
{
	return ch ? ch->ctx : NULL;
}

struct bufferevent *
evchat_bufferevent(const struct evchat *ch)
{
	return ch ? ch->transport.bev : NULL;
}

int
evchat_errno(const struct evchat *ch)
{
	return ch ? ch->error : 0;
}

void
evchat_get_stats(const struct evchat *ch, struct evchat_stats *stats)
{
	if (!stats)
		return;
	memset(stats, 0, sizeof *stats);
	if (!ch)
		return;
	stats->frames_in = ch->frames_in;
	stats->bytes_in = ch->bytes_in;
	stats->bytes_out = ch->moved;
	if (!ch->transport.bev)
		return;
	stats->bytes_in = evchat_channel_heard_(ch);
	stats->bytes_out = evchat_channel_sent_(ch);
}
