/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/attest.h"
#include "tests/support/dps_fixture.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define DAY 86400

static struct dps_report report;
static struct dps_tls *tls;
static struct dps_attest_settings settings;
static char certificate[4096];
static char key[4096];
static void *state;

static dps_status configure(const char *certificate_name, const char *key_name, const char *id, int64_t date)
{
    const struct dps_tls_settings tls_settings = {.report = &report};

    snprintf(certificate, sizeof certificate, "%s", support_path("%s", certificate_name));
    snprintf(key, sizeof key, "%s", support_path("%s", key_name));
    ck_assert_int_eq(dps_tls_new(&tls_settings, &tls), DPS_OK);
    settings = (struct dps_attest_settings){.certificate = certificate,
                                            .key = key,
                                            .registration_id = id,
                                            .date = date,
                                            .tls = tls,
                                            .report = &report};
    ck_assert_int_eq(dps_attest_x509.open(&settings, &state), DPS_OK);
    return dps_attest_x509.configure_tls(state);
}

static void finish(void)
{
    dps_attest_x509.close(state);
    dps_tls_free(tls);
}

START_TEST(dates_are_compared_with_the_clock)
{
    static const struct {
        const char *certificate;
        const char *key;
        int64_t days; /* from now */
        dps_status status;
        const char *words;
    } cases[] = {
        {"self.pem", "self.key", 0, DPS_OK, ""},
        {"self.pem", "self.key", 25 * 365, DPS_OK, ""}, /* past 2038 */
        {"self.pem", "self.key", 31 * 365, DPS_KEY, "expired at 20"},
        {"self.pem", "self.key", -2, DPS_KEY, "is not valid before 20"},
        {"self.pem", "self.key", -22000, DPS_KEY,
         "this device's clock says 19"}, /* a clock that was never set */
        {"expired.pem", "device.key", 0, DPS_KEY, "renew it, or set the clock"},
        {"expired.pem", "device.key", -5, DPS_OK, ""},
        {"future.pem", "device.key", 0, DPS_KEY, "set the clock, or use another certificate"},
        {"future.pem", "device.key", 5, DPS_OK, ""},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t date = (int64_t)time(NULL) + cases[i].days * DAY;

        ck_assert_msg(configure(cases[i].certificate, cases[i].key, "device-1", date) == cases[i].status,
                      "case %zu", i);
        if (cases[i].status != DPS_OK)
            ck_assert_msg(strstr(report.text, cases[i].words) != NULL, "%s", report.text);
        finish();
    }
}
END_TEST

START_TEST(the_common_name_is_the_registration_id_without_case)
{
    static const struct {
        const char *certificate;
        const char *id;
        dps_status status;
    } cases[] = {
        {"device.pem", "device-1", DPS_OK},   {"device.pem", "Device-1", DPS_OK},
        {"device.pem", NULL, DPS_OK},         {"device.pem", "device", DPS_KEY},
        {"device.pem", "device-11", DPS_KEY}, {"nameless.pem", "device-1", DPS_KEY},
        {"nameless.pem", NULL, DPS_OK},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        ck_assert_msg(configure(cases[i].certificate, "device.key", cases[i].id, (int64_t)time(NULL)) ==
                          cases[i].status,
                      "case %zu", i);
        if (cases[i].status == DPS_OK)
            ck_assert_str_eq(dps_attest_x509.registration_id(state),
                             strcmp(cases[i].certificate, "device.pem") == 0 ? "device-1" : "");
        finish();
    }
}
END_TEST

START_TEST(the_advice_names_the_issuer_that_must_be_enrolled)
{
    ck_assert_int_eq(configure("leaf.pem", "device.key", "device-1", (int64_t)time(NULL)), DPS_OK);
    ck_assert_ptr_nonnull(strstr(dps_attest_x509.advice(state), "\"CN=test intermediate,O=DevID test\""));
    finish();
    ck_assert_int_eq(configure("self.pem", "self.key", "device-1", (int64_t)time(NULL)), DPS_OK);
    ck_assert_ptr_nonnull(strstr(dps_attest_x509.advice(state), "this very certificate"));
    finish();
}
END_TEST

START_TEST(bodies_and_headers_say_nothing)
{
    ck_assert(!dps_attest_x509.challenge);
    ck_assert(dps_attest_x509.body == NULL);
    ck_assert(dps_attest_x509.authorize == NULL);
    ck_assert(dps_attest_x509.take_key == NULL);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("attest_x509");
    TCase *t = tcase_create("attest_x509");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, dps_fixture_make, NULL);
    tcase_add_test(t, dates_are_compared_with_the_clock);
    tcase_add_test(t, the_common_name_is_the_registration_id_without_case);
    tcase_add_test(t, the_advice_names_the_issuer_that_must_be_enrolled);
    tcase_add_test(t, bodies_and_headers_say_nothing);
    suite_add_tcase(s, t);
    return s;
}
