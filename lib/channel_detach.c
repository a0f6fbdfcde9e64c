/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Giving the bufferevent back: what was not handed over lies in its input, what
 * was pushed in its output, and nothing of evchat's is left on it.
 */
#include "channel-internal.h"
#include "error-internal.h"
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>

/* What was handed over leaves the input; but where a callback is running it
 * may be looking at it, so the chains live as long as the turn.  (What is
 * copied on the way, a part of a chain, stays where it was too.) */
static int
cut_off_taken(struct evchat *ch)
{
	struct evbuffer *input = bufferevent_get_input(ch->transport.bev);
	struct evchat_turn *turn = evchat_channel_turn_(ch);
	int moved;

	if (!ch->taken)
		return 0;
	if (turn && !turn->lent)
		turn->lent = evbuffer_new();
	if (turn && !turn->lent)
		return EVCHAT_ERR_NO_MEMORY;
	moved = turn ? evbuffer_remove_buffer(input, turn->lent, ch->taken) : 0;
	if (moved < 0)
		return EVCHAT_ERR_EVENT;
	/* The rest was read in this turn, and stays where it is. */
	evchat_transport_consume_(&ch->transport, ch->taken - (size_t)moved);
	ch->bytes_in += ch->taken;
	ch->taken = 0;
	return 0;
}

/* Put a partial frame back in front of the input: all of it or nothing, which
 * evbuffer_prepend() does not promise without memory. */
static int
put_back(struct evbuffer *input, const struct evchat_gather *frame)
{
	struct evbuffer *front;
	int error;

	if (!evchat_gather_len_(frame))
		return 0;
	front = evbuffer_new();
	if (!front)
		return EVCHAT_ERR_NO_MEMORY;
	error = evchat_append_copy_(front, frame->run->bytes, frame->run->len);
	if (!error && evbuffer_prepend_buffer(input, front))
		error = EVCHAT_ERR_EVENT;
	evbuffer_free(front);
	return error;
}

static int
give_back_output(struct evchat *ch)
{
	if (evchat_queue_gather_(&ch->queue))
		return EVCHAT_ERR_NO_MEMORY;
	if (!ch->queue.front ||
	    !evchat_transport_hand_down_(&ch->transport, ch->queue.front))
		return 0;
	evchat_channel_fail_(ch, errno);
	return EVCHAT_ERR_EVENT;
}

/* What was not handed over goes to the input, what was pushed to the output,
 * and the bufferevent works by itself. */
static int
give_back(struct evchat *ch)
{
	struct evbuffer *input = bufferevent_get_input(ch->transport.bev);
	int error = cut_off_taken(ch);

	if (!error)
		error = evchat_transport_keep_(&ch->transport);
	if (!error)
		error = put_back(input, &ch->gather);
	if (error)
		return error;
	error = give_back_output(ch);
	if (!error)
		error = evchat_transport_enable_(&ch->transport);
	/* Cannot fail: the start of an input is never frozen. */
	if (error)
		(void)evbuffer_drain(input, evchat_gather_len_(&ch->gather));
	return error;
}

static int
check_detach(const struct evchat *ch)
{
	if (!ch)
		return EVCHAT_ERR_INVALID;
	if (!evchat_channel_is_open_(ch) || ch->closing || ch->shut ||
	    ch->doomed)
		return EVCHAT_ERR_CLOSING;
	if (ch->transport.waiting)
		return EVCHAT_ERR_BUSY;
	return evchat_queue_has_producers_(&ch->queue) ? EVCHAT_ERR_BUSY : 0;
}

struct bufferevent *
evchat_detach(struct evchat *ch)
{
	struct bufferevent *bev;
	int error = check_detach(ch);
	bool serving;

	if (error)
		return evchat_refuse_(error);
	serving = ch->serving;
	ch->serving = true; /* a filter may call back at once */
	error = give_back(ch);
	ch->serving = serving;
	if (error) {
		/* It may be read now though it should not. */
		evchat_channel_wish_(ch);
		return evchat_refuse_(error);
	}
	bev = evchat_transport_release_(&ch->transport);
	ch->dead = true;
	evchat_channel_tear_down_(ch, false);
	if (!serving)
		evchat_channel_destroy_(ch);
	return bev;
}
