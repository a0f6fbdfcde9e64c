/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Text that grows, transcripts, and where two of them differ.
 */
#include "support/replay_text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How much of a text is shown before a difference, and in all. */
enum { BEFORE = 160, SHOWN = 320 };

/* --- Text. --- */

void
replay_text_free(struct replay_text *t)
{
	free(t->bytes);
	*t = (struct replay_text){0};
}

/* Room for so many bytes more, and a NUL. */
static bool
make_room(struct replay_text *t, size_t len)
{
	size_t size = t->size ? t->size : 256;
	char *bytes;

	while (size - t->len <= len)
		size *= 2;
	if (size == t->size)
		return true;
	bytes = realloc(t->bytes, size);
	if (!bytes) {
		t->cut = true;
		return false;
	}
	t->bytes = bytes;
	t->size = size;
	return true;
}

void
replay_text_add(struct replay_text *t, const void *bytes, size_t len)
{
	if (!len || !make_room(t, len))
		return;
	memcpy(t->bytes + t->len, bytes, len);
	t->len += len;
	t->bytes[t->len] = '\0';
}

void
replay_text_add_string(struct replay_text *t, const char *string)
{
	replay_text_add(t, string, strlen(string));
}

static void
add_escaped_byte(struct replay_text *t, unsigned char byte)
{
	static const char special[] = "\r\n\t\\", names[] = "rnt\\";
	const char *at = byte ? strchr(special, byte) : NULL;
	char text[5] = {(char)byte};

	if (at)
		(void)snprintf(text, sizeof text, "\\%c", names[at - special]);
	else if (byte == '\0')
		(void)strcpy(text, "\\0");
	else if (byte < ' ' || byte > '~')
		(void)snprintf(text, sizeof text, "\\x%02x", byte);
	replay_text_add_string(t, text);
}

void
replay_text_add_escaped(struct replay_text *t, const void *bytes, size_t len)
{
	const unsigned char *byte = bytes;

	for (size_t i = 0; i < len; i++)
		add_escaped_byte(t, byte[i]);
}

const char *
replay_text_string(const struct replay_text *t)
{
	return t->bytes ? t->bytes : "";
}

bool
replay_text_begins(
    const struct replay_text *a, size_t len, const struct replay_text *b)
{
	return len <= b->len && (!len || memcmp(a->bytes, b->bytes, len) == 0);
}

bool
replay_text_is(const struct replay_text *a, const struct replay_text *b)
{
	return a->len == b->len && replay_text_begins(a, a->len, b);
}

/* --- Transcripts. --- */

void
replay_said_end(struct replay_said *s)
{
	if (s->collecting)
		replay_text_add_string(&s->text, ")");
	s->collecting = false;
}

static void
begin_entry(struct replay_said *s, const char *event)
{
	replay_said_end(s);
	if (s->text.len)
		replay_text_add_string(&s->text, " ");
	replay_text_add_string(&s->text, event);
	s->stem = s->text.len;
}

void
replay_said_piece(struct replay_said *s, const void *bytes, size_t len)
{
	if (!s->collecting)
		begin_entry(s, "collect(");
	s->collecting = true;
	replay_text_add_escaped(&s->text, bytes, len);
	s->stem = s->text.len;
}

void
replay_said_frame(struct replay_said *s, const void *bytes, size_t len)
{
	begin_entry(s, "frame(");
	replay_text_add_escaped(&s->text, bytes, len);
	replay_text_add_string(&s->text, ")");
	s->stem = s->text.len;
}

void
replay_said_event(struct replay_said *s, const char *event)
{
	begin_entry(s, event);
}

void
replay_said_closed(struct replay_said *s, const char *reason)
{
	const size_t stem = s->stem;

	begin_entry(s, "closed(");
	s->end = s->text.len - strlen("closed(");
	replay_text_add_string(&s->text, reason);
	replay_text_add_string(&s->text, ")");
	s->closed = true;
	s->stem = stem;
}

/* --- Differences. --- */

static size_t
first_difference(const char *a, const char *b)
{
	size_t at = 0;

	while (a[at] && a[at] == b[at])
		at++;
	return at;
}

/* One text from `from` on, in a line. */
static void
add_line(struct replay_text *t, const char *name, const char *text, size_t from)
{
	const size_t len = strlen(text + from);

	replay_text_add_string(t, name);
	replay_text_add_string(t, from ? "..." : "");
	replay_text_add(t, text + from, len < SHOWN ? len : SHOWN);
	replay_text_add_string(t, len > SHOWN ? "...\n" : "\n");
}

void
replay_text_add_difference(struct replay_text *t, const char *name_a,
    const struct replay_text *a, const char *name_b,
    const struct replay_text *b)
{
	const char *text_a = replay_text_string(a);
	const char *text_b = replay_text_string(b);
	const size_t at = first_difference(text_a, text_b);
	const size_t from = at > BEFORE ? at - BEFORE : 0;
	size_t indent = strlen(name_b) + (from ? 3 : 0) + at - from;

	add_line(t, name_a, text_a, from);
	add_line(t, name_b, text_b, from);
	while (indent--)
		replay_text_add_string(t, " ");
	replay_text_add_string(t, "^ differs from here\n");
}
