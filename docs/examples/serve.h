/* SPDX-License-Identifier: BSD-3-Clause */
/* What main() of hello.c does, for all servers of the guide. */
#ifndef SERVE_H
#define SERVE_H

#include <evchat/evchat.h>

/* Listen, print where, and serve until the loop has nothing left to do; what
 * main() is to return. */
int serve(const char *address, const struct evchat_listener_options *options);

#endif
