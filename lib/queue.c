/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Output that waits, in order: runs of bytes and producers.  It fills its own
 * front evbuffer, from which the bytes are moved on; it knows no sockets.
 *
 *	front | producer, bytes behind it | producer, bytes behind it | ...
 *
 * A push goes behind the last producer, or to the front where there is none.
 * The first producer fills the front; when it ends, the bytes behind it are
 * the front's.  So a producer is asked only when everything before it has gone
 * (asynchat rule S40), and what it pushes itself comes after it (S42).
 */
#include "alloc-internal.h"
#include "queue-internal.h"
#include <evchat/error.h>
#include <string.h>

struct evchat_queue_item {
	struct evchat_queue_item *next;
	struct evchat_producer producer;
	uint64_t left; /* of its size */
	bool asleep;
	struct evbuffer *behind; /* NULL until the first byte */
};

/* Copy two runs of bytes to the end of an evbuffer, or neither. */
static int
append_both(struct evbuffer *out, const void *bytes, size_t len,
    const void *more, size_t more_len)
{
	struct evbuffer_iovec space;
	ev_ssize_t total = (ev_ssize_t)(len + more_len);

	if (evbuffer_reserve_space(out, total, &space, 1) != 1)
		return EVCHAT_ERR_NO_MEMORY;
	if (len)
		memcpy(space.iov_base, bytes, len);
	if (more_len)
		memcpy((char *)space.iov_base + len, more, more_len);
	space.iov_len = len + more_len;
	/* Cannot fail: nothing has touched the buffer since. */
	return evbuffer_commit_space(out, &space, 1) ? EVCHAT_ERR_EVENT : 0;
}

int
evchat_append_copy_(struct evbuffer *out, const void *bytes, size_t len)
{
	return append_both(out, bytes, len, NULL, 0);
}

/* The run that the next byte pushed belongs to. */
static struct evbuffer *
last_run(struct evchat_queue *q)
{
	struct evbuffer **run = q->tail ? &q->tail->behind : &q->front;

	if (!*run)
		*run = evbuffer_new();
	return *run;
}

int
evchat_queue_copy_(struct evchat_queue *q, const void *bytes, size_t len,
    const void *end, size_t end_len)
{
	struct evbuffer *run = last_run(q);
	int error;

	if (!run)
		return EVCHAT_ERR_NO_MEMORY;
	error = append_both(run, bytes, len, end, end_len);
	if (!error)
		q->bytes += len + end_len;
	return error;
}

int
evchat_queue_refer_(struct evchat_queue *q, const void *bytes, size_t len,
    evchat_cleanup_cb cleanup, void *ctx)
{
	struct evbuffer *run = last_run(q);

	if (!run || evbuffer_add_reference(run, bytes, len, cleanup, ctx))
		return EVCHAT_ERR_NO_MEMORY;
	q->bytes += len;
	return 0;
}

int
evchat_queue_move_(struct evchat_queue *q, struct evbuffer *bytes)
{
	size_t len = evbuffer_get_length(bytes);
	struct evbuffer *run = last_run(q);

	if (!run)
		return EVCHAT_ERR_NO_MEMORY;
	if (evbuffer_add_buffer(run, bytes))
		return EVCHAT_ERR_EVENT;
	q->bytes += len;
	return 0;
}

int
evchat_queue_produce_(
    struct evchat_queue *q, const struct evchat_producer *producer)
{
	struct evchat_queue_item *item = evchat_zalloc_(sizeof *item);

	if (!item)
		return EVCHAT_ERR_NO_MEMORY;
	item->producer = *producer;
	item->left = producer->size;
	/* Whoever means "endless" by a size must not make sums wrap. */
	if (item->left > INT64_MAX - q->promised)
		item->left = INT64_MAX - q->promised;
	q->promised += item->left;
	if (!producer->size)
		q->unsized++;
	if (q->tail)
		q->tail->next = item;
	else
		q->head = item;
	q->tail = item;
	return 0;
}

/* Nobody will ask this producer again. */
static void
release(struct evchat_queue *q, struct evchat_queue_item *item)
{
	q->promised -= item->left;
	item->left = 0;
	if (!item->producer.size)
		q->unsized--;
	if (item->producer.release)
		item->producer.release(item->producer.ctx);
}

static void
free_run(struct evbuffer **run)
{
	if (*run)
		evbuffer_free(*run);
	*run = NULL;
}

static void
drop_head(struct evchat_queue *q)
{
	struct evchat_queue_item *item = q->head;

	q->head = item->next;
	if (!q->head)
		q->tail = NULL;
	release(q, item);
	free_run(&item->behind);
	evchat_mfree_(item);
}

/* The first producer has ended: what is behind it comes to the front. */
static int
step_over_head(struct evchat_queue *q)
{
	struct evbuffer *behind = q->head->behind;

	if (behind && evbuffer_add_buffer(q->front, behind))
		return EVCHAT_ERR_EVENT;
	drop_head(q);
	return 0;
}

static void
count_made(struct evchat_queue *q, struct evchat_queue_item *item, size_t made)
{
	uint64_t kept = made < item->left ? made : item->left;

	q->bytes += made;
	item->left -= kept;
	q->promised -= kept;
}

/* Everything was dropped while the first producer was being asked: now it goes
 * too, and what was pushed since is next. */
static enum evchat_asked
drop_asked(struct evchat_queue *q)
{
	q->dropped = false;
	if (evbuffer_drain(q->front, evbuffer_get_length(q->front)))
		return EVCHAT_ASKED_FAILED;
	if (step_over_head(q))
		return EVCHAT_ASKED_FAILED;
	return EVCHAT_ASKED_ENOUGH;
}

/* Ask the first producer once. */
static enum evchat_asked
ask(struct evchat_queue *q, size_t room)
{
	struct evchat_queue_item *item = q->head;
	size_t before = evbuffer_get_length(q->front);
	enum evchat_more answer;
	size_t made;

	q->asking = true;
	answer = item->producer.more(q->front, room, item->producer.ctx);
	q->asking = false;
	if (q->dropped)
		return drop_asked(q);
	/* What it made while failing is not counted: it is never sent. */
	made = evbuffer_get_length(q->front) - before;
	if (answer != EVCHAT_FAIL)
		count_made(q, item, made);
	switch (answer) {
	case EVCHAT_MORE:
		return made ? EVCHAT_ASKED_ENOUGH : EVCHAT_ASKED_AGAIN;
	case EVCHAT_LATER:
		item->asleep = !q->woken;
		q->woken = false;
		return item->asleep ? EVCHAT_ASKED_ASLEEP : EVCHAT_ASKED_AGAIN;
	case EVCHAT_END:
		return step_over_head(q) ? EVCHAT_ASKED_FAILED
					 : EVCHAT_ASKED_ENOUGH;
	case EVCHAT_FAIL:
	default:
		return EVCHAT_ASKED_FAILED;
	}
}

enum evchat_asked
evchat_queue_fill_(struct evchat_queue *q, size_t room, size_t chunk)
{
	enum evchat_asked asked = EVCHAT_ASKED_ENOUGH;

	while (asked == EVCHAT_ASKED_ENOUGH && !q->halted) {
		size_t have = q->front ? evbuffer_get_length(q->front) : 0;

		if (!q->head)
			return EVCHAT_ASKED_NOBODY;
		if (q->head->asleep)
			return EVCHAT_ASKED_ASLEEP;
		if (have >= room)
			return EVCHAT_ASKED_ENOUGH;
		if (!q->front)
			q->front = evbuffer_new();
		if (!q->front)
			return EVCHAT_ASKED_NO_MEMORY;
		asked = ask(q, room - have < chunk ? room - have : chunk);
	}
	return asked;
}

void
evchat_queue_halt_(struct evchat_queue *q)
{
	q->halted = true;
}

void
evchat_queue_wake_(struct evchat_queue *q)
{
	if (q->head && q->head->asleep)
		q->head->asleep = false;
	else
		q->woken = true;
}

void
evchat_queue_left_(struct evchat_queue *q, size_t len)
{
	q->bytes -= len;
}

bool
evchat_queue_has_producers_(const struct evchat_queue *q)
{
	return q->head != NULL;
}

bool
evchat_queue_is_asleep_(const struct evchat_queue *q)
{
	return q->head && q->head->asleep;
}

uint64_t
evchat_queue_asleep_(const struct evchat_queue *q)
{
	return evchat_queue_is_asleep_(q) ? q->head->left : 0;
}

bool
evchat_queue_is_empty_(const struct evchat_queue *q)
{
	return !q->head && q->bytes == 0;
}

void
evchat_queue_clear_(struct evchat_queue *q)
{
	struct evchat_queue_item *asked = NULL;

	/* The one being asked has the front in hand, until it returns. */
	if (q->asking) {
		asked = q->head;
		q->head = asked->next;
		free_run(&asked->behind);
		q->dropped = true;
	}
	while (q->head)
		drop_head(q);
	q->head = q->tail = asked;
	q->bytes = 0;
	q->woken = false;
	if (asked)
		asked->next = NULL;
	else
		free_run(&q->front);
}
