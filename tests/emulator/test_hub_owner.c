/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/hub_owner.h"
#include "emulator/text.h"
#include "tests/emulator/fixture.h"

#include <stdio.h>
#include <string.h>

#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static const struct identity *leaf;

static void setup(void)
{
    fixture_setup();
    leaf = identity_leaf("dev", NULL);
    ck_assert_uint_eq(
        enroll("dev", leaf, NULL,
               ",\"initialTwin\":{\"tags\":{\"site\":\"north\"},\"properties\":{\"desired\":{\"x\":"
               "1}}},\"capabilities\":{\"iotEdge\":true}"),
        200);
    ck_assert_uint_eq(register_device("dev", leaf, NULL), 200);
}

static unsigned ask(const char *method, const char *target, const char *body)
{
    return perform(
        &(struct call){.method = method, .target = target, .body = body, .authorization = owner_token()});
}

START_TEST(device_and_twin_are_shown)
{
    ck_assert_uint_eq(ask("GET", "/devices/DEV" HUB_VERSION, NULL), 200);
    ck_assert_str_eq(emu_json_text(reply_body(), "deviceId"), "dev");
    ck_assert_str_eq(emu_json_text(reply_body(), "status"), "enabled");
    ck_assert(json_is_true(json_object_get(json_object_get(reply_body(), "capabilities"), "iotEdge")));
    ck_assert_uint_eq(ask("GET", "/twins/dev" HUB_VERSION, NULL), 200);
    ck_assert_str_eq(emu_json_text(json_object_get(reply_body(), "tags"), "site"), "north");
    ck_assert_int_eq(json_integer_value(json_object_get(
                         json_object_get(json_object_get(reply_body(), "properties"), "desired"), "x")),
                     1);
}
END_TEST

START_TEST(a_deleted_device_is_unknown_until_it_registers)
{
    const struct call send = {
        .method = "POST", .target = "/devices/dev/messages/events" HUB_VERSION, .body = "x", .peer = {leaf}};

    ck_assert_uint_eq(perform(&send), 204);
    ck_assert_uint_eq(ask("DELETE", "/devices/dev" HUB_VERSION, NULL), 204);
    ck_assert_uint_eq(perform(&send), 404);
    ck_assert_str_eq(reply_header("iothub-errorcode"), "DeviceNotFound");
    ck_assert_uint_eq(ask("DELETE", "/devices/dev" HUB_VERSION, NULL), 404);
    ck_assert_uint_eq(register_device("dev", leaf, NULL), 200);
    ck_assert_uint_eq(perform(&send), 204);
}
END_TEST

START_TEST(a_disabled_device_is_unauthorized)
{
    const struct call send = {
        .method = "POST", .target = "/devices/dev/messages/events" HUB_VERSION, .body = "x", .peer = {leaf}};

    ck_assert_uint_eq(ask("PUT", "/devices/dev" HUB_VERSION, "{\"status\":\"disabled\"}"), 200);
    ck_assert_str_eq(emu_json_text(reply_body(), "status"), "disabled");
    ck_assert_uint_eq(perform(&send), 401);
    ck_assert(strstr(reply_message(), "is disabled") != NULL);
    ck_assert_uint_eq(register_device("dev", leaf, NULL), 200);
    ck_assert_uint_eq(perform(&send), 401);
    ck_assert_uint_eq(ask("PUT", "/devices/dev" HUB_VERSION, "{\"status\":\"enabled\"}"), 200);
    ck_assert_uint_eq(perform(&send), 204);
}
END_TEST

START_TEST(a_device_is_made_with_symmetric_keys)
{
    const json_t *keys;

    ck_assert_uint_eq(ask("PUT", "/devices/manual" HUB_VERSION,
                          "{\"deviceId\":\"manual\",\"authentication\":{\"type\":\"sas\",\"symmetricKey\":{"
                          "\"primaryKey\":\"" KEY "\"}}}"),
                      200);
    keys = json_object_get(json_object_get(reply_body(), "authentication"), "symmetricKey");
    ck_assert_str_eq(emu_json_text(keys, "primaryKey"), KEY);
    ck_assert_uint_eq(strlen(emu_json_text(keys, "secondaryKey")), 88);
}
END_TEST

static const char *const refusals[] = {
    "{\"deviceId\":\"other\"}",
    "{\"status\":\"broken\"}",
    "{\"authentication\":{\"type\":\"selfSigned\"}}",
    "{\"authentication\":{\"type\":\"sas\",\"symmetricKey\":{\"primaryKey\":\"short\"}}}",
    "[]",
    "{",
};

START_TEST(nonsense_is_refused_in_the_hubs_form)
{
    ck_assert_uint_eq(ask("PUT", "/devices/new" HUB_VERSION, refusals[_i]), 400);
    ck_assert_str_eq(reply_header("iothub-errorcode"), "ArgumentInvalid");
    ck_assert_uint_eq(ask("GET", "/devices/new" HUB_VERSION, NULL), 404);
}
END_TEST

START_TEST(another_token_is_refused)
{
    ck_assert_uint_eq(perform(&(struct call){.method = "GET",
                                             .target = "/devices/dev" HUB_VERSION,
                                             .authorization = service_token()}),
                      401);
    ck_assert_uint_eq(perform(&(struct call){.method = "GET", .target = "/devices/dev" HUB_VERSION}), 401);
    ck_assert_uint_eq(ask("GET", "/devices/dev", NULL), 400);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("hub_owner");
    TCase *t = tcase_create("hub_owner");

    tcase_add_checked_fixture(t, setup, fixture_teardown);
    tcase_add_test(t, device_and_twin_are_shown);
    tcase_add_test(t, a_deleted_device_is_unknown_until_it_registers);
    tcase_add_test(t, a_disabled_device_is_unauthorized);
    tcase_add_test(t, a_device_is_made_with_symmetric_keys);
    tcase_add_loop_test(t, nonsense_is_refused_in_the_hubs_form, 0,
                        (int)(sizeof refusals / sizeof refusals[0]));
    tcase_add_test(t, another_token_is_refused);
    suite_add_tcase(s, t);
    return s;
}
