/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/key.h"
#include "pkcs11/soft/libctx.h"
#include "tests/support/module.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <string.h>

static void start(void)
{
    ck_assert_rv(soft_start(), CKR_OK);
}

static struct bytes number(const EVP_PKEY *pkey, const char *name)
{
    BIGNUM *bn = NULL;
    struct bytes out;

    ck_assert_int_eq(EVP_PKEY_get_bn_param(pkey, name, &bn), 1);
    ck_assert(bytes_alloc(&out, (size_t)BN_num_bytes(bn)));
    BN_bn2bin(bn, out.data);
    BN_free(bn);
    return out;
}

static struct public_key rsa_key(const EVP_PKEY *pkey)
{
    return (struct public_key){.type = CKK_RSA,
                               .modulus = number(pkey, OSSL_PKEY_PARAM_RSA_N),
                               .exponent = number(pkey, OSSL_PKEY_PARAM_RSA_E)};
}

static struct public_key ec_key(const EVP_PKEY *pkey, const char *curve)
{
    struct public_key key = {.type = CKK_EC, .curve = p11_curve_by_name(curve, strlen(curve))};
    uint8_t point[256];
    size_t size;

    ck_assert_int_eq(
        EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &size), 1);
    ck_assert(bytes_copy(&key.point, point, size));
    return key;
}

/* SubjectPublicKeyInfo and key identifier against libcrypto's own encoding of the same key. */
static void assert_as_openssl(const EVP_PKEY *pkey, struct public_key *key)
{
    X509_PUBKEY *parsed = NULL;
    const unsigned char *bits;
    unsigned char *wanted = NULL;
    uint8_t id[SOFT_KEY_ID_SIZE];
    uint8_t wanted_id[SOFT_KEY_ID_SIZE];
    struct bytes info;
    int bits_size;
    int size = i2d_PUBKEY(pkey, &wanted);

    ck_assert_rv(soft_public_info(key, &info), CKR_OK);
    ck_assert_int_eq((int)info.size, size);
    ck_assert_mem_eq(info.data, wanted, info.size);
    ck_assert_int_eq(X509_PUBKEY_set(&parsed, (EVP_PKEY *)(uintptr_t)pkey), 1);
    ck_assert_int_eq(X509_PUBKEY_get0_param(NULL, &bits, &bits_size, NULL, parsed), 1);
    SHA1(bits, (size_t)bits_size, wanted_id);
    ck_assert_rv(soft_public_id(key, id), CKR_OK);
    ck_assert_mem_eq(id, wanted_id, sizeof id);
    X509_PUBKEY_free(parsed);
    OPENSSL_free(wanted);
    bytes_free(&info);
    public_key_free(key);
}

START_TEST(rsa_keys_are_encoded_as_openssl_does)
{
    for (unsigned bits = 1020; bits <= 1025; bits++) {
        EVP_PKEY *pkey = EVP_RSA_gen(bits);
        struct public_key key = rsa_key(pkey);

        ck_assert_uint_eq(public_key_bits(&key), bits);
        assert_as_openssl(pkey, &key);
        EVP_PKEY_free(pkey);
    }
}
END_TEST

START_TEST(ec_keys_are_encoded_as_openssl_does)
{
    static const char *const curves[] = {"P-256", "P-384", "P-521"};

    for (size_t i = 0; i < 3; i++) {
        EVP_PKEY *pkey = EVP_EC_gen(curves[i]);
        struct public_key key = ec_key(pkey, curves[i]);

        assert_as_openssl(pkey, &key);
        EVP_PKEY_free(pkey);
    }
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("key");
    TCase *t = tcase_create("key");

    tcase_add_checked_fixture(t, start, NULL);
    tcase_add_test(t, rsa_keys_are_encoded_as_openssl_does);
    tcase_add_test(t, ec_keys_are_encoded_as_openssl_does);
    suite_add_tcase(s, t);
    return s;
}
