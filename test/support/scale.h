/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How much a test does, and with which chance: both can be changed from
 * outside, so that a slow tool runs the same tests on less, and a failure of
 * a random test can be had again.
 *
 *     EVCHAT_TEST_SCALE  length of the strings of exhaustive tests: 8
 *     EVCHAT_TEST_SEED   where random tests begin: a fixed number
 */
#ifndef EVCHAT_TEST_SCALE_H
#define EVCHAT_TEST_SCALE_H

#include <stddef.h>
#include <stdint.h>

/* 1 to 12; anything else in the environment ends the test. */
size_t test_scale(void);
uint64_t test_seed(void);

/* `full` at scale 8, about a third of it for each step below, a tenth for every
 * two; never less than one. */
size_t test_scaled(size_t full);

/* Random numbers that are the same for the same seed everywhere. */
struct chance {
	uint64_t state;
};

struct chance chance_from(uint64_t seed);

/* The n-th of them, from 0. */
uint64_t chance_nth(uint64_t seed, uint64_t n);

/* A number below `n`, which is at least 1. */
size_t chance_below(struct chance *c, size_t n);

#endif
