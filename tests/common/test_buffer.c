/* SPDX-License-Identifier: Apache-2.0 */
#include "common/buffer.h"
#include "tests/support/support.h"

#include <stdlib.h>
#include <string.h>

START_TEST(adds_up_to_the_maximum_and_no_further)
{
    struct buffer buffer;

    buffer_init(&buffer, 4);
    ck_assert(buffer_add_text(&buffer, "abcd"));
    ck_assert_str_eq(buffer_text(&buffer), "abcd");
    ck_assert(!buffer_add(&buffer, "e", 1));
    ck_assert(buffer.failed);
    ck_assert_uint_eq(buffer.size, 4);
    buffer_free(&buffer);
}
END_TEST

START_TEST(stays_failed_until_freed)
{
    struct bytes taken;
    struct buffer buffer;

    buffer_init(&buffer, 2);
    ck_assert(!buffer_addf(&buffer, "%d", 12345));
    ck_assert(!buffer_add(&buffer, "a", 1));
    ck_assert(!buffer_take(&buffer, &taken));
    buffer_free(&buffer);
    ck_assert(buffer_add(&buffer, "a", 1));
    buffer_free(&buffer);
}
END_TEST

START_TEST(grows_over_many_small_additions)
{
    struct buffer buffer;
    char *text;

    buffer_init(&buffer, 100000);
    for (int i = 0; i < 5000; i++)
        buffer_addf(&buffer, "%d,", i % 10);
    ck_assert_uint_eq(buffer.size, 10000);
    text = buffer_take_text(&buffer);
    ck_assert_uint_eq(strlen(text), 10000);
    ck_assert_ptr_null(buffer.data);
    free(text);
}
END_TEST

START_TEST(numbers_are_big_endian)
{
    struct buffer buffer;

    buffer_init(&buffer, 16);
    buffer_add_u8(&buffer, 1);
    buffer_add_u16(&buffer, 0x0203);
    buffer_add_u32(&buffer, 0x04050607);
    ck_assert_mem_eq(buffer.data, "\1\2\3\4\5\6\7", 7);
    buffer_free(&buffer);
}
END_TEST

START_TEST(taking_nothing_gives_an_empty_text)
{
    struct buffer buffer;
    char *text;

    buffer_init(&buffer, 16);
    text = buffer_take_text(&buffer);
    ck_assert_str_eq(text, "");
    free(text);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("buffer");
    TCase *t = tcase_create("buffer");

    tcase_add_test(t, adds_up_to_the_maximum_and_no_further);
    tcase_add_test(t, stays_failed_until_freed);
    tcase_add_test(t, grows_over_many_small_additions);
    tcase_add_test(t, numbers_are_big_endian);
    tcase_add_test(t, taking_nothing_gives_an_empty_text);
    suite_add_tcase(s, t);
    return s;
}
