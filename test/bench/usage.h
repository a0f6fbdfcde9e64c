/* SPDX-License-Identifier: BSD-3-Clause */
/* What time it is, and who used the processors until now. */
#ifndef BENCH_USAGE_H
#define BENCH_USAGE_H

#include <stdint.h>
#include <sys/types.h>

struct usage {
	uint64_t at_ns;     /* by the monotonic clock */
	uint64_t server_ns; /* CPU time of that process, if there is one */
	uint64_t own_ns;
	uint64_t all_ns; /* of all CPUs, to a clock tick */
};

uint64_t usage_now_ns(void);

/* Returns 0 or -1 with errno. */
int usage_read(struct usage *usage, pid_t server);

#endif
