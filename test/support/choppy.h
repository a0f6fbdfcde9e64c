/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Choppy I/O: sockets that rarely give or take anything, and little at a time.
 * It is switched on from outside, so that every test can be run once more so:
 *
 *     EVCHAT_TEST_IO="eagain=90 bytes=1 seed=7"
 *
 * refuses 90 of 100 calls with EAGAIN and lets none move more than a byte, as
 * long as a test does not move tens of thousands.
 * Only what evchat and libevent call is choppy; a test's own peers are not.
 */
#ifndef EVCHAT_TEST_CHOPPY_H
#define EVCHAT_TEST_CHOPPY_H

#include "support/syscalls.h"
#include <stdbool.h>
#include <stddef.h>

/* Is this call, which returns there, to be refused with EAGAIN? */
bool choppy_refuses(enum system_call call, const void *caller);

/* How many bytes of these it may move. */
size_t choppy_most(
    enum system_call call, int fd, const void *caller, size_t len);

/* How many calls were refused or cut short so far, in this process and those
 * that it forked. */
size_t choppy_disturbed(void);

/* Print both, as figures, if there are any. */
void choppy_report(void);

#endif
