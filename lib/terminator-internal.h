/* SPDX-License-Identifier: BSD-3-Clause */
/* What makes a terminator value a good one. */
#ifndef EVCHAT_TERMINATOR_INTERNAL_H
#define EVCHAT_TERMINATOR_INTERNAL_H

#include <evchat/terminator.h>

/* Is this a terminator that can be put in force? */
bool evchat_terminator_is_valid_(const struct evchat_terminator *t);

#endif
