/* SPDX-License-Identifier: BSD-3-Clause */
/* The descriptors of this process, as the system counts them. */
#include "support/descriptors.h"
#include <check.h>
#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

static struct rlimit usual;

size_t
descriptors_open(void)
{
	DIR *directory = opendir("/proc/self/fd");
	size_t n = 0;

	ck_assert_ptr_nonnull(directory);
	while (readdir(directory))
		n++;
	closedir(directory);
	/* Without ".", ".." and the directory's own. */
	return n - 3;
}

/* A new one has the lowest number that is free.  (Not less than that: poll(2)
 * goes by the limit, too.) */
void
descriptors_forbid(void)
{
	int next = dup(STDIN_FILENO);
	struct rlimit none;

	ck_assert_int_ge(next, 0);
	close(next);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &usual), 0);
	none = usual;
	none.rlim_cur = (rlim_t)next;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
}

void
descriptors_allow(void)
{
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &usual), 0);
}
