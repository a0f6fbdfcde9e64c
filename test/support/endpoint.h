/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bufferevent of libevent's alone, with nothing of evchat's, and a peer: what
 * it calls is written down as
 *
 *	read(5) write(0) event(READING|EOF)
 *
 * where the numbers are what lies in its input, and what in its output.  For
 * the tests that say what libevent does.
 */
#ifndef EVCHAT_TEST_ENDPOINT_H
#define EVCHAT_TEST_ENDPOINT_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>

struct endpoint {
	struct event_base *base;
	struct bufferevent *bev; /* NULL when the test has freed it */
	int fd, peer;
	char said[2048];
	int error;     /* errno of the last event */
	size_t breaks; /* break the loop after so many callbacks; 0: never */
	/* Called at the end of each callback. */
	void (*hook)(struct endpoint *e);
};

/* Before anything else: libevent's memory comes from evchat's allocator, which
 * support/memory.h counts and refuses.  Prints which libevent this is. */
void endpoint_begin(void);

/* Over a socketpair, reading. */
void endpoint_open(struct endpoint *e);

/* Over TCP of the loopback. */
void endpoint_open_tcp(struct endpoint *e);

/* Only the base: the test brings a bufferevent and has it written down. */
void endpoint_init(struct endpoint *e);
void endpoint_watch(struct endpoint *e, struct bufferevent *bev);

/* Whatever of it there is, and a turn for libevent's finalizers. */
void endpoint_free(struct endpoint *e);

/* So many turns of the loop, none of which waits. */
void endpoint_turn(struct endpoint *e, int turns);

/* What was written down since the last time. */
void endpoint_expect(struct endpoint *e, const char *said);

/* The peer sends; takes all there is, and how much that was; goes. */
void endpoint_send(struct endpoint *e, const void *bytes, size_t len);
size_t endpoint_take(struct endpoint *e);
void endpoint_hang_up(struct endpoint *e);

/* How much lies in its input, in its output. */
size_t endpoint_input(const struct endpoint *e);
size_t endpoint_output(const struct endpoint *e);

/* Is it open? */
bool endpoint_is_open(int fd);

#endif
