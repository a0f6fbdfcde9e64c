/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the measurements print: one row each, for a script to read.
 *
 *	table row column unit median minimum maximum
 *
 * with tabs between.
 */
#ifndef BENCH_FIGURES_H
#define BENCH_FIGURES_H

#include <stddef.h>

struct figure_name {
	const char *table, *row, *column, *unit;
};

/* Print the row of these values, of which there is at least one; their order
 * is lost.  Returns 0 or -1 with errno. */
int figure_print(struct figure_name name, double *values, size_t n);

#endif
