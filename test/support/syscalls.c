/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * System calls that a test watches, makes fail or cuts short; otherwise the C
 * library's do what they are there for.
 */
#include "support/syscalls.h"
#include "support/choppy.h"
#include "support/scale.h"
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

enum { NO_FD = -1, ALWAYS = 1000 };

struct watched {
	atomic_size_t seen, failed, shortened, largest;
	atomic_int flags;

	/* Which fail: those from the `after`th on since that was said, and some
	 * by chance. */
	atomic_size_t since;
	int error;
	size_t after, times;
	unsigned per_thousand;

	/* And which are cut short: the same. */
	atomic_size_t moved;
	size_t most;
	size_t whole, shorts;
	unsigned shortened_per_thousand;
	void (*act)(int fd, void *ctx);
	void *ctx;
};

static struct watched watched[SYSTEM_CALLS];
static int watched_fd = -1;
static uint64_t seed;
static atomic_uint_fast64_t drawn;
static _Thread_local unsigned paused;

static const char *const names[] = {
#define CALL(call, name) name,
    SYSTEM_CALL_MAP(CALL)
#undef CALL
};

const char *
calls_name(enum system_call call)
{
	return names[call];
}

/* --- What is to become of them. --- */

void
calls_watch(int fd)
{
	memset(watched, 0, sizeof watched);
	watched_fd = fd;
}

void
calls_fail(enum system_call call, int error, size_t after, size_t times)
{
	struct watched *w = &watched[call];

	w->error = error;
	w->after = after;
	w->times = times;
	w->per_thousand = 0;
	atomic_store(&w->since, 0);
}

void
calls_shorten(enum system_call call, size_t most)
{
	calls_shorten_after(call, most, 0, SIZE_MAX);
}

void
calls_shorten_after(
    enum system_call call, size_t most, size_t after, size_t times)
{
	struct watched *w = &watched[call];

	w->most = most;
	w->whole = after;
	w->shorts = times;
	w->shortened_per_thousand = 0;
	atomic_store(&w->moved, 0);
}

void
calls_seed(uint64_t new_seed)
{
	seed = new_seed;
	atomic_store(&drawn, 0);
}

void
calls_fail_by_chance(enum system_call call, int error, unsigned per_thousand)
{
	calls_fail(call, error, 0, 0);
	watched[call].per_thousand = per_thousand;
}

void
calls_shorten_by_chance(
    enum system_call call, size_t most, unsigned per_thousand)
{
	calls_shorten_after(call, most, 0, 0);
	watched[call].shortened_per_thousand = per_thousand;
}

void
calls_precede(enum system_call call, void (*act)(int fd, void *ctx), void *ctx)
{
	watched[call].act = act;
	watched[call].ctx = ctx;
}

void
calls_pause(void)
{
	paused++;
}

void
calls_resume(void)
{
	paused--;
}

/* --- What became of them. --- */

size_t
calls_seen(enum system_call call)
{
	return atomic_load(&watched[call].seen);
}

size_t
calls_seen_in_all(void)
{
	size_t seen = 0;

	for (int call = 0; call < SYSTEM_CALLS; call++)
		seen += calls_seen((enum system_call)call);
	return seen;
}

size_t
calls_failed(enum system_call call)
{
	return atomic_load(&watched[call].failed);
}

size_t
calls_shortened(enum system_call call)
{
	return atomic_load(&watched[call].shortened);
}

int
calls_flags(enum system_call call)
{
	return atomic_load(&watched[call].flags);
}

size_t
calls_largest(enum system_call call)
{
	return atomic_load(&watched[call].largest);
}

/* --- Deciding. --- */

static bool
is_watched(int fd)
{
	return !paused && (watched_fd < 0 || watched_fd == fd || fd == NO_FD);
}

static bool
is_drawn(unsigned per_thousand)
{
	if (!per_thousand || per_thousand >= ALWAYS)
		return per_thousand;
	return chance_nth(seed, atomic_fetch_add(&drawn, 1)) % 1000 <
	       per_thousand;
}

static void
act_once(struct watched *w, int fd)
{
	void (*act)(int fd, void *ctx) = w->act;

	w->act = NULL;
	act(fd, w->ctx);
}

static void
note(struct watched *w, size_t len, int flags)
{
	size_t largest = atomic_load(&w->largest);

	atomic_fetch_add(&w->seen, 1);
	atomic_store(&w->flags, flags);
	while (len > largest &&
	       !atomic_compare_exchange_weak(&w->largest, &largest, len))
		;
}

/* Is this one of the `times` behind the first `after`? */
static bool
is_among(size_t n, size_t after, size_t times)
{
	return n >= after && n - after < times;
}

static bool
fails(struct watched *w)
{
	size_t n = atomic_fetch_add(&w->since, 1);

	return is_among(n, w->after, w->times) || is_drawn(w->per_thousand);
}

static void
shorten(struct watched *w, size_t *len)
{
	size_t n = atomic_fetch_add(&w->moved, 1);

	if (!w->most || w->most >= *len)
		return;
	if (!is_among(n, w->whole, w->shorts) &&
	    !is_drawn(w->shortened_per_thousand))
		return;
	atomic_fetch_add(&w->shortened, 1);
	*len = w->most;
}

/* Note a call that moves bytes, and how many it may move.  False, with errno,
 * when it is to fail. */
static bool
is_let_through(enum system_call call, int fd, size_t *len, int flags)
{
	struct watched *w = &watched[call];

	if (!is_watched(fd))
		return true;
	if (w->act)
		act_once(w, fd);
	note(w, *len, flags);
	if (fails(w)) {
		atomic_fetch_add(&w->failed, 1);
		errno = w->error;
		return false;
	}
	shorten(w, len);
	return true;
}

/* The same where I/O is choppy, which no test can tell from sockets that are.
 * Inline, so that the caller is the one that the call returns to. */
__attribute__((always_inline)) static inline bool
moves(enum system_call call, int fd, size_t *len, int flags)
{
	const void *caller = __builtin_return_address(0);

	if (choppy_refuses(call, caller)) {
		errno = EAGAIN;
		return false;
	}
	*len = choppy_most(call, fd, caller, *len);
	return is_let_through(call, fd, len, flags);
}

/* The same for one that moves none. */
__attribute__((always_inline)) static inline bool
passes(enum system_call call, int fd, int flags)
{
	size_t none = 0;

	return moves(call, fd, &none, flags);
}

/* --- Finding those that are hidden here. --- */

/* What they are called where off_t has 64 bits. */
#if defined(__GLIBC__)
#define LARGE "64"
#else
#define LARGE ""
#endif

static bool
is_large(enum system_call call)
{
	return call == CALL_SENDFILE || call == CALL_PREAD ||
	       call == CALL_FCNTL || call == CALL_FSTAT || call == CALL_LSTAT;
}

/* A sanitizer's, if there is one: it looks at the bytes, and knows who has
 * waited for whom. */
static void *
look_up(enum system_call call)
{
	static const char prefix[] = "__interceptor_";
	char name[64];
	int error = errno;
	void *found;

	(void)snprintf(name, sizeof name, "%s%s%s", prefix, names[call],
	    is_large(call) ? LARGE : "");
	found = dlsym(RTLD_DEFAULT, name);
	if (!found)
		found = dlsym(RTLD_NEXT, name + strlen(prefix));
	errno = error;
	return found;
}

/* ISO C has no conversion from an object's address to a function's. */
static void
find(void *function, enum system_call call)
{
	static _Atomic(void *) all_found[SYSTEM_CALLS];
	void *found = atomic_load(&all_found[call]);

	if (!found) {
		found = look_up(call);
		atomic_store(&all_found[call], found);
	}
	memcpy(function, &found, sizeof found);
}

/* --- The calls. --- */

/* They have names of their own here, since the C library declares some in a
 * way that only it can define, and the linker knows them by the usual ones.
 * libevent is to find them, too. */
#pragma GCC visibility push(default)

ssize_t watched_recv(int fd, void *bytes, size_t len, int flags) __asm__(
    "recv");
ssize_t watched_readv(int fd, const struct iovec *runs, int n) __asm__("readv");
ssize_t watched_send(int fd, const void *bytes, size_t len, int flags) __asm__(
    "send");
ssize_t watched_sendmsg(
    int fd, const struct msghdr *message, int flags) __asm__("sendmsg");
ssize_t watched_writev(int fd, const struct iovec *runs, int n) __asm__(
    "writev");
ssize_t watched_sendfile(int fd, int file, off_t *offset, size_t len) __asm__(
    "sendfile" LARGE);
ssize_t watched_pread(int fd, void *bytes, size_t len, off_t offset) __asm__(
    "pread" LARGE);
int watched_socket(int domain, int type, int protocol) __asm__("socket");
int watched_connect(int fd, const struct sockaddr *at, socklen_t len) __asm__(
    "connect");
int watched_bind(int fd, const struct sockaddr *at, socklen_t len) __asm__(
    "bind");
int watched_listen(int fd, int backlog) __asm__("listen");
int watched_accept4(
    int fd, struct sockaddr *at, socklen_t *len, int flags) __asm__("accept4");
int watched_accept(int fd, struct sockaddr *at, socklen_t *len) __asm__(
    "accept");
int watched_shutdown(int fd, int how) __asm__("shutdown");
int watched_setsockopt(int fd, int level, int name, const void *value,
    socklen_t len) __asm__("setsockopt");
int watched_getsockopt(int fd, int level, int name, void *value,
    socklen_t *len) __asm__("getsockopt");
int watched_getsockname(int fd, struct sockaddr *at, socklen_t *len) __asm__(
    "getsockname");
int watched_getpeername(int fd, struct sockaddr *at, socklen_t *len) __asm__(
    "getpeername");
int watched_fcntl(int fd, int op, void *argument) __asm__("fcntl" LARGE);
int watched_ioctl(int fd, unsigned long request, void *argument) __asm__(
    "ioctl");
int watched_fstat(int fd, struct stat *status) __asm__("fstat" LARGE);
int watched_lstat(const char *path, struct stat *status) __asm__("lstat" LARGE);
int watched_unlink(const char *path) __asm__("unlink");
int watched_poll(struct pollfd *fds, nfds_t n, int timeout) __asm__("poll");
int watched_epoll_create(int flags) __asm__("epoll_create1");
int watched_epoll_ctl(
    int epoll, int op, int fd, struct epoll_event *event) __asm__("epoll_ctl");
int watched_epoll_wait(int epoll, struct epoll_event *events, int n,
    int timeout) __asm__("epoll_wait");
int watched_eventfd(unsigned count, int flags) __asm__("eventfd");
int watched_pipe(int fds[2], int flags) __asm__("pipe2");

/* libevent calls some by their old names, which are the same where a long has
 * 64 bits. */
#if defined(__GLIBC__) && defined(__LP64__)
ssize_t also_sendfile(int fd, int file, off_t *offset, size_t len) __asm__(
    "sendfile") __attribute__((alias("sendfile64")));
ssize_t also_pread(int fd, void *bytes, size_t len, off_t offset) __asm__(
    "pread") __attribute__((alias("pread64")));
int also_fcntl(int fd, int op, void *argument) __asm__("fcntl")
    __attribute__((alias("fcntl64")));
int also_fstat(int fd, struct stat *status) __asm__("fstat")
    __attribute__((alias("fstat64")));
int also_lstat(const char *path, struct stat *status) __asm__("lstat")
    __attribute__((alias("lstat64")));
#endif

#pragma GCC visibility pop

ssize_t
watched_recv(int fd, void *bytes, size_t len, int flags)
{
	ssize_t (*real)(int, void *, size_t, int);

	if (!moves(CALL_RECV, fd, &len, flags))
		return -1;
	find(&real, CALL_RECV);
	return real(fd, bytes, len, flags);
}

ssize_t
watched_send(int fd, const void *bytes, size_t len, int flags)
{
	ssize_t (*real)(int, const void *, size_t, int);

	if (!moves(CALL_SEND, fd, &len, flags))
		return -1;
	find(&real, CALL_SEND);
	return real(fd, bytes, len, flags);
}

static size_t
sum_of(const struct iovec *runs, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += runs[i].iov_len;
	return len;
}

/* Of runs that are not all empty: to move no byte would look like the end. */
static struct iovec
first_of(const struct iovec *runs, size_t most)
{
	struct iovec run;

	while (runs->iov_len == 0)
		runs++;
	run = *runs;
	if (run.iov_len > most)
		run.iov_len = most;
	return run;
}

ssize_t
watched_sendmsg(int fd, const struct msghdr *message, int flags)
{
	ssize_t (*real)(int, const struct msghdr *, int);
	size_t len = sum_of(message->msg_iov, message->msg_iovlen);
	size_t most = len;
	struct msghdr one = *message;
	struct iovec run;

	if (!moves(CALL_SENDMSG, fd, &most, flags))
		return -1;
	find(&real, CALL_SENDMSG);
	if (most == len)
		return real(fd, message, flags);
	run = first_of(message->msg_iov, most);
	one.msg_iov = &run;
	one.msg_iovlen = 1;
	return real(fd, &one, flags);
}

/* readv(2) or writev(2). */
__attribute__((always_inline)) static inline ssize_t
move_runs(enum system_call call, int fd, const struct iovec *runs, int n)
{
	ssize_t (*real)(int, const struct iovec *, int);
	size_t len = sum_of(runs, (size_t)n), most = len;
	struct iovec run;

	if (!moves(call, fd, &most, 0))
		return -1;
	find(&real, call);
	if (most == len)
		return real(fd, runs, n);
	run = first_of(runs, most);
	return real(fd, &run, 1);
}

ssize_t
watched_readv(int fd, const struct iovec *runs, int n)
{
	return move_runs(CALL_READV, fd, runs, n);
}

ssize_t
watched_writev(int fd, const struct iovec *runs, int n)
{
	return move_runs(CALL_WRITEV, fd, runs, n);
}

ssize_t
watched_sendfile(int fd, int file, off_t *offset, size_t len)
{
	ssize_t (*real)(int, int, off_t *, size_t);

	if (!moves(CALL_SENDFILE, fd, &len, 0))
		return -1;
	find(&real, CALL_SENDFILE);
	return real(fd, file, offset, len);
}

/* On a file, so on nobody's socket. */
ssize_t
watched_pread(int fd, void *bytes, size_t len, off_t offset)
{
	ssize_t (*real)(int, void *, size_t, off_t);

	if (!moves(CALL_PREAD, fd, &len, 0))
		return -1;
	find(&real, CALL_PREAD);
	return real(fd, bytes, len, offset);
}

int
watched_socket(int domain, int type, int protocol)
{
	int (*real)(int, int, int);

	if (!passes(CALL_SOCKET, NO_FD, type))
		return -1;
	find(&real, CALL_SOCKET);
	return real(domain, type, protocol);
}

int
watched_connect(int fd, const struct sockaddr *at, socklen_t len)
{
	int (*real)(int, const struct sockaddr *, socklen_t);

	if (!passes(CALL_CONNECT, fd, 0))
		return -1;
	find(&real, CALL_CONNECT);
	return real(fd, at, len);
}

int
watched_bind(int fd, const struct sockaddr *at, socklen_t len)
{
	int (*real)(int, const struct sockaddr *, socklen_t);

	if (!passes(CALL_BIND, fd, 0))
		return -1;
	find(&real, CALL_BIND);
	return real(fd, at, len);
}

int
watched_listen(int fd, int backlog)
{
	int (*real)(int, int);

	if (!passes(CALL_LISTEN, fd, 0))
		return -1;
	find(&real, CALL_LISTEN);
	return real(fd, backlog);
}

int
watched_accept4(int fd, struct sockaddr *at, socklen_t *len, int flags)
{
	int (*real)(int, struct sockaddr *, socklen_t *, int);

	if (!passes(CALL_ACCEPT4, fd, flags))
		return -1;
	find(&real, CALL_ACCEPT4);
	return real(fd, at, len, flags);
}

int
watched_accept(int fd, struct sockaddr *at, socklen_t *len)
{
	int (*real)(int, struct sockaddr *, socklen_t *);

	if (!passes(CALL_ACCEPT, fd, 0))
		return -1;
	find(&real, CALL_ACCEPT);
	return real(fd, at, len);
}

int
watched_shutdown(int fd, int how)
{
	int (*real)(int, int);

	if (!passes(CALL_SHUTDOWN, fd, how))
		return -1;
	find(&real, CALL_SHUTDOWN);
	return real(fd, how);
}

int
watched_setsockopt(
    int fd, int level, int name, const void *value, socklen_t len)
{
	int (*real)(int, int, int, const void *, socklen_t);

	if (!passes(CALL_SETSOCKOPT, fd, name))
		return -1;
	find(&real, CALL_SETSOCKOPT);
	return real(fd, level, name, value, len);
}

int
watched_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	int (*real)(int, int, int, void *, socklen_t *);

	if (!passes(CALL_GETSOCKOPT, fd, name))
		return -1;
	find(&real, CALL_GETSOCKOPT);
	return real(fd, level, name, value, len);
}

int
watched_getsockname(int fd, struct sockaddr *at, socklen_t *len)
{
	int (*real)(int, struct sockaddr *, socklen_t *);

	if (!passes(CALL_GETSOCKNAME, fd, 0))
		return -1;
	find(&real, CALL_GETSOCKNAME);
	return real(fd, at, len);
}

int
watched_getpeername(int fd, struct sockaddr *at, socklen_t *len)
{
	int (*real)(int, struct sockaddr *, socklen_t *);

	if (!passes(CALL_GETPEERNAME, fd, 0))
		return -1;
	find(&real, CALL_GETPEERNAME);
	return real(fd, at, len);
}

int
watched_fcntl(int fd, int op, void *argument)
{
	int (*real)(int, int, ...);

	if (!passes(CALL_FCNTL, fd, op))
		return -1;
	find(&real, CALL_FCNTL);
	return real(fd, op, argument);
}

int
watched_ioctl(int fd, unsigned long request, void *argument)
{
	int (*real)(int, unsigned long, ...);

	if (!passes(CALL_IOCTL, fd, 0))
		return -1;
	find(&real, CALL_IOCTL);
	return real(fd, request, argument);
}

int
watched_fstat(int fd, struct stat *status)
{
	int (*real)(int, struct stat *);

	if (!passes(CALL_FSTAT, fd, 0))
		return -1;
	find(&real, CALL_FSTAT);
	return real(fd, status);
}

int
watched_lstat(const char *path, struct stat *status)
{
	int (*real)(const char *, struct stat *);

	if (!passes(CALL_LSTAT, NO_FD, 0))
		return -1;
	find(&real, CALL_LSTAT);
	return real(path, status);
}

int
watched_unlink(const char *path)
{
	int (*real)(const char *);

	if (!passes(CALL_UNLINK, NO_FD, 0))
		return -1;
	find(&real, CALL_UNLINK);
	return real(path);
}

int
watched_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	int (*real)(struct pollfd *, nfds_t, int);

	if (!passes(CALL_POLL, n == 1 ? fds->fd : NO_FD, 0))
		return -1;
	find(&real, CALL_POLL);
	return real(fds, n, timeout);
}

int
watched_epoll_create(int flags)
{
	int (*real)(int);

	if (!passes(CALL_EPOLL_CREATE, NO_FD, flags))
		return -1;
	find(&real, CALL_EPOLL_CREATE);
	return real(flags);
}

int
watched_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
	int (*real)(int, int, int, struct epoll_event *);

	if (!passes(CALL_EPOLL_CTL, fd, op))
		return -1;
	find(&real, CALL_EPOLL_CTL);
	return real(epoll, op, fd, event);
}

int
watched_epoll_wait(int epoll, struct epoll_event *events, int n, int timeout)
{
	int (*real)(int, struct epoll_event *, int, int);

	if (!passes(CALL_EPOLL_WAIT, NO_FD, 0))
		return -1;
	find(&real, CALL_EPOLL_WAIT);
	return real(epoll, events, n, timeout);
}

int
watched_eventfd(unsigned count, int flags)
{
	int (*real)(unsigned, int);

	if (!passes(CALL_EVENTFD, NO_FD, flags))
		return -1;
	find(&real, CALL_EVENTFD);
	return real(count, flags);
}

int
watched_pipe(int fds[2], int flags)
{
	int (*real)(int[2], int);

	if (!passes(CALL_PIPE, NO_FD, flags))
		return -1;
	find(&real, CALL_PIPE);
	return real(fds, flags);
}
