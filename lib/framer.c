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
#include "inline-internal.h"
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
	f->record = f->left = t->count;
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

/* The terminator set while a frame was skipped rules from here. */
static void
take_over(struct evchat_framer *f)
{
	struct evchat_framer *next = f->next;

	if (!next)
		return;
	evchat_match_clear_(&f->match);
	*f = *next;
	evchat_mfree_(next);
}

/* The skipped frame has ended. */
static NOT_INLINE void
stop_skipping(struct evchat_framer *f)
{
	f->skipping = false;
	take_over(f);
}

void
evchat_framer_restart_(struct evchat_framer *f)
{
	f->length = 0;
	evchat_match_restart_(&f->match);
	if (f->skipping)
		stop_skipping(f);
}

/* A count or a record is over. */
static void
count_off(struct evchat_framer *f)
{
	if (f->kind == EVCHAT_COUNT)
		f->kind = EVCHAT_NONE;
	if (f->kind == EVCHAT_RECORDS)
		f->left = f->record;
	f->matched = EVCHAT_FRAMER_NONE;
}

/* What was fed is `bytes` more of the frame and `drop` that end it. */
struct portion {
	size_t bytes;
	size_t drop;
	bool ended;
};

static struct portion
take_literal(struct evchat_framer *f, struct evchat_ahead *ahead,
    const unsigned char *bytes, size_t len)
{
	size_t seen = evchat_match_held_(&f->match);
	struct evchat_found found;

	seen += evchat_match_scan_(&f->match, ahead, bytes, len, &found);
	if (!found.len)
		return (struct portion){
		    seen - evchat_match_held_(&f->match), 0, false};
	f->matched = (uint8_t)found.index;
	return (struct portion){seen - found.len, found.len, true};
}

static struct portion
take_count(struct evchat_framer *f, size_t len)
{
	size_t bytes = f->left < len ? (size_t)f->left : len;

	f->left -= bytes;
	if (f->left > 0)
		return (struct portion){bytes, 0, false};
	count_off(f);
	return (struct portion){bytes, 0, true};
}

static struct portion
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
		return (struct portion){len, 0, false};
	}
}

/* Put together in a register: GCC 12 would store both halves of the first word
 * and load the whole, and the processor waits longer for that than for all the
 * rest of a short frame. */
static struct evchat_step
new_step(size_t give, size_t drop, enum evchat_verdict verdict)
{
	struct evchat_step step = {.verdict = verdict};
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	uint64_t both = (uint64_t)(uint32_t)give << 32 | (uint32_t)drop;
#else
	uint64_t both = (uint64_t)(uint32_t)drop << 32 | (uint32_t)give;
#endif

	memcpy(&step, &both, sizeof both);
	return step;
}

/* Of a portion that is not for the application, or only as much of it as the
 * limit leaves.  It may have been lowered in the middle of the frame.  When the
 * frame has ended, another terminator may rule. */
static NOT_INLINE struct evchat_step
pass_over(struct evchat_framer *f, struct evchat_ahead *ahead, struct portion p,
    uint64_t limit)
{
	enum evchat_verdict verdict = EVCHAT_VERDICT_MORE;
	size_t room = 0;

	if (!f->skipping) {
		verdict = EVCHAT_VERDICT_OVERLONG;
		if (limit > f->length)
			room = (size_t)(limit - f->length);
	}
	f->skipping = true;
	f->length += room;
	if (p.ended) {
		evchat_framer_restart_(f);
		memset(ahead, 0, sizeof *ahead);
	}
	return new_step(room, p.bytes + p.drop - room, verdict);
}

/* Hand over what the limit leaves of a portion, and drop the rest of the frame
 * once it has passed it. */
static struct evchat_step
enforce(struct evchat_framer *f, struct evchat_ahead *ahead, struct portion p,
    uint64_t limit)
{
	uint64_t length = f->length + p.bytes;

	if (f->skipping || (length > limit && p.bytes))
		return pass_over(f, ahead, p, limit);
	f->length = p.ended ? 0 : length;
	return new_step(p.bytes, p.drop,
	    p.ended ? EVCHAT_VERDICT_FOUND : EVCHAT_VERDICT_MORE);
}

struct evchat_step
evchat_framer_feed_(struct evchat_framer *f, struct evchat_ahead *ahead,
    const unsigned char *bytes, size_t len, uint64_t limit)
{
	return enforce(f, ahead, take(f, ahead, bytes, len), limit);
}

struct evchat_step
evchat_framer_end_(struct evchat_framer *f, bool clean, uint64_t limit)
{
	struct portion rest = {.bytes = evchat_framer_held_(f)};
	bool any = f->kind == EVCHAT_NONE || f->length + rest.bytes > 0;

	evchat_match_restart_(&f->match);
	if (clean && f->eof_ends_frame && any) {
		rest.ended = true;
		count_off(f);
	}
	return enforce(f, &(struct evchat_ahead){0}, rest, limit);
}
