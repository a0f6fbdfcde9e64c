/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * echo_line.c as it is; what it has in main() is said once more.
 */
#include "support/echo_stage.h"

int echo_line_main(int argc, char **argv);

#define main echo_line_main
#include "../samples/echo_line.c"
#undef main

struct replay_application
echo_line_stage(void)
{
	static char end[] = "\n";

	return (struct replay_application){
	    .channel = {.callbacks.frame = on_line,
		.terminator = evchat_line()},
	    .ctx = end,
	    .libevent_too = true,
	};
}
