/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file terminator.h
 * What ends the frame that is arriving: a literal, the first of several
 * literals, a number of bytes, or nothing.
 *
 * A terminator is a plain value: make one with a constructor, change its other
 * members if the channel's limits do not suit this frame, and give it to
 * evchat_set_terminator(), which copies everything.  A value of all zeros is
 * evchat_none().  A constructor looks at nothing and cannot fail: what is wrong
 * with a value is said by whoever takes it.  On any thread, in any callback.
 *
 * A literal is matched exactly and never across the end of the frame before:
 * a consumed terminator is no part of the next match (asynchat rule S20), so
 * "DATA\r\n.\r\n" does not end a frame that waits for "\r\n.\r\n".
 */
#ifndef EVCHAT_TERMINATOR_H
#define EVCHAT_TERMINATOR_H

#include <evchat/export.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How many literals a terminator may have. */
#define EVCHAT_LITERALS_MAX 8
/** How long a single literal may be, in bytes. */
#define EVCHAT_LITERAL_MAX 1024
/** How long each literal may be, in bytes, where there are several. */
#define EVCHAT_ANY_OF_MAX 64

/** What evchat_matched() says when no literal ended the frame. */
#define EVCHAT_MATCHED_NONE SIZE_MAX

/** A run of bytes that somebody else owns. */
struct evchat_span {
	const void *bytes; /**< where it begins */
	size_t len;        /**< in bytes */
};

/** What kind of end a frame has. */
enum evchat_terminator_kind {
	EVCHAT_NONE,    /**< everything is handed over as it comes */
	EVCHAT_LITERAL, /**< the first of the literals to complete */
	EVCHAT_COUNT,   /**< after so many bytes, once; then none */
	EVCHAT_RECORDS  /**< after every so many bytes */
};

/** What ends a frame, and the limits of that frame; see the top. */
struct evchat_terminator {
	/** As the constructors below set it. */
	enum evchat_terminator_kind kind;
	/** A frame that the peer's EOF cuts short counts as whole.  A frame of
	 * evchat_none() ends so even when it is empty, the others only with at
	 * least one byte. */
	bool eof_ends_frame;
	/** Hand the frame over in pieces even if the channel has a `frame`
	 * callback. */
	bool streamed;
	/** How many literals there are: 1 to EVCHAT_LITERALS_MAX. */
	size_t n_literals;
	/** The literals; borrowed until the call that takes the value returns.
	 */
	struct evchat_span literals[EVCHAT_LITERALS_MAX];
	/** How many bytes a counted frame or a record has. */
	uint64_t count;
	/** The most bytes a frame may have, its terminator not counted; 0 means
	 * the channel's, SIZE_MAX no limit.  It holds for literals and for
	 * whole frames of every kind; a counted frame that is handed over in
	 * pieces, and evchat_none(), have no other limit than themselves. */
	size_t max_frame;
	/** From the first byte of a frame to its end, in ms; 0 means the
	 * channel's (which does not count for evchat_none()). */
	unsigned deadline_ms;
	/** Must be zero. */
	uintptr_t reserved[2];
};

/** No terminator: every byte is handed to `collect` as it comes. */
EVCHAT_EXPORT struct evchat_terminator evchat_none(void);

/**
 * End each frame at these bytes, 1 to EVCHAT_LITERAL_MAX of any value.  It
 * stays in force until another is set.
 */
EVCHAT_EXPORT struct evchat_terminator evchat_literal(
    const void *bytes, size_t len);

/** evchat_literal() of a string constant, without its NUL. */
#define EVCHAT_LIT(string) evchat_literal("" string, sizeof(string) - 1)

/**
 * End each frame at the first of these literals to complete; of those that
 * complete at the same byte the longest wins.  evchat_matched() says which it
 * was.  1 to EVCHAT_LITERALS_MAX literals of 1 to EVCHAT_ANY_OF_MAX bytes each.
 */
EVCHAT_EXPORT struct evchat_terminator evchat_any_of(
    const struct evchat_span *literals, size_t n);

/**
 * What people mean by a line: CRLF or LF ends it (evchat_matched() gives 0 for
 * LF, 1 for CRLF), and so does EOF if anything came before it.  HTTP and SMTP
 * servers take EVCHAT_LIT("\r\n") instead: a lenient line end lets requests be
 * smuggled past a stricter neighbour.
 */
EVCHAT_EXPORT struct evchat_terminator evchat_line(void);

/**
 * End one frame after `count` bytes; then no terminator is in force (S12).
 * A count of 0 is an empty frame, found once, from the loop (S13).  At most
 * 2^63 - 1.
 */
EVCHAT_EXPORT struct evchat_terminator evchat_count(uint64_t count);

/** End a frame after every `count` bytes, 1 to 2^63 - 1. */
EVCHAT_EXPORT struct evchat_terminator evchat_records(uint64_t count);

#ifdef __cplusplus
}
#endif

#endif
