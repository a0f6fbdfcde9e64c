/* SPDX-License-Identifier: BSD-3-Clause */
/* A file that is gone with its descriptor. */
#include "support/file.h"
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int
nameless_file(const void *bytes, size_t len)
{
	char path[] = P_tmpdir "/evchat-test-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(pwrite(fd, bytes, len, 0), (ssize_t)len);
	return fd;
}
