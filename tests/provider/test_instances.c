/* SPDX-License-Identifier: Apache-2.0 */
/* The provider many times over: under two names, in several library contexts, loaded and unloaded again and
 * again.
 */
#include "tests/support/softhsm.h"
#include "tests/support/support.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CONTEXTS 6
#define WARM_UP 1000
#define TIMES 1000

static void make(void)
{
    test_softhsm_start();
    ck_assert_int_eq(support_shell(NULL, "mkdir %s && ln -s %s/* %s && ln -s %s/devid.so %s/other.so",
                                   support_path("modules"), getenv("OPENSSL_MODULES"),
                                   support_path("modules"), getenv("OPENSSL_MODULES"),
                                   support_path("modules")),
                     0);
    setenv("OPENSSL_MODULES", support_path("modules"), 1);
}

static EVP_PKEY *load(OSSL_LIB_CTX *context, const char *properties)
{
    OSSL_STORE_CTX *store =
        OSSL_STORE_open_ex(test_uri("ec"), context, properties, NULL, NULL, NULL, NULL, NULL);
    OSSL_STORE_INFO *info = store != NULL ? OSSL_STORE_load(store) : NULL;
    EVP_PKEY *key = info != NULL ? OSSL_STORE_INFO_get1_PKEY(info) : NULL;

    OSSL_STORE_INFO_free(info);
    OSSL_STORE_close(store);
    return key;
}

static bool signs(OSSL_LIB_CTX *context, EVP_PKEY *key)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    unsigned char signature[128];
    size_t size = sizeof signature;
    bool ok = EVP_DigestSignInit_ex(md, NULL, "SHA256", context, NULL, key, NULL) == 1 &&
              EVP_DigestSign(md, signature, &size, (const unsigned char *)"data", 4) == 1;

    EVP_MD_CTX_free(md);
    return ok;
}

START_TEST(under_two_names_each_has_its_own_keys)
{
    static const char *const names[] = {"devid", "other"};
    static const char *const properties[] = {"provider=devid", "provider=other"};
    OSSL_LIB_CTX *context = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *standard = OSSL_PROVIDER_load(context, "default");
    OSSL_PROVIDER *providers[2];
    EVP_PKEY *keys[2];

    test_spy_reset();
    for (size_t i = 0; i < 2; i++) {
        providers[i] = OSSL_PROVIDER_load(context, names[i]);
        ck_assert_msg(providers[i] != NULL, "%s: %s", names[i], test_errors());
        keys[i] = load(context, properties[i]);
        ck_assert_msg(keys[i] != NULL, "%s: %s", names[i], test_errors());
        ck_assert_str_eq(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(keys[i])), names[i]);
        ck_assert(signs(context, keys[i]));
    }
    ck_assert_int_eq(EVP_PKEY_eq(keys[0], keys[1]), 1);
    EVP_PKEY_free(keys[0]);
    OSSL_PROVIDER_unload(providers[0]);
    ck_assert(signs(context, keys[1]));
    EVP_PKEY_free(keys[1]);
    OSSL_PROVIDER_unload(providers[1]);
    OSSL_PROVIDER_unload(standard);
    OSSL_LIB_CTX_free(context);
    ck_assert_uint_eq(test_spy()->sessions, 0);
    ck_assert_uint_eq(test_spy()->calls[SPY_FINALIZE], 0);
}
END_TEST

/* Loads, signs, and takes everything down again. */
static bool live_once(void)
{
    OSSL_LIB_CTX *context = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *standard = OSSL_PROVIDER_load(context, "default");
    OSSL_PROVIDER *provider = OSSL_PROVIDER_load(context, "devid");
    EVP_PKEY *key = load(context, NULL);
    bool ok = key != NULL && signs(context, key);

    EVP_PKEY_free(key);
    OSSL_PROVIDER_unload(provider);
    OSSL_PROVIDER_unload(standard);
    OSSL_LIB_CTX_free(context);
    return ok;
}

static void *live_often(void *data)
{
    unsigned *good = data;

    for (unsigned i = 0; i < 20; i++)
        *good += live_once();
    OPENSSL_thread_stop();
    return NULL;
}

START_TEST(several_contexts_come_and_go_at_once)
{
    unsigned good[CONTEXTS] = {0};
    pthread_t threads[CONTEXTS];

    test_spy_reset();
    for (size_t i = 0; i < CONTEXTS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, live_often, &good[i]), 0);
    for (size_t i = 0; i < CONTEXTS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert_uint_eq(good[i], 20);
    }
    ck_assert_uint_eq(test_spy()->sessions, 0);
}
END_TEST

START_TEST(a_thousand_lives_leave_nothing)
{
    size_t before = 0;

    test_spy_reset();
    for (unsigned i = 0; i <= WARM_UP + TIMES; i++) {
        ck_assert_msg(live_once(), "%u: %s", i, test_errors());
        if (i == WARM_UP)
            before = mallinfo2().uordblks;
    }
    ck_assert_uint_eq(test_spy()->sessions, 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    /* A block of malloc's takes 32 bytes at least. */
    ck_assert_msg(mallinfo2().uordblks < before + 16 * TIMES, "%zu bytes, before %zu", mallinfo2().uordblks,
                  before);
#else
    (void)before;
#endif
}
END_TEST

/* SoftHSM uses libcrypto's default context, in which the provider comes first here. */
START_TEST(in_the_default_context_a_module_that_uses_it_works)
{
    OSSL_PROVIDER *provider;
    OSSL_PROVIDER *standard;
    EVP_PKEY *key;

    test_spy_reset();
    provider = OSSL_PROVIDER_load(NULL, "devid");
    standard = OSSL_PROVIDER_load(NULL, "default");
    ck_assert_int_eq(EVP_set_default_properties(NULL, "?provider=devid"), 1);
    key = load(NULL, NULL);
    ck_assert_msg(key != NULL, "%s", test_errors());
    for (int i = 0; i < 100; i++)
        ck_assert(signs(NULL, key));
    EVP_PKEY_free(key);
    OSSL_PROVIDER_unload(provider);
    OSSL_PROVIDER_unload(standard);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("instances");
    TCase *t = tcase_create("instances");

    tcase_set_timeout(t, 600);
    tcase_add_unchecked_fixture(t, make, NULL);
    tcase_add_test(t, under_two_names_each_has_its_own_keys);
    tcase_add_test(t, several_contexts_come_and_go_at_once);
    tcase_add_test(t, a_thousand_lives_leave_nothing);
    tcase_add_test(t, in_the_default_context_a_module_that_uses_it_works);
    suite_add_tcase(s, t);
    return s;
}
