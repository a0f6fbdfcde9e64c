/* SPDX-License-Identifier: BSD-3-Clause */
/* The event loop of an echo server that is built on libevent. */
#ifndef BENCH_SERVER_LOOP_H
#define BENCH_SERVER_LOOP_H

#include <event2/listener.h>

struct event_base;

/* Run the loop until stdin ends.  Returns 0 or -1 with errno. */
int server_loop(struct event_base *base);

/* Listen, have each connection accepted by this callback, which gets the base
 * as its context, and run the loop.  Returns 0 or -1 with errno. */
int server_accept(struct event_base *base, evconnlistener_cb accept);

#endif
