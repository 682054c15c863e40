/* SPDX-License-Identifier: Apache-2.0 */
/* Several modules at once: SoftHSM's token "dev" and DevID's file token "disk", each behind a spy of its own.
 */
#include "provider/pem.h"
#include "tests/support/softhsm.h"
#include "tests/support/support.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/store.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HSM_KEY "pkcs11:token=dev;object=ec;type=private?pin-value=1234"
#define DISK_KEY "pkcs11:token=disk;object=ec;type=private"

static struct p11_spy *hsm;
static struct p11_spy *disk;
static char good[4096]; /* both modules, as $DEVID_PKCS11_MODULE has them */
static OSSL_LIB_CTX *context;

static void start(void)
{
    char *module = strdup(support_build_path("pkcs11/.libs/devid-pkcs11.so"));
    char *devid = strdup(support_build_path("cli/devid"));
    char *output = NULL;
    int status;

    test_softhsm_start();
    hsm = test_spy();
    mkdir(support_path("tokens"), 0700);
    setenv("DEVID_TOKENS", support_path("tokens"), 1);
    setenv("DEVID_CONF", "/dev/null", 1);
    status = support_shell(
        &output,
        "exec 2>&1; export DEVID_PKCS11_MODULE=%s; %s token init --label disk --backend file "
        "&& for label in ec other; do %s key generate --token disk --label $label || exit; done",
        module, devid, devid);
    ck_assert_msg(status == 0, "%s", output);
    free(output);
    disk = test_spy_add(module);
    free(module);
    free(devid);
    snprintf(good, sizeof good, "%s", getenv("DEVID_PKCS11_MODULE"));
}

static void set_up(void)
{
    setenv("DEVID_PKCS11_MODULE", good, 1);
    test_spy_reset();
    context = test_context(DEFAULT_FIRST);
}

static void tear_down(void)
{
    ERR_clear_error();
    test_context_free(context);
}

/* From now on another module stands before the good ones, or behind them. */
static void add_module(const char *other, bool before)
{
    char list[8192];

    tear_down();
    snprintf(list, sizeof list, "%s:%s", before ? other : good, before ? good : other);
    setenv("DEVID_PKCS11_MODULE", list, 1);
    context = test_context(DEFAULT_FIRST);
}

/* Without the check by which test_key_signs would add to what is counted. */
static bool signs(EVP_PKEY *key)
{
    unsigned char signature[512];
    size_t size = sizeof signature;

    return test_key_sign(context, key, signature, &size);
}

/* The key, with nothing left in the queue of errors. */
static EVP_PKEY *load(const char *uri)
{
    EVP_PKEY *key = test_load_key(context, uri);

    ck_assert_msg(key != NULL, "%s: %s", uri, test_errors());
    ck_assert_uint_eq(ERR_peek_error(), 0);
    return key;
}

static void refuses(const char *uri, const char *const *texts)
{
    EVP_PKEY *key = test_load_key(context, uri);
    char *errors = test_errors();

    ck_assert_ptr_null(key);
    for (; *texts != NULL; texts++)
        ck_assert_msg(strstr(errors, *texts) != NULL, "%s lacks: %s", errors, *texts);
    free(errors);
}
#define REFUSES(uri, ...) refuses(uri, (const char *const[]){__VA_ARGS__, NULL})

static uint32_t listing(const struct p11_spy *spy)
{
    return spy->calls[SPY_INITIALIZE] + spy->calls[SPY_GET_SLOT_LIST] + spy->calls[SPY_GET_TOKEN_INFO];
}

START_TEST(a_load_takes_twenty_calls_and_a_signature_two_in_the_module_that_has_the_key)
{
    const struct {
        const char *uri;
        struct p11_spy *here;
        struct p11_spy *there;
    } rows[] = {
        {HSM_KEY,  hsm,  disk},
        {DISK_KEY, disk, hsm },
    };
    EVP_PKEY *key;

    for (size_t i = 0; i < 2; i++) {
        tear_down();
        set_up();
        key = load(rows[i].uri);
        ck_assert_uint_le(hsm->total + disk->total, 20);
        ck_assert_uint_gt(rows[i].here->total, listing(rows[i].here));
        ck_assert_uint_eq(rows[i].there->total, listing(rows[i].there)); /* nothing but which tokens it has */
        test_spy_reset();
        ck_assert(signs(key) && signs(key));
        ck_assert_uint_eq(rows[i].here->total, 4);
        ck_assert_uint_eq(rows[i].here->calls[SPY_SIGN], 2);
        ck_assert_uint_eq(rows[i].there->total, 0);
        EVP_PKEY_free(key);
    }
}
END_TEST

START_TEST(a_module_that_the_uri_does_not_name_is_not_loaded)
{
    EVP_PKEY_free(load(HSM_KEY "&module-name=p11_spy"));
    ck_assert_uint_eq(disk->loaded, 0);
    EVP_PKEY_free(load(DISK_KEY "?module-name=p11_spy_2"));
    ck_assert_uint_eq(disk->calls[SPY_INITIALIZE], 1);
}
END_TEST

/* Keys of both in turn: each session and login is opened once. */
START_TEST(keys_of_several_modules_are_used_side_by_side)
{
    EVP_PKEY *keys[] = {load(HSM_KEY), load(DISK_KEY)};

    test_spy_reset();
    for (int i = 0; i < 10; i++)
        ck_assert(signs(keys[i % 2]));
    ck_assert_uint_eq(hsm->total, 10);
    ck_assert_uint_eq(disk->total, 10);
    EVP_PKEY_free(keys[0]);
    EVP_PKEY_free(keys[1]);
}
END_TEST

START_TEST(children_use_keys_of_each_module)
{
    EVP_PKEY *keys[] = {load(HSM_KEY), load(DISK_KEY)};
    int status = -1;
    pid_t child;

    test_spy_reset();
    child = fork();
    if (child == 0) {
        bool ok = signs(keys[0]) && signs(keys[1]) && hsm->calls[SPY_SIGN] == 1 && disk->calls[SPY_SIGN] == 1;

        EVP_PKEY_free(keys[0]);
        EVP_PKEY_free(keys[1]);
        tear_down();
        _exit(!ok);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert(signs(keys[0]) && signs(keys[1]));
    EVP_PKEY_free(keys[0]);
    EVP_PKEY_free(keys[1]);
}
END_TEST

static void *work(void *which)
{
    const char *uri = which != NULL ? HSM_KEY : DISK_KEY;
    bool ok = true;

    for (int i = 0; ok && i < 20; i++) {
        EVP_PKEY *key = test_load_key(context, uri);

        ok = key != NULL && signs(key);
        EVP_PKEY_free(key);
    }
    return ok ? context : NULL;
}

START_TEST(threads_load_and_use_keys_of_each_module)
{
    pthread_t threads[6];

    for (size_t i = 0; i < 6; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, work, i % 2 == 0 ? context : NULL), 0);
    for (size_t i = 0; i < 6; i++) {
        void *result = NULL;

        pthread_join(threads[i], &result);
        ck_assert_ptr_nonnull(result);
    }
    ck_assert_uint_eq(hsm->calls[SPY_INITIALIZE], 1);
    ck_assert_uint_eq(disk->calls[SPY_INITIALIZE], 1);
    ck_assert_uint_eq(hsm->calls[SPY_LOGIN], 1);
}
END_TEST

/* One that is not there, one that is no library, one that is no PKCS#11 module, one that p11-kit does not
 * know: before and behind the good ones. */
START_TEST(a_module_that_cannot_be_loaded_is_in_nobodys_way_and_is_named)
{
    static const struct {
        const char *module;
        const char *problem;
    } rows[] = {
        {"/nowhere/module.so",          "cannot open"                },
        {"/etc/passwd",                 "invalid ELF header"         },
        {"libm.so.6",                   "p11-kit has no module of"   },
        {"no_such_thing.so",            "cannot open"                },
        {"no such name",                "p11-kit has no module of"   },
        {"../escape",                   "cannot open"                },
        {"/lib64/ld-linux-x86-64.so.2", "it has no C_GetFunctionList"},
    };

    for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        const char *module = rows[i / 2].module;
        const char *problem = rows[i / 2].problem;
        EVP_PKEY *key;

        add_module(module, i % 2 == 0);
        key = load(HSM_KEY);
        ck_assert(signs(key));
        EVP_PKEY_free(key);
        key = load(DISK_KEY);
        ck_assert(signs(key));
        ck_assert_uint_eq(ERR_peek_error(), 0);
        EVP_PKEY_free(key);
        REFUSES("pkcs11:token=nobody;type=private", module, problem, "no token matches", "'dev'", "'disk'");
        REFUSES("pkcs11:token=dev;object=none;type=private?pin-value=1234", module, problem,
                "no object matches");
    }
}
END_TEST

static void inject(struct p11_spy *spy, enum p11_spy_call call, uint32_t rv)
{
    spy->inject_call = call;
    spy->inject_times = 1000;
    spy->inject_rv = rv;
}

START_TEST(a_module_that_fails_is_in_nobodys_way_and_is_named)
{
    static const struct {
        enum p11_spy_call call;
        uint32_t rv;
        const char *named;
    } rows[] = {
        {SPY_INITIALIZE,     CKR_GENERAL_ERROR,            "C_Initialize: CKR_GENERAL_ERROR"            },
        {SPY_INITIALIZE,     CKR_CANT_LOCK,                "C_Initialize: CKR_CANT_LOCK"                },
        {SPY_GET_SLOT_LIST,  CKR_DEVICE_ERROR,             "C_GetSlotList: CKR_DEVICE_ERROR"            },
        {SPY_GET_SLOT_LIST,  CKR_CRYPTOKI_NOT_INITIALIZED, "C_GetSlotList: CKR_CRYPTOKI_NOT_INITIALIZED"},
        {SPY_GET_TOKEN_INFO, CKR_DEVICE_ERROR,             "C_GetTokenInfo: CKR_DEVICE_ERROR"           },
        {SPY_GET_TOKEN_INFO, 0x80001234,                   "C_GetTokenInfo: CKR_0x80001234"             },
        {SPY_OPEN_SESSION,   CKR_DEVICE_REMOVED,           "C_OpenSession: CKR_DEVICE_REMOVED"          },
        {SPY_FIND_OBJECTS,   CKR_FUNCTION_FAILED,          "C_FindObjects: CKR_FUNCTION_FAILED"         },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        EVP_PKEY *key;

        tear_down();
        set_up();
        inject(hsm, rows[i].call, rows[i].rv);
        key = load("pkcs11:object=other;type=private?pin-value=1234");
        ck_assert(signs(key));
        EVP_PKEY_free(key);
        REFUSES("pkcs11:object=none;type=private?pin-value=1234", rows[i].named, "p11_spy.so", "'disk'");
        hsm->inject_times = 0; /* as soon as it works, it is heard */
        EVP_PKEY_free(load(HSM_KEY));
    }
}
END_TEST

static size_t count(const char *uri)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open_ex(uri, context, NULL, NULL, NULL, NULL, NULL, NULL);
    size_t number = 0;
    OSSL_STORE_INFO *info;

    ck_assert_ptr_nonnull(store);
    while ((info = OSSL_STORE_load(store)) != NULL) {
        number++;
        OSSL_STORE_INFO_free(info);
    }
    OSSL_STORE_close(store);
    return number;
}

START_TEST(a_module_with_one_interface_for_all_names_is_not_taken_for_ours)
{
    setenv("P11_SPY_ANY_INTERFACE", "1", 1);
    EVP_PKEY_free(load(HSM_KEY));
    REFUSES("pkcs11:token=dev;object=none;type=private?pin-value=1234", "no object matches");
    unsetenv("P11_SPY_ANY_INTERFACE");
}
END_TEST

/* Two modules may have tokens of one name, and even the same token, as p11-kit's proxy beside a module. */
START_TEST(keys_of_one_name_in_two_modules_are_told_apart_by_the_module)
{
    ck_assert_uint_eq(count("pkcs11:object=ec;type=private?pin-value=1234"), 2);
    REFUSES("pkcs11:object=none;type=private?pin-value=1234", "'dev'", "'disk'");
    ck_assert_int_eq(support_shell(NULL, "ln -sf %s %s", getenv("P11_SPY_MODULE"), support_path("again.so")),
                     0);
    add_module(support_path("again.so"), true);
    ck_assert_uint_eq(count("pkcs11:token=dev;object=ec;type=private?pin-value=1234"), 2);
    ck_assert_uint_eq(count("pkcs11:token=dev;object=ec;type=private?pin-value=1234&module-name=again"), 1);
    ck_assert_uint_eq(count("pkcs11:token=dev;object=ec;type=private?pin-value=1234&module-name=p11_spy"), 1);
}
END_TEST

/* DevID's own module says of a directory that it is no token, whether that is there at first or comes later.
 */
START_TEST(what_a_module_leaves_out_is_told)
{
    tear_down();
    setenv("DEVID_PKCS11_MODULE", getenv("P11_SPY_MODULE_2"), 1);
    for (int later = 0; later < 2; later++) {
        context = test_context(DEFAULT_FIRST);
        if (later)
            EVP_PKEY_free(load(DISK_KEY));
        mkdir(support_path("tokens/odd"), 0700);
        support_write(support_path("tokens/odd/token.conf"), "format = 1\nnonsense\n");
        REFUSES("pkcs11:token=odd;type=private", "no token matches", "tokens/odd");
        ck_assert_int_eq(support_shell(NULL, "rm -r %s", support_path("tokens/odd")), 0);
        if (!later)
            test_context_free(context);
    }
}
END_TEST

/* The first token wants a login and does not have what is looked for, the second one does. */
START_TEST(no_token_is_logged_in_to_for_what_another_shows_without)
{
    ck_assert_uint_eq(count("pkcs11:object=other;type=public"), 1);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    ck_assert_uint_eq(hsm->calls[SPY_LOGIN], 0);
    ck_assert_uint_eq(count("pkcs11:object=nowhere;type=public?pin-value=1234"), 0);
    ck_assert_uint_eq(hsm->calls[SPY_LOGIN], 1);
    REFUSES("pkcs11:object=ec;type=private?module-name=nowhere", "no token matches");
}
END_TEST

START_TEST(an_ambiguous_file_is_told_with_the_modules)
{
    BIO *file = BIO_new(BIO_s_mem());
    char *errors;

    ck_assert(prov_pem_write(file, "pkcs11:object=ec;type=private?pin-value=1234"));
    ck_assert_ptr_null(PEM_read_bio_PrivateKey_ex(file, NULL, NULL, NULL, context, NULL));
    errors = test_errors();
    ck_assert_msg(strstr(errors, "p11_spy.so, pkcs11:") != NULL && strstr(errors, "p11_spy_2.so;") != NULL &&
                      strstr(errors, "module-name=") != NULL && strstr(errors, "1234") == NULL,
                  "%s", errors);
    free(errors);
    BIO_free(file);
}
END_TEST

static EVP_PKEY *generate(const char *uri)
{
    EVP_PKEY_CTX *generation = EVP_PKEY_CTX_new_from_name(context, "EC", "provider=devid");
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t) "P-256", 0),
        OSSL_PARAM_construct_utf8_string("pkcs11_uri", (char *)(uintptr_t)uri, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = NULL;

    ck_assert_int_eq(EVP_PKEY_keygen_init(generation), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_params(generation, params), 1);
    if (EVP_PKEY_generate(generation, &key) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(generation);
    return key;
}

START_TEST(a_key_is_made_in_the_module_that_has_the_token)
{
    EVP_PKEY *key = generate("pkcs11:token=disk;object=made");
    char *errors;

    ck_assert_msg(key != NULL && signs(key), "%s", test_errors());
    EVP_PKEY_free(key);
    ck_assert_uint_eq(hsm->calls[SPY_GENERATE_KEY_PAIR], 0);
    ck_assert_uint_eq(hsm->total, listing(hsm));
    key = generate("pkcs11:token=dev;object=made?pin-value=1234");
    ck_assert_msg(key != NULL && signs(key), "%s", test_errors());
    EVP_PKEY_free(key);
    ck_assert_uint_eq(hsm->calls[SPY_GENERATE_KEY_PAIR], 1);
    ck_assert_uint_eq(disk->calls[SPY_GENERATE_KEY_PAIR], 1);
    ck_assert_ptr_null(generate("pkcs11:object=nowhere?pin-value=1234"));
    errors = test_errors();
    ck_assert_msg(strstr(errors, "name the token") != NULL && strstr(errors, "'dev'") != NULL &&
                      strstr(errors, "'disk'") != NULL,
                  "%s", errors);
    free(errors);
    add_module("/nowhere/module.so", true);
    key = generate("pkcs11:token=disk;object=again");
    ck_assert_msg(key != NULL, "%s", test_errors());
    ck_assert_uint_eq(ERR_peek_error(), 0);
    EVP_PKEY_free(key);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("tokens");
    TCase *t = tcase_create("tokens");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, start, NULL);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_load_takes_twenty_calls_and_a_signature_two_in_the_module_that_has_the_key);
    tcase_add_test(t, a_module_that_the_uri_does_not_name_is_not_loaded);
    tcase_add_test(t, keys_of_several_modules_are_used_side_by_side);
    tcase_add_test(t, children_use_keys_of_each_module);
    tcase_add_test(t, threads_load_and_use_keys_of_each_module);
    tcase_add_test(t, a_module_that_cannot_be_loaded_is_in_nobodys_way_and_is_named);
    tcase_add_test(t, a_module_that_fails_is_in_nobodys_way_and_is_named);
    tcase_add_test(t, a_module_with_one_interface_for_all_names_is_not_taken_for_ours);
    tcase_add_test(t, keys_of_one_name_in_two_modules_are_told_apart_by_the_module);
    tcase_add_test(t, what_a_module_leaves_out_is_told);
    tcase_add_test(t, no_token_is_logged_in_to_for_what_another_shows_without);
    tcase_add_test(t, an_ambiguous_file_is_told_with_the_modules);
    tcase_add_test(t, a_key_is_made_in_the_module_that_has_the_token);
    suite_add_tcase(s, t);
    return s;
}
