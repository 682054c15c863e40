/* SPDX-License-Identifier: Apache-2.0 */
/* The session of a burst, by the TPM's commands. */
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <tss2/tss2_tpm2_types.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PIN "1234567890"
#define FOREVER "3600000" /* of session-idle: nothing happens by the clock */
#define THREADS 4
#define SIGNATURES 50

static CK_SESSION_HANDLE session;

/* The token "pinned" has PINs, and the key "ec" with the token's secret. */
static void make(void)
{
    CK_UTF8CHAR label[32] = "pinned                          ";
    CK_UTF8CHAR pin[] = PIN;
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    CK_MECHANISM mechanism = {CKM_GENERIC_SECRET_KEY_GEN, NULL, 0};
    CK_ULONG length = 32;
    CK_UTF8CHAR name[] = "mac";
    CK_ATTRIBUTE items[] = {
        {CKA_LABEL,     name,      3            },
        {CKA_TOKEN,     &test_yes, 1            },
        {CKA_VALUE_LEN, &length,   sizeof length},
    };
    CK_SLOT_ID slot;

    test_module_make(0);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    slot = test_slot(NULL);
    ck_assert_rv(C_InitToken(slot, pin, strlen(PIN), label), CKR_OK);
    ck_assert_rv(C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_SO, pin, strlen(PIN)), CKR_OK);
    ck_assert_rv(C_InitPIN(session, pin, strlen(PIN)), CKR_OK);
    ck_assert_rv(C_Logout(session), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_USER, pin, strlen(PIN)), CKR_OK);
    ck_assert_rv(test_generate_ec(session, "P-256", "ec", true, &public, &private), CKR_OK);
    ck_assert_rv(test_generate_ec(session, "P-256", "other", true, &public, &private), CKR_OK);
    ck_assert_rv(test_generate_ec(session, "P-256", "third", true, &public, &private), CKR_OK);
    ck_assert_rv(C_GenerateKey(session, &mechanism, items, 3, &public), CKR_OK);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_int_eq(support_shell(NULL, "cp -a %s %s", support_path("tokens/pinned"), support_path("made")),
                     0);
}

/* Begins anew with the setting, logged in, and with the counters at zero. */
static void begin(const char *idle, CK_FLAGS flags)
{
    CK_C_INITIALIZE_ARGS arguments = {.flags = flags};
    CK_UTF8CHAR pin[] = PIN;

    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    if (idle != NULL)
        ck_assert_int_eq(support_shell(NULL, "echo 'session-idle = %s' >>%s", idle,
                                       support_path("tokens/pinned/token.conf")),
                         0);
    ck_assert_rv(C_Initialize(&arguments), CKR_OK);
    ck_assert_rv(C_OpenSession(test_slot("pinned"), CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_USER, pin, strlen(PIN)), CKR_OK);
    test_tpm_count_reset();
}

static void sign_with(const char *label)
{
    ck_assert_rv(test_sign(session, test_find(session, CKO_PRIVATE_KEY, label)), CKR_OK);
}

static void assert_signature_costs(const char *label, unsigned sessions, unsigned total)
{
    test_tpm_count_reset();
    sign_with(label);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StartAuthSession), sessions);
    ck_assert_uint_eq(test_tpm_count()->total, total);
}

static void assert_nothing_is_left(void)
{
    ck_assert_int_eq(support_shell(NULL,
                                   "test -z \"$(tpm2_getcap -T %s handles-transient)$(tpm2_getcap -T %s "
                                   "handles-loaded-session)\"",
                                   test_tpm_tcti(), test_tpm_tcti()),
                     0);
}

START_TEST(from_the_second_use_on_a_signature_is_one_command)
{
    begin(FOREVER, 0);
    assert_signature_costs("ec", 1, 3); /* and a Load */
    assert_signature_costs("ec", 1, 2);
    for (int i = 0; i < 10; i++)
        assert_signature_costs("ec", 0, 1);
    test_tpm_count_reset();
    ck_assert_rv(C_CloseSession(session), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_FlushContext), 2);
    ck_assert_uint_eq(test_tpm_count()->total, 2);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    assert_nothing_is_left();
}
END_TEST

START_TEST(two_keys_in_turn_share_it)
{
    begin(FOREVER, 0);
    assert_signature_costs("ec", 1, 3);
    assert_signature_costs("other", 1, 3);
    assert_signature_costs("ec", 1, 2);
    assert_signature_costs("other", 0, 1);
    assert_signature_costs("ec", 0, 1);
    assert_signature_costs("third", 1, 4); /* Flush, Load; once is no burst */
    assert_signature_costs("third", 0, 1);
}
END_TEST

static void mac(CK_OBJECT_HANDLE key, CK_BYTE *data, size_t size, CK_BYTE out[32])
{
    CK_MECHANISM mechanism = {CKM_SHA256_HMAC, NULL, 0};
    CK_ULONG room = 32;

    ck_assert_rv(C_SignInit(session, &mechanism, key), CKR_OK);
    ck_assert_rv(C_Sign(session, data, size, out, &room), CKR_OK);
}

START_TEST(a_use_of_several_commands_leaves_it_for_the_next)
{
    static CK_BYTE data[3000];
    CK_OBJECT_HANDLE key;
    CK_BYTE first[32];
    CK_BYTE other[32];

    begin(FOREVER, 0);
    key = test_find(session, CKO_SECRET_KEY, "mac");
    mac(key, data, sizeof data, first);
    mac(key, data, 1, other);
    ck_assert_int_ne(memcmp(first, other, 32), 0);
    test_tpm_count_reset();
    for (int i = 0; i < 3; i++) {
        mac(key, data, sizeof data, other);
        ck_assert_mem_eq(first, other, 32);
    }
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StartAuthSession), 0);
    ck_assert_uint_eq(test_tpm_count()->total, 3 * 4);
}
END_TEST

/* The thread's flush is waited for, however long that takes. */
START_TEST(it_ends_when_nothing_comes)
{
    const struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};

    begin("20", 0);
    for (int round = 0; round < 3; round++) {
        sign_with("ec");
        test_tpm_count_reset();
        sign_with("ec");
        for (int i = 0; i < 6000 && test_tpm_count_of(TPM2_CC_FlushContext) == 0; i++)
            nanosleep(&pause, NULL);
        ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_FlushContext), 1);
    }
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    assert_nothing_is_left();
}
END_TEST

START_TEST(each_use_has_its_own_where_nothing_may_rest)
{
    static const struct {
        const char *idle;
        CK_FLAGS flags;
    } rows[] = {
        {"0",     0                                 },
        {FOREVER, CKF_LIBRARY_CANT_CREATE_OS_THREADS},
    };

    begin(rows[_i].idle, rows[_i].flags);
    assert_signature_costs("ec", 1, 3);
    for (int i = 0; i < 3; i++)
        assert_signature_costs("ec", 1, 2);
}
END_TEST

START_TEST(one_that_the_tpm_lost_is_made_anew)
{
    begin(FOREVER, 0);
    sign_with("ec");
    sign_with("ec");
    test_tpm_count()->inject_command = TPM2_CC_Sign;
    test_tpm_count()->inject_times = 1;
    test_tpm_count()->inject_code = TPM2_RC_REFERENCE_S0;
    sign_with("ec");
    assert_signature_costs("ec", 0, 1);
}
END_TEST

START_TEST(it_makes_room_for_another_session)
{
    static const TSS2_RC codes[] = {TPM2_RC_SESSION_MEMORY, TPM2_RC_SESSION_HANDLES, TPM2_RC_CONTEXT_GAP};
    CK_BYTE random[8];

    begin(FOREVER, 0);
    sign_with("ec");
    sign_with("ec");
    test_tpm_count_reset();
    test_tpm_count()->inject_command = TPM2_CC_StartAuthSession;
    test_tpm_count()->inject_times = 1;
    test_tpm_count()->inject_code = codes[_i];
    ck_assert_rv(C_GenerateRandom(session, random, sizeof random), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_FlushContext), 1);
    assert_signature_costs("ec", 1, 2);
    assert_signature_costs("ec", 0, 1);
}
END_TEST

START_TEST(no_room_and_nothing_kept_is_a_failure)
{
    begin(FOREVER, 0);
    test_tpm_count()->inject_command = TPM2_CC_StartAuthSession;
    test_tpm_count()->inject_times = 100;
    test_tpm_count()->inject_code = TPM2_RC_SESSION_MEMORY;
    ck_assert_rv(test_sign(session, test_find(session, CKO_PRIVATE_KEY, "ec")), CKR_DEVICE_MEMORY);
    test_tpm_count_reset();
    sign_with("ec");
}
END_TEST

START_TEST(a_changed_answer_ends_it)
{
    begin(FOREVER, 0);
    sign_with("ec");
    sign_with("ec");
    test_tpm_count()->flip_command = TPM2_CC_Sign;
    test_tpm_count()->flip_bit = 8 * 40;
    ck_assert_rv(test_sign(session, test_find(session, CKO_PRIVATE_KEY, "ec")), CKR_DEVICE_ERROR);
    assert_signature_costs("ec", 1, 2);
    assert_signature_costs("ec", 0, 1);
}
END_TEST

START_TEST(a_lost_connection_loses_it)
{
    begin(FOREVER, 0);
    sign_with("ec");
    sign_with("ec");
    test_tpm_count()->inject_command = TPM2_CC_Sign;
    test_tpm_count()->inject_times = 1;
    test_tpm_count()->inject_code = 0;
    sign_with("ec");
    support_shell(NULL, "tpm2_flushcontext -T %s -t; tpm2_flushcontext -T %s -l", test_tpm_tcti(),
                  test_tpm_tcti()); /* what a real loss would have done */
}
END_TEST

/* The thread is the parent's, and so is the session. */
START_TEST(a_child_leaves_it_alone)
{
    pid_t child;
    int status;

    begin(FOREVER, 0);
    sign_with("ec");
    sign_with("ec");
    test_tpm_count_reset();
    child = fork();
    if (child == 0)
        exit(0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    assert_signature_costs("ec", 0, 1);
}
END_TEST

/* Check's asserts are for the main thread. */
static void *sign_often(void *data)
{
    CK_OBJECT_HANDLE *key = data;
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    CK_BYTE digest[32] = {1};
    CK_SESSION_HANDLE own;
    bool good = C_OpenSession(test_slot("pinned"), CKF_SERIAL_SESSION, NULL, NULL, &own) == CKR_OK;

    for (int i = 0; good && i < SIGNATURES; i++) {
        CK_BYTE signature[64];
        CK_ULONG size = sizeof signature;

        good = C_SignInit(own, &mechanism, key[0]) == CKR_OK &&
               C_Sign(own, digest, sizeof digest, signature, &size) == CKR_OK &&
               C_VerifyInit(own, &mechanism, key[1]) == CKR_OK &&
               C_Verify(own, digest, sizeof digest, signature, size) == CKR_OK;
    }
    return good ? data : NULL;
}

/* With a rest of a millisecond the thread ends sessions between them. */
START_TEST(threads_sign_while_it_begins_and_ends)
{
    CK_OBJECT_HANDLE keys[2];
    pthread_t threads[THREADS];

    begin("1", 0);
    keys[0] = test_find(session, CKO_PRIVATE_KEY, "ec");
    keys[1] = test_find(session, CKO_PUBLIC_KEY, "ec");
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, sign_often, keys), 0);
    for (int i = 0; i < THREADS; i++) {
        void *good;

        pthread_join(threads[i], &good);
        ck_assert_ptr_nonnull(good);
    }
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    assert_nothing_is_left();
}
END_TEST

START_TEST(a_setting_that_is_no_number_is_no_token)
{
    CK_SLOT_ID slots[8];
    CK_ULONG before = 8;
    CK_ULONG after = 8;

    ck_assert_rv(C_GetSlotList(CK_TRUE, slots, &before), CKR_OK);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_int_eq(support_shell(NULL, "echo 'session-idle = %s' >>%s",
                                   ((const char *const[]){"often", "3600001", "-1"})[_i],
                                   support_path("tokens/pinned/token.conf")),
                     0);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(C_GetSlotList(CK_TRUE, slots, &after), CKR_OK);
    ck_assert_uint_eq(after, before - 1);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("keeper");
    TCase *t = tcase_create("keeper");

    tcase_add_unchecked_fixture(t, make, NULL);
    tcase_add_checked_fixture(t, test_module_up, test_module_down);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, from_the_second_use_on_a_signature_is_one_command);
    tcase_add_test(t, two_keys_in_turn_share_it);
    tcase_add_test(t, a_use_of_several_commands_leaves_it_for_the_next);
    tcase_add_test(t, it_ends_when_nothing_comes);
    tcase_add_loop_test(t, each_use_has_its_own_where_nothing_may_rest, 0, 2);
    tcase_add_test(t, one_that_the_tpm_lost_is_made_anew);
    tcase_add_loop_test(t, it_makes_room_for_another_session, 0, 3);
    tcase_add_test(t, no_room_and_nothing_kept_is_a_failure);
    tcase_add_test(t, a_changed_answer_ends_it);
    tcase_add_test(t, a_lost_connection_loses_it);
#ifndef __SANITIZE_ADDRESS__ /* whose locks stay taken in a child, if the thread was just beginning at the fork */
    tcase_add_test(t, a_child_leaves_it_alone);
#else
    (void)a_child_leaves_it_alone;
#endif
    tcase_add_test(t, threads_sign_while_it_begins_and_ends);
    tcase_add_loop_test(t, a_setting_that_is_no_number_is_no_token, 0, 3);
    suite_add_tcase(s, t);
    return s;
}
