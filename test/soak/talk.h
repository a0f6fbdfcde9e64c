/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Conversations between two ends, both of evchat: one that a connector made,
 * which asks, and one that a listener made, which answers.  How each of them
 * behaves is drawn when it begins; every conversation must come to an end, and
 * every byte of it be accounted for.
 *
 *	talks_begin(&talks, base, seed);
 *	talk_start(&talks);		as many as are wanted
 *	talks_tick(&talks, ms);		now and then, from the loop
 *	...
 *	talks_end(&talks);		when none is left
 */
#ifndef EVCHAT_TEST_TALK_H
#define EVCHAT_TEST_TALK_H

#include "soak/ledger.h"
#include "support/scale.h"
#include <evchat/evchat.h>
#include <event2/event.h>

enum { TALKS = 128, STUCK_MS = 30000 };

enum behaviour {
	POLITE,      /* asks, hears the answers, closes */
	HALF_CLOSES, /* asks, ends its side, hears the answers */
	IS_LEFT,     /* the server closes after some answers */
	RESETS,      /* is freed in the middle */
	UNFINISHED,  /* leaves a request half said */
	SILENT,      /* says nothing */
	DEAF,        /* asks for much and does not read */
	SLOW,        /* reads now and then */
	BEHAVIOURS
};

struct talk;

/* One of the two. */
struct end {
	struct talk *talk;
	struct evchat *ch; /* NULL: not yet, or not any more */
	struct ledger sent;
	size_t place; /* of the letters it sends next */
	bool came;    /* it was there */
	bool freed;   /* by its own will */
	bool broken;  /* it sent a part of a message and could not go on */
	bool closed;
	enum evchat_reason reason;
	uint64_t unsent;
	bool paused;
	uint64_t pending; /* before a broadcast */
};

struct talks;

struct talk {
	struct talks *talks;
	bool busy; /* with a conversation */
	uint64_t number;
	uint64_t begun_ms;
	struct chance chance;
	enum behaviour behaviour;
	bool by_unix;
	int kind;       /* of terminator, of requests */
	size_t asks;    /* requests it has left to send */
	size_t total;   /* of them */
	size_t heard;   /* answers to them */
	size_t answers; /* that the server gave */
	size_t leave_after;
	uint64_t act_ms; /* when the client does what it does; 0: never */
	bool greeted;    /* the client has said who it is */
	bool said_all;   /* or left a request half said */
	bool asleep;     /* a producer of the server's waits to be woken */
	/* What is heard of an answer: its head, then its body. */
	bool in_body, is_answer;
	char head[16];
	size_t head_len;
	struct end client, server;
};

struct talks {
	struct event_base *base;
	struct evchat_listener *listeners[2]; /* TCP, Unix */
	char addresses[2][EVCHAT_ADDRESS_SIZE];
	struct evchat_group *group; /* of the servers' ends */
	struct chance chance;
	bool short_ones; /* one request and one answer, and nothing odd */
	int file;        /* of letters */
	uint64_t now_ms;
	size_t busy;
	struct talk all[TALKS];

	/* What came of them. */
	size_t begun, ended, whole, stuck, wrong, broadcasts;
	uint64_t bytes;
	size_t reasons[16];
};

/* 0, or -1 with errno. */
int talks_begin(struct talks *talks, struct event_base *base, uint64_t seed);
void talks_end(struct talks *talks);

void talk_start(struct talks *talks);

/* Time has come so far. */
void talks_tick(struct talks *talks, uint64_t now_ms);

/* Is nothing left of any? */
bool talks_are_over(const struct talks *talks);

#endif
