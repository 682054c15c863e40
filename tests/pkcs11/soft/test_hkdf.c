/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/hkdf.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/libctx.h"
#include "tests/support/support.h"

#include <string.h>

static void start(void)
{
    ck_assert_uint_eq(soft_start(), CKR_OK);
}

/* RFC 5869, appendix A: cases 1 to 7. */
static const struct {
    enum p11_hash hash;
    const char *secret;
    const char *salt;
    const char *info;
    const char *extracted;
    const char *expanded;
} cases[] = {
    {HASH_SHA256, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",        "000102030405060708090a0b0c",
     "f0f1f2f3f4f5f6f7f8f9",                                                                                                                                                                                             "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
     "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"                                                                                                                                                                                                                                                                                        },
    {HASH_SHA256,
     "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f"
     "303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f", "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f"
     "909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf", "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
     "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
     "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
     "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"                                                                                                                                                                                                                                                                                                        },
    {HASH_SHA256, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",        "",                                                                     "",
     "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",                                                                                                                                                                                                                     "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
    {HASH_SHA1,   "0b0b0b0b0b0b0b0b0b0b0b",                              "000102030405060708090a0b0c",                                           "f0f1f2f3f4f5f6f7f8f9",
     "9b6c18c432a7bf8f0e71c8eb88f4b30baa2ba243",                                                                                                                                                                                                                                             "085a01ea1b10f36933068b56efa5ad81a4f14b822f5b091568a9cdd4f155fda2c22e422478d305f3f896"},
    {HASH_SHA1,   "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c",        "",                                                                     "",
     "2adccada18779e7c2077ad2eb19d3f3e731385dd",                                                                                                                                                                                                                                             "2c91117204d745f3500d636a62f64f0ab3bae548aa53d423b0d1f27ebba6f5e5673a081d70cce7acfc48"},
};

START_TEST(vectors_come_out)
{
    struct bytes secret;
    struct bytes salt;
    struct bytes info;
    uint8_t out[128];
    char hex[2 * sizeof out + 1];
    struct bytes key = {out, soft_hash_size(cases[_i].hash)};
    uint8_t more[128];

    ck_assert(bytes_from_hex(cases[_i].secret, strlen(cases[_i].secret), &secret));
    ck_assert(bytes_from_hex(cases[_i].salt, strlen(cases[_i].salt), &salt));
    ck_assert(bytes_from_hex(cases[_i].info, strlen(cases[_i].info), &info));
    ck_assert_uint_eq(soft_hkdf_extract(cases[_i].hash, &secret, &salt, out), CKR_OK);
    bytes_to_hex(out, key.size, hex);
    ck_assert_str_eq(hex, cases[_i].extracted);
    ck_assert_uint_eq(soft_hkdf_expand(cases[_i].hash, &key, &info, more, strlen(cases[_i].expanded) / 2),
                      CKR_OK);
    bytes_to_hex(more, strlen(cases[_i].expanded) / 2, hex);
    ck_assert_str_eq(hex, cases[_i].expanded);
    bytes_free(&secret);
    bytes_free(&salt);
    bytes_free(&info);
}
END_TEST

START_TEST(no_more_than_255_blocks_are_made)
{
    static uint8_t out[SOFT_HKDF_BLOCKS * 20 + 1];
    uint8_t digits[20] = {1};
    struct bytes key = {digits, sizeof digits};

    ck_assert_uint_eq(soft_hkdf_expand(HASH_SHA1, &key, &BYTES_EMPTY, out, sizeof out - 1), CKR_OK);
    ck_assert_uint_eq(soft_hkdf_expand(HASH_SHA1, &key, &BYTES_EMPTY, out, sizeof out), CKR_GENERAL_ERROR);
    ck_assert_uint_eq(soft_hkdf_expand(HASH_NONE, &key, &BYTES_EMPTY, out, 1), CKR_GENERAL_ERROR);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("hkdf");
    TCase *t = tcase_create("hkdf");

    tcase_add_unchecked_fixture(t, start, NULL);
    tcase_add_loop_test(t, vectors_come_out, 0, sizeof cases / sizeof cases[0]);
    tcase_add_test(t, no_more_than_255_blocks_are_made);
    suite_add_tcase(s, t);
    return s;
}
