/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The framer against the naive reference: whatever terminators, cuts and bytes
 * an input stands for, the framer must say what the reference says, after
 * every segment and at the end of the stream, and hold as many bytes, in
 * whichever way this processor can search.
 *
 * An input is, one behind the other: a byte of options, the channel's limit,
 * how many terminators follow the first one and how many are set from outside,
 * all of these, the lengths of some segments, which are used over and over, and
 * the stream.
 */
#include "fuzz/target.h"
#include "fuzz/wanted.h"
#include "support/framing.h"
#include "support/reference.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BLOCKS = 350, /* bytes, enough for some of the search's blocks */
	STREAM = BLOCKS + WANTED_LONG * 3 / 2,
	THENS = 4,
	OUTSIDES = 2,
	TERMINATORS = 1 + THENS + OUTSIDES,
	CUTS = 8
};

enum option {
	WHOLE = 1,   /* frames are gathered */
	CLEAN = 2,   /* the end of the stream is */
	LETTERS = 4, /* there are four, which makes matches likely */
	RUNS = 8     /* a byte of the stream stands for many */
};

static struct scene {
	unsigned options;
	struct wanted wanted[TERMINATORS];
	const struct evchat_terminator *then[THENS];
	struct framing_plan plan;
	/* Set from outside when so many segments have come. */
	size_t n_outside, outside_at[OUTSIDES];
	size_t n_cuts, cuts[CUTS];
	size_t longest; /* literal's length */
	unsigned char stream[STREAM];
	size_t len;
} scene;

/* What the reference said after each segment; there are no more of them than
 * bytes. */
static struct truth {
	struct reference reference;
	size_t said[STREAM + 1];
	size_t held[STREAM + 1];
} truth;

/* --- Reading the input. --- */

static unsigned char
letter(uint8_t byte)
{
	return wanted_letter(byte, scene.options & LETTERS);
}

static void
read_terminator(struct input *in, struct wanted *wanted)
{
	wanted_read(wanted, in, scene.options & LETTERS);
	if (wanted->longest > scene.longest)
		scene.longest = wanted->longest;
}

static void
read_terminators(struct input *in)
{
	struct wanted *wanted = scene.wanted;
	size_t n_then = input_below(in, THENS + 1);

	scene.n_outside = input_below(in, OUTSIDES + 1);
	scene.longest = 1;
	read_terminator(in, wanted++);
	scene.plan.first = scene.wanted[0].t;
	scene.plan.then = scene.then;
	scene.plan.n_then = n_then;
	for (size_t i = 0; i < n_then; i++, wanted++) {
		read_terminator(in, wanted);
		/* Now and then what rules goes on. */
		scene.then[i] = input_byte(in) & 1 ? NULL : &wanted->t;
	}
	for (size_t i = 0; i < scene.n_outside; i++, wanted++) {
		read_terminator(in, wanted);
		scene.outside_at[i] = input_byte(in);
	}
}

static void
read_cuts(struct input *in)
{
	scene.n_cuts = 1 + input_below(in, CUTS);
	for (size_t i = 0; i < scene.n_cuts; i++)
		scene.cuts[i] = 1 + input_byte(in);
}

static void
add_to_stream(uint8_t byte, size_t most)
{
	size_t n = scene.options & RUNS ? 1 + (size_t)(byte >> 2) * 2 : 1;

	while (n-- && scene.len < most)
		scene.stream[scene.len++] = letter(byte);
}

/* No more than is needed, since the reference is slow. */
static void
read_stream(struct input *in)
{
	size_t most = BLOCKS + scene.longest * 3 / 2;

	scene.len = 0;
	while (in->left)
		add_to_stream(input_byte(in), most);
}

static void
read_scene(struct input *in)
{
	scene.options = input_byte(in);
	scene.plan.whole = scene.options & WHOLE;
	scene.plan.max_frame = input_byte(in);
	if (!scene.plan.max_frame)
		scene.plan.max_frame = SIZE_MAX;
	read_terminators(in);
	read_cuts(in);
	read_stream(in);
}

/* --- Framing. --- */

/* The next segment when `n` have come: how long it is; 0 behind the last. */
static size_t
next_segment(size_t n, size_t come)
{
	size_t left = scene.len - come;
	size_t len = scene.cuts[n % scene.n_cuts];

	return len < left ? len : left;
}

/* What is set from outside when `n` segments have come. */
static const struct evchat_terminator *
set_at(size_t n, size_t i)
{
	if (i >= scene.n_outside || scene.outside_at[i] != n)
		return NULL;
	/* Those for <...> lie before them. */
	return &scene.wanted[1 + scene.plan.n_then + i].t;
}

static void
find_truth(void)
{
	struct reference *r = &truth.reference;
	size_t n = 0, len;

	reference_begin(r, &scene.plan, scene.stream);
	for (size_t come = 0; (len = next_segment(n, come)); come += len) {
		for (size_t i = 0; i < OUTSIDES; i++)
			if (set_at(n, i))
				reference_set(r, set_at(n, i));
		reference_receive(r, len);
		truth.said[n] = r->said.len;
		truth.held[n] = reference_held(r);
		n++;
	}
	reference_end(r, scene.options & CLEAN);
}

static void
compare(const struct framing *fr, size_t said, size_t held, const char *way)
{
	const struct transcript *right = &truth.reference.said;

	if (evchat_framer_held_(&fr->framer) == held && fr->said.len == said &&
	    memcmp(fr->said.text, right->text, said) == 0)
		return;
	fprintf(stderr,
	    "%s, after %zu bytes:\nsaid %s, held %zu\n"
	    "not  %.*s, held %zu\n",
	    way, fr->received, fr->said.text, evchat_framer_held_(&fr->framer),
	    (int)said, right->text, held);
	abort();
}

static void
try_way(const char *way)
{
	static struct framing fr;
	size_t n = 0, len;

	framing_begin(&fr, &scene.plan, scene.stream);
	for (size_t come = 0; (len = next_segment(n, come)); come += len) {
		for (size_t i = 0; i < OUTSIDES; i++)
			if (set_at(n, i))
				framing_set(&fr, set_at(n, i));
		framing_receive(&fr, len);
		compare(&fr, truth.said[n], truth.held[n], way);
		n++;
	}
	framing_end(&fr, scene.options & CLEAN);
	compare(&fr, truth.reference.said.len, 0, way);
	framing_clear(&fr);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const char *const ways[] = {
	    "the fastest way", "the second", "the third", "the fourth"};
	struct input in = {bytes, len};

	read_scene(&in);
	find_truth();
	for (size_t way = 0; framing_choose_way(way); way++)
		try_way(ways[way]);
	return 0;
}
