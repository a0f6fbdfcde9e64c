/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a connection costs that nothing happens on:
 * idle_probe [N [SECONDS [MOST]]]
 *
 * N clients (10,000), in a process of their own, connect to a server and stay
 * silent.  The server, in a process of its own each time, is bare libevent
 * with a bufferevent for each; evchat; and evchat with an idle deadline.
 * Printed are the heap and the resident memory for each connection and the
 * processor's time over some SECONDS (2) in which nothing happens.  What evchat
 * has beyond libevent is its own; more than MOST bytes of it, if that is given,
 * is a failure (half as many again with a deadline, which takes an event), and
 * so is a processor that was busy for a hundredth of the time.
 */
#include "buffers-internal.h"
#include "support/counting.h"
#include <arpa/inet.h>
#include <errno.h>
#include <evchat/evchat.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SPARE_FDS = 64, QUIET_TURNS = 10 };

struct plan {
	size_t n;
	unsigned seconds;
	size_t most; /* 0: any */
};

struct figures {
	size_t heap_each, resident_each;
	uint64_t cpu_us;
	size_t heap_left; /* when all had gone */
};

struct server {
	struct event_base *base;
	size_t connections;
	unsigned idle_ms;
	struct evconnlistener *bare;
	struct evchat_listener *listener;
};

static void
die(const char *why)
{
	fprintf(stderr, "idle_probe: %s: %s\n", why, strerror(errno));
	exit(EXIT_FAILURE);
}

/* --- A server of bare libevent. --- */

static void
on_bare_event(struct bufferevent *bev, short what, void *ctx)
{
	struct server *s = ctx;

	(void)what;
	s->connections--;
	bufferevent_free(bev);
}

static void
on_bare_read(struct bufferevent *bev, void *ctx)
{
	(void)bev, (void)ctx;
}

static void
on_bare_accept(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *peer, int len, void *ctx)
{
	struct server *s = ctx;
	struct bufferevent *bev =
	    bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);

	(void)listener, (void)peer, (void)len;
	if (!bev)
		die("bufferevent_socket_new");
	bufferevent_setcb(bev, on_bare_read, NULL, on_bare_event, s);
	if (bufferevent_enable(bev, EV_READ | EV_WRITE))
		die("bufferevent_enable");
	s->connections++;
}

static int
open_bare(struct server *s)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	s->bare = evconnlistener_new_bind(s->base, on_bare_accept, s,
	    LEV_OPT_CLOSE_ON_FREE, SOMAXCONN, (struct sockaddr *)&at,
	    sizeof at);
	if (!s->bare)
		die("evconnlistener_new_bind");
	return (int)evconnlistener_get_fd(s->bare);
}

/* --- A server of evchat. --- */

static void
on_frame(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	(void)ch, (void)bytes, (void)len, (void)ctx;
}

static void
on_closed(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	struct server *s = ctx;

	(void)ch, (void)reason;
	s->connections--;
}

static void
on_accepted(
    struct evchat *ch, const struct sockaddr *peer, socklen_t len, void *ctx)
{
	struct server *s = ctx;

	(void)ch, (void)peer, (void)len;
	s->connections++;
}

static int
open_evchat(struct server *s)
{
	struct evchat_listener_options options = {
	    .channel = {.callbacks = {.frame = on_frame, .closed = on_closed},
		.terminator = evchat_line(),
		.limits = {.idle_deadline_ms = s->idle_ms}},
	    .accepted = on_accepted};

	s->listener = evchat_listen(s->base, "127.0.0.1:0", &options, s);
	if (!s->listener)
		die("evchat_listen");
	return evchat_listener_fd(s->listener);
}

static int
open_patient(struct server *s)
{
	s->idle_ms = 600 * 1000;
	return open_evchat(s);
}

static void
close_server(struct server *s)
{
	if (s->bare)
		evconnlistener_free(s->bare);
	evchat_listener_free(s->listener);
	event_base_free(s->base);
}

/* --- The clients. --- */

struct clients {
	pid_t pid;
	int leash; /* they live as long as it is open */
};

static void
stay(int listening, size_t n, int leash)
{
	struct sockaddr_in at;
	socklen_t len = sizeof at;
	char byte;

	if (getsockname(listening, (struct sockaddr *)&at, &len))
		die("getsockname");
	close(listening);
	for (size_t i = 0; i < n; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (fd < 0 || connect(fd, (struct sockaddr *)&at, len))
			die("connect");
	}
	exit(read(leash, &byte, 1) ? EXIT_FAILURE : EXIT_SUCCESS);
}

static struct clients
call_clients(int listening, size_t n)
{
	struct clients clients;
	int ends[2];

	if (pipe(ends))
		die("pipe");
	clients.pid = fork();
	if (clients.pid < 0)
		die("fork");
	if (clients.pid == 0) {
		close(ends[1]);
		stay(listening, n, ends[0]);
	}
	close(ends[0]);
	clients.leash = ends[1];
	return clients;
}

static void
send_away(const struct clients *clients)
{
	int status = -1;

	close(clients->leash);
	if (waitpid(clients->pid, &status, 0) != clients->pid || status)
		die("the clients failed");
}

/* --- Measuring. --- */

static size_t
resident(void)
{
	unsigned long all, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%lu %lu", &all, &resident) != 2)
		die("/proc/self/statm");
	fclose(f);
	return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static uint64_t
us_of(struct timeval tv)
{
	return (uint64_t)tv.tv_sec * 1000000 + (uint64_t)tv.tv_usec;
}

static uint64_t
cpu_us(void)
{
	struct rusage use;

	if (getrusage(RUSAGE_SELF, &use))
		die("getrusage");
	return us_of(use.ru_utime) + us_of(use.ru_stime);
}

static void
settle(struct server *s)
{
	for (int i = 0; i < QUIET_TURNS; i++)
		event_base_loop(s->base, EVLOOP_NONBLOCK);
}

static uint64_t
do_nothing(struct server *s, unsigned seconds)
{
	struct timeval tv = {seconds, 0};
	uint64_t before = cpu_us();

	if (event_base_loopexit(s->base, &tv))
		die("event_base_loopexit");
	event_base_dispatch(s->base);
	return cpu_us() - before;
}

static struct figures
measure(int (*open_server)(struct server *s), const struct plan *plan)
{
	struct server s = {0};
	struct figures f = {0};
	struct clients clients;
	size_t heap, rss;
	int listening;

	counting_begin();
	s.base = event_base_new();
	if (!s.base)
		die("event_base_new");
	listening = open_server(&s);
	/* They are the thread's, however many channels it has. */
	evchat_buffers_give_back_(evchat_buffers_take_());
	heap = counting_now();
	rss = resident();
	clients = call_clients(listening, plan->n);
	while (s.connections < plan->n)
		event_base_loop(s.base, EVLOOP_ONCE);
	settle(&s);
	f.heap_each = (counting_now() - heap) / plan->n;
	f.resident_each = (resident() - rss) / plan->n;
	f.cpu_us = do_nothing(&s, plan->seconds);
	send_away(&clients);
	while (s.connections)
		event_base_loop(s.base, EVLOOP_ONCE);
	settle(&s);
	close_server(&s);
	evchat_buffers_free_();
	f.heap_left = counting_now();
	return f;
}

/* In a process of its own: nothing is there from the time before. */
static struct figures
measure_apart(int (*open_server)(struct server *s), const struct plan *plan)
{
	struct figures f;
	int ends[2], status = -1;
	pid_t pid;

	if (pipe(ends))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		f = measure(open_server, plan);
		exit(write(ends[1], &f, sizeof f) == sizeof f ? EXIT_SUCCESS
							      : EXIT_FAILURE);
	}
	close(ends[1]);
	if (read(ends[0], &f, sizeof f) != sizeof f)
		die("no figures");
	close(ends[0]);
	if (waitpid(pid, &status, 0) != pid || status)
		die("the server failed");
	return f;
}

static bool
print(const char *name, const struct figures *f, const struct plan *plan)
{
	printf("%s: %zu bytes of heap, %zu resident, each; %" PRIu64
	       " us of the processor in %u s; %zu bytes left behind\n",
	    name, f->heap_each, f->resident_each, f->cpu_us, plan->seconds,
	    f->heap_left);
	return f->cpu_us <= plan->seconds * 10000u;
}

static bool
print_own(const char *name, const struct figures *f, const struct figures *bare,
    size_t most)
{
	size_t own = f->heap_each - bare->heap_each;

	printf("%s: %zu bytes each are its own\n", name, own);
	return !most || own <= most;
}

static struct plan
plan_of(int argc, char **argv)
{
	struct plan plan = {10000, 2, 0};

	if (argc > 1)
		plan.n = strtoul(argv[1], NULL, 10);
	if (argc > 2)
		plan.seconds = (unsigned)strtoul(argv[2], NULL, 10);
	if (argc > 3)
		plan.most = strtoul(argv[3], NULL, 10);
	if (plan.n && plan.seconds && argc <= 4)
		return plan;
	fprintf(stderr, "idle_probe [N [SECONDS [MOST]]]\n");
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
	fprintf(stderr, "idle_probe: needs %zu descriptors\n", n);
	exit(EXIT_FAILURE);
}

int
main(int argc, char **argv)
{
	struct plan plan = plan_of(argc, argv);
	struct figures bare, plain, patient;
	bool good;

	allow_descriptors(plan.n + SPARE_FDS);
	bare = measure_apart(open_bare, &plan);
	plain = measure_apart(open_evchat, &plan);
	patient = measure_apart(open_patient, &plan);
	good = print("bare libevent", &bare, &plan);
	good &= print("evchat", &plain, &plan);
	good &= print("evchat with an idle deadline", &patient, &plan);
	good &= print_own("evchat", &plain, &bare, plan.most);
	good &= print_own(
	    "evchat with an idle deadline", &patient, &bare, plan.most / 2 * 3);
	printf(
	    "figure: idle-own-bytes %zu\n", plain.heap_each - bare.heap_each);
	printf("figure: idle-bare-bytes %zu\n", bare.heap_each);
	if (!good)
		printf("FAILED: too much memory, or a busy processor\n");
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
