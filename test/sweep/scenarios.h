/* SPDX-License-Identifier: BSD-3-Clause */
/* The scenarios one by one, for the table of them all. */
#ifndef EVCHAT_TEST_SCENARIOS_H
#define EVCHAT_TEST_SCENARIOS_H

#include "sweep/play.h"

/* Input. */
void lines(struct play *p);
void long_literal(struct play *p);
void any_of(struct play *p);
void tolerant_lines(struct play *p);
void counts(struct play *p);
void records(struct play *p);
void everything(struct play *p);
void ended_by_eof(struct play *p);
void gathered(struct play *p);
void streamed(struct play *p);
void overlong_skipped(struct play *p);
void overlong_ends(struct play *p);
void terminators_change(struct play *p);
void paused(struct play *p);
void input_discarded(struct play *p);

/* Output. */
void echo(struct play *p);
void many_small(struct play *p);
void slow_peer(struct play *p);
void texts(struct play *p);
void lent(struct play *p);
void buffers_moved(struct play *p);
void file_sent(struct play *p);
void file_read(struct play *p);
void produced(struct play *p);
void producer_fails(struct play *p);
void chunked(struct play *p);
void output_discarded(struct play *p);

/* Ends and time. */
void closed_when_done(struct play *p);
void write_shut_down(struct play *p);
void half_closed(struct play *p);
void deadlines(struct play *p);
void deaf_peer(struct play *p);
void limits_set(struct play *p);
void detached(struct play *p);
void over_socket(struct play *p);
void over_pair(struct play *p);
void over_filter(struct play *p);
void plain(struct play *p);

/* What makes channels and holds them. */
void accepted_unix(struct play *p);
void accepted_tcp(struct play *p);
void accepted_at_file(struct play *p);
void listener_paused(struct play *p);
void connected_unix(struct play *p);
void connected_tcp(struct play *p);
void connected_by_name(struct play *p);
void posted(struct play *p);
void broadcast(struct play *p);
void group_closed(struct play *p);

#endif
