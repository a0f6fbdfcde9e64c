/* SPDX-License-Identifier: BSD-3-Clause */
/* How bytes enter and leave a channel: over any bufferevent, and the fast way
 * over a plain socket. */
#ifndef EVCHAT_TRANSPORT_INTERNAL_H
#define EVCHAT_TRANSPORT_INTERNAL_H

#include <event2/bufferevent.h>
#include <stdbool.h>
#include <stdint.h>

struct event;
struct evchat_buffers;
struct evchat_layers;

/* What a transport has to say; several may come at once. */
enum evchat_transport_news {
	EVCHAT_NEWS_READABLE = 1, /* there may be new bytes in the input */
	EVCHAT_NEWS_WRITABLE = 2, /* output has gone, or a poke */
	EVCHAT_NEWS_CONNECTED = 4,
	EVCHAT_NEWS_EOF = 8,
	EVCHAT_NEWS_READ_ERROR = 16, /* errno is set */
	EVCHAT_NEWS_WRITE_ERROR = 32,
	EVCHAT_NEWS_READ_TIMEOUT = 64, /* a timeout of the bufferevent's own */
	EVCHAT_NEWS_WRITE_TIMEOUT = 128
};

/* Filters call back from inside whatever is done to them: be ready for news
 * during any call below. */
struct evchat_transport;
typedef void (*evchat_news_cb)(struct evchat_transport *t, unsigned news);

/* What a transport knows only during a turn, on the stack of who has the turn.
 * All zeros is the beginning. */
struct evchat_view {
	/* The run of input looked at last, and where it begins. */
	const unsigned char *run;
	size_t run_at, run_len;
	/* What was read in this turn: the end of the input. */
	const unsigned char *fresh;
	size_t fresh_len;
	/* Where it is, or NULL if they are not to be had. */
	struct evchat_buffers *buffers;
};

struct evchat_transport {
	struct bufferevent *bev; /* the layer evchat reads and writes */
	/* The lowest layer and more of what lies below; NULL when that is all.
	 */
	struct evchat_layers *layers;
	struct event *readable;   /* on the fast path, or NULL */
	struct evchat_view *view; /* NULL between turns */
	evchat_news_cb tell;
	int fd; /* on the fast path: asked of libevent once */
	bool can_read : 1, can_write : 1;
	bool fast : 1;
	bool waiting : 1; /* for a descriptor */
	bool reading : 1;
	bool ready : 1;       /* to be read, on the fast path */
	bool sending : 1;     /* there may be output, on the fast path */
	bool blocked : 1;     /* a file waits until more can be written */
	bool flushed : 1;     /* the layers have been told that this was all */
	bool half_closed : 1; /* and the peer, who can still be heard */
};

/* What a transport can do. */
enum evchat_transport_ways {
	EVCHAT_CAN_READ = 1,
	EVCHAT_CAN_WRITE = 2,
	EVCHAT_CAN_BOTH = 3,
	EVCHAT_WAITS = 4, /* nothing yet: it has no descriptor */
	EVCHAT_FAST = 8   /* a plain socket */
};

/* Take over a bufferevent, reading.  0, or an evchat_error with nothing taken
 * and nothing changed. */
int evchat_transport_open_(struct evchat_transport *t, struct bufferevent *bev,
    unsigned ways, size_t output_low, evchat_news_cb tell);

/* Give it the descriptor it waits for, which is taken in every case.  0 or
 * EVCHAT_ERR_EVENT or EVCHAT_ERR_NO_MEMORY. */
int evchat_transport_attach_(struct evchat_transport *t, int fd);

/* Begin and end a turn: outside of one the input cannot be looked at.  To begin
 * reads the socket, if there is something, but no more than `most`.  To end
 * keeps what was read and not consumed: 0, or EVCHAT_ERR_NO_MEMORY and it is
 * lost; but releasing or closing the transport ends its part of the turn too.
 */
void evchat_transport_begin_turn_(
    struct evchat_transport *t, struct evchat_view *view, size_t most);
int evchat_transport_end_turn_(struct evchat_transport *t);

/* Put what was read in this turn with the rest of the input.  0 or
 * EVCHAT_ERR_NO_MEMORY with nothing changed. */
int evchat_transport_keep_(struct evchat_transport *t);

/* Make the bufferevent listen by itself, to be released.  0 or
 * EVCHAT_ERR_EVENT. */
int evchat_transport_enable_(struct evchat_transport *t);

/* Give the bufferevent back without evchat's marks on it. */
struct bufferevent *evchat_transport_release_(struct evchat_transport *t);

/* Drop all output, so that cleanups run now, and free the bufferevent; with
 * `reset`, in such a way that the peer cannot take it for a clean end. */
void evchat_transport_close_(struct evchat_transport *t, bool reset);

/* Does that offset lie in the run of input looked at last? */
static inline bool
evchat_transport_knows_(const struct evchat_transport *t, size_t at)
{
	/* Where it lies before the run the difference is a huge one. */
	return at - t->view->run_at < t->view->run_len;
}

/* Look at the run in which that offset lies; false where the input ends. */
bool evchat_transport_find_run_(struct evchat_transport *t, size_t at);

/* The contiguous bytes of input from offset `at` on; 0 where it ends.  They
 * stay where they are until they are consumed. */
static inline size_t
evchat_transport_peek_(
    struct evchat_transport *t, size_t at, const unsigned char **bytes)
{
	const struct evchat_view *view = t->view;

	if (!evchat_transport_knows_(t, at) &&
	    !evchat_transport_find_run_(t, at))
		return 0;
	*bytes = view->run + (at - view->run_at);
	return view->run_len - (at - view->run_at);
}

size_t evchat_transport_input_(const struct evchat_transport *t);
void evchat_transport_consume_(struct evchat_transport *t, size_t len);

/* How many bytes of the peer's wait in the kernel. */
size_t evchat_transport_unread_(const struct evchat_transport *t);

/* How many bytes the kernel has taken and the peer has not acknowledged; 0
 * where the system does not tell. */
unsigned evchat_transport_unacked_(const struct evchat_transport *t);

/* Would the lowest layer's descriptor take a byte now? */
bool evchat_transport_is_writable_(const struct evchat_transport *t);

/* Read, or let the input stay in the kernel.  0 or EVCHAT_ERR_EVENT, with
 * errno set where the system refused. */
int evchat_transport_read_(struct evchat_transport *t, bool reading);

/* What there is to know of bytes that are sent. */
enum evchat_sent {
	EVCHAT_SENT_MORE = 1,   /* more is about to follow */
	EVCHAT_SENT_FOREIGN = 2 /* not evchat's own: maybe file segments */
};

/* Send what is in `bytes`, moving it.  0 or EVCHAT_ERR_EVENT, with errno as
 * above; what was moved will never be sent then.  An error of the socket is
 * told as WRITE_ERROR, and the bytes stay. */
int evchat_transport_write_(
    struct evchat_transport *t, struct evbuffer *bytes, unsigned sent);

/* The same without a try at the socket: all goes to the bufferevent. */
int evchat_transport_hand_down_(
    struct evchat_transport *t, struct evbuffer *bytes);

/* Send as many of these bytes as can go at once: how many.  Others must follow
 * by evchat_transport_write_().  An error is told as WRITE_ERROR. */
size_t evchat_transport_try_(
    struct evchat_transport *t, const void *bytes, size_t len, bool more);

/* Is it the fast path, with nothing on its way, so that the socket may be
 * written past the bufferevent? */
bool evchat_transport_is_free_(const struct evchat_transport *t);

/* What came of sending a file. */
enum evchat_file_result {
	EVCHAT_FILE_SENT,    /* a part of it */
	EVCHAT_FILE_WAITS,   /* WRITABLE will be told */
	EVCHAT_FILE_CANNOT,  /* this one must be read */
	EVCHAT_FILE_FAILED,  /* it is too short, or cannot be read */
	EVCHAT_FILE_NO_EVENT /* nobody will tell when: EVCHAT_ERR_EVENT */
};
/* Send up to *len bytes of a file, which becomes how many went. */
enum evchat_file_result evchat_transport_send_file_(
    struct evchat_transport *t, int file, uint64_t offset, uint64_t *len);

/* Bytes that wait in any layer. */
size_t evchat_transport_count_pending_(const struct evchat_transport *t);
static inline size_t
evchat_transport_pending_(const struct evchat_transport *t)
{
	return t->fast && !t->sending ? 0 : evchat_transport_count_pending_(t);
}

/* Do bytes, or a file, wait in the lowest layer, so that WRITABLE will be told?
 * What a filter holds back is pending, but may stay so for ever. */
bool evchat_transport_is_sending_(const struct evchat_transport *t);

/* Drop them.  0 or EVCHAT_ERR_EVENT. */
int evchat_transport_discard_(struct evchat_transport *t);

/* Tell WRITABLE from the loop, soon. */
void evchat_transport_poke_(struct evchat_transport *t);

/* When so little is pending, tell WRITABLE. */
void evchat_transport_set_low_(struct evchat_transport *t, size_t output_low);

/* No byte will follow: make the layers give up what they hold back, then, when
 * nothing is pending, send the peer an EOF.  False while something is pending.
 * `half_closed` says then whether there was a way to, so that the peer can
 * still be heard. */
bool evchat_transport_finish_(struct evchat_transport *t);

#endif
