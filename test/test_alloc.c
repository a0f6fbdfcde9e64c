/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The door for memory: whose functions it leads to, and that it passes on what
 * they are given and what they answer.
 */
#include "alloc-internal.h"
#include "support/memory.h"
#include "support/suite.h"
#include <evchat/error.h>
#include <stdlib.h>
#include <string.h>

#define LEN(array) (sizeof(array) / sizeof *(array))

static char arena[64];

/* Not memory of its own: an answer that is known beforehand, and full of what
 * must not be taken for zeros. */
static void *
arena_malloc(size_t size)
{
	return size <= sizeof arena ? memset(arena, 0xaa, sizeof arena) : NULL;
}

static void *
arena_realloc(void *block, size_t size)
{
	return block == arena && size <= sizeof arena ? arena : NULL;
}

static void
arena_free(void *block)
{
	if (block == arena)
		memset(arena, 0xff, sizeof arena);
}

static const struct evchat_allocator from_arena = {
    arena_malloc, arena_realloc, arena_free};

static void
use_arena(void)
{
	ck_assert_int_eq(evchat_set_allocator(&from_arena), 0);
}

static void
use_libc(void)
{
	ck_assert_int_eq(evchat_set_allocator(NULL), 0);
}

START_TEST(memory_comes_from_the_allocator_in_force)
{
	use_arena();
	ck_assert_ptr_eq(evchat_malloc_(8), arena);
	ck_assert_ptr_eq(evchat_realloc_(arena, 16), arena);
	evchat_mfree_(arena);
	ck_assert_int_eq((unsigned char)arena[0], 0xff);
}
END_TEST

START_TEST(zeroed_memory_is_zeroed)
{
	use_arena();
	ck_assert_ptr_eq(evchat_zalloc_(8), arena);
	for (size_t i = 0; i < 8; i++)
		ck_assert_int_eq(arena[i], 0);
	ck_assert_int_eq((unsigned char)arena[8], 0xaa);
}
END_TEST

START_TEST(a_failure_is_passed_on)
{
	use_arena();
	ck_assert_ptr_null(evchat_malloc_(sizeof arena + 1));
	ck_assert_ptr_null(evchat_zalloc_(sizeof arena + 1));
	ck_assert_ptr_null(evchat_realloc_(arena, sizeof arena + 1));
}
END_TEST

START_TEST(the_allocator_is_copied)
{
	struct evchat_allocator mine = from_arena;

	ck_assert_int_eq(evchat_set_allocator(&mine), 0);
	memset(&mine, 0, sizeof mine);
	ck_assert_ptr_eq(evchat_malloc_(8), arena);
}
END_TEST

START_TEST(null_brings_back_the_c_library_s)
{
	char *block;

	use_arena();
	use_libc();
	block = evchat_malloc_(sizeof arena * 2);
	ck_assert_ptr_nonnull(block);
	ck_assert_ptr_ne(block, arena);
	strcpy(block, "kept");
	block = evchat_realloc_(block, sizeof arena * 4);
	ck_assert_ptr_nonnull(block);
	ck_assert_str_eq(block, "kept");
	evchat_mfree_(block);
	block = evchat_zalloc_(8);
	ck_assert_ptr_nonnull(block);
	ck_assert_int_eq(block[7], 0);
	free(block);
}
END_TEST

START_TEST(an_allocator_with_a_function_missing_is_refused)
{
	const struct evchat_allocator missing[] = {
	    {NULL, arena_realloc, arena_free}, {arena_malloc, NULL, arena_free},
	    {arena_malloc, arena_realloc, NULL}, {NULL, NULL, NULL}};

	memory_watch();
	for (size_t i = 0; i < LEN(missing); i++)
		ck_assert_int_eq(
		    evchat_set_allocator(&missing[i]), EVCHAT_ERR_INVALID);
	evchat_mfree_(evchat_malloc_(8));
	ck_assert_uint_eq(memory_asked(), 1);
	ck_assert_uint_eq(memory_live(), 0);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("alloc");
	TCase *tc = suite_group(s, "alloc");

	tcase_add_checked_fixture(tc, NULL, use_libc);
	tcase_add_test(tc, memory_comes_from_the_allocator_in_force);
	tcase_add_test(tc, zeroed_memory_is_zeroed);
	tcase_add_test(tc, a_failure_is_passed_on);
	tcase_add_test(tc, the_allocator_is_copied);
	tcase_add_test(tc, null_brings_back_the_c_library_s);
	tcase_add_test(tc, an_allocator_with_a_function_missing_is_refused);
	return s;
}

int
main(void)
{
	return suite_run(suite());
}
