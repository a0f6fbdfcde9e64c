/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests: the client's side of sending, the server's of hearing. */
#include "soak/request.h"
#include "soak/answer.h"
#include <string.h>

/* A counted request and a record have this length, and no other. */
enum { FIXED = 1000 };

static struct evchat_terminator
make_lf(void)
{
	return EVCHAT_LIT("\n");
}

static struct evchat_terminator
make_crlf(void)
{
	return EVCHAT_LIT("\r\n");
}

#define LONG_END "--the end of a request, and by no means a short one--"

static struct evchat_terminator
make_long(void)
{
	return EVCHAT_LIT(LONG_END);
}

static struct evchat_terminator
make_any_of(void)
{
	static const struct evchat_span ends[] = {{".", 1}, {";\r\n", 3}};

	return evchat_any_of(ends, 2);
}

static struct evchat_terminator
make_count(void)
{
	return evchat_count(FIXED);
}

static struct evchat_terminator
make_records(void)
{
	return evchat_records(FIXED);
}

static const struct {
	const char *by; /* what the client puts behind a request */
	struct evchat_terminator (*make)(void);
} terminated[REQUEST_KINDS] = {
    [BY_LF] = {"\n", make_lf},
    [BY_CRLF] = {"\r\n", make_crlf},
    [BY_LONG] = {LONG_END, make_long},
    [BY_ANY_OF] = {";\r\n", make_any_of},
    [BY_LINE] = {"\r\n", evchat_line},
    [BY_COUNT] = {"", make_count},
    [BY_RECORDS] = {"", make_records},
    [BY_NONE] = {"", evchat_none},
};

const char *
request_end(const struct talk *t)
{
	return terminated[t->kind].by;
}

int
request_set_terminator(struct talk *t, struct evchat *ch)
{
	return evchat_set_terminator(ch, terminated[t->kind].make());
}

/* --- Hearing. --- */

static void
on_collect(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	struct end *e = ctx;
	struct talk *t = e->talk;
	size_t before = t->client.sent.received;

	(void)ch;
	if (t->kind != BY_NONE) {
		ledger_receive(&t->client.sent, bytes, len);
		return;
	}
	ledger_receive_stream(&t->client.sent, bytes, len);
	for (; before < t->client.sent.received && e->ch; before++)
		answer_request(t);
}

/* A line ends at EOF, too, wherever that comes: then it may not be the whole of
 * what was pushed, and what is lacking must have its reason. */
static bool
was_cut_by_eof(const struct talk *t, const struct evchat *ch)
{
	return t->kind == BY_LINE &&
	       evchat_matched(ch) == EVCHAT_MATCHED_NONE &&
	       t->client.sent.at != ledger_next_length(&t->client.sent);
}

static void
on_found(struct evchat *ch, void *ctx)
{
	struct end *e = ctx;
	struct talk *t = e->talk;

	if (t->kind == BY_NONE || was_cut_by_eof(t, ch))
		return;
	ledger_end_message(&t->client.sent);
	if (t->kind == BY_COUNT && request_set_terminator(t, ch))
		end_close(e);
	if (e->ch)
		answer_request(t);
}

static void
on_frame(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	struct end *e = ctx;

	ledger_receive(&e->talk->client.sent, bytes, len);
	on_found(ch, ctx);
}

const struct evchat_callbacks request_whole = {
    .frame = on_frame,
    .collect = on_collect,
    .found = on_found,
    .closed = end_closed,
};
const struct evchat_callbacks request_pieces = {
    .collect = on_collect,
    .found = on_found,
    .closed = end_closed,
};

/* --- Saying. --- */

void
request_greet(struct talk *t)
{
	t->greeted = true;
	if (evchat_pushf(t->client.ch, "%llu\n", (unsigned long long)t->number))
		end_close(&t->client);
	else
		request_go_on(t);
}

static size_t
draw_length(struct talk *t)
{
	if (t->kind == BY_COUNT || t->kind == BY_RECORDS)
		return FIXED;
	if (chance_below(&t->chance, 20) == 0)
		return 1 + chance_below(&t->chance, 60000);
	return 1 + chance_below(&t->chance, 300);
}

/* Half a request: the server's frame deadline ends it. */
static void
say_half(struct talk *t)
{
	struct end *e = &t->client;

	t->said_all = true;
	e->broken = true;
	if (evchat_push(e->ch, ledger_letters(e->place), FIXED / 2))
		end_close(e);
	else
		ledger_push(&e->sent, e->place, FIXED);
}

/* In one push or two; what cannot be said to its end is said no more. */
static void
say_one(struct talk *t)
{
	struct end *e = &t->client;
	const char *by = terminated[t->kind].by;
	size_t len = draw_length(t);

	if (evchat_push(e->ch, ledger_letters(e->place), len))
		return;
	ledger_push(&e->sent, e->place, len);
	e->place += len;
	t->asks--;
	if (!evchat_push(e->ch, by, strlen(by)))
		return;
	e->broken = true;
	end_close(e);
}

static void
have_said_all(struct talk *t)
{
	if (t->said_all)
		return;
	t->said_all = true;
	if (t->behaviour == HALF_CLOSES && evchat_shutdown_write(t->client.ch))
		end_close(&t->client);
}

void
request_go_on(struct talk *t)
{
	struct end *e = &t->client;
	size_t at_once = 1 + chance_below(&t->chance, 4);

	/* Before it has greeted nothing was sent; that comes with `connected`.
	 */
	if (!e->ch || !t->greeted || t->behaviour == SILENT)
		return;
	while (t->asks && at_once-- && e->ch && !t->said_all)
		if (t->behaviour == UNFINISHED && t->asks == 1)
			say_half(t);
		else
			say_one(t);
	if (e->ch && !t->asks)
		have_said_all(t);
}
