/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way out, over every kind of bufferevent: what is pushed arrives in order,
 * producers are asked when there is room, and what was taken is let go once.
 */
#include "channel-internal.h"
#include "support/file.h"
#include "support/suite.h"
#include "support/world.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- A producer that plays a script. --- */

/* Each letter is an answer: 'm' MORE, 'l' LATER, 'e' END, 'f' FAIL, and a
 * digit before it says how many bytes come with it. */
struct script {
	const char *next;
	struct world *w;
	void (*act)(struct script *s); /* inside more() */
	size_t asked, released;
	size_t room; /* the last that was offered */
	char byte;
};

static enum evchat_more
play(struct evbuffer *out, size_t room, void *ctx)
{
	struct script *s = ctx;

	s->asked++;
	s->room = room;
	if (s->act)
		s->act(s);
	for (; *s->next >= '0' && *s->next <= '9'; s->next++)
		for (int n = *s->next - '0'; n > 0; n--)
			evbuffer_add(out, &s->byte, 1);
	switch (*s->next++) {
	case 'm':
		return EVCHAT_MORE;
	case 'l':
		return EVCHAT_LATER;
	case 'e':
		return EVCHAT_END;
	default:
		return EVCHAT_FAIL;
	}
}

static void
count_release(void *ctx)
{
	struct script *s = ctx;

	s->released++;
}

static struct evchat_producer
scripted(struct script *s)
{
	return (struct evchat_producer){
	    .more = play, .release = count_release, .ctx = s};
}

static void
count_cleanup(const void *bytes, size_t len, void *ctx)
{
	size_t *count = ctx;

	(void)bytes;
	(void)len;
	++*count;
}

static void
open_plain(struct world *w, int kind)
{
	struct evchat_callbacks cb = world_plain();

	world_open(w, (enum world_kind)kind, &cb);
}

/* --- Order. --- */

START_TEST(everything_arrives_in_the_order_it_was_pushed)
{
	struct world w;
	struct evbuffer *moved = evbuffer_new();
	struct script a = {.next = "3m2le", .byte = 'a'};
	struct script b = {.next = "me", .byte = 'b'};
	size_t cleanups = 0;

	open_plain(&w, _i);
	evbuffer_add(moved, "-moved-", 7);
	ck_assert_int_eq(evchat_push(w.ch, "copied-", 7), 0);
	ck_assert_int_eq(
	    evchat_push_ref(w.ch, "lent", 4, count_cleanup, &cleanups), 0);
	ck_assert_int_eq(evchat_push_buffer(w.ch, moved), 0);
	ck_assert_int_eq(evchat_push_producer(w.ch, scripted(&a)), 0);
	ck_assert_int_eq(evchat_pushf(w.ch, "-%d-", 7), 0);
	ck_assert_int_eq(evchat_push_producer(w.ch, scripted(&b)), 0);
	ck_assert_int_eq(
	    evchat_push_file(w.ch, nameless_file("0file!", 6), 1, 4), 0);
	ck_assert_int_eq(evchat_push_line(w.ch, "-line", 5), 0);
	ck_assert_uint_eq(a.asked, 0); /* nothing from inside a call */
	world_run(&w);
	peer_expect(&w, "copied-lent-moved-aaaaa");
	ck_assert_uint_eq(b.asked, 0);
	evchat_wake(w.ch);
	world_run(&w);
	peer_expect(&w, "-7-file-line\r\n");
	ck_assert_uint_eq(a.released, 1);
	ck_assert_uint_eq(b.released, 1);
	ck_assert_uint_eq(cleanups, 1);
	ck_assert_uint_eq(evchat_pending(w.ch), 0);
	evbuffer_free(moved);
	world_free(&w);
	ck_assert_uint_eq(cleanups, 1);
}
END_TEST

START_TEST(pushing_nothing_succeeds_and_sends_nothing)
{
	struct world w;
	struct evbuffer *empty = evbuffer_new();
	size_t cleanups = 0;

	world_open(&w, (enum world_kind)_i, &world_callbacks);
	ck_assert_int_eq(evchat_push(w.ch, NULL, 0), 0);
	ck_assert_int_eq(evchat_pushf(w.ch, "%s", ""), 0);
	ck_assert_int_eq(
	    evchat_push_ref(w.ch, NULL, 0, count_cleanup, &cleanups), 0);
	ck_assert_uint_eq(cleanups, 1);
	ck_assert_int_eq(evchat_push_buffer(w.ch, empty), 0);
	ck_assert_int_eq(
	    evchat_push_file(w.ch, nameless_file("x", 1), 0, 0), 0);
	world_run(&w);
	peer_expect(&w, "");
	evbuffer_free(empty);
	world_free(&w);
}
END_TEST

START_TEST(a_long_formatted_text_arrives_whole)
{
	struct world w;
	char text[5001];

	open_plain(&w, _i);
	memset(text, 'x', 5000);
	text[5000] = '\0';
	ck_assert_int_eq(evchat_pushf(w.ch, "%s|%s", text, "end"), 0);
	world_run(&w);
	ck_assert_uint_eq(strlen(world_received(&w)), 5004);
	ck_assert_str_eq(world_received(&w) + 5000, "|end");
	world_free(&w);
}
END_TEST

START_TEST(a_line_may_not_hide_another_one)
{
	struct world w;

	open_plain(&w, _i);
	ck_assert_int_eq(
	    evchat_push_line(w.ch, "a\r\nDELE 1", 9), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(evchat_push_line(w.ch, "a\nb", 3), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(evchat_push_line(w.ch, "a\rb", 3), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(evchat_push_line(w.ch, "a\0b", 3), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(evchat_push_line(w.ch, "", 0), 0);
	world_run(&w);
	peer_expect(&w, "\r\n");
	world_free(&w);
}
END_TEST

START_TEST(pushed_bytes_are_copied)
{
	struct world w;
	char bytes[] = "hello";

	open_plain(&w, _i);
	evchat_push(w.ch, bytes, 5);
	memcpy(bytes, "HELLO", 5);
	world_run(&w);
	peer_expect(&w, "hello");
	world_free(&w);
}
END_TEST

/* --- Producers. --- */

static void
push_behind(struct script *s)
{
	ck_assert_int_eq(evchat_push(s->w->ch, "<", 1), 0);
}

START_TEST(what_a_producer_pushes_goes_behind_it)
{
	struct world w;
	struct script s = {.next = "2m2e", .act = push_behind, .byte = 'p'};

	open_plain(&w, _i);
	s.w = &w;
	evchat_push_producer(w.ch, scripted(&s));
	evchat_push(w.ch, "|", 1);
	world_run(&w);
	peer_expect(&w, "pppp|<<");
	world_free(&w);
}
END_TEST

START_TEST(more_without_bytes_is_not_the_end)
{
	struct world w;
	struct script s = {.next = "mmm1mmmme", .byte = 'x'};

	open_plain(&w, _i);
	evchat_push_producer(w.ch, scripted(&s));
	evchat_push(w.ch, "|", 1);
	for (int i = 0; i < 40; i++)
		world_turn(&w);
	peer_expect(&w, "x|");
	ck_assert_uint_eq(s.released, 1);
	world_free(&w);
}
END_TEST

static void
wake_myself(struct script *s)
{
	ck_assert_int_eq(evchat_wake(s->w->ch), 0);
}

START_TEST(a_wake_that_comes_before_later_is_remembered)
{
	struct world w;
	struct script s = {.next = "1l1l1e", .act = wake_myself, .byte = 'x'};

	open_plain(&w, _i);
	s.w = &w;
	evchat_push_producer(w.ch, scripted(&s));
	for (int i = 0; i < 40; i++)
		world_turn(&w);
	peer_expect(&w, "xxx");
	ck_assert_uint_eq(s.released, 1);
	world_free(&w);
}
END_TEST

START_TEST(a_sleeping_producer_is_left_alone)
{
	struct world w;
	struct script s = {.next = "1l1e", .byte = 'x'};

	open_plain(&w, _i);
	evchat_push_producer(w.ch, scripted(&s));
	world_run(&w);
	evchat_push(w.ch, "|", 1);
	world_run(&w);
	ck_assert_uint_eq(s.asked, 1);
	peer_expect(&w, "x");
	world_free(&w);
	ck_assert_uint_eq(s.released, 1);
}
END_TEST

START_TEST(a_failing_producer_ends_the_channel)
{
	struct world w;
	struct script s = {.next = "2m3f", .byte = 'x'};
	struct script behind = {.next = "e", .byte = 'y'};

	open_plain(&w, _i);
	evchat_push_producer(w.ch, scripted(&s));
	evchat_push_producer(w.ch, scripted(&behind));
	world_run(&w);
	world_expect(&w, "closed(PRODUCER)");
	ck_assert_uint_eq(s.released, 1);
	ck_assert_uint_eq(behind.asked, 0);
	ck_assert_uint_eq(behind.released, 1);
	world_free(&w);
}
END_TEST

static void
discard_all(struct script *s)
{
	if (s->asked == 1)
		ck_assert_int_eq(evchat_discard_output(s->w->ch), 0);
}

START_TEST(discard_inside_a_producer_takes_effect_when_it_returns)
{
	struct world w;
	struct script s = {.next = "5m5e", .act = discard_all, .byte = 'x'};
	struct script behind = {.next = "1e", .byte = 'y'};

	open_plain(&w, _i);
	s.w = &w;
	evchat_push_producer(w.ch, scripted(&s));
	evchat_push_producer(w.ch, scripted(&behind));
	world_run(&w);
	peer_expect(&w, "");
	ck_assert_uint_eq(s.asked, 1);
	ck_assert_uint_eq(s.released, 1);
	ck_assert_uint_eq(behind.released, 1);
	evchat_push(w.ch, "ok", 2);
	world_run(&w);
	peer_expect(&w, "ok");
	world_free(&w);
}
END_TEST

static void
free_all(struct script *s)
{
	evchat_free(s->w->ch);
	s->w->ch = NULL;
}

START_TEST(free_inside_a_producer_releases_it_once)
{
	struct world w;
	struct script s = {.next = "5m5e", .act = free_all, .byte = 'x'};
	struct script behind = {.next = "1e", .byte = 'y'};

	open_plain(&w, _i);
	s.w = &w;
	evchat_push_producer(w.ch, scripted(&s));
	evchat_push_producer(w.ch, scripted(&behind));
	world_run(&w);
	ck_assert_uint_eq(s.released, 1);
	ck_assert_uint_eq(behind.released, 1);
	world_expect(&w, "");
	world_free(&w);
}
END_TEST

static void
close_all(struct script *s)
{
	evchat_close_when_done(s->w->ch);
}

START_TEST(close_inside_a_producer_lets_it_finish)
{
	struct world w;
	struct script s = {.next = "5m5e", .act = close_all, .byte = 'x'};

	open_plain(&w, _i);
	s.w = &w;
	evchat_push_producer(w.ch, scripted(&s));
	world_run(&w);
	peer_expect(&w, "xxxxxxxxxx");
	ck_assert(w.received_eof);
	peer_send_eof(&w);
	world_run(&w);
	world_expect(&w, "closed(DONE)");
	world_free(&w);
}
END_TEST

/* --- Who lets go, and when. --- */

enum ending { BY_DISCARD, BY_FREE, BY_CLOSE, BY_EOF, BY_FAILURE, ENDINGS };

static void
end_by(struct world *w, enum ending ending, struct script *last)
{
	switch (ending) {
	case BY_DISCARD:
		evchat_discard_output(w->ch);
		break;
	case BY_FREE:
		evchat_free(w->ch);
		w->ch = NULL;
		break;
	case BY_CLOSE:
		evchat_close_when_done(w->ch);
		evchat_wake(w->ch);
		world_run(w);
		break;
	case BY_EOF:
		peer_send_eof(w);
		world_run(w);
		world_pass(w, 5000);
		break;
	case BY_FAILURE:
		last->next = "f";
		evchat_wake(w->ch);
		world_run(w);
		break;
	case ENDINGS:
	default:
		ck_abort();
	}
}

START_TEST(release_and_cleanup_run_once_however_it_ends)
{
	enum world_kind kind = (enum world_kind)(_i / ENDINGS);
	enum ending ending = (enum ending)(_i % ENDINGS);
	struct world w;
	struct script first = {.next = "1l1e", .byte = 'x'};
	struct script second = {.next = "1e", .byte = 'y'};
	size_t cleanups = 0;
	int file = nameless_file("abc", 3);

	open_plain(&w, (int)kind);
	evchat_push_producer(w.ch, scripted(&first));
	evchat_push_ref(w.ch, "lent", 4, count_cleanup, &cleanups);
	evchat_push_producer(w.ch, scripted(&second));
	evchat_push_file(w.ch, file, 0, 3);
	evchat_push_ref(w.ch, "lent", 4, count_cleanup, &cleanups);
	world_run(&w);
	ck_assert_uint_eq(first.released + second.released + cleanups, 0);
	ck_assert_int_ge(fcntl(file, F_GETFD), 0);
	end_by(&w, ending, &first);
	/* A pair moves what is lent on to the peer. */
	evbuffer_drain(w.received, evbuffer_get_length(w.received));
	ck_assert_uint_eq(first.released, 1);
	ck_assert_uint_eq(second.released, 1);
	ck_assert_uint_eq(cleanups, 2);
	ck_assert_int_lt(fcntl(file, F_GETFD), 0);
	world_free(&w);
	ck_assert_uint_eq(first.released, 1);
	ck_assert_uint_eq(second.released, 1);
	ck_assert_uint_eq(cleanups, 2);
}
END_TEST

START_TEST(free_lets_go_of_what_the_peer_has_not_taken)
{
	struct world w;
	static char block[1 << 20];
	size_t cleanups = 0;

	open_plain(&w, _i);
	peer_stop_reading(&w);
	evchat_push_ref(w.ch, block, sizeof block, count_cleanup, &cleanups);
	world_run(&w);
	ck_assert_uint_eq(cleanups, 0);
	evchat_free(w.ch);
	w.ch = NULL;
	ck_assert_uint_eq(cleanups, 1);
	world_free(&w);
}
END_TEST

START_TEST(failed_pushes_let_go_at_once_and_queue_nothing)
{
	struct world w;
	struct script s = {.next = "1e", .byte = 'x'};
	struct evchat_producer bad = scripted(&s);
	struct evbuffer *kept = evbuffer_new();
	size_t cleanups = 0;
	int file = nameless_file("abc", 3);

	open_plain(&w, _i);
	evbuffer_add(kept, "kept", 4);
	evchat_push(w.ch, "last", 4);
	evchat_close_when_done(w.ch);
	ck_assert_int_eq(evchat_push(w.ch, "no", 2), EVCHAT_ERR_CLOSING);
	ck_assert_int_eq(evchat_pushf(w.ch, "no"), EVCHAT_ERR_CLOSING);
	ck_assert_int_eq(evchat_push_line(w.ch, "no", 2), EVCHAT_ERR_CLOSING);
	ck_assert_int_eq(
	    evchat_push_ref(w.ch, "no", 2, count_cleanup, &cleanups),
	    EVCHAT_ERR_CLOSING);
	ck_assert_uint_eq(cleanups, 1);
	ck_assert_int_eq(
	    evchat_push_file(w.ch, file, 0, 3), EVCHAT_ERR_CLOSING);
	ck_assert_int_lt(fcntl(file, F_GETFD), 0);
	ck_assert_int_eq(evchat_push_buffer(w.ch, kept), EVCHAT_ERR_CLOSING);
	ck_assert_uint_eq(evbuffer_get_length(kept), 4);
	ck_assert_int_eq(evchat_push_producer(w.ch, bad), EVCHAT_ERR_CLOSING);
	ck_assert_uint_eq(s.released, 1);
	ck_assert_int_eq(evchat_push_producer(NULL, bad), EVCHAT_ERR_INVALID);
	ck_assert_uint_eq(s.released, 2);
	world_run(&w);
	peer_expect(&w, "last");
	evbuffer_free(kept);
	world_free(&w);
}
END_TEST

START_TEST(bad_arguments_are_refused)
{
	struct world w;
	struct script s = {.next = "1e", .byte = 'x'};
	struct evchat_producer p = scripted(&s);
	size_t cleanups = 0;

	open_plain(&w, _i);
	ck_assert_int_eq(evchat_push(NULL, "x", 1), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(evchat_push(w.ch, NULL, 1), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(evchat_pushf(NULL, "x"), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(evchat_push_line(w.ch, NULL, 1), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(
	    evchat_push_ref(w.ch, NULL, 1, count_cleanup, &cleanups),
	    EVCHAT_ERR_INVALID);
	ck_assert_uint_eq(cleanups, 1);
	ck_assert_int_eq(evchat_push_buffer(w.ch, NULL), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(evchat_push_file(w.ch, -1, 0, 1), EVCHAT_ERR_INVALID);
	p.reserved[0] = 1;
	ck_assert_int_eq(evchat_push_producer(w.ch, p), EVCHAT_ERR_INVALID);
	p.reserved[0] = 0;
	p.more = NULL;
	ck_assert_int_eq(evchat_push_producer(w.ch, p), EVCHAT_ERR_INVALID);
	ck_assert_uint_eq(s.released, 2);
	ck_assert_int_eq(evchat_wake(NULL), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(evchat_discard_output(NULL), EVCHAT_ERR_INVALID);
	ck_assert_uint_eq(evchat_pending(NULL), 0);
	ck_assert_uint_eq(evchat_unsent(NULL), 0);
	world_run(&w);
	peer_expect(&w, "");
	world_free(&w);
}
END_TEST

/* --- Marks. --- */

START_TEST(a_push_over_the_cap_is_refused_and_changes_nothing)
{
	struct world w;
	struct evchat_limits limits = {.output_max = 10};
	static char block[100];

	open_plain(&w, _i);
	evchat_set_limits(w.ch, &limits);
	peer_stop_reading(&w);
	ck_assert_int_eq(evchat_push(w.ch, "12345678", 8), 0);
	ck_assert_int_eq(evchat_push(w.ch, "345", 3), EVCHAT_ERR_FULL);
	ck_assert_int_eq(evchat_pushf(w.ch, "345"), EVCHAT_ERR_FULL);
	ck_assert_int_eq(evchat_push_line(w.ch, "3", 1), EVCHAT_ERR_FULL);
	/* What is lent does not count. */
	ck_assert_int_eq(
	    evchat_push_ref(w.ch, block, sizeof block, NULL, NULL), 0);
	ck_assert_int_eq(evchat_push_line(w.ch, "", 0), 0);
	ck_assert_uint_eq(evchat_pending(w.ch), 110);
	peer_read(&w);
	world_run(&w);
	ck_assert_uint_eq(evbuffer_get_length(w.received), 110);
	ck_assert_int_eq(evchat_push(w.ch, "0123456789", 10), 0);
	world_free(&w);
}
END_TEST

START_TEST(room_is_told_once_between_the_marks)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();
	struct evchat_limits limits = {
	    .output_low = 1000, .output_high = 300000};
	static char block[1 << 20];

	cb.room = world_callbacks.room;
	cb.drained = world_callbacks.drained;
	world_open(&w, (enum world_kind)_i, &cb);
	evchat_set_limits(w.ch, &limits);
	peer_stop_reading(&w);
	evchat_push(w.ch, block, 300000);
	world_run(&w);
	evchat_push(w.ch, block, sizeof block);
	world_run(&w);
	world_expect(&w, "");
	peer_read(&w);
	world_run(&w);
	world_expect(&w, "room drained");
	ck_assert_uint_eq(
	    evbuffer_get_length(w.received), 300000 + sizeof block);
	world_free(&w);
}
END_TEST

START_TEST(drained_is_told_when_nothing_is_left_in_any_layer)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();
	struct script s = {.next = "1l1e", .byte = 'x'};

	cb.drained = world_callbacks.drained;
	world_open(&w, (enum world_kind)_i, &cb);
	world_run(&w);
	world_expect(&w, "");
	peer_stop_reading(&w);
	evchat_push(w.ch, "a", 1);
	evchat_push_producer(w.ch, scripted(&s));
	world_run(&w);
	world_expect(&w, "");
	evchat_wake(w.ch);
	peer_read(&w);
	world_run(&w);
	world_expect(&w, "drained");
	peer_expect(&w, "axx");
	world_free(&w);
}
END_TEST

START_TEST(drained_is_told_while_paused_and_after_a_close)
{
	struct world w;

	world_open(&w, (enum world_kind)_i, &world_callbacks);
	evchat_pause(w.ch);
	evchat_push(w.ch, "a", 1);
	world_run(&w);
	world_expect(&w, "drained");
	peer_send_eof(&w);
	world_run(&w);
	evchat_push(w.ch, "b", 1);
	evchat_close_when_done(w.ch);
	world_run(&w);
	world_expect(&w, "drained closed(DONE)");
	peer_expect(&w, "ab");
	world_free(&w);
}
END_TEST

/* A producer of 2 MB and more, that remembers how much waited at most. */
struct endless {
	struct world *w;
	uint64_t most;
	size_t most_room, made;
};

static enum evchat_more
make_room_full(struct evbuffer *out, size_t room, void *ctx)
{
	struct endless *e = ctx;
	static char block[1 << 16];

	if (evchat_pending(e->w->ch) > e->most)
		e->most = evchat_pending(e->w->ch);
	if (room > e->most_room)
		e->most_room = room;
	evbuffer_add(out, block, room);
	e->made += room;
	return e->made < 2000000 ? EVCHAT_MORE : EVCHAT_END;
}

START_TEST(a_producer_is_asked_for_a_chunk_while_there_is_room)
{
	struct world w;
	struct endless e = {&w, 0, 0, 0};
	struct evchat_producer p = {.more = make_room_full, .ctx = &e};
	struct evchat_limits limits = {
	    .output_low = 50000, .output_high = 100000, .write_chunk = 30000};

	open_plain(&w, _i);
	evchat_set_limits(w.ch, &limits);
	peer_stop_reading(&w);
	evchat_push_producer(w.ch, p);
	world_run(&w);
	ck_assert_uint_le(evchat_pending(w.ch), 100000);
	ck_assert_uint_le(e.most, 100000);
	ck_assert_uint_eq(e.most_room, 30000);
	peer_read(&w);
	world_run(&w);
	ck_assert_uint_eq(evbuffer_get_length(w.received), e.made);
	ck_assert_uint_le(e.most, 100000);
	world_free(&w);
}
END_TEST

static void
answer_at_length(struct world *w, const char *event)
{
	static char block[60000];

	if (strcmp(event, "frame") == 0)
		ck_assert_int_eq(
		    evchat_push_ref(w->ch, block, sizeof block, NULL, NULL), 0);
}

START_TEST(no_frame_is_dispatched_while_answers_pile_up)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();

	world_open(&w, (enum world_kind)_i, &cb);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\n"));
	w.hook = answer_at_length;
	peer_stop_reading(&w);
	for (int i = 0; i < 50; i++)
		peer_send_text(&w, "GET\n");
	world_run(&w);
	/* 256 KiB and the answer that passed them; a socket takes more. */
	ck_assert_uint_le(evchat_pending(w.ch), 256 * 1024 + 60000);
	peer_read(&w);
	world_run(&w);
	ck_assert_uint_eq(evbuffer_get_length(w.received), 50 * 60000);
	world_free(&w);
}
END_TEST

/* The mark of a client: it listens however much it has to send. */
START_TEST(frames_are_dispatched_all_the_same_when_the_limit_says_so)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();
	const struct evchat_limits limits = {.dispatch_high = SIZE_MAX};

	world_open(&w, (enum world_kind)_i, &cb);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\n"));
	evchat_set_limits(w.ch, &limits);
	w.hook = answer_at_length;
	peer_stop_reading(&w);
	for (int i = 0; i < 50; i++)
		peer_send_text(&w, "GET\n");
	world_run(&w);
	ck_assert_uint_ge(evchat_pending(w.ch), 1 << 20);
	ck_assert(!evchat_has_room(w.ch));
	peer_read(&w);
	world_run(&w);
	ck_assert_uint_eq(evbuffer_get_length(w.received), 50 * 60000);
	world_free(&w);
}
END_TEST

static void
answer_by_producer(struct world *w, const char *event)
{
	struct script *s = w->hook_ctx;

	if (strcmp(event, "frame") != 0)
		return;
	s[w->hook_count] = (struct script){.next = "1l1e", .byte = 'x'};
	ck_assert_int_eq(
	    evchat_push_producer(w->ch, scripted(&s[w->hook_count++])), 0);
}

START_TEST(producers_that_pile_up_stop_the_dispatch_too)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();
	struct script scripts[50];

	world_open(&w, (enum world_kind)_i, &cb);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\n"));
	w.hook = answer_by_producer;
	w.hook_ctx = scripts;
	for (int i = 0; i < 50; i++)
		peer_send_text(&w, "GET\n");
	world_run(&w);
	ck_assert_uint_eq(w.hook_count, 5);
	for (int i = 0; i < 50; i++) {
		evchat_wake(w.ch);
		world_run(&w);
	}
	ck_assert_uint_eq(w.hook_count, 50);
	ck_assert_uint_eq(evbuffer_get_length(w.received), 100);
	world_free(&w);
}
END_TEST

START_TEST(small_pushes_to_a_stuck_peer_are_joined)
{
	struct world w;
	struct evbuffer *output;
	struct evbuffer_iovec runs[64];

	open_plain(&w, OVER_PAIR);
	peer_stop_reading(&w);
	evchat_push(w.ch, "first", 5);
	world_run(&w);
	for (int i = 0; i < 1000; i++) {
		evchat_push(w.ch, "x", 1);
		world_turn(&w);
	}
	/* One chain on its way, one that waits behind it. */
	output = bufferevent_get_output(evchat_bufferevent(w.ch));
	ck_assert_int_le(evbuffer_peek(output, -1, NULL, runs, 64), 2);
	ck_assert_uint_eq(evchat_pending(w.ch), 1005);
	peer_read(&w);
	world_run(&w);
	ck_assert_uint_eq(evbuffer_get_length(w.received), 1005);
	world_free(&w);
}
END_TEST

/* --- Files. --- */

START_TEST(a_file_that_was_cut_short_is_no_whole_answer)
{
	struct world w;
	int file = nameless_file("0123456789", 10);

	open_plain(&w, _i);
	ck_assert_int_eq(evchat_push_file(w.ch, file, 5, 100), 0);
	world_run(&w);
	world_expect(&w, "closed(PRODUCER)");
	ck_assert_int_lt(fcntl(file, F_GETFD), 0);
	world_free(&w);
}
END_TEST

START_TEST(a_file_counts_as_waiting_output)
{
	struct world w;
	int file = nameless_file("0123456789", 10);

	open_plain(&w, _i);
	ck_assert_int_eq(evchat_push_file(w.ch, file, 2, 5), 0);
	ck_assert_uint_eq(evchat_pending(w.ch), 5);
	world_run(&w);
	peer_expect(&w, "23456");
	ck_assert_uint_eq(evchat_pending(w.ch), 0);
	world_free(&w);
}
END_TEST

START_TEST(discard_output_keeps_a_pending_close)
{
	struct world w;
	static char block[1 << 20];

	open_plain(&w, _i);
	peer_stop_reading(&w);
	evchat_push(w.ch, block, sizeof block);
	world_run(&w);
	evchat_close_when_done(w.ch);
	ck_assert_int_eq(evchat_discard_output(w.ch), 0);
	ck_assert_uint_eq(evchat_pending(w.ch), 0);
	world_run(&w);
	peer_read(&w);
	world_run(&w);
	ck_assert(w.received_eof);
	peer_send_eof(&w);
	world_run(&w);
	world_expect(&w, "closed(DONE)");
	world_free(&w);
}
END_TEST

/* Sends back the body it is fed, and sleeps between. */
struct fed {
	struct evbuffer *bytes;
	size_t left;
};

static enum evchat_more
pass_on(struct evbuffer *out, size_t room, void *ctx)
{
	struct fed *fed = ctx;

	(void)room;
	fed->left -= evbuffer_get_length(fed->bytes);
	evbuffer_add_buffer(out, fed->bytes);
	return fed->left ? EVCHAT_LATER : EVCHAT_END;
}

static void
feed_it(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	struct world *w = ctx;
	struct fed *fed = w->hook_ctx;

	evbuffer_add(fed->bytes, bytes, len);
	evchat_wake(ch);
}

START_TEST(a_producer_that_is_fed_by_its_own_channel_is_not_starved)
{
	struct world w;
	struct evchat_callbacks cb = {.collect = feed_it};
	struct fed fed = {evbuffer_new(), 1000000};
	struct evchat_producer p = {
	    .more = pass_on, .size = 1000000, .ctx = &fed};
	static char block[10000];

	world_open(&w, (enum world_kind)_i, &cb);
	w.hook_ctx = &fed;
	evchat_push_producer(w.ch, p);
	for (int i = 0; i < 100; i++) {
		peer_send(&w, block, sizeof block);
		world_run(&w);
	}
	ck_assert_uint_eq(evbuffer_get_length(w.received), 1000000);
	evbuffer_free(fed.bytes);
	world_free(&w);
}
END_TEST

static enum evchat_more
end_at_once(struct evbuffer *out, size_t room, void *ctx)
{
	(void)out;
	(void)room;
	(void)ctx;
	return EVCHAT_END;
}

static void
answer_with_nothing(struct world *w, const char *event)
{
	struct evchat_producer p = {.more = end_at_once};

	if (strcmp(event, "frame") == 0 && ++w->hook_count > 0)
		ck_assert_int_eq(evchat_push_producer(w->ch, p), 0);
}

START_TEST(answers_that_come_to_nothing_do_not_stop_the_dispatch)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();

	world_open(&w, (enum world_kind)_i, &cb);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\n"));
	w.hook = answer_with_nothing;
	for (int i = 0; i < 20; i++)
		peer_send_text(&w, "a\n");
	world_run(&w);
	ck_assert_uint_eq(w.hook_count, 20);
	world_free(&w);
}
END_TEST

/* --- Large files. --- */

enum { FILE_LEN = 1000000 };

static char contents[FILE_LEN];

static int
large_file(void)
{
	for (size_t i = 0; i < sizeof contents; i++)
		contents[i] = (char)(i * 31 + i / 251);
	return nameless_file(contents, sizeof contents);
}

static void
expect_part(struct world *w, size_t at, size_t from, size_t len)
{
	ck_assert_uint_ge(evbuffer_get_length(w->received), at + len);
	ck_assert_mem_eq(
	    evbuffer_pullup(w->received, -1) + at, contents + from, len);
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

START_TEST(a_large_file_arrives_between_what_is_around_it)
{
	struct world w;
	int file = large_file();

	open_plain(&w, _i);
	evchat_push(w.ch, "head", 4);
	ck_assert_int_eq(evchat_push_file(w.ch, file, 5, 900000), 0);
	evchat_push(w.ch, "tail", 4);
	ck_assert_uint_eq(evchat_pending(w.ch), 900008);
	world_run(&w);
	ck_assert_uint_eq(evbuffer_get_length(w.received), 900008);
	expect_part(&w, 4, 5, 900000);
	ck_assert_mem_eq(evbuffer_pullup(w.received, -1), "head", 4);
	ck_assert_mem_eq(evbuffer_pullup(w.received, -1) + 900004, "tail", 4);
	ck_assert_uint_eq(evchat_pending(w.ch), 0);
	ck_assert(!is_open(file));
	world_free(&w);
}
END_TEST

START_TEST(many_files_arrive_in_order)
{
	static const size_t lens[] = {
	    16383, 16384, 16385, 1, 100000, 0, 65536, 300000};
	struct world w;
	size_t at = 0;

	open_plain(&w, _i);
	for (size_t i = 0; i < 8; i++) {
		evchat_pushf(w.ch, "<%zu>", i);
		ck_assert_int_eq(
		    evchat_push_file(w.ch, large_file(), i, lens[i]), 0);
	}
	evchat_close_when_done(w.ch);
	world_run(&w);
	for (size_t i = 0; i < 8; i++) {
		expect_part(&w, at + 3, i, lens[i]);
		at += 3 + lens[i];
	}
	ck_assert_uint_eq(evbuffer_get_length(w.received), at);
	ck_assert(w.received_eof);
	peer_send_eof(&w);
	world_run(&w);
	world_expect(&w, "closed(DONE)");
	world_free(&w);
}
END_TEST

/* One that has begun to be sent, to a peer that does not take it all. */
static int
begin_large_file(struct world *w)
{
	int file = large_file();

	peer_stop_reading(w);
	ck_assert_int_eq(evchat_push_file(w->ch, file, 0, FILE_LEN), 0);
	world_run(w);
	ck_assert(is_open(file));
	ck_assert_uint_gt(evchat_pending(w->ch), 0);
	return file;
}

START_TEST(a_large_file_goes_on_when_the_peer_does)
{
	struct world w;
	int file;

	open_plain(&w, _i);
	file = begin_large_file(&w);
	evchat_push(w.ch, "tail", 4);
	peer_read(&w);
	world_run(&w);
	ck_assert_uint_eq(evbuffer_get_length(w.received), FILE_LEN + 4);
	expect_part(&w, 0, 0, FILE_LEN);
	ck_assert(!is_open(file));
	world_free(&w);
}
END_TEST

START_TEST(a_large_file_cut_short_on_its_way_is_no_whole_answer)
{
	struct world w;
	int file;

	open_plain(&w, _i);
	file = begin_large_file(&w);
	evchat_push(w.ch, "tail", 4);
	ck_assert_int_eq(ftruncate(file, 10), 0);
	peer_read(&w);
	world_run(&w);
	world_expect(&w, "closed(PRODUCER)");
	ck_assert_uint_lt(evbuffer_get_length(w.received), FILE_LEN);
	ck_assert_uint_gt(w.unsent, 4);
	ck_assert(!is_open(file));
	world_free(&w);
}
END_TEST

START_TEST(a_large_file_is_closed_when_its_channel_is_freed)
{
	struct world w;
	int file;

	open_plain(&w, _i);
	file = begin_large_file(&w);
	evchat_free(w.ch);
	w.ch = NULL;
	ck_assert(!is_open(file));
	world_free(&w);
}
END_TEST

START_TEST(a_large_file_is_closed_when_output_is_discarded)
{
	struct world w;
	int file;

	open_plain(&w, _i);
	file = begin_large_file(&w);
	ck_assert_int_eq(evchat_discard_output(w.ch), 0);
	ck_assert(!is_open(file));
	ck_assert_uint_eq(evchat_pending(w.ch), 0);
	world_run(&w);
	peer_read(&w);
	world_run(&w);
	ck_assert_uint_lt(evbuffer_get_length(w.received), FILE_LEN);
	evbuffer_drain(w.received, evbuffer_get_length(w.received));
	evchat_push(w.ch, "next", 4);
	evchat_push_file(w.ch, large_file(), 0, 100000);
	world_run(&w);
	ck_assert_uint_eq(evbuffer_get_length(w.received), 100004);
	expect_part(&w, 4, 0, 100000);
	world_free(&w);
}
END_TEST

START_TEST(a_large_file_is_sent_before_the_close)
{
	struct world w;
	int file;

	open_plain(&w, _i);
	file = begin_large_file(&w);
	evchat_close_when_done(w.ch);
	world_run(&w);
	world_expect(&w, "");
	peer_read(&w);
	world_run(&w);
	ck_assert_uint_eq(evbuffer_get_length(w.received), FILE_LEN);
	ck_assert(w.received_eof);
	ck_assert(!is_open(file));
	peer_send_eof(&w);
	world_run(&w);
	world_expect(&w, "closed(DONE)");
	world_free(&w);
}
END_TEST

START_TEST(a_file_for_a_deaf_peer_is_late)
{
	struct world w;
	const struct evchat_limits limits = {.write_deadline_ms = 1000};
	int file;

	open_plain(&w, _i);
	ck_assert_int_eq(evchat_set_limits(w.ch, &limits), 0);
	file = begin_large_file(&w);
	world_pass(&w, 999);
	world_expect(&w, "");
	world_pass(&w, 1);
	world_pass(&w, 1000); /* a peer may be given grace */
	world_expect(&w, "closed(TIMEOUT_WRITE)");
	ck_assert(!is_open(file));
	ck_assert_uint_gt(w.unsent, 0);
	world_free(&w);
}
END_TEST

/* --- The marks, pushed at in a callback and outside of one. --- */

/* Pushes so many times `len` bytes, and notes what each comes to. */
struct pushing {
	size_t len, times;
	struct evbuffer *notes;
};

static void
push_and_note(struct world *w)
{
	static const char bytes[64];
	struct pushing *p = w->hook_ctx;

	for (size_t i = 0; i < p->times; i++) {
		int error = evchat_push(w->ch, bytes, p->len);

		evbuffer_add_printf(p->notes, "%s%s ",
		    error == EVCHAT_ERR_FULL ? "full"
		    : error                  ? "error"
					     : "ok",
		    evchat_has_room(w->ch) ? "" : "!");
	}
}

static void
push_on_frame(struct world *w, const char *event)
{
	if (strcmp(event, "frame") == 0)
		push_and_note(w);
}

/* In a callback, where copies are quick, and from outside, where none is. */
enum { IN_CALLBACK, FROM_OUTSIDE, PLACES };

static void
push_at_limits(const struct evchat_limits *limits, size_t len, size_t times,
    int at, const char *notes, const char *transcript)
{
	struct world w;
	struct pushing p = {len, times, evbuffer_new()};

	world_open(&w, (enum world_kind)(at / PLACES), &world_callbacks);
	ck_assert_int_eq(evchat_set_limits(w.ch, limits), 0);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\n"));
	world_run(&w);
	w.hook_ctx = &p;
	if (at % PLACES == IN_CALLBACK) {
		w.hook = push_on_frame;
		peer_send_text(&w, "\n");
	} else {
		push_and_note(&w);
	}
	world_run(&w);
	if (at % PLACES == FROM_OUTSIDE)
		peer_send_text(&w, "\n");
	w.hook = NULL;
	world_run(&w);
	evbuffer_add(p.notes, "", 1);
	ck_assert_str_eq((char *)evbuffer_pullup(p.notes, -1), notes);
	if (at % PLACES == IN_CALLBACK)
		world_expect(&w, transcript);
	evbuffer_free(p.notes);
	world_free(&w);
}

START_TEST(a_push_over_the_cap_is_refused_at_the_very_byte)
{
	const struct evchat_limits limits = {.output_max = 10};

	push_at_limits(
	    &limits, 3, 5, _i, "ok ok ok full full ", "frame() drained");
	push_at_limits(
	    &limits, 5, 4, _i, "ok ok full full ", "frame() drained");
	push_at_limits(&limits, 1, 12, _i,
	    "ok ok ok ok ok ok ok ok ok ok full full ", "frame() drained");
}
END_TEST

START_TEST(room_is_told_after_the_first_byte_over_the_mark)
{
	const struct evchat_limits limits = {
	    .output_high = 10, .output_low = 5};

	push_at_limits(&limits, 5, 2, _i, "ok ok ", "frame() drained");
	push_at_limits(&limits, 5, 3, _i, "ok ok ok! ", "frame() room drained");
	push_at_limits(&limits, 1, 11, _i, "ok ok ok ok ok ok ok ok ok ok ok! ",
	    "frame() room drained");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("channel_out");
	TCase *all = suite_group(s, "everywhere");

	tcase_add_loop_test(all, release_and_cleanup_run_once_however_it_ends,
	    0, WORLD_KINDS * ENDINGS);
#define RULE(test) tcase_add_loop_test(all, test, 0, WORLD_KINDS)
	RULE(everything_arrives_in_the_order_it_was_pushed);
	RULE(pushing_nothing_succeeds_and_sends_nothing);
	RULE(a_long_formatted_text_arrives_whole);
	RULE(a_line_may_not_hide_another_one);
	RULE(pushed_bytes_are_copied);
	RULE(what_a_producer_pushes_goes_behind_it);
	RULE(more_without_bytes_is_not_the_end);
	RULE(a_wake_that_comes_before_later_is_remembered);
	RULE(a_sleeping_producer_is_left_alone);
	RULE(a_failing_producer_ends_the_channel);
	RULE(discard_inside_a_producer_takes_effect_when_it_returns);
	RULE(free_inside_a_producer_releases_it_once);
	RULE(close_inside_a_producer_lets_it_finish);
	RULE(free_lets_go_of_what_the_peer_has_not_taken);
	RULE(failed_pushes_let_go_at_once_and_queue_nothing);
	RULE(bad_arguments_are_refused);
	RULE(a_push_over_the_cap_is_refused_and_changes_nothing);
	RULE(room_is_told_once_between_the_marks);
	RULE(drained_is_told_when_nothing_is_left_in_any_layer);
	RULE(drained_is_told_while_paused_and_after_a_close);
	RULE(a_producer_is_asked_for_a_chunk_while_there_is_room);
	RULE(no_frame_is_dispatched_while_answers_pile_up);
	RULE(frames_are_dispatched_all_the_same_when_the_limit_says_so);
	RULE(producers_that_pile_up_stop_the_dispatch_too);
	RULE(a_file_that_was_cut_short_is_no_whole_answer);
	RULE(a_file_counts_as_waiting_output);
	RULE(discard_output_keeps_a_pending_close);
	RULE(answers_that_come_to_nothing_do_not_stop_the_dispatch);
	RULE(a_producer_that_is_fed_by_its_own_channel_is_not_starved);
	RULE(a_large_file_arrives_between_what_is_around_it);
	RULE(many_files_arrive_in_order);
	RULE(a_large_file_goes_on_when_the_peer_does);
	RULE(a_large_file_cut_short_on_its_way_is_no_whole_answer);
	RULE(a_large_file_is_closed_when_its_channel_is_freed);
	RULE(a_large_file_is_closed_when_output_is_discarded);
	RULE(a_large_file_is_sent_before_the_close);
	RULE(a_file_for_a_deaf_peer_is_late);
#undef RULE
	tcase_add_loop_test(all,
	    a_push_over_the_cap_is_refused_at_the_very_byte, 0,
	    WORLD_KINDS * PLACES);
	tcase_add_loop_test(all,
	    room_is_told_after_the_first_byte_over_the_mark, 0,
	    WORLD_KINDS * PLACES);
	tcase_add_test(all, small_pushes_to_a_stuck_peer_are_joined);
	return suite_run(s);
}
