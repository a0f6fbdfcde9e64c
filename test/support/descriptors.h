/* SPDX-License-Identifier: BSD-3-Clause */
/* The descriptors of this process: counted, and made to run out. */
#ifndef EVCHAT_TEST_DESCRIPTORS_H
#define EVCHAT_TEST_DESCRIPTORS_H

#include <stddef.h>

/* How many are open. */
size_t descriptors_open(void);

/* How many of those with a lower number: quicker. */
size_t descriptors_open_below(int number);

/* Let there be no further one, until descriptors_allow(). */
void descriptors_forbid(void);
void descriptors_allow(void);

#endif
