/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a channel begins: over a bufferevent, over a descriptor, or over one that
 * is yet to come.
 */
#include "alloc-internal.h"
#include "channel-internal.h"
#include "error-internal.h"
#include "limits-internal.h"
#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>

bool
evchat_callbacks_are_valid_(const struct evchat_callbacks *callbacks)
{
	return callbacks && !callbacks->reserved[0] && !callbacks->reserved[1];
}

void
evchat_channel_keep_callbacks_(
    struct evchat *ch, const struct evchat_callbacks *callbacks)
{
	ch->callbacks = (struct evchat_upcalls){
	    .collect = callbacks->collect,
	    .found = callbacks->found,
	    .frame = callbacks->frame,
	    .overlong = callbacks->overlong,
	    .connected = callbacks->connected,
	    .eof = callbacks->eof,
	    .room = callbacks->room,
	    .drained = callbacks->drained,
	    .timeout = callbacks->timeout,
	    .closed = callbacks->closed,
	};
}

static struct evchat *
make(struct bufferevent *bev, unsigned ways,
    const struct evchat_callbacks *callbacks, void *ctx)
{
	struct evchat *ch = evchat_zalloc_(sizeof *ch);
	int error;

	if (!ch)
		return evchat_refuse_(EVCHAT_ERR_NO_MEMORY);
	evchat_channel_keep_callbacks_(ch, callbacks);
	ch->ctx = ctx;
	ch->limits = &evchat_default_limits_;
	ch->serving = true; /* a filter may call back at once */
	error = evchat_transport_open_(&ch->transport, bev, ways,
	    ch->limits->output_low, evchat_channel_take_news_);
	if (error) {
		evchat_channel_destroy_(ch);
		return evchat_refuse_(error);
	}
	ch->serving = false;
	if (ch->again || evchat_channel_has_input_(ch))
		evchat_channel_wish_(ch);
	return ch;
}

struct evchat *
evchat_new(struct bufferevent *bev, const struct evchat_callbacks *callbacks,
    void *ctx)
{
	if (!bev || !evchat_callbacks_are_valid_(callbacks))
		return evchat_refuse_(EVCHAT_ERR_INVALID);
	return make(bev, EVCHAT_CAN_BOTH, callbacks, ctx);
}

/* epoll refuses what is always ready, and libevent then writes nothing and
 * says nothing (rule 59). */
static bool
can_be_waited_for(mode_t type)
{
	return !S_ISREG(type) && !S_ISDIR(type);
}

/* Head and body in two sends cost 43 ms without.  What is not TCP refuses it,
 * and does not need it. */
static void
send_at_once(int fd)
{
	int one = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* A channel on a bufferevent of its own making. */
static struct evchat *
make_socket(struct event_base *base, int fd, unsigned flags, unsigned ways,
    const struct evchat_callbacks *callbacks, void *ctx)
{
	short options = flags & EVCHAT_OPEN_KEEP_FD ? 0 : BEV_OPT_CLOSE_ON_FREE;
	struct bufferevent *bev = bufferevent_socket_new(base, fd, options);
	struct evchat *ch;
	int error;

	if (!bev)
		return evchat_refuse_(EVCHAT_ERR_NO_MEMORY);
	ch = make(bev, ways, callbacks, ctx);
	if (ch) {
		ch->keep_fd = flags & EVCHAT_OPEN_KEEP_FD;
		return ch;
	}
	error = errno;
	/* Without its descriptor, which was not taken. */
	(void)bufferevent_setfd(bev, -1);
	bufferevent_free(bev);
	errno = error;
	return NULL;
}

static unsigned
ways_of(int mode, mode_t type, unsigned flags)
{
	switch (mode & O_ACCMODE) {
	case O_RDONLY:
		return EVCHAT_CAN_READ;
	case O_WRONLY:
		return EVCHAT_CAN_WRITE;
	default:
		if (!S_ISSOCK(type) || flags & EVCHAT_OPEN_PLAIN)
			return EVCHAT_CAN_BOTH;
		return EVCHAT_CAN_BOTH | EVCHAT_FAST;
	}
}

struct evchat *
evchat_open(struct event_base *base, int fd, unsigned flags,
    const struct evchat_callbacks *callbacks, void *ctx)
{
	const unsigned known = EVCHAT_OPEN_KEEP_FD | EVCHAT_OPEN_PLAIN;
	int mode = fcntl(fd, F_GETFL);
	struct stat st;

	if (mode < 0 || fstat(fd, &st))
		return NULL; /* EBADF */
	if (!base || !evchat_callbacks_are_valid_(callbacks) ||
	    flags & ~known || !can_be_waited_for(st.st_mode))
		return evchat_refuse_(EVCHAT_ERR_INVALID);
	if (evutil_make_socket_nonblocking(fd))
		return evchat_refuse_(EVCHAT_ERR_EVENT);
	send_at_once(fd);
	return make_socket(
	    base, fd, flags, ways_of(mode, st.st_mode, flags), callbacks, ctx);
}

struct evchat *
evchat_channel_await_(struct event_base *base,
    const struct evchat_callbacks *callbacks, void *ctx)
{
	struct evchat *ch = make_socket(base, -1, 0,
	    EVCHAT_CAN_BOTH | EVCHAT_WAITS | EVCHAT_FAST, callbacks, ctx);

	if (ch)
		ch->client = true;
	return ch;
}

void
evchat_channel_attach_(struct evchat *ch, int fd)
{
	send_at_once(fd);
	errno = 0;
	if (evchat_transport_attach_(&ch->transport, fd)) {
		evchat_channel_doom_(ch, EVCHAT_REASON_NO_MEMORY, 0);
		return;
	}
	ch->connected = true;
	evchat_channel_wish_(ch);
}
