/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listeners: accept, and make a channel of what comes.
 *
 * An evconnlistener accepts until there is nobody left, and reports a want of
 * descriptors as often as the loop turns: 805,000 times a second (rule 54).  So
 * it is switched off when it has had its share of a turn, when max_channels
 * live, and when something is wanting.  In want it goes on in two ways: each
 * channel that goes earns one accept, which is not expected to fail; and a
 * timer tries again, whether or not that helps.
 *
 * It outlives its evchat_listener_free() as long as a channel of its lives.
 */
#include "alloc-internal.h"
#include "bound-internal.h"
#include "channel-internal.h"
#include "clock-internal.h"
#include "error-internal.h"
#include "recipe-internal.h"
#include <errno.h>
#include <evchat/listener.h>
#include <event2/event.h>
#include <event2/listener.h>

enum { ACCEPTS_PER_TURN = 64, FIRST_RETRY_MS = 10, LAST_RETRY_MS = 100 };

struct evchat_listener {
	struct evchat_tie tie; /* first: it is what a channel gives back */
	struct event_base *base;
	struct evchat_bound bound;
	struct evconnlistener *accepting; /* NULL after the stop */
	struct event *turn;               /* the others had theirs */
	struct event *retry;
	struct evchat_recipe recipe;
	evchat_accepted_cb accepted;
	evchat_accept_error_cb failed;
	void *ctx;
	size_t count, max_channels;

	unsigned accepts_left; /* before others have their turn */
	unsigned earned;       /* in want, by channels that went */
	unsigned retry_ms;
	unsigned users; /* callbacks that will look at it again */
	bool in_want;   /* of descriptors or memory */
	bool paused;    /* by the application */
	bool freed;
};

/* --- Its memory. --- */

static void
destroy_if_forgotten(struct evchat_listener *l)
{
	if (!l->freed || l->count || l->users)
		return;
	event_free(l->turn);
	event_free(l->retry);
	evchat_recipe_clear_(&l->recipe);
	evchat_mfree_(l);
}

/* --- Accepting or not. --- */

static bool
may_accept(const struct evchat_listener *l)
{
	return !l->paused && l->accepts_left &&
	       (!l->max_channels || l->count < l->max_channels);
}

static void
start_timer(struct evchat_listener *l, struct event *timer, unsigned ms)
{
	struct timeval tv = evchat_clock_interval_(ms);

	if (evtimer_pending(timer, NULL) || !evtimer_add(timer, &tv))
		return;
	/* Not even a timer is to be had: busy, but not deaf for ever. */
	l->in_want = false;
	l->accepts_left = ACCEPTS_PER_TURN;
}

/* libevent's listener obeys at once, also in the middle of its loop.  -1 when
 * it cannot listen. */
static int
switch_on_or_off(struct evchat_listener *l)
{
	if (!l->accepting)
		return 0;
	if (may_accept(l))
		return evconnlistener_enable(l->accepting);
	(void)evconnlistener_disable(l->accepting);
	return 0;
}

/* No callback runs inside a call: if it cannot, the retry will see whether it
 * still cannot, and tell. */
static void
accept_or_not(struct evchat_listener *l)
{
	if (switch_on_or_off(l))
		start_timer(l, l->retry, LAST_RETRY_MS);
}

static void
on_turn(evutil_socket_t fd, short what, void *ctx)
{
	struct evchat_listener *l = ctx;

	(void)fd, (void)what;
	l->accepts_left = l->in_want ? l->earned : ACCEPTS_PER_TURN;
	l->earned = 0;
	accept_or_not(l);
}

/* Something is wanting: wait longer each time, until an accept went well. */
static void
fall_into_want(struct evchat_listener *l, int error)
{
	l->in_want = true;
	l->accepts_left = l->earned = 0;
	start_timer(l, l->retry, l->retry_ms);
	l->retry_ms *= 2;
	if (l->retry_ms > LAST_RETRY_MS)
		l->retry_ms = LAST_RETRY_MS;
	accept_or_not(l);
	if (l->failed)
		l->failed(l, error, l->ctx);
}

/* From the loop; whoever is told may free the listener. */
static void
tell_of_want(struct evchat_listener *l, int error)
{
	l->users++;
	fall_into_want(l, error);
	l->users--;
	destroy_if_forgotten(l);
}

static void
on_retry(evutil_socket_t fd, short what, void *ctx)
{
	struct evchat_listener *l = ctx;

	(void)fd, (void)what;
	l->in_want = false;
	l->accepts_left = ACCEPTS_PER_TURN;
	errno = ENOMEM; /* libevent sets it only when the system did */
	if (switch_on_or_off(l))
		tell_of_want(l, errno);
}

static void
spend_accept(struct evchat_listener *l)
{
	if (!l->in_want)
		l->retry_ms = FIRST_RETRY_MS;
	if (--l->accepts_left == 0 && !l->in_want)
		start_timer(l, l->turn, 0);
	accept_or_not(l);
}

/* --- Channels that come and go. --- */

/* Its descriptor is free in the loop's next turn (rule 4), so a timer's turn is
 * soon enough. */
static void
on_cut(struct evchat_tie *tie)
{
	struct evchat_listener *l = (struct evchat_listener *)tie;

	l->count--;
	if (l->in_want && l->accepting) {
		l->earned++;
		start_timer(l, l->turn, 0);
	}
	accept_or_not(l);
	destroy_if_forgotten(l);
}

/* The descriptor is taken in every case. */
static struct evchat *
make_channel(struct evchat_listener *l, int fd)
{
	struct evchat *ch =
	    evchat_open(l->base, fd, 0, &l->recipe.callbacks, l->ctx);

	if (!ch) {
		evutil_closesocket(fd);
		return NULL;
	}
	if (evchat_recipe_apply_(&l->recipe, ch)) {
		evchat_free(ch);
		return NULL;
	}
	evchat_channel_set_maker_(ch, &l->tie);
	l->count++;
	return ch;
}

/* The application may free the listener and the channel in its callbacks, so
 * they come last. */
static void
on_accept(struct evconnlistener *accepting, evutil_socket_t fd,
    struct sockaddr *peer, int len, void *ctx)
{
	struct evchat_listener *l = ctx;
	struct evchat *ch = make_channel(l, fd);

	(void)accepting;
	l->users++;
	if (ch)
		spend_accept(l);
	else
		fall_into_want(l, ENOMEM); /* nothing else it can be */
	if (ch && l->accepted)
		l->accepted(ch, peer, (socklen_t)len, l->ctx);
	l->users--;
	destroy_if_forgotten(l);
}

static void
on_accept_error(struct evconnlistener *accepting, void *ctx)
{
	int error = EVUTIL_SOCKET_ERROR();
	struct evchat_listener *l = ctx;

	(void)accepting;
	tell_of_want(l, error);
}

/* --- Birth. --- */

static bool
are_valid(const struct evchat_listener_options *options)
{
	for (size_t i = 0;
	     i < sizeof options->reserved / sizeof *options->reserved; i++)
		if (options->reserved[i])
			return false;
	return options->backlog >= 0;
}

static void
discard(struct evchat_listener *l)
{
	if (l->turn)
		event_free(l->turn);
	if (l->retry)
		event_free(l->retry);
	evchat_mfree_(l);
}

/* A listener that does not listen yet. */
static struct evchat_listener *
make(struct event_base *base, const struct evchat_listener_options *options,
    void *ctx)
{
	struct evchat_listener *l;
	int error;

	l = evchat_zalloc_(sizeof *l);
	if (!l)
		return evchat_refuse_(EVCHAT_ERR_NO_MEMORY);
	l->tie.cut = on_cut;
	l->base = base;
	l->accepted = options->accepted;
	l->failed = options->failed;
	l->max_channels = options->max_channels;
	l->ctx = ctx;
	l->accepts_left = ACCEPTS_PER_TURN;
	l->retry_ms = FIRST_RETRY_MS;
	l->turn = evtimer_new(base, on_turn, l);
	l->retry = evtimer_new(base, on_retry, l);
	error = l->turn && l->retry
		    ? evchat_recipe_copy_(&l->recipe, base, &options->channel)
		    : EVCHAT_ERR_NO_MEMORY;
	if (!error)
		return l;
	discard(l);
	return evchat_refuse_(error);
}

/* The descriptor is taken only if this goes well.  -1 with errno; libevent sets
 * it only when the system did. */
static int
start(struct evchat_listener *l, int fd)
{
	errno = ENOMEM;
	if (evutil_make_socket_nonblocking(fd))
		return -1;
	l->accepting = evconnlistener_new(l->base, on_accept, l,
	    LEV_OPT_DISABLED | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (!l->accepting)
		return -1;
	evconnlistener_set_error_cb(l->accepting, on_accept_error);
	if (!evconnlistener_enable(l->accepting))
		return 0;
	evconnlistener_free(l->accepting);
	l->accepting = NULL;
	return -1;
}

/* The bound socket is taken only if this goes well. */
static struct evchat_listener *
make_at(struct event_base *base, const struct evchat_bound *bound,
    const struct evchat_listener_options *options, void *ctx)
{
	struct evchat_listener *l = make(base, options, ctx);
	int error;

	if (!l)
		return NULL;
	if (!start(l, bound->fd)) {
		l->bound = *bound;
		return l;
	}
	error = errno;
	evchat_listener_free(l);
	errno = error;
	return NULL;
}

static int
backlog_of(const struct evchat_listener_options *options)
{
	return options->backlog ? options->backlog : SOMAXCONN;
}

struct evchat_listener *
evchat_listen_fd(struct event_base *base, int fd,
    const struct evchat_listener_options *options, void *ctx)
{
	const struct evchat_bound bound = {.fd = fd};

	if (!base || !options || !are_valid(options))
		return evchat_refuse_(EVCHAT_ERR_INVALID);
	if (listen(fd, backlog_of(options)))
		return NULL;
	return make_at(base, &bound, options, ctx);
}

static struct evchat_listener *
listen_at(struct event_base *base, const struct evchat_address *address,
    const struct evchat_listener_options *options, void *ctx)
{
	struct evchat_bound bound;
	struct evchat_listener *l;
	int error;

	if (!base || !options || !are_valid(options))
		return evchat_refuse_(EVCHAT_ERR_INVALID);
	if (evchat_bound_open_(
		&bound, address, backlog_of(options), options->reuse_port))
		return NULL;
	l = make_at(base, &bound, options, ctx);
	if (l)
		return l;
	error = errno;
	evchat_bound_close_(&bound);
	errno = error;
	return NULL;
}

struct evchat_listener *
evchat_listen_sockaddr(struct event_base *base, const struct sockaddr *at,
    socklen_t len, const struct evchat_listener_options *options, void *ctx)
{
	struct evchat_address address;

	if (evchat_address_copy_(&address, at, len))
		return evchat_refuse_(EVCHAT_ERR_INVALID);
	return listen_at(base, &address, options, ctx);
}

struct evchat_listener *
evchat_listen(struct event_base *base, const char *text,
    const struct evchat_listener_options *options, void *ctx)
{
	struct evchat_address address;

	if (!text || evchat_address_parse_(&address, text))
		return evchat_refuse_(EVCHAT_ERR_INVALID);
	if (!address.len)
		return evchat_refuse_(EVCHAT_ERR_NAME);
	return listen_at(base, &address, options, ctx);
}

/* --- Steering, and the end. --- */

static int
set_paused(struct evchat_listener *l, bool paused)
{
	if (!l)
		return EVCHAT_ERR_INVALID;
	if (!l->accepting)
		return EVCHAT_ERR_CLOSING;
	l->paused = paused;
	accept_or_not(l);
	return 0;
}

int
evchat_listener_pause(struct evchat_listener *l)
{
	return set_paused(l, true);
}

int
evchat_listener_resume(struct evchat_listener *l)
{
	return set_paused(l, false);
}

void
evchat_listener_stop(struct evchat_listener *l)
{
	if (!l || !l->accepting)
		return;
	/* In a callback of its own it is freed only afterwards: the descriptor
	 * must be out of the loop before its number can be anyone else's. */
	(void)evconnlistener_disable(l->accepting);
	evconnlistener_free(l->accepting);
	evchat_bound_close_(&l->bound);
	l->accepting = NULL;
	/* Cannot fail for timers. */
	(void)evtimer_del(l->turn);
	(void)evtimer_del(l->retry);
}

void
evchat_listener_free(struct evchat_listener *l)
{
	if (!l || l->freed)
		return;
	evchat_listener_stop(l);
	l->freed = true;
	destroy_if_forgotten(l);
}

/* --- Looking. --- */

size_t
evchat_listener_count(const struct evchat_listener *l)
{
	return l ? l->count : 0;
}

int
evchat_listener_fd(const struct evchat_listener *l)
{
	return l && l->accepting ? evconnlistener_get_fd(l->accepting) : -1;
}

int
evchat_listener_address(
    const struct evchat_listener *l, char *text, size_t size)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof at;

	if (!l)
		return EVCHAT_ERR_INVALID;
	if (!l->accepting)
		return EVCHAT_ERR_CLOSING;
	if (getsockname(
		evchat_listener_fd(l), (struct sockaddr *)(void *)&at, &len))
		return EVCHAT_ERR_EVENT;
	return evchat_address_text(
	    (const struct sockaddr *)(const void *)&at, len, text, size);
}
