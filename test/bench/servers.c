/* SPDX-License-Identifier: BSD-3-Clause */
/* The echo servers that are measured. */
#include "servers.h"
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct server servers[SERVERS] = {
    {.name = "epoll", .program = "./echo_epoll", .sparse = true},
    {.name = "evchat_frame",
	.program = "./echo_evchat",
	.mode = "frame",
	.sparse = true},
    {.name = "evchat_pieces", .program = "./echo_evchat", .mode = "pieces"},
    {.name = "evchat_line", .program = "./echo_evchat", .mode = "line"},
    {.name = "bufferevent", .program = "./echo_bufferevent", .mode = "move"},
    {.name = "bufferevent_eager",
	.program = "./echo_bufferevent",
	.mode = "eager"},
    {.name = "readln", .program = "./echo_readln", .sparse = true},
};

static size_t
find(const char *name, size_t len)
{
	for (size_t i = 0; i < SERVERS; i++)
		if (strlen(servers[i].name) == len &&
		    memcmp(servers[i].name, name, len) == 0)
			return i;
	return SERVERS;
}

size_t
servers_find(const char *name)
{
	return find(name, strlen(name));
}

int
servers_want(const char *names)
{
	size_t len, i;

	for (;; names += len + 1) {
		len = strcspn(names, ",");
		i = find(names, len);
		if (i == SERVERS)
			return -1;
		servers[i].wanted = true;
		if (!names[len])
			return 0;
	}
}

static int
enter_own_folder(void)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);

	if (len < 0)
		return -1;
	path[len] = '\0';
	return chdir(dirname(path));
}

static int
start(struct server *server, int cpu)
{
	/* exec() takes words that could be written to, and does not. */
	char *const argv[] = {
	    (char *)server->program, (char *)server->mode, NULL};

	return child_start(&server->child, argv, cpu);
}

int
servers_start(int cpu)
{
	if (enter_own_folder()) {
		perror("where the servers are");
		return -1;
	}
	for (size_t i = 0; i < SERVERS; i++)
		if (servers[i].wanted && start(&servers[i], cpu))
			return -1;
	return 0;
}

int
servers_end(void)
{
	int failed = 0;

	for (size_t i = 0; i < SERVERS; i++)
		if (servers[i].child.pid && child_end(&servers[i].child)) {
			fprintf(stderr, "%s failed\n", servers[i].name);
			failed = -1;
		}
	return failed;
}
