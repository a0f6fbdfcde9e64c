/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sample HTTP server as its users meet it: what it answers to, in whatever
 * pieces that comes, and how it ends.  What it refuses is in test_hostile.c.
 * HTTP_SERVER is its path.
 */
#include "support/program.h"
#include "support/suite.h"
#include "support/web_root.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))
#define ANSWER_MAX 65536
#define BIG WEB_ROOT_BIG

/* --- Conversations. --- */

static size_t
hear_count(int fd)
{
	static char bytes[65536];
	size_t len = 0;
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0)
		len += (size_t)n;
	ck_assert_int_eq(n, 0);
	return len;
}

/* Dates differ from run to run. */
static void
drop_dates(char *answer)
{
	char *date, *end;

	while ((date = strstr(answer, "Date: ")) != NULL) {
		end = strstr(date, "GMT\r\n");
		ck_assert_ptr_nonnull(end);
		memmove(date, end + 5, strlen(end + 5) + 1);
	}
}

/* What is answered to a request that is sent in pieces. */
static void
converse(uint16_t port, const char *request, size_t cut, size_t step,
    char answer[ANSWER_MAX])
{
	say_in_pieces_and_hear(port, request, cut, step, answer, ANSWER_MAX);
	drop_dates(answer);
}

/* --- The HTTP server and what it serves. --- */

static struct program server;
static char *root;

static void
start_server(void)
{
	char *argv[] = {HTTP_SERVER, "-p", "0", "-r", NULL, NULL};

	root = argv[4] = web_root_make();
	server = program_serve(argv);
}

/* It ends with status 0, which with LeakSanitizer means without a leak. */
static void
stop_server(void)
{
	int idle = dial(server.port), status;

	status = program_stop(&server);
	close(idle);
	web_root_remove();
	ck_assert_int_eq(status, 0);
}

#define HOST " HTTP/1.1\r\nHost: x\r\n"
#define HEAD(status, type, framing) \
	"HTTP/1.1 " status "\r\nContent-Type: " type "\r\n" framing
#define LEN(n) "Content-Length: " #n "\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"
#define CLOSE "Connection: close\r\n"
#define HELLO HEAD("200 OK", "text/plain", LEN(6)) "\r\nhello\n"
#define NOT_FOUND \
	HEAD("404 Not Found", "text/plain", LEN(14)) "\r\n404 Not Found\n"
#define NOT_ALLOWED HEAD("405 Method Not Allowed", "text/plain", LEN(23))
#define CRC(text, n) HEAD("200 OK", "text/plain", LEN(n)) "\r\n" text

static const struct {
	const char *name;
	const char *request;
	const char *answer;
} exchanges[] = {
    {"a file", "GET /hello.txt" HOST "\r\n", HELLO},
    {"a file by an encoded name", "GET /h%65llo.txt?q" HOST "\r\n", HELLO},
    {"an absolute target", "GET http://a:1/hello.txt" HOST "\r\n", HELLO},
    {"one empty line first", "\r\nGET /hello.txt" HOST "\r\n", HELLO},
    {"spaces around values", "GET /hello.txt HTTP/1.1\r\nHost:x \t\r\n\r\n",
	HELLO},
    {"HTTP/1.2", "GET /hello.txt HTTP/1.2\r\nHost: x\r\n\r\n", HELLO},
    {"an empty file", "GET /empty" HOST "\r\n",
	HEAD("200 OK", "application/octet-stream", LEN(0)) "\r\n"},
    {"HEAD", "HEAD /hello.txt" HOST "\r\n",
	HEAD("200 OK", "text/plain", LEN(6)) "\r\n"},
    {"HEAD of nothing", "HEAD /no" HOST "\r\n",
	HEAD("404 Not Found", "text/plain", LEN(14)) "\r\n"},
    {"HTTP/1.0", "GET /hello.txt HTTP/1.0\r\n\r\nGET /hello.txt" HOST "\r\n",
	HEAD("200 OK", "text/plain", LEN(6)) CLOSE "\r\nhello\n"},
    {"HTTP/1.0 that goes on",
	"GET /hello.txt HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"
	"GET /hello.txt" HOST "\r\n",
	HEAD("200 OK", "text/plain",
	    LEN(6) "Connection: keep-alive\r\n") "\r\nhello\n" HELLO},
    {"pipelined, then close",
	"GET /hello.txt" HOST "\r\nGET /no" HOST "\r\nGET /hello.txt" HOST
	"Connection: a, Close\r\n\r\nGET /hello.txt" HOST "\r\n",
	HELLO NOT_FOUND HEAD(
	    "200 OK", "text/plain", LEN(6) CLOSE) "\r\nhello\n"},
    {"an index", "GET /sub/" HOST "\r\n",
	HEAD("200 OK", "text/html", LEN(7)) "\r\n<p>sub\n"},
    {"a directory without its slash", "GET /sub" HOST "\r\n",
	HEAD("301 Moved Permanently", "text/plain",
	    LEN(22) "Location: /sub/\r\n") "\r\n301 Moved Permanently\n"},
    {"no index", "GET /" HOST "\r\n", NOT_FOUND},
    {"a file with a slash", "GET /hello.txt/" HOST "\r\n", NOT_FOUND},
    {"two slashes", "GET //sub" HOST "\r\n", NOT_FOUND},
    {"a link out", "GET /way-out" HOST "\r\n", NOT_FOUND},
    {"a directory out", "GET /dir-out/passwd" HOST "\r\n", NOT_FOUND},
    {"dots", "GET /sub/../hello.txt" HOST "\r\n", NOT_FOUND},
    {"encoded dots", "GET /%2e%2E/etc/passwd" HOST "\r\n", NOT_FOUND},
    {"an encoded slash", "GET /..%2fetc%2fpasswd" HOST "\r\n", NOT_FOUND},
    {"encoded twice", "GET /%252e%252e/etc/passwd" HOST "\r\n", NOT_FOUND},
    {"no regular file", "GET /pipe" HOST "\r\n", NOT_FOUND},
    {"a method that is not allowed, its body skipped",
	"PUT /hello.txt" HOST LEN(5) "\r\nGET /GET /hello.txt" HOST "\r\n",
	NOT_ALLOWED "Allow: GET, HEAD\r\n\r\n405 Method Not Allowed\n" HELLO},
    {"GET with a body",
	"GET /hello.txt" HOST LEN(3) "\r\n\r\n\rGET /hello.txt" HOST "\r\n",
	HELLO HELLO},
    {"OPTIONS", "OPTIONS *" HOST "\r\n",
	NOT_ALLOWED "Allow: GET, HEAD\r\n\r\n405 Method Not Allowed\n"},
    {"GET of /upload", "GET /upload" HOST "\r\n",
	NOT_ALLOWED "Allow: POST\r\n\r\n405 Method Not Allowed\n"},
    {"an upload by count, one of nothing, a file",
	"POST /upload" HOST LEN(9) "\r\n123456789POST /upload" HOST LEN(
	    0) "\r\nGET /hello.txt" HOST "\r\n",
	CRC("crc32 cbf43926\nsize 9\n", 22) CRC("crc32 00000000\nsize 0\n", 22)
	    HELLO},
    {"an upload in chunks with extensions and trailers",
	"POST /upload" HOST CHUNKED "\r\n4\r\n1234\r\n0005 ;a=\"b\";c\r\n56789"
	"\r\n000;x\r\nTrailer: y\r\nZ: z\r\n\r\nGET /hello.txt" HOST "\r\n",
	CRC("crc32 cbf43926\nsize 9\n", 22) HELLO},
    {"an upload of one large hexadecimal digit",
	"POST /upload" HOST CHUNKED "\r\nA\r\n0123456789\r\n0\r\n\r\n",
	CRC("crc32 a684c7c6\nsize 10\n", 23)},
    {"Expect",
	"POST /upload" HOST LEN(9) "Expect: 100-Continue\r\n\r\n123456789",
	"HTTP/1.1 100 Continue\r\n\r\n" CRC("crc32 cbf43926\nsize 9\n", 22)},
    {"Expect in HTTP/1.0",
	"POST /upload HTTP/1.0\r\nExpect: 100-continue\r\n" LEN(
	    9) "\r\n123456789",
	HEAD("200 OK", "text/plain",
	    LEN(22) CLOSE) "\r\ncrc32 cbf43926\nsize 9\n"},
    {"chunks from a producer", "GET /chunked?n=20" HOST "\r\n",
	HEAD("200 OK", "text/plain",
	    CHUNKED) "\r\n14\r\n....................\r\n0\r\n\r\n"},
    {"no chunks", "GET /chunked?n=0" HOST "\r\nGET /hello.txt" HOST "\r\n",
	HEAD("200 OK", "text/plain", CHUNKED) "\r\n0\r\n\r\n" HELLO},
    {"HEAD of chunks", "HEAD /chunked?n=5" HOST "\r\n",
	HEAD("200 OK", "text/plain", CHUNKED) "\r\n"},
    {"a producer for HTTP/1.0", "GET /chunked?n=5 HTTP/1.0\r\n\r\n",
	HEAD("200 OK", "text/plain", CLOSE) "\r\n....."},
    {"too many dots", "GET /chunked?n=1099511627777" HOST "\r\n",
	HEAD("400 Bad Request", "text/plain", LEN(16)) "\r\n400 Bad Request\n"},
};

START_TEST(request_is_answered)
{
	char answer[ANSWER_MAX];

	converse(server.port, exchanges[_i].request, ANSWER_MAX, 1, answer);
	ck_assert_msg(strcmp(answer, exchanges[_i].answer) == 0,
	    "%s:\n%s\nand not\n%s", exchanges[_i].name, answer,
	    exchanges[_i].answer);
}
END_TEST

START_TEST(request_byte_by_byte_is_answered)
{
	char answer[ANSWER_MAX];

	converse(server.port, exchanges[_i].request, 1, 1, answer);
	ck_assert_str_eq(answer, exchanges[_i].answer);
}
END_TEST

START_TEST(request_cut_anywhere_is_answered)
{
	size_t len = strlen(exchanges[_i].request);
	char answer[ANSWER_MAX];

	for (size_t cut = 1; cut < len; cut++) {
		converse(server.port, exchanges[_i].request, cut, len, answer);
		ck_assert_str_eq(answer, exchanges[_i].answer);
	}
}
END_TEST

#define UPLOAD "POST /upload" HOST

START_TEST(head_of_exactly_the_limit_is_answered)
{
	static const char start_[] = "GET /hello.txt" HOST "A: ";
	char request[16384 + 4 + 1];
	char answer[ANSWER_MAX];

	memset(request, 'a', sizeof request);
	memcpy(request, start_, sizeof start_ - 1);
	memcpy(request + 16384, "\r\n\r\n", 5);
	converse(server.port, request, ANSWER_MAX, 1, answer);
	ck_assert_str_eq(answer, HELLO);
}
END_TEST

START_TEST(half_closed_client_gets_its_whole_answer)
{
	static const char *const requests[] = {"GET /big" HOST "\r\n",
	    "GET /chunked?n=8388608 HTTP/1.0\r\n\r\n",
	    "GET /chunked?n=8388608" HOST "\r\n"};
	int fd = dial(server.port);

	say_text(fd, requests[_i]);
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	ck_assert_uint_gt(hear_count(fd), BIG);
	close(fd);
}
END_TEST

START_TEST(pipelined_large_answers_come_whole)
{
	static const char request[] = "GET /big" HOST "\r\n";
	int fd = dial(server.port);

	for (int i = 0; i < 10; i++)
		ck_assert(say(fd, request, sizeof request - 1));
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	ck_assert_uint_gt(hear_count(fd), 10 * (size_t)BIG);
	close(fd);
}
END_TEST

START_TEST(client_that_resets_harms_nobody_else)
{
	static const char request[] =
	    "GET /big" HOST "\r\nGET /big" HOST "\r\n";
	char answer[ANSWER_MAX];

	for (int i = 0; i < 20; i++) {
		int fd = dial(server.port);

		ck_assert(say(fd, request, sizeof request - 1));
		ck_assert_int_eq(recv(fd, answer, 9, MSG_WAITALL), 9);
		hang_up_hard(fd);
		converse(server.port, exchanges[0].request, 9, 9, answer);
		ck_assert_str_eq(answer, HELLO);
	}
}
END_TEST

START_TEST(large_upload_is_counted)
{
	static const char head[] = UPLOAD CLOSE LEN(8388608) "\r\n";
	static char zeros[65536];
	char answer[ANSWER_MAX];
	int fd = dial(server.port);

	ck_assert(say(fd, head, sizeof head - 1));
	for (int i = 0; i < BIG / (int)sizeof zeros; i++)
		ck_assert(say(fd, zeros, sizeof zeros));
	hear(fd, answer, sizeof answer);
	close(fd);
	ck_assert_ptr_nonnull(strstr(answer, "crc32 1ad2bc45\nsize 8388608\n"));
}
END_TEST

static void
hear_timeout(int fd)
{
	char answer[ANSWER_MAX];

	hear(fd, answer, sizeof answer);
	close(fd);
	ck_assert_int_eq(strncmp(answer, "HTTP/1.1 408 ", 13), 0);
	ck_assert_ptr_nonnull(strstr(answer, CLOSE));
}

/* It takes a millisecond. */
static void
say_half_and_hear_timeout(const struct program *impatient)
{
	int fd = dial(impatient->port);

	say_text(fd, "GET /");
	hear_timeout(fd);
}

/* With its own server, whose deadline nobody else meets. */
START_TEST(head_that_never_ends_is_408)
{
	char *argv[] = {HTTP_SERVER, "-p", "0", "-r", root, "-t", "1", NULL};
	struct program impatient = program_serve(argv);

	say_half_and_hear_timeout(&impatient);
	ck_assert_int_eq(program_stop(&impatient), 0);
}
END_TEST

/* Two bytes may take five milliseconds. */
START_TEST(body_that_drips_is_408)
{
	char *argv[] = {HTTP_SERVER, "-p", "0", "-r", root, "-t", "1", NULL};
	struct program impatient = program_serve(argv);
	int fd = dial(impatient.port);

	say_text(fd, UPLOAD LEN(999) "Expect: 100-continue\r\n\r\n1");
	hear_exactly(fd, "HTTP/1.1 100 Continue\r\n\r\n");
	for (int ms = 0; ms < 10; ms++)
		say_half_and_hear_timeout(&impatient);
	say_text(fd, "2");
	hear_timeout(fd);
	ck_assert_int_eq(program_stop(&impatient), 0);
}
END_TEST

START_TEST(trailers_that_drip_are_408)
{
	char *argv[] = {HTTP_SERVER, "-p", "0", "-r", root, "-t", "1", NULL};
	struct program impatient = program_serve(argv);
	int fd = dial(impatient.port);

	say_text(fd, UPLOAD CHUNKED "Expect: 100-continue\r\n\r\n0\r\n");
	hear_exactly(fd, "HTTP/1.1 100 Continue\r\n\r\n");
	for (int ms = 0; ms < 10; ms++)
		say_half_and_hear_timeout(&impatient);
	say_text(fd, "a: b\r\n\r\n");
	hear_timeout(fd);
	ck_assert_int_eq(program_stop(&impatient), 0);
}
END_TEST

START_TEST(server_stops_cleanly_in_the_middle_of_everything)
{
	char *argv[] = {HTTP_SERVER, "-p", "0", "-r", root, NULL};
	static const char *const requests[] = {"GET /big" HOST "\r\n",
	    "GET /chunked?n=8388608" HOST "\r\n", UPLOAD LEN(99) "\r\n", "GET"};
	struct program own = program_serve(argv);
	char answer[16];
	int fds[4], last = -1;

	for (int i = 0; i < COUNT(fds); i++) {
		fds[i] = dial(own.port);
		say_text(fds[i], requests[i]);
	}
	last =
	    dial(own.port); /* what it has answered, it has read the others */
	say_text(last, "GET /hello.txt" HOST "\r\n");
	ck_assert_int_gt(recv(last, answer, sizeof answer, 0), 0);
	ck_assert_int_eq(program_stop(&own), 0);
	for (int i = 0; i < COUNT(fds); i++)
		close(fds[i]);
	close(last);
}
END_TEST

START_TEST(bad_arguments_are_refused)
{
	char *const bad[][4] = {{HTTP_SERVER, "-p", "65536", NULL},
	    {HTTP_SERVER, "-p", "x", NULL}, {HTTP_SERVER, "-a", "all", NULL},
	    {HTTP_SERVER, "more", NULL, NULL}, {HTTP_SERVER, "-z", NULL, NULL}};
	struct program_end end;

	for (int i = 0; i < COUNT(bad); i++) {
		struct program p =
		    program_start(bad[i], PROGRAM_PIPE, PROGRAM_PIPE);

		program_finish(&p, &end);
		ck_assert_int_eq(end.status, 2);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("http_server");
	TCase *http = suite_group(s, "http_server");
	/* A millisecond must do for a head, which is little where each byte has
	 * a call of its own. */
	TCase *impatient = suite_exact_group(s, "impatient", "turns");

	tcase_add_unchecked_fixture(http, start_server, stop_server);
	tcase_add_unchecked_fixture(impatient, start_server, stop_server);
	tcase_add_loop_test(http, request_is_answered, 0, COUNT(exchanges));
	tcase_add_loop_test(
	    http, request_byte_by_byte_is_answered, 0, COUNT(exchanges));
	tcase_add_loop_test(
	    http, request_cut_anywhere_is_answered, 0, COUNT(exchanges));
	tcase_add_test(http, head_of_exactly_the_limit_is_answered);
	tcase_add_loop_test(
	    http, half_closed_client_gets_its_whole_answer, 0, 3);
	tcase_add_test(http, pipelined_large_answers_come_whole);
	tcase_add_test(http, client_that_resets_harms_nobody_else);
	tcase_add_test(http, large_upload_is_counted);
	tcase_add_test(http, head_that_never_ends_is_408);
	tcase_add_test(impatient, body_that_drips_is_408);
	tcase_add_test(impatient, trailers_that_drip_are_408);
	tcase_add_test(http, server_stops_cleanly_in_the_middle_of_everything);
	tcase_add_test(http, bad_arguments_are_refused);
	return suite_run(s);
}
