/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What many uses leave behind, which is nothing, and eight threads at once, with each result checked. A token
 * of files does most of the work, the TPM a tenth of it. `make check-long` does more rounds, and so does a
 * build for ThreadSanitizer (tests/tsan.sh).
 */
#include "tests/provider/tss2_fixture.h"

#include <malloc.h>
#include <openssl/rsa.h>
#include <pthread.h>

#define THREADS 8
#define TPM_EVERY 10
#define WARM_UP 300

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define INSTRUMENTED 1
#else
#define INSTRUMENTED 0
#endif

static const char ec_uri[] = "pkcs11:token=disk;object=ec;type=private";
static const char rsa_uri[] = "pkcs11:token=disk;object=rsa;type=private";

static unsigned rounds(unsigned usual)
{
    return getenv("DEVID_TEST_LONG") != NULL ? 10 * usual : usual;
}

/* --- nothing grows
 * --------------------------------------------------------------------------------------------- */

struct level {
    unsigned sessions;
    size_t bytes;
};

static struct level level_now(void)
{
    return (struct level){open_sessions(), mallinfo2().uordblks};
}

/* A block of malloc's takes 32 bytes at least: whatever is left behind in each round takes that for each.
 * Less is memory that malloc itself and libcrypto's caches keep, which take some hundred rounds to settle. */
static void assert_level(const char *what, const struct level *before, unsigned times)
{
    struct level now = level_now();

    ck_assert_msg(now.sessions == before->sessions, "%s: %u sessions, before %u", what, now.sessions,
                  before->sessions);
    if (!INSTRUMENTED)
        ck_assert_msg(now.bytes < before->bytes + 16 * times, "%s: %zu bytes, before %zu", what, now.bytes,
                      before->bytes);
}

static void sign_often(OSSL_LIB_CTX *context, EVP_PKEY *key, unsigned times)
{
    unsigned char signature[512];

    for (unsigned i = 0; i < times; i++) {
        size_t size = sizeof signature;

        ck_assert_msg(test_key_sign(context, key, signature, &size), "%s", test_errors());
    }
}

START_TEST(a_thousand_signatures_leave_nothing)
{
    static const char *const uris[] = {ec_uri, rsa_uri};
    OSSL_LIB_CTX *context;

    fixture_make_disk();
    context = test_context(DEFAULT_FIRST);
    for (size_t i = 0; i < 2; i++) {
        EVP_PKEY *key = test_load_key(context, uris[i]);
        struct level before;

        ck_assert_ptr_nonnull(key);
        sign_often(context, key, 50);
        before = level_now();
        test_spy()->total = 0;
        sign_often(context, key, rounds(1000));
        ck_assert_uint_eq(test_spy()->total, 2 * rounds(1000));
        assert_level(uris[i], &before, rounds(1000));
        EVP_PKEY_free(key);
    }
    test_context_free(context);
    ck_assert_uint_eq(open_sessions(), 0);
}
END_TEST

START_TEST(a_thousand_loads_leave_nothing)
{
    OSSL_LIB_CTX *context;
    struct level before = {0};
    unsigned char signature[512];

    fixture_make_disk();
    context = test_context(DEFAULT_FIRST);
    for (unsigned i = 0; i <= WARM_UP + rounds(1000); i++) {
        EVP_PKEY *key = test_load_key(context, ec_uri);
        size_t size = sizeof signature;

        ck_assert(test_key_sign(context, key, signature, &size));
        EVP_PKEY_free(key);
        if (i == WARM_UP)
            before = level_now();
    }
    assert_level("loads by URI", &before, rounds(1000));
    test_context_free(context);
    ck_assert_uint_eq(open_sessions(), 0);
}
END_TEST

START_TEST(files_of_a_tpm_leave_nothing)
{
    OSSL_LIB_CTX *context = test_context(DEFAULT_FIRST);
    struct answer answer = {NULL, 0};
    struct level before = {0};
    unsigned char signature[512];

    for (unsigned i = 0; i <= WARM_UP + rounds(200); i++) {
        EVP_PKEY *key = read_pem(context, files[i % 2], &answer);
        size_t size = sizeof signature;

        ck_assert_msg(test_key_sign(context, key, signature, &size), "%s", test_errors());
        EVP_PKEY_free(key);
        if (i == WARM_UP)
            before = level_now();
    }
    assert_level("files", &before, rounds(200));
    test_context_free(context);
    ck_assert_uint_eq(open_sessions(), 0);
    ck_assert_int_eq(
        support_shell(NULL, "test -z \"$(tpm2_getcap -T %s handles-transient)\"", test_tpm_tcti()), 0);
}
END_TEST

START_TEST(refusals_leave_nothing)
{
    OSSL_LIB_CTX *context;
    struct level before = {0};

    fixture_make_disk();
    context = test_context(DEFAULT_FIRST);
    for (unsigned i = 0; i <= WARM_UP + rounds(1000); i++) {
        struct answer answer = {NULL, 0};

        ck_assert_ptr_null(read_pem(context, files[LOCKED_FILE], &answer));
        ck_assert_ptr_null(test_load_key(context, "pkcs11:token=disk;object=nothing"));
        ERR_clear_error();
        if (i == WARM_UP)
            before = level_now();
    }
    assert_level("refusals", &before, rounds(1000));
    test_context_free(context);
    ck_assert_uint_eq(open_sessions(), 0);
}
END_TEST

/* --- threads
 * --------------------------------------------------------------------------------------------------- */

struct shared {
    OSSL_LIB_CTX *context;
    EVP_PKEY *ec;
    EVP_PKEY *rsa;
    EVP_PKEY *file;
    EVP_PKEY *rsa_public;
};

struct worker {
    const struct shared *shared;
    unsigned number;
    unsigned rounds;
    unsigned round;
    const char *failure; /* NULL: none. Check's asserts are for the main thread only. */
};

static void expect(struct worker *worker, const char *what, bool ok)
{
    if (!ok && worker->failure == NULL)
        worker->failure = what;
}

static bool sign_and_verify(OSSL_LIB_CTX *context, EVP_PKEY *key, unsigned number)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    unsigned char signature[512];
    unsigned char data[4] = {(unsigned char)number, (unsigned char)(number >> 8), 0, 1};
    size_t size = sizeof signature;
    bool ok = EVP_DigestSignInit_ex(md, NULL, "SHA256", context, NULL, key, NULL) == 1 &&
              EVP_DigestSign(md, signature, &size, data, 4) == 1;

    EVP_MD_CTX_free(md);
    md = EVP_MD_CTX_new();
    ok = ok && EVP_DigestVerifyInit_ex(md, NULL, "SHA256", context, NULL, key, NULL) == 1 &&
         EVP_DigestVerify(md, signature, size, data, 4) == 1;
    data[3] = 2;
    ok = ok && EVP_DigestVerifyInit_ex(md, NULL, "SHA256", context, NULL, key, NULL) == 1 &&
         EVP_DigestVerify(md, signature, size, data, 4) != 1;
    EVP_MD_CTX_free(md);
    ERR_clear_error();
    return ok;
}

static bool decrypt(OSSL_LIB_CTX *context, EVP_PKEY *key, EVP_PKEY *public)
{
    EVP_PKEY_CTX *to = EVP_PKEY_CTX_new_from_pkey(NULL, public, NULL);
    EVP_PKEY_CTX *from = EVP_PKEY_CTX_new_from_pkey(context, key, NULL);
    unsigned char sealed[256];
    unsigned char opened[256];
    size_t sealed_size = sizeof sealed;
    size_t size = sizeof opened;
    bool ok =
        EVP_PKEY_encrypt_init(to) == 1 && EVP_PKEY_CTX_set_rsa_padding(to, RSA_PKCS1_OAEP_PADDING) == 1 &&
        EVP_PKEY_encrypt(to, sealed, &sealed_size, (const unsigned char *)"secret", 6) == 1 &&
        EVP_PKEY_decrypt_init(from) == 1 && EVP_PKEY_CTX_set_rsa_padding(from, RSA_PKCS1_OAEP_PADDING) == 1 &&
        EVP_PKEY_decrypt(from, opened, &size, sealed, sealed_size) == 1 && size == 6 &&
        memcmp(opened, "secret", 6) == 0;

    EVP_PKEY_CTX_free(to);
    EVP_PKEY_CTX_free(from);
    return ok;
}

static void use_own(struct worker *worker)
{
    EVP_PKEY *key = test_load_key(worker->shared->context, ec_uri);

    expect(worker, "loading by URI", key != NULL);
    expect(worker, "a key of this thread's own",
           key != NULL && sign_and_verify(worker->shared->context, key, worker->round));
    EVP_PKEY_free(key);
}

static void use_file(struct worker *worker)
{
    struct answer answer = {NULL, 0};
    EVP_PKEY *key = read_pem(worker->shared->context, files[EC_FILE], &answer);

    expect(worker, "loading a file", key != NULL);
    expect(worker, "a file of this thread's own",
           key != NULL && sign_and_verify(worker->shared->context, key, worker->round));
    EVP_PKEY_free(key);
    expect(worker, "a shared file",
           sign_and_verify(worker->shared->context, worker->shared->file, worker->round));
}

static void *work(void *data)
{
    struct worker *worker = data;
    const struct shared *shared = worker->shared;

    for (worker->round = 0; worker->round < worker->rounds && worker->failure == NULL; worker->round++) {
        expect(worker, "the shared EC key", sign_and_verify(shared->context, shared->ec, worker->round));
        expect(worker, "the shared RSA key", sign_and_verify(shared->context, shared->rsa, worker->round));
        expect(worker, "decryption", decrypt(shared->context, shared->rsa, shared->rsa_public));
        use_own(worker);
        if ((worker->round + worker->number) % TPM_EVERY == 0)
            use_file(worker);
    }
    return NULL;
}

static void run_threads(const struct shared *shared)
{
    struct worker workers[THREADS];
    pthread_t threads[THREADS];

    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.shared = shared, .number = i, .rounds = rounds(20)};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        ck_assert_msg(workers[i].failure == NULL, "thread %u, round %u: %s", i, workers[i].round,
                      workers[i].failure);
}

START_TEST(eight_threads_share_keys_and_have_their_own)
{
    struct shared shared = {0};
    struct answer answer = {NULL, 0};

    fixture_make_disk();
    shared.context = test_context((enum test_order)_i);
    shared.ec = test_load_key(shared.context, ec_uri);
    shared.rsa = test_load_key(shared.context, rsa_uri);
    shared.file = read_pem(shared.context, files[RSA_FILE], &answer);
    ck_assert(shared.ec != NULL && shared.rsa != NULL && shared.file != NULL);
    shared.rsa_public = test_public_half(shared.rsa);
    run_threads(&shared);
    EVP_PKEY_free(shared.ec);
    EVP_PKEY_free(shared.rsa);
    EVP_PKEY_free(shared.file);
    EVP_PKEY_free(shared.rsa_public);
    test_context_free(shared.context);
    ck_assert_uint_eq(open_sessions(), 0);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("threads");
    TCase *t = tcase_create("threads");

    tcase_set_timeout(t, 1200);
    tcase_add_unchecked_fixture(t, fixture_make, NULL);
    tcase_add_checked_fixture(t, fixture_up, NULL);
    tcase_add_test(t, a_thousand_signatures_leave_nothing);
    tcase_add_test(t, a_thousand_loads_leave_nothing);
    tcase_add_test(t, files_of_a_tpm_leave_nothing);
    tcase_add_test(t, refusals_leave_nothing);
    tcase_add_loop_test(t, eight_threads_share_keys_and_have_their_own, 0, TEST_ORDERS);
    suite_add_tcase(s, t);
    return s;
}
