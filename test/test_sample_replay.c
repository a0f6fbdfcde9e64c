/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sample servers' own code in conversations that are cut, paused, closed,
 * dropped and short of memory at every place (support/replay.h).  Their tests
 * as programs are test_http_server, test_chat and test_echo.
 */
#include "support/chat_stage.h"
#include "support/echo_stage.h"
#include "support/http_words.h"
#include "support/scale.h"
#include "support/suite.h"
#include "support/tally.h"
#include "support/web_root.h"
#include <signal.h>
#include <string.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

enum { CONVERSATIONS, PLAYS, ALLOCATIONS };

/* A conversation, and what the peer gets. */
struct row {
	const char *name;
	const char *said;
	const char *answer;
};

static struct replay_conversation
conversation(const struct row *row)
{
	return (struct replay_conversation){
	    .name = row->name,
	    .said = row->said,
	    .len = strlen(row->said),
	    .answer = row->answer,
	    .answer_len = strlen(row->answer),
	    .most = test_scaled(3000),
	};
}

static void
expect_same(const struct replay_application *app,
    const struct replay_conversation *talk)
{
	struct replay_result result;
	int status = replay(app, talk, &result);

	ck_assert_msg(status == 0, "%d: %s", status, result.report);
	ck_assert_uint_gt(result.splits, 0);
	ck_assert_uint_gt(result.allocations, 10);
	tally_add(CONVERSATIONS, 1);
	tally_add(PLAYS, result.plays);
	tally_add(ALLOCATIONS, result.allocations);
}

/* --- HTTP. --- */

static const struct row requests[] = {
    {"GET", "GET /hello.txt" HOST "\r\n", HELLO},
    {"HEAD", "HEAD /hello.txt" HOST "\r\n", HELLO_HEAD("")},
    {"an empty line and an absolute target",
	"\r\nGET http://a/hello.txt" HOST "\r\n", HELLO},
    {"an index and a redirect", "GET /sub/" HOST "\r\nGET /sub" HOST "\r\n",
	HEAD("200 OK", "text/html", LEN(7)) "<p>sub\n" STATUS(
	    "301 Moved Permanently", 22, "Location: /sub/\r\n")},
    {"HTTP/1.0", "GET /hello.txt HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n",
	HELLO_HEAD(CLOSE) "hello\n"},
    {"pipelined, then close",
	"GET /hello.txt" HOST "\r\nGET /no" HOST "\r\nHEAD /no" HOST CLOSE
	"\r\nGET /hello.txt" HOST "\r\n",
	HELLO NOT_FOUND HEAD("404 Not Found", "text/plain", LEN(14) CLOSE)},
    {"a body by count, and the next request",
	"POST /upload" HOST LEN(9) "\r\n123456789GET /hello.txt" HOST "\r\n",
	CRC("crc32 cbf43926\nsize 9\n", 22) HELLO},
    {"a body in chunks, and the next request",
	"POST /upload" HOST CHUNKED "\r\n4\r\n1234\r\n0005 ;a=\"b\"\r\n56789"
	"\r\n0\r\nTrailer: y\r\n\r\nGET /hello.txt" HOST "\r\n",
	CRC("crc32 cbf43926\nsize 9\n", 22) HELLO},
    {"Expect",
	"POST /upload" HOST LEN(9) "Expect: 100-continue\r\n\r\n123456789",
	"HTTP/1.1 100 Continue\r\n\r\n" CRC("crc32 cbf43926\nsize 9\n", 22)},
    {"another expectation", "POST /upload" HOST LEN(3) "Expect: tea\r\n\r\nabc",
	NOT_EXPECTED},
    {"a body that nobody wants",
	"PUT /hello.txt" HOST LEN(5) "\r\nGET /GET /hello.txt" HOST "\r\n",
	NOT_ALLOWED HELLO},
    {"chunks from a producer, pipelined",
	"GET /chunked?n=20" HOST "\r\nGET /hello.txt" HOST "\r\n",
	HEAD("200 OK", "text/plain",
	    CHUNKED) "14\r\n....................\r\n0\r\n\r\n" HELLO},
    {"a producer for HTTP/1.0", "GET /chunked?n=5 HTTP/1.0\r\n\r\n",
	HEAD("200 OK", "text/plain", CLOSE) "....."},
    {"a good request and a bad one",
	"GET /hello.txt" HOST "\r\nGET /\r\n\r\nGET /hello.txt" HOST "\r\n",
	HELLO BAD},
    {"a bad chunk", "POST /upload" HOST CHUNKED "\r\n3\r\nabcd\r\n0\r\n\r\n",
	BAD},
    {"a request that is cut off", "GET /hello.txt" HOST, ""},
    {"a body that is cut off", "POST /upload" HOST LEN(9) "\r\n1234", ""},
};

static char *root;

static void
make_root(void)
{
	root = web_root_make();
}

START_TEST(http_request_is_answered_in_every_way)
{
	struct replay_application app = http_stage(root);
	struct replay_conversation talk = conversation(&requests[_i]);

	expect_same(&app, &talk);
}
END_TEST

/* More than sockets take: what is closed has much to send yet.  Chunks are as
 * long as there is room, so none here. */
static const struct row large[] = {
    {"a file", "GET /big" HOST "\r\n" GET_HELLO, ""},
    {"a producer", "GET /chunked?n=700000 HTTP/1.0\r\n\r\n", ""},
};

START_TEST(large_http_answer_comes_in_every_way)
{
	struct replay_application app = http_stage(root);
	struct replay_conversation talk = conversation(&large[_i]);

	talk.answer = NULL;
	talk.most = test_scaled(100);
	expect_same(&app, &talk);
}
END_TEST

/* Of whom asks for the end nothing more is waited for. */
START_TEST(http_connection_is_closed_by_the_server)
{
	static const struct row row = {"close",
	    "GET /hello.txt" HOST CLOSE "\r\n", HELLO_HEAD(CLOSE) "hello\n"};
	struct replay_application app = http_stage(root);
	struct replay_conversation talk = conversation(&row);

	talk.end = REPLAY_STAYS;
	expect_same(&app, &talk);
}
END_TEST

START_TEST(http_client_that_resets_is_forgotten_in_every_way)
{
	static const struct row row = {
	    "reset", "GET /hello.txt" HOST "\r\nPOST /upl", HELLO};
	struct replay_application app = http_stage(root);
	struct replay_conversation talk = conversation(&row);

	talk.end = REPLAY_RESET;
	expect_same(&app, &talk);
}
END_TEST

/* --- Chat. --- */

#define HI "* you are guest2 in lobby, one of 2\n"
#define GUEST1 "* you are guest1 in lobby, one of 1\n* guest2 joined lobby\n"

static const struct {
	struct row row;
	const char *told; /* what guest1 hears */
} talks[] = {
    {{"talk", "hello\r\n\n\na\rb\n/who\n/quit\nnobody hears this\n",
	 HI "* in lobby: guest1 guest2\n* goodbye\n"},
	GUEST1 "guest2: hello\nguest2: a?b\n* guest2 left lobby\n"},
    {{"names",
	 "/nick\n/nick Guest1\n/nick bob\n/nick bob\nme\n/nick a b\n/nick @\n",
	 HI "* that is no name\n* that name is taken\n* you are bob now\n"
	    "* you are bob now\n* you are a now\n* that is no name\n"},
	GUEST1 "* guest2 is bob now\n* bob is bob now\nbob: me\n"
	       "* bob is a now\n* a left lobby\n"},
    {{"rooms", "/join den\nalone\n/join den\n/join lobby\nback\n/join \n/x\n",
	 HI "* you are guest2 in den, one of 1\n* you are there\n"
	    "* you are guest2 in lobby, one of 2\n* that is no name\n"
	    "* what is /x? /help helps\n"},
	GUEST1 "* guest2 left lobby\n* guest2 joined lobby\nguest2: back\n"
	       "* guest2 left lobby\n"},
    {{"a line cut off", "hello\nhel", HI},
	GUEST1 "guest2: hello\nguest2: hel\n* guest2 left lobby\n"},
};

START_TEST(chat_is_the_same_in_every_way)
{
	struct replay_conversation talk = conversation(&talks[_i].row);

	talk.told = talks[_i].told;
	expect_same(chat_stage(), &talk);
}
END_TEST

START_TEST(chat_member_who_resets_is_forgotten_in_every_way)
{
	static const struct row row = {
	    "reset", "hello\n/who\nhel", HI "* in lobby: guest1 guest2\n"};
	struct replay_conversation talk = conversation(&row);

	talk.end = REPLAY_RESET;
	talk.told = GUEST1 "guest2: hello\n* guest2 left lobby\n";
	expect_same(chat_stage(), &talk);
}
END_TEST

/* --- Echo. --- */

static const struct row echo_lines = {"lines",
    "one\r\n\ntwo\nthr\ree\r\n\r\nfour\r", "one\n\ntwo\nthr\ree\n\nfour\r\n"};

static const struct row echo_bytes = {"bytes",
    "one\r\n\ntwo\nthr\ree\r\n\r\nfour", "one\r\n\ntwo\nthr\ree\r\n\r\nfour"};

START_TEST(lines_are_sent_back_in_every_way)
{
	struct replay_application app = echo_line_stage();
	struct replay_conversation talk = conversation(&echo_lines);

	expect_same(&app, &talk);
}
END_TEST

START_TEST(bytes_are_sent_back_in_every_way)
{
	struct replay_application app = echo_server_stage();
	struct replay_conversation talk = conversation(&echo_bytes);

	expect_same(&app, &talk);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sample_replay");
	TCase *http = suite_group(s, "http"), *chat = suite_group(s, "chat");
	TCase *echo = suite_group(s, "echo");
	int status;

	tally_begin();
	(void)signal(SIGPIPE, SIG_IGN);
	tcase_add_unchecked_fixture(http, make_root, web_root_remove);
	tcase_add_loop_test(
	    http, http_request_is_answered_in_every_way, 0, COUNT(requests));
	tcase_add_loop_test(
	    http, large_http_answer_comes_in_every_way, 0, COUNT(large));
	tcase_add_test(http, http_connection_is_closed_by_the_server);
	tcase_add_test(http, http_client_that_resets_is_forgotten_in_every_way);
	tcase_add_loop_test(
	    chat, chat_is_the_same_in_every_way, 0, COUNT(talks));
	tcase_add_test(chat, chat_member_who_resets_is_forgotten_in_every_way);
	tcase_add_test(echo, lines_are_sent_back_in_every_way);
	tcase_add_test(echo, bytes_are_sent_back_in_every_way);
	status = suite_run(s);
	tally_print(CONVERSATIONS, "sample-replay-conversations");
	tally_print(PLAYS, "sample-replay-plays");
	tally_print(ALLOCATIONS, "sample-replay-allocation-points");
	return status;
}
