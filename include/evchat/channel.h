/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file channel.h
 * A channel: one bufferevent with framing on its input and a queue of
 * producers on its output.
 *
 * - Every callback comes from the event loop, never from inside a call.
 *   (`release` and `cleanup` of what was pushed may run inside push, discard
 *   and free; they must not call evchat on that channel.)
 * - Every call is legal in every callback, evchat_free() included.  What it
 *   asks for is obeyed before the next callback, even when the next frame is
 *   already in memory.
 * - Bytes handed to a callback are borrowed until it returns; bytes handed in
 *   are copied unless the name says _ref, _buffer or _file.
 * - One channel belongs to one event_base, which must outlive it, and to one
 *   thread.
 * - A NULL channel is EVCHAT_ERR_INVALID, or zero where a function counts.
 *   Inside `closed` every call that would change something is
 *   EVCHAT_ERR_CLOSING and evchat_free() does nothing.
 *
 * SIGPIPE: libevent writes without MSG_NOSIGNAL, so a program that writes to a
 * peer that has gone is killed unless it ignores the signal:
 * signal(SIGPIPE, SIG_IGN).  evchat leaves that to the program.
 */
#ifndef EVCHAT_CHANNEL_H
#define EVCHAT_CHANNEL_H

#include <evchat/error.h>
#include <evchat/export.h>
#include <evchat/limits.h>
#include <evchat/producer.h>
#include <evchat/terminator.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bufferevent;
struct evbuffer;
struct event_base;
struct evchat_group;

/** A channel. */
struct evchat;

/** Something has happened to a channel. */
typedef void (*evchat_cb)(struct evchat *ch, void *ctx);
/** Bytes have come, on loan until this returns. */
typedef void (*evchat_bytes_cb)(
    struct evchat *ch, const void *bytes, size_t len, void *ctx);
/** A deadline has passed, or the channel has ended: why. */
typedef void (*evchat_reason_cb)(
    struct evchat *ch, enum evchat_reason reason, void *ctx);

/**
 * What a channel calls; each may be NULL.  Copied by whoever takes it.
 *
 * A frame comes either in pieces (`collect`, as early as possible, then
 * `found`) or whole (`frame`).  It comes whole when `frame` is set, unless its
 * terminator says `streamed`; under evchat_none() everything comes in pieces.
 * Without the callback that it would go to, a frame is dropped.
 */
struct evchat_callbacks {
	/** A piece of the frame, never empty. */
	evchat_bytes_cb collect;
	/** The end of a frame that came in pieces.  A terminator set here rules
	 * from the very next byte (S15). */
	evchat_cb found;
	/** A whole frame, contiguous, without its terminator; may be empty, the
	 * pointer is never NULL.  A terminator set here rules from the next
	 * byte.  After a failed write frames still come, until the peer's end
	 * or linger_ms, while pushes are EVCHAT_ERR_CLOSING; then `closed`. */
	evchat_bytes_cb frame;
	/** A frame passed its limit: once per frame, after exactly max_frame of
	 * its bytes.  The rest is skipped to the frame's own end, and a
	 * terminator set meanwhile rules from there on.  Without this callback
	 * the channel ends with EVCHAT_REASON_OVERLONG. */
	evchat_cb overlong;
	/** The connection is there (connector.h, or BEV_EVENT_CONNECTED of a
	 * bufferevent). */
	evchat_cb connected;
	/** The peer will send no more (S66).  The channel stays open for output
	 * until it is closed.  Without this callback what waits is sent, then
	 * the channel ends with EVCHAT_REASON_EOF. */
	evchat_cb eof;
	/** Output fell to output_low after it had passed output_high. */
	evchat_cb room;
	/** Nothing is left to send, in any layer below either: the kernel has
	 * it, which does not say that the peer has.  Once, and only if
	 * something was pushed since the last time; also while paused and after
	 * evchat_close_when_done().  Not after a failed write. */
	evchat_cb drained;
	/** The frame, idle or write deadline passed (the reason says which); it
	 * starts anew if the channel is left open.  Without this callback, and
	 * once it is to close, the channel ends with that reason. */
	evchat_reason_cb timeout;
	/** The channel has ended: exactly once, last.  evchat_errno(),
	 * evchat_unsent() and evchat_partial() still answer; the pointer is
	 * dead when this returns.  If bytes were left unsent, TCP ends in a
	 * reset and not in FIN (unless the descriptor is kept), so that no peer
	 * takes a part for the whole. */
	evchat_reason_cb closed;
	/** Must be zero. */
	uintptr_t reserved[2];
};

/** Counts since the channel was made, in bytes and frames. */
struct evchat_stats {
	uint64_t bytes_in;  /**< received from the layer below */
	uint64_t frames_in; /**< handed over, whole or in pieces */
	uint64_t bytes_out; /**< taken by the lowest layer */
};

/** What a channel that a listener or a connector makes starts with.  Copied by
 * whoever takes it. */
struct evchat_channel_options {
	/** Each may be NULL. */
	struct evchat_callbacks callbacks;
	/** Zeros are the defaults. */
	struct evchat_limits limits;
	/** All zeros is none. */
	struct evchat_terminator terminator;
	/** A group that it is put into, or NULL.  It must live as long as
	 * whoever makes channels for it. */
	struct evchat_group *group;
	/** Must be zero. */
	uintptr_t reserved[2];
};

/** What evchat_open() may be told; 0 is the usual thing. */
enum evchat_open_flag {
	/** Leave the descriptor open when the channel ends. */
	EVCHAT_OPEN_KEEP_FD = 1,
	/** Read and write only through the bufferevent's own callbacks.  A
	 * socket is otherwise read past it and written at once, which is much
	 * cheaper and the same in everything else; but a rate limit set on
	 * evchat_bufferevent() is not heeded then. */
	EVCHAT_OPEN_PLAIN = 2
};

/** @name Birth and death
 * @{ */

/**
 * A channel on any bufferevent: socket, pair, filter, TLS (ignore SIGPIPE
 * first, see above).  The channel takes the bufferevent over and frees it in
 * the end; its callbacks, watermarks and enabled events are evchat's from now
 * on.  Its descriptor is closed if it has BEV_OPT_CLOSE_ON_FREE; if not, and
 * bytes were left unsent, it is left with an SO_LINGER of 0.  Bytes that are in
 * its input already are looked at from the loop without waiting for the
 * network.
 *
 * A filter must not hold back more than output_high: producers would wait for
 * room for ever.
 *
 * libevent's own TLS bufferevents send no close_notify, may report EOF before
 * the last bytes (make them with BEV_OPT_DEFER_CALLBACKS), and cannot have
 * their output discarded.
 *
 * @return the channel; or NULL with errno EINVAL (a NULL argument, a reserved
 *         word that is not zero), ENOMEM or EIO; then nothing was taken.
 */
EVCHAT_EXPORT struct evchat *evchat_new(struct bufferevent *bev,
    const struct evchat_callbacks *callbacks, void *ctx);

/**
 * A channel on a connected stream socket, a pipe end or a terminal (ignore
 * SIGPIPE first, see above).  The descriptor is made non-blocking, gets
 * TCP_NODELAY where it is TCP, and is closed in the end unless
 * EVCHAT_OPEN_KEEP_FD says otherwise.  What a descriptor cannot do is told from
 * its access mode: pushing to one that only reads, or setting a terminator on
 * one that only writes, is EVCHAT_ERR_INVALID.
 *
 * @return the channel; or NULL with errno EINVAL (a NULL argument, an unknown
 *         flag, a regular file or directory), EBADF, ENOMEM or EIO; then
 *         nothing was taken, though the descriptor may not block any more.
 */
EVCHAT_EXPORT struct evchat *evchat_open(struct event_base *base, int fd,
    unsigned flags, const struct evchat_callbacks *callbacks, void *ctx);

/**
 * Send everything pushed so far, producers to their end, through every layer;
 * then send FIN, drop what the peer still sends until its EOF or linger_ms, so
 * that no reset destroys the last answer (S48); then end with
 * EVCHAT_REASON_DONE.  A channel that never sent a byte ends at once, from the
 * loop.  After this call no further frame is dispatched and pushes are refused
 * with EVCHAT_ERR_CLOSING.  Calling it again does nothing.
 */
EVCHAT_EXPORT void evchat_close_when_done(struct evchat *ch);

/**
 * Send everything pushed so far, then FIN, and go on reading.  Further pushes
 * are refused with EVCHAT_ERR_CLOSING.  When the peer's end has come too there
 * is nothing more to do, and the channel ends with EVCHAT_REASON_EOF, after
 * `eof` if that is set.  A channel that only writes ends as by
 * evchat_close_when_done(); one whose other side cannot be told, as on a
 * terminal, only refuses pushes.  Calling it again does nothing.
 *
 * @return 0; EVCHAT_ERR_INVALID, also for a channel that only reads; or
 *         EVCHAT_ERR_CLOSING after evchat_close_when_done() or the end.
 */
EVCHAT_EXPORT int evchat_shutdown_write(struct evchat *ch);

/**
 * End now: what waits is dropped and its release and cleanup run at once, no
 * callback is called, the bufferevent is freed, and TCP is reset if bytes were
 * left unsent, as at `closed`.  Inside a callback of the channel the bytes that
 * callback was given stay good until it returns.  libevent closes the
 * descriptor and gives the memory back in the loop's next turn: before
 * event_base_free(), have one with EVLOOP_NONBLOCK.  NULL does nothing.
 */
EVCHAT_EXPORT void evchat_free(struct evchat *ch);

/**
 * Give the bufferevent back, with everything that has not been handed over at
 * the front of its input, a partial whole frame included, and pushed bytes in
 * its output.  evchat's callbacks are gone from it, EV_READ and EV_WRITE are
 * enabled, the channel is dead; no callback is called.
 *
 * The new owner must look at the input before waiting for a read callback:
 * bytes that are there already cause none.  A write callback without a cause
 * may come once.  In a callback of the channel, the bytes that callback was
 * given stay good until it returns.
 *
 * @return the bufferevent; or NULL with errno EBUSY while producers wait or
 *         the channel connects, ESHUTDOWN after evchat_close_when_done(),
 *         evchat_shutdown_write() or the end, EINVAL, ENOMEM or EIO; then
 *         nothing changes, except that after EIO the channel may be about to
 *         end with EVCHAT_REASON_ERROR.
 */
EVCHAT_EXPORT struct bufferevent *evchat_detach(struct evchat *ch);

/** @} */
/** @name Input
 * @{ */

/**
 * Set what ends the frame that is arriving.  Called in `found` or `frame` it
 * rules from the next byte (S15); in `collect`, after this piece, the frame
 * being finished first if its end is already known (S18); in `overlong`, after
 * the frame that is skipped; from outside, held bytes are looked at again from
 * the loop (S16).  Bytes handed over already are never looked at again (S17).
 * Setting a terminator equal to the one in force starts it anew and allocates
 * nothing.
 *
 * @return 0; EVCHAT_ERR_INVALID for no, an empty or too long literal, too many
 *         of them, a count above 2^63 - 1, a record of no bytes, a reserved
 *         word that is not zero, or a channel that only writes;
 *         EVCHAT_ERR_NO_MEMORY; EVCHAT_ERR_CLOSING.  Then the old one stays.
 */
EVCHAT_EXPORT int evchat_set_terminator(
    struct evchat *ch, struct evchat_terminator terminator);

/**
 * The terminator that has been set last.  A count is what is left of it, and
 * after it is complete evchat_none().  Literals point into the channel and die
 * with the next evchat_set_terminator().
 */
EVCHAT_EXPORT void evchat_get_terminator(
    const struct evchat *ch, struct evchat_terminator *terminator);

/**
 * Which of the literals ended the frame, from 0; EVCHAT_MATCHED_NONE when it
 * was a count or EOF, and for a NULL channel.  Good in `found` and `frame`.
 */
EVCHAT_EXPORT size_t evchat_matched(const struct evchat *ch);

/**
 * Call nothing for input until evchat_resume(), and let it stay in the kernel.
 * While nothing is read, the end of the peer is not seen either.
 *
 * @return 0, EVCHAT_ERR_INVALID or EVCHAT_ERR_CLOSING.
 */
EVCHAT_EXPORT int evchat_pause(struct evchat *ch);

/** Undo evchat_pause(); what was in memory is dispatched from the loop.
 * @return 0, EVCHAT_ERR_INVALID or EVCHAT_ERR_CLOSING. */
EVCHAT_EXPORT int evchat_resume(struct evchat *ch);

/**
 * Drop every byte that was received and not handed over.  The frame under way
 * starts anew; a count goes on with what it lacks.  Call it when the meaning of
 * the stream changes, as at STARTTLS (S30).
 *
 * @return 0, EVCHAT_ERR_INVALID or EVCHAT_ERR_CLOSING.
 */
EVCHAT_EXPORT int evchat_discard_input(struct evchat *ch);

/** @} */
/** @name Output
 *
 * Pushes only queue; the loop sends.  A push of no bytes succeeds and does
 * nothing.  Those that take a producer, a reference or a descriptor take it in
 * every case, also when they fail (evbuffer_add_reference() does the
 * opposite).  All can return
 *
 * - EVCHAT_ERR_INVALID: no channel, no pointer, a channel that only reads;
 * - EVCHAT_ERR_CLOSING: after evchat_close_when_done(),
 *   evchat_shutdown_write(), the peer's EOF without an `eof` callback, a failed
 *   write, or the end; `closed` comes by itself, and evchat_free() would drop
 *   what is still being sent;
 * - EVCHAT_ERR_NO_MEMORY;
 *
 * and then nothing was queued.
 * @{ */

/**
 * Send a copy of these bytes.
 *
 * @return 0 or one of the above; or EVCHAT_ERR_FULL when more than output_max
 *         copied bytes would wait.  What was copied since the output was last
 *         empty counts, but never more than all that waits.
 */
EVCHAT_EXPORT int evchat_push(struct evchat *ch, const void *bytes, size_t len);

/** Send formatted text.  @return as evchat_push(); EVCHAT_ERR_INVALID also for
 * a format that vsnprintf() refuses. */
EVCHAT_EXPORT int evchat_pushf(struct evchat *ch, const char *format, ...)
    EVCHAT_PRINTF(2, 3);

/**
 * Send these bytes and CRLF.  A CR, LF or NUL among them is
 * EVCHAT_ERR_INVALID, so that what a peer sent cannot become a command of its
 * own (as in CVE-2025-59419).  No bytes make an empty line.
 *
 * @return as evchat_push().
 */
EVCHAT_EXPORT int evchat_push_line(
    struct evchat *ch, const void *bytes, size_t len);

/**
 * Send bytes that stay where they are until `cleanup`, which may be NULL, is
 * called: exactly once, when the last of them has been sent or dropped, or
 * when this call fails.  Each costs about 1 KiB of libevent's memory: below
 * 4 KiB a copy is cheaper.  Not counted against output_max.
 *
 * @return 0 or one of the above.
 */
EVCHAT_EXPORT int evchat_push_ref(struct evchat *ch, const void *bytes,
    size_t len, evchat_cleanup_cb cleanup, void *ctx);

/**
 * Send what is in `bytes`; it is moved, not copied, and the evbuffer itself
 * stays the caller's.  When the call fails the bytes stay in it.  Not counted
 * against output_max.  It must not hold file segments.
 *
 * @return also EVCHAT_ERR_EVENT when libevent would not move them.
 */
EVCHAT_EXPORT int evchat_push_buffer(struct evchat *ch, struct evbuffer *bytes);

/**
 * Send part of a regular file: evchat_producer_file() and
 * evchat_push_producer().  The descriptor is taken and closed in every case.
 * From 16 KiB on a socket that evchat has opened is given the file itself, by
 * sendfile(): what is changed in it before the peer has it may reach the peer
 * changed.
 *
 * @return 0 or one of the above; EVCHAT_ERR_INVALID also as in
 *         evchat_producer_file().
 */
EVCHAT_EXPORT int evchat_push_file(
    struct evchat *ch, int fd, uint64_t offset, uint64_t len);

/**
 * Send what a producer makes; it is asked when nothing pushed before it is left
 * for another producer to make, and there is room (S40).  What is pushed from
 * inside the producer goes behind it.  If it fails, the channel ends with
 * EVCHAT_REASON_PRODUCER and a reset, as with bytes unsent.
 *
 * @return also EVCHAT_ERR_INVALID without a `more`, or with a reserved word
 *         that is not zero.
 */
EVCHAT_EXPORT int evchat_push_producer(
    struct evchat *ch, struct evchat_producer producer);

/**
 * A producer that said EVCHAT_LATER has something: ask it again, from the
 * loop.  A wake that comes too early is remembered.
 *
 * @return 0, EVCHAT_ERR_INVALID or EVCHAT_ERR_CLOSING (after the end).
 */
EVCHAT_EXPORT int evchat_wake(struct evchat *ch);

/**
 * Drop everything that is not in the kernel yet, producers included.  Part of
 * it may have been sent, so nothing but evchat_close_when_done(), which stays
 * in force if it was called, should follow.
 *
 * @return 0, EVCHAT_ERR_INVALID, EVCHAT_ERR_CLOSING (after the end) or
 *         EVCHAT_ERR_EVENT.
 */
EVCHAT_EXPORT int evchat_discard_output(struct evchat *ch);

/** @} */
/** @name Looking and changing
 * @{ */

/** Bytes that wait to be sent, in evchat and every layer below, files and
 * other producers that said their size included; one that did not counts
 * nothing.  0 for a NULL channel. */
EVCHAT_EXPORT uint64_t evchat_pending(const struct evchat *ch);

/** Does no more than output_high wait?  If not, `room` will tell when to push
 * on.  False for a NULL channel. */
EVCHAT_EXPORT bool evchat_has_room(const struct evchat *ch);

/** In `closed`: how many bytes waited when the channel ended; 0 for a NULL
 * channel. */
EVCHAT_EXPORT uint64_t evchat_unsent(const struct evchat *ch);

/** How many bytes of the frame under way have arrived and been looked at; of
 * one that is being skipped, those before its limit, or 0 once its end is in
 * hand. */
EVCHAT_EXPORT uint64_t evchat_partial(const struct evchat *ch);

/** The errno that EVCHAT_REASON_ERROR came with, the EVUTIL_EAI_* of
 * EVCHAT_REASON_LOOKUP, otherwise 0. */
EVCHAT_EXPORT int evchat_errno(const struct evchat *ch);

/** Fill in the counts, in any state; all zero for a NULL channel. */
EVCHAT_EXPORT void evchat_get_stats(
    const struct evchat *ch, struct evchat_stats *stats);

/**
 * Replace the callbacks, from the next one on.
 * @return 0, EVCHAT_ERR_INVALID or EVCHAT_ERR_CLOSING.
 */
EVCHAT_EXPORT int evchat_set_callbacks(
    struct evchat *ch, const struct evchat_callbacks *callbacks);

/**
 * Replace the limits; NULL brings back the defaults.  A frame deadline counts
 * from the next frame, an idle deadline that was running from the next byte.
 *
 * @return 0, EVCHAT_ERR_INVALID, EVCHAT_ERR_NO_MEMORY or EVCHAT_ERR_CLOSING;
 *         then the old ones stay.
 */
EVCHAT_EXPORT int evchat_set_limits(
    struct evchat *ch, const struct evchat_limits *limits);

/** Replace the pointer that callbacks get. */
EVCHAT_EXPORT void evchat_set_ctx(struct evchat *ch, void *ctx);

/** The pointer that callbacks get; NULL for a NULL channel. */
EVCHAT_EXPORT void *evchat_ctx(const struct evchat *ch);

/**
 * The bufferevent below, to look at: its descriptor, its base.  To rate-limit
 * or filter, build the bufferevent first and give it to evchat_new().  It stays
 * the channel's.  NULL in `closed`, and for a NULL channel.
 */
EVCHAT_EXPORT struct bufferevent *evchat_bufferevent(const struct evchat *ch);

/** @} */

#ifdef __cplusplus
}
#endif

#endif
