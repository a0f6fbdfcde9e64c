/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a request head is.  A line is a span between two CRLF, a field a span
 * before and one behind the first colon; each rule is one pass over a span.
 */
#include "fuzz/http_naive.h"
#include "http_request.h"
#include <string.h>

struct span {
	const uint8_t *bytes;
	size_t len;
};

/* --- Bytes. --- */

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool
is_letter(uint8_t c)
{
	return lower(c) >= 'a' && lower(c) <= 'z';
}

static bool
is_hex(uint8_t c)
{
	return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f');
}

static bool
is_one_of(uint8_t c, const char *set)
{
	return c && strchr(set, c);
}

/* --- Spans. --- */

static bool
equals(struct span s, const char *text)
{
	return s.len == strlen(text) && !memcmp(s.bytes, text, s.len);
}

static bool
resembles(struct span s, const char *text)
{
	if (s.len != strlen(text))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (lower(s.bytes[i]) != (uint8_t)text[i])
			return false;
	return true;
}

/* What comes before the first of these bytes; it and the byte are gone. */
static bool
split(struct span *rest, uint8_t at, struct span *before)
{
	size_t n = 0;

	while (n < rest->len && rest->bytes[n] != at)
		n++;
	*before = (struct span){rest->bytes, n};
	if (n == rest->len)
		return false;
	rest->bytes += n + 1;
	rest->len -= n + 1;
	return true;
}

static struct span
trimmed(struct span s)
{
	while (s.len && is_one_of(s.bytes[0], " \t"))
		s = (struct span){s.bytes + 1, s.len - 1};
	while (s.len && is_one_of(s.bytes[s.len - 1], " \t"))
		s.len--;
	return s;
}

/* --- The request line. --- */

/* Of digits, letters and these. */
static bool
is_made_of(struct span s, const char *others)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_digit(s.bytes[i]) && !is_letter(s.bytes[i]) &&
		    !is_one_of(s.bytes[i], others))
			return false;
	return true;
}

static bool
is_host(struct span s)
{
	return is_made_of(s, "-._~!$&'()*+,;=:%[]");
}

static bool
is_method(struct span s)
{
	static const char *const known[] = {"GET", "HEAD", "POST", "PUT",
	    "DELETE", "OPTIONS", "TRACE", "PATCH"};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (equals(s, known[i]))
			return true;
	return false;
}

/* RFC 3986: no byte that a URI cannot have unescaped at the wire, no fragment;
 * an escape is whole and never of NUL. */
static bool
has_target_bytes(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.bytes[i];

		if (c < 0x21 || c > 0x7e || c == '#')
			return false;
		if (c != '%')
			continue;
		if (i + 2 >= s.len || !is_hex(s.bytes[i + 1]) ||
		    !is_hex(s.bytes[i + 2]))
			return false;
		if (s.bytes[i + 1] == '0' && s.bytes[i + 2] == '0')
			return false;
	}
	return true;
}

/* RFC 9112 section 3.2: origin form, absolute form with a host, or the asterisk
 * of OPTIONS. */
static bool
is_target(struct span s, struct span method)
{
	struct span scheme = {s.bytes, 7}, host = {NULL, 0};

	if (!s.len || s.len > HTTP_TARGET_MAX || !has_target_bytes(s))
		return false;
	if (s.bytes[0] == '/')
		return true;
	if (equals(s, "*"))
		return equals(method, "OPTIONS");
	if (s.len <= 7 || !resembles(scheme, "http://"))
		return false;
	host.bytes = s.bytes + 7;
	while (7 + host.len < s.len && !is_one_of(host.bytes[host.len], "/?"))
		host.len++;
	return host.len && host.bytes[0] != ':' && is_host(host);
}

/* HTTP/1 and a minor version. */
static bool
is_version(struct span s)
{
	return s.len == 8 && !memcmp(s.bytes, "HTTP/1.", 7) &&
	       is_digit(s.bytes[7]);
}

static bool
read_request_line(struct naive_head *head, struct span line)
{
	struct span method, target;

	if (!split(&line, ' ', &method) || !split(&line, ' ', &target))
		return false;
	if (!is_method(method) || !is_target(target, method) ||
	    !is_version(line))
		return false;
	head->is_1_1 = line.bytes[7] != '0';
	return true;
}

/* --- The fields. --- */

struct fields {
	unsigned hosts, lengths, codings;
	bool close, keep_alive;
};

static bool
is_token(struct span s)
{
	return s.len > 0 && is_made_of(s, "!#$%&'*+-.^_`|~");
}

static bool
read_length(struct naive_head *head, struct span s)
{
	head->length = 0;
	for (size_t i = 0; i < s.len; i++) {
		uint64_t digit = (uint64_t)(s.bytes[i] - '0');

		if (!is_digit(s.bytes[i]) ||
		    head->length > (INT64_MAX - digit) / 10)
			return false;
		head->length = head->length * 10 + digit;
	}
	return s.len > 0;
}

static void
read_connection(struct fields *fields, struct span s)
{
	struct span option;
	bool more;

	do {
		more = split(&s, ',', &option);
		option = trimmed(option);
		fields->close |= resembles(option, "close");
		fields->keep_alive |= resembles(option, "keep-alive");
	} while (more);
}

static bool
read_field(struct naive_head *head, struct fields *fields, struct span line)
{
	struct span name;

	if (!split(&line, ':', &name) || !is_token(name))
		return false;
	line = trimmed(line);
	if (resembles(name, "host"))
		return !fields->hosts++ && is_host(line);
	if (resembles(name, "content-length"))
		return !fields->lengths++ && read_length(head, line);
	if (resembles(name, "transfer-encoding"))
		return !fields->codings++ && resembles(line, "chunked");
	if (resembles(name, "connection"))
		read_connection(fields, line);
	if (resembles(name, "expect")) {
		head->wants_100 = true;
		return resembles(line, "100-continue");
	}
	return true;
}

/* --- The head. --- */

/* RFC 9112 sections 3.2, 6.1 and 9.3. */
static bool
judge(struct naive_head *head, const struct fields *fields)
{
	head->has_length = fields->lengths;
	head->chunked = fields->codings;
	head->wants_100 &= head->is_1_1;
	head->keep_alive =
	    !fields->close && (head->is_1_1 || fields->keep_alive);
	if (!fields->hosts && head->is_1_1)
		return false;
	return !head->chunked || (head->is_1_1 && !head->has_length);
}

/* RFC 9112 section 2.2: CR and LF come together, at the end of a line; and no
 * other control character but a tab. */
static bool
has_line_bytes(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.bytes[i];

		if (c == '\r' && i + 1 < s.len && s.bytes[i + 1] == '\n')
			i++;
		else if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

bool
naive_read_head(struct naive_head *head, const uint8_t *bytes, size_t len)
{
	struct span rest = {bytes, len}, line;
	struct fields fields = {0};
	bool good, more;

	memset(head, 0, sizeof *head);
	if (len > HTTP_HEAD_MAX || !has_line_bytes(rest))
		return false;
	if (len >= 2 && bytes[0] == '\r')
		rest = (struct span){bytes + 2, len - 2};
	more = split(&rest, '\n', &line);
	/* The CR of the CRLF. */
	line.len -= more;
	good = read_request_line(head, line);
	while (good && more) {
		more = split(&rest, '\n', &line);
		line.len -= more;
		good = read_field(head, &fields, line);
	}
	return good && judge(head, &fields);
}
