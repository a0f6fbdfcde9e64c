/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * System calls that a test watches, makes fail or cuts short.  They take the
 * place of the C library's in the whole program, libevent included, so this is
 * linked only into tests that want it.
 *
 * Any thread may call them.  What is to become of them is said while no other
 * thread does.
 */
#ifndef EVCHAT_TEST_SYSCALLS_H
#define EVCHAT_TEST_SYSCALLS_H

#include <stddef.h>
#include <stdint.h>

/* All that evchat and libevent_core call of sockets, files and loops. */
#define SYSTEM_CALL_MAP(CALL)               \
	CALL(RECV, "recv")                  \
	CALL(READV, "readv")                \
	CALL(SEND, "send")                  \
	CALL(SENDMSG, "sendmsg")            \
	CALL(WRITEV, "writev")              \
	CALL(SENDFILE, "sendfile")          \
	CALL(PREAD, "pread")                \
	CALL(SOCKET, "socket")              \
	CALL(CONNECT, "connect")            \
	CALL(BIND, "bind")                  \
	CALL(LISTEN, "listen")              \
	CALL(ACCEPT4, "accept4")            \
	CALL(ACCEPT, "accept")              \
	CALL(SHUTDOWN, "shutdown")          \
	CALL(SETSOCKOPT, "setsockopt")      \
	CALL(GETSOCKOPT, "getsockopt")      \
	CALL(GETSOCKNAME, "getsockname")    \
	CALL(GETPEERNAME, "getpeername")    \
	CALL(FCNTL, "fcntl")                \
	CALL(IOCTL, "ioctl")                \
	CALL(FSTAT, "fstat")                \
	CALL(LSTAT, "lstat")                \
	CALL(UNLINK, "unlink")              \
	CALL(POLL, "poll")                  \
	CALL(EPOLL_CREATE, "epoll_create1") \
	CALL(EPOLL_CTL, "epoll_ctl")        \
	CALL(EPOLL_WAIT, "epoll_wait")      \
	CALL(EVENTFD, "eventfd")            \
	CALL(PIPE, "pipe2")

enum system_call {
#define CALL(call, name) CALL_##call,
	SYSTEM_CALL_MAP(CALL)
#undef CALL
	    SYSTEM_CALLS
};

const char *calls_name(enum system_call call);

/* From here on count those on this descriptor, -1 for all, and change none.
 * Those that are on no descriptor, or on many, always count. */
void calls_watch(int fd);

/* How many there were, those that failed here included; of all kinds; and how
 * many failed here, or took fewer bytes than they were to take. */
size_t calls_seen(enum system_call call);
size_t calls_seen_in_all(void);
size_t calls_failed(enum system_call call);
size_t calls_shortened(enum system_call call);

/* The flags of the last one, and the most bytes that one was to take. */
int calls_flags(enum system_call call);
size_t calls_largest(enum system_call call);

/* Let `after` more pass, then fail `times` of them with this errno; SIZE_MAX is
 * all. */
void calls_fail(enum system_call call, int error, size_t after, size_t times);

/* None takes more bytes than these; 0 is any number. */
void calls_shorten(enum system_call call, size_t most);

/* The same, but let `after` more pass whole, then shorten `times`. */
void calls_shorten_after(
    enum system_call call, size_t most, size_t after, size_t times);

/* The same by chance, to so many of a thousand; the same ones for the same
 * seed, as long as one thread makes them. */
void calls_seed(uint64_t seed);
void calls_fail_by_chance(
    enum system_call call, int error, unsigned per_thousand);
void calls_shorten_by_chance(
    enum system_call call, size_t most, unsigned per_thousand);

/* Do this before the next one, which is on that descriptor, or -1. */
void calls_precede(
    enum system_call call, void (*act)(int fd, void *ctx), void *ctx);

/* What this thread calls between these is the test's own affair: it is not
 * counted and not changed.  They nest. */
void calls_pause(void);
void calls_resume(void);

#endif
