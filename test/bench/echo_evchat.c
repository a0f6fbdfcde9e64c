/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Line echo on evchat, the way its users write it: echo_evchat MODE
 *
 *	frame	each line comes whole, and is pushed with its CRLF
 *	pieces	each piece is pushed as it comes, CRLF at the end of the line
 *	line	as frame, by evchat_push_line(), which looks for a CR, LF or NUL
 */
#include "server.h"
#include "server_loop.h"
#include <evchat/evchat.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

static void
on_frame(struct evchat *ch, const void *line, size_t len, void *ctx)
{
	(void)ctx;
	if (evchat_push(ch, line, len) || evchat_push(ch, "\r\n", 2))
		evchat_free(ch);
}

static void
on_piece(struct evchat *ch, const void *piece, size_t len, void *ctx)
{
	(void)ctx;
	if (evchat_push(ch, piece, len))
		evchat_free(ch);
}

static void
on_end_of_line(struct evchat *ch, void *ctx)
{
	(void)ctx;
	if (evchat_push(ch, "\r\n", 2))
		evchat_free(ch);
}

static void
on_line(struct evchat *ch, const void *line, size_t len, void *ctx)
{
	(void)ctx;
	if (evchat_push_line(ch, line, len))
		evchat_free(ch);
}

static const struct mode {
	const char *name;
	struct evchat_callbacks callbacks;
} modes[] = {
    {"frame", {.frame = on_frame}},
    {"pieces", {.collect = on_piece, .found = on_end_of_line}},
    {"line", {.frame = on_line}},
    /* Here "plain": frame, over nothing but the bufferevent's callbacks. */
};

static const struct mode *
find_mode(const char *name)
{
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
		if (strcmp(name, modes[i].name) == 0)
			return &modes[i];
	return NULL;
}

static int
serve(struct event_base *base, const struct mode *mode)
{
	const struct evchat_listener_options options = {
	    .channel = {.callbacks = mode->callbacks,
		.terminator = EVCHAT_LIT("\r\n")}};
	struct evchat_listener *listener =
	    evchat_listen(base, "127.0.0.1:0", &options, NULL);
	int failed;

	if (!listener)
		return -1;
	failed =
	    server_announce(evchat_listener_fd(listener)) || server_loop(base);
	evchat_listener_free(listener);
	return failed ? -1 : 0;
}

int
main(int argc, char **argv)
{
	const struct mode *mode = argc == 2 ? find_mode(argv[1]) : NULL;
	struct event_base *base;

	if (!mode) {
		fputs("usage: echo_evchat frame|pieces|line\n", stderr);
		return 2;
	}
	base = event_base_new();
	if (!base || server_prepare() || serve(base, mode)) {
		perror("echo_evchat");
		return 1;
	}
	event_base_free(base);
	return 0;
}
