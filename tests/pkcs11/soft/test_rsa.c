/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/libctx.h"
#include "pkcs11/soft/rsa.h"
#include "tests/support/module.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <string.h>

#define SIZE_MAXIMUM 512

/* A software key whose private operation stands in for the TPM's. */
static EVP_PKEY *pkey;
static size_t key_bits;
static size_t key_size;

static void generate(size_t bits)
{
    pkey = EVP_RSA_gen(bits);
    ck_assert_ptr_nonnull(pkey);
    key_bits = bits;
    key_size = (bits + 7) / 8;
}

static void start(void)
{
    ck_assert_rv(soft_start(), CKR_OK);
    generate(1024);
}

static void end(void)
{
    EVP_PKEY_free(pkey);
}

static void raw_operation(const uint8_t *block, uint8_t *signature)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
    size_t size = key_size;

    ck_assert_int_eq(EVP_PKEY_decrypt_init(context), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING), 1);
    ck_assert_int_eq(EVP_PKEY_decrypt(context, signature, &size, block, key_size), 1);
    ck_assert_uint_eq(size, key_size);
    EVP_PKEY_CTX_free(context);
}

static const EVP_MD *md_of(enum p11_hash hash)
{
    static const char *const names[HASH_COUNT] = {
        [HASH_SHA1] = "SHA1",     [HASH_SHA224] = "SHA224", [HASH_SHA256] = "SHA256",
        [HASH_SHA384] = "SHA384", [HASH_SHA512] = "SHA512",
    };

    return EVP_get_digestbyname(names[hash]);
}

static bool openssl_verifies(const struct p11_parameters *pss, const uint8_t *digest, size_t digest_size,
                             const uint8_t *signature)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
    bool good;

    ck_assert_int_eq(EVP_PKEY_verify_init(context), 1);
    ck_assert_int_eq(
        EVP_PKEY_CTX_set_rsa_padding(context, pss != NULL ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING), 1);
    if (pss != NULL) {
        ck_assert_int_eq(EVP_PKEY_CTX_set_signature_md(context, md_of(pss->hash)), 1);
        ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_mgf1_md(context, md_of(pss->mgf_hash)), 1);
        ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_pss_saltlen(context, (int)pss->salt_length), 1);
    }
    good = EVP_PKEY_verify(context, signature, key_size, digest, digest_size) == 1;
    EVP_PKEY_CTX_free(context);
    return good;
}

START_TEST(pkcs1_padding_is_what_openssl_verifies)
{
    for (size_t size = 1; size <= key_size - 11; size += 29) {
        uint8_t data[SIZE_MAXIMUM] = {0x5a};
        uint8_t block[SIZE_MAXIMUM];
        uint8_t signature[SIZE_MAXIMUM];

        ck_assert_rv(soft_rsa_pad_pkcs1(data, size, block, key_size), CKR_OK);
        raw_operation(block, signature);
        ck_assert(openssl_verifies(NULL, data, size, signature));
    }
}
END_TEST

START_TEST(pkcs1_padding_leaves_room_for_eight_bytes)
{
    uint8_t data[SIZE_MAXIMUM] = {0};
    uint8_t block[SIZE_MAXIMUM];

    ck_assert_rv(soft_rsa_pad_pkcs1(data, key_size - 11, block, key_size), CKR_OK);
    ck_assert_rv(soft_rsa_pad_pkcs1(data, key_size - 10, block, key_size), CKR_DATA_LEN_RANGE);
    ck_assert_rv(soft_rsa_pad_pkcs1(data, (size_t)-1, block, key_size), CKR_DATA_LEN_RANGE);
    ck_assert_rv(soft_rsa_pad_pkcs1(data, 0, block, 10), CKR_DATA_LEN_RANGE);
}
END_TEST

static void assert_pss(const struct p11_parameters *parameters)
{
    uint8_t digest[HASH_SIZE_MAXIMUM] = {1, 2, 3};
    uint8_t block[SIZE_MAXIMUM];
    uint8_t signature[SIZE_MAXIMUM];

    ck_assert_rv(soft_rsa_pad_pss(parameters, digest, key_bits, block, key_size), CKR_OK);
    raw_operation(block, signature);
    ck_assert_msg(openssl_verifies(parameters, digest, soft_hash_size(parameters->hash), signature),
                  "%zu bits, hash %d, MGF %d, salt %zu", key_bits, parameters->hash, parameters->mgf_hash,
                  parameters->salt_length);
}

START_TEST(pss_padding_is_what_openssl_verifies)
{
    static const size_t salts[] = {0, 1, 20, 32};

    for (enum p11_hash hash = HASH_SHA1; hash < HASH_COUNT; hash++)
        for (enum p11_hash mgf = HASH_SHA1; mgf < HASH_COUNT; mgf++)
            for (size_t i = 0; i < sizeof salts / sizeof salts[0]; i++)
                assert_pss(&(struct p11_parameters){hash, mgf, salts[i]});
}
END_TEST

/* The encoded message of RFC 8017, 9.1.1 is one bit shorter than the modulus: around a byte's edge it is a
 * byte shorter too. */
START_TEST(pss_padding_fits_odd_sizes_of_key)
{
    for (size_t bits = 1023; bits <= 1026; bits++) {
        EVP_PKEY_free(pkey);
        generate(bits);
        for (int i = 0; i < 8; i++)
            assert_pss(&(struct p11_parameters){HASH_SHA256, HASH_SHA256, 32});
    }
}
END_TEST

START_TEST(pss_salt_is_as_long_as_fits_and_no_longer)
{
    const size_t most = key_size - 32 - 2;
    struct p11_parameters parameters = {HASH_SHA256, HASH_SHA256, most};
    uint8_t digest[HASH_SIZE_MAXIMUM] = {0};
    uint8_t block[SIZE_MAXIMUM];

    assert_pss(&parameters);
    parameters.salt_length = most + 1;
    ck_assert_rv(soft_rsa_pad_pss(&parameters, digest, key_bits, block, key_size), CKR_DATA_LEN_RANGE);
    parameters.salt_length = (size_t)-1;
    ck_assert_rv(soft_rsa_pad_pss(&parameters, digest, key_bits, block, key_size), CKR_DATA_LEN_RANGE);
    parameters = (struct p11_parameters){HASH_SHA512, HASH_SHA512, 0};
    ck_assert_rv(soft_rsa_pad_pss(&parameters, digest, 512, block, 64), CKR_DATA_LEN_RANGE);
}
END_TEST

static struct bytes number(const char *name)
{
    BIGNUM *bn = NULL;
    struct bytes out;

    ck_assert_int_eq(EVP_PKEY_get_bn_param(pkey, name, &bn), 1);
    ck_assert(bytes_alloc(&out, (size_t)BN_num_bytes(bn)));
    BN_bn2bin(bn, out.data);
    BN_free(bn);
    return out;
}

START_TEST(verify_pss_wants_the_exact_salt_length)
{
    struct public_key key = {
        .type = CKK_RSA, .modulus = number(OSSL_PKEY_PARAM_RSA_N), .exponent = number(OSSL_PKEY_PARAM_RSA_E)};
    struct p11_parameters parameters = {HASH_SHA256, HASH_SHA256, 32};
    uint8_t digest[32] = {9};
    uint8_t block[SIZE_MAXIMUM];
    uint8_t signature[SIZE_MAXIMUM];

    ck_assert_rv(soft_rsa_pad_pss(&parameters, digest, key_bits, block, key_size), CKR_OK);
    raw_operation(block, signature);
    ck_assert(soft_rsa_verify_pss(&key, &parameters, digest, signature, key_size));
    parameters.salt_length = 31;
    ck_assert(!soft_rsa_verify_pss(&key, &parameters, digest, signature, key_size));
    parameters.salt_length = 32;
    digest[0] ^= 1;
    ck_assert(!soft_rsa_verify_pss(&key, &parameters, digest, signature, key_size));
    digest[0] ^= 1;
    ck_assert(!soft_rsa_verify_pss(&key, &parameters, digest, signature, key_size - 1));
    public_key_free(&key);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("rsa");
    TCase *t = tcase_create("rsa");

    tcase_add_checked_fixture(t, start, end);
    tcase_add_test(t, pkcs1_padding_is_what_openssl_verifies);
    tcase_add_test(t, pkcs1_padding_leaves_room_for_eight_bytes);
    tcase_add_test(t, pss_padding_is_what_openssl_verifies);
    tcase_add_test(t, pss_padding_fits_odd_sizes_of_key);
    tcase_add_test(t, pss_salt_is_as_long_as_fits_and_no_longer);
    tcase_add_test(t, verify_pss_wants_the_exact_salt_length);
    suite_add_tcase(s, t);
    return s;
}
