/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One play of a conversation: how it is to be played, and what came of it.
 */
#ifndef EVCHAT_TEST_REPLAY_PLAY_H
#define EVCHAT_TEST_REPLAY_PLAY_H

#include "support/replay.h"
#include "support/replay_text.h"
#include <stdint.h>

/* What is done at the end of a callback. */
enum replay_act {
	REPLAY_NOTHING,
	REPLAY_PAUSE,
	REPLAY_CLOSE,
	REPLAY_DROP,
	REPLAY_ACTS
};

#define REPLAY_EVERY SIZE_MAX
#define REPLAY_NEVER SIZE_MAX

/* All zeros plays it whole; but for `refused`. */
struct replay_way {
	size_t cuts[2];    /* 0 is no cut; the first one comes first */
	size_t piece;      /* how long each one is; 0 is no such thing */
	bool ends_at_once; /* with the last byte */
	bool reads_late;
	enum replay_act act;
	size_t at; /* which callback, from 0; or REPLAY_EVERY */
	/* The allocation that fails, from 0; or REPLAY_NEVER. */
	size_t refused;
};

struct replay_play {
	/* What was called, what the peer got, what the application told. */
	struct replay_said said;
	struct replay_text got, told;
	bool got_end;   /* the peer read an end, */
	bool got_reset; /* or a reset */
	bool opened;
	bool over; /* the channel has ended */
	bool loop_failed, complained;
	size_t callbacks;
	bool was_refused; /* an allocation */
	size_t left;      /* blocks that nobody gave back */
	/* When the callback was closed at: what had been said and pushed. */
	bool acted;
	uint64_t pushed;
	size_t callbacks_then;
};

/* Play it; -1 with errno when that could not be done. */
int replay_play(struct replay_play *play,
    const struct replay_application *application,
    const struct replay_conversation *conversation,
    const struct replay_way *way);

void replay_play_free(struct replay_play *play);

#endif
