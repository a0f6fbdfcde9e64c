/* SPDX-License-Identifier: BSD-3-Clause */
/* How bytes enter and leave a channel: over any bufferevent. */
#ifndef EVCHAT_TRANSPORT_INTERNAL_H
#define EVCHAT_TRANSPORT_INTERNAL_H

#include <event2/bufferevent.h>
#include <stdbool.h>
#include <stdint.h>

struct evbuffer_cb_entry;

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

struct evchat_transport {
	struct bufferevent *bev;    /* the layer evchat reads and writes */
	struct bufferevent *bottom; /* the lowest layer */
	struct evbuffer_cb_entry *bottom_cb;
	evchat_news_cb tell;
	/* The run of input looked at last, and where it begins. */
	const unsigned char *run;
	size_t run_at, run_len;
	bool can_read, can_write;
	bool waiting; /* for a descriptor */
	bool reading;
	bool flushed;     /* the layers have been told that this was all */
	bool half_closed; /* and the peer, who can still be heard */
};

/* What a transport can do. */
enum evchat_transport_ways {
	EVCHAT_CAN_READ = 1,
	EVCHAT_CAN_WRITE = 2,
	EVCHAT_CAN_BOTH = 3,
	EVCHAT_WAITS = 4 /* nothing yet: it has no descriptor */
};

/* Take over a bufferevent, reading.  0, or an evchat_error with nothing taken
 * and nothing changed. */
int evchat_transport_open_(struct evchat_transport *t, struct bufferevent *bev,
    unsigned ways, size_t output_low, evchat_news_cb tell);

/* Give it the descriptor it waits for, which is taken in every case.  0 or
 * EVCHAT_ERR_EVENT. */
int evchat_transport_attach_(struct evchat_transport *t, int fd);

/* Give the bufferevent back without evchat's marks on it. */
struct bufferevent *evchat_transport_release_(struct evchat_transport *t);

/* Drop all output, so that cleanups run now, and free the bufferevent; with
 * `reset`, in such a way that the peer cannot take it for a clean end. */
void evchat_transport_close_(struct evchat_transport *t, bool reset);

/* The contiguous bytes of input from offset `at` on; 0 where it ends.  They
 * stay where they are until they are consumed. */
size_t evchat_transport_peek_(
    struct evchat_transport *t, size_t at, const unsigned char **bytes);
/* Does that offset lie in the run looked at last? */
bool evchat_transport_knows_(const struct evchat_transport *t, size_t at);
size_t evchat_transport_input_(const struct evchat_transport *t);
void evchat_transport_consume_(struct evchat_transport *t, size_t len);

/* How many bytes of the peer's wait in the kernel. */
size_t evchat_transport_unread_(const struct evchat_transport *t);

/* How many bytes the kernel has taken and the peer has not acknowledged; 0
 * where the system does not tell. */
size_t evchat_transport_unacked_(const struct evchat_transport *t);

/* Would the lowest layer's descriptor take a byte now? */
bool evchat_transport_is_writable_(const struct evchat_transport *t);

/* Read, or let the input stay in the kernel.  0 or EVCHAT_ERR_EVENT, with
 * errno set where the system refused. */
int evchat_transport_read_(struct evchat_transport *t, bool reading);

/* Send what is in `bytes`, moving it.  0 or EVCHAT_ERR_EVENT, with errno as
 * above; what was moved will never be sent then. */
int evchat_transport_write_(struct evchat_transport *t, struct evbuffer *bytes);

/* Bytes that wait in any layer. */
size_t evchat_transport_pending_(const struct evchat_transport *t);

/* Do bytes wait in the lowest layer, so that WRITABLE will be told?  What a
 * filter holds back is pending, but may stay so for ever. */
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
