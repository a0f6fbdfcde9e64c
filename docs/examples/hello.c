/* SPDX-License-Identifier: BSD-3-Clause */
/* Greets, answers lines, says goodbye: hello 127.0.0.1:7777 */
#include <evchat/evchat.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* A line has come, without its line end.  Not a C string: it has a length. */
static void on_line(struct evchat *ch, const void *line, size_t len, void *ctx)
{
	if (len == 4 && memcmp(line, "quit", 4) == 0) {
		(void)evchat_pushf(ch, "Goodbye.\r\n");
		evchat_close_when_done(ch); /* sends it first */
		return;
	}
	if (evchat_pushf(ch, "%zu bytes: ", len) ||
	    evchat_push(ch, line, len) || evchat_pushf(ch, "\r\n"))
		evchat_free(ch); /* no memory, or a client that does not read */
}

/* A client has come. */
static void on_accepted(
    struct evchat *ch, const struct sockaddr *peer, socklen_t len, void *ctx)
{
	if (evchat_pushf(ch, "Hello.\r\n"))
		evchat_free(ch);
}

int main(int argc, char **argv)
{
	const struct evchat_listener_options options = {.accepted = on_accepted,
	    .channel = {
		.callbacks.frame = on_line, .terminator = evchat_line()}};
	const char *address = argc > 1 ? argv[1] : "127.0.0.1:7777";
	struct event_base *base = event_base_new();
	struct evchat_listener *listener;
	char text[EVCHAT_ADDRESS_SIZE];

	if (!base || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		goto failed;
	listener = evchat_listen(base, address, &options, NULL);
	if (!listener || evchat_listener_address(listener, text, sizeof text))
		goto failed;
	printf("listening on %s\n", text);
	fflush(stdout);
	return event_base_dispatch(base) < 0;
failed:
	perror("hello");
	return 1;
}
