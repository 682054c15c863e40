/* SPDX-License-Identifier: Apache-2.0 */
/* Messages from the cloud, and batches to it. */
#include "tests/support/dps_fixture.h"
#include "tests/support/support.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define BOUND "/devices/device-1/messages/devicebound"
#define API "?api-version=2021-04-12"
#define MESSAGE_HEADERS                                                                                      \
    "ETag: \"11-22\"\r\niothub-messageid: m-1\r\nIoTHub-App-Level: high\r\niothub-app-empty:\r\n"            \
    "iothub-deliverycount: 0\r\nX-Other: 1\r\n"

static struct dps_fixture_clock hands;

static dps_client *open_hub(const struct dps_server *server, dps_hub **hub)
{
    dps_client *client = dps_fixture_client(server, &hands);

    ck_assert_int_eq(dps_hub_open(client, dps_server_authority(server), "device-1", hub), DPS_OK);
    return client;
}

static void close_hub(dps_client *client, dps_hub *hub, struct dps_server *server)
{
    dps_hub_close(hub);
    dps_client_free(client);
    dps_server_finish(server);
}

START_TEST(a_message_comes_with_all_that_is_said_of_it)
{
    static const struct dps_server_row rows[] = {{.method = "GET",
                                                  .path = BOUND API " ",
                                                  .status = 200,
                                                  .headers = MESSAGE_HEADERS,
                                                  .answer = "turn left"}};
    struct dps_server *server = dps_fixture_server(rows, 1);
    dps_received *received;
    dps_hub *hub;
    dps_client *client = open_hub(server, &hub);
    size_t size;

    ck_assert_msg(dps_hub_receive(hub, &received) == DPS_OK, "%s", dps_client_error(client));
    ck_assert_str_eq(dps_received_body(received, &size), "turn left");
    ck_assert_uint_eq(size, 9);
    ck_assert_str_eq(dps_received_system(received, "MessageId"), "m-1");
    ck_assert_str_eq(dps_received_system(received, "deliverycount"), "0");
    ck_assert_str_eq(dps_received_system(received, "userid"), "");
    ck_assert_str_eq(dps_received_property(received, 0)->name, "Level");
    ck_assert_str_eq(dps_received_property(received, 0)->value, "high");
    ck_assert_str_eq(dps_received_property(received, 1)->value, "");
    ck_assert_ptr_null(dps_received_property(received, 2));
    dps_received_free(received);
    close_hub(client, hub, server);
}
END_TEST

START_TEST(an_empty_queue_is_no_message)
{
    static const struct dps_server_row rows[] = {{.method = "GET", .status = 204}};
    struct dps_server *server = dps_fixture_server(rows, 1);
    dps_received *received;
    dps_hub *hub;
    dps_client *client = open_hub(server, &hub);

    ck_assert_int_eq(dps_hub_receive(hub, &received), DPS_OK);
    ck_assert_ptr_null(received);
    close_hub(client, hub, server);
}
END_TEST

static const struct {
    dps_settlement settlement;
    const char *method;
    const char *path;
} settlements[] = {
    {DPS_COMPLETE, "DELETE", BOUND "/11-22" API " "},
    {DPS_REJECT, "DELETE", BOUND "/11-22" API "&reject "},
    {DPS_ABANDON, "POST", BOUND "/11-22/abandon" API " "},
};

START_TEST(a_message_is_settled)
{
    const struct dps_server_row rows[] = {
        {.method = "GET", .status = 200, .headers = MESSAGE_HEADERS, .answer = "x"},
        {.method = settlements[_i].method,
         .path = settlements[_i].path,
         .header = "\r\nIf-Match: \"11-22\"\r\n",
         .status = 204},
    };
    struct dps_server *server = dps_fixture_server(rows, 2);
    dps_received *received;
    dps_hub *hub;
    dps_client *client = open_hub(server, &hub);

    ck_assert_int_eq(dps_hub_receive(hub, &received), DPS_OK);
    ck_assert_msg(dps_hub_settle(hub, received, settlements[_i].settlement) == DPS_OK, "%s",
                  dps_client_error(client));
    ck_assert_int_eq(dps_hub_settle(hub, received, (dps_settlement)3), DPS_INVALID);
    dps_received_free(received);
    close_hub(client, hub, server);
}
END_TEST

START_TEST(a_lock_that_is_over_is_a_refusal)
{
    static const struct dps_server_row rows[] = {
        {.method = "GET", .status = 200, .headers = "ETag: unquoted\r\n", .answer = ""},
        {.method = "DELETE",
         .path = BOUND "/unquoted?",
         .status = 412,
         .answer = "{\"Message\":\"ErrorCode:DeviceMessageLockLost;gone\"}"},
    };
    struct dps_server *server = dps_fixture_server(rows, 2);
    dps_received *received;
    dps_hub *hub;
    dps_client *client = open_hub(server, &hub);
    size_t size;

    ck_assert_int_eq(dps_hub_receive(hub, &received), DPS_OK);
    ck_assert_str_eq(dps_received_body(received, &size), "");
    ck_assert_int_eq(dps_hub_settle(hub, received, DPS_COMPLETE), DPS_REJECTED);
    ck_assert_uint_eq(dps_client_http_status(client), 412);
    dps_received_free(received);
    close_hub(client, hub, server);
}
END_TEST

static const struct {
    struct dps_server_row row;
    dps_status status;
} strange[] = {
    {{.status = 200, .answer = "x"}, DPS_PROTOCOL},
    {{.status = 200, .headers = "ETag: \"..\"\r\n", .answer = "x"}, DPS_PROTOCOL},
    {{.status = 200, .headers = "ETag: \"\"\r\n", .answer = "x"}, DPS_PROTOCOL},
    {{.status = 302, .headers = "Location: https://evil.invalid/\r\n"}, DPS_PROTOCOL},
    {{.status = 404, .answer = "{}"}, DPS_REJECTED},
};

START_TEST(an_answer_that_no_hub_gives_is_no_message)
{
    struct dps_server *server = dps_fixture_server(&strange[_i].row, 1);
    dps_received *received;
    dps_hub *hub;
    dps_client *client = open_hub(server, &hub);

    ck_assert_int_eq(dps_hub_receive(hub, &received), strange[_i].status);
    ck_assert_ptr_null(received);
    close_hub(client, hub, server);
}
END_TEST

/* ---- batches ---- */

START_TEST(a_batch_is_one_request)
{
    static const struct dps_property properties[] = {{"level", "high"}};
    static const struct dps_message messages[] = {
        {.body = "foo", .size = 3, .message_id = "1", .properties = properties, .property_count = 1},
        {.body = "\0\xff", .size = 2, .content_type = "application/json", .content_encoding = "utf-8"},
        {0},
    };
    static const struct dps_server_row rows[] = {
        {.method = "POST",
         .path = "/devices/device-1/messages/events" API " ",
         .header = "\r\nContent-Type: application/vnd.microsoft.iothub.json\r\n",
         .body =
             "[{\"body\":\"Zm9v\",\"properties\":{\"iothub-messageid\":\"1\",\"iothub-app-level\":\"high\"}},"
             "{\"body\":\"AP8=\",\"properties\":{\"iothub-contenttype\":\"application/json\","
             "\"iothub-contentencoding\":\"utf-8\"}},{\"body\":\"\",\"properties\":{}}]",
         .status = 204}};
    struct dps_server *server = dps_fixture_server(rows, 1);
    dps_hub *hub;
    dps_client *client = open_hub(server, &hub);

    ck_assert_msg(dps_hub_send_batch(hub, messages, COUNT(messages)) == DPS_OK, "%s",
                  dps_client_error(client));
    close_hub(client, hub, server);
}
END_TEST

START_TEST(a_batch_that_cannot_be_sent_is_not)
{
    static char large[200 * 1024];
    static const struct dps_property bad_value[] = {{"a", "\xff"}};
    static const struct dps_property no_value[] = {{"a", NULL}};
    static const struct dps_message cases[] = {
        {.body = large, .size = sizeof large},
        {.body = NULL, .size = 1},
        {.properties = bad_value, .property_count = 1},
        {.properties = no_value, .property_count = 1},
        {.message_id = "\xc3"},
    };
    struct dps_server *server = dps_fixture_server(NULL, 0);
    dps_hub *hub;
    dps_client *client = open_hub(server, &hub);

    for (size_t i = 0; i < COUNT(cases); i++)
        ck_assert_msg(dps_hub_send_batch(hub, &cases[i], 1) == DPS_INVALID, "case %zu", i);
    ck_assert_int_eq(dps_hub_send_batch(hub, cases, 0), DPS_INVALID);
    close_hub(client, hub, server);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("receive");
    TCase *t = tcase_create("receive");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, dps_fixture_make, NULL);
    tcase_add_test(t, a_message_comes_with_all_that_is_said_of_it);
    tcase_add_test(t, an_empty_queue_is_no_message);
    tcase_add_loop_test(t, a_message_is_settled, 0, COUNT(settlements));
    tcase_add_test(t, a_lock_that_is_over_is_a_refusal);
    tcase_add_loop_test(t, an_answer_that_no_hub_gives_is_no_message, 0, COUNT(strange));
    tcase_add_test(t, a_batch_is_one_request);
    tcase_add_test(t, a_batch_that_cannot_be_sent_is_not);
    suite_add_tcase(s, t);
    return s;
}
