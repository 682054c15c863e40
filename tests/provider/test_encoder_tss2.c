/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of TPM tokens and of files, written as TSS2 PRIVATE KEY. */
#include "tests/provider/tss2_fixture.h"

#include <openssl/encoder.h>
#include <openssl/provider.h>

static const char uri[] = "pkcs11:token=device;object=ec;type=private";

/* malloc'ed; NULL: the encoder refused. */
static char *encode(EVP_PKEY *key, const char *form, const char *structure, size_t *size)
{
    OSSL_ENCODER_CTX *encoder = OSSL_ENCODER_CTX_new_for_pkey(key, EVP_PKEY_KEYPAIR, form, structure, NULL);
    unsigned char *data = NULL;
    char *copy = NULL;

    *size = 0;
    if (OSSL_ENCODER_to_data(encoder, &data, size) == 1) {
        copy = calloc(1, *size + 1);
        memcpy(copy, data, *size);
    }
    OPENSSL_free(data);
    OSSL_ENCODER_CTX_free(encoder);
    return copy;
}

static char *write_pem(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    char *copy = NULL;

    if (PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1) {
        long size = BIO_get_mem_data(bio, &data);

        copy = strndup(data, (size_t)size);
    }
    BIO_free(bio);
    return copy;
}

/* The block alone, without the lines of a token's file. */
static const char *block(const char *pem)
{
    return strstr(pem, "-----BEGIN");
}

START_TEST(a_key_of_a_token_is_written_as_its_file)
{
    OSSL_LIB_CTX *context = test_context((enum test_order)_i);
    EVP_PKEY *key = test_load_key(context, uri);
    struct answer answer = {NULL, 0};
    size_t size;
    char *pem;
    EVP_PKEY *again;

    test_tpm_count_reset();
    pem = encode(key, "PEM", "tss2", &size);
    ck_assert_msg(pem != NULL, "order %d: %s", _i, test_errors());
    ck_assert_str_eq(pem, block(files[EC_FILE]));
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    again = read_pem(context, pem, &answer);
    ck_assert_int_eq(EVP_PKEY_eq(again, key), 1);
    ck_assert(test_key_signs(context, again));
    EVP_PKEY_free(again);
    EVP_PKEY_free(key);
    free(pem);
    test_context_free(context);
}
END_TEST

START_TEST(a_key_of_a_file_is_written_as_it_was_read)
{
    OSSL_LIB_CTX *context = test_context(_i);

    for (enum file file = EC_FILE; file <= LOCKED_FILE; file++) {
        struct answer answer = {"sesame", 0};
        EVP_PKEY *key = read_pem(context, files[file], &answer);
        char *pem = write_pem(key);
        size_t size;

        ck_assert_msg(pem != NULL, "%s", test_errors());
        ck_assert_str_eq(pem, block(files[file]));
        free(pem);
        pem = encode(key, "PEM", "tss2", &size);
        ck_assert_str_eq(pem, block(files[file]));
        free(pem);
        EVP_PKEY_free(key);
    }
    ERR_clear_error();
    test_context_free(context);
}
END_TEST

START_TEST(without_a_structure_the_configuration_says)
{
    static const char *const settings[] = {NULL, "uri", "tss2"};
    OSSL_LIB_CTX *context;
    EVP_PKEY *key;
    char *pem;

    if (settings[_i] != NULL)
        setenv("DEVID_PKCS11_PEM", settings[_i], 1);
    context = test_context(DEFAULT_FIRST);
    key = test_load_key(context, uri);
    pem = write_pem(key);
    ck_assert_ptr_nonnull(pem);
    if (_i == 2)
        ck_assert_str_eq(pem, block(files[EC_FILE]));
    else
        ck_assert_ptr_nonnull(strstr(pem, "BEGIN PKCS#11 PROVIDER URI"));
    EVP_PKEY_free(key);
    free(pem);
    test_context_free(context);
}
END_TEST

START_TEST(another_setting_is_an_error)
{
    OSSL_LIB_CTX *context = OSSL_LIB_CTX_new();
    char *errors;

    setenv("DEVID_PKCS11_PEM", "pkcs8", 1);
    ck_assert_ptr_null(OSSL_PROVIDER_load(context, "devid"));
    errors = test_errors();
    ck_assert_msg(strstr(errors, "DEVID_PKCS11_PEM = pkcs8: expected uri or tss2") != NULL, "%s", errors);
    free(errors);
    OSSL_LIB_CTX_free(context);
}
END_TEST

/* Of a token without a TPM, and of no token. */
START_TEST(what_is_in_no_tpm_has_no_such_form)
{
    OSSL_LIB_CTX *context;
    EVP_PKEY *key;
    size_t size;
    char *errors;
    char *pem;

    fixture_make_disk();
    setenv("DEVID_PKCS11_PEM", "tss2", 1);
    context = test_context(DEVID_FIRST);
    key = test_load_key(context, "pkcs11:token=disk;object=ec;type=private");
    ck_assert_msg(key != NULL, "%s", test_errors());
    ck_assert_ptr_null(encode(key, "PEM", "tss2", &size));
    errors = test_errors();
    ck_assert_msg(strstr(errors, "it is not in a TPM") != NULL, "%s", errors);
    free(errors);
    pem = write_pem(key);
    ck_assert_ptr_nonnull(strstr(pem, "BEGIN PKCS#11 PROVIDER URI"));
    ck_assert_uint_eq(ERR_peek_error(), 0);
    free(pem);
    EVP_PKEY_free(key);

    key = EVP_PKEY_Q_keygen(context, "provider=devid", "EC", "P-256");
    ck_assert_ptr_null(encode(key, "PEM", "tss2", &size));
    errors = test_errors();
    ck_assert_msg(strstr(errors, "a software key has no form") != NULL, "%s", errors);
    free(errors);
    EVP_PKEY_free(key);
    test_context_free(context);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("encoder_tss2");
    TCase *t = tcase_create("encoder_tss2");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, fixture_make, NULL);
    tcase_add_checked_fixture(t, fixture_up, NULL);
    tcase_add_loop_test(t, a_key_of_a_token_is_written_as_its_file, 0, TEST_ORDERS);
    tcase_add_loop_test(t, a_key_of_a_file_is_written_as_it_was_read, 0, TEST_ORDERS);
    tcase_add_loop_test(t, without_a_structure_the_configuration_says, 0, 3);
    tcase_add_test(t, another_setting_is_an_error);
    tcase_add_test(t, what_is_in_no_tpm_has_no_such_form);
    suite_add_tcase(s, t);
    return s;
}
