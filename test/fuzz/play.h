/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A channel that is being played with: what has been done to it, what it must
 * make of that, and callbacks that watch over it.
 *
 * What is always so is checked inside the callbacks: nobody is called from
 * inside a call, inside another callback, after the end or while paused.  What
 * a frame is says the reference, as long as only such things were done as it
 * knows of; what arrives at the peer says the ledger.
 */
#ifndef EVCHAT_FUZZ_PLAY_H
#define EVCHAT_FUZZ_PLAY_H

#include "fuzz/ledger.h"
#include "fuzz/playing.h"
#include "fuzz/target.h"
#include "fuzz/wanted.h"
#include "support/reference.h"
#include "support/world.h"

enum { PLAY_FED = 1800, PLAY_THENS = 4, PLAY_PUSHES = 40, PLAY_PRODUCERS = 8 };

/* What the input chooses once. */
enum play_option {
	PLAY_OVER = 3, /* a world_kind, or 3: a socket's bufferevent */
	PLAY_WHOLE = 4,
	PLAY_LETTERS = 8,
	PLAY_NARROW = 16, /* the socket has little room */
	PLAY_ENDING = 0xe0
};

/* Which callbacks there are. */
enum play_callback {
	PLAY_EOF = 1,
	PLAY_TIMEOUT = 2,
	PLAY_OVERLONG = 4,
	PLAY_ROOM = 8,
	PLAY_DRAINED = 16
};

struct play_loan {
	size_t cleaned;
};

struct play {
	struct world w; /* the peer, and the channel until it has ended */
	unsigned options, callbacks;
	struct input script; /* for outside, */
	struct input inside; /* and for callbacks */
	struct evchat_limits limits;

	/* What has been done. */
	bool paused, closing, shut;
	bool peer_ended, peer_gone;
	bool discarded_output;
	bool time_passed;
	bool starved;    /* evchat was refused memory */
	bool calling;    /* a call of evchat's is under way */
	bool called;     /* so is a callback */
	bool collecting; /* and it is `collect` */
	bool told;       /* `closed` was, or is being, called */
	bool over;       /* closed, freed or detached */
	struct bufferevent *detached;

	/* Input. */
	unsigned char fed[PLAY_FED];
	size_t fed_len;
	bool modelled; /* the reference knows of everything */
	bool ended;    /* it knows that there will be no more */
	bool told_eof; /* `eof` was called */
	struct wanted first, thens[PLAY_THENS];
	const struct evchat_terminator *then[PLAY_THENS];
	size_t n_then, then_at;
	struct wanted outside[PLAY_THENS];
	size_t n_outside;
	struct reference reference;
	struct transcript said;
	uint64_t frames; /* handed over */

	/* Output. */
	struct ledger ledger;
	uint64_t arrived; /* at the peer */
	struct playing playing[PLAY_PRODUCERS];
	size_t n_playing;
	struct play_loan loans[PLAY_PUSHES];
	size_t n_loans, n_files, pushes;
};

/* There is one. */
extern struct play play;

/* What to do inside each callback. */
extern void (*play_inside)(void);

/* The callbacks for play.options and play.callbacks. */
struct evchat_callbacks play_callbacks(void);

/* A call of evchat's begins, and has ended with this. */
void play_call(void);
void play_called(int error);

/* Let the reference see the first so many bytes of what was sent; false when it
 * has seen more. */
bool play_catch_up(size_t bytes);

/* No more will come, so the frame under way ends, too. */
void play_end_reference(void);

/* Has a producer failed? */
bool play_any_failed(void);

/* Has it ended so that the peer was sent everything? */
bool play_all_was_sent(void);

/* What the peer got is what it was to get. */
void play_look_at_output(void);

/* All that came in has been handed over as it should, at least as far as
 * anything was; or all of it. */
void play_look_at_input(bool all);

#endif
