/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The automaton: after each byte its state is the longest beginning of any
 * literal that ends what was scanned, and it knows the longest literal that
 * does.
 */
#include "automaton-internal.h"
#include "support/reference.h"
#include "support/scale.h"
#include "support/suite.h"
#include <string.h>

#define LEN(array) (sizeof(array) / sizeof *(array))

enum { LONGEST = 24 };

static struct evchat_node nodes[EVCHAT_LITERALS_MAX * LONGEST + 1];

/* The first of the longest literals that end these bytes. */
static size_t
complete(
    const struct evchat_terminator *t, const unsigned char *bytes, size_t len)
{
	size_t best = EVCHAT_AUTOMATON_NONE, longest = 0;

	for (size_t i = 0; i < t->n_literals; i++) {
		size_t n = t->literals[i].len;

		if (n > len || n <= longest ||
		    memcmp(bytes + len - n, t->literals[i].bytes, n) != 0)
			continue;
		longest = n;
		best = i;
	}
	return best;
}

/* Up to where a literal ends, and from there anew. */
static void
expect_followed(
    const struct evchat_terminator *t, const unsigned char *bytes, size_t len)
{
	uint16_t at[EVCHAT_LITERALS_MAX], state = 0;
	size_t since = 0;

	evchat_automaton_build_(nodes, t->literals, t->n_literals, 1, at);
	for (size_t i = 0; i < len; i++) {
		const unsigned char *from = bytes + since;
		size_t n = i + 1 - since;

		state = evchat_automaton_step_(nodes, state, bytes[i]);
		if (nodes[state].ends != complete(t, from, n))
			ck_abort_msg("%d ends", nodes[state].ends);
		if (nodes[state].ends != EVCHAT_AUTOMATON_NONE) {
			since = i + 1;
			state = 0;
			continue;
		}
		if (nodes[state].depth != reference_prefix(t, from, n))
			ck_abort_msg("%d have begun", nodes[state].depth);
	}
}

static struct evchat_terminator
any_of(const char *a, const char *b, const char *c)
{
	struct evchat_span literals[] = {
	    {a, strlen(a)}, {b, strlen(b)}, {c, strlen(c)}};

	return evchat_any_of(literals, LEN(literals));
}

static void
expect(struct evchat_terminator t, const char *input)
{
	expect_followed(&t, (const unsigned char *)input, strlen(input));
}

START_TEST(one_literal_is_followed)
{
	expect(EVCHAT_LIT("abacabad"), "abacabacabadabacabad");
	expect(EVCHAT_LIT("aaab"), "aaaaaabaab");
	expect(EVCHAT_LIT("aa"), "aaa");
}
END_TEST

START_TEST(a_beginning_may_be_several_failures_away)
{
	/* Behind "abacaba" comes no "b", nor behind "aba"; behind "a" one. */
	expect(EVCHAT_LIT("abacabad"), "abacababacabad");
	expect(any_of("aabaac", "aaax", "y"), "aabaaax");
}
END_TEST

START_TEST(literals_that_begin_alike_are_followed)
{
	expect(any_of("abc", "abd", "axe"), "abxabdabcaxaxe");
	expect(any_of("abcd", "abce", "abcf"), "abcabcfabcdabce");
}
END_TEST

START_TEST(a_literal_within_another_ends_first)
{
	expect(any_of("abcde", "bc", "x"), "abcdebcx");
	expect(any_of("ab", "abab", "b"), "ababab");
	expect(any_of("abc", "b", "bcd"), "abcbcd");
}
END_TEST

START_TEST(of_those_that_end_together_the_longest_is_known)
{
	expect(any_of("c", "bc", "abc"), "cbcabc");
	expect(any_of("bc", "abc", "abc"), "abcbc");
}
END_TEST

START_TEST(the_state_of_a_beginning_is_told)
{
	struct evchat_terminator t = any_of("abcx", "aby", "abcz");
	uint16_t at[3];

	evchat_automaton_build_(nodes, t.literals, 3, 3, at);
	ck_assert_uint_eq(at[0], at[2]);
	ck_assert_uint_ne(at[0], at[1]);
	ck_assert_uint_eq(nodes[at[0]].depth, 3);
	ck_assert_uint_eq(nodes[at[0]].byte, 'c');
	ck_assert_uint_eq(nodes[at[0]].ends, EVCHAT_AUTOMATON_NONE);
	ck_assert_uint_eq(nodes[at[1]].byte, 'y');
	ck_assert_uint_eq(nodes[at[1]].ends, 1);
}
END_TEST

START_TEST(random_literals_are_followed)
{
	static unsigned char bytes[EVCHAT_LITERALS_MAX][LONGEST];
	struct chance c = chance_from(test_seed());
	unsigned char input[200];

	for (size_t i = 0; i < test_scaled(5000); i++) {
		struct evchat_span literals[EVCHAT_LITERALS_MAX];
		struct evchat_terminator t;
		size_t n = 1 + chance_below(&c, EVCHAT_LITERALS_MAX);
		size_t letters = 1 + chance_below(&c, 3);

		for (size_t j = 0; j < n; j++) {
			size_t len = 1 + chance_below(&c, LONGEST);

			for (size_t k = 0; k < len; k++)
				bytes[j][k] =
				    (unsigned char)chance_below(&c, letters);
			literals[j] = (struct evchat_span){bytes[j], len};
		}
		for (size_t k = 0; k < sizeof input; k++)
			input[k] = (unsigned char)chance_below(&c, letters);
		t = evchat_any_of(literals, n);
		expect_followed(&t, input, sizeof input);
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("automaton");
	TCase *tc = suite_group(s, "automaton");

	tcase_add_test(tc, one_literal_is_followed);
	tcase_add_test(tc, a_beginning_may_be_several_failures_away);
	tcase_add_test(tc, literals_that_begin_alike_are_followed);
	tcase_add_test(tc, a_literal_within_another_ends_first);
	tcase_add_test(tc, of_those_that_end_together_the_longest_is_known);
	tcase_add_test(tc, the_state_of_a_beginning_is_told);
	tcase_add_test(tc, random_literals_are_followed);
	return s;
}

int
main(void)
{
	return suite_run(suite());
}
