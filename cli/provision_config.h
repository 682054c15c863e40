/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_PROVISION_CONFIG_H
#define DEVID_CLI_PROVISION_CONFIG_H

#include "cli/client.h"
#include "cli/config.h"

/*
 * Takes over what a configuration says, where the settings are silent; they then point into it. What it says
 * of the TPM goes into the environment of the PKCS#11 module, unless that says something already.
 */
enum cli_status cli_provision_config(const struct cli_config *config, struct cli_client_settings *settings);

/* The last of it alone. */
enum cli_status cli_provision_config_module(const struct cli_config *config);

#endif
