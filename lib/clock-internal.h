/* SPDX-License-Identifier: BSD-3-Clause */
/* What time it is. */
#ifndef EVCHAT_CLOCK_INTERNAL_H
#define EVCHAT_CLOCK_INTERNAL_H

#include <stdint.h>

/* A time in ms that never goes back and is never 0. */
uint64_t evchat_clock_ms_(void);

#endif
