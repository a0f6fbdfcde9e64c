/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The automaton of Aho and Corasick ("Efficient string matching", Comm. ACM 18,
 * 1975): its state is the longest beginning of any literal that ends what was
 * scanned.  Pure.
 */
#ifndef EVCHAT_AUTOMATON_INTERNAL_H
#define EVCHAT_AUTOMATON_INTERNAL_H

#include <evchat/terminator.h>

/* No literal ends in this state. */
#define EVCHAT_AUTOMATON_NONE UINT8_MAX

/* One beginning: that of another state, and one byte more. */
struct evchat_node {
	uint16_t fail;    /* the longest that ends this one and is shorter */
	uint16_t sibling; /* another that goes on from the same one, or 0 */
	uint16_t depth;   /* how many bytes it has */
	uint8_t byte;     /* the last of them */
	uint8_t ends;     /* the longest literal that ends it, or none */
};

/*
 * Make one of n literals, in memory for one node more than they have bytes.
 * State 0 is that nothing has begun; the first state that goes on from another
 * is the next one.  at[i] is the state of the first `depth` bytes of literal i:
 * no fewer than which each of them has.
 */
void evchat_automaton_build_(struct evchat_node *nodes,
    const struct evchat_span *literals, size_t n, size_t depth, uint16_t *at);

/* From a state in which no literal ends, over one byte. */
static inline uint16_t
evchat_automaton_step_(
    const struct evchat_node *nodes, uint16_t state, unsigned char byte)
{
	for (;;) {
		uint16_t next = (uint16_t)(state + 1);

		if (nodes[next].byte == byte)
			return next;
		while ((next = nodes[next].sibling))
			if (nodes[next].byte == byte)
				return next;
		if (!state)
			return 0;
		state = nodes[state].fail;
	}
}

#endif
