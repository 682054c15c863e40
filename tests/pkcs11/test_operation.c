/* SPDX-License-Identifier: Apache-2.0 */
/* MACs: HMAC and AES-CMAC, made and checked, at once and in parts. */
#include "pkcs11/mechanism.h"
#include "tests/support/filetoken.h"
#include "tests/support/module.h"

#include <stdlib.h>
#include <string.h>

static CK_SESSION_HANDLE session;
static CK_BBOOL no = CK_FALSE;

static void up(void)
{
    filetoken_up();
    session = filetoken_session("disk");
}

#define JEFE "4a656665"
#define WANT "7768617420646f2079612077616e7420666f72206e6f7468696e673f"
#define NIST_KEY "2b7e151628aed2a6abf7158809cf4f3c"
#define NIST_40 "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411"

/* RFC 2202 and RFC 4231, test case 2; SHA-3 by Python's hmac; RFC 4493, examples 1, 2 and 3. */
static const struct known {
    CK_MECHANISM_TYPE mechanism;
    CK_MECHANISM_TYPE general;
    CK_KEY_TYPE own;
    const char *key;
    const char *data;
    const char *mac;
} known[] = {
    {CKM_SHA_1_HMAC,    CKM_SHA_1_HMAC_GENERAL,    CKK_SHA_1_HMAC,  JEFE,     WANT,
     "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"                                                                                                     },
    {CKM_SHA224_HMAC,   CKM_SHA224_HMAC_GENERAL,   CKK_SHA224_HMAC, JEFE,     WANT,
     "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44"                                                                                     },
    {CKM_SHA256_HMAC,   CKM_SHA256_HMAC_GENERAL,   CKK_SHA256_HMAC, JEFE,     WANT,
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"                                                                             },
    {CKM_SHA384_HMAC,   CKM_SHA384_HMAC_GENERAL,   CKK_SHA384_HMAC, JEFE,     WANT,
     "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"                                             },
    {CKM_SHA512_HMAC,   CKM_SHA512_HMAC_GENERAL,   CKK_SHA512_HMAC, JEFE,     WANT,
     "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
     "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"                                                                             },
    {CKM_SHA3_224_HMAC, CKM_SHA3_224_HMAC_GENERAL, 0x33UL,          JEFE,     WANT,
     "7fdb8dd88bd2f60d1b798634ad386811c2cfc85bfaf5d52bbace5e66"                                                                                     },
    {CKM_SHA3_256_HMAC, CKM_SHA3_256_HMAC_GENERAL, 0x34UL,          JEFE,     WANT,
     "c7d4072e788877ae3596bbb0da73b887c9171f93095b294ae857fbe2645e1ba5"                                                                             },
    {CKM_SHA3_384_HMAC, CKM_SHA3_384_HMAC_GENERAL, 0x35UL,          JEFE,     WANT,
     "f1101f8cbf9766fd6764d2ed61903f21ca9b18f57cf3e1a23ca13508a93243ce48c045dc007f26a21b3f5e0e9df4c20a"                                             },
    {CKM_SHA3_512_HMAC, CKM_SHA3_512_HMAC_GENERAL, 0x36UL,          JEFE,     WANT,
     "5a4bfeab6166427c7a3647b747292b8384537cdb89afb3bf5665e4c5e709350b287baec921fd7ca0ee7a0c31d022a95e1fc92ba"
     "9d77df883960275beb4e62024"                                                                                                                    },
    {CKM_AES_CMAC,      CKM_AES_CMAC_GENERAL,      CKK_AES,         NIST_KEY, "",                                 "bb1d6929e95937287fa37d129b756746"},
    {CKM_AES_CMAC,      CKM_AES_CMAC_GENERAL,      CKK_AES,         NIST_KEY, "6bc1bee22e409f96e93d7e117393172a",
     "070a16b46b4d4144f79bdd9dd04a287c"                                                                                                             },
    {CKM_AES_CMAC,      CKM_AES_CMAC_GENERAL,      CKK_AES,         NIST_KEY, NIST_40,                            "dfa66747de9ae63030ca32611497c827"},
};

#define KNOWN ((int)(sizeof known / sizeof known[0]))

/* A row of the table, ready for use. */
static struct trial {
    struct bytes key;
    struct bytes data;
    struct bytes mac;
    CK_MECHANISM mechanism;
    CK_OBJECT_HANDLE handle;
} trial;

static void set_up(int row, CK_KEY_TYPE type)
{
    ck_assert(bytes_from_hex(known[row].key, strlen(known[row].key), &trial.key));
    ck_assert(bytes_from_hex(known[row].data, strlen(known[row].data), &trial.data));
    ck_assert(bytes_from_hex(known[row].mac, strlen(known[row].mac), &trial.mac));
    trial.mechanism = (CK_MECHANISM){known[row].mechanism, NULL, 0};
    filetoken_assert_rv(
        filetoken_secret(session, type, trial.key.data, trial.key.size, NULL, 0, &trial.handle), CKR_OK);
}

static void tear_down(void)
{
    bytes_free(&trial.key);
    bytes_free(&trial.data);
    bytes_free(&trial.mac);
}

static void sign_known(void)
{
    uint8_t mac[64];
    CK_ULONG size = 0;

    /* twice: a context is used again */
    for (int i = 0; i < 2; i++) {
        filetoken_assert_rv(C_SignInit(session, &trial.mechanism, trial.handle), CKR_OK);
        filetoken_assert_rv(C_Sign(session, trial.data.data, trial.data.size, NULL, &size), CKR_OK);
        ck_assert_uint_eq(size, trial.mac.size);
        size--;
        filetoken_assert_rv(C_Sign(session, trial.data.data, trial.data.size, mac, &size),
                            CKR_BUFFER_TOO_SMALL);
        ck_assert_uint_eq(size, trial.mac.size);
        size = sizeof mac;
        filetoken_assert_rv(C_Sign(session, trial.data.data, trial.data.size, mac, &size), CKR_OK);
        ck_assert_uint_eq(size, trial.mac.size);
        ck_assert_mem_eq(mac, trial.mac.data, size);
    }
}

START_TEST(known_answers)
{
    set_up(_i, known[_i].own);
    sign_known();
    tear_down();
    if (known[_i].own == CKK_AES)
        return;
    set_up(_i, CKK_GENERIC_SECRET);
    sign_known();
    tear_down();
}
END_TEST

START_TEST(parts_are_the_whole)
{
    set_up(_i, known[_i].own);
    for (size_t cut = 0; cut <= trial.data.size; cut++) {
        uint8_t mac[64];
        CK_ULONG size = sizeof mac;

        filetoken_assert_rv(C_SignInit(session, &trial.mechanism, trial.handle), CKR_OK);
        filetoken_assert_rv(C_SignUpdate(session, trial.data.data, cut), CKR_OK);
        filetoken_assert_rv(C_SignUpdate(session, NULL, 0), CKR_OK);
        filetoken_assert_rv(C_SignUpdate(session, trial.data.data + cut, trial.data.size - cut), CKR_OK);
        filetoken_assert_rv(C_SignFinal(session, NULL, &size), CKR_OK);
        filetoken_assert_rv(C_SignFinal(session, mac, &size), CKR_OK);
        ck_assert_mem_eq(mac, trial.mac.data, trial.mac.size);
        filetoken_assert_rv(C_SignFinal(session, mac, &size), CKR_OPERATION_NOT_INITIALIZED);
        filetoken_assert_rv(C_VerifyInit(session, &trial.mechanism, trial.handle), CKR_OK);
        filetoken_assert_rv(C_VerifyUpdate(session, trial.data.data, cut), CKR_OK);
        filetoken_assert_rv(C_VerifyUpdate(session, trial.data.data + cut, trial.data.size - cut), CKR_OK);
        filetoken_assert_rv(C_VerifyFinal(session, mac, trial.mac.size), CKR_OK);
    }
    tear_down();
}
END_TEST

START_TEST(any_number_of_bytes_may_be_asked_for)
{
    CK_ULONG asked;

    set_up(_i, known[_i].own);
    trial.mechanism = (CK_MECHANISM){known[_i].general, &asked, sizeof asked};
    for (asked = 1; asked <= trial.mac.size; asked++) {
        uint8_t mac[65];
        CK_ULONG size = asked;

        memset(mac, 0xee, sizeof mac);
        filetoken_assert_rv(C_SignInit(session, &trial.mechanism, trial.handle), CKR_OK);
        filetoken_assert_rv(C_Sign(session, trial.data.data, trial.data.size, mac, &size), CKR_OK);
        ck_assert_uint_eq(size, asked);
        ck_assert_mem_eq(mac, trial.mac.data, asked);
        ck_assert_uint_eq(mac[asked], 0xee);
        filetoken_assert_rv(C_VerifyInit(session, &trial.mechanism, trial.handle), CKR_OK);
        filetoken_assert_rv(C_Verify(session, trial.data.data, trial.data.size, mac, asked), CKR_OK);
    }
    filetoken_assert_rv(C_SignInit(session, &trial.mechanism, trial.handle), CKR_MECHANISM_PARAM_INVALID);
    asked = 0;
    filetoken_assert_rv(C_SignInit(session, &trial.mechanism, trial.handle), CKR_MECHANISM_PARAM_INVALID);
    asked = CK_UNAVAILABLE_INFORMATION;
    filetoken_assert_rv(C_SignInit(session, &trial.mechanism, trial.handle), CKR_MECHANISM_PARAM_INVALID);
    trial.mechanism.pParameter = NULL;
    filetoken_assert_rv(C_SignInit(session, &trial.mechanism, trial.handle), CKR_MECHANISM_PARAM_INVALID);
    trial.mechanism = (CK_MECHANISM){known[_i].general, &asked, 4};
    filetoken_assert_rv(C_SignInit(session, &trial.mechanism, trial.handle), CKR_MECHANISM_PARAM_INVALID);
    trial.mechanism = (CK_MECHANISM){known[_i].mechanism, &asked, sizeof asked};
    filetoken_assert_rv(C_SignInit(session, &trial.mechanism, trial.handle), CKR_MECHANISM_PARAM_INVALID);
    tear_down();
}
END_TEST

/* Each bit of the MAC counts. */
START_TEST(a_changed_mac_is_refused)
{
    set_up(_i, known[_i].own);
    for (size_t bit = 0; bit < 8 * trial.mac.size; bit++) {
        trial.mac.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        filetoken_assert_rv(C_VerifyInit(session, &trial.mechanism, trial.handle), CKR_OK);
        filetoken_assert_rv(
            C_Verify(session, trial.data.data, trial.data.size, trial.mac.data, trial.mac.size),
            CKR_SIGNATURE_INVALID);
        trial.mac.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    filetoken_assert_rv(C_VerifyInit(session, &trial.mechanism, trial.handle), CKR_OK);
    filetoken_assert_rv(C_Verify(session, trial.data.data, trial.data.size, trial.mac.data, trial.mac.size),
                        CKR_OK);
    tear_down();
}
END_TEST

START_TEST(a_mac_of_the_wrong_length_is_refused)
{
    set_up(2, CKK_GENERIC_SECRET);
    for (CK_ULONG size = 0; size < 40; size++) {
        uint8_t mac[40] = {0};

        memcpy(mac, trial.mac.data, trial.mac.size);
        filetoken_assert_rv(C_VerifyInit(session, &trial.mechanism, trial.handle), CKR_OK);
        filetoken_assert_rv(C_Verify(session, trial.data.data, trial.data.size, mac, size),
                            size == 32 ? CKR_OK : CKR_SIGNATURE_LEN_RANGE);
    }
    filetoken_assert_rv(C_VerifyInit(session, &trial.mechanism, trial.handle), CKR_OK);
    filetoken_assert_rv(
        C_Verify(session, trial.data.data, trial.data.size, trial.mac.data, CK_UNAVAILABLE_INFORMATION),
        CKR_SIGNATURE_LEN_RANGE);
    filetoken_assert_rv(C_Verify(session, trial.data.data, trial.data.size, trial.mac.data, 32),
                        CKR_OPERATION_NOT_INITIALIZED);
    tear_down();
}
END_TEST

START_TEST(long_messages_come_in_parts)
{
    static uint8_t part[100000];
    uint8_t macs[2][32];
    CK_ULONG size = 32;
    uint8_t *whole = calloc(5, sizeof part);

    set_up(2, CKK_SHA256_HMAC);
    filetoken_assert_rv(C_SignInit(session, &trial.mechanism, trial.handle), CKR_OK);
    for (int i = 0; i < 5; i++)
        filetoken_assert_rv(C_SignUpdate(session, part, sizeof part), CKR_OK);
    filetoken_assert_rv(C_SignFinal(session, macs[0], &size), CKR_OK);
    filetoken_assert_rv(C_SignInit(session, &trial.mechanism, trial.handle), CKR_OK);
    filetoken_assert_rv(C_Sign(session, whole, 5 * sizeof part, macs[1], &size), CKR_OK);
    ck_assert_mem_eq(macs[0], macs[1], 32);
    free(whole);
    tear_down();
}
END_TEST

/* Two operations of one key at once do not disturb each other. */
START_TEST(a_key_works_in_two_sessions_at_once)
{
    CK_SESSION_HANDLE other = filetoken_session("disk");
    uint8_t mac[32];
    CK_ULONG size = sizeof mac;

    set_up(2, CKK_SHA256_HMAC);
    filetoken_assert_rv(C_SignInit(session, &trial.mechanism, trial.handle), CKR_OK);
    filetoken_assert_rv(C_SignUpdate(session, trial.data.data, 4), CKR_OK);
    filetoken_assert_rv(C_VerifyInit(other, &trial.mechanism, trial.handle), CKR_OK);
    filetoken_assert_rv(C_VerifyUpdate(other, trial.data.data, 9), CKR_OK);
    filetoken_assert_rv(C_SignUpdate(session, trial.data.data + 4, trial.data.size - 4), CKR_OK);
    filetoken_assert_rv(C_VerifyUpdate(other, trial.data.data + 9, trial.data.size - 9), CKR_OK);
    filetoken_assert_rv(C_SignFinal(session, mac, &size), CKR_OK);
    filetoken_assert_rv(C_VerifyFinal(other, mac, size), CKR_OK);
    /* the key goes while an operation is under way */
    filetoken_assert_rv(C_SignInit(other, &trial.mechanism, trial.handle), CKR_OK);
    filetoken_assert_rv(C_SignUpdate(other, trial.data.data, 4), CKR_OK);
    filetoken_assert_rv(C_DestroyObject(session, trial.handle), CKR_OK);
    filetoken_assert_rv(C_SignUpdate(other, trial.data.data + 4, trial.data.size - 4), CKR_OK);
    filetoken_assert_rv(C_SignFinal(other, mac, &size), CKR_OK);
    ck_assert_mem_eq(mac, trial.mac.data, size);
    tear_down();
}
END_TEST

START_TEST(keys_that_do_not_go_with_the_mechanism)
{
    CK_MECHANISM hmac = {CKM_SHA256_HMAC, NULL, 0};
    CK_MECHANISM cmac = {CKM_AES_CMAC, NULL, 0};
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
    CK_ATTRIBUTE not_sign = {CKA_SIGN, &no, sizeof no};
    CK_ATTRIBUTE not_verify = {CKA_VERIFY, &no, sizeof no};
    CK_MECHANISM_TYPE only = CKM_SHA384_HMAC;
    CK_ATTRIBUTE allowed = {CKA_ALLOWED_MECHANISMS, &only, sizeof only};
    CK_OBJECT_HANDLE keys[6];
    CK_OBJECT_HANDLE pair[2];

    filetoken_assert_rv(filetoken_secret(session, CKK_AES, JEFE JEFE, 16, NULL, 0, &keys[0]), CKR_OK);
    filetoken_assert_rv(filetoken_secret(session, CKK_SHA384_HMAC, JEFE, 4, NULL, 0, &keys[1]), CKR_OK);
    filetoken_assert_rv(filetoken_secret(session, CKK_GENERIC_SECRET, JEFE, 4, &not_sign, 1, &keys[2]),
                        CKR_OK);
    filetoken_assert_rv(filetoken_secret(session, CKK_GENERIC_SECRET, JEFE, 4, &not_verify, 1, &keys[3]),
                        CKR_OK);
    filetoken_assert_rv(filetoken_secret(session, CKK_GENERIC_SECRET, JEFE, 4, &allowed, 1, &keys[4]),
                        CKR_OK);
    filetoken_assert_rv(filetoken_generate(session, "P-256", false, NULL, 0, &pair[0], &pair[1]), CKR_OK);
    filetoken_assert_rv(C_SignInit(session, &hmac, keys[0]), CKR_KEY_TYPE_INCONSISTENT);
    filetoken_assert_rv(C_SignInit(session, &hmac, keys[1]), CKR_KEY_TYPE_INCONSISTENT);
    filetoken_assert_rv(C_SignInit(session, &cmac, keys[1]), CKR_KEY_TYPE_INCONSISTENT);
    filetoken_assert_rv(C_SignInit(session, &ecdsa, keys[0]), CKR_KEY_TYPE_INCONSISTENT);
    filetoken_assert_rv(C_SignInit(session, &hmac, pair[1]), CKR_KEY_TYPE_INCONSISTENT);
    filetoken_assert_rv(C_VerifyInit(session, &hmac, pair[0]), CKR_KEY_TYPE_INCONSISTENT);
    filetoken_assert_rv(C_SignInit(session, &hmac, keys[2]), CKR_KEY_FUNCTION_NOT_PERMITTED);
    filetoken_assert_rv(C_VerifyInit(session, &hmac, keys[3]), CKR_KEY_FUNCTION_NOT_PERMITTED);
    filetoken_assert_rv(C_SignInit(session, &hmac, keys[4]), CKR_MECHANISM_INVALID);
    filetoken_assert_rv(C_SignRecoverInit(session, &hmac, keys[2]), CKR_MECHANISM_INVALID);
    filetoken_assert_rv(C_EncryptInit(session, &hmac, keys[2]), CKR_MECHANISM_INVALID);
    filetoken_assert_rv(C_SignInit(session, &hmac, 99999), CKR_KEY_HANDLE_INVALID);
    filetoken_assert_rv(C_SignInit(session, &hmac, keys[3]), CKR_OK);
    filetoken_assert_rv(C_SignInit(session, &hmac, keys[3]), CKR_OPERATION_ACTIVE);
}
END_TEST

START_TEST(arguments_that_are_not_there_end_the_operation)
{
    uint8_t mac[32] = {0};
    CK_ULONG size = sizeof mac;

    set_up(2, CKK_GENERIC_SECRET);
    filetoken_assert_rv(C_SignInit(session, &trial.mechanism, trial.handle), CKR_OK);
    filetoken_assert_rv(C_Sign(session, NULL, 4, mac, &size), CKR_ARGUMENTS_BAD);
    filetoken_assert_rv(C_Sign(session, mac, 4, mac, &size), CKR_OPERATION_NOT_INITIALIZED);
    filetoken_assert_rv(C_SignInit(session, &trial.mechanism, trial.handle), CKR_OK);
    filetoken_assert_rv(C_Sign(session, mac, 4, mac, NULL), CKR_ARGUMENTS_BAD);
    filetoken_assert_rv(C_SignInit(session, &trial.mechanism, trial.handle), CKR_OK);
    filetoken_assert_rv(C_SignUpdate(session, NULL, CK_UNAVAILABLE_INFORMATION), CKR_ARGUMENTS_BAD);
    filetoken_assert_rv(C_SignFinal(session, mac, &size), CKR_OPERATION_NOT_INITIALIZED);
    filetoken_assert_rv(C_VerifyInit(session, &trial.mechanism, trial.handle), CKR_OK);
    filetoken_assert_rv(C_Verify(session, mac, 4, NULL, 32), CKR_ARGUMENTS_BAD);
    filetoken_assert_rv(C_VerifyFinal(session, mac, 32), CKR_OPERATION_NOT_INITIALIZED);
    tear_down();
}
END_TEST

Suite *suite(void)
{
    Suite *suite = suite_create("pkcs11/operation");
    TCase *tcase = tcase_create("mac");

    tcase_add_checked_fixture(tcase, up, filetoken_down);
    tcase_add_loop_test(tcase, known_answers, 0, KNOWN);
    tcase_add_loop_test(tcase, parts_are_the_whole, 0, KNOWN);
    tcase_add_loop_test(tcase, any_number_of_bytes_may_be_asked_for, 0, KNOWN);
    tcase_add_loop_test(tcase, a_changed_mac_is_refused, 0, KNOWN);
    tcase_add_test(tcase, a_mac_of_the_wrong_length_is_refused);
    tcase_add_test(tcase, long_messages_come_in_parts);
    tcase_add_test(tcase, a_key_works_in_two_sessions_at_once);
    tcase_add_test(tcase, keys_that_do_not_go_with_the_mechanism);
    tcase_add_test(tcase, arguments_that_are_not_there_end_the_operation);
    suite_add_tcase(suite, tcase);
    return suite;
}
