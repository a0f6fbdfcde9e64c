/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The transport alone, over every kind of bufferevent: what it finds in the
 * input, what it says of output in all layers, the news it tells, and that it
 * leaves no trace.
 */
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
};

static struct stage *
stage_of(struct evchat_transport *t)
{
	return (void *)((unsigned char *)t - offsetof(struct stage, t));
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
}

/* All of a test is one turn. */
static int
open_over(struct stage *s, struct bufferevent *bev)
{
	int error =
	    evchat_transport_open_(&s->t, bev, EVCHAT_CAN_BOTH, 0, note_news);

	if (!error)
		evchat_transport_begin_turn_(&s->t, &s->view, 0);
	return error;
}

static void
begin(struct stage *s, int kind)
{
	memset(s, 0, sizeof *s);
	world_init(&s->w, (enum world_kind)kind);
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
	ck_assert_int_eq(evchat_transport_write_(&s->t, bytes, false), 0);
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
	ck_assert_int_eq(evchat_transport_write_(&s->t, bytes, false), 0);
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
	    evchat_transport_unread_(&s.t), _i == OVER_SOCKET ? 5 : 0);
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
	s.calling = _i == OVER_SOCKET; /* filters may tell at once */
	send_text(&s, "one ");
	send_text(&s, "two");
	s.calling = false;
	ck_assert_uint_eq(news(&s), EVCHAT_NEWS_WRITABLE);
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
	const struct event_case *c = &event_cases[_i / WORLD_KINDS];
	struct stage s;

	begin(&s, _i % WORLD_KINDS);
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
begin_tcp(struct stage *s)
{
	memset(s, 0, sizeof *s);
	world_init(&s->w, OVER_SOCKET);
	ck_assert_int_eq(
	    open_over(s, bufferevent_socket_new(
			     s->w.base, connect_tcp(s), BEV_OPT_CLOSE_ON_FREE)),
	    0);
}

START_TEST(a_reset_fails_the_read)
{
	struct stage s;

	begin_tcp(&s);
	peer_reset(&s.w);
	ck_assert_uint_eq(news(&s), EVCHAT_NEWS_READ_ERROR);
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

	begin_tcp(&s);
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

	begin_tcp(&s);
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

	memset(&s, 0, sizeof s);
	world_init(&s.w, (enum world_kind)_i);
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

	memset(&s, 0, sizeof s);
	world_init(&s.w, (enum world_kind)_i);
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

int
main(void)
{
	Suite *s = suite_create("transport");
	TCase *all = suite_group(s, "everywhere");
	TCase *stack = suite_group(s, "layers");
	TCase *once = suite_group(s, "descriptors");

	event_set_mem_functions(scarce_malloc, scarce_realloc, free);
#define RULE(test) tcase_add_loop_test(all, test, 0, WORLD_KINDS)
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
	RULE(output_that_was_left_behind_is_sent);
	RULE(nothing_is_taken_where_memory_runs_out);
#undef RULE
	tcase_add_loop_test(
	    all, every_event_becomes_its_news, 0, N_EVENT_CASES * WORLD_KINDS);
	tcase_add_test(stack, what_waits_in_any_layer_is_pending);
	tcase_add_test(stack, it_is_told_when_the_lowest_layer_drains);
	tcase_add_test(stack, discarding_empties_every_layer_at_once);
	tcase_add_test(stack, finishing_makes_a_filter_give_up_what_it_holds);
	tcase_add_test(once, a_pipe_has_no_way_to_finish_but_its_close);
	tcase_add_test(once, a_peer_that_has_gone_fails_the_write);
	tcase_add_test(once, a_reset_fails_the_read);
	tcase_add_test(once, a_close_can_be_a_reset);
	tcase_add_test(once, a_close_is_a_clean_end_otherwise);
	return suite_run(s);
}
