/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file connector.h
 * Connect, and get a channel: at once, before the connection is there.
 *
 * Until then the channel takes pushes, which are sent in order once it is
 * connected, and terminators, limits and everything else but evchat_detach()
 * (EVCHAT_ERR_BUSY).  What becomes of it comes from the loop: `connected`, or
 * `closed` without it.  evchat_free() cancels at any time; so does
 * evchat_close_when_done() if nothing was pushed.
 *
 * Both functions may be called from every callback.
 */
#ifndef EVCHAT_CONNECTOR_H
#define EVCHAT_CONNECTOR_H

#include <evchat/address.h>
#include <evchat/channel.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How many addresses of a name are tried, at most. */
#define EVCHAT_RESOLVED_MAX 64

/** An address that a name has. */
struct evchat_resolved {
	const struct sockaddr *address; /**< IPv4 or IPv6 */
	socklen_t len;                  /**< of the address, in bytes */
};

/**
 * The answer of a resolver: `n` addresses, the best first, borrowed until this
 * returns; or none and an error, one of evutil_getaddrinfo()'s EVUTIL_EAI_*.
 * The first EVCHAT_RESOLVED_MAX are tried; the port in them does not matter.
 */
typedef void (*evchat_resolved_cb)(
    int error, const struct evchat_resolved *addresses, size_t n, void *query);

/**
 * What finds the addresses of a name, a value; evchat_dns() makes one of an
 * evdns_base.  It never blocks.
 */
struct evchat_resolver {
	/**
	 * Look a name up and call `resolved` with `query` exactly once, from
	 * the loop or before this returns; never after `cancel`.
	 *
	 * @return what `cancel` is to get; NULL if `resolved` was called.
	 */
	void *(*resolve)(const char *name, evchat_resolved_cb resolved,
	    void *query, void *ctx);
	/** Forget the look-up that `resolve` returned; an answer from inside is
	 * not heard. */
	void (*cancel)(void *lookup, void *ctx);
	void *ctx; /**< what both functions get */
	/** Must be zero. */
	uintptr_t reserved[2];
};

/** How to connect; all zeros is a good value but for the callbacks.  Copied. */
struct evchat_connect_options {
	/** What the channel starts with. */
	struct evchat_channel_options channel;
	/** How long to try each address, in ms: 10,000. */
	unsigned attempt_ms;
	/** How long to try in all, the look-up included, in ms: 30,000. */
	unsigned connect_ms;
	/** Must be zero. */
	uintptr_t reserved[4];
};

/**
 * Connect to an address of address.h.  The addresses of a name are tried one
 * after the other until one answers; without a resolver, which may be NULL, a
 * name is an error, as a look-up would block.  The resolver is copied.
 *
 * If it comes to nothing the channel ends with EVCHAT_REASON_ERROR and the
 * errno of the last attempt, EVCHAT_REASON_TIMEOUT_CONNECT, or
 * EVCHAT_REASON_LOOKUP and an EVUTIL_EAI_* in evchat_errno().  What has
 * connected while the loop stood still is connected, however late that is seen.
 *
 * @return the channel; or NULL with errno EINVAL (a NULL argument, a text that
 *         is no address, port 0 or "*", a value that is not valid),
 *         EDESTADDRREQ (a name and no resolver), ENOMEM or EIO.
 */
EVCHAT_EXPORT struct evchat *evchat_connect(struct event_base *base,
    const struct evchat_resolver *resolver, const char *address,
    const struct evchat_connect_options *options, void *ctx);

/** evchat_connect() to an address of the system's form, which is copied.
 * @return as evchat_connect(); EINVAL also for a family that address.h has no
 * form for. */
EVCHAT_EXPORT struct evchat *evchat_connect_sockaddr(struct event_base *base,
    const struct sockaddr *address, socklen_t len,
    const struct evchat_connect_options *options, void *ctx);

#ifdef __cplusplus
}
#endif

#endif
