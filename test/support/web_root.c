/* SPDX-License-Identifier: BSD-3-Clause */
/* A directory of its own, and some files in it. */
#include "support/web_root.h"
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATTERN P_tmpdir "/evchat-samples-XXXXXX"

static char root[] = PATTERN;
static const char *const made[] = {"hello.txt", "empty", "big",
    "sub/index.html", "way-out", "dir-out", "pipe", "sub"};

static void
make_file(int dir, const char *name, const char *text, off_t len)
{
	int fd =
	    openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(ftruncate(fd, len), 0);
	close(fd);
}

char *
web_root_make(void)
{
	int dir;

	(void)strcpy(root, PATTERN);
	ck_assert_ptr_nonnull(mkdtemp(root));
	dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dir, 0);
	make_file(dir, "hello.txt", "hello\n", 6);
	make_file(dir, "empty", "", 0);
	make_file(dir, "big", "", WEB_ROOT_BIG);
	ck_assert_int_eq(mkdirat(dir, "sub", 0755), 0);
	make_file(dir, "sub/index.html", "<p>sub\n", 7);
	ck_assert_int_eq(symlinkat("/etc/passwd", dir, "way-out"), 0);
	ck_assert_int_eq(symlinkat("/etc", dir, "dir-out"), 0);
	ck_assert_int_eq(mkfifoat(dir, "pipe", 0644), 0);
	close(dir);
	return root;
}

void
web_root_remove(void)
{
	int dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_ge(dir, 0);
	for (size_t i = 0; i < sizeof made / sizeof *made; i++)
		if (unlinkat(dir, made[i], 0))
			(void)unlinkat(dir, made[i], AT_REMOVEDIR);
	close(dir);
	ck_assert_int_eq(rmdir(root), 0);
}
