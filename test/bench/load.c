/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The load client.  Its lines are pieces of one long random text, each begun
 * elsewhere, so that to make one is a copy and to check one a comparison: the
 * client must cost less than any server.
 */
#include "load.h"
#include "latency.h"
#include "usage.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	STARTS = 65521, /* where a line may begin; a prime */
	NEXT_LINE = 7919,
	NEXT_CONNECTION = 24571,
	READ_SIZE = 256 * 1024,
	EVENTS = 256,
	STALLED_MS = 30000
};

/* A place in the stream of a connection. */
struct place {
	size_t start; /* of the line, in the text */
	size_t at;    /* in the line */
};

struct connection {
	int fd;
	bool idle;
	bool blocked;     /* the socket did not take all */
	uint64_t allowed; /* lines it may still begin, if they are counted */
	unsigned waiting; /* lines that have not come back */
	uint64_t sent_at;
	struct place sending, expected;
	char *batch;
	size_t batch_len, batch_sent;
};

struct client {
	const struct load *load;
	int loop;
	struct connection *connections;
	unsigned n, busy; /* opened; with lines on their way */
	char *text;
	bool stopping;
	uint64_t lines;
	struct usage before, after;
	struct latency latency;
};

static char input[READ_SIZE];

static int
fail(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	return -1;
}

static int
refuse(const char *what)
{
	fprintf(stderr, "load: %s\n", what);
	return -1;
}

/* --- Lines. --- */

/* Printable, by a generator that needs no library (xorshift). */
static char *
make_text(size_t len)
{
	char *text = malloc(len);
	uint32_t x = 2463534242U;

	for (size_t i = 0; text && i < len; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		text[i] = (char)(' ' + x % 95);
	}
	return text;
}

static void
next_line(struct place *place)
{
	place->start = (place->start + NEXT_LINE) % STARTS;
	place->at = 0;
}

static void
fill_batch(const struct client *client, struct connection *c, unsigned n)
{
	size_t len = client->load->line_len;
	char *to = c->batch;

	for (unsigned i = 0; i < n; i++) {
		memcpy(to, client->text + c->sending.start, len);
		memcpy(to + len, "\r\n", 2);
		to += len + 2;
		next_line(&c->sending);
	}
	c->batch_len = (size_t)(to - c->batch);
	c->batch_sent = 0;
}

/* Compare as much as there is of one line.  Returns how much, or 0 when it is
 * wrong. */
static size_t
check_line(const struct client *client, struct connection *c, const char *bytes,
    size_t len)
{
	size_t line_len = client->load->line_len;
	size_t at = c->expected.at;
	size_t of_line = at < line_len ? line_len - at : 0;
	size_t of_end = line_len + 2 - at - of_line;

	if (of_line > len)
		of_line = len;
	if (of_end > len - of_line)
		of_end = len - of_line;
	if (memcmp(bytes, client->text + c->expected.start + at, of_line) ||
	    memcmp(bytes + of_line, &"\r\n"[at > line_len], of_end))
		return 0;
	c->expected.at += of_line + of_end;
	return of_line + of_end;
}

/* Returns how many lines are complete now, or -1. */
static int
check_input(const struct client *client, struct connection *c, size_t len)
{
	size_t whole = client->load->line_len + 2;
	const char *from = input;
	int lines = 0;
	size_t n;

	for (; len; from += n, len -= n) {
		n = check_line(client, c, from, len);
		if (!n)
			return refuse("a byte that was not sent");
		if (c->expected.at < whole)
			continue;
		next_line(&c->expected);
		lines++;
	}
	return lines;
}

/* --- Sending and receiving. --- */

static int
watch(const struct client *client, struct connection *c, int how)
{
	struct epoll_event event = {.data.ptr = c,
	    .events = EPOLLIN | EPOLLRDHUP | (c->blocked ? EPOLLOUT : 0)};

	return epoll_ctl(client->loop, how, c->fd, &event) ? fail("epoll_ctl")
							   : 0;
}

static int
send_batch(const struct client *client, struct connection *c)
{
	bool was_blocked = c->blocked;
	ssize_t sent = send(c->fd, c->batch + c->batch_sent,
	    c->batch_len - c->batch_sent, MSG_NOSIGNAL);

	if (sent < 0 && errno != EAGAIN)
		return fail("send");
	if (sent > 0)
		c->batch_sent += (size_t)sent;
	c->blocked = c->batch_sent < c->batch_len;
	if (c->blocked == was_blocked)
		return 0;
	return watch(client, c, EPOLL_CTL_MOD);
}

static int
send_next(struct client *client, struct connection *c, uint64_t now)
{
	unsigned n = client->load->in_flight;

	if (client->load->lines && n > c->allowed)
		n = (unsigned)c->allowed;
	if (!n || client->stopping) {
		client->busy--;
		return 0;
	}
	c->allowed -= client->load->lines ? n : 0;
	c->waiting = n;
	c->sent_at = now;
	fill_batch(client, c, n);
	return send_batch(client, c);
}

static int
receive(struct client *client, struct connection *c)
{
	ssize_t got = recv(c->fd, input, sizeof input, 0);
	int lines;
	uint64_t now;

	if (got < 0 && errno == EAGAIN)
		return 0;
	if (got < 0)
		return fail("recv");
	if (got == 0 || c->idle)
		return refuse(got ? "a line that was not sent"
				  : "the server closed a connection");
	lines = check_input(client, c, (size_t)got);
	if (lines < 0 || (unsigned)lines > c->waiting)
		return lines < 0 ? -1 : refuse("more lines than were sent");
	if (!lines)
		return 0;
	now = usage_now_ns();
	latency_add(&client->latency, now - c->sent_at, (uint64_t)lines);
	client->lines += (uint64_t)lines;
	c->waiting -= (unsigned)lines;
	return c->waiting ? 0 : send_next(client, c, now);
}

static int
handle(struct client *client, const struct epoll_event *event)
{
	struct connection *c = event->data.ptr;

	if (event->events & EPOLLOUT && send_batch(client, c))
		return -1;
	/* Lost or ended is found by reading, too. */
	return event->events & ~(unsigned)EPOLLOUT ? receive(client, c) : 0;
}

/* --- The run. --- */

static int
begin_measure(struct client *client)
{
	client->lines = 0;
	memset(&client->latency, 0, sizeof client->latency);
	return usage_read(&client->before, client->load->server) ? fail("usage")
								 : 0;
}

static int
end_measure(struct client *client, struct load_result *result)
{
	const struct usage *a = &client->before, *b = &client->after;
	const struct latency *latency = &client->latency;

	if (usage_read(&client->after, client->load->server))
		return fail("usage");
	*result = (struct load_result){.lines = client->lines,
	    .seconds = (double)(b->at_ns - a->at_ns) / 1e9,
	    .server_ns = (double)(b->server_ns - a->server_ns),
	    .p50_us = latency_percentile_us(latency, .5),
	    .p90_us = latency_percentile_us(latency, .9),
	    .p99_us = latency_percentile_us(latency, .99),
	    .max_us = (double)latency->max_ns / 1e3};
	result->foreign_cpus =
	    ((double)(b->all_ns - a->all_ns) - result->server_ns -
		(double)(b->own_ns - a->own_ns)) /
	    1e9 / result->seconds;
	return 0;
}

static int
turn(struct client *client)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(client->loop, events, EVENTS, STALLED_MS);

	if (n < 0)
		return errno == EINTR ? 0 : fail("epoll_wait");
	if (n == 0)
		return refuse("nothing came for 30 s");
	for (int i = 0; i < n; i++)
		if (handle(client, &events[i]))
			return -1;
	return 0;
}

static int
turn_until(struct client *client, uint64_t end_ns)
{
	while (client->busy && usage_now_ns() < end_ns)
		if (turn(client))
			return -1;
	return 0;
}

static int
send_first(struct client *client)
{
	uint64_t now = usage_now_ns();

	client->busy = client->load->connections;
	for (unsigned i = 0; i < client->load->connections; i++)
		if (send_next(client, &client->connections[i], now))
			return -1;
	return 0;
}

static int
run_lines(struct client *client, struct load_result *result)
{
	if (begin_measure(client) || send_first(client) ||
	    turn_until(client, UINT64_MAX))
		return -1;
	return end_measure(client, result);
}

/* What is on its way at the end still has to come back, and right. */
static int
run_seconds(struct client *client, struct load_result *result)
{
	const struct load *load = client->load;
	uint64_t begin = usage_now_ns() + (uint64_t)(load->warm_s * 1e9);

	if (send_first(client) || turn_until(client, begin) ||
	    begin_measure(client) ||
	    turn_until(client,
		client->before.at_ns + (uint64_t)(load->seconds * 1e9)) ||
	    end_measure(client, result))
		return -1;
	client->stopping = true;
	return turn_until(client, UINT64_MAX);
}

/* --- Opening and closing. --- */

static int
connect_to(unsigned port)
{
	const struct sockaddr_in at = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int yes = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&at, sizeof at) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) ||
	    fcntl(fd, F_SETFL, O_NONBLOCK)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int
open_connection(struct client *client)
{
	const struct load *load = client->load;
	unsigned i = client->n;
	struct connection *c = &client->connections[i];
	size_t start = (size_t)i * NEXT_CONNECTION % STARTS;

	*c = (struct connection){.fd = connect_to(load->port),
	    .idle = i >= load->connections,
	    .sending.start = start,
	    .expected.start = start,
	    .allowed = load->lines / load->connections +
		       (i < load->lines % load->connections)};
	if (c->fd < 0)
		return fail("connect");
	client->n++;
	if (!c->idle)
		c->batch = malloc(load->in_flight * (load->line_len + 2));
	if (!c->idle && !c->batch)
		return fail("malloc");
	return watch(client, c, EPOLL_CTL_ADD);
}

static int
allow_descriptors(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return -1;
	files.rlim_cur = files.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &files);
}

static int
open_client(struct client *client)
{
	const struct load *load = client->load;
	unsigned all = load->connections + load->idle;

	client->loop = epoll_create1(EPOLL_CLOEXEC);
	client->connections = calloc(all, sizeof *client->connections);
	client->text = make_text(STARTS + load->line_len);
	if (client->loop < 0 || !client->connections || !client->text ||
	    allow_descriptors())
		return fail("start");
	while (client->n < all)
		if (open_connection(client))
			return -1;
	return 0;
}

static void
close_client(struct client *client)
{
	for (unsigned i = 0; i < client->n; i++) {
		close(client->connections[i].fd);
		free(client->connections[i].batch);
	}
	free(client->connections);
	free(client->text);
	if (client->loop >= 0)
		close(client->loop);
	free(client);
}

int
load_run(const struct load *load, struct load_result *result)
{
	struct client *client = calloc(1, sizeof *client);
	int failed;

	if (!client)
		return fail("malloc");
	client->load = load;
	failed =
	    open_client(client) || (load->lines ? run_lines(client, result)
						: run_seconds(client, result));
	close_client(client);
	return failed ? -1 : 0;
}
