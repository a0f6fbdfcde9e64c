/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What libevent's evbuffers do that evchat leans on or works around: how large
 * their chains are, who owns what is lent to them, what they lose without
 * memory, what their line reading takes for a line.  No evchat is in it: where
 * another libevent differs, the name of the test says in what.
 *
 * Measured with 2.1.12 and the security patches of Debian 12.  None of this is
 * known to have changed in 2.1.13; what development versions changed is said
 * where it is tested.
 */
#include "alloc-internal.h"
#include "support/endpoint.h"
#include "support/file.h"
#include "support/memory.h"
#include "support/suite.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KIB = 1024, MIB = 1024 * KIB, CHAIN_HEAD = 48 };

static char some[64 * KIB];

static void
count_cleanup(const void *bytes, size_t len, void *ctx)
{
	(void)bytes, (void)len;
	++*(int *)ctx;
}

/* Reserve room in one run and fill it, as evchat appends. */
static int
append(struct evbuffer *b, const void *bytes, size_t len)
{
	struct evbuffer_iovec space;

	if (evbuffer_reserve_space(b, (ev_ssize_t)len, &space, 1) != 1)
		return -1;
	memcpy(space.iov_base, bytes, len);
	space.iov_len = len;
	return evbuffer_commit_space(b, &space, 1);
}

/* --- Chains. --- */

/* write_chunk (limits.c), PIECE (queue.c), and rule 31. */
START_TEST(a_chain_with_its_head_takes_a_power_of_two)
{
	static const struct {
		size_t asked, taken;
	} sizes[] = {{1, KIB}, {KIB - CHAIN_HEAD, KIB},
	    {KIB - CHAIN_HEAD + 1, 2 * KIB}, {16 * KIB - 64, 16 * KIB},
	    {64 * KIB - 64, 64 * KIB}, {64 * KIB, 128 * KIB}};

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct evbuffer *b = evbuffer_new();
		struct evbuffer_iovec space;

		ck_assert_int_eq(evbuffer_reserve_space(
				     b, (ev_ssize_t)sizes[i].asked, &space, 1),
		    1);
		ck_assert_uint_eq(memory_asked_last(), sizes[i].taken);
		evbuffer_free(b);
	}
}
END_TEST

/* queue.c: a long run is appended in pieces that copy nothing twice. */
START_TEST(a_piece_that_fills_its_chain_is_not_moved_for_the_next)
{
	struct evbuffer *b = evbuffer_new();
	size_t piece = 16 * KIB - 64;
	unsigned char *first;
	size_t before;

	ck_assert_int_eq(append(b, some, piece), 0);
	first = evbuffer_pullup(b, 1);
	before = memory_asked();
	ck_assert_int_eq(append(b, some, piece), 0);
	ck_assert_uint_eq(memory_asked(), before + 1);
	ck_assert_uint_eq(memory_asked_last(), 16 * KIB);
	ck_assert_ptr_eq(evbuffer_pullup(b, 1), first);
	evbuffer_free(b);
}
END_TEST

/* Rule 31. */
START_TEST(chains_that_add_makes_double_up_to_4_kib)
{
	static const size_t sizes[] = {KIB, 2 * KIB, 4 * KIB, 4 * KIB};
	struct evbuffer *b = evbuffer_new();
	size_t seen = 0, before;

	for (int i = 0; i < 10 * KIB; i++) {
		before = memory_asked();
		ck_assert_int_eq(evbuffer_add(b, "x", 1), 0);
		if (memory_asked() > before)
			ck_assert_uint_eq(memory_asked_last(), sizes[seen++]);
	}
	ck_assert_uint_eq(seen, 4);
	evbuffer_free(b);
}
END_TEST

/* Rule 30.  The memory is refused: only how much is asked for matters. */
START_TEST(add_asks_for_128_mib_for_two_bytes_behind_100_mib_of_reference)
{
	struct evbuffer *b = evbuffer_new();

	ck_assert_int_eq(
	    evbuffer_add_reference(b, some, 100 * MIB, NULL, NULL), 0);
	memory_refuse_once_after(0);
	ck_assert_int_eq(evbuffer_add(b, "\r\n", 2), -1);
	ck_assert_uint_eq(memory_asked_last(), 128 * MIB);
	evbuffer_free(b);
}
END_TEST

/* Rule 30: what evchat does instead. */
START_TEST(reserve_asks_for_1_kib_behind_100_mib_of_reference)
{
	struct evbuffer *b = evbuffer_new();

	ck_assert_int_eq(
	    evbuffer_add_reference(b, some, 100 * MIB, NULL, NULL), 0);
	ck_assert_int_eq(append(b, "\r\n", 2), 0);
	ck_assert_uint_eq(memory_asked_last(), KIB);
	evbuffer_free(b);
}
END_TEST

/* Rule 30; and why small pushes wait for company (channel_out.c). */
START_TEST(moving_a_buffer_to_another_moves_its_chains_and_takes_no_memory)
{
	struct evbuffer *from = evbuffer_new(), *to = evbuffer_new();
	size_t before;

	evbuffer_add(to, "a", 1);
	before = memory_live();
	for (int i = 0; i < 10; i++) {
		evbuffer_add(from, "b", 1);
		ck_assert_uint_eq(memory_asked_last(), KIB);
		ck_assert_int_eq(evbuffer_add_buffer(to, from), 0);
	}
	ck_assert_uint_eq(memory_live(), before + 10);
	evbuffer_free(from);
	evbuffer_free(to);
}
END_TEST

/* channel_detach.c: what a callback was lent is still where it was. */
START_TEST(a_part_of_a_chain_that_is_moved_is_copied_and_stays)
{
	struct evbuffer *from = evbuffer_new(), *to = evbuffer_new();
	unsigned char *bytes;

	evbuffer_add(from, "lent kept", 9);
	bytes = evbuffer_pullup(from, -1);
	ck_assert_int_eq(evbuffer_remove_buffer(from, to, 5), 5);
	ck_assert_ptr_eq(evbuffer_pullup(from, -1), bytes + 5);
	ck_assert_mem_eq(bytes, "lent kept", 9);
	evbuffer_free(from);
	evbuffer_free(to);
}
END_TEST

/* --- References. --- */

/* Rule 31: fewer bytes than that are copied (group.c).  2.2 asks for less
 * (libevent #1198). */
START_TEST(a_reference_takes_a_chain_of_1_kib)
{
	struct evbuffer *b = evbuffer_new();

	evbuffer_add_reference(b, some, 10, NULL, NULL);
	ck_assert_uint_eq(memory_asked_last(), KIB);
	evbuffer_free(b);
}
END_TEST

/* Rule 33. */
START_TEST(a_reference_that_fails_stays_the_callers)
{
	struct evbuffer *b = evbuffer_new();
	int cleanups = 0;

	memory_refuse_once_after(0);
	ck_assert_int_eq(
	    evbuffer_add_reference(b, some, 10, count_cleanup, &cleanups), -1);
	evbuffer_free(b);
	ck_assert_int_eq(cleanups, 0);
}
END_TEST

/* Rule 33. */
START_TEST(a_reference_is_cleaned_up_once_when_all_of_it_has_gone)
{
	struct evbuffer *b = evbuffer_new();
	int cleanups = 0;

	evbuffer_add_reference(b, some, 10, count_cleanup, &cleanups);
	evbuffer_drain(b, 9);
	ck_assert_int_eq(cleanups, 0);
	evbuffer_drain(b, 1);
	ck_assert_int_eq(cleanups, 1);
	evbuffer_free(b);
	ck_assert_int_eq(cleanups, 1);
}
END_TEST

/* Rule 32: so evchat never adds one. */
START_TEST(an_empty_reference_is_not_cleaned_up_before_the_next_add)
{
	struct evbuffer *b = evbuffer_new();
	int cleanups = 0;

	evbuffer_add_reference(b, some, 0, count_cleanup, &cleanups);
	evbuffer_drain(b, 1);
	ck_assert_int_eq(cleanups, 0);
	evbuffer_add_reference(b, some, 1, NULL, NULL);
	ck_assert_int_eq(cleanups, 1);
	evbuffer_free(b);
}
END_TEST

/* Where the chain of the bytes lies: nobody else knows it any more. */
static char *lost_chain;

static void
add_in_cleanup(const void *bytes, size_t len, void *ctx)
{
	struct evbuffer_iovec space;
	struct evbuffer *b = ctx;

	(void)bytes, (void)len;
	ck_assert_int_eq(evbuffer_reserve_space(b, 4, &space, 1), 1);
	lost_chain = (char *)space.iov_base - CHAIN_HEAD;
	space.iov_len = 4;
	memcpy(space.iov_base, "lost", 4);
	ck_assert_int_eq(evbuffer_commit_space(b, &space, 1), 0);
}

/* Rule 8: the manual forbids release and cleanup to call evchat. */
START_TEST(bytes_added_by_a_cleanup_are_accepted_and_vanish)
{
	struct evbuffer *b = evbuffer_new();

	evbuffer_add_reference(b, some, 10, add_in_cleanup, b);
	evbuffer_drain(b, 10);
	ck_assert_ptr_nonnull(lost_chain);
	ck_assert_uint_eq(evbuffer_get_length(b), 0);
	evbuffer_free(b);
	ck_assert_uint_eq(memory_live(), 1);
	evchat_mfree_(lost_chain);
}
END_TEST

/* --- Without memory. --- */

/* Rule 34: so a broadcast is one counted block (group.c). */
START_TEST(a_multicast_without_memory_is_cut_short_and_succeeds)
{
	struct evbuffer *from = evbuffer_new(), *to = evbuffer_new();

	append(from, some, 4000);
	append(from, some, 4000);
	memory_refuse_once_after(1);
	ck_assert_int_eq(evbuffer_add_buffer_reference(to, from), 0);
	ck_assert_uint_eq(memory_refused(), 1);
	ck_assert_uint_lt(evbuffer_get_length(to), 8000);
	evbuffer_free(to);
	evbuffer_free(from);
}
END_TEST

/* Rule 35: evchat moves so only what has been handed over (detach). */
START_TEST(a_part_that_is_moved_without_memory_is_lost_and_succeeds)
{
	struct evbuffer *from = evbuffer_new(), *to = evbuffer_new();

	evbuffer_add(from, "12345", 5);
	memory_refuse_once_after(0);
	ck_assert_int_eq(evbuffer_remove_buffer(from, to, 3), 3);
	ck_assert_uint_eq(evbuffer_get_length(from), 2);
	ck_assert_uint_eq(evbuffer_get_length(to), 0);
	evbuffer_free(from);
	evbuffer_free(to);
}
END_TEST

/* channel_detach.c, put_back(). */
START_TEST(a_prepend_without_memory_fails_and_leaves_a_part)
{
	struct evbuffer *b = evbuffer_new();

	evbuffer_add(b, "0123456789", 10);
	evbuffer_drain(b, 5);
	memory_refuse_once_after(0);
	ck_assert_int_eq(evbuffer_prepend(b, some, 100), -1);
	ck_assert_uint_eq(evbuffer_get_length(b), 10);
	evbuffer_free(b);
}
END_TEST

/* channel_detach.c: what it does instead. */
START_TEST(prepending_a_buffer_takes_no_memory)
{
	struct evbuffer *b = evbuffer_new(), *front = evbuffer_new();

	evbuffer_add(b, "behind", 6);
	evbuffer_add(front, "before ", 7);
	memory_refuse_after(0);
	ck_assert_int_eq(evbuffer_prepend_buffer(b, front), 0);
	memory_refuse_none();
	ck_assert_mem_eq(evbuffer_pullup(b, -1), "before behind", 13);
	evbuffer_free(front);
	evbuffer_free(b);
}
END_TEST

/* queue.c: room that was reserved can be committed, whatever happened to the
 * memory since. */
START_TEST(committing_what_was_reserved_takes_no_memory)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_iovec space;

	evbuffer_reserve_space(b, 100, &space, 1);
	memory_refuse_after(0);
	space.iov_len = 100;
	ck_assert_int_eq(evbuffer_commit_space(b, &space, 1), 0);
	ck_assert_uint_eq(evbuffer_get_length(b), 100);
	memory_refuse_none();
	evbuffer_free(b);
}
END_TEST

/* remote.c takes it for the sign that libevent's locking is off. */
START_TEST(a_buffer_gets_no_lock_where_locking_is_off)
{
	struct evbuffer *b = evbuffer_new();

	ck_assert_int_eq(evbuffer_enable_locking(b, NULL), -1);
	evbuffer_free(b);
}
END_TEST

/* --- Lines. --- */

static void
expect_line(struct evbuffer *b, enum evbuffer_eol_style style, const char *line)
{
	char *got = evbuffer_readln(b, NULL, style);

	ck_assert_pstr_eq(got, line);
	evchat_mfree_(got);
}

static struct evbuffer *
buffer_of(const char *text)
{
	struct evbuffer *b = evbuffer_new();

	evbuffer_add(b, text, strlen(text));
	return b;
}

/* Rule 18. */
START_TEST(the_style_crlf_takes_a_bare_lf_for_an_end)
{
	struct evbuffer *b = buffer_of("a\nb\r\n");

	expect_line(b, EVBUFFER_EOL_CRLF, "a");
	expect_line(b, EVBUFFER_EOL_CRLF, "b");
	evbuffer_free(b);
}
END_TEST

/* Rule 18. */
START_TEST(the_style_any_eats_a_run_of_cr_and_lf)
{
	struct evbuffer *b = buffer_of("a\r\n\n\r\r\nb\n");

	expect_line(b, EVBUFFER_EOL_ANY, "a");
	expect_line(b, EVBUFFER_EOL_ANY, "b");
	evbuffer_free(b);
}
END_TEST

/* Rule 18. */
START_TEST(the_style_crlf_strict_takes_nothing_but_crlf)
{
	struct evbuffer *b = buffer_of("a\nb\rc\r\r\n");

	expect_line(b, EVBUFFER_EOL_CRLF_STRICT, "a\nb\rc\r");
	evbuffer_free(b);
}
END_TEST

/* Rule 17. */
START_TEST(no_line_and_no_memory_look_the_same)
{
	struct evbuffer *b = buffer_of("a");

	expect_line(b, EVBUFFER_EOL_LF, NULL);
	evbuffer_add(b, "\n", 1);
	memory_refuse_once_after(0);
	expect_line(b, EVBUFFER_EOL_LF, NULL);
	expect_line(b, EVBUFFER_EOL_LF, "a");
	evbuffer_free(b);
}
END_TEST

/* --- Files. --- */

/* An add_file whose n-th allocation fails; is the file still open? */
static bool
is_open_after_failure(size_t n)
{
	struct evbuffer *b = evbuffer_new();
	int fd = nameless_file("0123456789", 10);
	bool open;

	evbuffer_set_flags(b, EVBUFFER_FLAG_DRAINS_TO_FD);
	memory_refuse_once_after(n);
	ck_assert_int_eq(evbuffer_add_file(b, fd, 0, 10), -1);
	open = endpoint_is_open(fd);
	if (open)
		close(fd);
	evbuffer_free(b);
	return open;
}

/* Rule 36; producer.c reads files instead. */
START_TEST(a_file_that_cannot_be_added_may_be_closed_or_not)
{
	ck_assert(is_open_after_failure(0));
	ck_assert(!is_open_after_failure(1));
}
END_TEST

/* Rule 36: socket.c takes it for "later". */
START_TEST(writing_a_file_that_was_cut_short_says_zero)
{
	struct endpoint e;
	struct evbuffer *b = evbuffer_new();
	int fd = nameless_file("0123456789", 10);

	endpoint_open(&e);
	evbuffer_set_flags(b, EVBUFFER_FLAG_DRAINS_TO_FD);
	ck_assert_int_eq(evbuffer_add_file(b, fd, 0, 10), 0);
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	ck_assert_int_eq(evbuffer_write(b, e.peer), 0);
	evbuffer_free(b);
	endpoint_free(&e);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("libevent_buffer");
	TCase *t = suite_group(s, "chains");

	endpoint_begin();
	tcase_add_checked_fixture(t, memory_watch, NULL);
	tcase_add_test(t, a_chain_with_its_head_takes_a_power_of_two);
	tcase_add_test(
	    t, a_piece_that_fills_its_chain_is_not_moved_for_the_next);
	tcase_add_test(t, chains_that_add_makes_double_up_to_4_kib);
	tcase_add_test(
	    t, add_asks_for_128_mib_for_two_bytes_behind_100_mib_of_reference);
	tcase_add_test(t, reserve_asks_for_1_kib_behind_100_mib_of_reference);
	tcase_add_test(
	    t, moving_a_buffer_to_another_moves_its_chains_and_takes_no_memory);
	tcase_add_test(t, a_part_of_a_chain_that_is_moved_is_copied_and_stays);

	t = suite_group(s, "references");
	tcase_add_checked_fixture(t, memory_watch, NULL);
	tcase_add_test(t, a_reference_takes_a_chain_of_1_kib);
	tcase_add_test(t, a_reference_that_fails_stays_the_callers);
	tcase_add_test(
	    t, a_reference_is_cleaned_up_once_when_all_of_it_has_gone);
	tcase_add_test(
	    t, an_empty_reference_is_not_cleaned_up_before_the_next_add);
	tcase_add_test(t, bytes_added_by_a_cleanup_are_accepted_and_vanish);

	t = suite_group(s, "without_memory");
	tcase_add_checked_fixture(t, memory_watch, NULL);
	tcase_add_test(t, a_multicast_without_memory_is_cut_short_and_succeeds);
	tcase_add_test(
	    t, a_part_that_is_moved_without_memory_is_lost_and_succeeds);
	tcase_add_test(t, a_prepend_without_memory_fails_and_leaves_a_part);
	tcase_add_test(t, prepending_a_buffer_takes_no_memory);
	tcase_add_test(t, committing_what_was_reserved_takes_no_memory);
	tcase_add_test(t, a_buffer_gets_no_lock_where_locking_is_off);

	t = suite_group(s, "lines");
	tcase_add_checked_fixture(t, memory_watch, NULL);
	tcase_add_test(t, the_style_crlf_takes_a_bare_lf_for_an_end);
	tcase_add_test(t, the_style_any_eats_a_run_of_cr_and_lf);
	tcase_add_test(t, the_style_crlf_strict_takes_nothing_but_crlf);
	tcase_add_test(t, no_line_and_no_memory_look_the_same);

	t = suite_group(s, "files");
	tcase_add_checked_fixture(t, memory_watch, NULL);
	tcase_add_test(t, a_file_that_cannot_be_added_may_be_closed_or_not);
	tcase_add_test(t, writing_a_file_that_was_cut_short_says_zero);
	return suite_run(s);
}
