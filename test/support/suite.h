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

/* A group of tests that say in how many "turns" something happens, or in which
 * "pieces" bytes come.  It is left out where I/O is choppy (CK_EXCLUDE_TAGS in
 * test/CMakeLists.txt). */
TCase *suite_exact_group(Suite *s, const char *name, const char *about);

/* Run it and free it.  Returns what main should: 1 when a test failed. */
int suite_run(Suite *s);

#endif
