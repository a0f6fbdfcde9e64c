/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every string over {a, CR, LF} of 1 to EVCHAT_TEST_SCALE bytes, in every one
 * of its segmentations, under every terminator of a table: the framer must say
 * what the naive reference says, after every segment and at the end of the
 * stream, and hold as many bytes, in whichever way it searches.  Asynchat's
 * rules S9, S10, S20 and S21 as one finite proof.
 *
 * Prints for each terminator how many segmented strings there were and how many
 * frames were found in them; fails when one that could be found never was.
 */
#include "support/framing.h"
#include "support/reference.h"
#include "support/scale.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 12, LETTERS = 3 };

static const unsigned char letters[LETTERS] = {'a', '\r', '\n'};

struct subject {
	const char *name;
	struct framing_plan plan;
	size_t shortest; /* string in which it is found */
	uint64_t cases;
	uint64_t matches;
};

/* What the reference said after each byte of a string. */
struct truth {
	size_t len;
	unsigned char input[LONGEST];
	size_t said[LONGEST + 1];
	size_t held[LONGEST + 1];
	struct reference reference;
};

static void
spell(struct truth *truth, size_t number)
{
	for (size_t i = 0; i < truth->len; i++) {
		truth->input[i] = letters[number % LETTERS];
		number /= LETTERS;
	}
}

static void
find_truth(struct truth *truth, const struct framing_plan *plan)
{
	struct reference *r = &truth->reference;

	reference_begin(r, plan, truth->input);
	for (size_t i = 1; i <= truth->len; i++) {
		reference_receive(r, 1);
		truth->said[i] = r->said.len;
		truth->held[i] = reference_held(r);
	}
	reference_end(r, true);
}

/* How many verdicts of the kind stand in what the reference said. */
static uint64_t
count_found(const struct truth *truth)
{
	uint64_t n = 0;
	const char *at = truth->reference.said.text;

	while ((at = strchr(at, '<')))
		n += strncmp(at++, "<over>", 6) != 0;
	return n;
}

static void
fail(const struct subject *s, const struct truth *truth, size_t cuts,
    const struct framing *fr)
{
	struct transcript input;

	transcript_clear(&input);
	transcript_bytes(&input, truth->input, truth->len);
	fprintf(stderr,
	    "%s: input %s, cuts %#zx, after %zu bytes\n"
	    "  said %s, held %zu\n"
	    "  not  %s, held %zu\n",
	    s->name, input.text, cuts, fr->received, fr->said.text,
	    evchat_framer_held_(&fr->framer), truth->reference.said.text,
	    truth->held[fr->received]);
	exit(EXIT_FAILURE);
}

static bool
agrees(const struct framing *fr, const struct truth *truth)
{
	const char *said = truth->reference.said.text;
	size_t len = truth->said[fr->received];

	return evchat_framer_held_(&fr->framer) == truth->held[fr->received] &&
	       fr->said.len == len && memcmp(fr->said.text, said, len) == 0;
}

/* Bit i of `cuts` is a cut behind byte i. */
static void
try_cuts(const struct subject *s, const struct truth *truth, size_t cuts)
{
	static struct framing fr;
	size_t segment = 0;

	framing_begin(&fr, &s->plan, truth->input);
	for (size_t i = 0; i < truth->len; i++) {
		segment++;
		if (i + 1 < truth->len && !(cuts >> i & 1))
			continue;
		framing_receive(&fr, segment);
		segment = 0;
		if (!agrees(&fr, truth))
			fail(s, truth, cuts, &fr);
	}
	framing_end(&fr, true);
	if (strcmp(fr.said.text, truth->reference.said.text) != 0)
		fail(s, truth, cuts, &fr);
	framing_clear(&fr);
}

static void
try_strings_of(struct subject *s, size_t len)
{
	static struct truth truth;
	size_t strings = 1, segmentations = (size_t)1 << (len - 1);

	for (size_t i = 0; i < len; i++)
		strings *= LETTERS;
	truth.len = len;
	for (size_t i = 0; i < strings; i++) {
		spell(&truth, i);
		find_truth(&truth, &s->plan);
		for (size_t way = 0; framing_choose_way(way); way++)
			for (size_t cuts = 0; cuts < segmentations; cuts++)
				try_cuts(s, &truth, cuts);
		s->cases += segmentations;
		s->matches += count_found(&truth) * segmentations;
	}
}

static void
try_all(struct subject *s)
{
	for (size_t len = 1; len <= test_scale(); len++)
		try_strings_of(s, len);
	printf("%-24s %10" PRIu64 " cases %10" PRIu64 " matches\n", s->name,
	    s->cases, s->matches);
	if (s->matches > 0 || test_scale() < s->shortest)
		return;
	fprintf(stderr, "%s: never found\n", s->name);
	exit(EXIT_FAILURE);
}

static struct subject
subject(const char *name, struct evchat_terminator t, size_t shortest)
{
	return (struct subject){.name = name,
	    .plan = {.first = t, .max_frame = SIZE_MAX},
	    .shortest = shortest};
}

static struct subject
limited(const char *name, struct evchat_terminator t, size_t max_frame,
    size_t shortest)
{
	struct subject s = subject(name, t, shortest);

	s.plan.max_frame = max_frame;
	s.plan.whole = true;
	return s;
}

static struct evchat_terminator
lf_or_crlf(void)
{
	static const struct evchat_span ends[] = {{"\n", 1}, {"\r\n", 2}};

	return evchat_any_of(ends, 2);
}

static struct evchat_terminator
overlapping(void)
{
	static const struct evchat_span ends[] = {
	    {"\r\na\r", 4}, {"\na", 2}, {"a\r\na", 4}, {"\r\r", 2}};

	return evchat_any_of(ends, 4);
}

static struct evchat_terminator
ended_by_eof(struct evchat_terminator t)
{
	t.eof_ends_frame = true;
	return t;
}

int
main(void)
{
	struct subject subjects[] = {
	    subject("LF", EVCHAT_LIT("\n"), 1),
	    subject("CRLF", EVCHAT_LIT("\r\n"), 2),
	    subject("CRLFCRLF", EVCHAT_LIT("\r\n\r\n"), 4),
	    subject("CRCR", EVCHAT_LIT("\r\r"), 2),
	    subject("CRLFCR", EVCHAT_LIT("\r\n\r"), 3),
	    subject("CRCRLF", EVCHAT_LIT("\r\r\n"), 3),
	    subject("aa", EVCHAT_LIT("aa"), 2),
	    subject("LF or CRLF", lf_or_crlf(), 1),
	    subject("four that overlap", overlapping(), 2),
	    subject("a line", evchat_line(), 1),
	    subject("count 0", evchat_count(0), 1),
	    subject("count 1", evchat_count(1), 1),
	    subject("count 3", evchat_count(3), 3),
	    subject("records of 2", evchat_records(2), 2),
	    subject("none, ended by EOF", ended_by_eof(evchat_none()), 1),
	    limited("CRLF, at most 2", EVCHAT_LIT("\r\n"), 2, 2),
	    limited("a line, at most 1", evchat_line(), 1, 1),
	    limited("records of 3, at most 2", ended_by_eof(evchat_records(3)),
		2, 1),
	};
	uint64_t cases = 0;

	framing_print_ways();
	for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
		try_all(&subjects[i]);
		cases += subjects[i].cases;
	}
	printf("%" PRIu64 " cases, no difference\n", cases);
	printf("figure: exhaustive-cases %" PRIu64 "\n", cases);
	return EXIT_SUCCESS;
}
