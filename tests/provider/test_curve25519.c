/* SPDX-License-Identifier: Apache-2.0 */
/* Ed25519 and X25519 keys of a token of files, in each order of the providers. */
#include "tests/support/filetoken.h"
#include "tests/support/softhsm.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

static OSSL_LIB_CTX *context;

static void make(void)
{
    static const char *const kinds[] = {"ED25519", "X25519"};
    CK_OBJECT_HANDLE public, private;
    CK_SESSION_HANDLE session;

    filetoken_up();
    session = filetoken_session("disk");
    for (size_t i = 0; i < 2; i++)
        filetoken_assert_rv(filetoken_generate(session, kinds[i], true, NULL, 0, &public, &private), CKR_OK);
    filetoken_down();
    test_spy_start(support_build_path("pkcs11/.libs/devid-pkcs11.so"));
}

static EVP_PKEY *open_key(int order, const char *label)
{
    char uri[128];
    EVP_PKEY *key;

    test_spy_reset();
    context = test_context((enum test_order)order);
    snprintf(uri, sizeof uri, "pkcs11:token=disk;object=%s;type=private", label);
    key = test_load_key(context, uri);
    ck_assert_msg(key != NULL, "%s", test_errors());
    return key;
}

static bool verifies(EVP_PKEY *key, const unsigned char *signature, size_t size)
{
    EVP_PKEY *public = test_public_half(key);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool ok = EVP_DigestVerifyInit_ex(md, NULL, NULL, NULL, NULL, public, NULL) == 1 &&
              EVP_DigestVerify(md, signature, size, (const unsigned char *)"data", 4) == 1;

    EVP_MD_CTX_free(md);
    EVP_PKEY_free(public);
    return ok;
}

START_TEST(the_token_signs_a_message)
{
    EVP_PKEY *key = open_key(_i, "ED25519");
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    unsigned char signature[64];
    size_t size = 0;

    ck_assert_int_eq(EVP_DigestSignInit_ex(md, NULL, NULL, context, NULL, key, NULL), 1);
    ck_assert_int_eq(EVP_MD_CTX_copy_ex(copy, md), 1);
    EVP_MD_CTX_free(md);
    test_spy_reset();
    ck_assert_int_eq(EVP_DigestSign(copy, NULL, &size, (const unsigned char *)"data", 4), 1);
    ck_assert_uint_eq(size, sizeof signature);
    ck_assert_uint_eq(test_spy()->total, 0);
    ck_assert_int_eq(EVP_DigestSign(copy, signature, &size, (const unsigned char *)"data", 4), 1);
    ck_assert_uint_eq(test_spy()->total, 2);
    ck_assert(verifies(key, signature, size));
    signature[3] ^= 1;
    ck_assert(!verifies(key, signature, size));
    EVP_MD_CTX_free(copy);
    EVP_PKEY_free(key);
    test_context_free(context);
}
END_TEST

/* The names are OpenSSL 3.2's. */
START_TEST(a_variant_of_ed25519_is_refused)
{
    static const struct {
        const char *instance;
        const char *context;
        bool plain;
    } rows[] = {
        {"Ed25519",    "",  true },
        {"Ed25519ph",  "",  false},
        {"Ed25519ctx", "c", false},
        {"Ed25519",    "c", false},
    };
    EVP_PKEY *key = open_key(_i, "ED25519");

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const OSSL_PARAM params[] = {
            OSSL_PARAM_construct_utf8_string("instance", (char *)(uintptr_t)rows[i].instance, 0),
            OSSL_PARAM_construct_octet_string("context-string", (void *)(uintptr_t)rows[i].context,
                                              strlen(rows[i].context)),
            OSSL_PARAM_construct_end(),
        };
        EVP_MD_CTX *md = EVP_MD_CTX_new();
        bool ok = EVP_DigestSignInit_ex(md, NULL, NULL, context, NULL, key, params) == 1;

        ck_assert_msg(ok == rows[i].plain, "%zu", i);
        ERR_clear_error();
        EVP_MD_CTX_free(md);
    }
    EVP_PKEY_free(key);
    test_context_free(context);
}
END_TEST

static size_t derive(EVP_PKEY *key, EVP_PKEY *peer, unsigned char *secret)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(context, key, NULL);
    size_t size = 32;

    if (EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer(ctx, peer) != 1 ||
        EVP_PKEY_derive(ctx, secret, &size) != 1)
        size = 0;
    EVP_PKEY_CTX_free(ctx);
    return size;
}

START_TEST(both_sides_get_the_same)
{
    EVP_PKEY *key = open_key(_i, "X25519");
    EVP_PKEY *other = EVP_PKEY_Q_keygen(context, "provider=default", "X25519");
    EVP_PKEY *public = test_public_half(key);
    unsigned char ours[32];
    unsigned char theirs[32];

    ck_assert_uint_eq(derive(key, other, ours), 32);
    ck_assert_uint_eq(derive(other, public, theirs), 32);
    ck_assert_mem_eq(ours, theirs, 32);
    EVP_PKEY_free(public);
    EVP_PKEY_free(other);
    EVP_PKEY_free(key);
    test_context_free(context);
}
END_TEST

/* RFC 7748, 6.1: of a public key of small order comes nothing but zeros, whatever the private one is. */
START_TEST(a_public_key_of_small_order_is_refused)
{
    static const unsigned char one[32] = {1};
    EVP_PKEY *key = open_key(_i, "X25519");
    EVP_PKEY *small = EVP_PKEY_new_raw_public_key_ex(context, "X25519", NULL, one, sizeof one);
    EVP_PKEY *other = EVP_PKEY_Q_keygen(context, "provider=default", "X25519");
    unsigned char secret[32];
    char *errors;

    ck_assert_uint_eq(derive(key, small, secret), 0); /* DevID's module refuses it by itself */
    ERR_clear_error();
    test_spy()->zero_values = 1;
    ck_assert_uint_eq(derive(key, other, secret), 0);
    errors = test_errors();
    ck_assert_msg(strstr(errors, "small order") != NULL, "%s", errors);
    free(errors);
    EVP_PKEY_free(other);
    EVP_PKEY_free(small);
    EVP_PKEY_free(key);
    test_context_free(context);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("curve25519");
    TCase *t = tcase_create("curve25519");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, make, NULL);
    tcase_add_loop_test(t, the_token_signs_a_message, 0, TEST_ORDERS);
    tcase_add_loop_test(t, a_variant_of_ed25519_is_refused, 0, TEST_ORDERS);
    tcase_add_loop_test(t, both_sides_get_the_same, 0, TEST_ORDERS);
    tcase_add_loop_test(t, a_public_key_of_small_order_is_refused, 0, TEST_ORDERS);
    suite_add_tcase(s, t);
    return s;
}
