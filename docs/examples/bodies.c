/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bodies of known and of unknown length: bodies 127.0.0.1:7777
 *
 *	PUT n, n bytes		kept, as one frame
 *	GET			sent back
 *	SUM n, n bytes		added up as they come, and not kept
 *	CHUNKS, chunks		the same, in HTTP's chunked coding
 */
#include "serve.h"
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 64, PUT_MAX = 1 << 20 };
#define SUM_MAX (UINT64_C(1) << 40)

/* [states] What comes next, in the order of the wire. */
enum awaited {
	AWAIT_COMMAND,
	AWAIT_PUT,
	AWAIT_SUM,
	AWAIT_CHUNK_SIZE,
	AWAIT_CHUNK_DATA,
	AWAIT_CHUNK_END,
	AWAIT_LAST_LINE
};

struct client {
	struct evchat *ch;
	enum awaited awaited;
	char *kept;
	size_t kept_len;
	uint64_t received, sum; /* of the body that is coming */
};

static int await(struct client *client, enum awaited what, uint64_t len)
{
	struct evchat_terminator t = EVCHAT_LIT("\r\n");

	t.max_frame = LINE_MAX_BYTES;
	if (what == AWAIT_PUT) {
		t = evchat_count(len);
		t.max_frame = PUT_MAX; /* whole, so it must fit in memory */
	} else if (what == AWAIT_SUM || what == AWAIT_CHUNK_DATA) {
		t = evchat_count(len);
		t.streamed = true; /* in pieces: costs none */
	}
	client->awaited = what;
	return evchat_set_terminator(client->ch, t);
}
/* [end] */

static void on_closed(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	struct client *client = ctx;

	free(client->kept);
	free(client);
}

static void drop(struct client *client)
{
	evchat_free(client->ch);
	on_closed(NULL, EVCHAT_REASON_ERROR, client);
}

/* Not a number, or larger than `max`: the rest of the stream makes no sense
 * then, as nobody knows where it goes on. */
static int refuse(struct client *client)
{
	int error = evchat_pushf(client->ch, "no\r\n");

	evchat_close_when_done(client->ch);
	return error;
}

/* [number] Digits and nothing else.  strtoull() takes signs and spaces. */
static int parse(const char *digits, unsigned base, uint64_t max, uint64_t *n)
{
	static const char all[] = "0123456789abcdef";

	*n = 0;
	if (!*digits)
		return -1;
	for (; *digits; digits++) {
		const char *digit =
		    strchr(all, tolower((unsigned char)*digits));

		if (!digit || digit - all >= (int)base)
			return -1;
		*n = *n * base + (uint64_t)(digit - all);
		if (*n > max)
			return -1;
	}
	return 0;
}
/* [end] */

static int begin(struct client *client, enum awaited what, uint64_t len)
{
	client->received = client->sum = 0;
	return await(client, what, len);
}

/* [command] */
static int take_command(struct client *client, const char *line)
{
	uint64_t len;

	if (strncmp(line, "PUT ", 4) == 0) {
		if (parse(line + 4, 10, PUT_MAX, &len))
			return refuse(client);
		return await(client, AWAIT_PUT, len);
	}
	if (strncmp(line, "SUM ", 4) == 0) {
		if (parse(line + 4, 10, SUM_MAX, &len))
			return refuse(client);
		return begin(client, AWAIT_SUM, len);
	}
	if (strcmp(line, "CHUNKS") == 0)
		return begin(client, AWAIT_CHUNK_SIZE, 0);
	if (strcmp(line, "GET") != 0)
		return refuse(client);
	return evchat_pushf(client->ch, "%zu\r\n", client->kept_len) ||
	       evchat_push(client->ch, client->kept, client->kept_len);
}
/* [end] */

static int keep(struct client *client, const void *bytes, size_t len)
{
	char *copy = malloc(len + 1);

	if (!copy)
		return -1;
	memcpy(copy, bytes, len);
	free(client->kept);
	client->kept = copy;
	client->kept_len = len;
	return evchat_pushf(client->ch, "kept\r\n") ||
	       await(client, AWAIT_COMMAND, 0);
}

static int tell_sum(struct client *client)
{
	return evchat_pushf(client->ch,
		   "%" PRIu64 " bytes, sum %" PRIu64 "\r\n", client->received,
		   client->sum) ||
	       await(client, AWAIT_COMMAND, 0);
}

/* [chunks] The size of a chunk, its bytes, a line end; the last one has none,
 * and an empty line ends it all (RFC 9112 section 7.1). */
static int take_chunk_size(struct client *client, const char *line)
{
	uint64_t len;

	if (parse(line, 16, SUM_MAX - client->received, &len))
		return refuse(client);
	return await(client, len ? AWAIT_CHUNK_DATA : AWAIT_LAST_LINE, len);
}

static int take_line(struct client *client, const char *line)
{
	switch (client->awaited) {
	case AWAIT_CHUNK_SIZE:
		return take_chunk_size(client, line);
	case AWAIT_CHUNK_END:
		return *line ? refuse(client)
			     : await(client, AWAIT_CHUNK_SIZE, 0);
	case AWAIT_LAST_LINE:
		return *line ? refuse(client) : tell_sum(client);
	default:
		return take_command(client, line);
	}
}
/* [end] */

/* [frames] A whole frame: a line, or the body of PUT. */
static void on_frame(
    struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	struct client *client = ctx;
	char line[LINE_MAX_BYTES + 1];
	int error;

	if (client->awaited == AWAIT_PUT) {
		error = keep(client, bytes, len);
	} else {
		memcpy(line, bytes, len);
		line[len] = '\0';
		error = memchr(bytes, '\0', len) ? refuse(client)
						 : take_line(client, line);
	}
	if (error)
		drop(client);
}

/* A piece of a body that is streamed, of any size but none. */
static void on_piece(
    struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	struct client *client = ctx;
	const unsigned char *byte = bytes;

	client->received += len;
	for (size_t i = 0; i < len; i++)
		client->sum += byte[i];
}

/* The last piece has come. */
static void on_found(struct evchat *ch, void *ctx)
{
	struct client *client = ctx;
	int error = client->awaited == AWAIT_SUM
			? tell_sum(client)
			: await(client, AWAIT_CHUNK_END, 0);

	if (error)
		drop(client);
}
/* [end] */

static void on_accepted(
    struct evchat *ch, const struct sockaddr *peer, socklen_t len, void *ctx)
{
	struct client *client = calloc(1, sizeof *client);

	if (!client) {
		evchat_free(ch);
		return;
	}
	client->ch = ch;
	evchat_set_ctx(ch, client);
	if (await(client, AWAIT_COMMAND, 0))
		drop(client);
}

int main(int argc, char **argv)
{
	const struct evchat_listener_options options = {.accepted = on_accepted,
	    .channel.callbacks = {.frame = on_frame,
		.collect = on_piece,
		.found = on_found,
		.closed = on_closed}};

	return serve(argc > 1 ? argv[1] : "127.0.0.1:7777", &options);
}
