/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Soak: conversations for as long as one likes, and nothing grows.
 *
 *	soak cycles=100000
 *		so many are connected, served and closed, undisturbed
 *	soak seconds=600
 *		a hundred at a time, of every kind, with 1 % faults
 *	...  seed=7 faults=10 (of a thousand) at_once=100 verbose=1
 *
 * Each must come to an end, every byte be where the other end expects it, or a
 * reason be given why it is not.  Now and then all are let come to their end,
 * and what is then held of memory and descriptors is compared: the last tenth
 * of the time with the first.  How much of it is resident counts only where
 * there are many samples: the C library's heap takes some time to find its
 * size.
 */
#include "soak/disturbance.h"
#include "soak/talk.h"
#include "support/counting.h"
#include "support/descriptors.h"
#include "support/syscalls.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

enum {
	SAMPLES = 4096,
	MANY = 20, /* samples: with fewer, what the C library keeps still grows
		    */
	SHORTEST_MS = 1000, /* load between two samples, or a 100th of it all */
	TICK_MS = 5,
	STRETCH = 600,     /* events: more than at_once can have */
	GIVE_UP_MS = 60000 /* for all to come to their end */
};

static struct options {
	size_t cycles, seconds, seed, faults, at_once, verbose;
} options = {.seed = 1, .faults = 10, .at_once = 100};

struct sample {
	size_t bytes, resident, descriptors;
};

static struct soak {
	struct event_base *base;
	struct event *tick;
	struct talks talks;
	FILE *file; /* of letters */
	bool draining;
	uint64_t began_ms, window_ms;
	size_t window_begun; /* conversations, when the window began */
	struct sample samples[SAMPLES];
	size_t n_samples;
} soak;

static uint64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- What is held. --- */

static size_t
resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long all, resident = 0;

	if (!file)
		return 0;
#ifdef __GLIBC__
	/* What the C library keeps of what was given back is nobody's. */
	(void)malloc_trim(0);
#endif
	if (fscanf(file, "%lu %lu", &all, &resident) != 2)
		resident = 0;
	(void)fclose(file);
	return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static void
take_sample(void)
{
	struct sample *s = &soak.samples[soak.n_samples];

	if (soak.n_samples == SAMPLES)
		return;
	soak.n_samples++;
	*s = (struct sample){
	    counting_now(), resident_bytes(), descriptors_open()};
	if (options.verbose)
		printf("soak: after %zu: %zu bytes, %zu resident, %zu "
		       "descriptors\n",
		    soak.talks.ended, s->bytes, s->resident, s->descriptors);
}

/* The mean of a tenth of the samples, from the n-th on. */
static struct sample
mean_from(size_t n, size_t tenth)
{
	struct sample sum = {0};

	for (size_t i = n; i < n + tenth; i++) {
		sum.bytes += soak.samples[i].bytes;
		sum.resident += soak.samples[i].resident;
		sum.descriptors += soak.samples[i].descriptors;
	}
	return (struct sample){
	    sum.bytes / tenth, sum.resident / tenth, sum.descriptors / tenth};
}

static bool
is_flat(const char *what, size_t before, size_t after)
{
	printf("figure: soak-%s-before %zu\nfigure: soak-%s-after %zu\n", what,
	    before, what, after);
	if (after <= before + before / 100)
		return true;
	printf("soak: %s: grew by more than 1 %%\n", what);
	return false;
}

/* --- The load. --- */

static bool
is_enough(void)
{
	if (options.cycles)
		return soak.talks.begun >= options.cycles;
	return now_ms() - soak.began_ms >= options.seconds * 1000;
}

static bool
is_window_over(void)
{
	size_t step = options.cycles / 100 + 1, ms;

	if (options.cycles)
		return soak.talks.begun - soak.window_begun >= step;
	ms = options.seconds * 10;
	return now_ms() - soak.window_ms >=
	       (ms < SHORTEST_MS ? SHORTEST_MS : ms);
}

/* Other errors each time. */
static void
disturb_anew(void)
{
	if (options.faults && !options.cycles)
		disturb(
		    (unsigned)options.faults, options.seed + soak.talks.begun);
}

static void
on_tick(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd, (void)what, (void)ctx;
	talks_tick(&soak.talks, now_ms());
	if (is_enough() || is_window_over())
		soak.draining = true;
	if (soak.draining)
		return;
	disturb_anew();
	while (soak.talks.busy < options.at_once && !is_enough())
		talk_start(&soak.talks);
}

/* --- Windows: load, then the end of it, and a sample. --- */

static void
turn(void)
{
	if (event_base_loop(soak.base, EVLOOP_ONCE) < 0) {
		printf("soak: the loop failed\n");
		exit(EXIT_FAILURE);
	}
}

static void
drain(void)
{
	uint64_t from = now_ms();

	disturb_no_more();
	while (!talks_are_over(&soak.talks))
		if (now_ms() - from > GIVE_UP_MS) {
			printf("soak: some channels never go: %zu\n",
			    evchat_listener_count(soak.talks.listeners[0]) +
				evchat_listener_count(soak.talks.listeners[1]));
			exit(EXIT_FAILURE);
		} else {
			turn();
		}
	/* libevent's finalizers, and retries of listeners. */
	for (int i = 0; i < 50; i++)
		turn();
}

static void
run_window(void)
{
	soak.draining = false;
	soak.window_ms = now_ms();
	soak.window_begun = soak.talks.begun;
	while (!soak.draining)
		turn();
	drain();
	take_sample();
}

/* --- The whole. --- */

/* Not support/file.c, which works in a test of Check's alone. */
static void
make_file(void)
{
	FILE *file = tmpfile();

	if (!file || fwrite(ledger_letters(0), 2 * LETTERS, 1, file) != 1 ||
	    fflush(file)) {
		perror("soak");
		exit(EXIT_FAILURE);
	}
	soak.file = file;
	soak.talks.file = fileno(file);
}

static void
ignore(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd, (void)what, (void)ctx;
}

/* What libevent keeps of a base grows with the highest descriptor, and with how
 * many events are ready and timed at a time, and stays.  That is no leak, so
 * have more of all that first than there will ever be. */
static void
stretch_base(void)
{
	const struct timeval hour = {.tv_sec = 3600};
	static struct event *events[STRETCH];
	int fds[2];

	for (int i = 0; i < STRETCH; i += 2) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) ||
		    write(fds[0], "x", 1) != 1 || write(fds[1], "x", 1) != 1) {
			perror("soak");
			exit(EXIT_FAILURE);
		}
		for (int k = 0; k < 2; k++) {
			events[i + k] = event_new(soak.base, fds[k],
			    EV_READ | EV_PERSIST, ignore, NULL);
			event_add(events[i + k], &hour);
		}
	}
	for (int i = 0; i < 16; i++)
		turn();
	for (int i = 0; i < STRETCH; i++) {
		int fd = event_get_fd(events[i]);

		event_free(events[i]);
		close(fd);
	}
}

static void
begin(void)
{
	static const struct timeval tick = {.tv_usec = TICK_MS * 1000};
	static const struct timeval quick = {.tv_usec = 1000};

	signal(SIGPIPE, SIG_IGN);
	counting_begin();
	calls_watch(-1);
	soak.base = event_base_new();
	if (soak.base)
		stretch_base();
	soak.talks.short_ones = options.cycles > 0;
	if (!soak.base || talks_begin(&soak.talks, soak.base, options.seed)) {
		perror("soak");
		exit(EXIT_FAILURE);
	}
	make_file();
	soak.tick = event_new(soak.base, -1, EV_PERSIST, on_tick, NULL);
	event_add(soak.tick, options.cycles ? &quick : &tick);
	soak.began_ms = now_ms();
	/* What is made once and kept is not to count as growth. */
	run_window();
	soak.n_samples = 0;
}

static bool
report(void)
{
	const struct talks *talks = &soak.talks;
	size_t tenth = soak.n_samples / 10 + 1;
	struct sample first = mean_from(0, tenth);
	struct sample last = mean_from(soak.n_samples - tenth, tenth);
	bool flat;

	printf("figure: soak-%s %zu\n",
	    options.cycles ? "cycles" : "conversations", talks->ended);
	printf("figure: soak-whole %zu\n", talks->whole);
	printf("figure: soak-broadcasts %zu\n", talks->broadcasts);
	printf("figure: soak-faults %zu\n", disturbances());
	printf("figure: soak-bytes %llu\n", (unsigned long long)talks->bytes);
	printf("figure: soak-seconds %llu\n",
	    (unsigned long long)((now_ms() - soak.began_ms) / 1000));
	printf("figure: soak-stuck %zu\n", talks->stuck);
	printf("figure: soak-wrong %zu\n", talks->wrong);
	for (int i = 0; i <= EVCHAT_REASON_CUT; i++)
		if (talks->reasons[i])
			printf("soak: %zu ends: %s\n", talks->reasons[i],
			    evchat_reason_text((enum evchat_reason)i));
	flat = is_flat("descriptors", first.descriptors, last.descriptors);
	flat = is_flat("memory", first.bytes, last.bytes) && flat;
	if (!is_flat("resident", first.resident, last.resident) &&
	    soak.n_samples >= MANY)
		flat = false;
	printf("figure: soak-flat %d\n", flat);
	return flat && !talks->stuck && !talks->wrong &&
	       talks->begun == talks->ended && talks->whole > 0;
}

static void
end(void)
{
	talks_end(&soak.talks);
	event_free(soak.tick);
	event_base_free(soak.base);
	(void)fclose(soak.file);
}

/* `name=number`. */
static bool
take_option(const char *text)
{
	const struct {
		const char *name;
		size_t *value;
	} known[] = {{"cycles=", &options.cycles},
	    {"seconds=", &options.seconds}, {"seed=", &options.seed},
	    {"faults=", &options.faults}, {"at_once=", &options.at_once},
	    {"verbose=", &options.verbose}};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		size_t len = strlen(known[i].name);

		if (strncmp(text, known[i].name, len) != 0)
			continue;
		*known[i].value = strtoull(text + len, NULL, 10);
		return true;
	}
	return false;
}

int
main(int argc, char **argv)
{
	bool known = argc > 1, fine;

	for (int i = 1; i < argc; i++)
		known = known && take_option(argv[i]);
	if (!known || !(options.cycles || options.seconds)) {
		fprintf(stderr,
		    "usage: soak cycles=N | seconds=N "
		    "[seed=N] [faults=N] [at_once=N] [verbose=1]\n");
		return EXIT_FAILURE;
	}
	begin();
	while (!is_enough())
		run_window();
	if (!soak.n_samples)
		take_sample();
	fine = report();
	end();
	return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}
