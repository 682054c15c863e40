/* SPDX-License-Identifier: Apache-2.0 */
/* What a method of attestation is asked and where its answers go, shown with one of the test's own. */
#include "dps/attest.h"
#include "tests/support/dps_fixture.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define ASSIGNED                                                                                             \
    "{\"status\":\"assigned\",\"registrationState\":{\"assignedHub\":\"h\",\"deviceId\":\"d\","              \
    "\"tpm\":{\"authenticationKey\":\"QUJD\"}}}"

enum call { NONE, OPEN, CONFIGURE_TLS, BODY, AUTHORIZE, TAKE_KEY };

static struct {
    struct dps_report *report;
    enum call failing;
    unsigned open; /* how many states there are */
    unsigned authorized;
    char taken[32];
} method;

static dps_status answer(enum call call)
{
    return call == method.failing ? dps_report_fail(method.report, DPS_KEY, "call %d", call) : DPS_OK;
}

static dps_status fake_open(const struct dps_attest_settings *settings, void **state)
{
    method.report = settings->report;
    *state = NULL;
    if (answer(OPEN) != DPS_OK)
        return DPS_KEY;
    method.open++;
    *state = &method;
    return DPS_OK;
}

static dps_status fake_configure_tls(void *state)
{
    ck_assert_ptr_eq(state, &method);
    return answer(CONFIGURE_TLS);
}

static dps_status fake_body(void *state, struct dps_register_request *request)
{
    ck_assert_ptr_eq(state, &method);
    request->endorsement_key = "RUs=";
    request->storage_root_key = "U1JL";
    return answer(BODY);
}

static dps_status fake_take_key(void *state, enum dps_attest_purpose purpose, const char *wrapped)
{
    ck_assert_int_eq(purpose, DPS_FOR_HUB);
    ck_assert_ptr_eq(state, &method);
    snprintf(method.taken, sizeof method.taken, "%s", wrapped);
    return answer(TAKE_KEY);
}

static dps_status fake_authorize(void *state, enum dps_attest_purpose purpose, const char *resource,
                                 int64_t expiry, char **out)
{
    char text[256];

    method.authorized++;
    ck_assert_int_eq(purpose, strstr(resource, "/devices/") != NULL ? DPS_FOR_HUB : DPS_FOR_REGISTRATION);
    ck_assert_ptr_eq(state, &method);
    snprintf(text, sizeof text, "Test %s %lld", resource, (long long)expiry);
    if (answer(AUTHORIZE) != DPS_OK)
        return DPS_KEY;
    *out = strdup(text);
    return DPS_OK;
}

static void fake_close(void *state)
{
    ck_assert_ptr_eq(state, &method);
    method.open--;
}

static const struct dps_attest fake = {
    .name = "test",
    .open = fake_open,
    .configure_tls = fake_configure_tls,
    .body = fake_body,
    .take_key = fake_take_key,
    .authorize = fake_authorize,
    .close = fake_close,
};

static struct dps_fixture_clock hands;

static dps_client *make_client(const struct dps_server *server, enum call failing)
{
    dps_client *client = dps_fixture_client(server, &hands);

    memset(&method, 0, sizeof method);
    method.failing = failing;
    client->attest = &fake;
    hands.date = 1000000;
    return client;
}

START_TEST(its_words_go_into_each_request)
{
    static const struct dps_server_row rows[] = {
        {.method = "PUT",
         .body = "\"tpm\":{\"endorsementKey\":\"RUs=\",\"storageRootKey\":\"U1JL\"}",
         .header = "\r\nAuthorization: Test scope/registrations/device-1 1003600\r\n",
         .status = 202,
         .answer = "{\"operationId\":\"o\",\"status\":\"assigning\"}"},
        {.method = "GET",
         .header = "\r\nAuthorization: Test scope/registrations/device-1 1003600\r\n",
         .status = 200,
         .answer = ASSIGNED},
        {.method = "POST", .header = "/devices/d 1003602\r\n", .status = 204},
    };
    struct dps_server *server = dps_fixture_server(rows, COUNT(rows));
    dps_client *client = make_client(server, NONE);
    dps_registration *registration;
    dps_hub *hub;

    ck_assert_int_eq(dps_client_register(client, &registration), DPS_OK);
    ck_assert_str_eq(method.taken, "QUJD");
    ck_assert_int_eq(dps_hub_open(client, dps_server_authority(server), "d", &hub), DPS_OK);
    ck_assert_int_eq(dps_hub_send(hub, &(struct dps_message){.body = "x", .size = 1}), DPS_OK);
    dps_hub_close(hub);
    dps_registration_free(registration);
    ck_assert_uint_eq(method.open, 1);
    dps_client_free(client);
    ck_assert_uint_eq(method.open, 0);
    dps_server_finish(server);
}
END_TEST

/* Whatever fails is told, ends the registration, and leaves nothing open. */
START_TEST(its_failures_end_a_registration)
{
    static const struct dps_server_row rows[] = {{.status = 200, .answer = ASSIGNED}};
    struct dps_server *server = dps_fixture_server(rows, 1);
    dps_client *client = make_client(server, (enum call)_i);
    dps_registration *registration;
    char expected[32];

    snprintf(expected, sizeof expected, "call %d", _i);
    ck_assert_int_eq(dps_client_register(client, &registration), DPS_KEY);
    ck_assert_str_eq(dps_client_error(client), expected);
    ck_assert_ptr_null(registration);
    dps_client_free(client);
    ck_assert_uint_eq(method.open, 0);
    dps_server_stop(server);
    ck_assert_uint_eq(dps_server_count(server), _i == TAKE_KEY ? 1 : 0);
    dps_server_free(server);
}
END_TEST

/* A signature may take a TPM a second: one serves until it is nearly over, or the clock was set back. */
START_TEST(an_authorization_serves_until_it_is_nearly_over)
{
    static const struct dps_server_row rows[] = {
        {.header = "/devices/d 1003600\r\n", .status = 204, .times = 2},
        {.header = "/devices/d 1006600\r\n", .status = 204},
        {.header = "/devices/d 1003500\r\n", .status = 204},
    };
    static const int64_t dates[] = {1000000, 1002999, 1003000, 999900};
    static const struct dps_message message = {.body = "x", .size = 1};
    struct dps_server *server = dps_fixture_server(rows, COUNT(rows));
    dps_client *client = make_client(server, NONE);
    dps_hub *hub;

    ck_assert_int_eq(dps_hub_open(client, dps_server_authority(server), "d", &hub), DPS_OK);
    for (size_t i = 0; i < COUNT(dates); i++) {
        hands.date = dates[i];
        ck_assert_int_eq(dps_hub_send(hub, &message), DPS_OK);
    }
    ck_assert_uint_eq(method.authorized, 3);
    dps_hub_close(hub);
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

START_TEST(a_method_may_have_nothing_to_do)
{
    static const struct dps_attest idle = {.name = "idle"};
    static const struct dps_server_row rows[] = {{.status = 200, .answer = ASSIGNED}};
    struct dps_server *server = dps_fixture_server(rows, 1);
    dps_client *client = make_client(server, NONE);
    dps_registration *registration;

    client->attest = &idle;
    ck_assert_int_eq(dps_client_register(client, &registration), DPS_OK);
    dps_registration_free(registration);
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("attest");
    TCase *t = tcase_create("attest");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, dps_fixture_make, NULL);
    tcase_add_test(t, its_words_go_into_each_request);
    tcase_add_loop_test(t, its_failures_end_a_registration, OPEN, TAKE_KEY + 1);
    tcase_add_test(t, an_authorization_serves_until_it_is_nearly_over);
    tcase_add_test(t, a_method_may_have_nothing_to_do);
    suite_add_tcase(s, t);
    return s;
}
