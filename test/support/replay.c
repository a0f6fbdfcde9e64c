/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ways in which a conversation is played, what each of them may change, and
 * the report of the first play that changed more.
 */
#include "support/replay.h"
#include "support/replay_memory.h"
#include "support/replay_play.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 2000, PIECES_MOST = 8192 };

/* A replay under way. */
struct course {
	const struct replay_application *app;
	const struct replay_conversation *talk;
	struct replay_result *result;
	struct replay_play whole; /* what all others are held against */
	size_t most;
};

/* What is wrong with a play; NULL if nothing is. */
typedef const char *(*judge)(
    const struct replay_play *whole, const struct replay_play *play);

/* --- Judging.  The callbacks come first, since what the peer got follows from
 * them. --- */

static const char *
judge_order(const struct replay_play *play)
{
	if (play->left)
		return "memory was not given back";
	if (play->loop_failed && !play->was_refused)
		return "the loop failed";
	return NULL;
}

static const char *
judge_same(const struct replay_play *whole, const struct replay_play *play)
{
	if (!replay_text_is(&whole->said.text, &play->said.text))
		return "other callbacks";
	if (!replay_text_is(&whole->got, &play->got))
		return "the peer got other bytes";
	if (whole->got_end != play->got_end ||
	    whole->got_reset != play->got_reset)
		return "the peer got another end";
	if (whole->over != play->over)
		return "the channel is over in one and not in the other";
	if (!replay_text_is(&whole->told, &play->told))
		return "the application tells something else";
	return judge_order(play);
}

/* So far the same, and what the peer got too. */
static const char *
judge_beginning(const struct replay_play *whole, const struct replay_play *play)
{
	const struct replay_said *said = &play->said;

	if (!replay_text_begins(&said->text, said->stem, &whole->said.text))
		return "callbacks that are no beginning";
	if (!replay_text_begins(&play->got, play->got.len, &whole->got))
		return "the peer got bytes that are no beginning";
	return judge_order(play);
}

static const char *
end_said(const struct replay_said *said)
{
	return said->closed ? said->text.bytes + said->end : "";
}

static bool
ends_with(const struct replay_said *said, const char *end)
{
	return strcmp(end_said(said), end) == 0;
}

static const char *
judge_close(const struct replay_play *whole, const struct replay_play *play)
{
	const char *wrong = judge_beginning(whole, play);

	if (wrong || !play->acted)
		return wrong ? wrong : judge_same(whole, play);
	if (!play->over)
		return "the channel never ends";
	if (!play->said.closed)
		return NULL; /* the application dropped it */
	if (ends_with(&play->said, "closed(DONE)"))
		return play->got.len < play->pushed
			   ? "what had been pushed did not come"
			   : NULL;
	return ends_with(&play->said, end_said(&whole->said))
		   ? NULL
		   : "an end that is not good";
}

static const char *
judge_drop(const struct replay_play *whole, const struct replay_play *play)
{
	const char *wrong = judge_beginning(whole, play);

	if (wrong || !play->acted)
		return wrong ? wrong : judge_same(whole, play);
	if (play->said.closed || play->callbacks != play->callbacks_then)
		return "a callback after the channel was dropped";
	return play->over ? NULL : "the channel lives on";
}

/* An end that says that something went wrong, or none at all: the application
 * saw an error and dropped the channel. */
static bool
ends_badly(const struct replay_play *whole, const struct replay_play *play)
{
	if (!play->opened || play->complained || play->loop_failed)
		return true;
	if (!play->said.closed)
		return play->over && (whole->said.closed || !whole->over);
	return !ends_with(&play->said, "closed(DONE)") &&
	       !ends_with(&play->said, "closed(EOF)") &&
	       !ends_with(&play->said, end_said(&whole->said));
}

static const char *
judge_refusal(const struct replay_play *whole, const struct replay_play *play)
{
	const char *wrong;

	if (!play->was_refused || !ends_badly(whole, play))
		return judge_same(whole, play);
	wrong = play->complained ? NULL : judge_beginning(whole, play);
	return wrong ? wrong : judge_order(play);
}

/* --- Reporting. --- */

static void
name_cuts(char *text, size_t size, const struct replay_way *way)
{
	if (way->piece == 1)
		(void)snprintf(text, size, "byte by byte");
	else if (way->piece)
		(void)snprintf(text, size, "in pieces of %zu", way->piece);
	else if (way->cuts[1])
		(void)snprintf(text, size, "split at %zu and %zu", way->cuts[0],
		    way->cuts[1]);
	else if (way->cuts[0])
		(void)snprintf(text, size, "split at %zu", way->cuts[0]);
	else
		(void)snprintf(text, size, "whole");
}

static void
add_way(struct replay_text *t, const struct replay_way *way)
{
	static const char *const acts[REPLAY_ACTS] = {
	    "", "paused", "closed when done", "dropped"};
	char text[64];

	name_cuts(text, sizeof text, way);
	replay_text_add_string(t, text);
	replay_text_add_string(t, way->ends_at_once ? ", its end at once" : "");
	replay_text_add_string(
	    t, way->reads_late ? ", a peer that reads at the end" : "");
	text[0] = '\0';
	if (way->act != REPLAY_NOTHING && way->at == REPLAY_EVERY)
		(void)snprintf(text, sizeof text, ", %s at every callback",
		    acts[way->act]);
	else if (way->act != REPLAY_NOTHING)
		(void)snprintf(text, sizeof text, ", %s at callback %zu",
		    acts[way->act], way->at + 1);
	else if (way->refused != REPLAY_NEVER)
		(void)snprintf(text, sizeof text, ", allocation %zu failing",
		    way->refused + 1);
	replay_text_add_string(t, text);
}

static void
add_bytes(struct replay_text *t, const char *name_a,
    const struct replay_text *a, const char *name_b,
    const struct replay_text *b)
{
	struct replay_text shown_a = {0}, shown_b = {0};

	replay_text_add_escaped(&shown_a, a->bytes, a->len);
	replay_text_add_escaped(&shown_b, b->bytes, b->len);
	replay_text_add_difference(t, name_a, &shown_a, name_b, &shown_b);
	replay_text_free(&shown_a);
	replay_text_free(&shown_b);
}

static const char *
end_of(const struct replay_play *play)
{
	if (play->got_reset)
		return "a reset";
	return play->got_end ? "an end" : "no end";
}

/* Callbacks first; the bytes only where those are the same. */
static void
add_differences(struct replay_text *t, const struct replay_play *whole,
    const struct replay_play *play)
{
	char text[128];

	if (!replay_text_is(&whole->said.text, &play->said.text))
		replay_text_add_difference(t, "whole: ", &whole->said.text,
		    "here:  ", &play->said.text);
	else
		replay_text_add_string(t, "callbacks: the same\n");
	if (!replay_text_is(&whole->got, &play->got))
		add_bytes(t, "whole, the peer got: ", &whole->got,
		    "here, the peer got:  ", &play->got);
	if (!replay_text_is(&whole->told, &play->told))
		add_bytes(t, "whole, it tells: ", &whole->told,
		    "here, it tells:  ", &play->told);
	(void)snprintf(text, sizeof text,
	    "the peer got %s when whole, %s here; blocks left: %zu\n",
	    end_of(whole), end_of(play), play->left);
	replay_text_add_string(t, text);
}

static void
report(struct course *c, const char *wrong, const struct replay_way *way,
    const struct replay_play *whole, const struct replay_play *play)
{
	struct replay_text t = {0};

	replay_text_add_string(&t, c->talk->name);
	replay_text_add_string(&t, ", ");
	add_way(&t, way);
	replay_text_add_string(&t, ": ");
	replay_text_add_string(&t, wrong);
	replay_text_add_string(&t, "\n");
	add_differences(&t, whole, play);
	(void)snprintf(c->result->report, sizeof c->result->report, "%s",
	    replay_text_string(&t));
	replay_text_free(&t);
}

/* --- Playing. --- */

/* One way; 0, 1 or -1 as replay(). */
static int
try(struct course *c, const struct replay_way *way, judge wrong_with,
    bool *was_refused)
{
	struct replay_play play;
	int error = replay_play(&play, c->app, c->talk, way);
	const char *wrong = error ? NULL : wrong_with(&c->whole, &play);

	c->result->plays++;
	if (wrong)
		report(c, wrong, way, &c->whole, &play);
	if (was_refused)
		*was_refused = play.was_refused;
	replay_play_free(&play);
	return error ? error : wrong != NULL;
}

static size_t
stride_for(size_t n, size_t most)
{
	return n ? (n - 1) / most + 1 : 1;
}

static int
try_splits(struct course *c)
{
	const size_t n = c->talk->len ? c->talk->len - 1 : 0;
	const size_t stride = stride_for(n, c->most);
	struct replay_way way = {.refused = REPLAY_NEVER};
	int status = 0;

	c->result->split_stride = stride;
	for (size_t cut = 1; cut <= n && !status; cut += stride) {
		way.cuts[0] = cut;
		status = try(c, &way, judge_same, NULL);
		c->result->splits++;
	}
	return status;
}

static int
try_pairs(struct course *c)
{
	const size_t len = c->talk->len;
	const size_t n = len < 3 ? 0 : (len - 1) * (len - 2) / 2;
	const size_t stride = stride_for(n, c->most);
	struct replay_way way = {.refused = REPLAY_NEVER};
	size_t skip = 0;
	int status = 0;

	c->result->pair_stride = stride;
	for (size_t i = 1; i + 1 < len && !status; i++)
		for (size_t j = i + 1; j < len && !status; j++) {
			if (skip--)
				continue;
			skip = stride - 1;
			way.cuts[0] = i;
			way.cuts[1] = j;
			status = try(c, &way, judge_same, NULL);
			c->result->pairs++;
		}
	return status;
}

/* At each callback in its turn, played whole. */
static int
try_act(
    struct course *c, enum replay_act act, bool reads_late, judge wrong_with)
{
	const size_t stride = stride_for(c->whole.callbacks, c->most);
	struct replay_way way = {
	    .act = act, .reads_late = reads_late, .refused = REPLAY_NEVER};
	int status = 0;

	for (; way.at < c->whole.callbacks && !status; way.at += stride)
		status = try(c, &way, wrong_with, NULL);
	c->result->callbacks = c->whole.callbacks;
	return status;
}

/* What is closed while nobody reads has more to send. */
static int
try_closes(struct course *c)
{
	int status = try_act(c, REPLAY_CLOSE, false, judge_close);

	if (status || c->talk->end == REPLAY_RESET)
		return status;
	return try_act(c, REPLAY_CLOSE, true, judge_close);
}

static int
try_pauses(struct course *c)
{
	struct replay_way way = {
	    .act = REPLAY_PAUSE, .at = REPLAY_EVERY, .refused = REPLAY_NEVER};
	int status;

	if (c->app->pauses_itself)
		return 0;
	status = try_act(c, REPLAY_PAUSE, false, judge_same);
	if (!status)
		status = try(c, &way, judge_same, NULL);
	way.piece = c->result->piece;
	return status ? status : try(c, &way, judge_same, NULL);
}

/* Until there is no such allocation any more. */
static int
try_refusals(struct course *c)
{
	struct replay_way way = {.refused = 0};
	bool was_refused = true;
	int status = 0;

	while (!status) {
		status = try(c, &way, judge_refusal, &was_refused);
		if (!was_refused)
			break;
		c->result->allocations = ++way.refused;
	}
	return status;
}

/* The same bytes at other times. */
static int
try_paces(struct course *c)
{
	const struct replay_way again = {.refused = REPLAY_NEVER};
	const struct replay_way bytewise = {
	    .piece = c->result->piece, .refused = REPLAY_NEVER};
	const struct replay_way at_once = {
	    .ends_at_once = true, .refused = REPLAY_NEVER};
	const struct replay_way late = {
	    .reads_late = true, .refused = REPLAY_NEVER};
	int status = try(c, &again, judge_same, NULL);

	if (!status)
		status = try(c, &bytewise, judge_same, NULL);
	if (!status && c->talk->end == REPLAY_EOF)
		status = try(c, &at_once, judge_same, NULL);
	if (!status && c->talk->end != REPLAY_RESET)
		status = try(c, &late, judge_same, NULL);
	return status;
}

/* --- A replay. --- */

/* The whole one is asked for what is known of it. */
static int
judge_whole(struct course *c, const struct replay_way *way)
{
	const struct replay_conversation *talk = c->talk;
	struct replay_text got = {0}, told = {0};
	struct replay_play known = c->whole;
	const char *wrong;

	if (talk->answer) {
		replay_text_add(&got, talk->answer, talk->answer_len);
		known.got = got;
	}
	if (talk->told) {
		replay_text_add_string(&told, talk->told);
		known.told = told;
	}
	wrong = judge_same(&known, &c->whole);
	if (wrong)
		report(c, wrong, way, &known, &c->whole);
	replay_text_free(&got);
	replay_text_free(&told);
	return wrong != NULL;
}

static int
try_whole(struct course *c)
{
	const struct replay_way way = {.refused = REPLAY_NEVER};
	struct replay_play first;
	int error = replay_play(&first, c->app, c->talk, &way);

	/* What is allocated once for all has been now. */
	replay_play_free(&first);
	if (!error)
		error = replay_play(&c->whole, c->app, c->talk, &way);
	c->result->plays += 2;
	return error ? error : judge_whole(c, &way);
}

static int
try_all(struct course *c)
{
	int status = try_whole(c);

	if (!status)
		status = try_paces(c);
	if (!status)
		status = try_splits(c);
	if (!status)
		status = try_pairs(c);
	if (!status)
		status = try_pauses(c);
	if (!status)
		status = try_closes(c);
	if (!status)
		status = try_act(c, REPLAY_DROP, false, judge_drop);
	return status ? status : try_refusals(c);
}

int
replay(const struct replay_application *application,
    const struct replay_conversation *conversation,
    struct replay_result *result)
{
	struct course c = {.app = application,
	    .talk = conversation,
	    .result = result,
	    .most = conversation->most ? conversation->most : MOST};
	int status, error;

	memset(result, 0, sizeof *result);
	result->piece = stride_for(conversation->len, PIECES_MOST);
	if (replay_memory_begin(application->libevent_too)) {
		errno = EINVAL;
		return -1;
	}
	status = try_all(&c);
	error = errno;
	replay_play_free(&c.whole);
	replay_memory_end(application->libevent_too);
	errno = error;
	return status;
}
