/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/filetoken.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <string.h>

#define SIGNATURE_MAXIMUM 512

static CK_SESSION_HANDLE session;

static void up(void)
{
    filetoken_up();
    session = filetoken_session("disk");
}

static CK_RSA_PKCS_PSS_PARAMS pss_sha256_32 = {CKM_SHA256, CKG_MGF1_SHA256, 32};
static CK_RSA_PKCS_PSS_PARAMS pss_sha256_0 = {CKM_SHA256, CKG_MGF1_SHA256, 0};
static CK_RSA_PKCS_PSS_PARAMS pss_sha256_222 = {CKM_SHA256, CKG_MGF1_SHA256, 222};
static CK_RSA_PKCS_PSS_PARAMS pss_sha256_223 = {CKM_SHA256, CKG_MGF1_SHA256, 223};
static CK_RSA_PKCS_PSS_PARAMS pss_sha384_mgf1 = {CKM_SHA384, CKG_MGF1_SHA1, 17};
static CK_RSA_PKCS_PSS_PARAMS pss_sha1 = {CKM_SHA_1, CKG_MGF1_SHA1, 20};
static CK_RSA_PKCS_PSS_PARAMS pss_sha512 = {CKM_SHA512, CKG_MGF1_SHA512, 64};

/* The message is hashed by the mechanism, or `digest` names what the test hashes it with. */
static const struct signature {
    const char *name;
    CK_MECHANISM_TYPE mechanism;
    CK_RSA_PKCS_PSS_PARAMS *pss;
    const char *digest;
    bool prehash;
    const char *mgf;
} rsa_rows[] = {
    {"SHA1-PKCS",        CKM_SHA1_RSA_PKCS,       NULL,             "SHA1",   false, NULL    },
    {"SHA224-PKCS",      CKM_SHA224_RSA_PKCS,     NULL,             "SHA224", false, NULL    },
    {"SHA256-PKCS",      CKM_SHA256_RSA_PKCS,     NULL,             "SHA256", false, NULL    },
    {"SHA384-PKCS",      CKM_SHA384_RSA_PKCS,     NULL,             "SHA384", false, NULL    },
    {"SHA512-PKCS",      CKM_SHA512_RSA_PKCS,     NULL,             "SHA512", false, NULL    },
    {"SHA1-PSS",         CKM_SHA1_RSA_PKCS_PSS,   &pss_sha1,        "SHA1",   false, "SHA1"  },
    {"SHA256-PSS",       CKM_SHA256_RSA_PKCS_PSS, &pss_sha256_32,   "SHA256", false, "SHA256"},
    {"SHA512-PSS",       CKM_SHA512_RSA_PKCS_PSS, &pss_sha512,      "SHA512", false, "SHA512"},
    {"PSS",              CKM_RSA_PKCS_PSS,        &pss_sha256_32,   "SHA256", true,  "SHA256"},
    {"PSS without salt", CKM_RSA_PKCS_PSS,        &pss_sha256_0,    "SHA256", true,  "SHA256"},
    {"PSS maximum salt", CKM_RSA_PKCS_PSS,        &pss_sha256_222,  "SHA256", true,  "SHA256"},
    {"PSS other MGF",    CKM_RSA_PKCS_PSS,        &pss_sha384_mgf1, "SHA384", true,  "SHA1"  },
};

static const struct signature ec_rows[] = {
    {"ECDSA",        CKM_ECDSA,        NULL, "SHA256", true,  NULL},
    {"ECDSA 64",     CKM_ECDSA,        NULL, "SHA512", true,  NULL},
    {"ECDSA 20",     CKM_ECDSA,        NULL, "SHA1",   true,  NULL},
    {"ECDSA-SHA1",   CKM_ECDSA_SHA1,   NULL, "SHA1",   false, NULL},
    {"ECDSA-SHA224", CKM_ECDSA_SHA224, NULL, "SHA224", false, NULL},
    {"ECDSA-SHA256", CKM_ECDSA_SHA256, NULL, "SHA256", false, NULL},
    {"ECDSA-SHA384", CKM_ECDSA_SHA384, NULL, "SHA384", false, NULL},
    {"ECDSA-SHA512", CKM_ECDSA_SHA512, NULL, "SHA512", false, NULL},
};

static const char message[] = "what is signed";

static bool verify_rsa(EVP_PKEY *pkey, const struct signature *row, const uint8_t *digest, size_t digest_size,
                       const uint8_t *signature, size_t size)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
    bool good = EVP_PKEY_verify_init(context) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(context, row->pss != NULL ? RSA_PKCS1_PSS_PADDING
                                                                       : RSA_PKCS1_PADDING) == 1 &&
                EVP_PKEY_CTX_set_signature_md(context, EVP_get_digestbyname(row->digest)) == 1;

    if (good && row->pss != NULL)
        good = EVP_PKEY_CTX_set_rsa_pss_saltlen(context, (int)row->pss->sLen) == 1 &&
               EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_get_digestbyname(row->mgf)) == 1;
    good = good && EVP_PKEY_verify(context, signature, size, digest, digest_size) == 1;
    EVP_PKEY_CTX_free(context);
    return good;
}

/* Twice each, because the second time a context is there already. */
static void sign_and_verify(const struct signature *row, const char *kind, CK_OBJECT_HANDLE key,
                            EVP_PKEY *public)
{
    CK_MECHANISM mechanism = {row->mechanism, row->pss, row->pss != NULL ? sizeof *row->pss : 0};
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_size;

    EVP_Digest(message, sizeof message, digest, &digest_size, EVP_get_digestbyname(row->digest), NULL);
    for (int round = 0; round < 2; round++) {
        uint8_t signature[SIGNATURE_MAXIMUM];
        CK_ULONG size = sizeof signature;
        bool good;

        filetoken_assert_rv(filetoken_sign(session, &mechanism, key, row->prehash ? (void *)digest : message,
                                           row->prehash ? digest_size : sizeof message, signature, &size),
                            CKR_OK);
        good = EVP_PKEY_get_base_id(public) == EVP_PKEY_RSA
                   ? verify_rsa(public, row, digest, digest_size, signature, size)
                   : filetoken_verify_ecdsa(public, digest, digest_size, signature, size);
        ck_assert_msg(good, "%s with %s, round %d, does not verify", row->name, kind, round);
    }
}

static void check_kind(const char *kind, const struct signature *rows, size_t count)
{
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    EVP_PKEY *pkey;

    filetoken_assert_rv(filetoken_generate(session, kind, false, NULL, 0, &public, &private), CKR_OK);
    pkey = filetoken_public(session, public);
    for (size_t i = 0; i < count; i++)
        sign_and_verify(&rows[i], kind, private, pkey);
    EVP_PKEY_free(pkey);
}

START_TEST(rsa_signatures_verify)
{
    check_kind("RSA-2048", rsa_rows, sizeof rsa_rows / sizeof rsa_rows[0]);
}
END_TEST

START_TEST(rsa_of_3072_bits_signs)
{
    check_kind("RSA-3072", rsa_rows, 3);
}
END_TEST

START_TEST(ecdsa_signatures_verify_on_every_curve)
{
    static const char *const kinds[] = {"P-256", "P-384", "P-521"};

    for (size_t i = 0; i < 3; i++)
        check_kind(kinds[i], ec_rows, sizeof ec_rows / sizeof ec_rows[0]);
}
END_TEST

START_TEST(ed25519_signs_whole_messages)
{
    CK_MECHANISM mechanism = {CKM_EDDSA, NULL, 0};
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    uint8_t signature[64];
    uint8_t parts[64];
    CK_ULONG size = sizeof signature;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY *pkey;

    filetoken_assert_rv(filetoken_generate(session, "ED25519", false, NULL, 0, &public, &private), CKR_OK);
    filetoken_assert_rv(
        filetoken_sign(session, &mechanism, private, message, sizeof message, signature, &size), CKR_OK);
    pkey = filetoken_public(session, private);
    ck_assert_int_eq(EVP_DigestVerifyInit(context, NULL, NULL, NULL, pkey), 1);
    ck_assert_int_eq(
        EVP_DigestVerify(context, signature, size, (const unsigned char *)message, sizeof message), 1);
    filetoken_assert_rv(C_VerifyInit(session, &mechanism, public), CKR_OK);
    filetoken_assert_rv(C_Verify(session, (CK_BYTE *)(uintptr_t)message, sizeof message, signature, size),
                        CKR_OK);
    filetoken_assert_rv(C_VerifyInit(session, &mechanism, public), CKR_OK);
    filetoken_assert_rv(C_Verify(session, (CK_BYTE *)(uintptr_t)message, sizeof message - 1, signature, size),
                        CKR_SIGNATURE_INVALID);
    filetoken_assert_rv(C_VerifyInit(session, &mechanism, public), CKR_OK);
    filetoken_assert_rv(C_Verify(session, NULL, 0, signature, size), CKR_SIGNATURE_INVALID);
    filetoken_assert_rv(C_VerifyInit(session, &mechanism, public), CKR_OK);
    filetoken_assert_rv(C_Verify(session, (CK_BYTE *)(uintptr_t)message, sizeof message, signature, size - 1),
                        CKR_SIGNATURE_LEN_RANGE);
    filetoken_assert_rv(C_SignInit(session, &mechanism, private), CKR_OK);
    for (size_t i = 0; i < sizeof message; i++)
        filetoken_assert_rv(C_SignUpdate(session, (CK_BYTE *)(uintptr_t)(message + i), 1), CKR_OK);
    filetoken_assert_rv(C_SignFinal(session, parts, &size), CKR_OK);
    ck_assert_mem_eq(parts, signature, sizeof signature); /* Ed25519 is deterministic */
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pkey);
}
END_TEST

/* The bare operation turns a padded block into the signature that the padding mechanism makes. */
START_TEST(raw_rsa_is_the_bare_operation)
{
    static const uint8_t info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                   0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    CK_MECHANISM raw = {CKM_RSA_X_509, NULL, 0};
    CK_MECHANISM padded = {CKM_RSA_PKCS, NULL, 0};
    CK_MECHANISM hashed = {CKM_SHA256_RSA_PKCS, NULL, 0};
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    uint8_t block[256];
    uint8_t wanted[256];
    uint8_t got[256];
    CK_ULONG size = 256;
    uint8_t *data = block + (256 - sizeof info - 32);

    memset(block, 0xff, sizeof block);
    block[0] = 0x00;
    block[1] = 0x01;
    data[-1] = 0x00;
    memcpy(data, info, sizeof info);
    EVP_Digest(message, sizeof message, data + sizeof info, NULL, EVP_sha256(), NULL);
    filetoken_assert_rv(filetoken_generate(session, "RSA-2048", false, NULL, 0, &public, &private), CKR_OK);
    filetoken_assert_rv(filetoken_sign(session, &hashed, private, message, sizeof message, wanted, &size),
                        CKR_OK);
    filetoken_assert_rv(filetoken_sign(session, &padded, private, data, sizeof info + 32, got, &size),
                        CKR_OK);
    ck_assert_mem_eq(got, wanted, 256);
    filetoken_assert_rv(filetoken_sign(session, &raw, private, block, 256, got, &size), CKR_OK);
    ck_assert_mem_eq(got, wanted, 256);
    filetoken_assert_rv(filetoken_sign(session, &raw, private, block + 1, 255, got, &size), CKR_OK);
    ck_assert_mem_eq(got, wanted, 256);
}
END_TEST

START_TEST(refusals_have_their_codes)
{
    static const struct {
        const char *what;
        CK_MECHANISM mechanism;
        size_t size;
        CK_RV rv;
    } rows[] = {
        {"PKCS#1: 246 of 256 bytes",     {CKM_RSA_PKCS, NULL, 0},              246, CKR_DATA_LEN_RANGE         },
        {"PKCS#1: 245 of 256 bytes",     {CKM_RSA_PKCS, NULL, 0},              245, CKR_OK                     },
        {"raw: one byte too many",       {CKM_RSA_X_509, NULL, 0},             257, CKR_DATA_LEN_RANGE         },
        {"raw: not below the modulus",   {CKM_RSA_X_509, NULL, 0},             256, CKR_DATA_INVALID           },
        {"raw: short",                   {CKM_RSA_X_509, NULL, 0},             1,   CKR_OK                     },
        {"PSS: no digest of that size",
         {CKM_RSA_PKCS_PSS, &pss_sha256_32, sizeof pss_sha256_32},
         31,                                                                        CKR_DATA_LEN_RANGE         },
        {"PSS: salt one byte too large",
         {CKM_RSA_PKCS_PSS, &pss_sha256_223, sizeof pss_sha256_223},
         32,                                                                        CKR_MECHANISM_PARAM_INVALID},
        {"PSS: no parameter",            {CKM_RSA_PKCS_PSS, NULL, 0},          32,  CKR_MECHANISM_PARAM_INVALID},
        {"an EC mechanism",              {CKM_ECDSA, NULL, 0},                 32,  CKR_KEY_TYPE_INCONSISTENT  },
        {"an Edwards mechanism",         {CKM_EDDSA, NULL, 0},                 32,  CKR_KEY_TYPE_INCONSISTENT  },
        {"a mechanism that makes keys",  {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0}, 32,  CKR_MECHANISM_INVALID      },
    };
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    uint8_t data[257];

    memset(data, 0xff, sizeof data);
    filetoken_assert_rv(filetoken_generate(session, "RSA-2048", false, NULL, 0, &public, &private), CKR_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CK_MECHANISM mechanism = rows[i].mechanism;
        uint8_t signature[256];
        CK_ULONG size = sizeof signature;
        CK_RV rv = filetoken_sign(session, &mechanism, private, data, rows[i].size, signature, &size);

        ck_assert_msg(rv == rows[i].rv, "%s: 0x%lx", rows[i].what, rv);
    }
}
END_TEST

START_TEST(ecdsa_takes_digests_only)
{
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    uint8_t data[65] = {1};
    uint8_t signature[64];
    CK_ULONG size = sizeof signature;

    filetoken_assert_rv(filetoken_generate(session, "P-256", false, NULL, 0, &public, &private), CKR_OK);
    filetoken_assert_rv(filetoken_sign(session, &mechanism, private, data, 65, signature, &size),
                        CKR_DATA_LEN_RANGE);
    filetoken_assert_rv(filetoken_sign(session, &mechanism, private, data, 0, signature, &size),
                        CKR_DATA_LEN_RANGE);
    size = 63;
    filetoken_assert_rv(filetoken_sign(session, &mechanism, private, data, 32, signature, &size),
                        CKR_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(size, 64);
    filetoken_assert_rv(C_Sign(session, data, 32, signature, &size), CKR_OK);
}
END_TEST

START_TEST(eddsa_parameters)
{
    struct {
        CK_BBOOL prehashed;
        CK_ULONG context_size;
        CK_BYTE *context;
    } params = {CK_FALSE, 0, NULL};
    CK_MECHANISM mechanism = {CKM_EDDSA, &params, sizeof params};
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    filetoken_assert_rv(filetoken_generate(session, "ED25519", false, NULL, 0, &public, &private), CKR_OK);
    params.prehashed = CK_TRUE;
    filetoken_assert_rv(C_SignInit(session, &mechanism, private), CKR_MECHANISM_PARAM_INVALID);
    params.prehashed = CK_FALSE;
    params.context_size = 1;
    filetoken_assert_rv(C_SignInit(session, &mechanism, private), CKR_MECHANISM_PARAM_INVALID);
    mechanism.ulParameterLen = 1;
    filetoken_assert_rv(C_SignInit(session, &mechanism, private), CKR_MECHANISM_PARAM_INVALID);
    mechanism.ulParameterLen = sizeof params;
    params.context_size = 0;
    filetoken_assert_rv(C_SignInit(session, &mechanism, private), CKR_OK);
}
END_TEST

Suite *suite(void)
{
    Suite *suite = suite_create("pkcs11/file/sign");
    TCase *tcase = tcase_create("sign");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, up, filetoken_down);
    tcase_add_test(tcase, rsa_signatures_verify);
    tcase_add_test(tcase, rsa_of_3072_bits_signs);
    tcase_add_test(tcase, ecdsa_signatures_verify_on_every_curve);
    tcase_add_test(tcase, ed25519_signs_whole_messages);
    tcase_add_test(tcase, raw_rsa_is_the_bare_operation);
    tcase_add_test(tcase, refusals_have_their_codes);
    tcase_add_test(tcase, ecdsa_takes_digests_only);
    tcase_add_test(tcase, eddsa_parameters);
    suite_add_tcase(suite, tcase);
    return suite;
}
