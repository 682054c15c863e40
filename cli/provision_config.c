/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/provision_config.h"

#include <stdlib.h>

static void take(const char **setting, const char *value)
{
    if (*setting == NULL)
        *setting = value;
}

enum cli_status cli_provision_config_module(const struct cli_config *config)
{
    const struct {
        const char *name;
        const char *value;
    } rows[] = {
        {"DEVID_TCTI",             config->tcti            },
        {"DEVID_OWNER_AUTH",       config->owner_auth      },
        {"DEVID_ENDORSEMENT_AUTH", config->endorsement_auth},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].value != NULL && setenv(rows[i].name, rows[i].value, 0) != 0)
            return cli_no_memory();
    return CLI_OK;
}

static void use_credentials(const struct cli_config *config, struct cli_client_settings *settings)
{
    switch (config->method) {
    case CLI_METHOD_TPM:
        settings->tpm = "pkcs11:"; /* the only TPM there is */
        break;
    case CLI_METHOD_SYMMETRIC:
        settings->symmetric = config->symmetric_key_uri;
        settings->symmetric_value = config->symmetric_key;
        break;
    case CLI_METHOD_X509:
        settings->certificate = config->certificate;
        settings->key = config->private_key;
        break;
    }
}

enum cli_status cli_provision_config(const struct cli_config *config, struct cli_client_settings *settings)
{
    static const char *const modes[] = {
        [CLI_MODE_DYNAMIC] = "dynamic",
        [CLI_MODE_ALWAYS] = "always",
        [CLI_MODE_ON_ERROR] = "on-error",
    };

    if (config->source == CLI_SOURCE_MANUAL) {
        settings->hub = config->hub;
        settings->device_id = config->device_id;
        settings->reprovision = "on-error"; /* there is nobody to register with */
    }
    use_credentials(config, settings);
    take(&settings->id_scope, config->id_scope);
    take(&settings->registration_id, config->registration_id);
    take(&settings->endpoint, config->endpoint);
    take(&settings->ca_file, config->ca_file);
    take(&settings->reprovision, modes[config->mode]);
    return cli_provision_config_module(config);
}
