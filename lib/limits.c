/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Limits: the defaults, how a value with zeros in it becomes a whole one, and
 * one that many channels share.
 */
#include "alloc-internal.h"
#include "limits-internal.h"
#include <evchat/error.h>

#define KIB(n) ((size_t)(n)*1024)

const struct evchat_limits evchat_default_limits_ = {
    .max_frame = KIB(64),
    .frames_per_turn = 64,
    .read_budget = KIB(64),
    /* With libevent's header of 48 bytes it fits a block of 64 KiB; blocks
     * are rounded up to a power of two. */
    .write_chunk = KIB(64) - 64,
    .output_low = KIB(64),
    .output_high = KIB(256),
    .output_max = KIB(16 * 1024),
    .linger_ms = 2000,
};

struct shared {
	struct evchat_limits limits; /* first: it is what the owners hold */
	size_t owners;
};

static size_t
size_or(size_t size, size_t otherwise)
{
	return size ? size : otherwise;
}

bool
evchat_limits_resolve_(struct evchat_limits *l)
{
	const struct evchat_limits *d = &evchat_default_limits_;

	for (size_t i = 0; i < sizeof l->reserved / sizeof *l->reserved; i++)
		if (l->reserved[i])
			return false;
	l->max_frame = size_or(l->max_frame, d->max_frame);
	l->read_budget = size_or(l->read_budget, d->read_budget);
	l->write_chunk = size_or(l->write_chunk, d->write_chunk);
	l->output_high = size_or(l->output_high, d->output_high);
	/* A small high mark alone must not collide with a fixed low one. */
	l->output_low = size_or(
	    l->output_low, l->output_high / 4 + (l->output_high % 4 != 0));
	l->output_max = size_or(l->output_max, d->output_max);
	if (!l->frames_per_turn)
		l->frames_per_turn = d->frames_per_turn;
	if (!l->linger_ms)
		l->linger_ms = d->linger_ms;
	return l->output_low <= l->output_high;
}

int
evchat_limits_new_(
    const struct evchat_limits **shared, const struct evchat_limits *wanted)
{
	struct shared *own;

	if (!wanted) {
		*shared = &evchat_default_limits_;
		return 0;
	}
	own = evchat_malloc_(sizeof *own);
	if (!own)
		return EVCHAT_ERR_NO_MEMORY;
	own->limits = *wanted;
	own->owners = 1;
	if (!evchat_limits_resolve_(&own->limits)) {
		evchat_mfree_(own);
		return EVCHAT_ERR_INVALID;
	}
	*shared = &own->limits;
	return 0;
}

const struct evchat_limits *
evchat_limits_hold_(const struct evchat_limits *shared)
{
	if (shared != &evchat_default_limits_)
		((struct shared *)shared)->owners++;
	return shared;
}

void
evchat_limits_release_(const struct evchat_limits *shared)
{
	struct shared *own = (struct shared *)shared;

	if (shared == &evchat_default_limits_ || --own->owners)
		return;
	evchat_mfree_(own);
}
