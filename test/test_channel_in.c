/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way in, over every kind of bufferevent: what a channel hands over of
 * what its peer sends, and in which order, whatever the cuts.
 */
#include "channel-internal.h"
#include "support/loop.h"
#include "support/memory.h"
#include "support/suite.h"
#include "support/world.h"
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Every framing case at every cut. --- */

static const struct evchat_span cr_or_dots[] = {{"\r", 1}, {"...", 3}};

/* What a peer sends under a terminator, and what is made of it when frames
 * come in pieces and when they come whole. */
struct framing_case {
	const char *name;
	struct evchat_terminator (*terminator)(void);
	size_t max_frame;
	const char *input;
	const char *pieces;
	const char *whole;
};

static struct evchat_terminator
crlf(void)
{
	return EVCHAT_LIT("\r\n");
}

static struct evchat_terminator
self_overlapping(void)
{
	return EVCHAT_LIT("abab!");
}

static struct evchat_terminator
dots(void)
{
	return evchat_any_of(cr_or_dots, 2);
}

static struct evchat_terminator
count_3(void)
{
	return evchat_count(3);
}

static struct evchat_terminator
count_0(void)
{
	return evchat_count(0);
}

static struct evchat_terminator
records_2(void)
{
	return evchat_records(2);
}

static struct evchat_terminator
short_count(void)
{
	struct evchat_terminator t = evchat_count(100);

	t.eof_ends_frame = true;
	return t;
}

static struct evchat_terminator
until_eof(void)
{
	struct evchat_terminator t = evchat_none();

	t.eof_ends_frame = true;
	return t;
}

static struct evchat_terminator
streamed_line(void)
{
	struct evchat_terminator t = EVCHAT_LIT("\r\n");

	t.streamed = true;
	return t;
}

static const struct framing_case cases[] = {
    {"a literal ends each frame", crlf, 0, "GET /\r\nHost: a\r\n\r\nrest",
	"collect(GET /) found collect(Host: a) found found collect(rest) eof",
	"frame(GET /) frame(Host: a) frame() eof"},
    {"held bytes come before the end", crlf, 0, "one\r\ntwo\r",
	"collect(one) found collect(two\\r) eof", "frame(one) eof"},
    {"a false start is content", crlf, 0, "a\rb\r\r\n",
	"collect(a\\rb\\r) found eof", "frame(a\\rb\\r) eof"},
    {"a literal that overlaps itself is found", self_overlapping, 0,
	"xababab!yab", "collect(xab) found collect(yab) eof", "frame(xab) eof"},
    {"the first literal to complete wins", dots, 0, "a..b\rc...d",
	"collect(a..b) found collect(c) found collect(d) eof",
	"frame(a..b) frame(c) eof"},
    {"a line ends at LF, CRLF or the end", evchat_line, 0,
	"one\ntwo\r\nth\rree",
	"collect(one) found collect(two) found "
	"collect(th\\rree) found eof",
	"frame(one) frame(two) frame(th\\rree) eof"},
    {"no line is made of nothing at the end", evchat_line, 0, "one\n",
	"collect(one) found eof", "frame(one) eof"},
    {"a count fires once", count_3, 0, "abcdef",
	"collect(abc) found collect(def) eof", "frame(abc) collect(def) eof"},
    {"a count of nothing is found at once", count_0, 0, "abc",
	"found collect(abc) eof", "frame() collect(abc) eof"},
    {"records go on", records_2, 0, "abcde",
	"collect(ab) found collect(cd) found collect(e) eof",
	"frame(ab) frame(cd) eof"},
    {"a count can be cut short by the end", short_count, 0, "abc",
	"collect(abc) found eof", "frame(abc) eof"},
    {"without a terminator everything comes", evchat_none, 0, "a\r\nb",
	"collect(a\\r\\nb) eof", "collect(a\\r\\nb) eof"},
    {"the end can end what nothing else does", until_eof, 0, "abc",
	"collect(abc) found eof", "collect(abc) found eof"},
    {"and is found even when nothing came", until_eof, 0, "", "found eof",
	"found eof"},
    {"a streamed frame comes in pieces", streamed_line, 0, "ab\r\nc\r\n",
	"collect(ab) found collect(c) found eof",
	"collect(ab) found collect(c) found eof"},
    {"exactly the limit passes", crlf, 4, "abcd\r\nef\r\n",
	"collect(abcd) found collect(ef) found eof",
	"frame(abcd) frame(ef) eof"},
    {"one more is overlong, once, and the next frame is good", crlf, 4,
	"abcde-and-more\r\nef\r\n",
	"collect(abcd) overlong collect(ef) found eof",
	"overlong frame(ef) eof"},
    {"a held byte that turns out as content counts", crlf, 4,
	"abcd\rx\r\nef\r\n", "collect(abcd) overlong collect(ef) found eof",
	"overlong frame(ef) eof"},
    {"an overlong frame may never end", crlf, 4, "abcdefgh",
	"collect(abcd) overlong eof", "overlong eof"},
    {"the limit holds for whole records, not for streamed ones", records_2, 1,
	"abcd", "collect(ab) found collect(cd) found eof",
	"overlong overlong eof"},
};

enum { N_CASES = sizeof cases / sizeof *cases };

static void
feed(struct world *w, const char *input, size_t from, size_t to)
{
	if (from < to)
		peer_send(w, input + from, to - from);
	world_run(w);
}

static void
open_case(struct world *w, enum world_kind kind, const struct framing_case *c,
    bool whole)
{
	struct evchat_callbacks cb = whole ? world_callbacks : world_pieces();
	struct evchat_limits limits = {.max_frame = c->max_frame};

	world_open(w, kind, &cb);
	ck_assert_int_eq(evchat_set_limits(w->ch, &limits), 0);
	ck_assert_int_eq(evchat_set_terminator(w->ch, c->terminator()), 0);
}

static void
close_case(struct world *w, const struct framing_case *c, bool whole)
{
	const char *expected = whole ? c->whole : c->pieces;

	peer_send_eof(w);
	world_run(w);
	ck_assert_msg(strcmp(world_transcript(w), expected) == 0,
	    "%s (kind %d, %s): got \"%s\", expected \"%s\"", c->name,
	    (int)w->kind, whole ? "whole" : "pieces", world_transcript(w),
	    expected);
	world_free(w);
}

static void
run_split(
    enum world_kind kind, const struct framing_case *c, bool whole, size_t cut)
{
	struct world w;
	size_t len = strlen(c->input);

	open_case(&w, kind, c, whole);
	feed(&w, c->input, 0, cut);
	feed(&w, c->input, cut, len);
	close_case(&w, c, whole);
}

static void
run_byte_by_byte(enum world_kind kind, const struct framing_case *c, bool whole)
{
	struct world w;

	open_case(&w, kind, c, whole);
	for (size_t i = 0; i < strlen(c->input); i++)
		feed(&w, c->input, i, i + 1);
	close_case(&w, c, whole);
}

START_TEST(frames_are_the_same_at_every_cut)
{
	const struct framing_case *c = &cases[_i / WORLD_KINDS];
	enum world_kind kind = (enum world_kind)(_i % WORLD_KINDS);

	for (int whole = 0; whole < 2; whole++) {
		for (size_t cut = 0; cut <= strlen(c->input); cut++)
			run_split(kind, c, whole, cut);
		run_byte_by_byte(kind, c, whole);
	}
}
END_TEST

/* --- The rules, one by one. --- */

static void
open_lines(struct world *w, int kind)
{
	world_open(w, (enum world_kind)kind, &world_callbacks);
	ck_assert_int_eq(evchat_set_terminator(w->ch, EVCHAT_LIT("\r\n")), 0);
}

START_TEST(a_new_channel_has_no_terminator)
{
	struct world w;
	struct evchat_terminator t;

	world_open(&w, (enum world_kind)_i, &world_callbacks);
	evchat_get_terminator(w.ch, &t);
	ck_assert_int_eq(t.kind, EVCHAT_NONE);
	peer_send_text(&w, "a\r\n");
	world_run(&w);
	world_expect(&w, "collect(a\\r\\n)");
	world_free(&w);
}
END_TEST

START_TEST(data_is_collected_as_early_as_possible)
{
	struct world w;
	struct evchat_callbacks cb = world_pieces();

	world_open(&w, (enum world_kind)_i, &cb);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\r\n.\r\n"));
	peer_send_text(&w, "text\r\n.");
	world_run(&w);
	world_expect(&w, "collect(text)");
	ck_assert_uint_eq(evchat_partial(w.ch), 7);
	peer_send_text(&w, "x");
	world_run(&w);
	world_expect(&w, "collect(\\r\\n.x)");
	world_free(&w);
}
END_TEST

static void
switch_to_count(struct world *w, const char *event)
{
	if (strcmp(event, "frame") == 0 && w->hook_count++ == 0)
		ck_assert_int_eq(
		    evchat_set_terminator(w->ch, evchat_count(5)), 0);
}

START_TEST(a_terminator_set_in_a_frame_rules_from_the_next_byte)
{
	struct world w;

	open_lines(&w, _i);
	w.hook = switch_to_count;
	peer_send_text(&w, "5\r\n\r\nabcrest");
	world_run(&w);
	world_expect(&w, "frame(5) frame(\\r\\nabc) collect(rest)");
	world_free(&w);
}
END_TEST

START_TEST(the_consumed_terminator_is_not_matched_again)
{
	struct world w;
	struct evchat_callbacks cb = world_pieces();

	world_open(&w, (enum world_kind)_i, &cb);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\r\n\r\n"));
	peer_send_text(&w, "a\r\n\r\n\r\nb");
	world_run(&w);
	world_expect(&w, "collect(a) found collect(\\r\\nb)");
	world_free(&w);
}
END_TEST

static void
set_in_collect(struct world *w, const char *event)
{
	if (strcmp(event, "collect") == 0 && w->hook_count++ == 0)
		ck_assert_int_eq(
		    evchat_set_terminator(w->ch, evchat_count(2)), 0);
}

START_TEST(a_terminator_set_in_collect_lets_a_known_end_be_found_first)
{
	struct world w;
	struct evchat_callbacks cb = world_pieces();

	world_open(&w, (enum world_kind)_i, &cb);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\r\n"));
	w.hook = set_in_collect;
	peer_send_text(&w, "abc\r\nxyz");
	world_run(&w);
	world_expect(&w, "collect(abc) found collect(xy) found collect(z)");
	world_free(&w);
}
END_TEST

START_TEST(a_terminator_set_in_collect_rules_after_the_piece)
{
	struct world w;
	struct evchat_callbacks cb = world_pieces();

	world_open(&w, (enum world_kind)_i, &cb);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\r\n"));
	w.hook = set_in_collect;
	peer_send_text(&w, "abc\r");
	world_run(&w);
	peer_send_text(&w, "xy");
	world_run(&w);
	/* The held CR is the first byte that the count sees. */
	world_expect(&w, "collect(abc\\rx) found collect(y)");
	world_free(&w);
}
END_TEST

START_TEST(a_terminator_set_from_outside_sees_the_held_bytes)
{
	struct world w;
	struct evchat_callbacks cb = world_pieces();

	world_open(&w, (enum world_kind)_i, &cb);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\r\n"));
	peer_send_text(&w, "a\r");
	world_run(&w);
	world_expect(&w, "collect(a)");
	ck_assert_int_eq(evchat_set_terminator(w.ch, evchat_count(1)), 0);
	ck_assert_str_eq(world_transcript(&w), "");
	world_run(&w);
	ck_assert_str_eq(world_transcript(&w), "");
	world_free(&w);
}
END_TEST

START_TEST(a_streamed_terminator_hands_over_what_was_gathered)
{
	struct world w;

	open_lines(&w, _i);
	peer_send_text(&w, "abc");
	world_run(&w);
	evchat_set_terminator(w.ch, streamed_line());
	world_run(&w);
	peer_send_text(&w, "d\r\n");
	world_run(&w);
	world_expect(&w, "collect(abcd) found");
	world_free(&w);
}
END_TEST

START_TEST(a_whole_frame_may_begin_under_another_terminator)
{
	struct world w;

	open_lines(&w, _i);
	peer_send_text(&w, "abc");
	world_run(&w);
	evchat_set_terminator(w.ch, EVCHAT_LIT(";"));
	peer_send_text(&w, "de;\r\n");
	world_run(&w);
	world_expect(&w, "frame(abcde)");
	world_free(&w);
}
END_TEST

START_TEST(get_terminator_tells_what_is_left_of_a_count)
{
	struct world w;
	struct evchat_terminator t;

	world_open(&w, (enum world_kind)_i, &world_callbacks);
	evchat_set_terminator(w.ch, evchat_count(5));
	peer_send_text(&w, "ab");
	world_run(&w);
	evchat_get_terminator(w.ch, &t);
	ck_assert_int_eq(t.kind, EVCHAT_COUNT);
	ck_assert_uint_eq(t.count, 3);
	peer_send_text(&w, "cde");
	world_run(&w);
	evchat_get_terminator(w.ch, &t);
	ck_assert_int_eq(t.kind, EVCHAT_NONE);
	world_free(&w);
}
END_TEST

static void
note_matched(struct world *w, const char *event)
{
	if (strcmp(event, "frame") == 0)
		w->hook_count =
		    w->hook_count * 10 + (evchat_matched(w->ch) & 7);
}

START_TEST(matched_says_which_literal_ended_the_frame)
{
	struct world w;

	world_open(&w, (enum world_kind)_i, &world_callbacks);
	evchat_set_terminator(w.ch, evchat_line());
	w.hook = note_matched;
	peer_send_text(&w, "a\r\nb\nc");
	peer_send_eof(&w);
	world_run(&w);
	ck_assert_uint_eq(w.hook_count, 107); /* CRLF, LF, neither */
	world_free(&w);
}
END_TEST

static void
count_0_again(struct world *w, const char *event)
{
	if (strcmp(event, "found") == 0 && w->hook_count++ < 1000)
		evchat_set_terminator(w->ch, evchat_count(0));
}

START_TEST(counts_of_nothing_for_ever_give_way)
{
	struct world w;
	struct evchat_callbacks cb = world_pieces();

	world_open(&w, (enum world_kind)_i, &cb);
	w.hook = count_0_again;
	evchat_set_terminator(w.ch, evchat_count(0));
	ck_assert_uint_eq(w.hook_count, 0); /* not from inside the call */
	world_turn(&w);
	ck_assert_uint_le(w.hook_count, 64);
	for (int i = 0; i < 200; i++)
		world_turn(&w);
	ck_assert_uint_eq(w.hook_count, 1001);
	world_free(&w);
}
END_TEST

/* --- Overlong frames. --- */

START_TEST(an_overlong_frame_closes_where_nobody_wants_to_know)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();
	struct evchat_limits limits = {.max_frame = 4};

	world_open(&w, (enum world_kind)_i, &cb);
	evchat_set_limits(w.ch, &limits);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\n"));
	peer_send_text(&w, "abcd\nabcde\nab\n");
	world_run(&w);
	world_expect(&w, "frame(abcd) closed(OVERLONG)");
	world_free(&w);
}
END_TEST

START_TEST(a_terminators_own_limit_replaces_the_channels)
{
	struct world w;
	struct evchat_limits limits = {.max_frame = 2};
	struct evchat_terminator t = EVCHAT_LIT("\n");

	world_open(&w, (enum world_kind)_i, &world_callbacks);
	evchat_set_limits(w.ch, &limits);
	t.max_frame = 4;
	evchat_set_terminator(w.ch, t);
	peer_send_text(&w, "abcd\nabcde\n");
	world_run(&w);
	world_expect(&w, "frame(abcd) overlong");
	t.max_frame = SIZE_MAX;
	evchat_set_terminator(w.ch, t);
	peer_send_text(&w, "abcdefghijklmnop\n");
	world_run(&w);
	world_expect(&w, "frame(abcdefghijklmnop)");
	world_free(&w);
}
END_TEST

static void
count_after_overlong(struct world *w, const char *event)
{
	if (strcmp(event, "overlong") == 0)
		ck_assert_int_eq(
		    evchat_set_terminator(w->ch, evchat_count(2)), 0);
}

START_TEST(a_terminator_set_in_overlong_rules_after_the_skipped_frame)
{
	struct world w;
	struct evchat_limits limits = {.max_frame = 4};

	open_lines(&w, _i);
	evchat_set_limits(w.ch, &limits);
	w.hook = count_after_overlong;
	peer_send_text(&w, "abcdefgh");
	world_run(&w);
	peer_send_text(&w, "ijkl\r\nxyz");
	world_run(&w);
	world_expect(&w, "overlong frame(xy) collect(z)");
	world_free(&w);
}
END_TEST

START_TEST(the_default_limit_is_64_kib)
{
	struct world w;
	char line[65538];

	open_lines(&w, _i);
	memset(line, 'x', sizeof line);
	memcpy(line + 65536, "\r\n", 2);
	for (size_t i = 0; i < sizeof line; i += 1024) {
		size_t len = sizeof line - i;

		peer_send(&w, line + i, len < 1024 ? len : 1024);
		world_run(&w);
	}
	ck_assert_uint_eq(strlen(world_transcript(&w)), 65536 + 7);
	evbuffer_drain(w.transcript, evbuffer_get_length(w.transcript));
	peer_send_text(&w, "x");
	peer_send(&w, line, 65536);
	peer_send(&w, "\r\n", 2);
	world_run(&w);
	world_expect(&w, "overlong");
	world_free(&w);
}
END_TEST

/* --- Pause, close, free, detach. --- */

static void
pause_once(struct world *w, const char *event)
{
	(void)event;
	if (w->hook_count++ == 0)
		ck_assert_int_eq(evchat_pause(w->ch), 0);
}

START_TEST(pause_is_obeyed_before_the_next_frame)
{
	struct world w;

	open_lines(&w, _i);
	w.hook = pause_once;
	peer_send_text(&w, "a\r\nb\r\nc\r\n");
	world_run(&w);
	world_expect(&w, "frame(a)");
	ck_assert_int_eq(evchat_resume(w.ch), 0);
	ck_assert_str_eq(world_transcript(&w), ""); /* not inside the call */
	evbuffer_drain(w.transcript, evbuffer_get_length(w.transcript));
	world_run(&w);
	world_expect(&w, "frame(b) frame(c)");
	world_free(&w);
}
END_TEST

START_TEST(pause_in_collect_puts_found_off)
{
	struct world w;
	struct evchat_callbacks cb = world_pieces();

	world_open(&w, (enum world_kind)_i, &cb);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\r\n"));
	w.hook = pause_once;
	peer_send_text(&w, "ab\r\ncd");
	world_run(&w);
	world_expect(&w, "collect(ab)");
	evchat_resume(w.ch);
	world_run(&w);
	world_expect(&w, "found collect(cd)");
	world_free(&w);
}
END_TEST

START_TEST(a_paused_channel_leaves_its_input_in_the_kernel)
{
	struct world w;
	char block[4096] = "";

	open_lines(&w, OVER_SOCKET);
	evchat_pause(w.ch);
	world_run(&w);
	for (int i = 0; i < 16; i++) {
		peer_send(&w, block, sizeof block);
		world_run(&w);
	}
	ck_assert_uint_eq(evbuffer_get_length(
			      bufferevent_get_input(evchat_bufferevent(w.ch))),
	    0);
	ck_assert_str_eq(world_transcript(&w), "");
	world_free(&w);
}
END_TEST

START_TEST(eof_waits_while_the_channel_is_paused)
{
	struct world w;

	open_lines(&w, _i);
	w.hook = pause_once;
	peer_send_text(&w, "a\r\nb\r\n");
	peer_send_eof(&w);
	world_run(&w);
	world_expect(&w, "frame(a)");
	evchat_resume(w.ch);
	world_run(&w);
	world_expect(&w, "frame(b) eof");
	world_free(&w);
}
END_TEST

static void
free_once(struct world *w, const char *event)
{
	if (w->hook_ctx && strcmp(event, w->hook_ctx) != 0)
		return;
	evchat_free(w->ch);
	w->ch = NULL;
}

START_TEST(nothing_comes_after_free)
{
	struct world w;

	open_lines(&w, _i);
	w.hook = free_once;
	peer_send_text(&w, "a\r\nb\r\n");
	world_run(&w);
	world_expect(&w, "frame(a)");
	world_free(&w);
}
END_TEST

static void
close_once(struct world *w, const char *event)
{
	if (w->hook_ctx && strcmp(event, w->hook_ctx) != 0)
		return;
	evchat_close_when_done(w->ch);
}

START_TEST(no_frame_comes_after_close_when_done)
{
	struct world w;

	open_lines(&w, _i);
	w.hook = close_once;
	peer_send_text(&w, "QUIT\r\nDELE 1\r\n");
	world_run(&w);
	world_expect(&w, "frame(QUIT) closed(DONE)");
	world_free(&w);
}
END_TEST

START_TEST(discard_input_forgets_what_was_not_handed_over)
{
	struct world w;

	open_lines(&w, _i);
	peer_send_text(&w, "STARTT");
	world_run(&w);
	ck_assert_int_eq(evchat_discard_input(w.ch), 0);
	ck_assert_uint_eq(evchat_partial(w.ch), 0);
	peer_send_text(&w, "next\r\n");
	world_run(&w);
	world_expect(&w, "frame(next)");
	world_free(&w);
}
END_TEST

static void
discard_once(struct world *w, const char *event)
{
	(void)event;
	if (w->hook_count++ == 0)
		ck_assert_int_eq(evchat_discard_input(w->ch), 0);
}

START_TEST(discard_input_in_a_frame_drops_the_frames_behind_it)
{
	struct world w;

	open_lines(&w, _i);
	w.hook = discard_once;
	peer_send_text(&w, "STARTTLS\r\nINJECTED\r\n");
	world_run(&w);
	peer_send_text(&w, "ok\r\n");
	world_run(&w);
	world_expect(&w, "frame(STARTTLS) frame(ok)");
	world_free(&w);
}
END_TEST

/* --- Turns. --- */

struct two {
	struct world a, b;
	size_t frames_of_a, frames_when_b_came;
};

static void
count_a(struct world *w, const char *event)
{
	struct two *two = w->hook_ctx;

	if (strcmp(event, "frame") == 0)
		two->frames_of_a++;
}

static void
note_b(struct world *w, const char *event)
{
	struct two *two = w->hook_ctx;

	(void)event;
	two->frames_when_b_came = two->frames_of_a;
}

/* Two channels on one loop: the second world's own base is not used. */
static void
open_two(struct two *two)
{
	struct evchat_callbacks cb = world_callbacks;
	int fds[2];

	memset(two, 0, sizeof *two);
	open_lines(&two->a, OVER_SOCKET);
	world_init(&two->b, OVER_SOCKET);
	evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
	two->b.peer_fd = fds[1];
	two->b.ch = evchat_open(two->a.base, fds[0], 0, &cb, &two->b);
	evchat_set_terminator(two->b.ch, EVCHAT_LIT("\r\n"));
	two->a.hook = count_a;
	two->a.hook_ctx = two;
	two->b.hook = note_b;
	two->b.hook_ctx = two;
}

START_TEST(another_channel_is_served_before_the_third_turn)
{
	struct two two;
	char flood[4096];

	open_two(&two);
	for (size_t i = 0; i < sizeof flood; i += 2)
		memcpy(flood + i, "\r\n", 2);
	peer_send(&two.a, flood, sizeof flood);
	/* The frame of the other one comes while the flood is dispatched. */
	world_turn(&two.a);
	ck_assert_uint_eq(two.frames_of_a, 64);
	peer_send_text(&two.b, "me too\r\n");
	for (int i = 0; i < 100; i++)
		world_turn(&two.a);
	ck_assert_uint_eq(two.frames_of_a, 2048);
	ck_assert_uint_gt(two.frames_when_b_came, 0);
	ck_assert_uint_le(two.frames_when_b_came, 3 * 64);
	evchat_free(two.b.ch);
	two.b.ch = NULL;
	world_free(&two.a);
	world_free(&two.b);
}
END_TEST

START_TEST(frames_per_turn_is_a_limit)
{
	struct world w;
	struct evchat_limits limits = {.frames_per_turn = 2};

	open_lines(&w, _i);
	evchat_set_limits(w.ch, &limits);
	world_run(&w);
	peer_send_text(&w, "a\r\nb\r\nc\r\nd\r\ne\r\n");
	while (!evbuffer_get_length(w.transcript))
		world_turn(&w);
	world_expect(&w, "frame(a) frame(b)");
	world_run(&w);
	world_expect(&w, "frame(c) frame(d) frame(e)");
	world_free(&w);
}
END_TEST

/* Less fair to the others then, but nothing is lost. */
/* Found by fuzz_channel: the piece that was not to be timed came all the same,
 * on a channel that had ended. */
START_TEST(nothing_comes_once_there_was_no_memory_to_time_it)
{
	struct evchat_callbacks cb = world_pieces();
	struct evchat_limits limits = {.frame_deadline_ms = 1000};
	struct world w;

	memory_watch();
	world_open(&w, (enum world_kind)_i, &cb);
	ck_assert_int_eq(evchat_set_limits(w.ch, &limits), 0);
	ck_assert_int_eq(evchat_set_terminator(w.ch, EVCHAT_LIT("\n")), 0);
	world_run(&w);
	peer_send_text(&w, "a");
	memory_refuse_after(0);
	world_run(&w);
	memory_refuse_none();
	world_expect(&w, "closed(NO_MEMORY)");
	world_free(&w);
	ck_assert_uint_eq(memory_live(), 0);
	memory_unwatch();
}
END_TEST

START_TEST(without_memory_to_give_way_it_goes_on)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();
	const struct evchat_limits limits = {.frames_per_turn = 1};

	memory_watch();
	world_open(&w, (enum world_kind)_i, &cb);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\n"));
	ck_assert_int_eq(evchat_set_limits(w.ch, &limits), 0);
	world_run(&w);
	peer_send_text(&w, "a\nb\nc\nd\n");
	memory_refuse_after(0);
	world_run(&w);
	ck_assert_uint_gt(memory_refused(), 0);
	memory_refuse_none();
	world_expect(&w, "frame(a) frame(b) frame(c) frame(d)");
	world_free(&w);
	ck_assert_uint_eq(memory_live(), 0);
	memory_unwatch();
}
END_TEST

START_TEST(read_budget_is_a_limit)
{
	struct world w;
	struct evchat_limits limits = {.read_budget = 3};

	world_open(&w, (enum world_kind)_i, &world_callbacks);
	evchat_set_limits(w.ch, &limits);
	world_run(&w);
	peer_send_text(&w, "abcdefg");
	while (!evbuffer_get_length(w.transcript))
		world_turn(&w);
	ck_assert_str_eq(world_transcript(&w), "collect(abc)");
	evbuffer_drain(w.transcript, evbuffer_get_length(w.transcript));
	world_run(&w);
	world_expect(&w, "collect(defg)");
	world_free(&w);
}
END_TEST

/* --- Bytes that were there before. --- */

START_TEST(bytes_already_in_the_bufferevent_need_no_network)
{
	struct world w;
	struct bufferevent *bev;

	world_init(&w, (enum world_kind)_i);
	bev = world_bufferevent(&w);
	bufferevent_enable(bev, EV_READ);
	peer_send_text(&w, "early\r\nbird");
	while (!evbuffer_get_length(bufferevent_get_input(bev)))
		loop_turn(w.base, EVLOOP_NONBLOCK);
	w.ch = evchat_new(bev, &world_callbacks, &w);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\r\n"));
	ck_assert_str_eq(world_transcript(&w), "");
	evbuffer_drain(w.transcript, evbuffer_get_length(w.transcript));
	world_run(&w);
	world_expect(&w, "frame(early)");
	world_free(&w);
}
END_TEST

static const char *
input_of(struct bufferevent *bev)
{
	struct evbuffer *input = bufferevent_get_input(bev);

	evbuffer_add_printf(input, "%c", 0); /* refused: the end is frozen */
	return (const char *)evbuffer_pullup(input, -1);
}

static void
expect_input(struct bufferevent *bev, const char *text)
{
	struct evbuffer *input = bufferevent_get_input(bev);

	ck_assert_uint_eq(evbuffer_get_length(input), strlen(text));
	ck_assert_mem_eq(input_of(bev), text, strlen(text));
}

static void
detach_on(struct world *w, const char *event)
{
	if (w->hook_ctx && strcmp(event, w->hook_ctx) != 0)
		return;
	if (w->hook_count++ > 0)
		return;
	w->hook_ctx = evchat_detach(w->ch);
	w->hook = NULL;
	ck_assert_ptr_nonnull(w->hook_ctx);
	w->ch = NULL;
}

START_TEST(detach_gives_back_a_partial_frame)
{
	struct world w;
	struct bufferevent *bev;

	open_lines(&w, _i);
	for (const char *byte = "UPGR\r"; *byte; byte++) {
		peer_send(&w, byte, 1);
		world_run(&w);
	}
	bev = evchat_detach(w.ch);
	ck_assert_ptr_nonnull(bev);
	w.ch = NULL;
	expect_input(bev, "UPGR\r");
	ck_assert_int_eq(bufferevent_get_enabled(bev), EV_READ | EV_WRITE);
	bufferevent_free(bev);
	world_free(&w);
}
END_TEST

START_TEST(detach_in_a_frame_gives_back_what_follows)
{
	struct world w;

	open_lines(&w, _i);
	w.hook = detach_on;
	peer_send_text(&w, "UPGRADE\r\n\r\nbinary");
	world_run(&w);
	world_expect(&w, "frame(UPGRADE)");
	expect_input(w.hook_ctx, "\r\nbinary");
	bufferevent_free(w.hook_ctx);
	world_free(&w);
}
END_TEST

START_TEST(detach_in_collect_gives_back_the_terminator)
{
	struct world w;
	struct evchat_callbacks cb = world_pieces();

	world_open(&w, (enum world_kind)_i, &cb);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\r\n"));
	w.hook = detach_on;
	peer_send_text(&w, "abc\r\ndef");
	world_run(&w);
	world_expect(&w, "collect(abc)");
	expect_input(w.hook_ctx, "\r\ndef");
	bufferevent_free(w.hook_ctx);
	world_free(&w);
}
END_TEST

START_TEST(detach_in_overlong_gives_back_the_whole_frame)
{
	struct world w;
	struct evchat_limits limits = {.max_frame = 4};

	open_lines(&w, _i);
	evchat_set_limits(w.ch, &limits);
	w.hook = detach_on;
	peer_send_text(&w, "ab");
	world_run(&w);
	peer_send_text(&w, "cdefg\r\nh");
	world_run(&w);
	world_expect(&w, "overlong");
	expect_input(w.hook_ctx, "abcdefg\r\nh");
	bufferevent_free(w.hook_ctx);
	world_free(&w);
}
END_TEST

START_TEST(a_detached_bufferevent_can_become_a_channel_again)
{
	struct world w;
	struct bufferevent *bev;
	struct evchat_callbacks cb = world_plain();

	world_open(&w, (enum world_kind)_i, &cb);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\r\n"));
	evchat_push(w.ch, "hello ", 6);
	peer_send_text(&w, "one\r\ntw");
	world_run(&w);
	evchat_push(w.ch, "again ", 6);
	bev = evchat_detach(w.ch);
	w.ch = evchat_new(bev, &cb, &w);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\r\n"));
	evchat_push(w.ch, "and again", 9);
	peer_send_text(&w, "o\r\n");
	world_run(&w);
	world_expect(&w, "frame(one) frame(two)");
	peer_expect(&w, "hello again and again");
	world_free(&w);
}
END_TEST

/* --- Bad use. --- */

START_TEST(bad_terminators_are_refused_and_the_old_one_stays)
{
	struct world w;
	struct evchat_terminator t;
	static const char long_literal[1025];

	open_lines(&w, _i);
	ck_assert_int_eq(
	    evchat_set_terminator(NULL, evchat_none()), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(
	    evchat_set_terminator(w.ch, EVCHAT_LIT("")), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(
	    evchat_set_terminator(w.ch, evchat_literal(long_literal, 1025)),
	    EVCHAT_ERR_INVALID);
	ck_assert_int_eq(
	    evchat_set_terminator(w.ch, evchat_count(UINT64_C(1) << 63)),
	    EVCHAT_ERR_INVALID);
	ck_assert_int_eq(
	    evchat_set_terminator(w.ch, evchat_records(0)), EVCHAT_ERR_INVALID);
	t = evchat_none();
	t.reserved[1] = 1;
	ck_assert_int_eq(evchat_set_terminator(w.ch, t), EVCHAT_ERR_INVALID);
	peer_send_text(&w, "ok\r\n");
	world_run(&w);
	world_expect(&w, "frame(ok)");
	world_free(&w);
}
END_TEST

START_TEST(no_channel_has_nothing)
{
	struct evchat_terminator t = evchat_count(1);

	evchat_get_terminator(NULL, &t);
	ck_assert_int_eq(t.kind, EVCHAT_NONE);
	evchat_get_terminator(NULL, NULL);
	ck_assert_uint_eq(evchat_matched(NULL), EVCHAT_MATCHED_NONE);
	ck_assert_uint_eq(evchat_partial(NULL), 0);
	ck_assert_int_eq(evchat_pause(NULL), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(evchat_resume(NULL), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(evchat_discard_input(NULL), EVCHAT_ERR_INVALID);
}
END_TEST

START_TEST(frames_nobody_wants_are_dropped)
{
	struct world w;
	struct evchat_callbacks cb = {.closed = world_callbacks.closed};
	struct evchat_stats stats;

	world_open(&w, (enum world_kind)_i, &cb);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\n"));
	peer_send_text(&w, "a\nb\nc");
	world_run(&w);
	evchat_get_stats(w.ch, &stats);
	ck_assert_uint_eq(stats.frames_in, 2);
	ck_assert_uint_eq(stats.bytes_in, 5);
	peer_send_eof(&w);
	world_run(&w);
	world_expect(&w, "closed(EOF)");
	ck_assert_uint_eq(w.partial, 1);
	world_free(&w);
}
END_TEST

static void
discard_when_complete(struct world *w, const char *event)
{
	if (strcmp(event, "collect") == 0 && w->hook_count++ == 0)
		ck_assert_int_eq(evchat_discard_input(w->ch), 0);
}

START_TEST(a_count_that_is_complete_is_found_though_input_is_discarded)
{
	struct world w;
	struct evchat_callbacks cb = world_pieces();

	world_open(&w, (enum world_kind)_i, &cb);
	evchat_set_terminator(w.ch, evchat_count(3));
	w.hook = discard_when_complete;
	peer_send_text(&w, "abcdef");
	world_run(&w);
	world_expect(&w, "collect(abc) found");
	world_free(&w);
}
END_TEST

START_TEST(a_count_that_was_looked_at_is_found_though_input_is_discarded)
{
	struct world w;
	struct evchat_callbacks cb = world_pieces();
	struct evchat_limits limits = {.read_budget = 4};

	world_open(&w, (enum world_kind)_i, &cb);
	evchat_set_limits(w.ch, &limits);
	evchat_set_terminator(w.ch, evchat_count(4));
	peer_send_text(&w, "abcd");
	world_turn(&w);
	evchat_discard_input(w.ch);
	world_run(&w);
	peer_send_text(&w, "efgh");
	world_run(&w);
	ck_assert_ptr_nonnull(strstr(world_transcript(&w), "found"));
	world_free(&w);
}
END_TEST

START_TEST(what_came_under_none_is_no_part_of_a_frame)
{
	struct world w;
	struct evchat_limits limits = {.max_frame = 4};

	world_open(&w, (enum world_kind)_i, &world_callbacks);
	evchat_set_limits(w.ch, &limits);
	peer_send_text(&w, "much more than four");
	world_run(&w);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\n"));
	peer_send_text(&w, "abcd\n");
	world_run(&w);
	world_expect(&w, "collect(much more than four) frame(abcd)");
	world_free(&w);
}
END_TEST

START_TEST(a_frame_that_began_in_pieces_goes_on_in_pieces)
{
	struct world w;

	world_open(&w, (enum world_kind)_i, &world_callbacks);
	evchat_set_terminator(w.ch, streamed_line());
	peer_send_text(&w, "ab");
	world_run(&w);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\r\n"));
	peer_send_text(&w, "cd\r\nef\r\n");
	world_run(&w);
	world_expect(&w, "collect(abcd) found frame(ef)");
	world_free(&w);
}
END_TEST

START_TEST(records_are_what_they_were_set_to)
{
	struct world w;
	struct evchat_terminator t;

	world_open(&w, (enum world_kind)_i, &world_callbacks);
	evchat_set_terminator(w.ch, evchat_records(10));
	peer_send_text(&w, "abcd");
	world_run(&w);
	evchat_get_terminator(w.ch, &t);
	ck_assert_int_eq(t.kind, EVCHAT_RECORDS);
	ck_assert_uint_eq(t.count, 10);
	world_free(&w);
}
END_TEST

static void
set_long_one(struct world *w, const char *event)
{
	if (strcmp(event, "collect") == 0 && w->hook_count++ == 0)
		ck_assert_int_eq(
		    evchat_set_terminator(w->ch, EVCHAT_LIT("\n\r\nX")), 0);
}

START_TEST(held_bytes_are_handed_over_though_the_terminator_changes_at_eof)
{
	struct world w;
	struct evchat_callbacks cb = world_pieces();

	world_open(&w, (enum world_kind)_i, &cb);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\r\n\r\n"));
	peer_send_text(&w, "\r");
	world_run(&w);
	peer_send_text(&w, "\n\r");
	world_run(&w);
	w.hook = set_long_one;
	peer_send_eof(&w);
	world_run(&w);
	world_expect(&w, "collect(\\r\\n\\r) eof");
	world_free(&w);
}
END_TEST

static void
count_bytes(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	struct world *w = ctx;
	struct evchat_stats stats;

	ck_assert_int_eq(reason, EVCHAT_REASON_OVERLONG);
	evchat_get_stats(ch, &stats);
	w->hook_count = stats.bytes_in;
	w->ch = NULL;
}

static void
await_the_end(struct world *w, const char *event)
{
	if (strcmp(event, "collect") == 0)
		ck_assert_int_eq(evchat_set_terminator(w->ch, until_eof()), 0);
}

START_TEST(the_end_means_what_the_terminator_set_last_makes_of_it)
{
	struct world w;
	struct evchat_callbacks cb = world_pieces();

	world_open(&w, (enum world_kind)_i, &cb);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\r\n"));
	peer_send_text(&w, "ab\r");
	world_run(&w);
	w.hook = await_the_end;
	peer_send_eof(&w);
	world_run(&w);
	world_expect(&w, "collect(ab\\r) found eof");
	world_free(&w);
}
END_TEST

START_TEST(bytes_of_a_frame_that_ends_the_channel_are_counted)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();
	struct evchat_limits limits = {.max_frame = 4};

	cb.closed = count_bytes;
	world_open(&w, (enum world_kind)_i, &cb);
	evchat_set_limits(w.ch, &limits);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\n"));
	peer_send_text(&w, "abcdefgh\n");
	world_run(&w);
	ck_assert_uint_eq(w.hook_count, 9);
	world_free(&w);
}
END_TEST

/* --- More than one read at a time. --- */

static void
pause_the_other(struct world *w, const char *event)
{
	struct two *two = w->hook_ctx;
	struct evchat *other = w == &two->a ? two->b.ch : two->a.ch;

	(void)event;
	if (two->frames_of_a++ == 0)
		ck_assert_int_eq(evchat_pause(other), 0);
}

/* Both can be read in one turn of the loop; whoever is first pauses the
 * other. */
START_TEST(who_is_paused_when_its_bytes_have_come_gets_them_later)
{
	struct two two;

	open_two(&two);
	two.a.hook = two.b.hook = pause_the_other;
	world_run(&two.a);
	peer_send_text(&two.a, "from a\r\n");
	peer_send_text(&two.b, "from b\r\n");
	world_run(&two.a);
	ck_assert_uint_eq(two.frames_of_a, 1);
	evchat_resume(two.a.ch);
	evchat_resume(two.b.ch);
	world_run(&two.a);
	world_expect(&two.a, "frame(from a)");
	world_expect(&two.b, "frame(from b)");
	evchat_free(two.b.ch);
	two.b.ch = NULL;
	world_free(&two.a);
	world_free(&two.b);
}
END_TEST

static void
detach_on_tenth(struct world *w, const char *event)
{
	(void)event;
	if (++w->hook_count == 10)
		w->hook_ctx = evchat_detach(w->ch);
}

/* At once: many small pieces would not all go. */
static void
send_numbers(struct world *w, int n)
{
	static char lines[6 * 5000 + 1];

	for (int i = 0; i < n; i++)
		snprintf(lines + (ptrdiff_t)6 * i, 7, "%04u\r\n",
		    (unsigned)i % 10000);
	peer_send(w, lines, (size_t)(6 * n));
}

START_TEST(detach_gives_back_much_that_was_read_at_once)
{
	struct world w;
	struct evbuffer *input;
	char line[16];

	open_lines(&w, _i);
	w.hook = detach_on_tenth;
	send_numbers(&w, 5000);
	for (int i = 0; i < 100; i++)
		loop_turn(w.base, EVLOOP_NONBLOCK);
	ck_assert_ptr_nonnull(w.hook_ctx);
	input = bufferevent_get_input(w.hook_ctx);
	ck_assert_uint_eq(evbuffer_get_length(input), 6 * 4990);
	for (int i = 10; i < 5000; i++) {
		snprintf(line, sizeof line, "%04d\r\n", i);
		ck_assert_mem_eq(
		    evbuffer_pullup(input, -1) + 6 * (i - 10), line, 6);
	}
	bufferevent_free(w.hook_ctx);
	w.ch = NULL;
	world_free(&w);
}
END_TEST

static void
pause_on_tenth(struct world *w, const char *event)
{
	if (strcmp(event, "frame") == 0 && ++w->hook_count % 10 == 0)
		evchat_pause(w->ch);
}

START_TEST(what_was_read_at_once_outlives_many_pauses)
{
	struct world w;

	open_lines(&w, _i);
	w.hook = pause_on_tenth;
	send_numbers(&w, 1000);
	for (size_t i = 1; i <= 100; i++) {
		world_run(&w);
		ck_assert_uint_eq(w.hook_count, 10 * i);
		evchat_resume(w.ch);
	}
	ck_assert_ptr_nonnull(strstr(
	    world_transcript(&w), "frame(0499) frame(0500) frame(0501)"));
	ck_assert_ptr_nonnull(strstr(world_transcript(&w), "frame(0999)"));
	world_free(&w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("channel_in");
	TCase *cuts = suite_group(s, "cuts");
	TCase *rules = suite_group(s, "rules");
	TCase *pieces = suite_exact_group(s, "pieces", "pieces");
	TCase *turns = suite_exact_group(s, "turns", "turns");
	TCase *once = suite_group(s, "once");

	tcase_add_loop_test(
	    cuts, frames_are_the_same_at_every_cut, 0, N_CASES * WORLD_KINDS);
#define RULE(test) tcase_add_loop_test(rules, test, 0, WORLD_KINDS)
	RULE(a_new_channel_has_no_terminator);
	RULE(data_is_collected_as_early_as_possible);
	RULE(a_terminator_set_in_a_frame_rules_from_the_next_byte);
	RULE(the_consumed_terminator_is_not_matched_again);
	RULE(a_terminator_set_from_outside_sees_the_held_bytes);
	RULE(a_streamed_terminator_hands_over_what_was_gathered);
	RULE(a_whole_frame_may_begin_under_another_terminator);
	RULE(get_terminator_tells_what_is_left_of_a_count);
	RULE(matched_says_which_literal_ended_the_frame);
	RULE(counts_of_nothing_for_ever_give_way);
	RULE(an_overlong_frame_closes_where_nobody_wants_to_know);
	RULE(a_terminators_own_limit_replaces_the_channels);
	RULE(a_terminator_set_in_overlong_rules_after_the_skipped_frame);
	RULE(the_default_limit_is_64_kib);
	RULE(pause_is_obeyed_before_the_next_frame);
	RULE(eof_waits_while_the_channel_is_paused);
	RULE(nothing_comes_after_free);
	RULE(no_frame_comes_after_close_when_done);
	RULE(discard_input_forgets_what_was_not_handed_over);
	RULE(nothing_comes_once_there_was_no_memory_to_time_it);
	RULE(bytes_already_in_the_bufferevent_need_no_network);
	RULE(detach_gives_back_a_partial_frame);
	RULE(detach_in_a_frame_gives_back_what_follows);
	RULE(detach_in_overlong_gives_back_the_whole_frame);
	RULE(a_detached_bufferevent_can_become_a_channel_again);
	RULE(bad_terminators_are_refused_and_the_old_one_stays);
	RULE(frames_nobody_wants_are_dropped);
	RULE(a_count_that_was_looked_at_is_found_though_input_is_discarded);
	RULE(what_came_under_none_is_no_part_of_a_frame);
	RULE(a_frame_that_began_in_pieces_goes_on_in_pieces);
	RULE(records_are_what_they_were_set_to);
	RULE(the_end_means_what_the_terminator_set_last_makes_of_it);
	RULE(held_bytes_are_handed_over_though_the_terminator_changes_at_eof);
	RULE(detach_gives_back_much_that_was_read_at_once);
	RULE(what_was_read_at_once_outlives_many_pauses);
#undef RULE
	tcase_add_loop_test(pieces,
	    a_terminator_set_in_collect_lets_a_known_end_be_found_first, 0,
	    WORLD_KINDS);
	tcase_add_loop_test(pieces,
	    a_terminator_set_in_collect_rules_after_the_piece, 0, WORLD_KINDS);
	tcase_add_loop_test(
	    pieces, pause_in_collect_puts_found_off, 0, WORLD_KINDS);
	tcase_add_loop_test(pieces,
	    discard_input_in_a_frame_drops_the_frames_behind_it, 0,
	    WORLD_KINDS);
	tcase_add_loop_test(pieces, frames_per_turn_is_a_limit, 0, WORLD_KINDS);
	tcase_add_loop_test(
	    pieces, without_memory_to_give_way_it_goes_on, 0, WORLD_KINDS);
	tcase_add_loop_test(pieces, read_budget_is_a_limit, 0, WORLD_KINDS);
	tcase_add_loop_test(pieces, detach_in_collect_gives_back_the_terminator,
	    0, WORLD_KINDS);
	tcase_add_loop_test(pieces,
	    a_count_that_is_complete_is_found_though_input_is_discarded, 0,
	    WORLD_KINDS);
	tcase_add_loop_test(pieces,
	    bytes_of_a_frame_that_ends_the_channel_are_counted, 0, WORLD_KINDS);
	tcase_add_test(turns, another_channel_is_served_before_the_third_turn);
	tcase_add_test(once, a_paused_channel_leaves_its_input_in_the_kernel);
	tcase_add_test(
	    once, who_is_paused_when_its_bytes_have_come_gets_them_later);
	tcase_add_test(once, no_channel_has_nothing);
	return suite_run(s);
}
