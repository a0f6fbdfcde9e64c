/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sample clients as their users meet them: what they ask a server, which
 * is a sample or this test, what they print, and how they end.  HTTP_CLIENT,
 * LINE_RELAY, HTTP_SERVER and ECHO_THREADS are the paths of the programs.
 *
 * Names are looked up by nobody here: addresses are numbers, and the one name
 * there is cannot be written in a question to a name server.
 */
#include "support/file.h"
#include "support/program.h"
#include "support/suite.h"
#include "support/target.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))
#define URL_MAX 512
#define BIG (5 << 20)

/* A label of a name has 63 letters at most. */
#define NO_NAME                                                             \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa." \
	"test"

static struct program_end end;

/* --- The server that this test is. --- */

static struct target host;

static void
open_host(void)
{
	target_open(&host, TARGET_IPV4, ANSWERS);
}

static void
close_host(void)
{
	target_close(&host);
}

static int
take_client(void)
{
	int fd = target_accept(&host);

	ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0); /* blocks again */
	return fd;
}

/* --- Files, made and removed. --- */

static char *
make_bytes(size_t len)
{
	char *bytes = malloc(len + 1);

	ck_assert_ptr_nonnull(bytes);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)((i * 7 + i / 251) % 256);
	bytes[len] = '\0';
	return bytes;
}

/* Next comes exactly this, and then the end. */
static void
hear_all(int fd, const char *bytes, size_t len)
{
	char *heard = malloc(len + 1);

	ck_assert_ptr_nonnull(heard);
	ck_assert_uint_eq(hear_bytes(fd, heard, len + 1), len);
	ck_assert_mem_eq(heard, bytes, len);
	free(heard);
}

/* --- http_client. --- */

static struct program
start_get_to(const char *url, int out)
{
	char text[URL_MAX];
	char *argv[] = {HTTP_CLIENT, text, NULL};

	(void)snprintf(text, sizeof text, "%s", url);
	return program_start(argv, PROGRAM_PIPE, out);
}

static void
get(const char *url)
{
	struct program p = start_get_to(url, PROGRAM_PIPE);

	program_finish(&p, &end);
}

static void
check_end(int status, const char *said, const char *err)
{
	ck_assert_str_eq(end.said, said);
	ck_assert_str_eq(end.err, err);
	ck_assert_int_eq(end.status, status);
}

/* The client asks us for this, and is to ask exactly that; the descriptor on
 * which it waits. */
static int
be_asked(struct program *p, const char *path, const char *target)
{
	char text[URL_MAX];
	int fd;

	(void)snprintf(text, sizeof text, "http://%s%s", host.text, path);
	*p = start_get_to(text, PROGRAM_PIPE);
	fd = take_client();
	(void)snprintf(text, sizeof text,
	    "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", target,
	    host.text);
	hear_exactly(fd, text);
	return fd;
}

/* Answer in pieces of `step` bytes after one of `cut`, and hang up. */
static void
answer(const char *bytes, size_t len, size_t cut, size_t step)
{
	struct program p;
	int fd = be_asked(&p, "/", "/");

	/* A client that has heard enough is gone already. */
	(void)say_in_pieces(fd, bytes, len, cut, step);
	(void)shutdown(fd, SHUT_WR);
	program_finish(&p, &end);
	close(fd);
}

#define OK "HTTP/1.1 200 OK\r\n"
#define LEN(n) "Content-Length: " #n "\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"
#define WRONG(why) "http_client: no whole answer: " why "\n"
#define STATUS(n) "http_client: status " #n "\n"

/* Answers that are whole: the body, and what is said of the status. */
static const struct {
	const char *answer;
	const char *body;
	const char *err;
} whole[] = {
    {OK LEN(5) "\r\nhello", "hello", ""},
    {OK LEN(5) "\r\nhello, and more", "hello", ""},
    {OK LEN(0) "\r\n", "", ""},
    {OK "content-length:\t 5 \r\nA: b\r\n\r\nhello", "hello", ""},
    {OK "Content-Length:00005\r\n\r\nhello", "hello", ""},
    {OK "\r\nuntil the end\r\n\r\n", "until the end\r\n\r\n", ""},
    {OK "\r\n", "", ""},
    {"HTTP/1.0 200\r\n\r\nold", "old", ""},
    {"HTTP/1.1 200 \r\n" LEN(3) "\r\nabc", "abc", ""},
    {OK CHUNKED "\r\n5\r\nhello\r\n0\r\n\r\n", "hello", ""},
    {OK CHUNKED "\r\n0\r\n\r\n", "", ""},
    {OK "TRANSFER-ENCODING:Chunked\r\n\r\nA\r\n0123456789\r\nb \r\n"
	"0123456789a\r\n00\r\n\r\n",
	"01234567890123456789a", ""},
    {OK CHUNKED "\r\n3;a=\"b\";c\r\nabc\r\n0004 ; x\r\nd\r\nf\r\n000;y\r\n"
		"Trailer: 1\r\nContent-Length: 9\r\n\r\n",
	"abcd\r\nf", ""},
    {OK LEN(2) CHUNKED "\r\n3\r\nabc\r\n0\r\n\r\n", "abc", ""},
    {"HTTP/1.1 100 Continue\r\n\r\n" OK LEN(3) "\r\nabc", "abc", ""},
    {"HTTP/1.1 100 Continue\r\n" LEN(9) "\r\nHTTP/1.1 103 Early Hints\r\n"
					"Link: </a>\r\n\r\n" OK LEN(
					    3) "\r\nabc",
	"abc", ""},
    {"HTTP/1.1 204 No Content\r\n\r\n", "", ""},
    {"HTTP/1.1 206 Partial Content\r\n" LEN(3) "\r\nabc", "abc", ""},
    {"HTTP/1.1 301 Moved\r\nLocation: /\r\n" LEN(3) "\r\nabc", "abc",
	STATUS(301)},
    {"HTTP/1.1 304 Not Modified\r\n" LEN(5) "\r\n", "", STATUS(304)},
    {"HTTP/1.1 404 Not Found\r\n" LEN(3) "\r\nno\n", "no\n", STATUS(404)},
    {"HTTP/1.1 500 Oh\r\n" CHUNKED "\r\n2\r\noh\r\n0\r\n\r\n", "oh",
	STATUS(500)},
};

static void
check_whole(int i)
{
	check_end(*whole[i].err ? 1 : 0, whole[i].body, whole[i].err);
}

START_TEST(body_is_printed)
{
	size_t len = strlen(whole[_i].answer);

	answer(whole[_i].answer, len, len, len);
	check_whole(_i);
}
END_TEST

START_TEST(body_that_comes_byte_by_byte_is_printed)
{
	answer(whole[_i].answer, strlen(whole[_i].answer), 1, 1);
	check_whole(_i);
}
END_TEST

START_TEST(answer_cut_anywhere_is_whole)
{
	static const char text[] =
	    "HTTP/1.1 100 Continue\r\n\r\n" OK CHUNKED
	    "\r\n3;a\r\nabc\r\n0b\r\n0123456789a\r\n0\r\nT: 1\r\n\r\n";

	for (size_t cut = 1; cut < sizeof text - 1; cut++) {
		answer(text, sizeof text - 1, cut, sizeof text);
		check_end(0, "abc0123456789a", "");
	}
}
END_TEST

START_TEST(answer_that_ends_anywhere_is_not_whole)
{
	static const char text[] =
	    OK CHUNKED "\r\n3;a\r\nabc\r\n5\r\ndefgh\r\n0\r\nT: 1\r\n\r\n";

	for (size_t len = 0; len < sizeof text - 1; len++) {
		answer(text, len, len, len);
		ck_assert_int_eq(end.status, 1);
		ck_assert_str_ne(end.err, "");
		ck_assert_int_eq(
		    strncmp("abcdefgh", end.said, strlen(end.said)), 0);
	}
}
END_TEST

START_TEST(body_of_every_byte_is_printed)
{
	char *bytes = make_bytes(1024);
	struct program p;
	int fd = be_asked(&p, "/", "/");

	say_text(fd, OK LEN(1024) "\r\n");
	ck_assert(say(fd, bytes, 1024));
	program_finish(&p, &end);
	ck_assert_int_eq(end.status, 0);
	ck_assert_uint_eq(end.len, 1024);
	ck_assert_mem_eq(end.said, bytes, 1024);
	close(fd);
	free(bytes);
}
END_TEST

/* Nothing more is awaited; the connection stays open until we close it. */
START_TEST(whole_body_needs_no_end_of_the_connection)
{
	struct program p;
	int fd = be_asked(&p, "/", "/");

	say_text(fd, OK LEN(5) "\r\nhello");
	program_finish(&p, &end);
	check_end(0, "hello", "");
	close(fd);
}
END_TEST

/* Answers that are none, what of the body is printed, and what is said. */
static const struct {
	const char *answer;
	const char *body;
	const char *why;
} wrong[] = {
#define BAD_LENGTH "a Content-Length that is none"
#define BAD_SIZE "a chunk size that is none"
#define BAD_CODING "a transfer coding that is not known"
#define NO_HTTP "that is not HTTP/1"
#define GONE "the peer closed"
    {OK LEN(5) "\r\nhel", "hel", GONE},
    {OK LEN(5) "\r\n", "", GONE},
    {OK LEN(9223372036854775807) "\r\nabc", "abc", GONE},
    {OK LEN(9223372036854775808) "\r\nabc", "", BAD_LENGTH},
    {OK LEN(18446744073709551616) "\r\nabc", "", BAD_LENGTH},
    {OK LEN(18446744073709551619) "\r\nabc", "", BAD_LENGTH},
    {OK LEN(99999999999999999999999999999999) "\r\nabc", "", BAD_LENGTH},
    {OK LEN(-3) "\r\nabc", "", BAD_LENGTH},
    {OK LEN(+3) "\r\nabc", "", BAD_LENGTH},
    {OK LEN(0x3) "\r\nabc", "", BAD_LENGTH},
    {OK LEN(3.0) "\r\nabc", "", BAD_LENGTH},
    {OK LEN(abc) "\r\nabc", "", BAD_LENGTH},
    {OK LEN() "\r\nabc", "", BAD_LENGTH},
    {OK "Content-Length: 3, 3\r\n\r\nabc", "", BAD_LENGTH},
    {OK LEN(3) LEN(3) "\r\nabc", "", BAD_LENGTH},
    {OK LEN(3) LEN(4) "\r\nabc", "", BAD_LENGTH},
    {OK CHUNKED "\r\n8000000000000000\r\nabc", "", BAD_SIZE},
    {OK CHUNKED "\r\n7fffffffffffffff\r\nabc", "abc", GONE},
    {OK CHUNKED "\r\nffffffffffffffff\r\nabc", "", BAD_SIZE},
    {OK CHUNKED "\r\n10000000000000003\r\nabc", "", BAD_SIZE},
    {OK CHUNKED "\r\n-3\r\nabc\r\n0\r\n\r\n", "", BAD_SIZE},
    {OK CHUNKED "\r\n+3\r\nabc\r\n0\r\n\r\n", "", BAD_SIZE},
    {OK CHUNKED "\r\n0x3\r\nabc\r\n0\r\n\r\n", "", BAD_SIZE},
    {OK CHUNKED "\r\n 3\r\nabc\r\n0\r\n\r\n", "", BAD_SIZE},
    {OK CHUNKED "\r\n3g\r\nabc\r\n0\r\n\r\n", "", BAD_SIZE},
    {OK CHUNKED "\r\n\r\nabc\r\n0\r\n\r\n", "", BAD_SIZE},
    {OK CHUNKED "\r\n;a\r\nabc\r\n0\r\n\r\n", "", BAD_SIZE},
    {OK CHUNKED "\r\nhello, and so on\r\n", "", BAD_SIZE},
    {OK CHUNKED "\r\n3\r\nabcd\r\n0\r\n\r\n", "abc",
	"a chunk that is longer than its size"},
    {OK CHUNKED CHUNKED "\r\n0\r\n\r\n", "", BAD_CODING},
    {OK "Transfer-Encoding: gzip\r\n\r\nabc", "", BAD_CODING},
    {OK "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "", BAD_CODING},
    {OK "Transfer-Encoding: chunkedly\r\n\r\n0\r\n\r\n", "", BAD_CODING},
    {"HTTP/1.1 101 Switching\r\n\r\nabc", "",
	"the server changed the protocol"},
    {"HTTP/1.1 100 Continue\r\n\r\n", "", GONE},
    {"SSH-2.0-server\r\n\r\n", "", NO_HTTP},
    {"HTTP/2 200\r\n\r\n", "", NO_HTTP},
    {"HTTP/1.1 20\r\n\r\n", "", NO_HTTP},
    {"HTTP/1.1 2000 OK\r\n\r\n", "", NO_HTTP},
    {"HTTP/1.1 -20 OK\r\n\r\n", "", NO_HTTP},
    {"HTTP/1.1 099 OK\r\n\r\n", "", NO_HTTP},
    {"HTTP/1.1  200 OK\r\n\r\n", "", NO_HTTP},
    {"HTTP/1.1200 OK\r\n\r\n", "", NO_HTTP},
    {"http/1.1 200 OK\r\n\r\n", "", NO_HTTP},
    {"\r\n\r\n", "", NO_HTTP},
    {"", "", GONE},
};

START_TEST(hostile_answer_is_told)
{
	size_t len = strlen(wrong[_i].answer);
	char err[256];

	answer(wrong[_i].answer, len, len, len);
	ck_assert_str_eq(end.said, wrong[_i].body);
	ck_assert_int_eq(end.status, 1);
	(void)snprintf(err, sizeof err, WRONG("%s"), wrong[_i].why);
	ck_assert_msg(strncmp(end.err, err, strlen(err)) == 0, "%s and not %s",
	    end.err, err);
}
END_TEST

START_TEST(nul_in_a_head_or_a_size_is_told)
{
	static const char head[] = OK "A: \0" LEN(3) "\r\nabc";
	static const char size[] = OK CHUNKED "\r\n3\0\r\nabc\r\n0\r\n\r\n";

	answer(head, sizeof head - 1, sizeof head, 1);
	check_end(1, "", WRONG("a NUL where text belongs"));
	answer(size, sizeof size - 1, sizeof size, 1);
	check_end(1, "", WRONG("a NUL where text belongs"));
}
END_TEST

/* So long a head, a size or a trailer is not kept. */
START_TEST(line_that_does_not_end_is_told)
{
	static const char *const before[] = {
	    OK "A: ", OK CHUNKED "\r\n3;", OK CHUNKED "\r\n0\r\nA: "};
	const size_t len = 70000, at = strlen(before[_i]);
	char *bytes = malloc(len);

	ck_assert_ptr_nonnull(bytes);
	memset(bytes, 'a', len);
	memcpy(bytes, before[_i], at);
	answer(bytes, len, len, len);
	ck_assert_int_eq(end.status, 1);
	ck_assert_str_eq(end.said, "");
	free(bytes);
}
END_TEST

START_TEST(server_that_resets_is_told)
{
	struct program p;
	int fd = be_asked(&p, "/", "/");

	say_text(fd, OK LEN(9) "\r\nabc");
	hang_up_hard(fd);
	program_finish(&p, &end);
	ck_assert_int_eq(end.status, 1);
	ck_assert_str_ne(end.err, "");
}
END_TEST

/* What stands behind the host, and what is asked for. */
static const struct {
	const char *path;
	const char *target;
} targets[] = {
    {"/", "/"},
    {"/a/b.c?d=e&f", "/a/b.c?d=e&f"},
    {"?q", "/?q"},
    {"/a#b?c", "/a"},
    {"#b", "/"},
    {"", "/"},
    {"/http://x@y:z/", "/http://x@y:z/"},
    {"/%00%20", "/%00%20"},
};

START_TEST(target_is_asked_for)
{
	struct program p;
	int fd = be_asked(&p, targets[_i].path, targets[_i].target);

	say_text(fd, OK "\r\nbody");
	close(fd);
	program_finish(&p, &end);
	check_end(0, "body", "");
}
END_TEST

START_TEST(ipv6_address_is_dialled)
{
	struct program p;
	int fd;

	if (!target_exists(TARGET_IPV6))
		return;
	target_close(&host);
	target_open(&host, TARGET_IPV6, ANSWERS);
	fd = be_asked(&p, "/six", "/six");
	say_text(fd, OK "\r\nbody");
	close(fd);
	program_finish(&p, &end);
	check_end(0, "body", "");
}
END_TEST

START_TEST(refused_connection_is_told)
{
	struct target closed;
	char url[URL_MAX];

	target_open(&closed, TARGET_IPV4, REFUSES);
	(void)snprintf(url, sizeof url, "http://%s/", closed.text);
	get(url);
	check_end(1, "", WRONG("Connection refused"));
	target_close(&closed);
}
END_TEST

/* Which words there are for it depends on whether there are name servers, which
 * are not asked. */
START_TEST(name_that_cannot_be_looked_up_is_told)
{
	static const char begin[] = WRONG("");

	get("http://" NO_NAME ":80/");
	ck_assert_int_eq(end.status, 1);
	ck_assert_str_eq(end.said, "");
	ck_assert_int_eq(strncmp(end.err, begin, sizeof begin - 2), 0);
	ck_assert_uint_gt(strlen(end.err), sizeof begin);
}
END_TEST

static const char *const no_addresses[] = {"http://127.0.0.1:65536/",
    "http://127.0.0.1:/", "http://127.0.0.1:http/", "http://127.0.0.256/",
    "http://[::1/", "http://::1/", "http://[]:80/", "http://a_b,c/"};

START_TEST(what_is_no_address_is_told)
{
	get(no_addresses[_i]);
	check_end(1, "", WRONG("Invalid argument"));
}
END_TEST

START_TEST(socket_file_is_no_host)
{
	get("http://unix:.x/");
	check_end(1, "", WRONG("no host is called unix"));
}
END_TEST

START_TEST(body_that_cannot_be_written_is_told)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC), fd;
	char url[URL_MAX];
	struct program p;

	ck_assert_int_ge(full, 0);
	(void)snprintf(url, sizeof url, "http://%s/", host.text);
	p = start_get_to(url, full);
	fd = take_client();
	say_text(fd, OK LEN(5) "\r\nhello");
	program_finish(&p, &end);
	check_end(1, "", WRONG("No space left on device"));
	close(fd);
	close(full);
}
END_TEST

START_TEST(body_that_nobody_reads_is_told)
{
	struct program p;
	int fd = be_asked(&p, "/", "/");

	close(p.out);
	p.out = -1;
	say_text(fd, OK LEN(5) "\r\nhello");
	program_finish(&p, &end);
	check_end(1, "", WRONG("Broken pipe"));
	close(fd);
}
END_TEST

static char *const http_usages[][4] = {{HTTP_CLIENT},
    {HTTP_CLIENT, "http://127.0.0.1/", "more"}, {HTTP_CLIENT, ""},
    {HTTP_CLIENT, "127.0.0.1"}, {HTTP_CLIENT, "https://127.0.0.1/"},
    {HTTP_CLIENT, "http://"}, {HTTP_CLIENT, "http:///a"},
    {HTTP_CLIENT, "http://user@127.0.0.1/"},
    {HTTP_CLIENT, "http://127.0.0.1/a b"},
    {HTTP_CLIENT, "http://127.0.0.1/\r\nX: y"},
    {HTTP_CLIENT, "http://127.0.0.1\n/"}, {HTTP_CLIENT, "http://a/\177"},
    {HTTP_CLIENT, "http://a/\303\244"}};

static void
check_usage(char *const argv[])
{
	struct program p = program_start(argv, PROGRAM_PIPE, PROGRAM_PIPE);

	program_finish(&p, &end);
	ck_assert_int_eq(end.status, 2);
	ck_assert_str_eq(end.said, "");
	ck_assert_int_eq(strncmp(end.err, "usage: ", 7), 0);
}

START_TEST(http_client_refuses_bad_arguments)
{
	check_usage(http_usages[_i]);
}
END_TEST

START_TEST(host_that_is_too_long_is_refused)
{
	char url[URL_MAX] = "http://";
	char *argv[] = {HTTP_CLIENT, url, NULL};

	memset(url + 7, 'a', 257);
	strcpy(url + 7 + 257, "/");
	check_usage(argv);
}
END_TEST

/* --- http_client and http_server. --- */

static void
get_from(const struct program *server, const char *path)
{
	char url[URL_MAX];

	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u/%s",
	    (unsigned)server->port, path);
	get(url);
}

START_TEST(clients_get_what_the_sample_server_has)
{
	char root[] = P_tmpdir "/evchat-clients-XXXXXX";
	char *argv[] = {HTTP_SERVER, "-p", "0", "-r", root, NULL};
	char path[sizeof root + 5];
	struct program server;
	FILE *file;

	ck_assert_ptr_nonnull(mkdtemp(root));
	(void)snprintf(path, sizeof path, "%s/file", root);
	file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs("some text\n", file), 0);
	ck_assert_int_eq(fclose(file), 0);
	server = program_serve(argv);
	get_from(&server, "file");
	check_end(0, "some text\n", "");
	get_from(&server, "chunked?n=0");
	check_end(0, "", "");
	get_from(&server, "chunked?n=20");
	check_end(0, "....................", "");
	get_from(&server, "chunked?n=65000");
	check_end(0, end.said, "");
	ck_assert_uint_eq(end.len, 65000);
	get_from(&server, "none");
	check_end(1, "404 Not Found\n", STATUS(404));
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rmdir(root), 0);
	ck_assert_int_eq(program_stop(&server), 0);
}
END_TEST

/* As a producer makes it, over the size of every buffer. */
START_TEST(large_body_comes_whole)
{
	char *argv[] = {HTTP_SERVER, "-p", "0", NULL};
	struct program server = program_serve(argv), p;
	char *dots = malloc(BIG), url[URL_MAX];

	ck_assert_ptr_nonnull(dots);
	memset(dots, '.', BIG);
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u/chunked?n=%d",
	    (unsigned)server.port, BIG);
	p = start_get_to(url, PROGRAM_PIPE);
	hear_all(p.out, dots, BIG);
	program_finish(&p, &end);
	check_end(0, "", "");
	ck_assert_int_eq(program_stop(&server), 0);
	free(dots);
}
END_TEST

/* --- line_relay. --- */

static struct program
start_relay(const char *address, int in, int out)
{
	char text[128];
	char *argv[] = {LINE_RELAY, text, NULL};

	(void)snprintf(text, sizeof text, "%s", address);
	return program_start(argv, in, out);
}

/* Everything that there is in a file's place of one kind or the other. */
static void
relay_and_compare(
    const char *address, const char *bytes, size_t len, bool from, bool to)
{
	int in = from ? nameless_file(bytes, len) : PROGRAM_PIPE;
	int out = to ? nameless_file("", 0) : PROGRAM_PIPE;
	struct program p = start_relay(address, in, out);
	pid_t speaker = 0;

	if (!from) {
		speaker = say_apart(p.in, bytes, len);
		program_end_input(&p);
	}
	if (!to)
		hear_all(p.out, bytes, len);
	program_finish(&p, &end);
	check_end(0, "", "");
	if (to && lseek(out, 0, SEEK_SET) == 0)
		hear_all(out, bytes, len);
	if (!from)
		await_said(speaker);
	close(in);
	close(out);
}

static char *
make_lines(size_t len)
{
	char *bytes = make_bytes(len);

	/* An echo server ends its lines with LF whatever ended them. */
	for (size_t i = 0; i < len; i++)
		if (bytes[i] == '\r' || i % 1000 == 999)
			bytes[i] = '\n';
	bytes[len - 1] = '\n';
	return bytes;
}

START_TEST(lines_go_there_and_back)
{
	char *argv[] = {ECHO_THREADS, "127.0.0.1:0", "1", NULL};
	const bool from = _i & 1, to = _i & 2;
	struct program echo = program_serve(argv);
	char address[32];
	char *bytes = make_lines(BIG);

	(void)snprintf(
	    address, sizeof address, "127.0.0.1:%u", (unsigned)echo.port);
	relay_and_compare(address, "one\n\ntwo\n", 9, from, to);
	relay_and_compare(address, "\n", 1, from, to);
	relay_and_compare(address, "", 0, from, to);
	relay_and_compare(address, bytes, BIG, from, to);
	ck_assert_int_eq(program_stop(&echo), 0);
	free(bytes);
}
END_TEST

START_TEST(end_of_stdin_half_closes)
{
	struct program p = start_relay(host.text, PROGRAM_PIPE, PROGRAM_PIPE);
	int fd = take_client();
	char more;

	say_text(p.in, "one\r\ntwo");
	program_end_input(&p);
	hear_exactly(fd, "one\r\ntwo");
	ck_assert_uint_eq(hear_bytes(fd, &more, 1), 0);
	say_text(fd, "late\nanswer");
	hear_exactly(p.out, "late\n");
	close(fd);
	program_finish(&p, &end);
	check_end(0, "answer", "");
}
END_TEST

START_TEST(lines_are_passed_on_at_once)
{
	struct program p = start_relay(host.text, PROGRAM_PIPE, PROGRAM_PIPE);
	int fd = take_client();

	for (int i = 0; i < 3; i++) {
		say_text(p.in, "question\n");
		hear_exactly(fd, "question\n");
		say_text(fd, "answer\r\n");
		hear_exactly(p.out, "answer\r\n");
	}
	program_end_input(&p);
	close(fd);
	program_finish(&p, &end);
	check_end(0, "", "");
}
END_TEST

/* A file is not taken apart into lines. */
START_TEST(line_of_any_length_goes_from_a_file)
{
	char *bytes = make_bytes(BIG);
	struct program p;
	int fd, in;

	for (size_t i = 0; i < BIG; i++)
		if (bytes[i] == '\n')
			bytes[i] = '\0';
	in = nameless_file(bytes, BIG);
	p = start_relay(host.text, in, PROGRAM_PIPE);
	fd = take_client();
	hear_all(fd, bytes, BIG);
	close(fd);
	program_finish(&p, &end);
	check_end(0, "", "");
	close(in);
	free(bytes);
}
END_TEST

START_TEST(longest_line_goes_from_a_pipe)
{
	const size_t len = (1 << 20) + 1;
	char *bytes = malloc(len);
	struct program p = start_relay(host.text, PROGRAM_PIPE, PROGRAM_PIPE);
	int fd = take_client();
	pid_t speaker;

	ck_assert_ptr_nonnull(bytes);
	memset(bytes, 'a', len);
	bytes[len - 1] = '\n';
	speaker = say_apart(p.in, bytes, len);
	program_end_input(&p);
	hear_all(fd, bytes, len);
	close(fd);
	program_finish(&p, &end);
	check_end(0, "", "");
	await_said(speaker);
	free(bytes);
}
END_TEST

/* From stdin, or from the server. */
START_TEST(overlong_line_ends_it)
{
	const size_t len = (1 << 20) + 1;
	char *bytes = malloc(len);
	struct program p = start_relay(host.text, PROGRAM_PIPE, PROGRAM_PIPE);
	int fd = take_client();

	ck_assert_ptr_nonnull(bytes);
	memset(bytes, 'a', len);
	if (_i) {
		ck_assert(say(p.in, bytes, len));
		program_end_input(&p);
	} else {
		(void)say(fd, bytes, len);
	}
	program_finish(&p, &end);
	ck_assert_int_eq(end.status, 1);
	ck_assert_str_eq(end.said, "");
	ck_assert_ptr_nonnull(strstr(end.err, "line_relay: "));
	close(fd);
	free(bytes);
}
END_TEST

/* With more to send than any kernel keeps. */
START_TEST(server_that_goes_away_early_is_told)
{
	char *bytes = make_lines(4 * BIG);
	int in = nameless_file(bytes, 4 * BIG), fd;
	struct program p = start_relay(host.text, in, PROGRAM_PIPE);
	char first;

	fd = take_client();
	ck_assert_uint_eq(hear_bytes(fd, &first, 1), 1);
	close(fd);
	program_finish(&p, &end);
	ck_assert_int_eq(end.status, 1);
	ck_assert_str_ne(end.err, "");
	close(in);
	free(bytes);
}
END_TEST

START_TEST(server_that_resets_while_stdin_is_open_is_told)
{
	struct program p = start_relay(host.text, PROGRAM_PIPE, PROGRAM_PIPE);
	int fd = take_client();
	char more;

	say_text(p.in, "one\n");
	hear_exactly(fd, "one\n");
	hang_up_hard(fd);
	ck_assert_uint_eq(hear_bytes(p.out, &more, 1), 0);
	program_finish(&p, &end);
	check_end(1, "", "line_relay: the server: Connection reset by peer\n");
}
END_TEST

/* All that it was given went through. */
START_TEST(server_that_ends_before_stdin_does_ends_it)
{
	struct program p = start_relay(host.text, PROGRAM_PIPE, PROGRAM_PIPE);
	int fd = take_client();
	char said[8];

	say_text(fd, "bye");
	close(fd);
	ck_assert_uint_eq(hear(p.out, said, sizeof said), 3);
	program_finish(&p, &end);
	ck_assert_str_eq(said, "bye");
	check_end(0, "", "");
}
END_TEST

START_TEST(stdout_that_nobody_reads_is_told)
{
	struct program p = start_relay(host.text, PROGRAM_PIPE, PROGRAM_PIPE);
	int fd = take_client();

	close(p.out);
	p.out = -1;
	(void)say(fd, "one\n", 4);
	program_finish(&p, &end);
	ck_assert_int_eq(end.status, 1);
	ck_assert_int_eq(strncmp(end.err, "line_relay: stdout: ", 20), 0);
	close(fd);
}
END_TEST

START_TEST(full_stdout_is_told)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC), fd;
	struct program p = start_relay(host.text, PROGRAM_PIPE, full);

	ck_assert_int_ge(full, 0);
	fd = take_client();
	say_text(fd, "one\n");
	close(fd);
	program_finish(&p, &end);
	ck_assert_int_eq(end.status, 1);
	ck_assert_str_ne(end.err, "");
	close(full);
}
END_TEST

/* The shell that shares a descriptor would find it so. */
START_TEST(descriptors_block_again_afterwards)
{
	int ends[2], fd;
	struct program p;

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	p = start_relay(host.text, ends[1], ends[1]);
	fd = take_client();
	say_text(ends[0], "one\n");
	hear_exactly(fd, "one\n");
	ck_assert(fcntl(ends[1], F_GETFL) & O_NONBLOCK);
	ck_assert_int_eq(shutdown(ends[0], SHUT_WR), 0);
	close(fd);
	program_finish(&p, &end);
	check_end(0, "", "");
	ck_assert(!(fcntl(ends[1], F_GETFL) & O_NONBLOCK));
	close(ends[0]);
	close(ends[1]);
}
END_TEST

static void
check_relay_fails(const char *address, const char *err)
{
	struct program p = start_relay(address, PROGRAM_PIPE, PROGRAM_PIPE);

	program_finish(&p, &end);
	ck_assert_int_eq(end.status, 1);
	ck_assert_str_eq(end.said, "");
	ck_assert_int_eq(strncmp(end.err, err, strlen(err)), 0);
}

START_TEST(relay_tells_of_a_refused_connection)
{
	struct target closed;
	struct program p;

	target_open(&closed, TARGET_IPV4, REFUSES);
	p = start_relay(closed.text, PROGRAM_PIPE, PROGRAM_PIPE);
	ck_assert_uint_eq(hear(p.out, end.said, sizeof end.said), 0);
	program_finish(&p, &end);
	check_end(1, "", "line_relay: the server: Connection refused\n");
	target_close(&closed);
}
END_TEST

START_TEST(relay_tells_of_a_bad_address)
{
	check_relay_fails(
	    "127.0.0.1", "line_relay: 127.0.0.1: Invalid argument\n");
	check_relay_fails("", "line_relay: : Invalid argument\n");
	check_relay_fails(NO_NAME ":80", "line_relay: ");
}
END_TEST

static char *const relay_usages[][4] = {
    {LINE_RELAY}, {LINE_RELAY, "127.0.0.1:80", "more"}};

START_TEST(line_relay_refuses_bad_arguments)
{
	check_usage(relay_usages[_i]);
}
END_TEST

static void
add_http_client(TCase *http)
{
	tcase_add_loop_test(http, body_is_printed, 0, COUNT(whole));
	tcase_add_loop_test(
	    http, body_that_comes_byte_by_byte_is_printed, 0, COUNT(whole));
	tcase_add_test(http, answer_cut_anywhere_is_whole);
	tcase_add_test(http, answer_that_ends_anywhere_is_not_whole);
	tcase_add_test(http, body_of_every_byte_is_printed);
	tcase_add_test(http, whole_body_needs_no_end_of_the_connection);
	tcase_add_loop_test(http, hostile_answer_is_told, 0, COUNT(wrong));
	tcase_add_test(http, nul_in_a_head_or_a_size_is_told);
	tcase_add_loop_test(http, line_that_does_not_end_is_told, 0, 3);
	tcase_add_test(http, server_that_resets_is_told);
	tcase_add_loop_test(http, target_is_asked_for, 0, COUNT(targets));
	tcase_add_test(http, ipv6_address_is_dialled);
	tcase_add_test(http, refused_connection_is_told);
	tcase_add_test(http, name_that_cannot_be_looked_up_is_told);
	tcase_add_loop_test(
	    http, what_is_no_address_is_told, 0, COUNT(no_addresses));
	tcase_add_test(http, socket_file_is_no_host);
	tcase_add_test(http, body_that_cannot_be_written_is_told);
	tcase_add_test(http, body_that_nobody_reads_is_told);
	tcase_add_loop_test(
	    http, http_client_refuses_bad_arguments, 0, COUNT(http_usages));
	tcase_add_test(http, host_that_is_too_long_is_refused);
	tcase_add_test(http, clients_get_what_the_sample_server_has);
	tcase_add_test(http, large_body_comes_whole);
}

static void
add_line_relay(TCase *relay)
{
	tcase_add_loop_test(relay, lines_go_there_and_back, 0, 4);
	tcase_add_test(relay, end_of_stdin_half_closes);
	tcase_add_test(relay, lines_are_passed_on_at_once);
	tcase_add_test(relay, line_of_any_length_goes_from_a_file);
	tcase_add_test(relay, longest_line_goes_from_a_pipe);
	tcase_add_loop_test(relay, overlong_line_ends_it, 0, 2);
	tcase_add_test(relay, server_that_goes_away_early_is_told);
	tcase_add_test(relay, server_that_resets_while_stdin_is_open_is_told);
	tcase_add_test(relay, server_that_ends_before_stdin_does_ends_it);
	tcase_add_test(relay, stdout_that_nobody_reads_is_told);
	tcase_add_test(relay, full_stdout_is_told);
	tcase_add_test(relay, descriptors_block_again_afterwards);
	tcase_add_test(relay, relay_tells_of_a_refused_connection);
	tcase_add_test(relay, relay_tells_of_a_bad_address);
	tcase_add_loop_test(
	    relay, line_relay_refuses_bad_arguments, 0, COUNT(relay_usages));
}

int
main(void)
{
	Suite *s = suite_create("clients");
	TCase *http = suite_group(s, "http_client");
	TCase *relay = suite_group(s, "line_relay");

	tcase_add_checked_fixture(http, open_host, close_host);
	tcase_add_checked_fixture(relay, open_host, close_host);
	add_http_client(http);
	add_line_relay(relay);
	return suite_run(s);
}
