/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every test program of Check's does around its tests.  Check runs each
 * test in a process of its own unless CK_FORK=no is in the environment.
 */
#include "support/suite.h"
#include "support/choppy.h"
#include <stdlib.h>

TCase *
suite_group(Suite *s, const char *name)
{
	TCase *group = tcase_create(name);

	tcase_set_timeout(group, 0);
	suite_add_tcase(s, group);
	return group;
}

TCase *
suite_exact_group(Suite *s, const char *name, const char *about)
{
	TCase *group = suite_group(s, name);

	tcase_set_tags(group, about);
	return group;
}

int
suite_run(Suite *s)
{
	SRunner *runner = srunner_create(s);
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	choppy_report();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
