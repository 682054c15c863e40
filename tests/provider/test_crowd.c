/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads of a TLS server, threads that make keys, and children that are forked while threads sign. Keys are
 * in a TPM and in files; tests/tsan.sh runs this too.
 */
#include "tests/provider/tss2_fixture.h"

#include <openssl/core_names.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 6
#define HANDSHAKES 12
#define CHILDREN 4

static const char *const uris[] = {
    "pkcs11:token=disk;object=ec;type=private",
    "pkcs11:token=disk;object=rsa;type=private",
    "pkcs11:token=device;object=ec;type=private",
};
enum { KEYS = sizeof uris / sizeof uris[0] };

struct thread {
    pthread_t id;
    unsigned number;
    OSSL_LIB_CTX *context;
    SSL_CTX *const *servers;
    SSL_CTX *client;
    EVP_PKEY *key;
    bool ok; /* Check's asserts are for the main thread only */
};

/* The first one says what all of them have. */
static void run(struct thread *threads, void *(*work)(void *))
{
    for (unsigned i = 0; i < THREADS; i++) {
        if (i > 0)
            threads[i] = threads[i - 1];
        threads[i].number = i;
    }
    for (unsigned i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i].id, NULL, work, &threads[i]), 0);
    }
}

static void join(const struct thread *threads)
{
    for (unsigned i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i].id, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        ck_assert_msg(threads[i].ok, "thread %u", i);
}

/* --- a TLS server
 * ---------------------------------------------------------------------------------------------- */

/* Signed by its own key, for the client to trust. */
static X509 *certificate_of(OSSL_LIB_CTX *context, EVP_PKEY *key, unsigned number)
{
    X509 *certificate = X509_new_ex(context, NULL);
    X509_NAME *name = X509_get_subject_name(certificate);
    unsigned char text[] = {'k', 'e', 'y', (unsigned char)('0' + number)};

    ck_assert_int_eq(X509_set_version(certificate, X509_VERSION_3), 1);
    ck_assert_int_eq(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1), 1);
    ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notBefore(certificate), -3600));
    ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notAfter(certificate), 3600));
    ck_assert_int_eq(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, sizeof text, -1, 0), 1);
    ck_assert_int_eq(X509_set_issuer_name(certificate, name), 1);
    ck_assert_int_eq(X509_set_pubkey(certificate, key), 1);
    ck_assert_msg(X509_sign(certificate, key, EVP_sha256()) > 0, "%s", test_errors());
    return certificate;
}

static SSL_CTX *new_server(OSSL_LIB_CTX *context, unsigned number, X509_STORE *trusted)
{
    SSL_CTX *server = SSL_CTX_new_ex(context, NULL, TLS_server_method());
    EVP_PKEY *key = test_load_key(context, uris[number]);
    X509 *certificate;

    ck_assert_msg(key != NULL, "%s: %s", uris[number], test_errors());
    certificate = certificate_of(context, key, number);
    ck_assert_int_eq(SSL_CTX_use_certificate(server, certificate), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey(server, key), 1);
    ck_assert_int_eq(X509_STORE_add_cert(trusted, certificate), 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return server;
}

static bool shake_hands(SSL_CTX *client_side, SSL_CTX *server_side, int version)
{
    SSL *client = SSL_new(client_side);
    SSL *server = SSL_new(server_side);
    BIO *up = BIO_new(BIO_s_mem());
    BIO *down = BIO_new(BIO_s_mem());
    int client_done = 0;
    int server_done = 0;

    BIO_up_ref(up);
    BIO_up_ref(down);
    SSL_set_bio(client, down, up);
    SSL_set_bio(server, up, down);
    SSL_set_max_proto_version(client, version);
    for (int i = 0; i < 10 && !(client_done == 1 && server_done == 1); i++) {
        client_done = SSL_connect(client);
        server_done = SSL_accept(server);
    }
    SSL_free(client);
    SSL_free(server);
    return client_done == 1 && server_done == 1;
}

static void *serve(void *data)
{
    struct thread *thread = data;

    thread->ok = true;
    for (unsigned i = 0; thread->ok && i < HANDSHAKES; i++)
        thread->ok = shake_hands(thread->client, thread->servers[(thread->number + i) % KEYS],
                                 i / KEYS % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
    return NULL;
}

START_TEST(threads_serve_tls)
{
    OSSL_LIB_CTX *context = test_context((enum test_order)_i);
    SSL_CTX *client = SSL_CTX_new_ex(context, NULL, TLS_client_method());
    SSL_CTX *servers[KEYS];
    struct thread threads[THREADS] = {
        {.context = context, .servers = servers, .client = client}
    };

    for (unsigned i = 0; i < KEYS; i++)
        servers[i] = new_server(context, i, SSL_CTX_get_cert_store(client));
    SSL_CTX_set_verify(client, SSL_VERIFY_PEER, NULL);
    test_spy_reset();
    run(threads, serve);
    join(threads);
    ck_assert_uint_eq(test_spy()->calls[SPY_SIGN], THREADS * HANDSHAKES);
    for (unsigned i = 0; i < KEYS; i++)
        SSL_CTX_free(servers[i]);
    SSL_CTX_free(client);
    test_context_free(context);
}
END_TEST

/* --- keys
 * ------------------------------------------------------------------------------------------------------ */

static EVP_PKEY *make_key(OSSL_LIB_CTX *context, char *uri)
{
    char group[] = "P-256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("pkcs11_uri", uri, 0),
                                 OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
                                 OSSL_PARAM_construct_end()};
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(context, "EC", "?provider=devid");
    EVP_PKEY *key = NULL;

    if (EVP_PKEY_keygen_init(ctx) != 1 || EVP_PKEY_CTX_set_params(ctx, params) != 1 ||
        EVP_PKEY_generate(ctx, &key) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* Half of them in the TPM. Another thread's key is never found in the place of one's own. */
static void *make_and_find(void *data)
{
    struct thread *thread = data;

    thread->ok = true;
    for (unsigned i = 0; thread->ok && i < 3; i++) {
        char uri[100];
        EVP_PKEY *made;
        EVP_PKEY *found;

        snprintf(uri, sizeof uri, "pkcs11:token=%s;object=made-%u-%u",
                 thread->number % 2 == 0 ? "disk" : "device", thread->number, i);
        made = make_key(thread->context, uri);
        found = test_load_key(thread->context, uri);
        thread->ok = made != NULL && found != NULL && EVP_PKEY_eq(made, found) == 1 &&
                     test_key_signs(thread->context, found);
        EVP_PKEY_free(made);
        EVP_PKEY_free(found);
    }
    return NULL;
}

START_TEST(threads_make_keys)
{
    OSSL_LIB_CTX *context = test_context(DEVID_FIRST);
    struct thread threads[THREADS] = {{.context = context}};

    run(threads, make_and_find);
    join(threads);
    ck_assert_uint_eq(test_spy()->calls[SPY_GENERATE_KEY_PAIR], THREADS * 3);
    test_context_free(context);
    ck_assert_uint_eq(open_sessions(), 0);
}
END_TEST

/* --- fork
 * ------------------------------------------------------------------------------------------------------ */

static void *sign_once(void *data)
{
    struct thread *thread = data;

    thread->ok = test_key_signs(thread->context, thread->key);
    return NULL;
}

static void until_all_are_held(void)
{
    const struct timespec pause = {.tv_nsec = 1000000};

    while (__atomic_load_n(&test_spy()->held, __ATOMIC_SEQ_CST) < THREADS)
        nanosleep(&pause, NULL);
}

static int in_a_child(OSSL_LIB_CTX *context, EVP_PKEY *key)
{
    EVP_PKEY *own = test_load_key(context, uris[0]);
    bool ok = own != NULL && test_key_signs(context, key) && test_key_signs(context, own);

    EVP_PKEY_free(own);
    return ok ? 0 : 1;
}

/* Each of the parent's threads is inside C_Sign, and has a session, when the children are forked. They are
 * through before any of the threads goes on. */
START_TEST(children_are_forked_while_threads_sign)
{
    OSSL_LIB_CTX *context = test_context((enum test_order)_i);
    EVP_PKEY *key = test_load_key(context, uris[0]);
    struct thread threads[THREADS] = {
        {.context = context, .key = key}
    };

    ck_assert(test_key_signs(context, key));
    test_spy_reset();
    __atomic_store_n(&test_spy()->hold, (uint32_t)getpid(), __ATOMIC_SEQ_CST);
    run(threads, sign_once);
    until_all_are_held();
    for (unsigned i = 0; i < CHILDREN; i++) {
        int status = -1;
        pid_t child = fork();

        if (child == 0)
            _exit(in_a_child(context, key));
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(status, 0);
    }
    ck_assert_uint_eq(test_spy()->calls[SPY_SIGN], 2 * CHILDREN);
    __atomic_store_n(&test_spy()->hold, 0, __ATOMIC_SEQ_CST);
    join(threads);
    ck_assert_uint_eq(test_spy()->calls[SPY_SIGN], 2 * CHILDREN + THREADS);
    EVP_PKEY_free(key);
    test_context_free(context);
}
END_TEST

static void set_up(void)
{
    fixture_up();
    fixture_make_disk();
    test_spy_reset();
}

static void tear_down(void)
{
    ck_assert_int_eq(
        support_shell(NULL, "test -z \"$(tpm2_getcap -T %s handles-transient)\"", test_tpm_tcti()), 0);
}

Suite *suite(void)
{
    Suite *s = suite_create("crowd");
    TCase *t = tcase_create("crowd");

    tcase_set_timeout(t, 600);
    tcase_add_unchecked_fixture(t, fixture_make, NULL);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, threads_serve_tls, 0, TEST_ORDERS);
    tcase_add_test(t, threads_make_keys);
    tcase_add_loop_test(t, children_are_forked_while_threads_sign, 0, TEST_ORDERS);
    suite_add_tcase(s, t);
    return s;
}
