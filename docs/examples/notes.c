/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Notes, for as long as one is connected.  Lines end in CRLF; an answer begins
 * with +OK or -ERR, and that to LIST goes on up to a line with a dot alone.
 */
#include "notes.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LINE_MAX_BYTES = 510, NOTES_MAX = 100 };

/* [client] What is kept of a client. */
struct client {
	struct evchat *ch;
	char *notes[NOTES_MAX];
	size_t n;
};

/* Exactly once and last, whatever the channel ends for. */
static void on_closed(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	struct client *client = ctx;

	for (size_t i = 0; i < client->n; i++)
		free(client->notes[i]);
	free(client);
}

/* Drop a client whose answer could not be pushed.  After EVCHAT_ERR_CLOSING
 * `closed` comes by itself, with the true reason.  evchat_free() calls nobody,
 * so this does what `closed` would have done. */
static void drop_on(struct client *client, int error)
{
	if (!error || error == EVCHAT_ERR_CLOSING)
		return;
	evchat_free(client->ch);
	on_closed(NULL, EVCHAT_REASON_ERROR, client);
}
/* [end] */

/* [commands] What fails returns non-zero, up to on_line(). */
static int answer(struct client *client, const char *line)
{
	return evchat_push_line(client->ch, line, strlen(line));
}

static int add(struct client *client, const char *text)
{
	char *copy;

	if (!*text)
		return answer(client, "-ERR nothing to note");
	if (client->n == NOTES_MAX)
		return answer(client, "-ERR no more room");
	copy = strdup(text);
	if (!copy)
		return answer(client, "-ERR no memory");
	client->notes[client->n++] = copy;
	return evchat_pushf(client->ch, "+OK %zu\r\n", client->n);
}

/* A line that begins with a dot gets another one in front, so that only the
 * last line is a dot alone (RFC 1939 section 3). */
static int list(struct client *client, const char *ignored)
{
	int error = evchat_pushf(client->ch, "+OK %zu notes\r\n", client->n);

	for (size_t i = 0; i < client->n && !error; i++) {
		const char *note = client->notes[i];

		if (*note == '.')
			error = evchat_push(client->ch, ".", 1);
		if (!error)
			error = answer(client, note);
	}
	return error ? error : answer(client, ".");
}

static int quit(struct client *client, const char *ignored)
{
	int error = answer(client, "+OK goodbye");

	evchat_close_when_done(client->ch);
	return error;
}
/* [end] */

/* [lines] A command is a word, and maybe a space and what it is about. */
static int take(struct client *client, char *line)
{
	static const struct {
		const char *name;
		int (*run)(struct client *client, const char *about);
	} commands[] = {{"ADD", add}, {"LIST", list}, {"QUIT", quit}};
	char *about = strchr(line, ' ');

	if (about)
		*about++ = '\0';
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcasecmp(line, commands[i].name) == 0)
			return commands[i].run(client, about ? about : "");
	return answer(client, "-ERR ADD, LIST or QUIT");
}

/* The bytes are on loan until this returns, and there is no NUL behind them. */
static void on_line(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	struct client *client = ctx;
	char line[LINE_MAX_BYTES + 1];
	int error;

	memcpy(line, bytes, len); /* max_frame says that it fits */
	line[len] = '\0';
	if (memchr(line, '\0', len) || memchr(line, '\r', len) ||
	    memchr(line, '\n', len))
		error = answer(client, "-ERR a line of text, please");
	else
		error = take(client, line);
	drop_on(client, error);
}

/* Once for a line that is too long; the next one is in step again. */
static void on_overlong(struct evchat *ch, void *ctx)
{
	drop_on(ctx, answer(ctx, "-ERR too long"));
}
/* [end] */

/* [options] Strict line ends, and no line longer than the buffer above. */
struct evchat_channel_options notes_options(void)
{
	const struct evchat_callbacks callbacks = {
	    .frame = on_line, .overlong = on_overlong, .closed = on_closed};

	return (struct evchat_channel_options){
	    .callbacks = callbacks,
	    .terminator = EVCHAT_LIT("\r\n"),
	    .limits.max_frame = LINE_MAX_BYTES,
	};
}

void notes_begin(struct evchat *ch)
{
	struct client *client = calloc(1, sizeof *client);

	if (!client) {
		evchat_free(ch);
		return;
	}
	client->ch = ch;
	evchat_set_ctx(ch, client);
	drop_on(client, answer(client, "+OK notes"));
}
/* [end] */
