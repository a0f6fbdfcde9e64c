/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file group.h
 * A set of channels: counted, walked, written to, and closed together.
 *
 * A channel may be in any number of groups.  It leaves them all when it ends,
 * before its `closed` is called, or when it is freed or detached; a group holds
 * no channel alive.
 *
 * A group and its channels belong to one event_base, which must outlive it, and
 * to one thread.  Every function may be called from every callback.  A NULL
 * group is EVCHAT_ERR_INVALID, or zero where a function counts.
 */
#ifndef EVCHAT_GROUP_H
#define EVCHAT_GROUP_H

#include <evchat/channel.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A set of channels. */
struct evchat_group;

/** A group has ended: how many channels went by themselves, and how many had
 * to be cut off.  Of the latter, one whose evchat_unsent() was 0 may have got
 * everything: it had left evchat, and the peer had not closed yet. */
typedef void (*evchat_group_done_cb)(
    struct evchat_group *group, size_t went, size_t cut, void *ctx);

/**
 * An empty group for channels of this base.
 *
 * @return the group; or NULL with errno EINVAL (no base) or ENOMEM.
 */
EVCHAT_EXPORT struct evchat_group *evchat_group_new(struct event_base *base);

/** Free the group; its channels live on, without it.  A `done` that has not
 * been called yet never will be.  NULL does nothing. */
EVCHAT_EXPORT void evchat_group_free(struct evchat_group *group);

/**
 * Put a channel into the group; one that is in it already stays.  If the group
 * is closing (evchat_group_close_when_done()), so is the channel from now on;
 * after the deadline it is cut off.
 *
 * @return 0; EVCHAT_ERR_INVALID (also for a channel of another base),
 *         EVCHAT_ERR_CLOSING after the channel's end, EVCHAT_ERR_NO_MEMORY.
 */
EVCHAT_EXPORT int evchat_group_add(
    struct evchat_group *group, struct evchat *ch);

/** Take a channel out of the group; nothing happens if it is not in it. */
EVCHAT_EXPORT void evchat_group_remove(
    struct evchat_group *group, struct evchat *ch);

/** How many channels are in the group. */
EVCHAT_EXPORT size_t evchat_group_count(const struct evchat_group *group);

/**
 * Call `visit` for every channel that is in the group now and is so still when
 * its turn comes.  `visit` may do anything, also end channels, add some, which
 * are not visited, and free the group, which ends the walk.
 */
EVCHAT_EXPORT void evchat_group_for_each(
    struct evchat_group *group, evchat_cb visit, void *ctx);

/**
 * Send the same bytes to every channel but `except`, which may be NULL.  From
 * 1 KiB on they are copied once for all, and each channel refers to them; fewer
 * are copied into each, which is cheaper.  A channel is skipped while more than
 * its output_high waits (see evchat_has_room()), and when its push fails.
 *
 * @return how many channels were skipped; or EVCHAT_ERR_INVALID, or
 *         EVCHAT_ERR_NO_MEMORY when there was none for the one copy, and nobody
 *         got the bytes.
 */
EVCHAT_EXPORT int evchat_group_broadcast(struct evchat_group *group,
    const void *bytes, size_t len, const struct evchat *except);

/**
 * Cut off every channel: what waits is dropped, and each ends with
 * EVCHAT_REASON_CUT, from the loop.  (asyncore's close_all(), S76.)
 */
EVCHAT_EXPORT void evchat_group_close_all(struct evchat_group *group);

/**
 * End the group gracefully: evchat_close_when_done() for every channel in it
 * now or added later; after deadline_ms, or never if that is 0, those that are
 * still there are cut off as by evchat_group_close_all().  When the last has
 * gone, `done` (which may be NULL) is called once, from the loop, and the group
 * is as new.  Stop what adds channels first.
 *
 * @return 0, EVCHAT_ERR_INVALID, EVCHAT_ERR_NO_MEMORY; or EVCHAT_ERR_BUSY if
 *         the group is closing already.
 */
EVCHAT_EXPORT int evchat_group_close_when_done(struct evchat_group *group,
    unsigned deadline_ms, evchat_group_done_cb done, void *ctx);

#ifdef __cplusplus
}
#endif

#endif
