/* SPDX-License-Identifier: BSD-3-Clause */
/* What the channels of a listener or connector start with, kept. */
#ifndef EVCHAT_RECIPE_INTERNAL_H
#define EVCHAT_RECIPE_INTERNAL_H

#include "framer-internal.h"
#include <evchat/channel.h>

struct evchat_recipe {
	struct evchat_callbacks callbacks;
	const struct evchat_limits *limits; /* shared by all that it makes */
	struct evchat_framer terminator;    /* owns the bytes of its literals */
	struct evchat_group *group;
};

/* A deep copy, for channels of this base.  0, EVCHAT_ERR_INVALID or
 * EVCHAT_ERR_NO_MEMORY; then there is nothing to clear. */
int evchat_recipe_copy_(struct evchat_recipe *recipe, struct event_base *base,
    const struct evchat_channel_options *options);
void evchat_recipe_clear_(struct evchat_recipe *recipe);

/* Give it all to a channel that was just made with the recipe's callbacks.  0
 * or an evchat_error, with some of it done. */
int evchat_recipe_apply_(const struct evchat_recipe *recipe, struct evchat *ch);

#endif
