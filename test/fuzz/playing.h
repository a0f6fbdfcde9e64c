/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Producers of support/made.h whose scripts an input writes, and that put down
 * in a ledger what they make.
 */
#ifndef EVCHAT_FUZZ_PLAYING_H
#define EVCHAT_FUZZ_PLAYING_H

#include "fuzz/ledger.h"
#include "fuzz/target.h"
#include "support/made.h"

enum { PLAYING_SCRIPT = 512 };

struct playing {
	struct made made;
	struct evchat_producer inner;
	char script[PLAYING_SCRIPT];
	struct ledger *ledger; /* NULL when nobody wants to know any more */
	size_t entry;
	uint64_t size; /* what it says of itself */
	uint64_t put_down;
	size_t laters; /* how often it answered so */
	bool chunked;  /* it is going to be wrapped so */
	bool ended;    /* by its own will */
	bool failed;
};

/* Read a script, the size it claims and whether it is to be chunked; an entry
 * of the ledger begins.  The aside may be NULL.  With `chunked` false it is
 * not, whatever the input says. */
struct evchat_producer playing_from(struct playing *p, struct input *in,
    struct ledger *ledger,
    void (*aside)(struct made *made, struct evbuffer *out), bool chunked);

/* How many bytes it has promised and not made. */
uint64_t playing_owes(const struct playing *p);

/* What it makes from now on does not count. */
void playing_forget(struct playing *p);

#endif
