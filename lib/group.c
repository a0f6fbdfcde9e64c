/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Groups: sets of channels.  A group is an array of memberships, and each
 * membership knows its place in it, so that joining and leaving take no search.
 *
 * While somebody walks the array its places keep their order: who leaves leaves
 * a hole, and the last walker out closes the holes.
 */
#include "alloc-internal.h"
#include "channel-internal.h"
#include "clock-internal.h"
#include "error-internal.h"
#include "group-internal.h"
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <limits.h>
#include <string.h>

/* Fewer bytes are copied into each channel: a reference takes a chain of 1 KiB
 * (rule 31), and copies share one. */
enum { WORTH_A_REFERENCE = 1024 };

struct membership {
	struct evchat_tie tie; /* first: it is what the channel gives back */
	struct evchat_group *group;
	struct evchat *ch;
	size_t place;
};

/* How far evchat_group_close_when_done() has come. */
enum closing {
	NOT_CLOSING,
	AWAIT_CHANNELS, /* the last of them, or the deadline */
	AWAIT_CUT,      /* the last of them, after the deadline */
	AWAIT_LOOP      /* to say that it is done */
};

struct evchat_group {
	struct event_base *base;
	struct event *timer;
	struct membership **members; /* NULL where there is a hole */
	size_t places, room;
	size_t count;
	unsigned walkers;

	/* Of evchat_group_close_when_done(). */
	evchat_group_done_cb done;
	void *ctx;
	uint64_t due; /* 0: never */
	size_t went, cut;
	enum closing closing;
	bool freed; /* and the memory goes with the last walker */
};

/* --- Places. --- */

static int
make_room(struct evchat_group *group)
{
	size_t room = group->room ? 2 * group->room : 8;
	struct membership **members;

	if (group->places < group->room)
		return 0;
	if (room > SIZE_MAX / sizeof(void *))
		return EVCHAT_ERR_NO_MEMORY;
	members = evchat_realloc_(group->members, room * sizeof(void *));
	if (!members)
		return EVCHAT_ERR_NO_MEMORY;
	group->members = members;
	group->room = room;
	return 0;
}

static void
put(struct evchat_group *group, struct membership *member, size_t place)
{
	group->members[place] = member;
	member->place = place;
}

static void
close_holes(struct evchat_group *group)
{
	size_t kept = 0;

	for (size_t i = 0; i < group->places; i++)
		if (group->members[i])
			put(group, group->members[i], kept++);
	group->places = kept;
}

static void
leave_place(struct evchat_group *group, size_t place)
{
	group->count--;
	if (group->walkers) {
		group->members[place] = NULL;
		return;
	}
	put(group, group->members[--group->places], place);
}

/* --- Walking. --- */

static void
destroy(struct evchat_group *group)
{
	event_free(group->timer);
	evchat_mfree_(group->members);
	evchat_mfree_(group);
}

/* Returns how far to walk: not to those who join meanwhile. */
static size_t
start_walk(struct evchat_group *group)
{
	group->walkers++;
	return group->places;
}

static void
end_walk(struct evchat_group *group)
{
	if (--group->walkers)
		return;
	if (group->freed)
		destroy(group);
	else
		close_holes(group);
}

void
evchat_group_for_each(struct evchat_group *group, evchat_cb visit, void *ctx)
{
	size_t end;

	if (!group || !visit)
		return;
	end = start_walk(group);
	for (size_t i = 0; i < end && !group->freed; i++)
		if (group->members[i])
			visit(group->members[i]->ch, ctx);
	end_walk(group);
}

/* --- Joining and leaving. --- */

bool
evchat_group_takes_(
    const struct evchat_group *group, const struct event_base *base)
{
	return group->base == base;
}

/* If the last one has gone, say so from the loop. */
static void
note_end(struct evchat_group *group)
{
	if (group->closing == NOT_CLOSING || group->closing == AWAIT_LOOP ||
	    group->count)
		return;
	group->closing = AWAIT_LOOP;
	event_active(group->timer, EV_TIMEOUT, 0);
}

static void
cut_off(struct evchat *ch, void *ctx)
{
	(void)ctx;
	evchat_channel_doom_(ch, EVCHAT_REASON_CUT, 0);
}

static bool
is_cut_off(const struct evchat *ch)
{
	return ch->doomed && ch->reason == EVCHAT_REASON_CUT;
}

static void
on_cut(struct evchat_tie *tie)
{
	struct membership *member = (struct membership *)tie;
	struct evchat_group *group = member->group;

	leave_place(group, member->place);
	if (is_cut_off(member->ch))
		group->cut++;
	else
		group->went++;
	evchat_mfree_(member);
	note_end(group);
}

static struct membership *
find(const struct evchat_group *group, const struct evchat *ch)
{
	for (struct evchat_tie *tie = ch->ties; tie; tie = tie->next) {
		struct membership *member = (struct membership *)tie;

		if (tie->cut == on_cut && member->group == group)
			return member;
	}
	return NULL;
}

static int
check(const struct evchat_group *group, const struct evchat *ch)
{
	int error = evchat_channel_check_(ch);

	if (error)
		return error;
	if (!group || group->freed ||
	    !evchat_group_takes_(
		group, bufferevent_get_base(ch->transport.bev)))
		return EVCHAT_ERR_INVALID;
	return 0;
}

int
evchat_group_add(struct evchat_group *group, struct evchat *ch)
{
	struct membership *member;
	int error = check(group, ch);

	if (error || find(group, ch))
		return error;
	member = evchat_malloc_(sizeof *member);
	if (!member || make_room(group)) {
		evchat_mfree_(member);
		return EVCHAT_ERR_NO_MEMORY;
	}
	*member = (struct membership){
	    .tie = {.cut = on_cut}, .group = group, .ch = ch};
	put(group, member, group->places++);
	group->count++;
	evchat_channel_tie_(ch, &member->tie);
	if (group->closing == AWAIT_CUT)
		cut_off(ch, NULL);
	else if (group->closing)
		evchat_close_when_done(ch);
	return 0;
}

static void
let_go(struct membership *member)
{
	evchat_channel_untie_(member->ch, &member->tie);
	leave_place(member->group, member->place);
	evchat_mfree_(member);
}

void
evchat_group_remove(struct evchat_group *group, struct evchat *ch)
{
	struct membership *member;

	if (check(group, ch))
		return;
	member = find(group, ch);
	if (!member)
		return;
	let_go(member);
	note_end(group);
}

size_t
evchat_group_count(const struct evchat_group *group)
{
	return group ? group->count : 0;
}

/* --- The same bytes for all. --- */

/* Bytes that many channels refer to. */
struct shared_bytes {
	size_t owners;
	unsigned char bytes[];
};

static void
release(struct shared_bytes *shared)
{
	if (--shared->owners == 0)
		evchat_mfree_(shared);
}

static void
on_sent(const void *bytes, size_t len, void *ctx)
{
	(void)bytes, (void)len;
	release(ctx);
}

static struct shared_bytes *
share(const void *bytes, size_t len)
{
	struct shared_bytes *shared = NULL;

	if (len <= SIZE_MAX - sizeof *shared)
		shared = evchat_malloc_(sizeof *shared + len);
	if (!shared)
		return NULL;
	shared->owners = 1;
	memcpy(shared->bytes, bytes, len);
	return shared;
}

static int
push(struct evchat *ch, const void *bytes, size_t len,
    struct shared_bytes *shared)
{
	if (!shared)
		return evchat_push(ch, bytes, len);
	shared->owners++;
	return evchat_push_ref(ch, shared->bytes, len, on_sent, shared);
}

/* Returns how many were skipped. */
static int
push_to_all(struct evchat_group *group, const void *bytes, size_t len,
    struct shared_bytes *shared, const struct evchat *except)
{
	size_t end = start_walk(group);
	int skipped = 0;

	for (size_t i = 0; i < end; i++) {
		struct evchat *ch =
		    group->members[i] ? group->members[i]->ch : NULL;

		if (!ch || ch == except)
			continue;
		if (!evchat_has_room(ch) || push(ch, bytes, len, shared))
			skipped += skipped < INT_MAX;
	}
	end_walk(group);
	return skipped;
}

int
evchat_group_broadcast(struct evchat_group *group, const void *bytes,
    size_t len, const struct evchat *except)
{
	struct shared_bytes *shared = NULL;
	int skipped;

	if (!group || group->freed || (len && !bytes))
		return EVCHAT_ERR_INVALID;
	if (!len)
		return 0;
	if (len >= WORTH_A_REFERENCE) {
		shared = share(bytes, len);
		if (!shared)
			return EVCHAT_ERR_NO_MEMORY;
	}
	skipped = push_to_all(group, bytes, len, shared, except);
	if (shared)
		release(shared);
	return skipped;
}

/* --- The end. --- */

void
evchat_group_close_all(struct evchat_group *group)
{
	evchat_group_for_each(group, cut_off, NULL);
}

static void
close_one(struct evchat *ch, void *ctx)
{
	(void)ctx;
	evchat_close_when_done(ch);
}

static bool
is_overdue(const struct evchat_group *group)
{
	return group->due && !evchat_clock_left_(group->due);
}

static int
start_timer(struct evchat_group *group)
{
	struct timeval tv =
	    evchat_clock_interval_(evchat_clock_left_(group->due));

	return group->due ? evtimer_add(group->timer, &tv) : 0;
}

/* As new before `done`, which may start all over or free the group. */
static void
tell_done(struct evchat_group *group)
{
	group->closing = NOT_CLOSING;
	if (group->done)
		group->done(group, group->went, group->cut, group->ctx);
}

/* Either the deadline has passed or the last channel has gone. */
static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct evchat_group *group = ctx;

	(void)fd, (void)what;
	if (!group->count) {
		tell_done(group);
		return;
	}
	/* Somebody has joined when the last had gone, or libevent, which counts
	 * from when its loop woke up, is early. */
	group->closing = AWAIT_CHANNELS;
	if (!is_overdue(group) && !start_timer(group))
		return;
	group->closing = AWAIT_CUT;
	evchat_group_close_all(group);
}

int
evchat_group_close_when_done(struct evchat_group *group, unsigned deadline_ms,
    evchat_group_done_cb done, void *ctx)
{
	if (!group || group->freed)
		return EVCHAT_ERR_INVALID;
	if (group->closing)
		return EVCHAT_ERR_BUSY;
	group->due = deadline_ms ? evchat_clock_ms_() + deadline_ms : 0;
	if (start_timer(group))
		return EVCHAT_ERR_NO_MEMORY;
	group->closing = AWAIT_CHANNELS;
	group->done = done;
	group->ctx = ctx;
	group->went = group->cut = 0;
	evchat_group_for_each(group, close_one, NULL);
	note_end(group);
	return 0;
}

struct evchat_group *
evchat_group_new(struct event_base *base)
{
	struct evchat_group *group;

	if (!base)
		return evchat_refuse_(EVCHAT_ERR_INVALID);
	group = evchat_zalloc_(sizeof *group);
	if (!group)
		return evchat_refuse_(EVCHAT_ERR_NO_MEMORY);
	group->base = base;
	group->timer = evtimer_new(base, on_timer, group);
	if (group->timer)
		return group;
	evchat_mfree_(group);
	return evchat_refuse_(EVCHAT_ERR_NO_MEMORY);
}

void
evchat_group_free(struct evchat_group *group)
{
	if (!group || group->freed)
		return;
	group->walkers++; /* holes, not moves, while they are let go */
	for (size_t i = 0; i < group->places; i++)
		if (group->members[i])
			let_go(group->members[i]);
	group->freed = true;
	end_walk(group);
}
