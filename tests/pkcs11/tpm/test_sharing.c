/* SPDX-License-Identifier: Apache-2.0 */
/* Several processes use one TPM, through tpm2-abrmd. */
#include "tests/support/abrmd.h"
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN 3
#define SIGNATURES 20
#define TIME_LIMIT 60 /* seconds, for a child that waits for what never comes */

static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE key;

/* Made once and with the TPM alone, because GLib is not to be started before Check forks. */
static void make(void)
{
    static bool made;

    if (!made)
        test_module_make(TEST_EC);
    made = true;
    test_abrmd_start();
}

static void up(void)
{
    test_module_up();
    session = test_session();
    key = test_find(session, CKO_PRIVATE_KEY, "ec");
}

/* Signs with the key "ec" and verifies. Check's asserts are for the main thread of the test only. */
static bool signs(CK_SESSION_HANDLE own, CK_OBJECT_HANDLE private, CK_OBJECT_HANDLE public, unsigned number)
{
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    CK_BYTE digest[32] = {(CK_BYTE)number, (CK_BYTE)getpid(), 3};
    CK_BYTE signature[64];
    CK_ULONG size = sizeof signature;

    return C_SignInit(own, &mechanism, private) == CKR_OK &&
           C_Sign(own, digest, sizeof digest, signature, &size) == CKR_OK &&
           C_VerifyInit(own, &mechanism, public) == CKR_OK &&
           C_Verify(own, digest, sizeof digest, signature, size) == CKR_OK;
}

static int sign_all(CK_SESSION_HANDLE own)
{
    CK_OBJECT_HANDLE private = test_find(own, CKO_PRIVATE_KEY, "ec");
    CK_OBJECT_HANDLE public = test_find(own, CKO_PUBLIC_KEY, "ec");

    for (unsigned i = 0; i < SIGNATURES; i++)
        if (!signs(own, private, public, i))
            return 1;
    return 0;
}

/* A child's whole life. */
static int child_signs(void)
{
    CK_SESSION_HANDLE own = 0;

    if (C_Initialize(NULL) != CKR_OK)
        return 2;
    if (C_OpenSession(test_slot("device"), CKF_SERIAL_SESSION, NULL, NULL, &own) != CKR_OK)
        return 3;
    if (sign_all(own) != 0)
        return 4;
    return C_Finalize(NULL) == CKR_OK ? 0 : 5;
}

static pid_t start_child(int (*body)(void))
{
    pid_t child;

    fflush(NULL);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        alarm(TIME_LIMIT);
        _exit(body());
    }
    return child;
}

static void assert_ends_well(pid_t child)
{
    int status;

    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status), "the child was ended by signal %d", WTERMSIG(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}

START_TEST(parent_and_children_sign_in_parallel_after_fork)
{
    pid_t children[CHILDREN];

    ck_assert_rv(test_sign(session, key), CKR_OK);
    for (int i = 0; i < CHILDREN; i++)
        children[i] = start_child(child_signs);
    ck_assert_int_eq(sign_all(session), 0);
    for (int i = 0; i < CHILDREN; i++)
        assert_ends_well(children[i]);
    ck_assert_int_eq(sign_all(session), 0);
}
END_TEST

START_TEST(children_sign_when_the_parent_never_did)
{
    pid_t children[CHILDREN];

    for (int i = 0; i < CHILDREN; i++)
        children[i] = start_child(child_signs);
    ck_assert_int_eq(sign_all(session), 0);
    for (int i = 0; i < CHILDREN; i++)
        assert_ends_well(children[i]);
}
END_TEST

static int grandchild_signs(void)
{
    pid_t child;

    if (child_signs() != 0)
        return 1;
    child = start_child(child_signs);
    assert_ends_well(child);
    return 0;
}

START_TEST(a_child_of_a_child_signs)
{
    ck_assert_rv(test_sign(session, key), CKR_OK);
    assert_ends_well(start_child(grandchild_signs));
    ck_assert_rv(test_sign(session, key), CKR_OK);
}
END_TEST

static int ends_at_once(void)
{
    exit(0);
}

static int is_killed(void)
{
    CK_SESSION_HANDLE own = 0;

    if (C_Initialize(NULL) != CKR_OK ||
        C_OpenSession(test_slot("device"), CKF_SERIAL_SESSION, NULL, NULL, &own) != CKR_OK ||
        test_sign(own, test_find(own, CKO_PRIVATE_KEY, "ec")) != CKR_OK)
        return 1;
    return raise(SIGKILL);
}

START_TEST(the_end_of_a_child_disturbs_nobody)
{
    int status;
    pid_t killed;

    ck_assert_rv(test_sign(session, key), CKR_OK);
    test_tpm_count_reset();
    assert_ends_well(start_child(ends_at_once));
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    killed = start_child(is_killed);
    ck_assert_int_eq(waitpid(killed, &status, 0), killed);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    test_tpm_count_reset();
    ck_assert_rv(test_sign(session, key), CKR_OK);
    ck_assert_uint_eq(test_tpm_count()->total, 1); /* still loaded */
}
END_TEST

/* --- a fork while another thread is inside the module */

static bool stop;

static void *sign_on(void *argument)
{
    CK_OBJECT_HANDLE public = test_find(session, CKO_PUBLIC_KEY, "ec");
    unsigned *count = argument;

    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        if (!signs(session, key, public, *count))
            return argument;
        ++*count;
    }
    return NULL;
}

START_TEST(a_child_starts_while_a_thread_of_the_parent_signs)
{
    unsigned count = 0;
    void *failed;
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, sign_on, &count), 0);
    for (int i = 0; i < 10; i++)
        assert_ends_well(start_child(child_signs));
    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    pthread_join(thread, &failed);
    ck_assert_ptr_null(failed);
    ck_assert_uint_gt(count, 0);
}
END_TEST

/* --- the resource manager goes, and comes back */

START_TEST(a_resource_manager_that_was_restarted_goes_unnoticed)
{
    ck_assert_rv(test_sign(session, key), CKR_OK);
    test_abrmd_stop();
    test_abrmd_start();
    ck_assert_rv(test_sign(session, key), CKR_OK);
    ck_assert_uint_eq(test_tpm_count()->connections, 2);
    ck_assert_int_eq(sign_all(session), 0);
}
END_TEST

START_TEST(a_resource_manager_that_is_gone_is_a_device_error_and_may_come_back)
{
    ck_assert_rv(test_sign(session, key), CKR_OK);
    test_abrmd_stop();
    ck_assert_rv(test_sign(session, key), CKR_DEVICE_ERROR);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "cannot be reached"));
    ck_assert_rv(test_sign(session, key), CKR_DEVICE_ERROR);
    test_abrmd_start();
    ck_assert_rv(test_sign(session, key), CKR_OK);
}
END_TEST

static void end(void)
{
    test_abrmd_stop();
}

/* Those that end the resource manager have one of their own. */
static TCase *case_of(const char *name)
{
    TCase *t = tcase_create(name);

    tcase_add_unchecked_fixture(t, make, end);
    tcase_add_checked_fixture(t, up, test_module_down);
    tcase_set_timeout(t, 120);
    return t;
}

Suite *suite(void)
{
    Suite *s = suite_create("sharing");
    TCase *t = case_of("tpm2-abrmd");

    tcase_add_test(t, parent_and_children_sign_in_parallel_after_fork);
    tcase_add_test(t, children_sign_when_the_parent_never_did);
    tcase_add_test(t, a_child_of_a_child_signs);
    tcase_add_test(t, the_end_of_a_child_disturbs_nobody);
#ifndef __SANITIZE_ADDRESS__ /* whose allocator stays locked in a child, if a thread was inside it at the fork */
    tcase_add_test(t, a_child_starts_while_a_thread_of_the_parent_signs);
#else
    (void)a_child_starts_while_a_thread_of_the_parent_signs;
#endif
    suite_add_tcase(s, t);
    t = case_of("restarted");
    tcase_add_test(t, a_resource_manager_that_was_restarted_goes_unnoticed);
    suite_add_tcase(s, t);
    t = case_of("gone");
    tcase_add_test(t, a_resource_manager_that_is_gone_is_a_device_error_and_may_come_back);
    suite_add_tcase(s, t);
    return s;
}
