/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Line echo on nothing but epoll: the floor that evchat is measured against.
 * One buffer of 64 KiB is read into for all connections, and complete lines are
 * written straight from it, by one call.  A connection keeps only the start of
 * a line that is not complete, and what its peer would not take; while there is
 * such, nothing is read from it.
 */
#include "server.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { READ_SIZE = 64 * 1024, EVENTS = 256 };

struct bytes {
	char *start;
	size_t len, size;
};

struct connection {
	int fd;
	struct bytes tail;   /* of the input: no complete line */
	struct bytes unsent; /* of the output */
};

static char input[READ_SIZE];
static int loop;

/* What an event tells of that is no connection. */
static struct connection listener, end;

static int
append(struct bytes *to, const char *from, size_t len)
{
	size_t needed = to->len + len;
	char *larger;

	if (!len)
		return 0;
	if (needed > to->size) {
		larger = realloc(to->start, 2 * needed);
		if (!larger)
			return -1;
		to->start = larger;
		to->size = 2 * needed;
	}
	memcpy(to->start + to->len, from, len);
	to->len = needed;
	return 0;
}

static void
remove_front(struct bytes *from, size_t len)
{
	from->len -= len;
	memmove(from->start, from->start + len, from->len);
}

static void
drop(struct connection *c)
{
	close(c->fd);
	free(c->tail.start);
	free(c->unsent.start);
	free(c);
}

static int
watch(int how, struct connection *c, uint32_t what)
{
	struct epoll_event event = {.events = what, .data.ptr = c};

	return epoll_ctl(loop, how, c->fd, &event);
}

/* Where the last complete line ends.  Each one is looked for, as a server must
 * that has something to do with it. */
static size_t
end_of_lines(const struct connection *c, size_t len)
{
	bool after_cr = c->tail.len && c->tail.start[c->tail.len - 1] == '\r';
	const char *stop = input + len;
	const char *done = input;
	const char *lf;

	for (const char *from = input;
	     (lf = memchr(from, '\n', (size_t)(stop - from))); from = lf + 1)
		if (lf > input ? lf[-1] == '\r' : after_cr)
			done = lf + 1;
	return (size_t)(done - input);
}

/* Of the tail and the input, what the socket did not take. */
static int
keep_unsent(struct connection *c, size_t sent, size_t len)
{
	size_t of_tail = sent < c->tail.len ? sent : c->tail.len;
	size_t of_input = sent - of_tail;

	if (append(
		&c->unsent, c->tail.start + of_tail, c->tail.len - of_tail) ||
	    append(&c->unsent, input + of_input, len - of_input))
		return -1;
	return watch(EPOLL_CTL_MOD, c, EPOLLOUT);
}

/* One call in any case; write() where it will do, as it is the cheaper one. */
static ssize_t
write_lines(const struct connection *c, size_t len)
{
	const struct iovec both[] = {
	    {c->tail.start, c->tail.len}, {input, len}};

	return c->tail.len ? writev(c->fd, both, 2) : write(c->fd, input, len);
}

static int
send_lines(struct connection *c, size_t len)
{
	ssize_t sent = write_lines(c, len);

	if (sent < 0 && errno != EAGAIN)
		return -1;
	if (sent < 0)
		sent = 0;
	if ((size_t)sent < c->tail.len + len &&
	    keep_unsent(c, (size_t)sent, len))
		return -1;
	c->tail.len = 0;
	return 0;
}

static int
read_lines(struct connection *c)
{
	ssize_t got = read(c->fd, input, sizeof input);
	size_t len = got > 0 ? (size_t)got : 0;
	size_t done;

	if (got <= 0)
		return got < 0 && errno == EAGAIN ? 0 : -1;
	done = end_of_lines(c, len);
	if (done && send_lines(c, done))
		return -1;
	if (done < len && append(&c->tail, input + done, len - done))
		return -1;
	return c->tail.len > SERVER_TAIL_MAX ? -1 : 0;
}

static int
send_rest(struct connection *c)
{
	ssize_t sent = write(c->fd, c->unsent.start, c->unsent.len);

	if (sent < 0)
		return errno == EAGAIN ? 0 : -1;
	remove_front(&c->unsent, (size_t)sent);
	return c->unsent.len ? 0 : watch(EPOLL_CTL_MOD, c, EPOLLIN);
}

static void
add_connection(int fd)
{
	struct connection *c = calloc(1, sizeof *c);

	if (!c) {
		close(fd);
		return;
	}
	c->fd = fd;
	if (server_send_at_once(fd) || watch(EPOLL_CTL_ADD, c, EPOLLIN))
		drop(c);
}

static void
accept_all(void)
{
	int fd;

	while ((fd = accept4(listener.fd, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		add_connection(fd);
}

static void
serve(struct connection *c)
{
	if (c == &listener)
		accept_all();
	else if (c->unsent.len ? send_rest(c) : read_lines(c))
		drop(c);
}

static int
run(void)
{
	struct epoll_event events[EVENTS];
	int n;

	for (;;) {
		n = epoll_wait(loop, events, EVENTS, -1);
		if (n < 0 && errno != EINTR)
			return -1;
		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;

			if (c != &end)
				serve(c);
			else if (server_is_over())
				return 0;
		}
	}
}

static int
start(void)
{
	end.fd = STDIN_FILENO;
	listener.fd = server_listen();
	loop = epoll_create1(EPOLL_CLOEXEC);
	if (listener.fd < 0 || loop < 0 ||
	    watch(EPOLL_CTL_ADD, &end, EPOLLIN) ||
	    watch(EPOLL_CTL_ADD, &listener, EPOLLIN))
		return -1;
	return server_announce(listener.fd);
}

int
main(void)
{
	if (server_prepare() || start() || run()) {
		perror("echo_epoll");
		return 1;
	}
	return 0;
}
