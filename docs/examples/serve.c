/* SPDX-License-Identifier: BSD-3-Clause */
/* One base, one listener: what every server of the guide begins with. */
#include "serve.h"
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>

int serve(const char *address, const struct evchat_listener_options *options)
{
	struct event_base *base = event_base_new();
	struct evchat_listener *listener;
	char text[EVCHAT_ADDRESS_SIZE];

	if (!base || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		goto failed;
	listener = evchat_listen(base, address, options, NULL);
	if (!listener || evchat_listener_address(listener, text, sizeof text))
		goto failed;
	printf("listening on %s\n", text);
	fflush(stdout);
	return event_base_dispatch(base) < 0;
failed:
	perror(address);
	return 1;
}
