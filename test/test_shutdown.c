/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * evchat_shutdown_write() over every kind of bufferevent: all that was queued
 * goes, then FIN, reading goes on, and the peer's end is the channel's.
 */
#include "support/file.h"
#include "support/made.h"
#include "support/suite.h"
#include "support/world.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static void
open_with(struct world *w, int kind, const struct evchat_callbacks *cb)
{
	world_open(w, (enum world_kind)kind, cb);
	ck_assert_int_eq(evchat_set_terminator(w->ch, EVCHAT_LIT("\r\n")), 0);
}

/* `eof` is told, nothing else that is not asked for. */
static void
open_told(struct world *w, int kind)
{
	struct evchat_callbacks cb = world_plain();

	cb.eof = world_callbacks.eof;
	open_with(w, kind, &cb);
}

static void
open_untold(struct world *w, int kind)
{
	struct evchat_callbacks cb = world_plain();

	open_with(w, kind, &cb);
}

static void
shut(struct world *w)
{
	ck_assert_int_eq(evchat_shutdown_write(w->ch), 0);
}

static void
limit(struct world *w, struct evchat_limits limits)
{
	ck_assert_int_eq(evchat_set_limits(w->ch, &limits), 0);
}

static void
count_cleanup(const void *bytes, size_t len, void *ctx)
{
	size_t *count = ctx;

	(void)bytes;
	(void)len;
	++*count;
}

/* --- Shut for output: what goes, and what still comes. --- */

START_TEST(fin_follows_everything_that_was_queued)
{
	struct world w;
	struct made made;
	struct evbuffer *moved = evbuffer_new();
	size_t cleanups = 0;

	open_told(&w, _i);
	evbuffer_add(moved, "-moved-", 7);
	evchat_push(w.ch, "copied-", 7);
	evchat_push_ref(w.ch, "lent", 4, count_cleanup, &cleanups);
	evchat_push_buffer(w.ch, moved);
	evchat_push_producer(w.ch, made_from(&made, "made+ ~ here."));
	evchat_push_file(w.ch, nameless_file("0file!", 6), 1, 4);
	shut(&w);
	world_run(&w);
	peer_expect(&w, "copied-lent-moved-made");
	ck_assert(!w.received_eof);
	evchat_wake(w.ch);
	world_run(&w);
	peer_expect(&w, "herefile");
	ck_assert(w.received_eof);
	ck_assert_uint_eq(made.released, 1);
	ck_assert_uint_eq(cleanups, 1);
	world_expect(&w, "");
	evbuffer_free(moved);
	world_free(&w);
}
END_TEST

START_TEST(fin_alone_is_sent_when_nothing_was_queued)
{
	struct world w;

	open_told(&w, _i);
	shut(&w);
	ck_assert(!w.received_eof);
	world_run(&w);
	ck_assert(w.received_eof);
	peer_send_text(&w, "still\r\nhere\r\n");
	world_run(&w);
	world_expect(&w, "frame(still) frame(here)");
	world_free(&w);
}
END_TEST

START_TEST(after_it_every_push_is_refused_and_lets_go_of_what_it_took)
{
	struct world w;
	struct made made;
	struct evbuffer *kept = evbuffer_new();
	size_t cleanups = 0;

	open_told(&w, _i);
	evbuffer_add(kept, "kept", 4);
	shut(&w);
	for (int i = 1; i <= 2; i++) {
		struct evchat_producer p = made_from(&made, ".");

		ck_assert_int_eq(evchat_push(w.ch, "x", 1), EVCHAT_ERR_CLOSING);
		ck_assert_int_eq(
		    evchat_pushf(w.ch, "%d", 1), EVCHAT_ERR_CLOSING);
		ck_assert_int_eq(
		    evchat_push_line(w.ch, "x", 1), EVCHAT_ERR_CLOSING);
		ck_assert_int_eq(
		    evchat_push_ref(w.ch, "x", 1, count_cleanup, &cleanups),
		    EVCHAT_ERR_CLOSING);
		ck_assert_int_eq(
		    evchat_push_buffer(w.ch, kept), EVCHAT_ERR_CLOSING);
		ck_assert_int_eq(
		    evchat_push_file(w.ch, nameless_file("x", 1), 0, 1),
		    EVCHAT_ERR_CLOSING);
		ck_assert_int_eq(
		    evchat_push_producer(w.ch, p), EVCHAT_ERR_CLOSING);
		ck_assert_uint_eq(made.released, 1);
		ck_assert_uint_eq(cleanups, (size_t)i);
		ck_assert_uint_eq(evbuffer_get_length(kept), 4);
		world_run(&w);
	}
	peer_expect(&w, "");
	ck_assert(w.received_eof);
	evbuffer_free(kept);
	world_free(&w);
}
END_TEST

START_TEST(reading_goes_on_until_the_peers_end)
{
	struct world w;

	open_told(&w, _i);
	evchat_push(w.ch, "bye", 3);
	shut(&w);
	peer_send_text(&w, "one\r\n");
	world_run(&w);
	peer_send_text(&w, "two\r\npa");
	world_run(&w);
	ck_assert_int_eq(evchat_set_terminator(w.ch, evchat_line()), 0);
	peer_send_text(&w, "rt\nrest");
	peer_send_eof(&w);
	world_run(&w);
	world_expect(&w, "frame(one) frame(two) frame(part) frame(rest) eof "
			 "closed(EOF)");
	peer_expect(&w, "bye");
	ck_assert_uint_eq(w.partial, 0);
	ck_assert_uint_eq(w.unsent, 0);
	ck_assert_uint_eq(w.closed_count, 1);
	world_free(&w);
}
END_TEST

START_TEST(without_eof_callback_it_ends_with_the_peers_end_too)
{
	struct world w;

	open_untold(&w, _i);
	evchat_push(w.ch, "bye", 3);
	shut(&w);
	world_run(&w);
	peer_expect(&w, "bye");
	ck_assert(w.received_eof);
	peer_send_text(&w, "one\r\ntwo");
	peer_send_eof(&w);
	world_run(&w);
	world_expect(&w, "frame(one) closed(EOF)");
	ck_assert_uint_eq(w.partial, 3);
	world_free(&w);
}
END_TEST

START_TEST(the_peers_end_may_have_come_before)
{
	struct world w;

	open_told(&w, _i);
	peer_send_text(&w, "one\r\n");
	peer_send_eof(&w);
	world_run(&w);
	world_expect(&w, "frame(one) eof");
	ck_assert_int_eq(evchat_push(w.ch, "answer", 6), 0);
	shut(&w);
	world_run(&w);
	peer_expect(&w, "answer");
	world_expect(&w, "closed(EOF)");
	world_free(&w);
}
END_TEST

START_TEST(the_peers_end_may_come_before_all_is_sent)
{
	struct world w;
	struct made made;

	open_told(&w, _i);
	evchat_push_producer(w.ch, made_from(&made, "some~more."));
	shut(&w);
	peer_send_eof(&w);
	world_run(&w);
	world_pass(&w, 60000); /* nobody is in a hurry */
	world_expect(&w, "eof");
	peer_expect(&w, "some");
	evchat_wake(w.ch);
	world_run(&w);
	world_expect(&w, "closed(EOF)");
	peer_expect(&w, "more");
	world_free(&w);
}
END_TEST

START_TEST(a_second_time_changes_nothing)
{
	struct world w;

	open_told(&w, _i);
	evchat_push(w.ch, "bye", 3);
	shut(&w);
	shut(&w);
	world_run(&w);
	shut(&w);
	world_run(&w);
	peer_expect(&w, "bye");
	world_expect(&w, "");
	peer_send_eof(&w);
	world_run(&w);
	world_expect(&w, "eof closed(EOF)");
	world_free(&w);
}
END_TEST

START_TEST(no_channel_cannot_be_shut)
{
	ck_assert_int_eq(evchat_shutdown_write(NULL), EVCHAT_ERR_INVALID);
}
END_TEST

/* --- With close_when_done. --- */

START_TEST(close_when_done_after_it_waits_for_the_peers_end)
{
	struct world w;

	open_told(&w, _i);
	evchat_push(w.ch, "bye", 3);
	shut(&w);
	world_run(&w);
	evchat_close_when_done(w.ch);
	ck_assert_int_eq(evchat_shutdown_write(w.ch), EVCHAT_ERR_CLOSING);
	peer_send_text(&w, "dropped\r\n");
	world_run(&w);
	world_pass(&w, 1999);
	world_expect(&w, "");
	peer_send_eof(&w);
	world_run(&w);
	world_expect(&w, "closed(DONE)");
	peer_expect(&w, "bye");
	world_free(&w);
}
END_TEST

START_TEST(close_when_done_after_it_waits_for_the_linger_time)
{
	struct world w;

	open_told(&w, _i);
	limit(&w, (struct evchat_limits){.linger_ms = 50});
	evchat_push(w.ch, "bye", 3);
	shut(&w);
	world_run(&w);
	evchat_close_when_done(w.ch);
	world_run(&w);
	world_pass(&w, 49);
	world_expect(&w, "");
	world_pass(&w, 1);
	world_expect(&w, "closed(DONE)");
	world_free(&w);
}
END_TEST

START_TEST(close_when_done_after_it_lets_all_be_sent)
{
	struct world w;
	struct made made;

	open_told(&w, _i);
	evchat_push_producer(w.ch, made_from(&made, "some~more."));
	shut(&w);
	evchat_close_when_done(w.ch);
	world_run(&w);
	world_pass(&w, 60000);
	world_expect(&w, "");
	evchat_wake(w.ch);
	peer_send_eof(&w);
	world_run(&w);
	peer_expect(&w, "somemore");
	world_expect(&w, "closed(DONE)");
	world_free(&w);
}
END_TEST

START_TEST(with_nothing_ever_sent_close_when_done_after_it_ends_at_once)
{
	struct world w;

	open_told(&w, _i);
	shut(&w);
	world_run(&w);
	evchat_close_when_done(w.ch);
	world_run(&w);
	world_expect(&w, "closed(DONE)");
	world_free(&w);
}
END_TEST

START_TEST(close_when_done_after_the_peers_end_is_done_and_not_eof)
{
	struct world w;
	struct made made;

	open_told(&w, _i);
	evchat_push_producer(w.ch, made_from(&made, "~."));
	shut(&w);
	peer_send_eof(&w);
	world_run(&w);
	evchat_close_when_done(w.ch);
	evchat_wake(w.ch);
	world_run(&w);
	world_expect(&w, "eof closed(DONE)");
	world_free(&w);
}
END_TEST

START_TEST(after_close_when_done_it_is_refused)
{
	struct world w;

	open_told(&w, _i);
	evchat_push(w.ch, "bye", 3);
	evchat_close_when_done(w.ch);
	ck_assert_int_eq(evchat_shutdown_write(w.ch), EVCHAT_ERR_CLOSING);
	world_run(&w);
	ck_assert_int_eq(evchat_shutdown_write(w.ch), EVCHAT_ERR_CLOSING);
	peer_expect(&w, "bye");
	world_free(&w);
}
END_TEST

START_TEST(it_is_refused_when_the_peers_end_has_closed_the_channel)
{
	struct world w;
	struct made made;

	open_untold(&w, _i);
	evchat_push_producer(w.ch, made_from(&made, "~end."));
	peer_send_eof(&w);
	world_run(&w);
	ck_assert_int_eq(evchat_shutdown_write(w.ch), EVCHAT_ERR_CLOSING);
	evchat_wake(w.ch);
	world_run(&w);
	peer_expect(&w, "end");
	world_expect(&w, "closed(EOF)");
	world_free(&w);
}
END_TEST

/* --- With everything else. --- */

START_TEST(discarded_output_is_not_sent_but_fin_is)
{
	struct world w;
	struct made made;
	static char block[8 << 20];

	open_told(&w, _i);
	peer_stop_reading(&w);
	evchat_push_producer(w.ch, made_from(&made, "<100>~."));
	evchat_push(w.ch, block, sizeof block);
	shut(&w);
	world_run(&w);
	ck_assert_int_eq(evchat_discard_output(w.ch), 0);
	ck_assert_uint_eq(made.released, 1);
	ck_assert_uint_eq(evchat_pending(w.ch), 0);
	ck_assert_int_eq(evchat_push(w.ch, "x", 1), EVCHAT_ERR_CLOSING);
	peer_read(&w);
	world_run(&w);
	ck_assert(w.received_eof);
	ck_assert_uint_le(evbuffer_get_length(w.received), 100);
	peer_send_text(&w, "and on\r\n");
	peer_send_eof(&w);
	world_run(&w);
	world_expect(&w, "frame(and on) eof closed(EOF)");
	world_free(&w);
}
END_TEST

START_TEST(discarding_before_it_leaves_fin_alone)
{
	struct world w;

	open_told(&w, _i);
	evchat_push(w.ch, "gone", 4);
	ck_assert_int_eq(evchat_discard_output(w.ch), 0);
	shut(&w);
	world_run(&w);
	peer_expect(&w, "");
	ck_assert(w.received_eof);
	peer_send_eof(&w);
	world_run(&w);
	world_expect(&w, "eof closed(EOF)");
	world_free(&w);
}
END_TEST

START_TEST(a_producer_that_fails_after_it_ends_the_channel)
{
	struct world w;
	struct made made;

	open_told(&w, _i);
	evchat_push_producer(w.ch, made_from(&made, "some~!"));
	shut(&w);
	world_run(&w);
	evchat_wake(w.ch);
	world_run(&w);
	world_expect(&w, "closed(PRODUCER)");
	ck_assert_uint_eq(made.released, 1);
	world_free(&w);
}
END_TEST

START_TEST(a_paused_channel_sends_fin_and_hears_the_end_when_it_resumes)
{
	struct world w;

	open_told(&w, _i);
	evchat_push(w.ch, "bye", 3);
	ck_assert_int_eq(evchat_pause(w.ch), 0);
	shut(&w);
	world_run(&w);
	peer_expect(&w, "bye");
	ck_assert(w.received_eof);
	peer_send_text(&w, "one\r\n");
	peer_send_eof(&w);
	world_run(&w);
	world_expect(&w, "");
	ck_assert_int_eq(evchat_resume(w.ch), 0);
	world_run(&w);
	world_expect(&w, "frame(one) eof closed(EOF)");
	world_free(&w);
}
END_TEST

START_TEST(a_shut_channel_cannot_be_detached)
{
	struct world w;

	open_told(&w, _i);
	shut(&w);
	errno = 0;
	ck_assert_ptr_null(evchat_detach(w.ch));
	ck_assert_int_eq(errno, ESHUTDOWN);
	world_run(&w);
	errno = 0;
	ck_assert_ptr_null(evchat_detach(w.ch));
	ck_assert_int_eq(errno, ESHUTDOWN);
	world_free(&w);
}
END_TEST

START_TEST(a_shut_channel_can_be_freed)
{
	struct world w;
	struct made made;

	open_told(&w, _i);
	evchat_push_producer(w.ch, made_from(&made, "~."));
	shut(&w);
	if (_i == OVER_PAIR)
		world_run(&w);
	evchat_free(w.ch);
	w.ch = NULL;
	ck_assert_uint_eq(made.released, 1);
	world_run(&w);
	world_expect(&w, "");
	world_free(&w);
}
END_TEST

START_TEST(deadlines_of_the_peer_go_on_after_it)
{
	struct world w;

	open_told(&w, _i);
	limit(&w, (struct evchat_limits){
		      .frame_deadline_ms = 100, .idle_deadline_ms = 1000});
	evchat_push(w.ch, "bye", 3);
	shut(&w);
	world_run(&w);
	peer_send_text(&w, "in time\r\n");
	world_run(&w);
	world_pass(&w, 999);
	world_expect(&w, "frame(in time)");
	peer_send_text(&w, "late");
	world_run(&w);
	world_pass(&w, 100);
	world_expect(&w, "closed(TIMEOUT_FRAME)");
	ck_assert_uint_eq(w.partial, 4);
	world_free(&w);
	open_told(&w, _i);
	limit(&w, (struct evchat_limits){.idle_deadline_ms = 1000});
	shut(&w);
	world_run(&w);
	world_pass(&w, 1000);
	world_expect(&w, "closed(TIMEOUT_IDLE)");
	world_free(&w);
}
END_TEST

/* Pairs take everything at once. */
START_TEST(the_write_deadline_goes_on_after_it)
{
	struct world w;
	static char block[8 << 20];

	open_told(&w, OVER_SOCKET);
	limit(&w, (struct evchat_limits){.write_deadline_ms = 100});
	peer_stop_reading(&w);
	evchat_push(w.ch, block, sizeof block);
	shut(&w);
	world_run(&w);
	world_pass(&w, 99);
	world_expect(&w, "");
	world_pass(&w, 1); /* what went until now may have been progress */
	world_pass(&w, 100);
	world_expect(&w, "closed(TIMEOUT_WRITE)");
	ck_assert_uint_gt(w.unsent, 0);
	world_free(&w);
}
END_TEST

START_TEST(input_that_output_holds_back_comes_when_it_has_gone)
{
	struct world w;
	struct made made;

	open_told(&w, _i);
	limit(&w, (struct evchat_limits){.output_high = 10, .output_low = 1});
	evchat_push_producer(w.ch, made_from(&made, "~."));
	evchat_push(w.ch, "twenty bytes and one", 20);
	shut(&w);
	peer_send_text(&w, "one\r\n");
	peer_send_eof(&w);
	world_run(&w);
	world_expect(&w, "");
	evchat_wake(w.ch);
	world_run(&w);
	peer_expect(&w, "twenty bytes and one");
	world_expect(&w, "frame(one) eof closed(EOF)");
	world_free(&w);
}
END_TEST

START_TEST(a_failed_write_after_it_is_an_error_with_all_that_came_before)
{
	struct world w;
	static char block[8 << 20];

	open_told(&w, OVER_SOCKET);
	peer_stop_reading(&w);
	evchat_push(w.ch, block, sizeof block);
	shut(&w);
	world_run(&w);
	peer_send_text(&w, "last words\r\n");
	peer_close(&w);
	world_run(&w);
	world_expect(&w, "frame(last words) closed(ERROR)");
	ck_assert(w.error == EPIPE || w.error == ECONNRESET);
	ck_assert_uint_gt(w.unsent, 0);
	world_free(&w);
}
END_TEST

/* Passes on sixteen bytes at a time until it is told that this was all. */
static enum bufferevent_filter_result
in_sixteens(struct evbuffer *from, struct evbuffer *to, ev_ssize_t most,
    enum bufferevent_flush_mode mode, void *ctx)
{
	size_t len = evbuffer_get_length(from);

	(void)most;
	(void)ctx;
	if (mode != BEV_FINISHED)
		len -= len % 16;
	if (!len)
		return BEV_NEED_MORE;
	ck_assert_int_eq(evbuffer_remove_buffer(from, to, len), (int)len);
	return BEV_OK;
}

START_TEST(what_a_filter_holds_back_goes_before_fin)
{
	struct world w;

	world_init(&w, OVER_PAIR);
	w.ch = evchat_new(bufferevent_filter_new(world_bufferevent(&w), NULL,
			      in_sixteens, BEV_OPT_CLOSE_ON_FREE, NULL, NULL),
	    &world_callbacks, &w);
	ck_assert_int_eq(evchat_set_terminator(w.ch, EVCHAT_LIT("\r\n")), 0);
	evchat_push(w.ch, "twenty bytes of text", 20);
	world_run(&w);
	peer_expect(&w, "twenty bytes of ");
	shut(&w);
	world_run(&w);
	peer_expect(&w, "text");
	ck_assert(w.received_eof);
	peer_send_text(&w, "and on\r\n");
	peer_send_eof(&w);
	world_run(&w);
	world_expect(&w, "drained frame(and on) eof closed(EOF)");
	world_free(&w);
}
END_TEST

/* --- Inside each callback. --- */

static const char *const events[] = {"frame", "collect", "found", "overlong",
    "connected", "eof", "room", "drained", "timeout"};

struct act {
	const char *event; /* inside the first of these */
	int (*call)(struct evchat *ch);
	int answer;
	bool done;
};

static void
do_act(struct world *w, const char *event)
{
	struct act *act = w->hook_ctx;

	if (act->done || strcmp(event, act->event) != 0)
		return;
	act->done = true;
	ck_assert_int_eq(act->call(w->ch), act->answer);
	ck_assert_int_eq(evchat_push(w->ch, "x", 1), EVCHAT_ERR_CLOSING);
}

/* A conversation in which everything happens. */
static void
converse(struct world *w, int kind, struct act *act)
{
	struct evchat_terminator pieces = EVCHAT_LIT("\r\n");

	pieces.streamed = true;
	open_with(w, kind, &world_callbacks);
	limit(w, (struct evchat_limits){.max_frame = 4,
		     .output_high = 8,
		     .output_low = 4,
		     .frame_deadline_ms = 100});
	w->hook = do_act;
	w->hook_ctx = act;
	evchat_push(w->ch, "nine byte", 9);
	world_run(w);
	bufferevent_trigger_event(
	    evchat_bufferevent(w->ch), BEV_EVENT_CONNECTED, 0);
	world_run(w);
	peer_send_text(w, "one\r\nmore than four\r\npa");
	world_run(w);
	world_pass(w, 100);
	evchat_set_terminator(w->ch, pieces);
	peer_send_text(w, "rt\r\n");
	world_run(w);
	peer_send_eof(w);
	world_run(w);
}

START_TEST(inside_every_callback_it_shuts_output_and_nothing_else)
{
	int kind = _i % WORLD_KINDS;
	struct world w;
	struct act act = {
	    .event = events[_i / WORLD_KINDS], .call = evchat_shutdown_write};

	converse(&w, kind, &act);
	ck_assert(act.done);
	world_expect(&w, "room drained connected frame(one) overlong "
			 "timeout(TIMEOUT_FRAME) collect(part) found eof "
			 "closed(EOF)");
	peer_expect(&w, "nine byte");
	world_free(&w);
}
END_TEST

START_TEST(inside_closed_it_is_refused)
{
	struct world w;
	struct act act = {.event = "closed",
	    .call = evchat_shutdown_write,
	    .answer = EVCHAT_ERR_CLOSING};

	open_told(&w, _i);
	w.hook = do_act;
	w.hook_ctx = &act;
	evchat_close_when_done(w.ch);
	world_run(&w);
	ck_assert(act.done);
	world_expect(&w, "closed(DONE)");
	world_free(&w);
}
END_TEST

static int
shut_and_close(struct evchat *ch)
{
	int error = evchat_shutdown_write(ch);

	evchat_close_when_done(ch);
	return error;
}

/* What was called for until then, and no input any more. */
START_TEST(inside_every_callback_it_can_be_followed_by_close_when_done)
{
	int kind = _i % WORLD_KINDS;
	struct world w;
	struct act act = {
	    .event = events[_i / WORLD_KINDS], .call = shut_and_close};
	const char *said;

	converse(&w, kind, &act);
	ck_assert(act.done);
	said = world_transcript(&w);
	ck_assert_uint_eq(w.closed_count, 1);
	ck_assert_int_eq(w.reason, EVCHAT_REASON_DONE);
	ck_assert_ptr_nonnull(strstr(said, act.event));
	ck_assert(strcmp(act.event, "eof") == 0 || !strstr(said, "eof"));
	peer_expect(&w, "nine byte");
	world_free(&w);
}
END_TEST

static int
shut_and_free(struct evchat *ch)
{
	struct world *w = evchat_ctx(ch);
	int error = evchat_shutdown_write(ch);

	evchat_free(ch);
	w->ch = NULL;
	return error;
}

static void
free_at(struct world *w, const char *event)
{
	struct act *act = w->hook_ctx;

	if (act->done || strcmp(event, act->event) != 0)
		return;
	act->done = true;
	ck_assert_int_eq(act->call(w->ch), 0);
}

START_TEST(in_a_callback_it_can_be_followed_by_free)
{
	struct world w;
	struct act act = {.event = "frame", .call = shut_and_free};

	open_told(&w, _i);
	w.hook = free_at;
	w.hook_ctx = &act;
	peer_send_text(&w, "one\r\ntwo\r\n");
	world_run(&w);
	world_expect(&w, "frame(one)");
	world_free(&w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("shutdown");
	TCase *all = suite_group(s, "everywhere");
	TCase *callbacks = suite_group(s, "inside callbacks");
	TCase *once = suite_group(s, "once");

#define RULE(test) tcase_add_loop_test(all, test, 0, WORLD_KINDS)
	RULE(fin_follows_everything_that_was_queued);
	RULE(fin_alone_is_sent_when_nothing_was_queued);
	RULE(after_it_every_push_is_refused_and_lets_go_of_what_it_took);
	RULE(reading_goes_on_until_the_peers_end);
	RULE(without_eof_callback_it_ends_with_the_peers_end_too);
	RULE(the_peers_end_may_have_come_before);
	RULE(the_peers_end_may_come_before_all_is_sent);
	RULE(a_second_time_changes_nothing);
	RULE(close_when_done_after_it_waits_for_the_peers_end);
	RULE(close_when_done_after_it_waits_for_the_linger_time);
	RULE(close_when_done_after_it_lets_all_be_sent);
	RULE(with_nothing_ever_sent_close_when_done_after_it_ends_at_once);
	RULE(close_when_done_after_the_peers_end_is_done_and_not_eof);
	RULE(after_close_when_done_it_is_refused);
	RULE(it_is_refused_when_the_peers_end_has_closed_the_channel);
	RULE(discarded_output_is_not_sent_but_fin_is);
	RULE(discarding_before_it_leaves_fin_alone);
	RULE(a_producer_that_fails_after_it_ends_the_channel);
	RULE(a_paused_channel_sends_fin_and_hears_the_end_when_it_resumes);
	RULE(a_shut_channel_cannot_be_detached);
	RULE(a_shut_channel_can_be_freed);
	RULE(deadlines_of_the_peer_go_on_after_it);
	RULE(input_that_output_holds_back_comes_when_it_has_gone);
	RULE(inside_closed_it_is_refused);
	RULE(in_a_callback_it_can_be_followed_by_free);
#undef RULE
	tcase_add_loop_test(callbacks,
	    inside_every_callback_it_shuts_output_and_nothing_else, 0,
	    COUNT(events) * WORLD_KINDS);
	tcase_add_loop_test(callbacks,
	    inside_every_callback_it_can_be_followed_by_close_when_done, 0,
	    COUNT(events) * WORLD_KINDS);
	tcase_add_test(once, no_channel_cannot_be_shut);
	tcase_add_test(once, the_write_deadline_goes_on_after_it);
	tcase_add_test(once,
	    a_failed_write_after_it_is_an_error_with_all_that_came_before);
	tcase_add_test(once, what_a_filter_holds_back_goes_before_fin);
	return suite_run(s);
}
