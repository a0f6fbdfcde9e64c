/* SPDX-License-Identifier: BSD-3-Clause */
/* Output that waits, in order: runs of bytes and producers. */
#ifndef EVCHAT_QUEUE_INTERNAL_H
#define EVCHAT_QUEUE_INTERNAL_H

#include <evchat/producer.h>
#include <event2/buffer.h>
#include <string.h>

struct evchat_file;
struct evchat_queue_item;

/* Copies that were pushed in this turn and have nothing but the front before
 * them, in memory that is lent for the turn: so a push of a few bytes costs no
 * more than to copy them. */
struct evchat_batch {
	unsigned char *bytes;
	size_t len, room;
	size_t quick; /* bytes that may be added without a further look */
};

/* All zeros is an empty queue. */
struct evchat_queue {
	/* Bytes that are next to go; what the first producer makes comes here
	 * too.  NULL until the first byte. */
	struct evbuffer *front;
	struct evchat_batch *batch; /* the end of the front; NULL between turns
				     */
	/* The last of a ring of producers, each with the bytes pushed behind
	 * it; the next one is the first. */
	struct evchat_queue_item *tail;
	uint64_t bytes;    /* in front, in batch and behind producers */
	uint64_t promised; /* what producers with a size have yet to make */
	uint32_t unsized;  /* producers without a size */
	/* Producers, modulo what fits beside the bits: nobody has memory for
	 * more. */
	uint32_t producers : 27;
	bool woken : 1;   /* a wake that no producer has answered yet */
	bool asking : 1;  /* the first producer is being asked */
	bool dropped : 1; /* everything was dropped meanwhile */
	bool halted : 1;  /* nobody is asked any more */
	bool foreign : 1; /* not all of the front is evchat's own copies and
			   * references */
};

/* What asking the first producer came to. */
enum evchat_asked {
	EVCHAT_ASKED_ENOUGH,   /* there is no more room */
	EVCHAT_ASKED_NOBODY,   /* there is no producer */
	EVCHAT_ASKED_ASLEEP,   /* it says LATER */
	EVCHAT_ASKED_AGAIN,    /* it made nothing, but has not ended */
	EVCHAT_ASKED_FILE,     /* it is a file, which need not be asked */
	EVCHAT_ASKED_FAILED,   /* it failed: the queue is to be cleared */
	EVCHAT_ASKED_NO_MEMORY /* it could not be asked: likewise */
};

/*
 * Add to the end.  0, or EVCHAT_ERR_NO_MEMORY or EVCHAT_ERR_EVENT with nothing
 * changed; a failed reference's cleanup and a failed producer's release are
 * left to the caller.  No reference is empty.  What is copied may come in two
 * parts.
 */
int evchat_queue_copy_(struct evchat_queue *q, const void *bytes, size_t len,
    const void *end, size_t end_len);
int evchat_queue_refer_(struct evchat_queue *q, const void *bytes, size_t len,
    evchat_cleanup_cb cleanup, void *ctx);
int evchat_queue_move_(struct evchat_queue *q, struct evbuffer *bytes);
int evchat_queue_produce_(
    struct evchat_queue *q, const struct evchat_producer *producer);

/* The usual push, of a few bytes in a turn in which others have been pushed:
 * false when there is more to it. */
static inline bool
evchat_queue_copy_quickly_(
    struct evchat_queue *q, const void *bytes, size_t len)
{
	struct evchat_batch *batch = q->batch;

	if (!batch || len > batch->quick || !bytes)
		return false;
	memcpy(batch->bytes + batch->len, bytes, len);
	batch->len += len;
	batch->quick -= len;
	q->bytes += len;
	return true;
}

/* From now on so many bytes may be added quickly, as far as there is room. */
void evchat_queue_be_quick_(struct evchat_queue *q, uint64_t most);

/* May any? */
static inline bool
evchat_queue_is_quick_(const struct evchat_queue *q)
{
	return q->batch && q->batch->quick;
}

/* Have a batch for this turn, and no more.  Its end moves what is in it to the
 * front: 0, or EVCHAT_ERR_NO_MEMORY and it is lost. */
void evchat_queue_begin_turn_(
    struct evchat_queue *q, struct evchat_batch *batch);
int evchat_queue_end_turn_(struct evchat_queue *q);

/* The bytes that are next to go, if they are all in the batch; NULL if not. */
const struct evchat_batch *evchat_queue_batch_(const struct evchat_queue *q);

/* Move the batch to the front.  0, or EVCHAT_ERR_NO_MEMORY with nothing
 * changed. */
int evchat_queue_gather_(struct evchat_queue *q);

/* How many bytes are next to go, before any producer is asked. */
size_t evchat_queue_front_(const struct evchat_queue *q);

/* Ask producers, at most `chunk` bytes at a time, until front has `room` bytes.
 * Everything pushed before a producer is in the front when it is asked.  With
 * `files`, one that would only read a file is not asked. */
enum evchat_asked evchat_queue_fill_(
    struct evchat_queue *q, size_t room, size_t chunk, bool files);

/* The file that was not asked. */
struct evchat_file *evchat_queue_file_(const struct evchat_queue *q);

/* So many bytes of it have been sent.  False when it has ended and what is
 * behind it cannot be moved to the front: the queue is to be cleared. */
bool evchat_queue_file_left_(struct evchat_queue *q, uint64_t len);

/* Ask nobody any more, not even in the call that is under way. */
void evchat_queue_halt_(struct evchat_queue *q);

/* The first producer has something, or will when it says LATER next. */
void evchat_queue_wake_(struct evchat_queue *q);

/* So many bytes have left the front, or the batch. */
void evchat_queue_left_(struct evchat_queue *q, size_t len);
void evchat_queue_batch_left_(struct evchat_queue *q, size_t len);

/* Is nothing waiting, and nobody going to make anything?  Does the first
 * producer wait for a wake?  Are there any? */
bool evchat_queue_is_empty_(const struct evchat_queue *q);
bool evchat_queue_is_asleep_(const struct evchat_queue *q);
static inline bool
evchat_queue_has_producers_(const struct evchat_queue *q)
{
	return q->tail != NULL;
}

/* How many bytes the first producer has yet to make, if it sleeps. */
uint64_t evchat_queue_asleep_(const struct evchat_queue *q);

/* Drop everything; every cleanup and release runs. */
void evchat_queue_clear_(struct evchat_queue *q);

/* Copy bytes to the end of an evbuffer.  evbuffer_add() is not used: it sizes a
 * new chain after the one before, even where that is a reference, and took
 * 128 MiB for two bytes behind 100 MiB of reference.  0 or
 * EVCHAT_ERR_NO_MEMORY. */
int evchat_append_copy_(struct evbuffer *out, const void *bytes, size_t len);

/* The same for many bytes, in pieces of 16 KiB: one of 64 KiB would take 128
 * from libevent.  With EVCHAT_ERR_NO_MEMORY nothing has changed. */
int evchat_append_run_(struct evbuffer *out, const void *bytes, size_t len);

#endif
