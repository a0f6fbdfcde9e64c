/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a socket gives and takes at once: the system calls of the fast path,
 * each tried until a signal no longer interrupts it.
 */
#include "socket-internal.h"
#include <errno.h>
#include <event2/buffer.h>
#include <sys/socket.h>
#include <sys/uio.h>
#if defined(__linux__)
#include <sys/sendfile.h>
#endif

/* Runs of an evbuffer that go with one call. */
enum { RUNS = 16 };

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif
#ifndef MSG_MORE
#define MSG_MORE 0
#endif

static int
flags_for(bool more)
{
	return MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0);
}

/* Some systems call it so. */
static ssize_t
normal(ssize_t result)
{
	if (result < 0 && errno == EWOULDBLOCK)
		errno = EAGAIN;
	return result;
}

ssize_t
evchat_socket_receive_(int fd, void *bytes, size_t len)
{
	ssize_t got;

	do
		got = recv(fd, bytes, len, MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	return normal(got);
}

ssize_t
evchat_socket_send_(int fd, const void *bytes, size_t len, bool more)
{
	ssize_t sent;

	do
		sent = send(fd, bytes, len, flags_for(more));
	while (sent < 0 && errno == EINTR);
	return normal(sent);
}

/* The first runs, up to about `most` bytes; how many they are. */
static size_t
find_runs(struct evbuffer *bytes, size_t most, struct iovec *runs)
{
	struct evbuffer_iovec found[RUNS];
	int n = evbuffer_peek(bytes, (ev_ssize_t)most, NULL, found, RUNS);
	int i;

	for (i = 0; i < n && i < RUNS; i++)
		runs[i] = (struct iovec){found[i].iov_base, found[i].iov_len};
	return (size_t)i;
}

ssize_t
evchat_socket_send_buffer_(
    int fd, struct evbuffer *bytes, size_t most, bool more)
{
	struct iovec runs[RUNS];
	struct msghdr message = {.msg_iov = runs};
	ssize_t sent;

	message.msg_iovlen = find_runs(bytes, most, runs);
	do
		sent = sendmsg(fd, &message, flags_for(more));
	while (sent < 0 && errno == EINTR);
	/* Cannot fail: nobody freezes a buffer of evchat's own. */
	if (sent > 0)
		(void)evbuffer_drain(bytes, (size_t)sent);
	return normal(sent);
}

ssize_t
evchat_socket_write_buffer_(int fd, struct evbuffer *bytes, size_t most)
{
	ssize_t sent;

	do
		sent = evbuffer_write_atmost(bytes, fd, (ev_ssize_t)most);
	while (sent < 0 && errno == EINTR);
	/* So libevent has it of a segment that does not go, or is too short. */
	if (sent == 0) {
		errno = EAGAIN;
		return -1;
	}
	return normal(sent);
}

#if defined(__linux__)
ssize_t
evchat_socket_send_file_(int fd, int file, uint64_t offset, uint64_t len)
{
	/* No call sends more than this (sendfile(2)). */
	const uint64_t most = 0x7ffff000;
	off_t at = (off_t)offset;
	ssize_t sent;

	do
		sent =
		    sendfile(fd, file, &at, (size_t)(len < most ? len : most));
	while (sent < 0 && errno == EINTR);
	/* This file system cannot. */
	if (sent < 0 && errno == EINVAL)
		errno = ENOSYS;
	return normal(sent);
}
#else
ssize_t
evchat_socket_send_file_(int fd, int file, uint64_t offset, uint64_t len)
{
	(void)fd, (void)file, (void)offset, (void)len;
	errno = ENOSYS;
	return -1;
}
#endif
