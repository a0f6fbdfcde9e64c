/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A listener, the channels it makes and their clients, and what happened.
 */
#include "support/reception.h"
#include "address-internal.h"
#include "support/loop.h"
#include "support/memory.h"
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* --- Writing down. --- */

static void
say(struct reception *r, const char *what)
{
	ck_assert_uint_lt(strlen(r->said) + strlen(what) + 2, sizeof r->said);
	if (*r->said)
		strcat(r->said, " ");
	strcat(r->said, what);
}

static void
happened(struct reception *r, const char *event, struct evchat *ch)
{
	if (r->hook)
		r->hook(r, event, ch);
}

static const char *
reason_name(enum evchat_reason reason)
{
	static const char *const names[] = {
#define NAME(name, text) #name,
	    EVCHAT_REASON_MAP(NAME)
#undef NAME
	};

	return names[reason];
}

static const char *
error_name(int error)
{
	switch (error) {
	case EMFILE:
		return "EMFILE";
	case ENFILE:
		return "ENFILE";
	case ENOBUFS:
		return "ENOBUFS";
	case ENOMEM:
		return "ENOMEM";
	case EPERM:
		return "EPERM";
	default:
		return strerror(error);
	}
}

static void
on_accepted(
    struct evchat *ch, const struct sockaddr *peer, socklen_t len, void *ctx)
{
	struct reception *r = ctx;
	struct reception_guest *guest = &r->guests[++r->accepted];
	char what[64];

	ck_assert_uint_le(r->accepted, RECEPTION_GUESTS);
	*guest = (struct reception_guest){r, ch, r->accepted};
	evchat_set_ctx(ch, guest);
	ck_assert_int_eq(
	    evchat_address_text(peer, len, r->peer, sizeof r->peer), 0);
	(void)snprintf(what, sizeof what, "accepted(%zu)", guest->number);
	say(r, what);
	happened(r, "accepted", ch);
}

static void
on_failed(struct evchat_listener *listener, int error, void *ctx)
{
	struct reception *r = ctx;
	char what[128];

	ck_assert_ptr_eq(listener, r->listener);
	r->failed++;
	(void)snprintf(what, sizeof what, "failed(%s)", error_name(error));
	say(r, what);
	happened(r, "failed", NULL);
}

static void
on_frame(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	struct reception_guest *guest = ctx;
	char what[128];

	(void)snprintf(what, sizeof what, "frame(%zu:%.*s)", guest->number,
	    (int)len, (const char *)bytes);
	say(guest->reception, what);
	happened(guest->reception, "frame", ch);
}

static void
on_overlong(struct evchat *ch, void *ctx)
{
	struct reception_guest *guest = ctx;
	char what[64];

	(void)snprintf(what, sizeof what, "overlong(%zu)", guest->number);
	say(guest->reception, what);
	happened(guest->reception, "overlong", ch);
}

static void
on_closed(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	struct reception_guest *guest = ctx;
	char what[64];

	(void)snprintf(what, sizeof what, "closed(%zu:%s)", guest->number,
	    reason_name(reason));
	guest->ch = NULL;
	say(guest->reception, what);
	happened(guest->reception, "closed", ch);
}

/* --- Opening and closing. --- */

void
reception_init(struct reception *r)
{
	memset(r, 0, sizeof *r);
	signal(SIGPIPE, SIG_IGN);
	r->base = event_base_new();
	r->options = (struct evchat_listener_options){
	    .accepted = on_accepted,
	    .failed = on_failed,
	    .channel.callbacks.frame = on_frame,
	    .channel.callbacks.overlong = on_overlong,
	    .channel.callbacks.closed = on_closed,
	    .channel.terminator = EVCHAT_LIT("\n"),
	};
}

void
reception_open_at(struct reception *r, const char *address)
{
	r->listener = evchat_listen(r->base, address, &r->options, r);
	ck_assert_msg(r->listener, "%s: %s", address, strerror(errno));
}

/* Linux gives a socket of Unix without a name an abstract one that is free. */
void
reception_open(struct reception *r)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	r->listener =
	    evchat_listen_sockaddr(r->base, (const struct sockaddr *)&at,
		offsetof(struct sockaddr_un, sun_path), &r->options, r);
	ck_assert_msg(r->listener, "%s", strerror(errno));
}

void
reception_free(struct reception *r)
{
	r->hook = NULL;
	evchat_listener_free(r->listener);
	evchat_group_free(r->group);
	for (size_t i = 1; i <= r->accepted; i++)
		evchat_free(r->guests[i].ch);
	for (size_t i = 1; i <= r->n_clients; i++)
		reception_hang_up(r, i);
	event_base_loop(r->base, EVLOOP_NONBLOCK);
	event_base_free(r->base);
}

/* --- Clients. --- */

int
reception_dial(const char *address)
{
	struct evchat_address to;
	int error, fd;

	ck_assert_int_eq(evchat_address_parse_(&to, address), 0);
	fd = socket(to.at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	/* Loopback TCP answers at once; Unix says so when it would not. */
	if (to.at.ss_family == AF_UNIX)
		ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	if (!connect(
		fd, (const struct sockaddr *)(const void *)&to.at, to.len)) {
		ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
		return fd;
	}
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

size_t
reception_client(struct reception *r)
{
	char address[EVCHAT_ADDRESS_SIZE];
	int fd;

	ck_assert_int_eq(
	    evchat_listener_address(r->listener, address, sizeof address), 0);
	fd = reception_dial(address);
	ck_assert_msg(fd >= 0, "%s: %s", address, strerror(errno));
	ck_assert_uint_lt(r->n_clients, RECEPTION_GUESTS);
	r->clients[++r->n_clients] = fd;
	return r->n_clients;
}

void
reception_clients(struct reception *r, size_t n)
{
	while (n-- > 0)
		(void)reception_client(r);
}

void
reception_hang_up(struct reception *r, size_t client)
{
	if (r->clients[client] >= 0)
		close(r->clients[client]);
	r->clients[client] = -1;
}

/* --- The loop, and looking. --- */

void
reception_turns(struct reception *r, int n)
{
	while (n-- > 0)
		(void)loop_turn(r->base, EVLOOP_NONBLOCK);
}

void
reception_until(struct reception *r, const char *said)
{
	while (!strstr(r->said, said)) {
		int result = event_base_loop(r->base, EVLOOP_ONCE);

		/* A loop that has said so goes on when there is some. */
		if (loop_has_no_memory(r->base, result))
			memory_refuse_none();
		else
			ck_assert_int_eq(result, 0);
	}
}

void
reception_expect(struct reception *r, const char *said)
{
	ck_assert_str_eq(r->said, said);
	*r->said = '\0';
}

void
client_expect(struct reception *r, size_t client, const char *text)
{
	char bytes[1024];
	ssize_t got = recv(r->clients[client], bytes, sizeof bytes - 1, 0);

	if (!*text) {
		ck_assert_int_eq(got, -1);
		ck_assert_int_eq(errno, EAGAIN);
		return;
	}
	ck_assert_int_ge(got, 0);
	bytes[got] = '\0';
	ck_assert_str_eq(bytes, text);
}

void
client_expect_end(struct reception *r, size_t client)
{
	char byte;
	ssize_t got = recv(r->clients[client], &byte, 1, 0);

	ck_assert_msg(got == 0 || (got < 0 && errno == ECONNRESET),
	    "client %zu: %zd %s", client, got, strerror(errno));
}
