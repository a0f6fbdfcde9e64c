/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Programs as their users meet them: a program is started, talked to over
 * pipes and blocking sockets, and ended.  Whatever must come is waited for by
 * reading; nothing here knows what time it is.
 *
 * No program gets a descriptor of the test's but those it is given, so an end
 * that the test closes is closed.
 */
#ifndef EVCHAT_TEST_PROGRAM_H
#define EVCHAT_TEST_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* In place of a descriptor that a program is given: a pipe. */
#define PROGRAM_PIPE (-1)

struct program {
	pid_t pid;
	uint16_t port;    /* where a server listens */
	int in, out, err; /* our ends of its pipes, or -1 */
};

/* Start a server, whose first line on stdout ends in the port it took.  What it
 * prints later comes from `out`; its stderr is the test's. */
struct program program_serve(char *const argv[]);

/* Start a program with this stdin and stdout; its stderr is a pipe. */
struct program program_start(char *const argv[], int in, int out);

/* Tell it that there is no more for its stdin. */
void program_end_input(struct program *p);

/* Hear all that it prints, and wait for it. */
struct program_end {
	int status;       /* of the exit, or 128 and the signal's number */
	char said[65536]; /* to stdout, if that is a pipe */
	size_t len;
	char err[4096];
};
void program_finish(struct program *p, struct program_end *end);

/* The same when there is nothing to hear; the status. */
int program_wait(struct program *p);

/* The most memory that it has had, in KiB; 0 where the system does not say, and
 * where a sanitizer's memory would be most of it. */
size_t program_peak_kib(const struct program *p);

/* Ask it to end, with SIGTERM. */
void program_ask_to_end(const struct program *p);

/* Ask it to end, and wait; the status. */
int program_stop(struct program *p);

/* --- Conversations over sockets and pipes.  A descriptor that blocks for a
 * minute fails the test. --- */

/* A connection to 127.0.0.1; -1 if it is refused. */
int try_dial(uint16_t port);
int dial(uint16_t port);

/* False when the peer has gone, which a refusal may well do. */
bool say(int fd, const char *bytes, size_t len);
void say_text(int fd, const char *text); /* must not fail */
bool say_in_pieces(
    int fd, const char *bytes, size_t len, size_t cut, size_t step);

/* A text so many times, which is to be freed. */
char *repeat_text(const char *text, size_t n);

/* Say a text again and again, `most` bytes in all, until no more is taken,
 * however often `meanwhile` has been called, or the peer has gone; how much was
 * said. */
size_t say_until_stuck(
    int fd, const char *text, size_t most, void (*meanwhile)(void));

/* In a process of its own, so that neither side waits for the other; then end
 * what is said.  A pipe ends only when the test closes its own descriptor, too.
 */
pid_t say_apart(int fd, const char *bytes, size_t len);
void await_said(pid_t speaker);

/* Hear up to the peer's end, as a C string; the length. */
size_t hear(int fd, char *answer, size_t size);

/* The answer of a server to what is said in pieces of `step` bytes after a
 * first one of `cut`, and then ended. */
void say_in_pieces_and_hear(uint16_t port, const char *text, size_t cut,
    size_t step, char *answer, size_t size);

/* Hear so many bytes, and no more; fewer only at the end. */
size_t hear_bytes(int fd, char *answer, size_t len);

/* Hear exactly this next. */
void hear_exactly(int fd, const char *text);

/* Hear exactly this, then the end, and hang up. */
void hear_last(int fd, const char *text);

/* Let the peer read a reset rather than the end. */
void hang_up_hard(int fd);

#endif
