/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_REGISTERED_H
#define DEVID_CLI_REGISTERED_H

#include "cli/client.h"
#include "cli/config.h"
#include "cli/options.h"

/* A device that has a hub, from the state file of `devid provision`: what send, receive, status and sas begin
 * with. */

struct cli_registered_options {
    const char *state;
    const char *config;
    const char *ca_file;
    const char *pin_file;
    const char *module;
    unsigned timeout;
    bool verbose;
};

/* Rows for these options; FIELD is the struct cli_registered_options in the values struct TYPE. The second
 * kind is for who asks a service. */
#define CLI_OPTIONS_REGISTERED(TYPE, FIELD)                                                                  \
    {"state", "FILE", "state file of 'devid provision'", CLI_TEXT, offsetof(TYPE, FIELD.state)},             \
        {"config", "FILE", "where the state file's device keeps its symmetric key and names its TPM",        \
         CLI_TEXT, offsetof(TYPE, FIELD.config)},                                                            \
        {"pin-file", "FILE", "file with the PIN, for a token that has one", CLI_TEXT,                        \
         offsetof(TYPE, FIELD.pin_file)},                                                                    \
    {                                                                                                        \
        "module", "FILE", "PKCS#11 module to use", CLI_TEXT, offsetof(TYPE, FIELD.module), false,            \
            "DEVID_PKCS11_MODULE"                                                                            \
    }
#define CLI_OPTIONS_ASKING(TYPE, FIELD)                                                                      \
    {"ca-file", "FILE", "CAs to trust (default: those of the state file)", CLI_TEXT,                         \
     offsetof(TYPE, FIELD.ca_file)},                                                                         \
        {"timeout", "SECONDS", "time limit of each request (default 120)", CLI_NUMBER,                       \
         offsetof(TYPE, FIELD.timeout)},                                                                     \
    {                                                                                                        \
        "verbose", NULL, "tell each step on standard error", CLI_FLAG, offsetof(TYPE, FIELD.verbose)         \
    }

struct cli_registered {
    char *path;     /* of the state file */
    bool key_given; /* a symmetric key, by value */
    dps_client *client;
    dps_registration *registration;
    struct cli_config config;
};

/* Closed with cli_registered_close, also after a failure. */
enum cli_status cli_registered_open(const struct cli_registered_options *options, struct cli_registered *out);
void cli_registered_close(struct cli_registered *registered);

/* Opens the hub that the device was assigned to; *hub is freed with dps_hub_close, before the close above. */
enum cli_status cli_registered_hub(const struct cli_registered *registered, dps_hub **hub);

#endif
