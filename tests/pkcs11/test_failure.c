/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rvname.h"
#include "common/log.h"
#include "tests/support/module.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(answers_the_code_it_is_given)
{
    ck_assert_uint_eq(p11_fail(CKR_PIN_LOCKED, "why"), CKR_PIN_LOCKED);
}
END_TEST

START_TEST(the_first_sentence_stays_until_it_is_cleared)
{
    p11_failure_clear();
    ck_assert_str_eq(p11_failure_text(), "");
    p11_fail(CKR_DEVICE_ERROR, "deep %d", 1);
    p11_fail(CKR_GENERAL_ERROR, "shallow");
    ck_assert_str_eq(p11_failure_text(), "deep 1");
    p11_failure_clear();
    p11_fail(CKR_GENERAL_ERROR, "next");
    ck_assert_str_eq(p11_failure_text(), "next");
}
END_TEST

START_TEST(a_long_sentence_is_cut)
{
    p11_failure_clear();
    p11_fail(CKR_GENERAL_ERROR, "%0700d", 1);
    ck_assert_uint_eq(strlen(p11_failure_text()), 511);
}
END_TEST

START_TEST(a_sentence_has_no_newline_or_control_character)
{
    p11_failure_clear();
    p11_fail(CKR_GENERAL_ERROR, "file %s is bad", "a\nb\033[2J\x7f\xc3\xa4");
    ck_assert_str_eq(p11_failure_text(), "file a?b?[2J?\xc3\xa4 is bad");
}
END_TEST

static void *fail_in_thread(void *data)
{
    (void)data;
    p11_fail(CKR_GENERAL_ERROR, "of another thread");
    return NULL;
}

START_TEST(each_thread_has_its_own_sentence)
{
    pthread_t thread;

    p11_failure_clear();
    ck_assert_int_eq(pthread_create(&thread, NULL, fail_in_thread, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_str_eq(p11_failure_text(), "");
}
END_TEST

static void keep_line(void *data, enum log_level level, const char *function, const char *line)
{
    (void)level;
    (void)function;
    snprintf(data, 128, "%s", line);
}

START_TEST(every_failure_is_a_line_in_the_log)
{
    char line[128] = "";

    log_set_sink(keep_line, line, LOG_ERROR);
    p11_fail(CKR_DEVICE_ERROR, "first");
    p11_fail(CKR_PIN_INCORRECT, "second");
    log_set_sink(NULL, NULL, LOG_NONE);
    ck_assert_str_eq(line, "second (CKR_PIN_INCORRECT)");
}
END_TEST

START_TEST(codes_have_their_names)
{
    static const struct {
        CK_RV rv;
        const char *name;
    } rows[] = {
        {CKR_OK,                         "CKR_OK"                        },
        {CKR_ACTION_PROHIBITED,          "CKR_ACTION_PROHIBITED"         },
        {CKR_CURVE_NOT_SUPPORTED,        "CKR_CURVE_NOT_SUPPORTED"       },
        {CKR_CRYPTOKI_NOT_INITIALIZED,   "CKR_CRYPTOKI_NOT_INITIALIZED"  },
        {CKR_KEY_FUNCTION_NOT_PERMITTED, "CKR_KEY_FUNCTION_NOT_PERMITTED"},
        {0x7654321,                      "CKR_0x07654321"                },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_str_eq(rv_name(rows[i].rv), rows[i].name);
}
END_TEST

/* Every code that the module's source mentions. */
START_TEST(every_code_that_is_used_has_a_name)
{
    char *missing;

    ck_assert_int_eq(
        support_shell(
            &missing,
            "cd %s && for name in $(cat pkcs11/*.c pkcs11/soft/*.c pkcs11/tpm/*.c dps/*.c cli/*.c | grep -oE "
            "'CKR_[A-Z_]+[A-Z]' | sort -u); do grep -q \"NAME($name)\" common/rvname.c || echo $name; done",
            support_source_path(".")),
        0);
    ck_assert_str_eq(missing, "");
    free(missing);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("failure");
    TCase *t = tcase_create("failure");

    tcase_add_test(t, answers_the_code_it_is_given);
    tcase_add_test(t, the_first_sentence_stays_until_it_is_cleared);
    tcase_add_test(t, a_long_sentence_is_cut);
    tcase_add_test(t, a_sentence_has_no_newline_or_control_character);
    tcase_add_test(t, each_thread_has_its_own_sentence);
    tcase_add_test(t, every_failure_is_a_line_in_the_log);
    tcase_add_test(t, codes_have_their_names);
    tcase_add_test(t, every_code_that_is_used_has_a_name);
    suite_add_tcase(s, t);
    return s;
}
