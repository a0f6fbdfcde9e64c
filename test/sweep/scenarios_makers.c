/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios of what makes channels and what holds them: listeners, connectors,
 * groups, remotes. */
#include "sweep/scenarios.h"
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- Listeners. --- */

static void
send_back(struct actor *a, const char *event, const void *bytes, size_t len)
{
	if (!strcmp(event, "frame"))
		must(a, evchat_push(a->ch, bytes, len));
}

static void
on_accepted(
    struct evchat *ch, const struct sockaddr *peer, socklen_t len, void *ctx)
{
	struct actor *a = actor_new(ctx);

	(void)peer, (void)len;
	a->ch = ch;
	a->hook = send_back;
	evchat_set_ctx(ch, a);
	must(a, evchat_push(ch, "welcome ", 8));
}

static void
on_failed(struct evchat_listener *listener, int error, void *ctx)
{
	struct play *p = ctx;

	(void)listener;
	p->failed = true;
	if (!error)
		p->wrong = "accepting failed for no reason";
}

static void
listen_at(struct play *p, const char *address)
{
	struct evchat_listener_options options = {
	    .channel.callbacks = actor_callbacks,
	    .channel.terminator = EVCHAT_LIT("\n"),
	    .channel.limits.idle_deadline_ms = 60000,
	    .accepted = on_accepted,
	    .failed = on_failed};

	options.channel.group = p->group;
	p->listener = evchat_listen(p->base, address, &options, p);
	if (!p->listener)
		p->complained = true;
}

/* Nobody else has this name: there is one run at a time. */
static void
listen_by_name(struct play *p)
{
	char address[64];

	(void)snprintf(
	    address, sizeof address, "unix:@evchat-sweep-%ld", (long)getpid());
	listen_at(p, address);
}

static void
serve_two(struct play *p)
{
	play_dial(p);
	say(p, 0, "one\ntw");
	play_dial(p);
	say(p, 1, "another\n");
	say(p, 0, "o\n");
	say_eof(p, 0);
	say_eof(p, 1);
}

void
accepted_unix(struct play *p)
{
	listen_by_name(p);
	serve_two(p);
}

void
accepted_tcp(struct play *p)
{
	p->by_network = true;
	listen_at(p, "127.0.0.1:0");
	serve_two(p);
}

/* A file that a server left behind is in the way. */
void
accepted_at_file(struct play *p)
{
	char path[64], address[80];

	(void)snprintf(
	    path, sizeof path, P_tmpdir "/evchat-sweep-%ld", (long)getpid());
	(void)snprintf(address, sizeof address, "unix:%s", path);
	play_leave_file(p, path);
	listen_at(p, address);
	serve_two(p);
	evchat_listener_stop(p->listener);
	(void)remove(path); /* gone already, if the listener was there */
}

void
listener_paused(struct play *p)
{
	listen_by_name(p);
	play_dial(p);
	play_must(p, evchat_listener_pause(p->listener));
	play_dial(p);
	say(p, 1, "waiting\n");
	play_must(p, evchat_listener_resume(p->listener));
	play_settle(p);
	evchat_listener_stop(p->listener);
	play_dial(p); /* in vain */
	say(p, 0, "still here\n");
	say_eof(p, 0);
	say_eof(p, 1);
}

/* --- Connectors. --- */

static struct evchat_connect_options
connect_options(void)
{
	return (struct evchat_connect_options){
	    .channel.callbacks = actor_callbacks,
	    .channel.terminator = EVCHAT_LIT("\n")};
}

static struct actor *
call(struct play *p, const char *address)
{
	struct evchat_connect_options options = connect_options();
	struct evchat_resolver resolver = resolver_of(&p->resolver);
	struct actor *a = actor_new(p);

	a->hook = send_back;
	a->ch = evchat_connect(p->base, &resolver, address, &options, a);
	if (!a->ch)
		p->complained = true;
	must(a, evchat_push(a->ch, "hello ", 6));
	play_settle(p);
	return a;
}

/* Whoever is called answers. */
static void
talk(struct play *p, struct actor *a, int listening)
{
	play_take_call(p, listening);
	say(p, 0, "one\nt");
	say(p, 0, "wo\n");
	evchat_close_when_done(a->ch);
	play_settle(p);
	say_eof(p, 0);
}

static void
connect_to(struct play *p, int family)
{
	char address[EVCHAT_ADDRESS_SIZE];
	int listening = play_await_call(p, family, address, sizeof address);

	talk(p, call(p, address), listening);
}

void
connected_unix(struct play *p)
{
	connect_to(p, AF_UNIX);
}

void
connected_tcp(struct play *p)
{
	p->by_network = true;
	connect_to(p, AF_INET);
}

/* A name with three addresses, of which the first is of no kind that is known
 * and at the second nobody listens. */
void
connected_by_name(struct play *p)
{
	char address[EVCHAT_ADDRESS_SIZE], name[64];
	struct sockaddr_in nobody = {.sin_family = AF_INET},
			   somebody = {.sin_family = AF_INET};
	int listening = play_await_call(p, AF_INET, address, sizeof address);
	struct actor *a;

	p->by_network = true;
	nobody.sin_addr.s_addr = htonl(0x7f000102);
	somebody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	resolver_add(&p->resolver,
	    (struct evchat_resolved){(struct sockaddr *)&nobody, 1});
	resolver_add(
	    &p->resolver, (struct evchat_resolved){
			      (struct sockaddr *)&nobody, sizeof nobody});
	resolver_add(
	    &p->resolver, (struct evchat_resolved){
			      (struct sockaddr *)&somebody, sizeof somebody});
	(void)snprintf(
	    name, sizeof name, "example.org%s", strrchr(address, ':'));
	a = call(p, name);
	if (resolver_is_asked(&p->resolver))
		resolver_answer(&p->resolver);
	play_settle(p);
	talk(p, a, listening);
}

/* --- From elsewhere. --- */

static void
run_posted(struct evchat *ch, void *ctx)
{
	struct actor *a = ctx;

	play_note(a->play, ch ? "posted" : "posted too late");
	if (ch)
		must(a, evchat_push(ch, "posted ", 7));
}

void
posted(struct play *p)
{
	struct actor *a = play_open(p, &actor_callbacks, EVCHAT_LIT("\n"));

	if (a->ch)
		p->remote = evchat_remote_new(a->ch);
	if (!p->remote) {
		p->complained = true;
		return;
	}
	play_must(p, evchat_post(p->remote, run_posted, a));
	play_must(p, evchat_post(p->remote, run_posted, a));
	play_settle(p);
	say_eof(p, 0);
	play_must(p, evchat_post(p->remote, run_posted, a));
	play_settle(p);
}

/* --- Groups. --- */

static void
make_group(struct play *p)
{
	p->group = evchat_group_new(p->base);
	if (!p->group)
		p->complained = true;
}

static void
join(struct play *p)
{
	struct actor *a = play_open(p, &actor_callbacks, EVCHAT_LIT("\n"));

	play_must(p, evchat_group_add(p->group, a->ch));
}

void
broadcast(struct play *p)
{
	static char large[3000];

	memset(large, 'b', sizeof large);
	make_group(p);
	for (int i = 0; i < 3; i++)
		join(p);
	play_must(p, evchat_group_broadcast(p->group, "to all ", 7, NULL));
	play_must(p, evchat_group_broadcast(
			 p->group, large, sizeof large, p->actors[1].ch));
	play_settle(p);
	evchat_group_close_all(p->group);
	play_settle(p);
}

static void
on_done(struct evchat_group *group, size_t went, size_t cut, void *ctx)
{
	char text[64];

	(void)group;
	(void)snprintf(text, sizeof text, "done(%zu, %zu)", went, cut);
	play_note(ctx, text);
}

/* One that has nothing to send, and one whose peer does not read. */
void
group_closed(struct play *p)
{
	static char large[400000];

	make_group(p);
	join(p);
	join(p);
	p->peers[1].deaf = true;
	must(&p->actors[1], evchat_push(p->actors[1].ch, large, sizeof large));
	play_settle(p);
	play_must(p, evchat_group_close_when_done(p->group, 1000, on_done, p));
	play_settle(p);
	play_pass(p, 1500);
	p->peers[1].deaf = false;
	play_settle(p);
}
