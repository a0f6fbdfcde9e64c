/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Channels on what is no socket: ends of pipes, FIFOs, terminals, and a child
 * process's standard input and output.
 *
 * A world's channel is the one that is looked at; its peer, where it has one,
 * is a bare descriptor.
 */
#include "support/made.h"
#include "support/suite.h"
#include "support/world.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* --- A world over any two descriptors. --- */

static void
begin(struct world *w)
{
	world_init(w, OVER_SOCKET);
	w->peer_reads = false; /* what is no socket is read by read(2) */
}

static void
open_on(
    struct world *w, int fd, unsigned flags, const struct evchat_callbacks *cb)
{
	w->ch = evchat_open(w->base, fd, flags, cb, w);
	ck_assert_ptr_nonnull(w->ch);
}

static void
frame_by_lines(struct world *w)
{
	ck_assert_int_eq(evchat_set_terminator(w->ch, EVCHAT_LIT("\n")), 0);
}

static void
make_pipe(int ends[2])
{
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
}

static void
put(int fd, const char *text)
{
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* What can be read now. */
static void
expect_read(int fd, const char *text)
{
	char got[256];
	ssize_t n;

	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	n = read(fd, got, sizeof got - 1);
	ck_assert_int_ge(n, 0);
	got[n] = '\0';
	ck_assert_str_eq(got, text);
}

/* The writer's end, once all has been read. */
static void
expect_end(int fd)
{
	char byte;

	ck_assert_int_eq(read(fd, &byte, 1), 0);
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* Turn until it has closed; for ever, if need be. */
static void
run_to_end(struct world *w)
{
	while (!w->closed_count)
		event_base_loop(w->base, EVLOOP_ONCE);
	world_run(w);
}

/* --- The end of a pipe that reads. --- */

static void
open_reader(struct world *w, int ends[2], const struct evchat_callbacks *cb)
{
	begin(w);
	make_pipe(ends);
	open_on(w, ends[0], 0, cb);
	frame_by_lines(w);
}

START_TEST(lines_come_out_of_a_pipe_until_its_writer_closes)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();
	int ends[2];

	open_reader(&w, ends, &cb);
	put(ends[1], "one\ntw");
	world_run(&w);
	put(ends[1], "o\nrest");
	world_run(&w);
	world_expect(&w, "frame(one) frame(two)");
	close(ends[1]);
	world_run(&w);
	world_expect(&w, "closed(EOF)");
	ck_assert_uint_eq(w.partial, 4);
	ck_assert_uint_eq(w.closed_count, 1);
	ck_assert(!is_open(ends[0]));
	world_free(&w);
}
END_TEST

START_TEST(with_an_eof_callback_a_reader_stays_until_it_is_closed)
{
	struct world w;
	int ends[2];

	open_reader(&w, ends, &world_callbacks);
	put(ends[1], "one\n");
	close(ends[1]);
	world_run(&w);
	world_expect(&w, "frame(one) eof");
	evchat_close_when_done(w.ch);
	world_run(&w);
	world_expect(&w, "closed(DONE)");
	world_free(&w);
}
END_TEST

START_TEST(a_reader_cannot_be_written_to)
{
	struct world w;
	struct made made;
	struct evbuffer *bytes = evbuffer_new();
	int ends[2];

	open_reader(&w, ends, &world_callbacks);
	evbuffer_add(bytes, "x", 1);
	ck_assert_int_eq(evchat_push(w.ch, "x", 1), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(evchat_pushf(w.ch, "x"), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(evchat_push_line(w.ch, "x", 1), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(evchat_push_buffer(w.ch, bytes), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(
	    evchat_push_ref(w.ch, "x", 1, NULL, NULL), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(evchat_push_producer(w.ch, made_from(&made, "x.")),
	    EVCHAT_ERR_INVALID);
	ck_assert_uint_eq(made.released, 1);
	ck_assert_int_eq(evchat_shutdown_write(w.ch), EVCHAT_ERR_INVALID);
	put(ends[1], "still here\n");
	world_run(&w);
	world_expect(&w, "frame(still here)");
	evbuffer_free(bytes);
	world_free(&w);
	close(ends[1]);
}
END_TEST

START_TEST(a_reader_that_closes_waits_for_nothing)
{
	struct world w;
	int ends[2];

	open_reader(&w, ends, &world_callbacks);
	put(ends[1], "one\n");
	world_run(&w);
	put(ends[1], "unread\n");
	evchat_close_when_done(w.ch);
	world_run(&w);
	world_expect(&w, "frame(one) closed(DONE)");
	ck_assert(!is_open(ends[0]));
	world_free(&w);
	close(ends[1]);
}
END_TEST

START_TEST(a_paused_reader_leaves_the_bytes_in_the_pipe)
{
	struct world w;
	int ends[2];

	open_reader(&w, ends, &world_callbacks);
	world_run(&w);
	ck_assert_int_eq(evchat_pause(w.ch), 0);
	put(ends[1], "one\n");
	close(ends[1]);
	world_run(&w);
	world_expect(&w, "");
	expect_read(ends[0], "one\n");
	ck_assert_int_eq(evchat_resume(w.ch), 0);
	world_run(&w);
	world_expect(&w, "eof");
	world_free(&w);
}
END_TEST

START_TEST(deadlines_hold_for_a_reader)
{
	struct world w;
	struct evchat_limits limits = {
	    .frame_deadline_ms = 100, .idle_deadline_ms = 500};
	int ends[2];

	open_reader(&w, ends, &world_callbacks);
	evchat_set_limits(w.ch, &limits);
	put(ends[1], "begun");
	world_run(&w);
	world_pass(&w, 100);
	world_expect(&w, "timeout(TIMEOUT_FRAME)");
	/* A stalled loop does not make the writer late. */
	put(ends[1], " and ended\n");
	world_pass(&w, 300);
	world_expect(&w, "frame(begun and ended)");
	world_pass(&w, 500);
	world_expect(&w, "timeout(TIMEOUT_IDLE)");
	world_free(&w);
	close(ends[1]);
}
END_TEST

/* --- The end of a pipe that writes. --- */

static void
open_writer(struct world *w, int ends[2], const struct evchat_callbacks *cb)
{
	begin(w);
	make_pipe(ends);
	open_on(w, ends[1], 0, cb);
}

START_TEST(what_is_pushed_goes_into_a_pipe)
{
	struct world w;
	struct made made;
	int ends[2];

	open_writer(&w, ends, &world_callbacks);
	evchat_push_line(w.ch, "one", 3);
	evchat_push_producer(w.ch, made_from(&made, "made."));
	evchat_push_ref(w.ch, "lent", 4, NULL, NULL);
	world_run(&w);
	world_expect(&w, "drained");
	expect_read(ends[0], "one\r\nmadelent");
	world_free(&w);
	expect_end(ends[0]);
	close(ends[0]);
}
END_TEST

START_TEST(a_writer_has_no_terminator)
{
	struct world w;
	struct evchat_terminator t;
	int ends[2];

	open_writer(&w, ends, &world_callbacks);
	ck_assert_int_eq(
	    evchat_set_terminator(w.ch, evchat_line()), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(
	    evchat_set_terminator(w.ch, evchat_none()), EVCHAT_ERR_INVALID);
	evchat_get_terminator(w.ch, &t);
	ck_assert_int_eq(t.kind, EVCHAT_NONE);
	world_free(&w);
	close(ends[0]);
}
END_TEST

/* Nobody can say that it has read all, so there is nothing to wait for. */
START_TEST(a_writer_that_closes_ends_when_all_is_sent)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();
	bool shut = _i;
	int ends[2];

	open_writer(&w, ends, &cb);
	evchat_push(w.ch, "last\n", 5);
	if (shut)
		ck_assert_int_eq(evchat_shutdown_write(w.ch), 0);
	else
		evchat_close_when_done(w.ch);
	ck_assert_int_eq(evchat_push(w.ch, "x", 1), EVCHAT_ERR_CLOSING);
	ck_assert_int_eq(evchat_shutdown_write(w.ch), EVCHAT_ERR_CLOSING);
	world_run(&w);
	world_expect(&w, "closed(DONE)");
	expect_read(ends[0], "last\n");
	expect_end(ends[0]);
	ck_assert(!is_open(ends[1]));
	world_free(&w);
	close(ends[0]);
}
END_TEST

START_TEST(a_writer_with_nothing_to_say_closes_at_once)
{
	struct world w;
	bool shut = _i;
	int ends[2];

	open_writer(&w, ends, &world_callbacks);
	if (shut)
		ck_assert_int_eq(evchat_shutdown_write(w.ch), 0);
	else
		evchat_close_when_done(w.ch);
	world_run(&w);
	world_expect(&w, "closed(DONE)");
	expect_end(ends[0]);
	world_free(&w);
	close(ends[0]);
}
END_TEST

/* More than a pipe holds. */
START_TEST(a_slow_reader_gets_everything_in_order)
{
	enum { LINES = 50000 };
	struct world w;
	struct evchat_callbacks cb = world_plain();
	FILE *out;
	int ends[2], n = 0;

	open_writer(&w, ends, &cb);
	for (int i = 0; i < LINES; i++)
		ck_assert_int_eq(evchat_pushf(w.ch, "line %d\n", i), 0);
	evchat_close_when_done(w.ch);
	world_run(&w);
	ck_assert_uint_eq(w.closed_count, 0);
	ck_assert_int_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	out = tmpfile();
	while (!w.closed_count) {
		char some[1000];
		ssize_t got = read(ends[0], some, sizeof some);

		if (got > 0)
			fwrite(some, 1, (size_t)got, out);
		world_turn(&w);
	}
	for (char some[1000];;) {
		ssize_t got = read(ends[0], some, sizeof some);

		if (got <= 0)
			break;
		fwrite(some, 1, (size_t)got, out);
	}
	rewind(out);
	for (int i; fscanf(out, "line %d\n", &i) == 1; n++)
		ck_assert_int_eq(i, n);
	ck_assert_int_eq(n, LINES);
	world_expect(&w, "closed(DONE)");
	fclose(out);
	close(ends[0]);
	world_free(&w);
}
END_TEST

/* world_init() ignores SIGPIPE, as a program must. */
START_TEST(a_writer_whose_reader_has_gone_ends_with_epipe)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();
	int ends[2];

	open_writer(&w, ends, &cb);
	close(ends[0]);
	world_run(&w);
	world_expect(&w, ""); /* who does not write does not know */
	evchat_push(w.ch, "to nobody", 9);
	world_run(&w);
	world_expect(&w, "closed(ERROR)");
	ck_assert_int_eq(w.error, EPIPE);
	ck_assert_uint_eq(w.unsent, 9);
	ck_assert_uint_eq(w.closed_count, 1);
	ck_assert(!is_open(ends[1]));
	world_free(&w);
}
END_TEST

START_TEST(a_writer_whose_reader_goes_while_much_waits_ends_with_epipe)
{
	static char block[1 << 20];
	struct world w;
	struct evchat_callbacks cb = world_plain();
	bool closing = _i;
	int ends[2];

	open_writer(&w, ends, &cb);
	evchat_push(w.ch, block, sizeof block);
	if (closing)
		evchat_close_when_done(w.ch);
	world_run(&w);
	world_expect(&w, "");
	close(ends[0]);
	world_run(&w);
	world_expect(&w, "closed(ERROR)");
	ck_assert_int_eq(w.error, EPIPE);
	ck_assert_uint_gt(w.unsent, 0);
	ck_assert_uint_lt(w.unsent, sizeof block);
	world_free(&w);
}
END_TEST

START_TEST(a_reader_that_takes_nothing_is_left_after_the_write_deadline)
{
	static char block[1 << 20];
	struct world w;
	struct evchat_callbacks cb = world_plain();
	int ends[2];

	open_writer(&w, ends, &cb);
	evchat_set_limits(
	    w.ch, &(struct evchat_limits){.write_deadline_ms = 100});
	evchat_push(w.ch, block, sizeof block);
	world_run(&w);
	world_pass(&w, 100); /* what went until now was progress */
	world_pass(&w, 100);
	world_expect(&w, "closed(TIMEOUT_WRITE)");
	world_free(&w);
	close(ends[0]);
}
END_TEST

/* --- Descriptors that stay. --- */

START_TEST(a_kept_descriptor_can_be_used_on)
{
	struct world w;
	int ends[2];

	begin(&w);
	make_pipe(ends);
	open_on(&w, ends[1], EVCHAT_OPEN_KEEP_FD, &world_callbacks);
	evchat_push(w.ch, "one ", 4);
	evchat_close_when_done(w.ch);
	world_run(&w);
	world_expect(&w, "drained closed(DONE)");
	put(ends[1], "two ");
	open_on(&w, ends[1], EVCHAT_OPEN_KEEP_FD, &world_callbacks);
	evchat_push(w.ch, "three", 5);
	world_run(&w);
	evchat_free(w.ch);
	w.ch = NULL;
	world_run(&w);
	ck_assert(is_open(ends[1]));
	expect_read(ends[0], "one two three");
	world_free(&w);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(a_kept_reader_leaves_what_comes_later_to_others)
{
	struct world w;
	int ends[2];

	begin(&w);
	make_pipe(ends);
	open_on(&w, ends[0], EVCHAT_OPEN_KEEP_FD, &world_callbacks);
	frame_by_lines(&w);
	put(ends[1], "mine\n");
	world_run(&w);
	evchat_close_when_done(w.ch);
	world_run(&w);
	world_expect(&w, "frame(mine) closed(DONE)");
	put(ends[1], "yours\n");
	expect_read(ends[0], "yours\n");
	world_free(&w);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

/* The short answer ends in a reset only where the channel closes: a kept
 * descriptor is left as it was. */
START_TEST(a_kept_descriptor_survives_a_producer_that_fails)
{
	struct linger linger = {1, 1};
	socklen_t len = sizeof linger;
	struct world w;
	struct made made;
	int ends[2];

	begin(&w);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	open_on(&w, ends[1], EVCHAT_OPEN_KEEP_FD, &world_callbacks);
	evchat_push_producer(w.ch, made_from(&made, "half!"));
	world_run(&w);
	ck_assert_int_eq(w.reason, EVCHAT_REASON_PRODUCER);
	ck_assert_int_eq(
	    getsockopt(ends[1], SOL_SOCKET, SO_LINGER, &linger, &len), 0);
	ck_assert_int_eq(linger.l_onoff, 0);
	put(ends[1], "whole");
	expect_read(ends[0], "whole");
	world_free(&w);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

/* --- What cannot be a channel. --- */

static void
expect_refused(int fd, unsigned flags, int error)
{
	struct world w;

	begin(&w);
	errno = 0;
	ck_assert_ptr_null(
	    evchat_open(w.base, fd, flags, &world_callbacks, &w));
	ck_assert_int_eq(errno, error);
	world_free(&w);
}

START_TEST(files_and_folders_are_refused_and_stay_open)
{
	char name[] = "evchat-test-XXXXXX";
	int file = mkstemp(name), folder = open(".", O_RDONLY);
	int reader = open(name, O_RDONLY), writer = open(name, O_WRONLY);

	unlink(name);
	expect_refused(file, 0, EINVAL);
	expect_refused(reader, 0, EINVAL);
	expect_refused(writer, 0, EINVAL);
	expect_refused(folder, 0, EINVAL);
	expect_refused(file, EVCHAT_OPEN_KEEP_FD, EINVAL);
	ck_assert_int_eq(close(reader), 0);
	ck_assert_int_eq(close(writer), 0);
	ck_assert_int_eq(close(folder), 0);
	ck_assert_int_eq(close(file), 0);
}
END_TEST

START_TEST(what_is_no_descriptor_is_refused)
{
	int ends[2], far;

	make_pipe(ends);
	/* Not a number that the loop takes for itself. */
	far = fcntl(ends[0], F_DUPFD, 100);
	ck_assert_int_eq(close(far), 0);
	expect_refused(far, 0, EBADF);
	expect_refused(-1, 0, EBADF);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(an_unknown_flag_is_refused)
{
	int ends[2];

	make_pipe(ends);
	expect_refused(ends[0], 4, EINVAL);
	expect_refused(ends[1], ~0u, EINVAL);
	ck_assert_int_eq(close(ends[0]), 0);
	ck_assert_int_eq(close(ends[1]), 0);
}
END_TEST

/* --- FIFOs. --- */

struct fifo {
	char folder[32];
	char path[64];
};

static void
make_fifo(struct fifo *f)
{
	strcpy(f->folder, "evchat-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(f->folder));
	snprintf(f->path, sizeof f->path, "%s/fifo", f->folder);
	ck_assert_int_eq(mkfifo(f->path, 0600), 0);
}

static int
open_fifo(const struct fifo *f, int mode)
{
	int fd = open(f->path, mode | O_NONBLOCK);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static void
remove_fifo(const struct fifo *f)
{
	unlink(f->path);
	rmdir(f->folder);
}

START_TEST(a_fifo_is_read_until_its_last_writer_closes)
{
	struct world w;
	struct fifo fifo;
	int one, other;

	begin(&w);
	make_fifo(&fifo);
	open_on(&w, open_fifo(&fifo, O_RDONLY), 0, &world_callbacks);
	frame_by_lines(&w);
	one = open_fifo(&fifo, O_WRONLY);
	other = open_fifo(&fifo, O_WRONLY);
	put(one, "one\n");
	world_run(&w);
	close(one);
	put(other, "other\n");
	world_run(&w);
	world_expect(&w, "frame(one) frame(other)");
	ck_assert_int_eq(evchat_push(w.ch, "x", 1), EVCHAT_ERR_INVALID);
	close(other);
	world_run(&w);
	world_expect(&w, "eof");
	remove_fifo(&fifo);
	world_free(&w);
}
END_TEST

START_TEST(a_fifo_is_written_to)
{
	struct world w;
	struct fifo fifo;
	int reader;

	begin(&w);
	make_fifo(&fifo);
	reader = open_fifo(&fifo, O_RDONLY);
	open_on(&w, open_fifo(&fifo, O_WRONLY), 0, &world_callbacks);
	evchat_push_line(w.ch, "hello", 5);
	ck_assert_int_eq(evchat_shutdown_write(w.ch), 0);
	world_run(&w);
	world_expect(&w, "drained closed(DONE)");
	expect_read(reader, "hello\r\n");
	expect_end(reader);
	close(reader);
	remove_fifo(&fifo);
	world_free(&w);
}
END_TEST

/* Linux lets one descriptor have both ends; then there is no end to come. */
START_TEST(a_fifo_open_for_both_speaks_to_itself)
{
	struct world w;
	struct fifo fifo;

	begin(&w);
	make_fifo(&fifo);
	open_on(&w, open_fifo(&fifo, O_RDWR), 0, &world_callbacks);
	frame_by_lines(&w);
	evchat_push(w.ch, "echo\n", 5);
	world_run(&w);
	world_expect(&w, "drained frame(echo)");
	ck_assert_int_eq(evchat_shutdown_write(w.ch), 0);
	ck_assert_int_eq(evchat_push(w.ch, "x", 1), EVCHAT_ERR_CLOSING);
	world_run(&w);
	world_expect(&w, "");
	evchat_close_when_done(w.ch);
	world_run(&w);
	world_expect(&w, "closed(DONE)");
	remove_fifo(&fifo);
	world_free(&w);
}
END_TEST

/* --- Terminals. --- */

/* The two sides of a terminal that changes nothing of what passes it: the one
 * of the program that shows it, and the one of those that run in it. */
static void
make_terminal(int *shows, int *runs)
{
	struct termios raw;

	*shows = posix_openpt(O_RDWR | O_NOCTTY);
	ck_assert_int_ge(*shows, 0);
	ck_assert_int_eq(grantpt(*shows), 0);
	ck_assert_int_eq(unlockpt(*shows), 0);
	*runs = open(ptsname(*shows), O_RDWR | O_NOCTTY);
	ck_assert_int_ge(*runs, 0);
	ck_assert_int_eq(tcgetattr(*runs, &raw), 0);
	cfmakeraw(&raw);
	ck_assert_int_eq(tcsetattr(*runs, TCSANOW, &raw), 0);
}

/* A terminal passes bytes on in its own time. */
static void
await_bytes(struct world *w, uint64_t n)
{
	struct evchat_stats stats;

	do {
		world_turn(w);
		evchat_get_stats(w->ch, &stats);
	} while (w->ch && stats.bytes_in < n);
	world_run(w);
}

static void
await_word(struct world *w)
{
	while (!evbuffer_get_length(w->transcript))
		world_turn(w);
	world_run(w);
}

static void
await_read(int fd, const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++) {
		char byte;

		ck_assert_int_eq(read(fd, &byte, 1), 1);
		ck_assert_int_eq(byte, text[i]);
	}
}

/* The channel is on one side, the test on the other. */
static int
open_terminal(struct world *w, bool shows, const struct evchat_callbacks *cb)
{
	int sides[2];

	begin(w);
	make_terminal(&sides[0], &sides[1]);
	open_on(w, shows ? sides[0] : sides[1], 0, cb);
	frame_by_lines(w);
	return shows ? sides[1] : sides[0];
}

START_TEST(lines_pass_a_terminal_both_ways)
{
	struct world w;
	int other = open_terminal(&w, _i, &world_callbacks);

	put(other, "to you\nand");
	await_bytes(&w, 10);
	put(other, " you\n");
	await_bytes(&w, 15);
	world_expect(&w, "frame(to you) frame(and you)");
	evchat_push(w.ch, "to me\n", 6);
	await_word(&w);
	world_expect(&w, "drained");
	await_read(other, "to me\n");
	world_free(&w);
	close(other);
}
END_TEST

START_TEST(a_hangup_is_an_end_and_no_error)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();
	int other = open_terminal(&w, _i, &cb);

	put(other, "bye\nbye");
	/* What was not read goes with the side that shows it. */
	if (!_i)
		await_bytes(&w, 7);
	close(other);
	run_to_end(&w);
	world_expect(&w, "frame(bye) closed(EOF)");
	ck_assert_int_eq(w.error, 0);
	ck_assert_uint_eq(w.partial, 3);
	ck_assert_uint_eq(w.closed_count, 1);
	world_free(&w);
}
END_TEST

START_TEST(a_hangup_is_told_where_there_is_an_eof_callback)
{
	struct world w;
	int other = open_terminal(&w, _i, &world_callbacks);

	world_run(&w);
	close(other);
	await_word(&w);
	world_expect(&w, "eof");
	evchat_close_when_done(w.ch);
	world_run(&w);
	world_expect(&w, "closed(DONE)");
	world_free(&w);
}
END_TEST

/* A terminal has no half that could be shut. */
START_TEST(shut_a_terminal_refuses_pushes_until_the_hangup)
{
	struct world w;
	int other = open_terminal(&w, _i, &world_callbacks);

	evchat_push(w.ch, "bye\n", 4);
	ck_assert_int_eq(evchat_shutdown_write(w.ch), 0);
	ck_assert_int_eq(evchat_shutdown_write(w.ch), 0);
	ck_assert_int_eq(evchat_push(w.ch, "x", 1), EVCHAT_ERR_CLOSING);
	await_word(&w);
	world_expect(&w, "drained");
	await_read(other, "bye\n");
	put(other, "still here\n");
	await_word(&w);
	world_expect(&w, "frame(still here)");
	close(other);
	run_to_end(&w);
	world_expect(&w, "eof closed(EOF)");
	world_free(&w);
}
END_TEST

START_TEST(close_when_done_sends_all_to_a_terminal_and_does_not_linger)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();
	int other = open_terminal(&w, _i, &cb);

	evchat_push(w.ch, "bye\n", 4);
	evchat_close_when_done(w.ch);
	run_to_end(&w);
	world_expect(&w, "closed(DONE)");
	/* What was shown to nobody goes with the side that shows it. */
	if (!_i)
		await_read(other, "bye\n");
	world_free(&w);
	close(other);
}
END_TEST

/* --- A child's standard input and output. --- */

struct child {
	pid_t pid;
	struct world to, from;
};

static pid_t
start(const char *name, int in, int out)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid)
		return pid;
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	setenv("LC_ALL", "C", 1);
	execlp(name, name, (char *)NULL);
	_exit(127);
}

/* Two worlds over one loop. */
static void
open_child(struct child *c, const char *name)
{
	struct evchat_callbacks cb = world_plain();
	int in[2], out[2];

	begin(&c->to);
	begin(&c->from);
	event_base_free(c->from.base);
	c->from.base = c->to.base;
	make_pipe(in);
	make_pipe(out);
	c->pid = start(name, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	open_on(&c->to, in[1], 0, &cb);
	open_on(&c->from, out[0], 0, &cb);
	frame_by_lines(&c->from);
}

static void
expect_exit(pid_t pid)
{
	int status = -1;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}

static void
free_child(struct child *c)
{
	evbuffer_free(c->from.transcript);
	evbuffer_free(c->from.received);
	world_free(&c->to);
}

static void
finish_input(struct child *c, bool shut)
{
	if (shut)
		ck_assert_int_eq(evchat_shutdown_write(c->to.ch), 0);
	else
		evchat_close_when_done(c->to.ch);
}

START_TEST(a_child_answers_line_by_line_and_ends_with_its_input)
{
	struct child c;

	open_child(&c, "cat");
	for (int i = 1; i <= 3; i++) {
		struct evchat_stats stats;

		ck_assert_int_eq(evchat_pushf(c.to.ch, "line %d\n", i), 0);
		do {
			event_base_loop(c.to.base, EVLOOP_ONCE);
			evchat_get_stats(c.from.ch, &stats);
		} while (stats.frames_in < (uint64_t)i);
	}
	world_expect(&c.from, "frame(line 1) frame(line 2) frame(line 3)");
	finish_input(&c, _i);
	run_to_end(&c.to);
	run_to_end(&c.from);
	world_expect(&c.to, "closed(DONE)");
	world_expect(&c.from, "closed(EOF)");
	expect_exit(c.pid);
	free_child(&c);
}
END_TEST

START_TEST(a_child_that_waits_for_all_of_its_input_answers_at_its_end)
{
	struct child c;

	open_child(&c, "sort");
	evchat_push(c.to.ch, "pear\nplum\napple\n", 16);
	world_run(&c.to);
	world_expect(&c.from, "");
	evchat_push(c.to.ch, "fig\n", 4);
	finish_input(&c, _i);
	run_to_end(&c.from);
	run_to_end(&c.to);
	world_expect(&c.from, "frame(apple) frame(fig) frame(pear) "
			      "frame(plum) closed(EOF)");
	world_expect(&c.to, "closed(DONE)");
	ck_assert_uint_eq(c.from.partial, 0);
	expect_exit(c.pid);
	free_child(&c);
}
END_TEST

static size_t lines_back;

static void
on_line_back(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	char line[32];

	(void)ch;
	(void)ctx;
	snprintf(line, sizeof line, "line %zu", lines_back++);
	ck_assert_uint_eq(len, strlen(line));
	ck_assert(memcmp(bytes, line, len) == 0);
}

/* Far more than the pipes hold: neither side may wait for the other. */
START_TEST(much_passes_through_a_child)
{
	enum { LINES = 100000 };
	struct child c;
	struct evchat_callbacks cb = world_plain();

	open_child(&c, "cat");
	cb.frame = on_line_back;
	ck_assert_int_eq(evchat_set_callbacks(c.from.ch, &cb), 0);
	lines_back = 0;
	for (int i = 0; i < LINES; i++)
		ck_assert_int_eq(evchat_pushf(c.to.ch, "line %d\n", i), 0);
	evchat_close_when_done(c.to.ch);
	run_to_end(&c.to);
	run_to_end(&c.from);
	ck_assert_uint_eq(lines_back, LINES);
	world_expect(&c.from, "closed(EOF)");
	expect_exit(c.pid);
	free_child(&c);
}
END_TEST

START_TEST(a_child_that_goes_early_is_an_error_on_its_input)
{
	static char block[1 << 20];
	struct child c;

	open_child(&c, "true");
	evchat_push(c.to.ch, block, sizeof block);
	run_to_end(&c.to);
	run_to_end(&c.from);
	world_expect(&c.to, "closed(ERROR)");
	ck_assert_int_eq(c.to.error, EPIPE);
	world_expect(&c.from, "closed(EOF)");
	expect_exit(c.pid);
	free_child(&c);
}
END_TEST

/* One channel, both ways: its half is shut, and the child's answer comes. */
START_TEST(a_child_may_have_one_socket_for_both)
{
	struct world w;
	struct evchat_callbacks cb = world_plain();
	int ends[2];
	pid_t pid;

	begin(&w);
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	pid = start("sort", ends[1], ends[1]);
	close(ends[1]);
	open_on(&w, ends[0], 0, &cb);
	frame_by_lines(&w);
	evchat_push(w.ch, "pear\napple\n", 11);
	ck_assert_int_eq(evchat_shutdown_write(w.ch), 0);
	run_to_end(&w);
	world_expect(&w, "frame(apple) frame(pear) closed(EOF)");
	expect_exit(pid);
	world_free(&w);
}
END_TEST

/* A container may have none. */
static bool
there_are_terminals(void)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static void
add_terminals(TCase *terminals)
{
	tcase_add_loop_test(terminals, lines_pass_a_terminal_both_ways, 0, 2);
	tcase_add_loop_test(terminals, a_hangup_is_an_end_and_no_error, 0, 2);
	tcase_add_loop_test(
	    terminals, a_hangup_is_told_where_there_is_an_eof_callback, 0, 2);
	tcase_add_loop_test(
	    terminals, shut_a_terminal_refuses_pushes_until_the_hangup, 0, 2);
	tcase_add_loop_test(terminals,
	    close_when_done_sends_all_to_a_terminal_and_does_not_linger, 0, 2);
}

int
main(void)
{
	Suite *s = suite_create("descriptors");
	TCase *pipes = suite_group(s, "pipes");
	TCase *stalls = suite_exact_group(s, "stalls", "turns");
	TCase *others = suite_group(s, "refused, and FIFOs");
	TCase *terminals = suite_group(s, "terminals");
	TCase *children = suite_group(s, "children");

	tcase_add_test(pipes, lines_come_out_of_a_pipe_until_its_writer_closes);
	tcase_add_test(
	    pipes, with_an_eof_callback_a_reader_stays_until_it_is_closed);
	tcase_add_test(pipes, a_reader_cannot_be_written_to);
	tcase_add_test(pipes, a_reader_that_closes_waits_for_nothing);
	tcase_add_test(pipes, a_paused_reader_leaves_the_bytes_in_the_pipe);
	tcase_add_test(stalls, deadlines_hold_for_a_reader);
	tcase_add_test(pipes, what_is_pushed_goes_into_a_pipe);
	tcase_add_test(pipes, a_writer_has_no_terminator);
	tcase_add_loop_test(
	    pipes, a_writer_that_closes_ends_when_all_is_sent, 0, 2);
	tcase_add_loop_test(
	    pipes, a_writer_with_nothing_to_say_closes_at_once, 0, 2);
	tcase_add_test(pipes, a_slow_reader_gets_everything_in_order);
	tcase_add_test(pipes, a_writer_whose_reader_has_gone_ends_with_epipe);
	tcase_add_loop_test(pipes,
	    a_writer_whose_reader_goes_while_much_waits_ends_with_epipe, 0, 2);
	tcase_add_test(pipes,
	    a_reader_that_takes_nothing_is_left_after_the_write_deadline);
	tcase_add_test(pipes, a_kept_descriptor_can_be_used_on);
	tcase_add_test(pipes, a_kept_reader_leaves_what_comes_later_to_others);
	tcase_add_test(pipes, a_kept_descriptor_survives_a_producer_that_fails);
	tcase_add_test(others, files_and_folders_are_refused_and_stay_open);
	tcase_add_test(others, what_is_no_descriptor_is_refused);
	tcase_add_test(others, an_unknown_flag_is_refused);
	tcase_add_test(others, a_fifo_is_read_until_its_last_writer_closes);
	tcase_add_test(others, a_fifo_is_written_to);
	tcase_add_test(others, a_fifo_open_for_both_speaks_to_itself);
	if (there_are_terminals())
		add_terminals(terminals);
	else
		puts("No terminals here: what is said of them is not tested.");
	tcase_add_loop_test(children,
	    a_child_answers_line_by_line_and_ends_with_its_input, 0, 2);
	tcase_add_loop_test(children,
	    a_child_that_waits_for_all_of_its_input_answers_at_its_end, 0, 2);
	tcase_add_test(children, much_passes_through_a_child);
	tcase_add_test(
	    children, a_child_that_goes_early_is_an_error_on_its_input);
	tcase_add_test(children, a_child_may_have_one_socket_for_both);
	return suite_run(s);
}
