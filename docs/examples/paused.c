/* SPDX-License-Identifier: BSD-3-Clause */
/* A loop in which nothing can happen returns at once. */
#include <evchat/evchat.h>
#include <event2/event.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void)
{
	const struct evchat_callbacks callbacks = {0};
	struct event_base *base = event_base_new();
	struct evchat *ch;
	int fds[2];

	if (!base || socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		return 1;
	ch = evchat_open(base, fds[0], 0, &callbacks, NULL);
	if (!ch || evchat_pause(ch))
		return 1;
	/* [paused] */
	/* The only channel is paused: nothing can wake this loop. */
	printf("paused: the loop returns %d\n", event_base_dispatch(base));
	/* One that is to live on regardless of what there is to do: */
	(void)event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY | EVLOOP_NONBLOCK);
	/* [end] */
	evchat_resume(ch);
	close(fds[1]);
	printf("resumed: it sees the peer's end and returns %d\n",
	    event_base_dispatch(base));
	event_base_free(base);
	return 0;
}
