/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Groups: who is in them, walks during which anything may happen, the same
 * bytes for all, and the end of all.
 *
 * In a transcript "a" is a visit to the first channel, "a:DONE" its end, and
 * "done(2,1)" the end of the group, after two went and one was cut off.
 */
#include "alloc-internal.h"
#include "buffers-internal.h"
#include "support/counting.h"
#include "support/loop.h"
#include "support/memory.h"
#include "support/scale.h"
#include "support/suite.h"
#include <errno.h>
#include <evchat/evchat.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { KIB = 1024, MIB = 1024 * KIB, GUESTS = 26, SAID = 4096 };

/* A channel and the socket of its peer. */
struct guest {
	struct evchat *ch; /* NULL when it has ended */
	int peer;
	char name;
};

static struct party {
	struct event_base *base;
	struct evchat_group *group;
	struct guest guests[GUESTS];
	size_t n; /* guests that came so far */
	char said[SAID];
	/* Called at each visit, each end and when all is done. */
	void (*hook)(struct guest *guest);
	size_t cleanups;
} p;

/* More than a socket takes. */
static char block[4 * MIB];

/* --- What happens is written down. --- */

static void
say(const char *what)
{
	if (*p.said)
		strcat(p.said, " ");
	strcat(p.said, what);
	ck_assert_uint_lt(strlen(p.said), sizeof p.said - 64);
}

static void
expect(const char *said)
{
	ck_assert_str_eq(p.said, said);
	*p.said = '\0';
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

static void
call_hook(struct guest *guest)
{
	if (p.hook)
		p.hook(guest);
}

static void
on_closed(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	struct guest *guest = ctx;
	char what[64];

	ck_assert_ptr_eq(ch, guest->ch);
	(void)snprintf(
	    what, sizeof what, "%c:%s", guest->name, reason_name(reason));
	say(what);
	call_hook(guest);
	guest->ch = NULL;
}

static void
visit(struct evchat *ch, void *ctx)
{
	struct guest *guest = evchat_ctx(ch);

	ck_assert_ptr_eq(ctx, &p);
	ck_assert_ptr_eq(ch, guest->ch);
	say((char[]){guest->name, '\0'});
	call_hook(guest);
}

static void
on_done(struct evchat_group *group, size_t went, size_t cut, void *ctx)
{
	char what[64];

	ck_assert_ptr_eq(group, p.group);
	ck_assert_ptr_eq(ctx, &p);
	(void)snprintf(what, sizeof what, "done(%zu,%zu)", went, cut);
	say(what);
	call_hook(NULL);
}

/* --- The party. --- */

static const struct evchat_callbacks callbacks = {.closed = on_closed};

static void
turns(int n)
{
	while (n-- > 0)
		loop_turn(p.base, EVLOOP_NONBLOCK);
}

/* A guest at the door: not in the group yet. */
static struct guest *
come(void)
{
	struct guest *guest = &p.guests[p.n];
	int fds[2];

	ck_assert_uint_lt(p.n, GUESTS);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert_int_eq(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	guest->name = (char)('a' + p.n++);
	guest->peer = fds[1];
	guest->ch = evchat_open(p.base, fds[0], 0, &callbacks, guest);
	ck_assert_ptr_nonnull(guest->ch);
	return guest;
}

static struct guest *
join(void)
{
	struct guest *guest = come();

	ck_assert_int_eq(evchat_group_add(p.group, guest->ch), 0);
	return guest;
}

static void
begin(size_t n)
{
	memset(&p, 0, sizeof p);
	signal(SIGPIPE, SIG_IGN);
	p.base = event_base_new();
	p.group = evchat_group_new(p.base);
	ck_assert_ptr_nonnull(p.group);
	while (n-- > 0)
		join();
	turns(2);
}

static void
end(void)
{
	p.hook = NULL;
	for (size_t i = 0; i < p.n; i++) {
		evchat_free(p.guests[i].ch);
		if (p.guests[i].peer >= 0)
			close(p.guests[i].peer);
	}
	evchat_group_free(p.group);
	event_base_loop(p.base, EVLOOP_NONBLOCK);
	event_base_free(p.base);
}

/* --- Things that guests do. --- */

static struct guest *
named(char name)
{
	return &p.guests[name - 'a'];
}

static void
go(struct guest *guest)
{
	evchat_free(guest->ch);
	guest->ch = NULL;
}

static void
go_with_the_bufferevent(struct guest *guest)
{
	struct bufferevent *bev = evchat_detach(guest->ch);

	ck_assert_ptr_nonnull(bev);
	guest->ch = NULL;
	bufferevent_free(bev);
}

static void
walk(void)
{
	evchat_group_for_each(p.group, visit, &p);
}

/* Those who are in it, in the order of a walk. */
static void
expect_members(const char *names)
{
	void (*hook)(struct guest * guest) = p.hook;

	p.hook = NULL;
	ck_assert_str_eq(p.said, "");
	walk();
	expect(names);
	p.hook = hook;
}

static void
expect_count(size_t n)
{
	ck_assert_uint_eq(evchat_group_count(p.group), n);
}

/* All that a peer gets; a socket may hold less than was sent, when it comes in
 * many pieces. */
static size_t
hear(const struct guest *guest, char *bytes, size_t size)
{
	size_t len = 0;
	ssize_t got;

	while ((got = recv(guest->peer, bytes + len, size - len, 0)) > 0) {
		len += (size_t)got;
		turns(1);
	}
	/* Nothing is not the end. */
	if (!len)
		ck_assert_int_eq(got, -1);
	return len;
}

/* What a peer got, which is nothing but these. */
static void
received(const struct guest *guest, char byte, size_t len)
{
	static char bytes[64 * KIB];

	ck_assert_uint_eq(hear(guest, bytes, sizeof bytes), len);
	for (size_t i = 0; i < len; i++)
		ck_assert_int_eq(bytes[i], byte);
}

/* More output than the socket takes, to a peer that does not read. */
static void
stuff(struct guest *guest)
{
	ck_assert_int_eq(
	    evchat_push_ref(guest->ch, block, sizeof block, NULL, NULL), 0);
	turns(4);
	ck_assert_uint_gt(evchat_pending(guest->ch), 0);
}

/* --- Members. --- */

START_TEST(a_new_group_is_empty)
{
	begin(0);
	expect_count(0);
	expect_members("");
	end();
}
END_TEST

START_TEST(a_group_needs_a_base)
{
	errno = 0;
	ck_assert_ptr_null(evchat_group_new(NULL));
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

START_TEST(a_group_without_memory_is_refused)
{
	struct event_base *base = event_base_new();
	struct evchat_group *group = NULL;
	size_t n = 0;

	for (; !group; n++) {
		memory_watch();
		memory_refuse_once_after(n);
		errno = 0;
		group = evchat_group_new(base);
		memory_refuse_none();
		ck_assert(group || errno == ENOMEM);
		ck_assert(group || memory_live() == 0);
	}
	ck_assert_uint_gt(n, 1);
	evchat_group_free(group);
	ck_assert_uint_eq(memory_live(), 0);
	memory_unwatch();
	event_base_free(base);
}
END_TEST

START_TEST(a_channel_that_is_added_twice_is_in_it_once)
{
	begin(1);
	ck_assert_int_eq(evchat_group_add(p.group, named('a')->ch), 0);
	expect_count(1);
	expect_members("a");
	evchat_group_remove(p.group, named('a')->ch);
	expect_count(0);
	end();
}
END_TEST

START_TEST(many_members_keep_the_order_they_came_in)
{
	begin(GUESTS);
	expect_count(GUESTS);
	expect_members("a b c d e f g h i j k l m n o p q r s t u v w x y z");
	end();
}
END_TEST

START_TEST(removing_takes_out_nobody_else)
{
	begin(4);
	evchat_group_remove(p.group, named('b')->ch);
	expect_count(3);
	expect_members("a d c");
	evchat_group_remove(p.group, named('c')->ch);
	expect_members("a d");
	evchat_group_remove(p.group, named('c')->ch);
	evchat_group_remove(p.group, come()->ch);
	expect_members("a d");
	ck_assert_int_eq(evchat_group_add(p.group, named('b')->ch), 0);
	expect_members("a d b");
	ck_assert_ptr_nonnull(named('c')->ch);
	end();
}
END_TEST

START_TEST(what_is_missing_or_has_another_base_is_refused)
{
	struct event_base *other = event_base_new();
	struct evchat_group *elsewhere = evchat_group_new(other);
	struct guest *guest;

	begin(0);
	guest = come();
	ck_assert_int_eq(evchat_group_add(NULL, guest->ch), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(evchat_group_add(p.group, NULL), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(
	    evchat_group_add(elsewhere, guest->ch), EVCHAT_ERR_INVALID);
	ck_assert_uint_eq(evchat_group_count(elsewhere), 0);
	evchat_group_remove(elsewhere, guest->ch);
	evchat_group_remove(NULL, guest->ch);
	evchat_group_remove(p.group, NULL);
	ck_assert_uint_eq(evchat_group_count(NULL), 0);
	evchat_group_for_each(NULL, visit, &p);
	evchat_group_for_each(p.group, NULL, &p);
	evchat_group_close_all(NULL);
	evchat_group_free(NULL);
	expect("");
	evchat_group_free(elsewhere);
	end();
	event_base_free(other);
}
END_TEST

START_TEST(adding_without_memory_changes_nothing)
{
	/* The ninth needs a place and room for it. */
	begin(8);
	come();
	for (size_t n = 0;; n++) {
		int error;

		memory_watch();
		memory_refuse_once_after(n);
		error = evchat_group_add(p.group, named('i')->ch);
		memory_refuse_none();
		memory_unwatch();
		if (!error)
			break;
		ck_assert_uint_lt(n, 2);
		ck_assert_int_eq(error, EVCHAT_ERR_NO_MEMORY);
		expect_members("a b c d e f g h");
	}
	expect_members("a b c d e f g h i");
	end();
}
END_TEST

/* --- Leaving, in every group at once. --- */

static struct evchat_group *others[3];

static void
begin_with_others(size_t n)
{
	begin(n);
	for (size_t i = 0; i < 3; i++) {
		others[i] = evchat_group_new(p.base);
		for (size_t k = 0; k < n; k++)
			ck_assert_int_eq(
			    evchat_group_add(others[i], p.guests[k].ch), 0);
	}
}

static void
expect_everywhere(size_t n)
{
	expect_count(n);
	for (size_t i = 0; i < 3; i++)
		ck_assert_uint_eq(evchat_group_count(others[i]), n);
}

static void
end_with_others(void)
{
	for (size_t i = 0; i < 3; i++)
		evchat_group_free(others[i]);
	end();
}

START_TEST(a_channel_in_several_groups_leaves_one_at_a_time)
{
	begin_with_others(2);
	evchat_group_remove(others[1], named('a')->ch);
	expect_count(2);
	ck_assert_uint_eq(evchat_group_count(others[0]), 2);
	ck_assert_uint_eq(evchat_group_count(others[1]), 1);
	ck_assert_uint_eq(evchat_group_count(others[2]), 2);
	end_with_others();
}
END_TEST

START_TEST(a_freed_channel_has_left_all_groups)
{
	begin_with_others(2);
	go(named('a'));
	expect_everywhere(1);
	expect_members("b");
	end_with_others();
}
END_TEST

START_TEST(a_detached_channel_has_left_all_groups)
{
	begin_with_others(2);
	go_with_the_bufferevent(named('b'));
	expect_everywhere(1);
	expect_members("a");
	end_with_others();
}
END_TEST

static void
note_that_it_has_left(struct guest *guest)
{
	expect_everywhere(1);
	ck_assert_int_eq(
	    evchat_group_add(p.group, guest->ch), EVCHAT_ERR_CLOSING);
	evchat_group_remove(p.group, guest->ch);
	expect_everywhere(1);
	say("left");
}

START_TEST(a_channel_has_left_all_groups_when_closed_is_called)
{
	begin_with_others(2);
	p.hook = note_that_it_has_left;
	evchat_close_when_done(named('a')->ch);
	expect_everywhere(2);
	turns(4);
	expect("a:DONE left");
	expect_everywhere(1);
	end_with_others();
}
END_TEST

START_TEST(channels_outlive_their_group)
{
	begin(2);
	evchat_group_free(p.group);
	p.group = NULL;
	ck_assert_int_eq(evchat_push(named('a')->ch, "xx", 2), 0);
	turns(4);
	received(named('a'), 'x', 2);
	go(named('a'));
	evchat_close_when_done(named('b')->ch);
	turns(4);
	expect("b:DONE");
	end();
}
END_TEST

static void
free_the_group(struct guest *guest)
{
	(void)guest;
	evchat_group_free(p.group);
	p.group = NULL;
}

START_TEST(a_group_can_be_freed_when_a_member_is_closed)
{
	begin(3);
	p.hook = free_the_group;
	evchat_close_when_done(named('b')->ch);
	turns(4);
	expect("b:DONE");
	ck_assert_ptr_nonnull(named('a')->ch);
	end();
}
END_TEST

/* --- Walks. --- */

START_TEST(a_walk_visits_everybody_once)
{
	begin(3);
	walk();
	expect("a b c");
	end();
}
END_TEST

static void
go_oneself(struct guest *guest)
{
	go(guest);
}

static void
detach_oneself(struct guest *guest)
{
	go_with_the_bufferevent(guest);
}

static void
leave_oneself(struct guest *guest)
{
	evchat_group_remove(p.group, guest->ch);
}

START_TEST(everybody_can_leave_at_the_visit)
{
	static void (*const ways[])(struct guest *) = {
	    go_oneself, detach_oneself, leave_oneself};

	begin(4);
	p.hook = ways[_i];
	walk();
	expect("a b c d");
	expect_count(0);
	expect_members("");
	join();
	expect_members("e");
	end();
}
END_TEST

static void
end_oneself(struct guest *guest)
{
	evchat_close_when_done(guest->ch);
}

START_TEST(everybody_can_be_closed_at_the_visit)
{
	begin(3);
	p.hook = end_oneself;
	walk();
	expect("a b c");
	expect_count(3);
	p.hook = NULL;
	turns(4);
	expect("a:DONE b:DONE c:DONE");
	expect_count(0);
	end();
}
END_TEST

static void
b_ends_a(struct guest *guest)
{
	if (guest->name == 'b')
		go(named('a'));
}

START_TEST(the_one_before_can_end_in_a_walk)
{
	begin(4);
	p.hook = b_ends_a;
	walk();
	expect("a b c d");
	expect_members("b c d");
	end();
}
END_TEST

static void
b_ends_c(struct guest *guest)
{
	if (guest->name == 'b')
		go(named('c'));
}

START_TEST(the_one_behind_that_ends_is_not_visited)
{
	begin(4);
	p.hook = b_ends_c;
	walk();
	expect("a b d");
	expect_members("a b d");
	end();
}
END_TEST

static void
a_ends_all(struct guest *guest)
{
	(void)guest;
	for (size_t i = 0; i < p.n; i++)
		go(&p.guests[i]);
}

START_TEST(all_can_end_at_the_first_visit)
{
	begin(4);
	p.hook = a_ends_all;
	walk();
	expect("a");
	expect_count(0);
	end();
}
END_TEST

static void
bring_a_friend(struct guest *guest)
{
	(void)guest;
	for (int i = 0; i < 5; i++)
		join();
}

/* So many that the array moves. */
START_TEST(those_who_join_in_a_walk_are_not_visited)
{
	begin(3);
	p.hook = bring_a_friend;
	walk();
	expect("a b c");
	expect_count(18);
	expect_members("a b c d e f g h i j k l m n o p q r");
	end();
}
END_TEST

static void
leave_and_join(struct guest *guest)
{
	evchat_group_remove(p.group, guest->ch);
	ck_assert_int_eq(evchat_group_add(p.group, guest->ch), 0);
}

START_TEST(who_leaves_and_joins_in_a_walk_is_not_visited_again)
{
	begin(3);
	p.hook = leave_and_join;
	walk();
	expect("a b c");
	expect_members("a b c");
	end();
}
END_TEST

static void
b_sends_c_round(struct guest *guest)
{
	if (guest->name == 'b')
		leave_and_join(named('c'));
}

START_TEST(who_left_and_joined_before_the_visit_has_lost_the_place)
{
	begin(4);
	p.hook = b_sends_c_round;
	walk();
	expect("a b d");
	expect_members("a b d c");
	end();
}
END_TEST

static void
b_frees_the_group(struct guest *guest)
{
	if (guest->name == 'b')
		free_the_group(guest);
}

START_TEST(freeing_the_group_ends_the_walk)
{
	begin(4);
	p.hook = b_frees_the_group;
	walk();
	expect("a b");
	ck_assert_ptr_nonnull(named('c')->ch);
	end();
}
END_TEST

static void
b_goes_and_frees_the_group(struct guest *guest)
{
	if (guest->name != 'b')
		return;
	go(named('a'));
	go(guest);
	free_the_group(guest);
}

START_TEST(a_group_with_holes_can_be_freed)
{
	begin(4);
	p.hook = b_goes_and_frees_the_group;
	walk();
	expect("a b");
	ck_assert_int_eq(evchat_push(named('d')->ch, "x", 1), 0);
	turns(4);
	received(named('d'), 'x', 1);
	end();
}
END_TEST

static void
end_in_a_group_that_is_freed(struct guest *guest)
{
	struct evchat_group *group = p.group;

	free_the_group(guest);
	/* The walk still holds it. */
	ck_assert_uint_eq(evchat_group_count(group), 0);
	ck_assert_int_eq(
	    evchat_group_add(group, guest->ch), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(
	    evchat_group_broadcast(group, "x", 1, NULL), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(evchat_group_close_when_done(group, 0, on_done, &p),
	    EVCHAT_ERR_INVALID);
	evchat_group_remove(group, guest->ch);
	evchat_group_for_each(group, visit, &p);
	evchat_group_close_all(group);
	evchat_group_free(group);
}

START_TEST(a_group_that_was_freed_in_a_walk_takes_nothing_any_more)
{
	begin(3);
	p.hook = end_in_a_group_that_is_freed;
	walk();
	expect("a");
	turns(4);
	expect("");
	end();
}
END_TEST

static void (*inner)(struct guest *guest);

static void
b_walks(struct guest *guest)
{
	if (guest->name != 'b')
		return;
	p.hook = inner;
	say("(");
	walk();
	say(")");
	p.hook = NULL;
}

START_TEST(a_walk_can_be_made_in_a_walk)
{
	begin(3);
	p.hook = b_walks;
	inner = NULL;
	walk();
	expect("a b ( a b c ) c");
	end();
}
END_TEST

START_TEST(who_ends_in_an_inner_walk_is_not_visited_in_the_outer)
{
	begin(4);
	p.hook = b_walks;
	inner = b_ends_c;
	walk();
	expect("a b ( a b d ) d");
	expect_members("a b d");
	end();
}
END_TEST

START_TEST(who_joins_in_an_inner_walk_is_visited_in_neither)
{
	begin(3);
	p.hook = b_walks;
	inner = bring_a_friend;
	walk();
	expect("a b ( a b c ) c");
	expect_count(18);
	end();
}
END_TEST

START_TEST(holes_of_an_inner_walk_are_closed_by_the_outer)
{
	begin(4);
	p.hook = b_walks;
	inner = go_oneself;
	walk();
	expect("a b ( a b c d )");
	expect_count(0);
	join();
	join();
	expect_members("e f");
	end();
}
END_TEST

START_TEST(freeing_the_group_in_an_inner_walk_ends_both)
{
	begin(4);
	p.hook = b_walks;
	inner = b_frees_the_group;
	walk();
	expect("a b ( a b )");
	end();
}
END_TEST

static void
b_speaks_to_all(struct guest *guest)
{
	static char bytes[2 * KIB];

	if (guest->name != 'b')
		return;
	go(named('a'));
	ck_assert_int_eq(
	    evchat_group_broadcast(p.group, bytes, sizeof bytes, guest->ch), 0);
}

START_TEST(a_broadcast_can_be_made_in_a_walk)
{
	begin(3);
	p.hook = b_speaks_to_all;
	walk();
	expect("a b c");
	turns(4);
	received(named('b'), 0, 0);
	received(named('c'), 0, 2 * KIB);
	end();
}
END_TEST

static void
a_cuts_all_off(struct guest *guest)
{
	if (guest->name == 'a')
		evchat_group_close_all(p.group);
}

START_TEST(all_can_be_cut_off_in_a_walk)
{
	begin(3);
	p.hook = a_cuts_all_off;
	walk();
	expect("a b c");
	p.hook = NULL;
	turns(4);
	expect("a:CUT b:CUT c:CUT");
	end();
}
END_TEST

/* --- The same bytes for all. --- */

/* As many as are copied, and as are referred to. */
static const size_t lengths[] = {1, 1023, 1024, 16 * KIB};

static int
broadcast(char byte, size_t len, const struct evchat *except)
{
	char *bytes = malloc(len);
	int answer;

	ck_assert_ptr_nonnull(bytes);
	memset(bytes, byte, len);
	answer = evchat_group_broadcast(p.group, bytes, len, except);
	memset(bytes, '?', len);
	free(bytes);
	return answer;
}

START_TEST(everybody_gets_a_broadcast)
{
	begin(5);
	ck_assert_int_eq(broadcast('x', lengths[_i], NULL), 0);
	turns(4);
	for (size_t i = 0; i < 5; i++)
		received(&p.guests[i], 'x', lengths[_i]);
	end();
}
END_TEST

START_TEST(one_can_be_excepted)
{
	begin(3);
	ck_assert_int_eq(broadcast('x', lengths[_i], named('b')->ch), 0);
	turns(4);
	received(named('a'), 'x', lengths[_i]);
	received(named('b'), 'x', 0);
	received(named('c'), 'x', lengths[_i]);
	/* Somebody who is not there at all. */
	ck_assert_int_eq(broadcast('y', 1, come()->ch), 0);
	turns(4);
	received(named('b'), 'y', 1);
	end();
}
END_TEST

START_TEST(broadcasts_keep_their_order)
{
	char bytes[4000];

	begin(1);
	ck_assert_int_eq(broadcast('a', 500, NULL), 0);
	ck_assert_int_eq(broadcast('b', 2000, NULL), 0);
	ck_assert_int_eq(broadcast('c', 500, NULL), 0);
	turns(4);
	ck_assert_uint_eq(hear(named('a'), bytes, sizeof bytes), 3000);
	ck_assert_int_eq(bytes[499], 'a');
	ck_assert_int_eq(bytes[500], 'b');
	ck_assert_int_eq(bytes[2499], 'b');
	ck_assert_int_eq(bytes[2500], 'c');
	end();
}
END_TEST

START_TEST(nothing_can_be_broadcast_and_nothing_is_sent)
{
	begin(1);
	ck_assert_int_eq(evchat_group_broadcast(p.group, "x", 0, NULL), 0);
	ck_assert_int_eq(evchat_group_broadcast(p.group, NULL, 0, NULL), 0);
	turns(4);
	received(named('a'), 'x', 0);
	end();
}
END_TEST

START_TEST(a_broadcast_to_nobody_skips_nobody)
{
	begin(0);
	ck_assert_int_eq(broadcast('x', lengths[_i], NULL), 0);
	end();
}
END_TEST

START_TEST(a_broadcast_without_group_or_bytes_is_refused)
{
	begin(1);
	ck_assert_int_eq(
	    evchat_group_broadcast(NULL, "x", 1, NULL), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(
	    evchat_group_broadcast(p.group, NULL, 1, NULL), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(evchat_group_broadcast(p.group, "x", SIZE_MAX, NULL),
	    EVCHAT_ERR_NO_MEMORY);
	end();
}
END_TEST

START_TEST(who_is_over_the_high_mark_is_skipped)
{
	static const struct evchat_limits limits = {.output_high = 10};

	begin(3);
	ck_assert_int_eq(evchat_set_limits(named('b')->ch, &limits), 0);
	ck_assert_int_eq(evchat_push(named('b')->ch, "xxxxxxxxxx", 10), 0);
	ck_assert(evchat_has_room(named('b')->ch));
	ck_assert_int_eq(broadcast('x', lengths[_i], NULL), 0);
	ck_assert(!evchat_has_room(named('b')->ch));
	ck_assert_int_eq(broadcast('x', lengths[_i], NULL), 1);
	turns(4);
	received(named('a'), 'x', 2 * lengths[_i]);
	received(named('b'), 'x', 10 + lengths[_i]);
	received(named('c'), 'x', 2 * lengths[_i]);
	ck_assert_int_eq(broadcast('x', lengths[_i], NULL), 0);
	end();
}
END_TEST

START_TEST(who_is_closing_is_skipped)
{
	begin(4);
	evchat_close_when_done(named('a')->ch);
	ck_assert_int_eq(evchat_shutdown_write(named('d')->ch), 0);
	ck_assert_int_eq(broadcast('x', lengths[_i], NULL), 2);
	turns(4);
	received(named('b'), 'x', lengths[_i]);
	received(named('c'), 'x', lengths[_i]);
	end();
}
END_TEST

START_TEST(who_only_listens_to_others_is_skipped)
{
	struct guest *guest;
	int fds[2];

	begin(1);
	guest = &p.guests[p.n++];
	ck_assert_int_eq(pipe(fds), 0);
	guest->name = 'b';
	guest->peer = fds[1];
	guest->ch = evchat_open(p.base, fds[0], 0, &callbacks, guest);
	ck_assert_int_eq(evchat_group_add(p.group, guest->ch), 0);
	ck_assert_int_eq(broadcast('x', lengths[_i], NULL), 1);
	turns(4);
	received(named('a'), 'x', lengths[_i]);
	end();
}
END_TEST

START_TEST(who_may_hold_no_more_copies_is_skipped)
{
	static const struct evchat_limits limits = {.output_max = 20};

	begin(2);
	ck_assert_int_eq(evchat_set_limits(named('a')->ch, &limits), 0);
	ck_assert_int_eq(broadcast('x', 20, NULL), 0);
	ck_assert_int_eq(broadcast('x', 1, NULL), 1);
	/* What is shared does not count. */
	ck_assert_int_eq(broadcast('x', 2000, NULL), 0);
	turns(4);
	received(named('a'), 'x', 2020);
	received(named('b'), 'x', 2021);
	end();
}
END_TEST

/* How many of them got it. */
static size_t
count_those_who_received(size_t len)
{
	static char bytes[64 * KIB];
	size_t got = 0;

	turns(6);
	for (size_t i = 0; i < p.n; i++)
		if (hear(&p.guests[i], bytes, sizeof bytes) == len)
			got++;
	return got;
}

/* False when there was nothing left to refuse. */
static bool
fail_to_broadcast(size_t n, bool once, size_t len)
{
	int answer;
	size_t got;

	memory_watch();
	begin(5);
	if (once)
		memory_refuse_once_after(n);
	else
		memory_refuse_after(n);
	answer = broadcast('x', len, NULL);
	/* What was pushed is another matter: test_out_of_memory. */
	memory_refuse_none();
	got = count_those_who_received(len);
	if (answer == EVCHAT_ERR_NO_MEMORY)
		ck_assert_uint_eq(got, 0);
	else
		ck_assert_uint_eq(got + (size_t)answer, 5);
	end();
	ck_assert_uint_eq(memory_live(), 0);
	memory_unwatch();
	return memory_refused() > 0;
}

START_TEST(who_gets_nothing_for_want_of_memory_is_counted)
{
	size_t n = 0;

	while (fail_to_broadcast(n, true, lengths[_i]))
		n++;
	ck_assert_uint_gt(n, 5);
	for (n = 0; fail_to_broadcast(n, false, lengths[_i]); n++)
		continue;
}
END_TEST

START_TEST(shared_bytes_without_memory_reach_nobody)
{
	begin(2);
	memory_watch();
	memory_refuse_after(0);
	ck_assert_int_eq(broadcast('x', 1024, NULL), EVCHAT_ERR_NO_MEMORY);
	ck_assert_int_eq(broadcast('x', 1023, NULL), 2);
	memory_refuse_none();
	memory_unwatch();
	end();
}
END_TEST

/* The shared bytes are the largest block there is, and live as long as one of
 * those who got them. */
START_TEST(shared_bytes_go_with_the_last_who_needs_them)
{
	memory_watch();
	begin(4);
	for (char name = 'a'; name <= 'd'; name++)
		stuff(named(name));
	/* The high mark is passed: nobody takes any. */
	ck_assert_int_eq(broadcast('x', 16 * KIB, NULL), 4);
	for (char name = 'a'; name <= 'd'; name++) {
		static const struct evchat_limits wide = {
		    .output_high = 64 * MIB};

		ck_assert_int_eq(evchat_set_limits(named(name)->ch, &wide), 0);
	}
	ck_assert_int_eq(broadcast('x', 16 * KIB, NULL), 0);
	go(named('a'));
	evchat_group_remove(p.group, named('b')->ch);
	evchat_discard_output(named('b')->ch);
	go_with_the_bufferevent(named('c'));
	evchat_group_free(p.group);
	p.group = NULL;
	turns(4);
	end();
	ck_assert_uint_eq(memory_live(), 0);
	memory_unwatch();
}
END_TEST

/* --- Ten thousand. --- */

/* libevent's memory comes from evchat's, which tests count. */
static void
share_memory(void)
{
	event_set_mem_functions(evchat_malloc_, evchat_realloc_, evchat_mfree_);
}

static struct evchat **crowd;

/* One socket for all, whose peer does not read; so a channel costs one
 * descriptor. */
static size_t
gather_crowd(size_t n, int fd)
{
	struct rlimit most;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &most), 0);
	most.rlim_cur = most.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &most), 0);
	if (n > most.rlim_cur - 64)
		n = most.rlim_cur - 64;
	n = loop_holds(p.base, n);
	crowd = calloc(n, sizeof *crowd);
	for (size_t i = 0; i < n; i++) {
		crowd[i] = evchat_open(p.base, dup(fd), 0, &callbacks, NULL);
		ck_assert_ptr_nonnull(crowd[i]);
		ck_assert_int_eq(evchat_group_add(p.group, crowd[i]), 0);
	}
	return n;
}

START_TEST(a_message_to_ten_thousand_takes_no_memory_per_byte)
{
	size_t n = test_scaled(10000), before, most;
	int fds[2];

	counting_begin();
	begin(0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	n = gather_crowd(n, fds[0]);
	/* They are the thread's, however many channels it has. */
	evchat_buffers_give_back_(evchat_buffers_take_());
	turns(4);
	before = counting_now();
	counting_mark();
	ck_assert_int_eq(broadcast('x', 16 * KIB, NULL), 0);
	turns(4);
	most = counting_peak() - before;
	/* 12 MiB for 10,000. */
	ck_assert_msg(
	    most <= 16 * KIB + n * 1258, "%zu bytes for %zu channels", most, n);
	for (size_t i = 0; i < n; i++)
		evchat_free(crowd[i]);
	free(crowd);
	close(fds[0]);
	close(fds[1]);
	expect_count(0);
	end();
	evchat_set_allocator(NULL);
	share_memory();
}
END_TEST

/* --- All cut off. --- */

START_TEST(all_are_cut_off_from_the_loop)
{
	begin(3);
	evchat_group_close_all(p.group);
	expect("");
	expect_count(3);
	turns(4);
	expect("a:CUT b:CUT c:CUT");
	expect_count(0);
	end();
}
END_TEST

static void
note_cleanup(const void *bytes, size_t len, void *ctx)
{
	(void)bytes, (void)len, (void)ctx;
	p.cleanups++;
}

static void
note_unsent(struct guest *guest)
{
	ck_assert_uint_gt(evchat_unsent(guest->ch), 0);
}

START_TEST(what_waits_is_dropped_when_all_are_cut_off)
{
	begin(1);
	p.hook = note_unsent;
	ck_assert_int_eq(evchat_push_ref(named('a')->ch, block, sizeof block,
			     note_cleanup, NULL),
	    0);
	turns(4);
	evchat_group_close_all(p.group);
	turns(4);
	expect("a:CUT");
	ck_assert_uint_eq(p.cleanups, 1);
	end();
}
END_TEST

START_TEST(who_is_freed_after_all_were_cut_off_says_nothing)
{
	begin(2);
	evchat_group_close_all(p.group);
	evchat_group_close_all(p.group);
	go(named('a'));
	turns(4);
	expect("b:CUT");
	end();
}
END_TEST

START_TEST(who_was_closing_is_cut_off)
{
	begin(1);
	stuff(named('a'));
	evchat_close_when_done(named('a')->ch);
	turns(4);
	expect("");
	evchat_group_close_all(p.group);
	turns(4);
	expect("a:CUT");
	end();
}
END_TEST

/* A guest over TCP. */
static struct guest *
join_by_tcp(void)
{
	struct guest *guest = &p.guests[p.n];
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;
	int near, l = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(l, (struct sockaddr *)&at, sizeof at), 0);
	ck_assert_int_eq(getsockname(l, (struct sockaddr *)&at, &len), 0);
	ck_assert_int_eq(listen(l, 1), 0);
	guest->name = (char)('a' + p.n++);
	guest->peer = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(
	    connect(guest->peer, (struct sockaddr *)&at, sizeof at), 0);
	near = accept(l, NULL, NULL);
	close(l);
	guest->ch = evchat_open(p.base, near, 0, &callbacks, guest);
	ck_assert_int_eq(evchat_group_add(p.group, guest->ch), 0);
	return guest;
}

START_TEST(an_answer_that_is_cut_short_ends_in_a_reset)
{
	static char bytes[64 * KIB];
	struct guest *guest;
	ssize_t got;

	begin(0);
	guest = join_by_tcp();
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(
		    evchat_push_ref(guest->ch, block, sizeof block, NULL, NULL),
		    0);
	turns(4);
	evchat_group_close_all(p.group);
	turns(4);
	expect("a:CUT");
	do
		got = recv(guest->peer, bytes, sizeof bytes, 0);
	while (got > 0);
	ck_assert_int_eq(got, -1);
	ck_assert_int_eq(errno, ECONNRESET);
	end();
}
END_TEST

/* --- The end of the group. --- */

static void
close_group(unsigned deadline_ms)
{
	ck_assert_int_eq(
	    evchat_group_close_when_done(p.group, deadline_ms, on_done, &p), 0);
	expect("");
}

/* Until it has been said; the loop waits for the deadline. */
static void
run_until_said(const char *what)
{
	while (!strstr(p.said, what))
		ck_assert_int_eq(event_base_loop(p.base, EVLOOP_ONCE), 0);
}

START_TEST(all_go_by_themselves_and_then_it_is_done)
{
	begin(3);
	ck_assert_int_eq(evchat_push(named('b')->ch, "xx", 2), 0);
	close_group(0);
	turns(4);
	expect("a:DONE c:DONE");
	received(named('b'), 'x', 2);
	shutdown(named('b')->peer, SHUT_WR);
	turns(4);
	expect("b:DONE done(3,0)");
	turns(4);
	expect("");
	end();
}
END_TEST

/* Ends by itself when nothing can happen any more: no deadline is left over. */
START_TEST(the_deadline_does_not_pass_when_all_have_gone)
{
	begin(2);
	close_group(1);
	turns(4);
	expect("a:DONE b:DONE done(2,0)");
	ck_assert_int_eq(event_base_dispatch(p.base), 1);
	expect("");
	end();
}
END_TEST

START_TEST(who_is_there_at_the_deadline_is_cut_off)
{
	begin(3);
	stuff(named('b'));
	close_group(1);
	run_until_said("done");
	expect("a:DONE c:DONE b:CUT done(2,1)");
	end();
}
END_TEST

START_TEST(all_can_be_cut_off_at_the_deadline)
{
	begin(2);
	stuff(named('a'));
	stuff(named('b'));
	close_group(1);
	run_until_said("done");
	expect("a:CUT b:CUT done(0,2)");
	end();
}
END_TEST

START_TEST(a_long_deadline_is_no_short_one)
{
	begin(1);
	stuff(named('a'));
	close_group(3600001);
	turns(20);
	expect("");
	evchat_group_close_all(p.group);
	turns(4);
	expect("a:CUT done(0,1)");
	end();
}
END_TEST

START_TEST(without_a_deadline_nobody_is_cut_off)
{
	begin(1);
	stuff(named('a'));
	close_group(0);
	turns(20);
	expect("");
	expect_count(1);
	end();
	expect("");
}
END_TEST

START_TEST(an_empty_group_is_done_from_the_loop)
{
	static const unsigned deadlines[] = {0, 1};

	begin(0);
	close_group(deadlines[_i]);
	turns(4);
	expect("done(0,0)");
	ck_assert_int_eq(event_base_dispatch(p.base), 1);
	expect("");
	end();
}
END_TEST

START_TEST(nobody_need_be_told_that_it_is_done)
{
	begin(1);
	ck_assert_int_eq(
	    evchat_group_close_when_done(p.group, 0, NULL, NULL), 0);
	turns(4);
	expect("a:DONE");
	/* It is as new. */
	close_group(0);
	turns(4);
	expect("done(0,0)");
	end();
}
END_TEST

START_TEST(a_group_that_is_closing_is_busy)
{
	begin(1);
	close_group(0);
	ck_assert_int_eq(evchat_group_close_when_done(p.group, 1, on_done, &p),
	    EVCHAT_ERR_BUSY);
	go(named('a'));
	/* All have gone, but it was not said yet. */
	ck_assert_int_eq(evchat_group_close_when_done(p.group, 1, on_done, &p),
	    EVCHAT_ERR_BUSY);
	turns(4);
	expect("done(1,0)");
	ck_assert_int_eq(evchat_group_close_when_done(NULL, 0, on_done, &p),
	    EVCHAT_ERR_INVALID);
	end();
}
END_TEST

START_TEST(a_group_that_is_freed_is_never_done)
{
	begin(2);
	stuff(named('b'));
	close_group(1);
	evchat_group_free(p.group);
	p.group = NULL;
	turns(4);
	expect("a:DONE");
	evchat_free(named('b')->ch);
	named('b')->ch = NULL;
	ck_assert_int_eq(event_base_dispatch(p.base), 1);
	expect("");
	end();
}
END_TEST

START_TEST(a_group_that_is_freed_with_done_due_is_never_done)
{
	begin(1);
	close_group(0);
	go(named('a'));
	evchat_group_free(p.group);
	p.group = NULL;
	turns(4);
	expect("");
	end();
}
END_TEST

static void
free_when_done(struct guest *guest)
{
	if (!guest)
		free_the_group(guest);
}

START_TEST(the_group_can_be_freed_when_it_is_done)
{
	begin(2);
	p.hook = free_when_done;
	close_group(1);
	turns(4);
	expect("a:DONE b:DONE done(2,0)");
	end();
}
END_TEST

static void
begin_anew(struct guest *guest)
{
	if (guest)
		return;
	p.hook = NULL;
	join();
	ck_assert_int_eq(
	    evchat_group_close_when_done(p.group, 0, on_done, &p), 0);
}

START_TEST(it_can_be_closed_again_when_it_is_done)
{
	begin(2);
	p.hook = begin_anew;
	close_group(0);
	turns(8);
	expect("a:DONE b:DONE done(2,0) c:DONE done(1,0)");
	end();
}
END_TEST

static void
join_when_done(struct guest *guest)
{
	if (!guest)
		join();
}

START_TEST(a_group_is_as_new_when_it_is_done)
{
	begin(1);
	p.hook = join_when_done;
	close_group(1);
	turns(8);
	expect("a:DONE done(1,0)");
	expect_count(1);
	ck_assert_int_eq(evchat_push(named('b')->ch, "x", 1), 0);
	turns(4);
	received(named('b'), 'x', 1);
	end();
}
END_TEST

START_TEST(who_joins_while_it_closes_is_closed_and_counted)
{
	struct guest *guest;

	begin(1);
	stuff(named('a'));
	close_group(0);
	guest = come();
	ck_assert_int_eq(evchat_push(guest->ch, "x", 1), 0);
	ck_assert_int_eq(evchat_group_add(p.group, guest->ch), 0);
	ck_assert_int_eq(evchat_push(guest->ch, "x", 1), EVCHAT_ERR_CLOSING);
	turns(4);
	received(guest, 'x', 1);
	shutdown(guest->peer, SHUT_WR);
	turns(4);
	expect("b:DONE");
	go(named('a'));
	turns(4);
	expect("done(2,0)");
	end();
}
END_TEST

static void
join_at_the_end_of_a(struct guest *guest)
{
	p.hook = NULL;
	if (guest)
		join();
}

/* All have gone, and it was not said yet. */
START_TEST(who_joins_when_done_is_due_is_closed_too)
{
	begin(1);
	p.hook = join_at_the_end_of_a;
	close_group(0);
	turns(8);
	expect("a:DONE b:DONE done(2,0)");
	expect_count(0);
	end();
}
END_TEST

static void
join_with_much_to_send(struct guest *guest)
{
	(void)guest;
	p.hook = NULL;
	evchat_push_ref(join()->ch, block, sizeof block, NULL, NULL);
}

/* Whom nobody reads could not be waited for. */
START_TEST(who_joins_after_the_deadline_is_cut_off_too)
{
	begin(2);
	stuff(named('a'));
	stuff(named('b'));
	p.hook = join_with_much_to_send;
	close_group(1);
	run_until_said("done");
	expect("a:CUT b:CUT c:CUT done(0,3)");
	end();
}
END_TEST

START_TEST(who_is_taken_out_while_it_closes_is_not_counted)
{
	begin(2);
	stuff(named('b'));
	close_group(0);
	turns(4);
	expect("a:DONE");
	evchat_group_remove(p.group, named('b')->ch);
	expect("");
	turns(4);
	expect("done(1,0)");
	/* But is closing all the same. */
	ck_assert_int_eq(
	    evchat_push(named('b')->ch, "x", 1), EVCHAT_ERR_CLOSING);
	end();
}
END_TEST

START_TEST(who_is_freed_while_it_closes_went_by_itself)
{
	begin(2);
	stuff(named('a'));
	stuff(named('b'));
	close_group(1);
	go(named('a'));
	run_until_said("done");
	expect("b:CUT done(1,1)");
	end();
}
END_TEST

START_TEST(who_fails_while_it_closes_went_by_itself)
{
	begin(1);
	stuff(named('a'));
	close_group(0);
	close(named('a')->peer);
	named('a')->peer = -1;
	turns(4);
	expect("a:ERROR done(1,0)");
	end();
}
END_TEST

START_TEST(who_was_closing_before_is_waited_for)
{
	begin(1);
	evchat_close_when_done(named('a')->ch);
	close_group(0);
	turns(4);
	expect("a:DONE done(1,0)");
	end();
}
END_TEST

START_TEST(a_channel_can_close_with_two_groups)
{
	struct evchat_group *first;

	begin(1);
	first = p.group;
	ck_assert_int_eq(evchat_group_close_when_done(first, 0, NULL, NULL), 0);
	p.group = evchat_group_new(p.base);
	ck_assert_int_eq(evchat_group_add(p.group, named('a')->ch), 0);
	close_group(1);
	turns(6);
	expect("a:DONE done(1,0)");
	evchat_group_free(first);
	end();
}
END_TEST

START_TEST(a_deadline_without_memory_is_refused_and_closes_nobody)
{
	memory_watch();
	begin(2);
	memory_refuse_after(0);
	ck_assert_int_eq(evchat_group_close_when_done(p.group, 1, on_done, &p),
	    EVCHAT_ERR_NO_MEMORY);
	memory_refuse_none();
	turns(4);
	expect("");
	close_group(1);
	turns(4);
	expect("a:DONE b:DONE done(2,0)");
	end();
	ck_assert_uint_eq(memory_live(), 0);
	memory_unwatch();
}
END_TEST

/* --- All of it. --- */

static void
add_member_tests(Suite *s)
{
	TCase *members = suite_group(s, "members");
	TCase *leaving = suite_group(s, "leaving");

	tcase_add_test(members, a_new_group_is_empty);
	tcase_add_test(members, a_group_needs_a_base);
	tcase_add_test(members, a_group_without_memory_is_refused);
	tcase_add_test(members, a_channel_that_is_added_twice_is_in_it_once);
	tcase_add_test(members, many_members_keep_the_order_they_came_in);
	tcase_add_test(members, removing_takes_out_nobody_else);
	tcase_add_test(members, what_is_missing_or_has_another_base_is_refused);
	tcase_add_test(members, adding_without_memory_changes_nothing);
	tcase_add_test(
	    leaving, a_channel_in_several_groups_leaves_one_at_a_time);
	tcase_add_test(leaving, a_freed_channel_has_left_all_groups);
	tcase_add_test(leaving, a_detached_channel_has_left_all_groups);
	tcase_add_test(
	    leaving, a_channel_has_left_all_groups_when_closed_is_called);
	tcase_add_test(leaving, channels_outlive_their_group);
	tcase_add_test(leaving, a_group_can_be_freed_when_a_member_is_closed);
}

static void
add_walk_tests(Suite *s)
{
	TCase *walks = suite_group(s, "walks");

	tcase_add_test(walks, a_walk_visits_everybody_once);
	tcase_add_loop_test(walks, everybody_can_leave_at_the_visit, 0, 3);
	tcase_add_test(walks, everybody_can_be_closed_at_the_visit);
	tcase_add_test(walks, the_one_before_can_end_in_a_walk);
	tcase_add_test(walks, the_one_behind_that_ends_is_not_visited);
	tcase_add_test(walks, all_can_end_at_the_first_visit);
	tcase_add_test(walks, those_who_join_in_a_walk_are_not_visited);
	tcase_add_test(
	    walks, who_leaves_and_joins_in_a_walk_is_not_visited_again);
	tcase_add_test(
	    walks, who_left_and_joined_before_the_visit_has_lost_the_place);
	tcase_add_test(walks, freeing_the_group_ends_the_walk);
	tcase_add_test(walks, a_group_with_holes_can_be_freed);
	tcase_add_test(
	    walks, a_group_that_was_freed_in_a_walk_takes_nothing_any_more);
	tcase_add_test(walks, a_walk_can_be_made_in_a_walk);
	tcase_add_test(
	    walks, who_ends_in_an_inner_walk_is_not_visited_in_the_outer);
	tcase_add_test(walks, who_joins_in_an_inner_walk_is_visited_in_neither);
	tcase_add_test(walks, holes_of_an_inner_walk_are_closed_by_the_outer);
	tcase_add_test(walks, freeing_the_group_in_an_inner_walk_ends_both);
	tcase_add_test(walks, a_broadcast_can_be_made_in_a_walk);
	tcase_add_test(walks, all_can_be_cut_off_in_a_walk);
}

static void
add_broadcast_tests(Suite *s)
{
	TCase *bytes = suite_group(s, "broadcast");
	int n = sizeof lengths / sizeof *lengths;

	tcase_add_loop_test(bytes, everybody_gets_a_broadcast, 0, n);
	tcase_add_loop_test(bytes, one_can_be_excepted, 0, n);
	tcase_add_test(bytes, broadcasts_keep_their_order);
	tcase_add_test(bytes, nothing_can_be_broadcast_and_nothing_is_sent);
	tcase_add_loop_test(bytes, a_broadcast_to_nobody_skips_nobody, 0, n);
	tcase_add_test(bytes, a_broadcast_without_group_or_bytes_is_refused);
	/* One byte does not pass a mark of ten. */
	tcase_add_loop_test(bytes, who_is_over_the_high_mark_is_skipped, 1, n);
	tcase_add_loop_test(bytes, who_is_closing_is_skipped, 0, n);
	tcase_add_loop_test(bytes, who_only_listens_to_others_is_skipped, 0, n);
	tcase_add_test(bytes, who_may_hold_no_more_copies_is_skipped);
	tcase_add_loop_test(
	    bytes, who_gets_nothing_for_want_of_memory_is_counted, 0, n);
	tcase_add_test(bytes, shared_bytes_without_memory_reach_nobody);
	tcase_add_test(bytes, shared_bytes_go_with_the_last_who_needs_them);
	tcase_add_test(
	    bytes, a_message_to_ten_thousand_takes_no_memory_per_byte);
}

static void
add_end_tests(Suite *s)
{
	TCase *cut = suite_group(s, "cut off");
	TCase *ends = suite_group(s, "end");

	tcase_add_test(cut, all_are_cut_off_from_the_loop);
	tcase_add_test(cut, what_waits_is_dropped_when_all_are_cut_off);
	tcase_add_test(cut, who_is_freed_after_all_were_cut_off_says_nothing);
	tcase_add_test(cut, who_was_closing_is_cut_off);
	tcase_add_test(cut, an_answer_that_is_cut_short_ends_in_a_reset);
	tcase_add_test(ends, all_go_by_themselves_and_then_it_is_done);
	tcase_add_test(ends, the_deadline_does_not_pass_when_all_have_gone);
	tcase_add_test(ends, who_is_there_at_the_deadline_is_cut_off);
	tcase_add_test(ends, all_can_be_cut_off_at_the_deadline);
	tcase_add_test(ends, a_long_deadline_is_no_short_one);
	tcase_add_test(ends, without_a_deadline_nobody_is_cut_off);
	tcase_add_loop_test(ends, an_empty_group_is_done_from_the_loop, 0, 2);
	tcase_add_test(ends, nobody_need_be_told_that_it_is_done);
	tcase_add_test(ends, a_group_that_is_closing_is_busy);
	tcase_add_test(ends, a_group_that_is_freed_is_never_done);
	tcase_add_test(ends, a_group_that_is_freed_with_done_due_is_never_done);
	tcase_add_test(ends, the_group_can_be_freed_when_it_is_done);
	tcase_add_test(ends, it_can_be_closed_again_when_it_is_done);
	tcase_add_test(ends, a_group_is_as_new_when_it_is_done);
	tcase_add_test(ends, who_joins_while_it_closes_is_closed_and_counted);
	tcase_add_test(ends, who_joins_when_done_is_due_is_closed_too);
	tcase_add_test(ends, who_joins_after_the_deadline_is_cut_off_too);
	tcase_add_test(ends, who_is_taken_out_while_it_closes_is_not_counted);
	tcase_add_test(ends, who_is_freed_while_it_closes_went_by_itself);
	tcase_add_test(ends, who_fails_while_it_closes_went_by_itself);
	tcase_add_test(ends, who_was_closing_before_is_waited_for);
	tcase_add_test(ends, a_channel_can_close_with_two_groups);
	tcase_add_test(
	    ends, a_deadline_without_memory_is_refused_and_closes_nobody);
}

int
main(void)
{
	Suite *s = suite_create("group");

	share_memory();
	add_member_tests(s);
	add_walk_tests(s);
	add_broadcast_tests(s);
	add_end_tests(s);
	return suite_run(s);
}
