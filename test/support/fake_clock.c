/* SPDX-License-Identifier: BSD-3-Clause */
/* A clock that stands still until a test moves it. */
#include "support/fake_clock.h"
#include "clock-internal.h"

static uint64_t now = 1000000;

uint64_t
evchat_clock_ms_(void)
{
	return now;
}

void
fake_clock_pass(uint64_t ms)
{
	now += ms;
}
