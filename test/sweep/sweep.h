/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A sweep: every scenario once for each call that can fail, with that one
 * failing.  A point of it is a scenario, a path, a mode (what fails, and
 * whether all after it do) and an index (how many pass before).
 *
 * Each scenario runs in a process of its own.  A point that does not come out
 * well is printed as what to give to the program to have it alone:
 *
 *	allocation_sweep lent fast once 17
 */
#ifndef EVCHAT_TEST_SWEEP_H
#define EVCHAT_TEST_SWEEP_H

#include "sweep/scenario.h"

enum { MODE_NAME = 64, FIGURES = 4 };

struct sweep {
	size_t n_modes;
	void (*name_mode)(size_t mode, char *name, size_t size);

	/* What the points of a mode are counted as. */
	const char *figures[FIGURES];
	size_t (*figure_of)(size_t mode);

	/* Have it fail after `index` have passed.  Were there more than those,
	 * and did one fail? */
	void (*arm)(size_t mode, size_t index);
	bool (*was_reached)(size_t mode, size_t index);
	bool (*was_hit)(size_t mode);
	void (*disarm)(void);

	struct faults faults;
};

/* The whole of it; or what the program was given: one scenario, or one point,
 * then with all that was called.  Returns what main should. */
int sweep_run(const struct sweep *sweep, int argc, char **argv);

#endif
