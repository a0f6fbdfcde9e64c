/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A stream by evchat: a producer that copies its pieces together, references
 * pushed whenever there is room, or a file.
 */
#include "output.h"
#include <evchat/evchat.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

struct stream {
	struct output *output;
	struct event_base *base;
	struct evchat *ch;
	size_t piece; /* of references */
	uint64_t queued;
	bool has_failed, is_complete;
};

typedef int (*begin_cb)(struct stream *s);

static void
note(struct stream *s)
{
	struct evchat_stats stats;

	evchat_get_stats(s->ch, &stats);
	output_note_queued(s->output, s->queued, stats.bytes_out);
}

/* --- A producer. --- */

static enum evchat_more
more(struct evbuffer *out, size_t room, void *ctx)
{
	struct stream *s = ctx;
	size_t len = output_least(room, s->output->bytes - s->queued);
	struct evbuffer_iovec space;

	if (len == 0)
		return EVCHAT_END;
	len = output_least(OUTPUT_PIECE, len);
	if (evbuffer_reserve_space(out, (ev_ssize_t)len, &space, 1) != 1)
		return EVCHAT_FAIL;
	memcpy(space.iov_base, output_pattern(s->queued), len);
	space.iov_len = len;
	if (evbuffer_commit_space(out, &space, 1))
		return EVCHAT_FAIL;
	s->queued += len;
	note(s);
	return EVCHAT_MORE;
}

static int
begin_producer(struct stream *s)
{
	struct evchat_producer pieces = {.more = more, .ctx = s};
	int error = evchat_push_producer(s->ch, pieces);

	evchat_close_when_done(s->ch);
	return error;
}

/* --- References. --- */

static int
push_refs(struct stream *s)
{
	const uint64_t end = s->output->bytes;

	while (s->queued < end && evchat_has_room(s->ch)) {
		const void *bytes = output_pattern(s->queued);
		size_t len = output_least(s->piece, end - s->queued);

		if (evchat_push_ref(s->ch, bytes, len, NULL, NULL))
			return -1;
		s->queued += len;
	}
	note(s);
	if (s->queued == end)
		evchat_close_when_done(s->ch);
	return 0;
}

static void
on_room(struct evchat *ch, void *ctx)
{
	struct stream *s = ctx;

	(void)ch;
	if (push_refs(s) == 0)
		return;
	s->has_failed = true;
	event_base_loopbreak(s->base);
}

/* --- A file. --- */

static int
begin_file(struct stream *s)
{
	int fd = dup(s->output->file);
	int error = fd < 0 || evchat_push_file(s->ch, fd, 0, s->output->bytes);

	evchat_close_when_done(s->ch);
	return error;
}

/* --- Each of them. --- */

static void
on_closed(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	struct stream *s = ctx;

	(void)ch;
	s->ch = NULL;
	s->is_complete = reason == EVCHAT_REASON_DONE;
}

static int
run(struct stream *s, begin_cb begin)
{
	static const struct evchat_callbacks callbacks = {
	    .room = on_room, .closed = on_closed};

	s->base = event_base_new();
	if (!s->base)
		return -1;
	s->ch = evchat_open(
	    s->base, s->output->fd, EVCHAT_OPEN_KEEP_FD, &callbacks, s);
	s->has_failed = !s->ch || begin(s) || event_base_dispatch(s->base) < 0;
	evchat_free(s->ch);
	event_base_loop(s->base, EVLOOP_NONBLOCK);
	event_base_free(s->base);
	return s->is_complete && !s->has_failed ? 0 : -1;
}

int
output_evchat_producer(struct output *output)
{
	struct stream s = {.output = output};

	return run(&s, begin_producer);
}

int
output_evchat_ref(struct output *output)
{
	struct stream s = {.output = output, .piece = OUTPUT_PIECE};

	return run(&s, push_refs);
}

int
output_evchat_large_ref(struct output *output)
{
	struct stream s = {.output = output, .piece = OUTPUT_LARGE_PIECE};

	return run(&s, push_refs);
}

int
output_evchat_file(struct output *output)
{
	struct stream s = {.output = output};

	return run(&s, begin_file);
}
