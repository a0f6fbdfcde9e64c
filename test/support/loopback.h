/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A world over TCP: its channel is one that a listener on a free loopback port
 * made, its peer a client's bare descriptor, so that FIN and RST are real.
 *
 * What is sent over TCP does not always arrive in the same turn.  Wait for what
 * must come with loopback_until(); world_run() is for what must not.
 */
#ifndef EVCHAT_TEST_LOOPBACK_H
#define EVCHAT_TEST_LOOPBACK_H

#include "support/world.h"

struct loopback {
	struct world w;
	struct evchat_listener *listener;
};

/* A listener whose first channel becomes w.ch, with w as its context. */
void loopback_open(
    struct loopback *l, const struct evchat_channel_options *channel);
void loopback_free(struct loopback *l);

/* A client of a listener: connected, though nobody may have accepted it yet,
 * and non-blocking. */
int loopback_client(const struct evchat_listener *listener);

/* Let the peer connect. */
void loopback_dial(struct loopback *l);

/* Turn the loop until this is so; for ever, if need be. */
void loopback_until(struct world *w, bool (*is_so)(const struct world *w));

/* What to wait for. */
bool there_is_a_channel(const struct world *w);
bool channel_has_closed(const struct world *w);
bool peer_has_eof(const struct world *w);

#endif
