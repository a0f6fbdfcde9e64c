/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sample HTTP server's connections in this process, for replays.
 */
#ifndef EVCHAT_TEST_HTTP_STAGE_H
#define EVCHAT_TEST_HTTP_STAGE_H

#include "support/replay.h"

/* In the place of every date in an answer. */
#define HTTP_STAGE_DATE "Sun, 06 Nov 1994 08:49:37 GMT"

/* Connections that serve a directory. */
struct replay_application http_stage(const char *root);

/* Put it there; the last date may be cut off. */
void http_stage_tidy(char *bytes, size_t len, void *ctx);

#endif
