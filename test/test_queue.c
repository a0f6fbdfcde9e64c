/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The queue of output: the order in which what was pushed leaves it, when
 * producers are asked, what is counted as waiting, and who is told that it is
 * no longer needed.
 *
 * Around each test: every producer that the queue took has been released
 * exactly once, every reference cleaned up exactly once, no memory of evchat's
 * or libevent's is left, and a cleared queue is all zeros.
 */
#include "alloc-internal.h"
#include "producer-internal.h"
#include "queue-internal.h"
#include "support/file.h"
#include "support/made.h"
#include "support/memory.h"
#include "support/scale.h"
#include "support/suite.h"
#include <evchat/error.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#define LEN(array) (sizeof(array) / sizeof *(array))

enum { PRODUCERS = 64, SENT = 1 << 17, PLENTY = 1 << 16 };

static struct evchat_queue q;
static struct made made[PRODUCERS];
static bool took[PRODUCERS];
static size_t referred, cleaned;
static char sent[SENT];
static size_t sent_len;

/* --- Pushing. --- */

static int
copy(const char *text)
{
	return evchat_queue_copy_(&q, text, strlen(text), NULL, 0);
}

static void
clean(const void *bytes, size_t len, void *ctx)
{
	ck_assert_ptr_eq(bytes, ctx);
	ck_assert_uint_eq(len, strlen(bytes));
	cleaned++;
}

static int
refer(const char *text)
{
	void *ctx = (void *)(uintptr_t)text;
	int error = evchat_queue_refer_(&q, text, strlen(text), clean, ctx);

	if (!error)
		referred++;
	return error;
}

static int
move(const char *text)
{
	struct evbuffer *bytes = evbuffer_new();
	int error;

	ck_assert_ptr_nonnull(bytes);
	ck_assert_int_eq(evbuffer_add(bytes, text, strlen(text)), 0);
	error = evchat_queue_move_(&q, bytes);
	ck_assert_uint_eq(evbuffer_get_length(bytes), error ? strlen(text) : 0);
	evbuffer_free(bytes);
	return error;
}

/* Push the producer of that number. */
static int
produce_sized(size_t i, const char *script, uint64_t size)
{
	struct evchat_producer producer = made_from(&made[i], script);
	int error;

	producer.size = size;
	error = evchat_queue_produce_(&q, &producer);
	took[i] = !error;
	return error;
}

static int
produce(size_t i, const char *script)
{
	return produce_sized(i, script, 0);
}

/* --- Taking. --- */

/* Take everything out of the front, as a transport does, to the end of what
 * has been sent. */
static void
take(void)
{
	size_t len = q.front ? evbuffer_get_length(q.front) : 0;

	ck_assert_uint_lt(sent_len + len, sizeof sent);
	if (len)
		ck_assert(
		    evbuffer_remove(q.front, sent + sent_len, len) == (int)len);
	sent_len += len;
	sent[sent_len] = '\0';
	evchat_queue_left_(&q, len);
}

static size_t
front_length(void)
{
	return q.front ? evbuffer_get_length(q.front) : 0;
}

/* Send all there is; what it comes to is not ENOUGH and not AGAIN. */
static enum evchat_asked
send_in(size_t room, size_t chunk)
{
	enum evchat_asked asked;

	do {
		asked = evchat_queue_fill_(&q, room, chunk, false);
		if (asked != EVCHAT_ASKED_FAILED)
			take();
	} while (asked == EVCHAT_ASKED_ENOUGH || asked == EVCHAT_ASKED_AGAIN);
	return asked;
}

static void
expect_sent(const char *text)
{
	ck_assert_int_eq(send_in(PLENTY, PLENTY), EVCHAT_ASKED_NOBODY);
	ck_assert_str_eq(sent, text);
	ck_assert(evchat_queue_is_empty_(&q));
}

static void
expect_waiting(uint64_t bytes, uint64_t promised, size_t unsized)
{
	ck_assert_uint_eq(q.bytes, bytes);
	ck_assert_uint_eq(q.promised, promised);
	ck_assert_uint_eq(q.unsized, unsized);
}

static void
expect_asked(size_t room, size_t chunk, enum evchat_asked asked)
{
	ck_assert_int_eq(evchat_queue_fill_(&q, room, chunk, false), asked);
}

#define OK(call) ck_assert_int_eq(call, 0)

/* --- Order. --- */

START_TEST(everything_leaves_in_the_order_of_the_pushes)
{
	OK(copy("ab"));
	OK(refer("cd"));
	OK(move("ef"));
	OK(produce(0, "gh+ij."));
	OK(copy("kl"));
	OK(refer("mn"));
	OK(produce(1, "op."));
	OK(produce(2, "."));
	OK(move("qr"));
	OK(copy("st"));
	expect_sent("abcdefghijklmnopqrst");
}
END_TEST

START_TEST(a_copy_may_come_in_two_parts)
{
	OK(evchat_queue_copy_(&q, "ab", 2, "\r\n", 2));
	OK(evchat_queue_copy_(&q, NULL, 0, "\r\n", 2));
	OK(evchat_queue_copy_(&q, "cd", 2, NULL, 0));
	expect_waiting(8, 0, 0);
	expect_sent("ab\r\n\r\ncd");
}
END_TEST

START_TEST(copied_bytes_may_change_afterwards)
{
	char bytes[] = "ab";

	OK(copy(bytes));
	memset(bytes, 'x', 2);
	expect_sent("ab");
}
END_TEST

START_TEST(the_evbuffer_that_bytes_were_moved_from_stays_usable)
{
	struct evbuffer *bytes = evbuffer_new();

	evbuffer_add(bytes, "ab", 2);
	OK(evchat_queue_move_(&q, bytes));
	ck_assert_uint_eq(evbuffer_get_length(bytes), 0);
	evbuffer_add(bytes, "cd", 2);
	OK(evchat_queue_move_(&q, bytes));
	evbuffer_free(bytes);
	expect_sent("abcd");
}
END_TEST

START_TEST(bytes_without_a_producer_are_at_the_front_at_once)
{
	OK(copy("ab"));
	ck_assert_uint_eq(front_length(), 2);
	OK(produce(0, "ef."));
	OK(copy("gh"));
	ck_assert_uint_eq(front_length(), 2);
	expect_sent("abefgh");
}
END_TEST

START_TEST(bytes_behind_an_ended_producer_come_next)
{
	OK(produce(0, "ab."));
	OK(copy("cd"));
	OK(produce(1, "~ gh."));
	OK(copy("ij"));
	ck_assert_int_eq(send_in(PLENTY, PLENTY), EVCHAT_ASKED_ASLEEP);
	ck_assert_str_eq(sent, "abcd");
	OK(copy("kl"));
	evchat_queue_wake_(&q);
	expect_sent("abcdghijkl");
}
END_TEST

static void
push_aside(struct made *m, struct evbuffer *out)
{
	(void)m;
	(void)out;
	OK(copy("d"));
	OK(refer("e"));
	OK(move("f"));
	OK(produce(1, "g."));
	OK(copy("h"));
}

START_TEST(pushes_from_inside_a_producer_go_behind_it)
{
	OK(produce(0, "a*b+ c."));
	made[0].aside = push_aside;
	expect_sent("abcdefgh");
}
END_TEST

START_TEST(pushes_from_inside_a_producer_go_behind_what_is_behind_it)
{
	OK(produce(0, "a*b."));
	OK(copy("c"));
	made[0].aside = push_aside;
	expect_sent("abcdefgh");
}
END_TEST

/* Random pushes, fills and takes; each push is a run of one letter of its
 * own. */
struct walk {
	struct chance chance;
	size_t pushes;
	char expected[1024];
	uint64_t pushed; /* bytes pushed as such */
	char scripts[PRODUCERS][8];
	char texts[PRODUCERS][4];
};

static void
expect_text(struct walk *w, char letter, size_t n)
{
	size_t len = strlen(w->expected);

	memset(w->expected + len, letter, n);
	w->expected[len + n] = '\0';
}

static void
random_producer(struct walk *w, char letter)
{
	static const char *const shapes[] = {
	    "-+-.", ".", "-.", "+-+.", "--~-.", "~-.", "-+~."};
	const char *shape = shapes[chance_below(&w->chance, LEN(shapes))];
	char *script = w->scripts[w->pushes];
	size_t n = 0;

	for (size_t i = 0; shape[i]; i++) {
		script[i] = shape[i] == '-' ? letter : shape[i];
		n += shape[i] == '-';
	}
	OK(produce_sized(w->pushes, script, chance_below(&w->chance, 5)));
	expect_text(w, letter, n);
}

static void
random_push(struct walk *w)
{
	size_t kind = chance_below(&w->chance, 4);
	char letter = (char)('A' + w->pushes % 58);
	size_t n = 1 + chance_below(&w->chance, 3);
	char *text = w->texts[w->pushes];

	memset(text, letter, n);
	if (kind == 0) {
		random_producer(w, letter);
	} else {
		OK(kind == 1    ? copy(text)
		    : kind == 2 ? refer(text)
				: move(text));
		expect_text(w, letter, n);
		w->pushed += n;
	}
	w->pushes++;
}

static uint64_t
made_bytes(const struct walk *w)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < w->pushes; i++)
		bytes += made[i].bytes;
	return bytes;
}

static void
random_step(struct walk *w)
{
	size_t room = chance_below(&w->chance, 6);

	switch (chance_below(&w->chance, 4)) {
	case 0:
		take();
		break;
	case 1:
		evchat_queue_wake_(&q);
		break;
	case 2:
		evchat_queue_fill_(
		    &q, room, 1 + chance_below(&w->chance, 4), false);
		break;
	default:
		if (w->pushes < PRODUCERS)
			random_push(w);
	}
	ck_assert_uint_eq(q.bytes, w->pushed + made_bytes(w) - sent_len);
	ck_assert_int_eq(strncmp(sent, w->expected, sent_len), 0);
}

static void
send_rest(void)
{
	while (send_in(PLENTY, PLENTY) == EVCHAT_ASKED_ASLEEP)
		evchat_queue_wake_(&q);
}

static void
forget(void)
{
	memset(made, 0, sizeof made);
	memset(took, 0, sizeof took);
	sent_len = 0;
	sent[0] = '\0';
}

static void
expect_released(void)
{
	for (size_t i = 0; i < PRODUCERS; i++)
		ck_assert_uint_eq(made[i].released, took[i]);
	ck_assert_uint_eq(cleaned, referred);
}

static void
random_walk(uint64_t seed)
{
	static struct walk w;

	memset(&w, 0, sizeof w);
	w.chance = chance_from(seed);
	forget();
	for (size_t i = 0; i < 200; i++)
		random_step(&w);
	send_rest();
	ck_assert_str_eq(sent, w.expected);
	expect_waiting(0, 0, 0);
	evchat_queue_clear_(&q);
	expect_released();
}

START_TEST(the_order_holds_for_random_pushes)
{
	size_t walks = test_scaled(500);

	for (size_t i = 0; i < walks; i++)
		random_walk(test_seed() + i);
}
END_TEST

/* --- When a producer is asked. --- */

START_TEST(a_producer_is_asked_only_when_it_is_first)
{
	OK(produce(0, "a+b."));
	OK(produce(1, "c."));
	expect_asked(1, 1, EVCHAT_ASKED_ENOUGH);
	ck_assert_uint_eq(made[1].asked, 0);
	take();
	expect_asked(1, 1, EVCHAT_ASKED_ENOUGH);
	ck_assert_uint_eq(made[0].released, 1);
	ck_assert_uint_eq(made[1].asked, 0);
	take();
	expect_asked(1, 1, EVCHAT_ASKED_NOBODY);
	ck_assert_uint_eq(made[1].asked, 1);
	expect_sent("abc");
}
END_TEST

START_TEST(a_push_asks_nobody)
{
	OK(produce(0, "a."));
	OK(copy("b"));
	OK(produce(1, "c."));
	evchat_queue_wake_(&q);
	ck_assert_uint_eq(made[0].asked + made[1].asked, 0);
	ck_assert_uint_eq(front_length(), 0);
}
END_TEST

START_TEST(a_producer_is_not_asked_without_room)
{
	OK(produce(0, "d."));
	expect_asked(0, PLENTY, EVCHAT_ASKED_ENOUGH);
	evchat_queue_clear_(&q);
	OK(copy("abc"));
	OK(produce(1, "d."));
	expect_asked(0, PLENTY, EVCHAT_ASKED_ENOUGH);
	expect_asked(2, PLENTY, EVCHAT_ASKED_ENOUGH);
	expect_asked(3, PLENTY, EVCHAT_ASKED_ENOUGH);
	ck_assert_uint_eq(made[0].asked + made[1].asked, 0);
}
END_TEST

START_TEST(room_is_what_waits_in_front_leaves)
{
	OK(copy("abc"));
	OK(produce(0, "de+=."));
	expect_asked(10, PLENTY, EVCHAT_ASKED_NOBODY);
	ck_assert_uint_eq(made[0].room[0], 7);
	ck_assert_uint_eq(made[0].room[1], 5);
	expect_sent("abcdexxxxx");
}
END_TEST

START_TEST(no_more_than_a_chunk_is_asked_for_at_once)
{
	OK(produce(0, "=+=+=+"));
	expect_asked(10, 4, EVCHAT_ASKED_ENOUGH);
	ck_assert_uint_eq(made[0].asked, 3);
	ck_assert_uint_eq(made[0].room[0], 4);
	ck_assert_uint_eq(made[0].room[1], 4);
	ck_assert_uint_eq(made[0].room[2], 2);
	ck_assert_uint_eq(front_length(), 10);
}
END_TEST

START_TEST(a_producer_may_make_more_than_it_was_asked_for)
{
	OK(produce(0, "<20>+ a."));
	expect_asked(10, 4, EVCHAT_ASKED_ENOUGH);
	expect_asked(10, 4, EVCHAT_ASKED_ENOUGH);
	ck_assert_uint_eq(made[0].asked, 1);
	expect_waiting(20, 0, 1);
	expect_sent("xxxxxxxxxxxxxxxxxxxxa");
}
END_TEST

START_TEST(one_fill_asks_one_producer_after_the_other)
{
	OK(produce(0, "a."));
	OK(produce(1, "."));
	OK(produce(2, "b."));
	OK(copy("c"));
	OK(produce(3, "d+"));
	expect_asked(4, PLENTY, EVCHAT_ASKED_ENOUGH);
	take();
	ck_assert_str_eq(sent, "abcd");
}
END_TEST

START_TEST(an_empty_queue_has_nobody_to_ask)
{
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_NOBODY);
	expect_asked(0, PLENTY, EVCHAT_ASKED_NOBODY);
	ck_assert_uint_eq(memory_asked(), 0);
}
END_TEST

/* --- What a producer answers. --- */

START_TEST(more_without_bytes_is_not_the_end)
{
	OK(produce(0, "+ + a."));
	OK(copy("b"));
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_AGAIN);
	ck_assert_uint_eq(made[0].asked, 1);
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_AGAIN);
	ck_assert_uint_eq(made[0].asked, 2);
	ck_assert_uint_eq(front_length(), 0);
	expect_sent("ab");
}
END_TEST

/* Only for a channel that ends, so nothing undoes it. */
static void
expect_halted(size_t asked)
{
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_ENOUGH);
	ck_assert_uint_eq(made[0].asked, asked);
	ck_assert_uint_eq(made[1].asked, 0);
	q.halted = false;
}

START_TEST(a_halted_queue_asks_nobody)
{
	OK(produce(0, "a."));
	evchat_queue_halt_(&q);
	expect_halted(0);
	expect_sent("a");
}
END_TEST

static void
halt_aside(struct made *m, struct evbuffer *out)
{
	(void)m;
	(void)out;
	evchat_queue_halt_(&q);
}

START_TEST(a_queue_that_is_halted_by_a_producer_asks_nobody_else)
{
	OK(produce(0, "a*."));
	OK(produce(1, "b."));
	made[0].aside = halt_aside;
	expect_halted(1);
	ck_assert_uint_eq(front_length(), 1);
	expect_sent("ab");
}
END_TEST

START_TEST(later_is_not_asked_until_it_is_woken)
{
	OK(produce(0, "~ a."));
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_ASLEEP);
	ck_assert(evchat_queue_is_asleep_(&q));
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_ASLEEP);
	expect_asked(0, PLENTY, EVCHAT_ASKED_ASLEEP);
	ck_assert_uint_eq(made[0].asked, 1);
	evchat_queue_wake_(&q);
	ck_assert(!evchat_queue_is_asleep_(&q));
	ck_assert_uint_eq(made[0].asked, 1);
	expect_sent("a");
}
END_TEST

START_TEST(bytes_that_come_with_later_count)
{
	OK(produce_sized(0, "ab~ c.", 3));
	OK(copy("d"));
	ck_assert_int_eq(send_in(PLENTY, PLENTY), EVCHAT_ASKED_ASLEEP);
	ck_assert_str_eq(sent, "ab");
	expect_waiting(1, 1, 0);
	evchat_queue_wake_(&q);
	expect_sent("abcd");
}
END_TEST

START_TEST(who_sleeps_holds_up_what_is_behind)
{
	OK(produce(0, "~."));
	OK(copy("a"));
	OK(produce(1, "b."));
	ck_assert_int_eq(send_in(PLENTY, PLENTY), EVCHAT_ASKED_ASLEEP);
	ck_assert_str_eq(sent, "");
	ck_assert_uint_eq(made[1].asked, 0);
	evchat_queue_wake_(&q);
	expect_sent("ab");
}
END_TEST

START_TEST(only_the_first_producer_sleeps)
{
	ck_assert(!evchat_queue_is_asleep_(&q));
	OK(produce(0, "~."));
	ck_assert(!evchat_queue_is_asleep_(&q));
	OK(produce(1, "a~"));
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_ASLEEP);
	evchat_queue_wake_(&q);
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_ASLEEP);
	ck_assert_uint_eq(made[0].released, 1);
	ck_assert(evchat_queue_is_asleep_(&q));
}
END_TEST

START_TEST(a_wake_that_came_first_is_remembered)
{
	OK(produce(0, "~ a."));
	evchat_queue_wake_(&q);
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_AGAIN);
	ck_assert(!evchat_queue_is_asleep_(&q));
	expect_sent("a");
}
END_TEST

static void
wake_aside(struct made *m, struct evbuffer *out)
{
	(void)m;
	(void)out;
	evchat_queue_wake_(&q);
}

START_TEST(a_wake_from_inside_the_producer_is_remembered)
{
	OK(produce(0, "*~ a~"));
	made[0].aside = wake_aside;
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_AGAIN);
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_ASLEEP);
	ck_assert_uint_eq(front_length(), 1);
}
END_TEST

START_TEST(a_remembered_wake_is_good_for_one_later)
{
	OK(produce(0, "~ ~"));
	evchat_queue_wake_(&q);
	evchat_queue_wake_(&q);
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_AGAIN);
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_ASLEEP);
}
END_TEST

START_TEST(a_wake_that_woke_somebody_is_not_remembered)
{
	OK(produce(0, "~ ~"));
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_ASLEEP);
	evchat_queue_wake_(&q);
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_ASLEEP);
}
END_TEST

START_TEST(a_cleared_queue_remembers_no_wake)
{
	OK(produce(0, "."));
	evchat_queue_wake_(&q);
	evchat_queue_clear_(&q);
	OK(produce(1, "~"));
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_ASLEEP);
}
END_TEST

START_TEST(a_failure_is_told)
{
	OK(produce(0, "a+!"));
	OK(copy("b"));
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_FAILED);
	ck_assert_uint_eq(made[0].asked, 2);
	ck_assert_uint_eq(front_length(), 1);
	expect_waiting(2, q.promised, q.unsized);
}
END_TEST

START_TEST(a_failed_producer_goes_with_the_queue)
{
	OK(produce(0, "a!"));
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_FAILED);
	ck_assert_uint_eq(made[0].released, 0);
	evchat_queue_clear_(&q);
	ck_assert_uint_eq(made[0].released, 1);
	ck_assert(!evchat_queue_has_producers_(&q));
}
END_TEST

START_TEST(bytes_that_come_with_a_failure_do_not_count)
{
	OK(produce_sized(0, "ab!", 5));
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_FAILED);
	ck_assert_uint_eq(q.bytes, 0);
}
END_TEST

START_TEST(what_is_no_answer_is_a_failure)
{
	OK(produce(0, "?"));
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_FAILED);
}
END_TEST

START_TEST(a_producer_needs_no_release)
{
	struct evchat_producer producer = made_from(&made[0], "a.");

	producer.release = NULL;
	OK(evchat_queue_produce_(&q, &producer));
	expect_sent("a");
	producer = made_from(&made[0], "a.");
	producer.release = NULL;
	OK(evchat_queue_produce_(&q, &producer));
	evchat_queue_clear_(&q);
	ck_assert_uint_eq(made[0].asked, 0);
}
END_TEST

/* --- What waits. --- */

START_TEST(bytes_count_wherever_they_wait)
{
	OK(copy("a"));
	expect_waiting(1, 0, 0);
	OK(refer("bc"));
	expect_waiting(3, 0, 0);
	OK(move("def"));
	expect_waiting(6, 0, 0);
	OK(produce(0, "."));
	OK(copy("g"));
	OK(refer("hi"));
	OK(move("jkl"));
	expect_waiting(12, 0, 1);
	take();
	expect_waiting(6, 0, 1);
	expect_sent("abcdefghijkl");
	expect_waiting(0, 0, 0);
}
END_TEST

START_TEST(a_size_is_promised_until_it_is_made)
{
	OK(produce_sized(0, "abc+ d+ ef.", 6));
	expect_waiting(0, 6, 0);
	expect_asked(3, 3, EVCHAT_ASKED_ENOUGH);
	expect_waiting(3, 3, 0);
	expect_asked(4, 4, EVCHAT_ASKED_ENOUGH);
	expect_waiting(4, 2, 0);
	take();
	expect_waiting(0, 2, 0);
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_NOBODY);
	expect_waiting(2, 0, 0);
}
END_TEST

START_TEST(more_bytes_than_the_size_count_as_bytes_only)
{
	OK(produce_sized(0, "abc+ d+ e.", 2));
	OK(produce_sized(1, "f.", 7));
	expect_asked(3, 3, EVCHAT_ASKED_ENOUGH);
	expect_waiting(3, 7, 0);
	expect_asked(4, 4, EVCHAT_ASKED_ENOUGH);
	expect_waiting(4, 7, 0);
	expect_asked(5, 5, EVCHAT_ASKED_ENOUGH);
	expect_waiting(5, 7, 0);
}
END_TEST

START_TEST(fewer_bytes_than_the_size_end_the_promise)
{
	OK(produce_sized(0, "ab+.", 10));
	OK(produce_sized(1, "c~", 7));
	expect_asked(2, 2, EVCHAT_ASKED_ENOUGH);
	expect_waiting(2, 15, 0);
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_ASLEEP);
	expect_waiting(3, 6, 0);
}
END_TEST

START_TEST(producers_without_a_size_are_counted)
{
	OK(produce(0, "ab."));
	OK(produce_sized(1, ".", 4));
	OK(produce(2, "c~"));
	expect_waiting(0, 4, 2);
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_ASLEEP);
	expect_waiting(3, 0, 1);
	evchat_queue_clear_(&q);
	expect_waiting(0, 0, 0);
}
END_TEST

START_TEST(a_size_beyond_memory_is_no_trouble)
{
	OK(produce_sized(0, "ab+.", UINT64_MAX));
	OK(produce_sized(1, ".", UINT64_MAX));
	OK(produce_sized(2, ".", INT64_MAX));
	expect_waiting(0, INT64_MAX, 0);
	expect_asked(2, 2, EVCHAT_ASKED_ENOUGH);
	expect_waiting(2, (uint64_t)INT64_MAX - 2, 0);
	expect_sent("ab");
	expect_waiting(0, 0, 0);
}
END_TEST

START_TEST(what_a_sleeping_producer_has_yet_to_make_is_known)
{
	ck_assert_uint_eq(evchat_queue_asleep_(&q), 0);
	OK(produce_sized(0, "ab~ c.", 5));
	OK(produce_sized(1, "~", 7));
	ck_assert_uint_eq(evchat_queue_asleep_(&q), 0);
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_ASLEEP);
	ck_assert_uint_eq(evchat_queue_asleep_(&q), 3);
	evchat_queue_wake_(&q);
	ck_assert_uint_eq(evchat_queue_asleep_(&q), 0);
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_ASLEEP);
	ck_assert_uint_eq(evchat_queue_asleep_(&q), 7);
}
END_TEST

START_TEST(empty_is_without_bytes_and_without_producers)
{
	ck_assert(evchat_queue_is_empty_(&q));
	OK(copy("a"));
	ck_assert(!evchat_queue_is_empty_(&q));
	ck_assert(!evchat_queue_has_producers_(&q));
	take();
	ck_assert(evchat_queue_is_empty_(&q));
	OK(produce(0, "."));
	ck_assert(!evchat_queue_is_empty_(&q));
	ck_assert(evchat_queue_has_producers_(&q));
	expect_asked(1, 1, EVCHAT_ASKED_NOBODY);
	ck_assert(evchat_queue_is_empty_(&q));
}
END_TEST

START_TEST(what_was_copied_or_lent_or_read_is_not_foreign)
{
	struct evchat_producer p;

	OK(copy("a"));
	OK(refer("b"));
	OK(evchat_producer_file(&p, nameless_file("c", 1), 0, 1));
	OK(evchat_queue_produce_(&q, &p));
	expect_sent("abc");
	ck_assert(!q.foreign);
}
END_TEST

START_TEST(what_was_moved_is_foreign_until_all_has_left)
{
	OK(move("ab"));
	ck_assert(q.foreign);
	OK(copy("c"));
	evbuffer_drain(q.front, 2);
	evchat_queue_left_(&q, 2);
	ck_assert(q.foreign);
	expect_sent("c");
	ck_assert(!q.foreign);
}
END_TEST

START_TEST(what_a_producer_makes_is_foreign_until_all_has_left)
{
	OK(produce(0, "a+b."));
	ck_assert(!q.foreign);
	expect_asked(1, PLENTY, EVCHAT_ASKED_ENOUGH);
	ck_assert(q.foreign);
	take();
	ck_assert(q.foreign);
	expect_sent("ab");
	ck_assert(!q.foreign);
}
END_TEST

START_TEST(nothing_is_foreign_in_a_cleared_queue)
{
	OK(move("a"));
	evchat_queue_clear_(&q);
	OK(copy("b"));
	ck_assert(!q.foreign);
}
END_TEST

/* --- Dropping. --- */

START_TEST(clear_drops_everything)
{
	OK(copy("a"));
	OK(refer("b"));
	OK(produce_sized(0, "c~", 5));
	OK(move("d"));
	OK(refer("e"));
	OK(produce(1, "f."));
	OK(refer("g"));
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_ASLEEP);
	evchat_queue_clear_(&q);
	expect_released();
	ck_assert_uint_eq(referred, 3);
	expect_waiting(0, 0, 0);
	ck_assert(evchat_queue_is_empty_(&q));
	ck_assert_uint_eq(memory_live(), 0);
}
END_TEST

START_TEST(release_runs_once_when_the_queue_is_cleared_twice)
{
	OK(produce(0, "a."));
	evchat_queue_clear_(&q);
	evchat_queue_clear_(&q);
	ck_assert_uint_eq(made[0].released, 1);
}
END_TEST

START_TEST(release_runs_at_the_end_and_not_again)
{
	OK(produce(0, "a."));
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_NOBODY);
	ck_assert_uint_eq(made[0].released, 1);
	evchat_queue_clear_(&q);
	ck_assert_uint_eq(made[0].released, 1);
}
END_TEST

START_TEST(release_runs_once_after_a_failure)
{
	OK(produce(0, "a!"));
	OK(refer("b"));
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_FAILED);
	evchat_queue_clear_(&q);
	ck_assert_uint_eq(made[0].released, 1);
	ck_assert_uint_eq(cleaned, 1);
}
END_TEST

START_TEST(cleanup_runs_when_the_last_byte_has_left)
{
	OK(refer("abc"));
	ck_assert_int_eq(evbuffer_drain(q.front, 2), 0);
	evchat_queue_left_(&q, 2);
	ck_assert_uint_eq(cleaned, 0);
	expect_waiting(1, 0, 0);
	take();
	ck_assert_uint_eq(cleaned, 1);
}
END_TEST

START_TEST(a_cleared_queue_can_be_used)
{
	OK(copy("a"));
	OK(produce(0, "b."));
	OK(copy("c"));
	evchat_queue_clear_(&q);
	OK(copy("d"));
	OK(produce(1, "e."));
	OK(copy("f"));
	expect_sent("def");
}
END_TEST

static void
clear_aside(struct made *m, struct evbuffer *out)
{
	(void)out;
	evchat_queue_clear_(&q);
	ck_assert_uint_eq(m->released, 0);
	ck_assert_uint_eq(made[1].released, 1);
	ck_assert_uint_eq(cleaned, referred);
	ck_assert_uint_eq(q.bytes, 0);
}

/* The first producer, with something behind it, is to clear the queue. */
static void
push_some_that_clears(const char *script)
{
	OK(refer("b"));
	OK(produce_sized(0, script, 9));
	OK(refer("d"));
	OK(produce(1, "e."));
	OK(copy("f"));
	made[0].aside = clear_aside;
	take();
}

static const char *const clearing[] = {
    "a*c+", "a*c~", "a*c.", "a*c!", "*+", "*~", "*.", "*!", "*?", "a*+", "*c."};

START_TEST(who_clears_from_inside_is_released_when_it_returns)
{
	push_some_that_clears(clearing[_i]);
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_NOBODY);
	ck_assert_uint_eq(made[0].released, 1);
	ck_assert_uint_eq(made[0].asked, 1);
	ck_assert_uint_eq(front_length(), 0);
	expect_waiting(0, 0, 0);
	ck_assert(evchat_queue_is_empty_(&q));
	OK(copy("g"));
	expect_sent("bg");
}
END_TEST

static void
clear_and_push_aside(struct made *m, struct evbuffer *out)
{
	clear_aside(m, out);
	OK(copy("g"));
	OK(produce(2, "h."));
	OK(refer("i"));
}

START_TEST(pushes_after_a_clear_from_inside_survive)
{
	push_some_that_clears(clearing[_i]);
	made[0].aside = clear_and_push_aside;
	expect_sent("bghi");
}
END_TEST

static void
clear_twice_aside(struct made *m, struct evbuffer *out)
{
	clear_and_push_aside(m, out);
	evchat_queue_clear_(&q);
	ck_assert_uint_eq(made[2].released, 1);
	OK(copy("j"));
}

START_TEST(the_last_clear_from_inside_counts)
{
	push_some_that_clears("a*c+");
	made[0].aside = clear_twice_aside;
	expect_sent("bj");
}
END_TEST

static void
wake_and_clear_aside(struct made *m, struct evbuffer *out)
{
	evchat_queue_wake_(&q);
	clear_aside(m, out);
	OK(produce(2, "g~ h."));
}

START_TEST(a_wake_before_a_clear_from_inside_is_forgotten)
{
	push_some_that_clears("*~");
	made[0].aside = wake_and_clear_aside;
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_ASLEEP);
	evchat_queue_wake_(&q);
	expect_sent("bgh");
}
END_TEST

START_TEST(an_asked_producer_alone_can_clear)
{
	OK(produce(0, "a*+"));
	OK(copy("b"));
	OK(produce(1, "."));
	made[0].aside = clear_aside;
	expect_sent("");
}
END_TEST

/* --- libevent refuses. --- */

START_TEST(bytes_that_cannot_be_moved_stay_where_they_are)
{
	struct evbuffer *bytes = evbuffer_new();

	evbuffer_add(bytes, "ab", 2);
	evbuffer_freeze(bytes, 1);
	ck_assert_int_eq(evchat_queue_move_(&q, bytes), EVCHAT_ERR_EVENT);
	ck_assert_uint_eq(evbuffer_get_length(bytes), 2);
	expect_waiting(0, 0, 0);
	evbuffer_unfreeze(bytes, 1);
	OK(evchat_queue_move_(&q, bytes));
	evbuffer_free(bytes);
	expect_sent("ab");
}
END_TEST

static void
freeze_end_aside(struct made *m, struct evbuffer *out)
{
	(void)m;
	evbuffer_freeze(out, 0);
}

START_TEST(bytes_that_cannot_follow_a_producer_are_a_failure)
{
	OK(produce(0, "a*."));
	OK(refer("b"));
	made[0].aside = freeze_end_aside;
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_FAILED);
	expect_waiting(2, 0, q.unsized);
	ck_assert_uint_eq(cleaned, 0);
	evchat_queue_clear_(&q);
	expect_released();
}
END_TEST

static void
clear_and_freeze_start_aside(struct made *m, struct evbuffer *out)
{
	clear_and_push_aside(m, out);
	evbuffer_freeze(out, 1);
}

static void
clear_and_freeze_end_aside(struct made *m, struct evbuffer *out)
{
	clear_and_push_aside(m, out);
	evbuffer_freeze(out, 0);
}

START_TEST(what_cannot_be_dropped_is_a_failure)
{
	push_some_that_clears("a*+");
	made[0].aside =
	    _i ? clear_and_freeze_end_aside : clear_and_freeze_start_aside;
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_FAILED);
	evchat_queue_clear_(&q);
	expect_released();
}
END_TEST

/* --- Memory. --- */

enum { HUNDRED_MIB = 100 << 20, SMALL = 4096 };

static void
clean_block(const void *bytes, size_t len, void *ctx)
{
	(void)bytes;
	(void)len;
	free(ctx);
	cleaned++;
}

static void
refer_block(void)
{
	char *block = malloc(HUNDRED_MIB); /* never touched */

	ck_assert_ptr_nonnull(block);
	OK(evchat_queue_refer_(&q, block, HUNDRED_MIB, clean_block, block));
	referred++;
}

/* Two bytes more take one small block or none. */
static void
expect_two_bytes_cheap(void)
{
	size_t asked = memory_asked();

	OK(copy("\r\n"));
	ck_assert_uint_le(memory_asked(), asked + 1);
	if (memory_asked() > asked)
		ck_assert_uint_le(memory_asked_last(), SMALL);
}

START_TEST(two_bytes_behind_a_large_reference_take_little_memory)
{
	refer_block();
	expect_two_bytes_cheap();
	OK(produce(0, "."));
	refer_block();
	expect_two_bytes_cheap();
	expect_waiting(2 * (HUNDRED_MIB + 2), 0, 1);
}
END_TEST

START_TEST(two_bytes_made_behind_a_large_reference_take_little_memory)
{
	struct evbuffer *out = evbuffer_new();
	size_t asked;

	OK(evbuffer_add_reference(out, sent, HUNDRED_MIB, NULL, NULL));
	asked = memory_asked();
	OK(evchat_append_copy_(out, "\r\n", 2));
	ck_assert_uint_eq(memory_asked(), asked + 1);
	ck_assert_uint_le(memory_asked_last(), SMALL);
	evbuffer_free(out);
}
END_TEST

START_TEST(a_reference_takes_little_memory)
{
	size_t asked;

	OK(copy("a"));
	asked = memory_asked();
	refer_block();
	ck_assert_uint_eq(memory_asked(), asked + 1);
	ck_assert_uint_le(memory_asked_last(), SMALL);
}
END_TEST

START_TEST(a_copy_is_not_split_where_the_last_one_left_room)
{
	static const char first[600], second[5000];

	OK(evchat_queue_copy_(&q, first, sizeof first, NULL, 0));
	OK(evchat_queue_copy_(&q, second, sizeof second, NULL, 0));
	take();
	ck_assert_uint_eq(sent_len, sizeof first + sizeof second);
}
END_TEST

/* Runs on both sides of what one piece has room for. */
static const size_t run_lengths[] = {16319, 16320, 16321, 32640, 50000};

START_TEST(a_long_run_is_copied_whole_in_pieces_of_16_kib)
{
	size_t len = run_lengths[_i];
	unsigned char *run = malloc(len);
	struct evbuffer *out = evbuffer_new();

	ck_assert_ptr_nonnull(run);
	for (size_t i = 0; i < len; i++)
		run[i] = (unsigned char)(i % 251);
	evbuffer_add(out, "a", 1);
	OK(evchat_append_run_(out, run, len));
	ck_assert_uint_le(memory_asked_last(), 16 * 1024);
	ck_assert_uint_eq(evbuffer_get_length(out), 1 + len);
	ck_assert_mem_eq(evbuffer_pullup(out, -1) + 1, run, len);
	evbuffer_free(out);
	free(run);
}
END_TEST

START_TEST(a_long_run_without_memory_changes_nothing)
{
	static const char run[50000];
	struct evbuffer *out = evbuffer_new();
	size_t n, live = memory_live();

	for (n = 0;; n++) {
		int error;

		memory_refuse_after(n);
		error = evchat_append_run_(out, run, sizeof run);
		memory_refuse_none();
		if (!error)
			break;
		ck_assert_int_eq(error, EVCHAT_ERR_NO_MEMORY);
		ck_assert_uint_eq(evbuffer_get_length(out), 0);
		ck_assert_uint_eq(memory_live(), live);
	}
	ck_assert_uint_gt(n, 3);
	ck_assert_uint_eq(evbuffer_get_length(out), sizeof run);
	evbuffer_free(out);
}
END_TEST

START_TEST(a_long_run_that_libevent_does_not_take_is_an_error)
{
	static const char run[50000];
	struct evbuffer *out = evbuffer_new();

	evbuffer_freeze(out, 0);
	ck_assert_int_eq(
	    evchat_append_run_(out, run, sizeof run), EVCHAT_ERR_EVENT);
	ck_assert_uint_eq(evbuffer_get_length(out), 0);
	evbuffer_free(out);
}
END_TEST

START_TEST(moving_takes_no_memory)
{
	struct evbuffer *bytes = evbuffer_new();
	size_t asked;

	OK(copy("a"));
	evbuffer_add(bytes, "b", 1);
	asked = memory_asked();
	OK(evchat_queue_move_(&q, bytes));
	ck_assert_uint_eq(memory_asked(), asked);
	evbuffer_free(bytes);
	expect_sent("ab");
}
END_TEST

START_TEST(a_copy_that_cannot_be_in_memory_is_refused)
{
	/* Volatile: optimised at link time, the compiler sees the lie. */
	volatile size_t too_much = SIZE_MAX / 2 - 1;

	OK(copy("a"));
	ck_assert_int_eq(evchat_queue_copy_(&q, sent, too_much, NULL, 0),
	    EVCHAT_ERR_NO_MEMORY);
	expect_waiting(1, 0, 0);
	expect_sent("a");
}
END_TEST

START_TEST(without_memory_for_what_is_made_nobody_is_asked)
{
	OK(produce(0, "a."));
	memory_refuse_after(0);
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_NO_MEMORY);
	memory_refuse_none();
	ck_assert_uint_eq(made[0].asked, 0);
}
END_TEST

/* One long use of a queue, a step at a time: each returns an error or 0. */

static struct evbuffer *sources[2];

static int
step_copy(void)
{
	return copy("a");
}

static int
step_refer(void)
{
	return refer("b");
}

static int
step_move(void)
{
	return evchat_queue_move_(&q, sources[0]);
}

static int
step_produce(void)
{
	return produce_sized(0, "d+ + <5000>|e~ f.", 3);
}

static int
step_copy_behind(void)
{
	return evchat_queue_copy_(&q, "g", 1, "\r\n", 2);
}

static int
step_refer_behind(void)
{
	return refer("h");
}

static int
step_produce_behind(void)
{
	return produce(1, "i.");
}

static int
step_move_behind(void)
{
	return evchat_queue_move_(&q, sources[1]);
}

static int
step_produce_last(void)
{
	return produce(2, "*.");
}

static int (*const steps[])(void) = {step_copy, step_refer, step_move,
    step_produce, step_copy_behind, step_refer_behind, step_produce_behind,
    step_move_behind, step_produce_last, step_refer_behind, step_copy_behind};

/* What a producer pushes may be refused, too. */
static void
push_or_fail_aside(struct made *m, struct evbuffer *out)
{
	(void)out;
	if (copy("l"))
		m->starved = true;
}

static bool failed;

/* A step that fails has changed nothing. */
static bool
try_step(int (*step)(void))
{
	struct evchat_queue before = q;
	int error = step();

	if (!error)
		return true;
	failed = true;
	ck_assert_int_eq(error, EVCHAT_ERR_NO_MEMORY);
	expect_waiting(before.bytes, before.promised, before.unsized);
	ck_assert_ptr_eq(q.tail, before.tail);
	return false;
}

/* Again, when there is memory again: or give up. */
static bool
take_steps(bool again)
{
	for (size_t i = 0; i < LEN(steps); i++) {
		if (try_step(steps[i]))
			continue;
		if (!again)
			return false;
		memory_refuse_none();
		OK(steps[i]());
	}
	made[2].aside = push_or_fail_aside;
	return true;
}

static bool
send_steps(void)
{
	if (send_in(4000, 1000) != EVCHAT_ASKED_ASLEEP)
		return false;
	evchat_queue_wake_(&q);
	return send_in(4000, 1000) == EVCHAT_ASKED_NOBODY;
}

static const char *
all_steps(void)
{
	static char text[6000];

	strcpy(text, "abcd");
	memset(text + 4, 'x', 5000);
	strcpy(text + 5004, "efg\r\nhijhg\r\nl");
	return text;
}

static void
make_sources(void)
{
	for (size_t i = 0; i < LEN(sources); i++) {
		sources[i] = evbuffer_new();
		evbuffer_add(sources[i], i ? "j" : "c", 1);
	}
}

static void
free_sources(void)
{
	for (size_t i = 0; i < LEN(sources); i++)
		evbuffer_free(sources[i]);
}

/* With memory for `n` requests only.  False when that was enough. */
static bool
use_queue_with(size_t n, bool again)
{
	forget();
	failed = false;
	make_sources();
	memory_refuse_after(n);
	if (take_steps(again) && send_steps()) {
		ck_assert_str_eq(sent, all_steps());
	} else {
		failed = true;
		ck_assert_int_eq(strncmp(sent, all_steps(), strlen(sent)), 0);
	}
	memory_refuse_none();
	evchat_queue_clear_(&q);
	free_sources();
	expect_released();
	ck_assert_uint_eq(memory_live(), 0);
	return failed;
}

START_TEST(nothing_is_lost_or_leaked_when_memory_fails)
{
	size_t n = 0;

	while (use_queue_with(n, _i))
		n++;
	ck_assert_uint_gt(n, LEN(steps));
}
END_TEST

/* --- The batch. --- */

enum { BATCH = 8 };

static unsigned char lent[BATCH];

/* A turn with a batch of so many bytes. */
static struct evchat_batch
batch_of(size_t room)
{
	return (struct evchat_batch){.bytes = lent, .room = room};
}

static void
expect_batch(const struct evchat_batch *batch, const char *text)
{
	ck_assert_uint_eq(batch->len, strlen(text));
	ck_assert_mem_eq(lent, text, strlen(text));
}

START_TEST(copies_of_a_turn_lie_in_the_batch)
{
	struct evchat_batch batch = batch_of(BATCH);

	evchat_queue_begin_turn_(&q, &batch);
	OK(copy("ab"));
	OK(evchat_queue_copy_(&q, "c", 1, "\r\n", 2));
	expect_batch(&batch, "abc\r\n");
	ck_assert_ptr_eq(evchat_queue_batch_(&q), &batch);
	ck_assert_uint_eq(evchat_queue_front_(&q), 5);
	ck_assert_uint_eq(front_length(), 0);
	expect_waiting(5, 0, 0);
	ck_assert(!evchat_queue_is_empty_(&q));
	OK(evchat_queue_end_turn_(&q));
	ck_assert_uint_eq(front_length(), 5);
	expect_waiting(5, 0, 0);
	expect_sent("abc\r\n");
}
END_TEST

START_TEST(everything_leaves_in_order_around_a_batch)
{
	struct evchat_batch batch = batch_of(BATCH);

	OK(copy("ab"));
	evchat_queue_begin_turn_(&q, &batch);
	OK(copy("cd"));
	/* There is something before it. */
	ck_assert_ptr_null(evchat_queue_batch_(&q));
	OK(refer("ef"));
	OK(copy("gh"));
	expect_batch(&batch, "gh");
	OK(move("ij"));
	OK(copy("kl"));
	OK(produce(0, "mn."));
	expect_batch(&batch, "kl");
	OK(copy("op"));
	expect_batch(&batch, "kl");
	OK(produce(1, "qr."));
	OK(copy("st"));
	OK(evchat_queue_end_turn_(&q));
	expect_sent("abcdefghijklmnopqrst");
}
END_TEST

START_TEST(a_copy_in_the_batch_may_be_nothing_but_its_end)
{
	struct evchat_batch batch = batch_of(BATCH);

	evchat_queue_begin_turn_(&q, &batch);
	OK(copy("a"));
	OK(evchat_queue_copy_(&q, NULL, 0, "\r\n", 2));
	expect_batch(&batch, "a\r\n");
	OK(evchat_queue_end_turn_(&q));
	expect_sent("a\r\n");
}
END_TEST

START_TEST(a_copy_that_does_not_fit_the_batch_goes_behind_it)
{
	struct evchat_batch batch = batch_of(4);

	evchat_queue_begin_turn_(&q, &batch);
	OK(copy("abc"));
	OK(copy("de"));
	expect_batch(&batch, "");
	ck_assert_uint_eq(front_length(), 5);
	OK(copy("fghi"));
	expect_batch(&batch, "fghi");
	OK(evchat_queue_copy_(&q, "j", 1, "k", 1));
	OK(copy("l"));
	expect_waiting(12, 0, 0);
	OK(evchat_queue_end_turn_(&q));
	expect_sent("abcdefghijkl");
}
END_TEST

START_TEST(a_producer_is_asked_behind_the_batch)
{
	struct evchat_batch batch = batch_of(BATCH);

	evchat_queue_begin_turn_(&q, &batch);
	OK(copy("ab"));
	OK(produce(0, "<3>."));
	/* Room is what the batch leaves. */
	expect_asked(6, PLENTY, EVCHAT_ASKED_NOBODY);
	ck_assert_uint_eq(made[0].room[0], 4);
	expect_batch(&batch, "");
	OK(copy("cd"));
	expect_batch(&batch, "cd");
	OK(evchat_queue_end_turn_(&q));
	expect_sent("abxxxcd");
}
END_TEST

START_TEST(a_producer_is_not_asked_when_the_batch_fills_the_room)
{
	struct evchat_batch batch = batch_of(BATCH);

	evchat_queue_begin_turn_(&q, &batch);
	OK(copy("ab"));
	OK(produce(0, "c."));
	expect_asked(2, PLENTY, EVCHAT_ASKED_ENOUGH);
	ck_assert_uint_eq(made[0].asked, 0);
	expect_batch(&batch, "ab");
	OK(evchat_queue_end_turn_(&q));
	expect_sent("abc");
}
END_TEST

START_TEST(pushes_from_inside_a_producer_are_not_in_the_batch)
{
	struct evchat_batch batch = batch_of(BATCH);

	evchat_queue_begin_turn_(&q, &batch);
	OK(produce(0, "a*b+ c."));
	made[0].aside = push_aside;
	expect_sent("abcdefgh");
	expect_batch(&batch, "");
	OK(evchat_queue_end_turn_(&q));
}
END_TEST

START_TEST(what_has_left_the_batch_makes_room)
{
	struct evchat_batch batch = batch_of(4);

	evchat_queue_begin_turn_(&q, &batch);
	OK(copy("abcd"));
	evchat_queue_batch_left_(&q, 3);
	expect_batch(&batch, "d");
	expect_waiting(1, 0, 0);
	OK(copy("efg"));
	expect_batch(&batch, "defg");
	evchat_queue_batch_left_(&q, 4);
	ck_assert_ptr_null(evchat_queue_batch_(&q));
	ck_assert(evchat_queue_is_empty_(&q));
	OK(evchat_queue_end_turn_(&q));
	expect_sent("");
}
END_TEST

START_TEST(an_end_of_turn_without_a_batch_changes_nothing)
{
	OK(copy("ab"));
	ck_assert_ptr_null(evchat_queue_batch_(&q));
	OK(evchat_queue_gather_(&q));
	OK(evchat_queue_end_turn_(&q));
	ck_assert(!evchat_queue_is_quick_(&q));
	ck_assert(!evchat_queue_copy_quickly_(&q, "c", 1));
	evchat_queue_be_quick_(&q, 100);
	ck_assert(!evchat_queue_copy_quickly_(&q, "c", 1));
	expect_sent("ab");
}
END_TEST

START_TEST(an_empty_batch_leaves_nothing_behind)
{
	struct evchat_batch batch = batch_of(BATCH);

	evchat_queue_begin_turn_(&q, &batch);
	OK(evchat_queue_end_turn_(&q));
	ck_assert_ptr_null(q.front);
	ck_assert_ptr_null(q.batch);
	ck_assert_uint_eq(memory_asked(), 0);
}
END_TEST

START_TEST(copies_are_quick_up_to_what_was_said)
{
	struct evchat_batch batch = batch_of(BATCH);

	evchat_queue_begin_turn_(&q, &batch);
	ck_assert(!evchat_queue_copy_quickly_(&q, "a", 1));
	evchat_queue_be_quick_(&q, 3);
	ck_assert(evchat_queue_is_quick_(&q));
	ck_assert(!evchat_queue_copy_quickly_(&q, "abcd", 4));
	ck_assert(!evchat_queue_copy_quickly_(&q, NULL, 1));
	ck_assert(evchat_queue_copy_quickly_(&q, "ab", 2));
	ck_assert(!evchat_queue_copy_quickly_(&q, "cd", 2));
	ck_assert(evchat_queue_copy_quickly_(&q, "c", 1));
	ck_assert(!evchat_queue_is_quick_(&q));
	expect_waiting(3, 0, 0);
	expect_batch(&batch, "abc");
	OK(evchat_queue_end_turn_(&q));
	expect_sent("abc");
}
END_TEST

START_TEST(copies_are_quick_only_where_there_is_room)
{
	struct evchat_batch batch = batch_of(4);

	evchat_queue_begin_turn_(&q, &batch);
	OK(copy("a"));
	evchat_queue_be_quick_(&q, UINT64_MAX);
	ck_assert(!evchat_queue_copy_quickly_(&q, "bcde", 4));
	ck_assert(evchat_queue_copy_quickly_(&q, "bcd", 3));
	ck_assert(!evchat_queue_copy_quickly_(&q, "e", 1));
	OK(copy("e"));
	OK(evchat_queue_end_turn_(&q));
	expect_sent("abcde");
}
END_TEST

START_TEST(no_copy_is_quick_behind_a_producer)
{
	struct evchat_batch batch = batch_of(BATCH);

	evchat_queue_begin_turn_(&q, &batch);
	OK(produce(0, "a."));
	evchat_queue_be_quick_(&q, 8);
	ck_assert(!evchat_queue_is_quick_(&q));
	ck_assert(!evchat_queue_copy_quickly_(&q, "b", 1));
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_NOBODY);
	evchat_queue_be_quick_(&q, 8);
	ck_assert(evchat_queue_copy_quickly_(&q, "b", 1));
	OK(evchat_queue_end_turn_(&q));
	expect_sent("ab");
}
END_TEST

START_TEST(clear_drops_the_batch)
{
	struct evchat_batch batch = batch_of(BATCH);

	evchat_queue_begin_turn_(&q, &batch);
	OK(copy("ab"));
	OK(refer("cd"));
	OK(copy("ef"));
	evchat_queue_clear_(&q);
	expect_batch(&batch, "");
	expect_waiting(0, 0, 0);
	ck_assert_ptr_null(evchat_queue_batch_(&q));
	OK(copy("gh"));
	OK(evchat_queue_end_turn_(&q));
	expect_sent("gh");
}
END_TEST

static void
clear_and_push(struct made *m, struct evbuffer *out)
{
	(void)m;
	(void)out;
	evchat_queue_clear_(&q);
	OK(copy("after"));
}

START_TEST(clear_from_inside_a_producer_drops_what_was_in_the_batch)
{
	struct evchat_batch batch = batch_of(BATCH);

	evchat_queue_begin_turn_(&q, &batch);
	OK(copy("ab"));
	OK(produce(0, "c*d+ e."));
	made[0].aside = clear_and_push;
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_NOBODY);
	OK(evchat_queue_end_turn_(&q));
	expect_sent("after");
}
END_TEST

START_TEST(a_batch_that_cannot_be_moved_stays)
{
	struct evchat_batch batch = batch_of(BATCH);
	struct evbuffer *bytes = evbuffer_new();

	evbuffer_add(bytes, "ef", 2);
	evchat_queue_begin_turn_(&q, &batch);
	OK(copy("ab"));
	memory_refuse_after(0);
	ck_assert_int_eq(evchat_queue_gather_(&q), EVCHAT_ERR_NO_MEMORY);
	ck_assert_int_eq(copy("1234567"), EVCHAT_ERR_NO_MEMORY);
	ck_assert_int_eq(refer("cd"), EVCHAT_ERR_NO_MEMORY);
	ck_assert_int_eq(evchat_queue_move_(&q, bytes), EVCHAT_ERR_NO_MEMORY);
	ck_assert_uint_eq(evbuffer_get_length(bytes), 2);
	evbuffer_free(bytes);
	/* There is room for these. */
	OK(copy("gh"));
	expect_batch(&batch, "abgh");
	expect_waiting(4, 0, 0);
	memory_refuse_none();
	OK(evchat_queue_end_turn_(&q));
	expect_sent("abgh");
}
END_TEST

START_TEST(a_batch_that_cannot_be_moved_is_lost_with_its_turn)
{
	struct evchat_batch batch = batch_of(BATCH);

	evchat_queue_begin_turn_(&q, &batch);
	OK(copy("ab"));
	memory_refuse_after((size_t)_i);
	ck_assert_int_eq(evchat_queue_end_turn_(&q), EVCHAT_ERR_NO_MEMORY);
	memory_refuse_none();
	ck_assert_ptr_null(q.batch);
	evchat_queue_clear_(&q);
	OK(copy("cd"));
	expect_sent("cd");
}
END_TEST

START_TEST(without_memory_behind_a_batch_nobody_is_asked)
{
	struct evchat_batch batch = batch_of(BATCH);

	evchat_queue_begin_turn_(&q, &batch);
	OK(copy("ab"));
	OK(produce(0, "c."));
	memory_refuse_after((size_t)_i);
	expect_asked(PLENTY, PLENTY, EVCHAT_ASKED_NO_MEMORY);
	memory_refuse_none();
	ck_assert_uint_eq(made[0].asked, 0);
	expect_sent("abc");
	OK(evchat_queue_end_turn_(&q));
}
END_TEST

/* --- Files that need not be asked. --- */

enum { FILE_LEN = 40000 };

static void
produce_file(void)
{
	static char bytes[FILE_LEN];
	struct evchat_producer p;

	memset(bytes, 'f', sizeof bytes);
	OK(evchat_producer_file(
	    &p, nameless_file(bytes, sizeof bytes), 0, sizeof bytes));
	OK(evchat_queue_produce_(&q, &p));
}

START_TEST(a_file_is_left_alone_where_it_can_be_sent)
{
	struct evchat_batch batch = batch_of(BATCH);
	struct evchat_file *file;

	evchat_queue_begin_turn_(&q, &batch);
	OK(copy("ab"));
	produce_file();
	OK(copy("cd"));
	ck_assert_int_eq(
	    evchat_queue_fill_(&q, PLENTY, PLENTY, true), EVCHAT_ASKED_FILE);
	expect_batch(&batch, "ab");
	expect_waiting(4, FILE_LEN, 0);
	/* What is before it goes first. */
	evchat_queue_batch_left_(&q, 2);
	file = evchat_queue_file_(&q);
	ck_assert_uint_eq(file->left, FILE_LEN);
	ck_assert(evchat_queue_file_left_(&q, FILE_LEN - 20000));
	ck_assert_uint_eq(file->offset, FILE_LEN - 20000);
	expect_waiting(2, 20000, 0);
	ck_assert(evchat_queue_file_left_(&q, 20000));
	ck_assert_ptr_null(evchat_queue_file_(&q));
	expect_waiting(2, 0, 0);
	OK(evchat_queue_end_turn_(&q));
	expect_sent("cd");
}
END_TEST

START_TEST(bytes_that_cannot_follow_a_file_are_a_failure)
{
	OK(copy("a"));
	take();
	produce_file();
	OK(refer("b"));
	evbuffer_freeze(q.front, 0);
	ck_assert(evchat_queue_file_left_(&q, FILE_LEN - 20000));
	ck_assert(!evchat_queue_file_left_(&q, 20000));
	ck_assert_uint_eq(cleaned, 0);
	evchat_queue_clear_(&q);
	expect_released();
}
END_TEST

START_TEST(the_rest_of_a_file_is_read_when_it_is_short)
{
	produce_file();
	ck_assert(evchat_queue_file_left_(&q, FILE_LEN - 5));
	ck_assert_ptr_null(evchat_queue_file_(&q));
	ck_assert_int_eq(
	    evchat_queue_fill_(&q, PLENTY, PLENTY, true), EVCHAT_ASKED_NOBODY);
	expect_waiting(5, 0, 0);
	expect_sent("fffff");
}
END_TEST

START_TEST(a_file_is_asked_where_it_cannot_be_sent)
{
	produce_file();
	ck_assert_ptr_nonnull(evchat_queue_file_(&q));
	evchat_queue_file_(&q)->must_be_read = true;
	ck_assert_ptr_null(evchat_queue_file_(&q));
	ck_assert_int_eq(
	    evchat_queue_fill_(&q, PLENTY, PLENTY, true), EVCHAT_ASKED_NOBODY);
	expect_waiting(FILE_LEN, 0, 0);
}
END_TEST

START_TEST(who_is_first_and_no_file_is_asked)
{
	OK(produce(0, "a."));
	produce_file();
	ck_assert_ptr_null(evchat_queue_file_(&q));
	ck_assert_int_eq(
	    evchat_queue_fill_(&q, PLENTY, PLENTY, true), EVCHAT_ASKED_FILE);
	ck_assert_uint_eq(made[0].released, 1);
	expect_waiting(1, FILE_LEN, 0);
}
END_TEST

/* --- The suite. --- */

static void
begin(void)
{
	memory_watch();
	memset(&q, 0, sizeof q);
	forget();
	referred = cleaned = 0;
}

static void
end(void)
{
	static const struct evchat_queue empty;

	evchat_queue_clear_(&q);
	ck_assert_mem_eq(&q, &empty, sizeof q);
	expect_released();
	ck_assert_uint_eq(memory_live(), 0);
	memory_unwatch();
}

static void
add_ordering(TCase *tc)
{
	tcase_add_test(tc, everything_leaves_in_the_order_of_the_pushes);
	tcase_add_test(tc, a_copy_may_come_in_two_parts);
	tcase_add_test(tc, copied_bytes_may_change_afterwards);
	tcase_add_test(
	    tc, the_evbuffer_that_bytes_were_moved_from_stays_usable);
	tcase_add_test(tc, bytes_without_a_producer_are_at_the_front_at_once);
	tcase_add_test(tc, bytes_behind_an_ended_producer_come_next);
	tcase_add_test(tc, pushes_from_inside_a_producer_go_behind_it);
	tcase_add_test(
	    tc, pushes_from_inside_a_producer_go_behind_what_is_behind_it);
	tcase_add_test(tc, the_order_holds_for_random_pushes);
}

static void
add_asking(TCase *tc)
{
	tcase_add_test(tc, a_producer_is_asked_only_when_it_is_first);
	tcase_add_test(tc, a_push_asks_nobody);
	tcase_add_test(tc, a_producer_is_not_asked_without_room);
	tcase_add_test(tc, room_is_what_waits_in_front_leaves);
	tcase_add_test(tc, no_more_than_a_chunk_is_asked_for_at_once);
	tcase_add_test(tc, a_producer_may_make_more_than_it_was_asked_for);
	tcase_add_test(tc, one_fill_asks_one_producer_after_the_other);
	tcase_add_test(tc, an_empty_queue_has_nobody_to_ask);
}

static void
add_answering(TCase *tc)
{
	tcase_add_test(tc, more_without_bytes_is_not_the_end);
	tcase_add_test(tc, a_halted_queue_asks_nobody);
	tcase_add_test(
	    tc, a_queue_that_is_halted_by_a_producer_asks_nobody_else);
	tcase_add_test(tc, later_is_not_asked_until_it_is_woken);
	tcase_add_test(tc, bytes_that_come_with_later_count);
	tcase_add_test(tc, who_sleeps_holds_up_what_is_behind);
	tcase_add_test(tc, only_the_first_producer_sleeps);
	tcase_add_test(tc, a_wake_that_came_first_is_remembered);
	tcase_add_test(tc, a_wake_from_inside_the_producer_is_remembered);
	tcase_add_test(tc, a_remembered_wake_is_good_for_one_later);
	tcase_add_test(tc, a_wake_that_woke_somebody_is_not_remembered);
	tcase_add_test(tc, a_cleared_queue_remembers_no_wake);
	tcase_add_test(tc, a_failure_is_told);
	tcase_add_test(tc, a_failed_producer_goes_with_the_queue);
	tcase_add_test(tc, bytes_that_come_with_a_failure_do_not_count);
	tcase_add_test(tc, what_is_no_answer_is_a_failure);
	tcase_add_test(tc, a_producer_needs_no_release);
}

static void
add_counting(TCase *tc)
{
	tcase_add_test(tc, bytes_count_wherever_they_wait);
	tcase_add_test(tc, a_size_is_promised_until_it_is_made);
	tcase_add_test(tc, more_bytes_than_the_size_count_as_bytes_only);
	tcase_add_test(tc, fewer_bytes_than_the_size_end_the_promise);
	tcase_add_test(tc, producers_without_a_size_are_counted);
	tcase_add_test(tc, a_size_beyond_memory_is_no_trouble);
	tcase_add_test(tc, what_a_sleeping_producer_has_yet_to_make_is_known);
	tcase_add_test(tc, empty_is_without_bytes_and_without_producers);
	tcase_add_test(tc, what_was_copied_or_lent_or_read_is_not_foreign);
	tcase_add_test(tc, what_was_moved_is_foreign_until_all_has_left);
	tcase_add_test(tc, what_a_producer_makes_is_foreign_until_all_has_left);
	tcase_add_test(tc, nothing_is_foreign_in_a_cleared_queue);
}

static void
add_dropping(TCase *tc)
{
	tcase_add_test(tc, clear_drops_everything);
	tcase_add_test(tc, release_runs_once_when_the_queue_is_cleared_twice);
	tcase_add_test(tc, release_runs_at_the_end_and_not_again);
	tcase_add_test(tc, release_runs_once_after_a_failure);
	tcase_add_test(tc, cleanup_runs_when_the_last_byte_has_left);
	tcase_add_test(tc, a_cleared_queue_can_be_used);
	tcase_add_loop_test(tc,
	    who_clears_from_inside_is_released_when_it_returns, 0,
	    LEN(clearing));
	tcase_add_loop_test(
	    tc, pushes_after_a_clear_from_inside_survive, 0, LEN(clearing));
	tcase_add_test(tc, the_last_clear_from_inside_counts);
	tcase_add_test(tc, a_wake_before_a_clear_from_inside_is_forgotten);
	tcase_add_test(tc, an_asked_producer_alone_can_clear);
}

static void
add_refusing(TCase *tc)
{
	tcase_add_test(tc, bytes_that_cannot_be_moved_stay_where_they_are);
	tcase_add_test(tc, bytes_that_cannot_follow_a_producer_are_a_failure);
	tcase_add_loop_test(tc, what_cannot_be_dropped_is_a_failure, 0, 2);
}

static void
add_memory(TCase *tc)
{
	tcase_add_test(
	    tc, two_bytes_behind_a_large_reference_take_little_memory);
	tcase_add_test(
	    tc, two_bytes_made_behind_a_large_reference_take_little_memory);
	tcase_add_test(tc, a_reference_takes_little_memory);
	tcase_add_test(tc, a_copy_is_not_split_where_the_last_one_left_room);
	tcase_add_loop_test(tc, a_long_run_is_copied_whole_in_pieces_of_16_kib,
	    0, LEN(run_lengths));
	tcase_add_test(tc, a_long_run_without_memory_changes_nothing);
	tcase_add_test(tc, a_long_run_that_libevent_does_not_take_is_an_error);
	tcase_add_test(tc, moving_takes_no_memory);
	tcase_add_test(tc, a_copy_that_cannot_be_in_memory_is_refused);
	tcase_add_test(tc, without_memory_for_what_is_made_nobody_is_asked);
	tcase_add_loop_test(
	    tc, nothing_is_lost_or_leaked_when_memory_fails, 0, 2);
}

static void
add_batch(TCase *tc)
{
	tcase_add_test(tc, copies_of_a_turn_lie_in_the_batch);
	tcase_add_test(tc, everything_leaves_in_order_around_a_batch);
	tcase_add_test(tc, a_copy_in_the_batch_may_be_nothing_but_its_end);
	tcase_add_test(tc, a_copy_that_does_not_fit_the_batch_goes_behind_it);
	tcase_add_test(tc, a_producer_is_asked_behind_the_batch);
	tcase_add_test(
	    tc, a_producer_is_not_asked_when_the_batch_fills_the_room);
	tcase_add_test(tc, pushes_from_inside_a_producer_are_not_in_the_batch);
	tcase_add_test(tc, what_has_left_the_batch_makes_room);
	tcase_add_test(tc, an_end_of_turn_without_a_batch_changes_nothing);
	tcase_add_test(tc, an_empty_batch_leaves_nothing_behind);
	tcase_add_test(tc, copies_are_quick_up_to_what_was_said);
	tcase_add_test(tc, copies_are_quick_only_where_there_is_room);
	tcase_add_test(tc, no_copy_is_quick_behind_a_producer);
	tcase_add_test(tc, clear_drops_the_batch);
	tcase_add_test(
	    tc, clear_from_inside_a_producer_drops_what_was_in_the_batch);
	tcase_add_test(tc, a_batch_that_cannot_be_moved_stays);
	tcase_add_loop_test(
	    tc, a_batch_that_cannot_be_moved_is_lost_with_its_turn, 0, 2);
	tcase_add_loop_test(
	    tc, without_memory_behind_a_batch_nobody_is_asked, 0, 2);
}

static void
add_files(TCase *tc)
{
	tcase_add_test(tc, a_file_is_left_alone_where_it_can_be_sent);
	tcase_add_test(tc, bytes_that_cannot_follow_a_file_are_a_failure);
	tcase_add_test(tc, the_rest_of_a_file_is_read_when_it_is_short);
	tcase_add_test(tc, a_file_is_asked_where_it_cannot_be_sent);
	tcase_add_test(tc, who_is_first_and_no_file_is_asked);
}

static Suite *
suite(void)
{
	static const struct {
		const char *name;
		void (*add)(TCase *tc);
	} groups[] = {{"ordering", add_ordering}, {"asking", add_asking},
	    {"answering", add_answering}, {"counting", add_counting},
	    {"dropping", add_dropping}, {"refusing", add_refusing},
	    {"memory", add_memory}, {"batch", add_batch}, {"files", add_files}};
	Suite *s = suite_create("queue");

	for (size_t i = 0; i < LEN(groups); i++) {
		TCase *tc = suite_group(s, groups[i].name);

		tcase_add_checked_fixture(tc, begin, end);
		groups[i].add(tc);
	}
	return s;
}

int
main(void)
{
	/* What libevent asks for goes through evchat's door, too: counted and
	 * refused with evchat's own. */
	event_set_mem_functions(evchat_malloc_, evchat_realloc_, evchat_mfree_);
	return suite_run(suite());
}
