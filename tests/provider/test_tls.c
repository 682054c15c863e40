/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/softhsm.h"
#include "tests/support/support.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>

static SSL_CTX *new_side(OSSL_LIB_CTX *context, const char *label, int version, const char *groups)
{
    SSL_CTX *side = SSL_CTX_new_ex(context, NULL, TLS_method());
    EVP_PKEY *key = test_load_key(context, test_uri(label));

    ck_assert_ptr_nonnull(side);
    ck_assert_int_eq(SSL_CTX_set_min_proto_version(side, version), 1);
    ck_assert_int_eq(SSL_CTX_set_max_proto_version(side, version), 1);
    ck_assert_msg(SSL_CTX_set1_groups_list(side, groups) == 1, "%s", groups);
    ck_assert_int_eq(SSL_CTX_use_certificate_file(side, test_software_certificate(label), SSL_FILETYPE_PEM),
                     1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey(side, key), 1);
    ck_assert_int_eq(SSL_CTX_check_private_key(side), 1);
    ck_assert_int_eq(SSL_CTX_load_verify_locations(side, support_path("ca.crt"), NULL), 1);
    SSL_CTX_set_verify(side, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    EVP_PKEY_free(key);
    return side;
}

/* Both sides in turn until both are through, over two pipes in memory. */
static bool shake_hands(SSL_CTX *client_side, SSL_CTX *server_side)
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
    for (int i = 0; i < 10 && !(client_done == 1 && server_done == 1); i++) {
        client_done = SSL_connect(client);
        server_done = SSL_accept(server);
    }
    SSL_free(client);
    SSL_free(server);
    return client_done == 1 && server_done == 1;
}

static const struct {
    int version;
    const char *groups;
} rows[] = {
    {TLS1_2_VERSION, "P-256"       },
    {TLS1_2_VERSION, "X25519:P-256"},
    {TLS1_3_VERSION, "P-256"       },
    {TLS1_3_VERSION, "P-384"       },
    {TLS1_3_VERSION, "X25519"      },
    {TLS1_3_VERSION, "X448"        },
};

START_TEST(both_sides_prove_a_tokens_key)
{
    for (int order = 0; order < TEST_ORDERS; order++) {
        OSSL_LIB_CTX *context = test_context((enum test_order)order);

        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            SSL_CTX *client = new_side(context, "ec", rows[i].version, rows[i].groups);
            SSL_CTX *server = new_side(context, "rsa", rows[i].version, rows[i].groups);

            ck_assert_msg(shake_hands(client, server), "order %d, row %zu: %s", order, i, test_errors());
            ck_assert_msg(shake_hands(server, client), "order %d, row %zu: %s", order, i, test_errors());
            SSL_CTX_free(client);
            SSL_CTX_free(server);
        }
        test_context_free(context);
    }
}
END_TEST

START_TEST(a_handshake_is_one_signature_for_each_side)
{
    OSSL_LIB_CTX *context = test_context(DEVID_FIRST);

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SSL_CTX *client = new_side(context, "ec", rows[i].version, rows[i].groups);
        SSL_CTX *server = new_side(context, "rsa", rows[i].version, rows[i].groups);

        test_spy_reset();
        ck_assert(shake_hands(client, server));
        ck_assert_uint_eq(test_spy()->calls[SPY_SIGN], 2);
        ck_assert_uint_eq(test_spy()->total, 4);
        SSL_CTX_free(client);
        SSL_CTX_free(server);
    }
    test_context_free(context);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("tls");
    TCase *t = tcase_create("tls");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, test_softhsm_start, NULL);
    tcase_add_checked_fixture(t, test_spy_reset, NULL);
    tcase_add_test(t, both_sides_prove_a_tokens_key);
    tcase_add_test(t, a_handshake_is_one_signature_for_each_side);
    suite_add_tcase(s, t);
    return s;
}
