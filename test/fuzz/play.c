/* SPDX-License-Identifier: BSD-3-Clause */
/* A channel that is being played with, watched by its callbacks. */
#include "fuzz/play.h"
#include "channel-internal.h"
#include <evchat/evchat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct play play;
void (*play_inside)(void);

/* --- Calls. --- */

void
play_call(void)
{
	play.calling = true;
}

static bool
may_refuse(void)
{
	return play.closing || play.shut || play.told || play.peer_ended ||
	       play.peer_gone;
}

void
play_called(int error)
{
	play.calling = false;
	switch (error) {
	case 0:
		must(!play.told, "no call succeeds in `closed`");
		return;
	case EVCHAT_ERR_CLOSING:
		must(may_refuse(), "no call is refused without a reason");
		return;
	case EVCHAT_ERR_NO_MEMORY:
		must(play.starved, "there is memory");
		return;
	case EVCHAT_ERR_FULL:
		must(play.limits.output_max > 0, "there is room");
		return;
	default:
		must(false, "a call fails as it says");
	}
}

/* --- Callbacks. --- */

static void
enter(const char *name)
{
	target_tell(name);
	/* It counts as progress. */
	evbuffer_add(play.w.transcript, ".", 1);
	must(!play.over, "nobody is called after the end");
	must(!play.calling, "nobody is called from inside a call");
	must(!play.called, "nobody is called inside another callback");
	play.called = true;
}

/* For all but `closed`. */
static void
enter_open(const char *name)
{
	enter(name);
	must(!play.w.ch->ended, "only `closed` is called when it has ended");
}

/* What the first producer owes does not count while it sleeps: it may itself
 * wait for some further frames. */
static uint64_t
waiting(void)
{
	return evchat_pending(play.w.ch) -
	       evchat_queue_asleep_(&play.w.ch->queue);
}

/* So much output may wait while frames are dispatched. */
static uint64_t
dispatch_high(void)
{
	if (play.limits.dispatch_high)
		return play.limits.dispatch_high;
	return play.limits.output_high ? play.limits.output_high : 256 * 1024;
}

static void
enter_for_input(const char *name)
{
	enter_open(name);
	must(waiting() <= dispatch_high() || play.peer_gone,
	    "no input comes while too much output waits");
	must(!play.paused, "no input comes while it is paused");
	must(!play.closing, "no input comes when it is to be closed");
}

static void
leave(void)
{
	play_inside();
	play.called = false;
}

/* What the plan says is to be set when a frame has ended. */
static void
set_next(struct evchat *ch)
{
	const struct evchat_terminator *next;

	if (play.then_at == play.n_then)
		return;
	next = play.then[play.then_at++];
	if (!next)
		return;
	play_call();
	if (evchat_set_terminator(ch, *next)) {
		must(play.starved, "a terminator can be set");
		play.modelled = false;
	}
	play.calling = false;
}

static void
note(const void *bytes, size_t len)
{
	/* Of a discarded frame, too much can come: nothing is compared then. */
	if (play.said.len + len * 4 + 8 < sizeof play.said.text)
		transcript_bytes(&play.said, bytes, len);
	else
		must(!play.modelled, "no more comes than was sent");
}

static void
on_collect(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	(void)ch, (void)ctx;
	enter_for_input("\tcollect");
	must(len > 0, "a piece is not empty");
	note(bytes, len);
	play.collecting = true;
	leave();
	play.collecting = false;
}

static void
end_frame(struct evchat *ch, bool found)
{
	size_t matched = evchat_matched(ch);

	note(NULL, 0);
	must(matched < EVCHAT_LITERALS_MAX || matched == EVCHAT_MATCHED_NONE,
	    "a literal has a number");
	play.frames += found;
	if (found)
		transcript_found(&play.said, matched);
	else
		transcript_overlong(&play.said);
	set_next(ch);
	leave();
}

static void
on_found(struct evchat *ch, void *ctx)
{
	(void)ctx;
	enter_for_input("\tfound");
	end_frame(ch, true);
}

static void
on_frame(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	(void)ctx;
	enter_for_input("\tframe");
	must(bytes != NULL, "a frame has a pointer");
	note(bytes, len);
	end_frame(ch, true);
}

static void
on_overlong(struct evchat *ch, void *ctx)
{
	(void)ctx;
	enter_for_input("\toverlong");
	end_frame(ch, false);
}

static void
on_connected(struct evchat *ch, void *ctx)
{
	(void)ch, (void)ctx;
	must(false, "nothing connects here");
}

static void
on_eof(struct evchat *ch, void *ctx)
{
	(void)ch, (void)ctx;
	enter_for_input("\teof");
	must(play.peer_ended || play.peer_gone, "an end has been sent");
	must(!play.told_eof, "the end is told once");
	play.told_eof = true;
	play_look_at_input(true);
	leave();
}

static void
on_room(struct evchat *ch, void *ctx)
{
	(void)ctx;
	enter_open("\troom");
	must(evchat_has_room(ch), "there is room when `room` is called");
	leave();
}

static void
on_drained(struct evchat *ch, void *ctx)
{
	(void)ctx;
	enter_open("\tdrained");
	must(!evchat_pending(ch), "nothing waits when `drained` is called");
	must(play.discarded_output || ledger_is_complete(&play.ledger),
	    "and nobody makes more");
	leave();
}

static bool
is_timeout(enum evchat_reason reason)
{
	return reason == EVCHAT_REASON_TIMEOUT_FRAME ||
	       reason == EVCHAT_REASON_TIMEOUT_IDLE ||
	       reason == EVCHAT_REASON_TIMEOUT_WRITE;
}

static void
on_timeout(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	(void)ch, (void)ctx;
	enter_open("\ttimeout");
	must(is_timeout(reason), "a timeout is one");
	must(play.time_passed, "time has passed");
	must(reason == EVCHAT_REASON_TIMEOUT_WRITE || !play.paused,
	    "the peer's deadlines stand still while it is paused");
	leave();
}

/* --- The end. --- */

/* Or would be, as soon as all was sent. */
static bool
is_closing(void)
{
	return play.closing || play.peer_ended || play.peer_gone;
}

static bool
is_reason(enum evchat_reason reason)
{
	switch (reason) {
	case EVCHAT_REASON_DONE:
		return play.closing;
	case EVCHAT_REASON_EOF:
		return play.peer_ended || play.peer_gone;
	case EVCHAT_REASON_ERROR:
		return play.peer_gone;
	case EVCHAT_REASON_OVERLONG:
		return !(play.callbacks & PLAY_OVERLONG);
	case EVCHAT_REASON_TIMEOUT_FRAME:
	case EVCHAT_REASON_TIMEOUT_IDLE:
	case EVCHAT_REASON_TIMEOUT_WRITE:
		return play.time_passed &&
		       (is_closing() || !(play.callbacks & PLAY_TIMEOUT));
	case EVCHAT_REASON_PRODUCER:
		return play_any_failed();
	case EVCHAT_REASON_NO_MEMORY:
		return play.starved;
	default:
		return false;
	}
}

bool
play_any_failed(void)
{
	for (size_t i = 0; i < play.n_playing; i++)
		if (play.playing[i].failed)
			return true;
	return false;
}

/* Nobody waits longer than linger_ms for a producer that sleeps, once the peer
 * has sent its end. */
static bool
may_be_cut_short(void)
{
	return play.discarded_output || play.peer_gone ||
	       (play.peer_ended && play.time_passed &&
		   !ledger_is_complete(&play.ledger));
}

bool
play_all_was_sent(void)
{
	bool well = play.w.reason == EVCHAT_REASON_DONE ||
		    play.w.reason == EVCHAT_REASON_EOF;

	return play.told && well && !may_be_cut_short();
}

/* Over a socket, which can be closed by halves. */
static bool
has_sent(const struct evchat *ch)
{
	struct evchat_stats stats;

	evchat_get_stats(ch, &stats);
	return play.w.kind == OVER_SOCKET && stats.bytes_out > 0;
}

static void
look_at_end(const struct evchat *ch, enum evchat_reason reason)
{
	must((reason == EVCHAT_REASON_ERROR) == !!evchat_errno(ch),
	    "an error has a number");
	if (play_all_was_sent()) {
		must(evchat_unsent(ch) == 0, "all was sent");
		must(ledger_is_complete(&play.ledger), "and made");
	}
	if (reason == EVCHAT_REASON_DONE && has_sent(ch))
		must(play.peer_ended || play.peer_gone || play.time_passed,
		    "it waits for the peer's end");
	if (reason == EVCHAT_REASON_EOF && !play.closing && !play.peer_gone)
		play_look_at_input(true);
}

static void
on_closed(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	(void)ctx;
	enter("\tclosed");
	must(is_reason(reason), "it ends for a reason");
	play.told = true;
	play.w.reason = reason;
	if (reason == EVCHAT_REASON_OVERLONG)
		transcript_overlong(&play.said);
	look_at_end(ch, reason);
	leave();
	play.over = true;
	play.w.ch = NULL;
}

struct evchat_callbacks
play_callbacks(void)
{
	struct evchat_callbacks cb = {.collect = on_collect,
	    .found = on_found,
	    .connected = on_connected,
	    .closed = on_closed};

	if (play.options & PLAY_WHOLE)
		cb.frame = on_frame;
	if (play.callbacks & PLAY_EOF)
		cb.eof = on_eof;
	if (play.callbacks & PLAY_TIMEOUT)
		cb.timeout = on_timeout;
	if (play.callbacks & PLAY_OVERLONG)
		cb.overlong = on_overlong;
	if (play.callbacks & PLAY_ROOM)
		cb.room = on_room;
	if (play.callbacks & PLAY_DRAINED)
		cb.drained = on_drained;
	return cb;
}

/* --- Looking. --- */

void
play_look_at_output(void)
{
	struct evbuffer *received = play.w.received;
	size_t len = evbuffer_get_length(received);

	if (!len)
		return;
	play.arrived += len;
	if (!play.discarded_output)
		must(ledger_take(
			 &play.ledger, evbuffer_pullup(received, -1), len),
		    "the peer gets what was pushed, in order");
	evbuffer_drain(received, len);
}

/* The frames that have ended.  Where they come whole nothing is handed over of
 * one that is overlong, so of those only <over> is left.  A < is always a
 * verdict's. */
static size_t
take_frames(char *to, const struct transcript *t)
{
	size_t len = 0, frame = 0;

	for (const char *at = t->text; *at; at++) {
		to[len++] = *at;
		if (*at != '<')
			continue;
		if (at[1] == 'o') {
			len = frame;
			to[len++] = '<';
		}
		while (*at != '>')
			to[len++] = *++at;
		frame = len;
	}
	return frame;
}

/* What comes whole may be held back. */
static size_t
take_all(char *to, const struct transcript *t)
{
	if (play.options & PLAY_WHOLE)
		return take_frames(to, t);
	memcpy(to, t->text, t->len);
	return t->len;
}

bool
play_catch_up(size_t bytes)
{
	struct reference *r = &play.reference;

	if (bytes > r->received)
		reference_receive(r, bytes - r->received);
	return bytes == r->received;
}

void
play_end_reference(void)
{
	if (!play.ended) {
		play_catch_up(play.fed_len);
		reference_end(&play.reference, true);
		/* A count of 0 may have been set. */
		reference_receive(&play.reference, 0);
	}
	play.ended = true;
}

void
play_look_at_input(bool all)
{
	static char said[sizeof play.said.text], right[sizeof play.said.text];
	size_t said_len, right_len;

	if (!play.modelled)
		return;
	(void)play_catch_up(play.fed_len);
	said_len = take_all(said, &play.said);
	right_len = take_all(right, &play.reference.said);
	if (said_len <= right_len && !memcmp(said, right, said_len) &&
	    (!all || said_len == right_len))
		return;
	fprintf(stderr, "said %s\nnot  %s%s\n", play.said.text,
	    play.reference.said.text, all ? "" : " and on");
	abort();
}
