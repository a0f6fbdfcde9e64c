/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What has been pushed, in order: the bytes that must come out at the other
 * end.  Those of a producer are written down as it makes them, in its own
 * place; until it has ended nothing behind it may come.
 */
#ifndef EVCHAT_FUZZ_LEDGER_H
#define EVCHAT_FUZZ_LEDGER_H

#include <event2/buffer.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LEDGER_ENTRIES = 96 };

struct ledger {
	struct ledger_entry {
		struct evbuffer *bytes;
		bool open; /* there may be more */
	} entries[LEDGER_ENTRIES];
	size_t n;
	uint64_t len; /* of all that has not been taken */
};

/* Is there room for another entry? */
bool ledger_has_room(const struct ledger *l);

/* A new entry; its number. */
size_t ledger_begin(struct ledger *l);

/* More of it, or the last of it. */
void ledger_add(struct ledger *l, size_t entry, const void *bytes, size_t len);
void ledger_end(struct ledger *l, size_t entry);

/* An entry that is known at once. */
void ledger_note(struct ledger *l, const void *bytes, size_t len);

/* Have all ended? */
bool ledger_is_complete(const struct ledger *l);

/* How many bytes come before the first that has not ended, and what that has
 * made so far. */
uint64_t ledger_ready(const struct ledger *l);

/* Is this what must come next? */
bool ledger_begins_with(const struct ledger *l, const void *bytes, size_t len);

/* The same, and it has come. */
bool ledger_take(struct ledger *l, const void *bytes, size_t len);

/* Forget everything. */
void ledger_clear(struct ledger *l);

#endif
