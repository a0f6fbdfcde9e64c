/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one door through which evchat's memory comes and goes, so that an
 * application can bring its own and a test can make any call of it fail.
 */
#include "alloc-internal.h"
#include <evchat/error.h>
#include <stdlib.h>
#include <string.h>

static struct evchat_allocator in_force = {malloc, realloc, free};

int
evchat_set_allocator(const struct evchat_allocator *allocator)
{
	if (!allocator) {
		in_force = (struct evchat_allocator){malloc, realloc, free};
		return 0;
	}
	if (!allocator->malloc_fn || !allocator->realloc_fn ||
	    !allocator->free_fn)
		return EVCHAT_ERR_INVALID;
	in_force = *allocator;
	return 0;
}

void *
evchat_malloc_(size_t size)
{
	return in_force.malloc_fn(size);
}

void *
evchat_zalloc_(size_t size)
{
	void *block = in_force.malloc_fn(size);

	if (block)
		memset(block, 0, size);
	return block;
}

void *
evchat_realloc_(void *block, size_t size)
{
	return in_force.realloc_fn(block, size);
}

void
evchat_mfree_(void *block)
{
	in_force.free_fn(block);
}
