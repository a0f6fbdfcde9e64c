/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The framer: which bytes belong to which frame.  Every framing case runs
 * whole, cut in two at each place, and byte by byte; each time the framer must
 * say what the test says it must, and so must the reference, which is how the
 * reference is tested.
 */
#include "support/framing.h"
#include "support/memory.h"
#include "support/reference.h"
#include "support/scale.h"
#include "support/suite.h"
#include <evchat/error.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LEN(array) (sizeof(array) / sizeof *(array))

/* A terminator to point to, as a plan's `then` does. */
#define AT(terminator) (&(struct evchat_terminator[]){terminator}[0])

static struct framing framing;

enum ending { OPEN, CLEAN, BROKEN };

struct sentence {
	struct framing_plan plan;
	const char *input;
	enum ending ending;
	const char *said;
};

static void
finish(enum ending ending)
{
	if (ending != OPEN)
		framing_end(&framing, ending == CLEAN);
}

static void
agree(const struct sentence *s, const char *how, size_t cut)
{
	ck_assert_msg(strcmp(framing.said.text, s->said) == 0,
	    "%s (%zu): said %s, not %s", how, cut, framing.said.text, s->said);
	framing_clear(&framing);
}

static void
try_cut(const struct sentence *s, size_t cut)
{
	framing_begin(&framing, &s->plan, s->input);
	framing_receive(&framing, cut);
	framing_receive(&framing, strlen(s->input) - cut);
	finish(s->ending);
	agree(s, "cut", cut);
}

static void
try_pieces(const struct sentence *s, size_t piece)
{
	size_t left = strlen(s->input);

	framing_begin(&framing, &s->plan, s->input);
	for (; left > piece; left -= piece)
		framing_receive(&framing, piece);
	framing_receive(&framing, left);
	finish(s->ending);
	agree(s, "pieces", piece);
}

static void
try_reference(const struct sentence *s)
{
	static struct reference reference;

	reference_begin(&reference, &s->plan, s->input);
	reference_receive(&reference, strlen(s->input));
	if (s->ending != OPEN)
		reference_end(&reference, s->ending == CLEAN);
	ck_assert_str_eq(reference.said.text, s->said);
}

/* In every way to search: whole, cut in two everywhere, in pieces of 1, 2 and 3
 * bytes. */
static void
expect_sentence(const struct sentence *s)
{
	try_reference(s);
	for (size_t way = 0; framing_choose_way(way); way++) {
		for (size_t cut = 0; cut <= strlen(s->input); cut++)
			try_cut(s, cut);
		for (size_t piece = 1; piece <= 3; piece++)
			try_pieces(s, piece);
	}
}

static struct framing_plan
plan_of(struct evchat_terminator t)
{
	return (struct framing_plan){.first = t, .max_frame = SIZE_MAX};
}

static void
expect(struct evchat_terminator t, const char *input, const char *said)
{
	struct sentence s = {plan_of(t), input, OPEN, said};

	expect_sentence(&s);
}

static void
expect_end(struct evchat_terminator t, const char *input, enum ending ending,
    const char *said)
{
	struct sentence s = {plan_of(t), input, ending, said};

	expect_sentence(&s);
}

static void
expect_limited(struct evchat_terminator t, size_t max_frame, bool whole,
    const char *input, const char *said)
{
	struct sentence s = {plan_of(t), input, OPEN, said};

	s.plan.max_frame = max_frame;
	s.plan.whole = whole;
	expect_sentence(&s);
}

/* Of terminators set one at each verdict. */
static void
expect_then(struct framing_plan plan,
    const struct evchat_terminator *const *then, size_t n, const char *input,
    const char *said)
{
	struct sentence s = {plan, input, OPEN, said};

	s.plan.then = then;
	s.plan.n_then = n;
	expect_sentence(&s);
}

static struct evchat_terminator
any_of(const char *a, const char *b, const char *c)
{
	struct evchat_span literals[] = {
	    {a, strlen(a)}, {b, strlen(b)}, {c, c ? strlen(c) : 0}};

	return evchat_any_of(literals, c ? 3 : 2);
}

static struct evchat_terminator
at_most(size_t max_frame, struct evchat_terminator t)
{
	t.max_frame = max_frame;
	return t;
}

static struct evchat_terminator
ended_by_eof(struct evchat_terminator t)
{
	t.eof_ends_frame = true;
	return t;
}

/* A literal of n bytes that needs memory of its own. */
static struct evchat_terminator
long_literal(char filling, size_t n)
{
	static char bytes[256][EVCHAT_LITERAL_MAX];
	char *mine = bytes[(unsigned char)filling];

	memset(mine, filling, n);
	mine[n - 1] = '\n';
	return evchat_literal(mine, n);
}

/* Begin, for tests that look closer, and receive the first n bytes of it. */
static void
receive_some(struct evchat_terminator t, const char *input, size_t n)
{
	struct framing_plan plan = plan_of(t);

	framing_begin(&framing, &plan, input);
	framing_receive(&framing, n);
}

static void
receive(struct evchat_terminator t, const char *input)
{
	receive_some(t, input, strlen(input));
}

static void
expect_said(const char *said)
{
	ck_assert_str_eq(framing.said.text, said);
}

static void
expect_step(struct evchat_step step, size_t give, size_t drop,
    enum evchat_verdict verdict)
{
	ck_assert_uint_eq(step.give, give);
	ck_assert_uint_eq(step.drop, drop);
	ck_assert_int_eq(step.verdict, verdict);
}

static struct evchat_step
feed(struct evchat_framer *f, const char *bytes, uint64_t limit)
{
	return evchat_framer_feed_(f, &(struct evchat_ahead){0},
	    (const unsigned char *)bytes, strlen(bytes), limit);
}

/* Literals */

START_TEST(found_once_when_terminator_is_split)
{
	expect(EVCHAT_LIT("\r\n"), "ab\r\ncd", "ab<0>cd");
	expect(EVCHAT_LIT("\r\n\r\n"), "GET /\r\n\r\nx", "GET /<0>x");
}
END_TEST

START_TEST(empty_frames_are_found)
{
	expect(EVCHAT_LIT("\n"), "\n\n\na\n", "<0><0><0>a<0>");
	expect(EVCHAT_LIT("\r\n"), "\r\n\r\n", "<0><0>");
}
END_TEST

START_TEST(false_starts_are_handed_over)
{
	expect(EVCHAT_LIT("\r\n"), "a\r\r\nb\rc\r\n", "a\\x0d<0>b\\x0dc<0>");
	expect(EVCHAT_LIT("\r\n\r\n"), "\r\n\r\r\n\r\n", "\\x0d\\x0a\\x0d<0>");
	expect(EVCHAT_LIT("aab"), "aaaaab", "aaa<0>");
}
END_TEST

START_TEST(consumed_terminator_is_never_matched_again)
{
	expect(EVCHAT_LIT("aa"), "aaaxaa", "<0>ax<0>");
	expect(EVCHAT_LIT("\r\n.\r\n"), "DATA\r\n.\r\n.\r\n", "DATA<0>.");
}
END_TEST

START_TEST(first_literal_to_complete_wins)
{
	expect(any_of("abcd", "bc", NULL), "abcd", "a<1>d");
	expect(any_of("abX", "bY", NULL), "abYabX", "a<1><0>");
}
END_TEST

START_TEST(longest_of_literals_completing_together_wins)
{
	expect(
	    any_of("\n", "\r\n", NULL), "a\nb\r\nc\r\r\n", "a<0>b<1>c\\x0d<1>");
	expect(any_of("abc", "c", "bc"), "cbcabc", "<1><2><0>");
}
END_TEST

START_TEST(a_line_ends_at_lf_or_crlf)
{
	expect_end(
	    evchat_line(), "a\r\nb\n\nlast", CLEAN, "a<1>b<0><0>last<->");
	expect_end(evchat_line(), "a\r\n", CLEAN, "a<1>");
}
END_TEST

START_TEST(longest_literal_ends_a_frame)
{
	char input[EVCHAT_LITERAL_MAX + 4] = "ab";
	struct evchat_terminator t = long_literal('.', EVCHAT_LITERAL_MAX);

	memcpy(input + 2, t.literals[0].bytes, EVCHAT_LITERAL_MAX);
	input[EVCHAT_LITERAL_MAX + 2] = 'c';
	expect(t, input, "ab<0>c");
}
END_TEST

static void
expect_prefix_held(struct evchat_terminator t, const char *input)
{
	size_t len = strlen(input);
	const unsigned char *bytes = (const unsigned char *)input;

	for (size_t n = 0; n <= len; n++) {
		struct framing_plan plan = plan_of(t);

		framing_begin(&framing, &plan, input);
		framing_receive(&framing, n);
		ck_assert_uint_eq(evchat_framer_held_(&framing.framer),
		    reference_prefix(&t, bytes, n));
		framing_clear(&framing);
	}
}

START_TEST(exactly_the_longest_proper_prefix_is_held)
{
	expect_prefix_held(EVCHAT_LIT("\n"), "abc");
	expect_prefix_held(EVCHAT_LIT("\r\n"), "a\r\rb\r");
	expect_prefix_held(EVCHAT_LIT("\r\n\r\n"), "a\r\n\rb\r\n\r\r\n\r");
	expect_prefix_held(EVCHAT_LIT("abacabad"), "abacabacabaabacab");
	expect_prefix_held(any_of("abcde", "bcx", "cdy"), "ababcdabcdabc");
	expect_prefix_held(evchat_count(9), "\r\n\r\n");
	expect_prefix_held(evchat_records(9), "\r\n\r\n");
	expect_prefix_held(evchat_none(), "\r\n\r\n");
}
END_TEST

START_TEST(what_cannot_be_the_terminator_is_handed_over_at_once)
{
	receive(EVCHAT_LIT("\r\n\r\n"), "abc\r\n\rd\r");
	expect_said("abc\\x0d\\x0a\\x0dd");
	framing_clear(&framing);
	receive(EVCHAT_LIT("\n"), "abc");
	expect_said("abc");
}
END_TEST

START_TEST(a_step_says_what_to_give_and_what_to_drop)
{
	struct evchat_framer f = {0};

	evchat_framer_set_(&f, AT(EVCHAT_LIT("\r\n")), 0);
	expect_step(feed(&f, "ab\r", 9), 2, 0, EVCHAT_VERDICT_MORE);
	expect_step(feed(&f, "\ncd", 9), 0, 2, EVCHAT_VERDICT_FOUND);
	expect_step(feed(&f, "cd\r", 9), 2, 0, EVCHAT_VERDICT_MORE);
	expect_step(feed(&f, "e", 9), 2, 0, EVCHAT_VERDICT_MORE);
}
END_TEST

/* Counts, records, none */

START_TEST(a_count_fires_once_then_nothing_ends_a_frame)
{
	expect(evchat_count(3), "abcdefgh", "abc<->defgh");
	expect_end(evchat_count(3), "abcdefgh", CLEAN, "abc<->defgh");
}
END_TEST

START_TEST(a_count_of_0_is_found_without_a_byte)
{
	expect(evchat_count(0), "", "<->");
	expect(evchat_count(0), "ab", "<->ab");
}
END_TEST

START_TEST(only_an_empty_count_is_ready_without_a_byte)
{
	struct evchat_framer f = {0};

	ck_assert(!evchat_framer_is_ready_(&f));
	evchat_framer_set_(&f, AT(evchat_count(1)), 0);
	ck_assert(!evchat_framer_is_ready_(&f));
	evchat_framer_set_(&f, AT(EVCHAT_LIT("a")), 0);
	ck_assert(!evchat_framer_is_ready_(&f));
	evchat_framer_set_(&f, AT(evchat_count(0)), 0);
	ck_assert(evchat_framer_is_ready_(&f));
	expect_step(
	    evchat_framer_feed_(&f, &(struct evchat_ahead){0}, NULL, 0, 9), 0,
	    0, EVCHAT_VERDICT_FOUND);
	ck_assert(!evchat_framer_is_ready_(&f));
	ck_assert_int_eq(f.kind, EVCHAT_NONE);
}
END_TEST

START_TEST(a_count_beyond_32_bits_is_counted)
{
	const uint64_t huge = INT64_MAX;
	struct evchat_terminator t;

	receive(evchat_count(huge), "abc");
	expect_said("abc");
	evchat_framer_get_(&framing.framer, &t);
	ck_assert_uint_eq(t.count, huge - 3);
}
END_TEST

START_TEST(records_re_arm)
{
	expect(evchat_records(2), "abcdefg", "ab<->cd<->ef<->g");
	expect(evchat_records(1), "abc", "a<->b<->c<->");
}
END_TEST

START_TEST(nothing_is_cut_under_none)
{
	expect(evchat_none(), "ab\r\ncd", "ab\\x0d\\x0acd");
}
END_TEST

START_TEST(a_framer_of_zeros_has_no_terminator)
{
	struct evchat_framer f = {0};

	expect_step(feed(&f, "abc", UINT64_MAX), 3, 0, EVCHAT_VERDICT_MORE);
	ck_assert_uint_eq(evchat_framer_held_(&f), 0);
}
END_TEST

/* Setting and asking */

START_TEST(terminator_set_at_found_rules_from_the_next_byte)
{
	const struct evchat_terminator *then[] = {AT(evchat_count(4)),
	    AT(EVCHAT_LIT(";")), AT(evchat_records(2)), AT(EVCHAT_LIT("\r\n"))};

	expect_then(plan_of(EVCHAT_LIT("\r\n")), then, LEN(then),
	    "4\r\n\r\n\r\na;bbcc\r\nd\r\n",
	    "4<0>\\x0d\\x0a\\x0d\\x0a<->a<0>bb<->cc<0>d<0>");
}
END_TEST

START_TEST(counts_of_0_set_at_found_are_found_one_by_one)
{
	const struct evchat_terminator *then[] = {
	    AT(evchat_count(0)), AT(evchat_count(0)), AT(EVCHAT_LIT("\n"))};

	expect_then(plan_of(EVCHAT_LIT("\n")), then, LEN(then), "a\nb\n",
	    "a<0><-><->b<0>");
}
END_TEST

START_TEST(a_new_terminator_never_matches_across_what_was_consumed)
{
	const struct evchat_terminator *then[] = {AT(EVCHAT_LIT("\r\n.\r\n"))};

	expect_then(plan_of(EVCHAT_LIT("\r\n")), then, LEN(then),
	    "DATA\r\n.\r\n.\r\n", "DATA<0>.<0>");
}
END_TEST

START_TEST(held_bytes_are_looked_at_again_under_a_new_terminator)
{
	receive(EVCHAT_LIT("\r\n\r\n"), "ab\r\n\r");
	expect_said("ab");
	framing_set(&framing, AT(EVCHAT_LIT("\n")));
	ck_assert_uint_eq(evchat_framer_held_(&framing.framer), 0);
	framing_receive(&framing, 0);
	expect_said("ab\\x0d<0>\\x0d");
}
END_TEST

START_TEST(held_bytes_complete_a_count_set_from_outside)
{
	receive(EVCHAT_LIT("\r\n"), "ab\r");
	framing_set(&framing, AT(evchat_count(1)));
	framing_receive(&framing, 0);
	expect_said("ab\\x0d<->");
}
END_TEST

START_TEST(bytes_handed_over_are_never_looked_at_again)
{
	receive_some(EVCHAT_LIT(";"), "ab\r\n\r\n", 3);
	framing_set(&framing, AT(EVCHAT_LIT("\r\n")));
	framing_receive(&framing, 3);
	expect_said("ab\\x0d\\x0a<0>");
}
END_TEST

START_TEST(an_equal_terminator_starts_anew)
{
	receive_some(evchat_count(3), "abcdefg", 2);
	framing_set(&framing, AT(evchat_count(3)));
	framing_receive(&framing, 5);
	expect_said("abcde<->fg");
}
END_TEST

START_TEST(bytes_not_taken_do_not_count_for_the_limit)
{
	struct evchat_framer f = {0};

	evchat_framer_set_(&f, AT(EVCHAT_LIT("\n")), 0);
	expect_step(feed(&f, "abcd", 4), 4, 0, EVCHAT_VERDICT_MORE);
	ck_assert_int_eq(evchat_framer_set_(&f, AT(EVCHAT_LIT(";")), 3), 0);
	expect_step(feed(&f, "bcd", 4), 3, 0, EVCHAT_VERDICT_MORE);
	expect_step(feed(&f, "e", 4), 0, 1, EVCHAT_VERDICT_OVERLONG);
}
END_TEST

static struct evchat_terminator
got(void)
{
	struct evchat_terminator t;

	memset(&t, 0xff, sizeof t);
	evchat_framer_get_(&framing.framer, &t);
	return t;
}

START_TEST(everything_of_a_terminator_can_be_asked_for)
{
	struct evchat_terminator t = any_of("ab", "cde", "f");

	t.eof_ends_frame = t.streamed = true;
	t.max_frame = 77;
	t.deadline_ms = 88;
	receive(t, "");
	t = got();
	ck_assert_int_eq(t.kind, EVCHAT_LITERAL);
	ck_assert(t.eof_ends_frame);
	ck_assert(t.streamed);
	ck_assert_uint_eq(t.max_frame, 77);
	ck_assert_uint_eq(t.deadline_ms, 88);
	ck_assert_uint_eq(t.n_literals, 3);
	ck_assert_uint_eq(t.literals[1].len, 3);
	ck_assert_mem_eq(t.literals[1].bytes, "cde", 3);
	ck_assert_uint_eq(t.reserved[0] | t.reserved[1], 0);
}
END_TEST

START_TEST(as_many_literals_as_there_can_be_can_be_asked_for)
{
	static const char letters[] = "abcdefgh";
	struct evchat_span literals[EVCHAT_LITERALS_MAX];
	struct evchat_terminator t;

	for (size_t i = 0; i < EVCHAT_LITERALS_MAX; i++)
		literals[i] = (struct evchat_span){letters + i, 1};
	receive(at_most(7, evchat_any_of(literals, LEN(literals))), "");
	t = got();
	ck_assert_uint_eq(t.n_literals, EVCHAT_LITERALS_MAX);
	for (size_t i = 0; i < EVCHAT_LITERALS_MAX; i++) {
		ck_assert_uint_eq(t.literals[i].len, 1);
		ck_assert_mem_eq(t.literals[i].bytes, letters + i, 1);
	}
	ck_assert_uint_eq(t.count, 0);
	ck_assert_uint_eq(t.max_frame, 7);
}
END_TEST

START_TEST(a_count_asked_for_is_what_is_left)
{
	receive(evchat_count(5), "ab");
	ck_assert_int_eq(got().kind, EVCHAT_COUNT);
	ck_assert_uint_eq(got().count, 3);
	ck_assert_uint_eq(got().n_literals, 0);
	framing_clear(&framing);
	receive(evchat_count(5), "abcdef");
	ck_assert_int_eq(got().kind, EVCHAT_NONE);
	ck_assert_uint_eq(got().count, 0);
}
END_TEST

START_TEST(a_record_asked_for_is_a_whole_one)
{
	receive(evchat_records(5), "abcdefg");
	ck_assert_int_eq(got().kind, EVCHAT_RECORDS);
	ck_assert_uint_eq(got().count, 5);
}
END_TEST

START_TEST(literals_are_not_asked_for_once_a_count_rules)
{
	receive(EVCHAT_LIT("ab"), "");
	framing_set(&framing, AT(evchat_count(5)));
	ck_assert_int_eq(got().kind, EVCHAT_COUNT);
	ck_assert_uint_eq(got().n_literals, 0);
}
END_TEST

START_TEST(what_was_asked_for_can_be_set_in_another_order)
{
	static const char input[] = "xyabcdefghij0123456789";
	struct evchat_terminator t;
	struct evchat_span first;

	receive_some(any_of("0123456789", "abcdefghij", "xy"), input, 0);
	t = got();
	first = t.literals[0];
	t.literals[0] = t.literals[2];
	t.literals[2] = first;
	framing_set(&framing, &t);
	framing_receive(&framing, strlen(input));
	expect_said("<0><1><2>");
}
END_TEST

START_TEST(what_was_asked_for_can_be_set_in_part)
{
	struct evchat_terminator t;

	receive_some(any_of("ab", "cd", "ef"), "abef", 0);
	t = got();
	t = evchat_literal(t.literals[2].bytes, t.literals[2].len);
	framing_set(&framing, &t);
	framing_receive(&framing, 4);
	expect_said("ab<0>");
}
END_TEST

START_TEST(restart_forgets_the_frame_under_way)
{
	struct evchat_framer f = {0};

	evchat_framer_set_(&f, AT(EVCHAT_LIT("\r\n")), 0);
	expect_step(feed(&f, "abc\r", 4), 3, 0, EVCHAT_VERDICT_MORE);
	evchat_framer_restart_(&f);
	ck_assert_uint_eq(evchat_framer_held_(&f), 0);
	expect_step(feed(&f, "\nbcd", 4), 4, 0, EVCHAT_VERDICT_MORE);
}
END_TEST

START_TEST(restart_goes_on_with_what_a_count_lacks)
{
	receive(evchat_count(5), "ab");
	evchat_framer_restart_(&framing.framer);
	ck_assert_uint_eq(got().count, 3);
}
END_TEST

START_TEST(restart_ends_the_skipping)
{
	struct evchat_framer f = {0};

	evchat_framer_set_(&f, AT(EVCHAT_LIT("\n")), 0);
	expect_step(feed(&f, "abc", 2), 2, 1, EVCHAT_VERDICT_OVERLONG);
	evchat_framer_set_(&f, AT(EVCHAT_LIT(";")), 0);
	evchat_framer_restart_(&f);
	expect_step(feed(&f, "a;", 2), 1, 1, EVCHAT_VERDICT_FOUND);
	evchat_framer_clear_(&f);
}
END_TEST

/* Limits */

START_TEST(exactly_max_frame_bytes_pass)
{
	expect_limited(
	    EVCHAT_LIT("\r\n"), 4, false, "abcd\r\nabcd\r\n", "abcd<0>abcd<0>");
	expect_limited(any_of("\n", "\r\n", NULL), 4, false, "abcd\r\nabcd\n",
	    "abcd<1>abcd<0>");
	expect_limited(evchat_count(4), 4, true, "abcdefghij", "abcd<->efghij");
	expect_limited(
	    evchat_records(4), 4, true, "abcdefgh", "abcd<->efgh<->");
}
END_TEST

START_TEST(one_byte_more_is_overlong_once_and_the_next_frame_is_good)
{
	expect_limited(EVCHAT_LIT("\r\n"), 4, false,
	    "abcde\r\nabcd\r\nabcdefghi\r\nx\r\n",
	    "abcd<over>abcd<0>abcd<over>x<0>");
	expect_limited(any_of("\n", "\r\n", NULL), 2, false,
	    "abc\r\nab\nabc\nab\r\n", "ab<over>ab<0>ab<over>ab<1>");
	expect_limited(evchat_count(5), 4, true, "abcdefgh", "abcd<over>fgh");
	expect_limited(
	    evchat_records(3), 2, true, "abcdefg", "ab<over>de<over>g");
}
END_TEST

START_TEST(held_bytes_do_not_pass_the_limit_until_they_are_data)
{
	expect_limited(EVCHAT_LIT("\r\n\r\n"), 2, false,
	    "ab\r\n\r\nab\r\n\rc\r\n\r\nab\r\n\r\n", "ab<0>ab<over>ab<0>");
	expect_limited(EVCHAT_LIT("aab"), 1, false, "aaaabaab", "a<over><0>");
}
END_TEST

START_TEST(data_before_a_match_on_the_same_byte_can_be_overlong)
{
	expect_limited(
	    any_of("abcX", "cY", NULL), 1, false, "abcYdcY", "a<over>d<1>");
}
END_TEST

START_TEST(the_tail_is_never_a_frame_of_its_own)
{
	expect_limited(
	    EVCHAT_LIT("\n"), 3, false, "abcdefghijklmn", "abc<over>");
}
END_TEST

START_TEST(streamed_counts_and_none_are_unlimited)
{
	expect_limited(evchat_count(5), 2, false, "abcdef", "abcde<->f");
	expect_limited(evchat_records(3), 2, false, "abcdef", "abc<->def<->");
	expect_limited(evchat_none(), 2, false, "abcdef", "abcdef");
	expect_limited(evchat_none(), 2, true, "abcdef", "abcdef");
	expect_limited(at_most(2, evchat_none()), 2, true, "abcd", "abcd");
	expect_limited(at_most(2, evchat_count(3)), 2, false, "abc", "abc<->");
}
END_TEST

START_TEST(a_terminator_s_own_limit_goes_before_the_channel_s)
{
	expect_limited(at_most(3, EVCHAT_LIT("\n")), 2, false, "abc\nabcd\n",
	    "abc<0>abc<over>");
	expect_limited(
	    at_most(1, EVCHAT_LIT("\n")), 2, false, "ab\na\n", "a<over>a<0>");
	expect_limited(at_most(SIZE_MAX, EVCHAT_LIT("\n")), 2, false,
	    "abcdefgh\n", "abcdefgh<0>");
	expect_limited(at_most(1, evchat_count(2)), 9, true, "abc", "a<over>c");
}
END_TEST

START_TEST(size_max_is_no_limit)
{
	struct evchat_framer f = {0};

	evchat_framer_set_(&f, AT(EVCHAT_LIT("\n")), 0);
	ck_assert_uint_eq(
	    evchat_framer_limit_(&f, SIZE_MAX, false), UINT64_MAX);
	ck_assert_uint_eq(evchat_framer_limit_(&f, 9, false), 9);
	evchat_framer_set_(&f, AT(evchat_records(2)), 0);
	ck_assert_uint_eq(evchat_framer_limit_(&f, SIZE_MAX, true), UINT64_MAX);
	ck_assert_uint_eq(evchat_framer_limit_(&f, 9, true), 9);
	ck_assert_uint_eq(evchat_framer_limit_(&f, 9, false), UINT64_MAX);
}
END_TEST

START_TEST(a_limit_lowered_in_a_frame_fails_it_at_the_next_byte)
{
	struct evchat_framer f = {0};

	evchat_framer_set_(&f, AT(EVCHAT_LIT("\n")), 0);
	expect_step(feed(&f, "abcd", 9), 4, 0, EVCHAT_VERDICT_MORE);
	expect_step(feed(&f, "e", 2), 0, 1, EVCHAT_VERDICT_OVERLONG);
	expect_step(feed(&f, "f\n", 2), 0, 2, EVCHAT_VERDICT_MORE);
	expect_step(feed(&f, "ab\n", 2), 2, 1, EVCHAT_VERDICT_FOUND);
}
END_TEST

START_TEST(a_limit_lowered_in_a_frame_lets_its_end_pass)
{
	struct evchat_framer f = {0};

	evchat_framer_set_(&f, AT(EVCHAT_LIT("\n")), 0);
	expect_step(feed(&f, "abcd", 9), 4, 0, EVCHAT_VERDICT_MORE);
	expect_step(feed(&f, "\n", 2), 0, 1, EVCHAT_VERDICT_FOUND);
	evchat_framer_set_(&f, AT(ended_by_eof(EVCHAT_LIT("\n"))), 0);
	expect_step(feed(&f, "abcd", 9), 4, 0, EVCHAT_VERDICT_MORE);
	expect_step(
	    evchat_framer_end_(&f, true, 2), 0, 0, EVCHAT_VERDICT_FOUND);
}
END_TEST

START_TEST(a_limit_lowered_in_a_frame_fails_held_bytes_at_the_end)
{
	struct evchat_framer f = {0};

	evchat_framer_set_(&f, AT(EVCHAT_LIT("\r\n")), 0);
	expect_step(feed(&f, "abcd\r", 9), 4, 0, EVCHAT_VERDICT_MORE);
	expect_step(
	    evchat_framer_end_(&f, true, 2), 0, 1, EVCHAT_VERDICT_OVERLONG);
}
END_TEST

START_TEST(what_came_under_none_does_not_count_for_the_next_frame_s_limit)
{
	struct framing_plan plan = plan_of(evchat_none());

	plan.max_frame = 3;
	framing_begin(&framing, &plan, "abcdefgh\nabcd\n");
	framing_receive(&framing, 5);
	framing_set(&framing, AT(EVCHAT_LIT("\n")));
	framing_receive(&framing, 9);
	expect_said("abcdefgh<0>abc<over>");
}
END_TEST

START_TEST(what_came_under_a_terminator_counts_for_the_next_one_s_limit)
{
	struct framing_plan plan = plan_of(EVCHAT_LIT(";"));

	plan.max_frame = 3;
	framing_begin(&framing, &plan, "abcd\nabc\n");
	framing_receive(&framing, 2);
	framing_set(&framing, AT(EVCHAT_LIT("\n")));
	framing_receive(&framing, 7);
	expect_said("abc<over>abc<0>");
}
END_TEST

START_TEST(what_came_under_none_is_no_frame_for_the_end_to_end)
{
	receive(evchat_none(), "ab");
	framing_set(&framing, AT(ended_by_eof(EVCHAT_LIT("\n"))));
	framing_end(&framing, true);
	expect_said("ab");
}
END_TEST

/* Setting while a frame is skipped */

static struct framing_plan
limited_plan(struct evchat_terminator t)
{
	struct framing_plan plan = plan_of(t);

	plan.max_frame = 3;
	plan.whole = true;
	return plan;
}

START_TEST(terminator_set_while_skipping_rules_from_the_next_frame)
{
	const struct evchat_terminator *then[] = {AT(EVCHAT_LIT(";"))};

	expect_then(limited_plan(EVCHAT_LIT("\r\n")), then, 1,
	    "abcd;e\r\nab\r;cd;", "abc<over>ab\\x0d<0>cd<0>");
}
END_TEST

START_TEST(every_kind_can_be_set_while_skipping)
{
	const struct evchat_terminator *count[] = {AT(evchat_count(2))};
	const struct evchat_terminator *empty[] = {AT(evchat_count(0))};
	const struct evchat_terminator *records[] = {AT(evchat_records(2))};
	const struct evchat_terminator *none[] = {AT(evchat_none())};

	expect_then(limited_plan(EVCHAT_LIT("\n")), count, 1, "abcde\nfgh",
	    "abc<over>fg<->h");
	expect_then(limited_plan(EVCHAT_LIT("\n")), empty, 1, "abcde\nfgh",
	    "abc<over><->fgh");
	expect_then(limited_plan(EVCHAT_LIT("\n")), records, 1, "abcde\nfghi",
	    "abc<over>fg<->hi<->");
	expect_then(limited_plan(EVCHAT_LIT("\n")), none, 1, "abcde\nfghi",
	    "abc<over>fghi");
}
END_TEST

START_TEST(terminator_set_while_a_count_is_skipped_waits_for_its_end)
{
	const struct evchat_terminator *then[] = {AT(EVCHAT_LIT("\n"))};

	expect_then(limited_plan(evchat_count(6)), then, 1, "ab\ncd\nef\n",
	    "ab\\x0a<over>ef<0>");
	expect_then(limited_plan(evchat_records(4)), then, 1, "abcdef\n",
	    "abc<over>ef<0>");
}
END_TEST

START_TEST(of_two_terminators_set_while_skipping_the_second_rules)
{
	struct framing_plan plan = limited_plan(EVCHAT_LIT("\n"));

	framing_begin(&framing, &plan, "abcde\na;b.c");
	framing_receive(&framing, 4);
	framing_set(&framing, AT(long_literal(';', 40)));
	framing_set(&framing, AT(EVCHAT_LIT(".")));
	framing_receive(&framing, 7);
	expect_said("abc<over>a;b<0>c");
}
END_TEST

START_TEST(the_terminator_set_while_skipping_is_the_one_asked_for)
{
	struct framing_plan plan = limited_plan(EVCHAT_LIT("\n"));

	framing_begin(&framing, &plan, "abcde\n");
	framing_receive(&framing, 4);
	ck_assert_mem_eq(got().literals[0].bytes, "\n", 1);
	framing_set(&framing, AT(evchat_count(7)));
	ck_assert_int_eq(got().kind, EVCHAT_COUNT);
	ck_assert_uint_eq(got().count, 7);
	framing_receive(&framing, 2);
	ck_assert_uint_eq(got().count, 7);
}
END_TEST

START_TEST(held_bytes_stay_held_when_a_terminator_is_set_while_skipping)
{
	struct framing_plan plan = limited_plan(EVCHAT_LIT("\r\n"));

	framing_begin(&framing, &plan, "abcd\r\nab;");
	framing_receive(&framing, 5);
	framing_set(&framing, AT(EVCHAT_LIT(";")));
	ck_assert_uint_eq(evchat_framer_held_(&framing.framer), 1);
	framing_receive(&framing, 4);
	expect_said("abc<over>ab<0>");
}
END_TEST

START_TEST(literals_set_while_skipping_may_be_the_framer_s_own)
{
	struct framing_plan plan = limited_plan(any_of("\n", ";", NULL));
	struct evchat_terminator t;

	framing_begin(&framing, &plan, "abcd\na;b\n");
	framing_receive(&framing, 4);
	t = got();
	t.literals[0] = t.literals[1];
	t.n_literals = 1;
	framing_set(&framing, &t);
	t = got();
	framing_set(&framing, &t);
	framing_receive(&framing, 5);
	expect_said("abc<over>a<0>b\\x0a");
}
END_TEST

START_TEST(a_set_at_an_overlong_frame_that_ended_rules_at_once)
{
	struct evchat_framer f = {0};

	evchat_framer_set_(&f, AT(EVCHAT_LIT("\n")), 0);
	expect_step(feed(&f, "abcd\nab;", 2), 2, 3, EVCHAT_VERDICT_OVERLONG);
	evchat_framer_set_(&f, AT(EVCHAT_LIT(";")), 0);
	expect_step(feed(&f, "ab;", 2), 2, 1, EVCHAT_VERDICT_FOUND);
}
END_TEST

/* The end of the stream */

START_TEST(held_bytes_are_handed_over_at_the_end)
{
	expect_end(EVCHAT_LIT("\r\n"), "ab\r", CLEAN, "ab\\x0d");
	expect_end(EVCHAT_LIT("\r\n"), "ab\r", BROKEN, "ab\\x0d");
	expect_end(EVCHAT_LIT("abcabd"), "abcab", BROKEN, "abcab");
	expect_end(
	    ended_by_eof(EVCHAT_LIT("\r\n")), "ab\r", CLEAN, "ab\\x0d<->");
	expect_end(ended_by_eof(EVCHAT_LIT("\r\n")), "\r", CLEAN, "\\x0d<->");
}
END_TEST

START_TEST(the_end_ends_a_frame_only_where_the_terminator_says_so)
{
	expect_end(EVCHAT_LIT("\n"), "ab", CLEAN, "ab");
	expect_end(evchat_count(5), "ab", CLEAN, "ab");
	expect_end(evchat_records(5), "ab", CLEAN, "ab");
	expect_end(evchat_none(), "ab", CLEAN, "ab");
	expect_end(ended_by_eof(EVCHAT_LIT("\n")), "a\nb", CLEAN, "a<0>b<->");
	expect_end(
	    ended_by_eof(any_of("\n", ";", NULL)), "a;b", CLEAN, "a<1>b<->");
	expect_end(ended_by_eof(evchat_count(5)), "ab", CLEAN, "ab<->");
	expect_end(ended_by_eof(evchat_records(2)), "abc", CLEAN, "ab<->c<->");
	expect_end(ended_by_eof(evchat_none()), "ab", CLEAN, "ab<->");
}
END_TEST

START_TEST(an_empty_frame_is_ended_by_the_end_only_under_none)
{
	expect_end(ended_by_eof(EVCHAT_LIT("\n")), "", CLEAN, "");
	expect_end(ended_by_eof(EVCHAT_LIT("\n")), "a\n", CLEAN, "a<0>");
	expect_end(ended_by_eof(evchat_count(2)), "", CLEAN, "");
	expect_end(ended_by_eof(evchat_records(2)), "ab", CLEAN, "ab<->");
	expect_end(ended_by_eof(evchat_none()), "", CLEAN, "<->");
	expect_end(ended_by_eof(evchat_count(2)), "ab", CLEAN, "ab<-><->");
}
END_TEST

START_TEST(an_unclean_end_ends_no_frame)
{
	expect_end(ended_by_eof(EVCHAT_LIT("\n")), "ab", BROKEN, "ab");
	expect_end(evchat_line(), "ab\r", BROKEN, "ab\\x0d");
	expect_end(ended_by_eof(evchat_count(5)), "ab", BROKEN, "ab");
	expect_end(ended_by_eof(evchat_none()), "ab", BROKEN, "ab");
	expect_end(ended_by_eof(evchat_none()), "", BROKEN, "");
}
END_TEST

static void
expect_limited_end(struct evchat_terminator t, const char *input,
    enum ending ending, const char *said)
{
	struct sentence s = {limited_plan(t), input, ending, said};

	expect_sentence(&s);
}

START_TEST(held_bytes_can_be_overlong_at_the_end)
{
	expect_limited_end(EVCHAT_LIT("\r\n"), "abc\r", CLEAN, "abc<over>");
	expect_limited_end(EVCHAT_LIT("\r\n"), "abc\r", BROKEN, "abc<over>");
	expect_limited_end(evchat_line(), "abc\r", CLEAN, "abc<over>");
	expect_limited_end(
	    ended_by_eof(EVCHAT_LIT("12345")), "1234", CLEAN, "123<over>");
	expect_limited_end(evchat_line(), "ab\r", CLEAN, "ab\\x0d<->");
}
END_TEST

START_TEST(a_frame_that_is_skipped_at_the_end_is_not_told_again)
{
	expect_limited_end(evchat_line(), "abcde\r", CLEAN, "abc<over>");
	expect_limited_end(evchat_line(), "abcde", CLEAN, "abc<over>");
	expect_limited_end(EVCHAT_LIT("\r\n"), "abcde\r", BROKEN, "abc<over>");
	expect_limited_end(
	    ended_by_eof(evchat_count(9)), "abcde", CLEAN, "abc<over>");
}
END_TEST

START_TEST(the_end_of_a_skipped_frame_puts_the_next_terminator_in_force)
{
	struct framing_plan plan = limited_plan(evchat_line());
	size_t cut = (size_t)_i;

	plan.max_frame = 2;
	framing_begin(&framing, &plan, "abcde");
	framing_receive(&framing, cut);
	framing_receive(&framing, 5 - cut);
	framing_set(&framing, AT(evchat_count(7)));
	framing_end(&framing, true);
	ck_assert_int_eq(framing.framer.kind, EVCHAT_COUNT);
	ck_assert_uint_eq(got().count, 7);
	ck_assert_uint_eq(memory_live(), 0);
}
END_TEST

START_TEST(a_count_ended_by_the_end_is_none_afterwards)
{
	receive(ended_by_eof(evchat_count(5)), "ab");
	framing_end(&framing, true);
	expect_said("ab<->");
	ck_assert_int_eq(got().kind, EVCHAT_NONE);
}
END_TEST

START_TEST(no_literal_matched_what_the_end_ended)
{
	receive(evchat_line(), "a\r\nb");
	ck_assert_uint_eq(evchat_framer_matched_(&framing.framer), 1);
	framing_end(&framing, true);
	ck_assert_uint_eq(
	    evchat_framer_matched_(&framing.framer), EVCHAT_MATCHED_NONE);
}
END_TEST

/* Memory */

START_TEST(sixteen_bytes_of_literals_need_no_memory)
{
	receive(evchat_literal("0123456789abcdef", 16), "");
	framing_set(&framing, AT(any_of("01234567", "89abcde", "f")));
	framing_set(&framing, AT(evchat_line()));
	framing_set(&framing, AT(evchat_records(7)));
	ck_assert_uint_eq(memory_asked(), 0);
}
END_TEST

START_TEST(setting_an_equal_terminator_needs_no_memory)
{
	receive(long_literal('-', 100), "");
	ck_assert_uint_eq(memory_asked(), 1);
	memory_refuse_after(0);
	for (int i = 0; i < 100; i++)
		framing_set(&framing, AT(long_literal('-', 100)));
	ck_assert_uint_eq(memory_asked(), 1);
}
END_TEST

START_TEST(switching_between_long_literals_needs_one_block_for_each)
{
	receive(long_literal('-', 100), "");
	framing_set(&framing, AT(long_literal('=', 200)));
	ck_assert_uint_eq(memory_asked(), 2);
	memory_refuse_after(0);
	for (int i = 0; i < 100; i++) {
		framing_set(&framing, AT(long_literal('-', 100)));
		framing_set(&framing, AT(evchat_count(5)));
		framing_set(&framing, AT(EVCHAT_LIT("\r\n")));
		framing_set(&framing, AT(long_literal('=', 200)));
	}
	ck_assert_uint_eq(memory_asked(), 2);
	ck_assert_uint_eq(memory_live(), 1);
}
END_TEST

START_TEST(switching_between_equally_long_literals_needs_one_block)
{
	receive(long_literal('-', 100), "");
	memory_refuse_after(0);
	framing_set(&framing, AT(long_literal('=', 100)));
	framing_set(&framing, AT(long_literal('-', 100)));
	ck_assert_uint_eq(memory_asked(), 1);
}
END_TEST

START_TEST(without_memory_the_old_terminator_stays)
{
	struct evchat_terminator longer = long_literal('-', 100);

	receive_some(EVCHAT_LIT("\r\n"), "ab\r\nc", 3);
	longer.eof_ends_frame = longer.streamed = true;
	longer.max_frame = 1;
	memory_refuse_after(0);
	ck_assert_int_eq(evchat_framer_set_(&framing.framer, &longer, 2),
	    EVCHAT_ERR_NO_MEMORY);
	ck_assert_uint_eq(got().literals[0].len, 2);
	ck_assert_uint_eq(got().max_frame, 0);
	ck_assert(!got().eof_ends_frame);
	ck_assert(!got().streamed);
	ck_assert_uint_eq(framing.framer.length, 2);
	ck_assert_uint_eq(evchat_framer_held_(&framing.framer), 1);
	framing_receive(&framing, 2);
	expect_said("ab<0>c");
}
END_TEST

static void
begin_skipping(void)
{
	struct framing_plan plan = limited_plan(EVCHAT_LIT("\r\n"));

	framing_begin(&framing, &plan, "abcd\r\nab\r\ncd;ef\r\n");
	framing_receive(&framing, 5);
}

static void
expect_refused(const struct evchat_terminator *t)
{
	ck_assert_int_eq(
	    evchat_framer_set_(&framing.framer, t, 0), EVCHAT_ERR_NO_MEMORY);
}

START_TEST(without_memory_while_skipping_the_old_terminator_stays)
{
	struct evchat_terminator longer = long_literal('-', 100);

	/* Request 0 is for what waits, request 1 for its tables. */
	begin_skipping();
	memory_refuse_after((size_t)_i);
	expect_refused(&longer);
	memory_refuse_none();
	ck_assert_uint_eq(memory_live(), 0);
	ck_assert_mem_eq(got().literals[0].bytes, "\r\n", 2);
	framing_receive(&framing, 12);
	expect_said("abc<over>ab<0>cd;<over>");
}
END_TEST

START_TEST(without_memory_the_terminator_that_waits_stays)
{
	struct evchat_terminator longer = long_literal('-', 100);

	begin_skipping();
	framing_set(&framing, AT(EVCHAT_LIT(";")));
	memory_refuse_after(0);
	expect_refused(&longer);
	ck_assert_mem_eq(got().literals[0].bytes, ";", 1);
	framing_receive(&framing, 5);
	expect_said("abc<over>ab\\x0d<over>");
}
END_TEST

START_TEST(taking_over_gives_back_what_is_not_needed)
{
	struct framing_plan plan = limited_plan(long_literal('-', 20));

	framing_begin(&framing, &plan, "abcd-------------------\nab;");
	framing_receive(&framing, 10);
	framing_set(&framing, AT(long_literal('=', 30)));
	ck_assert_uint_eq(memory_live(), 3);
	framing_receive(&framing, 14);
	ck_assert_uint_eq(memory_live(), 1);
}
END_TEST

START_TEST(clear_gives_back_the_memory)
{
	static const struct evchat_framer zeros;
	struct framing_plan plan = limited_plan(long_literal('-', 20));

	framing_begin(&framing, &plan, "abcdef");
	framing_receive(&framing, 6);
	framing_set(&framing, AT(long_literal('=', 30)));
	framing_clear(&framing);
	ck_assert_uint_eq(memory_live(), 0);
	ck_assert_mem_eq(&framing.framer, &zeros, sizeof zeros);
}
END_TEST

/* Random scripts */

enum { SCRIPTS = 200000, INPUT_MAX = 2400, THEN_MAX = 24, TABLE = 24 };

static struct evchat_terminator table[TABLE];

static struct evchat_terminator
overlapping_lines(void)
{
	struct evchat_span literals[] = {{"\r\n", 2}, {"\n", 1},
	    {"\r\n\r\n", 4}, {"\n\r", 2}, {"a\r\n", 3}, {"\r\n", 2}};

	return evchat_any_of(literals, LEN(literals));
}

static void
fill_table(void)
{
	const struct evchat_terminator all[TABLE] = {EVCHAT_LIT("\n"),
	    EVCHAT_LIT("\r\n"), EVCHAT_LIT("\r\n\r\n"), EVCHAT_LIT("aa"),
	    EVCHAT_LIT("aab"), EVCHAT_LIT("abaab"), EVCHAT_LIT("\r\n.\r\n"),
	    evchat_line(), overlapping_lines(), any_of("abcd", "bc", "c\r"),
	    any_of("aaaa", "ab", "baa"), any_of("ab", "aab", "\r\n"),
	    evchat_count(0), evchat_count(1), evchat_count(7),
	    evchat_records(1), evchat_records(3), evchat_records(10),
	    evchat_none(), ended_by_eof(evchat_none()),
	    ended_by_eof(evchat_count(5)), ended_by_eof(EVCHAT_LIT("\r\n")),
	    long_literal('a', 20), long_literal('a', EVCHAT_LITERAL_MAX)};

	memcpy(table, all, sizeof table);
}

/* Everything of one random case but its cuts, which are made up on the way. */
struct script {
	struct evchat_terminator terminators[THEN_MAX];
	const struct evchat_terminator *then[THEN_MAX];
	struct framing_plan plan;
	size_t len;
	unsigned char input[INPUT_MAX];
};

/* One of the table, with a limit of its own now and then.  The longest literal
 * is rare: the reference takes its time over it. */
static struct evchat_terminator
some_terminator(struct chance *c)
{
	size_t which = chance_below(c, chance_below(c, 64) ? TABLE - 1 : TABLE);
	struct evchat_terminator t = table[which];

	if (chance_below(c, 4) == 0)
		t.max_frame = 1 + chance_below(c, 6);
	t.streamed = chance_below(c, 2);
	return t;
}

static void
write_some(struct script *s, struct chance *c)
{
	static const char letters[] = "aaab\r\r\n\n.cd";
	struct evchat_terminator *t =
	    &s->terminators[chance_below(c, s->plan.n_then)];
	const struct evchat_span *literal = &t->literals[0];

	if (t->n_literals && chance_below(c, 3) == 0 &&
	    s->len + literal->len <= sizeof s->input) {
		memcpy(s->input + s->len, literal->bytes, literal->len);
		s->len += literal->len;
	} else if (s->len < sizeof s->input) {
		s->input[s->len++] =
		    (unsigned char)letters[chance_below(c, sizeof letters - 1)];
	}
}

static void
make_script(struct script *s, struct chance *c)
{
	size_t writes = 1 + chance_below(c, 60);

	s->plan.n_then = 1 + chance_below(c, THEN_MAX);
	for (size_t i = 0; i < s->plan.n_then; i++) {
		s->terminators[i] = some_terminator(c);
		s->then[i] = chance_below(c, 3) ? &s->terminators[i] : NULL;
	}
	s->plan.first = s->terminators[0];
	s->plan.then = s->then;
	s->plan.max_frame =
	    chance_below(c, 2) ? SIZE_MAX : 1 + chance_below(c, 12);
	s->plan.whole = chance_below(c, 2);
	s->len = 0;
	while (writes--)
		write_some(s, c);
}

static size_t
some_segment(struct chance *c, size_t left)
{
	size_t most = chance_below(c, 3) ? 4 : left;

	return 1 + chance_below(c, most < left ? most : left);
}

static struct reference reference;
static struct script script;

static void
expect_agreement(uint64_t seed, size_t number)
{
	static struct transcript input;

	if (framing.said.len == reference.said.len &&
	    strcmp(framing.said.text, reference.said.text) == 0 &&
	    evchat_framer_held_(&framing.framer) == reference_held(&reference))
		return;
	transcript_clear(&input);
	transcript_bytes(&input, script.input, script.len);
	ck_abort_msg("seed %" PRIu64 ", script %zu, after %zu bytes of %s:\n"
		     "said %s, holding %zu\nnot  %s, holding %zu",
	    seed, number, framing.received, input.text, framing.said.text,
	    evchat_framer_held_(&framing.framer), reference.said.text,
	    reference_held(&reference));
}

/* Now and then somebody outside sets a terminator between two segments. */
static void
set_from_outside(struct chance *c)
{
	struct evchat_terminator *t;

	if (chance_below(c, 16))
		return;
	t = &script.terminators[chance_below(c, script.plan.n_then)];
	framing_set(&framing, t);
	reference_set(&reference, t);
	framing_receive(&framing, 0);
	reference_receive(&reference, 0);
}

static void
run_script(uint64_t seed, size_t number)
{
	struct chance c = chance_from(seed + number);
	bool clean;

	make_script(&script, &c);
	framing_begin(&framing, &script.plan, script.input);
	reference_begin(&reference, &script.plan, script.input);
	for (size_t at = 0, segment; at < script.len; at += segment) {
		segment = some_segment(&c, script.len - at);
		framing_receive(&framing, segment);
		reference_receive(&reference, segment);
		expect_agreement(seed, number);
		set_from_outside(&c);
		expect_agreement(seed, number);
	}
	clean = chance_below(&c, 2);
	framing_end(&framing, clean);
	reference_end(&reference, clean);
	expect_agreement(seed, number);
	framing_clear(&framing);
}

START_TEST(random_scripts_say_what_the_reference_says)
{
	size_t scripts = test_scaled(SCRIPTS);
	uint64_t seed = test_seed();
	size_t said = 0;

	fill_table();
	for (size_t i = 0; i < scripts; i++) {
		if (!framing_choose_way(i % 8))
			framing_choose_way(0);
		run_script(seed, i);
		said += framing.said.len;
	}
	ck_assert_uint_gt(said, scripts * 10);
}
END_TEST

static void
begin(void)
{
	memory_watch();
	memset(&framing, 0, sizeof framing);
}

static void
end(void)
{
	framing_clear(&framing);
	ck_assert_uint_eq(memory_live(), 0);
	memory_unwatch();
}

static void
add_literals(TCase *tc)
{
	tcase_add_test(tc, found_once_when_terminator_is_split);
	tcase_add_test(tc, empty_frames_are_found);
	tcase_add_test(tc, false_starts_are_handed_over);
	tcase_add_test(tc, consumed_terminator_is_never_matched_again);
	tcase_add_test(tc, first_literal_to_complete_wins);
	tcase_add_test(tc, longest_of_literals_completing_together_wins);
	tcase_add_test(tc, a_line_ends_at_lf_or_crlf);
	tcase_add_test(tc, longest_literal_ends_a_frame);
	tcase_add_test(tc, exactly_the_longest_proper_prefix_is_held);
	tcase_add_test(
	    tc, what_cannot_be_the_terminator_is_handed_over_at_once);
	tcase_add_test(tc, a_step_says_what_to_give_and_what_to_drop);
}

static void
add_counts(TCase *tc)
{
	tcase_add_test(tc, a_count_fires_once_then_nothing_ends_a_frame);
	tcase_add_test(tc, a_count_of_0_is_found_without_a_byte);
	tcase_add_test(tc, only_an_empty_count_is_ready_without_a_byte);
	tcase_add_test(tc, a_count_beyond_32_bits_is_counted);
	tcase_add_test(tc, records_re_arm);
	tcase_add_test(tc, nothing_is_cut_under_none);
	tcase_add_test(tc, a_framer_of_zeros_has_no_terminator);
}

static void
add_setting(TCase *tc)
{
	tcase_add_test(tc, terminator_set_at_found_rules_from_the_next_byte);
	tcase_add_test(tc, counts_of_0_set_at_found_are_found_one_by_one);
	tcase_add_test(
	    tc, a_new_terminator_never_matches_across_what_was_consumed);
	tcase_add_test(
	    tc, held_bytes_are_looked_at_again_under_a_new_terminator);
	tcase_add_test(tc, held_bytes_complete_a_count_set_from_outside);
	tcase_add_test(tc, bytes_handed_over_are_never_looked_at_again);
	tcase_add_test(tc, an_equal_terminator_starts_anew);
	tcase_add_test(tc, bytes_not_taken_do_not_count_for_the_limit);
	tcase_add_test(tc, everything_of_a_terminator_can_be_asked_for);
	tcase_add_test(tc, as_many_literals_as_there_can_be_can_be_asked_for);
	tcase_add_test(tc, a_count_asked_for_is_what_is_left);
	tcase_add_test(tc, a_record_asked_for_is_a_whole_one);
	tcase_add_test(tc, literals_are_not_asked_for_once_a_count_rules);
	tcase_add_test(tc, what_was_asked_for_can_be_set_in_another_order);
	tcase_add_test(tc, what_was_asked_for_can_be_set_in_part);
	tcase_add_test(tc, restart_forgets_the_frame_under_way);
	tcase_add_test(tc, restart_goes_on_with_what_a_count_lacks);
	tcase_add_test(tc, restart_ends_the_skipping);
}

static void
add_limits(TCase *tc)
{
	tcase_add_test(tc, exactly_max_frame_bytes_pass);
	tcase_add_test(
	    tc, one_byte_more_is_overlong_once_and_the_next_frame_is_good);
	tcase_add_test(
	    tc, held_bytes_do_not_pass_the_limit_until_they_are_data);
	tcase_add_test(
	    tc, data_before_a_match_on_the_same_byte_can_be_overlong);
	tcase_add_test(tc, the_tail_is_never_a_frame_of_its_own);
	tcase_add_test(tc, streamed_counts_and_none_are_unlimited);
	tcase_add_test(tc, a_terminator_s_own_limit_goes_before_the_channel_s);
	tcase_add_test(tc, size_max_is_no_limit);
	tcase_add_test(
	    tc, a_limit_lowered_in_a_frame_fails_it_at_the_next_byte);
	tcase_add_test(tc, a_limit_lowered_in_a_frame_lets_its_end_pass);
	tcase_add_test(
	    tc, a_limit_lowered_in_a_frame_fails_held_bytes_at_the_end);
	tcase_add_test(
	    tc, what_came_under_none_does_not_count_for_the_next_frame_s_limit);
	tcase_add_test(
	    tc, what_came_under_a_terminator_counts_for_the_next_one_s_limit);
	tcase_add_test(tc, what_came_under_none_is_no_frame_for_the_end_to_end);
}

static void
add_skipping(TCase *tc)
{
	tcase_add_test(
	    tc, terminator_set_while_skipping_rules_from_the_next_frame);
	tcase_add_test(tc, every_kind_can_be_set_while_skipping);
	tcase_add_test(
	    tc, terminator_set_while_a_count_is_skipped_waits_for_its_end);
	tcase_add_test(
	    tc, of_two_terminators_set_while_skipping_the_second_rules);
	tcase_add_test(
	    tc, the_terminator_set_while_skipping_is_the_one_asked_for);
	tcase_add_test(
	    tc, held_bytes_stay_held_when_a_terminator_is_set_while_skipping);
	tcase_add_test(tc, literals_set_while_skipping_may_be_the_framer_s_own);
	tcase_add_test(tc, a_set_at_an_overlong_frame_that_ended_rules_at_once);
}

static void
add_the_end(TCase *tc)
{
	tcase_add_test(tc, held_bytes_are_handed_over_at_the_end);
	tcase_add_test(
	    tc, the_end_ends_a_frame_only_where_the_terminator_says_so);
	tcase_add_test(tc, an_empty_frame_is_ended_by_the_end_only_under_none);
	tcase_add_test(tc, an_unclean_end_ends_no_frame);
	tcase_add_test(tc, held_bytes_can_be_overlong_at_the_end);
	tcase_add_test(
	    tc, a_frame_that_is_skipped_at_the_end_is_not_told_again);
	tcase_add_loop_test(tc,
	    the_end_of_a_skipped_frame_puts_the_next_terminator_in_force, 0, 5);
	tcase_add_test(tc, a_count_ended_by_the_end_is_none_afterwards);
	tcase_add_test(tc, no_literal_matched_what_the_end_ended);
}

static void
add_memory(TCase *tc)
{
	tcase_add_test(tc, sixteen_bytes_of_literals_need_no_memory);
	tcase_add_test(tc, setting_an_equal_terminator_needs_no_memory);
	tcase_add_test(
	    tc, switching_between_long_literals_needs_one_block_for_each);
	tcase_add_test(
	    tc, switching_between_equally_long_literals_needs_one_block);
	tcase_add_test(tc, without_memory_the_old_terminator_stays);
	tcase_add_loop_test(
	    tc, without_memory_while_skipping_the_old_terminator_stays, 0, 2);
	tcase_add_test(tc, without_memory_the_terminator_that_waits_stays);
	tcase_add_test(tc, taking_over_gives_back_what_is_not_needed);
	tcase_add_test(tc, clear_gives_back_the_memory);
}

static void
add_random(TCase *tc)
{
	tcase_add_test(tc, random_scripts_say_what_the_reference_says);
}

static Suite *
suite(void)
{
	static const struct {
		const char *name;
		void (*add)(TCase *tc);
	} groups[] = {{"literals", add_literals}, {"counts", add_counts},
	    {"setting", add_setting}, {"limits", add_limits},
	    {"skipping", add_skipping}, {"the end", add_the_end},
	    {"memory", add_memory}, {"random", add_random}};
	Suite *s = suite_create("framer");

	for (size_t i = 0; i < LEN(groups); i++) {
		TCase *tc = suite_group(s, groups[i].name);

		tcase_add_checked_fixture(tc, begin, end);
		groups[i].add(tc);
	}
	return s;
}

int
main(void)
{
	framing_print_ways();
	return suite_run(suite());
}
