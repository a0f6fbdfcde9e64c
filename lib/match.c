/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Find one of some literals in a stream of bytes, chunk by chunk.  Pure: no
 * libevent, no I/O.
 *
 * Short literals are looked for whole, 64 bytes at a time, and what was found
 * beyond the first hit is kept for the next scan.  Bytes held over a cut are
 * the beginning of a literal: they are put before the next ones in a buffer of
 * one block, and that is scanned like any other run.
 *
 * Of longer literals only the first bytes are looked for in this way.  From
 * where they are found an automaton follows, one byte at a time, for as long as
 * something at least that long has begun.  It makes the time linear whatever
 * the literals, the bytes and the cuts.
 */
#include "alloc-internal.h"
#include "automaton-internal.h"
#include "inline-internal.h"
#include "match-internal.h"
#include <evchat/error.h>
#include <string.h>

/* The literals' bytes when they do not fit into the matcher, and what else
 * there is to know of long ones. */
struct evchat_match_block {
	unsigned char *bytes; /* behind the nodes */
	uint16_t room;        /* how many of them it can have */
	uint16_t prefix;      /* so many of each literal are looked for, */
	uint16_t len[EVCHAT_LITERALS_MAX];
	uint16_t entry[EVCHAT_LITERALS_MAX]; /* and this is the state then */
	unsigned char needles[EVCHAT_LITERALS_MAX * EVCHAT_NEEDLE_MAX / 2];
	uint8_t needle_lens[EVCHAT_LITERALS_MAX];
	struct evchat_node nodes[]; /* one more than bytes */
};

/* --- The literals. --- */

static const unsigned char *
bytes_of(const struct evchat_match *m)
{
	return m->has_block ? m->in.block->bytes : m->in.few;
}

static size_t
len_of(const struct evchat_match *m, size_t index)
{
	return m->is_long ? m->in.block->len[index] : m->len[index];
}

struct evchat_span
evchat_match_literal_(const struct evchat_match *m, size_t index)
{
	const unsigned char *bytes = bytes_of(m);

	for (size_t i = 0; i < index; i++)
		bytes += len_of(m, i);
	return (struct evchat_span){bytes, len_of(m, index)};
}

static bool
has_these(
    const struct evchat_match *m, const struct evchat_span *literals, size_t n)
{
	if (m->n != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		struct evchat_span mine = evchat_match_literal_(m, i);

		if (mine.len != literals[i].len ||
		    memcmp(mine.bytes, literals[i].bytes, mine.len) != 0)
			return false;
	}
	return true;
}

static int
make_room(struct evchat_match *m, size_t total)
{
	size_t room = m->has_block ? m->in.block->room : EVCHAT_MATCH_SHORT;
	size_t size = sizeof(struct evchat_match_block) +
		      (total + 1) * sizeof(struct evchat_node);
	struct evchat_match_block *block;

	if (total <= room)
		return 0;
	block = evchat_malloc_(size + total);
	if (!block)
		return EVCHAT_ERR_NO_MEMORY;
	if (m->has_block)
		evchat_mfree_(m->in.block);
	block->room = (uint16_t)total;
	block->bytes = (unsigned char *)block + size;
	m->in.block = block;
	m->has_block = true;
	return 0;
}

/* Wherever it ends one of the others does, so it need not be looked for. */
static bool
is_covered(const struct evchat_match *m, struct evchat_span literal)
{
	const unsigned char *end =
	    (const unsigned char *)literal.bytes + literal.len;

	for (size_t i = 0; i < m->n; i++) {
		struct evchat_span other = evchat_match_literal_(m, i);

		if (other.len < literal.len &&
		    memcmp(end - other.len, other.bytes, other.len) == 0)
			return true;
	}
	return false;
}

static void
prepare_short(struct evchat_match *m)
{
	size_t where = 0, n = 0;

	m->covered = m->longest = 0;
	for (size_t i = 0; i < m->n; where += m->len[i++]) {
		if (is_covered(m, evchat_match_literal_(m, i))) {
			m->covered |= (uint8_t)(1 << i);
			continue;
		}
		n++;
		m->where = where & (EVCHAT_MATCH_SHORT - 1);
		if (m->len[i] > m->longest)
			m->longest = m->len[i];
	}
	m->is_one = n == 1;
}

/* As many bytes of each as the shortest has; and of eight literals together no
 * more than it is worth. */
static uint16_t
prefix_of(const struct evchat_span *literals, size_t n)
{
	size_t prefix = n > 4 ? EVCHAT_NEEDLE_MAX / 2 : EVCHAT_NEEDLE_MAX;

	for (size_t i = 0; i < n; i++)
		if (literals[i].len < prefix)
			prefix = literals[i].len;
	return (uint16_t)prefix;
}

static void
prepare_long(struct evchat_match *m)
{
	struct evchat_match_block *block = m->in.block;
	struct evchat_span literals[EVCHAT_LITERALS_MAX];

	for (size_t i = 0; i < m->n; i++)
		literals[i] = evchat_match_literal_(m, i);
	block->prefix = prefix_of(literals, m->n);
	for (size_t i = 0; i < m->n; i++) {
		block->needle_lens[i] = (uint8_t)block->prefix;
		memcpy(block->needles + i * block->prefix, literals[i].bytes,
		    block->prefix);
	}
	m->longest = (uint8_t)block->prefix;
	m->covered = 0;
	m->is_one = m->n == 1;
	m->where = 0;
	evchat_automaton_build_(
	    block->nodes, literals, m->n, block->prefix, block->entry);
}

int
evchat_match_set_(
    struct evchat_match *m, const struct evchat_span *literals, size_t n)
{
	/* The literals may point into the very tables that are replaced. */
	unsigned char bytes[EVCHAT_LITERAL_MAX];
	size_t total = 0;

	if (has_these(m, literals, n)) {
		evchat_match_restart_(m);
		return 0;
	}
	for (size_t i = 0; i < n; total += literals[i++].len)
		memcpy(bytes + total, literals[i].bytes, literals[i].len);
	if (make_room(m, total))
		return EVCHAT_ERR_NO_MEMORY;
	evchat_match_restart_(m);
	m->n = (uint8_t)n;
	m->is_long = total > EVCHAT_MATCH_SHORT;
	for (size_t i = 0; i < n; i++) {
		if (m->is_long)
			m->in.block->len[i] = (uint16_t)literals[i].len;
		else
			m->len[i] = (uint8_t)literals[i].len;
	}
	memcpy(m->has_block ? m->in.block->bytes : m->in.few, bytes, total);
	if (m->is_long)
		prepare_long(m);
	else
		prepare_short(m);
	return 0;
}

void
evchat_match_clear_(struct evchat_match *m)
{
	if (m->has_block)
		evchat_mfree_(m->in.block);
	memset(m, 0, sizeof *m);
}

/* --- Hits. --- */

static NOT_INLINE bool
begin(const struct evchat_match *m, struct evchat_ahead *ahead,
    const unsigned char *bytes, const unsigned char *end)
{
	struct evchat_needles needles = {
	    bytes_of(m), m->len, m->n, m->longest, m->covered};

	if (m->is_one) {
		needles.bytes += m->where;
		needles.n = 1;
	} else if (m->is_long) {
		needles.bytes = m->in.block->needles;
		needles.lens = m->in.block->needle_lens;
	}
	return evchat_hits_begin_(ahead, &needles, bytes, end);
}

/* The byte behind the next `least` bytes or more in [since, end) that end with
 * a needle; NULL when there are none. */
static inline const unsigned char *
behind_next(const struct evchat_match *m, struct evchat_ahead *ahead,
    const unsigned char *since, const unsigned char *end, size_t least)
{
	if (ahead->end != end && !begin(m, ahead, since, end))
		return NULL;
	do {
		while (ahead->ends) {
			const unsigned char *behind =
			    ahead->block + __builtin_ctzll(ahead->ends) + 1;

			ahead->ends &= ahead->ends - 1;
			if (behind - since >= (ptrdiff_t)least)
				return behind;
		}
	} while (evchat_hits_go_on_(ahead));
	return NULL;
}

/* --- Short literals. --- */

static bool
are_equal(const unsigned char *a, const unsigned char *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

/* The longest literal that lies in [since, behind) and ends there. */
static inline struct evchat_found
longest_at(const struct evchat_match *m, const unsigned char *since,
    const unsigned char *behind)
{
	const unsigned char *literal = bytes_of(m);
	struct evchat_found longest = {0, 0};

	for (size_t i = 0; i < m->n; literal += m->len[i++]) {
		size_t len = m->len[i];

		if (len <= longest.len || behind - since < (ptrdiff_t)len ||
		    !are_equal(behind - len, literal, len))
			continue;
		longest = (struct evchat_found){len, i};
	}
	return longest;
}

/* Hold what ends the `len` bytes before `end` and begins a literal; so far
 * nothing is held. */
static NOT_INLINE void
hold(struct evchat_match *m, const unsigned char *end, size_t len)
{
	const unsigned char *literal = bytes_of(m);

	for (size_t i = 0; i < m->n; literal += m->len[i++]) {
		size_t most = m->len[i] - 1u;

		for (size_t n = most < len ? most : len; n > m->held; n--) {
			if (!are_equal(end - n, literal, n))
				continue;
			m->held = (uint16_t)n;
			m->state = (uint16_t)i;
		}
	}
}

/* Scan a run before which nothing is held, for the only literal. */
static size_t
scan_for_one(struct evchat_match *m, struct evchat_ahead *ahead,
    const unsigned char *bytes, size_t len, struct evchat_found *found)
{
	const unsigned char *end = bytes + len;
	const unsigned char *behind =
	    behind_next(m, ahead, bytes, end, m->longest);

	if (!behind) {
		hold(m, end, len);
		return len;
	}
	*found = (struct evchat_found){m->longest, 0};
	return (size_t)(behind - bytes);
}

/* The same for any number of literals. */
static size_t
scan_for_any(struct evchat_match *m, struct evchat_ahead *ahead,
    const unsigned char *bytes, size_t len, struct evchat_found *found)
{
	const unsigned char *behind, *end = bytes + len;

	while ((behind = behind_next(m, ahead, bytes, end, 1))) {
		*found = longest_at(m, bytes, behind);
		if (found->len)
			return (size_t)(behind - bytes);
	}
	hold(m, end, len);
	return len;
}

/* Scan as many bytes as it takes to see what becomes of those that are held;
 * none, when they are no part of anything. */
static NOT_INLINE size_t
scan_seam(struct evchat_match *m, const unsigned char *bytes, size_t len,
    struct evchat_found *found)
{
	unsigned char seam[EVCHAT_HITS_BLOCK];
	struct evchat_span literal = evchat_match_literal_(m, m->state);
	struct evchat_ahead ahead = {0};
	size_t held = m->held, scanned;

	if (len > sizeof seam - held)
		len = sizeof seam - held;
	memcpy(seam, literal.bytes, held);
	memcpy(seam + held, bytes, len);
	m->held = 0;
	scanned = scan_for_any(m, &ahead, seam, held + len, found);
	return scanned - held;
}

/* --- Long literals. --- */

/* The state of the prefix that ends here. */
static uint16_t
entry_at(const struct evchat_match *m, const unsigned char *behind)
{
	const struct evchat_match_block *block = m->in.block;
	const unsigned char *literal = block->bytes;
	size_t i = 0;

	while (i + 1 < m->n &&
	       !are_equal(behind - block->prefix, literal, block->prefix))
		literal += block->len[i++];
	return block->entry[i];
}

static uint16_t
walk(const struct evchat_node *nodes, const unsigned char *from,
    const unsigned char *end)
{
	uint16_t state = 0;

	while (from < end)
		state = evchat_automaton_step_(nodes, state, *from++);
	return state;
}

/* From `at` on follow what has begun, until it has come to its end or to
 * less than a prefix, all of it in [bytes, end). */
static const unsigned char *
follow(struct evchat_match *m, const unsigned char *bytes,
    const unsigned char *at, const unsigned char *end)
{
	const struct evchat_match_block *block = m->in.block;
	const struct evchat_node *nodes = block->nodes;
	uint16_t state = m->state;

	while (at < end && nodes[state].ends == EVCHAT_AUTOMATON_NONE &&
	       (nodes[state].depth >= block->prefix ||
		   nodes[state].depth > at - bytes))
		state = evchat_automaton_step_(nodes, state, *at++);
	m->state = state;
	m->held = nodes[state].depth;
	return at;
}

/* Less than a prefix has begun before `at`, all of it in [bytes, end): go on
 * to the end of the next one. */
static const unsigned char *
skip(struct evchat_match *m, struct evchat_ahead *ahead,
    const unsigned char *at, const unsigned char *end)
{
	const struct evchat_match_block *block = m->in.block;
	const unsigned char *since = at - m->held, *behind;

	/* It has been followed far beyond what was seen from afar. */
	if (ahead->end == end && since - ahead->block > EVCHAT_HITS_BLOCK)
		ahead->end = NULL;
	behind = behind_next(m, ahead, since, end, block->prefix);
	if (behind) {
		m->state = entry_at(m, behind);
		return behind;
	}
	if (end - since >= block->prefix)
		since = end - (block->prefix - 1);
	m->state = walk(block->nodes, since, end);
	return end;
}

static NOT_INLINE size_t
scan_long(struct evchat_match *m, struct evchat_ahead *ahead,
    const unsigned char *bytes, size_t len, struct evchat_found *found)
{
	const struct evchat_node *nodes = m->in.block->nodes;
	const unsigned char *end = bytes + len, *at = bytes;

	for (;;) {
		uint8_t ends;

		at = follow(m, bytes, at, end);
		ends = nodes[m->state].ends;
		if (ends != EVCHAT_AUTOMATON_NONE) {
			*found =
			    (struct evchat_found){m->in.block->len[ends], ends};
			evchat_match_restart_(m);
			break;
		}
		if (at == end)
			break;
		at = skip(m, ahead, at, end);
	}
	return (size_t)(at - bytes);
}

size_t
evchat_match_scan_(struct evchat_match *m, struct evchat_ahead *ahead,
    const unsigned char *bytes, size_t len, struct evchat_found *found)
{
	found->len = 0;
	if (!len)
		return 0;
	if (m->is_long)
		return scan_long(m, ahead, bytes, len, found);
	if (m->held) {
		size_t scanned = scan_seam(m, bytes, len, found);

		if (found->len || scanned == len)
			return scanned;
		m->held = 0;
	}
	if (m->n == 1)
		return scan_for_one(m, ahead, bytes, len, found);
	return scan_for_any(m, ahead, bytes, len, found);
}
