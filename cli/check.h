/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_CHECK_H
#define DEVID_CLI_CHECK_H

#include "cli/status.h"

#include <jansson.h>
#include <stdbool.h>

/* What `devid check` found so far. */
struct cli_checks {
    json_t *list;           /* of objects: check, result, text */
    enum cli_status status; /* of the first failure */
    bool json;              /* kept for the end, not printed as they come */
};

/* What was asked for. */
struct cli_check_options {
    const char *endpoint;
    const char *ca_file;
    const char *module;
    unsigned timeout;
    bool json;
};

/* Takes down a finding about `what`, a failure with the exit code that it means. The text says what is
 * the matter and what to do. */
void cli_check_ok(struct cli_checks *checks, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void cli_check_warn(struct cli_checks *checks, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void cli_check_fail(struct cli_checks *checks, enum cli_status status, const char *what, const char *format,
                    ...) __attribute__((format(printf, 4, 5)));

/* The parts: the TPM's device file, clock, provider and p11-kit; module and tokens; the service. */
void cli_check_system(struct cli_checks *checks, const struct cli_check_options *options);
void cli_check_tokens(struct cli_checks *checks, const struct cli_check_options *options);
void cli_check_endpoint(struct cli_checks *checks, const struct cli_check_options *options);

#define CLI_CHECK_TEXT 1024

#endif
