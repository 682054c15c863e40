/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/softhsm.h"
#include "tests/support/support.h"

#include <openssl/conf.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static EVP_RAND_CTX *generator(OSSL_LIB_CTX *context, const char *name)
{
    EVP_RAND *rand = EVP_RAND_fetch(context, name, NULL);
    EVP_RAND_CTX *ctx = EVP_RAND_CTX_new(rand, NULL);

    EVP_RAND_free(rand);
    return ctx;
}

static bool is_filled(const unsigned char *data, size_t size)
{
    size_t zeros = 0;

    for (size_t i = 0; i < size; i++)
        zeros += data[i] == 0;
    return zeros < size / 4;
}

START_TEST(random_numbers_are_the_tokens)
{
    static const char *const names[] = {"DEVID-RAND", "PKCS11-RAND"};

    for (int order = 0; order < TEST_ORDERS; order++) {
        OSSL_LIB_CTX *context = test_context((enum test_order)order);
        EVP_RAND_CTX *ctx = generator(context, names[order % 2]);
        unsigned char data[2][100] = {{0}};

        ck_assert_int_eq(EVP_RAND_get_state(ctx), EVP_RAND_STATE_UNINITIALISED);
        ck_assert_int_eq(EVP_RAND_generate(ctx, data[0], sizeof data[0], 0, 0, NULL, 0), 0);
        ck_assert_int_eq(EVP_RAND_instantiate(ctx, 512, 0, NULL, 0, NULL), 0);
        ERR_clear_error();
        ck_assert_int_eq(EVP_RAND_instantiate(ctx, 256, 0, NULL, 0, NULL), 1);
        ck_assert_int_eq(EVP_RAND_get_state(ctx), EVP_RAND_STATE_READY);
        ck_assert_uint_eq(EVP_RAND_get_strength(ctx), 256);
        test_spy_reset();
        for (int i = 0; i < 2; i++)
            ck_assert_int_eq(EVP_RAND_generate(ctx, data[i], sizeof data[i], 256, 0, NULL, 0), 1);
        ck_assert_uint_eq(test_spy()->calls[SPY_GENERATE_RANDOM], 2);
        ck_assert_uint_eq(test_spy()->calls[SPY_LOGIN], 0);
        ck_assert(is_filled(data[0], 100) && is_filled(data[1], 100));
        ck_assert_mem_ne(data[0], data[1], 100);
        ck_assert_int_eq(EVP_RAND_reseed(ctx, 0, NULL, 0, (const unsigned char *)"seed", 4), 1);
        ck_assert_int_eq(EVP_RAND_verify_zeroization(ctx), 1);
        ck_assert_int_eq(EVP_RAND_uninstantiate(ctx), 1);
        ck_assert_int_eq(EVP_RAND_generate(ctx, data[0], 100, 0, 0, NULL, 0), 0);
        ERR_clear_error();
        EVP_RAND_CTX_free(ctx);
        test_context_free(context);
    }
}
END_TEST

START_TEST(a_long_request_is_cut)
{
    OSSL_LIB_CTX *context = test_context(DEFAULT_FIRST);
    EVP_RAND_CTX *ctx = generator(context, "DEVID-RAND");
    unsigned char *data = calloc(1, 200000);

    ck_assert_int_eq(EVP_RAND_instantiate(ctx, 0, 0, NULL, 0, NULL), 1);
    ck_assert_int_eq(EVP_RAND_generate(ctx, data, 200000, 0, 0, NULL, 0), 1);
    ck_assert(is_filled(data + 199000, 1000));
    ck_assert_uint_eq(test_spy()->calls[SPY_GENERATE_RANDOM], 4);
    free(data);
    EVP_RAND_CTX_free(ctx);
    test_context_free(context);
}
END_TEST

/* Neither order nor property makes it anybody's generator that did not ask. */
START_TEST(nobody_else_gets_them)
{
    for (int order = 0; order < TEST_ORDERS; order++) {
        OSSL_LIB_CTX *context = test_context((enum test_order)order);
        unsigned char data[32];

        ck_assert_int_eq(RAND_bytes_ex(context, data, sizeof data, 0), 1);
        ck_assert_int_eq(RAND_priv_bytes_ex(context, data, sizeof data, 0), 1);
        ck_assert_uint_eq(test_spy()->total, 0);
        test_context_free(context);
    }
}
END_TEST

/* The default generator of a context is the token's. */
static OSSL_LIB_CTX *configured_context(bool first)
{
    OSSL_LIB_CTX *context = OSSL_LIB_CTX_new();
    char text[1024];

    snprintf(text, sizeof text,
             "openssl_conf = init\n[init]\nproviders = list\nrandom = random\n[random]\nrandom = DEVID-RAND\n"
             "[list]\n%s = on\n%s = on\n[on]\nactivate = 1\n",
             first ? "devid" : "default", first ? "default" : "devid");
    support_write(support_path("random.cnf"), text);
    ck_assert_msg(OSSL_LIB_CTX_load_config(context, support_path("random.cnf")) == 1, "%s", test_errors());
    return context;
}

START_TEST(a_configuration_makes_it_the_generator_of_all)
{
    for (int first = 0; first < 2; first++) {
        OSSL_LIB_CTX *context = configured_context(first != 0);
        unsigned char data[32] = {0};
        EVP_PKEY *key;

        test_spy_reset();
        ck_assert_msg(RAND_bytes_ex(context, data, sizeof data, 0) == 1, "%s", test_errors());
        ck_assert_uint_eq(test_spy()->calls[SPY_GENERATE_RANDOM], 1);
        ck_assert(is_filled(data, sizeof data));
        ck_assert_int_eq(RAND_priv_bytes_ex(context, data, sizeof data, 0), 1);
        ck_assert_uint_eq(test_spy()->calls[SPY_GENERATE_RANDOM], 2);
        key = EVP_PKEY_Q_keygen(context, "provider=default", "EC", "P-256");
        ck_assert_ptr_nonnull(key);
        ck_assert_uint_gt(test_spy()->calls[SPY_GENERATE_RANDOM], 2);
        EVP_PKEY_free(key);
        key = test_load_key(context, test_uri("ec"));
        ck_assert_msg(key != NULL, "%s", test_errors());
        EVP_PKEY_free(key);
        OSSL_LIB_CTX_free(context);
    }
}
END_TEST

START_TEST(a_generator_of_libcryptos_is_seeded_from_it)
{
    OSSL_LIB_CTX *context = test_context(DEFAULT_FIRST);
    EVP_RAND_CTX *parent = generator(context, "DEVID-RAND");
    EVP_RAND *rand = EVP_RAND_fetch(context, "CTR-DRBG", NULL);
    EVP_RAND_CTX *child = EVP_RAND_CTX_new(rand, parent);
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_DRBG_PARAM_CIPHER, (char *)(uintptr_t) "AES-256-CTR", 0),
        OSSL_PARAM_END};
    unsigned char data[64] = {0};

    ck_assert_int_eq(EVP_RAND_instantiate(parent, 256, 0, NULL, 0, NULL), 1);
    ck_assert_msg(EVP_RAND_instantiate(child, 256, 0, NULL, 0, params) == 1, "%s", test_errors());
    ck_assert_uint_ge(test_spy()->calls[SPY_GENERATE_RANDOM], 1);
    ck_assert_int_eq(EVP_RAND_generate(child, data, sizeof data, 256, 0, NULL, 0), 1);
    ck_assert(is_filled(data, sizeof data));
    EVP_RAND_CTX_free(child);
    EVP_RAND_CTX_free(parent);
    EVP_RAND_free(rand);
    test_context_free(context);
}
END_TEST

START_TEST(a_failing_token_fails)
{
    OSSL_LIB_CTX *context = test_context(DEFAULT_FIRST);
    EVP_RAND_CTX *ctx = generator(context, "DEVID-RAND");
    unsigned char data[32];
    char *errors;

    ck_assert_int_eq(EVP_RAND_instantiate(ctx, 0, 0, NULL, 0, NULL), 1);
    test_spy()->inject_call = SPY_GENERATE_RANDOM;
    test_spy()->inject_rv = CKR_DEVICE_ERROR;
    test_spy()->inject_times = 1;
    ck_assert_int_eq(EVP_RAND_generate(ctx, data, sizeof data, 0, 0, NULL, 0), 0);
    errors = test_errors();
    ck_assert_msg(strstr(errors, "C_GenerateRandom: CKR_DEVICE_ERROR") != NULL, "%s", errors);
    free(errors);
    test_spy()->inject_rv = CKR_SESSION_HANDLE_INVALID;
    test_spy()->inject_times = 1;
    ck_assert_int_eq(EVP_RAND_generate(ctx, data, sizeof data, 0, 0, NULL, 0), 1);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    EVP_RAND_CTX_free(ctx);
    test_context_free(context);

    setenv("DEVID_PKCS11_RANDOM_TOKEN", "pkcs11:token=nobody", 1);
    context = test_context(DEFAULT_FIRST);
    ctx = generator(context, "DEVID-RAND");
    ck_assert_int_eq(EVP_RAND_instantiate(ctx, 0, 0, NULL, 0, NULL), 1);
    ck_assert_int_eq(EVP_RAND_generate(ctx, data, sizeof data, 0, 0, NULL, 0), 0);
    errors = test_errors();
    ck_assert_msg(strstr(errors, "pkcs11:token=nobody: no token generates random numbers") != NULL, "%s",
                  errors);
    free(errors);
    EVP_RAND_CTX_free(ctx);
    test_context_free(context);
}
END_TEST

/* A module that asks libcrypto for random numbers, where ours is the generator of all, waits not for itself.
 * (SoftHSM asks so when it signs by ECDSA, in the default context.) */
START_TEST(a_module_that_uses_libcrypto_gets_them_from_software)
{
    OSSL_PROVIDER *provider = OSSL_PROVIDER_load(NULL, "devid");
    OSSL_PROVIDER *usual = OSSL_PROVIDER_load(NULL, "default");
    unsigned char data[32] = {0};
    unsigned char signature[128];
    size_t size = sizeof signature;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY *key;

    ck_assert_int_eq(RAND_set_DRBG_type(NULL, "DEVID-RAND", NULL, NULL, NULL), 1);
    ck_assert_msg(RAND_bytes(data, sizeof data) == 1, "%s", test_errors());
    ck_assert_uint_eq(test_spy()->calls[SPY_GENERATE_RANDOM], 1);
    key = test_load_key(NULL, test_uri("ec"));
    ck_assert_int_eq(EVP_DigestSignInit_ex(md, NULL, "SHA256", NULL, NULL, key, NULL), 1);
    ck_assert_msg(EVP_DigestSign(md, signature, &size, data, sizeof data) == 1, "%s", test_errors());
    ck_assert_uint_eq(ERR_peek_error(), 0);
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(key);
    OSSL_PROVIDER_unload(usual);
    OSSL_PROVIDER_unload(provider);
}
END_TEST

START_TEST(a_child_gets_others_than_its_parent)
{
    OSSL_LIB_CTX *context = configured_context(false);
    unsigned char data[2][32] = {{0}};
    int pipes[2];
    int status;
    pid_t child;

    ck_assert_int_eq(RAND_bytes_ex(context, data[0], 32, 0), 1);
    ck_assert_int_eq(pipe(pipes), 0);
    child = fork();
    if (child == 0)
        _exit(RAND_bytes_ex(context, data[1], 32, 0) != 1 || write(pipes[1], data[1], 32) != 32);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq((int)read(pipes[0], data[1], 32), 32);
    ck_assert_int_eq(RAND_bytes_ex(context, data[0], 32, 0), 1);
    ck_assert(is_filled(data[1], 32));
    ck_assert_mem_ne(data[0], data[1], 32);
    close(pipes[0]);
    close(pipes[1]);
    OSSL_LIB_CTX_free(context);
}
END_TEST

static void *draw(void *context)
{
    static unsigned char none;
    unsigned char data[16];

    for (int i = 0; i < 50; i++) {
        if (RAND_bytes_ex(context, data, sizeof data, 0) != 1)
            return NULL;
    }
    return &none;
}

START_TEST(threads_draw_at_once)
{
    OSSL_LIB_CTX *context = configured_context(true);
    pthread_t threads[8];

    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, draw, context), 0);
    for (int i = 0; i < 8; i++) {
        void *result;

        ck_assert_int_eq(pthread_join(threads[i], &result), 0);
        ck_assert_ptr_nonnull(result);
    }
    ck_assert_uint_eq(test_spy()->calls[SPY_GENERATE_RANDOM], 400);
    OSSL_LIB_CTX_free(context);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("rand");
    TCase *t = tcase_create("rand");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, test_softhsm_start, NULL);
    tcase_add_checked_fixture(t, test_spy_reset, NULL);
    tcase_add_test(t, random_numbers_are_the_tokens);
    tcase_add_test(t, a_long_request_is_cut);
    tcase_add_test(t, nobody_else_gets_them);
    tcase_add_test(t, a_configuration_makes_it_the_generator_of_all);
    tcase_add_test(t, a_generator_of_libcryptos_is_seeded_from_it);
    tcase_add_test(t, a_failing_token_fails);
    tcase_add_test(t, a_module_that_uses_libcrypto_gets_them_from_software);
    tcase_add_test(t, a_child_gets_others_than_its_parent);
    tcase_add_test(t, threads_draw_at_once);
    suite_add_tcase(s, t);
    return s;
}
