/* SPDX-License-Identifier: Apache-2.0 */
/* What programs ask of a key, through the new calls and the old ones: a token's key answers as its public
 * half in software does. */
#define OPENSSL_SUPPRESS_DEPRECATED /* the old calls are among what is tested */
#include "tests/support/softhsm.h"
#include "tests/support/support.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

static const char *const labels[] = {"ec", "rsa", "ec384", "lone", "pss256"};
enum { LABELS = sizeof labels / sizeof labels[0] };

static OSSL_LIB_CTX *context;
static EVP_PKEY *key;
static EVP_PKEY *software;

/* Loop tests run each key in each order of the providers. */
static void open_key(int i)
{
    context = test_context((enum test_order)(i / LABELS));
    key = test_load_key(context, test_uri(labels[i % LABELS]));
    ck_assert_msg(key != NULL, "%s: %s", labels[i % LABELS], test_errors());
    software = test_public_half(key);
}

static void close_key(void)
{
    ck_assert_msg(ERR_peek_error() == 0, "%s", test_errors());
    EVP_PKEY_free(software);
    EVP_PKEY_free(key);
    test_context_free(context);
}

START_TEST(sizes_and_names_are_those_of_the_public_half)
{
    char name[2][80] = {"", ""};

    open_key(_i);
    ck_assert_int_eq(EVP_PKEY_get_bits(key), EVP_PKEY_get_bits(software));
    ck_assert_int_eq(EVP_PKEY_get_size(key), EVP_PKEY_get_size(software));
    ck_assert_int_eq(EVP_PKEY_get_security_bits(key), EVP_PKEY_get_security_bits(software));
    ck_assert_int_eq(EVP_PKEY_get_base_id(key), EVP_PKEY_get_base_id(software));
    ck_assert_int_eq(EVP_PKEY_get_group_name(key, name[0], sizeof name[0], NULL),
                     EVP_PKEY_get_group_name(software, name[1], sizeof name[1], NULL));
    ck_assert_str_eq(name[0], name[1]);
    ERR_clear_error();
    close_key();
}
END_TEST

START_TEST(the_digest_is_told_and_demanded_of_restricted_keys)
{
    char name[80] = "";
    int answer;

    open_key(_i);
    answer = EVP_PKEY_get_default_digest_name(key, name, sizeof name);
    if (strcmp(labels[_i % LABELS], "pss256") == 0) {
        ck_assert_int_eq(answer, 2); /* mandatory */
        ck_assert(strcmp(name, "SHA2-256") == 0 || strcmp(name, "SHA256") == 0);
    } else {
        ck_assert_int_eq(answer, 1);
        ck_assert_str_eq(name, "SHA256");
    }
    close_key();
}
END_TEST

START_TEST(the_key_is_equal_to_its_public_half_and_its_copy)
{
    EVP_PKEY *copy;
    EVP_PKEY *other;

    open_key(_i);
    ck_assert_int_eq(EVP_PKEY_eq(key, software), 1);
    ck_assert_int_eq(EVP_PKEY_eq(software, key), 1);
    copy = EVP_PKEY_dup(key);
    ck_assert_ptr_nonnull(copy);
    ck_assert_int_eq(EVP_PKEY_eq(copy, key), 1);
    other = test_load_key(context, test_uri(strcmp(labels[_i % LABELS], "ec") == 0 ? "lone" : "ec"));
    if (_i % LABELS != 3)
        ck_assert_int_ne(EVP_PKEY_eq(other, key), 1);
    ERR_clear_error();
    EVP_PKEY_free(other);
    EVP_PKEY_free(copy);
    close_key();
}
END_TEST

START_TEST(it_is_written_as_its_public_half_is)
{
    BIO *out[2] = {BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem())};
    unsigned char *der[2] = {NULL, NULL};
    char *pem[2];
    int size;

    open_key(_i);
    size = i2d_PUBKEY(key, &der[0]);
    ck_assert_int_gt(size, 0);
    ck_assert_int_eq(i2d_PUBKEY(software, &der[1]), size);
    ck_assert_mem_eq(der[0], der[1], (size_t)size);
    ck_assert_int_eq(PEM_write_bio_PUBKEY(out[0], key), 1);
    ck_assert_int_eq(PEM_write_bio_PUBKEY(out[1], software), 1);
    size = (int)BIO_get_mem_data(out[0], &pem[0]);
    ck_assert_int_eq(BIO_get_mem_data(out[1], &pem[1]), size);
    ck_assert_mem_eq(pem[0], pem[1], (size_t)size);
    ck_assert_int_eq(EVP_PKEY_print_public(out[0], key, 0, NULL), 1);
    for (size_t i = 0; i < 2; i++) {
        OPENSSL_free(der[i]);
        BIO_free(out[i]);
    }
    close_key();
}
END_TEST

/* Programs that still reach for RSA and EC_KEY get a public key, with the exponent. Of a private key they get
 * NULL: libcrypto would have to export it whole, and a public half that was exported instead would be taken
 * for the key by other providers. */
START_TEST(the_old_calls_give_public_keys)
{
    open_key(_i);
    ck_assert_ptr_null(EVP_PKEY_get1_RSA(key));
    ck_assert_ptr_null(EVP_PKEY_get1_EC_KEY(key));
    ERR_clear_error();
    ck_assert_ptr_nonnull(software);
    if (EVP_PKEY_is_a(key, "RSA")) {
        RSA *rsa = EVP_PKEY_get1_RSA(software);

        ck_assert_ptr_nonnull(rsa);
        ck_assert_int_eq(RSA_bits(rsa), 2048);
        ck_assert(BN_is_word(RSA_get0_e(rsa), 65537));
        RSA_free(rsa);
    } else if (EVP_PKEY_is_a(key, "EC")) {
        EC_KEY *ec = EVP_PKEY_get1_EC_KEY(software);

        ck_assert_ptr_nonnull(ec);
        ck_assert_ptr_nonnull(EC_KEY_get0_public_key(ec));
        ck_assert_int_ne(EC_GROUP_get_curve_name(EC_KEY_get0_group(ec)), NID_undef);
        EC_KEY_free(ec);
    }
    close_key();
}
END_TEST

START_TEST(a_certificate_knows_its_key)
{
    static const char *const with_certificate[] = {"ec", "rsa"};

    for (int order = 0; order < TEST_ORDERS; order++) {
        context = test_context((enum test_order)order);
        for (size_t i = 0; i < 2; i++) {
            BIO *file = BIO_new_file(test_software_certificate(with_certificate[i]), "r");
            X509 *own = PEM_read_bio_X509(file, NULL, NULL, NULL);

            key = test_load_key(context, test_uri(with_certificate[i]));
            ck_assert_int_eq(X509_check_private_key(own, key), 1);
            EVP_PKEY_free(key);
            key = test_load_key(context, test_uri(with_certificate[1 - i]));
            ck_assert_int_eq(X509_check_private_key(own, key), 0);
            EVP_PKEY_free(key);
            ERR_clear_error();
            X509_free(own);
            BIO_free(file);
        }
        test_context_free(context);
    }
}
END_TEST

START_TEST(x931_is_refused_clearly)
{
    for (int order = 0; order < TEST_ORDERS; order++) {
        EVP_PKEY_CTX *ctx;
        unsigned char signature[512];
        unsigned char digest[32] = {1};
        size_t size = sizeof signature;
        char *errors;
        bool ok;

        context = test_context((enum test_order)order);
        key = test_load_key(context, test_uri("rsa"));
        test_spy_reset();
        ctx = EVP_PKEY_CTX_new_from_pkey(context, key, NULL);
        ok = EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1 &&
             EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_X931_PADDING) == 1 &&
             EVP_PKEY_sign(ctx, signature, &size, digest, sizeof digest) == 1;
        errors = test_errors();
        ck_assert(!ok);
        ck_assert_msg(strstr(errors, "X9.31") != NULL || strstr(errors, "x931") != NULL, "%s", errors);
        ck_assert_uint_eq(test_spy()->calls[SPY_SIGN], 0);
        free(errors);
        EVP_PKEY_CTX_free(ctx);
        EVP_PKEY_free(key);
        test_context_free(context);
    }
}
END_TEST

/* Before and after the module was used: what is offered never changes, and is nothing that others do better.
 */
START_TEST(what_is_offered_never_changes)
{
    static const int nothing[] = {OSSL_OP_DIGEST, OSSL_OP_CIPHER, OSSL_OP_MAC, OSSL_OP_KDF, OSSL_OP_KEM};
    OSSL_PROVIDER *provider;

    context = test_context(DEVID_FIRST);
    provider = OSSL_PROVIDER_load(context, "devid");
    for (int round = 0; round < 2; round++) {
        for (int operation = 1; operation <= OSSL_OP__HIGHEST; operation++) {
            int no_cache = 1;

            OSSL_PROVIDER_query_operation(provider, operation, &no_cache);
            ck_assert_int_eq(no_cache, 0);
        }
        for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++) {
            int no_cache;

            ck_assert_ptr_null(OSSL_PROVIDER_query_operation(provider, nothing[i], &no_cache));
        }
        EVP_PKEY_free(test_load_key(context, test_uri("ec")));
    }
    OSSL_PROVIDER_unload(provider);
    test_context_free(context);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("questions");
    TCase *t = tcase_create("questions");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, test_softhsm_start, NULL);
    tcase_add_loop_test(t, sizes_and_names_are_those_of_the_public_half, 0, LABELS * TEST_ORDERS);
    tcase_add_loop_test(t, the_digest_is_told_and_demanded_of_restricted_keys, 0, LABELS * TEST_ORDERS);
    tcase_add_loop_test(t, the_key_is_equal_to_its_public_half_and_its_copy, 0, LABELS * TEST_ORDERS);
    tcase_add_loop_test(t, it_is_written_as_its_public_half_is, 0, LABELS * TEST_ORDERS);
    tcase_add_loop_test(t, the_old_calls_give_public_keys, 0, LABELS * TEST_ORDERS);
    tcase_add_test(t, a_certificate_knows_its_key);
    tcase_add_test(t, x931_is_refused_clearly);
    tcase_add_test(t, what_is_offered_never_changes);
    suite_add_tcase(s, t);
    return s;
}
