/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios of output: everything that can be pushed, in answer to a line or
 * before anything was said. */
#include "sweep/scenarios.h"
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 200, LARGE = 1024 * 1024, FILE_SENT = 40000, FILE_READ = 9000 };

static struct actor *
open_lines(struct play *p)
{
	return play_open(p, &actor_callbacks, EVCHAT_LIT("\n"));
}

/* Send all, and be done. */
static void
finish(struct play *p, struct actor *a)
{
	play_settle(p);
	evchat_close_when_done(a->ch);
	play_settle(p);
	say_eof(p, 0);
}

static void
send_back(struct actor *a, const char *event, const void *bytes, size_t len)
{
	if (strcmp(event, "frame"))
		return;
	must(a, evchat_push(a->ch, bytes, len));
	must(a, evchat_push(a->ch, "\n", 1));
}

void
echo(struct play *p)
{
	struct actor *a = open_lines(p);

	a->hook = send_back;
	say(p, 0, "one\ntwo\nthr");
	say(p, 0, "ee\n");
	say_eof(p, 0);
}

void
many_small(struct play *p)
{
	struct actor *a = open_lines(p);
	char number = 0;

	p->peers[0].deaf = true;
	for (size_t i = 0; i < MANY; i++) {
		number = (char)('a' + i % 26);
		must(a, evchat_push(a->ch, &number, 1));
		if (i % 50 == 0)
			play_settle(p);
	}
	p->peers[0].deaf = false;
	finish(p, a);
}

/* More than the socket holds, in three ways, and room is told of. */
static void
note_room(struct actor *a, const char *event, const void *bytes, size_t len)
{
	(void)bytes, (void)len;
	if (!strcmp(event, "room") && a->count++ == 0)
		must(a, evchat_push(a->ch, "there is room", 13));
}

void
slow_peer(struct play *p)
{
	struct actor *a = open_lines(p);
	char *bytes = malloc(LARGE);

	a->hook = note_room;
	p->peers[0].deaf = true;
	for (size_t i = 0; i < LARGE; i++)
		bytes[i] = (char)(i % 251);
	must(a, evchat_push(a->ch, bytes, LARGE));
	free(bytes);
	play_settle(p);
	must(a, evchat_push(a->ch, "last", 4));
	play_settle(p);
	p->peers[0].deaf = false;
	finish(p, a);
}

void
texts(struct play *p)
{
	struct actor *a = open_lines(p);

	must(a, evchat_pushf(a->ch, "HTTP/%d.%d\r\n", 1, 1));
	must(a, evchat_pushf(a->ch, "%2000d\r\n", 7));
	must(a, evchat_push_line(a->ch, "Content-Length: 0", 17));
	must(a, evchat_push_line(a->ch, "", 0));
	finish(p, a);
}

void
lent(struct play *p)
{
	static char bytes[6000];
	struct actor *a = open_lines(p);

	memset(bytes, 'l', sizeof bytes);
	must(a, evchat_push(a->ch, "copied ", 7));
	must(a, evchat_push_ref(
		    a->ch, bytes, sizeof bytes, loan_comes_back, play_lend(p)));
	must(a, evchat_push(a->ch, " copied ", 8));
	must(a,
	    evchat_push_ref(a->ch, "lent", 4, loan_comes_back, play_lend(p)));
	finish(p, a);
}

static void
push_buffer(struct actor *a, size_t len)
{
	struct evbuffer *bytes = evbuffer_new();
	static char text[5000];

	memset(text, 'm', sizeof text);
	if (!bytes || evbuffer_add(bytes, text, len))
		a->play->complained = true;
	else
		must(a, evchat_push_buffer(a->ch, bytes));
	if (bytes)
		evbuffer_free(bytes);
}

void
buffers_moved(struct play *p)
{
	struct actor *a = open_lines(p);

	push_buffer(a, 5000);
	must(a, evchat_push(a->ch, "between", 7));
	push_buffer(a, 3);
	finish(p, a);
}

static void
push_file(struct play *p, struct actor *a, size_t len)
{
	must(a, evchat_push(a->ch, "head\r\n", 6));
	must(a, evchat_push_file(a->ch, play_file(p, len), 10, len - 10));
	must(a, evchat_push(a->ch, "foot\r\n", 6));
}

void
file_sent(struct play *p)
{
	struct actor *a = open_lines(p);

	push_file(p, a, FILE_SENT);
	finish(p, a);
}

void
file_read(struct play *p)
{
	struct actor *a = open_lines(p);

	push_file(p, a, FILE_READ);
	finish(p, a);
}

static void
push_made(struct play *p, struct actor *a, const char *script)
{
	must(a, evchat_push_producer(a->ch, play_made(p, script)));
}

void
produced(struct play *p)
{
	struct actor *a = open_lines(p);

	push_made(p, a, "one+<9000>~two+.");
	must(a, evchat_push(a->ch, "after", 5));
	push_made(p, a, "three.");
	play_settle(p);
	must(a, evchat_wake(a->ch));
	finish(p, a);
}

void
producer_fails(struct play *p)
{
	struct actor *a = open_lines(p);

	must(a, evchat_push(a->ch, "before", 6));
	push_made(p, a, "one+two!");
	finish(p, a);
}

/* --- Wrapped producers. --- */

static void
note_passed(const void *bytes, size_t len, void *ctx)
{
	(void)bytes;
	((struct actor *)ctx)->count += len;
}

static void
note_ended(bool complete, void *ctx)
{
	struct actor *a = ctx;

	play_note(a->play, complete ? "complete" : "incomplete");
}

void
chunked(struct play *p)
{
	struct actor *a = open_lines(p);
	struct evchat_tap tap = {note_passed, note_ended, a, {0}};
	struct evchat_producer body = play_made(p, "one+~<3000>+.");
	int error = evchat_producer_tap(&body, &tap);

	if (!error)
		error = evchat_producer_chunked(&body);
	must(a, error);
	if (!error)
		must(a, evchat_push_producer(a->ch, body));
	must(a, evchat_push(a->ch, "next", 4));
	play_settle(p);
	must(a, evchat_wake(a->ch));
	finish(p, a);
}

void
output_discarded(struct play *p)
{
	struct actor *a = open_lines(p);

	must(a, evchat_push(a->ch, "sent", 4));
	play_settle(p);
	must(a, evchat_push(a->ch, "never sent", 10));
	must(a,
	    evchat_push_ref(a->ch, "lent", 4, loan_comes_back, play_lend(p)));
	push_made(p, a, "nor this.");
	must(a, evchat_discard_output(a->ch));
	finish(p, a);
}
