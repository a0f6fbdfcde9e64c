/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Producers that play a script.  What they add lies in chains of its own,
 * which libevent moves and never joins, so that `|` means something.
 */
#include "support/made.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Bytes, or 'x' where there are none. */
static bool
fill(struct evbuffer *run, const char *bytes, size_t len)
{
	struct evbuffer_iovec space;

	if (evbuffer_reserve_space(run, (ev_ssize_t)len, &space, 1) != 1)
		return false;
	if (bytes)
		memcpy(space.iov_base, bytes, len);
	else
		memset(space.iov_base, 'x', len);
	space.iov_len = len;
	return evbuffer_commit_space(run, &space, 1) == 0;
}

static void
add(struct made *made, struct evbuffer *out, const char *bytes, size_t len)
{
	struct evbuffer *run;

	if (!len || made->starved)
		return;
	run = evbuffer_new();
	if (run && fill(run, bytes, len) && !evbuffer_add_buffer(out, run))
		made->bytes += len;
	else
		made->starved = true;
	if (run)
		evbuffer_free(run);
}

static void
add_many(struct made *made, struct evbuffer *out)
{
	char *end;
	size_t len = strtoul(made->script, &end, 10);

	ck_assert_int_eq(*end, '>');
	made->script = end + 1;
	add(made, out, NULL, len);
}

static void
add_some(struct made *made, struct evbuffer *out)
{
	size_t len = strcspn(made->script, "+~.!?<=|* ");

	add(made, out, made->script, len);
	made->script += len;
}

/* Up to the next answer, which is returned. */
static char
play(struct made *made, struct evbuffer *out, size_t room)
{
	for (;;) {
		add_some(made, out);
		ck_assert_msg(*made->script, "asked behind its end");
		switch (*made->script++) {
		case '<':
			add_many(made, out);
			break;
		case '=':
			add(made, out, NULL, room);
			break;
		case '*':
			made->aside(made, out);
			break;
		case ' ':
		case '|':
			break;
		default:
			return made->script[-1];
		}
	}
}

static enum evchat_more
answer_for(char mark)
{
	switch (mark) {
	case '+':
		return EVCHAT_MORE;
	case '~':
		return EVCHAT_LATER;
	case '.':
		return EVCHAT_END;
	case '!':
		return EVCHAT_FAIL;
	default:
		return (enum evchat_more)77;
	}
}

static enum evchat_more
more_made(struct evbuffer *out, size_t room, void *ctx)
{
	struct made *made = ctx;
	char mark;

	ck_assert_msg(!made->asking, "asked while it is being asked");
	ck_assert_msg(!made->released, "asked after its release");
	made->asking = true;
	if (made->asked < MADE_ROOMS)
		made->room[made->asked] = room;
	made->asked++;
	mark = play(made, out, room);
	made->asking = false;
	return made->starved ? EVCHAT_FAIL : answer_for(mark);
}

static void
release_made(void *ctx)
{
	struct made *made = ctx;

	ck_assert_msg(!made->asking, "released while it is being asked");
	made->released++;
}

struct evchat_producer
made_from(struct made *made, const char *script)
{
	*made = (struct made){.script = script};
	return (struct evchat_producer){
	    .more = more_made, .release = release_made, .ctx = made};
}
