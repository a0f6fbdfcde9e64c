/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * System calls that a test can have refused; otherwise the C library's do what
 * they are there for.
 */
#include "support/refusal.h"
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static struct refusal {
	int error;
	size_t after, times;
	size_t made, refused;
} refusals[REFUSABLES];

void
refuse_calls(enum refusable call, int error, size_t after, size_t times)
{
	refusals[call].error = error;
	refusals[call].after = after;
	refusals[call].times = times;
}

void
refuse_no_calls(void)
{
	memset(refusals, 0, sizeof refusals);
}

size_t
calls_made(enum refusable call)
{
	return refusals[call].made;
}

size_t
calls_refused(enum refusable call)
{
	return refusals[call].refused;
}

static bool
is_refused(enum refusable call)
{
	struct refusal *r = &refusals[call];

	r->made++;
	if (!r->times)
		return false;
	if (r->after) {
		r->after--;
		return false;
	}
	if (r->times != SIZE_MAX)
		r->times--;
	r->refused++;
	errno = r->error;
	return true;
}

/* Find the one that this one hides.  ISO C has no conversion from an object's
 * address to a function's. */
static void
find(void *function, const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	memcpy(function, &found, sizeof found);
}

/* The C library declares some of these in a way that only it can define; so
 * they have names of their own here, and the linker knows them by the usual
 * ones.  libevent is to find them, too. */
#pragma GCC visibility push(default)

int refusable_socket(int domain, int type, int protocol) __asm__("socket");
int refusable_setsockopt(int fd, int level, int name, const void *value,
    socklen_t len) __asm__("setsockopt");
int refusable_bind(int fd, const struct sockaddr *at, socklen_t len) __asm__(
    "bind");
int refusable_listen(int fd, int backlog) __asm__("listen");
int refusable_accept4(
    int fd, struct sockaddr *at, socklen_t *len, int flags) __asm__("accept4");
int refusable_getsockname(int fd, struct sockaddr *at, socklen_t *len) __asm__(
    "getsockname");
int refusable_unlink(const char *path) __asm__("unlink");
int refusable_epoll_ctl(
    int epoll, int op, int fd, struct epoll_event *event) __asm__("epoll_ctl");

#pragma GCC visibility pop

int
refusable_socket(int domain, int type, int protocol)
{
	int (*real)(int, int, int);

	if (is_refused(REFUSE_SOCKET))
		return -1;
	find(&real, "socket");
	return real(domain, type, protocol);
}

int
refusable_setsockopt(
    int fd, int level, int name, const void *value, socklen_t len)
{
	int (*real)(int, int, int, const void *, socklen_t);

	if (is_refused(REFUSE_SETSOCKOPT))
		return -1;
	find(&real, "setsockopt");
	return real(fd, level, name, value, len);
}

int
refusable_bind(int fd, const struct sockaddr *at, socklen_t len)
{
	int (*real)(int, const struct sockaddr *, socklen_t);

	if (is_refused(REFUSE_BIND))
		return -1;
	find(&real, "bind");
	return real(fd, at, len);
}

int
refusable_listen(int fd, int backlog)
{
	int (*real)(int, int);

	if (is_refused(REFUSE_LISTEN))
		return -1;
	find(&real, "listen");
	return real(fd, backlog);
}

int
refusable_accept4(int fd, struct sockaddr *at, socklen_t *len, int flags)
{
	int (*real)(int, struct sockaddr *, socklen_t *, int);

	if (is_refused(REFUSE_ACCEPT))
		return -1;
	find(&real, "accept4");
	return real(fd, at, len, flags);
}

int
refusable_getsockname(int fd, struct sockaddr *at, socklen_t *len)
{
	int (*real)(int, struct sockaddr *, socklen_t *);

	if (is_refused(REFUSE_GETSOCKNAME))
		return -1;
	find(&real, "getsockname");
	return real(fd, at, len);
}

int
refusable_unlink(const char *path)
{
	int (*real)(const char *);

	if (is_refused(REFUSE_UNLINK))
		return -1;
	find(&real, "unlink");
	return real(path);
}

int
refusable_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
	int (*real)(int, int, int, struct epoll_event *);

	if (is_refused(REFUSE_EPOLL_CTL))
		return -1;
	find(&real, "epoll_ctl");
	return real(epoll, op, fd, event);
}
