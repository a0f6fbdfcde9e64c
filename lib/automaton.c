/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The automaton of Aho and Corasick.  Pure; its memory is the caller's.
 *
 * The literals are put in from the longest to the shortest, so none ends where
 * another has yet to be continued: the states of each go on from one another
 * by number, and only where two literals part is a sibling to be asked.
 */
#include "automaton-internal.h"

/* While it is being made. */
struct making {
	struct evchat_node *nodes;
	uint16_t n;
};

static uint16_t
add_node(struct making *m, uint16_t from, unsigned char byte)
{
	uint16_t node = m->n++;

	m->nodes[node] =
	    (struct evchat_node){.depth = (uint16_t)(m->nodes[from].depth + 1),
		.byte = byte,
		.ends = EVCHAT_AUTOMATON_NONE};
	return node;
}

/* The state that goes on from this one with this byte; made if need be. */
static uint16_t
go_on(struct making *m, uint16_t from, unsigned char byte)
{
	uint16_t next = (uint16_t)(from + 1);

	if (next == m->n)
		return add_node(m, from, byte);
	while (m->nodes[next].byte != byte) {
		if (!m->nodes[next].sibling)
			return m->nodes[next].sibling = add_node(m, from, byte);
		next = m->nodes[next].sibling;
	}
	return next;
}

static void
add_literal(struct making *m, struct evchat_span literal, size_t i)
{
	const unsigned char *bytes = literal.bytes;
	uint16_t state = 0;

	for (size_t at = 0; at < literal.len; at++)
		state = go_on(m, state, bytes[at]);
	if (m->nodes[state].ends == EVCHAT_AUTOMATON_NONE)
		m->nodes[state].ends = (uint8_t)i;
}

static size_t
longest_of(const struct evchat_span *literals, size_t n)
{
	size_t longest = 0;

	for (size_t i = 0; i < n; i++)
		if (literals[i].len > longest)
			longest = literals[i].len;
	return longest;
}

static void
add_literals(struct making *m, const struct evchat_span *literals, size_t n,
    size_t longest)
{
	m->n = 1;
	m->nodes[0] = (struct evchat_node){.ends = EVCHAT_AUTOMATON_NONE};
	for (size_t len = longest; len > 0; len--)
		for (size_t i = 0; i < n; i++)
			if (literals[i].len == len)
				add_literal(m, literals[i], i);
}

/* What is known of shorter states gives what `node` fails to, and what ends
 * there.  From where a literal ends nobody goes on. */
static void
link_node(struct making *m, uint16_t from, uint16_t node)
{
	struct evchat_node *mine = &m->nodes[node];
	uint8_t ends;

	if (from && m->nodes[from].ends == EVCHAT_AUTOMATON_NONE)
		mine->fail = evchat_automaton_step_(
		    m->nodes, m->nodes[from].fail, mine->byte);
	ends = m->nodes[mine->fail].ends;
	if (mine->ends == EVCHAT_AUTOMATON_NONE)
		mine->ends = ends;
}

/* All states of the same length are linked before those of the next. */
void
evchat_automaton_build_(struct evchat_node *nodes,
    const struct evchat_span *literals, size_t n, size_t depth, uint16_t *at)
{
	struct making made = {nodes, 0}, *m = &made;
	size_t longest = longest_of(literals, n);
	uint16_t state[EVCHAT_LITERALS_MAX] = {0};

	add_literals(m, literals, n, longest);
	for (size_t done = 0; done < longest; done++) {
		for (size_t i = 0; i < n; i++) {
			const unsigned char *bytes = literals[i].bytes;
			uint16_t from = state[i];

			if (done >= literals[i].len)
				continue;
			state[i] = go_on(m, from, bytes[done]);
			link_node(m, from, state[i]);
			if (done + 1 == depth)
				at[i] = state[i];
		}
	}
}
