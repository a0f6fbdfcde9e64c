/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How much a test does, and with which chance.  The numbers come from
 * SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
 * generators", 2014): rand() differs from one C library to the next.
 */
#include "support/scale.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { FULL_SCALE = 8, MOST_SCALE = 12 };

static const uint64_t USUAL_SEED = 20240607;

static uint64_t
number_from(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	char *end;
	uint64_t number;

	if (!text || !*text)
		return otherwise;
	errno = 0;
	number = strtoull(text, &end, 0);
	if (!errno && !*end)
		return number;
	fprintf(stderr, "%s: not a number: %s\n", name, text);
	exit(EXIT_FAILURE);
}

size_t
test_scale(void)
{
	uint64_t scale = number_from("EVCHAT_TEST_SCALE", FULL_SCALE);

	if (scale >= 1 && scale <= MOST_SCALE)
		return (size_t)scale;
	fprintf(stderr, "EVCHAT_TEST_SCALE: not 1 to %d\n", MOST_SCALE);
	exit(EXIT_FAILURE);
}

uint64_t
test_seed(void)
{
	return number_from("EVCHAT_TEST_SEED", USUAL_SEED);
}

size_t
test_scaled(size_t full)
{
	size_t scale = test_scale();

	for (; scale + 2 <= FULL_SCALE; scale += 2)
		full /= 10;
	if (scale < FULL_SCALE)
		full /= 3;
	return full ? full : 1;
}

struct chance
chance_from(uint64_t seed)
{
	return (struct chance){seed};
}

/* Each is what its place is mixed to, so none needs those before it. */
static const uint64_t STEP = UINT64_C(0x9e3779b97f4a7c15);

uint64_t
chance_nth(uint64_t seed, uint64_t n)
{
	uint64_t z = seed + (n + 1) * STEP;

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

size_t
chance_below(struct chance *c, size_t n)
{
	uint64_t number = chance_nth(c->state, 0);

	c->state += STEP;
	return (size_t)(number % n);
}
