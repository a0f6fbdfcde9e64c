/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A chat of the sample chat server, its own code but for the listener.
 */
#include "support/chat_stage.h"
#include "../samples/chat_member.h"
#include <event2/buffer.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct chat chat;
static struct replay_application application;
static int listener; /* guest1's own end */

static int
open_guest1(void)
{
	const struct evchat_channel_options *o = &application.channel;
	struct evchat *ch;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) ||
	    fcntl(ends[1], F_SETFL, O_NONBLOCK))
		return -1;
	listener = ends[1];
	ch = evchat_open(chat.base, ends[0], 0, &o->callbacks, &chat);
	if (!ch || evchat_set_limits(ch, &o->limits) ||
	    evchat_set_terminator(ch, o->terminator) ||
	    evchat_group_add(o->group, ch))
		return -1;
	chat_accept(ch, NULL, 0, &chat);
	return 0;
}

static int
begin(struct event_base *base, void *ctx)
{
	(void)ctx;
	memset(&chat, 0, sizeof chat);
	chat.base = base;
	chat.everybody = evchat_group_new(base);
	application.channel = chat_channel(&chat);
	return chat.everybody ? open_guest1() : -1;
}

static void
drop(struct evchat *ch, void *ctx)
{
	(void)ctx;
	chat_drop(evchat_ctx(ch));
}

static void
end(void *ctx)
{
	chat.ending = true;
	evchat_group_for_each(chat.everybody, drop, ctx);
	evchat_group_free(chat.everybody);
	close(listener);
}

static void
tell(struct evbuffer *out, void *ctx)
{
	(void)ctx;
	while (evbuffer_read(out, listener, -1) > 0)
		continue;
}

static void
accept_guest2(struct evchat *ch, void *ctx)
{
	chat_accept(ch, NULL, 0, ctx);
}

/* Or guest1 has gone: memory may have been lacking for him. */
static bool
has_lost_lines(void *ctx)
{
	(void)ctx;
	return chat.lost > 0 || !chat_is_taken(&chat, "guest1");
}

struct replay_application *
chat_stage(void)
{
	application = (struct replay_application){
	    .channel = chat_channel(&chat),
	    .ctx = &chat,
	    .begin = begin,
	    .end = end,
	    .opened = accept_guest2,
	    .drop = drop,
	    .tell = tell,
	    .complained = has_lost_lines,
	    .libevent_too = true,
	};
	return &application;
}
