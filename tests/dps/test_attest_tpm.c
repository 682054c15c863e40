/* SPDX-License-Identifier: Apache-2.0 */
/* Registrations by a TPM, with a token that only looks like one; tests/story has real ones. */
#include "tests/support/dps_fixture.h"
#include "tests/support/fake_tpm.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
/* base64 of FAKE_TPM_MARK and a key of one letter, 32 times */
#define WRAPPED_A "V1JBUGFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh"
#define WRAPPED_B "V1JBUGJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJi"
#define CHALLENGE                                                                                            \
    "{\"message\":\"Authorization required, resend request using supplied "                                  \
    "key\",\"keyName\":\"registration\","                                                                    \
    "\"authenticationKey\":\"" WRAPPED_A "\"}"
#define ASSIGNING "{\"operationId\":\"o-1\",\"status\":\"assigning\"}"
#define ASSIGNED                                                                                             \
    "{\"operationId\":\"o-1\",\"status\":\"assigned\",\"registrationState\":{\"assignedHub\":\"localhost\"," \
    "\"deviceId\":\"dev\",\"tpm\":{\"authenticationKey\":\"" WRAPPED_B "\"}}}"
#define BODY "\"tpm\":{\"endorsementKey\":\"" FAKE_TPM_EK_PREFIX
#define ID_BASE32 "kq4cfhnmsdc2dfbn44fufxtgtferbcfo2aszctzh4u2zgvpf36fq"
#define ID_HEX "5438229dac90c5a1942de70b42de6699491088aed025914f27e5359355e5df8b"
#define AUTHORIZED "\r\nAuthorization: SharedAccessSignature sr=scope%2Fregistrations%2Fdev-1&sig="

static struct fake_tpm *tpm;
static struct dps_fixture_clock hands;
static struct dps_fixture_log heard;

static const struct dps_server_row whole[] = {
    {.method = "PUT",
     .path = "/scope/registrations/dev-1/register?",
     .body = BODY,
     .status = 401,
     .answer = CHALLENGE},
    {.method = "PUT", .body = BODY, .header = AUTHORIZED, .status = 202, .answer = ASSIGNING},
    {.method = "GET",
     .path = "/scope/registrations/dev-1/operations/o-1?",
     .header = AUTHORIZED,
     .status = 202,
     .answer = ASSIGNING,
     .times = 2},
    {.method = "GET", .header = AUTHORIZED, .status = 200, .answer = ASSIGNED},
};

static dps_client *make_client(const struct dps_server *server, const char *id)
{
    dps_client *client = dps_client_new("scope", id);

    if (server != NULL)
        ck_assert_int_eq(dps_client_set_endpoint(client, dps_server_authority(server)), DPS_OK);
    ck_assert_int_eq(dps_client_set_trust(client, support_path("ca.pem")), DPS_OK);
    ck_assert_int_eq(dps_client_set_proxy(client, ""), DPS_OK);
    ck_assert_int_eq(dps_client_set_module(client, fake_tpm_module()), DPS_OK);
    ck_assert_int_eq(dps_client_use_tpm(client, NULL), DPS_OK);
    client->clock = dps_fixture_clock(&hands);
    memset(&heard, 0, sizeof heard);
    dps_client_set_log(client, dps_fixture_log, &heard);
    return client;
}

static void setup(void)
{
    tpm = fake_tpm_start();
}

START_TEST(a_registration_is_challenge_proof_and_a_key_for_the_hub)
{
    struct dps_server *server = dps_fixture_server(whole, COUNT(whole));
    dps_client *client = make_client(server, "dev-1");
    dps_registration *registration;

    ck_assert_msg(dps_client_register(client, &registration) == DPS_OK, "%s", dps_client_error(client));
    ck_assert_str_eq(dps_registration_device_id(registration), "dev");
    dps_registration_free(registration);
    /* two unwrappings by the two keys, and one signature for the three requests that need one */
    ck_assert_uint_eq(tpm->unwraps, 2);
    ck_assert_uint_eq(tpm->signs, 1);
    ck_assert_uint_eq(tpm->last_unwrapping_key, FAKE_TPM_EK);
    ck_assert_uint_eq(tpm->last_parent, FAKE_TPM_SRK);
    /* the key of the registration is gone, that of the hub stays */
    ck_assert_uint_eq(tpm->session_keys, 0);
    ck_assert_uint_eq(tpm->token_keys, 1);
    dps_client_free(client);
    ck_assert_uint_eq(tpm->token_keys, 1);
    ck_assert_uint_eq(tpm->sessions, 0);
    dps_server_stop(server);
    ck_assert_ptr_null(strstr(dps_server_request(server, 0)->head, "Authorization"));
    ck_assert_uint_eq(dps_server_connections(server), 1);
    dps_server_finish(server);
}
END_TEST

/* Sends one message as "dev" and answers what the server got. */
static dps_status send_one(dps_client *client, const struct dps_server *server)
{
    dps_hub *hub;
    dps_status status;

    ck_assert_int_eq(dps_hub_open(client, dps_server_authority(server), "dev", &hub), DPS_OK);
    status = dps_hub_send(hub, &(struct dps_message){.body = "x", .size = 1});
    dps_hub_close(hub);
    return status;
}

START_TEST(the_hubs_key_serves_this_client_and_later_ones)
{
    static const struct dps_server_row row = {.method = "POST",
                                              .path = "/devices/dev/",
                                              .header =
                                                  "\r\nAuthorization: SharedAccessSignature sr=localhost%3A",
                                              .status = 204,
                                              .times = 2};
    struct dps_server_row rows[COUNT(whole) + 1];
    struct dps_server *server;
    dps_client *client;
    dps_registration *registration;
    const char *first;
    const char *second;

    memcpy(rows, whole, sizeof whole);
    rows[COUNT(whole)] = row;
    server = dps_fixture_server(rows, COUNT(rows));
    client = make_client(server, "dev-1");
    ck_assert_int_eq(dps_client_register(client, &registration), DPS_OK);
    dps_registration_free(registration);
    hands.date = 1800000000;
    ck_assert_int_eq(send_one(client, server), DPS_OK);
    dps_client_free(client);
    client = make_client(server, "dev-1");
    hands.date = 1800000000;
    ck_assert_msg(send_one(client, server) == DPS_OK, "%s", dps_client_error(client));
    dps_client_free(client);
    dps_server_stop(server);
    ck_assert_uint_eq(tpm->unwraps, 2);
    first = strstr(dps_server_request(server, 5)->head, "&sig=");
    second = strstr(dps_server_request(server, 6)->head, "&sig=");
    ck_assert_int_eq(strncmp(first, second, strcspn(first, "\r")), 0);
    ck_assert_ptr_null(strstr(dps_server_request(server, 5)->head, "skn="));
    dps_server_finish(server);
}
END_TEST

START_TEST(a_second_registration_replaces_the_hubs_key)
{
    struct dps_server_row rows[2 * COUNT(whole)];
    struct dps_server *server;
    dps_client *client;
    dps_registration *registration;

    memcpy(rows, whole, sizeof whole);
    memcpy(rows + COUNT(whole), whole, sizeof whole);
    server = dps_fixture_server(rows, COUNT(rows));
    client = make_client(server, "dev-1");
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(dps_client_register(client, &registration), DPS_OK);
        dps_registration_free(registration);
        ck_assert_uint_eq(tpm->token_keys, 1);
        ck_assert_uint_eq(tpm->session_keys, 0);
    }
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

START_TEST(a_token_that_keeps_no_such_keys_serves_as_long_as_it_is_open)
{
    struct dps_server *server = dps_fixture_server(whole, COUNT(whole));
    dps_client *client = make_client(server, "dev-1");
    dps_registration *registration;
    char *sas;

    tpm->keeps_nothing = true;
    ck_assert_int_eq(dps_client_register(client, &registration), DPS_OK);
    dps_registration_free(registration);
    ck_assert_uint_eq(tpm->session_keys, 1);
    ck_assert_ptr_nonnull(strstr(heard.text, "WARNING the token keeps no such key"));
    ck_assert_int_eq(dps_client_sas(client, "hub/devices/dev", 60, &sas), DPS_OK);
    free(sas);
    dps_client_free(client);
    dps_server_finish(server);
    client = make_client(NULL, "dev-1");
    ck_assert_int_eq(dps_client_sas(client, "hub/devices/dev", 60, &sas), DPS_KEY);
    ck_assert_ptr_nonnull(
        strstr(dps_client_error(client), "has no key \"devid-hub:dev-1\" for the hub: register first"));
    dps_client_free(client);
}
END_TEST

START_TEST(a_tpm_names_itself_in_two_ways)
{
    static const char *const ids[] = {[DPS_TPM_ID_BASE32] = ID_BASE32, [DPS_TPM_ID_HEX] = ID_HEX};
    dps_client *client = make_client(NULL, NULL);
    struct dps_tpm_identity identity;
    struct dps_proof proof;

    ck_assert_int_eq(dps_client_set_tpm_id(client, (dps_tpm_id)_i), DPS_OK);
    ck_assert_int_eq(dps_client_tpm_identity(client, &identity), DPS_OK);
    ck_assert_str_eq(identity.registration_id_base32, ID_BASE32);
    ck_assert_str_eq(identity.registration_id_hex, ID_HEX);
    ck_assert_ptr_eq(strstr(identity.endorsement_key, FAKE_TPM_EK_PREFIX), identity.endorsement_key);
    ck_assert_ptr_eq(strstr(identity.storage_root_key, FAKE_TPM_SRK_PREFIX), identity.storage_root_key);
    ck_assert_str_eq(dps_client_registration_id(client), ids[_i]);
    ck_assert_int_eq(dps_client_check(client, &proof), DPS_OK);
    ck_assert_str_eq(proof.registration_id, ids[_i]);
    ck_assert_str_eq(proof.attestation, "tpm");
    ck_assert_ptr_eq(strstr(proof.endorsement_key, FAKE_TPM_EK_PREFIX), proof.endorsement_key);
    ck_assert_int_eq(dps_client_set_tpm_id(client, (dps_tpm_id)2), DPS_INVALID);
    dps_client_free(client);
}
END_TEST

START_TEST(only_a_tpm_has_an_identity)
{
    dps_client *client = make_client(NULL, NULL);
    struct dps_tpm_identity identity;

    ck_assert_int_eq(dps_client_use_symmetric_value(client, "AAAA"), DPS_OK);
    ck_assert_int_eq(dps_client_tpm_identity(client, &identity), DPS_INVALID);
    ck_assert_ptr_null(identity.endorsement_key);
    dps_client_free(client);
}
END_TEST

/* ---- which token ---- */

START_TEST(the_tpm_is_found_among_other_tokens)
{
    dps_client *client = make_client(NULL, NULL);
    struct dps_tpm_identity identity;

    tpm->tokens = 3;
    ck_assert_msg(dps_client_tpm_identity(client, &identity) == DPS_OK, "%s", dps_client_error(client));
    ck_assert_uint_eq(tpm->sessions, 1);
    ck_assert_int_eq(dps_client_use_tpm(client, "pkcs11:token=fake1"), DPS_OK);
    ck_assert_int_eq(dps_client_tpm_identity(client, &identity), DPS_KEY);
    ck_assert_ptr_nonnull(strstr(dps_client_error(client), "shows no RSA endorsement key"));
    ck_assert_int_eq(dps_client_use_tpm(client, "pkcs11:token=nobody"), DPS_OK);
    ck_assert_int_eq(dps_client_tpm_identity(client, &identity), DPS_KEY);
    ck_assert_ptr_nonnull(strstr(dps_client_error(client), "there is no such token of a TPM"));
    ck_assert_int_eq(dps_client_use_tpm(client, "fake"), DPS_INVALID);
    dps_client_free(client);
    ck_assert_uint_eq(tpm->sessions, 0);
}
END_TEST

START_TEST(keys_that_the_service_does_not_take_are_named)
{
    dps_client *client = make_client(NULL, NULL);
    struct dps_tpm_identity identity;

    tpm->no_storage_root_key = true;
    ck_assert_int_eq(dps_client_tpm_identity(client, &identity), DPS_KEY);
    ck_assert_ptr_nonnull(strstr(dps_client_error(client), "shows no RSA storage root key"));
    tpm->no_storage_root_key = false;
    tpm->no_rsa = true;
    ck_assert_int_eq(dps_client_tpm_identity(client, &identity), DPS_KEY);
    ck_assert_ptr_nonnull(strstr(dps_client_error(client), "shows no RSA endorsement key"));
    dps_client_free(client);
}
END_TEST

/* A public area that is cut off is no key, wherever. */
START_TEST(half_a_public_area_is_no_key)
{
    dps_client *client = make_client(NULL, NULL);
    struct dps_tpm_identity identity;

    for (tpm->area_size = 1; tpm->area_size < 58; tpm->area_size++) {
        ck_assert_int_eq(dps_client_tpm_identity(client, &identity), DPS_KEY);
        ck_assert_ptr_null(identity.endorsement_key);
    }
    ck_assert_int_eq(dps_client_tpm_identity(client, &identity), DPS_OK);
    dps_client_free(client);
}
END_TEST

START_TEST(a_token_with_a_pin_is_logged_in_to_once)
{
    struct dps_server *server = dps_fixture_server(whole, COUNT(whole));
    dps_client *client = make_client(server, "dev-1");
    dps_registration *registration;

    tpm->wants_pin = true;
    ck_assert_int_eq(dps_client_register(client, &registration), DPS_KEY);
    ck_assert_ptr_nonnull(strstr(dps_client_error(client), "has a PIN"));
    ck_assert_int_eq(dps_client_use_tpm(client, "pkcs11:token=fake?pin-value=" FAKE_TPM_PIN), DPS_OK);
    ck_assert_int_eq(dps_client_register(client, &registration), DPS_OK);
    ck_assert_uint_eq(tpm->logins, 1);
    dps_registration_free(registration);
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

/* ---- what goes wrong ---- */

#define REFUSAL "{\"errorCode\":401002,\"trackingId\":\"t-9\",\"message\":\"Unauthorized\"}"

static const struct {
    struct dps_server_row rows[3];
    size_t count;
    CK_RV unwrap_rv;
    CK_RV sign_rv;
    dps_status status;
    const char *error;
} failures[] = {
    /* a refusal is no challenge */
    {{{.status = 401, .answer = REFUSAL}},
     1,
     CKR_OK,
     CKR_OK,
     DPS_REJECTED,
     "this TPM's endorsement key must be enrolled"},
    {{{.status = 401, .answer = "{\"errorCode\":401002,\"authenticationKey\":\"" WRAPPED_A "\"}"}},
     1,
     CKR_OK,
     CKR_OK,
     DPS_REJECTED,
     "error 401002"},
    {{{.status = 401, .answer = "{}"}}, 1, CKR_OK, CKR_OK, DPS_REJECTED, "HTTP 401"},
    /* something that is not the service */
    {{{.status = 200, .answer = ASSIGNED}},
     1,
     CKR_OK,
     CKR_OK,
     DPS_PROTOCOL,
     "HTTP 200, which the service never does"},
    {{{.status = 401, .answer = "{\"authenticationKey\":\"V1JB UGFh\"}"}},
     1,
     CKR_OK,
     CKR_OK,
     DPS_PROTOCOL,
     "is not base64"},
    {{{.status = 401, .answer = "{\"authenticationKey\":\"\"}"}},
     1,
     CKR_OK,
     CKR_OK,
     DPS_PROTOCOL,
     "is not base64"},
    /* a wrapped key for another TPM, or a TPM that was cleared */
    {{{.status = 401, .answer = "{\"authenticationKey\":\"AAAA\"}"}},
     1,
     CKR_OK,
     CKR_OK,
     DPS_KEY,
     "if the TPM was cleared"},
    {{{.status = 401, .answer = CHALLENGE}}, 1, CKR_DEVICE_ERROR, CKR_OK, DPS_KEY, "CKR_DEVICE_ERROR"},
    {{{.status = 401, .answer = CHALLENGE}}, 1, CKR_HOST_MEMORY, CKR_OK, DPS_NO_MEMORY, "memory"},
    {{{.status = 401, .answer = CHALLENGE}},
     1,
     CKR_OK,
     CKR_DEVICE_REMOVED,
     DPS_KEY,
     "signing with the key failed (CKR_DEVICE_REMOVED)"},
    /* a service that never has enough */
    {{{.status = 401, .answer = CHALLENGE, .times = 3}}, 1, CKR_OK, CKR_OK, DPS_REJECTED, "HTTP 401"},
    /* an assignment without the hub's key */
    {{{.status = 401, .answer = CHALLENGE},
      {.status = 200,
       .answer =
           "{\"status\":\"assigned\",\"registrationState\":{\"assignedHub\":\"h\",\"deviceId\":\"d\"}}"}},
     2,
     CKR_OK,
     CKR_OK,
     DPS_PROTOCOL,
     "registrationState.tpm.authenticationKey"},
};

START_TEST(a_failure_ends_the_registration_and_leaves_no_key)
{
    struct dps_server *server = dps_fixture_server(failures[_i].rows, failures[_i].count);
    dps_client *client = make_client(server, "dev-1");
    dps_registration *registration;

    tpm->unwrap_rv = failures[_i].unwrap_rv;
    tpm->sign_rv = failures[_i].sign_rv;
    ck_assert_int_eq(dps_client_register(client, &registration), failures[_i].status);
    ck_assert_ptr_null(registration);
    ck_assert_msg(strstr(dps_client_error(client), failures[_i].error) != NULL, "%s",
                  dps_client_error(client));
    dps_client_free(client);
    ck_assert_uint_eq(tpm->session_keys, 0);
    ck_assert_uint_eq(tpm->token_keys, 0);
    ck_assert_uint_eq(tpm->sessions, 0);
    dps_server_finish(server);
}
END_TEST

/* Two clients of one TPM may ask at once; the service then challenges the first anew. */
START_TEST(a_challenge_in_between_is_met)
{
    static const struct dps_server_row rows[] = {
        {.status = 401, .answer = CHALLENGE},
        {.header = AUTHORIZED, .status = 401, .answer = CHALLENGE},
        {.header = AUTHORIZED, .status = 200, .answer = ASSIGNED},
    };
    struct dps_server *server = dps_fixture_server(rows, COUNT(rows));
    dps_client *client = make_client(server, "dev-1");
    dps_registration *registration;

    ck_assert_int_eq(dps_client_register(client, &registration), DPS_OK);
    ck_assert_uint_eq(tpm->signs, 2);
    dps_registration_free(registration);
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

/* The connection is cut at each of the requests in turn: asked again, and nothing is unwrapped twice. */
START_TEST(a_cut_connection_costs_one_request)
{
    struct dps_server_row rows[COUNT(whole) + 1];
    struct dps_server *server;
    dps_client *client;
    dps_registration *registration;

    for (int i = 0; i < (int)COUNT(rows); i++)
        rows[i] = i < _i ? whole[i] : whole[i > 0 ? i - 1 : 0];
    rows[_i] = (struct dps_server_row){.conduct = SERVER_CLOSES};
    server = dps_fixture_server(rows, COUNT(rows));
    client = make_client(server, "dev-1");
    ck_assert_msg(dps_client_register(client, &registration) == DPS_OK, "%s", dps_client_error(client));
    ck_assert_uint_eq(tpm->unwraps, 2);
    ck_assert_uint_eq(tpm->signs, 1);
    dps_registration_free(registration);
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

START_TEST(a_lookup_proves_the_tpm_too)
{
    static const struct dps_server_row rows[] = {
        {.method = "PUT", .status = 401, .answer = CHALLENGE},
        {.method = "POST",
         .path = "/scope/registrations/dev-1?api",
         .body = BODY,
         .header = AUTHORIZED,
         .status = 200,
         .answer = "{\"registrationId\":\"dev-1\",\"status\":\"assigned\",\"assignedHub\":\"h\",\"deviceId\":"
                   "\"d\"}"},
    };
    struct dps_server *server = dps_fixture_server(rows, COUNT(rows));
    dps_client *client = make_client(server, "dev-1");
    dps_registration *registration;

    ck_assert_msg(dps_client_lookup(client, &registration) == DPS_OK, "%s", dps_client_error(client));
    ck_assert_str_eq(dps_registration_hub(registration), "h");
    dps_registration_free(registration);
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("attest_tpm");
    TCase *t = tcase_create("attest_tpm");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, dps_fixture_make, NULL);
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, a_registration_is_challenge_proof_and_a_key_for_the_hub);
    tcase_add_test(t, the_hubs_key_serves_this_client_and_later_ones);
    tcase_add_test(t, a_second_registration_replaces_the_hubs_key);
    tcase_add_test(t, a_token_that_keeps_no_such_keys_serves_as_long_as_it_is_open);
    tcase_add_loop_test(t, a_tpm_names_itself_in_two_ways, 0, 2);
    tcase_add_test(t, only_a_tpm_has_an_identity);
    tcase_add_test(t, the_tpm_is_found_among_other_tokens);
    tcase_add_test(t, keys_that_the_service_does_not_take_are_named);
    tcase_add_test(t, half_a_public_area_is_no_key);
    tcase_add_test(t, a_token_with_a_pin_is_logged_in_to_once);
    tcase_add_loop_test(t, a_failure_ends_the_registration_and_leaves_no_key, 0, COUNT(failures));
    tcase_add_test(t, a_challenge_in_between_is_met);
    tcase_add_loop_test(t, a_cut_connection_costs_one_request, 0, COUNT(whole));
    tcase_add_test(t, a_lookup_proves_the_tpm_too);
    suite_add_tcase(s, t);
    return s;
}
