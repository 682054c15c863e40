/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <tss2/tss2_tpm2_types.h>

#include <stdlib.h>
#include <string.h>

static void make(void)
{
    test_module_make(0);
}

START_TEST(token_says_that_it_has_random_numbers)
{
    CK_TOKEN_INFO info;

    ck_assert_rv(C_GetTokenInfo(test_slot("device"), &info), CKR_OK);
    ck_assert_uint_ne(info.flags & CKF_RNG, 0);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
}
END_TEST

START_TEST(random_numbers_differ)
{
    CK_SESSION_HANDLE session = test_session_with(CKF_SERIAL_SESSION);
    CK_BYTE one[32] = {0};
    CK_BYTE other[32] = {0};

    ck_assert_rv(C_GenerateRandom(session, one, sizeof one), CKR_OK);
    ck_assert_rv(C_GenerateRandom(session, other, sizeof other), CKR_OK);
    ck_assert_mem_ne(one, other, sizeof one);
}
END_TEST

/* One session a burst of 1024 bytes, 64 bytes a command. */
static const struct {
    CK_ULONG size;
    unsigned sessions;
    unsigned commands;
} sizes[] = {
    {0,    0, 0 },
    {1,    1, 1 },
    {32,   1, 1 },
    {64,   1, 1 },
    {65,   1, 2 },
    {1024, 1, 16},
    {1025, 2, 17},
    {3000, 3, 47}
};

START_TEST(burst_shares_a_session_and_fills_the_buffer)
{
    CK_SESSION_HANDLE session = test_session();
    CK_BYTE *out = calloc(1, sizes[_i].size + 2);
    size_t zeros = 0;

    out[sizes[_i].size] = 0xa5;
    ck_assert_rv(C_GenerateRandom(session, out, sizes[_i].size), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StartAuthSession), sizes[_i].sessions);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_GetRandom), sizes[_i].commands);
    ck_assert_uint_eq(test_tpm_count()->total, sizes[_i].sessions + sizes[_i].commands);
    ck_assert_uint_eq(out[sizes[_i].size], 0xa5);
    for (CK_ULONG i = 0; i < sizes[_i].size; i++)
        zeros += out[i] == 0;
    ck_assert_uint_le(zeros, 2 + sizes[_i].size / 64);
    free(out);
}
END_TEST

START_TEST(seed_is_taken)
{
    CK_SESSION_HANDLE session = test_session();
    CK_BYTE seed[300];

    memset(seed, 7, sizeof seed);
    ck_assert_rv(C_SeedRandom(session, seed, sizeof seed), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StirRandom), 3);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StartAuthSession), 1);
    ck_assert_uint_eq(test_tpm_count()->total, 4);
    ck_assert_rv(C_SeedRandom(session, NULL, 0), CKR_OK);
}
END_TEST

START_TEST(bad_arguments_are_refused)
{
    CK_SESSION_HANDLE session = test_session();
    CK_BYTE byte;

    ck_assert_rv(C_GenerateRandom(session, NULL, 1), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_SeedRandom(session, NULL, 1), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_GenerateRandom(session + 1, &byte, 1), CKR_SESSION_HANDLE_INVALID);
    ck_assert_rv(C_SeedRandom(session + 1, &byte, 1), CKR_SESSION_HANDLE_INVALID);
}
END_TEST

START_TEST(failure_midway_leaves_no_session_and_no_bytes)
{
    CK_SESSION_HANDLE session = test_session();
    CK_BYTE out[200];
    CK_BYTE zeros[200] = {0};

    memset(out, 0x55, sizeof out);
    test_tpm_count()->inject_command = TPM2_CC_GetRandom;
    test_tpm_count()->inject_after = 2;
    test_tpm_count()->inject_times = 1;
    test_tpm_count()->inject_code = TPM2_RC_FAILURE;
    ck_assert_rv(C_GenerateRandom(session, out, sizeof out), CKR_DEVICE_ERROR);
    ck_assert_mem_eq(out, zeros, sizeof out);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_FlushContext), 1);
    ck_assert_int_eq(
        support_shell(NULL, "test -z \"$(tpm2_getcap -T %s handles-loaded-session)\"", test_tpm_tcti()), 0);
}
END_TEST

START_TEST(lost_connection_is_opened_anew)
{
    CK_SESSION_HANDLE session = test_session();
    CK_BYTE out[32];

    test_tpm_count()->inject_command = TPM2_CC_GetRandom;
    test_tpm_count()->inject_times = 1;
    ck_assert_rv(C_GenerateRandom(session, out, sizeof out), CKR_OK);
}
END_TEST

START_TEST(never_costs_no_session)
{
    CK_BYTE out[32];

    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    setenv("DEVID_BUS_PROTECTION", "never", 1);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(C_GenerateRandom(test_session(), out, sizeof out), CKR_OK);
    ck_assert_uint_eq(test_tpm_count()->total, 1);
}
END_TEST

START_TEST(always_puts_a_signature_in_a_session)
{
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    CK_SESSION_HANDLE session;

    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    setenv("DEVID_BUS_PROTECTION", "always", 1);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    session = test_session();
    ck_assert_rv(test_generate_ec(session, "P-256", "k", false, &public, &private), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StartAuthSession), 1);
    test_tpm_count_reset();
    ck_assert_rv(test_sign(session, private), CKR_OK);
    ck_assert_rv(test_sign(session, private), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Load), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StartAuthSession), 2);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Sign), 2);
    ck_assert_uint_eq(test_tpm_count()->total, 5);
}
END_TEST

START_TEST(auto_leaves_a_plain_signature_alone)
{
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    CK_SESSION_HANDLE session = test_session();

    ck_assert_rv(test_generate_ec(session, "P-256", "k", false, &public, &private), CKR_OK);
    ck_assert_uint_eq(test_tpm_count()->total, 1);
    ck_assert_rv(test_sign(session, private), CKR_OK);
    ck_assert_uint_eq(test_tpm_count()->total, 3);
}
END_TEST

START_TEST(no_such_protection_is_refused)
{
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    setenv("DEVID_BUS_PROTECTION", "perhaps", 1);
    ck_assert_rv(C_Initialize(NULL), CKR_GENERAL_ERROR);
}
END_TEST

static void down(void)
{
    unsetenv("DEVID_BUS_PROTECTION");
    test_module_down();
}

Suite *suite(void)
{
    Suite *s = suite_create("random");
    TCase *t = tcase_create("random");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, make, NULL);
    tcase_add_checked_fixture(t, test_module_up, down);
    tcase_add_test(t, token_says_that_it_has_random_numbers);
    tcase_add_test(t, random_numbers_differ);
    tcase_add_loop_test(t, burst_shares_a_session_and_fills_the_buffer, 0, sizeof sizes / sizeof sizes[0]);
    tcase_add_test(t, seed_is_taken);
    tcase_add_test(t, bad_arguments_are_refused);
    tcase_add_test(t, failure_midway_leaves_no_session_and_no_bytes);
    tcase_add_test(t, lost_connection_is_opened_anew);
    tcase_add_test(t, never_costs_no_session);
    tcase_add_test(t, always_puts_a_signature_in_a_session);
    tcase_add_test(t, auto_leaves_a_plain_signature_alone);
    tcase_add_test(t, no_such_protection_is_refused);
    suite_add_tcase(s, t);
    return s;
}
