/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way in: transport -> framer -> callbacks, and the calls that steer it.
 *
 * The framer says of each run of input what it is; that step is then done in
 * the small moves of advance(), and before each of them everything that a
 * callback may have asked for is looked at again: pause, close, free, detach,
 * another terminator.
 */
#include "channel-internal.h"
#include "inline-internal.h"
#include "terminator-internal.h"
#include <assert.h>

uint64_t
evchat_channel_heard_(const struct evchat *ch)
{
	return ch->bytes_in + evchat_transport_input_(&ch->transport);
}

/* --- What is there. --- */

static size_t
looked_at(const struct evchat *ch)
{
	return ch->taken + evchat_framer_held_(&ch->framer);
}

bool
evchat_channel_has_input_(const struct evchat *ch)
{
	return evchat_transport_input_(&ch->transport) > looked_at(ch);
}

/* Is there something to hand over, were it allowed? */
static bool
has_work(const struct evchat *ch)
{
	return ch->step.give || ch->step.drop || ch->step.verdict ||
	       evchat_framer_is_ready_(&ch->framer) ||
	       ch->input_end == EVCHAT_INPUT_OVER ||
	       ch->input_end == EVCHAT_INPUT_FRAMED ||
	       evchat_channel_has_input_(ch);
}

static bool
is_allowed(const struct evchat *ch)
{
	const struct evchat_turn *turn = evchat_channel_turn_(ch);

	return !ch->stopped && !ch->transport.waiting && turn->frames &&
	       turn->bytes && !evchat_channel_is_clogged_(ch);
}

bool
evchat_channel_wants_input_(const struct evchat *ch)
{
	if (ch->input_end != EVCHAT_INPUT_OPEN)
		return false;
	/* It is dropped, but it must not stop the peer from reading. */
	if (ch->closing)
		return true;
	if (ch->paused || evchat_channel_is_clogged_(ch))
		return false;
	return !ch->yielding || evchat_transport_input_(&ch->transport) <
				    ch->limits->read_budget;
}

/* What was found out of the bytes ahead is not to be relied on. */
static void
look_anew(struct evchat *ch)
{
	if (evchat_channel_turn_(ch))
		evchat_channel_turn_(ch)->ahead = (struct evchat_ahead){0};
}

/* --- The moves of a step. --- */

static void
consume(struct evchat *ch)
{
	if (!ch->taken)
		return;
	evchat_transport_consume_(&ch->transport, ch->taken);
	ch->bytes_in += ch->taken;
	ch->taken = 0;
}

/* Bytes are taken before the callback that gets them is called: whatever it
 * does, they will not come again (S63). */
static void
take(struct evchat *ch, size_t len)
{
	ch->taken += len;
	ch->step.give -= (uint32_t)len;
}

static bool
collect(struct evchat *ch, const void *bytes, size_t len)
{
	if (ch->callbacks.collect)
		ch->callbacks.collect(ch, bytes, len, ch->ctx);
	return true;
}

/* The frame is complete: what ended it goes, and the step is over. */
static void
count_frame(struct evchat *ch)
{
	ch->taken += ch->step.drop;
	ch->step = (struct evchat_step){0};
	evchat_channel_turn_(ch)->frames--;
	ch->frames_in++;
}

static bool
deliver(struct evchat *ch, const void *bytes, size_t len)
{
	count_frame(ch);
	if (ch->callbacks.frame)
		ch->callbacks.frame(ch, bytes, len, ch->ctx);
	return true;
}

/* The run is out of the channel's hands while the application has it. */
static bool
deliver_gathered(struct evchat *ch)
{
	struct evchat_gather frame = ch->gather;

	ch->gather.run = NULL;
	if (frame.run)
		deliver(ch, frame.run->bytes, frame.run->len);
	else
		deliver(ch, "", 0);
	evchat_gather_empty_(&frame);
	if (ch->gather.run)
		evchat_gather_clear_(&frame);
	else
		ch->gather = frame;
	return true;
}

static bool
collect_gathered(struct evchat *ch)
{
	struct evchat_gather piece = ch->gather;

	ch->gather.run = NULL;
	collect(ch, piece.run->bytes, piece.run->len);
	evchat_gather_clear_(&piece);
	return true;
}

static NOT_INLINE bool
gather(struct evchat *ch, const unsigned char *bytes, size_t len)
{
	if (evchat_gather_add_(&ch->gather, bytes, len)) {
		evchat_channel_end_(ch, EVCHAT_REASON_NO_MEMORY);
		return false;
	}
	take(ch, len);
	return true;
}

static inline bool
hand_over_whole(struct evchat *ch, const unsigned char *bytes, size_t len)
{
	if (len < ch->step.give || ch->step.verdict != EVCHAT_VERDICT_FOUND ||
	    evchat_gather_len_(&ch->gather))
		return gather(ch, bytes, len);
	take(ch, len);
	return deliver(ch, bytes, len);
}

/* Hand over what a run has of the step. */
static inline bool
hand_over_run(struct evchat *ch, const unsigned char *bytes, size_t len)
{
	if (len > ch->step.give)
		len = ch->step.give;
	if (ch->whole)
		return hand_over_whole(ch, bytes, len);
	take(ch, len);
	return collect(ch, bytes, len);
}

static bool
hand_over(struct evchat *ch)
{
	const unsigned char *bytes = NULL;
	size_t len = evchat_transport_peek_(&ch->transport, ch->taken, &bytes);

	assert(len > 0);
	return hand_over_run(ch, bytes, len);
}

static bool
end_frame(struct evchat *ch)
{
	if (ch->whole)
		return deliver_gathered(ch);
	count_frame(ch);
	if (ch->callbacks.found)
		ch->callbacks.found(ch, ch->ctx);
	return true;
}

/* What is dropped goes only after the callback, so that a detach in it gives
 * back all of the frame that was not handed over. */
static bool
report_overlong(struct evchat *ch)
{
	ch->step.verdict = EVCHAT_VERDICT_MORE;
	evchat_channel_turn_(ch)->frames--;
	if (!ch->callbacks.overlong) {
		evchat_channel_end_(ch, EVCHAT_REASON_OVERLONG);
		return false;
	}
	ch->callbacks.overlong(ch, ch->ctx);
	if (!ch->dead)
		evchat_gather_empty_(&ch->gather);
	return true;
}

static bool
drop(struct evchat *ch)
{
	ch->taken += ch->step.drop;
	ch->step.drop = 0;
	return true;
}

/* --- From one step to the next. --- */

/* How long a frame may take under a terminator of this kind, with a deadline of
 * its own or 0.  What never ends cannot be late. */
static unsigned
frame_ms(
    const struct evchat *ch, enum evchat_terminator_kind kind, unsigned own)
{
	if (own)
		return own;
	return kind == EVCHAT_NONE ? 0 : ch->limits->frame_deadline_ms;
}

unsigned
evchat_channel_frame_ms_(const struct evchat *ch)
{
	return frame_ms(ch, ch->framer.kind, ch->framer.deadline_ms);
}

/* The frame deadline runs from the first byte of a frame to its end, and is
 * not pushed back by the bytes between (rule 65).  False when there was no
 * memory for that, and the channel has ended. */
static bool
time_frame_so(struct evchat *ch, unsigned ms)
{
	bool begun = ch->framer.skipping || ch->framer.length ||
		     evchat_framer_held_(&ch->framer);

	if (!begun || !ms)
		evchat_channel_stop_(ch, EVCHAT_DEADLINE_FRAME);
	else if (!evchat_channel_times_(ch, EVCHAT_DEADLINE_FRAME))
		evchat_channel_start_(ch, EVCHAT_DEADLINE_FRAME, ms);
	return evchat_channel_is_open_(ch);
}

static inline bool
time_frame(struct evchat *ch)
{
	unsigned ms = evchat_channel_frame_ms_(ch);

	return ms || ch->time ? time_frame_so(ch, ms) : true;
}

static uint64_t
frame_limit(const struct evchat *ch)
{
	return evchat_framer_limit_(
	    &ch->framer, ch->limits->max_frame, ch->whole);
}

static bool
tell_end(struct evchat *ch)
{
	ch->input_end = EVCHAT_INPUT_TOLD;
	if (ch->error)
		return true;
	if (ch->callbacks.eof) {
		ch->callbacks.eof(ch, ch->ctx);
		return true;
	}
	ch->closing = true;
	ch->reason = EVCHAT_REASON_EOF;
	return true;
}

/* All input has been looked at: held bytes are the peer's too (S22), then the
 * end is told. */
static bool
reach_end(struct evchat *ch)
{
	switch (ch->input_end) {
	case EVCHAT_INPUT_OVER:
		ch->step = evchat_framer_end_(
		    &ch->framer, ch->error == 0, frame_limit(ch));
		ch->input_end = EVCHAT_INPUT_FRAMED;
		return time_frame(ch);
	case EVCHAT_INPUT_FRAMED:
		return tell_end(ch);
	case EVCHAT_INPUT_OPEN:
	case EVCHAT_INPUT_TOLD:
	default:
		return false;
	}
}

/* Runs that are done with go before the next is looked at, so that this is
 * always near the front of the input. */
static void
pass_on(struct evchat *ch)
{
	look_anew(ch);
	consume(ch);
}

/* The next bytes that nobody has looked at. */
static size_t
next_run(struct evchat *ch, const unsigned char **bytes)
{
	uint32_t most = evchat_channel_turn_(ch)->bytes;
	size_t len;

	if (!evchat_transport_knows_(&ch->transport, looked_at(ch)))
		pass_on(ch);
	len = evchat_transport_peek_(&ch->transport, looked_at(ch), bytes);
	if (most > EVCHAT_FEED_MAX)
		most = EVCHAT_FEED_MAX;
	return len < most ? len : most;
}

/* How the frame that begins is to come.  One that has begun to come in pieces
 * goes on so. */
static void
choose_form(struct evchat *ch)
{
	if (!ch->framer.length || ch->whole)
		ch->whole = ch->callbacks.frame && !ch->framer.streamed &&
			    ch->framer.kind != EVCHAT_NONE;
}

/* Make the next step, and its first move if it is in this very run: nobody has
 * asked for anything between the two. */
static bool
look_at(struct evchat *ch, const unsigned char *bytes, size_t len)
{
	struct evchat_turn *turn = evchat_channel_turn_(ch);
	uint32_t held = (uint32_t)evchat_framer_held_(&ch->framer);
	struct evchat_step step = evchat_framer_feed_(
	    &ch->framer, &turn->ahead, bytes, len, frame_limit(ch));

	ch->step = step;
	/* No more than there was to look at. */
	turn->bytes -= step.give + step.drop +
		       (uint32_t)evchat_framer_held_(&ch->framer) - held;
	if (!time_frame(ch))
		return false;
	return step.give && !held ? hand_over_run(ch, bytes, len) : true;
}

static bool
look_further(struct evchat *ch)
{
	const unsigned char *bytes = NULL;
	size_t len = 0;

	choose_form(ch);
	/* Gathered for a whole frame that is to come in pieces after all. */
	if (!ch->whole && evchat_gather_len_(&ch->gather))
		return collect_gathered(ch);
	if (!evchat_framer_is_ready_(&ch->framer)) {
		len = next_run(ch, &bytes);
		if (!len)
			return reach_end(ch);
	}
	return look_at(ch, bytes, len);
}

/* One move; false when there is none to make. */
static bool
advance(struct evchat *ch)
{
	if (ch->step.give)
		return hand_over(ch);
	switch (ch->step.verdict) {
	case EVCHAT_VERDICT_FOUND:
		return end_frame(ch);
	case EVCHAT_VERDICT_OVERLONG:
		return report_overlong(ch);
	case EVCHAT_VERDICT_MORE:
	default:
		return ch->step.drop ? drop(ch) : look_further(ch);
	}
}

/* Nothing more is dispatched, but what the peer sends must not pile up. */
static void
drop_input(struct evchat *ch)
{
	ch->step = (struct evchat_step){0};
	ch->taken = evchat_transport_input_(&ch->transport);
	consume(ch);
	if (ch->input_end != EVCHAT_INPUT_OPEN)
		ch->input_end = EVCHAT_INPUT_TOLD;
}

void
evchat_channel_take_input_(struct evchat *ch)
{
	const struct evchat_turn *turn;

	while (is_allowed(ch) && advance(ch))
		;
	if (!evchat_channel_is_open_(ch))
		return;
	if (ch->closing) {
		drop_input(ch);
		return;
	}
	consume(ch);
	turn = evchat_channel_turn_(ch);
	if (!(turn->frames && turn->bytes) && has_work(ch)) {
		ch->yielding = true;
		evchat_channel_yield_(ch);
	}
}

bool
evchat_channel_could_go_on_(const struct evchat *ch)
{
	return is_allowed(ch) && has_work(ch);
}

/* --- Calls. --- */

/* Has the frame under way begun, and a deadline under this terminator? */
static bool
is_timed(const struct evchat *ch, const struct evchat_terminator *t)
{
	return (ch->framer.length || ch->framer.skipping) &&
	       frame_ms(ch, t->kind, t->deadline_ms);
}

int
evchat_set_terminator(struct evchat *ch, struct evchat_terminator terminator)
{
	bool undecided;
	uint32_t unread;
	int error = evchat_channel_check_(ch);

	if (error)
		return error;
	if (!ch->transport.can_read ||
	    !evchat_terminator_is_valid_(&terminator))
		return EVCHAT_ERR_INVALID;
	if (is_timed(ch, &terminator) && evchat_channel_prepare_time_(ch))
		return EVCHAT_ERR_NO_MEMORY;
	/* The rest of a step that has not ended the frame is looked at again:
	 * the new terminator rules after the piece that is being handed over.
	 * An end that is known is told first (S18). */
	undecided = ch->step.verdict == EVCHAT_VERDICT_MORE;
	unread = undecided ? ch->step.give : 0;
	error = evchat_framer_set_(&ch->framer, &terminator, unread);
	if (error)
		return error;
	look_anew(ch);
	ch->step.give -= unread;
	/* There is memory for it. */
	(void)time_frame(ch);
	/* The end may mean another thing to what is left of the frame. */
	if ((unread || ch->framer.length) &&
	    ch->input_end == EVCHAT_INPUT_FRAMED)
		ch->input_end = EVCHAT_INPUT_OVER;
	if (ch->time || has_work(ch))
		evchat_channel_wish_(ch);
	return 0;
}

void
evchat_get_terminator(
    const struct evchat *ch, struct evchat_terminator *terminator)
{
	if (!terminator)
		return;
	*terminator = evchat_none();
	if (ch)
		evchat_framer_get_(&ch->framer, terminator);
}

size_t
evchat_matched(const struct evchat *ch)
{
	return ch ? evchat_framer_matched_(&ch->framer) : EVCHAT_MATCHED_NONE;
}

static int
set_paused(struct evchat *ch, bool paused)
{
	int error = evchat_channel_check_(ch);

	if (error)
		return error;
	ch->paused = paused;
	evchat_channel_wish_(ch);
	return 0;
}

int
evchat_pause(struct evchat *ch)
{
	return set_paused(ch, true);
}

int
evchat_resume(struct evchat *ch)
{
	return set_paused(ch, false);
}

int
evchat_discard_input(struct evchat *ch)
{
	bool complete;
	int error = evchat_channel_check_(ch);

	if (error)
		return error;
	/* A count that is complete lacks nothing: it is still found. */
	complete = ch->step.verdict == EVCHAT_VERDICT_FOUND && !ch->step.drop;
	ch->step = (struct evchat_step){0};
	if (complete)
		ch->step.verdict = EVCHAT_VERDICT_FOUND;
	/* It is consumed when the callback that may be looking at it is over.
	 */
	ch->taken = evchat_transport_input_(&ch->transport);
	evchat_framer_restart_(&ch->framer);
	look_anew(ch);
	evchat_gather_empty_(&ch->gather);
	evchat_channel_stop_(ch, EVCHAT_DEADLINE_FRAME);
	evchat_channel_wish_(ch);
	return 0;
}

uint64_t
evchat_partial(const struct evchat *ch)
{
	if (!ch)
		return 0;
	return ch->framer.length + evchat_framer_held_(&ch->framer);
}
