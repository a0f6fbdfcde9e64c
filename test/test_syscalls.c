/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * System calls as tests have them: each kind can be refused and is otherwise
 * the system's, those that move bytes can be cut short, and chance is the same
 * for the same seed.
 */
#include "support/file.h"
#include "support/suite.h"
#include "support/syscalls.h"
#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* No call of these says so by itself. */
enum { REFUSED = EDOM };

static int near, far;

static void
begin(void)
{
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	near = ends[0];
	far = ends[1];
	calls_watch(-1);
}

static void
end(void)
{
	calls_watch(-1);
	close(near);
	close(far);
}

/* --- Each kind. --- */

static char byte;
static struct iovec run = {&byte, 1};
static struct msghdr message = {.msg_iov = &run, .msg_iovlen = 1};
static struct sockaddr_storage at;
static socklen_t at_len;

static ssize_t
call_of_bytes(enum system_call call)
{
	switch (call) {
	case CALL_RECV:
		return recv(near, &byte, 1, MSG_DONTWAIT);
	case CALL_READV:
		return readv(near, &run, 1);
	case CALL_SEND:
		return send(near, &byte, 1, 0);
	case CALL_SENDMSG:
		return sendmsg(near, &message, 0);
	case CALL_WRITEV:
		return writev(near, &run, 1);
	case CALL_SENDFILE:
		return sendfile(near, -1, NULL, 1);
	case CALL_PREAD:
		return pread(-1, &byte, 1, 0);
	default:
		ck_abort_msg("%s", calls_name(call));
		return 0;
	}
}

static int
call_of_sockets(enum system_call call)
{
	struct sockaddr *address = (struct sockaddr *)(void *)&at;

	switch (call) {
	case CALL_SOCKET:
		return socket(AF_UNIX, SOCK_STREAM, 0);
	case CALL_CONNECT:
		return connect(near, address, 0);
	case CALL_BIND:
		return bind(near, address, 0);
	case CALL_LISTEN:
		return listen(near, 1);
	case CALL_ACCEPT4:
		return accept4(near, NULL, NULL, 0);
	case CALL_ACCEPT:
		return accept(near, NULL, NULL);
	case CALL_SHUTDOWN:
		return shutdown(near, SHUT_WR);
	case CALL_SETSOCKOPT:
		return setsockopt(near, SOL_SOCKET, SO_KEEPALIVE, &byte, 1);
	case CALL_GETSOCKOPT:
		return getsockopt(near, SOL_SOCKET, SO_TYPE, &byte, &at_len);
	case CALL_GETSOCKNAME:
		return getsockname(near, address, &at_len);
	case CALL_GETPEERNAME:
		return getpeername(near, address, &at_len);
	default:
		return (int)call_of_bytes(call);
	}
}

static int
call_once(enum system_call call)
{
	struct epoll_event event = {0};
	struct pollfd poll_fd = {.fd = near};
	struct stat status;
	int number, fds[2];

	switch (call) {
	case CALL_FCNTL:
		return fcntl(near, F_GETFL);
	case CALL_IOCTL:
		return ioctl(near, FIONREAD, &number);
	case CALL_FSTAT:
		return fstat(near, &status);
	case CALL_LSTAT:
		return lstat("/", &status);
	case CALL_UNLINK:
		return unlink("");
	case CALL_POLL:
		return poll(&poll_fd, 1, 0);
	case CALL_EPOLL_CREATE:
		return epoll_create1(0);
	case CALL_EPOLL_CTL:
		return epoll_ctl(-1, EPOLL_CTL_ADD, near, &event);
	case CALL_EPOLL_WAIT:
		return epoll_wait(-1, &event, 1, 0);
	case CALL_EVENTFD:
		return eventfd(0, 0);
	case CALL_PIPE:
		return pipe2(fds, 0);
	default:
		return call_of_sockets(call);
	}
}

START_TEST(each_kind_can_be_refused)
{
	enum system_call call = (enum system_call)_i;

	calls_fail(call, REFUSED, 0, 1);
	errno = 0;
	ck_assert_int_eq(call_once(call), -1);
	ck_assert_int_eq(errno, REFUSED);
	ck_assert_uint_eq(calls_failed(call), 1);
	ck_assert_uint_eq(calls_seen_in_all(), 1);
}
END_TEST

/* Whatever it says, this it does not. */
START_TEST(each_kind_is_the_systems_otherwise)
{
	enum system_call call = (enum system_call)_i;

	/* readv() would wait. */
	ck_assert_int_eq(fcntl(near, F_SETFL, O_NONBLOCK), 0);
	calls_watch(-1);
	calls_fail(call, REFUSED, 1, 1);
	errno = 0;
	(void)call_once(call);
	ck_assert_int_ne(errno, REFUSED);
	ck_assert_int_ne(errno, ENOSYS);
	ck_assert_uint_eq(calls_seen(call), 1);
	ck_assert_uint_eq(calls_failed(call), 0);
}
END_TEST

static void
ignore_warning(int severity, const char *text)
{
	(void)severity;
	(void)text;
}

START_TEST(the_old_names_that_libevent_uses_are_the_same_calls)
{
	event_set_log_callback(ignore_warning);
	calls_fail(CALL_FCNTL, REFUSED, 0, SIZE_MAX);
	ck_assert_int_eq(evutil_make_socket_nonblocking(near), -1);
	ck_assert_uint_gt(calls_failed(CALL_FCNTL), 0);
}
END_TEST

START_TEST(so_many_pass_and_so_many_fail)
{
	calls_fail(CALL_SEND, REFUSED, 2, 3);
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(
		    send(near, "x", 1, 0), i >= 2 && i < 5 ? -1 : 1);
	ck_assert_uint_eq(calls_seen(CALL_SEND), 8);
	ck_assert_uint_eq(calls_failed(CALL_SEND), 3);
}
END_TEST

START_TEST(other_descriptors_are_left_alone)
{
	calls_watch(far);
	calls_fail(CALL_SEND, REFUSED, 0, SIZE_MAX);
	ck_assert_int_eq(send(near, "x", 1, 0), 1);
	ck_assert_int_eq(send(far, "x", 1, 0), -1);
	ck_assert_uint_eq(calls_seen(CALL_SEND), 1);
}
END_TEST

START_TEST(what_is_paused_is_neither_counted_nor_changed)
{
	calls_fail(CALL_SEND, REFUSED, 0, SIZE_MAX);
	calls_pause();
	calls_pause();
	ck_assert_int_eq(send(near, "x", 1, 0), 1);
	calls_resume();
	ck_assert_int_eq(send(near, "x", 1, 0), 1);
	calls_resume();
	ck_assert_uint_eq(calls_seen(CALL_SEND), 0);
	ck_assert_int_eq(send(near, "x", 1, 0), -1);
}
END_TEST

/* --- Short ones. --- */

static void
expect_far(const char *text)
{
	char got[64] = "";

	calls_pause();
	ck_assert_int_ge(recv(far, got, sizeof got - 1, MSG_DONTWAIT), 0);
	calls_resume();
	ck_assert_str_eq(got, text);
}

START_TEST(runs_are_cut_short_wherever_the_first_byte_is)
{
	char bytes[] = "abcd", got[4] = "";
	struct iovec runs[] = {{bytes, 0}, {bytes, 4}};
	struct iovec room[] = {{got, 0}, {got, 4}};
	struct msghdr both = {.msg_iov = runs, .msg_iovlen = 2};

	for (size_t call = 0; call < SYSTEM_CALLS; call++)
		calls_shorten((enum system_call)call, 3);
	ck_assert_int_eq(writev(near, runs, 2), 3);
	expect_far("abc");
	ck_assert_int_eq(sendmsg(near, &both, 0), 3);
	expect_far("abc");
	ck_assert_int_eq(send(far, bytes, 4, 0), 3);
	ck_assert_int_eq(readv(near, room, 2), 3);
	ck_assert_mem_eq(got, "abc", 4);
	ck_assert_uint_eq(calls_shortened(CALL_WRITEV), 1);
	ck_assert_uint_eq(calls_largest(CALL_READV), 4);
}
END_TEST

START_TEST(files_are_cut_short)
{
	char got[8] = "";
	off_t from = 0;
	int file = nameless_file("abcdef", 6);

	calls_shorten(CALL_PREAD, 2);
	calls_shorten(CALL_SENDFILE, 3);
	ck_assert_int_eq(pread(file, got, 6, 1), 2);
	ck_assert_str_eq(got, "bc");
	ck_assert_int_eq(sendfile(near, file, &from, 6), 3);
	expect_far("abc");
	close(file);
}
END_TEST

/* --- Chance. --- */

enum { DRAWS = 10000 };

/* Which of 64 fail. */
static uint64_t
pattern(uint64_t seed)
{
	uint64_t bits = 0;

	calls_seed(seed);
	for (int i = 0; i < 64; i++)
		bits = bits << 1 | (recv(near, &byte, 1, MSG_DONTWAIT) < 0 &&
				       errno == REFUSED);
	return bits;
}

START_TEST(chance_is_the_same_for_the_same_seed)
{
	uint64_t first;

	calls_fail_by_chance(CALL_RECV, REFUSED, 500);
	first = pattern(1);
	ck_assert_uint_eq(pattern(1), first);
	ck_assert_uint_ne(pattern(2), first);
}
END_TEST

START_TEST(chance_is_what_was_asked_for)
{
	calls_seed(7);
	calls_fail_by_chance(CALL_SEND, REFUSED, (unsigned)_i);
	calls_shorten_by_chance(CALL_SEND, 1, (unsigned)_i);
	for (int i = 0; i < DRAWS; i++)
		(void)send(near, "xy", 2, MSG_DONTWAIT);
	ck_assert_uint_le(
	    calls_failed(CALL_SEND), DRAWS * ((size_t)_i + 20) / 1000);
	ck_assert_uint_ge(calls_failed(CALL_SEND) + DRAWS * 20 / 1000,
	    DRAWS * (size_t)_i / 1000);
	ck_assert_int_eq(calls_shortened(CALL_SEND) > 0, _i > 0 && _i < 1000);
}
END_TEST

static void *
draw(void *ctx)
{
	for (int i = 0; i < DRAWS; i++)
		(void)recv(near, &byte, 1, MSG_DONTWAIT);
	return ctx;
}

START_TEST(threads_are_counted_together)
{
	enum { THREADS = 4 };
	pthread_t threads[THREADS];

	calls_fail(CALL_RECV, REFUSED, 5, THREADS * DRAWS - 10);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, draw, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_eq(calls_seen(CALL_RECV), THREADS * DRAWS);
	ck_assert_uint_eq(calls_failed(CALL_RECV), THREADS * DRAWS - 10);
}
END_TEST

/* --- The suite. --- */

int
main(void)
{
	Suite *s = suite_create("syscalls");
	TCase *kinds = suite_group(s, "kinds");
	TCase *pieces = suite_group(s, "short ones");
	TCase *chance = suite_group(s, "chance");

	tcase_add_checked_fixture(kinds, begin, end);
	tcase_add_loop_test(kinds, each_kind_can_be_refused, 0, SYSTEM_CALLS);
	tcase_add_loop_test(
	    kinds, each_kind_is_the_systems_otherwise, 0, SYSTEM_CALLS);
	tcase_add_test(
	    kinds, the_old_names_that_libevent_uses_are_the_same_calls);
	tcase_add_test(kinds, so_many_pass_and_so_many_fail);
	tcase_add_test(kinds, other_descriptors_are_left_alone);
	tcase_add_test(kinds, what_is_paused_is_neither_counted_nor_changed);
	tcase_add_checked_fixture(pieces, begin, end);
	tcase_add_test(pieces, runs_are_cut_short_wherever_the_first_byte_is);
	tcase_add_test(pieces, files_are_cut_short);
	tcase_add_checked_fixture(chance, begin, end);
	tcase_add_test(chance, chance_is_the_same_for_the_same_seed);
	for (int chosen = 0; chosen <= 1000; chosen += 250)
		tcase_add_loop_test(
		    chance, chance_is_what_was_asked_for, chosen, chosen + 1);
	tcase_add_test(chance, threads_are_counted_together);
	return suite_run(s);
}
