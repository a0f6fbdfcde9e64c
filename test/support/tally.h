/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Numbers that tests add to, each in its process, for main to print:
 *
 *     figure: replay-plays 11302
 */
#ifndef EVCHAT_TEST_TALLY_H
#define EVCHAT_TEST_TALLY_H

#include <stddef.h>

enum { TALLIES = 8 };

/* Before the first test. */
void tally_begin(void);

/* The number is the test program's own choice, below TALLIES. */
void tally_add(size_t number, size_t n);

void tally_print(size_t number, const char *name);

#endif
