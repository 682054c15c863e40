/* SPDX-License-Identifier: Apache-2.0 */
/* Where PINs come from, and how often they are tried. */
#include "tests/support/softhsm.h"
#include "tests/support/support.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEY "pkcs11:token=dev;object=ec;type=private"

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

static void renew(void)
{
    tear_down();
    set_up();
}

static uint32_t logins(void)
{
    return test_spy()->calls[SPY_LOGIN];
}

static bool loads(const char *uri)
{
    EVP_PKEY *key = test_load_key(context, uri);

    EVP_PKEY_free(key);
    return key != NULL;
}

/* The errors, which must not tell any PIN that a test here uses. */
static bool errors_say(const char *text)
{
    char *errors = test_errors();
    bool say = strstr(errors, text) != NULL;

    ck_assert_msg(strstr(errors, "1234") == NULL && strstr(errors, "999") == NULL, "%s", errors);
    if (!say)
        fprintf(stderr, "%s\n", errors);
    free(errors);
    return say;
}

START_TEST(every_source_serves)
{
    char sources[5][300];
    int ends[2];

    support_write(support_path("pin"), "1234\n");
    setenv("CREDENTIALS_DIRECTORY", support_directory(), 1);
    setenv("DEVID_TEST_PIN", "1234", 1);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(write(ends[1], "1234\n", 5), 5);
    snprintf(sources[0], sizeof sources[0], "%s", support_path("pin"));
    snprintf(sources[1], sizeof sources[1], "file:%s", support_path("pin"));
    snprintf(sources[2], sizeof sources[2], "cred:pin");
    snprintf(sources[3], sizeof sources[3], "env:DEVID_TEST_PIN");
    snprintf(sources[4], sizeof sources[4], "fd:%d", ends[0]);
    for (size_t i = 0; i < 5; i++) {
        char uri[2048];

        renew();
        snprintf(uri, sizeof uri, "%s?pin-source=%s", KEY, sources[i]);
        ck_assert_msg(loads(uri), "%s: %s", uri, test_errors());
        ck_assert(loads(uri));
        tear_down();
        if (i == 4) /* the pipe is empty now */
            ck_assert_int_eq(write(ends[1], "1234\n", 5), 5);
        setenv("DEVID_PKCS11_PIN_SOURCE", sources[i], 1);
        set_up();
        ck_assert_msg(loads(KEY), "%s: %s", sources[i], test_errors());
        unsetenv("DEVID_PKCS11_PIN_SOURCE");
    }
    tear_down();
    setenv("DEVID_PKCS11_PIN", "1234", 1);
    set_up();
    ck_assert(loads(KEY));
    unsetenv("DEVID_PKCS11_PIN");
}
END_TEST

START_TEST(wrong_pins_are_tried_once_each_until_one_is_accepted)
{
    for (int i = 0; i < 3; i++) {
        ck_assert(!loads(KEY "?pin-value=9999"));
        ck_assert(errors_say(i == 0 ? "CKR_PIN_INCORRECT" : "refused this PIN before"));
        ck_assert(!loads(KEY "?pin-value=9998"));
        ck_assert(errors_say(i == 0 ? "CKR_PIN_INCORRECT" : "refused this PIN before"));
    }
    ck_assert_uint_eq(logins(), 2);
    ck_assert(loads(KEY "?pin-value=1234"));
    ck_assert_uint_eq(logins(), 3);
}
END_TEST

START_TEST(a_file_that_is_put_right_is_heard_at_once)
{
    char uri[500];

    snprintf(uri, sizeof uri, "%s?pin-source=%s", KEY, support_path("pin"));
    support_write(support_path("pin"), "9999\n");
    ck_assert(!loads(uri));
    ck_assert(!loads(uri));
    ck_assert(errors_say("refused this PIN before"));
    support_write(support_path("pin"), "1234\n");
    ck_assert_msg(loads(uri), "%s", test_errors());
    ck_assert_uint_eq(logins(), 2);
}
END_TEST

START_TEST(children_do_not_try_again_what_their_parent_tried)
{
    pid_t child;
    int status = -1;

    ck_assert(!loads(KEY "?pin-value=9999"));
    child = fork();
    if (child == 0)
        _exit(loads(KEY "?pin-value=9999") || !errors_say("refused this PIN before"));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(logins(), 1);
}
END_TEST

static void *load_with_wrong_pin(void *unused)
{
    (void)unused;
    return loads(KEY "?pin-value=9999") ? context : NULL;
}

START_TEST(many_threads_try_a_wrong_pin_once)
{
    pthread_t threads[8];

    for (size_t i = 0; i < 8; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, load_with_wrong_pin, NULL), 0);
    for (size_t i = 0; i < 8; i++) {
        void *result = NULL;

        pthread_join(threads[i], &result);
        ck_assert_ptr_null(result);
    }
    ck_assert_uint_eq(logins(), 1);
}
END_TEST

static int prompts;
static const char *answer;

static int read_prompt(UI *ui, UI_STRING *string)
{
    if (UI_get_string_type(string) == UIT_PROMPT) {
        prompts++;
        return UI_set_result(ui, string, answer) == 0;
    }
    return 1;
}

/* The key by a program that asks somebody. */
static EVP_PKEY *load_asking(void)
{
    UI_METHOD *method = UI_create_method("test");
    OSSL_STORE_CTX *store;
    OSSL_STORE_INFO *info;
    EVP_PKEY *key = NULL;

    UI_method_set_reader(method, read_prompt);
    store = OSSL_STORE_open_ex(KEY, context, NULL, method, NULL, NULL, NULL, NULL);
    info = OSSL_STORE_load(store);
    if (info != NULL)
        key = OSSL_STORE_INFO_get1_PKEY(info);
    OSSL_STORE_INFO_free(info);
    OSSL_STORE_close(store);
    UI_destroy_method(method);
    return key;
}

START_TEST(the_last_attempt_is_for_a_person)
{
    EVP_PKEY *key;

    test_spy()->token_flags = CKF_USER_PIN_FINAL_TRY;
    ck_assert(!loads(KEY "?pin-value=1234"));
    ck_assert(errors_say("the token has one attempt left"));
    ck_assert_uint_eq(logins(), 0);
    answer = "1234";
    key = load_asking();
    ck_assert_ptr_nonnull(key);
    ck_assert_uint_eq(logins(), 1);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(the_last_attempt_is_noticed_when_it_comes_and_when_it_is_over)
{
    ck_assert(!loads(KEY "?pin-value=9999"));
    test_spy()->token_flags = CKF_USER_PIN_FINAL_TRY; /* that was the last but one */
    ck_assert(!loads(KEY "?pin-value=9998"));
    ck_assert(errors_say("token 'dev', " KEY "?pin-value=...: the token has one attempt left"));
    ck_assert(!loads(KEY "?pin-value=9999"));
    ck_assert(errors_say("refused this PIN before"));
    ck_assert_uint_eq(logins(), 1);
    test_spy()->token_flags = 0; /* somebody typed it elsewhere */
    ck_assert(loads(KEY "?pin-value=1234"));
    ck_assert_uint_eq(logins(), 2);
}
END_TEST

/* Wrong ones for each use come to the last attempt too. */
START_TEST(the_last_attempt_is_noticed_at_a_use)
{
    EVP_PKEY *key;

    setenv("DEVID_TEST_PIN", "1234", 1);
    key = test_load_key(context, "pkcs11:token=dev;object=fussy;type=private?pin-source=env:DEVID_TEST_PIN");
    ck_assert_ptr_nonnull(key);
    test_spy_reset();
    setenv("DEVID_TEST_PIN", "9999", 1);
    ck_assert(!test_key_signs(context, key));
    ck_assert(errors_say("C_Login: CKR_PIN_INCORRECT"));
    test_spy()->token_flags = CKF_USER_PIN_FINAL_TRY;
    setenv("DEVID_TEST_PIN", "9998", 1);
    ck_assert(!test_key_signs(context, key));
    ck_assert(errors_say("one attempt left"));
    ck_assert_uint_eq(logins(), 1);
    test_spy()->token_flags = 0;
    setenv("DEVID_TEST_PIN", "1234", 1);
    ck_assert(test_key_signs(context, key));
    ck_assert_uint_eq(logins(), 3); /* the session was given up: one for a new one, and one for the use */
    EVP_PKEY_free(key);
    unsetenv("DEVID_TEST_PIN");
}
END_TEST

START_TEST(a_locked_pin_is_told_with_the_name_of_the_token)
{
    test_spy()->inject_call = SPY_LOGIN;
    test_spy()->inject_times = 2;
    test_spy()->inject_rv = CKR_PIN_LOCKED;
    ck_assert(!loads("pkcs11:object=ec;type=private?pin-value=1234"));
    ck_assert(errors_say("the PIN is locked"));
    ck_assert(!loads("pkcs11:object=ec;type=private?pin-value=1234"));
    ck_assert(errors_say("C_Login: CKR_PIN_LOCKED (0xa4), token 'dev', pkcs11:object=ec"));
    ck_assert(loads(KEY "?pin-value=1234")); /* the token forgave, so do we */
    ck_assert_uint_eq(logins(), 3);
}
END_TEST

START_TEST(keys_share_what_is_known_of_the_pin)
{
    ck_assert(!loads(KEY "?pin-value=9999"));
    ck_assert(!loads("pkcs11:token=dev;object=rsa;type=private?pin-value=9999"));
    ck_assert(!loads("pkcs11:token=dev;type=secret-key?pin-value=9999"));
    ck_assert(!loads("pkcs11:token=dev?pin-value=9999"));
    ck_assert_uint_eq(logins(), 1);
    ERR_clear_error();
}
END_TEST

START_TEST(a_token_that_asks_by_itself_is_given_no_pin)
{
    test_spy()->token_flags = CKF_PROTECTED_AUTHENTICATION_PATH;
    test_spy()->inject_call = SPY_LOGIN;
    test_spy()->inject_times = 1;
    test_spy()->inject_rv = CKR_OK; /* as if it had been typed there */
    prompts = 0;
    answer = "1234";
    EVP_PKEY_free(load_asking());
    ERR_clear_error();
    ck_assert_int_eq(prompts, 0);
    ck_assert_uint_eq(logins(), 1);
}
END_TEST

START_TEST(whoever_is_asked_and_wrong_is_asked_again)
{
    EVP_PKEY *key;

    prompts = 0;
    answer = "9999";
    ck_assert_ptr_null(load_asking());
    ck_assert(errors_say("CKR_PIN_INCORRECT"));
    answer = "1234";
    key = load_asking();
    ck_assert_ptr_nonnull(key);
    ck_assert_int_eq(prompts, 2);
    EVP_PKEY_free(key);
}
END_TEST

static int works_in_child(EVP_PKEY *key)
{
    pid_t child = fork();
    int status = -1;

    if (child == 0)
        _exit(test_key_signs(context, key) ? 0 : errors_say("a PIN is needed") ? 1 : 2);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WEXITSTATUS(status);
}

START_TEST(a_typed_pin_serves_children_unless_it_is_to_be_forgotten)
{
    EVP_PKEY *key;

    answer = "1234";
    key = load_asking();
    ck_assert_int_eq(works_in_child(key), 0);
    EVP_PKEY_free(key);
    tear_down();
    setenv("DEVID_PKCS11_CACHE_PINS", "never", 1);
    set_up();
    key = load_asking();
    ck_assert_ptr_nonnull(key);
    ck_assert(test_key_signs(context, key)); /* the login lasts */
    ck_assert_int_eq(works_in_child(key), 1);
    EVP_PKEY_free(key);
}
END_TEST

static int give_password(char *buffer, int size, int writing, void *data)
{
    (void)writing;
    prompts++;
    return snprintf(buffer, (size_t)size, "%s", (const char *)data);
}

START_TEST(the_callback_of_a_pem_reader_is_asked)
{
    EVP_PKEY *key = test_load_key(context, test_uri("ec"));
    BIO *file = BIO_new(BIO_s_mem());
    EVP_PKEY *again;
    char pin[] = "1234";

    ck_assert_int_eq(PEM_write_bio_PrivateKey_ex(file, key, NULL, NULL, 0, NULL, NULL, context, NULL), 1);
    EVP_PKEY_free(key);
    tear_down();
    set_up();
    prompts = 0;
    again = PEM_read_bio_PrivateKey_ex(file, NULL, give_password, pin, context, NULL);
    ck_assert_msg(again != NULL, "%s", test_errors());
    ck_assert_int_eq(prompts, 1);
    ck_assert(test_key_signs(context, again));
    EVP_PKEY_free(again);
    BIO_free(file);
}
END_TEST

START_TEST(without_any_source_the_error_names_them)
{
    ck_assert(!loads(KEY));
    ck_assert(errors_say("pin-source"));
    ck_assert_uint_eq(logins(), 0);
}
END_TEST

/* How many things a program finds that would ask somebody. */
static size_t finds(const char *uri, int expected)
{
    UI_METHOD *method = UI_create_method("test");
    OSSL_STORE_CTX *store;
    OSSL_STORE_INFO *info;
    size_t number = 0;

    UI_method_set_reader(method, read_prompt);
    store = OSSL_STORE_open_ex(uri, context, NULL, method, NULL, NULL, NULL, NULL);
    if (expected != 0)
        OSSL_STORE_expect(store, expected);
    while ((info = OSSL_STORE_load(store)) != NULL) {
        number++;
        OSSL_STORE_INFO_free(info);
    }
    OSSL_STORE_close(store);
    UI_destroy_method(method);
    return number;
}

START_TEST(who_wants_what_anybody_may_read_is_not_asked)
{
    static const struct {
        const char *uri;
        int expected;
        size_t number;
        uint32_t logins;
    } rows[] = {
        {"pkcs11:token=dev;object=ec;type=cert",                  0,                      1, 0},
        {"pkcs11:token=dev;object=ec;type=public",                0,                      1, 0},
        {"pkcs11:token=dev;object=ec;type=public",                OSSL_STORE_INFO_PUBKEY, 1, 0},
        {"pkcs11:token=dev;object=ec",                            OSSL_STORE_INFO_PUBKEY, 1, 0},
        {"pkcs11:token=dev;object=ec",                            OSSL_STORE_INFO_CERT,   1, 0},
        {"pkcs11:token=dev;object=ec",                            0,                      2, 0},
        {"pkcs11:token=dev",                                      OSSL_STORE_INFO_CERT,   4, 0},
 /* what is not there, or not of that kind */
        {"pkcs11:token=dev;object=none;type=cert",                0,                      0, 0},
        {"pkcs11:token=dev;object=none",                          OSSL_STORE_INFO_CERT,   0, 0},
        {"pkcs11:token=dev;object=ec;type=private",               OSSL_STORE_INFO_CERT,   0, 0},
        {"pkcs11:token=dev;object=ec;type=cert",                  OSSL_STORE_INFO_PKEY,   0, 0},
        {"pkcs11:token=dev;object=ec;type=cert",                  OSSL_STORE_INFO_PUBKEY, 0, 0},
        {"pkcs11:token=dev;object=ec;type=public",                OSSL_STORE_INFO_PKEY,   0, 0},
        {"pkcs11:token=dev;object=ec",                            OSSL_STORE_INFO_CRL,    0, 0},
 /* public halves that nothing but the private key has */
        {"pkcs11:token=dev;object=lone;type=public",              0,                      1, 1},
        {"pkcs11:token=dev;object=lone;type=public",              OSSL_STORE_INFO_PUBKEY, 1, 1},
        {"pkcs11:token=dev;object=lone",                          OSSL_STORE_INFO_PUBKEY, 1, 1},
        {"pkcs11:token=dev;object=ec;type=private",               OSSL_STORE_INFO_PUBKEY, 1, 1},
        {"pkcs11:token=dev;object=none;type=public",              0,                      0, 1},
 /* private keys */
        {"pkcs11:token=dev;object=ec;type=private",               0,                      1, 1},
        {"pkcs11:token=dev;object=ec",                            OSSL_STORE_INFO_PKEY,   1, 1},
        {"pkcs11:token=dev;object=mute",                          0,                      0, 1},
 /* where the URI itself brings the PIN, it is for everything */
        {"pkcs11:token=dev;object=ec;type=cert?pin-value=1234",   0,                      1, 0},
        {"pkcs11:token=dev;object=ec;type=public?pin-value=1234", 0,                      1, 0},
        {"pkcs11:token=dev;object=none;type=cert?pin-value=1234", 0,                      0, 1},
        {"pkcs11:token=dev;object=ec?pin-value=1234",             0,                      3, 1},
    };

    answer = "1234";
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool pin = strstr(rows[i].uri, "pin-value") != NULL;

        renew();
        prompts = 0;
        ck_assert_msg(finds(rows[i].uri, rows[i].expected) == rows[i].number, "%s (%d): %zu: %s", rows[i].uri,
                      rows[i].expected, finds(rows[i].uri, rows[i].expected), test_errors());
        ck_assert_msg(logins() == rows[i].logins && prompts == (int)(pin ? 0 : rows[i].logins),
                      "%s (%d): %u logins, %d prompts", rows[i].uri, rows[i].expected, logins(), prompts);
        ERR_clear_error();
    }
}
END_TEST

/* A configured PIN is not tried for certificates that are nowhere: verifiers look for many. */
START_TEST(a_configured_pin_is_not_tried_for_certificates)
{
    tear_down();
    setenv("DEVID_PKCS11_PIN", "9999", 1);
    set_up();
    ck_assert_uint_eq(finds("pkcs11:token=dev;object=none;type=cert", 0), 0);
    ck_assert_uint_eq(finds("pkcs11:token=dev;object=ec;type=cert", 0), 1);
    ck_assert_uint_eq(finds("pkcs11:token=dev;object=ec;type=public", 0), 1);
    ck_assert_uint_eq(logins(), 0);
    unsetenv("DEVID_PKCS11_PIN");
}
END_TEST

START_TEST(the_behavior_is_for_the_user_to_choose)
{
    tear_down();
    setenv("DEVID_PKCS11_LOGIN", "always", 1);
    setenv("DEVID_PKCS11_PIN", "1234", 1);
    set_up();
    ck_assert_uint_eq(finds("pkcs11:token=dev;object=ec;type=cert", 0), 1);
    ck_assert_uint_eq(logins(), 1);
    ck_assert_uint_eq(finds("pkcs11:token=dev;object=lone;type=public", 0), 1);
    ck_assert_uint_eq(logins(), 1);
    tear_down();
    setenv("DEVID_PKCS11_LOGIN", "never", 1);
    set_up();
    ck_assert_uint_eq(finds("pkcs11:token=dev;object=ec", 0), 2); /* nobody sees the private key */
    ck_assert(!loads(KEY));
    ck_assert_uint_eq(logins(), 0);
    unsetenv("DEVID_PKCS11_LOGIN");
    unsetenv("DEVID_PKCS11_PIN");
}
END_TEST

/* A key that wants the PIN for each use: a wrong one is not tried twice there either. */
START_TEST(the_pin_for_one_use_is_remembered_too)
{
    EVP_PKEY *key = test_load_key(context, test_uri("fussy"));

    ck_assert(test_key_signs(context, key));
    test_spy_reset();
    test_spy()->inject_call = SPY_LOGIN;
    test_spy()->inject_times = 1;
    test_spy()->inject_rv = CKR_PIN_INCORRECT;
    ck_assert(!test_key_signs(context, key));
    ck_assert(errors_say("C_Login: CKR_PIN_INCORRECT"));
    ck_assert(!test_key_signs(context, key));
    ck_assert(errors_say("refused this PIN before"));
    ck_assert_uint_eq(logins(), 1);
    EVP_PKEY_free(key);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("login");
    TCase *t = tcase_create("login");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, test_softhsm_start, NULL);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, every_source_serves);
    tcase_add_test(t, wrong_pins_are_tried_once_each_until_one_is_accepted);
    tcase_add_test(t, a_file_that_is_put_right_is_heard_at_once);
    tcase_add_test(t, children_do_not_try_again_what_their_parent_tried);
    tcase_add_test(t, many_threads_try_a_wrong_pin_once);
    tcase_add_test(t, the_last_attempt_is_for_a_person);
    tcase_add_test(t, the_last_attempt_is_noticed_when_it_comes_and_when_it_is_over);
    tcase_add_test(t, the_last_attempt_is_noticed_at_a_use);
    tcase_add_test(t, a_locked_pin_is_told_with_the_name_of_the_token);
    tcase_add_test(t, keys_share_what_is_known_of_the_pin);
    tcase_add_test(t, a_token_that_asks_by_itself_is_given_no_pin);
    tcase_add_test(t, whoever_is_asked_and_wrong_is_asked_again);
    tcase_add_test(t, a_typed_pin_serves_children_unless_it_is_to_be_forgotten);
    tcase_add_test(t, the_callback_of_a_pem_reader_is_asked);
    tcase_add_test(t, without_any_source_the_error_names_them);
    tcase_add_test(t, who_wants_what_anybody_may_read_is_not_asked);
    tcase_add_test(t, a_configured_pin_is_not_tried_for_certificates);
    tcase_add_test(t, the_behavior_is_for_the_user_to_choose);
    tcase_add_test(t, the_pin_for_one_use_is_remembered_too);
    suite_add_tcase(s, t);
    return s;
}
