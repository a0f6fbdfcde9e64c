/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Letting a world run until something has happened, for what comes by the
 * network: how many turns that takes is not known.  A loop in which nothing is
 * left to happen fails the test.
 */
#ifndef EVCHAT_TEST_AWAIT_H
#define EVCHAT_TEST_AWAIT_H

#include "support/world.h"

/* Run until so much has been written down, and nothing more comes; compare. */
void await(struct world *w, const char *transcript);

/* The same while time goes by, a millisecond each turn. */
void await_in_time(struct world *w, const char *transcript);

/* Run until the peer got so much, or its end; compare. */
void await_received(struct world *w, const char *text);

/* Run until the peer got the end of it all. */
void await_eof(struct world *w);

#endif
