/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libevent's own HTTP server answering every request with one file, to stand
 * beside samples/http_server.c under the same load:
 *
 *	evhttp_bench [-m] FILE [PORT] &
 *	wrk -t1 -c64 -d5 http://127.0.0.1:PORT/
 *
 * Like http_server it opens the file for each request; with -m the bytes stay
 * in memory, which is the best that evhttp can do.  Port 0, the default, takes
 * any free one; it is printed.
 */
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct page {
	const char *name;
	bool in_memory;
	size_t len;
	char bytes[65536];
};

static int
add_page(struct evbuffer *out, const struct page *page)
{
	struct stat st;
	int fd;

	if (page->in_memory)
		return evbuffer_add(out, page->bytes, page->len);
	fd = open(page->name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st)) {
		close(fd);
		return -1;
	}
	return evbuffer_add_file(out, fd, 0, st.st_size);
}

static void
on_request(struct evhttp_request *req, void *ctx)
{
	struct evbuffer *out = evhttp_request_get_output_buffer(req);

	if (evhttp_add_header(evhttp_request_get_output_headers(req),
		"Content-Type", "text/plain") ||
	    add_page(out, ctx)) {
		evhttp_send_error(req, HTTP_INTERNAL, NULL);
		return;
	}
	evhttp_send_reply(req, HTTP_OK, "OK", NULL);
}

static int
load(struct page *page)
{
	FILE *file = fopen(page->name, "rb");

	if (!file)
		return -1;
	page->len = fread(page->bytes, 1, sizeof page->bytes, file);
	return fclose(file);
}

static int
serve(struct page *page, unsigned short port)
{
	struct event_base *base = event_base_new();
	struct evhttp *http = base ? evhttp_new(base) : NULL;
	struct evhttp_bound_socket *bound;
	struct sockaddr_in at;
	socklen_t len = sizeof at;

	if (!http)
		return -1;
	evhttp_set_gencb(http, on_request, page);
	bound = evhttp_bind_socket_with_handle(http, "127.0.0.1", port);
	if (!bound || getsockname(evhttp_bound_socket_get_fd(bound),
			  (struct sockaddr *)&at, &len))
		return -1;
	printf("listening on http://127.0.0.1:%u/\n",
	    (unsigned)ntohs(at.sin_port));
	if (fflush(stdout))
		return -1;
	return event_base_dispatch(base);
}

int
main(int argc, char **argv)
{
	static struct page page;
	unsigned short port;

	if (argc > 1 && strcmp(argv[1], "-m") == 0) {
		page.in_memory = true;
		argc--, argv++;
	}
	if (argc < 2 || argc > 3) {
		fputs("usage: evhttp_bench [-m] FILE [PORT]\n", stderr);
		return 2;
	}
	page.name = argv[1];
	port = (unsigned short)(argc > 2 ? atoi(argv[2]) : 0);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || load(&page) ||
	    serve(&page, port)) {
		perror("evhttp_bench");
		return 1;
	}
	return 0;
}
