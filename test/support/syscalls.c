/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * System calls that a test watches, makes fail or cuts short; otherwise the C
 * library's do what they are there for.
 */
#include "support/syscalls.h"
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

struct watched {
	size_t seen, largest;
	int flags;
	int error;
	size_t after, times;
	size_t most;
	void (*act)(void *ctx);
	void *ctx;
};

static struct watched watched[SYSTEM_CALLS];
static int watched_fd = -1;

void
calls_watch(int fd)
{
	memset(watched, 0, sizeof watched);
	watched_fd = fd;
}

size_t
calls_seen(enum system_call call)
{
	return watched[call].seen;
}

size_t
calls_seen_in_all(void)
{
	size_t seen = 0;

	for (int call = 0; call < SYSTEM_CALLS; call++)
		seen += watched[call].seen;
	return seen;
}

int
calls_flags(enum system_call call)
{
	return watched[call].flags;
}

size_t
calls_largest(enum system_call call)
{
	return watched[call].largest;
}

void
calls_fail(enum system_call call, int error, size_t after, size_t times)
{
	watched[call].error = error;
	watched[call].after = after;
	watched[call].times = times;
}

void
calls_shorten(enum system_call call, size_t most)
{
	watched[call].most = most;
}

void
calls_precede(enum system_call call, void (*act)(void *ctx), void *ctx)
{
	watched[call].act = act;
	watched[call].ctx = ctx;
}

static bool
is_watched(enum system_call call, int fd)
{
	return watched_fd < 0 || watched_fd == fd || call == CALL_EPOLL_WAIT;
}

static void
act_once(struct watched *w)
{
	void (*act)(void *ctx) = w->act;

	w->act = NULL;
	if (act)
		act(w->ctx);
}

/* Note a call.  False, with errno, when it is to fail. */
static bool
passes(enum system_call call, int fd, size_t len, int flags)
{
	struct watched *w = &watched[call];

	if (!is_watched(call, fd))
		return true;
	act_once(w);
	w->seen++;
	w->flags = flags;
	if (len > w->largest)
		w->largest = len;
	if (!w->times)
		return true;
	if (w->after) {
		w->after--;
		return true;
	}
	w->times--;
	errno = w->error;
	return false;
}

static size_t
shortened(enum system_call call, int fd, size_t len)
{
	size_t most = watched[call].most;

	return most && most < len && is_watched(call, fd) ? most : len;
}

/* Find the one that this one hides.  ISO C has no conversion from an object's
 * address to a function's. */
static void
find(void *function, const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	memcpy(function, &found, sizeof found);
}

/* What it is called where off_t has 64 bits. */
#if defined(__GLIBC__)
#define SENDFILE "sendfile64"
#else
#define SENDFILE "sendfile"
#endif

/* They have names of their own here, and the linker knows them by the usual
 * ones.  libevent is to find them, too. */
#pragma GCC visibility push(default)

ssize_t watched_recv(int fd, void *bytes, size_t len, int flags) __asm__(
    "recv");
ssize_t watched_send(int fd, const void *bytes, size_t len, int flags) __asm__(
    "send");
ssize_t watched_sendmsg(
    int fd, const struct msghdr *message, int flags) __asm__("sendmsg");
ssize_t watched_sendfile(int fd, int file, off_t *offset, size_t len) __asm__(
    SENDFILE);
ssize_t watched_readv(int fd, const struct iovec *runs, int n) __asm__("readv");
ssize_t watched_writev(int fd, const struct iovec *runs, int n) __asm__(
    "writev");
int watched_ioctl(int fd, unsigned long request, void *argument) __asm__(
    "ioctl");
int watched_epoll_ctl(
    int epoll, int op, int fd, struct epoll_event *event) __asm__("epoll_ctl");
int watched_epoll_wait(int epoll, struct epoll_event *events, int n,
    int timeout) __asm__("epoll_wait");

#pragma GCC visibility pop

ssize_t
watched_recv(int fd, void *bytes, size_t len, int flags)
{
	ssize_t (*real)(int, void *, size_t, int);

	if (!passes(CALL_RECV, fd, len, flags))
		return -1;
	find(&real, "recv");
	return real(fd, bytes, shortened(CALL_RECV, fd, len), flags);
}

ssize_t
watched_send(int fd, const void *bytes, size_t len, int flags)
{
	ssize_t (*real)(int, const void *, size_t, int);

	if (!passes(CALL_SEND, fd, len, flags))
		return -1;
	find(&real, "send");
	return real(fd, bytes, shortened(CALL_SEND, fd, len), flags);
}

static size_t
sum_of(const struct iovec *runs, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += runs[i].iov_len;
	return len;
}

ssize_t
watched_sendmsg(int fd, const struct msghdr *message, int flags)
{
	ssize_t (*real)(int, const struct msghdr *, int);
	size_t len = sum_of(message->msg_iov, message->msg_iovlen);
	size_t most = shortened(CALL_SENDMSG, fd, len);
	struct iovec run = message->msg_iov[0];
	struct msghdr one = *message;

	if (!passes(CALL_SENDMSG, fd, len, flags))
		return -1;
	find(&real, "sendmsg");
	if (most == len)
		return real(fd, message, flags);
	if (run.iov_len > most)
		run.iov_len = most;
	one.msg_iov = &run;
	one.msg_iovlen = 1;
	return real(fd, &one, flags);
}

ssize_t
watched_sendfile(int fd, int file, off_t *offset, size_t len)
{
	ssize_t (*real)(int, int, off_t *, size_t);

	if (!passes(CALL_SENDFILE, fd, len, 0))
		return -1;
	find(&real, SENDFILE);
	return real(fd, file, offset, shortened(CALL_SENDFILE, fd, len));
}

ssize_t
watched_readv(int fd, const struct iovec *runs, int n)
{
	ssize_t (*real)(int, const struct iovec *, int);

	if (!passes(CALL_READV, fd, sum_of(runs, (size_t)n), 0))
		return -1;
	find(&real, "readv");
	return real(fd, runs, n);
}

ssize_t
watched_writev(int fd, const struct iovec *runs, int n)
{
	ssize_t (*real)(int, const struct iovec *, int);

	if (!passes(CALL_WRITEV, fd, sum_of(runs, (size_t)n), 0))
		return -1;
	find(&real, "writev");
	return real(fd, runs, n);
}

int
watched_ioctl(int fd, unsigned long request, void *argument)
{
	int (*real)(int, unsigned long, void *);

	if (!passes(CALL_IOCTL, fd, 0, 0))
		return -1;
	find(&real, "ioctl");
	return real(fd, request, argument);
}

int
watched_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
	int (*real)(int, int, int, struct epoll_event *);

	if (!passes(CALL_EPOLL_CTL, fd, 0, op))
		return -1;
	find(&real, "epoll_ctl");
	return real(epoll, op, fd, event);
}

int
watched_epoll_wait(int epoll, struct epoll_event *events, int n, int timeout)
{
	int (*real)(int, struct epoll_event *, int, int);

	if (!passes(CALL_EPOLL_WAIT, epoll, 0, 0))
		return -1;
	find(&real, "epoll_wait");
	return real(epoll, events, n, timeout);
}
