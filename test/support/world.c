/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A channel with its peer in one process, and what happened between them.
 */
#include "support/world.h"
#include "channel-internal.h"
#include "support/fake_clock.h"
#include "support/loop.h"
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- Writing down. --- */

static void
note_escaped(struct evbuffer *out, const unsigned char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		switch (bytes[i]) {
		case '\r':
			evbuffer_add(out, "\\r", 2);
			break;
		case '\n':
			evbuffer_add(out, "\\n", 2);
			break;
		case '\0':
			evbuffer_add(out, "\\0", 2);
			break;
		default:
			evbuffer_add(out, &bytes[i], 1);
		}
	}
}

static void
finish_piece(struct world *w)
{
	if (w->collecting)
		evbuffer_add(w->transcript, ")", 1);
	w->collecting = false;
}

static void
note(struct world *w, const char *event)
{
	finish_piece(w);
	if (evbuffer_get_length(w->transcript))
		evbuffer_add(w->transcript, " ", 1);
	evbuffer_add(w->transcript, event, strlen(event));
}

static void
happened(struct world *w, const char *event)
{
	if (w->hook)
		w->hook(w, event);
}

static void
on_collect(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	struct world *w = ctx;

	(void)ch;
	ck_assert_uint_gt(len, 0);
	if (!w->collecting)
		note(w, "collect(");
	w->collecting = true;
	note_escaped(w->transcript, bytes, len);
	w->pieces++;
	happened(w, "collect");
}

static void
on_frame(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	struct world *w = ctx;

	(void)ch;
	ck_assert_ptr_nonnull(bytes);
	note(w, "frame(");
	note_escaped(w->transcript, bytes, len);
	evbuffer_add(w->transcript, ")", 1);
	happened(w, "frame");
}

static void
note_event(struct world *w, const char *event)
{
	note(w, event);
	happened(w, event);
}

static void
on_found(struct evchat *ch, void *ctx)
{
	(void)ch;
	note_event(ctx, "found");
}

static void
on_overlong(struct evchat *ch, void *ctx)
{
	(void)ch;
	note_event(ctx, "overlong");
}

static void
on_connected(struct evchat *ch, void *ctx)
{
	(void)ch;
	note_event(ctx, "connected");
}

static void
on_eof(struct evchat *ch, void *ctx)
{
	(void)ch;
	note_event(ctx, "eof");
}

static void
on_room(struct evchat *ch, void *ctx)
{
	(void)ch;
	note_event(ctx, "room");
}

static void
on_drained(struct evchat *ch, void *ctx)
{
	(void)ch;
	note_event(ctx, "drained");
}

static const char *
reason_name(enum evchat_reason reason)
{
	static const char *const names[] = {
#define NAME(name, text) #name,
	    EVCHAT_REASON_MAP(NAME)
#undef NAME
	};

	return names[reason];
}

static void
note_reason(struct world *w, const char *event, enum evchat_reason reason)
{
	note(w, event);
	evbuffer_add_printf(w->transcript, "(%s)", reason_name(reason));
	happened(w, event);
}

static void
on_timeout(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	(void)ch;
	note_reason(ctx, "timeout", reason);
}

static void
on_closed(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	struct world *w = ctx;

	w->reason = reason;
	w->error = evchat_errno(ch);
	w->unsent = evchat_unsent(ch);
	w->partial = evchat_partial(ch);
	w->closed_count++;
	note_reason(w, "closed", reason);
	w->ch = NULL;
}

const struct evchat_callbacks world_callbacks = {
    .collect = on_collect,
    .found = on_found,
    .frame = on_frame,
    .overlong = on_overlong,
    .connected = on_connected,
    .eof = on_eof,
    .room = on_room,
    .drained = on_drained,
    .timeout = on_timeout,
    .closed = on_closed,
};

struct evchat_callbacks
world_pieces(void)
{
	struct evchat_callbacks cb = world_callbacks;

	cb.frame = NULL;
	return cb;
}

struct evchat_callbacks
world_plain(void)
{
	struct evchat_callbacks cb = world_callbacks;

	cb.eof = NULL;
	cb.timeout = NULL;
	cb.overlong = NULL;
	cb.room = NULL;
	cb.drained = NULL;
	return cb;
}

/* --- Making. --- */

static enum bufferevent_filter_result
pass_on(struct evbuffer *from, struct evbuffer *to, ev_ssize_t limit,
    enum bufferevent_flush_mode mode, void *ctx)
{
	bool any = evbuffer_get_length(from) > 0;

	(void)limit;
	(void)mode;
	(void)ctx;
	ck_assert_int_eq(evbuffer_add_buffer(to, from), 0);
	return any ? BEV_OK : BEV_NEED_MORE;
}

static void
on_peer_event(struct bufferevent *bev, short what, void *ctx)
{
	struct world *w = ctx;

	(void)bev;
	if (what & BEV_EVENT_EOF)
		w->received_eof = true;
}

static void
make_sockets(struct world *w, int *near)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert_int_eq(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	*near = fds[0];
	w->peer_fd = fds[1];
}

static struct bufferevent *
make_pair(struct world *w)
{
	struct bufferevent *ends[2];

	ck_assert_int_eq(bufferevent_pair_new(w->base, 0, ends), 0);
	w->peer_bev = ends[1];
	bufferevent_setcb(w->peer_bev, NULL, NULL, on_peer_event, w);
	bufferevent_enable(w->peer_bev, EV_READ | EV_WRITE);
	return ends[0];
}

void
world_init(struct world *w, enum world_kind kind)
{
	memset(w, 0, sizeof *w);
	signal(SIGPIPE, SIG_IGN);
	w->base = event_base_new();
	w->transcript = evbuffer_new();
	w->received = evbuffer_new();
	w->kind = kind;
	w->peer_fd = -1;
	w->peer_reads = true;
}

struct bufferevent *
world_bufferevent(struct world *w)
{
	struct bufferevent *bev;
	int near;

	if (w->kind == OVER_SOCKET) {
		make_sockets(w, &near);
		ck_assert_int_eq(fcntl(near, F_SETFL, O_NONBLOCK), 0);
		return bufferevent_socket_new(
		    w->base, near, BEV_OPT_CLOSE_ON_FREE);
	}
	bev = make_pair(w);
	if (w->kind == OVER_FILTER)
		bev = bufferevent_filter_new(
		    bev, pass_on, pass_on, BEV_OPT_CLOSE_ON_FREE, NULL, NULL);
	return bev;
}

void
world_open(
    struct world *w, enum world_kind kind, const struct evchat_callbacks *cb)
{
	int near;

	world_init(w, kind);
	if (kind == OVER_SOCKET) {
		make_sockets(w, &near);
		w->ch = evchat_open(w->base, near, 0, cb, w);
	} else {
		w->ch = evchat_new(world_bufferevent(w), cb, w);
	}
	ck_assert_ptr_nonnull(w->ch);
}

void
world_free(struct world *w)
{
	evchat_free(w->ch);
	peer_close(w);
	/* libevent frees bufferevents in the turn after. */
	event_base_loop(w->base, EVLOOP_NONBLOCK);
	evbuffer_free(w->transcript);
	evbuffer_free(w->received);
	event_base_free(w->base);
}

/* --- Running. --- */

static void
take_from_socket(struct world *w)
{
	char bytes[65536];
	ssize_t got;

	while ((got = recv(w->peer_fd, bytes, sizeof bytes, 0)) > 0)
		evbuffer_add(w->received, bytes, (size_t)got);
	if (got == 0 || errno != EAGAIN)
		w->received_eof = true;
}

static void
take_what_came(struct world *w)
{
	if (!w->peer_reads)
		return;
	if (w->peer_fd >= 0)
		take_from_socket(w);
	if (w->peer_bev)
		evbuffer_add_buffer(
		    w->received, bufferevent_get_input(w->peer_bev));
}

void
world_turn(struct world *w)
{
	(void)loop_turn(w->base, EVLOOP_NONBLOCK);
	take_what_came(w);
}

/* How much has happened so far. */
static uint64_t
progress(const struct world *w)
{
	struct evchat_stats stats;

	evchat_get_stats(w->ch, &stats);
	return stats.bytes_in + stats.bytes_out +
	       evbuffer_get_length(w->transcript) +
	       evbuffer_get_length(w->received);
}

void
world_run(struct world *w)
{
	size_t quiet = 0;

	/* Deferred callbacks and zero timers take some turns to come through.
	 */
	while (quiet < 8) {
		uint64_t before = progress(w);

		world_turn(w);
		quiet = before == progress(w) ? quiet + 1 : 0;
	}
}

void
world_pass(struct world *w, uint64_t ms)
{
	fake_clock_pass(ms);
	if (w->ch && w->ch->time)
		event_active(w->ch->time->timer, EV_TIMEOUT, 0);
	world_run(w);
}

/* --- The peer. --- */

void
peer_send(struct world *w, const void *bytes, size_t len)
{
	if (w->peer_bev)
		ck_assert_int_eq(bufferevent_write(w->peer_bev, bytes, len), 0);
	else
		ck_assert_int_eq(
		    send(w->peer_fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

void
peer_send_text(struct world *w, const char *text)
{
	peer_send(w, text, strlen(text));
}

void
peer_send_eof(struct world *w)
{
	if (w->peer_bev)
		bufferevent_flush(w->peer_bev, EV_WRITE, BEV_FINISHED);
	else
		ck_assert_int_eq(shutdown(w->peer_fd, SHUT_WR), 0);
}

void
peer_stop_reading(struct world *w)
{
	w->peer_reads = false;
	if (w->peer_bev)
		bufferevent_disable(w->peer_bev, EV_READ);
}

void
peer_read(struct world *w)
{
	w->peer_reads = true;
	if (w->peer_bev)
		bufferevent_enable(w->peer_bev, EV_READ);
}

void
peer_reset(struct world *w)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	setsockopt(w->peer_fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	peer_close(w);
}

void
peer_close(struct world *w)
{
	if (w->peer_fd >= 0)
		close(w->peer_fd);
	if (w->peer_bev)
		bufferevent_free(w->peer_bev);
	w->peer_fd = -1;
	w->peer_bev = NULL;
}

/* --- Looking. --- */

/* The text of an evbuffer, which then holds nothing but that. */
static const char *
text_of(struct evbuffer *buffer)
{
	evbuffer_add(buffer, "", 1);
	return (const char *)evbuffer_pullup(buffer, -1);
}

const char *
world_transcript(struct world *w)
{
	finish_piece(w);
	return text_of(w->transcript);
}

const char *
world_received(struct world *w)
{
	return text_of(w->received);
}

void
world_expect(struct world *w, const char *transcript)
{
	ck_assert_str_eq(world_transcript(w), transcript);
	evbuffer_drain(w->transcript, evbuffer_get_length(w->transcript));
}

void
peer_expect(struct world *w, const char *text)
{
	ck_assert_str_eq(world_received(w), text);
	evbuffer_drain(w->received, evbuffer_get_length(w->received));
}
