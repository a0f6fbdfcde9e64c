/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Four threads post to a hundred channels that come and go.  The loop's thread
 * replaces channels all the time and puts their handles on a table, where the
 * other threads take them from and give them up when they like.  Every function
 * must run exactly once, on the loop's thread, with its channel or, when that
 * has ended, without; what one thread posted to one handle in its order.
 *
 * EVCHAT_TEST_SCALE sizes it: 250,000 posts a thread when it is not set.
 */
#include "support/scale.h"
#include <evchat/evchat.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	THREADS = 4,
	OWNERS = THREADS + 1, /* the loop's thread posts, too */
	CHANNELS = 100,
	FULL_POSTS = 250000,
	AT_ONCE = 16,        /* posts to a handle before it is given up */
	AHEAD = 64,          /* posts of a thread that have not run */
	REPLACED_AT_ONCE = 4 /* channels in a turn of the loop */
};

/* A channel from its birth to the end of the program; of the loop's thread. */
struct life {
	struct life *next;
	struct evchat *ch; /* NULL when it is over */
	struct bufferevent *peer;
	size_t last[OWNERS]; /* the number of the last post that ran, per owner
			      */
};

/* A function that was posted.  Its owner writes it before it is posted. */
struct note {
	struct life *life;
	size_t owner, number;
	bool replies; /* and posts one more itself */
	atomic_uint runs;
};

struct worker {
	pthread_t thread;
	size_t owner;
	struct note *notes;
	size_t n, posted;
	atomic_size_t ran;
	struct chance chance;
};

/* Where a handle can be taken from. */
struct place {
	struct evchat_remote *remote;
	struct life *life;
};

static struct {
	pthread_mutex_t lock; /* of the table */
	struct place places[CHANNELS];
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct {
	struct event_base *base;
	struct event *churn;
	pthread_t thread;
	struct life *lives;
	struct chance chance;
	struct note *replies;
	size_t n_replies, replies_posted;
	size_t ran, ran_without, replaced;
	uint64_t sum; /* of the numbers that ran */
} loop;

static struct worker workers[THREADS];

static void
must(bool true_thing, const char *what)
{
	if (true_thing)
		return;
	fprintf(stderr, "post_stress: %s\n", what);
	abort();
}

/* --- What is posted. --- */

static void run_note(struct evchat *ch, void *ctx);

/* The one that runs holds the handle, so there is one to be had only while the
 * channel lives. */
static void
reply(struct evchat *ch, struct life *life)
{
	struct evchat_remote *remote = evchat_remote_new(ch);
	struct note *note = &loop.replies[loop.replies_posted++];

	must(remote != NULL, "no handle for a reply");
	must(loop.replies_posted <= loop.n_replies, "too many replies");
	*note = (struct note){
	    .life = life, .owner = THREADS, .number = loop.replies_posted};
	must(!evchat_post(remote, run_note, note), "a reply cannot be posted");
	evchat_remote_free(remote);
}

static void
run_note(struct evchat *ch, void *ctx)
{
	struct note *note = ctx;
	struct life *life = note->life;

	must(pthread_equal(pthread_self(), loop.thread), "not in the loop");
	must(ch == life->ch, "another channel, or one that is over");
	must(life->last[note->owner] < note->number, "out of order");
	life->last[note->owner] = note->number;
	atomic_fetch_add(&note->runs, 1);
	if (note->owner < THREADS)
		atomic_fetch_add(&workers[note->owner].ran, 1);
	loop.ran++;
	loop.ran_without += !ch;
	loop.sum += note->number;
	if (note->replies && ch)
		reply(ch, life);
}

/* --- Threads that post. --- */

static struct place
take_handle(struct worker *w)
{
	struct place taken;

	pthread_mutex_lock(&table.lock);
	taken = table.places[chance_below(&w->chance, CHANNELS)];
	evchat_remote_hold(taken.remote);
	pthread_mutex_unlock(&table.lock);
	return taken;
}

static void
post_some(struct worker *w)
{
	struct place to = take_handle(w);
	size_t some = 1 + chance_below(&w->chance, AT_ONCE);

	for (; some && w->posted < w->n; some--) {
		struct note *note = &w->notes[w->posted++];

		note->life = to.life;
		note->owner = w->owner;
		note->number = w->posted;
		note->replies = w->posted % 8 == 0;
		must(!evchat_post(to.remote, run_note, note), "cannot post");
	}
	evchat_remote_free(to.remote);
}

static void *
work(void *ctx)
{
	struct worker *w = ctx;

	while (w->posted < w->n) {
		/* Channels are to come and go meanwhile. */
		while (w->posted - atomic_load(&w->ran) >= AHEAD)
			sched_yield();
		post_some(w);
	}
	return NULL;
}

/* --- Channels that come and go. --- */

static void
on_closed(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	struct life *life = ctx;

	(void)ch, (void)reason;
	life->ch = NULL;
}

static struct life *
begin_life(void)
{
	static const struct evchat_callbacks callbacks = {.closed = on_closed};
	struct life *life = calloc(1, sizeof *life);
	struct bufferevent *ends[2];

	must(life && !bufferevent_pair_new(loop.base, 0, ends), "no pair");
	life->peer = ends[1];
	life->ch = evchat_new(ends[0], &callbacks, life);
	must(life->ch != NULL, "no channel");
	life->next = loop.lives;
	loop.lives = life;
	return life;
}

/* At once, or from the loop. */
static void
end_life(struct life *life)
{
	if (chance_below(&loop.chance, 2)) {
		evchat_free(life->ch);
		life->ch = NULL;
	} else {
		evchat_close_when_done(life->ch);
	}
	bufferevent_free(life->peer);
	life->peer = NULL;
}

static void
put_on_table(size_t i, struct life *life)
{
	struct place old, new = {.life = life};

	if (life)
		new.remote = evchat_remote_new(life->ch);
	must(!life || new.remote, "no handle");
	pthread_mutex_lock(&table.lock);
	old = table.places[i];
	table.places[i] = new;
	pthread_mutex_unlock(&table.lock);
	/* Before and after its channel. */
	if (i % 2)
		evchat_remote_free(old.remote);
	if (old.life)
		end_life(old.life);
	if (i % 2 == 0)
		evchat_remote_free(old.remote);
}

static size_t
expected_runs(void)
{
	size_t n = loop.replies_posted;

	for (size_t i = 0; i < THREADS; i++)
		n += workers[i].n;
	return n;
}

/* In every turn of the loop. */
static void
churn(evutil_socket_t fd, short what, void *ctx)
{
	static const struct timeval at_once;

	(void)fd, (void)what, (void)ctx;
	if (loop.ran == expected_runs()) {
		event_base_loopbreak(loop.base);
		return;
	}
	for (int i = 0; i < REPLACED_AT_ONCE; i++) {
		put_on_table(
		    chance_below(&loop.chance, CHANNELS), begin_life());
		loop.replaced++;
	}
	must(!evtimer_add(loop.churn, &at_once), "no timer");
}

/* --- All of it. --- */

static void
begin(size_t n)
{
	must(!evthread_use_pthreads(), "no locks");
	loop.thread = pthread_self();
	loop.chance = chance_from(test_seed());
	loop.base = event_base_new();
	must(loop.base != NULL, "no loop");
	loop.churn = evtimer_new(loop.base, churn, NULL);
	loop.n_replies = THREADS * n;
	loop.replies = calloc(loop.n_replies, sizeof *loop.replies);
	must(loop.churn && loop.replies, "no memory");
	for (size_t i = 0; i < CHANNELS; i++)
		put_on_table(i, begin_life());
}

static void
start_threads(size_t n)
{
	for (size_t i = 0; i < THREADS; i++) {
		struct worker *w = &workers[i];

		w->owner = i;
		w->n = n;
		w->chance = chance_from(test_seed() + i + 1);
		w->notes = calloc(n, sizeof *w->notes);
		must(w->notes != NULL, "no memory");
		must(!pthread_create(&w->thread, NULL, work, w), "no thread");
	}
}

static void
run_all(void)
{
	event_active(loop.churn, EV_TIMEOUT, 0);
	must(event_base_dispatch(loop.base) >= 0, "the loop failed");
	for (size_t i = 0; i < THREADS; i++)
		must(!pthread_join(workers[i].thread, NULL), "not joined");
	/* What ran twice would do so now. */
	must(event_base_loop(loop.base, EVLOOP_NONBLOCK) >= 0, "at the end");
}

/* Each number once, whichever order they came in. */
static void
check(void)
{
	uint64_t sum = 0;

	must(loop.ran == expected_runs(), "more runs than posts");
	for (size_t i = 0; i < THREADS; i++)
		for (size_t j = 0; j < workers[i].n; j++) {
			must(atomic_load(&workers[i].notes[j].runs) == 1,
			    "a function did not run exactly once");
			sum += j + 1;
		}
	for (size_t j = 0; j < loop.replies_posted; j++) {
		must(atomic_load(&loop.replies[j].runs) == 1,
		    "a reply did not run exactly once");
		sum += j + 1;
	}
	must(sum == loop.sum, "the sum is another");
}

static void
end(void)
{
	struct life *life;

	for (size_t i = 0; i < CHANNELS; i++)
		put_on_table(i, NULL);
	must(event_base_loop(loop.base, EVLOOP_NONBLOCK) >= 0, "at the end");
	while ((life = loop.lives)) {
		must(!life->ch, "a channel lives on");
		loop.lives = life->next;
		free(life);
	}
	event_free(loop.churn);
	event_base_free(loop.base);
	for (size_t i = 0; i < THREADS; i++)
		free(workers[i].notes);
	free(loop.replies);
	libevent_global_shutdown();
}

int
main(void)
{
	size_t n = test_scaled(FULL_POSTS);

	begin(n);
	start_threads(n);
	run_all();
	check();
	printf("post_stress: %d threads, %zu posts each, %zu replies, %zu "
	       "channels; %zu ran without their channel\n",
	    THREADS, n, loop.replies_posted, loop.replaced + CHANNELS,
	    loop.ran_without);
	end();
	return EXIT_SUCCESS;
}
