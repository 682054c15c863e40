/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/locate.h"
#include "tests/support/support.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static struct prov_places places;

static void set_up(void)
{
    static char names[3][PATH_MAX];
    static const char *const directories[] = {"first", "second", "lib"};

    for (size_t i = 0; i < 3; i++) {
        snprintf(names[i], sizeof names[i], "%s", support_path("%s", directories[i]));
        mkdir(names[i], 0700);
    }
    places = (struct prov_places){
        .descriptions = {names[0], names[1], NULL},
          .modules = names[2]
    };
}

static void locates(const char *name, const char *path, const char *init_args)
{
    struct prov_location location;
    const char *problem;

    ck_assert_msg(prov_locate(&places, name, &location, &problem), "%s: %s", name, problem);
    ck_assert_str_eq(location.path, path);
    ck_assert_pstr_eq(location.init_args, init_args);
    prov_location_free(&location);
}

static void refuses(const char *name, const char *text)
{
    struct prov_location location;
    const char *problem;

    ck_assert_msg(!prov_locate(&places, name, &location, &problem), "%s gave %s", name, location.path);
    ck_assert_ptr_null(location.path);
    ck_assert_ptr_null(location.init_args);
    ck_assert_msg(strstr(problem, text) != NULL, "%s: %s", name, problem);
}

START_TEST(a_path_is_itself_and_a_library_is_looked_for)
{
    support_write(support_path("lib/here.so"), "");
    locates("/any/where.so", "/any/where.so", NULL);
    locates("./where", "./where", NULL);
    locates("here.so", support_path("lib/here.so"), NULL);
    locates("elsewhere.so", "elsewhere.so", NULL);
}
END_TEST

START_TEST(a_name_is_what_its_description_says)
{
    support_write(support_path("lib/here.so"), "");
    support_write(support_path("second/one.module"), "module: /a/b.so\n");
    support_write(support_path("second/two.module"),
                  "# module: no\n\n  module: no\nmodule:here.so \ncritical: yes\nx-init-reserved:  a=b c \n");
    support_write(support_path("second/three.module"), "module: /second.so\n");
    support_write(support_path("first/three.module"), "module: /first.so\r\nx-init-reserved:\n");
    support_write(support_path("first/four.module"), "module: elsewhere.so");
    locates("one", "/a/b.so", NULL);
    locates("two", support_path("lib/here.so"), "a=b c");
    locates("three", "/first.so", NULL);
    locates("four", "elsewhere.so", NULL);
}
END_TEST

START_TEST(what_is_not_described_is_refused)
{
    support_write(support_path("first/empty.module"), "");
    support_write(support_path("first/none.module"), "module:\nx-init-reserved: a\nmodul: /b\n module: /b\n");
    refuses("nobody", "no module of that name");
    refuses("", "no module of that name");
    refuses("empty", "says no module");
    refuses("none", "says no module");
}
END_TEST

START_TEST(a_uri_may_call_a_module_by_several_names)
{
    static const struct {
        const char *name;
        const char *path;
        const char *wanted;
        bool is;
    } rows[] = {
        {"softhsm2",           "/usr/lib/softhsm/libsofthsm2.so", "softhsm2",        true },
        {"/l/libsofthsm2.so",  "/l/libsofthsm2.so",               "softhsm2",        true },
        {"/l/libsofthsm2.so",  "/l/libsofthsm2.so",               "libsofthsm2",     true },
        {"/l/devid-pkcs11.so", "/l/devid-pkcs11.so",              "devid-pkcs11",    true },
        {"/l/devid-pkcs11.so", "/l/devid-pkcs11.so",              "devid-pkcs11.so", false},
        {"/l/devid-pkcs11.so", "/l/devid-pkcs11.so",              "devid",           false},
        {"/l/devid-pkcs11.so", "/l/devid-pkcs11.so",              "",                false},
        {"x",                  "plain.so",                        "plain",           true },
        {"x",                  "lib",                             "",                true },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_msg(prov_location_is_named(rows[i].name, rows[i].path, rows[i].wanted) == rows[i].is,
                      "%s, %s", rows[i].path, rows[i].wanted);
}
END_TEST

START_TEST(a_uri_may_tell_the_path_or_the_directory)
{
    const char *file = support_path("lib/here.so");

    support_write(file, "");
    ck_assert(prov_location_is_at(file, file));
    ck_assert(prov_location_is_at(file, support_path("lib")));
    ck_assert(prov_location_is_at(file, support_path("lib/../lib/here.so")));
    ck_assert(!prov_location_is_at(file, support_directory()));
    ck_assert(!prov_location_is_at(file, support_path("lib/here.s")));
    ck_assert(!prov_location_is_at(file, support_path("first")));
    ck_assert(!prov_location_is_at(file, ""));
    ck_assert(prov_location_is_at("/not/there.so", "/not/there.so"));
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("locate");
    TCase *t = tcase_create("locate");

    tcase_add_checked_fixture(t, set_up, NULL);
    tcase_add_test(t, a_path_is_itself_and_a_library_is_looked_for);
    tcase_add_test(t, a_name_is_what_its_description_says);
    tcase_add_test(t, what_is_not_described_is_refused);
    tcase_add_test(t, a_uri_may_call_a_module_by_several_names);
    tcase_add_test(t, a_uri_may_tell_the_path_or_the_directory);
    suite_add_tcase(s, t);
    return s;
}
