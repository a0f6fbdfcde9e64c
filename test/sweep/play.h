/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One run of a scenario: its event_base, its channels (actors) with what was
 * called on each, its peers with what each got, and what was complained of.
 *
 * evchat and libevent's loop run with faults, peers and everything around
 * without: whoever makes faults is told when to begin and when to cease.  Time
 * stands still unless play_pass() moves it.
 *
 * Whatever is kept of a run lies in the C library's memory, which does not run
 * out.
 */
#ifndef EVCHAT_TEST_PLAY_H
#define EVCHAT_TEST_PLAY_H

#include "support/made.h"
#include "support/resolver.h"
#include "sweep/text.h"
#include <evchat/evchat.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

enum { ACTORS = 4, PEERS = 4, LOANS = 4, MADES = 2 };

/* What makes calls fail; it may do so only between these. */
struct faults {
	void (*begin)(void *ctx);
	void (*cease)(void *ctx);
	void *ctx;
};

/* A channel, and what it called: "frame(one) eof closed(DONE)".  `room` and
 * `drained` are no part of that, as how often they come is a matter of
 * chance. */
struct actor {
	struct play *play;
	struct evchat *ch; /* NULL when there is none any more */
	struct text said;
	bool collecting; /* the last entry is a piece that can be added to */
	bool closed;
	enum evchat_reason reason;
	uint64_t unsent;
	/* Called after each entry, inside the callback that it is about. */
	void (*hook)(
	    struct actor *a, const char *event, const void *bytes, size_t len);
	size_t count; /* for the hook */
};

struct peer {
	int fd;                  /* or -1, and */
	struct bufferevent *bev; /* the other end of a pair, or NULL */
	bool deaf;
	struct text got;
	bool eof;
};

/* What was lent: it comes back once. */
struct loan {
	bool lent;
	size_t came_back;
};

struct play {
	const struct faults *faults;
	struct event_base *base;
	struct actor actors[ACTORS];
	struct peer peers[PEERS];
	struct loan loans[LOANS];
	struct made mades[MADES];
	struct resolver resolver;
	size_t n_actors, n_peers, n_loans, n_mades;

	/* What else there may be; freed at the end. */
	struct evchat_listener *listener;
	struct evchat_group *group;
	struct evchat_remote *remote;
	struct bufferevent *detached;

	/* What actors have no part in: a group that is done, and so on. */
	struct text said;
	bool complained;   /* a call returned an error */
	bool failed;       /* a listener told of something wanting */
	const char *wrong; /* what must not be, whatever fails */
	bool by_network;   /* by TCP, where a byte may take its time */
};

/* From here on calls may fail; from here on none does. */
void play_disturb(struct play *p);
void play_spare(struct play *p);

/* --- What scenarios are made of. --- */

/* Everything is written down; `eof` is not there. */
extern const struct evchat_callbacks actor_callbacks;

/* The same without `frame`: frames come in pieces. */
struct evchat_callbacks actor_pieces(void);
/* The same with `eof`: the channel stays open for output. */
struct evchat_callbacks actor_told_eof(void);

/* The next actor: its context, its hook. */
struct actor *actor_new(struct play *p);

/* A channel over a socketpair whose other end is the next peer.  Never NULL,
 * but there may be no channel. */
struct actor *play_open(struct play *p, const struct evchat_callbacks *cb,
    struct evchat_terminator terminator);
struct actor *play_open_plain(struct play *p, const struct evchat_callbacks *cb,
    struct evchat_terminator terminator);

/* One on a bufferevent, which is made while nothing fails: libevent crashes
 * when it makes a filter without memory (rule 60). */
enum below { A_SOCKET, A_PAIR, A_FILTER };
struct actor *play_open_over(struct play *p, enum below below,
    const struct evchat_callbacks *cb, struct evchat_terminator terminator);

/* Take down that a call failed. */
void must(struct actor *a, int error);
void play_must(struct play *p, int error);

/* Write down what no actor says. */
void play_note(struct play *p, const char *event);
void actor_note(struct actor *a, const char *event);

/* Something to lend, and what takes it back. */
struct loan *play_lend(struct play *p);
void loan_comes_back(const void *bytes, size_t len, void *loan);

/* A producer that plays a script (support/made.h). */
struct evchat_producer play_made(struct play *p, const char *script);

/* A file of so many bytes. */
int play_file(struct play *p, size_t len);

/* The file of a socket that nobody listens at. */
void play_leave_file(struct play *p, const char *path);

/* A client of the listener, which is the next peer. */
void play_dial(struct play *p);

/* A socket that listens and is nobody's, and where, as evchat_connect() takes
 * it; and the next peer, who takes the call that came to it, if one did. */
int play_await_call(struct play *p, int family, char *text, size_t size);
void play_take_call(struct play *p, int fd);

/* The peer speaks, and the loop runs. */
void say(struct play *p, size_t peer, const char *text);
void say_bytes(struct play *p, size_t peer, size_t len);
void say_eof(struct play *p, size_t peer);

/* Run until nothing happens any more, not even 100 ms later. */
void play_settle(struct play *p);

/* Let time pass. */
void play_pass(struct play *p, unsigned ms);

/* --- What came of it. --- */

/* Also when something failed: did it end well, or say why not? */
bool play_came_out_well(
    const struct play *p, const struct play *usual, char *why, size_t size);

/* Write it down, to be read by people. */
void play_print(const struct play *p);

void play_clear(struct play *p);

#endif
