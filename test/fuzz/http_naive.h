/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a request head is by RFC 9110 and RFC 9112, as the HTTP sample takes
 * it, told a second time and in another way: one byte after the other, nothing
 * cut up and nothing copied.
 */
#ifndef EVCHAT_FUZZ_HTTP_NAIVE_H
#define EVCHAT_FUZZ_HTTP_NAIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a head that is accepted says of the message. */
struct naive_head {
	bool is_1_1;
	bool keep_alive;
	bool wants_100;
	bool has_length;
	bool chunked;
	uint64_t length;
};

/* Is it to be accepted?  Without its last CRLFCRLF. */
bool naive_read_head(struct naive_head *head, const uint8_t *bytes, size_t len);

#endif
