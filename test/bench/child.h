/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An echo server as a child process.  It prints its port when it is ready, and
 * ends when its stdin does, so also when this process ends without a word.
 */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include <sys/types.h>

struct child {
	pid_t pid; /* 0: none */
	int in;    /* its stdin */
	unsigned port;
};

/* Run a command, on that CPU only unless it is negative, and wait for the port.
 * Returns 0; or -1, then it has said why on stderr. */
int child_start(struct child *child, char *const argv[], int cpu);

/* Have it end, and wait until it has.  Returns 0 if it succeeded. */
int child_end(struct child *child);

#endif
