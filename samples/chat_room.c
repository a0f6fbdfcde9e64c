/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rooms and names.  Both are looked for one by one, which is good enough for
 * some thousand members.
 */
#include "chat_room.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct chat_room {
	struct chat_room *next;
	struct evchat_group *group;
	char name[CHAT_NAME_MAX + 1];
};

bool chat_is_name(const char *name)
{
	size_t len = strspn(name, "-_0123456789abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

	return len && len <= CHAT_NAME_MAX && !name[len];
}

struct search {
	const char *nick;
	bool found;
};

static void compare_nick(struct evchat *ch, void *ctx)
{
	const struct chat_member *member = evchat_ctx(ch);
	struct search *search = ctx;

	search->found |= strcasecmp(member->nick, search->nick) == 0;
}

bool chat_is_taken(struct chat *chat, const char *nick)
{
	struct search search = {.nick = nick};

	evchat_group_for_each(chat->everybody, compare_nick, &search);
	return search.found;
}

/* --- What is said. --- */

struct skipping {
	const struct evchat *speaker;
	int n;
};

/* Whoever has no room now is going to be skipped. */
static void count_missed(struct evchat *ch, void *ctx)
{
	struct chat_member *member = evchat_ctx(ch);
	struct skipping *skipping = ctx;

	if (ch == skipping->speaker || evchat_has_room(ch))
		return;
	member->missed++;
	skipping->n++;
}

void chat_say(struct chat_member *member, const char *format, ...)
{
	struct skipping skipping = {.speaker = member->ch};
	struct evchat_group *group;
	char line[CHAT_LINE_MAX + 128];
	va_list values;
	int len, skipped;

	if (!member->room || member->chat->ending)
		return;
	va_start(values, format);
	len = vsnprintf(line, sizeof line, format, values);
	va_end(values);
	if (len < 0 || (size_t)len >= sizeof line)
		return;
	group = member->room->group;
	evchat_group_for_each(group, count_missed, &skipping);
	skipped = evchat_group_broadcast(group, line, (size_t)len, member->ch);
	/* More than had no room: those lack memory, or are about to end. */
	if (skipped != skipping.n)
		member->chat->lost++;
	if (skipped < 0)
		fputs("chat_server: a line is lost\n", stderr);
}

struct listing {
	struct evchat *to;
	int error;
};

static void list_nick(struct evchat *ch, void *ctx)
{
	const struct chat_member *member = evchat_ctx(ch);
	struct listing *listing = ctx;

	if (!listing->error)
		listing->error = evchat_pushf(listing->to, " %s", member->nick);
}

int chat_list(struct chat_member *member)
{
	struct listing listing = {.to = member->ch};

	listing.error =
	    evchat_pushf(member->ch, "* in %s:", member->room->name);
	evchat_group_for_each(member->room->group, list_nick, &listing);
	return listing.error ? listing.error : evchat_pushf(member->ch, "\n");
}

/* --- Coming and going. --- */

static struct chat_room *make_room(struct chat *chat, const char *name)
{
	struct chat_room *room = calloc(1, sizeof *room);

	if (!room)
		return NULL;
	room->group = evchat_group_new(chat->base);
	if (!room->group) {
		free(room);
		return NULL;
	}
	(void)snprintf(room->name, sizeof room->name, "%s", name);
	room->next = chat->rooms;
	chat->rooms = room;
	return room;
}

static struct chat_room *find_room(struct chat *chat, const char *name)
{
	struct chat_room *room = chat->rooms;

	while (room && strcasecmp(room->name, name) != 0)
		room = room->next;
	return room ? room : make_room(chat, name);
}

static void free_if_empty(struct chat *chat, struct chat_room *room)
{
	struct chat_room **link = &chat->rooms;

	if (evchat_group_count(room->group))
		return;
	while (*link != room)
		link = &(*link)->next;
	*link = room->next;
	evchat_group_free(room->group);
	free(room);
}

void chat_leave(struct chat_member *member)
{
	struct chat_room *room = member->room;

	if (!room)
		return;
	chat_say(member, "* %s left %s\n", member->nick, room->name);
	member->room = NULL;
	evchat_group_remove(room->group, member->ch);
	free_if_empty(member->chat, room);
}

int chat_enter(struct chat_member *member, const char *name)
{
	struct chat_room *room = find_room(member->chat, name);
	int error;

	if (!room)
		return EVCHAT_ERR_NO_MEMORY;
	if (room == member->room)
		return evchat_pushf(member->ch, "* you are there\n");
	error = evchat_group_add(room->group, member->ch);
	if (error) {
		free_if_empty(member->chat, room);
		return error;
	}
	chat_leave(member);
	member->room = room;
	chat_say(member, "* %s joined %s\n", member->nick, room->name);
	return evchat_pushf(member->ch, "* you are %s in %s, one of %zu\n",
	    member->nick, room->name, evchat_group_count(room->group));
}
