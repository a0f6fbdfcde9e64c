/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program that has its event_base and its bufferevents already: evchat takes
 * one over for as long as the peer speaks in lines, and gives it back when it
 * says "raw".
 */
#include <evchat/evchat.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

/* [raw] The program's own code, as it was before. */
static void on_raw(struct bufferevent *bev, void *ctx)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	size_t len = evbuffer_get_length(in);

	printf("raw: %.*s\n", (int)len, (char *)evbuffer_pullup(in, -1));
	evbuffer_drain(in, len);
	bufferevent_free(bev);
}

static void take_back(struct bufferevent *bev)
{
	bufferevent_setcb(bev, on_raw, NULL, NULL, NULL);
	/* What is in the input already causes no read callback. */
	if (evbuffer_get_length(bufferevent_get_input(bev)))
		on_raw(bev, NULL);
}
/* [end] */

/* [lines] */
static void on_line(struct evchat *ch, const void *line, size_t len, void *ctx)
{
	struct bufferevent *bev;

	printf("line: %.*s\n", (int)len, (const char *)line);
	if (len != 3 || memcmp(line, "raw", 3) != 0)
		return;
	bev = evchat_detach(ch); /* the channel is dead now */
	if (bev)
		take_back(bev);
	else
		evchat_free(ch); /* errno says why */
}

static int take_over(struct bufferevent *bev)
{
	const struct evchat_callbacks callbacks = {.frame = on_line};
	struct evchat *ch = evchat_new(bev, &callbacks, NULL);

	if (!ch)
		return -1; /* nothing was taken: bev is still ours */
	return evchat_set_terminator(ch, evchat_line());
}
/* [end] */

int main(void)
{
	struct event_base *base = event_base_new();
	struct bufferevent *pair[2];

	if (!base || bufferevent_pair_new(base, 0, pair))
		return 1;
	if (take_over(pair[0]))
		return 1;
	if (bufferevent_write(pair[1], "one\r\ntwo\r\nraw\r\nand so on", 24))
		return 1;
	event_base_dispatch(base);
	bufferevent_free(pair[1]);
	event_base_free(base);
	return 0;
}
