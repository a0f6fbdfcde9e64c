/* SPDX-License-Identifier: BSD-3-Clause */
/* One run of a scenario: how it begins, goes on and ends. */
#include "sweep/play.h"
#include "support/fake_clock.h"
#include "support/file.h"
#include "support/loop_time.h"
#include "sweep/scenario.h"
#include "sweep/text.h"
#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
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

static void
begin_faults(struct play *p)
{
	if (p->faults)
		p->faults->begin(p->faults->ctx);
}

static void
cease_faults(struct play *p)
{
	if (p->faults)
		p->faults->cease(p->faults->ctx);
}

/* --- Who takes part. --- */

struct actor *
actor_new(struct play *p)
{
	struct actor *a = &p->actors[p->n_actors];

	if (p->n_actors == ACTORS) {
		p->wrong = "more channels than a scenario has room for";
		return &p->actors[0];
	}
	p->n_actors++;
	a->play = p;
	return a;
}

static struct peer *
peer_new(struct play *p, int fd)
{
	struct peer *peer = &p->peers[p->n_peers++];

	peer->fd = fd;
	if (fd >= 0)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	return peer;
}

struct loan *
play_lend(struct play *p)
{
	struct loan *loan = &p->loans[p->n_loans++];

	loan->lent = true;
	return loan;
}

void
loan_comes_back(const void *bytes, size_t len, void *loan)
{
	(void)bytes, (void)len;
	((struct loan *)loan)->came_back++;
}

struct evchat_producer
play_made(struct play *p, const char *script)
{
	return made_from(&p->mades[p->n_mades++], script);
}

int
play_file(struct play *p, size_t len)
{
	char *bytes = malloc(len);
	int fd;

	cease_faults(p);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)('a' + i % 26);
	fd = nameless_file(bytes, len);
	free(bytes);
	begin_faults(p);
	return fd;
}

/* --- What is said of it. --- */

/* What was asked of a channel that has ended need not be said twice. */
void
must(struct actor *a, int error)
{
	if (error && !a->closed)
		a->play->complained = true;
}

void
play_must(struct play *p, int error)
{
	if (error)
		p->complained = true;
}

/* --- Channels. --- */

static void
have_channel(struct actor *a, struct evchat *ch)
{
	a->ch = ch;
	if (!ch)
		a->play->complained = true;
}

/* evchat's end, or -1; the other one is the next peer's. */
static int
make_sockets(struct play *p)
{
	int fds[2];

	cease_faults(p);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds)) {
		p->wrong = "no sockets to play with";
		fds[0] = fds[1] = -1;
	}
	(void)peer_new(p, fds[1]);
	begin_faults(p);
	return fds[0];
}

static struct actor *
open_on_sockets(struct play *p, unsigned flags,
    const struct evchat_callbacks *cb, struct evchat_terminator terminator)
{
	struct actor *a = actor_new(p);
	int fd = make_sockets(p);

	have_channel(a, evchat_open(p->base, fd, flags, cb, a));
	if (a->ch)
		must(a, evchat_set_terminator(a->ch, terminator));
	else
		close(fd);
	return a;
}

struct actor *
play_open(struct play *p, const struct evchat_callbacks *cb,
    struct evchat_terminator terminator)
{
	return open_on_sockets(p, 0, cb, terminator);
}

struct actor *
play_open_plain(struct play *p, const struct evchat_callbacks *cb,
    struct evchat_terminator terminator)
{
	return open_on_sockets(p, EVCHAT_OPEN_PLAIN, cb, terminator);
}

static enum bufferevent_filter_result
pass_on(struct evbuffer *from, struct evbuffer *to, ev_ssize_t limit,
    enum bufferevent_flush_mode mode, void *ctx)
{
	bool any = evbuffer_get_length(from) > 0;

	(void)limit, (void)mode, (void)ctx;
	if (evbuffer_add_buffer(to, from))
		return BEV_ERROR;
	return any ? BEV_OK : BEV_NEED_MORE;
}

static void
note_peer_event(struct bufferevent *bev, short what, void *ctx)
{
	struct peer *peer = ctx;

	(void)bev;
	if (what & BEV_EVENT_EOF)
		peer->eof = true;
}

static struct bufferevent *
make_pair(struct play *p)
{
	struct bufferevent *ends[2];
	struct peer *peer;

	if (bufferevent_pair_new(p->base, 0, ends))
		return NULL;
	peer = peer_new(p, -1);
	peer->bev = ends[1];
	bufferevent_setcb(ends[1], NULL, NULL, note_peer_event, peer);
	(void)bufferevent_enable(ends[1], EV_READ | EV_WRITE);
	return ends[0];
}

static struct bufferevent *
make_bufferevent(struct play *p, enum below below)
{
	struct bufferevent *bev;
	int fd;

	if (below == A_PAIR)
		return make_pair(p);
	fd = make_sockets(p);
	cease_faults(p);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	bev = bufferevent_socket_new(p->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (below == A_FILTER)
		bev = bufferevent_filter_new(
		    bev, pass_on, pass_on, BEV_OPT_CLOSE_ON_FREE, NULL, NULL);
	return bev;
}

struct actor *
play_open_over(struct play *p, enum below below,
    const struct evchat_callbacks *cb, struct evchat_terminator terminator)
{
	struct actor *a = actor_new(p);
	struct bufferevent *bev;

	cease_faults(p);
	bev = make_bufferevent(p, below);
	begin_faults(p);
	have_channel(a, evchat_new(bev, cb, a));
	if (a->ch)
		must(a, evchat_set_terminator(a->ch, terminator));
	else
		p->detached = bev; /* which was not taken */
	return a;
}

/* --- Calls that peers make and take. --- */

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_un un;
	struct sockaddr_storage room;
};

/* A peer that calls where this listens. */
static void
dial(struct play *p, int listening)
{
	union address at;
	socklen_t len = sizeof at;
	struct peer *peer = peer_new(p, -1);

	if (getsockname(listening, &at.any, &len))
		return;
	peer->fd = socket(at.any.sa_family, SOCK_STREAM, 0);
	if (connect(peer->fd, &at.any, len)) {
		close(peer->fd);
		peer->fd = -1;
		return;
	}
	fcntl(peer->fd, F_SETFL, O_NONBLOCK);
}

void
play_dial(struct play *p)
{
	cease_faults(p);
	dial(p, evchat_listener_fd(p->listener));
	begin_faults(p);
	play_settle(p);
}

void
play_leave_file(struct play *p, const char *path)
{
	union address at = {.un = {.sun_family = AF_UNIX}};
	int fd;

	cease_faults(p);
	memcpy(at.un.sun_path, path, strnlen(path, sizeof at.un.sun_path - 1));
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(fd, &at.any, sizeof at.un))
		p->wrong = "no file to leave behind";
	close(fd);
	begin_faults(p);
}

/* A free port, or a name that the system chooses (autobind, unix(7)). */
int
play_await_call(struct play *p, int family, char *text, size_t size)
{
	union address at = {.room = {.ss_family = (sa_family_t)family}};
	socklen_t len = family == AF_INET ? sizeof at.in : sizeof(sa_family_t);
	int fd;

	cease_faults(p);
	if (family == AF_INET)
		at.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(family, SOCK_STREAM, 0);
	if (bind(fd, &at.any, len) || listen(fd, 8))
		p->wrong = "nowhere to listen";
	len = sizeof at;
	if (getsockname(fd, &at.any, &len) ||
	    evchat_address_text(&at.any, len, text, size))
		p->wrong = "listening nobody knows where";
	fcntl(fd, F_SETFL, O_NONBLOCK);
	begin_faults(p);
	return fd;
}

void
play_take_call(struct play *p, int fd)
{
	struct pollfd caller = {.fd = fd, .events = POLLIN};

	cease_faults(p);
	/* Usually it is there; or it will not come. */
	(void)poll(&caller, 1, 2);
	(void)peer_new(p, accept(fd, NULL, NULL));
	close(fd);
	begin_faults(p);
	play_settle(p);
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
	begin_faults(p);
	event_base_loop(p->base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	cease_faults(p);
	hear(p);
	begin_faults(p);
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
	cease_faults(p);
	/* The channel may have gone: that has been told. */
	if (peer->bev)
		(void)bufferevent_write(peer->bev, bytes, len);
	else if (peer->fd >= 0 && write(peer->fd, bytes, len) < 0)
		errno = 0;
	begin_faults(p);
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
	cease_faults(p);
	if (peer->bev)
		(void)bufferevent_flush(peer->bev, EV_WRITE, BEV_FINISHED);
	else if (peer->fd >= 0)
		(void)shutdown(peer->fd, SHUT_WR);
	begin_faults(p);
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
	begin_faults(p);
	scenario->run(p);
	for (int i = 0; i < 4; i++)
		play_pass(p, LONG_MS);
	cease_faults(p);
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
