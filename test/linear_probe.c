/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Does a known amount of framing and nothing else, so that the instructions it
 * takes can be counted: linear_probe MODE MIB.  linear.cmake asks whether twice
 * the bytes take twice the instructions.
 *
 *     pieces           CRLF, no terminator in the input, byte by byte
 *     whole            the same, each byte put into a frame that is gathered
 *     worst            1,023 times a and a b, input all a, byte by byte
 *     worst-whole-run  the same in one run
 *     lines            CRLF or LF, lines of 31 bytes and LF, in one run
 *     many             eight literals of 64 bytes that begin alike, input made
 *                      of their beginnings, in one run
 *     overlapping      aa, input all a, in one run
 */
#include "framer-internal.h"
#include "gather-internal.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct probe {
	struct evchat_framer framer;
	struct evchat_gather gather;
	bool gathers;
	unsigned char *input;
	size_t len;
	uint64_t given;
	uint64_t found;
};

static void
die(const char *why)
{
	fprintf(stderr, "linear_probe: %s\n", why);
	exit(EXIT_FAILURE);
}

static void
set(struct probe *p, struct evchat_terminator t)
{
	if (evchat_framer_set_(&p->framer, &t, 0))
		die("out of memory");
}

/* A lone CR now and then, so that there are false starts. */
static void
fill_with_text(struct probe *p)
{
	for (size_t i = 0; i < p->len; i++)
		p->input[i] = i % 64 == 63 ? '\r' : 'x';
}

static void
fill_with_lines(struct probe *p)
{
	for (size_t i = 0; i < p->len; i++)
		p->input[i] = i % 32 == 31 ? '\n' : 'x';
}

static void
set_worst_literal(struct probe *p)
{
	unsigned char literal[EVCHAT_LITERAL_MAX];

	memset(literal, 'a', sizeof literal);
	literal[sizeof literal - 1] = 'b';
	set(p, evchat_literal(literal, sizeof literal));
	memset(p->input, 'a', p->len);
}

static void
feed_run(struct probe *p, size_t at, size_t end)
{
	struct evchat_ahead ahead = {0};

	while (at < end) {
		struct evchat_step step = evchat_framer_feed_(
		    &p->framer, &ahead, p->input + at, end - at, UINT64_MAX);

		if (p->gathers && evchat_gather_add_(&p->gather,
				      p->input + p->given, step.give))
			die("out of memory");
		p->given += step.give + step.drop;
		p->found += step.verdict == EVCHAT_VERDICT_FOUND;
		at = p->given + evchat_framer_held_(&p->framer);
	}
}

static void
feed_bytes(struct probe *p)
{
	for (size_t at = 0; at < p->len; at++)
		feed_run(p, at, at + 1);
}

static void
pieces(struct probe *p)
{
	set(p, EVCHAT_LIT("\r\n"));
	fill_with_text(p);
	feed_bytes(p);
}

static void
whole(struct probe *p)
{
	p->gathers = true;
	pieces(p);
}

static void
worst(struct probe *p)
{
	set_worst_literal(p);
	feed_bytes(p);
}

static void
worst_whole_run(struct probe *p)
{
	set_worst_literal(p);
	feed_run(p, 0, p->len);
}

static void
set_many(struct probe *p)
{
	unsigned char bytes[EVCHAT_LITERALS_MAX][EVCHAT_ANY_OF_MAX];
	struct evchat_span literals[EVCHAT_LITERALS_MAX];

	memset(bytes, 'a', sizeof bytes);
	for (size_t i = 0; i < EVCHAT_LITERALS_MAX; i++) {
		bytes[i][8 * i + 7] = 'b';
		bytes[i][EVCHAT_ANY_OF_MAX - 1] = 'c';
		literals[i] = (struct evchat_span){bytes[i], sizeof bytes[i]};
	}
	set(p, evchat_any_of(literals, EVCHAT_LITERALS_MAX));
}

static void
many(struct probe *p)
{
	set_many(p);
	for (size_t i = 0; i < p->len; i++)
		p->input[i] = i % 59 == 58 ? 'b' : 'a';
	feed_run(p, 0, p->len);
}

static void
overlapping(struct probe *p)
{
	set(p, EVCHAT_LIT("aa"));
	memset(p->input, 'a', p->len);
	feed_run(p, 0, p->len);
}

static void
lines(struct probe *p)
{
	set(p, evchat_line());
	fill_with_lines(p);
	feed_run(p, 0, p->len);
}

static const struct mode {
	const char *name;
	void (*run)(struct probe *p);
} modes[] = {{"pieces", pieces}, {"whole", whole}, {"worst", worst},
    {"worst-whole-run", worst_whole_run}, {"lines", lines}, {"many", many},
    {"overlapping", overlapping}};

static const struct mode *
mode_named(const char *name)
{
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
		if (strcmp(modes[i].name, name) == 0)
			return &modes[i];
	die("no such mode");
	return NULL;
}

static void
run(const struct mode *mode, size_t len)
{
	struct probe p = {.len = len, .input = malloc(len)};

	if (!p.input)
		die("out of memory");
	mode->run(&p);
	printf("%s: %zu bytes, %" PRIu64 " given or dropped, %" PRIu64
	       " found\n",
	    mode->name, p.len, p.given, p.found);
	evchat_framer_clear_(&p.framer);
	evchat_gather_clear_(&p.gather);
	free(p.input);
}

int
main(int argc, char **argv)
{
	size_t mib = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;

	if (mib < 1 || mib > 1024)
		die("say a mode and 1 to 1024 MiB");
	run(mode_named(argv[1]), mib << 20);
	return EXIT_SUCCESS;
}
