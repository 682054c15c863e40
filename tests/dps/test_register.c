/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/message.h"
#include "tests/support/dps_fixture.h"
#include "tests/support/support.h"

#include <openssl/ssl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PUT_PATH "/scope/registrations/device-1/register?api-version=2021-06-01 "
#define GET_PATH "/scope/registrations/device-1/operations/4.op?api-version=2021-06-01 "
#define ASSIGNING "{\"operationId\":\"4.op\",\"status\":\"assigning\"}"
#define ASSIGNED                                                                                             \
    "{\"operationId\":\"4.op\",\"status\":\"assigned\",\"registrationState\":{\"registrationId\":\"device-"  \
    "1\","                                                                                                   \
    "\"assignedHub\":\"localhost:8443\",\"deviceId\":\"device-1\",\"status\":\"assigned\"}}"
#define PUT(...)                                                                                             \
    {                                                                                                        \
        .method = "PUT", .path = PUT_PATH, __VA_ARGS__                                                       \
    }
#define GET(...)                                                                                             \
    {                                                                                                        \
        .method = "GET", .path = GET_PATH, __VA_ARGS__                                                       \
    }
#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static struct dps_fixture_clock hands;
static struct dps_fixture_log lines;

/* Registers against the script and answers the status; *client is left for the test to look at and free. */
static dps_status run(const struct dps_server_row *rows, size_t count, dps_client **client,
                      dps_registration **registration)
{
    struct dps_server *server = dps_fixture_server(rows, count);
    dps_status status;

    lines.text[0] = '\0';
    *client = dps_fixture_client(server, &hands);
    dps_client_set_log(*client, dps_fixture_log, &lines);
    status = dps_client_register(*client, registration);
    dps_server_finish(server);
    return status;
}

START_TEST(assigned_after_two_polls_as_retry_after_asks)
{
    static const struct dps_server_row rows[] = {
        PUT(.body = "{\"registrationId\":\"device-1\"}", .status = 202, .headers = "Retry-After: 3\r\n",
            .answer = ASSIGNING),
        GET(.status = 202, .headers = "Retry-After: 5\r\n", .answer = ASSIGNING),
        GET(.status = 200, .answer = ASSIGNED),
    };
    dps_registration *registration;
    dps_client *client;

    ck_assert_int_eq(run(rows, COUNT(rows), &client, &registration), DPS_OK);
    ck_assert_str_eq(dps_registration_hub(registration), "localhost:8443");
    ck_assert_str_eq(dps_registration_device_id(registration), "device-1");
    ck_assert_str_eq(dps_registration_status(registration), "assigned");
    ck_assert_str_eq(dps_registration_operation_id(registration), "4.op");
    ck_assert_uint_eq(hands.sleeps, 2);
    ck_assert_int_eq(hands.slept[0], 3000);
    ck_assert_int_eq(hands.slept[1], 5000);
    ck_assert_str_eq(dps_client_error(client), "");
    dps_registration_free(registration);
    dps_client_free(client);
}
END_TEST

START_TEST(the_answer_to_the_registration_may_be_the_assignment)
{
    static const struct dps_server_row rows[] = {PUT(.status = 200, .answer = ASSIGNED)};
    dps_registration *registration;
    dps_client *client;

    ck_assert_int_eq(run(rows, 1, &client, &registration), DPS_OK);
    ck_assert_uint_eq(hands.sleeps, 0);
    dps_registration_free(registration);
    dps_client_free(client);
}
END_TEST

START_TEST(polls_by_default_when_no_retry_after_can_be_read)
{
    static const struct dps_server_row rows[] = {
        PUT(.status = 202, .answer = ASSIGNING),
        GET(.status = 202, .headers = "Retry-After: soon\r\n", .answer = "{\"status\":\"unassigned\"}"),
        GET(.status = 200, .answer = ASSIGNED),
    };
    dps_registration *registration;
    dps_client *client;

    ck_assert_int_eq(run(rows, COUNT(rows), &client, &registration), DPS_OK);
    ck_assert_int_eq(hands.slept[0], 2000);
    ck_assert_int_eq(hands.slept[1], 2000);
    dps_registration_free(registration);
    dps_client_free(client);
}
END_TEST

START_TEST(requests_have_the_headers_of_the_interface_and_one_connection)
{
    static const struct dps_server_row rows[] = {
        PUT(.header = "\r\nContent-Type: application/json; charset=utf-8\r\n", .status = 202,
            .answer = ASSIGNING),
        GET(.header = "\r\nAccept: application/json\r\n", .status = 200, .answer = ASSIGNED),
    };
    struct dps_server *server = dps_fixture_server(rows, COUNT(rows));
    dps_client *client = dps_fixture_client(server, &hands);
    dps_registration *registration;

    ck_assert_int_eq(dps_client_register(client, &registration), DPS_OK);
    dps_registration_free(registration);
    dps_client_free(client);
    dps_server_stop(server);
    ck_assert_uint_eq(dps_server_connections(server), 1);
    for (size_t i = 0; i < 2; i++) {
        const struct dps_server_request *request = dps_server_request(server, i);

        ck_assert_ptr_nonnull(strstr(request->head, "\r\nAccept: application/json\r\n"));
        ck_assert_ptr_nonnull(strstr(request->head, "\r\nUser-Agent: devid/" DEVID_VERSION "\r\n"));
        ck_assert_ptr_null(strstr(request->head, "Authorization"));
        ck_assert_ptr_null(strstr(request->head, "Expect"));
        ck_assert_str_eq(request->peer, "device-1");
        ck_assert_uint_eq(request->peer_chain, 3);
    }
    dps_server_finish(server);
}
END_TEST

START_TEST(settings_reach_the_wire)
{
    static const struct dps_server_row rows[] = {
        {.method = "PUT",
         .path = "/sc%20ope/registrations/device-1/register?api-version=2025-07-01-preview ",
         .body = "\"payload\":{\"a\":1}",
         .status = 200,
         .answer = ASSIGNED},
    };
    struct dps_server *server = dps_fixture_server(rows, COUNT(rows));
    dps_client *client = dps_fixture_client(server, &hands);
    dps_registration *registration;

    free(client->id_scope);
    client->id_scope = strdup("sc ope");
    ck_assert_int_eq(dps_client_set_payload(client, "{\"a\": 1}"), DPS_OK);
    ck_assert_int_eq(dps_client_set_api_version(client, "2025-07-01-preview"), DPS_OK);
    ck_assert_int_eq(dps_client_register(client, &registration), DPS_OK);
    dps_registration_free(registration);
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

/* Trouble that passes: what is slept before the next attempt. */
static const struct {
    const char *name;
    struct dps_server_row trouble;
    int64_t slept;
} passing[] = {
    {"429 with Retry-After", PUT(.status = 429, .headers = "Retry-After: 7\r\n"), 7000},
    {"429 without", PUT(.status = 429), 500},
    {"500", PUT(.status = 500, .answer = "{\"errorCode\":500000,\"message\":\"x\"}"), 500},
    {"503 with Retry-After beyond the bound", PUT(.status = 503, .headers = "Retry-After: 100\r\n"), 100000},
    {"closed connection", PUT(.conduct = SERVER_CLOSES), 500},
};

START_TEST(passing_trouble_is_tried_again)
{
    const struct dps_server_row rows[] = {passing[_i].trouble, PUT(.status = 200, .answer = ASSIGNED)};
    dps_registration *registration;
    dps_client *client;

    ck_assert_int_eq(run(rows, 2, &client, &registration), DPS_OK);
    ck_assert_uint_eq(hands.sleeps, 1);
    ck_assert_int_eq(hands.slept[0], passing[_i].slept);
    ck_assert_msg(strstr(lines.text, "WARNING ") != NULL, "%s", lines.text);
    ck_assert_ptr_null(strstr(lines.text, "ERROR"));
    dps_registration_free(registration);
    dps_client_free(client);
}
END_TEST

START_TEST(trouble_while_polling_polls_again)
{
    static const struct dps_server_row rows[] = {
        PUT(.status = 202, .headers = "Retry-After: 1\r\n", .answer = ASSIGNING),
        GET(.status = 503),
        GET(.status = 429, .headers = "Retry-After: 2\r\n"),
        GET(.status = 200, .answer = ASSIGNED),
    };
    dps_registration *registration;
    dps_client *client;

    ck_assert_int_eq(run(rows, COUNT(rows), &client, &registration), DPS_OK);
    ck_assert_uint_eq(hands.sleeps, 3);
    ck_assert_int_eq(hands.slept[2], 2000);
    dps_registration_free(registration);
    dps_client_free(client);
}
END_TEST

START_TEST(trouble_that_stays_ends_with_the_time_limit)
{
    static const struct dps_server_row rows[] = {
        PUT(.status = 503, .answer = "{\"errorCode\":503001,\"trackingId\":\"track\",\"message\":\"busy\"}",
            .times = 12),
    };
    dps_registration *registration;
    dps_client *client;

    ck_assert_int_eq(run(rows, 1, &client, &registration), DPS_TIMEOUT);
    ck_assert_ptr_null(registration);
    ck_assert_int_le(hands.now, 1000 + 120 * 1000);
    ck_assert_uint_eq(dps_client_http_status(client), 503);
    ck_assert_int_eq(dps_client_error_code(client), 503001);
    ck_assert_str_eq(dps_client_tracking_id(client), "track");
    ck_assert_msg(strstr(dps_client_error(client), "gave up after attempt 12, the time limit is 120 s") !=
                      NULL,
                  "%s", dps_client_error(client));
    dps_client_free(client);
}
END_TEST

START_TEST(a_service_that_goes_on_assigning_ends_with_the_time_limit)
{
    static const struct dps_server_row rows[] = {
        PUT(.status = 202, .headers = "Retry-After: 50\r\n", .answer = ASSIGNING),
        GET(.status = 202, .headers = "Retry-After: 50\r\n", .answer = ASSIGNING, .times = 2),
    };
    dps_registration *registration;
    dps_client *client;

    ck_assert_int_eq(run(rows, COUNT(rows), &client, &registration), DPS_TIMEOUT);
    ck_assert_uint_eq(hands.sleeps, 2);
    ck_assert_msg(strstr(dps_client_error(client), "did not end within 120 s") != NULL, "%s",
                  dps_client_error(client));
    dps_client_free(client);
}
END_TEST

/* The service says of an operation that it is not one, or gives it another number on the way. */
START_TEST(an_operation_that_is_gone_ends_it)
{
    static const struct dps_server_row rows[] = {
        PUT(.status = 202, .headers = "Retry-After: 1\r\n", .answer = ASSIGNING),
        {.method = "GET",
         .path = "/scope/registrations/device-1/operations/4.op?",
         .status = 202,
         .answer = "{\"status\":\"assigning\",\"operationId\":\"another one/..\"}"},
        {.method = "GET",
         .path = "/scope/registrations/device-1/operations/another%20one%2F..?",
         .status = 404,
         .answer = "{\"errorCode\":404202,\"message\":\"gone\"}"},
    };
    dps_registration *registration;
    dps_client *client;

    ck_assert_int_eq(run(rows, COUNT(rows), &client, &registration), DPS_REJECTED);
    ck_assert_int_eq(dps_client_error_code(client), 404202);
    ck_assert_ptr_nonnull(strstr(dps_client_error(client), "no longer knows this registration"));
    dps_client_free(client);
}
END_TEST

/* JSON as deep as the limit of a body allows must not exhaust the stack. */
START_TEST(deep_json_is_refused)
{
    static char deep[200 * 1024];
    const struct dps_server_row rows[] = {PUT(.status = 200, .answer = deep)};
    dps_registration *registration;
    dps_client *client;

    memset(deep, _i == 0 ? '[' : '{', sizeof deep - 1);
    if (_i == 1)
        for (size_t i = 0; i + 5 < sizeof deep; i += 5)
            memcpy(deep + i, "{\"a\":", 5);
    ck_assert_int_eq(run(rows, 1, &client, &registration), DPS_PROTOCOL);
    ck_assert_ptr_nonnull(strstr(dps_client_error(client), "is not JSON"));
    dps_client_free(client);
}
END_TEST

/* Answers that end it. */
#define ANSWER(number, text) PUT(.status = number, .answer = text)
#define ERROR_BODY(code, text) "{\"errorCode\":" code ",\"trackingId\":\"t-1\",\"message\":\"" text "\"}"
#define FAILED(members) "{\"status\":\"failed\",\"registrationState\":{" members "}}"

static const struct {
    struct dps_server_row row;
    dps_status status;
    unsigned http_status;
    long code;
    const char *words;
} endings[] = {
    {ANSWER(401, ERROR_BODY("401002", "CA certificate not found.")), DPS_REJECTED, 401, 401002,
     "HTTP 401, error 401002, CA certificate not found. (tracking id t-1); "},
    {ANSWER(401, ERROR_BODY("401002", "Unauthorized")), DPS_REJECTED, 401, 401002,
     "(group) must be enrolled"},
    {ANSWER(404, ERROR_BODY("404201", "Not found")), DPS_REJECTED, 404, 404201,
     "check id scope and registration id"},
    {ANSWER(400, "<html>bad</html>"), DPS_REJECTED, 400, 0, "HTTP 400; the request was not accepted"},
    {ANSWER(403, NULL), DPS_REJECTED, 403, 0, "HTTP 403"},
    {ANSWER(409, ERROR_BODY("409203", "Precondition failed.")), DPS_REJECTED, 409, 409203,
     "Precondition failed."},
    {ANSWER(418, NULL), DPS_REJECTED, 418, 0, "HTTP 418"},
    {ANSWER(200, "{\"status\":\"disabled\"}"), DPS_REJECTED, 200, 0, "its enrollment is disabled"},
    {ANSWER(200, FAILED("\"errorCode\":400208,\"errorMessage\":\"no hub\"")), DPS_REJECTED, 200, 400208,
     "error 400208, no hub; no hub could be chosen: link an IoT hub"},
    {ANSWER(200, "{\"status\":\"failed\"}"), DPS_REJECTED, 200, 0, "failed: HTTP 200"},
    {ANSWER(200, FAILED("\"errorCode\":401002")), DPS_REJECTED, 200, 401002, "must be enrolled"},
    {ANSWER(200, "no json"), DPS_PROTOCOL, 0, 0, "is not JSON"},
    {ANSWER(200, NULL), DPS_PROTOCOL, 0, 0, "(0 bytes) is not JSON"},
    {ANSWER(202, "{\"status\":\"assigning\"}"), DPS_PROTOCOL, 0, 0, "lacks \"operationId\""},
    {ANSWER(202, "{\"status\":\"unassigned\"}"), DPS_PROTOCOL, 0, 0, "lacks \"operationId\""},
    {ANSWER(202, "{\"status\":\"assigning\",\"operationId\":\"..\"}"), DPS_PROTOCOL, 0, 0, "\"..\""},
    {ANSWER(204, NULL), DPS_PROTOCOL, 0, 0, "HTTP 204"},
    {PUT(.status = 302, .headers = "Location: https://localhost/\r\n"), DPS_PROTOCOL, 0, 0, "HTTP 302"},
    {PUT(.conduct = SERVER_OVERDOES), DPS_PROTOCOL, 0, 0, "larger than any of the service's"},
    {PUT(.conduct = SERVER_OVERDOES_CHUNKED), DPS_PROTOCOL, 0, 0, "larger than any of the service's"},
    {PUT(.conduct = SERVER_OVERDOES_HEADERS), DPS_PROTOCOL, 0, 0, "larger than any of the service's"},
    {PUT(.conduct = SERVER_BABBLES, .answer = "220 mail ESMTP\r\n"), DPS_PROTOCOL, 0, 0,
     "does not speak HTTP"},
};

START_TEST(an_answer_ends_it)
{
    dps_registration *registration = (dps_registration *)&hands; /* must not stay */
    dps_client *client;

    ck_assert_msg(run(&endings[_i].row, 1, &client, &registration) == endings[_i].status, "%s",
                  dps_client_error(client));
    ck_assert_ptr_null(registration);
    ck_assert_uint_eq(hands.sleeps, 0);
    ck_assert_uint_eq(dps_client_http_status(client), endings[_i].http_status);
    ck_assert_int_eq(dps_client_error_code(client), endings[_i].code);
    ck_assert_msg(strstr(dps_client_error(client), endings[_i].words) != NULL, "%s",
                  dps_client_error(client));
    ck_assert_ptr_nonnull(strstr(lines.text, "ERROR "));
    dps_client_free(client);
}
END_TEST

START_TEST(an_ending_while_polling_ends_it_too)
{
    static const struct dps_server_row rows[] = {
        PUT(.status = 202, .headers = "Retry-After: 1\r\n", .answer = ASSIGNING),
        GET(.status = 404, .answer = "{\"errorCode\":404202,\"message\":\"gone\"}"),
    };
    dps_registration *registration;
    dps_client *client;

    ck_assert_int_eq(run(rows, COUNT(rows), &client, &registration), DPS_REJECTED);
    ck_assert_int_eq(dps_client_error_code(client), 404202);
    dps_client_free(client);
}
END_TEST

START_TEST(a_wrong_clock_is_named_with_a_401)
{
    static const struct dps_server_row rows[] = {
        PUT(.status = 401, .headers = "Date: Sat, 01 Jan 2000 00:00:00 GMT\r\n"),
    };
    dps_registration *registration;
    dps_client *client;

    ck_assert_int_eq(run(rows, 1, &client, &registration), DPS_REJECTED);
    ck_assert_msg(strstr(dps_client_error(client), "s ahead of the service's") != NULL, "%s",
                  dps_client_error(client));
    dps_client_free(client);
}
END_TEST

START_TEST(cancelled_in_a_pause)
{
    static const struct dps_server_row rows[] = {PUT(.status = 202, .answer = ASSIGNING),
                                                 PUT(.status = 200, .answer = ASSIGNED)};
    struct dps_server *server = dps_fixture_server(rows, COUNT(rows));
    dps_client *client = dps_fixture_client(server, &hands);
    dps_registration *registration;

    hands.cancel_at_sleep = client;
    ck_assert_int_eq(dps_client_register(client, &registration), DPS_CANCELLED);
    ck_assert_ptr_null(registration);
    ck_assert_str_eq(dps_client_error(client), "the registration of \"device-1\" was cancelled");
    /* it is used up, and the client still good */
    ck_assert_int_eq(dps_client_register(client, &registration), DPS_OK);
    dps_registration_free(registration);
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

START_TEST(cancelled_before_it_began_sends_nothing)
{
    struct dps_server *server = dps_fixture_server(NULL, 0);
    dps_client *client = dps_fixture_client(server, &hands);
    dps_registration *registration;

    dps_client_cancel(client);
    dps_client_cancel(client);
    ck_assert_int_eq(dps_client_register(client, &registration), DPS_CANCELLED);
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

START_TEST(the_states_are_logged)
{
    static const struct dps_server_row rows[] = {PUT(.status = 202, .answer = ASSIGNING),
                                                 GET(.status = 200, .answer = ASSIGNED)};
    dps_registration *registration;
    dps_client *client;

    ck_assert_int_eq(run(rows, COUNT(rows), &client, &registration), DPS_OK);
    ck_assert_ptr_nonnull(
        strstr(lines.text, "INFO the registration of \"device-1\": waiting for the assignment\n"));
    ck_assert_ptr_nonnull(strstr(lines.text, "INFO the registration of \"device-1\": assigned\n"));
    ck_assert_ptr_nonnull(strstr(lines.text, "DEBUG PUT https://localhost:"));
    dps_registration_free(registration);
    dps_client_free(client);
}
END_TEST

/* Refused before anything is sent. */
static const struct {
    const char *scope;
    const char *id;
    const char *certificate;
    const char *key;
    dps_status status;
    const char *words;
} refusals[] = {
    {NULL, "device-1", "device.pem", "device.key", DPS_INVALID, "no id scope"},
    {"", "device-1", "device.pem", "device.key", DPS_INVALID, "no id scope"},
    {"scope", "", "device.pem", "device.key", DPS_INVALID, "is no registration id"},
    {"scope", "a b", "device.pem", "device.key", DPS_INVALID, "\"a b\" is no registration id"},
    {"scope", "device.", "device.pem", "device.key", DPS_INVALID, "is no registration id"},
    {"scope", "device-2", "device.pem", "device.key", DPS_KEY,
     "is for \"device-1\" and cannot register \"device-2\""},
    {"scope", "device-1", "nameless.pem", "device.key", DPS_KEY,
     "its common name must be the registration id"},
    {"scope", NULL, "nameless.pem", "device.key", DPS_INVALID, "there is no registration id"},
    {"scope", "device-1", "device.pem", "other.key", DPS_KEY, "does not belong to the key"},
    {"scope", "device-1", "expired.pem", "device.key", DPS_KEY, "expired at"},
    {"scope", "device-1", "future.pem", "device.key", DPS_KEY, "is not valid before"},
    {"scope", "device-1", "absent.pem", "device.key", DPS_KEY,
     "absent.pem cannot be read: No such file or directory"},
    {"scope", "device-1", "device.pem", "absent.key", DPS_KEY,
     "absent.key cannot be read: No such file or directory"},
    {"scope", "device-1", "device.key", "device.key", DPS_KEY, "no certificate can be loaded from"},
    {"scope", "device-1", "device.pem", "device.pem", DPS_KEY, "no private key can be loaded from"},
    {"scope", "device-1", "device.pem", "locked.key", DPS_KEY, "no private key can be loaded from"},
};

START_TEST(refused_before_anything_is_sent)
{
    struct dps_server *server = dps_fixture_server(NULL, 0);
    dps_client *client = dps_client_new(refusals[_i].scope, refusals[_i].id);
    dps_registration *registration;
    struct dps_proof proof;
    char certificate[4096];

    snprintf(certificate, sizeof certificate, "%s", support_path("%s", refusals[_i].certificate));
    ck_assert_int_eq(dps_client_set_endpoint(client, dps_server_authority(server)), DPS_OK);
    ck_assert_int_eq(dps_client_use_x509(client, certificate, support_path("%s", refusals[_i].key)), DPS_OK);
    ck_assert_int_eq(dps_client_register(client, &registration), refusals[_i].status);
    ck_assert_msg(strstr(dps_client_error(client), refusals[_i].words) != NULL, "%s",
                  dps_client_error(client));
    if (strstr(refusals[_i].words, "scope") == NULL) { /* the same is found without registering */
        ck_assert_int_eq(dps_client_check(client, &proof), refusals[_i].status);
        ck_assert_ptr_nonnull(strstr(dps_client_error(client), refusals[_i].words));
        ck_assert_str_eq(proof.registration_id, "");
    }
    dps_client_free(client);
    ck_assert_uint_eq(dps_server_connections(server), 0);
    dps_server_finish(server);
}
END_TEST

/* In the order of the chain, as openssl tells them. */
START_TEST(a_check_tells_what_the_device_would_show)
{
    struct dps_server *server = dps_fixture_server(NULL, 0);
    dps_client *client = dps_fixture_client(server, &hands);
    struct dps_proof proof;
    char *thumbprint;

    ck_assert_int_eq(dps_client_check(client, &proof), DPS_OK);
    ck_assert_str_eq(proof.registration_id, "device-1");
    ck_assert_str_eq(proof.attestation, "x509");
    ck_assert_str_eq(proof.issuer, "");
    ck_assert_str_eq(proof.endorsement_key, "");
    ck_assert_uint_eq(strlen(proof.thumbprints), 3 * 64 + 2);
    ck_assert_int_eq(
        support_shell(&thumbprint,
                      "openssl x509 -in %s -noout -fingerprint -sha256 | sed 's/.*=//' | tr -d ':\n'",
                      support_path("leaf.pem")),
        0);
    ck_assert_int_eq(strncmp(proof.thumbprints, thumbprint, 64), 0);
    ck_assert_int_eq(proof.thumbprints[64], ' ');
    free(thumbprint);
    ck_assert_int_eq(dps_client_use_x509(client, support_path("leaf.pem"), support_path("device.key")),
                     DPS_OK);
    ck_assert_int_eq(dps_client_check(client, &proof), DPS_OK);
    ck_assert_uint_eq(strlen(proof.thumbprints), 64);
    ck_assert_str_ne(proof.issuer, "");
    ck_assert_int_eq(dps_client_use_symmetric_value(client, "QUJDREVGR0hJSktMTU5PUA=="), DPS_OK);
    ck_assert_int_eq(dps_client_check(client, &proof), DPS_OK);
    ck_assert_str_eq(proof.attestation, "symmetricKey");
    ck_assert_str_eq(proof.thumbprints, "");
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

START_TEST(an_id_of_128_characters_is_the_longest)
{
    char id[131];
    dps_client *client;
    dps_registration *registration;

    memset(id, 'a', sizeof id);
    for (size_t length = 128; length <= 129; length++) {
        id[length] = '\0';
        client = dps_client_new("scope", id);
        ck_assert_int_eq(dps_client_use_x509(client, support_path("device.pem"), support_path("device.key")),
                         DPS_OK);
        ck_assert_int_eq(dps_client_register(client, &registration), length == 128 ? DPS_KEY : DPS_INVALID);
        dps_client_free(client);
        id[length] = 'a';
    }
}
END_TEST

START_TEST(without_credentials_it_is_refused)
{
    dps_client *client = dps_client_new("scope", "device-1");
    dps_registration *registration;

    ck_assert_int_eq(dps_client_register(client, &registration), DPS_INVALID);
    ck_assert_ptr_nonnull(strstr(dps_client_error(client), "no credentials"));
    dps_client_free(client);
}
END_TEST

START_TEST(the_common_name_serves_as_id_and_case_does_not_matter)
{
    static const struct dps_server_row rows[] = {
        {.path = "/scope/registrations/device-1/", .status = 200, .answer = ASSIGNED},
        {.path = "/scope/registrations/DEVICE-1/", .body = "\"DEVICE-1\"", .status = 200, .answer = ASSIGNED},
    };
    static const char *const ids[] = {NULL, "DEVICE-1"};
    struct dps_server *server = dps_fixture_server(rows, COUNT(rows));

    for (size_t i = 0; i < 2; i++) {
        dps_client *client = dps_fixture_client(server, &hands);
        dps_registration *registration;

        free(client->registration_id);
        client->registration_id = ids[i] != NULL ? strdup(ids[i]) : NULL;
        ck_assert_int_eq(dps_client_register(client, &registration), DPS_OK);
        dps_registration_free(registration);
        dps_client_free(client);
    }
    dps_server_finish(server);
}
END_TEST

START_TEST(a_renewed_certificate_is_used_by_the_next_call)
{
    static const struct dps_server_row rows[] = {PUT(.status = 401), PUT(.status = 200, .answer = ASSIGNED)};
    struct dps_server *server = dps_fixture_server(rows, COUNT(rows));
    dps_client *client = dps_fixture_client(server, &hands);
    dps_registration *registration;
    size_t size;
    char *leaf = support_read(support_path("leaf.pem"), &size);
    char *whole = support_read(support_path("device.pem"), NULL);

    support_write(support_path("renewed.pem"), leaf);
    ck_assert_int_eq(dps_client_use_x509(client, support_path("renewed.pem"), support_path("device.key")),
                     DPS_OK);
    ck_assert_int_eq(dps_client_register(client, &registration), DPS_REJECTED);
    support_write(support_path("renewed.pem"), whole);
    ck_assert_int_eq(dps_client_register(client, &registration), DPS_OK);
    dps_registration_free(registration);
    dps_client_free(client);
    dps_server_stop(server);
    ck_assert_uint_eq(dps_server_request(server, 0)->peer_chain, 1);
    ck_assert_uint_eq(dps_server_request(server, 1)->peer_chain, 3);
    free(leaf);
    free(whole);
    dps_server_finish(server);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("register");
    TCase *t = tcase_create("register");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, dps_fixture_make, NULL);
    tcase_add_test(t, assigned_after_two_polls_as_retry_after_asks);
    tcase_add_test(t, the_answer_to_the_registration_may_be_the_assignment);
    tcase_add_test(t, polls_by_default_when_no_retry_after_can_be_read);
    tcase_add_test(t, requests_have_the_headers_of_the_interface_and_one_connection);
    tcase_add_test(t, settings_reach_the_wire);
    tcase_add_loop_test(t, passing_trouble_is_tried_again, 0, COUNT(passing));
    tcase_add_test(t, trouble_while_polling_polls_again);
    tcase_add_test(t, trouble_that_stays_ends_with_the_time_limit);
    tcase_add_test(t, a_service_that_goes_on_assigning_ends_with_the_time_limit);
    tcase_add_test(t, an_operation_that_is_gone_ends_it);
    tcase_add_loop_test(t, deep_json_is_refused, 0, 2);
    tcase_add_loop_test(t, an_answer_ends_it, 0, COUNT(endings));
    tcase_add_test(t, an_ending_while_polling_ends_it_too);
    tcase_add_test(t, a_wrong_clock_is_named_with_a_401);
    tcase_add_test(t, cancelled_in_a_pause);
    tcase_add_test(t, cancelled_before_it_began_sends_nothing);
    tcase_add_test(t, the_states_are_logged);
    tcase_add_loop_test(t, refused_before_anything_is_sent, 0, COUNT(refusals));
    tcase_add_test(t, a_check_tells_what_the_device_would_show);
    tcase_add_test(t, an_id_of_128_characters_is_the_longest);
    tcase_add_test(t, without_credentials_it_is_refused);
    tcase_add_test(t, the_common_name_serves_as_id_and_case_does_not_matter);
    tcase_add_test(t, a_renewed_certificate_is_used_by_the_next_call);
    suite_add_tcase(s, t);
    return s;
}
