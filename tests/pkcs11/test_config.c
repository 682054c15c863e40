/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/config.h"
#include "tests/support/module.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct config config;

static void make_directory(void)
{
    support_directory();
}

static void clear_environment(void)
{
    static const char *const names[] = {"DEVID_CONF", "DEVID_TOKENS", "DEVID_TCTI", "DEVID_EMPTY_SLOTS",
                                        "DEVID_PARENT"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unsetenv(names[i]);
    setenv("DEVID_CONF", "/dev/null", 1);
    p11_failure_clear();
}

static void free_config(void)
{
    config_free(&config);
}

static CK_RV load_file(const char *text)
{
    support_write(support_path("devid.conf"), text);
    setenv("DEVID_CONF", support_path("devid.conf"), 1);
    return config_load(&config);
}

START_TEST(the_file_is_read)
{
    ck_assert_rv(load_file("tokens = /t\ntcti = swtpm:port=1\nempty-slots = no\nparent = owner\n"), CKR_OK);
    ck_assert_str_eq(config.tokens, "/t");
    ck_assert_str_eq(config.tcti, "swtpm:port=1");
    ck_assert_str_eq(config.parent, "owner");
    ck_assert(!config.empty_slots);
}
END_TEST

START_TEST(what_is_for_provisioning_is_passed_over)
{
    ck_assert_rv(load_file("provisioning-source = dps\ntokens = /t\nprovisioning-whatever = 1\n"), CKR_OK);
    ck_assert_str_eq(config.tokens, "/t");
}
END_TEST

START_TEST(the_environment_beats_the_file)
{
    setenv("DEVID_TOKENS", "/e", 1);
    setenv("DEVID_EMPTY_SLOTS", "yes", 1);
    setenv("DEVID_TCTI", "", 1);
    ck_assert_rv(load_file("tokens = /t\ntcti = file\nempty-slots = no\n"), CKR_OK);
    ck_assert_str_eq(config.tokens, "/e");
    ck_assert_str_eq(config.tcti, "file");
    ck_assert(config.empty_slots);
}
END_TEST

START_TEST(there_are_defaults)
{
    setenv("HOME", "/home/x", 1);
    unsetenv("XDG_DATA_HOME");
    ck_assert_rv(config_load(&config), CKR_OK);
    ck_assert(config.empty_slots);
    ck_assert_ptr_null(config.tcti);
    ck_assert_ptr_null(config.parent);
    ck_assert_str_eq(config.tokens,
                     geteuid() == 0 ? DEVID_STATEDIR "/tokens" : "/home/x/.local/share/devid/tokens");
}
END_TEST

START_TEST(a_user_has_tokens_where_the_base_directories_say)
{
    bool root = geteuid() == 0;

    if (root)
        ck_assert_int_eq(seteuid(65534), 0);
    setenv("HOME", "/home/x", 1);
    setenv("XDG_DATA_HOME", "/data", 1);
    ck_assert_rv(config_load(&config), CKR_OK);
    ck_assert_str_eq(config.tokens, "/data/devid/tokens");
    config_free(&config);
    setenv("XDG_DATA_HOME", "relative", 1);
    ck_assert_rv(config_load(&config), CKR_OK);
    ck_assert_str_eq(config.tokens, "/home/x/.local/share/devid/tokens");
    config_free(&config);
    setenv("HOME", "", 1);
    ck_assert_rv(config_load(&config), CKR_OK);
    ck_assert_str_eq(config.tokens, DEVID_STATEDIR "/tokens");
    if (root)
        ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

START_TEST(a_bad_file_is_refused_with_name_and_line)
{
    static const struct {
        const char *text;
        const char *said;
    } rows[] = {
        {"tokens = /t\nunknown = 1\n", "devid.conf:2"},
        {"empty-slots = maybe\n",      "devid.conf:1"},
        {"\n\nnonsense\n",             "devid.conf:3"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        p11_failure_clear();
        ck_assert_rv_of(rows[i].text, load_file(rows[i].text), CKR_GENERAL_ERROR);
        ck_assert_msg(strstr(p11_failure_text(), rows[i].said) != NULL, "%s", p11_failure_text());
        ck_assert_ptr_null(config.tokens);
    }
}
END_TEST

START_TEST(a_file_that_was_asked_for_must_be_there)
{
    setenv("DEVID_CONF", support_path("absent.conf"), 1);
    ck_assert_rv(config_load(&config), CKR_GENERAL_ERROR);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "absent.conf"));
    setenv("DEVID_CONF", support_directory(), 1);
    ck_assert_rv(config_load(&config), CKR_GENERAL_ERROR);
}
END_TEST

START_TEST(a_bad_variable_is_named)
{
    setenv("DEVID_EMPTY_SLOTS", "2", 1);
    ck_assert_rv(config_load(&config), CKR_GENERAL_ERROR);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "DEVID_EMPTY_SLOTS=2"));
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("config");
    TCase *t = tcase_create("config");

    tcase_add_unchecked_fixture(t, make_directory, NULL);
    tcase_add_checked_fixture(t, clear_environment, free_config);
    tcase_add_test(t, the_file_is_read);
    tcase_add_test(t, what_is_for_provisioning_is_passed_over);
    tcase_add_test(t, the_environment_beats_the_file);
    tcase_add_test(t, there_are_defaults);
    tcase_add_test(t, a_user_has_tokens_where_the_base_directories_say);
    tcase_add_test(t, a_bad_file_is_refused_with_name_and_line);
    tcase_add_test(t, a_file_that_was_asked_for_must_be_there);
    tcase_add_test(t, a_bad_variable_is_named);
    suite_add_tcase(s, t);
    return s;
}
