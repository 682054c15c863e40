/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/url.h"
#include "tests/support/support.h"

#include <stdlib.h>
#include <string.h>

START_TEST(an_authority_is_a_host_and_maybe_a_port)
{
    static const char *const good[] = {"localhost", "hub.azure-devices.net", "localhost:8443", "127.0.0.1:1",
                                       "[::1]",     "[::1]:65535",           "a_b-c.d"};
    static const char *const bad[] = {
        "",       ":1",      "host:",  "host:0",    "host:65536", "host:123456", "host:+1", "host:1x",
        "a b",    "-host",   "host/x", "user@host", "[::1",       "[]",          "[::1]x",  "::1",
        "host\n", "a%20b:1", "höst",   "host:1:2",  "https://h",  "host?x",      "host#x",  "ho\tst"};

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        ck_assert_msg(dps_url_is_authority(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!dps_url_is_authority(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(an_authority_has_a_maximal_length)
{
    char host[300];

    memset(host, 'a', sizeof host);
    host[255] = '\0';
    ck_assert(dps_url_is_authority(host));
    host[255] = 'a';
    host[256] = '\0';
    ck_assert(!dps_url_is_authority(host));
}
END_TEST

START_TEST(an_origin_is_read_with_and_without_scheme)
{
    static const struct {
        const char *text;
        const char *origin;
    } cases[] = {
        {"host", "https://host"},
        {"host:8443", "https://host:8443"},
        {"https://host:8443", "https://host:8443"},
        {"HTTPS://host/", "https://host"},
        {"host/", "https://host"},
        {"http://host", NULL},
        {"https://", NULL},
        {"https://host/path", NULL},
        {"https://host//", NULL},
        {"https://user:pw@host", NULL},
        {"ftp://host", NULL},
        {"", NULL},
        {"/", NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *origin;

        ck_assert_int_eq(dps_url_read_origin(cases[i].text, &origin), cases[i].origin != NULL);
        ck_assert_pstr_eq(origin, cases[i].origin);
        free(origin);
    }
}
END_TEST

START_TEST(a_segment_is_encoded_with_upper_case_digits)
{
    static const struct {
        const char *text;
        const char *segment;
    } cases[] = {
        {"device-1", "/device-1"}, {"a.b_c~d", "/a.b_c~d"},           {"a:b", "/a%3Ab"},
        {"a/../b", "/a%2F..%2Fb"}, {"a b?c#d%", "/a%20b%3Fc%23d%25"}, {"\xc3\xb6", "/%C3%B6"},
        {"\r\n", "/%0D%0A"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer url;

        buffer_init(&url, 100);
        ck_assert(dps_url_add_segment(&url, cases[i].text));
        ck_assert_str_eq(buffer_text(&url), cases[i].segment);
        buffer_free(&url);
    }
}
END_TEST

START_TEST(steps_and_nothing_are_no_segment)
{
    static const char *const bad[] = {"", ".", ".."};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct buffer url;

        buffer_init(&url, 100);
        ck_assert(!dps_url_add_segment(&url, bad[i]));
        buffer_free(&url);
    }
}
END_TEST

START_TEST(a_query_is_encoded_and_bounded)
{
    struct buffer url;

    buffer_init(&url, 12);
    ck_assert(dps_url_add_query(&url, "v", "a&b=1"));
    ck_assert_str_eq(buffer_text(&url), "?v=a%26b%3D1");
    ck_assert(!dps_url_add_query(&url, "v", "x"));
    buffer_free(&url);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("url");
    TCase *t = tcase_create("url");

    tcase_add_test(t, an_authority_is_a_host_and_maybe_a_port);
    tcase_add_test(t, an_authority_has_a_maximal_length);
    tcase_add_test(t, an_origin_is_read_with_and_without_scheme);
    tcase_add_test(t, a_segment_is_encoded_with_upper_case_digits);
    tcase_add_test(t, steps_and_nothing_are_no_segment);
    tcase_add_test(t, a_query_is_encoded_and_bounded);
    suite_add_tcase(s, t);
    return s;
}
