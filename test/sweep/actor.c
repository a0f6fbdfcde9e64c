/* SPDX-License-Identifier: BSD-3-Clause */
/* What the channels of a run call, written down. */
#include "sweep/play.h"
#include <string.h>

static void
finish_piece(struct actor *a)
{
	if (a->collecting)
		text_add(&a->said, ")", 1);
	a->collecting = false;
}

static void
note_text(struct text *said, const char *event)
{
	if (said->len)
		text_add(said, " ", 1);
	text_add_string(said, event);
}

/* Nothing comes after `closed`. */
static void
note(struct actor *a, const char *event)
{
	if (a->closed)
		a->play->wrong = "a callback after the last one";
	finish_piece(a);
	note_text(&a->said, event);
}

void
play_note(struct play *p, const char *event)
{
	note_text(&p->said, event);
}

void
actor_note(struct actor *a, const char *event)
{
	note(a, event);
}

static void
happened(struct actor *a, const char *event, const void *bytes, size_t len)
{
	if (a->hook)
		a->hook(a, event, bytes, len);
}

static void
on_collect(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	struct actor *a = ctx;

	(void)ch;
	if (!a->collecting)
		note(a, "collect(");
	a->collecting = true;
	text_add(&a->said, bytes, len);
	happened(a, "collect", bytes, len);
}

static void
on_frame(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	struct actor *a = ctx;

	(void)ch;
	note(a, "frame(");
	text_add(&a->said, bytes, len);
	text_add(&a->said, ")", 1);
	happened(a, "frame", bytes, len);
}

static void
note_event(struct actor *a, const char *event)
{
	note(a, event);
	happened(a, event, NULL, 0);
}

static void
on_found(struct evchat *ch, void *ctx)
{
	(void)ch;
	note_event(ctx, "found");
}

static void
on_overlong(struct evchat *ch, void *ctx)
{
	(void)ch;
	note_event(ctx, "overlong");
}

static void
on_connected(struct evchat *ch, void *ctx)
{
	(void)ch;
	note_event(ctx, "connected");
}

static void
on_room(struct evchat *ch, void *ctx)
{
	(void)ch;
	happened(ctx, "room", NULL, 0);
}

static void
on_drained(struct evchat *ch, void *ctx)
{
	(void)ch;
	happened(ctx, "drained", NULL, 0);
}

static void
note_reason(struct actor *a, const char *event, enum evchat_reason reason)
{
	static const char *const names[] = {
#define NAME(name, text) "(" #name ")",
	    EVCHAT_REASON_MAP(NAME)
#undef NAME
	};

	note(a, event);
	text_add_string(&a->said, names[reason]);
	happened(a, event, NULL, 0);
}

static void
on_timeout(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	(void)ch;
	note_reason(ctx, "timeout", reason);
}

static void
on_closed(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	struct actor *a = ctx;

	note_reason(a, "closed", reason);
	if (reason == EVCHAT_REASON_ERROR && !evchat_errno(ch))
		a->play->wrong = "an error without an errno";
	a->closed = true;
	a->reason = reason;
	a->unsent = evchat_unsent(ch);
	a->ch = NULL;
}

const struct evchat_callbacks actor_callbacks = {
    .collect = on_collect,
    .found = on_found,
    .frame = on_frame,
    .overlong = on_overlong,
    .connected = on_connected,
    .room = on_room,
    .drained = on_drained,
    .timeout = on_timeout,
    .closed = on_closed,
};

struct evchat_callbacks
actor_pieces(void)
{
	struct evchat_callbacks cb = actor_callbacks;

	cb.frame = NULL;
	return cb;
}

static void
on_eof(struct evchat *ch, void *ctx)
{
	(void)ch;
	note_event(ctx, "eof");
}

struct evchat_callbacks
actor_told_eof(void)
{
	struct evchat_callbacks cb = actor_callbacks;

	cb.eof = on_eof;
	return cb;
}
