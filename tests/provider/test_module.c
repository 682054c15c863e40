/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/softhsm.h"
#include "tests/support/support.h"

#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static OSSL_LIB_CTX *context;

static void set_up(void)
{
    test_spy_reset();
    context = test_context(DEFAULT_FIRST);
}

static void tear_down(void)
{
    test_context_free(context);
}

START_TEST(loading_the_provider_opens_nothing)
{
    OSSL_PROVIDER *provider = OSSL_PROVIDER_load(context, "devid");

    ck_assert_int_eq(OSSL_PROVIDER_self_test(provider), 1);
    OSSL_PROVIDER_unload(provider);
    ck_assert_uint_eq(test_spy()->loaded, 0);
    ck_assert_uint_eq(test_spy()->total, 0);
}
END_TEST

START_TEST(as_many_sessions_are_closed_as_were_opened)
{
    for (int i = 0; i < 3; i++) {
        OSSL_LIB_CTX *other = test_context(DEVID_FIRST);
        EVP_PKEY *key = test_load_key(other, test_uri("ec"));

        ck_assert_ptr_nonnull(key);
        EVP_PKEY_free(key);
        test_context_free(other);
    }
    ck_assert_uint_gt(test_spy()->calls[SPY_OPEN_SESSION], 0);
    ck_assert_uint_eq(test_spy()->calls[SPY_OPEN_SESSION], test_spy()->calls[SPY_CLOSE_SESSION]);
    ck_assert_uint_eq(test_spy()->calls[SPY_FINALIZE], 0);
}
END_TEST

START_TEST(many_loads_and_signatures_share_one_session_and_one_login)
{
    for (int i = 0; i < 20; i++) {
        EVP_PKEY *key = test_load_key(context, test_uri(i % 2 ? "ec" : "rsa"));

        ck_assert(test_key_signs(context, key));
        EVP_PKEY_free(key);
    }
    ck_assert_uint_eq(test_spy()->calls[SPY_OPEN_SESSION], 1);
    ck_assert_uint_eq(test_spy()->calls[SPY_LOGIN], 1);
    ck_assert_uint_eq(test_spy()->calls[SPY_INITIALIZE], 1);
}
END_TEST

START_TEST(what_went_stale_is_found_again_once)
{
    static const CK_RV codes[] = {
        CKR_SESSION_HANDLE_INVALID,   CKR_SESSION_CLOSED,        CKR_DEVICE_REMOVED,
        CKR_TOKEN_NOT_PRESENT,        CKR_OBJECT_HANDLE_INVALID, CKR_KEY_HANDLE_INVALID,
        CKR_CRYPTOKI_NOT_INITIALIZED, CKR_USER_NOT_LOGGED_IN,
    };
    EVP_PKEY *key = test_load_key(context, test_uri("ec"));

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        for (int call = SPY_SIGN_INIT; call <= SPY_SIGN; call++) {
            test_spy_reset();
            test_spy()->inject_call = (uint32_t)call;
            test_spy()->inject_times = 1;
            test_spy()->inject_rv = (uint32_t)codes[i];
            ck_assert_msg(test_key_signs(context, key), "0x%lx: %s", codes[i], test_errors());
            ck_assert_uint_eq(test_spy()->inject_times, 0);
            ck_assert_uint_eq(ERR_peek_error(), 0);
        }
    }
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(a_second_failure_is_the_answer)
{
    EVP_PKEY *key = test_load_key(context, test_uri("ec"));
    char *errors;

    test_spy_reset();
    test_spy()->inject_call = SPY_SIGN;
    test_spy()->inject_times = 5;
    test_spy()->inject_rv = CKR_SESSION_HANDLE_INVALID;
    ck_assert(!test_key_signs(context, key));
    ck_assert_uint_eq(test_spy()->calls[SPY_SIGN], 2);
    errors = test_errors();
    ck_assert_msg(strstr(errors, "C_Sign: CKR_SESSION_HANDLE_INVALID") != NULL, "%s", errors);
    free(errors);
    test_spy_reset();
    ck_assert(test_key_signs(context, key)); /* and it heals */
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(another_failure_is_not_tried_again_and_carries_the_modules_sentence)
{
    EVP_PKEY *key = test_load_key(context, test_uri("ec"));
    char *errors;

    setenv("P11_SPY_TEXT", "the TPM does not answer", 1);
    test_spy_reset();
    test_spy()->inject_call = SPY_SIGN;
    test_spy()->inject_times = 5;
    test_spy()->inject_rv = CKR_DEVICE_ERROR;
    ck_assert(!test_key_signs(context, key));
    ck_assert_uint_eq(test_spy()->calls[SPY_SIGN], 1);
    errors = test_errors();
    ck_assert_msg(strstr(errors, "C_Sign: CKR_DEVICE_ERROR (0x30), pkcs11:") != NULL, "%s", errors);
    ck_assert_msg(strstr(errors, "object=ec;type=private: the TPM does not answer") != NULL, "%s", errors);
    free(errors);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(every_failing_call_of_a_load_is_an_error_and_leaks_nothing)
{
    for (int call = 0; call < SPY_CALLS; call++) {
        EVP_PKEY *key;
        char *errors;

        if (call == SPY_FINALIZE || call == SPY_CLOSE_SESSION || call == SPY_GET_SLOT_INFO ||
            call >= SPY_SIGN_INIT)
            continue;
        tear_down();
        context = test_context(DEFAULT_FIRST);
        test_spy_reset();
        test_spy()->inject_call = (uint32_t)call;
        test_spy()->inject_times = 100;
        test_spy()->inject_rv = CKR_GENERAL_ERROR;
        key = test_load_key(context, test_uri("ec"));
        errors = test_errors();
        ck_assert_msg(key == NULL && errors[0] != '\0', "call %d", call);
        free(errors);
        test_spy_reset();
        key = test_load_key(context, test_uri("ec"));
        ck_assert_msg(key != NULL, "call %d: %s", call, test_errors());
        EVP_PKEY_free(key);
    }
}
END_TEST

START_TEST(a_stale_session_does_not_spoil_a_load)
{
    EVP_PKEY *key = test_load_key(context, test_uri("ec"));

    EVP_PKEY_free(key);
    test_spy()->inject_call = SPY_FIND_OBJECTS_INIT;
    test_spy()->inject_times = 1;
    test_spy()->inject_rv = CKR_SESSION_HANDLE_INVALID;
    key = test_load_key(context, test_uri("ec"));
    ck_assert_msg(key != NULL, "%s", test_errors());
    ck_assert_uint_eq(ERR_peek_error(), 0);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(a_refused_pin_is_not_tried_twice)
{
    ck_assert_ptr_null(test_load_key(context, "pkcs11:token=dev;object=ec?pin-value=9999"));
    ck_assert_ptr_null(test_load_key(context, "pkcs11:token=dev;object=ec?pin-value=9999"));
    ck_assert_uint_eq(test_spy()->calls[SPY_LOGIN], 1);
    free(test_errors());
    EVP_PKEY_free(test_load_key(context, test_uri("ec")));
    ck_assert_uint_eq(test_spy()->calls[SPY_LOGIN], 2);
}
END_TEST

/* As a web server does it: the key is loaded by the master and used by all workers, while one of them ends.
 */
START_TEST(children_use_the_key_that_the_parent_loaded)
{
    EVP_PKEY *keys[] = {test_load_key(context, test_uri("ec")), test_load_key(context, test_uri("rsa"))};
    pid_t children[4];

    ck_assert(test_key_signs(context, keys[0]));
    for (size_t i = 0; i < 4; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            bool ok = true;

            for (int round = 0; ok && round < 5; round++)
                ok = test_key_signs(context, keys[0]) && test_key_signs(context, keys[1]);
            EVP_PKEY_free(keys[0]);
            EVP_PKEY_free(keys[1]);
            if (i % 2 == 0)
                test_context_free(context); /* a worker that tidies up */
            _exit(ok ? 0 : 1);
        }
    }
    for (size_t i = 0; i < 4; i++) {
        int status = -1;

        ck_assert(test_key_signs(context, keys[0]));
        ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
        ck_assert_int_eq(status, 0);
    }
    ck_assert(test_key_signs(context, keys[0]));
    ck_assert(test_key_signs(context, keys[1]));
    EVP_PKEY_free(keys[0]);
    EVP_PKEY_free(keys[1]);
}
END_TEST

START_TEST(a_key_that_wants_the_pin_each_time_gets_it)
{
    EVP_PKEY *key = test_load_key(context, test_uri("fussy"));

    ck_assert_msg(test_key_signs(context, key), "%s", test_errors());
    test_spy_reset();
    ck_assert_msg(test_key_signs(context, key), "%s", test_errors());
    ck_assert_uint_eq(test_spy()->calls[SPY_LOGIN], 1);
    ck_assert_uint_eq(test_spy()->total, 3);
    EVP_PKEY_free(key);
}
END_TEST

static int answer_prompt(UI *ui, UI_STRING *string)
{
    return UI_get_string_type(string) != UIT_PROMPT || UI_set_result(ui, string, "1234") == 0;
}

START_TEST(children_know_the_pin_that_was_typed_once)
{
    UI_METHOD *method = UI_create_method("test");
    OSSL_STORE_CTX *store;
    OSSL_STORE_INFO *info;
    EVP_PKEY *key;
    pid_t child;
    int status = -1;

    UI_method_set_reader(method, answer_prompt);
    store = OSSL_STORE_open_ex("pkcs11:token=dev;object=ec;type=private", context, NULL, method, NULL, NULL,
                               NULL, NULL);
    info = OSSL_STORE_load(store);
    key = OSSL_STORE_INFO_get1_PKEY(info);
    OSSL_STORE_INFO_free(info);
    OSSL_STORE_close(store);
    UI_destroy_method(method);
    child = fork();
    if (child == 0) {
        bool ok = test_key_signs(context, key);

        EVP_PKEY_free(key);
        _exit(ok ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    EVP_PKEY_free(key);
}
END_TEST

static void *sign_often(void *key)
{
    bool ok = true;

    for (int i = 0; ok && i < 50; i++)
        ok = test_key_signs(context, key);
    return ok ? key : NULL;
}

START_TEST(threads_share_a_key_with_few_sessions)
{
    EVP_PKEY *key;
    pthread_t threads[8];

    tear_down();
    setenv("DEVID_PKCS11_SESSIONS", "2", 1);
    context = test_context(DEVID_FIRST);
    key = test_load_key(context, test_uri("ec"));
    for (size_t i = 0; i < 8; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, sign_often, key), 0);
    for (size_t i = 0; i < 8; i++) {
        void *result = NULL;

        pthread_join(threads[i], &result);
        ck_assert_ptr_nonnull(result);
    }
    ck_assert_uint_le(test_spy()->calls[SPY_OPEN_SESSION], 2);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(a_module_that_comes_back_through_libcrypto_is_turned_away)
{
    OSSL_PROVIDER *ours = OSSL_PROVIDER_load(NULL, "devid");
    OSSL_PROVIDER *other = OSSL_PROVIDER_load(NULL, "default");
    OSSL_LIB_CTX *mine = context;
    EVP_PKEY *key;

    context = NULL;
    key = test_load_key(NULL, test_uri("ec"));
    test_spy()->reenter = 1;
    ck_assert_msg(test_key_signs(context, key), "%s", test_errors());
    ck_assert_uint_eq(test_spy()->reenter, 1); /* 2: it got the key */
    ck_assert_uint_eq(ERR_peek_error(), 0);
    EVP_PKEY_free(key);
    OSSL_PROVIDER_unload(ours);
    OSSL_PROVIDER_unload(other);
    context = mine;
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("module");
    TCase *t = tcase_create("module");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, test_softhsm_start, NULL);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, loading_the_provider_opens_nothing);
    tcase_add_test(t, as_many_sessions_are_closed_as_were_opened);
    tcase_add_test(t, many_loads_and_signatures_share_one_session_and_one_login);
    tcase_add_test(t, what_went_stale_is_found_again_once);
    tcase_add_test(t, a_second_failure_is_the_answer);
    tcase_add_test(t, another_failure_is_not_tried_again_and_carries_the_modules_sentence);
    tcase_add_test(t, every_failing_call_of_a_load_is_an_error_and_leaks_nothing);
    tcase_add_test(t, a_stale_session_does_not_spoil_a_load);
    tcase_add_test(t, a_refused_pin_is_not_tried_twice);
    tcase_add_test(t, children_use_the_key_that_the_parent_loaded);
    tcase_add_test(t, a_key_that_wants_the_pin_each_time_gets_it);
    tcase_add_test(t, children_know_the_pin_that_was_typed_once);
    tcase_add_test(t, threads_share_a_key_with_few_sessions);
    tcase_add_test(t, a_module_that_comes_back_through_libcrypto_is_turned_away);
    suite_add_tcase(s, t);
    return s;
}
