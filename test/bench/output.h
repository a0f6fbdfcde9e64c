/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ways to send a long stream down one connection, for output_bench.c to put
 * side by side.  Each sends the same bytes, then FIN, and returns when the
 * peer has closed too, so that everything it caused has been done.
 */
#ifndef BENCH_OUTPUT_H
#define BENCH_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

enum {
	OUTPUT_PIECE = 64 * 1024,
	OUTPUT_LARGE_PIECE = 1024 * 1024,
	OUTPUT_SMALL_PIECE = 4096
};

struct output {
	int fd;   /* a connected socket that does not block */
	int file; /* what is to be sent, as a file */
	uint64_t bytes;
	uint64_t queued_peak; /* most that waited in memory; 0: not known */
};

/* Returns 0 or -1 with errno. */
typedef int (*output_way)(struct output *output);

/* write(2), always of the same memory. */
int output_raw_write(struct output *output);
/* A piece is copied together first, as a server does that makes them. */
int output_raw_copy(struct output *output);
int output_raw_sendfile(struct output *output);

/* A bufferevent whose write callback adds 4 KiB, or a reference of 64 KiB. */
int output_libevent_add(struct output *output);
int output_libevent_ref(struct output *output);
int output_libevent_file(struct output *output);

int output_evchat_producer(struct output *output);
int output_evchat_ref(struct output *output);
int output_evchat_large_ref(struct output *output);
int output_evchat_file(struct output *output);

/* Fill in the pattern; before any of the others. */
void output_make_pattern(void);

/* The bytes of the stream from `offset` on, OUTPUT_LARGE_PIECE of them. */
const void *output_pattern(uint64_t offset);

/* The smaller of the two. */
size_t output_least(size_t len, uint64_t left);

/* So many bytes were taken from the program and so many given to the kernel. */
void output_note_queued(struct output *output, uint64_t in, uint64_t out);

#endif
