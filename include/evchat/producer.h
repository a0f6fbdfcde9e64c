/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file producer.h
 * A source of output that is asked for more whenever there is room.
 *
 * A producer is a plain value.  Who takes it owns it: from then on `release`
 * is called exactly once, when it has ended, failed or been dropped, or when
 * the call that took it failed.
 *
 *     owner        evchat_producer_chunked(&p)     wraps p in place
 *       |          evchat_push_producer(ch, p)     takes p, also when it fails
 *       v
 *     queue  --->  more() more() ... more() = EVCHAT_END  --->  release()
 *
 * The functions here touch no channel, and may be called from every callback.
 */
#ifndef EVCHAT_PRODUCER_H
#define EVCHAT_PRODUCER_H

#include <evchat/export.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct evbuffer;

/** What a producer answers when it is asked for more. */
enum evchat_more {
	EVCHAT_MORE,  /**< ask again; having added nothing is allowed */
	EVCHAT_LATER, /**< nothing now; evchat_wake() will say when */
	EVCHAT_END,   /**< that was all */
	EVCHAT_FAIL   /**< the channel must end with EVCHAT_REASON_PRODUCER */
};

/**
 * Add bytes to the end of `out`, about `room` (1 or more) at most, and say what
 * comes next.  More than `room` is sent, too, and takes memory meanwhile.
 * Bytes that come with EVCHAT_LATER or EVCHAT_END count, those that come with
 * EVCHAT_FAIL do not.  `out` may hold bytes already; only add.  Called from the
 * loop, never recursively.
 */
typedef enum evchat_more (*evchat_more_cb)(
    struct evbuffer *out, size_t room, void *ctx);

/** Called when evchat lets go of a producer; must not call evchat on its
 * channel.  To go on then, push from `more` before it says EVCHAT_END, or wait
 * for `drained`. */
typedef void (*evchat_release_cb)(void *ctx);

/** Called when evchat no longer needs the bytes it was lent; must not call
 * evchat on that channel. */
typedef void (*evchat_cleanup_cb)(const void *bytes, size_t len, void *ctx);

/** A source of output, a plain value. */
struct evchat_producer {
	evchat_more_cb more;       /**< must be set */
	evchat_release_cb release; /**< may be NULL */
	/** How many bytes it is going to make, if that is known: they count as
	 * waiting output, and hold back `room` and further frames, until they
	 * are made or it ends.  Nobody checks it: one that is too large holds
	 * back for too long, one that is too small too little.  0 means
	 * unknown; then it counts only where frames are held back, and as one
	 * write_chunk, at most a quarter of dispatch_high. */
	uint64_t size;
	void *ctx; /**< what both functions get */
	/** Must be zero. */
	uintptr_t reserved[2];
};

/**
 * A producer of `len` bytes of a regular file from `offset` on, read in pieces
 * by pread(), so that the descriptor's own position does not matter.  The
 * descriptor is taken and closed in every case.  A file that turns out shorter,
 * or cannot be read, fails the producer; it never makes a short answer.
 *
 * @return 0; EVCHAT_ERR_INVALID when `fd` is no regular file or the range is
 *         beyond what a file can have; EVCHAT_ERR_NO_MEMORY.
 */
EVCHAT_EXPORT int evchat_producer_file(
    struct evchat_producer *producer, int fd, uint64_t offset, uint64_t len);

/**
 * A producer of bytes that stay where they are.  `cleanup`, which may be NULL,
 * is called exactly once: when the last of them has been sent or dropped, or
 * when this call fails.
 *
 * @return 0; EVCHAT_ERR_INVALID when there are bytes but no pointer;
 *         EVCHAT_ERR_NO_MEMORY.
 */
EVCHAT_EXPORT int evchat_producer_ref(struct evchat_producer *producer,
    const void *bytes, size_t len, evchat_cleanup_cb cleanup, void *ctx);

/**
 * A producer of the bytes that are now in `bytes`, which are moved out of it,
 * not copied.  The evbuffer itself stays the caller's; when the call fails its
 * bytes do too.
 *
 * @return 0; EVCHAT_ERR_INVALID for NULL; EVCHAT_ERR_NO_MEMORY;
 *         EVCHAT_ERR_EVENT when libevent would not move them.
 */
EVCHAT_EXPORT int evchat_producer_buffer(
    struct evchat_producer *producer, struct evbuffer *bytes);

/**
 * Wrap a producer, in place, in HTTP's chunked coding (RFC 9112 section 7.1):
 * each answer becomes a chunk, its end the last chunk, without trailers.
 *
 * @return 0, or EVCHAT_ERR_INVALID, EVCHAT_ERR_NO_MEMORY; then the producer
 *         has been released and the value is all zeros.
 */
EVCHAT_EXPORT int evchat_producer_chunked(struct evchat_producer *producer);

/** What a tap is told; both may be NULL. */
struct evchat_tap {
	/** Bytes that passed, as often as needed, borrowed for the call. */
	void (*passed)(const void *bytes, size_t len, void *ctx);
	/** Exactly once and last: `complete` if the producer said EVCHAT_END,
	 * not if it failed or was dropped. */
	void (*ended)(bool complete, void *ctx);
	void *ctx; /**< what both functions get */
	/** Must be zero. */
	uintptr_t reserved[2];
};

/**
 * Wrap a producer, in place, so that the tap is told what it makes and how it
 * ends: to log, to count, to checksum.  The tap is copied.
 *
 * @return 0, or EVCHAT_ERR_INVALID, EVCHAT_ERR_NO_MEMORY; then the producer
 *         has been released, the value is all zeros, and the tap has been told
 *         that it ended incomplete.
 */
EVCHAT_EXPORT int evchat_producer_tap(
    struct evchat_producer *producer, const struct evchat_tap *tap);

#ifdef __cplusplus
}
#endif

#endif
