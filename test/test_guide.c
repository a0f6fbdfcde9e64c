/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The programs that docs/guide.md shows, as it says they behave.  EXAMPLES is
 * where the programs are, EXAMPLE_TEXTS where their sources lie and the texts
 * that the guide has beside them:
 *
 *	NAME.out	what a program prints
 *	NAME.said	a conversation; C: a client's line, S: the server's
 */
#include "support/program.h"
#include "support/suite.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))
#define TEXT_MAX 4096

/* The path of a program; static. */
static char *
example(const char *name)
{
	static char path[1024];

	(void)snprintf(path, sizeof path, "%s/%s", EXAMPLES, name);
	return path;
}

static void
read_text(const char *name, const char *kind, char *text)
{
	char path[1024];
	FILE *file;
	size_t len;

	(void)snprintf(
	    path, sizeof path, "%s/%s.%s", EXAMPLE_TEXTS, name, kind);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	len = fread(text, 1, TEXT_MAX, file);
	ck_assert_uint_lt(len, TEXT_MAX);
	text[len] = '\0';
	(void)fclose(file);
}

/* --- Servers. --- */

static const struct {
	char *program;
	const char *conversation;
} servers[] = {{"hello", "hello"}, {"notes_server", "notes"},
    {"bodies", "bodies"}, {"numbers", "numbers"}, {"careful", "careful"}};

static void
take_line_of(int fd, const char *line)
{
	char text[TEXT_MAX];

	(void)snprintf(text, sizeof text, "%s\r\n", line[2] ? line + 3 : "");
	if (strncmp(line, "C:", 2) == 0)
		say_text(fd, text);
	else if (strncmp(line, "S:", 2) == 0)
		hear_exactly(fd, text);
	else
		ck_abort_msg("neither C: nor S: %s", line);
}

START_TEST(a_server_says_what_the_guide_says)
{
	char *argv[] = {example(servers[_i].program), "127.0.0.1:0", NULL};
	struct program server = program_serve(argv);
	char text[TEXT_MAX + 1], *rest = NULL;
	int fd = dial(server.port), lines = 0;

	read_text(servers[_i].conversation, "said", text);
	for (char *line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest), lines++)
		take_line_of(fd, line);
	ck_assert_int_gt(lines, 1);
	close(fd);
	program_stop(&server);
}
END_TEST

/* What a client says here has no end, so the deadline must come. */
START_TEST(a_line_that_is_not_finished_is_answered)
{
	char *argv[] = {example("careful"), "127.0.0.1:0", "50", NULL};
	struct program server = program_serve(argv);
	int fd = dial(server.port);

	say_text(fd, "half a line");
	hear_last(fd, "a frame was not finished in time\r\n");
	ck_assert_int_eq(program_stop(&server), 0);
}
END_TEST

START_TEST(a_line_that_is_too_long_is_answered_once_and_the_next_is_in_step)
{
	char *argv[] = {example("careful"), "127.0.0.1:0", NULL};
	struct program server = program_serve(argv);
	static char line[2001];
	int fd = dial(server.port);

	memset(line, 'a', sizeof line - 1);
	say_text(fd, line);
	say_text(fd, "\r\nhello\r\n");
	hear_exactly(fd, "that line is too long\r\nhello\r\n");
	program_ask_to_end(&server);
	hear_last(fd, "the server stops\r\n");
	ck_assert_int_eq(program_wait(&server), 0);
}
END_TEST

START_TEST(a_body_of_no_known_length_is_refused)
{
	static char *const sizes[] = {"", "-1", "+1", " 1", "0x1", "1e3",
	    "1048577", "99999999999999999999999999"};
	char *argv[] = {example("bodies"), "127.0.0.1:0", NULL};
	struct program server = program_serve(argv);

	for (int i = 0; i < COUNT(sizes); i++) {
		char text[64];
		int fd = dial(server.port);

		(void)snprintf(text, sizeof text, "PUT %s\r\n", sizes[i]);
		say_text(fd, text);
		hear_last(fd, "no\r\n");
	}
	program_stop(&server);
}
END_TEST

/* --- Programs that print. --- */

static void
expect_output(char *const argv[], const char *name)
{
	struct program p = program_start(argv, PROGRAM_PIPE, PROGRAM_PIPE);
	struct program_end end;
	char text[TEXT_MAX + 1];

	program_finish(&p, &end);
	read_text(name, "out", text);
	ck_assert_str_eq(end.err, "");
	ck_assert_str_eq(end.said, text);
	ck_assert_int_eq(end.status, 0);
}

static char *const printers[] = {
    "notes_cuts", "slow", "feed", "embed", "workers", "paused"};

START_TEST(a_program_prints_what_the_guide_says)
{
	char *argv[] = {example(printers[_i]), NULL};

	expect_output(argv, printers[_i]);
}
END_TEST

START_TEST(a_client_prints_what_the_guide_says)
{
	char *serve[] = {example("notes_server"), "127.0.0.1:0", NULL};
	struct program server = program_serve(serve);
	char address[32];
	char *ask[] = {example("ask"), address, "LIST", NULL};

	(void)snprintf(
	    address, sizeof address, "127.0.0.1:%u", (unsigned)server.port);
	expect_output(ask, "ask");
	program_stop(&server);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("guide");
	TCase *talk = suite_group(s, "servers");
	TCase *print = suite_group(s, "programs that print");

	tcase_add_loop_test(
	    talk, a_server_says_what_the_guide_says, 0, COUNT(servers));
	tcase_add_test(talk, a_line_that_is_not_finished_is_answered);
	tcase_add_test(talk,
	    a_line_that_is_too_long_is_answered_once_and_the_next_is_in_step);
	tcase_add_test(talk, a_body_of_no_known_length_is_refused);
	tcase_add_loop_test(
	    print, a_program_prints_what_the_guide_says, 0, COUNT(printers));
	tcase_add_test(print, a_client_prints_what_the_guide_says);
	return suite_run(s);
}
