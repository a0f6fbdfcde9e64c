/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Faults by chance.  Only such as a system may really give: it does not refuse
 * to forget a descriptor, and so on.
 */
#include "soak/disturbance.h"
#include "support/counting.h"
#include "support/scale.h"
#include "support/syscalls.h"
#include <errno.h>
#include <stdbool.h>

enum { ERRORS = 4 };

static const struct {
	enum system_call call;
	int errors[ERRORS];
	bool moves; /* bytes, of which it may move few */
} faulty[] = {
    {CALL_RECV, {EINTR, EAGAIN, ECONNRESET, ENOMEM}, true},
    {CALL_READV, {EINTR, EAGAIN, ECONNRESET, ENOMEM}, true},
    {CALL_SEND, {EINTR, EAGAIN, EPIPE, ENOBUFS}, true},
    {CALL_SENDMSG, {EINTR, EAGAIN, ECONNRESET, ENOMEM}, true},
    {CALL_WRITEV, {EINTR, EAGAIN, EPIPE, ENOBUFS}, true},
    {CALL_SENDFILE, {EINTR, EAGAIN, EIO, ENOMEM}, true},
    {CALL_PREAD, {EINTR, EINTR, EIO, EIO}, true},
    {CALL_SOCKET, {EMFILE, ENFILE, ENOBUFS, ENOMEM}, false},
    {CALL_CONNECT, {ECONNREFUSED, EAGAIN, ENETUNREACH, ETIMEDOUT}, false},
    {CALL_ACCEPT4, {EMFILE, ECONNABORTED, EAGAIN, ENOMEM}, false},
    {CALL_IOCTL, {EINVAL, EINVAL, EINVAL, EINVAL}, false},
    {CALL_EPOLL_WAIT, {EINTR, EINTR, EINTR, EINTR}, false},
};

void
disturb(unsigned per_thousand, uint64_t seed)
{
	struct chance chance = chance_from(seed);

	calls_seed(seed);
	counting_refuse(per_thousand, seed);
	for (size_t i = 0; i < sizeof faulty / sizeof *faulty; i++) {
		int error = faulty[i].errors[chance_below(&chance, ERRORS)];
		size_t most = 1 + chance_below(&chance, 100);

		calls_fail_by_chance(faulty[i].call, error, per_thousand);
		if (faulty[i].moves)
			calls_shorten_by_chance(
			    faulty[i].call, most, per_thousand);
	}
}

void
disturb_no_more(void)
{
	disturb(0, 0);
}

size_t
disturbances(void)
{
	size_t n = counting_refused();

	for (int call = 0; call < SYSTEM_CALLS; call++)
		n += calls_failed((enum system_call)call) +
		     calls_shortened((enum system_call)call);
	return n;
}
