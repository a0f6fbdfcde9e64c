/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What must hold in a fuzz target.  The support code asserts in Check's way,
 * and a fuzz target is no program of Check's: there, even an assertion that
 * holds would end it.  So the two functions that those come down to are here,
 * and the linker does not look for Check's own.
 */
#include "fuzz/target.h"
#include <check.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void
must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz: not so: %s\n", what);
	abort();
}

void
target_tell(const char *what)
{
	static const char *wanted;

	if (!wanted)
		wanted = getenv("EVCHAT_FUZZ_VERBOSE") ? "yes" : "no";
	if (*wanted == 'y')
		fprintf(stderr, "%s\n", what);
}

/* No target comes near this many. */
enum { DESCRIPTORS = 48 };

void
must_keep_descriptors(void)
{
	static size_t usual;
	size_t n = 1;

	for (int fd = 0; fd < DESCRIPTORS; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	must(!usual || n == usual, "no descriptor is lost");
	usual = n;
}

void
_mark_point(const char *file, int line)
{
	(void)file;
	(void)line;
}

void
_ck_assert_failed(
    const char *file, int line, const char *expression, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "fuzz: %s:%d: %s ", file, line, expression);
	if (format) {
		va_start(args, format);
		vfprintf(stderr, format, args);
		va_end(args);
	}
	fputc('\n', stderr);
	abort();
}
