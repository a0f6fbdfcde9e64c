/* SPDX-License-Identifier: BSD-3-Clause */
/* The protocol of the notes server, apart from where its clients come from, so
 * that a test can be one. */
#ifndef NOTES_H
#define NOTES_H

#include <evchat/evchat.h>

/* What a channel that speaks it starts with. */
struct evchat_channel_options notes_options(void);

/* Greet a client, whose context is the protocol's own from now on. */
void notes_begin(struct evchat *ch);

#endif
