/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One connection of the sample HTTP server: its own code, from the socket on.
 */
#include "support/http_stage.h"
#include "../samples/http_conn.h"
#include <arpa/inet.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static struct http_server server;
static const char *root;

/* The listener is one that nobody knows: a connection that ends has it accept
 * again. */
static int
begin(struct event_base *base, void *ctx)
{
	struct sockaddr_in any = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	(void)ctx;
	server.base = base;
	server.conns = NULL;
	server.root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	server.listener = evconnlistener_new_bind(base, NULL, NULL,
	    LEV_OPT_CLOSE_ON_FREE, 1, (struct sockaddr *)&any, sizeof any);
	server.head_deadline_ms = server.write_deadline_ms = 1000000;
	http_conn_make_table(server.crc_table);
	return server.root < 0 || !server.listener ? -1 : 0;
}

static void
end(void *ctx)
{
	(void)ctx;
	if (server.listener)
		evconnlistener_free(server.listener);
	(void)close(server.root);
}

static struct evchat *
open_conn(struct event_base *base, int fd, void *ctx)
{
	(void)base, (void)ctx;
	return http_conn_open(&server, fd);
}

static void
drop_conn(struct evchat *ch, void *ctx)
{
	(void)ch, (void)ctx;
	http_conn_drop_all(&server);
}

void
http_stage_tidy(char *bytes, size_t len, void *ctx)
{
	static const char name[] = "\r\nDate: ";
	const size_t before = sizeof name - 1;
	const char *end = bytes + len;
	char *at = bytes;

	(void)ctx;
	while ((at = memmem(at, (size_t)(end - at), name, before))) {
		size_t left = (size_t)(end - at) - before;
		size_t n = sizeof HTTP_STAGE_DATE - 1;

		at += before;
		memcpy(at, HTTP_STAGE_DATE, n < left ? n : left);
	}
}

struct replay_application
http_stage(const char *directory)
{
	root = directory;
	return (struct replay_application){
	    .channel.callbacks = http_conn_callbacks,
	    .begin = begin,
	    .end = end,
	    .open = open_conn,
	    .drop = drop_conn,
	    .tidy = http_stage_tidy,
	    .libevent_too = true,
	};
}
