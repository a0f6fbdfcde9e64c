/* SPDX-License-Identifier: BSD-3-Clause */
/* The terminator in force: says of each run of input what it is.  Pure. */
#ifndef EVCHAT_FRAMER_INTERNAL_H
#define EVCHAT_FRAMER_INTERNAL_H

#include "match-internal.h"

enum evchat_verdict {
	EVCHAT_VERDICT_MORE,    /* the frame goes on */
	EVCHAT_VERDICT_FOUND,   /* the frame is complete */
	EVCHAT_VERDICT_OVERLONG /* the frame has just passed its limit */
};

/*
 * What the framer says of the input, from the first byte on that nobody has
 * been given yet: hand over so many, drop so many, then tell the verdict.
 */
struct evchat_step {
	uint32_t give;
	uint32_t drop;
	enum evchat_verdict verdict;
};

/* No more bytes than this are fed at a time. */
#define EVCHAT_FEED_MAX (UINT32_C(1) << 30)

/* No literal did. */
#define EVCHAT_FRAMER_NONE UINT8_MAX

/* All zeros is a framer without a terminator. */
struct evchat_framer {
	enum evchat_terminator_kind kind : 8;
	bool eof_ends_frame : 1;
	bool streamed : 1;
	bool skipping : 1; /* the rest of an overlong frame */
	uint8_t matched;   /* the literal that ended the frame, or none */
	unsigned deadline_ms;
	size_t max_frame;
	uint64_t record; /* bytes of each record */
	uint64_t left;   /* bytes the count or record still lacks */
	uint64_t length; /* bytes of this frame given so far */
	struct evchat_match match;
	/* NULL, or the one that rules when the skipped frame has ended. */
	struct evchat_framer *next;
};

static_assert(sizeof(struct evchat_framer) <= 80, "idle channels are small");

/*
 * Put a valid terminator in force.  Held bytes are not held any more: they are
 * the next ones to be fed.  `unread` of the bytes given last were not taken
 * and will be fed again.  While a frame is being skipped it waits for its end.
 * Returns 0, or EVCHAT_ERR_NO_MEMORY with nothing changed.
 */
int evchat_framer_set_(
    struct evchat_framer *f, const struct evchat_terminator *t, size_t unread);

/* The terminator set last, a count with what is left of it. */
void evchat_framer_get_(
    const struct evchat_framer *f, struct evchat_terminator *t);

/* Give back the memory; all zeros again. */
void evchat_framer_clear_(struct evchat_framer *f);

/*
 * Look at the next bytes of input: those behind the held ones.  `limit` is how
 * many bytes a frame may have.  Not all of them need have been looked at: the
 * next to feed are those behind give, drop and what is then held.  `ahead` is
 * as evchat_match_scan_() has it: all zeros for another run, and after
 * evchat_framer_set_(), evchat_framer_restart_() and evchat_framer_clear_().
 */
struct evchat_step evchat_framer_feed_(struct evchat_framer *f,
    struct evchat_ahead *ahead, const unsigned char *bytes, size_t len,
    uint64_t limit);

/* No byte will follow.  A frame can be ended by that only if the end is a
 * `clean` one. */
struct evchat_step evchat_framer_end_(
    struct evchat_framer *f, bool clean, uint64_t limit);

/* Must it be fed even without a byte?  An empty counted frame is complete. */
static inline bool
evchat_framer_is_ready_(const struct evchat_framer *f)
{
	return f->kind == EVCHAT_COUNT && f->left == 0;
}

/* What evchat_matched() says. */
size_t evchat_framer_matched_(const struct evchat_framer *f);

/* Bytes that were looked at and not given: the next to be given or dropped. */
static inline size_t
evchat_framer_held_(const struct evchat_framer *f)
{
	return evchat_match_held_(&f->match);
}

/* Begin the frame anew; the bytes given and held are forgotten. */
void evchat_framer_restart_(struct evchat_framer *f);

/* How many bytes a frame may have, where the channel says `max_frame`, and
 * frames are gathered to be handed over whole or not. */
static inline uint64_t
evchat_framer_limit_(
    const struct evchat_framer *f, size_t max_frame, bool whole)
{
	if (f->kind == EVCHAT_NONE || (f->kind != EVCHAT_LITERAL && !whole))
		return UINT64_MAX;
	if (f->max_frame)
		max_frame = f->max_frame;
	return max_frame == SIZE_MAX ? UINT64_MAX : max_frame;
}

#endif
