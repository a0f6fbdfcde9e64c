/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers: the server's side of sending, in every way there is, and the
 * client's of hearing. */
#include "soak/answer.h"
#include "soak/request.h"
#include "support/syscalls.h"
#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- Hearing. --- */

static void
expect_head(struct talk *t, struct evchat *ch)
{
	if (evchat_set_terminator(ch, EVCHAT_LIT("\n")))
		end_close(&t->client);
}

static void
end_head(struct talk *t, struct evchat *ch)
{
	struct ledger *l = &t->server.sent;
	size_t len;

	t->head[t->head_len] = '\0';
	t->is_answer = t->head[0] != 'b';
	len = strtoull(t->head + !t->is_answer, NULL, 10);
	t->head_len = 0;
	t->in_body = true;
	if (len != ledger_next_length(l) && !l->wrong)
		l->wrong = "an answer of another length";
	if (evchat_set_terminator(ch, evchat_count(len)))
		end_close(&t->client);
}

/* So that it reads now and then, or no more. */
static void
read_no_more(struct talk *t)
{
	t->client.paused = true;
	if (evchat_pause(t->client.ch))
		end_close(&t->client);
}

static void
end_body(struct talk *t, struct evchat *ch)
{
	ledger_end_message(&t->server.sent);
	t->in_body = false;
	t->heard += t->is_answer;
	expect_head(t, ch);
	if (!t->client.ch)
		return;
	if (t->behaviour == SLOW || t->behaviour == DEAF)
		read_no_more(t);
	if (t->client.ch && t->heard == t->total && t->behaviour != HALF_CLOSES)
		evchat_close_when_done(t->client.ch);
}

static void
on_collect(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	struct talk *t = ((struct end *)ctx)->talk;

	(void)ch;
	if (t->in_body) {
		ledger_receive(&t->server.sent, bytes, len);
		return;
	}
	if (len >= sizeof t->head - t->head_len) {
		t->server.sent.wrong = "a head too long";
		len = sizeof t->head - t->head_len - 1;
	}
	memcpy(t->head + t->head_len, bytes, len);
	t->head_len += len;
}

static void
on_found(struct evchat *ch, void *ctx)
{
	struct talk *t = ((struct end *)ctx)->talk;

	if (t->in_body)
		end_body(t, ch);
	else
		end_head(t, ch);
}

static void
on_frame(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	on_collect(ch, bytes, len, ctx);
	on_found(ch, ctx);
}

static void
on_connected(struct evchat *ch, void *ctx)
{
	(void)ch;
	request_greet(((struct end *)ctx)->talk);
}

const struct evchat_callbacks answer_whole = {
    .frame = on_frame,
    .connected = on_connected,
    .closed = end_closed,
};
const struct evchat_callbacks answer_pieces = {
    .collect = on_collect,
    .found = on_found,
    .connected = on_connected,
    .closed = end_closed,
};

/* --- A producer that takes its time. --- */

struct making {
	struct end *end;
	size_t from, left;
	bool sleepy;
};

static enum evchat_more
make_some(struct evbuffer *out, size_t room, void *ctx)
{
	struct making *m = ctx;
	size_t len = m->left < room ? m->left : room;

	if (m->sleepy && !m->end->talk->asleep) {
		m->sleepy = false;
		m->end->talk->asleep = true;
		return EVCHAT_LATER;
	}
	if (len > 4000)
		len = 4000;
	if (evbuffer_add(out, ledger_letters(m->from), len))
		return EVCHAT_FAIL;
	m->from += len;
	m->left -= len;
	return m->left ? EVCHAT_MORE : EVCHAT_END;
}

static int
push_made(struct end *e, size_t len)
{
	struct making *m = malloc(sizeof *m);
	struct evchat_producer producer = {
	    .more = make_some, .release = free, .ctx = m};

	if (!m)
		return EVCHAT_ERR_NO_MEMORY;
	*m = (struct making){.end = e, .from = e->place, .left = len};
	m->sleepy = chance_below(&e->talk->chance, 2);
	if (chance_below(&e->talk->chance, 2))
		producer.size = len;
	return evchat_push_producer(e->ch, producer);
}

/* --- The other ways. --- */

static int
push_copy(struct end *e, size_t len)
{
	return evchat_push(e->ch, ledger_letters(e->place), len);
}

static int
push_lent(struct end *e, size_t len)
{
	return evchat_push_ref(
	    e->ch, ledger_letters(e->place), len, NULL, NULL);
}

static int
push_buffer(struct end *e, size_t len)
{
	struct evbuffer *bytes = evbuffer_new();
	int error = EVCHAT_ERR_NO_MEMORY;

	if (!bytes)
		return error;
	if (!evbuffer_add(bytes, ledger_letters(e->place), len))
		error = evchat_push_buffer(e->ch, bytes);
	evbuffer_free(bytes);
	return error;
}

static int
push_file(struct end *e, size_t len)
{
	return evchat_push_file(
	    e->ch, dup(e->talk->talks->file), e->place % LETTERS, len);
}

static int (*const ways[])(struct end *e, size_t len) = {
    push_copy, push_lent, push_made, push_buffer, push_file};

enum { WAYS = sizeof ways / sizeof *ways };

/* --- To all of them at once. --- */

static void
note_pending(struct evchat *ch, void *ctx)
{
	struct end *e = evchat_ctx(ch);

	(void)ctx;
	e->pending = evchat_pending(ch);
	if (e->sent.pushed > LEDGER_ROOM / 2)
		evchat_group_remove(e->talk->talks->group, ch);
}

/* Whoever has more that waits has got it. */
static void
note_broadcast(struct evchat *ch, void *ctx)
{
	const struct message *m = ctx;
	struct end *e = evchat_ctx(ch);

	if (evchat_pending(ch) > e->pending)
		ledger_push(&e->sent, m->from, m->len);
}

static void
broadcast(struct talk *t)
{
	static char text[32 + LETTERS];
	struct evchat_group *group = t->talks->group;
	struct message m = {.from = (unsigned)chance_below(&t->chance, LETTERS),
	    .len = 1 + (unsigned)chance_below(&t->chance, 3000)};
	int head = snprintf(text, 32, "b%u\n", m.len);

	memcpy(text + head, ledger_letters(m.from), m.len);
	evchat_group_for_each(group, note_pending, NULL);
	if (evchat_group_broadcast(group, text, (size_t)head + m.len, NULL) < 0)
		return;
	t->talks->broadcasts++;
	evchat_group_for_each(group, note_broadcast, &m);
}

/* --- Answering. --- */

static size_t
draw_length(struct talk *t)
{
	if (t->behaviour == DEAF)
		return 60000;
	if (!t->talks->short_ones && chance_below(&t->chance, 10) == 0)
		return 1 + chance_below(&t->chance, 60000);
	return 1 + chance_below(&t->chance, 3000);
}

void
answer_request(struct talk *t)
{
	struct end *e = &t->server;
	size_t len = draw_length(t);

	t->answers++;
	if (!t->talks->short_ones && chance_below(&t->chance, 50) == 0)
		broadcast(t);
	if (evchat_pushf(e->ch, "%zu\n", len)) {
		end_close(e);
		return;
	}
	if (ways[chance_below(&t->chance, WAYS)](e, len)) {
		e->broken = true;
		end_close(e);
		return;
	}
	ledger_push(&e->sent, e->place, len);
	e->place += len;
	if (t->behaviour == IS_LEFT && t->answers == t->leave_after)
		evchat_close_when_done(e->ch);
}

void
answer_go_on(struct talk *t)
{
	if (t->asleep && t->server.ch) {
		t->asleep = false;
		if (evchat_wake(t->server.ch))
			end_close(&t->server);
	}
	if (t->client.paused && t->client.ch && t->behaviour == SLOW) {
		t->client.paused = false;
		if (evchat_resume(t->client.ch))
			end_close(&t->client);
	}
}
