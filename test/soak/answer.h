/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers: how the server gives them, and how the client hears them. */
#ifndef EVCHAT_TEST_ANSWER_H
#define EVCHAT_TEST_ANSWER_H

#include "soak/talk.h"

/* What the client's end calls, to have them whole or in pieces. */
extern const struct evchat_callbacks answer_whole, answer_pieces;

/* The server has heard a request. */
void answer_request(struct talk *t);

/* Time has come to read on. */
void answer_go_on(struct talk *t);

#endif
