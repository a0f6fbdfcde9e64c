/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection of http_server.c: a channel, and the request that is being read
 * from it.  It frees itself when its channel ends.
 */
#ifndef HTTP_CONN_H
#define HTTP_CONN_H

#include <stdint.h>

struct evchat;
struct evchat_callbacks;
struct event_base;
struct evconnlistener;
struct http_conn;

/* What the connections share. */
struct http_server {
	struct event_base *base;
	struct evconnlistener *listener;
	struct http_conn *conns;
	int root; /* descriptor of the document root */
	unsigned head_deadline_ms, write_deadline_ms;
	uint32_t crc_table[256]; /* for http_conn_make_table() to fill */
};

void http_conn_make_table(uint32_t table[256]);

/* What a connection's channel calls. */
extern const struct evchat_callbacks http_conn_callbacks;

/* A connection on an accepted socket, which is taken in every case.  Returns
 * its channel, or NULL. */
struct evchat *http_conn_open(struct http_server *server, int fd);

/* End every connection now. */
void http_conn_drop_all(struct http_server *server);

#endif
