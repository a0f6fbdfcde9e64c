/* SPDX-License-Identifier: BSD-3-Clause */
/* Text that grows, in memory that is not evchat's and does not run out. */
#ifndef EVCHAT_TEST_TEXT_H
#define EVCHAT_TEST_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
	char *bytes; /* ends in a NUL, or is NULL */
	size_t len, room;
};

void text_add(struct text *text, const void *bytes, size_t len);
void text_add_string(struct text *text, const char *string);
void text_clear(struct text *text);

bool text_equals(const struct text *a, const struct text *b);
bool text_begins(const struct text *whole, const char *bytes, size_t len);

#endif
