/* SPDX-License-Identifier: Apache-2.0 */
#include "common/settings.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>

static char seen[256];

static bool remember(void *data, unsigned line, const char *name, const char *value)
{
    size_t length = strlen(seen);

    (void)data;
    snprintf(seen + length, sizeof seen - length, "%u[%s][%s]", line, name, value);
    return strcmp(name, "bad") != 0;
}

static unsigned read_text(const char *text)
{
    seen[0] = '\0';
    return settings_read(text, strlen(text), remember, NULL);
}

START_TEST(reads_names_and_values)
{
    ck_assert_uint_eq(read_text("# comment\n\n a = b = c \r\nlast=\n"), 0);
    ck_assert_str_eq(seen, "3[a][b = c]4[last][]");
}
END_TEST

START_TEST(names_the_line_that_is_wrong)
{
    ck_assert_uint_eq(read_text("a = 1\nnonsense\n"), 2);
    ck_assert_uint_eq(read_text("= 1\n"), 1);
    ck_assert_uint_eq(read_text("a = 1\n\nbad = 2\nc = 3"), 3);
    ck_assert_str_eq(seen, "1[a][1]3[bad][2]");
    ck_assert_uint_eq(settings_read("a = \0b\n", 7, remember, NULL), 1);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("settings");
    TCase *t = tcase_create("settings");

    tcase_add_test(t, reads_names_and_values);
    tcase_add_test(t, names_the_line_that_is_wrong);
    suite_add_tcase(s, t);
    return s;
}
