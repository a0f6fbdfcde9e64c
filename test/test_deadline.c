/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The deadlines of a channel: when they fall due, which is told first, and how
 * those of the peer stand still while it cannot be heard.  Time is a number.
 */
#include "deadline-internal.h"
#include "support/suite.h"
#include <limits.h>

static struct evchat_deadlines deadlines;

static const enum evchat_deadline FRAME = EVCHAT_DEADLINE_FRAME;
static const enum evchat_deadline IDLE = EVCHAT_DEADLINE_IDLE;
static const enum evchat_deadline WRITE = EVCHAT_DEADLINE_WRITE;
static const enum evchat_deadline LINGER = EVCHAT_DEADLINE_LINGER;

static void
start(enum evchat_deadline which, uint64_t now, unsigned ms)
{
	evchat_deadline_start_(&deadlines, which, now, ms);
}

static void
stop(enum evchat_deadline which)
{
	evchat_deadline_stop_(&deadlines, which);
}

static void
hold(uint64_t now)
{
	evchat_deadlines_hold_(&deadlines, now);
}

static void
release(uint64_t now)
{
	evchat_deadlines_release_(&deadlines, now);
}

static bool
runs(enum evchat_deadline which)
{
	return evchat_deadline_runs_(&deadlines, which);
}

/* The next moment is `due`, and just then, not before, `which` has passed. */
static void
expect_next(uint64_t due, enum evchat_deadline which)
{
	ck_assert_uint_eq(evchat_deadlines_next_(&deadlines), due);
	ck_assert_int_eq(
	    evchat_deadlines_passed_(&deadlines, due - 1), EVCHAT_DEADLINES);
	ck_assert_int_eq(evchat_deadlines_passed_(&deadlines, due), which);
	ck_assert_int_eq(evchat_deadlines_passed_(&deadlines, due + 1), which);
}

static void
expect_never(void)
{
	ck_assert_uint_eq(evchat_deadlines_next_(&deadlines), 0);
	ck_assert_int_eq(
	    evchat_deadlines_passed_(&deadlines, UINT64_MAX), EVCHAT_DEADLINES);
}

START_TEST(nothing_is_due_in_a_set_of_zeros)
{
	expect_never();
	for (int i = 0; i < EVCHAT_DEADLINES; i++)
		ck_assert(!runs((enum evchat_deadline)i));
	ck_assert(!evchat_deadlines_are_held_(&deadlines));
}
END_TEST

START_TEST(a_deadline_passes_at_its_moment)
{
	start((enum evchat_deadline)_i, 1000, 50);
	ck_assert(runs((enum evchat_deadline)_i));
	expect_next(1050, (enum evchat_deadline)_i);
}
END_TEST

START_TEST(a_deadline_started_again_counts_from_then)
{
	start(IDLE, 1000, 50);
	start(IDLE, 1040, 50);
	expect_next(1090, IDLE);
}
END_TEST

START_TEST(no_time_at_all_stops_a_deadline)
{
	start(IDLE, 1000, 50);
	start(IDLE, 1010, 0);
	ck_assert(!runs(IDLE));
	expect_never();
}
END_TEST

START_TEST(a_stopped_deadline_never_passes)
{
	start(FRAME, 1000, 50);
	start(WRITE, 1000, 60);
	stop(FRAME);
	ck_assert(!runs(FRAME));
	ck_assert(runs(WRITE));
	expect_next(1060, WRITE);
	stop(WRITE);
	expect_never();
}
END_TEST

START_TEST(the_earliest_is_told_first)
{
	start(FRAME, 1000, 40);
	start(IDLE, 1000, 30);
	start(WRITE, 1000, 20);
	start(LINGER, 1000, 10);
	expect_next(1010, LINGER);
	stop(LINGER);
	expect_next(1020, WRITE);
	stop(WRITE);
	expect_next(1030, IDLE);
	stop(IDLE);
	expect_next(1040, FRAME);
}
END_TEST

START_TEST(of_two_at_one_moment_one_is_told_then_the_other)
{
	start(WRITE, 1000, 10);
	start(FRAME, 1000, 10);
	expect_next(1010, FRAME);
	stop(FRAME);
	expect_next(1010, WRITE);
}
END_TEST

START_TEST(the_longest_deadline_is_not_cut_short)
{
	start(IDLE, UINT64_C(1) << 40, UINT_MAX);
	expect_next((UINT64_C(1) << 40) + UINT_MAX, IDLE);
}
END_TEST

START_TEST(what_the_peer_owes_stands_still_while_it_is_not_heard)
{
	start(FRAME, 1000, 50);
	start(IDLE, 1000, 60);
	hold(1020);
	ck_assert(evchat_deadlines_are_held_(&deadlines));
	expect_never();
	ck_assert(runs(FRAME));
	ck_assert(runs(IDLE));
	release(1520);
	ck_assert(!evchat_deadlines_are_held_(&deadlines));
	expect_next(1550, FRAME);
	stop(FRAME);
	expect_next(1560, IDLE);
}
END_TEST

START_TEST(what_is_ours_goes_on_while_the_peer_is_not_heard)
{
	start(WRITE, 1000, 50);
	start(LINGER, 1000, 60);
	start(IDLE, 1000, 10);
	hold(1005);
	expect_next(1050, WRITE);
	stop(WRITE);
	expect_next(1060, LINGER);
	release(1020);
	expect_next(1025, IDLE);
	stop(IDLE);
	expect_next(1060, LINGER);
}
END_TEST

START_TEST(held_twice_it_stands_still_from_the_first_time)
{
	start(IDLE, 1000, 50);
	hold(1010);
	hold(1200);
	release(1300);
	expect_next(1340, IDLE);
}
END_TEST

START_TEST(a_release_without_a_hold_changes_nothing)
{
	start(IDLE, 1000, 50);
	release(1040);
	expect_next(1050, IDLE);
	hold(1040);
	release(1050);
	release(1900);
	expect_next(1060, IDLE);
}
END_TEST

START_TEST(a_deadline_started_while_held_has_its_full_time_afterwards)
{
	hold(1000);
	start((enum evchat_deadline)_i, 1200, 50);
	expect_never();
	release(1300);
	expect_next(1350, (enum evchat_deadline)_i);
}
END_TEST

START_TEST(a_deadline_of_ours_started_while_held_counts_from_then)
{
	hold(1000);
	start(WRITE, 1200, 50);
	expect_next(1250, WRITE);
	release(1300);
	expect_next(1250, WRITE);
}
END_TEST

START_TEST(what_does_not_run_is_not_started_by_a_release)
{
	start(FRAME, 1000, 50);
	hold(1010);
	stop(FRAME);
	release(1500);
	ck_assert(!runs(FRAME));
	ck_assert(!runs(IDLE));
	expect_never();
}
END_TEST

static void
begin(void)
{
	deadlines = (struct evchat_deadlines){0};
}

static void
add_running(TCase *tc)
{
	tcase_add_test(tc, nothing_is_due_in_a_set_of_zeros);
	tcase_add_loop_test(
	    tc, a_deadline_passes_at_its_moment, 0, EVCHAT_DEADLINES);
	tcase_add_test(tc, a_deadline_started_again_counts_from_then);
	tcase_add_test(tc, no_time_at_all_stops_a_deadline);
	tcase_add_test(tc, a_stopped_deadline_never_passes);
	tcase_add_test(tc, the_earliest_is_told_first);
	tcase_add_test(tc, of_two_at_one_moment_one_is_told_then_the_other);
	tcase_add_test(tc, the_longest_deadline_is_not_cut_short);
}

static void
add_holding(TCase *tc)
{
	tcase_add_test(
	    tc, what_the_peer_owes_stands_still_while_it_is_not_heard);
	tcase_add_test(tc, what_is_ours_goes_on_while_the_peer_is_not_heard);
	tcase_add_test(tc, held_twice_it_stands_still_from_the_first_time);
	tcase_add_test(tc, a_release_without_a_hold_changes_nothing);
	tcase_add_loop_test(tc,
	    a_deadline_started_while_held_has_its_full_time_afterwards,
	    EVCHAT_DEADLINE_FRAME, EVCHAT_DEADLINE_IDLE + 1);
	tcase_add_test(
	    tc, a_deadline_of_ours_started_while_held_counts_from_then);
	tcase_add_test(tc, what_does_not_run_is_not_started_by_a_release);
}

static Suite *
suite(void)
{
	Suite *s = suite_create("deadline");
	TCase *running = suite_group(s, "running");
	TCase *holding = suite_group(s, "holding");

	tcase_add_checked_fixture(running, begin, NULL);
	tcase_add_checked_fixture(holding, begin, NULL);
	add_running(running);
	add_holding(holding);
	return s;
}

int
main(void)
{
	return suite_run(suite());
}
