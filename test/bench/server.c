/* SPDX-License-Identifier: BSD-3-Clause */
/* The part of an echo server that has nothing to do with its event loop. */
#include "server.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

int
server_prepare(void)
{
	struct rlimit files;

	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    getrlimit(RLIMIT_NOFILE, &files))
		return -1;
	files.rlim_cur = files.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &files);
}

int
server_listen(void)
{
	const struct sockaddr_in any_port = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (bind(fd, (const struct sockaddr *)&any_port, sizeof any_port) ||
	    listen(fd, SOMAXCONN)) {
		close(fd);
		return -1;
	}
	return fd;
}

int
server_announce(int fd)
{
	struct sockaddr_in at;
	socklen_t len = sizeof at;

	if (getsockname(fd, (struct sockaddr *)&at, &len))
		return -1;
	printf("%u\n", (unsigned)ntohs(at.sin_port));
	return fflush(stdout);
}

int
server_send_at_once(int fd)
{
	const int yes = 1;

	return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

int
server_is_over(void)
{
	char ignored[512];

	return read(STDIN_FILENO, ignored, sizeof ignored) <= 0;
}
