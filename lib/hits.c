/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where some short needles end in a run of bytes.  Pure: no state but the way
 * that was chosen for this processor.
 *
 * A block is 64 bytes.  equal_*() says which of them have a given value, as
 * bits; the rest is the same for every processor: where byte 0 of a needle is
 * the one before byte 1, and so on, the needle ends.  So a false start costs
 * nothing, and all ends in a block are known at once.  Blocks overlap by as
 * much as a needle may reach back: what is found in one depends on no other,
 * nor on what came before the run.
 */
#include "hits-internal.h"
#include "inline-internal.h"
#include <stdatomic.h>
#include <string.h>

/* EVCHAT_PORTABLE is for tests: plain C alone. */
#if defined(__GNUC__) && defined(__x86_64__) && !defined(EVCHAT_PORTABLE)
#define HAS_X86_WAYS 1
#include <immintrin.h>
#endif

/* What is written once for all ways must be compiled once for each, but where
 * speed is no matter: whoever counts branches wants to see each of them once.
 */
#if defined(__GNUC__) && defined(__OPTIMIZE__)
#define IN_EACH_WAY static inline __attribute__((always_inline))
#else
#define IN_EACH_WAY static inline
#endif

/* Bit i: is block[i] this byte? */
typedef uint64_t equal_fn(const unsigned char *block, unsigned char byte);

/* --- What all ways have in common. --- */

/* Where the needle ends in the last 64 - `skip` bytes of the block.  It is
 * given up, when none can, after every `patience` + 1 bytes, a power of two: a
 * branch that is not foreseen costs as much as some bytes. */
IN_EACH_WAY uint64_t
ends_of(equal_fn *equal, const unsigned char *block, size_t skip,
    const unsigned char *needle, size_t len, size_t patience)
{
	uint64_t ends = equal(block, needle[0]) >> skip;

	for (size_t i = 1; i < len; i++) {
		ends = ends << 1 & equal(block, needle[i]) >> skip;
		if ((i & patience) == patience && !ends)
			break;
	}
	return ends;
}

IN_EACH_WAY uint64_t
ends_of_any(equal_fn *equal, const unsigned char *block, size_t skip,
    const struct evchat_needles *needles)
{
	const unsigned char *needle = needles->bytes;
	uint64_t ends = 0;

	if (needles->n == 1)
		return ends_of(equal, block, skip, needle, needles->longest, 3);
	for (size_t i = 0; i < needles->n; needle += needles->lens[i++])
		if (!(needles->left_out >> i & 1))
			ends |= ends_of(
			    equal, block, skip, needle, needles->lens[i], 7);
	return ends;
}

/* From block to block.  A needle that is alone and short has its length known
 * where this is compiled: `alone` is that, or 0. */
IN_EACH_WAY bool
search_for(equal_fn *equal, struct evchat_ahead *ahead,
    const unsigned char *from, size_t alone)
{
	const unsigned char *needle = ahead->needles.bytes;
	size_t longest = alone ? alone : ahead->needles.longest;
	size_t len = (size_t)(ahead->end - from), at = 0;
	uint64_t ends = 0;

	for (; len - at >= EVCHAT_HITS_BLOCK;
	     at += EVCHAT_HITS_BLOCK + 1 - longest) {
		if (alone)
			ends = ends_of(equal, from + at, 0, needle, alone, 3);
		else
			ends =
			    ends_of_any(equal, from + at, 0, &ahead->needles);
		if (ends)
			break;
	}
	ahead->block = from + at;
	ahead->ends = ends;
	return ends != 0;
}

IN_EACH_WAY bool
search_one(
    equal_fn *equal, struct evchat_ahead *ahead, const unsigned char *from)
{
	switch (ahead->needles.longest) {
	case 1:
		return search_for(equal, ahead, from, 1);
	case 2:
		return search_for(equal, ahead, from, 2);
	default:
		return search_for(equal, ahead, from, 4);
	}
}

IN_EACH_WAY uint64_t
look(equal_fn *equal, const struct evchat_needles *needles,
    const unsigned char *block, size_t len)
{
	return ends_of_any(equal, block, EVCHAT_HITS_BLOCK - len, needles);
}

/* --- Plain C: eight bytes in one word. --- */

/* The first byte is the lowest on every machine; compilers know this for a
 * load. */
static inline uint64_t
load_word(const unsigned char *bytes)
{
	uint64_t word = 0;

	for (int i = 0; i < 8; i++)
		word |= (uint64_t)bytes[i] << 8 * i;
	return word;
}

/* Bit i: is byte i of the word zero?  The high bit of each byte says so; the
 * product brings all eight together. */
static inline uint64_t
zeros_of(uint64_t word)
{
	const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f);
	uint64_t high = ~(((word & low) + low) | word | low);

	return (high >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

static inline uint64_t
equal_plain(const unsigned char *block, unsigned char byte)
{
	uint64_t pattern = byte * UINT64_C(0x0101010101010101);
	uint64_t equal = 0;

	for (int i = 0; i < EVCHAT_HITS_BLOCK; i += 8)
		equal |= zeros_of(load_word(block + i) ^ pattern) << i;
	return equal;
}

static bool
search_one_plain(struct evchat_ahead *ahead, const unsigned char *from)
{
	return search_one(equal_plain, ahead, from);
}

static bool
search_any_plain(struct evchat_ahead *ahead, const unsigned char *from)
{
	return search_for(equal_plain, ahead, from, 0);
}

static uint64_t
look_plain(const struct evchat_needles *needles, const unsigned char *block,
    size_t len)
{
	return look(equal_plain, needles, block, len);
}

static bool
has_plain(void)
{
	return true;
}

/* --- x86-64. --- */

#ifdef HAS_X86_WAYS

/* Every x86-64 has it. */
static inline uint64_t
equal_sse2(const unsigned char *block, unsigned char byte)
{
	const __m128i pattern = _mm_set1_epi8((char)byte);
	uint64_t equal = 0;

	for (int i = 0; i < EVCHAT_HITS_BLOCK; i += 16) {
		__m128i bytes =
		    _mm_loadu_si128((const __m128i *)(const void *)(block + i));
		unsigned bits =
		    (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, pattern));

		equal |= (uint64_t)bits << i;
	}
	return equal;
}

static bool
search_one_sse2(struct evchat_ahead *ahead, const unsigned char *from)
{
	return search_one(equal_sse2, ahead, from);
}

static bool
search_any_sse2(struct evchat_ahead *ahead, const unsigned char *from)
{
	return search_for(equal_sse2, ahead, from, 0);
}

static uint64_t
look_sse2(const struct evchat_needles *needles, const unsigned char *block,
    size_t len)
{
	return look(equal_sse2, needles, block, len);
}

#define FOR_AVX2 __attribute__((target("avx2")))

static inline FOR_AVX2 uint64_t
equal_avx2(const unsigned char *block, unsigned char byte)
{
	const __m256i pattern = _mm256_set1_epi8((char)byte);
	uint64_t equal = 0;

	for (int i = 0; i < EVCHAT_HITS_BLOCK; i += 32) {
		__m256i bytes = _mm256_loadu_si256(
		    (const __m256i *)(const void *)(block + i));
		unsigned bits = (unsigned)_mm256_movemask_epi8(
		    _mm256_cmpeq_epi8(bytes, pattern));

		equal |= (uint64_t)bits << i;
	}
	return equal;
}

static FOR_AVX2 bool
search_one_avx2(struct evchat_ahead *ahead, const unsigned char *from)
{
	return search_one(equal_avx2, ahead, from);
}

static FOR_AVX2 bool
search_any_avx2(struct evchat_ahead *ahead, const unsigned char *from)
{
	return search_for(equal_avx2, ahead, from, 0);
}

static FOR_AVX2 uint64_t
look_avx2(const struct evchat_needles *needles, const unsigned char *block,
    size_t len)
{
	return look(equal_avx2, needles, block, len);
}

static bool
has_avx2(void)
{
	return __builtin_cpu_supports("avx2");
}

#define FOR_AVX512 __attribute__((target("avx512f,avx512bw")))

static inline FOR_AVX512 uint64_t
equal_avx512(const unsigned char *block, unsigned char byte)
{
	uint64_t equal = _mm512_cmpeq_epi8_mask(
	    _mm512_loadu_si512(block), _mm512_set1_epi8((char)byte));

	/* Mask registers shift slowly: into a general one. */
	__asm__("" : "+r"(equal));
	return equal;
}

static FOR_AVX512 bool
search_one_avx512(struct evchat_ahead *ahead, const unsigned char *from)
{
	return search_one(equal_avx512, ahead, from);
}

static FOR_AVX512 bool
search_any_avx512(struct evchat_ahead *ahead, const unsigned char *from)
{
	return search_for(equal_avx512, ahead, from, 0);
}

static FOR_AVX512 uint64_t
look_avx512(const struct evchat_needles *needles, const unsigned char *block,
    size_t len)
{
	return look(equal_avx512, needles, block, len);
}

static bool
has_avx512(void)
{
	return __builtin_cpu_supports("avx512f") &&
	       __builtin_cpu_supports("avx512bw");
}

#endif

/* --- Which way. --- */

static const struct evchat_hits_way all_ways[] = {
#ifdef HAS_X86_WAYS
    {"avx512", has_avx512, search_one_avx512, search_any_avx512, look_avx512},
    {"avx2", has_avx2, search_one_avx2, search_any_avx2, look_avx2},
    {"sse2", has_plain, search_one_sse2, search_any_sse2, look_sse2},
#endif
    {"plain", has_plain, search_one_plain, search_any_plain, look_plain}};

size_t
evchat_hits_ways_(const struct evchat_hits_way **ways, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < sizeof all_ways / sizeof *all_ways; i++)
		if (n < room && all_ways[i].is_there())
			ways[n++] = &all_ways[i];
	return n;
}

/* Threads that choose at the same time choose the same. */
static _Atomic(const struct evchat_hits_way *) chosen;

void
evchat_hits_choose_(const struct evchat_hits_way *way)
{
	atomic_store_explicit(&chosen, way, memory_order_relaxed);
}

static NOT_INLINE const struct evchat_hits_way *
choose_fastest(void)
{
	const struct evchat_hits_way *way = NULL;

	evchat_hits_ways_(&way, 1);
	evchat_hits_choose_(way);
	return way;
}

/* --- A run. --- */

/* The last bytes of the run, from ahead->block on, are fewer than a block: look
 * at the block that they end, or at a copy where less than that can be read. */
static NOT_INLINE bool
look_at_rest(struct evchat_ahead *ahead, const unsigned char *readable)
{
	unsigned char copy[EVCHAT_HITS_BLOCK] = {0};
	size_t len = (size_t)(ahead->end - ahead->block);
	const unsigned char *block = copy;

	if (!len)
		return false;
	if (ahead->end - readable >= EVCHAT_HITS_BLOCK)
		block = ahead->end - EVCHAT_HITS_BLOCK;
	else
		memcpy(copy + sizeof copy - len, ahead->block, len);
	ahead->ends = ahead->way->look(&ahead->needles, block, len);
	return ahead->ends != 0;
}

static inline bool
search_from(struct evchat_ahead *ahead, const unsigned char *from)
{
	const unsigned char *readable = ahead->block;

	ahead->block = from;
	if (ahead->end - from >= EVCHAT_HITS_BLOCK &&
	    ahead->search(ahead, from))
		return true;
	return look_at_rest(ahead, readable);
}

bool
evchat_hits_begin_(struct evchat_ahead *ahead,
    const struct evchat_needles *needles, const unsigned char *bytes,
    const unsigned char *end)
{
	const struct evchat_hits_way *way =
	    atomic_load_explicit(&chosen, memory_order_relaxed);
	size_t len = needles->n == 1 ? needles->longest : 0;

	if (!way)
		way = choose_fastest();
	*ahead = (struct evchat_ahead){.block = bytes,
	    .end = end,
	    .needles = *needles,
	    .way = way,
	    .search = len == 1 || len == 2 || len == 4 ? way->search_one
						       : way->search_any};
	return search_from(ahead, bytes);
}

bool
evchat_hits_go_on_(struct evchat_ahead *ahead)
{
	const unsigned char *block = ahead->block;

	if (ahead->end - block <= EVCHAT_HITS_BLOCK)
		return false;
	return search_from(
	    ahead, block + EVCHAT_HITS_BLOCK + 1 - ahead->needles.longest);
}
