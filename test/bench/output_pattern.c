/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is sent: 64 KiB of noise over and over.  They stay in the processor's
 * cache, so that what is measured is sending and not reading memory; their
 * period shows a piece that is lost, doubled or cut at the wrong place.
 */
#include "output.h"

static uint8_t pattern[OUTPUT_PIECE + OUTPUT_LARGE_PIECE];

void
output_make_pattern(void)
{
	uint32_t noise = 2463534242;

	for (size_t i = 0; i < sizeof pattern; i++) {
		if (i % OUTPUT_PIECE == 0)
			noise = 2463534242;
		noise ^= noise << 13;
		noise ^= noise >> 17;
		noise ^= noise << 5;
		pattern[i] = (uint8_t)noise;
	}
}

const void *
output_pattern(uint64_t offset)
{
	return pattern + offset % OUTPUT_PIECE;
}

size_t
output_least(size_t len, uint64_t left)
{
	return len < left ? len : (size_t)left;
}

void
output_note_queued(struct output *output, uint64_t in, uint64_t out)
{
	if (in - out > output->queued_peak)
		output->queued_peak = in - out;
}
