/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One direction of a conversation: the messages that one end has pushed with
 * success, and what the other has received of them.  All bytes come from one
 * run of letters that everybody knows, so a message is a place in it and a
 * length; what arrives is compared with it, and both ends keep a checksum.
 */
#ifndef EVCHAT_TEST_LEDGER_H
#define EVCHAT_TEST_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LEDGER_ROOM = 256, LETTERS = 65521 };

struct ledger {
	struct message {
		unsigned from, len;
	} messages[LEDGER_ROOM];
	size_t pushed, received; /* whole messages */
	size_t at;               /* of the one that is arriving */
	const char *end;         /* what ends each, or NULL */
	uint64_t pushed_sum, received_sum;
	uint64_t bytes;    /* received */
	const char *wrong; /* the first thing that must not be, or NULL */
};

/* The letters, LETTERS of them, and once more, so that a run of LETTERS may
 * begin at each of them. */
void ledger_make_letters(void);
const char *ledger_letters(size_t from);

void ledger_clear(struct ledger *l);
bool ledger_is_full(const struct ledger *l);

/* This was pushed. */
void ledger_push(struct ledger *l, size_t from, size_t len);

/* These bytes have arrived, and are all of the message that is arriving; or the
 * beginning of what ends it, which is handed over when the rest does not come
 * (asynchat rule S22). */
void ledger_receive(struct ledger *l, const char *bytes, size_t len);

/* The message that is arriving is whole. */
void ledger_end_message(struct ledger *l);

/* The same where nothing tells where a message ends. */
void ledger_receive_stream(struct ledger *l, const char *bytes, size_t len);

/* How long the next one is that is to arrive; SIZE_MAX when there is none. */
size_t ledger_next_length(const struct ledger *l);

/* All that was pushed has arrived, and the sums agree. */
bool ledger_is_settled(const struct ledger *l);

#endif
