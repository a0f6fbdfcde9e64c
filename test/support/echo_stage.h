/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The callbacks of the sample echo servers in this process, for replays.
 */
#ifndef EVCHAT_TEST_ECHO_STAGE_H
#define EVCHAT_TEST_ECHO_STAGE_H

#include "support/replay.h"

struct replay_application echo_line_stage(void);
struct replay_application echo_server_stage(void);

#endif
