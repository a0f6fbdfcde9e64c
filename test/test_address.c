/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Addresses as text: every form taken apart and written out again, and hostile
 * text refused.
 */
#include "address-internal.h"
#include "support/suite.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

enum { PATH_AT = offsetof(struct sockaddr_un, sun_path) };

static void
refused(const char *text)
{
	struct evchat_address address;

	ck_assert_msg(
	    evchat_address_parse_(&address, text) == EVCHAT_ERR_INVALID,
	    "taken: %s", text);
}

static struct evchat_address
parsed(const char *text)
{
	struct evchat_address address;

	ck_assert_msg(
	    evchat_address_parse_(&address, text) == 0, "refused: %s", text);
	return address;
}

static const struct sockaddr *
system_form(const struct evchat_address *address)
{
	return (const struct sockaddr *)(const void *)&address->at;
}

static void
text_is(const struct sockaddr *at, socklen_t len, const char *expected)
{
	char text[EVCHAT_ADDRESS_SIZE];

	ck_assert_int_eq(evchat_address_text(at, len, text, sizeof text), 0);
	ck_assert_str_eq(text, expected);
}

/* There and back again, to another text if there is a shorter one. */
static void
becomes(const char *text, const char *expected)
{
	struct evchat_address address = parsed(text);

	ck_assert_str_eq(address.name, "");
	text_is(system_form(&address), address.len, expected);
}

/* --- The forms. --- */

START_TEST(text_of_every_form_comes_back_as_it_was)
{
	static const char *const texts[] = {"127.0.0.1:8080", "0.0.0.0:0",
	    "255.255.255.255:65535", "[2001:db8::1]:8080", "[::1]:1", "[::]:0",
	    "[1111:2222:3333:4444:5555:6666:7777:8888]:65535",
	    "unix:/run/x.sock", "unix:./x", "unix:.x", "unix:/a:b:80",
	    "unix:@name", "unix:@", "unix:/[::1]:80"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		becomes(texts[i], texts[i]);
}
END_TEST

START_TEST(text_that_can_be_shorter_becomes_so)
{
	becomes("[0:0:0:0:0:0:0:1]:080", "[::1]:80");
	becomes("[2001:DB8::0001]:0000000001", "[2001:db8::1]:1");
	becomes("[::1%0]:80", "[::1]:80");
	becomes("[::ffff:192.0.2.1]:80", "192.0.2.1:80");
	becomes("*:80", "[::]:80");
}
END_TEST

START_TEST(an_ipv4_address_is_the_systems)
{
	struct evchat_address a = parsed("192.0.2.1:8080");
	const struct sockaddr_in *at = (const void *)&a.at;

	ck_assert_uint_eq(a.len, sizeof *at);
	ck_assert_int_eq(at->sin_family, AF_INET);
	ck_assert_uint_eq(ntohl(at->sin_addr.s_addr), 0xc0000201);
	ck_assert_uint_eq(ntohs(at->sin_port), 8080);
	ck_assert_uint_eq(a.port, 8080);
	ck_assert(!a.any);
}
END_TEST

START_TEST(an_ipv6_address_is_the_systems)
{
	struct evchat_address a = parsed("[::1]:65535");
	const struct sockaddr_in6 *at = (const void *)&a.at;

	ck_assert_uint_eq(a.len, sizeof *at);
	ck_assert_int_eq(at->sin6_family, AF_INET6);
	ck_assert(IN6_IS_ADDR_LOOPBACK(&at->sin6_addr));
	ck_assert_uint_eq(ntohs(at->sin6_port), 65535);
	ck_assert_uint_eq(at->sin6_scope_id, 0);
	ck_assert_uint_eq(a.port, 65535);
	ck_assert(!a.any);
}
END_TEST

START_TEST(a_star_is_every_address)
{
	struct evchat_address a = parsed("*:80");
	const struct sockaddr_in6 *at = (const void *)&a.at;

	ck_assert(a.any);
	ck_assert_int_eq(at->sin6_family, AF_INET6);
	ck_assert(IN6_IS_ADDR_UNSPECIFIED(&at->sin6_addr));
	ck_assert_uint_eq(ntohs(at->sin6_port), 80);
	ck_assert(!parsed("[::]:80").any);
	ck_assert(!parsed("0.0.0.0:80").any);
}
END_TEST

START_TEST(a_path_ends_in_a_nul_and_an_abstract_name_does_not)
{
	struct evchat_address a = parsed("unix:/run/x");
	const struct sockaddr_un *at = (const void *)&a.at;

	ck_assert_int_eq(at->sun_family, AF_UNIX);
	ck_assert_str_eq(at->sun_path, "/run/x");
	ck_assert_uint_eq(a.len, PATH_AT + 7);
	ck_assert_uint_eq(a.port, 0);
	a = parsed("unix:@run");
	ck_assert_mem_eq(at->sun_path, "\0run", 4);
	ck_assert_uint_eq(a.len, PATH_AT + 4);
}
END_TEST

START_TEST(a_name_has_no_address)
{
	static const char *const names[] = {"localhost", "example.org",
	    "example.org.", "a_b-c.example", "3com.com", "1.2.3.4.example",
	    "unix", "x"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char text[64];
		struct evchat_address a;

		(void)snprintf(text, sizeof text, "%s:443", names[i]);
		a = parsed(text);
		ck_assert_str_eq(a.name, names[i]);
		ck_assert_uint_eq(a.len, 0);
		ck_assert_uint_eq(a.port, 443);
		ck_assert(!a.any);
	}
}
END_TEST

/* --- Hostile text. --- */

START_TEST(text_that_is_no_address_is_refused)
{
	static const char *const texts[] = {"", ":", "::", "80", "host",
	    "127.0.0.1", "::1", "::1:80", "[::1]", "[::1]80", "[::1] :80",
	    "[::1:80", "::1]:80", "[]:80", "[:80", "]:80", "[*]:80",
	    "[1.2.3.4]:80", "[[::1]]:80", "[::1::]:80", "[::g]:80",
	    "[localhost]:80", "[::1]:80:80", "**:80", "*.org:80", ":80",
	    "1.2.3:80", "1.2.3.4.5:80", "1.2.3.256:80", "1:80", "127.1:80",
	    "0x7f.1:80", "-1:80:80", "host:80:80", "host/x:80", "us er:80",
	    " host:80", "host :80", "h\tost:80", "user@host:80",
	    "h\xc3\xb6st:80", "%s%n:80", "unix:", "unix:x", "unix:x:80",
	    "unix: /x", "UNIX:/x"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		refused(texts[i]);
}
END_TEST

START_TEST(a_port_is_a_number_up_to_65535)
{
	static const char *const ports[] = {"", "65536", "99999", "4294967296",
	    "18446744073709551617", "00000000080", "-1", "+1", " 1", "1 ", "1x",
	    "0x50", "http", "8 0", "\n80", "80\n"};

	for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
		char text[64];

		(void)snprintf(text, sizeof text, "host:%s", ports[i]);
		refused(text);
		(void)snprintf(text, sizeof text, "[::1]:%s", ports[i]);
		refused(text);
	}
	ck_assert_uint_eq(parsed("host:0").port, 0);
	ck_assert_uint_eq(parsed("host:65535").port, 65535);
}
END_TEST

/* `len` characters, then ":1". */
static const char *
long_name(size_t len)
{
	static char text[400];

	memset(text, 'a', len);
	memcpy(text + len, ":1", 3);
	return text;
}

START_TEST(a_name_is_at_most_255_characters)
{
	ck_assert_uint_eq(strlen(parsed(long_name(255)).name), 255);
	refused(long_name(256));
	refused(long_name(300));
}
END_TEST

START_TEST(long_text_between_brackets_is_refused)
{
	char text[320];

	memset(text, '1', sizeof text);
	text[0] = '[';
	memcpy(text + 250, "]:80", 5);
	refused(text);
	text[5] = '%';
	refused(text);
	memset(text, ':', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	refused(text);
}
END_TEST

/* "unix:", then `len` characters, of which the first is given. */
static const char *
long_path(size_t len, char first)
{
	static char text[400];

	memcpy(text, "unix:", 5);
	memset(text + 5, 'p', len);
	text[5] = first;
	text[5 + len] = '\0';
	return text;
}

START_TEST(a_path_is_at_most_107_bytes)
{
	becomes(long_path(107, '/'), long_path(107, '/'));
	refused(long_path(108, '/'));
	refused(long_path(300, '/'));
	becomes(long_path(107, '@'), long_path(107, '@'));
	refused(long_path(108, '@'));
}
END_TEST

/* --- Zones. --- */

/* The zone of the loopback interface, or nothing. */
static unsigned
loopback(void)
{
	return if_nametoindex("lo");
}

START_TEST(a_zone_is_known_by_its_name_or_number)
{
	const char *zone = "lo";
	char text[64];
	struct evchat_address a;

	if (!loopback())
		return;
	(void)snprintf(text, sizeof text, "[fe80::1%%%s]:80", zone);
	becomes(text, text);
	a = parsed(text);
	ck_assert_uint_eq(
	    ((const struct sockaddr_in6 *)(const void *)&a.at)->sin6_scope_id,
	    loopback());
	(void)snprintf(text, sizeof text, "[fe80::1%%%u]:80", loopback());
	becomes(text, "[fe80::1%lo]:80");
}
END_TEST

START_TEST(a_zone_without_an_interface_stays_a_number)
{
	becomes("[fe80::1%4294967295]:80", "[fe80::1%4294967295]:80");
}
END_TEST

START_TEST(a_zone_that_is_neither_is_refused)
{
	refused("[fe80::1%]:80");
	refused("[fe80::1%no such zone]:80");
	refused("[fe80::1%4294967296]:80");
	refused("[fe80::1%-1]:80");
	refused("[fe80::1%1%2]:80");
	refused("[%1]:80");
}
END_TEST

/* --- Addresses of the system's form. --- */

START_TEST(ipv4_over_ipv6_is_written_as_ipv4)
{
	struct sockaddr_in6 at = {
	    .sin6_family = AF_INET6, .sin6_port = htons(80)};

	inet_pton(AF_INET6, "::ffff:192.0.2.1", &at.sin6_addr);
	text_is((const struct sockaddr *)&at, sizeof at, "192.0.2.1:80");
}
END_TEST

START_TEST(a_unix_socket_without_a_name_is_written_so)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	text_is((const struct sockaddr *)&at, PATH_AT, "unix:");
}
END_TEST

START_TEST(a_path_may_be_followed_by_anything)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	strcpy(at.sun_path, "/x");
	text_is((const struct sockaddr *)&at, PATH_AT + 2, "unix:/x");
	text_is((const struct sockaddr *)&at, PATH_AT + 3, "unix:/x");
	text_is((const struct sockaddr *)&at, sizeof at, "unix:/x");
}
END_TEST

START_TEST(a_path_that_looks_like_something_else_is_written_as_a_path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	strcpy(at.sun_path, "80");
	text_is((const struct sockaddr *)&at, sizeof at, "unix:./80");
	strcpy(at.sun_path, "@x");
	text_is((const struct sockaddr *)&at, sizeof at, "unix:./@x");
	strcpy(at.sun_path, ".x");
	text_is((const struct sockaddr *)&at, sizeof at, "unix:.x");
}
END_TEST

START_TEST(the_longest_path_has_no_nul)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	memset(at.sun_path, 'p', sizeof at.sun_path);
	at.sun_path[0] = '/';
	text_is((const struct sockaddr *)&at, sizeof at,
	    long_path(sizeof at.sun_path, '/'));
}
END_TEST

/* It could be taken for another one. */
START_TEST(an_abstract_name_with_a_nul_inside_has_no_text)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	char text[EVCHAT_ADDRESS_SIZE] = "old";

	memcpy(at.sun_path, "\0a\0b", 4);
	ck_assert_int_eq(evchat_address_text((const struct sockaddr *)&at,
			     PATH_AT + 4, text, sizeof text),
	    EVCHAT_ERR_INVALID);
	ck_assert_str_eq(text, "");
}
END_TEST

static void
has_no_text(const void *at, socklen_t len)
{
	char text[EVCHAT_ADDRESS_SIZE] = "old";

	ck_assert_int_eq(evchat_address_text(at, len, text, sizeof text),
	    EVCHAT_ERR_INVALID);
	ck_assert_str_eq(text, "");
}

START_TEST(addresses_of_other_families_are_refused)
{
	struct sockaddr_storage at = {.ss_family = AF_UNSPEC};

	has_no_text(&at, sizeof at);
	at.ss_family = AF_NETLINK;
	has_no_text(&at, sizeof at);
}
END_TEST

START_TEST(addresses_that_are_too_short_or_too_long_are_refused)
{
	struct sockaddr_storage at[2] = {{.ss_family = AF_INET}};

	has_no_text(NULL, sizeof *at);
	has_no_text(at, 0);
	has_no_text(at, 1);
	has_no_text(at, sizeof(struct sockaddr_in) - 1);
	has_no_text(at, sizeof *at + 1);
	has_no_text(at, (socklen_t)-1);
	at->ss_family = AF_INET6;
	has_no_text(at, sizeof(struct sockaddr_in6) - 1);
	at->ss_family = AF_UNIX;
	has_no_text(at, PATH_AT - 1);
}
END_TEST

START_TEST(an_address_may_lie_where_it_is_not_aligned)
{
	struct sockaddr_in6 at = {.sin6_family = AF_INET6};
	_Alignas(8) char bytes[2 + sizeof at];

	memcpy(bytes + 2, &at, sizeof at);
	text_is((const void *)(bytes + 2), sizeof at, "[::]:0");
}
END_TEST

START_TEST(a_buffer_that_is_too_small_gets_nothing)
{
	const char *whole = "[2001:db8::1]:8080";
	struct evchat_address a = parsed(whole);
	char text[EVCHAT_ADDRESS_SIZE];

	for (size_t size = 1; size <= strlen(whole); size++) {
		memset(text, 'x', sizeof text);
		ck_assert_int_eq(
		    evchat_address_text(system_form(&a), a.len, text, size),
		    EVCHAT_ERR_INVALID);
		ck_assert_str_eq(text, "");
		ck_assert_int_eq(text[size], 'x');
	}
	ck_assert_int_eq(evchat_address_text(
			     system_form(&a), a.len, text, strlen(whole) + 1),
	    0);
	ck_assert_str_eq(text, whole);
}
END_TEST

START_TEST(no_buffer_at_all_is_refused)
{
	struct evchat_address a = parsed("127.0.0.1:80");
	char text[] = "old";

	ck_assert_int_eq(evchat_address_text(system_form(&a), a.len, text, 0),
	    EVCHAT_ERR_INVALID);
	ck_assert_str_eq(text, "old");
	ck_assert_int_eq(evchat_address_text(
			     system_form(&a), a.len, NULL, EVCHAT_ADDRESS_SIZE),
	    EVCHAT_ERR_INVALID);
}
END_TEST

/* --- Taking over, and ports. --- */

START_TEST(what_the_system_says_is_taken_over_with_its_port)
{
	static const char *const texts[] = {
	    "192.0.2.1:81", "[2001:db8::1]:81", "unix:/x", "unix:@x"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct evchat_address from = parsed(texts[i]), to;

		ck_assert_int_eq(
		    evchat_address_copy_(&to, system_form(&from), from.len), 0);
		ck_assert_mem_eq(&to, &from, sizeof to);
	}
}
END_TEST

START_TEST(what_is_not_taken_over_leaves_nothing)
{
	struct evchat_address to = parsed("host:80");
	struct sockaddr_storage at = {.ss_family = AF_UNSPEC};

	ck_assert_int_eq(
	    evchat_address_copy_(
		&to, (const struct sockaddr *)(const void *)&at, sizeof at),
	    EVCHAT_ERR_INVALID);
	ck_assert_uint_eq(to.len, 0);
	ck_assert_str_eq(to.name, "");
}
END_TEST

START_TEST(a_port_can_be_set_where_there_is_one)
{
	static const char *const texts[] = {"192.0.2.1:0", "[::1]:0"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct evchat_address a = parsed(texts[i]);

		evchat_address_set_port_(&a.at, 443);
		ck_assert_uint_eq(evchat_address_port_(&a.at), 443);
	}
}
END_TEST

START_TEST(a_path_has_no_port)
{
	struct evchat_address a = parsed("unix:/x"), before = a;

	evchat_address_set_port_(&a.at, 443);
	ck_assert_mem_eq(&a, &before, sizeof a);
	ck_assert_uint_eq(evchat_address_port_(&a.at), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("address");
	TCase *forms = suite_group(s, "forms");
	TCase *hostile = suite_group(s, "hostile");
	TCase *zones = suite_group(s, "zones");
	TCase *system = suite_group(s, "system");

	tcase_add_test(forms, text_of_every_form_comes_back_as_it_was);
	tcase_add_test(forms, text_that_can_be_shorter_becomes_so);
	tcase_add_test(forms, an_ipv4_address_is_the_systems);
	tcase_add_test(forms, an_ipv6_address_is_the_systems);
	tcase_add_test(forms, a_star_is_every_address);
	tcase_add_test(
	    forms, a_path_ends_in_a_nul_and_an_abstract_name_does_not);
	tcase_add_test(forms, a_name_has_no_address);
	tcase_add_test(hostile, text_that_is_no_address_is_refused);
	tcase_add_test(hostile, a_port_is_a_number_up_to_65535);
	tcase_add_test(hostile, a_name_is_at_most_255_characters);
	tcase_add_test(hostile, long_text_between_brackets_is_refused);
	tcase_add_test(hostile, a_path_is_at_most_107_bytes);
	tcase_add_test(zones, a_zone_is_known_by_its_name_or_number);
	tcase_add_test(zones, a_zone_without_an_interface_stays_a_number);
	tcase_add_test(zones, a_zone_that_is_neither_is_refused);
	tcase_add_test(system, ipv4_over_ipv6_is_written_as_ipv4);
	tcase_add_test(system, a_unix_socket_without_a_name_is_written_so);
	tcase_add_test(system, a_path_may_be_followed_by_anything);
	tcase_add_test(
	    system, a_path_that_looks_like_something_else_is_written_as_a_path);
	tcase_add_test(system, the_longest_path_has_no_nul);
	tcase_add_test(system, an_abstract_name_with_a_nul_inside_has_no_text);
	tcase_add_test(system, addresses_of_other_families_are_refused);
	tcase_add_test(
	    system, addresses_that_are_too_short_or_too_long_are_refused);
	tcase_add_test(system, an_address_may_lie_where_it_is_not_aligned);
	tcase_add_test(system, a_buffer_that_is_too_small_gets_nothing);
	tcase_add_test(system, no_buffer_at_all_is_refused);
	tcase_add_test(
	    system, what_the_system_says_is_taken_over_with_its_port);
	tcase_add_test(system, what_is_not_taken_over_leaves_nothing);
	tcase_add_test(system, a_port_can_be_set_where_there_is_one);
	tcase_add_test(system, a_path_has_no_port);
	return suite_run(s);
}
