/* SPDX-License-Identifier: BSD-3-Clause */
/* The defaults, and a value with its zeros replaced by them. */
#ifndef EVCHAT_LIMITS_INTERNAL_H
#define EVCHAT_LIMITS_INTERNAL_H

#include <evchat/limits.h>
#include <stdbool.h>

/* What every channel has until its limits are changed. */
extern const struct evchat_limits evchat_default_limits_;

/* Replace each zero of *limits by its default.  False, with *limits spoilt,
 * when it cannot be used. */
bool evchat_limits_resolve_(struct evchat_limits *limits);

#endif
