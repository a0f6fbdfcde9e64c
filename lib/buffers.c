/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The thread's buffers: one for what a turn reads, one for what it pushes.
 *
 * Only one turn of a thread is under way at a time, so channels need no
 * buffers of their own, however many there are; and memory that stays is not
 * given to the system and faulted in again for each long line, which made them
 * cost three times as much in a trial.  They go with their thread.
 */
#include "alloc-internal.h"
#include "buffers-internal.h"
#include <pthread.h>
#include <stddef.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool has_key;

static void
make_key(void)
{
	has_key = pthread_key_create(&key, evchat_mfree_) == 0;
}

/* Whoever unloads the library must not leave a key that calls into it.  At the
 * end of a program other threads may still be at work: without a key they find
 * no buffers, and do without. */
__attribute__((destructor)) static void
drop_key(void)
{
	struct evchat_buffers *buffers;

	if (!has_key)
		return;
	buffers = pthread_getspecific(key);
	if (buffers && !buffers->taken)
		evchat_buffers_free_();
	(void)pthread_key_delete(key);
}

static struct evchat_buffers *
make_buffers(void)
{
	struct evchat_buffers *buffers = evchat_malloc_(sizeof *buffers);

	if (!buffers)
		return NULL;
	buffers->taken = false;
	if (pthread_setspecific(key, buffers) == 0)
		return buffers;
	evchat_mfree_(buffers);
	return NULL;
}

struct evchat_buffers *
evchat_buffers_take_(void)
{
	struct evchat_buffers *buffers;

	if (pthread_once(&once, make_key) || !has_key)
		return NULL;
	buffers = pthread_getspecific(key);
	if (!buffers)
		buffers = make_buffers();
	if (!buffers || buffers->taken)
		return NULL;
	buffers->taken = true;
	return buffers;
}

void
evchat_buffers_give_back_(struct evchat_buffers *buffers)
{
	if (buffers)
		buffers->taken = false;
}

void
evchat_buffers_free_(void)
{
	if (!has_key)
		return;
	evchat_mfree_(pthread_getspecific(key));
	/* Cannot fail: NULL needs no memory. */
	(void)pthread_setspecific(key, NULL);
}
