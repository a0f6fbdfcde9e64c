/* SPDX-License-Identifier: BSD-3-Clause */
/* What every room that takes a producer does with it. */
#ifndef EVCHAT_PRODUCER_INTERNAL_H
#define EVCHAT_PRODUCER_INTERNAL_H

#include <evchat/producer.h>

/* Can this value be asked for more? */
bool evchat_producer_is_valid_(const struct evchat_producer *producer);

/* Let go of a producer that was taken and is not wanted. */
void evchat_producer_release_(const struct evchat_producer *producer);

/* Does it make nothing but bytes in memory?  One of evchat's own that copies or
 * lends does; of another nobody knows. */
bool evchat_producer_makes_bytes_(const struct evchat_producer *producer);

/* What a producer has yet to read of a file. */
struct evchat_file {
	int fd;
	bool must_be_read; /* it cannot be sent from where it is */
	uint64_t offset;
	uint64_t left;
};

/* The file that a producer would read and add nothing to, if it can be sent
 * from where it is and is large enough to be worth a call of its own; or NULL.
 */
struct evchat_file *evchat_producer_file_(
    const struct evchat_producer *producer);

#endif
