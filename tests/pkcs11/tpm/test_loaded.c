/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <tss2/tss2_tpm2_types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEYS 5

static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE keys[KEYS];

/* Takes the C library's place, so that what the module waits for is counted instead. */
static bool time_flies;
static double waited;

int nanosleep(const struct timespec *request, struct timespec *left)
{
    if (!time_flies)
        return clock_nanosleep(CLOCK_MONOTONIC, 0, request, left);
    waited += (double)request->tv_sec + (double)request->tv_nsec / 1e9;
    return 0;
}

static void make_keys(void)
{
    CK_SESSION_HANDLE maker = test_session();
    CK_OBJECT_HANDLE public;

    for (int i = 0; i < KEYS; i++) {
        char label[16];

        snprintf(label, sizeof label, "k%d", i);
        ck_assert_rv(test_generate_ec(maker, "P-256", label, true, &public, &keys[i]), CKR_OK);
    }
}

/* What tests with a lost connection left in the TPM, which has no resource manager. */
static void flush_all(void)
{
    ck_assert_int_eq(support_shell(NULL, "tpm2_flushcontext -T %s -t", test_tpm_tcti()), 0);
}

/* The parent is a persistent key, or the owner hierarchy, whose primary takes one of the three slots. */
static void make(const char *parent)
{
    test_module_environment();
    test_tpm_start();
    test_tpm_count_reset();
    flush_all();
    ck_assert_int_eq(support_shell(NULL, "cd %s && rm -rf tokens/* made", support_directory()), 0);
    setenv("DEVID_PARENT", parent, 1);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    test_init_token("device");
    make_keys();
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_int_eq(support_shell(NULL, "cp -a %s %s", support_path("tokens"), support_path("made")), 0);
}

static void make_persistent(void)
{
    make("auto");
}

static void make_transient(void)
{
    make("owner");
}

static void up(void)
{
    flush_all();
    test_module_up();
    session = test_session();
    for (int i = 0; i < KEYS; i++) {
        char label[16];

        snprintf(label, sizeof label, "k%d", i);
        keys[i] = test_find(session, CKO_PRIVATE_KEY, label);
    }
    waited = 0;
    time_flies = true;
}

static void down(void)
{
    time_flies = false;
    test_module_down();
}

static void inject(unsigned command, unsigned times, unsigned code)
{
    struct tcti_count *count = test_tpm_count();

    count->inject_command = command;
    count->inject_after = 0;
    count->inject_times = times;
    count->inject_code = code;
}

static void assert_counts(unsigned loads, unsigned signs)
{
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Load), loads);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Sign), signs);
}

/* --- more keys than slots */

static void sign_in_turn(int number)
{
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < number; i++)
            ck_assert_rv(test_sign(session, keys[i]), CKR_OK);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_FlushContext),
                      test_tpm_count_of(TPM2_CC_Load) + test_tpm_count_of(TPM2_CC_CreatePrimary));
}

START_TEST(three_keys_take_turns)
{
    sign_in_turn(3);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Sign), 9);
}
END_TEST

START_TEST(five_keys_take_turns)
{
    sign_in_turn(5);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Sign), 15);
}
END_TEST

START_TEST(the_key_used_last_stays)
{
    ck_assert_rv(test_sign(session, keys[0]), CKR_OK);
    ck_assert_rv(test_sign(session, keys[1]), CKR_OK);
    ck_assert_rv(test_sign(session, keys[0]), CKR_OK);
    ck_assert_rv(test_sign(session, keys[2]), CKR_OK);
    assert_counts(3, 4);
    ck_assert_rv(test_sign(session, keys[0]), CKR_OK);
    assert_counts(3, 5);
    ck_assert_rv(test_sign(session, keys[1]), CKR_OK);
    assert_counts(4, 6);
}
END_TEST

START_TEST(a_key_is_made_while_others_are_loaded)
{
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    ck_assert_rv(test_sign(session, keys[0]), CKR_OK);
    ck_assert_rv(test_sign(session, keys[1]), CKR_OK);
    ck_assert_rv(test_generate_ec(session, "P-256", "new", true, &public, &private), CKR_OK);
    ck_assert_rv(test_sign(session, private), CKR_OK);
    ck_assert_rv(test_sign(session, keys[0]), CKR_OK);
}
END_TEST

/* --- failures that pass, and those that stay */

START_TEST(a_full_tpm_is_tried_once_more)
{
    ck_assert_rv(test_sign(session, keys[0]), CKR_OK);
    inject(TPM2_CC_Load, 1, TPM2_RC_OBJECT_MEMORY);
    ck_assert_rv(test_sign(session, keys[1]), CKR_OK);
    assert_counts(3, 2);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_FlushContext), 1);
}
END_TEST

START_TEST(a_tpm_that_stays_full_is_device_memory)
{
    inject(TPM2_CC_Load, 1000, TPM2_RC_OBJECT_MEMORY);
    ck_assert_rv(test_sign(session, keys[0]), CKR_DEVICE_MEMORY);
    assert_counts(2, 0);
    inject(0, 0, 0);
    ck_assert_rv(test_sign(session, keys[0]), CKR_OK);
}
END_TEST

START_TEST(a_handle_that_was_lost_is_loaded_again)
{
    ck_assert_rv(test_sign(session, keys[0]), CKR_OK);
    inject(TPM2_CC_Sign, 1, TPM2_RC_REFERENCE_H0);
    ck_assert_rv(test_sign(session, keys[0]), CKR_OK);
    assert_counts(2, 3);
}
END_TEST

START_TEST(a_handle_that_stays_lost_is_a_device_error)
{
    inject(TPM2_CC_Sign, 1000, TPM2_RC_REFERENCE_H0);
    ck_assert_rv(test_sign(session, keys[0]), CKR_DEVICE_ERROR);
    assert_counts(2, 2);
}
END_TEST

START_TEST(a_lost_connection_is_opened_once_more)
{
    ck_assert_rv(test_sign(session, keys[0]), CKR_OK);
    inject(TPM2_CC_Sign, 1, 0);
    ck_assert_rv(test_sign(session, keys[0]), CKR_OK);
    assert_counts(2, 3);
    ck_assert_uint_eq(test_tpm_count()->connections, 2);
}
END_TEST

START_TEST(a_connection_that_stays_lost_is_a_device_error)
{
    inject(TPM2_CC_Load, 1000, 0);
    ck_assert_rv(test_sign(session, keys[0]), CKR_DEVICE_ERROR);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "does not answer"));
    assert_counts(2, 0);
    ck_assert_uint_eq(test_tpm_count()->connections, 2);
    inject(0, 0, 0);
    ck_assert_rv(test_sign(session, keys[0]), CKR_OK);
}
END_TEST

START_TEST(a_busy_tpm_is_waited_for)
{
    static const unsigned codes[] = {TPM2_RC_RETRY, TPM2_RC_YIELDED, TPM2_RC_TESTING};

    for (unsigned i = 0; i < 3; i++) {
        inject(TPM2_CC_Sign, 3, codes[i]);
        ck_assert_rv(test_sign(session, keys[0]), CKR_OK);
        assert_counts(1, 4 * (i + 1));
    }
    ck_assert(waited > 0.1 && waited < 1);
}
END_TEST

START_TEST(a_tpm_that_stays_busy_is_not_waited_for_for_ever)
{
    inject(TPM2_CC_Sign, 1000, TPM2_RC_RETRY);
    ck_assert_rv(test_sign(session, keys[0]), CKR_DEVICE_ERROR);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "busy"));
    ck_assert_msg(waited > 10 && waited < 30, "%f seconds", waited);
}
END_TEST

START_TEST(other_failures_are_not_tried_again)
{
    static const struct {
        unsigned command;
        unsigned code;
        CK_RV rv;
    } rows[] = {
        {TPM2_CC_Load, TPM2_RC_FAILURE,                           CKR_DEVICE_ERROR              },
        {TPM2_CC_Load, TPM2_RC_INTEGRITY | TPM2_RC_P | TPM2_RC_1, CKR_DEVICE_ERROR              },
        {TPM2_CC_Sign, TPM2_RC_FAILURE,                           CKR_DEVICE_ERROR              },
        {TPM2_CC_Sign, TPM2_RC_LOCKOUT,                           CKR_PIN_LOCKED                },
        {TPM2_CC_Sign, TPM2_RC_AUTH_FAIL | TPM2_RC_S | TPM2_RC_1, CKR_DEVICE_ERROR              },
        {TPM2_CC_Sign, TPM2_RC_ATTRIBUTES | TPM2_RC_1,            CKR_KEY_FUNCTION_NOT_PERMITTED},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char what[64];

        test_tpm_count_reset();
        inject(rows[i].command, 1000, rows[i].code);
        snprintf(what, sizeof what, "0x%x to 0x%x", rows[i].code, rows[i].command);
        ck_assert_rv_of(what, test_sign(session, keys[0]), rows[i].rv);
        ck_assert_uint_eq(test_tpm_count_of(rows[i].command), 1);
    }
}
END_TEST

START_TEST(a_full_tpm_makes_a_key_at_the_second_try)
{
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    inject(TPM2_CC_Create, 1, TPM2_RC_OBJECT_MEMORY);
    ck_assert_rv(test_generate_ec(session, "P-256", "new", true, &public, &private), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Create), 2);
    inject(TPM2_CC_Create, 1000, TPM2_RC_OBJECT_MEMORY);
    ck_assert_rv(test_generate_ec(session, "P-256", "new", true, &public, &private), CKR_DEVICE_MEMORY);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Create), 4);
}
END_TEST

/* --- a transient parent */

START_TEST(a_transient_parent_is_made_once)
{
    ck_assert_rv(test_sign(session, keys[0]), CKR_OK);
    ck_assert_rv(test_sign(session, keys[1]), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_CreatePrimary), 1);
    ck_assert_uint_eq(test_tpm_count()->total, 5);
}
END_TEST

/* --- a TPM that was switched off: last, because it ends the other tests' swtpm */

START_TEST(a_power_cycle_between_signatures_goes_unnoticed)
{
    ck_assert_rv(test_sign(session, keys[0]), CKR_OK);
    time_flies = false;
    test_tpm_stop();
    test_tpm_start();
    ck_assert_rv(test_sign(session, keys[0]), CKR_OK);
    ck_assert_rv(test_sign(session, keys[1]), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Load), 3);
}
END_TEST

START_TEST(a_power_cycle_takes_the_transient_parent_too)
{
    ck_assert_rv(test_sign(session, keys[0]), CKR_OK);
    time_flies = false;
    test_tpm_stop();
    test_tpm_start();
    ck_assert_rv(test_sign(session, keys[1]), CKR_OK);
    ck_assert_rv(test_sign(session, keys[0]), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_CreatePrimary), 2);
}
END_TEST

START_TEST(a_tpm_that_is_gone_is_a_device_error_and_may_come_back)
{
    ck_assert_rv(test_sign(session, keys[0]), CKR_OK);
    time_flies = false;
    test_tpm_stop();
    ck_assert_rv(test_sign(session, keys[0]), CKR_DEVICE_ERROR);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "cannot be reached"));
    ck_assert_rv(test_sign(session, keys[0]), CKR_DEVICE_ERROR);
    test_tpm_start();
    ck_assert_rv(test_sign(session, keys[0]), CKR_OK);
}
END_TEST

static void add_shared_tests(TCase *t)
{
    tcase_add_checked_fixture(t, up, down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, three_keys_take_turns);
    tcase_add_test(t, five_keys_take_turns);
    tcase_add_test(t, the_key_used_last_stays);
    tcase_add_test(t, a_key_is_made_while_others_are_loaded);
    tcase_add_test(t, a_full_tpm_is_tried_once_more);
    tcase_add_test(t, a_tpm_that_stays_full_is_device_memory);
    tcase_add_test(t, a_busy_tpm_is_waited_for);
    tcase_add_test(t, a_tpm_that_stays_busy_is_not_waited_for_for_ever);
    tcase_add_test(t, other_failures_are_not_tried_again);
    tcase_add_test(t, a_full_tpm_makes_a_key_at_the_second_try);
}

/* Each of these starts a swtpm of its own, so that none depends on the one before. */
static TCase *power_case(const char *name, SFun make_token, const TTest *test)
{
    TCase *t = tcase_create(name);

    tcase_add_unchecked_fixture(t, make_token, test_tpm_stop);
    tcase_add_checked_fixture(t, up, down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test);
    return t;
}

Suite *suite(void)
{
    Suite *s = suite_create("loaded");
    TCase *persistent = tcase_create("persistent parent");
    TCase *transient = tcase_create("transient parent");

    tcase_add_unchecked_fixture(persistent, make_persistent, NULL);
    add_shared_tests(persistent);
    /* The injected loss leaves the objects in the TPM: with a transient parent too, that is more than three.
     */
    tcase_add_test(persistent, a_handle_that_was_lost_is_loaded_again);
    tcase_add_test(persistent, a_handle_that_stays_lost_is_a_device_error);
    tcase_add_test(persistent, a_lost_connection_is_opened_once_more);
    tcase_add_test(persistent, a_connection_that_stays_lost_is_a_device_error);
    suite_add_tcase(s, persistent);
    tcase_add_unchecked_fixture(transient, make_transient, NULL);
    add_shared_tests(transient);
    tcase_add_test(transient, a_transient_parent_is_made_once);
    suite_add_tcase(s, transient);
    suite_add_tcase(
        s, power_case("power cycle", make_persistent, a_power_cycle_between_signatures_goes_unnoticed));
    suite_add_tcase(s, power_case("power cycle, transient parent", make_transient,
                                  a_power_cycle_takes_the_transient_parent_too));
    suite_add_tcase(
        s, power_case("power off", make_persistent, a_tpm_that_is_gone_is_a_device_error_and_may_come_back));
    return s;
}
