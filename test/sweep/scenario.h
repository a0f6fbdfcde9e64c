/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scenarios: small whole uses of evchat, from the first call to the last, that
 * are run undisturbed once and then again with this and that failing.
 *
 *	play(&usual, scenario, NULL);
 *	play(&disturbed, scenario, &faults);
 *	if (!play_came_out_well(&disturbed, &usual, why, sizeof why))
 *		...
 *	play_clear(&disturbed);
 *
 * Faults may be by chance, and of both kinds at once (support/memory.h,
 * support/syscalls.h, failures.h).  Runs belong inside one of Check's tests, as
 * some of what they use asserts.
 *
 * A run leaves nothing behind but what it found out, so there may be any
 * number of them in a process.  What it must not do is end silently short: all
 * bytes arrive and all callbacks come as in the undisturbed run; or a call has
 * returned an error, or a `closed` or `failed` has said why.
 */
#ifndef EVCHAT_TEST_SCENARIO_H
#define EVCHAT_TEST_SCENARIO_H

#include "sweep/play.h"

struct scenario {
	const char *name;
	void (*run)(struct play *p);
	/* It opens sockets, so there is a fast path and a plain one; which is
	 * taken is the environment's (support/plain.c). */
	bool has_paths;
};

extern const struct scenario scenarios[];
extern const size_t n_scenarios;

/* NULL when there is none. */
const struct scenario *scenario_named(const char *name);

/* Run it; `faults` is NULL when nothing is to fail. */
void play(struct play *p, const struct scenario *scenario,
    const struct faults *faults);

#endif
