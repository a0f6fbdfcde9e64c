/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Terminator values: the constructors, and the one check that every value
 * passes before it rules a channel.  Values own nothing.
 */
#include "terminator-internal.h"

struct evchat_terminator
evchat_none(void)
{
	return (struct evchat_terminator){.kind = EVCHAT_NONE};
}

struct evchat_terminator
evchat_literal(const void *bytes, size_t len)
{
	struct evchat_span literal = {bytes, len};

	return evchat_any_of(&literal, 1);
}

struct evchat_terminator
evchat_any_of(const struct evchat_span *literals, size_t n)
{
	struct evchat_terminator t = {.kind = EVCHAT_LITERAL, .n_literals = n};

	if (!literals)
		t.n_literals = 0;
	for (size_t i = 0; i < t.n_literals && i < EVCHAT_LITERALS_MAX; i++)
		t.literals[i] = literals[i];
	return t;
}

struct evchat_terminator
evchat_line(void)
{
	static const struct evchat_span line_ends[] = {{"\n", 1}, {"\r\n", 2}};
	struct evchat_terminator t = evchat_any_of(line_ends, 2);

	t.eof_ends_frame = true;
	return t;
}

struct evchat_terminator
evchat_count(uint64_t count)
{
	return (struct evchat_terminator){.kind = EVCHAT_COUNT, .count = count};
}

struct evchat_terminator
evchat_records(uint64_t count)
{
	return (struct evchat_terminator){
	    .kind = EVCHAT_RECORDS, .count = count};
}

static bool
literals_are_valid(const struct evchat_terminator *t)
{
	size_t longest =
	    t->n_literals == 1 ? EVCHAT_LITERAL_MAX : EVCHAT_ANY_OF_MAX;

	if (t->n_literals < 1 || t->n_literals > EVCHAT_LITERALS_MAX)
		return false;
	for (size_t i = 0; i < t->n_literals; i++) {
		const struct evchat_span *literal = &t->literals[i];

		if (!literal->bytes || literal->len < 1 ||
		    literal->len > longest)
			return false;
	}
	return true;
}

bool
evchat_terminator_is_valid_(const struct evchat_terminator *t)
{
	if (t->reserved[0] || t->reserved[1])
		return false;
	switch (t->kind) {
	case EVCHAT_NONE:
		return true;
	case EVCHAT_LITERAL:
		return literals_are_valid(t);
	case EVCHAT_COUNT:
		return t->count <= INT64_MAX;
	case EVCHAT_RECORDS:
		return t->count >= 1 && t->count <= INT64_MAX;
	default:
		return false;
	}
}
