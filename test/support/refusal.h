/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * System calls that a test can have refused.  They take the place of the C
 * library's in the whole program, libevent included, so this is linked only
 * into tests that want it.
 */
#ifndef EVCHAT_TEST_REFUSAL_H
#define EVCHAT_TEST_REFUSAL_H

#include <stddef.h>

enum refusable {
	REFUSE_SOCKET,
	REFUSE_SETSOCKOPT,
	REFUSE_BIND,
	REFUSE_LISTEN,
	REFUSE_ACCEPT, /* accept4(2) */
	REFUSE_GETSOCKNAME,
	REFUSE_UNLINK,
	REFUSE_EPOLL_CTL,
	REFUSABLES
};

/* Let `after` more of these calls pass, then refuse `times` of them with this
 * errno; SIZE_MAX is all. */
void refuse_calls(enum refusable call, int error, size_t after, size_t times);

/* Refuse nothing any more, and count from zero. */
void refuse_no_calls(void);

/* How many were made and how many refused. */
size_t calls_made(enum refusable call);
size_t calls_refused(enum refusable call);

#endif
