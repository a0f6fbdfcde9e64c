/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Addresses as text: taken apart, and written out again.  Pure, but for the
 * numbers of IPv6 zones, which are the system's.
 */
#include "address-internal.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define UNIX_PREFIX "unix:"

enum { PORT_MAX = 65535 };

/* Where the path begins in the system's form of a Unix address. */
static const size_t path_at = offsetof(struct sockaddr_un, sun_path);

static struct sockaddr_in *
ipv4(struct sockaddr_storage *at)
{
	return (struct sockaddr_in *)(void *)at;
}

static struct sockaddr_in6 *
ipv6(struct sockaddr_storage *at)
{
	return (struct sockaddr_in6 *)(void *)at;
}

/* --- Taking apart. --- */

static bool
is_path(const char *text)
{
	size_t prefix = strlen(UNIX_PREFIX);

	return strncmp(text, UNIX_PREFIX, prefix) == 0 && text[prefix] &&
	       strchr("/.@", text[prefix]);
}

/* An abstract name, of Linux, begins with NUL in place of "@" and has no NUL
 * behind it; a path has one. */
static int
parse_unix(struct evchat_address *address, const char *path)
{
	struct sockaddr_un *at = (struct sockaddr_un *)(void *)&address->at;
	size_t len = strlen(path);
	bool abstract = path[0] == '@';

	if (len == 0 || len >= sizeof at->sun_path)
		return EVCHAT_ERR_INVALID;
	at->sun_family = AF_UNIX;
	memcpy(at->sun_path, path, len + 1);
	if (abstract)
		at->sun_path[0] = '\0';
	address->len = (socklen_t)(path_at + len + !abstract);
	return 0;
}

static bool
parse_number(const char *text, unsigned long max, unsigned long *number)
{
	char *end;

	/* strtoul() takes blanks and signs. */
	if (*text < '0' || *text > '9' || strlen(text) > 10)
		return false;
	*number = strtoul(text, &end, 10);
	return *end == '\0' && *number <= max;
}

static bool
parse_zone(const char *zone, uint32_t *number)
{
	unsigned long index = if_nametoindex(zone);

	if (!index && !parse_number(zone, UINT32_MAX, &index))
		return false;
	*number = (uint32_t)index;
	return true;
}

/* What stands between brackets. */
static int
parse_ipv6(struct evchat_address *address, char *host)
{
	struct sockaddr_in6 *at = ipv6(&address->at);
	char *zone = strchr(host, '%');

	if (zone)
		*zone++ = '\0';
	if (inet_pton(AF_INET6, host, &at->sin6_addr) != 1 ||
	    (zone && !parse_zone(zone, &at->sin6_scope_id)))
		return EVCHAT_ERR_INVALID;
	at->sin6_family = AF_INET6;
	address->len = sizeof *at;
	return 0;
}

static int
parse_any(struct evchat_address *address)
{
	ipv6(&address->at)->sin6_family = AF_INET6;
	ipv6(&address->at)->sin6_addr = in6addr_any;
	address->len = sizeof(struct sockaddr_in6);
	address->any = true;
	return 0;
}

/* Letters, digits, hyphens, dots; underscores are no host's but are there.
 * What looks like a number that is no IPv4 address is no name (RFC 1123 2.1).
 */
static bool
is_name(const char *host)
{
	size_t len = strlen(host);
	const char *last = strrchr(host, '.');

	if (len == 0 || strspn(host, "abcdefghijklmnopqrstuvwxyz"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789-._") != len)
		return false;
	last = last && last[1] ? last + 1 : host;
	return strspn(last, "0123456789") != strlen(last);
}

static int
parse_host(struct evchat_address *address, char *host)
{
	size_t len = strlen(host);

	if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		return parse_ipv6(address, host + 1);
	}
	if (strcmp(host, "*") == 0)
		return parse_any(address);
	if (inet_pton(AF_INET, host, &ipv4(&address->at)->sin_addr) == 1) {
		ipv4(&address->at)->sin_family = AF_INET;
		address->len = sizeof(struct sockaddr_in);
		return 0;
	}
	if (!is_name(host))
		return EVCHAT_ERR_INVALID;
	memcpy(address->name, host, len + 1);
	return 0;
}

int
evchat_address_parse_(struct evchat_address *address, const char *text)
{
	char host[EVCHAT_NAME_SIZE];
	const char *colon;
	unsigned long port;
	size_t len;

	memset(address, 0, sizeof *address);
	if (is_path(text))
		return parse_unix(address, text + strlen(UNIX_PREFIX));
	colon = strrchr(text, ':');
	if (!colon || !parse_number(colon + 1, PORT_MAX, &port))
		return EVCHAT_ERR_INVALID;
	len = (size_t)(colon - text);
	if (len >= sizeof host)
		return EVCHAT_ERR_INVALID;
	memcpy(host, text, len);
	host[len] = '\0';
	if (parse_host(address, host))
		return EVCHAT_ERR_INVALID;
	address->port = (uint16_t)port;
	evchat_address_set_port_(&address->at, address->port);
	return 0;
}

/* --- The system's form. --- */

static socklen_t
least_length(int family)
{
	switch (family) {
	case AF_INET:
		return sizeof(struct sockaddr_in);
	case AF_INET6:
		return sizeof(struct sockaddr_in6);
	case AF_UNIX:
		return (socklen_t)path_at;
	default:
		return sizeof(struct sockaddr_storage) + 1;
	}
}

static bool
is_known(const struct sockaddr *address, socklen_t len)
{
	return address && len >= sizeof address->sa_family &&
	       len <= sizeof(struct sockaddr_storage) &&
	       len >= least_length(address->sa_family);
}

int
evchat_address_copy_(
    struct evchat_address *address, const struct sockaddr *from, socklen_t len)
{
	memset(address, 0, sizeof *address);
	if (!is_known(from, len))
		return EVCHAT_ERR_INVALID;
	memcpy(&address->at, from, len);
	address->len = len;
	address->port = evchat_address_port_(&address->at);
	return 0;
}

uint16_t
evchat_address_port_(const struct sockaddr_storage *at)
{
	if (at->ss_family == AF_INET)
		return ntohs(
		    ((const struct sockaddr_in *)(const void *)at)->sin_port);
	if (at->ss_family == AF_INET6)
		return ntohs(
		    ((const struct sockaddr_in6 *)(const void *)at)->sin6_port);
	return 0;
}

void
evchat_address_set_port_(struct sockaddr_storage *at, uint16_t port)
{
	if (at->ss_family == AF_INET)
		ipv4(at)->sin_port = htons(port);
	if (at->ss_family == AF_INET6)
		ipv6(at)->sin6_port = htons(port);
}

/* --- Writing out. --- */

/* The length of what was written, or -1. */
static int
write_ipv4(const void *bytes, uint16_t port, char *text, size_t size)
{
	char host[INET_ADDRSTRLEN];

	if (!inet_ntop(AF_INET, bytes, host, sizeof host))
		return -1;
	return snprintf(text, size, "%s:%u", host, port);
}

static int
write_ipv6(const struct sockaddr_in6 *at, char *text, size_t size)
{
	const struct in6_addr *bytes = &at->sin6_addr;
	uint16_t port = ntohs(at->sin6_port);
	char host[INET6_ADDRSTRLEN], zone[IF_NAMESIZE];

	/* The last four of its sixteen bytes. */
	if (IN6_IS_ADDR_V4MAPPED(bytes))
		return write_ipv4(bytes->s6_addr + 12, port, text, size);
	if (!inet_ntop(AF_INET6, bytes, host, sizeof host))
		return -1;
	if (!at->sin6_scope_id)
		return snprintf(text, size, "[%s]:%u", host, port);
	if (!if_indextoname(at->sin6_scope_id, zone))
		(void)snprintf(
		    zone, sizeof zone, "%lu", (unsigned long)at->sin6_scope_id);
	return snprintf(text, size, "[%s%%%s]:%u", host, zone, port);
}

static int
write_unix(const struct sockaddr_un *at, socklen_t len, char *text, size_t size)
{
	size_t path_len = len - path_at;
	const char *path = at->sun_path;

	if (!path_len)
		return snprintf(text, size, UNIX_PREFIX);
	/* What would be read as a name, or as a host, is a file all the same.
	 */
	if (path[0] != '\0')
		return snprintf(text, size, UNIX_PREFIX "%s%.*s",
		    strchr("/.", path[0]) ? "" : "./", (int)path_len, path);
	/* An abstract name may hold a NUL; what comes before it is another's.
	 */
	if (memchr(path + 1, '\0', path_len - 1))
		return -1;
	return snprintf(
	    text, size, UNIX_PREFIX "@%.*s", (int)(path_len - 1), path + 1);
}

static int
write_any(const struct sockaddr *at, socklen_t len, char *text, size_t size)
{
	const struct sockaddr_in *in = (const void *)at;

	switch (at->sa_family) {
	case AF_INET:
		return write_ipv4(
		    &in->sin_addr, ntohs(in->sin_port), text, size);
	case AF_INET6:
		return write_ipv6((const void *)at, text, size);
	default:
		return write_unix((const void *)at, len, text, size);
	}
}

int
evchat_address_text(
    const struct sockaddr *address, socklen_t len, char *text, size_t size)
{
	struct evchat_address own; /* aligned, whatever the caller's is */
	int written;

	if (!text || !size)
		return EVCHAT_ERR_INVALID;
	text[0] = '\0';
	if (evchat_address_copy_(&own, address, len))
		return EVCHAT_ERR_INVALID;
	written = write_any((const void *)&own.at, len, text, size);
	if (written >= 0 && (size_t)written < size)
		return 0;
	text[0] = '\0';
	return EVCHAT_ERR_INVALID;
}
