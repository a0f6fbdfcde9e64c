/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A framer fed from an array that arrives in segments, as a channel would feed
 * it, and a transcript of what it says.
 *
 * In a transcript the bytes of frames stand for themselves, pieces joined;
 * <0> is a frame that literal 0 ended, <-> one that no literal ended, <over>
 * a frame that passed its limit.  Bytes that cannot be printed, < and \ are
 * written \xNN.  So "ab\r\n\r\nc" cut at CRLF is ab<0><0>c.
 */
#ifndef EVCHAT_TEST_FRAMING_H
#define EVCHAT_TEST_FRAMING_H

#include "framer-internal.h"

struct transcript {
	size_t len;
	char text[16384]; /* always ends in a NUL */
};

void transcript_clear(struct transcript *t);
void transcript_bytes(
    struct transcript *t, const unsigned char *bytes, size_t len);
void transcript_found(struct transcript *t, size_t matched);
void transcript_overlong(struct transcript *t);

/* What is framed, and how the frames are to be cut. */
struct framing_plan {
	struct evchat_terminator first;
	/* Set one at each <...>, as long as there are some; NULL sets none. */
	const struct evchat_terminator *const *then;
	size_t n_then;
	size_t max_frame; /* the channel's */
	/* Frames of the channel are gathered, unless a terminator says that
	 * they are streamed. */
	bool whole;
};

/* A framer under way through an array. */
struct framing {
	struct evchat_framer framer;
	struct framing_plan plan;
	bool whole; /* the frame under way is gathered */
	const unsigned char *input;
	size_t front;    /* what comes before was given or dropped */
	size_t received; /* what comes behind has not arrived */
	/* The run that is looked at: a copy of input[run_at] and what follows,
	 * and what is known of it. */
	unsigned char *run;
	size_t run_at;
	struct evchat_ahead ahead;
	size_t feeds;
	struct transcript said;
};

/* Begin; the plan is copied, what it points to and the input are borrowed. */
void framing_begin(
    struct framing *fr, const struct framing_plan *plan, const void *input);

/* `n` more bytes arrive, in one segment, and are framed. */
void framing_receive(struct framing *fr, size_t n);

/* No more will come. */
void framing_end(struct framing *fr, bool clean);

/* Set a terminator, from outside. */
void framing_set(struct framing *fr, const struct evchat_terminator *t);

void framing_clear(struct framing *fr);

/* Search in way `i` of those that this processor has, from the fastest on;
 * false when there is none.  Print their names. */
bool framing_choose_way(size_t i);
void framing_print_ways(void);

#endif
