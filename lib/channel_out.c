/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way out: queue -> transport, marks, and the calls that push.
 *
 * A push only queues.  Once a turn what waits goes to the transport, small
 * pieces joined, and producers are asked while little waits below.
 */
#include "alloc-internal.h"
#include "channel-internal.h"
#include "inline-internal.h"
#include "producer-internal.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* While bytes are on their way, fewer than these wait to be joined by others:
 * each move costs libevent a chain of about 1 KiB. */
enum { WORTH_A_MOVE = 4096 };

/* What a producer takes while it waits: itself, its evbuffer and a chain. */
enum { PRODUCER_TAKES = 1280 };

/* So many parts, of write_chunk each, are sent in one turn. */
enum { PARTS = 16 };

/* As much of a file is sent with one call. */
enum { FILE_PART = 256 * 1024 };

/* --- What waits. --- */

uint64_t
evchat_channel_sent_(const struct evchat *ch)
{
	uint64_t below = evchat_transport_pending_(&ch->transport);

	/* A filter may have made more of the bytes than they were. */
	return below < ch->moved ? ch->moved - below : 0;
}

bool
evchat_channel_is_sending_(const struct evchat *ch)
{
	return evchat_transport_pending_(&ch->transport) ||
	       evchat_transport_is_sending_(&ch->transport);
}

bool
evchat_channel_has_output_(const struct evchat *ch)
{
	return !evchat_queue_is_empty_(&ch->queue) ||
	       evchat_transport_pending_(&ch->transport);
}

static uint64_t
lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* A producer that does not say how much it makes counts too, or a pipelining
 * peer could have any number of them made; but so little that it may itself
 * wait for some further frames.  So may one that says how much, and sleeps at
 * the head of the queue: what it owes does not count.  But what it takes while
 * it waits does: 1,400 answers of 130 bytes and a small file took 2 MiB. */
uint64_t
evchat_channel_expected_(const struct evchat *ch, uint64_t high)
{
	const struct evchat_queue *q = &ch->queue;
	const uint64_t unsized = lesser(ch->limits->write_chunk, high / 4);
	const uint64_t sized = lesser(PRODUCER_TAKES, high / 4);

	return q->unsized * unsized + (q->producers - q->unsized) * sized -
	       evchat_queue_asleep_(q);
}

/* --- Sending. --- */

/* What has come of asking producers, where it is bad news. */
static void
note_answer(struct evchat *ch, enum evchat_asked asked)
{
	switch (asked) {
	case EVCHAT_ASKED_FAILED:
		evchat_channel_end_(ch, EVCHAT_REASON_PRODUCER);
		break;
	case EVCHAT_ASKED_NO_MEMORY:
		evchat_channel_end_(ch, EVCHAT_REASON_NO_MEMORY);
		break;
	case EVCHAT_ASKED_AGAIN:
		evchat_channel_yield_(ch);
		break;
	case EVCHAT_ASKED_ENOUGH:
	case EVCHAT_ASKED_NOBODY:
	case EVCHAT_ASKED_ASLEEP:
	case EVCHAT_ASKED_FILE:
	default:
		break;
	}
}

/* Ask producers for what there is room for: the high mark less all that is
 * queued below. */
static enum evchat_asked
ask_producers(struct evchat *ch)
{
	size_t below = evchat_transport_pending_(&ch->transport);
	size_t room = ch->limits->write_chunk;
	enum evchat_asked asked;

	/* What can go at once is asked for in turn: little memory is used, and
	 * used again while it is in the cache.  More than the high mark can
	 * only be what a filter holds back. */
	if (!evchat_transport_is_free_(&ch->transport) &&
	    below < ch->limits->output_high)
		room = ch->limits->output_high - below;
	asked = evchat_queue_fill_(
	    &ch->queue, room, ch->limits->write_chunk, ch->transport.fast);
	note_answer(ch, asked);
	return asked;
}

/* Copies of this turn go from where they are, if nothing is before them. */
static void
send_batch(struct evchat *ch, bool more)
{
	const struct evchat_batch *batch = evchat_queue_batch_(&ch->queue);
	size_t sent;

	if (!batch)
		return;
	sent = evchat_transport_try_(
	    &ch->transport, batch->bytes, batch->len, more);
	evchat_queue_batch_left_(&ch->queue, sent);
	ch->moved += sent;
}

static void
send_front(struct evchat *ch, bool more)
{
	size_t len = evchat_queue_front_(&ch->queue);
	unsigned how = ch->queue.foreign ? EVCHAT_SENT_FOREIGN : 0;

	if (!len || ch->broken)
		return;
	if (evchat_queue_gather_(&ch->queue)) {
		evchat_channel_end_(ch, EVCHAT_REASON_NO_MEMORY);
		return;
	}
	if (more)
		how |= EVCHAT_SENT_MORE;
	errno = 0;
	if (evchat_transport_write_(&ch->transport, ch->queue.front, how))
		evchat_channel_fail_(ch, errno);
	/* They may have left before it failed. */
	len -= evchat_queue_front_(&ch->queue);
	evchat_queue_left_(&ch->queue, len);
	ch->moved += len;
}

/* `more`: a file follows at once, and should not begin a packet of its own. */
static void
move_front(struct evchat *ch, bool more)
{
	size_t len = evchat_queue_front_(&ch->queue);

	if (len < WORTH_A_MOVE && evchat_transport_is_sending_(&ch->transport))
		return;
	send_batch(ch, more);
	send_front(ch, more);
}

/* Send a part of the file that is next, and say whether to go on. */
static bool
send_file(struct evchat *ch)
{
	struct evchat_file *file = evchat_queue_file_(&ch->queue);
	uint64_t len = file->left;

	if (len > FILE_PART)
		len = FILE_PART;
	switch (evchat_transport_send_file_(
	    &ch->transport, file->fd, file->offset, &len)) {
	case EVCHAT_FILE_SENT:
		ch->moved += len;
		if (!evchat_queue_file_left_(&ch->queue, len))
			evchat_channel_end_(ch, EVCHAT_REASON_PRODUCER);
		return true;
	case EVCHAT_FILE_CANNOT:
		file->must_be_read = true;
		return true;
	case EVCHAT_FILE_FAILED:
		evchat_channel_end_(ch, EVCHAT_REASON_PRODUCER);
		return false;
	case EVCHAT_FILE_NO_EVENT:
		evchat_channel_fail_(ch, errno);
		return false;
	case EVCHAT_FILE_WAITS:
	default:
		return false;
	}
}

/* Send what is there, in order; true if there may be more of it that can go
 * now: libevent says nothing of a socket that has taken everything. */
static bool
send_some(struct evchat *ch)
{
	enum evchat_asked asked = ask_producers(ch);
	bool file = asked == EVCHAT_ASKED_FILE;

	/* The producer may have freed its channel. */
	if (!evchat_channel_is_open_(ch))
		return false;
	move_front(ch, file);
	if (!evchat_channel_is_open_(ch) || ch->broken ||
	    evchat_queue_front_(&ch->queue) ||
	    !evchat_transport_is_free_(&ch->transport))
		return false;
	return file ? send_file(ch) : asked == EVCHAT_ASKED_ENOUGH;
}

/* A part after the other, but not for ever: others wait. */
static void
send_parts(struct evchat *ch)
{
	int parts = PARTS;

	while (parts && send_some(ch) && evchat_channel_is_open_(ch))
		parts--;
	if (!parts)
		evchat_channel_yield_(ch);
}

static void
tell_room(struct evchat *ch)
{
	if (!ch->above || ch->closing || ch->doomed ||
	    evchat_channel_pending_(ch) > ch->limits->output_low)
		return;
	ch->above = false;
	if (ch->callbacks.room)
		ch->callbacks.room(ch, ch->ctx);
}

static void
tell_drained(struct evchat *ch)
{
	if (!evchat_channel_is_open_(ch) || ch->doomed ||
	    evchat_channel_has_output_(ch))
		return;
	ch->copied = 0;
	if (!ch->undrained)
		return;
	ch->undrained = false;
	if (ch->callbacks.drained)
		ch->callbacks.drained(ch, ch->ctx);
}

/* libevent says when less than the low mark is left; but nothing of what only
 * a filter holds back. */
static bool
has_enough_below(const struct evchat *ch)
{
	return evchat_transport_is_sending_(&ch->transport) &&
	       evchat_transport_pending_(&ch->transport) >
		   ch->limits->output_low;
}

void
evchat_channel_give_output_(struct evchat *ch)
{
	if (!evchat_channel_is_open_(ch) || ch->doomed || ch->broken ||
	    ch->transport.waiting)
		return;
	if (!has_enough_below(ch))
		send_parts(ch);
	if (!evchat_channel_is_open_(ch))
		return;
	tell_room(ch);
	tell_drained(ch);
}

/* --- Pushing. --- */

static int
check(const struct evchat *ch)
{
	int error = evchat_channel_check_(ch);

	if (error)
		return error;
	if (ch->closing || ch->shut || ch->doomed || ch->broken)
		return EVCHAT_ERR_CLOSING;
	return ch->transport.can_write ? 0 : EVCHAT_ERR_INVALID;
}

/* Whether bytes can be pushed; none are nothing to do. */
static int
check_bytes(const struct evchat *ch, const void *bytes, size_t len)
{
	int error = check(ch);

	if (!error && len && !bytes)
		error = EVCHAT_ERR_INVALID;
	return error;
}

static uint64_t
up_to(uint64_t is, uint64_t mark)
{
	return is < mark ? mark - is : 0;
}

/* How much more may be copied before any mark is reached. */
static uint64_t
harmless(const struct evchat *ch, uint64_t waiting)
{
	const struct evchat_limits *limits = ch->limits;
	uint64_t high =
	    lesser(limits->output_high, evchat_channel_dispatch_high_(ch));

	return lesser(
	    up_to(waiting, high), up_to(ch->copied, limits->output_max));
}

static int
pushed(struct evchat *ch)
{
	uint64_t waiting = evchat_channel_pending_(ch);

	ch->undrained = true;
	if (waiting > ch->limits->output_high)
		ch->above = true;
	evchat_channel_wish_(ch);
	evchat_queue_be_quick_(&ch->queue, harmless(ch, waiting));
	return 0;
}

/* Copies and what is lent leave the transport in one order, so how many copies
 * are left there is not known; no more than all that waits, and no more than
 * there ever were. */
static int
check_cap(const struct evchat *ch, size_t len, size_t end_len)
{
	uint64_t max = ch->limits->output_max;
	uint64_t waiting = ch->copied + end_len;

	if (waiting <= max && len <= max - waiting)
		return 0;
	if (evchat_channel_pending_(ch) < ch->copied)
		waiting = evchat_channel_pending_(ch) + end_len;
	return waiting > max || len > max - waiting ? EVCHAT_ERR_FULL : 0;
}

/* Copy the bytes and what ends them: both or neither. */
static int
push_copy(struct evchat *ch, const void *bytes, size_t len, const void *end,
    size_t end_len)
{
	int error = check_cap(ch, len, end_len);

	if (!error)
		error =
		    evchat_queue_copy_(&ch->queue, bytes, len, end, end_len);
	if (error)
		return error;
	ch->copied += len + end_len;
	return pushed(ch);
}

/* Has something been pushed in this turn, and nothing happened since that would
 * have a say in it? */
static bool
may_be_quick(const struct evchat *ch)
{
	return !ch->stopped && !ch->shut && !ch->broken && ch->again &&
	       ch->undrained;
}

static NOT_INLINE int
push_carefully(struct evchat *ch, const void *bytes, size_t len)
{
	int error = check_bytes(ch, bytes, len);

	if (error || !len)
		return error;
	return push_copy(ch, bytes, len, NULL, 0);
}

int
evchat_push(struct evchat *ch, const void *bytes, size_t len)
{
	if (!ch || !may_be_quick(ch) ||
	    !evchat_queue_copy_quickly_(&ch->queue, bytes, len))
		return push_carefully(ch, bytes, len);
	ch->copied += len;
	return 0;
}

static int
push_long_text(
    struct evchat *ch, size_t len, const char *format, va_list arguments)
{
	char *text = evchat_malloc_(len + 1);
	int error;

	if (!text)
		return EVCHAT_ERR_NO_MEMORY;
	(void)vsnprintf(text, len + 1, format, arguments);
	error = evchat_push(ch, text, len);
	evchat_mfree_(text);
	return error;
}

int
evchat_pushf(struct evchat *ch, const char *format, ...)
{
	char text[512];
	va_list arguments;
	int error = check(ch);
	int len;

	if (error)
		return error;
	if (!format)
		return EVCHAT_ERR_INVALID;
	va_start(arguments, format);
	len = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (len < 0)
		return EVCHAT_ERR_INVALID;
	if ((size_t)len < sizeof text)
		return evchat_push(ch, text, (size_t)len);
	va_start(arguments, format);
	error = push_long_text(ch, (size_t)len, format, arguments);
	va_end(arguments);
	return error;
}

static bool
is_one_line(const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] == '\r' || bytes[i] == '\n' || bytes[i] == '\0')
			return false;
	return true;
}

int
evchat_push_line(struct evchat *ch, const void *bytes, size_t len)
{
	int error = check_bytes(ch, bytes, len);

	if (error)
		return error;
	if (!is_one_line(bytes, len))
		return EVCHAT_ERR_INVALID;
	return push_copy(ch, bytes, len, "\r\n", 2);
}

int
evchat_push_ref(struct evchat *ch, const void *bytes, size_t len,
    evchat_cleanup_cb cleanup, void *ctx)
{
	int error = check_bytes(ch, bytes, len);
	bool queued = false;

	if (!error && len) {
		error =
		    evchat_queue_refer_(&ch->queue, bytes, len, cleanup, ctx);
		queued = !error;
	}
	if (queued)
		return pushed(ch);
	if (cleanup)
		cleanup(bytes, len, ctx);
	return error;
}

int
evchat_push_buffer(struct evchat *ch, struct evbuffer *bytes)
{
	int error = check(ch);

	if (!error && !bytes)
		error = EVCHAT_ERR_INVALID;
	if (error || !evbuffer_get_length(bytes))
		return error;
	error = evchat_queue_move_(&ch->queue, bytes);
	return error ? error : pushed(ch);
}

int
evchat_push_file(struct evchat *ch, int fd, uint64_t offset, uint64_t len)
{
	struct evchat_producer file;
	int error = evchat_producer_file(&file, fd, offset, len);

	return error ? error : evchat_push_producer(ch, file);
}

int
evchat_push_producer(struct evchat *ch, struct evchat_producer producer)
{
	int error = check(ch);

	if (!error && !evchat_producer_is_valid_(&producer))
		error = EVCHAT_ERR_INVALID;
	if (!error)
		error = evchat_queue_produce_(&ch->queue, &producer);
	if (!error)
		return pushed(ch);
	evchat_producer_release_(&producer);
	return error;
}

/* --- Steering. --- */

int
evchat_wake(struct evchat *ch)
{
	int error = evchat_channel_check_(ch);

	if (error)
		return error;
	evchat_queue_wake_(&ch->queue);
	evchat_channel_wish_(ch);
	return 0;
}

int
evchat_discard_output(struct evchat *ch)
{
	bool serving;
	int error = evchat_channel_check_(ch);

	if (error)
		return error;
	/* A filter calls back from inside the drain: let it wait. */
	serving = ch->serving;
	ch->serving = true;
	evchat_queue_clear_(&ch->queue);
	ch->moved = evchat_channel_sent_(ch);
	error = evchat_transport_discard_(&ch->transport);
	ch->serving = serving;
	evchat_channel_wish_(ch);
	return error;
}

uint64_t
evchat_pending(const struct evchat *ch)
{
	return ch ? evchat_channel_pending_(ch) : 0;
}

bool
evchat_has_room(const struct evchat *ch)
{
	return ch && evchat_channel_pending_(ch) <= ch->limits->output_high;
}

uint64_t
evchat_unsent(const struct evchat *ch)
{
	return ch ? ch->unsent : 0;
}
