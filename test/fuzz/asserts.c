/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What must hold in a fuzz target.  The support code asserts in Check's way,
 * and a fuzz target is no program of Check's: there, even an assertion that
 * holds would end it.  So the two functions that those come down to are here,
 * and the linker does not look for Check's own.
 */
#include "fuzz/target.h"
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

int
next_descriptor(void)
{
	int next = dup(STDERR_FILENO);

	close(next);
	return next;
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
