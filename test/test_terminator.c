/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Terminator values: what the constructors make, and which values can be put
 * in force.
 */
#include "support/suite.h"
#include "terminator-internal.h"
#include <string.h>

#define LEN(array) (sizeof(array) / sizeof *(array))

static char bytes[EVCHAT_LITERAL_MAX + 1];

static void
expect(struct evchat_terminator t, bool is_valid)
{
	ck_assert_int_eq(evchat_terminator_is_valid_(&t), is_valid);
}

static void
expect_literal(
    const struct evchat_terminator *t, size_t index, const char *literal)
{
	ck_assert_uint_lt(index, t->n_literals);
	ck_assert_uint_eq(t->literals[index].len, strlen(literal));
	ck_assert_mem_eq(t->literals[index].bytes, literal, strlen(literal));
}

/* `n` literals of `len` bytes. */
static struct evchat_terminator
several(size_t n, size_t len)
{
	struct evchat_span literals[EVCHAT_LITERALS_MAX + 1];

	for (size_t i = 0; i < LEN(literals); i++)
		literals[i] = (struct evchat_span){bytes, len};
	return evchat_any_of(literals, n);
}

START_TEST(a_value_of_zeros_is_none)
{
	const struct evchat_terminator zeros = {0};
	struct evchat_terminator t = evchat_none();

	ck_assert_int_eq(zeros.kind, EVCHAT_NONE);
	ck_assert_mem_eq(&t, &zeros, sizeof t);
	expect(zeros, true);
}
END_TEST

START_TEST(a_literal_borrows_its_bytes)
{
	struct evchat_terminator t = evchat_literal(bytes, 3);

	ck_assert_int_eq(t.kind, EVCHAT_LITERAL);
	ck_assert_uint_eq(t.n_literals, 1);
	ck_assert_ptr_eq(t.literals[0].bytes, bytes);
	ck_assert_uint_eq(t.literals[0].len, 3);
	ck_assert(!t.eof_ends_frame);
	expect(t, true);
}
END_TEST

START_TEST(a_string_constant_goes_without_its_nul)
{
	struct evchat_terminator t = EVCHAT_LIT("\r\n");

	expect_literal(&t, 0, "\r\n");
	t = EVCHAT_LIT("\0a");
	ck_assert_uint_eq(t.literals[0].len, 2);
	expect(EVCHAT_LIT(""), false);
}
END_TEST

START_TEST(several_literals_keep_their_order)
{
	const struct evchat_span literals[] = {{"ab", 2}, {"c", 1}, {"def", 3}};
	struct evchat_terminator t = evchat_any_of(literals, 3);

	ck_assert_int_eq(t.kind, EVCHAT_LITERAL);
	ck_assert_uint_eq(t.n_literals, 3);
	expect_literal(&t, 0, "ab");
	expect_literal(&t, 1, "c");
	expect_literal(&t, 2, "def");
	expect(t, true);
}
END_TEST

START_TEST(a_line_is_lf_or_crlf_or_what_eof_cuts_short)
{
	struct evchat_terminator t = evchat_line();

	ck_assert_int_eq(t.kind, EVCHAT_LITERAL);
	ck_assert_uint_eq(t.n_literals, 2);
	expect_literal(&t, 0, "\n");
	expect_literal(&t, 1, "\r\n");
	ck_assert(t.eof_ends_frame);
	expect(t, true);
}
END_TEST

START_TEST(a_count_and_a_record_carry_their_number)
{
	ck_assert_int_eq(evchat_count(5).kind, EVCHAT_COUNT);
	ck_assert_uint_eq(evchat_count(5).count, 5);
	ck_assert_int_eq(evchat_records(6).kind, EVCHAT_RECORDS);
	ck_assert_uint_eq(evchat_records(6).count, 6);
}
END_TEST

START_TEST(literals_have_1_to_1024_bytes)
{
	expect(evchat_literal(bytes, 0), false);
	expect(evchat_literal(bytes, 1), true);
	expect(evchat_literal(bytes, 1024), true);
	expect(evchat_literal(bytes, 1025), false);
	expect(evchat_literal(bytes, SIZE_MAX), false);
}
END_TEST

START_TEST(several_literals_have_1_to_64_bytes)
{
	expect(several(2, 0), false);
	expect(several(2, 1), true);
	expect(several(2, 64), true);
	expect(several(2, 65), false);
}
END_TEST

START_TEST(there_are_1_to_8_literals)
{
	expect(several(0, 1), false);
	expect(several(1, 1), true);
	expect(several(8, 64), true);
	expect(several(9, 1), false);
	expect(several(SIZE_MAX, 1), false);
}
END_TEST

START_TEST(too_many_literals_spoil_nothing_else)
{
	struct evchat_terminator t = several(EVCHAT_LITERALS_MAX + 1, 1);

	ck_assert_uint_eq(t.count, 0);
	ck_assert_uint_eq(t.max_frame, 0);
}
END_TEST

START_TEST(every_literal_must_be_good)
{
	struct evchat_terminator t = several(EVCHAT_LITERALS_MAX, 2);

	t.literals[_i].len = 0;
	expect(t, false);
	t.literals[_i].len = EVCHAT_ANY_OF_MAX + 1;
	expect(t, false);
	t.literals[_i] = (struct evchat_span){NULL, 2};
	expect(t, false);
	t.literals[_i] = (struct evchat_span){"ab", 2};
	expect(t, true);
}
END_TEST

START_TEST(a_literal_without_a_pointer_is_refused)
{
	expect(evchat_literal(NULL, 2), false);
	expect(evchat_literal(NULL, 0), false);
	expect(evchat_any_of(NULL, 2), false);
	expect(evchat_any_of(NULL, 0), false);
}
END_TEST

START_TEST(counts_go_from_0_to_half_of_all)
{
	expect(evchat_count(0), true);
	expect(evchat_count(INT64_MAX), true);
	expect(evchat_count((uint64_t)INT64_MAX + 1), false);
	expect(evchat_count(UINT64_MAX), false);
}
END_TEST

START_TEST(records_go_from_1_to_half_of_all)
{
	expect(evchat_records(0), false);
	expect(evchat_records(1), true);
	expect(evchat_records(INT64_MAX), true);
	expect(evchat_records((uint64_t)INT64_MAX + 1), false);
}
END_TEST

START_TEST(a_reserved_word_that_is_not_zero_is_refused)
{
	const struct evchat_terminator all[] = {evchat_none(), EVCHAT_LIT("\n"),
	    evchat_count(1), evchat_records(1)};

	for (size_t i = 0; i < LEN(all); i++) {
		struct evchat_terminator t = all[i];

		expect(t, true);
		t.reserved[_i] = 1;
		expect(t, false);
	}
}
END_TEST

START_TEST(an_unknown_kind_is_refused)
{
	struct evchat_terminator t = evchat_none();

	t.kind = (enum evchat_terminator_kind)(EVCHAT_RECORDS + 1);
	expect(t, false);
}
END_TEST

static void
add_making(TCase *tc)
{
	tcase_add_test(tc, a_value_of_zeros_is_none);
	tcase_add_test(tc, a_literal_borrows_its_bytes);
	tcase_add_test(tc, a_string_constant_goes_without_its_nul);
	tcase_add_test(tc, several_literals_keep_their_order);
	tcase_add_test(tc, a_line_is_lf_or_crlf_or_what_eof_cuts_short);
	tcase_add_test(tc, a_count_and_a_record_carry_their_number);
}

static void
add_judging(TCase *tc)
{
	const struct evchat_terminator *t = NULL;

	tcase_add_test(tc, literals_have_1_to_1024_bytes);
	tcase_add_test(tc, several_literals_have_1_to_64_bytes);
	tcase_add_test(tc, there_are_1_to_8_literals);
	tcase_add_test(tc, too_many_literals_spoil_nothing_else);
	tcase_add_loop_test(
	    tc, every_literal_must_be_good, 0, EVCHAT_LITERALS_MAX);
	tcase_add_test(tc, a_literal_without_a_pointer_is_refused);
	tcase_add_test(tc, counts_go_from_0_to_half_of_all);
	tcase_add_test(tc, records_go_from_1_to_half_of_all);
	tcase_add_loop_test(tc, a_reserved_word_that_is_not_zero_is_refused, 0,
	    LEN(t->reserved));
	tcase_add_test(tc, an_unknown_kind_is_refused);
}

static Suite *
suite(void)
{
	Suite *s = suite_create("terminator");

	add_making(suite_group(s, "making"));
	add_judging(suite_group(s, "judging"));
	return s;
}

int
main(void)
{
	return suite_run(suite());
}
