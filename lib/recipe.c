/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Recipes: what the channels of a listener or connector start with.  The limits
 * are shared by all channels of a recipe, so that each costs nothing.
 */
#include "channel-internal.h"
#include "group-internal.h"
#include "limits-internal.h"
#include "recipe-internal.h"
#include "terminator-internal.h"
#include <string.h>

static bool
are_valid(const struct evchat_channel_options *options)
{
	return !options->reserved[0] && !options->reserved[1] &&
	       evchat_callbacks_are_valid_(&options->callbacks) &&
	       evchat_terminator_is_valid_(&options->terminator);
}

int
evchat_recipe_copy_(struct evchat_recipe *recipe, struct event_base *base,
    const struct evchat_channel_options *options)
{
	int error;

	memset(recipe, 0, sizeof *recipe);
	if (!are_valid(options) ||
	    (options->group && !evchat_group_takes_(options->group, base)))
		return EVCHAT_ERR_INVALID;
	recipe->callbacks = options->callbacks;
	recipe->group = options->group;
	error = evchat_limits_new_(&recipe->limits, &options->limits);
	if (error)
		return error;
	error =
	    evchat_framer_set_(&recipe->terminator, &options->terminator, 0);
	if (error)
		evchat_limits_release_(recipe->limits);
	return error;
}

void
evchat_recipe_clear_(struct evchat_recipe *recipe)
{
	evchat_framer_clear_(&recipe->terminator);
	evchat_limits_release_(recipe->limits);
}

int
evchat_recipe_apply_(const struct evchat_recipe *recipe, struct evchat *ch)
{
	struct evchat_terminator terminator;
	int error;

	evchat_channel_share_limits_(ch, recipe->limits);
	evchat_framer_get_(&recipe->terminator, &terminator);
	error = evchat_set_terminator(ch, terminator);
	if (!error && recipe->group)
		error = evchat_group_add(recipe->group, ch);
	return error;
}
