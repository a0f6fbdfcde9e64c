/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Faults by chance: so many of a thousand allocations of evchat's and
 * libevent's and of their system calls fail, or take few bytes.
 */
#ifndef EVCHAT_TEST_DISTURBANCE_H
#define EVCHAT_TEST_DISTURBANCE_H

#include <stddef.h>
#include <stdint.h>

/* From here on, until disturb_no_more(); again, and other errors come. */
void disturb(unsigned per_thousand, uint64_t seed);
void disturb_no_more(void);

/* How many faults there were. */
size_t disturbances(void);

#endif
