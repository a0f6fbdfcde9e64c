/* SPDX-License-Identifier: BSD-3-Clause */
/* Sends back each line: echo_line 127.0.0.1:7777, then nc 127.0.0.1 7777 */
#include <evchat/evchat.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>

static void on_line(struct evchat *ch, const void *line, size_t len, void *end)
{
	if (evchat_push(ch, line, len) || evchat_push(ch, end, 1))
		evchat_free(ch);
}

int main(int argc, char **argv)
{
	const struct evchat_listener_options options = {
	    .channel = {
		.callbacks.frame = on_line, .terminator = evchat_line()}};
	const char *address = argc > 1 ? argv[1] : "127.0.0.1:7777";
	struct event_base *base = event_base_new();

	if (base && signal(SIGPIPE, SIG_IGN) != SIG_ERR &&
	    evchat_listen(base, address, &options, "\n"))
		return event_base_dispatch(base);
	perror("echo_line");
	return 1;
}
