/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * System calls that a test watches, makes fail or cuts short.  They take the
 * place of the C library's in the whole program, libevent included, so this is
 * linked only into tests that want it.
 */
#ifndef EVCHAT_TEST_SYSCALLS_H
#define EVCHAT_TEST_SYSCALLS_H

#include <stddef.h>

enum system_call {
	CALL_RECV,
	CALL_SEND,
	CALL_SENDMSG,
	CALL_SENDFILE,
	CALL_READV,
	CALL_WRITEV,
	CALL_IOCTL,
	CALL_EPOLL_CTL,
	CALL_EPOLL_WAIT, /* on whatever descriptor */
	SYSTEM_CALLS
};

/* From here on count those on this descriptor, -1 for all, and change none. */
void calls_watch(int fd);

/* How many there were; of all kinds. */
size_t calls_seen(enum system_call call);
size_t calls_seen_in_all(void);

/* The flags of the last one, and the most bytes that one was to take. */
int calls_flags(enum system_call call);
size_t calls_largest(enum system_call call);

/* Let `after` more pass, then fail `times` of them with this errno. */
void calls_fail(enum system_call call, int error, size_t after, size_t times);

/* None takes more bytes than these; 0 is any number. */
void calls_shorten(enum system_call call, size_t most);

/* Do this before the next one. */
void calls_precede(enum system_call call, void (*act)(void *ctx), void *ctx);

#endif
