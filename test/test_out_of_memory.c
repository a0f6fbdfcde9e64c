/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole conversation, again and again, each time with another allocation of
 * evchat's or libevent's failing, once or from there on.  Whatever fails: all
 * bytes arrive, or a call says that it failed, or `closed` says why; nothing
 * leaks, and what was taken is let go once.
 */
#include "alloc-internal.h"
#include "support/loop.h"
#include "support/memory.h"
#include "support/suite.h"
#include <errno.h>
#include <evchat/evchat.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum below { SOCKET, FILTER, BELOWS };

/* What came of one conversation; in plain memory, which does not run out. */
static struct talk {
	struct event_base *base;
	struct evchat *ch;
	int fds[2]; /* the channel's, the peer's */
	char frames[256];
	char answer[4096];
	size_t answered;
	bool complained; /* a call returned an error */
	bool closed;
	enum evchat_reason reason;
	size_t taken, let_go;
} talk;

static void
note(const void *bytes, size_t len)
{
	strncat(talk.frames, bytes, len);
	strcat(talk.frames, "|");
}

static void
must(int error)
{
	if (error)
		talk.complained = true;
}

static void
let_go(const void *bytes, size_t len, void *ctx)
{
	(void)bytes, (void)len, (void)ctx;
	talk.let_go++;
}

static void
release(void *ctx)
{
	let_go(NULL, 0, ctx);
}

static enum evchat_more
more(struct evbuffer *out, size_t room, void *ctx)
{
	(void)room, (void)ctx;
	return evbuffer_add(out, "body", 4) ? EVCHAT_FAIL : EVCHAT_END;
}

static void
answer(struct evchat *ch)
{
	struct evchat_producer body = {.more = more, .release = release};
	int error;

	must(evchat_push(ch, "copied ", 7));
	talk.taken += 2;
	must(evchat_push_ref(ch, "lent ", 5, let_go, NULL));
	error = evchat_producer_chunked(&body);
	must(error);
	if (!error)
		must(evchat_push_producer(ch, body));
	must(evchat_pushf(ch, "%600d", 7));
}

static void
on_frame(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	struct evchat_terminator t =
	    EVCHAT_LIT("a terminator longer than what lies in the channel");

	(void)ctx;
	note(bytes, len);
	if (len == 3)
		must(evchat_set_terminator(ch, t));
	else
		answer(ch);
}

static void
on_closed(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	(void)ch, (void)ctx;
	talk.closed = true;
	talk.reason = reason;
	talk.ch = NULL;
}

static void
turn(int times)
{
	ssize_t got;
	char bytes[4096];

	for (; times > 0; times--) {
		if (loop_has_no_memory(
			talk.base, loop_turn(talk.base, EVLOOP_NONBLOCK)))
			talk.complained = true;
		got = recv(talk.fds[1], bytes, sizeof bytes, 0);
		for (ssize_t i = 0; i < got; i++)
			talk.answer[talk.answered++] = bytes[i];
	}
}

static void
say(const char *text)
{
	ck_assert_int_eq(send(talk.fds[1], text, strlen(text), MSG_NOSIGNAL),
	    (ssize_t)strlen(text));
	turn(8);
}

static enum bufferevent_filter_result
pass_on(struct evbuffer *from, struct evbuffer *to, ev_ssize_t limit,
    enum bufferevent_flush_mode mode, void *ctx)
{
	bool any = evbuffer_get_length(from) > 0;

	(void)limit, (void)mode, (void)ctx;
	(void)evbuffer_add_buffer(to, from);
	return any ? BEV_OK : BEV_NEED_MORE;
}

/* libevent crashes when it makes a filter without memory (rule 60): the filter
 * is made before memory runs out. */
static struct bufferevent *
make_filter(void)
{
	struct bufferevent *bev = bufferevent_socket_new(
	    talk.base, talk.fds[0], BEV_OPT_CLOSE_ON_FREE);

	return bufferevent_filter_new(
	    bev, pass_on, pass_on, BEV_OPT_CLOSE_ON_FREE, NULL, NULL);
}

static void
open_channel(struct bufferevent *bev)
{
	static const struct evchat_callbacks callbacks = {
	    .frame = on_frame, .closed = on_closed};
	static const struct evchat_limits limits = {
	    .frame_deadline_ms = 1000, .frames_per_turn = 1};

	if (bev)
		talk.ch = evchat_new(bev, &callbacks, NULL);
	else
		talk.ch =
		    evchat_open(talk.base, talk.fds[0], 0, &callbacks, NULL);
	if (!talk.ch) {
		ck_assert(errno == ENOMEM || errno == EIO);
		talk.complained = true;
		return;
	}
	must(evchat_set_limits(talk.ch, &limits));
	must(evchat_set_terminator(talk.ch, EVCHAT_LIT("\r\n")));
}

static void
converse(void)
{
	if (talk.ch)
		say("o");
	if (talk.ch)
		say("ne\r\nthe second a terminator longer than what lies in ");
	if (talk.ch)
		say("the channelthe third a terminator longer than what lies "
		    "in the channel");
	if (talk.ch)
		shutdown(talk.fds[1], SHUT_WR);
	turn(30);
}

static void
begin(void)
{
	memset(&talk, 0, sizeof talk);
	signal(SIGPIPE, SIG_IGN);
	talk.base = event_base_new();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, talk.fds), 0);
	fcntl(talk.fds[0], F_SETFL, O_NONBLOCK);
	fcntl(talk.fds[1], F_SETFL, O_NONBLOCK);
}

static void
end(struct bufferevent *bev, bool taken)
{
	memory_refuse_none();
	evchat_free(talk.ch);
	if (bev && !taken)
		bufferevent_free(bev);
	if (!bev && !taken)
		close(talk.fds[0]);
	event_base_loop(talk.base, EVLOOP_NONBLOCK);
	event_base_free(talk.base);
	close(talk.fds[1]);
}

static void
expect_all_or_a_reason(size_t n)
{
	char answer[sizeof talk.answer];
	bool ended_well = talk.closed && talk.reason == EVCHAT_REASON_EOF;

	ck_assert_msg(talk.let_go == talk.taken,
	    "allocation %zu: %zu of %zu let go", n, talk.let_go, talk.taken);
	if (talk.complained || (talk.closed && !ended_well))
		return;
	ck_assert_msg(ended_well, "allocation %zu: never closed", n);
	ck_assert_str_eq(talk.frames, "one|the second |the third |");
	(void)snprintf(answer, sizeof answer,
	    "copied lent 4\r\nbody\r\n0\r\n\r\n%600d"
	    "copied lent 4\r\nbody\r\n0\r\n\r\n%600d",
	    7, 7);
	ck_assert_str_eq(talk.answer, answer);
}

/* One conversation; true while there was something to refuse. */
static bool
fail_at(enum below below, bool once, size_t n)
{
	struct bufferevent *bev;
	bool taken;

	memory_watch();
	begin();
	bev = below == FILTER ? make_filter() : NULL;
	if (once)
		memory_refuse_once_after(n);
	else
		memory_refuse_after(n);
	open_channel(bev);
	taken = talk.ch != NULL;
	converse();
	end(bev, taken);
	expect_all_or_a_reason(n);
	ck_assert_uint_eq(memory_live(), 0);
	return memory_refused() > 0;
}

START_TEST(nothing_is_lost_silently_when_one_allocation_fails)
{
	size_t n = 0;

	while (fail_at((enum below)_i, true, n))
		n++;
	ck_assert_uint_gt(n, 20);
}
END_TEST

START_TEST(nothing_is_lost_silently_when_memory_runs_out)
{
	size_t n = 0;

	while (fail_at((enum below)_i, false, n))
		n++;
	ck_assert_uint_gt(n, 20);
}
END_TEST

static void
note_frame(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	(void)ch, (void)ctx;
	note(bytes, len);
}

/* Detach in the middle of a frame; true when it failed, and changed nothing. */
static bool
fail_to_detach(size_t n)
{
	static const struct evchat_callbacks callbacks = {.frame = note_frame};
	struct bufferevent *bev;

	memory_watch();
	begin();
	talk.ch = evchat_open(talk.base, talk.fds[0], 0, &callbacks, NULL);
	must(evchat_set_terminator(talk.ch, EVCHAT_LIT("\r\n")));
	say("one\r\nab");
	must(evchat_push(talk.ch, "pushed", 6));
	memory_refuse_once_after(n);
	bev = evchat_detach(talk.ch);
	memory_refuse_none();
	if (bev)
		talk.ch = NULL;
	else
		say("cd\r\n");
	ck_assert_str_eq(talk.frames, bev ? "one|" : "one|abcd|");
	if (bev)
		bufferevent_free(bev);
	end(NULL, true);
	ck_assert_uint_eq(memory_live(), 0);
	return !bev;
}

START_TEST(a_detach_without_memory_changes_nothing)
{
	size_t n = 0;

	while (fail_to_detach(n))
		n++;
	ck_assert_uint_gt(n, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("out_of_memory");
	TCase *sweeps = suite_group(s, "sweeps");

	/* libevent's memory comes from evchat's, which the test counts. */
	event_set_mem_functions(evchat_malloc_, evchat_realloc_, evchat_mfree_);
	tcase_add_loop_test(sweeps,
	    nothing_is_lost_silently_when_one_allocation_fails, 0, BELOWS);
	tcase_add_loop_test(
	    sweeps, nothing_is_lost_silently_when_memory_runs_out, 0, BELOWS);
	tcase_add_test(sweeps, a_detach_without_memory_changes_nothing);
	return suite_run(s);
}
