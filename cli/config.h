/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_CONFIG_H
#define DEVID_CLI_CONFIG_H

#include "cli/status.h"

#include <jansson.h>
#include <stdbool.h>

/*
 * What a configuration file says of a device's provisioning, whatever its format: config.toml of IoT Edge 1.2
 * and later (TOML), config.yaml of IoT Edge 1.1 (YAML), or devid.conf (name = value). Files are paths, keys
 * in tokens are pkcs11: URIs. Texts are NULL where the file says nothing; all of them belong to `document`.
 */

enum cli_config_source { CLI_SOURCE_DPS, CLI_SOURCE_MANUAL };
enum cli_config_method { CLI_METHOD_TPM, CLI_METHOD_SYMMETRIC, CLI_METHOD_X509 };
enum cli_config_mode { CLI_MODE_DYNAMIC, CLI_MODE_ALWAYS, CLI_MODE_ON_ERROR };

struct cli_config {
    enum cli_config_source source;
    enum cli_config_method method;
    enum cli_config_mode mode; /* of re-provisioning */
    const char *endpoint;
    const char *id_scope;
    const char *registration_id;
    const char *symmetric_key;     /* base64: a secret */
    const char *symmetric_key_uri; /* or where it is: a file or a pkcs11: URI */
    const char *certificate;
    const char *private_key;
    const char *payload_file;
    const char *connection_string; /* of a manual device: a secret */
    const char *hub;               /* or its parts */
    const char *device_id;
    const char *tcti;
    const char *owner_auth; /* secrets */
    const char *endorsement_auth;
    const char *ca_file;
    json_t *document;
};

/* Reads and checks the file; the format is told by its content. Freed with cli_config_free, also after a
 * failure. */
enum cli_status cli_config_read(const char *path, struct cli_config *out);

/* The same with a text; `name` stands for it in messages. */
enum cli_status cli_config_parse(const char *name, const char *text, size_t size, struct cli_config *out);

/* Wipes what was read. */
void cli_config_free(struct cli_config *config);

#endif
