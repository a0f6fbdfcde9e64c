/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * With EVCHAT_TEST_PLAIN in the environment no channel goes the fast way, as if
 * EVCHAT_OPEN_PLAIN had been said wherever one is made: so that every test can
 * be run once more on the other path.
 */
#include "transport-internal.h"
#include <stdlib.h>

/* The names are the linker's (its option --wrap). */
int __real_evchat_transport_open_(struct evchat_transport *t,
    struct bufferevent *bev, unsigned ways, size_t output_low,
    evchat_news_cb tell);
int __wrap_evchat_transport_open_(struct evchat_transport *t,
    struct bufferevent *bev, unsigned ways, size_t output_low,
    evchat_news_cb tell);

int
__wrap_evchat_transport_open_(struct evchat_transport *t,
    struct bufferevent *bev, unsigned ways, size_t output_low,
    evchat_news_cb tell)
{
	if (getenv("EVCHAT_TEST_PLAIN"))
		ways &= ~(unsigned)EVCHAT_FAST;
	return __real_evchat_transport_open_(t, bev, ways, output_low, tell);
}
