/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_CLIENT_H
#define DEVID_CLI_CLIENT_H

#include "cli/status.h"
#include "devid/dps.h"

#include <stdbool.h>

/* What provision and send tell libdevid-dps. NULL and 0 leave the library's defaults. */
struct cli_client_settings {
    const char *id_scope;
    const char *registration_id;
    const char *certificate;
    const char *key;
    const char *endpoint;
    const char *ca_file;
    const char *module;
    const char *payload;
    const char *pin_file; /* must outlive the client */
    unsigned timeout;
    bool verbose;
};

/* Makes a client with all settings; Ctrl-C and SIGTERM then cancel what it does. *client is closed with
 * cli_client_close also after a failure. */
enum cli_status cli_client_open(const struct cli_client_settings *settings, dps_client **client);
void cli_client_close(dps_client *client);

/* Tells why a call of the library failed, and answers the exit code for it. */
enum cli_status cli_client_failed(const dps_client *client, const char *thing, dps_status status);

/* True once Ctrl-C or SIGTERM came. */
bool cli_client_interrupted(void);

#endif
