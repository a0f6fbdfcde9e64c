/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The words of requests to the sample HTTP server, and of its answers, dates
 * tidied (http_stage.h).
 */
#ifndef EVCHAT_TEST_HTTP_WORDS_H
#define EVCHAT_TEST_HTTP_WORDS_H

#include "support/http_stage.h"

#define HOST " HTTP/1.1\r\nHost: x\r\n"
#define LEN(n) "Content-Length: " #n "\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"
#define CLOSE "Connection: close\r\n"
#define GET_HELLO "GET /hello.txt" HOST "\r\n"
#define UPLOAD "POST /upload" HOST

/* The head of an answer, with fields and their line ends in `more`. */
#define HEAD(status, type, more)                        \
	"HTTP/1.1 " status "\r\nDate: " HTTP_STAGE_DATE \
	"\r\nContent-Type: " type "\r\n" more "\r\n"

/* An answer that says nothing but its status, whose length is one more. */
#define STATUS(status, len, more)                                       \
	HEAD(status, "text/plain", "Content-Length: " #len "\r\n" more) \
	status "\n"

#define HELLO_HEAD(more) HEAD("200 OK", "text/plain", LEN(6) more)
#define HELLO HELLO_HEAD("") "hello\n"
#define NOT_FOUND STATUS("404 Not Found", 14, "")
#define NOT_ALLOWED STATUS("405 Method Not Allowed", 23, "Allow: GET, HEAD\r\n")
#define CRC(text, n) HEAD("200 OK", "text/plain", LEN(n)) text

/* After these the server closes. */
#define BAD STATUS("400 Bad Request", 16, CLOSE)
#define LENGTH_REQUIRED STATUS("411 Length Required", 20, CLOSE)
#define TOO_LARGE STATUS("413 Content Too Large", 22, CLOSE)
#define TOO_LONG STATUS("414 URI Too Long", 17, CLOSE)
#define NOT_EXPECTED STATUS("417 Expectation Failed", 23, CLOSE)
#define FIELDS_TOO_LARGE \
	STATUS("431 Request Header Fields Too Large", 36, CLOSE)
#define NOT_IMPLEMENTED STATUS("501 Not Implemented", 20, CLOSE)
#define VERSION STATUS("505 HTTP Version Not Supported", 31, CLOSE)

#endif
