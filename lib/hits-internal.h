/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where some short needles end in a run of bytes: all of them in 64 bytes at a
 * time, at a speed that hardly depends on the bytes.  Pure.
 */
#ifndef EVCHAT_HITS_INTERNAL_H
#define EVCHAT_HITS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVCHAT_HITS_BLOCK 64

/* The longest needle there may be.  Blocks overlap by one byte less, so that
 * each needle lies within one of them. */
#define EVCHAT_NEEDLE_MAX 16

struct evchat_needles {
	const unsigned char *bytes; /* one behind the other */
	const uint8_t *lens;        /* unless there is just one */
	uint8_t n;                  /* at least one */
	uint8_t longest;            /* how many bytes it has */
	uint8_t left_out; /* bit i: needle i is not to be looked for */
};

struct evchat_hits_way;

/*
 * What has been found out of a run on the way.  All zeros is nothing.  What
 * comes before `block` is done with; bit i of `ends` is set where a needle lies
 * in the block whose last byte is block[i].
 */
struct evchat_ahead {
	const unsigned char *block;
	const unsigned char *end; /* of the run */
	uint64_t ends;
	struct evchat_needles needles;
	const struct evchat_hits_way *way;
	bool (*search)(struct evchat_ahead *ahead, const unsigned char *from);
};

/* Begin with a run that is not empty; as evchat_hits_go_on_(). */
bool evchat_hits_begin_(struct evchat_ahead *ahead,
    const struct evchat_needles *needles, const unsigned char *bytes,
    const unsigned char *end);

/* Go on to the next block of the run in which a needle lies.  False when there
 * is none. */
bool evchat_hits_go_on_(struct evchat_ahead *ahead);

/* One way to do it; all give the same answers. */
struct evchat_hits_way {
	const char *name;
	bool (*is_there)(void); /* on this processor */
	/* Go on to the first block that fits into the run and in which a needle
	 * lies: true; or to the first that does not fit.  For one needle of 1,
	 * 2 or 4 bytes, and for all others. */
	bool (*search_one)(
	    struct evchat_ahead *ahead, const unsigned char *from);
	bool (*search_any)(
	    struct evchat_ahead *ahead, const unsigned char *from);
	/* Where needles end that lie in the last `len` bytes of one block, at
	 * least one: bit 0 is the first of these bytes. */
	uint64_t (*look)(const struct evchat_needles *needles,
	    const unsigned char *block, size_t len);
};

/* The ways that are there, the fastest first; how many. */
size_t evchat_hits_ways_(const struct evchat_hits_way **ways, size_t room);

/* Have runs searched in this way from now on; NULL is the fastest. */
void evchat_hits_choose_(const struct evchat_hits_way *way);

#endif
