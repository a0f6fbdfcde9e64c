/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An allocator that counts and can be told to fail.  Blocks are the C
 * library's, so that its own checkers see them as they are.
 */
#include "support/memory.h"
#include "buffers-internal.h"
#include <errno.h>
#include <evchat/alloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static struct {
	size_t asked;
	size_t asked_last;
	size_t live;
	size_t passes; /* requests that may still pass; SIZE_MAX: all */
	size_t refused;
	bool once; /* refuse one, then none */
	struct chance *chance;
	size_t one_of; /* so many is refused by chance */
	bool spared;
} counts;

static bool
is_due(void)
{
	if (counts.chance)
		return !chance_below(counts.chance, counts.one_of);
	if (counts.passes == SIZE_MAX)
		return false;
	if (counts.passes-- > 0)
		return false;
	counts.passes = counts.once ? SIZE_MAX : 0;
	return true;
}

static bool
refuse(size_t size)
{
	if (counts.spared)
		return false;
	counts.asked++;
	counts.asked_last = size;
	if (!is_due())
		return false;
	counts.refused++;
	/* libevent goes by it (rule 62). */
	errno = ENOMEM;
	return true;
}

static void *
counting_realloc(void *block, size_t size)
{
	void *bigger = refuse(size) ? NULL : realloc(block, size);

	if (bigger && !block)
		counts.live++;
	return bigger;
}

static void *
counting_malloc(size_t size)
{
	return counting_realloc(NULL, size);
}

static void
counting_free(void *block)
{
	if (block)
		counts.live--;
	free(block);
}

void
memory_watch(void)
{
	static const struct evchat_allocator counting = {
	    counting_malloc, counting_realloc, counting_free};

	evchat_buffers_free_();
	counts.asked = counts.asked_last = counts.live = counts.refused = 0;
	counts.spared = false;
	memory_refuse_none();
	evchat_set_allocator(&counting);
}

void
memory_unwatch(void)
{
	evchat_buffers_free_();
	evchat_set_allocator(NULL);
}

size_t
memory_asked(void)
{
	return counts.asked;
}

size_t
memory_asked_last(void)
{
	return counts.asked_last;
}

size_t
memory_live(void)
{
	/* They are the thread's, and go with it. */
	evchat_buffers_free_();
	return counts.live;
}

void
memory_refuse_after(size_t n)
{
	counts.passes = n;
	counts.once = false;
}

void
memory_refuse_once_after(size_t n)
{
	counts.passes = n;
	counts.once = true;
}

size_t
memory_refused(void)
{
	return counts.refused;
}

void
memory_refuse_by_chance(struct chance *chance, size_t one_of)
{
	counts.chance = chance;
	counts.one_of = one_of;
}

void
memory_refuse_none(void)
{
	counts.passes = SIZE_MAX;
	counts.chance = NULL;
}

void
memory_spare(void)
{
	counts.spared = true;
}

void
memory_spare_no_more(void)
{
	counts.spared = false;
}
