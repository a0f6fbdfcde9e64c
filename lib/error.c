/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Errors and reasons as text and as errno: everything comes from the two lists
 * in error.h.
 */
#include "error-internal.h"
#include <errno.h>
#include <evchat/version.h>
#include <stddef.h>

const char *
evchat_version(void)
{
	return EVCHAT_VERSION;
}

const char *
evchat_strerror(int error)
{
	switch (error) {
	case 0:
		return "success";
#define ERROR_TEXT(name, value, number, text) \
	case value:                           \
		return text;
		EVCHAT_ERROR_MAP(ERROR_TEXT)
#undef ERROR_TEXT
	default:
		return "unknown error";
	}
}

const char *
evchat_reason_text(enum evchat_reason reason)
{
	switch ((int)reason) {
#define REASON_TEXT(name, text)    \
	case EVCHAT_REASON_##name: \
		return text;
		EVCHAT_REASON_MAP(REASON_TEXT)
#undef REASON_TEXT
	default:
		return "unknown reason";
	}
}

void *
evchat_refuse_(int error)
{
	switch (error) {
#define ERROR_NUMBER(name, value, number, text) \
	case value:                             \
		errno = number;                 \
		break;
		EVCHAT_ERROR_MAP(ERROR_NUMBER)
#undef ERROR_NUMBER
	default:
		errno = EINVAL;
	}
	return NULL;
}
