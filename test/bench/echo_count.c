/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An echo whose every step is the same in each run, to count its instructions:
 *
 *	echo_count CONNECTIONS IN_FLIGHT ROUNDS
 *
 * Clients and channels are the ends of socketpairs in this one process.  In a
 * round each client sends so many lines of 32 bytes at once, the loop runs
 *until all have been answered, and the answers are compared.  What is to be
 *counted is all inside of run_loop(); no clock and no other process has a say
 *in how many lines it finds.
 */
#include <errno.h>
#include <evchat/evchat.h>
#include <event2/event.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	WHOLE_LINE = 34, /* with its CRLF */
	LINES_MAX = 256,
	CONNECTIONS_MAX = 256,
	TURNS_MAX = 1000
};

struct client {
	int fd;
	size_t received;
};

struct run {
	struct event_base *base;
	unsigned connections;
	size_t len; /* of what a client sends in a round */
	struct client clients[CONNECTIONS_MAX];
	unsigned silent; /* clients that have not got everything */
	char sent[LINES_MAX * WHOLE_LINE];
	char received[LINES_MAX * WHOLE_LINE];
};

/* Not static, and not to be inlined: callgrind finds it by its name. */
__attribute__((noinline)) int run_loop(struct event_base *base);

int
run_loop(struct event_base *base)
{
	return event_base_loop(base, EVLOOP_NONBLOCK);
}

static void
on_frame(struct evchat *ch, const void *line, size_t len, void *ctx)
{
	(void)ctx;
	if (evchat_push(ch, line, len) || evchat_push(ch, "\r\n", 2))
		evchat_free(ch);
}

static int
open_pair(struct run *run, struct client *client)
{
	const struct evchat_callbacks callbacks = {.frame = on_frame};
	struct evchat *ch;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends))
		return -1;
	client->fd = ends[0];
	ch = evchat_open(run->base, ends[1], 0, &callbacks, NULL);
	return ch ? evchat_set_terminator(ch, EVCHAT_LIT("\r\n")) : -1;
}

static int
open_all(struct run *run)
{
	run->base = event_base_new();
	if (!run->base)
		return -1;
	for (unsigned i = 0; i < run->connections; i++)
		if (open_pair(run, &run->clients[i]))
			return -1;
	return 0;
}

/* Every line of a round differs from the others. */
static void
make_lines(struct run *run, unsigned in_flight)
{
	/* A number could have ten digits, for all a compiler knows. */
	char line[WHOLE_LINE + 1 + 4];

	for (unsigned i = 0; i < in_flight; i++) {
		(void)snprintf(
		    line, sizeof line, "line %6u of them all, no more\r\n", i);
		memcpy(run->sent + (size_t)i * WHOLE_LINE, line, WHOLE_LINE);
	}
	run->len = (size_t)in_flight * WHOLE_LINE;
}

static int
send_all(struct run *run)
{
	for (unsigned i = 0; i < run->connections; i++) {
		run->clients[i].received = 0;
		if (send(run->clients[i].fd, run->sent, run->len, 0) !=
		    (ssize_t)run->len)
			return -1;
	}
	run->silent = run->connections;
	return 0;
}

static int
receive(struct run *run, struct client *client)
{
	size_t rest = run->len - client->received;
	ssize_t got;

	if (!rest)
		return 0;
	got = recv(client->fd, run->received, rest, 0);
	if (got < 0 && errno == EAGAIN)
		return 0;
	if (got <= 0 ||
	    memcmp(run->received, run->sent + client->received, (size_t)got))
		return -1;
	client->received += (size_t)got;
	run->silent -= client->received == run->len;
	return 0;
}

static int
answer_all(struct run *run)
{
	for (int turn = 0; run->silent; turn++) {
		if (turn == TURNS_MAX || run_loop(run->base) < 0)
			return -1;
		for (unsigned i = 0; i < run->connections; i++)
			if (receive(run, &run->clients[i]))
				return -1;
	}
	return 0;
}

static int
run_rounds(struct run *run, unsigned long rounds)
{
	while (rounds--)
		if (send_all(run) || answer_all(run))
			return -1;
	return 0;
}

int
main(int argc, char **argv)
{
	static struct run run;
	unsigned long in_flight;

	if (argc != 4) {
		fputs(
		    "usage: echo_count CONNECTIONS IN_FLIGHT ROUNDS\n", stderr);
		return 2;
	}
	run.connections = (unsigned)strtoul(argv[1], NULL, 10);
	in_flight = strtoul(argv[2], NULL, 10);
	if (run.connections > CONNECTIONS_MAX || in_flight > LINES_MAX)
		return 2;
	make_lines(&run, (unsigned)in_flight);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || open_all(&run) ||
	    run_rounds(&run, strtoul(argv[3], NULL, 10))) {
		perror("echo_count");
		return 1;
	}
	return 0;
}
