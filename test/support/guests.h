/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guests of the sample chat server: by number, with the names guest1, guest2
 * and so on, each over a socket that blocks.
 */
#ifndef EVCHAT_TEST_GUESTS_H
#define EVCHAT_TEST_GUESTS_H

#include <stdint.h>

enum { GUESTS_MAX = 3, GUEST_TEXT_MAX = 1024 };

extern int guests[GUESTS_MAX + 1]; /* their sockets; 0 is nobody */

/* Of the server at this port. */
void guests_begin(uint16_t port);

/* Say this; hear exactly this next. */
void says(int guest, const char *text);
void hears(int guest, const char *text);

/* One more in the lobby, of whom those before are told; all up to this. */
void come(int guest);
void come_all(int n);

/* When this is answered, all that was said before has been taken. */
void ask_who(int guest, const char *room, const char *names);

/* Nothing came but what was heard. */
void quit(int guest);

/* Guests of the lobby go, the last first. */
void quit_all(int n);

#endif
