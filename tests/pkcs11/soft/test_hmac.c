/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/hmac.h"
#include "common/bytes.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/libctx.h"
#include "tests/support/support.h"

#include <string.h>

static void start(void)
{
    ck_assert_uint_eq(soft_start(), CKR_OK);
}

/* RFC 4231 (SHA-2) and RFC 2202 (SHA-1). */
static const struct vector {
    enum p11_hash hash;
    const char *key;
    size_t key_size;
    const char *message;
    const char *mac; /* hexadecimal */
} vectors[] = {
    {HASH_SHA1,   "Jefe",                                                                             4,  "what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"                        },
    {HASH_SHA224, "Jefe",                                                                             4,  "what do ya want for nothing?",
     "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44"                                                                                                                                             },
    {HASH_SHA256, "Jefe",                                                                             4,  "what do ya want for nothing?",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"                                                                                                                                     },
    {HASH_SHA384, "Jefe",                                                                             4,  "what do ya want for nothing?",
     "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"                                                                                                     },
    {HASH_SHA512, "Jefe",                                                                             4,  "what do ya want for nothing?",
     "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fd"
     "caeab1a34d4a6b4b636e070a38bce737"                                                                                                                                                                     },
    {HASH_SHA256, "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b", 20,
     "Hi There",                                                                                                                          "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {HASH_SHA256, "",                                                                                 0,  "",                             "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
};

START_TEST(vectors_of_the_rfcs_come_out)
{
    const struct vector *vector = &vectors[_i];
    struct soft_piece piece = {vector->message, strlen(vector->message)};
    uint8_t mac[HASH_SIZE_MAXIMUM];
    char hex[2 * HASH_SIZE_MAXIMUM + 1];

    ck_assert_uint_eq(soft_hmac(vector->hash, vector->key, vector->key_size, &piece, 1, mac), CKR_OK);
    bytes_to_hex(mac, soft_hash_size(vector->hash), hex);
    ck_assert_str_eq(hex, vector->mac);
}
END_TEST

START_TEST(pieces_are_one_message)
{
    const struct soft_piece whole = {"what do ya want for nothing?", 28};
    const struct soft_piece parts[] = {
        {"what do ya ",       11},
        {"",                  0 },
        {"want for nothing?", 17}
    };
    uint8_t one[HASH_SIZE_MAXIMUM];
    uint8_t other[HASH_SIZE_MAXIMUM];

    ck_assert_uint_eq(soft_hmac(HASH_SHA256, "Jefe", 4, &whole, 1, one), CKR_OK);
    ck_assert_uint_eq(soft_hmac(HASH_SHA256, "Jefe", 4, parts, 3, other), CKR_OK);
    ck_assert_mem_eq(one, other, 32);
    ck_assert_uint_eq(soft_hash_pieces(HASH_SHA256, &whole, 1, one), CKR_OK);
    ck_assert_uint_eq(soft_hash_pieces(HASH_SHA256, parts, 3, other), CKR_OK);
    ck_assert_mem_eq(one, other, 32);
    ck_assert_uint_eq(soft_hash_once(HASH_SHA256, whole.data, whole.size, other), CKR_OK);
    ck_assert_mem_eq(one, other, 32);
}
END_TEST

START_TEST(no_hash_is_refused)
{
    const struct soft_piece piece = {"x", 1};
    uint8_t mac[HASH_SIZE_MAXIMUM];

    ck_assert_uint_eq(soft_hmac(HASH_NONE, "k", 1, &piece, 1, mac), CKR_GENERAL_ERROR);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("hmac");
    TCase *t = tcase_create("hmac");

    tcase_add_unchecked_fixture(t, start, NULL);
    tcase_add_loop_test(t, vectors_of_the_rfcs_come_out, 0, sizeof vectors / sizeof vectors[0]);
    tcase_add_test(t, pieces_are_one_message);
    tcase_add_test(t, no_hash_is_refused);
    suite_add_tcase(s, t);
    return s;
}
