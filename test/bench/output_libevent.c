/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A stream by a bufferevent without evchat: a piece from each write callback,
 * or a file segment.
 */
#include "output.h"
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

struct stream {
	struct output *output;
	struct event_base *base;
	size_t piece; /* 0: the file */
	uint64_t added;
	bool is_complete; /* the peer has closed after our FIN */
};

static int
add_piece(struct stream *s, struct evbuffer *out)
{
	const void *bytes = output_pattern(s->added);
	size_t len = output_least(s->piece, s->output->bytes - s->added);

	s->added += len;
	if (s->piece == OUTPUT_SMALL_PIECE)
		return evbuffer_add(out, bytes, len);
	return evbuffer_add_reference(out, bytes, len, NULL, NULL);
}

static int
add_file(struct stream *s, struct evbuffer *out)
{
	int fd = dup(s->output->file);

	s->added = s->output->bytes;
	if (fd < 0)
		return -1;
	return evbuffer_add_file(out, fd, 0, (ev_off_t)s->added);
}

/* Returns -1 with errno if the stream cannot go on. */
static int
go_on(struct stream *s, struct bufferevent *bev)
{
	struct evbuffer *out = bufferevent_get_output(bev);

	if (s->added < s->output->bytes && s->piece) {
		if (add_piece(s, out))
			return -1;
		output_note_queued(s->output, evbuffer_get_length(out), 0);
		return 0;
	}
	if (s->added < s->output->bytes)
		return add_file(s, out);
	return shutdown(s->output->fd, SHUT_WR);
}

static void
on_write(struct bufferevent *bev, void *ctx)
{
	struct stream *s = ctx;

	if (go_on(s, bev))
		event_base_loopbreak(s->base);
}

static void
on_event(struct bufferevent *bev, short what, void *ctx)
{
	struct stream *s = ctx;
	size_t left = evbuffer_get_length(bufferevent_get_output(bev));

	s->is_complete =
	    what & BEV_EVENT_EOF && s->added == s->output->bytes && !left;
	event_base_loopbreak(s->base);
}

static int
run(struct stream *s)
{
	struct bufferevent *bev;
	int error = -1;

	s->base = event_base_new();
	if (!s->base)
		return -1;
	bev = bufferevent_socket_new(s->base, s->output->fd, 0);
	if (bev) {
		bufferevent_setcb(bev, NULL, on_write, on_event, s);
		if (!bufferevent_enable(bev, EV_READ | EV_WRITE) &&
		    !go_on(s, bev) && !event_base_dispatch(s->base))
			error = s->is_complete ? 0 : -1;
		bufferevent_free(bev);
	}
	event_base_free(s->base);
	return error;
}

int
output_libevent_add(struct output *output)
{
	struct stream s = {.output = output, .piece = OUTPUT_SMALL_PIECE};

	return run(&s);
}

int
output_libevent_ref(struct output *output)
{
	struct stream s = {.output = output, .piece = OUTPUT_PIECE};

	return run(&s);
}

int
output_libevent_file(struct output *output)
{
	struct stream s = {.output = output};

	return run(&s);
}
