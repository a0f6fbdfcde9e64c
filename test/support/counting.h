/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How many bytes evchat and libevent hold together: an allocator that counts
 * them under both, and can be told to fail now and then.
 */
#ifndef EVCHAT_TEST_COUNTING_H
#define EVCHAT_TEST_COUNTING_H

#include <stddef.h>
#include <stdint.h>

/* Put it under both.  Before anything else of either; again does nothing. */
void counting_begin(void);

/* Bytes held now, as large as the C library made the blocks. */
size_t counting_now(void);

/* The most that were held since counting_mark(). */
size_t counting_peak(void);

/* Forget the peak: now is the most. */
void counting_mark(void);

/* Refuse so many of a thousand requests from here on, by chance; how many were
 * refused. */
void counting_refuse(unsigned per_thousand, uint64_t seed);
size_t counting_refused(void);

#endif
