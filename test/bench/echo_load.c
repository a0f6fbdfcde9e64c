/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Load for an echo server:
 *
 *	echo_load [OPTION]... PORT
 *	echo_load [OPTION]... SERVER [ARGUMENT]...
 *
 * In the second form it starts the server and ends it again, also one that runs
 * under strace or valgrind.  It fails on a wrong byte, a lost connection, or a
 * server that fails.
 *
 *	-c 64	connections
 *	-d 1	lines in flight on each
 *	-l 32	bytes of a line, without its CRLF
 *	-i 0	idle connections beside the busy ones
 *	-n N	exactly N lines in all; or
 *	-s 1	seconds that are measured, after
 *	-w 0.2	seconds that are not
 */
#include "child.h"
#include "load.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int
read_options(struct load *load, int argc, char **argv)
{
	int option;

	/* The plus sign: those of the server are its own. */
	while ((option = getopt(argc, argv, "+c:d:l:i:n:s:w:")) != -1)
		switch (option) {
		case 'c':
			load->connections = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'd':
			load->in_flight = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'l':
			load->line_len = strtoul(optarg, NULL, 10);
			break;
		case 'i':
			load->idle = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'n':
			load->lines = strtoull(optarg, NULL, 10);
			break;
		case 's':
			load->seconds = strtod(optarg, NULL);
			break;
		case 'w':
			load->warm_s = strtod(optarg, NULL);
			break;
		default:
			return -1;
		}
	return load->connections && load->in_flight && optind < argc ? 0 : -1;
}

static int
print(const struct load_result *result)
{
	return printf("lines %" PRIu64 "\nseconds %.6f\nlines/s %.0f\n"
		      "p50 %.1f us\np90 %.1f us\np99 %.1f us\nmax %.1f us\n",
		   result->lines, result->seconds,
		   (double)result->lines / result->seconds, result->p50_us,
		   result->p90_us, result->p99_us, result->max_us) < 0
		   ? -1
		   : fflush(stdout);
}

/* A port is a number, and no server's name is. */
static int
find_server(struct load *load, struct child *child, char *const argv[])
{
	char *end;

	load->port = (unsigned)strtoul(argv[0], &end, 10);
	if (!*end)
		return 0;
	if (child_start(child, argv, -1))
		return -1;
	load->port = child->port;
	return 0;
}

int
main(int argc, char **argv)
{
	struct load load = {.connections = 64,
	    .in_flight = 1,
	    .line_len = 32,
	    .seconds = 1,
	    .warm_s = .2};
	struct child child = {.in = -1};
	struct load_result result;
	int failed;

	if (read_options(&load, argc, argv)) {
		fputs("usage: echo_load [-c N] [-d N] [-l N] [-i N] [-n N | "
		      "-s SECONDS -w SECONDS] PORT|SERVER...\n",
		    stderr);
		return 2;
	}
	if (find_server(&load, &child, argv + optind))
		return 1;
	failed = load_run(&load, &result) || print(&result);
	if (child.pid && child_end(&child)) {
		fputs("echo_load: the server failed\n", stderr);
		failed = 1;
	}
	return failed ? 1 : 0;
}
