/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/dps_fixture.h"
#include "tests/support/support.h"

#include <stdlib.h>
#include <string.h>

#define EVENTS "/devices/device-1/messages/events?api-version=2021-04-12 "
#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static struct dps_fixture_clock hands;
static const struct dps_message plain = {.body = "hello", .size = 5};

/* A client of the server and its hub there, which is the same server. */
static dps_client *open_hub(const struct dps_server *server, dps_hub **hub)
{
    dps_client *client = dps_fixture_client(server, &hands);

    ck_assert_int_eq(dps_hub_open(client, dps_server_authority(server), "device-1", hub), DPS_OK);
    return client;
}

START_TEST(a_message_arrives_with_all_its_properties)
{
    static const struct dps_server_row rows[] = {
        {.method = "POST", .path = EVENTS, .body = "{\"windSpeed\":12}", .status = 204}};
    static const char *const headers[] = {
        "\r\nContent-Type: application/octet-stream\r\n",
        "\r\niothub-to: /devices/device-1/messages/events\r\n",
        "\r\niothub-contenttype: application/json\r\n",
        "\r\niothub-contentencoding: utf-8\r\n",
        "\r\niothub-messageid: m 1\r\n",
        "\r\niothub-correlationid: c\r\n",
        "\r\niothub-userid: u\r\n",
        "\r\niothub-app-level: high, and rising\r\n",
        "\r\niothub-app-empty:\r\n",
        "\r\nUser-Agent: devid/" DEVID_VERSION "\r\n",
    };
    static const struct dps_property properties[] = {{"level", "high, and rising"}, {"empty", ""}};
    static const struct dps_message message = {.body = "{\"windSpeed\":12}",
                                               .size = 16,
                                               .content_type = "application/json",
                                               .content_encoding = "utf-8",
                                               .message_id = "m 1",
                                               .correlation_id = "c",
                                               .user_id = "u",
                                               .properties = properties,
                                               .property_count = 2};
    struct dps_server *server = dps_fixture_server(rows, COUNT(rows));
    dps_hub *hub;
    dps_client *client = open_hub(server, &hub);

    ck_assert_msg(dps_hub_send(hub, &message) == DPS_OK, "%s", dps_client_error(client));
    dps_hub_close(hub);
    dps_client_free(client);
    dps_server_stop(server);
    for (size_t i = 0; i < COUNT(headers); i++)
        ck_assert_msg(strstr(dps_server_request(server, 0)->head, headers[i]) != NULL, "%s", headers[i]);
    ck_assert_str_eq(dps_server_request(server, 0)->peer, "device-1");
    dps_server_finish(server);
}
END_TEST

START_TEST(ten_messages_take_one_handshake)
{
    static const struct dps_server_row rows[] = {
        {.path = EVENTS, .body = "hello", .status = 204, .times = 10}};
    struct dps_server *server = dps_fixture_server(rows, COUNT(rows));
    dps_hub *hub;
    dps_client *client = open_hub(server, &hub);

    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(dps_hub_send(hub, &plain), DPS_OK);
    dps_hub_close(hub);
    dps_client_free(client);
    dps_server_stop(server);
    ck_assert_uint_eq(dps_server_connections(server), 1);
    dps_server_finish(server);
}
END_TEST

START_TEST(registration_and_messages_share_a_connection_to_one_host)
{
    static const struct dps_server_row rows[] = {
        {.method = "PUT",
         .status = 200,
         .answer =
             "{\"status\":\"assigned\",\"registrationState\":{\"assignedHub\":\"h\",\"deviceId\":\"d\"}}"},
        {.path = EVENTS, .status = 204},
    };
    struct dps_server *server = dps_fixture_server(rows, COUNT(rows));
    dps_hub *hub;
    dps_client *client = open_hub(server, &hub);
    dps_registration *registration;

    ck_assert_int_eq(dps_client_register(client, &registration), DPS_OK);
    ck_assert_int_eq(dps_hub_send(hub, &plain), DPS_OK);
    dps_registration_free(registration);
    dps_hub_close(hub);
    dps_client_free(client);
    dps_server_stop(server);
    ck_assert_uint_eq(dps_server_connections(server), 1);
    dps_server_finish(server);
}
END_TEST

START_TEST(a_dropped_connection_is_made_anew)
{
    static const struct dps_server_row rows[] = {
        {.path = EVENTS, .headers = "Connection: close\r\n", .status = 204},
        {.path = EVENTS, .conduct = SERVER_CLOSES},
        {.path = EVENTS, .status = 204},
    };
    struct dps_server *server = dps_fixture_server(rows, COUNT(rows));
    dps_hub *hub;
    dps_client *client = open_hub(server, &hub);

    ck_assert_int_eq(dps_hub_send(hub, &plain), DPS_OK);
    ck_assert_int_eq(dps_hub_send(hub, &plain), DPS_OK);
    dps_hub_close(hub);
    dps_client_free(client);
    dps_server_stop(server);
    for (size_t i = 0; i < COUNT(rows); i++)
        ck_assert(!dps_server_request(server, i)->resumed);
    dps_server_finish(server);
}
END_TEST

START_TEST(throttling_is_waited_out)
{
    static const struct dps_server_row rows[] = {
        {.path = EVENTS, .status = 429, .headers = "Retry-After: 4\r\n"},
        {.path = EVENTS, .status = 500},
        {.path = EVENTS, .body = "hello", .status = 204},
    };
    struct dps_server *server = dps_fixture_server(rows, COUNT(rows));
    dps_hub *hub;
    dps_client *client = open_hub(server, &hub);

    ck_assert_int_eq(dps_hub_send(hub, &plain), DPS_OK);
    ck_assert_uint_eq(hands.sleeps, 2);
    ck_assert_int_eq(hands.slept[0], 4000);
    ck_assert_int_eq(hands.slept[1], 1000);
    dps_hub_close(hub);
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

/* The hub's answers that end it. */
static const struct {
    unsigned status;
    const char *answer;
    dps_status result;
    long code;
    const char *tracking_id;
    const char *words;
} endings[] = {
    {401,
     "{\"Message\":\"ErrorCode:IotHubUnauthorizedAccess;Unauthorized\",\"ExceptionMessage\":\"Tracking "
     "ID:77-TimeStamp:1\"}",
     DPS_REJECTED, 401002, "77", "a message of \"device-1\" to localhost:"},
    {404,
     "{\"Message\":\"ErrorCode:DeviceNotFound;device-1\",\"ExceptionMessage\":\"Tracking ID:9-TimeStamp:1\"}",
     DPS_REJECTED, 404001, "9", "the hub does not know the device: register it again"},
    {404, "{\"errorCode\":404001,\"message\":\"Device not found\"}", DPS_REJECTED, 404001, "",
     "register it again"},
    {403, "{\"Message\":\"ErrorCode:IotHubQuotaExceeded;x\"}", DPS_REJECTED, 403002, "",
     "a quota is used up"},
    {413, NULL, DPS_REJECTED, 0, "", "the message is too large"},
    {302, NULL, DPS_PROTOCOL, 0, "", "HTTP 302"},
    {201, NULL, DPS_PROTOCOL, 0, "", "is it an IoT hub?"},
};

START_TEST(an_answer_ends_it)
{
    const struct dps_server_row rows[] = {
        {.path = EVENTS, .status = endings[_i].status, .answer = endings[_i].answer}};
    struct dps_server *server = dps_fixture_server(rows, 1);
    dps_hub *hub;
    dps_client *client = open_hub(server, &hub);

    ck_assert_int_eq(dps_hub_send(hub, &plain), endings[_i].result);
    ck_assert_uint_eq(dps_client_http_status(client),
                      endings[_i].result == DPS_REJECTED ? endings[_i].status : 0);
    ck_assert_int_eq(dps_client_error_code(client), endings[_i].code);
    ck_assert_str_eq(dps_client_tracking_id(client), endings[_i].tracking_id);
    ck_assert_msg(strstr(dps_client_error(client), endings[_i].words) != NULL, "%s",
                  dps_client_error(client));
    dps_hub_close(hub);
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

static char large[256 * 1024 + 2];
static const struct dps_property bad_name = {"a b", "x"};
static const struct dps_property no_name = {NULL, "x"};
static const struct dps_property empty_name = {"", "x"};
static const struct dps_property bad_value = {"a", "x\r\nX-Evil: 1"};
static const struct dps_property no_value = {"a", NULL};
static const struct dps_property umlaut = {"a", "\xc3\xb6"};

/* Messages that are not sent. */
static const struct {
    struct dps_message message;
    const char *words;
} refusals[] = {
    {{.body = large, .size = 256 * 1024 + 1}, "at most 262144 bytes"},
    {{.body = large, .size = 256 * 1024, .message_id = "1"}, "with its properties"},
    {{.size = 1}, "a message has a body"},
    {{.message_id = "a\nb"}, "\"iothub-messageid\" cannot be sent"},
    {{.content_type = "a\x7f"}, "\"iothub-contenttype\" cannot be sent"},
    {{.properties = &bad_name, .property_count = 1}, "\"a b\" cannot be sent"},
    {{.properties = &no_name, .property_count = 1}, "\"\" cannot be sent"},
    {{.properties = &empty_name, .property_count = 1}, "\"\" cannot be sent"},
    {{.properties = &bad_value, .property_count = 1}, "\"a\" cannot be sent"},
    {{.properties = &umlaut, .property_count = 1}, "\"a\" cannot be sent"},
    {{.properties = &no_value, .property_count = 1}, "\"a\" cannot be sent"},
    {{.properties = &bad_name, .property_count = SIZE_MAX}, "more than 1000 properties"},
};

START_TEST(what_cannot_be_sent_is_refused_first)
{
    struct dps_server *server = dps_fixture_server(NULL, 0);
    dps_hub *hub;
    dps_client *client = open_hub(server, &hub);

    ck_assert_int_eq(dps_hub_send(hub, &refusals[_i].message), DPS_INVALID);
    ck_assert_msg(strstr(dps_client_error(client), refusals[_i].words) != NULL, "%s",
                  dps_client_error(client));
    dps_hub_close(hub);
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

START_TEST(the_largest_message_and_the_empty_one_are_sent)
{
    static const struct dps_server_row rows[] = {
        {.path = EVENTS, .header = "\r\nContent-Length: 262144\r\n", .status = 204},
        {.path = EVENTS, .header = "\r\nContent-Length: 0\r\n", .status = 204}};
    struct dps_server *server = dps_fixture_server(rows, COUNT(rows));
    dps_hub *hub;
    dps_client *client = open_hub(server, &hub);

    ck_assert_int_eq(dps_hub_send(hub, &(struct dps_message){.body = large, .size = 256 * 1024}), DPS_OK);
    ck_assert_int_eq(dps_hub_send(hub, &(struct dps_message){0}), DPS_OK);
    dps_hub_close(hub);
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

START_TEST(a_device_name_is_encoded)
{
    static const struct dps_server_row rows[] = {
        {.path = "/devices/a%2Fb%20c/messages/events?",
         .header = "\r\niothub-to: /devices/a%2Fb%20c/messages/events\r\n",
         .status = 204}};
    struct dps_server *server = dps_fixture_server(rows, COUNT(rows));
    dps_client *client = dps_fixture_client(server, &hands);
    dps_hub *hub;

    ck_assert_int_eq(dps_hub_open(client, dps_server_authority(server), "a/b c", &hub), DPS_OK);
    ck_assert_int_eq(dps_hub_send(hub, &plain), DPS_OK);
    dps_hub_close(hub);
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

START_TEST(opening_refuses_what_is_no_host_or_device)
{
    static const struct {
        const char *host;
        const char *device_id;
    } cases[] = {{NULL, "d"}, {"", "d"}, {"https://h", "d"}, {"h/x", "d"},
                 {"h", NULL}, {"h", ""}, {"h", ".."},        {"h", large}};
    dps_client *client = dps_client_new(NULL, NULL);
    dps_hub *hub;

    memset(large, 'x', 129);
    for (size_t i = 0; i < COUNT(cases); i++) {
        hub = (dps_hub *)client; /* must not stay */
        ck_assert_int_eq(dps_hub_open(client, cases[i].host, cases[i].device_id, &hub), DPS_INVALID);
        ck_assert_ptr_null(hub);
        ck_assert_str_ne(dps_client_error(client), "");
    }
    dps_client_free(client);
}
END_TEST

START_TEST(certificate_and_key_are_checked_without_a_registration)
{
    struct dps_server *server = dps_fixture_server(NULL, 0);
    dps_hub *hub;
    dps_client *client = open_hub(server, &hub);

    ck_assert_int_eq(dps_client_use_x509(client, support_path("expired.pem"), support_path("device.key")),
                     DPS_OK);
    ck_assert_int_eq(dps_hub_send(hub, &plain), DPS_KEY);
    dps_hub_close(hub);
    dps_client_free(client);
    client = dps_client_new(NULL, NULL);
    ck_assert_int_eq(dps_hub_open(client, "localhost", "d", &hub), DPS_OK);
    ck_assert_int_eq(dps_hub_send(hub, &plain), DPS_INVALID);
    ck_assert_ptr_nonnull(strstr(dps_client_error(client), "no credentials"));
    dps_hub_close(hub);
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

START_TEST(cancelling_ends_the_next_message)
{
    struct dps_server *server = dps_fixture_server(NULL, 0);
    dps_hub *hub;
    dps_client *client = open_hub(server, &hub);

    dps_client_cancel(client);
    ck_assert_int_eq(dps_hub_send(hub, &plain), DPS_CANCELLED);
    dps_hub_close(hub);
    dps_hub_close(NULL);
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("hub");
    TCase *t = tcase_create("hub");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, dps_fixture_make, NULL);
    tcase_add_test(t, a_message_arrives_with_all_its_properties);
    tcase_add_test(t, ten_messages_take_one_handshake);
    tcase_add_test(t, registration_and_messages_share_a_connection_to_one_host);
    tcase_add_test(t, a_dropped_connection_is_made_anew);
    tcase_add_test(t, throttling_is_waited_out);
    tcase_add_loop_test(t, an_answer_ends_it, 0, COUNT(endings));
    tcase_add_loop_test(t, what_cannot_be_sent_is_refused_first, 0, COUNT(refusals));
    tcase_add_test(t, the_largest_message_and_the_empty_one_are_sent);
    tcase_add_test(t, a_device_name_is_encoded);
    tcase_add_test(t, opening_refuses_what_is_no_host_or_device);
    tcase_add_test(t, certificate_and_key_are_checked_without_a_registration);
    tcase_add_test(t, cancelling_ends_the_next_message);
    suite_add_tcase(s, t);
    return s;
}
