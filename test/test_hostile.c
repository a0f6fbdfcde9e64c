/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Malformed and hostile HTTP against the sample server: what each peer says,
 * and what it gets, to the byte and to the end.  Each conversation is held with
 * the program, while another client is served as if nothing were, and replayed
 * with the program's own code, cut and disturbed everywhere.  HTTP_SERVER is
 * its path.
 */
#include "support/http_words.h"
#include "support/program.h"
#include "support/scale.h"
#include "support/suite.h"
#include "support/tally.h"
#include "support/web_root.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

enum { CONVERSATIONS, PLAYS, PIPELINED, PEAK_PIPELINED, PEAK_UNREAD };

/* --- The server, and a client that does not notice. --- */

static struct program server;
static char *root;
static int bystander;

static void
make_root(void)
{
	root = web_root_make();
}

static void
start_server(void)
{
	char *argv[] = {HTTP_SERVER, "-p", "0", "-r", NULL, NULL};

	make_root();
	argv[4] = root;
	server = program_serve(argv);
}

/* It ends with status 0, which with LeakSanitizer means without a leak. */
static void
stop_server(void)
{
	int status = program_stop(&server);

	web_root_remove();
	ck_assert_int_eq(status, 0);
}

/* The next answers are exactly this, but for their dates. */
static void
hear_answers(int fd, const char *answers)
{
	const size_t len = strlen(answers);
	char *heard = malloc(len + 1);

	ck_assert_ptr_nonnull(heard);
	heard[hear_bytes(fd, heard, len)] = '\0';
	http_stage_tidy(heard, strlen(heard), NULL);
	ck_assert_str_eq(heard, answers);
	free(heard);
}

static void
hear_end(int fd)
{
	hear_last(fd, "");
}

static void
is_served(int fd)
{
	say_text(fd, GET_HELLO);
	hear_answers(fd, HELLO);
}

static void
dial_bystander(void)
{
	bystander = dial(server.port);
	is_served(bystander);
}

/* It is served on, and so is who comes now. */
static void
ask_bystander(void)
{
	int fd = dial(server.port);

	is_served(bystander);
	is_served(fd);
	close(fd);
	close(bystander);
}

/* --- What is said, and what comes of it. --- */

enum ending {
	REFUSED, /* what follows is not looked at, and the server closes */
	GOES_ON, /* the next request is answered */
	WAITS    /* for more, until the client ends, and then closes */
};

struct row {
	const char *name;
	enum ending ending;
	const char *answer;
	const char *said;
	size_t len;
};

#define ROW(name, ending, answer, said)                     \
	{                                                   \
		name, ending, answer, said, sizeof said - 1 \
	}

/* A good request but for a field. */
#define WITH(field) "GET /hello.txt" HOST field "\r\n\r\n"
/* A good upload but for its framing. */
#define CODED(value) UPLOAD "Transfer-Encoding:" value "\r\n\r\n0\r\n\r\n"
#define CRC_0 CRC("crc32 00000000\nsize 0\n", 22)
#define CRC_ABC CRC("crc32 352441c2\nsize 3\n", 22)
#define CHUNKS(chunks) UPLOAD CHUNKED "\r\n" chunks

static const struct row rows[] = {
    /* RFC 9112 2.2: lines, and what comes before the first. */
    ROW("an empty line first", GOES_ON, HELLO, "\r\n" GET_HELLO),
    ROW("two empty lines first", REFUSED, BAD, "\r\n\r\n" GET_HELLO),
    ROW("LF first", REFUSED, BAD, "\n" GET_HELLO),
    ROW("CR first", REFUSED, BAD, "\r" GET_HELLO),
    ROW("a space first", REFUSED, BAD, " " GET_HELLO),
    ROW("NUL first", REFUSED, BAD, "\0" GET_HELLO),
    ROW("bare LFs only, and no more", WAITS, "",
	"GET /hello.txt HTTP/1.1\nHost: x\n\n"),
    ROW("bare LFs only", REFUSED, BAD,
	"GET /hello.txt HTTP/1.1\nHost: x\n\n" GET_HELLO),
    ROW("bare CRs only", REFUSED, BAD,
	"GET /hello.txt HTTP/1.1\rHost: x\r\r" GET_HELLO),
    ROW("a bare LF in the request line", REFUSED, BAD,
	"GET /hello.txt\nX HTTP/1.1\r\nHost: x\r\n\r\n"),
    ROW("a bare LF after the request line", REFUSED, BAD,
	"GET /hello.txt HTTP/1.1\nHost: x\r\n\r\n"),
    ROW("a bare LF between fields", REFUSED, BAD, WITH("A: b\nC: d")),
    ROW("a bare LF that hides a length", REFUSED, BAD,
	UPLOAD "A: b\nContent-Length: 3\r\n\r\nabc"),
    ROW("a bare CR between fields", REFUSED, BAD, WITH("A: b\rC: d")),
    ROW("a bare CR that hides a length", REFUSED, BAD,
	UPLOAD "A: b\rContent-Length: 3\r\n\r\nabc"),
    ROW("a bare CR at the end of a value", REFUSED, BAD, WITH("A: b\r")),
    ROW("LF CR", REFUSED, BAD, WITH("A: b\n\rC: d")),
    ROW("LF LF before the end", REFUSED, BAD, WITH("A: b\n\n")),
    ROW("CR LF LF", REFUSED, BAD, WITH("A: b\r\n\nC: d")),

    /* RFC 9112 3: the request line. */
    ROW("HTTP/0.9", REFUSED, BAD, "GET /hello.txt\r\n\r\n"),
    ROW("HTTP/0.9 that says so", REFUSED, VERSION,
	"GET /hello.txt HTTP/0.9\r\n\r\n"),
    ROW("HTTP/1.0", REFUSED, HELLO_HEAD(CLOSE) "hello\n",
	"GET /hello.txt HTTP/1.0\r\n\r\n"),
    ROW("HTTP/1.2", GOES_ON, HELLO,
	"GET /hello.txt HTTP/1.2\r\nHost: x\r\n\r\n"),
    ROW("HTTP/2.0", REFUSED, VERSION,
	"GET /hello.txt HTTP/2.0\r\nHost: x\r\n\r\n"),
    ROW("the preface of HTTP/2", REFUSED, VERSION,
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ROW("a version with letters", REFUSED, BAD,
	"GET / HTTP/1.x\r\nHost: x\r\n\r\n"),
    ROW("a longer version", REFUSED, BAD, "GET / HTTP/1.10\r\nHost: x\r\n\r\n"),
    ROW("a version without its dot", REFUSED, BAD,
	"GET / HTTP/11\r\nHost: x\r\n\r\n"),
    ROW("a version in small letters", REFUSED, BAD,
	"GET / http/1.1\r\nHost: x\r\n\r\n"),
    ROW("a NUL behind the version", REFUSED, BAD,
	"GET /hello.txt HTTP/1.1\0\r\nHost: x\r\n\r\n"),
    ROW("no target", REFUSED, BAD, "GET HTTP/1.1\r\nHost: x\r\n\r\n"),
    ROW("two spaces", REFUSED, BAD, "GET  /hello.txt" HOST "\r\n"),
    ROW("a tab", REFUSED, BAD, "GET\t/hello.txt" HOST "\r\n"),
    ROW("a vertical tab", REFUSED, BAD, "GET\v/hello.txt" HOST "\r\n"),
    ROW("a space at the end", REFUSED, BAD,
	"GET /hello.txt HTTP/1.1 \r\nHost: x\r\n\r\n"),
    ROW("two requests in a line", REFUSED, BAD,
	"GET /hello.txt HTTP/1.1 GET /hello.txt HTTP/1.1\r\nHost: x\r\n\r\n"),
    ROW("no method", REFUSED, BAD, " /hello.txt" HOST "\r\n"),
    ROW("a method that is no token", REFUSED, BAD, "G{T /" HOST "\r\n"),
    ROW("a method with NUL", REFUSED, BAD, "GE\0T /" HOST "\r\n"),
    ROW("an unknown method", REFUSED, NOT_IMPLEMENTED, "BREW /" HOST "\r\n"),
    ROW("a method in small letters", REFUSED, NOT_IMPLEMENTED,
	"get /" HOST "\r\n"),
    ROW("CONNECT", REFUSED, NOT_IMPLEMENTED,
	"CONNECT example.org:443" HOST "\r\n"),
    ROW("TRACE", GOES_ON, NOT_ALLOWED, "TRACE /hello.txt" HOST "\r\n"),
    ROW("a TLS ClientHello", WAITS, "",
	"\x16\x03\x01\x00\x31\x01\x00\x00\x2d\x03\x03 random bytes, 32 of "
	"them, or so"
	"\x00\x00\x02\x13\x01\x01\x00\x00\x02\x00\x2b"),
    ROW("a TLS ClientHello with CRLFCRLF in it", REFUSED, BAD,
	"\x16\x03\x01\x00\x31\x01\x00\x00\x2d\x03\x03\r\n\r\n\x00\x13\x01"),
    ROW("SMTP", REFUSED, BAD, "EHLO example.org\r\n\r\n"),
    ROW("a line of Unix at once with CRLFCRLF", REFUSED, BAD,
	"\x7f\x45LF\xff\xff\r\n\r\n"),

    /* RFC 9112 3.2: targets. */
    ROW("the absolute form", GOES_ON, HELLO,
	"GET http://[::1]:80/hello.txt" HOST "\r\n"),
    ROW("the absolute form with neither path nor file", GOES_ON, NOT_FOUND,
	"GET http://a?b" HOST "\r\n"),
    ROW("the absolute form without a host", REFUSED, BAD,
	"GET http:///hello.txt" HOST "\r\n"),
    ROW("the absolute form with a port alone", REFUSED, BAD,
	"GET http://:80/hello.txt" HOST "\r\n"),
    ROW("the absolute form with a user", REFUSED, BAD,
	"GET http://example.org@x/hello.txt" HOST "\r\n"),
    ROW("the absolute form with a backslash", REFUSED, BAD,
	"GET http://x\\y/hello.txt" HOST "\r\n"),
    ROW("the absolute form of https", REFUSED, BAD,
	"GET https://x/hello.txt" HOST "\r\n"),
    ROW("the authority form", REFUSED, BAD, "GET x:80" HOST "\r\n"),
    ROW("the asterisk form", GOES_ON, NOT_ALLOWED, "OPTIONS *" HOST "\r\n"),
    ROW("an asterisk for GET", REFUSED, BAD, "GET *" HOST "\r\n"),
    ROW("a relative target", REFUSED, BAD, "GET hello.txt" HOST "\r\n"),
    ROW("a fragment", REFUSED, BAD, "GET /hello.txt#a" HOST "\r\n"),
    ROW("half an encoding", REFUSED, BAD, "GET /hello.txt%2" HOST "\r\n"),
    ROW("no encoding", REFUSED, BAD, "GET /%zz" HOST "\r\n"),
    ROW("a byte above ASCII", REFUSED, BAD, "GET /\xc3\xa4" HOST "\r\n"),
    ROW("DEL", REFUSED, BAD, "GET /\x7f" HOST "\r\n"),
    ROW("NUL in the target", REFUSED, BAD, "GET /hello.txt\0.x" HOST "\r\n"),
    ROW("an encoded NUL", REFUSED, BAD, "GET /hello.txt%00.x" HOST "\r\n"),
    ROW("an encoded NUL in the query", REFUSED, BAD,
	"GET /hello.txt?%00" HOST "\r\n"),

    /* The way out of the root, and into the answer. */
    ROW("dots", GOES_ON, NOT_FOUND, "GET /../etc/passwd" HOST "\r\n"),
    ROW("dots further down", GOES_ON, NOT_FOUND,
	"GET /sub/../../etc/passwd" HOST "\r\n"),
    ROW("dots that stay inside", GOES_ON, NOT_FOUND,
	"GET /sub/../hello.txt" HOST "\r\n"),
    ROW("a single dot", GOES_ON, NOT_FOUND, "GET /./hello.txt" HOST "\r\n"),
    ROW("dots at the end", GOES_ON, NOT_FOUND, "GET /sub/.." HOST "\r\n"),
    ROW("encoded dots", GOES_ON, NOT_FOUND,
	"GET /%2e%2E/etc/passwd" HOST "\r\n"),
    ROW("encoded dots and slashes", GOES_ON, NOT_FOUND,
	"GET /%2e%2e%2f%2e%2e%2fetc%2fpasswd" HOST "\r\n"),
    ROW("an encoded slash", GOES_ON, NOT_FOUND,
	"GET /sub%2findex.html" HOST "\r\n"),
    ROW("encoded twice", GOES_ON, NOT_FOUND,
	"GET /%252e%252e%252fetc/passwd" HOST "\r\n"),
    ROW("dots in an old form of UTF-8", GOES_ON, NOT_FOUND,
	"GET /%c0%ae%c0%ae/etc/passwd" HOST "\r\n"),
    ROW("backslashes", GOES_ON, NOT_FOUND,
	"GET /..%5c..%5cetc%5cpasswd" HOST "\r\n"),
    ROW("the absolute form of dots", GOES_ON, NOT_FOUND,
	"GET http://x/../etc/passwd" HOST "\r\n"),
    ROW("a link out", GOES_ON, NOT_FOUND, "GET /way-out" HOST "\r\n"),
    ROW("a directory out", GOES_ON, NOT_FOUND,
	"GET /dir-out/passwd" HOST "\r\n"),
    ROW("no regular file", GOES_ON, NOT_FOUND, "GET /pipe" HOST "\r\n"),
    ROW("a file as a directory", GOES_ON, NOT_FOUND,
	"GET /hello.txt/" HOST "\r\n"),
    ROW("another host's name as a path", GOES_ON, NOT_FOUND,
	"GET //example.org" HOST "\r\n"),
    ROW("another host's name before a directory", GOES_ON, NOT_FOUND,
	"GET //sub" HOST "\r\n"),
    ROW("an encoded line end in the path", GOES_ON, NOT_FOUND,
	"GET /sub%0d%0aSet-Cookie:a=b" HOST "\r\n"),
    ROW("an encoded line end in the query of a redirect", GOES_ON,
	STATUS("301 Moved Permanently", 22, "Location: /s%75b/\r\n"),
	"GET /s%75b?%0d%0aSet-Cookie:a=b" HOST "\r\n"),
    ROW("a number with a line end", GOES_ON, STATUS("400 Bad Request", 16, ""),
	"GET /chunked?n=1%0d%0a" HOST "\r\n"),
    ROW("a negative number", GOES_ON, STATUS("400 Bad Request", 16, ""),
	"GET /chunked?n=-1" HOST "\r\n"),
    ROW("2^64 dots", GOES_ON, STATUS("400 Bad Request", 16, ""),
	"GET /chunked?n=18446744073709551616" HOST "\r\n"),

    /* RFC 9112 3.2: Host. */
    ROW("no Host", REFUSED, BAD, "GET /hello.txt HTTP/1.1\r\n\r\n"),
    ROW("an empty Host", GOES_ON, HELLO,
	"GET /hello.txt HTTP/1.1\r\nHost:\r\n\r\n"),
    ROW("two Hosts", REFUSED, BAD, WITH("Host: y")),
    ROW("the same Host twice", REFUSED, BAD, WITH("Host: x")),
    ROW("two Hosts in HTTP/1.0", REFUSED, BAD,
	"GET /hello.txt HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n"),
    ROW("Hosts in small and capital letters", REFUSED, BAD, WITH("hOST: x")),
    ROW("a path in Host", REFUSED, BAD,
	"GET /hello.txt HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    ROW("a space in Host", REFUSED, BAD,
	"GET /hello.txt HTTP/1.1\r\nHost: a b\r\n\r\n"),
    ROW("a user in Host", REFUSED, BAD,
	"GET /hello.txt HTTP/1.1\r\nHost: a@b\r\n\r\n"),
    ROW("a NUL in Host", REFUSED, BAD,
	"GET /hello.txt HTTP/1.1\r\nHost: a\0b\r\n\r\n"),

    /* RFC 9112 5: fields; 5.1: their colon; 5.2: folding. */
    ROW("a tab and a byte above ASCII in a value", GOES_ON, HELLO,
	WITH("A: \tb\tc \xe4")),
    ROW("an empty value", GOES_ON, HELLO, WITH("A:")),
    ROW("a space before the colon", REFUSED, BAD, WITH("A : b")),
    ROW("a tab before the colon", REFUSED, BAD, WITH("A\t: b")),
    ROW("a space before the colon of a length", REFUSED, BAD,
	UPLOAD "Content-Length : 3\r\n\r\nabc"),
    ROW("a space before the colon of a coding", REFUSED, BAD,
	UPLOAD "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    ROW("a space in a name", REFUSED, BAD, WITH("A b: c")),
    ROW("no name", REFUSED, BAD, WITH(": b")),
    ROW("no colon", REFUSED, BAD, WITH("A")),
    ROW("a request among the fields", REFUSED, BAD,
	WITH("GET /hello.txt HTTP/1.1")),
    ROW("a name that is no token", REFUSED, BAD, WITH("A(b): c")),
    ROW("a name above ASCII", REFUSED, BAD, WITH("\xc3\xa4: b")),
    ROW("a folded line", REFUSED, BAD, WITH("A: b\r\n c")),
    ROW("a line folded by a tab", REFUSED, BAD, WITH("A: b\r\n\tc")),
    ROW("a folded line that hides a length", REFUSED, BAD,
	UPLOAD "A: b\r\n Content-Length: 3\r\n\r\nabc"),
    ROW("a folded coding", REFUSED, BAD, CODED("\r\n chunked")),
    ROW("a folded first line", REFUSED, BAD,
	"GET /hello.txt HTTP/1.1\r\n Host: x\r\n\r\n"),
    ROW("a line of a space", REFUSED, BAD, WITH(" ")),
    ROW("NUL in a name", REFUSED, BAD, WITH("A\0: b")),
    ROW("NUL in a value", REFUSED, BAD, WITH("A: b\0c")),
    ROW("NUL before a name", REFUSED, BAD, WITH("\0A: b")),
    ROW("a control character", REFUSED, BAD, WITH("A: \001")),
    ROW("DEL in a value", REFUSED, BAD, WITH("A: \177")),
    ROW("an escape sequence", REFUSED, BAD, WITH("A: \033[2J")),

    /* RFC 9112 6.1 and 6.3: codings. */
    ROW("both framings", REFUSED, BAD, UPLOAD LEN(3) CHUNKED "\r\n0\r\n\r\n"),
    ROW("both the other way round", REFUSED, BAD,
	UPLOAD CHUNKED LEN(3) "\r\n0\r\n\r\n"),
    ROW("both for a file", REFUSED, BAD,
	"GET /hello.txt" HOST LEN(3) CHUNKED "\r\n0\r\n\r\n"),
    ROW("a length of 0 and chunks", REFUSED, BAD,
	UPLOAD LEN(0) CHUNKED "\r\n0\r\n\r\n"),
    ROW("a length and a coding that is none", REFUSED, BAD,
	UPLOAD LEN(3) "Transfer-Encoding: x\r\n\r\nabc"),
    ROW("chunked in capital letters", GOES_ON, CRC_0, CODED("CHUNKED")),
    ROW("spaces and tabs around chunked", GOES_ON, CRC_0,
	CODED(" \t chunked\t ")),
    ROW("chunked, identity", REFUSED, BAD, CODED(" chunked, identity")),
    ROW("identity", REFUSED, BAD, CODED(" identity")),
    ROW("identity, chunked", REFUSED, NOT_IMPLEMENTED,
	CODED(" identity, chunked")),
    ROW("gzip", REFUSED, BAD, CODED(" gzip")),
    ROW("gzip, chunked", REFUSED, NOT_IMPLEMENTED, CODED(" gzip, chunked")),
    ROW("gzip and chunked in two lines", REFUSED, NOT_IMPLEMENTED,
	CODED(" gzip\r\nTransfer-Encoding: chunked")),
    ROW("chunked and gzip in two lines", REFUSED, BAD,
	CODED(" chunked\r\nTransfer-Encoding: gzip")),
    ROW("chunked, chunked", REFUSED, BAD, CODED(" chunked, chunked")),
    ROW("chunked in two lines", REFUSED, BAD,
	CODED(" chunked\r\nTransfer-Encoding: chunked")),
    ROW("xchunked", REFUSED, BAD, CODED(" xchunked")),
    ROW("chunkedx", REFUSED, BAD, CODED(" chunkedx")),
    ROW("x chunked", REFUSED, BAD, CODED(" x chunked")),
    ROW("chunked in quotes", REFUSED, BAD, CODED(" \"chunked\"")),
    ROW("chunked with a parameter", REFUSED, BAD, CODED(" chunked;a=b")),
    ROW("chunked and a comma", REFUSED, BAD, CODED(" chunked,")),
    ROW("a comma and chunked", REFUSED, NOT_IMPLEMENTED, CODED(",chunked")),
    ROW("an empty coding", REFUSED, BAD, CODED("")),
    ROW("chunked with a tab inside", REFUSED, BAD, CODED(" chun\tked")),
    ROW("chunked with a vertical tab", REFUSED, BAD, CODED("\vchunked")),
    ROW("chunked with NUL", REFUSED, BAD, CODED(" chunked\0")),
    ROW("an underscore for the hyphen", REFUSED, LENGTH_REQUIRED,
	UPLOAD "Transfer_Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ROW("a coding in HTTP/1.0", REFUSED, BAD,
	"POST /upload HTTP/1.0\r\n" CHUNKED "\r\n0\r\n\r\n"),
    ROW("an unknown coding in HTTP/1.0", REFUSED, BAD,
	"POST /upload HTTP/1.0\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n"),

    /* RFC 9112 6.2 and 6.3, RFC 9110 8.6: lengths. */
    ROW("leading zeros", GOES_ON, CRC_ABC, UPLOAD LEN(0003) "\r\nabc"),
    ROW("differing lengths", REFUSED, BAD, UPLOAD LEN(3) LEN(4) "\r\nabcd"),
    ROW("equal lengths", REFUSED, BAD, UPLOAD LEN(3) LEN(3) "\r\nabc"),
    ROW("a list of lengths", REFUSED, BAD,
	UPLOAD "Content-Length: 3, 3\r\n\r\nabc"),
    ROW("a list of differing lengths", REFUSED, BAD,
	UPLOAD "Content-Length: 3,4\r\n\r\nabc"),
    ROW("a comma", REFUSED, BAD, UPLOAD "Content-Length: 3,\r\n\r\nabc"),
    ROW("two numbers", REFUSED, BAD, UPLOAD "Content-Length: 3 3\r\n\r\nabc"),
    ROW("a plus", REFUSED, BAD, UPLOAD LEN(+3) "\r\nabc"),
    ROW("a minus", REFUSED, BAD, UPLOAD LEN(-3) "\r\nabc"),
    ROW("an empty length", REFUSED, BAD, UPLOAD "Content-Length:\r\n\r\n"),
    ROW("a hexadecimal length", REFUSED, BAD, UPLOAD LEN(0x3) "\r\nabc"),
    ROW("hexadecimal digits", REFUSED, BAD, UPLOAD LEN(a) "\r\n0123456789"),
    ROW("a decimal point", REFUSED, BAD, UPLOAD LEN(3.0) "\r\nabc"),
    ROW("an exponent", REFUSED, BAD, UPLOAD LEN(3e0) "\r\nabc"),
    ROW("a length in quotes", REFUSED, BAD, UPLOAD LEN("3") "\r\nabc"),
    ROW("a length with NUL", REFUSED, BAD,
	UPLOAD "Content-Length: 3\0\r\n\r\nabc"),
    ROW("2^64 + 3", REFUSED, BAD, UPLOAD LEN(18446744073709551619) "\r\nabc"),
    ROW("2^63", REFUSED, BAD, UPLOAD LEN(9223372036854775808) "\r\nabc"),
    ROW("2^63 - 1", REFUSED, TOO_LARGE,
	UPLOAD LEN(9223372036854775807) "\r\nabc"),
    ROW("2^40 + 1", REFUSED, TOO_LARGE, UPLOAD LEN(1099511627777) "\r\nabc"),
    ROW("a bad length of no body", REFUSED, BAD, WITH("Content-Length: x")),
    ROW("no length", REFUSED, LENGTH_REQUIRED, UPLOAD "\r\n"),
    ROW("a request as the body of a file", GOES_ON, HELLO,
	"GET /hello.txt" HOST LEN(
	    30) "\r\nGET /sub HTTP/1.1\r\nHost: x\r\n\r\n"),
    ROW("chunks for a file", REFUSED, HELLO_HEAD(CLOSE) "hello\n",
	"GET /hello.txt" HOST CHUNKED "\r\n0\r\n\r\n"),
    ROW("chunks for a method that is not allowed", REFUSED,
	STATUS("405 Method Not Allowed", 23, CLOSE "Allow: GET, HEAD\r\n"),
	"POST /hello.txt" HOST CHUNKED "\r\n0\r\n\r\n"),
    ROW("a large body for a file", REFUSED, HELLO_HEAD(CLOSE) "hello\n",
	"GET /hello.txt" HOST LEN(65537) "\r\n"),
    ROW("a body that is awaited, for a file", REFUSED,
	HELLO_HEAD(CLOSE) "hello\n",
	"GET /hello.txt" HOST LEN(3) "Expect: 100-continue\r\n\r\n"),
    ROW("a body that does not come", WAITS, "", UPLOAD LEN(3) "\r\nab"),
    ROW("another expectation", REFUSED, NOT_EXPECTED,
	UPLOAD LEN(3) "Expect: tea\r\n\r\nabc"),

    /* RFC 9112 7.1: chunks. */
    ROW("a chunk, leading zeros, an extension and a trailer", GOES_ON, CRC_ABC,
	CHUNKS("0003 ;a=\"b;c\"\r\nabc\r\n000;x\r\nA: b\r\n\r\n")),
    ROW("a chunk of no size", REFUSED, BAD, CHUNKS("\r\n\r\n")),
    ROW("an extension of no size", REFUSED, BAD, CHUNKS(";a\r\n\r\n")),
    ROW("a chunk of 0x3", REFUSED, BAD, CHUNKS("0x3\r\nabc\r\n0\r\n\r\n")),
    ROW("a chunk of +3", REFUSED, BAD, CHUNKS("+3\r\nabc\r\n0\r\n\r\n")),
    ROW("a chunk of -3", REFUSED, BAD, CHUNKS("-3\r\nabc\r\n0\r\n\r\n")),
    ROW("a space before the size", REFUSED, BAD,
	CHUNKS(" 3\r\nabc\r\n0\r\n\r\n")),
    ROW("a space behind the size", REFUSED, BAD,
	CHUNKS("3 \r\nabc\r\n0\r\n\r\n")),
    ROW("a tab behind the size", REFUSED, BAD,
	CHUNKS("3\t\r\nabc\r\n0\r\n\r\n")),
    ROW("a size with a letter", REFUSED, BAD, CHUNKS("3g\r\nabc\r\n0\r\n\r\n")),
    ROW("a size with a comma", REFUSED, BAD, CHUNKS("3,a\r\nabc\r\n0\r\n\r\n")),
    ROW("a size with NUL", REFUSED, BAD, CHUNKS("3\0\r\nabc\r\n0\r\n\r\n")),
    ROW("a chunk of 2^64", REFUSED, BAD, CHUNKS("10000000000000000\r\nabc")),
    ROW("a chunk of 2^64 + 3", REFUSED, BAD,
	CHUNKS("10000000000000003\r\nabc\r\n0\r\n\r\n")),
    ROW("a chunk of 2^64 - 1", REFUSED, BAD, CHUNKS("ffffffffffffffff\r\nabc")),
    ROW("a chunk of 2^63", REFUSED, BAD, CHUNKS("8000000000000000\r\nabc")),
    ROW("a chunk of 2^63 - 1", REFUSED, TOO_LARGE,
	CHUNKS("7fffffffffffffff\r\nabc")),
    ROW("a chunk of 2^40 + 1", REFUSED, TOO_LARGE,
	CHUNKS("10000000001\r\nabc")),
    ROW("two chunks that are too much together", REFUSED, TOO_LARGE,
	CHUNKS("3\r\nabc\r\nfffffffffe\r\n")),
    ROW("a size line that ends in LF", REFUSED, BAD,
	CHUNKS("3\nabc\r\n0\r\n\r\n")),
    ROW("a size line that ends in CR", REFUSED, BAD,
	CHUNKS("3\rabc\r\n0\r\n\r\n")),
    ROW("a bare LF in an extension", REFUSED, BAD,
	CHUNKS("3;a\nb\r\nabc\r\n0\r\n\r\n")),
    ROW("a bare CR in an extension", REFUSED, BAD,
	CHUNKS("3;a\rb\r\nabc\r\n0\r\n\r\n")),
    ROW("a line end in quotes", REFUSED, BAD,
	CHUNKS("3;a=\"\r\nabc\"\r\n0\r\n\r\n")),
    ROW("a chunk that is longer", REFUSED, BAD,
	CHUNKS("3\r\nabcd\r\n0\r\n\r\n")),
    ROW("a chunk that is shorter", REFUSED, BAD,
	CHUNKS("3\r\nab\r\n0\r\n\r\n")),
    ROW("a chunk without its CR", REFUSED, BAD, CHUNKS("3\r\nabc\n0\r\n\r\n")),
    ROW("a chunk without its LF", REFUSED, BAD, CHUNKS("3\r\nabc\r0\r\n\r\n")),
    ROW("a chunk without its line end", REFUSED, BAD,
	CHUNKS("3\r\nabc0\r\n\r\n")),
    ROW("no last chunk", WAITS, "", CHUNKS("3\r\nabc\r\n")),
    ROW("no last line", WAITS, "", CHUNKS("3\r\nabc\r\n0\r\n")),
    ROW("half a last line", WAITS, "", CHUNKS("3\r\nabc\r\n0\r\n\r")),
    ROW("a last line of LF", REFUSED, BAD, CHUNKS("0\r\n\n" GET_HELLO)),
    ROW("a request in the trailers", REFUSED, BAD, CHUNKS("0\r\n" GET_HELLO)),
    ROW("a space before the colon of a trailer", REFUSED, BAD,
	CHUNKS("0\r\nA : b\r\n\r\n")),
    ROW("a folded trailer", REFUSED, BAD, CHUNKS("0\r\nA: b\r\n c\r\n\r\n")),
    ROW("a trailer with a bare LF", REFUSED, BAD,
	CHUNKS("0\r\nA: b\nC: d\r\n\r\n")),
    ROW("a trailer with NUL", REFUSED, BAD, CHUNKS("0\r\nA: \0\r\n\r\n")),
    ROW("a length and a coding in the trailers", GOES_ON, CRC_0,
	CHUNKS("0\r\n" LEN(3) CHUNKED "\r\n")),
};

/* --- With the program. --- */

/* The client ends only where the server waits for it. */
static void
expect_ending(int fd, enum ending ending)
{
	if (ending == GOES_ON)
		is_served(fd);
	if (ending != REFUSED)
		ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	hear_end(fd);
}

static void
converse(const struct row *row)
{
	int fd;

	dial_bystander();
	fd = dial(server.port);
	/* A refusal may come before all has been said. */
	(void)say(fd, row->said, row->len);
	if (row->ending == REFUSED)
		(void)say(fd, GET_HELLO, strlen(GET_HELLO));
	hear_answers(fd, row->answer);
	expect_ending(fd, row->ending);
	ask_bystander();
}

START_TEST(hostile_client_gets_what_it_must_and_nobody_else_notices)
{
	converse(&rows[_i]);
}
END_TEST

/* --- With the program's own code. --- */

/* Behind what is refused comes something that must not be seen. */
static void
replay_row(const struct row *row, size_t most)
{
	struct replay_application app = http_stage(root);
	struct replay_conversation talk = {.name = row->name,
	    .answer = row->answer,
	    .answer_len = strlen(row->answer),
	    .most = most,
	    .end = row->ending == REFUSED ? REPLAY_STAYS : REPLAY_EOF};
	const size_t more = row->ending == REFUSED ? strlen(GET_HELLO) : 0;
	struct replay_result result;
	char *said = malloc(row->len + more + 1);
	int status;

	ck_assert_ptr_nonnull(said);
	memcpy(said, row->said, row->len);
	memcpy(said + row->len, GET_HELLO, more);
	talk.said = said;
	talk.len = row->len + more;
	status = replay(&app, &talk, &result);
	free(said);
	ck_assert_msg(status == 0, "%d: %s", status, result.report);
	tally_add(CONVERSATIONS, 1);
	tally_add(PLAYS, result.plays);
}

START_TEST(hostile_conversation_is_the_same_in_every_way)
{
	replay_row(&rows[_i], test_scaled(100));
}
END_TEST

/* --- Overlong everything. --- */

/* A request with `n` times `part` in it. */
static const struct {
	const char *name;
	const char *answer;
	const char *before, *part;
	size_t n;
	const char *after;
} overlong[] = {
    /* RFC 9112 3: 414 for a target; its limit is 8,000. */
    {"a target of one byte too many", TOO_LONG, "GET /", "a", 8000,
	HOST "\r\n"},
    {"a target of many names", TOO_LONG, "GET ", "/a", 4001, HOST "\r\n"},
    {"a query", TOO_LONG, "GET /?", "%20", 3000, HOST "\r\n"},
    /* Beyond a whole head nobody looks at what it begins with. */
    {"a target longer than a head", FIELDS_TOO_LARGE, "GET /", "a", 20000,
	HOST "\r\n"},
    {"a line that never ends", FIELDS_TOO_LARGE, "", "a", 100000, ""},
    {"a method", FIELDS_TOO_LARGE, "", "GET", 6000, " /" HOST "\r\n"},
    {"spaces before a value", FIELDS_TOO_LARGE, "GET /" HOST "A:", " ", 16384,
	"\r\n\r\n"},
    {"a name", FIELDS_TOO_LARGE, "GET /" HOST, "A", 16384, ": b\r\n\r\n"},
    {"a value", FIELDS_TOO_LARGE, "GET /" HOST "A: ", "b", 16384, "\r\n\r\n"},
    {"a number of fields", FIELDS_TOO_LARGE, "GET /" HOST, "A: b\r\n", 3000,
	"\r\n"},
    {"a number of Hosts", FIELDS_TOO_LARGE, "GET / HTTP/1.1\r\n", "Host: x\r\n",
	2000, "\r\n"},
    {"a flood of CRs", FIELDS_TOO_LARGE, "", "\r", 1 << 20, ""},
    {"a flood of LFs", FIELDS_TOO_LARGE, "", "\n", 1 << 20, ""},
    {"a flood of empty lines", BAD, "", "\r\n", 1 << 19, ""},
    {"a length of many digits", BAD, UPLOAD "Content-Length: ", "9", 10000,
	"\r\n\r\n"},
    {"a chunk-size line", FIELDS_TOO_LARGE, UPLOAD CHUNKED "\r\n3;", "a", 255,
	"\r\nabc\r\n0\r\n\r\n"},
    {"a chunk size of many zeros", FIELDS_TOO_LARGE, UPLOAD CHUNKED "\r\n", "0",
	257, "\r\n\r\n"},
    {"extensions in all", FIELDS_TOO_LARGE, UPLOAD CHUNKED "\r\n",
	"1;abcdefgh\r\nx\r\n", 5000, "0\r\n\r\n"},
    {"a trailer", FIELDS_TOO_LARGE, UPLOAD CHUNKED "\r\n0\r\nA: ", "b", 254,
	"\r\n\r\n"},
    {"a number of trailers", FIELDS_TOO_LARGE, UPLOAD CHUNKED "\r\n0\r\n",
	"A: b\r\n", 5000, "\r\n"},
};

static struct row
make_overlong(int i)
{
	const char *before = overlong[i].before, *after = overlong[i].after;
	const size_t part = strlen(overlong[i].part), n = overlong[i].n;
	struct row row = {.name = overlong[i].name,
	    .ending = REFUSED,
	    .answer = overlong[i].answer,
	    .len = strlen(before) + n * part + strlen(after)};
	char *said = malloc(row.len + 1), *at = said;

	ck_assert_ptr_nonnull(said);
	at = stpcpy(at, before);
	for (size_t k = 0; k < n; k++)
		at = stpcpy(at, overlong[i].part);
	(void)stpcpy(at, after);
	row.said = said;
	return row;
}

START_TEST(what_is_too_long_is_refused_and_nobody_else_notices)
{
	struct row row = make_overlong(_i);

	converse(&row);
	free((char *)row.said);
}
END_TEST

START_TEST(what_is_too_long_is_refused_in_every_way)
{
	struct row row = make_overlong(_i);

	/* In pieces a megabyte says no more than this. */
	if (row.len > 1 << 15)
		row.len = 1 << 15;
	replay_row(&row, test_scaled(20));
	free((char *)row.said);
}
END_TEST

/* --- Ends at every byte. --- */

#define UPLOAD_ABC UPLOAD LEN(3) "\r\nabc"
#define UPLOAD_CHUNK CHUNKS("3\r\nabc\r\n0\r\n\r\n")

static const struct {
	const char *said, *answer;
} good[] = {
    {GET_HELLO, HELLO},
    {UPLOAD_ABC, CRC_ABC},
    {UPLOAD_CHUNK, CRC_ABC},
};

START_TEST(half_close_at_every_byte_is_answered_only_at_the_last)
{
	const char *said = good[_i].said;
	const size_t len = strlen(said);

	dial_bystander();
	for (size_t n = 0; n <= len; n++) {
		int fd = dial(server.port);

		ck_assert(say(fd, said, n));
		ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
		hear_answers(fd, n < len ? "" : good[_i].answer);
		hear_end(fd);
		is_served(bystander);
	}
	ask_bystander();
}
END_TEST

START_TEST(reset_at_every_byte_harms_nobody_else)
{
	const char *said = good[_i].said;
	const size_t len = strlen(said);

	dial_bystander();
	for (size_t n = 0; n <= len; n++) {
		int fd = dial(server.port);

		ck_assert(say(fd, said, n));
		hang_up_hard(fd);
		is_served(bystander);
	}
	ask_bystander();
}
END_TEST

START_TEST(half_requests_hold_up_nobody)
{
	int fds[300];

	dial_bystander();
	for (int i = 0; i < COUNT(fds); i++) {
		fds[i] = dial(server.port);
		ck_assert(say(fds[i], GET_HELLO, (size_t)i % 30));
	}
	is_served(bystander);
	for (int i = 0; i < COUNT(fds); i++) {
		say_text(fds[i], &GET_HELLO[i % 30]);
		hear_answers(fds[i], HELLO);
		close(fds[i]);
	}
	ask_bystander();
}
END_TEST

/* --- Floods. --- */

enum { REQUESTS = 100000, AT_ONCE = 100 };

/* What a client can make the server hold: bytes not looked at, output up to its
 * mark, an answer, and what the kernel and the allocator round up. */
enum { MORE_KIB = 2048 };

/* Since the server has served something; 0 where nobody tells. */
static void
expect_bounded(size_t before, size_t tally)
{
	const size_t now = program_peak_kib(&server);

	ck_assert_uint_le(now, before + MORE_KIB);
	tally_add(tally, now - before);
}

START_TEST(pipelined_requests_in_one_write_are_all_answered)
{
	const size_t n = REQUESTS;
	char *requests = repeat_text(GET_HELLO, n);
	char *answers = repeat_text(HELLO, AT_ONCE);
	size_t before;
	pid_t speaker;
	int fd;

	dial_bystander();
	before = program_peak_kib(&server);
	fd = dial(server.port);
	speaker = say_apart(fd, requests, n * strlen(GET_HELLO));
	for (size_t i = 0; i < n; i += AT_ONCE) {
		hear_answers(fd, answers);
		if (i % 1000 == 0)
			is_served(bystander);
	}
	hear_end(fd);
	await_said(speaker);
	expect_bounded(before, PEAK_PIPELINED);
	tally_add(PIPELINED, n);
	ask_bystander();
	free(requests);
	free(answers);
}
END_TEST

static void
serve_bystander(void)
{
	is_served(bystander);
}

/* What is asked for again and again, without reading. */
static const char *const unread[] = {GET_HELLO, "GET /big" HOST "\r\n",
    "GET /chunked?n=1000000000" HOST "\r\n", "GET /chunked?n=1" HOST "\r\n",
    "PUT /hello.txt" HOST LEN(1) "\r\n.", UPLOAD_CHUNK};

/* More than a kernel keeps of both directions. */
enum { KERNELS_MOST = 64 << 20 };

START_TEST(who_asks_and_does_not_read_costs_little)
{
	size_t before, said;
	int fd;

	dial_bystander();
	before = program_peak_kib(&server);
	fd = dial(server.port);
	said = say_until_stuck(fd, unread[_i], KERNELS_MOST, serve_bystander);
	ck_assert_uint_lt(said, KERNELS_MOST);
	expect_bounded(before, PEAK_UNREAD);
	hang_up_hard(fd);
	ask_bystander();
}
END_TEST

START_TEST(slow_reader_of_a_large_answer_costs_little)
{
	static char some[1 << 16];
	size_t before;
	int fd;

	dial_bystander();
	before = program_peak_kib(&server);
	fd = dial(server.port);
	say_text(fd, "GET /chunked?n=1099511627776" HOST "\r\n");
	for (int i = 0; i < 100; i++) {
		ck_assert_uint_eq(
		    hear_bytes(fd, some, sizeof some), sizeof some);
		is_served(bystander);
	}
	expect_bounded(before, PEAK_UNREAD);
	hang_up_hard(fd);
	ask_bystander();
}
END_TEST

/* --- The suite. --- */

static void
add_conversations(Suite *s)
{
	TCase *server_ = suite_group(s, "with the program");
	TCase *replayed = suite_group(s, "replayed");

	tcase_add_unchecked_fixture(server_, start_server, stop_server);
	tcase_add_loop_test(server_,
	    hostile_client_gets_what_it_must_and_nobody_else_notices, 0,
	    COUNT(rows));
	tcase_add_loop_test(server_,
	    what_is_too_long_is_refused_and_nobody_else_notices, 0,
	    COUNT(overlong));
	tcase_add_unchecked_fixture(replayed, make_root, web_root_remove);
	tcase_add_loop_test(replayed,
	    hostile_conversation_is_the_same_in_every_way, 0, COUNT(rows));
	tcase_add_loop_test(replayed, what_is_too_long_is_refused_in_every_way,
	    0, COUNT(overlong));
}

static void
add_floods(Suite *s)
{
	TCase *ends = suite_group(s, "ends"),
	      *floods = suite_group(s, "floods");

	tcase_add_unchecked_fixture(ends, start_server, stop_server);
	tcase_add_loop_test(ends,
	    half_close_at_every_byte_is_answered_only_at_the_last, 0,
	    COUNT(good));
	tcase_add_loop_test(
	    ends, reset_at_every_byte_harms_nobody_else, 0, COUNT(good));
	tcase_add_test(ends, half_requests_hold_up_nobody);
	/* Each with a server of its own, whose peak is this test's. */
	tcase_add_checked_fixture(floods, start_server, stop_server);
	tcase_add_test(
	    floods, pipelined_requests_in_one_write_are_all_answered);
	tcase_add_loop_test(
	    floods, who_asks_and_does_not_read_costs_little, 0, COUNT(unread));
	tcase_add_test(floods, slow_reader_of_a_large_answer_costs_little);
}

int
main(void)
{
	Suite *s = suite_create("hostile");
	int status;

	(void)signal(SIGPIPE, SIG_IGN);
	tally_begin();
	add_conversations(s);
	add_floods(s);
	status = suite_run(s);
	printf("figure: hostile-http-rows %d\n", COUNT(rows) + COUNT(overlong));
	tally_print(PLAYS, "hostile-http-replays");
	tally_print(PIPELINED, "hostile-http-pipelined-answers");
	tally_print(PEAK_PIPELINED, "hostile-http-pipelined-more-kib");
	return status;
}
