/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connectors: every way to an outcome, and that there is one, from the loop;
 * the addresses of a name in turn, under a resolver that plays a script; time
 * limits; channels that are used, closed and freed before they are connected.
 *
 * libevent's timers are real, so time limits are of 1 ms, and the clock that
 * evchat looks at is moved by the tests.
 */
#include "alloc-internal.h"
#include "support/await.h"
#include "support/descriptors.h"
#include "support/fake_clock.h"
#include "support/file.h"
#include "support/loop.h"
#include "support/made.h"
#include "support/memory.h"
#include "support/resolver.h"
#include "support/suite.h"
#include "support/syscalls.h"
#include "support/target.h"
#include "support/world.h"
#include <errno.h>
#include <event2/util.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEN(array) (sizeof(array) / sizeof *(array))

enum { TARGETS = 3 };

/* A channel to come, where it goes, and what must be given back. */
struct stage {
	struct world w;
	struct resolver r;
	struct target targets[TARGETS];
	struct evchat_connect_options options;
	size_t descriptors;
};

static void
begin(struct stage *s)
{
	memory_watch();
	memset(s, 0, sizeof *s);
	s->descriptors = descriptors_open();
	world_init(&s->w, OVER_SOCKET);
	for (size_t i = 0; i < TARGETS; i++)
		s->targets[i].fd = s->targets[i].waiting = -1;
	s->options.channel.callbacks = world_callbacks;
	s->options.channel.callbacks.drained = NULL;
	s->options.channel.callbacks.timeout = NULL;
	s->options.channel.terminator = EVCHAT_LIT("\n");
}

static void
end(struct stage *s)
{
	world_free(&s->w);
	for (size_t i = 0; i < TARGETS; i++)
		target_close(&s->targets[i]);
	ck_assert_uint_eq(memory_live(), 0);
	ck_assert_uint_eq(descriptors_open(), s->descriptors);
	ck_assert(!resolver_is_asked(&s->r));
	ck_assert_uint_eq(s->r.asked, s->r.answered + s->r.cancelled);
}

static struct target *
to_target(struct stage *s, enum target_kind kind, enum target_manner manner)
{
	target_open(&s->targets[0], kind, manner);
	return &s->targets[0];
}

static void
go_to(struct stage *s, const char *address)
{
	struct evchat_resolver resolver = resolver_of(&s->r);

	s->w.ch =
	    evchat_connect(s->w.base, &resolver, address, &s->options, &s->w);
	ck_assert_ptr_nonnull(s->w.ch);
	memset(&resolver, 0, sizeof resolver); /* it is copied */
	world_expect(&s->w, "");
}

static void
go(struct stage *s, enum target_kind kind, enum target_manner manner)
{
	go_to(s, to_target(s, kind, manner)->text);
}

/* A name whose addresses have these manners, at one port. */
static void
go_to_name(
    struct stage *s, const enum target_manner *manners, size_t n, bool at_once)
{
	char address[64];

	s->r.at_once = at_once;
	for (size_t i = 0; i < n; i++) {
		if (i == 0)
			to_target(s, TARGET_IPV4, manners[i]);
		else
			target_open_beside(&s->targets[i], &s->targets[0],
			    (unsigned)i + 1, manners[i]);
		resolver_add(&s->r, target_resolved(&s->targets[i]));
	}
	(void)snprintf(address, sizeof address, "name.test:%u",
	    target_port(&s->targets[0]));
	go_to(s, address);
}

#define GO_TO_NAME(s, at_once, ...)                              \
	go_to_name(s, (const enum target_manner[]){__VA_ARGS__}, \
	    LEN(((const enum target_manner[]){__VA_ARGS__})), at_once)

/* A name that the resolver knows nothing of yet. */
static void
go_to_any_name(struct stage *s)
{
	go_to(s, "name.test:80");
}

/* Turn the loop without an outcome. */
static void
turn(struct stage *s, int times)
{
	for (; times > 0; times--)
		world_turn(&s->w);
}

static void
let_in(struct stage *s, struct target *t)
{
	s->w.peer_fd = target_accept(t);
}

static void
expect_closed(struct stage *s, const char *transcript, int error)
{
	await(&s->w, transcript);
	ck_assert_ptr_null(s->w.ch);
	ck_assert_uint_eq(s->w.closed_count, 1);
	ck_assert_int_eq(s->w.error, error);
}

/* --- Outcomes. --- */

START_TEST(connected_over_every_kind_of_address)
{
	struct stage s;

	if (!target_exists((enum target_kind)_i))
		return;
	begin(&s);
	go(&s, (enum target_kind)_i, ANSWERS);
	await(&s.w, "connected");
	let_in(&s, &s.targets[0]);
	peer_send_text(&s.w, "one\ntwo");
	await(&s.w, "frame(one)");
	ck_assert_int_eq(evchat_push(s.w.ch, "answer", 6), 0);
	await_received(&s.w, "answer");
	peer_send_eof(&s.w);
	await(&s.w, "eof");
	evchat_close_when_done(s.w.ch);
	await(&s.w, "closed(DONE)");
	ck_assert_uint_eq(s.r.asked, 0);
	end(&s);
}
END_TEST

START_TEST(connected_to_an_address_of_the_systems_form)
{
	struct stage s;
	const struct target *t;

	if (!target_exists((enum target_kind)_i))
		return;
	begin(&s);
	t = to_target(&s, (enum target_kind)_i, ANSWERS);
	s.w.ch = evchat_connect_sockaddr(s.w.base,
	    (const struct sockaddr *)(const void *)&t->at, t->len, &s.options,
	    &s.w);
	ck_assert_ptr_nonnull(s.w.ch);
	world_expect(&s.w, "");
	await(&s.w, "connected");
	end(&s);
}
END_TEST

START_TEST(the_descriptor_is_as_a_channel_needs_it)
{
	struct stage s;
	int fd, one = 0;
	socklen_t len = sizeof one;

	begin(&s);
	go(&s, TARGET_IPV4, ANSWERS);
	ck_assert_int_eq(bufferevent_getfd(evchat_bufferevent(s.w.ch)), -1);
	await(&s.w, "connected");
	fd = bufferevent_getfd(evchat_bufferevent(s.w.ch));
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert_int_eq(
	    getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, &len), 0);
	ck_assert_int_ne(one, 0);
	end(&s);
}
END_TEST

START_TEST(a_refusal_is_an_error_with_its_errno)
{
	struct stage s;

	begin(&s);
	go(&s, (enum target_kind)_i, REFUSES);
	expect_closed(&s, "closed(ERROR)", ECONNREFUSED);
	end(&s);
}
END_TEST

START_TEST(a_socket_file_that_is_not_there_is_an_error_from_the_loop)
{
	struct stage s;
	char address[EVCHAT_ADDRESS_SIZE + 8];

	begin(&s);
	(void)snprintf(address, sizeof address, "%s.not",
	    to_target(&s, TARGET_FILE, ANSWERS)->text);
	go_to(&s, address);
	expect_closed(&s, "closed(ERROR)", ENOENT);
	end(&s);
}
END_TEST

/* TCP has no way to everybody: refused before a packet is sent. */
START_TEST(an_address_without_a_way_to_it_is_an_error_from_the_loop)
{
	struct stage s;

	begin(&s);
	go_to(&s, "255.255.255.255:80");
	expect_closed(&s, "closed(ERROR)", ENETUNREACH);
	end(&s);
}
END_TEST

/* A socket that connects to a free port of this machine may be given that port
 * itself, and then connects to itself.  Give it that. */
static void
take_the_targets_port(int fd, void *ctx)
{
	const struct target *own = ctx;

	ck_assert_int_eq(bind(fd, target_resolved(own).address, own->len), 0);
}

START_TEST(a_socket_that_reaches_itself_was_refused)
{
	struct stage s;

	if (!target_exists((enum target_kind)_i))
		return;
	begin(&s);
	go(&s, (enum target_kind)_i, REFUSES);
	target_close(&s.targets[0]); /* now its port is free */
	calls_precede(CALL_CONNECT, take_the_targets_port, &s.targets[0]);
	await(&s.w, "closed(ERROR)");
	ck_assert_int_eq(s.w.error, ECONNREFUSED);
	end(&s);
}
END_TEST

static void
reconnect(struct world *w, const char *event)
{
	struct stage *s = w->hook_ctx;

	if (strcmp(event, "closed") != 0 || w->hook_count++)
		return;
	ck_assert_ptr_nonnull(evchat_connect(
	    w->base, NULL, s->targets[0].text, &s->options, &s->w));
}

START_TEST(inside_closed_another_may_be_begun)
{
	struct stage s;

	begin(&s);
	s.w.hook = reconnect;
	s.w.hook_ctx = &s;
	go(&s, TARGET_IPV4, REFUSES);
	await(&s.w, "closed(ERROR) closed(ERROR)");
	end(&s);
}
END_TEST

START_TEST(without_callbacks_it_connects_and_ends_all_the_same)
{
	struct stage s;

	begin(&s);
	memset(&s.options.channel.callbacks, 0,
	    sizeof s.options.channel.callbacks);
	go(&s, TARGET_IPV4, ANSWERS);
	ck_assert_int_eq(evchat_push(s.w.ch, "hello", 5), 0);
	evchat_close_when_done(s.w.ch);
	turn(&s, 3);
	let_in(&s, &s.targets[0]);
	await_received(&s.w, "hello");
	await_eof(&s.w);
	peer_close(&s.w);
	s.w.ch = NULL;
	while (event_base_loop(s.w.base, EVLOOP_ONCE) == 0)
		;
	go_to(&s, "255.255.255.255:80");
	s.w.ch = NULL;
	while (event_base_loop(s.w.base, EVLOOP_ONCE) == 0)
		;
	end(&s);
}
END_TEST

START_TEST(a_bufferevent_that_connects_itself_tells_it_too)
{
	struct stage s;
	struct bufferevent *bev;
	struct target *t;

	begin(&s);
	t = to_target(&s, TARGET_IPV4, ANSWERS);
	bev = bufferevent_socket_new(s.w.base, -1, BEV_OPT_CLOSE_ON_FREE);
	ck_assert_int_eq(bufferevent_socket_connect(bev,
			     (struct sockaddr *)(void *)&t->at, (int)t->len),
	    0);
	s.w.ch = evchat_new(bev, &s.options.channel.callbacks, &s.w);
	ck_assert_int_eq(evchat_push(s.w.ch, "early", 5), 0);
	world_expect(&s.w, "");
	await(&s.w, "connected");
	let_in(&s, t);
	await_received(&s.w, "early");
	end(&s);
}
END_TEST

/* --- What the channel starts with. --- */

START_TEST(options_are_copied)
{
	struct stage s;
	char terminator[] = "a terminator that is longer than a few bytes";

	begin(&s);
	s.options.channel.terminator =
	    evchat_literal(terminator, strlen(terminator));
	s.options.channel.limits.max_frame = 3;
	go(&s, TARGET_IPV4, ANSWERS);
	memset(terminator, 'x', sizeof terminator - 1);
	memset(&s.options, 0, sizeof s.options);
	await(&s.w, "connected");
	let_in(&s, &s.targets[0]);
	peer_send_text(&s.w, "one"
			     "a terminator that is longer than a few bytes"
			     "four"
			     "a terminator that is longer than a few bytes");
	await(&s.w, "frame(one) overlong");
	end(&s);
}
END_TEST

START_TEST(it_is_in_its_group_from_the_start_until_its_end)
{
	struct stage s;
	struct evchat_group *group;

	begin(&s);
	group = evchat_group_new(s.w.base);
	s.options.channel.group = group;
	go(&s, TARGET_IPV4, _i ? REFUSES : ANSWERS);
	ck_assert_uint_eq(evchat_group_count(group), 1);
	await(&s.w, _i ? "closed(ERROR)" : "connected");
	ck_assert_uint_eq(evchat_group_count(group), _i ? 0 : 1);
	evchat_free(s.w.ch);
	s.w.ch = NULL;
	ck_assert_uint_eq(evchat_group_count(group), 0);
	evchat_group_free(group);
	end(&s);
}
END_TEST

START_TEST(its_group_can_cut_it_off_before_it_is_connected)
{
	struct stage s;
	struct evchat_group *group;

	begin(&s);
	group = evchat_group_new(s.w.base);
	s.options.channel.group = group;
	go_to_any_name(&s);
	turn(&s, 3);
	ck_assert_uint_eq(s.r.asked, 1);
	ck_assert_int_eq(evchat_push(s.w.ch, "unsent", 6), 0);
	evchat_group_close_all(group);
	world_expect(&s.w, "");
	expect_closed(&s, "closed(CUT)", 0);
	ck_assert_uint_eq(s.w.unsent, 6);
	ck_assert_uint_eq(s.r.cancelled, 1);
	evchat_group_free(group);
	end(&s);
}
END_TEST

/* Or it would wait for a server that answers while it reads, and the server for
 * it; whatever limits it has been given. */
START_TEST(a_client_listens_however_much_it_has_to_send)
{
	static const char much[8 << 20];
	const struct evchat_limits limits = {.idle_deadline_ms = 1000};
	struct stage s;

	begin(&s);
	go(&s, TARGET_IPV4, ANSWERS);
	await(&s.w, "connected");
	let_in(&s, &s.targets[0]);
	peer_stop_reading(&s.w);
	if (_i)
		ck_assert_int_eq(evchat_set_limits(s.w.ch, &limits), 0);
	ck_assert_int_eq(
	    evchat_push_ref(s.w.ch, much, sizeof much, NULL, NULL), 0);
	turn(&s, 3);
	ck_assert(!evchat_has_room(s.w.ch));
	peer_send_text(&s.w, "heard\n");
	await(&s.w, "frame(heard)");
	evchat_free(s.w.ch);
	s.w.ch = NULL;
	end(&s);
}
END_TEST

START_TEST(a_group_that_closes_waits_for_what_was_pushed_to_it)
{
	struct stage s;
	struct evchat_group *group;

	begin(&s);
	group = evchat_group_new(s.w.base);
	s.options.channel.group = group;
	go(&s, TARGET_IPV4, ANSWERS);
	ck_assert_int_eq(evchat_push(s.w.ch, "sent", 4), 0);
	ck_assert_int_eq(evchat_group_close_when_done(group, 0, NULL, NULL), 0);
	await(&s.w, "connected");
	let_in(&s, &s.targets[0]);
	await_received(&s.w, "sent");
	peer_close(&s.w);
	await(&s.w, "closed(DONE)");
	evchat_group_free(group);
	end(&s);
}
END_TEST

/* --- The channel before it is connected. --- */

static void
count_cleanup(const void *bytes, size_t len, void *ctx)
{
	(void)bytes, (void)len;
	++*(size_t *)ctx;
}

static void
push_file(struct stage *s)
{
	int fd = nameless_file("a file ", 7);

	ck_assert_int_eq(evchat_push_file(s->w.ch, fd, 2, 5), 0);
}

static void
push_buffer(struct stage *s)
{
	struct evbuffer *bytes = evbuffer_new();

	evbuffer_add(bytes, "moved ", 6);
	ck_assert_int_eq(evchat_push_buffer(s->w.ch, bytes), 0);
	evbuffer_free(bytes);
}

static const char pushed_text[] =
    "copied formatted 7 lined\r\nlent moved file ";
static const char pushed_script[] = "made+and~sealed.";
static const char made_text[] = "madeandsealed";

static void
push_everything(struct stage *s, struct made *made, size_t *cleanups)
{
	struct evchat *ch = s->w.ch;

	ck_assert_int_eq(evchat_push(ch, "copied ", 7), 0);
	ck_assert_int_eq(evchat_pushf(ch, "formatted %d ", 7), 0);
	ck_assert_int_eq(evchat_push_line(ch, "lined", 5), 0);
	ck_assert_int_eq(
	    evchat_push_ref(ch, "lent ", 5, count_cleanup, cleanups), 0);
	push_buffer(s);
	push_file(s);
	ck_assert_int_eq(
	    evchat_push_producer(ch, made_from(made, pushed_script)), 0);
}

START_TEST(what_was_pushed_before_is_sent_in_order)
{
	struct stage s;
	struct made made;
	size_t cleanups = 0;
	char text[128];

	begin(&s);
	s.options.channel.callbacks.drained = world_callbacks.drained;
	go(&s, TARGET_IPV4, ANSWERS);
	push_everything(&s, &made, &cleanups);
	ck_assert_uint_eq(evchat_pending(s.w.ch), strlen(pushed_text));
	ck_assert_uint_eq(made.asked, 0);
	ck_assert_uint_eq(cleanups, 0);
	await(&s.w, "connected");
	let_in(&s, &s.targets[0]);
	/* The producer has said LATER. */
	ck_assert_int_eq(evchat_wake(s.w.ch), 0);
	await(&s.w, "drained");
	(void)snprintf(text, sizeof text, "%s%s", pushed_text, made_text);
	await_received(&s.w, text);
	ck_assert_uint_eq(made.released, 1);
	ck_assert_uint_eq(cleanups, 1);
	end(&s);
}
END_TEST

START_TEST(what_was_pushed_is_let_go_when_nothing_comes_of_it)
{
	struct stage s;
	struct made made;
	size_t cleanups = 0;

	begin(&s);
	go(&s, TARGET_IPV4, REFUSES);
	push_everything(&s, &made, &cleanups);
	expect_closed(&s, "closed(ERROR)", ECONNREFUSED);
	ck_assert_uint_eq(s.w.unsent, strlen(pushed_text));
	ck_assert_uint_eq(made.asked, 0);
	ck_assert_uint_eq(made.released, 1);
	ck_assert_uint_eq(cleanups, 1);
	end(&s);
}
END_TEST

START_TEST(the_marks_and_the_cap_hold_before_it_is_connected)
{
	struct stage s;

	begin(&s);
	s.options.channel.limits = (struct evchat_limits){
	    .output_low = 2, .output_high = 4, .output_max = 8};
	go(&s, TARGET_IPV4, ANSWERS);
	ck_assert_int_eq(evchat_push(s.w.ch, "1234", 4), 0);
	ck_assert(evchat_has_room(s.w.ch));
	ck_assert_int_eq(evchat_push(s.w.ch, "5678", 4), 0);
	ck_assert(!evchat_has_room(s.w.ch));
	ck_assert_int_eq(evchat_push(s.w.ch, "9", 1), EVCHAT_ERR_FULL);
	await(&s.w, "connected room");
	let_in(&s, &s.targets[0]);
	await_received(&s.w, "12345678");
	end(&s);
}
END_TEST

START_TEST(what_is_discarded_before_it_is_connected_is_never_sent)
{
	struct stage s;
	struct made made;
	size_t cleanups = 0;

	begin(&s);
	go(&s, TARGET_IPV4, ANSWERS);
	push_everything(&s, &made, &cleanups);
	ck_assert_int_eq(evchat_discard_output(s.w.ch), 0);
	ck_assert_uint_eq(evchat_pending(s.w.ch), 0);
	ck_assert_uint_eq(made.released, 1);
	ck_assert_uint_eq(cleanups, 1);
	ck_assert_int_eq(evchat_discard_input(s.w.ch), 0);
	ck_assert_int_eq(evchat_push(s.w.ch, "only this", 9), 0);
	await(&s.w, "connected");
	let_in(&s, &s.targets[0]);
	await_received(&s.w, "only this");
	end(&s);
}
END_TEST

START_TEST(what_is_set_before_it_is_connected_rules_from_the_first_byte)
{
	struct stage s;
	const struct evchat_limits limits = {.max_frame = 2};
	struct evchat_callbacks callbacks = world_pieces();

	begin(&s);
	go(&s, TARGET_IPV4, ANSWERS);
	callbacks.overlong = NULL;
	ck_assert_int_eq(evchat_set_callbacks(s.w.ch, &callbacks), 0);
	ck_assert_int_eq(evchat_set_terminator(s.w.ch, EVCHAT_LIT("//")), 0);
	ck_assert_int_eq(evchat_set_limits(s.w.ch, &limits), 0);
	await(&s.w, "connected");
	let_in(&s, &s.targets[0]);
	peer_send_text(&s.w, "1\n//2//345//");
	await(&s.w, "collect(1\\n) found collect(2) found collect(34) "
		    "closed(OVERLONG)");
	end(&s);
}
END_TEST

START_TEST(paused_before_it_is_connected_it_reads_nothing)
{
	struct stage s;

	begin(&s);
	go(&s, TARGET_IPV4, ANSWERS);
	ck_assert_int_eq(evchat_pause(s.w.ch), 0);
	await(&s.w, "connected");
	let_in(&s, &s.targets[0]);
	peer_send_text(&s.w, "one\n");
	world_run(&s.w);
	world_expect(&s.w, "");
	ck_assert_int_eq(evchat_resume(s.w.ch), 0);
	await(&s.w, "frame(one)");
	end(&s);
}
END_TEST

START_TEST(a_channel_that_connects_cannot_be_detached)
{
	struct stage s;
	struct bufferevent *bev;

	begin(&s);
	go(&s, TARGET_IPV4, ANSWERS);
	errno = 0;
	ck_assert_ptr_null(evchat_detach(s.w.ch));
	ck_assert_int_eq(errno, EBUSY);
	turn(&s, 1);
	ck_assert_ptr_null(evchat_detach(s.w.ch));
	ck_assert_int_eq(errno, EBUSY);
	ck_assert_int_eq(evchat_push(s.w.ch, "kept", 4), 0);
	await(&s.w, "connected");
	bev = evchat_detach(s.w.ch);
	ck_assert_ptr_nonnull(bev);
	s.w.ch = NULL;
	let_in(&s, &s.targets[0]);
	await_received(&s.w, "kept");
	bufferevent_free(bev);
	end(&s);
}
END_TEST

START_TEST(a_channel_that_connects_and_closes_says_so_to_detach)
{
	struct stage s;

	begin(&s);
	go(&s, TARGET_IPV4, ANSWERS);
	ck_assert_int_eq(evchat_shutdown_write(s.w.ch), 0);
	ck_assert_ptr_null(evchat_detach(s.w.ch));
	ck_assert_int_eq(errno, ESHUTDOWN);
	end(&s);
}
END_TEST

START_TEST(closing_before_it_is_connected_with_nothing_pushed_cancels)
{
	struct stage s;

	begin(&s);
	go_to_any_name(&s);
	turn(&s, _i * 3);
	ck_assert_uint_eq(s.r.asked, (size_t)_i);
	evchat_close_when_done(s.w.ch);
	world_expect(&s.w, "");
	expect_closed(&s, "closed(DONE)", 0);
	ck_assert_uint_eq(s.r.cancelled, (size_t)_i);
	end(&s);
}
END_TEST

START_TEST(closing_before_it_is_connected_waits_for_what_was_pushed)
{
	struct stage s;

	begin(&s);
	go(&s, TARGET_IPV4, ANSWERS);
	ck_assert_int_eq(evchat_push(s.w.ch, "last words", 10), 0);
	evchat_close_when_done(s.w.ch);
	ck_assert_int_eq(evchat_push(s.w.ch, "x", 1), EVCHAT_ERR_CLOSING);
	ck_assert_int_eq(evchat_shutdown_write(s.w.ch), EVCHAT_ERR_CLOSING);
	await(&s.w, "connected");
	let_in(&s, &s.targets[0]);
	await_received(&s.w, "last words");
	await_eof(&s.w);
	peer_close(&s.w);
	await(&s.w, "closed(DONE)");
	end(&s);
}
END_TEST

START_TEST(closing_before_it_is_connected_ends_when_all_is_discarded)
{
	struct stage s;

	begin(&s);
	go_to_any_name(&s);
	ck_assert_int_eq(evchat_push(s.w.ch, "last words", 10), 0);
	evchat_close_when_done(s.w.ch);
	turn(&s, 3);
	world_expect(&s.w, "");
	ck_assert_int_eq(evchat_discard_output(s.w.ch), 0);
	expect_closed(&s, "closed(DONE)", 0);
	ck_assert_uint_eq(s.r.cancelled, 1);
	end(&s);
}
END_TEST

START_TEST(closing_to_a_target_that_refuses_is_an_error_still)
{
	struct stage s;

	begin(&s);
	go(&s, TARGET_IPV4, REFUSES);
	ck_assert_int_eq(evchat_push(s.w.ch, "last words", 10), 0);
	evchat_close_when_done(s.w.ch);
	expect_closed(&s, "closed(ERROR)", ECONNREFUSED);
	ck_assert_uint_eq(s.w.unsent, 10);
	end(&s);
}
END_TEST

START_TEST(shut_before_it_is_connected_it_sends_fin_behind_what_was_pushed)
{
	struct stage s;

	begin(&s);
	go(&s, TARGET_IPV4, ANSWERS);
	if (_i)
		ck_assert_int_eq(evchat_push(s.w.ch, "request", 7), 0);
	ck_assert_int_eq(evchat_shutdown_write(s.w.ch), 0);
	ck_assert_int_eq(evchat_shutdown_write(s.w.ch), 0);
	ck_assert_int_eq(evchat_push(s.w.ch, "x", 1), EVCHAT_ERR_CLOSING);
	await(&s.w, "connected");
	let_in(&s, &s.targets[0]);
	await_received(&s.w, _i ? "request" : "");
	await_eof(&s.w);
	peer_send_text(&s.w, "answer\n");
	await(&s.w, "frame(answer)");
	peer_send_eof(&s.w);
	await(&s.w, "eof closed(EOF)");
	end(&s);
}
END_TEST

START_TEST(the_deadlines_of_the_peer_do_not_run_before_it_is_connected)
{
	struct stage s;

	begin(&s);
	s.options.attempt_ms = s.options.connect_ms = UINT_MAX;
	s.options.channel.limits =
	    (struct evchat_limits){.frame_deadline_ms = 1000,
		.idle_deadline_ms = 1000,
		.write_deadline_ms = 1000,
		.linger_ms = 1000};
	go(&s, TARGET_IPV4, FULL);
	if (_i)
		ck_assert_int_eq(evchat_push(s.w.ch, "waits", 5), 0);
	world_run(&s.w);
	world_pass(&s.w, 5000);
	world_pass(&s.w, 5000);
	world_expect(&s.w, "");
	end(&s);
}
END_TEST

START_TEST(the_idle_deadline_runs_from_when_it_is_connected)
{
	struct stage s;

	begin(&s);
	s.options.channel.limits.idle_deadline_ms = 1000;
	go(&s, TARGET_IPV4, ANSWERS);
	fake_clock_pass(5000);
	await(&s.w, "connected");
	world_pass(&s.w, 999);
	world_expect(&s.w, "");
	world_pass(&s.w, 1);
	world_expect(&s.w, "closed(TIMEOUT_IDLE)");
	end(&s);
}
END_TEST

START_TEST(it_counts_nothing_before_it_is_connected)
{
	struct stage s;
	struct evchat_stats stats;

	begin(&s);
	go(&s, TARGET_IPV4, FULL);
	ck_assert_int_eq(evchat_push(s.w.ch, "waits", 5), 0);
	world_run(&s.w);
	evchat_get_stats(s.w.ch, &stats);
	ck_assert_uint_eq(
	    stats.bytes_in + stats.bytes_out + stats.frames_in, 0);
	ck_assert_uint_eq(evchat_pending(s.w.ch), 5);
	ck_assert_uint_eq(evchat_unsent(s.w.ch), 0);
	ck_assert_int_eq(evchat_errno(s.w.ch), 0);
	ck_assert_ptr_nonnull(evchat_bufferevent(s.w.ch));
	end(&s);
}
END_TEST

/* --- Names. --- */

/* Whose address did it connect to? */
static unsigned
host_of(struct stage *s)
{
	struct sockaddr_in at;
	socklen_t len = sizeof at;

	ck_assert_int_eq(
	    getpeername(bufferevent_getfd(evchat_bufferevent(s->w.ch)),
		(struct sockaddr *)&at, &len),
	    0);
	return ntohl(at.sin_addr.s_addr) & 0xff;
}

static void
expect_connected_to(struct stage *s, unsigned host)
{
	if (!s->r.at_once) {
		while (!resolver_is_asked(&s->r))
			turn(s, 1);
		world_expect(&s->w, "");
		resolver_answer(&s->r);
		world_expect(&s->w, "");
	}
	await(&s->w, "connected");
	ck_assert_uint_eq(host_of(s), host);
	ck_assert_uint_eq(s->r.cancelled, 0);
}

START_TEST(a_name_is_looked_up_without_its_port)
{
	struct stage s;

	begin(&s);
	GO_TO_NAME(&s, _i, ANSWERS);
	ck_assert_uint_eq(s.r.asked, 0);
	expect_connected_to(&s, 1);
	ck_assert_str_eq(s.r.name, "name.test");
	ck_assert_uint_eq(s.r.asked, 1);
	end(&s);
}
END_TEST

START_TEST(every_address_of_a_name_is_tried_in_turn)
{
	struct stage s;

	begin(&s);
	GO_TO_NAME(&s, _i, REFUSES, REFUSES, ANSWERS);
	ck_assert_int_eq(evchat_push(s.w.ch, "hello", 5), 0);
	expect_connected_to(&s, 3);
	let_in(&s, &s.targets[2]);
	await_received(&s.w, "hello");
	end(&s);
}
END_TEST

START_TEST(the_first_address_that_answers_is_taken)
{
	struct stage s;

	begin(&s);
	GO_TO_NAME(&s, _i, REFUSES, ANSWERS, ANSWERS);
	expect_connected_to(&s, 2);
	end(&s);
}
END_TEST

static const struct sockaddr_in to_everybody = {
    .sin_family = AF_INET, .sin_port = 80, .sin_addr.s_addr = INADDR_BROADCAST};

static struct evchat_resolved
unreachable(void)
{
	return (struct evchat_resolved){
	    (const struct sockaddr *)(const void *)&to_everybody,
	    sizeof to_everybody};
}

START_TEST(when_every_address_fails_the_last_errno_is_told)
{
	struct stage s;
	char address[64];

	begin(&s);
	s.r.at_once = true;
	to_target(&s, TARGET_IPV4, REFUSES);
	if (_i)
		resolver_add(&s.r, unreachable());
	resolver_add(&s.r, target_resolved(&s.targets[0]));
	if (!_i)
		resolver_add(&s.r, unreachable());
	(void)snprintf(address, sizeof address, "name.test:%u",
	    target_port(&s.targets[0]));
	go_to(&s, address);
	expect_closed(&s, "closed(ERROR)", _i ? ECONNREFUSED : ENETUNREACH);
	end(&s);
}
END_TEST

/* Addresses whose port is another one, or none. */
START_TEST(the_port_is_the_one_that_was_asked_for)
{
	struct stage s;
	char address[64];
	struct sockaddr_in at;
	const struct target *t;

	begin(&s);
	s.r.at_once = true;
	t = to_target(&s, TARGET_IPV4, ANSWERS);
	memcpy(&at, &t->at, sizeof at);
	at.sin_port = _i ? htons(1) : 0;
	resolver_add(
	    &s.r, (struct evchat_resolved){(struct sockaddr *)&at, sizeof at});
	(void)snprintf(address, sizeof address, "name.test:%u", target_port(t));
	go_to(&s, address);
	await(&s.w, "connected");
	end(&s);
}
END_TEST

static void
resolve_now(struct stage *s)
{
	if (s->r.at_once)
		return;
	while (!resolver_is_asked(&s->r))
		turn(s, 1);
	resolver_answer(&s->r);
	world_expect(&s->w, "");
}

START_TEST(a_name_that_is_not_found_ends_with_the_resolvers_error)
{
	struct stage s;

	begin(&s);
	s.r.at_once = _i;
	s.r.error = EVUTIL_EAI_AGAIN;
	go_to_any_name(&s);
	resolve_now(&s);
	expect_closed(&s, "closed(LOOKUP)", EVUTIL_EAI_AGAIN);
	ck_assert_uint_eq(s.r.cancelled, 0);
	end(&s);
}
END_TEST

START_TEST(a_name_without_an_address_is_not_found)
{
	struct stage s;

	begin(&s);
	s.r.at_once = _i;
	go_to_any_name(&s);
	resolve_now(&s);
	expect_closed(&s, "closed(LOOKUP)", EVUTIL_EAI_NONAME);
	end(&s);
}
END_TEST

static const struct sockaddr no_family = {.sa_family = AF_UNSPEC};
static const struct sockaddr strange_family = {.sa_family = AF_MAX};

static void
add_unusable(struct stage *s)
{
	struct evchat_resolved too_short = unreachable();

	too_short.len--;
	resolver_add(
	    &s->r, (struct evchat_resolved){&no_family, sizeof no_family});
	resolver_add(&s->r,
	    (struct evchat_resolved){&strange_family, sizeof strange_family});
	resolver_add(&s->r, too_short);
	resolver_add(&s->r, (struct evchat_resolved){&no_family, 0});
}

START_TEST(a_name_with_only_unusable_addresses_is_not_found)
{
	struct stage s;

	begin(&s);
	s.r.at_once = _i;
	add_unusable(&s);
	go_to_any_name(&s);
	resolve_now(&s);
	expect_closed(&s, "closed(LOOKUP)", EVUTIL_EAI_FAMILY);
	end(&s);
}
END_TEST

START_TEST(unusable_addresses_are_passed_over)
{
	struct stage s;

	begin(&s);
	add_unusable(&s);
	GO_TO_NAME(&s, _i, REFUSES, ANSWERS);
	expect_connected_to(&s, 2);
	end(&s);
}
END_TEST

START_TEST(a_hundred_addresses_are_no_more_than_some)
{
	struct stage s;

	begin(&s);
	for (size_t i = 0; i < (_i ? 50 : RESOLVER_MAX - 1); i++)
		resolver_add(&s.r, unreachable());
	GO_TO_NAME(&s, true, ANSWERS);
	while (s.r.n < RESOLVER_MAX)
		resolver_add(&s.r, unreachable());
	if (_i)
		await(&s.w, "connected");
	else
		expect_closed(&s, "closed(ERROR)", ENETUNREACH);
	end(&s);
}
END_TEST

START_TEST(a_numeric_address_is_not_looked_up)
{
	struct stage s;

	begin(&s);
	go(&s, TARGET_IPV4, ANSWERS);
	await(&s.w, "connected");
	ck_assert_uint_eq(s.r.asked, 0);
	end(&s);
}
END_TEST

/* --- Time limits. --- */

START_TEST(an_address_that_takes_too_long_gives_way_to_the_next)
{
	struct stage s;

	begin(&s);
	s.options.attempt_ms = 1;
	GO_TO_NAME(&s, true, FULL, FULL, ANSWERS);
	await_in_time(&s.w, "connected");
	ck_assert_uint_eq(host_of(&s), 3);
	end(&s);
}
END_TEST

START_TEST(an_address_that_takes_too_long_is_no_connection_in_time)
{
	struct stage s;

	begin(&s);
	s.options.attempt_ms = 1;
	go(&s, (enum target_kind)_i, FULL);
	await_in_time(&s.w, "closed(TIMEOUT_CONNECT)");
	ck_assert_int_eq(s.w.error, 0);
	end(&s);
}
END_TEST

START_TEST(the_errno_is_that_of_the_last_address_not_of_a_late_one_before)
{
	struct stage s;

	begin(&s);
	s.options.attempt_ms = 1;
	GO_TO_NAME(&s, true, FULL, REFUSES);
	await_in_time(&s.w, "closed(ERROR)");
	ck_assert_int_eq(s.w.error, ECONNREFUSED);
	end(&s);
}
END_TEST

START_TEST(a_late_last_address_counts_and_not_a_refusal_before)
{
	struct stage s;

	begin(&s);
	s.options.attempt_ms = 1;
	GO_TO_NAME(&s, true, REFUSES, FULL);
	await_in_time(&s.w, "closed(TIMEOUT_CONNECT)");
	ck_assert_int_eq(s.w.error, 0);
	end(&s);
}
END_TEST

START_TEST(there_is_a_limit_for_all_attempts_together)
{
	struct stage s;

	begin(&s);
	s.options.connect_ms = 1;
	go(&s, (enum target_kind)_i, FULL);
	ck_assert_int_eq(evchat_push(s.w.ch, "unsent", 6), 0);
	await_in_time(&s.w, "closed(TIMEOUT_CONNECT)");
	ck_assert_int_eq(s.w.error, 0);
	ck_assert_uint_eq(s.w.unsent, 6);
	end(&s);
}
END_TEST

START_TEST(the_limit_for_all_includes_the_look_up)
{
	struct stage s;

	begin(&s);
	s.options.connect_ms = 1;
	go_to_any_name(&s);
	await_in_time(&s.w, "closed(TIMEOUT_CONNECT)");
	ck_assert_int_eq(s.w.error, 0);
	ck_assert_uint_eq(s.r.cancelled, 1);
	end(&s);
}
END_TEST

/* libevent's timers may be early: only evchat's clock says what is due. */
START_TEST(a_timer_that_is_early_ends_nothing)
{
	struct stage s;

	begin(&s);
	s.options.attempt_ms = s.options.connect_ms = 1;
	go(&s, TARGET_IPV4, FULL);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(event_base_loop(s.w.base, EVLOOP_ONCE), 0);
	world_expect(&s.w, "");
	await_in_time(&s.w, "closed(TIMEOUT_CONNECT)");
	end(&s);
}
END_TEST

/* How long the timers of a loop have to run, longest first. */
struct timers {
	struct timeval now;
	double seconds[8];
	size_t n;
};

static int
note_timer(const struct event_base *base, const struct event *event, void *ctx)
{
	struct timers *timers = ctx;
	struct timeval due, left;

	(void)base;
	if (!event_pending(event, EV_TIMEOUT, &due))
		return 0;
	ck_assert_uint_lt(timers->n, LEN(timers->seconds));
	evutil_timersub(&due, &timers->now, &left);
	timers->seconds[timers->n++] =
	    (double)left.tv_sec + (double)left.tv_usec / 1e6;
	return 0;
}

static bool
has_timer(const struct timers *timers, double most)
{
	for (size_t i = 0; i < timers->n; i++)
		if (timers->seconds[i] > most / 2 &&
		    timers->seconds[i] < most + 1)
			return true;
	return false;
}

START_TEST(without_limits_it_is_ten_seconds_each_and_thirty_in_all)
{
	struct stage s;
	struct timers timers = {0};

	begin(&s);
	go(&s, TARGET_IPV4, FULL);
	world_run(&s.w);
	evutil_gettimeofday(&timers.now, NULL);
	event_base_foreach_event(s.w.base, note_timer, &timers);
	ck_assert_uint_eq(timers.n, 2);
	ck_assert(has_timer(&timers, 10));
	ck_assert(has_timer(&timers, 30));
	end(&s);
}
END_TEST

/* connect(2) to a Unix socket with a full backlog says EAGAIN. */
START_TEST(a_full_backlog_is_tried_again_until_there_is_room)
{
	struct stage s;

	begin(&s);
	go(&s, (enum target_kind)_i, FULL);
	ck_assert_int_eq(evchat_push(s.w.ch, "patient", 7), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(event_base_loop(s.w.base, EVLOOP_ONCE), 0);
	world_expect(&s.w, "");
	close(target_accept(&s.targets[0]));
	await(&s.w, "connected");
	let_in(&s, &s.targets[0]);
	await_received(&s.w, "patient");
	end(&s);
}
END_TEST

/* --- A loop that stood still. --- */

/* Just before the limit for all passes, in the same turn of the loop: the clock
 * jumps if it is to, and the addresses are there. */
static void
answer_late(evutil_socket_t fd, short what, void *ctx)
{
	struct resolver *r = ctx;

	(void)fd, (void)what;
	if (r->ctx)
		fake_clock_pass(60000);
	resolver_answer(r);
}

static struct event *late_answer;

static void
answer_just_in_time(struct resolver *r)
{
	const struct timeval just_in_time = {0, 999};

	(void)r;
	ck_assert_int_eq(evtimer_add(late_answer, &just_in_time), 0);
}

/* A limit of 1 ms, and an answer 1 us before it. */
static void
answer_before_the_limit(struct stage *s, bool clock_jumps)
{
	late_answer = evtimer_new(s->w.base, answer_late, &s->r);
	s->r.asked_cb = answer_just_in_time;
	s->r.ctx = clock_jumps ? s : NULL;
	s->options.connect_ms = 1;
}

START_TEST(what_has_connected_while_the_loop_stood_still_is_connected)
{
	struct stage s;

	begin(&s);
	s.options.attempt_ms = s.options.connect_ms = 1;
	go(&s, TARGET_IPV4, ANSWERS);
	turn(&s, 1);
	fake_clock_pass(60000);
	await(&s.w, "connected");
	end(&s);
}
END_TEST

START_TEST(what_has_connected_when_the_limit_for_all_passes_is_connected)
{
	struct stage s;

	begin(&s);
	answer_before_the_limit(&s, true);
	GO_TO_NAME(&s, false, ANSWERS);
	await(&s.w, "connected");
	event_free(late_answer);
	end(&s);
}
END_TEST

START_TEST(what_has_failed_when_the_limit_for_all_passes_starts_no_other)
{
	struct stage s;

	begin(&s);
	answer_before_the_limit(&s, true);
	GO_TO_NAME(&s, false, REFUSES, FULL);
	await(&s.w, "closed(TIMEOUT_CONNECT)");
	event_free(late_answer);
	end(&s);
}
END_TEST

START_TEST(what_has_failed_when_the_limit_comes_early_gives_way_to_the_next)
{
	struct stage s;

	begin(&s);
	answer_before_the_limit(&s, false);
	GO_TO_NAME(&s, false, REFUSES, _i ? FULL : ANSWERS);
	if (_i)
		await_in_time(&s.w, "closed(TIMEOUT_CONNECT)");
	else
		await(&s.w, "connected");
	event_free(late_answer);
	end(&s);
}
END_TEST

/* --- Freeing it. --- */

enum moment {
	BEFORE_THE_LOOP,
	LOOKING_UP,
	LOOKED_UP_IN_VAIN,
	TRYING_AN_ADDRESS,
	AWAITING_ROOM,
	CONNECTED,
	MOMENTS
};

static void
come_to(struct stage *s, enum moment moment)
{
	switch (moment) {
	case LOOKING_UP:
	case LOOKED_UP_IN_VAIN:
		go_to_any_name(s);
		while (!resolver_is_asked(&s->r))
			turn(s, 1);
		if (moment == LOOKED_UP_IN_VAIN)
			resolver_answer(&s->r);
		break;
	case TRYING_AN_ADDRESS:
		go(s, TARGET_IPV4, FULL);
		turn(s, 3);
		break;
	case AWAITING_ROOM:
		go(s, TARGET_FILE, FULL);
		turn(s, 3);
		break;
	case CONNECTED:
		go(s, TARGET_IPV4, ANSWERS);
		await(&s->w, "connected");
		break;
	case BEFORE_THE_LOOP:
	case MOMENTS:
	default:
		go_to_any_name(s);
		break;
	}
}

START_TEST(freed_at_any_moment_it_gives_everything_back)
{
	struct stage s;
	struct made made;
	size_t cleanups = 0;

	begin(&s);
	come_to(&s, (enum moment)_i);
	/* Once it is to end nothing can be pushed. */
	if (_i != LOOKED_UP_IN_VAIN)
		push_everything(&s, &made, &cleanups);
	evchat_free(s.w.ch);
	s.w.ch = NULL;
	turn(&s, 10);
	world_expect(&s.w, "");
	if (_i != LOOKED_UP_IN_VAIN) {
		ck_assert_uint_eq(made.released, 1);
		ck_assert_uint_eq(cleanups, 1);
	}
	ck_assert_uint_eq(s.r.cancelled, _i == LOOKING_UP);
	/* Nothing is left to wait for. */
	ck_assert_int_eq(event_base_loop(s.w.base, EVLOOP_NONBLOCK), 1);
	end(&s);
}
END_TEST

static void
free_in_resolver(struct resolver *r)
{
	struct stage *s = r->ctx;

	evchat_free(s->w.ch);
	s->w.ch = NULL;
}

START_TEST(freed_inside_the_resolver_it_cancels_what_that_has_begun)
{
	struct stage s;

	begin(&s);
	s.r.asked_cb = free_in_resolver;
	s.r.ctx = &s;
	go_to_any_name(&s);
	turn(&s, 5);
	world_expect(&s.w, "");
	ck_assert_uint_eq(s.r.asked, 1);
	ck_assert_uint_eq(s.r.cancelled, 1);
	end(&s);
}
END_TEST

START_TEST(freed_inside_cancel_it_is_not_told_that_it_failed)
{
	struct stage s;

	begin(&s);
	s.options.connect_ms = 1;
	s.r.cancelled_cb = free_in_resolver;
	s.r.ctx = &s;
	go_to_any_name(&s);
	while (!s.r.cancelled) {
		fake_clock_pass(1);
		turn(&s, 1);
	}
	turn(&s, 5);
	world_expect(&s.w, "");
	end(&s);
}
END_TEST

/* Closing cancels as well; it has ended then, but was not told. */
START_TEST(freed_inside_cancel_it_is_not_told_that_it_ended)
{
	struct stage s;

	begin(&s);
	s.r.cancelled_cb = free_in_resolver;
	s.r.ctx = &s;
	go_to_any_name(&s);
	while (!resolver_is_asked(&s.r))
		turn(&s, 1);
	evchat_close_when_done(s.w.ch);
	turn(&s, 5);
	ck_assert_uint_eq(s.r.cancelled, 1);
	world_expect(&s.w, "");
	end(&s);
}
END_TEST

/* As some resolvers do. */
START_TEST(an_answer_inside_cancel_is_not_heard)
{
	struct stage s;

	begin(&s);
	s.options.connect_ms = 1;
	s.r.cancelled_cb = resolver_answer;
	s.r.error = EVUTIL_EAI_FAIL;
	go_to_any_name(&s);
	await_in_time(&s.w, "closed(TIMEOUT_CONNECT)");
	ck_assert_uint_eq(s.r.answered, 1);
	s.r.answered = 0; /* it does not count */
	end(&s);
}
END_TEST

static void
free_inside(struct world *w, const char *event)
{
	(void)event;
	evchat_free(w->ch);
	w->ch = NULL;
}

START_TEST(freed_inside_connected_it_gives_everything_back)
{
	struct stage s;
	struct made made;
	size_t cleanups = 0;

	begin(&s);
	s.w.hook = free_inside;
	go(&s, TARGET_IPV4, ANSWERS);
	push_everything(&s, &made, &cleanups);
	await(&s.w, "connected");
	ck_assert_ptr_null(s.w.ch);
	ck_assert_uint_eq(made.released, 1);
	turn(&s, 3);
	ck_assert_uint_eq(cleanups, 1);
	let_in(&s, &s.targets[0]);
	await_received(&s.w, "");
	end(&s);
}
END_TEST

static void
close_inside(struct world *w, const char *event)
{
	if (strcmp(event, "connected") == 0)
		evchat_close_when_done(w->ch);
}

START_TEST(closed_inside_connected_it_sends_what_was_pushed)
{
	struct stage s;

	begin(&s);
	s.w.hook = close_inside;
	go(&s, TARGET_IPV4, ANSWERS);
	ck_assert_int_eq(evchat_push(s.w.ch, "hello", 5), 0);
	await(&s.w, "connected");
	let_in(&s, &s.targets[0]);
	await_received(&s.w, "hello");
	peer_close(&s.w);
	await(&s.w, "closed(DONE)");
	end(&s);
}
END_TEST

/* --- What cannot be asked for. --- */

static void
expect_refused(struct stage *s, const struct evchat_resolver *resolver,
    const char *address, int error)
{
	errno = 0;
	ck_assert_ptr_null(
	    evchat_connect(s->w.base, resolver, address, &s->options, &s->w));
	ck_assert_int_eq(errno, error);
}

START_TEST(a_text_that_is_no_target_is_refused)
{
	static const char *const texts[] = {"", "127.0.0.1",
	    "127.0.0.1:", "127.0.0.1:0", "[::1]:0", "name.test:0", "name.test",
	    "*:80", "127.0.0.1:65536", "[::1:80", "na me:80", "unix:", NULL};
	struct stage s;
	struct evchat_resolver resolver;

	begin(&s);
	resolver = resolver_of(&s.r);
	for (size_t i = 0; i < LEN(texts); i++)
		expect_refused(&s, &resolver, texts[i], EINVAL);
	end(&s);
}
END_TEST

START_TEST(a_name_without_a_resolver_is_refused)
{
	struct stage s;

	begin(&s);
	expect_refused(&s, NULL, "name.test:80", EDESTADDRREQ);
	end(&s);
}
END_TEST

START_TEST(a_resolver_that_is_not_whole_is_refused)
{
	struct stage s;
	struct evchat_resolver resolver;

	begin(&s);
	for (int i = 0; i < 4; i++) {
		resolver = resolver_of(&s.r);
		if (i == 0)
			resolver.resolve = NULL;
		if (i == 1)
			resolver.cancel = NULL;
		if (i >= 2)
			resolver.reserved[i - 2] = 1;
		expect_refused(&s, &resolver, "name.test:80", EINVAL);
		expect_refused(&s, &resolver, "127.0.0.1:80", EINVAL);
	}
	end(&s);
}
END_TEST

START_TEST(without_a_base_or_options_it_is_refused)
{
	struct stage s;
	const struct evchat_resolved to = unreachable();

	begin(&s);
	errno = 0;
	ck_assert_ptr_null(
	    evchat_connect(NULL, NULL, "127.0.0.1:80", &s.options, NULL));
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_ptr_null(
	    evchat_connect(s.w.base, NULL, "127.0.0.1:80", NULL, NULL));
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_ptr_null(evchat_connect_sockaddr(
	    NULL, to.address, to.len, &s.options, NULL));
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_ptr_null(
	    evchat_connect_sockaddr(s.w.base, to.address, to.len, NULL, NULL));
	ck_assert_int_eq(errno, EINVAL);
	end(&s);
}
END_TEST

static void
expect_sockaddr_refused(
    struct stage *s, const struct sockaddr *at, socklen_t len)
{
	errno = 0;
	ck_assert_ptr_null(
	    evchat_connect_sockaddr(s->w.base, at, len, &s->options, &s->w));
	ck_assert_int_eq(errno, EINVAL);
}

START_TEST(a_sockaddr_that_is_no_target_is_refused)
{
	struct stage s;
	struct sockaddr_in without_port = to_everybody;
	const struct evchat_resolved to = unreachable();

	begin(&s);
	without_port.sin_port = 0;
	expect_sockaddr_refused(&s, NULL, to.len);
	expect_sockaddr_refused(&s, to.address, 0);
	expect_sockaddr_refused(&s, to.address, to.len - 1);
	expect_sockaddr_refused(
	    &s, to.address, sizeof(struct sockaddr_storage) + 1);
	expect_sockaddr_refused(&s, &no_family, sizeof no_family);
	expect_sockaddr_refused(
	    &s, (struct sockaddr *)&without_port, sizeof without_port);
	end(&s);
}
END_TEST

START_TEST(options_that_are_not_valid_are_refused)
{
	struct stage s;
	struct evchat_connect_options good;

	begin(&s);
	good = s.options;
	for (size_t i = 0; i < LEN(good.reserved); i++) {
		s.options = good;
		s.options.reserved[i] = 1;
		expect_refused(&s, NULL, "127.0.0.1:80", EINVAL);
	}
	for (size_t i = 0; i < LEN(good.channel.reserved); i++) {
		s.options = good;
		s.options.channel.reserved[i] = 1;
		expect_refused(&s, NULL, "127.0.0.1:80", EINVAL);
	}
	s.options = good;
	s.options.channel.callbacks.reserved[1] = 1;
	expect_refused(&s, NULL, "127.0.0.1:80", EINVAL);
	s.options = good;
	s.options.channel.limits.output_low = SIZE_MAX;
	expect_refused(&s, NULL, "127.0.0.1:80", EINVAL);
	s.options = good;
	s.options.channel.terminator = evchat_literal("", 0);
	expect_refused(&s, NULL, "127.0.0.1:80", EINVAL);
	end(&s);
}
END_TEST

START_TEST(a_group_of_another_base_is_refused)
{
	struct stage s;
	struct event_base *other;

	begin(&s);
	other = event_base_new();
	s.options.channel.group = evchat_group_new(other);
	expect_refused(&s, NULL, "127.0.0.1:80", EINVAL);
	evchat_group_free(s.options.channel.group);
	event_base_free(other);
	end(&s);
}
END_TEST

/* --- When something runs out. --- */

START_TEST(without_a_descriptor_it_ends_with_emfile)
{
	struct stage s;

	begin(&s);
	if (_i)
		GO_TO_NAME(&s, true, ANSWERS, ANSWERS);
	else
		go(&s, TARGET_IPV4, ANSWERS);
	descriptors_forbid();
	await(&s.w, "closed(ERROR)");
	descriptors_allow();
	ck_assert_int_eq(s.w.error, EMFILE);
	end(&s);
}
END_TEST

enum way { TO_ONE_ADDRESS, TO_A_NAME, TO_NOBODY, WITH_A_GROUP, WAYS };

static void
set_out(struct stage *s, enum way way, char *address, size_t size)
{
	target_open(&s->targets[0], TARGET_IPV4,
	    way == TO_ONE_ADDRESS || way == WITH_A_GROUP ? ANSWERS : REFUSES);
	(void)snprintf(address, size, "%s", s->targets[0].text);
	if (way == WITH_A_GROUP)
		s->options.channel.group = evchat_group_new(s->w.base);
	if (way != TO_A_NAME)
		return;
	target_open_beside(&s->targets[1], &s->targets[0], 2, ANSWERS);
	s->r.at_once = true;
	resolver_add(&s->r, target_resolved(&s->targets[0]));
	resolver_add(&s->r, target_resolved(&s->targets[1]));
	(void)snprintf(
	    address, size, "name.test:%u", target_port(&s->targets[0]));
}

/* Callbacks that need no memory. */
static struct {
	unsigned connected, closed;
	enum evchat_reason reason;
} outcome;

static void
note_connected(struct evchat *ch, void *ctx)
{
	(void)ch, (void)ctx;
	outcome.connected++;
}

static void
note_closed(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	struct stage *s = ctx;

	(void)ch;
	outcome.closed++;
	outcome.reason = reason;
	s->w.ch = NULL;
}

static void
connect_and_send(struct stage *s, const char *address)
{
	struct evchat_resolver resolver = resolver_of(&s->r);

	s->w.ch = evchat_connect(s->w.base, &resolver, address, &s->options, s);
	if (!s->w.ch) {
		ck_assert(errno == ENOMEM || errno == EIO);
		return;
	}
	(void)evchat_push(s->w.ch, "hello", 5);
	while (!outcome.connected && !outcome.closed) {
		int result = event_base_loop(s->w.base, EVLOOP_ONCE);

		if (loop_has_no_memory(s->w.base, result)) {
			/* It has said so; there is one outcome still. */
			memory_refuse_none();
			continue;
		}
		ck_assert_int_eq(result, 0);
	}
	turn(s, 10);
}

static void
expect_one_outcome(bool begun, enum way way, size_t n, bool refused)
{
	ck_assert_msg(outcome.closed <= 1, "%zu: closed twice", n);
	ck_assert_msg(outcome.connected <= 1, "%zu: connected twice", n);
	ck_assert_msg(begun == (outcome.closed || outcome.connected),
	    "%zu: no outcome", n);
	if (refused)
		return;
	ck_assert_uint_eq(outcome.connected, way != TO_NOBODY);
	ck_assert_uint_eq(outcome.closed, way == TO_NOBODY);
}

/* True while there was something to refuse. */
static bool
fail_at(enum way way, bool once, size_t n)
{
	struct stage s;
	char address[EVCHAT_ADDRESS_SIZE];
	bool begun, refused;

	begin(&s);
	memset(&outcome, 0, sizeof outcome);
	s.options.channel.callbacks = (struct evchat_callbacks){
	    .connected = note_connected, .closed = note_closed};
	s.options.channel.limits.max_frame = 100;
	s.options.channel.terminator =
	    EVCHAT_LIT("longer than what lies in a channel");
	set_out(&s, way, address, sizeof address);
	if (once)
		memory_refuse_once_after(n);
	else
		memory_refuse_after(n);
	connect_and_send(&s, address);
	begun = s.w.ch || outcome.closed;
	refused = memory_refused() > 0;
	memory_refuse_none();
	expect_one_outcome(begun, way, n, refused);
	evchat_free(s.w.ch);
	s.w.ch = NULL;
	evchat_group_free(s.options.channel.group);
	end(&s);
	return refused;
}

START_TEST(there_is_one_outcome_when_one_allocation_fails)
{
	size_t n = 0;

	while (fail_at((enum way)_i, true, n))
		n++;
	ck_assert_uint_gt(n, 10);
}
END_TEST

START_TEST(there_is_one_outcome_when_memory_runs_out)
{
	size_t n = 0;

	while (fail_at((enum way)_i, false, n))
		n++;
	ck_assert_uint_gt(n, 10);
}
END_TEST

static void
add_outcomes(Suite *suite)
{
	TCase *group = suite_group(suite, "outcomes");

	tcase_add_loop_test(
	    group, connected_over_every_kind_of_address, 0, TARGET_KINDS);
	tcase_add_loop_test(group, connected_to_an_address_of_the_systems_form,
	    0, TARGET_KINDS);
	tcase_add_test(group, the_descriptor_is_as_a_channel_needs_it);
	tcase_add_loop_test(
	    group, a_refusal_is_an_error_with_its_errno, 0, TARGET_KINDS);
	tcase_add_test(
	    group, a_socket_file_that_is_not_there_is_an_error_from_the_loop);
	tcase_add_test(
	    group, an_address_without_a_way_to_it_is_an_error_from_the_loop);
	tcase_add_loop_test(group, a_socket_that_reaches_itself_was_refused,
	    TARGET_IPV4, TARGET_IPV6 + 1);
	tcase_add_test(group, inside_closed_another_may_be_begun);
	tcase_add_test(
	    group, without_callbacks_it_connects_and_ends_all_the_same);
	tcase_add_test(group, a_bufferevent_that_connects_itself_tells_it_too);
}

static void
add_options(Suite *suite)
{
	TCase *group = suite_group(suite, "options");

	tcase_add_test(group, options_are_copied);
	tcase_add_loop_test(
	    group, it_is_in_its_group_from_the_start_until_its_end, 0, 2);
	tcase_add_test(group, its_group_can_cut_it_off_before_it_is_connected);
	tcase_add_loop_test(
	    group, a_client_listens_however_much_it_has_to_send, 0, 2);
	tcase_add_test(
	    group, a_group_that_closes_waits_for_what_was_pushed_to_it);
}

static void
add_before(Suite *suite)
{
	TCase *group = suite_group(suite, "before it is connected");

	tcase_add_test(group, what_was_pushed_before_is_sent_in_order);
	tcase_add_test(
	    group, what_was_pushed_is_let_go_when_nothing_comes_of_it);
	tcase_add_test(
	    group, the_marks_and_the_cap_hold_before_it_is_connected);
	tcase_add_test(
	    group, what_is_discarded_before_it_is_connected_is_never_sent);
	tcase_add_test(group,
	    what_is_set_before_it_is_connected_rules_from_the_first_byte);
	tcase_add_test(group, paused_before_it_is_connected_it_reads_nothing);
	tcase_add_test(group, a_channel_that_connects_cannot_be_detached);
	tcase_add_test(
	    group, a_channel_that_connects_and_closes_says_so_to_detach);
	tcase_add_loop_test(group,
	    closing_before_it_is_connected_with_nothing_pushed_cancels, 0, 2);
	tcase_add_test(
	    group, closing_before_it_is_connected_waits_for_what_was_pushed);
	tcase_add_test(
	    group, closing_before_it_is_connected_ends_when_all_is_discarded);
	tcase_add_test(
	    group, closing_to_a_target_that_refuses_is_an_error_still);
	tcase_add_loop_test(group,
	    shut_before_it_is_connected_it_sends_fin_behind_what_was_pushed, 0,
	    2);
	tcase_add_loop_test(group,
	    the_deadlines_of_the_peer_do_not_run_before_it_is_connected, 0, 2);
	tcase_add_test(group, the_idle_deadline_runs_from_when_it_is_connected);
	tcase_add_test(group, it_counts_nothing_before_it_is_connected);
}

static void
add_names(Suite *suite)
{
	TCase *group = suite_group(suite, "names");

	tcase_add_loop_test(group, a_name_is_looked_up_without_its_port, 0, 2);
	tcase_add_loop_test(
	    group, every_address_of_a_name_is_tried_in_turn, 0, 2);
	tcase_add_loop_test(
	    group, the_first_address_that_answers_is_taken, 0, 2);
	tcase_add_loop_test(
	    group, when_every_address_fails_the_last_errno_is_told, 0, 2);
	tcase_add_loop_test(
	    group, the_port_is_the_one_that_was_asked_for, 0, 2);
	tcase_add_loop_test(group,
	    a_name_that_is_not_found_ends_with_the_resolvers_error, 0, 2);
	tcase_add_loop_test(
	    group, a_name_without_an_address_is_not_found, 0, 2);
	tcase_add_loop_test(
	    group, a_name_with_only_unusable_addresses_is_not_found, 0, 2);
	tcase_add_loop_test(group, unusable_addresses_are_passed_over, 0, 2);
	tcase_add_loop_test(
	    group, a_hundred_addresses_are_no_more_than_some, 0, 2);
	tcase_add_test(group, a_numeric_address_is_not_looked_up);
}

static void
add_limits(Suite *suite)
{
	TCase *group = suite_group(suite, "time limits");

	tcase_add_test(
	    group, an_address_that_takes_too_long_gives_way_to_the_next);
	tcase_add_loop_test(group,
	    an_address_that_takes_too_long_is_no_connection_in_time, 0,
	    TARGET_KINDS);
	tcase_add_test(group,
	    the_errno_is_that_of_the_last_address_not_of_a_late_one_before);
	tcase_add_test(
	    group, a_late_last_address_counts_and_not_a_refusal_before);
	tcase_add_loop_test(
	    group, there_is_a_limit_for_all_attempts_together, 0, TARGET_KINDS);
	tcase_add_test(group, the_limit_for_all_includes_the_look_up);
	tcase_add_test(group, a_timer_that_is_early_ends_nothing);
	tcase_add_test(
	    group, without_limits_it_is_ten_seconds_each_and_thirty_in_all);
	tcase_add_loop_test(group,
	    a_full_backlog_is_tried_again_until_there_is_room, TARGET_FILE,
	    TARGET_KINDS);
	tcase_add_test(
	    group, what_has_connected_while_the_loop_stood_still_is_connected);
	tcase_add_test(group,
	    what_has_connected_when_the_limit_for_all_passes_is_connected);
	tcase_add_test(group,
	    what_has_failed_when_the_limit_for_all_passes_starts_no_other);
	tcase_add_loop_test(group,
	    what_has_failed_when_the_limit_comes_early_gives_way_to_the_next, 0,
	    2);
}

static void
add_freeing(Suite *suite)
{
	TCase *group = suite_group(suite, "freeing");

	tcase_add_loop_test(
	    group, freed_at_any_moment_it_gives_everything_back, 0, MOMENTS);
	tcase_add_test(
	    group, freed_inside_the_resolver_it_cancels_what_that_has_begun);
	tcase_add_test(
	    group, freed_inside_cancel_it_is_not_told_that_it_failed);
	tcase_add_test(group, freed_inside_cancel_it_is_not_told_that_it_ended);
	tcase_add_test(group, an_answer_inside_cancel_is_not_heard);
	tcase_add_test(group, freed_inside_connected_it_gives_everything_back);
	tcase_add_test(group, closed_inside_connected_it_sends_what_was_pushed);
}

static void
add_errors(Suite *suite)
{
	TCase *group = suite_group(suite, "errors");

	tcase_add_test(group, a_text_that_is_no_target_is_refused);
	tcase_add_test(group, a_name_without_a_resolver_is_refused);
	tcase_add_test(group, a_resolver_that_is_not_whole_is_refused);
	tcase_add_test(group, without_a_base_or_options_it_is_refused);
	tcase_add_test(group, a_sockaddr_that_is_no_target_is_refused);
	tcase_add_test(group, options_that_are_not_valid_are_refused);
	tcase_add_test(group, a_group_of_another_base_is_refused);
	tcase_add_loop_test(
	    group, without_a_descriptor_it_ends_with_emfile, 0, 2);
	tcase_add_loop_test(
	    group, there_is_one_outcome_when_one_allocation_fails, 0, WAYS);
	tcase_add_loop_test(
	    group, there_is_one_outcome_when_memory_runs_out, 0, WAYS);
}

int
main(void)
{
	Suite *suite = suite_create("connector");

	/* libevent's memory comes from evchat's, which the test counts. */
	event_set_mem_functions(evchat_malloc_, evchat_realloc_, evchat_mfree_);
	add_outcomes(suite);
	add_options(suite);
	add_before(suite);
	add_names(suite);
	add_limits(suite);
	add_freeing(suite);
	add_errors(suite);
	return suite_run(suite);
}
