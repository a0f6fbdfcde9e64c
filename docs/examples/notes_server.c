/* SPDX-License-Identifier: BSD-3-Clause */
/* The notes server: notes_server 127.0.0.1:7777 */
#include "notes.h"
#include "serve.h"

static void on_accepted(
    struct evchat *ch, const struct sockaddr *peer, socklen_t len, void *ctx)
{
	notes_begin(ch);
}

int main(int argc, char **argv)
{
	const struct evchat_listener_options options = {
	    .accepted = on_accepted, .channel = notes_options()};

	return serve(argc > 1 ? argv[1] : "127.0.0.1:7777", &options);
}
