/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the echo servers have in common, so that they differ only in what is
 * measured: they listen on a free port of 127.0.0.1 and print it, hold as many
 * connections as the system lets them, take lines of up to 64 KiB that end in
 * CRLF, and run until their stdin ends.  Whoever starts one keeps the other
 * end of that: when it goes, for whatever reason, so does the server.
 */
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

enum {
	/* The most of a line that is not complete: 64 KiB and a CR.  Who sends
	 * more is dropped. */
	SERVER_TAIL_MAX = 64 * 1024 + 1,
	/* While more than this waits for a peer, nothing is read from it. */
	SERVER_OUTPUT_HIGH = 256 * 1024
};

/* Have a lost peer be an error and no signal, and raise the limit of
 * descriptors.  Returns 0 or -1 with errno. */
int server_prepare(void);

/* A non-blocking socket that listens, or -1 with errno. */
int server_listen(void);

/* Print the port of a socket.  Returns 0 or -1 with errno. */
int server_announce(int fd);

/* Switch Nagle's algorithm off.  Returns 0 or -1 with errno. */
int server_send_at_once(int fd);

/* Has stdin ended?  To be asked when it can be read. */
int server_is_over(void);

#endif
