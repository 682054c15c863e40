/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/retry.h"
#include "tests/support/support.h"

START_TEST(retry_after_is_whole_seconds_within_bounds)
{
    static const struct {
        const char *value;
        int64_t milliseconds;
    } cases[] = {
        {NULL, 0},
        {"", 0},
        {"3", 3000},
        {"003", 3000},
        {"0", 1000},
        {"1", 1000},
        {"300", 300000},
        {"301", 300000},
        {"99999999999999999999999999", 300000},
        {"-1", 0},
        {"+1", 0},
        {"1.5", 0},
        {" 3", 0},
        {"3 ", 0},
        {"3s", 0},
        {"Wed, 21 Oct 2026 07:28:00 GMT", 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(dps_retry_after(cases[i].value) == cases[i].milliseconds, "case %zu", i);
}
END_TEST

START_TEST(only_passing_trouble_is_worth_a_retry)
{
    static const unsigned worthwhile[] = {429, 500, 503, 599};
    static const unsigned final[] = {0, 200, 202, 400, 401, 404, 409, 428, 430, 499, 600};

    for (size_t i = 0; i < sizeof worthwhile / sizeof worthwhile[0]; i++)
        ck_assert(dps_retry_is_worthwhile(worthwhile[i]));
    for (size_t i = 0; i < sizeof final / sizeof final[0]; i++)
        ck_assert(!dps_retry_is_worthwhile(final[i]));
}
END_TEST

START_TEST(backoff_doubles_up_to_its_cap)
{
    static const int64_t full[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000};

    for (unsigned attempt = 0; attempt < sizeof full / sizeof full[0]; attempt++) {
        ck_assert_int_eq(dps_retry_backoff(attempt, 0), full[attempt] / 2);
        ck_assert_int_eq(dps_retry_backoff(attempt, (uint32_t)(full[attempt] / 2)), full[attempt]);
    }
    ck_assert_int_eq(dps_retry_backoff(4000000000U, 0), 15000);
}
END_TEST

START_TEST(backoff_stays_in_its_half_whatever_the_random_number)
{
    for (uint32_t random = 0; random < 4000000000U; random += 12345677U) {
        ck_assert_int_ge(dps_retry_backoff(3, random), 4000);
        ck_assert_int_le(dps_retry_backoff(3, random), 8000);
    }
    ck_assert_int_ne(dps_retry_backoff(3, 1), dps_retry_backoff(3, 2));
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("retry");
    TCase *t = tcase_create("retry");

    tcase_add_test(t, retry_after_is_whole_seconds_within_bounds);
    tcase_add_test(t, only_passing_trouble_is_worth_a_retry);
    tcase_add_test(t, backoff_doubles_up_to_its_cap);
    tcase_add_test(t, backoff_stays_in_its_half_whatever_the_random_number);
    suite_add_tcase(s, t);
    return s;
}
