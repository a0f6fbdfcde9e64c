/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A stream by system calls alone: as much as the kernel takes, then poll()
 * until it takes more.  What nothing above it can beat.
 */
#include "output.h"
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

static int
await(int fd, short events)
{
	struct pollfd at = {.fd = fd, .events = events};

	return poll(&at, 1, -1) == 1 ? 0 : -1;
}

/* Send FIN and wait for the peer's. */
static int
finish(const struct output *output)
{
	char byte;

	if (shutdown(output->fd, SHUT_WR) || await(output->fd, POLLIN))
		return -1;
	return read(output->fd, &byte, 1) == 0 ? 0 : -1;
}

/* How many bytes the kernel took, which may be none; -1 with errno. */
static ssize_t
taken(const struct output *output, ssize_t result)
{
	if (result >= 0 || errno != EAGAIN)
		return result;
	return await(output->fd, POLLOUT);
}

int
output_raw_write(struct output *output)
{
	uint64_t sent = 0;

	output->queued_peak = OUTPUT_PIECE;
	while (sent < output->bytes) {
		ssize_t n = taken(output,
		    write(output->fd, output_pattern(sent),
			output_least(OUTPUT_PIECE, output->bytes - sent)));

		if (n < 0)
			return -1;
		sent += (uint64_t)n;
	}
	return finish(output);
}

static int
write_all(const struct output *output, const uint8_t *bytes, size_t len)
{
	while (len) {
		ssize_t n = taken(output, write(output->fd, bytes, len));

		if (n < 0)
			return -1;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

int
output_raw_copy(struct output *output)
{
	static uint8_t piece[OUTPUT_PIECE];
	size_t len;

	output->queued_peak = sizeof piece;
	for (uint64_t made = 0; made < output->bytes; made += len) {
		len = output_least(sizeof piece, output->bytes - made);
		memcpy(piece, output_pattern(made), len);
		if (write_all(output, piece, len))
			return -1;
	}
	return finish(output);
}

int
output_raw_sendfile(struct output *output)
{
	off_t at = 0;

	while ((uint64_t)at < output->bytes) {
		size_t left = (size_t)(output->bytes - (uint64_t)at);

		if (taken(output,
			sendfile(output->fd, output->file, &at, left)) < 0)
			return -1;
	}
	return finish(output);
}
