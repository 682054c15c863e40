/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/client.h"
#include "cli/command.h"
#include "cli/files.h"
#include "cli/identity.h"
#include "cli/output.h"
#include "cli/state.h"

#include <stdlib.h>
#include <string.h>

#define PAYLOAD_MAXIMUM (96 * 1024) /* the service's limit for a message */

#define REQUEST_MAXIMUM (64 * 1024)

struct provision {
    struct cli_identity_options identity;
    const char *key_store;
    const char *reprovision;
    const char *endpoint;
    const char *ca_file;
    const char *payload_file;
    const char *csr_file;
    const char *certificates_out;
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

/* ---- registering */

/* Shows what the state file says, and where it is. */
static enum cli_status show(const struct provision *options, const char *path)
{
    json_t *state = json_load_file(path, 0, NULL);

    if (state == NULL || json_object_set_new(state, "state_file", json_string(path)) != 0) {
        json_decref(state);
        return cli_no_memory();
    }
    return cli_show_object(state, columns, options->json);
}

/* The chain that the service issued. */
static enum cli_status write_certificates(const struct provision *options,
                                          const dps_registration *registration)
{
    const char *pem = dps_registration_certificates(registration);

    if (options->csr_file == NULL)
        return CLI_OK;
    if (pem[0] == '\0')
        return cli_fail(CLI_REFUSED, "certificate request: the service registered the device and issued no "
                                     "certificate; has the enrollment a credential policy?");
    return cli_file_write(options->certificates_out, pem, strlen(pem), 0644);
}

/* Registers, or takes what an earlier run kept where a mode says so. */
static dps_status obtain(dps_client *client, bool has_mode, const char *path, dps_registration **registration)
{
    dps_status status = dps_client_set_state(client, path);

    if (status == DPS_OK && has_mode)
        return dps_client_provision(client, registration);
    if (status == DPS_OK)
        status = dps_client_register(client, registration);
    return status == DPS_OK ? dps_client_save(client, *registration, path) : status;
}

/* A device that has its hub already: what it proves itself with is looked at, and all of it kept. */
static dps_status adopt(dps_client *client, const struct cli_client_settings *settings, const char *path,
                        dps_registration **registration)
{
    dps_status status = dps_client_adopt(client, settings->hub, settings->device_id, registration);

    return status == DPS_OK ? dps_client_save(client, *registration, path) : status;
}

static enum cli_status register_device(const struct provision *options,
                                       const struct cli_client_settings *settings)
{
    dps_registration *registration = NULL;
    dps_client *client = NULL;
    char *path = NULL;
    enum cli_status status = cli_client_open(settings, &client);
    dps_status obtained = DPS_OK;

    if (status == CLI_OK)
        status = cli_state_path(options->out, &path);
    if (status == CLI_OK) {
        obtained = settings->hub != NULL ? adopt(client, settings, path, &registration)
                                         : obtain(client, settings->reprovision != NULL, path, &registration);
        if (obtained != DPS_OK)
            status = cli_client_failed(client, "registration", obtained);
    }
    if (status == CLI_OK)
        status = write_certificates(options, registration);
    if (status == CLI_OK)
        status = show(options, path);
    dps_registration_free(registration);
    cli_client_close(client);
    free(path);
    return status;
}

/* ---- what it takes */

/* With the files that go with a registration. */
static enum cli_status register_with_files(const struct provision *options, const char *payload_file,
                                           struct cli_client_settings *settings)
{
    struct bytes payload = BYTES_EMPTY;
    struct bytes request = BYTES_EMPTY;
    enum cli_status status = CLI_OK;

    if (settings->id_scope == NULL && settings->hub == NULL)
        status = cli_fail(CLI_USAGE, "--id-scope: is missing; 'devid provision --help' shows how it is used");
    else if ((options->csr_file == NULL) != (options->certificates_out == NULL))
        status = cli_fail(CLI_USAGE, "--csr and --cert-out: belong together; give both");
    if (status == CLI_OK && payload_file != NULL)
        status = cli_file_read("payload file", payload_file, PAYLOAD_MAXIMUM, &payload);
    if (status == CLI_OK && options->csr_file != NULL)
        status = cli_file_read("certificate request", options->csr_file, REQUEST_MAXIMUM, &request);
    settings->payload = (const char *)payload.data;
    settings->request = request.data;
    settings->request_size = request.size;
    if (status == CLI_OK)
        status = register_device(options, settings);
    bytes_free(&payload);
    bytes_free(&request);
    return status;
}

static enum cli_status provision(const void *values)
{
    const struct provision *options = values;
    struct cli_client_settings settings = {
        .key_store = options->key_store,
        .reprovision = options->reprovision,
        .endpoint = options->endpoint,
        .ca_file = options->ca_file,
        .module = options->module,
        .pin_file = options->pin_file,
        .timeout = options->timeout,
        .verbose = options->verbose,
    };
    struct cli_config config;
    enum cli_status status = cli_identity_settle(&options->identity, &config, &settings);

    if (status == CLI_OK)
        status = register_with_files(
            options, options->payload_file != NULL ? options->payload_file : config.payload_file, &settings);
    cli_config_free(&config);
    return status;
}

static const struct cli_option options[] = {
    CLI_OPTIONS_IDENTITY(struct provision, identity),
    {"key-store",                                            "URI", "where in a token the device's symmetric key is kept", CLI_TEXT,
                                  offsetof(struct provision, key_store)},
    {"reprovision", "MODE", "dynamic, always or on-error: use what was kept", CLI_TEXT,
                                  offsetof(struct provision, reprovision)},
    {"endpoint",                              "URL", "the service (default: Azure's global endpoint)", CLI_TEXT,
                                  offsetof(struct provision, endpoint), false, "PROVISIONING_HOST"},
    {"ca-file",                                                      "FILE", "CAs to trust instead of the system's", CLI_TEXT,
                                  offsetof(struct provision, ca_file)},
    {"payload",                                                "FILE", "JSON for the service's custom allocation", CLI_TEXT,
                                  offsetof(struct provision, payload_file)},
    {"csr",                                              "FILE", "certificate request for the service to issue", CLI_TEXT,
                                  offsetof(struct provision, csr_file)},
    {"cert-out",                                          "FILE", "where the issued certificates go", CLI_TEXT,
                                  offsetof(struct provision, certificates_out)},
    {"timeout",                                             "SECONDS", "give up after so long (default 120)", CLI_NUMBER,
                                  offsetof(struct provision, timeout)},
    {"out",      "FILE", "state file to write", CLI_TEXT, offsetof(struct provision, out)},
    {"verbose",                              NULL, "tell each step on standard error", CLI_FLAG, offsetof(struct provision, verbose)},
    CLI_OPTION_PIN_FILE(struct provision),
    CLI_OPTION_MODULE(struct provision),
    CLI_OPTION_JSON(struct provision),
    {0                                                },
};

static const struct provision defaults = {0};

const struct cli_command cli_provision = {
    .name = "provision",
    .summary = "register with the Device Provisioning Service, get a hub",
    .details = "The device proves itself with certificate and key over TLS, with a symmetric key (also\n"
               "$PROVISIONING_SYMMETRIC_KEY), by its TPM, or as --config says. The assignment is printed and "
               "saved in\n"
               "a state file, from which 'devid send' takes it: " DEVID_STATEDIR "/registration.json for\n"
               "root, else $XDG_STATE_HOME/devid/registration.json.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = provision,
};
