/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios of ends, of time, and of what a channel is made on. */
#include "sweep/scenarios.h"
#include <string.h>

static void
answer_and_close(
    struct actor *a, const char *event, const void *bytes, size_t len)
{
	(void)bytes, (void)len;
	if (strcmp(event, "frame"))
		return;
	must(a, evchat_push(a->ch, "the last answer", 15));
	evchat_close_when_done(a->ch);
}

/* The peer goes on talking: its bytes are dropped, and no reset comes. */
void
closed_when_done(struct play *p)
{
	struct actor *a = play_open(p, &actor_callbacks, EVCHAT_LIT("\n"));

	a->hook = answer_and_close;
	say(p, 0, "QUIT\nmore");
	say(p, 0, "and more");
	say_eof(p, 0);
}

void
write_shut_down(struct play *p)
{
	struct evchat_callbacks cb = actor_told_eof();
	struct actor *a = play_open(p, &cb, EVCHAT_LIT("\n"));

	must(a, evchat_push(a->ch, "a question", 10));
	must(a, evchat_shutdown_write(a->ch));
	play_settle(p);
	say(p, 0, "an ans");
	say(p, 0, "wer\n");
	say_eof(p, 0);
}

static void
answer_at_length(
    struct actor *a, const char *event, const void *bytes, size_t len)
{
	struct evchat_producer answer;

	(void)bytes, (void)len;
	if (strcmp(event, "eof"))
		return;
	answer = play_made(a->play, "<60000>+<60000>+<60000>+<60000>+end.");
	must(a, evchat_push_producer(a->ch, answer));
	evchat_close_when_done(a->ch);
}

void
half_closed(struct play *p)
{
	struct evchat_callbacks cb = actor_told_eof();
	struct actor *a = play_open(p, &cb, EVCHAT_LIT("\n"));

	a->hook = answer_at_length;
	p->peers[0].deaf = true;
	say(p, 0, "all of it\n");
	say_eof(p, 0);
	p->peers[0].deaf = false;
	play_settle(p);
}

static void
complain_once(struct actor *a, const char *event, const void *bytes, size_t len)
{
	(void)bytes, (void)len;
	if (!strcmp(event, "timeout") && a->count++ == 1)
		evchat_close_when_done(a->ch);
	else if (!strcmp(event, "timeout"))
		must(a, evchat_push(a->ch, "408", 3));
}

/* A frame that is not finished, then nothing at all. */
void
deadlines(struct play *p)
{
	static const struct evchat_limits limits = {
	    .frame_deadline_ms = 1000, .idle_deadline_ms = 5000};
	struct actor *a = play_open(p, &actor_callbacks, EVCHAT_LIT("\n"));

	a->hook = complain_once;
	must(a, evchat_set_limits(a->ch, &limits));
	say(p, 0, "never fin");
	play_pass(p, 1500);
	say(p, 0, "ished\n");
	play_pass(p, 6000);
	play_pass(p, 3000);
}

/* One that does not read; nobody is asked whether to wait on. */
void
deaf_peer(struct play *p)
{
	static const struct evchat_limits limits = {.write_deadline_ms = 1000};
	struct evchat_callbacks cb = actor_callbacks;
	static char large[300000];
	struct actor *a;

	cb.timeout = NULL;
	a = play_open(p, &cb, EVCHAT_LIT("\n"));
	p->peers[0].deaf = true;
	must(a, evchat_set_limits(a->ch, &limits));
	must(a, evchat_push(a->ch, large, sizeof large));
	/* Up to twice as long, and once more where it cannot be asked what the
	 * peer has acknowledged. */
	for (int i = 0; i < 4; i++)
		play_pass(p, 1000);
	p->peers[0].deaf = false;
	play_settle(p);
}

void
limits_set(struct play *p)
{
	static const struct evchat_limits small = {.frames_per_turn = 1,
	    .read_budget = 16,
	    .output_high = 64,
	    .output_low = 16,
	    .write_deadline_ms = 2000};
	struct evchat_callbacks cb = actor_callbacks;
	struct actor *a;

	cb.timeout = NULL;
	a = play_open(p, &cb, EVCHAT_LIT("\n"));
	must(a, evchat_set_limits(a->ch, &small));
	say(p, 0, "one\ntwo\nthree\nfour\nfive\nsix\n");
	must(a, evchat_set_limits(a->ch, NULL));
	say(p, 0, "seven\n");
	say_eof(p, 0);
}

/* --- Given back. --- */

static void
on_event(struct bufferevent *bev, short what, void *ctx)
{
	struct play *p = ctx;

	(void)bev;
	if (what & BEV_EVENT_ERROR)
		p->complained = true;
}

/* What the application reads and writes from then on. */
static void
use(struct play *p, struct bufferevent *bev)
{
	char bytes[64] = "";

	(void)bufferevent_read(bev, bytes, sizeof bytes - 1);
	play_note(p, bytes);
	bufferevent_setcb(bev, NULL, NULL, on_event, p);
	if (bufferevent_write(bev, "by itself", 9) ||
	    bufferevent_enable(bev, EV_WRITE))
		p->complained = true;
}

void
detached(struct play *p)
{
	struct actor *a = play_open(p, &actor_callbacks, EVCHAT_LIT("\n"));

	say(p, 0, "one\nand a par");
	say(p, 0, "t of two");
	must(a, evchat_push(a->ch, "pushed, ", 8));
	p->detached = evchat_detach(a->ch);
	if (p->detached) {
		a->ch = NULL;
		use(p, p->detached);
	} else {
		p->complained = true;
	}
	play_settle(p);
}

/* --- What it is made on. --- */

static void
send_back(struct actor *a, const char *event, const void *bytes, size_t len)
{
	if (!strcmp(event, "frame"))
		must(a, evchat_push(a->ch, bytes, len));
}

static void
converse(struct play *p, struct actor *a)
{
	a->hook = send_back;
	say(p, 0, "one\ntw");
	say(p, 0, "o\n");
	must(a,
	    evchat_push_ref(a->ch, "lent", 4, loan_comes_back, play_lend(p)));
	must(a, evchat_push_producer(a->ch, play_made(p, "made+<3000>.")));
	play_settle(p);
	evchat_close_when_done(a->ch);
	play_settle(p);
	say_eof(p, 0);
}

static struct actor *
open_over(struct play *p, enum below below)
{
	return play_open_over(p, below, &actor_callbacks, EVCHAT_LIT("\n"));
}

void
over_socket(struct play *p)
{
	converse(p, open_over(p, A_SOCKET));
}

void
over_pair(struct play *p)
{
	converse(p, open_over(p, A_PAIR));
}

void
over_filter(struct play *p)
{
	converse(p, open_over(p, A_FILTER));
}

void
plain(struct play *p)
{
	converse(p, play_open_plain(p, &actor_callbacks, EVCHAT_LIT("\n")));
}
