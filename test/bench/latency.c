/* SPDX-License-Identifier: BSD-3-Clause */
/* Slot 64 * e + m holds the times from (64 + m) << (e - 1) on; those below 128
 * have one nanosecond each. */
#include "latency.h"

enum { PER_POWER = 64, BITS = 6 };

static unsigned
slot_of(uint64_t ns)
{
	unsigned shift = 0;

	while (ns >> shift >= 2 * PER_POWER)
		shift++;
	return shift * PER_POWER + (unsigned)(ns >> shift);
}

static uint64_t
start_of(unsigned slot)
{
	unsigned shift = slot < PER_POWER ? 0 : slot / PER_POWER - 1;

	return (uint64_t)(slot - shift * PER_POWER) << shift;
}

void
latency_add(struct latency *latency, uint64_t ns, uint64_t times)
{
	latency->counts[slot_of(ns)] += times;
	latency->total += times;
	if (ns > latency->max_ns)
		latency->max_ns = ns;
}

double
latency_percentile_us(const struct latency *latency, double share)
{
	double wanted = share * (double)latency->total;
	uint64_t seen = 0;

	for (unsigned slot = 0; slot < LATENCY_SLOTS; slot++) {
		seen += latency->counts[slot];
		if ((double)seen > wanted)
			return (double)start_of(slot) / 1e3;
	}
	return (double)latency->max_ns / 1e3;
}
