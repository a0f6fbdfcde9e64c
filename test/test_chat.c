/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sample chat server as its users meet it: each test has a server, guests
 * with the names guest1, guest2 and so on, and says what every one of them
 * hears, from the first byte to the end.  CHAT_SERVER is the path of the
 * program.
 */
#include "support/guests.h"
#include "support/program.h"
#include "support/suite.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))
#define LINE_MAX_ 512 /* what the server takes */
#define TEXT_MAX GUEST_TEXT_MAX

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

/* --- What is said. --- */

START_TEST(what_is_said_is_heard_by_all_but_the_speaker)
{
	come_all(3);
	says(2, "hello\n");
	hears(1, "guest2: hello\n");
	hears(3, "guest2: hello\n");
	says(3, "hi, guest2\r\n");
	hears(1, "guest3: hi, guest2\n");
	hears(2, "guest3: hi, guest2\n");
	quit_all(3);
}
END_TEST

START_TEST(empty_lines_say_nothing)
{
	come_all(2);
	says(1, "\n\r\n\n \n");
	hears(2, "guest1:  \n");
	quit_all(2);
}
END_TEST

/* What is said, and what the others hear. */
static const struct {
	const char *said;
	size_t len;
	const char *heard;
} sayings[] = {
#define SAYING(said, heard)                  \
	{                                    \
		said, sizeof said - 1, heard \
	}
    SAYING("a\tb", "a?b"),
    SAYING("\033[2J\033]0;title\007", "?[2J?]0;title?"),
    SAYING("nul\0nul", "nul?nul"),
    SAYING("del\177", "del?"),
    SAYING("a\rb", "a?b"),
    SAYING("\001\002\037 ~", "??? ~"),
    SAYING("\302\233"
	   "2J",
	"\302?2J"),
    SAYING("\302\200 \302\237", "\302? \302?"),
    SAYING("\302\240\303\244\342\202\254", "\302\240\303\244\342\202\254"),
    SAYING("%s%n", "%s%n"),
    SAYING("guest2: I am not", "guest2: I am not"),
};

START_TEST(control_characters_are_replaced)
{
	char text[TEXT_MAX];

	come_all(2);
	ck_assert(say(guests[1], sayings[_i].said, sayings[_i].len));
	says(1, "\n");
	(void)snprintf(text, sizeof text, "guest1: %s\n", sayings[_i].heard);
	hears(2, text);
	quit_all(2);
}
END_TEST

/* A line of `len` letters, and its end. */
static void
say_long(int guest, size_t len, const char *end)
{
	char text[TEXT_MAX];

	memset(text, 'x', len);
	memcpy(text + len, end, strlen(end) + 1);
	says(guest, text);
}

START_TEST(longest_line_is_heard)
{
	const char *const ends[] = {"\n", "\r\n"};
	char text[TEXT_MAX] = "guest1: ";

	come_all(2);
	memset(text + 8, 'x', LINE_MAX_);
	text[8 + LINE_MAX_] = '\n';
	for (int i = 0; i < COUNT(ends); i++) {
		say_long(1, LINE_MAX_, ends[i]);
		hears(2, text);
	}
	quit_all(2);
}
END_TEST

START_TEST(overlong_line_is_told_and_the_next_is_heard)
{
	come_all(2);
	for (size_t more = 1; more < 400; more += 99) {
		say_long(1, LINE_MAX_ + more, "\nshort\n");
		hears(1, "* nobody saw that: a line has 512 bytes at most\n");
		hears(2, "guest1: short\n");
	}
	quit_all(2);
}
END_TEST

/* The other guest's answer comes when the first part has been taken. */
START_TEST(line_cut_anywhere_is_heard)
{
	static const char line[] = "two words\r\n";

	come_all(2);
	for (size_t cut = 1; cut < sizeof line - 1; cut++) {
		ck_assert(say(guests[1], line, cut));
		ask_who(2, "lobby", "guest1 guest2");
		says(1, line + cut);
		hears(2, "guest1: two words\n");
	}
	quit_all(2);
}
END_TEST

START_TEST(command_cut_anywhere_is_obeyed)
{
	static const char line[] = "/join lobby\r\n";

	come_all(2);
	for (size_t cut = 1; cut < sizeof line - 1; cut++) {
		ck_assert(say(guests[1], line, cut));
		ask_who(2, "lobby", "guest1 guest2");
		says(1, line + cut);
		hears(1, "* you are there\n");
	}
	quit_all(2);
}
END_TEST

START_TEST(many_lines_at_once_are_heard_in_order)
{
	char text[TEXT_MAX];

	come_all(2);
	says(1, "a\nb\n/nick c\nd\n/who\ne\n");
	hears(1, "* you are c now\n* in lobby: c guest2\n");
	hears(2, "guest1: a\nguest1: b\n* guest1 is c now\nc: d\nc: e\n");
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(text, sizeof text, "line %d\n", i);
		says(2, text);
	}
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(text, sizeof text, "guest2: line %d\n", i);
		hears(1, text);
	}
	quit(2);
	hears(1, "* guest2 left lobby\n");
	quit(1);
}
END_TEST

/* --- Names. --- */

START_TEST(new_name_is_told)
{
	come_all(2);
	says(1, "/nick Ada_1-x\n");
	hears(1, "* you are Ada_1-x now\n");
	hears(2, "* guest1 is Ada_1-x now\n");
	says(1, "hello\n");
	hears(2, "Ada_1-x: hello\n");
	ask_who(2, "lobby", "Ada_1-x guest2");
	quit(1);
	hears(2, "* Ada_1-x left lobby\n");
	quit(2);
}
END_TEST

START_TEST(name_that_is_taken_is_refused)
{
	const char *const taken[] = {
	    "/nick guest2\n", "/nick GUEST2\n", "/nick Guest2 more\n"};

	come_all(2);
	for (int i = 0; i < COUNT(taken); i++) {
		says(1, taken[i]);
		hears(1, "* that name is taken\n");
	}
	ask_who(1, "lobby", "guest1 guest2");
	quit_all(2);
}
END_TEST

START_TEST(name_is_taken_in_other_rooms_too)
{
	come_all(2);
	says(2, "/join kitchen\n");
	hears(2, "* you are guest2 in kitchen, one of 1\n");
	hears(1, "* guest2 left lobby\n");
	says(1, "/nick guest2\n");
	hears(1, "* that name is taken\n");
	quit(1);
	quit(2);
}
END_TEST

START_TEST(name_is_free_again_when_its_owner_goes)
{
	come_all(2);
	quit(2);
	hears(1, "* guest2 left lobby\n");
	says(1, "/nick guest2\n");
	hears(1, "* you are guest2 now\n");
	quit(1);
}
END_TEST

/* In capital letters, too. */
START_TEST(new_guest_gets_no_name_that_is_taken)
{
	come(1);
	says(1, "/nick GUEST2\n");
	hears(1, "* you are GUEST2 now\n");
	guests[2] = dial(server.port);
	hears(2, "* you are guest3 in lobby, one of 2\n");
	hears(1, "* guest3 joined lobby\n");
	quit(2);
	hears(1, "* guest3 left lobby\n");
	quit(1);
}
END_TEST

static const char *const no_names[] = {"", " ", "   ", "seventeen-letters",
    "a/b", "a.b", "\303\244", "a\tb", "*", "%s"};

START_TEST(bad_name_is_refused)
{
	const char *const commands[] = {"/nick ", "/join "};

	come_all(2);
	for (int i = 0; i < COUNT(commands); i++) {
		says(1, commands[i]);
		says(1, no_names[_i]);
		says(1, "\n");
		hears(1, "* that is no name\n");
	}
	ask_who(2, "lobby", "guest1 guest2");
	quit_all(2);
}
END_TEST

START_TEST(longest_name_is_good)
{
	come(1);
	says(1, "/nick exactly-sixteen_\n/nick exactly-sixteen_7\n");
	hears(1, "* you are exactly-sixteen_ now\n* that is no name\n");
	says(1, "/join 0123456789abcdef\n/join 0123456789abcdef0\n/who\n");
	hears(1, "* you are exactly-sixteen_ in 0123456789abcdef, one of 1\n"
		 "* that is no name\n"
		 "* in 0123456789abcdef: exactly-sixteen_\n");
	quit(1);
}
END_TEST

/* --- Rooms and commands. --- */

START_TEST(rooms_do_not_hear_each_other)
{
	come_all(3);
	says(3, "/join kitchen\n");
	hears(3, "* you are guest3 in kitchen, one of 1\n");
	hears(1, "* guest3 left lobby\n");
	hears(2, "* guest3 left lobby\n");
	says(3, "nobody hears this\n");
	ask_who(3, "kitchen", "guest3");
	says(1, "hello\n");
	hears(2, "guest1: hello\n");
	ask_who(1, "lobby", "guest1 guest2");
	says(2, "/join KITCHEN\n");
	hears(2, "* you are guest2 in kitchen, one of 2\n");
	hears(1, "* guest2 left lobby\n");
	hears(3, "* guest2 joined kitchen\n");
	says(2, "soup\n");
	hears(3, "guest2: soup\n");
	quit(2);
	hears(3, "* guest2 left kitchen\n");
	quit(3);
	quit(1);
}
END_TEST

START_TEST(room_that_was_left_can_be_made_again)
{
	come(1);
	for (int i = 0; i < 10; i++) {
		says(1, "/join here\n/join there\n/join there\n");
		hears(1, "* you are guest1 in here, one of 1\n"
			 "* you are guest1 in there, one of 1\n"
			 "* you are there\n");
	}
	quit(1);
}
END_TEST

START_TEST(who_tells_only_who_asks)
{
	come_all(3);
	ask_who(2, "lobby", "guest1 guest2 guest3");
	quit_all(3);
}
END_TEST

START_TEST(help_names_every_command)
{
	come_all(2);
	says(1, "/help\n");
	hears(1, "* /nick NAME   be called so; letters, digits, - and _, "
		 "up to 16\n"
		 "* /join ROOM   leave this room for another\n"
		 "* /who         who is in this room\n"
		 "* /quit        leave\n");
	quit_all(2);
}
END_TEST

START_TEST(unknown_command_is_not_said)
{
	come_all(2);
	says(1, "/\n/who?\n/WHO\n/join2 x\n/ who\n/\033\n/%s%n\n");
	hears(1, "* what is /? /help helps\n"
		 "* what is /who?? /help helps\n"
		 "* what is /WHO? /help helps\n"
		 "* what is /join2? /help helps\n"
		 "* what is /? /help helps\n"
		 "* what is /?? /help helps\n"
		 "* what is /%s%n? /help helps\n");
	quit_all(2);
}
END_TEST

START_TEST(longest_unknown_command_is_told_whole)
{
	char text[TEXT_MAX];

	come(1);
	says(1, "/");
	say_long(1, LINE_MAX_ - 1, "\n");
	hears(1, "* what is /");
	memset(text, 'x', LINE_MAX_ - 1);
	text[LINE_MAX_ - 1] = '\0';
	hears(1, text);
	hears(1, "? /help helps\n");
	quit(1);
}
END_TEST

START_TEST(nothing_is_heard_after_quit)
{
	come_all(2);
	says(1, "last\n/quit\nafter\n/nick after\n");
	hear_last(guests[1], "* goodbye\n");
	hears(2, "guest1: last\n* guest1 left lobby\n");
	quit(2);
}
END_TEST

/* --- Ends of clients. --- */

/* What it said last has no LF. */
START_TEST(half_closed_client_is_heard_and_gets_its_answers)
{
	come_all(2);
	says(1, "/who\nhello\n/help\nbye");
	ck_assert_int_eq(shutdown(guests[1], SHUT_WR), 0);
	hears(1, "* in lobby: guest1 guest2\n* /nick NAME");
	while (hear_bytes(guests[1], (char[1]){0}, 1))
		continue;
	close(guests[1]);
	hears(2, "guest1: hello\nguest1: bye\n* guest1 left lobby\n");
	quit(2);
}
END_TEST

START_TEST(two_half_closed_clients_see_each_other_off)
{
	come_all(2);
	says(1, "one\n");
	ck_assert_int_eq(shutdown(guests[1], SHUT_WR), 0);
	hear_last(guests[1], "");
	says(2, "two\n");
	ck_assert_int_eq(shutdown(guests[2], SHUT_WR), 0);
	hear_last(guests[2], "guest1: one\n* guest1 left lobby\n");
}
END_TEST

START_TEST(client_that_closes_in_the_middle_has_left)
{
	come_all(2);
	says(1, "hel");
	close(guests[1]);
	hears(2, "guest1: hel\n* guest1 left lobby\n");
	ask_who(2, "lobby", "guest2");
	quit(2);
}
END_TEST

START_TEST(client_that_resets_has_left)
{
	come_all(3);
	says(1, "/join k");
	hang_up_hard(guests[1]);
	hears(2, "* guest1 left lobby\n");
	hears(3, "* guest1 left lobby\n");
	says(2, "hello\n");
	hears(3, "guest2: hello\n");
	quit(3);
	hears(2, "* guest3 left lobby\n");
	quit(2);
}
END_TEST

START_TEST(client_that_only_connects_has_left)
{
	come(1);
	for (int i = 2; i < 20; i++) {
		char text[TEXT_MAX];

		close(dial(server.port));
		(void)snprintf(text, sizeof text,
		    "* guest%d joined lobby\n* guest%d left lobby\n", i, i);
		hears(1, text);
	}
	quit(1);
}
END_TEST

/* --- Who does not read. --- */

#define FLOOD_LINES 32768

/* Of the longest line, so often that no kernel keeps it all. */
static void
flood(int guest)
{
	static char lines[FLOOD_LINES][LINE_MAX_ + 1];

	memset(lines, 'x', sizeof lines);
	for (int i = 0; i < FLOOD_LINES; i++)
		lines[i][LINE_MAX_] = '\n';
	ck_assert(say(guests[guest], lines[0], sizeof lines));
}

static int
hear_number(int guest)
{
	char digits[16];
	int n = 0;

	do {
		ck_assert_int_lt(n, (int)sizeof digits);
		ck_assert_uint_eq(hear_bytes(guests[guest], digits + n, 1), 1);
	} while (digits[n++] != '\n');
	return atoi(digits);
}

/* Next comes a line of the flood, or how many did not. */
static bool
hears_of_flood(int guest, int *missed)
{
	char line[sizeof "guest1: " + LINE_MAX_];

	ck_assert_uint_eq(hear_bytes(guests[guest], line, 1), 1);
	if (line[0] == '*') {
		hears(guest, " lines you missed: ");
		*missed = hear_number(guest);
		return false;
	}
	hear_bytes(guests[guest], line + 1, sizeof line - 1);
	ck_assert_mem_eq(line, "guest1: x", 9);
	ck_assert_int_eq(line[sizeof line - 1], '\n');
	return true;
}

START_TEST(who_does_not_read_holds_up_nobody_and_is_told)
{
	int heard = 0, missed = 0, more;

	come_all(2);
	flood(1);
	ask_who(1, "lobby", "guest1 guest2");
	while (heard + missed < FLOOD_LINES) {
		if (hears_of_flood(2, &more))
			heard++;
		else
			missed += more;
	}
	ck_assert_int_eq(heard + missed, FLOOD_LINES);
	ck_assert_int_gt(missed, 0);
	says(1, "again\n");
	hears(2, "guest1: again\n");
	quit_all(2);
}
END_TEST

/* --- The end. --- */

/* Those who leave now are not announced. */
START_TEST(sigterm_says_goodbye_to_everybody)
{
	struct program_end end;
	size_t went, cut;

	come_all(3);
	says(2, "/join kitchen\n");
	hears(2, "* you are guest2 in kitchen, one of 1\n");
	hears(1, "* guest2 left lobby\n");
	hears(3, "* guest2 left lobby\n");
	program_ask_to_end(&server);
	for (int guest = 1; guest <= 3; guest++)
		hear_last(guests[guest], "* goodbye: the server ends\n");
	program_finish(&server, &end);
	ck_assert_int_eq(end.status, 0);
	ck_assert_int_eq(
	    sscanf(end.said, "%zu went, %zu were cut off\n", &went, &cut), 2);
	ck_assert_uint_eq(went + cut, 3);
}
END_TEST

START_TEST(second_sigterm_waits_for_nobody)
{
	come_all(2);
	program_ask_to_end(&server);
	hears(1, "* goodbye: the server ends\n");
	hears(2, "* goodbye: the server ends\n");
	ck_assert_int_eq(program_stop(&server), 0);
	hear_last(guests[1], "");
	hear_last(guests[2], "");
}
END_TEST

START_TEST(second_sigterm_cuts_off_who_does_not_read)
{
	come_all(2);
	flood(1);
	ask_who(1, "lobby", "guest1 guest2");
	program_ask_to_end(&server);
	hear_last(guests[1], "* goodbye: the server ends\n");
	ck_assert_int_eq(program_stop(&server), 0);
	close(guests[2]);
}
END_TEST

START_TEST(sigint_does_the_same)
{
	come(1);
	ck_assert_int_eq(kill(server.pid, SIGINT), 0);
	hear_last(guests[1], "* goodbye: the server ends\n");
	ck_assert_int_eq(program_wait(&server), 0);
}
END_TEST

START_TEST(server_without_guests_ends)
{
	struct program_end end;

	program_ask_to_end(&server);
	program_finish(&server, &end);
	ck_assert_int_eq(end.status, 0);
	ck_assert_str_eq(end.said, "0 went, 0 were cut off\n");
}
END_TEST

START_TEST(new_guest_is_refused_after_sigterm)
{
	come(1);
	program_ask_to_end(&server);
	hears(1, "* goodbye: the server ends\n");
	ck_assert_int_eq(try_dial(server.port), -1);
	hear_last(guests[1], "");
	ck_assert_int_eq(program_wait(&server), 0);
}
END_TEST

/* --- Arguments. --- */

static const struct {
	char *argv[4];
	int status;
} bad[] = {
    {{CHAT_SERVER, "127.0.0.1:0", "more"}, 2},
    {{CHAT_SERVER, "127.0.0.1"}, 1},
    {{CHAT_SERVER, ""}, 1},
    {{CHAT_SERVER, "127.0.0.1:65536"}, 1},
    {{CHAT_SERVER, "localhost:0"}, 1},
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

static void
add_talk(TCase *talk)
{
	tcase_add_test(talk, what_is_said_is_heard_by_all_but_the_speaker);
	tcase_add_test(talk, empty_lines_say_nothing);
	tcase_add_loop_test(
	    talk, control_characters_are_replaced, 0, COUNT(sayings));
	tcase_add_test(talk, longest_line_is_heard);
	tcase_add_test(talk, overlong_line_is_told_and_the_next_is_heard);
	tcase_add_test(talk, line_cut_anywhere_is_heard);
	tcase_add_test(talk, command_cut_anywhere_is_obeyed);
	tcase_add_test(talk, many_lines_at_once_are_heard_in_order);
	tcase_add_test(talk, new_name_is_told);
	tcase_add_test(talk, name_that_is_taken_is_refused);
	tcase_add_test(talk, name_is_taken_in_other_rooms_too);
	tcase_add_test(talk, name_is_free_again_when_its_owner_goes);
	tcase_add_test(talk, new_guest_gets_no_name_that_is_taken);
	tcase_add_loop_test(talk, bad_name_is_refused, 0, COUNT(no_names));
	tcase_add_test(talk, longest_name_is_good);
	tcase_add_test(talk, rooms_do_not_hear_each_other);
	tcase_add_test(talk, room_that_was_left_can_be_made_again);
	tcase_add_test(talk, who_tells_only_who_asks);
	tcase_add_test(talk, help_names_every_command);
	tcase_add_test(talk, unknown_command_is_not_said);
	tcase_add_test(talk, longest_unknown_command_is_told_whole);
	tcase_add_test(talk, nothing_is_heard_after_quit);
}

static void
add_clients(TCase *clients)
{
	tcase_add_test(
	    clients, half_closed_client_is_heard_and_gets_its_answers);
	tcase_add_test(clients, two_half_closed_clients_see_each_other_off);
	tcase_add_test(clients, client_that_closes_in_the_middle_has_left);
	tcase_add_test(clients, client_that_resets_has_left);
	tcase_add_test(clients, client_that_only_connects_has_left);
	tcase_add_test(clients, who_does_not_read_holds_up_nobody_and_is_told);
}

/* These end the server themselves. */
static void
add_end(TCase *end)
{
	tcase_add_test(end, sigterm_says_goodbye_to_everybody);
	tcase_add_test(end, second_sigterm_waits_for_nobody);
	tcase_add_test(end, second_sigterm_cuts_off_who_does_not_read);
	tcase_add_test(end, sigint_does_the_same);
	tcase_add_test(end, server_without_guests_ends);
	tcase_add_test(end, new_guest_is_refused_after_sigterm);
}

int
main(void)
{
	Suite *s = suite_create("chat_server");
	TCase *talk = suite_group(s, "talk");
	TCase *clients = suite_group(s, "clients");
	TCase *end = suite_group(s, "end");
	TCase *arguments = suite_group(s, "arguments");

	tcase_add_checked_fixture(talk, start_server, stop_server);
	tcase_add_checked_fixture(clients, start_server, stop_server);
	tcase_add_checked_fixture(end, start_server, NULL);
	add_talk(talk);
	add_clients(clients);
	add_end(end);
	tcase_add_loop_test(arguments, bad_argument_is_refused, 0, COUNT(bad));
	return suite_run(s);
}
