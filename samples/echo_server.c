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
#include <arpa/inet.h>
#include <evchat/evchat.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static void on_bytes(
    struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	(void)ctx;
	if (evchat_push(ch, bytes, len))
		evchat_free(ch);
}

static void on_closed(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	(void)ch, (void)ctx;
	if (reason != EVCHAT_REASON_EOF)
		fprintf(
		    stderr, "echo_server: %s\n", evchat_reason_text(reason));
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *peer, int len, void *base)
{
	const struct evchat_callbacks callbacks = {
	    .collect = on_bytes, .closed = on_closed};

	(void)listener, (void)peer, (void)len;
	if (!evchat_open(base, fd, 0, &callbacks, NULL)) {
		perror("echo_server: a connection");
		evutil_closesocket(fd);
	}
}

static int print_port(struct evconnlistener *listener)
{
	struct sockaddr_in at;
	socklen_t len = sizeof at;

	if (getsockname(
		evconnlistener_get_fd(listener), (struct sockaddr *)&at, &len))
		return -1;
	printf("listening on 127.0.0.1:%u\n", (unsigned)ntohs(at.sin_port));
	return fflush(stdout);
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)(argc > 1 ? atoi(argv[1]) : 0)),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct event_base *base = event_base_new();
	struct evconnlistener *listener;

	if (!base || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		goto failed;
	listener = evconnlistener_new_bind(base, on_accept, base,
	    LEV_OPT_REUSEABLE, SOMAXCONN, (struct sockaddr *)&at, sizeof at);
	if (!listener || print_port(listener))
		goto failed;
	return event_base_dispatch(base) < 0;
failed:
	perror("echo_server");
	return 1;
}
