/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A chat by lines: a room is a group, and what somebody says is broadcast to
 * it.  Nobody can hold the others up: a member who does not read misses lines,
 * is told how many when there is room again, and is cut off after a while.
 * Try:
 *
 *	chat_server 127.0.0.1:7777 &
 *	nc 127.0.0.1 7777
 *
 * Without an address any free port of 127.0.0.1 is taken; it is printed.  The
 * first SIGINT or SIGTERM says goodbye to everybody, a second one does not.
 *
 * chat_member.c is somebody who is there, chat_room.c where, this file is the
 * process around them.
 */
#include "chat_member.h"
#include <evchat/evchat.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define GOODBYE_MS 2000

static void on_accept_failed(
    struct evchat_listener *listener, int error, void *ctx)
{
	fprintf(stderr, "chat_server: accept: %s\n", strerror(error));
}

static void on_all_gone(
    struct evchat_group *group, size_t went, size_t cut, void *ctx)
{
	const struct chat *chat = ctx;

	printf("%zu went, %zu were cut off\n", went, cut);
	(void)event_base_loopbreak(chat->base);
}

static void on_signal(evutil_socket_t number, short what, void *ctx)
{
	static const char last[] = "* goodbye: the server ends\n";
	struct chat *chat = ctx;

	evchat_listener_stop(chat->listener);
	if (!chat->ending)
		(void)evchat_group_broadcast(
		    chat->everybody, last, sizeof last - 1, NULL);
	chat->ending = true; /* nobody hears who leaves any more */
	if (evchat_group_close_when_done(
		chat->everybody, GOODBYE_MS, on_all_gone, chat))
		(void)event_base_loopbreak(chat->base); /* the second signal */
}

static void drop_visited(struct evchat *ch, void *ctx)
{
	chat_drop(evchat_ctx(ch));
}

static int listen_at(struct chat *chat, const char *address)
{
	const struct evchat_listener_options options = {
	    .channel = chat_channel(chat),
	    .accepted = chat_accept,
	    .failed = on_accept_failed};
	char text[EVCHAT_ADDRESS_SIZE];

	chat->listener = evchat_listen(chat->base, address, &options, chat);
	if (!chat->listener ||
	    evchat_listener_address(chat->listener, text, sizeof text))
		return -1;
	printf("listening on %s\n", text);
	return fflush(stdout);
}

static int run(struct chat *chat, const char *address)
{
	struct event *on_int = NULL, *on_term = NULL;
	int error = -1;

	chat->base = event_base_new();
	chat->everybody = chat->base ? evchat_group_new(chat->base) : NULL;
	if (!chat->everybody)
		goto done;
	on_int = evsignal_new(chat->base, SIGINT, on_signal, chat);
	on_term = evsignal_new(chat->base, SIGTERM, on_signal, chat);
	if (on_int && !event_add(on_int, NULL) && on_term &&
	    !event_add(on_term, NULL) && signal(SIGPIPE, SIG_IGN) != SIG_ERR &&
	    !listen_at(chat, address))
		error = event_base_dispatch(chat->base);
done:
	if (error)
		perror("chat_server");
	evchat_listener_free(chat->listener);
	chat->ending = true;
	evchat_group_for_each(chat->everybody, drop_visited, NULL);
	evchat_group_free(chat->everybody);
	if (on_int)
		event_free(on_int);
	if (on_term)
		event_free(on_term);
	if (chat->base)
		event_base_free(chat->base);
	return error;
}

int main(int argc, char **argv)
{
	struct chat chat = {0};

	if (argc > 2) {
		fputs("usage: chat_server [address]\n", stderr);
		return 2;
	}
	return run(&chat, argc > 1 ? argv[1] : "127.0.0.1:0") != 0;
}
