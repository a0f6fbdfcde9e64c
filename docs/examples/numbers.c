/* SPDX-License-Identifier: BSD-3-Clause */
/* As many lines as a client asks for, made when there is room for them:
 * numbers 127.0.0.1:7777 */
#include "serve.h"
#include <event2/buffer.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { LINE_ROOM = 32 };

/* [producer] */
struct numbers {
	uint64_t next, last;
};

/* Called from the loop, again and again, whenever there is room. */
static enum evchat_more more(struct evbuffer *out, size_t room, void *ctx)
{
	struct numbers *numbers = ctx;

	for (size_t made = 0; made < room; made += LINE_ROOM) {
		if (numbers->next > numbers->last)
			return EVCHAT_END;
		if (evbuffer_add_printf(
			out, "%" PRIu64 "\r\n", numbers->next++) < 0)
			return EVCHAT_FAIL;
	}
	return EVCHAT_MORE;
}

static int push_numbers(struct evchat *ch, uint64_t last)
{
	struct numbers *numbers = malloc(sizeof *numbers);

	if (!numbers)
		return EVCHAT_ERR_NO_MEMORY;
	*numbers = (struct numbers){.next = 1, .last = last};
	/* It is the channel's from here on, also if this fails; `release` is
	 * called exactly once. */
	return evchat_push_producer(
	    ch, (struct evchat_producer){
		    .more = more, .release = free, .ctx = numbers});
}
/* [end] */

static void on_line(struct evchat *ch, const void *line, size_t len, void *ctx)
{
	char digits[16] = "";

	(void)snprintf(
	    digits, sizeof digits, "%.*s", (int)len, (const char *)line);
	if (push_numbers(ch, strtoull(digits, NULL, 10)) ||
	    evchat_push_line(ch, "done", 4))
		evchat_free(ch);
}

int main(int argc, char **argv)
{
	const struct evchat_listener_options options = {
	    .channel = {.callbacks.frame = on_line,
		.terminator = evchat_line(),
		.limits.max_frame = 64}};

	return serve(argc > 1 ? argv[1] : "127.0.0.1:7777", &options);
}
