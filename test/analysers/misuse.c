/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Uses libevent wrongly, to see that it is noticed: `misuse events` makes an
 * event anew while it is added, `misuse locks` gives a lock back that nobody
 * has.  Left alone, libevent lets both pass.
 */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/thread.h>
#include <string.h>

static void
ignore(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd, (void)what, (void)ctx;
}

static void
misuse_events(void)
{
	const struct timeval hour = {.tv_sec = 3600};
	struct event_base *base = event_base_new();
	struct event event;

	event_assign(&event, base, -1, EV_TIMEOUT, ignore, NULL);
	event_add(&event, &hour);
	event_assign(&event, base, -1, EV_TIMEOUT, ignore, NULL);
}

static void
misuse_locks(void)
{
	struct evbuffer *buffer = evbuffer_new();

	evbuffer_enable_locking(buffer, NULL);
	evbuffer_unlock(buffer);
}

int
main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "locks") == 0)
		misuse_locks();
	else
		misuse_events();
	return 0;
}
