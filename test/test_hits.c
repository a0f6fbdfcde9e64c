/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where needles end in a run: every way to search must find exactly what lies
 * there, once and in order, whatever the length of the run, and look at nothing
 * outside it.
 */
#include "hits-internal.h"
#include "support/framing.h"
#include "support/scale.h"
#include "support/suite.h"
#include <stdlib.h>
#include <string.h>

#define LEN(array) (sizeof(array) / sizeof *(array))

enum { LONGEST_RUN = 200 };

struct sought {
	unsigned char bytes[EVCHAT_LITERALS_MAX * EVCHAT_NEEDLE_MAX];
	uint8_t lens[EVCHAT_LITERALS_MAX];
	struct evchat_needles needles;
};

static void
seek(struct sought *s, const char *const *needles, size_t n)
{
	size_t total = 0;

	memset(s, 0, sizeof *s);
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(needles[i]);

		memcpy(s->bytes + total, needles[i], len);
		s->lens[i] = (uint8_t)len;
		total += len;
		if (len > s->needles.longest)
			s->needles.longest = (uint8_t)len;
	}
	s->needles.bytes = s->bytes;
	s->needles.lens = s->lens;
	s->needles.n = (uint8_t)n;
}

/* Not one of Check's assertions: they cost a system call each. */
static void
must(bool holds, const char *what)
{
	if (!holds)
		ck_abort_msg("not so: %s", what);
}

static bool
ends_at(const struct sought *s, const unsigned char *run, size_t end)
{
	const unsigned char *needle = s->bytes;

	for (size_t i = 0; i < s->needles.n; needle += s->lens[i++]) {
		size_t len = s->lens[i];

		if (!(s->needles.left_out >> i & 1) && len <= end &&
		    memcmp(run + end - len, needle, len) == 0)
			return true;
	}
	return false;
}

/* All hits, each once though blocks overlap, and no others. */
static void
expect_hits(const struct sought *s, const unsigned char *bytes, size_t len)
{
	unsigned char *run = malloc(len);
	struct evchat_ahead ahead = {0};
	size_t done = 0;
	bool more;

	must(run != NULL, "there is memory");
	memcpy(run, bytes, len);
	more = evchat_hits_begin_(&ahead, &s->needles, run, run + len);
	for (; more; more = evchat_hits_go_on_(&ahead)) {
		size_t at = (size_t)(ahead.block - run);

		must(ahead.ends != 0, "there is a hit");
		for (; ahead.ends; ahead.ends &= ahead.ends - 1) {
			size_t hit = at + (size_t)__builtin_ctzll(ahead.ends);

			must(hit < len, "it is in the run");
			must(ends_at(s, run, hit + 1), "it is one");
			if (hit < done)
				continue;
			while (done < hit)
				must(
				    !ends_at(s, run, ++done), "none is missed");
			done++;
		}
	}
	while (done < len)
		must(!ends_at(s, run, ++done), "none is missed at the end");
	must(!evchat_hits_go_on_(&ahead), "the end is the end");
	free(run);
}

static void
expect_in_every_way(
    const struct sought *s, const unsigned char *bytes, size_t len)
{
	for (size_t way = 0; framing_choose_way(way); way++)
		expect_hits(s, bytes, len);
	evchat_hits_choose_(NULL);
}

static const char *const alone[] = {"\n", "\r\n", "abc", "\r\n\r\n", "aaaa",
    "abcde", "abcdefg", "abcdefgh", "abcdefghi", "0123456789abcdef"};

START_TEST(a_needle_is_found_at_every_place_of_every_run)
{
	struct sought s;
	unsigned char run[LONGEST_RUN];
	size_t n = strlen(alone[_i]);

	seek(&s, &alone[_i], 1);
	for (size_t len = n; len <= LONGEST_RUN; len++) {
		for (size_t at = 0; at + n <= len; at++) {
			memset(run, 'x', len);
			memcpy(run + at, alone[_i], n);
			expect_in_every_way(&s, run, len);
		}
	}
}
END_TEST

START_TEST(nothing_is_found_in_near_misses)
{
	struct sought s;
	unsigned char run[LONGEST_RUN];
	size_t n = strlen(alone[_i]);

	seek(&s, &alone[_i], 1);
	for (size_t i = 0; i < LONGEST_RUN; i++)
		run[i] = (unsigned char)alone[_i][n > 1 ? i % (n - 1) : 0];
	for (size_t len = 1; len <= LONGEST_RUN; len++)
		expect_in_every_way(&s, run, len);
}
END_TEST

START_TEST(every_value_is_told_from_every_other)
{
	struct sought s = {.needles = {.n = 1, .longest = 1}};
	unsigned char run[256];

	s.needles.bytes = s.bytes;
	s.bytes[0] = (unsigned char)_i;
	s.lens[0] = 1;
	for (size_t i = 0; i < sizeof run; i++)
		run[i] = (unsigned char)i;
	expect_in_every_way(&s, run, sizeof run);
	memset(run, _i, sizeof run);
	expect_in_every_way(&s, run, sizeof run);
}
END_TEST

START_TEST(what_is_left_out_is_not_looked_for)
{
	const char *const needles[] = {"\r\n", "\n", "ab"};
	const unsigned char run[] = "x\r\nab\n";
	struct sought s;

	seek(&s, needles, LEN(needles));
	for (unsigned left_out = 0; left_out < 7; left_out++) {
		s.needles.left_out = (uint8_t)left_out;
		expect_in_every_way(&s, run, sizeof run - 1);
	}
}
END_TEST

static void
make_up(struct sought *s, struct chance *c)
{
	static const unsigned char letters[] = {'a', 0, 0xff, '\n'};
	size_t total = 0;

	memset(s, 0, sizeof *s);
	s->needles.n = (uint8_t)(1 + chance_below(c, EVCHAT_LITERALS_MAX));
	for (size_t i = 0; i < s->needles.n; i++) {
		size_t most = chance_below(c, 3) ? 4 : EVCHAT_NEEDLE_MAX;
		size_t len = 1 + chance_below(c, most);

		for (size_t j = 0; j < len; j++)
			s->bytes[total++] = letters[chance_below(c, 2 + i % 3)];
		s->lens[i] = (uint8_t)len;
		if (len > s->needles.longest)
			s->needles.longest = (uint8_t)len;
	}
	s->needles.bytes = s->bytes;
	s->needles.lens = s->lens;
}

START_TEST(random_needles_are_found_in_random_runs)
{
	struct chance c = chance_from(test_seed());
	unsigned char run[400];

	for (size_t i = 0; i < test_scaled(20000); i++) {
		struct sought s;
		size_t len = 1 + chance_below(&c, sizeof run), letters;

		make_up(&s, &c);
		letters = 2 + chance_below(&c, 3);
		for (size_t j = 0; j < len; j++)
			run[j] = (unsigned char)"a\0\xff\n"[chance_below(
			    &c, letters)];
		expect_in_every_way(&s, run, len);
	}
}
END_TEST

START_TEST(there_is_always_a_way_in_plain_c)
{
	const struct evchat_hits_way *ways[8];
	size_t n = evchat_hits_ways_(ways, LEN(ways));

	ck_assert_uint_ge(n, 1);
	ck_assert_str_eq(ways[n - 1]->name, "plain");
	ck_assert_uint_eq(evchat_hits_ways_(ways, 1), 1);
}
END_TEST

START_TEST(the_way_is_the_fastest_unless_another_is_chosen)
{
	const struct evchat_hits_way *ways[8];
	size_t n = evchat_hits_ways_(ways, LEN(ways));
	struct evchat_ahead ahead;
	const unsigned char byte = 'a';
	struct evchat_needles needles = {&byte, NULL, 1, 1, 0};

	evchat_hits_begin_(&ahead, &needles, &byte, &byte + 1);
	ck_assert_ptr_eq(ahead.way, ways[0]);
	evchat_hits_choose_(ways[n - 1]);
	evchat_hits_begin_(&ahead, &needles, &byte, &byte + 1);
	ck_assert_ptr_eq(ahead.way, ways[n - 1]);
	evchat_hits_choose_(NULL);
	evchat_hits_begin_(&ahead, &needles, &byte, &byte + 1);
	ck_assert_ptr_eq(ahead.way, ways[0]);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("hits");
	TCase *tc = suite_group(s, "hits");

	tcase_add_loop_test(
	    tc, a_needle_is_found_at_every_place_of_every_run, 0, LEN(alone));
	tcase_add_loop_test(tc, nothing_is_found_in_near_misses, 0, LEN(alone));
	tcase_add_loop_test(tc, every_value_is_told_from_every_other, 0, 256);
	tcase_add_test(tc, what_is_left_out_is_not_looked_for);
	tcase_add_test(tc, random_needles_are_found_in_random_runs);
	tcase_add_test(tc, there_is_always_a_way_in_plain_c);
	tcase_add_test(tc, the_way_is_the_fastest_unless_another_is_chosen);
	return s;
}

int
main(void)
{
	framing_print_ways();
	return suite_run(suite());
}
