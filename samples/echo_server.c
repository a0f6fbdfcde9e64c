/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * asyncore's echo example: sends back whatever comes, as it comes.  Without a
 * terminator every byte is handed over in pieces.  A client that sends and does
 * not read costs no more than a few hundred KiB: while more than output_high
 * waits, the channel leaves what arrives in the kernel.  Try:
 *
 *	echo_server 7778 &
 *	nc 127.0.0.1 7778
 *
 * Without a port, or with port 0, any free one is taken; it is printed.
 */
#include <evchat/evchat.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>

static void on_bytes(
    struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	if (evchat_push(ch, bytes, len))
		evchat_free(ch);
}

static void on_closed(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	if (reason != EVCHAT_REASON_EOF)
		fprintf(
		    stderr, "echo_server: %s\n", evchat_reason_text(reason));
}

static void on_accepted(
    struct evchat *ch, const struct sockaddr *peer, socklen_t len, void *ctx)
{
	char text[EVCHAT_ADDRESS_SIZE];

	if (evchat_address_text(peer, len, text, sizeof text) == 0)
		fprintf(stderr, "echo_server: a client at %s\n", text);
}

static int print_address(const struct evchat_listener *listener)
{
	char text[EVCHAT_ADDRESS_SIZE];

	if (evchat_listener_address(listener, text, sizeof text))
		return -1;
	printf("listening on %s\n", text);
	return fflush(stdout);
}

int main(int argc, char **argv)
{
	const struct evchat_listener_options options = {
	    .channel.callbacks = {.collect = on_bytes, .closed = on_closed},
	    .accepted = on_accepted};
	struct event_base *base = event_base_new();
	struct evchat_listener *listener;
	char address[EVCHAT_ADDRESS_SIZE];

	(void)snprintf(address, sizeof address, "127.0.0.1:%s",
	    argc > 1 ? argv[1] : "0"); /* too long is no address either */
	if (!base || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		goto failed;
	listener = evchat_listen(base, address, &options, NULL);
	if (listener && print_address(listener) == 0)
		return event_base_dispatch(base) < 0;
failed:
	perror("echo_server");
	return 1;
}
