/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A channel over a socketpair, a bufferevent pair or a filter, played with: an
 * input is a list of operations, and another list of those to be done inside
 * the callbacks.  What must hold of it is in play.h; at the end nothing is
 * left of the channel, and everything that it was given has been given back.
 */
#include "channel-internal.h"
#include "fuzz/play.h"
#include "support/fake_clock.h"
#include "support/file.h"
#include "support/memory.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FILE_SIZE = 40000, LENT_SIZE = 20000 };

static unsigned char file_bytes[FILE_SIZE];
static int file_fd = -1;

typedef void (*operation)(struct input *in);

/* --- The peer. --- */

/* How much of it could be sent. */
static size_t
send_to_channel(const unsigned char *bytes, size_t len)
{
	ssize_t sent;

	if (play.w.peer_bev) {
		peer_send(&play.w, bytes, len);
		return len;
	}
	sent = send(play.w.peer_fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	return sent < 0 ? 0 : (size_t)sent;
}

static void
feed(struct input *in)
{
	unsigned char bytes[512];
	size_t len = 1 + input_below(in, 48), at = play.fed_len;

	if (len > 40)
		len *= 10;
	if (len > PLAY_FED - at)
		len = PLAY_FED - at;
	if (!len || play.peer_ended || play.peer_gone)
		return;
	for (size_t i = 0; i < len; i++)
		bytes[i] = len <= 40 || i < 40
			       ? wanted_letter(input_byte(in),
				     play.options & PLAY_LETTERS)
			       : bytes[i % 40];
	/* Before it is sent: a pair hands it over at once. */
	memcpy(play.fed + at, bytes, len);
	play.fed_len += len;
	if (send_to_channel(bytes, len) == len)
		return;
	play.fed_len = PLAY_FED; /* the rest is another story */
	play.modelled = false;
}

static void
end_peer(struct input *in)
{
	(void)in;
	if (play.peer_ended || play.peer_gone)
		return;
	play.peer_ended = true;
	play_end_reference();
	if (play.w.peer_bev)
		peer_send_eof(&play.w);
	else /* it fails when the other side has gone */
		(void)shutdown(play.w.peer_fd, SHUT_WR);
}

static void
close_peer(struct input *in)
{
	if (play.peer_gone)
		return;
	play.peer_gone = true;
	play_end_reference();
	if (play.w.peer_fd >= 0 && input_byte(in) & 1)
		peer_reset(&play.w);
	else
		peer_close(&play.w);
}

static void
let_peer_read(struct input *in)
{
	if (play.peer_gone)
		return;
	if (input_byte(in) & 1)
		peer_stop_reading(&play.w);
	else
		peer_read(&play.w);
}

/* --- The loop. --- */

/* Has it nothing to do with what has come in, and all of that? */
static bool
is_at_rest(void)
{
	struct evchat_stats stats;

	evchat_get_stats(play.w.ch, &stats);
	return play.w.ch && !play.paused && !play.closing && !play.called &&
	       !play.peer_gone && stats.bytes_in == play.fed_len &&
	       !evchat_channel_is_clogged_(play.w.ch) && !play.w.ch->ended;
}

/* What is said of the frame under way, when all has been looked at. */
static void
look_at_frame(void)
{
	const struct reference *r = &play.reference;
	const struct evchat_terminator *set =
	    r->has_next ? &r->next : &r->plan.first;
	struct evchat_terminator t;

	if (!play.modelled)
		return;
	evchat_get_terminator(play.w.ch, &t);
	must(t.kind == set->kind && t.n_literals == set->n_literals,
	    "the terminator is the one that was set last");
	if (t.kind == EVCHAT_COUNT && !r->has_next)
		must(t.count == r->left, "a count is what is left of it");
	if (!r->skipping && !play.ended)
		must(evchat_partial(play.w.ch) == r->length + reference_held(r),
		    "so much of the frame has come");
}

/* How much has happened so far. */
static uint64_t
progress(void)
{
	struct evchat_stats stats;

	evchat_get_stats(play.w.ch, &stats);
	return stats.bytes_in + stats.bytes_out +
	       evbuffer_get_length(play.w.transcript) +
	       evbuffer_get_length(play.w.received);
}

/* Turn the loop until nothing happens, in fewer turns than world_run().  What
 * is skipped byte by byte, at one a turn, is progress that nobody sees. */
static void
run_to_rest(void)
{
	uint64_t before;
	int most = 1 << 16;

	do {
		before = progress();
		event_base_loop(play.w.base, EVLOOP_NONBLOCK);
		world_turn(&play.w);
	} while (most-- &&
		 (before != progress() || (play.w.ch && play.w.ch->yielding)));
	must(most > 0, "nobody is busy for ever");
}

/* Only from outside. */
static void
run(struct input *in)
{
	(void)in;
	if (play.called)
		return;
	run_to_rest();
	play_look_at_output();
	if (!is_at_rest())
		return;
	play_look_at_input(true);
	look_at_frame();
	if (play.peer_ended)
		must(play.told_eof || play.w.ch->closing, "the end is told");
}

static void
turn(struct input *in)
{
	(void)in;
	if (play.called)
		return;
	world_turn(&play.w);
	play_look_at_output();
}

/* Let time pass, and the timer fire as world_pass() does. */
static void
pass_ms(uint64_t ms)
{
	play.time_passed = true;
	fake_clock_pass(ms);
	if (play.called)
		return;
	if (play.w.ch && play.w.ch->time)
		event_active(play.w.ch->time->timer, EV_TIMEOUT, 0);
	run_to_rest();
	play_look_at_output();
}

static void
pass(struct input *in)
{
	pass_ms(100 + (uint64_t)input_byte(in) * 40);
}

/* --- Output. --- */

static const char *
text(void)
{
	static char bytes[8192];

	if (!*bytes)
		for (size_t i = 0; i < sizeof bytes - 1; i++)
			bytes[i] = (char)('a' + i * i % 23);
	return bytes + play.pushes;
}

static size_t
read_length(struct input *in)
{
	size_t len = input_byte(in);

	return len < 0xf0 ? len : (len - 0xef) * 500;
}

static void
push(struct input *in)
{
	size_t len = read_length(in);
	int error;

	play_call();
	error = evchat_push(play.w.ch, text(), len);
	play_called(error);
	if (!error && len)
		ledger_note(&play.ledger, text(), len);
}

static void
push_line(struct input *in)
{
	size_t len = input_byte(in);
	char line[300];
	int error;

	memcpy(line, text(), len);
	memcpy(line + len, "\r\n", 2);
	play_call();
	if (len & 1)
		error = evchat_push_line(play.w.ch, text(), len);
	else
		error = evchat_pushf(play.w.ch, "%.*s\r\n", (int)len, text());
	play_called(error);
	if (!error)
		ledger_note(&play.ledger, line, len + 2);
}

static void
clean(const void *bytes, size_t len, void *ctx)
{
	struct play_loan *loan = ctx;

	(void)bytes, (void)len;
	must(!loan->cleaned++, "a loan comes back once");
}

static void
push_reference(struct input *in)
{
	size_t len = input_word(in) % LENT_SIZE;
	struct play_loan *loan = &play.loans[play.n_loans++];
	int error;

	loan->cleaned = 0;
	play_call();
	error = evchat_push_ref(play.w.ch, file_bytes, len, clean, loan);
	play_called(error);
	if (!error && len)
		ledger_note(&play.ledger, file_bytes, len);
}

static void
push_buffer(struct input *in)
{
	struct evbuffer *bytes = evbuffer_new();
	size_t len = read_length(in);
	int error;

	must(bytes && !evbuffer_add(bytes, text(), len), "there is memory");
	play_call();
	error = evchat_push_buffer(play.w.ch, bytes);
	play_called(error);
	must(evbuffer_get_length(bytes) == (error ? len : 0),
	    "it is moved, or not");
	if (!error && len)
		ledger_note(&play.ledger, text(), len);
	evbuffer_free(bytes);
}

static void
push_file(struct input *in)
{
	size_t offset = input_word(in) % FILE_SIZE;
	size_t len = input_word(in) % (FILE_SIZE - offset);
	int error;

	play_call();
	error = evchat_push_file(play.w.ch, dup(file_fd), offset, len);
	play_called(error);
	play.n_files += !error;
	if (!error && len)
		ledger_note(&play.ledger, file_bytes + offset, len);
}

static void operate_inside(void);

static void
aside(struct made *made, struct evbuffer *out)
{
	bool called = play.called;

	(void)made;
	(void)out;
	must(!play.calling, "a producer is asked from the loop");
	play.called = true;
	operate_inside();
	play.called = called;
}

static void
push_producer(struct input *in)
{
	struct playing *p;
	struct evchat_producer producer;
	int error = 0;

	if (play.n_playing == PLAY_PRODUCERS)
		return;
	p = &play.playing[play.n_playing++];
	producer = playing_from(p, in, &play.ledger, aside, true);
	if (p->chunked)
		error = evchat_producer_chunked(&producer);
	must(!error || play.starved, "there is memory");
	play_call();
	if (!error)
		error = evchat_push_producer(play.w.ch, producer);
	play_called(error);
	if (error)
		ledger_end(&play.ledger, p->entry);
}

static void
push_any(struct input *in)
{
	static const operation pushes[] = {push, push, push_line,
	    push_reference, push_buffer, push_file, push_producer,
	    push_producer};

	if (play.pushes == PLAY_PUSHES)
		return;
	play.pushes++;
	pushes[input_below(in, 8)](in);
}

static void
wake(struct input *in)
{
	(void)in;
	play_call();
	play_called(evchat_wake(play.w.ch));
}

static void
discard_output(struct input *in)
{
	int error;

	(void)in;
	play_call();
	error = evchat_discard_output(play.w.ch);
	play_called(error);
	play.discarded_output |= !error;
}

/* --- Input. --- */

static void
set_paused(struct input *in)
{
	bool paused = input_byte(in) & 1;
	int error;

	play_call();
	error = paused ? evchat_pause(play.w.ch) : evchat_resume(play.w.ch);
	play_called(error);
	if (!error)
		play.paused = paused;
}

static void
discard_input(struct input *in)
{
	(void)in;
	play.modelled = false;
	play_call();
	play_called(evchat_discard_input(play.w.ch));
}

/* Set one in `collect`: it rules after the piece; or after the frame, if the
 * end of that is known (S18).  The channel may have looked further than the
 * reference, and know that nothing that is held there begins the old one. */
static bool
set_after_piece(const struct evchat_terminator *t)
{
	const struct evchat *ch = play.w.ch;
	struct reference *r = &play.reference;

	if (!play.collecting || play.options & PLAY_WHOLE || play.peer_gone ||
	    ch->step.verdict == EVCHAT_VERDICT_OVERLONG ||
	    !play_catch_up(ch->bytes_in + ch->taken) || r->skipping)
		return false;
	/* A count has ended there already, and the plan was gone by. */
	if (r->said.len > play.said.len)
		return false;
	if (ch->step.verdict == EVCHAT_VERDICT_FOUND) {
		reference_set_behind(r, t);
		return true;
	}
	reference_let_go(r);
	reference_set(r, t);
	return true;
}

/* Tell the reference, if it can know from where on it rules. */
static bool
set_in_reference(const struct evchat_terminator *t)
{
	if (!play.modelled || play.ended)
		return false;
	if (play.called)
		return set_after_piece(t);
	if (!is_at_rest())
		return false;
	play_look_at_input(true);
	reference_set(&play.reference, t);
	return true;
}

static void
set_terminator(struct input *in)
{
	struct wanted *wanted;
	int error;

	if (play.n_outside == PLAY_THENS)
		return;
	wanted = &play.outside[play.n_outside++];
	wanted_read(wanted, in, play.options & PLAY_LETTERS);
	run(in);
	if (!play.w.ch)
		return;
	play.modelled = set_in_reference(&wanted->t);
	play_call();
	error = evchat_set_terminator(play.w.ch, wanted->t);
	play_called(error);
	play.modelled &= !error;
	/* A count of 0 is found without a byte. */
	if (play.modelled)
		reference_receive(&play.reference, 0);
}

/* --- The channel. --- */

static void
set_limits(struct input *in)
{
	static const size_t sizes[] = {0, 1, 2, 10, 100, 1000, 5000, 20000};
	struct evchat_limits limits = play.limits, *l = &limits;
	uint8_t which = input_byte(in);
	int error;

	l->frames_per_turn = (unsigned)sizes[input_below(in, 4)];
	l->read_budget = sizes[input_below(in, 7)];
	/* Less would take too many turns. */
	l->write_chunk = sizes[input_below(in, 8)] * 16;
	l->output_high = sizes[input_below(in, 8)] * 16;
	l->output_low = l->output_high / 3;
	l->dispatch_high = which & 1 ? SIZE_MAX : sizes[input_below(in, 8)];
	l->output_max = which & 2 ? sizes[input_below(in, 8)] : 0;
	l->idle_deadline_ms = which & 4 ? 5000 : 0;
	l->frame_deadline_ms = which & 8 ? 3000 : 0;
	l->write_deadline_ms = which & 16 ? 4000 : 0;
	if (which & 32) {
		l->max_frame = sizes[input_below(in, 8)];
		play.modelled = false;
	}
	play_call();
	error = evchat_set_limits(play.w.ch, l);
	play_called(error);
	if (!error)
		play.limits = limits;
}

static void
set_callbacks(struct input *in)
{
	unsigned before = play.callbacks;
	struct evchat_callbacks cb;
	int error;

	play.callbacks = input_byte(in);
	cb = play_callbacks();
	play_call();
	error = evchat_set_callbacks(play.w.ch, &cb);
	play_called(error);
	if (error)
		play.callbacks = before;
}

static void
close_when_done(struct input *in)
{
	(void)in;
	play_call();
	evchat_close_when_done(play.w.ch);
	play.calling = false;
	play.closing |= !play.told;
}

static void
shutdown_write(struct input *in)
{
	int error;

	(void)in;
	play_call();
	error = evchat_shutdown_write(play.w.ch);
	play_called(error);
	play.shut |= !error;
}

static void
end_now(void)
{
	play.over = true;
	play.w.ch = NULL;
}

static void
free_channel(struct input *in)
{
	(void)in;
	play_call();
	evchat_free(play.w.ch);
	play.calling = false;
	/* In `closed` it does nothing, and the channel is looked at later. */
	if (!play.told)
		end_now();
}

/* What has not been handed over is in front of the input.  More may have come
 * meanwhile: enabling a filter is enough for that. */
static void
look_at_rest(struct bufferevent *bev, size_t bytes_in)
{
	struct evbuffer *input = bufferevent_get_input(bev);
	size_t len = evbuffer_get_length(input);
	static unsigned char rest[PLAY_FED];

	if (play.fed_len == PLAY_FED)
		return;
	must(len <= play.fed_len, "no more is left than was sent");
	must(evbuffer_copyout(input, rest, len) == (ev_ssize_t)len,
	    "it can be copied");
	for (size_t end = bytes_in; end <= play.fed_len; end++)
		if (end >= len && !memcmp(rest, play.fed + end - len, len))
			return;
	must(false, "what is left is what came last");
}

static bool
may_not_detach(int error)
{
	switch (error) {
	case EBUSY:
		return play.n_playing > 0 || play.n_files > 0;
	case ESHUTDOWN:
		return play.closing || play.shut || play.told ||
		       play.peer_ended || play.peer_gone;
	case ENOMEM:
		return play.starved;
	default:
		return false;
	}
}

static void
detach(struct input *in)
{
	struct evchat_stats stats;
	struct bufferevent *bev;
	bool is_known = input_byte(in) & 1;

	if (is_known)
		run(in);
	is_known &= play.modelled && is_at_rest() && !play.ended &&
		    !(play.options & PLAY_WHOLE);
	evchat_get_stats(play.w.ch, &stats);
	play_call();
	bev = evchat_detach(play.w.ch);
	play.calling = false;
	if (!bev) {
		must(!play.w.ch || may_not_detach(errno),
		    "it detaches, or says why not");
		return;
	}
	must(!play.told, "nothing is detached in `closed`");
	look_at_rest(bev, stats.bytes_in);
	if (is_known)
		must(evbuffer_get_length(bufferevent_get_input(bev)) ==
			 play.fed_len - play.reference.front,
		    "what was not handed over is there");
	play.detached = bev;
	end_now();
}

static void
refuse_memory(struct input *in)
{
	play.starved = true;
	memory_refuse_once_after(input_below(in, 6));
}

/* --- Operations. --- */

static void
nothing(struct input *in)
{
	(void)in;
}

/* The more often one is here, the likelier it is. */
static const struct {
	operation operate;
	const char *name;
} operations[] = {{nothing, "nothing"}, {feed, "feed"}, {feed, "feed"},
    {feed, "feed"}, {feed, "feed"}, {feed, "feed"}, {run, "run"}, {run, "run"},
    {turn, "turn"}, {push_any, "push any"}, {push_any, "push any"},
    {push_any, "push any"}, {push_any, "push any"}, {push_any, "push any"},
    {set_paused, "set paused"}, {set_paused, "set paused"}, {wake, "wake"},
    {wake, "wake"}, {set_terminator, "set terminator"},
    {let_peer_read, "let peer read"}, {set_limits, "set limits"},
    {set_callbacks, "set callbacks"}, {pass, "pass"}, {pass, "pass"},
    {discard_input, "discard input"}, {shutdown_write, "shutdown write"},
    {end_peer, "end peer"}, {discard_output, "discard output"},
    {close_when_done, "close when done"}, {close_peer, "close peer"},
    {detach, "detach"}, {free_channel, "free channel"},
    {refuse_memory, "refuse memory"}};

static void
operate(struct input *in)
{
	size_t i = input_below(in, sizeof operations / sizeof *operations);

	target_tell(operations[i].name);
	operations[i].operate(in);
}

static void
operate_inside(void)
{
	if (play.inside.left && !play.over)
		operate(&play.inside);
}

/* Whatever can be asked for can be asked for at any time. */
static void
look(void)
{
	struct evchat_terminator t;
	struct evchat_stats stats;
	uint64_t owed = 0;

	evchat_get_terminator(play.w.ch, &t);
	evchat_get_stats(play.w.ch, &stats);
	(void)evchat_partial(play.w.ch);
	if (!play.w.ch)
		return;
	must(stats.bytes_in <= play.fed_len, "no more came than was sent");
	must(stats.frames_in == play.frames, "frames are counted");
	/* What fails is dropped. */
	if (play.discarded_output || play.peer_gone || play_any_failed())
		return;
	for (size_t i = 0; i < play.n_playing; i++)
		owed += playing_owes(&play.playing[i]);
	must(evchat_pending(play.w.ch) + stats.bytes_out ==
		 play.arrived + play.ledger.len + owed,
	    "what waits is what was pushed and not sent");
}

/* --- Beginning and end. --- */

static void
read_plan(struct input *in)
{
	bool letters = play.options & PLAY_LETTERS;
	struct framing_plan plan = {.whole = play.options & PLAY_WHOLE};

	play.limits.max_frame = plan.max_frame = 1 + (size_t)input_byte(in) * 2;
	wanted_read(&play.first, in, letters);
	play.n_then = input_below(in, PLAY_THENS + 1);
	for (size_t i = 0; i < play.n_then; i++) {
		wanted_read(&play.thens[i], in, letters);
		play.then[i] = input_byte(in) & 1 ? NULL : &play.thens[i].t;
	}
	plan.first = play.first.t;
	plan.then = play.then;
	plan.n_then = play.n_then;
	reference_begin(&play.reference, &plan, play.fed);
	reference_receive(&play.reference, 0);
	play.modelled = true;
}

static void
open_channel(void)
{
	struct evchat_callbacks cb = play_callbacks();
	unsigned over = play.options & PLAY_OVER;
	int little = 1;

	if (over < WORLD_KINDS) {
		world_open(&play.w, (enum world_kind)over, &cb);
	} else {
		world_init(&play.w, OVER_SOCKET);
		play.w.ch = evchat_new(world_bufferevent(&play.w), &cb, NULL);
	}
	must(play.w.ch != NULL, "there is a channel");
	if (play.options & PLAY_NARROW)
		(void)setsockopt(
		    bufferevent_getfd(evchat_bufferevent(play.w.ch)),
		    SOL_SOCKET, SO_SNDBUF, &little, sizeof little);
	must(!evchat_set_limits(play.w.ch, &play.limits) &&
		 !evchat_set_terminator(play.w.ch, play.first.t),
	    "it can be set up");
}

static void
begin(const uint8_t *bytes, size_t len)
{
	struct input in = {bytes, len};
	size_t inside;

	memset(&play, 0, sizeof play);
	play.options = input_byte(&in);
	play.callbacks = input_byte(&in);
	read_plan(&in);
	inside = input_byte(&in);
	play.inside.left = input_run(&in, inside, &play.inside.bytes);
	play.script = in;
	play_inside = operate_inside;
	open_channel();
}

/* One that was detached is a bufferevent again, which sends what was pushed. */
static void
end_detached(void)
{
	peer_read(&play.w);
	run_to_rest();
	play_look_at_output();
	if (!play.peer_gone && !play.discarded_output)
		must(play.ledger.len == 0, "what was pushed is sent");
	bufferevent_free(play.detached);
}

/* An end of a pair is not told that the other one was freed. */
static bool
peer_left_silently(void)
{
	return play.peer_gone && play.w.kind != OVER_SOCKET;
}

/* A channel that is told to close ends, whatever happened before. */
static void
let_it_end(void)
{
	struct input none = {NULL, 0};

	play.inside.left = 0;
	memory_refuse_none();
	close_when_done(&none);
	if (!play.peer_gone)
		peer_read(&play.w);
	for (int i = 0; play.w.ch && i < PLAY_PRODUCERS * 14; i++) {
		wake(&none);
		run(&none);
	}
	end_peer(&none);
	run(&none);
	must(!play.w.ch || peer_left_silently() ||
		 !ledger_is_complete(&play.ledger),
	    "nobody waits when all is sent and the peer has ended");
	for (int i = 0; play.w.ch && i < 3; i++)
		pass_ms(60000);
	must(!play.w.ch || peer_left_silently(), "what is to close ends");
}

static void
end(void)
{
	if (play.detached)
		end_detached();
	else if (play.w.ch && play.options & PLAY_ENDING)
		let_it_end();
	if (!play.over)
		free_channel(&play.inside);
	play.over = true;
	if (play.w.peer_fd >= 0 || play.w.peer_bev)
		peer_read(&play.w);
	world_turn(&play.w);
	play_look_at_output();
	play_look_at_input(false);
	if (play_all_was_sent())
		must(play.ledger.len == 0, "all that was pushed came");
	world_free(&play.w);
}

static void
look_at_leavings(void)
{
	for (size_t i = 0; i < play.n_playing; i++)
		must(play.playing[i].made.released == 1,
		    "every producer is released");
	for (size_t i = 0; i < play.n_loans; i++)
		must(play.loans[i].cleaned == 1, "every loan comes back");
	must(memory_live() == 0, "no memory is left");
	ledger_clear(&play.ledger);
}

static void
prepare(void)
{
	if (file_fd >= 0)
		return;
	setenv("EVENT_NOEPOLL", "1", 1); /* poll(2) is quicker for a few */
	for (size_t i = 0; i < FILE_SIZE; i++)
		file_bytes[i] = (unsigned char)(i * i % 251);
	file_fd = nameless_file(file_bytes, FILE_SIZE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	prepare();
	must_keep_descriptors();
	memory_watch();
	begin(bytes, len);
	while (play.script.left && !play.over) {
		operate(&play.script);
		look();
	}
	end();
	memory_refuse_none();
	look_at_leavings();
	memory_unwatch();
	must_keep_descriptors();
	return 0;
}
