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
    ck_assert_ptr_nonnull(strstr(prompted, "for PKCS#11 Token (Slot "));
    ck_assert_ptr_nonnull(strstr(prompted, " - dev):"));
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

/* --- OSSL_STORE_find --- */

static X509 *stored_certificate(const char *label)
{
    BIO *file = BIO_new_file(test_software_certificate(label), "r");
    X509 *certificate = PEM_read_bio_X509(file, NULL, NULL, NULL);

    ck_assert_ptr_nonnull(certificate);
    BIO_free(file);
    return certificate;
}

/* What a search finds; taken. */
static struct counts find(OSSL_LIB_CTX *context, const char *uri, OSSL_STORE_SEARCH *search)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open_ex(uri, context, NULL, NULL, NULL, NULL, NULL, NULL);
    struct counts counts = {0};

    ck_assert_ptr_nonnull(search);
    ck_assert_int_eq(OSSL_STORE_supports_search(store, OSSL_STORE_SEARCH_get_type(search)), 1);
    ck_assert_int_eq(OSSL_STORE_find(store, search), 1);
    while (!OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);
        int type = info != NULL ? OSSL_STORE_INFO_get_type(info) : 0;

        counts.keys += type == OSSL_STORE_INFO_PKEY;
        counts.public_keys += type == OSSL_STORE_INFO_PUBKEY;
        counts.certificates += type == OSSL_STORE_INFO_CERT;
        counts.failures += OSSL_STORE_error(store) != 0;
        OSSL_STORE_INFO_free(info);
    }
    ck_assert_int_eq(OSSL_STORE_close(store), 1);
    OSSL_STORE_SEARCH_free(search);
    return counts;
}

static void finds(OSSL_LIB_CTX *context, OSSL_STORE_SEARCH *search, int keys, int public_keys,
                  int certificates)
{
    const struct counts counts = find(context, "pkcs11:token=dev?pin-value=1234", search);

    ck_assert_msg(counts.keys == keys && counts.public_keys == public_keys &&
                      counts.certificates == certificates,
                  "found %d %d %d", counts.keys, counts.public_keys, counts.certificates);
    ERR_clear_error();
}

START_TEST(certificates_are_found_by_subject_and_by_issuer_and_serial)
{
    OSSL_LIB_CTX *context = test_context(DEFAULT_FIRST);
    X509 *certificate = stored_certificate("rsa");
    X509_NAME *subject = X509_get_subject_name(certificate);
    X509_NAME *other = X509_NAME_new();
    ASN1_INTEGER *wrong = ASN1_INTEGER_new();
    struct counts counts;

    finds(context, OSSL_STORE_SEARCH_by_name(subject), 0, 0, 1);
    finds(context,
          OSSL_STORE_SEARCH_by_issuer_serial(X509_get_issuer_name(certificate),
                                             X509_get0_serialNumber(certificate)),
          0, 0, 1);
    ASN1_INTEGER_set(wrong, 5);
    finds(context, OSSL_STORE_SEARCH_by_issuer_serial(X509_get_issuer_name(certificate), wrong), 0, 0, 0);
    /* the same name in another encoding, and another name */
    X509_NAME_add_entry_by_txt(other, "CN", V_ASN1_PRINTABLESTRING, (const unsigned char *)"rsa", -1, -1, 0);
    finds(context, OSSL_STORE_SEARCH_by_name(other), 0, 0, 1);
    X509_NAME_add_entry_by_txt(other, "O", MBSTRING_ASC, (const unsigned char *)"x", -1, -1, 0);
    finds(context, OSSL_STORE_SEARCH_by_name(other), 0, 0, 0);
    /* what anybody may read needs no PIN */
    test_context_free(context);
    test_spy_reset();
    context = test_context(DEFAULT_FIRST);
    counts = find(context, "pkcs11:token=dev", OSSL_STORE_SEARCH_by_name(subject));
    ck_assert_int_eq(counts.certificates, 1);
    ck_assert_uint_eq(test_spy()->calls[SPY_LOGIN], 0);
    ASN1_INTEGER_free(wrong);
    X509_NAME_free(other);
    X509_free(certificate);
    test_context_free(context);
}
END_TEST

START_TEST(things_are_found_by_alias_and_by_fingerprint)
{
    OSSL_LIB_CTX *context = test_context(DEVID_FIRST);
    X509 *certificate = stored_certificate("rsa");
    EVP_PKEY *pkey = X509_get0_pubkey(certificate);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned char *der = NULL;
    unsigned length = 0;
    size_t size = 0;
    int der_size = i2d_PUBKEY(pkey, &der);

    finds(context, OSSL_STORE_SEARCH_by_alias("ec"), 1, 1, 1);
    finds(context, OSSL_STORE_SEARCH_by_alias("twin"), 2, 2, 0);
    finds(context, OSSL_STORE_SEARCH_by_alias("nobody"), 0, 0, 0);
    EVP_Q_digest(NULL, "SHA256", NULL, der, (size_t)der_size, digest, &size);
    finds(context, OSSL_STORE_SEARCH_by_key_fingerprint(EVP_sha256(), digest, size), 1, 1, 1);
    X509_pubkey_digest(certificate, EVP_sha1(), digest, &length);
    finds(context, OSSL_STORE_SEARCH_by_key_fingerprint(EVP_sha1(), digest, length), 1, 1, 1);
    X509_digest(certificate, EVP_sha256(), digest, &length);
    finds(context, OSSL_STORE_SEARCH_by_key_fingerprint(EVP_sha256(), digest, length), 0, 0, 1);
    digest[0] ^= 1;
    finds(context, OSSL_STORE_SEARCH_by_key_fingerprint(EVP_sha256(), digest, length), 0, 0, 0);
    OPENSSL_free(der);
    X509_free(certificate);
    test_context_free(context);
}
END_TEST

START_TEST(an_error_is_no_mere_end_and_an_end_is_no_error)
{
    OSSL_LIB_CTX *context = test_context(DEFAULT_FIRST);
    OSSL_STORE_CTX *store =
        OSSL_STORE_open_ex("pkcs11:token=nobody", context, NULL, NULL, NULL, NULL, NULL, NULL);

    ck_assert_int_eq(OSSL_STORE_eof(store), 0);
    ck_assert_ptr_null(OSSL_STORE_load(store));
    ck_assert_int_eq(OSSL_STORE_error(store), 1);
    OSSL_STORE_eof(store); /* libcrypto may have asked, or has not */
    ck_assert_ptr_null(OSSL_STORE_load(store));
    ck_assert_int_eq(OSSL_STORE_eof(store), 1); /* so that a loop ends */
    ck_assert_int_eq(OSSL_STORE_close(store), 1);
    ERR_clear_error();

    store = OSSL_STORE_open_ex("pkcs11:object=ec;type=cert", context, NULL, NULL, NULL, NULL, NULL, NULL);
    OSSL_STORE_INFO_free(OSSL_STORE_load(store));
    ck_assert_int_eq(OSSL_STORE_error(store), 0);
    ck_assert_int_eq(OSSL_STORE_eof(store), 1);
    ck_assert_ptr_null(OSSL_STORE_load(store));
    ck_assert_int_eq(OSSL_STORE_error(store), 0);
    ck_assert_int_eq(OSSL_STORE_close(store), 1);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    /* one that is closed before anything was asked for */
    store = OSSL_STORE_open_ex("pkcs11:object=ec", context, NULL, NULL, NULL, NULL, NULL, NULL);
    ck_assert_int_eq(OSSL_STORE_close(store), 1);
    test_context_free(context);
}
END_TEST

START_TEST(there_is_no_limit_to_the_objects)
{
    OSSL_LIB_CTX *context;
    struct counts counts;

    test_softhsm_add_secrets("many", 600);
    context = test_context(DEFAULT_FIRST);
    counts = load_all(context, "pkcs11:object=many;type=secret-key?pin-value=1234", 0);
    ck_assert_int_eq(counts.keys, 600);
    test_context_free(context);
}
END_TEST

START_TEST(every_attribute_of_a_uri_narrows_the_search)
{
    static const struct {
        const char *uri;
        bool found;
    } rows[] = {
        {"pkcs11:manufacturer=SoftHSM%20project;object=ec;type=cert",                   true },
        {"pkcs11:manufacturer=nobody;object=ec;type=cert",                              false},
        {"pkcs11:model=SoftHSM%20v2;object=ec;type=cert",                               true },
        {"pkcs11:model=x;object=ec;type=cert",                                          false},
        {"pkcs11:serial=0;object=ec;type=cert",                                         false},
        {"pkcs11:slot-manufacturer=SoftHSM%20project;object=ec;type=cert",              true },
        {"pkcs11:slot-manufacturer=x;object=ec;type=cert",                              false},
        {"pkcs11:slot-description=x;object=ec;type=cert",                               false},
        {"pkcs11:slot-id=1;object=ec;type=cert",                                        false},
        {"pkcs11:library-manufacturer=SoftHSM;object=ec;type=cert",                     true },
        {"pkcs11:library-manufacturer=x;object=ec;type=cert",                           false},
        {"pkcs11:library-description=Implementation%20of%20PKCS11;object=ec;type=cert", true },
        {"pkcs11:library-description=x;object=ec;type=cert",                            false},
        {"pkcs11:library-version=2.6;object=ec;type=cert",                              true },
        {"pkcs11:library-version=9.9;object=ec;type=cert",                              false},
        {"pkcs11:id=%01;object=ec;type=cert",                                           true },
        {"pkcs11:id=%02;object=ec;type=cert",                                           false},
        {"pkcs11:object=ec;type=cert?x-vendor=1&some-other=2",                          true },
        {"pkcs11:object=ec;type=cert?module-name=p11_spy",                              true },
        {"pkcs11:object=ec;type=cert?module-name=other",                                false},
    };
    OSSL_LIB_CTX *context = test_context(DEFAULT_FIRST);

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct counts counts = load_all(context, rows[i].uri, 0);

        ck_assert_msg(counts.certificates == rows[i].found, "%s: %s", rows[i].uri, test_errors());
        ERR_clear_error();
    }
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
    tcase_add_test(t, certificates_are_found_by_subject_and_by_issuer_and_serial);
    tcase_add_test(t, things_are_found_by_alias_and_by_fingerprint);
    tcase_add_test(t, an_error_is_no_mere_end_and_an_end_is_no_error);
    tcase_add_test(t, there_is_no_limit_to_the_objects);
    tcase_add_test(t, every_attribute_of_a_uri_narrows_the_search);
    suite_add_tcase(s, t);
    return s;
}
