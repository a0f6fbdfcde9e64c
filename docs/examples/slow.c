/* SPDX-License-Identifier: BSD-3-Clause */
/* 64 MiB for a peer that reads 4 KiB in each turn of the loop: how much waits
 * in this process meanwhile? */
#include <evchat/evchat.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TOTAL = 64 << 20, READ_SIZE = 4096 };

static char zeros[65536];

static enum evchat_more more(struct evbuffer *out, size_t room, void *ctx)
{
	size_t *left = ctx;
	size_t len = room < sizeof zeros ? room : sizeof zeros;

	if (len > *left)
		len = *left;
	if (evbuffer_add(out, zeros, len))
		return EVCHAT_FAIL;
	*left -= len;
	return *left ? EVCHAT_MORE : EVCHAT_END;
}

int main(void)
{
	const struct evchat_callbacks callbacks = {0};
	struct event_base *base = event_base_new();
	size_t left = TOTAL, received = 0, most = 0;
	char bytes[READ_SIZE];
	struct evchat *ch;
	int fds[2];

	if (!base || socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		return 1;
	ch = evchat_open(base, fds[0], 0, &callbacks, NULL);
	if (!ch || evchat_push_producer(ch,
		       (struct evchat_producer){.more = more, .ctx = &left}))
		return 1;
	while (received < TOTAL) {
		ssize_t n;

		event_base_loop(base, EVLOOP_NONBLOCK);
		if (evchat_pending(ch) > most)
			most = evchat_pending(ch);
		n = recv(fds[1], bytes, sizeof bytes, MSG_DONTWAIT);
		received += n > 0 ? (size_t)n : 0;
	}
	printf("%zu bytes received; of them waited here at once: %s\n",
	    received, most <= 320 << 10 ? "less than 320 KiB" : "too many");
	evchat_free(ch);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
	return 0;
}
