/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A framer fed from an array that arrives in segments.  Each run is fed from a
 * copy of just its size that is gone afterwards: a framer that looked beyond
 * it, or came back to it later, would be caught by a memory checker.  What is
 * known ahead is carried from step to step, as a channel does, but forgotten
 * now and then, which must make no difference.
 */
#include "support/framing.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Not one of Check's assertions: they cost a system call each, and the
 * exhaustive test is no program of Check's. */
static void
must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "framing: not so: %s\n", what);
	abort();
}

void
transcript_clear(struct transcript *t)
{
	t->len = 0;
	t->text[0] = '\0';
}

static void
add_text(struct transcript *t, const char *text, size_t len)
{
	must(t->len + len < sizeof t->text, "the transcript has room");
	memcpy(t->text + t->len, text, len);
	t->len += len;
	t->text[t->len] = '\0';
}

static void
add_byte(struct transcript *t, unsigned char byte)
{
	static const char digits[] = "0123456789abcdef";
	char escaped[] = {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
	char plain = (char)byte;

	if (byte < ' ' || byte > '~' || byte == '<' || byte == '\\')
		add_text(t, escaped, sizeof escaped);
	else
		add_text(t, &plain, 1);
}

void
transcript_bytes(struct transcript *t, const unsigned char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		add_byte(t, bytes[i]);
}

void
transcript_found(struct transcript *t, size_t matched)
{
	char text[] = "<->";

	if (matched != EVCHAT_MATCHED_NONE)
		text[1] = (char)('0' + matched);
	add_text(t, text, 3);
}

void
transcript_overlong(struct transcript *t)
{
	add_text(t, "<over>", 6);
}

void
framing_set(struct framing *fr, const struct evchat_terminator *t)
{
	must(!evchat_framer_set_(&fr->framer, t, 0), "there is memory");
	memset(&fr->ahead, 0, sizeof fr->ahead);
}

void
framing_begin(
    struct framing *fr, const struct framing_plan *plan, const void *input)
{
	memset(&fr->framer, 0, sizeof fr->framer);
	fr->plan = *plan;
	fr->whole = false;
	fr->input = input;
	fr->front = fr->received = fr->feeds = 0;
	fr->run = NULL;
	transcript_clear(&fr->said);
	framing_set(fr, &plan->first);
}

/* A frame that has begun to come in pieces goes on so. */
static uint64_t
limit(struct framing *fr)
{
	if (!fr->framer.length || fr->whole)
		fr->whole = fr->plan.whole && !fr->framer.streamed;
	return evchat_framer_limit_(&fr->framer, fr->plan.max_frame, fr->whole);
}

static void
set_next(struct framing *fr)
{
	if (!fr->plan.n_then)
		return;
	fr->plan.n_then--;
	if (*fr->plan.then)
		framing_set(fr, *fr->plan.then);
	fr->plan.then++;
}

/* Do what a step says: hand over, drop, tell. */
static void
obey(struct framing *fr, struct evchat_step step)
{
	must(step.give <= fr->received - fr->front, "it gives what came");
	transcript_bytes(&fr->said, fr->input + fr->front, step.give);
	fr->front += step.give;
	must(step.drop <= fr->received - fr->front, "it drops what came");
	fr->front += step.drop;
	if (step.verdict == EVCHAT_VERDICT_MORE)
		return;
	if (step.verdict == EVCHAT_VERDICT_FOUND)
		transcript_found(
		    &fr->said, evchat_framer_matched_(&fr->framer));
	else
		transcript_overlong(&fr->said);
	set_next(fr);
}

static void
end_run(struct framing *fr)
{
	free(fr->run);
	fr->run = NULL;
	memset(&fr->ahead, 0, sizeof fr->ahead);
}

static void
begin_run(struct framing *fr, size_t at)
{
	size_t len = fr->received - at;

	end_run(fr);
	fr->run = malloc(len ? len : 1);
	must(fr->run != NULL, "there is memory");
	memcpy(fr->run, fr->input + at, len);
	fr->run_at = at;
}

static void
feed(struct framing *fr, size_t at)
{
	/* Held bytes can come again, under another terminator. */
	if (!fr->run || at < fr->run_at)
		begin_run(fr, at);
	if (fr->feeds++ % 5 == 4)
		memset(&fr->ahead, 0, sizeof fr->ahead);
	obey(
	    fr, evchat_framer_feed_(&fr->framer, &fr->ahead,
		    fr->run + (at - fr->run_at), fr->received - at, limit(fr)));
}

void
framing_receive(struct framing *fr, size_t n)
{
	fr->received += n;
	for (;;) {
		size_t at = fr->front + evchat_framer_held_(&fr->framer);

		must(at <= fr->received, "it holds what came");
		if (at == fr->received && !evchat_framer_is_ready_(&fr->framer))
			break;
		feed(fr, at);
	}
	end_run(fr);
}

void
framing_end(struct framing *fr, bool clean)
{
	obey(fr, evchat_framer_end_(&fr->framer, clean, limit(fr)));
	must(fr->front == fr->received, "nothing is left behind");
	must(!evchat_framer_held_(&fr->framer), "nothing is held at the end");
}

void
framing_clear(struct framing *fr)
{
	evchat_framer_clear_(&fr->framer);
}

bool
framing_choose_way(size_t i)
{
	const struct evchat_hits_way *ways[8];

	if (i >= evchat_hits_ways_(ways, 8))
		return false;
	evchat_hits_choose_(ways[i]);
	return true;
}

void
framing_print_ways(void)
{
	const struct evchat_hits_way *ways[8];
	size_t n = evchat_hits_ways_(ways, 8);

	printf("searching by");
	for (size_t i = 0; i < n; i++)
		printf(" %s", ways[i]->name);
	printf("\n");
}
