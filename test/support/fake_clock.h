/* SPDX-License-Identifier: BSD-3-Clause */
/* A clock that stands still until a test moves it; it takes the place of the
 * library's own, so that no test waits. */
#ifndef EVCHAT_TEST_FAKE_CLOCK_H
#define EVCHAT_TEST_FAKE_CLOCK_H

#include <stdint.h>

void fake_clock_pass(uint64_t ms);

#endif
