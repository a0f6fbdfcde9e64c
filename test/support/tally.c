/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers in memory that forked tests share with main. */
#include "support/tally.h"
#include <check.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static _Atomic size_t *tallies;

void
tally_begin(void)
{
	tallies = mmap(NULL, TALLIES * sizeof *tallies, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tallies == MAP_FAILED) {
		perror("tally");
		exit(1);
	}
}

void
tally_add(size_t number, size_t n)
{
	ck_assert_uint_lt(number, TALLIES);
	(void)atomic_fetch_add(&tallies[number], n);
}

void
tally_print(size_t number, const char *name)
{
	printf("figure: %s %zu\n", name, atomic_load(&tallies[number]));
}
