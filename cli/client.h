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
    /* how the device proves who it is, one of these: */
    const char *certificate; /* with key */
    const char *key;
    const char *symmetric; /* URI or file */
    const char *symmetric_value;
    const char *group;
    const char *tpm; /* URI of its token */
    const char *key_store;
    const char *tpm_id;      /* "base32" or "hex" */
    const char *reprovision; /* "dynamic", "always" or "on-error" */
    const char *hub;         /* of a device that was given one, with device_id: it does not register */
    const char *device_id;
    const char *endpoint;
    const char *ca_file;
    const char *module;
    const char *payload;
    const void *request;  /* a certificate request, PEM or DER, */
    size_t request_size;  /* of this size */
    const char *pin_file; /* must outlive the client */
    unsigned timeout;
    bool verbose;
};

/* Makes a client with all settings; Ctrl-C and SIGTERM then cancel what it does. *client is closed with
 * cli_client_close also after a failure. */
enum cli_status cli_client_open(const struct cli_client_settings *settings, dps_client **client);

/* The same from the state file of a registration, which settings then change in part: ca_file, module,
 * pin_file, timeout, verbose. A symmetric key that the file does not name is settings->symmetric_value, else
 * $PROVISIONING_SYMMETRIC_KEY. */
enum cli_status cli_client_load(const char *state, const struct cli_client_settings *settings,
                                dps_client **client, dps_registration **registration);

/* Whether the state file is of a device with a symmetric key, and does not say where that is. */
bool cli_client_lacks_key(const char *state);
void cli_client_close(dps_client *client);

/* Tells why a call of the library failed, and answers the exit code for it. */
enum cli_status cli_client_failed(const dps_client *client, const char *thing, dps_status status);

/* True once Ctrl-C or SIGTERM came. */
bool cli_client_interrupted(void);

#endif
