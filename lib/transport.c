/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How bytes enter and leave a channel.  What has not been handed to anyone
 * stays in the bufferevent's input, so that detaching loses nothing.
 *
 * Any bufferevent is read and written through its own callbacks.  That is all
 * there is to it, and enough; but libevent reads 4 KiB at a time, asks first
 * how much there is, and writes only from its loop: seven system calls an echo.
 * So a plain socket that evchat has opened itself goes the fast way: an event
 * of its own reads it into the thread's buffer, what a turn sends is tried at
 * once, and only what is left over goes to the bufferevent.
 *
 * A filter's output is empty while bytes still wait in the layer below it, so
 * everything about output is asked of all layers, and the lowest one is
 * watched by a callback of its own.
 */
#include "alloc-internal.h"
#include "buffers-internal.h"
#include "queue-internal.h"
#include "socket-internal.h"
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

struct evchat_layers {
	struct bufferevent *bottom;
	struct evbuffer_cb_entry *bottom_cb;
};

static struct bufferevent *
bottom_of(const struct evchat_transport *t)
{
	return t->layers ? t->layers->bottom : t->bev;
}

static evutil_socket_t
fd_of(const struct evchat_transport *t)
{
	return t->fast ? t->fd : bufferevent_getfd(bottom_of(t));
}

/* What was looked at may not be where it was. */
static void
forget_run(struct evchat_transport *t)
{
	if (t->view)
		t->view->run_len = 0;
}

/* --- News of the bufferevent. --- */

static void
on_readable(struct bufferevent *bev, void *ctx)
{
	struct evchat_transport *t = ctx;

	(void)bev;
	forget_run(t); /* new bytes may have moved the old ones */
	t->tell(t, EVCHAT_NEWS_READABLE);
}

static void
on_writable(struct bufferevent *bev, void *ctx)
{
	struct evchat_transport *t = ctx;

	t->sending = evbuffer_get_length(bufferevent_get_output(bev)) > 0;
	t->blocked = false;
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
	if (!t->layers)
		return;
	/* Without a result: what there is to find is in the input then. */
	(void)bufferevent_flush(t->bev, EV_READ, BEV_FLUSH);
	forget_run(t);
}

/* The other end of a terminal has gone: read(2) says EIO, and means the end of
 * the file. */
static bool
is_hangup(const struct evchat_transport *t, short what)
{
	bool hangup;
	int error = errno;

	hangup = what & BEV_EVENT_ERROR && what & BEV_EVENT_READING &&
		 error == EIO && isatty(fd_of(t));
	errno = error;
	return hangup;
}

static void
on_event(struct bufferevent *bev, short what, void *ctx)
{
	struct evchat_transport *t = ctx;

	(void)bev;
	forget_run(t);
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

/* libevent drops an event_add() that fails inside bufferevent_write(), and the
 * bytes are never sent (rule 61); so ask for it where it can be seen.  Not
 * when bytes wait already: it has been added then. */
static int
arm_write(struct evchat_transport *t)
{
	if (bufferevent_enable(t->bev, EV_WRITE))
		return EVCHAT_ERR_EVENT;
	if (!t->layers)
		return 0;
	/* A filter does not look at what it was given before. */
	(void)bufferevent_flush(t->bev, EV_WRITE, BEV_NORMAL);
	if (!evbuffer_get_length(bufferevent_get_output(t->layers->bottom)))
		return 0;
	return bufferevent_enable(t->layers->bottom, EV_WRITE)
		   ? EVCHAT_ERR_EVENT
		   : 0;
}

/* --- Begin and end. --- */

static struct bufferevent *
lowest(struct bufferevent *bev)
{
	struct bufferevent *below;

	while ((below = bufferevent_get_underlying(bev)))
		bev = below;
	return bev;
}

/* Watch what lies below a filter. */
static int
watch_bottom(struct evchat_transport *t)
{
	struct bufferevent *bottom = lowest(t->bev);
	struct evchat_layers *layers;

	if (bottom == t->bev)
		return 0;
	layers = evchat_zalloc_(sizeof *layers);
	if (!layers)
		return EVCHAT_ERR_NO_MEMORY;
	layers->bottom = bottom;
	layers->bottom_cb = evbuffer_add_cb(
	    bufferevent_get_output(bottom), on_bottom_output, t);
	if (layers->bottom_cb) {
		t->layers = layers;
		return 0;
	}
	evchat_mfree_(layers);
	return EVCHAT_ERR_NO_MEMORY;
}

static void
unwatch_bottom(struct evchat_transport *t)
{
	if (!t->layers)
		return;
	(void)evbuffer_remove_cb_entry(
	    bufferevent_get_output(t->layers->bottom), t->layers->bottom_cb);
	evchat_mfree_(t->layers);
	t->layers = NULL;
}

/* The fast path's own event.  It never comes during a turn: libevent refuses to
 * run a loop within itself. */
static void
on_socket(evutil_socket_t fd, short what, void *ctx)
{
	struct evchat_transport *t = ctx;

	(void)fd, (void)what;
	t->ready = true;
	t->tell(t, EVCHAT_NEWS_READABLE);
}

static int
open_readable(struct evchat_transport *t)
{
	if (!t->fast || t->waiting)
		return 0;
	t->readable = event_new(bufferevent_get_base(t->bev), fd_of(t),
	    EV_READ | EV_PERSIST, on_socket, t);
	return t->readable ? 0 : EVCHAT_ERR_NO_MEMORY;
}

static void
close_readable(struct evchat_transport *t)
{
	if (t->readable)
		event_free(t->readable);
	t->readable = NULL;
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
	    .tell = tell,
	    .can_read = ways & EVCHAT_CAN_READ,
	    .can_write = ways & EVCHAT_CAN_WRITE,
	    .waiting = ways & EVCHAT_WAITS,
	    .fast = ways & EVCHAT_FAST,
	    .fd = bufferevent_getfd(bev)};
	if (watch_bottom(t) || open_readable(t))
		return EVCHAT_ERR_NO_MEMORY;
	bufferevent_getcb(bev, &readable, &writable, &event, &old_ctx);
	bufferevent_setcb(bev, on_readable, on_writable, on_event, t);
	if (start(t)) {
		close_readable(t);
		unwatch_bottom(t);
		bufferevent_setcb(bev, readable, writable, event, old_ctx);
		return EVCHAT_ERR_EVENT;
	}
	/* Framing knows better when there is enough (rules 12, 13). */
	bufferevent_setwatermark(bev, EV_READ, 0, 0);
	evchat_transport_set_low_(t, output_low);
	/* Sockets write 16 KiB at a time unless told otherwise (rule 29); what
	 * is no socket has no use for it. */
	(void)bufferevent_set_max_single_write(bottom_of(t), WRITE_AT_ONCE);
	return 0;
}

int
evchat_transport_attach_(struct evchat_transport *t, int fd)
{
	t->waiting = false;
	t->fd = fd;
	if (bufferevent_setfd(t->bev, fd))
		return EVCHAT_ERR_EVENT;
	if (open_readable(t))
		return EVCHAT_ERR_NO_MEMORY;
	return evchat_transport_read_(t, t->reading);
}

struct bufferevent *
evchat_transport_release_(struct evchat_transport *t)
{
	struct bufferevent *bev = t->bev;

	close_readable(t);
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
		make_close_a_reset(bottom_of(t));
	bev = evchat_transport_release_(t);
	bufferevent_free(bev);
}

/* --- Input: what the bufferevent has, and what was read in this turn. --- */

static size_t
kept(const struct evchat_transport *t)
{
	return evbuffer_get_length(bufferevent_get_input(t->bev));
}

/* The end of a bufferevent's input is frozen outside of its own read. */
static int
unfreeze_input(struct evbuffer *input)
{
	return evbuffer_unfreeze(input, 0) ? EVCHAT_ERR_EVENT : 0;
}

/* The buffers are not to be had: straight to the rest of the input. */
static ssize_t
receive_a_little(struct evchat_transport *t, size_t most)
{
	struct evbuffer *input = bufferevent_get_input(t->bev);
	struct evbuffer_iovec space;
	ssize_t got = -1;

	if (most > EVCHAT_BUFFER_IN_SMALL)
		most = EVCHAT_BUFFER_IN_SMALL;
	errno = ENOMEM;
	if (unfreeze_input(input))
		return -1;
	if (evbuffer_reserve_space(input, (ev_ssize_t)most, &space, 1) == 1)
		got = evchat_socket_receive_(fd_of(t), space.iov_base, most);
	if (got > 0) {
		space.iov_len = (size_t)got;
		/* Cannot fail: nothing has touched it since. */
		(void)evbuffer_commit_space(input, &space, 1);
	}
	(void)evbuffer_freeze(input, 0);
	return got;
}

static ssize_t
receive(struct evchat_transport *t, size_t most)
{
	struct evchat_view *view = t->view;
	ssize_t got;

	if (!view->buffers)
		return receive_a_little(t, most);
	if (most > EVCHAT_BUFFER_IN)
		most = EVCHAT_BUFFER_IN;
	got = evchat_socket_receive_(fd_of(t), view->buffers->in, most);
	if (got <= 0)
		return got;
	view->fresh = view->buffers->in;
	view->fresh_len = (size_t)got;
	return got;
}

void
evchat_transport_begin_turn_(
    struct evchat_transport *t, struct evchat_view *view, size_t most)
{
	ssize_t got;

	t->view = view;
	view->buffers = evchat_buffers_take_();
	if (!t->ready)
		return;
	t->ready = false;
	/* It must not be read any more; to ask for nothing would look like the
	 * end. */
	if (!most)
		return;
	got = receive(t, most);
	if (got == 0)
		t->tell(t, EVCHAT_NEWS_EOF);
	else if (got < 0 && errno != EAGAIN)
		t->tell(t, EVCHAT_NEWS_READ_ERROR);
}

int
evchat_transport_keep_(struct evchat_transport *t)
{
	struct evchat_view *view = t->view;
	struct evbuffer *input;
	int error;

	if (!view || !view->fresh_len)
		return 0;
	input = bufferevent_get_input(t->bev);
	error = unfreeze_input(input);
	if (!error)
		error = evchat_append_run_(input, view->fresh, view->fresh_len);
	(void)evbuffer_freeze(input, 0);
	if (error)
		return EVCHAT_ERR_NO_MEMORY;
	view->fresh_len = 0;
	forget_run(t);
	return 0;
}

int
evchat_transport_end_turn_(struct evchat_transport *t)
{
	struct evchat_view *view = t->view;
	int error = t->bev ? evchat_transport_keep_(t) : 0;

	t->view = NULL;
	evchat_buffers_give_back_(view->buffers);
	return error;
}

size_t
evchat_transport_input_(const struct evchat_transport *t)
{
	return kept(t) + (t->view ? t->view->fresh_len : 0);
}

static bool
find_kept_run(struct evchat_transport *t, size_t at)
{
	struct evbuffer *input = bufferevent_get_input(t->bev);
	struct evbuffer_ptr from;
	struct evbuffer_iovec run;

	if (evbuffer_ptr_set(input, &from, at, EVBUFFER_PTR_SET) ||
	    evbuffer_peek(input, 1, &from, &run, 1) < 1)
		return false;
	t->view->run = run.iov_base;
	t->view->run_len = run.iov_len;
	t->view->run_at = at;
	return true;
}

bool
evchat_transport_find_run_(struct evchat_transport *t, size_t at)
{
	struct evchat_view *view = t->view;
	size_t before = kept(t);

	view->run_len = 0;
	if (at < before)
		return find_kept_run(t, at);
	view->run = view->fresh;
	view->run_len = view->fresh_len;
	view->run_at = before;
	return at - before < view->fresh_len;
}

void
evchat_transport_consume_(struct evchat_transport *t, size_t len)
{
	size_t before = kept(t);

	forget_run(t);
	if (len > before) {
		t->view->fresh += len - before;
		t->view->fresh_len -= len - before;
		len = before;
	}
	/* Fails only on a frozen start, and an input's is never frozen. */
	if (len)
		(void)evbuffer_drain(bufferevent_get_input(t->bev), len);
}

size_t
evchat_transport_unread_(const struct evchat_transport *t)
{
	evutil_socket_t fd = fd_of(t);
	int waiting = 0;

	if (fd < 0 || ioctl(fd, FIONREAD, &waiting) || waiting < 0)
		return 0;
	return (size_t)waiting;
}

unsigned
evchat_transport_unacked_(const struct evchat_transport *t)
{
	evutil_socket_t fd = fd_of(t);
	int unacked = 0;

#ifdef TIOCOUTQ
	if (fd < 0 || ioctl(fd, TIOCOUTQ, &unacked) || unacked < 0)
		return 0;
#endif
	return (unsigned)unacked;
}

bool
evchat_transport_is_writable_(const struct evchat_transport *t)
{
	struct pollfd poll_fd = {.fd = fd_of(t), .events = POLLOUT};

	return poll_fd.fd >= 0 && poll(&poll_fd, 1, 0) > 0;
}

/* 0 or -1. */
static int
listen_or_not(struct evchat_transport *t, bool reading)
{
	if (t->readable)
		return reading ? event_add(t->readable, NULL)
			       : event_del(t->readable);
	return reading ? bufferevent_enable(t->bev, EV_READ)
		       : bufferevent_disable(t->bev, EV_READ);
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
	if (listen_or_not(t, reading))
		return EVCHAT_ERR_EVENT;
	t->reading = reading;
	if (reading && t->layers) {
		pull_through(t);
		t->tell(t, EVCHAT_NEWS_READABLE);
	}
	return 0;
}

int
evchat_transport_enable_(struct evchat_transport *t)
{
	if (bufferevent_enable(t->bev, EV_READ | EV_WRITE))
		return EVCHAT_ERR_EVENT;
	pull_through(t);
	return 0;
}

/* --- Output. --- */

size_t
evchat_transport_count_pending_(const struct evchat_transport *t)
{
	size_t pending = 0;

	for (struct bufferevent *bev = t->bev; bev;
	     bev = bufferevent_get_underlying(bev))
		pending += evbuffer_get_length(bufferevent_get_output(bev));
	return pending;
}

bool
evchat_transport_is_free_(const struct evchat_transport *t)
{
	return t->fast && !t->waiting && !evchat_transport_pending_(t);
}

/* Has it failed?  That is told. */
static bool
failed(struct evchat_transport *t, ssize_t sent)
{
	if (sent >= 0 || errno == EAGAIN)
		return false;
	t->tell(t, EVCHAT_NEWS_WRITE_ERROR);
	return true;
}

size_t
evchat_transport_try_(
    struct evchat_transport *t, const void *bytes, size_t len, bool more)
{
	ssize_t sent;

	if (!evchat_transport_is_free_(t))
		return 0;
	sent = evchat_socket_send_(fd_of(t), bytes, len, more);
	return failed(t, sent) || sent < 0 ? 0 : (size_t)sent;
}

static ssize_t
send_buffer(struct evchat_transport *t, struct evbuffer *bytes, unsigned sent)
{
	if (sent & EVCHAT_SENT_FOREIGN)
		return evchat_socket_write_buffer_(
		    fd_of(t), bytes, WRITE_AT_ONCE);
	return evchat_socket_send_buffer_(
	    fd_of(t), bytes, WRITE_AT_ONCE, sent & EVCHAT_SENT_MORE);
}

int
evchat_transport_write_(
    struct evchat_transport *t, struct evbuffer *bytes, unsigned sent)
{
	if (evchat_transport_is_free_(t) &&
	    failed(t, send_buffer(t, bytes, sent)))
		return 0;
	return evchat_transport_hand_down_(t, bytes);
}

int
evchat_transport_hand_down_(struct evchat_transport *t, struct evbuffer *bytes)
{
	bool idle = evchat_transport_pending_(t) == 0;

	if (!evbuffer_get_length(bytes))
		return 0;
	if (bufferevent_write_buffer(t->bev, bytes))
		return EVCHAT_ERR_EVENT;
	t->sending = true;
	/* A filter may hold everything back. */
	if (!idle || evchat_transport_pending_(t) == 0)
		return 0;
	return arm_write(t);
}

/* Of the errors of sendfile(), those that are the file's. */
static bool
is_the_files(int error)
{
	return error == EIO || error == EBADF || error == EOVERFLOW;
}

/* Nothing lies in the output, but libevent can be asked to say when something
 * might: an enabled bufferevent calls back once when it can be written. */
static enum evchat_file_result
wait_for_file(struct evchat_transport *t)
{
	if (!t->blocked && bufferevent_enable(t->bev, EV_WRITE))
		return EVCHAT_FILE_NO_EVENT;
	t->blocked = true;
	return EVCHAT_FILE_WAITS;
}

enum evchat_file_result
evchat_transport_send_file_(
    struct evchat_transport *t, int file, uint64_t offset, uint64_t *len)
{
	ssize_t sent = evchat_socket_send_file_(fd_of(t), file, offset, *len);

	*len = sent > 0 ? (uint64_t)sent : 0;
	if (sent > 0)
		return EVCHAT_FILE_SENT;
	if (sent == 0 || is_the_files(errno))
		return EVCHAT_FILE_FAILED;
	if (errno == ENOSYS)
		return EVCHAT_FILE_CANNOT;
	if (errno == EAGAIN)
		return wait_for_file(t);
	t->tell(t, EVCHAT_NEWS_WRITE_ERROR);
	return EVCHAT_FILE_WAITS;
}

bool
evchat_transport_is_sending_(const struct evchat_transport *t)
{
	if (t->fast)
		return t->blocked || evchat_transport_pending_(t);
	return evbuffer_get_length(bufferevent_get_output(bottom_of(t))) > 0;
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
	evutil_socket_t fd = fd_of(t);

	/* What a filter holds back may be all that is pending; a pair sends its
	 * EOF with the flush, which must come last; sockets ignore it. */
	if (!t->flushed && (t->layers || !evchat_transport_pending_(t))) {
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
