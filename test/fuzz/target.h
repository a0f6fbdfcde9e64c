/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every fuzz target has: the one function that libFuzzer, or replay.c in
 * its place, calls for each input, and a way to read that input as numbers and
 * runs of bytes.  Where an input is over, zeros follow, so that every input
 * means something.
 */
#ifndef EVCHAT_FUZZ_TARGET_H
#define EVCHAT_FUZZ_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct input {
	const uint8_t *bytes;
	size_t left;
};

static inline uint8_t
input_byte(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->bytes++;
}

/* A number less than this, which is at most 256. */
static inline size_t
input_below(struct input *in, size_t limit)
{
	return input_byte(in) % limit;
}

static inline size_t
input_word(struct input *in)
{
	size_t high = input_byte(in);

	return high << 8 | input_byte(in);
}

/* So many bytes, or all that are left; how many. */
static inline size_t
input_run(struct input *in, size_t len, const uint8_t **bytes)
{
	if (len > in->left)
		len = in->left;
	*bytes = in->bytes;
	in->bytes += len;
	in->left -= len;
	return len;
}

/* What must hold, whatever the input; or the program aborts, which is a find.
 */
void must(bool holds, const char *what);

/* What is going on, for whoever set EVCHAT_FUZZ_VERBOSE to look into a find. */
void target_tell(const char *what);

/* No more descriptors are open than when this was called first. */
void must_keep_descriptors(void);

#endif
