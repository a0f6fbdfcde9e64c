/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connectors: look a name up, try its addresses one after the other, and give
 * the descriptor that connects to a channel which waits for it.
 *
 * bufferevent_socket_connect() tries one address and may report failure at once
 * (rule 58), so descriptors are connected here, raw.  Every step is taken from
 * the loop, the first one too, and when a time limit passes what has connected
 * meanwhile counts.
 *
 *	start -> look up -> try an address -> ... -> attach, or doom
 */
#include "address-internal.h"
#include "alloc-internal.h"
#include "channel-internal.h"
#include "clock-internal.h"
#include "error-internal.h"
#include "recipe-internal.h"
#include <errno.h>
#include <evchat/connector.h>
#include <event2/event.h>
#include <event2/util.h>
#include <poll.h>
#include <string.h>

enum {
	ATTEMPT_MS = 10000,
	CONNECT_MS = 30000,
	/* connect(2) to a Unix socket with a full backlog must be called again,
	 * and nothing tells when. */
	FULL_BACKLOG_MS = 10
};

struct connector {
	struct evchat_tie tie; /* first: it is what the channel gives back */
	struct evchat *ch;
	struct event_base *base;
	struct event *attempt; /* the descriptor's, or a timer's */
	struct event *limit;   /* of it all */
	unsigned attempt_ms, connect_ms;
	uint64_t attempt_due, connect_due;

	struct evchat_address target;
	struct evchat_resolver resolver;
	void *lookup;   /* under way, or NULL */
	bool resolving; /* `resolve` has not returned: look_up() frees it */
	bool over;      /* what the resolver still says is too late */

	/* What is left to be tried begins at `next`. */
	struct address {
		struct sockaddr_storage at;
		socklen_t len;
	} * addresses;
	size_t n, next;

	int fd;                    /* that connects now, or -1 */
	enum evchat_reason reason; /* why the last attempt came to nothing */
	int error;
};

/* --- The end of it. --- */

static void
close_attempt(struct connector *c)
{
	if (c->attempt)
		event_free(c->attempt);
	c->attempt = NULL;
	if (c->fd >= 0)
		evutil_closesocket(c->fd);
	c->fd = -1;
}

static void
destroy(struct connector *c)
{
	c->over = true;
	if (c->lookup)
		c->resolver.cancel(c->lookup, c->resolver.ctx);
	close_attempt(c);
	if (c->limit)
		event_free(c->limit);
	evchat_mfree_(c->addresses);
	if (!c->resolving)
		evchat_mfree_(c);
}

/* The channel was freed, or has ended. */
static void
on_cut(struct evchat_tie *tie)
{
	destroy((struct connector *)tie);
}

/* It has come to nothing. */
static void
give_up(struct connector *c, enum evchat_reason reason, int error)
{
	struct evchat *ch = c->ch;

	evchat_channel_set_maker_(ch, NULL);
	evchat_channel_doom_(ch, reason, error);
	destroy(c); /* this may ask the resolver, who may free the channel */
}

static void
succeed(struct connector *c)
{
	struct evchat *ch = c->ch;
	int fd = c->fd;

	c->fd = -1;
	evchat_channel_set_maker_(ch, NULL);
	destroy(c);
	evchat_channel_attach_(ch, fd);
}

/* --- One address after the other. --- */

static void on_attempt(evutil_socket_t fd, short what, void *ctx);

static void
note_failure(struct connector *c, enum evchat_reason reason, int error)
{
	c->reason = reason;
	c->error = error;
	close_attempt(c);
}

static int
start_timer(struct event *timer, uint64_t ms)
{
	struct timeval tv = evchat_clock_interval_(ms);

	return timer ? event_add(timer, &tv) : -1;
}

/* Wait until the descriptor has settled, or, with no `what`, just wait. */
static bool
wait_for(struct connector *c, short what, uint64_t ms)
{
	if (c->attempt)
		event_free(c->attempt);
	c->attempt = event_new(c->base, what ? c->fd : -1, what, on_attempt, c);
	if (!start_timer(c->attempt, ms))
		return true;
	note_failure(c, EVCHAT_REASON_NO_MEMORY, 0);
	return false;
}

/* Call connect(2).  False when that came to nothing. */
static bool
connect_now(struct connector *c)
{
	const struct address *to = &c->addresses[c->next - 1];
	const struct sockaddr *at =
	    (const struct sockaddr *)(const void *)&to->at;
	uint64_t left = evchat_clock_left_(c->attempt_due);
	int error = connect(c->fd, at, to->len) ? errno : 0;

	if (error == EAGAIN && left)
		return wait_for(c, 0, FULL_BACKLOG_MS);
	/* Also when it has connected at once: it is writable then. */
	if (error == 0 || error == EINPROGRESS || error == EINTR)
		return wait_for(c, EV_WRITE, left);
	if (error == EAGAIN)
		note_failure(c, EVCHAT_REASON_TIMEOUT_CONNECT, 0);
	else
		note_failure(c, EVCHAT_REASON_ERROR, error);
	return false;
}

static bool
try_address(struct connector *c)
{
	int family = c->addresses[c->next++].at.ss_family;

	c->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0) {
		note_failure(c, EVCHAT_REASON_ERROR, errno);
		return false;
	}
	c->attempt_due = evchat_clock_ms_() + c->attempt_ms;
	return connect_now(c);
}

static void
try_addresses(struct connector *c)
{
	while (c->next < c->n)
		if (try_address(c))
			return;
	give_up(c, c->reason, c->error);
}

/* TCP may choose the port that is called for the caller, if nobody listens
 * there, and both ends are one (RFC 9293 3.5, simultaneous open). */
static bool
is_connected_to_itself(int fd)
{
	struct sockaddr_storage here = {0}, there = {0};
	struct sockaddr *at = (struct sockaddr *)(void *)&here;
	struct sockaddr *to = (struct sockaddr *)(void *)&there;
	socklen_t here_len = sizeof here, there_len = sizeof there;

	return !getsockname(fd, at, &here_len) &&
	       !getpeername(fd, to, &there_len) &&
	       evchat_address_port_(&here) && here_len == there_len &&
	       memcmp(&here, &there, here_len) == 0;
}

/* Has connect(2) come to an end, and to which?  That is told only once.  (A
 * Unix socket that waits for room looks as if it had connected.) */
static bool
has_settled(const struct connector *c, int *error)
{
	struct pollfd poll_fd = {.fd = c->fd, .events = POLLOUT};
	socklen_t len = sizeof *error;

	if (c->fd < 0 || event_get_fd(c->attempt) < 0 ||
	    poll(&poll_fd, 1, 0) <= 0)
		return false;
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, error, &len))
		*error = errno;
	if (!*error && is_connected_to_itself(c->fd))
		*error = ECONNREFUSED;
	return true;
}

/* It has settled, or its time is over. */
static void
end_attempt(struct connector *c, bool settled, int error)
{
	if (settled && !error) {
		succeed(c);
		return;
	}
	if (settled)
		note_failure(c, EVCHAT_REASON_ERROR, error);
	else
		note_failure(c, EVCHAT_REASON_TIMEOUT_CONNECT, 0);
	try_addresses(c);
}

/* libevent counts from when its loop woke up, so a timer may be early. */
static void
on_attempt(evutil_socket_t fd, short what, void *ctx)
{
	struct connector *c = ctx;
	uint64_t left = evchat_clock_left_(c->attempt_due);
	int error = 0;
	bool settled, goes_on;

	(void)what;
	settled = has_settled(c, &error);
	if (settled || (fd >= 0 && !left)) {
		end_attempt(c, settled, error);
		return;
	}
	goes_on = fd < 0 ? connect_now(c) : wait_for(c, EV_WRITE, left);
	if (!goes_on)
		try_addresses(c);
}

static void
on_limit(evutil_socket_t fd, short what, void *ctx)
{
	struct connector *c = ctx;
	uint64_t left = evchat_clock_left_(c->connect_due);
	int error = 0;
	bool settled = has_settled(c, &error);

	(void)fd, (void)what;
	if (settled && !error)
		succeed(c);
	else if (!left)
		give_up(c, EVCHAT_REASON_TIMEOUT_CONNECT, 0);
	else if (start_timer(c->limit, left))
		give_up(c, EVCHAT_REASON_NO_MEMORY, 0);
	else if (settled)
		end_attempt(c, true, error);
}

/* --- Looking up. --- */

/* One of a kind that is not known is left out. */
static void
add_resolved(struct connector *c, const struct evchat_resolved *resolved)
{
	struct evchat_address address;

	if (evchat_address_copy_(&address, resolved->address, resolved->len))
		return;
	evchat_address_set_port_(&address.at, c->target.port);
	c->addresses[c->n++] = (struct address){address.at, address.len};
}

static void
on_resolved(
    int error, const struct evchat_resolved *addresses, size_t n, void *query)
{
	struct connector *c = query;

	if (c->over)
		return;
	c->lookup = NULL;
	if (n > EVCHAT_RESOLVED_MAX)
		n = EVCHAT_RESOLVED_MAX;
	if (error || !n) {
		give_up(
		    c, EVCHAT_REASON_LOOKUP, error ? error : EVUTIL_EAI_NONAME);
		return;
	}
	c->addresses = evchat_malloc_(n * sizeof *c->addresses);
	if (!c->addresses) {
		give_up(c, EVCHAT_REASON_NO_MEMORY, 0);
		return;
	}
	/* Should there be none that can be used. */
	c->reason = EVCHAT_REASON_LOOKUP;
	c->error = EVUTIL_EAI_FAMILY;
	for (size_t i = 0; i < n; i++)
		add_resolved(c, &addresses[i]);
	try_addresses(c);
}

/* While it is being asked, the resolver may answer, or free the channel. */
static void
look_up(struct connector *c)
{
	const struct evchat_resolver *resolver = &c->resolver;
	void *lookup;

	c->resolving = true;
	lookup =
	    resolver->resolve(c->target.name, on_resolved, c, resolver->ctx);
	c->resolving = false;
	if (!c->over) {
		c->lookup = lookup;
		return;
	}
	if (lookup)
		resolver->cancel(lookup, resolver->ctx);
	evchat_mfree_(c);
}

/* The first step, from the loop. */
static void
on_start(evutil_socket_t fd, short what, void *ctx)
{
	struct connector *c = ctx;

	(void)fd, (void)what;
	close_attempt(c);
	c->connect_due = evchat_clock_ms_() + c->connect_ms;
	if (start_timer(c->limit, c->connect_ms))
		give_up(c, EVCHAT_REASON_NO_MEMORY, 0);
	else if (c->addresses)
		try_addresses(c);
	else
		look_up(c);
}

/* --- Birth. --- */

static bool
are_valid(const struct evchat_connect_options *options)
{
	for (size_t i = 0;
	     i < sizeof options->reserved / sizeof *options->reserved; i++)
		if (options->reserved[i])
			return false;
	return true;
}

static bool
is_valid(const struct evchat_resolver *resolver)
{
	return resolver->resolve && resolver->cancel &&
	       !resolver->reserved[0] && !resolver->reserved[1];
}

/* Port 0 and "*" are for listeners. */
static bool
is_target(const struct evchat_address *address)
{
	return !address->any &&
	       (address->at.ss_family == AF_UNIX || address->port);
}

static int
take_target(struct connector *c, const struct evchat_address *target)
{
	c->target = *target;
	if (!target->len)
		return 0;
	c->addresses = evchat_malloc_(sizeof *c->addresses);
	if (!c->addresses)
		return EVCHAT_ERR_NO_MEMORY;
	c->addresses[c->n++] = (struct address){target->at, target->len};
	return 0;
}

/* A connector that starts from the loop. */
static struct connector *
make(struct event_base *base, const struct evchat_resolver *resolver,
    const struct evchat_address *target,
    const struct evchat_connect_options *options)
{
	struct connector *c = evchat_zalloc_(sizeof *c);

	if (!c)
		return NULL;
	c->tie.cut = on_cut;
	c->base = base;
	c->fd = -1;
	c->attempt_ms = options->attempt_ms ? options->attempt_ms : ATTEMPT_MS;
	c->connect_ms = options->connect_ms ? options->connect_ms : CONNECT_MS;
	if (resolver)
		c->resolver = *resolver;
	c->limit = evtimer_new(base, on_limit, c);
	c->attempt = evtimer_new(base, on_start, c);
	if (c->limit && !take_target(c, target) && !start_timer(c->attempt, 0))
		return c;
	destroy(c);
	return NULL;
}

/* A channel that waits, made after its recipe. */
static struct evchat *
make_channel(struct event_base *base,
    const struct evchat_channel_options *options, void *ctx)
{
	struct evchat_recipe recipe;
	struct evchat *ch;
	int error = evchat_recipe_copy_(&recipe, base, options);

	if (error)
		return evchat_refuse_(error);
	ch = evchat_channel_await_(base, &recipe.callbacks, ctx);
	error = ch ? evchat_recipe_apply_(&recipe, ch) : EVCHAT_ERR_NO_MEMORY;
	evchat_recipe_clear_(&recipe);
	if (!error)
		return ch;
	evchat_free(ch);
	return evchat_refuse_(error);
}

static struct evchat *
connect_to(struct event_base *base, const struct evchat_resolver *resolver,
    const struct evchat_address *target,
    const struct evchat_connect_options *options, void *ctx)
{
	struct connector *c;
	struct evchat *ch;

	if (!base || !options || !are_valid(options) || !is_target(target) ||
	    (resolver && !is_valid(resolver)))
		return evchat_refuse_(EVCHAT_ERR_INVALID);
	if (!target->len && !resolver)
		return evchat_refuse_(EVCHAT_ERR_NAME);
	ch = make_channel(base, &options->channel, ctx);
	if (!ch)
		return NULL;
	c = make(base, resolver, target, options);
	if (!c) {
		evchat_free(ch);
		return evchat_refuse_(EVCHAT_ERR_NO_MEMORY);
	}
	c->ch = ch;
	evchat_channel_set_maker_(ch, &c->tie);
	return ch;
}

struct evchat *
evchat_connect(struct event_base *base, const struct evchat_resolver *resolver,
    const char *text, const struct evchat_connect_options *options, void *ctx)
{
	struct evchat_address address;

	if (!text || evchat_address_parse_(&address, text))
		return evchat_refuse_(EVCHAT_ERR_INVALID);
	return connect_to(base, resolver, &address, options, ctx);
}

struct evchat *
evchat_connect_sockaddr(struct event_base *base, const struct sockaddr *at,
    socklen_t len, const struct evchat_connect_options *options, void *ctx)
{
	struct evchat_address address;

	if (evchat_address_copy_(&address, at, len))
		return evchat_refuse_(EVCHAT_ERR_INVALID);
	return connect_to(base, NULL, &address, options, ctx);
}
