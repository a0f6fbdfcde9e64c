/* SPDX-License-Identifier: BSD-3-Clause */
/* A socket that is bound and listens, and the file it may have made. */
#ifndef EVCHAT_BOUND_INTERNAL_H
#define EVCHAT_BOUND_INTERNAL_H

#include "address-internal.h"
#include <sys/stat.h>
#include <sys/un.h>

struct evchat_bound {
	int fd;
	/* The socket file it made, or none; the longest path has no NUL. */
	char path[sizeof((struct sockaddr_un *)0)->sun_path + 1];
	dev_t device;
	ino_t inode;
};

/* 0; or -1 with errno and nothing left behind.  A socket file that nobody
 * listens at is replaced. */
int evchat_bound_open_(struct evchat_bound *b,
    const struct evchat_address *address, int backlog, bool reuse_port);

/* Close it; the file it made goes, if it is still there. */
void evchat_bound_close_(struct evchat_bound *b);

#endif
