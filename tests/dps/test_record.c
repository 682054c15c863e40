/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/record.h"
#include "tests/support/support.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct dps_report report;
static struct dps_record record;

static void teardown(void)
{
    dps_record_free(&record);
}

static void fill(void)
{
    ck_assert(dps_record_set(&record, DPS_RECORD_HUB, "hub.example"));
    ck_assert(dps_record_set(&record, DPS_RECORD_DEVICE_ID, "dev \"1\""));
    ck_assert(dps_record_set(&record, DPS_RECORD_ETAG, ""));
}

START_TEST(what_is_saved_is_loaded)
{
    struct dps_record loaded;
    const char *path = support_path("new/directory/state.json");

    fill();
    ck_assert_msg(dps_record_save(path, &record, &report) == DPS_OK, "%s", report.text);
    ck_assert_int_eq(dps_record_load(path, &report, &loaded), DPS_OK);
    for (size_t i = 0; i < DPS_RECORD_COUNT; i++)
        ck_assert_pstr_eq(loaded.field[i], record.field[i]);
    ck_assert_ptr_null(loaded.field[DPS_RECORD_ETAG]);
    dps_record_free(&loaded);
}
END_TEST

#define GOOD "\"version\":1,\"hub\":\"h\",\"device_id\":\"d\""

static const struct {
    const char *text;
    const char *error;
} bad[] = {
    {"", "is broken"},
    {"{", "is broken"},
    {"[]", "is broken (no object)"},
    {"{\"hub\":\"h\",\"device_id\":\"d\"}", "it has no version"},
    {"{\"version\":\"1\",\"hub\":\"h\",\"device_id\":\"d\"}", "it has no version"},
    {"{\"version\":0,\"hub\":\"h\",\"device_id\":\"d\"}", "it has no version"},
    {"{\"version\":2,\"hub\":\"h\",\"device_id\":\"d\"}", "is of a later version"},
    {"{\"version\":1,\"hub\":\"h\"}", "has no \"device_id\""},
    {"{\"version\":1,\"device_id\":\"d\",\"hub\":\"\"}", "has no \"hub\""},
    {"{\"version\":1,\"device_id\":\"d\",\"hub\":\"a/b\"}", "its hub is no host name"},
    {"{" GOOD ",\"key\":1}", "is broken (key)"},
    {"{" GOOD ",\"hub\":\"h2\"}", "is broken"},
    {"{" GOOD "} x", "is broken"},
};

START_TEST(a_broken_file_is_told)
{
    const char *path = support_path("state.json");
    struct dps_record loaded;

    support_write(path, bad[_i].text);
    ck_assert_int_eq(dps_record_load(path, &report, &loaded), DPS_INVALID);
    ck_assert_msg(strstr(report.text, bad[_i].error) != NULL, "%s", report.text);
    for (size_t i = 0; i < DPS_RECORD_COUNT; i++)
        ck_assert_ptr_null(loaded.field[i]);
}
END_TEST

/* A file that was written half, at each of its bytes, is never taken for a whole one. */
START_TEST(half_a_file_is_no_file)
{
    const char *path = support_path("whole.json");
    struct dps_record loaded;
    size_t size;
    char *text;

    fill();
    ck_assert_int_eq(dps_record_save(path, &record, &report), DPS_OK);
    text = support_read(path, &size);
    for (size_t cut = 0; cut < size - 2; cut++) { /* the last is a newline */
        support_write_bytes(path, text, cut);
        ck_assert_msg(dps_record_load(path, &report, &loaded) == DPS_INVALID, "%zu", cut);
    }
    free(text);
}
END_TEST

START_TEST(an_unknown_member_is_left_alone)
{
    const char *path = support_path("future.json");
    struct dps_record loaded;

    support_write(path, "{" GOOD ",\"future\":{\"a\":1}}");
    ck_assert_int_eq(dps_record_load(path, &report, &loaded), DPS_OK);
    ck_assert_str_eq(loaded.field[DPS_RECORD_HUB], "h");
    dps_record_free(&loaded);
}
END_TEST

START_TEST(a_missing_file_is_told_as_such)
{
    struct dps_record loaded;

    ck_assert_int_eq(dps_record_load("/nowhere/state.json", &report, &loaded), DPS_INVALID);
    ck_assert_ptr_nonnull(strstr(report.text, "is not there: register the device first"));
    ck_assert_int_eq(dps_record_load(support_directory(), &report, &loaded), DPS_INVALID);
    ck_assert_ptr_nonnull(strstr(report.text, "cannot be read"));
}
END_TEST

START_TEST(a_file_that_cannot_be_written_is_told)
{
    fill();
    ck_assert_int_eq(dps_record_save("/proc/nowhere/state.json", &record, &report), DPS_INVALID);
    ck_assert_ptr_nonnull(strstr(report.text, "/proc/nowhere/state.json cannot be written"));
}
END_TEST

START_TEST(no_pin_goes_into_a_file)
{
    static const struct {
        const char *given;
        const char *kept;
    } cases[] = {
        {"pkcs11:token=a;object=b", "pkcs11:token=a;object=b"},
        {"pkcs11:token=a?pin-value=1234", "pkcs11:token=a"},
        {"pkcs11:token=a?pin-value=1234&module-path=/m.so", "pkcs11:token=a?module-path=/m.so"},
        {"pkcs11:token=a?pin-source=file:/p&PIN-VALUE=1&module-name=m",
         "pkcs11:token=a?pin-source=file:/p&module-name=m"},
        {"pkcs11:token=a;pin-value=1234;object=b", "pkcs11:token=a;object=b"},
        {"pkcs11:pin-value=1234;token=a", "pkcs11:token=a"},
        {"pkcs11:token=a;Pin-Value=1234?pin-value=5", "pkcs11:token=a"},
        {"pkcs11:pin-value=1234", "pkcs11:"},
        {"file:/x", "file:/x"},
        {"/nowhere/x", "/nowhere/x"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert(dps_record_set_path(&record, DPS_RECORD_KEY, cases[i].given));
        ck_assert_str_eq(record.field[DPS_RECORD_KEY], cases[i].kept);
    }
    ck_assert(dps_record_set_path(&record, DPS_RECORD_KEY, NULL));
    ck_assert_ptr_null(record.field[DPS_RECORD_KEY]);
}
END_TEST

START_TEST(a_path_is_kept_absolute)
{
    support_write(support_path("key.pem"), "x");
    ck_assert_int_eq(chdir(support_directory()), 0);
    ck_assert(dps_record_set_path(&record, DPS_RECORD_KEY, "./key.pem"));
    ck_assert_str_eq(record.field[DPS_RECORD_KEY], support_path("key.pem"));
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("record");
    TCase *t = tcase_create("record");

    tcase_add_checked_fixture(t, NULL, teardown);
    tcase_add_test(t, what_is_saved_is_loaded);
    tcase_add_loop_test(t, a_broken_file_is_told, 0, sizeof bad / sizeof bad[0]);
    tcase_add_test(t, half_a_file_is_no_file);
    tcase_add_test(t, an_unknown_member_is_left_alone);
    tcase_add_test(t, a_missing_file_is_told_as_such);
    tcase_add_test(t, a_file_that_cannot_be_written_is_told);
    tcase_add_test(t, no_pin_goes_into_a_file);
    tcase_add_test(t, a_path_is_kept_absolute);
    suite_add_tcase(s, t);
    return s;
}
