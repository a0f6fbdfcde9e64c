/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The line echo server on all cores: one thread, one loop and one listener
 * each, all at the same address, and the kernel deals out the clients
 * (SO_REUSEPORT).  Nothing is shared, so nothing is locked.  Try:
 *
 *	echo_threads 127.0.0.1:7779 4 &
 *	nc 127.0.0.1 7779
 *	kill %1
 *
 * Without an address a free port is taken, without a number there is one thread
 * a core.  SIGINT and SIGTERM end it: clients get what waits for them, and it
 * prints how many lines each thread has sent back.
 */
#include <errno.h>
#include <evchat/evchat.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORKERS_MAX = 1024, GRACE_MS = 1000 };

/* A thread's own; the main thread touches it before the thread starts and after
 * it has ended. */
struct worker {
	struct event_base *base;
	struct evchat_group *group;
	struct evchat_listener *listener;
	pthread_t thread;
	uint64_t lines;
	int error; /* of the loop */
};

static void on_line(struct evchat *ch, const void *line, size_t len, void *ctx)
{
	struct worker *worker = ctx;

	worker->lines++;
	if (evchat_push(ch, line, len) || evchat_push(ch, "\n", 1))
		evchat_free(ch);
}

/* In the worker's loop, which ends by itself when nothing is left in it. */
static void on_stop(evutil_socket_t fd, short what, void *ctx)
{
	struct worker *worker = ctx;

	evchat_listener_stop(worker->listener);
	if (evchat_group_close_when_done(worker->group, GRACE_MS, NULL, NULL))
		evchat_group_close_all(worker->group);
}

static void *work(void *ctx)
{
	struct worker *worker = ctx;

	worker->error = event_base_dispatch(worker->base) < 0;
	if (worker->error)
		(void)kill(getpid(), SIGTERM); /* the others, too */
	return NULL;
}

static int set_up(struct worker *worker, const char *address)
{
	struct evchat_listener_options options = {.reuse_port = true,
	    .channel = {
		.callbacks.frame = on_line, .terminator = evchat_line()}};

	worker->base = event_base_new();
	if (!worker->base)
		return -1;
	worker->group = evchat_group_new(worker->base);
	if (!worker->group)
		return -1;
	options.channel.group = worker->group;
	worker->listener =
	    evchat_listen(worker->base, address, &options, worker);
	return worker->listener ? 0 : -1;
}

static void tear_down(struct worker *worker)
{
	evchat_listener_free(worker->listener);
	evchat_group_free(worker->group);
	if (worker->base)
		event_base_free(worker->base);
}

/* All at the address of the first, whose port may have been any. */
static int set_up_all(struct worker *workers, int n, const char *address)
{
	char text[EVCHAT_ADDRESS_SIZE];

	if (set_up(workers, address) ||
	    evchat_listener_address(workers->listener, text, sizeof text))
		return -1;
	for (int i = 1; i < n; i++)
		if (set_up(workers + i, text))
			return -1;
	printf("listening on %s\n", text);
	return fflush(stdout);
}

/* Only through its loop may a thread be told anything. */
static int tell_to_stop(struct worker *worker)
{
	struct timeval now = {0};

	return event_base_once(
	    worker->base, -1, EV_TIMEOUT, on_stop, worker, &now);
}

static int wait_for_end(struct worker *worker)
{
	return pthread_join(worker->thread, NULL) || worker->error ? -1 : 0;
}

static int run(struct worker *workers, int n, const sigset_t *signals)
{
	int started = 0, signal_number, error = 0;

	while (started < n && !error) {
		struct worker *next = workers + started;

		error = pthread_create(&next->thread, NULL, work, next);
		started += !error;
	}
	if (!error)
		error = sigwait(signals, &signal_number);
	for (int i = 0; i < started; i++)
		if (tell_to_stop(workers + i)) {
			perror("echo_threads: a thread cannot be told to end");
			exit(1);
		}
	for (int i = 0; i < started; i++) {
		error |= wait_for_end(workers + i);
		printf("thread %d: %" PRIu64 " lines\n", i, workers[i].lines);
	}
	if (error > 0)
		errno = error; /* of pthreads */
	return error;
}

static int serve(const char *address, long n)
{
	struct worker *workers = calloc((size_t)n, sizeof *workers);
	sigset_t signals;
	int error = -1;

	if (!workers)
		return -1;
	/* Every thread inherits the mask, so that sigwait() gets them all. */
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGTERM);
	if (pthread_sigmask(SIG_BLOCK, &signals, NULL) == 0 &&
	    signal(SIGPIPE, SIG_IGN) != SIG_ERR &&
	    evthread_use_pthreads() == 0 && /* before the first base */
	    set_up_all(workers, (int)n, address) == 0)
		error = run(workers, (int)n, &signals);
	if (error)
		perror("echo_threads");
	for (long i = 0; i < n; i++)
		tear_down(workers + i);
	free(workers);
	return error;
}

int main(int argc, char **argv)
{
	long n = argc > 2 ? strtol(argv[2], NULL, 10)
			  : sysconf(_SC_NPROCESSORS_ONLN);

	if (argc > 3 || n < 1 || n > WORKERS_MAX) {
		fputs("usage: echo_threads [address [threads]]\n", stderr);
		return 2;
	}
	return serve(argc > 1 ? argv[1] : "127.0.0.1:0", n) != 0;
}
