/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a channel: birth on descriptors and bufferevents, the ways it
 * ends and what it says then, and its deadlines under a clock that the test
 * moves.
 */
#include "channel-internal.h"
#include "support/fake_clock.h"
#include "support/file.h"
#include "support/memory.h"
#include "support/suite.h"
#include "support/world.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void
open_plain(struct world *w, int kind)
{
	struct evchat_callbacks cb = world_plain();

	world_open(w, (enum world_kind)kind, &cb);
	ck_assert_int_eq(evchat_set_terminator(w->ch, EVCHAT_LIT("\r\n")), 0);
}

static void
open_with_limits(struct world *w, int kind, const struct evchat_callbacks *cb,
    struct evchat_limits limits)
{
	world_open(w, (enum world_kind)kind, cb);
	ck_assert_int_eq(evchat_set_limits(w->ch, &limits), 0);
	ck_assert_int_eq(evchat_set_terminator(w->ch, EVCHAT_LIT("\r\n")), 0);
	world_run(w);
}

/* --- The peer goes. --- */

START_TEST(without_eof_callback_the_channel_closes_when_all_is_sent)
{
	struct world w;
	static char block[250 * 1024];

	open_plain(&w, _i);
	peer_stop_reading(&w);
	evchat_push(w.ch, block, sizeof block);
	peer_send_text(&w, "last\r\npart");
	peer_send_eof(&w);
	world_run(&w);
	/* Told that this was all, a filter makes its pair give everything to
	 * a peer that does not read, too. */
	if (_i != OVER_FILTER) {
		world_expect(&w, "frame(last)");
		ck_assert_int_eq(evchat_push(w.ch, "x", 1), EVCHAT_ERR_CLOSING);
		peer_read(&w);
		world_run(&w);
		world_expect(&w, "closed(EOF)");
	} else {
		world_expect(&w, "frame(last) closed(EOF)");
		peer_read(&w);
		world_run(&w);
	}
	ck_assert_uint_eq(evbuffer_get_length(w.received), sizeof block);
	ck_assert_uint_eq(w.unsent, 0);
	ck_assert_uint_eq(w.partial, 4);
	world_free(&w);
}
END_TEST

START_TEST(with_eof_callback_the_channel_stays_open_for_output)
{
	struct world w;

	world_open(&w, (enum world_kind)_i, &world_callbacks);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\r\n"));
	peer_send_text(&w, "request\r\n");
	peer_send_eof(&w);
	world_run(&w);
	world_expect(&w, "frame(request) eof");
	ck_assert_int_eq(evchat_push(w.ch, "answer", 6), 0);
	world_run(&w);
	world_expect(&w, "drained");
	peer_expect(&w, "answer");
	ck_assert(!w.received_eof);
	evchat_close_when_done(w.ch);
	world_run(&w);
	world_expect(&w, "closed(DONE)");
	world_free(&w);
}
END_TEST

static enum evchat_more
never(struct evbuffer *out, size_t room, void *ctx)
{
	(void)out;
	(void)room;
	(void)ctx;
	return EVCHAT_LATER;
}

START_TEST(a_sleeping_producer_is_given_up_when_the_peer_has_gone)
{
	struct world w;
	struct evchat_producer p = {.more = never};

	open_plain(&w, _i);
	evchat_push_producer(w.ch, p);
	evchat_push(w.ch, "behind", 6);
	peer_send_eof(&w);
	world_run(&w);
	world_pass(&w, 1999);
	world_expect(&w, "");
	world_pass(&w, 1);
	world_expect(&w, "closed(EOF)");
	ck_assert_uint_eq(w.unsent, 6);
	world_free(&w);
}
END_TEST

/* Sleeps once, then makes more than a socket takes. */
static enum evchat_more
much_but_later(struct evbuffer *out, size_t room, void *ctx)
{
	static char block[1 << 20];
	bool *awake = ctx;

	(void)room;
	if (!*awake)
		return EVCHAT_LATER;
	return evbuffer_add(out, block, sizeof block) ? EVCHAT_FAIL
						      : EVCHAT_END;
}

START_TEST(a_producer_that_wakes_in_time_is_not_given_up)
{
	struct world w;
	bool awake = false;
	struct evchat_producer p = {.more = much_but_later, .ctx = &awake};

	open_plain(&w, OVER_SOCKET);
	evchat_push_producer(w.ch, p);
	peer_send_eof(&w);
	world_run(&w);
	world_pass(&w, 1500);
	peer_stop_reading(&w);
	awake = true;
	evchat_wake(w.ch);
	world_run(&w);
	world_pass(&w, 1500);
	world_expect(&w, "");
	peer_read(&w);
	world_run(&w);
	ck_assert_uint_eq(evbuffer_get_length(w.received), 1 << 20);
	world_expect(&w, "closed(EOF)");
	world_free(&w);
}
END_TEST

/* A TCP socket on a loopback port that was free, and its address. */
static int
bind_tcp(struct sockaddr_in *at)
{
	socklen_t len = sizeof *at;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*at = (struct sockaddr_in){
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	ck_assert_int_eq(bind(fd, (struct sockaddr *)at, sizeof *at), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)at, &len), 0);
	return fd;
}

START_TEST(nobody_waits_for_a_sleeper_when_closing_to_a_peer_that_has_gone)
{
	struct world w;
	struct evchat_producer p = {.more = never};

	open_plain(&w, _i);
	evchat_push_producer(w.ch, p);
	evchat_close_when_done(w.ch);
	peer_send_eof(&w);
	world_run(&w);
	world_pass(&w, 1999);
	world_expect(&w, "");
	world_pass(&w, 1);
	world_expect(&w, "closed(DONE)");
	world_free(&w);
}
END_TEST

/* A loopback TCP connection: near for the channel, far for the test. */
static void
connect_tcp(int *near, int *far)
{
	struct sockaddr_in at;
	int l = bind_tcp(&at);

	ck_assert_int_eq(listen(l, 1), 0);
	*far = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(*far, (struct sockaddr *)&at, sizeof at), 0);
	*near = accept(l, NULL, NULL);
	ck_assert_int_ge(*near, 0);
	close(l);
}

static void
open_tcp(struct world *w, const struct evchat_callbacks *cb)
{
	int near;

	world_init(w, OVER_SOCKET);
	connect_tcp(&near, &w->peer_fd);
	fcntl(w->peer_fd, F_SETFL, O_NONBLOCK);
	w->ch = evchat_open(w->base, near, 0, cb, w);
	ck_assert_ptr_nonnull(w->ch);
	evchat_set_terminator(w->ch, EVCHAT_LIT("\r\n"));
}

START_TEST(a_reset_ends_with_its_errno_after_the_frames_before_it)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();

	open_tcp(&w, &cb);
	evchat_pause(w.ch);
	world_run(&w);
	peer_send_text(&w, "one\r\ntwo\r\nthr");
	peer_reset(&w);
	evchat_resume(w.ch);
	world_run(&w);
	world_expect(&w, "frame(one) frame(two) closed(ERROR)");
	ck_assert_int_eq(w.error, ECONNRESET);
	ck_assert_uint_eq(w.partial, 3);
	world_free(&w);
}
END_TEST

START_TEST(a_failed_write_hands_over_what_came_before_it)
{
	struct world w;

	open_plain(&w, OVER_SOCKET);
	evchat_pause(w.ch);
	world_run(&w);
	peer_send_text(&w, "QUIT\r\n");
	peer_close(&w);
	evchat_push(w.ch, "answer", 6);
	world_run(&w);
	world_expect(&w, "");
	ck_assert_int_eq(evchat_push(w.ch, "x", 1), EVCHAT_ERR_CLOSING);
	evchat_resume(w.ch);
	world_run(&w);
	world_expect(&w, "frame(QUIT) closed(ERROR)");
	ck_assert_int_eq(w.error, EPIPE);
	ck_assert_uint_eq(w.unsent, 6);
	world_free(&w);
}
END_TEST

START_TEST(a_broken_channel_that_stays_paused_ends_after_the_linger_time)
{
	struct world w;

	open_plain(&w, OVER_SOCKET);
	evchat_pause(w.ch);
	world_run(&w);
	peer_close(&w);
	evchat_push(w.ch, "answer", 6);
	world_run(&w);
	world_expect(&w, "");
	world_pass(&w, 2000);
	world_expect(&w, "closed(ERROR)");
	world_free(&w);
}
END_TEST

/* --- Close when done. --- */

START_TEST(an_idle_channel_closes_at_once_from_the_loop)
{
	struct world w;

	open_plain(&w, _i);
	world_run(&w);
	evchat_close_when_done(w.ch);
	ck_assert_ptr_nonnull(w.ch);
	world_run(&w);
	world_expect(&w, "closed(DONE)");
	ck_assert(w.received_eof);
	world_free(&w);
}
END_TEST

START_TEST(close_when_done_sends_everything_then_waits_for_the_peer)
{
	struct world w;
	static char block[1 << 20];

	open_plain(&w, _i);
	peer_stop_reading(&w);
	evchat_push(w.ch, block, sizeof block);
	evchat_close_when_done(w.ch);
	evchat_close_when_done(w.ch);
	peer_send_text(&w, "ignored\r\n");
	world_run(&w);
	world_expect(&w, "");
	peer_read(&w);
	world_run(&w);
	ck_assert_uint_eq(evbuffer_get_length(w.received), sizeof block);
	ck_assert(w.received_eof);
	world_expect(&w, "");
	peer_send_text(&w, "still sending\r\n");
	world_run(&w);
	world_expect(&w, "");
	peer_send_eof(&w);
	world_run(&w);
	world_expect(&w, "closed(DONE)");
	ck_assert_uint_eq(w.closed_count, 1);
	world_free(&w);
}
END_TEST

START_TEST(a_peer_that_stays_silent_is_left_after_the_linger_time)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();

	open_with_limits(&w, _i, &cb, (struct evchat_limits){.linger_ms = 500});
	evchat_push(w.ch, "bye", 3);
	evchat_close_when_done(w.ch);
	world_run(&w);
	peer_expect(&w, "bye");
	world_pass(&w, 499);
	world_expect(&w, "");
	world_pass(&w, 1);
	world_expect(&w, "closed(DONE)");
	world_free(&w);
}
END_TEST

START_TEST(a_client_that_is_still_sending_gets_its_whole_answer)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();
	static char block[64 * 1024], answer[200 * 1024];
	ssize_t sent = 0, n;

	open_tcp(&w, &cb);
	evchat_push(w.ch, answer, sizeof answer);
	evchat_close_when_done(w.ch);
	while (sent < 10 * 1024 * 1024) {
		n = send(w.peer_fd, block, sizeof block, MSG_NOSIGNAL);
		ck_assert_msg(n > 0 || errno == EAGAIN, "%s", strerror(errno));
		sent += n > 0 ? n : 0;
		world_turn(&w);
	}
	world_run(&w);
	ck_assert_uint_eq(evbuffer_get_length(w.received), sizeof answer);
	ck_assert(w.received_eof);
	world_expect(&w, "");
	peer_send_eof(&w);
	world_run(&w);
	world_expect(&w, "closed(DONE)");
	world_free(&w);
}
END_TEST

START_TEST(close_when_done_closes_a_paused_channel)
{
	struct world w;

	open_plain(&w, _i);
	evchat_pause(w.ch);
	world_run(&w);
	evchat_push(w.ch, "bye", 3);
	evchat_close_when_done(w.ch);
	peer_send_eof(&w);
	world_run(&w);
	world_expect(&w, "closed(DONE)");
	peer_expect(&w, "bye");
	world_free(&w);
}
END_TEST

/* --- Inside closed. --- */

static void
use_the_dead(struct world *w, const char *event)
{
	struct evchat_stats stats;

	if (strcmp(event, "closed") != 0)
		return;
	ck_assert_int_eq(evchat_push(w->ch, "x", 1), EVCHAT_ERR_CLOSING);
	ck_assert_int_eq(evchat_pause(w->ch), EVCHAT_ERR_CLOSING);
	ck_assert_int_eq(evchat_wake(w->ch), EVCHAT_ERR_CLOSING);
	ck_assert_int_eq(
	    evchat_set_terminator(w->ch, evchat_none()), EVCHAT_ERR_CLOSING);
	ck_assert_int_eq(evchat_set_limits(w->ch, NULL), EVCHAT_ERR_CLOSING);
	ck_assert_int_eq(
	    evchat_set_callbacks(w->ch, &world_callbacks), EVCHAT_ERR_CLOSING);
	ck_assert_int_eq(evchat_discard_output(w->ch), EVCHAT_ERR_CLOSING);
	ck_assert_ptr_null(evchat_detach(w->ch));
	ck_assert_int_eq(errno, ESHUTDOWN);
	ck_assert_ptr_null(evchat_bufferevent(w->ch));
	ck_assert_uint_eq(evchat_pending(w->ch), 0);
	evchat_get_stats(w->ch, &stats);
	ck_assert_uint_eq(stats.bytes_in, 4);
	ck_assert_uint_eq(stats.bytes_out, 3);
	ck_assert_ptr_eq(evchat_ctx(w->ch), w);
	evchat_close_when_done(w->ch);
	evchat_free(w->ch);
	w->hook_count++;
}

START_TEST(in_closed_the_channel_only_answers)
{
	struct world w;

	open_plain(&w, _i);
	evchat_push(w.ch, "abc", 3);
	peer_send_text(&w, "ab\r\n");
	w.hook = use_the_dead;
	world_run(&w);
	peer_send_eof(&w);
	world_run(&w);
	world_expect(&w, "frame(ab) closed(EOF)");
	ck_assert_uint_eq(w.hook_count, 1);
	world_free(&w);
}
END_TEST

/* --- Deadlines. --- */

START_TEST(a_frame_must_be_finished_in_time_however_its_bytes_drip)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();

	open_with_limits(
	    &w, _i, &cb, (struct evchat_limits){.frame_deadline_ms = 100});
	world_pass(&w, 1000); /* before the first byte there is no frame */
	for (int i = 0; i < 9; i++) {
		peer_send_text(&w, "x");
		world_run(&w);
		world_pass(&w, 11);
	}
	world_expect(&w, "");
	world_pass(&w, 1);
	world_expect(&w, "closed(TIMEOUT_FRAME)");
	ck_assert_uint_eq(w.partial, 9);
	world_free(&w);
}
END_TEST

START_TEST(each_frame_has_its_own_time)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();

	open_with_limits(
	    &w, _i, &cb, (struct evchat_limits){.frame_deadline_ms = 100});
	for (int i = 0; i < 3; i++) {
		peer_send_text(&w, "x");
		world_run(&w);
		world_pass(&w, 99);
		peer_send_text(&w, "\r\n");
		world_run(&w);
	}
	world_expect(&w, "frame(x) frame(x) frame(x)");
	world_pass(&w, 1000);
	world_expect(&w, "");
	world_free(&w);
}
END_TEST

START_TEST(a_terminator_has_a_deadline_of_its_own)
{
	struct world w;
	struct evchat_terminator t = EVCHAT_LIT("\r\n");

	open_plain(&w, _i);
	t.deadline_ms = 50;
	evchat_set_terminator(w.ch, t);
	peer_send_text(&w, "x");
	world_run(&w);
	world_pass(&w, 50);
	world_expect(&w, "closed(TIMEOUT_FRAME)");
	world_free(&w);
}
END_TEST

START_TEST(what_never_ends_is_never_late)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();

	open_with_limits(
	    &w, _i, &cb, (struct evchat_limits){.frame_deadline_ms = 50});
	peer_send_text(&w, "x");
	world_run(&w);
	/* Nor is what was late only under the terminator before. */
	evchat_set_terminator(w.ch, evchat_none());
	world_pass(&w, 1000);
	world_expect(&w, "collect(x)");
	world_free(&w);
}
END_TEST

static void
answer_late(struct world *w, const char *event)
{
	if (strcmp(event, "timeout") != 0)
		return;
	ck_assert_int_eq(evchat_push(w->ch, "408", 3), 0);
	evchat_close_when_done(w->ch);
}

START_TEST(a_timeout_callback_may_answer_before_it_closes)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();

	cb.timeout = world_callbacks.timeout;
	open_with_limits(
	    &w, _i, &cb, (struct evchat_limits){.frame_deadline_ms = 100});
	w.hook = answer_late;
	peer_send_text(&w, "GET");
	world_run(&w);
	world_pass(&w, 100);
	world_run(&w);
	peer_expect(&w, "408");
	peer_send_eof(&w);
	world_run(&w);
	world_expect(&w, "timeout(TIMEOUT_FRAME) closed(DONE)");
	world_free(&w);
}
END_TEST

START_TEST(a_timeout_that_is_ignored_comes_again)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();

	cb.timeout = world_callbacks.timeout;
	open_with_limits(
	    &w, _i, &cb, (struct evchat_limits){.idle_deadline_ms = 100});
	world_pass(&w, 100);
	world_expect(&w, "timeout(TIMEOUT_IDLE)");
	world_pass(&w, 99);
	world_expect(&w, "");
	world_pass(&w, 1);
	world_expect(&w, "timeout(TIMEOUT_IDLE)");
	world_free(&w);
}
END_TEST

START_TEST(an_idle_peer_is_left_unless_something_is_sent_to_it)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();
	struct evchat_producer p = {.more = never};

	open_with_limits(
	    &w, _i, &cb, (struct evchat_limits){.idle_deadline_ms = 100});
	world_pass(&w, 99);
	peer_send_text(&w, "x");
	world_run(&w);
	world_pass(&w, 99);
	world_expect(&w, "");
	evchat_push_producer(w.ch, p); /* now it is our turn */
	world_run(&w);
	world_pass(&w, 1000);
	world_expect(&w, "");
	evchat_discard_output(w.ch);
	world_run(&w);
	world_pass(&w, 99);
	world_expect(&w, "");
	world_pass(&w, 1);
	world_expect(&w, "closed(TIMEOUT_IDLE)");
	world_free(&w);
}
END_TEST

START_TEST(a_peer_that_takes_nothing_is_left)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();
	static char block[1 << 20];

	open_with_limits(
	    &w, _i, &cb, (struct evchat_limits){.write_deadline_ms = 100});
	peer_stop_reading(&w);
	evchat_push(w.ch, block, sizeof block);
	world_run(&w);
	world_pass(&w, 99);
	world_expect(&w, "");
	/* The kernel took some before it took nothing. */
	world_pass(&w, 100);
	world_expect(&w, "closed(TIMEOUT_WRITE)");
	ck_assert_uint_gt(w.unsent, 0);
	world_free(&w);
}
END_TEST

START_TEST(a_slow_peer_is_not_a_dead_one)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();
	static char block[4 << 20];
	char taken[100000];

	open_with_limits(&w, OVER_SOCKET, &cb,
	    (struct evchat_limits){.write_deadline_ms = 100});
	peer_stop_reading(&w);
	evchat_push(w.ch, block, sizeof block);
	world_run(&w);
	for (int i = 0; i < 20; i++) {
		world_pass(&w, 60);
		ck_assert_int_gt(recv(w.peer_fd, taken, sizeof taken, 0), 0);
		world_run(&w);
	}
	world_expect(&w, "");
	world_free(&w);
}
END_TEST

START_TEST(time_stands_still_for_the_peer_while_the_channel_is_paused)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();

	open_with_limits(
	    &w, _i, &cb, (struct evchat_limits){.frame_deadline_ms = 100});
	peer_send_text(&w, "x");
	world_run(&w);
	world_pass(&w, 60);
	evchat_pause(w.ch);
	world_run(&w);
	world_pass(&w, 10000);
	world_expect(&w, "");
	evchat_resume(w.ch);
	world_run(&w);
	world_pass(&w, 39);
	world_expect(&w, "");
	world_pass(&w, 1);
	world_expect(&w, "closed(TIMEOUT_FRAME)");
	world_free(&w);
}
END_TEST

START_TEST(a_stalled_loop_makes_no_peer_late)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();
	static char line[60000];

	open_with_limits(&w, OVER_SOCKET, &cb,
	    (struct evchat_limits){
		.frame_deadline_ms = 100, .idle_deadline_ms = 100});
	peer_send_text(&w, "x");
	world_run(&w);
	/* The rest came in time, but the loop looks at it only now. */
	peer_send(&w, line, sizeof line);
	peer_send_text(&w, "\r\n");
	fake_clock_pass(300);
	event_active(w.ch->time->timer, EV_TIMEOUT, 0);
	world_run(&w);
	ck_assert_uint_eq(w.closed_count, 0);
	world_pass(&w, 100);
	ck_assert_uint_eq(w.closed_count, 1);
	ck_assert_int_eq(w.reason, EVCHAT_REASON_TIMEOUT_IDLE);
	world_free(&w);
}
END_TEST

/* --- Descriptors. --- */

static const struct evchat_callbacks nothing;

static void
expect_refused(struct event_base *base, int fd, unsigned flags,
    const struct evchat_callbacks *cb, int error)
{
	errno = 0;
	ck_assert_ptr_null(evchat_open(base, fd, flags, cb, NULL));
	ck_assert_int_eq(errno, error);
}

START_TEST(what_cannot_be_a_channel_is_refused_and_stays_open)
{
	struct event_base *base = event_base_new();
	struct evchat_callbacks reserved = {.reserved = {0, 1}};
	int file = nameless_file("", 0), folder = open(".", O_RDONLY);
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	expect_refused(base, file, 0, &nothing, EINVAL);
	expect_refused(base, folder, 0, &nothing, EINVAL);
	expect_refused(base, -1, 0, &nothing, EBADF);
	expect_refused(base, ends[0], 4, &nothing, EINVAL);
	expect_refused(base, ends[0], 0, NULL, EINVAL);
	expect_refused(base, ends[0], 0, &reserved, EINVAL);
	expect_refused(NULL, ends[0], 0, &nothing, EINVAL);
	ck_assert_ptr_null(evchat_new(NULL, &nothing, NULL));
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_ge(fcntl(file, F_GETFD), 0);
	ck_assert_int_ge(fcntl(folder, F_GETFD), 0);
	ck_assert_int_ge(fcntl(ends[0], F_GETFD), 0);
	ck_assert_int_eq(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
	close(file);
	close(folder);
	close(ends[0]);
	close(ends[1]);
	event_base_free(base);
}
END_TEST

START_TEST(tcp_sockets_do_not_delay_and_do_not_block)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();
	int nodelay = 0, fd;
	socklen_t len = sizeof nodelay;

	open_tcp(&w, &cb);
	fd = (int)bufferevent_getfd(evchat_bufferevent(w.ch));
	ck_assert_int_eq(
	    getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &len), 0);
	ck_assert_int_ne(nodelay, 0);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	world_free(&w);
}
END_TEST

START_TEST(a_pipe_end_does_what_it_can)
{
	struct world w;
	struct evchat *to;
	int ends[2];

	world_init(&w, OVER_SOCKET);
	ck_assert_int_eq(pipe(ends), 0);
	w.ch = evchat_open(w.base, ends[0], 0, &world_callbacks, &w);
	to = evchat_open(w.base, ends[1], 0, &nothing, NULL);
	ck_assert_int_eq(evchat_push(w.ch, "x", 1), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(
	    evchat_set_terminator(to, evchat_none()), EVCHAT_ERR_INVALID);
	evchat_set_terminator(w.ch, evchat_line());
	evchat_push(to, "through\nthe pipe", 16);
	evchat_close_when_done(to);
	world_run(&w);
	world_expect(&w, "frame(through) frame(the pipe) eof");
	evchat_close_when_done(w.ch);
	world_run(&w);
	world_expect(&w, "closed(DONE)");
	world_free(&w);
}
END_TEST

START_TEST(a_pipe_end_that_only_writes_is_never_idle)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();
	struct evchat_limits limits = {.idle_deadline_ms = 100};
	int ends[2];

	world_init(&w, OVER_SOCKET);
	ck_assert_int_eq(pipe(ends), 0);
	w.ch = evchat_open(w.base, ends[1], 0, &cb, &w);
	ck_assert_int_eq(evchat_set_limits(w.ch, &limits), 0);
	evchat_push(w.ch, "x", 1);
	world_run(&w);
	/* No timer is made for what cannot pass. */
	ck_assert(
	    !w.ch->time || !evchat_deadlines_next_(&w.ch->time->deadlines));
	world_pass(&w, 1000);
	world_expect(&w, "");
	close(ends[0]);
	world_free(&w);
}
END_TEST

START_TEST(a_kept_descriptor_stays_open)
{
	struct world w;
	int near, far;

	world_init(&w, OVER_SOCKET);
	connect_tcp(&near, &far);
	w.ch = evchat_open(
	    w.base, near, EVCHAT_OPEN_KEEP_FD, &world_callbacks, &w);
	evchat_free(w.ch);
	w.ch = NULL;
	world_run(&w);
	ck_assert_int_ge(fcntl(near, F_GETFD), 0);
	close(near);
	close(far);
	world_free(&w);
}
END_TEST

/* --- Bufferevents of others. --- */

/* A channel that connects to this address, with something pushed already. */
static void
open_connecting(struct world *w, const struct sockaddr_in *at)
{
	struct evchat_callbacks cb = world_plain();
	struct bufferevent *bev;

	world_init(w, OVER_SOCKET);
	bev = bufferevent_socket_new(w->base, -1, BEV_OPT_CLOSE_ON_FREE);
	w->ch = evchat_new(bev, &cb, w);
	evchat_push(w->ch, "early", 5);
	ck_assert_int_eq(bufferevent_socket_connect(
			     bev, (const struct sockaddr *)at, sizeof *at),
	    0);
}

START_TEST(a_connecting_bufferevent_tells_when_it_has_connected)
{
	struct world w;
	struct sockaddr_in at;
	int l = bind_tcp(&at);

	ck_assert_int_eq(listen(l, 1), 0);
	open_connecting(&w, &at);
	w.peer_fd = accept(l, NULL, NULL);
	ck_assert_int_ge(w.peer_fd, 0);
	fcntl(w.peer_fd, F_SETFL, O_NONBLOCK);
	world_run(&w);
	world_expect(&w, "connected");
	peer_expect(&w, "early");
	close(l);
	world_free(&w);
}
END_TEST

START_TEST(a_refused_connection_ends_with_its_errno)
{
	struct world w;
	struct sockaddr_in at;
	int l = bind_tcp(&at); /* nobody listens, and nobody else gets it */

	open_connecting(&w, &at);
	event_base_loop(w.base, EVLOOP_ONCE);
	world_run(&w);
	world_expect(&w, "closed(ERROR)");
	ck_assert_int_eq(w.error, ECONNREFUSED);
	ck_assert_uint_eq(w.unsent, 5);
	close(l);
	world_free(&w);
}
END_TEST

START_TEST(detach_is_refused_while_it_cannot_be_done)
{
	struct world w;
	struct evchat_producer p = {.more = never};
	struct bufferevent *bev;

	open_plain(&w, _i);
	evchat_push_producer(w.ch, p);
	ck_assert_ptr_null(evchat_detach(w.ch));
	ck_assert_int_eq(errno, EBUSY);
	ck_assert_ptr_null(evchat_detach(NULL));
	ck_assert_int_eq(errno, EINVAL);
	evchat_discard_output(w.ch);
	bev = evchat_detach(w.ch);
	ck_assert_ptr_nonnull(bev);
	bufferevent_free(bev);
	w.ch = NULL;
	world_free(&w);
	open_plain(&w, _i);
	evchat_close_when_done(w.ch);
	ck_assert_ptr_null(evchat_detach(w.ch));
	ck_assert_int_eq(errno, ESHUTDOWN);
	world_free(&w);
}
END_TEST

/* A frame that has begun gets its deadline at once, which takes memory. */
START_TEST(a_timed_terminator_without_memory_leaves_the_old_one)
{
	struct evchat_terminator timed = EVCHAT_LIT(";");
	struct world w;

	memory_watch();
	open_plain(&w, _i);
	peer_send_text(&w, "part");
	world_run(&w);
	timed.deadline_ms = 1000;
	memory_refuse_after(0);
	ck_assert_int_eq(
	    evchat_set_terminator(w.ch, timed), EVCHAT_ERR_NO_MEMORY);
	memory_refuse_none();
	peer_send_text(&w, ";\r\n");
	world_run(&w);
	world_expect(&w, "frame(part;)");
	world_free(&w);
	ck_assert_uint_eq(memory_live(), 0);
	memory_unwatch();
}
END_TEST

/* What libevent refused in the middle of a detach cannot be taken back. */
static void
detach_in_vain(struct world *w)
{
	struct evbuffer *output =
	    bufferevent_get_output(evchat_bufferevent(w->ch));

	ck_assert_int_eq(evchat_push(w->ch, "lost", 4), 0);
	ck_assert_int_eq(evbuffer_freeze(output, 0), 0);
	ck_assert_ptr_null(evchat_detach(w->ch));
	ck_assert_int_eq(errno, EIO);
	ck_assert_int_eq(evbuffer_unfreeze(output, 0), 0);
}

START_TEST(a_channel_that_a_call_has_ended_is_told_from_the_loop)
{
	struct world w;

	open_plain(&w, _i);
	detach_in_vain(&w);
	world_expect(&w, "");
	world_run(&w);
	world_expect(&w, "closed(ERROR)");
	world_free(&w);
}
END_TEST

START_TEST(a_channel_that_a_call_has_ended_can_be_freed_untold)
{
	struct world w;

	open_plain(&w, _i);
	detach_in_vain(&w);
	evchat_free(w.ch);
	w.ch = NULL;
	world_run(&w);
	world_expect(&w, "");
	world_free(&w);
}
END_TEST

START_TEST(birth_without_memory_takes_nothing)
{
	struct world w;
	struct bufferevent *bev;

	memory_watch();
	world_init(&w, (enum world_kind)_i);
	bev = world_bufferevent(&w);
	memory_refuse_after(0);
	ck_assert_ptr_null(evchat_new(bev, &nothing, NULL));
	ck_assert_int_eq(errno, ENOMEM);
	if (_i == OVER_SOCKET) {
		int fd = (int)bufferevent_getfd(bev);

		expect_refused(w.base, fd, 0, &nothing, ENOMEM);
		ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
	}
	memory_refuse_none();
	w.ch = evchat_new(bev, &world_callbacks, &w);
	ck_assert_ptr_nonnull(w.ch);
	memory_refuse_after(0);
	ck_assert_int_eq(
	    evchat_set_limits(w.ch, &(struct evchat_limits){.max_frame = 1}),
	    EVCHAT_ERR_NO_MEMORY);
	memory_refuse_none();
	world_free(&w);
	ck_assert_uint_eq(memory_live(), 0);
	memory_unwatch();
}
END_TEST

START_TEST(limits_that_cannot_be_are_refused)
{
	struct world w;
	struct evchat_limits bad = {.output_low = 2, .output_high = 1};
	struct evchat_limits reserved = {.reserved = {0, 0, 0, 1}};
	struct evchat_callbacks cb = {.reserved = {1, 0}};

	open_plain(&w, _i);
	ck_assert_int_eq(evchat_set_limits(w.ch, &bad), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(
	    evchat_set_limits(w.ch, &reserved), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(evchat_set_limits(NULL, NULL), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(evchat_set_limits(w.ch, NULL), 0);
	ck_assert_int_eq(evchat_set_callbacks(w.ch, &cb), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(evchat_set_callbacks(w.ch, NULL), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(
	    evchat_set_callbacks(NULL, &nothing), EVCHAT_ERR_INVALID);
	world_free(&w);
}
END_TEST

START_TEST(callbacks_and_ctx_can_be_replaced)
{
	struct world w;
	struct evchat_callbacks cb = world_pieces();

	open_plain(&w, _i);
	peer_send_text(&w, "one\r\n");
	world_run(&w);
	ck_assert_int_eq(evchat_set_callbacks(w.ch, &cb), 0);
	ck_assert_ptr_eq(evchat_ctx(w.ch), &w);
	evchat_set_ctx(w.ch, NULL);
	ck_assert_ptr_null(evchat_ctx(w.ch));
	evchat_set_ctx(w.ch, &w);
	peer_send_text(&w, "two\r\n");
	world_run(&w);
	world_expect(&w, "frame(one) collect(two) found");
	world_free(&w);
}
END_TEST

START_TEST(no_channel_is_no_trouble)
{
	struct evchat_stats stats = {1, 2, 3};

	evchat_free(NULL);
	evchat_close_when_done(NULL);
	evchat_set_ctx(NULL, NULL);
	ck_assert_ptr_null(evchat_ctx(NULL));
	ck_assert_ptr_null(evchat_bufferevent(NULL));
	ck_assert_int_eq(evchat_errno(NULL), 0);
	evchat_get_stats(NULL, NULL);
	evchat_get_stats(NULL, &stats);
	ck_assert_uint_eq(
	    stats.bytes_in + stats.bytes_out + stats.frames_in, 0);
}
END_TEST

/* A bufferevent's own timeouts are none of evchat's, but they are an end. */
START_TEST(the_bufferevents_own_timeouts_end_the_channel)
{
	struct world w;

	open_plain(&w, _i);
	world_run(&w);
	bufferevent_trigger_event(
	    evchat_bufferevent(w.ch), BEV_EVENT_TIMEOUT | BEV_EVENT_READING, 0);
	world_run(&w);
	world_expect(&w, "closed(TIMEOUT_IDLE)");
	world_free(&w);
	open_plain(&w, _i);
	world_run(&w);
	bufferevent_trigger_event(
	    evchat_bufferevent(w.ch), BEV_EVENT_TIMEOUT | BEV_EVENT_WRITING, 0);
	world_run(&w);
	world_expect(&w, "closed(TIMEOUT_WRITE)");
	world_free(&w);
}
END_TEST

/* --- What a hard look found. --- */

static void
detach_and_look(struct world *w, const char *event)
{
	if (strcmp(event, "frame") != 0)
		return;
	w->hook = NULL;
	w->hook_ctx = evchat_detach(w->ch);
	ck_assert_ptr_nonnull(w->hook_ctx);
	w->ch = NULL;
}

static void
on_upgrade(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	(void)ch;
	detach_and_look(ctx, "frame");
	ck_assert_uint_eq(len, 7);
	ck_assert_mem_eq(bytes, "UPGRADE", 7);
}

START_TEST(bytes_lent_to_a_callback_outlive_the_detach_in_it)
{
	struct world w;
	struct evchat_callbacks cb = {.frame = on_upgrade};

	world_open(&w, (enum world_kind)_i, &cb);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\r\n"));
	peer_send_text(&w, "UPGRADE\r\n");
	world_run(&w);
	ck_assert_ptr_nonnull(w.hook_ctx);
	bufferevent_free(w.hook_ctx);
	world_free(&w);
}
END_TEST

START_TEST(a_refused_connection_ends_a_channel_with_much_to_send)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();
	static char block[300000];
	struct bufferevent *bev;

	world_init(&w, OVER_SOCKET);
	bev = bufferevent_socket_new(w.base, -1, BEV_OPT_CLOSE_ON_FREE);
	w.ch = evchat_new(bev, &cb, &w);
	evchat_push(w.ch, block, sizeof block);
	world_run(&w);
	errno = ECONNREFUSED;
	bufferevent_trigger_event(bev, BEV_EVENT_ERROR, 0);
	world_run(&w);
	world_expect(&w, "closed(ERROR)");
	ck_assert_uint_eq(w.unsent, sizeof block);
	world_free(&w);
}
END_TEST

static void
answer_at_length(struct world *w, const char *event)
{
	static char block[250000];

	if (strcmp(event, "timeout") != 0)
		return;
	evchat_push(w->ch, block, sizeof block);
	evchat_push(w->ch, block, sizeof block);
	evchat_close_when_done(w->ch);
}

START_TEST(the_peer_owes_nothing_once_the_channel_closes)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();

	cb.timeout = world_callbacks.timeout;
	open_with_limits(&w, OVER_SOCKET, &cb,
	    (struct evchat_limits){
		.frame_deadline_ms = 100, .idle_deadline_ms = 100});
	w.hook = answer_at_length;
	peer_stop_reading(&w);
	peer_send_text(&w, "GET");
	world_run(&w);
	world_pass(&w, 100);
	world_pass(&w, 1000);
	world_expect(&w, "timeout(TIMEOUT_FRAME)");
	peer_read(&w);
	world_run(&w);
	ck_assert_uint_eq(evbuffer_get_length(w.received), 500000);
	peer_send_eof(&w);
	world_run(&w);
	world_expect(&w, "closed(DONE)");
	world_free(&w);
}
END_TEST

static void
answer_much(struct world *w, const char *event)
{
	static char block[800000];

	if (strcmp(event, "frame") == 0 && w->hook_count++ == 0)
		evchat_push(w->ch, block, sizeof block);
}

START_TEST(frames_before_a_failed_write_come_even_when_much_waits)
{
	struct world w;

	open_plain(&w, OVER_SOCKET);
	w.hook = answer_much;
	peer_stop_reading(&w);
	peer_send_text(&w, "one\r\ntwo\r\nthree\r\n");
	world_run(&w);
	world_expect(&w, "frame(one)");
	peer_close(&w);
	world_run(&w);
	world_expect(&w, "frame(two) frame(three) closed(ERROR)");
	world_free(&w);
}
END_TEST

START_TEST(what_a_filter_could_not_pass_on_while_paused_comes_on_resume)
{
	struct world w;

	open_plain(&w, _i);
	evchat_pause(w.ch);
	world_run(&w);
	peer_send_text(&w, "one\r\n");
	world_run(&w);
	world_expect(&w, "");
	evchat_resume(w.ch);
	world_run(&w);
	world_expect(&w, "frame(one)");
	evchat_pause(w.ch);
	world_run(&w);
	peer_send_text(&w, "two\r\n");
	peer_send_eof(&w);
	world_run(&w);
	evchat_resume(w.ch);
	world_run(&w);
	world_expect(&w, "frame(two) closed(EOF)");
	world_free(&w);
}
END_TEST

/* Passes on sixteen bytes at a time until it is told that this was all. */
static enum bufferevent_filter_result
in_sixteens(struct evbuffer *from, struct evbuffer *to, ev_ssize_t limit,
    enum bufferevent_flush_mode mode, void *ctx)
{
	size_t len = evbuffer_get_length(from);

	(void)limit;
	(void)ctx;
	if (mode != BEV_FINISHED)
		len -= len % 16;
	if (!len)
		return BEV_NEED_MORE;
	ck_assert_int_eq(evbuffer_remove_buffer(from, to, len), (int)len);
	return BEV_OK;
}

static void
open_sixteens(struct world *w)
{
	struct evchat_callbacks cb = world_plain();
	struct bufferevent *bev;

	world_init(w, OVER_PAIR);
	bev = bufferevent_filter_new(world_bufferevent(w), NULL, in_sixteens,
	    BEV_OPT_CLOSE_ON_FREE, NULL, NULL);
	w->ch = evchat_new(bev, &cb, w);
}

START_TEST(what_a_filter_holds_back_is_sent_before_the_end)
{
	struct world w;

	open_sixteens(&w);
	evchat_push(w.ch, "twenty bytes of text", 20);
	world_run(&w);
	peer_expect(&w, "twenty bytes of ");
	evchat_close_when_done(w.ch);
	world_run(&w);
	peer_expect(&w, "text");
	peer_send_eof(&w);
	world_run(&w);
	world_expect(&w, "closed(DONE)");
	world_free(&w);
}
END_TEST

START_TEST(what_a_filter_holds_back_holds_nothing_else_back)
{
	struct world w;

	open_sixteens(&w);
	evchat_push(w.ch, "ten bytes ", 10);
	world_run(&w);
	peer_expect(&w, "");
	evchat_push(w.ch, "and ten more", 12);
	world_run(&w);
	peer_expect(&w, "ten bytes and te");
	evchat_close_when_done(w.ch);
	world_run(&w);
	peer_expect(&w, "n more");
	peer_send_eof(&w);
	world_run(&w);
	world_expect(&w, "closed(DONE)");
	world_free(&w);
}
END_TEST

START_TEST(a_filter_goes_on_after_its_output_was_discarded)
{
	struct world w;

	open_sixteens(&w);
	evchat_push(w.ch, "gone!", 5);
	world_run(&w);
	ck_assert_int_eq(evchat_discard_output(w.ch), 0);
	ck_assert_uint_eq(evchat_pending(w.ch), 0);
	evchat_push(w.ch, "sixteen of them!", 16);
	world_run(&w);
	peer_expect(&w, "sixteen of them!");
	world_free(&w);
}
END_TEST

START_TEST(a_rate_limit_does_not_keep_a_late_peer_alive)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();
	struct timeval hour = {3600, 0};
	struct ev_token_bucket_cfg *slow =
	    ev_token_bucket_cfg_new(10, 10, 1000, 1000, &hour);
	struct evchat_limits limits = {.frame_deadline_ms = 100};
	struct bufferevent *bev;
	char block[500] = "";

	world_init(&w, OVER_SOCKET);
	bev = world_bufferevent(&w);
	ck_assert_int_eq(bufferevent_set_rate_limit(bev, slow), 0);
	w.ch = evchat_new(bev, &cb, &w);
	evchat_set_limits(w.ch, &limits);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\r\n"));
	peer_send(&w, block, sizeof block);
	world_run(&w);
	world_pass(&w, 100);
	world_expect(&w, "closed(TIMEOUT_FRAME)");
	world_free(&w);
	ev_token_bucket_cfg_free(slow);
}
END_TEST

START_TEST(watermarks_of_the_maker_do_not_hold_frames_back)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();
	struct bufferevent *bev;

	world_init(&w, (enum world_kind)_i);
	bev = world_bufferevent(&w);
	bufferevent_setwatermark(bev, EV_READ, 100, 0);
	w.ch = evchat_new(bev, &cb, &w);
	evchat_set_terminator(w.ch, EVCHAT_LIT("\r\n"));
	peer_send_text(&w, "hello\r\n");
	world_run(&w);
	world_expect(&w, "frame(hello)");
	world_free(&w);
}
END_TEST

START_TEST(output_of_the_maker_is_sent)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();
	struct bufferevent *bev;

	world_init(&w, (enum world_kind)_i);
	bev = world_bufferevent(&w);
	bufferevent_disable(bev, EV_WRITE);
	bufferevent_write(bev, "old", 3);
	w.ch = evchat_new(bev, &cb, &w);
	evchat_push(w.ch, " new", 4);
	world_run(&w);
	peer_expect(&w, "old new");
	world_free(&w);
}
END_TEST

START_TEST(the_end_of_both_directions_is_an_end)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();

	world_open(&w, OVER_PAIR, &cb);
	evchat_set_terminator(w.ch, evchat_line());
	peer_send_text(&w, "a\nlast");
	bufferevent_flush(w.peer_bev, EV_READ | EV_WRITE, BEV_FINISHED);
	world_run(&w);
	world_expect(&w, "frame(a) frame(last) closed(EOF)");
	world_free(&w);
}
END_TEST

START_TEST(a_descriptor_that_cannot_be_waited_for_fails_with_its_errno)
{
	struct world w;

	world_init(&w, OVER_SOCKET);
	if (strcmp(event_base_get_method(w.base), "epoll") != 0) {
		world_free(&w); /* poll(2) and select(2) wait for anything */
		return;
	}
	w.ch = evchat_open(
	    w.base, open("/dev/null", O_WRONLY), 0, &world_callbacks, &w);
	ck_assert_ptr_nonnull(w.ch);
	evchat_push(w.ch, "x", 1);
	world_run(&w);
	world_expect(&w, "closed(ERROR)");
	ck_assert_int_eq(w.error, EPERM);
	ck_assert_uint_eq(w.unsent, 1);
	world_free(&w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("channel");
	TCase *all = suite_group(s, "everywhere");
	TCase *once = suite_group(s, "once");
	TCase *turns = suite_exact_group(s, "turns", "turns");

#define RULE(test) tcase_add_loop_test(all, test, 0, WORLD_KINDS)
	RULE(without_eof_callback_the_channel_closes_when_all_is_sent);
	RULE(with_eof_callback_the_channel_stays_open_for_output);
	RULE(a_sleeping_producer_is_given_up_when_the_peer_has_gone);
	RULE(an_idle_channel_closes_at_once_from_the_loop);
	RULE(nobody_waits_for_a_sleeper_when_closing_to_a_peer_that_has_gone);
	RULE(close_when_done_sends_everything_then_waits_for_the_peer);
	RULE(a_peer_that_stays_silent_is_left_after_the_linger_time);
	RULE(close_when_done_closes_a_paused_channel);
	RULE(in_closed_the_channel_only_answers);
	RULE(a_frame_must_be_finished_in_time_however_its_bytes_drip);
	RULE(each_frame_has_its_own_time);
	RULE(a_terminator_has_a_deadline_of_its_own);
	RULE(what_never_ends_is_never_late);
	RULE(a_timeout_callback_may_answer_before_it_closes);
	RULE(a_timeout_that_is_ignored_comes_again);
	RULE(an_idle_peer_is_left_unless_something_is_sent_to_it);
	RULE(a_peer_that_takes_nothing_is_left);
	RULE(time_stands_still_for_the_peer_while_the_channel_is_paused);
	RULE(detach_is_refused_while_it_cannot_be_done);
	RULE(a_timed_terminator_without_memory_leaves_the_old_one);
	RULE(a_channel_that_a_call_has_ended_is_told_from_the_loop);
	RULE(a_channel_that_a_call_has_ended_can_be_freed_untold);
	RULE(birth_without_memory_takes_nothing);
	RULE(limits_that_cannot_be_are_refused);
	RULE(callbacks_and_ctx_can_be_replaced);
	RULE(the_bufferevents_own_timeouts_end_the_channel);
	RULE(bytes_lent_to_a_callback_outlive_the_detach_in_it);
	RULE(what_a_filter_could_not_pass_on_while_paused_comes_on_resume);
	RULE(watermarks_of_the_maker_do_not_hold_frames_back);
	RULE(output_of_the_maker_is_sent);
#undef RULE
	tcase_add_test(
	    once, a_reset_ends_with_its_errno_after_the_frames_before_it);
	tcase_add_test(once, a_failed_write_hands_over_what_came_before_it);
	tcase_add_test(once,
	    a_broken_channel_that_stays_paused_ends_after_the_linger_time);
	tcase_add_test(
	    once, a_client_that_is_still_sending_gets_its_whole_answer);
	tcase_add_test(once, a_slow_peer_is_not_a_dead_one);
	tcase_add_test(once, a_producer_that_wakes_in_time_is_not_given_up);
	tcase_add_test(turns, a_stalled_loop_makes_no_peer_late);
	tcase_add_test(
	    once, what_cannot_be_a_channel_is_refused_and_stays_open);
	tcase_add_test(once, tcp_sockets_do_not_delay_and_do_not_block);
	tcase_add_test(once, a_pipe_end_does_what_it_can);
	tcase_add_test(once, a_kept_descriptor_stays_open);
	tcase_add_test(once, a_pipe_end_that_only_writes_is_never_idle);
	tcase_add_test(
	    once, a_connecting_bufferevent_tells_when_it_has_connected);
	tcase_add_test(once, a_refused_connection_ends_with_its_errno);
	tcase_add_test(once, no_channel_is_no_trouble);
	tcase_add_test(
	    once, a_refused_connection_ends_a_channel_with_much_to_send);
	tcase_add_test(once, the_peer_owes_nothing_once_the_channel_closes);
	tcase_add_test(
	    once, frames_before_a_failed_write_come_even_when_much_waits);
	tcase_add_test(once, what_a_filter_holds_back_is_sent_before_the_end);
	tcase_add_test(once, what_a_filter_holds_back_holds_nothing_else_back);
	tcase_add_test(once, a_filter_goes_on_after_its_output_was_discarded);
	tcase_add_test(once, a_rate_limit_does_not_keep_a_late_peer_alive);
	tcase_add_test(once, the_end_of_both_directions_is_an_end);
	tcase_add_test(
	    once, a_descriptor_that_cannot_be_waited_for_fails_with_its_errno);
	return suite_run(s);
}
