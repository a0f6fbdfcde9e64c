/* SPDX-License-Identifier: BSD-3-Clause */
/* What a recipe asks of a group. */
#ifndef EVCHAT_GROUP_INTERNAL_H
#define EVCHAT_GROUP_INTERNAL_H

#include <evchat/group.h>

/* Does it take channels of this base? */
bool evchat_group_takes_(
    const struct evchat_group *group, const struct event_base *base);

#endif
