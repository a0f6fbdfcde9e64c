/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file listener.h
 * A listener accepts connections and makes a channel of each.
 *
 * When descriptors or memory run out (EMFILE, ENFILE, ENOBUFS, ENOMEM) it
 * neither spins nor closes (S58): it pauses until one of its channels goes, and
 * looks again after 10 to 100 ms by itself, as others may have given something
 * back.  Clients wait in the backlog meanwhile; only one that was accepted
 * and found no memory for its channel is dropped, and `failed` is told.
 *
 * A listener belongs to one event_base, which must outlive it and its channels,
 * and to one thread.  Every function may be called from every callback.  NULL
 * is EVCHAT_ERR_INVALID, or zero where a function counts.
 */
#ifndef EVCHAT_LISTENER_H
#define EVCHAT_LISTENER_H

#include <evchat/address.h>
#include <evchat/channel.h>
#include <evchat/group.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A listener. */
struct evchat_listener;

/**
 * A connection was accepted; `ch` is set up and in its group, and its context
 * is the listener's.  Give it one of its own with evchat_set_ctx(), before
 * anybody walks the group; greet with evchat_push(); to refuse it,
 * evchat_free() it, or push a word and evchat_close_when_done().  `peer` is
 * borrowed until this returns; evchat_address_text() writes it out.
 */
typedef void (*evchat_accepted_cb)(
    struct evchat *ch, const struct sockaddr *peer, socklen_t len, void *ctx);

/** Accepting failed with this errno, and pauses. */
typedef void (*evchat_accept_error_cb)(
    struct evchat_listener *listener, int error, void *ctx);

/** What a listener is to do; all zeros is a good value but for the callbacks.
 * Copied deeply. */
struct evchat_listener_options {
	/** What every channel starts with. */
	struct evchat_channel_options channel;
	/** Called for each new channel; may be NULL. */
	evchat_accepted_cb accepted;
	/** Called each time that accepting pauses for want of something; may
	 * be NULL. */
	evchat_accept_error_cb failed;
	/** Accept nobody while this many of its channels live; 0 is no limit.
	 */
	unsigned max_channels;
	/** How many clients may wait to be accepted; 0 is SOMAXCONN. */
	int backlog;
	/** Let other sockets, of other threads or processes, listen at the same
	 * address, and share its clients (SO_REUSEPORT). */
	bool reuse_port;
	/** Must be zero. */
	uintptr_t reserved[4];
};

/**
 * Listen at an address of address.h.  With port 0 any free one is taken;
 * evchat_listener_address() tells which.  "*" takes IPv6 and IPv4, or IPv4
 * alone where there is no IPv6; "[::]" takes IPv6 only.  A socket file that
 * nobody listens at any more is replaced; when the listener stops, its own file
 * goes.
 *
 * `ctx` is what the callbacks get, until evchat_set_ctx().
 *
 * @return the listener; or NULL with errno EINVAL (a NULL argument, a text that
 *         is no address, a value that is not valid), EDESTADDRREQ (a name),
 *         ENOMEM, EIO, or what socket(2), bind(2) and listen(2) say, such as
 *         EADDRINUSE and EACCES.
 */
EVCHAT_EXPORT struct evchat_listener *evchat_listen(struct event_base *base,
    const char *address, const struct evchat_listener_options *options,
    void *ctx);

/** evchat_listen() at an address of the system's form, which is copied.
 * @return as evchat_listen(); EINVAL also for a family that address.h has no
 * form for. */
EVCHAT_EXPORT struct evchat_listener *evchat_listen_sockaddr(
    struct event_base *base, const struct sockaddr *address, socklen_t len,
    const struct evchat_listener_options *options, void *ctx);

/**
 * evchat_listen() on a socket that is bound already, such as one that came from
 * a parent process.  It is the listener's from now on and closed when that
 * stops; on failure it stays the caller's.  `reuse_port` has no meaning.
 *
 * @return the listener; or NULL with errno EINVAL (a NULL argument, a value
 *         that is not valid), ENOMEM, EIO, or what listen(2) says.
 */
EVCHAT_EXPORT struct evchat_listener *evchat_listen_fd(struct event_base *base,
    int fd, const struct evchat_listener_options *options, void *ctx);

/** Accept nobody until evchat_listener_resume(); clients wait in the backlog.
 * @return 0 or EVCHAT_ERR_INVALID; EVCHAT_ERR_CLOSING after the stop. */
EVCHAT_EXPORT int evchat_listener_pause(struct evchat_listener *listener);

/** Undo evchat_listener_pause().
 * @return as evchat_listener_pause(). */
EVCHAT_EXPORT int evchat_listener_resume(struct evchat_listener *listener);

/** Close the socket: nobody is accepted any more, and clients that waited are
 * refused.  The channels live on. */
EVCHAT_EXPORT void evchat_listener_stop(struct evchat_listener *listener);

/** Stop, if that was not done, and forget the listener.  The channels live on.
 * NULL does nothing. */
EVCHAT_EXPORT void evchat_listener_free(struct evchat_listener *listener);

/** How many of the channels it made live; one that was detached is none. */
EVCHAT_EXPORT size_t evchat_listener_count(
    const struct evchat_listener *listener);

/**
 * Where it listens, in the form of address.h, with the port that was taken;
 * fit for evchat_connect().
 *
 * @return 0; EVCHAT_ERR_INVALID when `size` is not enough; EVCHAT_ERR_CLOSING
 *         after the stop; EVCHAT_ERR_EVENT when the system does not say.
 */
EVCHAT_EXPORT int evchat_listener_address(
    const struct evchat_listener *listener, char *text, size_t size);

/** Its descriptor, to look at; -1 after the stop, and for NULL. */
EVCHAT_EXPORT int evchat_listener_fd(const struct evchat_listener *listener);

#ifdef __cplusplus
}
#endif

#endif
