/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/provider/orders.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <p11-kit/pkcs11.h>
#include <stdlib.h>
#include <string.h>

static const unsigned char message[] = "sixteen or so bytes";

/* The ciphertext is made by the default provider, where ours is not. */
static size_t encrypt(EVP_PKEY *key, int padding, const unsigned char *data, size_t size, unsigned char *out)
{
    EVP_PKEY *public = test_public_half(key);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, public, NULL);
    size_t out_size = 512;

    ck_assert_int_eq(EVP_PKEY_encrypt_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(ctx, padding), 1);
    ck_assert_int_eq(EVP_PKEY_encrypt(ctx, out, &out_size, data, size), 1);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(public);
    return out_size;
}

static EVP_PKEY_CTX *decryption(EVP_PKEY *key, int padding)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(context, key, NULL);

    ck_assert_int_eq(EVP_PKEY_decrypt_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(ctx, padding), 1);
    return ctx;
}

START_TEST(the_token_decrypts)
{
    static const int paddings[] = {RSA_PKCS1_PADDING, RSA_PKCS1_OAEP_PADDING};
    EVP_PKEY *key = test_load_key(context, test_uri("rsa"));

    for (size_t i = 0; i < 2; i++) {
        EVP_PKEY_CTX *ctx = decryption(key, paddings[i]);
        unsigned char sealed[512];
        unsigned char opened[512];
        size_t size = encrypt(key, paddings[i], message, sizeof message, sealed);
        size_t opened_size = 0;

        test_spy_reset();
        ck_assert_int_eq(EVP_PKEY_decrypt(ctx, NULL, &opened_size, sealed, size), 1);
        ck_assert_uint_eq(opened_size, 256);
        ck_assert_uint_eq(test_spy()->total, 0); /* a size question is not the token's */
        ck_assert_int_eq(EVP_PKEY_decrypt(ctx, opened, &opened_size, sealed, size), 1);
        ck_assert_mem_eq(opened, message, sizeof message);
        ck_assert_uint_eq(opened_size, sizeof message);
        ck_assert_uint_eq(test_spy()->calls[SPY_DECRYPT_INIT], 1);
        ck_assert_uint_eq(test_spy()->calls[SPY_DECRYPT], 1);
        ck_assert_uint_eq(test_spy()->total, 2);
        EVP_PKEY_CTX_free(ctx);
    }
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(the_bare_operation_undoes_the_public_one)
{
    EVP_PKEY *key = test_load_key(context, test_uri("rsa"));
    EVP_PKEY_CTX *ctx = decryption(key, RSA_NO_PADDING);
    unsigned char block[256] = {0, 1, 2, 3};
    unsigned char sealed[512];
    unsigned char opened[512];
    size_t size = encrypt(key, RSA_NO_PADDING, block, sizeof block, sealed);
    size_t opened_size = sizeof opened;

    ck_assert_int_eq(EVP_PKEY_decrypt(ctx, opened, &opened_size, sealed, size), 1);
    ck_assert_uint_eq(opened_size, sizeof block);
    ck_assert_mem_eq(opened, block, sizeof block);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
}
END_TEST

/* A broken padding: the same bytes for the same ciphertext, and no error. */
START_TEST(a_broken_pkcs1_padding_is_not_told)
{
    EVP_PKEY *key = test_load_key(context, test_uri("rsa"));
    EVP_PKEY_CTX *ctx = decryption(key, RSA_PKCS1_PADDING);
    unsigned char block[256] = {0, 2, 0};
    unsigned char sealed[512];
    unsigned char opened[2][512];
    size_t size = encrypt(key, RSA_NO_PADDING, block, sizeof block, sealed);
    size_t opened_size[3] = {sizeof opened[0], sizeof opened[1], 0};
    size_t lengths = 0;

    for (size_t i = 0; i < 2; i++)
        ck_assert_int_eq(EVP_PKEY_decrypt(ctx, opened[i], &opened_size[i], sealed, size), 1);
    ck_assert_uint_eq(opened_size[0], opened_size[1]);
    ck_assert_uint_le(opened_size[0], 256 - 11);
    ck_assert_mem_eq(opened[0], opened[1], opened_size[0]);
    for (unsigned char i = 1; i < 6; i++) {
        block[3] = i;
        size = encrypt(key, RSA_NO_PADDING, block, sizeof block, sealed);
        opened_size[2] = sizeof opened[1];
        ck_assert_int_eq(EVP_PKEY_decrypt(ctx, opened[1], &opened_size[2], sealed, size), 1);
        lengths += opened_size[2] != opened_size[0];
    }
    ck_assert_uint_gt(lengths, 0); /* it depends on the ciphertext */
    ck_assert_uint_eq(ERR_peek_error(), 0);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(a_broken_oaep_is_one_clear_error)
{
    EVP_PKEY *key = test_load_key(context, test_uri("rsa"));
    EVP_PKEY_CTX *ctx = decryption(key, RSA_PKCS1_OAEP_PADDING);
    unsigned char sealed[512];
    unsigned char opened[512];
    size_t size = encrypt(key, RSA_PKCS1_PADDING, message, sizeof message, sealed);
    size_t opened_size = sizeof opened;
    char *errors;

    ck_assert_int_ne(EVP_PKEY_decrypt(ctx, opened, &opened_size, sealed, size), 1);
    errors = test_errors();
    ck_assert_msg(strstr(errors, "object=rsa") != NULL && strstr(errors, "1234") == NULL, "%s", errors);
    free(errors);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
}
END_TEST

static void set_version(EVP_PKEY_CTX *ctx, unsigned version)
{
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, &version),
        OSSL_PARAM_construct_end(),
    };

    ck_assert_int_eq(EVP_PKEY_CTX_set_params(ctx, params), 1);
}

/* Whatever is wrong with a premaster secret, it is 48 bytes and another one each time. */
START_TEST(a_premaster_secret_is_never_refused)
{
    static const struct {
        unsigned version;
        size_t size;
        bool good;
    } rows[] = {
        {0x0303, 48, true },
        {0x0302, 48, false},
        {0x0303, 47, false},
        {0x0303, 49, false},
    };
    EVP_PKEY *key = test_load_key(context, test_uri("rsa"));

    for (size_t i = 0; i < 4; i++) {
        EVP_PKEY_CTX *ctx = decryption(key, RSA_PKCS1_WITH_TLS_PADDING);
        unsigned char secret[49] = {3, 3, 9, 9, 9};
        unsigned char sealed[512];
        unsigned char opened[512];
        size_t size = encrypt(key, RSA_PKCS1_PADDING, secret, rows[i].size, sealed);
        size_t opened_size = sizeof opened;

        set_version(ctx, rows[i].version);
        ck_assert_int_eq(EVP_PKEY_decrypt(ctx, opened, &opened_size, sealed, size), 1);
        ck_assert_uint_eq(opened_size, 48);
        ck_assert_msg((memcmp(opened, secret, 48) == 0) == rows[i].good, "%zu", i);
        sealed[255] ^= 1; /* no padding at all, but for a chance of one in many thousands */
        ck_assert_int_eq(EVP_PKEY_decrypt(ctx, opened, &opened_size, sealed, size), 1);
        ck_assert_uint_eq(opened_size, 48);
        ck_assert_mem_ne(opened, secret, 48);
        EVP_PKEY_CTX_free(ctx);
    }
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(a_premaster_secret_needs_the_version)
{
    EVP_PKEY *key = test_load_key(context, test_uri("rsa"));
    EVP_PKEY_CTX *ctx = decryption(key, RSA_PKCS1_WITH_TLS_PADDING);
    unsigned char sealed[512];
    unsigned char opened[512];
    size_t size = encrypt(key, RSA_PKCS1_PADDING, message, 16, sealed);
    size_t opened_size = sizeof opened;

    ck_assert_int_ne(EVP_PKEY_decrypt(ctx, opened, &opened_size, sealed, size), 1);
    ck_assert_uint_eq(test_spy()->calls[SPY_DECRYPT_INIT], 0);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(oaep_parameters_that_the_token_lacks_are_refused)
{
    EVP_PKEY *key = test_load_key(context, test_uri("rsa"));
    EVP_PKEY_CTX *ctx = decryption(key, RSA_PKCS1_OAEP_PADDING);
    unsigned char sealed[512];
    unsigned char opened[512];
    size_t size = encrypt(key, RSA_PKCS1_OAEP_PADDING, message, sizeof message, sealed);
    size_t opened_size = sizeof opened;
    char *errors;

    ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha3_256()), 1);
    ck_assert_int_ne(EVP_PKEY_decrypt(ctx, opened, &opened_size, sealed, size), 1);
    errors = test_errors();
    ck_assert_msg(strstr(errors, "PKCS#11 has no OAEP with this digest") != NULL, "%s", errors);
    free(errors);
    test_spy()->inject_mechanism = CKM_RSA_PKCS_OAEP;
    ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha1()), 1);
    ck_assert_int_ne(EVP_PKEY_decrypt(ctx, opened, &opened_size, sealed, size), 1);
    errors = test_errors();
    ck_assert_msg(strstr(errors, "CKM_RSA_PKCS_OAEP") != NULL, "%s", errors);
    free(errors);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(too_little_room_is_refused)
{
    EVP_PKEY *key = test_load_key(context, test_uri("rsa"));
    EVP_PKEY_CTX *ctx = decryption(key, RSA_PKCS1_PADDING);
    unsigned char sealed[512];
    unsigned char opened[512];
    size_t size = encrypt(key, RSA_PKCS1_PADDING, message, sizeof message, sealed);
    size_t opened_size = 255;

    /* More than the message, but an error that hangs on its length would tell of a broken padding. */
    test_spy_reset();
    ck_assert_int_ne(EVP_PKEY_decrypt(ctx, opened, &opened_size, sealed, size), 1);
    ck_assert_uint_eq(test_spy()->total, 0);
    EVP_PKEY_CTX_free(ctx);
    ctx = decryption(key, RSA_PKCS1_WITH_TLS_PADDING);
    ck_assert_int_eq(EVP_PKEY_decrypt(ctx, NULL, &opened_size, sealed, size), 1);
    ck_assert_uint_eq(opened_size, 48);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(a_lost_session_is_found_again)
{
    EVP_PKEY *key = test_load_key(context, test_uri("rsa"));
    EVP_PKEY_CTX *ctx = decryption(key, RSA_PKCS1_PADDING);
    unsigned char sealed[512];
    unsigned char opened[512];
    size_t size = encrypt(key, RSA_PKCS1_PADDING, message, sizeof message, sealed);
    size_t opened_size = sizeof opened;

    test_spy()->inject_call = SPY_DECRYPT_INIT;
    test_spy()->inject_rv = CKR_SESSION_HANDLE_INVALID;
    test_spy()->inject_times = 1;
    ck_assert_int_eq(EVP_PKEY_decrypt(ctx, opened, &opened_size, sealed, size), 1);
    ck_assert_mem_eq(opened, message, sizeof message);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(software_keys_and_public_halves_stay_away_from_the_token)
{
    EVP_PKEY *keys[] = {EVP_PKEY_Q_keygen(context, "provider=devid", "RSA", (size_t)2048),
                        test_load_key(context, test_uri("rsa"))};

    test_spy_reset();
    for (size_t i = 0; i < 2; i++) {
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(context, keys[i], "provider=devid");
        EVP_PKEY_CTX *copy;
        unsigned char sealed[512];
        unsigned char opened[512];
        size_t size = sizeof sealed;
        size_t opened_size = sizeof opened;

        ck_assert_int_eq(EVP_PKEY_encrypt_init(ctx), 1);
        ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
        copy = EVP_PKEY_CTX_dup(ctx);
        EVP_PKEY_CTX_free(ctx);
        ck_assert_int_eq(EVP_PKEY_encrypt(copy, sealed, &size, message, sizeof message), 1);
        ck_assert_uint_eq(test_spy()->total, 0);
        ck_assert_int_eq(EVP_PKEY_decrypt_init(copy), 1);
        ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(copy, RSA_PKCS1_OAEP_PADDING), 1);
        ck_assert_int_eq(EVP_PKEY_decrypt(copy, opened, &opened_size, sealed, size), 1);
        ck_assert_mem_eq(opened, message, sizeof message);
        EVP_PKEY_CTX_free(copy);
        EVP_PKEY_free(keys[i]);
    }
}
END_TEST

/* Every test runs in each order of the providers. */
static void add_tests(TCase *t)
{
    tcase_add_test(t, the_token_decrypts);
    tcase_add_test(t, the_bare_operation_undoes_the_public_one);
    tcase_add_test(t, a_broken_pkcs1_padding_is_not_told);
    tcase_add_test(t, a_broken_oaep_is_one_clear_error);
    tcase_add_test(t, a_premaster_secret_is_never_refused);
    tcase_add_test(t, a_premaster_secret_needs_the_version);
    tcase_add_test(t, oaep_parameters_that_the_token_lacks_are_refused);
    tcase_add_test(t, too_little_room_is_refused);
    tcase_add_test(t, a_lost_session_is_found_again);
    tcase_add_test(t, software_keys_and_public_halves_stay_away_from_the_token);
}

Suite *suite(void)
{
    return suite_of_orders("asymcipher_rsa", add_tests);
}
