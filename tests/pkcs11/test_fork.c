/* SPDX-License-Identifier: Apache-2.0 */
/* What pkcs11/module.c owes a process that forks. */
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <tss2/tss2_tpm2_types.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE key;

static void make(void)
{
    test_module_make(TEST_EC);
}

static void up(void)
{
    test_module_up();
    session = test_session();
    key = test_find(session, CKO_PRIVATE_KEY, "ec");
    ck_assert_rv(test_sign(session, key), CKR_OK);
    test_tpm_count_reset();
}

/* Each answer of the child is one bit; 0 is all as it should be. */
static int in_child(void)
{
    CK_SESSION_HANDLE own = 0;
    CK_ULONG count;
    int wrong = 0;

    wrong |= (C_GetSlotList(CK_FALSE, NULL, &count) != CKR_CRYPTOKI_NOT_INITIALIZED) << 0;
    wrong |= (C_Sign(session, NULL, 0, NULL, &count) != CKR_CRYPTOKI_NOT_INITIALIZED) << 1;
    wrong |= (C_Finalize(NULL) != CKR_CRYPTOKI_NOT_INITIALIZED) << 2;
    wrong |= (test_tpm_count()->total != 0) << 3;
    wrong |= (C_Initialize(NULL) != CKR_OK) << 4;
    wrong |= (C_OpenSession(test_slot("device"), CKF_SERIAL_SESSION, NULL, NULL, &own) != CKR_OK) << 5;
    wrong |= (test_sign(own, test_find(own, CKO_PRIVATE_KEY, "ec")) != CKR_OK) << 6;
    C_Finalize(NULL);
    return wrong;
}

static int run_child(int (*body)(void))
{
    int status;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0)
        _exit(body());
    ck_assert_int_gt(child, 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

START_TEST(a_child_begins_anew_and_leaves_the_parents_key_alone)
{
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(run_child(in_child), 0);
        ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Load), 1);
        ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Sign), 1);
        ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_FlushContext), 1);
        test_tpm_count_reset();
        ck_assert_rv(test_sign(session, key), CKR_OK);
        ck_assert_uint_eq(test_tpm_count()->total, 1); /* still loaded */
        test_tpm_count_reset();
    }
}
END_TEST

/* With all handlers of the end of a process, the module's among them. */
static int ends_at_once(void)
{
    exit(0);
}

START_TEST(a_child_that_only_ends_sends_nothing)
{
    ck_assert_int_eq(run_child(ends_at_once), 0);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    ck_assert_rv(test_sign(session, key), CKR_OK);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("fork");
    TCase *t = tcase_create("fork");

    tcase_add_unchecked_fixture(t, make, NULL);
    tcase_add_checked_fixture(t, up, test_module_down);
    tcase_add_test(t, a_child_begins_anew_and_leaves_the_parents_key_alone);
    tcase_add_test(t, a_child_that_only_ends_sends_nothing);
    suite_add_tcase(s, t);
    return s;
}
