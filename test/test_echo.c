/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sample echo servers as their users meet them.  ECHO_SERVER, ECHO_LINE and
 * ECHO_THREADS are the paths of the programs.
 */
#include "support/program.h"
#include "support/suite.h"
#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))
#define ANSWER_MAX 1024

START_TEST(echo_server_sends_back_what_comes)
{
	char *argv[] = {ECHO_SERVER, "0", NULL};
	struct program echo = program_serve(argv);
	static char bytes[1 << 20], back[sizeof bytes + 2];
	int fd = dial(echo.port);
	pid_t speaker;

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)(i % 251);
	speaker = say_apart(fd, bytes, sizeof bytes);
	ck_assert_uint_eq(hear(fd, back, sizeof back), sizeof bytes);
	ck_assert_mem_eq(back, bytes, sizeof bytes);
	await_said(speaker);
	close(fd);
	program_stop(&echo);
}
END_TEST

/* --- Lines. --- */

static const char said[] = "one\r\n\r\ntwo\na\rb\nlast";
static const char lines[] = "one\n\ntwo\na\rb\nlast\n";

static void
check_lines(uint16_t port)
{
	char answer[ANSWER_MAX];

	say_in_pieces_and_hear(port, said, 1, 1, answer, sizeof answer);
	ck_assert_str_eq(answer, lines);
	for (size_t cut = 1; cut < sizeof said - 1; cut++) {
		say_in_pieces_and_hear(
		    port, said, cut, sizeof said, answer, sizeof answer);
		ck_assert_str_eq(answer, lines);
	}
}

/* A port that is bound but not listened at stays ours until somebody who says
 * SO_REUSEADDR, too, listens there. */
static int
reserve_port(uint16_t *port)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, len), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

/* It does not say when it is there: this asks. */
static void
await_listener(pid_t pid, uint16_t port)
{
	int fd, status;

	while ((fd = try_dial(port)) < 0) {
		ck_assert_int_eq(waitpid(pid, &status, WNOHANG), 0);
		sched_yield();
	}
	close(fd);
}

START_TEST(echo_line_sends_back_lines)
{
	char address[32];
	char *argv[] = {ECHO_LINE, address, NULL};
	struct program echo;
	uint16_t port;
	int reserved = reserve_port(&port);

	(void)snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)port);
	echo = program_start(argv, PROGRAM_PIPE, PROGRAM_PIPE);
	await_listener(echo.pid, port);
	check_lines(port);
	program_stop(&echo);
	close(reserved);
}
END_TEST

/* --- Threads. --- */

static struct program
serve_threads(char *threads)
{
	char *argv[] = {ECHO_THREADS, "127.0.0.1:0", threads, NULL};

	return program_serve(argv);
}

/* It says what each thread did; returns the sum. */
static unsigned
stop_threads(struct program *echo, unsigned threads)
{
	struct program_end end;
	unsigned sum = 0, lines_of_one, thread;
	const char *at;
	int len;

	program_ask_to_end(echo);
	program_finish(echo, &end);
	ck_assert_int_eq(end.status, 0);
	at = end.said;
	for (unsigned i = 0; i < threads; i++, at += len) {
		ck_assert_int_eq(sscanf(at, "thread %u: %u lines%n", &thread,
				     &lines_of_one, &len),
		    2);
		ck_assert_uint_eq(thread, i);
		ck_assert_int_eq(at[len++], '\n');
		sum += lines_of_one;
	}
	ck_assert_str_eq(at, "");
	return sum;
}

START_TEST(echo_threads_send_back_lines)
{
	struct program echo = serve_threads("2");

	check_lines(echo.port);
	/* Five lines each time: byte by byte, and at each cut. */
	ck_assert_uint_eq(stop_threads(&echo, 2), 5 * (sizeof said - 1));
}
END_TEST

START_TEST(echo_threads_count_the_lines_of_all)
{
	struct program echo = serve_threads("2");
	int fds[8];

	for (int i = 0; i < COUNT(fds); i++)
		fds[i] = dial(echo.port);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < COUNT(fds); i++)
			say_text(fds[i], "one\ntwo\n");
		for (int i = 0; i < COUNT(fds); i++)
			hear_exactly(fds[i], "one\ntwo\n");
	}
	for (int i = 0; i < COUNT(fds); i++) {
		ck_assert_int_eq(shutdown(fds[i], SHUT_WR), 0);
		hear_last(fds[i], "");
	}
	ck_assert_uint_eq(stop_threads(&echo, 2), 3 * 2 * COUNT(fds));
}
END_TEST

START_TEST(echo_threads_end_with_clients_connected)
{
	struct program echo = serve_threads("2");
	int fds[8];

	for (int i = 0; i < COUNT(fds); i++) {
		fds[i] = dial(echo.port);
		say_text(fds[i], "one\nhalf");
		hear_exactly(fds[i], "one\n");
	}
	program_ask_to_end(&echo);
	for (int i = 0; i < COUNT(fds); i++)
		hear_last(fds[i], "");
	ck_assert_uint_eq(stop_threads(&echo, 2), COUNT(fds));
}
END_TEST

START_TEST(more_threads_than_clients_are_no_matter)
{
	struct program echo = serve_threads("9");

	ck_assert_uint_eq(stop_threads(&echo, 9), 0);
}
END_TEST

/* --- Arguments. --- */

static const struct {
	char *argv[5];
	int status;
} bad[] = {
    {{ECHO_THREADS, "127.0.0.1:0", "0"}, 2},
    {{ECHO_THREADS, "127.0.0.1:0", "-1"}, 2},
    {{ECHO_THREADS, "127.0.0.1:0", "many"}, 2},
    {{ECHO_THREADS, "127.0.0.1:0", "1025"}, 2},
    {{ECHO_THREADS, "127.0.0.1:0", "1", "more"}, 2},
    {{ECHO_THREADS, "127.0.0.1", "2"}, 1},
    {{ECHO_THREADS, "localhost:0", "2"}, 1},
    {{ECHO_LINE, "127.0.0.1"}, 1},
    {{ECHO_SERVER, "65536"}, 1},
    {{ECHO_SERVER, "echo"}, 1},
};

START_TEST(bad_argument_is_refused)
{
	struct program p =
	    program_start(bad[_i].argv, PROGRAM_PIPE, PROGRAM_PIPE);
	struct program_end end;

	program_finish(&p, &end);
	ck_assert_int_eq(end.status, bad[_i].status);
	ck_assert_str_eq(end.said, "");
	ck_assert_str_ne(end.err, "");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("echo");
	TCase *one = suite_group(s, "one thread");
	TCase *threads = suite_group(s, "threads");
	TCase *arguments = suite_group(s, "arguments");

	tcase_add_test(one, echo_server_sends_back_what_comes);
	tcase_add_test(one, echo_line_sends_back_lines);
	tcase_add_test(threads, echo_threads_send_back_lines);
	tcase_add_test(threads, echo_threads_count_the_lines_of_all);
	tcase_add_test(threads, echo_threads_end_with_clients_connected);
	tcase_add_test(threads, more_threads_than_clients_are_no_matter);
	tcase_add_loop_test(arguments, bad_argument_is_refused, 0, COUNT(bad));
	return suite_run(s);
}
