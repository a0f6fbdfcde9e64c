/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Limits: the defaults that limits.h promises, which values can be used, and
 * values that several channels share.
 */
#include "limits-internal.h"
#include "support/memory.h"
#include "support/suite.h"
#include <evchat/error.h>
#include <string.h>

#define LEN(array) (sizeof(array) / sizeof *(array))

static void
expect_resolved(struct evchat_limits *limits)
{
	ck_assert(evchat_limits_resolve_(limits));
}

START_TEST(the_defaults_are_those_of_the_manual)
{
	const struct evchat_limits *d = &evchat_default_limits_;

	ck_assert_uint_eq(d->max_frame, 65536);
	ck_assert_uint_eq(d->frames_per_turn, 64);
	ck_assert_uint_eq(d->read_budget, 65536);
	ck_assert_uint_eq(d->write_chunk, 65536 - 64);
	ck_assert_uint_eq(d->output_low, 65536);
	ck_assert_uint_eq(d->output_high, 262144);
	ck_assert_uint_eq(d->dispatch_high, 0);
	ck_assert_uint_eq(d->output_max, 16777216);
	ck_assert_uint_eq(d->frame_deadline_ms, 0);
	ck_assert_uint_eq(d->idle_deadline_ms, 0);
	ck_assert_uint_eq(d->write_deadline_ms, 0);
	ck_assert_uint_eq(d->linger_ms, 2000);
}
END_TEST

START_TEST(zeros_are_the_defaults)
{
	struct evchat_limits limits = {0};

	expect_resolved(&limits);
	ck_assert_mem_eq(&limits, &evchat_default_limits_, sizeof limits);
}
END_TEST

START_TEST(resolving_twice_changes_nothing)
{
	struct evchat_limits limits = {.output_high = 1001}, before;

	expect_resolved(&limits);
	before = limits;
	expect_resolved(&limits);
	ck_assert_mem_eq(&limits, &before, sizeof limits);
}
END_TEST

START_TEST(what_is_not_zero_stays)
{
	const struct evchat_limits asked = {.max_frame = 1,
	    .frames_per_turn = 2,
	    .read_budget = 3,
	    .write_chunk = 4,
	    .output_low = 5,
	    .output_high = 6,
	    .dispatch_high = 12,
	    .output_max = 7,
	    .frame_deadline_ms = 8,
	    .idle_deadline_ms = 9,
	    .write_deadline_ms = 10,
	    .linger_ms = 11};
	struct evchat_limits limits = asked;

	expect_resolved(&limits);
	ck_assert_mem_eq(&limits, &asked, sizeof limits);
}
END_TEST

START_TEST(the_low_mark_is_a_quarter_of_the_high_one)
{
	static const struct {
		size_t high, low;
	} marks[] = {{1, 1}, {4, 1}, {5, 2}, {1000, 250}, {1 << 20, 1 << 18}};

	for (size_t i = 0; i < LEN(marks); i++) {
		struct evchat_limits limits = {.output_high = marks[i].high};

		expect_resolved(&limits);
		ck_assert_uint_eq(limits.output_low, marks[i].low);
	}
}
END_TEST

START_TEST(the_low_mark_is_a_quarter_of_the_highest_high_one)
{
	struct evchat_limits limits = {.output_high = SIZE_MAX - (size_t)_i};

	expect_resolved(&limits);
	ck_assert_uint_ge(limits.output_low, SIZE_MAX / 4);
	ck_assert_uint_le(limits.output_low, SIZE_MAX / 4 + 1);
}
END_TEST

START_TEST(a_low_mark_above_the_high_one_is_refused)
{
	struct evchat_limits limits = {.output_low = 11, .output_high = 10};

	ck_assert(!evchat_limits_resolve_(&limits));
	limits = (struct evchat_limits){.output_low = 262145};
	ck_assert(!evchat_limits_resolve_(&limits));
}
END_TEST

START_TEST(a_low_mark_at_the_high_one_is_good)
{
	struct evchat_limits limits = {.output_low = 10, .output_high = 10};

	expect_resolved(&limits);
	limits = (struct evchat_limits){.output_low = 262144};
	expect_resolved(&limits);
}
END_TEST

START_TEST(a_reserved_word_that_is_not_zero_is_refused)
{
	struct evchat_limits limits = {0};

	limits.reserved[_i] = 1;
	ck_assert(!evchat_limits_resolve_(&limits));
}
END_TEST

/* --- Shared by several. --- */

START_TEST(the_defaults_are_shared_without_memory)
{
	const struct evchat_limits *shared = NULL;

	ck_assert_int_eq(evchat_limits_new_(&shared, NULL), 0);
	ck_assert_ptr_eq(shared, &evchat_default_limits_);
	ck_assert_ptr_eq(evchat_limits_hold_(shared), shared);
	evchat_limits_release_(shared);
	evchat_limits_release_(shared);
	ck_assert_uint_eq(memory_asked(), 0);
}
END_TEST

START_TEST(what_is_shared_is_a_resolved_copy)
{
	struct evchat_limits mine = {.max_frame = 10};
	const struct evchat_limits *shared = NULL;

	ck_assert_int_eq(evchat_limits_new_(&shared, &mine), 0);
	mine.max_frame = 20;
	ck_assert_uint_eq(shared->max_frame, 10);
	ck_assert_uint_eq(shared->frames_per_turn, 64);
	evchat_limits_release_(shared);
	ck_assert_uint_eq(memory_live(), 0);
}
END_TEST

START_TEST(what_is_shared_goes_with_its_last_owner)
{
	const struct evchat_limits mine = {.max_frame = 10};
	const struct evchat_limits *shared = NULL;

	ck_assert_int_eq(evchat_limits_new_(&shared, &mine), 0);
	for (int i = 0; i < 3; i++)
		evchat_limits_hold_(shared);
	for (int i = 0; i < 3; i++)
		evchat_limits_release_(shared);
	ck_assert_uint_eq(memory_live(), 1);
	ck_assert_uint_eq(shared->max_frame, 10);
	evchat_limits_release_(shared);
	ck_assert_uint_eq(memory_live(), 0);
}
END_TEST

START_TEST(what_cannot_be_used_cannot_be_shared)
{
	const struct evchat_limits bad = {.output_low = 2, .output_high = 1};
	const struct evchat_limits good = {.max_frame = 10};
	const struct evchat_limits *shared = NULL;

	ck_assert_int_eq(evchat_limits_new_(&shared, &bad), EVCHAT_ERR_INVALID);
	ck_assert_uint_eq(memory_live(), 0);
	memory_refuse_after(0);
	ck_assert_int_eq(
	    evchat_limits_new_(&shared, &good), EVCHAT_ERR_NO_MEMORY);
	ck_assert_ptr_null(shared);
}
END_TEST

static Suite *
suite(void)
{
	struct evchat_limits *limits = NULL;
	Suite *s = suite_create("limits");
	TCase *tc = suite_group(s, "limits");

	tcase_add_test(tc, the_defaults_are_those_of_the_manual);
	tcase_add_test(tc, zeros_are_the_defaults);
	tcase_add_test(tc, resolving_twice_changes_nothing);
	tcase_add_test(tc, what_is_not_zero_stays);
	tcase_add_test(tc, the_low_mark_is_a_quarter_of_the_high_one);
	tcase_add_loop_test(
	    tc, the_low_mark_is_a_quarter_of_the_highest_high_one, 0, 5);
	tcase_add_test(tc, a_low_mark_above_the_high_one_is_refused);
	tcase_add_test(tc, a_low_mark_at_the_high_one_is_good);
	tcase_add_loop_test(tc, a_reserved_word_that_is_not_zero_is_refused, 0,
	    LEN(limits->reserved));
	tc = suite_group(s, "shared");
	tcase_add_checked_fixture(tc, memory_watch, memory_unwatch);
	tcase_add_test(tc, the_defaults_are_shared_without_memory);
	tcase_add_test(tc, what_is_shared_is_a_resolved_copy);
	tcase_add_test(tc, what_is_shared_goes_with_its_last_owner);
	tcase_add_test(tc, what_cannot_be_used_cannot_be_shared);
	return s;
}

int
main(void)
{
	return suite_run(suite());
}
