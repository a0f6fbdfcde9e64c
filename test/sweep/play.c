/* SPDX-License-Identifier: BSD-3-Clause */
/* One run of a scenario: how it begins, goes on and ends. */
#include "sweep/play.h"
#include "support/fake_clock.h"
#include "support/loop_time.h"
#include "sweep/scenario.h"
#include "sweep/text.h"
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* So many turns without anything new, and nothing is on its way: deferred
 * callbacks and zero timers take some turns to come through. */
enum { QUIET_TURNS = 8 };

/* A listener in want tries again in this time. */
enum { PATIENCE_MS = 110 };

/* After so long, some times, whatever may end has ended. */
enum { LONG_MS = 20000 };

/* And so often others may run before what TCP has on its way is looked for. */
enum { PATIENCE_TURNS = 4 };

/* --- Faults, between these. --- */

void
play_disturb(struct play *p)
{
	if (p->faults)
		p->faults->begin(p->faults->ctx);
}

void
play_spare(struct play *p)
{
	if (p->faults)
		p->faults->cease(p->faults->ctx);
}

/* --- The loop. --- */

static void
hear_descriptor(struct peer *peer)
{
	char bytes[65536];
	ssize_t got = read(peer->fd, bytes, sizeof bytes);

	if (got > 0)
		text_add(&peer->got, bytes, (size_t)got);
	if (got == 0 || (got < 0 && errno != EAGAIN))
		peer->eof = true;
}

static void
hear_pair(struct peer *peer)
{
	char bytes[65536];
	size_t got = bufferevent_read(peer->bev, bytes, sizeof bytes);

	text_add(&peer->got, bytes, got);
}

static void
hear(struct play *p)
{
	for (size_t i = 0; i < p->n_peers; i++) {
		struct peer *peer = &p->peers[i];

		if (peer->deaf || peer->eof)
			continue;
		if (peer->fd >= 0)
			hear_descriptor(peer);
		if (peer->bev)
			hear_pair(peer);
	}
}

static void
turn(struct play *p)
{
	play_disturb(p);
	if (event_base_loop(p->base, EVLOOP_NONBLOCK | EVLOOP_ONCE) < 0)
		p->complained = true;
	play_spare(p);
	hear(p);
	play_disturb(p);
}

static uint64_t
progress(const struct play *p)
{
	struct evchat_stats stats;
	uint64_t sum = p->said.len;

	for (size_t i = 0; i < p->n_peers; i++)
		sum += p->peers[i].got.len + p->peers[i].eof;
	for (size_t i = 0; i < p->n_actors; i++) {
		evchat_get_stats(p->actors[i].ch, &stats);
		sum += p->actors[i].said.len + stats.bytes_in + stats.bytes_out;
	}
	return sum;
}

static void
run(struct play *p)
{
	for (size_t quiet = 0; quiet < QUIET_TURNS;) {
		uint64_t before = progress(p);

		turn(p);
		quiet = before == progress(p) ? quiet + 1 : 0;
	}
}

/* What is sent to a loopback address has arrived when the call returns, as a
 * rule; where the kernel puts it off, it needs the processor for it. */
static void
wait_for_network(void)
{
	for (int i = 0; i < PATIENCE_TURNS; i++)
		sched_yield();
}

void
play_settle(struct play *p)
{
	run(p);
	if (p->by_network) {
		wait_for_network();
		run(p);
	}
	play_pass(p, PATIENCE_MS);
}

void
play_pass(struct play *p, unsigned ms)
{
	fake_clock_pass(ms);
	run(p);
}

/* --- Peers speak. --- */

static void
speak(struct play *p, size_t i, const char *bytes, size_t len)
{
	struct peer *peer = &p->peers[i];

	if (i >= p->n_peers)
		return;
	play_spare(p);
	/* The channel may have gone: that has been told. */
	if (peer->bev)
		(void)bufferevent_write(peer->bev, bytes, len);
	else if (peer->fd >= 0 && write(peer->fd, bytes, len) < 0)
		errno = 0;
	play_disturb(p);
	play_settle(p);
}

void
say(struct play *p, size_t peer, const char *text)
{
	speak(p, peer, text, strlen(text));
}

void
say_bytes(struct play *p, size_t peer, size_t len)
{
	char *bytes = malloc(len);

	memset(bytes, 'y', len);
	speak(p, peer, bytes, len);
	free(bytes);
}

void
say_eof(struct play *p, size_t i)
{
	struct peer *peer = &p->peers[i];

	if (i >= p->n_peers)
		return;
	play_spare(p);
	if (peer->bev)
		(void)bufferevent_flush(peer->bev, EV_WRITE, BEV_FINISHED);
	else if (peer->fd >= 0)
		(void)shutdown(peer->fd, SHUT_WR);
	play_disturb(p);
	play_settle(p);
}

/* --- The whole. --- */

static void
begin(struct play *p, const struct faults *faults)
{
	*p = (struct play){.faults = faults};
	signal(SIGPIPE, SIG_IGN);
	loop_time_hold(true);
	p->base = event_base_new();
}

static void
hang_up(struct peer *peer)
{
	if (peer->fd >= 0)
		close(peer->fd);
	if (peer->bev)
		bufferevent_free(peer->bev);
	peer->fd = -1;
	peer->bev = NULL;
}

/* Whatever is still there is freed; libevent frees bufferevents, and closes
 * their descriptors, in the turn after. */
static void
end(struct play *p)
{
	for (size_t i = 0; i < p->n_actors; i++)
		evchat_free(p->actors[i].ch);
	evchat_listener_free(p->listener);
	evchat_group_free(p->group);
	evchat_remote_free(p->remote);
	if (p->detached)
		bufferevent_free(p->detached);
	for (size_t i = 0; i < p->n_peers; i++)
		hang_up(&p->peers[i]);
	event_base_loop(p->base, EVLOOP_NONBLOCK);
	event_base_loop(p->base, EVLOOP_NONBLOCK);
	event_base_free(p->base);
	loop_time_hold(false);
}

void
play(struct play *p, const struct scenario *scenario,
    const struct faults *faults)
{
	begin(p, faults);
	play_disturb(p);
	scenario->run(p);
	for (int i = 0; i < 4; i++)
		play_pass(p, LONG_MS);
	play_spare(p);
	end(p);
}

void
play_clear(struct play *p)
{
	for (size_t i = 0; i < ACTORS; i++)
		text_clear(&p->actors[i].said);
	for (size_t i = 0; i < PEERS; i++)
		text_clear(&p->peers[i].got);
	text_clear(&p->said);
}
