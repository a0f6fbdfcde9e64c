/* SPDX-License-Identifier: BSD-3-Clause */
/* Sends back each line: echo_line 127.0.0.1:7777, then nc 127.0.0.1 7777 */
#include <evchat/evchat.h>
#include <event2/listener.h>
#include <signal.h>

static void on_line(struct evchat *ch, const void *line, size_t len, void *end)
{
	if (evchat_push(ch, line, len) || evchat_push(ch, end, 1))
		evchat_free(ch);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *peer, int len, void *base)
{
	struct evchat_callbacks callbacks = {.frame = on_line};
	struct evchat *ch = evchat_open(base, fd, 0, &callbacks, "\n");

	if (!ch)
		evutil_closesocket(fd);
	else if (evchat_set_terminator(ch, evchat_line()))
		evchat_free(ch);
}

int main(int argc, char **argv)
{
	struct event_base *base = event_base_new();
	struct sockaddr_storage at;
	int len = sizeof at;

	if (argc < 2 || !base || signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    evutil_parse_sockaddr_port(argv[1], (void *)&at, &len) ||
	    !evconnlistener_new_bind(
		base, on_accept, base, LEV_OPT_REUSEABLE, -1, (void *)&at, len))
		return 1;
	return event_base_dispatch(base);
}
