/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/pss.h"
#include "tests/support/support.h"

#include <openssl/rsa.h>
#include <string.h>

/* A raw private operation on our padding must verify as PSS. Odd sizes reach the case of a shorter encoded
 * message. */
static void check(unsigned bits, const char *digest_name, const char *mgf1_name, size_t salt)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
    EVP_MD *digest = EVP_MD_fetch(NULL, digest_name, NULL);
    EVP_MD *mgf1 = EVP_MD_fetch(NULL, mgf1_name, NULL);
    size_t hash_size = (size_t)EVP_MD_get_size(digest);
    EVP_PKEY_CTX *raw = EVP_PKEY_CTX_new(key, NULL);
    EVP_PKEY_CTX *verify = EVP_PKEY_CTX_new(key, NULL);
    uint8_t hash[EVP_MAX_MD_SIZE];
    uint8_t block[512];
    uint8_t signature[512];
    size_t size = sizeof signature;

    memset(hash, 0x5a, sizeof hash);
    ck_assert(prov_pss_encode(NULL, digest, mgf1, hash, hash_size, salt, bits, block, sizeof block));
    ck_assert_int_eq(EVP_PKEY_sign_init(raw), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(raw, RSA_NO_PADDING), 1);
    ck_assert_int_eq(EVP_PKEY_sign(raw, signature, &size, block, (bits + 7) / 8), 1);
    ck_assert_int_eq(EVP_PKEY_verify_init(verify), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(verify, RSA_PKCS1_PSS_PADDING), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_signature_md(verify, digest), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_mgf1_md(verify, mgf1), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_pss_saltlen(verify, (int)salt), 1);
    ck_assert_msg(EVP_PKEY_verify(verify, signature, size, hash, hash_size) == 1, "%u bits, %s, salt %zu",
                  bits, digest_name, salt);
    EVP_PKEY_CTX_free(raw);
    EVP_PKEY_CTX_free(verify);
    EVP_MD_free(digest);
    EVP_MD_free(mgf1);
    EVP_PKEY_free(key);
}

START_TEST(the_padding_verifies)
{
    check(1024, "SHA256", "SHA256", 32);
    check(1024, "SHA256", "SHA1", 0);
    check(1025, "SHA256", "SHA256", 20);
    check(1027, "SHA384", "SHA256", 48);
    check(1031, "SHA512", "SHA512", 20);
    check(1024, "SHA256", "SHA256", 128 - 32 - 2);
}
END_TEST

START_TEST(what_does_not_fit_is_refused)
{
    uint8_t hash[64] = {0};
    uint8_t block[256];

    ck_assert(!prov_pss_encode(NULL, EVP_sha256(), EVP_sha256(), hash, 32, 128 - 32 - 1, 1024, block,
                               sizeof block));
    ck_assert(!prov_pss_encode(NULL, EVP_sha512(), EVP_sha512(), hash, 64, 0, 512, block, sizeof block));
    ck_assert(!prov_pss_encode(NULL, EVP_sha256(), EVP_sha256(), hash, 31, 32, 1024, block, sizeof block));
    ck_assert(!prov_pss_encode(NULL, EVP_sha256(), EVP_sha256(), hash, 32, 32, 1024, block, 127));
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("pss");
    TCase *t = tcase_create("pss");

    tcase_add_test(t, the_padding_verifies);
    tcase_add_test(t, what_does_not_fit_is_refused);
    suite_add_tcase(s, t);
    return s;
}
