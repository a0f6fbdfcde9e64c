/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of a channel share: its state, and the steps of a turn. */
#ifndef EVCHAT_CHANNEL_INTERNAL_H
#define EVCHAT_CHANNEL_INTERNAL_H

#include "deadline-internal.h"
#include "framer-internal.h"
#include "gather-internal.h"
#include "queue-internal.h"
#include "transport-internal.h"
#include <evchat/channel.h>

struct event;

/* What is called: the part of the application's table that is kept. */
struct evchat_upcalls {
	evchat_bytes_cb collect;
	evchat_cb found;
	evchat_bytes_cb frame;
	evchat_cb overlong;
	evchat_cb connected;
	evchat_cb eof;
	evchat_cb room;
	evchat_cb drained;
	evchat_reason_cb timeout;
	evchat_reason_cb closed;
};

/* What a channel knows and has only during a turn, on the stack. */
struct evchat_turn {
	struct evchat_view view; /* first, so that it leads to the others */
	struct evchat_batch batch;
	struct evchat_ahead ahead; /* of the input looked at last */
	/* What may still be looked at and dispatched. */
	uint32_t bytes, frames;
	struct evbuffer *lent; /* what a callback that detached may look at */
};

/* What is timed. */
struct evchat_time {
	struct event *timer;
	uint64_t timer_due; /* 0: not running */
	struct evchat_deadlines deadlines;
	uint64_t heard; /* bytes in when the idle deadline was started */
	uint64_t sent;  /* bytes out when the write deadline was started */
	/* What the peer had not acknowledged when the write deadline was
	 * started, or the linger deadline after it; and how much less is worth
	 * doing the latter anew. */
	unsigned unacked, step;
	unsigned grace;   /* turns left to a peer that may be in time */
	bool write_grace; /* one was given to what may be written */
};

/*
 * What wants to know when a channel is over: `cut` is called once, when it is
 * freed, detached or about to be told that it is closed, and its descriptor
 * goes in the loop's next turn.  The tie is off then.
 */
struct evchat_tie {
	struct evchat_tie *next;
	void (*cut)(struct evchat_tie *tie);
};

/* How far the end of the input has come. */
enum evchat_input_end {
	EVCHAT_INPUT_OPEN,
	EVCHAT_INPUT_OVER,   /* nothing more will arrive */
	EVCHAT_INPUT_FRAMED, /* and the framer knows */
	EVCHAT_INPUT_TOLD    /* and so does the application */
};

struct evchat {
	struct evchat_upcalls callbacks;
	void *ctx;
	const struct evchat_limits *limits; /* the defaults, or its own */
	struct evchat_transport transport;
	struct evchat_tie *ties;
	struct evchat_tie *maker; /* one more, which many channels share */

	/* Input. */
	struct evchat_framer framer;
	struct evchat_gather gather;
	struct evchat_step step; /* what is left to do of the last one */
	size_t taken; /* input handed over or dropped, not yet consumed */
	uint64_t bytes_in, frames_in;

	/* Output. */
	struct evchat_queue queue;
	uint64_t copied; /* since the output was last empty */
	uint64_t moved;  /* to the transport, ever */

	struct evchat_time *time; /* NULL until something is timed */

	/* The end. */
	uint64_t unsent;
	int error; /* of the first failure: what evchat_errno() says */
	enum evchat_reason reason : 8;

	/* What stops input is asked before each frame, all at once. */
	union {
		struct {
			bool ended : 1;    /* `closed` is due, or was called */
			bool dead : 1;     /* freed or detached; the memory goes
					    * when the turn is over */
			bool doomed : 1;   /* to end with `reason` next turn */
			bool closing : 1;  /* when all is sent, with `reason` */
			bool yielding : 1; /* to the other channels */
			bool paused : 1;
		};
		uint8_t stopped;
	};
	enum evchat_input_end input_end : 2;
	bool serving : 1;   /* a turn is under way; callbacks may be running */
	bool again : 1;     /* there is more to do when it is over */
	bool poked : 1;     /* a turn has been asked for */
	bool whole : 1;     /* the frame of this step is handed over whole */
	bool connected : 1; /* has been heard of and not been told */
	bool shut : 1;      /* for output: FIN when all is sent */
	bool finished : 1;  /* all is sent, FIN included */
	bool broken : 1;    /* nothing more can be sent */
	bool above : 1;     /* output has passed its high mark */
	bool undrained : 1; /* something was pushed since `drained` */
	bool late : 1;      /* the timer has fired: look at the deadlines */
	bool keep_fd : 1;   /* the descriptor stays the application's */
	bool client : 1;    /* evchat_connect() made it */
	bool told : 1;      /* `closed` is being called: too late to be freed */
};

/* May callbacks still be called? */
static inline bool
evchat_channel_is_open_(const struct evchat *ch)
{
	return !ch->dead && !ch->ended;
}

/* The turn that is under way; NULL between turns. */
static inline struct evchat_turn *
evchat_channel_turn_(const struct evchat *ch)
{
	return (struct evchat_turn *)ch->transport.view;
}

/* channel_open.c: keep these, which are valid. */
void evchat_channel_keep_callbacks_(
    struct evchat *ch, const struct evchat_callbacks *callbacks);

/* channel_open.c: are there any, with zeros where they must be? */
bool evchat_callbacks_are_valid_(const struct evchat_callbacks *callbacks);

/* 0, or why a call that changes something must not. */
static inline int
evchat_channel_check_(const struct evchat *ch)
{
	if (!ch)
		return EVCHAT_ERR_INVALID;
	return evchat_channel_is_open_(ch) ? 0 : EVCHAT_ERR_CLOSING;
}

/* Have a turn soon, from the loop; or have what has just been asked for done in
 * the turn that is under way. */
void evchat_channel_poke_(struct evchat *ch);
static inline void
evchat_channel_wish_(struct evchat *ch)
{
	if (ch->serving)
		ch->again = true;
	else
		evchat_channel_poke_(ch);
}

/* channel.c: end it when this turn is over.  The first reason counts. */
void evchat_channel_end_(struct evchat *ch, enum evchat_reason reason);

/* channel.c: the same because the system refused, as `error`, an errno, says.
 */
void evchat_channel_fail_(struct evchat *ch, int error);

/* channel.c: end it from the loop, by somebody else's will, unless it is freed
 * before.  `error` is for evchat_errno(). */
void evchat_channel_doom_(
    struct evchat *ch, enum evchat_reason reason, int error);

/* channel_open.c: a channel that waits for a descriptor; NULL with errno. */
struct evchat *evchat_channel_await_(struct event_base *base,
    const struct evchat_callbacks *callbacks, void *ctx);

/* channel_open.c: here it is, connected; taken in every case.  From the loop
 * only.
 */
void evchat_channel_attach_(struct evchat *ch, int fd);

/* channel.c: tie one thing to it that is tied to others as well: what made it,
 * and there is one of that.  NULL unties it. */
void evchat_channel_set_maker_(struct evchat *ch, struct evchat_tie *maker);

/* channel.c: tie something to a channel that is open, and untie it. */
void evchat_channel_tie_(struct evchat *ch, struct evchat_tie *tie);
void evchat_channel_untie_(struct evchat *ch, struct evchat_tie *tie);

/* channel.c: have these limits, which others have too.  Before its first turn.
 */
void evchat_channel_share_limits_(
    struct evchat *ch, const struct evchat_limits *shared);

/* channel.c: what the transport has to say; a turn follows. */
void evchat_channel_take_news_(struct evchat_transport *t, unsigned news);

/* channel.c: everything but its own memory goes; releases and cleanups run. */
void evchat_channel_tear_down_(struct evchat *ch, bool reset);

/* channel.c: and that too. */
void evchat_channel_destroy_(struct evchat *ch);

/* channel.c: have a turn, now.  From the loop only. */
void evchat_channel_serve_(struct evchat *ch);

/* channel_time.c: have a turn after the other channels had theirs. */
void evchat_channel_yield_(struct evchat *ch);

/* channel_time.c: start a deadline anew, `ms` from now, unless that is 0; stop
 * it; ask for it.  Without memory the channel ends. */
void evchat_channel_start_(
    struct evchat *ch, enum evchat_deadline which, unsigned ms);
void evchat_channel_stop_(struct evchat *ch, enum evchat_deadline which);
bool evchat_channel_times_(const struct evchat *ch, enum evchat_deadline which);

/* channel_time.c: see to it that starting one will find its memory.  0 or
 * EVCHAT_ERR_NO_MEMORY. */
int evchat_channel_prepare_time_(struct evchat *ch);

/* channel_time.c: nothing is timed any more. */
void evchat_channel_forget_time_(struct evchat *ch);

/* channel_time.c: what the peer did or took starts its deadlines anew. */
void evchat_channel_note_progress_(struct evchat *ch);

/* channel_time.c: if the timer has fired, do what is due. */
void evchat_channel_look_at_deadlines_(struct evchat *ch);

/* channel_time.c: while the channel does not listen, the peer's deadlines stand
 * still. */
void evchat_channel_hold_or_release_(struct evchat *ch);

/* channel_time.c: set the timer for what is due next. */
void evchat_channel_keep_time_(struct evchat *ch);

/* channel_time.c: wait for the end no longer than the linger time; or do not.
 */
void evchat_channel_linger_(struct evchat *ch, bool wanted);

/* channel_in.c: hand over what is in the input, as far as it is allowed. */
void evchat_channel_take_input_(struct evchat *ch);

/* channel_in.c: would there be more to hand over, and is it allowed? */
bool evchat_channel_could_go_on_(const struct evchat *ch);

/* channel_in.c: how long the frame under way may take, in ms; 0 for ever. */
unsigned evchat_channel_frame_ms_(const struct evchat *ch);

/* channel_in.c: bytes received so far, looked at or not. */
uint64_t evchat_channel_heard_(const struct evchat *ch);

/* channel_in.c: may it be read? */
bool evchat_channel_wants_input_(const struct evchat *ch);

/* channel_in.c: is there input in memory that nobody has looked at? */
bool evchat_channel_has_input_(const struct evchat *ch);

/* channel_out.c: is something on its way that libevent will tell about? */
bool evchat_channel_is_sending_(const struct evchat *ch);

/* channel_out.c: send what waits, as far as there is room. */
void evchat_channel_give_output_(struct evchat *ch);

/* channel_out.c: is anything left to send? */
bool evchat_channel_has_output_(const struct evchat *ch);

/* Bytes that wait, in any layer and to be made by producers. */
static inline uint64_t
evchat_channel_pending_(const struct evchat *ch)
{
	uint64_t below = 0;

	if (ch->transport.bev)
		below = evchat_transport_pending_(&ch->transport);
	return ch->queue.bytes + ch->queue.promised + below;
}

/* How much may wait while frames are dispatched.  A client that did not listen
 * while it has much to send, and a server that did not either, would wait for
 * each other. */
static inline uint64_t
evchat_channel_dispatch_high_(const struct evchat *ch)
{
	if (ch->limits->dispatch_high)
		return ch->limits->dispatch_high;
	return ch->client ? SIZE_MAX : ch->limits->output_high;
}

/* channel_out.c: what producers may be going to make counts so much. */
uint64_t evchat_channel_expected_(const struct evchat *ch, uint64_t high);

/* Does so much wait that no frame may be dispatched?  Not where it will never
 * go, or does not matter. */
static inline bool
evchat_channel_is_clogged_(const struct evchat *ch)
{
	uint64_t high, waiting;

	/* Then less waits than any mark. */
	if (evchat_queue_is_quick_(&ch->queue))
		return false;
	high = evchat_channel_dispatch_high_(ch);
	waiting = evchat_channel_pending_(ch);
	if (evchat_queue_has_producers_(&ch->queue))
		waiting += evchat_channel_expected_(ch, high);
	return waiting > high && !ch->broken && high != SIZE_MAX;
}

/* channel_out.c: bytes that the lowest layer has taken. */
uint64_t evchat_channel_sent_(const struct evchat *ch);

#endif
