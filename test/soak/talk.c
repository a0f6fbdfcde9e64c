/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A conversation, from its beginning to the verdict.
 *
 * The client's first line says which conversation it is.  What follows are
 * requests, framed in the way that was drawn; nobody reads them but to compare.
 * An answer is a line with its length and so many bytes; one with a `b` before
 * it was sent to all.
 */
#include "soak/talk.h"
#include "soak/answer.h"
#include "soak/request.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TCP, UNIX };

static void
tell_wrong(struct talk *t, const char *what)
{
	t->talks->wrong++;
	printf("soak: conversation %llu, %s: %s\n",
	    (unsigned long long)t->number, t->by_unix ? "unix" : "tcp", what);
}

/* --- What must hold. --- */

static void
print_end(const char *name, const struct end *e)
{
	printf("soak: %s: %s%s%s, pushed %zu, received of it %zu and %zu "
	       "bytes, unsent %llu\n",
	    name,
	    !e->came   ? "never came"
	    : e->freed ? "freed"
		       : "",
	    e->closed ? evchat_reason_text(e->reason) : "",
	    e->ch ? "still there" : "", e->sent.pushed, e->sent.received,
	    e->sent.at, (unsigned long long)e->unsent);
}

static void
print_talk(const struct talk *t)
{
	printf("soak: behaviour %d, terminator %d, %zu left to ask, %zu "
	       "answered, %zu heard, %llu ms\n",
	    t->behaviour, t->kind, t->asks, t->answers, t->heard,
	    (unsigned long long)(t->talks->now_ms - t->begun_ms));
	print_end("client", &t->client);
	print_end("server", &t->server);
}

/* Did `to` end in a way that says that it may not have heard it all?  EOF says
 * that it has; but that of a Unix socket comes without a reset, too. */
static bool
heard_of_loss(const struct end *from, const struct end *to, bool by_unix)
{
	if (!to->came || to->freed || from->broken)
		return true;
	if (to->reason != EVCHAT_REASON_EOF)
		return true;
	return by_unix && (from->freed || from->unsent ||
			      (from->reason != EVCHAT_REASON_DONE &&
				  from->reason != EVCHAT_REASON_EOF));
}

static void
judge_direction(struct talk *t, struct end *from, const struct end *to)
{
	t->talks->bytes += from->sent.bytes;
	if (from->sent.wrong)
		tell_wrong(t, from->sent.wrong);
	else if (!ledger_is_settled(&from->sent) &&
		 !heard_of_loss(from, to, t->by_unix))
		tell_wrong(t, "bytes were lost, and nothing says so");
	else
		return;
	print_talk(t);
}

static void
finish(struct talk *t)
{
	struct talks *talks = t->talks;

	judge_direction(t, &t->client, &t->server);
	judge_direction(t, &t->server, &t->client);
	if (ledger_is_settled(&t->client.sent) &&
	    ledger_is_settled(&t->server.sent) && t->server.came)
		talks->whole++;
	t->busy = false;
	talks->busy--;
	talks->ended++;
}

void
talk_finish_if_over(struct talk *t)
{
	if (t->busy && !t->client.ch && !t->server.ch)
		finish(t);
}

/* --- The ends. --- */

void
end_close(struct end *e)
{
	struct evchat *ch = e->ch;

	if (!ch)
		return;
	e->ch = NULL;
	e->freed = true;
	evchat_free(ch);
	talk_finish_if_over(e->talk);
}

void
end_closed(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	struct end *e = ctx;

	e->ch = NULL;
	e->closed = true;
	e->reason = reason;
	e->unsent = evchat_unsent(ch);
	e->talk->talks->reasons[reason]++;
	talk_finish_if_over(e->talk);
}

static const struct evchat_limits limits = {.frame_deadline_ms = 400,
    .idle_deadline_ms = 800,
    .write_deadline_ms = 400,
    .linger_ms = 300};

/* --- The beginning. --- */

static struct talk *
free_place(struct talks *talks)
{
	for (size_t i = 0; i < TALKS; i++)
		if (!talks->all[i].busy)
			return &talks->all[i];
	return NULL;
}

static void
draw(struct talk *t)
{
	struct chance *c = &t->chance;

	t->by_unix = chance_below(c, 2);
	t->kind = (int)chance_below(c, REQUEST_KINDS);
	t->client.sent.end = request_end(t);
	t->asks = t->total = 1;
	if (t->talks->short_ones)
		return;
	/* Half of them do nothing odd. */
	if (chance_below(c, 2))
		t->behaviour = (enum behaviour)chance_below(c, BEHAVIOURS);
	t->asks = 1 + chance_below(c, t->behaviour == DEAF ? 60 : 12);
	t->total = t->asks;
	t->leave_after = 1 + chance_below(c, t->asks);
	if (t->behaviour == RESETS)
		t->act_ms = t->talks->now_ms + chance_below(c, 100);
	if (t->behaviour == DEAF)
		t->act_ms = t->talks->now_ms + 1500;
}

static void
clear_end(struct end *e, struct talk *t)
{
	ledger_clear(&e->sent);
	e->talk = t;
	e->ch = NULL;
	e->place = chance_below(&t->chance, LETTERS);
	e->came = e->freed = e->broken = e->closed = e->paused = false;
	e->reason = EVCHAT_REASON_DONE;
	e->unsent = 0;
}

static void
clear_talk(struct talk *t, struct talks *talks)
{
	t->talks = talks;
	t->busy = true;
	t->number = ++talks->begun;
	t->begun_ms = talks->now_ms;
	t->chance = chance_from(chance_below(&talks->chance, SIZE_MAX));
	t->behaviour = POLITE;
	t->act_ms = 0;
	t->answers = t->leave_after = t->head_len = 0;
	t->heard = 0;
	t->greeted = t->said_all = t->asleep = t->in_body = false;
	clear_end(&t->client, t);
	clear_end(&t->server, t);
	talks->busy++;
}

void
talk_start(struct talks *talks)
{
	struct evchat_connect_options options = {.connect_ms = 2000};
	struct talk *t = free_place(talks);

	if (!t)
		return;
	clear_talk(t, talks);
	draw(t);
	options.channel.callbacks =
	    chance_below(&t->chance, 2) ? answer_whole : answer_pieces;
	options.channel.limits = limits;
	options.channel.terminator = EVCHAT_LIT("\n");
	t->client.came = true;
	t->client.ch = evchat_connect(talks->base, NULL,
	    talks->addresses[t->by_unix ? UNIX : TCP], &options, &t->client);
	if (!t->client.ch)
		t->client.freed = true;
	talk_finish_if_over(t);
}

/* The client's first line: whose end is this? */
static struct talk *
find_talk(struct talks *talks, const char *bytes, size_t len)
{
	char text[32] = "";
	unsigned long long number;

	if (len < sizeof text)
		memcpy(text, bytes, len);
	number = strtoull(text, NULL, 10);
	for (size_t i = 0; i < TALKS; i++)
		if (talks->all[i].busy && talks->all[i].number == number)
			return &talks->all[i];
	return NULL;
}

static void
on_greeting(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	struct talk *t = find_talk(ctx, bytes, len);

	/* Its client may have gone and be forgotten. */
	if (!t) {
		evchat_free(ch);
		return;
	}
	t->server.ch = ch;
	t->server.came = true;
	evchat_set_ctx(ch, &t->server);
	if (evchat_set_callbacks(ch, chance_below(&t->chance, 2)
					 ? &request_whole
					 : &request_pieces) ||
	    request_set_terminator(t, ch) ||
	    evchat_group_add(t->talks->group, ch))
		end_close(&t->server);
}

/* --- Time. --- */

static void
free_stuck(struct talk *t)
{
	t->talks->stuck++;
	printf("soak: conversation %llu does not come to an end\n",
	    (unsigned long long)t->number);
	print_talk(t);
	t->client.broken = t->server.broken = true;
	end_close(&t->server);
	end_close(&t->client);
}

static void
tick(struct talk *t)
{
	struct talks *talks = t->talks;

	if (talks->now_ms - t->begun_ms > STUCK_MS) {
		free_stuck(t);
		return;
	}
	if (t->act_ms && talks->now_ms >= t->act_ms)
		end_close(&t->client);
	if (t->busy)
		request_go_on(t);
	if (t->busy)
		answer_go_on(t);
}

void
talks_tick(struct talks *talks, uint64_t now_ms)
{
	talks->now_ms = now_ms;
	for (size_t i = 0; i < TALKS; i++)
		if (talks->all[i].busy)
			tick(&talks->all[i]);
}

/* --- All of them. --- */

bool
talks_are_over(const struct talks *talks)
{
	return !talks->busy && !evchat_listener_count(talks->listeners[TCP]) &&
	       !evchat_listener_count(talks->listeners[UNIX]);
}

int
talks_begin(struct talks *talks, struct event_base *base, uint64_t seed)
{
	static const struct evchat_callbacks greeted = {.frame = on_greeting};
	struct evchat_listener_options options = {
	    .channel = {.callbacks = greeted,
		.limits = limits,
		.terminator = EVCHAT_LIT("\n")}};
	char name[64];

	ledger_make_letters();
	talks->base = base;
	talks->chance = chance_from(seed);
	talks->group = evchat_group_new(base);
	(void)snprintf(
	    name, sizeof name, "unix:@evchat-soak-%ld", (long)getpid());
	talks->listeners[TCP] =
	    evchat_listen(base, "127.0.0.1:0", &options, talks);
	talks->listeners[UNIX] = evchat_listen(base, name, &options, talks);
	if (!talks->group || !talks->listeners[TCP] || !talks->listeners[UNIX])
		return -1;
	for (int i = TCP; i <= UNIX; i++)
		if (evchat_listener_address(talks->listeners[i],
			talks->addresses[i], EVCHAT_ADDRESS_SIZE))
			return -1;
	return 0;
}

void
talks_end(struct talks *talks)
{
	evchat_listener_free(talks->listeners[TCP]);
	evchat_listener_free(talks->listeners[UNIX]);
	evchat_group_free(talks->group);
}
