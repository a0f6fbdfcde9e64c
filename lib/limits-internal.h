/* SPDX-License-Identifier: BSD-3-Clause */
/* The defaults, a value with its zeros replaced by them, and values that
 * several channels share. */
#ifndef EVCHAT_LIMITS_INTERNAL_H
#define EVCHAT_LIMITS_INTERNAL_H

#include <evchat/limits.h>
#include <stdbool.h>

/* What every channel has until its limits are changed. */
extern const struct evchat_limits evchat_default_limits_;

/* Replace each zero of *limits by its default.  False, with *limits spoilt,
 * when it cannot be used. */
bool evchat_limits_resolve_(struct evchat_limits *limits);

/*
 * Limits to be shared, with one owner: a resolved copy, or for NULL the
 * defaults, which need no memory.  0, EVCHAT_ERR_INVALID or
 * EVCHAT_ERR_NO_MEMORY.
 */
int evchat_limits_new_(
    const struct evchat_limits **shared, const struct evchat_limits *wanted);

/* One owner more, one less; with the last they go. */
const struct evchat_limits *evchat_limits_hold_(
    const struct evchat_limits *shared);
void evchat_limits_release_(const struct evchat_limits *shared);

#endif
