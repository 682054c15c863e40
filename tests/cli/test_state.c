/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/state.h"
#include "tests/cli/capture.h"

#include <stdlib.h>
#include <unistd.h>

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

    tcase_add_test(t, a_given_path_is_taken_as_it_is);
    tcase_add_test(t, users_have_theirs_in_their_home);
    suite_add_tcase(s, t);
    return s;
}
