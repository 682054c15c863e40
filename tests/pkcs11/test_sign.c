/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/mechanism.h"
#include "pkcs11/soft/hash.h"
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <tss2/tss2_tpm2_types.h>

#include <stdlib.h>
#include <string.h>

#define SIGNATURE_MAXIMUM 512

static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE ec;
static CK_OBJECT_HANDLE rsa;
static CK_OBJECT_HANDLE rsa_signs;
static CK_BYTE message[] = "the message that is signed";

static void make(void)
{
    test_module_make(TEST_EC | TEST_RSA | TEST_RSA_SIGNS);
}

static void up(void)
{
    test_module_up();
    session = test_session();
    ec = test_find(session, CKO_PRIVATE_KEY, "ec");
    rsa = test_find(session, CKO_PRIVATE_KEY, "rsa");
    rsa_signs = test_find(session, CKO_PRIVATE_KEY, "rsa-signs");
}

/* --- verification by OpenSSL */

static EVP_PKEY *public_key(CK_OBJECT_HANDLE key)
{
    size_t size;
    unsigned char *info = test_attribute(session, key, CKA_PUBLIC_KEY_INFO, &size);
    const unsigned char *end = info;
    EVP_PKEY *pkey = d2i_PUBKEY(NULL, &end, (long)size);

    free(info);
    ck_assert_ptr_nonnull(pkey);
    return pkey;
}

static const EVP_MD *md_of(enum p11_hash hash)
{
    static const char *const names[HASH_COUNT] = {
        [HASH_SHA1] = "SHA1",     [HASH_SHA224] = "SHA224", [HASH_SHA256] = "SHA256",
        [HASH_SHA384] = "SHA384", [HASH_SHA512] = "SHA512",
    };

    return EVP_get_digestbyname(names[hash]);
}

/* r || s as the DER that OpenSSL wants. */
static size_t ecdsa_der(const CK_BYTE *signature, CK_ULONG size, unsigned char **der)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    int length;

    ECDSA_SIG_set0(sig, BN_bin2bn(signature, (int)size / 2, NULL),
                   BN_bin2bn(signature + size / 2, (int)size / 2, NULL));
    *der = NULL;
    length = i2d_ECDSA_SIG(sig, der);
    ECDSA_SIG_free(sig);
    ck_assert_int_gt(length, 0);
    return (size_t)length;
}

/* Sets up the context for a scheme; `md` is NULL when the input is no digest of a known kind. */
static void set_scheme(EVP_PKEY_CTX *context, enum p11_scheme scheme, const EVP_MD *md,
                       const CK_RSA_PKCS_PSS_PARAMS *pss)
{
    static const int paddings[] = {
        [SCHEME_PKCS1] = RSA_PKCS1_PADDING,
        [SCHEME_PSS] = RSA_PKCS1_PSS_PADDING,
        [SCHEME_RAW] = RSA_NO_PADDING,
    };

    if (scheme != SCHEME_ECDSA)
        ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(context, paddings[scheme]), 1);
    if (md != NULL)
        ck_assert_int_eq(EVP_PKEY_CTX_set_signature_md(context, md), 1);
    if (scheme == SCHEME_PSS)
        ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_pss_saltlen(context, (int)pss->sLen), 1);
}

static bool verifies(CK_OBJECT_HANDLE key, enum p11_scheme scheme, const EVP_MD *md,
                     const CK_RSA_PKCS_PSS_PARAMS *pss, const CK_BYTE *input, size_t input_size,
                     const CK_BYTE *signature, CK_ULONG size)
{
    EVP_PKEY *pkey = public_key(key);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
    unsigned char *der = NULL;
    size_t der_size = scheme == SCHEME_ECDSA ? ecdsa_der(signature, size, &der) : 0;
    bool good;

    ck_assert_int_eq(EVP_PKEY_verify_init(context), 1);
    set_scheme(context, scheme, md, pss);
    good = EVP_PKEY_verify(context, der != NULL ? der : signature, der != NULL ? der_size : size, input,
                           input_size) == 1;
    OPENSSL_free(der);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(pkey);
    return good;
}

/* --- every row */

/* A mechanism with its parameter, and what it signs: the message, or what the row takes instead. */
struct trial {
    CK_MECHANISM mechanism;
    CK_RSA_PKCS_PSS_PARAMS pss;
    CK_BYTE input[256];
    CK_ULONG input_size;
    const EVP_MD *md;
    CK_BYTE digest[EVP_MAX_MD_SIZE]; /* what OpenSSL verifies */
    unsigned digest_size;
};

static CK_RSA_PKCS_PSS_PARAMS pss_of(enum p11_hash hash)
{
    static const CK_RSA_PKCS_PSS_PARAMS params[HASH_COUNT] = {
        [HASH_SHA1] = {CKM_SHA_1,  CKG_MGF1_SHA1,   20},
          [HASH_SHA224] = {CKM_SHA224, CKG_MGF1_SHA224, 28},
        [HASH_SHA256] = {CKM_SHA256, CKG_MGF1_SHA256, 32},
          [HASH_SHA384] = {CKM_SHA384, CKG_MGF1_SHA384, 48},
        [HASH_SHA512] = {CKM_SHA512, CKG_MGF1_SHA512, 64},
    };

    return params[hash];
}

static void prepare(const struct mechanism *row, struct trial *trial)
{
    enum p11_hash hash = row->digest != HASH_NONE ? row->digest : HASH_SHA256;

    memset(trial, 0, sizeof *trial);
    trial->mechanism.mechanism = row->type;
    trial->md = md_of(hash);
    EVP_Digest(message, sizeof message, trial->digest, &trial->digest_size, trial->md, NULL);
    if (row->scheme == SCHEME_PSS) {
        trial->pss = pss_of(hash);
        trial->mechanism.pParameter = &trial->pss;
        trial->mechanism.ulParameterLen = sizeof trial->pss;
    }
    if (row->digest != HASH_NONE) {
        trial->input_size = sizeof message;
        memcpy(trial->input, message, sizeof message);
    } else if (row->scheme == SCHEME_RAW) {
        trial->input_size = sizeof trial->input;
        memset(trial->input + 1, 0x3c, sizeof trial->input - 1);
        trial->md = NULL;
    } else {
        trial->input_size = trial->digest_size;
        memcpy(trial->input, trial->digest, trial->digest_size);
        trial->md = row->scheme == SCHEME_PKCS1 ? NULL : trial->md;
    }
}

static bool trial_verifies(const struct mechanism *row, const struct trial *trial, CK_OBJECT_HANDLE key,
                           const CK_BYTE *signature, CK_ULONG size)
{
    bool raw = row->scheme == SCHEME_RAW;

    return verifies(key, row->scheme, trial->md, &trial->pss, raw ? trial->input : trial->digest,
                    raw ? trial->input_size : trial->digest_size, signature, size);
}

START_TEST(every_mechanism_signs_in_one_go_and_in_parts)
{
    size_t count;
    const struct mechanism *table = mechanism_table(&count);

    for (size_t i = 0; i < count; i++) {
        CK_OBJECT_HANDLE key = table[i].key_type == CKK_RSA ? rsa : ec;
        CK_BYTE signature[SIGNATURE_MAXIMUM];
        CK_ULONG size = sizeof signature;
        struct trial trial;

        if ((table[i].flags & CKF_SIGN) == 0 || table[i].scheme > SCHEME_ECDSA)
            continue;
        prepare(&table[i], &trial);
        ck_assert_rv_of(table[i].name, C_SignInit(session, &trial.mechanism, key), CKR_OK);
        ck_assert_rv_of(table[i].name, C_Sign(session, trial.input, trial.input_size, signature, &size),
                        CKR_OK);
        ck_assert_uint_eq(size, key == rsa ? 256 : 64);
        ck_assert_msg(trial_verifies(&table[i], &trial, key, signature, size), "%s", table[i].name);

        size = sizeof signature;
        ck_assert_rv_of(table[i].name, C_SignInit(session, &trial.mechanism, key), CKR_OK);
        ck_assert_rv(C_SignUpdate(session, trial.input, 5), CKR_OK);
        ck_assert_rv(C_SignUpdate(session, NULL, 0), CKR_OK);
        ck_assert_rv(C_SignUpdate(session, trial.input + 5, trial.input_size - 5), CKR_OK);
        ck_assert_rv_of(table[i].name, C_SignFinal(session, signature, &size), CKR_OK);
        ck_assert_msg(trial_verifies(&table[i], &trial, key, signature, size), "%s", table[i].name);
        signature[size - 1] ^= 1;
        ck_assert_msg(!trial_verifies(&table[i], &trial, key, signature, size), "%s", table[i].name);
    }
}
END_TEST

START_TEST(a_key_that_only_signs_signs_what_the_tpm_cannot_pad)
{
    static const struct {
        CK_MECHANISM_TYPE type;
        CK_RV rv;
    } rows[] = {
        {CKM_SHA256_RSA_PKCS,     CKR_OK},
        {CKM_SHA256_RSA_PKCS_PSS, CKR_OK},
        {CKM_SHA224_RSA_PKCS,     CKR_OK}, /* no TPM has SHA-224 */
        {CKM_RSA_PKCS,            CKR_OK}, /* a bare digest is no DigestInfo */
        {CKM_RSA_X_509,           CKR_OK},
    };
    CK_MECHANISM decryption = {CKM_RSA_PKCS, NULL, 0};
    size_t count;
    const struct mechanism *table = mechanism_table(&count);

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct mechanism *row = table;
        CK_BYTE signature[SIGNATURE_MAXIMUM];
        CK_ULONG size = sizeof signature;
        struct trial trial;

        while (row->type != rows[i].type)
            row++;
        prepare(row, &trial);
        ck_assert_rv_of(row->name, C_SignInit(session, &trial.mechanism, rsa_signs), CKR_OK);
        ck_assert_rv_of(row->name, C_Sign(session, trial.input, trial.input_size, signature, &size),
                        rows[i].rv);
        if (rows[i].rv == CKR_OK)
            ck_assert_msg(trial_verifies(row, &trial, rsa_signs, signature, size), "%s", row->name);
    }
    ck_assert_rv(C_DecryptInit(session, &decryption, rsa_signs), CKR_KEY_FUNCTION_NOT_PERMITTED);
}
END_TEST

START_TEST(pss_takes_every_salt_that_fits)
{
    static const struct {
        CK_RSA_PKCS_MGF_TYPE mgf;
        CK_ULONG salt;
        CK_RV rv;
    } rows[] = {
        {CKG_MGF1_SHA256, 0,   CKR_OK                     },
        {CKG_MGF1_SHA256, 20,  CKR_OK                     },
        {CKG_MGF1_SHA256, 222, CKR_OK                     },
        {CKG_MGF1_SHA256, 223, CKR_MECHANISM_PARAM_INVALID},
        {CKG_MGF1_SHA1,   32,  CKR_OK                     },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CK_RSA_PKCS_PSS_PARAMS pss = {CKM_SHA256, rows[i].mgf, rows[i].salt};
        CK_MECHANISM mechanism = {CKM_RSA_PKCS_PSS, &pss, sizeof pss};
        CK_BYTE digest[32] = {7};
        CK_BYTE signature[256];
        CK_ULONG size = sizeof signature;

        ck_assert_rv(C_SignInit(session, &mechanism, rsa), CKR_OK);
        ck_assert_rv(C_Sign(session, digest, 32, signature, &size), rows[i].rv);
        if (rows[i].rv == CKR_OK && rows[i].mgf == CKG_MGF1_SHA256)
            ck_assert(verifies(rsa, SCHEME_PSS, EVP_sha256(), &pss, digest, 32, signature, size));
    }
}
END_TEST

/* FIPS 186-4, 6.4: the leftmost bits, up to the size of the order. */
START_TEST(ecdsa_takes_digests_of_any_length)
{
    static const CK_ULONG sizes[] = {1, 20, 28, 31, 32, 33, 48, 64};
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    CK_BYTE digest[65];

    memset(digest, 0xa5, sizeof digest);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        CK_BYTE signature[64];
        CK_ULONG size = sizeof signature;

        ck_assert_rv(C_SignInit(session, &mechanism, ec), CKR_OK);
        ck_assert_rv(C_Sign(session, digest, sizes[i], signature, &size), CKR_OK);
        ck_assert_msg(verifies(ec, SCHEME_ECDSA, NULL, NULL, digest, sizes[i], signature, size), "%lu",
                      sizes[i]);
    }
}
END_TEST

START_TEST(input_of_a_wrong_length_is_refused_without_a_tpm_command)
{
    static CK_BYTE data[70000];
    CK_RSA_PKCS_PSS_PARAMS pss = {CKM_SHA256, CKG_MGF1_SHA256, 32};
    const struct {
        CK_MECHANISM mechanism;
        bool ec;
        CK_ULONG size;
    } rows[] = {
        {{CKM_ECDSA, NULL, 0},                 true,  0    },
        {{CKM_ECDSA, NULL, 0},                 true,  65   },
        {{CKM_ECDSA, NULL, 0},                 true,  70000},
        {{CKM_RSA_PKCS, NULL, 0},              false, 246  },
        {{CKM_RSA_PKCS, NULL, 0},              false, 70000},
        {{CKM_RSA_X_509, NULL, 0},             false, 257  },
        {{CKM_RSA_PKCS_PSS, &pss, sizeof pss}, false, 31   },
        {{CKM_RSA_PKCS_PSS, &pss, sizeof pss}, false, 33   },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CK_MECHANISM mechanism = rows[i].mechanism;
        CK_BYTE signature[256];
        CK_ULONG size = sizeof signature;

        ck_assert_rv(C_SignInit(session, &mechanism, rows[i].ec ? ec : rsa), CKR_OK);
        ck_assert_rv(C_Sign(session, data, rows[i].size, signature, &size), CKR_DATA_LEN_RANGE);
        ck_assert_rv(C_Sign(session, data, rows[i].size, signature, &size), CKR_OPERATION_NOT_INITIALIZED);
    }
    ck_assert_uint_eq(test_tpm_count()->total, 0);
}
END_TEST

START_TEST(a_number_beyond_the_modulus_is_refused)
{
    CK_MECHANISM mechanism = {CKM_RSA_X_509, NULL, 0};
    CK_BYTE block[256];
    CK_ULONG size = sizeof block;

    memset(block, 0xff, sizeof block);
    ck_assert_rv(C_SignInit(session, &mechanism, rsa), CKR_OK);
    ck_assert_rv(C_Sign(session, block, sizeof block, block, &size), CKR_DATA_INVALID);
}
END_TEST

/* --- what Init refuses */

static CK_OBJECT_HANDLE make_key(CK_ATTRIBUTE_TYPE type, void *value, CK_ULONG value_size)
{
    static CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE public_item = {CKA_EC_PARAMS, p256, sizeof p256};
    CK_ATTRIBUTE private_items[] = {
        {type,       value,     value_size},
        {CKA_DERIVE, &test_yes, 1         },
    };
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    ck_assert_rv(C_GenerateKeyPair(session, &mechanism, &public_item, 1, private_items, 2, &public, &private),
                 CKR_OK);
    return private;
}

START_TEST(init_refuses_with_the_exact_code)
{
    CK_MECHANISM_TYPE only_sha256[] = {CKM_ECDSA_SHA256, CKM_ECDSA_SHA384};
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
    CK_MECHANISM with_parameter = {CKM_ECDSA, only_sha256, 3};
    CK_MECHANISM rsa_pkcs = {CKM_RSA_PKCS, NULL, 0};
    CK_MECHANISM pss = {CKM_RSA_PKCS_PSS, NULL, 0};
    CK_MECHANISM unknown = {CKM_MD5, NULL, 0};
    CK_MECHANISM generates = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_OBJECT_HANDLE no_sign = make_key(CKA_SIGN, &test_no, 1);
    CK_OBJECT_HANDLE limited = make_key(CKA_ALLOWED_MECHANISMS, only_sha256, sizeof only_sha256);
    CK_OBJECT_HANDLE nothing = make_key(CKA_ALLOWED_MECHANISMS, NULL, 0);
    CK_OBJECT_HANDLE certificate;
    char *pem = test_certificate_pem("cert", 1);
    const struct {
        const char *what;
        CK_MECHANISM *mechanism;
        CK_OBJECT_HANDLE key;
        CK_RV rv;
    } rows[] = {
        {"no mechanism",                  NULL,            ec,                CKR_ARGUMENTS_BAD          },
        {"unknown mechanism",             &unknown,        ec,                CKR_MECHANISM_INVALID      },
        {"another's mechanism",           &generates,      ec,                CKR_MECHANISM_INVALID      },
        {"parameter",                     &with_parameter, ec,                CKR_MECHANISM_PARAM_INVALID},
        {"no parameter",                  &pss,            rsa,               CKR_MECHANISM_PARAM_INVALID},
        {"no key",                        &ecdsa,          CK_INVALID_HANDLE, CKR_KEY_HANDLE_INVALID     },
        {"unknown key",                   &ecdsa,          99999,             CKR_KEY_HANDLE_INVALID     },
        {"another type",                  &rsa_pkcs,       ec,                CKR_KEY_TYPE_INCONSISTENT  },
        {"another type",                  &ecdsa,          rsa,               CKR_KEY_TYPE_INCONSISTENT  },
        {"public key",                    &ecdsa,          test_find(session, CKO_PUBLIC_KEY,              "ec"), CKR_KEY_TYPE_INCONSISTENT},
        {"CKA_SIGN false",      &ecdsa,                     no_sign,                       CKR_KEY_FUNCTION_NOT_PERMITTED                                      },
        {"not allowed", &ecdsa,                limited,CKR_MECHANISM_INVALID},
        {"nothing allowed",          &ecdsa,                         nothing,                            CKR_MECHANISM_INVALID                                                          },
    };

    support_write(test_token_file("cert.pem"), pem);
    free(pem);
    certificate = test_find(session, CKO_CERTIFICATE, "cert");
    ck_assert_uint_ne(certificate, 0);
    test_tpm_count_reset();
    ck_assert_rv(C_SignInit(session, &ecdsa, certificate), CKR_KEY_HANDLE_INVALID);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_rv_of(rows[i].what, C_SignInit(session, rows[i].mechanism, rows[i].key), rows[i].rv);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    ecdsa.mechanism = CKM_ECDSA_SHA384;
    ck_assert_rv(C_SignInit(session, &ecdsa, limited), CKR_OK);
    ck_assert_rv(C_SignInit(session, &ecdsa, limited), CKR_OPERATION_ACTIVE);
}
END_TEST

/* --- lengths and order of calls */

START_TEST(asking_for_the_length_keeps_the_operation)
{
    CK_MECHANISM mechanism = {CKM_ECDSA_SHA256, NULL, 0};
    CK_BYTE signature[65];
    CK_ULONG size = 0;

    signature[64] = 0xee;
    ck_assert_rv(C_SignInit(session, &mechanism, ec), CKR_OK);
    ck_assert_rv(C_Sign(session, message, sizeof message, NULL, &size), CKR_OK);
    ck_assert_uint_eq(size, 64);
    size = 63;
    ck_assert_rv(C_Sign(session, message, sizeof message, signature, &size), CKR_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(size, 64);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    size = 65;
    ck_assert_rv(C_Sign(session, message, sizeof message, signature, &size), CKR_OK);
    ck_assert_uint_eq(size, 64);
    ck_assert_uint_eq(signature[64], 0xee);
    ck_assert_rv(C_Sign(session, message, sizeof message, signature, &size), CKR_OPERATION_NOT_INITIALIZED);
}
END_TEST

START_TEST(sign_final_too_small_keeps_the_operation)
{
    CK_MECHANISM mechanism = {CKM_ECDSA_SHA256, NULL, 0};
    CK_BYTE signature[64];
    CK_BYTE digest[32];
    CK_ULONG size = 1;

    ck_assert_rv(C_SignInit(session, &mechanism, ec), CKR_OK);
    ck_assert_rv(C_SignUpdate(session, message, sizeof message), CKR_OK);
    ck_assert_rv(C_SignFinal(session, signature, &size), CKR_BUFFER_TOO_SMALL);
    ck_assert_rv(C_SignFinal(session, NULL, &size), CKR_OK);
    ck_assert_rv(C_SignFinal(session, signature, &size), CKR_OK);
    ck_assert_rv(soft_hash_once(HASH_SHA256, message, sizeof message, digest), CKR_OK);
    ck_assert(verifies(ec, SCHEME_ECDSA, NULL, NULL, digest, 32, signature, size));
}
END_TEST

START_TEST(calls_out_of_order_are_refused)
{
    CK_MECHANISM mechanism = {CKM_ECDSA_SHA256, NULL, 0};
    CK_BYTE signature[64];
    CK_ULONG size = sizeof signature;

    ck_assert_rv(C_Sign(session, message, 1, signature, &size), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_rv(C_SignUpdate(session, message, 1), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_rv(C_SignFinal(session, signature, &size), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_rv(C_SignInit(session, &mechanism, ec), CKR_OK);
    ck_assert_rv(C_SignUpdate(session, message, 1), CKR_OK);
    ck_assert_rv(C_Sign(session, message, 1, signature, &size), CKR_OPERATION_ACTIVE);
    ck_assert_rv(C_SignFinal(session, signature, &size), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_rv(C_SignInit(session, &mechanism, ec), CKR_OK);
    ck_assert_rv(C_Sign(session, message, 1, NULL, &size), CKR_OK);
    ck_assert_rv(C_SignUpdate(session, message, 1), CKR_OPERATION_ACTIVE);
    ck_assert_rv(C_Sign(session, message, 1, signature, &size), CKR_OPERATION_NOT_INITIALIZED);
}
END_TEST

START_TEST(bad_arguments_end_the_operation)
{
    CK_MECHANISM mechanism = {CKM_ECDSA_SHA256, NULL, 0};
    CK_BYTE signature[64];
    CK_ULONG size = sizeof signature;

    ck_assert_rv(C_SignInit(session, &mechanism, ec), CKR_OK);
    ck_assert_rv(C_Sign(session, message, 1, signature, NULL), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_SignInit(session, &mechanism, ec), CKR_OK);
    ck_assert_rv(C_Sign(session, NULL, 1, signature, &size), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_SignInit(session, &mechanism, ec), CKR_OK);
    ck_assert_rv(C_SignUpdate(session, NULL, 1), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_SignFinal(session, signature, &size), CKR_OPERATION_NOT_INITIALIZED);
}
END_TEST

START_TEST(a_key_that_is_destroyed_meanwhile_still_ends_its_signature)
{
    CK_MECHANISM mechanism = {CKM_ECDSA_SHA256, NULL, 0};
    CK_SESSION_HANDLE other = test_session();
    CK_BYTE signature[64];
    CK_ULONG size = sizeof signature;

    ck_assert_rv(C_SignInit(session, &mechanism, ec), CKR_OK);
    ck_assert_rv(C_DestroyObject(other, ec), CKR_OK);
    ck_assert_rv(C_Sign(session, message, 1, signature, &size), CKR_OK);
    ck_assert_rv(C_SignInit(session, &mechanism, ec), CKR_KEY_HANDLE_INVALID);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("sign");
    TCase *t = tcase_create("sign");

    tcase_add_unchecked_fixture(t, make, NULL);
    tcase_add_checked_fixture(t, up, test_module_down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, every_mechanism_signs_in_one_go_and_in_parts);
    tcase_add_test(t, a_key_that_only_signs_signs_what_the_tpm_cannot_pad);
    tcase_add_test(t, pss_takes_every_salt_that_fits);
    tcase_add_test(t, ecdsa_takes_digests_of_any_length);
    tcase_add_test(t, input_of_a_wrong_length_is_refused_without_a_tpm_command);
    tcase_add_test(t, a_number_beyond_the_modulus_is_refused);
    tcase_add_test(t, init_refuses_with_the_exact_code);
    tcase_add_test(t, asking_for_the_length_keeps_the_operation);
    tcase_add_test(t, sign_final_too_small_keeps_the_operation);
    tcase_add_test(t, calls_out_of_order_are_refused);
    tcase_add_test(t, bad_arguments_end_the_operation);
    tcase_add_test(t, a_key_that_is_destroyed_meanwhile_still_ends_its_signature);
    suite_add_tcase(s, t);
    return s;
}
