/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A histogram of times, with 64 slots for each power of two of nanoseconds: a
 * percentile is right to one part in 64, and adding costs next to nothing.
 */
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include <stdint.h>

enum { LATENCY_SLOTS = 59 * 64 };

/* All zeros is empty. */
struct latency {
	uint64_t counts[LATENCY_SLOTS];
	uint64_t total;
	uint64_t max_ns;
};

void latency_add(struct latency *latency, uint64_t ns, uint64_t times);

/* The time, in microseconds, that this share of all (0 to 1) took at most. */
double latency_percentile_us(const struct latency *latency, double share);

#endif
