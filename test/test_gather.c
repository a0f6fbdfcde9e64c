/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The run in which a frame that arrives in parts is put together: its bytes,
 * how it grows, what it keeps, and what happens without memory.
 */
#include "gather-internal.h"
#include "support/memory.h"
#include "support/suite.h"
#include <evchat/error.h>
#include <stdint.h>
#include <string.h>

static struct evchat_gather gather;

static void
add(const char *bytes)
{
	ck_assert_int_eq(evchat_gather_add_(&gather, bytes, strlen(bytes)), 0);
}

/* What a run takes beside its bytes. */
static const size_t head = sizeof(struct evchat_run);

static void
add_many(size_t n)
{
	static const unsigned char byte = 'x';

	while (n--)
		if (evchat_gather_add_(&gather, &byte, 1))
			ck_abort_msg("no memory");
}

static void
expect(const char *bytes)
{
	ck_assert_uint_eq(evchat_gather_len_(&gather), strlen(bytes));
	ck_assert_mem_eq(gather.run->bytes, bytes, evchat_gather_len_(&gather));
}

START_TEST(parts_are_put_together_in_order)
{
	add("ab");
	add("c");
	add("defg");
	expect("abcdefg");
}
END_TEST

START_TEST(no_bytes_need_no_memory)
{
	ck_assert_int_eq(evchat_gather_add_(&gather, NULL, 0), 0);
	ck_assert_uint_eq(evchat_gather_len_(&gather), 0);
	ck_assert_uint_eq(memory_asked(), 0);
}
END_TEST

START_TEST(bytes_survive_growing)
{
	unsigned char bytes[251];

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)i;
	for (size_t i = 0; i < 100; i++)
		ck_assert_int_eq(
		    evchat_gather_add_(&gather, bytes, sizeof bytes), 0);
	ck_assert_uint_eq(evchat_gather_len_(&gather), 100 * sizeof bytes);
	for (size_t i = 0; i < 100; i++)
		ck_assert_mem_eq(
		    gather.run->bytes + i * sizeof bytes, bytes, sizeof bytes);
}
END_TEST

START_TEST(the_run_doubles)
{
	size_t rooms = 1;

	add_many(1);
	for (size_t room = gather.run->room; room < 1 << 20; room *= 2)
		rooms++;
	add_many((1 << 20) - 1);
	ck_assert_uint_eq(memory_asked(), rooms);
	ck_assert_uint_lt(rooms, 20);
	ck_assert_uint_eq(evchat_gather_len_(&gather), 1 << 20);
	ck_assert_uint_eq(memory_live(), 1);
}
END_TEST

START_TEST(a_run_that_is_just_full_does_not_grow)
{
	add_many(1);
	add_many(gather.run->room - 1);
	ck_assert_uint_eq(evchat_gather_len_(&gather), gather.run->room);
	ck_assert_uint_eq(memory_asked(), 1);
	add_many(1);
	ck_assert_uint_eq(memory_asked(), 2);
}
END_TEST

START_TEST(one_large_part_needs_one_block)
{
	static const unsigned char large[100000];

	ck_assert_int_eq(evchat_gather_add_(&gather, large, sizeof large), 0);
	ck_assert_uint_eq(memory_asked(), 1);
	ck_assert_uint_ge(gather.run->room, sizeof large);
	ck_assert_uint_lt(gather.run->room, 2 * sizeof large);
}
END_TEST

START_TEST(emptied_it_keeps_little_memory_for_the_next_frame)
{
	add_many(4000);
	memory_refuse_after(0);
	for (int i = 0; i < 10; i++) {
		evchat_gather_empty_(&gather);
		ck_assert_uint_eq(evchat_gather_len_(&gather), 0);
		add_many(4000);
	}
	ck_assert_uint_eq(memory_live(), 1);
}
END_TEST

START_TEST(emptied_it_gives_back_much_memory)
{
	add_many(4097);
	evchat_gather_empty_(&gather);
	ck_assert_uint_eq(memory_live(), 0);
	ck_assert_uint_eq(evchat_gather_len_(&gather), 0);
	add("ab");
	expect("ab");
}
END_TEST

START_TEST(clear_gives_back_the_memory)
{
	static const struct evchat_gather zeros;

	add("ab");
	evchat_gather_clear_(&gather);
	ck_assert_uint_eq(memory_live(), 0);
	ck_assert_mem_eq(&gather, &zeros, sizeof zeros);
	evchat_gather_clear_(&gather);
	add("cd");
	expect("cd");
}
END_TEST

START_TEST(without_memory_nothing_changes)
{
	static const unsigned char large[1000];

	add("ab");
	memory_refuse_after(0);
	ck_assert_int_eq(evchat_gather_add_(&gather, large, sizeof large),
	    EVCHAT_ERR_NO_MEMORY);
	expect("ab");
	add("cd");
	expect("abcd");
	memory_refuse_none();
	ck_assert_int_eq(evchat_gather_add_(&gather, large, sizeof large), 0);
	ck_assert_uint_eq(evchat_gather_len_(&gather), 1004);
}
END_TEST

/* Lengths beyond any memory: refused before a byte of them is looked at. */
static void
expect_refused(size_t len)
{
	ck_assert_int_eq(
	    evchat_gather_add_(&gather, "", len), EVCHAT_ERR_NO_MEMORY);
	expect("ab");
}

START_TEST(a_length_that_overflows_is_refused_without_asking)
{
	add("ab");
	memory_refuse_after(0);
	expect_refused(SIZE_MAX - 2 - head + 1);
	expect_refused(SIZE_MAX - 1);
	expect_refused(SIZE_MAX);
	ck_assert_uint_eq(memory_asked(), 1);
}
END_TEST

START_TEST(where_doubling_would_overflow_just_enough_is_asked_for)
{
	add("ab");
	memory_refuse_after(0);
	expect_refused(SIZE_MAX - 2 - head);
	ck_assert_uint_eq(memory_asked_last(), SIZE_MAX);
	expect_refused(SIZE_MAX / 2);
	ck_assert_uint_eq(memory_asked_last(), SIZE_MAX / 2 + 2 + head);
	expect_refused(SIZE_MAX / 4);
	ck_assert_uint_eq(memory_asked_last(), SIZE_MAX / 2 + 1 + head);
}
END_TEST

static void
begin(void)
{
	memory_watch();
	memset(&gather, 0, sizeof gather);
}

static void
end(void)
{
	evchat_gather_clear_(&gather);
	ck_assert_uint_eq(memory_live(), 0);
	memory_unwatch();
}

static Suite *
suite(void)
{
	Suite *s = suite_create("gather");
	TCase *tc = suite_group(s, "gather");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, parts_are_put_together_in_order);
	tcase_add_test(tc, no_bytes_need_no_memory);
	tcase_add_test(tc, bytes_survive_growing);
	tcase_add_test(tc, the_run_doubles);
	tcase_add_test(tc, a_run_that_is_just_full_does_not_grow);
	tcase_add_test(tc, one_large_part_needs_one_block);
	tcase_add_test(tc, emptied_it_keeps_little_memory_for_the_next_frame);
	tcase_add_test(tc, emptied_it_gives_back_much_memory);
	tcase_add_test(tc, clear_gives_back_the_memory);
	tcase_add_test(tc, without_memory_nothing_changes);
	tcase_add_test(tc, a_length_that_overflows_is_refused_without_asking);
	tcase_add_test(
	    tc, where_doubling_would_overflow_just_enough_is_asked_for);
	return s;
}

int
main(void)
{
	return suite_run(suite());
}
