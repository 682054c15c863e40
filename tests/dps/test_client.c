/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/dps_fixture.h"
#include "tests/support/support.h"

#include <pthread.h>
#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static dps_client *client;

static void setup(void)
{
    client = dps_client_new("scope", "device-1");
    ck_assert_ptr_nonnull(client);
}

static void teardown(void)
{
    dps_client_free(client);
}

START_TEST(a_new_client_has_the_documented_defaults)
{
    ck_assert_str_eq(dps_client_error(client), "");
    ck_assert_str_eq(dps_client_tracking_id(client), "");
    ck_assert_uint_eq(dps_client_http_status(client), 0);
    ck_assert_int_eq(dps_client_error_code(client), 0);
    ck_assert_uint_eq(client->timeout, 120);
    ck_assert_ptr_null(client->origin);
}
END_TEST

START_TEST(nothing_is_freed_without_harm)
{
    dps_client_free(NULL);
    dps_registration_free(NULL);
    dps_hub_close(NULL);
}
END_TEST

START_TEST(a_refused_setting_keeps_the_one_before)
{
    ck_assert_int_eq(dps_client_set_endpoint(client, "host:1"), DPS_OK);
    ck_assert_int_eq(dps_client_set_endpoint(client, "http://host"), DPS_INVALID);
    ck_assert_str_eq(client->origin, "https://host:1");
    ck_assert_ptr_nonnull(strstr(dps_client_error(client), "\"http://host\""));
    ck_assert_int_eq(dps_client_set_endpoint(client, NULL), DPS_OK);
    ck_assert_ptr_null(client->origin);

    ck_assert_int_eq(dps_client_set_payload(client, "{\"a\":1}"), DPS_OK);
    ck_assert_int_eq(dps_client_set_payload(client, "{a:1}"), DPS_INVALID);
    ck_assert_str_eq(client->payload, "{\"a\":1}");

    ck_assert_int_eq(dps_client_set_timeout(client, 86400), DPS_OK);
    ck_assert_int_eq(dps_client_set_timeout(client, 86401), DPS_INVALID);
    ck_assert_int_eq(dps_client_set_timeout(client, 0), DPS_INVALID);
    ck_assert_uint_eq(client->timeout, 86400);

    ck_assert_int_eq(dps_client_use_x509(client, "c", "k"), DPS_OK);
    ck_assert_int_eq(dps_client_use_x509(client, "c2", ""), DPS_INVALID);
    ck_assert_int_eq(dps_client_use_x509(client, NULL, "k"), DPS_INVALID);
    ck_assert_str_eq(client->certificate, "c");

    ck_assert_int_eq(dps_client_set_module(client, "/m.so"), DPS_OK);
    ck_assert_int_eq(dps_client_set_module(client, ""), DPS_INVALID);
    ck_assert_int_eq(dps_client_set_module(client, "a\nb"), DPS_INVALID);
    ck_assert_str_eq(client->module, "/m.so");
}
END_TEST

START_TEST(an_api_version_is_a_date)
{
    static const struct {
        const char *version;
        dps_status status;
    } cases[] = {
        {"2019-03-31", DPS_OK},      {"2025-07-01-preview", DPS_OK}, {NULL, DPS_OK},
        {"", DPS_INVALID},           {"2019-03-3", DPS_INVALID},     {"2019-03-311", DPS_INVALID},
        {"2019/03/31", DPS_INVALID}, {"2019-03-31-", DPS_INVALID},   {"2019-03-31-preview2", DPS_INVALID},
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        ck_assert_msg(dps_client_set_api_version(client, cases[i].version) == cases[i].status, "%s",
                      cases[i].version);
}
END_TEST

START_TEST(every_status_has_its_own_phrase)
{
    for (int i = DPS_OK; i <= DPS_CANCELLED; i++)
        for (int j = DPS_OK; j < i; j++)
            ck_assert_str_ne(dps_strstatus((dps_status)i), dps_strstatus((dps_status)j));
    ck_assert_str_eq(dps_strstatus((dps_status)(DPS_CANCELLED + 1)), "unknown status");
    ck_assert_str_eq(dps_strstatus((dps_status)-1), "unknown status");
}
END_TEST

START_TEST(a_trust_file_that_cannot_be_read_is_named)
{
    dps_registration *registration;

    ck_assert_int_eq(dps_client_use_x509(client, support_path("device.pem"), support_path("device.key")),
                     DPS_OK);
    ck_assert_int_eq(dps_client_set_trust(client, support_path("absent.pem")), DPS_OK);
    ck_assert_int_eq(dps_client_register(client, &registration), DPS_INVALID);
    ck_assert_ptr_nonnull(strstr(dps_client_error(client), "absent.pem cannot be read: No such file"));
}
END_TEST

START_TEST(outside_text_cannot_break_a_line)
{
    struct dps_fixture_log log = {""};

    dps_client_set_log(client, dps_fixture_log, &log);
    dps_report_fail(&client->report, DPS_PROTOCOL, "a\r\nb\033[1m");
    ck_assert_str_eq(dps_client_error(client), "a  b [1m");
    dps_report_add(&client->report, "; %s", "c\nd");
    ck_assert_str_eq(dps_client_error(client), "a  b [1m; c d");
    dps_report_log(&client->report, DPS_LOG_INFO, "x\ny");
    ck_assert_str_eq(log.text, "INFO x y\n");
}
END_TEST

START_TEST(a_pin_in_a_uri_is_never_shown)
{
    dps_report_fail(&client->report, DPS_KEY, "pkcs11:object=a?pin-value=1234&x=1 and pkcs11:b?pin-value=99");
    ck_assert_str_eq(dps_client_error(client),
                     "pkcs11:object=a?pin-value=****&x=1 and pkcs11:b?pin-value=**");
    dps_report_fail(&client->report, DPS_KEY, "a?pin-value=12:34: no such object");
    ck_assert_str_eq(dps_client_error(client), "a?pin-value=*****: no such object");
    dps_report_fail(&client->report, DPS_KEY, "pin-value=");
    ck_assert_str_eq(dps_client_error(client), "pin-value=");
}
END_TEST

START_TEST(a_long_text_is_cut_off)
{
    char text[3000];

    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    dps_report_fail(&client->report, DPS_PROTOCOL, "%s", text);
    ck_assert_uint_eq(strlen(dps_client_error(client)), DPS_REPORT_TEXT - 1);
    dps_report_add(&client->report, "%s", text);
    ck_assert_uint_eq(strlen(dps_client_error(client)), DPS_REPORT_TEXT - 1);
}
END_TEST

static void *cancel(void *data)
{
    dps_client_cancel(data);
    return NULL;
}

/* The real clock: a sleep of an hour that another thread ends. */
START_TEST(cancelling_wakes_a_sleep)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, cancel, client), 0);
    dps_clock_system.sleep(NULL, 3600 * 1000, client->wake);
    pthread_join(thread, NULL);
}
END_TEST

static void *register_once(void *data)
{
    dps_client *own = data;
    dps_registration *registration;

    for (int i = 0; i < 20; i++)
        if (dps_client_register(own, &registration) != DPS_REJECTED)
            return (void *)(uintptr_t)dps_client_error(own);
    return NULL;
}

START_TEST(clients_of_several_threads_do_not_meet)
{
    static const struct dps_server_row rows[] = {
        {.status = 404, .headers = "Connection: close\r\n", .times = 20}};
    static struct dps_fixture_clock hands[4];
    struct dps_server *servers[4];
    dps_client *clients[4];
    pthread_t threads[4];

    for (size_t i = 0; i < 4; i++) {
        servers[i] = dps_fixture_server(rows, 1);
        clients[i] = dps_fixture_client(servers[i], &hands[i]);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, register_once, clients[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        void *error;

        pthread_join(threads[i], &error);
        ck_assert_msg(error == NULL, "%s", (const char *)error);
        dps_client_free(clients[i]);
        dps_server_finish(servers[i]);
    }
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("client");
    TCase *t = tcase_create("client");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, dps_fixture_make, NULL);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_new_client_has_the_documented_defaults);
    tcase_add_test(t, nothing_is_freed_without_harm);
    tcase_add_test(t, a_refused_setting_keeps_the_one_before);
    tcase_add_test(t, an_api_version_is_a_date);
    tcase_add_test(t, every_status_has_its_own_phrase);
    tcase_add_test(t, a_trust_file_that_cannot_be_read_is_named);
    tcase_add_test(t, outside_text_cannot_break_a_line);
    tcase_add_test(t, a_pin_in_a_uri_is_never_shown);
    tcase_add_test(t, a_long_text_is_cut_off);
    tcase_add_test(t, cancelling_wakes_a_sleep);
    tcase_add_test(t, clients_of_several_threads_do_not_meet);
    suite_add_tcase(s, t);
    return s;
}
