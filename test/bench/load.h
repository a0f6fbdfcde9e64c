/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The load for an echo server on 127.0.0.1.  Each connection sends its lines in
 * flight at once and, when all have come back, the next ones: the same schedule
 * whatever the server.  The lines differ by connection and by their number, and
 * every byte that comes back is compared with what was sent.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct load {
	unsigned connections;
	unsigned in_flight;
	size_t line_len; /* without the CRLF */
	unsigned idle;   /* connections beside them that send nothing */
	/* Exactly so many lines; or, when 0, as many as there is time for. */
	uint64_t lines;
	double warm_s, seconds; /* not measured; measured */
	unsigned port;
	pid_t server; /* whose CPU time is taken; may be 0 */
};

struct load_result {
	uint64_t lines;
	double seconds;
	double server_ns; /* the server's CPU time */
	/* What neither the server nor this process used of the CPUs, or some
	 * other virtual machine took of them, in CPUs. */
	double foreign_cpus;
	double p50_us, p90_us, p99_us, max_us;
};

/* Returns 0; or -1, then it has said why on stderr. */
int load_run(const struct load *load, struct load_result *result);

#endif
