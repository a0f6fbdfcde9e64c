/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Text that grows, for replays: bytes as they are, and a transcript of
 * callbacks:
 *
 *     collect(GET / HTTP/1.1) found frame(Host: x\r) closed(EOF)
 *
 * Its memory is the C library's and no part of what a replay has fail.
 */
#ifndef EVCHAT_TEST_REPLAY_TEXT_H
#define EVCHAT_TEST_REPLAY_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct replay_text {
	char *bytes; /* always ends in a NUL; NULL when empty */
	size_t len, size;
	bool cut; /* memory ran out: the rest is missing */
};

void replay_text_free(struct replay_text *t);

void replay_text_add(struct replay_text *t, const void *bytes, size_t len);
void replay_text_add_string(struct replay_text *t, const char *string);

/* CR, LF, tab, NUL, backslash and what cannot be printed as in C. */
void replay_text_add_escaped(
    struct replay_text *t, const void *bytes, size_t len);

/* Never NULL. */
const char *replay_text_string(const struct replay_text *t);

bool replay_text_is(const struct replay_text *a, const struct replay_text *b);

/* Are the first `len` bytes of `a` the beginning of `b`? */
bool replay_text_begins(
    const struct replay_text *a, size_t len, const struct replay_text *b);

/* The callbacks of a channel in their order. */
struct replay_said {
	struct replay_text text;
	/* What comes before was called before the channel ended; the bracket of
	 * a piece that could have gone on is not part of it. */
	size_t stem;
	bool collecting; /* the last entry is a piece that can go on */
	bool closed;
	size_t end; /* where the entry of that begins */
};

void replay_said_piece(struct replay_said *s, const void *bytes, size_t len);
void replay_said_frame(struct replay_said *s, const void *bytes, size_t len);
void replay_said_event(struct replay_said *s, const char *event);
/* The last one. */
void replay_said_closed(struct replay_said *s, const char *reason);
/* No more will be said. */
void replay_said_end(struct replay_said *s);

/* Add two texts, one below the other, each with its name before it, as far as
 * it can be read, and a mark below the first byte that differs. */
void replay_text_add_difference(struct replay_text *t, const char *name_a,
    const struct replay_text *a, const char *name_b,
    const struct replay_text *b);

#endif
