/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a channel may hold, counted: whatever the peer does, evchat and libevent
 * together grow by no more than the limits say and a little for chains, events
 * and one read.  The peer is a bare descriptor or, where that spoils nothing,
 * the other end of a bufferevent pair.
 */
#include "buffers-internal.h"
#include "support/counting.h"
#include "support/file.h"
#include "support/loop.h"
#include "support/scale.h"
#include "support/suite.h"
#include <errno.h>
#include <evchat/evchat.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OVER_SOCKET, OVER_PAIR, KINDS };

/* The defaults. */
enum {
	KIB = 1024,
	MIB = 1024 * KIB,
	MAX_FRAME = 64 * KIB,
	WRITE_CHUNK = 64 * KIB,
	OUTPUT_HIGH = 256 * KIB,
	SLACK = 128 * KIB
};

enum { PIECE = 4096, ANSWER = 1024, REQUESTS = 200000 };

/* A channel, its peer, and what they have seen. */
struct stage {
	struct event_base *base;
	struct evchat *ch; /* NULL when it has ended */
	int peer_fd;
	struct bufferevent *peer_bev;
	size_t before; /* held before it began */

	size_t got;    /* by the peer */
	size_t pieces; /* bytes collected */
	size_t frames, overlong, released;
	uint64_t left; /* of what a producer makes */
	enum evchat_reason reason;
};

/* More than any socket takes. */
static char block[4 * MIB];

/* --- Callbacks. --- */

static void
on_collect(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	struct stage *s = ctx;

	(void)ch;
	(void)bytes;
	s->pieces += len;
}

static void
on_frame(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	struct stage *s = ctx;

	(void)ch;
	(void)bytes;
	(void)len;
	s->frames++;
}

static void
answer(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	on_frame(ch, bytes, len, ctx);
	ck_assert_int_eq(evchat_push(ch, block, ANSWER), 0);
}

static void
on_overlong(struct evchat *ch, void *ctx)
{
	struct stage *s = ctx;

	(void)ch;
	s->overlong++;
}

static void
on_closed(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	struct stage *s = ctx;

	(void)ch;
	s->ch = NULL;
	s->reason = reason;
}

static const struct evchat_callbacks in_pieces = {
    .collect = on_collect, .closed = on_closed};
static const struct evchat_callbacks whole = {
    .collect = on_collect, .frame = on_frame, .closed = on_closed};
static const struct evchat_callbacks answering = {
    .frame = answer, .closed = on_closed};

/* --- The stage. --- */

static void
turn(struct stage *s)
{
	loop_turn(s->base, EVLOOP_NONBLOCK);
}

static void
turns(struct stage *s, int n)
{
	while (n-- > 0)
		turn(s);
}

static void
open_socket(struct stage *s, const struct evchat_callbacks *cb)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert_int_eq(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	s->peer_fd = fds[1];
	s->ch = evchat_open(s->base, fds[0], 0, cb, s);
}

static void
open_pair(struct stage *s, const struct evchat_callbacks *cb)
{
	struct bufferevent *ends[2];

	ck_assert_int_eq(bufferevent_pair_new(s->base, 0, ends), 0);
	s->peer_bev = ends[1];
	s->ch = evchat_new(ends[0], cb, s);
}

static void
begin(struct stage *s, int kind, const struct evchat_callbacks *cb,
    struct evchat_terminator terminator)
{
	counting_begin();
	signal(SIGPIPE, SIG_IGN);
	memset(s, 0, sizeof *s);
	s->peer_fd = -1;
	s->base = event_base_new();
	if (kind == OVER_SOCKET)
		open_socket(s, cb);
	else
		open_pair(s, cb);
	ck_assert_ptr_nonnull(s->ch);
	/* They are the thread's, however many channels it has. */
	evchat_buffers_give_back_(evchat_buffers_take_());
	ck_assert_int_eq(evchat_set_terminator(s->ch, terminator), 0);
	turns(s, 4);
	s->before = counting_now();
	counting_mark();
}

static void
end(struct stage *s)
{
	evchat_free(s->ch);
	if (s->peer_fd >= 0)
		close(s->peer_fd);
	if (s->peer_bev)
		bufferevent_free(s->peer_bev);
	turns(s, 4);
	event_base_free(s->base);
}

static void
grew_by_at_most(const struct stage *s, size_t limit)
{
	ck_assert_uint_le(counting_peak() - s->before, limit);
}

/* What the peer sends and the channel does not take now, it sends later. */
static size_t
send_some(struct stage *s, const char *bytes, size_t len)
{
	ssize_t sent;

	if (s->peer_bev) {
		ck_assert_int_eq(bufferevent_write(s->peer_bev, bytes, len), 0);
		return len;
	}
	sent = send(s->peer_fd, bytes, len, MSG_NOSIGNAL);
	return sent > 0 ? (size_t)sent : 0;
}

static void
send_until_the_end(struct stage *s, size_t total)
{
	while (total > 0 && s->ch) {
		size_t len = total < PIECE ? total : PIECE;

		total -= send_some(s, block, len);
		turn(s);
	}
	turns(s, 4);
}

/* Into memory that nobody counts. */
static void
read_some(struct stage *s)
{
	static char bytes[64 * KIB];
	ssize_t got = recv(s->peer_fd, bytes, sizeof bytes, 0);

	if (got > 0)
		s->got += (size_t)got;
}

/* --- What comes in. --- */

static void
send_an_endless_frame(struct stage *s, int kind, struct evchat_callbacks cb,
    struct evchat_terminator t, bool goes_on)
{
	if (goes_on)
		cb.overlong = on_overlong;
	begin(s, kind, &cb, t);
	send_until_the_end(s, 10 * MIB);
	grew_by_at_most(s, MAX_FRAME + OUTPUT_HIGH + SLACK);
}

static void
it_ended_as_overlong(struct stage *s)
{
	ck_assert_ptr_null(s->ch);
	ck_assert_int_eq((int)s->reason, EVCHAT_REASON_OVERLONG);
	end(s);
}

static void
it_was_overlong_once(struct stage *s)
{
	ck_assert_ptr_nonnull(s->ch);
	ck_assert_uint_eq(s->overlong, 1);
	end(s);
}

START_TEST(an_endless_line_in_pieces_ends_the_channel)
{
	struct stage s;

	send_an_endless_frame(&s, _i, in_pieces, EVCHAT_LIT("\r\n"), false);
	ck_assert_uint_eq(s.pieces, MAX_FRAME);
	it_ended_as_overlong(&s);
}
END_TEST

START_TEST(an_endless_whole_line_ends_the_channel)
{
	struct stage s;

	send_an_endless_frame(&s, _i, whole, EVCHAT_LIT("\r\n"), false);
	ck_assert_uint_eq(s.frames, 0);
	it_ended_as_overlong(&s);
}
END_TEST

START_TEST(an_endless_line_in_pieces_is_skipped)
{
	struct stage s;

	send_an_endless_frame(&s, _i, in_pieces, EVCHAT_LIT("\r\n"), true);
	ck_assert_uint_eq(s.pieces, MAX_FRAME);
	it_was_overlong_once(&s);
}
END_TEST

START_TEST(an_endless_whole_line_is_skipped)
{
	struct stage s;

	send_an_endless_frame(&s, _i, whole, EVCHAT_LIT("\r\n"), true);
	it_was_overlong_once(&s);
}
END_TEST

START_TEST(a_huge_declared_whole_frame_ends_the_channel)
{
	struct stage s;

	send_an_endless_frame(
	    &s, _i, whole, evchat_count(UINT64_C(1) << 62), false);
	it_ended_as_overlong(&s);
}
END_TEST

START_TEST(a_huge_declared_whole_frame_is_skipped)
{
	struct stage s;

	send_an_endless_frame(
	    &s, _i, whole, evchat_count(UINT64_C(1) << 62), true);
	it_was_overlong_once(&s);
}
END_TEST

START_TEST(a_huge_declared_frame_can_be_streamed)
{
	struct evchat_terminator t = evchat_count(UINT64_C(1) << 62);
	struct stage s;

	t.streamed = true;
	send_an_endless_frame(&s, _i, whole, t, false);
	ck_assert_ptr_nonnull(s.ch);
	ck_assert_uint_eq(s.pieces, 10 * MIB);
	/* And nothing but chains is held for it. */
	grew_by_at_most(&s, SLACK);
	end(&s);
}
END_TEST

START_TEST(a_paused_channel_leaves_its_input_in_the_kernel)
{
	struct stage s;

	begin(&s, OVER_SOCKET, &whole, EVCHAT_LIT("\n"));
	ck_assert_int_eq(evchat_pause(s.ch), 0);
	for (int i = 0; i < 1000; i++) {
		send_some(&s, block, PIECE);
		turn(&s);
	}
	grew_by_at_most(&s, SLACK);
	end(&s);
}
END_TEST

START_TEST(a_flood_of_empty_frames_waits_in_the_kernel)
{
	static const struct evchat_limits limits = {.frames_per_turn = 3};
	static char ends[PIECE];
	struct stage s;
	size_t total = test_scaled(256 * KIB), sent = 0;

	memset(ends, '\n', sizeof ends);
	begin(&s, OVER_SOCKET, &whole, EVCHAT_LIT("\n"));
	ck_assert_int_eq(evchat_set_limits(s.ch, &limits), 0);
	while (s.frames < total) {
		size_t len = total - sent < PIECE ? total - sent : PIECE;

		if (len)
			sent += send_some(&s, ends, len);
		turn(&s);
	}
	ck_assert_uint_eq(s.frames, total);
	/* The read budget, and one read. */
	grew_by_at_most(&s, 64 * KIB + SLACK);
	end(&s);
}
END_TEST

/* --- What goes out. --- */

static enum evchat_more
make(struct evbuffer *out, size_t room, void *ctx)
{
	struct stage *s = ctx;
	size_t len = room < s->left ? room : (size_t)s->left;

	s->left -= len;
	while (len > 0) {
		/* As much as a chain of a page holds. */
		size_t piece = len < 4000 ? len : 4000;

		ck_assert_int_eq(evbuffer_add(out, block, piece), 0);
		len -= piece;
	}
	return s->left ? EVCHAT_MORE : EVCHAT_END;
}

static void
count_release(void *ctx)
{
	struct stage *s = ctx;

	s->released++;
}

static void
count_cleanup(const void *bytes, size_t len, void *ctx)
{
	(void)bytes;
	(void)len;
	count_release(ctx);
}

static void
push_a_producer(struct stage *s, uint64_t total)
{
	const struct evchat_producer p = {
	    .more = make, .release = count_release, .ctx = s};

	s->left = total;
	ck_assert_int_eq(evchat_push_producer(s->ch, p), 0);
}

START_TEST(a_producer_waits_for_a_peer_that_never_reads)
{
	struct stage s;

	begin(&s, _i, &whole, evchat_none());
	push_a_producer(&s, UINT64_C(1) << 30);
	turns(&s, 1000);
	ck_assert_uint_gt(s.left, 0);
	ck_assert_uint_le(evchat_pending(s.ch), OUTPUT_HIGH + WRITE_CHUNK);
	grew_by_at_most(&s, OUTPUT_HIGH + WRITE_CHUNK + SLACK);
	end(&s);
	ck_assert_uint_eq(s.released, 1);
}
END_TEST

START_TEST(a_producer_goes_on_with_a_slow_reader)
{
	struct stage s;
	size_t total = test_scaled(1024 * (size_t)MIB);

	begin(&s, OVER_SOCKET, &whole, evchat_none());
	push_a_producer(&s, total);
	while (s.got < total) {
		turn(&s);
		read_some(&s);
	}
	ck_assert_uint_eq(s.got, total);
	ck_assert_uint_eq(s.released, 1);
	grew_by_at_most(&s, OUTPUT_HIGH + WRITE_CHUNK + SLACK);
	end(&s);
}
END_TEST

/* A file of zeros that takes no room. */
static int
new_file(off_t len)
{
	int fd = nameless_file("", 0);

	ck_assert_int_eq(ftruncate(fd, len), 0);
	return fd;
}

START_TEST(a_file_waits_for_a_peer_that_never_reads)
{
	struct stage s;
	const uint64_t len = UINT64_C(1) << 30;

	begin(&s, _i, &whole, evchat_none());
	ck_assert_int_eq(
	    evchat_push_file(s.ch, new_file((off_t)len), 0, len), 0);
	turns(&s, 1000);
	ck_assert_uint_gt(evchat_pending(s.ch), len / 2);
	grew_by_at_most(&s, OUTPUT_HIGH + WRITE_CHUNK + SLACK);
	end(&s);
}
END_TEST

START_TEST(a_large_reference_costs_nothing)
{
	struct stage s;
	const size_t len = 100 * (size_t)MIB;
	char *bytes = calloc(1, len);

	ck_assert_ptr_nonnull(bytes);
	begin(&s, _i, &whole, evchat_none());
	ck_assert_int_eq(
	    evchat_push_ref(s.ch, bytes, len, count_cleanup, &s), 0);
	ck_assert_int_eq(evchat_push(s.ch, "\r\n", 2), 0);
	turns(&s, 100);
	ck_assert_int_eq(evchat_push(s.ch, "\r\n", 2), 0);
	turns(&s, 100);
	grew_by_at_most(&s, SLACK);
	end(&s);
	ck_assert_uint_eq(s.released, 1);
	free(bytes);
}
END_TEST

/* As many requests as it will take, cut anywhere. */
static void
send_requests(struct stage *s, size_t *sent, size_t total)
{
	static char requests[5 * 1024];

	for (size_t i = 0; i < sizeof requests; i++)
		requests[i] = "GET \n"[i % 5];
	while (*sent < total) {
		size_t at = *sent % 5, len = sizeof requests - at, some;

		if (len > total - *sent)
			len = total - *sent;
		some = send_some(s, requests + at, len);
		*sent += some;
		if (!some)
			return;
	}
}

START_TEST(a_pipelining_peer_that_never_reads_is_not_read)
{
	struct stage s;
	size_t sent = 0;

	begin(&s, OVER_SOCKET, &answering, EVCHAT_LIT("\n"));
	for (int i = 0; i < 5000; i++) {
		send_requests(&s, &sent, 5 * (size_t)REQUESTS);
		turn(&s);
	}
	ck_assert_uint_lt(s.frames, REQUESTS);
	ck_assert_uint_le(evchat_pending(s.ch), OUTPUT_HIGH + ANSWER);
	grew_by_at_most(&s, MAX_FRAME + OUTPUT_HIGH + SLACK);
	end(&s);
}
END_TEST

START_TEST(a_pipelining_peer_that_reads_late_gets_every_answer)
{
	struct stage s;
	size_t requests = test_scaled(REQUESTS), sent = 0;

	begin(&s, OVER_SOCKET, &answering, EVCHAT_LIT("\n"));
	while (s.got < requests * ANSWER) {
		send_requests(&s, &sent, 5 * requests);
		turn(&s);
		read_some(&s);
	}
	ck_assert_uint_eq(s.frames, requests);
	grew_by_at_most(&s, MAX_FRAME + OUTPUT_HIGH + SLACK);
	end(&s);
}
END_TEST

/* --- Small answers with producers, to a peer that asks and does not read. ---
 */

enum { SMALL = 130, SMALL_FILE = 6 };

static int small_file = -1;

static int
push_small_file(struct evchat *ch)
{
	int fd = dup(small_file);

	ck_assert_int_ge(fd, 0);
	return evchat_push_file(ch, fd, 0, SMALL_FILE);
}

static int
push_small_chunk(struct evchat *ch)
{
	struct evchat_producer chunk;

	ck_assert_int_eq(evchat_producer_ref(&chunk, block, 1, NULL, NULL), 0);
	ck_assert_int_eq(evchat_producer_chunked(&chunk), 0);
	return evchat_push_producer(ch, chunk);
}

static int (*const push_small_one[])(struct evchat *ch) = {
    push_small_file, push_small_chunk};

static size_t which_small_one;

static void
answer_small(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	on_frame(ch, bytes, len, ctx);
	ck_assert_int_eq(evchat_push(ch, block, SMALL), 0);
	ck_assert_int_eq(push_small_one[which_small_one](ch), 0);
}

/* Each takes ten times its bytes while it waits; so far fewer may. */
START_TEST(small_answers_with_producers_count_as_what_they_take)
{
	static const struct evchat_callbacks small = {
	    .frame = answer_small, .closed = on_closed};
	struct stage s;
	size_t sent = 0;

	small_file = nameless_file("hello\n", SMALL_FILE);
	which_small_one = (size_t)_i;
	begin(&s, OVER_SOCKET, &small, EVCHAT_LIT("\n"));
	for (int i = 0; i < 1000; i++) {
		send_requests(&s, &sent, 5 * (size_t)REQUESTS);
		turn(&s);
	}
	ck_assert_uint_lt(s.frames, REQUESTS);
	grew_by_at_most(&s, MAX_FRAME + 7 * OUTPUT_HIGH + SLACK);
	end(&s);
	close(small_file);
}
END_TEST

static void
push_small_ones(struct stage *s)
{
	counting_mark();
	s->before = counting_now();
	for (int i = 0; i < 1000; i++) {
		ck_assert_int_eq(evchat_push(s->ch, "12 bytes of\n", 12), 0);
		turn(s);
	}
	/* 12,000 bytes; in chains of their own they would take a MiB. */
	grew_by_at_most(s, 64 * KIB);
}

static void
fill_the_kernel(struct stage *s)
{
	ck_assert_int_eq(
	    evchat_push_ref(s->ch, block, sizeof block, NULL, NULL), 0);
	turns(s, 100);
	ck_assert_uint_gt(evchat_pending(s->ch), OUTPUT_HIGH);
}

START_TEST(small_pushes_behind_much_that_waits_are_joined)
{
	struct stage s;

	begin(&s, _i, &whole, evchat_none());
	fill_the_kernel(&s);
	push_small_ones(&s);
	end(&s);
}
END_TEST

START_TEST(small_pushes_behind_little_that_waits_are_joined)
{
	struct stage s;

	begin(&s, _i, &whole, evchat_none());
	fill_the_kernel(&s);
	ck_assert_int_eq(evchat_discard_output(s.ch), 0);
	turns(&s, 4);
	push_small_ones(&s);
	end(&s);
}
END_TEST

START_TEST(copies_beyond_the_cap_are_refused)
{
	static const struct evchat_limits limits = {.output_max = 2 * MIB};
	struct stage s;
	int answer = 0;

	begin(&s, OVER_SOCKET, &whole, evchat_none());
	ck_assert_int_eq(evchat_set_limits(s.ch, &limits), 0);
	for (int i = 0; i < 4096; i++) {
		answer = evchat_push(s.ch, block, 4000);
		turn(&s);
	}
	ck_assert_int_eq(answer, EVCHAT_ERR_FULL);
	grew_by_at_most(&s, 2 * MIB + OUTPUT_HIGH + SLACK);
	end(&s);
}
END_TEST

START_TEST(everything_is_given_back_in_the_end)
{
	struct stage s;
	size_t before;

	counting_begin();
	/* libevent keeps what it needs once. */
	begin(&s, _i, &answering, EVCHAT_LIT("\n"));
	end(&s);
	before = counting_now();
	begin(&s, _i, &answering, EVCHAT_LIT("\n"));
	send_some(&s, "GET /\nGET", 9);
	turns(&s, 10);
	push_a_producer(&s, MIB);
	turns(&s, 10);
	end(&s);
	ck_assert_uint_eq(counting_now(), before);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("bounded");
	TCase *both = suite_group(s, "everywhere");
	TCase *once = suite_group(s, "sockets");
	/* What a socket takes each turn is nobody's memory here. */
	TCase *small = suite_exact_group(s, "small answers", "turns");

#define BOTH(test) tcase_add_loop_test(both, test, 0, KINDS)
	BOTH(an_endless_line_in_pieces_ends_the_channel);
	BOTH(an_endless_whole_line_ends_the_channel);
	BOTH(an_endless_line_in_pieces_is_skipped);
	BOTH(an_endless_whole_line_is_skipped);
	BOTH(a_huge_declared_whole_frame_ends_the_channel);
	BOTH(a_huge_declared_whole_frame_is_skipped);
	BOTH(a_huge_declared_frame_can_be_streamed);
	BOTH(a_producer_waits_for_a_peer_that_never_reads);
	BOTH(a_file_waits_for_a_peer_that_never_reads);
	BOTH(a_large_reference_costs_nothing);
	BOTH(small_pushes_behind_much_that_waits_are_joined);
	BOTH(small_pushes_behind_little_that_waits_are_joined);
	BOTH(everything_is_given_back_in_the_end);
#undef BOTH
	tcase_add_test(once, a_paused_channel_leaves_its_input_in_the_kernel);
	tcase_add_test(once, a_flood_of_empty_frames_waits_in_the_kernel);
	tcase_add_test(once, a_producer_goes_on_with_a_slow_reader);
	tcase_add_test(once, a_pipelining_peer_that_never_reads_is_not_read);
	tcase_add_test(
	    once, a_pipelining_peer_that_reads_late_gets_every_answer);
	tcase_add_loop_test(
	    small, small_answers_with_producers_count_as_what_they_take, 0, 2);
	tcase_add_test(once, copies_beyond_the_cap_are_refused);
	return suite_run(s);
}
