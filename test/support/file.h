/* SPDX-License-Identifier: BSD-3-Clause */
/* A file for a test, which nobody has to remove. */
#ifndef EVCHAT_TEST_FILE_H
#define EVCHAT_TEST_FILE_H

#include <stddef.h>

/* A file of these bytes, without a name, open at its beginning for reading and
 * writing. */
int nameless_file(const void *bytes, size_t len);

#endif
