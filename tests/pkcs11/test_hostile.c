/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Callers who do everything wrong: each function gets NULL, lengths of CK_UNAVAILABLE_INFORMATION and near
 * overflow, handles that are stale, templates that make no sense, one wrong argument at a time and two at a
 * time, with operations under way and without. It has to refuse, exactly where the standard says how, and the
 * token has to work afterwards. Worth most under the sanitizers. All of it on a file token and on a TPM
 * token, and for the functions of PKCS#11 3.0.
 */
#include "pkcs11/pkcs11-3.0.h"
#include "tests/support/filetoken.h"
#include "tests/support/module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARGUMENTS 10
#define BUFFER_SIZE 8192
#define STALE_OBJECT 99999
#define STALE_SESSION 88888
#define STALE_SLOT 77777

/* --- the functions: what kind each argument is of
 * ---------------------------------------------------------------
 * s session   k object handle   i slot   f flags (good: read-write session)   u user type   b CK_BBOOL
 * m mechanism   t template and n its count   d data and l its length   p a struct or pin that may be NULL
 * o output and L where its length is   O a struct that is written   H where a handle goes   R reserved
 */
#define S(x) ((CK_ULONG)a[x])
#define P(x) ((void *)a[x])
#define CALL(name, ...)                                                                                      \
    static CK_RV call_##name(const uintptr_t *a)                                                             \
    {                                                                                                        \
        (void)a;                                                                                             \
        return name(__VA_ARGS__);                                                                            \
    }

CALL(C_GetInfo, P(0))
CALL(C_GetSlotList, (CK_BBOOL)a[0], P(1), P(2))
CALL(C_GetSlotInfo, S(0), P(1))
CALL(C_GetTokenInfo, S(0), P(1))
CALL(C_GetMechanismList, S(0), P(1), P(2))
CALL(C_GetMechanismInfo, S(0), S(1), P(2))
CALL(C_InitToken, S(0), P(1), S(2), P(3))
CALL(C_InitPIN, S(0), P(1), S(2))
CALL(C_SetPIN, S(0), P(1), S(2), P(3), S(4))
CALL(C_OpenSession, S(0), S(1), P(2), (CK_NOTIFY)0, P(3))
CALL(C_CloseSession, S(0))
CALL(C_CloseAllSessions, S(0))
CALL(C_GetSessionInfo, S(0), P(1))
CALL(C_GetOperationState, S(0), P(1), P(2))
CALL(C_SetOperationState, S(0), P(1), S(2), S(3), S(4))
CALL(C_Login, S(0), S(1), P(2), S(3))
CALL(C_Logout, S(0))
CALL(C_CreateObject, S(0), P(1), S(2), P(3))
CALL(C_CopyObject, S(0), S(1), P(2), S(3), P(4))
CALL(C_DestroyObject, S(0), S(1))
CALL(C_GetObjectSize, S(0), S(1), P(2))
CALL(C_GetAttributeValue, S(0), S(1), P(2), S(3))
CALL(C_SetAttributeValue, S(0), S(1), P(2), S(3))
CALL(C_FindObjectsInit, S(0), P(1), S(2))
CALL(C_FindObjects, S(0), P(1), S(2), P(3))
CALL(C_FindObjectsFinal, S(0))
CALL(C_EncryptInit, S(0), P(1), S(2))
CALL(C_Encrypt, S(0), P(1), S(2), P(3), P(4))
CALL(C_EncryptUpdate, S(0), P(1), S(2), P(3), P(4))
CALL(C_EncryptFinal, S(0), P(1), P(2))
CALL(C_DecryptInit, S(0), P(1), S(2))
CALL(C_Decrypt, S(0), P(1), S(2), P(3), P(4))
CALL(C_DecryptUpdate, S(0), P(1), S(2), P(3), P(4))
CALL(C_DecryptFinal, S(0), P(1), P(2))
CALL(C_DigestInit, S(0), P(1))
CALL(C_Digest, S(0), P(1), S(2), P(3), P(4))
CALL(C_DigestUpdate, S(0), P(1), S(2))
CALL(C_DigestKey, S(0), S(1))
CALL(C_DigestFinal, S(0), P(1), P(2))
CALL(C_SignInit, S(0), P(1), S(2))
CALL(C_Sign, S(0), P(1), S(2), P(3), P(4))
CALL(C_SignUpdate, S(0), P(1), S(2))
CALL(C_SignFinal, S(0), P(1), P(2))
CALL(C_SignRecoverInit, S(0), P(1), S(2))
CALL(C_SignRecover, S(0), P(1), S(2), P(3), P(4))
CALL(C_VerifyInit, S(0), P(1), S(2))
CALL(C_Verify, S(0), P(1), S(2), P(3), S(4))
CALL(C_VerifyUpdate, S(0), P(1), S(2))
CALL(C_VerifyFinal, S(0), P(1), S(2))
CALL(C_VerifyRecoverInit, S(0), P(1), S(2))
CALL(C_VerifyRecover, S(0), P(1), S(2), P(3), P(4))
CALL(C_DigestEncryptUpdate, S(0), P(1), S(2), P(3), P(4))
CALL(C_DecryptDigestUpdate, S(0), P(1), S(2), P(3), P(4))
CALL(C_SignEncryptUpdate, S(0), P(1), S(2), P(3), P(4))
CALL(C_DecryptVerifyUpdate, S(0), P(1), S(2), P(3), P(4))
CALL(C_GenerateKey, S(0), P(1), P(2), S(3), P(4))
CALL(C_GenerateKeyPair, S(0), P(1), P(2), S(3), P(4), S(5), P(6), P(7))
CALL(C_WrapKey, S(0), P(1), S(2), S(3), P(4), P(5))
CALL(C_UnwrapKey, S(0), P(1), S(2), P(3), S(4), P(5), S(6), P(7))
CALL(C_DeriveKey, S(0), P(1), S(2), P(3), S(4), P(5))
CALL(C_SeedRandom, S(0), P(1), S(2))
CALL(C_GenerateRandom, S(0), P(1), S(2))
CALL(C_GetFunctionStatus, S(0))
CALL(C_CancelFunction, S(0))
CALL(C_WaitForSlotEvent, S(0), P(1), P(2))
CALL(C_LoginUser, S(0), S(1), P(2), S(3), P(4), S(5))
CALL(C_SessionCancel, S(0), S(1))
CALL(C_Finalize, P(0))

/* What 3.0's message functions are in the function list. */
CALL(message_init, S(0), P(1), S(2))
CALL(message_final, S(0))
CALL(message_crypt, S(0), P(1), S(2), P(3), S(4), P(5), S(6), P(7), P(8))
CALL(message_crypt_begin, S(0), P(1), S(2), P(3), S(4))
CALL(message_crypt_next, S(0), P(1), S(2), P(3), S(4), P(5), P(6), S(7))
CALL(message_sign, S(0), P(1), S(2), P(3), S(4), P(5), P(6))
CALL(message_begin, S(0), P(1), S(2))
CALL(message_verify, S(0), P(1), S(2), P(3), S(4), P(5), S(6))

#define ROW(name, kinds)                                                                                     \
    {                                                                                                        \
#name, kinds, call_##name                                                                            \
    }

static const struct row {
    const char *name;
    const char *kinds;
    CK_RV (*call)(const uintptr_t *arguments);
} rows[] = {
    ROW(C_GetInfo, "O"),
    ROW(C_GetSlotList, "boL"),
    ROW(C_GetSlotInfo, "iO"),
    ROW(C_GetTokenInfo, "iO"),
    ROW(C_GetMechanismList, "ioL"),
    ROW(C_GetMechanismInfo, "ifO"),
    ROW(C_InitToken, "iplO"),
    ROW(C_InitPIN, "spl"),
    ROW(C_SetPIN, "splpl"),
    ROW(C_OpenSession, "ifpH"),
    ROW(C_CloseSession, "s"),
    ROW(C_CloseAllSessions, "i"),
    ROW(C_GetSessionInfo, "sO"),
    ROW(C_GetOperationState, "soL"),
    ROW(C_SetOperationState, "sdlkk"),
    ROW(C_Login, "supl"),
    ROW(C_Logout, "s"),
    ROW(C_CreateObject, "stnH"),
    ROW(C_CopyObject, "sktnH"),
    ROW(C_DestroyObject, "sk"),
    ROW(C_GetObjectSize, "skO"),
    ROW(C_GetAttributeValue, "sktn"),
    ROW(C_SetAttributeValue, "sktn"),
    ROW(C_FindObjectsInit, "stn"),
    ROW(C_FindObjects, "soxL"),
    ROW(C_FindObjectsFinal, "s"),
    ROW(C_EncryptInit, "smk"),
    ROW(C_Encrypt, "sdloL"),
    ROW(C_EncryptUpdate, "sdloL"),
    ROW(C_EncryptFinal, "soL"),
    ROW(C_DecryptInit, "smk"),
    ROW(C_Decrypt, "sdloL"),
    ROW(C_DecryptUpdate, "sdloL"),
    ROW(C_DecryptFinal, "soL"),
    ROW(C_DigestInit, "sm"),
    ROW(C_Digest, "sdloL"),
    ROW(C_DigestUpdate, "sdl"),
    ROW(C_DigestKey, "sk"),
    ROW(C_DigestFinal, "soL"),
    ROW(C_SignInit, "smk"),
    ROW(C_Sign, "sdloL"),
    ROW(C_SignUpdate, "sdl"),
    ROW(C_SignFinal, "soL"),
    ROW(C_SignRecoverInit, "smk"),
    ROW(C_SignRecover, "sdloL"),
    ROW(C_VerifyInit, "smk"),
    ROW(C_Verify, "sdldl"),
    ROW(C_VerifyUpdate, "sdl"),
    ROW(C_VerifyFinal, "sdl"),
    ROW(C_VerifyRecoverInit, "smk"),
    ROW(C_VerifyRecover, "sdloL"),
    ROW(C_DigestEncryptUpdate, "sdloL"),
    ROW(C_DecryptDigestUpdate, "sdloL"),
    ROW(C_SignEncryptUpdate, "sdloL"),
    ROW(C_DecryptVerifyUpdate, "sdloL"),
    ROW(C_GenerateKey, "smtnH"),
    ROW(C_GenerateKeyPair, "smtntnHH"),
    ROW(C_WrapKey, "smkkoL"),
    ROW(C_UnwrapKey, "smkdltnH"),
    ROW(C_DeriveKey, "smktnH"),
    ROW(C_SeedRandom, "sdl"),
    ROW(C_GenerateRandom, "sol"),
    ROW(C_GetFunctionStatus, "s"),
    ROW(C_CancelFunction, "s"),
    ROW(C_WaitForSlotEvent, "xOR"),
    ROW(C_LoginUser, "suplpl"),
    ROW(C_SessionCancel, "sf"),
    ROW(message_init, "smk"),
    ROW(message_final, "s"),
    ROW(message_crypt, "spldldloL"),
    ROW(message_crypt_begin, "spldl"),
    ROW(message_crypt_next, "spldloLf"),
    ROW(message_sign, "spldloL"),
    ROW(message_begin, "spl"),
    ROW(message_verify, "spldldl"),
    ROW(C_Finalize, "R"),
};

#define ROWS (sizeof rows / sizeof rows[0])

/* --- what is good, and what is not
 * ---------------------------------------------------------------------------- */

static const char *token; /* its label */
static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE ec_private;
static CK_OBJECT_HANDLE ec_public;
static CK_OBJECT_HANDLE rsa_private;
static CK_SLOT_ID slot;

static CK_BBOOL yes = CK_TRUE;
static CK_OBJECT_CLASS data_class = CKO_DATA;
static CK_OBJECT_CLASS secret_class = CKO_SECRET_KEY;
static CK_OBJECT_CLASS no_class = 0x12345678;
static CK_BYTE input[64];
static CK_BYTE output[BUFFER_SIZE];
static CK_ULONG output_size;
static CK_OBJECT_HANDLE handle_out[2];
static CK_BYTE structure[512];
static CK_BYTE small[4];

static CK_MECHANISM mechanisms[] = {
    {CKM_ECDSA,                  NULL,  0                             },
    {CKM_SHA256,                 NULL,  0                             },
    {CKM_RSA_PKCS,               NULL,  0                             },
    {CKM_EC_KEY_PAIR_GEN,        NULL,  0                             },
    {CKM_ECDSA,                  input, CK_UNAVAILABLE_INFORMATION    },
    {CKM_RSA_PKCS_PSS,           NULL,  sizeof(CK_RSA_PKCS_PSS_PARAMS)},
    {CKM_RSA_PKCS_PSS,           input, sizeof(CK_RSA_PKCS_PSS_PARAMS)},
    {CKM_RSA_PKCS_OAEP,          input, 1                             },
    {CKM_AES_GCM,                input, (CK_ULONG)-8                  },
    {CKM_ECDH1_DERIVE,           input, sizeof(CK_ECDH1_DERIVE_PARAMS)},
    {CK_UNAVAILABLE_INFORMATION, NULL,  0                             },
};

static CK_ATTRIBUTE inner[] = {
    {CKA_LABEL, NULL,  CK_UNAVAILABLE_INFORMATION},
    {CKA_SIGN,  small, 2                         },
};

/* All of three attributes. A call may write to them, so each gets a fresh copy. */
enum {
    GOOD,
    NULL_VALUES,
    ENDLESS_VALUES,
    WRONG_CLASS,
    GIVEN_TWICE,
    SHORT_VALUES,
    NESTED,
    NESTED_WRONG,
    TEMPLATES
};

static const CK_ATTRIBUTE templates_as_made[TEMPLATES][3] = {
    [GOOD] =
        {
                {CKA_CLASS, &data_class, sizeof data_class},
                {CKA_TOKEN, &yes, sizeof yes},
                {CKA_VALUE, input, sizeof input},
                },
    [NULL_VALUES] =
        {
                {CKA_CLASS, NULL, sizeof data_class},
                {CKA_TOKEN, NULL, 1},
                {CKA_VALUE, NULL, 10},
                },
    [ENDLESS_VALUES] =
        {
                {CKA_CLASS, &data_class, sizeof data_class},
                {CKA_VALUE, input, CK_UNAVAILABLE_INFORMATION},
                {CKA_LABEL, input, (CK_ULONG)-4},
                },
    [WRONG_CLASS] =
        {
                {CKA_CLASS, &no_class, sizeof no_class},
                {CKA_TOKEN, &yes, sizeof yes},
                {CKA_VALUE, input, 1},
                },
    [GIVEN_TWICE] =
        {
                {CKA_CLASS, &data_class, sizeof data_class},
                {CKA_LABEL, input, 1},
                {CKA_LABEL, input + 1, 2},
                },
    [SHORT_VALUES] =
        {
                {CKA_CLASS, small, 3},
                {CKA_TOKEN, small, 0},
                {CKA_VALUE_LEN, small, 1},
                },
    [NESTED] =
        {
                {CKA_CLASS, &data_class, sizeof data_class},
                {CKA_WRAP_TEMPLATE, input, sizeof input},
                {CK_UNAVAILABLE_INFORMATION, input, sizeof input},
                },
    [NESTED_WRONG] =
        {
                {CKA_CLASS, &secret_class, sizeof secret_class},
                {CKA_UNWRAP_TEMPLATE, inner, sizeof inner},
                {CKA_WRAP_TEMPLATE, inner, (CK_ULONG)-16},
                },
};
static CK_ATTRIBUTE templates[TEMPLATES][3];

struct value {
    char kind;
    uintptr_t value;
};

#define V(kind, x)                                                                                           \
    {                                                                                                        \
        kind, (uintptr_t)(x)                                                                                 \
    }

/* The first of a kind is the good one; those that only the fixture knows come from good_of. */
static const struct value values[] = {
    V('s', STALE_SESSION),
    V('s', CK_INVALID_HANDLE),
    V('s', CK_UNAVAILABLE_INFORMATION),
    V('k', STALE_OBJECT),
    V('k', CK_INVALID_HANDLE),
    V('k', CK_UNAVAILABLE_INFORMATION),
    V('i', STALE_SLOT),
    V('i', CK_UNAVAILABLE_INFORMATION),
    V('f', 0),
    V('f', CK_UNAVAILABLE_INFORMATION),
    V('u', CKU_SO),
    V('u', CKU_CONTEXT_SPECIFIC),
    V('u', CK_UNAVAILABLE_INFORMATION),
    V('b', 0x80),
    V('m', NULL),
    V('m', &mechanisms[1]),
    V('m', &mechanisms[2]),
    V('m', &mechanisms[3]),
    V('m', &mechanisms[4]),
    V('m', &mechanisms[5]),
    V('m', &mechanisms[6]),
    V('m', &mechanisms[7]),
    V('m', &mechanisms[8]),
    V('m', &mechanisms[9]),
    V('m', &mechanisms[10]),
    V('t', NULL),
    V('t', templates[NULL_VALUES]),
    V('t', templates[ENDLESS_VALUES]),
    V('t', templates[WRONG_CLASS]),
    V('t', templates[GIVEN_TWICE]),
    V('t', templates[SHORT_VALUES]),
    V('t', templates[NESTED]),
    V('t', templates[NESTED_WRONG]),
    V('n', 0),
    V('n', 1),
    V('n', CK_UNAVAILABLE_INFORMATION),
    V('n', (CK_ULONG)-1 / sizeof(CK_ATTRIBUTE) + 2),
    V('d', NULL),
    V('l', 0),
    V('l', 1),
    V('l', CK_UNAVAILABLE_INFORMATION),
    V('l', (CK_ULONG)-9),
    V('l', (CK_ULONG)-1 >> 1),
    V('p', NULL),
    V('o', NULL),
    V('L', NULL),
    V('O', NULL),
    V('H', NULL),
    V('x', 0),
    V('x', CK_UNAVAILABLE_INFORMATION),
    V('R', input),
};

#define VALUES (sizeof values / sizeof values[0])

static uintptr_t good_of(char kind)
{
    switch (kind) {
    case 's':
        return session;
    case 'k':
        return ec_private;
    case 'i':
        return slot;
    case 'f':
        return CKF_SERIAL_SESSION | CKF_RW_SESSION;
    case 'u':
        return CKU_USER;
    case 'm':
        return (uintptr_t)&mechanisms[0];
    case 't':
        return (uintptr_t)templates[GOOD];
    case 'n':
        return 3;
    case 'd':
    case 'p':
        return (uintptr_t)input;
    case 'l':
        return 32;
    case 'o':
        return (uintptr_t)output;
    case 'L':
        return (uintptr_t)&output_size;
    case 'O':
        return (uintptr_t)structure;
    case 'H':
        return (uintptr_t)handle_out;
    case 'x':
        return 1;
    default:
        return 0;
    }
}

/* --- a session in which everything is under way
 * ---------------------------------------------------------------- */

static void begin_operations(void)
{
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
    CK_MECHANISM rsa = {CKM_RSA_PKCS, NULL, 0};
    CK_MECHANISM sha256 = {CKM_SHA256, NULL, 0};

    C_SignInit(session, &ecdsa, ec_private);
    C_VerifyInit(session, &ecdsa, ec_public);
    C_DecryptInit(session, &rsa, rsa_private);
    C_DigestInit(session, &sha256);
    C_FindObjectsInit(session, NULL, 0);
}

/* Whatever the calls before did to it. */
static void open_session(void)
{
    CK_SESSION_INFO info;

    C_Initialize(NULL);
    if (C_GetSessionInfo(session, &info) != CKR_OK)
        filetoken_assert_rv(C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
                            CKR_OK);
}

/* A description for the failure messages. */
static const char *describe(const struct row *row, const uintptr_t *arguments)
{
    static char text[512];
    int length = snprintf(text, sizeof text, "%s(", row->name);

    for (size_t i = 0; row->kinds[i] != '\0'; i++)
        length += snprintf(text + length, sizeof text - (size_t)length, "%c=0x%lx ", row->kinds[i],
                           (unsigned long)arguments[i]);
    return text;
}

/* No call is answered so: it would say that the module is broken, not that the caller is. */
static void assert_refusal(const struct row *row, const uintptr_t *arguments, CK_RV rv)
{
    ck_assert_msg(rv != CKR_GENERAL_ERROR && rv != CKR_HOST_MEMORY && rv != CKR_DEVICE_ERROR &&
                      rv != CKR_FUNCTION_FAILED && rv != CKR_DEVICE_MEMORY,
                  "%s) is 0x%lx: %s", describe(row, arguments), rv, p11_failure_text());
}

static CK_RV call(const struct row *row, const uintptr_t *arguments)
{
    CK_RV rv;

    output_size = sizeof output;
    memcpy(templates, templates_as_made, sizeof templates);
    rv = row->call(arguments);
    assert_refusal(row, arguments, rv);
    return rv;
}

static void set_good(const struct row *row, uintptr_t arguments[ARGUMENTS])
{
    for (size_t i = 0; row->kinds[i] != '\0'; i++)
        arguments[i] = good_of(row->kinds[i]);
}

/* --- tests: each is run for every function
 * ---------------------------------------------------------------------- */

static bool is_legacy(const struct row *row)
{
    return row->call == call_C_GetFunctionStatus || row->call == call_C_CancelFunction;
}

START_TEST(before_c_initialize_nothing_works)
{
    const struct row *row = &rows[_i];
    uintptr_t arguments[ARGUMENTS];
    CK_RV rv;

    set_good(row, arguments);
    C_Finalize(NULL);
    rv = row->call(arguments);
    ck_assert_msg(rv == CKR_CRYPTOKI_NOT_INITIALIZED, "%s is 0x%lx", row->name, rv);
}
END_TEST

START_TEST(one_wrong_handle_is_named_exactly)
{
    static const struct {
        char kind;
        CK_RV rv;
    } exact[] = {
        {'s', CKR_SESSION_HANDLE_INVALID},
        {'i', CKR_SLOT_ID_INVALID       },
    };
    const struct row *row = &rows[_i];

    for (size_t e = 0; e < sizeof exact / sizeof exact[0]; e++) {
        for (size_t v = 0; row->kinds[0] == exact[e].kind && v < VALUES; v++) {
            uintptr_t arguments[ARGUMENTS];
            CK_RV rv;

            if (values[v].kind != exact[e].kind || is_legacy(row))
                continue;
            set_good(row, arguments);
            arguments[0] = values[v].value;
            begin_operations();
            rv = call(row, arguments);
            ck_assert_msg(rv == exact[e].rv, "%s) is 0x%lx", describe(row, arguments), rv);
        }
    }
}
END_TEST

START_TEST(a_missing_place_for_the_result_is_bad_arguments)
{
    const struct row *row = &rows[_i];

    for (size_t i = 0; row->kinds[i] != '\0'; i++) {
        uintptr_t arguments[ARGUMENTS];
        CK_RV rv;

        if (strchr("LOH", row->kinds[i]) == NULL || row->call == call_C_WaitForSlotEvent)
            continue;
        set_good(row, arguments);
        arguments[i] = 0;
        begin_operations();
        rv = call(row, arguments);
        ck_assert_msg(rv == CKR_ARGUMENTS_BAD || rv == CKR_FUNCTION_NOT_SUPPORTED ||
                          rv == CKR_MECHANISM_INVALID || rv == CKR_OPERATION_NOT_INITIALIZED,
                      "%s) is 0x%lx", describe(row, arguments), rv);
        open_session();
    }
}
END_TEST

/* All pairs of wrong arguments, the same place twice being one wrong argument. */
START_TEST(wrong_arguments_are_survived)
{
    const struct row *row = &rows[_i];
    size_t count = strlen(row->kinds);

    for (size_t first = 0; first < count; first++) {
        for (size_t second = first; second < count; second++) {
            for (size_t v = 0; v < VALUES; v++) {
                for (size_t w = 0; w < VALUES; w++) {
                    uintptr_t arguments[ARGUMENTS];

                    if (values[v].kind != row->kinds[first] || values[w].kind != row->kinds[second])
                        continue;
                    open_session();
                    if ((v + w) % 2 == 0)
                        begin_operations();
                    set_good(row, arguments);
                    arguments[first] = values[v].value;
                    arguments[second] = values[w].value;
                    call(row, arguments);
                }
            }
        }
    }
}
END_TEST

/* --- the tokens, as they were made once
 * -------------------------------------------------------------------------- */

#define FILE_TOKEN "disk"
#define TPM_TOKEN "device"

static void make_keys(const char *label)
{
    CK_ATTRIBUTE decrypt = {CKA_DECRYPT, &yes, sizeof yes};
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    session = filetoken_session(label);
    filetoken_assert_rv(filetoken_generate(session, "P-256", true, NULL, 0, &public, &private), CKR_OK);
    filetoken_assert_rv(filetoken_generate(session, "RSA-2048", true, &decrypt, 1, &public, &private),
                        CKR_OK);
}

static void make(void)
{
    static bool made; /* for both cases */

    if (made)
        return;
    made = true;
    test_module_make(0);
    filetoken_assert_rv(C_Initialize(NULL), CKR_OK);
    filetoken_init("DevID file slot", FILE_TOKEN);
    make_keys(FILE_TOKEN);
    make_keys(TPM_TOKEN);
    filetoken_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_int_eq(support_shell(NULL, "rm -rf '%s'; cp -a '%s' '%s'", support_path("made"),
                                   support_path("tokens"), support_path("made")),
                     0);
}

static void up(const char *label)
{
    token = label;
    test_module_up();
    slot = filetoken_slot(token);
    session = filetoken_session(token);
    ec_private = filetoken_find(session, CKO_PRIVATE_KEY, "P-256");
    ec_public = filetoken_find(session, CKO_PUBLIC_KEY, "P-256");
    rsa_private = filetoken_find(session, CKO_PRIVATE_KEY, "RSA-2048");
}

static void file_up(void)
{
    up(FILE_TOKEN);
}

static void tpm_up(void)
{
    up(TPM_TOKEN);
}

/* Whatever was done, the key that nobody destroyed signs. */
static void down(void)
{
    CK_MECHANISM mechanism = {CKM_RSA_PKCS, NULL, 0};
    CK_ULONG size = sizeof output;

    C_Finalize(NULL);
    filetoken_assert_rv(C_Initialize(NULL), CKR_OK);
    session = filetoken_session(token);
    rsa_private = filetoken_find(session, CKO_PRIVATE_KEY, "RSA-2048");
    filetoken_assert_rv(filetoken_sign(session, &mechanism, rsa_private, input, 32, output, &size), CKR_OK);
    C_Finalize(NULL);
}

static TCase *make_case(const char *name, SFun fixture)
{
    TCase *t = tcase_create(name);

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, make, NULL);
    tcase_add_checked_fixture(t, fixture, down);
    tcase_add_loop_test(t, before_c_initialize_nothing_works, 0, (int)ROWS);
    tcase_add_loop_test(t, one_wrong_handle_is_named_exactly, 0, (int)ROWS);
    tcase_add_loop_test(t, a_missing_place_for_the_result_is_bad_arguments, 0, (int)ROWS);
    tcase_add_loop_test(t, wrong_arguments_are_survived, 0, (int)ROWS);
    return t;
}

Suite *suite(void)
{
    Suite *s = suite_create("hostile");

    suite_add_tcase(s, make_case("file", file_up));
    suite_add_tcase(s, make_case("tpm", tpm_up));
    return s;
}
