/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What bad clients do to good ones: slow_clients [NAME=VALUE]...
 *
 * A server echoes lines.  Good clients send a line every 50 ms and wait for it
 * to come back.  In every other run there are slow clients as well, which send
 * a byte a second and never finish their line, and deaf ones, which send and
 * never read.  The good ones and the attackers each live in a process of their
 * own, so that what an attack costs the attackers does not count.
 *
 *     good=100 slow=3000 deaf=500   how many of each
 *     seconds=20 runs=3             how long a run takes; runs of either sort
 *     frame_ms=12000 idle_ms=6000 write_ms=5000    the server's deadlines
 *     slack_us=0                    what the figure of an attacked run may have
 *                                   above twice the quiet one's
 *
 * Fails unless no good client sees an error, their 99th percentile is at most
 * doubled (medians of the runs), every attacker is gone a second after its
 * deadline (after twice the write deadline, see limits.h), and so is the memory
 * it took.  Times are real: run the full size by hand on a quiet machine.
 */
#include "support/counting.h"
#include <arpa/inet.h>
#include <errno.h>
#include <evchat/evchat.h>
#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

enum {
	LINE = 64,      /* of a good client, its CRLF included */
	THINK_MS = 50,  /* between its lines */
	TICK_MS = 10,   /* of the attack */
	TICKS = 100,    /* in which each slow client has its turn */
	PER_TICK = 50,  /* attackers that connect in one */
	SPARE_FDS = 64, /* that are no client's */
	GRACE_MS = 1000 /* that an attacker may have beyond its deadline */
};

struct plan {
	unsigned good, slow, deaf, seconds, runs;
	unsigned frame_ms, idle_ms, write_ms, slack_us;
};

/* What a process of clients is told to do. */
struct order {
	struct plan plan;
	struct sockaddr_in at;
	bool only_come_and_go;
};

/* What it has seen. */
struct report {
	uint64_t echoes, errors;
	uint64_t median_us, p99_us, worst_us;
	uint64_t slow_gone, slow_longest_ms;
	uint64_t deaf_gone, deaf_longest_ms; /* without reading */
	uint64_t deaf_heard;                 /* when they did read in the end */
};

static void
die(const char *why)
{
	fprintf(stderr, "slow_clients: %s: %s\n", why, strerror(errno));
	exit(EXIT_FAILURE);
}

static uint64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t
ms_since(uint64_t us)
{
	return (now_us() - us) / 1000;
}

static void *
array_of(size_t n, size_t size)
{
	void *array = calloc(n ? n : 1, size);

	if (!array)
		die("no memory");
	return array;
}

static void
start_timer(struct event *timer, unsigned ms)
{
	struct timeval tv = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};

	if (!timer || evtimer_add(timer, &tv))
		die("timer");
}

/* --- The clients: connecting. --- */

/* `room` is how little the kernel shall hold for it; 0 is as it will. */
static int
dial(const struct sockaddr_in *at, int room)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		die("socket");
	if (room &&
	    (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room) ||
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room)))
		die("setsockopt");
	if (connect(fd, (const struct sockaddr *)at, sizeof *at))
		die("connect");
	if (fcntl(fd, F_SETFL, O_NONBLOCK))
		die("O_NONBLOCK");
	return fd;
}

/* --- The clients: good ones. --- */

struct army;

struct good {
	struct army *army;
	struct event *readable, *next;
	int fd;
	uint64_t sent_us; /* 0: nothing is under way */
	unsigned lines;
	char line[LINE + 1], got[LINE];
	size_t got_len;
	bool gone;
};

struct attacker {
	struct army *army;
	struct event *readable; /* of a slow one */
	int fd;                 /* -1: gone, or not there yet */
	uint64_t begun_us;
};

struct army {
	const struct order *order;
	struct event_base *base;
	struct event *tick, *end;
	struct good *good;
	struct attacker *attackers; /* the slow ones, then the deaf */
	struct pollfd *deaf;
	size_t come; /* attackers that have connected */
	unsigned good_left, ticks;
	uint64_t *took_us;
	size_t room;
	struct report report;
	bool over; /* no more lines are begun */
};

static void
leave(struct good *g)
{
	if (g->gone)
		return;
	g->gone = true;
	event_free(g->readable);
	event_free(g->next);
	close(g->fd);
	g->army->good_left--;
}

static void
suffer(struct good *g)
{
	g->army->report.errors++;
	leave(g);
}

static void
note_time(struct army *a, uint64_t us)
{
	if (a->report.echoes < a->room)
		a->took_us[a->report.echoes++] = us;
}

static void
on_next(evutil_socket_t fd, short what, void *ctx)
{
	struct good *g = ctx;

	(void)fd, (void)what;
	if (g->army->over) {
		/* The server closes, too; that is awaited. */
		shutdown(g->fd, SHUT_WR);
		return;
	}
	snprintf(g->line, sizeof g->line, "%-*u", LINE - 2, g->lines++);
	memcpy(g->line + LINE - 2, "\r\n", 2);
	g->got_len = 0;
	g->sent_us = now_us();
	if (send(g->fd, g->line, LINE, MSG_NOSIGNAL) != LINE)
		suffer(g);
}

static void
on_answer(evutil_socket_t fd, short what, void *ctx)
{
	struct good *g = ctx;
	ssize_t n = recv(fd, g->got + g->got_len, LINE - g->got_len, 0);

	(void)what;
	if (n == 0 && g->army->over && !g->sent_us) {
		leave(g);
		return;
	}
	if (n <= 0 || !g->sent_us) {
		suffer(g);
		return;
	}
	g->got_len += (size_t)n;
	if (g->got_len < LINE)
		return;
	if (memcmp(g->got, g->line, LINE) != 0) {
		suffer(g);
		return;
	}
	note_time(g->army, now_us() - g->sent_us);
	g->sent_us = 0;
	g->got_len = 0;
	start_timer(g->next, THINK_MS);
}

static void
call_good(struct army *a, unsigned i)
{
	struct good *g = &a->good[i];

	g->army = a;
	g->fd = dial(&a->order->at, 0);
	g->readable =
	    event_new(a->base, g->fd, EV_READ | EV_PERSIST, on_answer, g);
	g->next = evtimer_new(a->base, on_next, g);
	if (!g->readable || event_add(g->readable, NULL))
		die("event");
	/* Not all of them at once. */
	start_timer(g->next, 1 + i % THINK_MS);
}

/* --- The clients: bad ones. --- */

static size_t
attackers(const struct army *a)
{
	return a->order->plan.slow + a->order->plan.deaf;
}

static void
dismiss(struct attacker *b, uint64_t *gone, uint64_t *longest_ms)
{
	uint64_t ms = ms_since(b->begun_us);

	if (b->readable)
		event_free(b->readable);
	b->readable = NULL;
	close(b->fd);
	b->fd = -1;
	++*gone;
	if (ms > *longest_ms)
		*longest_ms = ms;
}

/* A slow one: nothing comes to it but its end. */
static void
on_dismissed(evutil_socket_t fd, short what, void *ctx)
{
	struct attacker *b = ctx;
	struct report *r = &b->army->report;

	(void)fd, (void)what;
	dismiss(b, &r->slow_gone, &r->slow_longest_ms);
}

static void
call_slow(struct army *a, struct attacker *b)
{
	b->readable = event_new(a->base, b->fd, EV_READ, on_dismissed, b);
	if (!b->readable || event_add(b->readable, NULL))
		die("event");
}

/* A failure will be seen as readable. */
static void
drip(struct attacker *b)
{
	if (b->fd >= 0 && send(b->fd, "x", 1, MSG_NOSIGNAL) < 0)
		return;
}

/* Lines, as many as go; the answers are left where they are. */
static void
shout(struct attacker *b)
{
	char lines[4096];

	memset(lines, 'x', sizeof lines);
	for (size_t i = LINE; i <= sizeof lines; i += LINE)
		memcpy(lines + i - 2, "\r\n", 2);
	while (send(b->fd, lines, sizeof lines, MSG_NOSIGNAL) > 0)
		;
}

/* Those that the server has left, without reading. */
static void
look_at_deaf(struct army *a)
{
	struct attacker *first = a->attackers + a->order->plan.slow;
	unsigned n = a->order->plan.deaf;

	for (unsigned i = 0; i < n; i++)
		a->deaf[i] = (struct pollfd){first[i].fd, POLLRDHUP, 0};
	if (poll(a->deaf, n, 0) < 0)
		die("poll");
	for (unsigned i = 0; i < n; i++)
		if (a->deaf[i].revents)
			dismiss(&first[i], &a->report.deaf_gone,
			    &a->report.deaf_longest_ms);
}

static void
call_attacker(struct army *a, size_t i)
{
	struct attacker *b = &a->attackers[i];
	bool deaf = i >= a->order->plan.slow;

	b->army = a;
	b->fd = dial(&a->order->at, deaf ? 4096 : 0);
	b->begun_us = now_us();
	if (deaf) {
		shout(b);
		return;
	}
	call_slow(a, b);
	drip(b);
}

static void
on_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct army *a = ctx;
	size_t come = a->come;

	(void)fd, (void)what;
	for (size_t i = 0; i < a->order->plan.slow && i < come; i++)
		if (i / PER_TICK % TICKS == a->ticks % TICKS)
			drip(&a->attackers[i]);
	while (a->come < attackers(a) && a->come < come + PER_TICK)
		call_attacker(a, a->come++);
	if (a->ticks++ % 10 == 0)
		look_at_deaf(a);
	start_timer(a->tick, TICK_MS);
}

/* --- The clients: a run. --- */

static int
ascending(const void *x, const void *y)
{
	const uint64_t *a = x, *b = y;

	return *a < *b ? -1 : *a > *b;
}

static void
sum_up(struct army *a)
{
	struct report *r = &a->report;

	if (!r->echoes)
		return;
	qsort(a->took_us, (size_t)r->echoes, sizeof *a->took_us, ascending);
	r->median_us = a->took_us[r->echoes / 2];
	r->p99_us = a->took_us[r->echoes - 1 - r->echoes / 100];
	r->worst_us = a->took_us[r->echoes - 1];
}

static void
on_end(evutil_socket_t fd, short what, void *ctx)
{
	struct army *a = ctx;

	(void)fd, (void)what;
	a->over = true;
}

/* Read to the end, which must come; false if it does not. */
static bool
hear_end(int fd)
{
	struct timeval patience = {.tv_sec = 10};
	char bytes[4096];
	ssize_t n;

	if (setsockopt(
		fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) ||
	    fcntl(fd, F_SETFL, 0))
		die("patience");
	do
		n = recv(fd, bytes, sizeof bytes, 0);
	while (n > 0);
	return n == 0 || errno != EAGAIN;
}

static bool
all_are_gone(const struct army *a)
{
	return a->over && !a->good_left &&
	       a->report.slow_gone == a->order->plan.slow;
}

/* To whom the end comes behind what it has not read. */
static void
make_deaf_hear(struct army *a)
{
	for (size_t i = a->order->plan.slow; i < a->come; i++)
		if (a->attackers[i].fd >= 0 && hear_end(a->attackers[i].fd))
			a->report.deaf_heard++;
}

/* Until all have gone, or for long enough to say that they will not. */
static void
attack(struct army *a)
{
	const struct plan *p = &a->order->plan;
	uint64_t begun = now_us();
	uint64_t patience_ms =
	    p->seconds * 1000 + p->frame_ms + 2 * p->write_ms + 5 * GRACE_MS;

	a->tick = evtimer_new(a->base, on_tick, a);
	a->end = evtimer_new(a->base, on_end, a);
	start_timer(a->end, p->seconds * 1000);
	start_timer(a->tick, TICK_MS);
	while (!all_are_gone(a) && ms_since(begun) < patience_ms)
		event_base_loop(a->base, EVLOOP_ONCE);
	a->report.errors += a->good_left;
	event_free(a->tick);
	event_free(a->end);
}

static void
disband(struct army *a)
{
	uint64_t unheeded = 0;

	for (unsigned i = 0; i < a->order->plan.good; i++)
		leave(&a->good[i]);
	for (size_t i = 0; i < a->come; i++)
		if (a->attackers[i].fd >= 0)
			dismiss(&a->attackers[i], &unheeded, &unheeded);
	event_base_free(a->base);
	free(a->good);
	free(a->attackers);
	free(a->deaf);
	free(a->took_us);
}

static struct report
carry_out(const struct order *order)
{
	const struct plan *p = &order->plan;
	struct army a = {.order = order, .base = event_base_new()};

	if (!a.base)
		die("event_base_new");
	a.good = array_of(p->good, sizeof *a.good);
	a.attackers = array_of(p->slow + p->deaf, sizeof *a.attackers);
	a.deaf = array_of(p->deaf, sizeof *a.deaf);
	a.room = (size_t)p->good * (p->seconds + 1) * (1000 / THINK_MS);
	a.took_us = array_of(a.room, sizeof *a.took_us);
	for (size_t i = 0; i < p->slow + p->deaf; i++)
		a.attackers[i].fd = -1;
	a.good_left = p->good;
	for (unsigned i = 0; i < p->good; i++)
		call_good(&a, i);
	attack(&a);
	make_deaf_hear(&a);
	sum_up(&a);
	disband(&a);
	return a.report;
}

/* As many as there will ever be, all at once, so that tables in the server have
 * grown as far as they will. */
static struct report
come_and_go(const struct order *order)
{
	const struct plan *p = &order->plan;
	size_t n = p->good + p->slow + p->deaf;
	int *fds = array_of(n, sizeof *fds);
	char answer[3];

	for (size_t i = 0; i < n; i++) {
		fds[i] = dial(&order->at, 0);
		if (fcntl(fds[i], F_SETFL, 0) ||
		    send(fds[i], "x\r\n", 3, MSG_NOSIGNAL) != 3)
			die("send");
	}
	for (size_t i = 0; i < n; i++)
		if (recv(fds[i], answer, 3, MSG_WAITALL) != 3)
			die("recv");
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
	free(fds);
	return (struct report){0};
}

static void
obey(int orders)
{
	struct order order;

	while (read(orders, &order, sizeof order) == sizeof order) {
		struct report report = order.only_come_and_go
					   ? come_and_go(&order)
					   : carry_out(&order);

		if (write(orders, &report, sizeof report) != sizeof report)
			die("report");
	}
	exit(EXIT_SUCCESS);
}

/* --- The server. --- */

enum { REASONS = EVCHAT_REASON_CUT + 1 };

struct server {
	struct plan plan;
	struct event_base *base;
	struct evchat_listener *listener;
	struct side {
		struct server *server;
		struct event *reported;
		struct report report;
		pid_t pid;
		int orders; /* to the process of the clients */
	} good, bad;
	unsigned reports; /* that are awaited */
	size_t ended[REASONS];
	uint64_t longest_ms[REASONS];
	unsigned failures;
};

struct guest {
	struct server *server;
	uint64_t come_us;
};

static void
on_line(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	(void)ctx;
	if (evchat_push_line(ch, bytes, len))
		evchat_close_when_done(ch);
}

static void
on_closed(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	struct guest *guest = ctx;
	struct server *s = guest->server;
	uint64_t ms = ms_since(guest->come_us);

	(void)ch;
	s->ended[reason]++;
	if (ms > s->longest_ms[reason])
		s->longest_ms[reason] = ms;
	free(guest);
}

static void
on_accepted(
    struct evchat *ch, const struct sockaddr *peer, socklen_t len, void *ctx)
{
	struct guest *guest = array_of(1, sizeof *guest);

	(void)peer, (void)len;
	*guest = (struct guest){ctx, now_us()};
	evchat_set_ctx(ch, guest);
}

static void
on_reported(evutil_socket_t fd, short what, void *ctx)
{
	struct side *side = ctx;

	(void)what;
	if (read(fd, &side->report, sizeof side->report) != sizeof side->report)
		die("no report from the clients");
	side->server->reports--;
}

static void
listen_to(struct server *s, struct side *side)
{
	side->server = s;
	side->reported = event_new(
	    s->base, side->orders, EV_READ | EV_PERSIST, on_reported, side);
	if (!side->reported || event_add(side->reported, NULL))
		die("event");
}

static void
tell(struct server *s, struct side *side, struct order order)
{
	socklen_t len = sizeof order.at;

	if (getsockname(evchat_listener_fd(s->listener),
		(struct sockaddr *)&order.at, &len))
		die("getsockname");
	if (write(side->orders, &order, sizeof order) != sizeof order)
		die("order");
	s->reports++;
}

static void
open_server(struct server *s)
{
	struct evchat_listener_options options = {
	    .channel = {.callbacks = {.frame = on_line, .closed = on_closed},
		.terminator = evchat_line(),
		.limits = {.max_frame = 4096,
		    .output_high = 32 * 1024,
		    .frame_deadline_ms = s->plan.frame_ms,
		    .idle_deadline_ms = s->plan.idle_ms,
		    .write_deadline_ms = s->plan.write_ms}},
	    .accepted = on_accepted};
	/* What the deaf do not read shall not all lie in the kernel. */
	int room = 16 * 1024;

	s->base = event_base_new();
	s->listener = evchat_listen(s->base, "127.0.0.1:0", &options, s);
	if (!s->listener)
		die("evchat_listen");
	if (setsockopt(evchat_listener_fd(s->listener), SOL_SOCKET, SO_SNDBUF,
		&room, sizeof room))
		die("SO_SNDBUF");
	listen_to(s, &s->good);
	listen_to(s, &s->bad);
}

static void
end_side(struct side *side)
{
	int status = -1;

	event_free(side->reported);
	close(side->orders);
	if (waitpid(side->pid, &status, 0) != side->pid || status)
		die("the clients failed");
}

static void
close_server(struct server *s)
{
	/* The last first: it has what the parent had of the other. */
	end_side(&s->good);
	end_side(&s->bad);
	evchat_listener_free(s->listener);
	event_base_free(s->base);
}

/* Serve until the clients have reported and nobody is left. */
static void
serve(struct server *s)
{
	memset(s->ended, 0, sizeof s->ended);
	memset(s->longest_ms, 0, sizeof s->longest_ms);
	while (s->reports || evchat_listener_count(s->listener))
		event_base_loop(s->base, EVLOOP_ONCE);
	/* Bufferevents go in the turn after. */
	event_base_loop(s->base, EVLOOP_NONBLOCK);
}

static void
send_good(struct server *s)
{
	struct order order = {.plan = s->plan};

	order.plan.slow = order.plan.deaf = 0;
	tell(s, &s->good, order);
}

static void
send_bad(struct server *s)
{
	struct order order = {.plan = s->plan};

	order.plan.good = 0;
	tell(s, &s->bad, order);
}

static void
send_crowd(struct server *s)
{
	struct order order = {.plan = s->plan, .only_come_and_go = true};

	tell(s, &s->bad, order);
}

/* --- What must be so. --- */

static void
must(struct server *s, bool is_so, const char *what)
{
	if (is_so)
		return;
	printf("FAILED: %s\n", what);
	s->failures++;
}

static size_t
resident(void)
{
	unsigned long all, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	malloc_trim(0);
	if (!f || fscanf(f, "%lu %lu", &all, &resident) != 2)
		die("/proc/self/statm");
	fclose(f);
	return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static void
print_run(const char *name, unsigned run, const struct report *r)
{
	printf("%s run %u: %" PRIu64 " echoes, %" PRIu64
	       " errors, median %" PRIu64 " us, p99 %" PRIu64
	       " us, worst %" PRIu64 " us\n",
	    name, run, r->echoes, r->errors, r->median_us, r->p99_us,
	    r->worst_us);
}

static uint64_t
check_good(struct server *s, const char *name, unsigned run)
{
	const struct report *r = &s->good.report;

	print_run(name, run, r);
	must(s, !r->errors, "an error for a good client");
	must(s, r->echoes, "nothing was echoed");
	return r->p99_us;
}

static uint64_t
run_quietly(struct server *s, unsigned run)
{
	send_good(s);
	serve(s);
	return check_good(s, "quiet", run);
}

static void
check_attackers(struct server *s)
{
	const struct plan *p = &s->plan;
	const struct report *r = &s->bad.report;
	uint64_t slow_ms = s->longest_ms[EVCHAT_REASON_TIMEOUT_FRAME];
	uint64_t deaf_ms = s->longest_ms[EVCHAT_REASON_TIMEOUT_WRITE];

	printf("  slow: %zu left by the server, the last after %" PRIu64
	       " ms; %" PRIu64 " saw their end, the last after %" PRIu64
	       " ms; deadline %u ms\n",
	    s->ended[EVCHAT_REASON_TIMEOUT_FRAME], slow_ms, r->slow_gone,
	    r->slow_longest_ms, p->frame_ms);
	printf("  deaf: %zu left by the server, the last after %" PRIu64
	       " ms; %" PRIu64 " saw their end, the last after %" PRIu64
	       " ms, %" PRIu64 " when they read; deadline %u ms, noticed after "
	       "at most twice that\n",
	    s->ended[EVCHAT_REASON_TIMEOUT_WRITE], deaf_ms, r->deaf_gone,
	    r->deaf_longest_ms, r->deaf_heard, p->write_ms);
	must(s, s->ended[EVCHAT_REASON_TIMEOUT_FRAME] == p->slow,
	    "not every slow client was left for its frame");
	must(s, s->ended[EVCHAT_REASON_TIMEOUT_WRITE] == p->deaf,
	    "not every deaf client was left for not reading");
	must(s, s->ended[EVCHAT_REASON_EOF] == p->good,
	    "not every good client ended by itself");
	must(s, slow_ms <= p->frame_ms + GRACE_MS, "a slow client stayed");
	must(s, deaf_ms <= 2 * p->write_ms + GRACE_MS, "a deaf client stayed");
	must(s,
	    r->slow_gone == p->slow && r->deaf_gone + r->deaf_heard == p->deaf,
	    "an attacker did not see its end");
	must(s, r->slow_longest_ms <= p->frame_ms + GRACE_MS,
	    "a slow client saw its end too late");
}

static void
check_memory(struct server *s, size_t heap, size_t in_use, size_t rss)
{
	size_t heap_now = counting_now(), rss_now = resident();
	size_t in_use_now = mallinfo2().uordblks;

	printf("  heap of evchat and libevent: %zu bytes before, %zu after, "
	       "%zu at most; of all: %zu, %zu; resident: %zu, %zu\n",
	    heap, heap_now, counting_peak(), in_use, in_use_now, rss, rss_now);
	must(s, heap_now <= heap, "memory stayed behind");
	if (SANITIZED)
		return;
	/* The C library and stdio have their own ways. */
	must(s, in_use_now <= in_use + 16 * 1024, "heap stayed behind");
	must(s, rss_now <= rss + rss / 10 + (1 << 20),
	    "resident memory stayed behind");
}

static uint64_t
run_attacked(struct server *s, unsigned run)
{
	size_t rss = resident(), heap = counting_now();
	size_t in_use = mallinfo2().uordblks;
	uint64_t p99_us;

	counting_mark();
	send_good(s);
	send_bad(s);
	serve(s);
	p99_us = check_good(s, "attacked", run);
	check_attackers(s);
	check_memory(s, heap, in_use, rss);
	return p99_us;
}

static void
run_all(struct server *s)
{
	unsigned runs = s->plan.runs;
	uint64_t *quiet = array_of(runs, sizeof *quiet);
	uint64_t *attacked = array_of(runs, sizeof *attacked);

	send_crowd(s);
	serve(s);
	for (unsigned i = 0; i < runs; i++) {
		quiet[i] = run_quietly(s, i + 1);
		attacked[i] = run_attacked(s, i + 1);
	}
	qsort(quiet, runs, sizeof *quiet, ascending);
	qsort(attacked, runs, sizeof *attacked, ascending);
	printf("p99, median of %u runs: quiet %" PRIu64 " us, attacked %" PRIu64
	       " us, %" PRIu64 " %%\n",
	    runs, quiet[runs / 2], attacked[runs / 2],
	    attacked[runs / 2] * 100 / (quiet[runs / 2] + !quiet[runs / 2]));
	must(s, attacked[runs / 2] <= 2 * quiet[runs / 2] + s->plan.slack_us,
	    "the attack more than doubled the p99 of good clients");
	printf("figure: slow-clients-p99-quiet %" PRIu64 "\n", quiet[runs / 2]);
	printf("figure: slow-clients-p99-attacked %" PRIu64 "\n",
	    attacked[runs / 2]);
	printf("figure: slow-clients-failures %u\n", s->failures);
	free(quiet);
	free(attacked);
}

/* --- Setting out. --- */

static bool
set(struct plan *p, const char *name, size_t len, unsigned value)
{
	const struct {
		const char *name;
		unsigned *value;
	} settings[] = {{"good", &p->good}, {"slow", &p->slow},
	    {"deaf", &p->deaf}, {"seconds", &p->seconds}, {"runs", &p->runs},
	    {"frame_ms", &p->frame_ms}, {"idle_ms", &p->idle_ms},
	    {"write_ms", &p->write_ms}, {"slack_us", &p->slack_us}};

	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
		if (strlen(settings[i].name) != len ||
		    strncmp(settings[i].name, name, len) != 0)
			continue;
		*settings[i].value = value;
		return true;
	}
	return false;
}

static struct plan
plan_of(int argc, char **argv)
{
	struct plan p = {.good = 100,
	    .slow = 3000,
	    .deaf = 500,
	    .seconds = 20,
	    .runs = 3,
	    .frame_ms = 12000,
	    .idle_ms = 6000,
	    .write_ms = 5000};

	for (int i = 1; i < argc; i++) {
		const char *equals = strchr(argv[i], '=');

		if (equals && set(&p, argv[i], (size_t)(equals - argv[i]),
				  (unsigned)strtoul(equals + 1, NULL, 10)))
			continue;
		fprintf(stderr, "slow_clients: what is %s?\n", argv[i]);
		exit(EXIT_FAILURE);
	}
	if (p.runs && p.good && p.slow + p.deaf <= TICKS * PER_TICK)
		return p;
	fprintf(stderr, "slow_clients: cannot do that\n");
	exit(EXIT_FAILURE);
}

static void
allow_descriptors(size_t n)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		die("getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		die("setrlimit");
	if (limit.rlim_cur >= n)
		return;
	fprintf(stderr, "slow_clients: needs %zu descriptors\n", n);
	exit(EXIT_FAILURE);
}

/* The server is not there yet: they have nothing of it. */
static void
begin_side(struct side *side)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		die("socketpair");
	side->pid = fork();
	if (side->pid < 0)
		die("fork");
	if (side->pid == 0) {
		close(ends[0]);
		obey(ends[1]);
	}
	close(ends[1]);
	side->orders = ends[0];
}

int
main(int argc, char **argv)
{
	struct server s = {.plan = plan_of(argc, argv)};

	allow_descriptors(
	    (size_t)s.plan.good + s.plan.slow + s.plan.deaf + SPARE_FDS);
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	begin_side(&s.bad);
	begin_side(&s.good);
	counting_begin();
	open_server(&s);
	run_all(&s);
	close_server(&s);
	return s.failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
