/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/client.h"
#include "cli/command.h"
#include "cli/files.h"
#include "cli/output.h"
#include "cli/state.h"
#include "cli/uri.h"

#include <stdlib.h>

#define PAYLOAD_MAXIMUM (96 * 1024) /* the service's limit for a message */

struct provision {
    const char *id_scope;
    const char *registration_id;
    const char *certificate;
    const char *key;
    const char *endpoint;
    const char *ca_file;
    const char *payload_file;
    const char *out;
    const char *pin_file;
    const char *module;
    unsigned timeout;
    bool verbose;
    bool json;
};

static const struct cli_column columns[] = {
    {"hub",              "Hub"},
    {"device_id",                  "Device"},
    {"registration_id","Registration"},
    {"substatus",  "Assignment"},
    {"enrollment_group",                  "Group"},
    {"state_file",     "Saved in"},
    {0},
};

/* The state file is no place for a PIN. */
static enum cli_status refuse_pin_value(const char *text)
{
    P11KitUri *uri = NULL;
    enum cli_status status = CLI_OK;

    if (!cli_is_uri(text))
        return CLI_OK;
    status = cli_uri_parse(text, &uri);
    if (status == CLI_OK && p11_kit_uri_get_pin_value(uri) != NULL)
        status = cli_fail(
            CLI_INPUT, "URI: has a pin-value, which the state file would keep; use pin-source or --pin-file");
    p11_kit_uri_free(uri);
    return status;
}

/* The registration, and what send needs to use it. */
static enum cli_status describe(const struct provision *options, const dps_registration *registration,
                                json_t *state)
{
    const struct {
        const char *member;
        const char *text;
    } rows[] = {
        {"id_scope",         options->id_scope                              },
        {"registration_id",  dps_registration_registration_id(registration) },
        {"hub",              dps_registration_hub(registration)             },
        {"device_id",        dps_registration_device_id(registration)       },
        {"status",           dps_registration_status(registration)          },
        {"substatus",        dps_registration_substatus(registration)       },
        {"enrollment_group", dps_registration_enrollment_group(registration)},
        {"created",          dps_registration_created(registration)         },
        {"last_updated",     dps_registration_last_updated(registration)    },
        {"payload",          dps_registration_payload(registration)         },
        {"endpoint",         options->endpoint                              },
    };
    enum cli_status status = state != NULL ? CLI_OK : cli_no_memory();

    for (size_t i = 0; status == CLI_OK && i < sizeof rows / sizeof rows[0]; i++)
        status = cli_state_set(state, rows[i].member, rows[i].text);
    if (status == CLI_OK)
        status = cli_state_set_path(state, "certificate", options->certificate);
    if (status == CLI_OK)
        status = cli_state_set_path(state, "key", options->key);
    if (status == CLI_OK)
        status = cli_state_set_path(state, "ca_file", options->ca_file);
    if (status == CLI_OK)
        status = cli_state_set_path(state, "module", options->module);
    return status;
}

static enum cli_status save_and_show(const struct provision *options, const dps_registration *registration)
{
    json_t *state = json_object();
    char *path = NULL;
    enum cli_status status = describe(options, registration, state);

    if (status == CLI_OK)
        status = cli_state_path(options->out, &path);
    if (status == CLI_OK)
        status = cli_state_save(path, state);
    if (status == CLI_OK)
        status = cli_state_set(state, "state_file", path);
    if (status == CLI_OK) {
        status = cli_show_object(state, columns, options->json);
        state = NULL; /* released */
    }
    json_decref(state);
    free(path);
    return status;
}

static enum cli_status register_device(const struct provision *options, const char *payload)
{
    const struct cli_client_settings settings = {
        .id_scope = options->id_scope,
        .registration_id = options->registration_id,
        .certificate = options->certificate,
        .key = options->key,
        .endpoint = options->endpoint,
        .ca_file = options->ca_file,
        .module = options->module,
        .payload = payload,
        .pin_file = options->pin_file,
        .timeout = options->timeout,
        .verbose = options->verbose,
    };
    dps_registration *registration = NULL;
    dps_client *client = NULL;
    enum cli_status status = cli_client_open(&settings, &client);
    dps_status registered;

    if (status == CLI_OK) {
        registered = dps_client_register(client, &registration);
        status = registered == DPS_OK ? save_and_show(options, registration)
                                      : cli_client_failed(client, "registration", registered);
    }
    dps_registration_free(registration);
    cli_client_close(client);
    return status;
}

static enum cli_status provision(const void *values)
{
    const struct provision *options = values;
    struct bytes payload = BYTES_EMPTY;
    enum cli_status status = refuse_pin_value(options->key);

    if (status == CLI_OK)
        status = refuse_pin_value(options->certificate);
    if (status == CLI_OK && options->payload_file != NULL)
        status = cli_file_read("payload file", options->payload_file, PAYLOAD_MAXIMUM, &payload);
    if (status == CLI_OK)
        status = register_device(options, (const char *)payload.data);
    bytes_free(&payload);
    return status;
}

static const struct cli_option options[] = {
    {"id-scope",                             "SCOPE", "id scope of the DPS instance", CLI_TEXT, offsetof(struct provision, id_scope),
     true, "PROVISIONING_IDSCOPE"},
    {"registration-id",        "ID", "name to register (default: the certificate's CN)", CLI_TEXT,
     offsetof(struct provision, registration_id), false, "PROVISIONING_REGISTRATION_ID"},
    {"cert",             "URI|FILE", "certificate, with its intermediates", CLI_TEXT,
     offsetof(struct provision, certificate), true},
    {"key",                                   "URI|FILE", "private key", CLI_TEXT, offsetof(struct provision, key), true},
    {"endpoint",                                      "URL", "the service (default: Azure's global endpoint)", CLI_TEXT,
     offsetof(struct provision, endpoint), false, "PROVISIONING_HOST"},
    {"ca-file",                           "FILE", "CAs to trust instead of the system's", CLI_TEXT,
     offsetof(struct provision, ca_file)},
    {"payload",                              "FILE", "JSON for the service's custom allocation", CLI_TEXT,
     offsetof(struct provision, payload_file)},
    {"timeout",                      "SECONDS", "give up after so long (default 120)", CLI_NUMBER,
     offsetof(struct provision, timeout)},
    {"out",        "FILE", "state file to write", CLI_TEXT, offsetof(struct provision, out)},
    {"verbose",                                 NULL, "tell each step on standard error", CLI_FLAG, offsetof(struct provision, verbose)},
    CLI_OPTION_PIN_FILE(struct provision),
    CLI_OPTION_MODULE(struct provision),
    CLI_OPTION_JSON(struct provision),
    {0},
};

static const struct provision defaults = {0};

const struct cli_command cli_provision = {
    .name = "provision",
    .summary = "register with the Device Provisioning Service, get a hub",
    .details = "The device proves itself with its certificate and key over TLS. The assignment is printed "
               "and saved in\n"
               "a state file, from which 'devid send' takes it: " DEVID_STATEDIR "/registration.json for\n"
               "root, else $XDG_STATE_HOME/devid/registration.json.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = provision,
};
