/* SPDX-License-Identifier: BSD-3-Clause */
/* In which ways system calls fail. */
#ifndef EVCHAT_TEST_FAILURES_H
#define EVCHAT_TEST_FAILURES_H

#include "support/syscalls.h"

struct failure {
	enum system_call call;
	int error; /* 0: it moves few bytes */
	const char *name;
};

extern const struct failure failures[];
extern const size_t n_failures;

#endif
