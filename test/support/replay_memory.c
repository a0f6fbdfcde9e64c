/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An allocator that counts while it is watched, and refuses once.  Blocks are
 * the C library's as they are, so it does not matter which of the two gives one
 * back.
 */
#include "support/replay_memory.h"
#include <errno.h>
#include <evchat/alloc.h>
#include <event2/event.h>
#include <stdint.h>
#include <stdlib.h>

static struct {
	bool watched;
	bool refused;
	size_t asked, passes, live;
} memory;

static bool
is_refused(void)
{
	if (!memory.watched || memory.asked++ != memory.passes)
		return false;
	memory.refused = true;
	errno = ENOMEM; /* libevent goes by it */
	return true;
}

static void *
get_again(void *block, size_t size)
{
	void *bigger = is_refused() ? NULL : realloc(block, size);

	memory.live += bigger && !block;
	return bigger;
}

static void *
get(size_t size)
{
	return get_again(NULL, size);
}

static void
give_back(void *block)
{
	memory.live -= block != NULL;
	free(block);
}

int
replay_memory_begin(bool libevent_too)
{
	static const struct evchat_allocator counted = {
	    get, get_again, give_back};

	if (libevent_too)
		event_set_mem_functions(get, get_again, give_back);
	replay_memory_rest();
	return evchat_set_allocator(&counted);
}

void
replay_memory_end(bool libevent_too)
{
	if (libevent_too)
		event_set_mem_functions(NULL, NULL, NULL);
	(void)evchat_set_allocator(NULL); /* that never fails */
}

void
replay_memory_watch(size_t passes)
{
	memory.asked = 0;
	memory.refused = false;
	memory.passes = passes;
	memory.watched = true;
}

void
replay_memory_go_on(void)
{
	memory.watched = true;
}

void
replay_memory_rest(void)
{
	memory.watched = false;
}

bool
replay_memory_refused(void)
{
	return memory.refused;
}

size_t
replay_memory_live(void)
{
	return memory.live;
}
