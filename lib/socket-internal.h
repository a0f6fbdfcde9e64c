/* SPDX-License-Identifier: BSD-3-Clause */
/* What a socket gives and takes at once. */
#ifndef EVCHAT_SOCKET_INTERNAL_H
#define EVCHAT_SOCKET_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct evbuffer;

/*
 * All of these return how many bytes went, or -1 with errno, EAGAIN when there
 * is nothing to be had at the moment; none waits, none is interrupted, and none
 * but the last two raises SIGPIPE.
 */

/* 0 is the peer's end. */
ssize_t evchat_socket_receive_(int fd, void *bytes, size_t len);

/* `more` says that more is about to follow. */
ssize_t evchat_socket_send_(int fd, const void *bytes, size_t len, bool more);

/* What goes is drained from the evbuffer; no more than about `most`.  There is
 * something in it, and no file segment: nothing tells one from bytes. */
ssize_t evchat_socket_send_buffer_(
    int fd, struct evbuffer *bytes, size_t most, bool more);

/* The same of an evbuffer that may have file segments: libevent sends it. */
ssize_t evchat_socket_write_buffer_(
    int fd, struct evbuffer *bytes, size_t most);

/* A part of a file; 0 is where the file ends.  ENOSYS where there is no way to
 * send this one so. */
ssize_t evchat_socket_send_file_(
    int fd, int file, uint64_t offset, uint64_t len);

#endif
