/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What sending a long stream costs:
 *
 *	output_bench [MIB [ROUNDS [DIRECTORY]]]
 *
 * MIB (1,024) go over a loopback connection to a process that throws them away,
 * in each of the ways of output.h, each time from a new process; ROUNDS (5)
 * times, in another order each time.  The sender has CPU 0, the other one
 * CPU 1.  Printed are the sender's CPU time, what it is beside the system calls
 * alone in the same round, and how much went through in a second.  A sample
 * during which others used the machine is taken again.
 *
 * A round before these has every byte compared, and tells the most that was
 * held in memory, which is not done while time is measured.  The file is made
 * in DIRECTORY (.) and has no name.
 */
#include "figures.h"
#include "output.h"
#include "support/counting.h"
#include "usage.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
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

enum { SENDER_CPU, SINK_CPU, TRIES = 4, ROUNDS_MAX = 1000 };

/* Of one CPU; what others used beyond it spoils a sample. */
static const double foreign_most = .1;

enum way_name {
	RAW_WRITE,
	RAW_COPY,
	RAW_SENDFILE,
	EVCHAT_PRODUCER,
	EVCHAT_REF,
	EVCHAT_LARGE_REF,
	EVCHAT_FILE,
	LIBEVENT_ADD,
	LIBEVENT_REF,
	LIBEVENT_FILE,
	WAYS
};

struct way {
	const char *name;
	output_way send;
	enum way_name floor; /* the system calls that it is put beside */
};

static const struct way ways[WAYS] = {
    [RAW_WRITE] = {"raw_write", output_raw_write, RAW_WRITE},
    [RAW_COPY] = {"raw_copy_write", output_raw_copy, RAW_WRITE},
    [RAW_SENDFILE] = {"raw_sendfile", output_raw_sendfile, RAW_SENDFILE},
    [EVCHAT_PRODUCER] = {"evchat_producer", output_evchat_producer, RAW_WRITE},
    [EVCHAT_REF] = {"evchat_ref_64k", output_evchat_ref, RAW_WRITE},
    [EVCHAT_LARGE_REF] = {"evchat_ref_1m", output_evchat_large_ref, RAW_WRITE},
    [EVCHAT_FILE] = {"evchat_file", output_evchat_file, RAW_SENDFILE},
    [LIBEVENT_ADD] = {"libevent_add_4k", output_libevent_add, RAW_WRITE},
    [LIBEVENT_REF] = {"libevent_ref_64k", output_libevent_ref, RAW_WRITE},
    [LIBEVENT_FILE] = {"libevent_file", output_libevent_file, RAW_SENDFILE},
};

struct plan {
	uint64_t bytes;
	size_t rounds;
	int file;
};

/* What a process of its own found out about one way. */
struct figures {
	double cpu_s, s;
	uint64_t queued_peak;
	size_t heap_peak;
};

struct results {
	struct figures tried[WAYS]; /* the round before */
	struct figures measured[WAYS][ROUNDS_MAX];
};

static void
die(const char *why)
{
	fprintf(stderr, "output_bench: %s: %s\n", why, strerror(errno));
	exit(EXIT_FAILURE);
}

static double
now(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t))
		die("clock_gettime");
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
pin(size_t cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof set, &set))
		fprintf(stderr, "output_bench: no CPU %zu to be had\n", cpu);
}

/* --- The file. --- */

static int
make_file(const char *directory, uint64_t bytes)
{
	char name[4096];
	int fd, len = snprintf(name, sizeof name, "%s/outputXXXXXX", directory);

	if (len < 0 || (size_t)len >= sizeof name)
		return -1;
	fd = mkstemp(name);
	if (fd < 0 || unlink(name))
		return -1;
	for (uint64_t made = 0; made < bytes;) {
		ssize_t n = write(fd, output_pattern(made),
		    output_least(OUTPUT_LARGE_PIECE, bytes - made));

		if (n < 0)
			return -1;
		made += (uint64_t)n;
	}
	return fd;
}

/* --- The two ends of a connection. --- */

static void
connect_ends(int ends[2])
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;
	int listening = socket(AF_INET, SOCK_STREAM, 0);

	ends[1] = socket(AF_INET, SOCK_STREAM, 0);
	if (listening < 0 || ends[1] < 0 ||
	    bind(listening, (struct sockaddr *)&at, len) ||
	    listen(listening, 1) ||
	    getsockname(listening, (struct sockaddr *)&at, &len) ||
	    connect(ends[1], (struct sockaddr *)&at, len))
		die("connect");
	ends[0] = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
	if (ends[0] < 0)
		die("accept");
	close(listening);
}

/* Throw everything away.  MSG_TRUNC has the kernel do it without a copy, so
 * that the sender is never kept waiting. */
static void
sink(int fd, uint64_t bytes, bool compares)
{
	static uint8_t buffer[OUTPUT_PIECE * 4];
	uint64_t got = 0;
	ssize_t n;

	pin(SINK_CPU);
	while ((n = recv(fd, buffer, sizeof buffer, compares ? 0 : MSG_TRUNC)) >
	       0) {
		if (compares &&
		    memcmp(buffer, output_pattern(got), (size_t)n) != 0)
			die("the sink got other bytes");
		got += (uint64_t)n;
	}
	if (n < 0 || got != bytes)
		die("the sink got not all of the bytes");
	exit(EXIT_SUCCESS);
}

static void
send_all(const struct way *way, struct output *output, int answer, bool counts)
{
	struct figures f;

	pin(SENDER_CPU);
	if (counts)
		counting_begin();
	f.s = now(CLOCK_MONOTONIC);
	f.cpu_s = now(CLOCK_PROCESS_CPUTIME_ID);
	if (way->send(output))
		die(way->name);
	f.cpu_s = now(CLOCK_PROCESS_CPUTIME_ID) - f.cpu_s;
	f.s = now(CLOCK_MONOTONIC) - f.s;
	f.queued_peak = output->queued_peak;
	f.heap_peak = counting_peak();
	if (write(answer, &f, sizeof f) != sizeof f)
		die("write");
	exit(EXIT_SUCCESS);
}

static pid_t
fork_one(void)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	return pid;
}

static void
await(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || status) {
		fprintf(stderr, "output_bench: one of two processes failed\n");
		exit(EXIT_FAILURE);
	}
}

/* Before the rounds every byte is compared and memory counted; in them neither
 * is. */
static struct figures
measure(const struct way *way, const struct plan *plan, bool tries)
{
	struct output output = {.file = plan->file, .bytes = plan->bytes};
	struct figures f;
	int ends[2], answer[2];
	pid_t sender, sinker;

	connect_ends(ends);
	if (pipe(answer))
		die("pipe");
	output.fd = ends[0];
	sinker = fork_one();
	if (sinker == 0) {
		close(ends[0]);
		sink(ends[1], plan->bytes, tries);
	}
	close(ends[1]);
	sender = fork_one();
	if (sender == 0)
		send_all(way, &output, answer[1], tries);
	close(ends[0]);
	close(answer[1]);
	if (read(answer[0], &f, sizeof f) != sizeof f)
		die(way->name);
	close(answer[0]);
	await(sender);
	await(sinker);
	return f;
}

/* --- Who else was awake. --- */

static double
seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static double
cpu_of_children(void)
{
	struct rusage use;

	if (getrusage(RUSAGE_CHILDREN, &use))
		die("getrusage");
	return seconds(&use.ru_utime) + seconds(&use.ru_stime);
}

/* What all others used of the processors until now, in seconds. */
static double
foreign_cpu(void)
{
	struct usage usage;

	if (usage_read(&usage, 0))
		die("usage");
	return (double)(usage.all_ns - usage.own_ns) / 1e9 - cpu_of_children();
}

/* In the best of a few tries, if none is good. */
static struct figures
measure_alone(const struct way *way, const struct plan *plan)
{
	struct figures best = {0};
	double least = 0;

	for (int i = 0; i < TRIES; i++) {
		double foreign = foreign_cpu(), at = now(CLOCK_MONOTONIC);
		struct figures f = measure(way, plan, false);

		foreign =
		    (foreign_cpu() - foreign) / (now(CLOCK_MONOTONIC) - at);
		if (i == 0 || foreign < least) {
			best = f;
			least = foreign;
		}
		if (foreign <= foreign_most)
			return best;
		fprintf(stderr, "%s: others used %.0f %% of a CPU; again\n",
		    way->name, 100 * foreign);
	}
	fprintf(
	    stderr, "%s: no better; %.0f %% it is\n", way->name, 100 * least);
	return best;
}

/* --- The rounds. --- */

static void
shuffle(size_t order[WAYS])
{
	for (size_t i = WAYS - 1; i > 0; i--) {
		size_t other = (size_t)rand() % (i + 1), kept = order[i];

		order[i] = order[other];
		order[other] = kept;
	}
}

static void
run(struct results *results, const struct plan *plan)
{
	size_t order[WAYS];

	for (size_t i = 0; i < WAYS; i++) {
		order[i] = i;
		results->tried[i] = measure(&ways[i], plan, true);
	}
	for (size_t round = 0; round < plan->rounds; round++) {
		shuffle(order);
		for (size_t i = 0; i < WAYS; i++)
			results->measured[order[i]][round] =
			    measure_alone(&ways[order[i]], plan);
	}
}

/* --- What came out. --- */

static void
print_row(const char *table, size_t way, const char *column, const char *unit,
    double *values, size_t n)
{
	struct figure_name name = {table, ways[way].name, column, unit};

	if (figure_print(name, values, n))
		die("stdout");
}

static void
print_times(const struct results *results, const struct plan *plan, size_t way)
{
	const double gb = (double)plan->bytes / 1e9;
	double cpu[ROUNDS_MAX], rate[ROUNDS_MAX];

	for (size_t i = 0; i < plan->rounds; i++) {
		cpu[i] = results->measured[way][i].cpu_s / gb;
		rate[i] = gb / results->measured[way][i].s;
	}
	print_row("output", way, "cpu", "s/GB", cpu, plan->rounds);
	print_row("output", way, "rate", "GB/s", rate, plan->rounds);
}

static void
print_ratios(const struct results *results, size_t rounds, size_t way)
{
	const enum way_name floor = ways[way].floor;
	double ratios[ROUNDS_MAX];

	if (floor == way)
		return;
	for (size_t i = 0; i < rounds; i++)
		ratios[i] = results->measured[way][i].cpu_s /
			    results->measured[floor][i].cpu_s;
	print_row(
	    "output_ratio", way, ways[floor].name, "ratio", ratios, rounds);
}

static void
print_memory(const struct results *results, size_t way)
{
	double queued = (double)results->tried[way].queued_peak;
	double heap = (double)results->tried[way].heap_peak;

	if (queued > 0)
		print_row("output_memory", way, "queued", "bytes", &queued, 1);
	if (heap > 0)
		print_row("output_memory", way, "heap", "bytes", &heap, 1);
}

static void
print(const struct results *results, const struct plan *plan)
{
	for (size_t way = 0; way < WAYS; way++)
		print_times(results, plan, way);
	for (size_t way = 0; way < WAYS; way++)
		print_ratios(results, plan->rounds, way);
	for (size_t way = 0; way < WAYS; way++)
		print_memory(results, way);
}

static struct plan
plan_of(int argc, char **argv)
{
	struct plan plan = {.bytes = UINT64_C(1024) << 20, .rounds = 5};

	if (argc > 1)
		plan.bytes = (uint64_t)strtoul(argv[1], NULL, 10) << 20;
	if (argc > 2)
		plan.rounds = strtoul(argv[2], NULL, 10);
	if (!plan.bytes || !plan.rounds || plan.rounds > ROUNDS_MAX ||
	    argc > 4) {
		fprintf(stderr, "output_bench [MIB [ROUNDS [DIRECTORY]]]\n");
		exit(EXIT_FAILURE);
	}
	output_make_pattern();
	plan.file = make_file(argc > 3 ? argv[3] : ".", plan.bytes);
	if (plan.file < 0)
		die("the file");
	return plan;
}

int
main(int argc, char **argv)
{
	static struct results results;
	struct plan plan;

	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		die("signal");
	plan = plan_of(argc, argv);
	srand((unsigned)getpid());
	run(&results, &plan);
	print(&results, &plan);
	return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
