/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hostile guests of the sample chat server: what each says, what he hears and
 * what guest1 hears, to the byte and to the end.  Each conversation is held
 * with the program, where guest1 is served on, and replayed with its own code,
 * cut and disturbed everywhere.  CHAT_SERVER is the path of the program.
 */
#include "support/chat_stage.h"
#include "support/guests.h"
#include "support/program.h"
#include "support/scale.h"
#include "support/suite.h"
#include "support/tally.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

enum { PLAYS };

static struct program server;

static void
start_server(void)
{
	char *argv[] = {CHAT_SERVER, NULL};

	server = program_serve(argv);
	guests_begin(server.port);
}

/* It ends with status 0, which with LeakSanitizer means without a leak. */
static void
stop_server(void)
{
	ck_assert_int_eq(program_stop(&server), 0);
}

/* --- What guest2 says, and what comes of it until he has gone. --- */

struct row {
	const char *name;
	const char *hears; /* guest2 */
	const char *told;  /* guest1 */
	const char *said;
	size_t len;
};

#define ROW(name, hears, told, said)                     \
	{                                                \
		name, hears, told, said, sizeof said - 1 \
	}

#define NO_NAME "* that is no name\n"
#define LEFT "* guest2 left lobby\n"
#define TOO_LONG "* nobody saw that: a line has 512 bytes at most\n"
#define X16 "xxxxxxxxxxxxxxxx"
#define X128 X16 X16 X16 X16 X16 X16 X16 X16
#define X512 X128 X128 X128 X128

static const struct row rows[] = {
    /* Lines that try to be two, or somebody else's. */
    ROW("a CR that begins another line", "", "guest2: hi?guest1: bye\n" LEFT,
	"hi\rguest1: bye\n"),
    ROW("two CRs at the end", "", "guest2: hi?\n" LEFT, "hi\r\r\n"),
    ROW("a NUL that ends a line", "", "guest2: hi?guest1: bye\n" LEFT,
	"hi\0guest1: bye\n"),
    ROW("NULs only", "", "guest2: ???\n" LEFT, "\0\0\0\n"),
    ROW("a line feed of Unicode", "", "guest2: hi\xc2?guest1: bye\n" LEFT,
	"hi\xc2\x85guest1: bye\n"),
    ROW("backspaces over the name", "", "guest2: ????????guest1: hi\n" LEFT,
	"\b\b\b\b\b\b\b\bguest1: hi\n"),
    ROW("an escape sequence", "", "guest2: ?[1A?[2Kguest1: hi\n" LEFT,
	"\033[1A\033[2Kguest1: hi\n"),
    ROW("a C1 control cut by the end of a line", "",
	"guest2: \xc2\nguest2: \x9b"
	"2J\n" LEFT,
	"\xc2\n\x9b"
	"2J\n"),
    ROW("another's words", "", "guest2: guest1: bye\n" LEFT, "guest1: bye\n"),
    ROW("the server's words", "",
	"guest2: * guest1 left lobby\nguest2: * goodbye\n" LEFT,
	"* guest1 left lobby\n* goodbye\n"),
    ROW("formats", "", "guest2: %s%n%1$s%999999d\n" LEFT, "%s%n%1$s%999999d\n"),
    ROW("no line at all", "", LEFT, "\n\r\n\n\r\n"),
    ROW("half a command at the end", "* goodbye\n", LEFT, "/quit"),

    /* Names. */
    ROW("a name that is taken", "* that name is taken\n", LEFT,
	"/nick guest1\n"),
    ROW("one in capital letters", "* that name is taken\n", LEFT,
	"/nick GUEST1\n"),
    ROW("one with a NUL behind it", NO_NAME, LEFT, "/nick guest1\0\n"),
    ROW("one with a CR behind it", NO_NAME, LEFT, "/nick guest1\r\r\n"),
    ROW("one with a tab behind it", NO_NAME, LEFT, "/nick guest1\t\n"),
    ROW("one with a dotless i", NO_NAME, LEFT, "/nick adm\xc4\xb1n\n"),
    ROW("one with a space of no width", NO_NAME, LEFT,
	"/nick guest1\xe2\x80\x8b\n"),
    ROW("the server's star", NO_NAME, LEFT, "/nick *\n"),
    ROW("a colon", NO_NAME, LEFT, "/nick guest1:\n"),
    ROW("no name", NO_NAME NO_NAME, LEFT, "/nick\n/nick  \n"),
    ROW("formats for a name", NO_NAME, LEFT, "/nick %s%n\n"),
    ROW("a name of 16 and one of 17", "* you are " X16 " now\n" NO_NAME,
	"* guest2 is " X16 " now\n* " X16 " left lobby\n",
	"/nick " X16 "\n/nick " X16 "x\n"),
    ROW("two words for a name", "* you are a now\n",
	"* guest2 is a now\n* a left lobby\n", "/nick a b: c\n"),
    ROW("a path for a room", NO_NAME, LEFT, "/join ../lobby\n"),
    ROW("a line end in a room", NO_NAME, LEFT, "/join a\rb\n"),
    ROW("a room of 17", NO_NAME, LEFT, "/join " X16 "x\n"),
    ROW("the lobby in capital letters", "* you are there\n", LEFT,
	"/join LOBBY\n"),

    /* Commands. */
    ROW("no command", "* what is /? /help helps\n", LEFT, "/\n"),
    ROW("a space before a command", "* what is /? /help helps\n", LEFT,
	"/ quit\n"),
    ROW("a command in capital letters", "* what is /QUIT? /help helps\n", LEFT,
	"/QUIT\n"),
    ROW("a command with NUL", "* what is /quit?? /help helps\n", LEFT,
	"/quit\0\n"),
    ROW("formats for a command", "* what is /%s%n? /help helps\n", LEFT,
	"/%s%n\n"),
    ROW("what follows a goodbye", "* goodbye\n", "guest2: a\n" LEFT,
	"a\n/quit now\nb\n/nick c\n"),

    /* Lines that are too long. */
    ROW("a line of 513", TOO_LONG, "guest2: short\n" LEFT, X512 "x\nshort\n"),
    ROW("a line of 513 that hides another", TOO_LONG, "guest2: short\n" LEFT,
	X512 "\rguest1: hi\nshort\n"),
    ROW("a line of 1024 that begins as a command", TOO_LONG, LEFT,
	"/quit " X512 X512 "\n"),
    ROW("a line of 512 and CRLF", "", "guest2: " X512 "\n" LEFT, X512 "\r\n"),
    ROW("too long twice and a goodbye", TOO_LONG TOO_LONG "* goodbye\n", LEFT,
	X512 "x\n" X512 X512 "\n/quit\nnobody\n"),
};

START_TEST(hostile_guest_hears_what_he_must_and_nobody_else_notices)
{
	const struct row *row = &rows[_i];

	come_all(2);
	(void)say(guests[2], row->said, row->len);
	ck_assert_int_eq(shutdown(guests[2], SHUT_WR), 0);
	hear_last(guests[2], row->hears);
	hears(1, row->told);
	ask_who(1, "lobby", "guest1");
	quit(1);
}
END_TEST

#define HI "* you are guest2 in lobby, one of 2\n"
#define GUEST1 "* you are guest1 in lobby, one of 1\n* guest2 joined lobby\n"

START_TEST(hostile_talk_is_the_same_in_every_way)
{
	const struct row *row = &rows[_i];
	char hears_all[4096], told_all[4096];
	struct replay_conversation talk = {.name = row->name,
	    .said = row->said,
	    .len = row->len,
	    .answer = hears_all,
	    .told = told_all,
	    .most = test_scaled(100)};
	struct replay_result result;
	int status;

	(void)snprintf(hears_all, sizeof hears_all, "%s%s", HI, row->hears);
	(void)snprintf(told_all, sizeof told_all, "%s%s", GUEST1, row->told);
	talk.answer_len = strlen(hears_all);
	status = replay(chat_stage(), &talk, &result);
	ck_assert_msg(status == 0, "%d: %s", status, result.report);
	tally_add(PLAYS, result.plays);
}
END_TEST

/* --- Ends at every byte. --- */

static const char good_line[] = "hello\n/who\n";

/* Next comes a line; does it end like this? */
static bool
hears_line_to(int guest, const char *end)
{
	char line[GUEST_TEXT_MAX];
	size_t len = 0, end_len = strlen(end);

	do {
		ck_assert_uint_lt(len, sizeof line);
		ck_assert_uint_eq(hear_bytes(guests[guest], line + len, 1), 1);
	} while (line[len++] != '\n');
	return len >= end_len &&
	       memcmp(line + len - end_len, end, end_len) == 0;
}

START_TEST(reset_at_every_byte_is_a_guest_who_left)
{
	come(1);
	for (size_t n = 0; n < sizeof good_line; n++) {
		int fd = dial(server.port);

		ck_assert(say(fd, good_line, n));
		hang_up_hard(fd);
		ck_assert(hears_line_to(1, " joined lobby\n"));
		/* All of the first line was there before the reset. */
		if (n > 5)
			ck_assert(hears_line_to(1, ": hello\n"));
		ck_assert(hears_line_to(1, " left lobby\n"));
		ask_who(1, "lobby", "guest1");
	}
	quit(1);
}
END_TEST

/* --- Storms and floods. --- */

enum { STORM = 200, FLOOD = 100000 };

START_TEST(storm_of_guests_who_come_and_go_leaves_nobody)
{
	int fds[STORM], left = 0;

	come(1);
	for (int i = 0; i < STORM; i++)
		fds[i] = dial(server.port);
	for (int i = 0; i < STORM; i++)
		if (i % 2)
			hang_up_hard(fds[i]);
		else
			close(fds[i]);
	for (int i = 0; i < 2 * STORM; i++)
		left += hears_line_to(1, " left lobby\n");
	ck_assert_int_eq(left, STORM);
	ask_who(1, "lobby", "guest1");
	quit(1);
}
END_TEST

START_TEST(storm_of_rooms_leaves_none)
{
	char text[GUEST_TEXT_MAX];
	size_t before;

	come_all(2);
	before = program_peak_kib(&server);
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(text, sizeof text, "/join r%d\n", i);
		says(2, text);
		(void)snprintf(text, sizeof text,
		    "* you are guest2 in r%d, one of 1\n", i);
		hears(2, text);
	}
	ck_assert_uint_le(program_peak_kib(&server), before + 512);
	hears(1, "* guest2 left lobby\n");
	says(2, "/join lobby\n");
	hears(2, "* you are guest2 in lobby, one of 2\n");
	hears(1, "* guest2 joined lobby\n");
	quit_all(2);
}
END_TEST

/* What is said again and again, and what is heard each time. */
static const struct {
	const char *said, *heard;
} floods[] = {
    {"\n", ""},
    {"\r\n", ""},
    {"\r", ""},
    {"/nick guest2\n", "* you are guest2 now\n"},
};

static void
flood(int guest, const char *said, const char *heard)
{
	char *all = repeat_text(said, FLOOD),
	     *some = repeat_text(heard, FLOOD / 100);
	pid_t speaker = say_apart(guests[guest], all, strlen(all));

	for (int i = 0; i < 100; i++)
		hears(guest, some);
	await_said(speaker);
	free(all);
	free(some);
}

/* What they said without its end is a line, too, and too long for one. */
START_TEST(flood_holds_up_nobody_and_costs_little)
{
	const bool has_line = strcmp(floods[_i].said, "\r") == 0;
	size_t before;

	come(1);
	says(1, "/join hall\n");
	hears(1, "* you are guest1 in hall, one of 1\n");
	guests[2] = dial(server.port);
	hears(2, "* you are guest2 in lobby, one of 1\n");
	before = program_peak_kib(&server);
	flood(2, floods[_i].said, floods[_i].heard);
	hear_last(guests[2], has_line ? TOO_LONG : "");
	ask_who(1, "hall", "guest1");
	ck_assert_uint_le(program_peak_kib(&server), before + 1024);
	quit(1);
}
END_TEST

/* What asks for much and is not read. */
static const char *const questions[] = {"/help\n", "/who\n", "/\n"};

static void
serve_guest1(void)
{
	ask_who(1, "lobby", "guest1 guest2");
}

/* More than a kernel keeps of both directions. */
enum { KERNELS_MOST = 64 << 20 };

START_TEST(who_asks_and_does_not_read_costs_little)
{
	size_t before;

	come_all(2);
	before = program_peak_kib(&server);
	ck_assert_uint_lt(say_until_stuck(guests[2], questions[_i],
			      KERNELS_MOST, serve_guest1),
	    KERNELS_MOST);
	ck_assert_uint_le(program_peak_kib(&server), before + 1024);
	hang_up_hard(guests[2]);
	hears(1, "* guest2 left lobby\n");
	quit(1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("hostile_chat");
	TCase *chat = suite_group(s, "with the program");
	TCase *replayed = suite_group(s, "replayed");
	int status;

	(void)signal(SIGPIPE, SIG_IGN);
	tally_begin();
	tcase_add_checked_fixture(chat, start_server, stop_server);
	tcase_add_loop_test(chat,
	    hostile_guest_hears_what_he_must_and_nobody_else_notices, 0,
	    COUNT(rows));
	tcase_add_test(chat, reset_at_every_byte_is_a_guest_who_left);
	tcase_add_test(chat, storm_of_guests_who_come_and_go_leaves_nobody);
	tcase_add_test(chat, storm_of_rooms_leaves_none);
	tcase_add_loop_test(
	    chat, flood_holds_up_nobody_and_costs_little, 0, COUNT(floods));
	tcase_add_loop_test(
	    chat, who_asks_and_does_not_read_costs_little, 0, COUNT(questions));
	tcase_add_loop_test(
	    replayed, hostile_talk_is_the_same_in_every_way, 0, COUNT(rows));
	status = suite_run(s);
	printf("figure: hostile-chat-rows %d\n", COUNT(rows));
	tally_print(PLAYS, "hostile-chat-replays");
	return status;
}
