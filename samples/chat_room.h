/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who is in which room of chat_server.c, and what is said there.  A room is a
 * group of channels with a name; it lives while somebody is in it.  What fails
 * for want of memory returns non-zero.
 */
#ifndef CHAT_ROOM_H
#define CHAT_ROOM_H

#include <evchat/evchat.h>
#include <stdbool.h>
#include <stdint.h>

#define CHAT_NAME_MAX 16
#define CHAT_LINE_MAX 512

struct chat_room;

struct chat {
	struct event_base *base;
	struct evchat_listener *listener;
	struct evchat_group *everybody; /* the ctx of each is its member */
	struct chat_room *rooms;
	unsigned guests; /* how many have come */
	uint64_t lost;   /* lines that somebody did not get, and is not told */
	bool ending;     /* nobody hears any more who leaves */
};

struct chat_member {
	struct chat *chat;
	struct evchat *ch;
	struct chat_room *room; /* NULL on the way in and out */
	uint64_t missed;        /* lines that did not go to him */
	char nick[CHAT_NAME_MAX + 1];
};

/* What somebody or a room may be called. */
bool chat_is_name(const char *name);

/* Is somebody called so, in small or capital letters? */
bool chat_is_taken(struct chat *chat, const char *nick);

/* Go into this room, which is made if need be, out of the one before. */
int chat_enter(struct chat_member *member, const char *name);

/* Go out of the room, if in any. */
void chat_leave(struct chat_member *member);

/* Tell a whole line to everybody in the member's room but himself. */
void chat_say(struct chat_member *member, const char *format, ...)
    EVCHAT_PRINTF(2, 3);

/* Send the member the names of those in his room. */
int chat_list(struct chat_member *member);

#endif
