/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Producers whose scripts an input writes.  Each plays into an evbuffer of its
 * own first, so that what it made can be put down.
 */
#include "fuzz/playing.h"
#include <stdio.h>
#include <string.h>

/* What a byte of the input stands for, the likely ones more than once. */
static const char *const tokens[] = {"a", "bc", "\r\n", "d|e", "<100>",
    "<3000>", "<20000>", "=", "+", "a+", "<500>+", "~", "a~", "*", "*+", "!"};

static void
read_script(struct playing *p, struct input *in, bool has_aside)
{
	size_t n = input_below(in, 12);

	p->script[0] = '\0';
	while (n--) {
		const char *token = tokens[input_below(in, 16)];

		if (*token != '*' || has_aside)
			strcat(p->script, token);
	}
	/* A full stop behind a failure is not reached. */
	strcat(p->script, ".");
}

static void
add_down(struct playing *p, const void *bytes, size_t len)
{
	ledger_add(p->ledger, p->entry, bytes, len);
	p->put_down += len;
}

static void
put_down(struct playing *p, struct evbuffer *made)
{
	size_t len = evbuffer_get_length(made);
	char size[32];

	if (!p->ledger || !len)
		return;
	/* RFC 9112 section 7.1 */
	snprintf(size, sizeof size, "%zx\r\n", len);
	if (p->chunked)
		add_down(p, size, strlen(size));
	add_down(p, evbuffer_pullup(made, -1), len);
	if (p->chunked)
		add_down(p, "\r\n", 2);
}

static void
put_down_end(struct playing *p)
{
	p->ended = true;
	if (!p->ledger)
		return;
	if (p->chunked)
		add_down(p, "0\r\n\r\n", 5);
	ledger_end(p->ledger, p->entry);
}

static enum evchat_more
more_playing(struct evbuffer *out, size_t room, void *ctx)
{
	struct playing *p = ctx;
	struct evbuffer *made = evbuffer_new();
	enum evchat_more answer;

	must(made != NULL, "there is memory");
	must(room > 0, "there is room when a producer is asked");
	must(!p->ended && !p->failed, "nobody is asked after its end");
	answer = p->inner.more(made, room, p->inner.ctx);
	p->failed = answer == EVCHAT_FAIL;
	p->laters += answer == EVCHAT_LATER;
	if (!p->failed)
		put_down(p, made);
	if (answer == EVCHAT_END)
		put_down_end(p);
	must(!evbuffer_add_buffer(out, made), "there is memory");
	evbuffer_free(made);
	return answer;
}

static void
release_playing(void *ctx)
{
	struct playing *p = ctx;

	must(!p->made.released, "nobody is released twice");
	p->inner.release(p->inner.ctx);
}

struct evchat_producer
playing_from(struct playing *p, struct input *in, struct ledger *ledger,
    void (*aside)(struct made *made, struct evbuffer *out), bool chunked)
{
	uint8_t kind = input_byte(in);

	memset(p, 0, sizeof *p);
	read_script(p, in, aside != NULL);
	p->inner = made_from(&p->made, p->script);
	p->made.aside = aside;
	p->ledger = ledger;
	p->entry = ledger_begin(ledger);
	p->chunked = chunked && kind & 2;
	p->size = kind & 1 ? input_word(in) : 0;
	return (struct evchat_producer){.more = more_playing,
	    .release = release_playing,
	    .size = p->size,
	    .ctx = p};
}

uint64_t
playing_owes(const struct playing *p)
{
	if (p->ended || p->made.released || p->put_down >= p->size)
		return 0;
	return p->size - p->put_down;
}

void
playing_forget(struct playing *p)
{
	p->ledger = NULL;
}
