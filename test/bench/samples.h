/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The samples of one load point, of every server and round, and the rows that
 * are printed of them.  An ordinary point has one load; the sparse one has two,
 * without and with idle connections.
 */
#ifndef BENCH_SAMPLES_H
#define BENCH_SAMPLES_H

#include "load.h"
#include "servers.h"
#include <stdbool.h>

enum { ROUNDS_MAX = 100, LOADS_MAX = 2, COLUMN_SIZE = 48 };

struct point {
	bool sparse;
	size_t n_loads;
	struct load loads[LOADS_MAX];
	char columns[LOADS_MAX][COLUMN_SIZE];
};

struct samples {
	const struct point *point;
	unsigned rounds;
	struct load_result of[SERVERS][LOADS_MAX][ROUNDS_MAX];
};

/* Is this server measured at this point? */
bool samples_has(const struct samples *samples, size_t server);

/* Returns 0 or -1 with errno. */
int samples_print(const struct samples *samples);

#endif
