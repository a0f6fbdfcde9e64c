/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libevent's resolver in the form that connectors take.  A library of its own,
 * as only this needs libevent_extra; it uses public headers alone.
 *
 * evdns_getaddrinfo_cancel() calls back later, so a look-up outlives its
 * cancelling.
 */
#include <evchat/dns.h>
#include <event2/dns.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdlib.h>

struct lookup {
	evchat_resolved_cb resolved;
	void *query;
	struct evdns_getaddrinfo_request *request;
	bool starting; /* resolve has not returned */
	bool cancelled;
	bool answered;
};

static void
answer(const struct lookup *l, int error, const struct evutil_addrinfo *list)
{
	struct evchat_resolved addresses[EVCHAT_RESOLVED_MAX];
	size_t n = 0;

	for (; list && n < EVCHAT_RESOLVED_MAX; list = list->ai_next)
		addresses[n++] = (struct evchat_resolved){
		    list->ai_addr, (socklen_t)list->ai_addrlen};
	l->resolved(error, addresses, n, l->query);
}

static void
on_answer(int error, struct evutil_addrinfo *list, void *ctx)
{
	struct lookup *l = ctx;

	l->answered = true;
	if (!l->cancelled)
		answer(l, error, list);
	if (list)
		evutil_freeaddrinfo(list);
	if (!l->starting)
		free(l);
}

static void *
resolve(const char *name, evchat_resolved_cb resolved, void *query, void *ctx)
{
	const struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC,
	    .ai_socktype = SOCK_STREAM,
	    .ai_protocol = IPPROTO_TCP,
	    .ai_flags = EVUTIL_AI_ADDRCONFIG};
	struct lookup *l = calloc(1, sizeof *l);

	if (!l) {
		resolved(EVUTIL_EAI_MEMORY, NULL, 0, query);
		return NULL;
	}
	l->resolved = resolved;
	l->query = query;
	l->starting = true;
	l->request = evdns_getaddrinfo(ctx, name, NULL, &hints, on_answer, l);
	l->starting = false;
	if (!l->answered)
		return l;
	free(l);
	return NULL;
}

static void
cancel(void *lookup, void *ctx)
{
	struct lookup *l = lookup;

	(void)ctx;
	l->cancelled = true;
	evdns_getaddrinfo_cancel(l->request);
}

struct evchat_resolver
evchat_dns(struct evdns_base *dns)
{
	return (struct evchat_resolver){
	    .resolve = resolve, .cancel = cancel, .ctx = dns};
}
