/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listening sockets that answer, refuse, or are full.  A socket that is bound
 * and does not listen refuses, and keeps its port.  A full one listens with a
 * backlog of 0, which is one client, and has that: what TCP asks of it is
 * dropped, and connect(2) to a Unix socket says EAGAIN.
 */
#include "support/target.h"
#include "address-internal.h"
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr *
address(struct target *t)
{
	return (struct sockaddr *)(void *)&t->at;
}

/* --- Where. --- */

static void
choose_ipv4(struct target *t, unsigned host, uint16_t port)
{
	struct sockaddr_in *at = (struct sockaddr_in *)(void *)&t->at;

	at->sin_family = AF_INET;
	at->sin_addr.s_addr = htonl((INADDR_LOOPBACK & ~0xffU) | host);
	at->sin_port = htons(port);
	t->len = sizeof *at;
}

static void
choose_ipv6(struct target *t)
{
	struct sockaddr_in6 *at = (struct sockaddr_in6 *)(void *)&t->at;

	at->sin6_family = AF_INET6;
	at->sin6_addr = in6addr_loopback;
	t->len = sizeof *at;
}

static void
choose_file(struct target *t)
{
	struct sockaddr_un *at = (struct sockaddr_un *)(void *)&t->at;

	(void)snprintf(
	    t->directory, sizeof t->directory, P_tmpdir "/evchat-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(t->directory));
	at->sun_family = AF_UNIX;
	(void)snprintf(
	    at->sun_path, sizeof at->sun_path, "%s/x.sock", t->directory);
	t->len = sizeof *at;
}

/* Bound to no path, Linux chooses an abstract name. */
static void
choose_abstract(struct target *t)
{
	t->at.ss_family = AF_UNIX;
	t->len = offsetof(struct sockaddr_un, sun_path);
}

static void
choose(struct target *t, enum target_kind kind)
{
	switch (kind) {
	case TARGET_IPV6:
		choose_ipv6(t);
		break;
	case TARGET_FILE:
		choose_file(t);
		break;
	case TARGET_ABSTRACT:
		choose_abstract(t);
		break;
	case TARGET_IPV4:
	case TARGET_KINDS:
	default:
		choose_ipv4(t, 1, 0);
		break;
	}
}

bool
target_exists(enum target_kind kind)
{
	struct target t = {0};
	bool exists;
	int fd;

	if (kind != TARGET_IPV6)
		return true;
	choose_ipv6(&t);
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	exists = fd >= 0 && bind(fd, address(&t), t.len) == 0;
	if (fd >= 0)
		close(fd);
	return exists;
}

/* --- How. --- */

static int
new_socket(const struct target *t)
{
	int fd = socket(t->at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static void
await_client(const struct target *t)
{
	struct pollfd poll_fd = {.fd = t->fd, .events = POLLIN};

	ck_assert_int_eq(poll(&poll_fd, 1, -1), 1);
}

static void
fill(struct target *t)
{
	t->waiting = new_socket(t);
	ck_assert_int_eq(connect(t->waiting, address(t), t->len), 0);
	await_client(t);
}

/* A port that is given may have ended connections of a test before. */
static void
bind_chosen(struct target *t)
{
	int one = 1;

	if (evchat_address_port_(&t->at))
		ck_assert_int_eq(setsockopt(t->fd, SOL_SOCKET, SO_REUSEADDR,
				     &one, sizeof one),
		    0);
	ck_assert_int_eq(bind(t->fd, address(t), t->len), 0);
}

static void
open_chosen(struct target *t, enum target_manner manner)
{
	socklen_t len = sizeof t->at;

	t->waiting = -1;
	t->fd = new_socket(t);
	bind_chosen(t);
	ck_assert_int_eq(getsockname(t->fd, address(t), &len), 0);
	t->len = len;
	ck_assert_int_eq(
	    evchat_address_text(address(t), len, t->text, sizeof t->text), 0);
	if (manner == REFUSES)
		return;
	ck_assert_int_eq(listen(t->fd, manner == FULL ? 0 : SOMAXCONN), 0);
	if (manner == FULL)
		fill(t);
}

void
target_open(struct target *t, enum target_kind kind, enum target_manner manner)
{
	memset(t, 0, sizeof *t);
	choose(t, kind);
	open_chosen(t, manner);
}

void
target_open_beside(struct target *t, const struct target *other, unsigned host,
    enum target_manner manner)
{
	memset(t, 0, sizeof *t);
	choose_ipv4(t, host, target_port(other));
	open_chosen(t, manner);
}

/* --- Using it. --- */

struct evchat_resolved
target_resolved(const struct target *t)
{
	return (struct evchat_resolved){
	    (const struct sockaddr *)(const void *)&t->at, t->len};
}

uint16_t
target_port(const struct target *t)
{
	return evchat_address_port_(&t->at);
}

int
target_accept(struct target *t)
{
	int fd;

	await_client(t);
	fd = accept4(t->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

void
target_close(struct target *t)
{
	if (t->fd >= 0)
		close(t->fd);
	if (t->waiting >= 0)
		close(t->waiting);
	t->fd = t->waiting = -1;
	if (!t->directory[0])
		return;
	unlink(((struct sockaddr_un *)(void *)&t->at)->sun_path);
	rmdir(t->directory);
	t->directory[0] = '\0';
}
