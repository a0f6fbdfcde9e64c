/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every call inside every callback, over every kind of bufferevent.  A cell is
 * one call in one situation that provokes one callback.  Whatever the cell: the
 * call answers what its manual says, no callback runs inside it or inside
 * another one, nothing comes after the end, what was taken is let go once, and
 * a channel that is still open goes on working.
 */
#include "support/choppy.h"
#include "support/file.h"
#include "support/made.h"
#include "support/suite.h"
#include "support/world.h"
#include <errno.h>
#include <evchat/group.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

enum { LOANS = 4, DEADLINE = 1000, LINGER = 2000 };

/* Too much for a socket. */
static const char block[4 << 20];

struct cell;

/* Something that the channel takes and must let go. */
struct loan {
	struct made made; /* first: an aside gets no more than this */
	struct cell *cell;
	size_t cleanups;
	bool is_producer;
};

struct situation {
	const char *name;
	const char *callback; /* in which the call is made, */
	size_t before;        /* after so many of the same */
	struct evchat_callbacks (*callbacks)(void);
	struct evchat_limits limits;
	void (*provoke)(struct cell *c);
	const char *left; /* in the input of who detaches there */
	bool ended;
	bool deaf; /* the peer has sent its EOF */
	bool busy; /* a producer waits */
};

struct call {
	const char *name;
	void (*make)(struct cell *c, struct evchat *ch);
};

struct cell {
	const struct situation *situation;
	const struct call *call;
	struct world w;
	struct loan loans[LOANS];
	size_t n_loans;
	int fd; /* of a file that was pushed */

	size_t seen; /* callbacks of the situation's name so far */
	bool inside; /* a callback is under way */
	bool calling;
	bool over; /* no callback may come any more */

	/* What the call has changed. */
	bool closing, paused, shut, cut;
	bool gone;                /* freed or detached: it is not told */
	struct bufferevent *bev;  /* given back by detach */
	const char *arrives;      /* at the peer, once */
	const char *never;        /* arrives */
	const char *end;          /* of a frame from now on; NULL: none */
	bool expects_replacement; /* of the callbacks */
	bool pieces;              /* frames come so from now on */
	size_t replaced;          /* callbacks of the new table so far */
};

static void
must(const struct cell *c, bool holds, const char *what)
{
	static const char *const over[] = {"a socket", "a pair", "a filter"};

	ck_assert_msg(holds, "%s in %s over %s: not so: %s", c->call->name,
	    c->situation->name, over[c->w.kind], what);
}

/* --- Callbacks. --- */

static void
make_call(struct cell *c)
{
	c->calling = true;
	c->call->make(c, c->w.ch);
	c->calling = false;
}

static bool
is_about_input(const char *callback)
{
	static const char *const names[] = {
	    "collect", "found", "frame", "overlong", "eof"};

	for (size_t i = 0; i < LENGTH(names); i++)
		if (!strcmp(callback, names[i]))
			return true;
	return false;
}

/* A callback has come. */
static void
come(struct cell *c, const char *callback)
{
	must(c, !c->calling, "no callback inside the call");
	must(c, !c->inside, "no callback inside another one");
	must(c, !c->over, "no callback after the end");
	must(c, !((c->paused || c->closing) && is_about_input(callback)),
	    "no input is dispatched any more");
	c->inside = true;
	if (!strcmp(callback, c->situation->callback) &&
	    c->seen++ == c->situation->before)
		make_call(c);
	if (!strcmp(callback, "closed"))
		c->over = true;
	c->inside = false;
}

static void
on_callback(struct world *w, const char *event)
{
	come(w->hook_ctx, event);
}

static void
in_more(struct made *made, struct evbuffer *out)
{
	const struct loan *loan = (const struct loan *)made;

	(void)out;
	come(loan->cell, "more");
}

static struct loan *
new_loan(struct cell *c)
{
	struct loan *loan = &c->loans[c->n_loans++];

	loan->cell = c;
	return loan;
}

/* A `*` in its script is a callback. */
static struct evchat_producer
new_producer(struct cell *c, const char *script)
{
	struct loan *loan = new_loan(c);
	struct evchat_producer p = made_from(&loan->made, script);

	loan->made.aside = in_more;
	loan->is_producer = true;
	return p;
}

static void
clean_up(const void *bytes, size_t len, void *ctx)
{
	struct loan *loan = ctx;

	(void)bytes;
	(void)len;
	loan->cleanups++;
}

static size_t
let_go(const struct loan *loan)
{
	return loan->is_producer ? loan->made.released : loan->cleanups;
}

/* --- Situations. --- */

static struct evchat_callbacks
whole(void)
{
	return world_callbacks;
}

static void
send_two_frames(struct cell *c)
{
	peer_send_text(&c->w, "abc\nrest\n");
	world_run(&c->w);
}

static void
send_a_part(struct cell *c)
{
	peer_send_text(&c->w, "ab");
	world_run(&c->w);
}

static void
send_in_parts(struct cell *c)
{
	send_a_part(c);
	peer_send_text(&c->w, "c\nrest\n");
	world_run(&c->w);
}

static void
send_a_long_frame(struct cell *c)
{
	peer_send_text(&c->w, "abcdefgh\nrest\n");
	world_run(&c->w);
}

static void
connect_it(struct cell *c)
{
	bufferevent_trigger_event(evchat_bufferevent(c->w.ch),
	    BEV_EVENT_CONNECTED, BEV_TRIG_DEFER_CALLBACKS);
	world_run(&c->w);
}

static void
send_a_part_and_eof(struct cell *c)
{
	peer_send_text(&c->w, "ab");
	peer_send_eof(&c->w);
	world_run(&c->w);
}

static void
push_a_byte(struct cell *c)
{
	evchat_push(c->w.ch, "x", 1);
	world_run(&c->w);
}

static void
fill_up(struct cell *c)
{
	peer_stop_reading(&c->w);
	evchat_push_ref(c->w.ch, block, sizeof block, clean_up, new_loan(c));
	world_run(&c->w);
}

static void
fill_up_and_read(struct cell *c)
{
	fill_up(c);
	peer_read(&c->w);
	world_run(&c->w);
}

static void
fill_up_for_too_long(struct cell *c)
{
	fill_up(c);
	/* The kernel may take some before it takes nothing. */
	for (int i = 0; i < 4 && !c->seen; i++)
		world_pass(&c->w, DEADLINE / 2);
	peer_read(&c->w);
	world_run(&c->w);
}

static void
send_too_slowly(struct cell *c)
{
	send_a_part(c);
	world_pass(&c->w, DEADLINE);
}

static void
send_nothing(struct cell *c)
{
	world_run(&c->w);
	world_pass(&c->w, DEADLINE);
}

static void
produce(struct cell *c)
{
	evchat_push_producer(c->w.ch, new_producer(c, "*ab+*cd+*."));
	world_run(&c->w);
}

static void
fail_to_produce(struct cell *c)
{
	evchat_push_producer(c->w.ch, new_producer(c, "*ab+*!"));
	evchat_push_producer(c->w.ch, new_producer(c, ""));
	world_run(&c->w);
}

static void
close_it(struct cell *c)
{
	evchat_close_when_done(c->w.ch);
	world_run(&c->w);
}

static const struct situation situations[] = {
    {.name = "collect, the end being known",
	.callback = "collect",
	.callbacks = world_pieces,
	.provoke = send_two_frames,
	.left = "\nrest\n"},
    {.name = "collect, the end being unknown",
	.callback = "collect",
	.callbacks = world_pieces,
	.provoke = send_a_part,
	.left = ""},
    {.name = "found",
	.callback = "found",
	.callbacks = world_pieces,
	.provoke = send_two_frames,
	.left = "rest\n"},
    {.name = "the last found",
	.callback = "found",
	.before = 1,
	.callbacks = world_pieces,
	.provoke = send_two_frames,
	.left = ""},
    {.name = "frame",
	.callback = "frame",
	.callbacks = whole,
	.provoke = send_two_frames,
	.left = "rest\n"},
    {.name = "a frame that was gathered",
	.callback = "frame",
	.callbacks = whole,
	.provoke = send_in_parts,
	.left = "rest\n"},
    {.name = "overlong, in pieces",
	.callback = "overlong",
	.callbacks = world_pieces,
	.limits = {.max_frame = 5},
	.provoke = send_a_long_frame,
	.left = "fgh\nrest\n"},
    {.name = "overlong, whole",
	.callback = "overlong",
	.callbacks = whole,
	.limits = {.max_frame = 5},
	.provoke = send_a_long_frame,
	.left = "abcdefgh\nrest\n"},
    {.name = "connected",
	.callback = "connected",
	.callbacks = whole,
	.provoke = connect_it,
	.left = ""},
    {.name = "eof",
	.callback = "eof",
	.callbacks = whole,
	.provoke = send_a_part_and_eof,
	.left = "ab",
	.deaf = true},
    {.name = "room",
	.callback = "room",
	.callbacks = whole,
	.limits = {.output_high = 1000, .output_low = 100},
	.provoke = fill_up_and_read,
	.left = ""},
    {.name = "drained",
	.callback = "drained",
	.callbacks = whole,
	.provoke = push_a_byte,
	.left = ""},
    {.name = "timeout of a frame",
	.callback = "timeout",
	.callbacks = whole,
	.limits = {.frame_deadline_ms = DEADLINE},
	.provoke = send_too_slowly,
	.left = "ab"},
    {.name = "timeout of an idle peer",
	.callback = "timeout",
	.callbacks = whole,
	.limits = {.idle_deadline_ms = DEADLINE},
	.provoke = send_nothing,
	.left = ""},
    {.name = "timeout of a write",
	.callback = "timeout",
	.callbacks = whole,
	.limits = {.write_deadline_ms = DEADLINE},
	.provoke = fill_up_for_too_long,
	.left = ""},
    {.name = "more",
	.callback = "more",
	.callbacks = whole,
	.provoke = produce,
	.busy = true},
    {.name = "the last more",
	.callback = "more",
	.before = 2,
	.callbacks = whole,
	.provoke = produce,
	.busy = true},
    {.name = "closed, all being done",
	.callback = "closed",
	.callbacks = whole,
	.provoke = close_it,
	.ended = true},
    {.name = "closed after the peer's end",
	.callback = "closed",
	.callbacks = world_plain,
	.provoke = send_a_part_and_eof,
	.ended = true},
    {.name = "closed by an overlong frame",
	.callback = "closed",
	.callbacks = world_plain,
	.limits = {.max_frame = 5},
	.provoke = send_a_long_frame,
	.ended = true},
    {.name = "closed by a slow frame",
	.callback = "closed",
	.callbacks = world_plain,
	.limits = {.frame_deadline_ms = DEADLINE},
	.provoke = send_too_slowly,
	.ended = true},
    {.name = "closed by a producer",
	.callback = "closed",
	.callbacks = whole,
	.provoke = fail_to_produce,
	.ended = true},
};

/* --- Calls that push. --- */

/* What a call answers that changes something. */
static bool
is_obeyed(const struct cell *c, int answer)
{
	must(c, answer == (c->situation->ended ? EVCHAT_ERR_CLOSING : 0),
	    "it answers what it should");
	return answer == 0;
}

static void
is_pushed(struct cell *c, int answer, const char *text)
{
	if (is_obeyed(c, answer))
		c->arrives = text;
	else
		c->never = text;
}

static void
push(struct cell *c, struct evchat *ch)
{
	is_pushed(c, evchat_push(ch, "[copy]", 6), "[copy]");
	is_obeyed(c, evchat_push(ch, NULL, 0));
}

static void
pushf(struct cell *c, struct evchat *ch)
{
	is_pushed(c, evchat_pushf(ch, "[%d]", 1234), "[1234]");
}

static void
push_line(struct cell *c, struct evchat *ch)
{
	is_pushed(c, evchat_push_line(ch, "[line]", 6), "[line]\r\n");
}

static void
push_a_ref(struct cell *c, struct evchat *ch)
{
	struct loan *loan = new_loan(c);

	is_pushed(c, evchat_push_ref(ch, "[ref]", 5, clean_up, loan), "[ref]");
	must(c, loan->cleanups == c->situation->ended,
	    "a reference is taken also by a push that fails");
}

static void
push_a_buffer(struct cell *c, struct evchat *ch)
{
	struct evbuffer *bytes = evbuffer_new();

	evbuffer_add(bytes, "[moved]", 7);
	is_pushed(c, evchat_push_buffer(ch, bytes), "[moved]");
	must(c, evbuffer_get_length(bytes) == (c->situation->ended ? 7 : 0),
	    "a buffer is emptied only by a push that succeeds");
	evbuffer_free(bytes);
}

static void
push_a_file(struct cell *c, struct evchat *ch)
{
	c->fd = nameless_file("-[file]-", 8);
	is_pushed(c, evchat_push_file(ch, c->fd, 1, 6), "[file]");
}

static void
push_a_producer(struct cell *c, struct evchat *ch)
{
	struct evchat_producer p = new_producer(c, "*[ma+*de]+*.");

	is_pushed(c, evchat_push_producer(ch, p), "[made]");
	must(c, let_go(&c->loans[c->n_loans - 1]) == c->situation->ended,
	    "a producer is taken also by a push that fails");
}

static void
wake(struct cell *c, struct evchat *ch)
{
	is_obeyed(c, evchat_wake(ch));
}

static void
push_a_sleeper_and_wake(struct cell *c, struct evchat *ch)
{
	struct evchat_producer p = new_producer(c, "*[wo~*ken].");

	is_pushed(c, evchat_push_producer(ch, p), "[woken]");
	is_obeyed(c, evchat_wake(ch));
}

static void
discard_output(struct cell *c, struct evchat *ch)
{
	struct loan *loan = new_loan(c);

	c->never = "[dropped]";
	is_obeyed(c, evchat_push_ref(ch, c->never, 9, clean_up, loan));
	is_obeyed(c, evchat_discard_output(ch));
	must(c, loan->cleanups == 1, "what is discarded is let go at once");
}

static void
discard_and_push(struct cell *c, struct evchat *ch)
{
	is_obeyed(c, evchat_push_producer(ch, new_producer(c, "[never].")));
	is_obeyed(c, evchat_discard_output(ch));
	must(c, let_go(&c->loans[c->n_loans - 1]) == 1,
	    "what is discarded is let go at once");
	is_pushed(c, evchat_push(ch, "[after]", 7), "[after]");
}

/* --- Calls about input. --- */

static void
set_a_terminator(struct cell *c, struct evchat *ch)
{
	if (is_obeyed(c, evchat_set_terminator(ch, EVCHAT_LIT(";"))))
		c->end = ";";
}

static void
set_a_long_terminator(struct cell *c, struct evchat *ch)
{
	static const struct evchat_span ends[] = {
	    {"-- a literal too long to lie in the channel --", 46}, {";", 1}};

	if (is_obeyed(c, evchat_set_terminator(ch, evchat_any_of(ends, 2))))
		c->end = ";";
}

static void
set_the_same_terminator(struct cell *c, struct evchat *ch)
{
	is_obeyed(c, evchat_set_terminator(ch, EVCHAT_LIT("\n")));
}

static void
set_a_count_of_nothing(struct cell *c, struct evchat *ch)
{
	if (is_obeyed(c, evchat_set_terminator(ch, evchat_count(0))))
		c->end = NULL;
}

static void
set_no_terminator(struct cell *c, struct evchat *ch)
{
	if (is_obeyed(c, evchat_set_terminator(ch, evchat_none())))
		c->end = NULL;
}

static void
get_the_terminator(struct cell *c, struct evchat *ch)
{
	struct evchat_terminator t;

	evchat_get_terminator(ch, &t);
	must(c, t.kind == EVCHAT_LITERAL && t.n_literals == 1, "it is told");
	must(c, !memcmp(t.literals[0].bytes, "\n", 1), "with its bytes");
}

static void
matched(struct cell *c, struct evchat *ch)
{
	size_t which = evchat_matched(ch);

	must(c, which == 0 || which == EVCHAT_MATCHED_NONE,
	    "there is no other literal");
}

static void
pause_it(struct cell *c, struct evchat *ch)
{
	c->paused = is_obeyed(c, evchat_pause(ch));
}

static void
resume(struct cell *c, struct evchat *ch)
{
	is_obeyed(c, evchat_resume(ch));
}

static void
pause_and_resume(struct cell *c, struct evchat *ch)
{
	is_obeyed(c, evchat_pause(ch));
	is_obeyed(c, evchat_resume(ch));
}

static void
discard_input(struct cell *c, struct evchat *ch)
{
	is_obeyed(c, evchat_discard_input(ch));
}

static void
discard_input_and_set(struct cell *c, struct evchat *ch)
{
	discard_input(c, ch);
	set_a_terminator(c, ch);
}

/* --- Calls that end. --- */

static void
close_when_done(struct cell *c, struct evchat *ch)
{
	evchat_close_when_done(ch);
	c->closing = !c->situation->ended;
	must(c, evchat_push(ch, "x", 1) == EVCHAT_ERR_CLOSING,
	    "no push follows");
	evchat_close_when_done(ch);
}

static void
push_and_close(struct cell *c, struct evchat *ch)
{
	push_a_producer(c, ch);
	close_when_done(c, ch);
}

static void
close_and_free(struct cell *c, struct evchat *ch)
{
	evchat_close_when_done(ch);
	evchat_free(ch);
	if (c->situation->ended)
		return;
	c->over = c->gone = true;
	c->w.ch = NULL;
}

static void
free_it(struct cell *c, struct evchat *ch)
{
	evchat_free(ch);
	if (c->situation->ended)
		return;
	c->over = c->gone = true;
	c->w.ch = NULL;
}

static void
shut_down(struct cell *c, struct evchat *ch)
{
	c->shut = is_obeyed(c, evchat_shutdown_write(ch));
	must(c, evchat_push(ch, "[late]", 6) == EVCHAT_ERR_CLOSING,
	    "no push is taken after it");
	c->never = "[late]";
}

static void
push_and_shut_down(struct cell *c, struct evchat *ch)
{
	push_a_producer(c, ch);
	c->shut = is_obeyed(c, evchat_shutdown_write(ch));
}

static void
shut_down_and_close(struct cell *c, struct evchat *ch)
{
	shut_down(c, ch);
	c->shut = false;
	close_when_done(c, ch);
}

static void
cut_off(struct cell *c, struct evchat *ch)
{
	struct evchat_group *group = evchat_group_new(c->w.base);

	c->cut = is_obeyed(c, evchat_group_add(group, ch));
	must(c, evchat_group_count(group) == c->cut, "it joins");
	evchat_group_close_all(group);
	evchat_group_free(group);
}

static void
cut_off_and_free(struct cell *c, struct evchat *ch)
{
	cut_off(c, ch);
	c->cut = false;
	free_it(c, ch);
}

static void
join_and_leave(struct cell *c, struct evchat *ch)
{
	struct evchat_group *group = evchat_group_new(c->w.base);

	is_obeyed(c, evchat_group_add(group, ch));
	evchat_group_remove(group, ch);
	must(c, evchat_group_count(group) == 0, "it leaves");
	evchat_group_close_all(group);
	evchat_group_free(group);
}

static void
has_room(struct cell *c, struct evchat *ch)
{
	const struct evchat_limits wide = {.output_high = sizeof block * 2};

	is_obeyed(c, evchat_set_limits(ch, &wide));
	must(c, evchat_has_room(ch), "so much does not wait");
}

static void
push_and_free(struct cell *c, struct evchat *ch)
{
	struct loan *ref = new_loan(c);

	is_obeyed(c, evchat_push_ref(ch, "[ref]", 5, clean_up, ref));
	is_obeyed(c, evchat_push_producer(ch, new_producer(c, "[never].")));
	c->never = "[";
	free_it(c, ch);
	must(c, ref->cleanups == 1, "the reference is let go at once");
	must(c, let_go(&c->loans[c->n_loans - 1]) == 1,
	    "the producer is let go at once");
}

static int
expected_errno(const struct situation *s)
{
	if (s->ended)
		return ESHUTDOWN;
	return s->busy ? EBUSY : 0;
}

/* Where I/O is choppy, not everything may have been read so far. */
static void
take_what_is_left_in_the_kernel(struct cell *c)
{
	struct evbuffer *input = bufferevent_get_input(c->bev);
	char bytes[256];
	ssize_t got;

	if (c->w.kind != OVER_SOCKET || !choppy_disturbed())
		return;
	got =
	    recv(bufferevent_getfd(c->bev), bytes, sizeof bytes, MSG_DONTWAIT);
	ck_assert_int_eq(evbuffer_unfreeze(input, 0), 0);
	if (got > 0)
		evbuffer_add(input, bytes, (size_t)got);
	ck_assert_int_eq(evbuffer_freeze(input, 0), 0);
}

static void
is_given_back(struct cell *c)
{
	struct evbuffer *input = bufferevent_get_input(c->bev);
	const char *left = c->situation->left;
	size_t len;
	bufferevent_data_cb readable, writable;
	bufferevent_event_cb event;
	void *ctx;

	take_what_is_left_in_the_kernel(c);
	len = evbuffer_get_length(input);
	bufferevent_getcb(c->bev, &readable, &writable, &event, &ctx);
	must(c, !readable && !writable && !event, "no callback is left");
	must(c, bufferevent_get_enabled(c->bev) == (EV_READ | EV_WRITE),
	    "it is enabled");
	/* A piece that came in smaller ones is not all handed over, either. */
	if (choppy_disturbed() && len > strlen(left))
		evbuffer_drain(input, len - strlen(left));
	must(c, evbuffer_get_length(input) == strlen(left),
	    "all that was not handed over is in its input");
	if (*left)
		must(c,
		    evbuffer_search(input, left, strlen(left), NULL).pos == 0,
		    "as it came");
}

static void
detach(struct cell *c, struct evchat *ch)
{
	int error = expected_errno(c->situation);

	errno = 0;
	c->bev = evchat_detach(ch);
	must(c, (c->bev == NULL) == (error != 0), "it answers what it should");
	if (error) {
		must(c, errno == error, "and says why");
		return;
	}
	c->over = c->gone = true;
	c->w.ch = NULL;
	is_given_back(c);
}

static void
push_and_detach(struct cell *c, struct evchat *ch)
{
	push_a_ref(c, ch);
	detach(c, ch);
}

static void
detach_under_a_producer(struct cell *c, struct evchat *ch)
{
	push_a_producer(c, ch);
	errno = 0;
	must(c, !evchat_detach(ch), "it refuses");
	must(c, errno == (c->situation->ended ? ESHUTDOWN : EBUSY),
	    "and says why");
}

/* --- Calls that look and change. --- */

static void
heard_anew(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	struct world *w = ctx;

	((struct cell *)w->hook_ctx)->replaced++;
	world_callbacks.frame(ch, bytes, len, ctx);
}

static void
collected_anew(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	struct world *w = ctx;

	((struct cell *)w->hook_ctx)->replaced++;
	world_callbacks.collect(ch, bytes, len, ctx);
}

static void
set_whole_callbacks(struct cell *c, struct evchat *ch)
{
	struct evchat_callbacks cb = world_callbacks;

	cb.frame = heard_anew;
	c->expects_replacement = is_obeyed(c, evchat_set_callbacks(ch, &cb));
	c->pieces = c->pieces && !c->expects_replacement;
}

static void
set_callbacks_for_pieces(struct cell *c, struct evchat *ch)
{
	struct evchat_callbacks cb = world_pieces();

	cb.collect = collected_anew;
	c->expects_replacement = is_obeyed(c, evchat_set_callbacks(ch, &cb));
	c->pieces = c->pieces || c->expects_replacement;
}

static void
set_small_limits(struct cell *c, struct evchat *ch)
{
	const struct evchat_limits limits = {.frames_per_turn = 1,
	    .read_budget = 1,
	    .write_chunk = 1,
	    .output_low = 1,
	    .output_high = 2};

	is_obeyed(c, evchat_set_limits(ch, &limits));
}

static void
set_default_limits(struct cell *c, struct evchat *ch)
{
	is_obeyed(c, evchat_set_limits(ch, NULL));
}

static void
set_ctx(struct cell *c, struct evchat *ch)
{
	must(c, evchat_ctx(ch) == &c->w, "it is what was given");
	evchat_set_ctx(ch, c);
	must(c, evchat_ctx(ch) == c, "it is what was set");
	evchat_set_ctx(ch, &c->w);
}

static void
pending(struct cell *c, struct evchat *ch)
{
	uint64_t before = evchat_pending(ch);

	is_obeyed(c, evchat_push(ch, "[more]", 6));
	must(c, evchat_pending(ch) == before + (c->situation->ended ? 0 : 6),
	    "what is pushed waits");
}

static void
unsent(struct cell *c, struct evchat *ch)
{
	must(c, evchat_unsent(ch) <= 2, "nothing is said to be lost");
}

static void
partial(struct cell *c, struct evchat *ch)
{
	must(c, evchat_partial(ch) <= 8, "no more than was sent");
}

static void
error_number(struct cell *c, struct evchat *ch)
{
	must(c, evchat_errno(ch) == 0, "nothing has failed");
}

static void
get_stats(struct cell *c, struct evchat *ch)
{
	struct evchat_stats stats;

	memset(&stats, 0xff, sizeof stats);
	evchat_get_stats(ch, &stats);
	must(c, stats.bytes_in <= 14, "no more than was sent");
	must(c, stats.frames_in <= 2, "no more than were sent");
	must(c, stats.bytes_out <= sizeof block, "no more than was pushed");
}

static void
get_bufferevent(struct cell *c, struct evchat *ch)
{
	must(c, !evchat_bufferevent(ch) == c->situation->ended,
	    "it is there until the end");
}

static const struct call calls[] = {
    {"push", push},
    {"pushf", pushf},
    {"push_line", push_line},
    {"push_ref", push_a_ref},
    {"push_buffer", push_a_buffer},
    {"push_file", push_a_file},
    {"push_producer", push_a_producer},
    {"wake", wake},
    {"push_producer and wake", push_a_sleeper_and_wake},
    {"discard_output", discard_output},
    {"discard_output and push", discard_and_push},
    {"set_terminator", set_a_terminator},
    {"set_terminator (long)", set_a_long_terminator},
    {"set_terminator (the same)", set_the_same_terminator},
    {"set_terminator (a count of 0)", set_a_count_of_nothing},
    {"set_terminator (none)", set_no_terminator},
    {"get_terminator", get_the_terminator},
    {"matched", matched},
    {"pause", pause_it},
    {"resume", resume},
    {"pause and resume", pause_and_resume},
    {"discard_input", discard_input},
    {"discard_input and set_terminator", discard_input_and_set},
    {"close_when_done", close_when_done},
    {"push_producer and close_when_done", push_and_close},
    {"close_when_done and free", close_and_free},
    {"shutdown_write", shut_down},
    {"push_producer and shutdown_write", push_and_shut_down},
    {"shutdown_write and close_when_done", shut_down_and_close},
    {"group_close_all", cut_off},
    {"group_close_all and free", cut_off_and_free},
    {"group_add and group_remove", join_and_leave},
    {"has_room", has_room},
    {"free", free_it},
    {"pushes and free", push_and_free},
    {"detach", detach},
    {"push_ref and detach", push_and_detach},
    {"push_producer and detach", detach_under_a_producer},
    {"set_callbacks (whole)", set_whole_callbacks},
    {"set_callbacks (pieces)", set_callbacks_for_pieces},
    {"set_limits", set_small_limits},
    {"set_limits (defaults)", set_default_limits},
    {"set_ctx", set_ctx},
    {"pending", pending},
    {"unsent", unsent},
    {"partial", partial},
    {"errno", error_number},
    {"get_stats", get_stats},
    {"bufferevent", get_bufferevent},
};

/* --- What is true in the end. --- */

static void
forget_the_transcript(struct world *w)
{
	world_transcript(w); /* a piece that is being joined ends */
	evbuffer_drain(w->transcript, evbuffer_get_length(w->transcript));
}

/* How often the peer got this. */
static size_t
count_received(struct world *w, const char *text)
{
	size_t len = strlen(text), count = 0;
	struct evbuffer_ptr at = evbuffer_search(w->received, text, len, NULL);

	while (at.pos >= 0) {
		count++;
		evbuffer_ptr_set(w->received, &at, len, EVBUFFER_PTR_ADD);
		at = evbuffer_search(w->received, text, len, &at);
	}
	return count;
}

static void
send_a_frame(struct cell *c)
{
	const char *end = c->end ? c->end : "";

	forget_the_transcript(&c->w);
	c->replaced = 0;
	/* Whatever frame is under way ends first. */
	peer_send_text(&c->w, "\n");
	world_run(&c->w);
	peer_send_text(&c->w, end);
	peer_send_text(&c->w, "probe");
	peer_send_text(&c->w, end);
	world_run(&c->w);
}

static void
a_frame_arrives(struct cell *c)
{
	const char *frame = c->pieces ? "collect(probe) found" : "frame(probe)";

	send_a_frame(c);
	if (c->paused) {
		must(c, !strcmp(world_transcript(&c->w), ""),
		    "nothing arrives while it is paused");
		c->paused = false;
		must(c, evchat_resume(c->w.ch) == 0, "it can be resumed");
		forget_the_transcript(&c->w);
		world_run(&c->w);
	}
	must(c, strstr(world_transcript(&c->w), c->end ? frame : "probe"),
	    "a frame arrives");
	must(c, (c->replaced > 0) == c->expects_replacement,
	    "at the callback that was set");
	forget_the_transcript(&c->w);
}

static void
a_push_arrives(struct cell *c)
{
	must(c, evchat_push(c->w.ch, "[last]", 6) == 0, "it takes a push");
	world_run(&c->w);
	must(c, count_received(&c->w, "[last]") == 1, "which arrives");
	must(c, evchat_pending(c->w.ch) == 0, "and all before it");
}

static void
it_goes_on_working(struct cell *c)
{
	must(c, !c->over && c->w.closed_count == 0, "it has not ended");
	if (!c->situation->deaf)
		a_frame_arrives(c);
	a_push_arrives(c);
	evchat_free(c->w.ch);
	c->w.ch = NULL;
	c->over = c->gone = true;
}

static void
it_closes(struct cell *c)
{
	world_pass(&c->w, LINGER);
	must(c, c->over && c->w.closed_count == 1, "it closes");
	must(c, c->w.reason == EVCHAT_REASON_DONE, "having done everything");
	must(c, c->w.unsent == 0, "and lost nothing");
	must(c, c->w.received_eof, "the peer knows");
}

/* It reads on until the peer's end comes. */
static void
it_shuts_down(struct cell *c)
{
	if (!c->situation->deaf) {
		must(c, !c->over && c->w.closed_count == 0, "it reads on");
		a_frame_arrives(c);
		must(c, c->w.received_eof, "the peer is told at once");
		peer_send_eof(&c->w);
		world_run(&c->w);
	}
	must(c, c->over && c->w.closed_count == 1, "it ends by itself");
	must(c, c->w.reason == EVCHAT_REASON_EOF, "with the peer's end");
	must(c, c->w.received_eof, "the peer knows");
}

static void
it_is_cut_off(struct cell *c)
{
	must(c, c->over && c->w.closed_count == 1, "it ends");
	must(c, c->w.reason == EVCHAT_REASON_CUT, "having been cut off");
}

static void
the_bufferevent_works(struct cell *c)
{
	struct evbuffer *input = bufferevent_get_input(c->bev);

	if (!c->situation->deaf) {
		peer_send_text(&c->w, "later");
		world_run(&c->w);
		must(c, evbuffer_search(input, "later", 5, NULL).pos >= 0,
		    "the bufferevent reads");
	}
	bufferevent_write(c->bev, "[bare]", 6);
	world_run(&c->w);
	must(c, count_received(&c->w, "[bare]") == 1, "the bufferevent writes");
	bufferevent_free(c->bev);
	world_run(&c->w);
}

static void
it_stays_ended(struct cell *c)
{
	if (c->bev)
		the_bufferevent_works(c);
	world_pass(&c->w, 10 * LINGER);
	must(c, c->w.closed_count == !c->gone, "closed comes once, or never");
}

static void
everything_was_let_go(const struct cell *c)
{
	for (size_t i = 0; i < c->n_loans; i++)
		must(c, let_go(&c->loans[i]) == 1, "each loan is let go once");
	must(c, c->fd < 0 || fcntl(c->fd, F_GETFD) < 0, "the file is closed");
}

static void
what_was_pushed_arrived(struct cell *c)
{
	if (c->never)
		must(c, count_received(&c->w, c->never) == 0,
		    "what was dropped or refused does not arrive");
	if (c->arrives && (!c->gone || c->bev))
		must(c, count_received(&c->w, c->arrives) == 1,
		    "what was pushed arrives once");
}

/* --- The matrix. --- */

static void
begin(struct cell *c, enum world_kind kind)
{
	struct evchat_callbacks cb = c->situation->callbacks();

	world_open(&c->w, kind, &cb);
	c->fd = -1;
	c->end = "\n";
	c->pieces = !cb.frame;
	c->w.hook = on_callback;
	c->w.hook_ctx = c;
	evchat_set_terminator(c->w.ch, EVCHAT_LIT("\n"));
	evchat_set_limits(c->w.ch, &c->situation->limits);
}

static void
go_through(struct cell *c)
{
	c->situation->provoke(c);
	must(c, c->seen > c->situation->before, "the callback comes");
	if (c->closing)
		it_closes(c);
	else if (c->shut)
		it_shuts_down(c);
	else if (c->cut)
		it_is_cut_off(c);
	else if (!c->over)
		it_goes_on_working(c);
	it_stays_ended(c);
	what_was_pushed_arrived(c);
	world_free(&c->w); /* what was lent may still lie at the peer */
	everything_was_let_go(c);
}

START_TEST(every_call_in_every_callback)
{
	for (int kind = 0; kind < WORLD_KINDS; kind++) {
		struct cell c;

		memset(&c, 0, sizeof c);
		c.situation = &situations[(size_t)_i / LENGTH(calls)];
		c.call = &calls[(size_t)_i % LENGTH(calls)];
		begin(&c, (enum world_kind)kind);
		go_through(&c);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("reentrancy");
	TCase *matrix = suite_group(s, "matrix");

	tcase_add_loop_test(matrix, every_call_in_every_callback, 0,
	    LENGTH(situations) * LENGTH(calls));
	return suite_run(s);
}
