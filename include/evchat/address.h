/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file address.h
 * Addresses as text, as listener.h and connector.h take them.
 *
 * | text               | is                                                |
 * | ------------------ | ------------------------------------------------- |
 * | 127.0.0.1:8080     | IPv4                                              |
 * | [2001:db8::1]:8080 | IPv6; a zone may stand inside: [fe80::1%eth0]:80  |
 * | *:8080             | to listen at every address, IPv6 and IPv4         |
 * | unix:/run/x.sock   | a socket in the file system                       |
 * | unix:@name         | an abstract one (Linux)                           |
 * | example.org:8080   | a name, for connector.h with a resolver           |
 *
 * A port is a number, 0 to 65535.  A path begins with a slash, a dot or an
 * at-sign, so "unix:80" is a host called unix.
 */
#ifndef EVCHAT_ADDRESS_H
#define EVCHAT_ADDRESS_H

#include <evchat/error.h>
#include <evchat/export.h>
#include <stddef.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Room for every text that evchat_address_text() makes, its NUL included. */
#define EVCHAT_ADDRESS_SIZE 128

/**
 * Write an address in the form above, and a NUL, into `text`.  May be called
 * anywhere, on any thread.  An IPv4 address inside an
 * IPv6 one, as IPv6 sockets have it, is written as IPv4; a socket of Unix
 * without a name, as a client's is, as "unix:".
 *
 * @return 0; or EVCHAT_ERR_INVALID for another family, an abstract name with a
 *         NUL in it, or when `size` bytes are not enough; then `text` is empty.
 */
EVCHAT_EXPORT int evchat_address_text(
    const struct sockaddr *address, socklen_t len, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
