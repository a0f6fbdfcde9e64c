/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Line echo on libevent, the way people write it: a bufferevent, and
 * evbuffer_readln() for each line.
 */
#include "server.h"
#include "server_loop.h"
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void on_event(struct bufferevent *bev, short what, void *ctx);
static void on_read(struct bufferevent *bev, void *ctx);

static void
on_drained(struct bufferevent *bev, void *ctx)
{
	bufferevent_setcb(bev, on_read, NULL, on_event, ctx);
	if (bufferevent_enable(bev, EV_READ))
		bufferevent_free(bev);
}

/* Its peer does not read: wait until it has. */
static int
hold_back(struct bufferevent *bev, void *ctx)
{
	bufferevent_setcb(bev, on_read, on_drained, on_event, ctx);
	return bufferevent_disable(bev, EV_READ);
}

static int
echo_lines(struct evbuffer *in, struct evbuffer *out)
{
	int failed = 0;
	char *line;
	size_t len;

	while (!failed &&
	       (line = evbuffer_readln(in, &len, EVBUFFER_EOL_CRLF_STRICT))) {
		failed = evbuffer_add(out, line, len) ||
			 evbuffer_add(out, "\r\n", 2);
		free(line);
	}
	return failed;
}

static void
on_read(struct bufferevent *bev, void *ctx)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	struct evbuffer *out = bufferevent_get_output(bev);

	if (echo_lines(in, out) || evbuffer_get_length(in) > SERVER_TAIL_MAX ||
	    (evbuffer_get_length(out) > SERVER_OUTPUT_HIGH &&
		hold_back(bev, ctx)))
		bufferevent_free(bev);
}

static void
on_event(struct bufferevent *bev, short what, void *ctx)
{
	(void)ctx;
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		bufferevent_free(bev);
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *peer, int len, void *base)
{
	struct bufferevent *bev =
	    bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);

	(void)listener;
	(void)peer;
	(void)len;
	if (!bev) {
		close(fd);
		return;
	}
	bufferevent_setcb(bev, on_read, NULL, on_event, NULL);
	if (server_send_at_once(fd) ||
	    bufferevent_enable(bev, EV_READ | EV_WRITE))
		bufferevent_free(bev);
}

int
main(void)
{
	struct event_base *base = event_base_new();

	if (!base || server_prepare() || server_accept(base, on_accept)) {
		perror("echo_readln");
		return 1;
	}
	event_base_free(base);
	return 0;
}
