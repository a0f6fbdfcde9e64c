/* SPDX-License-Identifier: BSD-3-Clause */
/* Find one of some literals in a stream of bytes, chunk by chunk.  Pure. */
#ifndef EVCHAT_MATCH_INTERNAL_H
#define EVCHAT_MATCH_INTERNAL_H

#include <evchat/terminator.h>

/* So many bytes of literals need no memory of their own. */
#define EVCHAT_MATCH_INLINE 16

/* All zeros is a matcher without literals. */
struct evchat_match {
	/* NULL, or the tables when they do not fit below: the borders of all
	 * literals, then the bytes of all literals. */
	uint16_t *block;
	uint16_t block_room; /* how many bytes of literals *block can have */
	uint8_t n;
	uint8_t matched; /* the literal that completed last */
	uint16_t len[EVCHAT_LITERALS_MAX];
	/* How many bytes of each literal end what was scanned: always fewer
	 * than it has. */
	uint16_t state[EVCHAT_LITERALS_MAX];
	uint16_t few_borders[EVCHAT_MATCH_INLINE];
	unsigned char few_bytes[EVCHAT_MATCH_INLINE];
};

/*
 * Where literals end in bytes that are yet to be scanned, as far as it has been
 * found out on the way.  All zeros is nothing.
 */
struct evchat_ahead {
	const unsigned char *block;
	uint64_t ends;
};

/*
 * Look for these literals, which are valid, from the next byte on.  Returns 0,
 * or EVCHAT_ERR_NO_MEMORY with nothing changed.  Literals equal to those there
 * are, or as long as any before, need no memory.
 */
int evchat_match_set_(
    struct evchat_match *m, const struct evchat_span *literals, size_t n);

/* Forget what was scanned. */
void evchat_match_restart_(struct evchat_match *m);

/* Give back the memory; all zeros again. */
void evchat_match_clear_(struct evchat_match *m);

/*
 * Scan on, up to the byte that completes a literal: the first one to, and of
 * those that complete there the longest.  Returns how many bytes were looked
 * at, and whether a literal ended with the last of them: its index is
 * m->matched, and the matcher has restarted.  `ahead` is all zeros, unless
 * these bytes go on where the last scan stopped, in the same run of bytes, and
 * with the same literals.
 */
size_t evchat_match_scan_(struct evchat_match *m, struct evchat_ahead *ahead,
    const unsigned char *bytes, size_t len, bool *found);

/* How many bytes at the end of what was scanned may yet turn out to be part of
 * a literal. */
size_t evchat_match_held_(const struct evchat_match *m);

/* A literal; its bytes are the matcher's. */
struct evchat_span evchat_match_literal_(
    const struct evchat_match *m, size_t index);

#endif
