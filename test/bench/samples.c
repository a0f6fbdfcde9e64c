/* SPDX-License-Identifier: BSD-3-Clause */
/* The samples of one load point, as rows. */
#include "samples.h"
#include "figures.h"
#include <stdio.h>

enum { ROW_SIZE = 64, PERCENTILES = 4 };

/* What the others are compared with. */
static const char *const yardsticks[] = {"epoll", "readln"};

bool
samples_has(const struct samples *samples, size_t server)
{
	return servers[server].wanted &&
	       (servers[server].sparse || !samples->point->sparse);
}

static double
cost(const struct load_result *result)
{
	return result->server_ns / (double)result->lines;
}

static int
print_cost(const struct samples *s, size_t server, size_t load)
{
	struct figure_name name = {s->point->sparse ? "echo_sparse" : "echo",
	    servers[server].name, s->point->columns[load], "ns/line"};
	double values[ROUNDS_MAX];

	for (unsigned i = 0; i < s->rounds; i++)
		values[i] = cost(&s->of[server][load][i]);
	return figure_print(name, values, s->rounds);
}

/* What the idle connections cost the busy ones. */
static int
print_growth(const struct samples *s, size_t server)
{
	struct figure_name name = {
	    "echo_sparse", servers[server].name, "growth", "ratio"};
	double values[ROUNDS_MAX];

	for (unsigned i = 0; i < s->rounds; i++)
		values[i] =
		    cost(&s->of[server][1][i]) / cost(&s->of[server][0][i]);
	return figure_print(name, values, s->rounds);
}

static int
print_ratio(const struct samples *s, size_t server, size_t yardstick)
{
	char row[ROW_SIZE];
	struct figure_name name = {
	    "echo_ratio", row, s->point->columns[0], "ratio"};
	double values[ROUNDS_MAX];

	(void)snprintf(row, sizeof row, "%s/%s", servers[server].name,
	    servers[yardstick].name);
	for (unsigned i = 0; i < s->rounds; i++)
		values[i] =
		    cost(&s->of[server][0][i]) / cost(&s->of[yardstick][0][i]);
	return figure_print(name, values, s->rounds);
}

static int
print_ratios(const struct samples *s, size_t yardstick)
{
	if (!samples_has(s, yardstick))
		return 0;
	for (size_t i = 0; i < SERVERS; i++)
		if (i != yardstick && samples_has(s, i) &&
		    print_ratio(s, i, yardstick))
			return -1;
	return 0;
}

static double
percentile(const struct load_result *result, size_t which)
{
	const double all[PERCENTILES] = {
	    result->p50_us, result->p90_us, result->p99_us, result->max_us};

	return all[which];
}

static int
print_latency(const struct samples *s, size_t server, size_t which)
{
	static const char *const words[PERCENTILES] = {
	    "p50", "p90", "p99", "max"};
	char column[ROW_SIZE];
	struct figure_name name = {
	    "echo_latency", servers[server].name, column, "us"};
	double values[ROUNDS_MAX];

	(void)snprintf(
	    column, sizeof column, "%s_%s", s->point->columns[0], words[which]);
	for (unsigned i = 0; i < s->rounds; i++)
		values[i] = percentile(&s->of[server][0][i], which);
	return figure_print(name, values, s->rounds);
}

static int
print_latencies(const struct samples *s, size_t server)
{
	for (size_t which = 0; which < PERCENTILES; which++)
		if (print_latency(s, server, which))
			return -1;
	return 0;
}

static int
print_sparse(const struct samples *s)
{
	for (size_t i = 0; i < SERVERS; i++)
		if (samples_has(s, i) &&
		    (print_cost(s, i, 0) || print_cost(s, i, 1) ||
			print_growth(s, i)))
			return -1;
	return 0;
}

static int
print_usual(const struct samples *s)
{
	for (size_t i = 0; i < SERVERS; i++)
		if (samples_has(s, i) && print_cost(s, i, 0))
			return -1;
	for (size_t i = 0; i < sizeof yardsticks / sizeof *yardsticks; i++)
		if (print_ratios(s, servers_find(yardsticks[i])))
			return -1;
	for (size_t i = 0; i < SERVERS; i++)
		if (samples_has(s, i) && print_latencies(s, i))
			return -1;
	return 0;
}

int
samples_print(const struct samples *samples)
{
	return samples->point->sparse ? print_sparse(samples)
				      : print_usual(samples);
}
