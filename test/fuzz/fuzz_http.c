/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The HTTP sample.  One input in two is a request head: the parser must accept
 * just what a naive reader accepts and understand the same by it, and what it
 * would open must lie below the root.  The others are what a client sends: the
 * answers must not depend on how it is cut.
 */
#include "fuzz/http_naive.h"
#include "fuzz/target.h"
#include "http_conn.h"
#include "http_request.h"
#include <event2/event.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	ANSWERS = 1 << 17,
	SAID = 4096, /* at once, which a socket has room for */
	CUTS = 4
};

static struct http_server server;

/* What a client got. */
struct answers {
	size_t len;
	bool ended;
	char bytes[ANSWERS];
};

/* --- A head. --- */

/* What is opened lies below the root, whatever the path. */
static void
look_at_file(const struct http_request *req)
{
	static const char root[] = HTTP_ROOT "/";
	int fd = http_open_below(server.root, req->path);
	char link[64], path[4096];
	ssize_t len;

	if (fd < 0)
		return;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof path);
	must(len < 0 || ((size_t)len >= sizeof root &&
			    !memcmp(path, root, sizeof root - 1)),
	    "a file lies below the root");
	close(fd);
}

static void
try_head(const uint8_t *bytes, size_t len)
{
	static struct http_request req;
	struct naive_head naive;
	bool good = naive_read_head(&naive, bytes, len);
	int status = http_parse_head(&req, (const char *)bytes, len);

	must(good == !status, "what is accepted is what should be");
	if (!good) {
		must(strncmp(http_status_text(status), "500", 3) != 0,
		    "a refusal has a status");
		return;
	}
	must(req.is_1_1 == naive.is_1_1, "the version is understood");
	must(req.keep_alive == naive.keep_alive, "keep-alive is");
	must(req.wants_100 == naive.wants_100, "Expect is");
	must(req.chunked == naive.chunked, "Transfer-Encoding is");
	must(req.has_length == naive.has_length, "Content-Length is");
	must(req.length == naive.length, "and its value");
	look_at_file(&req);
}

/* --- A client. --- */

/* Until nothing happens any more; twice, as what a timer of no time does comes
 * a turn later. */
static void
turn(void)
{
	event_base_loop(server.base, EVLOOP_NONBLOCK);
	event_base_loop(server.base, EVLOOP_NONBLOCK);
}

static void
hear(int fd, struct answers *answers)
{
	ssize_t got;

	do {
		turn();
		got = recv(fd, answers->bytes + answers->len,
		    sizeof answers->bytes - answers->len, MSG_DONTWAIT);
		if (got > 0)
			answers->len += (size_t)got;
	} while (got > 0 && answers->len < sizeof answers->bytes);
	answers->ended |= got == 0 && answers->len < sizeof answers->bytes;
}

/* The lengths of pieces are used over and over; 0 is all the rest. */
static void
converse(const uint8_t *bytes, size_t len, const size_t *cuts,
    struct answers *answers)
{
	int ends[2];

	answers->len = 0;
	answers->ended = false;
	must(!socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "there are sockets");
	http_conn_open(&server, ends[0]);
	for (size_t i = 0; len; i++) {
		size_t n = cuts[i % CUTS];

		if (!n || n > len)
			n = len;
		/* It may have hung up. */
		if (send(ends[1], bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
		hear(ends[1], answers);
		bytes += n;
		len -= n;
	}
	shutdown(ends[1], SHUT_WR);
	hear(ends[1], answers);
	close(ends[1]);
	turn();
	must(answers->ended || answers->len == sizeof answers->bytes ||
		 !server.conns,
	    "a client that says no more is left");
	http_conn_drop_all(&server);
	turn();
}

/* The time of an answer, and the chunks it comes in, are no matter of the
 * request's. */
static void
strip(struct answers *answers)
{
	char *at = answers->bytes;
	char *end = at + answers->len, *date, *line;

	while ((date = memmem(at, (size_t)(end - at), "\nDate: ", 7))) {
		line = memchr(date + 1, '\n', (size_t)(end - date - 1));
		if (!line)
			line = end;
		memmove(date, line, (size_t)(end - line));
		end -= line - date;
		at = date + 1 > end ? end : date + 1;
	}
	answers->len = (size_t)(end - answers->bytes);
}

static bool
is_chunked(const struct answers *answers)
{
	return memmem(
	    answers->bytes, answers->len, "\r\nTransfer-Encoding: ", 21);
}

static void
try_client(struct input *in)
{
	static struct answers whole, cut;
	static const size_t no_cuts[CUTS];
	size_t cuts[CUTS];

	for (size_t i = 0; i < CUTS; i++)
		cuts[i] = input_byte(in) / 4 + (size_t)1;
	if (in->left > SAID)
		in->left = SAID;
	converse(in->bytes, in->left, no_cuts, &whole);
	converse(in->bytes, in->left, cuts, &cut);
	if (is_chunked(&whole) || is_chunked(&cut))
		return;
	strip(&whole);
	strip(&cut);
	must(whole.len == cut.len && !memcmp(whole.bytes, cut.bytes, whole.len),
	    "the answers do not depend on the cuts");
}

/* --- The server. --- */

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *address, int len, void *ctx)
{
	(void)listener, (void)address, (void)len, (void)ctx;
	close(fd);
}

/* Connections only want a listener to switch on; nobody knows its name. */
static void
open_server(void)
{
	const struct sockaddr_un any = {.sun_family = AF_UNIX};

	signal(SIGPIPE, SIG_IGN);
	/* A body that drips is refused by the real clock, and a machine may
	 * stand still; nothing here takes an hour. */
	server.head_deadline_ms = 3600 * 1000;
	server.root = open(HTTP_ROOT, O_RDONLY | O_DIRECTORY);
	server.base = event_base_new();
	must(server.root >= 0 && server.base, "there is a root and a base");
	server.listener = evconnlistener_new_bind(server.base, on_accept, NULL,
	    LEV_OPT_CLOSE_ON_FREE, -1, (const struct sockaddr *)&any,
	    sizeof any.sun_family);
	must(server.listener != NULL, "there is a listener");
	http_conn_make_table(server.crc_table);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct input in = {bytes, len};
	if (!server.base)
		open_server();
	must_keep_descriptors();
	if (input_byte(&in) & 1)
		try_client(&in);
	else
		try_head(in.bytes, in.left);
	must(!server.conns, "no connection is left");
	must_keep_descriptors();
	return 0;
}
