/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A resolver that answers what it is told.  The addresses it hands out are
 * copies that are gone when the answer has been heard.
 */
#include "support/resolver.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
resolver_is_asked(const struct resolver *r)
{
	return r->resolved != NULL;
}

void
resolver_add(struct resolver *r, struct evchat_resolved address)
{
	ck_assert_uint_lt(r->n, RESOLVER_MAX);
	r->addresses[r->n++] = address;
}

/* An address that lies in memory by itself, as long as it says. */
static struct evchat_resolved
lend(struct evchat_resolved address)
{
	void *copy = malloc(address.len ? address.len : 1);

	ck_assert_ptr_nonnull(copy);
	if (address.len)
		memcpy(copy, address.address, address.len);
	return (struct evchat_resolved){copy, address.len};
}

void
resolver_answer(struct resolver *r)
{
	struct evchat_resolved lent[RESOLVER_MAX];
	evchat_resolved_cb resolved = r->resolved;
	void *query = r->query;
	size_t n = r->n;

	ck_assert_msg(resolved, "nobody has asked");
	r->resolved = NULL;
	r->answered++;
	for (size_t i = 0; i < n; i++)
		lent[i] = lend(r->addresses[i]);
	resolved(r->error, lent, n, query);
	for (size_t i = 0; i < n; i++)
		free((void *)lent[i].address);
}

static void *
resolve(const char *name, evchat_resolved_cb resolved, void *query, void *ctx)
{
	struct resolver *r = ctx;

	ck_assert_msg(!resolver_is_asked(r), "asked twice");
	(void)snprintf(r->name, sizeof r->name, "%s", name);
	r->asked++;
	r->resolved = resolved;
	r->query = query;
	if (r->asked_cb)
		r->asked_cb(r);
	if (!r->at_once)
		return &r->resolved;
	resolver_answer(r);
	return NULL;
}

static void
cancel(void *lookup, void *ctx)
{
	struct resolver *r = ctx;

	ck_assert_ptr_eq(lookup, &r->resolved);
	ck_assert_msg(resolver_is_asked(r), "nothing to cancel");
	if (r->cancelled_cb)
		r->cancelled_cb(r);
	r->resolved = NULL;
	r->cancelled++;
}

struct evchat_resolver
resolver_of(struct resolver *r)
{
	return (struct evchat_resolver){
	    .resolve = resolve, .cancel = cancel, .ctx = r};
}
