/* SPDX-License-Identifier: BSD-3-Clause */
/* A frame that arrives in parts, put together in one run of bytes.  Pure. */
#ifndef EVCHAT_GATHER_INTERNAL_H
#define EVCHAT_GATHER_INTERNAL_H

#include <stddef.h>

struct evchat_run {
	size_t len;
	size_t room;
	unsigned char bytes[];
};

/* All zeros is an empty one. */
struct evchat_gather {
	struct evchat_run *run; /* NULL, or what was gathered */
};

static inline size_t
evchat_gather_len_(const struct evchat_gather *g)
{
	return g->run ? g->run->len : 0;
}

/* Returns 0, or EVCHAT_ERR_NO_MEMORY with nothing changed. */
int evchat_gather_add_(struct evchat_gather *g, const void *bytes, size_t len);

/* Forget the bytes; keep the memory if it is little. */
void evchat_gather_empty_(struct evchat_gather *g);

/* Give back the memory; all zeros again. */
void evchat_gather_clear_(struct evchat_gather *g);

#endif
