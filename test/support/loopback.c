/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A world over TCP, made by a listener.
 */
#include "support/loopback.h"
#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void
on_accepted(
    struct evchat *ch, const struct sockaddr *peer, socklen_t len, void *ctx)
{
	struct world *w = ctx;

	(void)peer;
	(void)len;
	if (!w->ch)
		w->ch = ch;
}

void
loopback_open(struct loopback *l, const struct evchat_channel_options *channel)
{
	struct evchat_listener_options options = {
	    .channel = *channel, .accepted = on_accepted};

	world_init(&l->w, OVER_SOCKET);
	l->listener = evchat_listen(l->w.base, "127.0.0.1:0", &options, &l->w);
	ck_assert_ptr_nonnull(l->listener);
}

void
loopback_free(struct loopback *l)
{
	evchat_listener_free(l->listener);
	world_free(&l->w);
}

static struct sockaddr_in
address_of(const struct evchat_listener *listener)
{
	struct sockaddr_in at = {0};
	socklen_t len = sizeof at;

	ck_assert_int_eq(getsockname(evchat_listener_fd(listener),
			     (struct sockaddr *)&at, &len),
	    0);
	ck_assert_int_eq(at.sin_family, AF_INET);
	return at;
}

int
loopback_client(const struct evchat_listener *listener)
{
	struct sockaddr_in at = address_of(listener);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

void
loopback_dial(struct loopback *l)
{
	l->w.peer_fd = loopback_client(l->listener);
}

void
loopback_until(struct world *w, bool (*is_so)(const struct world *w))
{
	while (!is_so(w))
		world_turn(w);
}

bool
there_is_a_channel(const struct world *w)
{
	return w->ch != NULL;
}

bool
channel_has_closed(const struct world *w)
{
	return w->closed_count > 0;
}

bool
peer_has_eof(const struct world *w)
{
	return w->received_eof;
}
