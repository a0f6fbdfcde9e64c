/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What libevent's pairs and filters do that evchat leans on or works around:
 * when they call back inside a call, what they hold back, whom they tell of an
 * end.  No evchat is in it: where another libevent differs, the name of the
 * test says in what.
 *
 * Measured with 2.1.12 and the security patches of Debian 12.  None of this is
 * known to have changed in 2.1.13.
 */
#include "support/endpoint.h"
#include "support/memory.h"
#include "support/suite.h"
#include <string.h>

/* --- Pairs. --- */

/* One end written down, the other the test's. */
static struct bufferevent *
open_pair(struct endpoint *e)
{
	struct bufferevent *ends[2];

	endpoint_init(e);
	ck_assert_int_eq(bufferevent_pair_new(e->base, 0, ends), 0);
	endpoint_watch(e, ends[0]);
	bufferevent_enable(ends[0], EV_READ);
	bufferevent_enable(ends[1], EV_READ | EV_WRITE);
	return ends[1];
}

/* Rule 71. */
START_TEST(a_pair_calls_back_from_the_loop_alone)
{
	struct endpoint e;
	struct bufferevent *peer = open_pair(&e);

	bufferevent_write(peer, "bytes", 5);
	ck_assert_uint_eq(endpoint_input(&e), 5);
	endpoint_expect(&e, "");
	endpoint_turn(&e, 1);
	endpoint_expect(&e, "read(5)");
	bufferevent_free(peer);
	endpoint_free(&e);
}
END_TEST

/* Rule 71 (libevent #93). */
START_TEST(freeing_one_end_of_a_pair_gives_the_other_no_eof)
{
	struct endpoint e;
	struct bufferevent *peer = open_pair(&e);

	bufferevent_free(peer);
	endpoint_turn(&e, 4);
	endpoint_expect(&e, "");
	endpoint_free(&e);
}
END_TEST

/* Rule 71: transport.c finishes so. */
START_TEST(a_pair_sends_its_eof_with_a_flush_that_finishes)
{
	struct endpoint e;
	struct bufferevent *peer = open_pair(&e);

	ck_assert_int_eq(bufferevent_flush(peer, EV_WRITE, BEV_FLUSH), 0);
	endpoint_turn(&e, 2);
	endpoint_expect(&e, "read(0)");
	ck_assert_int_eq(bufferevent_flush(peer, EV_WRITE, BEV_FINISHED), 0);
	endpoint_turn(&e, 2);
	endpoint_expect(&e, "read(0) event(READING|EOF)");
	bufferevent_free(peer);
	endpoint_free(&e);
}
END_TEST

/* Rule 71. */
START_TEST(what_follows_that_flush_comes_after_the_eof)
{
	struct endpoint e;
	struct bufferevent *peer = open_pair(&e);

	bufferevent_flush(peer, EV_WRITE, BEV_FINISHED);
	bufferevent_write(peer, "late", 4);
	endpoint_turn(&e, 2);
	ck_assert_uint_eq(endpoint_input(&e), 4);
	bufferevent_free(peer);
	endpoint_free(&e);
}
END_TEST

/* design.md, "Filters are asked". */
START_TEST(a_pair_that_is_flushed_gives_to_a_peer_that_does_not_read)
{
	struct endpoint e;
	struct bufferevent *peer = open_pair(&e);

	bufferevent_disable(e.bev, EV_READ);
	bufferevent_write(peer, "bytes", 5);
	endpoint_turn(&e, 2);
	ck_assert_uint_eq(endpoint_input(&e), 0);
	bufferevent_flush(peer, EV_WRITE, BEV_FLUSH);
	ck_assert_uint_eq(endpoint_input(&e), 5);
	bufferevent_free(peer);
	endpoint_free(&e);
}
END_TEST

/* Rule 37. */
START_TEST(a_pairs_output_is_frozen_at_its_front)
{
	struct endpoint e;
	struct bufferevent *peer = open_pair(&e);

	bufferevent_disable(peer, EV_READ);
	bufferevent_write(e.bev, "bytes", 5);
	ck_assert_int_eq(evbuffer_drain(bufferevent_get_output(e.bev), 5), -1);
	bufferevent_free(peer);
	endpoint_free(&e);
}
END_TEST

/* A lone end cannot be flushed: transport.c asks for the result. */
START_TEST(flushing_an_end_whose_peer_has_gone_fails)
{
	struct endpoint e;

	bufferevent_free(open_pair(&e));
	ck_assert_int_lt(bufferevent_flush(e.bev, EV_WRITE, BEV_FINISHED), 0);
	endpoint_free(&e);
}
END_TEST

/* --- Filters. --- */

static bool holding; /* the filters let nothing through */

static enum bufferevent_filter_result
pass_on(struct evbuffer *from, struct evbuffer *to, ev_ssize_t limit,
    enum bufferevent_flush_mode mode, void *ctx)
{
	bool any = evbuffer_get_length(from) > 0 && !holding;

	(void)limit, (void)mode, (void)ctx;
	if (any)
		evbuffer_add_buffer(to, from);
	return any ? BEV_OK : BEV_NEED_MORE;
}

static void
put_filter_over(struct endpoint *e)
{
	holding = false;
	endpoint_watch(e, bufferevent_filter_new(e->bev, pass_on, pass_on,
			      BEV_OPT_CLOSE_ON_FREE, NULL, NULL));
	bufferevent_enable(e->bev, EV_READ);
}

static void
open_filter(struct endpoint *e)
{
	endpoint_open(e);
	put_filter_over(e);
}

static struct bufferevent *
below(const struct endpoint *e)
{
	return bufferevent_get_underlying(e->bev);
}

/* Rule 53: evchat watches the lowest one's evbuffer, not its callbacks. */
START_TEST(a_filter_takes_the_callbacks_of_what_is_below_it)
{
	bufferevent_data_cb before, after, write;
	bufferevent_event_cb event;
	struct endpoint e;
	void *ctx;

	endpoint_open(&e);
	bufferevent_disable(e.bev, EV_READ);
	bufferevent_getcb(e.bev, &before, &write, &event, &ctx);
	put_filter_over(&e);
	bufferevent_getcb(below(&e), &after, &write, &event, &ctx);
	ck_assert(before != after);
	ck_assert_int_eq(
	    bufferevent_get_enabled(below(&e)), EV_READ | EV_WRITE);
	endpoint_free(&e);
}
END_TEST

/* Rule 2: a channel is serving while it begins and while it writes. */
START_TEST(a_filter_calls_back_inside_a_write)
{
	struct endpoint e;

	open_filter(&e);
	bufferevent_write(e.bev, "bytes", 5);
	endpoint_expect(&e, "write(0)");
	endpoint_free(&e);
}
END_TEST

/* Rule 28. */
START_TEST(a_filters_output_is_empty_while_bytes_wait_below)
{
	struct endpoint e;

	open_filter(&e);
	bufferevent_write(e.bev, "bytes", 5);
	ck_assert_uint_eq(endpoint_output(&e), 0);
	ck_assert_uint_eq(
	    evbuffer_get_length(bufferevent_get_output(below(&e))), 5);
	ck_assert_uint_eq(endpoint_take(&e), 0);
	endpoint_free(&e);
}
END_TEST

/* transport.c, drain_output(). */
START_TEST(a_filters_output_is_not_frozen)
{
	struct endpoint e;

	open_filter(&e);
	holding = true;
	bufferevent_write(e.bev, "bytes", 5);
	ck_assert_uint_eq(endpoint_output(&e), 5);
	ck_assert_int_eq(evbuffer_drain(bufferevent_get_output(e.bev), 5), 0);
	endpoint_free(&e);
}
END_TEST

/* Over one end of a pair; the other end. */
static struct bufferevent *
open_filter_over_pair(struct endpoint *e)
{
	struct bufferevent *peer = open_pair(e);

	put_filter_over(e);
	return peer;
}

/* transport.c, pull_through().  (A socket below is not read meanwhile.) */
START_TEST(a_filter_that_was_not_read_does_not_look_again_when_it_is)
{
	struct endpoint e;
	struct bufferevent *peer = open_filter_over_pair(&e);

	bufferevent_disable(e.bev, EV_READ);
	bufferevent_write(peer, "bytes", 5);
	bufferevent_flush(peer, EV_WRITE, BEV_FLUSH);
	endpoint_turn(&e, 4);
	bufferevent_enable(e.bev, EV_READ);
	endpoint_turn(&e, 4);
	endpoint_expect(&e, "");
	ck_assert_uint_eq(endpoint_input(&e), 0);
	bufferevent_flush(e.bev, EV_READ, BEV_FLUSH);
	ck_assert_uint_eq(endpoint_input(&e), 5);
	bufferevent_free(peer);
	endpoint_free(&e);
}
END_TEST

/* The same at the end: transport.c, on_event(). */
START_TEST(a_filter_that_is_not_read_tells_an_eof_before_its_bytes)
{
	struct endpoint e;
	struct bufferevent *peer = open_filter_over_pair(&e);

	bufferevent_disable(e.bev, EV_READ);
	bufferevent_write(peer, "bytes", 5);
	bufferevent_flush(peer, EV_WRITE, BEV_FINISHED);
	endpoint_turn(&e, 4);
	endpoint_expect(&e, "event(READING|EOF)");
	ck_assert_uint_eq(endpoint_input(&e), 0);
	bufferevent_free(peer);
	endpoint_free(&e);
}
END_TEST

/* transport.c, arm_write(). */
START_TEST(what_a_filter_held_back_goes_on_with_a_flush_alone)
{
	struct endpoint e;
	struct bufferevent *peer = open_filter_over_pair(&e);

	holding = true;
	bufferevent_write(e.bev, "bytes", 5);
	holding = false;
	bufferevent_enable(e.bev, EV_WRITE);
	endpoint_turn(&e, 4);
	ck_assert_uint_eq(endpoint_output(&e), 5);
	bufferevent_flush(e.bev, EV_WRITE, BEV_NORMAL);
	ck_assert_uint_eq(endpoint_output(&e), 0);
	bufferevent_free(peer);
	endpoint_free(&e);
}
END_TEST

/* channel.h: freeing a filter that owns what is below it frees that, too. */
START_TEST(a_filter_that_is_freed_closes_the_descriptor_below)
{
	struct endpoint e;

	open_filter(&e);
	ck_assert_int_eq(bufferevent_getfd(e.bev), e.fd);
	bufferevent_free(e.bev);
	e.bev = NULL;
	endpoint_turn(&e, 2);
	ck_assert(!endpoint_is_open(e.fd));
	endpoint_free(&e);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("libevent_layers");
	TCase *t = suite_group(s, "pairs");

	endpoint_begin();
	tcase_add_checked_fixture(t, memory_watch, NULL);
	tcase_add_test(t, a_pair_calls_back_from_the_loop_alone);
	tcase_add_test(t, freeing_one_end_of_a_pair_gives_the_other_no_eof);
	tcase_add_test(t, a_pair_sends_its_eof_with_a_flush_that_finishes);
	tcase_add_test(t, what_follows_that_flush_comes_after_the_eof);
	tcase_add_test(
	    t, a_pair_that_is_flushed_gives_to_a_peer_that_does_not_read);
	tcase_add_test(t, a_pairs_output_is_frozen_at_its_front);
	tcase_add_test(t, flushing_an_end_whose_peer_has_gone_fails);

	t = suite_group(s, "filters");
	tcase_add_checked_fixture(t, memory_watch, NULL);
	tcase_add_test(t, a_filter_takes_the_callbacks_of_what_is_below_it);
	tcase_add_test(t, a_filter_calls_back_inside_a_write);
	tcase_add_test(t, a_filters_output_is_empty_while_bytes_wait_below);
	tcase_add_test(t, a_filters_output_is_not_frozen);
	tcase_add_test(
	    t, a_filter_that_was_not_read_does_not_look_again_when_it_is);
	tcase_add_test(
	    t, a_filter_that_is_not_read_tells_an_eof_before_its_bytes);
	tcase_add_test(t, what_a_filter_held_back_goes_on_with_a_flush_alone);
	tcase_add_test(t, a_filter_that_is_freed_closes_the_descriptor_below);
	return suite_run(s);
}
