/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The matcher: which literal ends where, how much is held, and what it costs
 * in memory.  Every scan here is repeated at each place where its input can be
 * cut in two, and byte by byte.
 */
#include "match-internal.h"
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

static void
set(struct evchat_terminator t)
{
	ck_assert_int_eq(
	    evchat_match_set_(&match, t.literals, t.n_literals), 0);
}

static struct evchat_terminator
any_of(const char *a, const char *b, const char *c)
{
	struct evchat_span literals[] = {
	    {a, strlen(a)}, {b, b ? strlen(b) : 0}, {c, c ? strlen(c) : 0}};

	return evchat_any_of(literals, c ? 3 : b ? 2 : 1);
}

/* Where literals ended in everything scanned, as "index@offset ". */
static char found_at[1024];
static size_t offset;

static void
begin_scan(void)
{
	evchat_match_restart_(&match);
	found_at[0] = '\0';
	offset = 0;
}

static void
write_down(void)
{
	size_t len = strlen(found_at);

	snprintf(found_at + len, sizeof found_at - len, "%d@%zu ",
	    match.matched, offset);
}

/* Scan one chunk, from copies of just its size. */
static void
scan_chunk(const char *bytes, size_t len)
{
	while (len > 0) {
		unsigned char *run = malloc(len);
		bool found;
		size_t scanned;

		ck_assert_ptr_nonnull(run);
		memcpy(run, bytes, len);
		scanned = evchat_match_scan_(
		    &match, &(struct evchat_ahead){0}, run, len, &found);
		free(run);
		offset += scanned;
		bytes += scanned;
		len -= scanned;
		if (found)
			write_down();
		else
			ck_assert_uint_eq(len, 0);
	}
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

/* Whole, at every split point, and byte by byte. */
static void
expect(struct evchat_terminator t, const char *input, const char *expected)
{
	size_t len = strlen(input);

	set(t);
	for (size_t cut = 0; cut <= len; cut++)
		ck_assert_str_eq(scan_cut_at(input, len, cut), expected);
	ck_assert_str_eq(scan_in_pieces(input, len, 1), expected);
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

START_TEST(scan_stops_right_behind_the_literal)
{
	bool found;

	set(EVCHAT_LIT("\r\n"));
	ck_assert_uint_eq(evchat_match_scan_(&match, &(struct evchat_ahead){0},
			      (const unsigned char *)"ab\r\ncd\r\n", 8, &found),
	    4);
	ck_assert(found);
	ck_assert_uint_eq(evchat_match_held_(&match), 0);
}
END_TEST

START_TEST(no_bytes_change_nothing)
{
	bool found = true;

	set(EVCHAT_LIT("\r\n"));
	scan_in_pieces("a\r", 2, 2);
	ck_assert_uint_eq(evchat_match_scan_(&match, &(struct evchat_ahead){0},
			      (const unsigned char *)"\n", 0, &found),
	    0);
	ck_assert(!found);
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
	bool found = false;

	evchat_match_restart_(&match);
	for (size_t n = 1; n <= len && !found; n++) {
		const struct evchat_span *literal = &t->literals[0];
		bool ends =
		    n >= literal->len && memcmp(input + n - literal->len,
					     literal->bytes, literal->len) == 0;

		evchat_match_scan_(&match, &(struct evchat_ahead){0},
		    input + n - 1, 1, &found);
		if (found != ends)
			return false;
		if (!found &&
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
	bool found;

	set(EVCHAT_LIT("ab"));
	scan_in_pieces("a", 1, 1);
	set(EVCHAT_LIT("ab"));
	evchat_match_scan_(&match, &(struct evchat_ahead){0},
	    (const unsigned char *)"b", 1, &found);
	ck_assert(!found);
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
	tcase_add_test(tc, a_match_restarts_the_literals_that_did_not_complete);
	tcase_add_loop_test(tc, every_byte_value_can_be_a_literal, 0, 256);
	tcase_add_test(tc, literals_of_nul_bytes_are_literals);
	tcase_add_test(tc, longest_literal_is_found_at_every_cut);
	tcase_add_test(tc, most_and_longest_literals_of_any_of_are_all_found);
	tcase_add_test(tc, scan_stops_right_behind_the_literal);
	tcase_add_test(tc, no_bytes_change_nothing);
}

static void
add_holding(TCase *tc)
{
	tcase_add_test(tc, exactly_the_longest_proper_prefix_is_held);
	tcase_add_test(
	    tc, every_literal_of_two_letters_is_found_and_held_exactly);
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
	return suite_run(suite());
}
