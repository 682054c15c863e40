/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/certificate.h"
#include "emulator/text.h"
#include "tests/emulator/fixture.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEW_VERSION "?api-version=2025-07-01-preview"
#define REGISTER "/" FIXTURE_SCOPE "/registrations/dev/register"
#define POLICY ",\"credentialPolicyName\":\"default\""

static const struct identity *leaf;
static EVP_PKEY *key;
static char text[4096];

static void setup(void)
{
    fixture_setup();
    fixture_emulator.polls = 0;
    leaf = identity_leaf("dev", NULL);
    key = EVP_EC_gen("P-256");
    ck_assert_uint_eq(enroll("dev", leaf, NULL, POLICY), 200);
}

static void teardown(void)
{
    EVP_PKEY_free(key);
    fixture_teardown();
}

/* The body of a registration with a request in that name. */
static const char *body_for(const char *common_name)
{
    X509_REQ *request = X509_REQ_new();
    unsigned char *der = NULL;
    int size;
    char *base64;

    ck_assert_int_eq(X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_UTF8,
                                                (const unsigned char *)common_name, -1, -1, 0),
                     1);
    X509_REQ_set_pubkey(request, key);
    ck_assert_int_gt(X509_REQ_sign(request, key, EVP_sha256()), 0);
    size = i2d_X509_REQ(request, &der);
    base64 = emu_base64_encode(der, (size_t)size);
    snprintf(text, sizeof text, "{\"registrationId\":\"dev\",\"csr\":\"%s\"}", base64);
    free(base64);
    OPENSSL_free(der);
    X509_REQ_free(request);
    return text;
}

static unsigned ask(const char *body, const char *version)
{
    char target[200];

    snprintf(target, sizeof target, REGISTER "%s", version);
    return perform(&(struct call){.method = "PUT", .target = target, .body = body, .peer = {leaf}});
}

static unsigned poll(void)
{
    char target[300];

    snprintf(target, sizeof target, "/" FIXTURE_SCOPE "/registrations/dev/operations/%s" NEW_VERSION,
             emu_json_text(reply_body(), "operationId"));
    return perform(&(struct call){.method = "GET", .target = target, .peer = {leaf}});
}

static X509 *chain_at(size_t index)
{
    const json_t *chain =
        json_object_get(json_object_get(reply_body(), "registrationState"), "issuedCertificateChain");
    const char *base64 = json_string_value(json_array_get(chain, index));

    return base64 != NULL ? emu_certificate_from_text(base64) : NULL;
}

START_TEST(a_request_becomes_a_chain_up_to_the_root)
{
    X509 *chain[3];
    char name[EMU_NAME_SIZE];

    ck_assert_uint_eq(ask(body_for("dev"), NEW_VERSION), 202);
    ck_assert_uint_eq(poll(), 200);
    for (size_t i = 0; i < 3; i++)
        ck_assert_ptr_nonnull(chain[i] = chain_at(i));
    ck_assert_ptr_null(chain_at(3));
    ck_assert(emu_certificate_common_name(chain[0], name, sizeof name));
    ck_assert_str_eq(name, "dev");
    ck_assert_int_eq(EVP_PKEY_eq(X509_get0_pubkey(chain[0]), key), 1);
    ck_assert_int_eq(X509_check_ca(chain[0]), 0);
    ck_assert_int_eq(X509_check_ca(chain[1]), 1);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(X509_verify(chain[i], X509_get0_pubkey(chain[i < 2 ? i + 1 : 2])), 1);
    for (size_t i = 0; i < 3; i++)
        X509_free(chain[i]);
}
END_TEST

START_TEST(the_authority_lasts)
{
    X509 *first;
    X509 *second;

    ck_assert_uint_eq(ask(body_for("dev"), NEW_VERSION), 202);
    ck_assert_uint_eq(poll(), 200);
    first = chain_at(1);
    fixture_reopen();
    ck_assert_uint_eq(ask(body_for("dev"), NEW_VERSION), 202);
    ck_assert_uint_eq(poll(), 200);
    second = chain_at(1);
    ck_assert_int_eq(X509_cmp(first, second), 0);
    X509_free(first);
    X509_free(second);
}
END_TEST

START_TEST(the_hub_takes_the_issued_certificate)
{
    struct identity issued = {0};
    struct call send = {.method = "POST",
                        .target = "/devices/dev/messages/events" HUB_VERSION,
                        .body = "x",
                        .peer = {&issued}};
    X509 *certificate;

    ck_assert_uint_eq(ask(body_for("dev"), NEW_VERSION), 202);
    ck_assert_uint_eq(poll(), 200);
    certificate = chain_at(0);
    ck_assert(emu_certificate_to_der(certificate, &issued.der));
    X509_free(certificate);
    ck_assert_uint_eq(perform(&send), 204);
    send.peer[0] = leaf;
    ck_assert_uint_eq(perform(&send), 204);
    send.peer[0] = identity_leaf("dev", NULL);
    ck_assert_uint_eq(perform(&send), 401);
    bytes_free(&issued.der);
}
END_TEST

START_TEST(a_lookup_neither_tells_nor_issues)
{
    const struct call lookup = {.method = "POST",
                                .target = "/" FIXTURE_SCOPE "/registrations/dev" NEW_VERSION,
                                .body = "{}",
                                .peer = {leaf}};

    ck_assert_uint_eq(ask(body_for("dev"), NEW_VERSION), 202);
    ck_assert_uint_eq(perform(&lookup), 200);
    ck_assert_ptr_null(json_object_get(reply_body(), "issuedCertificateChain"));
    ck_assert_uint_eq(
        perform(&(struct call){
            .method = "POST", .target = lookup.target, .body = body_for("dev"), .peer = {leaf}}),
        400);
}
END_TEST

START_TEST(without_a_request_nothing_is_issued)
{
    ck_assert_uint_eq(ask("{}", NEW_VERSION), 202);
    ck_assert_uint_eq(poll(), 200);
    ck_assert_ptr_null(chain_at(0));
}
END_TEST

START_TEST(a_wrong_request_is_refused_by_name)
{
    char *at;

    ck_assert_uint_eq(ask("{\"csr\":\"AAAA\"}", NEW_VERSION), 400);
    ck_assert(strstr(reply_message(), "PKCS#10") != NULL);
    ck_assert_uint_eq(ask("{\"csr\":7}", NEW_VERSION), 400);
    ck_assert_uint_eq(ask(body_for("other"), NEW_VERSION), 400);
    ck_assert_msg(strstr(reply_message(), "common name of csr is other") != NULL, "%s", reply_message());
    ck_assert_uint_eq(ask(body_for("dev"), DEVICE_VERSION), 400);
    ck_assert(strstr(reply_message(), "2025-07-01") != NULL);
    body_for("dev");
    at = text + strlen(text) - 8; /* in the signature */
    *at = *at == 'A' ? 'B' : 'A';
    ck_assert_uint_eq(ask(text, NEW_VERSION), 400);
    ck_assert_uint_eq(enroll("dev", leaf, NULL, NULL), 200);
    ck_assert_uint_eq(ask(body_for("dev"), NEW_VERSION), 400);
    ck_assert(strstr(reply_message(), "credentialPolicyName") != NULL);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("issue");
    TCase *t = tcase_create("issue");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_request_becomes_a_chain_up_to_the_root);
    tcase_add_test(t, the_authority_lasts);
    tcase_add_test(t, the_hub_takes_the_issued_certificate);
    tcase_add_test(t, a_lookup_neither_tells_nor_issues);
    tcase_add_test(t, without_a_request_nothing_is_issued);
    tcase_add_test(t, a_wrong_request_is_refused_by_name);
    suite_add_tcase(s, t);
    return s;
}
