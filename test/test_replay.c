/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Conversation replay, on applications that are right and on some that are
 * wrong in a way that shows only when a conversation is cut, paused, closed,
 * dropped or short of memory: each of those must be caught, and said how.
 */
#include "support/replay.h"
#include "support/suite.h"
#include <event2/buffer.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* The state of every application here; each uses what it wants. */
static struct state {
	struct event_base *base;
	bool told, forgotten, failed, waits;
	size_t frames;
} state;

static int
begin(struct event_base *base, void *ctx)
{
	(void)ctx;
	memset(&state, 0, sizeof state);
	state.base = base;
	return 0;
}

static struct evchat_channel_options
lines(evchat_bytes_cb frame, evchat_bytes_cb collect, evchat_cb found)
{
	return (struct evchat_channel_options){
	    .callbacks = {.frame = frame, .collect = collect, .found = found},
	    .terminator = EVCHAT_LIT("\r\n")};
}

/* What is right: a line comes back, or the channel goes. */
static void
answer(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	(void)ctx;
	state.frames++;
	if (evchat_push(ch, bytes, len) || evchat_push(ch, "\n", 1))
		evchat_free(ch);
}

static void
pass_on(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	(void)ctx;
	if (evchat_push(ch, bytes, len))
		evchat_free(ch);
}

static void
end_line(struct evchat *ch, void *ctx)
{
	pass_on(ch, "\n", 1, ctx);
}

static struct replay_application
application(struct evchat_channel_options channel)
{
	return (struct replay_application){
	    .channel = channel, .begin = begin, .libevent_too = true};
}

static struct replay_conversation
conversation(const char *said)
{
	return (struct replay_conversation){
	    .name = "a talk", .said = said, .len = strlen(said)};
}

static struct replay_result
expect_good(const struct replay_application *app,
    const struct replay_conversation *talk)
{
	struct replay_result result;
	int status = replay(app, talk, &result);

	ck_assert_msg(status == 0, "%d: %s", status, result.report);
	return result;
}

static void
expect_report(const struct replay_application *app,
    const struct replay_conversation *talk, const char *report)
{
	struct replay_result result;

	ck_assert_int_eq(replay(app, talk, &result), 1);
	ck_assert_str_eq(result.report, report);
}

/* --- What is right. --- */

static const unsigned ways[] = {0, EVCHAT_OPEN_PLAIN};

START_TEST(right_application_passes_in_every_way)
{
	struct replay_application app = application(lines(answer, NULL, NULL));
	struct replay_conversation talk =
	    conversation("one\r\n\r\ntwo \r\rthree\r\nfour");
	struct replay_result result;

	app.flags = ways[_i];
	talk.answer = "one\n\ntwo \r\rthree\n";
	talk.answer_len = strlen(talk.answer);
	result = expect_good(&app, &talk);
	ck_assert_uint_eq(result.piece, 1);
	ck_assert_uint_eq(result.splits, 23);
	ck_assert_uint_eq(result.split_stride, 1);
	ck_assert_uint_eq(result.pairs, 253);
	ck_assert_uint_eq(result.pair_stride, 1);
	ck_assert_uint_eq(result.callbacks, 4);
	ck_assert_uint_gt(result.allocations, 10);
	/* Twice to begin with, four paces, pauses at all callbacks in two ways,
	 * four acts at each, and one in which no allocation failed. */
	ck_assert_uint_eq(result.plays,
	    2 + 4 + 23 + 253 + 2 + 4 * 4 + result.allocations + 1);
}
END_TEST

START_TEST(pieces_and_their_ends_are_the_same_in_every_way)
{
	struct replay_application app =
	    application(lines(NULL, pass_on, end_line));
	struct replay_conversation talk =
	    conversation("one\r\n\r\ntwo \r\rthree\r\nfour\r");

	app.flags = ways[_i];
	talk.answer = "one\n\ntwo \r\rthree\nfour\r";
	talk.answer_len = strlen(talk.answer);
	(void)expect_good(&app, &talk);
}
END_TEST

START_TEST(reset_at_the_end_is_played_over_tcp)
{
	struct replay_application app = application(lines(answer, NULL, NULL));
	struct replay_conversation talk = conversation("one\r\ntwo");

	app.flags = ways[_i];
	talk.end = REPLAY_RESET;
	talk.answer = "one\n";
	talk.answer_len = 4;
	(void)expect_good(&app, &talk);
}
END_TEST

START_TEST(peer_that_stays_is_dropped_at_the_end)
{
	struct replay_application app = application(lines(answer, NULL, NULL));
	struct replay_conversation talk = conversation("one\r\ntwo\r\n");

	talk.end = REPLAY_STAYS;
	(void)expect_good(&app, &talk);
}
END_TEST

START_TEST(conversation_of_nothing_is_played)
{
	struct replay_application app = application(lines(answer, NULL, NULL));
	struct replay_conversation talk = conversation("");
	struct replay_result result = expect_good(&app, &talk);

	ck_assert_uint_eq(result.splits + result.pairs, 0);
	ck_assert_uint_eq(result.callbacks, 1);
}
END_TEST

START_TEST(long_conversation_is_cut_at_places_evenly_spread)
{
	static char said[40000];
	struct replay_application app = application(
	    (struct evchat_channel_options){.callbacks.collect = pass_on});
	const struct replay_conversation talk = {.name = "a long talk",
	    .said = said,
	    .len = sizeof said,
	    .answer = said,
	    .answer_len = sizeof said,
	    .most = 5};
	struct replay_result result;

	memset(said, 'x', sizeof said);
	result = expect_good(&app, &talk);
	ck_assert_uint_eq(result.piece, 5);
	ck_assert_uint_eq(result.splits, 5);
	ck_assert_uint_eq(result.split_stride, 8000);
	ck_assert_uint_eq(result.pairs, 5);
	ck_assert_uint_gt(result.pair_stride, 1);
}
END_TEST

/* --- What is wrong. --- */

START_TEST(wrong_answer_is_reported)
{
	struct replay_application app = application(lines(answer, NULL, NULL));
	struct replay_conversation talk = conversation("one\r\n");

	talk.answer = "oNe\n";
	talk.answer_len = 4;
	expect_report(&app, &talk,
	    "a talk, whole: the peer got other bytes\n"
	    "callbacks: the same\n"
	    "whole, the peer got: oNe\\n\n"
	    "here, the peer got:  one\\n\n"
	    "                      ^ differs from here\n"
	    "the peer got an end when whole, an end here; blocks left: 0\n");
}
END_TEST

/* Takes each piece for a line. */
static void
answer_piece(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	state.frames++;
	if (state.frames > 1)
		end_line(ch, ctx);
	pass_on(ch, bytes, len, ctx);
}

START_TEST(piece_taken_for_a_line_is_found_by_a_cut)
{
	struct replay_application app =
	    application(lines(NULL, answer_piece, NULL));
	struct replay_conversation talk = conversation("one\r\n");

	expect_report(&app, &talk,
	    "a talk, byte by byte: the peer got other bytes\n"
	    "callbacks: the same\n"
	    "whole, the peer got: one\n"
	    "here, the peer got:  o\\nn\\ne\n"
	    "                      ^ differs from here\n"
	    "the peer got an end when whole, an end here; blocks left: 0\n");
}
END_TEST

/* Wrong when a frame comes in exactly so many pieces. */
static void
count_piece(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	(void)ch, (void)bytes, (void)len, (void)ctx;
	state.frames++;
}

static void
answer_if_two(struct evchat *ch, void *ctx)
{
	if (state.frames == 2)
		pass_on(ch, "two", 3, ctx);
}

static void
answer_if_three(struct evchat *ch, void *ctx)
{
	if (state.frames == 3)
		pass_on(ch, "three", 5, ctx);
}

START_TEST(what_only_one_cut_shows_is_found)
{
	struct replay_application app =
	    application(lines(NULL, count_piece, answer_if_two));
	struct replay_conversation talk = conversation("1234");

	app.channel.terminator = evchat_records(4);
	expect_report(&app, &talk,
	    "a talk, split at 1: the peer got other bytes\n"
	    "callbacks: the same\n"
	    "whole, the peer got: \n"
	    "here, the peer got:  two\n"
	    "                     ^ differs from here\n"
	    "the peer got an end when whole, an end here; blocks left: 0\n");
}
END_TEST

START_TEST(what_only_two_cuts_show_is_found)
{
	struct replay_application app =
	    application(lines(NULL, count_piece, answer_if_three));
	struct replay_conversation talk = conversation("1234");

	app.channel.terminator = evchat_records(4);
	expect_report(&app, &talk,
	    "a talk, split at 1 and 2: the peer got other bytes\n"
	    "callbacks: the same\n"
	    "whole, the peer got: \n"
	    "here, the peer got:  three\n"
	    "                     ^ differs from here\n"
	    "the peer got an end when whole, an end here; blocks left: 0\n");
}
END_TEST

/* Forgets in the next turn what a piece was, as if its end always came in the
 * same. */
static void
forget(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd, (void)what, (void)ctx;
	state.forgotten = true;
}

static void
remember_for_a_turn(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	const struct timeval at_once = {0};

	(void)bytes, (void)len, (void)ctx;
	if (event_base_once(state.base, -1, EV_TIMEOUT, forget, NULL, &at_once))
		evchat_free(ch);
}

static void
answer_what_is_remembered(struct evchat *ch, void *ctx)
{
	pass_on(
	    ch, state.forgotten ? "what?" : "a", state.forgotten ? 5 : 1, ctx);
}

START_TEST(state_that_does_not_survive_a_pause_is_found)
{
	struct replay_application app = application(
	    lines(NULL, remember_for_a_turn, answer_what_is_remembered));
	struct replay_conversation talk = conversation("a");

	app.channel.terminator = evchat_records(1);
	expect_report(&app, &talk,
	    "a talk, whole, paused at callback 1: the peer got other bytes\n"
	    "callbacks: the same\n"
	    "whole, the peer got: a\n"
	    "here, the peer got:  what?\n"
	    "                     ^ differs from here\n"
	    "the peer got an end when whole, an end here; blocks left: 0\n");
}
END_TEST

/* Undoes a pause that is not its own. */
static void
resume(struct evchat *ch, void *ctx)
{
	(void)ctx;
	(void)evchat_resume(ch);
}

START_TEST(pause_that_is_undone_is_found)
{
	struct replay_application app = application(lines(answer, NULL, NULL));
	struct replay_conversation talk = conversation("one\r\ntwo\r\n");

	app.channel.callbacks.drained = resume;
	expect_report(&app, &talk,
	    "a talk, whole, paused at callback 1: other callbacks\n"
	    "whole: frame(one) frame(two) closed(EOF)\n"
	    "here:  frame(one) WHILE PAUSED: frame(two) closed(EOF)\n"
	    "                  ^ differs from here\n"
	    "the peer got an end when whole, an end here; blocks left: 0\n");
	app.pauses_itself = true;
	(void)expect_good(&app, &talk);
}
END_TEST

/* A producer that waits for the next line. */
static enum evchat_more
wait(struct evbuffer *out, size_t room, void *ctx)
{
	(void)out, (void)room, (void)ctx;
	return state.waits ? EVCHAT_LATER : EVCHAT_END;
}

static void
wait_for_next(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	const struct evchat_producer waiting = {.more = wait};

	(void)bytes, (void)len, (void)ctx;
	state.waits = !state.waits;
	if (state.waits ? evchat_push_producer(ch, waiting) : evchat_wake(ch))
		evchat_free(ch);
}

START_TEST(producer_that_waits_for_ever_is_found_by_a_close)
{
	struct replay_application app =
	    application(lines(wait_for_next, NULL, NULL));
	struct replay_conversation talk = conversation("one\r\ntwo\r\n");

	talk.end = REPLAY_STAYS;
	expect_report(&app, &talk,
	    "a talk, whole, closed when done at callback 1: "
	    "the channel never ends\n"
	    "whole: frame(one) frame(two)\n"
	    "here:  frame(one)\n"
	    "                 ^ differs from here\n"
	    "the peer got no end when whole, no end here; blocks left: 0\n");
}
END_TEST

static void
do_not_drop(struct evchat *ch, void *ctx)
{
	(void)ctx;
	if (state.frames > 1)
		evchat_free(ch);
}

START_TEST(channel_that_is_not_dropped_is_found)
{
	struct replay_application app = application(lines(answer, NULL, NULL));
	struct replay_conversation talk = conversation("one\r\ntwo\r\n");

	app.drop = do_not_drop;
	expect_report(&app, &talk,
	    "a talk, whole, dropped at callback 1: "
	    "a callback after the channel was dropped\n"
	    "callbacks: the same\n"
	    "the peer got an end when whole, an end here; blocks left: 0\n");
}
END_TEST

/* Does not look at what a push returns. */
static void
answer_blindly(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	(void)bytes, (void)len, (void)ctx;
	(void)evchat_push_ref(ch, "a long one", 10, NULL, NULL);
}

START_TEST(answer_lost_for_want_of_memory_is_found)
{
	struct replay_application app =
	    application(lines(answer_blindly, NULL, NULL));
	struct replay_conversation talk = conversation("one\r\n");
	struct replay_result result;
	size_t failing;
	int shown = 0;

	ck_assert_int_eq(replay(&app, &talk, &result), 1);
	ck_assert_int_eq(sscanf(result.report,
			     "a talk, whole, allocation %zu failing: "
			     "the peer got other bytes%n",
			     &failing, &shown),
	    1);
	ck_assert_str_eq(result.report + shown,
	    "\ncallbacks: the same\n"
	    "whole, the peer got: a long one\n"
	    "here, the peer got:  \n"
	    "                     ^ differs from here\n"
	    "the peer got an end when whole, an end here; blocks left: 0\n");
}
END_TEST

static bool
has_failed(void *ctx)
{
	(void)ctx;
	return state.failed;
}

static void
answer_and_note(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	(void)bytes, (void)len, (void)ctx;
	state.failed |= evchat_push_ref(ch, "a long one", 10, NULL, NULL) != 0;
}

START_TEST(application_that_knows_of_the_loss_passes)
{
	struct replay_application app =
	    application(lines(answer_and_note, NULL, NULL));
	struct replay_conversation talk = conversation("one\r\n");

	app.complained = has_failed;
	(void)expect_good(&app, &talk);
}
END_TEST

/* Makes a producer for each play and forgets it; the test does not. */
static struct evchat_producer kept[3];
static size_t n_kept;

static int
begin_keeping(struct event_base *base, void *ctx)
{
	(void)begin(base, ctx);
	ck_assert_uint_lt(n_kept, 3);
	return evchat_producer_ref(&kept[n_kept++], "a", 1, NULL, NULL);
}

START_TEST(memory_that_is_kept_is_found)
{
	struct replay_application app = application(lines(answer, NULL, NULL));
	struct replay_conversation talk = conversation("one\r\n");

	app.begin = begin_keeping;
	expect_report(&app, &talk,
	    "a talk, whole: memory was not given back\n"
	    "callbacks: the same\n"
	    "the peer got an end when whole, an end here; blocks left: 1\n");
	for (size_t i = 0; i < n_kept; i++)
		kept[i].release(kept[i].ctx);
}
END_TEST

static void
tell_frames(struct evbuffer *out, void *ctx)
{
	(void)ctx;
	evbuffer_add_printf(out, "%zu pieces", state.frames);
}

START_TEST(what_the_application_tells_is_compared)
{
	struct replay_application app =
	    application(lines(NULL, count_piece, NULL));
	struct replay_conversation talk = conversation("one\r\n");

	app.tell = tell_frames;
	expect_report(&app, &talk,
	    "a talk, byte by byte: the application tells something else\n"
	    "callbacks: the same\n"
	    "whole, it tells: 1 pieces\n"
	    "here, it tells:  3 pieces\n"
	    "                 ^ differs from here\n"
	    "the peer got an end when whole, an end here; blocks left: 0\n");
	talk.told = "2 pieces";
	expect_report(&app, &talk,
	    "a talk, whole: the application tells something else\n"
	    "callbacks: the same\n"
	    "whole, it tells: 2 pieces\n"
	    "here, it tells:  1 pieces\n"
	    "                 ^ differs from here\n"
	    "the peer got an end when whole, an end here; blocks left: 0\n");
}
END_TEST

/* Differs from play to play. */
static void
answer_number(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	static int number;

	(void)bytes, (void)len, (void)ctx;
	if (evchat_pushf(ch, "number %08d\n", ++number))
		evchat_free(ch);
}

static void
drop_digits(char *bytes, size_t len, void *ctx)
{
	(void)ctx;
	for (size_t i = 0; i < len; i++)
		if (bytes[i] >= '0' && bytes[i] <= '9')
			bytes[i] = '#';
}

START_TEST(what_differs_from_play_to_play_is_found_or_tidied)
{
	struct replay_application app =
	    application(lines(answer_number, NULL, NULL));
	struct replay_conversation talk = conversation("one\r\n");

	expect_report(&app, &talk,
	    "a talk, whole: the peer got other bytes\n"
	    "callbacks: the same\n"
	    "whole, the peer got: number 00000002\\n\n"
	    "here, the peer got:  number 00000003\\n\n"
	    "                                   ^ differs from here\n"
	    "the peer got an end when whole, an end here; blocks left: 0\n");
	app.tidy = drop_digits;
	(void)expect_good(&app, &talk);
}
END_TEST

static int
begin_not(struct event_base *base, void *ctx)
{
	(void)base, (void)ctx;
	return -1;
}

START_TEST(replay_without_a_state_is_none)
{
	struct replay_application app = application(lines(answer, NULL, NULL));
	struct replay_conversation talk = conversation("one\r\n");
	struct replay_result result;

	app.begin = begin_not;
	ck_assert_int_eq(replay(&app, &talk, &result), -1);
}
END_TEST

static void
add_right(Suite *s)
{
	TCase *right = suite_group(s, "right");

	tcase_add_loop_test(right, right_application_passes_in_every_way, 0, 2);
	tcase_add_loop_test(
	    right, pieces_and_their_ends_are_the_same_in_every_way, 0, 2);
	tcase_add_loop_test(right, reset_at_the_end_is_played_over_tcp, 0, 2);
	tcase_add_test(right, peer_that_stays_is_dropped_at_the_end);
	tcase_add_test(right, conversation_of_nothing_is_played);
	tcase_add_test(right, long_conversation_is_cut_at_places_evenly_spread);
}

static void
add_wrong(Suite *s)
{
	TCase *wrong = suite_group(s, "wrong");

	tcase_add_test(wrong, wrong_answer_is_reported);
	tcase_add_test(wrong, piece_taken_for_a_line_is_found_by_a_cut);
	tcase_add_test(wrong, what_only_one_cut_shows_is_found);
	tcase_add_test(wrong, what_only_two_cuts_show_is_found);
	tcase_add_test(wrong, state_that_does_not_survive_a_pause_is_found);
	tcase_add_test(wrong, pause_that_is_undone_is_found);
	tcase_add_test(wrong, producer_that_waits_for_ever_is_found_by_a_close);
	tcase_add_test(wrong, channel_that_is_not_dropped_is_found);
	tcase_add_test(wrong, answer_lost_for_want_of_memory_is_found);
	tcase_add_test(wrong, application_that_knows_of_the_loss_passes);
	tcase_add_test(wrong, memory_that_is_kept_is_found);
	tcase_add_test(wrong, what_the_application_tells_is_compared);
	tcase_add_test(
	    wrong, what_differs_from_play_to_play_is_found_or_tidied);
	tcase_add_test(wrong, replay_without_a_state_is_none);
}

int
main(void)
{
	Suite *s = suite_create("replay");

	(void)signal(SIGPIPE, SIG_IGN);
	add_right(s);
	add_wrong(s);
	return suite_run(s);
}
