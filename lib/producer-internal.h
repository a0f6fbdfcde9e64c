/* SPDX-License-Identifier: BSD-3-Clause */
/* What every room that takes a producer does with it. */
#ifndef EVCHAT_PRODUCER_INTERNAL_H
#define EVCHAT_PRODUCER_INTERNAL_H

#include <evchat/producer.h>

/* Can this value be asked for more? */
bool evchat_producer_is_valid_(const struct evchat_producer *producer);

/* Let go of a producer that was taken and is not wanted. */
void evchat_producer_release_(const struct evchat_producer *producer);

#endif
