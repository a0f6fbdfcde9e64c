/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sockets that are bound and listen, and the files that those of Unix make:
 * one that a server left behind is in the way of the next, and one of another
 * server must stay.
 */
#include "bound-internal.h"
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- The socket file of a Unix address. --- */

static const char *
socket_path(const struct evchat_address *address)
{
	const struct sockaddr_un *at =
	    (const struct sockaddr_un *)(const void *)&address->at;

	if (at->sun_family != AF_UNIX ||
	    address->len <= offsetof(struct sockaddr_un, sun_path))
		return "";
	return at->sun_path; /* empty for an abstract one */
}

/* Is it a socket that nobody listens at? */
static bool
is_left_over(const struct evchat_address *address)
{
	struct stat st;
	bool refused;
	int fd;

	if (lstat(socket_path(address), &st) || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	refused =
	    connect(fd, (const struct sockaddr *)(const void *)&address->at,
		address->len) &&
	    errno == ECONNREFUSED;
	close(fd);
	return refused;
}

static void
remember_file(struct evchat_bound *b, const struct evchat_address *address)
{
	const char *path = socket_path(address);
	struct stat st;

	if (!*path || lstat(path, &st))
		return;
	memcpy(b->path, path, strnlen(path, sizeof b->path - 1));
	b->device = st.st_dev;
	b->inode = st.st_ino;
}

/* Not somebody else's, who has taken the name meanwhile. */
static void
remove_file(const struct evchat_bound *b)
{
	struct stat st;

	if (*b->path && !lstat(b->path, &st) && st.st_dev == b->device &&
	    st.st_ino == b->inode)
		(void)unlink(b->path);
}

/* --- Binding. --- */

static int
set_flag(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value);
}

static int
set_up_socket(int fd, const struct evchat_address *address, bool reuse_port)
{
	int family = address->at.ss_family;

	if (family == AF_UNIX)
		return 0;
	if (set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1))
		return -1;
	if (family == AF_INET6 &&
	    set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, !address->any))
		return -1;
	return reuse_port ? set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1) : 0;
}

static int
bind_socket(int fd, const struct evchat_address *address)
{
	const struct sockaddr *at =
	    (const struct sockaddr *)(const void *)&address->at;

	if (!bind(fd, at, address->len))
		return 0;
	if (errno != EADDRINUSE)
		return -1;
	if (!is_left_over(address)) {
		errno = EADDRINUSE; /* the probe may have changed it */
		return -1;
	}
	if (unlink(socket_path(address)))
		return -1;
	return bind(fd, at, address->len);
}

/* It listens at once: until then its file looks left over to another server. */
static int
open_socket(struct evchat_bound *b, const struct evchat_address *address,
    int backlog, bool reuse_port)
{
	int error;

	memset(b, 0, sizeof *b);
	b->fd = socket(address->at.ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (b->fd < 0)
		return -1;
	if (!set_up_socket(b->fd, address, reuse_port) &&
	    !bind_socket(b->fd, address)) {
		remember_file(b, address);
		if (!listen(b->fd, backlog))
			return 0;
	}
	error = errno;
	evchat_bound_close_(b);
	errno = error;
	return -1;
}

int
evchat_bound_open_(struct evchat_bound *b, const struct evchat_address *address,
    int backlog, bool reuse_port)
{
	struct evchat_address ipv4 = {.len = sizeof(struct sockaddr_in)};

	if (!open_socket(b, address, backlog, reuse_port))
		return 0;
	/* "*" where there is no IPv6? */
	if (!address->any || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL))
		return -1;
	ipv4.at.ss_family = AF_INET;
	evchat_address_set_port_(&ipv4.at, address->port);
	return open_socket(b, &ipv4, backlog, reuse_port);
}

void
evchat_bound_close_(struct evchat_bound *b)
{
	remove_file(b);
	close(b->fd);
}
