/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sas.h"
#include "tests/support/support.h"

#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

START_TEST(a_token_is_signed_over_its_own_text)
{
    struct bytes key;
    char resource[100];
    char signature[100];
    char text[200];
    unsigned char mac[32];
    char wanted[80];
    long long expiry;
    char *token;

    ck_assert(bytes_copy(&key, "0123456789abcdef", 16));
    ck_assert_int_eq(cli_sas_make(&key, "my hub/devices/d", "owner", 60, &token), CLI_OK);
    ck_assert_int_eq(sscanf(token, "SharedAccessSignature sr=%99[^&]&sig=%99[^&]&se=%lld&skn=owner", resource,
                            signature, &expiry),
                     3);
    ck_assert_str_eq(resource, "my%20hub%2Fdevices%2Fd");
    ck_assert_int_ge(expiry, time(NULL) + 50);
    ck_assert_int_le(expiry, time(NULL) + 70);
    snprintf(text, sizeof text, "%s\n%lld", resource, expiry);
    HMAC(EVP_sha256(), key.data, (int)key.size, (unsigned char *)text, strlen(text), mac, NULL);
    EVP_EncodeBlock((unsigned char *)wanted, mac, sizeof mac);
    for (char *at = wanted, *in = signature; *at != '\0'; at++) { /* compare, undoing the percent signs */
        int c = *in++;

        if (c == '%') {
            ck_assert_int_eq(sscanf(in, "%2X", (unsigned *)&c), 1);
            in += 2;
        }
        ck_assert_int_eq(c, *at);
    }
    bytes_free(&key);
    free(token);
}
END_TEST

START_TEST(a_device_has_no_policy)
{
    struct bytes key;
    char *token;

    ck_assert(bytes_copy(&key, "0123456789abcdef", 16));
    ck_assert_int_eq(cli_sas_make(&key, "hub/devices/d", NULL, 60, &token), CLI_OK);
    ck_assert_ptr_null(strstr(token, "skn"));
    bytes_free(&key);
    free(token);
}
END_TEST

START_TEST(a_token_tells_whose_it_is)
{
    struct bytes key;
    struct bytes other;
    struct bytes derived;
    char *token;

    ck_assert(cli_sas_key("QUJDREVGR0hJSktMTU5PUA==", &key));
    ck_assert(cli_sas_key("QUJDREVGR0hJSktMTU5PUQ==", &other));
    ck_assert_int_eq(cli_sas_make(&key, "hub/devices/a b", NULL, 60, &token), CLI_OK);
    ck_assert(cli_sas_is_by(token, &key));
    ck_assert(!cli_sas_is_by(token, &other));
    strstr(token, "&se=")[4]++; /* another expiry */
    ck_assert(!cli_sas_is_by(token, &key));
    ck_assert(!cli_sas_is_by("SharedAccessSignature sr=a&sig=", &key));
    ck_assert(!cli_sas_is_by("", &key));
    free(token);
    /* HMAC-SHA256("ABCDEFGHIJKLMNOP", "sn-007") by openssl */
    ck_assert(cli_sas_derive(&key, "sn-007", &derived));
    ck_assert_uint_eq(derived.size, 32);
    ck_assert_mem_eq(derived.data,
                     "\xdc\x93\x05\x3e\x50\x6f\x00\x99\xde\x4e\x45\x90\x0f\xef\x3f\x73\xb7\xb3\x76\xa3\x85"
                     "\x58\x9c\x40\xc2\x2e\x33\xca\x46\x21\x0b\x29",
                     32);
    bytes_free(&key);
    bytes_free(&other);
    bytes_free(&derived);
}
END_TEST

START_TEST(keys_are_standard_base64)
{
    static const char *const bad[] = {
        "", "A", "AAA", "AA=A", "AAAA=", "=AAA", "AA A", "AA-_", "AAAA\n", "===="};
    struct bytes key;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(!cli_sas_key(bad[i], &key), "%s", bad[i]);
        ck_assert_ptr_null(key.data);
    }
    ck_assert(cli_sas_key("AAEC", &key));
    ck_assert_mem_eq(key.data, "\x00\x01\x02", 3);
    bytes_free(&key);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("sas");
    TCase *t = tcase_create("sas");

    tcase_add_test(t, a_token_is_signed_over_its_own_text);
    tcase_add_test(t, a_device_has_no_policy);
    tcase_add_test(t, a_token_tells_whose_it_is);
    tcase_add_test(t, keys_are_standard_base64);
    suite_add_tcase(s, t);
    return s;
}
