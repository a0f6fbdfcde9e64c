/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What only the fast path does: how few system calls and how little memory an
 * echo takes, what leaves with one call, and what happens when the loop runs in
 * a callback.  That it does everything else like the others is in the other
 * tests, which run on both.
 */
#include "alloc-internal.h"
#include "support/file.h"
#include "support/loopback.h"
#include "support/memory.h"
#include "support/suite.h"
#include "support/syscalls.h"
#include "support/world.h"
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { KIB = 1024, MIB = 1024 * KIB };

static int
fd_of(const struct evchat *ch)
{
	return (int)bufferevent_getfd(evchat_bufferevent(ch));
}

static void
open_lines(struct world *w, const struct evchat_callbacks *cb)
{
	world_open(w, OVER_SOCKET, cb);
	ck_assert_int_eq(evchat_set_terminator(w->ch, EVCHAT_LIT("\r\n")), 0);
	world_run(w);
	calls_watch(fd_of(w->ch));
}

/* --- System calls. --- */

static void
echo(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	(void)ctx;
	ck_assert_int_eq(evchat_push(ch, bytes, len), 0);
	ck_assert_int_eq(evchat_push(ch, "\r\n", 2), 0);
}

static const struct evchat_callbacks echoing = {.frame = echo};

/* Of so many waits, those that can be seen: not select's. */
static size_t
seen_waits(const struct world *w, size_t n)
{
	return strcmp(event_base_get_method(w->base), "select") == 0 ? 0 : n;
}

static size_t
waits_seen(void)
{
	return calls_seen(CALL_EPOLL_WAIT) + calls_seen(CALL_POLL);
}

START_TEST(an_echo_costs_three_system_calls)
{
	struct world w;

	open_lines(&w, &echoing);
	for (size_t i = 1; i <= 100; i++) {
		peer_send_text(&w, "hello\r\n");
		world_turn(&w);
		peer_expect(&w, "hello\r\n");
		ck_assert_uint_eq(calls_seen(CALL_RECV), i);
		ck_assert_uint_eq(calls_seen(CALL_SEND), i);
		ck_assert_uint_eq(waits_seen(), seen_waits(&w, i));
		ck_assert_uint_eq(
		    calls_seen_in_all(), 2 * i + seen_waits(&w, i));
	}
	world_free(&w);
}
END_TEST

START_TEST(pipelined_lines_cost_no_more_than_one)
{
	struct world w;

	open_lines(&w, &echoing);
	for (int i = 0; i < 32; i++)
		peer_send_text(&w, "hello\r\n");
	world_turn(&w);
	ck_assert_uint_eq(evbuffer_get_length(w.received), 32 * 7);
	ck_assert_uint_eq(calls_seen_in_all(), 2 + seen_waits(&w, 1));
	world_free(&w);
}
END_TEST

START_TEST(the_plain_way_reads_through_the_bufferevent)
{
	struct world w;
	int fds[2];

	world_init(&w, OVER_SOCKET);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert_int_eq(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	w.peer_fd = fds[1];
	w.ch = evchat_open(w.base, fds[0], EVCHAT_OPEN_PLAIN, &echoing, &w);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\r\n"));
	world_run(&w);
	calls_watch(fd_of(w.ch));
	peer_send_text(&w, "hello\r\n");
	world_run(&w);
	peer_expect(&w, "hello\r\n");
	ck_assert_uint_eq(calls_seen(CALL_RECV), 0);
	ck_assert_uint_eq(calls_seen(CALL_SEND), 0);
	ck_assert_uint_eq(calls_seen(CALL_READV), 1);
	ck_assert_uint_eq(calls_seen(CALL_WRITEV), 1);
	world_free(&w);
}
END_TEST

START_TEST(a_signal_while_it_reads_or_sends_is_no_trouble)
{
	struct world w;

	open_lines(&w, &echoing);
	calls_fail(CALL_RECV, EINTR, 0, 2);
	calls_fail(CALL_SEND, EINTR, 0, 2);
	peer_send_text(&w, "hello\r\n");
	world_turn(&w);
	peer_expect(&w, "hello\r\n");
	world_free(&w);
}
END_TEST

START_TEST(a_wakeup_without_bytes_is_no_trouble)
{
	struct world w;

	open_lines(&w, &echoing);
	calls_fail(CALL_RECV, EAGAIN, 0, 2);
	peer_send_text(&w, "hello\r\n");
	world_run(&w);
	peer_expect(&w, "hello\r\n");
	ck_assert_uint_eq(calls_seen(CALL_RECV), 3);
	world_free(&w);
}
END_TEST

/* Want of buffers is no want of a connection: the peer is there, and must not
 * take what it got for all. */
START_TEST(freed_after_a_send_that_failed_it_resets)
{
	const struct evchat_channel_options options = {
	    .callbacks = world_plain()};
	struct loopback l;
	char byte;
	ssize_t got;

	loopback_open(&l, &options);
	loopback_dial(&l);
	peer_stop_reading(&l.w);
	loopback_until(&l.w, there_is_a_channel);
	calls_watch(fd_of(l.w.ch));
	calls_fail(CALL_SENDMSG, ENOBUFS, 0, 1);
	ck_assert_int_eq(evchat_push(l.w.ch, "never sent", 10), 0);
	world_run(&l.w);
	ck_assert_int_eq(evchat_push(l.w.ch, "refused", 7), EVCHAT_ERR_CLOSING);
	evchat_free(l.w.ch);
	l.w.ch = NULL;
	do {
		world_turn(&l.w);
		got = recv(l.w.peer_fd, &byte, 1, 0);
	} while (got < 0 && errno == EAGAIN);
	ck_assert_int_eq(got, -1);
	ck_assert_int_eq(errno, ECONNRESET);
	loopback_free(&l);
}
END_TEST

/* --- Memory. --- */

enum { LINES = 10000, WARM = 100 };

/* Where a terminator follows another, by the count of frames. */
typedef struct evchat_terminator (*next_cb)(size_t frame);

struct memory_case {
	const char *text; /* one message */
	size_t frames;    /* in it */
	next_cb next;     /* NULL: it stays */
	bool pieces;      /* collect and found */
};

static struct evchat_terminator
line_or_count(size_t frame)
{
	return frame % 2 ? evchat_count(5) : EVCHAT_LIT("\r\n");
}

#define LONG_END "--a boundary that is not short at all, as in a MIME part--"

static struct evchat_terminator
short_or_long(size_t frame)
{
	return frame % 2 ? EVCHAT_LIT(LONG_END) : EVCHAT_LIT("\r\n");
}

static struct evchat_terminator
one_or_any(size_t frame)
{
	return frame % 2 ? evchat_line() : EVCHAT_LIT("\r\n\r\n");
}

static const struct memory_case memory_cases[] = {
    {"hello\r\n", 1, NULL, false},
    {"hello\r\n", 1, NULL, true},
    {"head\r\n12345", 2, line_or_count, false},
    {"head\r\n12345", 2, line_or_count, true},
    {"head\r\nbody" LONG_END, 2, short_or_long, false},
    {"head\r\nbody" LONG_END, 2, short_or_long, true},
    {"head\r\n\r\nline\r\n", 2, one_or_any, false},
};

enum { N_MEMORY_CASES = sizeof memory_cases / sizeof memory_cases[0] };

/* A channel with a peer that takes no memory. */
struct frugal {
	const struct memory_case *c;
	struct event_base *base;
	struct evchat *ch;
	int peer;
	size_t frames;
};

static void
answer_frugally(struct evchat *ch, struct frugal *f)
{
	ck_assert_int_eq(evchat_push(ch, "ok", 2), 0);
	ck_assert_int_eq(evchat_push(ch, "\r\n", 2), 0);
	f->frames++;
	if (f->c->next)
		ck_assert_int_eq(
		    evchat_set_terminator(ch, f->c->next(f->frames)), 0);
}

static void
on_frame(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	(void)bytes;
	(void)len;
	answer_frugally(ch, ctx);
}

static void
on_piece(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	(void)ch;
	(void)bytes;
	(void)len;
	(void)ctx;
}

static void
on_found(struct evchat *ch, void *ctx)
{
	answer_frugally(ch, ctx);
}

static void
begin_frugal(struct frugal *f, const struct memory_case *c)
{
	const struct evchat_callbacks whole = {.frame = on_frame};
	const struct evchat_callbacks pieces = {
	    .collect = on_piece, .found = on_found};
	struct evchat_terminator t = EVCHAT_LIT("\r\n");
	int fds[2];

	*f = (struct frugal){.c = c, .base = event_base_new()};
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	f->peer = fds[1];
	f->ch =
	    evchat_open(f->base, fds[0], 0, c->pieces ? &pieces : &whole, f);
	ck_assert_ptr_nonnull(f->ch);
	if (c->next)
		t = c->next(0);
	ck_assert_int_eq(evchat_set_terminator(f->ch, t), 0);
}

static void
exchange(struct frugal *f)
{
	char bytes[64];
	size_t len = strlen(f->c->text), due = 4 * f->c->frames;

	ck_assert_int_eq(write(f->peer, f->c->text, len), (ssize_t)len);
	event_base_loop(f->base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	ck_assert_int_eq(
	    recv(f->peer, bytes, sizeof bytes, MSG_DONTWAIT), (ssize_t)due);
}

START_TEST(nothing_is_allocated_from_line_to_line)
{
	struct frugal f;
	size_t asked;

	memory_watch();
	begin_frugal(&f, &memory_cases[_i]);
	for (int i = 0; i < WARM; i++)
		exchange(&f);
	asked = memory_asked();
	for (int i = 0; i < LINES; i++)
		exchange(&f);
	ck_assert_uint_eq(memory_asked(), asked);
	ck_assert_uint_eq(f.frames, (LINES + WARM) * f.c->frames);
	evchat_free(f.ch);
	close(f.peer);
	event_base_loop(f.base, EVLOOP_NONBLOCK);
	event_base_free(f.base);
	ck_assert_uint_eq(memory_live(), 0);
	memory_unwatch();
}
END_TEST

/* --- What goes with one call. --- */

static void
push_ten(struct evchat *ch)
{
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(evchat_push(ch, "ab", 2), 0);
}

static void
answer_tenfold(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	(void)bytes;
	(void)len;
	(void)ctx;
	push_ten(ch);
	ck_assert_uint_eq(calls_seen(CALL_SEND), 0);
}

START_TEST(pushes_of_a_callback_leave_with_one_send)
{
	const struct evchat_callbacks cb = {.frame = answer_tenfold};
	struct world w;

	open_lines(&w, &cb);
	peer_send_text(&w, "a\r\nb\r\nc\r\n");
	world_turn(&w);
	ck_assert_uint_eq(evbuffer_get_length(w.received), 60);
	ck_assert_uint_eq(calls_seen(CALL_SEND), 1);
	ck_assert_uint_eq(calls_seen(CALL_SENDMSG), 0);
	world_free(&w);
}
END_TEST

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct world *w = ctx;

	(void)fd;
	(void)what;
	push_ten(w->ch);
	ck_assert_uint_eq(calls_seen_in_all() - waits_seen(), 0);
}

START_TEST(pushes_from_outside_leave_with_one_send)
{
	const struct timeval now = {0, 0};
	struct world w;

	open_lines(&w, &echoing);
	event_base_once(w.base, -1, EV_TIMEOUT, on_timer, &w, &now);
	event_base_once(w.base, -1, EV_TIMEOUT, on_timer, &w, &now);
	world_run(&w);
	ck_assert_uint_eq(evbuffer_get_length(w.received), 40);
	ck_assert_uint_eq(calls_seen(CALL_SENDMSG) + calls_seen(CALL_SEND), 1);
	ck_assert_uint_eq(calls_seen(CALL_EPOLL_CTL), 0);
	world_free(&w);
}
END_TEST

START_TEST(what_does_not_go_at_once_goes_in_order)
{
	static char middle[MIB];
	struct world w;
	unsigned char *got;

	open_lines(&w, &echoing);
	memset(middle, 'm', sizeof middle);
	for (int i = 0; i < 50; i++)
		evchat_push(w.ch, "ab", 2);
	evchat_push(w.ch, middle, sizeof middle);
	for (int i = 0; i < 50; i++)
		evchat_push(w.ch, "yz", 2);
	ck_assert_uint_eq(evchat_pending(w.ch), MIB + 200);
	world_run(&w);
	ck_assert_uint_eq(evchat_pending(w.ch), 0);
	ck_assert_uint_eq(evbuffer_get_length(w.received), MIB + 200);
	got = evbuffer_pullup(w.received, -1);
	ck_assert_mem_eq(got, "abab", 4);
	ck_assert_mem_eq(got + 98, "abmm", 4);
	ck_assert_mem_eq(got + 100, middle, MIB);
	ck_assert_mem_eq(got + 98 + MIB, "mmyzyz", 6);
	ck_assert_mem_eq(got + 196 + MIB, "yzyz", 4);
	world_free(&w);
}
END_TEST

/* The socket takes no more than a few bytes of each call. */
START_TEST(answers_arrive_in_order_however_little_goes_at_once)
{
	struct world w;
	char line[16];

	open_lines(&w, &echoing);
	calls_shorten(CALL_SEND, (size_t)_i);
	calls_shorten(CALL_SENDMSG, (size_t)_i);
	for (int i = 0; i < 1000; i++) {
		snprintf(line, sizeof line, "%04d\r\n", i);
		peer_send_text(&w, line);
		if (i % 7 == 0)
			world_turn(&w);
	}
	world_run(&w);
	ck_assert_uint_eq(evbuffer_get_length(w.received), 6000);
	for (int i = 0; i < 1000; i++) {
		snprintf(line, sizeof line, "%04d\r\n", i);
		ck_assert_mem_eq(
		    evbuffer_pullup(w.received, -1) + 6 * i, line, 6);
	}
	world_free(&w);
}
END_TEST

/* --- Files. --- */

static char block[MIB];

static void
expect_block_at(struct world *w, size_t at, size_t from, size_t len)
{
	ck_assert_uint_ge(evbuffer_get_length(w->received), at + len);
	ck_assert_mem_eq(
	    evbuffer_pullup(w->received, -1) + at, block + from, len);
}

START_TEST(a_head_and_its_file_leave_together)
{
	struct world w;
	int file = nameless_file(block, 100 * KIB);

	open_lines(&w, &echoing);
	evchat_push(w.ch, "head", 4);
	ck_assert_int_eq(evchat_push_file(w.ch, file, 10, 50 * KIB), 0);
	world_turn(&w);
	ck_assert_uint_eq(evbuffer_get_length(w.received), 4 + 50 * KIB);
	expect_block_at(&w, 4, 10, 50 * KIB);
	ck_assert_uint_eq(calls_seen(CALL_SENDFILE), 1);
	ck_assert(calls_flags(CALL_SENDMSG) & MSG_MORE);
	ck_assert_uint_eq(calls_seen(CALL_EPOLL_CTL), 0);
	ck_assert_int_lt(fcntl(file, F_GETFD), 0);
	/* And what comes after is not held back. */
	evchat_push(w.ch, "tail", 4);
	world_turn(&w);
	ck_assert(!(calls_flags(CALL_SENDMSG) & MSG_MORE));
	ck_assert_uint_eq(evbuffer_get_length(w.received), 8 + 50 * KIB);
	world_free(&w);
}
END_TEST

START_TEST(a_small_file_is_read_and_goes_with_what_is_before_it)
{
	struct world w;
	int file = nameless_file("0123456789", 10);

	open_lines(&w, &echoing);
	evchat_push(w.ch, "head-", 5);
	ck_assert_int_eq(evchat_push_file(w.ch, file, 0, 10), 0);
	evchat_push(w.ch, "-tail", 5);
	world_run(&w);
	peer_expect(&w, "head-0123456789-tail");
	ck_assert_uint_eq(calls_seen(CALL_SENDFILE), 0);
	ck_assert_uint_eq(calls_seen(CALL_SENDMSG), 1);
	world_free(&w);
}
END_TEST

START_TEST(a_file_that_cannot_be_sent_is_read)
{
	struct world w;
	int file = nameless_file(block, 300 * KIB);

	open_lines(&w, &echoing);
	/* At once, or after a part of it. */
	calls_shorten(CALL_SENDFILE, 1000);
	calls_fail(CALL_SENDFILE, _i < 2 ? EINVAL : ENOSYS, (size_t)_i % 2, 1);
	evchat_push(w.ch, "head", 4);
	evchat_push_file(w.ch, file, 0, 300 * KIB);
	evchat_push(w.ch, "tail", 4);
	world_run(&w);
	ck_assert_uint_eq(evbuffer_get_length(w.received), 8 + 300 * KIB);
	expect_block_at(&w, 4, 0, 300 * KIB);
	ck_assert_uint_eq(calls_seen(CALL_SENDFILE), 1 + (size_t)_i % 2);
	ck_assert_uint_eq(evchat_pending(w.ch), 0);
	ck_assert_int_lt(fcntl(file, F_GETFD), 0);
	world_free(&w);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_ends_the_channel)
{
	static const int errors[] = {EIO, EBADF, EOVERFLOW};
	struct world w;
	struct evchat_callbacks cb = world_plain();
	int file = nameless_file(block, 100 * KIB);

	open_lines(&w, &cb);
	calls_fail(CALL_SENDFILE, errors[_i], 0, 1);
	evchat_push_file(w.ch, file, 0, 100 * KIB);
	world_run(&w);
	world_expect(&w, "closed(PRODUCER)");
	ck_assert_int_lt(fcntl(file, F_GETFD), 0);
	world_free(&w);
}
END_TEST

START_TEST(a_peer_that_goes_while_a_file_is_sent_is_an_error)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();
	int file = nameless_file(block, 100 * KIB);

	open_lines(&w, &cb);
	evchat_push_file(w.ch, file, 0, 100 * KIB);
	peer_close(&w);
	world_run(&w);
	world_expect(&w, "closed(ERROR)");
	ck_assert_int_eq(w.error, EPIPE);
	ck_assert_uint_eq(w.unsent, 100 * KIB);
	ck_assert_int_lt(fcntl(file, F_GETFD), 0);
	world_free(&w);
}
END_TEST

static enum evchat_more
move_all(struct evbuffer *out, size_t room, void *ctx)
{
	(void)room;
	return evbuffer_add_buffer(out, ctx) ? EVCHAT_FAIL : EVCHAT_END;
}

/* The ways of an evbuffer to a channel. */
static void
push_evbuffer(struct evchat *ch, struct evbuffer *bytes, int way)
{
	struct evchat_producer p = {.more = move_all, .ctx = bytes};

	if (way == 0) {
		ck_assert_int_eq(evchat_push_buffer(ch, bytes), 0);
		return;
	}
	if (way == 1)
		ck_assert_int_eq(evchat_producer_buffer(&p, bytes), 0);
	ck_assert_int_eq(evchat_push_producer(ch, p), 0);
}

static void
send_segment(struct world *w, const char *before, const char *after, int way)
{
	int file = nameless_file(block, 100 * KIB);
	struct evbuffer *bytes = evbuffer_new();

	evbuffer_set_flags(bytes, EVBUFFER_FLAG_DRAINS_TO_FD);
	evbuffer_add(bytes, before, strlen(before));
	ck_assert_int_eq(evbuffer_add_file(bytes, file, 0, 100 * KIB), 0);
	evbuffer_add(bytes, after, strlen(after));
	push_evbuffer(w->ch, bytes, way);
	world_run(w);
	evbuffer_free(bytes);
}

/* Its bytes are nowhere in memory: only libevent can send it. */
START_TEST(a_file_segment_of_libevents_arrives_whole)
{
	struct world w;

	open_lines(&w, &echoing);
	send_segment(&w, "head", "tail", _i);
	send_segment(&w, "", "", _i);
	ck_assert_uint_eq(evbuffer_get_length(w.received), 8 + 200 * KIB);
	expect_block_at(&w, 4, 0, 100 * KIB);
	expect_block_at(&w, 8 + 100 * KIB, 0, 100 * KIB);
	world_free(&w);
}
END_TEST

/* --- The loop in a callback. --- */

/* Two channels, on one loop or on two. */
struct two {
	struct world a, b;
	size_t turns;
};

/* A loop runs in the hook of `a`.  libevent runs none in itself, so it is that
 * of `b`. */
static void
spin(struct two *two, int turns)
{
	while (turns-- > 0)
		world_turn(&two->b);
}

static void
open_second(struct two *two, struct event_base *base)
{
	struct evchat_callbacks cb = world_plain();
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert_int_eq(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	two->b.peer_fd = fds[1];
	two->b.ch = evchat_open(base, fds[0], 0, &cb, &two->b);
	evchat_set_terminator(two->b.ch, EVCHAT_LIT("\r\n"));
}

static void
begin_two(
    struct two *two, bool one_loop, void (*hook)(struct world *, const char *))
{
	struct evchat_callbacks cb = world_plain();

	memset(two, 0, sizeof *two);
	open_lines(&two->a, &cb);
	world_init(&two->b, OVER_SOCKET);
	open_second(two, one_loop ? two->a.base : two->b.base);
	world_run(&two->a);
	world_run(&two->b);
	two->a.hook = two->b.hook = hook;
	two->a.hook_ctx = two->b.hook_ctx = two;
}

static void
end_two(struct two *two)
{
	calls_watch(-1);
	evchat_free(two->b.ch);
	two->b.ch = NULL;
	world_free(&two->a);
	world_free(&two->b);
}

static void
serve_the_other(struct world *w, const char *event)
{
	struct two *two = w->hook_ctx;

	(void)event;
	if (w == &two->b || two->turns++)
		return;
	calls_watch(fd_of(two->b.ch));
	peer_send_text(&two->b, "one\r\ntwo\r\nth");
	spin(two, 4);
	world_expect(&two->b, "frame(one) frame(two)");
	ck_assert_uint_eq(calls_largest(CALL_RECV), 4 * KIB);
	peer_send_text(&two->b, "ree\r\n");
	evchat_push(two->b.ch, "hello", 5);
	spin(two, 4);
	world_expect(&two->b, "frame(three)");
	peer_expect(&two->b, "hello");
	evchat_push(w->ch, "after", 5);
}

START_TEST(another_channel_is_served_in_a_callback)
{
	struct two two;

	begin_two(&two, false, serve_the_other);
	peer_send_text(&two.a, "run\r\nmore\r\n");
	world_run(&two.a);
	/* What was read before is where it was. */
	world_expect(&two.a, "frame(run) frame(more)");
	peer_expect(&two.a, "after");
	/* And now the other one has the buffers. */
	calls_watch(fd_of(two.b.ch));
	peer_send_text(&two.b, "four\r\n");
	spin(&two, 4);
	world_expect(&two.b, "frame(four)");
	ck_assert_uint_eq(calls_largest(CALL_RECV), 64 * KIB);
	end_two(&two);
}
END_TEST

/* In the callback of `b`, which runs in one of `a`. */
static void
steer_the_outer(struct world *w, const char *event)
{
	struct two *two = w->hook_ctx;

	(void)event;
	if (w == &two->b) {
		evchat_push(two->a.ch, "from b ", 7);
		evchat_set_terminator(two->a.ch, evchat_count(2));
		return;
	}
	if (two->turns++)
		return;
	evchat_push(w->ch, "from a ", 7);
	peer_send_text(w, "later\r\n");
	peer_send_text(&two->b, "steer\r\n");
	spin(two, 4);
	evchat_push(w->ch, "again", 5);
}

START_TEST(a_channel_can_be_steered_while_its_callback_runs_a_loop)
{
	struct two two;

	begin_two(&two, false, steer_the_outer);
	peer_send_text(&two.a, "run\r\nmo");
	world_run(&two.a);
	world_expect(&two.a, "frame(run) frame(mo) collect(later\\r\\n)");
	peer_expect(&two.a, "from a from b again");
	end_two(&two);
}
END_TEST

static void
free_the_outer(struct world *w, const char *event)
{
	struct two *two = w->hook_ctx;

	(void)event;
	if (w == &two->b) {
		evchat_free(two->a.ch);
		two->a.ch = NULL;
		return;
	}
	evchat_push(w->ch, "lost", 4);
	peer_send_text(&two->b, "free\r\n");
	spin(two, 4);
	ck_assert_ptr_null(w->ch);
}

START_TEST(a_channel_may_be_freed_while_its_callback_runs_a_loop)
{
	struct two two;

	begin_two(&two, false, free_the_outer);
	peer_send_text(&two.a, "run\r\nmore\r\n");
	for (int i = 0; i < 8; i++)
		world_turn(&two.a);
	world_expect(&two.a, "frame(run)");
	world_expect(&two.b, "frame(free)");
	peer_expect(&two.a, "");
	end_two(&two);
}
END_TEST

static void
run_its_own_loop(struct world *w, const char *event)
{
	(void)event;
	ck_assert_int_eq(event_base_loop(w->base, EVLOOP_NONBLOCK), -1);
}

static void
ignore_warning(int severity, const char *message)
{
	(void)severity;
	(void)message;
}

START_TEST(a_loop_that_runs_in_itself_is_refused_and_harms_nobody)
{
	struct two two;

	event_set_log_callback(ignore_warning);
	begin_two(&two, true, run_its_own_loop);
	peer_send_text(&two.a, "one\r\ntwo\r\n");
	world_run(&two.a);
	world_expect(&two.a, "frame(one) frame(two)");
	end_two(&two);
}
END_TEST

/* --- Steered by another channel in the very turn its bytes arrive. --- */

static struct evchat *
other_than(struct world *w)
{
	struct two *two = w->hook_ctx;

	return w == &two->a ? two->b.ch : two->a.ch;
}

static bool
is_first(struct world *w)
{
	struct two *two = w->hook_ctx;

	return two->turns++ == 0;
}

static void
pause_the_other(struct world *w, const char *event)
{
	(void)event;
	if (is_first(w))
		ck_assert_int_eq(evchat_pause(other_than(w)), 0);
}

/* More than the high mark. */
static void
clog_the_other(struct world *w, const char *event)
{
	(void)event;
	if (is_first(w))
		ck_assert_int_eq(
		    evchat_push(other_than(w), block, sizeof block), 0);
}

static void (*const hindrances[])(struct world *w, const char *event) = {
    pause_the_other, clog_the_other};

/* Both can be read in one turn of the loop, and whoever comes first keeps the
 * other one from it. */
START_TEST(who_is_held_up_when_its_bytes_have_come_loses_none)
{
	struct two two;

	begin_two(&two, true, hindrances[_i]);
	peer_send_text(&two.a, "from a\r\n");
	peer_send_text(&two.b, "from b\r\n");
	for (int i = 0; i < 100; i++) {
		world_turn(&two.a);
		spin(&two, 1);
	}
	ck_assert_uint_eq(two.turns, _i ? 2 : 1);
	evchat_resume(two.a.ch);
	evchat_resume(two.b.ch);
	world_run(&two.a);
	world_expect(&two.a, "frame(from a)");
	world_expect(&two.b, "frame(from b)");
	end_two(&two);
}
END_TEST

static void
push_again(struct world *w, const char *event)
{
	struct two *two = w->hook_ctx;

	if (w != &two->a || strcmp(event, "drained") != 0)
		return;
	two->turns++;
	ck_assert_int_eq(evchat_push(w->ch, "x", 1), 0);
}

/* Everything goes at once, so there is always more to do. */
START_TEST(who_pushes_whenever_all_has_gone_lets_the_others_have_their_turn)
{
	struct two two;

	begin_two(&two, true, push_again);
	evchat_set_callbacks(two.a.ch, &world_callbacks);
	evchat_push(two.a.ch, "x", 1);
	world_turn(&two.a);
	two.turns = 0;
	for (int i = 0; i < 10; i++)
		world_turn(&two.a);
	ck_assert_uint_ge(two.turns, 9);
	ck_assert_uint_le(two.turns, 11);
	two.a.hook = NULL;
	end_two(&two);
}
END_TEST

/* --- The suite. --- */

int
main(void)
{
	Suite *s = suite_create("fast");
	TCase *calls = suite_group(s, "calls");
	TCase *memory = suite_group(s, "memory");
	TCase *output = suite_group(s, "output");
	TCase *files = suite_group(s, "files");
	TCase *nested = suite_group(s, "nested");

	/* What libevent asks for goes through evchat's door, too. */
	event_set_mem_functions(evchat_malloc_, evchat_realloc_, evchat_mfree_);
	for (size_t i = 0; i < sizeof block; i++)
		block[i] = (char)(i * 31 + i / 251);
	tcase_add_test(calls, an_echo_costs_three_system_calls);
	tcase_add_test(calls, pipelined_lines_cost_no_more_than_one);
	tcase_add_test(calls, the_plain_way_reads_through_the_bufferevent);
	tcase_add_test(calls, a_signal_while_it_reads_or_sends_is_no_trouble);
	tcase_add_test(calls, a_wakeup_without_bytes_is_no_trouble);
	tcase_add_test(calls, freed_after_a_send_that_failed_it_resets);
	tcase_add_loop_test(
	    memory, nothing_is_allocated_from_line_to_line, 0, N_MEMORY_CASES);
	tcase_add_test(output, pushes_of_a_callback_leave_with_one_send);
	tcase_add_test(output, pushes_from_outside_leave_with_one_send);
	tcase_add_test(output, what_does_not_go_at_once_goes_in_order);
	tcase_add_loop_test(
	    output, answers_arrive_in_order_however_little_goes_at_once, 1, 14);
	tcase_add_test(files, a_head_and_its_file_leave_together);
	tcase_add_test(
	    files, a_small_file_is_read_and_goes_with_what_is_before_it);
	tcase_add_loop_test(files, a_file_that_cannot_be_sent_is_read, 0, 4);
	tcase_add_loop_test(
	    files, a_file_that_cannot_be_read_ends_the_channel, 0, 3);
	tcase_add_test(
	    files, a_peer_that_goes_while_a_file_is_sent_is_an_error);
	tcase_add_loop_test(
	    files, a_file_segment_of_libevents_arrives_whole, 0, 3);
	tcase_add_test(nested, another_channel_is_served_in_a_callback);
	tcase_add_test(
	    nested, a_channel_can_be_steered_while_its_callback_runs_a_loop);
	tcase_add_test(
	    nested, a_channel_may_be_freed_while_its_callback_runs_a_loop);
	tcase_add_test(
	    nested, a_loop_that_runs_in_itself_is_refused_and_harms_nobody);
	tcase_add_loop_test(
	    nested, who_is_held_up_when_its_bytes_have_come_loses_none, 0, 2);
	tcase_add_test(nested,
	    who_pushes_whenever_all_has_gone_lets_the_others_have_their_turn);
	return suite_run(s);
}
