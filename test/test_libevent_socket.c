/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What libevent's bufferevents over descriptors do that evchat leans on or
 * works around: how much they read and write at once, which callbacks come and
 * which do not, what is frozen, when a descriptor is closed, what is lost
 * without memory.  No evchat is in it: where another libevent differs, the
 * name of the test says in what.
 *
 * Measured with 2.1.12 and the security patches of Debian 12.  None of this is
 * known to have changed in 2.1.13; what development versions changed is said
 * where it is tested.
 */
#include "support/endpoint.h"
#include "support/file.h"
#include "support/memory.h"
#include "support/suite.h"
#include "support/syscalls.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { KIB = 1024, MIB = 1024 * KIB };

static char some[MIB];

/* --- Reading. --- */

/* Rule 10.  2.2 heeds what it is told (libevent #798). */
START_TEST(a_read_takes_4096_bytes_at_most_whatever_it_may_take)
{
	struct endpoint e;

	endpoint_open(&e);
	bufferevent_set_max_single_read(e.bev, 64 * KIB);
	endpoint_send(&e, some, 10000);
	endpoint_turn(&e, 4);
	endpoint_expect(&e, "read(4096) read(8192) read(10000)");
	endpoint_free(&e);
}
END_TEST

/* Rule 10: the fast path does not. */
START_TEST(each_read_asks_first_how_much_there_is)
{
	struct endpoint e;

	endpoint_open(&e);
	calls_watch(e.fd);
	for (size_t i = 1; i <= 3; i++) {
		endpoint_send(&e, "bytes", 5);
		endpoint_turn(&e, 1);
		ck_assert_uint_eq(calls_seen(CALL_IOCTL), i);
	}
	endpoint_free(&e);
}
END_TEST

/* Rule 14. */
START_TEST(eof_comes_with_data_left_in_the_input)
{
	struct endpoint e;

	endpoint_open(&e);
	endpoint_send(&e, "bytes", 5);
	endpoint_hang_up(&e);
	endpoint_turn(&e, 4);
	endpoint_expect(&e, "read(5) event(READING|EOF)");
	ck_assert_uint_eq(endpoint_input(&e), 5);
	endpoint_free(&e);
}
END_TEST

/* Rule 14. */
START_TEST(what_came_before_a_reset_is_read_before_it)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};
	struct endpoint e;

	endpoint_open_tcp(&e);
	endpoint_send(&e, some, 3000);
	setsockopt(e.peer, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	endpoint_hang_up(&e);
	endpoint_turn(&e, 4);
	endpoint_expect(&e, "read(3000) event(READING|ERROR)");
	ck_assert_int_eq(e.error, ECONNRESET);
	endpoint_free(&e);
}
END_TEST

/* Rules 5 and 70. */
START_TEST(eof_ends_reading_alone_and_output_still_goes)
{
	struct endpoint e;

	endpoint_open(&e);
	shutdown(e.peer, SHUT_WR);
	endpoint_turn(&e, 2);
	endpoint_expect(&e, "event(READING|EOF)");
	ck_assert_int_eq(bufferevent_get_enabled(e.bev), EV_WRITE);
	bufferevent_write(e.bev, "answer", 6);
	endpoint_turn(&e, 2);
	endpoint_expect(&e, "write(0)");
	ck_assert_uint_eq(endpoint_take(&e), 6);
	endpoint_free(&e);
}
END_TEST

/* Rule 5: the first of them is evchat's end. */
START_TEST(an_error_may_follow_the_eof)
{
	struct endpoint e;

	endpoint_open(&e);
	endpoint_hang_up(&e);
	endpoint_turn(&e, 2);
	bufferevent_write(e.bev, "answer", 6);
	endpoint_turn(&e, 2);
	endpoint_expect(&e, "event(READING|EOF) event(WRITING|ERROR)");
	ck_assert_int_eq(e.error, EPIPE);
	endpoint_free(&e);
}
END_TEST

/* Rule 15. */
START_TEST(nothing_is_noticed_while_reading_is_off)
{
	struct endpoint e;

	endpoint_open(&e);
	bufferevent_disable(e.bev, EV_READ);
	endpoint_send(&e, "bytes", 5);
	endpoint_hang_up(&e);
	endpoint_turn(&e, 4);
	endpoint_expect(&e, "");
	bufferevent_enable(e.bev, EV_READ);
	endpoint_turn(&e, 4);
	endpoint_expect(&e, "read(5) event(READING|EOF)");
	endpoint_free(&e);
}
END_TEST

/* channel.h says so of what evchat_detach() gives back. */
START_TEST(bytes_that_are_there_when_reading_begins_cause_no_callback)
{
	struct endpoint e;

	endpoint_open(&e);
	endpoint_send(&e, "bytes", 5);
	endpoint_turn(&e, 2);
	endpoint_expect(&e, "read(5)");
	bufferevent_disable(e.bev, EV_READ);
	bufferevent_enable(e.bev, EV_READ);
	endpoint_turn(&e, 4);
	endpoint_expect(&e, "");
	endpoint_free(&e);
}
END_TEST

/* Rule 13. */
START_TEST(below_the_low_mark_no_read_is_told_not_even_at_eof)
{
	struct endpoint e;

	endpoint_open(&e);
	bufferevent_setwatermark(e.bev, EV_READ, 100, 0);
	endpoint_send(&e, "bytes", 5);
	endpoint_hang_up(&e);
	endpoint_turn(&e, 4);
	endpoint_expect(&e, "event(READING|EOF)");
	ck_assert_uint_eq(endpoint_input(&e), 5);
	endpoint_free(&e);
}
END_TEST

/* Rule 12 (libevent #891).  Only breaking the loop ends the turn. */
START_TEST(at_the_high_mark_one_read_is_told_again_and_again)
{
	struct endpoint e;

	endpoint_open(&e);
	bufferevent_setwatermark(e.bev, EV_READ, 0, 4);
	endpoint_send(&e, "bytes", 5);
	e.breaks = 8;
	endpoint_turn(&e, 1);
	endpoint_expect(&e, "read(4) read(4) read(4) read(4) read(4) read(4) "
			    "read(4) read(4)");
	endpoint_free(&e);
}
END_TEST

/* --- Writing. --- */

/* Rule 29. */
START_TEST(a_write_takes_16_kib_at_most_unless_it_may_take_more)
{
	struct endpoint e;

	endpoint_open(&e);
	bufferevent_write(e.bev, some, 100 * KIB);
	endpoint_turn(&e, 1);
	ck_assert_uint_eq(endpoint_take(&e), 16 * KIB);
	bufferevent_set_max_single_write(e.bev, 64 * KIB);
	endpoint_turn(&e, 1);
	ck_assert_uint_eq(endpoint_take(&e), 64 * KIB);
	endpoint_free(&e);
}
END_TEST

/* Rule 26. */
START_TEST(any_amount_of_output_is_accepted_whatever_the_mark)
{
	struct endpoint e;

	endpoint_open(&e);
	bufferevent_setwatermark(e.bev, EV_WRITE, 0, 1);
	for (int i = 0; i < 32; i++) {
		ck_assert_int_eq(bufferevent_write(e.bev, some, MIB), 0);
		endpoint_turn(&e, 1);
	}
	ck_assert_uint_gt(endpoint_output(&e), 30 * MIB);
	endpoint_free(&e);
}
END_TEST

/* Rule 27. */
START_TEST(a_write_is_told_when_no_more_than_the_low_mark_is_left)
{
	struct endpoint e;

	endpoint_open(&e);
	bufferevent_setwatermark(e.bev, EV_WRITE, 16 * KIB, 0);
	bufferevent_write(e.bev, some, 48 * KIB);
	endpoint_turn(&e, 1);
	endpoint_expect(&e, "");
	endpoint_turn(&e, 1);
	endpoint_expect(&e, "write(16384)");
	endpoint_turn(&e, 1);
	endpoint_expect(&e, "write(0)");
	endpoint_free(&e);
}
END_TEST

/* Rule 28; transport.c asks in this way whether a full socket has room, and
 * channel.h warns of it after a detach. */
START_TEST(enabled_without_output_a_write_is_told_once)
{
	struct endpoint e;

	endpoint_open(&e);
	endpoint_turn(&e, 2);
	endpoint_expect(&e, "");
	bufferevent_enable(e.bev, EV_WRITE);
	endpoint_turn(&e, 4);
	endpoint_expect(&e, "write(0)");
	endpoint_free(&e);
}
END_TEST

/* The same, while the socket is full: transport.c, wait_for_file(). */
START_TEST(enabled_without_output_a_full_socket_tells_when_it_has_room)
{
	struct endpoint e;

	endpoint_open(&e);
	while (send(e.fd, some, sizeof some, 0) > 0)
		continue;
	bufferevent_enable(e.bev, EV_WRITE);
	endpoint_turn(&e, 4);
	endpoint_expect(&e, "");
	endpoint_take(&e);
	endpoint_turn(&e, 4);
	endpoint_expect(&e, "write(0)");
	endpoint_free(&e);
}
END_TEST

static void
write_again(struct endpoint *e)
{
	e->hook = NULL;
	bufferevent_write(e->bev, "more", 4);
}

/* Rule 29. */
START_TEST(output_added_in_the_write_callback_goes_and_is_told)
{
	struct endpoint e;

	endpoint_open(&e);
	e.hook = write_again;
	bufferevent_write(e.bev, "bytes", 5);
	endpoint_turn(&e, 4);
	endpoint_expect(&e, "write(0) write(0)");
	ck_assert_uint_eq(endpoint_take(&e), 9);
	endpoint_free(&e);
}
END_TEST

/* Rule 38. */
START_TEST(flushing_a_socket_does_nothing_and_succeeds)
{
	struct endpoint e;

	endpoint_open(&e);
	bufferevent_write(e.bev, "bytes", 5);
	ck_assert_int_eq(
	    bufferevent_flush(e.bev, EV_READ | EV_WRITE, BEV_FINISHED), 0);
	ck_assert_uint_eq(endpoint_take(&e), 0);
	ck_assert_uint_eq(endpoint_output(&e), 5);
	endpoint_free(&e);
}
END_TEST

static volatile sig_atomic_t killed;

static void
on_sigpipe(int signal)
{
	(void)signal;
	killed = 1;
}

/* Rule 39. */
START_TEST(a_write_to_nobody_raises_sigpipe)
{
	struct endpoint e;

	endpoint_open(&e);
	signal(SIGPIPE, on_sigpipe);
	endpoint_hang_up(&e);
	bufferevent_write(e.bev, "bytes", 5);
	endpoint_turn(&e, 2);
	ck_assert_int_eq(killed, 1);
	endpoint_free(&e);
}
END_TEST

/* Rule 36: an EOF of writing is no end of the peer (transport.c). */
START_TEST(a_file_cut_short_is_an_eof_of_writing_and_stays)
{
	struct endpoint e;
	int fd = nameless_file("0123456789", 10);

	endpoint_open(&e);
	evbuffer_add_file(bufferevent_get_output(e.bev), fd, 0, 10);
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	endpoint_turn(&e, 4);
	endpoint_expect(&e, "event(WRITING|EOF)");
	ck_assert_uint_eq(endpoint_output(&e), 10);
	endpoint_free(&e);
}
END_TEST

/* Rule 36. */
START_TEST(a_file_goes_in_one_write_whatever_it_may_take)
{
	struct endpoint e;

	endpoint_open(&e);
	bufferevent_set_max_single_write(e.bev, 1000);
	evbuffer_add_file(bufferevent_get_output(e.bev),
	    nameless_file(some, 10000), 0, 10000);
	endpoint_turn(&e, 1);
	endpoint_expect(&e, "write(0)");
	ck_assert_uint_eq(endpoint_take(&e), 10000);
	endpoint_free(&e);
}
END_TEST

/* --- Frozen ends. --- */

/* Rule 37. */
START_TEST(output_is_frozen_at_its_front)
{
	struct endpoint e;
	struct evbuffer *output;
	char byte;

	endpoint_open(&e);
	output = bufferevent_get_output(e.bev);
	ck_assert_int_eq(bufferevent_write(e.bev, "bytes", 5), 0);
	ck_assert_int_eq(evbuffer_drain(output, 5), -1);
	ck_assert_int_eq(evbuffer_remove(output, &byte, 1), -1);
	ck_assert_int_eq(evbuffer_prepend(output, "x", 1), -1);
	ck_assert_int_eq(evbuffer_unfreeze(output, 1), 0);
	ck_assert_int_eq(evbuffer_drain(output, 5), 0);
	ck_assert_int_eq(evbuffer_freeze(output, 1), 0);
	endpoint_free(&e);
}
END_TEST

/* Rules 11 and 37: transport.c drains and prepends, and thaws only to add. */
START_TEST(input_is_frozen_at_its_end_alone)
{
	struct endpoint e;
	struct evbuffer *input;

	endpoint_open(&e);
	input = bufferevent_get_input(e.bev);
	ck_assert_int_eq(evbuffer_add(input, "x", 1), -1);
	ck_assert_int_eq(evbuffer_prepend(input, "bytes", 5), 0);
	ck_assert_int_eq(evbuffer_drain(input, 1), 0);
	ck_assert_int_eq(evbuffer_unfreeze(input, 0), 0);
	ck_assert_int_eq(evbuffer_add(input, "x", 1), 0);
	ck_assert_int_eq(evbuffer_freeze(input, 0), 0);
	ck_assert_uint_eq(endpoint_input(&e), 5);
	endpoint_free(&e);
}
END_TEST

/* Rule 37: connectors give their channel's bufferevent one. */
START_TEST(a_new_descriptor_thaws_both_ends)
{
	struct endpoint e;

	endpoint_open(&e);
	bufferevent_write(e.bev, "bytes", 5);
	bufferevent_setfd(e.bev, e.fd);
	ck_assert_int_eq(evbuffer_add(bufferevent_get_input(e.bev), "x", 1), 0);
	ck_assert_int_eq(evbuffer_drain(bufferevent_get_output(e.bev), 5), 0);
	endpoint_free(&e);
}
END_TEST

/* connector.c: a channel before its descriptor. */
START_TEST(what_is_enabled_without_a_descriptor_works_when_it_gets_one)
{
	struct endpoint e;
	int fds[2];

	endpoint_init(&e);
	endpoint_watch(
	    &e, bufferevent_socket_new(e.base, -1, BEV_OPT_CLOSE_ON_FREE));
	ck_assert_int_eq(bufferevent_getfd(e.bev), -1);
	bufferevent_enable(e.bev, EV_READ);
	bufferevent_write(e.bev, "bytes", 5);
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds);
	e.peer = fds[1];
	ck_assert_int_eq(bufferevent_setfd(e.bev, fds[0]), 0);
	endpoint_send(&e, "answer", 6);
	endpoint_turn(&e, 2);
	ck_assert_uint_eq(endpoint_input(&e), 6);
	ck_assert_uint_eq(endpoint_take(&e), 5);
	endpoint_free(&e);
}
END_TEST

/* --- The end. --- */

static void
note_whether_open(evutil_socket_t fd, short what, void *ctx)
{
	struct endpoint *e = ctx;

	(void)fd, (void)what;
	strcat(e->said, endpoint_is_open(e->fd) ? "open" : "closed");
}

static void
free_bufferevent(struct endpoint *e)
{
	e->hook = NULL;
	bufferevent_free(e->bev);
	e->bev = NULL;
}

/* Rule 4; listener.c counts on it when a channel of its goes. */
START_TEST(a_descriptor_is_closed_when_a_zero_timer_comes_not_before)
{
	static const struct timeval at_once;
	struct endpoint e;

	endpoint_open(&e);
	free_bufferevent(&e);
	ck_assert(endpoint_is_open(e.fd));
	event_base_once(
	    e.base, -1, EV_TIMEOUT, note_whether_open, &e, &at_once);
	endpoint_turn(&e, 1);
	endpoint_expect(&e, "closed");
	endpoint_free(&e);
}
END_TEST

/* Rules 1 and 8. */
START_TEST(freed_in_its_callback_it_lives_until_the_next_turn)
{
	struct endpoint e;
	size_t before;

	endpoint_open(&e);
	e.hook = free_bufferevent;
	endpoint_send(&e, "bytes", 5);
	before = memory_live();
	endpoint_turn(&e, 1);
	endpoint_expect(&e, "read(5)");
	ck_assert_uint_lt(memory_live(), before);
	ck_assert(!endpoint_is_open(e.fd));
	endpoint_free(&e);
}
END_TEST

static void
count_cleanup(const void *bytes, size_t len, void *ctx)
{
	(void)bytes, (void)len;
	++*(int *)ctx;
}

/* Rule 8: evchat_free() drops the output itself. */
START_TEST(what_was_lent_is_cleaned_up_a_turn_after_the_free)
{
	struct endpoint e;
	int cleanups = 0;

	endpoint_open(&e);
	evbuffer_add_reference(
	    bufferevent_get_output(e.bev), some, 10, count_cleanup, &cleanups);
	free_bufferevent(&e);
	ck_assert_int_eq(cleanups, 0);
	endpoint_turn(&e, 1);
	ck_assert_int_eq(cleanups, 1);
	endpoint_free(&e);
}
END_TEST

/* Rule 4. */
START_TEST(freeing_the_base_finishes_what_was_freed_before)
{
	struct endpoint e;

	endpoint_open(&e);
	bufferevent_free(e.bev);
	event_base_free(e.base);
	ck_assert(!endpoint_is_open(e.fd));
	ck_assert_uint_eq(memory_live(), 0);
	close(e.peer);
}
END_TEST

/* channel_open.c: the descriptor of a channel that was not made. */
START_TEST(a_descriptor_taken_away_before_the_free_stays_open)
{
	struct endpoint e;

	endpoint_open(&e);
	bufferevent_setfd(e.bev, -1);
	free_bufferevent(&e);
	endpoint_turn(&e, 1);
	ck_assert(endpoint_is_open(e.fd));
	close(e.fd);
	endpoint_free(&e);
}
END_TEST

/* --- Descriptors that are no sockets. --- */

static void
open_pipe(struct endpoint *e, int near)
{
	int fds[2];

	endpoint_init(e);
	ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);
	e->fd = fds[near];
	e->peer = fds[!near];
	endpoint_watch(
	    e, bufferevent_socket_new(e->base, e->fd, BEV_OPT_CLOSE_ON_FREE));
}

/* Rule 59. */
START_TEST(a_pipe_is_read_like_a_socket)
{
	struct endpoint e;

	open_pipe(&e, 0);
	bufferevent_enable(e.bev, EV_READ);
	ck_assert_int_eq(write(e.peer, "bytes", 5), 5);
	endpoint_hang_up(&e);
	endpoint_turn(&e, 4);
	endpoint_expect(&e, "read(5) event(READING|EOF)");
	endpoint_free(&e);
}
END_TEST

/* Rule 59. */
START_TEST(a_pipe_is_written_like_a_socket)
{
	struct endpoint e;

	open_pipe(&e, 1);
	bufferevent_write(e.bev, "bytes", 5);
	endpoint_turn(&e, 2);
	endpoint_expect(&e, "write(0)");
	ck_assert_uint_eq(endpoint_take(&e), 5);
	endpoint_hang_up(&e);
	bufferevent_write(e.bev, "bytes", 5);
	endpoint_turn(&e, 2);
	endpoint_expect(&e, "event(WRITING|ERROR)");
	ck_assert_int_eq(e.error, EPIPE);
	endpoint_free(&e);
}
END_TEST

/* Rule 59: what evchat_open() refuses.  poll(2) and select(2) do not mind
 * files, so only epoll shows it. */
START_TEST(a_write_to_a_file_is_accepted_and_never_done)
{
	struct endpoint e;
	int fd = nameless_file("", 0);

	endpoint_init(&e);
	evutil_make_socket_nonblocking(fd);
	endpoint_watch(
	    &e, bufferevent_socket_new(e.base, fd, BEV_OPT_CLOSE_ON_FREE));
	if (strcmp(event_base_get_method(e.base), "epoll") == 0) {
		ck_assert_int_eq(bufferevent_enable(e.bev, EV_READ), -1);
		ck_assert_int_eq(bufferevent_write(e.bev, "bytes", 5), 0);
		endpoint_turn(&e, 4);
		endpoint_expect(&e, "");
		ck_assert_uint_eq(endpoint_output(&e), 5);
		ck_assert_int_eq(bufferevent_enable(e.bev, EV_WRITE), -1);
	}
	endpoint_free(&e);
}
END_TEST

/* --- Without memory, or the system's help. --- */

/* A bufferevent that has never waited for anything: what libevent keeps of a
 * descriptor is still to be made. */
static void
open_fresh(struct endpoint *e)
{
	int fds[2];

	endpoint_init(e);
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds);
	e->peer = fds[1];
	endpoint_watch(
	    e, bufferevent_socket_new(e->base, fds[0], BEV_OPT_CLOSE_ON_FREE));
}

/* Rule 61: its chain is had, its event is not. */
START_TEST(a_write_without_memory_for_its_event_is_accepted_and_never_done)
{
	struct endpoint e;

	open_fresh(&e);
	memory_refuse_after(1);
	ck_assert_int_eq(bufferevent_write(e.bev, "bytes", 5), 0);
	memory_refuse_none();
	endpoint_turn(&e, 4);
	ck_assert_uint_eq(endpoint_take(&e), 0);
	endpoint_expect(&e, "");
	endpoint_free(&e);
}
END_TEST

/* Rule 61: so evchat enables it where it can see that. */
START_TEST(enabling_without_memory_for_the_event_fails_and_can_be_tried_again)
{
	struct endpoint e;

	open_fresh(&e);
	memory_refuse_after(1);
	bufferevent_write(e.bev, "bytes", 5);
	ck_assert_int_eq(bufferevent_enable(e.bev, EV_WRITE), -1);
	memory_refuse_none();
	ck_assert_int_eq(bufferevent_enable(e.bev, EV_WRITE), 0);
	endpoint_turn(&e, 2);
	ck_assert_uint_eq(endpoint_take(&e), 5);
	endpoint_free(&e);
}
END_TEST

/* The same when the kernel refuses; as it is asked, other backends' is not. */
START_TEST(a_write_that_epoll_refuses_is_accepted_and_never_done)
{
	struct endpoint e;

	open_fresh(&e);
	calls_watch(bufferevent_getfd(e.bev));
	calls_fail(CALL_EPOLL_CTL, ENOSPC, 0, 1);
	ck_assert_int_eq(bufferevent_write(e.bev, "bytes", 5), 0);
	endpoint_turn(&e, 4);
	if (strcmp(event_base_get_method(e.base), "epoll") == 0)
		ck_assert_uint_eq(endpoint_take(&e), 0);
	endpoint_free(&e);
}
END_TEST

/* Rule 62, where the allocator sets errno.  (A turn before: select(2) needs
 * memory of its own when it has something new to wait for.) */
START_TEST(a_read_without_memory_is_an_error)
{
	struct endpoint e;

	endpoint_open(&e);
	endpoint_turn(&e, 1);
	endpoint_send(&e, "bytes", 5);
	memory_refuse_after(0);
	endpoint_turn(&e, 2);
	memory_refuse_none();
	endpoint_expect(&e, "event(READING|ERROR)");
	ck_assert_int_eq(e.error, ENOMEM);
	endpoint_free(&e);
}
END_TEST

/* --- Connecting. --- */

/* Rule 58: a failed connect names no direction (transport.c). */
START_TEST(a_refused_connect_is_an_error_of_no_direction)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr *any = (struct sockaddr *)(void *)&at;
	socklen_t len = sizeof at;
	int bound = socket(AF_INET, SOCK_STREAM, 0);
	struct endpoint e;

	ck_assert_int_eq(bind(bound, any, len), 0);
	ck_assert_int_eq(getsockname(bound, any, &len), 0);
	endpoint_init(&e);
	endpoint_watch(
	    &e, bufferevent_socket_new(e.base, -1, BEV_OPT_CLOSE_ON_FREE));
	bufferevent_enable(e.bev, EV_READ);
	ck_assert_int_eq(bufferevent_socket_connect(e.bev, any, (int)len), 0);
	endpoint_turn(&e, 4);
	endpoint_expect(&e, "event(ERROR)");
	ck_assert_int_eq(e.error, ECONNREFUSED);
	ck_assert_int_ge(bufferevent_getfd(e.bev), 0);
	ck_assert_int_eq(bufferevent_get_enabled(e.bev), EV_READ | EV_WRITE);
	close(bound);
	endpoint_free(&e);
}
END_TEST

/* --- Triggers. --- */

/* Rule 2. */
START_TEST(a_trigger_calls_back_inside_unless_deferred)
{
	struct endpoint e;

	endpoint_open(&e);
	bufferevent_trigger(e.bev, EV_WRITE, BEV_TRIG_IGNORE_WATERMARKS);
	endpoint_expect(&e, "write(0)");
	bufferevent_trigger(e.bev, EV_WRITE,
	    BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
	endpoint_expect(&e, "");
	endpoint_turn(&e, 1);
	endpoint_expect(&e, "write(0)");
	endpoint_free(&e);
}
END_TEST

/* transport.c: a poke is one turn, however often it is asked for. */
START_TEST(deferred_triggers_of_one_turn_are_one_callback)
{
	struct endpoint e;

	endpoint_open(&e);
	for (int i = 0; i < 3; i++)
		bufferevent_trigger(e.bev, EV_WRITE,
		    BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
	endpoint_turn(&e, 2);
	endpoint_expect(&e, "write(0)");
	endpoint_free(&e);
}
END_TEST

/* Deferred, a callback can outlive the bufferevent's other ones. */
START_TEST(a_deferred_trigger_is_forgotten_with_the_callbacks)
{
	struct endpoint e;

	endpoint_open(&e);
	bufferevent_trigger(e.bev, EV_WRITE,
	    BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
	bufferevent_setcb(e.bev, NULL, NULL, NULL, NULL);
	endpoint_turn(&e, 2);
	endpoint_expect(&e, "");
	endpoint_free(&e);
}
END_TEST

static void
add_reading(Suite *s)
{
	TCase *t = suite_group(s, "reading");

	tcase_add_checked_fixture(t, memory_watch, NULL);
	tcase_add_test(t, a_read_takes_4096_bytes_at_most_whatever_it_may_take);
	tcase_add_test(t, each_read_asks_first_how_much_there_is);
	tcase_add_test(t, eof_comes_with_data_left_in_the_input);
	tcase_add_test(t, what_came_before_a_reset_is_read_before_it);
	tcase_add_test(t, eof_ends_reading_alone_and_output_still_goes);
	tcase_add_test(t, an_error_may_follow_the_eof);
	tcase_add_test(t, nothing_is_noticed_while_reading_is_off);
	tcase_add_test(
	    t, bytes_that_are_there_when_reading_begins_cause_no_callback);
	tcase_add_test(t, below_the_low_mark_no_read_is_told_not_even_at_eof);
	tcase_add_test(t, at_the_high_mark_one_read_is_told_again_and_again);
}

static void
add_writing(Suite *s)
{
	TCase *t = suite_group(s, "writing");

	tcase_add_checked_fixture(t, memory_watch, NULL);
	tcase_add_test(t, a_write_takes_16_kib_at_most_unless_it_may_take_more);
	tcase_add_test(t, any_amount_of_output_is_accepted_whatever_the_mark);
	tcase_add_test(
	    t, a_write_is_told_when_no_more_than_the_low_mark_is_left);
	tcase_add_test(t, enabled_without_output_a_write_is_told_once);
	tcase_add_test(
	    t, enabled_without_output_a_full_socket_tells_when_it_has_room);
	tcase_add_test(t, output_added_in_the_write_callback_goes_and_is_told);
	tcase_add_test(t, flushing_a_socket_does_nothing_and_succeeds);
	tcase_add_test(t, a_write_to_nobody_raises_sigpipe);
	tcase_add_test(t, a_file_cut_short_is_an_eof_of_writing_and_stays);
	tcase_add_test(t, a_file_goes_in_one_write_whatever_it_may_take);
}

static void
add_frozen(Suite *s)
{
	TCase *t = suite_group(s, "frozen");

	tcase_add_checked_fixture(t, memory_watch, NULL);
	tcase_add_test(t, output_is_frozen_at_its_front);
	tcase_add_test(t, input_is_frozen_at_its_end_alone);
	tcase_add_test(t, a_new_descriptor_thaws_both_ends);
	tcase_add_test(
	    t, what_is_enabled_without_a_descriptor_works_when_it_gets_one);
}

static void
add_end(Suite *s)
{
	TCase *t = suite_group(s, "end");

	tcase_add_checked_fixture(t, memory_watch, NULL);
	tcase_add_test(
	    t, a_descriptor_is_closed_when_a_zero_timer_comes_not_before);
	tcase_add_test(t, freed_in_its_callback_it_lives_until_the_next_turn);
	tcase_add_test(t, what_was_lent_is_cleaned_up_a_turn_after_the_free);
	tcase_add_test(t, freeing_the_base_finishes_what_was_freed_before);
	tcase_add_test(t, a_descriptor_taken_away_before_the_free_stays_open);
}

static void
add_others(Suite *s)
{
	TCase *t = suite_group(s, "others");

	tcase_add_checked_fixture(t, memory_watch, NULL);
	tcase_add_test(t, a_pipe_is_read_like_a_socket);
	tcase_add_test(t, a_pipe_is_written_like_a_socket);
	tcase_add_test(t, a_write_to_a_file_is_accepted_and_never_done);
	tcase_add_test(
	    t, a_write_without_memory_for_its_event_is_accepted_and_never_done);
	tcase_add_test(t,
	    enabling_without_memory_for_the_event_fails_and_can_be_tried_again);
	tcase_add_test(
	    t, a_write_that_epoll_refuses_is_accepted_and_never_done);
	tcase_add_test(t, a_read_without_memory_is_an_error);
	tcase_add_test(t, a_refused_connect_is_an_error_of_no_direction);
	tcase_add_test(t, a_trigger_calls_back_inside_unless_deferred);
	tcase_add_test(t, deferred_triggers_of_one_turn_are_one_callback);
	tcase_add_test(t, a_deferred_trigger_is_forgotten_with_the_callbacks);
}

int
main(void)
{
	Suite *s = suite_create("libevent_socket");

	endpoint_begin();
	add_reading(s);
	add_writing(s);
	add_frozen(s);
	add_end(s);
	add_others(s);
	return suite_run(s);
}
