/* SPDX-License-Identifier: Apache-2.0 */
/* The service API's client, against a scripted service. */
#include "cli/service.h"
#include "tests/support/dps_fixture.h"
#include "tests/support/support.h"

#include <stdlib.h>
#include <string.h>

static struct cli_service *service;
static char said[1024];

static void open_service(const struct dps_server *server)
{
    const struct cli_service_options options = {.ca_file = support_path("ca.pem"), .timeout = 20};
    char text[200];

    snprintf(text, sizeof text, "HostName=%s;SharedAccessKeyName=owner;SharedAccessKey=QUJD",
             dps_server_authority(server));
    setenv(CLI_SERVICE_CONNECTION, text, 1);
    setenv("no_proxy", "*", 1);
    cli_capture(said, sizeof said);
    ck_assert_int_eq(cli_service_open(&options, &service), CLI_OK);
}

static void close_service(void)
{
    cli_service_close(service);
    cli_capture(NULL, 0);
}

START_TEST(a_request_is_signed_and_its_answer_read)
{
    static const struct dps_server_row rows[] = {
        {.method = "PUT",
         .path = "/enrollments/a%20b?api-version=2021-10-01 ",
         .body = "{\"x\":1}",
         .header = "\r\nAuthorization: SharedAccessSignature sr=localhost&sig=",
         .status = 200,
         .headers = "x-ms-continuation: next page\r\n",
         .answer = "{\"y\":2}"},
        {.method = "GET", .header = "\r\nx-ms-continuation: next page\r\n",                                .status = 200,                                         .answer = "[]"                                                                                   },
        {.method = "DELETE",                                .header = "\r\nIf-Match: \"etag\"\r\n",.status = 204},
        {.method = "POST",                                .header = "\r\nContent-Length: 0\r\n",                                              .status = 200,                                                                                .answer = "{}"},
    };
    struct dps_server *server = dps_fixture_server(rows, sizeof rows / sizeof rows[0]);
    char *path = cli_service_path("enrollments", "a b", "");
    json_t *body = json_pack("{s:i}", "x", 1);
    struct cli_service_request request = {.method = "PUT", .path = path, .body = body};
    struct cli_service_reply reply;

    open_service(server);
    ck_assert_int_eq(cli_service_call(service, &request, &reply), CLI_OK);
    ck_assert_int_eq(json_integer_value(json_object_get(reply.body, "y")), 2);
    ck_assert_str_eq(reply.continuation, "next page");
    cli_service_reply_free(&reply);
    request = (struct cli_service_request){.method = "GET", .path = "/x", .continuation = "next page"};
    ck_assert_int_eq(cli_service_call(service, &request, &reply), CLI_OK);
    ck_assert(json_is_array(reply.body));
    cli_service_reply_free(&reply);
    request = (struct cli_service_request){.method = "DELETE", .path = "/x", .if_match = "\"etag\""};
    ck_assert_int_eq(cli_service_call(service, &request, &reply), CLI_OK);
    ck_assert_ptr_null(reply.body);
    cli_service_reply_free(&reply);
    request = (struct cli_service_request){.method = "POST", .path = "/x"};
    ck_assert_int_eq(cli_service_call(service, &request, &reply), CLI_OK);
    cli_service_reply_free(&reply);
    close_service();
    json_decref(body);
    free(path);
    dps_server_stop(server);
    ck_assert_ptr_nonnull(strstr(dps_server_request(server, 0)->head, "&skn=owner"));
    ck_assert_uint_eq(dps_server_connections(server), 1);
    dps_server_finish(server);
}
END_TEST

/* What a service may say instead, and what is told then. */
static const struct {
    struct dps_server_row row;
    enum cli_status status;
    const char *words;
} refusals[] = {
    {{.status = 401, .answer = "{\"errorCode\":401001,\"trackingId\":\"t-1\",\"message\":\"No.\"}"},
     CLI_REFUSED,                                                                                                 "/x: No. (HTTP 401, code 401001, tracking id t-1); is the connection string the right one"},
    {{.status = 404},                                                                                CLI_REFUSED, "'list' shows what there is"                                                              },
    {{.status = 412, .answer = "{}"},                                                                CLI_REFUSED, "somebody changed it meanwhile"                                                           },
    {{.status = 429},                                                                                CLI_REFUSED, "wait a little"                                                                           },
    {{.status = 500, .answer = "<html>"},                                                            CLI_REFUSED, "HTTP 500"                                                                                },
    {{.status = 302, .headers = "Location: https://localhost:1/\r\n"},                               CLI_REFUSED, "HTTP 302"                                                                                },
    {{.status = 200, .answer = "<html>"},                                                            CLI_NETWORK, "is no JSON"                                                                              },
    {{.status = 200, .answer = "{\"a\":"},                                                           CLI_NETWORK, "is no JSON"                                                                              },
    {{.conduct = SERVER_CLOSES},                                                                     CLI_NETWORK, "https://localhost:"                                                                      },
    {{.conduct = SERVER_BABBLES, .answer = "220 mail\r\n"},                                          CLI_NETWORK, "https://localhost:"                                                                      },
};

START_TEST(a_refusal_is_told)
{
    struct dps_server *server = dps_fixture_server(&refusals[_i].row, 1);
    const struct cli_service_request request = {.method = "GET", .path = "/x"};
    struct cli_service_reply reply;

    open_service(server);
    ck_assert_int_eq(cli_service_call(service, &request, &reply), refusals[_i].status);
    ck_assert_msg(strstr(said, refusals[_i].words) != NULL, "%s", said);
    ck_assert_ptr_null(strstr(said, "QUJD"));
    cli_service_reply_free(&reply);
    close_service();
    dps_server_finish(server);
}
END_TEST

START_TEST(what_may_be_absent_is_no_refusal)
{
    static const struct dps_server_row row = {.status = 404, .answer = "{\"errorCode\":404201}"};
    struct dps_server *server = dps_fixture_server(&row, 1);
    const struct cli_service_request request = {.method = "GET", .path = "/x", .may_be_absent = true};
    struct cli_service_reply reply;

    open_service(server);
    ck_assert_int_eq(cli_service_call(service, &request, &reply), CLI_OK);
    ck_assert_int_eq(reply.status, 404);
    ck_assert_str_eq(said, "");
    cli_service_reply_free(&reply);
    close_service();
    dps_server_finish(server);
}
END_TEST

START_TEST(without_a_connection_string_nothing_opens)
{
    const struct cli_service_options none = {0};
    const struct cli_service_options file = {.connection_file = "/nowhere/connection"};

    cli_capture(said, sizeof said);
    unsetenv(CLI_SERVICE_CONNECTION);
    ck_assert_int_eq(cli_service_open(&none, &service), CLI_USAGE);
    cli_service_close(service);
    ck_assert_int_eq(cli_service_open(&file, &service), CLI_INPUT);
    cli_service_close(service);
    setenv(CLI_SERVICE_CONNECTION, "HostName=h;SharedAccessKeyName=n;SharedAccessKey=not-base-64", 1);
    ck_assert_int_eq(cli_service_open(&none, &service), CLI_INPUT);
    ck_assert_ptr_null(strstr(said, "not-base-64"));
    close_service();
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("service");
    TCase *t = tcase_create("service");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, dps_fixture_make, NULL);
    tcase_add_test(t, a_request_is_signed_and_its_answer_read);
    tcase_add_loop_test(t, a_refusal_is_told, 0, sizeof refusals / sizeof refusals[0]);
    tcase_add_test(t, what_may_be_absent_is_no_refusal);
    tcase_add_test(t, without_a_connection_string_nothing_opens);
    suite_add_tcase(s, t);
    return s;
}
