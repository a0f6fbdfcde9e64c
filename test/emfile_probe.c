/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a server does when descriptors run out: it may have 64, and a child
 * process is 300 clients.  While it is full, for a second and a half, one
 * client that is in sends a line now and then, and failed accepts and the time
 * of this process are counted.  Then clients that were served hang up, until
 * all were.  Beside it, the time of being full with an evconnlistener alone.
 *
 * Run it by hand for the figures; it fails when one misses its goal.
 */
#include <dirent.h>
#include <errno.h>
#include <evchat/evchat.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DESCRIPTORS = 64, CLIENTS = 300, FULL_MS = 1500, PING_MS = 20 };
enum { GIVE_UP_SECONDS = 20, MOST_FAILURES = 100, MOST_CPU = 5 };

/* What the clients tell in the end. */
struct report {
	unsigned served;
	unsigned pings, pongs;
};

static void
must(bool went_well, const char *what)
{
	if (went_well)
		return;
	fprintf(stderr, "emfile_probe: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static struct timeval
milliseconds(unsigned ms)
{
	return (struct timeval){
	    (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
}

static void
allow_descriptors(rlim_t n)
{
	struct rlimit limit;

	must(!getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
	limit.rlim_cur = n;
	must(!setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

/* --- The clients, in a process of their own. --- */

struct client {
	struct bufferevent *bev; /* NULL when it has hung up */
	bool served;
};

static struct {
	struct event_base *base;
	struct client clients[CLIENTS];
	struct report report;
	bool leaving; /* who is served hangs up */
} crowd;

static void
hang_up(struct client *c)
{
	bufferevent_free(c->bev);
	c->bev = NULL;
}

static void
on_answer(struct bufferevent *bev, void *ctx)
{
	struct client *c = ctx;
	struct evbuffer *input = bufferevent_get_input(bev);

	(void)evbuffer_drain(input, evbuffer_get_length(input));
	if (c->served)
		crowd.report.pongs++;
	else
		crowd.report.served++;
	c->served = true;
	if (crowd.leaving)
		hang_up(c);
	if (crowd.report.served == CLIENTS)
		(void)event_base_loopbreak(crowd.base);
}

static void
on_ping_time(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd, (void)what, (void)ctx;
	for (size_t i = 0; i < CLIENTS && !crowd.leaving; i++) {
		if (!crowd.clients[i].served)
			continue;
		(void)bufferevent_write(crowd.clients[i].bev, "ping\n", 5);
		crowd.report.pings++;
		return;
	}
}

/* A byte: go on.  The end: that was all. */
static void
on_order(evutil_socket_t fd, short what, void *ctx)
{
	char order;

	(void)what, (void)ctx;
	if (read(fd, &order, 1) != 1) {
		(void)event_base_loopbreak(crowd.base);
		return;
	}
	crowd.leaving = true;
	for (size_t i = 0; i < CLIENTS; i++)
		if (crowd.clients[i].served)
			hang_up(&crowd.clients[i]);
}

static void
connect_client(struct client *c, const struct sockaddr_in *at)
{
	c->bev = bufferevent_socket_new(crowd.base, -1, BEV_OPT_CLOSE_ON_FREE);
	must(c->bev, "bufferevent");
	bufferevent_setcb(c->bev, on_answer, NULL, NULL, c);
	must(!bufferevent_enable(c->bev, EV_READ | EV_WRITE) &&
		 !bufferevent_write(c->bev, "hello\n", 6) &&
		 !bufferevent_socket_connect(
		     c->bev, (const struct sockaddr *)at, sizeof *at),
	    "connect");
}

static void
run_clients(int orders, int answers)
{
	struct timeval often = milliseconds(PING_MS);
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct event *order, *ping;

	(void)alarm(GIVE_UP_SECONDS);
	allow_descriptors(CLIENTS + 64);
	must(read(orders, &at.sin_port, sizeof at.sin_port) ==
		 sizeof at.sin_port,
	    "port");
	crowd.base = event_base_new();
	must(crowd.base, "base");
	for (size_t i = 0; i < CLIENTS; i++)
		connect_client(&crowd.clients[i], &at);
	order =
	    event_new(crowd.base, orders, EV_READ | EV_PERSIST, on_order, NULL);
	ping = event_new(crowd.base, -1, EV_PERSIST, on_ping_time, NULL);
	must(order && ping && !event_add(order, NULL) &&
		 !event_add(ping, &often),
	    "events");
	(void)event_base_dispatch(crowd.base);
	must(write(answers, &crowd.report, sizeof crowd.report) ==
		 sizeof crowd.report,
	    "report");
	exit(EXIT_SUCCESS);
}

/* --- The time of being full. --- */

static struct {
	struct event_base *base;
	struct event *window; /* closes when it was full long enough */
	struct timespec began;
	double cpu_began, seconds, cpu;
	unsigned long failures;
	bool full;
	int orders; /* to the clients */
	bool goes_on;
} probe;

static double
cpu_seconds(void)
{
	struct rusage usage;

	must(!getrusage(RUSAGE_SELF, &usage), "getrusage");
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double
seconds_since(const struct timespec *began)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - began->tv_sec) +
	       (double)(now.tv_nsec - began->tv_nsec) / 1e9;
}

/* From the first failure on. */
static void
note_failure(void)
{
	struct timeval tv = milliseconds(FULL_MS);

	if (!probe.full) {
		probe.full = true;
		probe.cpu_began = cpu_seconds();
		(void)clock_gettime(CLOCK_MONOTONIC, &probe.began);
		must(!evtimer_add(probe.window, &tv), "timer");
	}
	if (probe.seconds == 0)
		probe.failures++;
}

static void
on_window_end(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd, (void)what, (void)ctx;
	probe.seconds = seconds_since(&probe.began);
	probe.cpu = cpu_seconds() - probe.cpu_began;
	if (probe.goes_on)
		must(write(probe.orders, "g", 1) == 1, "order");
	else
		(void)event_base_loopbreak(probe.base);
}

/* --- The two servers. --- */

static void
answer(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	(void)ctx;
	(void)evchat_push_line(ch, bytes, len);
}

static void
on_failed(struct evchat_listener *listener, int error, void *ctx)
{
	(void)listener, (void)ctx;
	must(error == EMFILE, "accept");
	note_failure();
}

static struct evchat_group *group;

static int
serve_by_evchat(void **server)
{
	struct evchat_listener_options options = {
	    .failed = on_failed,
	    .channel.callbacks.frame = answer,
	    .channel.terminator = EVCHAT_LIT("\n"),
	};

	group = evchat_group_new(probe.base);
	must(group, "group");
	options.channel.group = group;
	*server = evchat_listen(probe.base, "127.0.0.1:0", &options, NULL);
	must(*server, "listen");
	return evchat_listener_fd(*server);
}

static void
note_done(struct evchat_group *closed, size_t went, size_t cut, void *ctx)
{
	(void)closed, (void)went, (void)cut, (void)ctx;
	(void)event_base_loopbreak(probe.base);
}

static void
end_evchat(void *server)
{
	evchat_listener_free(server);
	evchat_group_close_all(group);
	must(!evchat_group_close_when_done(group, 0, note_done, NULL), "close");
	(void)event_base_dispatch(probe.base);
	evchat_group_free(group);
}

static struct bufferevent *echoes[DESCRIPTORS];
static size_t n_echoes;

static void
echo(struct bufferevent *bev, void *ctx)
{
	(void)ctx;
	(void)bufferevent_write_buffer(bev, bufferevent_get_input(bev));
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *peer, int len, void *ctx)
{
	struct bufferevent *bev =
	    bufferevent_socket_new(probe.base, fd, BEV_OPT_CLOSE_ON_FREE);

	(void)listener, (void)peer, (void)len, (void)ctx;
	must(bev && n_echoes < DESCRIPTORS, "bufferevent");
	echoes[n_echoes++] = bev;
	bufferevent_setcb(bev, echo, NULL, NULL, NULL);
	(void)bufferevent_enable(bev, EV_READ | EV_WRITE);
}

static void
on_accept_error(struct evconnlistener *listener, void *ctx)
{
	(void)listener, (void)ctx;
	note_failure();
}

static int
serve_by_libevent(void **server)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct evconnlistener *listener = evconnlistener_new_bind(probe.base,
	    on_accept, NULL, LEV_OPT_CLOSE_ON_FREE, SOMAXCONN,
	    (const struct sockaddr *)&at, sizeof at);

	must(listener, "listen");
	evconnlistener_set_error_cb(listener, on_accept_error);
	*server = listener;
	return evconnlistener_get_fd(listener);
}

static void
end_libevent(void *server)
{
	evconnlistener_free(server);
	while (n_echoes > 0)
		bufferevent_free(echoes[--n_echoes]);
}

/* --- One run. --- */

static size_t
count_descriptors(void)
{
	DIR *all = opendir("/proc/self/fd");
	size_t n = 0;

	must(all, "/proc/self/fd");
	while (readdir(all))
		n++;
	closedir(all);
	return n;
}

static void
on_report(evutil_socket_t fd, short what, void *ctx)
{
	(void)what;
	if (read(fd, ctx, sizeof(struct report)) != sizeof(struct report))
		*(struct report *)ctx = (struct report){0};
	(void)event_base_loopbreak(probe.base);
}

/* The clients' process; its ends of the pipes. */
static pid_t
begin_clients(int *orders, int *answers)
{
	int down[2], up[2];
	pid_t child;

	must(!pipe(down) && !pipe(up), "pipe");
	(void)fflush(stdout); /* or the child says it again */
	child = fork();
	must(child >= 0, "fork");
	if (!child) {
		close(down[1]);
		close(up[0]);
		run_clients(down[0], up[1]);
	}
	close(down[0]);
	close(up[1]);
	*orders = down[1];
	*answers = up[0];
	return child;
}

static void
tell_port(int fd, int orders)
{
	struct sockaddr_in at;
	socklen_t len = sizeof at;

	must(!getsockname(fd, (struct sockaddr *)&at, &len) &&
		 write(orders, &at.sin_port, sizeof at.sin_port) ==
		     sizeof at.sin_port,
	    "port");
}

static struct report
run(int (*serve)(void **server), void (*end)(void *server), bool goes_on)
{
	struct report report = {0};
	struct event *reported;
	void *server;
	int answers;
	pid_t child;

	memset(&probe, 0, sizeof probe);
	probe.goes_on = goes_on;
	child = begin_clients(&probe.orders, &answers);
	probe.base = event_base_new();
	must(probe.base, "base");
	probe.window = evtimer_new(probe.base, on_window_end, NULL);
	reported = event_new(probe.base, answers, EV_READ, on_report, &report);
	must(probe.window && reported && !event_add(reported, NULL), "events");
	tell_port(serve(&server), probe.orders);
	(void)event_base_dispatch(probe.base);
	close(probe.orders);
	(void)waitpid(child, NULL, 0);
	event_free(reported);
	event_free(probe.window);
	end(server);
	(void)event_base_loop(probe.base, EVLOOP_NONBLOCK);
	event_base_free(probe.base);
	close(answers);
	return report;
}

/* --- Figures. --- */

static bool
is_good(const char *what, double figure, const char *goal, bool good)
{
	printf("%-16s %-32s %10.1f  %s%s\n", "evchat", what, figure, goal,
	    good ? "" : "  MISSED");
	return good;
}

static bool
probe_evchat(void)
{
	size_t before = count_descriptors(), lost;
	struct report report = run(serve_by_evchat, end_evchat, true);
	double failures = (double)probe.failures / probe.seconds;
	double cpu = 100 * probe.cpu / probe.seconds;
	bool good = true;

	lost = count_descriptors() - before;
	good &= is_good("failed accepts a second", failures, "at most 100",
	    failures <= MOST_FAILURES);
	good &= is_good("% CPU while full", cpu, "below 5", cpu < MOST_CPU);
	good &= is_good("lines sent while full", report.pings, "at least 10",
	    report.pings >= 10);
	/* The client that pings leaves when it is told, perhaps before the
	 * last answer. */
	good &= is_good("lines answered", report.pongs, "all but the last",
	    report.pongs + 1 >= report.pings);
	good &= is_good(
	    "clients served", report.served, "300", report.served == CLIENTS);
	good &= is_good("descriptors lost", (double)lost, "none", lost == 0);
	printf("figure: emfile-failures-a-second %.0f\n", failures);
	printf("figure: emfile-cpu-percent %.1f\n", cpu);
	printf("figure: emfile-served %u\n", report.served);
	return good;
}

static void
probe_libevent(void)
{
	(void)run(serve_by_libevent, end_libevent, false);
	printf("%-16s %-32s %10.1f\n", "evconnlistener",
	    "failed accepts a second", (double)probe.failures / probe.seconds);
	printf("%-16s %-32s %10.1f\n", "evconnlistener", "% CPU while full",
	    100 * probe.cpu / probe.seconds);
	printf("figure: emfile-libevent-failures-a-second %.0f\n",
	    (double)probe.failures / probe.seconds);
}

int
main(void)
{
	bool good;

	(void)signal(SIGPIPE, SIG_IGN);
	/* Should anything hang. */
	(void)alarm(2 * GIVE_UP_SECONDS);
	allow_descriptors(DESCRIPTORS);
	good = probe_evchat();
	probe_libevent();
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
