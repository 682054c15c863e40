/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/kdf.h"
#include "common/bytes.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/libctx.h"
#include "tests/support/support.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <string.h>

static const uint8_t key[32] = {0x5a, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, [31] = 0xa5};
static const uint8_t u[32] = {0x11, 0x22, 0x33, [31] = 0x44};
static const uint8_t v[20] = {0x99, 0x88, [19] = 0x77};

static void start(void)
{
    ck_assert_uint_eq(soft_start(), CKR_OK);
}

/* libcrypto's own SP 800-108 KDF, which writes the zero after the label and the length itself. */
static void kbkdf(const char *digest, const char *label, uint8_t *out, size_t size)
{
    uint8_t context[sizeof u + sizeof v];
    uint8_t secret[sizeof key];
    char mac[8];
    char name[16];
    char salt[16];
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MAC, strcpy(mac, "HMAC"), 0),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, strcpy(name, digest), 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, memcpy(secret, key, sizeof key), sizeof key),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, strcpy(salt, label), strlen(label)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, context, sizeof context),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "KBKDF", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);

    memcpy(context, u, sizeof u);
    memcpy(context + sizeof u, v, sizeof v);
    ck_assert_int_eq(EVP_KDF_derive(ctx, out, size, params), 1);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
}

static const struct {
    enum p11_hash hash;
    const char *name;
    const char *label;
    size_t size;
} kdfa_cases[] = {
    {HASH_SHA256, "SHA256", "ATH",       32 },
    {HASH_SHA256, "SHA256", "CFB",       32 },
    {HASH_SHA256, "SHA256", "STORAGE",   16 },
    {HASH_SHA256, "SHA256", "INTEGRITY", 80 },
    {HASH_SHA1,   "SHA1",   "ATH",       20 },
    {HASH_SHA384, "SHA384", "CFB",       100},
};

START_TEST(kdfa_is_sp800_108)
{
    const struct soft_kdf_input input = {
        kdfa_cases[_i].label, {u, sizeof u},
         {v, sizeof v}
    };
    uint8_t ours[128];
    uint8_t theirs[128];
    size_t size = kdfa_cases[_i].size;

    ck_assert_uint_eq(soft_kdfa(kdfa_cases[_i].hash, key, sizeof key, &input, ours, size), CKR_OK);
    kbkdf(kdfa_cases[_i].name, kdfa_cases[_i].label, theirs, size);
    ck_assert_mem_eq(ours, theirs, size);
}
END_TEST

START_TEST(kdfe_is_a_hash_over_counter_secret_label_and_parties)
{
    const struct soft_kdf_input input = {
        "SECRET", {u, sizeof u},
         {v, sizeof v}
    };
    uint8_t message[4 + sizeof key + 7 + sizeof u + sizeof v] = {0, 0, 0, 1};
    uint8_t ours[64];
    uint8_t theirs[64];

    memcpy(message + 4, key, sizeof key);
    memcpy(message + 4 + sizeof key, "SECRET", 7);
    memcpy(message + 4 + sizeof key + 7, u, sizeof u);
    memcpy(message + 4 + sizeof key + 7 + sizeof u, v, sizeof v);
    ck_assert_int_eq(EVP_Digest(message, sizeof message, theirs, NULL, EVP_sha256(), NULL), 1);
    message[3] = 2;
    ck_assert_int_eq(EVP_Digest(message, sizeof message, theirs + 32, NULL, EVP_sha256(), NULL), 1);
    ck_assert_uint_eq(soft_kdfe(HASH_SHA256, key, sizeof key, &input, ours, sizeof ours), CKR_OK);
    ck_assert_mem_eq(ours, theirs, sizeof ours);
    memset(ours, 0, sizeof ours);
    ck_assert_uint_eq(soft_kdfe(HASH_SHA256, key, sizeof key, &input, ours, 33), CKR_OK);
    ck_assert_mem_eq(ours, theirs, 33);
    ck_assert_uint_eq(ours[33], 0);
}
END_TEST

START_TEST(kdfa_with_an_empty_key_is_not_kdfe)
{
    const struct soft_kdf_input input = {
        "ATH", {u, sizeof u},
         {v, sizeof v}
    };
    uint8_t a[32];
    uint8_t e[32];

    ck_assert_uint_eq(soft_kdfa(HASH_SHA256, NULL, 0, &input, a, sizeof a), CKR_OK);
    ck_assert_uint_eq(soft_kdfe(HASH_SHA256, NULL, 0, &input, e, sizeof e), CKR_OK);
    ck_assert_mem_ne(a, e, sizeof a);
}
END_TEST

START_TEST(no_hash_is_refused)
{
    const struct soft_kdf_input input = {
        "ATH", {u, sizeof u},
         {v, sizeof v}
    };
    uint8_t out[32];

    ck_assert_uint_eq(soft_kdfa(HASH_NONE, key, sizeof key, &input, out, sizeof out), CKR_GENERAL_ERROR);
    ck_assert_uint_eq(soft_kdfe(HASH_NONE, key, sizeof key, &input, out, sizeof out), CKR_GENERAL_ERROR);
}
END_TEST

/* NIST's ansx963_2001 vectors, the beginning of each. */
static const struct {
    enum p11_hash hash;
    const char *secret;
    const char *shared;
    const char *out;
} x963_cases[] = {
    {HASH_SHA1,   "fd17198b89ab39c4ab5d7cca363b82f9fd7e23c3984dc8a2", "856a53f3e36a26bbc5792879f307cce2",
     "6e5fad865cb4a51c95209b16df0cc490bc2c9064405c5bccd4ee4832a531fbe7f10cb79e2eab6ab1149fbd5a23cfdabc"                                     },
    {HASH_SHA224, "da67a73072d521a8272c69023573012ddf9b46bff65b3900", "727997aed53e78f74b1d66743a4ea4d2",
     "dfc3126c5eebf9a58d89730e8d8ff7cc772592f28c10b349b437d9d068698a22e532eae975dfaf9c5c6a9f2935eafb05"                                     },
    {HASH_SHA256, "22518b10e70f2a3f243810ae3254139efbee04aa57c7af7d", "75eef81aa3041e33b80971203d2c0c52",
     "c498af77161cc59f2962b9a713e2b215152d139766ce34a776df11866a69bf2e52a13d9c7c6fc878c50c5ea0bc7b00e0"                                     },
    {HASH_SHA384, "d8554db1b392cd55c3fe957bed76af09c13ac2a9392f88f6", "",                                 "671a46aada145162f8ddf1ca586a1cda"},
    {HASH_SHA384, "c051fd22539c9de791d6c43a854b8f80a6bf70190050854a", "1317504aa34759bb4c931e3b78201945",
     "cf6a84434734ac6949e1d7976743277be789906908ad3ca3a8923da7f476abbeb574306d7243031a85566914bfd247d2"
     "519c479953d9d55b6b831e56260806c3"                                                                                                     },
    {HASH_SHA512, "87fc0d8c4477485bb574f5fcea264b30885dc8d90ad82782", "",                                 "947665fbb9152153ef460238506a0245"},
    {HASH_SHA512,
     "00aa5bb79b33e389fa58ceadc047197f14e73712f452caa9fc4c9adb369348b81507392f1a86ddfdb7c4ff8231c4bd0f"
     "44e44a1b55b1404747a9e2e753f55ef05a2d",                          "e3b5b4c1b0d5cf1d2b3a2f9937895d31",
     "4463f869f3cc18769b52264b0112b5858f7ad32a5a2d96d8cffabf7fa733633d6e4dd2a599acceb3ea54a6217ce0b50e"
     "ef4f6b40a5c30250a5a8eeee20800226"                                                                                                     },
};

START_TEST(x963_vectors_come_out)
{
    struct bytes secret;
    struct bytes shared;
    uint8_t out[128];
    char hex[2 * sizeof out + 1];
    size_t size = strlen(x963_cases[_i].out) / 2;

    ck_assert(bytes_from_hex(x963_cases[_i].secret, strlen(x963_cases[_i].secret), &secret));
    ck_assert(bytes_from_hex(x963_cases[_i].shared, strlen(x963_cases[_i].shared), &shared));
    ck_assert_uint_eq(soft_x963(x963_cases[_i].hash, &secret, &shared, out, size), CKR_OK);
    bytes_to_hex(out, size, hex);
    ck_assert_str_eq(hex, x963_cases[_i].out);
    ck_assert_uint_eq(soft_x963(HASH_NONE, &secret, &shared, out, size), CKR_GENERAL_ERROR);
    bytes_free(&secret);
    bytes_free(&shared);
}
END_TEST

/* RFC 7914, 11. */
START_TEST(pbkdf2_vectors_come_out)
{
    uint8_t out[64];
    char hex[129];

    ck_assert_uint_eq(soft_pbkdf2(HASH_SHA256, "passwd", 6, "salt", 4, 1, out, sizeof out), CKR_OK);
    bytes_to_hex(out, sizeof out, hex);
    ck_assert_str_eq(hex, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
                          "49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783");
}
END_TEST

/* RFC 7914, 12. */
START_TEST(scrypt_vectors_come_out)
{
    const struct soft_scrypt_cost cost = {1024, 8, 16};
    const struct soft_scrypt_cost impossible = {1000, 8, 16};
    uint8_t salt[] = "NaCl";
    const struct bytes view = {salt, 4};
    uint8_t out[64];
    char hex[129];

    ck_assert_uint_eq(soft_scrypt("password", 8, &view, &cost, out, sizeof out), CKR_OK);
    bytes_to_hex(out, sizeof out, hex);
    ck_assert_str_eq(hex, "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
                          "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640");
    ck_assert_uint_eq(soft_scrypt("password", 8, &view, &impossible, out, sizeof out), CKR_HOST_MEMORY);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("kdf");
    TCase *t = tcase_create("kdf");

    tcase_add_unchecked_fixture(t, start, NULL);
    tcase_add_loop_test(t, kdfa_is_sp800_108, 0, sizeof kdfa_cases / sizeof kdfa_cases[0]);
    tcase_add_test(t, kdfe_is_a_hash_over_counter_secret_label_and_parties);
    tcase_add_test(t, kdfa_with_an_empty_key_is_not_kdfe);
    tcase_add_test(t, no_hash_is_refused);
    tcase_add_loop_test(t, x963_vectors_come_out, 0, sizeof x963_cases / sizeof x963_cases[0]);
    tcase_add_test(t, pbkdf2_vectors_come_out);
    tcase_add_test(t, scrypt_vectors_come_out);
    suite_add_tcase(s, t);
    return s;
}
