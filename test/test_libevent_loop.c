/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What libevent's loop, timeouts, listener and resolver do that evchat leans on
 * or works around: who has his turn before whom, what a timeout makes forget,
 * how often a want of descriptors is told.  No evchat is in it: where another
 * libevent differs, the name of the test says in what.
 *
 * Where a timeout must have passed the test waits for the clock to move on by
 * one tick; nothing else depends on time.
 *
 * Measured with 2.1.12 and the security patches of Debian 12.  None of this is
 * known to have changed in 2.1.13; what development versions changed is said
 * where it is tested.
 */
#include "support/descriptors.h"
#include "support/endpoint.h"
#include "support/memory.h"
#include "support/suite.h"
#include <errno.h>
#include <event2/dns.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const struct timeval at_once;

/* --- Whose turn it is. --- */

struct turns {
	struct event_base *base;
	struct event *event, *timer;
	struct bufferevent *bev;
	size_t runs, most;
	size_t when_timer; /* how many runs there had been */
};

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct turns *t = ctx;

	(void)fd, (void)what;
	t->when_timer = t->runs;
}

static void
activate_again(evutil_socket_t fd, short what, void *ctx)
{
	struct turns *t = ctx;

	(void)fd, (void)what;
	if (!t->runs++)
		event_add(t->timer, &at_once);
	if (t->runs < t->most)
		event_active(t->event, EV_READ, 0);
}

static void
begin_turns(struct turns *t, size_t most)
{
	*t = (struct turns){.base = event_base_new(), .most = most};
	t->event = event_new(t->base, -1, 0, activate_again, t);
	t->timer = evtimer_new(t->base, on_timer, t);
}

static void
end_turns(struct turns *t)
{
	event_free(t->event);
	event_free(t->timer);
	if (t->bev)
		bufferevent_free(t->bev);
	event_base_loop(t->base, EVLOOP_NONBLOCK);
	event_base_free(t->base);
}

/* Rule 25: so a remote comes back by a timer. */
START_TEST(what_is_made_active_in_a_callback_comes_before_a_zero_timer)
{
	struct turns t;

	begin_turns(&t, 10000);
	event_active(t.event, EV_READ, 0);
	event_base_loop(t.base, EVLOOP_ONCE);
	ck_assert_uint_eq(t.runs, 10000);
	event_base_loop(t.base, EVLOOP_ONCE);
	ck_assert_uint_eq(t.when_timer, 10000);
	end_turns(&t);
}
END_TEST

static void
trigger_again(struct bufferevent *bev, void *ctx)
{
	struct turns *t = ctx;

	activate_again(-1, 0, ctx);
	event_del(t->event);
	if (t->runs < t->most)
		bufferevent_trigger(bev, EV_WRITE,
		    BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

/* Rule 25: so a channel yields by a timer.  libevent queues 32 deferred
 * callbacks in one turn and leaves the next for later. */
START_TEST(a_deferred_trigger_has_some_thirty_turns_before_a_zero_timer)
{
	struct turns t;

	begin_turns(&t, 10000);
	t.bev = bufferevent_socket_new(t.base, -1, 0);
	bufferevent_setcb(t.bev, NULL, trigger_again, NULL, &t);
	bufferevent_trigger(t.bev, EV_WRITE,
	    BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
	while (!t.when_timer)
		event_base_loop(t.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	ck_assert_uint_gt(t.when_timer, 16);
	ck_assert_uint_lt(t.when_timer, 64);
	bufferevent_setcb(t.bev, NULL, NULL, NULL, NULL);
	end_turns(&t);
}
END_TEST

/* A zero timer that is set in its own callback: what evchat gives others their
 * turn by.  The base of one that is ready all the time must not starve. */
static struct {
	struct event *timer;
	size_t timers, reads;
} fair;

static void
set_again(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd, (void)what, (void)ctx;
	fair.timers++;
	event_add(fair.timer, &at_once);
}

static void
count_read(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd, (void)what;
	fair.reads++;
	if (fair.reads == 10)
		event_base_loopbreak(ctx);
}

/* design.md, "A turn" and "Listeners". */
START_TEST(a_zero_timer_gives_who_is_ready_a_turn_each_time)
{
	struct event_base *base = event_base_new();
	struct event *ready;
	int fds[2];

	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	memset(&fair, 0, sizeof fair);
	fair.timer = evtimer_new(base, set_again, NULL);
	ready = event_new(base, fds[0], EV_READ | EV_PERSIST, count_read, base);
	event_add(fair.timer, &at_once);
	event_add(ready, NULL);
	event_base_dispatch(base);
	ck_assert_uint_ge(fair.timers, 9);
	ck_assert_uint_le(fair.timers, 11);
	event_free(fair.timer);
	event_free(ready);
	event_base_free(base);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

static struct {
	int result;
	char warning[128];
} nested;

static void
note_warning(int severity, const char *message)
{
	if (severity == EVENT_LOG_WARN && strlen(message) < 128)
		strcpy(nested.warning, message);
}

static void
loop_within(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd, (void)what;
	nested.result = event_base_loop(ctx, EVLOOP_NONBLOCK);
}

/* design.md, "Where this differs"; transport.c's own event counts on it. */
START_TEST(a_loop_within_itself_is_refused)
{
	struct event_base *base = event_base_new();

	event_set_log_callback(note_warning);
	event_base_once(base, -1, EV_TIMEOUT, loop_within, base, &at_once);
	event_base_loop(base, EVLOOP_ONCE);
	event_set_log_callback(NULL);
	ck_assert_int_eq(nested.result, -1);
	ck_assert_ptr_nonnull(strstr(nested.warning, "reentrant invocation"));
	event_base_free(base);
}
END_TEST

static void
free_itself(evutil_socket_t fd, short what, void *ctx)
{
	struct event **event = ctx;

	(void)fd, (void)what;
	event_free(*event);
	*event = NULL;
}

/* Timers, and the events of connectors and transports. */
START_TEST(an_event_may_be_freed_in_its_callback)
{
	struct event_base *base = event_base_new();
	struct event *event = evtimer_new(base, free_itself, &event);

	event_add(event, &at_once);
	event_base_loop(base, EVLOOP_ONCE);
	ck_assert_ptr_null(event);
	event_base_free(base);
}
END_TEST

static void
ignore(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd, (void)what, (void)ctx;
}

/* Rule 61, and listener.c's "not even a timer is to be had". */
START_TEST(adding_a_timer_without_memory_fails_and_changes_nothing)
{
	struct event_base *base = event_base_new();
	struct event *timer = evtimer_new(base, ignore, NULL);
	struct timeval hour = {.tv_sec = 3600};

	memory_refuse_after(0);
	ck_assert_int_eq(event_add(timer, &hour), -1);
	memory_refuse_none();
	ck_assert(!evtimer_pending(timer, NULL));
	ck_assert_int_eq(event_add(timer, &hour), 0);
	event_free(timer);
	event_base_free(base);
}
END_TEST

/* Moving one that runs takes none: rule 67. */
START_TEST(moving_a_timer_that_runs_takes_no_memory)
{
	struct event_base *base = event_base_new();
	struct event *timer = evtimer_new(base, ignore, NULL);
	struct timeval hour = {.tv_sec = 3600};

	event_add(timer, &hour);
	memory_refuse_after(0);
	ck_assert_int_eq(event_add(timer, &at_once), 0);
	memory_refuse_none();
	event_free(timer);
	event_base_free(base);
}
END_TEST

/* --- Timeouts. --- */

static short told;

static void
note_what(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd, (void)ctx;
	told = what;
}

/* Rule 66; so a remote's wake has no timeout (design.md).  2.2 tells both
 * (libevent #1530). */
START_TEST(a_timeout_takes_what_made_an_event_active_off_it)
{
	struct event_base *base = event_base_new();
	struct event *event = event_new(base, -1, 0, note_what, NULL);

	event_add(event, &at_once);
	event_active(event, EV_READ, 0);
	event_base_loop(base, EVLOOP_ONCE);
	ck_assert_int_eq(told, EV_TIMEOUT);
	event_free(event);
	event_base_free(base);
}
END_TEST

/* libevent's clock moves on by a tick of the system's at a time (rule 67). */
static void
wait_for_a_tick(void)
{
	struct timespec from, now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &from);
	do
		clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	while (now.tv_sec == from.tv_sec && now.tv_nsec == from.tv_nsec);
}

/* Rule 66: the loop has stalled longer than the timeout, with bytes waiting.
 * 2.2 reads them (libevent #1530). */
START_TEST(after_a_stall_a_bufferevent_with_bytes_waiting_times_out)
{
	struct timeval short_time = {.tv_usec = 1};
	struct endpoint e;

	endpoint_open(&e);
	endpoint_send(&e, "bytes", 5);
	bufferevent_set_timeouts(e.bev, &short_time, NULL);
	wait_for_a_tick();
	endpoint_turn(&e, 4);
	endpoint_expect(&e, "event(READING|TIMEOUT)");
	ck_assert_uint_eq(endpoint_input(&e), 0);
	endpoint_free(&e);
}
END_TEST

static int
note_due(const struct event_base *base, const struct event *event, void *ctx)
{
	(void)base;
	return event_pending(event, EV_TIMEOUT, ctx) ? 1 : 0;
}

static struct timeval
due(const struct endpoint *e)
{
	struct timeval when = {0};

	ck_assert_int_eq(event_base_foreach_event(e->base, note_due, &when), 1);
	return when;
}

/* Rule 65: who sends a byte now and then is never late. */
START_TEST(each_byte_puts_the_read_timeout_off)
{
	struct timeval hour = {.tv_sec = 3600}, before, after;
	struct endpoint e;

	endpoint_open(&e);
	bufferevent_set_timeouts(e.bev, &hour, NULL);
	before = due(&e);
	wait_for_a_tick();
	endpoint_send(&e, "x", 1);
	endpoint_turn(&e, 1);
	after = due(&e);
	ck_assert(evutil_timercmp(&before, &after, <));
	endpoint_free(&e);
}
END_TEST

/* Rule 15. */
START_TEST(no_read_timeout_runs_while_reading_is_off)
{
	struct timeval hour = {.tv_sec = 3600}, when = {0};
	struct endpoint e;

	endpoint_open(&e);
	bufferevent_set_timeouts(e.bev, &hour, NULL);
	bufferevent_disable(e.bev, EV_READ);
	ck_assert_int_eq(event_base_foreach_event(e.base, note_due, &when), 0);
	endpoint_free(&e);
}
END_TEST

static void
compare_times(evutil_socket_t fd, short what, void *ctx)
{
	struct timeval before, after;

	(void)fd, (void)what;
	event_base_gettimeofday_cached(ctx, &before);
	wait_for_a_tick();
	event_base_gettimeofday_cached(ctx, &after);
	told = evutil_timercmp(&before, &after, ==);
}

/* A timer set late in a long turn is early: connector.c and group.c compare
 * with evchat's own clock. */
START_TEST(a_turn_of_the_loop_has_one_time)
{
	struct event_base *base = event_base_new();

	told = false;
	event_base_once(base, -1, EV_TIMEOUT, compare_times, base, &at_once);
	event_base_loop(base, EVLOOP_ONCE);
	ck_assert(told);
	event_base_free(base);
}
END_TEST

/* --- The listener. --- */

struct door {
	struct event_base *base;
	struct evconnlistener *listener;
	int clients[8];
	size_t accepted, errors;
	size_t stop_after; /* that many accepts or errors; 0 is never */
	bool frees;        /* and does not only stop */
	int error;
	bool was_open; /* after it had been freed, in its callback */
	int fd;
};

static void
stop_when_enough(struct door *d, size_t n)
{
	if (n != d->stop_after)
		return;
	if (!d->frees) {
		evconnlistener_disable(d->listener);
		return;
	}
	evconnlistener_free(d->listener);
	d->listener = NULL;
	d->was_open = endpoint_is_open(d->fd);
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *peer, int len, void *ctx)
{
	struct door *d = ctx;

	(void)listener, (void)peer, (void)len;
	close(fd);
	stop_when_enough(d, ++d->accepted);
}

static void
on_accept_error(struct evconnlistener *listener, void *ctx)
{
	struct door *d = ctx;

	(void)listener;
	d->error = EVUTIL_SOCKET_ERROR();
	stop_when_enough(d, ++d->errors);
}

/* A listener at which so many wait. */
static void
open_door(struct door *d, size_t n)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr *any = (struct sockaddr *)(void *)&at;
	socklen_t len = sizeof at;

	*d = (struct door){.base = event_base_new()};
	d->listener = evconnlistener_new_bind(
	    d->base, on_accept, d, LEV_OPT_CLOSE_ON_FREE, 8, any, (int)len);
	ck_assert_ptr_nonnull(d->listener);
	evconnlistener_set_error_cb(d->listener, on_accept_error);
	d->fd = evconnlistener_get_fd(d->listener);
	ck_assert_int_eq(getsockname(d->fd, any, &len), 0);
	for (size_t i = 0; i < n; i++) {
		d->clients[i] = socket(AF_INET, SOCK_STREAM, 0);
		ck_assert_int_eq(connect(d->clients[i], any, len), 0);
	}
}

static void
close_door(struct door *d, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(d->clients[i]);
	if (d->listener)
		evconnlistener_free(d->listener);
	event_base_free(d->base);
}

static void
turn_door(struct door *d)
{
	event_base_loop(d->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

/* Rule 55. */
START_TEST(a_listener_accepts_as_long_as_anybody_waits)
{
	struct door d;

	open_door(&d, 8);
	turn_door(&d);
	ck_assert_uint_eq(d.accepted, 8);
	close_door(&d, 8);
}
END_TEST

/* Rule 55: listener.c counts on it. */
START_TEST(a_listener_switched_off_in_its_callback_stops_at_once)
{
	struct door d;

	open_door(&d, 8);
	d.stop_after = 3;
	turn_door(&d);
	turn_door(&d);
	ck_assert_uint_eq(d.accepted, 3);
	evconnlistener_enable(d.listener);
	turn_door(&d);
	ck_assert_uint_eq(d.accepted, 8);
	close_door(&d, 8);
}
END_TEST

/* evchat_listener_stop() in a callback. */
START_TEST(a_listener_freed_in_its_callback_closes_afterwards)
{
	struct door d;

	open_door(&d, 2);
	d.stop_after = 1;
	d.frees = true;
	turn_door(&d);
	ck_assert_uint_eq(d.accepted, 1);
	ck_assert(d.was_open);
	ck_assert(!endpoint_is_open(d.fd));
	close_door(&d, 2);
}
END_TEST

/* Rule 54: 805,000 times a second. */
START_TEST(a_want_of_descriptors_is_told_in_every_turn)
{
	struct door d;

	open_door(&d, 1);
	turn_door(&d);
	ck_assert_uint_eq(d.accepted, 1);
	close_door(&d, 1);
	open_door(&d, 1);
	descriptors_forbid();
	for (int i = 0; i < 100; i++)
		turn_door(&d);
	descriptors_allow();
	ck_assert_uint_eq(d.errors, 100);
	ck_assert_int_eq(d.error, EMFILE);
	turn_door(&d);
	ck_assert_uint_eq(d.accepted, 1);
	close_door(&d, 1);
}
END_TEST

/* Rule 54: the way out of it. */
START_TEST(a_listener_switched_off_in_want_tells_no_more)
{
	struct door d;

	open_door(&d, 1);
	d.stop_after = 1;
	descriptors_forbid();
	for (int i = 0; i < 10; i++)
		turn_door(&d);
	descriptors_allow();
	ck_assert_uint_eq(d.errors, 1);
	close_door(&d, 1);
}
END_TEST

/* --- The resolver. --- */

static struct {
	size_t times;
	int error;
} answered;

static void
on_answer(int error, struct evutil_addrinfo *list, void *ctx)
{
	(void)ctx;
	answered.times++;
	answered.error = error;
	if (list)
		evutil_freeaddrinfo(list);
}

static struct evdns_base *
deaf_resolver(struct event_base *base, int *server)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr *any = (struct sockaddr *)(void *)&at;
	struct evdns_base *dns = evdns_base_new(base, 0);
	socklen_t len = sizeof at;

	*server = socket(AF_INET, SOCK_DGRAM, 0);
	ck_assert_int_eq(bind(*server, any, len), 0);
	ck_assert_int_eq(getsockname(*server, any, &len), 0);
	ck_assert_int_eq(
	    evdns_base_nameserver_sockaddr_add(dns, any, len, 0), 0);
	return dns;
}

/* dns.c: a look-up outlives its cancelling. */
START_TEST(a_look_up_that_is_cancelled_answers_from_the_loop)
{
	const struct evutil_addrinfo hints = {
	    .ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	struct event_base *base = event_base_new();
	struct evdns_getaddrinfo_request *request;
	struct evdns_base *dns;
	int server;

	dns = deaf_resolver(base, &server);
	request = evdns_getaddrinfo(
	    dns, "name.invalid", NULL, &hints, on_answer, NULL);
	ck_assert_ptr_nonnull(request);
	evdns_getaddrinfo_cancel(request);
	ck_assert_uint_eq(answered.times, 0);
	for (int i = 0; i < 8; i++)
		event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	ck_assert_uint_eq(answered.times, 1);
	ck_assert_int_eq(answered.error, EVUTIL_EAI_CANCEL);
	evdns_base_free(dns, 0);
	event_base_free(base);
	close(server);
}
END_TEST

/* dns.c: resolve() may be answered before it returns. */
START_TEST(a_look_up_of_a_number_answers_inside_the_call)
{
	struct event_base *base = event_base_new();
	struct evdns_base *dns = evdns_base_new(base, 0);

	answered.times = 0;
	ck_assert_ptr_null(
	    evdns_getaddrinfo(dns, "127.0.0.1", NULL, NULL, on_answer, NULL));
	ck_assert_uint_eq(answered.times, 1);
	evdns_base_free(dns, 0);
	event_base_free(base);
}
END_TEST

static void
add_turns(Suite *s)
{
	TCase *t = suite_group(s, "turns");

	tcase_add_checked_fixture(t, memory_watch, NULL);
	tcase_add_test(
	    t, what_is_made_active_in_a_callback_comes_before_a_zero_timer);
	tcase_add_test(
	    t, a_deferred_trigger_has_some_thirty_turns_before_a_zero_timer);
	tcase_add_test(t, a_zero_timer_gives_who_is_ready_a_turn_each_time);
	tcase_add_test(t, a_loop_within_itself_is_refused);
	tcase_add_test(t, an_event_may_be_freed_in_its_callback);
	tcase_add_test(
	    t, adding_a_timer_without_memory_fails_and_changes_nothing);
	tcase_add_test(t, moving_a_timer_that_runs_takes_no_memory);
}

static void
add_timeouts(Suite *s)
{
	TCase *t = suite_group(s, "timeouts");

	tcase_add_checked_fixture(t, memory_watch, NULL);
	tcase_add_test(t, a_timeout_takes_what_made_an_event_active_off_it);
	tcase_add_test(
	    t, after_a_stall_a_bufferevent_with_bytes_waiting_times_out);
	tcase_add_test(t, each_byte_puts_the_read_timeout_off);
	tcase_add_test(t, no_read_timeout_runs_while_reading_is_off);
	tcase_add_test(t, a_turn_of_the_loop_has_one_time);
}

static void
add_listener(Suite *s)
{
	TCase *t = suite_group(s, "listener");

	tcase_add_checked_fixture(t, memory_watch, NULL);
	tcase_add_test(t, a_listener_accepts_as_long_as_anybody_waits);
	tcase_add_test(
	    t, a_listener_switched_off_in_its_callback_stops_at_once);
	tcase_add_test(t, a_listener_freed_in_its_callback_closes_afterwards);
	tcase_add_test(t, a_want_of_descriptors_is_told_in_every_turn);
	tcase_add_test(t, a_listener_switched_off_in_want_tells_no_more);
	tcase_add_test(t, a_look_up_that_is_cancelled_answers_from_the_loop);
	tcase_add_test(t, a_look_up_of_a_number_answers_inside_the_call);
}

int
main(void)
{
	Suite *s = suite_create("libevent_loop");

	endpoint_begin();
	add_turns(s);
	add_timeouts(s);
	add_listener(s);
	return suite_run(s);
}
