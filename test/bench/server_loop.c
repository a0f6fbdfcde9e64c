/* SPDX-License-Identifier: BSD-3-Clause */
/* The event loop of the echo servers that are built on libevent. */
#include "server_loop.h"
#include "server.h"
#include <event2/event.h>
#include <unistd.h>

static void
on_stdin(evutil_socket_t fd, short what, void *base)
{
	(void)fd;
	(void)what;
	if (server_is_over())
		(void)event_base_loopbreak(base);
}

int
server_loop(struct event_base *base)
{
	struct event *end =
	    event_new(base, STDIN_FILENO, EV_READ | EV_PERSIST, on_stdin, base);
	int failed;

	if (!end)
		return -1;
	failed = event_add(end, NULL) || event_base_dispatch(base) < 0;
	event_free(end);
	return failed ? -1 : 0;
}

int
server_accept(struct event_base *base, evconnlistener_cb accept)
{
	int fd = server_listen();
	struct evconnlistener *listener;
	int failed;

	if (fd < 0)
		return -1;
	/* A backlog of 0: it listens already. */
	listener = evconnlistener_new(
	    base, accept, base, LEV_OPT_CLOSE_ON_FREE, 0, fd);
	if (!listener) {
		close(fd);
		return -1;
	}
	failed = server_announce(fd) || server_loop(base);
	evconnlistener_free(listener);
	return failed ? -1 : 0;
}
