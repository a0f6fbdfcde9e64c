/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The built-in producers, each asked by hand: the bytes they make, what they
 * say to what goes wrong, and that whatever they took is let go exactly once.
 *
 * Around each test: no memory of evchat's or libevent's is left.
 */
#include "alloc-internal.h"
#include "producer-internal.h"
#include "queue-internal.h"
#include "support/made.h"
#include "support/memory.h"
#include "support/scale.h"
#include "support/suite.h"
#include <evchat/error.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEN(array) (sizeof(array) / sizeof *(array))
#define OK(call) ck_assert_int_eq(call, 0)

enum { PLENTY = 1 << 20, MOST = 1 << 18 };

static struct evbuffer *out;
static struct made made;
static char bytes_out[MOST];

/* --- Asking. --- */

static enum evchat_more
ask(const struct evchat_producer *p, size_t room)
{
	return p->more(out, room, p->ctx);
}

/* Until it ends or fails, waking it whenever it says LATER. */
static enum evchat_more
ask_all(const struct evchat_producer *p, size_t room)
{
	enum evchat_more answer;

	do
		answer = ask(p, room);
	while (answer == EVCHAT_MORE || answer == EVCHAT_LATER);
	return answer;
}

/* Everything made so far, which is then gone. */
static const char *
take(void)
{
	size_t len = evbuffer_get_length(out);

	ck_assert_uint_lt(len, sizeof bytes_out);
	ck_assert(evbuffer_remove(out, bytes_out, len) == (int)len);
	bytes_out[len] = '\0';
	return bytes_out;
}

static void
release(const struct evchat_producer *p)
{
	p->release(p->ctx);
}

/* What it makes from here to its END, and its release. */
static void
expect_all(const struct evchat_producer *p, size_t room, const char *text)
{
	ck_assert_int_eq(ask_all(p, room), EVCHAT_END);
	release(p);
	ck_assert_str_eq(take(), text);
}

static void
expect_failure(const struct evchat_producer *p)
{
	ck_assert_int_eq(ask_all(p, PLENTY), EVCHAT_FAIL);
	release(p);
}

static void
expect_zeros(const struct evchat_producer *p)
{
	static const struct evchat_producer zeros;

	ck_assert_mem_eq(p, &zeros, sizeof zeros);
}

/* --- A producer as a value. --- */

START_TEST(a_producer_without_more_or_with_reserved_words_is_invalid)
{
	struct evchat_producer p = made_from(&made, "");

	ck_assert(evchat_producer_is_valid_(&p));
	p.release = NULL;
	ck_assert(evchat_producer_is_valid_(&p));
	p.more = NULL;
	ck_assert(!evchat_producer_is_valid_(&p));
	p = made_from(&made, "");
	p.reserved[0] = 1;
	ck_assert(!evchat_producer_is_valid_(&p));
	p.reserved[0] = 0;
	p.reserved[1] = 1;
	ck_assert(!evchat_producer_is_valid_(&p));
}
END_TEST

START_TEST(a_producer_that_is_not_wanted_is_released_if_it_can_be)
{
	struct evchat_producer p = made_from(&made, "");

	evchat_producer_release_(&p);
	ck_assert_uint_eq(made.released, 1);
	p.release = NULL;
	evchat_producer_release_(&p);
	ck_assert_uint_eq(made.released, 1);
}
END_TEST

/* --- Files. --- */

/* A file of these bytes, without a name. */
static int
open_file(const char *text, int flags)
{
	char path[] = P_tmpdir "/evchat-XXXXXX";
	int fd = mkstemp(path);
	ssize_t len = (ssize_t)strlen(text);

	ck_assert_int_ge(fd, 0);
	ck_assert(write(fd, text, (size_t)len) == len);
	OK(close(fd));
	fd = open(path, flags);
	ck_assert_int_ge(fd, 0);
	OK(unlink(path));
	return fd;
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static struct evchat_producer
file_of(int fd, uint64_t offset, uint64_t len)
{
	struct evchat_producer p;

	OK(evchat_producer_file(&p, fd, offset, len));
	ck_assert(is_open(fd));
	ck_assert_uint_eq(p.size, len);
	ck_assert(evchat_producer_is_valid_(&p));
	return p;
}

START_TEST(a_whole_file_is_made)
{
	int fd = open_file("0123456789", O_RDONLY);
	struct evchat_producer p = file_of(fd, 0, 10);

	expect_all(&p, PLENTY, "0123456789");
	ck_assert(!is_open(fd));
}
END_TEST

START_TEST(a_part_of_a_file_is_made)
{
	int fd = open_file("0123456789", O_RDONLY);
	struct evchat_producer p = file_of(fd, 3, 4);

	expect_all(&p, PLENTY, "3456");
}
END_TEST

START_TEST(a_file_is_made_in_pieces_of_the_room)
{
	struct evchat_producer p =
	    file_of(open_file("0123456789", O_RDONLY), 1, 9);

	ck_assert_int_eq(ask(&p, 4), EVCHAT_MORE);
	ck_assert_str_eq(take(), "1234");
	ck_assert_int_eq(ask(&p, 1), EVCHAT_MORE);
	ck_assert_str_eq(take(), "5");
	ck_assert_int_eq(ask(&p, 4), EVCHAT_END);
	ck_assert_str_eq(take(), "6789");
	release(&p);
}
END_TEST

START_TEST(a_file_is_made_behind_what_is_there)
{
	struct evchat_producer p =
	    file_of(open_file("0123456789", O_RDONLY), 0, 10);

	evbuffer_add(out, "ab", 2);
	expect_all(&p, 3, "ab0123456789");
}
END_TEST

START_TEST(the_position_of_a_descriptor_does_not_matter)
{
	int fd = open_file("0123456789", O_RDONLY);
	int twin = dup(fd);
	struct evchat_producer p;

	ck_assert(lseek(twin, 7, SEEK_SET) == 7);
	p = file_of(fd, 0, 4);
	ck_assert_int_eq(ask(&p, 2), EVCHAT_MORE);
	ck_assert(lseek(twin, 0, SEEK_CUR) == 7);
	ck_assert(lseek(twin, 9, SEEK_SET) == 9);
	expect_all(&p, 2, "0123");
	ck_assert(lseek(twin, 0, SEEK_CUR) == 9);
	OK(close(twin));
}
END_TEST

START_TEST(no_bytes_of_a_file_are_the_end_at_once)
{
	int fd = open_file("", O_RDONLY);
	struct evchat_producer p = file_of(fd, 0, 0);

	expect_all(&p, PLENTY, "");
	ck_assert(!is_open(fd));
	fd = open_file("abc", O_RDONLY);
	p = file_of(fd, INT64_MAX, 0);
	expect_all(&p, PLENTY, "");
	ck_assert(!is_open(fd));
}
END_TEST

START_TEST(a_file_that_was_cut_short_fails)
{
	int fd = open_file("0123456789", O_RDWR);
	struct evchat_producer p = file_of(fd, 0, 10);

	ck_assert_int_eq(ask(&p, 4), EVCHAT_MORE);
	OK(ftruncate(fd, 6));
	ck_assert_int_eq(ask(&p, 4), EVCHAT_MORE);
	ck_assert_str_eq(take(), "012345");
	ck_assert_int_eq(ask(&p, 4), EVCHAT_FAIL);
	ck_assert_str_eq(take(), "");
	ck_assert(is_open(fd));
	release(&p);
	ck_assert(!is_open(fd));
}
END_TEST

START_TEST(a_range_beyond_the_end_of_a_file_fails)
{
	struct evchat_producer p =
	    file_of(open_file("0123456789", O_RDONLY), 8, 3);

	expect_failure(&p);
	p = file_of(open_file("0123456789", O_RDONLY), 11, 1);
	expect_failure(&p);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_fails)
{
	int fd = open_file("0123456789", O_WRONLY);
	struct evchat_producer p = file_of(fd, 0, 10);

	expect_failure(&p);
	ck_assert(!is_open(fd));
}
END_TEST

START_TEST(a_file_that_libevent_takes_no_bytes_of_fails)
{
	struct evchat_producer p = file_of(open_file("0", O_RDONLY), 0, 1);

	evbuffer_freeze(out, 0);
	expect_failure(&p);
}
END_TEST

START_TEST(a_file_that_is_not_asked_is_closed)
{
	int fd = open_file("0123456789", O_RDONLY);
	struct evchat_producer p = file_of(fd, 0, 10);

	release(&p);
	ck_assert(!is_open(fd));
}
END_TEST

/* In a queue, whose own bookkeeping follows its release: whoever has the
 * number next keeps it. */
START_TEST(a_file_is_closed_once)
{
	static const struct {
		const char *text;
		size_t room;
		enum evchat_asked asked;
	} ways[] = {{"ab", PLENTY, EVCHAT_ASKED_NOBODY},
	    {"a", PLENTY, EVCHAT_ASKED_FAILED}, {"ab", 0, EVCHAT_ASKED_ENOUGH}};
	int fd = open_file(ways[_i].text, O_RDONLY);
	struct evchat_producer p = file_of(fd, 0, 2);
	struct evchat_queue q = {0};

	OK(evchat_queue_produce_(&q, &p));
	ck_assert_int_eq(evchat_queue_fill_(&q, ways[_i].room, PLENTY, false),
	    ways[_i].asked);
	evchat_queue_clear_(&q);
	ck_assert(!is_open(fd));
	ck_assert_int_eq(dup2(STDERR_FILENO, fd), fd);
	evchat_queue_clear_(&q);
	ck_assert(is_open(fd));
	OK(close(fd));
}
END_TEST

static int
open_pipe(void)
{
	int ends[2];

	OK(pipe(ends));
	OK(close(ends[1]));
	return ends[0];
}

static int
open_directory(void)
{
	return open("/", O_RDONLY | O_DIRECTORY);
}

static int
open_device(void)
{
	return open("/dev/null", O_RDONLY);
}

START_TEST(what_is_no_regular_file_is_refused_and_closed)
{
	static int (*const opens[])(void) = {
	    open_pipe, open_directory, open_device};
	struct evchat_producer p;
	int fd = opens[_i]();

	ck_assert(is_open(fd));
	ck_assert_int_eq(
	    evchat_producer_file(&p, fd, 0, 1), EVCHAT_ERR_INVALID);
	ck_assert(!is_open(fd));
}
END_TEST

START_TEST(what_is_no_descriptor_is_refused)
{
	struct evchat_producer p;
	int fd = open_pipe();

	OK(close(fd));
	ck_assert_int_eq(
	    evchat_producer_file(&p, fd, 0, 1), EVCHAT_ERR_INVALID);
	ck_assert_int_eq(
	    evchat_producer_file(&p, -1, 0, 1), EVCHAT_ERR_INVALID);
}
END_TEST

START_TEST(a_range_that_no_file_can_have_is_refused)
{
	static const struct {
		uint64_t offset, len;
	} ranges[] = {{0, UINT64_MAX}, {UINT64_MAX, 0}, {UINT64_MAX, 1},
	    {INT64_MAX, 1}, {1, INT64_MAX}, {(uint64_t)INT64_MAX + 1, 0},
	    {2, UINT64_MAX - 1}};
	struct evchat_producer p;
	int fd = open_file("abc", O_RDONLY);

	ck_assert_int_eq(
	    evchat_producer_file(&p, fd, ranges[_i].offset, ranges[_i].len),
	    EVCHAT_ERR_INVALID);
	ck_assert(!is_open(fd));
}
END_TEST

START_TEST(the_largest_range_of_a_file_is_taken)
{
	struct evchat_producer p =
	    file_of(open_file("abc", O_RDONLY), 1, INT64_MAX - 1);

	ck_assert_int_eq(ask(&p, 9), EVCHAT_MORE);
	ck_assert_str_eq(take(), "bc");
	expect_failure(&p);
}
END_TEST

START_TEST(a_file_without_a_producer_to_be_is_closed)
{
	int fd = open_file("abc", O_RDONLY);

	ck_assert_int_eq(
	    evchat_producer_file(NULL, fd, 0, 3), EVCHAT_ERR_INVALID);
	ck_assert(!is_open(fd));
}
END_TEST

START_TEST(a_file_is_closed_when_there_is_no_memory)
{
	struct evchat_producer p;
	int fd = open_file("abc", O_RDONLY);

	memory_refuse_after(0);
	ck_assert_int_eq(
	    evchat_producer_file(&p, fd, 0, 3), EVCHAT_ERR_NO_MEMORY);
	ck_assert(!is_open(fd));
}
END_TEST

/* --- Files that are sent from where they are. --- */

/* No less is worth a call of its own. */
enum { WORTH_SENDING = 16 * 1024 };

START_TEST(a_large_file_is_worth_sending)
{
	struct evchat_producer p =
	    file_of(open_file("abc", O_RDONLY), 7, WORTH_SENDING);
	struct evchat_file *file = evchat_producer_file_(&p);

	ck_assert_ptr_nonnull(file);
	ck_assert(is_open(file->fd));
	ck_assert_uint_eq(file->offset, 7);
	ck_assert_uint_eq(file->left, WORTH_SENDING);
	file->left--;
	ck_assert_ptr_null(evchat_producer_file_(&p));
	release(&p);
}
END_TEST

START_TEST(a_small_file_is_not_worth_sending)
{
	struct evchat_producer p =
	    file_of(open_file("abc", O_RDONLY), 0, WORTH_SENDING - 1);

	ck_assert_ptr_null(evchat_producer_file_(&p));
	release(&p);
	p = file_of(open_file("", O_RDONLY), 0, 0);
	ck_assert_ptr_null(evchat_producer_file_(&p));
	release(&p);
}
END_TEST

START_TEST(a_file_that_must_be_read_is_not_sent)
{
	struct evchat_producer p =
	    file_of(open_file("abc", O_RDONLY), 0, WORTH_SENDING);

	evchat_producer_file_(&p)->must_be_read = true;
	ck_assert_ptr_null(evchat_producer_file_(&p));
	release(&p);
}
END_TEST

START_TEST(a_wrapped_file_is_not_sent)
{
	const struct evchat_tap tap = {0};
	struct evchat_producer p =
	    file_of(open_file("abc", O_RDONLY), 0, WORTH_SENDING);

	if (_i)
		OK(evchat_producer_chunked(&p));
	else
		OK(evchat_producer_tap(&p, &tap));
	ck_assert_ptr_null(evchat_producer_file_(&p));
	release(&p);
}
END_TEST

START_TEST(what_is_no_file_is_not_sent)
{
	struct evchat_producer p = made_from(&made, ".");

	ck_assert_ptr_null(evchat_producer_file_(&p));
	OK(evchat_producer_ref(&p, "abc", 3, NULL, NULL));
	ck_assert_ptr_null(evchat_producer_file_(&p));
	release(&p);
}
END_TEST

/* --- Bytes that stay where they are. --- */

static const char lent[] = "stay";
static size_t cleaned;

static void
clean(const void *text, size_t len, void *ctx)
{
	ck_assert_ptr_eq(ctx, &cleaned);
	ck_assert(!text || text == lent);
	ck_assert_uint_le(len, strlen(lent));
	cleaned++;
}

static struct evchat_producer
lent_bytes(size_t len)
{
	struct evchat_producer p;

	OK(evchat_producer_ref(&p, lent, len, clean, &cleaned));
	ck_assert_uint_eq(p.size, len);
	ck_assert(evchat_producer_is_valid_(&p));
	return p;
}

START_TEST(lent_bytes_are_not_copied)
{
	struct evchat_producer p = lent_bytes(4);
	struct evbuffer_iovec run;

	ck_assert_int_eq(ask(&p, 1), EVCHAT_END);
	ck_assert_int_eq(evbuffer_peek(out, -1, NULL, &run, 1), 1);
	ck_assert_ptr_eq(run.iov_base, lent);
	ck_assert_uint_eq(run.iov_len, 4);
	release(&p);
}
END_TEST

START_TEST(cleanup_runs_once_when_the_lent_bytes_have_left)
{
	struct evchat_producer p = lent_bytes(4);

	ck_assert_int_eq(ask(&p, PLENTY), EVCHAT_END);
	release(&p);
	ck_assert_uint_eq(cleaned, 0);
	OK(evbuffer_drain(out, 3));
	ck_assert_uint_eq(cleaned, 0);
	OK(evbuffer_drain(out, 1));
	ck_assert_uint_eq(cleaned, 1);
}
END_TEST

START_TEST(cleanup_runs_once_when_lent_bytes_are_not_asked_for)
{
	struct evchat_producer p = lent_bytes(4);

	ck_assert_uint_eq(cleaned, 0);
	release(&p);
	ck_assert_uint_eq(cleaned, 1);
}
END_TEST

START_TEST(cleanup_runs_once_when_no_bytes_are_lent)
{
	struct evchat_producer p = lent_bytes(0);

	expect_all(&p, PLENTY, "");
	ck_assert_uint_eq(cleaned, 1);
	OK(evchat_producer_ref(&p, NULL, 0, clean, &cleaned));
	expect_all(&p, PLENTY, "");
	ck_assert_uint_eq(cleaned, 2);
}
END_TEST

START_TEST(cleanup_runs_once_when_libevent_takes_no_lent_bytes)
{
	struct evchat_producer p = lent_bytes(4);

	evbuffer_freeze(out, 0);
	ck_assert_int_eq(ask(&p, PLENTY), EVCHAT_FAIL);
	ck_assert_uint_eq(cleaned, 0);
	release(&p);
	ck_assert_uint_eq(cleaned, 1);
}
END_TEST

START_TEST(lent_bytes_need_no_cleanup)
{
	struct evchat_producer p;

	OK(evchat_producer_ref(&p, lent, 4, NULL, NULL));
	expect_all(&p, PLENTY, "stay");
	OK(evchat_producer_ref(&p, lent, 4, NULL, NULL));
	release(&p);
	ck_assert_int_eq(
	    evchat_producer_ref(&p, NULL, 4, NULL, NULL), EVCHAT_ERR_INVALID);
}
END_TEST

START_TEST(cleanup_runs_once_when_bytes_cannot_be_lent)
{
	struct evchat_producer p;

	ck_assert_int_eq(evchat_producer_ref(NULL, lent, 4, clean, &cleaned),
	    EVCHAT_ERR_INVALID);
	ck_assert_uint_eq(cleaned, 1);
	ck_assert_int_eq(evchat_producer_ref(&p, NULL, 4, clean, &cleaned),
	    EVCHAT_ERR_INVALID);
	ck_assert_uint_eq(cleaned, 2);
	memory_refuse_after(0);
	ck_assert_int_eq(evchat_producer_ref(&p, lent, 4, clean, &cleaned),
	    EVCHAT_ERR_NO_MEMORY);
	ck_assert_uint_eq(cleaned, 3);
}
END_TEST

/* --- An evbuffer. --- */

static struct evbuffer *
evbuffer_of(const char *text)
{
	struct evbuffer *bytes = evbuffer_new();

	ck_assert_ptr_nonnull(bytes);
	OK(evbuffer_add(bytes, text, strlen(text)));
	return bytes;
}

START_TEST(bytes_of_an_evbuffer_are_moved_and_not_copied)
{
	struct evbuffer *bytes = evbuffer_of("abc");
	const void *where = evbuffer_pullup(bytes, -1);
	struct evchat_producer p;

	OK(evchat_producer_buffer(&p, bytes));
	ck_assert_uint_eq(evbuffer_get_length(bytes), 0);
	ck_assert_uint_eq(p.size, 3);
	evbuffer_add(bytes, "d", 1); /* it is still the caller's */
	evbuffer_free(bytes);
	ck_assert_int_eq(ask(&p, 1), EVCHAT_END);
	release(&p);
	ck_assert_ptr_eq(evbuffer_pullup(out, -1), where);
	ck_assert_str_eq(take(), "abc");
}
END_TEST

START_TEST(an_empty_evbuffer_is_the_end_at_once)
{
	struct evbuffer *bytes = evbuffer_of("");
	struct evchat_producer p;

	OK(evchat_producer_buffer(&p, bytes));
	expect_all(&p, PLENTY, "");
	evbuffer_free(bytes);
}
END_TEST

START_TEST(bytes_of_an_evbuffer_that_are_not_asked_for_are_freed)
{
	struct evbuffer *bytes = evbuffer_new();
	struct evchat_producer p;

	evbuffer_add_reference(bytes, lent, 4, clean, &cleaned);
	OK(evchat_producer_buffer(&p, bytes));
	evbuffer_free(bytes);
	ck_assert_uint_eq(cleaned, 0);
	release(&p);
	ck_assert_uint_eq(cleaned, 1);
}
END_TEST

START_TEST(bytes_that_libevent_does_not_take_fail)
{
	struct evbuffer *bytes = evbuffer_of("abc");
	struct evchat_producer p;

	OK(evchat_producer_buffer(&p, bytes));
	evbuffer_free(bytes);
	evbuffer_freeze(out, 0);
	expect_failure(&p);
}
END_TEST

static void
expect_unmoved(struct evbuffer *bytes, int error)
{
	struct evchat_producer p;

	ck_assert_int_eq(evchat_producer_buffer(&p, bytes), error);
	ck_assert_uint_eq(evbuffer_get_length(bytes), 3);
	ck_assert_int_eq(memcmp(evbuffer_pullup(bytes, 3), "abc", 3), 0);
}

START_TEST(bytes_that_cannot_be_moved_stay_the_caller_s)
{
	struct evbuffer *bytes = evbuffer_of("abc");
	struct evchat_producer p;

	evbuffer_freeze(bytes, 1);
	expect_unmoved(bytes, EVCHAT_ERR_EVENT);
	evbuffer_unfreeze(bytes, 1);
	memory_refuse_after(0);
	expect_unmoved(bytes, EVCHAT_ERR_NO_MEMORY);
	memory_refuse_none();
	ck_assert_int_eq(
	    evchat_producer_buffer(NULL, bytes), EVCHAT_ERR_INVALID);
	OK(evchat_producer_buffer(&p, bytes));
	expect_all(&p, PLENTY, "abc");
	evbuffer_free(bytes);
}
END_TEST

START_TEST(no_evbuffer_is_refused)
{
	struct evchat_producer p;

	ck_assert_int_eq(evchat_producer_buffer(&p, NULL), EVCHAT_ERR_INVALID);
}
END_TEST

/* --- Chunked coding. --- */

static struct evchat_producer
chunked(const char *script)
{
	struct evchat_producer p = made_from(&made, script);

	OK(evchat_producer_chunked(&p));
	ck_assert(evchat_producer_is_valid_(&p));
	return p;
}

/* What a chunked script comes to. */
static const struct {
	const char *script, *coded;
} codings[] = {
    {".", "0\r\n\r\n"},
    {"+ + .", "0\r\n\r\n"},
    {"~ ~ .", "0\r\n\r\n"},
    {"abc.", "3\r\nabc\r\n0\r\n\r\n"},
    {"abc+ .", "3\r\nabc\r\n0\r\n\r\n"},
    {"abc+ + de.", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"},
    {"abc~ ~ + de+ f~ g.",
	"3\r\nabc\r\n2\r\nde\r\n1\r\nf\r\n1\r\ng\r\n0\r\n\r\n"},
    {"ab|c|d.", "4\r\nabcd\r\n0\r\n\r\n"},
    {"<9>+.", "9\r\nxxxxxxxxx\r\n0\r\n\r\n"},
    {"<10>+.", "a\r\nxxxxxxxxxx\r\n0\r\n\r\n"},
    {"<16>+.", "10\r\nxxxxxxxxxxxxxxxx\r\n0\r\n\r\n"},
    {"0\r\n\r\n.", "5\r\n0\r\n\r\n\r\n0\r\n\r\n"},
};

START_TEST(each_answer_is_a_chunk)
{
	struct evchat_producer p = chunked(codings[_i].script);

	expect_all(&p, PLENTY, codings[_i].coded);
	ck_assert_uint_eq(made.released, 1);
}
END_TEST

START_TEST(chunks_pass_on_what_the_producer_answers)
{
	struct evchat_producer p = chunked("+ a+ ~ b~ .");

	ck_assert_int_eq(ask(&p, PLENTY), EVCHAT_MORE);
	ck_assert_str_eq(take(), "");
	ck_assert_int_eq(ask(&p, PLENTY), EVCHAT_MORE);
	ck_assert_str_eq(take(), "1\r\na\r\n");
	ck_assert_int_eq(ask(&p, PLENTY), EVCHAT_LATER);
	ck_assert_str_eq(take(), "");
	ck_assert_int_eq(ask(&p, PLENTY), EVCHAT_LATER);
	ck_assert_str_eq(take(), "1\r\nb\r\n");
	expect_all(&p, PLENTY, "0\r\n\r\n");
}
END_TEST

START_TEST(large_chunks_have_their_size_in_hex)
{
	static const struct {
		const char *script, *line;
	} sizes[] = {{"<255>.", "ff\r\n"}, {"<256>.", "100\r\n"},
	    {"<4095>.", "fff\r\n"}, {"<65536>.", "10000\r\n"},
	    {"<70000>.", "11170\r\n"}, {"<44012>.", "abec\r\n"}};
	struct evchat_producer p = chunked(sizes[_i].script);
	size_t n = strlen(sizes[_i].line);

	ck_assert_int_eq(ask(&p, PLENTY), EVCHAT_END);
	ck_assert_uint_eq(evbuffer_get_length(out), n + made.bytes + 2 + 5);
	ck_assert_int_eq(strncmp(take(), sizes[_i].line, n), 0);
	ck_assert_str_eq(bytes_out + n + made.bytes, "\r\n0\r\n\r\n");
	release(&p);
}
END_TEST

START_TEST(chunks_fit_the_room)
{
	struct evchat_producer p;

	for (size_t room = 26; room < 70000; room += room < 600 ? 1 : 997) {
		p = chunked("=.");
		ck_assert_int_eq(ask(&p, room), EVCHAT_END);
		ck_assert_uint_le(evbuffer_get_length(out), room);
		ck_assert_uint_ge(made.bytes, room - 25);
		take();
		release(&p);
	}
}
END_TEST

START_TEST(a_chunk_is_asked_for_however_little_room_there_is)
{
	struct evchat_producer p = chunked("=+ =.");

	ck_assert_int_eq(ask(&p, 1), EVCHAT_MORE);
	ck_assert_uint_ge(made.room[0], 1);
	ck_assert_int_eq(ask(&p, 25), EVCHAT_END);
	ck_assert_uint_ge(made.room[1], 1);
	release(&p);
}
END_TEST

START_TEST(what_fails_in_chunks_fails)
{
	struct evchat_producer p = chunked("a+ !");

	ck_assert_int_eq(ask(&p, PLENTY), EVCHAT_MORE);
	ck_assert_int_eq(ask(&p, PLENTY), EVCHAT_FAIL);
	ck_assert_str_eq(take(), "1\r\na\r\n");
	release(&p);
	ck_assert_uint_eq(made.released, 1);
	p = chunked("b!");
	ck_assert_int_eq(ask(&p, PLENTY), EVCHAT_FAIL);
	ck_assert_str_eq(take(), "");
	release(&p);
	ck_assert_uint_eq(made.released, 1);
}
END_TEST

static void
freeze_start_aside(struct made *m, struct evbuffer *to)
{
	(void)m;
	evbuffer_freeze(to, 1);
}

START_TEST(chunks_that_libevent_does_not_take_fail)
{
	static const char *const scripts[] = {"a+", ".", "a*+"};
	struct evchat_producer p = chunked(scripts[_i]);

	made.aside = freeze_start_aside;
	if (_i < 2)
		evbuffer_freeze(out, 0);
	expect_failure(&p);
	ck_assert_uint_eq(made.released, 1);
}
END_TEST

/* The size line at the text, or nothing. */
static bool
read_size(const char **text, const char *end, size_t *size)
{
	char *behind;

	if (*text >= end || !strchr("0123456789abcdef", **text))
		return false;
	*size = strtoul(*text, &behind, 16);
	if (end - behind < 2 || memcmp(behind, "\r\n", 2))
		return false;
	*text = behind + 2;
	return true;
}

/* Undo the chunked coding; false when it is none. */
static bool
decode(const char *text, size_t len, char *plain)
{
	const char *end = text + len;
	size_t size;

	while (read_size(&text, end, &size)) {
		if ((size_t)(end - text) < size + 2 ||
		    memcmp(text + size, "\r\n", 2))
			return false;
		memcpy(plain, text, size);
		plain += size;
		text += size + 2;
		*plain = '\0';
		if (size == 0)
			return text == end;
	}
	return false;
}

/* A script of up to 30 answers, and the bytes it makes. */
static void
random_script(struct chance *c, char *script, char *plain)
{
	static const char letters[] = "ab01\r\n;";
	size_t answers = 1 + chance_below(c, 30);

	while (answers--) {
		size_t n = chance_below(c, 3) ? chance_below(c, 40) : 0;

		while (n--)
			*plain++ = *script++ =
			    letters[chance_below(c, LEN(letters) - 1)];
		*script++ = answers ? "+~"[chance_below(c, 2)] : '.';
	}
	*script = *plain = '\0';
}

START_TEST(chunks_decode_to_the_same_bytes)
{
	static char script[2048], plain[2048], decoded[2048];
	struct chance c = chance_from(test_seed());
	size_t n = test_scaled(1000);

	while (n--) {
		struct evchat_producer p;
		size_t len;

		random_script(&c, script, plain);
		p = chunked(script);
		ck_assert_int_eq(ask_all(&p, PLENTY), EVCHAT_END);
		release(&p);
		len = evbuffer_get_length(out);
		ck_assert(decode(take(), len, decoded));
		ck_assert_str_eq(decoded, plain);
	}
}
END_TEST

/* --- Taps. --- */

/* What a tap was told: the bytes, then one mark for each end. */
static char told[MOST];
static size_t told_len, told_pieces;

static void
on_passed(const void *text, size_t len, void *ctx)
{
	ck_assert_ptr_eq(ctx, told);
	ck_assert_uint_gt(len, 0);
	ck_assert_uint_lt(told_len + len, sizeof told);
	memcpy(told + told_len, text, len);
	told_len += len;
	told[told_len] = '\0';
	told_pieces++;
}

static void
on_ended(bool complete, void *ctx)
{
	on_passed(complete ? "=" : "#", 1, ctx);
}

static const struct evchat_tap tap = {
    .passed = on_passed, .ended = on_ended, .ctx = told};

static struct evchat_producer
tapped(const char *script, const struct evchat_tap *t)
{
	struct evchat_producer p = made_from(&made, script);

	OK(evchat_producer_tap(&p, t));
	ck_assert(evchat_producer_is_valid_(&p));
	return p;
}

START_TEST(a_tap_is_told_what_is_made)
{
	struct evchat_producer p = tapped("ab+ + c~ ~ d.", &tap);

	expect_all(&p, PLENTY, "abcd");
	ck_assert_str_eq(told, "abcd=");
	ck_assert_uint_eq(made.released, 1);
}
END_TEST

START_TEST(a_tap_is_told_bytes_that_lie_in_several_places)
{
	struct evchat_producer p = tapped("ab|c|<5000>|d+ e|f.", &tap);
	const char *text;

	ck_assert_int_eq(ask(&p, PLENTY), EVCHAT_MORE);
	ck_assert_uint_ge(told_pieces, 4);
	ck_assert_int_eq(ask(&p, PLENTY), EVCHAT_END);
	text = take();
	ck_assert_uint_eq(strlen(text), 5006);
	ck_assert_str_eq(told, text);
	release(&p);
	ck_assert_str_eq(told + 5006, "=");
}
END_TEST

START_TEST(a_tap_passes_on_answers_and_room)
{
	struct evchat_producer p = tapped("+ a+ ~ b~ .", &tap);
	static const enum evchat_more answers[] = {
	    EVCHAT_MORE, EVCHAT_MORE, EVCHAT_LATER, EVCHAT_LATER, EVCHAT_END};

	for (size_t i = 0; i < LEN(answers); i++) {
		ck_assert_int_eq(ask(&p, 7 + i), answers[i]);
		ck_assert_uint_eq(made.room[i], 7 + i);
	}
	ck_assert_str_eq(told, "ab");
	release(&p);
	ck_assert_str_eq(told, "ab=");
}
END_TEST

START_TEST(a_tap_adds_behind_what_is_there)
{
	struct evchat_producer p = tapped("c.", &tap);

	evbuffer_add(out, "ab", 2);
	expect_all(&p, PLENTY, "abc");
	ck_assert_str_eq(told, "c=");
}
END_TEST

START_TEST(a_tap_is_told_of_a_failure_and_not_of_its_bytes)
{
	struct evchat_producer p = tapped("ab+ c!", &tap);

	expect_failure(&p);
	ck_assert_str_eq(told, "ab#");
	ck_assert_str_eq(take(), "ab");
	ck_assert_uint_eq(made.released, 1);
}
END_TEST

START_TEST(a_tap_is_told_when_its_producer_is_dropped)
{
	struct evchat_producer p = tapped("ab+ c.", &tap);

	release(&p);
	ck_assert_str_eq(told, "#");
	p = tapped("ab+ c.", &tap);
	ck_assert_int_eq(ask(&p, PLENTY), EVCHAT_MORE);
	release(&p);
	ck_assert_str_eq(told, "#ab#");
	ck_assert_uint_eq(made.released, 1);
}
END_TEST

START_TEST(a_tap_is_told_a_failure_when_libevent_takes_no_bytes)
{
	struct evchat_producer p = tapped("a+", &tap);

	evbuffer_freeze(out, 0);
	expect_failure(&p);
	ck_assert_str_eq(told + told_len - 1, "#");
}
END_TEST

START_TEST(a_tap_needs_no_functions)
{
	static const struct evchat_tap silent;
	struct evchat_tap some = tap;
	struct evchat_producer p = tapped("ab.", &silent);

	expect_all(&p, PLENTY, "ab");
	some.ended = NULL;
	p = tapped("ab.", &some);
	expect_all(&p, PLENTY, "ab");
	ck_assert_str_eq(told, "ab");
	some = tap;
	some.passed = NULL;
	p = tapped("ab.", &some);
	expect_all(&p, PLENTY, "ab");
	ck_assert_str_eq(told, "ab=");
}
END_TEST

START_TEST(a_tap_is_copied)
{
	struct evchat_tap mine = tap;
	struct evchat_producer p = tapped("ab.", &mine);

	memset(&mine, 0, sizeof mine);
	expect_all(&p, PLENTY, "ab");
	ck_assert_str_eq(told, "ab=");
}
END_TEST

START_TEST(without_a_tap_the_producer_is_released)
{
	struct evchat_producer p = made_from(&made, "");

	ck_assert_int_eq(evchat_producer_tap(&p, NULL), EVCHAT_ERR_INVALID);
	ck_assert_uint_eq(made.released, 1);
	expect_zeros(&p);
}
END_TEST

START_TEST(a_tap_with_reserved_words_is_refused_and_told)
{
	struct evchat_producer p = made_from(&made, "");
	struct evchat_tap wrong = tap;

	wrong.reserved[_i] = 1;
	ck_assert_int_eq(evchat_producer_tap(&p, &wrong), EVCHAT_ERR_INVALID);
	ck_assert_uint_eq(made.released, 1);
	expect_zeros(&p);
	ck_assert_str_eq(told, "#");
}
END_TEST

START_TEST(a_tap_without_a_producer_is_told)
{
	ck_assert_int_eq(evchat_producer_tap(NULL, &tap), EVCHAT_ERR_INVALID);
	ck_assert_str_eq(told, "#");
}
END_TEST

START_TEST(a_tap_without_anything_is_refused)
{
	ck_assert_int_eq(evchat_producer_tap(NULL, NULL), EVCHAT_ERR_INVALID);
}
END_TEST

/* --- Both wrappers. --- */

static const struct evchat_tap *wrapping_tap;

static int
wrap_tap(struct evchat_producer *p)
{
	return evchat_producer_tap(p, wrapping_tap);
}

static int (*const wraps[])(struct evchat_producer *p) = {
    evchat_producer_chunked, wrap_tap};

START_TEST(a_wrapper_keeps_the_size)
{
	struct evchat_producer p = made_from(&made, ".");

	p.size = 7;
	OK(wraps[_i](&p));
	ck_assert_uint_eq(p.size, 7);
	release(&p);
	ck_assert_uint_eq(made.released, 1);
}
END_TEST

START_TEST(a_wrapped_producer_needs_no_release)
{
	struct evchat_producer p = made_from(&made, ".");

	p.release = NULL;
	OK(wraps[_i](&p));
	ck_assert_int_eq(ask(&p, PLENTY), EVCHAT_END);
	release(&p);
	ck_assert_uint_eq(made.released, 0);
}
END_TEST

static void
expect_not_wrapped(int which, struct evchat_producer p, size_t released)
{
	ck_assert_int_eq(wraps[which](&p), EVCHAT_ERR_INVALID);
	ck_assert_uint_eq(made.released, released);
	expect_zeros(&p);
}

START_TEST(an_invalid_producer_is_not_wrapped_but_released)
{
	struct evchat_producer p = made_from(&made, "");

	p.more = NULL;
	expect_not_wrapped(_i, p, 1);
	p.release = NULL;
	expect_not_wrapped(_i, p, 1);
	for (size_t i = 0; i < LEN(p.reserved); i++) {
		p = made_from(&made, "");
		p.reserved[i] = 1;
		expect_not_wrapped(_i, p, 1);
	}
	ck_assert_str_eq(told, _i ? "####" : "");
}
END_TEST

START_TEST(a_producer_is_released_when_there_is_no_memory_to_wrap_it)
{
	size_t live = memory_live();
	size_t n = 0;

	for (;; n++) {
		struct evchat_producer p = made_from(&made, "");
		int error;

		memory_refuse_after(n);
		error = wraps[_i](&p);
		memory_refuse_none();
		ck_assert_uint_eq(made.released, error != 0);
		if (!error) {
			release(&p);
			break;
		}
		ck_assert_int_eq(error, EVCHAT_ERR_NO_MEMORY);
		expect_zeros(&p);
		ck_assert_uint_eq(memory_live(), live);
	}
	ck_assert_uint_ge(n, 2);
	ck_assert_uint_eq(told_len, _i ? n + 1 : 0);
}
END_TEST

START_TEST(a_wrapper_without_tap_functions_is_told_nothing)
{
	static const struct evchat_tap silent;
	struct evchat_producer p = made_from(&made, "");

	wrapping_tap = &silent;
	memory_refuse_after(0);
	ck_assert_int_eq(wrap_tap(&p), EVCHAT_ERR_NO_MEMORY);
	ck_assert_uint_eq(made.released, 1);
	ck_assert_uint_eq(told_len, 0);
}
END_TEST

START_TEST(nothing_to_wrap_is_refused)
{
	ck_assert_int_eq(evchat_producer_chunked(NULL), EVCHAT_ERR_INVALID);
}
END_TEST

/* --- One in the other. --- */

START_TEST(a_tapped_file_goes_out_in_chunks)
{
	int fd = open_file("0123456789", O_RDONLY);
	struct evchat_producer p = file_of(fd, 0, 10);

	OK(evchat_producer_tap(&p, &tap));
	OK(evchat_producer_chunked(&p));
	ck_assert_int_eq(ask(&p, 25 + 4), EVCHAT_MORE);
	ck_assert_int_eq(ask(&p, 25 + 4), EVCHAT_MORE);
	ck_assert_int_eq(ask(&p, 25 + 4), EVCHAT_END);
	ck_assert_str_eq(
	    take(), "4\r\n0123\r\n4\r\n4567\r\n2\r\n89\r\n0\r\n\r\n");
	ck_assert(is_open(fd));
	release(&p);
	ck_assert(!is_open(fd));
	ck_assert_str_eq(told, "0123456789=");
}
END_TEST

START_TEST(a_tap_outside_is_told_the_chunks)
{
	struct evchat_producer p = lent_bytes(4);

	OK(evchat_producer_chunked(&p));
	OK(evchat_producer_tap(&p, &tap));
	expect_all(&p, PLENTY, "4\r\nstay\r\n0\r\n\r\n");
	ck_assert_str_eq(told, "4\r\nstay\r\n0\r\n\r\n=");
	ck_assert_uint_eq(cleaned, 1);
}
END_TEST

START_TEST(everything_inside_is_let_go_when_the_outermost_is_dropped)
{
	int fd = open_file("0123456789", O_RDONLY);
	struct evchat_producer p = file_of(fd, 0, 10);

	OK(evchat_producer_tap(&p, &tap));
	OK(evchat_producer_chunked(&p));
	ck_assert_int_eq(ask(&p, 25 + 4), EVCHAT_MORE);
	release(&p);
	ck_assert(!is_open(fd));
	ck_assert_str_eq(told, "0123#");
}
END_TEST

START_TEST(a_file_cut_short_inside_fails_outside)
{
	int fd = open_file("0123456789", O_RDWR);
	struct evchat_producer p = file_of(fd, 0, 10);

	OK(evchat_producer_tap(&p, &tap));
	OK(evchat_producer_chunked(&p));
	OK(ftruncate(fd, 5));
	expect_failure(&p);
	ck_assert_str_eq(take(), "5\r\n01234\r\n");
	ck_assert_str_eq(told, "01234#");
	ck_assert(!is_open(fd));
}
END_TEST

/* --- Without memory. --- */

static int
make_file(struct evchat_producer *p)
{
	return evchat_producer_file(p, open_file("0123456789", O_RDONLY), 2, 4);
}

static int
make_ref(struct evchat_producer *p)
{
	return evchat_producer_ref(p, lent, 4, clean, &cleaned);
}

static int
make_chunked_ref(struct evchat_producer *p)
{
	int error = make_ref(p);

	return error ? error : evchat_producer_chunked(p);
}

static int
make_chunked(struct evchat_producer *p)
{
	*p = made_from(&made, "ab|<3000>+ ~ c.");
	return evchat_producer_chunked(p);
}

static int
make_tapped(struct evchat_producer *p)
{
	*p = made_from(&made, "ab|<3000>+ ~ c.");
	return evchat_producer_tap(p, &tap);
}

static int
make_nested(struct evchat_producer *p)
{
	int error = make_ref(p);

	if (!error)
		error = evchat_producer_tap(p, &tap);
	else
		on_ended(false, told); /* nobody has taken it */
	return error ? error : evchat_producer_chunked(p);
}

/* How each is made, and how much of what it takes must be let go. */
static const struct {
	int (*make)(struct evchat_producer *p);
	size_t cleaned, released, ended;
} starving[] = {{make_file, 0, 0, 0}, {make_ref, 1, 0, 0},
    {make_chunked_ref, 1, 0, 0}, {make_chunked, 0, 1, 0},
    {make_tapped, 0, 1, 1}, {make_nested, 1, 0, 1}};

static size_t
count_ends(void)
{
	size_t ends = 0;

	for (size_t i = 0; i < told_len; i++)
		ends += told[i] == '=' || told[i] == '#';
	return ends;
}

static void
forget(void)
{
	memset(&made, 0, sizeof made);
	cleaned = told_len = told_pieces = 0;
	told[0] = '\0';
}

static void
expect_let_go(int which)
{
	ck_assert_uint_eq(cleaned, starving[which].cleaned);
	ck_assert_uint_eq(made.released, starving[which].released);
	ck_assert_uint_eq(count_ends(), starving[which].ended);
	ck_assert_uint_eq(memory_live(), 0);
}

/* With memory for `n` requests only: whether it came to its end, and then what
 * it made is in `text`. */
static bool
make_with(int which, size_t n, char *text)
{
	struct evchat_producer p;
	bool complete = false;
	int error;

	forget();
	out = evbuffer_new();
	memory_refuse_after(n);
	error = starving[which].make(&p);
	if (!error) {
		complete = ask_all(&p, 1000) == EVCHAT_END;
		release(&p);
	} else {
		ck_assert_int_eq(error, EVCHAT_ERR_NO_MEMORY);
	}
	memory_refuse_none();
	strcpy(text, take());
	evbuffer_free(out);
	expect_let_go(which);
	return complete;
}

START_TEST(everything_is_let_go_once_when_memory_fails)
{
	static char whole[MOST], part[MOST];
	size_t n = 0;

	evbuffer_free(out);
	ck_assert(make_with(_i, SIZE_MAX, whole));
	while (!make_with(_i, n, part))
		n++;
	ck_assert_uint_gt(n, 1);
	ck_assert_str_eq(part, whole);
	out = evbuffer_new();
}
END_TEST

/* --- The suite. --- */

static void
begin(void)
{
	memory_watch();
	forget();
	wrapping_tap = &tap;
	out = evbuffer_new();
}

static void
end(void)
{
	memory_refuse_none();
	evbuffer_free(out);
	ck_assert_uint_eq(memory_live(), 0);
	memory_unwatch();
}

static void
add_value(TCase *tc)
{
	tcase_add_test(
	    tc, a_producer_without_more_or_with_reserved_words_is_invalid);
	tcase_add_test(
	    tc, a_producer_that_is_not_wanted_is_released_if_it_can_be);
}

static void
add_file(TCase *tc)
{
	tcase_add_test(tc, a_whole_file_is_made);
	tcase_add_test(tc, a_part_of_a_file_is_made);
	tcase_add_test(tc, a_file_is_made_in_pieces_of_the_room);
	tcase_add_test(tc, a_file_is_made_behind_what_is_there);
	tcase_add_test(tc, the_position_of_a_descriptor_does_not_matter);
	tcase_add_test(tc, no_bytes_of_a_file_are_the_end_at_once);
	tcase_add_test(tc, a_file_that_was_cut_short_fails);
	tcase_add_test(tc, a_range_beyond_the_end_of_a_file_fails);
	tcase_add_test(tc, a_file_that_cannot_be_read_fails);
	tcase_add_test(tc, a_file_that_libevent_takes_no_bytes_of_fails);
	tcase_add_test(tc, a_file_that_is_not_asked_is_closed);
	tcase_add_loop_test(tc, a_file_is_closed_once, 0, 3);
	tcase_add_loop_test(
	    tc, what_is_no_regular_file_is_refused_and_closed, 0, 3);
	tcase_add_test(tc, what_is_no_descriptor_is_refused);
	tcase_add_loop_test(tc, a_range_that_no_file_can_have_is_refused, 0, 7);
	tcase_add_test(tc, the_largest_range_of_a_file_is_taken);
	tcase_add_test(tc, a_file_without_a_producer_to_be_is_closed);
	tcase_add_test(tc, a_file_is_closed_when_there_is_no_memory);
}

static void
add_sending(TCase *tc)
{
	tcase_add_test(tc, a_large_file_is_worth_sending);
	tcase_add_test(tc, a_small_file_is_not_worth_sending);
	tcase_add_test(tc, a_file_that_must_be_read_is_not_sent);
	tcase_add_loop_test(tc, a_wrapped_file_is_not_sent, 0, 2);
	tcase_add_test(tc, what_is_no_file_is_not_sent);
}

static void
add_ref(TCase *tc)
{
	tcase_add_test(tc, lent_bytes_are_not_copied);
	tcase_add_test(tc, cleanup_runs_once_when_the_lent_bytes_have_left);
	tcase_add_test(tc, cleanup_runs_once_when_lent_bytes_are_not_asked_for);
	tcase_add_test(tc, cleanup_runs_once_when_no_bytes_are_lent);
	tcase_add_test(tc, cleanup_runs_once_when_libevent_takes_no_lent_bytes);
	tcase_add_test(tc, lent_bytes_need_no_cleanup);
	tcase_add_test(tc, cleanup_runs_once_when_bytes_cannot_be_lent);
}

static void
add_buffer(TCase *tc)
{
	tcase_add_test(tc, bytes_of_an_evbuffer_are_moved_and_not_copied);
	tcase_add_test(tc, an_empty_evbuffer_is_the_end_at_once);
	tcase_add_test(
	    tc, bytes_of_an_evbuffer_that_are_not_asked_for_are_freed);
	tcase_add_test(tc, bytes_that_libevent_does_not_take_fail);
	tcase_add_test(tc, bytes_that_cannot_be_moved_stay_the_caller_s);
	tcase_add_test(tc, no_evbuffer_is_refused);
}

static void
add_chunked(TCase *tc)
{
	tcase_add_loop_test(tc, each_answer_is_a_chunk, 0, LEN(codings));
	tcase_add_test(tc, chunks_pass_on_what_the_producer_answers);
	tcase_add_loop_test(tc, large_chunks_have_their_size_in_hex, 0, 6);
	tcase_add_test(tc, chunks_fit_the_room);
	tcase_add_test(tc, a_chunk_is_asked_for_however_little_room_there_is);
	tcase_add_test(tc, what_fails_in_chunks_fails);
	tcase_add_loop_test(tc, chunks_that_libevent_does_not_take_fail, 0, 3);
	tcase_add_test(tc, chunks_decode_to_the_same_bytes);
}

static void
add_tap(TCase *tc)
{
	tcase_add_test(tc, a_tap_is_told_what_is_made);
	tcase_add_test(tc, a_tap_is_told_bytes_that_lie_in_several_places);
	tcase_add_test(tc, a_tap_passes_on_answers_and_room);
	tcase_add_test(tc, a_tap_adds_behind_what_is_there);
	tcase_add_test(tc, a_tap_is_told_of_a_failure_and_not_of_its_bytes);
	tcase_add_test(tc, a_tap_is_told_when_its_producer_is_dropped);
	tcase_add_test(
	    tc, a_tap_is_told_a_failure_when_libevent_takes_no_bytes);
	tcase_add_test(tc, a_tap_needs_no_functions);
	tcase_add_test(tc, a_tap_is_copied);
	tcase_add_test(tc, without_a_tap_the_producer_is_released);
	tcase_add_loop_test(
	    tc, a_tap_with_reserved_words_is_refused_and_told, 0, 2);
	tcase_add_test(tc, a_tap_without_a_producer_is_told);
	tcase_add_test(tc, a_tap_without_anything_is_refused);
}

static void
add_wrapping(TCase *tc)
{
	tcase_add_loop_test(tc, a_wrapper_keeps_the_size, 0, LEN(wraps));
	tcase_add_loop_test(
	    tc, a_wrapped_producer_needs_no_release, 0, LEN(wraps));
	tcase_add_loop_test(
	    tc, an_invalid_producer_is_not_wrapped_but_released, 0, LEN(wraps));
	tcase_add_loop_test(tc,
	    a_producer_is_released_when_there_is_no_memory_to_wrap_it, 0,
	    LEN(wraps));
	tcase_add_test(tc, a_wrapper_without_tap_functions_is_told_nothing);
	tcase_add_test(tc, nothing_to_wrap_is_refused);
}

static void
add_nesting(TCase *tc)
{
	tcase_add_test(tc, a_tapped_file_goes_out_in_chunks);
	tcase_add_test(tc, a_tap_outside_is_told_the_chunks);
	tcase_add_test(
	    tc, everything_inside_is_let_go_when_the_outermost_is_dropped);
	tcase_add_test(tc, a_file_cut_short_inside_fails_outside);
}

static void
add_starving(TCase *tc)
{
	tcase_add_loop_test(
	    tc, everything_is_let_go_once_when_memory_fails, 0, LEN(starving));
}

static Suite *
suite(void)
{
	static const struct {
		const char *name;
		void (*add)(TCase *tc);
	} groups[] = {{"value", add_value}, {"file", add_file},
	    {"sending", add_sending}, {"ref", add_ref}, {"buffer", add_buffer},
	    {"chunked", add_chunked}, {"tap", add_tap},
	    {"wrapping", add_wrapping}, {"nesting", add_nesting},
	    {"starving", add_starving}};
	Suite *s = suite_create("producer");

	for (size_t i = 0; i < LEN(groups); i++) {
		TCase *tc = suite_group(s, groups[i].name);

		tcase_add_checked_fixture(tc, begin, end);
		groups[i].add(tc);
	}
	return s;
}

int
main(void)
{
	/* What libevent asks for goes through evchat's door, too: counted and
	 * refused with evchat's own. */
	event_set_mem_functions(evchat_malloc_, evchat_realloc_, evchat_mfree_);
	return suite_run(suite());
}
