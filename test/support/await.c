/* SPDX-License-Identifier: BSD-3-Clause */
/* Letting a world run until something has happened. */
#include "support/await.h"
#include "support/fake_clock.h"
#include "support/loop.h"
#include <check.h>
#include <string.h>

static void
run_until(struct world *w, const char *transcript, uint64_t ms_per_turn)
{
	size_t len = strlen(transcript);

	int nothing_left = 0;

	while (!nothing_left && evbuffer_get_length(w->transcript) < len) {
		fake_clock_pass(ms_per_turn);
		nothing_left = loop_turn(w->base, 0);
	}
	world_run(w);
	world_expect(w, transcript);
}

void
await(struct world *w, const char *transcript)
{
	run_until(w, transcript, 0);
}

void
await_in_time(struct world *w, const char *transcript)
{
	run_until(w, transcript, 1);
}

void
await_received(struct world *w, const char *text)
{
	while (
	    evbuffer_get_length(w->received) < strlen(text) && !w->received_eof)
		world_turn(w);
	peer_expect(w, text);
}

void
await_eof(struct world *w)
{
	while (!w->received_eof)
		world_turn(w);
}
