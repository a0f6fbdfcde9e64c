/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The transport alone, over every kind of bufferevent: what it finds in the
 * input, what it says of output in all layers, the news it tells, and that it
 * leaves no trace.
 */
#include "buffers-internal.h"
#include "support/file.h"
#include "support/suite.h"
#include "support/world.h"
#include "transport-internal.h"
#include <errno.h>
#include <evchat/error.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One kind more: a plain socket past its bufferevent. */
enum { OVER_FAST = WORLD_KINDS, KINDS };

/* A transport with its peer, and what it has told. */
struct stage {
	struct world w;
	struct evchat_transport t;
	struct evchat_view view;
	unsigned news;
	int error; /* errno at the last error told */
	size_t cleanups;
	bool calling; /* no news may come now */
	bool holding; /* the filter on top keeps what it is given */
	bool fast;
};

static struct stage *
stage_of(struct evchat_transport *t)
{
	return (void *)((unsigned char *)t - offsetof(struct stage, t));
}

/* A turn after the other. */
static void
next_turn(struct stage *s, size_t most)
{
	ck_assert_int_eq(evchat_transport_end_turn_(&s->t), 0);
	memset(&s->view, 0, sizeof s->view);
	evchat_transport_begin_turn_(&s->t, &s->view, most);
}

static void
note_news(struct evchat_transport *t, unsigned news)
{
	int error = errno;
	struct stage *s = stage_of(t);

	ck_assert(!s->calling);
	s->news |= news;
	if (news & (EVCHAT_NEWS_READ_ERROR | EVCHAT_NEWS_WRITE_ERROR))
		s->error = error;
	if (t->ready)
		next_turn(s, EVCHAT_BUFFER_IN);
}

/* All of a test is one turn, but that a socket is read where one begins. */
static int
open_over(struct stage *s, struct bufferevent *bev)
{
	unsigned ways = EVCHAT_CAN_BOTH | (s->fast ? EVCHAT_FAST : 0);
	int error = evchat_transport_open_(&s->t, bev, ways, 0, note_news);

	if (!error)
		evchat_transport_begin_turn_(&s->t, &s->view, 0);
	return error;
}

static void
begin_world(struct stage *s, int kind)
{
	memset(s, 0, sizeof *s);
	s->fast = kind == OVER_FAST;
	world_init(&s->w, s->fast ? OVER_SOCKET : (enum world_kind)kind);
}

static void
begin(struct stage *s, int kind)
{
	begin_world(s, kind);
	ck_assert_int_eq(open_over(s, world_bufferevent(&s->w)), 0);
}

static void
end(struct stage *s)
{
	evchat_transport_close_(&s->t, false);
	ck_assert_int_eq(evchat_transport_end_turn_(&s->t), 0);
	world_free(&s->w);
}

/* What has been told meanwhile. */
static unsigned
news(struct stage *s)
{
	unsigned told;

	world_run(&s->w);
	told = s->news;
	s->news = 0;
	return told;
}

static void
send_text(struct stage *s, const char *text)
{
	struct evbuffer *bytes = evbuffer_new();

	evbuffer_add(bytes, text, strlen(text));
	ck_assert_int_eq(evchat_transport_write_(&s->t, bytes, 0), 0);
	ck_assert_uint_eq(evbuffer_get_length(bytes), 0);
	evbuffer_free(bytes);
}

static void
count_cleanup(const void *bytes, size_t len, void *ctx)
{
	struct stage *s = ctx;

	(void)bytes;
	(void)len;
	s->cleanups++;
}

static void
lend(struct stage *s, const char *text, size_t len)
{
	struct evbuffer *bytes = evbuffer_new();

	evbuffer_add_reference(bytes, text, len, count_cleanup, s);
	ck_assert_int_eq(evchat_transport_write_(&s->t, bytes, 0), 0);
	evbuffer_free(bytes);
}

/* --- Input. --- */

static void
put_into_input(struct bufferevent *bev, const char *const *runs, size_t n)
{
	struct evbuffer *bytes = evbuffer_new();

	for (size_t i = 0; i < n; i++)
		evbuffer_add_reference(
		    bytes, runs[i], strlen(runs[i]), NULL, NULL);
	ck_assert_int_eq(
	    evbuffer_prepend_buffer(bufferevent_get_input(bev), bytes), 0);
	evbuffer_free(bytes);
}

static void
finds(struct stage *s, size_t at, const char *run)
{
	const unsigned char *bytes = NULL;

	ck_assert_uint_eq(
	    evchat_transport_peek_(&s->t, at, &bytes), strlen(run));
	ck_assert_int_eq(memcmp(bytes, run, strlen(run)), 0);
}

static void
finds_nothing(struct stage *s, size_t at)
{
	const unsigned char *bytes;

	ck_assert_uint_eq(evchat_transport_peek_(&s->t, at, &bytes), 0);
}

START_TEST(input_is_found_run_by_run_and_stays_until_consumed)
{
	static const char *const runs[] = {"abc", "defg", "h"};
	struct stage s;

	begin(&s, _i);
	finds_nothing(&s, 0);
	put_into_input(s.t.bev, runs, 3);
	ck_assert_uint_eq(evchat_transport_input_(&s.t), 8);
	finds(&s, 0, "abc");
	finds(&s, 2, "c");
	finds(&s, 3, "defg");
	finds(&s, 6, "g");
	finds(&s, 7, "h");
	finds(&s, 0, "abc");
	finds_nothing(&s, 8);
	finds_nothing(&s, 100);
	ck_assert_uint_eq(evchat_transport_input_(&s.t), 8);
	end(&s);
}
END_TEST

START_TEST(consuming_leaves_the_rest_where_it_can_be_found)
{
	static const char *const runs[] = {"abc", "defg", "h"};
	struct stage s;

	begin(&s, _i);
	put_into_input(s.t.bev, runs, 3);
	finds(&s, 0, "abc");
	evchat_transport_consume_(&s.t, 1);
	finds(&s, 0, "bc");
	evchat_transport_consume_(&s.t, 4);
	finds(&s, 0, "fg");
	finds(&s, 2, "h");
	evchat_transport_consume_(&s.t, 3);
	finds_nothing(&s, 0);
	ck_assert_uint_eq(evchat_transport_input_(&s.t), 0);
	end(&s);
}
END_TEST

START_TEST(only_the_run_looked_at_last_is_known)
{
	static const char *const runs[] = {"abc", "defg"};
	struct stage s;

	begin(&s, _i);
	put_into_input(s.t.bev, runs, 2);
	ck_assert(!evchat_transport_knows_(&s.t, 0));
	finds(&s, 4, "efg");
	ck_assert(!evchat_transport_knows_(&s.t, 3));
	ck_assert(evchat_transport_knows_(&s.t, 4));
	ck_assert(evchat_transport_knows_(&s.t, 6));
	ck_assert(!evchat_transport_knows_(&s.t, 7));
	evchat_transport_consume_(&s.t, 1);
	ck_assert(!evchat_transport_knows_(&s.t, 4));
	end(&s);
}
END_TEST

START_TEST(what_the_peer_sends_is_told_and_found)
{
	struct stage s;

	begin(&s, _i);
	news(&s); /* a filter is looked through at once */
	ck_assert_uint_eq(news(&s), 0);
	peer_send_text(&s.w, "hello");
	ck_assert_uint_eq(news(&s), EVCHAT_NEWS_READABLE);
	finds(&s, 0, "hello");
	peer_send_text(&s.w, "again");
	ck_assert_uint_eq(news(&s), EVCHAT_NEWS_READABLE);
	ck_assert_uint_eq(evchat_transport_input_(&s.t), 10);
	/* The old run may have moved. */
	ck_assert(!evchat_transport_knows_(&s.t, 0));
	end(&s);
}
END_TEST

START_TEST(nothing_is_read_until_it_should_be)
{
	struct stage s;

	begin(&s, _i);
	news(&s);
	ck_assert_int_eq(evchat_transport_read_(&s.t, false), 0);
	peer_send_text(&s.w, "hello");
	ck_assert_uint_eq(news(&s), 0);
	ck_assert_uint_eq(evchat_transport_input_(&s.t), 0);
	ck_assert_int_eq(evchat_transport_read_(&s.t, true), 0);
	ck_assert_uint_eq(news(&s), EVCHAT_NEWS_READABLE);
	finds(&s, 0, "hello");
	end(&s);
}
END_TEST

START_TEST(what_waits_in_the_kernel_is_counted)
{
	struct stage s;

	begin(&s, _i);
	evchat_transport_read_(&s.t, false);
	peer_send_text(&s.w, "hello");
	world_run(&s.w);
	ck_assert_uint_eq(
	    evchat_transport_unread_(&s.t), s.w.peer_fd >= 0 ? 5 : 0);
	evchat_transport_read_(&s.t, true);
	world_run(&s.w);
	ck_assert_uint_eq(evchat_transport_unread_(&s.t), 0);
	end(&s);
}
END_TEST

START_TEST(the_end_is_told_after_the_bytes_before_it)
{
	struct stage s;

	begin(&s, _i);
	peer_send_text(&s.w, "last");
	peer_send_eof(&s.w);
	ck_assert_uint_eq(news(&s), EVCHAT_NEWS_READABLE | EVCHAT_NEWS_EOF);
	finds(&s, 0, "last");
	end(&s);
}
END_TEST

/* --- Output. --- */

START_TEST(what_is_written_arrives_and_is_told)
{
	struct stage s;

	begin(&s, _i);
	news(&s);
	s.calling = s.w.peer_fd >= 0; /* filters may tell at once */
	send_text(&s, "one ");
	send_text(&s, "two");
	s.calling = false;
	/* What has gone is no news. */
	ck_assert_uint_eq(news(&s), s.fast ? 0 : EVCHAT_NEWS_WRITABLE);
	peer_expect(&s.w, "one two");
	ck_assert_uint_eq(evchat_transport_pending_(&s.t), 0);
	end(&s);
}
END_TEST

START_TEST(a_poke_is_told_from_the_loop)
{
	struct stage s;

	begin(&s, _i);
	news(&s);
	s.calling = true;
	evchat_transport_poke_(&s.t);
	evchat_transport_poke_(&s.t);
	s.calling = false;
	ck_assert_uint_eq(news(&s), EVCHAT_NEWS_WRITABLE);
	ck_assert_uint_eq(news(&s), 0);
	end(&s);
}
END_TEST

static enum bufferevent_filter_result
hold_or_pass(struct evbuffer *from, struct evbuffer *to, ev_ssize_t limit,
    enum bufferevent_flush_mode mode, void *ctx)
{
	struct stage *s = ctx;

	(void)limit;
	if (mode == BEV_NORMAL && s->holding)
		return BEV_NEED_MORE;
	if (!evbuffer_get_length(from))
		return BEV_NEED_MORE;
	ck_assert_int_eq(evbuffer_add_buffer(to, from), 0);
	return BEV_OK;
}

/* Three layers: a filter that can hold back, one that cannot, and a pair whose
 * peer does not read. */
static void
begin_stack(struct stage *s)
{
	struct bufferevent *bev;

	memset(s, 0, sizeof *s);
	world_init(&s->w, OVER_FILTER);
	bev = bufferevent_filter_new(world_bufferevent(&s->w), hold_or_pass,
	    hold_or_pass, BEV_OPT_CLOSE_ON_FREE, NULL, s);
	ck_assert_ptr_nonnull(bev);
	ck_assert_int_eq(open_over(s, bev), 0);
	peer_stop_reading(&s->w);
}

static size_t
length_of_output(struct bufferevent *bev)
{
	return evbuffer_get_length(bufferevent_get_output(bev));
}

START_TEST(what_waits_in_any_layer_is_pending)
{
	struct stage s;

	begin_stack(&s);
	ck_assert_uint_eq(evchat_transport_pending_(&s.t), 0);
	send_text(&s, "below");
	ck_assert_uint_eq(length_of_output(s.t.bev), 0);
	ck_assert_uint_eq(length_of_output(bufferevent_get_underlying(
			      bufferevent_get_underlying(s.t.bev))),
	    5);
	ck_assert_uint_eq(evchat_transport_pending_(&s.t), 5);
	s.holding = true;
	send_text(&s, "top");
	ck_assert_uint_eq(length_of_output(s.t.bev), 3);
	ck_assert_uint_eq(evchat_transport_pending_(&s.t), 8);
	peer_read(&s.w);
	world_run(&s.w);
	peer_expect(&s.w, "below");
	ck_assert_uint_eq(evchat_transport_pending_(&s.t), 3);
	end(&s);
}
END_TEST

START_TEST(it_is_told_when_the_lowest_layer_drains)
{
	struct stage s;

	begin_stack(&s);
	send_text(&s, "below");
	news(&s);
	ck_assert_uint_eq(length_of_output(s.t.bev), 0);
	ck_assert_uint_eq(evchat_transport_pending_(&s.t), 5);
	ck_assert_uint_eq(news(&s), 0);
	peer_read(&s.w);
	ck_assert_uint_eq(news(&s), EVCHAT_NEWS_WRITABLE);
	ck_assert_uint_eq(evchat_transport_pending_(&s.t), 0);
	end(&s);
}
END_TEST

START_TEST(discarding_empties_every_layer_at_once)
{
	struct stage s;

	begin_stack(&s);
	lend(&s, "below", 5);
	s.holding = true;
	lend(&s, "top", 3);
	ck_assert_uint_eq(evchat_transport_pending_(&s.t), 8);
	ck_assert_uint_eq(s.cleanups, 0);
	ck_assert_int_eq(evchat_transport_discard_(&s.t), 0);
	ck_assert_uint_eq(s.cleanups, 2);
	ck_assert_uint_eq(evchat_transport_pending_(&s.t), 0);
	s.holding = false;
	peer_read(&s.w);
	send_text(&s, "later");
	world_run(&s.w);
	peer_expect(&s.w, "later");
	end(&s);
	ck_assert_uint_eq(s.cleanups, 2);
}
END_TEST

START_TEST(what_does_not_go_can_be_discarded)
{
	static const char block[4 << 20];
	struct stage s;
	size_t gone;

	begin(&s, _i);
	peer_stop_reading(&s.w);
	lend(&s, block, sizeof block);
	world_run(&s.w);
	gone = sizeof block - evchat_transport_pending_(&s.t);
	ck_assert_uint_lt(gone, sizeof block);
	ck_assert_uint_eq(s.cleanups, 0);
	ck_assert_int_eq(evchat_transport_discard_(&s.t), 0);
	ck_assert_uint_eq(s.cleanups, 1);
	send_text(&s, "|");
	peer_read(&s.w);
	world_run(&s.w);
	ck_assert_uint_eq(evbuffer_get_length(s.w.received), gone + 1);
	end(&s);
}
END_TEST

START_TEST(closing_lets_go_at_once)
{
	static const char block[4 << 20];
	struct stage s;

	begin(&s, _i);
	peer_stop_reading(&s.w);
	lend(&s, block, sizeof block);
	world_run(&s.w);
	evchat_transport_close_(&s.t, false);
	ck_assert_uint_eq(s.cleanups, 1);
	ck_assert_ptr_null(s.t.bev);
	evchat_transport_close_(&s.t, false);
	world_free(&s.w);
	ck_assert_uint_eq(s.cleanups, 1);
}
END_TEST

/* --- The end of output. --- */

START_TEST(finishing_sends_the_peer_an_end)
{
	struct stage s;

	begin(&s, _i);
	send_text(&s, "last");
	world_run(&s.w);
	ck_assert(!s.w.received_eof);
	ck_assert(evchat_transport_finish_(&s.t));
	ck_assert(s.t.half_closed);
	world_run(&s.w);
	peer_expect(&s.w, "last");
	ck_assert(s.w.received_eof);
	/* The peer is still heard. */
	peer_send_text(&s.w, "thanks");
	world_run(&s.w);
	finds(&s, 0, "thanks");
	end(&s);
}
END_TEST

START_TEST(finishing_waits_for_what_is_pending)
{
	static const char block[4 << 20];
	struct stage s;

	begin(&s, _i);
	peer_stop_reading(&s.w);
	lend(&s, block, sizeof block);
	world_run(&s.w);
	/* To flush a filter presses everything into the pair's other end. */
	ck_assert(evchat_transport_finish_(&s.t) == (_i == OVER_FILTER));
	peer_read(&s.w);
	world_run(&s.w);
	ck_assert(evchat_transport_finish_(&s.t));
	ck_assert(s.t.half_closed);
	world_run(&s.w);
	ck_assert_uint_eq(evbuffer_get_length(s.w.received), sizeof block);
	ck_assert(s.w.received_eof);
	end(&s);
}
END_TEST

START_TEST(finishing_makes_a_filter_give_up_what_it_holds)
{
	struct stage s;

	begin_stack(&s);
	s.holding = true;
	send_text(&s, "held");
	peer_read(&s.w);
	world_run(&s.w);
	peer_expect(&s.w, "");
	if (!evchat_transport_finish_(&s.t))
		world_run(&s.w);
	ck_assert(evchat_transport_finish_(&s.t));
	world_run(&s.w);
	peer_expect(&s.w, "held");
	ck_assert(s.w.received_eof);
	end(&s);
}
END_TEST

START_TEST(a_pipe_has_no_way_to_finish_but_its_close)
{
	struct stage s;
	int fds[2];

	memset(&s, 0, sizeof s);
	world_init(&s.w, OVER_SOCKET);
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(
	    evchat_transport_open_(&s.t,
		bufferevent_socket_new(s.w.base, fds[1], BEV_OPT_CLOSE_ON_FREE),
		EVCHAT_CAN_WRITE, 0, note_news),
	    0);
	evchat_transport_begin_turn_(&s.t, &s.view, 0);
	ck_assert(evchat_transport_finish_(&s.t));
	ck_assert(!s.t.half_closed);
	close(fds[0]);
	end(&s);
}
END_TEST

/* --- News. --- */

struct event_case {
	short what;
	unsigned news;
};

static const struct event_case event_cases[] = {
    {BEV_EVENT_CONNECTED, EVCHAT_NEWS_CONNECTED},
    {BEV_EVENT_EOF, EVCHAT_NEWS_EOF},
    {BEV_EVENT_EOF | BEV_EVENT_READING, EVCHAT_NEWS_EOF},
    {BEV_EVENT_EOF | BEV_EVENT_READING | BEV_EVENT_WRITING, EVCHAT_NEWS_EOF},
    {BEV_EVENT_EOF | BEV_EVENT_WRITING, EVCHAT_NEWS_WRITE_ERROR},
    {BEV_EVENT_ERROR, EVCHAT_NEWS_READ_ERROR | EVCHAT_NEWS_WRITE_ERROR},
    {BEV_EVENT_ERROR | BEV_EVENT_READING, EVCHAT_NEWS_READ_ERROR},
    {BEV_EVENT_ERROR | BEV_EVENT_WRITING, EVCHAT_NEWS_WRITE_ERROR},
    {BEV_EVENT_TIMEOUT | BEV_EVENT_READING, EVCHAT_NEWS_READ_TIMEOUT},
    {BEV_EVENT_TIMEOUT | BEV_EVENT_WRITING, EVCHAT_NEWS_WRITE_TIMEOUT},
};

enum { N_EVENT_CASES = sizeof event_cases / sizeof event_cases[0] };

START_TEST(every_event_becomes_its_news)
{
	const struct event_case *c = &event_cases[_i / KINDS];
	struct stage s;

	begin(&s, _i % KINDS);
	news(&s);
	bufferevent_trigger_event(s.t.bev, c->what, BEV_TRIG_DEFER_CALLBACKS);
	ck_assert_msg(news(&s) == c->news, "event %#x", (unsigned)c->what);
	end(&s);
}
END_TEST

START_TEST(a_peer_that_has_gone_fails_the_write)
{
	struct stage s;

	begin(&s, OVER_SOCKET);
	evchat_transport_read_(&s.t, false);
	peer_close(&s.w);
	send_text(&s, "lost");
	ck_assert_uint_eq(news(&s), EVCHAT_NEWS_WRITE_ERROR);
	ck_assert_int_eq(s.error, EPIPE);
	end(&s);
}
END_TEST

/* A loopback TCP connection: returns the near end, the peer is the far one. */
static int
connect_tcp(struct stage *s)
{
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;
	int l = socket(AF_INET, SOCK_STREAM, 0);
	int near;

	ck_assert_int_eq(bind(l, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(listen(l, 1), 0);
	ck_assert_int_eq(getsockname(l, (struct sockaddr *)&a, &len), 0);
	near = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(near, (struct sockaddr *)&a, sizeof a), 0);
	s->w.peer_fd = accept(l, NULL, NULL);
	ck_assert_int_ge(s->w.peer_fd, 0);
	ck_assert_int_eq(fcntl(near, F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(fcntl(s->w.peer_fd, F_SETFL, O_NONBLOCK), 0);
	close(l);
	return near;
}

static void
begin_tcp(struct stage *s, bool fast)
{
	memset(s, 0, sizeof *s);
	s->fast = fast;
	world_init(&s->w, OVER_SOCKET);
	ck_assert_int_eq(
	    open_over(s, bufferevent_socket_new(
			     s->w.base, connect_tcp(s), BEV_OPT_CLOSE_ON_FREE)),
	    0);
}

START_TEST(a_reset_fails_the_read)
{
	struct stage s;

	begin_tcp(&s, _i);
	peer_reset(&s.w);
	ck_assert(news(&s) & EVCHAT_NEWS_READ_ERROR);
	ck_assert_int_eq(s.error, ECONNRESET);
	end(&s);
}
END_TEST

static int
receive_at_the_peer(struct stage *s)
{
	char byte;
	ssize_t got = recv(s->w.peer_fd, &byte, 1, 0);

	return got < 0 ? errno : (int)got;
}

START_TEST(a_close_can_be_a_reset)
{
	struct stage s;

	begin_tcp(&s, _i);
	evchat_transport_close_(&s.t, true);
	/* libevent frees bufferevents in the turn after. */
	event_base_loop(s.w.base, EVLOOP_NONBLOCK);
	ck_assert_int_eq(receive_at_the_peer(&s), ECONNRESET);
	world_free(&s.w);
}
END_TEST

START_TEST(a_close_is_a_clean_end_otherwise)
{
	struct stage s;

	begin_tcp(&s, _i);
	evchat_transport_close_(&s.t, false);
	event_base_loop(s.w.base, EVLOOP_NONBLOCK);
	ck_assert_int_eq(receive_at_the_peer(&s), 0);
	world_free(&s.w);
}
END_TEST

/* --- Taking over and giving back. --- */

static void
is_bare(struct bufferevent *bev)
{
	bufferevent_data_cb readable, writable;
	bufferevent_event_cb event;
	size_t low, high;
	void *ctx;

	bufferevent_getcb(bev, &readable, &writable, &event, &ctx);
	ck_assert(!readable && !writable && !event && !ctx);
	ck_assert_int_eq(
	    bufferevent_getwatermark(bev, EV_WRITE, &low, &high), 0);
	ck_assert_uint_eq(low, 0);
}

START_TEST(nothing_is_told_after_the_release)
{
	struct stage s;
	struct bufferevent *bev;

	begin(&s, _i);
	evchat_transport_set_low_(&s.t, 1000);
	peer_stop_reading(&s.w);
	send_text(&s, "on its way");
	peer_send_text(&s.w, "hello");
	news(&s);
	evchat_transport_poke_(&s.t);
	ck_assert_int_eq(evchat_transport_keep_(&s.t), 0);
	if (s.fast)
		ck_assert_int_eq(evchat_transport_enable_(&s.t), 0);
	bev = evchat_transport_release_(&s.t);
	ck_assert_ptr_null(s.t.bev);
	is_bare(bev);
	s.calling = true;
	peer_read(&s.w);
	peer_send_text(&s.w, " again");
	world_run(&s.w);
	peer_expect(&s.w, "on its way");
	ck_assert_uint_eq(evbuffer_get_length(bufferevent_get_input(bev)), 11);
	peer_send_eof(&s.w);
	world_run(&s.w);
	bufferevent_free(bev);
	world_free(&s.w);
}
END_TEST

START_TEST(output_that_was_left_behind_is_sent)
{
	struct stage s;
	struct bufferevent *bev;

	begin_world(&s, _i);
	bev = world_bufferevent(&s.w);
	bufferevent_disable(bev, EV_WRITE);
	bufferevent_write(bev, "before", 6);
	ck_assert_int_eq(open_over(&s, bev), 0);
	send_text(&s, " and after");
	world_run(&s.w);
	peer_expect(&s.w, "before and after");
	end(&s);
}
END_TEST

/* libevent's memory, which can run out. */
static size_t passes = SIZE_MAX;

static bool
is_refused(void)
{
	if (passes == SIZE_MAX)
		return false;
	if (passes == 0)
		return true;
	passes--;
	return false;
}

static void *
scarce_malloc(size_t size)
{
	return is_refused() ? NULL : malloc(size);
}

static void *
scarce_realloc(void *block, size_t size)
{
	return is_refused() ? NULL : realloc(block, size);
}

static void
on_old_event(struct bufferevent *bev, short what, void *ctx)
{
	(void)bev;
	(void)what;
	(void)ctx;
}

static void
has_its_old_callbacks(struct bufferevent *bev, struct stage *s)
{
	bufferevent_data_cb readable, writable;
	bufferevent_event_cb event;
	void *ctx;

	bufferevent_getcb(bev, &readable, &writable, &event, &ctx);
	ck_assert(!readable && !writable);
	ck_assert(event == on_old_event && ctx == &s->w);
}

/* Open with less memory than it takes, with ever more of it.  Returns how often
 * it failed. */
static size_t
open_with_little(struct stage *s, struct bufferevent *bev)
{
	size_t failures = 0;
	int error;

	for (;;) {
		passes = failures;
		error = open_over(s, bev);
		passes = SIZE_MAX;
		if (!error)
			return failures;
		ck_assert(
		    error == EVCHAT_ERR_NO_MEMORY || error == EVCHAT_ERR_EVENT);
		has_its_old_callbacks(bev, s);
		failures++;
	}
}

START_TEST(nothing_is_taken_where_memory_runs_out)
{
	struct stage s;
	struct bufferevent *bev;

	begin_world(&s, _i);
	bev = world_bufferevent(&s.w);
	bufferevent_setcb(bev, NULL, NULL, on_old_event, &s.w);
	/* A pair needs none. */
	ck_assert_uint_eq(open_with_little(&s, bev) > 0, _i != OVER_PAIR);
	peer_send_text(&s.w, "hello");
	send_text(&s, "there");
	world_run(&s.w);
	finds(&s, 0, "hello");
	peer_expect(&s.w, "there");
	end(&s);
}
END_TEST

/* --- Past the bufferevent. --- */

static void
begin_fast(struct stage *s)
{
	begin(s, OVER_FAST);
	news(s);
}

static size_t
kept(struct stage *s)
{
	return evbuffer_get_length(bufferevent_get_input(s->t.bev));
}

START_TEST(what_was_read_in_a_turn_is_kept_at_its_end)
{
	struct stage s;

	begin_fast(&s);
	peer_send_text(&s.w, "hello");
	news(&s);
	ck_assert_uint_eq(kept(&s), 0);
	ck_assert_uint_eq(evchat_transport_input_(&s.t), 5);
	finds(&s, 0, "hello");
	evchat_transport_consume_(&s.t, 2);
	finds(&s, 0, "llo");
	next_turn(&s, 100);
	ck_assert_uint_eq(kept(&s), 3);
	ck_assert_uint_eq(evchat_transport_input_(&s.t), 3);
	finds(&s, 0, "llo");
	end(&s);
}
END_TEST

START_TEST(what_is_read_comes_after_what_was_kept)
{
	struct stage s;

	begin_fast(&s);
	peer_send_text(&s.w, "abc");
	news(&s);
	peer_send_text(&s.w, "defg");
	news(&s);
	ck_assert_uint_eq(kept(&s), 3);
	ck_assert_uint_eq(evchat_transport_input_(&s.t), 7);
	finds(&s, 1, "bc");
	finds(&s, 3, "defg");
	finds(&s, 6, "g");
	finds_nothing(&s, 7);
	evchat_transport_consume_(&s.t, 5);
	finds(&s, 0, "fg");
	ck_assert_uint_eq(kept(&s), 0);
	evchat_transport_consume_(&s.t, 2);
	finds_nothing(&s, 0);
	end(&s);
}
END_TEST

START_TEST(what_was_read_can_be_kept_before_the_end_of_the_turn)
{
	struct stage s;

	begin_fast(&s);
	peer_send_text(&s.w, "abc");
	news(&s);
	ck_assert_int_eq(evchat_transport_keep_(&s.t), 0);
	ck_assert_uint_eq(kept(&s), 3);
	ck_assert_int_eq(evchat_transport_keep_(&s.t), 0);
	ck_assert_uint_eq(evchat_transport_input_(&s.t), 3);
	finds(&s, 0, "abc");
	end(&s);
}
END_TEST

START_TEST(without_memory_to_keep_it_nothing_has_changed)
{
	struct stage s;

	begin_fast(&s);
	peer_send_text(&s.w, "abc");
	news(&s);
	passes = 0;
	ck_assert_int_eq(evchat_transport_keep_(&s.t), EVCHAT_ERR_NO_MEMORY);
	passes = SIZE_MAX;
	ck_assert_uint_eq(evchat_transport_input_(&s.t), 3);
	finds(&s, 0, "abc");
	ck_assert_int_eq(evchat_transport_keep_(&s.t), 0);
	finds(&s, 0, "abc");
	end(&s);
}
END_TEST

/* Which would be a whole frame of 64 KiB: kept in one piece or none. */
START_TEST(without_memory_for_all_of_it_nothing_is_kept)
{
	static char block[EVCHAT_BUFFER_IN];
	struct stage s;

	begin_fast(&s);
	peer_send(&s.w, block, sizeof block);
	news(&s);
	for (size_t n = 0; n < 3; n++) {
		passes = n;
		ck_assert_int_eq(
		    evchat_transport_keep_(&s.t), EVCHAT_ERR_NO_MEMORY);
		passes = SIZE_MAX;
		ck_assert_uint_eq(kept(&s), 0);
	}
	ck_assert_uint_eq(evchat_transport_input_(&s.t), sizeof block);
	ck_assert_int_eq(evchat_transport_keep_(&s.t), 0);
	ck_assert_uint_eq(kept(&s), sizeof block);
	end(&s);
}
END_TEST

START_TEST(a_turn_reads_no_more_than_it_may)
{
	struct stage s;

	begin_fast(&s);
	peer_send_text(&s.w, "abcdef");
	s.t.ready = true; /* as its event would say */
	next_turn(&s, 4);
	ck_assert_uint_eq(evchat_transport_input_(&s.t), 4);
	ck_assert_uint_eq(evchat_transport_unread_(&s.t), 2);
	next_turn(&s, 4); /* no event, no read */
	ck_assert_uint_eq(evchat_transport_unread_(&s.t), 2);
	news(&s);
	ck_assert_uint_eq(evchat_transport_input_(&s.t), 6);
	end(&s);
}
END_TEST

/* recv() of no bytes says what it says at the peer's end. */
START_TEST(a_turn_that_may_read_nothing_finds_no_end)
{
	struct stage s;

	begin_fast(&s);
	peer_send_text(&s.w, "abc");
	s.t.ready = true;
	next_turn(&s, 0);
	ck_assert_uint_eq(s.news & EVCHAT_NEWS_EOF, 0);
	ck_assert_uint_eq(evchat_transport_input_(&s.t), 0);
	ck_assert_uint_eq(news(&s) & EVCHAT_NEWS_EOF, 0);
	finds(&s, 0, "abc");
	end(&s);
}
END_TEST

START_TEST(without_the_buffers_a_little_is_read_to_the_input)
{
	static char block[10000];
	struct stage s;
	struct evchat_buffers *taken;

	begin_fast(&s);
	peer_send(&s.w, block, sizeof block);
	ck_assert_int_eq(evchat_transport_end_turn_(&s.t), 0);
	taken = evchat_buffers_take_();
	memset(&s.view, 0, sizeof s.view);
	s.t.ready = true;
	evchat_transport_begin_turn_(&s.t, &s.view, 100000);
	ck_assert_ptr_null(s.view.buffers);
	ck_assert_uint_eq(kept(&s), EVCHAT_BUFFER_IN_SMALL);
	evchat_buffers_give_back_(taken);
	news(&s);
	ck_assert_uint_eq(evchat_transport_input_(&s.t), sizeof block);
	end(&s);
}
END_TEST

START_TEST(a_release_keeps_nothing_by_itself)
{
	struct stage s;
	struct bufferevent *bev;

	begin_fast(&s);
	peer_send_text(&s.w, "abc");
	news(&s);
	ck_assert_int_eq(evchat_transport_keep_(&s.t), 0);
	ck_assert_int_eq(evchat_transport_enable_(&s.t), 0);
	bev = evchat_transport_release_(&s.t);
	ck_assert_int_eq(evchat_transport_end_turn_(&s.t), 0);
	is_bare(bev);
	peer_send_text(&s.w, "def");
	bufferevent_write(bev, "there", 5);
	world_run(&s.w);
	ck_assert_uint_eq(evbuffer_get_length(bufferevent_get_input(bev)), 6);
	peer_expect(&s.w, "there");
	bufferevent_free(bev);
	world_free(&s.w);
}
END_TEST

START_TEST(what_goes_at_once_is_not_pending)
{
	struct stage s;

	begin_fast(&s);
	ck_assert(evchat_transport_is_free_(&s.t));
	ck_assert_uint_eq(evchat_transport_try_(&s.t, "abc", 3, false), 3);
	ck_assert_uint_eq(evchat_transport_pending_(&s.t), 0);
	ck_assert(!evchat_transport_is_sending_(&s.t));
	ck_assert(evchat_transport_is_free_(&s.t));
	ck_assert_uint_eq(news(&s), 0);
	peer_expect(&s.w, "abc");
	end(&s);
}
END_TEST

START_TEST(elsewhere_nothing_is_tried)
{
	struct stage s;

	begin(&s, _i);
	ck_assert(!evchat_transport_is_free_(&s.t));
	ck_assert_uint_eq(evchat_transport_try_(&s.t, "abc", 3, false), 0);
	world_run(&s.w);
	peer_expect(&s.w, "");
	end(&s);
}
END_TEST

START_TEST(nothing_overtakes_what_was_handed_down)
{
	struct stage s;
	struct evbuffer *bytes = evbuffer_new();

	begin_fast(&s);
	evbuffer_add(bytes, "first ", 6);
	ck_assert_int_eq(evchat_transport_hand_down_(&s.t, bytes), 0);
	evbuffer_free(bytes);
	ck_assert_uint_eq(evchat_transport_pending_(&s.t), 6);
	ck_assert(evchat_transport_is_sending_(&s.t));
	ck_assert(!evchat_transport_is_free_(&s.t));
	ck_assert_uint_eq(evchat_transport_try_(&s.t, "x", 1, false), 0);
	send_text(&s, "second ");
	ck_assert_uint_eq(evchat_transport_pending_(&s.t), 13);
	ck_assert_uint_eq(news(&s), EVCHAT_NEWS_WRITABLE);
	ck_assert(evchat_transport_is_free_(&s.t));
	ck_assert_uint_eq(evchat_transport_try_(&s.t, "third", 5, false), 5);
	world_run(&s.w);
	peer_expect(&s.w, "first second third");
	end(&s);
}
END_TEST

START_TEST(what_cannot_go_at_once_is_told_when_it_has)
{
	static const char block[4 << 20];
	struct stage s;

	begin_fast(&s);
	peer_stop_reading(&s.w);
	while (evchat_transport_try_(&s.t, block, sizeof block, false))
		;
	ck_assert_uint_eq(s.news, 0);
	lend(&s, block, sizeof block);
	ck_assert_uint_eq(evchat_transport_pending_(&s.t), sizeof block);
	ck_assert_uint_eq(news(&s), 0);
	peer_read(&s.w);
	ck_assert_uint_eq(news(&s), EVCHAT_NEWS_WRITABLE);
	ck_assert_uint_eq(s.cleanups, 1);
	ck_assert(evchat_transport_is_free_(&s.t));
	end(&s);
}
END_TEST

START_TEST(an_error_is_told_at_once_and_the_bytes_stay)
{
	struct stage s;
	struct evbuffer *bytes = evbuffer_new();

	begin_fast(&s);
	evchat_transport_read_(&s.t, false);
	peer_close(&s.w);
	evbuffer_add(bytes, "lost", 4);
	ck_assert_int_eq(evchat_transport_write_(&s.t, bytes, 0), 0);
	ck_assert_uint_eq(s.news, EVCHAT_NEWS_WRITE_ERROR);
	ck_assert_int_eq(s.error, EPIPE);
	ck_assert_uint_eq(evbuffer_get_length(bytes), 4);
	s.news = 0;
	ck_assert_uint_eq(evchat_transport_try_(&s.t, "lost", 4, false), 0);
	ck_assert_uint_eq(s.news, EVCHAT_NEWS_WRITE_ERROR);
	evbuffer_free(bytes);
	end(&s);
}
END_TEST

static void
sends_file(struct stage *s, int file, uint64_t len,
    enum evchat_file_result result, uint64_t sent)
{
	ck_assert_int_eq((int)evchat_transport_send_file_(&s->t, file, 2, &len),
	    (int)result);
	ck_assert_uint_eq(len, sent);
}

START_TEST(a_file_is_sent_as_far_as_it_goes)
{
	struct stage s;
	int file = nameless_file("0123456789", 10);

	begin_fast(&s);
	sends_file(&s, file, 3, EVCHAT_FILE_SENT, 3);
	sends_file(&s, file, 100, EVCHAT_FILE_SENT, 8);
	ck_assert_uint_eq(news(&s), 0);
	peer_expect(&s.w, "23423456789");
	ck_assert_int_eq(ftruncate(file, 2), 0);
	sends_file(&s, file, 3, EVCHAT_FILE_FAILED, 0);
	close(file);
	sends_file(&s, file, 3, EVCHAT_FILE_FAILED, 0);
	end(&s);
}
END_TEST

START_TEST(a_file_waits_until_the_socket_can_be_written)
{
	static const char block[1 << 20];
	struct stage s;
	int file = nameless_file("0123456789", 10);

	begin_fast(&s);
	peer_stop_reading(&s.w);
	while (evchat_transport_try_(&s.t, block, sizeof block, false))
		;
	while (evchat_transport_try_(&s.t, block, 1, false))
		;
	sends_file(&s, file, 3, EVCHAT_FILE_WAITS, 0);
	sends_file(&s, file, 3, EVCHAT_FILE_WAITS, 0);
	ck_assert(evchat_transport_is_sending_(&s.t));
	ck_assert_uint_eq(evchat_transport_pending_(&s.t), 0);
	ck_assert_uint_eq(news(&s), 0);
	peer_read(&s.w);
	ck_assert_uint_eq(news(&s), EVCHAT_NEWS_WRITABLE);
	ck_assert(!evchat_transport_is_sending_(&s.t));
	sends_file(&s, file, 3, EVCHAT_FILE_SENT, 3);
	ck_assert_uint_eq(news(&s), 0);
	close(file);
	end(&s);
}
END_TEST

START_TEST(a_file_for_a_peer_that_has_gone_is_told)
{
	struct stage s;
	int file = nameless_file("0123456789", 10);

	begin_fast(&s);
	evchat_transport_read_(&s.t, false);
	peer_close(&s.w);
	sends_file(&s, file, 3, EVCHAT_FILE_WAITS, 0);
	ck_assert_uint_eq(s.news, EVCHAT_NEWS_WRITE_ERROR);
	ck_assert_int_eq(s.error, EPIPE);
	close(file);
	end(&s);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("transport");
	TCase *all = suite_group(s, "everywhere");
	TCase *stack = suite_group(s, "layers");
	TCase *once = suite_group(s, "descriptors");
	TCase *fast = suite_group(s, "fast");

	event_set_mem_functions(scarce_malloc, scarce_realloc, free);
#define RULE(test) tcase_add_loop_test(all, test, 0, KINDS)
	RULE(input_is_found_run_by_run_and_stays_until_consumed);
	RULE(consuming_leaves_the_rest_where_it_can_be_found);
	RULE(only_the_run_looked_at_last_is_known);
	RULE(what_the_peer_sends_is_told_and_found);
	RULE(nothing_is_read_until_it_should_be);
	RULE(what_waits_in_the_kernel_is_counted);
	RULE(the_end_is_told_after_the_bytes_before_it);
	RULE(what_is_written_arrives_and_is_told);
	RULE(a_poke_is_told_from_the_loop);
	RULE(what_does_not_go_can_be_discarded);
	RULE(closing_lets_go_at_once);
	RULE(finishing_sends_the_peer_an_end);
	RULE(finishing_waits_for_what_is_pending);
	RULE(nothing_is_told_after_the_release);
	RULE(nothing_is_taken_where_memory_runs_out);
#undef RULE
	tcase_add_loop_test(
	    all, output_that_was_left_behind_is_sent, 0, WORLD_KINDS);
	tcase_add_loop_test(
	    all, every_event_becomes_its_news, 0, N_EVENT_CASES * KINDS);
	tcase_add_test(stack, what_waits_in_any_layer_is_pending);
	tcase_add_test(stack, it_is_told_when_the_lowest_layer_drains);
	tcase_add_test(stack, discarding_empties_every_layer_at_once);
	tcase_add_test(stack, finishing_makes_a_filter_give_up_what_it_holds);
	tcase_add_test(once, a_pipe_has_no_way_to_finish_but_its_close);
	tcase_add_test(once, a_peer_that_has_gone_fails_the_write);
	tcase_add_loop_test(once, a_reset_fails_the_read, 0, 2);
	tcase_add_loop_test(once, a_close_can_be_a_reset, 0, 2);
	tcase_add_loop_test(once, a_close_is_a_clean_end_otherwise, 0, 2);
	tcase_add_test(fast, what_was_read_in_a_turn_is_kept_at_its_end);
	tcase_add_test(fast, what_is_read_comes_after_what_was_kept);
	tcase_add_test(
	    fast, what_was_read_can_be_kept_before_the_end_of_the_turn);
	tcase_add_test(fast, without_memory_to_keep_it_nothing_has_changed);
	tcase_add_test(fast, without_memory_for_all_of_it_nothing_is_kept);
	tcase_add_test(fast, a_turn_reads_no_more_than_it_may);
	tcase_add_test(fast, a_turn_that_may_read_nothing_finds_no_end);
	tcase_add_test(fast, without_the_buffers_a_little_is_read_to_the_input);
	tcase_add_test(fast, a_release_keeps_nothing_by_itself);
	tcase_add_test(fast, what_goes_at_once_is_not_pending);
	tcase_add_loop_test(fast, elsewhere_nothing_is_tried, 0, WORLD_KINDS);
	tcase_add_test(fast, nothing_overtakes_what_was_handed_down);
	tcase_add_test(fast, what_cannot_go_at_once_is_told_when_it_has);
	tcase_add_test(fast, an_error_is_told_at_once_and_the_bytes_stay);
	tcase_add_test(fast, a_file_is_sent_as_far_as_it_goes);
	tcase_add_test(fast, a_file_waits_until_the_socket_can_be_written);
	tcase_add_test(fast, a_file_for_a_peer_that_has_gone_is_told);
	return suite_run(s);
}
