/* SPDX-License-Identifier: BSD-3-Clause */
/* A sweep over all scenarios, and the tally of it, which outlives the processes
 * of single scenarios. */
#include "sweep/sweep.h"
#include "alloc-internal.h"
#include "support/descriptors.h"
#include "support/memory.h"
#include "support/suite.h"
#include <event2/event.h>
#include <event2/thread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PATHS = 2, REPORTS = 20, NUMBERS_IN_USE = 48 };

static const char *const paths[] = {"fast", "plain"};

/* In one scenario, on one path. */
struct part {
	size_t points[FIGURES];
	size_t bad;
	char now[160]; /* the point under way; empty when all are done */
};

static const struct sweep *sweep;
static struct part *tally; /* of scenario and path, seen by all processes */

/* --- One point. --- */

static void
choose_path(size_t path)
{
	if (path)
		setenv("EVCHAT_TEST_PLAIN", "1", 1);
	else
		unsetenv("EVCHAT_TEST_PLAIN");
}

static const struct scenario *
scenario_at(size_t i)
{
	return &scenarios[i / PATHS];
}

/* Run it; what has leaked is as wrong as anything. */
static void
run_watched(struct play *p, const struct scenario *scenario,
    const struct faults *faults)
{
	size_t open = descriptors_open_below(NUMBERS_IN_USE);

	memory_spare();
	play(p, scenario, faults);
	if (!p->wrong && memory_live())
		p->wrong = "memory has leaked";
	if (!p->wrong && descriptors_open_below(NUMBERS_IN_USE) != open)
		p->wrong = "a descriptor has leaked";
}

static void
run_usual(struct play *usual, const struct scenario *scenario)
{
	char why[100];

	memory_watch();
	run_watched(usual, scenario, NULL);
	if (!play_came_out_well(usual, usual, why, sizeof why) ||
	    usual->complained || usual->failed) {
		play_print(usual);
		ck_abort_msg("undisturbed: %s", why);
	}
}

/* False when there is no such point, nor any behind it; `hits` counts those
 * where something did fail. */
static bool
run_point(struct play *p, const struct scenario *scenario, size_t mode,
    size_t index, size_t *hits)
{
	bool reached;

	memory_watch();
	sweep->arm(mode, index);
	run_watched(p, scenario, &sweep->faults);
	reached = sweep->was_reached(mode, index);
	*hits += sweep->was_hit(mode);
	sweep->disarm();
	return reached;
}

/* --- All points of a scenario. --- */

static void
name_point(size_t i, size_t mode, size_t index)
{
	char name[MODE_NAME];

	sweep->name_mode(mode, name, sizeof name);
	(void)snprintf(tally[i].now, sizeof tally[i].now, "%s %s %s %zu",
	    scenario_at(i)->name, paths[i % PATHS], name, index);
}

static void
judge(size_t i, const struct play *p, const struct play *usual)
{
	char why[100];

	if (play_came_out_well(p, usual, why, sizeof why))
		return;
	if (tally[i].bad++ >= REPORTS)
		return;
	printf("%s: %s\n", tally[i].now, why);
}

static void
sweep_mode(size_t i, size_t mode, const struct play *usual)
{
	size_t *points = &tally[i].points[sweep->figure_of(mode)];
	struct play p;
	bool reached = true;

	for (size_t index = 0; reached; index++) {
		name_point(i, mode, index);
		reached = run_point(&p, scenario_at(i), mode, index, points);
		judge(i, &p, usual);
		play_clear(&p);
	}
}

START_TEST(nothing_is_lost_silently_whatever_fails)
{
	size_t i = (size_t)_i;
	size_t open = descriptors_open();
	struct play usual;

	if (i % PATHS && !scenario_at(i)->has_paths)
		return;
	choose_path(i % PATHS);
	run_usual(&usual, scenario_at(i));
	for (size_t mode = 0; mode < sweep->n_modes; mode++)
		sweep_mode(i, mode, &usual);
	tally[i].now[0] = '\0';
	play_clear(&usual);
	memory_unwatch();
	ck_assert_msg(!tally[i].bad, "%s, %s: %zu points came out badly",
	    scenario_at(i)->name, paths[i % PATHS], tally[i].bad);
	ck_assert_uint_eq(descriptors_open(), open);
	/* Over a pair nothing but epoll makes a system call. */
	if (getenv("EVENT_NOEPOLL") && !scenario_at(i)->has_paths)
		return;
	for (size_t figure = 0; sweep->figures[figure]; figure++)
		ck_assert_uint_gt(tally[i].points[figure], 0);
}
END_TEST

/* --- One point alone. --- */

static char *const *wanted; /* scenario, path, mode and index */

static size_t
mode_named(const char *named)
{
	char name[MODE_NAME];

	for (size_t mode = 0; mode < sweep->n_modes; mode++) {
		sweep->name_mode(mode, name, sizeof name);
		if (!strcmp(name, named))
			return mode;
	}
	ck_abort_msg("no such mode: %s", named);
	return 0;
}

START_TEST(one_point_alone)
{
	const struct scenario *scenario = scenario_named(wanted[0]);
	struct play usual, p;
	char why[100];
	size_t hits = 0;
	bool well;

	ck_assert_msg(scenario != NULL, "no such scenario: %s", wanted[0]);
	choose_path(strcmp(wanted[1], paths[0]) != 0);
	run_usual(&usual, scenario);
	run_point(&p, scenario, mode_named(wanted[2]),
	    strtoul(wanted[3], NULL, 10), &hits);
	well = play_came_out_well(&p, &usual, why, sizeof why);
	printf("--- undisturbed\n");
	play_print(&usual);
	printf("--- %sdisturbed\n", hits ? "" : "not ");
	play_print(&p);
	play_clear(&usual);
	play_clear(&p);
	memory_unwatch();
	ck_assert_msg(well, "%s", why);
}
END_TEST

/* --- The whole. --- */

static void
print_figures(void)
{
	size_t points[FIGURES] = {0}, bad = 0;

	for (size_t i = 0; i < PATHS * n_scenarios; i++) {
		for (size_t figure = 0; figure < FIGURES; figure++)
			points[figure] += tally[i].points[figure];
		bad += tally[i].bad;
		if (*tally[i].now) {
			printf("%s: did not return\n", tally[i].now);
			bad++;
		}
	}
	printf("figure: scenarios %zu\n", n_scenarios);
	for (size_t figure = 0; figure < FIGURES; figure++)
		if (sweep->figures[figure])
			printf("figure: %s %zu\n", sweep->figures[figure],
			    points[figure]);
	printf("figure: points-failed %zu\n", bad);
}

static void
keep_silent(int severity, const char *message)
{
	(void)severity, (void)message;
}

/* Before anything else of libevent: its memory comes from evchat's, and its
 * locks are on, as remotes need them. */
static void
set_up_libevent(void)
{
	event_set_mem_functions(evchat_malloc_, evchat_realloc_, evchat_mfree_);
	event_set_log_callback(keep_silent);
	evthread_use_pthreads();
}

/* All of them, or the one that was named. */
static int
run_scenarios(Suite *s, TCase *group, const char *name)
{
	const struct scenario *only = name ? scenario_named(name) : NULL;
	int first = only ? (int)(only - scenarios) : 0;
	int past = only ? first + 1 : (int)n_scenarios;
	int failed;

	tally = mmap(NULL, PATHS * n_scenarios * sizeof *tally,
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tally == MAP_FAILED)
		return EXIT_FAILURE;
	tcase_add_loop_test(group, nothing_is_lost_silently_whatever_fails,
	    PATHS * first, PATHS * past);
	failed = suite_run(s);
	print_figures();
	return failed;
}

int
sweep_run(const struct sweep *which, int argc, char **argv)
{
	Suite *s = suite_create("sweep");
	TCase *group = suite_group(s, "scenarios");

	sweep = which;
	set_up_libevent();
	/* Check's processes end without a flush. */
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && !scenario_named(argv[1])) {
		fprintf(stderr, "sweep: what is %s?\n", argv[1]);
		return EXIT_FAILURE;
	}
	if (argc != 5)
		return run_scenarios(s, group, argc > 1 ? argv[1] : NULL);
	wanted = argv + 1;
	tcase_add_test(group, one_point_alone);
	return suite_run(s);
}
