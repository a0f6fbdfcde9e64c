/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Remotes: functions that other threads post, run by the channel's loop.
 *
 * What is posted goes on a stack that needs no lock: whoever finds it empty
 * wakes the loop, which takes all of it at once and turns it round.  So there
 * is one batch for each wake, and nobody but the wake takes it.  A batch is an
 * owner from the moment it begins until it has run; so the last owner frees a
 * remote that nobody uses, and no wake comes to one that is gone.
 */
#include "alloc-internal.h"
#include "channel-internal.h"
#include "error-internal.h"
#include <errno.h>
#include <evchat/remote.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdatomic.h>

enum { POSTS_PER_TURN = 256 };

struct post {
	struct post *next;
	evchat_cb run;
	void *ctx;
};

struct evchat_remote {
	struct evchat_tie tie; /* first: it is what the channel gives back */
	struct evchat *ch;     /* of the loop's thread only; NULL at the end */
	struct event *wake;    /* made active by those who post */
	struct event *turn;    /* a timer: the others had theirs */
	size_t wakes;       /* of the loop's thread only: batches to be run, */
	struct post *batch; /* and what is left of the first, once taken */
	/* The next batch, the last of it first. */
	_Atomic(struct post *) posts;
	atomic_size_t owners; /* an open channel is one, too */
};

static void
discard(struct evchat_remote *remote)
{
	if (remote->wake)
		event_free(remote->wake);
	if (remote->turn)
		event_free(remote->turn);
	evchat_mfree_(remote);
}

static void
release(struct evchat_remote *remote)
{
	/* What the other owners did comes before the end of it all. */
	if (atomic_fetch_sub_explicit(
		&remote->owners, 1, memory_order_acq_rel) != 1)
		return;
	discard(remote);
}

static void
on_cut(struct evchat_tie *tie)
{
	struct evchat_remote *remote = (struct evchat_remote *)tie;

	remote->ch = NULL;
	release(remote);
}

static struct post *
turn_round(struct post *last)
{
	struct post *first = NULL;

	while (last) {
		struct post *next = last->next;

		last->next = first;
		first = last;
		last = next;
	}
	return first;
}

/* Run the next function.  False when that was the last of all batches; the
 * remote may be gone then. */
static bool
run_next(struct evchat_remote *remote)
{
	struct post *first = remote->batch;
	struct post post;
	bool more;

	if (!first)
		first = turn_round(atomic_exchange_explicit(
		    &remote->posts, NULL, memory_order_acq_rel));
	post = *first;
	evchat_mfree_(first);
	remote->batch = post.next;
	post.run(remote->ch, post.ctx);
	if (remote->batch)
		return true;
	more = --remote->wakes > 0;
	release(remote);
	return more;
}

/* A zero timer lets every socket that is ready have its turn first; what has
 * just been posted would otherwise be served in the same turn of the loop,
 * again and again (rule 25).  It is an event of its own: a timeout takes what
 * makes an event active otherwise off it. */
static int
come_back(struct evchat_remote *remote)
{
	static const struct timeval at_once;

	return evtimer_add(remote->turn, &at_once);
}

/* Without memory to come back: less fair, but nothing is lost. */
static void
on_turn(evutil_socket_t fd, short what, void *ctx)
{
	struct evchat_remote *remote = ctx;
	unsigned left = POSTS_PER_TURN;

	(void)fd, (void)what;
	while (run_next(remote)) {
		left -= left > 0;
		if (!left && come_back(remote) == 0)
			return;
	}
}

static void
on_wake(evutil_socket_t fd, short what, void *ctx)
{
	struct evchat_remote *remote = ctx;

	remote->wakes++;
	if (come_back(remote))
		on_turn(fd, what, ctx);
}

/* The batch owns the remote before anybody can see it. */
int
evchat_post(struct evchat_remote *remote, evchat_cb run, void *ctx)
{
	struct post *post, *last;

	if (!remote || !run)
		return EVCHAT_ERR_INVALID;
	post = evchat_malloc_(sizeof *post);
	if (!post)
		return EVCHAT_ERR_NO_MEMORY;
	*post = (struct post){.run = run, .ctx = ctx};
	evchat_remote_hold(remote);
	last = atomic_load_explicit(&remote->posts, memory_order_relaxed);
	do
		post->next = last;
	while (!atomic_compare_exchange_weak_explicit(&remote->posts, &last,
	    post, memory_order_acq_rel, memory_order_relaxed));
	if (!last)
		event_active(remote->wake, EV_READ, 0);
	else
		release(remote);
	return 0;
}

/* --- Owners. --- */

static struct evchat_remote *
find(const struct evchat *ch)
{
	for (struct evchat_tie *tie = ch->ties; tie; tie = tie->next)
		if (tie->cut == on_cut)
			return (struct evchat_remote *)tie;
	return NULL;
}

/* libevent does not say whether its locking is on, but cannot make a lock if it
 * is not. */
static int
check_locking(void)
{
	struct evbuffer *buffer = evbuffer_new();
	int error = 0;

	if (!buffer)
		return EVCHAT_ERR_NO_MEMORY;
	errno = 0;
	if (evbuffer_enable_locking(buffer, NULL))
		error =
		    errno == ENOMEM ? EVCHAT_ERR_NO_MEMORY : EVCHAT_ERR_INVALID;
	evbuffer_free(buffer);
	return error;
}

static struct evchat_remote *
make(struct evchat *ch)
{
	struct event_base *base = bufferevent_get_base(ch->transport.bev);
	struct evchat_remote *remote = evchat_zalloc_(sizeof *remote);

	if (!remote)
		return NULL;
	remote->wake = event_new(base, -1, 0, on_wake, remote);
	remote->turn = evtimer_new(base, on_turn, remote);
	if (!remote->wake || !remote->turn) {
		discard(remote);
		return NULL;
	}
	remote->tie.cut = on_cut;
	remote->ch = ch;
	atomic_init(&remote->posts, NULL);
	atomic_init(&remote->owners, 2); /* the channel and the caller */
	evchat_channel_tie_(ch, &remote->tie);
	return remote;
}

struct evchat_remote *
evchat_remote_new(struct evchat *ch)
{
	struct evchat_remote *remote;
	int error = evchat_channel_check_(ch);

	if (error)
		return evchat_refuse_(error);
	remote = find(ch);
	if (remote)
		return evchat_remote_hold(remote);
	error = check_locking();
	if (error)
		return evchat_refuse_(error);
	remote = make(ch);
	return remote ? remote : evchat_refuse_(EVCHAT_ERR_NO_MEMORY);
}

struct evchat_remote *
evchat_remote_hold(struct evchat_remote *remote)
{
	if (remote)
		(void)atomic_fetch_add_explicit(
		    &remote->owners, 1, memory_order_relaxed);
	return remote;
}

void
evchat_remote_free(struct evchat_remote *remote)
{
	if (remote)
		release(remote);
}
