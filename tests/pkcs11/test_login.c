/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/module.h"

static CK_SESSION_HANDLE session;
static CK_UTF8CHAR pin[] = "1234";

/* Login needs no TPM on a token without a PIN. */
static void up(void)
{
    test_write_token("device", "curves = P-256\n");
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    session = test_session();
}

static CK_STATE state_of(CK_SESSION_HANDLE handle)
{
    CK_SESSION_INFO info;

    ck_assert_rv(C_GetSessionInfo(handle, &info), CKR_OK);
    return info.state;
}

START_TEST(each_user_has_an_answer)
{
    ck_assert_rv(C_Login(session, CKU_SO, pin, 4), CKR_USER_PIN_NOT_INITIALIZED);
    ck_assert_rv(C_Login(session, CKU_CONTEXT_SPECIFIC, pin, 4), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_rv(C_Login(session, 99, pin, 4), CKR_USER_TYPE_INVALID);
    ck_assert_rv(C_Login(session, CKU_USER, NULL, 4), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_Login(session, CKU_USER, NULL, 0), CKR_OK);
}
END_TEST

START_TEST(login_and_logout_take_turns)
{
    ck_assert_rv(C_Logout(session), CKR_USER_NOT_LOGGED_IN);
    ck_assert_rv(C_Login(session, CKU_USER, pin, 4), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_USER, pin, 4), CKR_USER_ALREADY_LOGGED_IN);
    ck_assert_rv(C_Logout(session), CKR_OK);
    ck_assert_rv(C_Logout(session), CKR_USER_NOT_LOGGED_IN);
}
END_TEST

START_TEST(all_sessions_show_the_login)
{
    CK_SESSION_HANDLE reader = test_session_with(CKF_SERIAL_SESSION);

    ck_assert_rv(C_Login(session, CKU_USER, pin, 4), CKR_OK);
    ck_assert_uint_eq(state_of(session), CKS_RW_USER_FUNCTIONS);
    ck_assert_uint_eq(state_of(reader), CKS_RO_USER_FUNCTIONS);
    ck_assert_rv(C_Login(reader, CKU_USER, pin, 4), CKR_USER_ALREADY_LOGGED_IN);
    ck_assert_rv(C_Logout(reader), CKR_OK);
    ck_assert_uint_eq(state_of(session), CKS_RW_PUBLIC_SESSION);
}
END_TEST

START_TEST(the_login_ends_with_the_last_session)
{
    CK_SESSION_HANDLE second = test_session();

    ck_assert_rv(C_Login(session, CKU_USER, pin, 4), CKR_OK);
    ck_assert_rv(C_CloseSession(session), CKR_OK);
    ck_assert_uint_eq(state_of(second), CKS_RW_USER_FUNCTIONS);
    ck_assert_rv(C_CloseSession(second), CKR_OK);
    second = test_session();
    ck_assert_uint_eq(state_of(second), CKS_RW_PUBLIC_SESSION);
    ck_assert_rv(C_Login(second, CKU_USER, pin, 4), CKR_OK);
    ck_assert_rv(C_CloseAllSessions(test_slot("device")), CKR_OK);
    second = test_session();
    ck_assert_uint_eq(state_of(second), CKS_RW_PUBLIC_SESSION);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("login");
    TCase *t = tcase_create("login");

    tcase_add_unchecked_fixture(t, test_module_environment, NULL);
    tcase_add_checked_fixture(t, up, test_module_down);
    tcase_add_test(t, each_user_has_an_answer);
    tcase_add_test(t, login_and_logout_take_turns);
    tcase_add_test(t, all_sessions_show_the_login);
    tcase_add_test(t, the_login_ends_with_the_last_session);
    suite_add_tcase(s, t);
    return s;
}
