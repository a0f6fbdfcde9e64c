/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The framer alone, in memory: how fast it cuts an input into frames, with one
 * callback for each, beside other ways to find their ends and beside reading
 * the input at all.
 *
 *     framer_bench [MIB [ROUNDS [ROW]]]    64 MiB, 5 rounds, all rows; or
 *                                          those whose name begins so
 *     framer_bench --count LINES           so many lines of 80 bytes, once
 *
 * A row is a terminator and what the input is made of, a column a way to do it:
 * evchat in one run, in runs of 64 KiB, and once for each way the processor
 * has.  The second form is for counting instructions.
 */
#include "figures.h"
#include "framer-internal.h"
#include <errno.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LEN(array) (sizeof(array) / sizeof *(array))

enum { ROUNDS_MAX = 101, WAYS_MAX = 4, RUN = 64 * 1024 };

static void
die(const char *why)
{
	fprintf(stderr, "framer_bench: %s: %s\n", why, strerror(errno));
	exit(EXIT_FAILURE);
}

/* --- What is measured. --- */

struct input {
	unsigned char *bytes;
	size_t len;
};

/* Frames are counted by a function that the compiler cannot see through. */
struct tally {
	void (*on_frame)(
	    struct tally *t, const unsigned char *bytes, size_t len);
	uint64_t frames, bytes;
};

static void
count_frame(struct tally *t, const unsigned char *bytes, size_t len)
{
	(void)bytes;
	t->frames++;
	t->bytes += len;
}

static struct tally
new_tally(void)
{
	static void (*volatile on_frame)(struct tally * t,
	    const unsigned char *bytes, size_t len) = count_frame;

	return (struct tally){.on_frame = on_frame};
}

struct subject {
	const char *row;
	struct evchat_terminator t;
	void (*fill)(const struct subject *s, struct input *in);
	size_t frame_len; /* with its terminator */
};

/* --- The framer. --- */

/* The bytes from `at` to `end` come in one run; what is before `front` has been
 * given.  Says where it is then. */
static size_t
feed_run(struct evchat_framer *f, struct tally *t, const struct input *in,
    size_t front, size_t end)
{
	struct evchat_ahead ahead = {0};
	size_t start = front, at = front + evchat_framer_held_(f);

	while (at < end) {
		struct evchat_step step = evchat_framer_feed_(
		    f, &ahead, in->bytes + at, end - at, UINT64_MAX);

		front += step.give;
		if (step.verdict == EVCHAT_VERDICT_FOUND)
			t->on_frame(t, in->bytes + start, front - start);
		front += step.drop;
		if (step.verdict == EVCHAT_VERDICT_FOUND)
			start = front;
		at = front + evchat_framer_held_(f);
	}
	return front;
}

static struct tally
by_evchat(const struct subject *s, const struct input *in, size_t run)
{
	struct evchat_framer f = {0};
	struct tally t = new_tally();
	size_t front = 0;

	if (evchat_framer_set_(&f, &s->t, 0))
		die("terminator");
	for (size_t end = 0; end < in->len;) {
		end = in->len - end < run ? in->len : end + run;
		front = feed_run(&f, &t, in, front, end);
	}
	evchat_framer_clear_(&f);
	return t;
}

static struct tally
in_one_run(const struct subject *s, const struct input *in)
{
	return by_evchat(s, in, in->len);
}

static struct tally
in_runs(const struct subject *s, const struct input *in)
{
	return by_evchat(s, in, RUN);
}

/* --- Others. --- */

static struct tally
by_memchr(const struct subject *s, const struct input *in)
{
	/* For LF or CRLF it is enough to look for LF. */
	const struct evchat_span literal = s->t.literals[0];
	const unsigned char *first = literal.bytes;
	const unsigned char *start = in->bytes, *at = start;
	const unsigned char *end = in->bytes + in->len;
	struct tally t = new_tally();

	while ((size_t)(end - at) >= literal.len &&
	       (at = memchr(at, *first, (size_t)(end - at)))) {
		if ((size_t)(end - at) < literal.len ||
		    memcmp(at, literal.bytes, literal.len) != 0) {
			at++;
			continue;
		}
		t.on_frame(&t, start, (size_t)(at - start));
		start = at += literal.len;
	}
	return t;
}

static struct tally
by_memmem(const struct subject *s, const struct input *in)
{
	const struct evchat_span literal = s->t.literals[0];
	const unsigned char *at = in->bytes, *end = in->bytes + in->len, *hit;
	struct tally t = new_tally();

	while ((
	    hit = memmem(at, (size_t)(end - at), literal.bytes, literal.len))) {
		t.on_frame(&t, at, (size_t)(hit - at));
		at = hit + literal.len;
	}
	return t;
}

static struct tally
by_evbuffer(const struct subject *s, const struct input *in)
{
	const struct evchat_span literal = s->t.literals[0];
	struct evbuffer *buffer = evbuffer_new();
	struct tally t = new_tally();
	struct evbuffer_ptr at, hit;
	size_t start = 0;

	if (!buffer ||
	    evbuffer_add_reference(buffer, in->bytes, in->len, NULL, NULL) ||
	    evbuffer_ptr_set(buffer, &at, 0, EVBUFFER_PTR_SET))
		die("evbuffer");
	for (;;) {
		hit = evbuffer_search(buffer, literal.bytes, literal.len, &at);
		if (hit.pos < 0)
			break;
		t.on_frame(&t, in->bytes + start, (size_t)hit.pos - start);
		start = (size_t)hit.pos + literal.len;
		at = hit;
		if (evbuffer_ptr_set(
			buffer, &at, literal.len, EVBUFFER_PTR_ADD))
			break;
	}
	evbuffer_free(buffer);
	return t;
}

static struct tally
by_reading(const struct subject *s, const struct input *in)
{
	static volatile uint64_t result;
	struct tally t = {0};
	uint64_t sum = 0, word;

	(void)s;
	for (size_t at = 0; at + sizeof word <= in->len; at += sizeof word) {
		memcpy(&word, in->bytes + at, sizeof word);
		sum += word;
	}
	result = sum;
	(void)result;
	return t;
}

/* --- Inputs. --- */

static void
put(struct input *in, size_t at, const void *bytes, size_t len)
{
	if (at < in->len)
		memcpy(in->bytes + at, bytes,
		    len < in->len - at ? len : in->len - at);
}

/* Frames all of the same length, in letters. */
static void
fill_frames(const struct subject *s, struct input *in)
{
	const struct evchat_span end =
	    s->t.literals[s->t.n_literals ? s->t.n_literals - 1 : 0];

	for (size_t i = 0; i < in->len; i++)
		in->bytes[i] = (unsigned char)('a' + i * 7 % 26);
	for (size_t at = s->frame_len; s->t.n_literals && at <= in->len;
	     at += s->frame_len)
		put(in, at - end.len, end.bytes, end.len);
}

/* The same, in lines of 40 bytes, as heads are. */
static void
fill_heads(const struct subject *s, struct input *in)
{
	const struct evchat_span end = s->t.literals[0];

	fill_frames(s, in);
	for (size_t at = 0; at + s->frame_len <= in->len; at += s->frame_len) {
		for (size_t i = 40; i + 40 < s->frame_len; i += 40)
			put(in, at + i - 2, "\r\n", 2);
		put(in, at + s->frame_len - end.len, end.bytes, end.len);
	}
}

/* As much as there can be of what is no terminator: all of it but its last
 * byte, over and over; with a frame's end now and then, or never. */
static void
fill_near_misses(const struct subject *s, struct input *in)
{
	const struct evchat_span end = s->t.literals[0];
	size_t part = end.len > 1 ? end.len - 1 : 1;

	for (size_t at = 0; at < in->len; at += part)
		put(in, at, end.bytes, part);
	for (size_t at = s->frame_len; s->frame_len && at <= in->len;
	     at += s->frame_len)
		put(in, at - end.len, end.bytes, end.len);
}

/* Nothing but its first byte. */
static void
fill_first_bytes(const struct subject *s, struct input *in)
{
	const unsigned char *first = s->t.literals[0].bytes;
	size_t frame_len = s->frame_len;

	memset(in->bytes, *first, in->len);
	for (size_t at = frame_len; frame_len && at <= in->len; at += frame_len)
		put(in, at - s->t.literals[0].len, s->t.literals[0].bytes,
		    s->t.literals[0].len);
}

static unsigned
next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (unsigned)(*state >> 33);
}

static void
fill_random_ab(const struct subject *s, struct input *in)
{
	uint64_t state = 1;

	(void)s;
	for (size_t i = 0; i < in->len; i++)
		in->bytes[i] = (unsigned char)"ab"[next_random(&state) & 1];
}

/* Pieces of the literal of random length, so that it is never clear where the
 * next mismatch is. */
static void
fill_random_parts(const struct subject *s, struct input *in)
{
	const struct evchat_span end = s->t.literals[0];
	uint64_t state = 1;

	for (size_t at = 0; at < in->len;) {
		size_t part = 1 + next_random(&state) % (end.len - 1);

		put(in, at, end.bytes, part);
		at += part;
	}
}

/* --- Subjects. --- */

static unsigned char fibonacci[EVCHAT_LITERAL_MAX];
static unsigned char as_and_b[EVCHAT_LITERAL_MAX];
static unsigned char random_ab[EVCHAT_LITERALS_MAX][EVCHAT_ANY_OF_MAX];

#define BOUNDARY_20 "\r\n--boundary4711-end"
#define BOUNDARY_70                                    \
	"\r\n"                                         \
	"--------------------------------------------" \
	"0123456789abcdef01234567"

static void
make_literals(void)
{
	uint64_t state = 7;
	size_t before = 1, len = 2;

	memset(as_and_b, 'a', sizeof as_and_b);
	as_and_b[sizeof as_and_b - 1] = 'b';
	memcpy(fibonacci, "ab", 2);
	while (len + before <= sizeof fibonacci) {
		memcpy(fibonacci + len, fibonacci, before);
		len += before;
		before = len - before;
	}
	memcpy(fibonacci + len, fibonacci, sizeof fibonacci - len);
	for (size_t i = 0; i < sizeof random_ab; i++)
		random_ab[i / EVCHAT_ANY_OF_MAX][i % EVCHAT_ANY_OF_MAX] =
		    (unsigned char)"ab"[next_random(&state) & 1];
}

static struct evchat_terminator
eight(void)
{
	struct evchat_span literals[EVCHAT_LITERALS_MAX];

	for (size_t i = 0; i < LEN(literals); i++)
		literals[i] =
		    (struct evchat_span){random_ab[i], EVCHAT_ANY_OF_MAX};
	return evchat_any_of(literals, LEN(literals));
}

/* --- Measuring. --- */

struct way {
	const char *column;
	struct tally (*run)(const struct subject *s, const struct input *in);
	const struct evchat_hits_way *hits;
};

static struct way ways[WAYS_MAX + 6];
static size_t n_ways;

static void
add_way(const char *column,
    struct tally (*run)(const struct subject *s, const struct input *in),
    const struct evchat_hits_way *hits)
{
	ways[n_ways++] = (struct way){column, run, hits};
}

static void
make_ways(void)
{
	const struct evchat_hits_way *hits[WAYS_MAX];
	size_t n = evchat_hits_ways_(hits, WAYS_MAX);

	add_way("evchat", in_one_run, NULL);
	add_way("evchat_64k", in_runs, NULL);
	for (size_t i = 0; i < n; i++)
		add_way(hits[i]->name, in_one_run, hits[i]);
	add_way("memchr", by_memchr, NULL);
	add_way("memmem", by_memmem, NULL);
	add_way("evbuffer_search", by_evbuffer, NULL);
	add_way("read", by_reading, NULL);
}

/* What the names of the rows that are wanted begin with. */
static const char *wanted = "";

static bool
is_wanted(const struct subject *s)
{
	return strncmp(s->row, wanted, strlen(wanted)) == 0;
}

static double
seconds(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now))
		die("clock");
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Can this way do it, and is it not the same as another? */
static bool
fits(const struct way *w, const struct subject *s)
{
	if (w->run == in_one_run || w->run == in_runs)
		return s->t.kind == EVCHAT_LITERAL || !w->hits;
	if (w->run == by_reading)
		return true;
	return s->t.n_literals == 1 ||
	       (w->run == by_memchr && s->t.n_literals == 2);
}

static void
print(const struct subject *s, const struct way *w, const char *unit,
    double *values, size_t n)
{
	struct figure_name name = {"framer", s->row, w->column, unit};

	if (figure_print(name, values, n))
		die("output");
}

static void
measure(const struct subject *s, const struct input *in, size_t rounds)
{
	static double rate[LEN(ways)][ROUNDS_MAX], cost[LEN(ways)][ROUNDS_MAX];
	uint64_t frames[LEN(ways)] = {0};

	for (size_t round = 0; round < rounds; round++) {
		for (size_t i = 0; i < n_ways; i++) {
			double took;

			if (!fits(&ways[i], s))
				continue;
			evchat_hits_choose_(ways[i].hits);
			took = seconds();
			frames[i] = ways[i].run(s, in).frames;
			took = seconds() - took;
			rate[i][round] = (double)in->len / took / 1e9;
			cost[i][round] =
			    took * 1e9 / (frames[i] ? (double)frames[i] : 1);
		}
	}
	for (size_t i = 0; i < n_ways; i++) {
		if (!fits(&ways[i], s))
			continue;
		if (frames[i] != frames[0] && ways[i].run != by_reading)
			fprintf(stderr, "%s: %s found %llu, not %llu\n", s->row,
			    ways[i].column, (unsigned long long)frames[i],
			    (unsigned long long)frames[0]);
		print(s, &ways[i], "GB/s", rate[i], rounds);
		if (frames[i])
			print(s, &ways[i], "ns/frame", cost[i], rounds);
	}
}

static void
measure_lengths(struct input *in, size_t rounds)
{
	static const size_t lengths[] = {16, 32, 80, 256, 600, 4096, 65536};
	const struct subject kinds[] = {
	    {"LF", EVCHAT_LIT("\n"), fill_frames, 0},
	    {"CRLF", EVCHAT_LIT("\r\n"), fill_frames, 0},
	    {"LF|CRLF", evchat_line(), fill_frames, 0},
	    {"CRLFCRLF", EVCHAT_LIT("\r\n\r\n"), fill_heads, 0},
	    {"20_bytes", EVCHAT_LIT(BOUNDARY_20), fill_heads, 0},
	    {"70_bytes", EVCHAT_LIT(BOUNDARY_70), fill_heads, 0},
	    {"records", evchat_records(1), fill_frames, 0}};

	for (size_t i = 0; i < LEN(kinds); i++) {
		for (size_t j = 0; j < LEN(lengths); j++) {
			struct subject s = kinds[i];
			char row[64];

			snprintf(row, sizeof row, "%s_%zu", s.row, lengths[j]);
			s.row = row;
			s.frame_len = lengths[j];
			if (s.t.kind == EVCHAT_RECORDS)
				s.t = evchat_records(lengths[j]);
			if (!is_wanted(&s) ||
			    (s.t.n_literals &&
				s.t.literals[0].len >= lengths[j]))
				continue;
			s.fill(&s, in);
			measure(&s, in, rounds);
		}
	}
}

static void
measure_worst(struct input *in, size_t rounds)
{
	const struct subject worst[] = {
	    {"worst_CRLF_CR", EVCHAT_LIT("\r\n"), fill_first_bytes, 0},
	    {"worst_CRLF_CR_16", EVCHAT_LIT("\r\n"), fill_first_bytes, 16},
	    {"worst_CRLFCRLF_near", EVCHAT_LIT("\r\n\r\n"), fill_near_misses,
		0},
	    {"worst_CRLFCRLF_near_16", EVCHAT_LIT("\r\n\r\n"), fill_near_misses,
		16},
	    {"worst_aab_16", EVCHAT_LIT("aab"), fill_first_bytes, 16},
	    {"worst_16_bytes_near", EVCHAT_LIT("abababababababac"),
		fill_near_misses, 0},
	    {"worst_17_bytes_a", EVCHAT_LIT("aaaaaaaaaaaaaaaab"),
		fill_first_bytes, 0},
	    {"worst_17_bytes_near", EVCHAT_LIT("abababababababcdx"),
		fill_near_misses, 0},
	    {"worst_17_bytes_parts", EVCHAT_LIT("aaaaaaaaaaaaaaaab"),
		fill_random_parts, 0},
	    {"worst_70_bytes_near", EVCHAT_LIT(BOUNDARY_70), fill_near_misses,
		0},
	    {"worst_70_bytes_parts", EVCHAT_LIT(BOUNDARY_70), fill_random_parts,
		0},
	    {"worst_1024_bytes_a", evchat_literal(as_and_b, sizeof as_and_b),
		fill_first_bytes, 0},
	    {"worst_1024_bytes_ab", evchat_literal(as_and_b, sizeof as_and_b),
		fill_random_ab, 0},
	    {"worst_fibonacci_parts",
		evchat_literal(fibonacci, sizeof fibonacci), fill_random_parts,
		0},
	    {"worst_fibonacci_60_parts", evchat_literal(fibonacci, 60),
		fill_random_parts, 0},
	    {"worst_random_ab", evchat_literal(random_ab, 64), fill_random_ab,
		0},
	    {"worst_eight_ab", eight(), fill_random_ab, 0},
	    {"worst_eight_parts", eight(), fill_random_parts, 0}};

	for (size_t i = 0; i < LEN(worst); i++) {
		if (!is_wanted(&worst[i]))
			continue;
		worst[i].fill(&worst[i], in);
		measure(&worst[i], in, rounds);
	}
}

static struct input
new_input(size_t len)
{
	struct input in = {malloc(len), len};

	if (!in.bytes)
		die("input");
	return in;
}

static int
count(size_t lines)
{
	struct subject s = {"CRLF_80", EVCHAT_LIT("\r\n"), fill_frames, 80};
	struct input in = new_input(lines * 80);
	struct tally t;

	s.fill(&s, &in);
	t = in_runs(&s, &in);
	printf("%llu lines of %zu bytes\n", (unsigned long long)t.frames,
	    s.frame_len);
	free(in.bytes);
	return t.frames == lines ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* A number of 1 to `most`. */
static size_t
number(const char *text, size_t most)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (n >= 1 && n <= most && !*end)
		return n;
	fprintf(stderr, "framer_bench: %s is not 1 to %zu\n", text, most);
	exit(EXIT_FAILURE);
}

int
main(int argc, char **argv)
{
	struct input in;
	size_t rounds;

	if (argc == 3 && strcmp(argv[1], "--count") == 0)
		return count(number(argv[2], 100000000));
	in = new_input((argc > 1 ? number(argv[1], 1024) : 64) << 20);
	rounds = argc > 2 ? number(argv[2], ROUNDS_MAX) : 5;
	wanted = argc > 3 ? argv[3] : "";
	make_literals();
	make_ways();
	measure_lengths(&in, rounds);
	measure_worst(&in, rounds);
	free(in.bytes);
	return EXIT_SUCCESS;
}
