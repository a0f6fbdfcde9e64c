/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios of input: frames of every kind, cut in their middle. */
#include "sweep/scenarios.h"
#include <string.h>

#define LONG_END "-- a literal that is longer than what lies in the channel --"

/* Frames whole, up to this literal. */
static struct actor *
open_for(struct play *p, struct evchat_terminator terminator)
{
	return play_open(p, &actor_callbacks, terminator);
}

static struct actor *
open_in_pieces(struct play *p, struct evchat_terminator terminator)
{
	struct evchat_callbacks cb = actor_pieces();

	return play_open(p, &cb, terminator);
}

void
lines(struct play *p)
{
	open_for(p, EVCHAT_LIT("\r\n"));
	say(p, 0, "one\r\ntw");
	say(p, 0, "o\r");
	say(p, 0, "\n\r\nthree\r\n");
	say_eof(p, 0);
}

void
long_literal(struct play *p)
{
	open_for(p, EVCHAT_LIT(LONG_END));
	say(p, 0, "one" LONG_END "two-- a literal that is no");
	say(p, 0, "t it" LONG_END "three-- a literal that is l");
	say(p, 0, "onger than what lies in the channel --");
	say_eof(p, 0);
}

void
any_of(struct play *p)
{
	static const struct evchat_span ends[] = {
	    {"\r\n.\r\n", 5}, {"QUIT\r\n", 6}, {"a much longer one here", 22}};

	open_in_pieces(p, evchat_any_of(ends, 3));
	say(p, 0, "mail\r\n.\r");
	say(p, 0, "\nQUIT\r\nbefore a much lon");
	say(p, 0, "ger one here");
	say_eof(p, 0);
}

void
tolerant_lines(struct play *p)
{
	open_for(p, evchat_line());
	say(p, 0, "one\ntwo\r\n\nthr");
	say(p, 0, "ee");
	say_eof(p, 0);
}

/* A length, then so many bytes, as of a head and a body. */
static void
read_body(struct actor *a, const char *event, const void *bytes, size_t len)
{
	const char *length = bytes;

	if (strcmp(event, "frame"))
		return;
	if (a->count++ % 2)
		must(a, evchat_set_terminator(a->ch, EVCHAT_LIT("\n")));
	else
		must(a, evchat_set_terminator(a->ch,
			    evchat_count(len ? (uint64_t)(*length - '0') : 0)));
}

void
counts(struct play *p)
{
	struct actor *a = open_for(p, EVCHAT_LIT("\n"));

	a->hook = read_body;
	say(p, 0, "5\nhel");
	say(p, 0, "lo0\n3");
	say(p, 0, "\nabc\n");
	say_eof(p, 0);
}

void
records(struct play *p)
{
	open_in_pieces(p, evchat_records(4));
	say(p, 0, "onextwo");
	say(p, 0, "xthr");
	say(p, 0, "efo");
	say_eof(p, 0);
}

void
everything(struct play *p)
{
	open_for(p, evchat_none());
	say(p, 0, "any");
	say_bytes(p, 0, 20000);
	say(p, 0, "thing\r\n");
	say_eof(p, 0);
}

void
ended_by_eof(struct play *p)
{
	struct evchat_callbacks cb = actor_told_eof();
	struct evchat_terminator to_the_end = EVCHAT_LIT("never seen");
	struct actor *a;

	to_the_end.eof_ends_frame = true;
	a = play_open(p, &cb, to_the_end);
	say(p, 0, "all ");
	say(p, 0, "of it, never");
	say_eof(p, 0);
	evchat_close_when_done(a->ch);
	play_settle(p);
}

/* More than one read's worth and more than one chain of libevent's. */
void
gathered(struct play *p)
{
	open_for(p, EVCHAT_LIT("\n"));
	say_bytes(p, 0, 3000);
	say_bytes(p, 0, 9000);
	say(p, 0, "tail\nnext");
	say_bytes(p, 0, 500);
	say(p, 0, "\n");
	say_eof(p, 0);
}

void
streamed(struct play *p)
{
	struct evchat_terminator in_pieces = EVCHAT_LIT("\n");

	in_pieces.streamed = true;
	open_for(p, in_pieces);
	say(p, 0, "one\ntw");
	say_bytes(p, 0, 5000);
	say(p, 0, "o\n");
	say_eof(p, 0);
}

static void
limit_frames(struct actor *a)
{
	static const struct evchat_limits limits = {.max_frame = 8};

	must(a, evchat_set_limits(a->ch, &limits));
}

void
overlong_skipped(struct play *p)
{
	struct actor *a = open_for(p, EVCHAT_LIT("\n"));

	limit_frames(a);
	say(p, 0, "short\nmuch too l");
	say(p, 0, "ong for it\nnext\n");
	say_eof(p, 0);
}

void
overlong_ends(struct play *p)
{
	struct evchat_callbacks cb = actor_callbacks;
	struct actor *a;

	cb.overlong = NULL;
	a = play_open(p, &cb, EVCHAT_LIT("\n"));
	limit_frames(a);
	say(p, 0, "short\nmuch too l");
	say(p, 0, "ong for it\nnext\n");
}

/* Another one after each frame: kept in place, long, a record, and back. */
static void
set_next(struct actor *a, const char *event, const void *bytes, size_t len)
{
	struct evchat_terminator next[] = {EVCHAT_LIT(LONG_END),
	    evchat_records(3), evchat_line(), EVCHAT_LIT("\n")};

	(void)bytes, (void)len;
	next[2].streamed = true;
	if (!strcmp(event, "frame") || !strcmp(event, "found"))
		must(a, evchat_set_terminator(a->ch, next[a->count++ % 4]));
}

void
terminators_change(struct play *p)
{
	struct actor *a = open_for(p, EVCHAT_LIT("\n"));

	a->hook = set_next;
	say(p, 0, "one\ntwo-- a li");
	say(p, 0, "teral that is longer than what lies in the channel --th");
	say(p, 0, "rfour\r\nfive\nsix" LONG_END);
	say_eof(p, 0);
}

static void
pause_once(struct actor *a, const char *event, const void *bytes, size_t len)
{
	(void)bytes, (void)len;
	if (!strcmp(event, "frame") && a->count++ == 0)
		must(a, evchat_pause(a->ch));
}

void
paused(struct play *p)
{
	struct actor *a = open_for(p, EVCHAT_LIT("\n"));

	a->hook = pause_once;
	say(p, 0, "one\ntwo\nthr");
	say(p, 0, "ee\n");
	must(a, evchat_resume(a->ch));
	play_settle(p);
	say_eof(p, 0);
}

void
input_discarded(struct play *p)
{
	struct actor *a = open_for(p, EVCHAT_LIT("\r\n"));

	say(p, 0, "one\r\ninjec");
	say(p, 0, "ted\r");
	must(a, evchat_discard_input(a->ch));
	say(p, 0, "two\r\n");
	say_eof(p, 0);
}
