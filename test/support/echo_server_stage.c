/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * echo_server.c as it is; what it has in main() is said once more.
 */
#include "support/echo_stage.h"

int echo_server_main(int argc, char **argv);

#define main echo_server_main
#include "../samples/echo_server.c"
#undef main

struct replay_application
echo_server_stage(void)
{
	return (struct replay_application){
	    .channel.callbacks = {.collect = on_bytes, .closed = on_closed},
	    .libevent_too = true,
	};
}
