/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How bytes enter and leave a channel: over any bufferevent, through its own
 * callbacks.  What has not been handed to anyone stays in the bufferevent's
 * input, so that detaching loses nothing.
 *
 * A filter's output is empty while bytes still wait in the layer below it, so
 * everything about output is asked of all layers, and the lowest one is
 * watched by a callback of its own.
 */
#include "transport-internal.h"
#include <errno.h>
#include <evchat/error.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/util.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WRITE_AT_ONCE = 256 * 1024 };

static void
on_readable(struct bufferevent *bev, void *ctx)
{
	struct evchat_transport *t = ctx;

	(void)bev;
	t->run_len = 0; /* new bytes may have moved the old ones */
	t->tell(t, EVCHAT_NEWS_READABLE);
}

static void
on_writable(struct bufferevent *bev, void *ctx)
{
	struct evchat_transport *t = ctx;

	(void)bev;
	t->tell(t, EVCHAT_NEWS_WRITABLE);
}

static unsigned
news_of(short what)
{
	int directions = what & (BEV_EVENT_READING | BEV_EVENT_WRITING);
	unsigned news = 0;

	if (what & BEV_EVENT_CONNECTED)
		news |= EVCHAT_NEWS_CONNECTED;
	/* An EOF of writing alone is a file segment cut short (rule 36): no end
	 * of the peer. */
	if (what & BEV_EVENT_EOF)
		news |= directions == BEV_EVENT_WRITING
			    ? EVCHAT_NEWS_WRITE_ERROR
			    : EVCHAT_NEWS_EOF;
	/* A connect that fails names no direction: it fails both. */
	if (what & BEV_EVENT_ERROR && directions != BEV_EVENT_READING)
		news |= EVCHAT_NEWS_WRITE_ERROR;
	if (what & BEV_EVENT_ERROR && directions != BEV_EVENT_WRITING)
		news |= EVCHAT_NEWS_READ_ERROR;
	if (what & BEV_EVENT_TIMEOUT)
		news |= what & BEV_EVENT_WRITING ? EVCHAT_NEWS_WRITE_TIMEOUT
						 : EVCHAT_NEWS_READ_TIMEOUT;
	return news;
}

/* A filter looks at what is below it only when that changes, and not while it
 * is not read: what came meanwhile must be asked for. */
static void
pull_through(struct evchat_transport *t)
{
	if (t->bev == t->bottom)
		return;
	/* Without a result: what there is to find is in the input then. */
	(void)bufferevent_flush(t->bev, EV_READ, BEV_FLUSH);
	t->run_len = 0;
}

/* The other end of a terminal has gone: read(2) says EIO, and means the end of
 * the file. */
static bool
is_hangup(const struct evchat_transport *t, short what)
{
	bool hangup;
	int error = errno;

	hangup = what & BEV_EVENT_ERROR && what & BEV_EVENT_READING &&
		 error == EIO && isatty(bufferevent_getfd(t->bottom));
	errno = error;
	return hangup;
}

static void
on_event(struct bufferevent *bev, short what, void *ctx)
{
	struct evchat_transport *t = ctx;

	(void)bev;
	t->run_len = 0;
	if (is_hangup(t, what))
		what = BEV_EVENT_EOF | BEV_EVENT_READING;
	if (what & BEV_EVENT_EOF)
		pull_through(t);
	t->tell(t, news_of(what));
}

/* Bytes have left the lowest layer.  This runs inside libevent's own write, so
 * the news must wait for the loop. */
static void
on_bottom_output(
    struct evbuffer *output, const struct evbuffer_cb_info *info, void *ctx)
{
	(void)output;
	if (info->n_deleted)
		evchat_transport_poke_(ctx);
}

static struct bufferevent *
lowest(struct bufferevent *bev)
{
	struct bufferevent *below;

	while ((below = bufferevent_get_underlying(bev)))
		bev = below;
	return bev;
}

/* libevent drops an event_add() that fails inside bufferevent_write(), and the
 * bytes are never sent (rule 61); so ask for it where it can be seen.  Not
 * when bytes wait already: it has been added then. */
static int
arm_write(struct evchat_transport *t)
{
	if (bufferevent_enable(t->bev, EV_WRITE))
		return EVCHAT_ERR_EVENT;
	if (t->bottom == t->bev)
		return 0;
	/* A filter does not look at what it was given before. */
	(void)bufferevent_flush(t->bev, EV_WRITE, BEV_NORMAL);
	if (!evbuffer_get_length(bufferevent_get_output(t->bottom)))
		return 0;
	return bufferevent_enable(t->bottom, EV_WRITE) ? EVCHAT_ERR_EVENT : 0;
}

static int
watch_bottom(struct evchat_transport *t)
{
	if (t->bottom == t->bev)
		return 0;
	t->bottom_cb = evbuffer_add_cb(
	    bufferevent_get_output(t->bottom), on_bottom_output, t);
	return t->bottom_cb ? 0 : EVCHAT_ERR_NO_MEMORY;
}

static void
unwatch_bottom(struct evchat_transport *t)
{
	if (t->bottom_cb)
		(void)evbuffer_remove_cb_entry(
		    bufferevent_get_output(t->bottom), t->bottom_cb);
	t->bottom_cb = NULL;
}

/* Listen, and send what somebody may have left in the output. */
static int
start(struct evchat_transport *t)
{
	if (evchat_transport_read_(t, true))
		return EVCHAT_ERR_EVENT;
	if (!t->can_write || !evchat_transport_pending_(t))
		return 0;
	return arm_write(t);
}

int
evchat_transport_open_(struct evchat_transport *t, struct bufferevent *bev,
    unsigned ways, size_t output_low, evchat_news_cb tell)
{
	bufferevent_data_cb readable, writable;
	bufferevent_event_cb event;
	void *old_ctx;

	*t = (struct evchat_transport){.bev = bev,
	    .bottom = lowest(bev),
	    .tell = tell,
	    .can_read = ways & EVCHAT_CAN_READ,
	    .can_write = ways & EVCHAT_CAN_WRITE,
	    .waiting = ways & EVCHAT_WAITS};
	if (watch_bottom(t))
		return EVCHAT_ERR_NO_MEMORY;
	bufferevent_getcb(bev, &readable, &writable, &event, &old_ctx);
	bufferevent_setcb(bev, on_readable, on_writable, on_event, t);
	if (start(t)) {
		unwatch_bottom(t);
		bufferevent_setcb(bev, readable, writable, event, old_ctx);
		return EVCHAT_ERR_EVENT;
	}
	/* Framing knows better when there is enough (rules 12, 13). */
	bufferevent_setwatermark(bev, EV_READ, 0, 0);
	evchat_transport_set_low_(t, output_low);
	/* Sockets write 16 KiB at a time unless told otherwise (rule 29); what
	 * is no socket has no use for it. */
	(void)bufferevent_set_max_single_write(t->bottom, WRITE_AT_ONCE);
	return 0;
}

int
evchat_transport_attach_(struct evchat_transport *t, int fd)
{
	t->waiting = false;
	if (bufferevent_setfd(t->bev, fd))
		return EVCHAT_ERR_EVENT;
	return evchat_transport_read_(t, t->reading);
}

struct bufferevent *
evchat_transport_release_(struct evchat_transport *t)
{
	struct bufferevent *bev = t->bev;

	unwatch_bottom(t);
	bufferevent_setcb(bev, NULL, NULL, NULL, NULL);
	bufferevent_setwatermark(bev, EV_WRITE, 0, 0);
	t->bev = NULL;
	return bev;
}

/* With a linger time of 0, close() sends RST (SO_LINGER in socket(7)). */
static void
make_close_a_reset(struct bufferevent *bottom)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};
	evutil_socket_t fd = bufferevent_getfd(bottom);

	/* Not a socket: there is no reset to be had. */
	if (fd >= 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void
evchat_transport_close_(struct evchat_transport *t, bool reset)
{
	struct bufferevent *bev;

	if (!t->bev)
		return;
	/* Should libevent refuse, the bytes go with the bufferevent. */
	(void)evchat_transport_discard_(t);
	if (reset)
		make_close_a_reset(t->bottom);
	bev = evchat_transport_release_(t);
	bufferevent_free(bev);
}

size_t
evchat_transport_input_(const struct evchat_transport *t)
{
	return evbuffer_get_length(bufferevent_get_input(t->bev));
}

static bool
find_run(struct evchat_transport *t, size_t at)
{
	struct evbuffer *input = bufferevent_get_input(t->bev);
	struct evbuffer_ptr from;
	struct evbuffer_iovec run;

	t->run_len = 0;
	if (at >= evbuffer_get_length(input) ||
	    evbuffer_ptr_set(input, &from, at, EVBUFFER_PTR_SET) ||
	    evbuffer_peek(input, 1, &from, &run, 1) < 1)
		return false;
	t->run = run.iov_base;
	t->run_len = run.iov_len;
	t->run_at = at;
	return true;
}

bool
evchat_transport_knows_(const struct evchat_transport *t, size_t at)
{
	return at >= t->run_at && at - t->run_at < t->run_len;
}

size_t
evchat_transport_peek_(
    struct evchat_transport *t, size_t at, const unsigned char **bytes)
{
	if (!evchat_transport_knows_(t, at) && !find_run(t, at))
		return 0;
	*bytes = t->run + (at - t->run_at);
	return t->run_len - (at - t->run_at);
}

void
evchat_transport_consume_(struct evchat_transport *t, size_t len)
{
	t->run_len = 0;
	/* Fails only on a frozen start, and an input's is never frozen. */
	(void)evbuffer_drain(bufferevent_get_input(t->bev), len);
}

size_t
evchat_transport_unread_(const struct evchat_transport *t)
{
	evutil_socket_t fd = bufferevent_getfd(t->bottom);
	int waiting = 0;

	if (fd < 0 || ioctl(fd, FIONREAD, &waiting) || waiting < 0)
		return 0;
	return (size_t)waiting;
}

size_t
evchat_transport_unacked_(const struct evchat_transport *t)
{
	evutil_socket_t fd = bufferevent_getfd(t->bottom);
	int unacked = 0;

#ifdef TIOCOUTQ
	if (fd < 0 || ioctl(fd, TIOCOUTQ, &unacked) || unacked < 0)
		return 0;
#endif
	return (size_t)unacked;
}

bool
evchat_transport_is_writable_(const struct evchat_transport *t)
{
	struct pollfd poll_fd = {
	    .fd = bufferevent_getfd(t->bottom), .events = POLLOUT};

	return poll_fd.fd >= 0 && poll(&poll_fd, 1, 0) > 0;
}

int
evchat_transport_read_(struct evchat_transport *t, bool reading)
{
	if (reading && !t->can_read)
		return 0;
	if (t->waiting) {
		t->reading = reading;
		return 0;
	}
	if (reading ? bufferevent_enable(t->bev, EV_READ)
		    : bufferevent_disable(t->bev, EV_READ))
		return EVCHAT_ERR_EVENT;
	t->reading = reading;
	if (reading && t->bev != t->bottom) {
		pull_through(t);
		t->tell(t, EVCHAT_NEWS_READABLE);
	}
	return 0;
}

size_t
evchat_transport_pending_(const struct evchat_transport *t)
{
	size_t pending = 0;

	for (struct bufferevent *bev = t->bev; bev;
	     bev = bufferevent_get_underlying(bev))
		pending += evbuffer_get_length(bufferevent_get_output(bev));
	return pending;
}

int
evchat_transport_write_(struct evchat_transport *t, struct evbuffer *bytes)
{
	bool idle = evchat_transport_pending_(t) == 0;

	if (bufferevent_write_buffer(t->bev, bytes))
		return EVCHAT_ERR_EVENT;
	/* A filter may hold everything back. */
	if (!idle || evchat_transport_pending_(t) == 0)
		return 0;
	return arm_write(t);
}

bool
evchat_transport_is_sending_(const struct evchat_transport *t)
{
	return evbuffer_get_length(bufferevent_get_output(t->bottom)) > 0;
}

/* The front of a socket's output is frozen outside of libevent's own write,
 * that of a filter's is not. */
static int
drain_output(struct bufferevent *bev)
{
	struct evbuffer *output = bufferevent_get_output(bev);
	size_t len = evbuffer_get_length(output);
	int drained, frozen;

	if (len == 0 || evbuffer_drain(output, len) == 0)
		return 0;
	if (evbuffer_unfreeze(output, 1))
		return EVCHAT_ERR_EVENT;
	drained = evbuffer_drain(output, len);
	frozen = evbuffer_freeze(output, 1);
	return drained || frozen ? EVCHAT_ERR_EVENT : 0;
}

int
evchat_transport_discard_(struct evchat_transport *t)
{
	int error = 0;

	for (struct bufferevent *bev = t->bev; bev;
	     bev = bufferevent_get_underlying(bev))
		if (drain_output(bev))
			error = EVCHAT_ERR_EVENT;
	return error;
}

void
evchat_transport_poke_(struct evchat_transport *t)
{
	bufferevent_trigger(t->bev, EV_WRITE,
	    BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

void
evchat_transport_set_low_(struct evchat_transport *t, size_t output_low)
{
	bufferevent_setwatermark(t->bev, EV_WRITE, output_low, 0);
}

bool
evchat_transport_finish_(struct evchat_transport *t)
{
	evutil_socket_t fd = bufferevent_getfd(t->bottom);

	/* What a filter holds back may be all that is pending; a pair sends its
	 * EOF with the flush, which must come last; sockets ignore it. */
	if (!t->flushed &&
	    (t->bev != t->bottom || !evchat_transport_pending_(t))) {
		t->flushed = true;
		t->half_closed =
		    bufferevent_flush(t->bev, EV_WRITE, BEV_FINISHED) >= 0;
	}
	if (evchat_transport_pending_(t))
		return false;
	if (fd >= 0)
		t->half_closed = shutdown(fd, SHUT_WR) == 0;
	return true;
}
