/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/hub_api.h"
#include "emulator/messages.h"
#include "emulator/store.h"
#include "emulator/text.h"
#include "tests/emulator/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS "/devices/dev/messages/events" HUB_VERSION
#define BATCH "application/vnd.microsoft.iothub.json"

static const struct identity *leaf;
static char *printed;

static void setup(void)
{
    fixture_setup();
    leaf = identity_leaf("dev", NULL);
    ck_assert_uint_eq(enroll("dev", leaf, NULL, NULL), 200);
    ck_assert_uint_eq(register_device("dev", leaf, NULL), 200);
}

static void teardown(void)
{
    free(printed);
    printed = NULL;
    fixture_teardown();
}

/* All messages as devid-emulator --messages prints them. */
static const char *messages(const char *device)
{
    size_t size;
    FILE *stream;

    free(printed);
    stream = open_memstream(&printed, &size);
    ck_assert(emu_messages_print(fixture_emulator.store, device, stream));
    fclose(stream);
    return printed;
}

static unsigned send_text(const char *body)
{
    return perform(&(struct call){.method = "POST",
                                  .target = EVENTS,
                                  .body = body,
                                  .type = "application/octet-stream",
                                  .peer = {leaf}});
}

static unsigned send_batch(const char *body)
{
    return perform(
        &(struct call){.method = "POST", .target = EVENTS, .body = body, .type = BATCH, .peer = {leaf}});
}

START_TEST(stores_body_and_properties)
{
    json_t *line;

    ck_assert_uint_eq(perform(&(struct call){
                          .method = "POST",
                          .target = EVENTS,
                          .body = "{\"windSpeed\":12}",
                          .headers = {{"iothub-app-Kind", "wind"},
                                      {"IoTHub-MessageId", "m1"},
                                      {"iothub-contenttype", "application/json"},
                                      {"User-Agent", "x"}},
                          .peer = {leaf}
    }),
                      204);
    ck_assert_ptr_null(reply_body());
    line = json_loads(messages(NULL), 0, NULL);
    ck_assert_str_eq(emu_json_text(line, "device"), "dev");
    ck_assert_str_eq(emu_json_text(line, "body"), "{\"windSpeed\":12}");
    ck_assert_str_eq(emu_json_text(json_object_get(line, "properties"), "Kind"), "wind");
    ck_assert_uint_eq(json_object_size(json_object_get(line, "properties")), 1);
    ck_assert_str_eq(emu_json_text(json_object_get(line, "systemProperties"), "messageId"), "m1");
    ck_assert_str_eq(emu_json_text(json_object_get(line, "systemProperties"), "contentType"),
                     "application/json");
    ck_assert_uint_eq(json_object_size(json_object_get(line, "systemProperties")), 2);
    ck_assert_ptr_nonnull(json_object_get(line, "enqueuedTime"));
    json_decref(line);
}
END_TEST

START_TEST(prints_what_is_no_text_in_base64)
{
    ck_assert_uint_eq(perform(&(struct call){.method = "POST",
                                             .target = EVENTS,
                                             .body = "\x00\xff",
                                             .body_size = 2,
                                             .type = "application/octet-stream",
                                             .peer = {leaf}}),
                      204);
    ck_assert(strstr(messages("DEV"), "\"bodyBase64\":\"AP8=\"") != NULL);
    ck_assert_str_eq(messages("other"), "");
}
END_TEST

START_TEST(an_empty_message_is_a_message)
{
    ck_assert_uint_eq(send_text(NULL), 204);
    ck_assert(strstr(messages(NULL), "\"body\":\"\"") != NULL);
}
END_TEST

START_TEST(size_is_limited)
{
    char *body = malloc(EMU_HUB_MESSAGE_MAXIMUM + 2);

    memset(body, 'x', EMU_HUB_MESSAGE_MAXIMUM + 1);
    body[EMU_HUB_MESSAGE_MAXIMUM + 1] = '\0';
    ck_assert_uint_eq(send_text(body), 413);
    ck_assert_str_eq(reply_header("iothub-errorcode"), "MessageTooLarge");
    body[EMU_HUB_MESSAGE_MAXIMUM] = '\0';
    ck_assert_uint_eq(send_text(body), 204);
    free(body);
}
END_TEST

START_TEST(batch_is_several_messages)
{
    const char *text;

    ck_assert_uint_eq(
        send_batch("[{\"body\":\"aGVsbG8=\",\"properties\":{\"iothub-app-k\":\"v\",\"iothub-messageid\":"
                   "\"m\"}},{\"body\":\"plain\",\"base64Encoded\":false}]"),
        204);
    text = messages(NULL);
    ck_assert(strstr(text, "\"body\":\"hello\"") != NULL);
    ck_assert(strstr(text, "{\"k\":\"v\"}") != NULL);
    ck_assert(strstr(text, "{\"messageId\":\"m\"}") != NULL);
    ck_assert(strstr(text, "\"body\":\"plain\"") != NULL);
}
END_TEST

static const char *const bad_batches[] = {
    "{",
    "{}",
    "7",
    "[{}]",
    "[7]",
    "[{\"body\":\"aGVsbG8=\"},{\"body\":\"no base64!\"}]",
    "[{\"body\":\"aGVsbG8=\"},{\"body\":7}]",
    "[{\"body\":\"aGVsbG8=\"},{\"body\":\"aGVsbG8=\",\"properties\":{\"iothub-app-k\":7}}]",
};

START_TEST(bad_batch_stores_nothing)
{
    ck_assert_uint_eq(send_batch(bad_batches[_i]), 400);
    ck_assert_str_eq(reply_header("iothub-errorcode"), "ArgumentInvalid");
    ck_assert_str_eq(messages(NULL), "");
    ck_assert_uint_eq(send_text("still alive"), 204); /* no transaction was left open */
}
END_TEST

START_TEST(another_certificate_is_unauthorized)
{
    ck_assert_uint_eq(
        perform(&(struct call){
            .method = "POST", .target = EVENTS, .body = "x", .peer = {identity_leaf("dev", NULL)}}),
        401);
    ck_assert_str_eq(reply_header("iothub-errorcode"), "IotHubUnauthorizedAccess");
    ck_assert(strncmp(reply_message(), "ErrorCode:IotHubUnauthorizedAccess;", 35) == 0);
    ck_assert(strncmp(emu_json_text(reply_body(), "ExceptionMessage"), "Tracking ID:", 12) == 0);
    ck_assert_uint_eq(perform(&(struct call){.method = "POST", .target = EVENTS, .body = "x"}), 401);
    ck_assert_str_eq(messages(NULL), "");
}
END_TEST

START_TEST(unknown_device_is_not_found)
{
    ck_assert_uint_eq(perform(&(struct call){.method = "POST",
                                             .target = "/devices/nobody/messages/events" HUB_VERSION,
                                             .body = "x",
                                             .peer = {leaf}}),
                      404);
    ck_assert_str_eq(reply_header("iothub-errorcode"), "DeviceNotFound");
}
END_TEST

START_TEST(version_is_required)
{
    ck_assert_uint_eq(
        perform(&(struct call){
            .method = "POST", .target = "/devices/dev/messages/events", .body = "x", .peer = {leaf}}),
        400);
}
END_TEST

/* Names under which the own hub is reached, and one that is another hub's. */
static const struct {
    const char *host;
    unsigned status;
} hosts[] = {
    {"localhost",                   204},
    {"LOCALHOST:9",                 204},
    {"127.0.0.1:4433",              204},
    {"[::1]:4433",                  204},
    {"other.azure-devices.net:443", 404},
};

START_TEST(host_names_the_hub)
{
    ck_assert_uint_eq(
        perform(&(struct call){
            .method = "POST", .target = EVENTS, .body = "x", .host = hosts[_i].host, .peer = {leaf}}),
        hosts[_i].status);
}
END_TEST

START_TEST(device_of_a_named_hub_is_found_by_that_name)
{
    const struct identity *other = identity_leaf("other", NULL);
    struct call call = {.method = "POST",
                        .target = "/devices/other/messages/events" HUB_VERSION,
                        .body = "x",
                        .host = "MyHub.azure-devices.net:8443",
                        .peer = {other}};

    ck_assert_uint_eq(enroll("other", other, NULL, ",\"iotHubHostName\":\"myhub.azure-devices.net\""), 200);
    ck_assert_uint_eq(register_device("other", other, NULL), 200);
    ck_assert_uint_eq(perform(&call), 204);
    call.host = "localhost:4433";
    ck_assert_uint_eq(perform(&call), 404);
}
END_TEST

START_TEST(renewed_leaf_counts_after_registering_again)
{
    const struct identity *renewed = identity_leaf("dev", NULL);
    struct call call = {.method = "POST", .target = EVENTS, .body = "x", .peer = {renewed}};

    ck_assert_uint_eq(enroll("dev", leaf, renewed, NULL), 200);
    ck_assert_uint_eq(perform(&call), 401);
    ck_assert_uint_eq(register_device("dev", renewed, NULL), 200);
    ck_assert_uint_eq(perform(&call), 204);
    ck_assert_uint_eq(send_text("old"), 401);
}
END_TEST

START_TEST(group_device_shows_any_leaf_of_its_signer)
{
    const struct identity *root = identity_ca("root", NULL);
    const struct identity *member = identity_leaf("member", root);
    struct call call = {.method = "POST",
                        .target = "/devices/member/messages/events" HUB_VERSION,
                        .body = "x",
                        .peer = {identity_leaf("member", root)}};

    ck_assert_uint_eq(enroll_group("fleet", root, NULL, NULL), 200);
    ck_assert_uint_eq(register_device("member", member, NULL), 200);
    ck_assert_uint_eq(perform(&call), 204);
    call.peer[0] = identity_leaf("impostor", root);
    ck_assert_uint_eq(perform(&call), 401);
    call.peer[0] = identity_leaf("member", identity_ca("root", NULL));
    ck_assert_uint_eq(perform(&call), 401);
}
END_TEST

START_TEST(expired_leaf_is_unauthorized)
{
    fixture_emulator.clock_offset = 400 * 86400L;
    ck_assert_uint_eq(send_text("late"), 401);
    ck_assert_msg(strstr(reply_message(), "has expired") != NULL, "%s", reply_message());
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("hub_api");
    TCase *t = tcase_create("hub_api");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, stores_body_and_properties);
    tcase_add_test(t, prints_what_is_no_text_in_base64);
    tcase_add_test(t, an_empty_message_is_a_message);
    tcase_add_test(t, size_is_limited);
    tcase_add_test(t, batch_is_several_messages);
    tcase_add_loop_test(t, bad_batch_stores_nothing, 0, (int)(sizeof bad_batches / sizeof bad_batches[0]));
    tcase_add_test(t, another_certificate_is_unauthorized);
    tcase_add_test(t, unknown_device_is_not_found);
    tcase_add_test(t, version_is_required);
    tcase_add_loop_test(t, host_names_the_hub, 0, (int)(sizeof hosts / sizeof hosts[0]));
    tcase_add_test(t, device_of_a_named_hub_is_found_by_that_name);
    tcase_add_test(t, renewed_leaf_counts_after_registering_again);
    tcase_add_test(t, group_device_shows_any_leaf_of_its_signer);
    tcase_add_test(t, expired_leaf_is_unauthorized);
    suite_add_tcase(s, t);
    return s;
}
