/* SPDX-License-Identifier: BSD-3-Clause */
/* Text that grows. */
#include "sweep/text.h"
#include <stdlib.h>
#include <string.h>

void
text_add(struct text *text, const void *bytes, size_t len)
{
	if (text->room < text->len + len + 1) {
		text->room = 2 * (text->len + len + 1);
		text->bytes = realloc(text->bytes, text->room);
		if (!text->bytes)
			abort();
	}
	memcpy(text->bytes + text->len, bytes, len);
	text->len += len;
	text->bytes[text->len] = '\0';
}

void
text_add_string(struct text *text, const char *string)
{
	text_add(text, string, strlen(string));
}

void
text_clear(struct text *text)
{
	free(text->bytes);
	*text = (struct text){NULL, 0, 0};
}

bool
text_begins(const struct text *whole, const char *bytes, size_t len)
{
	return len <= whole->len &&
	       (!len || memcmp(whole->bytes, bytes, len) == 0);
}

bool
text_equals(const struct text *a, const struct text *b)
{
	return a->len == b->len && text_begins(a, b->bytes, b->len);
}
