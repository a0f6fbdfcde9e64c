/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names looked up by libevent's resolver, from a name server that runs in the
 * same loop on a loopback port and answers by the name it is asked for.
 */
#include "alloc-internal.h"
#include "support/await.h"
#include "support/descriptors.h"
#include "support/memory.h"
#include "support/suite.h"
#include "support/target.h"
#include "support/world.h"
#include <errno.h>
#include <evchat/dns.h>
#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <event2/util.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { HELD_MAX = 8 };

struct stage {
	struct world w;
	struct evdns_base *dns;
	struct target targets[2];
	struct evchat_connect_options options;
	size_t descriptors;

	/* The name server. */
	struct evdns_server_port *port;
	struct evdns_server_request *held[HELD_MAX]; /* not answered yet */
	size_t n_held;
	size_t asked_ipv4, asked_ipv6;
};

/* --- The machine. --- */

static struct sockaddr_in some_ipv4 = {
    .sin_family = AF_INET, .sin_addr.s_addr = 1};
static struct sockaddr_in6 some_ipv6 = {.sin6_family = AF_INET6,
    .sin6_addr.s6_addr = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}};

/* In place of the C library's: which addresses libevent asks for must not
 * depend on the machine, so it has one of each kind. */
EVCHAT_EXPORT int
getifaddrs(struct ifaddrs **list)
{
	static struct ifaddrs interfaces[2];

	interfaces[0].ifa_next = &interfaces[1];
	interfaces[0].ifa_addr = (struct sockaddr *)&some_ipv4;
	interfaces[1].ifa_addr = (struct sockaddr *)&some_ipv6;
	*list = interfaces;
	return 0;
}

EVCHAT_EXPORT void
freeifaddrs(struct ifaddrs *list)
{
	(void)list;
}

/* --- The name server. --- */

static void
add_ipv4(struct evdns_server_request *query, const char *name)
{
	const unsigned char addresses[] = {127, 0, 0, 1, 127, 0, 0, 2};

	ck_assert_int_eq(
	    evdns_server_request_add_a_reply(query, name,
		strcasecmp(name, "two.test") == 0 ? 2 : 1, addresses, 10),
	    0);
}

static void
add_ipv6(struct evdns_server_request *query, const char *name)
{
	ck_assert_int_eq(evdns_server_request_add_aaaa_reply(
			     query, name, 1, &in6addr_loopback, 10),
	    0);
}

/* A response code of RFC 1035 4.1.1. */
static int
code_for(const char *name)
{
	enum { NO_ERROR, FORMAT_ERROR, NAME_ERROR = 3 };

	if (strcasecmp(name, "missing.test") == 0)
		return NAME_ERROR;
	return strcasecmp(name, "broken.test") == 0 ? FORMAT_ERROR : NO_ERROR;
}

static bool
has_ipv4(const char *name)
{
	return strcasecmp(name, "one.test") == 0 ||
	       strcasecmp(name, "two.test") == 0 ||
	       strcasecmp(name, "half.test") == 0 ||
	       strcasecmp(name, "silent.test") == 0;
}

static void
answer_query(struct evdns_server_request *query)
{
	const struct evdns_server_question *question = query->questions[0];
	const char *name = question->name;

	if (question->type == EVDNS_TYPE_A && has_ipv4(name))
		add_ipv4(query, name);
	if (question->type == EVDNS_TYPE_AAAA &&
	    strcasecmp(name, "six.test") == 0)
		add_ipv6(query, name);
	ck_assert_int_eq(
	    evdns_server_request_respond(query, code_for(name)), 0);
}

static bool
is_to_be_held(const struct evdns_server_question *question)
{
	if (strcasecmp(question->name, "half.test") == 0)
		return question->type == EVDNS_TYPE_AAAA;
	return strcasecmp(question->name, "silent.test") == 0;
}

static void
on_query(struct evdns_server_request *query, void *ctx)
{
	struct stage *s = ctx;
	const struct evdns_server_question *question = query->questions[0];

	if (question->type == EVDNS_TYPE_A)
		s->asked_ipv4++;
	if (question->type == EVDNS_TYPE_AAAA)
		s->asked_ipv6++;
	if (!is_to_be_held(question)) {
		answer_query(query);
		return;
	}
	ck_assert_uint_lt(s->n_held, HELD_MAX);
	s->held[s->n_held++] = query;
}

static void
answer_held(struct stage *s)
{
	while (s->n_held)
		answer_query(s->held[--s->n_held]);
}

static void
serve_names(struct stage *s)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr *name = (struct sockaddr *)&at;
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	ck_assert_int_eq(bind(fd, name, len), 0);
	ck_assert_int_eq(getsockname(fd, name, &len), 0);
	s->port =
	    evdns_add_server_port_with_base(s->w.base, fd, 0, on_query, s);
	s->dns = evdns_base_new(s->w.base, 0);
	ck_assert_ptr_nonnull(s->port);
	ck_assert_ptr_nonnull(s->dns);
	ck_assert_int_eq(
	    evdns_base_nameserver_sockaddr_add(s->dns, name, len, 0), 0);
}

static void
stop_serving_names(struct stage *s)
{
	while (s->n_held)
		ck_assert_int_eq(
		    evdns_server_request_drop(s->held[--s->n_held]), 0);
	evdns_base_free(s->dns, 0);
	evdns_close_server_port(s->port);
}

/* --- The stage. --- */

static void
begin(struct stage *s)
{
	memory_watch();
	memset(s, 0, sizeof *s);
	s->descriptors = descriptors_open();
	world_init(&s->w, OVER_SOCKET);
	serve_names(s);
	for (size_t i = 0; i < 2; i++)
		s->targets[i].fd = s->targets[i].waiting = -1;
	s->options.channel.callbacks = world_callbacks;
	s->options.channel.callbacks.drained = NULL;
}

static void
end(struct stage *s)
{
	evchat_free(s->w.ch);
	s->w.ch = NULL;
	world_run(&s->w); /* a look-up ends some turns after it is cancelled */
	stop_serving_names(s);
	world_free(&s->w);
	for (size_t i = 0; i < 2; i++)
		target_close(&s->targets[i]);
	ck_assert_uint_eq(memory_live(), 0);
	ck_assert_uint_eq(descriptors_open(), s->descriptors);
}

static struct evchat *
connect_to(struct stage *s, const char *name)
{
	const struct evchat_resolver resolver = evchat_dns(s->dns);
	char address[300];

	(void)snprintf(address, sizeof address, "%s:%u", name,
	    s->targets[0].fd < 0 ? 80U : target_port(&s->targets[0]));
	return evchat_connect(
	    s->w.base, &resolver, address, &s->options, &s->w);
}

static void
go(struct stage *s, const char *name)
{
	s->w.ch = connect_to(s, name);
	ck_assert_ptr_nonnull(s->w.ch);
	world_expect(&s->w, "");
}

/* Both families are asked for; "half.test" has the answer for one. */
static void
run_until_held(struct stage *s)
{
	while (s->asked_ipv4 + s->asked_ipv6 < 2)
		ck_assert_int_eq(event_base_loop(s->w.base, EVLOOP_ONCE), 0);
	world_run(&s->w);
	ck_assert_uint_gt(s->n_held, 0);
}

static void
free_channel(struct stage *s)
{
	evchat_free(s->w.ch);
	s->w.ch = NULL;
}

/* --- Found. --- */

START_TEST(a_name_is_found_and_connected)
{
	struct stage s;

	begin(&s);
	target_open(&s.targets[0], TARGET_IPV4, ANSWERS);
	go(&s, "one.test");
	ck_assert_int_eq(evchat_push(s.w.ch, "hello", 5), 0);
	await(&s.w, "connected");
	s.w.peer_fd = target_accept(&s.targets[0]);
	await_received(&s.w, "hello");
	end(&s);
}
END_TEST

START_TEST(the_second_address_is_tried_when_the_first_refuses)
{
	struct stage s;

	begin(&s);
	target_open(&s.targets[0], TARGET_IPV4, REFUSES);
	target_open_beside(&s.targets[1], &s.targets[0], 2, ANSWERS);
	go(&s, "two.test");
	await(&s.w, "connected");
	s.w.peer_fd = target_accept(&s.targets[1]);
	end(&s);
}
END_TEST

START_TEST(when_both_addresses_refuse_it_is_an_error_with_its_errno)
{
	struct stage s;

	begin(&s);
	target_open(&s.targets[0], TARGET_IPV4, REFUSES);
	target_open_beside(&s.targets[1], &s.targets[0], 2, REFUSES);
	go(&s, "two.test");
	await(&s.w, "closed(ERROR)");
	ck_assert_int_eq(s.w.error, ECONNREFUSED);
	end(&s);
}
END_TEST

START_TEST(a_name_with_an_ipv6_address_is_connected)
{
	struct stage s;

	if (!target_exists(TARGET_IPV6))
		return;
	begin(&s);
	target_open(&s.targets[0], TARGET_IPV6, ANSWERS);
	go(&s, "six.test");
	await(&s.w, "connected");
	ck_assert_uint_eq(s.asked_ipv6, 1);
	ck_assert_uint_eq(s.asked_ipv4, 1);
	end(&s);
}
END_TEST

static void
load_hosts(struct stage *s)
{
	char path[] = P_tmpdir "/evchat-test-XXXXXX";
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");

	ck_assert_ptr_nonnull(file);
	fputs("127.0.0.1 hosted.test\n", file);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(evdns_base_load_hosts(s->dns, path), 0);
	unlink(path);
}

START_TEST(a_name_of_the_hosts_file_is_connected_from_the_loop)
{
	struct stage s;

	begin(&s);
	load_hosts(&s);
	target_open(&s.targets[0], TARGET_IPV4, ANSWERS);
	go(&s, "hosted.test");
	await(&s.w, "connected");
	ck_assert_uint_eq(s.asked_ipv4 + s.asked_ipv6, 0);
	end(&s);
}
END_TEST

START_TEST(many_names_are_looked_up_at_a_time)
{
	static const char *const names[] = {"one.test", "two.test", "one.test"};
	struct stage s;
	struct evchat *others[3];

	begin(&s);
	target_open(&s.targets[0], TARGET_IPV4, ANSWERS);
	for (size_t i = 0; i < 3; i++) {
		others[i] = connect_to(&s, names[i]);
		ck_assert_ptr_nonnull(others[i]);
	}
	await(&s.w, "connected connected connected");
	for (size_t i = 0; i < 3; i++)
		evchat_free(others[i]);
	end(&s);
}
END_TEST

/* --- Not found. --- */

static void
expect_not_found(struct stage *s, int error)
{
	await(&s->w, "closed(LOOKUP)");
	ck_assert_int_eq(s->w.error, error);
	ck_assert_uint_eq(s->w.closed_count, 1);
}

START_TEST(a_name_that_does_not_exist_ends_with_the_resolvers_error)
{
	struct stage s;

	begin(&s);
	go(&s, "missing.test");
	expect_not_found(&s, EVUTIL_EAI_NONAME);
	end(&s);
}
END_TEST

START_TEST(a_name_without_an_address_ends_with_the_resolvers_error)
{
	struct stage s;

	begin(&s);
	go(&s, "none.test");
	await(&s.w, "closed(LOOKUP)");
	ck_assert_int_ne(s.w.error, 0);
	ck_assert_ptr_nonnull(evutil_gai_strerror(s.w.error));
	end(&s);
}
END_TEST

START_TEST(a_server_that_fails_ends_with_the_resolvers_error)
{
	struct stage s;

	begin(&s);
	go(&s, "broken.test");
	expect_not_found(&s, EVUTIL_EAI_FAIL);
	end(&s);
}
END_TEST

START_TEST(a_name_that_cannot_be_asked_for_is_not_found)
{
	static const char *const names[] = {"a..test", ".test", "test..", ".",
	    ("l0123456789012345678901234567890123456789012345678901234567890123"
	     ".test")};
	struct stage s;

	begin(&s);
	go(&s, names[_i]);
	await(&s.w, "closed(LOOKUP)");
	ck_assert_int_ne(s.w.error, 0);
	end(&s);
}
END_TEST

/* --- Answers at once. --- */

struct heard {
	size_t answers, n;
	int error, family;
};

static void
hear(int error, const struct evchat_resolved *addresses, size_t n, void *query)
{
	struct heard *heard = query;

	heard->answers++;
	heard->error = error;
	heard->n = n;
	heard->family = n ? addresses[0].address->sa_family : AF_UNSPEC;
}

START_TEST(what_is_known_is_answered_at_once)
{
	static const struct {
		const char *name;
		int family;
	} known[] = {{"127.0.0.1", AF_INET}, {"::1", AF_INET6},
	    {"hosted.test", AF_INET}};
	struct stage s;
	struct heard heard = {0};
	struct evchat_resolver resolver;

	begin(&s);
	load_hosts(&s);
	resolver = evchat_dns(s.dns);
	ck_assert_ptr_null(
	    resolver.resolve(known[_i].name, hear, &heard, resolver.ctx));
	ck_assert_uint_eq(heard.answers, 1);
	ck_assert_int_eq(heard.error, 0);
	ck_assert_uint_eq(heard.n, 1);
	ck_assert_int_eq(heard.family, known[_i].family);
	end(&s);
}
END_TEST

START_TEST(a_look_up_answers_once_from_the_loop)
{
	struct stage s;
	struct heard heard = {0};
	struct evchat_resolver resolver;

	begin(&s);
	resolver = evchat_dns(s.dns);
	ck_assert_ptr_nonnull(
	    resolver.resolve("two.test", hear, &heard, resolver.ctx));
	ck_assert_uint_eq(heard.answers, 0);
	while (!heard.answers)
		ck_assert_int_eq(event_base_loop(s.w.base, EVLOOP_ONCE), 0);
	world_run(&s.w);
	ck_assert_uint_eq(heard.answers, 1);
	ck_assert_uint_eq(heard.n, 2);
	ck_assert_int_eq(heard.error, 0);
	end(&s);
}
END_TEST

START_TEST(a_look_up_that_was_cancelled_never_answers)
{
	struct stage s;
	struct heard heard = {0};
	struct evchat_resolver resolver;
	void *lookup;

	begin(&s);
	resolver = evchat_dns(s.dns);
	lookup = resolver.resolve("two.test", hear, &heard, resolver.ctx);
	ck_assert_ptr_nonnull(lookup);
	resolver.cancel(lookup, resolver.ctx);
	world_run(&s.w);
	ck_assert_uint_eq(heard.answers, 0);
	end(&s);
}
END_TEST

/* --- Cancelled. --- */

static const char *const held_names[] = {"silent.test", "half.test"};

START_TEST(freed_during_the_look_up_it_gives_everything_back)
{
	struct stage s;

	begin(&s);
	go(&s, held_names[_i]);
	run_until_held(&s);
	free_channel(&s);
	world_run(&s.w);
	world_expect(&s.w, "");
	end(&s);
}
END_TEST

START_TEST(an_answer_that_comes_after_it_was_freed_is_heard_by_nobody)
{
	struct stage s;

	begin(&s);
	go(&s, held_names[_i]);
	run_until_held(&s);
	free_channel(&s);
	answer_held(&s);
	world_run(&s.w);
	world_expect(&s.w, "");
	end(&s);
}
END_TEST

START_TEST(freed_while_the_answer_is_on_its_way_it_hears_nothing)
{
	struct stage s;

	begin(&s);
	go(&s, held_names[_i]);
	run_until_held(&s);
	answer_held(&s);
	free_channel(&s);
	world_run(&s.w);
	world_expect(&s.w, "");
	end(&s);
}
END_TEST

START_TEST(closing_during_the_look_up_cancels)
{
	struct stage s;

	begin(&s);
	go(&s, "silent.test");
	run_until_held(&s);
	evchat_close_when_done(s.w.ch);
	await(&s.w, "closed(DONE)");
	end(&s);
}
END_TEST

START_TEST(a_look_up_that_takes_too_long_is_no_connection_in_time)
{
	struct stage s;

	begin(&s);
	s.options.connect_ms = 1;
	go(&s, "silent.test");
	await_in_time(&s.w, "closed(TIMEOUT_CONNECT)");
	ck_assert_int_eq(s.w.error, 0);
	end(&s);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("dns");
	TCase *found = suite_group(suite, "found");
	TCase *not_found = suite_group(suite, "not found");
	TCase *answers = suite_group(suite, "answers");
	TCase *cancelled = suite_group(suite, "cancelled");

	/* libevent's memory comes from evchat's, which the test counts. */
	event_set_mem_functions(evchat_malloc_, evchat_realloc_, evchat_mfree_);
	tcase_add_test(found, a_name_is_found_and_connected);
	tcase_add_test(
	    found, the_second_address_is_tried_when_the_first_refuses);
	tcase_add_test(
	    found, when_both_addresses_refuse_it_is_an_error_with_its_errno);
	tcase_add_test(found, a_name_with_an_ipv6_address_is_connected);
	tcase_add_test(
	    found, a_name_of_the_hosts_file_is_connected_from_the_loop);
	tcase_add_test(found, many_names_are_looked_up_at_a_time);
	tcase_add_test(not_found,
	    a_name_that_does_not_exist_ends_with_the_resolvers_error);
	tcase_add_test(
	    not_found, a_name_without_an_address_ends_with_the_resolvers_error);
	tcase_add_test(
	    not_found, a_server_that_fails_ends_with_the_resolvers_error);
	tcase_add_loop_test(
	    not_found, a_name_that_cannot_be_asked_for_is_not_found, 0, 5);
	tcase_add_loop_test(answers, what_is_known_is_answered_at_once, 0, 3);
	tcase_add_test(answers, a_look_up_answers_once_from_the_loop);
	tcase_add_test(answers, a_look_up_that_was_cancelled_never_answers);
	tcase_add_loop_test(
	    cancelled, freed_during_the_look_up_it_gives_everything_back, 0, 2);
	tcase_add_loop_test(cancelled,
	    an_answer_that_comes_after_it_was_freed_is_heard_by_nobody, 0, 2);
	tcase_add_loop_test(cancelled,
	    freed_while_the_answer_is_on_its_way_it_hears_nothing, 0, 2);
	tcase_add_test(cancelled, closing_during_the_look_up_cancels);
	tcase_add_test(
	    cancelled, a_look_up_that_takes_too_long_is_no_connection_in_time);
	return suite_run(suite);
}
