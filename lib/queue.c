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
#include "producer-internal.h"
#include "queue-internal.h"
#include <assert.h>
#include <evchat/error.h>
#include <string.h>

/* What fills a chain of libevent's and its head. */
enum { PIECE = 16 * 1024 - 64 };

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

static int
append_pieces(struct evbuffer *out, const unsigned char *bytes, size_t len)
{
	int error = 0;

	while (len && !error) {
		size_t piece = len < PIECE ? len : PIECE;

		error = evchat_append_copy_(out, bytes, piece);
		bytes += piece;
		len -= piece;
	}
	return error;
}

int
evchat_append_run_(struct evbuffer *out, const void *bytes, size_t len)
{
	struct evbuffer *pieces;
	int error;

	if (len <= PIECE)
		return evchat_append_copy_(out, bytes, len);
	pieces = evbuffer_new();
	if (!pieces)
		return EVCHAT_ERR_NO_MEMORY;
	error = append_pieces(pieces, bytes, len);
	if (!error && evbuffer_add_buffer(out, pieces))
		error = EVCHAT_ERR_EVENT;
	evbuffer_free(pieces);
	return error;
}

static struct evchat_queue_item *
head_of(const struct evchat_queue *q)
{
	return q->tail ? q->tail->next : NULL;
}

/* --- The batch. --- */

static size_t
batch_length(const struct evchat_queue *q)
{
	return q->batch ? q->batch->len : 0;
}

void
evchat_queue_begin_turn_(struct evchat_queue *q, struct evchat_batch *batch)
{
	q->batch = batch;
}

int
evchat_queue_end_turn_(struct evchat_queue *q)
{
	int error = evchat_queue_gather_(q);

	q->batch = NULL;
	return error;
}

const struct evchat_batch *
evchat_queue_batch_(const struct evchat_queue *q)
{
	if (!batch_length(q) || (q->front && evbuffer_get_length(q->front)))
		return NULL;
	return q->batch;
}

int
evchat_queue_gather_(struct evchat_queue *q)
{
	size_t len = batch_length(q);
	int error;

	if (!len)
		return 0;
	if (!q->front)
		q->front = evbuffer_new();
	if (!q->front)
		return EVCHAT_ERR_NO_MEMORY;
	error = evchat_append_run_(q->front, q->batch->bytes, len);
	if (!error)
		q->batch->len = 0;
	return error;
}

size_t
evchat_queue_front_(const struct evchat_queue *q)
{
	size_t len = q->front ? evbuffer_get_length(q->front) : 0;

	return len + batch_length(q);
}

/* Copy to the batch; false when there is no room. */
static bool
copy_to_batch(struct evchat_queue *q, const void *bytes, size_t len,
    const void *end, size_t end_len)
{
	struct evchat_batch *batch = q->batch;
	unsigned char *to;

	if (!batch || q->tail || len + end_len > batch->room - batch->len)
		return false;
	to = batch->bytes + batch->len;
	if (len)
		memcpy(to, bytes, len);
	if (end_len)
		memcpy(to + len, end, end_len);
	batch->len += len + end_len;
	return true;
}

void
evchat_queue_be_quick_(struct evchat_queue *q, uint64_t most)
{
	struct evchat_batch *batch = q->batch;
	size_t room;

	if (!batch)
		return;
	room = q->tail ? 0 : batch->room - batch->len;
	batch->quick = most < room ? (size_t)most : room;
}

/* --- Adding to the end. --- */

/* The run that the next byte pushed belongs to, if that is not the batch; NULL
 * without memory. */
static struct evbuffer *
last_run(struct evchat_queue *q)
{
	struct evbuffer **run = q->tail ? &q->tail->behind : &q->front;

	if (!q->tail && evchat_queue_gather_(q))
		return NULL;
	if (!*run)
		*run = evbuffer_new();
	return *run;
}

int
evchat_queue_copy_(struct evchat_queue *q, const void *bytes, size_t len,
    const void *end, size_t end_len)
{
	struct evbuffer *run;

	if (!copy_to_batch(q, bytes, len, end, end_len)) {
		run = last_run(q);
		if (!run || append_both(run, bytes, len, end, end_len))
			return EVCHAT_ERR_NO_MEMORY;
	}
	q->bytes += len + end_len;
	return 0;
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
	q->foreign = true;
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
	q->producers++;
	if (!producer->size)
		q->unsized++;
	item->next = q->tail ? q->tail->next : item;
	if (q->tail)
		q->tail->next = item;
	q->tail = item;
	return 0;
}

/* --- Producers. --- */

/* Nobody will ask this producer again. */
static void
release(struct evchat_queue *q, struct evchat_queue_item *item)
{
	q->promised -= item->left;
	q->producers--;
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
	struct evchat_queue_item *item = head_of(q);

	q->tail->next = item->next;
	if (q->tail == item)
		q->tail = NULL;
	release(q, item);
	free_run(&item->behind);
	evchat_mfree_(item);
}

/* The first producer has ended: what is behind it comes to the front. */
static int
step_over_head(struct evchat_queue *q)
{
	struct evbuffer **behind = &head_of(q)->behind;

	if (!q->front) {
		q->front = *behind;
		*behind = NULL;
	} else if (*behind && evbuffer_add_buffer(q->front, *behind)) {
		return EVCHAT_ERR_EVENT;
	}
	drop_head(q);
	return 0;
}

/* So much of its size has been made. */
static void
keep_promise(
    struct evchat_queue *q, struct evchat_queue_item *item, uint64_t made)
{
	uint64_t kept = made < item->left ? made : item->left;

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
	struct evchat_queue_item *item = head_of(q);
	size_t before = evbuffer_get_length(q->front);
	enum evchat_more answer;
	size_t made;

	q->asking = true;
	q->foreign |= !evchat_producer_makes_bytes_(&item->producer);
	answer = item->producer.more(q->front, room, item->producer.ctx);
	q->asking = false;
	if (q->dropped)
		return drop_asked(q);
	/* What it made while failing is not counted: it is never sent. */
	made = evbuffer_get_length(q->front) - before;
	if (answer != EVCHAT_FAIL) {
		q->bytes += made;
		keep_promise(q, item, made);
	}
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

/* Nobody need be asked, for this reason; or ENOUGH, and somebody must be, if
 * there is room. */
static enum evchat_asked
whom_to_ask(const struct evchat_queue *q, bool files)
{
	if (!q->tail)
		return EVCHAT_ASKED_NOBODY;
	if (head_of(q)->asleep)
		return EVCHAT_ASKED_ASLEEP;
	if (files && evchat_queue_file_(q))
		return EVCHAT_ASKED_FILE;
	return EVCHAT_ASKED_ENOUGH;
}

/* The front as a producer wants it: there, and at the end of what is before. */
static bool
prepare_front(struct evchat_queue *q)
{
	if (!q->front)
		q->front = evbuffer_new();
	return q->front && !evchat_queue_gather_(q);
}

enum evchat_asked
evchat_queue_fill_(
    struct evchat_queue *q, size_t room, size_t chunk, bool files)
{
	enum evchat_asked asked = EVCHAT_ASKED_ENOUGH;

	while (asked == EVCHAT_ASKED_ENOUGH && !q->halted) {
		size_t have = evchat_queue_front_(q);

		asked = whom_to_ask(q, files);
		if (asked != EVCHAT_ASKED_ENOUGH || have >= room)
			return asked;
		if (!prepare_front(q))
			return EVCHAT_ASKED_NO_MEMORY;
		asked = ask(q, room - have < chunk ? room - have : chunk);
	}
	return asked;
}

struct evchat_file *
evchat_queue_file_(const struct evchat_queue *q)
{
	return q->tail ? evchat_producer_file_(&head_of(q)->producer) : NULL;
}

bool
evchat_queue_file_left_(struct evchat_queue *q, uint64_t len)
{
	struct evchat_file *file = evchat_queue_file_(q);

	assert(!evchat_queue_front_(q));
	file->offset += len;
	file->left -= len;
	keep_promise(q, head_of(q), len);
	return file->left || step_over_head(q) == 0;
}

void
evchat_queue_halt_(struct evchat_queue *q)
{
	q->halted = true;
}

void
evchat_queue_wake_(struct evchat_queue *q)
{
	if (evchat_queue_is_asleep_(q))
		head_of(q)->asleep = false;
	else
		q->woken = true;
}

void
evchat_queue_left_(struct evchat_queue *q, size_t len)
{
	q->bytes -= len;
	if (!q->bytes && !q->tail)
		q->foreign = false;
}

void
evchat_queue_batch_left_(struct evchat_queue *q, size_t len)
{
	struct evchat_batch *batch = q->batch;

	q->bytes -= len;
	batch->len -= len;
	memmove(batch->bytes, batch->bytes + len, batch->len);
}

bool
evchat_queue_is_asleep_(const struct evchat_queue *q)
{
	return q->tail && head_of(q)->asleep;
}

uint64_t
evchat_queue_asleep_(const struct evchat_queue *q)
{
	return evchat_queue_is_asleep_(q) ? head_of(q)->left : 0;
}

bool
evchat_queue_is_empty_(const struct evchat_queue *q)
{
	return !q->tail && q->bytes == 0;
}

void
evchat_queue_clear_(struct evchat_queue *q)
{
	struct evchat_queue_item *asked = NULL;

	/* The one being asked has the front in hand, until it returns. */
	if (q->asking) {
		asked = head_of(q);
		q->tail->next = asked->next;
		if (q->tail == asked)
			q->tail = NULL;
		free_run(&asked->behind);
		q->dropped = true;
	}
	while (q->tail)
		drop_head(q);
	q->tail = asked;
	q->bytes = 0;
	q->woken = q->foreign = false;
	if (q->batch)
		q->batch->len = 0;
	if (asked)
		asked->next = asked;
	else
		free_run(&q->front);
}
