/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A frame that arrives in parts, put together in one run of bytes.  The run
 * doubles, so that each byte is copied a bounded number of times however small
 * the parts; left in an evbuffer they would be quadratic to reach.
 */
#include "alloc-internal.h"
#include "gather-internal.h"
#include <evchat/error.h>
#include <stdint.h>
#include <string.h>

enum { FIRST_ROOM = 256, ROOM_KEPT = 4096 };

/* The next room that is at least `need`; no frame that fits into memory is
 * refused because doubling, or the head of the run, would overflow. */
static size_t
grown(size_t room, size_t need)
{
	if (room < FIRST_ROOM)
		room = FIRST_ROOM;
	while (room < need && room <= SIZE_MAX / 2)
		room *= 2;
	return room < need ? need : room;
}

static int
make_room(struct evchat_gather *g, size_t len)
{
	size_t has = evchat_gather_len_(g);
	size_t room = g->run ? g->run->room : 0;
	struct evchat_run *run;

	if (len <= room - has)
		return 0;
	if (len > SIZE_MAX - sizeof *run - has)
		return EVCHAT_ERR_NO_MEMORY;
	room = grown(room, has + len);
	run = evchat_realloc_(g->run, sizeof *run + room);
	if (!run)
		return EVCHAT_ERR_NO_MEMORY;
	run->len = has;
	run->room = room;
	g->run = run;
	return 0;
}

int
evchat_gather_add_(struct evchat_gather *g, const void *bytes, size_t len)
{
	if (len == 0)
		return 0;
	if (make_room(g, len))
		return EVCHAT_ERR_NO_MEMORY;
	memcpy(g->run->bytes + g->run->len, bytes, len);
	g->run->len += len;
	return 0;
}

void
evchat_gather_empty_(struct evchat_gather *g)
{
	if (!g->run)
		return;
	g->run->len = 0;
	if (g->run->room > ROOM_KEPT)
		evchat_gather_clear_(g);
}

void
evchat_gather_clear_(struct evchat_gather *g)
{
	evchat_mfree_(g->run);
	g->run = NULL;
}
