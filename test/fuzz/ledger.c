/* SPDX-License-Identifier: BSD-3-Clause */
/* What has been pushed, in order: an evbuffer for each push. */
#include "fuzz/ledger.h"
#include "fuzz/target.h"
#include <string.h>

bool
ledger_has_room(const struct ledger *l)
{
	return l->n < LEDGER_ENTRIES;
}

size_t
ledger_begin(struct ledger *l)
{
	struct ledger_entry *entry = &l->entries[l->n];

	must(ledger_has_room(l), "the ledger has room");
	entry->open = true;
	entry->bytes = evbuffer_new();
	must(entry->bytes != NULL, "there is memory");
	return l->n++;
}

void
ledger_add(struct ledger *l, size_t entry, const void *bytes, size_t len)
{
	must(l->entries[entry].open, "nothing follows the end");
	must(!evbuffer_add(l->entries[entry].bytes, bytes, len),
	    "there is memory");
	l->len += len;
}

void
ledger_end(struct ledger *l, size_t entry)
{
	l->entries[entry].open = false;
}

void
ledger_note(struct ledger *l, const void *bytes, size_t len)
{
	size_t entry = ledger_begin(l);

	ledger_add(l, entry, bytes, len);
	ledger_end(l, entry);
}

bool
ledger_is_complete(const struct ledger *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->entries[i].open)
			return false;
	return true;
}

uint64_t
ledger_ready(const struct ledger *l)
{
	uint64_t len = 0;

	for (size_t i = 0; i < l->n; i++) {
		len += evbuffer_get_length(l->entries[i].bytes);
		if (l->entries[i].open)
			break;
	}
	return len;
}

/* How many of `len` bytes are of this entry. */
static size_t
share(const struct ledger_entry *entry, size_t len)
{
	size_t have = evbuffer_get_length(entry->bytes);

	return have < len ? have : len;
}

bool
ledger_begins_with(const struct ledger *l, const void *bytes, size_t len)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < l->n && len; i++) {
		const struct ledger_entry *entry = &l->entries[i];
		size_t n = share(entry, len);

		if (n && memcmp(evbuffer_pullup(entry->bytes, -1), at, n) != 0)
			return false;
		at += n;
		len -= n;
		if (entry->open)
			break;
	}
	return len == 0;
}

bool
ledger_take(struct ledger *l, const void *bytes, size_t len)
{
	if (!ledger_begins_with(l, bytes, len))
		return false;
	l->len -= len;
	for (size_t i = 0; len; i++) {
		size_t n = share(&l->entries[i], len);

		must(!evbuffer_drain(l->entries[i].bytes, n),
		    "an evbuffer can be drained");
		len -= n;
	}
	return true;
}

void
ledger_clear(struct ledger *l)
{
	for (size_t i = 0; i < l->n; i++)
		evbuffer_free(l->entries[i].bytes);
	l->n = 0;
	l->len = 0;
}
