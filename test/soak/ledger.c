/* SPDX-License-Identifier: BSD-3-Clause */
/* What was pushed, and what of it has arrived. */
#include "soak/ledger.h"
#include "support/scale.h"
#include <string.h>

static char letters[2 * LETTERS];

void
ledger_make_letters(void)
{
	struct chance chance = chance_from(1);

	for (size_t i = 0; i < LETTERS; i++)
		letters[i] = (char)('a' + (int)chance_below(&chance, 26));
	memcpy(letters + LETTERS, letters, LETTERS);
}

const char *
ledger_letters(size_t from)
{
	return letters + from % LETTERS;
}

void
ledger_clear(struct ledger *l)
{
	memset(l, 0, sizeof *l);
}

bool
ledger_is_full(const struct ledger *l)
{
	return l->pushed == LEDGER_ROOM;
}

/* FNV-1a, in its form for 64 bits. */
static uint64_t
sum_on(uint64_t sum, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum = (sum ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
	return sum;
}

void
ledger_push(struct ledger *l, size_t from, size_t len)
{
	l->messages[l->pushed++] =
	    (struct message){(unsigned)(from % LETTERS), (unsigned)len};
	l->pushed_sum = sum_on(l->pushed_sum, ledger_letters(from), len);
}

static void
complain(struct ledger *l, const char *wrong)
{
	if (!l->wrong)
		l->wrong = wrong;
}

/* Are these bytes what comes `past` the beginning of its end, and not all of
 * that? */
static bool
are_of_its_end(
    const struct ledger *l, size_t past, const char *bytes, size_t len)
{
	return l->end && past + len < strlen(l->end) &&
	       memcmp(l->end + past, bytes, len) == 0;
}

void
ledger_receive(struct ledger *l, const char *bytes, size_t len)
{
	const struct message *m = &l->messages[l->received];
	size_t left = l->at < m->len ? m->len - l->at : 0;
	size_t own = len < left ? len : left;

	if (l->received == l->pushed)
		complain(l, "bytes that nobody pushed");
	else if (own < len && !are_of_its_end(l, l->at + own - m->len,
				  bytes + own, len - own))
		complain(l, "a message longer than it was");
	else if (memcmp(bytes, ledger_letters(m->from) + l->at, own) != 0)
		complain(l, "other bytes than were pushed");
	l->at += len;
	l->bytes += len;
	l->received_sum = sum_on(l->received_sum, bytes, len);
}

void
ledger_end_message(struct ledger *l)
{
	if (l->received == l->pushed)
		complain(l, "a message that nobody pushed");
	else if (l->at != l->messages[l->received].len)
		complain(l, "a message shorter than it was");
	else
		l->received++;
	l->at = 0;
}

void
ledger_receive_stream(struct ledger *l, const char *bytes, size_t len)
{
	while (len && !l->wrong) {
		size_t left = l->messages[l->received].len - l->at;
		size_t piece = len < left ? len : left;

		if (l->received == l->pushed)
			piece = len;
		ledger_receive(l, bytes, piece);
		if (piece == left)
			ledger_end_message(l);
		bytes += piece;
		len -= piece;
	}
}

size_t
ledger_next_length(const struct ledger *l)
{
	return l->received < l->pushed ? l->messages[l->received].len
				       : SIZE_MAX;
}

bool
ledger_is_settled(const struct ledger *l)
{
	return l->received == l->pushed && l->at == 0 &&
	       l->received_sum == l->pushed_sum;
}
