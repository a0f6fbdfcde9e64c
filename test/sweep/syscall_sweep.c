/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every scenario, again and again, each time with another system call of
 * evchat's or libevent's failing or moving a single byte: once, or from there
 * on (goal C2).
 *
 * What only means "not now" fails a number of times and not for ever, as
 * nothing is to be had then.  A mode is called send:EPIPE:once, and so on.
 */
#include "support/syscalls.h"
#include "sweep/sweep.h"
#include <errno.h>
#include <stdint.h>
#include <stdio.h>

/* So often "not now". */
enum { A_WHILE = 5 };

/* So many bytes where one call is cut short, and where all are: there are
 * megabytes among them. */
enum { SHORT_ONCE = 1, SHORT_ONWARDS = 61 };

enum persistence { ONCE, ONWARDS, PERSISTENCES };

struct failure {
	enum system_call call;
	int error; /* 0: it moves few bytes */
	const char *name;
};

#define FAILS(call, error)                 \
	{                                  \
		CALL_##call, error, #error \
	}
#define IS_SHORT(call)                  \
	{                               \
		CALL_##call, 0, "short" \
	}

/* What their manual pages say they can fail with, where it makes sense. */
static const struct failure failures[] = {
    FAILS(RECV, EINTR),
    FAILS(RECV, EAGAIN),
    FAILS(RECV, ECONNRESET),
    FAILS(RECV, ENOMEM),
    IS_SHORT(RECV),
    FAILS(READV, EINTR),
    FAILS(READV, EAGAIN),
    FAILS(READV, ECONNRESET),
    FAILS(READV, ENOMEM),
    FAILS(READV, EIO),
    IS_SHORT(READV),
    FAILS(SEND, EINTR),
    FAILS(SEND, EAGAIN),
    FAILS(SEND, ECONNRESET),
    FAILS(SEND, EPIPE),
    FAILS(SEND, ENOBUFS),
    FAILS(SEND, ENOMEM),
    IS_SHORT(SEND),
    FAILS(SENDMSG, EINTR),
    FAILS(SENDMSG, EAGAIN),
    FAILS(SENDMSG, ECONNRESET),
    FAILS(SENDMSG, EPIPE),
    FAILS(SENDMSG, ENOBUFS),
    FAILS(SENDMSG, ENOMEM),
    IS_SHORT(SENDMSG),
    FAILS(WRITEV, EINTR),
    FAILS(WRITEV, EAGAIN),
    FAILS(WRITEV, ECONNRESET),
    FAILS(WRITEV, EPIPE),
    FAILS(WRITEV, ENOBUFS),
    FAILS(WRITEV, ENOMEM),
    FAILS(WRITEV, EIO),
    IS_SHORT(WRITEV),
    FAILS(SENDFILE, EINTR),
    FAILS(SENDFILE, EAGAIN),
    FAILS(SENDFILE, ECONNRESET),
    FAILS(SENDFILE, EPIPE),
    FAILS(SENDFILE, EIO),
    FAILS(SENDFILE, ENOMEM),
    FAILS(SENDFILE, EINVAL),
    IS_SHORT(SENDFILE),
    FAILS(PREAD, EINTR),
    FAILS(PREAD, EIO),
    FAILS(PREAD, ENOMEM),
    IS_SHORT(PREAD),
    FAILS(SOCKET, EMFILE),
    FAILS(SOCKET, ENFILE),
    FAILS(SOCKET, ENOBUFS),
    FAILS(SOCKET, ENOMEM),
    FAILS(CONNECT, EINTR),
    FAILS(CONNECT, EAGAIN),
    FAILS(CONNECT, ECONNREFUSED),
    FAILS(CONNECT, ECONNRESET),
    FAILS(CONNECT, ENOBUFS),
    FAILS(BIND, EADDRINUSE),
    FAILS(BIND, ENOMEM),
    FAILS(LISTEN, EADDRINUSE),
    FAILS(LISTEN, ENOBUFS),
    FAILS(ACCEPT4, EINTR),
    FAILS(ACCEPT4, EAGAIN),
    FAILS(ACCEPT4, ECONNABORTED),
    FAILS(ACCEPT4, EMFILE),
    FAILS(ACCEPT4, ENFILE),
    FAILS(ACCEPT4, ENOBUFS),
    FAILS(ACCEPT4, ENOMEM),
    FAILS(SHUTDOWN, ENOTCONN),
    FAILS(SHUTDOWN, ENOBUFS),
    FAILS(SETSOCKOPT, ENOMEM),
    FAILS(SETSOCKOPT, ENOBUFS),
    FAILS(GETSOCKOPT, ENOBUFS),
    FAILS(GETSOCKNAME, ENOBUFS),
    FAILS(GETPEERNAME, ENOBUFS),
    FAILS(FCNTL, EINTR),
    FAILS(FCNTL, ENOMEM),
    FAILS(IOCTL, ENOMEM),
    FAILS(IOCTL, EIO),
    FAILS(FSTAT, ENOMEM),
    FAILS(FSTAT, EIO),
    FAILS(POLL, EINTR),
    FAILS(POLL, ENOMEM),
    FAILS(EPOLL_CTL, ENOMEM),
    FAILS(EPOLL_CTL, ENOSPC),
    FAILS(EPOLL_WAIT, EINTR),
    FAILS(EVENTFD, EMFILE),
    FAILS(EVENTFD, ENOMEM),
};

static const struct failure *
failure_of(size_t mode)
{
	return &failures[mode / PERSISTENCES];
}

static void
name_mode(size_t mode, char *name, size_t size)
{
	const struct failure *f = failure_of(mode);

	(void)snprintf(name, size, "%s:%s:%s", calls_name(f->call), f->name,
	    mode % PERSISTENCES == ONCE ? "once" : "onwards");
}

static size_t
figure_of(size_t mode)
{
	return mode % PERSISTENCES;
}

static bool
passes_by(int error)
{
	return error == EAGAIN || error == EINTR || error == ECONNABORTED;
}

static size_t
times(size_t mode)
{
	if (mode % PERSISTENCES == ONCE)
		return 1;
	return passes_by(failure_of(mode)->error) ? A_WHILE : SIZE_MAX;
}

static size_t
short_of(size_t mode)
{
	return mode % PERSISTENCES == ONCE ? SHORT_ONCE : SHORT_ONWARDS;
}

/* Nothing fails before begin() has been called. */
static bool paused;

static void
begin(void *ctx)
{
	(void)ctx;
	if (paused)
		calls_resume();
	paused = false;
}

static void
cease(void *ctx)
{
	(void)ctx;
	if (!paused)
		calls_pause();
	paused = true;
}

static void
arm(size_t mode, size_t index)
{
	const struct failure *f = failure_of(mode);

	cease(NULL);
	calls_watch(-1);
	if (f->error)
		calls_fail(f->call, f->error, index, times(mode));
	else
		calls_shorten_after(
		    f->call, short_of(mode), index, times(mode));
}

static bool
was_reached(size_t mode, size_t index)
{
	return calls_seen(failure_of(mode)->call) > index;
}

static bool
was_hit(size_t mode)
{
	enum system_call call = failure_of(mode)->call;

	return calls_failed(call) || calls_shortened(call);
}

static void
disarm(void)
{
	calls_watch(-1);
	begin(NULL);
}

int
main(int argc, char **argv)
{
	static const struct sweep system_calls = {
	    .n_modes = PERSISTENCES * sizeof failures / sizeof *failures,
	    .name_mode = name_mode,
	    .figures = {"system-call-points-once",
		"system-call-points-onwards"},
	    .figure_of = figure_of,
	    .arm = arm,
	    .was_reached = was_reached,
	    .was_hit = was_hit,
	    .disarm = disarm,
	    .faults = {begin, cease, NULL}};

	return sweep_run(&system_calls, argc, argv);
}
