/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every test program of Check's does around its tests: add a group of
 * them to a suite, and run the suite.
 */
#ifndef EVCHAT_TEST_SUITE_H
#define EVCHAT_TEST_SUITE_H

#include <check.h>

/* A new group of tests, without a time limit: how long a test takes depends on
 * the tool it runs under, and whoever runs the program limits that. */
TCase *suite_group(Suite *s, const char *name);

/* Run it and free it.  Returns what main should: 1 when a test failed. */
int suite_run(Suite *s);

#endif
