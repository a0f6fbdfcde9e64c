/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a framer ought to say, found in the simplest way there is.  Its time is
 * the product of everything that has a length; that is what it is for: there is
 * nothing in it to get wrong, and nothing in common with what it judges.
 */
#include "support/reference.h"
#include <string.h>

/* From behind, where a difference shows soonest; memcmp() is slow under a
 * fuzzer. */
static bool
ends_with(const unsigned char *bytes, size_t len, const void *end, size_t n)
{
	const unsigned char *last = end;

	if (n > len)
		return false;
	while (n > 0 && bytes[len - 1] == last[n - 1]) {
		len--;
		n--;
	}
	return n == 0;
}

size_t
reference_prefix(
    const struct evchat_terminator *t, const unsigned char *bytes, size_t len)
{
	size_t longest = 0;

	for (size_t i = 0; i < t->n_literals; i++)
		for (size_t n = longest + 1; n < t->literals[i].len; n++)
			if (ends_with(bytes, len, t->literals[i].bytes, n))
				longest = n;
	return longest;
}

/* The longest literal that ends these bytes, the first of several that are
 * equal; EVCHAT_MATCHED_NONE for none. */
static size_t
complete_literal(
    const struct evchat_terminator *t, const unsigned char *bytes, size_t len)
{
	size_t best = EVCHAT_MATCHED_NONE;

	for (size_t i = 0; i < t->n_literals; i++) {
		const struct evchat_span *literal = &t->literals[i];

		if (!ends_with(bytes, len, literal->bytes, literal->len))
			continue;
		if (best == EVCHAT_MATCHED_NONE ||
		    literal->len > t->literals[best].len)
			best = i;
	}
	return best;
}

static void
rule(struct reference *r, const struct evchat_terminator *t)
{
	r->plan.first = *t;
	r->left = t->count;
	r->since = r->at = r->front;
}

void
reference_set_behind(struct reference *r, const struct evchat_terminator *t)
{
	r->next = *t;
	r->has_next = true;
}

void
reference_set(struct reference *r, const struct evchat_terminator *t)
{
	if (r->skipping) {
		reference_set_behind(r, t);
		return;
	}
	/* What came while nothing could end it is no part of a frame. */
	if (r->plan.first.kind == EVCHAT_NONE)
		r->length = 0;
	rule(r, t);
}

void
reference_begin(
    struct reference *r, const struct framing_plan *plan, const void *input)
{
	transcript_clear(&r->said);
	r->has_next = r->skipping = r->whole = false;
	r->length = 0;
	r->input = input;
	r->front = r->received = 0;
	r->plan = *plan;
	rule(r, &plan->first);
}

static void
set_next(struct reference *r)
{
	if (!r->plan.n_then)
		return;
	r->plan.n_then--;
	if (*r->plan.then)
		reference_set(r, *r->plan.then);
	r->plan.then++;
}

/* A frame that has begun to come in pieces goes on so.  Asked for each byte
 * that is looked at, also when it is held. */
static void
choose_form(struct reference *r)
{
	const struct evchat_terminator *t = &r->plan.first;

	if (!r->length || r->whole)
		r->whole = r->plan.whole && !t->streamed;
}

static bool
is_at_its_limit(const struct reference *r)
{
	const struct evchat_terminator *t = &r->plan.first;
	size_t limit = t->max_frame ? t->max_frame : r->plan.max_frame;
	bool limited =
	    t->kind == EVCHAT_LITERAL || (t->kind != EVCHAT_NONE && r->whole);

	return limited && limit != SIZE_MAX && r->length >= limit;
}

static void
give_byte(struct reference *r)
{
	if (!r->skipping && is_at_its_limit(r)) {
		r->skipping = true;
		transcript_overlong(&r->said);
		set_next(r);
	}
	if (!r->skipping) {
		transcript_bytes(&r->said, r->input + r->front, 1);
		r->length++;
	}
	r->front++;
}

static void
give_up_to(struct reference *r, size_t end)
{
	while (r->front < end)
		give_byte(r);
}

static void
take_over(struct reference *r)
{
	if (!r->has_next)
		return;
	r->has_next = false;
	rule(r, &r->next);
}

/* The frame ends here, whatever of its terminator is not handed over. */
static void
end_frame(struct reference *r, size_t matched)
{
	r->length = 0;
	r->front = r->since = r->at;
	if (r->plan.first.kind == EVCHAT_COUNT)
		r->plan.first.kind = EVCHAT_NONE;
	r->left = r->plan.first.count;
	take_over(r);
	if (r->skipping) {
		r->skipping = false;
		return;
	}
	transcript_found(&r->said, matched);
	set_next(r);
}

static void
look_for_literals(struct reference *r)
{
	const struct evchat_terminator *t = &r->plan.first;
	const unsigned char *bytes = r->input + r->since;
	size_t len = r->at - r->since;
	size_t matched = complete_literal(t, bytes, len);

	if (matched == EVCHAT_MATCHED_NONE) {
		give_up_to(r, r->at - reference_prefix(t, bytes, len));
		return;
	}
	give_up_to(r, r->at - t->literals[matched].len);
	end_frame(r, matched);
}

static void
take_byte(struct reference *r)
{
	choose_form(r);
	r->at++;
	if (r->plan.first.kind == EVCHAT_LITERAL) {
		look_for_literals(r);
		return;
	}
	give_up_to(r, r->at);
	if (r->plan.first.kind != EVCHAT_NONE && --r->left == 0)
		end_frame(r, EVCHAT_MATCHED_NONE);
}

void
reference_receive(struct reference *r, size_t n)
{
	r->received += n;
	for (;;) {
		if (r->plan.first.kind == EVCHAT_COUNT && r->left == 0)
			end_frame(r, EVCHAT_MATCHED_NONE);
		else if (r->at < r->received)
			take_byte(r);
		else
			return;
	}
}

void
reference_end(struct reference *r, bool clean)
{
	const struct evchat_terminator *t = &r->plan.first;
	bool any = t->kind == EVCHAT_NONE || r->length > 0 || r->front < r->at;
	bool ends = clean && t->eof_ends_frame && any;

	choose_form(r);
	give_up_to(r, r->at);
	if (ends)
		end_frame(r, EVCHAT_MATCHED_NONE);
}

void
reference_let_go(struct reference *r)
{
	give_up_to(r, r->at);
}

size_t
reference_held(const struct reference *r)
{
	return r->at - r->front;
}
