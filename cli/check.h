/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_CHECK_H
#define DEVID_CLI_CHECK_H

#include "cli/identity.h"
#include "cli/service.h"

#include <jansson.h>
#include <stdbool.h>

/* What `devid check` found so far. */
struct cli_checks {
    json_t *list;           /* of objects: check, result, text */
    enum cli_status status; /* of the first failure */
    bool json;              /* kept for the end, not printed as they come */
    bool names_tpm;         /* a token's configuration says how its TPM is reached */
};

/* What was asked for. */
struct cli_check_options {
    struct cli_identity_options identity;
    const char *connection_file;
    const char *endpoint;
    const char *ca_file;
    const char *pin_file;
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

/* The parts: clock, provider and p11-kit; module and tokens; the way to the TPM; the service. */
void cli_check_system(struct cli_checks *checks);
void cli_check_tokens(struct cli_checks *checks, const struct cli_check_options *options);
void cli_check_tpm(struct cli_checks *checks);
/* A way to a TPM (TCTI) and who names it: its device file, if that is what it is. */
void cli_check_tcti(struct cli_checks *checks, const char *who, const char *tcti);
void cli_check_endpoint(struct cli_checks *checks, const struct cli_check_options *options);

/* The device's own half of a registration. True: *client and *proof are what it would show. The client is
 * closed with cli_client_close in any case. */
bool cli_check_credentials(struct cli_checks *checks, const struct cli_client_settings *settings,
                           dps_client **client, struct dps_proof *proof);
/* The service's half, by its connection string: whether an enrollment fits what the device shows. */
void cli_check_match(struct cli_checks *checks, const struct cli_service_options *options, dps_client *client,
                     const struct dps_proof *proof);

#define CLI_CHECK_TEXT 1024

#endif
