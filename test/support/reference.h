/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a framer ought to say, found in the simplest way there is: one byte
 * after the other, comparing the end of the frame with every literal and every
 * prefix of one.  Knows nothing of segments, so its word is the same however
 * the input was cut.  Speaks through the same transcript as a framing.
 */
#ifndef EVCHAT_TEST_REFERENCE_H
#define EVCHAT_TEST_REFERENCE_H

#include "support/framing.h"

struct reference {
	struct framing_plan plan; /* plan.first is what is in force */
	struct evchat_terminator next;
	bool has_next; /* next rules when this frame has ended */
	bool skipping;
	bool whole;      /* the frame under way is gathered */
	uint64_t left;   /* what a count or record lacks */
	uint64_t length; /* bytes of this frame handed over */
	const unsigned char *input;
	size_t since; /* where a terminator may begin at the earliest */
	size_t front; /* what comes before was handed over or dropped */
	size_t at;    /* what comes before was looked at */
	size_t received;
	struct transcript said;
};

/* As their namesakes of framing.h; literals are borrowed. */
void reference_begin(
    struct reference *r, const struct framing_plan *plan, const void *input);
void reference_receive(struct reference *r, size_t n);
void reference_end(struct reference *r, bool clean);
void reference_set(struct reference *r, const struct evchat_terminator *t);

/* Set one that rules when the frame under way has ended. */
void reference_set_behind(
    struct reference *r, const struct evchat_terminator *t);

/* What is held is part of the frame, as bytes that are yet to come will show.
 */
void reference_let_go(struct reference *r);

/* Bytes that were looked at and not handed over. */
size_t reference_held(const struct reference *r);

/* How long the longest end of these bytes is that begins one of the
 * terminator's literals without being all of it. */
size_t reference_prefix(
    const struct evchat_terminator *t, const unsigned char *bytes, size_t len);

#endif
