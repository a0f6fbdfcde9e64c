/* SPDX-License-Identifier: BSD-3-Clause */
/* Terminators of every kind, with what may be changed in them. */
#include "fuzz/wanted.h"

unsigned char
wanted_letter(uint8_t byte, bool letters)
{
	return letters ? (unsigned char)"a\r\nb"[byte & 3] : byte;
}

/* Short ones, as they are; longer ones repeat a few bytes, as those do that are
 * hard to find. */
static size_t
read_literal(struct input *in, unsigned char *bytes, size_t most, bool letters)
{
	uint8_t length = input_byte(in);
	size_t len = 1U + length % (length < 0x80 ? 5U : 24U), period = len;

	if (length >= 0xf0) {
		len = (length - 0xeeU) * WANTED_LONG / 17;
		period = 1 + input_below(in, 5);
	}
	if (len > most)
		len = most;
	for (size_t i = 0; i < len; i++)
		bytes[i] = i < period ? wanted_letter(input_byte(in), letters)
				      : bytes[i - period];
	/* Often only the last byte tells. */
	if (length & 1)
		bytes[len - 1] = wanted_letter(input_byte(in), letters);
	return len;
}

static struct evchat_terminator
read_literals(struct input *in, struct wanted *wanted, size_t n, bool letters)
{
	size_t most = n > 1 ? EVCHAT_ANY_OF_MAX : WANTED_LONG;
	struct evchat_span spans[EVCHAT_LITERALS_MAX];

	for (size_t i = 0; i < n; i++) {
		size_t len = read_literal(in, wanted->bytes[i], most, letters);

		spans[i] = (struct evchat_span){wanted->bytes[i], len};
		if (len > wanted->longest)
			wanted->longest = len;
	}
	return evchat_any_of(spans, n);
}

static struct evchat_terminator
read_kind(struct input *in, struct wanted *wanted, uint8_t kind, bool letters)
{
	switch (kind & 7) {
	case 0:
		return evchat_none();
	case 1:
		return evchat_line();
	case 2:
		return evchat_count(input_byte(in));
	case 3:
		return evchat_records(1 + (uint64_t)input_byte(in));
	case 4:
	case 5:
		return read_literals(in, wanted, 1, letters);
	default:
		return read_literals(in, wanted,
		    1 + input_below(in, EVCHAT_LITERALS_MAX), letters);
	}
}

void
wanted_read(struct wanted *wanted, struct input *in, bool letters)
{
	uint8_t kind = input_byte(in);

	wanted->longest = 1;
	wanted->t = read_kind(in, wanted, kind, letters);
	wanted->t.eof_ends_frame ^= !!(kind & 8);
	wanted->t.streamed = kind & 16;
	if (kind & 32)
		wanted->t.max_frame = 1 + (size_t)input_byte(in);
	if (kind & 64)
		wanted->t.max_frame = SIZE_MAX;
}
