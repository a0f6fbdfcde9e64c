/* SPDX-License-Identifier: BSD-3-Clause */
/* Turns of the loop, for tests that count them, and what its backend cannot. */
#include "support/loop.h"
#include "support/choppy.h"
#include "support/memory.h"
#include <check.h>
#include <string.h>
#include <sys/select.h>

int
loop_turn(struct event_base *base, int flags)
{
	size_t before = choppy_disturbed();
	int nothing_left = event_base_loop(base, flags | EVLOOP_ONCE);

	while (choppy_disturbed() != before) {
		before = choppy_disturbed();
		nothing_left =
		    event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	}
	return nothing_left;
}

/* The standard streams, the loop's own and a test's. */
enum { OTHER_DESCRIPTORS = 64 };

static bool
is_select(const struct event_base *base)
{
	return strcmp(event_base_get_method(base), "select") == 0;
}

size_t
loop_holds(const struct event_base *base, size_t descriptors)
{
	const size_t most = FD_SETSIZE - OTHER_DESCRIPTORS;

	return is_select(base) && descriptors > most ? most : descriptors;
}

bool
loop_has_no_memory(const struct event_base *base, int result)
{
	if (result >= 0)
		return false;
	ck_assert_str_eq(event_base_get_method(base), "select");
	ck_assert_uint_gt(memory_refused(), 0);
	return true;
}
