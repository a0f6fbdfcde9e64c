/* SPDX-License-Identifier: BSD-3-Clause */
/* A terminator that an input asks for, with the memory of its literals. */
#ifndef EVCHAT_FUZZ_WANTED_H
#define EVCHAT_FUZZ_WANTED_H

#include "fuzz/target.h"
#include <evchat/terminator.h>

enum { WANTED_LONG = 200 }; /* the longest literal */

struct wanted {
	struct evchat_terminator t;
	size_t longest; /* literal's length; at least 1 */
	unsigned char bytes[EVCHAT_LITERALS_MAX][WANTED_LONG];
};

/* One of the four letters that make matches likely, or the byte as it is. */
unsigned char wanted_letter(uint8_t byte, bool letters);

void wanted_read(struct wanted *wanted, struct input *in, bool letters);

#endif
