/* SPDX-License-Identifier: BSD-3-Clause */
/* The notes protocol at every cut: what a client says arrives in two pieces,
 * cut at each byte in turn, and the answer must always be the same. */
#include "notes.h"
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

static const char said[] = "ADD milk\r\nADD .5 l of it\r\nLIST\r\nQUIT\r\n";
static const char expected[] = "+OK notes\r\n+OK 1\r\n+OK 2\r\n+OK 2 notes\r\n"
			       "milk\r\n..5 l of it\r\n.\r\n+OK goodbye\r\n";

/* [talk] */
static int open_channel(struct bufferevent *bev)
{
	const struct evchat_channel_options options = notes_options();
	struct evchat *ch = evchat_new(bev, &options.callbacks, NULL);

	if (!ch)
		return -1;
	notes_begin(ch);
	return evchat_set_limits(ch, &options.limits) ||
	       evchat_set_terminator(ch, options.terminator);
}

/* Until there is nothing left to do: no need to wait for anything. */
static int run(struct event_base *base)
{
	return event_base_dispatch(base) < 0 ? -1 : 0;
}

/* The client's end comes with its last piece: without it the server would wait
 * for it, `linger_ms` long. */
static int talk(struct event_base *base, size_t cut, struct evbuffer *answer)
{
	struct bufferevent *pair[2];
	int error;

	if (bufferevent_pair_new(base, 0, pair))
		return -1;
	error = bufferevent_enable(pair[1], EV_READ) || open_channel(pair[0]) ||
		bufferevent_write(pair[1], said, cut) || run(base) ||
		bufferevent_write(pair[1], said + cut, sizeof said - 1 - cut) ||
		bufferevent_flush(pair[1], EV_WRITE, BEV_FINISHED) < 0 ||
		run(base) ||
		evbuffer_add_buffer(answer, bufferevent_get_input(pair[1]));
	bufferevent_free(pair[1]);
	return error;
}
/* [end] */

static int is_right(struct event_base *base, size_t cut)
{
	struct evbuffer *answer = evbuffer_new();
	size_t len = sizeof expected - 1;
	int right;

	right = answer && talk(base, cut, answer) == 0 &&
		evbuffer_get_length(answer) == len &&
		memcmp(evbuffer_pullup(answer, -1), expected, len) == 0;
	if (answer)
		evbuffer_free(answer);
	return right;
}

int main(void)
{
	struct event_base *base = event_base_new();
	size_t cut = 0, wrong = 0;

	if (!base)
		return 1;
	for (; cut < sizeof said - 1; cut++)
		if (!is_right(base, cut)) {
			printf("cut at %zu: another answer\n", cut);
			wrong++;
		}
	printf("%zu cuts, %zu wrong\n", cut, wrong);
	event_base_free(base);
	return wrong != 0;
}
