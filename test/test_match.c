/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The matcher: which literal ends where, how much is held, and what it costs
 * in memory.  Every scan here is repeated at each place where its input can be
 * cut in two, and byte by byte.
 */
#include "match-internal.h"
#include "support/framing.h"
#include "support/memory.h"
#include "support/reference.h"
#include "support/scale.h"
#include "support/suite.h"
#include <evchat/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEN(array) (sizeof(array) / sizeof *(array))

static struct evchat_match match;

/* From a copy of just their size, as they may come. */
static void
set(struct evchat_terminator t)
{
	size_t size = t.n_literals * sizeof *t.literals;
	struct evchat_span *literals = malloc(size);

	if (!literals)
		abort();
	memcpy(literals, t.literals, size);
	ck_assert_int_eq(evchat_match_set_(&match, literals, t.n_literals), 0);
	free(literals);
}

static struct evchat_terminator
any_of(const char *a, const char *b, const char *c)
{
	struct evchat_span literals[] = {
	    {a, strlen(a)}, {b, b ? strlen(b) : 0}, {c, c ? strlen(c) : 0}};

	return evchat_any_of(literals, c ? 3 : b ? 2 : 1);
}

/* Where literals ended in everything scanned, as "index@offset ". */
static char found_at[8192];
static size_t offset;

static void
begin_scan(void)
{
	evchat_match_restart_(&match);
	found_at[0] = '\0';
	offset = 0;
}

static void
write_down(size_t index)
{
	size_t len = strlen(found_at);

	snprintf(
	    found_at + len, sizeof found_at - len, "%zu@%zu ", index, offset);
}

/* Scan one chunk, from a copy of just its size; what is known ahead is carried
 * on, but forgotten now and then. */
static void
scan_chunk(const char *bytes, size_t len)
{
	unsigned char *run = malloc(len ? len : 1);
	struct evchat_ahead ahead = {0};
	struct evchat_found found = {0, 0};

	if (!run)
		abort();
	memcpy(run, bytes, len);
	for (size_t at = 0; at < len;) {
		size_t scanned = evchat_match_scan_(
		    &match, &ahead, run + at, len - at, &found);

		at += scanned;
		offset += scanned;
		if (found.len)
			write_down(found.index);
		else if (at != len)
			ck_abort_msg("stopped at %zu of %zu", at, len);
		if (offset % 3 == 0)
			memset(&ahead, 0, sizeof ahead);
	}
	free(run);
}

static const char *
scan_in_pieces(const char *bytes, size_t len, size_t piece)
{
	begin_scan();
	for (; len > piece; bytes += piece, len -= piece)
		scan_chunk(bytes, piece);
	scan_chunk(bytes, len);
	return found_at;
}

static const char *
scan_cut_at(const char *bytes, size_t len, size_t cut)
{
	begin_scan();
	scan_chunk(bytes, cut);
	scan_chunk(bytes + cut, len - cut);
	return found_at;
}

/* In every way to search: whole, at every split point, and byte by byte. */
static void
expect_of(struct evchat_terminator t, const char *input, size_t len,
    const char *expected)
{
	set(t);
	for (size_t way = 0; framing_choose_way(way); way++) {
		for (size_t cut = 0; cut <= len; cut++)
			if (strcmp(scan_cut_at(input, len, cut), expected) != 0)
				ck_abort_msg("way %zu, cut %zu: %s, not %s",
				    way, cut, found_at, expected);
		ck_assert_str_eq(scan_in_pieces(input, len, 1), expected);
	}
}

static void
expect(struct evchat_terminator t, const char *input, const char *expected)
{
	expect_of(t, input, strlen(input), expected);
}

START_TEST(found_once_when_literal_is_split)
{
	expect(EVCHAT_LIT("\r\n"), "ab\r\ncd", "0@4 ");
	expect(EVCHAT_LIT("\r\n\r\n"), "ab\r\n\r\ncd", "0@6 ");
}
END_TEST

START_TEST(every_occurrence_is_found)
{
	expect(EVCHAT_LIT("\n"), "\n\na\n", "0@1 0@2 0@4 ");
	expect(EVCHAT_LIT("\r\n"), "\r\n\r\na\r\n", "0@2 0@4 0@7 ");
}
END_TEST

START_TEST(found_behind_false_starts)
{
	expect(EVCHAT_LIT("\r\n"), "\r\r\r\n", "0@4 ");
	expect(EVCHAT_LIT("\r\n\r\n"), "\r\n\r\r\n\r\n", "0@7 ");
	expect(EVCHAT_LIT("aab"), "aaaab", "0@5 ");
	expect(EVCHAT_LIT("abacabad"), "abacabacabad", "0@12 ");
	expect(EVCHAT_LIT("aabaaab"), "aabaabaaab", "0@10 ");
}
END_TEST

START_TEST(nothing_is_found_where_nothing_is)
{
	expect(EVCHAT_LIT("\r\n"),
	    "\n\r\n\r"
	    "a",
	    "0@3 ");
	expect(EVCHAT_LIT("\r\n"), "\n\n\r\r", "");
	expect(EVCHAT_LIT("abc"), "ab", "");
}
END_TEST

START_TEST(consumed_literal_is_never_matched_again)
{
	expect(EVCHAT_LIT("aa"), "aaa", "0@2 ");
	expect(EVCHAT_LIT("aa"), "aaaa", "0@2 0@4 ");
	expect(EVCHAT_LIT("\r\n.\r\n"), "\r\n.\r\n.\r\n", "0@5 ");
}
END_TEST

START_TEST(first_to_complete_wins)
{
	expect(any_of("abcd", "bc", NULL), "abcd", "1@3 ");
	expect(any_of("bc", "abcd", NULL), "abcd", "0@3 ");
	expect(any_of("x", "yz", "zx"), "yzx", "1@2 0@3 ");
}
END_TEST

START_TEST(longest_of_those_that_complete_together_wins)
{
	expect(any_of("\n", "\r\n", NULL), "a\nb\r\n", "0@2 1@5 ");
	expect(any_of("\r\n", "\n", NULL), "a\nb\r\n", "1@2 0@5 ");
	expect(any_of("c", "bc", "abc"), "abc bc c", "2@3 1@6 0@8 ");
	expect(any_of("bc", "abc", "c"), "abc bc c", "1@3 0@6 2@8 ");
}
END_TEST

START_TEST(first_of_equal_literals_wins)
{
	expect(any_of("b", "ab", "ab"), "ab", "1@2 ");
}
END_TEST

START_TEST(a_literal_that_ends_with_another_may_be_anywhere_among_them)
{
	expect(any_of("ab\n", "\n", NULL), "x\nab\n", "1@2 0@5 ");
	expect(any_of("x\r\n", "\r\n", NULL), "a\r\nx\r\n", "1@3 0@6 ");
	expect(any_of("a\n", "bc\n", "\n"), "bc\na\nx\n", "1@3 0@5 2@7 ");
}
END_TEST

START_TEST(a_literal_that_nearly_ends_with_another_is_found)
{
	expect(any_of("b", "ac", NULL), "xacb", "1@3 0@4 ");
	expect(any_of("ac", "b", NULL), "xacb", "0@3 1@4 ");
	expect(any_of("ab", "cbb", NULL), "cbbab", "1@3 0@5 ");
}
END_TEST

START_TEST(a_match_restarts_the_literals_that_did_not_complete)
{
	expect(any_of("ab", "bcd", NULL), "abcd", "0@2 ");
}
END_TEST

START_TEST(every_byte_value_can_be_a_literal)
{
	unsigned char byte = (unsigned char)_i;
	char input[3] = {(char)(_i + 1), (char)_i, (char)(_i + 1)};

	set(evchat_literal(&byte, 1));
	ck_assert_str_eq(scan_in_pieces(input, sizeof input, 1), "0@2 ");
	ck_assert_str_eq(scan_in_pieces(input, sizeof input, 3), "0@2 ");
}
END_TEST

START_TEST(literals_of_nul_bytes_are_literals)
{
	set(evchat_literal("\0\0", 2));
	ck_assert_str_eq(scan_in_pieces("a\0b\0\0c", 6, 6), "0@5 ");
	ck_assert_str_eq(scan_in_pieces("a\0b\0\0c", 6, 1), "0@5 ");
}
END_TEST

/* "aaa...ab", which makes the most of its borders. */
static struct evchat_terminator
longest_literal(void)
{
	static unsigned char bytes[EVCHAT_LITERAL_MAX];

	memset(bytes, 'a', sizeof bytes);
	bytes[sizeof bytes - 1] = 'b';
	return evchat_literal(bytes, sizeof bytes);
}

START_TEST(longest_literal_is_found_at_every_cut)
{
	static char input[EVCHAT_LITERAL_MAX + 5];

	memset(input, 'a', sizeof input);
	input[sizeof input - 2] = 'b';
	set(longest_literal());
	for (size_t cut = 0; cut <= sizeof input; cut++)
		ck_assert_str_eq(
		    scan_cut_at(input, sizeof input, cut), "0@1028 ");
	ck_assert_str_eq(scan_in_pieces(input, sizeof input, 1), "0@1028 ");
}
END_TEST

START_TEST(most_and_longest_literals_of_any_of_are_all_found)
{
	static unsigned char bytes[EVCHAT_LITERALS_MAX][EVCHAT_ANY_OF_MAX];
	struct evchat_span literals[EVCHAT_LITERALS_MAX];

	for (size_t i = 0; i < EVCHAT_LITERALS_MAX; i++) {
		memset(bytes[i], 'a', EVCHAT_ANY_OF_MAX);
		bytes[i][EVCHAT_ANY_OF_MAX - 1] = (unsigned char)('0' + i);
		literals[i] = (struct evchat_span){bytes[i], EVCHAT_ANY_OF_MAX};
	}
	set(evchat_any_of(literals, EVCHAT_LITERALS_MAX));
	ck_assert_str_eq(scan_in_pieces((const char *)bytes, sizeof bytes, 7),
	    "0@64 1@128 2@192 3@256 4@320 5@384 6@448 7@512 ");
}
END_TEST

/* "aa..ab", `as` of them, and the bytes behind it. */
static size_t
add_run(char *bytes, size_t as, const char *behind)
{
	memset(bytes, 'a', as);
	memcpy(bytes + as, behind, strlen(behind));
	return as + strlen(behind);
}

START_TEST(a_long_literal_may_begin_several_failures_away)
{
	char literal[64], input[128];
	size_t len = add_run(literal, 20, "b"), n = add_run(input, 20, "b");

	len += add_run(literal + len, 20, "c");
	/* Not the "c", but one "a" more: the last 20 of them begin anew. */
	n += add_run(input + n, 21, "b");
	n += add_run(input + n, 20, "c");
	expect_of(evchat_literal(literal, len), input, n, "0@64 ");
}
END_TEST

START_TEST(scan_stops_right_behind_the_literal)
{
	struct evchat_found found;

	set(EVCHAT_LIT("\r\n"));
	ck_assert_uint_eq(evchat_match_scan_(&match, &(struct evchat_ahead){0},
			      (const unsigned char *)"ab\r\ncd\r\n", 8, &found),
	    4);
	ck_assert(found.len);
	ck_assert_uint_eq(evchat_match_held_(&match), 0);
}
END_TEST

START_TEST(no_bytes_change_nothing)
{
	struct evchat_found found = {1, 0};

	set(EVCHAT_LIT("\r\n"));
	scan_in_pieces("a\r", 2, 2);
	ck_assert_uint_eq(evchat_match_scan_(&match, &(struct evchat_ahead){0},
			      (const unsigned char *)"\n", 0, &found),
	    0);
	ck_assert(!found.len);
	ck_assert_uint_eq(evchat_match_held_(&match), 1);
}
END_TEST

/* Every string of up to the scale's length over two letters: what is held is
 * the longest proper prefix, neither less nor more. */
static void
expect_longest_prefix_held(struct evchat_terminator t, const char *letters)
{
	unsigned char input[16];

	set(t);
	for (size_t len = 1; len <= test_scale() + 2; len++) {
		for (size_t n = 0; n < (size_t)1 << len; n++) {
			for (size_t i = 0; i < len; i++)
				input[i] = (unsigned char)letters[n >> i & 1];
			if (*scan_in_pieces((char *)input, len, len))
				continue;
			ck_assert_uint_eq(evchat_match_held_(&match),
			    reference_prefix(&t, input, len));
		}
	}
}

START_TEST(exactly_the_longest_proper_prefix_is_held)
{
	expect_longest_prefix_held(EVCHAT_LIT("\n"), "a\n");
	expect_longest_prefix_held(EVCHAT_LIT("\r\n"), "\r\n");
	expect_longest_prefix_held(EVCHAT_LIT("\r\n\r\n"), "\r\n");
	expect_longest_prefix_held(EVCHAT_LIT("aabaaab"), "ab");
	expect_longest_prefix_held(EVCHAT_LIT("aaaaaab"), "ab");
	expect_longest_prefix_held(EVCHAT_LIT("abaababa"), "ab");
	expect_longest_prefix_held(any_of("aaaab", "baa", NULL), "ab");
	expect_longest_prefix_held(any_of("bb", "babab", "aaaa"), "ab");
}
END_TEST

static void
spell(unsigned char *bytes, size_t len, size_t number)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = number >> i & 1 ? 'b' : 'a';
}

/* Byte by byte up to the first match; false where the matcher is wrong. */
static bool
agrees_with_reference(
    const struct evchat_terminator *t, const unsigned char *input, size_t len)
{
	struct evchat_found found = {0, 0};

	evchat_match_restart_(&match);
	for (size_t n = 1; n <= len && !found.len; n++) {
		const struct evchat_span *literal = &t->literals[0];
		bool ends =
		    n >= literal->len && memcmp(input + n - literal->len,
					     literal->bytes, literal->len) == 0;

		evchat_match_scan_(&match, &(struct evchat_ahead){0},
		    input + n - 1, 1, &found);
		if ((found.len != 0) != ends)
			return false;
		if (!found.len &&
		    evchat_match_held_(&match) != reference_prefix(t, input, n))
			return false;
	}
	return true;
}

static void
try_every_input(const struct evchat_terminator *t, size_t len)
{
	unsigned char input[16];

	for (size_t n = 0; n < (size_t)1 << len; n++) {
		spell(input, len, n);
		if (!agrees_with_reference(t, input, len))
			ck_abort_msg("literal %.*s, input %.*s",
			    (int)t->literals[0].len,
			    (const char *)t->literals[0].bytes, (int)len,
			    (const char *)input);
	}
}

/* Literals more tangled than any protocol's: they need every step of the search
 * for borders. */
START_TEST(every_literal_of_two_letters_is_found_and_held_exactly)
{
	unsigned char literal[16];
	size_t longest = test_scale() + 1;

	for (size_t len = 1; len <= longest; len++) {
		for (size_t n = 0; n < (size_t)1 << len; n++) {
			struct evchat_terminator t;

			spell(literal, len, n);
			t = evchat_literal(literal, len);
			set(t);
			try_every_input(&t, longest);
		}
	}
}
END_TEST

/* What a literal is that ends with byte n - 1 of what came since the last one;
 * the first of the longest. */
static size_t
complete(const struct evchat_terminator *t, const char *bytes, size_t n)
{
	size_t best = EVCHAT_MATCHED_NONE, longest = 0;

	for (size_t i = 0; i < t->n_literals; i++) {
		size_t len = t->literals[i].len;

		if (len > n || len <= longest ||
		    memcmp(bytes + n - len, t->literals[i].bytes, len) != 0)
			continue;
		longest = len;
		best = i;
	}
	return best;
}

/* The simplest way to say what scanning says; returns what must be held. */
static size_t
write_truth(const struct evchat_terminator *t, const char *bytes, size_t len,
    char *truth, size_t room)
{
	size_t since = 0, written = 0;

	truth[0] = '\0';
	for (size_t end = 1; end <= len; end++) {
		size_t index = complete(t, bytes + since, end - since);

		if (index == EVCHAT_MATCHED_NONE)
			continue;
		since = end;
		written += (size_t)snprintf(
		    truth + written, room - written, "%zu@%zu ", index, end);
	}
	return reference_prefix(
	    t, (const unsigned char *)bytes + since, len - since);
}

static void
expect_truth(struct evchat_terminator t, const char *bytes, size_t len,
    const size_t *cuts, size_t n_cuts)
{
	static char truth[sizeof found_at];
	size_t held = write_truth(&t, bytes, len, truth, sizeof truth);
	size_t at = 0;

	begin_scan();
	for (size_t i = 0; i < n_cuts; at = cuts[i++])
		scan_chunk(bytes + at, cuts[i] - at);
	scan_chunk(bytes + at, len - at);
	if (strcmp(found_at, truth) != 0 || evchat_match_held_(&match) != held)
		ck_abort_msg("said %s, holding %zu, not %s, holding %zu",
		    found_at, evchat_match_held_(&match), truth, held);
}

/* Terminators of all the sizes at which something changes. */
static struct evchat_terminator
sized(size_t which)
{
	static const char text[] =
	    "0123456789abcdef0123456789abcdef0123456789ABCDEF0123456789ABCDEF";
	static const struct evchat_span line_ends[] = {{"\r\n", 2}, {"\n", 1}};
	static const struct evchat_span mixed[] = {
	    {text, 64}, {text + 16, 30}, {"b", 1}};
	static const struct evchat_span alike[] = {
	    {text, 40}, {text, 20}, {text + 32, 20}, {text + 48, 16}};
	const struct evchat_terminator all[] = {EVCHAT_LIT("\n"),
	    EVCHAT_LIT("\r\n"), EVCHAT_LIT("aaa"), EVCHAT_LIT("\r\n\r\n"),
	    EVCHAT_LIT("ababa"), EVCHAT_LIT("\r\n.\r\n--"),
	    evchat_literal(text, 16), evchat_literal(text, 17),
	    evchat_literal(text, 33), evchat_literal(text, 64),
	    evchat_any_of(line_ends, 2), evchat_any_of(mixed, 3),
	    evchat_any_of(alike, 4), any_of("abcd", "bc", "dab")};

	return which < LEN(all) ? all[which] : (struct evchat_terminator){0};
}

/* With a beginning of itself before it, and one behind it. */
START_TEST(found_at_every_place_of_runs_of_every_length)
{
	struct evchat_terminator t = sized((size_t)_i);
	const struct evchat_span *literal =
	    &t.literals[(size_t)_i % t.n_literals];
	char run[300];

	set(t);
	for (size_t at = 0; at + literal->len <= 200; at++) {
		size_t len = at + literal->len, cuts[3];

		memset(run, 'x', sizeof run);
		for (size_t i = 0; i < at && i < literal->len - 1; i++)
			run[i] = ((const char *)literal->bytes)[i];
		memcpy(run + at, literal->bytes, literal->len);
		memcpy(run + len, literal->bytes, literal->len);
		len += literal->len / 2 + at % 3;
		cuts[0] = at % 7;
		cuts[1] = at;
		cuts[2] = at + literal->len / 2;
		for (size_t way = 0; framing_choose_way(way); way++) {
			expect_truth(t, run, len, NULL, 0);
			expect_truth(t, run, len, cuts + 1, 1);
			expect_truth(t, run, len, cuts + 2, 1);
			if (cuts[0] <= cuts[1])
				expect_truth(t, run, len, cuts, 3);
		}
	}
}
END_TEST

struct made_up {
	struct evchat_terminator t;
	char bytes[EVCHAT_LITERALS_MAX][EVCHAT_LITERAL_MAX];
	size_t len;
	char input[2000];
};

static void
make_up_literals(struct made_up *m, struct chance *c, size_t letters)
{
	static const size_t longest[] = {2, 4, 8, 16, 17, 24, 64};
	size_t most = longest[chance_below(c, LEN(longest))];
	struct evchat_span literals[EVCHAT_LITERALS_MAX];
	size_t n = chance_below(c, 2) ? 1 : 2 + chance_below(c, 7);

	if (n == 1 && chance_below(c, 8) == 0)
		most = EVCHAT_LITERAL_MAX;
	for (size_t i = 0; i < n; i++) {
		size_t len =
		    chance_below(c, 2) ? most : 1 + chance_below(c, most);

		for (size_t j = 0; j < len; j++)
			m->bytes[i][j] = "a\0\xff"[chance_below(c, letters)];
		literals[i] = (struct evchat_span){m->bytes[i], len};
	}
	m->t = evchat_any_of(literals, n);
}

/* Made of letters and of what the literals are made of. */
static void
make_up_input(struct made_up *m, struct chance *c, size_t letters)
{
	size_t len = 1 + chance_below(c, 300);

	if (m->t.literals[0].len > 100)
		len += EVCHAT_LITERAL_MAX;
	for (m->len = 0; m->len < len;) {
		const struct evchat_span *literal =
		    &m->t.literals[chance_below(c, m->t.n_literals)];
		size_t part = chance_below(c, 2)
				  ? literal->len
				  : 1 + chance_below(c, literal->len);

		if (chance_below(c, 3) == 0 ||
		    m->len + part > sizeof m->input) {
			m->input[m->len++] =
			    "a\0\xff"[chance_below(c, letters)];
			continue;
		}
		memcpy(m->input + m->len, literal->bytes, part);
		m->len += part;
	}
}

START_TEST(random_literals_are_found_in_random_runs)
{
	static struct made_up m;
	struct chance c = chance_from(test_seed());

	for (size_t i = 0; i < test_scaled(20000); i++) {
		size_t letters = 1 + chance_below(&c, 3), n = 0, cuts[8];

		make_up_literals(&m, &c, letters);
		make_up_input(&m, &c, letters);
		set(m.t);
		for (size_t at = 0; n < chance_below(&c, LEN(cuts)); n++) {
			at += chance_below(&c, m.len - at + 1);
			cuts[n] = at;
		}
		if (!framing_choose_way(i % 8))
			framing_choose_way(0);
		expect_truth(m.t, m.input, m.len, cuts, n);
	}
}
END_TEST

START_TEST(a_run_that_has_grown_is_looked_at_anew)
{
	const unsigned char run[] = "ab\ncd\nef";
	struct evchat_ahead ahead = {0};
	struct evchat_found found;

	set(EVCHAT_LIT("\n"));
	ck_assert_uint_eq(
	    evchat_match_scan_(&match, &ahead, run, 5, &found), 3);
	ck_assert_uint_eq(
	    evchat_match_scan_(&match, &ahead, run + 3, 5, &found), 3);
	ck_assert_uint_eq(found.len, 1);
	ck_assert_uint_eq(
	    evchat_match_scan_(&match, &ahead, run + 6, 1, &found), 1);
	ck_assert_uint_eq(found.len, 0);
}
END_TEST

START_TEST(switching_between_short_and_long_needs_one_block)
{
	set(longest_literal());
	memory_refuse_after(0);
	for (int i = 0; i < 3; i++) {
		expect(EVCHAT_LIT("\r\n"), "a\r\n", "0@3 ");
		expect(any_of("\r\n", "\n", NULL), "a\r\n\n", "0@3 1@4 ");
		expect(EVCHAT_LIT("0123456789abcdefg"), "0123456789abcdefg",
		    "0@17 ");
		set(longest_literal());
	}
	ck_assert_uint_eq(memory_asked(), 1);
	ck_assert_uint_eq(memory_live(), 1);
}
END_TEST

START_TEST(what_is_held_where_a_block_ends_is_not_held_for_ever)
{
	char input[68];

	/* One byte is held, and a block from there on ends with another CR. */
	memset(input, 'x', sizeof input);
	input[0] = input[63] = '\r';
	memcpy(input + 65, "\r\n\n", 3);
	expect_of(EVCHAT_LIT("\r\n"), input, sizeof input, "0@67 ");
}
END_TEST

START_TEST(restart_forgets_what_was_scanned)
{
	set(EVCHAT_LIT("\r\n"));
	scan_in_pieces("a\r", 2, 2);
	evchat_match_restart_(&match);
	ck_assert_uint_eq(evchat_match_held_(&match), 0);
	ck_assert_str_eq(scan_in_pieces("\n\r\n", 3, 3), "0@3 ");
}
END_TEST

START_TEST(setting_literals_forgets_what_was_scanned)
{
	struct evchat_found found;

	set(EVCHAT_LIT("ab"));
	scan_in_pieces("a", 1, 1);
	set(EVCHAT_LIT("ab"));
	evchat_match_scan_(&match, &(struct evchat_ahead){0},
	    (const unsigned char *)"b", 1, &found);
	ck_assert(!found.len);
	scan_in_pieces("a", 1, 1);
	set(EVCHAT_LIT("xb"));
	ck_assert_uint_eq(evchat_match_held_(&match), 0);
}
END_TEST

START_TEST(literals_are_copied)
{
	char bytes[] = "\r\n";

	set(evchat_literal(bytes, 2));
	memset(bytes, 'x', 2);
	ck_assert_str_eq(scan_in_pieces("axx\r\n", 5, 5), "0@5 ");
}
END_TEST

static void
expect_literal(size_t index, const char *bytes)
{
	struct evchat_span mine = evchat_match_literal_(&match, index);

	ck_assert_uint_eq(mine.len, strlen(bytes));
	ck_assert_mem_eq(mine.bytes, bytes, mine.len);
}

START_TEST(literals_can_be_asked_for)
{
	set(any_of("a", "bcd", "ef"));
	expect_literal(0, "a");
	expect_literal(1, "bcd");
	expect_literal(2, "ef");
	set(any_of("0123456789", "abcdefghij", "xyz"));
	expect_literal(0, "0123456789");
	expect_literal(1, "abcdefghij");
	expect_literal(2, "xyz");
}
END_TEST

START_TEST(literals_may_be_the_matcher_s_own)
{
	struct evchat_span own[2];

	for (size_t i = 0; i < 2; i++) {
		set(i ? any_of("0123456789", "abcdefghij", NULL)
		      : any_of("ab", "cde", NULL));
		own[0] = evchat_match_literal_(&match, 1);
		own[1] = evchat_match_literal_(&match, 0);
		ck_assert_int_eq(evchat_match_set_(&match, own, 2), 0);
	}
	expect_literal(0, "abcdefghij");
	expect_literal(1, "0123456789");
	ck_assert_str_eq(
	    scan_in_pieces("0123456789abcdefghij", 20, 3), "1@10 0@20 ");
}
END_TEST

START_TEST(sixteen_bytes_of_literals_need_no_memory)
{
	set(evchat_literal("0123456789abcdef", 16));
	set(any_of("01234567", "89abcde", "f"));
	ck_assert_uint_eq(memory_asked(), 0);
	expect(any_of("01234567", "89abcde", "f"), "01234567f89abcde",
	    "0@8 2@9 1@16 ");
	ck_assert_uint_eq(memory_asked(), 0);
}
END_TEST

START_TEST(more_bytes_of_literals_need_one_block)
{
	set(evchat_literal("0123456789abcdefg", 17));
	ck_assert_uint_eq(memory_asked(), 1);
	set(any_of("0123456789", "abcdefg", NULL));
	ck_assert_uint_eq(memory_asked(), 1);
	set(longest_literal());
	ck_assert_uint_eq(memory_asked(), 2);
	ck_assert_uint_eq(memory_live(), 1);
}
END_TEST

START_TEST(equal_literals_need_no_memory)
{
	set(longest_literal());
	memory_refuse_after(0);
	set(longest_literal());
	ck_assert_uint_eq(memory_asked(), 1);
}
END_TEST

START_TEST(literals_that_differ_anywhere_are_not_equal)
{
	set(any_of("ab", "cd", NULL));
	expect(any_of("ab", NULL, NULL), "cdab", "0@4 ");
	expect(any_of("ab", "cd", NULL), "cdab", "1@2 0@4 ");
	expect(any_of("ab", "ce", NULL), "ceab", "1@2 0@4 ");
	expect(any_of("ab", "cde", NULL), "cdeab", "1@3 0@5 ");
	expect(any_of("xb", "cde", NULL), "cdexb", "1@3 0@5 ");
}
END_TEST

START_TEST(shorter_literals_need_no_memory_of_their_own)
{
	set(longest_literal());
	memory_refuse_after(0);
	expect(EVCHAT_LIT("\r\n"), "a\r\n", "0@3 ");
	set(longest_literal());
	expect(any_of("0123456789", "abcdefghij", NULL), "abcdefghij0123456789",
	    "1@10 0@20 ");
	ck_assert_uint_eq(memory_asked(), 1);
}
END_TEST

START_TEST(without_memory_nothing_changes)
{
	struct evchat_terminator longest = longest_literal();

	set(any_of("ab", "cd", NULL));
	scan_in_pieces("a", 1, 1);
	memory_refuse_after(0);
	ck_assert_int_eq(evchat_match_set_(&match, longest.literals, 1),
	    EVCHAT_ERR_NO_MEMORY);
	ck_assert_uint_eq(evchat_match_held_(&match), 1);
	expect_literal(0, "ab");
	expect_literal(1, "cd");
	ck_assert_str_eq(scan_in_pieces("cdab", 4, 4), "1@2 0@4 ");
}
END_TEST

START_TEST(clear_gives_back_the_memory)
{
	static const struct evchat_match empty;

	set(longest_literal());
	evchat_match_clear_(&match);
	ck_assert_uint_eq(memory_live(), 0);
	ck_assert_mem_eq(&match, &empty, sizeof match);
}
END_TEST

static void
begin(void)
{
	memory_watch();
	memset(&match, 0, sizeof match);
}

static void
end(void)
{
	evchat_match_clear_(&match);
	ck_assert_uint_eq(memory_live(), 0);
	memory_unwatch();
}

static void
add_finding(TCase *tc)
{
	tcase_add_test(tc, found_once_when_literal_is_split);
	tcase_add_test(tc, every_occurrence_is_found);
	tcase_add_test(tc, found_behind_false_starts);
	tcase_add_test(tc, nothing_is_found_where_nothing_is);
	tcase_add_test(tc, consumed_literal_is_never_matched_again);
	tcase_add_test(tc, first_to_complete_wins);
	tcase_add_test(tc, longest_of_those_that_complete_together_wins);
	tcase_add_test(tc, first_of_equal_literals_wins);
	tcase_add_test(
	    tc, a_literal_that_ends_with_another_may_be_anywhere_among_them);
	tcase_add_test(tc, a_literal_that_nearly_ends_with_another_is_found);
	tcase_add_test(tc, a_match_restarts_the_literals_that_did_not_complete);
	tcase_add_loop_test(tc, every_byte_value_can_be_a_literal, 0, 256);
	tcase_add_test(tc, literals_of_nul_bytes_are_literals);
	tcase_add_test(tc, longest_literal_is_found_at_every_cut);
	tcase_add_test(tc, most_and_longest_literals_of_any_of_are_all_found);
	tcase_add_test(tc, a_long_literal_may_begin_several_failures_away);
	tcase_add_loop_test(
	    tc, found_at_every_place_of_runs_of_every_length, 0, 14);
	tcase_add_test(tc, random_literals_are_found_in_random_runs);
	tcase_add_test(tc, a_run_that_has_grown_is_looked_at_anew);
	tcase_add_test(tc, scan_stops_right_behind_the_literal);
	tcase_add_test(tc, no_bytes_change_nothing);
}

static void
add_holding(TCase *tc)
{
	tcase_add_test(tc, exactly_the_longest_proper_prefix_is_held);
	tcase_add_test(
	    tc, every_literal_of_two_letters_is_found_and_held_exactly);
	tcase_add_test(
	    tc, what_is_held_where_a_block_ends_is_not_held_for_ever);
	tcase_add_test(tc, restart_forgets_what_was_scanned);
	tcase_add_test(tc, setting_literals_forgets_what_was_scanned);
}

static void
add_keeping(TCase *tc)
{
	tcase_add_test(tc, literals_are_copied);
	tcase_add_test(tc, literals_can_be_asked_for);
	tcase_add_test(tc, literals_may_be_the_matcher_s_own);
	tcase_add_test(tc, sixteen_bytes_of_literals_need_no_memory);
	tcase_add_test(tc, more_bytes_of_literals_need_one_block);
	tcase_add_test(tc, equal_literals_need_no_memory);
	tcase_add_test(tc, literals_that_differ_anywhere_are_not_equal);
	tcase_add_test(tc, shorter_literals_need_no_memory_of_their_own);
	tcase_add_test(tc, switching_between_short_and_long_needs_one_block);
	tcase_add_test(tc, without_memory_nothing_changes);
	tcase_add_test(tc, clear_gives_back_the_memory);
}

static Suite *
suite(void)
{
	static const struct {
		const char *name;
		void (*add)(TCase *tc);
	} groups[] = {{"finding", add_finding}, {"holding", add_holding},
	    {"keeping", add_keeping}};
	Suite *s = suite_create("match");

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
