/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One HTTP connection over an evchat channel.  A head is one whole frame up to
 * CRLFCRLF; a body comes in pieces, by count or in chunks; both through the
 * same callbacks.  What comes next is told by `awaited` alone.
 */
#include "http_conn.h"
#include "http_request.h"
#include <errno.h>
#include <evchat/evchat.h>
#include <event2/buffer.h>
#include <event2/listener.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_LINE_MAX 256
#define UPLOAD_MAX (UINT64_C(1) << 40)
#define DOTS_MAX (UINT64_C(1) << 40)
#define UNWANTED_BODY_MAX 65536
#define BODY_MS_A_BYTE 2

/* What comes next from the client, in the order of the wire. */
enum awaited {
	AWAIT_HEAD,
	AWAIT_BODY,
	AWAIT_CHUNK_SIZE,
	AWAIT_CHUNK_DATA,
	AWAIT_CHUNK_END,
	AWAIT_TRAILERS
};

/* A connection, and the request that is being read from it. */
struct http_conn {
	struct http_conn *next, **link; /* in the server's list */
	struct http_server *server;
	struct evchat *ch;
	enum awaited awaited;
	bool is_head;      /* the answer has no body */
	bool is_1_1;       /* otherwise the request is HTTP/1.0 */
	bool keep_alive;   /* another request may follow */
	bool is_upload;    /* the body is wanted, */
	uint32_t crc;      /* this is its CRC-32 */
	uint64_t received; /* and this the size of any body, so far */
	uint64_t overhead; /* chunk sizes, their extensions, trailers */
	uint64_t since_ms; /* when the head came */
};

/* --- Life of a connection.  What fails returns non-zero, up to the callback
 * of the channel, which drops the connection. --- */

static void on_closed(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	struct http_conn *conn = ctx;

	(void)ch, (void)reason;
	*conn->link = conn->next;
	if (conn->next)
		conn->next->link = conn->link;
	(void)evconnlistener_enable(conn->server->listener);
	free(conn);
}

static void drop(struct http_conn *conn)
{
	evchat_free(conn->ch); /* this calls no callback */
	on_closed(NULL, EVCHAT_REASON_DONE, conn);
}

static int await(struct http_conn *conn, enum awaited what, uint64_t len)
{
	struct evchat_terminator t = EVCHAT_LIT("\r\n");

	t.max_frame = CHUNK_LINE_MAX;
	if (what == AWAIT_HEAD) {
		t = EVCHAT_LIT("\r\n\r\n");
		t.max_frame = HTTP_HEAD_MAX;
	} else if (what == AWAIT_CHUNK_END) {
		t = evchat_count(2); /* a CRLF, which take_frame() compares */
	} else if (what == AWAIT_BODY || what == AWAIT_CHUNK_DATA) {
		t = evchat_count(len);
		t.streamed = true;
	}
	if (!t.streamed)
		t.deadline_ms = conn->server->head_deadline_ms;
	conn->awaited = what;
	return evchat_set_terminator(conn->ch, t);
}

/* --- Answers. --- */

static int push_head(struct http_conn *conn, int status, const char *type,
    uint64_t len, const char *more)
{
	char fields[128];
	const char *connection = "Connection: close\r\n";

	if (conn->keep_alive)
		connection = conn->is_1_1 ? "" : "Connection: keep-alive\r\n";
	http_format_fields(fields, sizeof fields, type, len, conn->is_1_1);
	return evchat_pushf(conn->ch, "HTTP/1.1 %s\r\n%s%s%s\r\n",
	    http_status_text(status), fields, connection, more);
}

static int answer_text(
    struct http_conn *conn, int status, const char *more, const char *text)
{
	size_t len = strlen(text) + 1; /* and a line end */
	int error = push_head(conn, status, "text/plain", len, more);

	if (error || conn->is_head)
		return error;
	return evchat_pushf(conn->ch, "%s\n", text);
}

static int answer_status(struct http_conn *conn, int status, const char *more)
{
	return answer_text(conn, status, more, http_status_text(status));
}

/* Answer a request whose end is not known or not worth reading up to. */
static int refuse(struct http_conn *conn, int status)
{
	int error;

	conn->keep_alive = false;
	error = answer_status(conn, status, "");
	evchat_close_when_done(conn->ch);
	return error;
}

/* The answer is queued.  Go on with what follows: a body of `rest` bytes that
 * nobody wants, or the next head, of which nothing is known. */
static int finish(struct http_conn *conn, uint64_t rest)
{
	conn->is_head = conn->is_upload = false;
	if (conn->keep_alive)
		return await(conn, rest ? AWAIT_BODY : AWAIT_HEAD, rest);
	evchat_close_when_done(conn->ch);
	return 0;
}

/* --- Files. --- */

/* For a directory without its slash: the links of its index need one.  The path
 * was found, so it does not begin with "//" and name another host. */
static int answer_redirect(struct http_conn *conn, const char *path)
{
	char location[HTTP_TARGET_MAX + 32];

	(void)snprintf(location, sizeof location, "Location: %s/\r\n", path);
	return answer_status(conn, 301, location);
}

/* Takes fd, like evchat_push_file(). */
static int answer_opened(struct http_conn *conn, const char *path, int fd)
{
	struct stat st;
	int error;

	if (fstat(fd, &st)) {
		error = answer_status(conn, 503, "");
	} else if (S_ISDIR(st.st_mode)) {
		error = answer_redirect(conn, path);
	} else if (!S_ISREG(st.st_mode)) {
		error = answer_status(conn, 404, "");
	} else {
		uint64_t len = (uint64_t)st.st_size;

		error = push_head(conn, 200, http_type(path), len, "");
		if (!error && !conn->is_head)
			return evchat_push_file(conn->ch, fd, 0, len);
	}
	(void)close(fd);
	return error;
}

static int answer_file(struct http_conn *conn, const char *path)
{
	int fd = http_open_below(conn->server->root, path);

	if (fd >= 0)
		return answer_opened(conn, path, fd);
	return answer_status(
	    conn, errno == EMFILE || errno == ENFILE ? 503 : 404, "");
}

/* --- /chunked?n=N: that many dots from a producer. --- */

static enum evchat_more more_dots(struct evbuffer *out, size_t room, void *ctx)
{
	uint64_t *left = ctx;
	size_t len = room < *left ? room : (size_t)*left;
	struct evbuffer_iovec space;

	if (*left == 0)
		return EVCHAT_END;
	if (evbuffer_reserve_space(out, (ev_ssize_t)len, &space, 1) != 1)
		return EVCHAT_FAIL;
	space.iov_len = len;
	memset(space.iov_base, '.', len);
	if (evbuffer_commit_space(out, &space, 1))
		return EVCHAT_FAIL;
	*left -= len;
	return EVCHAT_MORE;
}

static int push_dots(struct http_conn *conn, uint64_t n)
{
	uint64_t *left = malloc(sizeof *left);
	struct evchat_producer dots = {
	    .more = more_dots, .release = free, .size = n, .ctx = left};

	if (!left)
		return EVCHAT_ERR_NO_MEMORY;
	*left = n;
	if (conn->is_1_1 && evchat_producer_chunked(&dots))
		return EVCHAT_ERR_NO_MEMORY; /* and `left` is released */
	return evchat_push_producer(conn->ch, dots);
}

static int answer_chunked(struct http_conn *conn, const char *query)
{
	uint64_t n;
	int error;

	if (!query || strncmp(query, "n=", 2) != 0 ||
	    !http_parse_number(query + 2, 10, DOTS_MAX, &n))
		return answer_status(conn, 400, "");
	conn->keep_alive &= conn->is_1_1; /* 1.0 has no other end of a body */
	error = push_head(conn, 200, "text/plain", HTTP_LENGTH_UNKNOWN, "");
	return error || conn->is_head ? error : push_dots(conn, n);
}

/* --- /upload: the CRC-32 and the size of a body. --- */

void http_conn_make_table(uint32_t table[256])
{
	for (uint32_t i = 0; i < 256; i++) {
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1) * 0xedb88320U;
	}
}

static int begin_upload(struct http_conn *conn, const struct http_request *req)
{
	if (!req->chunked && !req->has_length)
		return refuse(conn, 411);
	if (req->length > UPLOAD_MAX)
		return refuse(conn, 413);
	conn->is_upload = true;
	conn->crc = UINT32_MAX;
	if (req->wants_100 &&
	    evchat_pushf(conn->ch, "HTTP/1.1 100 Continue\r\n\r\n"))
		return EVCHAT_ERR_NO_MEMORY;
	if (req->chunked)
		return await(conn, AWAIT_CHUNK_SIZE, 0);
	return await(conn, AWAIT_BODY, req->length); /* 0 is found at once */
}

static int finish_upload(struct http_conn *conn)
{
	char text[64];
	int error;

	(void)snprintf(text, sizeof text, "crc32 %08" PRIx32 "\nsize %" PRIu64,
	    ~conn->crc, conn->received);
	error = answer_text(conn, 200, "", text);
	return error ? error : finish(conn, 0);
}

/* --- Bodies that drip.  After the time of a head they must come at 500 bytes a
 * second, if heads have a time; of one that does not come at all the idle
 * deadline takes care. --- */

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool is_too_slow(const struct http_conn *conn)
{
	uint64_t start_ms = conn->server->head_deadline_ms;

	return start_ms && now_ms() - conn->since_ms >
			       start_ms + conn->received * BODY_MS_A_BYTE;
}

/* --- Requests. --- */

static int answer(struct http_conn *conn, const struct http_request *req)
{
	if (strcmp(req->path, "/upload") == 0)
		return answer_status(conn, 405, "Allow: POST\r\n");
	if (req->method != HTTP_GET && req->method != HTTP_HEAD)
		return answer_status(conn, 405, "Allow: GET, HEAD\r\n");
	if (strcmp(req->path, "/chunked") == 0)
		return answer_chunked(conn, req->query);
	return answer_file(conn, req->path);
}

static int take_head(struct http_conn *conn, const char *bytes, size_t len)
{
	struct http_request req;
	int status = http_parse_head(&req, bytes, len);
	int error;

	conn->is_head = req.method == HTTP_HEAD;
	conn->is_1_1 = req.is_1_1;
	conn->keep_alive = req.keep_alive;
	conn->received = conn->overhead = 0;
	conn->since_ms = now_ms();
	if (status)
		return refuse(conn, status);
	if (req.method == HTTP_POST && strcmp(req.path, "/upload") == 0)
		return begin_upload(conn, &req);
	/* A body that nobody wants is read if it is small; whoever waits for
	 * 100 may send it or not (RFC 9110 10.1.1). */
	if (req.chunked || req.length > UNWANTED_BODY_MAX ||
	    (req.wants_100 && req.length))
		conn->keep_alive = false;
	error = answer(conn, &req);
	return error ? error : finish(conn, req.length);
}

/* A chunk-size line, or a line of the trailers, which are dropped. */
static int take_chunk_line(
    struct http_conn *conn, const char *bytes, size_t len)
{
	char line[CHUNK_LINE_MAX + 1];
	uint64_t size;

	/* RFC 9112 7.1.1: extensions ought to be limited in all, too. */
	conn->overhead += len;
	if (conn->overhead > HTTP_HEAD_MAX + conn->received)
		return refuse(conn, 431);
	if (is_too_slow(conn))
		return refuse(conn, 408);
	if (!http_copy_line(line, sizeof line, bytes, len))
		return refuse(conn, 400);
	if (conn->awaited == AWAIT_TRAILERS && len == 0)
		return finish_upload(conn);
	if (conn->awaited == AWAIT_TRAILERS) /* RFC 9112 7.1.2 */
		return http_is_field(line) ? 0 : refuse(conn, 400);
	if (!http_parse_chunk_size(line, &size))
		return refuse(conn, 400);
	if (size > UPLOAD_MAX - conn->received)
		return refuse(conn, 413);
	return await(conn, size ? AWAIT_CHUNK_DATA : AWAIT_TRAILERS, size);
}

static int take_frame(struct http_conn *conn, const char *bytes, size_t len)
{
	if (conn->awaited == AWAIT_HEAD)
		return take_head(conn, bytes, len);
	if (conn->awaited != AWAIT_CHUNK_END)
		return take_chunk_line(conn, bytes, len);
	if (memcmp(bytes, "\r\n", 2) != 0)
		return refuse(conn, 400);
	return await(conn, AWAIT_CHUNK_SIZE, 0);
}

/* --- The callbacks of a channel. --- */

static void on_frame(
    struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	(void)ch;
	if (take_frame(ctx, bytes, len))
		drop(ctx);
}

static void on_collect(
    struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	struct http_conn *conn = ctx;
	const uint32_t *table = conn->server->crc_table;
	const uint8_t *byte = bytes;

	(void)ch;
	conn->received += len;
	for (uint32_t crc; conn->is_upload && len; byte++, len--) {
		crc = conn->crc;
		conn->crc = table[(crc ^ *byte) & 0xff] ^ crc >> 8;
	}
	if (is_too_slow(conn) && refuse(conn, 408))
		drop(conn);
}

static void on_found(struct evchat *ch, void *ctx)
{
	struct http_conn *conn = ctx;
	int error;

	(void)ch;
	if (conn->awaited == AWAIT_CHUNK_DATA)
		error = await(conn, AWAIT_CHUNK_END, 0);
	else if (conn->is_upload)
		error = finish_upload(conn);
	else
		error = finish(conn, 0);
	if (error)
		drop(conn);
}

static void on_overlong(struct evchat *ch, void *ctx)
{
	(void)ch;
	if (refuse(ctx, 431))
		drop(ctx);
}

static void on_timeout(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	(void)ch; /* a client that is idle, or takes nothing, hears nothing */
	if (reason != EVCHAT_REASON_TIMEOUT_FRAME || refuse(ctx, 408))
		drop(ctx);
}

/* --- The way in and the way out. --- */

const struct evchat_callbacks http_conn_callbacks = {.collect = on_collect,
    .found = on_found,
    .frame = on_frame,
    .overlong = on_overlong,
    .timeout = on_timeout,
    .closed = on_closed};

/* So much of an answer that is not being read is enough for the kernel, whose
 * own limit is megabytes; a socket that is not TCP has none. */
static void keep_little_unsent(int fd)
{
	const int most = 65536;

	(void)setsockopt(
	    fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &most, sizeof most);
}

static int open_channel(struct http_conn *conn, int fd)
{
	const struct evchat_limits limits = {.idle_deadline_ms = 60000,
	    .write_deadline_ms = conn->server->write_deadline_ms};

	keep_little_unsent(fd);
	conn->ch =
	    evchat_open(conn->server->base, fd, 0, &http_conn_callbacks, conn);
	if (!conn->ch)
		(void)close(fd);
	return !conn->ch || evchat_set_limits(conn->ch, &limits) ||
	       await(conn, AWAIT_HEAD, 0);
}

struct evchat *http_conn_open(struct http_server *server, int fd)
{
	struct http_conn *conn = calloc(1, sizeof *conn);

	if (!conn) {
		(void)close(fd);
		return NULL;
	}
	conn->server = server;
	conn->next = server->conns;
	conn->link = &server->conns;
	if (conn->next)
		conn->next->link = &conn->next;
	server->conns = conn;
	if (open_channel(conn, fd) == 0)
		return conn->ch;
	drop(conn);
	return NULL;
}

void http_conn_drop_all(struct http_server *server)
{
	while (server->conns)
		drop(server->conns);
}
