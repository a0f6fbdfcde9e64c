/* SPDX-License-Identifier: BSD-3-Clause */
/* What the measurements print. */
#include "figures.h"
#include <stdio.h>
#include <stdlib.h>

static int
compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double
median(const double *sorted, size_t n)
{
	return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
}

/* Four digits that count, and no exponent. */
static int
decimals(double value)
{
	int n = 3;

	for (; value >= 10 && n; value /= 10)
		n--;
	return n;
}

int
figure_print(struct figure_name name, double *values, size_t n)
{
	double middle;

	qsort(values, n, sizeof *values, compare);
	middle = median(values, n);
	if (printf("%s\t%s\t%s\t%s\t%.*f\t%.*f\t%.*f\n", name.table, name.row,
		name.column, name.unit, decimals(middle), middle,
		decimals(values[0]), values[0], decimals(values[n - 1]),
		values[n - 1]) < 0)
		return -1;
	return fflush(stdout);
}
