/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"
#include "tests/cli/capture.h"

#include <stdlib.h>
#include <string.h>

static const struct cli_column columns[] = {
    {"name",  "NAME"},
    {"bits",       "BITS"},
    {"used","USED"},
    {0 },
};

static json_t *two_rows(void)
{
    return json_pack("[{s:s,s:i,s:b},{s:s,s:n}]", "name", "a-long-name", "bits", 256, "used", 1, "name", "",
                     "bits");
}

START_TEST(a_table_has_aligned_columns)
{
    struct capture capture = capture_begin(STDOUT_FILENO);
    char *text;

    ck_assert_int_eq(cli_show_list(two_rows(), columns, "none", false), CLI_OK);
    text = capture_end(&capture);
    ck_assert_str_eq(text, "NAME         BITS  USED\n"
                           "a-long-name  256   yes\n"
                           "-            -     -\n");
    free(text);
}
END_TEST

START_TEST(json_is_printed_whole)
{
    struct capture capture = capture_begin(STDOUT_FILENO);
    json_t *read;
    json_t *wanted = two_rows();
    char *text;

    ck_assert_int_eq(cli_show_list(two_rows(), columns, "none", true), CLI_OK);
    text = capture_end(&capture);
    read = json_loads(text, 0, NULL);
    ck_assert(json_equal(read, wanted));
    json_decref(read);
    json_decref(wanted);
    free(text);
}
END_TEST

START_TEST(a_text_does_nothing_to_a_terminal)
{
    json_t *row = json_pack("{s:s,s:s}", "name",
                            "a\033[2J\nb\x7f\xc2\x9b"
                            "1m\xc3\xa9",
                            "bits", "\xc4\x9b");
    struct capture capture = capture_begin(STDOUT_FILENO);
    char *text;

    ck_assert_int_eq(cli_show_list(json_pack("[O]", row), columns, "none", false), CLI_OK);
    ck_assert_int_eq(cli_show_object(row, columns, false), CLI_OK);
    text = capture_end(&capture);
    ck_assert_ptr_nonnull(strstr(text, "\na?[2J?b??1m\xc3\xa9  \xc4\x9b"));
    ck_assert_ptr_nonnull(strstr(text, "\nNAME: a?[2J?b??1m\xc3\xa9\nBITS: \xc4\x9b\n"));
    free(text);
}
END_TEST

START_TEST(an_empty_table_is_a_sentence_on_standard_error)
{
    struct capture out = capture_begin(STDOUT_FILENO);
    struct capture error = capture_begin(STDERR_FILENO);
    char *text;

    ck_assert_int_eq(cli_show_list(json_array(), columns, "There is none.", false), CLI_OK);
    text = capture_end(&error);
    ck_assert_str_eq(text, "There is none.\n");
    free(text);
    text = capture_end(&out);
    ck_assert_str_eq(text, "");
    free(text);
}
END_TEST

START_TEST(an_empty_list_is_json_too)
{
    struct capture capture = capture_begin(STDOUT_FILENO);
    char *text;

    ck_assert_int_eq(cli_show_list(json_array(), columns, "There is none.", true), CLI_OK);
    text = capture_end(&capture);
    ck_assert_str_eq(text, "[]\n");
    free(text);
}
END_TEST

START_TEST(an_object_shows_the_members_it_has)
{
    struct capture capture = capture_begin(STDOUT_FILENO);
    char *text;

    ck_assert_int_eq(cli_show_object(json_pack("{s:s,s:b}", "name", "x", "used", 0), columns, false), CLI_OK);
    text = capture_end(&capture);
    ck_assert_str_eq(text, "NAME: x\nUSED: no\n");
    free(text);
}
END_TEST

START_TEST(no_object_is_a_lack_of_memory)
{
    struct capture capture = capture_begin(STDERR_FILENO);
    char *text;

    ck_assert_int_eq(cli_show_object(NULL, columns, false), CLI_INTERNAL);
    ck_assert_int_eq(cli_show_list(NULL, columns, "none", true), CLI_INTERNAL);
    text = capture_end(&capture);
    ck_assert(strstr(text, "devid: memory: ") == text);
    free(text);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("output");
    TCase *t = tcase_create("output");

    tcase_add_test(t, a_table_has_aligned_columns);
    tcase_add_test(t, json_is_printed_whole);
    tcase_add_test(t, a_text_does_nothing_to_a_terminal);
    tcase_add_test(t, an_empty_table_is_a_sentence_on_standard_error);
    tcase_add_test(t, an_empty_list_is_json_too);
    tcase_add_test(t, an_object_shows_the_members_it_has);
    tcase_add_test(t, no_object_is_a_lack_of_memory);
    suite_add_tcase(s, t);
    return s;
}
