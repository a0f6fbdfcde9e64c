/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An allocator that counts bytes, and fails when it is told to.  Blocks are the
 * C library's, which says how large they are.
 */
#include "support/counting.h"
#include "support/scale.h"
#include <errno.h>
#include <evchat/alloc.h>
#include <event2/event.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>

static struct {
	bool begun;
	size_t now, peak;
	unsigned per_thousand;
	struct chance chance;
	size_t refused;
} count;

/* libevent goes by errno (rule 62). */
static bool
refuse(void)
{
	if (!count.per_thousand ||
	    chance_below(&count.chance, 1000) >= count.per_thousand)
		return false;
	count.refused++;
	errno = ENOMEM;
	return true;
}

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
	void *block = refuse() ? NULL : malloc(size);

	add(malloc_usable_size(block));
	return block;
}

static void *
counted_realloc(void *block, size_t size)
{
	size_t before = malloc_usable_size(block);
	void *other = refuse() ? NULL : realloc(block, size);

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

void
counting_refuse(unsigned per_thousand, uint64_t seed)
{
	count.per_thousand = per_thousand;
	count.chance = chance_from(seed);
}

size_t
counting_refused(void)
{
	return count.refused;
}
