/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/registered.h"

#include "cli/provision_config.h"
#include "cli/state.h"

#include <stdlib.h>

enum cli_status cli_registered_open(const struct cli_registered_options *options, struct cli_registered *out)
{
    struct cli_client_settings settings = {
        .ca_file = options->ca_file,
        .module = options->module,
        .pin_file = options->pin_file,
        .timeout = options->timeout,
        .verbose = options->verbose,
    };
    const char *environment = getenv("PROVISIONING_SYMMETRIC_KEY");
    enum cli_status status;

    *out = (struct cli_registered){0};
    status = cli_state_path(options->state, &out->path);
    if (status == CLI_OK && options->config != NULL) {
        status = cli_config_read(options->config, &out->config);
        if (status == CLI_OK)
            status = cli_provision_config_module(&out->config);
        settings.symmetric_value = out->config.symmetric_key;
    }
    out->key_given = settings.symmetric_value != NULL || (environment != NULL && environment[0] != '\0');
    if (status == CLI_OK)
        status = cli_client_load(out->path, &settings, &out->client, &out->registration);
    return status;
}

void cli_registered_close(struct cli_registered *registered)
{
    dps_registration_free(registered->registration);
    cli_client_close(registered->client);
    cli_config_free(&registered->config);
    free(registered->path);
    *registered = (struct cli_registered){0};
}

enum cli_status cli_registered_hub(const struct cli_registered *registered, dps_hub **hub)
{
    dps_status opened;

    *hub = NULL;
    if (!registered->key_given && cli_client_lacks_key(registered->path))
        return cli_fail(
            CLI_INPUT,
            "%s: there are no credentials in it, for the key was given by value; give it again in "
            "$PROVISIONING_SYMMETRIC_KEY, or the configuration that has it with --config",
            registered->path);
    opened = dps_hub_open(registered->client, dps_registration_hub(registered->registration),
                          dps_registration_device_id(registered->registration), hub);
    return opened == DPS_OK ? CLI_OK : cli_client_failed(registered->client, "hub", opened);
}
