/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every scenario, again and again, each time with another allocation of
 * evchat's or libevent's failing, once or from there on (goal C1).
 *
 * What libevent itself does not survive is made before memory can fail: the
 * event_base, and filters (rule 60); evdns is not asked, a resolver of the
 * test's own is.
 */
#include "support/memory.h"
#include "sweep/sweep.h"
#include <stdio.h>

enum { ONCE, ONWARDS, MODES };

static void
name_mode(size_t mode, char *name, size_t size)
{
	(void)snprintf(name, size, "%s", mode == ONCE ? "once" : "onwards");
}

static size_t
figure_of(size_t mode)
{
	return mode;
}

static void
arm(size_t mode, size_t index)
{
	if (mode == ONCE)
		memory_refuse_once_after(index);
	else
		memory_refuse_after(index);
}

static bool
was_reached(size_t mode, size_t index)
{
	(void)mode;
	return memory_asked() > index;
}

static bool
was_hit(size_t mode)
{
	(void)mode;
	return memory_refused() > 0;
}

static void
begin(void *ctx)
{
	(void)ctx;
	memory_spare_no_more();
}

static void
cease(void *ctx)
{
	(void)ctx;
	memory_spare();
}

int
main(int argc, char **argv)
{
	static const struct sweep allocations = {.n_modes = MODES,
	    .name_mode = name_mode,
	    .figures = {"allocation-points-once", "allocation-points-onwards"},
	    .figure_of = figure_of,
	    .arm = arm,
	    .was_reached = was_reached,
	    .was_hit = was_hit,
	    .disarm = memory_refuse_none,
	    .faults = {begin, cease, NULL}};

	return sweep_run(&allocations, argc, argv);
}
