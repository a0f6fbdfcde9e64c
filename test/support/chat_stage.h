/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sample chat in this process, for replays: guest1 is there already and
 * listens, guest2 is whose conversation is replayed.
 */
#ifndef EVCHAT_TEST_CHAT_STAGE_H
#define EVCHAT_TEST_CHAT_STAGE_H

#include "support/replay.h"

/* It tells what guest1 hears. */
struct replay_application *chat_stage(void);

#endif
