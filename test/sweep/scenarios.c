/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of all scenarios. */
#include "sweep/scenarios.h"
#include "sweep/scenario.h"
#include <string.h>

const struct scenario scenarios[] = {
    {"lines", lines, true},
    {"long_literal", long_literal, true},
    {"any_of", any_of, true},
    {"tolerant_lines", tolerant_lines, true},
    {"counts", counts, true},
    {"records", records, true},
    {"everything", everything, true},
    {"ended_by_eof", ended_by_eof, true},
    {"gathered", gathered, true},
    {"streamed", streamed, true},
    {"overlong_skipped", overlong_skipped, true},
    {"overlong_ends", overlong_ends, true},
    {"terminators_change", terminators_change, true},
    {"paused", paused, true},
    {"input_discarded", input_discarded, true},
    {"echo", echo, true},
    {"many_small", many_small, true},
    {"slow_peer", slow_peer, true},
    {"texts", texts, true},
    {"lent", lent, true},
    {"buffers_moved", buffers_moved, true},
    {"file_sent", file_sent, true},
    {"file_read", file_read, true},
    {"produced", produced, true},
    {"producer_fails", producer_fails, true},
    {"chunked", chunked, true},
    {"output_discarded", output_discarded, true},
    {"closed_when_done", closed_when_done, true},
    {"write_shut_down", write_shut_down, true},
    {"half_closed", half_closed, true},
    {"deadlines", deadlines, true},
    {"deaf_peer", deaf_peer, true},
    {"limits_set", limits_set, true},
    {"detached", detached, true},
    {"over_socket", over_socket, false},
    {"over_pair", over_pair, false},
    {"over_filter", over_filter, false},
    {"plain", plain, false},
    {"accepted_unix", accepted_unix, true},
    {"accepted_tcp", accepted_tcp, true},
    {"accepted_at_file", accepted_at_file, true},
    {"listener_paused", listener_paused, true},
    {"connected_unix", connected_unix, true},
    {"connected_tcp", connected_tcp, true},
    {"connected_by_name", connected_by_name, true},
    {"posted", posted, true},
    {"broadcast", broadcast, true},
    {"group_closed", group_closed, true},
};

const size_t n_scenarios = sizeof scenarios / sizeof *scenarios;

const struct scenario *
scenario_named(const char *name)
{
	for (size_t i = 0; i < n_scenarios; i++)
		if (!strcmp(scenarios[i].name, name))
			return &scenarios[i];
	return NULL;
}
