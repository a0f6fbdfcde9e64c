/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listeners: where they listen and what they leave behind, what their channels
 * start with, what may be done in their callbacks, and how they live through a
 * want of descriptors or memory.
 */
#include "alloc-internal.h"
#include "support/descriptors.h"
#include "support/memory.h"
#include "support/reception.h"
#include "support/suite.h"
#include "support/syscalls.h"
#include <arpa/inet.h>
#include <errno.h>
#include <event2/bufferevent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATH_AT = offsetof(struct sockaddr_un, sun_path) };

static struct reception r;

static void
send_text(size_t client, const char *text)
{
	ck_assert_int_eq(
	    send(r.clients[client], text, strlen(text), MSG_NOSIGNAL),
	    (ssize_t)strlen(text));
}

static const char *
address_of(const struct evchat_listener *listener)
{
	static char address[EVCHAT_ADDRESS_SIZE];

	ck_assert_int_eq(
	    evchat_listener_address(listener, address, sizeof address), 0);
	return address;
}

/* Listening there fails so, and leaves no descriptor. */
static void
refuses(const char *address, int error)
{
	size_t before = descriptors_open();

	errno = 0;
	ck_assert_ptr_null(evchat_listen(r.base, address, &r.options, &r));
	ck_assert_int_eq(errno, error);
	ck_assert_uint_eq(descriptors_open(), before);
}

static bool
have_ipv6(void)
{
	struct sockaddr_in6 at = {
	    .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	bool have =
	    fd >= 0 && !bind(fd, (const struct sockaddr *)&at, sizeof at);

	if (fd >= 0)
		close(fd);
	return have;
}

/* --- Where it listens. --- */

/* The first client is accepted, and its line arrives. */
static void
expect_service(void)
{
	size_t client = reception_client(&r);

	send_text(client, "hello\n");
	reception_until(&r, "frame(");
	reception_expect(&r, "accepted(1) frame(1:hello)");
}

START_TEST(it_listens_at_an_address_of_any_form)
{
	static const char *const addresses[] = {
	    "127.0.0.1:0", "0.0.0.0:0", "*:0", "unix:@", "[::1]:0", "[::]:0"};

	if (_i >= 4 && !have_ipv6())
		return;
	reception_init(&r);
	if (_i == 3)
		reception_open(&r);
	else
		reception_open_at(&r, addresses[_i]);
	ck_assert_int_ge(evchat_listener_fd(r.listener), 0);
	expect_service();
	reception_free(&r);
}
END_TEST

START_TEST(port_0_takes_a_free_one_and_says_which)
{
	char address[EVCHAT_ADDRESS_SIZE];
	struct evchat_listener *other;

	reception_init(&r);
	reception_open_at(&r, "127.0.0.1:0");
	strcpy(address, address_of(r.listener));
	ck_assert_int_eq(strncmp(address, "127.0.0.1:", 10), 0);
	ck_assert_int_gt(atoi(address + 10), 0);
	refuses(address, EADDRINUSE);
	other = evchat_listen(r.base, "127.0.0.1:0", &r.options, &r);
	ck_assert_str_ne(address_of(other), address);
	evchat_listener_free(other);
	reception_free(&r);
}
END_TEST

/* The port of the listener, at another address. */
static int
dial_port(const char *host)
{
	char address[EVCHAT_ADDRESS_SIZE];

	(void)snprintf(address, sizeof address, "%s%s", host,
	    strrchr(address_of(r.listener), ':'));
	return reception_dial(address);
}

START_TEST(a_star_takes_ipv6_and_ipv4)
{
	if (!have_ipv6())
		return;
	reception_init(&r);
	reception_open_at(&r, "*:0");
	r.clients[++r.n_clients] = dial_port("127.0.0.1");
	reception_until(&r, "accepted(1)");
	ck_assert_int_eq(strncmp(r.peer, "127.0.0.1:", 10), 0);
	r.clients[++r.n_clients] = dial_port("[::1]");
	reception_until(&r, "accepted(2)");
	ck_assert_int_eq(strncmp(r.peer, "[::1]:", 6), 0);
	reception_free(&r);
}
END_TEST

START_TEST(all_of_ipv6_takes_no_ipv4)
{
	if (!have_ipv6())
		return;
	reception_init(&r);
	reception_open_at(&r, "[::]:0");
	ck_assert_int_eq(dial_port("127.0.0.1"), -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	reception_free(&r);
}
END_TEST

START_TEST(a_star_takes_ipv4_where_there_is_no_ipv6)
{
	static const struct refused {
		enum system_call call;
		int error;
	} how[] = {{CALL_SOCKET, EAFNOSUPPORT}, {CALL_BIND, EADDRNOTAVAIL}};

	reception_init(&r);
	calls_fail(how[_i].call, how[_i].error, 0, 1);
	reception_open_at(&r, "*:0");
	ck_assert_uint_eq(calls_failed(how[_i].call), 1);
	ck_assert_int_eq(strncmp(address_of(r.listener), "0.0.0.0:", 8), 0);
	expect_service();
	reception_free(&r);
}
END_TEST

START_TEST(a_star_that_is_refused_for_another_reason_stays_so)
{
	reception_init(&r);
	calls_fail(CALL_BIND, EACCES, 0, 1);
	refuses("*:0", EACCES);
	calls_fail(CALL_SOCKET, EAFNOSUPPORT, 0, 2);
	refuses("*:0", EAFNOSUPPORT);
	/* Only "*" may do without. */
	calls_fail(CALL_SOCKET, EAFNOSUPPORT, 0, 1);
	refuses("[::]:0", EAFNOSUPPORT);
	reception_free(&r);
}
END_TEST

START_TEST(what_is_no_address_is_refused)
{
	reception_init(&r);
	refuses(NULL, EINVAL);
	refuses("", EINVAL);
	refuses("127.0.0.1", EINVAL);
	refuses("127.0.0.1:65536", EINVAL);
	refuses("::1:80", EINVAL);
	refuses("unix:", EINVAL);
	refuses("localhost:0", EDESTADDRREQ);
	reception_free(&r);
}
END_TEST

START_TEST(what_the_system_says_comes_through)
{
	static const enum system_call calls[] = {
	    CALL_SOCKET, CALL_SETSOCKOPT, CALL_BIND, CALL_LISTEN};

	reception_init(&r);
	calls_fail(calls[_i], EACCES, 0, 1);
	refuses("127.0.0.1:0", EACCES);
	ck_assert_uint_eq(calls_failed(calls[_i]), 1);
	calls_fail(calls[_i], EMFILE, 0, 1);
	refuses("127.0.0.1:0", EMFILE);
	reception_free(&r);
}
END_TEST

START_TEST(each_option_of_a_socket_must_be_had)
{
	size_t n = 0;

	reception_init(&r);
	r.options.reuse_port = true;
	for (; n < 3; n++) {
		calls_fail(CALL_SETSOCKOPT, ENOPROTOOPT, n, 1);
		refuses("[::1]:0", ENOPROTOOPT);
	}
	reception_free(&r);
}
END_TEST

START_TEST(it_listens_at_an_address_of_the_systems_form)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	reception_init(&r);
	r.listener = evchat_listen_sockaddr(
	    r.base, (const struct sockaddr *)&at, sizeof at, &r.options, &r);
	ck_assert_ptr_nonnull(r.listener);
	expect_service();
	reception_free(&r);
}
END_TEST

START_TEST(what_is_no_address_of_the_systems_form_is_refused)
{
	struct sockaddr_storage at = {.ss_family = AF_NETLINK};
	const struct sockaddr *address =
	    (const struct sockaddr *)(const void *)&at;

	reception_init(&r);
	errno = 0;
	ck_assert_ptr_null(
	    evchat_listen_sockaddr(r.base, address, sizeof at, &r.options, &r));
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_ptr_null(
	    evchat_listen_sockaddr(r.base, NULL, 0, &r.options, &r));
	ck_assert_int_eq(errno, EINVAL);
	at.ss_family = AF_INET;
	errno = 0;
	ck_assert_ptr_null(
	    evchat_listen_sockaddr(NULL, address, sizeof at, &r.options, &r));
	ck_assert_int_eq(errno, EINVAL);
	reception_free(&r);
}
END_TEST

START_TEST(its_address_does_not_fit_everywhere)
{
	char text[8] = "old";

	reception_init(&r);
	reception_open_at(&r, "127.0.0.1:0");
	ck_assert_int_eq(evchat_listener_address(r.listener, text, sizeof text),
	    EVCHAT_ERR_INVALID);
	ck_assert_str_eq(text, "");
	ck_assert_int_eq(evchat_listener_address(NULL, text, sizeof text),
	    EVCHAT_ERR_INVALID);
	calls_fail(CALL_GETSOCKNAME, ENOBUFS, 0, 1);
	ck_assert_int_eq(evchat_listener_address(r.listener, text, sizeof text),
	    EVCHAT_ERR_EVENT);
	reception_free(&r);
}
END_TEST

START_TEST(no_listener_is_told_from_one)
{
	ck_assert_int_eq(evchat_listener_pause(NULL), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(evchat_listener_resume(NULL), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(evchat_listener_fd(NULL), -1);
	ck_assert_uint_eq(evchat_listener_count(NULL), 0);
	evchat_listener_stop(NULL);
	evchat_listener_free(NULL);
}
END_TEST

/* --- Files. --- */

static char directory[64], path[128], address[140];

static void
begin_with_path(void)
{
	reception_init(&r);
	strcpy(directory, P_tmpdir "/evchat-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	(void)snprintf(path, sizeof path, "%s/socket", directory);
	(void)snprintf(address, sizeof address, "unix:%s", path);
}

static void
end_with_path(void)
{
	reception_free(&r);
	(void)unlink(path);
	ck_assert_int_eq(rmdir(directory), 0);
}

static bool
there_is_a_file(void)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static int
bind_to_path(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(at.sun_path, path);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
	return fd;
}

START_TEST(its_own_file_goes_at_the_stop)
{
	begin_with_path();
	reception_open_at(&r, address);
	ck_assert_str_eq(address_of(r.listener), address);
	expect_service();
	ck_assert_str_eq(r.peer, "unix:");
	ck_assert(there_is_a_file());
	evchat_listener_stop(r.listener);
	ck_assert(!there_is_a_file());
	end_with_path();
}
END_TEST

START_TEST(its_own_file_goes_when_it_is_freed)
{
	begin_with_path();
	reception_open_at(&r, address);
	evchat_listener_free(r.listener);
	r.listener = NULL;
	ck_assert(!there_is_a_file());
	end_with_path();
}
END_TEST

START_TEST(a_file_of_the_longest_path_goes_too)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	size_t len;

	begin_with_path();
	len = strlen(directory);
	memset(path, 'p', sizeof at.sun_path);
	memcpy(path, directory, len);
	path[len] = '/';
	path[sizeof at.sun_path] = '\0';
	memcpy(at.sun_path, path, sizeof at.sun_path);
	r.listener = evchat_listen_sockaddr(
	    r.base, (const struct sockaddr *)&at, sizeof at, &r.options, &r);
	ck_assert_ptr_nonnull(r.listener);
	ck_assert(there_is_a_file());
	evchat_listener_stop(r.listener);
	ck_assert(!there_is_a_file());
	end_with_path();
}
END_TEST

START_TEST(a_file_that_nobody_listens_at_is_replaced)
{
	begin_with_path();
	close(bind_to_path());
	ck_assert(there_is_a_file());
	reception_open_at(&r, address);
	expect_service();
	end_with_path();
}
END_TEST

START_TEST(a_file_that_somebody_listens_at_is_not_replaced)
{
	begin_with_path();
	reception_open_at(&r, address);
	refuses(address, EADDRINUSE);
	ck_assert(there_is_a_file());
	/* The question was a client, which has gone. */
	reception_turns(&r, 6);
	reception_expect(&r, "accepted(1) closed(1:EOF)");
	send_text(reception_client(&r), "hello\n");
	reception_turns(&r, 6);
	reception_expect(&r, "accepted(2) frame(2:hello)");
	end_with_path();
}
END_TEST

START_TEST(a_listener_with_a_full_backlog_is_alive)
{
	begin_with_path();
	r.options.backlog = 1;
	reception_open_at(&r, address);
	evchat_listener_pause(r.listener);
	while (r.n_clients < 8) {
		int fd = reception_dial(address);

		if (fd < 0)
			break;
		r.clients[++r.n_clients] = fd;
	}
	ck_assert_int_eq(errno, EAGAIN);
	refuses(address, EADDRINUSE);
	ck_assert(there_is_a_file());
	end_with_path();
}
END_TEST

START_TEST(a_socket_of_another_kind_is_not_replaced)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	begin_with_path();
	strcpy(at.sun_path, path);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
	refuses(address, EADDRINUSE);
	ck_assert(there_is_a_file());
	close(fd);
	end_with_path();
}
END_TEST

START_TEST(a_file_that_is_no_socket_is_not_replaced)
{
	int fd;
	struct stat st;

	begin_with_path();
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_eq(write(fd, "data", 4), 4);
	close(fd);
	refuses(address, EADDRINUSE);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_size, 4);
	end_with_path();
}
END_TEST

START_TEST(a_link_to_a_socket_is_not_replaced)
{
	char target[160];

	begin_with_path();
	close(bind_to_path());
	(void)snprintf(target, sizeof target, "%s/target", directory);
	ck_assert_int_eq(rename(path, target), 0);
	ck_assert_int_eq(symlink(target, path), 0);
	refuses(address, EADDRINUSE);
	ck_assert(there_is_a_file());
	unlink(target);
	end_with_path();
}
END_TEST

START_TEST(a_path_that_leads_nowhere_is_refused)
{
	begin_with_path();
	strcat(address, "/below");
	refuses(address, ENOENT);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	refuses(address, ENOTDIR);
	end_with_path();
}
END_TEST

START_TEST(nobody_elses_file_is_removed_at_the_stop)
{
	int fd;

	begin_with_path();
	reception_open_at(&r, address);
	ck_assert_int_eq(unlink(path), 0);
	fd = bind_to_path();
	evchat_listener_stop(r.listener);
	ck_assert(there_is_a_file());
	close(fd);
	end_with_path();
}
END_TEST

START_TEST(a_file_that_has_gone_is_not_missed)
{
	begin_with_path();
	reception_open_at(&r, address);
	ck_assert_int_eq(unlink(path), 0);
	evchat_listener_stop(r.listener);
	end_with_path();
}
END_TEST

START_TEST(a_left_over_file_stays_when_it_cannot_be_replaced)
{
	begin_with_path();
	close(bind_to_path());
	/* It cannot be asked whether anybody listens. */
	calls_fail(CALL_SOCKET, EMFILE, 1, 1);
	refuses(address, EADDRINUSE);
	calls_fail(CALL_UNLINK, EACCES, 0, 1);
	refuses(address, EACCES);
	ck_assert(there_is_a_file());
	calls_fail(CALL_BIND, EADDRINUSE, 1, 1);
	refuses(address, EADDRINUSE);
	end_with_path();
}
END_TEST

START_TEST(a_failure_after_the_bind_leaves_no_file)
{
	begin_with_path();
	calls_fail(CALL_LISTEN, EADDRINUSE, 0, 1);
	refuses(address, EADDRINUSE);
	ck_assert(!there_is_a_file());
	end_with_path();
}
END_TEST

START_TEST(an_abstract_name_is_taken_once)
{
	reception_init(&r);
	reception_open(&r);
	ck_assert_int_eq(strncmp(address_of(r.listener), "unix:@", 6), 0);
	refuses(address_of(r.listener), EADDRINUSE);
	reception_free(&r);
}
END_TEST

/* --- Adopted descriptors. --- */

static int
bound_socket(void)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
	return fd;
}

static void
adopt(int fd)
{
	r.listener = evchat_listen_fd(r.base, fd, &r.options, &r);
	ck_assert_ptr_nonnull(r.listener);
}

START_TEST(an_adopted_socket_is_the_listeners)
{
	int fd = bound_socket();

	reception_init(&r);
	adopt(fd);
	ck_assert_int_eq(evchat_listener_fd(r.listener), fd);
	expect_service();
	evchat_listener_stop(r.listener);
	ck_assert_int_eq(evchat_listener_fd(r.listener), -1);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	reception_free(&r);
}
END_TEST

START_TEST(the_file_of_an_adopted_socket_stays)
{
	begin_with_path();
	adopt(bind_to_path());
	expect_service();
	evchat_listener_stop(r.listener);
	ck_assert(there_is_a_file());
	end_with_path();
}
END_TEST

static void
adoption_fails(int fd, int error)
{
	errno = 0;
	ck_assert_ptr_null(evchat_listen_fd(r.base, fd, &r.options, &r));
	ck_assert_int_eq(errno, error);
}

START_TEST(a_socket_that_is_not_adopted_stays_usable)
{
	int fd = bound_socket();

	reception_init(&r);
	calls_fail(CALL_LISTEN, EADDRINUSE, 0, 1);
	adoption_fails(fd, EADDRINUSE);
	r.options.reserved[3] = 1;
	adoption_fails(fd, EINVAL);
	r.options.reserved[3] = 0;
	errno = 0;
	ck_assert_ptr_null(evchat_listen_fd(NULL, fd, &r.options, &r));
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_ptr_null(evchat_listen_fd(r.base, fd, NULL, &r));
	ck_assert_int_eq(errno, EINVAL);
	adopt(fd);
	expect_service();
	reception_free(&r);
}
END_TEST

START_TEST(what_cannot_listen_is_not_adopted)
{
	int fds[2];

	reception_init(&r);
	adoption_fails(-1, EBADF);
	ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);
	adoption_fails(fds[0], ENOTSOCK);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	close(fds[0]);
	close(fds[1]);
	reception_free(&r);
}
END_TEST

/* --- Options. --- */

START_TEST(options_are_copied_deeply)
{
	char literal[] = "END";

	reception_init(&r);
	r.options.channel.terminator = evchat_literal(literal, 3);
	r.options.channel.limits.max_frame = 5;
	reception_open(&r);
	memset(literal, '?', sizeof literal);
	memset(&r.options, 0xff, sizeof r.options);
	reception_client(&r);
	send_text(1, "oneENDtwo\nENDtoo longENDfourEND");
	reception_turns(&r, 8);
	reception_expect(&r, "accepted(1) frame(1:one) frame(1:two\n) "
			     "overlong(1) frame(1:four)");
	reception_free(&r);
}
END_TEST

START_TEST(every_channel_starts_with_the_same_limits)
{
	reception_init(&r);
	r.options.channel.limits.max_frame = 3;
	r.options.channel.callbacks.overlong = NULL;
	reception_open(&r);
	reception_clients(&r, 2);
	send_text(1, "long\n");
	reception_turns(&r, 8);
	send_text(2, "fit\n");
	reception_turns(&r, 8);
	reception_expect(&r, "accepted(1) accepted(2) closed(1:OVERLONG) "
			     "frame(2:fit)");
	evchat_listener_free(r.listener);
	r.listener = NULL;
	/* They outlive the listener. */
	send_text(2, "long\n");
	reception_turns(&r, 8);
	reception_expect(&r, "closed(2:OVERLONG)");
	reception_free(&r);
}
END_TEST

START_TEST(a_channel_may_have_limits_of_its_own_later)
{
	static const struct evchat_limits wide = {.max_frame = 100};

	reception_init(&r);
	r.options.channel.limits.max_frame = 3;
	reception_open(&r);
	reception_clients(&r, 2);
	reception_turns(&r, 4);
	ck_assert_int_eq(evchat_set_limits(r.guests[1].ch, &wide), 0);
	send_text(1, "long\n");
	reception_turns(&r, 8);
	send_text(2, "long\n");
	reception_turns(&r, 8);
	reception_expect(
	    &r, "accepted(1) accepted(2) frame(1:long) overlong(2)");
	reception_free(&r);
}
END_TEST

START_TEST(without_a_terminator_everything_comes_in_pieces)
{
	reception_init(&r);
	r.options.channel.terminator = evchat_none();
	reception_open(&r);
	reception_client(&r);
	send_text(1, "one\ntwo\n");
	reception_turns(&r, 8);
	reception_expect(&r, "accepted(1)");
	reception_free(&r);
}
END_TEST

static void
refuses_options(void)
{
	refuses("127.0.0.1:0", EINVAL);
	reception_free(&r);
	reception_init(&r);
}

START_TEST(options_that_are_not_valid_are_refused)
{
	struct event_base *other = event_base_new();
	struct evchat_group *group = evchat_group_new(other);

	reception_init(&r);
	for (size_t i = 0; i < 4; i++) {
		r.options.reserved[i] = 1;
		refuses_options();
	}
	r.options.backlog = -1;
	refuses_options();
	for (size_t i = 0; i < 2; i++) {
		r.options.channel.reserved[i] = 1;
		refuses_options();
		r.options.channel.callbacks.reserved[i] = 1;
		refuses_options();
	}
	r.options.channel.limits.reserved[0] = 1;
	refuses_options();
	r.options.channel.limits.output_low = 2;
	r.options.channel.limits.output_high = 1;
	refuses_options();
	r.options.channel.terminator = evchat_literal("", 0);
	refuses_options();
	r.options.channel.group = group;
	refuses_options();
	errno = 0;
	ck_assert_ptr_null(evchat_listen(r.base, "127.0.0.1:0", NULL, &r));
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_ptr_null(evchat_listen(NULL, "127.0.0.1:0", &r.options, &r));
	ck_assert_int_eq(errno, EINVAL);
	reception_free(&r);
	evchat_group_free(group);
	event_base_free(other);
}
END_TEST

static void
expect_to_be_in_the_group(
    struct reception *at, const char *event, struct evchat *ch)
{
	(void)ch;
	if (strcmp(event, "accepted") == 0)
		ck_assert_uint_eq(evchat_group_count(at->group), at->accepted);
}

START_TEST(channels_are_in_their_group_when_they_are_accepted)
{
	reception_init(&r);
	r.group = evchat_group_new(r.base);
	r.options.channel.group = r.group;
	r.hook = expect_to_be_in_the_group;
	reception_open(&r);
	reception_clients(&r, 3);
	reception_turns(&r, 4);
	reception_expect(&r, "accepted(1) accepted(2) accepted(3)");
	ck_assert_int_eq(evchat_group_broadcast(r.group, "hi", 2, NULL), 0);
	reception_turns(&r, 4);
	for (size_t i = 1; i <= 3; i++)
		client_expect(&r, i, "hi");
	ck_assert_int_eq(evchat_group_add(r.group, r.guests[1].ch), 0);
	ck_assert_uint_eq(evchat_group_count(r.group), 3);
	evchat_group_remove(r.group, r.guests[1].ch);
	evchat_group_remove(r.group, r.guests[1].ch);
	reception_hang_up(&r, 2);
	reception_turns(&r, 4);
	ck_assert_uint_eq(evchat_group_count(r.group), 1);
	ck_assert_uint_eq(evchat_listener_count(r.listener), 2);
	reception_free(&r);
}
END_TEST

/* Stop, close what is left, and go: nothing holds the loop any more. */
START_TEST(a_server_ends_with_its_group)
{
	reception_init(&r);
	r.group = evchat_group_new(r.base);
	r.options.channel.group = r.group;
	reception_open(&r);
	reception_clients(&r, 2);
	reception_turns(&r, 4);
	evchat_listener_free(r.listener);
	r.listener = NULL;
	ck_assert_int_eq(
	    evchat_group_close_when_done(r.group, 0, NULL, NULL), 0);
	ck_assert_int_eq(event_base_dispatch(r.base), 1);
	reception_expect(&r, "accepted(1) accepted(2) closed(1:DONE) "
			     "closed(2:DONE)");
	reception_free(&r);
}
END_TEST

START_TEST(who_is_accepted_into_a_closing_group_is_closed)
{
	reception_init(&r);
	r.group = evchat_group_new(r.base);
	r.options.channel.group = r.group;
	reception_open(&r);
	reception_client(&r);
	reception_turns(&r, 4);
	evchat_pause(r.guests[1].ch);
	evchat_push(r.guests[1].ch, "x", 1);
	ck_assert_int_eq(
	    evchat_group_close_when_done(r.group, 0, NULL, NULL), 0);
	reception_client(&r);
	reception_turns(&r, 6);
	reception_expect(&r, "accepted(1) accepted(2) closed(2:DONE)");
	reception_free(&r);
}
END_TEST

static void
note_closed(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	struct reception *at = ctx;

	(void)ch;
	ck_assert_int_eq((int)reason, EVCHAT_REASON_EOF);
	strcat(at->said, "closed");
}

START_TEST(nobody_need_be_told_of_accepts_and_failures)
{
	reception_init(&r);
	r.options.accepted = NULL;
	r.options.failed = NULL;
	r.options.channel.callbacks =
	    (struct evchat_callbacks){.closed = note_closed};
	reception_open(&r);
	calls_fail(CALL_ACCEPT4, EMFILE, 0, 1);
	reception_client(&r);
	while (!evchat_listener_count(r.listener))
		event_base_loop(r.base, EVLOOP_ONCE);
	reception_hang_up(&r, 1);
	reception_turns(&r, 4);
	/* Its context is the listener's. */
	reception_expect(&r, "closed");
	ck_assert_uint_eq(evchat_listener_count(r.listener), 0);
	reception_free(&r);
}
END_TEST

START_TEST(so_many_may_wait_as_the_backlog_says)
{
	reception_init(&r);
	r.options.backlog = _i;
	reception_open(&r);
	evchat_listener_pause(r.listener);
	while (r.n_clients < 100) {
		int fd = reception_dial(address_of(r.listener));

		if (fd < 0)
			break;
		r.clients[++r.n_clients] = fd;
	}
	/* Linux lets in one more. */
	ck_assert_uint_eq(r.n_clients, _i ? (size_t)_i + 1 : 100);
	reception_free(&r);
}
END_TEST

START_TEST(two_can_share_a_port)
{
	struct evchat_listener *other;

	reception_init(&r);
	r.options.reuse_port = true;
	reception_open_at(&r, "127.0.0.1:0");
	other = evchat_listen(r.base, address_of(r.listener), &r.options, &r);
	ck_assert_ptr_nonnull(other);
	reception_clients(&r, 20);
	reception_until(&r, "accepted(20)");
	ck_assert_uint_eq(
	    evchat_listener_count(r.listener) + evchat_listener_count(other),
	    20);
	evchat_listener_free(other);
	r.options.reuse_port = false;
	refuses(address_of(r.listener), EADDRINUSE);
	reception_free(&r);
}
END_TEST

/* --- In the callbacks. --- */

START_TEST(the_address_of_the_peer_is_told)
{
	struct sockaddr_in at;
	socklen_t len = sizeof at;
	char text[EVCHAT_ADDRESS_SIZE];

	reception_init(&r);
	reception_open_at(&r, "127.0.0.1:0");
	reception_client(&r);
	reception_until(&r, "accepted(1)");
	ck_assert_int_eq(
	    getsockname(r.clients[1], (struct sockaddr *)&at, &len), 0);
	ck_assert_int_eq(evchat_address_text((const struct sockaddr *)&at, len,
			     text, sizeof text),
	    0);
	ck_assert_str_eq(r.peer, text);
	reception_free(&r);
}
END_TEST

static void
greet(struct reception *at, const char *event, struct evchat *ch)
{
	(void)at;
	if (strcmp(event, "accepted") == 0)
		ck_assert_int_eq(evchat_push(ch, "welcome", 7), 0);
}

START_TEST(a_greeting_is_sent)
{
	reception_init(&r);
	r.hook = greet;
	reception_open(&r);
	reception_clients(&r, 2);
	reception_turns(&r, 4);
	client_expect(&r, 1, "welcome");
	client_expect(&r, 2, "welcome");
	reception_free(&r);
}
END_TEST

static void
refuse_with_a_word(struct reception *at, const char *event, struct evchat *ch)
{
	(void)at;
	if (strcmp(event, "accepted"))
		return;
	ck_assert_int_eq(evchat_push(ch, "busy", 4), 0);
	evchat_close_when_done(ch);
}

START_TEST(a_client_can_be_refused_with_a_word)
{
	reception_init(&r);
	r.hook = refuse_with_a_word;
	reception_open(&r);
	reception_client(&r);
	send_text(1, "hello\n");
	reception_turns(&r, 6);
	client_expect(&r, 1, "busy");
	client_expect_end(&r, 1);
	reception_hang_up(&r, 1);
	reception_turns(&r, 6);
	reception_expect(&r, "accepted(1) closed(1:DONE)");
	reception_free(&r);
}
END_TEST

static const char *when;

static void
free_the_channel(struct reception *at, const char *event, struct evchat *ch)
{
	struct reception_guest *guest = evchat_ctx(ch);

	(void)at;
	if (strcmp(event, when))
		return;
	evchat_free(ch);
	guest->ch = NULL;
}

START_TEST(a_client_can_be_refused_without_a_word)
{
	reception_init(&r);
	when = "accepted";
	r.hook = free_the_channel;
	reception_open(&r);
	reception_clients(&r, 3);
	reception_turns(&r, 4);
	reception_expect(&r, "accepted(1) accepted(2) accepted(3)");
	for (size_t i = 1; i <= 3; i++)
		client_expect_end(&r, i);
	ck_assert_uint_eq(evchat_listener_count(r.listener), 0);
	reception_free(&r);
}
END_TEST

static void
detach_the_channel(struct reception *at, const char *event, struct evchat *ch)
{
	struct reception_guest *guest = evchat_ctx(ch);
	struct bufferevent *bev;

	if (strcmp(event, "accepted"))
		return;
	bev = evchat_detach(ch);
	ck_assert_ptr_nonnull(bev);
	guest->ch = NULL;
	ck_assert_uint_eq(evchat_listener_count(at->listener), 0);
	bufferevent_free(bev);
}

START_TEST(a_channel_can_be_detached_when_it_is_accepted)
{
	reception_init(&r);
	r.options.max_channels = 1;
	r.hook = detach_the_channel;
	reception_open(&r);
	reception_clients(&r, 3);
	reception_turns(&r, 4);
	reception_expect(&r, "accepted(1) accepted(2) accepted(3)");
	reception_free(&r);
}
END_TEST

static void (*deed)(struct evchat_listener *listener);

static void
do_it(struct reception *at, const char *event, struct evchat *ch)
{
	(void)ch;
	if (strcmp(event, when))
		return;
	at->hook = NULL;
	deed(at->listener);
	if (deed == evchat_listener_free)
		at->listener = NULL;
}

static void
do_in(const char *event, void (*what)(struct evchat_listener *listener))
{
	reception_init(&r);
	when = event;
	deed = what;
	r.hook = do_it;
	reception_open(&r);
}

/* What the clients of a listener that has stopped see. */
static void
expect_refusal(size_t from)
{
	for (size_t i = from; i <= r.n_clients; i++)
		client_expect_end(&r, i);
}

static void
expect_to_live_on(void)
{
	send_text(1, "still\n");
	reception_turns(&r, 4);
	reception_expect(&r, "frame(1:still)");
}

static void (*const endings[])(struct evchat_listener *) = {
    evchat_listener_stop, evchat_listener_free};

START_TEST(it_can_end_when_somebody_is_accepted)
{
	do_in("accepted", endings[_i]);
	reception_clients(&r, 3);
	reception_turns(&r, 4);
	reception_expect(&r, "accepted(1)");
	expect_refusal(2);
	expect_to_live_on();
	reception_free(&r);
}
END_TEST

START_TEST(it_can_end_when_a_frame_comes)
{
	do_in("frame", endings[_i]);
	reception_client(&r);
	send_text(1, "hello\n");
	reception_turns(&r, 4);
	reception_expect(&r, "accepted(1) frame(1:hello)");
	expect_to_live_on();
	reception_free(&r);
}
END_TEST

START_TEST(it_can_end_when_a_channel_is_closed)
{
	do_in("closed", endings[_i]);
	reception_clients(&r, 2);
	reception_turns(&r, 4);
	reception_hang_up(&r, 2);
	reception_turns(&r, 4);
	reception_expect(&r, "accepted(1) accepted(2) closed(2:EOF)");
	expect_to_live_on();
	reception_free(&r);
}
END_TEST

START_TEST(it_can_end_with_its_last_channel)
{
	do_in("closed", endings[_i]);
	reception_client(&r);
	reception_turns(&r, 4);
	reception_hang_up(&r, 1);
	reception_turns(&r, 4);
	reception_expect(&r, "accepted(1) closed(1:EOF)");
	reception_free(&r);
}
END_TEST

START_TEST(it_can_end_when_accepting_fails)
{
	do_in("failed", endings[_i]);
	reception_clients(&r, 3);
	calls_fail(CALL_ACCEPT4, EMFILE, 1, 1);
	reception_turns(&r, 4);
	reception_expect(&r, "accepted(1) failed(EMFILE)");
	expect_refusal(2);
	expect_to_live_on();
	reception_free(&r);
}
END_TEST

static struct event *other_event;

static void
note_other(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd, (void)what, (void)ctx;
	strcat(r.said, " other");
}

static void
stop_and_take_its_number(struct evchat_listener *listener)
{
	int fds[2], number = evchat_listener_fd(listener);

	evchat_listener_stop(listener);
	ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);
	if (fds[0] != number) {
		ck_assert_int_eq(dup2(fds[0], number), number);
		close(fds[0]);
	}
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	close(fds[1]);
	other_event = event_new(r.base, number, EV_READ, note_other, NULL);
	ck_assert_int_eq(event_add(other_event, NULL), 0);
}

START_TEST(its_descriptor_can_be_anothers_right_after_the_stop)
{
	do_in("accepted", stop_and_take_its_number);
	reception_clients(&r, 2);
	reception_turns(&r, 4);
	reception_expect(&r, "accepted(1) other");
	close(event_get_fd(other_event));
	event_free(other_event);
	reception_free(&r);
}
END_TEST

static void
free_channel_and_listener(
    struct reception *at, const char *event, struct evchat *ch)
{
	free_the_channel(at, event, ch);
	evchat_listener_free(at->listener);
	at->listener = NULL;
}

START_TEST(it_can_end_with_the_channel_that_is_accepted)
{
	memory_watch();
	reception_init(&r);
	when = "accepted";
	r.hook = free_channel_and_listener;
	reception_open(&r);
	reception_clients(&r, 2);
	reception_turns(&r, 4);
	reception_expect(&r, "accepted(1)");
	expect_refusal(1);
	reception_free(&r);
	ck_assert_uint_eq(memory_live(), 0);
	memory_unwatch();
}
END_TEST

static void
free_listener_and_channel(
    struct reception *at, const char *event, struct evchat *ch)
{
	evchat_listener_free(at->listener);
	at->listener = NULL;
	free_the_channel(at, event, ch);
}

START_TEST(a_channel_can_end_right_after_its_listener)
{
	memory_watch();
	reception_init(&r);
	when = "accepted";
	r.hook = free_listener_and_channel;
	reception_open(&r);
	reception_clients(&r, 2);
	reception_turns(&r, 4);
	reception_expect(&r, "accepted(1)");
	expect_refusal(1);
	reception_free(&r);
	ck_assert_uint_eq(memory_live(), 0);
	memory_unwatch();
}
END_TEST

/* --- At most so many. --- */

START_TEST(no_more_are_accepted_than_may_live)
{
	reception_init(&r);
	r.options.max_channels = 2;
	reception_open(&r);
	reception_clients(&r, 5);
	reception_turns(&r, 8);
	reception_expect(&r, "accepted(1) accepted(2)");
	ck_assert_uint_eq(evchat_listener_count(r.listener), 2);
	reception_hang_up(&r, 1);
	reception_turns(&r, 8);
	reception_expect(&r, "closed(1:EOF) accepted(3)");
	evchat_free(r.guests[2].ch);
	r.guests[2].ch = NULL;
	evchat_free(r.guests[3].ch);
	r.guests[3].ch = NULL;
	reception_turns(&r, 8);
	reception_expect(&r, "accepted(4) accepted(5)");
	ck_assert_uint_eq(evchat_listener_count(r.listener), 2);
	reception_free(&r);
}
END_TEST

START_TEST(the_only_one_can_make_room_at_once)
{
	reception_init(&r);
	r.options.max_channels = 1;
	when = "accepted";
	r.hook = free_the_channel;
	reception_open(&r);
	reception_clients(&r, 100);
	reception_turns(&r, 20);
	ck_assert_uint_eq(r.accepted, 100);
	reception_free(&r);
}
END_TEST

START_TEST(a_detached_channel_makes_room)
{
	struct bufferevent *bev;

	reception_init(&r);
	r.options.max_channels = 1;
	reception_open(&r);
	reception_clients(&r, 2);
	reception_turns(&r, 4);
	bev = evchat_detach(r.guests[1].ch);
	r.guests[1].ch = NULL;
	reception_turns(&r, 4);
	reception_expect(&r, "accepted(1) accepted(2)");
	bufferevent_free(bev);
	reception_free(&r);
}
END_TEST

/* --- Pauses. --- */

START_TEST(nobody_is_accepted_in_a_pause)
{
	reception_init(&r);
	reception_open(&r);
	ck_assert_int_eq(evchat_listener_pause(r.listener), 0);
	ck_assert_int_eq(evchat_listener_pause(r.listener), 0);
	reception_clients(&r, 2);
	reception_turns(&r, 8);
	reception_expect(&r, "");
	ck_assert_int_eq(evchat_listener_resume(r.listener), 0);
	ck_assert_int_eq(evchat_listener_resume(r.listener), 0);
	reception_turns(&r, 8);
	reception_expect(&r, "accepted(1) accepted(2)");
	reception_free(&r);
}
END_TEST

START_TEST(a_pause_is_not_ended_by_anything_else)
{
	reception_init(&r);
	r.options.max_channels = 1;
	reception_open(&r);
	reception_clients(&r, 2);
	reception_turns(&r, 4);
	evchat_listener_pause(r.listener);
	reception_hang_up(&r, 1);
	reception_turns(&r, 8);
	reception_expect(&r, "accepted(1) closed(1:EOF)");
	evchat_listener_resume(r.listener);
	reception_turns(&r, 4);
	reception_expect(&r, "accepted(2)");
	reception_free(&r);
}
END_TEST

static void
pause_it(struct evchat_listener *listener)
{
	ck_assert_int_eq(evchat_listener_pause(listener), 0);
}

START_TEST(a_pause_is_not_ended_by_the_retry)
{
	do_in("failed", pause_it);
	calls_fail(CALL_ACCEPT4, EMFILE, 0, 1);
	reception_client(&r);
	/* Only the retry holds the loop. */
	ck_assert_int_eq(event_base_dispatch(r.base), 1);
	reception_expect(&r, "failed(EMFILE)");
	evchat_listener_resume(r.listener);
	reception_turns(&r, 4);
	reception_expect(&r, "accepted(1)");
	reception_free(&r);
}
END_TEST

START_TEST(it_can_be_paused_when_somebody_is_accepted)
{
	do_in("accepted", pause_it);
	reception_clients(&r, 3);
	reception_turns(&r, 8);
	reception_expect(&r, "accepted(1)");
	ck_assert_int_eq(evchat_listener_resume(r.listener), 0);
	reception_turns(&r, 8);
	reception_expect(&r, "accepted(2) accepted(3)");
	reception_free(&r);
}
END_TEST

static void
pause_and_resume(struct evchat_listener *listener)
{
	ck_assert_int_eq(evchat_listener_pause(listener), 0);
	ck_assert_int_eq(evchat_listener_resume(listener), 0);
}

START_TEST(it_can_be_resumed_when_somebody_is_accepted)
{
	do_in("accepted", pause_and_resume);
	reception_clients(&r, 3);
	reception_turns(&r, 8);
	reception_expect(&r, "accepted(1) accepted(2) accepted(3)");
	reception_free(&r);
}
END_TEST

/* --- Stops. --- */

START_TEST(clients_that_wait_are_refused_at_the_stop)
{
	char old[EVCHAT_ADDRESS_SIZE];

	reception_init(&r);
	reception_open_at(&r, "127.0.0.1:0");
	strcpy(old, address_of(r.listener));
	reception_client(&r);
	reception_until(&r, "accepted(1)");
	reception_expect(&r, "accepted(1)");
	evchat_listener_pause(r.listener);
	reception_clients(&r, 2);
	evchat_listener_stop(r.listener);
	expect_refusal(2);
	ck_assert_int_eq(reception_dial(old), -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	send_text(1, "still\n");
	reception_until(&r, "frame(1:still)");
	reception_free(&r);
}
END_TEST

START_TEST(a_listener_that_has_stopped_does_nothing_any_more)
{
	char text[EVCHAT_ADDRESS_SIZE];

	reception_init(&r);
	reception_open(&r);
	reception_client(&r);
	reception_turns(&r, 4);
	evchat_listener_stop(r.listener);
	evchat_listener_stop(r.listener);
	ck_assert_int_eq(evchat_listener_pause(r.listener), EVCHAT_ERR_CLOSING);
	ck_assert_int_eq(
	    evchat_listener_resume(r.listener), EVCHAT_ERR_CLOSING);
	ck_assert_int_eq(evchat_listener_address(r.listener, text, sizeof text),
	    EVCHAT_ERR_CLOSING);
	ck_assert_int_eq(evchat_listener_fd(r.listener), -1);
	ck_assert_uint_eq(evchat_listener_count(r.listener), 1);
	reception_hang_up(&r, 1);
	reception_turns(&r, 4);
	ck_assert_uint_eq(evchat_listener_count(r.listener), 0);
	reception_expect(&r, "accepted(1) closed(1:EOF)");
	reception_free(&r);
}
END_TEST

START_TEST(everything_is_given_back_with_the_last_channel)
{
	size_t descriptors = descriptors_open();

	memory_watch();
	reception_init(&r);
	reception_open(&r);
	reception_clients(&r, 3);
	reception_turns(&r, 4);
	evchat_listener_free(r.listener);
	r.listener = NULL;
	for (size_t i = 1; i <= 3; i++) {
		reception_hang_up(&r, i);
		reception_turns(&r, 8);
	}
	reception_expect(&r, "accepted(1) accepted(2) accepted(3) "
			     "closed(1:EOF) closed(2:EOF) closed(3:EOF)");
	reception_free(&r);
	ck_assert_uint_eq(memory_live(), 0);
	ck_assert_uint_eq(descriptors_open(), descriptors);
	memory_unwatch();
}
END_TEST

/* --- Turns. --- */

static size_t accepted_before, longest_run;

static void
have_a_turn(evutil_socket_t fd, short what, void *ctx)
{
	size_t run = r.accepted - accepted_before;

	(void)fd, (void)what, (void)ctx;
	if (run > longest_run)
		longest_run = run;
	accepted_before = r.accepted;
}

START_TEST(a_flood_of_clients_leaves_others_their_turn)
{
	struct event *other;
	int fds[2];

	reception_init(&r);
	reception_open(&r);
	ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	other =
	    event_new(r.base, fds[0], EV_READ | EV_PERSIST, have_a_turn, NULL);
	event_add(other, NULL);
	reception_clients(&r, 200);
	reception_turns(&r, 20);
	ck_assert_uint_eq(r.accepted, 200);
	ck_assert_uint_eq(longest_run, 64);
	event_free(other);
	close(fds[0]);
	close(fds[1]);
	reception_free(&r);
}
END_TEST

static void
end_at_the_64th(struct reception *at, const char *event, struct evchat *ch)
{
	(void)event, (void)ch;
	if (at->accepted < 64)
		return;
	at->hook = NULL;
	evchat_listener_free(at->listener);
	at->listener = NULL;
}

/* It had just set itself an alarm to go on. */
START_TEST(it_can_be_freed_at_the_end_of_its_turn)
{
	reception_init(&r);
	r.hook = end_at_the_64th;
	reception_open(&r);
	reception_clients(&r, 70);
	reception_turns(&r, 8);
	ck_assert_uint_eq(r.accepted, 64);
	expect_refusal(65);
	reception_free(&r);
}
END_TEST

/* --- Want. --- */

static const int wants[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM};
static const char *const want_names[] = {
    "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EPERM"};

START_TEST(in_want_it_waits_and_goes_on_by_itself)
{
	char said[64];

	reception_init(&r);
	reception_open(&r);
	calls_fail(CALL_ACCEPT4, wants[_i], 0, 1);
	reception_client(&r);
	(void)snprintf(said, sizeof said, "failed(%s)", want_names[_i]);
	reception_until(&r, said);
	reception_expect(&r, said);
	reception_until(&r, "accepted(1)");
	reception_expect(&r, "accepted(1)");
	reception_free(&r);
}
END_TEST

START_TEST(what_is_no_want_is_not_told)
{
	static const int errors[] = {EAGAIN, EINTR, ECONNABORTED};

	reception_init(&r);
	reception_open(&r);
	calls_fail(CALL_ACCEPT4, errors[_i], 0, 1);
	reception_client(&r);
	reception_turns(&r, 4);
	reception_expect(&r, "accepted(1)");
	reception_free(&r);
}
END_TEST

/* Every turn of the loop has a cause: a timer, or that it may accept again. */
START_TEST(in_want_it_does_not_spin)
{
	size_t turns = 0;

	reception_init(&r);
	reception_open(&r);
	calls_fail(CALL_ACCEPT4, EMFILE, 0, SIZE_MAX);
	reception_client(&r);
	for (; r.failed < 6; turns++)
		event_base_loop(r.base, EVLOOP_ONCE);
	ck_assert_uint_eq(calls_failed(CALL_ACCEPT4), 6);
	ck_assert_uint_le(turns, 3 * r.failed);
	calls_watch(-1);
	reception_until(&r, "accepted(1)");
	reception_free(&r);
}
END_TEST

static void
say_nothing(int severity, const char *what)
{
	(void)severity, (void)what;
}

/* The system may have no room for one more event. */
START_TEST(a_resume_that_fails_is_tried_again)
{
	event_set_log_callback(say_nothing);
	reception_init(&r);
	reception_open(&r);
	if (strcmp(event_base_get_method(r.base), "epoll") != 0) {
		reception_free(&r); /* nothing else can refuse a descriptor */
		return;
	}
	ck_assert_int_eq(evchat_listener_pause(r.listener), 0);
	reception_client(&r);
	calls_fail(CALL_EPOLL_CTL, ENOSPC, 0, 2);
	ck_assert_int_eq(evchat_listener_resume(r.listener), 0);
	reception_until(&r, "accepted(1)");
	ck_assert_uint_eq(calls_failed(CALL_EPOLL_CTL), 2);
	event_set_log_callback(NULL);
	reception_free(&r);
}
END_TEST

/* The first time it may be inside a call, where no callback runs. */
START_TEST(one_that_still_cannot_listen_says_so)
{
	event_set_log_callback(say_nothing);
	reception_init(&r);
	reception_open(&r);
	if (strcmp(event_base_get_method(r.base), "epoll") != 0) {
		reception_free(&r);
		return;
	}
	ck_assert_int_eq(evchat_listener_pause(r.listener), 0);
	reception_client(&r);
	calls_fail(CALL_EPOLL_CTL, ENOMEM, 0, 3);
	ck_assert_int_eq(evchat_listener_resume(r.listener), 0);
	ck_assert_uint_eq(r.failed, 0);
	reception_until(&r, "accepted(1)");
	reception_expect(&r, "failed(ENOMEM) failed(ENOMEM) accepted(1)");
	event_set_log_callback(NULL);
	reception_free(&r);
}
END_TEST

START_TEST(in_want_it_can_be_freed)
{
	reception_init(&r);
	reception_open(&r);
	calls_fail(CALL_ACCEPT4, EMFILE, 1, SIZE_MAX);
	reception_clients(&r, 2);
	reception_until(&r, "failed(EMFILE)");
	reception_expect(&r, "accepted(1) failed(EMFILE)");
	evchat_listener_free(r.listener);
	r.listener = NULL;
	reception_hang_up(&r, 1);
	/* Nothing holds the loop. */
	ck_assert_int_eq(event_base_dispatch(r.base), 1);
	reception_expect(&r, "closed(1:EOF)");
	reception_free(&r);
}
END_TEST

/* --- What it waits for: timers that run, and how long. --- */

static struct timers {
	size_t running;
	long ms; /* of the one found last */
} timers;

static int
note_timer(const struct event_base *base, const struct event *event, void *ctx)
{
	struct timeval until, now;

	(void)base, (void)ctx;
	if (!event_pending(event, EV_TIMEOUT, &until))
		return 0;
	ck_assert_int_eq(event_base_gettimeofday_cached(r.base, &now), 0);
	evutil_timersub(&until, &now, &until);
	timers.running++;
	timers.ms = until.tv_sec * 1000 + (until.tv_usec + 500) / 1000;
	return 0;
}

static size_t
running_timers(void)
{
	timers = (struct timers){0};
	(void)event_base_foreach_event(r.base, note_timer, NULL);
	return timers.running;
}

/* In a callback the loop's time stands still. */
static void
note_wait(struct reception *at, const char *event, struct evchat *ch)
{
	char what[32];

	(void)ch;
	if (strcmp(event, "failed"))
		return;
	ck_assert_uint_eq(running_timers(), 1);
	(void)snprintf(what, sizeof what, " %ld ms", timers.ms);
	strcat(at->said, what);
}

START_TEST(in_want_it_waits_longer_each_time)
{
	reception_init(&r);
	r.hook = note_wait;
	reception_open(&r);
	calls_fail(CALL_ACCEPT4, EMFILE, 0, 6);
	reception_client(&r);
	reception_until(&r, "accepted(1)");
	reception_expect(&r,
	    "failed(EMFILE) 10 ms failed(EMFILE) 20 ms failed(EMFILE) 40 ms "
	    "failed(EMFILE) 80 ms failed(EMFILE) 100 ms failed(EMFILE) 100 ms "
	    "accepted(1)");
	/* From the beginning again. */
	calls_fail(CALL_ACCEPT4, EMFILE, 0, 1);
	reception_client(&r);
	reception_until(&r, "accepted(2)");
	reception_expect(&r, "failed(EMFILE) 10 ms accepted(2)");
	reception_free(&r);
}
END_TEST

static void
find_memory(struct reception *at, const char *event, struct evchat *ch)
{
	(void)event, (void)ch;
	memory_refuse_none();
	at->hook = NULL;
}

/* Then it tries at once; and more than it takes in one turn are waiting. */
START_TEST(in_want_even_of_a_timer_it_is_not_deaf)
{
	memory_watch();
	reception_init(&r);
	r.hook = find_memory;
	reception_open(&r);
	reception_clients(&r, 70);
	calls_fail(CALL_ACCEPT4, EMFILE, 0, 1);
	memory_refuse_after(0);
	reception_until(&r, "accepted(70)");
	ck_assert_uint_gt(memory_refused(), 0);
	reception_free(&r);
	ck_assert_uint_eq(memory_live(), 0);
	memory_unwatch();
}
END_TEST

START_TEST(it_waits_for_nothing_when_it_has_stopped)
{
	reception_init(&r);
	reception_open(&r);
	calls_fail(CALL_ACCEPT4, EMFILE, 0, SIZE_MAX);
	reception_client(&r);
	reception_until(&r, "failed(EMFILE)");
	evchat_listener_stop(r.listener);
	ck_assert_uint_eq(running_timers(), 0);
	reception_free(&r);
}
END_TEST

static void
leave_in_want(size_t number)
{
	evchat_free(r.guests[number].ch);
	r.guests[number].ch = NULL;
}

/* Two channels have earned two accepts; another earns one more, and who comes
 * next has had to wait until it was tried again. */
static void
expect_earned_accepts(
    struct reception *at, const char *event, struct evchat *ch)
{
	(void)event, (void)ch;
	if (at->accepted == 5)
		leave_in_want(3);
	if (at->accepted == 7)
		ck_assert_uint_eq(running_timers(), 0);
}

/* At the first failure two channels go. */
static void
go_in_want(struct reception *at, const char *event, struct evchat *ch)
{
	(void)ch;
	if (strcmp(event, "failed"))
		return;
	at->hook = expect_earned_accepts;
	leave_in_want(1);
	leave_in_want(2);
}

static void
begin_with_channels_that_go(size_t failures)
{
	reception_init(&r);
	r.hook = go_in_want;
	reception_open(&r);
	calls_fail(CALL_ACCEPT4, EMFILE, 3, failures);
	reception_clients(&r, 8);
}

START_TEST(channels_that_go_earn_an_accept_each)
{
	begin_with_channels_that_go(1);
	reception_until(&r, "accepted(8)");
	reception_expect(&r,
	    "accepted(1) accepted(2) accepted(3) failed(EMFILE) accepted(4) "
	    "accepted(5) accepted(6) accepted(7) accepted(8)");
	reception_free(&r);
}
END_TEST

START_TEST(an_accept_that_was_earned_can_fail)
{
	begin_with_channels_that_go(2);
	reception_until(&r, "accepted(8)");
	ck_assert_uint_eq(r.failed, 2);
	reception_free(&r);
}
END_TEST

/* --- The descriptors run out in earnest. --- */

/* From now on there are `n` more. */
static void
allow_descriptors(size_t n)
{
	struct rlimit limit;
	int lowest = dup(0);

	ck_assert_int_ge(lowest, 0);
	close(lowest);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = (rlim_t)lowest + n;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void
allow_all_descriptors(void)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* The system leaves a client where it is when there is no descriptor for it; a
 * tool that counts descriptors itself may take it out and drop it. */
static bool
want_keeps_clients(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int accepted, l = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof at;
	int client = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(l, (const struct sockaddr *)&at, PATH_AT), 0);
	ck_assert_int_eq(getsockname(l, (struct sockaddr *)&at, &len), 0);
	ck_assert_int_eq(listen(l, 1), 0);
	ck_assert_int_eq(connect(client, (const struct sockaddr *)&at, len), 0);
	allow_descriptors(0);
	ck_assert_int_eq(accept4(l, NULL, NULL, 0), -1);
	ck_assert_int_eq(errno, EMFILE);
	allow_all_descriptors();
	accepted = accept4(l, NULL, NULL, 0);
	close(accepted);
	close(client);
	close(l);
	return accepted >= 0;
}

static void
expect_all_served(void)
{
	for (size_t i = 1; i <= r.n_clients; i++)
		client_expect(&r, i, "welcome");
}

START_TEST(it_goes_on_when_a_channel_goes)
{
	if (!want_keeps_clients())
		return;
	reception_init(&r);
	r.hook = greet;
	reception_open(&r);
	reception_clients(&r, 6);
	allow_descriptors(3);
	reception_until(&r, "failed(EMFILE)");
	reception_expect(
	    &r, "accepted(1) accepted(2) accepted(3) failed(EMFILE)");
	/* Who is there already is served. */
	send_text(2, "hello\n");
	reception_until(&r, "frame(2:hello)");
	for (size_t i = 1; i <= 3; i++) {
		char said[32];

		evchat_close_when_done(r.guests[i].ch);
		shutdown(r.clients[i], SHUT_WR);
		(void)snprintf(said, sizeof said, "accepted(%zu)", i + 3);
		reception_until(&r, said);
	}
	allow_all_descriptors();
	reception_turns(&r, 4);
	expect_all_served();
	reception_free(&r);
}
END_TEST

START_TEST(it_goes_on_when_something_else_goes)
{
	int other;

	if (!want_keeps_clients())
		return;
	reception_init(&r);
	reception_open(&r);
	reception_clients(&r, 3);
	other = dup(0);
	allow_descriptors(2);
	reception_until(&r, "failed(EMFILE)");
	reception_expect(&r, "accepted(1) accepted(2) failed(EMFILE)");
	close(other);
	reception_until(&r, "accepted(3)");
	allow_all_descriptors();
	reception_free(&r);
}
END_TEST

/* --- No memory. --- */

/* Its path is free again when it fails. */
static struct evchat_listener *
listen_with_failure(size_t n)
{
	struct evchat_listener *listener;

	memory_refuse_once_after(n);
	errno = 0;
	listener = evchat_listen(r.base, address, &r.options, &r);
	memory_refuse_none();
	if (!listener)
		ck_assert(errno == ENOMEM || errno == EIO);
	return listener;
}

START_TEST(listening_without_memory_leaves_nothing)
{
	char literal[] = "a terminator longer than what lies in the channel";
	size_t descriptors, live, n = 0;

	memory_watch();
	begin_with_path();
	r.options.channel.terminator =
	    evchat_literal(literal, sizeof literal - 1);
	r.options.channel.limits.max_frame = 5;
	descriptors = descriptors_open();
	live = memory_live();
	while (!(r.listener = listen_with_failure(n))) {
		ck_assert_uint_eq(descriptors_open(), descriptors);
		ck_assert(!there_is_a_file());
		/* libevent may keep room for its events. */
		ck_assert_uint_le(memory_live(), live + 2);
		n++;
	}
	ck_assert_uint_ge(n, 6);
	end_with_path();
	ck_assert_uint_eq(memory_live(), 0);
	memory_unwatch();
}
END_TEST

START_TEST(a_socket_that_finds_no_memory_stays_the_callers)
{
	int fd = bound_socket();
	size_t n = 0;

	memory_watch();
	reception_init(&r);
	while (!r.listener) {
		memory_refuse_once_after(n++);
		r.listener = evchat_listen_fd(r.base, fd, &r.options, &r);
		memory_refuse_none();
		ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
	}
	ck_assert_uint_gt(n, 4);
	expect_service();
	reception_free(&r);
	ck_assert_uint_eq(memory_live(), 0);
	memory_unwatch();
}
END_TEST

/* Three come while memory fails, and one when it is there again; true while
 * there was something to refuse. */
static bool
accept_with_failure(size_t n, bool once)
{
	static char literal[] =
	    "a terminator longer than what lies in the channel";

	memory_watch();
	reception_init(&r);
	r.group = evchat_group_new(r.base);
	r.options.channel.group = r.group;
	r.options.channel.limits.max_frame = 5;
	r.options.channel.terminator =
	    evchat_literal(literal, sizeof literal - 1);
	reception_open(&r);
	reception_clients(&r, 3);
	if (once)
		memory_refuse_once_after(n);
	else
		memory_refuse_after(n);
	reception_turns(&r, 3);
	memory_refuse_none();
	/* Who finds no memory is gone, and that is told; all others come. */
	while (r.accepted + r.failed < 3)
		event_base_loop(r.base, EVLOOP_ONCE);
	ck_assert_uint_eq(r.accepted + r.failed, 3);
	ck_assert(!once || r.failed <= 1);
	for (size_t i = 1; i <= r.n_clients; i++)
		reception_hang_up(&r, i);
	while (evchat_listener_count(r.listener))
		event_base_loop(r.base, EVLOOP_ONCE);
	/* And it is not deaf. */
	reception_client(&r);
	while (!evchat_listener_count(r.listener))
		event_base_loop(r.base, EVLOOP_ONCE);
	reception_free(&r);
	ck_assert_uint_eq(memory_live(), 0);
	memory_unwatch();
	return memory_refused() > 0;
}

START_TEST(an_accept_without_memory_does_not_end_it)
{
	size_t n = 0;

	while (accept_with_failure(n, _i))
		n++;
	ck_assert_uint_gt(n, 10);
}
END_TEST

/* --- All of it. --- */

/* What one test has refused is no matter of the next. */
static void
begin(void)
{
	calls_watch(-1);
}

static TCase *
group_of(Suite *s, const char *name)
{
	TCase *tests = suite_group(s, name);

	tcase_add_checked_fixture(tests, begin, NULL);
	return tests;
}

static void
add_address_tests(Suite *s)
{
	TCase *where = group_of(s, "where");
	TCase *files = group_of(s, "files");
	TCase *adopted = group_of(s, "adopted");

	tcase_add_loop_test(where, it_listens_at_an_address_of_any_form, 0, 6);
	tcase_add_test(where, port_0_takes_a_free_one_and_says_which);
	tcase_add_test(where, a_star_takes_ipv6_and_ipv4);
	tcase_add_test(where, all_of_ipv6_takes_no_ipv4);
	tcase_add_loop_test(
	    where, a_star_takes_ipv4_where_there_is_no_ipv6, 0, 2);
	tcase_add_test(
	    where, a_star_that_is_refused_for_another_reason_stays_so);
	tcase_add_test(where, what_is_no_address_is_refused);
	tcase_add_loop_test(where, what_the_system_says_comes_through, 0, 4);
	tcase_add_test(where, each_option_of_a_socket_must_be_had);
	tcase_add_test(where, it_listens_at_an_address_of_the_systems_form);
	tcase_add_test(
	    where, what_is_no_address_of_the_systems_form_is_refused);
	tcase_add_test(where, its_address_does_not_fit_everywhere);
	tcase_add_test(where, no_listener_is_told_from_one);
	tcase_add_test(files, its_own_file_goes_at_the_stop);
	tcase_add_test(files, its_own_file_goes_when_it_is_freed);
	tcase_add_test(files, a_file_of_the_longest_path_goes_too);
	tcase_add_test(files, a_file_that_nobody_listens_at_is_replaced);
	tcase_add_test(files, a_file_that_somebody_listens_at_is_not_replaced);
	tcase_add_test(files, a_listener_with_a_full_backlog_is_alive);
	tcase_add_test(files, a_socket_of_another_kind_is_not_replaced);
	tcase_add_test(files, a_file_that_is_no_socket_is_not_replaced);
	tcase_add_test(files, a_link_to_a_socket_is_not_replaced);
	tcase_add_test(files, a_path_that_leads_nowhere_is_refused);
	tcase_add_test(files, nobody_elses_file_is_removed_at_the_stop);
	tcase_add_test(files, a_file_that_has_gone_is_not_missed);
	tcase_add_test(
	    files, a_left_over_file_stays_when_it_cannot_be_replaced);
	tcase_add_test(files, a_failure_after_the_bind_leaves_no_file);
	tcase_add_test(files, an_abstract_name_is_taken_once);
	tcase_add_test(adopted, an_adopted_socket_is_the_listeners);
	tcase_add_test(adopted, the_file_of_an_adopted_socket_stays);
	tcase_add_test(adopted, a_socket_that_is_not_adopted_stays_usable);
	tcase_add_test(adopted, what_cannot_listen_is_not_adopted);
}

static void
add_option_tests(Suite *s)
{
	TCase *options = group_of(s, "options");

	tcase_add_test(options, options_are_copied_deeply);
	tcase_add_test(options, every_channel_starts_with_the_same_limits);
	tcase_add_test(options, a_channel_may_have_limits_of_its_own_later);
	tcase_add_test(
	    options, without_a_terminator_everything_comes_in_pieces);
	tcase_add_test(options, options_that_are_not_valid_are_refused);
	tcase_add_test(
	    options, channels_are_in_their_group_when_they_are_accepted);
	tcase_add_test(options, a_server_ends_with_its_group);
	tcase_add_test(options, who_is_accepted_into_a_closing_group_is_closed);
	tcase_add_test(options, nobody_need_be_told_of_accepts_and_failures);
	tcase_add_loop_test(
	    options, so_many_may_wait_as_the_backlog_says, 0, 4);
	tcase_add_test(options, two_can_share_a_port);
}

static void
add_callback_tests(Suite *s)
{
	TCase *calls = group_of(s, "callbacks");

	tcase_add_test(calls, the_address_of_the_peer_is_told);
	tcase_add_test(calls, a_greeting_is_sent);
	tcase_add_test(calls, a_client_can_be_refused_with_a_word);
	tcase_add_test(calls, a_client_can_be_refused_without_a_word);
	tcase_add_test(calls, a_channel_can_be_detached_when_it_is_accepted);
	tcase_add_loop_test(calls, it_can_end_when_somebody_is_accepted, 0, 2);
	tcase_add_loop_test(calls, it_can_end_when_a_frame_comes, 0, 2);
	tcase_add_loop_test(calls, it_can_end_when_a_channel_is_closed, 0, 2);
	tcase_add_loop_test(calls, it_can_end_with_its_last_channel, 0, 2);
	tcase_add_loop_test(calls, it_can_end_when_accepting_fails, 0, 2);
	tcase_add_test(
	    calls, its_descriptor_can_be_anothers_right_after_the_stop);
	tcase_add_test(calls, it_can_end_with_the_channel_that_is_accepted);
	tcase_add_test(calls, a_channel_can_end_right_after_its_listener);
}

static void
add_steering_tests(Suite *s)
{
	TCase *exact = suite_exact_group(s, "exact", "turns");
	TCase *most = group_of(s, "at most");
	TCase *pauses = group_of(s, "pauses");
	TCase *stops = group_of(s, "stops");
	TCase *turns = group_of(s, "turns");

	tcase_add_test(most, no_more_are_accepted_than_may_live);
	tcase_add_test(most, the_only_one_can_make_room_at_once);
	tcase_add_test(most, a_detached_channel_makes_room);
	tcase_add_test(pauses, nobody_is_accepted_in_a_pause);
	tcase_add_test(pauses, a_pause_is_not_ended_by_anything_else);
	tcase_add_test(pauses, a_pause_is_not_ended_by_the_retry);
	tcase_add_test(pauses, it_can_be_paused_when_somebody_is_accepted);
	tcase_add_test(pauses, it_can_be_resumed_when_somebody_is_accepted);
	tcase_add_test(stops, clients_that_wait_are_refused_at_the_stop);
	tcase_add_test(
	    stops, a_listener_that_has_stopped_does_nothing_any_more);
	tcase_add_test(stops, everything_is_given_back_with_the_last_channel);
	tcase_add_test(exact, a_flood_of_clients_leaves_others_their_turn);
	tcase_add_test(turns, it_can_be_freed_at_the_end_of_its_turn);
}

static void
add_want_tests(Suite *s)
{
	TCase *exact = suite_exact_group(s, "exact", "turns");
	TCase *want = group_of(s, "want");
	TCase *memory = group_of(s, "memory");
	int n = sizeof wants / sizeof *wants;

	tcase_add_loop_test(want, in_want_it_waits_and_goes_on_by_itself, 0, n);
	tcase_add_loop_test(want, what_is_no_want_is_not_told, 0, 3);
	tcase_add_test(exact, in_want_it_does_not_spin);
	tcase_add_test(want, in_want_it_waits_longer_each_time);
	tcase_add_test(want, in_want_even_of_a_timer_it_is_not_deaf);
	tcase_add_test(want, it_waits_for_nothing_when_it_has_stopped);
	tcase_add_test(want, a_resume_that_fails_is_tried_again);
	tcase_add_test(want, one_that_still_cannot_listen_says_so);
	tcase_add_test(want, in_want_it_can_be_freed);
	tcase_add_test(want, channels_that_go_earn_an_accept_each);
	tcase_add_test(want, an_accept_that_was_earned_can_fail);
	tcase_add_test(want, it_goes_on_when_a_channel_goes);
	tcase_add_test(want, it_goes_on_when_something_else_goes);
	tcase_add_test(memory, listening_without_memory_leaves_nothing);
	tcase_add_test(memory, a_socket_that_finds_no_memory_stays_the_callers);
	tcase_add_loop_test(
	    memory, an_accept_without_memory_does_not_end_it, 0, 2);
}

int
main(void)
{
	Suite *s = suite_create("listener");

	/* libevent's memory comes from evchat's, which tests count. */
	event_set_mem_functions(evchat_malloc_, evchat_realloc_, evchat_mfree_);
	add_address_tests(s);
	add_option_tests(s);
	add_callback_tests(s);
	add_steering_tests(s);
	add_want_tests(s);
	return suite_run(s);
}
