/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/pkcs8.h"

#include "pkcs11/failure.h"
#include "tests/support/support.h"

#include <string.h>

/* Written by hand: the numbers need not be a key's. */
#define SCALAR "0101010101010101010101010101010101010101010101010101010101010101"
#define X "0202020202020202020202020202020202020202020202020202020202020202"
#define P256 "06082a8648ce3d030107"
#define P384 "06052b81040022"
#define POINT "a14403420004" X X

static const struct {
    const char *what;
    const char *hex;
    CK_RV rv;
    bool encrypted;
} rows[] = {
    {"EC in PKCS#8",                    "308187020100301306072a8648ce3d0201" P256 "046d306b0201010420" SCALAR POINT,    CKR_OK,
     false                                                                                                                                     },
    {"EC in PKCS#8 without point",      "3041020100301306072a8648ce3d0201" P256 "042730250201010420" SCALAR,
     CKR_OK,                                                                                                                              false},
    {"EC in PKCS#8, curve inside too",
     "304d020100301306072a8648ce3d0201" P256 "043330310201010420" SCALAR "a00a" P256,                                   CKR_OK,           false},
    {"EC, the curve inside is another",
     "304a020100301306072a8648ce3d0201" P256 "0430302e0201010420" SCALAR "a007" P384,                                   CKR_DATA_INVALID,
     false                                                                                                                                     },
    {"ECPrivateKey",                    "30310201010420" SCALAR "a00a" P256,                                            CKR_OK,           false},
    {"ECPrivateKey without curve",      "30250201010420" SCALAR,                                                        CKR_DATA_INVALID, false},
    {"ECPrivateKey of version 2",       "30310201020420" SCALAR "a00a" P256,                                            CKR_DATA_INVALID, false},
    {"EC, scalar too long",             "3032020101042101" SCALAR "a00a" P256,                                          CKR_DATA_INVALID, false},
    {"EC, no scalar",                   "30110201010400a00a" P256,                                                      CKR_DATA_INVALID, false},
    {"Ed25519",                         "302e020100300506032b657004220420" SCALAR,                                      CKR_OK,           false},
    {"Ed25519 with attributes",         "3030020100300506032b657004220420" SCALAR "a000",                               CKR_OK,           false},
    {"Ed25519, short seed",
     "302d020100300506032b65700421041f"
     "01010101010101010101010101010101010101010101010101010101010101",                                                  CKR_DATA_INVALID, false},
    {"X25519",                          "302e020100300506032b656e04220420" SCALAR,                                      CKR_OK,           false},
    {"X448's name on 32 bytes",         "302e020100300506032b656f04220420" SCALAR,                                      CKR_DATA_INVALID, false},
    {"bytes behind",                    "302e020100300506032b657004220420" SCALAR "00",                                 CKR_DATA_INVALID, false},
    {"a version of two bytes",          "302f02020100300506032b657004220420" SCALAR,                                    CKR_DATA_INVALID, false},
    {"a negative version",              "302e0201ff300506032b657004220420" SCALAR,                                      CKR_DATA_INVALID, false},
    {"indefinite length",               "3080020100300506032b657004220420" SCALAR "0000",                               CKR_DATA_INVALID, false},
    {"length in too many bytes",        "30812e020100300506032b657004220420" SCALAR,                                    CKR_DATA_INVALID, false},
    {"a length that wraps",             "3084ffffffff020100",                                                           CKR_DATA_INVALID, false},
    {"a length of five bytes",          "308500000000010000",                                                           CKR_DATA_INVALID, false},
    {"RSA of 8 bits",                   "301b02010002010f02010302010302010502010302010102010102010100",                 CKR_DATA_INVALID,
     false                                                                                                                                     },
    {"AES-128",                         "3023020100300c0608608648016503040105000410000102030405060708090a0b0c0d0e0f",   CKR_OK,           false},
    {"AES-128 without a NULL",          "3021020100300a060860864801650304010410000102030405060708090a0b0c0d0e0f",
     CKR_OK,                                                                                                                              false},
    {"AES of 17 bytes",                 "3024020100300c0608608648016503040105000411000102030405060708090a0b0c0d0e0f10",
     CKR_DATA_INVALID,                                                                                                                    false},
    {"AES with other parameters",
     "3024020100300d060860864801650304010201050410000102030405060708090a0b0c0d0e0f",                                    CKR_DATA_INVALID, false},
    {"HMAC-SHA-256 key of a byte",      "3014020100300c06082a864886f70d02090500040100",                                 CKR_OK,           false},
    {"HMAC key of no byte",             "3013020100300c06082a864886f70d020905000400",                                   CKR_DATA_INVALID, false},
    {"generic secret",                  "3017020100300d06092a864886f70d01070105000403000102",                           CKR_OK,           false},
    {"HMAC with MD5",                   "3014020100300c06082a864886f70d02060500040100",                                 CKR_DATA_INVALID, false},
    {"encrypted",                       "300b300506032b65700402aabb",                                                   CKR_DATA_INVALID, true },
    {"a number",                        "020100",                                                                       CKR_DATA_INVALID, false},
    {"nothing",                         "",                                                                             CKR_DATA_INVALID, false},
};

START_TEST(forms)
{
    struct private_parts parts;
    struct bytes der;

    ck_assert(bytes_from_hex(rows[_i].hex, strlen(rows[_i].hex), &der));
    p11_failure_clear();
    ck_assert_msg(soft_pkcs8_read(&der, &parts) == rows[_i].rv, "%s", rows[_i].what);
    ck_assert_msg(soft_pkcs8_is_encrypted(&der) == rows[_i].encrypted, "%s", rows[_i].what);
    ck_assert_int_eq(p11_failure_text()[0] != '\0', rows[_i].rv != CKR_OK);
    bytes_free(&der);
}
END_TEST

START_TEST(parts_are_views_of_the_right_bytes)
{
    struct private_parts parts;
    struct bytes der;
    uint8_t ones[32];

    memset(ones, 1, sizeof ones);
    ck_assert(bytes_from_hex(rows[0].hex, strlen(rows[0].hex), &der));
    ck_assert_uint_eq(soft_pkcs8_read(&der, &parts), CKR_OK);
    ck_assert_uint_eq(parts.type, CKK_EC);
    ck_assert_str_eq(parts.curve->name, "P-256");
    ck_assert(bytes_equal(parts.secret.data, parts.secret.size, ones, sizeof ones));
    ck_assert_uint_eq(parts.point.size, 65);
    ck_assert(parts.point.data > der.data && parts.point.data + 65 <= der.data + der.size);
    bytes_free(&der);
}
END_TEST

/* What is written is read again, whatever the type and however long. */
START_TEST(a_secret_key_survives)
{
    static const size_t sizes[] = {16, 32, 100, 127, 128, 255, 256, SECRET_MAXIMUM};
    uint8_t octets[SECRET_MAXIMUM];
    size_t count;
    const struct secret_type *types = secret_types(&count);

    memset(octets, 0xa5, sizeof octets);
    for (size_t t = 0; t < count; t++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            const struct bytes value = {octets, sizes[i]};
            struct private_parts parts;
            struct bytes der;

            if (!secret_type_has_size(&types[t], sizes[i]))
                continue;
            ck_assert_uint_eq(soft_pkcs8_write_secret(&types[t], &value, &der), CKR_OK);
            ck_assert_msg(soft_pkcs8_read(&der, &parts) == CKR_OK, "%s of %zu bytes: %s", types[t].name,
                          sizes[i], p11_failure_text());
            ck_assert_uint_eq(parts.type, types[t].type);
            ck_assert(bytes_equal(parts.secret.data, parts.secret.size, octets, sizes[i]));
            bytes_free(&der);
        }
    }
}
END_TEST

/* Each proper beginning of a key is none; the copies have exactly their size, so that a sanitizer sees a byte
 * read too far. */
START_TEST(a_cut_key_is_refused)
{
    struct bytes whole;

    if (rows[_i].rv != CKR_OK)
        return;
    ck_assert(bytes_from_hex(rows[_i].hex, strlen(rows[_i].hex), &whole));
    for (size_t size = 0; size < whole.size; size++) {
        struct private_parts parts;
        struct bytes cut;

        ck_assert(bytes_copy(&cut, whole.data, size));
        ck_assert_msg(soft_pkcs8_read(&cut, &parts) == CKR_DATA_INVALID, "%s, %zu bytes", rows[_i].what,
                      size);
        bytes_free(&cut);
    }
    bytes_free(&whole);
}
END_TEST

/* No byte changed into any other makes the reader read outside. */
START_TEST(changed_bytes_do_no_harm)
{
    struct bytes der;

    ck_assert(bytes_from_hex(rows[_i].hex, strlen(rows[_i].hex), &der));
    for (size_t i = 0; i < der.size; i++) {
        uint8_t kept = der.data[i];

        for (unsigned value = 0; value < 256; value++) {
            struct private_parts parts;

            der.data[i] = (uint8_t)value;
            soft_pkcs8_read(&der, &parts);
            soft_pkcs8_is_encrypted(&der);
        }
        der.data[i] = kept;
    }
    bytes_free(&der);
}
END_TEST

Suite *suite(void)
{
    Suite *suite = suite_create("pkcs11/soft/pkcs8");
    TCase *tcase = tcase_create("pkcs8");
    int count = (int)(sizeof rows / sizeof rows[0]);

    tcase_add_loop_test(tcase, forms, 0, count);
    tcase_add_test(tcase, parts_are_views_of_the_right_bytes);
    tcase_add_test(tcase, a_secret_key_survives);
    tcase_add_loop_test(tcase, a_cut_key_is_refused, 0, count);
    tcase_add_loop_test(tcase, changed_bytes_do_no_harm, 0, count);
    suite_add_tcase(suite, tcase);
    return suite;
}
