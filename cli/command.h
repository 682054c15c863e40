/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_COMMAND_H
#define DEVID_CLI_COMMAND_H

#include "cli/options.h"
#include "cli/status.h"

/*
 * One sub-command: a row that --help, the parser and main() read. `defaults` is a struct of `size` bytes
 * whose fields `options` and `arguments` point into; run() gets a filled copy of it.
 */
struct cli_command {
    const char *name;      /* one or two words: "csr", "key generate" */
    const char *argument;  /* the positional argument as --help calls it; NULL when there is none */
    size_t argument_field; /* where it goes: the offset of a const char * */
    const char *summary;   /* one line, for the list of commands */
    const char *details;   /* paragraphs for --help, or NULL */
    const struct cli_option *options;
    const void *defaults;
    size_t size;
    /* Does the work. Whatever goes wrong has been told on standard error (cli_fail) when it returns. */
    enum cli_status (*run)(const void *values);
};

extern const struct cli_command cli_token_init, cli_token_list, cli_token_pin;
extern const struct cli_command cli_key_generate, cli_key_list, cli_key_pem;
extern const struct cli_command cli_key_persist, cli_key_unpersist;
extern const struct cli_command cli_tpm_info, cli_tpm_setup;
extern const struct cli_command cli_check;
extern const struct cli_command cli_csr;
extern const struct cli_command cli_cert_import;
extern const struct cli_command cli_provision;
extern const struct cli_command cli_send, cli_receive, cli_sas, cli_status_command;
extern const struct cli_command cli_enrollment_create_command, cli_enrollment_list, cli_enrollment_show,
    cli_enrollment_delete;
extern const struct cli_command cli_group_create, cli_group_list, cli_group_show, cli_group_delete;

#endif
