/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/mechanism.h"
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <stdlib.h>
#include <string.h>

static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE rsa_public, rsa_private, ec_public, ec_private;
static CK_BYTE data[200] = "what is signed";

static void make(void)
{
    test_module_make(TEST_EC | TEST_RSA);
}

static void up(void)
{
    test_module_up();
    session = test_session();
    rsa_public = test_find(session, CKO_PUBLIC_KEY, "rsa");
    rsa_private = test_find(session, CKO_PRIVATE_KEY, "rsa");
    ec_public = test_find(session, CKO_PUBLIC_KEY, "ec");
    ec_private = test_find(session, CKO_PRIVATE_KEY, "ec");
}

/* --- every row
 * ---------------------------------------------------------------------------------------------- */

struct pss {
    CK_MECHANISM_TYPE digest;
    CK_RSA_PKCS_MGF_TYPE mgf;
    CK_ULONG size;
};

static const struct pss pss_hashes[HASH_COUNT] = {
    [HASH_NONE] = {CKM_SHA256, CKG_MGF1_SHA256, 32},
      [HASH_SHA1] = {CKM_SHA_1,  CKG_MGF1_SHA1,   20},
    [HASH_SHA224] = {CKM_SHA224, CKG_MGF1_SHA224, 28},
      [HASH_SHA256] = {CKM_SHA256, CKG_MGF1_SHA256, 32},
    [HASH_SHA384] = {CKM_SHA384, CKG_MGF1_SHA384, 48},
      [HASH_SHA512] = {CKM_SHA512, CKG_MGF1_SHA512, 64},
};

static CK_RSA_PKCS_PSS_PARAMS pss_parameters;

static CK_MECHANISM mechanism_of(const struct mechanism *row)
{
    CK_MECHANISM mechanism = {row->type, NULL, 0};

    if (row->scheme == SCHEME_PSS) {
        const struct pss *pss = &pss_hashes[row->digest];

        pss_parameters = (CK_RSA_PKCS_PSS_PARAMS){pss->digest, pss->mgf, pss->size};
        mechanism.pParameter = &pss_parameters;
        mechanism.ulParameterLen = sizeof pss_parameters;
    }
    return mechanism;
}

static CK_ULONG data_size(const struct mechanism *row)
{
    return row->digest != HASH_NONE ? 14 : row->scheme == SCHEME_PSS ? 32 : 20;
}

static CK_ULONG sign(const struct mechanism *row, CK_BYTE signature[512])
{
    CK_MECHANISM mechanism = mechanism_of(row);
    CK_ULONG size = 512;

    ck_assert_rv_of(row->name,
                    C_SignInit(session, &mechanism, row->key_type == CKK_RSA ? rsa_private : ec_private),
                    CKR_OK);
    ck_assert_rv_of(row->name, C_Sign(session, data, data_size(row), signature, &size), CKR_OK);
    return size;
}

static void begin(const struct mechanism *row)
{
    CK_MECHANISM mechanism = mechanism_of(row);

    ck_assert_rv_of(row->name,
                    C_VerifyInit(session, &mechanism, row->key_type == CKK_RSA ? rsa_public : ec_public),
                    CKR_OK);
}

/* The rows that sign with key pairs, one after the other; NULL after the last. */
static const struct mechanism *next_row(size_t *i)
{
    size_t count;
    const struct mechanism *rows = mechanism_table(&count);

    while (*i < count) {
        const struct mechanism *row = &rows[(*i)++];
        CK_MECHANISM_INFO info;

        if ((row->flags & CKF_SIGN) == 0 || (row->key_type != CKK_RSA && row->key_type != CKK_EC) ||
            C_GetMechanismInfo(test_slot("device"), row->type, &info) != CKR_OK)
            continue;
        return row;
    }
    return NULL;
}

START_TEST(what_every_row_signs_verifies_without_the_tpm)
{
    const struct mechanism *row;
    CK_BYTE signature[512];

    for (size_t i = 0; (row = next_row(&i)) != NULL;) {
        CK_ULONG size = sign(row, signature);

        ck_assert_msg((row->flags & CKF_VERIFY) != 0, "%s", row->name);
        test_tpm_count_reset();
        begin(row);
        ck_assert_rv_of(row->name, C_Verify(session, data, data_size(row), signature, size), CKR_OK);
        begin(row);
        ck_assert_rv_of(row->name, C_VerifyUpdate(session, data, 5), CKR_OK);
        ck_assert_rv_of(row->name, C_VerifyUpdate(session, data + 5, data_size(row) - 5), CKR_OK);
        ck_assert_rv_of(row->name, C_VerifyFinal(session, signature, size), CKR_OK);
        ck_assert_uint_eq(test_tpm_count()->total, 0);
    }
}
END_TEST

/* A program may leave out zeros in front, the same for both numbers (PKCS#11 2.40 current mechanisms, 2.3.1).
 * On P-521 every fourth signature has a zero in front of both. */
START_TEST(short_ecdsa_signatures_are_judged)
{
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    CK_BYTE signature[132];
    CK_ULONG size = sizeof signature;
    int tries = 0;

    ck_assert_rv(test_generate_ec(session, "P-521", "long", false, &public, &private), CKR_OK);
    do {
        ck_assert_int_lt(tries++, 1000);
        ck_assert_rv(C_SignInit(session, &mechanism, private), CKR_OK);
        ck_assert_rv(C_Sign(session, data, 64, signature, &size), CKR_OK);
    } while (signature[0] != 0 || signature[66] != 0);
    memmove(signature, signature + 1, 65);
    memmove(signature + 65, signature + 67, 65);
    for (CK_ULONG cut = 0; cut < 4; cut++) {
        static const CK_RV wanted[] = {CKR_OK, CKR_SIGNATURE_LEN_RANGE, CKR_SIGNATURE_INVALID,
                                       CKR_SIGNATURE_LEN_RANGE};

        ck_assert_rv(C_VerifyInit(session, &mechanism, public), CKR_OK);
        ck_assert_rv(C_Verify(session, data, 64, signature, 130 - cut), wanted[cut]);
    }
    ck_assert_rv(C_VerifyInit(session, &mechanism, public), CKR_OK);
    ck_assert_rv(C_Verify(session, data, 64, signature, 0), CKR_SIGNATURE_LEN_RANGE);
}
END_TEST

START_TEST(every_row_refuses_other_data_and_signatures)
{
    const struct mechanism *row;
    CK_BYTE signature[512];

    for (size_t i = 0; (row = next_row(&i)) != NULL;) {
        CK_ULONG size = sign(row, signature);

        begin(row);
        data[3] ^= 1;
        ck_assert_rv_of(row->name, C_Verify(session, data, data_size(row), signature, size),
                        CKR_SIGNATURE_INVALID);
        data[3] ^= 1;
        for (CK_ULONG at = 0; at < size; at += size / 7) {
            signature[at] ^= 0x10;
            begin(row);
            ck_assert_rv_of(row->name, C_Verify(session, data, data_size(row), signature, size),
                            CKR_SIGNATURE_INVALID);
            signature[at] ^= 0x10;
        }
        begin(row);
        ck_assert_rv_of(row->name, C_Verify(session, data, data_size(row), signature, size - 1),
                        CKR_SIGNATURE_LEN_RANGE);
        begin(row);
        ck_assert_rv_of(row->name, C_Verify(session, data, data_size(row), signature, size + 1),
                        CKR_SIGNATURE_LEN_RANGE);
        ck_assert_rv_of(row->name, C_Verify(session, data, data_size(row), signature, size),
                        CKR_OPERATION_NOT_INITIALIZED);
        begin(row);
        memset(signature, 0, size);
        ck_assert_rv_of(row->name, C_Verify(session, data, data_size(row), signature, size),
                        CKR_SIGNATURE_INVALID);
    }
}
END_TEST

START_TEST(data_that_no_signature_can_cover_is_out_of_range)
{
    static const struct {
        CK_MECHANISM_TYPE type;
        CK_ULONG size;
    } rows[] = {
        {CKM_RSA_PKCS,     246},
        {CKM_RSA_X_509,    257},
        {CKM_RSA_PKCS_PSS, 31 },
        {CKM_ECDSA,        65 },
        {CKM_ECDSA,        0  },
    };
    CK_BYTE zeros[300] = {0};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mechanism row = {.type = rows[i].type,
                                .name = "row",
                                .key_type = rows[i].type == CKM_ECDSA ? CKK_EC : CKK_RSA,
                                .scheme = rows[i].type == CKM_RSA_PKCS_PSS ? SCHEME_PSS : SCHEME_RAW};

        begin(&row);
        ck_assert_rv(C_Verify(session, zeros, rows[i].size, zeros, row.key_type == CKK_EC ? 64 : 256),
                     CKR_DATA_LEN_RANGE);
    }
}
END_TEST

START_TEST(a_pss_signature_with_another_salt_length_is_none)
{
    CK_BYTE signature[512];
    CK_RSA_PKCS_PSS_PARAMS parameters = {CKM_SHA256, CKG_MGF1_SHA256, 11};
    CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS_PSS, &parameters, sizeof parameters};
    CK_ULONG size = sizeof signature;

    ck_assert_rv(C_SignInit(session, &mechanism, rsa_private), CKR_OK);
    ck_assert_rv(C_Sign(session, data, 14, signature, &size), CKR_OK);
    ck_assert_rv(C_VerifyInit(session, &mechanism, rsa_public), CKR_OK);
    ck_assert_rv(C_Verify(session, data, 14, signature, size), CKR_OK);
    parameters.sLen = 12;
    ck_assert_rv(C_VerifyInit(session, &mechanism, rsa_public), CKR_OK);
    ck_assert_rv(C_Verify(session, data, 14, signature, size), CKR_SIGNATURE_INVALID);
}
END_TEST

/* --- the calls' own rules
 * ------------------------------------------------------------------------------------- */

START_TEST(init_refuses_what_cannot_verify)
{
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
    CK_MECHANISM rsa = {CKM_RSA_PKCS, NULL, 0};
    CK_MECHANISM generate = {CKM_EC_KEY_PAIR_GEN, NULL, 0};

    ck_assert_rv(C_VerifyInit(session, NULL, ec_public), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_VerifyInit(session + 1, &ecdsa, ec_public), CKR_SESSION_HANDLE_INVALID);
    ck_assert_rv(C_VerifyInit(session, &ecdsa, 9999), CKR_KEY_HANDLE_INVALID);
    ck_assert_rv(C_VerifyInit(session, &ecdsa, ec_private), CKR_KEY_TYPE_INCONSISTENT);
    ck_assert_rv(C_VerifyInit(session, &rsa, ec_public), CKR_KEY_TYPE_INCONSISTENT);
    ck_assert_rv(C_VerifyInit(session, &generate, ec_public), CKR_MECHANISM_INVALID);
    ck_assert_rv(C_Verify(session, data, 20, data, 64), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_rv(C_VerifyUpdate(session, data, 20), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_rv(C_VerifyFinal(session, data, 64), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_rv(C_VerifyInit(session, &ecdsa, ec_public), CKR_OK);
    ck_assert_rv(C_VerifyInit(session, &ecdsa, ec_public), CKR_OPERATION_ACTIVE);
}
END_TEST

START_TEST(bad_arguments_end_the_verification)
{
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};

    ck_assert_rv(C_VerifyInit(session, &ecdsa, ec_public), CKR_OK);
    ck_assert_rv(C_Verify(session, data, 20, NULL, 64), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_Verify(session, data, 20, data, 64), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_rv(C_VerifyInit(session, &ecdsa, ec_public), CKR_OK);
    ck_assert_rv(C_Verify(session, NULL, 20, data, 64), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_VerifyInit(session, &ecdsa, ec_public), CKR_OK);
    ck_assert_rv(C_VerifyUpdate(session, NULL, 20), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_VerifyFinal(session, data, 64), CKR_OPERATION_NOT_INITIALIZED);
}
END_TEST

START_TEST(one_shot_after_update_is_refused)
{
    CK_MECHANISM ecdsa = {CKM_ECDSA_SHA256, NULL, 0};

    ck_assert_rv(C_VerifyInit(session, &ecdsa, ec_public), CKR_OK);
    ck_assert_rv(C_VerifyUpdate(session, data, 3), CKR_OK);
    ck_assert_rv(C_Verify(session, data, 20, data, 64), CKR_OPERATION_ACTIVE);
    ck_assert_rv(C_VerifyFinal(session, data, 64), CKR_OPERATION_NOT_INITIALIZED);
}
END_TEST

START_TEST(a_key_with_cka_verify_false_is_refused)
{
    CK_BYTE params[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    CK_MECHANISM generate = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
    CK_ATTRIBUTE items[] = {
        {CKA_EC_PARAMS, params,   sizeof params },
        {CKA_VERIFY,    &test_no, sizeof test_no},
    };
    CK_OBJECT_HANDLE public, private;

    ck_assert_rv(C_GenerateKeyPair(session, &generate, items, 2, NULL, 0, &public, &private), CKR_OK);
    ck_assert_rv(C_VerifyInit(session, &ecdsa, public), CKR_KEY_FUNCTION_NOT_PERMITTED);
}
END_TEST

/* --- recovery
 * --------------------------------------------------------------------------------------------------- */

static void recovering_pair(CK_OBJECT_HANDLE *public, CK_OBJECT_HANDLE *private)
{
    CK_ULONG bits = 2048;
    CK_MECHANISM generate = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE public_items[] = {
        {CKA_MODULUS_BITS,   &bits,     sizeof bits    },
        {CKA_VERIFY_RECOVER, &test_yes, sizeof test_yes},
    };
    CK_ATTRIBUTE private_items[] = {
        {CKA_SIGN_RECOVER, &test_yes, sizeof test_yes},
        {CKA_DECRYPT,      &test_yes, sizeof test_yes},
    };

    ck_assert_rv(C_GenerateKeyPair(session, &generate, public_items, 2, private_items, 2, public, private),
                 CKR_OK);
}

static void recovers(CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE public, CK_OBJECT_HANDLE private,
                     CK_ULONG wanted)
{
    CK_MECHANISM mechanism = {type, NULL, 0};
    CK_BYTE signature[256];
    CK_BYTE recovered[256] = {0};
    CK_ULONG size = 0;

    ck_assert_rv(C_SignRecoverInit(session, &mechanism, private), CKR_OK);
    ck_assert_rv(C_SignRecover(session, data, 14, NULL, &size), CKR_OK);
    ck_assert_uint_eq(size, 256);
    ck_assert_rv(C_SignRecover(session, data, 14, signature, &size), CKR_OK);
    ck_assert_rv(C_VerifyRecoverInit(session, &mechanism, public), CKR_OK);
    ck_assert_rv(C_VerifyRecover(session, signature, 256, NULL, &size), CKR_OK);
    ck_assert_uint_eq(size, wanted);
    size = wanted - 1;
    ck_assert_rv(C_VerifyRecover(session, signature, 256, recovered, &size), CKR_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(size, wanted);
    ck_assert_rv(C_VerifyRecover(session, signature, 256, recovered, &size), CKR_OK);
    ck_assert_mem_eq(recovered + (wanted - 14), data, 14);
    ck_assert_rv(C_VerifyRecover(session, signature, 256, recovered, &size), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_rv(C_VerifyRecoverInit(session, &mechanism, public), CKR_OK);
    ck_assert_rv(C_VerifyRecover(session, signature, 255, recovered, &size), CKR_SIGNATURE_LEN_RANGE);
    ck_assert_rv(C_VerifyRecoverInit(session, &mechanism, public), CKR_OK);
    ck_assert_rv(C_VerifyRecover(session, signature, 256, recovered, NULL), CKR_ARGUMENTS_BAD);
    if (type == CKM_RSA_PKCS) {
        signature[100] ^= 1;
        ck_assert_rv(C_VerifyRecoverInit(session, &mechanism, public), CKR_OK);
        ck_assert_rv(C_VerifyRecover(session, signature, 256, recovered, &size), CKR_SIGNATURE_INVALID);
    }
}

START_TEST(data_is_recovered_from_rsa_signatures)
{
    CK_OBJECT_HANDLE public, private;

    recovering_pair(&public, &private);
    recovers(CKM_RSA_PKCS, public, private, 14);
    recovers(CKM_RSA_X_509, public, private, 256);
}
END_TEST

START_TEST(recovery_needs_the_attribute_and_a_row_that_recovers)
{
    CK_MECHANISM pkcs = {CKM_RSA_PKCS, NULL, 0};
    CK_MECHANISM hashed = {CKM_SHA256_RSA_PKCS, NULL, 0};
    CK_ULONG size = 0;

    ck_assert_rv(C_VerifyRecoverInit(session, &pkcs, rsa_public), CKR_KEY_FUNCTION_NOT_PERMITTED);
    ck_assert_rv(C_SignRecoverInit(session, &pkcs, rsa_private), CKR_KEY_FUNCTION_NOT_PERMITTED);
    ck_assert_rv(C_VerifyRecoverInit(session, &hashed, rsa_public), CKR_MECHANISM_INVALID);
    ck_assert_rv(C_SignRecoverInit(session, &hashed, rsa_private), CKR_MECHANISM_INVALID);
    ck_assert_rv(C_VerifyRecover(session, data, 256, NULL, &size), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_rv(C_SignRecover(session, data, 20, NULL, &size), CKR_OPERATION_NOT_INITIALIZED);
}
END_TEST

Suite *suite(void)
{
    Suite *suite = suite_create("verify");
    TCase *rows = tcase_create("rows");
    TCase *calls = tcase_create("calls");

    tcase_set_timeout(rows, 120);
    tcase_add_unchecked_fixture(rows, make, NULL);
    tcase_add_checked_fixture(rows, up, test_module_down);
    tcase_add_test(rows, what_every_row_signs_verifies_without_the_tpm);
    tcase_add_test(rows, short_ecdsa_signatures_are_judged);
    tcase_add_test(rows, every_row_refuses_other_data_and_signatures);
    tcase_add_test(rows, data_that_no_signature_can_cover_is_out_of_range);
    tcase_add_test(rows, a_pss_signature_with_another_salt_length_is_none);
    suite_add_tcase(suite, rows);
    tcase_set_timeout(calls, 120);
    tcase_add_checked_fixture(calls, up, test_module_down);
    tcase_add_test(calls, init_refuses_what_cannot_verify);
    tcase_add_test(calls, bad_arguments_end_the_verification);
    tcase_add_test(calls, one_shot_after_update_is_refused);
    tcase_add_test(calls, a_key_with_cka_verify_false_is_refused);
    tcase_add_test(calls, data_is_recovered_from_rsa_signatures);
    tcase_add_test(calls, recovery_needs_the_attribute_and_a_row_that_recovers);
    suite_add_tcase(suite, calls);
    return suite;
}
