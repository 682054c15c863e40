/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"
#include "cli/output.h"
#include "cli/registered.h"

/* devid status: what the device was assigned to. */

struct assignment {
    struct cli_registered_options device;
    bool ask;
    bool json;
};

static const struct cli_column columns[] = {
    {"status",        "Status"},
    {"hub",               "Hub"},
    {"device_id","Device"},
    {"registration_id",     "Registration"},
    {"substatus",               "Assignment"},
    {"enrollment_group","Group"},
    {"created",     "Created"},
    {"last_updated",               "Updated"},
    {"payload",            "Payload"},
    {"source",       "Told by"},
    {0              },
};

static bool set_text(json_t *object, const char *name, const char *text)
{
    return text[0] == '\0' || json_object_set_new(object, name, json_string(text)) == 0;
}

static json_t *describe(const dps_registration *registration, const char *source)
{
    json_t *object = json_object();

    if (set_text(object, "status", dps_registration_status(registration)) &&
        set_text(object, "hub", dps_registration_hub(registration)) &&
        set_text(object, "device_id", dps_registration_device_id(registration)) &&
        set_text(object, "registration_id", dps_registration_registration_id(registration)) &&
        set_text(object, "substatus", dps_registration_substatus(registration)) &&
        set_text(object, "enrollment_group", dps_registration_enrollment_group(registration)) &&
        set_text(object, "created", dps_registration_created(registration)) &&
        set_text(object, "last_updated", dps_registration_last_updated(registration)) &&
        set_text(object, "payload", dps_registration_payload(registration)) &&
        set_text(object, "source", source))
        return object;
    json_decref(object);
    return NULL;
}

static enum cli_status show_assignment(const void *values)
{
    const struct assignment *options = values;
    struct cli_registered device;
    dps_registration *told = NULL;
    enum cli_status status = cli_registered_open(&options->device, &device);
    dps_status asked = DPS_OK;

    if (status == CLI_OK && options->ask)
        asked = dps_client_lookup(device.client, &told);
    if (asked != DPS_OK)
        status = cli_client_failed(device.client, "registration", asked);
    if (status == CLI_OK)
        status = cli_show_object(options->ask ? describe(told, "the service")
                                              : describe(device.registration, device.path),
                                 columns, options->json);
    dps_registration_free(told);
    cli_registered_close(&device);
    return status;
}

#define FIELD(NAME) offsetof(struct assignment, NAME)

static const struct cli_option options[] = {
    {"ask",                                         NULL, "ask the service, instead of the state file", CLI_FLAG, FIELD(ask)},
    CLI_OPTIONS_REGISTERED(struct assignment, device),
    CLI_OPTIONS_ASKING(struct assignment, device),
    CLI_OPTION_JSON(struct assignment),
    {0},
};

static const struct assignment defaults = {0};

const struct cli_command cli_status_command = {
    .name = "status",
    .summary = "show what the device was assigned to",
    .details =
        "Without network the state file tells; with --ask the service is asked, and nothing is changed.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = show_assignment,
};
