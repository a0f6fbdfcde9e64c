/* SPDX-License-Identifier: BSD-3-Clause */
/* What is rare must not make the rest slower. */
#ifndef EVCHAT_INLINE_INTERNAL_H
#define EVCHAT_INLINE_INTERNAL_H

#ifdef __GNUC__
#define NOT_INLINE __attribute__((noinline))
#else
#define NOT_INLINE
#endif

#endif
