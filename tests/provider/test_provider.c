/* SPDX-License-Identifier: Apache-2.0 */
/* The provider as an openssl.cnf sets it up: under any name, with pkcs11-provider's options. */
#include "provider/pem.h"
#include "tests/support/softhsm.h"
#include "tests/support/support.h"

#include <openssl/conf.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An openssl.cnf with the provider under `name` and these lines in its section. */
static const char *write_configuration(const char *name, const char *lines)
{
    const char *file = support_path("openssl.cnf");
    char text[4000];

    snprintf(text, sizeof text,
             "openssl_conf = start\n[start]\nproviders = list\n[list]\ndefault = default_section\n"
             "%s = ours\n[default_section]\nactivate = 1\n[ours]\nmodule = %s\n%s",
             name, support_build_path("provider/.libs/devid.so"), lines);
    support_write(file, text);
    setenv("OPENSSL_CONF", file, 1);
    return file;
}

/* A context set up as such a file does it for the default one. */
static OSSL_LIB_CTX *configured(const char *name, const char *lines)
{
    OSSL_LIB_CTX *context = OSSL_LIB_CTX_new();
    char all[2000];

    snprintf(all, sizeof all, "activate = 1\n%s", lines);
    ck_assert_int_eq(OSSL_LIB_CTX_load_config(context, write_configuration(name, all)), 1);
    ck_assert_int_eq(OSSL_PROVIDER_available(context, name), 1);
    return context;
}

static bool signs(OSSL_LIB_CTX *context, EVP_PKEY *key, const char *properties)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    unsigned char signature[512];
    size_t size = sizeof signature;
    bool ok = key != NULL && EVP_DigestSignInit_ex(md, NULL, "SHA256", context, properties, key, NULL) == 1 &&
              EVP_DigestSign(md, signature, &size, (const unsigned char *)"data", 4) == 1;

    EVP_MD_CTX_free(md);
    return ok;
}

START_TEST(answers_to_the_name_that_it_is_loaded_by)
{
    static const char *const names[] = {"pkcs11", "tpm2", "devid"};

    unsetenv("DEVID_PKCS11_MODULE");
    for (size_t i = 0; i < 3; i++) {
        char lines[1000];
        char property[50];
        char mandatory[50];
        OSSL_LIB_CTX *context;
        EVP_PKEY *key;

        snprintf(lines, sizeof lines, "pkcs11-module-path = %s\npkcs11-module-token-pin = 1234\n",
                 support_build_path("tests/support/.libs/p11_spy.so"));
        snprintf(property, sizeof property, "?provider=%s", names[i]);
        snprintf(mandatory, sizeof mandatory, "provider=%s", names[i]);
        context = configured(names[i], lines);
        ck_assert_int_eq(EVP_set_default_properties(context, property), 1);
        key = test_load_key(context, "pkcs11:token=dev;object=ec;type=private");
        ck_assert_msg(key != NULL, "%s", test_errors());
        ck_assert_str_eq(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(key)), names[i]);
        ck_assert_msg(signs(context, key, mandatory), "%s", test_errors());
        EVP_PKEY_free(key);
        OSSL_LIB_CTX_free(context);
    }
}
END_TEST

/* The file itself may have another name: libcrypto looks for NAME.so in its directory of modules. */
START_TEST(its_file_may_be_called_pkcs11)
{
    OSSL_LIB_CTX *context = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *provider;
    EVP_KEYMGMT *keymgmt;

    OSSL_PROVIDER_set_default_search_path(context, support_directory());
    ck_assert_int_eq(symlink(support_build_path("provider/.libs/devid.so"), support_path("pkcs11.so")), 0);
    provider = OSSL_PROVIDER_load(context, "pkcs11");
    ck_assert_msg(provider != NULL, "%s", test_errors());
    keymgmt = EVP_KEYMGMT_fetch(context, "EC", "provider=pkcs11");
    ck_assert_ptr_nonnull(keymgmt);
    EVP_KEYMGMT_free(keymgmt);
    OSSL_PROVIDER_unload(provider);
    OSSL_LIB_CTX_free(context);
    unlink(support_path("pkcs11.so"));
}
END_TEST

/* libcrypto 3.0 keeps the errors of providers that openssl.cnf activates to itself; but not those of
 * providers that somebody loads. */
static void refuses(const char *lines, const char *detail)
{
    OSSL_LIB_CTX *context = OSSL_LIB_CTX_new();
    char *errors;

    ck_assert_int_eq(OSSL_LIB_CTX_load_config(context, write_configuration("devid", lines)), 1);
    ck_assert_msg(OSSL_PROVIDER_load(context, "devid") == NULL, "%s was accepted", lines);
    errors = test_errors();
    ck_assert_msg(strstr(errors, detail) != NULL, "%s gave: %s", lines, errors);
    ck_assert_msg(strstr(errors, "98761") == NULL, "%s", errors);
    free(errors);
    OSSL_LIB_CTX_free(context);
}

START_TEST(a_line_that_is_no_option_is_an_error_that_tells_it)
{
    char place[600];

    snprintf(place, sizeof place, "%s, section [ours]: there is no option pkcs11-module-tokenpin",
             support_path("openssl.cnf"));
    refuses("pkcs11-module-tokenpin = 98761\n", place);
    refuses("pkcs11-module-token-pin = 98761\nfoo = bar\n", "there is no option foo");
    refuses("pkcs11-module-quirks = no-deinit no-luck\n",
            "pkcs11-module-quirks = no-deinit no-luck: expected any of no-allowed-mechanisms");
    refuses("login = 1\n", "login = 1: expected auto, always or never");
}
END_TEST

/* What "openssl list -providers" prints of it. */
static void answers(OSSL_LIB_CTX *context, int wanted_status, const char *wanted_name)
{
    OSSL_PROVIDER *provider = OSSL_PROVIDER_load(context, "devid");
    const char *name = "";
    int status = -1;
    OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, &name, 0),
        OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, &status),
        OSSL_PARAM_END,
    };

    ck_assert_ptr_nonnull(provider);
    ck_assert_int_eq(OSSL_PROVIDER_get_params(provider, params), 1);
    ck_assert_int_eq(status, wanted_status);
    ck_assert_msg(strstr(name, wanted_name) != NULL, "%s", name);
    OSSL_PROVIDER_unload(provider);
}

static bool reads_pem(OSSL_LIB_CTX *context, const char *uri)
{
    BIO *bio = BIO_new(BIO_s_mem());
    EVP_PKEY *key;

    ck_assert(prov_pem_write(bio, uri));
    key = PEM_read_bio_PrivateKey_ex(bio, NULL, NULL, NULL, context, NULL);
    BIO_free(bio);
    EVP_PKEY_free(key);
    return key != NULL;
}

static bool generates(OSSL_LIB_CTX *context, const char *uri)
{
    EVP_PKEY_CTX *generation = EVP_PKEY_CTX_new_from_name(context, "EC", "provider=devid");
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t) "P-256", 0),
        uri != NULL ? OSSL_PARAM_construct_utf8_string("pkcs11_uri", (char *)(uintptr_t)uri, 0)
                    : OSSL_PARAM_construct_end(),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = NULL;
    bool ok = EVP_PKEY_keygen_init(generation) == 1 && EVP_PKEY_CTX_set_params(generation, params) == 1 &&
              EVP_PKEY_generate(generation, &key) == 1;

    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(generation);
    return ok;
}

static bool gives_random_numbers(OSSL_LIB_CTX *context)
{
    EVP_RAND *rand = EVP_RAND_fetch(context, "DEVID-RAND", NULL);
    EVP_RAND_CTX *generator = EVP_RAND_CTX_new(rand, NULL);
    unsigned char number[8];
    bool ok = EVP_RAND_instantiate(generator, 0, 0, NULL, 0, NULL) == 1 &&
              EVP_RAND_generate(generator, number, sizeof number, 0, 0, NULL, 0) == 1;

    EVP_RAND_CTX_free(generator);
    EVP_RAND_free(rand);
    return ok;
}

static void told(const char *lines, const char *detail)
{
    char *errors = test_errors();

    ck_assert_msg(strstr(errors, detail) != NULL, "%s gave: %s", lines, errors);
    ck_assert_msg(strstr(errors, "98761") == NULL && strstr(errors, "matches") == NULL, "%s", errors);
    free(errors);
}

/* Everything that would use a token says why it does not; what needs none goes on. */
static void tells_at_each_use(const char *lines, const char *detail)
{
    static const char *const uris[] = {"pkcs11:token=dev;object=ec;type=private?pin-value=1234",
                                       "pkcs11:token=dev;type=cert", "pkcs11:type=public?module-name=other"};
    OSSL_LIB_CTX *context;

    test_spy_reset();
    context = configured("devid", lines);
    answers(context, 0, detail);
    for (size_t i = 0; i < sizeof uris / sizeof uris[0]; i++) {
        ck_assert_ptr_null(test_load_key(context, uris[i]));
        told(lines, detail);
    }
    ck_assert(!reads_pem(context, uris[0]));
    told(lines, detail);
    ck_assert(!generates(context, "pkcs11:token=dev;object=new?pin-value=1234"));
    told(lines, detail);
    ck_assert(!gives_random_numbers(context));
    told(lines, detail);
    ck_assert(generates(context, NULL));
    ck_assert_uint_eq(test_spy()->loaded, 0);
    OSSL_LIB_CTX_free(context);
}

START_TEST(where_libcrypto_keeps_the_error_to_itself_each_use_tells_it)
{
    char place[600];

    snprintf(place, sizeof place, "%s, section [ours]: there is no option pkcs11-module-tokenpin",
             support_path("openssl.cnf"));
    tells_at_each_use("pkcs11-module-tokenpin = 98761\n", place);
    tells_at_each_use("login = 1\n", "login = 1: expected auto, always or never");
    tells_at_each_use("pkcs11-module-token-pin =\n", "pkcs11-module-token-pin: expected a PIN");
    tells_at_each_use("pkcs11-module-path = softhsm2:/a.so\nload = soon\n",
                      "load = soon: expected early or lazy");
    setenv("DEVID_PKCS11_PEM", "pkcs8", 1);
    tells_at_each_use("", "DEVID_PKCS11_PEM = pkcs8: expected uri or tss2");
    unsetenv("DEVID_PKCS11_PEM");
}
END_TEST

START_TEST(a_module_that_is_wanted_early_is_told_of_later_if_need_be)
{
    OSSL_LIB_CTX *context;

    setenv("DEVID_PKCS11_MODULE", "/nowhere/module.so", 1);
    context = configured("devid", "load = early\n");
    answers(context, 1, "DevID");
    ck_assert_uint_eq(ERR_peek_error(), 0);
    ck_assert_ptr_null(test_load_key(context, test_uri("ec")));
    told("load = early\n", "/nowhere/module.so: cannot open shared object file");
    OSSL_LIB_CTX_free(context);
}
END_TEST

static void log_has(const char *const *texts)
{
    char *log = support_read(support_path("log"), NULL);

    for (; *texts != NULL; texts++)
        ck_assert_msg(strstr(log, *texts) != NULL, "%s lacks: %s", log, *texts);
    ck_assert_msg(strstr(log, "1234") == NULL && strstr(log, "98761") == NULL, "%s", log);
    free(log);
    unlink(support_path("log"));
}
#define LOG_HAS(...) log_has((const char *const[]){__VA_ARGS__, NULL})

START_TEST(who_asks_is_told_in_a_log_without_a_pin)
{
    char lines[600];
    OSSL_LIB_CTX *context;

    setenv("DEVID_PKCS11_PIN", "1234", 1);
    snprintf(lines, sizeof lines, "log = info:%s\n", support_path("log"));
    context = configured("devid", lines);
    EVP_PKEY_free(test_load_key(context, "pkcs11:token=dev;object=ec;type=private"));
    LOG_HAS("p11_spy.so is initialised", "token 'dev', slot ", "C_Login: 0x0",
            "pkcs11:token=dev;object=ec;type=private: 1 found in 1 tokens");
    ck_assert_ptr_null(test_load_key(context, "pkcs11:token=dev;object=none;type=private?pin-value=98761"));
    LOG_HAS("error: raise_nothing: no such object: pkcs11:token=dev;object=none;type=private?pin-value=...");
    OSSL_LIB_CTX_free(context);
    ERR_clear_error();
    unsetenv("DEVID_PKCS11_PIN");
    snprintf(lines, sizeof lines, "log = error:%s\nfoo = 98761\n", support_path("log"));
    OSSL_LIB_CTX_free(configured("devid", lines));
    LOG_HAS("there is no option foo");
}
END_TEST

START_TEST(all_the_peers_options_are_taken)
{
    OSSL_LIB_CTX *context =
        configured("pkcs11", "pkcs11-module-token-pin = 1234\n"
                             "pkcs11-module-allow-export = 0\npkcs11-module-login-behavior = auto\n"
                             "pkcs11-module-load-behavior = early\npkcs11-module-cache-pins = cache\n"
                             "pkcs11-module-cache-keys = true\npkcs11-module-quirks = no-deinit\n"
                             "pkcs11-module-cache-sessions = 5\npkcs11-module-assume-fips = true\n"
                             "pkcs11-module-encode-provider-uri-to-pem = true\n"
                             "pkcs11-module-block-operations = digest cipher\n");
    EVP_PKEY *key;

    ck_assert_uint_eq(test_spy()->calls[SPY_INITIALIZE], 1); /* early */
    key = test_load_key(context, "pkcs11:token=dev;object=rsa;type=private");
    ck_assert_msg(signs(context, key, "provider=pkcs11,fips=yes"), "%s", test_errors());
    EVP_PKEY_free(key);
    OSSL_LIB_CTX_free(context);
}
END_TEST

START_TEST(a_module_that_is_wanted_early_and_cannot_be_loaded_is_an_error)
{
    setenv("DEVID_PKCS11_MODULE", "/nowhere/module.so", 1);
    refuses("pkcs11-module-load-behavior = early\n", "/nowhere/module.so: cannot open shared object file");
}
END_TEST

START_TEST(blocked_operations_are_not_offered)
{
    OSSL_LIB_CTX *context = configured("devid", "pkcs11-module-block-operations = store,signature\n");
    EVP_SIGNATURE *signature = EVP_SIGNATURE_fetch(context, "ECDSA", "provider=devid");
    EVP_KEYMGMT *keymgmt = EVP_KEYMGMT_fetch(context, "EC", "provider=devid");

    ck_assert_ptr_null(signature);
    ck_assert_ptr_nonnull(keymgmt);
    ck_assert_ptr_null(test_load_key(context, test_uri("ec")));
    ck_assert_uint_eq(test_spy()->loaded, 0);
    EVP_KEYMGMT_free(keymgmt);
    OSSL_LIB_CTX_free(context);
}
END_TEST

START_TEST(export_and_uri_files_can_be_forbidden)
{
    OSSL_LIB_CTX *context = configured("devid", "pkcs11-module-allow-export = 1\n"
                                                "pkcs11-module-encode-provider-uri-to-pem = false\n");
    EVP_PKEY *key = test_load_key(context, test_uri("ec"));
    BIO *out = BIO_new(BIO_s_mem());
    OSSL_PARAM *params = NULL;
    char *errors;

    ck_assert_ptr_nonnull(key);
    ck_assert_int_ne(EVP_PKEY_todata(key, EVP_PKEY_PUBLIC_KEY, &params), 1);
    ck_assert_int_eq(PEM_write_bio_PUBKEY_ex(out, key, context, NULL),
                     1); /* written by the provider itself */
    ERR_clear_error();
    ck_assert_int_ne(PEM_write_bio_PrivateKey_ex(out, key, NULL, NULL, 0, NULL, NULL, context, NULL), 1);
    errors = test_errors();
    ck_assert_msg(strstr(errors, "pkcs11-module-encode-provider-uri-to-pem = false") != NULL, "%s", errors);
    ck_assert(signs(context, key, NULL));
    free(errors);
    BIO_free(out);
    EVP_PKEY_free(key);
    OSSL_LIB_CTX_free(context);
}
END_TEST

/* RSA keys whose allowed mechanisms are not asked for are keys for everything. */
START_TEST(allowed_mechanisms_need_not_be_asked_for)
{
    OSSL_LIB_CTX *context = configured("devid", "");
    EVP_PKEY *key = test_load_key(context, test_uri("pss"));

    ck_assert(EVP_PKEY_is_a(key, "RSA-PSS"));
    EVP_PKEY_free(key);
    OSSL_LIB_CTX_free(context);
    context = configured("devid", "pkcs11-module-quirks = no-allowed-mechanisms\n");
    key = test_load_key(context, test_uri("pss"));
    ck_assert(EVP_PKEY_is_a(key, "RSA"));
    EVP_PKEY_free(key);
    OSSL_LIB_CTX_free(context);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("provider");
    TCase *t = tcase_create("provider");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, test_softhsm_start, NULL);
    tcase_add_checked_fixture(t, test_spy_reset, NULL);
    tcase_add_test(t, answers_to_the_name_that_it_is_loaded_by);
    tcase_add_test(t, its_file_may_be_called_pkcs11);
    tcase_add_test(t, a_line_that_is_no_option_is_an_error_that_tells_it);
    tcase_add_test(t, where_libcrypto_keeps_the_error_to_itself_each_use_tells_it);
    tcase_add_test(t, a_module_that_is_wanted_early_is_told_of_later_if_need_be);
    tcase_add_test(t, who_asks_is_told_in_a_log_without_a_pin);
    tcase_add_test(t, all_the_peers_options_are_taken);
    tcase_add_test(t, a_module_that_is_wanted_early_and_cannot_be_loaded_is_an_error);
    tcase_add_test(t, blocked_operations_are_not_offered);
    tcase_add_test(t, export_and_uri_files_can_be_forbidden);
    tcase_add_test(t, allowed_mechanisms_need_not_be_asked_for);
    suite_add_tcase(s, t);
    return s;
}
