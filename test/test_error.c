/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Errors and reasons: their numbers, which are part of the ABI, their texts,
 * and the errno each becomes.
 */
#include "error-internal.h"
#include "support/suite.h"
#include <errno.h>
#include <evchat/version.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define LEN(array) (sizeof(array) / sizeof *(array))

/* Written out, not made from the lists: those are what is tested. */
static const struct {
	int error, value, number;
} errors[] = {{EVCHAT_ERR_INVALID, -1, EINVAL},
    {EVCHAT_ERR_NO_MEMORY, -2, ENOMEM}, {EVCHAT_ERR_FULL, -3, ENOBUFS},
    {EVCHAT_ERR_CLOSING, -4, ESHUTDOWN}, {EVCHAT_ERR_BUSY, -5, EBUSY},
    {EVCHAT_ERR_NAME, -7, EDESTADDRREQ}, {EVCHAT_ERR_EVENT, -6, EIO}};

static const enum evchat_reason reasons[] = {EVCHAT_REASON_DONE,
    EVCHAT_REASON_EOF, EVCHAT_REASON_ERROR, EVCHAT_REASON_OVERLONG,
    EVCHAT_REASON_TIMEOUT_FRAME, EVCHAT_REASON_TIMEOUT_IDLE,
    EVCHAT_REASON_TIMEOUT_WRITE, EVCHAT_REASON_PRODUCER,
    EVCHAT_REASON_NO_MEMORY, EVCHAT_REASON_TIMEOUT_CONNECT,
    EVCHAT_REASON_LOOKUP, EVCHAT_REASON_CUT};

#define COUNT_ERROR(name, value, number, text) +1
#define COUNT_REASON(name, text) +1

START_TEST(these_are_all_there_are)
{
	ck_assert_uint_eq(LEN(errors), EVCHAT_ERROR_MAP(COUNT_ERROR));
	ck_assert_uint_eq(LEN(reasons), EVCHAT_REASON_MAP(COUNT_REASON));
}
END_TEST

START_TEST(numbers_stay_what_they_are)
{
	for (size_t i = 0; i < LEN(errors); i++)
		ck_assert_int_eq(errors[i].error, errors[i].value);
	for (size_t i = 0; i < LEN(reasons); i++)
		ck_assert_int_eq((int)reasons[i], (int)i);
}
END_TEST

START_TEST(every_error_has_a_text_of_its_own)
{
	ck_assert_str_eq(evchat_strerror(0), "success");
	ck_assert_str_eq(
	    evchat_strerror(EVCHAT_ERR_INVALID), "invalid argument");
	for (size_t i = 0; i < LEN(errors); i++) {
		const char *text = evchat_strerror(errors[i].error);

		ck_assert_uint_gt(strlen(text), 0);
		ck_assert_str_ne(text, "unknown error");
		for (size_t j = 0; j < i; j++)
			ck_assert_str_ne(
			    text, evchat_strerror(errors[j].error));
	}
}
END_TEST

START_TEST(a_number_that_is_no_error_has_a_text)
{
	static const int strange[] = {1, -8, 42, INT_MIN, INT_MAX};

	for (size_t i = 0; i < LEN(strange); i++)
		ck_assert_str_eq(evchat_strerror(strange[i]), "unknown error");
}
END_TEST

START_TEST(every_reason_has_a_text_of_its_own)
{
	ck_assert_str_eq(
	    evchat_reason_text(EVCHAT_REASON_EOF), "the peer closed");
	for (size_t i = 0; i < LEN(reasons); i++) {
		const char *text = evchat_reason_text(reasons[i]);

		ck_assert_uint_gt(strlen(text), 0);
		ck_assert_str_ne(text, "unknown reason");
		for (size_t j = 0; j < i; j++)
			ck_assert_str_ne(text, evchat_reason_text(reasons[j]));
	}
}
END_TEST

START_TEST(a_number_that_is_no_reason_has_a_text)
{
	ck_assert_str_eq(evchat_reason_text((enum evchat_reason)LEN(reasons)),
	    "unknown reason");
	ck_assert_str_eq(
	    evchat_reason_text((enum evchat_reason)99), "unknown reason");
}
END_TEST

START_TEST(a_refusal_is_null_and_an_errno)
{
	for (size_t i = 0; i < LEN(errors); i++) {
		errno = 0;
		ck_assert_ptr_null(evchat_refuse_(errors[i].error));
		ck_assert_int_eq(errno, errors[i].number);
	}
}
END_TEST

START_TEST(a_refusal_for_no_known_error_is_invalid)
{
	errno = 0;
	ck_assert_ptr_null(evchat_refuse_(-99));
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

START_TEST(the_version_is_the_headers_and_agrees_with_its_numbers)
{
	char version[64];

	snprintf(version, sizeof version, "%d.%d.%d", EVCHAT_VERSION_MAJOR,
	    EVCHAT_VERSION_MINOR, EVCHAT_VERSION_PATCH);
	ck_assert_str_eq(evchat_version(), EVCHAT_VERSION);
	ck_assert_str_eq(evchat_version(), version);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("error");
	TCase *tc = suite_group(s, "error");

	tcase_add_test(tc, these_are_all_there_are);
	tcase_add_test(tc, numbers_stay_what_they_are);
	tcase_add_test(tc, every_error_has_a_text_of_its_own);
	tcase_add_test(tc, a_number_that_is_no_error_has_a_text);
	tcase_add_test(tc, every_reason_has_a_text_of_its_own);
	tcase_add_test(tc, a_number_that_is_no_reason_has_a_text);
	tcase_add_test(tc, a_refusal_is_null_and_an_errno);
	tcase_add_test(tc, a_refusal_for_no_known_error_is_invalid);
	tcase_add_test(
	    tc, the_version_is_the_headers_and_agrees_with_its_numbers);
	return s;
}

int
main(void)
{
	return suite_run(suite());
}
