/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What another thread does in the very midst of a call: it closes the session, or finalizes the module. The
 * instant is that at which a file token has checked a PIN and looks whether the one before was wrong, which
 * is a call of faccessat; the function of that name here has the place of the C library's.
 */
#include "pkcs11/session.h"
#include "tests/support/filetoken.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void (*midst)(void);         /* of faccessat; NULL: nothing happens */
static void (*midst_of_init)(void); /* of pthread_mutex_init */
static CK_SLOT_ID slot;
static CK_SESSION_HANDLE session;
static CK_UTF8CHAR so_pin[] = "12345678";
static CK_UTF8CHAR pin[] = "1234";

int faccessat(int directory, const char *path, int mode, int flags)
{
    void (*now)(void) = midst;

    (void)flags;
    midst = NULL;
    if (now != NULL)
        now();
    return (int)syscall(SYS_faccessat, directory, path, mode);
}

int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
    int (*real)(pthread_mutex_t *, const pthread_mutexattr_t *);
    void (*now)(void) = midst_of_init;

    *(void **)&real = dlsym(RTLD_NEXT, "pthread_mutex_init");
    midst_of_init = NULL;
    if (now != NULL)
        now();
    return real(mutex, attributes);
}

/* A token with a PIN, and a session in which nobody is logged in. */
static void up(void)
{
    CK_UTF8CHAR label[33];

    filetoken_up();
    snprintf((char *)label, sizeof label, "%-32s", "closed");
    slot = filetoken_slot("disk");
    ck_assert_int_eq(C_InitToken(slot, so_pin, 8, label), CKR_OK);
    ck_assert_int_eq(C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), CKR_OK);
    filetoken_assert_rv(C_Login(session, CKU_SO, so_pin, 8), CKR_OK);
    filetoken_assert_rv(C_InitPIN(session, pin, 4), CKR_OK);
    filetoken_assert_rv(C_Logout(session), CKR_OK);
}

static CK_STATE state_of(CK_SESSION_HANDLE handle)
{
    CK_SESSION_INFO info;

    filetoken_assert_rv(C_GetSessionInfo(handle, &info), CKR_OK);
    return info.state;
}

static void close_session(void)
{
    C_CloseSession(session);
}

START_TEST(a_session_that_is_closed_meanwhile_logs_nobody_in)
{
    midst = close_session;
    filetoken_assert_rv(C_Login(session, CKU_USER, pin, 4), CKR_SESSION_CLOSED);
    session = filetoken_session("closed");
    ck_assert_uint_eq(state_of(session), CKS_RW_PUBLIC_SESSION);
    filetoken_assert_rv(C_Login(session, CKU_USER, pin, 4), CKR_OK);
    ck_assert_uint_eq(state_of(session), CKS_RW_USER_FUNCTIONS);
}
END_TEST

/* Between session_enter and session_leave, as in a call that makes a key. */
START_TEST(a_session_that_is_closed_meanwhile_leaves_no_object)
{
    CK_SESSION_HANDLE watcher = filetoken_session("closed");
    struct object *object = object_new(CKO_DATA, NULL);
    CK_OBJECT_HANDLE found;
    CK_ULONG count = 1;
    struct session *entered;

    filetoken_assert_rv(session_enter(session, &entered), CKR_OK);
    filetoken_assert_rv(C_CloseSession(session), CKR_OK);
    filetoken_assert_rv(session_publish_object(entered, object), CKR_SESSION_CLOSED);
    object_return(object);
    session_leave(entered, CKR_OK);
    filetoken_assert_rv(C_FindObjectsInit(watcher, NULL, 0), CKR_OK);
    filetoken_assert_rv(C_FindObjects(watcher, &found, 1, &count), CKR_OK);
    ck_assert_uint_eq(count, 0);
}
END_TEST

/* --- C_Finalize
 * ---------------------------------------------------------------------------------------------- */

static pthread_t other;
static CK_RV finalized;

static void *finalize(void *nothing)
{
    finalized = C_Finalize(NULL);
    return nothing;
}

/* Goes on when the module takes no new calls. */
static void finalize_meanwhile(void)
{
    CK_ULONG count;

    if (pthread_create(&other, NULL, finalize, NULL) != 0)
        _exit(2);
    while (C_GetSlotList(CK_FALSE, NULL, &count) == CKR_OK)
        sched_yield();
}

START_TEST(finalize_waits_for_a_call_that_is_under_way)
{
    CK_RV rv;

    midst = finalize_meanwhile;
    rv = C_Login(session, CKU_USER, pin, 4);
    ck_assert_int_eq(pthread_join(other, NULL), 0);
    filetoken_assert_rv(rv, CKR_SESSION_CLOSED);
    filetoken_assert_rv(finalized, CKR_OK);
    filetoken_assert_rv(C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
    filetoken_assert_rv(C_Initialize(NULL), CKR_OK);
    session = filetoken_session("closed");
    ck_assert_uint_eq(state_of(session), CKS_RW_PUBLIC_SESSION);
}
END_TEST

/* --- after fork
 * ---------------------------------------------------------------------------------------------- */

static CK_RV initialized;
static bool init_ended; /* atomic */

static void *initialize(void *nothing)
{
    initialized = C_Initialize(NULL);
    __atomic_store_n(&init_ended, true, __ATOMIC_RELEASE);
    return nothing;
}

/* Lets the other thread come as far as it can, which is not far. */
static void initialize_meanwhile(void)
{
    if (pthread_create(&other, NULL, initialize, NULL) != 0)
        _exit(2);
    for (int i = 0; i < 500 && !__atomic_load_n(&init_ended, __ATOMIC_ACQUIRE); i++)
        usleep(1000);
}

/* Each answer of the child is one bit; 0 is all as it should be. */
static int in_child(void)
{
    CK_ULONG count;
    CK_RV rv;
    int wrong = 0;

    midst_of_init = initialize_meanwhile;
    rv = C_GetSlotList(CK_FALSE, NULL, &count);
    pthread_join(other, NULL);
    wrong |= (rv != CKR_OK && rv != CKR_CRYPTOKI_NOT_INITIALIZED) << 0;
    wrong |= (initialized != CKR_OK) << 1;
    wrong |= (C_GetSlotList(CK_FALSE, NULL, &count) != CKR_OK) << 2;
    wrong |= (C_Finalize(NULL) != CKR_OK) << 3;
    return wrong;
}

START_TEST(two_threads_of_a_child_begin_at_once)
{
    pid_t child;
    int status;

    fflush(NULL);
    child = fork();
    if (child == 0)
        _exit(in_child());
    ck_assert_int_gt(child, 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "0x%x", (unsigned)status);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("race");
    TCase *t = tcase_create("race");

    tcase_add_checked_fixture(t, up, filetoken_down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_session_that_is_closed_meanwhile_logs_nobody_in);
    tcase_add_test(t, a_session_that_is_closed_meanwhile_leaves_no_object);
    tcase_add_test(t, finalize_waits_for_a_call_that_is_under_way);
    tcase_add_test(t, two_threads_of_a_child_begin_at_once);
    suite_add_tcase(s, t);
    return s;
}
