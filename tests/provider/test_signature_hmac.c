/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/provider/orders.h"

#include <openssl/err.h>
#include <openssl/hmac.h>
#include <p11-kit/pkcs11.h>
#include <stdlib.h>
#include <string.h>

static const char mac_uri[] = "pkcs11:token=dev;object=mac;type=secret-key?pin-value=1234";
static const unsigned char secret[] = "0123456789abcdef0123456789abcdef";
static const unsigned char message[] = "hub.azure-devices.net%2fdevices%2fone\n1700000000";

static size_t sign(EVP_PKEY *key, const char *digest, unsigned char *out, size_t room)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    size_t size = room;

    ck_assert_int_eq(EVP_DigestSignInit_ex(md, NULL, digest, context, NULL, key, NULL), 1);
    ck_assert_int_eq(EVP_DigestSignUpdate(md, message, 7), 1);
    ck_assert_int_eq(EVP_MD_CTX_copy_ex(copy, md), 1);
    EVP_MD_CTX_free(md);
    ck_assert_int_eq(EVP_DigestSignUpdate(copy, message + 7, sizeof message - 7), 1);
    if (EVP_DigestSignFinal(copy, out, &size) != 1)
        size = 0;
    EVP_MD_CTX_free(copy);
    return size;
}

START_TEST(the_token_makes_the_mac)
{
    static const struct {
        const char *name;
        const EVP_MD *(*md)(void);
    } digests[] = {
        {"SHA1",   EVP_sha1  },
        {"SHA224", EVP_sha224},
        {"SHA256", EVP_sha256}, /* SoftHSM wants longer keys for more */
    };
    EVP_PKEY *key = test_load_key(context, mac_uri);

    ck_assert_ptr_nonnull(key);
    for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++) {
        unsigned char expected[EVP_MAX_MD_SIZE];
        unsigned char made[EVP_MAX_MD_SIZE];
        unsigned expected_size = 0;

        HMAC(digests[i].md(), secret, sizeof secret - 1, message, sizeof message, expected, &expected_size);
        test_spy_reset();
        ck_assert_uint_eq(sign(key, digests[i].name, NULL, 0), expected_size);
        ck_assert_uint_eq(test_spy()->total, 0); /* a size question is not the token's */
        ck_assert_uint_eq(sign(key, digests[i].name, made, sizeof made), expected_size);
        ck_assert_mem_eq(made, expected, expected_size);
        ck_assert_uint_eq(test_spy()->calls[SPY_SIGN_INIT], 1);
        ck_assert_uint_eq(test_spy()->calls[SPY_SIGN], 1);
        ck_assert_uint_eq(test_spy()->total, 2);
    }
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(the_secret_cannot_be_taken_out)
{
    EVP_PKEY *key = test_load_key(context, mac_uri);
    unsigned char raw[64];
    size_t size = sizeof raw;
    char uri[512] = "";

    ck_assert_int_ne(EVP_PKEY_get_raw_private_key(key, raw, &size), 1);
    ck_assert_int_eq(EVP_PKEY_get_utf8_string_param(key, "pkcs11-uri", uri, sizeof uri, NULL), 1);
    ck_assert_ptr_nonnull(strstr(uri, "object=mac;type=secret-key"));
    ck_assert_ptr_null(strstr(uri, "1234"));
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(it_is_found_only_when_the_uri_says_so)
{
    EVP_PKEY *key = test_load_key(context, "pkcs11:token=dev;object=mac?pin-value=1234");

    ck_assert_ptr_null(key);
    ERR_clear_error();
}
END_TEST

/* Whatever the URIs were; another secret is another key. */
START_TEST(it_is_equal_to_itself_alone)
{
    EVP_PKEY *key;
    EVP_PKEY *again;
    EVP_PKEY *other;
    EVP_PKEY *bytes = EVP_PKEY_new_raw_private_key_ex(context, "HMAC", NULL, secret, sizeof secret - 1);

    test_softhsm_add_secrets("other", 1);
    key = test_load_key(context, mac_uri);
    again = test_load_key(context, "pkcs11:id=%0b;object=mac;type=secret-key?pin-value=1234");
    other = test_load_key(context, "pkcs11:object=other;type=secret-key?pin-value=1234");
    ck_assert_msg(key != NULL && again != NULL && other != NULL && bytes != NULL, "%s", test_errors());
    ck_assert_int_eq(EVP_PKEY_eq(key, again), 1);
    ck_assert_int_ne(EVP_PKEY_eq(key, other), 1);
    ck_assert_int_ne(EVP_PKEY_eq(key, bytes), 1);
    EVP_PKEY_free(bytes);
    EVP_PKEY_free(other);
    EVP_PKEY_free(again);
    EVP_PKEY_free(key);
    ERR_clear_error();
}
END_TEST

START_TEST(what_the_token_lacks_is_one_clear_error)
{
    EVP_PKEY *key = test_load_key(context, mac_uri);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    unsigned char made[EVP_MAX_MD_SIZE];
    char *errors;

    test_spy()->inject_mechanism = CKM_SHA256_HMAC;
    ck_assert_uint_eq(sign(key, "SHA256", made, sizeof made), 0);
    errors = test_errors();
    ck_assert_msg(strstr(errors, "its token has no HMAC with this digest") != NULL, "%s", errors);
    free(errors);
    ck_assert_int_ne(EVP_DigestSignInit_ex(md, NULL, "SHA3-256", context, NULL, key, NULL), 1);
    errors = test_errors();
    ck_assert_msg(strstr(errors, "no HMAC with this digest") != NULL, "%s", errors);
    free(errors);
    ck_assert_uint_eq(sign(key, "SHA384", made, 47), 0);
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(keys_of_bytes_work_as_ever)
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(context, "HMAC", NULL, secret, sizeof secret - 1);
    unsigned char expected[EVP_MAX_MD_SIZE];
    unsigned char made[EVP_MAX_MD_SIZE];
    unsigned expected_size = 0;

    HMAC(EVP_sha256(), secret, sizeof secret - 1, message, sizeof message, expected, &expected_size);
    ck_assert_ptr_nonnull(key);
    ck_assert_uint_eq(sign(key, "SHA256", made, sizeof made), expected_size);
    ck_assert_mem_eq(made, expected, expected_size);
    ck_assert_uint_eq(test_spy()->total, 0);
    EVP_PKEY_free(key);
}
END_TEST

/* Every test runs in each order of the providers. */
static void add_tests(TCase *t)
{
    tcase_add_test(t, the_token_makes_the_mac);
    tcase_add_test(t, the_secret_cannot_be_taken_out);
    tcase_add_test(t, it_is_found_only_when_the_uri_says_so);
    tcase_add_test(t, it_is_equal_to_itself_alone);
    tcase_add_test(t, what_the_token_lacks_is_one_clear_error);
    tcase_add_test(t, keys_of_bytes_work_as_ever);
}

Suite *suite(void)
{
    return suite_of_orders("signature_hmac", add_tests);
}
