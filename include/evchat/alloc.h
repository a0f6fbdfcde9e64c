/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file alloc.h
 * Where evchat's own memory comes from.  libevent's memory is libevent's
 * matter (event_set_mem_functions).
 */
#ifndef EVCHAT_ALLOC_H
#define EVCHAT_ALLOC_H

#include <evchat/export.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Three functions with the contracts of malloc, realloc and free. */
struct evchat_allocator {
	void *(*malloc_fn)(size_t size);               /**< as malloc() */
	void *(*realloc_fn)(void *block, size_t size); /**< as realloc() */
	void (*free_fn)(void *block);                  /**< as free() */
};

/**
 * Take all memory from these functions from now on; NULL brings back the C
 * library's.  The struct is copied.  Call it before anything else of evchat, so
 * in no callback: a block is given back to the allocator in force at that time.
 * Process-wide and not locked.
 *
 * A thread that has served channels keeps one block, of about 132 KiB, until it
 * ends; the main thread's goes with the program.
 *
 * @return 0, or EVCHAT_ERR_INVALID when only some of the functions are set;
 *         then nothing changes.
 */
EVCHAT_EXPORT int evchat_set_allocator(
    const struct evchat_allocator *allocator);

#ifdef __cplusplus
}
#endif

#endif
