/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests: how the client says them, and how the server hears them. */
#ifndef EVCHAT_TEST_REQUEST_H
#define EVCHAT_TEST_REQUEST_H

#include "soak/talk.h"

/* By which terminator they end. */
enum {
	BY_LF,
	BY_CRLF,
	BY_LONG,
	BY_ANY_OF,
	BY_LINE,
	BY_COUNT,
	BY_RECORDS,
	BY_NONE,
	REQUEST_KINDS
};

/* What the server's end calls, to have them whole or in pieces. */
extern const struct evchat_callbacks request_whole, request_pieces;

/* 0 or an evchat_error. */
int request_set_terminator(struct talk *t, struct evchat *ch);

/* What the client puts behind a request. */
const char *request_end(const struct talk *t);

/* The client is there and greets. */
void request_greet(struct talk *t);

/* Time has come for some more. */
void request_go_on(struct talk *t);

/* talk.c: an end that ends by its own will, and one that has ended. */
void end_close(struct end *e);
void end_closed(struct evchat *ch, enum evchat_reason reason, void *ctx);

#endif
