/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/pinsource.h"
#include "provider/error.h"
#include "tests/provider/fake_core.h"
#include "tests/support/support.h"

#include <stdlib.h>
#include <unistd.h>

static struct provider provider;

static void set_up(void)
{
    memset(&provider, 0, sizeof provider);
    provider.core = fake_core;
}

static void tear_down(void)
{
    prov_pinsource_free(&provider);
}

static void reads(const char *source, const char *wanted)
{
    struct bytes pin;

    ck_assert_msg(prov_pinsource_read(&provider, source, &pin), "%s: %s", source, fake_error);
    ck_assert_msg(bytes_equal(pin.data, pin.size, wanted, strlen(wanted)), "%s", source);
    bytes_free(&pin);
}

static void refuses(const char *source, const char *text)
{
    struct bytes pin;

    fake_error[0] = '\0';
    ck_assert_msg(!prov_pinsource_read(&provider, source, &pin), "%s", source);
    ck_assert_uint_eq(pin.size, 0);
    ck_assert_uint_eq(fake_reason, PROV_R_PIN_UNREADABLE);
    ck_assert_msg(strstr(fake_error, source) != NULL && strstr(fake_error, text) != NULL, "%s: %s", source,
                  fake_error);
    ck_assert_msg(strstr(fake_error, "7319") == NULL, "%s", fake_error);
}

START_TEST(files_give_their_first_line)
{
    char source[5000];

    support_write(support_path("pin"), "7319\nmore\n");
    reads(support_path("pin"), "7319");
    snprintf(source, sizeof source, "file:%s", support_path("pin"));
    reads(source, "7319");
    snprintf(source, sizeof source, "file://%s", support_path("pin"));
    reads(source, "7319");
    support_write(support_path("pin"), "73 19\r\n");
    reads(support_path("pin"), "73 19");
    support_write(support_path("pin"), "7319");
    reads(support_path("pin"), "7319");
}
END_TEST

START_TEST(a_file_that_changes_is_read_again)
{
    support_write(support_path("pin"), "1\n");
    reads(support_path("pin"), "1");
    support_write(support_path("pin"), "2\n");
    reads(support_path("pin"), "2");
}
END_TEST

START_TEST(files_without_a_pin_are_refused)
{
    char *large = malloc(3001);

    support_write(support_path("empty"), "");
    refuses(support_path("empty"), "no PIN");
    support_write(support_path("empty"), "\n7319\n");
    refuses(support_path("empty"), "no PIN");
    refuses("/nowhere/pin", "No such file");
    refuses("pin", "absolute path");
    refuses("file:pin", "absolute path");
    refuses("file:", "absolute path");
    refuses("file:///", "");
    refuses("", "absolute path");
    refuses("|cat /etc/pin", "absolute path"); /* a command is none */
    refuses(support_directory(), "");
    memset(large, '7', 3000);
    large[3000] = '\0';
    support_write(support_path("large"), large);
    refuses(support_path("large"), "");
    free(large);
}
END_TEST

START_TEST(variables_and_credentials_are_read)
{
    refuses("env:DEVID_TEST_PIN", "not set");
    setenv("DEVID_TEST_PIN", "7319", 1);
    reads("env:DEVID_TEST_PIN", "7319");
    setenv("DEVID_TEST_PIN", "7319\nmore", 1);
    reads("env:DEVID_TEST_PIN", "7319");
    setenv("DEVID_TEST_PIN", "", 1);
    refuses("env:DEVID_TEST_PIN", "no PIN");
    refuses("cred:token", "no credentials");
    setenv("CREDENTIALS_DIRECTORY", support_directory(), 1);
    refuses("cred:token", "No such file");
    support_write(support_path("token"), "7319\n");
    reads("cred:token", "7319");
    refuses("cred:../token", "no name of a credential");
    refuses("cred:..", "no name of a credential");
    refuses("cred:", "no name of a credential");
    setenv("CREDENTIALS_DIRECTORY", "relative", 1);
    refuses("cred:token", "no credentials");
}
END_TEST

START_TEST(a_descriptor_is_read_once_and_no_further_than_the_line)
{
    int ends[2];
    char source[20];
    char rest[10] = "";

    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(write(ends[1], "7319\nrest", 9), 9);
    snprintf(source, sizeof source, "fd:%d", ends[0]);
    reads(source, "7319");
    ck_assert_int_eq(read(ends[0], rest, sizeof rest), 4);
    ck_assert_str_eq(rest, "rest");
    close(ends[0]);
    close(ends[1]);
    reads(source, "7319");
    refuses("fd:", "no number");
    refuses("fd:-1", "no number");
    refuses("fd:3x", "no number");
    refuses("fd:99999999999", "no number");
    refuses("fd:987", "Bad file descriptor");
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("pinsource");
    TCase *t = tcase_create("pinsource");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, files_give_their_first_line);
    tcase_add_test(t, a_file_that_changes_is_read_again);
    tcase_add_test(t, files_without_a_pin_are_refused);
    tcase_add_test(t, variables_and_credentials_are_read);
    tcase_add_test(t, a_descriptor_is_read_once_and_no_further_than_the_line);
    suite_add_tcase(s, t);
    return s;
}
