/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/store.h"
#include "emulator/text.h"
#include "tests/emulator/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REGISTER "/" FIXTURE_SCOPE "/registrations/dev/register"
#define STATUS "/" FIXTURE_SCOPE "/registrations/dev"
#define BODY "{\"registrationId\":\"dev\"}"

static const struct identity *leaf;

static void setup(void)
{
    fixture_setup();
    leaf = identity_leaf("dev", NULL);
    ck_assert_uint_eq(enroll("dev", leaf, NULL, NULL), 200);
}

static unsigned start(void)
{
    return perform(
        &(struct call){.method = "PUT", .target = REGISTER DEVICE_VERSION, .body = BODY, .peer = {leaf}});
}

static unsigned poll(const char *operation, const struct identity *who)
{
    char target[300];

    snprintf(target, sizeof target, "/" FIXTURE_SCOPE "/registrations/dev/operations/%s" DEVICE_VERSION,
             operation);
    return perform(&(struct call){.method = "GET", .target = target, .peer = {who}});
}

static const char *state_text(const char *name)
{
    const char *text = emu_json_text(json_object_get(reply_body(), "registrationState"), name);

    return text != NULL ? text : "(none)";
}

START_TEST(register_begins_an_operation)
{
    const char *operation;
    char location[400];

    ck_assert_uint_eq(start(), 202);
    operation = emu_json_text(reply_body(), "operationId");
    ck_assert_uint_eq(strlen(operation), 2 + 16 + 1 + 36);
    ck_assert_uint_eq(strspn(operation, "4.0123456789abcdef-"), strlen(operation));
    ck_assert_str_eq(emu_json_text(reply_body(), "status"), "assigning");
    ck_assert_ptr_null(json_object_get(reply_body(), "registrationState"));
    ck_assert_str_eq(reply_header("Retry-After"), "3");
    snprintf(location, sizeof location,
             "https://localhost:4433/" FIXTURE_SCOPE "/registrations/dev/operations/%s" DEVICE_VERSION,
             operation);
    ck_assert_str_eq(reply_header("Location"), location);
}
END_TEST

START_TEST(operation_answers_assigning_then_assigned)
{
    char operation[80];

    fixture_emulator.polls = 2;
    ck_assert_uint_eq(start(), 202);
    snprintf(operation, sizeof operation, "%s", emu_json_text(reply_body(), "operationId"));
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(poll(operation, leaf), 202);
        ck_assert_str_eq(emu_json_text(reply_body(), "status"), "assigning");
        ck_assert_str_eq(state_text("registrationId"), "dev");
        ck_assert_str_eq(reply_header("Retry-After"), "3");
    }
    ck_assert_uint_eq(poll(operation, leaf), 200);
    ck_assert_ptr_null(reply_header("Retry-After"));
    ck_assert_str_eq(emu_json_text(reply_body(), "operationId"), operation);
    ck_assert_str_eq(emu_json_text(reply_body(), "status"), "assigned");
    ck_assert_str_eq(state_text("assignedHub"), "localhost:4433");
    ck_assert_str_eq(state_text("deviceId"), "dev");
    ck_assert_str_eq(state_text("status"), "assigned");
    ck_assert_str_eq(state_text("substatus"), "initialAssignment");
    ck_assert_uint_eq(strlen(state_text("createdDateTimeUtc")), strlen("2020-01-02T03:04:05.1234567Z"));
    ck_assert_ptr_nonnull(json_object_get(
        json_object_get(json_object_get(reply_body(), "registrationState"), "x509"), "certificateInfo"));
    ck_assert_uint_eq(poll(operation, leaf), 200); /* and again, for a lost reply */
}
END_TEST

START_TEST(polls_are_counted_over_a_restart)
{
    char operation[80];

    ck_assert_uint_eq(start(), 202);
    snprintf(operation, sizeof operation, "%s", emu_json_text(reply_body(), "operationId"));
    ck_assert_uint_eq(poll(operation, leaf), 202);
    fixture_reopen();
    ck_assert_uint_eq(poll(operation, leaf), 200);
}
END_TEST

START_TEST(operation_belongs_to_device_and_latest_register)
{
    char first[80];

    ck_assert_uint_eq(start(), 202);
    snprintf(first, sizeof first, "%s", emu_json_text(reply_body(), "operationId"));
    ck_assert_uint_eq(poll(first, identity_leaf("dev", NULL)), 401);
    ck_assert_uint_eq(poll("4.0.0", leaf), 404);
    ck_assert_int_eq(reply_error(), 404202);
    ck_assert_uint_eq(start(), 202);
    ck_assert_uint_eq(poll(first, leaf), 404);
}
END_TEST

START_TEST(deleted_registration_ends_its_operation)
{
    char operation[80];

    ck_assert_uint_eq(start(), 202);
    snprintf(operation, sizeof operation, "%s", emu_json_text(reply_body(), "operationId"));
    ck_assert_uint_eq(perform(&(struct call){.method = "DELETE",
                                             .target = "/registrations/dev" SERVICE_VERSION,
                                             .authorization = service_token()}),
                      204);
    ck_assert_uint_eq(poll(operation, leaf), 404);
    ck_assert_int_eq(reply_error(), 404202);
}
END_TEST

START_TEST(status_lookup_is_the_bare_state)
{
    const struct call lookup = {
        .method = "POST", .target = STATUS DEVICE_VERSION, .body = BODY, .peer = {leaf}};

    ck_assert_uint_eq(perform(&lookup), 404);
    ck_assert_int_eq(reply_error(), 404202);
    ck_assert_uint_eq(register_device("dev", leaf, NULL), 200);
    ck_assert_uint_eq(perform(&lookup), 200);
    ck_assert_str_eq(emu_json_text(reply_body(), "assignedHub"), "localhost:4433");
    ck_assert_ptr_null(json_object_get(reply_body(), "operationId"));
}
END_TEST

static const char *const two_hubs[] = {"one.example", "two.example"};

#define TWIN(x)                                                                                              \
    "\"initialTwin\":{\"tags\":{\"site\":\"" x "\"},\"properties\":{\"desired\":{\"level\":7}}},"            \
    "\"capabilities\":{\"iotEdge\":true}"

/* A device that is registered with the first hub; members of its enrollment beyond the attestation. */
static void register_at_first(const char *members)
{
    fixture_emulator.hubs = two_hubs;
    fixture_emulator.hub_count = 1;
    ck_assert_uint_eq(enroll("dev", leaf, NULL, members), 200);
    ck_assert_uint_eq(register_device("dev", leaf, NULL), 200);
    ck_assert_str_eq(state_text("assignedHub"), "one.example");
    ck_assert_str_eq(state_text("substatus"), "initialAssignment");
    fixture_emulator.hubs = two_hubs + 1; /* the first is gone */
}

static json_t *stored_device(const char *key)
{
    json_t *device = NULL;

    ck_assert_int_ne(emu_store_get(fixture_emulator.store, EMU_DEVICES, key, &device), EMU_FAILED);
    return device;
}

static const char *stored_site(const json_t *device)
{
    const char *site = emu_json_text(json_object_get(json_object_get(device, "twin"), "tags"), "site");

    return site != NULL ? site : "(none)";
}

START_TEST(without_update_the_hub_stays)
{
    char etag[100];

    register_at_first(",\"deviceId\":\"Machine-7\"");
    snprintf(etag, sizeof etag, "%s", state_text("etag"));
    ck_assert_uint_eq(enroll("dev", leaf, NULL,
                             ",\"deviceId\":\"other\",\"reprovisionPolicy\":{\"updateHubAssignment\":false,"
                             "\"migrateDeviceData\":false}"),
                      200);
    ck_assert_uint_eq(register_device("dev", leaf, NULL), 200);
    ck_assert_str_eq(state_text("assignedHub"), "one.example");
    ck_assert_str_eq(state_text("substatus"), "initialAssignment");
    ck_assert_str_eq(state_text("deviceId"), "Machine-7");
    ck_assert_str_ne(state_text("etag"), etag);
}
END_TEST

START_TEST(the_same_hub_again_is_told)
{
    register_at_first(NULL);
    fixture_emulator.hubs = two_hubs;
    ck_assert_uint_eq(register_device("dev", leaf, NULL), 200);
    ck_assert_str_eq(state_text("assignedHub"), "one.example");
    ck_assert_str_eq(state_text("substatus"), "reprovisionedToInitialAssignment");
}
END_TEST

/* What becomes of the twin that the device had, and of the one that its enrollment has by now. */
static const struct {
    const char *policy;
    const char *substatus;
    const char *site;
} moves[] = {
    {"",                                                     "deviceDataMigrated", "old"},
    {",\"reprovisionPolicy\":{\"migrateDeviceData\":true}",  "deviceDataMigrated", "old"},
    {",\"reprovisionPolicy\":{\"migrateDeviceData\":false}", "deviceDataReset",    "new"},
};

START_TEST(another_hub_gets_the_device)
{
    char members[400];
    json_t *device;

    register_at_first("," TWIN("old"));
    device = stored_device("one.example/dev");
    ck_assert_str_eq(stored_site(device), "old");
    ck_assert(json_is_true(json_object_get(json_object_get(device, "capabilities"), "iotEdge")));
    json_decref(device);
    snprintf(members, sizeof members, "," TWIN("new") "%s", moves[_i].policy);
    ck_assert_uint_eq(enroll("dev", leaf, NULL, members), 200);
    ck_assert_uint_eq(register_device("dev", leaf, NULL), 200);
    ck_assert_str_eq(state_text("assignedHub"), "two.example");
    ck_assert_str_eq(state_text("substatus"), moves[_i].substatus);
    ck_assert_ptr_null(stored_device("one.example/dev"));
    device = stored_device("two.example/dev");
    ck_assert_str_eq(stored_site(device), moves[_i].site);
    ck_assert_str_eq(emu_json_text(device, "hub"), "two.example");
    json_decref(device);
}
END_TEST

START_TEST(old_versions_know_no_reprovisioning)
{
    register_at_first(NULL);
    ck_assert_uint_eq(
        perform(&(struct call){
            .method = "PUT", .target = REGISTER "?api-version=2018-04-01", .body = BODY, .peer = {leaf}}),
        202);
    ck_assert_uint_eq(perform(&(struct call){
                          .method = "POST", .target = STATUS DEVICE_VERSION, .body = BODY, .peer = {leaf}}),
                      200);
    ck_assert_str_eq(emu_json_text(reply_body(), "assignedHub"), "one.example");
}
END_TEST

START_TEST(a_deleted_registration_is_a_first_one_again)
{
    register_at_first(NULL);
    ck_assert_uint_eq(perform(&(struct call){.method = "DELETE",
                                             .target = "/registrations/dev" SERVICE_VERSION,
                                             .authorization = service_token()}),
                      204);
    ck_assert_uint_eq(register_device("dev", leaf, NULL), 200);
    ck_assert_str_eq(state_text("assignedHub"), "two.example");
    ck_assert_str_eq(state_text("substatus"), "initialAssignment");
}
END_TEST

START_TEST(a_disabled_enrollment_is_told_either_way)
{
    ck_assert_uint_eq(enroll("dev", leaf, NULL, ",\"provisioningStatus\":\"disabled\""), 200);
    ck_assert_uint_eq(start(), 401);
    ck_assert_int_eq(reply_error(), 401002);
    fixture_emulator.disabled_is_status = true;
    ck_assert_uint_eq(start(), 200);
    ck_assert_str_eq(emu_json_text(reply_body(), "status"), "disabled");
    ck_assert_str_eq(state_text("status"), "disabled");
    ck_assert_str_eq(state_text("registrationId"), "dev");
}
END_TEST

/* What an enrollment says of hubs, and the hub that comes of it. */
static const struct {
    const char *members;
    const char *hub;
} allocations[] = {
    {"",                                                                             "localhost:4433"},
    {",\"iotHubHostName\":\"fixed.example\"",                                        "fixed.example" },
    {",\"iotHubs\":[\"only.example\"]",                                              "only.example"  },
    {",\"allocationPolicy\":\"static\",\"iotHubs\":[\"b.example:1\",\"a.example\"]", "b.example:1"   },
    {",\"allocationPolicy\":\"geoLatency\",\"iotHubs\":[\"near.example\"]",          "near.example"  },
    {",\"allocationPolicy\":\"hashed\",\"iotHubHostName\":\"\",\"iotHubs\":[]",      "localhost:4433"},
};

START_TEST(allocation_follows_the_enrollment)
{
    ck_assert_uint_eq(enroll("dev", leaf, NULL, allocations[_i].members), 200);
    ck_assert_uint_eq(register_device("dev", leaf, NULL), 200);
    ck_assert_str_eq(state_text("assignedHub"), allocations[_i].hub);
}
END_TEST

START_TEST(no_hub_is_a_failed_operation)
{
    fixture_emulator.hub_count = 0;
    ck_assert_uint_eq(register_device("dev", leaf, NULL), 200);
    ck_assert_str_eq(emu_json_text(reply_body(), "status"), "failed");
    ck_assert_int_eq(
        json_integer_value(json_object_get(json_object_get(reply_body(), "registrationState"), "errorCode")),
        400208);
    ck_assert_str_ne(state_text("errorMessage"), "(none)");
    ck_assert_str_ne(state_text("lastUpdatedDateTimeUtc"), "(none)");
    fixture_emulator.hub_count = 1;
    ck_assert_uint_eq(register_device("dev", leaf, NULL), 200);
    ck_assert_str_eq(state_text("assignedHub"), "localhost:4433");
}
END_TEST

START_TEST(own_hub_moves_with_the_port)
{
    ck_assert_uint_eq(register_device("dev", leaf, NULL), 200);
    fixture_emulator.port = 5555;
    ck_assert_uint_eq(register_device("dev", leaf, NULL), 200);
    ck_assert_str_eq(state_text("assignedHub"), "localhost:5555");
}
END_TEST

START_TEST(group_registration_names_its_group)
{
    const struct identity *root = identity_ca("root", NULL);
    const struct identity *member = identity_leaf("member", root);
    const json_t *x509;

    ck_assert_uint_eq(enroll_group("fleet", root, NULL, NULL), 200);
    ck_assert_uint_eq(register_device("MEMBER", member, NULL), 200);
    x509 = json_object_get(json_object_get(reply_body(), "registrationState"), "x509");
    ck_assert_str_eq(emu_json_text(x509, "enrollmentGroupId"), "fleet");
    ck_assert_ptr_nonnull(json_object_get(x509, "signingCertificateInfo"));
    ck_assert_ptr_null(json_object_get(x509, "certificateInfo"));
}
END_TEST

#define ELSEWHERE "/" FIXTURE_SCOPE "/registrations"

/* Requests that fail before anybody looks at the certificate. */
static const struct {
    const char *target;
    const char *body;
    int error;
    const char *text;
} refusals[] = {
    {REGISTER,                                              BODY,                        400004, "version is missing"},
    {REGISTER "?api-version=2020-01-01",                    BODY,                        400004, "is not known"      },
    {"/0neOTHER/registrations/dev/register" DEVICE_VERSION, BODY,                        404201, "Service not found" },
    {REGISTER DEVICE_VERSION,                               NULL,                        400004, "body is missing"   },
    {REGISTER DEVICE_VERSION,                               "{",                         400004, "not JSON"          },
    {REGISTER DEVICE_VERSION,                               "[]",                        400004, "a JSON object"     },
    {REGISTER DEVICE_VERSION,                               "{\"registrationId\":1}",    400004, "a string"          },
    {REGISTER DEVICE_VERSION,                               "{\"registrationId\":\"\"}", 400004, "is not dev"        },
    {REGISTER DEVICE_VERSION,                               "{\"payload\":7}",           400004, "payload"           },
    {ELSEWHERE "/a%20b/register" DEVICE_VERSION,            BODY,                        400004, "registration id"   },
    {ELSEWHERE "/a./register" DEVICE_VERSION,               BODY,                        400004, "registration id"   },
};

START_TEST(refuses_what_is_malformed)
{
    const char *tracking;

    ck_assert_uint_eq(
        perform(&(struct call){.method = "PUT", .target = refusals[_i].target, .body = refusals[_i].body}),
        (unsigned)refusals[_i].error / 1000);
    ck_assert_int_eq(reply_error(), refusals[_i].error);
    ck_assert_msg(strstr(reply_message(), refusals[_i].text) != NULL, "%s", reply_message());
    tracking = emu_json_text(reply_body(), "trackingId");
    ck_assert_uint_eq(strlen(tracking), 36);
    ck_assert_str_eq(reply_header("x-ms-request-id"), tracking);
    ck_assert_int_eq(atoi(reply_header("x-ms-error-code")), refusals[_i].error);
    ck_assert_ptr_nonnull(json_object_get(reply_body(), "timestampUtc"));
    ck_assert_str_eq(reply_header("Content-Type"), "application/json; charset=utf-8");
}
END_TEST

START_TEST(body_must_say_that_it_is_json)
{
    ck_assert_uint_eq(perform(&(struct call){.method = "PUT",
                                             .target = REGISTER DEVICE_VERSION,
                                             .body = BODY,
                                             .type = "text/plain",
                                             .peer = {leaf}}),
                      415);
    ck_assert_uint_eq(perform(&(struct call){.method = "PUT",
                                             .target = REGISTER DEVICE_VERSION,
                                             .body = BODY,
                                             .type = "Application/JSON; charset=utf-8",
                                             .peer = {leaf}}),
                      202);
}
END_TEST

START_TEST(status_lookup_checks_its_body_too)
{
    ck_assert_uint_eq(
        perform(&(struct call){
            .method = "POST", .target = STATUS DEVICE_VERSION, .body = "{\"csr\":\"AAAA\"}", .peer = {leaf}}),
        400);
}
END_TEST

START_TEST(refused_device_leaves_no_registration)
{
    json_t *record;

    ck_assert_uint_eq(register_device("dev", identity_leaf("dev", NULL), NULL), 401);
    ck_assert_int_eq(reply_error(), 401002);
    ck_assert_int_eq(emu_store_get(fixture_emulator.store, EMU_REGISTRATIONS, "dev", &record), EMU_ABSENT);
}
END_TEST

START_TEST(spelling_of_scope_path_and_id_does_not_count)
{
    ck_assert_uint_eq(
        perform(&(struct call){.method = "PUT",
                               .target = "/0NE00abcdef/Registrations/DEV/Register/" DEVICE_VERSION,
                               .body = "{\"registrationId\":\"Dev\",\"payload\":null}",
                               .peer = {leaf}}),
        202);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("device_api");
    TCase *t = tcase_create("device_api");

    tcase_add_checked_fixture(t, setup, fixture_teardown);
    tcase_add_test(t, register_begins_an_operation);
    tcase_add_test(t, operation_answers_assigning_then_assigned);
    tcase_add_test(t, polls_are_counted_over_a_restart);
    tcase_add_test(t, operation_belongs_to_device_and_latest_register);
    tcase_add_test(t, deleted_registration_ends_its_operation);
    tcase_add_test(t, status_lookup_is_the_bare_state);
    tcase_add_test(t, without_update_the_hub_stays);
    tcase_add_test(t, the_same_hub_again_is_told);
    tcase_add_loop_test(t, another_hub_gets_the_device, 0, (int)(sizeof moves / sizeof moves[0]));
    tcase_add_test(t, old_versions_know_no_reprovisioning);
    tcase_add_test(t, a_deleted_registration_is_a_first_one_again);
    tcase_add_test(t, a_disabled_enrollment_is_told_either_way);
    tcase_add_loop_test(t, allocation_follows_the_enrollment, 0,
                        (int)(sizeof allocations / sizeof allocations[0]));
    tcase_add_test(t, no_hub_is_a_failed_operation);
    tcase_add_test(t, own_hub_moves_with_the_port);
    tcase_add_test(t, group_registration_names_its_group);
    tcase_add_loop_test(t, refuses_what_is_malformed, 0, (int)(sizeof refusals / sizeof refusals[0]));
    tcase_add_test(t, body_must_say_that_it_is_json);
    tcase_add_test(t, status_lookup_checks_its_body_too);
    tcase_add_test(t, refused_device_leaves_no_registration);
    tcase_add_test(t, spelling_of_scope_path_and_id_does_not_count);
    suite_add_tcase(s, t);
    return s;
}
