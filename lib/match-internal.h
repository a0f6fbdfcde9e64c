/* SPDX-License-Identifier: BSD-3-Clause */
/* Find one of some literals in a stream of bytes, chunk by chunk.  Pure. */
#ifndef EVCHAT_MATCH_INTERNAL_H
#define EVCHAT_MATCH_INTERNAL_H

#include "hits-internal.h"
#include <assert.h>
#include <evchat/terminator.h>

/* Literals with so many bytes in all are short: they need no memory of their
 * own. */
#define EVCHAT_MATCH_SHORT 16

struct evchat_match_block;

/* All zeros is a matcher without literals. */
struct evchat_match {
	union {
		unsigned char few[EVCHAT_MATCH_SHORT]; /* all their bytes */
		struct evchat_match_block *block;      /* or more than that */
	} in;
	uint8_t len[EVCHAT_LITERALS_MAX]; /* of short ones */
	/* How many bytes at the end of what was scanned begin a literal: the
	 * most there are, but not all it has.  They are held. */
	uint16_t held;
	/* Which literal they begin, of short ones; of others the automaton's
	 * state. */
	uint16_t state;
	uint8_t n;
	uint8_t longest;    /* of what is looked for */
	uint8_t covered;    /* bit i: short literal i ends with another one */
	bool has_block : 1; /* once there, it stays */
	bool is_long : 1;
	bool is_one : 1;   /* just one is looked for, */
	uint8_t where : 4; /* whose bytes are there among those of all */
};

/* A literal that has been found. */
struct evchat_found {
	size_t len; /* 0 is that none has */
	size_t index;
};

static_assert(sizeof(struct evchat_match) <= 32, "a matcher is small");

/*
 * Look for these literals, which are valid, from the next byte on.  Returns 0,
 * or EVCHAT_ERR_NO_MEMORY with nothing changed.  Literals equal to those there
 * are, or short, or as long as any before, need no memory.
 */
int evchat_match_set_(
    struct evchat_match *m, const struct evchat_span *literals, size_t n);

/* Forget what was scanned. */
static inline void
evchat_match_restart_(struct evchat_match *m)
{
	m->held = m->state = 0;
}

/* Give back the memory; all zeros again. */
void evchat_match_clear_(struct evchat_match *m);

/*
 * Scan on, up to the byte that completes a literal: the first one to, and of
 * those that complete there the longest.  Returns how many bytes were looked
 * at, and which literal ended with the last of them, if any: then the matcher
 * has restarted.
 *
 * `ahead` is all zeros, or as the last scan left it if since then nothing was
 * set or restarted and these bytes go on where that one stopped in the same
 * place in memory.  What has been added behind them meanwhile does no harm.
 */
size_t evchat_match_scan_(struct evchat_match *m, struct evchat_ahead *ahead,
    const unsigned char *bytes, size_t len, struct evchat_found *found);

/* How many bytes at the end of what was scanned may yet turn out to be part of
 * a literal. */
static inline size_t
evchat_match_held_(const struct evchat_match *m)
{
	return m->held;
}

/* A literal; its bytes are the matcher's. */
struct evchat_span evchat_match_literal_(
    const struct evchat_match *m, size_t index);

#endif
