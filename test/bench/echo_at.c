/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Line echo on evchat, as echo_evchat's frame, at a port that somebody else
 * chooses: echo_at PORT.  For the yardstick of performance.sh, which starts
 * servers of all kinds that way.
 */
#include "server.h"
#include <evchat/evchat.h>
#include <event2/event.h>
#include <stdio.h>

static void
on_frame(struct evchat *ch, const void *line, size_t len, void *ctx)
{
	(void)ctx;
	if (evchat_push(ch, line, len) || evchat_push(ch, "\r\n", 2))
		evchat_free(ch);
}

static int
serve(struct event_base *base, const char *port)
{
	const struct evchat_listener_options options = {
	    .channel = {
		.callbacks.frame = on_frame, .terminator = EVCHAT_LIT("\r\n")}};
	char address[64];
	int len = snprintf(address, sizeof address, "127.0.0.1:%s", port);

	if (len < 0 || (size_t)len >= sizeof address ||
	    !evchat_listen(base, address, &options, NULL))
		return -1;
	return event_base_dispatch(base);
}

int
main(int argc, char **argv)
{
	struct event_base *base = event_base_new();

	if (argc != 2) {
		fputs("usage: echo_at PORT\n", stderr);
		return 2;
	}
	if (!base || server_prepare() || serve(base, argv[1])) {
		perror("echo_at");
		return 1;
	}
	return 0;
}
