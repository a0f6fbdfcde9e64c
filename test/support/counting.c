/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An allocator that counts bytes.  Blocks are the C library's, which says how
 * large they are.
 */
#include "support/counting.h"
#include <evchat/alloc.h>
#include <event2/event.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>

static struct {
	bool begun;
	size_t now, peak;
} count;

static void
add(size_t bytes)
{
	count.now += bytes;
	if (count.now > count.peak)
		count.peak = count.now;
}

static void
counted_free(void *block)
{
	count.now -= malloc_usable_size(block);
	free(block);
}

static void *
counted_malloc(size_t size)
{
	void *block = malloc(size);

	add(malloc_usable_size(block));
	return block;
}

static void *
counted_realloc(void *block, size_t size)
{
	size_t before = malloc_usable_size(block);
	void *other = realloc(block, size);

	if (!other)
		return NULL;
	count.now -= before;
	add(malloc_usable_size(other));
	return other;
}

void
counting_begin(void)
{
	static const struct evchat_allocator counted = {
	    counted_malloc, counted_realloc, counted_free};

	if (count.begun)
		return;
	count.begun = true;
	event_set_mem_functions(counted_malloc, counted_realloc, counted_free);
	evchat_set_allocator(&counted);
}

size_t
counting_now(void)
{
	return count.now;
}

size_t
counting_peak(void)
{
	return count.peak;
}

void
counting_mark(void)
{
	count.peak = count.now;
}
