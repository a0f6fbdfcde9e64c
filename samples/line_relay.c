/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lines from stdin to a server, and the server's lines to stdout, unchanged:
 *
 *	line_relay localhost:7777
 *	line_relay localhost:7777 <lines >answers
 *
 * Whoever is slow holds up the other side: nothing piles up here.  At the end
 * of stdin the server is told so, and what it has to say is printed until it
 * ends.  A line may have 1 MiB; where stdin is a file, any length.  The status
 * is 0 if everything went through.
 */
#include <errno.h>
#include <evchat/dns.h>
#include <evchat/evchat.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ENOUGH = 65536, LONGEST_LINE = 1 << 20 };

/* `in` and `out` are NULL where stdin and stdout are files, and each channel is
 * after its end. */
struct relay {
	struct event_base *base;
	struct evchat *server, *in, *out;
	bool failed;
};

static void fail(struct relay *relay, const char *who, const char *why)
{
	fprintf(stderr, "line_relay: %s: %s\n", who, why);
	relay->failed = true;
}

static void give_up(struct relay *relay, const char *who, const char *why)
{
	fail(relay, who, why);
	(void)event_base_loopbreak(relay->base);
}

/* --- Lines.  Whose line makes enough wait for the other side rests until that
 * has drained. --- */

static int pass_on(
    struct evchat *from, struct evchat *to, const char *line, size_t len)
{
	/* The last line may have come without its LF, and goes so. */
	size_t end = evchat_matched(from) == EVCHAT_MATCHED_NONE ? 0 : 1;
	int error;

	if (!to)
		return fwrite(line, 1, len, stdout) < len ||
		       fwrite("\n", 1, end, stdout) < end;
	error = evchat_push(to, line, len);
	if (!error)
		error = evchat_push(to, "\n", end);
	if (!error && evchat_pending(to) >= ENOUGH)
		error = evchat_pause(from);
	return error;
}

static void on_line(struct evchat *ch, const void *line, size_t len, void *ctx)
{
	struct relay *relay = ctx;

	if (ch == relay->in && pass_on(ch, relay->server, line, len))
		give_up(relay, "the server", "takes no more");
	if (ch == relay->server && pass_on(ch, relay->out, line, len))
		give_up(relay, "stdout", "takes no more");
}

/* No loop can wait for a file, nor for /dev/null: it is always ready. */
static bool is_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && !S_ISFIFO(st.st_mode) &&
	       !S_ISSOCK(st.st_mode) && !isatty(fd);
}

static int feed_from_file(struct evchat *server)
{
	char bytes[ENOUGH];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);

	if (n <= 0)
		return n < 0 ? -1 : evchat_shutdown_write(server);
	return evchat_push(server, bytes, (size_t)n);
}

/* What waits after the server's end is still printed. */
static void on_drained(struct evchat *ch, void *ctx)
{
	struct relay *relay = ctx;

	if (ch == relay->out && !relay->server)
		(void)event_base_loopbreak(relay->base);
	else if (ch == relay->out)
		(void)evchat_resume(relay->server);
	else if (relay->in)
		(void)evchat_resume(relay->in);
	else if (is_file(STDIN_FILENO) && feed_from_file(ch))
		give_up(relay, "stdin", "cannot be passed on");
}

/* --- Ends. --- */

static void on_in_eof(struct evchat *ch, void *ctx)
{
	struct relay *relay = ctx;

	relay->in = NULL;
	evchat_free(ch);
	/* Refused only if the server is about to end, too. */
	(void)evchat_shutdown_write(relay->server);
}

static const char *text_of(const struct evchat *ch, enum evchat_reason reason)
{
	if (reason == EVCHAT_REASON_LOOKUP)
		return evutil_gai_strerror(evchat_errno(ch));
	if (reason == EVCHAT_REASON_ERROR)
		return strerror(evchat_errno(ch));
	return evchat_reason_text(reason);
}

static void on_server_closed(
    struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	struct relay *relay = ctx;

	relay->server = NULL;
	evchat_free(relay->in);
	relay->in = NULL;
	if (reason != EVCHAT_REASON_EOF || evchat_unsent(ch))
		fail(relay, "the server", text_of(ch, reason));
	if (!evchat_pending(relay->out))
		(void)event_base_loopbreak(relay->base);
}

static void on_stdio_closed(
    struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	struct relay *relay = ctx;
	bool is_in = ch == relay->in;

	*(is_in ? &relay->in : &relay->out) = NULL;
	give_up(relay, is_in ? "stdin" : "stdout", text_of(ch, reason));
}

/* --- Beginnings. --- */

static struct evchat_terminator lines(void)
{
	struct evchat_terminator line = EVCHAT_LIT("\n");

	line.eof_ends_frame = true;
	line.max_frame = LONGEST_LINE;
	return line;
}

static int open_server(
    struct relay *relay, const char *address, struct evdns_base *dns)
{
	const struct evchat_connect_options options = {
	    .channel = {.callbacks = {.frame = on_line,
			    .drained = on_drained,
			    .closed = on_server_closed},
		.terminator = lines()}};
	struct evchat_resolver resolver = evchat_dns(dns);

	/* Without name servers an address in numbers will do. */
	relay->server = evchat_connect(
	    relay->base, dns ? &resolver : NULL, address, &options, relay);
	return relay->server ? 0 : -1;
}

static int open_stdio(struct relay *relay)
{
	struct evchat_callbacks callbacks = {
	    .drained = on_drained, .closed = on_stdio_closed};

	if (!is_file(STDOUT_FILENO)) {
		relay->out = evchat_open(relay->base, STDOUT_FILENO,
		    EVCHAT_OPEN_KEEP_FD, &callbacks, relay);
		/* It may be the terminal that only `in` is to read. */
		if (!relay->out || evchat_pause(relay->out))
			return -1;
	}
	if (is_file(STDIN_FILENO))
		return feed_from_file(relay->server);
	callbacks.frame = on_line;
	callbacks.eof = on_in_eof;
	relay->in = evchat_open(
	    relay->base, STDIN_FILENO, EVCHAT_OPEN_KEEP_FD, &callbacks, relay);
	return relay->in ? evchat_set_terminator(relay->in, lines()) : -1;
}

static bool run(struct relay *relay, const char *address)
{
	struct evdns_base *dns =
	    evdns_base_new(relay->base, EVDNS_BASE_INITIALIZE_NAMESERVERS);

	if (open_server(relay, address, dns) || open_stdio(relay) ||
	    event_base_dispatch(relay->base) < 0 || fflush(stdout))
		fail(relay, address, strerror(errno));
	evchat_free(relay->in);
	evchat_free(relay->out);
	evchat_free(relay->server);
	if (dns)
		evdns_base_free(dns, 0);
	/* libevent lets go of what it has under way only in a turn. */
	(void)event_base_loop(relay->base, EVLOOP_NONBLOCK);
	return !relay->failed;
}

/* --- A channel makes its descriptor non-blocking, also for the shell that
 * shares it: give it back as it was. --- */

static int old_flags[2];

static bool save_flags(void)
{
	old_flags[0] = fcntl(STDIN_FILENO, F_GETFL);
	old_flags[1] = fcntl(STDOUT_FILENO, F_GETFL);
	return old_flags[0] >= 0 && old_flags[1] >= 0;
}

static void put_back_flags(void)
{
	(void)fcntl(STDIN_FILENO, F_SETFL, old_flags[0]);
	(void)fcntl(STDOUT_FILENO, F_SETFL, old_flags[1]);
}

static void on_signal(int number)
{
	put_back_flags();
	(void)signal(number, SIG_DFL);
	(void)raise(number);
}

int main(int argc, char **argv)
{
	struct relay relay = {0};
	bool good;

	if (argc != 2) {
		fputs("usage: line_relay host:port\n", stderr);
		return 2;
	}
	if (!save_flags() || signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    signal(SIGINT, on_signal) == SIG_ERR ||
	    signal(SIGTERM, on_signal) == SIG_ERR ||
	    !(relay.base = event_base_new())) {
		perror("line_relay");
		return 1;
	}
	good = run(&relay, argv[1]);
	event_base_free(relay.base);
	put_back_flags();
	return good ? 0 : 1;
}
