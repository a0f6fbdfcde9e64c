/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Programs and conversations with them.  Descriptors are made with
 * close-on-exec, so a program has only those that it is given.
 */
#include "support/program.h"
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- Starting. --- */

/* A program's own I/O can be choppy, too. */
static void
preload(void)
{
	const char *module = getenv("EVCHAT_TEST_PRELOAD");

	if (module && setenv("LD_PRELOAD", module, 1))
		_exit(126);
}

static void
become(char *const argv[], const int stdio[3])
{
	for (int i = 0; i < 3; i++)
		if (stdio[i] >= 0 && dup2(stdio[i], i) < 0)
			_exit(126);
	preload();
	execv(argv[0], argv);
	_exit(127);
}

static pid_t
spawn(char *const argv[], const int stdio[3])
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		become(argv, stdio);
	return pid;
}

static void
open_pipe(int *reader, int *writer)
{
	int ends[2];

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	*reader = ends[0];
	*writer = ends[1];
}

static void
close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static uint16_t
hear_port(int fd)
{
	char line[128];
	const char *colon;
	size_t len = 0;

	do {
		ck_assert_uint_lt(len, sizeof line - 1);
		ck_assert_uint_eq(hear_bytes(fd, line + len, 1), 1);
	} while (line[len++] != '\n');
	line[len] = '\0';
	colon = strrchr(line, ':');
	ck_assert_msg(colon != NULL, "no port: %s", line);
	return (uint16_t)strtoul(colon + 1, NULL, 10);
}

struct program
program_serve(char *const argv[])
{
	struct program p = {.in = -1, .err = -1};
	int stdio[3] = {-1, -1, -1};

	open_pipe(&p.out, &stdio[1]);
	p.pid = spawn(argv, stdio);
	close(stdio[1]);
	p.port = hear_port(p.out);
	return p;
}

struct program
program_start(char *const argv[], int in, int out)
{
	struct program p = {.in = -1, .out = -1};
	int stdio[3] = {in, out, -1};

	if (in == PROGRAM_PIPE)
		open_pipe(&stdio[0], &p.in);
	if (out == PROGRAM_PIPE)
		open_pipe(&p.out, &stdio[1]);
	open_pipe(&p.err, &stdio[2]);
	p.pid = spawn(argv, stdio);
	if (in == PROGRAM_PIPE)
		close(stdio[0]);
	if (out == PROGRAM_PIPE)
		close(stdio[1]);
	close(stdio[2]);
	return p;
}

/* --- Ending. --- */

static int
await_exit(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void
program_end_input(struct program *p)
{
	close_end(&p->in);
}

int
program_wait(struct program *p)
{
	int status = await_exit(p->pid);

	close_end(&p->in);
	close_end(&p->out);
	close_end(&p->err);
	return status;
}

void
program_finish(struct program *p, struct program_end *end)
{
	memset(end, 0, sizeof *end);
	program_end_input(p);
	if (p->out >= 0)
		end->len = hear(p->out, end->said, sizeof end->said);
	if (p->err >= 0)
		hear(p->err, end->err, sizeof end->err);
	end->status = program_wait(p);
}

#ifdef __has_feature
#define HAS_FEATURE(feature) __has_feature(feature)
#else
#define HAS_FEATURE(feature) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    HAS_FEATURE(address_sanitizer) || HAS_FEATURE(thread_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

size_t
program_peak_kib(const struct program *p)
{
	char line[256];
	size_t kib = 0;
	FILE *status;

	(void)snprintf(line, sizeof line, "/proc/%d/status", (int)p->pid);
	status = SANITIZED ? NULL : fopen(line, "re");
	if (!status)
		return 0;
	while (!kib && fgets(line, sizeof line, status))
		if (strncmp(line, "VmHWM:", 6) == 0)
			kib = strtoul(line + 6, NULL, 10);
	(void)fclose(status);
	return kib;
}

void
program_ask_to_end(const struct program *p)
{
	ck_assert_int_eq(kill(p->pid, SIGTERM), 0);
}

int
program_stop(struct program *p)
{
	program_ask_to_end(p);
	return program_wait(p);
}

/* --- Conversations. --- */

int
try_dial(uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval patience = {.tv_sec = 60};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience),
	    0);
	ck_assert_int_eq(
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes), 0);
	if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0)
		return fd;
	close(fd);
	return -1;
}

int
dial(uint16_t port)
{
	int fd = try_dial(port);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static ssize_t
say_some(int fd, const char *bytes, size_t len)
{
	ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

	return n < 0 && errno == ENOTSOCK ? write(fd, bytes, len) : n;
}

bool
say(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = say_some(fd, bytes, len);

		if (n < 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

void
say_text(int fd, const char *text)
{
	ck_assert(say(fd, text, strlen(text)));
}

bool
say_in_pieces(int fd, const char *bytes, size_t len, size_t cut, size_t step)
{
	for (size_t n, at = 0; at < len; at += n) {
		n = at ? step : cut;
		if (n > len - at)
			n = len - at;
		if (!say(fd, bytes + at, n))
			return false;
	}
	return true;
}

char *
repeat_text(const char *text, size_t n)
{
	const size_t len = strlen(text);
	char *all = malloc(n * len + 1), *at = all;

	ck_assert_ptr_nonnull(all);
	*at = '\0';
	while (n--)
		at = stpcpy(at, text);
	return all;
}

enum { TEXTS = 1000, STUCK = 100 };

size_t
say_until_stuck(int fd, const char *text, size_t most, void (*meanwhile)(void))
{
	char *texts = repeat_text(text, TEXTS);
	const size_t len = strlen(texts);
	size_t said = 0;

	for (int stuck = 0; stuck < STUCK && said < most;) {
		size_t at = said % len;
		ssize_t n =
		    send(fd, texts + at, len - at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			said += (size_t)n;
			stuck = 0;
			continue;
		}
		if (errno != EAGAIN)
			break;
		meanwhile();
		stuck++;
	}
	free(texts);
	return said;
}

pid_t
say_apart(int fd, const char *bytes, size_t len)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		bool said = say(fd, bytes, len);

		(void)shutdown(fd, SHUT_WR); /* a pipe has no such thing */
		_exit(!said);
	}
	return pid;
}

void
await_said(pid_t speaker)
{
	ck_assert_int_eq(await_exit(speaker), 0);
}

size_t
hear_bytes(int fd, char *answer, size_t len)
{
	size_t at = 0;

	while (at < len) {
		ssize_t n = read(fd, answer + at, len - at);

		ck_assert_msg(n >= 0, "read: %s", strerror(errno));
		if (n == 0)
			break;
		at += (size_t)n;
	}
	return at;
}

size_t
hear(int fd, char *answer, size_t size)
{
	size_t len = hear_bytes(fd, answer, size - 1);

	ck_assert_uint_lt(len, size - 1);
	answer[len] = '\0';
	return len;
}

void
say_in_pieces_and_hear(uint16_t port, const char *text, size_t cut, size_t step,
    char *answer, size_t size)
{
	int fd = dial(port);

	ck_assert(say_in_pieces(fd, text, strlen(text), cut, step));
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	hear(fd, answer, size);
	close(fd);
}

void
hear_exactly(int fd, const char *text)
{
	size_t len = strlen(text);
	char *answer = malloc(len + 1);

	ck_assert_ptr_nonnull(answer);
	answer[hear_bytes(fd, answer, len)] = '\0';
	ck_assert_str_eq(answer, text);
	free(answer);
}

void
hear_last(int fd, const char *text)
{
	char more;

	hear_exactly(fd, text);
	ck_assert_uint_eq(hear_bytes(fd, &more, 1), 0);
	close(fd);
}

void
hang_up_hard(int fd)
{
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};

	ck_assert_int_eq(
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
	close(fd);
}
