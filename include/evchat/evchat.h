/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file evchat.h
 * The whole library: channels that cut a byte stream at terminators, hand
 * the pieces to callbacks, and send what a queue of producers makes.
 *
 * Start with channel.h; the other pages describe the values it takes.
 */
#ifndef EVCHAT_EVCHAT_H
#define EVCHAT_EVCHAT_H

#include <evchat/alloc.h>
#include <evchat/channel.h>
#include <evchat/error.h>
#include <evchat/limits.h>
#include <evchat/producer.h>
#include <evchat/terminator.h>
#include <evchat/version.h>

#endif
