/* SPDX-License-Identifier: Apache-2.0 */
#include "common/bytes.h"
#include "tests/support/support.h"

#include <string.h>

START_TEST(equal_compares_size_and_content)
{
    ck_assert(bytes_equal("abc", 3, "abc", 3));
    ck_assert(!bytes_equal("abc", 3, "abd", 3));
    ck_assert(!bytes_equal("abc", 3, "abc", 2));
    ck_assert(bytes_equal(NULL, 0, NULL, 0));
}
END_TEST

START_TEST(move_frees_the_old_and_empties_the_source)
{
    struct bytes a;
    struct bytes b;

    ck_assert(bytes_copy(&a, "old", 3));
    ck_assert(bytes_copy(&b, "newer", 5));
    bytes_move(&a, &b);
    ck_assert_mem_eq(a.data, "newer", 5);
    ck_assert_ptr_null(b.data);
    bytes_free(&a);
    ck_assert_uint_eq(a.size, 0);
}
END_TEST

START_TEST(hex_goes_both_ways)
{
    struct bytes bytes;
    char text[9];

    ck_assert(bytes_from_hex("00fFa1", 6, &bytes));
    ck_assert_uint_eq(bytes.size, 3);
    bytes_to_hex(bytes.data, bytes.size, text);
    ck_assert_str_eq(text, "00ffa1");
    bytes_free(&bytes);
}
END_TEST

START_TEST(hex_refuses_odd_and_foreign_text)
{
    struct bytes bytes;

    ck_assert(!bytes_from_hex("abc", 3, &bytes));
    ck_assert(!bytes_from_hex("0g", 2, &bytes));
    ck_assert_ptr_null(bytes.data);
}
END_TEST

START_TEST(reader_reads_big_endian)
{
    struct reader reader;

    reader_init(&reader, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
    ck_assert_uint_eq(reader_u8(&reader), 1);
    ck_assert_uint_eq(reader_u16(&reader), 0x0203);
    ck_assert_uint_eq(reader_u32(&reader), 0x04050607);
    ck_assert(!reader_done(&reader));
    ck_assert_int_eq(*reader_take(&reader, 1), 8);
    ck_assert(reader_done(&reader));
}
END_TEST

START_TEST(reader_fails_for_good_at_the_end)
{
    struct reader reader;

    reader_init(&reader, "\x01\x02\x03", 3);
    ck_assert_uint_eq(reader_u32(&reader), 0);
    ck_assert(reader.failed);
    ck_assert_uint_eq(reader_u8(&reader), 0);
    ck_assert_ptr_null(reader_take(&reader, 0));
    ck_assert(!reader_done(&reader));
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("bytes");
    TCase *t = tcase_create("bytes");

    tcase_add_test(t, equal_compares_size_and_content);
    tcase_add_test(t, move_frees_the_old_and_empties_the_source);
    tcase_add_test(t, hex_goes_both_ways);
    tcase_add_test(t, hex_refuses_odd_and_foreign_text);
    tcase_add_test(t, reader_reads_big_endian);
    tcase_add_test(t, reader_fails_for_good_at_the_end);
    suite_add_tcase(s, t);
    return s;
}
