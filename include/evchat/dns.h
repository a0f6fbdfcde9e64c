/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file dns.h
 * libevent's own resolver for evchat_connect().
 *
 * A library of its own, evchat::dns or evchat_dns.pc, as it needs
 * libevent_extra; evchat.h does not include this page.  It takes a few bytes
 * for each look-up from malloc(), whatever evchat_set_allocator() was told.
 *
 * libevent 2.1.12's evdns does not survive a want of memory; where that must be
 * survived, use another resolver.
 */
#ifndef EVCHAT_DNS_H
#define EVCHAT_DNS_H

#include <evchat/connector.h>
#include <evchat/export.h>

#ifdef __cplusplus
extern "C" {
#endif

struct evdns_base;

/**
 * A resolver that asks this evdns_base, for IPv6 and IPv4 addresses that this
 * machine has a use for.  The evdns_base must outlive every look-up.  A value,
 * which needs no end; may be made in every callback.
 */
EVCHAT_EXPORT struct evchat_resolver evchat_dns(struct evdns_base *dns);

#ifdef __cplusplus
}
#endif

#endif
