/* SPDX-License-Identifier: Apache-2.0 */
/* What was lost is found again by what identifies it, and the operation tried once more. */
#include "tests/support/softhsm.h"
#include "tests/support/support.h"

#include <dlfcn.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const CK_RV codes[] = {
    CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED,    CKR_OBJECT_HANDLE_INVALID,
    CKR_KEY_HANDLE_INVALID,     CKR_TOKEN_NOT_PRESENT, CKR_DEVICE_REMOVED,
    CKR_USER_NOT_LOGGED_IN,     CKR_SLOT_ID_INVALID,   CKR_CRYPTOKI_NOT_INITIALIZED,
};
enum { CODES = sizeof codes / sizeof codes[0] };

static OSSL_LIB_CTX *context;
static EVP_PKEY *ec;
static EVP_PKEY *rsa;

static void set_up(void)
{
    test_spy_reset();
    context = test_context(DEFAULT_FIRST);
    ec = test_load_key(context, test_uri("ec"));
    rsa = test_load_key(context, test_uri("rsa"));
    ck_assert(ec != NULL && rsa != NULL);
}

static void tear_down(void)
{
    EVP_PKEY_free(ec);
    EVP_PKEY_free(rsa);
    test_context_free(context);
}

static bool sign(void)
{
    return test_key_signs(context, ec);
}

static bool decrypt(void)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(context, rsa, NULL);
    unsigned char sealed[256];
    unsigned char opened[256];
    size_t sealed_size = sizeof sealed;
    size_t opened_size = sizeof opened;
    bool ok =
        EVP_PKEY_encrypt_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
        EVP_PKEY_encrypt(ctx, sealed, &sealed_size, (const unsigned char *)"data", 4) == 1 &&
        EVP_PKEY_decrypt_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
        EVP_PKEY_decrypt(ctx, opened, &opened_size, sealed, sealed_size) == 1 && opened_size == 4 &&
        memcmp(opened, "data", 4) == 0;

    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static bool derive(void)
{
    EVP_PKEY *peer = EVP_PKEY_Q_keygen(context, NULL, "EC", "P-256");
    EVP_PKEY *public = test_public_half(ec);
    EVP_PKEY_CTX *ours = EVP_PKEY_CTX_new_from_pkey(context, ec, NULL);
    EVP_PKEY_CTX *theirs = EVP_PKEY_CTX_new_from_pkey(NULL, peer, NULL);
    unsigned char a[32];
    unsigned char b[32];
    size_t a_size = sizeof a;
    size_t b_size = sizeof b;
    bool ok = EVP_PKEY_derive_init(ours) == 1 && EVP_PKEY_derive_set_peer(ours, peer) == 1 &&
              EVP_PKEY_derive(ours, a, &a_size) == 1 && EVP_PKEY_derive_init(theirs) == 1 &&
              EVP_PKEY_derive_set_peer(theirs, public) == 1 && EVP_PKEY_derive(theirs, b, &b_size) == 1 &&
              memcmp(a, b, 32) == 0;

    EVP_PKEY_CTX_free(ours);
    EVP_PKEY_CTX_free(theirs);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(public);
    return ok;
}

static bool load(void)
{
    EVP_PKEY *key = test_load_key(context, test_uri("ec"));

    EVP_PKEY_free(key);
    return key != NULL;
}

/* Also the calls that only a process which knows nothing yet makes. */
static bool load_cold(void)
{
    OSSL_LIB_CTX *fresh = test_context(DEFAULT_FIRST);
    EVP_PKEY *key = test_load_key(fresh, test_uri("ec"));
    bool ok = key != NULL;

    EVP_PKEY_free(key);
    test_context_free(fresh);
    return ok;
}

static const struct operation {
    const char *name;
    bool (*run)(void);
    enum p11_spy_call calls[8]; /* SPY_INITIALIZE ends them */
} operations[] = {
    {"sign",      sign,      {SPY_SIGN_INIT, SPY_SIGN}                                                                 },
    {"decrypt",   decrypt,   {SPY_DECRYPT_INIT, SPY_DECRYPT}                                                           },
    {"derive",    derive,    {SPY_DERIVE_KEY, SPY_GET_ATTRIBUTE_VALUE}                                                 },
    {"load",
     load,                   {SPY_FIND_OBJECTS_INIT, SPY_FIND_OBJECTS, SPY_FIND_OBJECTS_FINAL, SPY_GET_ATTRIBUTE_VALUE}},
    {"load cold", load_cold, {SPY_GET_SLOT_LIST, SPY_OPEN_SESSION, SPY_LOGIN, SPY_FIND_OBJECTS_INIT}                   },
};
enum { OPERATIONS = sizeof operations / sizeof operations[0] };

static void inject(enum p11_spy_call call, CK_RV rv, uint32_t times)
{
    test_spy_reset();
    test_spy()->inject_call = (uint32_t)call;
    test_spy()->inject_rv = (uint32_t)rv;
    test_spy()->inject_times = times;
}

START_TEST(whatever_is_lost_is_found_again)
{
    const struct operation *operation = &operations[_i / CODES];
    CK_RV rv = codes[_i % CODES];

    for (size_t n = 0; operation->calls[n] != SPY_INITIALIZE; n++) {
        inject(operation->calls[n], rv, 1);
        ck_assert_msg(operation->run(), "%s, call %d, 0x%lx: %s", operation->name, operation->calls[n], rv,
                      test_errors());
        ck_assert_msg(test_spy()->inject_times == 0, "%s, call %d was not made", operation->name,
                      operation->calls[n]);
        ck_assert_uint_eq(ERR_peek_error(), 0);
    }
}
END_TEST

START_TEST(what_is_lost_for_good_is_an_error_and_heals)
{
    const struct operation *operation = &operations[_i];

    for (size_t n = 0; operation->calls[n] != SPY_INITIALIZE; n++) {
        char *errors;

        inject(operation->calls[n], CKR_DEVICE_REMOVED, 100);
        ck_assert(!operation->run());
        ck_assert_uint_le(100 - test_spy()->inject_times, 2);
        errors = test_errors();
        ck_assert_msg(strstr(errors, "CKR_DEVICE_REMOVED") != NULL, "%s: %s", operation->name, errors);
        free(errors);
        test_spy_reset();
        ck_assert_msg(operation->run(), "%s: %s", operation->name, test_errors());
    }
}
END_TEST

/* --- no injection: somebody else in the process does it --- */

static CK_FUNCTION_LIST *functions(void)
{
    void *library = dlopen(getenv("DEVID_PKCS11_MODULE"), RTLD_NOW | RTLD_LOCAL);
    CK_RV (*get_function_list)(CK_FUNCTION_LIST **) = NULL;
    CK_FUNCTION_LIST *list = NULL;

    *(void **)&get_function_list = dlsym(library, "C_GetFunctionList");
    ck_assert_uint_eq(get_function_list(&list), CKR_OK);
    return list;
}

static CK_SLOT_ID slot_of_token(CK_FUNCTION_LIST *p11)
{
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;

    ck_assert_uint_eq(p11->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    return slots[0];
}

START_TEST(another_component_finalizes_the_module)
{
    const struct operation *operation = &operations[_i];
    CK_FUNCTION_LIST *p11 = functions();

    for (int round = 0; round < 3; round++) {
        ck_assert_uint_eq(p11->C_Finalize(NULL), CKR_OK);
        ck_assert_msg(operation->run(), "%s: %s", operation->name, test_errors());
        ck_assert_uint_eq(ERR_peek_error(), 0);
    }
}
END_TEST

START_TEST(another_component_closes_all_sessions)
{
    const struct operation *operation = &operations[_i];
    CK_FUNCTION_LIST *p11 = functions();

    ck_assert_uint_eq(p11->C_CloseAllSessions(slot_of_token(p11)), CKR_OK);
    ck_assert_msg(operation->run(), "%s: %s", operation->name, test_errors());
    ck_assert_uint_eq(ERR_peek_error(), 0);
}
END_TEST

START_TEST(another_component_logs_out)
{
    const struct operation *operation = &operations[_i];
    CK_FUNCTION_LIST *p11 = functions();
    CK_SESSION_HANDLE session;

    ck_assert_uint_eq(p11->C_OpenSession(slot_of_token(p11), CKF_SERIAL_SESSION, NULL, NULL, &session),
                      CKR_OK);
    ck_assert_uint_eq(p11->C_Logout(session), CKR_OK);
    ck_assert_msg(operation->run(), "%s: %s", operation->name, test_errors());
    ck_assert_uint_eq(ERR_peek_error(), 0);
}
END_TEST

static void *sign_often(void *failures)
{
    for (int i = 0; i < 30; i++)
        *(int *)failures += !sign();
    return NULL;
}

/* (No module's sessions are closed below threads here: SoftHSM 2.6 does not survive that itself.) */
START_TEST(threads_go_on_when_one_of_them_notices_a_loss)
{
    for (size_t code = 0; code < CODES; code++) {
        pthread_t threads[4];
        int failures[4] = {0};

        inject(SPY_SIGN, codes[code], 1);
        test_spy()->inject_after = 20;
        for (size_t i = 0; i < 4; i++)
            ck_assert_int_eq(pthread_create(&threads[i], NULL, sign_often, &failures[i]), 0);
        for (size_t i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        ck_assert_uint_eq(test_spy()->inject_times, 0);
        ck_assert_msg(failures[0] + failures[1] + failures[2] + failures[3] == 0, "0x%lx", codes[code]);
    }
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("recovery");
    TCase *t = tcase_create("recovery");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, test_softhsm_start, NULL);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, whatever_is_lost_is_found_again, 0, OPERATIONS * CODES);
    tcase_add_loop_test(t, what_is_lost_for_good_is_an_error_and_heals, 0, OPERATIONS);
    tcase_add_loop_test(t, another_component_finalizes_the_module, 0, OPERATIONS);
    tcase_add_loop_test(t, another_component_closes_all_sessions, 0, OPERATIONS);
    tcase_add_loop_test(t, another_component_logs_out, 0, OPERATIONS);
    tcase_add_test(t, threads_go_on_when_one_of_them_notices_a_loss);
    suite_add_tcase(s, t);
    return s;
}
