/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Request heads, cut up into C strings and judged.  The first thing that is
 * wrong decides the status.
 */
#include "http_request.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define DIGITS "0123456789"
#define HOST_CHARACTERS DIGITS LETTERS "-._~!$&'()*+,;=:%[]"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* --- The words of an answer. --- */

static const char *const status_texts[] = {"200 OK", "301 Moved Permanently",
    "400 Bad Request", "404 Not Found", "405 Method Not Allowed",
    "408 Request Timeout", "411 Length Required", "413 Content Too Large",
    "414 URI Too Long", "417 Expectation Failed",
    "431 Request Header Fields Too Large", "501 Not Implemented",
    "503 Service Unavailable", "505 HTTP Version Not Supported"};

const char *http_status_text(int status)
{
	for (size_t i = 0; i < COUNT(status_texts); i++)
		if (strtol(status_texts[i], NULL, 10) == status)
			return status_texts[i];
	return "500 Internal Server Error";
}

static const char *const types[][2] = {{"/", "text/html"},
    {".html", "text/html"}, {".css", "text/css"}, {".js", "text/javascript"},
    {".txt", "text/plain"}, {".png", "image/png"}, {".svg", "image/svg+xml"}};

const char *http_type(const char *path)
{
	const size_t len = strlen(path);

	for (size_t i = 0; i < COUNT(types); i++) {
		size_t n = strlen(types[i][0]);

		if (len >= n && strcmp(path + len - n, types[i][0]) == 0)
			return types[i][1];
	}
	return "application/octet-stream";
}

void http_format_fields(
    char *out, size_t size, const char *type, uint64_t len, bool is_1_1)
{
	char date[32] = "", body[48] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (gmtime_r(&now, &tm)) /* RFC 9110 5.6.7, in the C locale */
		(void)strftime(
		    date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	if (len != HTTP_LENGTH_UNKNOWN)
		(void)snprintf(
		    body, sizeof body, "Content-Length: %" PRIu64 "\r\n", len);
	else if (is_1_1) /* in HTTP/1.0 the end of the connection ends it */
		(void)strcpy(body, "Transfer-Encoding: chunked\r\n");
	(void)snprintf(
	    out, size, "Date: %s\r\nContent-Type: %s\r\n%s", date, type, body);
}

/* --- Pieces of text. --- */

/* End the text at the mark; what is behind it, or NULL if there is none. */
static char *cut(char *text, const char *mark)
{
	char *hit = strstr(text, mark);

	if (!hit)
		return NULL;
	*hit = '\0';
	return hit + strlen(mark);
}

static char *trim(char *text)
{
	size_t len;

	text += strspn(text, " \t");
	len = strlen(text);
	while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		text[--len] = '\0';
	return text;
}

static bool is_made_of(const char *text, const char *set)
{
	return text[strspn(text, set)] == '\0';
}

static bool is_token(const char *text) /* RFC 9110 5.6.2 */
{
	return *text && is_made_of(text, DIGITS LETTERS "!#$%&'*+-.^_`|~");
}

static bool is_clean(const char *line)
{
	for (; *line; line++)
		if (iscntrl((unsigned char)*line) && *line != '\t')
			return false;
	return true;
}

bool http_copy_line(char *line, size_t size, const char *bytes, size_t len)
{
	if (len >= size || memchr(bytes, '\0', len))
		return false;
	memcpy(line, bytes, len);
	line[len] = '\0';
	return is_clean(line);
}

bool http_parse_number(
    const char *digits, int base, uint64_t max, uint64_t *number)
{
	if (!*digits ||
	    !is_made_of(digits, base == 16 ? DIGITS "abcdefABCDEF" : DIGITS))
		return false;
	errno = 0;
	*number = strtoull(digits, NULL, base);
	return !errno && *number <= max;
}

/* RFC 9112 7.1.1: extensions that are not known MUST be ignored. */
bool http_parse_chunk_size(char *line, uint64_t *size)
{
	size_t n = strcspn(line, ";");

	/* RFC 9110 5.6.3: so must be white space before the semicolon. */
	while (line[n] && n && (line[n - 1] == ' ' || line[n - 1] == '\t'))
		line[--n] = ';';
	line[n] = '\0';
	return http_parse_number(line, 16, INT64_MAX, size);
}

/* --- A path. --- */

static char decode(const char *digits)
{
	const char hex[3] = {digits[0], digits[1], '\0'};

	return (char)strtoul(hex, NULL, 16);
}

/* One name of a path, decoded; false if none below a directory is meant. */
static bool decode_name(const char *from, size_t len, char *name, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = from[i];

		if (c == '%') {
			c = decode(from + i + 1);
			i += 2;
		}
		if (c == '/' || n == size - 1)
			return false;
		name[n++] = c;
	}
	name[n] = '\0';
	return n && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* One name at a time, so that neither ".." nor a symbolic link leads out of
 * the root.  An empty last name stands for index.html. */
int http_open_below(int root, const char *path)
{
	const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	int at = root;

	while (at >= 0 && *path) {
		int dir = at;
		char name[256];
		size_t len = strcspn(++path, "/");
		int only = path[len] ? O_DIRECTORY : 0;
		bool good = *path ? decode_name(path, len, name, sizeof name)
				  : !!strcpy(name, "index.html");

		path += len;
		errno = ENOENT;
		at = good ? openat(dir, name, flags | only) : -1;
		if (dir != root)
			(void)close(dir);
	}
	return at;
}

/* --- The request line. --- */

static int parse_version(struct http_request *req, const char *s)
{
	if (strncmp(s, "HTTP/", 5) != 0 || !isdigit((unsigned char)s[5]) ||
	    s[6] != '.' || !isdigit((unsigned char)s[7]) || s[8])
		return 400;
	req->is_1_1 = s[7] != '0'; /* RFC 9110 2.5: 1.2 is read as 1.1 */
	return s[5] == '1' ? 0 : 505;
}

static int parse_method(struct http_request *req, const char *s)
{
	static const char *const names[HTTP_METHODS] = {"GET", "HEAD", "POST",
	    "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"};

	if (!is_token(s))
		return 400;
	for (size_t i = 0; i < HTTP_METHODS; i++) {
		req->method = (enum http_method)i;
		if (strcmp(s, names[i]) == 0)
			return 0;
	}
	return 501; /* RFC 9110 9.1; CONNECT is for proxies */
}

/* Visible ASCII, no fragment, percent-encoding whole and never of NUL. */
static bool is_target(const char *s)
{
	for (; *s; s++) {
		if (*s <= ' ' || *s > '~' || *s == '#')
			return false;
		if (*s == '%' && (!isxdigit((unsigned char)s[1]) ||
				     !isxdigit((unsigned char)s[2]) ||
				     strncmp(s + 1, "00", 2) == 0))
			return false;
	}
	return true;
}

/* Host and port of a target.  RFC 9110 4.2.1: it is not empty; 4.2.4: an @ in
 * it is there to deceive. */
static bool is_host(const char *s, size_t len)
{
	return len && *s != ':' && strspn(s, HOST_CHARACTERS) >= len;
}

static int parse_target(struct http_request *req, char *s)
{
	size_t len;

	if (strlen(s) > HTTP_TARGET_MAX)
		return 414;
	if (!is_target(s))
		return 400;
	/* RFC 9112 3.2.2: a server MUST accept the absolute form. */
	if (strncasecmp(s, "http://", 7) == 0) {
		len = strcspn(s + 7, "/?");
		if (!is_host(s + 7, len))
			return 400;
		s += 7 + len;
	} else if (*s != '/' &&
		   (req->method != HTTP_OPTIONS || strcmp(s, "*") != 0)) {
		return 400;
	}
	req->query = cut(s, "?");
	req->path = *s ? s : "/";
	return 0;
}

/* RFC 9112 3: single spaces between the parts. */
static int parse_request_line(struct http_request *req, char *line)
{
	char *target = cut(line, " ");
	char *version = target ? cut(target, " ") : NULL;
	int status = version ? parse_version(req, version) : 400;

	if (!status)
		status = parse_method(req, line);
	return status ? status : parse_target(req, target);
}

/* --- The fields. --- */

static int take_host(struct http_request *req, char *value)
{
	req->hosts++;
	return is_made_of(value, HOST_CHARACTERS) ? 0 : 400;
}

/* RFC 9110 8.6 allows to refuse equal ones too, in a list or in lines. */
static int take_content_length(struct http_request *req, char *value)
{
	if (req->has_length ||
	    !http_parse_number(value, 10, INT64_MAX, &req->length))
		return 400;
	req->has_length = true;
	return 0;
}

/* RFC 9112 6.3: after chunked there is nothing; whether it comes at all is
 * judged when all lines are known. */
static int take_transfer_encoding(struct http_request *req, char *value)
{
	while (value) {
		char *next = cut(value, ",");

		if (req->chunked)
			return 400;
		req->chunked = strcasecmp(trim(value), "chunked") == 0;
		req->is_coded |= !req->chunked;
		value = next;
	}
	return 0;
}

static int take_connection(struct http_request *req, char *value)
{
	while (value) {
		char *next = cut(value, ",");
		const char *option = trim(value);

		req->says_close |= strcasecmp(option, "close") == 0;
		req->says_keep_alive |= strcasecmp(option, "keep-alive") == 0;
		value = next;
	}
	return 0;
}

static int take_expect(struct http_request *req, char *value)
{
	req->wants_100 = strcasecmp(value, "100-continue") == 0;
	return req->wants_100 ? 0 : 417; /* RFC 9110 10.1.1 */
}

static const struct {
	const char *name;
	int (*take)(struct http_request *req, char *value);
} fields[] = {{"Host", take_host}, {"Content-Length", take_content_length},
    {"Transfer-Encoding", take_transfer_encoding},
    {"Connection", take_connection}, {"Expect", take_expect}};

/* A name directly before its colon: no space there (RFC 9112 5.1), and no line
 * that goes on with the one before (5.2).  The value, or NULL. */
static char *cut_field(char *line)
{
	char *value = cut(line, ":");

	return value && is_token(line) ? value : NULL;
}

bool http_is_field(char *line)
{
	return cut_field(line) != NULL;
}

static int parse_field(struct http_request *req, char *line)
{
	char *value = cut_field(line);

	if (!value)
		return 400;
	for (size_t i = 0; i < COUNT(fields); i++)
		if (strcasecmp(line, fields[i].name) == 0)
			return fields[i].take(req, trim(value));
	return 0;
}

/* --- The head. --- */

static int judge(struct http_request *req)
{
	/* RFC 9112 3.2: without Host, or with two, it MUST be 400. */
	if (req->hosts > 1 || (req->is_1_1 && req->hosts == 0))
		return 400;
	/* RFC 9112 6.1: both, or a coding in HTTP/1.0, may be smuggling; 6.3: a
	 * coded body without chunks has no end. */
	if ((req->chunked || req->is_coded) &&
	    (!req->chunked || req->has_length || !req->is_1_1))
		return 400;
	if (req->is_coded) /* RFC 9112 6.1: not one that is known here */
		return 501;
	req->keep_alive = /* RFC 9112 9.3 */
	    !req->says_close && (req->is_1_1 || req->says_keep_alive);
	req->wants_100 &= req->is_1_1; /* RFC 9110 10.1.1: MUST ignore it */
	return 0;
}

int http_parse_head(struct http_request *req, const char *head, size_t len)
{
	/* RFC 9112 2.2: a server SHOULD ignore at least one empty line before
	 * the request line.  This one ignores one. */
	const size_t skipped = len >= 2 && !memcmp(head, "\r\n", 2) ? 2 : 0;
	char *line = req->text;
	int status;

	memset(req, 0, offsetof(struct http_request, text));
	if (len > HTTP_HEAD_MAX || memchr(head, '\0', len))
		return 400;
	memcpy(line, head + skipped, len - skipped);
	line[len - skipped] = '\0';
	for (bool first = true; line; first = false) {
		char *next = cut(line, "\r\n");

		/* RFC 9112 2.2: no CR or LF elsewhere. */
		if (!is_clean(line))
			return 400;
		status = first ? parse_request_line(req, line)
			       : parse_field(req, line);
		if (status)
			return status;
		line = next;
	}
	return judge(req);
}
