/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <pthread.h>

static void make(void)
{
    test_module_make(TEST_EC);
}

START_TEST(open_checks_its_arguments)
{
    CK_SLOT_ID slot = test_slot("device");
    CK_SESSION_HANDLE session = 0;

    ck_assert_rv(C_OpenSession(slot, 0, NULL, NULL, &session), CKR_SESSION_PARALLEL_NOT_SUPPORTED);
    ck_assert_rv(C_OpenSession(slot, CKF_RW_SESSION, NULL, NULL, &session),
                 CKR_SESSION_PARALLEL_NOT_SUPPORTED);
    ck_assert_rv(C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, NULL), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_OpenSession(99, CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_SLOT_ID_INVALID);
    ck_assert_uint_eq(session, 0);
}
END_TEST

START_TEST(info_tells_reader_from_writer)
{
    CK_SESSION_HANDLE reader = test_session_with(CKF_SERIAL_SESSION);
    CK_SESSION_HANDLE writer = test_session();
    CK_SESSION_INFO info;

    ck_assert_rv(C_GetSessionInfo(reader, &info), CKR_OK);
    ck_assert_uint_eq(info.slotID, test_slot("device"));
    ck_assert_uint_eq(info.state, CKS_RO_PUBLIC_SESSION);
    ck_assert_uint_eq(info.flags, CKF_SERIAL_SESSION);
    ck_assert_rv(C_GetSessionInfo(writer, &info), CKR_OK);
    ck_assert_uint_eq(info.state, CKS_RW_PUBLIC_SESSION);
    ck_assert_uint_eq(info.flags, CKF_SERIAL_SESSION | CKF_RW_SESSION);
    ck_assert_rv(C_GetSessionInfo(writer, NULL), CKR_ARGUMENTS_BAD);
}
END_TEST

START_TEST(a_closed_session_is_none)
{
    CK_SESSION_HANDLE session = test_session();
    CK_SESSION_INFO info;

    ck_assert_rv(C_CloseSession(session), CKR_OK);
    ck_assert_rv(C_CloseSession(session), CKR_SESSION_HANDLE_INVALID);
    ck_assert_rv(C_GetSessionInfo(session, &info), CKR_SESSION_HANDLE_INVALID);
    ck_assert_rv(C_GetSessionInfo(CK_INVALID_HANDLE, &info), CKR_SESSION_HANDLE_INVALID);
}
END_TEST

START_TEST(close_all_closes_the_slots_sessions_and_no_others)
{
    CK_SESSION_HANDLE sessions[3];
    CK_SESSION_HANDLE other;
    CK_SESSION_INFO info;

    test_write_token("other", "curves = P-256\n");
    for (size_t i = 0; i < 3; i++)
        sessions[i] = test_session();
    ck_assert_rv(C_OpenSession(test_slot("other"), CKF_SERIAL_SESSION, NULL, NULL, &other), CKR_OK);
    ck_assert_rv(C_CloseAllSessions(test_slot("device")), CKR_OK);
    for (size_t i = 0; i < 3; i++)
        ck_assert_rv(C_GetSessionInfo(sessions[i], &info), CKR_SESSION_HANDLE_INVALID);
    ck_assert_rv(C_GetSessionInfo(other, &info), CKR_OK);
    ck_assert_rv(C_CloseAllSessions(99), CKR_SLOT_ID_INVALID);
}
END_TEST

START_TEST(a_session_takes_its_objects_with_it)
{
    CK_SESSION_HANDLE maker = test_session();
    CK_SESSION_HANDLE watcher = test_session();
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    size_t files = test_token_files();
    size_t before = test_count(watcher, NULL, 0);

    ck_assert_rv(test_generate_ec(maker, "P-256", "passing", false, &public, &private), CKR_OK);
    ck_assert_uint_eq(test_count(watcher, NULL, 0), before + 2);
    ck_assert_rv(test_sign(watcher, private), CKR_OK);
    ck_assert_rv(C_CloseSession(maker), CKR_OK);
    ck_assert_uint_eq(test_count(watcher, NULL, 0), before);
    ck_assert_rv(test_sign(watcher, private), CKR_KEY_HANDLE_INVALID);
    ck_assert_uint_eq(test_token_files(), files);
}
END_TEST

START_TEST(a_key_outlives_its_session_while_another_signs_with_it)
{
    CK_SESSION_HANDLE maker = test_session();
    CK_SESSION_HANDLE signer = test_session();
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    CK_BYTE data[64] = {0};
    CK_ULONG size = sizeof data;

    ck_assert_rv(test_generate_ec(maker, "P-256", "passing", false, &public, &private), CKR_OK);
    ck_assert_rv(C_SignInit(signer, &mechanism, private), CKR_OK);
    ck_assert_rv(C_CloseSession(maker), CKR_OK);
    ck_assert_rv(C_Sign(signer, data, 32, data, &size), CKR_OK);
}
END_TEST

START_TEST(a_reader_changes_nothing_on_the_token)
{
    CK_SESSION_HANDLE reader = test_session_with(CKF_SERIAL_SESSION);
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    size_t files = test_token_files();

    ck_assert_rv(test_generate_ec(reader, "P-256", "x", true, &public, &private), CKR_SESSION_READ_ONLY);
    ck_assert_rv(C_DestroyObject(reader, test_find(reader, CKO_PRIVATE_KEY, "ec")), CKR_SESSION_READ_ONLY);
    ck_assert_uint_eq(test_token_files(), files);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    ck_assert_rv(test_generate_ec(reader, "P-256", "x", false, &public, &private), CKR_OK);
    ck_assert_rv(C_DestroyObject(reader, public), CKR_OK);
}
END_TEST

static void *sign_and_close(void *data)
{
    const CK_SLOT_ID *slot = data;

    for (int i = 0; i < 20; i++) {
        CK_SESSION_HANDLE session;

        if (C_OpenSession(*slot, CKF_SERIAL_SESSION, NULL, NULL, &session) != CKR_OK ||
            test_sign(session, test_find(session, CKO_PRIVATE_KEY, "ec")) != CKR_OK ||
            C_CloseSession(session) != CKR_OK)
            return data;
    }
    return NULL;
}

START_TEST(threads_have_sessions_side_by_side)
{
    CK_SLOT_ID slot = test_slot("device");
    pthread_t threads[4];

    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, sign_and_close, &slot), 0);
    for (size_t i = 0; i < 4; i++) {
        void *failed;

        ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("session");
    TCase *t = tcase_create("session");

    tcase_add_unchecked_fixture(t, make, NULL);
    tcase_add_checked_fixture(t, test_module_up, test_module_down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, open_checks_its_arguments);
    tcase_add_test(t, info_tells_reader_from_writer);
    tcase_add_test(t, a_closed_session_is_none);
    tcase_add_test(t, close_all_closes_the_slots_sessions_and_no_others);
    tcase_add_test(t, a_session_takes_its_objects_with_it);
    tcase_add_test(t, a_key_outlives_its_session_while_another_signs_with_it);
    tcase_add_test(t, a_reader_changes_nothing_on_the_token);
    tcase_add_test(t, threads_have_sessions_side_by_side);
    suite_add_tcase(s, t);
    return s;
}
