/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listening sockets for connectors to go for: one answers, one refuses, and
 * one has so many clients waiting that it does neither.
 */
#ifndef EVCHAT_TEST_TARGET_H
#define EVCHAT_TEST_TARGET_H

#include <evchat/address.h>
#include <evchat/connector.h>
#include <stdint.h>
#include <sys/socket.h>

enum target_kind {
	TARGET_IPV4,
	TARGET_IPV6,
	TARGET_FILE,
	TARGET_ABSTRACT,
	TARGET_KINDS
};

enum target_manner { ANSWERS, REFUSES, FULL };

struct target {
	int fd;
	int waiting; /* the client that fills it, or -1 */
	struct sockaddr_storage at;
	socklen_t len;
	char text[EVCHAT_ADDRESS_SIZE];
	char directory[64]; /* of the socket file, or empty */
};

/* Is there such a thing on this machine? */
bool target_exists(enum target_kind kind);

/* At an address that was free. */
void target_open(
    struct target *t, enum target_kind kind, enum target_manner manner);

/* At 127.0.0.`host`, at the port of another target, so that one name can have
 * both addresses. */
void target_open_beside(struct target *t, const struct target *other,
    unsigned host, enum target_manner manner);

/* The address as a resolver gives it. */
struct evchat_resolved target_resolved(const struct target *t);

/* The port of an IP target. */
uint16_t target_port(const struct target *t);

/* Take the next client; there must be one, or one must be coming.  Returns its
 * descriptor, which does not block. */
int target_accept(struct target *t);

void target_close(struct target *t);

#endif
