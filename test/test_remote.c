/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Remotes: what is posted runs exactly once, from the loop, in order, with the
 * channel or, when that has ended, without; and who holds what how long.  Here
 * most of it happens on one thread; post_stress has many.
 */
#include "alloc-internal.h"
#include "support/memory.h"
#include "support/suite.h"
#include "support/target.h"
#include "support/world.h"
#include <errno.h>
#include <event2/thread.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct stage {
	struct world w;
	struct evchat *ch; /* also after its end */
	struct evchat_remote *remote;
	char log[256]; /* a word for each function that has run */
	size_t runs;
};

/* What is posted: its word, and "!" behind it when there was no channel. */
struct errand {
	struct stage *s;
	const char *word;
	void (*also)(struct stage *s, struct evchat *ch);
};

static void
run(struct evchat *ch, void *ctx)
{
	const struct errand *errand = ctx;
	struct stage *s = errand->s;

	ck_assert(!ch || ch == s->ch);
	ck_assert_uint_lt(
	    strlen(s->log) + strlen(errand->word) + 3, sizeof s->log);
	if (s->log[0])
		strcat(s->log, " ");
	strcat(s->log, errand->word);
	if (!ch)
		strcat(s->log, "!");
	s->runs++;
	if (errand->also)
		errand->also(s, ch);
}

static void
expect_log(struct stage *s, const char *log)
{
	ck_assert_str_eq(s->log, log);
	s->log[0] = '\0';
}

static void
post(const struct errand *errand)
{
	ck_assert_int_eq(
	    evchat_post(errand->s->remote, run, (void *)errand), 0);
}

static void
use_locks(void)
{
	ck_assert_int_eq(evthread_use_pthreads(), 0);
}

static void
begin(struct stage *s)
{
	struct evchat_callbacks callbacks = world_plain();

	/* Once for the process: libevent keeps something. */
	use_locks();
	memory_watch();
	memset(s, 0, sizeof *s);
	world_open(&s->w, OVER_SOCKET, &callbacks);
	s->ch = s->w.ch;
	evchat_set_terminator(s->ch, EVCHAT_LIT("\n"));
	s->remote = evchat_remote_new(s->ch);
	ck_assert_ptr_nonnull(s->remote);
}

static void
end(struct stage *s)
{
	evchat_remote_free(s->remote);
	world_free(&s->w);
	ck_assert_uint_eq(memory_live(), 0);
}

static void
free_channel(struct stage *s, struct evchat *ch)
{
	(void)ch;
	evchat_free(s->w.ch);
	s->w.ch = NULL;
}

/* --- Handles. --- */

START_TEST(without_locking_there_is_no_handle)
{
	struct world w;

	memory_watch();
	world_open(&w, OVER_SOCKET, &world_callbacks);
	errno = 0;
	ck_assert_ptr_null(evchat_remote_new(w.ch));
	ck_assert_int_eq(errno, EINVAL);
	world_free(&w);
	ck_assert_uint_eq(memory_live(), 0);
}
END_TEST

START_TEST(null_has_no_handle_and_nothing_to_give_up)
{
	errno = 0;
	ck_assert_ptr_null(evchat_remote_new(NULL));
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_ptr_null(evchat_remote_hold(NULL));
	evchat_remote_free(NULL);
}
END_TEST

START_TEST(asked_again_it_is_the_same_handle)
{
	struct stage s;

	begin(&s);
	ck_assert_ptr_eq(evchat_remote_new(s.ch), s.remote);
	ck_assert_ptr_eq(evchat_remote_hold(s.remote), s.remote);
	evchat_remote_free(s.remote);
	evchat_remote_free(s.remote);
	end(&s);
}
END_TEST

START_TEST(given_up_and_asked_for_again_it_is_the_same_handle)
{
	struct stage s;
	struct evchat_remote *before;
	struct errand a = {&s, "a", NULL};

	begin(&s);
	before = s.remote;
	evchat_remote_free(s.remote);
	s.remote = evchat_remote_new(s.ch);
	ck_assert_ptr_eq(s.remote, before);
	post(&a);
	world_run(&s.w);
	expect_log(&s, "a");
	end(&s);
}
END_TEST

static void
ask_for_handle(struct world *w, const char *event)
{
	errno = 0;
	if (strcmp(event, "closed") != 0)
		return;
	ck_assert_ptr_null(evchat_remote_new(w->ch));
	ck_assert_int_eq(errno, ESHUTDOWN);
	w->hook_count++;
}

START_TEST(a_channel_that_has_ended_has_no_handle)
{
	struct stage s;

	begin(&s);
	s.w.hook = ask_for_handle;
	peer_send_eof(&s.w);
	world_run(&s.w);
	world_expect(&s.w, "closed(EOF)");
	ck_assert_uint_eq(s.w.hook_count, 1);
	end(&s);
}
END_TEST

START_TEST(a_handle_outlives_its_channel)
{
	struct stage s;
	struct errand a = {&s, "a", NULL};

	begin(&s);
	free_channel(&s, NULL);
	world_run(&s.w);
	evchat_remote_free(evchat_remote_hold(s.remote));
	post(&a);
	world_run(&s.w);
	expect_log(&s, "a!");
	end(&s);
}
END_TEST

START_TEST(a_channel_outlives_its_handle)
{
	struct stage s;

	begin(&s);
	evchat_remote_free(s.remote);
	s.remote = NULL;
	peer_send_text(&s.w, "alive\n");
	world_run(&s.w);
	world_expect(&s.w, "frame(alive)");
	end(&s);
}
END_TEST

/* --- Posting. --- */

START_TEST(nothing_to_post_or_to_post_to_is_refused)
{
	struct stage s;

	begin(&s);
	ck_assert_int_eq(evchat_post(NULL, run, NULL), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(evchat_post(s.remote, NULL, NULL), EVCHAT_ERR_INVALID);
	world_run(&s.w);
	expect_log(&s, "");
	end(&s);
}
END_TEST

START_TEST(what_is_posted_runs_from_the_loop_in_order)
{
	struct stage s;
	struct errand a = {&s, "a", NULL}, b = {&s, "b", NULL},
		      c = {&s, "c", NULL};

	begin(&s);
	post(&a);
	post(&b);
	post(&a);
	expect_log(&s, "");
	world_run(&s.w);
	expect_log(&s, "a b a");
	post(&c);
	world_run(&s.w);
	expect_log(&s, "c");
	end(&s);
}
END_TEST

static void
talk(struct stage *s, struct evchat *ch)
{
	ck_assert_int_eq(evchat_push(ch, "hello", 5), 0);
	ck_assert_int_eq(evchat_set_terminator(ch, EVCHAT_LIT("//")), 0);
	peer_send_text(&s->w, "one//");
}

START_TEST(what_is_posted_may_use_the_channel)
{
	struct stage s;
	struct errand a = {&s, "a", talk};

	begin(&s);
	post(&a);
	world_run(&s.w);
	world_expect(&s.w, "frame(one)");
	peer_expect(&s.w, "hello");
	end(&s);
}
END_TEST

START_TEST(what_is_posted_before_the_end_and_runs_after_it_gets_no_channel)
{
	struct stage s;
	struct errand a = {&s, "a", NULL};

	begin(&s);
	post(&a);
	post(&a);
	free_channel(&s, NULL);
	world_run(&s.w);
	expect_log(&s, "a! a!");
	end(&s);
}
END_TEST

static const struct errand *posted_inside;

static void
post_inside(struct world *w, const char *event)
{
	(void)event;
	w->hook_count++;
	post(posted_inside);
}

START_TEST(a_callback_may_post)
{
	struct stage s;
	struct errand a = {&s, "a", NULL};

	begin(&s);
	s.w.hook = post_inside;
	posted_inside = &a;
	peer_send_text(&s.w, "one\ntwo\n");
	world_run(&s.w);
	world_expect(&s.w, "frame(one) frame(two)");
	expect_log(&s, "a a");
	end(&s);
}
END_TEST

START_TEST(what_closed_posts_gets_no_channel)
{
	struct stage s;
	struct errand a = {&s, "a", NULL};

	begin(&s);
	s.w.hook = post_inside;
	posted_inside = &a;
	evchat_close_when_done(s.ch);
	world_run(&s.w);
	world_expect(&s.w, "closed(DONE)");
	expect_log(&s, "a!");
	end(&s);
}
END_TEST

START_TEST(detached_there_is_no_channel_any_more)
{
	struct stage s;
	struct errand a = {&s, "a", NULL};
	struct bufferevent *bev;

	begin(&s);
	post(&a);
	bev = evchat_detach(s.ch);
	ck_assert_ptr_nonnull(bev);
	s.w.ch = NULL;
	world_run(&s.w);
	expect_log(&s, "a!");
	bufferevent_free(bev);
	end(&s);
}
END_TEST

START_TEST(freed_in_what_is_posted_the_rest_gets_no_channel)
{
	struct stage s;
	struct errand a = {&s, "a", NULL}, b = {&s, "b", free_channel};

	begin(&s);
	post(&a);
	post(&b);
	post(&a);
	post(&a);
	world_run(&s.w);
	world_expect(&s.w, "");
	expect_log(&s, "a b a! a!");
	end(&s);
}
END_TEST

static void
close_channel(struct stage *s, struct evchat *ch)
{
	(void)s;
	evchat_close_when_done(ch);
}

START_TEST(what_is_posted_may_close_the_channel)
{
	struct stage s;
	struct errand a = {&s, "a", NULL}, b = {&s, "b", close_channel};

	begin(&s);
	post(&b);
	post(&a);
	world_run(&s.w);
	world_expect(&s.w, "closed(DONE)");
	/* The end takes a turn of its own. */
	expect_log(&s, "b a");
	post(&a);
	world_run(&s.w);
	expect_log(&s, "a!");
	end(&s);
}
END_TEST

static void
post_more(struct stage *s, struct evchat *ch)
{
	(void)ch;
	if (s->runs == 1)
		post(posted_inside);
}

START_TEST(what_is_posted_may_post_and_that_runs_behind_the_rest)
{
	struct stage s;
	struct errand a = {&s, "a", post_more}, b = {&s, "b", NULL},
		      c = {&s, "c", NULL};

	begin(&s);
	posted_inside = &c;
	post(&a);
	post(&b);
	world_run(&s.w);
	expect_log(&s, "a b c");
	end(&s);
}
END_TEST

/* --- Giving it up. --- */

static void
give_up_handle(struct stage *s, struct evchat *ch)
{
	(void)ch;
	evchat_remote_free(s->remote);
	s->remote = NULL;
}

START_TEST(what_was_posted_runs_when_the_handle_is_given_up)
{
	struct stage s;
	struct errand a = {&s, "a", NULL};

	begin(&s);
	post(&a);
	post(&a);
	give_up_handle(&s, NULL);
	if (_i)
		free_channel(&s, NULL);
	world_run(&s.w);
	expect_log(&s, _i ? "a! a!" : "a a");
	end(&s);
}
END_TEST

START_TEST(what_is_posted_may_give_the_handle_up)
{
	struct stage s;
	struct errand a = {&s, "a", NULL}, b = {&s, "b", give_up_handle},
		      c = {&s, "c", free_channel};

	begin(&s);
	if (_i)
		post(&c);
	post(&b);
	post(&a);
	world_run(&s.w);
	expect_log(&s, _i ? "c b! a!" : "b a");
	end(&s);
}
END_TEST

/* --- Beside the rest of the loop. --- */

static void
post_for_ever(struct stage *s, struct evchat *ch)
{
	(void)ch;
	s->log[0] = '\0';
	if (s->runs == 1)
		peer_send_text(&s->w, "one\n");
	if (!s->w.pieces && s->runs < 100000)
		post(posted_inside);
}

static void
note_frame(struct world *w, const char *event)
{
	(void)event;
	w->pieces++;
}

START_TEST(what_posts_itself_again_and_again_starves_nobody)
{
	struct stage s;
	struct errand a = {&s, "a", post_for_ever};

	begin(&s);
	s.w.hook = note_frame;
	posted_inside = &a;
	post(&a);
	world_run(&s.w);
	world_expect(&s.w, "frame(one)");
	ck_assert_uint_lt(s.runs, 100000);
	end(&s);
}
END_TEST

/* --- A channel that connects. --- */

START_TEST(a_channel_that_is_not_connected_yet_has_a_handle)
{
	struct stage s;
	struct errand a = {&s, "a", NULL};
	const struct evchat_connect_options options = {
	    .channel.callbacks = world_callbacks};
	struct target target;

	begin(&s);
	free_channel(&s, NULL);
	evchat_remote_free(s.remote);
	target_open(&target, TARGET_IPV4, FULL);
	s.ch = s.w.ch =
	    evchat_connect(s.w.base, NULL, target.text, &options, &s.w);
	s.remote = evchat_remote_new(s.ch);
	ck_assert_ptr_nonnull(s.remote);
	post(&a);
	world_run(&s.w);
	expect_log(&s, "a");
	evchat_close_when_done(s.ch);
	world_run(&s.w);
	world_expect(&s.w, "closed(DONE)");
	post(&a);
	world_run(&s.w);
	expect_log(&s, "a!");
	target_close(&target);
	end(&s);
}
END_TEST

/* --- No memory. --- */

/* True when there was none. */
static bool
fail_to_make(size_t n)
{
	struct stage s;

	begin(&s);
	/* The one that was made goes with its channel. */
	evchat_remote_free(s.remote);
	world_free(&s.w);
	world_open(&s.w, OVER_SOCKET, &world_callbacks);
	memory_refuse_once_after(n);
	errno = 0;
	s.remote = evchat_remote_new(s.w.ch);
	memory_refuse_none();
	if (!s.remote)
		ck_assert_int_eq(errno, ENOMEM);
	n = s.remote == NULL;
	end(&s);
	return n;
}

START_TEST(without_memory_there_is_no_handle)
{
	size_t n = 0;

	while (fail_to_make(n))
		n++;
	ck_assert_uint_gt(n, 2);
}
END_TEST

START_TEST(without_memory_nothing_is_posted)
{
	struct stage s;
	struct errand a = {&s, "a", NULL}, b = {&s, "b", NULL};

	begin(&s);
	if (_i)
		post(&a);
	memory_refuse_after(0);
	ck_assert_int_eq(evchat_post(s.remote, run, &b), EVCHAT_ERR_NO_MEMORY);
	memory_refuse_none();
	world_run(&s.w);
	expect_log(&s, _i ? "a" : "");
	end(&s);
}
END_TEST

/* --- Another thread. --- */

enum { POSTS = 1000 };

static void
count_and_stop(struct stage *s, struct evchat *ch)
{
	s->log[0] = '\0';
	ck_assert_ptr_eq(ch, s->ch);
	if (s->runs == POSTS)
		event_base_loopbreak(s->w.base);
}

static void *
post_many(void *ctx)
{
	for (int i = 0; i < POSTS; i++)
		post(ctx);
	return NULL;
}

START_TEST(what_another_thread_posts_wakes_the_loop)
{
	struct stage s;
	struct errand a = {&s, "a", count_and_stop};
	pthread_t thread;

	begin(&s);
	/* The allocator that counts is for one thread. */
	memory_unwatch();
	ck_assert_int_eq(pthread_create(&thread, NULL, post_many, &a), 0);
	ck_assert_int_eq(event_base_dispatch(s.w.base), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_eq(s.runs, POSTS);
	evchat_remote_free(s.remote);
	world_free(&s.w);
}
END_TEST

/* libevent may do one callback in a turn.  So what is posted when the rest of a
 * batch begins to wait for its turn is still to be heard of when that comes. */
static struct event_base *
slow_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base;

	ck_assert_ptr_nonnull(config);
	ck_assert_int_eq(
	    event_config_set_max_dispatch_interval(config, NULL, 1, 0), 0);
	base = event_base_new_with_config(config);
	event_config_free(config);
	ck_assert_ptr_nonnull(base);
	return base;
}

enum { LONG_BATCH = 300 };

struct late_post {
	struct evchat_remote *remote;
	size_t runs;
};

static void
post_when_the_turn_ends(struct evchat *ch, void *ctx)
{
	struct late_post *late = ctx;

	(void)ch;
	/* 256 are what is run in a turn. */
	if (++late->runs == 256)
		ck_assert_int_eq(
		    evchat_post(late->remote, post_when_the_turn_ends, late),
		    0);
}

START_TEST(what_is_posted_when_a_turn_ends_is_not_forgotten)
{
	const struct evchat_callbacks none = {0};
	struct event_base *base;
	struct late_post late = {0};
	struct evchat *ch;
	int ends[2];

	ck_assert_int_eq(evthread_use_pthreads(), 0);
	base = slow_base();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	ch = evchat_open(base, ends[0], 0, &none, NULL);
	late.remote = evchat_remote_new(ch);
	ck_assert_ptr_nonnull(late.remote);
	for (int i = 0; i < LONG_BATCH; i++)
		ck_assert_int_eq(
		    evchat_post(late.remote, post_when_the_turn_ends, &late),
		    0);
	for (int i = 0; i < 20; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(late.runs, LONG_BATCH + 1);
	evchat_remote_free(late.remote);
	evchat_free(ch);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
	close(ends[1]);
}
END_TEST

static void
add_handles(Suite *suite)
{
	TCase *group = suite_group(suite, "handles");

	/* First: locking is for the rest of a process. */
	tcase_add_test(group, without_locking_there_is_no_handle);
	tcase_add_test(group, null_has_no_handle_and_nothing_to_give_up);
	tcase_add_test(group, asked_again_it_is_the_same_handle);
	tcase_add_test(
	    group, given_up_and_asked_for_again_it_is_the_same_handle);
	tcase_add_test(group, a_channel_that_has_ended_has_no_handle);
	tcase_add_test(group, a_handle_outlives_its_channel);
	tcase_add_test(group, a_channel_outlives_its_handle);
	tcase_add_loop_test(
	    group, what_was_posted_runs_when_the_handle_is_given_up, 0, 2);
	tcase_add_loop_test(group, what_is_posted_may_give_the_handle_up, 0, 2);
}

static void
add_posts(Suite *suite)
{
	TCase *group = suite_group(suite, "posts");

	tcase_add_test(group, nothing_to_post_or_to_post_to_is_refused);
	tcase_add_test(group, what_is_posted_runs_from_the_loop_in_order);
	tcase_add_test(group, what_is_posted_may_use_the_channel);
	tcase_add_test(group,
	    what_is_posted_before_the_end_and_runs_after_it_gets_no_channel);
	tcase_add_test(group, a_callback_may_post);
	tcase_add_test(group, what_closed_posts_gets_no_channel);
	tcase_add_test(group, detached_there_is_no_channel_any_more);
	tcase_add_test(group, freed_in_what_is_posted_the_rest_gets_no_channel);
	tcase_add_test(group, what_is_posted_may_close_the_channel);
	tcase_add_test(
	    group, what_is_posted_may_post_and_that_runs_behind_the_rest);
	tcase_add_test(group, what_posts_itself_again_and_again_starves_nobody);
	tcase_add_test(group, a_channel_that_is_not_connected_yet_has_a_handle);
	tcase_add_test(group, without_memory_there_is_no_handle);
	tcase_add_loop_test(group, without_memory_nothing_is_posted, 0, 2);
	tcase_add_test(group, what_another_thread_posts_wakes_the_loop);
	tcase_add_test(group, what_is_posted_when_a_turn_ends_is_not_forgotten);
}

int
main(void)
{
	Suite *suite = suite_create("remote");

	/* libevent's memory comes from evchat's, which the test counts. */
	event_set_mem_functions(evchat_malloc_, evchat_realloc_, evchat_mfree_);
	add_handles(suite);
	add_posts(suite);
	return suite_run(suite);
}
