/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A member of chat_server.c: a channel, and what is done with the lines that
 * come from it.  He frees himself when his channel ends.
 */
#ifndef CHAT_MEMBER_H
#define CHAT_MEMBER_H

#include "chat_room.h"

/* What a member's channel starts with. */
struct evchat_channel_options chat_channel(const struct chat *chat);

/* A new member, in the lobby: the `accepted` of a listener, with the chat as
 * its ctx. */
void chat_accept(
    struct evchat *ch, const struct sockaddr *peer, socklen_t len, void *ctx);

/* End a member now. */
void chat_drop(struct chat_member *member);

#endif
