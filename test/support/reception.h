/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A listener, the channels it makes and their clients, in one process; what
 * happens is written down as a transcript:
 *
 *     accepted(1) frame(1:hello) closed(1:EOF) failed(EMFILE)
 *
 * where 1 is the first channel that was accepted.  Clients that connect over
 * sockets of Unix are there at once; for those of TCP wait with
 * reception_until().
 */
#ifndef EVCHAT_TEST_RECEPTION_H
#define EVCHAT_TEST_RECEPTION_H

#include <evchat/evchat.h>
#include <event2/event.h>

enum { RECEPTION_GUESTS = 320 };

struct reception;

/* A channel that was accepted. */
struct reception_guest {
	struct reception *reception;
	struct evchat *ch; /* NULL when it has ended */
	size_t number;     /* from 1 */
};

struct reception {
	struct event_base *base;
	struct evchat_listener *listener;
	struct evchat_group *group; /* a test's own, or none */
	struct evchat_listener_options options;
	struct reception_guest guests[RECEPTION_GUESTS + 1];
	size_t accepted, failed;
	char peer[EVCHAT_ADDRESS_SIZE]; /* of the one accepted last */
	char said[8192];
	int clients[RECEPTION_GUESTS + 1];
	size_t n_clients;

	/* Called after each entry, inside the callback it is about; the channel
	 * is NULL for `failed`. */
	void (*hook)(struct reception *r, const char *event, struct evchat *ch);
};

/* A base, and options that write everything down: frames are lines. */
void reception_init(struct reception *r);
/* Listen with these options at an address; at a new one of Unix. */
void reception_open_at(struct reception *r, const char *address);
void reception_open(struct reception *r);
void reception_free(struct reception *r);

/* A client that has connected, by its number, from 1; whether it is accepted is
 * the listener's matter. */
size_t reception_client(struct reception *r);
void reception_clients(struct reception *r, size_t n);
/* The same without asking whether it worked: a non-blocking descriptor, or -1
 * with errno. */
int reception_dial(const char *address);
void reception_hang_up(struct reception *r, size_t client);

/* Turn the loop: so often, without waiting; until this is in the transcript.
 */
void reception_turns(struct reception *r, int n);
void reception_until(struct reception *r, const char *said);

/* What was said since the last time. */
void reception_expect(struct reception *r, const char *said);

/* What a client got: this, then no more for now, or the end. */
void client_expect(struct reception *r, size_t client, const char *text);
void client_expect_end(struct reception *r, size_t client);

#endif
