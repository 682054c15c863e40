/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/state.h"

#include "tests/support/support.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct emu_state state;
static char message[1024];

static void setup(void)
{
    support_shell(NULL, "rm -rf %s", support_path("state"));
}

static void teardown(void)
{
    emu_state_close(&state);
}

static bool open_state(const char *id_scope)
{
    return emu_state_open(&state, support_path("state"), id_scope, message, sizeof message);
}

static char *content(const char *name)
{
    char *text = support_read(support_path("state/%s", name), NULL);

    text[strcspn(text, "\n")] = '\0';
    return text;
}

START_TEST(directory_is_made_private)
{
    struct stat status;

    ck_assert_msg(open_state(NULL), "%s", message);
    ck_assert_int_eq(stat(support_path("state"), &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0700);
    emu_state_close(&state);
    chmod(support_path("state"), 0755);
    ck_assert(open_state(NULL));
    ck_assert_int_eq(stat(support_path("state"), &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0700);
}
END_TEST

START_TEST(id_scope_and_key_last)
{
    char scope[EMU_ID_SCOPE_SIZE];
    uint8_t key[64];

    ck_assert(open_state(NULL));
    ck_assert_uint_eq(strlen(state.id_scope), 11);
    ck_assert_int_eq(strncmp(state.id_scope, "0ne00", 5), 0);
    ck_assert_uint_eq(state.service_key.size, sizeof key);
    strcpy(scope, state.id_scope);
    memcpy(key, state.service_key.data, sizeof key);
    emu_state_close(&state);
    ck_assert(open_state(NULL));
    ck_assert_str_eq(state.id_scope, scope);
    ck_assert_mem_eq(state.service_key.data, key, sizeof key);
    emu_state_close(&state);
    ck_assert(open_state("0neMINE"));
    emu_state_close(&state);
    ck_assert(open_state(NULL));
    ck_assert_str_eq(state.id_scope, "0neMINE");
}
END_TEST

START_TEST(publishes_how_to_reach_it)
{
    char *connection;
    char *port;
    char *scope;

    ck_assert(open_state("0neMINE"));
    ck_assert(emu_state_publish(&state, "localhost", 1234, message, sizeof message));
    ck_assert(emu_state_publish(&state, "localhost", 4321, message, sizeof message));
    connection = content(EMU_STATE_CONNECTION);
    port = content(EMU_STATE_PORT);
    scope = content(EMU_STATE_ID_SCOPE);
    ck_assert_str_eq(port, "4321");
    ck_assert_str_eq(scope, "0neMINE");
    ck_assert_int_eq(strncmp(connection,
                             "HostName=localhost:4321;SharedAccessKeyName=provisioningserviceowner;"
                             "SharedAccessKey=",
                             strlen("HostName=localhost:4321;SharedAccessKeyName=provisioningserviceowner;"
                                    "SharedAccessKey=")),
                     0);
    free(connection);
    free(port);
    free(scope);
}
END_TEST

START_TEST(one_server_a_directory)
{
    struct emu_state second;

    ck_assert(open_state(NULL));
    ck_assert(!emu_state_open(&second, support_path("state"), NULL, message, sizeof message));
    ck_assert_msg(strstr(message, "in use by another devid-emulator") != NULL, "%s", message);
    emu_state_close(&second);
}
END_TEST

START_TEST(what_cannot_be_a_directory_is_named)
{
    support_write(support_path("file"), "x");
    ck_assert(!emu_state_open(&state, support_path("file"), NULL, message, sizeof message));
    ck_assert_msg(strstr(message, "/file cannot be used") != NULL, "%s", message);
    emu_state_close(&state);
    ck_assert(!emu_state_open(&state, support_path("file/below"), NULL, message, sizeof message));
}
END_TEST

START_TEST(default_path_follows_xdg)
{
    char path[PATH_MAX];

    setenv("XDG_STATE_HOME", "/x/state", 1);
    setenv("HOME", "/home/me", 1);
    ck_assert(emu_state_path(NULL, path, message, sizeof message));
    ck_assert_str_eq(path, "/x/state/devid-emulator");
    setenv("XDG_STATE_HOME", "relative", 1);
    ck_assert(emu_state_path(NULL, path, message, sizeof message));
    ck_assert_str_eq(path, "/home/me/.local/state/devid-emulator");
    ck_assert(emu_state_path("given", path, message, sizeof message));
    ck_assert_str_eq(path, "given");
    unsetenv("HOME");
    ck_assert(!emu_state_path(NULL, path, message, sizeof message));
    ck_assert(strstr(message, "--state") != NULL);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("state");
    TCase *t = tcase_create("state");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, directory_is_made_private);
    tcase_add_test(t, id_scope_and_key_last);
    tcase_add_test(t, publishes_how_to_reach_it);
    tcase_add_test(t, one_server_a_directory);
    tcase_add_test(t, what_cannot_be_a_directory_is_named);
    tcase_add_test(t, default_path_follows_xdg);
    suite_add_tcase(s, t);
    return s;
}
