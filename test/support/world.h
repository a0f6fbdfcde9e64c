/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A channel with its peer in one process: over a socketpair, a bufferevent
 * pair, or identity filters over a pair.  What the channel calls is written
 * down as a transcript, what it sends is kept.
 *
 * Nothing waits: world_run() turns the loop until nothing happens any more.
 */
#ifndef EVCHAT_TEST_WORLD_H
#define EVCHAT_TEST_WORLD_H

#include <evchat/evchat.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

enum world_kind { OVER_SOCKET, OVER_PAIR, OVER_FILTER, WORLD_KINDS };

struct world {
	struct event_base *base;
	enum world_kind kind;
	struct evchat *ch; /* NULL when it has ended */
	struct evbuffer *transcript;
	struct evbuffer *received; /* what the peer got */
	bool received_eof;
	bool collecting; /* the last entry is a piece that can be added to */
	size_t pieces;

	/* The peer: a descriptor, or the other end of the pair. */
	int peer_fd;
	struct bufferevent *peer_bev;
	bool peer_reads;

	/* Called after each entry, inside the callback it is about. */
	void (*hook)(struct world *w, const char *event);
	void *hook_ctx;
	size_t hook_count;

	/* How the channel ended. */
	enum evchat_reason reason;
	int error;
	uint64_t unsent, partial;
	size_t closed_count;
};

/* The callbacks that write the transcript; take away what a test does not want
 * before world_open(). */
extern const struct evchat_callbacks world_callbacks;

/* The same without `frame`: frames come in pieces, which the transcript joins.
 */
struct evchat_callbacks world_pieces(void);

/* The same without `eof`, `timeout` and `overlong`: the channel does what it
 * does by itself. */
struct evchat_callbacks world_plain(void);

/* A world whose channel is not there yet: what channels are made of. */
void world_init(struct world *w, enum world_kind kind);
/* The bufferevent for a channel over this world; for a socket one made by the
 * test itself instead of evchat_open(). */
struct bufferevent *world_bufferevent(struct world *w);
/* A channel with these callbacks. */
void world_open(
    struct world *w, enum world_kind kind, const struct evchat_callbacks *cb);
void world_free(struct world *w);

/* Turn the loop until nothing happens. */
void world_run(struct world *w);
/* One turn of the loop. */
void world_turn(struct world *w);
/* Let time pass and the channel's timer fire, then run. */
void world_pass(struct world *w, uint64_t ms);

void peer_send(struct world *w, const void *bytes, size_t len);
void peer_send_text(struct world *w, const char *text);
void peer_send_eof(struct world *w);
void peer_stop_reading(struct world *w);
void peer_read(struct world *w);
/* Close with a reset (sockets only). */
void peer_reset(struct world *w);
/* Close without a word. */
void peer_close(struct world *w);

/* What has been written down since the last time, such as
 * "frame(GET /) frame() eof closed(DONE)"; CR, LF and NUL as \r, \n, \0. */
const char *world_transcript(struct world *w);
/* What the peer got since the last time; `received` is empty then. */
const char *world_received(struct world *w);

/* Both, compared. */
void world_expect(struct world *w, const char *transcript);
void peer_expect(struct world *w, const char *text);

#endif
