/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether a run ended well or said why not.
 *
 * If no call failed and every channel ended as in the undisturbed run, all must
 * be as there.  If some channel ended otherwise, what it handed over and what
 * its peer got must be the beginning of what there was; only where a call
 * failed is that for the application to sort out.
 */
#include "sweep/play.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* --- Rules without exceptions. --- */

static const char *
find_wrong(const struct play *p)
{
	for (size_t i = 0; i < p->n_loans; i++)
		if (p->loans[i].came_back != 1)
			return "what was lent did not come back once";
	for (size_t i = 0; i < p->n_mades; i++)
		if (p->mades[i].released != 1)
			return "a producer was not released once";
	return p->wrong;
}

/* --- Or a reason. --- */

static bool
ended_as_usual(const struct actor *a, const struct actor *usual)
{
	return a->closed == usual->closed &&
	       (!a->closed ||
		   (a->reason == usual->reason && a->unsent == usual->unsent));
}

/* One that is not even there has no reason to give. */
static bool
gave_a_reason(const struct play *p, const struct play *usual)
{
	for (size_t i = 0; i < p->n_actors; i++)
		if (p->actors[i].closed &&
		    !ended_as_usual(&p->actors[i], &usual->actors[i]))
			return true;
	return false;
}

static const char *
last_of(const char *text, const char *word)
{
	const char *last = NULL;

	for (const char *at = text; (at = strstr(at, word)); at++)
		last = at;
	return last;
}

/* What it said before it said that it was over, and before the piece that it
 * was handed in the end: in that may lie what would have been a terminator. */
static size_t
len_before_the_end(const struct actor *a)
{
	const char *said = a->said.len ? a->said.bytes : "";
	const char *end = a->closed ? last_of(said, "closed(") : NULL;
	const char *piece = last_of(said, "collect(");

	if (piece && !strstr(piece, "found"))
		end = piece;
	if (!end)
		return a->said.len;
	if (end > said)
		end--; /* a space */
	return (size_t)(end - said);
}

static const char *
compare_beginnings(const struct play *p, const struct play *usual)
{
	for (size_t i = 0; i < p->n_actors; i++)
		if (!text_begins(&usual->actors[i].said,
			p->actors[i].said.bytes,
			len_before_the_end(&p->actors[i])))
			return "called otherwise before its end";
	/* How much a socket holds is a matter of how it is filled. */
	for (size_t i = 0; i < p->n_peers; i++)
		if (!text_begins(&usual->peers[i].got, p->peers[i].got.bytes,
			p->peers[i].got.len) &&
		    !text_begins(&p->peers[i].got, usual->peers[i].got.bytes,
			usual->peers[i].got.len))
			return "sent otherwise before its end";
	return NULL;
}

static const char *
compare(const struct play *p, const struct play *usual)
{
	for (size_t i = 0; i < ACTORS; i++)
		if (!text_equals(&p->actors[i].said, &usual->actors[i].said))
			return "called otherwise, and nothing says why";
	for (size_t i = 0; i < PEERS; i++)
		if (!text_equals(&p->peers[i].got, &usual->peers[i].got) ||
		    p->peers[i].eof != usual->peers[i].eof)
			return "sent otherwise, and nothing says why";
	if (!text_equals(&p->said, &usual->said))
		return "went otherwise, and nothing says why";
	return NULL;
}

bool
play_came_out_well(
    const struct play *p, const struct play *usual, char *why, size_t size)
{
	const char *wrong = find_wrong(p);

	if (!wrong && !p->complained && !p->failed)
		wrong = gave_a_reason(p, usual) ? compare_beginnings(p, usual)
						: compare(p, usual);
	(void)snprintf(why, size, "%s", wrong ? wrong : "");
	return !wrong;
}

static void
print_text(const char *what, size_t i, const struct text *text)
{
	const size_t most = 300;

	printf("%s %zu: ", what, i);
	for (size_t at = 0; at < text->len && at < most; at++)
		putchar(isprint((unsigned char)text->bytes[at])
			    ? text->bytes[at]
			    : '.');
	printf("%s\n", text->len < most ? "" : "...");
}

void
play_print(const struct play *p)
{
	for (size_t i = 0; i < p->n_actors; i++)
		print_text("channel", i, &p->actors[i].said);
	for (size_t i = 0; i < p->n_peers; i++)
		print_text(p->peers[i].eof ? "peer, ended" : "peer", i,
		    &p->peers[i].got);
	print_text("otherwise", 0, &p->said);
	printf("%s%s%s\n", p->complained ? "a call failed " : "",
	    p->failed ? "a listener failed " : "", p->wrong ? p->wrong : "");
}
