/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"
#include "cli/command.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAXIMUM 1000000
#define HELP_COLUMN 28

static const struct cli_option *find_option(const struct cli_command *command, const char *name,
                                            size_t length)
{
    for (const struct cli_option *row = command->options; row->name != NULL; row++)
        if (strlen(row->name) == length && strncmp(row->name, name, length) == 0)
            return row;
    return NULL;
}

static enum cli_parsed wrong(const struct cli_command *command, const char *what, const char *why)
{
    cli_fail(CLI_USAGE, "%s: %s; 'devid %s --help' shows how it is used", what, why, command->name);
    return CLI_WRONG;
}

static const char *read_number(const char *text, unsigned *out)
{
    size_t digits = strspn(text, "0123456789");
    unsigned long number = strtoul(text, NULL, 10);

    if (digits == 0 || text[digits] != '\0' || digits > 9 || number > NUMBER_MAXIMUM)
        return "takes a whole number from 0 to 1000000";
    *out = (unsigned)number;
    return NULL;
}

static const char *add_to_list(const char *text, struct cli_list *list)
{
    if (list->count == CLI_LIST_MAXIMUM)
        return "is given too often (32 times at most)";
    list->items[list->count++] = text;
    return NULL;
}

/* Puts a value where its row says; answers why it cannot, or NULL. */
static const char *store(const struct cli_option *row, const char *value, void *values)
{
    char *field = (char *)values + row->field;

    switch (row->kind) {
    case CLI_TEXT:
        if (value[0] == '\0')
            return "takes a value that is not empty";
        *(const char **)(void *)field = value;
        return NULL;
    case CLI_FLAG:
        *(bool *)field = true;
        return NULL;
    case CLI_NUMBER:
        return read_number(value, (unsigned *)(void *)field);
    case CLI_LIST:
        return add_to_list(value, (struct cli_list *)(void *)field);
    }
    return "is of no known kind";
}

/* One "--name", "--name value" or "--name=value"; *index moves over what it took. */
static enum cli_parsed parse_option(const struct cli_command *command, int argc, char **argv, int *index,
                                    void *values)
{
    const char *text = argv[*index];
    const char *equals = strchr(text, '=');
    size_t length = equals != NULL ? (size_t)(equals - text) : strlen(text);
    const struct cli_option *row;
    const char *value = NULL;
    const char *why;

    if (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0)
        return CLI_HELP;
    row = length > 2 && text[1] == '-' ? find_option(command, text + 2, length - 2) : NULL;
    if (row == NULL)
        return wrong(command, text, "is no option of this command");
    if (row->kind == CLI_FLAG && equals != NULL)
        return wrong(command, text, "takes no value");
    if (row->kind != CLI_FLAG) {
        if (equals == NULL && *index + 1 == argc)
            return wrong(command, text, "needs a value after it");
        value = equals != NULL ? equals + 1 : argv[++*index];
    }
    why = store(row, value, values);
    return why == NULL ? CLI_RUN : wrong(command, text, why);
}

static enum cli_parsed parse_argument(const struct cli_command *command, const char *text, void *values)
{
    const char **field = (const char **)(void *)((char *)values + command->argument_field);

    if (command->argument == NULL)
        return wrong(command, text, "is not expected");
    if (*field != NULL)
        return wrong(command, text, "is one argument too many");
    *field = text;
    return CLI_RUN;
}

/* What the command line left open: the environment, then complaints. */
static enum cli_parsed complete(const struct cli_command *command, void *values)
{
    for (const struct cli_option *row = command->options; row->name != NULL; row++) {
        const char **field = (const char **)(void *)((char *)values + row->field);
        const char *given;
        char name[64];

        if (row->kind != CLI_TEXT || *field != NULL)
            continue;
        given = row->environment != NULL ? getenv(row->environment) : NULL;
        if (given != NULL && given[0] != '\0')
            *field = given;
        snprintf(name, sizeof name, "--%s", row->name);
        if (row->required && *field == NULL)
            return wrong(command, name, "is missing");
    }
    if (command->argument != NULL &&
        *(const char **)(void *)((char *)values + command->argument_field) == NULL)
        return wrong(command, command->argument, "is missing");
    return CLI_RUN;
}

enum cli_parsed cli_parse(const struct cli_command *command, int argc, char **argv, void *values)
{
    bool only_arguments = false;

    for (int i = 0; i < argc; i++) {
        enum cli_parsed parsed;

        if (!only_arguments && strcmp(argv[i], "--") == 0) {
            only_arguments = true;
            continue;
        }
        parsed = !only_arguments && argv[i][0] == '-' && argv[i][1] != '\0'
                     ? parse_option(command, argc, argv, &i, values)
                     : parse_argument(command, argv[i], values);
        if (parsed != CLI_RUN)
            return parsed;
    }
    return complete(command, values);
}

static void print_option(const struct cli_option *row, FILE *to)
{
    int width = fprintf(to, "  --%s%s%s", row->name, row->value != NULL ? " " : "",
                        row->value != NULL ? row->value : "");

    if (width >= HELP_COLUMN)
        width = fprintf(to, "\n") - 1;
    fprintf(to, "%*s%s", HELP_COLUMN - width, "", row->help);
    if (row->environment != NULL)
        fprintf(to, " [$%s]", row->environment);
    fprintf(to, "%s\n", row->required ? " (required)" : row->kind == CLI_LIST ? " (may be repeated)" : "");
}

void cli_print_help(const struct cli_command *command, FILE *to)
{
    fprintf(to, "Usage: devid %s [OPTIONS]%s%s\n\n%c%s.\n", command->name,
            command->argument != NULL ? " " : "", command->argument != NULL ? command->argument : "",
            toupper((unsigned char)command->summary[0]), command->summary + 1);
    if (command->details != NULL)
        fprintf(to, "\n%s\n", command->details);
    fprintf(to, "\nOptions:\n");
    for (const struct cli_option *row = command->options; row->name != NULL; row++)
        print_option(row, to);
    fprintf(to, "  %-*s%s\n", HELP_COLUMN - 2, "--help", "show this page");
}
