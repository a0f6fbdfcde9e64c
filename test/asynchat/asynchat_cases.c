/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads what Python's asynchat said of streams (asynchat_says.py), one case a
 * line, and fails at the first of which the framer says anything else, after
 * any segment (goal C5 of docs/reliability.md).
 *
 *     asynchat_cases NUMBER <cases
 *
 * The fields of a line are parted by tabs: the stream, its segments, the
 * terminators, after each segment how much was said and held, and the words.
 */
#include "support/framing.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 32 * 1024, STREAM = 512, TERMINATORS = 16 };

struct asynchat_case {
	unsigned char stream[STREAM];
	size_t len;
	char *segments, *checks;
	const char *said;
	struct evchat_terminator terminators[TERMINATORS];
	unsigned char literals[TERMINATORS][STREAM];
	const struct evchat_terminator *then[TERMINATORS];
	size_t n;
};

static void
must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "asynchat_cases: not so: %s\n", what);
	exit(2);
}

/* The next of the fields that `mark` parts. */
static char *
next_field(char **rest, const char *mark)
{
	char *field = *rest;

	must(field != NULL, "the line has as many fields as it should");
	*rest = strpbrk(field, mark);
	if (*rest)
		*(*rest)++ = '\0';
	return field;
}

static size_t
number_in(const char *text)
{
	char *end;
	size_t number = strtoul(text, &end, 10);

	must(end != text && *end == '\0', "it is a number");
	return number;
}

static size_t
bytes_in(const char *hex, unsigned char *bytes)
{
	size_t len = strlen(hex) / 2;
	char digits[3] = "";

	must(len <= STREAM, "there is room");
	for (size_t i = 0; i < len; i++) {
		memcpy(digits, hex + 2 * i, 2);
		bytes[i] = (unsigned char)strtoul(digits, NULL, 16);
	}
	return len;
}

/* Lhex, Cnumber, N; K keeps the one there is, which NULL stands for. */
static void
read_terminator(struct asynchat_case *c, const char *name)
{
	struct evchat_terminator *t = &c->terminators[c->n];
	unsigned char *literal = c->literals[c->n];

	must(c->n < TERMINATORS, "there is room");
	*t = evchat_none();
	if (*name == 'L')
		*t = evchat_literal(literal, bytes_in(name + 1, literal));
	if (*name == 'C')
		*t = evchat_count(number_in(name + 1));
	if (c->n)
		c->then[c->n - 1] = *name == 'K' ? NULL : t;
	c->n++;
}

static void
read_case(struct asynchat_case *c, char *line)
{
	char *rest = line, *names;

	line[strcspn(line, "\n")] = '\0';
	memset(c, 0, sizeof *c);
	c->len = bytes_in(next_field(&rest, "\t"), c->stream);
	c->segments = next_field(&rest, "\t");
	names = next_field(&rest, "\t");
	c->checks = next_field(&rest, "\t");
	c->said = next_field(&rest, "\t");
	while (names)
		read_terminator(c, next_field(&names, ","));
}

/* Is it what asynchat had said and held by then? */
static bool
agrees(const struct framing *fr, const char *said, char *check)
{
	size_t len = number_in(next_field(&check, ":"));

	return fr->said.len == len && memcmp(fr->said.text, said, len) == 0 &&
	       evchat_framer_held_(&fr->framer) == number_in(check);
}

static void
fail(const struct framing *fr, const struct asynchat_case *c, size_t number)
{
	struct transcript stream;

	transcript_clear(&stream);
	transcript_bytes(&stream, c->stream, c->len);
	fprintf(stderr,
	    "case %zu, stream %s, after %zu bytes\n"
	    "  evchat    %s, and %zu held\n"
	    "  asynchat  %s in the end\n",
	    number, stream.text, fr->received, fr->said.text,
	    evchat_framer_held_(&fr->framer), c->said);
	exit(EXIT_FAILURE);
}

static void
try_case(struct asynchat_case *c, size_t number)
{
	static struct framing fr;
	struct framing_plan plan = {.first = c->terminators[0],
	    .then = c->then,
	    .n_then = c->n - 1,
	    .max_frame = SIZE_MAX};

	framing_begin(&fr, &plan, c->stream);
	while (c->segments) {
		framing_receive(&fr, number_in(next_field(&c->segments, ",")));
		if (!agrees(&fr, c->said, next_field(&c->checks, ",")))
			fail(&fr, c, number);
	}
	must(fr.received == c->len, "the segments are the stream");
	framing_clear(&fr);
}

int
main(int argc, char **argv)
{
	static char line[LINE];
	static struct asynchat_case c;
	size_t wanted = number_in(argc > 1 ? argv[1] : ""), n = 0;

	while (fgets(line, sizeof line, stdin)) {
		read_case(&c, line);
		try_case(&c, n++);
	}
	must(n == wanted && n > 0, "all cases have come");
	printf(
	    "%zu cases, as asynchat says\nfigure: asynchat-cases %zu\n", n, n);
	return 0;
}
