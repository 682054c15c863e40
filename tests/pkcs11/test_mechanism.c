/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/mechanism.h"
#include "tests/support/module.h"

#include <stdio.h>
#include <string.h>

static CK_SESSION_HANDLE session;
static CK_SLOT_ID slot;

/* A token of a TPM that is never asked: what it can do stands in its token.conf. */
static void open_token(const char *abilities)
{
    test_module_environment();
    test_write_token("device", abilities);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    slot = test_slot("device");
    session = test_session();
}

static void open_able_token(void)
{
    open_token("curves = P-256 P-384\nrsa = 2048 3072\naes = 128 256\nhashes = sha1 sha256\n");
}

static bool is_listed(CK_MECHANISM_TYPE type)
{
    CK_MECHANISM_TYPE list[64];
    CK_ULONG count = 64;

    ck_assert_rv(C_GetMechanismList(slot, list, &count), CKR_OK);
    for (CK_ULONG i = 0; i < count; i++)
        if (list[i] == type)
            return true;
    return false;
}

/* Software's, whatever the TPM can do. */
static bool is_digest(const struct mechanism *row)
{
    return row->flags == CKF_DIGEST;
}

/* Done with no key of a type. */
static bool is_keyless(const struct mechanism *row)
{
    return is_digest(row) || row->scheme == SCHEME_TSS2_KEY;
}

/* The types of keys that this TPM has, and their sizes as C_GetMechanismInfo says them. */
static const struct {
    CK_KEY_TYPE type;
    CK_ULONG minimum;
    CK_ULONG maximum;
} served_types[] = {
    {CKK_RSA,            2048, 3072      },
    {CKK_EC,             256,  384       },
    {CKK_AES,            16,   32        },
    {CKK_GENERIC_SECRET, 8,    8UL * 4096},
    {CKK_SHA_1_HMAC,     8,    8UL * 4096},
    {CKK_SHA256_HMAC,    8,    8UL * 4096},
};

/* Of which the place in the table; negative: none. */
static int served_type(const struct mechanism *row)
{
    for (size_t i = 0; i < sizeof served_types / sizeof served_types[0]; i++)
        if (served_types[i].type == row->key_type)
            return (int)i;
    return -1;
}

/* What a TPM token does; the rest of the table is other tokens'. */
static bool is_served(const struct mechanism *row)
{
    static const bool others[] = {
        [SCHEME_EDDSA] = true,        [SCHEME_HKDF] = true, [SCHEME_KEY_WRAP] = true,
        [SCHEME_KEY_WRAP_PAD] = true, [SCHEME_CMAC] = true, [SCHEME_GCM] = true};

    if (row->scheme < sizeof others / sizeof others[0] && others[row->scheme])
        return false;
    return is_keyless(row) || served_type(row) >= 0;
}

/* A TPM's AES keys encrypt, but wrap no keys. */
static CK_FLAGS served_flags(const struct mechanism *row)
{
    CK_FLAGS flags = row->flags | CKF_HW;

    return row->key_type == CKK_AES ? flags & ~(CK_FLAGS)(CKF_WRAP | CKF_UNWRAP) : flags;
}

static size_t served_rows(void)
{
    size_t count;
    const struct mechanism *table = mechanism_table(&count);
    size_t served = 0;

    for (size_t i = 0; i < count; i++)
        served += is_served(&table[i]);
    return served;
}

START_TEST(each_row_is_listed_and_has_info)
{
    size_t count;
    const struct mechanism *table = mechanism_table(&count);
    CK_ULONG listed = 0;

    ck_assert_rv(C_GetMechanismList(slot, NULL, &listed), CKR_OK);
    ck_assert_uint_eq(listed, served_rows());
    for (size_t i = 0; i < count; i++) {
        CK_MECHANISM_INFO info;

        if (!is_served(&table[i])) {
            ck_assert_msg(!is_listed(table[i].type), "%s", table[i].name);
            continue;
        }
        ck_assert_msg(strncmp(table[i].name, "CKM_", 4) == 0, "%s", table[i].name);
        ck_assert_msg(is_listed(table[i].type), "%s", table[i].name);
        ck_assert_rv_of(table[i].name, C_GetMechanismInfo(slot, table[i].type, &info), CKR_OK);
        if (is_digest(&table[i])) {
            ck_assert_msg(info.flags == CKF_DIGEST && info.ulMaxKeySize == 0, "%s", table[i].name);
            continue;
        }
        ck_assert_msg(info.flags == served_flags(&table[i]), "%s", table[i].name);
        if (is_keyless(&table[i])) {
            ck_assert_uint_eq(info.ulMaxKeySize, 0);
            continue;
        }
        if (table[i].scheme == SCHEME_CREDENTIAL) { /* endorsement keys are of one size */
            ck_assert(info.ulMinKeySize == 2048 && info.ulMaxKeySize == 2048);
            continue;
        }
        ck_assert_uint_eq(info.ulMinKeySize, served_types[served_type(&table[i])].minimum);
        ck_assert_uint_eq(info.ulMaxKeySize, served_types[served_type(&table[i])].maximum);
    }
}
END_TEST

START_TEST(no_mechanism_has_two_rows)
{
    size_t count;
    const struct mechanism *table = mechanism_table(&count);

    for (size_t i = 0; i < count; i++)
        for (size_t k = i + 1; k < count; k++)
            ck_assert_msg(table[i].type != table[k].type, "%s", table[i].name);
}
END_TEST

START_TEST(what_has_no_row_is_refused)
{
    CK_MECHANISM mechanism = {CKM_DES_ECB, NULL, 0};
    CK_MECHANISM_INFO info;

    ck_assert_rv(C_GetMechanismInfo(slot, CKM_DES_ECB, &info), CKR_MECHANISM_INVALID);
    ck_assert_rv(C_SignInit(session, &mechanism, 1), CKR_MECHANISM_INVALID);
}
END_TEST

/* The Init calls by flag. Each is given a good mechanism and a handle or template that is not: a row that
 * permits the operation gets past the mechanism. */
static CK_RV begin_sign(CK_MECHANISM *mechanism)
{
    return C_SignInit(session, mechanism, 999);
}

static CK_RV begin_verify(CK_MECHANISM *mechanism)
{
    return C_VerifyInit(session, mechanism, 999);
}

static CK_RV begin_sign_recover(CK_MECHANISM *mechanism)
{
    return C_SignRecoverInit(session, mechanism, 999);
}

static CK_RV begin_encrypt(CK_MECHANISM *mechanism)
{
    return C_EncryptInit(session, mechanism, 999);
}

static CK_RV begin_decrypt(CK_MECHANISM *mechanism)
{
    return C_DecryptInit(session, mechanism, 999);
}

static CK_RV begin_verify_recover(CK_MECHANISM *mechanism)
{
    return C_VerifyRecoverInit(session, mechanism, 999);
}

/* Ends what it began. */
static CK_RV begin_digest(CK_MECHANISM *mechanism)
{
    CK_RV rv = C_DigestInit(session, mechanism);
    CK_BYTE digest[64];
    CK_ULONG size = sizeof digest;

    return rv == CKR_OK ? C_DigestFinal(session, digest, &size) : rv;
}

static CK_RV begin_generate_pair(CK_MECHANISM *mechanism)
{
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    return C_GenerateKeyPair(session, mechanism, NULL, 0, NULL, 0, &public, &private);
}

static CK_RV begin_derive(CK_MECHANISM *mechanism)
{
    CK_OBJECT_HANDLE key;

    return C_DeriveKey(session, mechanism, 999, NULL, 0, &key);
}

/* CKM_DEVID_TSS2_KEY has no key that wraps, and looks at the next thing that is wrong. */
static CK_RV begin_wrap(CK_MECHANISM *mechanism)
{
    CK_ULONG size = 0;
    CK_RV rv = C_WrapKey(session, mechanism, 999, 999, NULL, &size);

    return rv == CKR_KEY_HANDLE_INVALID ? CKR_WRAPPING_KEY_HANDLE_INVALID : rv;
}

static CK_RV begin_unwrap(CK_MECHANISM *mechanism)
{
    CK_BYTE wrapped[] = {0};
    CK_OBJECT_HANDLE key;
    CK_RV rv = C_UnwrapKey(session, mechanism, 999, wrapped, 1, NULL, 0, &key);

    return rv == CKR_WRAPPED_KEY_INVALID ? CKR_UNWRAPPING_KEY_HANDLE_INVALID : rv;
}

static const struct {
    const char *name;
    CK_FLAGS flag;
    CK_RV (*begin)(CK_MECHANISM *mechanism);
    CK_RV past_the_mechanism;
} operations[] = {
    {"C_SignInit",          CKF_SIGN,              begin_sign,           CKR_KEY_HANDLE_INVALID           },
    {"C_SignRecoverInit",   CKF_SIGN_RECOVER,      begin_sign_recover,   CKR_KEY_HANDLE_INVALID           },
    {"C_VerifyInit",        CKF_VERIFY,            begin_verify,         CKR_KEY_HANDLE_INVALID           },
    {"C_VerifyRecoverInit", CKF_VERIFY_RECOVER,    begin_verify_recover, CKR_KEY_HANDLE_INVALID           },
    {"C_EncryptInit",       CKF_ENCRYPT,           begin_encrypt,        CKR_KEY_HANDLE_INVALID           },
    {"C_DecryptInit",       CKF_DECRYPT,           begin_decrypt,        CKR_KEY_HANDLE_INVALID           },
    {"C_DigestInit",        CKF_DIGEST,            begin_digest,         CKR_OK                           },
    {"C_GenerateKeyPair",   CKF_GENERATE_KEY_PAIR, begin_generate_pair,  CKR_TEMPLATE_INCOMPLETE          },
    {"C_DeriveKey",         CKF_DERIVE,            begin_derive,         CKR_KEY_HANDLE_INVALID           },
    {"C_WrapKey",           CKF_WRAP,              begin_wrap,           CKR_WRAPPING_KEY_HANDLE_INVALID  },
    {"C_UnwrapKey",         CKF_UNWRAP,            begin_unwrap,         CKR_UNWRAPPING_KEY_HANDLE_INVALID},
};

START_TEST(a_row_permits_what_its_flags_say_and_nothing_else)
{
    size_t count;
    const struct mechanism *table = mechanism_table(&count);

    for (size_t o = 0; o < sizeof operations / sizeof operations[0]; o++) {
        for (size_t i = 0; i < count; i++) {
            CK_MECHANISM mechanism = {table[i].type, NULL, 0};
            bool permitted = is_served(&table[i]) && (table[i].flags & operations[o].flag) != 0;
            char name[128];

            snprintf(name, sizeof name, "%s with %s", operations[o].name, table[i].name);
            ck_assert_rv_of(name, operations[o].begin(&mechanism),
                            permitted ? operations[o].past_the_mechanism : CKR_MECHANISM_INVALID);
        }
    }
}
END_TEST

START_TEST(the_list_keeps_the_two_call_rule)
{
    CK_MECHANISM_TYPE list[64];
    CK_ULONG count = 1;

    list[1] = 0x1234;
    ck_assert_rv(C_GetMechanismList(slot, list, &count), CKR_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(count, served_rows());
    ck_assert_uint_eq(list[1], 0x1234);
    ck_assert_rv(C_GetMechanismList(slot, list, NULL), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_GetMechanismInfo(slot, CKM_ECDSA, NULL), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_GetMechanismList(slot + 77, NULL, &count), CKR_SLOT_ID_INVALID);
    ck_assert_rv(C_GetMechanismList(test_slot(NULL), NULL, &count), CKR_TOKEN_NOT_RECOGNIZED);
}
END_TEST

START_TEST(parameters_are_checked_row_by_row)
{
    size_t count;
    const struct mechanism *table = mechanism_table(&count);

    for (size_t i = 0; i < count; i++) {
        CK_RSA_PKCS_PSS_PARAMS pss = {CKM_SHA256, CKG_MGF1_SHA256, 32};
        CK_MECHANISM mechanism = {table[i].type, &pss, sizeof pss};
        struct p11_parameters parameters = {0};
        bool takes =
            table[i].scheme == SCHEME_PSS && (table[i].digest == HASH_NONE || table[i].digest == HASH_SHA256);

        ck_assert_rv_of(table[i].name, table[i].parse(&mechanism, &table[i], &parameters),
                        takes ? CKR_OK : CKR_MECHANISM_PARAM_INVALID);
    }
}
END_TEST

START_TEST(pss_parameters_must_make_sense)
{
    static const struct {
        const char *what;
        CK_RSA_PKCS_PSS_PARAMS params;
        CK_RV rv;
    } rows[] = {
        {"sha256",           {CKM_SHA256, CKG_MGF1_SHA256, 32},           CKR_OK                     },
        {"another MGF",      {CKM_SHA256, CKG_MGF1_SHA1, 0},              CKR_OK                     },
        {"unknown hash",     {CKM_MD5, CKG_MGF1_SHA256, 32},              CKR_MECHANISM_PARAM_INVALID},
        {"unknown MGF",      {CKM_SHA256, 77, 32},                        CKR_MECHANISM_PARAM_INVALID},
        {"salt too long",    {CKM_SHA256, CKG_MGF1_SHA256, 513},          CKR_MECHANISM_PARAM_INVALID},
        {"salt of all bits", {CKM_SHA256, CKG_MGF1_SHA256, (CK_ULONG)-1}, CKR_MECHANISM_PARAM_INVALID},
    };
    size_t count;
    const struct mechanism *table = mechanism_table(&count);

    while (table->type != CKM_RSA_PKCS_PSS)
        table++;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CK_RSA_PKCS_PSS_PARAMS params = rows[i].params;
        CK_MECHANISM mechanism = {CKM_RSA_PKCS_PSS, &params, sizeof params};
        struct p11_parameters parameters = {0};

        ck_assert_rv_of(rows[i].what, table->parse(&mechanism, table, &parameters), rows[i].rv);
        mechanism.ulParameterLen--;
        ck_assert_rv_of(rows[i].what, table->parse(&mechanism, table, &parameters),
                        CKR_MECHANISM_PARAM_INVALID);
        mechanism = (CK_MECHANISM){CKM_RSA_PKCS_PSS, NULL, sizeof params};
        ck_assert_rv_of(rows[i].what, table->parse(&mechanism, table, &parameters),
                        CKR_MECHANISM_PARAM_INVALID);
    }
}
END_TEST

START_TEST(a_tpm_without_rsa_offers_none)
{
    size_t count;
    const struct mechanism *table = mechanism_table(&count);

    C_Finalize(NULL);
    open_token("curves = P-256\nhashes = sha256\n");
    for (size_t i = 0; i < count; i++) {
        CK_MECHANISM mechanism = {table[i].type, NULL, 0};
        CK_MECHANISM_INFO info;
        bool ec = is_keyless(&table[i]) ||
                  (is_served(&table[i]) &&
                   (table[i].key_type == CKK_EC || table[i].key_type == CKK_GENERIC_SECRET ||
                    table[i].key_type == CKK_SHA256_HMAC));

        ck_assert_msg(is_listed(table[i].type) == ec, "%s", table[i].name);
        ck_assert_rv_of(table[i].name, C_GetMechanismInfo(slot, table[i].type, &info),
                        ec ? CKR_OK : CKR_MECHANISM_INVALID);
        if (!ec)
            ck_assert_rv_of(table[i].name, begin_sign(&mechanism), CKR_MECHANISM_INVALID);
    }
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("mechanism");
    TCase *t = tcase_create("mechanism");

    tcase_add_unchecked_fixture(t, test_module_environment, NULL);
    tcase_add_checked_fixture(t, open_able_token, test_module_down);
    tcase_add_test(t, each_row_is_listed_and_has_info);
    tcase_add_test(t, no_mechanism_has_two_rows);
    tcase_add_test(t, what_has_no_row_is_refused);
    tcase_add_test(t, a_row_permits_what_its_flags_say_and_nothing_else);
    tcase_add_test(t, the_list_keeps_the_two_call_rule);
    tcase_add_test(t, parameters_are_checked_row_by_row);
    tcase_add_test(t, pss_parameters_must_make_sense);
    tcase_add_test(t, a_tpm_without_rsa_offers_none);
    suite_add_tcase(s, t);
    return s;
}
