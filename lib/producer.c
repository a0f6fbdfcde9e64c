/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Built-in producers: bytes that stay where they are, an evbuffer, a file, and
 * the wrappers over another producer.  Each is a state in memory of its own
 * that its release frees.
 */
#include "alloc-internal.h"
#include "producer-internal.h"
#include "queue-internal.h"
#include <errno.h>
#include <evchat/error.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool
evchat_producer_is_valid_(const struct evchat_producer *producer)
{
	return producer->more && !producer->reserved[0] &&
	       !producer->reserved[1];
}

void
evchat_producer_release_(const struct evchat_producer *producer)
{
	if (producer->release)
		producer->release(producer->ctx);
}

/* --- Bytes that stay where they are. --- */

struct lent {
	const void *bytes;
	size_t len;
	evchat_cleanup_cb cleanup;
	void *ctx;
	bool handed_on; /* the evbuffer runs the cleanup */
};

static enum evchat_more
more_lent(struct evbuffer *out, size_t room, void *ctx)
{
	struct lent *lent = ctx;

	(void)room; /* lending takes no memory, however much there is */
	if (lent->len == 0)
		return EVCHAT_END;
	if (evbuffer_add_reference(
		out, lent->bytes, lent->len, lent->cleanup, lent->ctx))
		return EVCHAT_FAIL;
	lent->handed_on = true;
	return EVCHAT_END;
}

static void
release_lent(void *ctx)
{
	struct lent *lent = ctx;

	if (lent->cleanup && !lent->handed_on)
		lent->cleanup(lent->bytes, lent->len, lent->ctx);
	evchat_mfree_(lent);
}

int
evchat_producer_ref(struct evchat_producer *producer, const void *bytes,
    size_t len, evchat_cleanup_cb cleanup, void *ctx)
{
	int error = EVCHAT_ERR_INVALID;
	struct lent *lent;

	if (!producer || (len && !bytes))
		goto fail;
	error = EVCHAT_ERR_NO_MEMORY;
	lent = evchat_zalloc_(sizeof *lent);
	if (!lent)
		goto fail;
	*lent = (struct lent){bytes, len, cleanup, ctx, false};
	*producer = (struct evchat_producer){.more = more_lent,
	    .release = release_lent,
	    .size = len,
	    .ctx = lent};
	return 0;
fail:
	if (cleanup)
		cleanup(bytes, len, ctx);
	return error;
}

/* --- An evbuffer. --- */

static enum evchat_more
more_moved(struct evbuffer *out, size_t room, void *ctx)
{
	(void)room; /* the bytes are in memory already */
	return evbuffer_add_buffer(out, ctx) ? EVCHAT_FAIL : EVCHAT_END;
}

static void
release_moved(void *ctx)
{
	evbuffer_free(ctx);
}

int
evchat_producer_buffer(struct evchat_producer *producer, struct evbuffer *bytes)
{
	size_t len;
	struct evbuffer *moved;

	if (!producer || !bytes)
		return EVCHAT_ERR_INVALID;
	len = evbuffer_get_length(bytes);
	moved = evbuffer_new();
	if (!moved)
		return EVCHAT_ERR_NO_MEMORY;
	if (evbuffer_add_buffer(moved, bytes)) {
		evbuffer_free(moved);
		return EVCHAT_ERR_EVENT;
	}
	*producer = (struct evchat_producer){.more = more_moved,
	    .release = release_moved,
	    .size = len,
	    .ctx = moved};
	return 0;
}

/* --- A file, by pread: libevent's file segments change who owns the
 * descriptor with the place they fail in, and take a file that was cut short
 * for the peer's EOF. --- */

/* Less than this is sent together with what is before it: a call of its own
 * costs more than to copy it. */
enum { WORTH_SENDING = 16 * 1024 };

static ssize_t
read_at(int fd, void *bytes, size_t len, uint64_t offset)
{
	ssize_t got;

	do
		got = pread(fd, bytes, len, (off_t)offset);
	while (got < 0 && errno == EINTR);
	return got;
}

static enum evchat_more
more_of_file(struct evbuffer *out, size_t room, void *ctx)
{
	struct evchat_file *file = ctx;
	size_t want = room < file->left ? room : (size_t)file->left;
	struct evbuffer_iovec space;
	ssize_t got;

	if (file->left == 0)
		return EVCHAT_END;
	if (evbuffer_reserve_space(out, (ev_ssize_t)want, &space, 1) != 1)
		return EVCHAT_FAIL;
	got = read_at(file->fd, space.iov_base, want, file->offset);
	if (got <= 0) /* it cannot be read, or was cut short */
		return EVCHAT_FAIL;
	space.iov_len = (size_t)got;
	if (evbuffer_commit_space(out, &space, 1))
		return EVCHAT_FAIL;
	file->offset += (uint64_t)got;
	file->left -= (uint64_t)got;
	return file->left ? EVCHAT_MORE : EVCHAT_END;
}

static void
release_file(void *ctx)
{
	struct evchat_file *file = ctx;

	(void)close(file->fd); /* it was only read: nothing can be lost */
	evchat_mfree_(file);
}

struct evchat_file *
evchat_producer_file_(const struct evchat_producer *producer)
{
	struct evchat_file *file = producer->ctx;

	if (producer->more != more_of_file || file->must_be_read ||
	    file->left < WORTH_SENDING)
		return NULL;
	return file;
}

bool
evchat_producer_makes_bytes_(const struct evchat_producer *producer)
{
	return producer->more == more_of_file || producer->more == more_lent;
}

static bool
is_regular_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

int
evchat_producer_file(
    struct evchat_producer *producer, int fd, uint64_t offset, uint64_t len)
{
	int error = EVCHAT_ERR_INVALID;
	struct evchat_file *file;

	if (!producer || !is_regular_file(fd))
		goto fail;
	if (offset > INT64_MAX || len > INT64_MAX - offset)
		goto fail;
	error = EVCHAT_ERR_NO_MEMORY;
	file = evchat_zalloc_(sizeof *file);
	if (!file)
		goto fail;
	*file = (struct evchat_file){.fd = fd, .offset = offset, .left = len};
	*producer = (struct evchat_producer){.more = more_of_file,
	    .release = release_file,
	    .size = len,
	    .ctx = file};
	return 0;
fail:
	if (fd >= 0)
		(void)close(fd);
	return error;
}

/* --- Wrappers. --- */

struct wrapper {
	struct evchat_producer inner;
	struct evbuffer *made; /* by the inner one in one call */
	struct evchat_tap tap;
	bool complete; /* the inner one said END */
};

static enum evchat_more
ask_inner(struct wrapper *w, size_t room)
{
	enum evchat_more answer;

	answer = w->inner.more(w->made, room, w->inner.ctx);
	w->complete = answer == EVCHAT_END;
	return answer;
}

static void
release_wrapper(void *ctx)
{
	struct wrapper *w = ctx;

	evchat_producer_release_(&w->inner);
	evbuffer_free(w->made);
	if (w->tap.ended)
		w->tap.ended(w->complete, w->tap.ctx);
	evchat_mfree_(w);
}

static struct wrapper *
new_wrapper(const struct evchat_producer *inner)
{
	struct wrapper *w = evchat_zalloc_(sizeof *w);

	if (!w)
		return NULL;
	w->inner = *inner;
	w->made = evbuffer_new();
	if (w->made)
		return w;
	evchat_mfree_(w);
	return NULL;
}

static void
refuse(struct evchat_producer *producer)
{
	evchat_producer_release_(producer);
	memset(producer, 0, sizeof *producer);
}

/* Put a wrapper in the producer's place; or release the producer and leave
 * zeros.  A NULL tap is one that is told nothing. */
static int
wrap(struct evchat_producer *producer, evchat_more_cb more,
    const struct evchat_tap *tap)
{
	struct wrapper *w = NULL;
	bool valid = evchat_producer_is_valid_(producer);

	if (valid)
		w = new_wrapper(producer);
	if (!w) {
		refuse(producer);
		return valid ? EVCHAT_ERR_NO_MEMORY : EVCHAT_ERR_INVALID;
	}
	if (tap)
		w->tap = *tap;
	producer->more = more;
	producer->release = release_wrapper;
	producer->ctx = w;
	return 0;
}

/* RFC 9112 section 7.1: the size in hex, CRLF, the bytes, CRLF. */
static int
append_chunk(struct evbuffer *out, struct evbuffer *made)
{
	char size[2 * sizeof(size_t) + 3];
	int n =
	    snprintf(size, sizeof size, "%zx\r\n", evbuffer_get_length(made));

	if (evchat_append_copy_(out, size, (size_t)n))
		return EVCHAT_ERR_NO_MEMORY;
	if (evbuffer_add_buffer(out, made))
		return EVCHAT_ERR_EVENT;
	return evchat_append_copy_(out, "\r\n", 2);
}

static enum evchat_more
more_chunked(struct evbuffer *out, size_t room, void *ctx)
{
	/* The size line of 18 bytes at most, CRLF, and the last chunk of 5. */
	const size_t coding = 25;
	struct wrapper *w = ctx;
	enum evchat_more answer;

	answer = ask_inner(w, room > coding ? room - coding : 1);
	if (answer == EVCHAT_FAIL)
		return EVCHAT_FAIL;
	/* A chunk of no bytes would be the last one. */
	if (evbuffer_get_length(w->made) && append_chunk(out, w->made))
		return EVCHAT_FAIL;
	if (answer == EVCHAT_END && evchat_append_copy_(out, "0\r\n\r\n", 5))
		return EVCHAT_FAIL;
	return answer;
}

int
evchat_producer_chunked(struct evchat_producer *producer)
{
	if (!producer)
		return EVCHAT_ERR_INVALID;
	return wrap(producer, more_chunked, NULL);
}

static void
tell_passed(const struct evchat_tap *tap, struct evbuffer *made)
{
	struct evbuffer_ptr at;
	struct evbuffer_iovec run;

	if (!tap->passed || evbuffer_ptr_set(made, &at, 0, EVBUFFER_PTR_SET))
		return;
	while (evbuffer_peek(made, 1, &at, &run, 1) == 1) {
		tap->passed(run.iov_base, run.iov_len, tap->ctx);
		if (evbuffer_ptr_set(made, &at, run.iov_len, EVBUFFER_PTR_ADD))
			return;
	}
}

static enum evchat_more
more_tapped(struct evbuffer *out, size_t room, void *ctx)
{
	struct wrapper *w = ctx;
	enum evchat_more answer = ask_inner(w, room);

	if (answer == EVCHAT_FAIL)
		return EVCHAT_FAIL;
	tell_passed(&w->tap, w->made);
	return evbuffer_add_buffer(out, w->made) ? EVCHAT_FAIL : answer;
}

int
evchat_producer_tap(
    struct evchat_producer *producer, const struct evchat_tap *tap)
{
	int error = EVCHAT_ERR_INVALID;

	if (producer && tap && !tap->reserved[0] && !tap->reserved[1])
		error = wrap(producer, more_tapped, tap);
	else if (producer)
		refuse(producer);
	if (error && tap && tap->ended)
		tap->ended(false, tap->ctx);
	return error;
}
