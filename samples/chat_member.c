/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lines, commands, and what else a member's channel calls.
 */
#include "chat_member.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define IDLE_MS (10 * 60 * 1000)
#define LINE_MS 60000
#define WRITE_MS 30000
#define OUTPUT_HIGH 65536

/* So that nobody plays with the others' terminals: no control characters of
 * ASCII, nor those of Unicode, which are C2 80 to C2 9F in UTF-8. */
static void clean(char *text, const unsigned char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool after_c2 = i && bytes[i - 1] == 0xc2;
		bool is_c1 = after_c2 && bytes[i] >= 0x80 && bytes[i] <= 0x9f;
		bool bad = bytes[i] < 0x20 || bytes[i] == 0x7f || is_c1;

		text[i] = (char)(bad ? '?' : bytes[i]);
	}
	text[len] = '\0';
}

void chat_drop(struct chat_member *member)
{
	chat_leave(member);
	evchat_free(member->ch); /* this calls no callback */
	free(member);
}

/* Whom there is nothing more to hear from.  The name is free at once. */
static void see_off(struct chat_member *member)
{
	chat_leave(member);
	member->nick[0] = '\0';
	evchat_close_when_done(member->ch);
}

/* --- Commands.  What fails returns non-zero, up to the callback of the
 * channel, which drops the member. --- */

static int join(struct chat_member *member, const char *name)
{
	if (!chat_is_name(name))
		return evchat_pushf(member->ch, "* that is no name\n");
	return chat_enter(member, name);
}

static int rename_to(struct chat_member *member, const char *nick)
{
	char old[CHAT_NAME_MAX + 1];

	if (!chat_is_name(nick))
		return evchat_pushf(member->ch, "* that is no name\n");
	if (strcasecmp(nick, member->nick) != 0 &&
	    chat_is_taken(member->chat, nick))
		return evchat_pushf(member->ch, "* that name is taken\n");
	memcpy(old, member->nick, sizeof old);
	(void)snprintf(member->nick, sizeof member->nick, "%s", nick);
	chat_say(member, "* %s is %s now\n", old, nick);
	return evchat_pushf(member->ch, "* you are %s now\n", nick);
}

static int who(struct chat_member *member, const char *ignored)
{
	return chat_list(member);
}

static int quit(struct chat_member *member, const char *ignored)
{
	int error = evchat_pushf(member->ch, "* goodbye\n");

	see_off(member);
	return error;
}

static int help(struct chat_member *member, const char *ignored)
{
	return evchat_pushf(member->ch,
	    "* /nick NAME   be called so; letters, digits, - and _, up to %d\n"
	    "* /join ROOM   leave this room for another\n"
	    "* /who         who is in this room\n"
	    "* /quit        leave\n",
	    CHAT_NAME_MAX);
}

static int take_line(struct chat_member *member, char *line)
{
	static const struct {
		const char *name;
		int (*run)(struct chat_member *member, const char *argument);
	} commands[] = {{"/nick", rename_to}, {"/join", join}, {"/who", who},
	    {"/quit", quit}, {"/help", help}};
	char *rest = NULL;
	const char *name, *argument;

	if (*line != '/') {
		if (*line)
			chat_say(member, "%s: %s\n", member->nick, line);
		return 0;
	}
	name = strtok_r(line, " ", &rest);
	argument = strtok_r(NULL, " ", &rest);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcmp(name, commands[i].name) == 0)
			return commands[i].run(
			    member, argument ? argument : "");
	return evchat_pushf(member->ch, "* what is %s? /help helps\n", name);
}

/* --- The callbacks of a channel. --- */

static void on_frame(
    struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	char line[CHAT_LINE_MAX + 1];

	clean(line, bytes, len);
	if (take_line(ctx, line))
		chat_drop(ctx);
}

static void on_overlong(struct evchat *ch, void *ctx)
{
	if (evchat_pushf(ch, "* nobody saw that: a line has %d bytes at most\n",
		CHAT_LINE_MAX))
		chat_drop(ctx);
}

static void on_eof(struct evchat *ch, void *ctx)
{
	see_off(ctx);
}

static void on_room(struct evchat *ch, void *ctx)
{
	struct chat_member *member = ctx;
	uint64_t missed = member->missed;

	member->missed = 0;
	if (missed &&
	    evchat_pushf(ch, "* lines you missed: %" PRIu64 "\n", missed))
		chat_drop(member);
}

static void on_timeout(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	if (reason != EVCHAT_REASON_TIMEOUT_IDLE ||
	    evchat_pushf(ch, "* goodbye: you have been silent for long\n"))
		chat_drop(ctx);
	else
		see_off(ctx);
}

static void on_closed(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	chat_leave(ctx);
	free(ctx);
}

/* --- The way in. --- */

void chat_accept(
    struct evchat *ch, const struct sockaddr *peer, socklen_t len, void *ctx)
{
	struct chat *chat = ctx;
	struct chat_member *member = calloc(1, sizeof *member);
	char nick[CHAT_NAME_MAX + 1];

	if (!member) {
		evchat_free(ch);
		return;
	}
	member->chat = chat;
	member->ch = ch;
	evchat_set_ctx(ch, member); /* everybody's is a member */
	do
		(void)snprintf(nick, sizeof nick, "guest%u", ++chat->guests);
	while (chat_is_taken(chat, nick));
	memcpy(member->nick, nick, sizeof nick);
	if (chat_enter(member, "lobby"))
		chat_drop(member);
}

struct evchat_channel_options chat_channel(const struct chat *chat)
{
	const struct evchat_callbacks callbacks = {.frame = on_frame,
	    .overlong = on_overlong,
	    .eof = on_eof,
	    .room = on_room,
	    .timeout = on_timeout,
	    .closed = on_closed};
	const struct evchat_limits limits = {.max_frame = CHAT_LINE_MAX,
	    .output_high = OUTPUT_HIGH,
	    .frame_deadline_ms = LINE_MS,
	    .idle_deadline_ms = IDLE_MS,
	    .write_deadline_ms = WRITE_MS};

	return (struct evchat_channel_options){.callbacks = callbacks,
	    .limits = limits,
	    .terminator = evchat_line(),
	    .group = chat->everybody};
}
