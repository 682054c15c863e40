/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/filetoken.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <pthread.h>
#include <string.h>

#define THREADS 8
#define ROUNDS 1000
#define RSA_EVERY 50 /* RSA is slow, most of all under sanitizers */

/* What one thread works with: a token, and its own view of the keys that all threads share. */
struct worker {
    const char *token;
    EVP_PKEY *ec;
    EVP_PKEY *rsa;
    unsigned seed;
    const char *failure; /* NULL: none. Check's asserts are for the main thread only. */
};

static bool verify_rsa(EVP_PKEY *pkey, const uint8_t *data, size_t size, const uint8_t *signature)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
    bool good = EVP_PKEY_verify_init(context) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
                EVP_PKEY_verify(context, signature, 256, data, size) == 1;

    EVP_PKEY_CTX_free(context);
    return good;
}

static bool sign_one(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, bool rsa, const struct worker *worker,
                     unsigned round)
{
    CK_MECHANISM mechanism = {rsa ? CKM_RSA_PKCS : CKM_ECDSA, NULL, 0};
    uint8_t digest[32] = {(uint8_t)worker->seed, (uint8_t)round, (uint8_t)(round >> 8)};
    uint8_t signature[256];
    CK_ULONG size = sizeof signature;

    if (filetoken_sign(session, &mechanism, key, digest, sizeof digest, signature, &size) != CKR_OK)
        return false;
    return rsa ? verify_rsa(worker->rsa, digest, sizeof digest, signature)
               : filetoken_verify_ecdsa(worker->ec, digest, sizeof digest, signature, size);
}

static CK_OBJECT_HANDLE find(CK_SESSION_HANDLE session, const char *label)
{
    CK_OBJECT_CLASS object_class = CKO_PRIVATE_KEY;
    char text[16];
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS, &object_class, sizeof object_class},
        {CKA_LABEL, text,          strlen(label)      },
    };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_ULONG count;

    memcpy(text, label, strlen(label));
    if (C_FindObjectsInit(session, items, 2) != CKR_OK)
        return CK_INVALID_HANDLE;
    C_FindObjects(session, &key, 1, &count);
    C_FindObjectsFinal(session);
    return key;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    CK_SESSION_HANDLE session = 0;
    CK_OBJECT_HANDLE ec = 0;
    CK_OBJECT_HANDLE rsa = 0;

    for (unsigned round = 0; worker->failure == NULL && round < ROUNDS; round++) {
        if (round % 100 == 0) {
            if (round != 0)
                C_CloseSession(session);
            if (C_OpenSession(filetoken_slot(worker->token), CKF_SERIAL_SESSION, NULL, NULL, &session) !=
                CKR_OK)
                worker->failure = "C_OpenSession";
            ec = find(session, "P-256");
            rsa = find(session, "RSA-2048");
        }
        if (!sign_one(session, ec, false, worker, round))
            worker->failure = "an ECDSA signature";
        if (round % RSA_EVERY == 0 && !sign_one(session, rsa, true, worker, round))
            worker->failure = "an RSA signature";
    }
    return NULL;
}

START_TEST(eight_threads_sign_with_the_keys_of_two_tokens)
{
    static const char *const tokens[] = {"disk", "second"};
    struct worker workers[THREADS] = {0};
    pthread_t threads[THREADS];

    filetoken_init("DevID file slot", "second");
    for (size_t i = 0; i < 2; i++) {
        CK_SESSION_HANDLE session = filetoken_session(tokens[i]);
        CK_OBJECT_HANDLE public[2];
        CK_OBJECT_HANDLE private;

        filetoken_assert_rv(filetoken_generate(session, "P-256", true, NULL, 0, &public[0], &private),
                            CKR_OK);
        filetoken_assert_rv(filetoken_generate(session, "RSA-2048", true, NULL, 0, &public[1], &private),
                            CKR_OK);
        for (size_t t = i; t < THREADS; t += 2)
            workers[t] = (struct worker){.token = tokens[i],
                                         .ec = filetoken_public(session, public[0]),
                                         .rsa = filetoken_public(session, public[1]),
                                         .seed = (unsigned)t};
    }
    for (size_t t = 0; t < THREADS; t++)
        ck_assert_int_eq(pthread_create(&threads[t], NULL, work, &workers[t]), 0);
    for (size_t t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    for (size_t t = 0; t < THREADS; t++) {
        ck_assert_msg(workers[t].failure == NULL, "thread %zu: %s", t, workers[t].failure);
        EVP_PKEY_free(workers[t].ec);
        EVP_PKEY_free(workers[t].rsa);
    }
}
END_TEST

Suite *suite(void)
{
    Suite *suite = suite_create("pkcs11/file/threads");
    TCase *tcase = tcase_create("threads");

    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, filetoken_up, filetoken_down);
    tcase_add_test(tcase, eight_threads_sign_with_the_keys_of_two_tokens);
    suite_add_tcase(suite, tcase);
    return suite;
}
