/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Echo servers side by side: echo_bench [OPTION]...
 *
 *	-r 5	rounds
 *	-s 1	seconds of each sample
 *	-S a,b	servers, of those in servers.c; by default all but
 *		evchat_line
 *	-p x,y	load points: 64x1x32 is 64 connections, with 1 line of 32 bytes
 *		in flight on each; "sparse" is 8x1x32, with and without 2,000
 *		idle connections; by default those that evchat is judged by
 *
 * All servers run throughout, on one CPU; the load is made by this process, on
 * another one.  Each round visits every server once, in a new order, so that
 * what slows the machine for a while slows all of them.  The measure is the
 * server's CPU time for each line, by its process's clock; ratios are formed
 * within a round.  A sample during which others used the machine is taken
 * again.  The rows are printed when a point is done.
 */
#include "samples.h"
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { POINT_NAMES_SIZE = 256, TRIES = 4, SPARSE_BUSY = 8, SPARSE_IDLE = 2000 };

/* Of one CPU; what others used beyond it spoils a sample. */
static const double foreign_most = .1;

struct plan {
	unsigned rounds;
	double seconds;
	const char *servers, *points;
};

/* --- Processors. --- */

static int
nth_cpu(const cpu_set_t *set, int nth)
{
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET((size_t)cpu, set) && nth-- == 0)
			return cpu;
	return -1;
}

static int
stay_on(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((size_t)cpu, &one);
	return sched_setaffinity(0, sizeof one, &one);
}

/* The second CPU that we may use is ours, the first the servers'; that one is
 * returned, or -1. */
static int
share_cpus(void)
{
	cpu_set_t allowed;
	int second;

	if (sched_getaffinity(0, sizeof allowed, &allowed))
		return -1;
	second = nth_cpu(&allowed, 1);
	if (second < 0)
		fputs("echo_bench: one CPU only; server and load share it\n",
		    stderr);
	else if (stay_on(second))
		return -1;
	return nth_cpu(&allowed, 0);
}

/* --- Samples. --- */

/* The least disturbed of several counts; mostly the first will do. */
static int
take_sample(
    const struct load *load, const char *name, struct load_result *result)
{
	struct load_result one;

	for (int i = 0; i < TRIES; i++) {
		if (load_run(load, &one))
			return -1;
		if (i == 0 || one.foreign_cpus < result->foreign_cpus)
			*result = one;
		if (one.foreign_cpus <= foreign_most)
			return 0;
		fprintf(stderr, "%s: others used %.0f %% of a CPU\n", name,
		    100 * one.foreign_cpus);
	}
	fprintf(stderr, "%s: the sample with %.0f %% is taken\n", name,
	    100 * result->foreign_cpus);
	return 0;
}

static int
sample_server(struct samples *samples, size_t server, unsigned round)
{
	const struct point *point = samples->point;

	for (size_t i = 0; i < point->n_loads; i++) {
		struct load load = point->loads[i];

		load.port = servers[server].child.port;
		load.server = servers[server].child.pid;
		if (take_sample(&load, servers[server].name,
			&samples->of[server][i][round])) {
			fprintf(stderr, "%s: failed at %s\n",
			    servers[server].name, point->columns[i]);
			return -1;
		}
	}
	return 0;
}

static void
shuffle(size_t *order, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		size_t j = (size_t)rand() % i;
		size_t kept = order[i - 1];

		order[i - 1] = order[j];
		order[j] = kept;
	}
}

static int
sample_round(struct samples *samples, unsigned round)
{
	size_t order[SERVERS];

	for (size_t i = 0; i < SERVERS; i++)
		order[i] = i;
	shuffle(order, SERVERS);
	for (size_t i = 0; i < SERVERS; i++)
		if (samples_has(samples, order[i]) &&
		    sample_server(samples, order[i], round))
			return -1;
	return 0;
}

/* --- Load points. --- */

static void
make_sparse(struct point *point, double seconds)
{
	const struct load alone = {.connections = SPARSE_BUSY,
	    .in_flight = 1,
	    .line_len = 32,
	    .warm_s = .2,
	    .seconds = seconds};

	*point = (struct point){.sparse = true,
	    .n_loads = 2,
	    .loads = {alone, alone},
	    .columns = {"8_busy", "8_busy_2000_idle"}};
	point->loads[1].idle = SPARSE_IDLE;
}

static int
make_point(struct point *point, const char *text, double seconds)
{
	struct load *load = &point->loads[0];
	int len = 0;

	if (strcmp(text, "sparse") == 0) {
		make_sparse(point, seconds);
		return 0;
	}
	*point = (struct point){
	    .n_loads = 1, .loads[0] = {.warm_s = .2, .seconds = seconds}};
	(void)snprintf(point->columns[0], COLUMN_SIZE, "%s", text);
	if (sscanf(text, "%ux%ux%zu%n", &load->connections, &load->in_flight,
		&load->line_len, &len) == 3 &&
	    !text[len] && load->connections && load->in_flight)
		return 0;
	fprintf(stderr, "echo_bench: %s is no load point\n", text);
	return -1;
}

static int
check_point(const struct plan *plan, const char *text)
{
	struct point point;

	return make_point(&point, text, plan->seconds);
}

static int
run_point(const struct plan *plan, const char *text)
{
	/* Too large for the stack; one point at a time. */
	static struct samples samples;
	struct point point;

	if (make_point(&point, text, plan->seconds))
		return -1;
	samples.point = &point;
	samples.rounds = plan->rounds;
	for (unsigned round = 0; round < plan->rounds; round++)
		if (sample_round(&samples, round))
			return -1;
	return samples_print(&samples);
}

static int
for_each_point(const struct plan *plan,
    int (*act)(const struct plan *plan, const char *text))
{
	char names[POINT_NAMES_SIZE];
	char *rest, *name;

	(void)snprintf(names, sizeof names, "%s", plan->points);
	for (name = strtok_r(names, ",", &rest); name;
	     name = strtok_r(NULL, ",", &rest))
		if (act(plan, name))
			return -1;
	return 0;
}

/* --- Options. --- */

static int
read_options(struct plan *plan, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "r:s:S:p:")) != -1)
		switch (option) {
		case 'r':
			plan->rounds = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 's':
			plan->seconds = strtod(optarg, NULL);
			break;
		case 'S':
			plan->servers = optarg;
			break;
		case 'p':
			plan->points = optarg;
			break;
		default:
			return -1;
		}
	if (optind < argc || !plan->rounds || plan->rounds > ROUNDS_MAX ||
	    plan->seconds <= 0)
		return -1;
	if (for_each_point(plan, check_point))
		return -1;
	return servers_want(plan->servers);
}

int
main(int argc, char **argv)
{
	struct plan plan = {.rounds = 5,
	    .seconds = 1,
	    .servers = "epoll,evchat_frame,evchat_pieces,bufferevent,"
		       "bufferevent_eager,readln",
	    .points = "64x1x32,16x64x32,16x4x16384,sparse"};
	int cpu, failed;

	if (read_options(&plan, argc, argv)) {
		fputs("usage: echo_bench [-r ROUNDS] [-s SECONDS] "
		      "[-S SERVER,...] [-p POINT,...]\n",
		    stderr);
		return 2;
	}
	srand((unsigned)time(NULL));
	cpu = share_cpus();
	if (cpu < 0) {
		perror("echo_bench: a CPU for each");
		return 1;
	}
	failed = servers_start(cpu) || for_each_point(&plan, run_point);
	return servers_end() || failed ? 1 : 0;
}
