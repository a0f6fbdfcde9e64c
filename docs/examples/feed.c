/* SPDX-License-Identifier: BSD-3-Clause */
/* A producer that has nothing for now: what it sends is found out by another
 * event of the loop, a few words at a time. */
#include <evchat/evchat.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* [feed] */
struct feed {
	struct evchat *ch;
	struct evbuffer *news; /* found out and not sent yet */
	bool ended;
};

static enum evchat_more more(struct evbuffer *out, size_t room, void *ctx)
{
	struct feed *feed = ctx;

	if (evbuffer_add_buffer(out, feed->news)) /* moves all of it */
		return EVCHAT_FAIL;
	return feed->ended ? EVCHAT_END : EVCHAT_LATER;
}

/* Something is known that was not: called by whoever finds it out. */
static int feed_tell(struct feed *feed, const char *text)
{
	if (evbuffer_add(feed->news, text, strlen(text)))
		return -1;
	return evchat_wake(feed->ch);
}

static int feed_end(struct feed *feed)
{
	feed->ended = true;
	return evchat_wake(feed->ch);
}
/* [end] */

/* Let the loop send what it can, and read it as the peer. */
static void turn(struct event_base *base, int peer)
{
	char bytes[256];
	ssize_t n;

	event_base_loop(base, EVLOOP_NONBLOCK);
	n = recv(peer, bytes, sizeof bytes, MSG_DONTWAIT);
	if (n > 0)
		printf("the peer reads %.*s\n", (int)n, bytes);
	else
		printf("the peer reads %s\n", n ? "nothing yet" : "the end");
}

int main(void)
{
	const struct evchat_callbacks callbacks = {0};
	struct event_base *base = event_base_new();
	struct feed feed = {.news = evbuffer_new()};
	int fds[2];

	if (!base || !feed.news || socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		return 1;
	feed.ch = evchat_open(base, fds[0], 0, &callbacks, NULL);
	if (!feed.ch ||
	    evchat_push_producer(
		feed.ch, (struct evchat_producer){.more = more, .ctx = &feed}))
		return 1;
	evchat_close_when_done(feed.ch); /* when the producer is */
	turn(base, fds[1]);
	if (feed_tell(&feed, "one"))
		return 1;
	turn(base, fds[1]);
	if (feed_tell(&feed, "two") || feed_end(&feed))
		return 1;
	turn(base, fds[1]);
	turn(base, fds[1]);
	close(fds[1]);
	event_base_dispatch(base); /* the channel sees that, and ends */
	evbuffer_free(feed.news);
	event_base_free(base);
	return 0;
}
