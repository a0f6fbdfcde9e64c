/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every scenario, again and again, each time with another system call of
 * evchat's or libevent's failing or moving a single byte: once, or from there
 * on (goal C2).
 *
 * What only means "not now" fails a number of times and not for ever, as
 * nothing is to be had then.  A mode is called send:EPIPE:once, and so on.
 */
#include "support/syscalls.h"
#include "sweep/failures.h"
#include "sweep/sweep.h"
#include <errno.h>
#include <stdint.h>
#include <stdio.h>

/* So often "not now". */
enum { A_WHILE = 5 };

/* So many bytes where one call is cut short, and where all are: there are
 * megabytes among them. */
enum { SHORT_ONCE = 1, SHORT_ONWARDS = 61 };

enum persistence { ONCE, ONWARDS, PERSISTENCES };

static const struct failure *
failure_of(size_t mode)
{
	return &failures[mode / PERSISTENCES];
}

static void
name_mode(size_t mode, char *name, size_t size)
{
	const struct failure *f = failure_of(mode);

	(void)snprintf(name, size, "%s:%s:%s", calls_name(f->call), f->name,
	    mode % PERSISTENCES == ONCE ? "once" : "onwards");
}

static size_t
figure_of(size_t mode)
{
	return mode % PERSISTENCES;
}

static bool
passes_by(int error)
{
	return error == EAGAIN || error == EINTR || error == ECONNABORTED;
}

static size_t
times(size_t mode)
{
	if (mode % PERSISTENCES == ONCE)
		return 1;
	return passes_by(failure_of(mode)->error) ? A_WHILE : SIZE_MAX;
}

static size_t
short_of(size_t mode)
{
	return mode % PERSISTENCES == ONCE ? SHORT_ONCE : SHORT_ONWARDS;
}

/* Nothing fails before begin() has been called. */
static bool paused;

static void
begin(void *ctx)
{
	(void)ctx;
	if (paused)
		calls_resume();
	paused = false;
}

static void
cease(void *ctx)
{
	(void)ctx;
	if (!paused)
		calls_pause();
	paused = true;
}

static void
arm(size_t mode, size_t index)
{
	const struct failure *f = failure_of(mode);

	cease(NULL);
	calls_watch(-1);
	if (f->error)
		calls_fail(f->call, f->error, index, times(mode));
	else
		calls_shorten_after(
		    f->call, short_of(mode), index, times(mode));
}

static bool
was_reached(size_t mode, size_t index)
{
	return calls_seen(failure_of(mode)->call) > index;
}

static bool
was_hit(size_t mode)
{
	enum system_call call = failure_of(mode)->call;

	return calls_failed(call) || calls_shortened(call);
}

static void
disarm(void)
{
	calls_watch(-1);
	begin(NULL);
}

int
main(int argc, char **argv)
{
	const struct sweep system_calls = {.n_modes = PERSISTENCES * n_failures,
	    .name_mode = name_mode,
	    .figures = {"system-call-points-once",
		"system-call-points-onwards"},
	    .figure_of = figure_of,
	    .arm = arm,
	    .was_reached = was_reached,
	    .was_hit = was_hit,
	    .disarm = disarm,
	    .faults = {begin, cease, NULL}};

	return sweep_run(&system_calls, argc, argv);
}
