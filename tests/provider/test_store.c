/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/softhsm.h"
#include "tests/support/support.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

struct counts {
    int keys;
    int public_keys;
    int certificates;
    int failures;
};

static struct counts load_all(OSSL_LIB_CTX *context, const char *uri, int expected)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open_ex(uri, context, NULL, NULL, NULL, NULL, NULL, NULL);
    struct counts counts = {0};

    ck_assert_ptr_nonnull(store);
    if (expected != 0)
        ck_assert_int_eq(OSSL_STORE_expect(store, expected), 1);
    while (!OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);
        int type = info != NULL ? OSSL_STORE_INFO_get_type(info) : 0;

        counts.keys += type == OSSL_STORE_INFO_PKEY;
        counts.public_keys += type == OSSL_STORE_INFO_PUBKEY;
        counts.certificates += type == OSSL_STORE_INFO_CERT;
        counts.failures += info == NULL;
        OSSL_STORE_INFO_free(info);
        if (info == NULL)
            break;
    }
    OSSL_STORE_close(store);
    return counts;
}

START_TEST(finds_objects_by_uri_and_expectation)
{
    static const struct {
        const char *uri;
        int expected;
        struct counts counts;
    } rows[] = {
        {"pkcs11:token=dev;object=ec?pin-value=1234",    0,                      {1, 1, 1, 0}},
        {"pkcs11:token=dev;object=ec",                   0,                      {0, 1, 1, 0}}, /* what anybody may see */
        {"pkcs11:object=ec;type=private?pin-value=1234", 0,                      {1, 0, 0, 0}},
        {"pkcs11:object=ec;type=cert",                   0,                      {0, 0, 1, 0}},
        {"pkcs11:object=ec;type=public",                 0,                      {0, 1, 0, 0}},
        {"pkcs11:id=%02?pin-value=1234",                 OSSL_STORE_INFO_PKEY,   {1, 0, 0, 0}},
        {"pkcs11:id=%02",                                OSSL_STORE_INFO_CERT,   {0, 0, 1, 0}},
        {"pkcs11:id=%02",                                OSSL_STORE_INFO_PUBKEY, {0, 1, 0, 0}},
        {"pkcs11:id=%04?pin-value=1234",                 OSSL_STORE_INFO_PUBKEY, {0, 1, 0, 0}}, /* of the private key */
        {"pkcs11:object=twin?pin-value=1234",            OSSL_STORE_INFO_PKEY,   {2, 0, 0, 0}},
        {"pkcs11:object=lone?pin-value=1234",            OSSL_STORE_INFO_PKEY,   {1, 0, 0, 0}},
    };

    for (int order = 0; order < TEST_ORDERS; order++) {
        OSSL_LIB_CTX *context = test_context((enum test_order)order);

        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            OSSL_LIB_CTX *fresh = test_context((enum test_order)order);
            struct counts counts = load_all(fresh, rows[i].uri, rows[i].expected);

            ck_assert_msg(memcmp(&counts, &rows[i].counts, sizeof counts) == 0, "%s: %d %d %d %d",
                          rows[i].uri, counts.keys, counts.public_keys, counts.certificates, counts.failures);
            ck_assert_uint_eq(ERR_peek_error(), 0);
            test_context_free(fresh);
        }
        test_context_free(context);
    }
}
END_TEST

START_TEST(a_certificate_is_the_one_that_was_stored)
{
    OSSL_LIB_CTX *context = test_context(DEVID_FIRST);
    OSSL_STORE_CTX *store =
        OSSL_STORE_open_ex("pkcs11:object=rsa;type=cert", context, NULL, NULL, NULL, NULL, NULL, NULL);
    OSSL_STORE_INFO *info = OSSL_STORE_load(store);
    BIO *file = BIO_new_file(test_software_certificate("rsa"), "r");
    X509 *stored = OSSL_STORE_INFO_get1_CERT(info);
    X509 *wanted = PEM_read_bio_X509(file, NULL, NULL, NULL);

    ck_assert_int_eq(X509_cmp(stored, wanted), 0);
    X509_free(stored);
    X509_free(wanted);
    BIO_free(file);
    OSSL_STORE_INFO_free(info);
    OSSL_STORE_close(store);
    test_context_free(context);
}
END_TEST

/* One error, that names the URI and says what is wrong; never a PIN. */
static void refuses(const char *uri, const char *reason, const char *detail)
{
    OSSL_LIB_CTX *context = test_context(DEFAULT_FIRST);
    EVP_PKEY *key = test_load_key(context, uri);
    char *errors = test_errors();

    ck_assert_msg(key == NULL, "%s", uri);
    ck_assert_msg(strstr(errors, reason) != NULL && strstr(errors, detail) != NULL, "%s gave: %s", uri,
                  errors);
    ck_assert_msg(strchr(errors, '\n') == errors + strlen(errors) - 1, "more than one error: %s", errors);
    ck_assert_msg(strstr(errors, "1234") == NULL && strstr(errors, "4321") == NULL, "%s", errors);
    free(errors);
    test_context_free(context);
}

START_TEST(a_failure_is_one_clear_error)
{
    refuses("pkcs11:token=nobody;object=ec?pin-value=1234", "no such token",
            "pkcs11:token=nobody;object=ec?pin-value=...: no token matches; tokens seen in");
    refuses("pkcs11:token=nobody", "no such token", "'dev'");
    refuses("pkcs11:token=dev;object=nothing?pin-value=1234", "no such object",
            "pkcs11:token=dev;object=nothing?pin-value=...: no object matches");
    refuses("pkcs11:token=%z?pin-value=1234", "bad PKCS#11 URI", "pkcs11:token=%z?pin-value=...: ");
    refuses("pkcs11:spoon=1?pin-value=1234", "bad PKCS#11 URI", "an attribute that RFC 7512 does not");
    refuses("pkcs11:token=dev;object=ec?pin-value=4321", "wrong PIN", "CKR_PIN_INCORRECT");
    refuses("pkcs11:token=dev;object=ec?pin-source=/nowhere/pin", "PIN source", "/nowhere/pin: No such file");
    refuses("pkcs11:token=dev;object=ec?pin-source=pin", "PIN source", "absolute path");
    refuses("pkcs11:token=dev;object=mute?pin-value=1234", "no public key", "object=mute");
}
END_TEST

START_TEST(a_missing_module_is_one_clear_error)
{
    setenv("DEVID_PKCS11_MODULE", "/nowhere/module.so", 1);
    refuses("pkcs11:token=dev", "cannot be loaded", "/nowhere/module.so: cannot open shared object file");
    setenv("DEVID_PKCS11_MODULE", support_build_path("tests/support/.libs/tcti_count.so"), 1);
    refuses("pkcs11:token=dev", "cannot be loaded", "not a PKCS#11 module");
}
END_TEST

static int prompts;
static char prompted[256];

static int read_prompt(UI *ui, UI_STRING *string)
{
    if (UI_get_string_type(string) == UIT_PROMPT) {
        prompts++;
        snprintf(prompted, sizeof prompted, "%s", UI_get0_output_string(string));
        UI_set_result(ui, string, "1234");
    }
    return 1;
}

START_TEST(the_application_is_asked_for_the_pin_once_and_only_for_what_needs_it)
{
    OSSL_LIB_CTX *context = test_context(DEFAULT_FIRST);
    UI_METHOD *method = UI_create_method("test");

    UI_method_set_reader(method, read_prompt);
    prompts = 0;
    for (int i = 0; i < 2; i++) {
        OSSL_STORE_CTX *store =
            OSSL_STORE_open_ex("pkcs11:token=dev;object=ec", context, NULL, method, NULL, NULL, NULL, NULL);
        OSSL_STORE_INFO *info;

        OSSL_STORE_expect(store, i == 0 ? OSSL_STORE_INFO_CERT : OSSL_STORE_INFO_PKEY);
        info = OSSL_STORE_load(store);
        ck_assert_ptr_nonnull(info);
        ck_assert_int_eq(prompts, i);
        OSSL_STORE_INFO_free(info);
        OSSL_STORE_close(store);
    }
    ck_assert_ptr_nonnull(strstr(prompted, "PIN of token dev"));
    EVP_PKEY_free(test_load_key(context, "pkcs11:token=dev;object=rsa"));
    ck_assert_int_eq(prompts, 1);
    UI_destroy_method(method);
    test_context_free(context);
}
END_TEST

START_TEST(the_pin_may_come_from_a_file)
{
    OSSL_LIB_CTX *context = test_context(DEFAULT_FIRST);
    char uri[5000];
    EVP_PKEY *key;

    support_write(support_path("pin"), "1234\n");
    snprintf(uri, sizeof uri, "pkcs11:token=dev;object=ec?pin-source=file:%s", support_path("pin"));
    key = test_load_key(context, uri);
    ck_assert_ptr_nonnull(key);
    EVP_PKEY_free(key);
    test_context_free(context);

    setenv("DEVID_PKCS11_PIN_SOURCE", support_path("pin"), 1);
    context = test_context(DEFAULT_FIRST);
    key = test_load_key(context, "pkcs11:token=dev;object=ec");
    ck_assert_ptr_nonnull(key);
    EVP_PKEY_free(key);
    test_context_free(context);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("store");
    TCase *t = tcase_create("store");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, test_softhsm_start, NULL);
    tcase_add_checked_fixture(t, test_spy_reset, NULL);
    tcase_add_test(t, finds_objects_by_uri_and_expectation);
    tcase_add_test(t, a_certificate_is_the_one_that_was_stored);
    tcase_add_test(t, a_failure_is_one_clear_error);
    tcase_add_test(t, a_missing_module_is_one_clear_error);
    tcase_add_test(t, the_application_is_asked_for_the_pin_once_and_only_for_what_needs_it);
    tcase_add_test(t, the_pin_may_come_from_a_file);
    suite_add_tcase(s, t);
    return s;
}
