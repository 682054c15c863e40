/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_IDENTITY_H
#define DEVID_CLI_IDENTITY_H

#include "cli/client.h"
#include "cli/config.h"
#include "cli/options.h"

/* The options that say which device this is, and how it proves that: for `devid provision` and `devid check`.
 */
struct cli_identity_options {
    const char *config;
    const char *id_scope;
    const char *registration_id;
    const char *certificate;
    const char *key;
    const char *symmetric_file;
    const char *symmetric_uri;
    const char *group_file;
    const char *group_uri;
    const char *token;
    const char *tpm_id;
    bool tpm;
};

/* Rows for these options; FIELD is the struct cli_identity_options in the values struct TYPE. */
#define CLI_OPTIONS_IDENTITY(TYPE, FIELD)                                                                    \
    {"id-scope",                                                                                             \
     "SCOPE",                                                                                                \
     "id scope of the DPS instance",                                                                         \
     CLI_TEXT,                                                                                               \
     offsetof(TYPE, FIELD.id_scope),                                                                         \
     false,                                                                                                  \
     "PROVISIONING_IDSCOPE"},                                                                                \
        {"config", "FILE", "settings of IoT Edge (config.toml, config.yaml) or devid.conf", CLI_TEXT,        \
         offsetof(TYPE, FIELD.config)},                                                                      \
        {"registration-id",                                                                                  \
         "ID",                                                                                               \
         "name to register (default: the certificate's CN, the TPM's)",                                      \
         CLI_TEXT,                                                                                           \
         offsetof(TYPE, FIELD.registration_id),                                                              \
         false,                                                                                              \
         "PROVISIONING_REGISTRATION_ID"},                                                                    \
        {"cert", "URI|FILE", "certificate, with its intermediates", CLI_TEXT,                                \
         offsetof(TYPE, FIELD.certificate)},                                                                 \
        {"key", "URI|FILE", "private key", CLI_TEXT, offsetof(TYPE, FIELD.key)},                             \
        {"symmetric-key-file", "FILE", "the device's symmetric key, in a file", CLI_TEXT,                    \
         offsetof(TYPE, FIELD.symmetric_file)},                                                              \
        {"symmetric-key-uri", "URI", "the device's symmetric key, in a token", CLI_TEXT,                     \
         offsetof(TYPE, FIELD.symmetric_uri)},                                                               \
        {"group-key-file", "FILE", "the key of its group, of which its own is made", CLI_TEXT,               \
         offsetof(TYPE, FIELD.group_file)},                                                                  \
        {"group-key-uri", "URI", "the same, in a token", CLI_TEXT, offsetof(TYPE, FIELD.group_uri)},         \
        {"tpm", NULL, "the device proves itself by its TPM", CLI_FLAG, offsetof(TYPE, FIELD.tpm)},           \
        {"token", "URI", "the TPM's token (default: the only one)", CLI_TEXT, offsetof(TYPE, FIELD.token)},  \
    {                                                                                                        \
        "tpm-id", "base32|hex", "how a TPM is named without --registration-id", CLI_TEXT,                    \
            offsetof(TYPE, FIELD.tpm_id)                                                                     \
    }

/* Whether anything says how the device proves who it is: an option, or $PROVISIONING_SYMMETRIC_KEY. */
bool cli_identity_given(const struct cli_identity_options *options);

/*
 * Puts what the options, the environment and the configuration file say into the settings, whose other
 * members are kept; what the file says comes last. One way to prove who the device is, and all that it needs;
 * no PIN in a URI. The texts belong to options, environment and *config, which is freed with cli_config_free
 * in any case.
 */
enum cli_status cli_identity_settle(const struct cli_identity_options *options, struct cli_config *config,
                                    struct cli_client_settings *settings);

#endif
