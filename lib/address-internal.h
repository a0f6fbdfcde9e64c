/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses as text, taken apart.  Pure. */
#ifndef EVCHAT_ADDRESS_INTERNAL_H
#define EVCHAT_ADDRESS_INTERNAL_H

#include <evchat/address.h>
#include <stdbool.h>
#include <stdint.h>

/* The longest name that DNS has, and its NUL (RFC 1035 2.3.4). */
#define EVCHAT_NAME_SIZE 256

/* What a text means: an address of the system's, or a name and a port. */
struct evchat_address {
	struct sockaddr_storage at;
	socklen_t len; /* 0: only a name */
	bool any;      /* "*": IPv6 and IPv4 */
	char name[EVCHAT_NAME_SIZE];
	uint16_t port;
};

/* 0 or EVCHAT_ERR_INVALID. */
int evchat_address_parse_(struct evchat_address *address, const char *text);

/* Take over an address of the system's form: 0, or EVCHAT_ERR_INVALID if it is
 * none of IPv4, IPv6 or Unix. */
int evchat_address_copy_(
    struct evchat_address *address, const struct sockaddr *from, socklen_t len);

/* The port of an IP address in the system's form; set it; no port is 0. */
uint16_t evchat_address_port_(const struct sockaddr_storage *at);
void evchat_address_set_port_(struct sockaddr_storage *at, uint16_t port);

#endif
