/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/module.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static CK_RV create_mutex(void **mutex)
{
    *mutex = NULL;
    return CKR_OK;
}

static CK_RV use_mutex(void *mutex)
{
    (void)mutex;
    return CKR_OK;
}

static void down(void)
{
    C_Finalize(NULL);
}

#define CALLBACKS                                                                                            \
    .CreateMutex = create_mutex, .DestroyMutex = use_mutex, .LockMutex = use_mutex, .UnlockMutex = use_mutex

START_TEST(initialize_takes_the_arguments_that_it_can_honour)
{
    int thing;
    const struct {
        const char *what;
        CK_C_INITIALIZE_ARGS arguments;
        CK_RV rv;
    } rows[] = {
        {"nothing",                    {0},                                           CKR_OK           },
        {"system locks",               {.flags = CKF_OS_LOCKING_OK},                  CKR_OK           },
        {"no threads of ours",         {.flags = CKF_LIBRARY_CANT_CREATE_OS_THREADS}, CKR_OK           },
        {"callbacks or system locks",  {CALLBACKS, .flags = CKF_OS_LOCKING_OK},       CKR_OK           },
        {"callbacks only",             {CALLBACKS},                                   CKR_OK           },
        {"one callback",               {.LockMutex = use_mutex},                      CKR_ARGUMENTS_BAD},
        {"one callback, system locks",
         {.LockMutex = use_mutex, .flags = CKF_OS_LOCKING_OK},
         CKR_ARGUMENTS_BAD                                                                             },
        {"reserved",                   {.pReserved = &thing},                         CKR_ARGUMENTS_BAD},
    };

    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CK_C_INITIALIZE_ARGS arguments = rows[i].arguments;

        ck_assert_rv_of(rows[i].what, C_Initialize(&arguments), rows[i].rv);
        ck_assert_rv_of(rows[i].what, C_Finalize(NULL),
                        rows[i].rv == CKR_OK ? CKR_OK : CKR_CRYPTOKI_NOT_INITIALIZED);
    }
}
END_TEST

START_TEST(initialize_is_once_until_finalize)
{
    int thing;

    ck_assert_rv(C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(C_Initialize(NULL), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    ck_assert_rv(C_Finalize(&thing), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_rv(C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
}
END_TEST

START_TEST(info_says_who_we_are)
{
    CK_INFO info;

    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(C_GetInfo(&info), CKR_OK);
    ck_assert_uint_eq(info.cryptokiVersion.major, 2);
    ck_assert_uint_eq(info.cryptokiVersion.minor, 40);
    ck_assert_mem_eq(info.manufacturerID, "DevID                           ", 32);
    ck_assert_uint_eq(info.libraryDescription[31], ' ');
    ck_assert_rv(C_GetInfo(NULL), CKR_ARGUMENTS_BAD);
}
END_TEST

/* Every function but C_GetFunctionList, which entry.c has, and C_Initialize. */
static void call_all(CK_SESSION_HANDLE h, CK_RV with_session, CK_RV without)
{
    CK_BYTE b[64] = {0};
    CK_ULONG n = sizeof b;
    CK_SLOT_ID slot = 0;
    CK_INFO info;
    CK_SLOT_INFO slot_info;
    CK_TOKEN_INFO token_info;
    CK_MECHANISM_INFO mechanism_info;
    CK_SESSION_INFO session_info;
    CK_MECHANISM m = {CKM_ECDSA, NULL, 0};
    CK_ATTRIBUTE a = {CKA_LABEL, b, 1};
    CK_OBJECT_HANDLE o = 0;
    CK_SESSION_HANDLE opened = 0;
    const struct {
        const char *name;
        CK_RV rv;
    } sessions[] = {
        {"C_CloseSession",       C_CloseSession(h)                       },
        {"C_GetSessionInfo",     C_GetSessionInfo(h,                       &session_info)},
        {"C_InitPIN",                      C_InitPIN(h,                                                    b, 4)},
        {"C_SetPIN",                     C_SetPIN(h,        b, 4, b, 4)},
        {"C_GetOperationState",             C_GetOperationState(h,                       b, &n)},
        {"C_SetOperationState",                     C_SetOperationState(h,                                                            b, n, 0, 0)},
        {"C_Login",                      C_Login(h,                                          CKU_USER, b, 4)},
        {"C_Logout",                     C_Logout(h)                                   },
        {"C_CreateObject",  C_CreateObject(h, &a, 1, &o)},
        {"C_CopyObject",                     C_CopyObject(h,                                                            1, &a, 1, &o)},
        {"C_DestroyObject",                      C_DestroyObject(h,                                                      1)},
        {"C_GetObjectSize",              C_GetObjectSize(h,            1, &n)},
        {"C_GetAttributeValue",                      C_GetAttributeValue(h,                                                     1, &a, 1)},
        {"C_SetAttributeValue",                      C_SetAttributeValue(h,            1, &a, 1)},
        {"C_FindObjectsInit",                    C_FindObjectsInit(h,                                                           &a, 1)},
        {"C_FindObjects",                      C_FindObjects(h,                                                 &o, 1, &n)},
        {"C_FindObjectsFinal",                     C_FindObjectsFinal(h)},
        {"C_EncryptInit",                   C_EncryptInit(h,                                                           &m, 1)},
        {"C_Encrypt",C_Encrypt(h,b, 1, b, &n)},
        {"C_EncryptUpdate",      C_EncryptUpdate(h,                b, 1, b, &n)},
        {"C_EncryptFinal",                   C_EncryptFinal(h,                                                           b, &n)},
        {"C_DecryptInit",C_DecryptInit(h,&m, 1)},
        {"C_Decrypt",                    C_Decrypt(h,                                                            b, 1, b, &n)},
        {"C_DecryptUpdate",C_DecryptUpdate(h,        b, 1, b, &n)},
        {"C_DecryptFinal",                    C_DecryptFinal(h,                                                            b, &n)},
        {"C_DigestInit",C_DigestInit(h,&m)},
        {"C_Digest",                      C_Digest(h,                                                b, 1, b, &n)},
        {"C_DigestUpdate",                    C_DigestUpdate(h,           b, 1)},
        {"C_DigestKey",                      C_DigestKey(h,                                           1)},
        {"C_DigestFinal",                      C_DigestFinal(h,                                                 b, &n)},
        {"C_SignInit",                    C_SignInit(h,&m, 1)},
        {"C_Sign",            C_Sign(h,                                                          b, 1, b, &n)},
        {"C_SignUpdate",                     C_SignUpdate(h,                                                            b, 1)},
        {"C_SignFinal",                      C_SignFinal(h,                                              b, &n)},
        {"C_SignRecoverInit",                     C_SignRecoverInit(h,                                             &m, 1)},
        {"C_SignRecover",                   C_SignRecover(h,                                                           b, 1, b, &n)},
        {"C_VerifyInit",C_VerifyInit(h,&m, 1)},
        {"C_Verify",                      C_Verify(h,                                                b, 1, b, 1)},
        {"C_VerifyUpdate",                    C_VerifyUpdate(h,                                                                                            b, 1)},
        {"C_VerifyFinal",            C_VerifyFinal(h,                      b, 1)},
        {"C_VerifyRecoverInit",                     C_VerifyRecoverInit(h,                                                            &m, 1)},
        {"C_VerifyRecover",                      C_VerifyRecover(h,                                              b, 1, b, &n)},
        {"C_DigestEncryptUpdate",                     C_DigestEncryptUpdate(h,                                                     b, 1, b, &n)},
        {"C_DecryptDigestUpdate",                   C_DecryptDigestUpdate(h,                                                           b, 1, b, &n)},
        {"C_SignEncryptUpdate",C_SignEncryptUpdate(h,b, 1, b, &n)},
        {"C_DecryptVerifyUpdate",                      C_DecryptVerifyUpdate(h,                                                 b, 1, b, &n)},
        {"C_GenerateKey",                   C_GenerateKey(h,                                                                                                &m, &a, 1, &o)},
        {"C_GenerateKeyPair",C_GenerateKeyPair(h,&m, &a, 1, &a, 1, &o, &o)},
        {"C_WrapKey",                     C_WrapKey(h,                                                          &m, 1, 1, b, &n)},
        {"C_UnwrapKey",       C_UnwrapKey(h,            &m, 1, b, 1, &a, 1, &o)},
        {"C_DeriveKey",                    C_DeriveKey(h,                                                            &m, 1, &a, 1, &o)},
        {"C_SeedRandom",C_SeedRandom(h,b, 1)},
        {"C_GenerateRandom",        C_GenerateRandom(h,            b, 1)},
        {"C_GetFunctionStatus",                   C_GetFunctionStatus(h)                                                          },
        {"C_CancelFunction",C_CancelFunction(h)                             },
    };
    const struct {
        const char *name;
        CK_RV rv;
    } others[] = {
        {"C_GetInfo",               C_GetInfo(&info)},
        {                           "C_GetSlotList",                                       C_GetSlotList(CK_TRUE,                                  NULL, &n)},
        {                           "C_GetSlotInfo",                                       C_GetSlotInfo(slot,                              &slot_info)},
        {            "C_GetTokenInfo",          C_GetTokenInfo(slot,                      &token_info)},
        { "C_GetMechanismList",                            C_GetMechanismList(slot,                      NULL, &n)},
        { "C_GetMechanismInfo",                C_GetMechanismInfo(slot,                             CKM_ECDSA, &mechanism_info)},
        {                 "C_InitToken",           C_InitToken(slot,                                       NULL, 0, b)},
        {                                                   "C_OpenSession",               C_OpenSession(slot,                                 CKF_SERIAL_SESSION, NULL, NULL, &opened)},
        {                                                   "C_CloseAllSessions",                                                                                                        C_CloseAllSessions(slot)                },
        {        "C_WaitForSlotEvent",C_WaitForSlotEvent(CKF_DONT_BLOCK,                                    &slot, NULL)},
    };

    for (size_t i = 0; i < sizeof sessions / sizeof sessions[0]; i++)
        ck_assert_rv_of(sessions[i].name, sessions[i].rv, with_session);
    for (size_t i = 0; without != CKR_OK && i < sizeof others / sizeof others[0]; i++)
        ck_assert_rv_of(others[i].name, others[i].rv, without);
}

START_TEST(before_initialize_every_function_refuses)
{
    call_all(1, CKR_CRYPTOKI_NOT_INITIALIZED, CKR_CRYPTOKI_NOT_INITIALIZED);
}
END_TEST

START_TEST(after_finalize_every_function_refuses)
{
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    call_all(1, CKR_CRYPTOKI_NOT_INITIALIZED, CKR_CRYPTOKI_NOT_INITIALIZED);
}
END_TEST

START_TEST(every_function_wants_a_session_that_is_one)
{
    setenv("DEVID_EMPTY_SLOTS", "no", 1);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    call_all(4711, CKR_SESSION_HANDLE_INVALID, CKR_OK);
    unsetenv("DEVID_EMPTY_SLOTS");
}
END_TEST

START_TEST(initialize_that_fails_can_be_tried_again)
{
    setenv("DEVID_EMPTY_SLOTS", "maybe", 1);
    ck_assert_rv(C_Initialize(NULL), CKR_GENERAL_ERROR);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "DEVID_EMPTY_SLOTS"));
    unsetenv("DEVID_EMPTY_SLOTS");
    setenv("DEVID_LOG", "loud", 1);
    ck_assert_rv(C_Initialize(NULL), CKR_GENERAL_ERROR);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "DEVID_LOG"));
    unsetenv("DEVID_LOG");
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
}
END_TEST

START_TEST(a_call_forgets_what_the_last_one_said)
{
    CK_INFO info;

    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    p11_fail(CKR_GENERAL_ERROR, "old");
    ck_assert_rv(C_GetInfo(&info), CKR_OK);
    ck_assert_str_eq(p11_failure_text(), "");
}
END_TEST

START_TEST(a_child_begins_anew)
{
    CK_INFO info;
    int status = -1;
    pid_t child;

    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        bool good = C_GetInfo(&info) == CKR_CRYPTOKI_NOT_INITIALIZED && C_Initialize(NULL) == CKR_OK &&
                    C_GetInfo(&info) == CKR_OK && C_Finalize(NULL) == CKR_OK;

        execlp(good ? "true" : "false", "good", (char *)NULL); /* what it leaves to the parent is no leak */
        _exit(2);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_rv(C_GetInfo(&info), CKR_OK);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("general");
    TCase *t = tcase_create("general");

    tcase_add_unchecked_fixture(t, test_module_environment, NULL);
    tcase_add_checked_fixture(t, NULL, down);
    tcase_add_test(t, initialize_takes_the_arguments_that_it_can_honour);
    tcase_add_test(t, initialize_is_once_until_finalize);
    tcase_add_test(t, info_says_who_we_are);
    tcase_add_test(t, before_initialize_every_function_refuses);
    tcase_add_test(t, after_finalize_every_function_refuses);
    tcase_add_test(t, every_function_wants_a_session_that_is_one);
    tcase_add_test(t, initialize_that_fails_can_be_tried_again);
    tcase_add_test(t, a_call_forgets_what_the_last_one_said);
    tcase_add_test(t, a_child_begins_anew);
    suite_add_tcase(s, t);
    return s;
}
