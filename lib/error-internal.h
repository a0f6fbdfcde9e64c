/* SPDX-License-Identifier: BSD-3-Clause */
/* How a function that returns a pointer reports an error. */
#ifndef EVCHAT_ERROR_INTERNAL_H
#define EVCHAT_ERROR_INTERNAL_H

#include <evchat/error.h>

/* Set errno to what error.h names beside this error; return NULL. */
void *evchat_refuse_(int error);

#endif
