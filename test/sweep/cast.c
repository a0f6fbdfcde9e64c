/* SPDX-License-Identifier: BSD-3-Clause */
/* Who takes part in a run: channels, peers, and what is lent, made and called.
 * All but evchat's own calls is done while nothing fails. */
#include "support/file.h"
#include "sweep/play.h"
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

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

	play_spare(p);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)('a' + i % 26);
	fd = nameless_file(bytes, len);
	free(bytes);
	play_disturb(p);
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

	play_spare(p);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds)) {
		p->wrong = "no sockets to play with";
		fds[0] = fds[1] = -1;
	}
	(void)peer_new(p, fds[1]);
	play_disturb(p);
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
	play_spare(p);
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

	play_spare(p);
	bev = make_bufferevent(p, below);
	play_disturb(p);
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
	play_spare(p);
	dial(p, evchat_listener_fd(p->listener));
	play_disturb(p);
	play_settle(p);
}

void
play_leave_file(struct play *p, const char *path)
{
	union address at = {.un = {.sun_family = AF_UNIX}};
	int fd;

	play_spare(p);
	memcpy(at.un.sun_path, path, strnlen(path, sizeof at.un.sun_path - 1));
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(fd, &at.any, sizeof at.un))
		p->wrong = "no file to leave behind";
	close(fd);
	play_disturb(p);
}

/* A free port, or a name that the system chooses (autobind, unix(7)). */
int
play_await_call(struct play *p, int family, char *text, size_t size)
{
	union address at = {.room = {.ss_family = (sa_family_t)family}};
	socklen_t len = family == AF_INET ? sizeof at.in : sizeof(sa_family_t);
	int fd;

	play_spare(p);
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
	play_disturb(p);
	return fd;
}

void
play_take_call(struct play *p, int fd)
{
	struct pollfd caller = {.fd = fd, .events = POLLIN};

	play_spare(p);
	/* Usually it is there; or it will not come. */
	(void)poll(&caller, 1, 2);
	(void)peer_new(p, accept(fd, NULL, NULL));
	close(fd);
	play_disturb(p);
	play_settle(p);
}
