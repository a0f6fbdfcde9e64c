/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One play: a loop, the application's channel on one end of a socket, the peer
 * on the other, and callbacks around the application's that write down what
 * comes, call it, and do what this play is about.
 *
 * Nothing here waits for a time: the loop turns until nothing happens any more.
 * What goes over TCP is waited for by poll(), since it must come.
 */
#include "support/replay_play.h"
#include "support/replay_memory.h"
#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* So many turns without news are enough: deferred callbacks and zero timers
 * take some to come through. */
enum { QUIET_TURNS = 8, TCP_MS = 10000 };

struct stage {
	struct replay_play *play;
	const struct replay_application *app;
	const struct replay_conversation *talk;
	const struct replay_way *way;
	struct event_base *base;
	/* Holds the channel as long as that lives, which nothing else tells of
	 * a channel that its application frees. */
	struct evchat_group *alive;
	struct evchat *ch;
	int near, peer;     /* descriptors; the first one is the channel's */
	bool given;         /* to the channel */
	bool begun, paused; /* by us */
	bool listening;     /* the peer reads */
	uint64_t sent;      /* by the channel, when it was last asked */
};

static _Thread_local struct stage *stage;

/* --- The callbacks of the channel. --- */

static bool
is_alive(const struct stage *s)
{
	return evchat_group_count(s->alive) > 0;
}

static void
look_at_output(struct stage *s)
{
	struct evchat_stats stats;

	evchat_get_stats(s->ch, &stats);
	s->sent = stats.bytes_out;
}

static void
drop(struct stage *s)
{
	if (s->app->drop)
		s->app->drop(s->ch, s->app->ctx);
	else
		evchat_free(s->ch);
}

static void
act(struct stage *s)
{
	const enum replay_act what = s->way->act;

	s->play->acted = true;
	s->play->callbacks_then = s->play->callbacks;
	s->play->pushed = s->sent + evchat_pending(s->ch);
	if (what == REPLAY_PAUSE)
		s->paused = evchat_pause(s->ch) == 0;
	else if (what == REPLAY_CLOSE)
		evchat_close_when_done(s->ch);
	else
		drop(s);
}

/* The application's callback has returned. */
static void
after(struct stage *s)
{
	const size_t number = s->play->callbacks++;

	if (!is_alive(s))
		return;
	look_at_output(s);
	if (s->way->act != REPLAY_NOTHING &&
	    (s->way->at == number || s->way->at == REPLAY_EVERY))
		act(s);
}

/* Of the input nothing may be called while the channel is paused. */
static void
note_pause(struct stage *s)
{
	if (s->paused)
		replay_said_event(&s->play->said, "WHILE PAUSED:");
}

static void
on_collect(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	struct stage *s = stage;

	note_pause(s);
	replay_said_piece(&s->play->said, bytes, len);
	s->app->channel.callbacks.collect(ch, bytes, len, ctx);
	after(s);
}

static void
on_frame(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	struct stage *s = stage;

	note_pause(s);
	replay_said_frame(&s->play->said, bytes, len);
	s->app->channel.callbacks.frame(ch, bytes, len, ctx);
	after(s);
}

static void
on_input(const char *event, evchat_cb call, struct evchat *ch, void *ctx)
{
	struct stage *s = stage;

	note_pause(s);
	replay_said_event(&s->play->said, event);
	call(ch, ctx);
	after(s);
}

static void
on_found(struct evchat *ch, void *ctx)
{
	on_input("found", stage->app->channel.callbacks.found, ch, ctx);
}

static void
on_overlong(struct evchat *ch, void *ctx)
{
	on_input("overlong", stage->app->channel.callbacks.overlong, ch, ctx);
}

static void
on_connected(struct evchat *ch, void *ctx)
{
	on_input("connected", stage->app->channel.callbacks.connected, ch, ctx);
}

static void
on_eof(struct evchat *ch, void *ctx)
{
	on_input("eof", stage->app->channel.callbacks.eof, ch, ctx);
}

/* These two are not written down: when they come is the peer's matter. */
static void
on_room(struct evchat *ch, void *ctx)
{
	stage->app->channel.callbacks.room(ch, ctx);
	after(stage);
}

static void
on_drained(struct evchat *ch, void *ctx)
{
	stage->app->channel.callbacks.drained(ch, ctx);
	after(stage);
}

static const char *
name_of(enum evchat_reason reason)
{
	switch ((int)reason) {
#define NAME(name, text)           \
	case EVCHAT_REASON_##name: \
		return #name;
		EVCHAT_REASON_MAP(NAME)
#undef NAME
	default:
		return "no reason";
	}
}

static void
on_timeout(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	struct stage *s = stage;

	replay_said_event(&s->play->said, "timeout");
	replay_said_event(&s->play->said, name_of(reason));
	s->app->channel.callbacks.timeout(ch, reason, ctx);
	after(s);
}

static void
on_closed(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	struct stage *s = stage;

	struct replay_text why = {0};

	look_at_output(s);
	replay_text_add_string(&why, name_of(reason));
	if (evchat_errno(ch)) {
		replay_text_add_string(&why, ": ");
		replay_text_add_string(&why, strerror(evchat_errno(ch)));
	}
	replay_said_closed(&s->play->said, replay_text_string(&why));
	replay_text_free(&why);
	if (s->app->channel.callbacks.closed)
		s->app->channel.callbacks.closed(ch, reason, ctx);
	s->play->callbacks++;
}

/* Only where the application has one: most mean something by being there. */
static struct evchat_callbacks
wrapped(const struct evchat_callbacks *own)
{
	return (struct evchat_callbacks){
	    .collect = own->collect ? on_collect : NULL,
	    .found = own->found ? on_found : NULL,
	    .frame = own->frame ? on_frame : NULL,
	    .overlong = own->overlong ? on_overlong : NULL,
	    .connected = own->connected ? on_connected : NULL,
	    .eof = own->eof ? on_eof : NULL,
	    .room = own->room ? on_room : NULL,
	    .drained = own->drained ? on_drained : NULL,
	    .timeout = own->timeout ? on_timeout : NULL,
	    .closed = on_closed,
	};
}

/* --- The two ends. --- */

static int
make_tcp_pair(int fds[2])
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr *any = (struct sockaddr *)&at;
	socklen_t len = sizeof at;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int yes = 1;

	fds[0] = -1;
	fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener >= 0 && fds[1] >= 0 && bind(listener, any, len) == 0 &&
	    listen(listener, 1) == 0 && getsockname(listener, any, &len) == 0 &&
	    connect(fds[1], any, len) == 0 &&
	    setsockopt(fds[1], IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0)
		fds[0] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (listener >= 0)
		(void)close(listener);
	return fds[0] < 0 ? -1 : 0;
}

static int
make_ends(struct stage *s)
{
	int fds[2] = {-1, -1}, error;

	if (s->talk->end == REPLAY_RESET)
		error = make_tcp_pair(fds);
	else
		error = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
	s->near = fds[0];
	s->peer = fds[1];
	if (error || fcntl(s->near, F_SETFL, O_NONBLOCK) ||
	    fcntl(s->peer, F_SETFL, O_NONBLOCK))
		return -1;
	return 0;
}

static bool
is_tcp(const struct stage *s)
{
	return s->talk->end == REPLAY_RESET;
}

/* What was sent over TCP has not always arrived when send() returns. */
static void
await(const struct stage *s, int fd, short what)
{
	struct pollfd p = {.fd = fd, .events = what};

	if (is_tcp(s) && fd >= 0)
		(void)poll(&p, 1, TCP_MS);
}

/* --- Opening. --- */

static struct evchat *
open_by_replay(struct stage *s)
{
	const struct evchat_channel_options *o = &s->app->channel;
	struct evchat *ch = evchat_open(
	    s->base, s->near, s->app->flags, &o->callbacks, s->app->ctx);

	if (!ch)
		(void)close(s->near);
	if (ch && (evchat_set_limits(ch, &o->limits) ||
		      evchat_set_terminator(ch, o->terminator) ||
		      (o->group && evchat_group_add(o->group, ch)))) {
		evchat_free(ch);
		return NULL;
	}
	return ch;
}

/* What the replay itself needs does not fail. */
static int
watch(struct stage *s)
{
	const struct evchat_callbacks callbacks =
	    wrapped(&s->app->channel.callbacks);
	int error;

	replay_memory_rest();
	error = evchat_group_add(s->alive, s->ch);
	if (!error)
		error = evchat_set_callbacks(s->ch, &callbacks);
	replay_memory_go_on();
	return error;
}

static int
open_channel(struct stage *s)
{
	s->given = true;
	s->ch = s->app->open ? s->app->open(s->base, s->near, s->app->ctx)
			     : open_by_replay(s);
	if (!s->ch)
		return 0;
	if (watch(s))
		return -1;
	s->play->opened = true;
	if (s->app->opened)
		s->app->opened(s->ch, s->app->ctx);
	return 0;
}

/* --- Turning. --- */

static void
hang_up(struct stage *s)
{
	if (s->peer >= 0)
		(void)close(s->peer);
	s->peer = -1;
}

static void
hear(struct stage *s)
{
	struct replay_play *play = s->play;
	char bytes[16384];
	ssize_t n = 1;

	while (s->listening && s->peer >= 0 && n > 0) {
		if (is_alive(s))
			look_at_output(s);
		if (play->got.len < s->sent)
			await(s, s->peer, POLLIN);
		n = recv(s->peer, bytes, sizeof bytes, 0);
		if (n > 0)
			replay_text_add(&play->got, bytes, (size_t)n);
		play->got_end |= n == 0;
		play->got_reset |= n < 0 && errno == ECONNRESET;
	}
}

static void
turn(struct stage *s)
{
	if (event_base_loop(s->base, EVLOOP_ONCE | EVLOOP_NONBLOCK) < 0)
		s->play->loop_failed = true;
	hear(s);
}

/* How much has happened so far. */
static uint64_t
progress(const struct stage *s)
{
	struct evchat_stats stats = {0};

	if (is_alive(s))
		evchat_get_stats(s->ch, &stats);
	return stats.bytes_in + stats.bytes_out + s->play->callbacks +
	       s->play->got.len + s->play->got_end + s->play->got_reset;
}

/* Turn until nothing happens; true if something did. */
static bool
settle(struct stage *s)
{
	const uint64_t first = progress(s);
	uint64_t before;

	for (size_t quiet = 0; quiet < QUIET_TURNS;) {
		before = progress(s);
		turn(s);
		quiet = before == progress(s) ? quiet + 1 : 0;
	}
	return first != progress(s);
}

/* The same, and go on when the channel was paused. */
static bool
settle_all(struct stage *s)
{
	bool any = settle(s);

	while (s->paused && is_alive(s)) {
		s->paused = false;
		(void)evchat_resume(s->ch); /* refused if it closes: good */
		any |= settle(s);
	}
	return any;
}

/* --- What the peer does. --- */

static void
end_saying(struct stage *s)
{
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};

	if (s->talk->end == REPLAY_STAYS || s->peer < 0)
		return;
	if (s->talk->end == REPLAY_EOF) {
		(void)shutdown(s->peer, SHUT_WR); /* it may be gone */
		return;
	}
	(void)setsockopt(s->peer, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	hang_up(s);
	if (is_alive(s))
		await(s, s->near, 0); /* for the error */
}

/* Bytes up to this one; what a channel that is over does not take is lost. */
static void
say(struct stage *s, size_t from, size_t to)
{
	const char *said = s->talk->said;
	ssize_t n;

	while (from < to && is_alive(s)) {
		n = send(s->peer, said + from, to - from, MSG_NOSIGNAL);
		if (n > 0) {
			from += (size_t)n;
			if (is_alive(s))
				await(s, s->near, POLLIN);
		} else if (errno != EAGAIN) {
			return;
		} else if (!settle_all(s)) {
			if (s->listening)
				return; /* it takes no more */
			s->listening = true;
		}
	}
}

static void
say_and_settle(struct stage *s, size_t from, size_t to)
{
	say(s, from, to);
	if (to == s->talk->len && s->way->ends_at_once)
		end_saying(s);
	(void)settle_all(s);
}

static void
converse(struct stage *s)
{
	const struct replay_way *way = s->way;
	const size_t len = s->talk->len;
	size_t at = 0;

	(void)settle_all(s);
	for (; way->piece && len - at > way->piece; at += way->piece)
		say_and_settle(s, at, at + way->piece);
	for (size_t i = 0; i < 2; i++)
		if (way->cuts[i]) {
			say_and_settle(s, at, way->cuts[i]);
			at = way->cuts[i];
		}
	say_and_settle(s, at, len);
	if (!way->ends_at_once)
		end_saying(s);
	(void)settle_all(s);
	s->listening = true;
	(void)settle_all(s);
	/* A peer that has heard the end hangs up. */
	if (s->play->got_end && s->peer >= 0)
		(void)shutdown(s->peer, SHUT_WR);
	(void)settle_all(s);
}

/* --- A play. --- */

static int
set_stage(struct stage *s)
{
	s->base = event_base_new();
	s->alive = s->base ? evchat_group_new(s->base) : NULL;
	if (!s->alive || make_ends(s))
		return -1;
	if (s->app->begin && s->app->begin(s->base, s->app->ctx))
		return -1;
	s->begun = true;
	return 0;
}

static int
perform(struct stage *s)
{
	int error;

	replay_memory_watch(s->way->refused);
	error = open_channel(s);
	if (!error && s->play->opened)
		converse(s);
	replay_memory_rest();
	s->play->was_refused = replay_memory_refused();
	return error;
}

static void
ask_application(struct stage *s)
{
	const struct replay_application *app = s->app;
	struct evbuffer *told = app->tell ? evbuffer_new() : NULL;
	size_t len;

	if (told) {
		app->tell(told, app->ctx);
		len = evbuffer_get_length(told);
		replay_text_add(&s->play->told, evbuffer_pullup(told, -1), len);
		evbuffer_free(told);
	}
	if (app->complained)
		s->play->complained = app->complained(app->ctx);
	if (app->tidy && s->play->got.len)
		app->tidy(s->play->got.bytes, s->play->got.len, app->ctx);
}

static void
clear_stage(struct stage *s)
{
	const bool taken = s->ch != NULL;

	s->play->over = !taken || !is_alive(s);
	if (!s->play->over)
		drop(s);
	if (s->begun && s->app->end)
		s->app->end(s->app->ctx);
	evchat_group_free(s->alive);
	hang_up(s);
	if (!s->given && s->near >= 0)
		(void)close(s->near);
	if (s->base) {
		/* libevent gives back in the turn after. */
		(void)event_base_loop(s->base, EVLOOP_NONBLOCK);
		event_base_free(s->base);
	}
	replay_said_end(&s->play->said);
}

int
replay_play(struct replay_play *play,
    const struct replay_application *application,
    const struct replay_conversation *conversation,
    const struct replay_way *way)
{
	struct stage s = {.play = play,
	    .app = application,
	    .talk = conversation,
	    .way = way,
	    .near = -1,
	    .peer = -1,
	    .listening = !way->reads_late};
	const size_t live = replay_memory_live();
	int error;

	*play = (struct replay_play){0};
	stage = &s;
	error = set_stage(&s);
	if (!error)
		error = perform(&s);
	if (!error)
		ask_application(&s);
	clear_stage(&s);
	stage = NULL;
	play->left = replay_memory_live() - live;
	return error || play->said.text.cut || play->got.cut || play->told.cut
		   ? -1
		   : 0;
}

void
replay_play_free(struct replay_play *play)
{
	replay_text_free(&play->said.text);
	replay_text_free(&play->got);
	replay_text_free(&play->told);
}
