/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What http_server.c knows about HTTP/1.1 itself (RFC 9110, RFC 9112): to read
 * a request head, strictly where leniency would let two parsers see two
 * messages, and the words of an answer.  No libevent, no memory of its own.
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_MAX 16384
/* RFC 9112 3 recommends to take request lines of 8,000 octets at least. */
#define HTTP_TARGET_MAX 8000
#define HTTP_LENGTH_UNKNOWN UINT64_MAX

/* Methods that are known; only the first three do anything here. */
enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_DELETE,
	HTTP_OPTIONS,
	HTTP_TRACE,
	HTTP_PATCH,
	HTTP_METHODS
};

struct http_request {
	enum http_method method;
	bool is_1_1;     /* or later; otherwise HTTP/1.0 */
	bool keep_alive; /* the client wants to go on */
	bool wants_100;  /* before it sends the body */
	bool has_length; /* the body is `length` bytes */
	bool chunked;    /* the body comes in chunks */
	bool is_coded;   /* in a coding that is not known */
	bool says_close; /* what Connection lines said */
	bool says_keep_alive;
	unsigned hosts; /* Host lines */
	uint64_t length;
	const char *path;             /* checked, percent-encoding and all */
	const char *query;            /* or NULL */
	char text[HTTP_HEAD_MAX + 1]; /* what they point into */
};

/* Parse a head without its last CRLFCRLF.  Returns 0 or the status to refuse
 * it with; then nobody knows where the message ends. */
int http_parse_head(struct http_request *req, const char *head, size_t len);

/* Is this a field of the trailers? */
bool http_is_field(char *line);

/* The size in a chunk-size line, which is changed. */
bool http_parse_chunk_size(char *line, uint64_t *size);

/* Digits of base 10 or 16, nothing else, and at most max. */
bool http_parse_number(
    const char *digits, int base, uint64_t max, uint64_t *number);

/* Make a C string of a line; false if a control character hides in it. */
bool http_copy_line(char *line, size_t size, const char *bytes, size_t len);

/* Open what a checked path names below a directory; or -1 with errno. */
int http_open_below(int root, const char *path);

/* The media type that the ending of a path stands for. */
const char *http_type(const char *path);

/* "404 Not Found", for the statuses that this server sends. */
const char *http_status_text(int status);

/* The fields that say how long the body is and when it was made. */
void http_format_fields(
    char *out, size_t size, const char *type, uint64_t len, bool is_1_1);

#endif
