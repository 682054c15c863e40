/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_OPTIONS_H
#define DEVID_CLI_OPTIONS_H

#include "cli/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct cli_command;

enum cli_option_kind {
    CLI_TEXT,   /* const char * */
    CLI_FLAG,   /* bool; takes no value */
    CLI_NUMBER, /* unsigned, 0 to 1000000 */
    CLI_LIST,   /* struct cli_list; the option may be repeated */
};

#define CLI_LIST_MAXIMUM 32

/* The values of a repeated option, in their order; they belong to argv. */
struct cli_list {
    const char *items[CLI_LIST_MAXIMUM];
    size_t count;
};

/* One long option. Tables of them end with an empty row. */
struct cli_option {
    const char *name;  /* without the dashes */
    const char *value; /* what --help calls its value; NULL for a flag */
    const char *help;
    enum cli_option_kind kind;
    size_t field;            /* the offset of its field in the values struct */
    bool required;           /* must be given, here or in the environment */
    const char *environment; /* a variable that is read when the option is not given (CLI_TEXT), or NULL */
};

/* Rows that many commands share; TYPE is the values struct, which has the field of that name. */
#define CLI_OPTION_MODULE(TYPE)                                                                              \
    {                                                                                                        \
        "module", "FILE", "PKCS#11 module to use", CLI_TEXT, offsetof(TYPE, module), false,                  \
            "DEVID_PKCS11_MODULE"                                                                            \
    }
#define CLI_OPTION_PIN_FILE(TYPE)                                                                            \
    {                                                                                                        \
        "pin-file", "FILE", "file with the PIN, for a token that has one", CLI_TEXT,                         \
            offsetof(TYPE, pin_file)                                                                         \
    }
#define CLI_OPTION_JSON(TYPE)                                                                                \
    {                                                                                                        \
        "json", NULL, "print JSON, for programs", CLI_FLAG, offsetof(TYPE, json)                             \
    }

/* What cli_parse answers besides. */
enum cli_parsed {
    CLI_RUN,  /* go on */
    CLI_HELP, /* --help was asked for; the caller prints it */
    CLI_WRONG /* told on standard error */
};

/*
 * Reads argv[argc] (without program and command names) into *values, a copy of command->defaults, by the rows
 * of the command. Texts that are kept belong to argv or to the environment.
 */
enum cli_parsed cli_parse(const struct cli_command *command, int argc, char **argv, void *values);

/* Prints the command's --help page. */
void cli_print_help(const struct cli_command *command, FILE *to);

#endif
