/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The terminator in force: says of each run of input how much of it to hand
 * over, how much to drop, and whether the frame has ended.  Pure: no libevent,
 * no I/O, and no bytes of its own, so the caller may keep them where it likes.
 *
 * Whatever the cuts, the bytes handed over, the order of the verdicts and what
 * is held are the same (asynchat rule S21).
 */
#include "alloc-internal.h"
#include "framer-internal.h"
#include <evchat/error.h>
#include <string.h>

/* Everything of a terminator but its literals. */
static void
adopt(struct evchat_framer *f, const struct evchat_terminator *t)
{
	f->kind = t->kind;
	f->eof_ends_frame = t->eof_ends_frame;
	f->streamed = t->streamed;
	f->deadline_ms = t->deadline_ms;
	f->max_frame = t->max_frame;
	f->record = t->kind == EVCHAT_RECORDS ? t->count : 0;
	f->left = t->count;
}

static int
set_now(struct evchat_framer *f, const struct evchat_terminator *t)
{
	if (t->kind == EVCHAT_LITERAL &&
	    evchat_match_set_(&f->match, t->literals, t->n_literals))
		return EVCHAT_ERR_NO_MEMORY;
	evchat_match_restart_(&f->match);
	adopt(f, t);
	return 0;
}

static void
drop_next(struct evchat_framer *f)
{
	if (!f->next)
		return;
	evchat_match_clear_(&f->next->match);
	evchat_mfree_(f->next);
	f->next = NULL;
}

static int
set_next(struct evchat_framer *f, const struct evchat_terminator *t)
{
	bool fresh = !f->next;

	if (fresh)
		f->next = evchat_zalloc_(sizeof *f->next);
	if (!f->next)
		return EVCHAT_ERR_NO_MEMORY;
	if (!set_now(f->next, t))
		return 0;
	if (fresh)
		drop_next(f);
	return EVCHAT_ERR_NO_MEMORY;
}

int
evchat_framer_set_(
    struct evchat_framer *f, const struct evchat_terminator *t, size_t unread)
{
	bool was_none;
	int error;

	if (f->skipping)
		return set_next(f, t);
	was_none = f->kind == EVCHAT_NONE;
	error = set_now(f, t);
	if (error)
		return error;
	f->length -= unread;
	/* What came while nothing could end it is no part of a frame. */
	if (was_none)
		f->length = 0;
	return 0;
}

void
evchat_framer_get_(const struct evchat_framer *f, struct evchat_terminator *t)
{
	if (f->next)
		f = f->next;
	memset(t, 0, sizeof *t);
	t->kind = f->kind;
	t->eof_ends_frame = f->eof_ends_frame;
	t->streamed = f->streamed;
	t->deadline_ms = f->deadline_ms;
	t->max_frame = f->max_frame;
	t->count = f->kind == EVCHAT_RECORDS ? f->record : f->left;
	if (f->kind != EVCHAT_LITERAL)
		return;
	t->n_literals = f->match.n;
	for (size_t i = 0; i < t->n_literals; i++)
		t->literals[i] = evchat_match_literal_(&f->match, i);
}

void
evchat_framer_clear_(struct evchat_framer *f)
{
	drop_next(f);
	evchat_match_clear_(&f->match);
	memset(f, 0, sizeof *f);
}

size_t
evchat_framer_matched_(const struct evchat_framer *f)
{
	return f->matched == EVCHAT_FRAMER_NONE ? EVCHAT_MATCHED_NONE
						: f->matched;
}

size_t
evchat_framer_held_(const struct evchat_framer *f)
{
	return f->kind == EVCHAT_LITERAL ? evchat_match_held_(&f->match) : 0;
}

bool
evchat_framer_is_ready_(const struct evchat_framer *f)
{
	return f->kind == EVCHAT_COUNT && f->left == 0;
}

uint64_t
evchat_framer_limit_(
    const struct evchat_framer *f, size_t max_frame, bool whole)
{
	if (f->kind == EVCHAT_NONE || (f->kind != EVCHAT_LITERAL && !whole))
		return UINT64_MAX;
	if (f->max_frame)
		max_frame = f->max_frame;
	return max_frame == SIZE_MAX ? UINT64_MAX : max_frame;
}

/* The terminator set while a frame was skipped rules from here. */
static void
take_over(struct evchat_framer *f)
{
	struct evchat_framer *next = f->next;

	if (!next)
		return;
	evchat_match_clear_(&f->match);
	next->matched = f->matched;
	*f = *next;
	evchat_mfree_(next);
}

void
evchat_framer_restart_(struct evchat_framer *f)
{
	f->length = 0;
	evchat_match_restart_(&f->match);
	if (!f->skipping)
		return;
	f->skipping = false;
	take_over(f);
}

/* A frame has ended: count it off, and begin the next one. */
static void
end_frame(struct evchat_framer *f)
{
	if (f->kind == EVCHAT_COUNT)
		f->kind = EVCHAT_NONE;
	if (f->kind == EVCHAT_RECORDS)
		f->left = f->record;
	evchat_framer_restart_(f);
}

static struct evchat_step
take_literal(struct evchat_framer *f, struct evchat_ahead *ahead,
    const unsigned char *bytes, size_t len)
{
	struct evchat_step step = {0};
	uint32_t held = (uint32_t)evchat_match_held_(&f->match);
	bool found;
	uint32_t scanned =
	    (uint32_t)evchat_match_scan_(&f->match, ahead, bytes, len, &found);

	if (!found) {
		step.give =
		    held + scanned - (uint32_t)evchat_match_held_(&f->match);
		return step;
	}
	f->matched = f->match.matched;
	step.drop = f->match.len[f->matched];
	step.give = held + scanned - step.drop;
	step.verdict = EVCHAT_VERDICT_FOUND;
	return step;
}

static struct evchat_step
take_count(struct evchat_framer *f, size_t len)
{
	struct evchat_step step = {.give = (uint32_t)len};

	if (f->left < len)
		step.give = (uint32_t)f->left;
	f->left -= step.give;
	if (f->left > 0)
		return step;
	f->matched = EVCHAT_FRAMER_NONE;
	step.verdict = EVCHAT_VERDICT_FOUND;
	return step;
}

static struct evchat_step
take(struct evchat_framer *f, struct evchat_ahead *ahead,
    const unsigned char *bytes, size_t len)
{
	switch (f->kind) {
	case EVCHAT_LITERAL:
		return take_literal(f, ahead, bytes, len);
	case EVCHAT_COUNT:
	case EVCHAT_RECORDS:
		return take_count(f, len);
	case EVCHAT_NONE:
	default:
		return (struct evchat_step){.give = (uint32_t)len};
	}
}

/* Hand over what the limit leaves of a step, and drop the rest of the frame
 * once it has passed it. */
static struct evchat_step
enforce(struct evchat_framer *f, struct evchat_step step, uint64_t limit)
{
	bool ended = step.verdict == EVCHAT_VERDICT_FOUND;

	if (f->skipping) {
		step.drop += step.give;
		step.give = 0;
		step.verdict = EVCHAT_VERDICT_MORE;
	} else if (step.give > limit - f->length) {
		uint32_t room = (uint32_t)(limit - f->length);

		step.drop += step.give - room;
		step.give = room;
		step.verdict = EVCHAT_VERDICT_OVERLONG;
		f->skipping = true;
	}
	f->length += step.give;
	if (ended)
		end_frame(f);
	return step;
}

struct evchat_step
evchat_framer_feed_(struct evchat_framer *f, struct evchat_ahead *ahead,
    const unsigned char *bytes, size_t len, uint64_t limit)
{
	/* The limit may have been lowered in the middle of a frame. */
	if (limit < f->length)
		limit = f->length;
	return enforce(f, take(f, ahead, bytes, len), limit);
}

struct evchat_step
evchat_framer_end_(struct evchat_framer *f, bool clean, uint64_t limit)
{
	struct evchat_step step = {.give = (uint32_t)evchat_framer_held_(f)};
	bool any = f->kind == EVCHAT_NONE || f->length + step.give > 0;

	evchat_match_restart_(&f->match);
	if (clean && f->eof_ends_frame && any) {
		step.verdict = EVCHAT_VERDICT_FOUND;
		f->matched = EVCHAT_FRAMER_NONE;
	}
	if (limit < f->length)
		limit = f->length;
	return enforce(f, step, limit);
}
