/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How conversations end: cut off with a group, and over TCP with FIN, RST or
 * silence after each byte.  What was said before the end is handed over,
 * `closed` comes once with the right reason, no answer is lost on its way, and
 * a loop that stood still calls nobody late who was in time.
 */
#include "channel-internal.h"
#include "support/fake_clock.h"
#include "support/file.h"
#include "support/loop.h"
#include "support/loopback.h"
#include "support/made.h"
#include "support/suite.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void
open_with(struct world *w, int kind, const struct evchat_callbacks *cb)
{
	world_open(w, (enum world_kind)kind, cb);
	ck_assert_int_eq(evchat_set_terminator(w->ch, EVCHAT_LIT("\r\n")), 0);
}

/* `eof` is told, nothing else that is not asked for. */
static void
open_told(struct world *w, int kind)
{
	struct evchat_callbacks cb = world_plain();

	cb.eof = world_callbacks.eof;
	open_with(w, kind, &cb);
}

static void
shut(struct world *w)
{
	ck_assert_int_eq(evchat_shutdown_write(w->ch), 0);
}

/* --- Cut off with a group. --- */

struct cutting {
	struct world w;
	struct evchat_group *group;
};

static void
open_in_group(struct cutting *c, int kind)
{
	open_told(&c->w, kind);
	c->group = evchat_group_new(c->w.base);
	ck_assert_ptr_nonnull(c->group);
	ck_assert_int_eq(evchat_group_add(c->group, c->w.ch), 0);
}

static void
expect_cut(struct cutting *c, const char *before)
{
	ck_assert_uint_eq(c->w.closed_count, 0); /* not from inside the call */
	world_run(&c->w);
	world_expect(&c->w, before);
	ck_assert_int_eq(c->w.reason, EVCHAT_REASON_CUT);
	ck_assert_uint_eq(c->w.closed_count, 1);
	ck_assert_int_eq(c->w.error, 0);
	ck_assert_uint_eq(evchat_group_count(c->group), 0);
	evchat_group_free(c->group);
	world_free(&c->w);
}

START_TEST(a_cut_ends_an_open_channel)
{
	struct cutting c;

	open_in_group(&c, _i);
	peer_send_text(&c.w, "one\r\npart");
	world_run(&c.w);
	evchat_group_close_all(c.group);
	expect_cut(&c, "frame(one) closed(CUT)");
	ck_assert_uint_eq(c.w.partial, 4);
	ck_assert_uint_eq(c.w.unsent, 0);
}
END_TEST

START_TEST(a_cut_drops_what_waits)
{
	struct cutting c;
	struct made made;

	open_in_group(&c, _i);
	evchat_push_producer(c.w.ch, made_from(&made, "~."));
	evchat_push(c.w.ch, "waits", 5);
	world_run(&c.w);
	evchat_group_close_all(c.group);
	expect_cut(&c, "closed(CUT)");
	ck_assert_uint_eq(made.released, 1);
	ck_assert_uint_ge(c.w.unsent, 5);
}
END_TEST

START_TEST(what_is_to_be_cut_off_is_asked_for_nothing)
{
	struct cutting c;
	struct made made;

	open_in_group(&c, _i);
	evchat_push_producer(c.w.ch, made_from(&made, "never."));
	evchat_group_close_all(c.group);
	ck_assert_int_eq(evchat_push(c.w.ch, "x", 1), EVCHAT_ERR_CLOSING);
	ck_assert_int_eq(evchat_group_broadcast(c.group, "x", 1, NULL), 1);
	peer_send_text(&c.w, "unheard\r\n");
	expect_cut(&c, "closed(CUT)");
	ck_assert_uint_eq(made.asked, 0);
	ck_assert_uint_eq(made.released, 1);
}
END_TEST

START_TEST(a_cut_ends_a_channel_that_is_shut)
{
	struct cutting c;

	open_in_group(&c, _i);
	evchat_push(c.w.ch, "bye", 3);
	shut(&c.w);
	world_run(&c.w);
	evchat_group_close_all(c.group);
	ck_assert_int_eq(evchat_shutdown_write(c.w.ch), EVCHAT_ERR_CLOSING);
	expect_cut(&c, "closed(CUT)");
}
END_TEST

START_TEST(a_cut_ends_a_channel_that_lingers)
{
	struct cutting c;

	open_in_group(&c, _i);
	evchat_push(c.w.ch, "bye", 3);
	evchat_close_when_done(c.w.ch);
	world_run(&c.w);
	world_expect(&c.w, "");
	evchat_group_close_all(c.group);
	expect_cut(&c, "closed(CUT)");
}
END_TEST

START_TEST(the_peers_last_words_in_the_turn_of_the_cut_are_not_heard)
{
	struct cutting c;

	open_in_group(&c, _i);
	world_run(&c.w);
	peer_send_text(&c.w, "unheard\r\n");
	peer_send_eof(&c.w);
	evchat_group_close_all(c.group);
	expect_cut(&c, "closed(CUT)");
}
END_TEST

/* --- FIN, RST or silence after each byte, over TCP. --- */

enum { CONVERSATION = 300, FRAME_MS = 1000, IDLE_MS = 5000, COUNTED = 100 };

/* Lines of several lengths, empty ones, with lone CRs and LFs. */
static void
write_conversation(char text[CONVERSATION])
{
	static const char lines[] = "HELO here\r\n\r\nMAIL FROM:<me@here>\r\n"
				    "two\nLFs\n\r\nCR\rCR\r\r\n\n\r\n.\r\n";

	for (size_t i = 0; i < CONVERSATION; i++)
		text[i] = lines[i % (sizeof lines - 1)];
}

/* What the channel is to say of these bytes, and then of the end of them. */
struct expected {
	struct evbuffer *text;
	uint64_t partial;
};

enum ending { FIN, RST, SILENCE, ENDINGS };

static void
expect_entry(
    struct expected *e, const char *event, const char *bytes, size_t len)
{
	if (evbuffer_get_length(e->text))
		evbuffer_add(e->text, " ", 1);
	evbuffer_add_printf(e->text, "%s(", event);
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\r')
			evbuffer_add(e->text, "\\r", 2);
		else if (bytes[i] == '\n')
			evbuffer_add(e->text, "\\n", 2);
		else
			evbuffer_add(e->text, &bytes[i], 1);
	}
	evbuffer_add(e->text, ")", 1);
}

/* Frames that CRLF ends; returns where the one under way begins. */
static size_t
expect_crlf_frames(struct expected *e, const char *bytes, size_t len)
{
	size_t front = 0;

	for (size_t i = 1; i < len; i++) {
		if (bytes[i] != '\n' || bytes[i - 1] != '\r' || i - 1 < front)
			continue;
		expect_entry(e, "frame", bytes + front, i - 1 - front);
		front = i + 1;
	}
	return front;
}

static void
expect_literal(
    struct expected *e, const char *bytes, size_t len, enum ending ending)
{
	(void)ending;
	e->partial = len - expect_crlf_frames(e, bytes, len);
}

/* The same in pieces; the last CR may begin a CRLF as long as more may come. */
static void
expect_pieces(
    struct expected *e, const char *bytes, size_t len, enum ending ending)
{
	size_t front = 0, tail;

	for (size_t i = 1; i < len; i++) {
		if (bytes[i] != '\n' || bytes[i - 1] != '\r' || i - 1 < front)
			continue;
		if (i - 1 > front)
			expect_entry(
			    e, "collect", bytes + front, i - 1 - front);
		evbuffer_add_printf(e->text, "%sfound",
		    evbuffer_get_length(e->text) ? " " : "");
		front = i + 1;
	}
	tail = e->partial = len - front;
	if (tail && ending == SILENCE && bytes[len - 1] == '\r')
		tail--;
	if (tail)
		expect_entry(e, "collect", bytes + front, tail);
}

static void
expect_lines(
    struct expected *e, const char *bytes, size_t len, enum ending ending)
{
	size_t front = 0;

	for (size_t i = 0; i < len; i++) {
		size_t end = i > front && bytes[i - 1] == '\r' ? i - 1 : i;

		if (bytes[i] != '\n')
			continue;
		expect_entry(e, "frame", bytes + front, end - front);
		front = i + 1;
	}
	if (ending == FIN && len > front)
		expect_entry(e, "frame", bytes + front, len - front);
	else
		e->partial = len - front;
}

static void
expect_counted(
    struct expected *e, const char *bytes, size_t len, enum ending ending)
{
	(void)ending;
	e->partial = len;
	if (len < COUNTED)
		return;
	expect_entry(e, "frame", bytes, COUNTED);
	e->partial = len - COUNTED;
	if (e->partial)
		expect_entry(e, "collect", bytes + COUNTED, (size_t)e->partial);
}

static void
expect_all(
    struct expected *e, const char *bytes, size_t len, enum ending ending)
{
	(void)ending;
	e->partial = len;
	if (len)
		expect_entry(e, "collect", bytes, len);
}

enum mode { LITERAL, PIECES, LINES, COUNTING, NOTHING, MODES };

static void (*const expectations[MODES])(
    struct expected *e, const char *bytes, size_t len, enum ending ending) = {
    expect_literal, expect_pieces, expect_lines, expect_counted, expect_all};

static struct evchat_terminator
terminator_of(enum mode mode)
{
	switch (mode) {
	case LINES:
		return evchat_line();
	case COUNTING:
		return evchat_count(COUNTED);
	case NOTHING:
		return evchat_none();
	case LITERAL:
	case PIECES:
	default:
		return EVCHAT_LIT("\r\n");
	}
}

/* Is a frame under way that has a deadline? */
static bool
frame_has_begun(enum mode mode, size_t len, uint64_t partial)
{
	if (mode == NOTHING || (mode == COUNTING && len >= COUNTED))
		return false;
	return partial > 0;
}

static enum evchat_reason
reason_of(enum ending ending, bool begun)
{
	if (ending == FIN)
		return EVCHAT_REASON_EOF;
	if (ending == RST)
		return EVCHAT_REASON_ERROR;
	return begun ? EVCHAT_REASON_TIMEOUT_FRAME : EVCHAT_REASON_TIMEOUT_IDLE;
}

static void
open_listening(struct loopback *l, enum mode mode)
{
	struct evchat_channel_options options = {.callbacks = world_plain(),
	    .terminator = terminator_of(mode),
	    .limits = {
		.frame_deadline_ms = FRAME_MS, .idle_deadline_ms = IDLE_MS}};

	if (mode == PIECES)
		options.callbacks.frame = NULL;
	loopback_open(l, &options);
}

/* No end that a closed() would tell: time passes until it does. */
static void
stay_silent(struct world *w, size_t sent, bool begun)
{
	struct evchat_stats stats;

	do {
		world_turn(w);
		evchat_get_stats(w->ch, &stats);
	} while (stats.bytes_in < sent);
	world_run(w);
	world_pass(w, FRAME_MS - 1);
	ck_assert_uint_eq(w->closed_count, 0);
	world_pass(w, 1);
	ck_assert_uint_eq(w->closed_count, begun);
	if (!begun)
		world_pass(w, IDLE_MS - FRAME_MS);
}

static void
end_conversation(
    struct loopback *l, enum ending ending, size_t sent, bool begun)
{
	switch (ending) {
	case FIN:
		peer_send_eof(&l->w);
		break;
	case RST:
		peer_reset(&l->w);
		break;
	case SILENCE:
	case ENDINGS:
	default:
		loopback_until(&l->w, there_is_a_channel);
		stay_silent(&l->w, sent, begun);
	}
}

static void
check_end(struct loopback *l, struct expected *e, enum evchat_reason reason)
{
	struct world *w = &l->w;

	if (w->peer_fd >= 0)
		loopback_until(w, peer_has_eof);
	world_run(w);
	evbuffer_add(e->text, "", 1);
	world_expect(w, (const char *)evbuffer_pullup(e->text, -1));
	ck_assert_uint_eq(w->closed_count, 1);
	ck_assert_int_eq(w->reason, reason);
	ck_assert_uint_eq(w->partial, e->partial);
	ck_assert_uint_eq(w->unsent, 0);
	ck_assert_int_eq(
	    w->error, reason == EVCHAT_REASON_ERROR ? ECONNRESET : 0);
	ck_assert_uint_eq(evchat_listener_count(l->listener), 0);
}

static void
end_after(size_t sent, enum mode mode, enum ending ending, bool accepted_first)
{
	static const char *const names[] = {[EVCHAT_REASON_EOF] = "EOF",
	    [EVCHAT_REASON_ERROR] = "ERROR",
	    [EVCHAT_REASON_TIMEOUT_FRAME] = "TIMEOUT_FRAME",
	    [EVCHAT_REASON_TIMEOUT_IDLE] = "TIMEOUT_IDLE"};
	char text[CONVERSATION];
	struct loopback l;
	struct expected e = {.text = evbuffer_new()};
	enum evchat_reason reason;
	bool begun;

	write_conversation(text);
	expectations[mode](&e, text, sent, ending);
	begun = frame_has_begun(mode, sent, e.partial);
	reason = reason_of(ending, begun);
	evbuffer_add_printf(e.text, "%sclosed(%s)",
	    evbuffer_get_length(e.text) ? " " : "", names[reason]);
	open_listening(&l, mode);
	loopback_dial(&l);
	if (accepted_first)
		loopback_until(&l.w, there_is_a_channel);
	peer_send(&l.w, text, sent);
	end_conversation(&l, ending, sent, begun);
	loopback_until(&l.w, channel_has_closed);
	check_end(&l, &e, reason);
	/* Nothing that waits for a while to be forgotten. */
	if (l.w.peer_fd >= 0)
		peer_reset(&l.w);
	evbuffer_free(e.text);
	loopback_free(&l);
}

START_TEST(all_before_the_end_is_heard_wherever_it_comes)
{
	enum ending ending = (enum ending)(_i / 2 % ENDINGS);
	enum mode mode = (enum mode)(_i / 2 / ENDINGS);

	for (size_t sent = 0; sent <= CONVERSATION; sent++)
		end_after(sent, mode, ending, _i % 2);
}
END_TEST

/* --- Much to say, and who reads when. --- */

enum { MUCH = 10 << 20 };

static unsigned char *
much(void)
{
	static unsigned char bytes[MUCH];

	for (uint32_t i = 0; i < MUCH; i++)
		bytes[i] = (unsigned char)(i * 2654435761u >> 13);
	return bytes;
}

static void
expect_received(struct world *w, const unsigned char *bytes, size_t len)
{
	ck_assert_uint_eq(evbuffer_get_length(w->received), len);
	ck_assert(memcmp(evbuffer_pullup(w->received, -1), bytes, len) == 0);
}

/* Makes what it is offered room for. */
struct maker {
	const unsigned char *next;
	size_t left;
};

static enum evchat_more
make_more(struct evbuffer *out, size_t room, void *ctx)
{
	struct maker *m = ctx;
	size_t len = m->left < room ? m->left : room;

	ck_assert_int_eq(evbuffer_add(out, m->next, len), 0);
	m->next += len;
	m->left -= len;
	return m->left ? EVCHAT_MORE : EVCHAT_END;
}

enum manner { COPIED, LENT, MOVED, FROM_FILE, MADE, MANNERS };

static void
push_much(struct evchat *ch, enum manner manner)
{
	static struct maker maker;
	struct evbuffer *moved;

	switch (manner) {
	case COPIED:
		ck_assert_int_eq(evchat_push(ch, much(), MUCH), 0);
		break;
	case LENT:
		ck_assert_int_eq(
		    evchat_push_ref(ch, much(), MUCH, NULL, NULL), 0);
		break;
	case MOVED:
		moved = evbuffer_new();
		evbuffer_add(moved, much(), MUCH);
		ck_assert_int_eq(evchat_push_buffer(ch, moved), 0);
		evbuffer_free(moved);
		break;
	case FROM_FILE:
		ck_assert_int_eq(
		    evchat_push_file(ch, nameless_file(much(), MUCH), 0, MUCH),
		    0);
		break;
	case MADE:
	case MANNERS:
	default:
		maker = (struct maker){much(), MUCH};
		ck_assert_int_eq(evchat_push_producer(ch,
				     (struct evchat_producer){
					 .more = make_more, .ctx = &maker}),
		    0);
	}
}

static void
answer_frame(struct world *w, const char *event)
{
	enum manner *manner = w->hook_ctx;

	if (strcmp(event, "frame") == 0)
		push_much(w->ch, *manner);
}

static void
answer_eof(struct world *w, const char *event)
{
	enum manner *manner = w->hook_ctx;

	if (strcmp(event, "eof") != 0)
		return;
	push_much(w->ch, *manner);
	evchat_close_when_done(w->ch);
}

static void
listen_for_lines(struct loopback *l, const struct evchat_callbacks *cb)
{
	struct evchat_channel_options options = {
	    .callbacks = *cb, .terminator = EVCHAT_LIT("\r\n")};

	loopback_open(l, &options);
}

static void
half_close_and_compare(struct loopback *l)
{
	loopback_dial(l);
	peer_send_text(&l->w, "all of it\r\n");
	peer_send_eof(&l->w);
	loopback_until(&l->w, channel_has_closed);
	loopback_until(&l->w, peer_has_eof);
	expect_received(&l->w, much(), MUCH);
	ck_assert_uint_eq(l->w.unsent, 0);
}

START_TEST(a_client_that_half_closes_gets_all_of_its_answer)
{
	struct loopback l;
	struct evchat_callbacks cb = world_plain();
	enum manner manner = (enum manner)_i;

	listen_for_lines(&l, &cb);
	l.w.hook = answer_frame;
	l.w.hook_ctx = &manner;
	half_close_and_compare(&l);
	world_expect(&l.w, "frame(all of it) closed(EOF)");
	loopback_free(&l);
}
END_TEST

START_TEST(a_client_that_half_closed_can_be_answered_in_eof)
{
	struct loopback l;
	struct evchat_callbacks cb = world_plain();
	enum manner manner = (enum manner)_i;

	cb.eof = world_callbacks.eof;
	listen_for_lines(&l, &cb);
	l.w.hook = answer_eof;
	l.w.hook_ctx = &manner;
	half_close_and_compare(&l);
	world_expect(&l.w, "frame(all of it) eof closed(DONE)");
	loopback_free(&l);
}
END_TEST

/* A client that uploads lines, to be answered and left half-way. */

enum { LINE = 1000, LINES_SENT = MUCH / LINE, REPLY = 3 << 20 };

enum reading { WHILE_SENDING, WHEN_SENT, WHEN_HALF_CLOSED, READINGS };

struct upload {
	struct loopback l;
	void (*leave)(struct evchat *ch); /* after the answer */
	size_t lines;                     /* that the server got */
	size_t sent;                      /* bytes by the client */
};

static void
on_line(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	struct upload *u = ctx;

	ck_assert_uint_eq(len, LINE - 2);
	ck_assert_int_eq(*(const char *)bytes, 'u');
	if (++u->lines != LINES_SENT / 2)
		return;
	ck_assert_int_eq(evchat_push(ch, much(), REPLY), 0);
	u->leave(ch);
}

static void
on_end_of_upload(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	struct upload *u = ctx;

	u->l.w.reason = reason;
	u->l.w.unsent = evchat_unsent(ch);
	u->l.w.closed_count++;
	u->l.w.ch = NULL;
}

/* As much as the kernel takes now. */
static void
send_upload(struct upload *u)
{
	char line[LINE];
	ssize_t sent;

	memset(line, 'u', LINE);
	memcpy(line + LINE - 2, "\r\n", 2);
	while (u->sent < (size_t)LINES_SENT * LINE) {
		size_t at = u->sent % LINE;

		sent = send(u->l.w.peer_fd, line + at, LINE - at, MSG_NOSIGNAL);
		if (sent < 0) {
			ck_assert_int_eq(errno, EAGAIN);
			return;
		}
		u->sent += (size_t)sent;
	}
}

static void
begin_upload(struct upload *u, void (*leave)(struct evchat *ch))
{
	struct evchat_callbacks cb = {
	    .frame = on_line, .closed = on_end_of_upload};

	*u = (struct upload){.leave = leave};
	listen_for_lines(&u->l, &cb);
	loopback_dial(&u->l);
	loopback_until(&u->l.w, there_is_a_channel);
	evchat_set_ctx(u->l.w.ch, u);
}

/* Everything is sent, and nothing of it refused. */
static void
upload(struct upload *u, enum reading reading)
{
	if (reading != WHILE_SENDING)
		peer_stop_reading(&u->l.w);
	while (u->sent < (size_t)LINES_SENT * LINE) {
		send_upload(u);
		world_turn(&u->l.w);
	}
	if (reading == WHEN_SENT)
		peer_read(&u->l.w);
}

static void
leave_when_done(struct evchat *ch)
{
	evchat_close_when_done(ch);
}

START_TEST(a_client_left_in_its_upload_reads_its_whole_answer)
{
	struct upload u;

	begin_upload(&u, leave_when_done);
	upload(&u, (enum reading)_i);
	if (_i == WHEN_HALF_CLOSED) {
		/* It would not be closed before the answer can go. */
		peer_send_eof(&u.l.w);
		world_run(&u.l.w);
		peer_read(&u.l.w);
	}
	loopback_until(&u.l.w, peer_has_eof);
	expect_received(&u.l.w, much(), REPLY);
	ck_assert_uint_eq(u.lines, LINES_SENT / 2);
	if (_i != WHEN_HALF_CLOSED)
		peer_send_eof(&u.l.w);
	loopback_until(&u.l.w, channel_has_closed);
	ck_assert_int_eq(u.l.w.reason, EVCHAT_REASON_DONE);
	ck_assert_uint_eq(u.l.w.unsent, 0);
	ck_assert_uint_eq(u.l.w.closed_count, 1);
	loopback_free(&u.l);
}
END_TEST

static void
leave_shut(struct evchat *ch)
{
	ck_assert_int_eq(evchat_shutdown_write(ch), 0);
}

START_TEST(shut_in_an_upload_the_server_gets_all_and_the_client_its_answer)
{
	struct upload u;

	begin_upload(&u, leave_shut);
	/* Until the client reads, the answer holds its lines back. */
	upload(&u, WHILE_SENDING);
	peer_send_eof(&u.l.w);
	loopback_until(&u.l.w, channel_has_closed);
	loopback_until(&u.l.w, peer_has_eof);
	expect_received(&u.l.w, much(), REPLY);
	ck_assert_uint_eq(u.lines, LINES_SENT);
	ck_assert_int_eq(u.l.w.reason, EVCHAT_REASON_EOF);
	loopback_free(&u.l);
}
END_TEST

/* A small answer and a client that goes on sending, line by line, without
 * reading, until the server has closed: it finds its answer, and no reset has
 * come in its way. */
START_TEST(no_reset_destroys_the_answer_to_a_client_that_is_still_sending)
{
	struct loopback l;
	struct evchat_callbacks cb = world_plain();

	listen_for_lines(&l, &cb);
	loopback_dial(&l);
	peer_stop_reading(&l.w);
	loopback_until(&l.w, there_is_a_channel);
	ck_assert_int_eq(evchat_push(l.w.ch, much(), 20000), 0);
	evchat_close_when_done(l.w.ch);
	for (int i = 0; i < 1000; i++) {
		peer_send_text(&l.w, "and another thing\r\n");
		world_turn(&l.w);
	}
	ck_assert_uint_eq(l.w.closed_count, 0);
	peer_send_eof(&l.w);
	loopback_until(&l.w, channel_has_closed);
	world_run(&l.w);
	world_expect(&l.w, "closed(DONE)");
	peer_read(&l.w);
	loopback_until(&l.w, peer_has_eof);
	expect_received(&l.w, much(), 20000);
	loopback_free(&l);
}
END_TEST

/* Read at most so much; false at the end.  The client must not be cut off. */
static bool
read_some(int fd, struct evbuffer *to, size_t most)
{
	static char bytes[65536];
	ssize_t n = 1;

	for (size_t got = 0; got < most && n > 0; got += (size_t)n) {
		n = recv(fd, bytes, sizeof bytes, 0);
		if (n < 0) {
			ck_assert_int_eq(errno, EAGAIN);
			return true;
		}
		ck_assert_int_eq(evbuffer_add(to, bytes, (size_t)n), 0);
	}
	return n > 0;
}

/* Read until so much less is on its way; the kernel takes the time it takes. */
static void
read_until_acked(struct loopback *l, unsigned less)
{
	struct evchat_transport *transport = &l->w.ch->transport;
	unsigned before = evchat_transport_unacked_(transport);

	while (evchat_transport_unacked_(transport) + less > before) {
		ck_assert(read_some(l->w.peer_fd, l->w.received, 100000));
		world_turn(&l->w);
	}
}

/* The kernel has all of the answer, and a linger time is too short for it; but
 * each time some more has been acknowledged. */
START_TEST(a_client_that_reads_slowly_while_it_sends_reads_its_whole_answer)
{
	struct loopback l;
	struct evchat_callbacks cb = world_plain();
	int lingered = 0, little = 65536;

	listen_for_lines(&l, &cb);
	loopback_dial(&l);
	/* Or the client's kernel takes all of it. */
	ck_assert_int_eq(setsockopt(l.w.peer_fd, SOL_SOCKET, SO_RCVBUF, &little,
			     sizeof little),
	    0);
	peer_stop_reading(&l.w);
	loopback_until(&l.w, there_is_a_channel);
	ck_assert_int_eq(evchat_push(l.w.ch, much(), MUCH / 8), 0);
	evchat_close_when_done(l.w.ch);
	world_run(&l.w);
	while (evchat_transport_unacked_(&l.w.ch->transport) > MUCH / 20) {
		peer_send_text(&l.w, "and another thing\r\n");
		read_until_acked(&l, MUCH / 8 / 6);
		world_pass(&l.w, 2000);
		ck_assert_uint_eq(l.w.closed_count, 0);
		lingered++;
	}
	ck_assert_int_gt(lingered, 1);
	while (read_some(l.w.peer_fd, l.w.received, MUCH))
		world_turn(&l.w);
	expect_received(&l.w, much(), MUCH / 8);
	world_pass(&l.w, 2000);
	world_pass(&l.w, 2000);
	world_expect(&l.w, "closed(DONE)");
	loopback_free(&l);
}
END_TEST

/* Who takes a byte now and then must not keep the channel for ever. */
START_TEST(a_client_that_hardly_reads_is_not_lingered_for)
{
	struct loopback l;
	struct evchat_callbacks cb = world_plain();
	int lingered = 0;

	listen_for_lines(&l, &cb);
	loopback_dial(&l);
	peer_stop_reading(&l.w);
	loopback_until(&l.w, there_is_a_channel);
	ck_assert_int_eq(evchat_push(l.w.ch, much(), MUCH / 8), 0);
	evchat_close_when_done(l.w.ch);
	world_run(&l.w);
	for (; !l.w.closed_count; lingered++) {
		ck_assert_int_lt(lingered, 9);
		ck_assert(read_some(l.w.peer_fd, l.w.received, 2048));
		world_pass(&l.w, 2000);
	}
	world_expect(&l.w, "closed(DONE)");
	loopback_free(&l);
}
END_TEST

/* The part that it got must not look like the whole. */
START_TEST(a_client_left_at_the_write_deadline_sees_a_reset)
{
	const struct evchat_limits limits = {.write_deadline_ms = 1000};
	struct loopback l;
	struct evchat_callbacks cb = world_plain();
	char byte;
	ssize_t n;

	listen_for_lines(&l, &cb);
	loopback_dial(&l);
	peer_stop_reading(&l.w);
	loopback_until(&l.w, there_is_a_channel);
	ck_assert_int_eq(evchat_set_limits(l.w.ch, &limits), 0);
	ck_assert_int_eq(evchat_push(l.w.ch, much(), MUCH), 0);
	world_run(&l.w);
	world_pass(&l.w, 1000);
	world_pass(&l.w, 1000);
	world_expect(&l.w, "closed(TIMEOUT_WRITE)");
	ck_assert_uint_gt(l.w.unsent, 0);
	do {
		n = recv(l.w.peer_fd, &byte, 1, 0);
		world_turn(&l.w);
	} while (n > 0 || (n < 0 && errno == EAGAIN));
	ck_assert_int_lt((int)n, 0);
	ck_assert_int_eq(errno, ECONNRESET);
	loopback_free(&l);
}
END_TEST

/* Megabytes lie in the kernel, and an eighth of them is more than a slow reader
 * takes in the time it has. */
START_TEST(a_client_that_reads_slowly_is_not_left_at_the_write_deadline)
{
	const struct evchat_limits limits = {.write_deadline_ms = 1000};
	struct loopback l;
	struct evchat_callbacks cb = world_plain();

	listen_for_lines(&l, &cb);
	loopback_dial(&l);
	peer_stop_reading(&l.w);
	loopback_until(&l.w, there_is_a_channel);
	ck_assert_int_eq(evchat_set_limits(l.w.ch, &limits), 0);
	ck_assert_int_eq(evchat_push_ref(l.w.ch, much(), MUCH, NULL, NULL), 0);
	world_run(&l.w);
	for (int i = 0; i < 5; i++) {
		ck_assert_uint_gt(
		    evchat_transport_unacked_(&l.w.ch->transport), 800000);
		read_until_acked(&l, 40000);
		world_pass(&l.w, 1000);
		world_expect(&l.w, "");
	}
	loopback_free(&l);
}
END_TEST

/* It read everything in time; the loop stood still and did not write on. */
START_TEST(a_stalled_loop_calls_nobody_slow_who_has_read)
{
	const struct evchat_limits limits = {.write_deadline_ms = 1000};
	struct evchat_callbacks cb = world_plain();
	struct world w;

	open_with(&w, OVER_SOCKET, &cb);
	ck_assert_int_eq(evchat_set_limits(w.ch, &limits), 0);
	peer_stop_reading(&w);
	ck_assert_int_eq(evchat_push(w.ch, much(), MUCH), 0);
	world_run(&w);
	ck_assert(read_some(w.peer_fd, w.received, MUCH));
	fake_clock_pass(3000);
	event_active(w.ch->time->timer, EV_TIMEOUT, 0);
	world_run(&w);
	world_expect(&w, "");
	/* But it is left when it stops. */
	world_pass(&w, 1000);
	world_pass(&w, 1000);
	world_expect(&w, "closed(TIMEOUT_WRITE)");
	world_free(&w);
}
END_TEST

/* What a producer of no known size has yet to make counts as unsent, too. */
START_TEST(a_client_of_an_answer_that_was_not_made_sees_a_reset)
{
	struct loopback l;
	struct made made;
	struct evchat_group *group;
	struct evchat_callbacks cb = world_plain();
	char byte;
	ssize_t n;

	listen_for_lines(&l, &cb);
	loopback_dial(&l);
	peer_stop_reading(&l.w);
	loopback_until(&l.w, there_is_a_channel);
	group = evchat_group_new(l.w.base);
	evchat_group_add(group, l.w.ch);
	evchat_push_producer(l.w.ch, made_from(&made, "a part~of it."));
	world_run(&l.w);
	ck_assert_uint_eq(evchat_pending(l.w.ch), 0);
	if (_i) {
		evchat_group_close_all(group);
	} else {
		evchat_free(l.w.ch);
		l.w.ch = NULL;
	}
	world_run(&l.w);
	evchat_group_free(group);
	do {
		n = recv(l.w.peer_fd, &byte, 1, 0);
		world_turn(&l.w);
	} while (n > 0 || (n < 0 && errno == EAGAIN));
	ck_assert_int_lt((int)n, 0);
	ck_assert_int_eq(errno, ECONNRESET);
	loopback_free(&l);
}
END_TEST

/* A refusal before a word was heard. */
START_TEST(a_client_refused_while_it_speaks_reads_why)
{
	struct loopback l;
	struct evchat_callbacks cb = world_plain();

	listen_for_lines(&l, &cb);
	loopback_dial(&l);
	peer_send(&l.w, much(), 30000);
	loopback_until(&l.w, there_is_a_channel);
	evchat_push_line(l.w.ch, "go away", 7);
	evchat_close_when_done(l.w.ch);
	loopback_until(&l.w, peer_has_eof);
	peer_expect(&l.w, "go away\r\n");
	ck_assert_uint_eq(l.w.closed_count, 0);
	peer_send_eof(&l.w);
	loopback_until(&l.w, channel_has_closed);
	world_expect(&l.w, "closed(DONE)");
	loopback_free(&l);
}
END_TEST

/* --- Resets, over TCP. --- */

static bool
peer_has_something(const struct world *w)
{
	return evbuffer_get_length(w->received) > 0;
}

START_TEST(a_reset_after_fin_is_an_error_with_all_that_came_before)
{
	struct loopback l;
	struct evchat_callbacks cb = world_plain();

	cb.eof = _i ? world_callbacks.eof : NULL;
	listen_for_lines(&l, &cb);
	loopback_dial(&l);
	loopback_until(&l.w, there_is_a_channel);
	evchat_push(l.w.ch, "bye", 3);
	shut(&l.w);
	loopback_until(&l.w, peer_has_eof);
	peer_send_text(&l.w, "one\r\ntw");
	peer_reset(&l.w);
	loopback_until(&l.w, channel_has_closed);
	world_run(&l.w);
	world_expect(&l.w, "frame(one) closed(ERROR)");
	ck_assert_int_eq(l.w.error, ECONNRESET);
	ck_assert_uint_eq(l.w.partial, 2);
	loopback_free(&l);
}
END_TEST

START_TEST(a_reset_while_it_lingers_ends_it_at_once)
{
	struct loopback l;
	struct evchat_callbacks cb = world_plain();

	listen_for_lines(&l, &cb);
	loopback_dial(&l);
	loopback_until(&l.w, there_is_a_channel);
	evchat_push(l.w.ch, "bye", 3);
	evchat_close_when_done(l.w.ch);
	loopback_until(&l.w, peer_has_eof);
	peer_reset(&l.w);
	loopback_until(&l.w, channel_has_closed);
	world_run(&l.w);
	ck_assert_uint_eq(l.w.closed_count, 1);
	ck_assert_uint_eq(l.w.unsent, 0);
	world_expect(&l.w, "closed(DONE)");
	loopback_free(&l);
}
END_TEST

static int
error_of(int fd)
{
	char byte;

	while (recv(fd, &byte, 1, 0) > 0)
		;
	return errno;
}

/* A cut must not pass for the end of an answer; one that had all is told so. */
START_TEST(a_cut_resets_only_a_client_that_lacks_something)
{
	struct loopback l;
	struct evchat_callbacks cb = world_plain();
	struct evchat_group *group;
	bool lacks = _i;

	listen_for_lines(&l, &cb);
	loopback_dial(&l);
	loopback_until(&l.w, there_is_a_channel);
	group = evchat_group_new(l.w.base);
	ck_assert_int_eq(evchat_group_add(group, l.w.ch), 0);
	evchat_push(l.w.ch, "part", 4);
	loopback_until(&l.w, peer_has_something);
	if (lacks)
		push_much(l.w.ch, MADE);
	peer_stop_reading(&l.w);
	world_run(&l.w);
	evchat_group_close_all(group);
	loopback_until(&l.w, channel_has_closed);
	world_run(&l.w);
	world_expect(&l.w, "closed(CUT)");
	ck_assert(lacks ? l.w.unsent > 0 : l.w.unsent == 0);
	errno = 0;
	ck_assert_int_eq(error_of(l.w.peer_fd), lacks ? ECONNRESET : 0);
	evchat_group_free(group);
	loopback_free(&l);
}
END_TEST

/* --- A loop that stands still. --- */

enum { CLIENTS = 100, STALL_MS = 1000 };

struct client {
	struct crowd *crowd;
	struct evchat *ch;
	int fd;
	size_t frames, timeouts, closed;
	size_t len;                /* of the last frame */
	enum evchat_reason reason; /* of the first timeout */
};

struct crowd {
	struct event_base *base;
	struct evchat_listener *listener;
	struct client clients[CLIENTS];
	int n;
	size_t frames, timeouts;
};

static void
on_client_line(struct evchat *ch, const void *bytes, size_t len, void *ctx)
{
	struct client *c = ctx;

	(void)ch;
	(void)bytes;
	c->frames++;
	c->len = len;
	c->crowd->frames++;
}

static void
on_client_late(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	struct client *c = ctx;

	(void)ch;
	if (c->timeouts++ == 0)
		c->reason = reason;
	c->crowd->timeouts++;
}

static void
on_client_closed(struct evchat *ch, enum evchat_reason reason, void *ctx)
{
	struct client *c = ctx;

	(void)ch;
	(void)reason;
	c->closed++;
	c->ch = NULL;
}

static void
on_client(
    struct evchat *ch, const struct sockaddr *peer, socklen_t len, void *ctx)
{
	struct crowd *crowd = ctx;
	struct client *c = &crowd->clients[crowd->n++];

	(void)peer;
	(void)len;
	c->crowd = crowd;
	c->ch = ch;
	evchat_set_ctx(ch, c);
}

/* Each client is accepted before the next one comes. */
static void
open_crowd(struct crowd *crowd)
{
	struct evchat_listener_options options = {
	    .channel = {.callbacks = {.frame = on_client_line,
			    .timeout = on_client_late,
			    .closed = on_client_closed},
		.terminator = EVCHAT_LIT("\r\n"),
		.limits = {.frame_deadline_ms = STALL_MS,
		    .idle_deadline_ms = STALL_MS}},
	    .accepted = on_client};

	memset(crowd, 0, sizeof *crowd);
	crowd->base = event_base_new();
	crowd->listener =
	    evchat_listen(crowd->base, "127.0.0.1:0", &options, crowd);
	ck_assert_ptr_nonnull(crowd->listener);
	for (int i = 0; i < CLIENTS; i++) {
		crowd->clients[i].fd = loopback_client(crowd->listener);
		while (crowd->n <= i)
			event_base_loop(crowd->base, EVLOOP_ONCE);
	}
}

static void
close_crowd(struct crowd *crowd)
{
	evchat_listener_free(crowd->listener);
	for (int i = 0; i < CLIENTS; i++) {
		evchat_free(crowd->clients[i].ch);
		close(crowd->clients[i].fd);
	}
	event_base_loop(crowd->base, EVLOOP_NONBLOCK);
	event_base_free(crowd->base);
}

static void
turn_crowd(struct crowd *crowd, int turns)
{
	for (int i = 0; i < turns; i++)
		loop_turn(crowd->base, EVLOOP_NONBLOCK);
}

static void
crowd_says(struct crowd *crowd, const void *bytes, size_t len)
{
	for (int i = 0; i < crowd->n; i++)
		ck_assert_int_eq(
		    send(crowd->clients[i].fd, bytes, len, 0), (ssize_t)len);
}

/* All of the crowd has been heard so far. */
static void
hear_crowd(struct crowd *crowd, uint64_t bytes)
{
	for (int i = 0; i < crowd->n; i++) {
		struct evchat_stats stats;

		do {
			turn_crowd(crowd, 1);
			evchat_get_stats(crowd->clients[i].ch, &stats);
		} while (stats.bytes_in < bytes);
	}
	turn_crowd(crowd, 8);
}

/* Every timer fires in the same turn, before anything is read. */
static void
fire_timers(struct crowd *crowd)
{
	for (int i = 0; i < crowd->n; i++) {
		const struct evchat *ch = crowd->clients[i].ch;

		ck_assert_ptr_nonnull(ch);
		ck_assert_ptr_nonnull(ch->time);
		event_active(ch->time->timer, EV_TIMEOUT, 0);
	}
}

static void
stall(struct crowd *crowd, uint64_t ms)
{
	fake_clock_pass(ms);
	fire_timers(crowd);
}

static void
expect_each(const struct crowd *crowd, size_t frames, size_t timeouts)
{
	for (int i = 0; i < crowd->n; i++) {
		ck_assert_uint_eq(crowd->clients[i].frames, frames);
		ck_assert_uint_eq(crowd->clients[i].timeouts, timeouts);
		ck_assert_uint_eq(crowd->clients[i].closed, 0);
	}
}

/* The rest of the line has come in time, whether much of it or little. */
START_TEST(a_stalled_loop_calls_nobody_late_whose_line_has_come)
{
	struct crowd crowd;
	static char rest[40000];
	size_t len = _i ? sizeof rest : 10;

	memset(rest, 'x', sizeof rest);
	memcpy(rest + len - 2, "\r\n", 2);
	open_crowd(&crowd);
	crowd_says(&crowd, "begun ", 6);
	hear_crowd(&crowd, 6);
	crowd_says(&crowd, rest, len);
	stall(&crowd, 3 * STALL_MS);
	while (crowd.frames + crowd.timeouts < CLIENTS)
		turn_crowd(&crowd, 1);
	turn_crowd(&crowd, 8);
	expect_each(&crowd, 1, 0);
	for (int i = 0; i < crowd.n; i++)
		ck_assert_uint_eq(crowd.clients[i].len, 6 + len - 2);
	close_crowd(&crowd);
}
END_TEST

START_TEST(a_stalled_loop_calls_nobody_idle_who_has_spoken)
{
	struct crowd crowd;

	open_crowd(&crowd);
	turn_crowd(&crowd, 8);
	for (size_t round = 1; round <= 3; round++) {
		crowd_says(&crowd, "here\r\n", 6);
		stall(&crowd, 3 * STALL_MS);
		while (crowd.frames + crowd.timeouts < round * CLIENTS)
			turn_crowd(&crowd, 1);
		turn_crowd(&crowd, 8);
		expect_each(&crowd, round, 0);
	}
	close_crowd(&crowd);
}
END_TEST

/* One of them was mute, one has only begun, and is late with its line and for
 * its silence; the others are not. */
START_TEST(after_a_stall_the_silent_are_late_all_the_same)
{
	struct crowd crowd;
	struct client *mute, *slow;

	open_crowd(&crowd);
	mute = &crowd.clients[CLIENTS - 1];
	slow = &crowd.clients[CLIENTS / 2];
	ck_assert_int_eq(send(slow->fd, "half a", 6, 0), 6);
	turn_crowd(&crowd, 8);
	for (int i = 0; i < CLIENTS; i++)
		if (&crowd.clients[i] != mute && &crowd.clients[i] != slow)
			send(crowd.clients[i].fd, "here\r\n", 6, 0);
	stall(&crowd, 3 * STALL_MS);
	while (crowd.frames + crowd.timeouts < CLIENTS + 1)
		turn_crowd(&crowd, 1);
	turn_crowd(&crowd, 8);
	ck_assert_uint_eq(crowd.timeouts, 3);
	ck_assert_uint_eq(crowd.frames, CLIENTS - 2);
	ck_assert_uint_eq(mute->timeouts, 1);
	ck_assert_int_eq(mute->reason, EVCHAT_REASON_TIMEOUT_IDLE);
	ck_assert_uint_eq(slow->timeouts, 2);
	ck_assert_int_eq(slow->reason, EVCHAT_REASON_TIMEOUT_FRAME);
	close_crowd(&crowd);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ends");
	TCase *all = suite_group(s, "everywhere");
	TCase *tcp = suite_group(s, "over TCP");
	TCase *once = suite_group(s, "once");
	/* A peer is granted as many turns as it takes to read what the kernel
	 * holds, not as many as are refused. */
	TCase *stalls = suite_exact_group(s, "stalls", "turns");

#define RULE(test) tcase_add_loop_test(all, test, 0, WORLD_KINDS)
	RULE(a_cut_ends_an_open_channel);
	RULE(a_cut_drops_what_waits);
	RULE(what_is_to_be_cut_off_is_asked_for_nothing);
	RULE(a_cut_ends_a_channel_that_is_shut);
	RULE(a_cut_ends_a_channel_that_lingers);
	RULE(the_peers_last_words_in_the_turn_of_the_cut_are_not_heard);
#undef RULE
	tcase_add_loop_test(tcp, all_before_the_end_is_heard_wherever_it_comes,
	    0, 2 * ENDINGS * MODES);
	tcase_add_loop_test(
	    tcp, a_client_that_half_closes_gets_all_of_its_answer, 0, MANNERS);
	tcase_add_loop_test(
	    tcp, a_client_that_half_closed_can_be_answered_in_eof, 0, MANNERS);
	tcase_add_loop_test(tcp,
	    a_client_left_in_its_upload_reads_its_whole_answer, 0, READINGS);
	tcase_add_loop_test(
	    tcp, a_reset_after_fin_is_an_error_with_all_that_came_before, 0, 2);
	tcase_add_loop_test(
	    tcp, a_cut_resets_only_a_client_that_lacks_something, 0, 2);
	tcase_add_loop_test(
	    stalls, a_stalled_loop_calls_nobody_late_whose_line_has_come, 0, 2);
	tcase_add_test(once,
	    shut_in_an_upload_the_server_gets_all_and_the_client_its_answer);
	tcase_add_test(once,
	    no_reset_destroys_the_answer_to_a_client_that_is_still_sending);
	tcase_add_test(once,
	    a_client_that_reads_slowly_while_it_sends_reads_its_whole_answer);
	tcase_add_test(once, a_client_that_hardly_reads_is_not_lingered_for);
	tcase_add_test(once, a_client_left_at_the_write_deadline_sees_a_reset);
	tcase_add_test(
	    once, a_client_that_reads_slowly_is_not_left_at_the_write_deadline);
	tcase_add_loop_test(
	    once, a_client_of_an_answer_that_was_not_made_sees_a_reset, 0, 2);
	tcase_add_test(once, a_stalled_loop_calls_nobody_slow_who_has_read);
	tcase_add_test(once, a_client_refused_while_it_speaks_reads_why);
	tcase_add_test(once, a_reset_while_it_lingers_ends_it_at_once);
	tcase_add_test(stalls, a_stalled_loop_calls_nobody_idle_who_has_spoken);
	tcase_add_test(stalls, after_a_stall_the_silent_are_late_all_the_same);
	return suite_run(s);
}
