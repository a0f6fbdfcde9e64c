/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The thread's buffers: one turn at a time has them, they are made when they
 * are needed and go with their thread, and a channel does without where there
 * is no memory.
 *
 * Around each test: no memory of evchat's is left.
 */
#include "buffers-internal.h"
#include "support/memory.h"
#include "support/suite.h"
#include "support/syscalls.h"
#include "support/world.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- Taking and giving back. --- */

START_TEST(one_at_a_time_has_them)
{
	struct evchat_buffers *buffers = evchat_buffers_take_();

	ck_assert_ptr_nonnull(buffers);
	ck_assert_ptr_null(evchat_buffers_take_());
	ck_assert_ptr_null(evchat_buffers_take_());
	evchat_buffers_give_back_(buffers);
	ck_assert_ptr_eq(evchat_buffers_take_(), buffers);
	evchat_buffers_give_back_(buffers);
	ck_assert_uint_eq(memory_asked(), 1);
}
END_TEST

START_TEST(who_has_none_gives_none_back)
{
	struct evchat_buffers *buffers = evchat_buffers_take_();

	evchat_buffers_give_back_(evchat_buffers_take_());
	ck_assert_ptr_null(evchat_buffers_take_());
	evchat_buffers_give_back_(buffers);
}
END_TEST

START_TEST(all_of_them_can_be_used)
{
	struct evchat_buffers *buffers = evchat_buffers_take_();

	memset(buffers->in, 1, EVCHAT_BUFFER_IN);
	memset(buffers->out, 2, EVCHAT_BUFFER_OUT);
	ck_assert_uint_eq(buffers->in[EVCHAT_BUFFER_IN - 1], 1);
	ck_assert_uint_eq(buffers->out[EVCHAT_BUFFER_OUT - 1], 2);
	ck_assert(buffers->taken);
	evchat_buffers_give_back_(buffers);
}
END_TEST

START_TEST(they_are_made_again_when_they_were_given_up)
{
	evchat_buffers_give_back_(evchat_buffers_take_());
	evchat_buffers_free_();
	ck_assert_uint_eq(memory_live(), 0);
	evchat_buffers_free_();
	evchat_buffers_give_back_(evchat_buffers_take_());
	ck_assert_uint_eq(memory_asked(), 2);
}
END_TEST

START_TEST(without_memory_there_are_none_until_there_is_some)
{
	struct evchat_buffers *buffers;

	memory_refuse_once_after(0);
	ck_assert_ptr_null(evchat_buffers_take_());
	buffers = evchat_buffers_take_();
	ck_assert_ptr_nonnull(buffers);
	evchat_buffers_give_back_(buffers);
	memory_refuse_after(0);
	ck_assert_ptr_eq(evchat_buffers_take_(), buffers);
	evchat_buffers_give_back_(buffers);
}
END_TEST

/* --- Threads. --- */

static void *
take_in_a_thread(void *ctx)
{
	struct evchat_buffers **buffers = ctx;

	*buffers = evchat_buffers_take_();
	evchat_buffers_give_back_(*buffers);
	return NULL;
}

static void
run_in_a_thread(void *(*work)(void *ctx), void *ctx)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, work, ctx), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

START_TEST(each_thread_has_its_own)
{
	struct evchat_buffers *mine = evchat_buffers_take_();
	struct evchat_buffers *others = NULL;

	run_in_a_thread(take_in_a_thread, &others);
	ck_assert_ptr_nonnull(others);
	ck_assert_ptr_ne(others, mine);
	evchat_buffers_give_back_(mine);
}
END_TEST

START_TEST(they_go_with_their_thread)
{
	struct evchat_buffers *buffers;

	for (size_t i = 1; i <= 3; i++) {
		run_in_a_thread(take_in_a_thread, &buffers);
		ck_assert_uint_eq(memory_asked(), i);
		ck_assert_uint_eq(memory_live(), 0);
	}
}
END_TEST

static void
answer(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	(void)ctx;
	ck_assert_int_eq(evchat_push(ch, bytes, len), 0);
	ck_assert_int_eq(evchat_push(ch, "!", 1), 0);
}

/* An event loop with a channel in a thread of its own. */
static void *
converse(void *ctx)
{
	const struct evchat_callbacks cb = {.frame = answer};
	struct world w;

	(void)ctx;
	world_open(&w, OVER_SOCKET, &cb);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\n"));
	peer_send_text(&w, "one\ntwo\n");
	world_run(&w);
	peer_expect(&w, "one!two!");
	world_free(&w);
	return NULL;
}

START_TEST(a_thread_that_had_channels_leaves_nothing)
{
	run_in_a_thread(converse, NULL);
	ck_assert_uint_eq(memory_live(), 0);
	ck_assert_uint_gt(memory_asked(), 0);
}
END_TEST

/* --- Doing without. --- */

static int
fd_of(const struct world *w)
{
	return (int)bufferevent_getfd(evchat_bufferevent(w->ch));
}

/* A channel whose thread has no memory for buffers. */
static void
open_poor(struct world *w, const struct evchat_callbacks *cb)
{
	world_open(w, OVER_SOCKET, cb);
	evchat_set_terminator(w->ch, EVCHAT_LIT("\n"));
	world_run(w);
	evchat_buffers_free_();
	calls_watch(fd_of(w));
	memory_refuse_after(0);
}

static void
close_poor(struct world *w)
{
	ck_assert_uint_gt(memory_refused(), 0);
	memory_refuse_none();
	calls_watch(-1);
	world_free(w);
}

START_TEST(without_them_a_channel_reads_and_answers_all_the_same)
{
	const struct evchat_callbacks cb = {.frame = answer};
	struct world w;

	open_poor(&w, &cb);
	peer_send_text(&w, "one\ntwo\n");
	world_run(&w);
	peer_send_text(&w, "three\n");
	world_run(&w);
	peer_expect(&w, "one!two!three!");
	close_poor(&w);
}
END_TEST

static void
count_bytes(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	struct world *w = ctx;

	(void)ch;
	(void)bytes;
	w->hook_count += len;
}

START_TEST(without_them_a_channel_reads_in_small_pieces)
{
	const struct evchat_callbacks cb = {.collect = count_bytes};
	static char block[50000];
	struct world w;

	open_poor(&w, &cb);
	peer_send(&w, block, sizeof block);
	world_run(&w);
	ck_assert_uint_eq(w.hook_count, sizeof block);
	ck_assert_uint_eq(calls_largest(CALL_RECV), EVCHAT_BUFFER_IN_SMALL);
	close_poor(&w);
}
END_TEST

START_TEST(with_them_a_channel_reads_in_large_pieces)
{
	const struct evchat_callbacks cb = {.collect = count_bytes};
	static char block[50000];
	struct world w;

	world_open(&w, OVER_SOCKET, &cb);
	calls_watch(fd_of(&w));
	peer_send(&w, block, sizeof block);
	world_run(&w);
	ck_assert_uint_eq(w.hook_count, sizeof block);
	ck_assert_uint_eq(calls_seen(CALL_RECV), 1);
	ck_assert_uint_eq(calls_largest(CALL_RECV), EVCHAT_BUFFER_IN);
	calls_watch(-1);
	world_free(&w);
}
END_TEST

/* --- The suite. --- */

static void
begin(void)
{
	memory_watch();
}

static void
end(void)
{
	ck_assert_uint_eq(memory_live(), 0);
	memory_unwatch();
}

int
main(void)
{
	Suite *s = suite_create("buffers");
	TCase *taking = suite_group(s, "taking");
	TCase *threads = suite_group(s, "threads");
	TCase *without = suite_group(s, "without");

	tcase_add_checked_fixture(taking, begin, end);
	tcase_add_test(taking, one_at_a_time_has_them);
	tcase_add_test(taking, who_has_none_gives_none_back);
	tcase_add_test(taking, all_of_them_can_be_used);
	tcase_add_test(taking, they_are_made_again_when_they_were_given_up);
	tcase_add_test(
	    taking, without_memory_there_are_none_until_there_is_some);
	tcase_add_checked_fixture(threads, begin, end);
	tcase_add_test(threads, each_thread_has_its_own);
	tcase_add_test(threads, they_go_with_their_thread);
	tcase_add_test(threads, a_thread_that_had_channels_leaves_nothing);
	tcase_add_checked_fixture(without, begin, end);
	tcase_add_test(
	    without, without_them_a_channel_reads_and_answers_all_the_same);
	tcase_add_test(without, without_them_a_channel_reads_in_small_pieces);
	tcase_add_test(without, with_them_a_channel_reads_in_large_pieces);
	return suite_run(s);
}
