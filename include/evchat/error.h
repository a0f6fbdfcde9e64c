/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file error.h
 * What a call can fail with, and why a channel can end.
 *
 * A function that returns int returns 0 or one of enum evchat_error, all of
 * which are negative.  A function that returns a pointer returns NULL and sets
 * errno to the value that stands beside the error here.
 *
 * Both functions here may be called anywhere, on any thread.
 */
#ifndef EVCHAT_ERROR_H
#define EVCHAT_ERROR_H

#include <evchat/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/** X(name, value, errno of a pointer function, text) for every error. */
#define EVCHAT_ERROR_MAP(X)                                              \
	X(INVALID, -1, EINVAL, "invalid argument")                       \
	X(NO_MEMORY, -2, ENOMEM, "out of memory")                        \
	X(FULL, -3, ENOBUFS, "too much output is waiting")               \
	X(CLOSING, -4, ESHUTDOWN, "the channel is closing or has ended") \
	X(BUSY, -5, EBUSY, "producers are waiting")                      \
	X(EVENT, -6, EIO, "libevent refused")                            \
	X(NAME, -7, EDESTADDRREQ, "a name, and nothing to look it up with")

/** What a call can fail with.  All are negative; 0 is success. */
enum evchat_error {
#define EVCHAT_ERROR_ENUM(name, value, number, text) EVCHAT_ERR_##name = value,
	EVCHAT_ERROR_MAP(EVCHAT_ERROR_ENUM)
#undef EVCHAT_ERROR_ENUM
};

/** X(name, text) for every reason a channel can end with. */
#define EVCHAT_REASON_MAP(X)                                 \
	X(DONE, "closed when all was sent")                  \
	X(EOF, "the peer closed")                            \
	X(ERROR, "the connection failed")                    \
	X(OVERLONG, "a frame passed its limit")              \
	X(TIMEOUT_FRAME, "a frame was not finished in time") \
	X(TIMEOUT_IDLE, "nothing arrived in time")           \
	X(TIMEOUT_WRITE, "the peer took too little in time") \
	X(PRODUCER, "a producer failed")                     \
	X(NO_MEMORY, "out of memory")                        \
	X(TIMEOUT_CONNECT, "no connection in time")          \
	X(LOOKUP, "the name could not be looked up")         \
	X(CUT, "cut off with its group")

/**
 * Why a channel ended.  EVCHAT_REASON_ERROR comes with an errno, and
 * EVCHAT_REASON_LOOKUP with an EVUTIL_EAI_*, in evchat_errno().
 */
enum evchat_reason {
#define EVCHAT_REASON_ENUM(name, text) EVCHAT_REASON_##name,
	EVCHAT_REASON_MAP(EVCHAT_REASON_ENUM)
#undef EVCHAT_REASON_ENUM
};

/**
 * A short English text for an error code, 0 included.  Never NULL, also for a
 * number that is no error; the text is static.
 */
EVCHAT_EXPORT const char *evchat_strerror(int error);

/**
 * A short English text for a reason.  Never NULL, also for a number that is no
 * reason; the text is static.
 */
EVCHAT_EXPORT const char *evchat_reason_text(enum evchat_reason reason);

#ifdef __cplusplus
}
#endif

#endif
