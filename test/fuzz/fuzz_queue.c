/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The queue of output against a ledger: an input is a list of operations, and
 * after each the queue must count what the ledger counts, have in its front
 * what comes next there, and at the end have let go of everything exactly once.
 *
 * While a producer is being asked, operations go on inside of it.
 */
#include "alloc-internal.h"
#include "fuzz/ledger.h"
#include "fuzz/playing.h"
#include "fuzz/target.h"
#include "producer-internal.h"
#include "queue-internal.h"
#include "support/file.h"
#include "support/memory.h"
#include <evchat/error.h>
#include <string.h>
#include <unistd.h>

enum { PUSHES = 60, FILE_SIZE = 40000, BATCH = 3000, FRONT = 1 << 21 };

/* A reference that was lent. */
struct loan {
	bool taken;
	size_t cleaned;
};

static struct stage {
	struct input in;
	struct evchat_queue q;
	struct evchat_batch batch;
	unsigned char batch_bytes[BATCH];
	struct ledger ledger;
	struct playing playing[PUSHES];
	size_t n_playing;
	struct loan loans[PUSHES];
	size_t n_loans;
	size_t files; /* pushed since the queue was cleared last */
	size_t pushes;
	bool woken;     /* by a wake that nobody has answered */
	bool forgetful; /* one of evchat's allocations is going to fail */
} stage;

static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
static unsigned char file_bytes[FILE_SIZE];
static int file_fd = -1;
static unsigned char front_bytes[FRONT];

static void operate(void);

/* --- Pushing. --- */

static size_t
read_text(char *text, size_t most)
{
	size_t len = input_byte(&stage.in);

	text[0] = '\0'; /* GCC wants to see it written even when it is empty */
	if (len >= 0xf0)
		len = (len - 0xef) * most / 16;
	for (size_t i = 0; i < len; i++)
		text[i] = letters[(i + stage.pushes) % (sizeof letters - 1)];
	return len;
}

static void
took(const char *text, size_t len)
{
	if (len)
		ledger_note(&stage.ledger, text, len);
}

static void
push_copy(void)
{
	char text[4000];
	size_t len = read_text(text, sizeof text);
	size_t parts = len ? input_byte(&stage.in) % (len + 1) : 0;

	if (!evchat_queue_copy_(
		&stage.q, text, parts, text + parts, len - parts))
		took(text, len);
	evchat_queue_be_quick_(&stage.q, input_byte(&stage.in));
}

static void
push_quickly(void)
{
	char text[4000];
	size_t len = read_text(text, 300);

	if (evchat_queue_copy_quickly_(&stage.q, text, len))
		took(text, len);
}

static void
clean(const void *bytes, size_t len, void *ctx)
{
	struct loan *loan = ctx;

	must(bytes == file_bytes && len, "what was lent is given back");
	must(!loan->cleaned++, "and once");
}

static void
push_reference(void)
{
	struct loan *loan = &stage.loans[stage.n_loans++];
	size_t len = 1 + input_word(&stage.in) % 5000;

	loan->cleaned = 0;
	loan->taken =
	    !evchat_queue_refer_(&stage.q, file_bytes, len, clean, loan);
	if (loan->taken)
		took((const char *)file_bytes, len);
	evchat_queue_be_quick_(&stage.q, input_byte(&stage.in));
}

static void
push_buffer(void)
{
	struct evbuffer *bytes = evbuffer_new();
	char text[4000];
	size_t len = read_text(text, sizeof text);

	must(bytes && !evbuffer_add(bytes, text, len), "there is memory");
	if (!evchat_queue_move_(&stage.q, bytes))
		took(text, len);
	must(evbuffer_get_length(bytes) == 0, "it was moved");
	evbuffer_free(bytes);
	evchat_queue_be_quick_(&stage.q, input_byte(&stage.in));
}

static void
aside(struct made *made, struct evbuffer *out)
{
	(void)made;
	(void)out;
	operate();
}

static void
give_to_queue(struct evchat_producer producer, struct playing *p)
{
	if (stage.forgetful)
		memory_refuse_once_after(0);
	if (evchat_queue_produce_(&stage.q, &producer)) {
		must(stage.forgetful, "a producer is taken");
		evchat_producer_release_(&producer);
		if (p)
			ledger_end(&stage.ledger, p->entry);
	}
	memory_refuse_none();
	evchat_queue_be_quick_(&stage.q, input_byte(&stage.in));
}

/* One that is wrapped promises what it says, but in fewer bytes than come. */
static void
push_producer(void)
{
	struct playing *p = &stage.playing[stage.n_playing++];
	struct evchat_producer producer =
	    playing_from(p, &stage.in, &stage.ledger, aside, true);

	if (p->chunked)
		must(!evchat_producer_chunked(&producer), "there is memory");
	give_to_queue(producer, p);
}

static void
push_file(void)
{
	uint64_t offset = input_word(&stage.in) % FILE_SIZE;
	uint64_t len = input_word(&stage.in) % (FILE_SIZE - offset);
	struct evchat_producer producer;

	must(!evchat_producer_file(&producer, dup(file_fd), offset, len),
	    "a file is a producer");
	stage.forgetful = false;
	took((const char *)file_bytes + offset, len);
	stage.files++;
	give_to_queue(producer, NULL);
}

/* --- Taking. --- */

static void
clear(void)
{
	evchat_queue_clear_(&stage.q);
	for (size_t i = 0; i < stage.n_playing; i++)
		playing_forget(&stage.playing[i]);
	ledger_clear(&stage.ledger);
	stage.files = 0;
	stage.woken = false;
}

static void
sent(const void *bytes, size_t len)
{
	must(ledger_take(&stage.ledger, bytes, len),
	    "what is sent is what was pushed next");
}

/* Send some of the front, as a transport would. */
static void
send_some(size_t most)
{
	const struct evchat_batch *batch = evchat_queue_batch_(&stage.q);
	struct evbuffer *front = stage.q.front;
	size_t len = front ? evbuffer_get_length(front) : 0;

	if (batch) {
		len = batch->len < most ? batch->len : most;
		sent(batch->bytes, len);
		evchat_queue_batch_left_(&stage.q, len);
		return;
	}
	if (len > most)
		len = most;
	if (!len)
		return;
	must(evbuffer_copyout(front, front_bytes, len) == (ev_ssize_t)len,
	    "it can be copied");
	sent(front_bytes, len);
	must(!evbuffer_drain(front, len), "an evbuffer can be drained");
	evchat_queue_left_(&stage.q, len);
}

/* Send some of a file from where it is. */
static void
send_file(size_t most)
{
	struct evchat_file *file = evchat_queue_file_(&stage.q);
	size_t len;

	if (!file || evchat_queue_front_(&stage.q))
		return;
	len = file->left < most ? (size_t)file->left : most;
	sent(file_bytes + file->offset, len);
	must(evchat_queue_file_left_(&stage.q, len), "there is memory");
}

static size_t
laters(void)
{
	size_t n = 0;

	for (size_t i = 0; i < stage.n_playing; i++)
		n += stage.playing[i].laters;
	return n;
}

static void
wake(void)
{
	bool slept = evchat_queue_is_asleep_(&stage.q);

	evchat_queue_wake_(&stage.q);
	must(!evchat_queue_is_asleep_(&stage.q), "who is woken does not sleep");
	stage.woken |= !slept;
}

/* A wake that came too early is the answer to the next LATER. */
static void
look_at_sleep(enum evchat_asked asked, bool answered)
{
	must(asked != EVCHAT_ASKED_ASLEEP || !stage.woken,
	    "a wake that comes too early is remembered");
	stage.woken &= !answered;
}

static void
fill(void)
{
	size_t room = input_word(&stage.in), chunk = 1 + input_word(&stage.in);
	bool files = room & 1;
	size_t before = laters();
	enum evchat_asked asked =
	    evchat_queue_fill_(&stage.q, room, chunk, files);

	look_at_sleep(asked, laters() > before);
	switch (asked) {
	case EVCHAT_ASKED_NOBODY:
		must(!evchat_queue_has_producers_(&stage.q), "there is nobody");
		return;
	case EVCHAT_ASKED_ASLEEP:
		must(evchat_queue_is_asleep_(&stage.q), "it sleeps");
		return;
	case EVCHAT_ASKED_FILE:
		send_file(room);
		return;
	case EVCHAT_ASKED_FAILED:
		clear();
		return;
	case EVCHAT_ASKED_NO_MEMORY:
		must(false, "there is memory");
		return;
	case EVCHAT_ASKED_ENOUGH:
	case EVCHAT_ASKED_AGAIN:
		return;
	}
}

/* --- Looking. --- */

static void
look_at_front(void)
{
	const struct evbuffer *front = stage.q.front;
	size_t in_front = front ? evbuffer_get_length(front) : 0;
	size_t in_batch = stage.q.batch ? stage.q.batch->len : 0;
	size_t len = in_front + in_batch;

	must(evchat_queue_front_(&stage.q) == len, "the front counts its own");
	must(len <= FRONT, "there is room to look at it");
	if (in_front)
		must(evbuffer_copyout(stage.q.front, front_bytes, in_front) ==
			 (ev_ssize_t)in_front,
		    "it can be copied");
	if (in_batch)
		memcpy(front_bytes + in_front, stage.q.batch->bytes, in_batch);
	must(ledger_begins_with(&stage.ledger, front_bytes, len),
	    "what comes next is what was pushed next");
	if (!stage.files)
		must(ledger_ready(&stage.ledger) == len, "and all that can");
}

static void
look_at_counts(void)
{
	uint64_t owed = 0;
	size_t unsized = 0;

	for (size_t i = 0; i < stage.n_playing; i++) {
		const struct playing *p = &stage.playing[i];

		if (!p->ledger || p->made.released)
			continue;
		owed += playing_owes(p);
		unsized += !p->size;
	}
	must(stage.q.bytes + stage.q.promised == stage.ledger.len + owed,
	    "what waits is what was pushed and not sent");
	if (!stage.files)
		must(stage.q.unsized == unsized, "so many say no size");
	if (!stage.files && ledger_is_complete(&stage.ledger))
		must(evchat_queue_is_empty_(&stage.q) == !stage.ledger.len,
		    "it is empty when all was sent");
}

static void
look(void)
{
	/* While one is asked, what it has made is not counted yet. */
	if (stage.q.asking || stage.q.dropped)
		return;
	look_at_counts();
}

/* --- Operations. --- */

static void
push(uint8_t kind)
{
	if (stage.pushes == PUSHES)
		return;
	stage.pushes++;
	switch (kind & 7) {
	case 0:
	case 1:
		push_copy();
		break;
	case 2:
		push_quickly();
		break;
	case 3:
		push_reference();
		break;
	case 4:
		push_buffer();
		break;
	case 5:
		push_file();
		break;
	default:
		push_producer();
	}
}

static void
turn(void)
{
	if (stage.q.batch) {
		must(!evchat_queue_end_turn_(&stage.q), "there is memory");
		return;
	}
	stage.batch = (struct evchat_batch){.bytes = stage.batch_bytes,
	    .room = 1 + (size_t)input_byte(&stage.in) * 11};
	evchat_queue_begin_turn_(&stage.q, &stage.batch);
}

/* What only the loop does, and so not while a producer is asked. */
static void
serve(uint8_t kind)
{
	if (stage.q.asking)
		return;
	switch (kind & 3) {
	case 0:
	case 1:
		fill();
		break;
	case 2:
		send_some(input_word(&stage.in));
		break;
	default:
		turn();
	}
	if (!stage.q.dropped)
		look_at_front();
}

static void
operate(void)
{
	uint8_t kind = input_byte(&stage.in);

	stage.forgetful = (kind & 0xf8) == 0xf8;
	if (kind & 0x80)
		push(kind);
	else if (kind & 0x40)
		serve(kind);
	else if (kind & 0x20)
		wake();
	else if (kind == 1)
		clear();
	else if (kind == 2)
		must(!evchat_queue_gather_(&stage.q), "there is memory");
	else if (kind == 3)
		evchat_queue_halt_(&stage.q);
	look();
}

static void
set_the_stage(const uint8_t *bytes, size_t len)
{
	stage.in = (struct input){bytes, len};
	stage.woken = false;
	stage.n_playing = stage.n_loans = stage.files = stage.pushes = 0;
	if (file_fd >= 0)
		return;
	for (size_t i = 0; i < FILE_SIZE; i++)
		file_bytes[i] = (unsigned char)letters[i * i % 36];
	file_fd = nameless_file(file_bytes, FILE_SIZE);
}

static void
strike(void)
{
	clear();
	must(evchat_queue_is_empty_(&stage.q), "a cleared queue is empty");
	if (stage.q.batch)
		must(!evchat_queue_end_turn_(&stage.q), "nothing is left");
	must(!stage.q.front && !stage.q.promised && !stage.q.unsized,
	    "and counts nothing");
	for (size_t i = 0; i < stage.n_playing; i++)
		must(stage.playing[i].made.released == 1,
		    "every producer is released");
	for (size_t i = 0; i < stage.n_loans; i++)
		must(stage.loans[i].cleaned == stage.loans[i].taken,
		    "every loan comes back");
	must(memory_live() == 0, "no memory is left");
	memset(&stage.q, 0, sizeof stage.q);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	set_the_stage(bytes, len);
	must_keep_descriptors();
	memory_watch();
	while (stage.in.left)
		operate();
	strike();
	memory_unwatch();
	must_keep_descriptors();
	return 0;
}
