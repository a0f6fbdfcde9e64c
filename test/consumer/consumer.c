/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The smallest program that somebody else would write: a line there and back
 * over a pair, and the version of the library that answers.  C11, C17 and
 * C++17, so it says nothing that one of them lacks.  With CONSUMER_DNS it uses
 * evchat_dns, too.  Prints what it found; 0 if that is right.
 */
#include <evchat/evchat.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#ifdef CONSUMER_DNS
#include <evchat/dns.h>
#endif

#define GREETING "Guten Tag"
#define EXPECTED GREETING "!;the peer closed;closed when all was sent;"

/* What happened, in order. */
static char transcript[200];

static void
note(const char *what, size_t len)
{
	size_t n = strlen(transcript);

	snprintf(
	    transcript + n, sizeof(transcript) - n, "%.*s;", (int)len, what);
}

static void
greet_back(struct evchat *ch, const void *line, size_t len, void *ctx)
{
	(void)ctx;
	evchat_pushf(ch, "%.*s!\r\n", (int)len, (const char *)line);
	evchat_close_when_done(ch);
}

static void
take_answer(struct evchat *ch, const void *line, size_t len, void *ctx)
{
	(void)ch;
	(void)ctx;
	note((const char *)line, len);
}

static void
take_end(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	const char *why = evchat_reason_text(reason);

	(void)ch;
	(void)ctx;
	note(why, strlen(why));
}

/* A channel that reads lines and tells them to `frame`. */
static struct evchat *
open_channel(struct bufferevent *bev, evchat_bytes_cb frame)
{
	struct evchat_callbacks callbacks;
	struct evchat *ch;

	memset(&callbacks, 0, sizeof(callbacks));
	callbacks.frame = frame;
	callbacks.closed = take_end;
	ch = evchat_new(bev, &callbacks, NULL);
	if (ch && evchat_set_terminator(ch, evchat_line()) == 0)
		return ch;
	evchat_free(ch);
	return NULL;
}

static int
talk(struct event_base *base)
{
	struct bufferevent *pair[2];
	struct evchat *client;

	if (bufferevent_pair_new(base, BEV_OPT_CLOSE_ON_FREE, pair))
		return -1;
	client = open_channel(pair[0], take_answer);
	if (!client || !open_channel(pair[1], greet_back))
		return -1;
	if (evchat_push_line(client, GREETING, strlen(GREETING)))
		return -1;
	return event_base_dispatch(base);
}

static int
resolver_is_there(void)
{
#ifdef CONSUMER_DNS
	struct evchat_resolver none = evchat_dns(NULL);

	return none.resolve != NULL;
#else
	return 1;
#endif
}

int
main(void)
{
	struct event_base *base = event_base_new();

	signal(SIGPIPE, SIG_IGN);
	if (!base || talk(base) < 0)
		return 1;
	event_base_free(base);
	printf("%s %s\n", evchat_version(), transcript);
	if (strcmp(evchat_version(), EVCHAT_VERSION))
		return 1;
	if (!resolver_is_there())
		return 1;
	return strcmp(transcript, EXPECTED) ? 1 : 0;
}
