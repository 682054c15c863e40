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

Suite *suite(void)
{
    Suite *s = suite_create("sas");
    TCase *t = tcase_create("sas");

    tcase_add_test(t, a_token_is_signed_over_its_own_text);
    tcase_add_test(t, a_device_has_no_policy);
    suite_add_tcase(s, t);
    return s;
}
