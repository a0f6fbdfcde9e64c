/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An allocator that counts and can be told to fail, put under evchat by
 * evchat_set_allocator().
 */
#ifndef EVCHAT_TEST_MEMORY_H
#define EVCHAT_TEST_MEMORY_H

#include "support/scale.h"
#include <stddef.h>

/* Count from zero from here on, with nothing failing; fits Check's unchecked
 * fixtures. */
void memory_watch(void);

/* Give the C library's memory back to evchat; nothing may be live. */
void memory_unwatch(void);

/* Blocks asked for since memory_watch(), failures included. */
size_t memory_asked(void);

/* How many bytes were asked for last. */
size_t memory_asked_last(void);

/* Blocks that were got and not given back. */
size_t memory_live(void);

/* Let `n` more requests pass and refuse all that come after them. */
void memory_refuse_after(size_t n);

/* The same, but refuse only the first of them. */
void memory_refuse_once_after(size_t n);

/* Requests refused since memory_watch(). */
size_t memory_refused(void);

/* Refuse one of so many, by chance, which must live until there is an end of
 * that. */
void memory_refuse_by_chance(struct chance *chance, size_t one_of);

/* Refuse nothing any more. */
void memory_refuse_none(void);

/* Requests between these are neither counted as asked nor refused: they are
 * not those of whom the test is about. */
void memory_spare(void);
void memory_spare_no_more(void);

#endif
