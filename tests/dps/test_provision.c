/* SPDX-License-Identifier: Apache-2.0 */
/* What a device does when it starts again, and when its hub no longer knows it. */
#include "tests/support/dps_fixture.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define ASSIGNED(hub, device)                                                                                \
    "{\"operationId\":\"o\",\"status\":\"assigned\",\"registrationState\":{\"assignedHub\":\"" hub           \
    "\",\"deviceId\":\"" device "\",\"etag\":\"e-1\",\"substatus\":\"initialAssignment\"}}"
#define REGISTER "/scope/registrations/device-1/register?"

static const struct dps_server_row one[] = {
    {.method = "PUT", .path = REGISTER, .status = 200, .answer = ASSIGNED("hub-a", "dev-a")}};
static const struct dps_server_row two[] = {
    {.method = "PUT", .path = REGISTER, .status = 200, .answer = ASSIGNED("hub-b", "dev-b")}};

static struct dps_fixture_clock hands;
static struct dps_fixture_log heard;

/* A client of the server with a state file that is not there yet, unless another one made it. */
static dps_client *make_client(const struct dps_server *server, dps_reprovision mode)
{
    dps_client *client = dps_fixture_client(server, &hands);

    ck_assert_int_eq(dps_client_set_state(client, support_path("state/device.json")), DPS_OK);
    ck_assert_int_eq(dps_client_set_reprovision(client, mode), DPS_OK);
    memset(&heard, 0, sizeof heard);
    dps_client_set_log(client, dps_fixture_log, &heard);
    return client;
}

static void setup(void)
{
    unlink(support_path("state/device.json"));
}

/* Provisions and answers the hub and whether it was kept: "hub-a", "hub-a (kept)". */
static const char *provision(dps_client *client)
{
    static char text[256];
    dps_registration *registration;

    ck_assert_msg(dps_client_provision(client, &registration) == DPS_OK, "%s", dps_client_error(client));
    snprintf(text, sizeof text, "%s%s", dps_registration_hub(registration),
             dps_registration_from_backup(registration) == 1 ? " (kept)" : "");
    dps_registration_free(registration);
    return text;
}

/* A device that was registered by a run before, at a service that is gone; clients must not ask it. */
static dps_client *provisioned(dps_reprovision mode, struct dps_server **server)
{
    dps_client *client;

    *server = dps_fixture_server(one, 1);
    client = make_client(*server, mode);
    ck_assert_str_eq(provision(client), "hub-a");
    dps_server_stop(*server);
    return client;
}

START_TEST(the_first_start_registers_whatever_the_mode)
{
    struct dps_server *server;
    dps_client *client = provisioned((dps_reprovision)_i, &server);
    char *text = support_read(support_path("state/device.json"), NULL);

    ck_assert_ptr_nonnull(strstr(text, "\"version\": 1"));
    ck_assert_ptr_nonnull(strstr(text, "\"hub\": \"hub-a\""));
    ck_assert_ptr_nonnull(strstr(text, "\"etag\": \"e-1\""));
    ck_assert_ptr_nonnull(strstr(text, "\"attestation\": \"x509\""));
    ck_assert_ptr_nonnull(strstr(text, "\"saved\": \"20"));
    ck_assert_ptr_nonnull(strstr(text, "device.key\""));
    free(text);
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

START_TEST(a_later_start_needs_no_service)
{
    static const dps_reprovision calm[] = {DPS_REPROVISION_DYNAMIC, DPS_REPROVISION_ON_ERROR_ONLY};

    for (size_t i = 0; i < COUNT(calm); i++) {
        struct dps_server *server;
        dps_client *client;

        setup();
        client = provisioned(calm[i], &server);
        ck_assert_str_eq(provision(client), "hub-a (kept)");
        ck_assert_uint_eq(hands.sleeps, 0);
        dps_client_free(client);
        dps_server_finish(server);
    }
}
END_TEST

START_TEST(always_on_startup_asks_the_service_first)
{
    struct dps_server_row rows[] = {one[0], two[0]};
    struct dps_server *server = dps_fixture_server(rows, 2);
    dps_client *client = make_client(server, DPS_REPROVISION_ALWAYS_ON_STARTUP);
    char *text;

    ck_assert_str_eq(provision(client), "hub-a");
    ck_assert_str_eq(provision(client), "hub-b");
    text = support_read(support_path("state/device.json"), NULL);
    ck_assert_ptr_nonnull(strstr(text, "\"hub\": \"hub-b\""));
    free(text);
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

/* What a service that is away or out of order does, and what one does that says no. */
static const struct {
    struct dps_server_row row;
    dps_status status; /* DPS_OK: what was kept serves */
} troubles[] = {
    {{.conduct = SERVER_CLOSES, .times = 1000}, DPS_OK},
    {{.status = 503, .times = 1000}, DPS_OK},
    {{.status = 429, .times = 1000}, DPS_OK},
    {{.status = 200, .answer = "<html>"}, DPS_OK},
    {{.status = 302}, DPS_OK},
    {{.status = 401, .answer = "{\"errorCode\":401002}"}, DPS_REJECTED},
    {{.status = 200, .answer = "{\"status\":\"disabled\"}"}, DPS_REJECTED},
};

START_TEST(what_was_kept_serves_while_the_service_is_away)
{
    const struct dps_server_row rows[] = {one[0], troubles[_i].row};
    struct dps_server *server = dps_fixture_server(rows, 2);
    dps_client *client = make_client(server, DPS_REPROVISION_ALWAYS_ON_STARTUP);
    dps_registration *registration;

    ck_assert_str_eq(provision(client), "hub-a");
    ck_assert_int_eq(dps_client_set_timeout(client, 20), DPS_OK);
    ck_assert_int_eq(dps_client_provision(client, &registration), troubles[_i].status);
    if (troubles[_i].status == DPS_OK) {
        ck_assert_str_eq(dps_registration_hub(registration), "hub-a");
        ck_assert_int_eq(dps_registration_from_backup(registration), 1);
        ck_assert_ptr_nonnull(strstr(heard.text, "serves\n"));
        dps_registration_free(registration);
    } else {
        ck_assert_ptr_null(registration);
    }
    ck_assert_int_eq(access(support_path("state/device.json"), F_OK), 0);
    dps_client_free(client);
    dps_server_free(server);
}
END_TEST

START_TEST(what_another_device_kept_does_not_count)
{
    struct dps_server_row rows[] = {one[0], two[0]};
    struct dps_server *server = dps_fixture_server(rows, 2);
    dps_client *client = make_client(server, DPS_REPROVISION_DYNAMIC);

    ck_assert_str_eq(provision(client), "hub-a");
    switch (_i) {
    case 0: /* another certificate of the same device */
        ck_assert_int_eq(dps_client_use_x509(client, support_path("leaf.pem"), support_path("device.key")),
                         DPS_OK);
        break;
    case 1:
        support_write(support_path("state/device.json"), "{\"version\":1,\"hub\":\"evil\"");
        break;
    case 2:
        ck_assert_int_eq(support_shell(NULL, "sed -i s/scope/scape/ %s", support_path("state/device.json")),
                         0);
        break;
    default:
        ck_assert_int_eq(
            support_shell(NULL, "sed -i 's/\"registration_id\": \"device-1\"/\"registration_id\": \"x\"/' %s",
                          support_path("state/device.json")),
            0);
        break;
    }
    ck_assert_str_eq(provision(client), "hub-b");
    ck_assert_str_eq(provision(client), "hub-b (kept)");
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

START_TEST(an_assignment_that_cannot_be_kept_is_told)
{
    struct dps_server *server = dps_fixture_server(one, 1);
    dps_client *client = make_client(server, DPS_REPROVISION_DYNAMIC);
    dps_registration *registration;

    ck_assert_int_eq(dps_client_set_state(client, "/proc/nowhere/state"), DPS_OK);
    ck_assert_int_eq(dps_client_provision(client, &registration), DPS_INVALID);
    ck_assert_ptr_null(registration);
    ck_assert_ptr_nonnull(strstr(dps_client_error(client), "/proc/nowhere/state cannot be written"));
    ck_assert_int_eq(dps_client_set_state(client, NULL), DPS_OK);
    ck_assert_int_eq(dps_client_provision(client, &registration), DPS_INVALID);
    ck_assert_ptr_nonnull(strstr(dps_client_error(client), "there is no state file"));
    ck_assert_int_eq(dps_client_set_state(client, ""), DPS_INVALID);
    ck_assert_int_eq(dps_client_set_reprovision(client, (dps_reprovision)3), DPS_INVALID);
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

/* ---- hubs that no longer know the device ---- */

static const char *const displaced[] = {
    "{\"Message\":\"ErrorCode:DeviceNotFound;device-1\"}",
    "{\"Message\":\"ErrorCode:IotHubUnauthorizedAccess;Unauthorized\"}",
};

/* The rows of a hub that refuses, a service that assigns `hub`, and a hub that then answers `status`. */
static void send_displaced(unsigned refusal, unsigned status, dps_reprovision mode, dps_status expected,
                           size_t requests)
{
    static char assigned[512];
    struct dps_server_row rows[] = {
        {.method = "POST",
         .path = "/devices/old/",
         .status = refusal,
         .answer = refusal == 404 ? displaced[0] : displaced[1]},
        {.method = "PUT", .path = REGISTER, .status = 200, .answer = assigned},
        {.method = "POST", .path = "/devices/new/", .status = status, .answer = displaced[1]},
    };
    struct dps_server *server = dps_fixture_server(rows, COUNT(rows));
    dps_client *client = make_client(server, mode);
    dps_hub *hub;

    snprintf(assigned, sizeof assigned, ASSIGNED("%s", "new"), dps_server_authority(server));
    ck_assert_int_eq(dps_hub_open(client, dps_server_authority(server), "old", &hub), DPS_OK);
    ck_assert_int_eq(dps_hub_send(hub, &(struct dps_message){.body = "x", .size = 1}), expected);
    ck_assert_str_eq(dps_hub_device_id(hub), requests > 1 ? "new" : "old");
    ck_assert_str_eq(dps_hub_host(hub), dps_server_authority(server));
    if (expected != DPS_OK) { /* not again and again */
        ck_assert_int_eq(dps_client_http_status(client), requests > 1 ? 401 : refusal);
    }
    dps_hub_close(hub);
    dps_client_free(client);
    dps_server_stop(server);
    ck_assert_uint_eq(dps_server_count(server), requests);
    dps_server_free(server);
}

START_TEST(a_displaced_device_follows_to_its_new_hub)
{
    send_displaced(_i == 0 ? 404 : 401, 204, DPS_REPROVISION_DYNAMIC, DPS_OK, 3);
    ck_assert_ptr_nonnull(strstr(heard.text, "; registering again\n"));
    ck_assert_int_eq(access(support_path("state/device.json"), F_OK), 0);
}
END_TEST

START_TEST(it_does_so_once)
{
    send_displaced(404, 401, DPS_REPROVISION_DYNAMIC, DPS_REJECTED, 3);
}
END_TEST

START_TEST(other_modes_leave_that_to_the_application)
{
    send_displaced(404, 204, (dps_reprovision)_i, DPS_REJECTED, 1);
}
END_TEST

START_TEST(other_refusals_are_no_reason_to_move)
{
    send_displaced(403, 204, DPS_REPROVISION_DYNAMIC, DPS_REJECTED, 1);
}
END_TEST

/* A hub that goes on refusing does not make the device register with each message. */
START_TEST(a_hub_that_goes_on_refusing_costs_one_registration)
{
    static char assigned[512];
    const struct dps_server_row rows[] = {
        {.method = "POST", .status = 401, .answer = displaced[1]},
        {.method = "PUT", .path = REGISTER, .status = 200, .answer = assigned},
        {.method = "POST", .status = 401, .answer = displaced[1], .times = 6},
    };
    struct dps_server *server = dps_fixture_server(rows, COUNT(rows));
    dps_client *client = make_client(server, DPS_REPROVISION_DYNAMIC);
    dps_hub *hub;

    snprintf(assigned, sizeof assigned, ASSIGNED("%s", "dev"), dps_server_authority(server));
    ck_assert_int_eq(dps_hub_open(client, dps_server_authority(server), "dev", &hub), DPS_OK);
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(dps_hub_send(hub, &(struct dps_message){.body = "x", .size = 1}), DPS_REJECTED);
    dps_hub_close(hub);
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

/* ---- a client from a file ---- */

START_TEST(a_client_comes_back_from_its_file)
{
    struct dps_server *server;
    dps_client *client = provisioned(DPS_REPROVISION_ON_ERROR_ONLY, &server);
    dps_client *later;
    dps_registration *registration;

    ck_assert_msg(dps_client_load(support_path("state/device.json"), &later, &registration) == DPS_OK, "%s",
                  dps_client_error(later));
    ck_assert_str_eq(dps_registration_hub(registration), "hub-a");
    ck_assert_str_eq(dps_registration_device_id(registration), "dev-a");
    ck_assert_int_eq(dps_registration_from_backup(registration), 1);
    ck_assert_str_eq(later->id_scope, "scope");
    ck_assert_str_eq(later->registration_id, "device-1");
    ck_assert_str_eq(later->origin, client->origin);
    ck_assert_str_eq(later->certificate, client->certificate);
    ck_assert_str_eq(later->key, client->key);
    ck_assert_str_eq(later->trust, client->trust);
    ck_assert_ptr_eq(later->attest, client->attest);
    ck_assert_int_eq(later->reprovision, DPS_REPROVISION_ON_ERROR_ONLY);
    ck_assert_str_eq(provision(later), "hub-a (kept)");
    dps_registration_free(registration);
    dps_client_free(later);
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

static const struct {
    const char *what;
    dps_status (*use)(dps_client *client, const char *key);
} uses[] = {
    {"symmetric", dps_client_use_symmetric},
    {"group", dps_client_use_group},
    {"tpm", dps_client_use_tpm},
};

START_TEST(each_way_to_prove_a_device_comes_back)
{
    static const char uri[] = "pkcs11:token=t;object=o?pin-value=1234";
    static const char kept[] = "pkcs11:token=t;object=o";
    dps_registration registration = {
        .field = {
            [DPS_FIELD_HUB] = (char *)(uintptr_t) "h", [DPS_FIELD_DEVICE_ID] = (char *)(uintptr_t) "d"}};
    dps_client *client = dps_client_new("s", "r");
    dps_client *later;
    dps_registration *loaded;
    char *text;

    ck_assert_int_eq(uses[_i].use(client, uri), DPS_OK);
    ck_assert_int_eq(dps_client_set_tpm_id(client, DPS_TPM_ID_HEX), DPS_OK);
    ck_assert_int_eq(dps_client_set_module(client, "/m.so"), DPS_OK);
    ck_assert_int_eq(dps_client_save(client, &registration, support_path("use.json")), DPS_OK);
    text = support_read(support_path("use.json"), NULL);
    ck_assert_ptr_null(strstr(text, "1234"));
    ck_assert_ptr_nonnull(strstr(text, uses[_i].what));
    free(text);
    ck_assert_int_eq(dps_client_load(support_path("use.json"), &later, &loaded), DPS_OK);
    ck_assert_ptr_eq(later->attest, client->attest);
    ck_assert_int_eq(later->group, client->group);
    ck_assert_str_eq(later->key != NULL ? later->key : later->token, kept);
    ck_assert_str_eq(later->module, "/m.so");
    ck_assert_int_eq(later->tpm_id, _i == 2 ? DPS_TPM_ID_HEX : DPS_TPM_ID_BASE32);
    dps_registration_free(loaded);
    dps_client_free(later);
    dps_client_free(client);
}
END_TEST

START_TEST(a_key_by_value_is_not_kept)
{
    static const char key[] = "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=";
    dps_registration registration = {
        .field = {
            [DPS_FIELD_HUB] = (char *)(uintptr_t) "h", [DPS_FIELD_DEVICE_ID] = (char *)(uintptr_t) "d"}};
    dps_client *client = dps_client_new("s", "r");
    dps_client *later;
    dps_registration *loaded;
    char *text;

    ck_assert_int_eq(dps_client_use_symmetric_value(client, key), DPS_OK);
    ck_assert_int_eq(dps_client_save(client, &registration, support_path("value.json")), DPS_OK);
    text = support_read(support_path("value.json"), NULL);
    ck_assert_ptr_null(strstr(text, "Jsm0"));
    free(text);
    ck_assert_int_eq(dps_client_load(support_path("value.json"), &later, &loaded), DPS_OK);
    ck_assert_ptr_null(later->attest);
    dps_registration_free(loaded);
    dps_client_free(later);
    dps_client_free(client);
}
END_TEST

/* A key that moved into a token is found there by a client from the file, and what was kept counts for it. */
START_TEST(a_key_store_comes_back)
{
    static const char store[] = "pkcs11:token=t;object=o";
    dps_registration registration = {.field = {[DPS_FIELD_HUB] = (char *)(uintptr_t) "h",
                                               [DPS_FIELD_REGISTRATION_ID] = (char *)(uintptr_t) "r",
                                               [DPS_FIELD_DEVICE_ID] = (char *)(uintptr_t) "d"}};
    dps_client *client = dps_client_new("s", "r");
    dps_client *later;
    dps_registration *loaded;

    ck_assert_int_eq(dps_client_use_symmetric_value(client, "AAAA"), DPS_OK);
    ck_assert_int_eq(dps_client_set_key_store(client, store), DPS_OK);
    ck_assert_int_eq(dps_client_save(client, &registration, support_path("store.json")), DPS_OK);
    ck_assert_int_eq(dps_client_load(support_path("store.json"), &later, &loaded), DPS_OK);
    dps_registration_free(loaded);
    ck_assert_str_eq(later->key_store, store);
    ck_assert_str_eq(provision(later), "h (kept)");
    ck_assert_int_eq(dps_client_set_state(client, support_path("store.json")), DPS_OK);
    ck_assert_str_eq(provision(client), "h (kept)");
    dps_client_free(later);
    dps_client_free(client);
}
END_TEST

START_TEST(a_device_that_was_given_its_hub_comes_back)
{
    static const struct {
        const char *hub;
        const char *device;
        const char *error;
    } bad[] = {{NULL, "d", "no host name"},
               {"h/..", "d", "\"h/..\" is no host name"},
               {"h", NULL, "no device id"},
               {"h", "", "no device id"}};
    dps_client *client = dps_client_new(NULL, NULL);
    dps_registration *registration;

    ck_assert_int_eq(dps_client_adopt(client, "hub:8443", "d", &registration), DPS_INVALID);
    ck_assert_ptr_nonnull(strstr(dps_client_error(client), "no credentials"));
    ck_assert_int_eq(dps_client_use_x509(client, support_path("device.pem"), support_path("device.key")),
                     DPS_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_int_eq(dps_client_adopt(client, bad[i].hub, bad[i].device, &registration), DPS_INVALID);
        ck_assert_ptr_null(registration);
        ck_assert_msg(strstr(dps_client_error(client), bad[i].error) != NULL, "%s", dps_client_error(client));
    }
    ck_assert_int_eq(dps_client_adopt(client, "hub:8443", "d", &registration), DPS_OK);
    ck_assert_int_eq(dps_client_save(client, registration, support_path("adopted.json")), DPS_OK);
    dps_registration_free(registration);
    dps_client_free(client);
    ck_assert_int_eq(dps_client_load(support_path("adopted.json"), &client, &registration), DPS_OK);
    ck_assert_str_eq(dps_registration_hub(registration), "hub:8443");
    ck_assert_str_eq(dps_registration_device_id(registration), "d");
    ck_assert_str_eq(dps_registration_status(registration), "assigned");
    ck_assert_ptr_nonnull(strstr(client->certificate, "device.pem"));
    dps_registration_free(registration);
    dps_client_free(client);
}
END_TEST

START_TEST(a_file_that_is_missing_makes_a_client_that_says_so)
{
    dps_registration *registration;
    dps_client *client;

    ck_assert_int_eq(dps_client_load("/nowhere/state.json", &client, &registration), DPS_INVALID);
    ck_assert_ptr_null(registration);
    ck_assert_ptr_nonnull(strstr(dps_client_error(client), "/nowhere/state.json is not there"));
    dps_client_free(client);
}
END_TEST

/* ---- looking up, and certificates ---- */

static const struct {
    const char *answer;
    unsigned http;
    dps_status status;
    const char *expected; /* the registration's status, or what the error says */
} lookups[] = {
    {"{\"registrationId\":\"device-1\",\"status\":\"assigned\",\"assignedHub\":\"h\",\"deviceId\":\"d\"}",
     200, DPS_OK, "assigned"},
    {"{\"registrationId\":\"device-1\",\"status\":\"unassigned\"}", 200, DPS_OK, "unassigned"},
    {"{\"status\":\"assigning\"}", 200, DPS_OK, "assigning"},
    {"{\"status\":\"assigned\",\"deviceId\":\"d\"}", 200, DPS_PROTOCOL, "assignedHub"},
    {"{\"status\":\"failed\",\"errorCode\":400207,\"errorMessage\":\"oops\"}", 200, DPS_REJECTED,
     "error 400207, oops"},
    {"{\"status\":\"disabled\"}", 200, DPS_REJECTED, "its enrollment is disabled"},
    {"{\"errorCode\":404202,\"message\":\"gone\",\"trackingId\":\"t\"}", 404, DPS_REJECTED,
     "no longer knows this registration"},
    {"[]", 200, DPS_PROTOCOL, "not a JSON object"},
};

START_TEST(a_record_is_looked_up)
{
    const struct dps_server_row rows[] = {{.method = "POST",
                                           .path = "/scope/registrations/device-1?api-version=2021-06-01 ",
                                           .body = "{\"registrationId\":\"device-1\"}",
                                           .status = lookups[_i].http,
                                           .answer = lookups[_i].answer}};
    struct dps_server *server = dps_fixture_server(rows, 1);
    dps_client *client = dps_fixture_client(server, &hands);
    dps_registration *registration;

    ck_assert_int_eq(dps_client_set_payload(client, "{}"), DPS_OK);
    ck_assert_int_eq(dps_client_lookup(client, &registration), lookups[_i].status);
    if (registration != NULL)
        ck_assert_str_eq(dps_registration_status(registration), lookups[_i].expected);
    else
        ck_assert_msg(strstr(dps_client_error(client), lookups[_i].expected) != NULL, "%s",
                      dps_client_error(client));
    ck_assert_int_eq(registration != NULL, lookups[_i].status == DPS_OK);
    dps_registration_free(registration);
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

START_TEST(a_certificate_is_asked_for_and_given)
{
    static const struct dps_server_row rows[] = {
        {.method = "PUT",
         .path = REGISTER "api-version=2025-07-01-preview ",
         .body = "\"csr\":\"MAIFAA==\"",
         .status = 200,
         .answer = "{\"status\":\"assigned\",\"registrationState\":{\"assignedHub\":\"h\",\"deviceId\":\"d\","
                   "\"issuedCertificateChain\":[\"MAIFAA==\",\"MAIFAA==\"]}}"},
        {.method = "PUT",
         .path = REGISTER "api-version=2026-11-01 ",
         .status = 200,
         .answer = "{\"status\":\"assigned\",\"registrationState\":{\"assignedHub\":\"h\",\"deviceId\":\"d\","
                   "\"issuedCertificateChain\":[7]}}"},
    };
    struct dps_server *server = dps_fixture_server(rows, 2);
    dps_client *client = dps_fixture_client(server, &hands);
    dps_registration *registration;

    ck_assert_int_eq(dps_client_set_csr(client, "garbage", 7), DPS_INVALID);
    ck_assert_int_eq(dps_client_set_csr(client, "\x30\x02\x05\x00", 4), DPS_OK);
    ck_assert_msg(dps_client_register(client, &registration) == DPS_OK, "%s", dps_client_error(client));
    ck_assert_str_eq(dps_registration_certificates(registration),
                     "-----BEGIN CERTIFICATE-----\nMAIFAA==\n-----END CERTIFICATE-----\n"
                     "-----BEGIN CERTIFICATE-----\nMAIFAA==\n-----END CERTIFICATE-----\n");
    dps_registration_free(registration);
    ck_assert_int_eq(dps_client_set_api_version(client, "2026-11-01"), DPS_OK);
    ck_assert_int_eq(dps_client_register(client, &registration), DPS_PROTOCOL);
    ck_assert_ptr_nonnull(strstr(dps_client_error(client), "issuedCertificateChain"));
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("provision");
    TCase *t = tcase_create("provision");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, dps_fixture_make, NULL);
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_loop_test(t, the_first_start_registers_whatever_the_mode, 0, 3);
    tcase_add_test(t, a_later_start_needs_no_service);
    tcase_add_test(t, always_on_startup_asks_the_service_first);
    tcase_add_loop_test(t, what_was_kept_serves_while_the_service_is_away, 0, COUNT(troubles));
    tcase_add_loop_test(t, what_another_device_kept_does_not_count, 0, 4);
    tcase_add_test(t, an_assignment_that_cannot_be_kept_is_told);
    tcase_add_loop_test(t, a_displaced_device_follows_to_its_new_hub, 0, 2);
    tcase_add_test(t, it_does_so_once);
    tcase_add_loop_test(t, other_modes_leave_that_to_the_application, 1, 3);
    tcase_add_test(t, other_refusals_are_no_reason_to_move);
    tcase_add_test(t, a_hub_that_goes_on_refusing_costs_one_registration);
    tcase_add_test(t, a_client_comes_back_from_its_file);
    tcase_add_loop_test(t, each_way_to_prove_a_device_comes_back, 0, COUNT(uses));
    tcase_add_test(t, a_key_by_value_is_not_kept);
    tcase_add_test(t, a_key_store_comes_back);
    tcase_add_test(t, a_device_that_was_given_its_hub_comes_back);
    tcase_add_test(t, a_file_that_is_missing_makes_a_client_that_says_so);
    tcase_add_loop_test(t, a_record_is_looked_up, 0, COUNT(lookups));
    tcase_add_test(t, a_certificate_is_asked_for_and_given);
    suite_add_tcase(s, t);
    return s;
}
