/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/state.h"
#include "tests/cli/capture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GOOD "{\"hub\":\"h\",\"device_id\":\"d\",\"certificate\":\"c\",\"key\":\"k\"}"

START_TEST(what_is_saved_is_loaded)
{
    const char *path = support_path("new/folder/state.json");
    json_t *state = json_loads(GOOD, 0, NULL);
    json_t *loaded;
    struct stat status;

    ck_assert_int_eq(cli_state_set(state, "endpoint", "https://x"), CLI_OK);
    ck_assert_int_eq(cli_state_set(state, "etag", ""), CLI_OK);
    ck_assert_int_eq(cli_state_set(state, "payload", NULL), CLI_OK);
    ck_assert_int_eq(cli_state_save(path, state), CLI_OK);
    ck_assert_int_eq(cli_state_load(path, &loaded), CLI_OK);
    ck_assert(json_equal(state, loaded));
    ck_assert_uint_eq(json_object_size(loaded), 5);
    ck_assert_str_eq(cli_state_text(loaded, "hub"), "h");
    ck_assert_ptr_null(cli_state_text(loaded, "etag"));
    ck_assert_int_eq(stat(support_path("new/folder"), &status), 0);
    ck_assert_int_eq(status.st_mode & 0777, 0700);
    json_decref(state);
    json_decref(loaded);
}
END_TEST

START_TEST(file_names_become_absolute_and_uris_stay)
{
    json_t *state = json_object();
    char here[4096];

    support_write(support_path("key.pem"), "x");
    ck_assert_int_eq(chdir(support_directory()), 0);
    ck_assert_ptr_nonnull(getcwd(here, sizeof here));
    ck_assert_int_eq(cli_state_set_path(state, "key", "key.pem"), CLI_OK);
    ck_assert_int_eq(cli_state_set_path(state, "certificate", "pkcs11:token=t"), CLI_OK);
    ck_assert_int_eq(cli_state_set_path(state, "ca_file", NULL), CLI_OK);
    ck_assert_str_eq(cli_state_text(state, "key"), support_path("key.pem"));
    ck_assert_str_eq(cli_state_text(state, "certificate"), "pkcs11:token=t");
    ck_assert_ptr_null(cli_state_text(state, "ca_file"));
    json_decref(state);
}
END_TEST

static const struct {
    const char *content; /* NULL: no file */
    const char *message;
} bads[] = {
    {NULL,                                                       "register the device first"},
    {"",                                                         "is broken"                },
    {"{",                                                        "is broken"                },
    {"[]",                                                       "has no \"hub\""           },
    {"{\"hub\":\"h\"}",                                          "has no \"device_id\""     },
    {"{\"hub\":\"h\",\"device_id\":1}",                          "has no \"device_id\""     },
    {"{\"hub\":\"h\",\"device_id\":\"d\",\"certificate\":\"\"}", "has no \"certificate\""   },
};

START_TEST(refuses_a_file_of_no_use)
{
    const char *path = support_path("bad.json");
    struct capture capture = capture_begin(STDERR_FILENO);
    json_t *state;
    enum cli_status status;
    char *error;

    unlink(path);
    if (bads[_i].content != NULL)
        support_write(path, bads[_i].content);
    status = cli_state_load(path, &state);
    error = capture_end(&capture);
    ck_assert_int_eq(status, CLI_INPUT);
    ck_assert_ptr_null(state);
    ck_assert_msg(strstr(error, bads[_i].message) != NULL, "%s", error);
    ck_assert_msg(strstr(error, "bad.json") != NULL, "%s", error);
    free(error);
}
END_TEST

START_TEST(a_given_path_is_taken_as_it_is)
{
    char *path;

    ck_assert_int_eq(cli_state_path("somewhere.json", &path), CLI_OK);
    ck_assert_str_eq(path, "somewhere.json");
    free(path);
}
END_TEST

START_TEST(users_have_theirs_in_their_home)
{
    uid_t user = geteuid();
    char *path;

    if (user == 0)
        ck_assert_int_eq(seteuid(65534), 0);
    setenv("XDG_STATE_HOME", "/x/state", 1);
    ck_assert_int_eq(cli_state_path(NULL, &path), CLI_OK);
    ck_assert_str_eq(path, "/x/state/devid/registration.json");
    free(path);
    unsetenv("XDG_STATE_HOME");
    setenv("HOME", "/home/x", 1);
    ck_assert_int_eq(cli_state_path(NULL, &path), CLI_OK);
    ck_assert_str_eq(path, "/home/x/.local/state/devid/registration.json");
    free(path);
    ck_assert_int_eq(seteuid(user), 0);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("state");
    TCase *t = tcase_create("state");

    tcase_add_test(t, what_is_saved_is_loaded);
    tcase_add_test(t, file_names_become_absolute_and_uris_stay);
    tcase_add_loop_test(t, refuses_a_file_of_no_use, 0, sizeof bads / sizeof bads[0]);
    tcase_add_test(t, a_given_path_is_taken_as_it_is);
    tcase_add_test(t, users_have_theirs_in_their_home);
    suite_add_tcase(s, t);
    return s;
}
