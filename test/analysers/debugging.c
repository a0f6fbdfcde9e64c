/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loaded before a test or a sample (LD_PRELOAD), so that libevent checks how it
 * is used: that no event is added that was never made, or made anew while it
 * is added; and, with EVCHAT_TEST_LOCKS in the environment, that nobody gives
 * a lock back who does not have it.  It ends the program otherwise.
 *
 * Only a test may do so: both are of the whole process (rule 63).  The second
 * makes every program look as if it had locks, so it is for those that do.
 */
#include <event2/event.h>
#include <event2/thread.h>
#include <stdlib.h>

__attribute__((constructor)) static void
begin(void)
{
	event_enable_debug_mode();
	if (getenv("EVCHAT_TEST_LOCKS"))
		evthread_enable_lock_debugging();
}
