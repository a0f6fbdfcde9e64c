/* SPDX-License-Identifier: BSD-3-Clause */
/* Guests, and what each of them hears when they come and go. */
#include "support/guests.h"
#include "support/program.h"
#include <stdio.h>

int guests[GUESTS_MAX + 1];

static uint16_t port;

void
guests_begin(uint16_t at)
{
	port = at;
}

void
says(int guest, const char *text)
{
	say_text(guests[guest], text);
}

void
hears(int guest, const char *text)
{
	hear_exactly(guests[guest], text);
}

void
come(int guest)
{
	char text[GUEST_TEXT_MAX];

	guests[guest] = dial(port);
	(void)snprintf(text, sizeof text,
	    "* you are guest%d in lobby, one of %d\n", guest, guest);
	hears(guest, text);
	(void)snprintf(text, sizeof text, "* guest%d joined lobby\n", guest);
	for (int other = 1; other < guest; other++)
		hears(other, text);
}

void
come_all(int n)
{
	for (int guest = 1; guest <= n; guest++)
		come(guest);
}

void
ask_who(int guest, const char *room, const char *names)
{
	char text[GUEST_TEXT_MAX];

	says(guest, "/who\n");
	(void)snprintf(text, sizeof text, "* in %s: %s\n", room, names);
	hears(guest, text);
}

void
quit(int guest)
{
	says(guest, "/quit\n");
	hear_last(guests[guest], "* goodbye\n");
}

void
quit_all(int n)
{
	char text[GUEST_TEXT_MAX];

	for (int guest = n; guest > 0; guest--) {
		quit(guest);
		(void)snprintf(
		    text, sizeof text, "* guest%d left lobby\n", guest);
		for (int other = 1; other < guest; other++)
			hears(other, text);
	}
}
