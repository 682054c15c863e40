/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The sub-commands, in the order in which a new device needs them. */
static const struct cli_command *const commands[] = {
    &cli_token_init,
    &cli_token_list,
    &cli_token_pin,
    &cli_key_generate,
    &cli_key_list,
    &cli_key_pem,
    &cli_key_persist,
    &cli_key_unpersist,
    &cli_tpm_setup,
    &cli_tpm_info,
    &cli_check,
    &cli_csr,
    &cli_cert_import,
    &cli_provision,
    &cli_send,
    &cli_receive,
    &cli_sas,
    &cli_status_command,
    &cli_enrollment_create_command,
    &cli_enrollment_list,
    &cli_enrollment_show,
    &cli_enrollment_delete,
    &cli_group_create,
    &cli_group_list,
    &cli_group_show,
    &cli_group_delete,
};

#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static void print_usage(FILE *to)
{
    fprintf(to,
            "Usage: devid COMMAND [OPTIONS]\n\n"
            "A device's identity: keys in a TPM, certificates, registration with Azure DPS, telemetry.\n\n"
            "Commands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(to, "  %-19s%s\n", commands[i]->name, commands[i]->summary);
    fprintf(to,
            "\n'devid COMMAND --help' explains one of them; devid(1) explains all, with the exit codes.\n");
}

/* How many words of argv the command's name takes, when they are that name; else 0. */
static int words_matched(const char *name, int argc, char **argv)
{
    size_t length = argc > 0 ? strlen(argv[0]) : 0;

    if (length == 0 || strncmp(name, argv[0], length) != 0)
        return 0;
    if (name[length] == '\0')
        return 1;
    return name[length] == ' ' && argc > 1 && strcmp(name + length + 1, argv[1]) == 0 ? 2 : 0;
}

static enum cli_status run(const struct cli_command *command, int argc, char **argv)
{
    void *values = malloc(command->size);
    enum cli_status status = CLI_USAGE;

    if (values == NULL)
        return cli_no_memory();
    memcpy(values, command->defaults, command->size);
    switch (cli_parse(command, argc, argv, values)) {
    case CLI_RUN:
        status = command->run(values);
        break;
    case CLI_HELP:
        cli_print_help(command, stdout);
        status = CLI_OK;
        break;
    case CLI_WRONG:
        break;
    }
    free(values);
    return status;
}

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

/* "devid key", "devid kye generate": what the first word could have meant. */
static enum cli_status no_such_command(int argc, char **argv)
{
    bool family = false;

    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        size_t length = strlen(argv[0]);

        family =
            family || (strncmp(commands[i]->name, argv[0], length) == 0 && commands[i]->name[length] == ' ');
    }
    if (family && argc > 1 && asks_for_help(argv[1])) {
        print_usage(stdout);
        return CLI_OK;
    }
    if (family && argc == 1)
        return cli_fail(CLI_USAGE, "%s: needs a second word; 'devid --help' lists the commands", argv[0]);
    return cli_fail(CLI_USAGE, "%s%s%s: there is no such command; 'devid --help' lists them", argv[0],
                    family ? " " : "", family ? argv[1] : "");
}

static enum cli_status dispatch(int argc, char **argv)
{
    if (argc == 0) {
        print_usage(stderr);
        return CLI_USAGE;
    }
    if (asks_for_help(argv[0])) {
        print_usage(stdout);
        return CLI_OK;
    }
    if (strcmp(argv[0], "--version") == 0) {
        puts("devid " DEVID_VERSION);
        return CLI_OK;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        int words = words_matched(commands[i]->name, argc, argv);

        if (words != 0)
            return run(commands[i], argc - words, argv + words);
    }
    return no_such_command(argc, argv);
}

int main(int argc, char **argv)
{
    enum cli_status status = dispatch(argc - 1, argv + 1);

    if (fflush(stdout) != 0 && status == CLI_OK)
        status = cli_fail(CLI_INTERNAL, "standard output: cannot be written; is the disk full?");
    return (int)status;
}
