/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/command.h"
#include "emulator/text.h"
#include "tests/emulator/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE "/devices/dev/messages/devicebound"

static const struct identity *leaf;
static char lock[64];
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

static unsigned send_text(const char *body)
{
    return perform(&(struct call){
        .method = "POST",
        .target = QUEUE HUB_VERSION,
        .body = body,
        .authorization = owner_token(),
        .headers = {{"iothub-app-Kind", "order"}, {"iothub-messageid", "m1"}}
    });
}

/* Keeps the lock token. */
static unsigned receive(void)
{
    unsigned status = perform(&(struct call){.method = "GET", .target = QUEUE HUB_VERSION, .peer = {leaf}});
    const char *tag = reply_header("ETag");

    if (tag != NULL)
        snprintf(lock, sizeof lock, "%.*s", (int)strlen(tag) - 2, tag + 1);
    return status;
}

static unsigned settle(const char *method, const char *tail)
{
    char target[200];

    snprintf(target, sizeof target, QUEUE "/%s%s", lock, tail);
    return perform(&(struct call){.method = method, .target = target, .peer = {leaf}});
}

static const char *history(void)
{
    size_t size;
    FILE *stream;

    free(printed);
    stream = open_memstream(&printed, &size);
    ck_assert(emu_command_print(&fixture_emulator, "dev", stream));
    fclose(stream);
    return printed;
}

static bool body_is(const char *text)
{
    const struct bytes *body = &reply_whole()->body;

    return body->size == strlen(text) && memcmp(body->data, text, body->size) == 0;
}

START_TEST(a_message_comes_with_its_properties)
{
    ck_assert_uint_eq(send_text("open the valve"), 201);
    ck_assert_int_eq(json_integer_value(json_object_get(reply_body(), "sequenceNumber")), 1);
    ck_assert_uint_eq(receive(), 200);
    ck_assert(body_is("open the valve"));
    ck_assert_str_eq(reply_header("iothub-app-Kind"), "order");
    ck_assert_str_eq(reply_header("iothub-messageid"), "m1");
    ck_assert_str_eq(reply_header("iothub-sequencenumber"), "1");
    ck_assert_str_eq(reply_header("iothub-deliverycount"), "1");
    ck_assert_uint_eq(strlen(reply_header("iothub-enqueuedtime")), strlen("2020-01-02T03:04:05.1234567Z"));
    ck_assert_uint_eq(strlen(lock), 36);
}
END_TEST

START_TEST(an_empty_queue_is_no_content)
{
    ck_assert_uint_eq(receive(), 204);
    ck_assert_uint_eq(reply_whole()->body.size, 0);
}
END_TEST

START_TEST(messages_come_in_their_order)
{
    ck_assert_uint_eq(send_text("one"), 201);
    ck_assert_uint_eq(send_text("two"), 201);
    ck_assert_uint_eq(receive(), 200);
    ck_assert(body_is("one"));
    ck_assert_uint_eq(receive(), 200); /* the first is locked */
    ck_assert(body_is("two"));
    ck_assert_uint_eq(receive(), 204);
}
END_TEST

/* How a message is settled, and what is left. */
static const struct {
    const char *method;
    const char *tail;
    const char *outcome;
    unsigned again;
} outcomes[] = {
    {"DELETE", HUB_VERSION,            "\"completed\"", 204},
    {"DELETE", HUB_VERSION "&reject",  "\"rejected\"",  204},
    {"POST",   "/abandon" HUB_VERSION, "\"abandoned\"", 200},
};

START_TEST(a_message_is_settled)
{
    ck_assert_uint_eq(send_text("x"), 201);
    ck_assert_uint_eq(receive(), 200);
    ck_assert_uint_eq(settle(outcomes[_i].method, outcomes[_i].tail), 204);
    ck_assert_msg(strstr(history(), outcomes[_i].outcome) != NULL, "%s", printed);
    ck_assert_uint_eq(receive(), outcomes[_i].again);
    if (outcomes[_i].again == 200)
        ck_assert_str_eq(reply_header("iothub-deliverycount"), "2");
}
END_TEST

START_TEST(a_settled_message_is_not_found)
{
    ck_assert_uint_eq(send_text("x"), 201);
    ck_assert_uint_eq(receive(), 200);
    ck_assert_uint_eq(settle("DELETE", HUB_VERSION), 204);
    ck_assert_uint_eq(settle("DELETE", HUB_VERSION), 404);
    ck_assert_str_eq(reply_header("iothub-errorcode"), "MessageNotFound");
}
END_TEST

START_TEST(a_lock_ends_after_a_minute)
{
    ck_assert_uint_eq(send_text("x"), 201);
    ck_assert_uint_eq(receive(), 200);
    fixture_emulator.clock_offset = EMU_COMMAND_LOCK_SECONDS + 1;
    ck_assert_uint_eq(settle("DELETE", HUB_VERSION), 412);
    ck_assert_str_eq(reply_header("iothub-errorcode"), "DeviceMessageLockLost");
    ck_assert_uint_eq(receive(), 200);
    ck_assert_str_eq(reply_header("iothub-deliverycount"), "2");
    ck_assert_uint_eq(settle("DELETE", HUB_VERSION), 204);
}
END_TEST

START_TEST(the_tenth_delivery_is_the_last)
{
    ck_assert_uint_eq(send_text("x"), 201);
    for (int i = 0; i < EMU_COMMAND_DELIVERIES_MAXIMUM; i++) {
        ck_assert_uint_eq(receive(), 200);
        ck_assert_uint_eq(settle("POST", "/abandon" HUB_VERSION), 204);
    }
    ck_assert_uint_eq(receive(), 204);
    ck_assert(strstr(history(), "dead-lettered") != NULL);
}
END_TEST

START_TEST(a_message_lives_an_hour)
{
    ck_assert_uint_eq(send_text("x"), 201);
    fixture_emulator.clock_offset = EMU_COMMAND_LIFE_SECONDS + 1;
    ck_assert_uint_eq(receive(), 204);
    ck_assert(strstr(history(), "\"expired\"") != NULL);
}
END_TEST

START_TEST(the_queue_is_limited)
{
    for (int i = 0; i < EMU_COMMAND_QUEUE_MAXIMUM; i++)
        ck_assert_uint_eq(send_text("x"), 201);
    ck_assert_uint_eq(send_text("x"), 403);
    ck_assert_str_eq(reply_header("iothub-errorcode"), "DeviceMaximumQueueDepthExceeded");
}
END_TEST

START_TEST(only_the_device_receives_and_only_the_owner_sends)
{
    ck_assert_uint_eq(send_text("x"), 201);
    ck_assert_uint_eq(perform(&(struct call){.method = "GET", .target = QUEUE HUB_VERSION}), 401);
    ck_assert_uint_eq(perform(&(struct call){.method = "GET",
                                             .target = QUEUE HUB_VERSION,
                                             .peer = {identity_leaf("dev", NULL)}}),
                      401);
    ck_assert_uint_eq(
        perform(&(struct call){
            .method = "POST", .target = QUEUE HUB_VERSION, .body = "x", .authorization = service_token()}),
        401);
    ck_assert_str_eq(reply_header("iothub-errorcode"), "IotHubUnauthorizedAccess");
    ck_assert_uint_eq(
        perform(&(struct call){.method = "POST", .target = QUEUE HUB_VERSION, .body = "x", .peer = {leaf}}),
        401);
}
END_TEST

START_TEST(queue_survives_a_restart)
{
    ck_assert_uint_eq(send_text("x"), 201);
    fixture_reopen();
    ck_assert_uint_eq(receive(), 200);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("command");
    TCase *t = tcase_create("command");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_message_comes_with_its_properties);
    tcase_add_test(t, an_empty_queue_is_no_content);
    tcase_add_test(t, messages_come_in_their_order);
    tcase_add_loop_test(t, a_message_is_settled, 0, (int)(sizeof outcomes / sizeof outcomes[0]));
    tcase_add_test(t, a_settled_message_is_not_found);
    tcase_add_test(t, a_lock_ends_after_a_minute);
    tcase_add_test(t, the_tenth_delivery_is_the_last);
    tcase_add_test(t, a_message_lives_an_hour);
    tcase_add_test(t, the_queue_is_limited);
    tcase_add_test(t, only_the_device_receives_and_only_the_owner_sends);
    tcase_add_test(t, queue_survives_a_restart);
    suite_add_tcase(s, t);
    return s;
}
