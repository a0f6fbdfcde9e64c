/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A document root for the sample HTTP server, with what it serves and what it
 * must not:
 *
 *     hello.txt (hello\n), empty, big (8 MiB of NULs), sub/index.html,
 *     way-out and dir-out, links out of it, and pipe
 */
#ifndef EVCHAT_TEST_WEB_ROOT_H
#define EVCHAT_TEST_WEB_ROOT_H

#define WEB_ROOT_BIG (8 << 20)

/* Make it; its path, good until the end of the program. */
char *web_root_make(void);

void web_root_remove(void);

#endif
