/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that do two things at once come to the same as two calls. */
#include "common/bytes.h"
#include "tests/support/filetoken.h"

#include <string.h>

#define SIZE 100

static CK_SESSION_HANDLE session;
static CK_SESSION_HANDLE other;
static CK_OBJECT_HANDLE aes;
static CK_OBJECT_HANDLE hmac_key;
static uint8_t plain[SIZE];
static uint8_t encrypted[SIZE + 16];
static CK_ULONG encrypted_size;
static uint8_t digest[32];
static uint8_t mac[32];
static uint8_t iv[16] = {1, 2, 3};
static CK_MECHANISM cbc = {CKM_AES_CBC_PAD, iv, sizeof iv};
static CK_MECHANISM sha256 = {CKM_SHA256, NULL, 0};
static CK_MECHANISM hmac = {CKM_SHA256_HMAC, NULL, 0};

/* What the one-shot calls say is what is wanted. */
static void up(void)
{
    CK_ULONG size = 32;

    filetoken_up();
    session = filetoken_session("disk");
    other = filetoken_session("disk");
    for (size_t i = 0; i < SIZE; i++)
        plain[i] = (uint8_t)(7 * i);
    filetoken_assert_rv(filetoken_secret(session, CKK_AES, plain, 32, NULL, 0, &aes), CKR_OK);
    filetoken_assert_rv(filetoken_secret(session, CKK_GENERIC_SECRET, plain, 20, NULL, 0, &hmac_key), CKR_OK);
    encrypted_size = sizeof encrypted;
    filetoken_assert_rv(C_EncryptInit(session, &cbc, aes), CKR_OK);
    filetoken_assert_rv(C_Encrypt(session, plain, SIZE, encrypted, &encrypted_size), CKR_OK);
    filetoken_assert_rv(C_DigestInit(session, &sha256), CKR_OK);
    filetoken_assert_rv(C_Digest(session, plain, SIZE, digest, &size), CKR_OK);
    filetoken_assert_rv(C_SignInit(session, &hmac, hmac_key), CKR_OK);
    filetoken_assert_rv(C_Sign(session, plain, SIZE, mac, &size), CKR_OK);
}

typedef CK_RV dual_update(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG in_size, CK_BYTE *out,
                          CK_ULONG *size);

/* Feeds everything in parts of 13 bytes, in place or not; each part is asked for its length, and tried with
 * too little room. Answers how much came out. */
static size_t feed(dual_update *update, const uint8_t *in, size_t in_size, bool in_place, uint8_t *out)
{
    size_t made = 0;

    for (size_t at = 0; at < in_size;) {
        size_t part = in_size - at < 13 ? in_size - at : 13;
        uint8_t buffer[64];
        uint8_t apart[64];
        uint8_t *to = in_place ? buffer : apart;
        CK_ULONG told = 0;
        CK_ULONG size;

        memcpy(buffer, in + at, part);
        filetoken_assert_rv(update(session, buffer, part, NULL, &told), CKR_OK);
        if (told != 0) {
            size = told - 1;
            filetoken_assert_rv(update(session, buffer, part, to, &size), CKR_BUFFER_TOO_SMALL);
            ck_assert_uint_eq(size, told);
        }
        size = told;
        filetoken_assert_rv(update(session, buffer, part, to, &size), CKR_OK);
        ck_assert_uint_eq(size, told);
        memcpy(out + made, to, size);
        made += size;
        at += part;
    }
    return made;
}

static void check_encrypted(dual_update *update, bool in_place)
{
    uint8_t out[2 * SIZE];
    size_t made = feed(update, plain, SIZE, in_place, out);
    CK_ULONG size = sizeof out - made;

    filetoken_assert_rv(C_EncryptFinal(session, out + made, &size), CKR_OK);
    ck_assert_uint_eq(made + size, encrypted_size);
    ck_assert_mem_eq(out, encrypted, encrypted_size);
}

/* Answers what the end of the decryption brought, which is for the caller to pass on. */
static size_t check_decrypted(dual_update *update, bool in_place, uint8_t out[2 * SIZE], size_t *made)
{
    CK_ULONG size;

    *made = feed(update, encrypted, encrypted_size, in_place, out);
    size = 2 * SIZE - *made;
    filetoken_assert_rv(C_DecryptFinal(session, out + *made, &size), CKR_OK);
    ck_assert_uint_eq(*made + size, SIZE);
    ck_assert_mem_eq(out, plain, SIZE);
    return size;
}

START_TEST(digest_and_encrypt)
{
    uint8_t out[32];
    CK_ULONG size = sizeof out;

    filetoken_assert_rv(C_DigestInit(session, &sha256), CKR_OK);
    filetoken_assert_rv(C_EncryptInit(session, &cbc, aes), CKR_OK);
    check_encrypted(C_DigestEncryptUpdate, _i != 0);
    filetoken_assert_rv(C_DigestFinal(session, out, &size), CKR_OK);
    ck_assert_mem_eq(out, digest, 32);
}
END_TEST

START_TEST(decrypt_and_digest)
{
    uint8_t text[2 * SIZE];
    uint8_t out[32];
    CK_ULONG size = sizeof out;
    size_t made;
    size_t last;

    filetoken_assert_rv(C_DigestInit(session, &sha256), CKR_OK);
    filetoken_assert_rv(C_DecryptInit(session, &cbc, aes), CKR_OK);
    last = check_decrypted(C_DecryptDigestUpdate, _i != 0, text, &made);
    filetoken_assert_rv(C_DigestUpdate(session, text + made, last), CKR_OK);
    filetoken_assert_rv(C_DigestFinal(session, out, &size), CKR_OK);
    ck_assert_mem_eq(out, digest, 32);
}
END_TEST

START_TEST(sign_and_encrypt)
{
    uint8_t out[32];
    CK_ULONG size = sizeof out;

    filetoken_assert_rv(C_SignInit(session, &hmac, hmac_key), CKR_OK);
    filetoken_assert_rv(C_EncryptInit(session, &cbc, aes), CKR_OK);
    check_encrypted(C_SignEncryptUpdate, _i != 0);
    filetoken_assert_rv(C_SignFinal(session, out, &size), CKR_OK);
    ck_assert_mem_eq(out, mac, 32);
}
END_TEST

START_TEST(decrypt_and_verify)
{
    uint8_t text[2 * SIZE];
    size_t made;
    size_t last;

    filetoken_assert_rv(C_VerifyInit(session, &hmac, hmac_key), CKR_OK);
    filetoken_assert_rv(C_DecryptInit(session, &cbc, aes), CKR_OK);
    last = check_decrypted(C_DecryptVerifyUpdate, _i != 0, text, &made);
    filetoken_assert_rv(C_VerifyUpdate(session, text + made, last), CKR_OK);
    filetoken_assert_rv(C_VerifyFinal(session, mac, 32), CKR_OK);
}
END_TEST

static dual_update *const updates[] = {C_DigestEncryptUpdate, C_DecryptDigestUpdate, C_SignEncryptUpdate,
                                       C_DecryptVerifyUpdate};

static void begin_all(void)
{
    filetoken_assert_rv(C_DigestInit(session, &sha256), CKR_OK);
    filetoken_assert_rv(C_SignInit(session, &hmac, hmac_key), CKR_OK);
    filetoken_assert_rv(C_VerifyInit(session, &hmac, hmac_key), CKR_OK);
    filetoken_assert_rv(C_EncryptInit(session, &cbc, aes), CKR_OK);
    filetoken_assert_rv(C_DecryptInit(session, &cbc, aes), CKR_OK);
}

/* Each with the half that it must have besides left out. */
START_TEST(both_must_be_active)
{
    uint8_t out[64];
    CK_ULONG size = sizeof out;

    filetoken_assert_rv(updates[_i](session, plain, 16, out, &size), CKR_OPERATION_NOT_INITIALIZED);
    if (_i % 2 == 0)
        filetoken_assert_rv(C_EncryptInit(session, &cbc, aes), CKR_OK);
    else
        filetoken_assert_rv(C_DecryptInit(session, &cbc, aes), CKR_OK);
    filetoken_assert_rv(updates[_i](session, plain, 16, out, &size), CKR_OPERATION_NOT_INITIALIZED);
    filetoken_assert_rv(C_DigestInit(other, &sha256), CKR_OK);
    filetoken_assert_rv(C_SignInit(other, &hmac, hmac_key), CKR_OK);
    filetoken_assert_rv(C_VerifyInit(other, &hmac, hmac_key), CKR_OK);
    filetoken_assert_rv(updates[_i](other, plain, 16, out, &size), CKR_OPERATION_NOT_INITIALIZED);
}
END_TEST

START_TEST(a_failure_ends_both_and_nothing_else)
{
    uint8_t out[64];
    CK_ULONG size = sizeof out;
    bool encrypts = _i % 2 == 0;

    begin_all();
    filetoken_assert_rv(updates[_i](session, NULL, 16, out, &size), CKR_ARGUMENTS_BAD);
    filetoken_assert_rv(C_EncryptUpdate(session, plain, 16, out, &size),
                        encrypts ? CKR_OPERATION_NOT_INITIALIZED : CKR_OK);
    size = sizeof out;
    filetoken_assert_rv(C_DecryptUpdate(session, encrypted, 16, out, &size),
                        encrypts ? CKR_OK : CKR_OPERATION_NOT_INITIALIZED);
    filetoken_assert_rv(C_DigestUpdate(session, plain, 1), _i < 2 ? CKR_OPERATION_NOT_INITIALIZED : CKR_OK);
    filetoken_assert_rv(C_SignUpdate(session, plain, 1), _i == 2 ? CKR_OPERATION_NOT_INITIALIZED : CKR_OK);
    filetoken_assert_rv(C_VerifyUpdate(session, plain, 1), _i == 3 ? CKR_OPERATION_NOT_INITIALIZED : CKR_OK);
}
END_TEST

START_TEST(an_answer_needs_a_place)
{
    uint8_t out[64];

    begin_all();
    filetoken_assert_rv(updates[_i](session, plain, 16, out, NULL), CKR_ARGUMENTS_BAD);
    filetoken_assert_rv(updates[_i](session, plain, 16, out, &(CK_ULONG){64}), CKR_OPERATION_NOT_INITIALIZED);
}
END_TEST

Suite *suite(void)
{
    Suite *suite = suite_create("pkcs11/dual");
    TCase *tcase = tcase_create("dual");

    tcase_add_checked_fixture(tcase, up, filetoken_down);
    tcase_add_loop_test(tcase, digest_and_encrypt, 0, 2);
    tcase_add_loop_test(tcase, decrypt_and_digest, 0, 2);
    tcase_add_loop_test(tcase, sign_and_encrypt, 0, 2);
    tcase_add_loop_test(tcase, decrypt_and_verify, 0, 2);
    tcase_add_loop_test(tcase, both_must_be_active, 0, 4);
    tcase_add_loop_test(tcase, a_failure_ends_both_and_nothing_else, 0, 4);
    tcase_add_loop_test(tcase, an_answer_needs_a_place, 0, 4);
    suite_add_tcase(suite, tcase);
    return suite;
}
