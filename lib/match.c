/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Find one of some literals in a stream of bytes, chunk by chunk.  Pure: no
 * libevent, no I/O.
 *
 * Each literal is followed by its own automaton after Knuth, Morris and Pratt
 * ("Fast pattern matching in strings", SIAM J. Comput. 6, 1977).  Its state,
 * how many bytes of the literal end what was scanned, is all that has to be
 * carried over a cut, is exactly what must be held back, and makes the time
 * linear whatever the literal, the bytes and the cuts.  While no literal has
 * begun, memchr() looks for the next byte that begins one.
 */
#include "alloc-internal.h"
#include "match-internal.h"
#include <evchat/error.h>
#include <string.h>

/* Where the tables are: borders[i] is how long the longest proper border of
 * the literal's first i + 1 bytes is. */
struct tables {
	uint16_t *borders;
	unsigned char *bytes;
};

static struct tables
tables(struct evchat_match *m)
{
	if (!m->block)
		return (struct tables){m->few_borders, m->few_bytes};
	return (struct tables){
	    m->block, (unsigned char *)(m->block + m->block_room)};
}

struct evchat_span
evchat_match_literal_(const struct evchat_match *m, size_t index)
{
	const unsigned char *bytes = m->few_bytes;

	if (m->block)
		bytes = (const unsigned char *)(m->block + m->block_room);
	for (size_t i = 0; i < index; i++)
		bytes += m->len[i];
	return (struct evchat_span){bytes, m->len[index]};
}

static void
find_borders(const unsigned char *literal, size_t len, uint16_t *borders)
{
	uint16_t border = 0;

	borders[0] = 0;
	for (size_t i = 1; i < len; i++) {
		while (border > 0 && literal[border] != literal[i])
			border = borders[border - 1];
		if (literal[border] == literal[i])
			border++;
		borders[i] = border;
	}
}

static bool
has_these(
    const struct evchat_match *m, const struct evchat_span *literals, size_t n)
{
	if (m->n != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		struct evchat_span mine;

		if (m->len[i] != literals[i].len)
			return false;
		mine = evchat_match_literal_(m, i);
		if (memcmp(mine.bytes, literals[i].bytes, mine.len) != 0)
			return false;
	}
	return true;
}

static int
make_room(struct evchat_match *m, size_t total)
{
	size_t room = m->block ? m->block_room : EVCHAT_MATCH_INLINE;
	uint16_t *block;

	if (total <= room)
		return 0;
	block = evchat_malloc_(total * (sizeof *block + 1));
	if (!block)
		return EVCHAT_ERR_NO_MEMORY;
	evchat_mfree_(m->block);
	m->block = block;
	m->block_room = (uint16_t)total;
	return 0;
}

static void
build_tables(struct evchat_match *m, const unsigned char *bytes, size_t total)
{
	struct tables t = tables(m);

	memcpy(t.bytes, bytes, total);
	for (size_t i = 0; i < m->n; i++) {
		find_borders(t.bytes, m->len[i], t.borders);
		t.bytes += m->len[i];
		t.borders += m->len[i];
	}
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
	for (size_t i = 0; i < n; i++)
		m->len[i] = (uint16_t)literals[i].len;
	build_tables(m, bytes, total);
	return 0;
}

void
evchat_match_restart_(struct evchat_match *m)
{
	memset(m->state, 0, sizeof m->state);
}

void
evchat_match_clear_(struct evchat_match *m)
{
	evchat_mfree_(m->block);
	memset(m, 0, sizeof *m);
}

size_t
evchat_match_held_(const struct evchat_match *m)
{
	size_t held = 0;

	for (size_t i = 0; i < m->n; i++)
		if (m->state[i] > held)
			held = m->state[i];
	return held;
}

/* Follow one literal over one byte: the new state. */
static uint16_t
follow(uint16_t state, unsigned char byte, struct tables t)
{
	while (state > 0 && t.bytes[state] != byte)
		state = t.borders[state - 1];
	return t.bytes[state] == byte ? (uint16_t)(state + 1) : state;
}

/* Follow every literal over one byte; true when one of them completes. */
static bool
take_byte(struct evchat_match *m, unsigned char byte)
{
	struct tables t = tables(m);
	size_t longest = 0;

	for (size_t i = 0; i < m->n; i++) {
		m->state[i] = follow(m->state[i], byte, t);
		if (m->state[i] == m->len[i] && m->len[i] > longest) {
			longest = m->len[i];
			m->matched = (uint8_t)i;
		}
		t.bytes += m->len[i];
		t.borders += m->len[i];
	}
	if (!longest)
		return false;
	evchat_match_restart_(m);
	return true;
}

/* The first byte of this window that begins a literal; its end for none. */
static const unsigned char *
start_within(
    struct evchat_match *m, const unsigned char *from, const unsigned char *end)
{
	const unsigned char *first = tables(m).bytes;

	for (size_t i = 0; i < m->n; first += m->len[i], i++) {
		const unsigned char *hit =
		    memchr(from, *first, (size_t)(end - from));

		if (hit)
			end = hit;
	}
	return end;
}

/* The first byte that begins a literal.  With several, the search for one must
 * not run far beyond the hits of another: under {LF, CRLF} a stream without a
 * CR would be searched for one to its end at every LF.  So windows double: what
 * is searched in vain is at most about twice what is passed over. */
static const unsigned char *
next_start(
    struct evchat_match *m, const unsigned char *from, const unsigned char *end)
{
	size_t window = m->n > 1 ? 64 : (size_t)(end - from);

	for (; window < (size_t)(end - from); window *= 2) {
		const unsigned char *start =
		    start_within(m, from, from + window);

		if (start < from + window)
			return start;
		from = start;
	}
	return start_within(m, from, end);
}

size_t
evchat_match_scan_(struct evchat_match *m, struct evchat_ahead *ahead,
    const unsigned char *bytes, size_t len, bool *found)
{
	const unsigned char *at = bytes, *end = bytes + len;

	(void)ahead;
	*found = false;
	while (at < end) {
		if (!evchat_match_held_(m))
			at = next_start(m, at, end);
		if (at == end)
			break;
		if (take_byte(m, *at++)) {
			*found = true;
			break;
		}
	}
	return (size_t)(at - bytes);
}
