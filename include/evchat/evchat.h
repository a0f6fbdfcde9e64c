/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file evchat.h
 * The whole library: channels that cut a byte stream at terminators, hand
 * the pieces to callbacks, and send what a queue of producers makes.
 *
 * Start with channel.h; listener.h and connector.h make channels, group.h and
 * remote.h hold them, and the other pages describe the values they take.
 */
#ifndef EVCHAT_EVCHAT_H
#define EVCHAT_EVCHAT_H

#include <evchat/address.h>
#include <evchat/alloc.h>
#include <evchat/channel.h>
#include <evchat/connector.h>
#include <evchat/error.h>
#include <evchat/group.h>
#include <evchat/limits.h>
#include <evchat/listener.h>
#include <evchat/producer.h>
#include <evchat/remote.h>
#include <evchat/terminator.h>
#include <evchat/version.h>

#endif
