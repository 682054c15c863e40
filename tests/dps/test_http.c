/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/dps_fixture.h"
#include "tests/support/support.h"

#include <openssl/ssl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

/* A struct dps_http without client certificate. */
static struct dps_report report;
static struct dps_tls *tls;
static struct dps_http *http;
static int wake;

static void open_http(const char *trust, const char *proxy)
{
    const struct dps_tls_settings tls_settings = {.report = &report};
    struct dps_http_settings settings = {.trust = trust, .proxy = proxy, .report = &report};

    report = (struct dps_report){0};
    wake = eventfd(0, EFD_CLOEXEC);
    ck_assert_int_eq(dps_tls_new(&tls_settings, &tls), DPS_OK);
    settings.tls = tls;
    settings.wake = wake;
    ck_assert_int_eq(dps_http_new(&settings, &http), DPS_OK);
}

static void close_http(void)
{
    dps_http_free(http);
    dps_tls_free(tls);
    close(wake);
}

static dps_status ask(const char *authority, const char *path, int64_t milliseconds,
                      struct dps_http_response *response)
{
    char url[256];
    struct dps_http_request request = {.method = "GET", .url = url};

    snprintf(url, sizeof url, "https://%s%s", authority, path);
    return dps_http_send(http, &request, milliseconds, response);
}

START_TEST(methods_bodies_and_headers_arrive)
{
    static const struct dps_server_row rows[] = {
        {.method = "POST", .path = "/a ", .body = "one", .header = "\r\nX-Test: 1\r\n", .status = 204},
        {.method = "GET", .path = "/b ", .status = 200, .answer = "two"},
        {.method = "PUT", .path = "/c ", .header = "\r\nContent-Length: 0\r\n", .status = 200},
        {.method = "GET", .path = "/d ", .status = 404, .answer = "no"},
    };
    static const char *const headers[] = {"X-Test: 1", NULL};
    struct dps_server *server = dps_fixture_server(rows, COUNT(rows));
    char url[4][100];
    const struct dps_http_request requests[] = {
        {"POST", url[0], "one", 3, headers}, {"GET", url[1]}, {"PUT", url[2], "", 0}, {"GET", url[3]}};
    static const struct {
        unsigned status;
        const char *body;
    } answers[] = {{204, ""}, {200, "two"}, {200, ""}, {404, "no"}};

    open_http(support_path("ca.pem"), "");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dps_http_response response;

        snprintf(url[i], sizeof url[i], "https://%s/%c", dps_server_authority(server), (char)('a' + i));
        ck_assert_int_eq(dps_http_send(http, &requests[i], 10000, &response), DPS_OK);
        ck_assert_uint_eq(response.status, answers[i].status);
        ck_assert_str_eq(buffer_text(&response.body), answers[i].body);
        dps_http_response_free(&response);
    }
    close_http();
    dps_server_stop(server);
    ck_assert_uint_eq(dps_server_connections(server), 1);
    ck_assert_ptr_null(strstr(dps_server_request(server, 1)->head, "X-Test"));
    ck_assert_ptr_null(strstr(dps_server_request(server, 1)->head, "Content-Length"));
    ck_assert_str_eq(dps_server_request(server, 0)->peer, "");
    dps_server_finish(server);
}
END_TEST

START_TEST(the_headers_that_matter_are_read)
{
    static const struct dps_server_row rows[] = {
        {.status = 202, .headers = "retry-after: 5\r\nDATE: Thu, 01 Jan 1970 00:01:40 GMT\r\n"},
        {.status = 202,
         .headers = "Retry-After: 01234567890123456789012345678901234567890\r\nDate: today\r\n"},
        {.status = 202},
    };
    static const struct {
        const char *retry_after;
        int64_t date;
    } expected[] = {{"5", 100}, {"0123456789012345678901234567890", -1}, {"", -1}};
    struct dps_server *server = dps_fixture_server(rows, COUNT(rows));

    open_http(support_path("ca.pem"), "");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dps_http_response response;

        ck_assert_int_eq(ask(dps_server_authority(server), "/", 10000, &response), DPS_OK);
        ck_assert_str_eq(response.retry_after, expected[i].retry_after);
        ck_assert_int_eq(response.date, expected[i].date);
        dps_http_response_free(&response);
    }
    close_http();
    dps_server_finish(server);
}
END_TEST

START_TEST(a_body_may_be_256_kib_and_no_more)
{
    static char body[DPS_HTTP_BODY_MAXIMUM + 2];
    const struct dps_server_row rows[] = {{.status = 200, .answer = body}, {.status = 200, .answer = body}};
    struct dps_server *server;
    struct dps_http_response response;

    memset(body, 'x', DPS_HTTP_BODY_MAXIMUM);
    server = dps_fixture_server(rows, 2);
    open_http(support_path("ca.pem"), "");
    ck_assert_int_eq(ask(dps_server_authority(server), "/", 10000, &response), DPS_OK);
    ck_assert_uint_eq(response.body.size, DPS_HTTP_BODY_MAXIMUM);
    dps_http_response_free(&response);
    body[DPS_HTTP_BODY_MAXIMUM] = 'x';
    ck_assert_int_eq(ask(dps_server_authority(server), "/", 10000, &response), DPS_PROTOCOL);
    dps_http_response_free(&response);
    close_http();
    dps_server_finish(server);
}
END_TEST

/* What a server can do to a request, and what it is then called. */
static const struct {
    struct dps_server_row row;
    dps_status status;
    const char *words;
} misbehaviours[] = {
    {{.conduct = SERVER_CLOSES}, DPS_TRANSPORT, "the connection was lost"},
    {{.conduct = SERVER_STALLS}, DPS_TIMEOUT, "it did not answer in time"},
    {{.conduct = SERVER_BABBLES, .answer = "HELLO\r\n\r\n"}, DPS_PROTOCOL, "does not speak HTTP"},
    {{.conduct = SERVER_BABBLES, .answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"},
     DPS_TRANSPORT,
     "lost"},
    {{.conduct = SERVER_BABBLES, .answer = "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"},
     DPS_PROTOCOL,
     "HTTP"},
    {{.conduct = SERVER_BABBLES, .answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"},
     DPS_TRANSPORT,
     ""},
    {{.conduct = SERVER_OVERDOES}, DPS_PROTOCOL, "larger than any of the service's"},
    {{.conduct = SERVER_OVERDOES_CHUNKED}, DPS_PROTOCOL, "larger than any of the service's"},
    {{.conduct = SERVER_OVERDOES_HEADERS}, DPS_PROTOCOL, "larger than any of the service's"},
};

START_TEST(misbehaviour_has_a_status_and_the_next_request_works)
{
    const struct dps_server_row rows[] = {misbehaviours[_i].row, {.status = 200}};
    struct dps_server *server = dps_fixture_server(rows, 2);
    struct dps_http_response response;
    dps_status status;

    open_http(support_path("ca.pem"), "");
    status = ask(dps_server_authority(server), "/",
                 misbehaviours[_i].row.conduct == SERVER_STALLS ? 300 : 10000, &response);
    ck_assert_msg(status == misbehaviours[_i].status, "%d %s", status, report.text);
    ck_assert_msg(strstr(report.text, misbehaviours[_i].words) != NULL, "%s", report.text);
    ck_assert_ptr_nonnull(strstr(report.text, dps_server_authority(server)));
    dps_http_response_free(&response);
    ck_assert_int_eq(ask(dps_server_authority(server), "/", 10000, &response), DPS_OK);
    dps_http_response_free(&response);
    close_http();
    dps_server_finish(server);
}
END_TEST

START_TEST(nobody_listening_is_transport)
{
    struct dps_http_response response;
    char authority[32];

    snprintf(authority, sizeof authority, "127.0.0.1:%u", support_free_port());
    open_http(support_path("ca.pem"), "");
    ck_assert_int_eq(ask(authority, "/", 10000, &response), DPS_TRANSPORT);
    ck_assert_msg(strstr(report.text, "check host, port and firewall") != NULL, "%s", report.text);
    dps_http_response_free(&response);
    close_http();
}
END_TEST

START_TEST(an_unknown_name_is_transport)
{
    struct dps_http_response response;

    open_http(support_path("ca.pem"), "");
    ck_assert_int_eq(ask("no-such-host.invalid", "/", 10000, &response), DPS_TRANSPORT);
    ck_assert_msg(strstr(report.text, "check the host name and the name service") != NULL, "%s", report.text);
    dps_http_response_free(&response);
    ck_assert_int_eq(ask("localhost", "/", 10000, &response), DPS_TRANSPORT);
    close_http();
    open_http(support_path("ca.pem"), "http://no-such-proxy.invalid:1");
    ck_assert_int_eq(ask("localhost", "/", 10000, &response), DPS_TRANSPORT);
    ck_assert_msg(strstr(report.text, "check the proxy's name") != NULL, "%s", report.text);
    close_http();
}
END_TEST

START_TEST(a_server_of_an_unknown_ca_is_not_trusted)
{
    struct dps_server *server = dps_fixture_server(NULL, 0);
    struct dps_http_response response;

    open_http(support_path("self.pem"), "");
    ck_assert_int_eq(ask(dps_server_authority(server), "/", 10000, &response), DPS_TLS);
    ck_assert_msg(strstr(report.text, "a private CA goes into the trust file") != NULL, "%s", report.text);
    close_http();
    open_http(NULL, "");
    ck_assert_int_eq(ask(dps_server_authority(server), "/", 10000, &response), DPS_TLS);
    close_http();
    dps_server_finish(server);
}
END_TEST

START_TEST(a_server_of_another_name_is_not_trusted)
{
    const struct dps_server_options options = {.certificate = support_path("self.pem"),
                                               .key = support_path("self.key")};
    struct dps_server *server = dps_server_start(&options, NULL, 0);
    struct dps_http_response response;

    open_http(support_path("self.pem"), "");
    ck_assert_int_eq(ask(dps_server_authority(server), "/", 10000, &response), DPS_TLS);
    close_http();
    dps_server_finish(server);
}
END_TEST

START_TEST(a_server_whose_certificate_has_expired_is_not_trusted)
{
    const struct dps_server_options options = {.certificate = support_path("server-expired.pem"),
                                               .key = support_path("server.key")};
    struct dps_server *server = dps_server_start(&options, NULL, 0);
    struct dps_http_response response;

    open_http(support_path("ca.pem"), "");
    ck_assert_int_eq(ask(dps_server_authority(server), "/", 10000, &response), DPS_TLS);
    ck_assert_msg(strstr(report.text, "certificate has expired") != NULL &&
                      strstr(report.text, "this device's clock must be right") != NULL,
                  "%s", report.text);
    close_http();
    dps_server_finish(server);
}
END_TEST

START_TEST(a_trust_file_without_certificates_is_tls)
{
    struct dps_server *server = dps_fixture_server(NULL, 0);
    struct dps_http_response response;

    open_http(support_path("device.key"), "");
    ck_assert_int_eq(ask(dps_server_authority(server), "/", 10000, &response), DPS_TLS);
    ck_assert_msg(strstr(report.text, "the trust file must be") != NULL, "%s", report.text);
    close_http();
    dps_server_finish(server);
}
END_TEST

START_TEST(a_server_that_demands_a_certificate_says_so)
{
    const struct dps_server_options options = {.certificate = support_path("server.pem"),
                                               .key = support_path("server.key"),
                                               .client = CERTIFICATE_REQUIRED,
                                               .tls_version = _i};
    struct dps_server *server = dps_server_start(&options, NULL, 0);
    struct dps_http_response response;

    open_http(support_path("ca.pem"), "");
    ck_assert_int_eq(ask(dps_server_authority(server), "/", 10000, &response), DPS_TLS);
    ck_assert_msg(strstr(report.text, "ended the TLS connection with the alert") != NULL, "%s", report.text);
    close_http();
    dps_server_finish(server);
}
END_TEST

START_TEST(tls_before_1_2_is_refused)
{
    const struct dps_server_options options = {.certificate = support_path("server.pem"),
                                               .key = support_path("server.key"),
                                               .tls_version = TLS1_1_VERSION};
    struct dps_server *server = dps_server_start(&options, NULL, 0);
    struct dps_http_response response;

    open_http(support_path("ca.pem"), "");
    ck_assert_int_eq(ask(dps_server_authority(server), "/", 10000, &response), DPS_TLS);
    close_http();
    dps_server_finish(server);
}
END_TEST

START_TEST(waking_it_ends_a_request)
{
    static const struct dps_server_row rows[] = {{.conduct = SERVER_STALLS}};
    struct dps_server *server = dps_fixture_server(rows, 1);
    struct dps_http_response response;
    const uint64_t one = 1;

    open_http(support_path("ca.pem"), "");
    ck_assert_int_eq(write(wake, &one, sizeof one), sizeof one);
    ck_assert_int_eq(ask(dps_server_authority(server), "/", 30000, &response), DPS_CANCELLED);
    dps_http_response_free(&response);
    close_http();
    dps_server_free(server);
}
END_TEST

START_TEST(only_https_is_spoken)
{
    struct dps_http_response response;
    const struct dps_http_request request = {.method = "GET", .url = "http://localhost:1/"};

    open_http(NULL, "");
    ck_assert_int_eq(dps_http_send(http, &request, 1000, &response), DPS_PROTOCOL);
    close_http();
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("http");
    TCase *t = tcase_create("http");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, dps_fixture_make, NULL);
    tcase_add_test(t, methods_bodies_and_headers_arrive);
    tcase_add_test(t, the_headers_that_matter_are_read);
    tcase_add_test(t, a_body_may_be_256_kib_and_no_more);
    tcase_add_loop_test(t, misbehaviour_has_a_status_and_the_next_request_works, 0, COUNT(misbehaviours));
    tcase_add_test(t, nobody_listening_is_transport);
    tcase_add_test(t, an_unknown_name_is_transport);
    tcase_add_test(t, a_server_of_an_unknown_ca_is_not_trusted);
    tcase_add_test(t, a_server_of_another_name_is_not_trusted);
    tcase_add_test(t, a_server_whose_certificate_has_expired_is_not_trusted);
    tcase_add_test(t, a_trust_file_without_certificates_is_tls);
    tcase_add_loop_test(t, a_server_that_demands_a_certificate_says_so, TLS1_2_VERSION, TLS1_3_VERSION + 1);
    tcase_add_test(t, tls_before_1_2_is_refused);
    tcase_add_test(t, waking_it_ends_a_request);
    tcase_add_test(t, only_https_is_spoken);
    suite_add_tcase(s, t);
    return s;
}
