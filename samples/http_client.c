/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * asyncore's example, grown up: gets a URL by HTTP/1.1 and writes the body to
 * the standard output.  A head is one frame; what it says about the body
 * decides which terminator comes next.  Try:
 *
 *	http_client http://localhost:8080/ && echo and that was all of it
 *
 * It exits with 0 if the status is 2xx and the whole body came.  No TLS, no
 * redirects, no percent-encoding.
 */
#include <errno.h>
#include <evchat/dns.h>
#include <evchat/evchat.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_MAX 65536   /* of a head or a line */
#define PATIENCE_MS 30000 /* with a head or a line, and with silence */
#define UNTIL_EOF UINT64_MAX

/* What comes next from the server, in the order of the wire. */
enum awaited {
	AWAIT_HEAD,
	AWAIT_BODY,
	AWAIT_CHUNK_SIZE,
	AWAIT_CHUNK_DATA,
	AWAIT_CHUNK_END,
	AWAIT_TRAILERS
};

struct client {
	struct event_base *base;
	struct evchat *ch;
	enum awaited awaited;
	int status;
	bool whole; /* everything came, and was written */
};

/* Each step returns NULL to go on, what is wrong, or this: */
static const char all_came[] = "";

static void stop(struct client *client, const char *why)
{
	if (why == all_came && fflush(stdout))
		why = strerror(errno);
	client->whole = why == all_came;
	if (!client->whole)
		fprintf(stderr, "http_client: no whole answer: %s\n", why);
	evchat_free(client->ch);
	(void)event_base_loopbreak(client->base);
}

static const char *await(struct client *client, enum awaited what, uint64_t len)
{
	struct evchat_terminator t = evchat_count(len);
	int error;

	if (what == AWAIT_HEAD)
		t = EVCHAT_LIT("\r\n\r\n");
	else if (what == AWAIT_CHUNK_SIZE || what == AWAIT_TRAILERS)
		t = EVCHAT_LIT("\r\n");
	else if (len == UNTIL_EOF)
		t = evchat_none();
	t.eof_ends_frame = len == UNTIL_EOF;
	t.streamed = what == AWAIT_BODY || what == AWAIT_CHUNK_DATA;
	if (!t.streamed)
		t.deadline_ms = PATIENCE_MS;
	client->awaited = what;
	error = evchat_set_terminator(client->ch, t);
	return error ? evchat_strerror(error) : NULL;
}

/* Digits, perhaps blanks, and then one of these ends or that of the text; no
 * more than evchat_count() takes. */
static bool parse_number(
    const char *text, int base, const char *ends, uint64_t *number)
{
	const char *digits = &"abcdefABCDEF0123456789"[base == 16 ? 0 : 12];
	const size_t len = strspn(text, digits);
	const char *end = text + len + strspn(text + len, " \t");

	*number = strtoull(text, NULL, base);
	return len && (!*end || strchr(ends, *end)) && *number <= INT64_MAX;
}

/* Nothing but blanks, as far as the end of a line or of the head? */
static bool is_line_end(const char *text)
{
	text += strspn(text, " \t");
	return !*text || *text == '\r';
}

/* The value of the only such field; "" if there are several. */
static const char *find(const char *head, const char *field)
{
	const char *value = strcasestr(head, field);

	if (!value)
		return NULL;
	value += strlen(field);
	return strcasestr(value, field) ? "" : value + strspn(value, " \t");
}

/* RFC 9112 6.3: how long the body is that a GET is answered with. */
static const char *await_body(struct client *client, const char *head)
{
	const char *coding = find(head, "\r\nTransfer-Encoding:");
	const char *length = find(head, "\r\nContent-Length:");
	uint64_t len = UNTIL_EOF;

	if (client->status == 204 || client->status == 304)
		return all_came;
	if (coding && strncasecmp(coding, "chunked", 7) == 0 &&
	    is_line_end(coding + 7))
		return await(client, AWAIT_CHUNK_SIZE, 0);
	if (coding)
		return "a transfer coding that is not known";
	if (length && !parse_number(length, 10, "\r", &len))
		return "a Content-Length that is none";
	return await(client, AWAIT_BODY, len);
}

static const char *take_head(struct client *client, const char *head)
{
	int *status = &client->status, len = 0;

	(void)sscanf(head, "HTTP/1.%*1[0-9]%*1[ ]%3d%n", status, &len);
	if (len != 12 || *status < 100 || !strchr(" \r", head[len]))
		return "that is not HTTP/1";
	if (*status == 101)
		return "the server changed the protocol";
	if (*status < 200)
		return await(client, AWAIT_HEAD, 0);
	return await_body(client, head);
}

/* Extensions of a chunk, and trailers, are dropped. */
static const char *take_line(struct client *client, const char *line)
{
	uint64_t size;

	if (client->awaited == AWAIT_TRAILERS)
		return *line ? NULL : all_came;
	if (!parse_number(line, 16, ";", &size))
		return "a chunk size that is none";
	return await(client, size ? AWAIT_CHUNK_DATA : AWAIT_TRAILERS, size);
}

static void on_frame(
    struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	struct client *client = ctx;
	char text[FRAME_MAX + 1]; /* easier to take apart with its NUL */
	const char *why;

	memcpy(text, bytes, len);
	text[len] = '\0';
	if (strlen(text) != len)
		why = "a NUL where text belongs";
	else if (client->awaited == AWAIT_HEAD)
		why = take_head(client, text);
	else if (client->awaited != AWAIT_CHUNK_END)
		why = take_line(client, text);
	else if (strcmp(text, "\r\n") == 0)
		why = await(client, AWAIT_CHUNK_SIZE, 0);
	else
		why = "a chunk that is longer than its size";
	if (why)
		stop(client, why);
}

static void on_piece(
    struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	if (fwrite(bytes, 1, len, stdout) != len)
		stop(ctx, strerror(errno));
}

static void on_found(struct evchat *ch, void *ctx)
{
	struct client *client = ctx;
	const char *why = all_came;

	if (client->awaited == AWAIT_CHUNK_DATA)
		why = await(client, AWAIT_CHUNK_END, 2);
	if (why)
		stop(client, why);
}

/* Overlong frames, deadlines, and a server that leaves too early, too. */
static void on_closed(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	const char *why = evchat_reason_text(reason);

	if (reason == EVCHAT_REASON_ERROR)
		why = strerror(evchat_errno(ch));
	else if (reason == EVCHAT_REASON_LOOKUP)
		why = evutil_gai_strerror(evchat_errno(ch));
	stop(ctx, why);
}

static const char *ask(struct client *client, const struct evchat_resolver *dns,
    const char *host, const char *target)
{
	static const struct evchat_connect_options options = {
	    .channel = {.callbacks = {.frame = on_frame,
			    .collect = on_piece,
			    .found = on_found,
			    .closed = on_closed},
		.limits = {.max_frame = FRAME_MAX,
		    .idle_deadline_ms = PATIENCE_MS,
		    .write_deadline_ms = PATIENCE_MS}}};
	const char *bracket = strchr(host, ']'); /* of an IPv6 address */
	bool has_port = strchr(bracket ? bracket : host, ':') != NULL;
	char address[300];
	int error;

	(void)snprintf(
	    address, sizeof address, "%s%s", host, has_port ? "" : ":80");
	if (strncmp(address, "unix:", 5) == 0) /* that would be a file */
		return "no host is called unix";
	client->ch =
	    evchat_connect(client->base, dns, address, &options, client);
	if (!client->ch)
		return strerror(errno);
	error = evchat_pushf(client->ch,
	    "GET %s%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
	    *target == '/' ? "" : "/", target, host);
	return error ? evchat_strerror(error) : await(client, AWAIT_HEAD, 0);
}

/* Where in a URL that which the server is asked for begins, after the host; 0
 * if it is not an URL for this program. */
static int cut_url(char *url, char host[257])
{
	int len = 0;

	for (const char *c = url; *c; c++)
		if (*c <= ' ' || *c > '~') /* a line end begins a new field */
			return 0;
	url[strcspn(url, "#")] = '\0';
	(void)sscanf(url, "http://%256[^/?@]%n", host, &len);
	return len && strchr("/?", url[len]) ? len : 0;
}

int main(int argc, char **argv)
{
	struct client client = {0};
	char host[257];
	const int cut = argc == 2 ? cut_url(argv[1], host) : 0;
	struct evchat_resolver resolver;
	struct evdns_base *dns;
	const char *why;

	if (!cut) {
		fputs("usage: http_client http://host[:port]/path\n", stderr);
		return 2;
	}
	client.base = event_base_new();
	if (!client.base || signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
		perror("http_client");
		return 1;
	}
	/* NULL without a resolv.conf; an address needs none. */
	dns = evdns_base_new(client.base, EVDNS_BASE_INITIALIZE_NAMESERVERS);
	resolver = evchat_dns(dns);
	why = ask(&client, dns ? &resolver : NULL, host, argv[1] + cut);
	if (!why && event_base_dispatch(client.base) < 0)
		why = "the event loop failed";
	if (why)
		stop(&client, why);
	if (client.status && client.status / 100 != 2)
		fprintf(stderr, "http_client: status %d\n", client.status);
	if (dns)
		evdns_base_free(dns, 0);
	event_base_free(client.base);
	return !client.whole || client.status / 100 != 2;
}
