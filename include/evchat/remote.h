/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file remote.h
 * A handle to a channel for other threads, which must not touch the channel
 * itself: they post functions that its loop runs.
 *
 * libevent's locking must be on before the event_base is made
 * (evthread_use_pthreads()), and so must an allocator that works in every
 * thread.  The event_base must live until the last handle is freed and the last
 * posted function has run.
 */
#ifndef EVCHAT_REMOTE_H
#define EVCHAT_REMOTE_H

#include <evchat/channel.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A counted handle to a channel. */
struct evchat_remote;

/**
 * A handle to this channel; asked again, the same one, counted once more.  On
 * the channel's thread only; may be called from a callback.
 *
 * @return the handle; or NULL with errno EINVAL (a NULL channel, locking that
 *         is off), ESHUTDOWN (the channel has ended) or ENOMEM.
 */
EVCHAT_EXPORT struct evchat_remote *evchat_remote_new(struct evchat *ch);

/** Count the handle once more, for another owner.  On any thread that owns it.
 * @return the handle. */
EVCHAT_EXPORT struct evchat_remote *evchat_remote_hold(
    struct evchat_remote *remote);

/** Give up one count.  On any thread; what was posted is run all the same.
 * NULL does nothing. */
EVCHAT_EXPORT void evchat_remote_free(struct evchat_remote *remote);

/**
 * Have `run` called exactly once from the channel's loop: with the channel, or
 * with NULL if it has ended meanwhile.  What one thread posts to a handle is
 * run in its order, 256 functions at most before others have their turn; how
 * many may wait is up to who posts.  On any thread that owns the handle; may be
 * called from a callback, and from `run`.
 *
 * @return 0; or EVCHAT_ERR_INVALID or EVCHAT_ERR_NO_MEMORY, then `run` is never
 *         called.
 */
EVCHAT_EXPORT int evchat_post(
    struct evchat_remote *remote, evchat_cb run, void *ctx);

#ifdef __cplusplus
}
#endif

#endif
