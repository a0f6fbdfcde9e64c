/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Conversation replay: what a peer said once is said again to an application of
 * evchat, cut and disturbed in every way, and the application must do the same
 * each time.  It needs nothing but evchat's public headers and libevent.
 *
 * A conversation is played
 *
 *     whole, whole with its end at once, byte by byte, with a peer that reads
 *     only at the end, in two pieces, in three pieces, paused at one callback
 *     or at all: everything must be the same (asynchat rule S21);
 *     with evchat_close_when_done() at one callback, the peer reading at once
 *     or at the end: the beginning of the same, all that had been pushed, and
 *     a good end;
 *     with the channel dropped at one callback: the beginning, then silence;
 *     with one allocation that fails: the same, or an end with its reason.
 *
 * Two plays are the same when the callbacks were the same, the pieces of a
 * frame joined; and the bytes that the peer got, and how they ended; and what
 * the application itself tells.  `room` and `drained` go by when the peer reads
 * and are called, but not compared.
 *
 * One replay at a time in a thread.  Whoever replays ignores SIGPIPE, as every
 * program with channels does.
 */
#ifndef EVCHAT_TEST_REPLAY_H
#define EVCHAT_TEST_REPLAY_H

#include <evchat/evchat.h>
#include <stdbool.h>
#include <stddef.h>

struct evbuffer;
struct event_base;

/* What is played to.  All zeros is good but for the callbacks. */
struct replay_application {
	/* What the channel starts with.  Its callbacks are the application's
	 * own; the replay puts others around them. */
	struct evchat_channel_options channel;
	/* What callbacks get, and all functions here. */
	void *ctx;
	/* For evchat_open(). */
	unsigned flags;

	/* Make the state for a play, and free it after; the channel is over
	 * before `end`.  `begin` returns non-zero when it could not. */
	int (*begin)(struct event_base *base, void *ctx);
	void (*end)(void *ctx);

	/* Open the channel on a connected socket that does not block, which is
	 * taken in every case; NULL has the replay do it.  The application
	 * calls evchat_set_callbacks() neither here nor later. */
	struct evchat *(*open)(struct event_base *base, int fd, void *ctx);
	/* As a listener's `accepted`. */
	void (*opened)(struct evchat *ch, void *ctx);
	/* End the channel at once, as the application itself does; NULL is
	 * evchat_free(). */
	void (*drop)(struct evchat *ch, void *ctx);

	/* Add what else is to be the same, from the application's state. */
	void (*tell)(struct evbuffer *out, void *ctx);
	/* Put one and the same text in the place of what differs from day to
	 * day in the bytes that a peer got, of which the last may lack. */
	void (*tidy)(char *bytes, size_t len, void *ctx);
	/* Has a call failed without the channel's end?  Then any play in which
	 * an allocation failed is good. */
	bool (*complained)(void *ctx);

	/* It calls evchat_resume() itself, so it is not paused. */
	bool pauses_itself;
	/* libevent's allocator may be replaced: it then fails, too. */
	bool libevent_too;
};

/* How the peer ends. */
enum replay_end {
	REPLAY_EOF,   /* says that this was all, and reads on */
	REPLAY_RESET, /* is gone, over TCP */
	REPLAY_STAYS  /* says nothing more */
};

struct replay_conversation {
	const char *name;
	const void *said; /* by the peer */
	size_t len;
	enum replay_end end;
	/* What the peer must get, when it is all said at once; NULL is not
	 * known, and what it gets is what it gets each time. */
	const void *answer;
	size_t answer_len;
	/* What the application must tell; NULL is not known either. */
	const char *told;
	/* How often each way is played at most, evenly spread where there
	 * would be more: 2,000. */
	size_t most;
};

struct replay_result {
	size_t plays;
	size_t piece; /* 1 is byte by byte; a long talk comes in longer ones */
	size_t splits, split_stride; /* every one, if the stride is 1 */
	size_t pairs, pair_stride;
	size_t callbacks;   /* at which it was paused, closed and dropped */
	size_t allocations; /* of which each failed once */
	/* The first play that differed: how it was played, what ought to have
	 * happened, what did, and a mark below the first difference. */
	char report[8192];
};

/* Returns 0 when every play was as it must be; 1 when one was not, and nothing
 * is played after it; -1 with errno when it could not be played.  evchat's
 * allocator is the C library's afterwards, and libevent's if it was replaced.
 */
int replay(const struct replay_application *application,
    const struct replay_conversation *conversation,
    struct replay_result *result);

#endif
