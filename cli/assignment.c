/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/client.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/state.h"

#include <stdlib.h>

/* devid status: what the device was assigned to. */

struct assignment {
    const char *state;
    const char *ca_file;
    const char *pin_file;
    const char *module;
    unsigned timeout;
    bool ask;
    bool verbose;
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
    const struct cli_client_settings settings = {
        .ca_file = options->ca_file,
        .module = options->module,
        .pin_file = options->pin_file,
        .timeout = options->timeout,
        .verbose = options->verbose,
    };
    dps_registration *kept = NULL;
    dps_registration *told = NULL;
    dps_client *client = NULL;
    char *path = NULL;
    enum cli_status status = cli_state_path(options->state, &path);
    dps_status asked = DPS_OK;

    if (status == CLI_OK)
        status = cli_client_load(path, &settings, &client, &kept);
    if (status == CLI_OK && options->ask)
        asked = dps_client_lookup(client, &told);
    if (asked != DPS_OK)
        status = cli_client_failed(client, "registration", asked);
    if (status == CLI_OK)
        status = cli_show_object(describe(options->ask ? told : kept, options->ask ? "the service" : path),
                                 columns, options->json);
    dps_registration_free(kept);
    dps_registration_free(told);
    cli_client_close(client);
    free(path);
    return status;
}

#define FIELD(NAME) offsetof(struct assignment, NAME)

static const struct cli_option options[] = {
    {"ask",                                         NULL, "ask the service, instead of the state file", CLI_FLAG, FIELD(ask)},
    {"state", "FILE", "state file of 'devid provision'", CLI_TEXT, FIELD(state)},
    {"ca-file",                                   "FILE", "CAs to trust (default: those of the state file)", CLI_TEXT, FIELD(ca_file)},
    {"timeout",                                       "SECONDS", "give up after so long (default 120)", CLI_NUMBER, FIELD(timeout)},
    {"verbose",            NULL, "tell each step on standard error", CLI_FLAG, FIELD(verbose)},
    CLI_OPTION_PIN_FILE(struct assignment),
    CLI_OPTION_MODULE(struct assignment),
    CLI_OPTION_JSON(struct assignment),
    {0                                },
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
