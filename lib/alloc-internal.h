/* SPDX-License-Identifier: BSD-3-Clause */
/* The one door through which evchat's memory comes and goes. */
#ifndef EVCHAT_ALLOC_INTERNAL_H
#define EVCHAT_ALLOC_INTERNAL_H

#include <evchat/alloc.h>

/* malloc, realloc and free of the allocator in force; zalloc zeroes. */
void *evchat_malloc_(size_t size);
void *evchat_zalloc_(size_t size);
void *evchat_realloc_(void *block, size_t size);
void evchat_mfree_(void *block);

#endif
