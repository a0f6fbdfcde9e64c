/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Producers that play a script, so that a test says in one line what is made,
 * and sees afterwards how the producer was treated.
 *
 *     "abc+ + ~ d|e<70000>."
 *
 *     + ~ . !  answer MORE, LATER, END, FAIL; the next call goes on behind it
 *     ?        answer what is no answer
 *     <n>      add n bytes 'x'
 *     =        add as many bytes 'x' as there is room for
 *     |        what follows lies in a chain of its own
 *     *        call the aside
 *
 * A space is nothing, any other byte is added.  A producer that is asked behind
 * the end of its script, after its release or while it is being asked fails
 * the test.
 */
#ifndef EVCHAT_TEST_MADE_H
#define EVCHAT_TEST_MADE_H

#include <evchat/producer.h>
#include <event2/buffer.h>

enum { MADE_ROOMS = 16 };

struct made {
	const char *script; /* what is left of it */
	void (*aside)(struct made *made, struct evbuffer *out);
	size_t asked;            /* how often */
	size_t room[MADE_ROOMS]; /* offered each time */
	uint64_t bytes;          /* added so far */
	size_t released;         /* how often */
	bool asking;
	bool starved; /* had no memory to play on, and failed */
};

/* Begin a script; the producer does not say its size. */
struct evchat_producer made_from(struct made *made, const char *script);

#endif
