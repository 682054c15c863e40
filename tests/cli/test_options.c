/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"
#include "cli/command.h"
#include "tests/cli/capture.h"

#include <stdlib.h>
#include <string.h>

struct values {
    const char *file;
    const char *label;
    const char *type;
    const char *module;
    struct cli_list names;
    unsigned count;
    bool json;
};

static const struct cli_option rows[] = {
    {"label",                 "LABEL", "a name", CLI_TEXT, offsetof(struct values, label), true},
    {"type",               "TYPE", "a kind", CLI_TEXT, offsetof(struct values, type)},
    {"count", "N", "how many", CLI_NUMBER, offsetof(struct values, count)},
    {"name",                   "NAME", "another name", CLI_LIST, offsetof(struct values, names)},
    CLI_OPTION_MODULE(struct values),
    CLI_OPTION_JSON(struct values),
    {0                 },
};

static const struct values defaults = {.type = "usual", .count = 1};

static const struct cli_command command = {
    .name = "thing make",
    .argument = "FILE",
    .argument_field = offsetof(struct values, file),
    .summary = "make a thing",
    .details = "It takes a while.",
    .options = rows,
    .defaults = &defaults,
    .size = sizeof defaults,
};

#define ARGUMENTS_MAXIMUM 8

/* Parses a list of arguments that ends with NULL; *error is what was said, freed by the caller. */
static enum cli_parsed parse(const char *const *arguments, struct values *values, char **error)
{
    struct capture capture = capture_begin(STDERR_FILENO);
    enum cli_parsed parsed;
    int count = 0;

    while (arguments[count] != NULL)
        count++;
    *values = defaults;
    parsed = cli_parse(&command, count, (char **)(uintptr_t)arguments, values);
    *error = capture_end(&capture);
    return parsed;
}

START_TEST(fills_what_was_given_and_keeps_defaults)
{
    static const char *const arguments[] = {"--label", "a", "--json", "--name=x", "--name", "y", "f", NULL};
    struct values values;
    char *error;

    ck_assert_int_eq(parse(arguments, &values, &error), CLI_RUN);
    ck_assert_str_eq(error, "");
    ck_assert_str_eq(values.label, "a");
    ck_assert_str_eq(values.type, "usual");
    ck_assert_str_eq(values.file, "f");
    ck_assert(values.json);
    ck_assert_uint_eq(values.count, 1);
    ck_assert_uint_eq(values.names.count, 2);
    ck_assert_str_eq(values.names.items[0], "x");
    ck_assert_str_eq(values.names.items[1], "y");
    free(error);
}
END_TEST

START_TEST(an_option_beats_the_environment_beats_nothing)
{
    static const char *const given[] = {"--label", "a", "f", "--module", "mine.so", NULL};
    static const char *const not_given[] = {"--label", "a", "f", NULL};
    struct values values;
    char *error;

    setenv("DEVID_PKCS11_MODULE", "theirs.so", 1);
    ck_assert_int_eq(parse(given, &values, &error), CLI_RUN);
    ck_assert_str_eq(values.module, "mine.so");
    free(error);
    ck_assert_int_eq(parse(not_given, &values, &error), CLI_RUN);
    ck_assert_str_eq(values.module, "theirs.so");
    free(error);
    setenv("DEVID_PKCS11_MODULE", "", 1);
    ck_assert_int_eq(parse(not_given, &values, &error), CLI_RUN);
    ck_assert_ptr_null(values.module);
    free(error);
}
END_TEST

START_TEST(two_dashes_end_the_options)
{
    static const char *const arguments[] = {"--label", "a", "--", "--json", NULL};
    struct values values;
    char *error;

    ck_assert_int_eq(parse(arguments, &values, &error), CLI_RUN);
    ck_assert_str_eq(values.file, "--json");
    ck_assert(!values.json);
    free(error);
}
END_TEST

static const struct refusal {
    const char *arguments[ARGUMENTS_MAXIMUM];
    const char *text;
} refusals[] = {
    {{"--label", "a", NULL},                             "FILE: is missing"               },
    {{"f", NULL},                                        "--label: is missing"            },
    {{"--label", NULL},                                  "--label: needs a value"         },
    {{"--label", "", "f", NULL},                         "takes a value that is not empty"},
    {{"--label", "a", "f", "g", NULL},                   "g: is one argument too many"    },
    {{"--lable", "a", "f", NULL},                        "--lable: is no option"          },
    {{"--lab", "a", "f", NULL},                          "--lab: is no option"            },
    {{"-x", NULL},                                       "-x: is no option"               },
    {{"--json=yes", NULL},                               "takes no value"                 },
    {{"--label", "a", "f", "--count", "-1", NULL},       "whole number"                   },
    {{"--label", "a", "f", "--count", "1x", NULL},       "whole number"                   },
    {{"--label", "a", "f", "--count", "1000001", NULL},  "whole number"                   },
    {{"--label", "a", "f", "--count=99999999999", NULL}, "whole number"                   },
};

START_TEST(refuses_with_the_name_of_what_is_wrong)
{
    const struct refusal *row = &refusals[_i];
    struct values values;
    char *error;

    ck_assert_int_eq(parse(row->arguments, &values, &error), CLI_WRONG);
    ck_assert_msg(strstr(error, row->text) != NULL, "%s", error);
    ck_assert_msg(strstr(error, "'devid thing make --help'") != NULL, "%s", error);
    ck_assert_ptr_eq(strchr(error, '\n'), error + strlen(error) - 1);
    free(error);
}
END_TEST

START_TEST(a_list_has_an_end)
{
    const char *arguments[CLI_LIST_MAXIMUM + 2];
    struct values values;
    char *error;

    for (size_t i = 0; i <= CLI_LIST_MAXIMUM; i++)
        arguments[i] = "--name=x";
    arguments[CLI_LIST_MAXIMUM + 1] = NULL;
    ck_assert_int_eq(parse(arguments, &values, &error), CLI_WRONG);
    ck_assert_msg(strstr(error, "too often") != NULL, "%s", error);
    free(error);
}
END_TEST

START_TEST(help_is_asked_for_before_anything_is_missing)
{
    static const char *const arguments[] = {"--help", NULL};
    struct values values;
    char *error;

    ck_assert_int_eq(parse(arguments, &values, &error), CLI_HELP);
    ck_assert_str_eq(error, "");
    free(error);
}
END_TEST

START_TEST(the_help_page_names_every_option)
{
    struct capture capture = capture_begin(STDOUT_FILENO);
    char *page;

    cli_print_help(&command, stdout);
    page = capture_end(&capture);
    ck_assert_ptr_eq(strstr(page, "Usage: devid thing make [OPTIONS] FILE\n\nMake a thing.\n\nIt takes"),
                     page);
    for (const struct cli_option *row = rows; row->name != NULL; row++)
        ck_assert_msg(strstr(page, row->name) != NULL, "%s", row->name);
    ck_assert(strstr(page, "[$DEVID_PKCS11_MODULE]") != NULL);
    free(page);
}
END_TEST

/* A rule for all commands: rows that are complete, and defaults to copy. */
START_TEST(the_commands_are_well_formed)
{
    static const struct cli_command *const all[] = {
        &cli_token_init, &cli_token_list,  &cli_key_generate, &cli_key_list, &cli_key_pem,
        &cli_csr,        &cli_cert_import, &cli_provision,    &cli_send,
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        ck_assert(all[i]->run != NULL && all[i]->defaults != NULL && all[i]->summary != NULL);
        for (const struct cli_option *row = all[i]->options; row->name != NULL; row++) {
            ck_assert_msg((row->value == NULL) == (row->kind == CLI_FLAG), "%s --%s", all[i]->name,
                          row->name);
            ck_assert_msg(row->help != NULL && row->field < all[i]->size, "%s --%s", all[i]->name, row->name);
        }
    }
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("options");
    TCase *t = tcase_create("options");

    tcase_add_test(t, fills_what_was_given_and_keeps_defaults);
    tcase_add_test(t, an_option_beats_the_environment_beats_nothing);
    tcase_add_test(t, two_dashes_end_the_options);
    tcase_add_loop_test(t, refuses_with_the_name_of_what_is_wrong, 0, sizeof refusals / sizeof refusals[0]);
    tcase_add_test(t, a_list_has_an_end);
    tcase_add_test(t, help_is_asked_for_before_anything_is_missing);
    tcase_add_test(t, the_help_page_names_every_option);
    tcase_add_test(t, the_commands_are_well_formed);
    suite_add_tcase(s, t);
    return s;
}
