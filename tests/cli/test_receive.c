/* SPDX-License-Identifier: Apache-2.0 */
/* devid receive, against a scripted hub. */
#include "cli/command.h"
#include "tests/cli/capture.h"
#include "tests/support/dps_fixture.h"
#include "tests/support/support.h"

#include <stdlib.h>
#include <string.h>

#define MESSAGE(text)                                                                                        \
    {                                                                                                        \
        .method = "GET", .path = "/devices/dev/messages/devicebound?", .status = 200,                        \
        .headers = "ETag: \"lock-1\"\r\niothub-app-room: cellar\r\niothub-deliverycount: 1\r\n",             \
        .answer = (text)                                                                                     \
    }
#define NOTHING                                                                                              \
    {                                                                                                        \
        .method = "GET", .status = 204                                                                       \
    }

static char state_option[] = "--state";
static char json_option[] = "--json";
static char settle_option[] = "--settle";

/* The state file of a device at the server, by certificate. */
static void write_state(const struct dps_server *server)
{
    dps_client *client = dps_client_new("scope", "device-1");
    dps_registration *registration;

    ck_assert_int_eq(dps_client_use_x509(client, support_path("device.pem"), support_path("device.key")),
                     DPS_OK);
    ck_assert_int_eq(dps_client_set_reprovision(client, DPS_REPROVISION_ON_ERROR_ONLY), DPS_OK);
    ck_assert_int_eq(dps_client_set_trust(client, support_path("ca.pem")), DPS_OK);
    ck_assert_int_eq(dps_client_adopt(client, dps_server_authority(server), "dev", &registration), DPS_OK);
    ck_assert_int_eq(dps_client_save(client, registration, support_path("state.json")), DPS_OK);
    dps_registration_free(registration);
    dps_client_free(client);
}

/* Runs the command with these options after --state; *out is what it printed. */
static enum cli_status run(const struct dps_server_row *rows, size_t count, char **options, int option_count,
                           char **out)
{
    struct dps_server *server = dps_fixture_server(rows, count);
    char *arguments[10] = {state_option, (char *)(uintptr_t)support_path("state.json")};
    char values[512];
    struct capture capture;
    enum cli_status status;

    setenv("no_proxy", "*", 1);
    write_state(server);
    ck_assert_uint_le(cli_receive.size, sizeof values);
    memcpy(values, cli_receive.defaults, cli_receive.size);
    for (int i = 0; i < option_count; i++)
        arguments[2 + i] = options[i];
    ck_assert_int_eq(cli_parse(&cli_receive, 2 + option_count, arguments, values), CLI_RUN);
    capture = capture_begin(1);
    status = cli_receive.run(values);
    *out = capture_end(&capture);
    dps_server_finish(server);
    return status;
}

START_TEST(nothing_waits)
{
    static const struct dps_server_row rows[] = {NOTHING};
    char *options[] = {json_option};
    char *out;

    ck_assert_int_eq(run(rows, 1, options, 1, &out), CLI_OK);
    ck_assert_str_eq(out, "[]\n");
    free(out);
}
END_TEST

static const struct {
    const char *how;
    struct dps_server_row settling;
} settlements[] = {
    {"complete", {.method = "DELETE", .path = "/devices/dev/messages/devicebound/lock-1?api", .status = 204}},
    {"reject",
     {.method = "DELETE",
      .path = "/devices/dev/messages/devicebound/lock-1?api-version=2021-04-12&reject",
      .status = 204}                                                                                        },
    {"abandon",
     {.method = "POST", .path = "/devices/dev/messages/devicebound/lock-1/abandon?", .status = 204}         },
};

START_TEST(a_message_is_printed_and_settled)
{
    const struct dps_server_row rows[] = {MESSAGE("open the valve"), settlements[_i].settling};
    char *options[] = {json_option, settle_option, (char *)(uintptr_t)settlements[_i].how};
    char *out;

    ck_assert_int_eq(run(rows, 2, options, 3, &out), CLI_OK);
    ck_assert_msg(strstr(out, "\"body\": \"open the valve\"") != NULL &&
                      strstr(out, "\"room\": \"cellar\"") != NULL &&
                      strstr(out, "\"delivery_count\": \"1\"") != NULL,
                  "%s", out);
    free(out);
}
END_TEST

START_TEST(a_body_that_is_no_text_is_told_in_hexadecimal)
{
    const struct dps_server_row rows[] = {MESSAGE("\xff\x01"), settlements[0].settling};
    char *options[] = {json_option};
    char *out;

    ck_assert_int_eq(run(rows, 2, options, 1, &out), CLI_OK);
    ck_assert_msg(strstr(out, "\"body_hex\": \"ff01\"") != NULL, "%s", out);
    free(out);
}
END_TEST

START_TEST(a_hub_that_refuses_is_told)
{
    static const struct dps_server_row rows[] = {
        {.method = "GET", .status = 404, .answer = "{\"Message\":\"ErrorCode:DeviceNotFound;d\"}"}
    };
    struct capture errors = capture_begin(2);
    char *out;
    char *said;
    enum cli_status status;

    status = run(rows, 1, NULL, 0, &out);
    said = capture_end(&errors);
    ck_assert_int_eq(status, CLI_REFUSED);
    ck_assert_msg(strstr(said, "404001") != NULL, "%s", said);
    free(out);
    free(said);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("receive");
    TCase *t = tcase_create("receive");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, dps_fixture_make, NULL);
    tcase_add_test(t, nothing_waits);
    tcase_add_loop_test(t, a_message_is_printed_and_settled, 0, sizeof settlements / sizeof settlements[0]);
    tcase_add_test(t, a_body_that_is_no_text_is_told_in_hexadecimal);
    tcase_add_test(t, a_hub_that_refuses_is_told);
    suite_add_tcase(s, t);
    return s;
}
