/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"
#include "cli/output.h"
#include "cli/registered.h"
#include "common/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct signature {
    struct cli_registered_options device;
    const char *resource;
    unsigned seconds;
    bool json;
};

/* The hub's name without its port, which a hub does not count. */
static char *device_resource(const dps_registration *registration)
{
    const char *hub = dps_registration_hub(registration);
    char *resource = NULL;

    if (asprintf(&resource, "%.*s/devices/%s", (int)strcspn(hub, ":"), hub,
                 dps_registration_device_id(registration)) < 0)
        return NULL;
    return resource;
}

static enum cli_status show(const struct signature *options, const char *resource, const char *token)
{
    if (options->json)
        return cli_show_object(json_pack("{s:s, s:s, s:i}", "resource", resource, "token", token, "seconds",
                                         (int)options->seconds),
                               NULL, true);
    puts(token);
    return CLI_OK;
}

static enum cli_status sign(const void *values)
{
    const struct signature *options = values;
    struct cli_registered device;
    char *resource = NULL;
    char *token = NULL;
    enum cli_status status = cli_registered_open(&options->device, &device);
    dps_status made;

    if (status == CLI_OK) {
        resource =
            options->resource != NULL ? strdup(options->resource) : device_resource(device.registration);
        made = resource != NULL ? dps_client_sas(device.client, resource, options->seconds, &token)
                                : DPS_NO_MEMORY;
        status =
            made == DPS_OK ? show(options, resource, token) : cli_client_failed(device.client, "token", made);
    }
    if (token != NULL)
        bytes_wipe(token, strlen(token));
    free(token);
    free(resource);
    cli_registered_close(&device);
    return status;
}

#define FIELD(NAME) offsetof(struct signature, NAME)

static const struct cli_option options[] = {
    {"resource",                                         "TEXT", "what it is for (default: the device at its hub)", CLI_TEXT, FIELD(resource)},
    {"duration", "SECONDS", "how long it is good for (default 3600)", CLI_NUMBER, FIELD(seconds)},
    CLI_OPTIONS_REGISTERED(struct signature, device),
    CLI_OPTION_JSON(struct signature),
    {0                                  },
};

static const struct signature defaults = {.seconds = 3600};

const struct cli_command cli_sas = {
    .name = "sas",
    .summary = "sign a token for another program that speaks to the hub",
    .details =
        "Prints a shared access signature by the device's symmetric key or the hub key in its TPM. Whoever\n"
        "has the token may act as the device until it expires.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = sign,
};
