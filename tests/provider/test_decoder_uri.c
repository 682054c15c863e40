/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/softhsm.h"
#include "tests/support/support.h"

#include <errno.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/store.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "provider/pem.h"

static char *pem_of(const char *uri)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    char *copy;
    long size;

    ck_assert(prov_pem_write(bio, uri));
    size = BIO_get_mem_data(bio, &data);
    copy = strndup(data, (size_t)size);
    BIO_free(bio);
    return copy;
}

static EVP_PKEY *read_pem(OSSL_LIB_CTX *context, const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey_ex(bio, NULL, NULL, NULL, context, NULL);

    BIO_free(bio);
    return key;
}

START_TEST(a_pem_file_is_the_key)
{
    for (int order = 0; order < TEST_ORDERS; order++) {
        static const char *const labels[] = {"ec", "rsa", "lone"};

        for (size_t i = 0; i < 3; i++) {
            OSSL_LIB_CTX *context = test_context((enum test_order)order);
            char *pem = pem_of(test_uri(labels[i]));
            EVP_PKEY *key = read_pem(context, pem);
            EVP_PKEY *by_uri = test_load_key(context, test_uri(labels[i]));

            ck_assert_msg(key != NULL, "%s, order %d: %s", labels[i], order, test_errors());
            ck_assert_int_eq(EVP_PKEY_eq(key, by_uri), 1);
            ck_assert_uint_eq(ERR_peek_error(), 0);
            EVP_PKEY_free(by_uri);
            EVP_PKEY_free(key);
            free(pem);
            test_context_free(context);
        }
    }
}
END_TEST

START_TEST(a_load_is_at_most_twenty_calls)
{
    static const char *const labels[] = {"ec", "rsa", "lone"};

    for (size_t i = 0; i < 3; i++) {
        OSSL_LIB_CTX *context = test_context(DEVID_FIRST);
        char *pem = pem_of(test_uri(labels[i]));
        EVP_PKEY *key;

        test_spy_reset();
        key = read_pem(context, pem);
        ck_assert_ptr_nonnull(key);
        ck_assert_msg(test_spy()->total <= 20, "%s by PEM: %u", labels[i], test_spy()->total);
        ck_assert_uint_le(test_spy()->calls[SPY_LOGIN], 1);
        EVP_PKEY_free(key);
        free(pem);
        test_context_free(context);

        context = test_context(DEVID_FIRST);
        test_spy_reset();
        key = test_load_key(context, test_uri(labels[i]));
        ck_assert_ptr_nonnull(key);
        ck_assert_msg(test_spy()->total <= 20, "%s by URI: %u", labels[i], test_spy()->total);
        EVP_PKEY_free(key);
        test_context_free(context);
    }
}
END_TEST

/* A file with comments, a certificate and a key, in any order; the other way round too. */
START_TEST(bundles_work)
{
    char *certificate = support_read(test_software_certificate("ec"), NULL);
    char *pem = pem_of(test_uri("ec"));
    const char *const parts[][3] = {
        {"a comment\n", certificate,   pem        },
        {pem,           "a comment\n", certificate}
    };

    for (int order = 0; order < TEST_ORDERS; order++) {
        for (size_t i = 0; i < 2; i++) {
            OSSL_LIB_CTX *context = test_context((enum test_order)order);
            size_t size = strlen(certificate) + strlen(pem) + 64;
            char *bundle = malloc(size);
            EVP_PKEY *key;
            X509 *read;
            BIO *bio;

            snprintf(bundle, size, "%s%s%s", parts[i][0], parts[i][1], parts[i][2]);
            key = read_pem(context, bundle);
            ck_assert_msg(key != NULL, "order %d, bundle %zu: %s", order, i, test_errors());
            bio = BIO_new_mem_buf(bundle, -1);
            read = PEM_read_bio_X509(bio, NULL, NULL, NULL);
            ck_assert_int_eq(X509_check_private_key(read, key), 1);
            X509_free(read);
            BIO_free(bio);
            EVP_PKEY_free(key);
            free(bundle);
            test_context_free(context);
        }
    }
    free(certificate);
    free(pem);
}
END_TEST

START_TEST(other_keys_are_left_to_others)
{
    EVP_PKEY *keys[] = {EVP_EC_gen("P-256"), EVP_RSA_gen(1024), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"),
                        EVP_PKEY_Q_keygen(NULL, NULL, "ED448"), EVP_PKEY_Q_keygen(NULL, NULL, "X448")};

    for (int order = 0; order < TEST_ORDERS; order++) {
        OSSL_LIB_CTX *context = test_context((enum test_order)order);

        test_spy_reset();
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            BIO *bio = BIO_new(BIO_s_mem());
            EVP_PKEY *key;

            ck_assert_int_eq(PEM_write_bio_PrivateKey(bio, keys[i], NULL, NULL, 0, NULL, NULL), 1);
            key = PEM_read_bio_PrivateKey_ex(bio, NULL, NULL, NULL, context, NULL);
            ck_assert_ptr_nonnull(key);
            ck_assert_int_eq(EVP_PKEY_eq(key, keys[i]), 1);
            ck_assert_uint_eq(ERR_peek_error(), 0);
            EVP_PKEY_free(key);
            BIO_free(bio);
        }
        ck_assert_uint_eq(test_spy()->total, 0);
        test_context_free(context);
    }
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        EVP_PKEY_free(keys[i]);
}
END_TEST

static void refuses(const char *pem, const char *detail)
{
    for (int order = 0; order < TEST_ORDERS; order++) {
        OSSL_LIB_CTX *context = test_context((enum test_order)order);
        EVP_PKEY *key;
        char *errors;

        errno = 0;
        key = read_pem(context, pem);
        ck_assert_int_eq(errno, 0); /* Python would take it for the reason */
        errors = test_errors();
        ck_assert_ptr_null(key);
        ck_assert_msg(strstr(errors, detail) != NULL, "order %d: %s", order, errors);
        ck_assert_ptr_null(strstr(errors, "1234"));
        free(errors);
        test_context_free(context);
    }
}

START_TEST(a_bad_file_is_a_clear_error)
{
    static const char *const uris[][2] = {
        {"pkcs11:token=nobody;object=ec?pin-value=1234",   "no token matches"    },
        {"pkcs11:token=dev;object=nothing?pin-value=1234", "no object matches"   },
        {"pkcs11:token=dev;object=twin?pin-value=1234",    "more than one object"},
        {"pkcs11:token=dev;object=ec?pin-source=/nowhere", "No such file"        },
        {"pkcs11:token=%zz?pin-value=1234",                "bad PKCS#11 URI"     },
        {"http://localhost/",                              "bad PKCS#11 URI"     },
    };

    for (size_t i = 0; i < sizeof uris / sizeof uris[0]; i++) {
        char *pem = pem_of(uris[i][0]);

        refuses(pem, uris[i][1]);
        free(pem);
    }
    refuses("-----BEGIN PKCS#11 PROVIDER URI-----\n!!!\n-----END PKCS#11 PROVIDER URI-----\n", "is damaged");
    refuses("-----BEGIN PKCS#11 PROVIDER URI-----\nMAA=\n-----END PKCS#11 PROVIDER URI-----\n",
            "does not hold such a URI");
}
END_TEST

/* The way of `openssl -key FILE`: OSSL_STORE with the file loader. */
START_TEST(the_file_store_gives_the_key_or_the_error)
{
    for (int order = 0; order < TEST_ORDERS; order++) {
        OSSL_LIB_CTX *context = test_context((enum test_order)order);
        char *pem = pem_of(test_uri("rsa"));
        EVP_PKEY *key;
        char *errors;

        support_write(support_path("key.pem"), pem);
        key = test_load_key(context, support_path("key.pem"));
        ck_assert_msg(key != NULL, "order %d: %s", order, test_errors());
        EVP_PKEY_free(key);
        free(pem);

        pem = pem_of("pkcs11:token=nobody;object=ec");
        support_write(support_path("key.pem"), pem);
        ck_assert_ptr_null(test_load_key(context, support_path("key.pem")));
        errors = test_errors();
        ck_assert_msg(strstr(errors, "no token matches") != NULL, "order %d: %s", order, errors);
        free(errors);
        free(pem);
        test_context_free(context);
    }
}
END_TEST

/* Not where a private key must be, and never the private key that stands beside it. */
START_TEST(a_file_of_a_public_keys_uri_is_the_public_key)
{
    for (int order = 0; order < TEST_ORDERS; order++) {
        OSSL_LIB_CTX *context = test_context((enum test_order)order);
        char *pem = pem_of("pkcs11:token=dev;object=ec;type=public");
        OSSL_STORE_CTX *store;
        OSSL_STORE_INFO *info;

        support_write(support_path("public.pem"), pem);
        store = OSSL_STORE_open_ex(support_path("public.pem"), context, NULL, NULL, NULL, NULL, NULL, NULL);
        ck_assert_ptr_nonnull(store);
        info = OSSL_STORE_load(store);
        ck_assert_msg(info != NULL, "order %d: %s", order, test_errors());
        ck_assert_int_eq(OSSL_STORE_INFO_get_type(info), OSSL_STORE_INFO_PUBKEY);
        OSSL_STORE_INFO_free(info);
        OSSL_STORE_close(store);
        free(pem);
        pem = pem_of("pkcs11:token=dev;object=ec;type=public?pin-value=1234");
        ck_assert_ptr_null(read_pem(context, pem));
        ERR_clear_error();
        free(pem);
        test_context_free(context);
    }
}
END_TEST

START_TEST(a_decoder_for_one_type_does_not_give_the_other)
{
    OSSL_LIB_CTX *context = test_context(DEVID_FIRST);
    char *pem = pem_of(test_uri("ec"));
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = NULL;
    OSSL_DECODER_CTX *decoder = OSSL_DECODER_CTX_new_for_pkey(&key, "PEM", NULL, "RSA", 0, context, NULL);

    ck_assert_int_ne(OSSL_DECODER_from_bio(decoder, bio), 1);
    ck_assert_ptr_null(key);
    OSSL_DECODER_CTX_free(decoder);
    BIO_free(bio);
    free(pem);
    test_context_free(context);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("decoder_uri");
    TCase *t = tcase_create("decoder_uri");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, test_softhsm_start, NULL);
    tcase_add_checked_fixture(t, test_spy_reset, NULL);
    tcase_add_test(t, a_pem_file_is_the_key);
    tcase_add_test(t, a_load_is_at_most_twenty_calls);
    tcase_add_test(t, bundles_work);
    tcase_add_test(t, other_keys_are_left_to_others);
    tcase_add_test(t, a_bad_file_is_a_clear_error);
    tcase_add_test(t, the_file_store_gives_the_key_or_the_error);
    tcase_add_test(t, a_file_of_a_public_keys_uri_is_the_public_key);
    tcase_add_test(t, a_decoder_for_one_type_does_not_give_the_other);
    suite_add_tcase(s, t);
    return s;
}
