/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <string.h>

static CK_UTF8CHAR so_pin[] = "the SO's PIN";
static CK_UTF8CHAR pin[] = "1234";
static CK_UTF8CHAR wrong[] = "0000";

#define PIN(text) text, sizeof text - 1

static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE asking;
static CK_OBJECT_HANDLE plain;

static CK_BYTE digest[32] = {1, 2, 3};
static CK_BYTE signature[64];
static CK_ULONG size;
static CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};

static CK_RV generate(bool asks, bool private, CK_OBJECT_HANDLE *key)
{
    static CK_BYTE curve[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    CK_ATTRIBUTE public_items[] = {
        {CKA_EC_PARAMS, curve, sizeof curve}
    };
    CK_ATTRIBUTE items[] = {
        {CKA_ALWAYS_AUTHENTICATE, asks ? &test_yes : &test_no,    1},
        {CKA_PRIVATE,             private ? &test_yes : &test_no, 1},
    };
    CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_OBJECT_HANDLE public;

    return C_GenerateKeyPair(session, &mechanism, public_items, 1, items, 2, &public, key);
}

static void make(void)
{
    CK_UTF8CHAR field[32];

    memset(field, ' ', sizeof field);
    memcpy(field, "device", strlen("device"));
    test_module_environment();
    test_tpm_start();
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(C_InitToken(test_slot(NULL), PIN(so_pin), field), CKR_OK);
    session = test_session();
    ck_assert_rv(C_Login(session, CKU_SO, PIN(so_pin)), CKR_OK);
    ck_assert_rv(C_InitPIN(session, PIN(pin)), CKR_OK);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_int_eq(support_shell(NULL, "cp -a %s %s", support_path("tokens"), support_path("made")), 0);
}

static void up(void)
{
    ck_assert_int_eq(support_shell(NULL, "tpm2_dictionarylockout -T %s -c", test_tpm_tcti()), 0);
    test_module_up();
    session = test_session();
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_OK);
    ck_assert_rv(generate(true, true, &asking), CKR_OK);
    ck_assert_rv(generate(false, true, &plain), CKR_OK);
    size = sizeof signature;
}

static CK_RV sign(void)
{
    size = sizeof signature;
    return C_Sign(session, digest, sizeof digest, signature, &size);
}

START_TEST(without_a_login_of_its_own_the_key_signs_nothing)
{
    ck_assert_rv(C_SignInit(session, &ecdsa, asking), CKR_OK);
    test_tpm_count_reset();
    ck_assert_rv(C_Sign(session, digest, sizeof digest, NULL, &size), CKR_OK); /* how long it would be */
    ck_assert_rv(sign(), CKR_USER_NOT_LOGGED_IN);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    ck_assert_rv(sign(), CKR_OPERATION_NOT_INITIALIZED);
}
END_TEST

START_TEST(one_login_is_one_signature)
{
    ck_assert_rv(C_SignInit(session, &ecdsa, asking), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_CONTEXT_SPECIFIC, PIN(pin)), CKR_OK);
    ck_assert_rv(sign(), CKR_OK);
    ck_assert_rv(C_SignInit(session, &ecdsa, asking), CKR_OK);
    ck_assert_rv(sign(), CKR_USER_NOT_LOGGED_IN);
}
END_TEST

START_TEST(parts_may_come_before_the_login_but_not_the_end)
{
    ck_assert_rv(C_SignInit(session, &ecdsa, asking), CKR_OK);
    ck_assert_rv(C_SignUpdate(session, digest, sizeof digest), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_CONTEXT_SPECIFIC, PIN(pin)), CKR_OK);
    ck_assert_rv(C_SignFinal(session, signature, &size), CKR_OK);
    ck_assert_rv(C_SignInit(session, &ecdsa, asking), CKR_OK);
    ck_assert_rv(C_SignUpdate(session, digest, sizeof digest), CKR_OK);
    ck_assert_rv(C_SignFinal(session, signature, &size), CKR_USER_NOT_LOGGED_IN);
}
END_TEST

START_TEST(a_wrong_pin_counts_for_nothing)
{
    ck_assert_rv(C_SignInit(session, &ecdsa, asking), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_CONTEXT_SPECIFIC, PIN(pin)), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_CONTEXT_SPECIFIC, PIN(wrong)), CKR_PIN_INCORRECT);
    ck_assert_rv(sign(), CKR_USER_NOT_LOGGED_IN);
    ck_assert_rv(C_SignInit(session, &ecdsa, asking), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_CONTEXT_SPECIFIC, PIN(wrong)), CKR_PIN_INCORRECT);
    ck_assert_rv(C_Login(session, CKU_CONTEXT_SPECIFIC, PIN(pin)), CKR_OK);
    ck_assert_rv(sign(), CKR_OK);
    ck_assert_rv(test_sign(session, plain), CKR_OK); /* the user is logged in as before */
}
END_TEST

START_TEST(a_locked_pin_logs_the_user_out)
{
    ck_assert_rv(C_SignInit(session, &ecdsa, asking), CKR_OK);
    for (int i = 0; i < 3; i++)
        ck_assert_rv(C_Login(session, CKU_CONTEXT_SPECIFIC, PIN(wrong)), CKR_PIN_INCORRECT);
    ck_assert_rv(C_Login(session, CKU_CONTEXT_SPECIFIC, PIN(pin)), CKR_PIN_LOCKED);
    ck_assert_rv(C_Logout(session), CKR_USER_NOT_LOGGED_IN);
}
END_TEST

START_TEST(other_operations_have_nothing_to_log_in_for)
{
    ck_assert_rv(C_Login(session, CKU_CONTEXT_SPECIFIC, PIN(pin)), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_rv(C_SignInit(session, &ecdsa, plain), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_CONTEXT_SPECIFIC, PIN(pin)), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_rv(sign(), CKR_OK);
}
END_TEST

START_TEST(the_login_is_the_sessions_and_ends_with_the_users)
{
    CK_SESSION_HANDLE other = test_session();

    ck_assert_rv(C_SignInit(session, &ecdsa, asking), CKR_OK);
    ck_assert_rv(C_Login(other, CKU_CONTEXT_SPECIFIC, PIN(pin)), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_rv(C_Login(session, CKU_CONTEXT_SPECIFIC, PIN(pin)), CKR_OK);
    ck_assert_rv(C_Logout(session), CKR_OK);
    ck_assert_rv(sign(), CKR_USER_NOT_LOGGED_IN);
}
END_TEST

START_TEST(only_private_keys_can_ask)
{
    CK_OBJECT_HANDLE key;

    ck_assert_rv(generate(true, false, &key), CKR_TEMPLATE_INCONSISTENT);
    ck_assert(test_attribute_is(session, asking, CKA_ALWAYS_AUTHENTICATE, &test_yes, 1));
    ck_assert(test_attribute_is(session, plain, CKA_ALWAYS_AUTHENTICATE, &test_no, 1));
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("authenticate");
    TCase *t = tcase_create("authenticate");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, make, NULL);
    tcase_add_checked_fixture(t, up, test_module_down);
    tcase_add_test(t, without_a_login_of_its_own_the_key_signs_nothing);
    tcase_add_test(t, one_login_is_one_signature);
    tcase_add_test(t, parts_may_come_before_the_login_but_not_the_end);
    tcase_add_test(t, a_wrong_pin_counts_for_nothing);
    tcase_add_test(t, a_locked_pin_logs_the_user_out);
    tcase_add_test(t, other_operations_have_nothing_to_log_in_for);
    tcase_add_test(t, the_login_is_the_sessions_and_ends_with_the_users);
    tcase_add_test(t, only_private_keys_can_ask);
    suite_add_tcase(s, t);
    return s;
}
