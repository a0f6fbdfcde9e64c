/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A resolver that answers what it is told, when it is told, and sees to it that
 * it is treated as connector.h promises: asked for one look-up at a time, and
 * cancelled only while that is under way.
 */
#ifndef EVCHAT_TEST_RESOLVER_H
#define EVCHAT_TEST_RESOLVER_H

#include <evchat/connector.h>
#include <stdbool.h>

enum { RESOLVER_MAX = 100 };

struct resolver {
	/* What to answer, and whether from inside `resolve`. */
	int error;
	struct evchat_resolved addresses[RESOLVER_MAX];
	size_t n;
	bool at_once;

	/* Called inside `resolve`, before it answers; may be NULL. */
	void (*asked_cb)(struct resolver *r);
	/* Called inside `cancel`, before the query is forgotten. */
	void (*cancelled_cb)(struct resolver *r);
	void *ctx;

	/* What happened. */
	char name[300];
	size_t asked, answered, cancelled;

	/* The look-up under way. */
	evchat_resolved_cb resolved;
	void *query;
};

/* The resolver as connectors take it. */
struct evchat_resolver resolver_of(struct resolver *r);

/* One more address to answer with; it must live as long as that. */
void resolver_add(struct resolver *r, struct evchat_resolved address);

/* Answer the look-up that is under way. */
void resolver_answer(struct resolver *r);

/* Is one under way? */
bool resolver_is_asked(const struct resolver *r);

#endif
