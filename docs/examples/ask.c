/* SPDX-License-Identifier: BSD-3-Clause */
/* Says one line to a server and prints what it answers: ask 127.0.0.1:7777 hi
 */
#include <evchat/evchat.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* [ask] */
static void on_line(struct evchat *ch, const void *line, size_t len, void *ctx)
{
	printf("%.*s\n", (int)len, (const char *)line);
}

/* Also when there was no connection: then it is the only one called. */
static void on_closed(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	int *failed = ctx;

	*failed = reason != EVCHAT_REASON_EOF;
	if (reason == EVCHAT_REASON_ERROR)
		fprintf(stderr, "ask: %s\n", strerror(evchat_errno(ch)));
	else if (*failed)
		fprintf(stderr, "ask: %s\n", evchat_reason_text(reason));
}

static int ask(struct event_base *base, const char *address, const char *line)
{
	int failed = 1;
	const struct evchat_connect_options options = {.connect_ms = 5000,
	    .channel = {.callbacks = {.frame = on_line, .closed = on_closed},
		.limits.idle_deadline_ms = 10000,
		.terminator = evchat_line()}};
	struct evchat *ch =
	    evchat_connect(base, NULL, address, &options, &failed);

	if (!ch)
		return -1; /* no such address, or no memory */
	/* There is no connection yet: what is pushed waits for it. */
	if (evchat_push_line(ch, line, strlen(line)) ||
	    evchat_shutdown_write(ch)) {
		evchat_free(ch);
		return -1;
	}
	(void)event_base_dispatch(base); /* until the channel is no more */
	return failed;
}
/* [end] */

int main(int argc, char **argv)
{
	struct event_base *base = event_base_new();
	int error;

	if (argc != 3) {
		fputs("usage: ask ADDRESS LINE\n", stderr);
		return 2;
	}
	if (!base || signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
		perror("ask");
		return 1;
	}
	error = ask(base, argv[1], argv[2]);
	if (error < 0)
		perror("ask");
	event_base_free(base);
	return error != 0;
}
