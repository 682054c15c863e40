/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/certificate.h"
#include "tests/support/support.h"

#include <stdlib.h>
#include <string.h>

/* A DER sequence of two bytes, 30 02 05 00. */
#define DER "\x30\x02\x05\x00"
#define BASE64 "MAIFAA=="

START_TEST(a_request_is_read_as_pem_or_der)
{
    static const struct {
        const char *data;
        size_t size;
    } cases[] = {
        {DER, 4},
        {"-----BEGIN CERTIFICATE REQUEST-----\nMAIF\r\nAA==\n-----END CERTIFICATE REQUEST-----\n", 78},
        {"text before\n-----BEGIN NEW CERTIFICATE REQUEST-----\nMAIFAA==\n-----END", 70},
    };
    char *text;

    ck_assert_msg(dps_certificate_read_request(cases[_i].data, cases[_i].size, &text), "case %d", _i);
    ck_assert_str_eq(text, BASE64);
    free(text);
}
END_TEST

START_TEST(other_things_are_no_request)
{
    static const struct {
        const char *data;
        size_t size;
    } cases[] = {
        {"", 0},
        {DER "x", 5},
        {DER, 3},
        {"\x31\x02\x05\x00", 4},
        {"\x30\x80\x00\x00", 4},
        {"\x30\x83\x00\x00", 4},
        {"\x30\x00", 2},
        {"-----BEGIN CERTIFICATE-----\nMAIFAA==\n-----END CERTIFICATE-----\n", 64},
        {"-----BEGIN CERTIFICATE REQUEST-----\nMAIFAA\n-----END", 51},
        {"-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST--", 65},
    };
    char *text;

    ck_assert(!dps_certificate_read_request(cases[_i].data, cases[_i].size, &text));
    ck_assert_ptr_null(text);
}
END_TEST

START_TEST(a_certificate_becomes_pem)
{
    struct buffer pem;

    buffer_init(&pem, 4096);
    ck_assert(dps_certificate_add_pem(&pem, BASE64));
    ck_assert_str_eq(buffer_text(&pem),
                     "-----BEGIN CERTIFICATE-----\n" BASE64 "\n-----END CERTIFICATE-----\n");
    ck_assert(!dps_certificate_add_pem(&pem, "MAIFAA"));
    ck_assert(!dps_certificate_add_pem(&pem, "Zm9v"));
    ck_assert(!dps_certificate_add_pem(&pem, ""));
    buffer_free(&pem);
}
END_TEST

START_TEST(lines_have_64_characters)
{
    char text[] =
        "MEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==";
    struct buffer pem;

    /* 30 40, and 64 bytes */
    text[88] = '\0';
    buffer_init(&pem, 4096);
    ck_assert_msg(dps_certificate_add_pem(&pem, text), "%zu", strlen(text));
    ck_assert_uint_eq(strcspn(buffer_text(&pem) + strlen("-----BEGIN CERTIFICATE-----\n"), "\n"), 64);
    buffer_free(&pem);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("certificate");
    TCase *t = tcase_create("certificate");

    tcase_add_loop_test(t, a_request_is_read_as_pem_or_der, 0, 3);
    tcase_add_loop_test(t, other_things_are_no_request, 0, 10);
    tcase_add_test(t, a_certificate_becomes_pem);
    tcase_add_test(t, lines_have_64_characters);
    suite_add_tcase(s, t);
    return s;
}
