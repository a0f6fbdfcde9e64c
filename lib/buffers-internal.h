/* SPDX-License-Identifier: BSD-3-Clause */
/* The thread's buffers, which one turn at a time may use. */
#ifndef EVCHAT_BUFFERS_INTERNAL_H
#define EVCHAT_BUFFERS_INTERNAL_H

#include <stdbool.h>

/* A socket is read in pieces of this size, or of the small one while another
 * turn has the buffers. */
enum {
	EVCHAT_BUFFER_IN = 64 * 1024,
	EVCHAT_BUFFER_IN_SMALL = 4 * 1024,
	/* An echo of full input has a little more to send than it read. */
	EVCHAT_BUFFER_OUT = 64 * 1024 + 4096
};

struct evchat_buffers {
	unsigned char in[EVCHAT_BUFFER_IN];
	unsigned char out[EVCHAT_BUFFER_OUT];
	bool taken;
};

/* Take the buffers of this thread.  NULL when a turn further out has them, in
 * whose callback another loop runs, or without memory. */
struct evchat_buffers *evchat_buffers_take_(void);

/* Give them back; NULL does nothing. */
void evchat_buffers_give_back_(struct evchat_buffers *buffers);

/* Give their memory back; they are made again when they are needed.  Not while
 * they are taken. */
void evchat_buffers_free_(void);

#endif
