/* SPDX-License-Identifier: BSD-3-Clause */
/* A bufferevent of libevent's alone, and what it calls, written down. */
#include "support/endpoint.h"
#include "alloc-internal.h"
#include "support/memory.h"
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void
endpoint_begin(void)
{
	event_set_mem_functions(evchat_malloc_, evchat_realloc_, evchat_mfree_);
	printf("libevent %s; compiled with the headers of %s\n",
	    event_get_version(), LIBEVENT_VERSION);
}

/* --- What it calls. --- */

static void
say(struct endpoint *e, const char *text)
{
	size_t len = strlen(e->said);

	ck_assert_uint_lt(len + strlen(text), sizeof e->said - 1);
	if (len)
		strcat(e->said, " ");
	strcat(e->said, text);
}

static void
end_callback(struct endpoint *e)
{
	if (e->breaks && --e->breaks == 0)
		event_base_loopbreak(e->base);
	if (e->hook)
		e->hook(e);
}

/* It is called, with so much in this buffer. */
static void
say_length(struct endpoint *e, const char *what, const struct evbuffer *buffer)
{
	char text[32];

	(void)snprintf(
	    text, sizeof text, "%s(%zu)", what, evbuffer_get_length(buffer));
	say(e, text);
	end_callback(e);
}

static void
on_read(struct bufferevent *bev, void *ctx)
{
	say_length(ctx, "read", bufferevent_get_input(bev));
}

static void
on_write(struct bufferevent *bev, void *ctx)
{
	say_length(ctx, "write", bufferevent_get_output(bev));
}

static void
on_event(struct bufferevent *bev, short what, void *ctx)
{
	static const struct {
		short bit;
		const char *name;
	} bits[] = {{BEV_EVENT_READING, "READING|"},
	    {BEV_EVENT_WRITING, "WRITING|"}, {BEV_EVENT_EOF, "EOF|"},
	    {BEV_EVENT_ERROR, "ERROR|"}, {BEV_EVENT_TIMEOUT, "TIMEOUT|"},
	    {BEV_EVENT_CONNECTED, "CONNECTED|"}};
	struct endpoint *e = ctx;
	char text[64] = "event(";

	(void)bev;
	e->error = errno;
	for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
		if (what & bits[i].bit)
			strcat(text, bits[i].name);
	text[strlen(text) - 1] = ')';
	say(e, text);
	end_callback(e);
}

void
endpoint_expect(struct endpoint *e, const char *said)
{
	ck_assert_str_eq(e->said, said);
	e->said[0] = '\0';
}

/* --- Birth and death. --- */

void
endpoint_init(struct endpoint *e)
{
	memset(e, 0, sizeof *e);
	signal(SIGPIPE, SIG_IGN);
	e->base = event_base_new();
	e->fd = e->peer = -1;
}

void
endpoint_watch(struct endpoint *e, struct bufferevent *bev)
{
	ck_assert_ptr_nonnull(bev);
	e->bev = bev;
	bufferevent_setcb(bev, on_read, on_write, on_event, e);
}

static void
open_over(struct endpoint *e, int fd, int peer)
{
	e->fd = fd;
	e->peer = peer;
	evutil_make_socket_nonblocking(fd);
	evutil_make_socket_nonblocking(peer);
	endpoint_watch(
	    e, bufferevent_socket_new(e->base, fd, BEV_OPT_CLOSE_ON_FREE));
	ck_assert_int_eq(bufferevent_enable(e->bev, EV_READ), 0);
}

void
endpoint_open(struct endpoint *e)
{
	int fds[2];

	endpoint_init(e);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	open_over(e, fds[0], fds[1]);
}

void
endpoint_open_tcp(struct endpoint *e)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr *any = (struct sockaddr *)(void *)&at;
	socklen_t len = sizeof at;
	int listening = socket(AF_INET, SOCK_STREAM, 0);
	int near = socket(AF_INET, SOCK_STREAM, 0);

	endpoint_init(e);
	ck_assert_int_eq(bind(listening, any, len), 0);
	ck_assert_int_eq(listen(listening, 1), 0);
	ck_assert_int_eq(getsockname(listening, any, &len), 0);
	ck_assert_int_eq(connect(near, any, len), 0);
	open_over(e, near, accept(listening, NULL, NULL));
	close(listening);
}

void
endpoint_free(struct endpoint *e)
{
	if (e->bev)
		bufferevent_free(e->bev);
	if (e->peer >= 0)
		close(e->peer);
	event_base_loop(e->base, EVLOOP_NONBLOCK);
	event_base_free(e->base);
}

void
endpoint_turn(struct endpoint *e, int turns)
{
	for (; turns > 0; turns--)
		event_base_loop(e->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

/* --- The peer. --- */

void
endpoint_send(struct endpoint *e, const void *bytes, size_t len)
{
	ck_assert_int_eq(send(e->peer, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

size_t
endpoint_take(struct endpoint *e)
{
	static char bytes[65536];
	size_t taken = 0;
	ssize_t got;

	while ((got = read(e->peer, bytes, sizeof bytes)) > 0)
		taken += (size_t)got;
	return taken;
}

void
endpoint_hang_up(struct endpoint *e)
{
	close(e->peer);
	e->peer = -1;
}

size_t
endpoint_input(const struct endpoint *e)
{
	return evbuffer_get_length(bufferevent_get_input(e->bev));
}

size_t
endpoint_output(const struct endpoint *e)
{
	return evbuffer_get_length(bufferevent_get_output(e->bev));
}

bool
endpoint_is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}
