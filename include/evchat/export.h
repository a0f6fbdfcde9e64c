/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file export.h
 * The two marks that public declarations carry: visible outside the library,
 * and a printf format the compiler can check.
 */
#ifndef EVCHAT_EXPORT_H
#define EVCHAT_EXPORT_H

#if defined(__GNUC__) || defined(__clang__)
/** Visible outside the library. */
#define EVCHAT_EXPORT __attribute__((visibility("default")))
/** The parameters that are a printf format and its first argument, from 1. */
#define EVCHAT_PRINTF(text, arguments) \
	__attribute__((format(printf, text, arguments)))
#else
#define EVCHAT_EXPORT
#define EVCHAT_PRINTF(text, arguments)
#endif

#endif
