/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a socket gives and takes at once: as much as there is or goes, EAGAIN
 * and never a wait where there is nothing, through every interruption, and
 * without a signal when the peer has gone.
 *
 * The sockets here are blocking ones: who waits, waits for ever.
 */
#include "socket-internal.h"
#include "support/file.h"
#include "support/suite.h"
#include "support/syscalls.h"
#include <errno.h>
#include <event2/buffer.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MIB = 1024 * 1024, PLENTY = 4 * MIB };

static int near, far;
static struct evbuffer *out;

/* Everything that waits at the far end. */
static size_t
arrived(char *bytes, size_t room)
{
	size_t len = 0;
	ssize_t got;

	while ((got = recv(far, bytes + len, room - len, MSG_DONTWAIT)) > 0)
		len += (size_t)got;
	return len;
}

static void
expect_arrived(const char *text)
{
	char bytes[256];
	size_t len = arrived(bytes, sizeof bytes - 1);

	bytes[len] = '\0';
	ck_assert_str_eq(bytes, text);
}

static void
peer_sends(const char *text)
{
	ck_assert_int_eq(write(far, text, strlen(text)), (ssize_t)strlen(text));
}

#define FAILS(call, number)                      \
	do {                                     \
		errno = 0;                       \
		ck_assert_int_eq(call, -1);      \
		ck_assert_int_eq(errno, number); \
	} while (0)

/* --- Receiving. --- */

static void
expect_received(size_t room, const char *text)
{
	char bytes[64];

	ck_assert_uint_le(room, sizeof bytes);
	ck_assert_int_eq(
	    evchat_socket_receive_(near, bytes, room), (ssize_t)strlen(text));
	ck_assert_mem_eq(bytes, text, strlen(text));
}

START_TEST(what_is_there_is_received_as_far_as_there_is_room)
{
	char byte;

	peer_sends("hello");
	expect_received(3, "hel");
	expect_received(64, "lo");
	FAILS(evchat_socket_receive_(near, &byte, 1), EAGAIN);
}
END_TEST

START_TEST(the_peers_end_is_no_bytes)
{
	peer_sends("last");
	ck_assert_int_eq(shutdown(far, SHUT_WR), 0);
	expect_received(64, "last");
	expect_received(64, "");
	expect_received(64, "");
}
END_TEST

START_TEST(a_peer_that_goes_with_bytes_unread_is_a_reset)
{
	char byte;

	ck_assert_int_eq(evchat_socket_send_(near, "unread", 6, false), 6);
	close(far);
	far = -1;
	FAILS(evchat_socket_receive_(near, &byte, 1), ECONNRESET);
}
END_TEST

START_TEST(receiving_goes_on_after_a_signal)
{
	peer_sends("hello");
	calls_fail(CALL_RECV, EINTR, 0, 3);
	expect_received(64, "hello");
	ck_assert_uint_eq(calls_seen(CALL_RECV), 4);
}
END_TEST

/* --- Sending. --- */

START_TEST(what_is_sent_arrives)
{
	ck_assert_int_eq(evchat_socket_send_(near, "hello ", 6, true), 6);
	ck_assert_int_eq(evchat_socket_send_(near, "there", 5, false), 5);
	expect_arrived("hello there");
}
END_TEST

/* 0: nothing was there. */
static size_t
send_block(const char *block, size_t len)
{
	ssize_t sent = evchat_socket_send_(near, block, len, false);

	ck_assert(sent > 0 || errno == EAGAIN);
	return sent > 0 ? (size_t)sent : 0;
}

START_TEST(no_more_is_sent_than_goes_at_once)
{
	static char block[PLENTY], got[PLENTY];
	size_t sent = send_block(block, sizeof block);

	ck_assert_uint_gt(sent, 0);
	ck_assert_uint_lt(sent, sizeof block);
	while (send_block(block, 1))
		sent++;
	FAILS(evchat_socket_send_(near, block, 1, false), EAGAIN);
	ck_assert_uint_eq(arrived(got, sizeof got), sent);
	ck_assert_uint_eq(send_block(block, 1), 1);
}
END_TEST

START_TEST(sending_goes_on_after_a_signal)
{
	calls_fail(CALL_SEND, EINTR, 0, 3);
	ck_assert_int_eq(evchat_socket_send_(near, "hello", 5, false), 5);
	ck_assert_uint_eq(calls_seen(CALL_SEND), 4);
	expect_arrived("hello");
}
END_TEST

/* The process would not survive it. */
static void
let_the_peer_go(void)
{
	signal(SIGPIPE, SIG_DFL);
	close(far);
	far = -1;
}

START_TEST(a_peer_that_has_gone_is_an_error_and_no_signal)
{
	let_the_peer_go();
	FAILS(evchat_socket_send_(near, "lost", 4, false), EPIPE);
	FAILS(evchat_socket_send_(near, "lost", 4, true), EPIPE);
	evbuffer_add(out, "lost", 4);
	FAILS(evchat_socket_send_buffer_(near, out, MIB, false), EPIPE);
	ck_assert_uint_eq(evbuffer_get_length(out), 4);
}
END_TEST

START_TEST(the_kernel_is_told_that_more_follows)
{
	const int always = MSG_DONTWAIT | MSG_NOSIGNAL;

	evchat_socket_send_(near, "a", 1, true);
	ck_assert_int_eq(calls_flags(CALL_SEND), always | MSG_MORE);
	evchat_socket_send_(near, "b", 1, false);
	ck_assert_int_eq(calls_flags(CALL_SEND), always);
	evbuffer_add(out, "cd", 2);
	calls_shorten(CALL_SENDMSG, 1);
	evchat_socket_send_buffer_(near, out, MIB, true);
	ck_assert_int_eq(calls_flags(CALL_SENDMSG), always | MSG_MORE);
	evchat_socket_send_buffer_(near, out, MIB, false);
	ck_assert_int_eq(calls_flags(CALL_SENDMSG), always);
	expect_arrived("abcd");
}
END_TEST

/* --- Evbuffers. --- */

static void
add_runs(const char *letters)
{
	for (size_t i = 0; letters[i]; i++)
		ck_assert_int_eq(
		    evbuffer_add_reference(out, &letters[i], 1, NULL, NULL), 0);
}

static ssize_t
send_out(size_t most)
{
	return evchat_socket_send_buffer_(near, out, most, false);
}

START_TEST(what_goes_of_an_evbuffer_is_drained)
{
	add_runs("abcde");
	calls_shorten(CALL_SENDMSG, 1);
	ck_assert_int_eq(send_out(MIB), 1);
	calls_shorten(CALL_SENDMSG, 0);
	ck_assert_uint_eq(evbuffer_get_length(out), 4);
	ck_assert_int_eq(send_out(MIB), 4);
	ck_assert_uint_eq(evbuffer_get_length(out), 0);
	ck_assert_uint_eq(calls_seen(CALL_SENDMSG), 2);
	expect_arrived("abcde");
}
END_TEST

START_TEST(an_evbuffer_of_many_runs_goes_in_several_calls)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t calls = 0;

	add_runs(letters);
	for (; evbuffer_get_length(out); calls++)
		ck_assert_int_gt(send_out(MIB), 0);
	ck_assert_uint_gt(calls, 1);
	ck_assert_uint_le(calls, 4);
	expect_arrived(letters);
}
END_TEST

START_TEST(only_about_so_much_of_an_evbuffer_is_sent)
{
	add_runs("abcdef");
	ck_assert_int_eq(send_out(3), 3);
	ck_assert_uint_eq(evbuffer_get_length(out), 3);
	expect_arrived("abc");
}
END_TEST

START_TEST(an_evbuffer_goes_on_after_a_signal)
{
	add_runs("abc");
	calls_fail(CALL_SENDMSG, EINTR, 0, 3);
	ck_assert_int_eq(send_out(MIB), 3);
	ck_assert_uint_eq(calls_seen(CALL_SENDMSG), 4);
	expect_arrived("abc");
}
END_TEST

START_TEST(a_full_socket_leaves_an_evbuffer_as_it_is)
{
	static char block[PLENTY];

	while (send_block(block, sizeof block))
		;
	while (send_block(block, 1))
		;
	add_runs("abc");
	FAILS(send_out(MIB), EAGAIN);
	ck_assert_uint_eq(evbuffer_get_length(out), 3);
}
END_TEST

/* --- Files. --- */

static ssize_t
send_file(int file, uint64_t offset, uint64_t len)
{
	return evchat_socket_send_file_(near, file, offset, len);
}

START_TEST(a_part_of_a_file_is_sent)
{
	int file = nameless_file("0123456789", 10);

	ck_assert_int_eq(send_file(file, 2, 5), 5);
	expect_arrived("23456");
	/* Its own offset is nobody's business. */
	ck_assert_int_eq(lseek(file, 0, SEEK_CUR), 0);
	close(file);
}
END_TEST

START_TEST(a_file_is_sent_as_far_as_it_goes)
{
	int file = nameless_file("0123456789", 10);

	ck_assert_int_eq(send_file(file, 8, 100), 2);
	ck_assert_int_eq(send_file(file, 10, 100), 0);
	ck_assert_int_eq(send_file(file, 1000, 1), 0);
	expect_arrived("89");
	close(file);
}
END_TEST

START_TEST(any_length_of_a_file_can_be_asked_for)
{
	int file = nameless_file("0123456789", 10);

	ck_assert_int_eq(send_file(file, 0, INT64_MAX), 10);
	ck_assert_uint_le(calls_largest(CALL_SENDFILE), 0x7ffff000);
	expect_arrived("0123456789");
	close(file);
}
END_TEST

START_TEST(a_file_goes_on_after_a_signal)
{
	int file = nameless_file("0123456789", 10);

	calls_fail(CALL_SENDFILE, EINTR, 0, 3);
	ck_assert_int_eq(send_file(file, 0, 10), 10);
	ck_assert_uint_eq(calls_seen(CALL_SENDFILE), 4);
	expect_arrived("0123456789");
	close(file);
}
END_TEST

START_TEST(a_file_that_cannot_be_sent_so_is_another_thing_than_an_error)
{
	int file = nameless_file("0123456789", 10);

	calls_fail(CALL_SENDFILE, EINVAL, 0, 1);
	FAILS(send_file(file, 0, 10), ENOSYS);
	calls_fail(CALL_SENDFILE, EIO, 0, 1);
	FAILS(send_file(file, 0, 10), EIO);
	close(file);
	FAILS(send_file(file, 0, 10), EBADF);
	expect_arrived("");
}
END_TEST

START_TEST(a_file_for_a_peer_that_has_gone_is_an_error)
{
	int file = nameless_file("0123456789", 10);

	let_the_peer_go();
	signal(SIGPIPE, SIG_IGN);
	FAILS(send_file(file, 0, 10), EPIPE);
	close(file);
}
END_TEST

/* --- The suite. --- */

static void
begin(void)
{
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	near = ends[0];
	far = ends[1];
	out = evbuffer_new();
	calls_watch(near);
}

static void
end(void)
{
	calls_watch(-1);
	evbuffer_free(out);
	close(near);
	if (far >= 0)
		close(far);
}

int
main(void)
{
	Suite *s = suite_create("socket");
	TCase *in = suite_group(s, "receiving");
	TCase *sent = suite_group(s, "sending");
	TCase *buffers = suite_group(s, "evbuffers");
	TCase *files = suite_group(s, "files");

	tcase_add_checked_fixture(in, begin, end);
	tcase_add_test(in, what_is_there_is_received_as_far_as_there_is_room);
	tcase_add_test(in, the_peers_end_is_no_bytes);
	tcase_add_test(in, a_peer_that_goes_with_bytes_unread_is_a_reset);
	tcase_add_test(in, receiving_goes_on_after_a_signal);
	tcase_add_checked_fixture(sent, begin, end);
	tcase_add_test(sent, what_is_sent_arrives);
	tcase_add_test(sent, no_more_is_sent_than_goes_at_once);
	tcase_add_test(sent, sending_goes_on_after_a_signal);
	tcase_add_test(sent, a_peer_that_has_gone_is_an_error_and_no_signal);
	tcase_add_test(sent, the_kernel_is_told_that_more_follows);
	tcase_add_checked_fixture(buffers, begin, end);
	tcase_add_test(buffers, what_goes_of_an_evbuffer_is_drained);
	tcase_add_test(buffers, an_evbuffer_of_many_runs_goes_in_several_calls);
	tcase_add_test(buffers, only_about_so_much_of_an_evbuffer_is_sent);
	tcase_add_test(buffers, an_evbuffer_goes_on_after_a_signal);
	tcase_add_test(buffers, a_full_socket_leaves_an_evbuffer_as_it_is);
	tcase_add_checked_fixture(files, begin, end);
	tcase_add_test(files, a_part_of_a_file_is_sent);
	tcase_add_test(files, a_file_is_sent_as_far_as_it_goes);
	tcase_add_test(files, any_length_of_a_file_can_be_asked_for);
	tcase_add_test(files, a_file_goes_on_after_a_signal);
	tcase_add_test(files,
	    a_file_that_cannot_be_sent_so_is_another_thing_than_an_error);
	tcase_add_test(files, a_file_for_a_peer_that_has_gone_is_an_error);
	return suite_run(s);
}
