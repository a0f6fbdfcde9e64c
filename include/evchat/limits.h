/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file limits.h
 * What a channel may hold, how much it does in one turn of the loop, and how
 * long it waits.  Zero always means the default.
 *
 * A channel holds at most: one partial frame of max_frame bytes; read_budget
 * bytes and one read of input not looked at yet; output_high bytes and one
 * answer of a producer; and what the application itself pushes, of which at
 * most output_max bytes are copies.
 */
#ifndef EVCHAT_LIMITS_H
#define EVCHAT_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A plain value, copied by whoever takes it. */
struct evchat_limits {
	/** Most bytes of a frame without its terminator: 64 KiB.  SIZE_MAX is
	 * no limit. */
	size_t max_frame;
	/** Frames dispatched before other channels get their turn: 64. */
	unsigned frames_per_turn;
	/** Bytes looked at before other channels get their turn: 64 KiB. */
	size_t read_budget;
	/** Bytes a producer is asked for at once: 64 KiB less 64 bytes, which
	 * libevent keeps in 64 KiB of memory and not in 128. */
	size_t write_chunk;
	/** When so little output waits, producers and `room` are called again:
	 * a quarter of output_high. */
	size_t output_low;
	/** While more output than this waits, producers are not asked: 256 KiB.
	 */
	size_t output_high;
	/** While more output than this waits, what producers have yet to make
	 * (unless the first one sleeps) and what they take meanwhile included,
	 * no further frame is dispatched, so that a peer who asks and does not
	 * read costs no more: output_high.  SIZE_MAX is no limit, and what 0
	 * means to a channel of connector.h: a client that sends much and a
	 * server that answers meanwhile would wait for each other. */
	size_t dispatch_high;
	/** Copied bytes that may wait; a push beyond is refused: 16 MiB. */
	size_t output_max;
	/** From the first byte of a frame to its end, in ms: no limit. */
	unsigned frame_deadline_ms;
	/** Without a byte from the peer while nothing is being sent to it, in
	 * ms: no limit. */
	unsigned idle_deadline_ms;
	/** Without the peer taking any of what waits for it, in ms: no limit.
	 * Progress is looked for when the time is over, so a peer that has just
	 * stopped is left after up to twice as long.  Where the kernel does not
	 * call the socket writable, an eighth of what was on its way is
	 * progress, or 32 KiB: who reads less than that in this time is left,
	 * too. */
	unsigned write_deadline_ms;
	/** How long a channel that has sent everything waits for the peer's
	 * EOF, and as long again each time that an eighth of what was on its
	 * way has been acknowledged meanwhile; and how long one whose peer is
	 * gone waits for a producer that said EVCHAT_LATER; in ms: 2,000. */
	unsigned linger_ms;
	/** Must be zero.  So must output_low be at most output_high: whoever
	 * takes the value answers EVCHAT_ERR_INVALID otherwise. */
	uintptr_t reserved[4];
};

#ifdef __cplusplus
}
#endif

#endif
