/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that threads wait for: one on each token is all there is. */
#include "provider/session.h"
#include "tests/support/softhsm.h"
#include "tests/support/support.h"

#include <openssl/err.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS 8
#define ROUNDS 200

static void set_up(void)
{
    test_softhsm_start();
    ck_assert_int_eq(
        support_shell(
            NULL, "unset OPENSSL_CONF OPENSSL_MODULES; softhsm2-util --init-token --free --label other --pin "
                  "1234 --so-pin 1234 && pkcs11-tool --module \"$P11_SPY_MODULE\" --login --pin 1234 "
                  "--token-label other -k --key-type EC:prime256v1 --id 01 --label ec"),
        0);
    setenv("DEVID_PKCS11_SESSIONS", "1", 1);
}

struct worker {
    OSSL_LIB_CTX *context;
    EVP_PKEY *key;
    unsigned made;
};

static void *sign_again_and_again(void *data)
{
    struct worker *worker = data;

    for (int i = 0; i < ROUNDS; i++) {
        EVP_MD_CTX *md = EVP_MD_CTX_new();
        unsigned char signature[128];
        size_t size = sizeof signature;

        worker->made +=
            EVP_DigestSignInit_ex(md, NULL, "SHA256", worker->context, NULL, worker->key, NULL) == 1 &&
            EVP_DigestSign(md, signature, &size, (const unsigned char *)"data", 4) == 1;
        EVP_MD_CTX_free(md);
    }
    ERR_clear_error();
    return NULL;
}

/* Half of the threads use the one key, half of them the other. How many signatures were made. */
static unsigned run(OSSL_LIB_CTX *context, EVP_PKEY *keys[2])
{
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    unsigned made = 0;

    for (size_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){context, keys[i % 2], 0};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, sign_again_and_again, &workers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        made += workers[i].made;
    }
    return made;
}

START_TEST(threads_with_two_tokens_do_not_wait_for_ever)
{
    OSSL_LIB_CTX *context;
    EVP_PKEY *keys[2];

    test_spy_reset();
    context = test_context(DEFAULT_FIRST);
    keys[0] = test_load_key(context, test_uri("ec"));
    keys[1] = test_load_key(context, "pkcs11:token=other;object=ec;type=private?pin-value=1234");
    ck_assert_msg(keys[0] != NULL && keys[1] != NULL, "%s", test_errors());
    ck_assert_uint_eq(run(context, keys), THREADS * ROUNDS);
    ck_assert_uint_eq(test_spy()->most_sessions, 2);
    EVP_PKEY_free(keys[0]);
    EVP_PKEY_free(keys[1]);
    test_context_free(context);
    ck_assert_uint_eq(test_spy()->sessions, 0);
}
END_TEST

/* --- two tokens of a module that does nothing --- */

static CK_RV open_any(CK_SLOT_ID slot, CK_FLAGS flags, void *data, CK_NOTIFY notify,
                      CK_SESSION_HANDLE *session)
{
    (void)flags;
    (void)data;
    (void)notify;
    *session = slot + 1;
    return CKR_OK;
}

static atomic_uint about_to_wait;

static void *take_and_return(void *token)
{
    struct prov_session session;

    atomic_fetch_add(&about_to_wait, 1);
    if (prov_session_take(token, &session, NULL))
        prov_session_return(&session);
    return NULL;
}

/* A thread for the token, which comes to wait for a session; in that order, if there is a little time. */
static pthread_t wait_for(struct prov_token *token)
{
    unsigned before = atomic_load(&about_to_wait);
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, take_and_return, token), 0);
    while (atomic_load(&about_to_wait) == before)
        sched_yield();
    usleep(50000);
    return thread;
}

/* Whoever waits for a session on one token is not left asleep because one on the other is wanted too. */
START_TEST(each_waits_for_its_own_token)
{
    CK_FUNCTION_LIST functions = {.C_OpenSession = open_any};
    struct provider provider = {.config.sessions = 1};
    struct prov_module module = {
        .provider = &provider, .functions = &functions, .name = "none", .epoch = 1, .sessions = 1};
    CK_SESSION_HANDLE idle[2];
    struct prov_token tokens[2] = {
        {.module = &module, .slot = 0, .idle = &idle[0]},
        {.module = &module, .slot = 1, .idle = &idle[1]},
    };
    struct prov_session held[2];
    pthread_t threads[2];

    pthread_mutex_init(&module.lock, NULL);
    pthread_cond_init(&module.session_returned, NULL);
    for (size_t i = 0; i < 2; i++)
        ck_assert(prov_session_take(&tokens[i], &held[i], NULL));
    for (size_t i = 0; i < 2; i++)
        threads[i] = wait_for(&tokens[i]);
    prov_session_return(&held[1]);
    ck_assert_int_eq(pthread_join(threads[1], NULL), 0);
    prov_session_return(&held[0]);
    ck_assert_int_eq(pthread_join(threads[0], NULL), 0);
}
END_TEST

static const struct prov_token *watched;
static unsigned places_while_closing;

static CK_RV close_any(CK_SESSION_HANDLE session)
{
    (void)session;
    places_while_closing = watched->open_count;
    return CKR_OK;
}

/* Who comes meanwhile would open one more than the token permits. */
START_TEST(a_session_has_its_place_until_it_is_closed)
{
    CK_FUNCTION_LIST functions = {.C_OpenSession = open_any, .C_CloseSession = close_any};
    struct provider provider = {.config.sessions = 1};
    struct prov_module module = {
        .provider = &provider, .functions = &functions, .name = "none", .epoch = 1, .sessions = 1};
    CK_SESSION_HANDLE idle[1];
    struct prov_token token = {.module = &module, .idle = idle, .logged_in = true};
    struct prov_session session;

    pthread_mutex_init(&module.lock, NULL);
    pthread_cond_init(&module.session_returned, NULL);
    watched = &token;
    ck_assert(prov_session_take(&token, &session, NULL));
    session.broken = true;
    prov_session_return(&session);
    ck_assert_uint_eq(places_while_closing, 1);
    ck_assert_uint_eq(token.open_count, 0);
    ck_assert(!token.logged_in);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("session");
    TCase *t = tcase_create("session");

    tcase_set_timeout(t, 300);
    tcase_add_unchecked_fixture(t, set_up, NULL);
    tcase_add_test(t, threads_with_two_tokens_do_not_wait_for_ever);
    tcase_add_test(t, each_waits_for_its_own_token);
    tcase_add_test(t, a_session_has_its_place_until_it_is_closed);
    suite_add_tcase(s, t);
    return s;
}
