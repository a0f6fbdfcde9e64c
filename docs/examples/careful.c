/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A line server for people one does not know: every limit and deadline is set,
 * and SIGTERM lets clients have what waits for them.
 *
 *	careful 127.0.0.1:7777		clients have 10 s for a line
 *	careful 127.0.0.1:7777 100	100 ms
 */
#include <evchat/evchat.h>
#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GOODBYE_MS = 2000 };

struct server {
	struct event_base *base;
	struct evchat_group *group;
	struct evchat_listener *listener;
	struct event *on_signal;
};

/* After EVCHAT_ERR_CLOSING `closed` comes by itself, with the true reason. */
static void drop_on(struct evchat *ch, int error)
{
	if (error && error != EVCHAT_ERR_CLOSING)
		evchat_free(ch);
}

static int last_word(struct evchat *ch, const char *text)
{
	int error = evchat_push_line(ch, text, strlen(text));

	evchat_close_when_done(ch);
	return error;
}

static void on_line(struct evchat *ch, const void *line, size_t len, void *ctx)
{
	drop_on(ch, evchat_push_line(ch, line, len));
}

/* [odd] The three odd cases that a peer can bring about.  Without these
 * callbacks the channel would end without a word. */
static void on_overlong(struct evchat *ch, void *ctx)
{
	static const char text[] = "that line is too long";

	drop_on(ch, evchat_push_line(ch, text, sizeof text - 1));
}

static void on_timeout(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	if (reason == EVCHAT_REASON_TIMEOUT_WRITE) /* it does not read */
		evchat_free(ch);
	else
		drop_on(ch, last_word(ch, evchat_reason_text(reason)));
}

static void on_closed(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	if (reason != EVCHAT_REASON_DONE && reason != EVCHAT_REASON_EOF)
		fprintf(stderr, "careful: %s, %" PRIu64 " bytes unsent\n",
		    evchat_reason_text(reason), evchat_unsent(ch));
}

static void on_failed(struct evchat_listener *listener, int error, void *ctx)
{
	fprintf(stderr, "careful: accept: %s\n", strerror(error));
}
/* [end] */

/* [limits] */
static struct evchat_listener_options careful_options(
    struct evchat_group *group, unsigned patience_ms)
{
	const struct evchat_callbacks callbacks = {
	    .frame = on_line,
	    .overlong = on_overlong,
	    .timeout = on_timeout,
	    .closed = on_closed,
	};
	const struct evchat_limits limits = {
	    .max_frame = 1000,
	    .frame_deadline_ms = patience_ms,
	    .idle_deadline_ms = 6 * patience_ms,
	    .write_deadline_ms = patience_ms,
	    .read_budget = 16384,
	    .output_high = 65536,
	    .output_max = 262144,
	};

	return (struct evchat_listener_options){
	    .channel = {.callbacks = callbacks,
		.limits = limits,
		.terminator = EVCHAT_LIT("\r\n"),
		.group = group},
	    .failed = on_failed,
	    .max_channels = 1000, /* more wait in the backlog */
	};
}
/* [end] */

/* [stop] The loop ends by itself when nothing is left in it: no listener, no
 * channel, no signal that is waited for. */
static void on_stop(evutil_socket_t number, short what, void *ctx)
{
	static const char text[] = "the server stops\r\n";
	struct server *server = ctx;

	evchat_listener_stop(server->listener);
	event_del(server->on_signal);
	/* Who has no room for it, or is closing, goes without. */
	(void)evchat_group_broadcast(
	    server->group, text, sizeof text - 1, NULL);
	if (evchat_group_close_when_done(server->group, GOODBYE_MS, NULL, NULL))
		evchat_group_close_all(server->group);
}
/* [end] */

static int set_up(struct server *server, const char *address, unsigned patience)
{
	struct evchat_listener_options options;
	char text[EVCHAT_ADDRESS_SIZE];

	server->base = event_base_new();
	if (!server->base || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -1;
	server->on_signal =
	    evsignal_new(server->base, SIGTERM, on_stop, server);
	server->group = evchat_group_new(server->base);
	if (!server->group || !server->on_signal ||
	    event_add(server->on_signal, NULL))
		return -1;
	options = careful_options(server->group, patience);
	server->listener = evchat_listen(server->base, address, &options, NULL);
	if (!server->listener ||
	    evchat_listener_address(server->listener, text, sizeof text))
		return -1;
	printf("listening on %s\n", text);
	return fflush(stdout);
}

/* The group after the channels that it could still be asked about, the base
 * last. */
static void tear_down(struct server *server)
{
	evchat_listener_free(server->listener);
	evchat_group_free(server->group);
	event_free(server->on_signal);
	event_base_free(server->base);
}

int main(int argc, char **argv)
{
	struct server server = {0};
	int error;

	if (set_up(&server, argc > 1 ? argv[1] : "127.0.0.1:7777",
		argc > 2 ? (unsigned)atoi(argv[2]) : 10000)) {
		perror("careful");
		return 1;
	}
	error = event_base_dispatch(server.base) < 0;
	tear_down(&server);
	return error;
}
