/* SPDX-License-Identifier: BSD-3-Clause */
/* The echo servers that are measured, each a child process or not wanted. */
#ifndef BENCH_SERVERS_H
#define BENCH_SERVERS_H

#include "child.h"
#include <stdbool.h>
#include <stddef.h>

enum { SERVERS = 7 };

struct server {
	const char *name, *program, *mode;
	bool sparse; /* is asked about idle connections, too */
	bool wanted;
	struct child child;
};

extern struct server servers[SERVERS];

/* Its place in the table; SERVERS if there is none of that name. */
size_t servers_find(const char *name);

/* Want those of a list with commas.  Returns 0, or -1 for a name that is not
 * known. */
int servers_want(const char *names);

/* Start those that are wanted; the programs lie beside this one.  Returns 0; or
 * -1, then it has said why on stderr. */
int servers_start(int cpu);

/* Returns 0; or -1 when one of them failed, after saying which. */
int servers_end(void);

#endif
