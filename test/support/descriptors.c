/* SPDX-License-Identifier: BSD-3-Clause */
/* The descriptors of this process: those that the system knows. */
#include "support/descriptors.h"
#include <check.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

static struct rlimit usual;

/* No test comes near this many. */
enum { NUMBERS = 4096 };

/* Asked one by one, as not every system has a folder of them. */
size_t
descriptors_open_below(int number)
{
	size_t n = 0;

	for (int fd = 0; fd < number; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

size_t
descriptors_open(void)
{
	return descriptors_open_below(NUMBERS);
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
