/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/provider/orders.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

START_TEST(tells_the_public_parameters)
{
    EVP_PKEY *rsa = test_load_key(context, test_uri("rsa"));
    EVP_PKEY *ec = test_load_key(context, test_uri("ec"));
    BIGNUM *e = NULL;
    char name[64];
    unsigned char point[128];
    size_t size;

    ck_assert_int_eq(EVP_PKEY_get_bits(rsa), 2048);
    ck_assert_int_eq(EVP_PKEY_get_size(rsa), 256);
    ck_assert_int_eq(EVP_PKEY_get_security_bits(rsa), 112);
    ck_assert_int_eq(EVP_PKEY_get_bn_param(rsa, OSSL_PKEY_PARAM_RSA_E, &e), 1);
    ck_assert_uint_eq(BN_get_word(e), 65537);
    BN_free(e);
    ck_assert_int_eq(EVP_PKEY_get_bits(ec), 256);
    ck_assert_int_eq(EVP_PKEY_get_group_name(ec, name, sizeof name, &size), 1);
    ck_assert_str_eq(name, "prime256v1");
    ck_assert_int_eq(
        EVP_PKEY_get_octet_string_param(ec, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point, sizeof point, &size),
        1);
    ck_assert_uint_eq(size, 65);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
}
END_TEST

START_TEST(tells_its_uri_without_the_pin)
{
    EVP_PKEY *key = test_load_key(context, test_uri("ec"));
    char uri[512] = "";

    ck_assert_int_eq(EVP_PKEY_get_utf8_string_param(key, "pkcs11-uri", uri, sizeof uri, NULL), 1);
    ck_assert_ptr_nonnull(strstr(uri, "token=dev;id=%01;object=ec;type=private"));
    ck_assert_ptr_null(strstr(uri, "1234"));
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(the_private_half_cannot_be_taken_out)
{
    static const char *const labels[] = {"ec", "rsa"};

    for (size_t i = 0; i < 2; i++) {
        EVP_PKEY *key = test_load_key(context, test_uri(labels[i]));
        OSSL_PARAM *params = NULL;
        BIGNUM *number = NULL;
        unsigned char *der = NULL;

        ck_assert_int_ne(EVP_PKEY_todata(key, EVP_PKEY_KEYPAIR, &params), 1);
        ck_assert_int_ne(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number), 1);
        ck_assert_int_ne(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_D, &number), 1);
        ck_assert_int_le(i2d_PrivateKey(key, &der), 0);
        ck_assert_int_eq(EVP_PKEY_todata(key, EVP_PKEY_PUBLIC_KEY, &params), 1);
        OSSL_PARAM_free(params);
        EVP_PKEY_free(key);
    }
}
END_TEST

static X509 *read_certificate(const char *label)
{
    BIO *file = BIO_new_file(test_software_certificate(label), "r");
    X509 *certificate = PEM_read_bio_X509(file, NULL, NULL, NULL);

    BIO_free(file);
    return certificate;
}

START_TEST(belongs_to_its_certificate_and_to_no_other)
{
    static const char *const labels[] = {"ec", "rsa", "lone"};

    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++) {
            EVP_PKEY *key = test_load_key(context, test_uri(labels[i]));
            X509 *certificate = read_certificate(labels[j]);

            ck_assert_int_eq(X509_check_private_key(certificate, key) == 1, i == j);
            X509_free(certificate);
            EVP_PKEY_free(key);
        }
    }
}
END_TEST

/* The same key material in a context of the default provider and in one where devid comes first. */
static EVP_PKEY *import(OSSL_LIB_CTX *libctx, const EVP_PKEY *key, const char *type, const char *properties)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, type, properties);
    OSSL_PARAM *params = NULL;
    EVP_PKEY *copy = NULL;

    ck_assert_int_eq(EVP_PKEY_todata(key, EVP_PKEY_KEYPAIR, &params), 1);
    ck_assert_int_eq(EVP_PKEY_fromdata_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_fromdata(ctx, &copy, EVP_PKEY_KEYPAIR, params), 1);
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(ctx);
    return copy;
}

START_TEST(imported_keys_are_whole_keys)
{
    EVP_PKEY *keys[] = {EVP_EC_gen("P-256"), EVP_RSA_gen(1024)};
    static const char *const types[] = {"EC", "RSA"};

    for (size_t i = 0; i < 2; i++) {
        EVP_PKEY *copy = import(context, keys[i], types[i], "provider=devid");
        EVP_PKEY_CTX *check = EVP_PKEY_CTX_new_from_pkey(context, copy, NULL);
        EVP_PKEY *duplicate = EVP_PKEY_dup(copy);
        EVP_PKEY *back;

        ck_assert_str_eq(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(copy)), "devid");
        ck_assert_int_eq(EVP_PKEY_check(check), 1);
        ck_assert_int_eq(EVP_PKEY_eq(copy, keys[i]), 1);
        ck_assert_int_eq(EVP_PKEY_eq(copy, duplicate), 1);
        back = import(NULL, copy, types[i], NULL);
        ck_assert_int_eq(EVP_PKEY_eq(back, keys[i]), 1);
        EVP_PKEY_CTX_free(check);
        EVP_PKEY_free(copy);
        EVP_PKEY_free(duplicate);
        EVP_PKEY_free(back);
        EVP_PKEY_free(keys[i]);
    }
    ck_assert_uint_eq(test_spy()->total, 0);
}
END_TEST

START_TEST(generated_keys_are_software_keys)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(context, "provider=devid", "EC", "P-384");
    EVP_PKEY *peer = EVP_PKEY_Q_keygen(context, "provider=default", "EC", "P-384");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(context, key, NULL);
    unsigned char secret[128];
    size_t size = sizeof secret;

    ck_assert_int_eq(EVP_PKEY_derive_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_derive_set_peer(ctx, peer), 1);
    ck_assert_int_eq(EVP_PKEY_derive(ctx, secret, &size), 1);
    ck_assert_uint_eq(size, 48);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    EVP_PKEY_free(peer);
    key = EVP_PKEY_Q_keygen(context, "provider=devid", "RSA", (size_t)1024);
    ck_assert_int_eq(EVP_PKEY_get_bits(key), 1024);
    EVP_PKEY_free(key);
    ck_assert_uint_eq(test_spy()->total, 0);
}
END_TEST

/* What a TLS server does with a peer's share of the key exchange. */
START_TEST(a_peers_point_can_be_set_on_a_copy_of_the_parameters)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(context, "provider=devid", "EC", "P-256");
    EVP_PKEY *peer = EVP_PKEY_new();
    unsigned char *point = NULL;
    size_t size = EVP_PKEY_get1_encoded_public_key(key, &point);

    ck_assert_int_eq(EVP_PKEY_copy_parameters(peer, key), 1);
    ck_assert_int_eq(EVP_PKEY_set1_encoded_public_key(peer, point, size), 1);
    ck_assert_int_eq(EVP_PKEY_eq(peer, key), 1);
    point[10] ^= 1;
    ck_assert_int_ne(EVP_PKEY_set1_encoded_public_key(peer, point, size), 1);
    OPENSSL_free(point);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(a_tokens_key_does_not_change)
{
    EVP_PKEY *key = test_load_key(context, test_uri("ec"));
    EVP_PKEY *other = EVP_EC_gen("P-256");
    unsigned char *point = NULL;
    size_t size = EVP_PKEY_get1_encoded_public_key(other, &point);
    EVP_PKEY *copy = EVP_PKEY_dup(key);

    ck_assert_int_ne(EVP_PKEY_set1_encoded_public_key(key, point, size), 1);
    ck_assert_int_eq(EVP_PKEY_eq(key, copy), 1);
    OPENSSL_free(point);
    EVP_PKEY_free(other);
    EVP_PKEY_free(copy);
    EVP_PKEY_free(key);
}
END_TEST

static char *encode(EVP_PKEY *key, int selection, const char *output, const char *structure)
{
    OSSL_ENCODER_CTX *ctx = OSSL_ENCODER_CTX_new_for_pkey(key, selection, output, structure, NULL);
    unsigned char *data = NULL;
    size_t size = 0;
    char *text = NULL;

    if (OSSL_ENCODER_to_data(ctx, &data, &size) == 1)
        text = strndup((char *)data, size);
    OPENSSL_free(data);
    OSSL_ENCODER_CTX_free(ctx);
    return text;
}

START_TEST(encodes_the_public_half_with_a_named_curve)
{
    EVP_PKEY *key = test_load_key(context, test_uri("ec"));
    X509 *certificate = read_certificate("ec");
    unsigned char *ours = NULL;
    unsigned char *wanted = NULL;
    int size = i2d_PUBKEY(key, &ours);

    ck_assert_int_eq(size, 91);
    ck_assert_int_eq(i2d_PUBKEY(X509_get0_pubkey(certificate), &wanted), size);
    ck_assert_mem_eq(ours, wanted, size);
    OPENSSL_free(ours);
    OPENSSL_free(wanted);
    X509_free(certificate);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(text_and_private_pem_tell_the_uri)
{
    EVP_PKEY *key = test_load_key(context, test_uri("rsa"));
    char *text = encode(key, EVP_PKEY_KEYPAIR, "TEXT", NULL);
    char *pem = encode(key, EVP_PKEY_KEYPAIR, "PEM", "PrivateKeyInfo");

    ck_assert_int_eq(strncmp(text, "PKCS11 RSA Private Key (2048 bits)", 34), 0);
    ck_assert_ptr_nonnull(strstr(text, "\nKey ID: "));
    ck_assert_ptr_nonnull(strstr(text, "\nURI pkcs11:"));
    ck_assert_ptr_nonnull(strstr(text, "type=private\nPKCS11 RSA Public Key (2048 bits)\n"));
    ck_assert_ptr_nonnull(strstr(text, "Public-Key: (2048 bit)"));
    ck_assert_ptr_nonnull(strstr(pem, "-----BEGIN PKCS#11 PROVIDER URI-----"));
    free(text);
    free(pem);
    EVP_PKEY_free(key);
}
END_TEST

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;

    for (text = strstr(text, part); text != NULL; text = strstr(text + 1, part))
        count++;
    return count;
}

START_TEST(text_of_a_public_half_tells_the_uri_once)
{
    EVP_PKEY *key = test_load_key(context, test_uri("ec"));
    EVP_PKEY *software = EVP_PKEY_Q_keygen(context, "provider=devid", "EC", "P-256");
    char *text = encode(key, EVP_PKEY_PUBLIC_KEY, "TEXT", NULL);
    char *plain = encode(software, EVP_PKEY_PUBLIC_KEY, "TEXT", NULL);

    ck_assert_uint_eq(count_of(text, "URI pkcs11:"), 1);
    ck_assert_uint_eq(count_of(text, "\nPKCS11 EC Public Key (256 bits)\n"), 1);
    ck_assert_ptr_null(strstr(text, "Private"));
    ck_assert_ptr_null(strstr(plain, "PKCS11")); /* no token knows it */
    free(text);
    free(plain);
    EVP_PKEY_free(software);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(a_software_key_has_the_default_providers_forms)
{
    static const char *const structures[] = {NULL, "PrivateKeyInfo", "type-specific"};
    EVP_PKEY *ours = EVP_PKEY_Q_keygen(context, "provider=devid", "EC", "P-256");
    EVP_PKEY *theirs = import(NULL, ours, "EC", NULL);

    for (size_t i = 0; i < 3; i++) {
        char *a = encode(ours, EVP_PKEY_KEYPAIR, "PEM", structures[i]);
        char *b = encode(theirs, EVP_PKEY_KEYPAIR, "PEM", structures[i]);

        ck_assert_str_eq(a, b);
        free(a);
        free(b);
        a = encode(ours, EVP_PKEY_KEYPAIR, "DER", structures[i]);
        b = encode(theirs, EVP_PKEY_KEYPAIR, "DER", structures[i]);
        ck_assert_str_eq(a, b); /* up to the first zero */
        free(a);
        free(b);
    }
    EVP_PKEY_free(ours);
    EVP_PKEY_free(theirs);
}
END_TEST

START_TEST(software_keys_are_written_as_ever_also_encrypted)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(context, "provider=devid", "EC", "P-256");
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(context, "AES-256-CBC", NULL);
    BIO *bio = BIO_new(BIO_s_mem());
    EVP_PKEY *again;

    ck_assert_int_eq(PEM_write_bio_PKCS8PrivateKey(bio, key, cipher, "pass", 4, NULL, NULL), 1);
    again = PEM_read_bio_PrivateKey_ex(bio, NULL, NULL, (void *)(uintptr_t) "pass", context, NULL);
    ck_assert_ptr_nonnull(again);
    ck_assert_int_eq(EVP_PKEY_eq(key, again), 1);
    EVP_PKEY_free(again);
    EVP_PKEY_free(key);
    EVP_CIPHER_free(cipher);
    BIO_free(bio);
}
END_TEST

/* A file that only tells where the key is has nothing to encrypt: whoever asks for that is told so, and gets
 * no file that he would take for an encrypted one. */
START_TEST(a_tokens_key_is_not_written_encrypted)
{
    EVP_PKEY *key = test_load_key(context, test_uri("ec"));
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(context, "AES-256-CBC", NULL);
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    char *errors;

    ck_assert_int_ne(PEM_write_bio_PrivateKey(bio, key, cipher, (const unsigned char *)"pass", 4, NULL, NULL),
                     1);
    ck_assert_int_eq(BIO_get_mem_data(bio, &text), 0);
    errors = test_errors();
    ck_assert_msg(strstr(errors, "object=ec") != NULL && strstr(errors, "not encrypted") != NULL, "%s",
                  errors);
    free(errors);
    EVP_CIPHER_free(cipher);
    BIO_free(bio);
    EVP_PKEY_free(key);
}
END_TEST

/* Every test runs in each order of the providers. */
static void add_tests(TCase *t)
{
    tcase_add_test(t, tells_the_public_parameters);
    tcase_add_test(t, tells_its_uri_without_the_pin);
    tcase_add_test(t, the_private_half_cannot_be_taken_out);
    tcase_add_test(t, belongs_to_its_certificate_and_to_no_other);
    tcase_add_test(t, imported_keys_are_whole_keys);
    tcase_add_test(t, generated_keys_are_software_keys);
    tcase_add_test(t, a_peers_point_can_be_set_on_a_copy_of_the_parameters);
    tcase_add_test(t, a_tokens_key_does_not_change);
    tcase_add_test(t, encodes_the_public_half_with_a_named_curve);
    tcase_add_test(t, text_and_private_pem_tell_the_uri);
    tcase_add_test(t, text_of_a_public_half_tells_the_uri_once);
    tcase_add_test(t, a_software_key_has_the_default_providers_forms);
    tcase_add_test(t, software_keys_are_written_as_ever_also_encrypted);
    tcase_add_test(t, a_tokens_key_is_not_written_encrypted);
}

Suite *suite(void)
{
    return suite_of_orders("keymgmt", add_tests);
}
