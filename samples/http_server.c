/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A small HTTP/1.1 server on evchat channels and libevent's own listener, in
 * one thread: what an application that embeds evchat looks like.  It serves the
 * regular files below a document root, tells the size and the CRC-32 of what is
 * posted to /upload, and sends as many bytes as you like from /chunked.  Try:
 *
 *	http_server -r samples/www -p 8080 &
 *	curl -i http://127.0.0.1:8080/
 *	curl -i --data-binary @http_server.c http://127.0.0.1:8080/upload
 *	curl 'http://127.0.0.1:8080/chunked?n=1000000000' | wc -c
 *
 * http_conn.c is a connection, http_request.c knows what a request looks like,
 * this file is the process around them.  No TLS, no cache, no log.
 */
#include "http_conn.h"
#include "http_request.h"
#include <arpa/inet.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *peer, int len, void *ctx)
{
	(void)listener, (void)peer, (void)len;
	(void)http_conn_open(ctx, fd);
}

/* Out of descriptors: rest until a connection has given one back. */
static void on_accept_error(struct evconnlistener *listener, void *ctx)
{
	struct http_server *server = ctx;

	perror("http_server: accept");
	if (server->conns)
		(void)evconnlistener_disable(listener);
}

static void on_signal(evutil_socket_t number, short what, void *ctx)
{
	(void)number, (void)what;
	(void)event_base_loopexit(ctx, NULL);
}

static int listen_at(struct http_server *server, struct sockaddr_in at)
{
	const unsigned flags =
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE;
	socklen_t len = sizeof at;
	char host[INET_ADDRSTRLEN];

	server->listener = evconnlistener_new_bind(server->base, on_accept,
	    server, flags, SOMAXCONN, (struct sockaddr *)&at, sizeof at);
	if (!server->listener ||
	    getsockname(evconnlistener_get_fd(server->listener),
		(struct sockaddr *)&at, &len))
		return -1;
	evconnlistener_set_error_cb(server->listener, on_accept_error);
	printf("listening on http://%s:%u/\n",
	    inet_ntop(AF_INET, &at.sin_addr, host, sizeof host),
	    (unsigned)ntohs(at.sin_port));
	return fflush(stdout);
}

static int run(
    struct http_server *server, const char *root, struct sockaddr_in at)
{
	struct event *on_int = NULL, *on_term = NULL;
	int error = -1;

	http_conn_make_table(server->crc_table);
	server->root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	server->base = event_base_new();
	if (server->root < 0 || !server->base)
		goto done;
	on_int = evsignal_new(server->base, SIGINT, on_signal, server->base);
	on_term = evsignal_new(server->base, SIGTERM, on_signal, server->base);
	if (on_int && !event_add(on_int, NULL) && on_term &&
	    !event_add(on_term, NULL) && signal(SIGPIPE, SIG_IGN) != SIG_ERR &&
	    !listen_at(server, at))
		error = event_base_dispatch(server->base);
done:
	if (error)
		perror("http_server");
	http_conn_drop_all(server);
	if (server->listener)
		evconnlistener_free(server->listener);
	if (on_int)
		event_free(on_int);
	if (on_term)
		event_free(on_term);
	if (server->base)
		event_base_free(server->base);
	if (server->root >= 0)
		(void)close(server->root);
	return error;
}

int main(int argc, char **argv)
{
	struct http_server server = {.root = -1};
	struct sockaddr_in at = {.sin_family = AF_INET};
	const char *root = ".", *address = "127.0.0.1";
	uint64_t port = 8080, head_ms = 10000, write_ms = 30000;
	bool good = true;
	int option;

	while ((option = getopt(argc, argv, "r:p:a:t:w:")) != -1) {
		if (option == 'r')
			root = optarg;
		else if (option == 'a')
			address = optarg;
		else if (option == 'p')
			good &= http_parse_number(optarg, 10, 65535, &port);
		else if (option == 't')
			good &=
			    http_parse_number(optarg, 10, INT32_MAX, &head_ms);
		else
			good &= option == 'w' && http_parse_number(optarg, 10,
						     INT32_MAX, &write_ms);
	}
	if (!good || optind < argc ||
	    inet_pton(AF_INET, address, &at.sin_addr) != 1) {
		fputs("usage: http_server [-r docroot] [-p port] "
		      "[-a IPv4 address] [-t head deadline in ms] "
		      "[-w write deadline in ms]\n",
		    stderr);
		return 2;
	}
	at.sin_port = htons((uint16_t)port);
	server.head_deadline_ms = (unsigned)head_ms;
	server.write_deadline_ms = (unsigned)write_ms;
	return run(&server, root, at) != 0;
}
