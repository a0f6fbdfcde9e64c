/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Line echo on bufferevents, tuned by hand: echo_bufferevent MODE
 *
 *	move	The input is searched where it lies, each byte once.  All
 *		complete lines go to the output together; their memory is
 *		moved, not copied.  The 16 KiB a write are lifted, and
 *		malloc() keeps what it has.
 *	eager	Also, as far as libevent's public functions allow: bytes beyond
 *		the 4 KiB of one evbuffer_read() are fetched in the callback,
 *		and the answer is written from there, which saves two
 *		epoll_ctl() and a turn of the loop for each.  This goes behind
 *		the bufferevent's back, and few would dare it.
 */
#include "server.h"
#include "server_loop.h"
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	RUNS = 64,
	LIBEVENT_READ = 4096,
	READ_MORE = 64 * 1024,
	KEPT_MEMORY = 64 * 1024 * 1024
};

/* How far the input has been searched. */
struct search {
	size_t at;
	size_t end_of_lines;
	bool after_cr;
};

static bool eager;

static void on_event(struct bufferevent *bev, short what, void *ctx);
static void on_read(struct bufferevent *bev, void *ctx);

static void
drop(struct bufferevent *bev, struct search *search)
{
	bufferevent_free(bev);
	free(search);
}

static void
search_run(struct search *search, const char *run, size_t len)
{
	const char *end = run + len;
	const char *lf;

	for (const char *from = run;
	     (lf = memchr(from, '\n', (size_t)(end - from))); from = lf + 1)
		if (lf > run ? lf[-1] == '\r' : search->after_cr)
			search->end_of_lines =
			    search->at + (size_t)(lf - run) + 1;
	search->after_cr = end[-1] == '\r';
	search->at += len;
}

static int
search_input(struct search *search, struct evbuffer *in)
{
	struct evbuffer_iovec runs[RUNS];
	struct evbuffer_ptr from;
	int n;

	while (search->at < evbuffer_get_length(in)) {
		if (evbuffer_ptr_set(in, &from, search->at, EVBUFFER_PTR_SET))
			return -1;
		n = evbuffer_peek(in, -1, &from, runs, RUNS);
		for (int i = 0; i < n && i < RUNS; i++)
			search_run(search, runs[i].iov_base, runs[i].iov_len);
	}
	return 0;
}

static int
move_lines(struct search *search, struct evbuffer *in, struct evbuffer *out)
{
	size_t len = search->end_of_lines;

	if (!len)
		return 0;
	search->at -= len;
	search->end_of_lines = 0;
	return evbuffer_remove_buffer(in, out, len) < 0 ? -1 : 0;
}

/* An error or the end is left for libevent's own next read to find. */
static int
read_more(struct evbuffer *in, int fd)
{
	struct evbuffer_iovec space;
	ssize_t n;

	if (evbuffer_unfreeze(in, 0) ||
	    evbuffer_reserve_space(in, READ_MORE, &space, 1) < 1)
		return -1;
	n = recv(fd, space.iov_base, space.iov_len, 0);
	space.iov_len = n > 0 ? (size_t)n : 0;
	return evbuffer_commit_space(in, &space, 1) || evbuffer_freeze(in, 0);
}

/* What the socket refuses is libevent's to send. */
static int
write_at_once(struct bufferevent *bev, struct evbuffer *out, int fd)
{
	if (!evbuffer_get_length(out) ||
	    bufferevent_get_enabled(bev) & EV_WRITE)
		return 0;
	if (evbuffer_unfreeze(out, 1) ||
	    (evbuffer_write(out, fd) < 0 && errno != EAGAIN) ||
	    evbuffer_freeze(out, 1))
		return -1;
	return evbuffer_get_length(out) ? bufferevent_enable(bev, EV_WRITE) : 0;
}

static void
on_drained(struct bufferevent *bev, void *search)
{
	bufferevent_setcb(
	    bev, on_read, eager ? on_drained : NULL, on_event, search);
	if ((eager && bufferevent_disable(bev, EV_WRITE)) ||
	    bufferevent_enable(bev, EV_READ))
		drop(bev, search);
}

/* Its peer does not read: wait until it has. */
static int
hold_back(struct bufferevent *bev, struct search *search)
{
	bufferevent_setcb(bev, on_read, on_drained, on_event, search);
	return bufferevent_disable(bev, EV_READ);
}

static int
echo(struct bufferevent *bev, struct search *search)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	struct evbuffer *out = bufferevent_get_output(bev);
	int fd = bufferevent_getfd(bev);

	if (eager && evbuffer_get_length(in) >= LIBEVENT_READ &&
	    read_more(in, fd))
		return -1;
	if (search_input(search, in) || move_lines(search, in, out) ||
	    search->at > SERVER_TAIL_MAX)
		return -1;
	if (eager && write_at_once(bev, out, fd))
		return -1;
	if (evbuffer_get_length(out) > SERVER_OUTPUT_HIGH)
		return hold_back(bev, search);
	return 0;
}

static void
on_read(struct bufferevent *bev, void *search)
{
	if (echo(bev, search))
		drop(bev, search);
}

static void
on_event(struct bufferevent *bev, short what, void *search)
{
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		drop(bev, search);
}

static int
set_up(struct bufferevent *bev, struct search *search)
{
	bufferevent_setcb(
	    bev, on_read, eager ? on_drained : NULL, on_event, search);
	if (bufferevent_set_max_single_read(bev, SERVER_OUTPUT_HIGH) ||
	    bufferevent_set_max_single_write(bev, SERVER_OUTPUT_HIGH) ||
	    server_send_at_once(bufferevent_getfd(bev)))
		return -1;
	if (eager && bufferevent_disable(bev, EV_WRITE))
		return -1;
	return bufferevent_enable(bev, EV_READ);
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *peer, int len, void *base)
{
	struct search *search = calloc(1, sizeof *search);
	struct bufferevent *bev =
	    search ? bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE)
		   : NULL;

	(void)listener;
	(void)peer;
	(void)len;
	if (!bev) {
		free(search);
		close(fd);
		return;
	}
	if (set_up(bev, search))
		drop(bev, search);
}

/* Memory at the top of the heap that is given back to the kernel, to be faulted
 * in again for the next long line, costs more than all the rest. */
static void
keep_memory(void)
{
#ifdef __GLIBC__
	(void)mallopt(M_TRIM_THRESHOLD, KEPT_MEMORY);
#endif
}

static struct event_base *
make_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config && event_config_set_flag(config,
			  EVENT_BASE_FLAG_NOLOCK |
			      EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) == 0)
		base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

int
main(int argc, char **argv)
{
	struct event_base *base;

	eager = argc == 2 && strcmp(argv[1], "eager") == 0;
	if (!eager && (argc != 2 || strcmp(argv[1], "move") != 0)) {
		fputs("usage: echo_bufferevent move|eager\n", stderr);
		return 2;
	}
	keep_memory();
	base = make_base();
	if (!base || server_prepare() || server_accept(base, on_accept)) {
		perror("echo_bufferevent");
		return 1;
	}
	event_base_free(base);
	return 0;
}
