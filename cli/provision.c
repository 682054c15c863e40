/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/client.h"
#include "cli/command.h"
#include "cli/files.h"
#include "cli/output.h"
#include "cli/provision_config.h"
#include "cli/state.h"
#include "cli/uri.h"

#include <stdlib.h>
#include <string.h>

#define PAYLOAD_MAXIMUM (96 * 1024) /* the service's limit for a message */

#define REQUEST_MAXIMUM (64 * 1024)

struct provision {
    const char *config;
    const char *id_scope;
    const char *registration_id;
    const char *certificate;
    const char *key;
    const char *symmetric_file;
    const char *symmetric_uri;
    const char *group_file;
    const char *group_uri;
    const char *key_store;
    const char *token;
    const char *tpm_id;
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
    bool tpm;
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

/* ---- what the device proves itself with */

/* Each way, by the options that ask for it. */
static unsigned count_ways(const struct provision *options)
{
    return (options->certificate != NULL || options->key != NULL) + (options->symmetric_file != NULL) +
           (options->symmetric_uri != NULL) + (options->group_file != NULL) + (options->group_uri != NULL) +
           (options->tpm ? 1U : 0U) + (options->config != NULL);
}

/* One way, and all that it needs. *environment: none of them, but $PROVISIONING_SYMMETRIC_KEY. */
static enum cli_status check_ways(const struct provision *options, const char **environment)
{
    unsigned ways = count_ways(options);
    const char *key = getenv("PROVISIONING_SYMMETRIC_KEY");

    *environment = NULL;
    if (ways > 1)
        return cli_fail(CLI_USAGE, "options: say in several ways how the device proves who it is; leave one");
    if (ways == 1 && (options->certificate == NULL) != (options->key == NULL))
        return cli_fail(CLI_USAGE, "--cert and --key: belong together; give both");
    if (ways == 1)
        return CLI_OK;
    if (key == NULL || key[0] == '\0')
        return cli_fail(CLI_USAGE,
                        "--cert: is missing; the device needs --cert and --key, or --symmetric-key-file, "
                        "--symmetric-key-uri, --group-key-file, --group-key-uri, "
                        "$PROVISIONING_SYMMETRIC_KEY, --tpm, or --config");
    *environment = key;
    return CLI_OK;
}

static enum cli_status refuse_pin_values(const struct provision *options)
{
    const char *const texts[] = {options->key,       options->certificate, options->symmetric_uri,
                                 options->group_uri, options->key_store,   options->token};
    enum cli_status status = CLI_OK;

    for (size_t i = 0; status == CLI_OK && i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i] != NULL)
            status = refuse_pin_value(texts[i]);
    return status;
}

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

static enum cli_status register_device(const struct provision *options,
                                       const struct cli_client_settings *settings)
{
    dps_registration *registration = NULL;
    dps_client *client = NULL;
    char *path = NULL;
    enum cli_status status = cli_client_open(settings, &client);
    dps_status obtained;

    if (status == CLI_OK)
        status = cli_state_path(options->out, &path);
    if (status == CLI_OK) {
        obtained = obtain(client, settings->reprovision != NULL, path, &registration);
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

static struct cli_client_settings settings_of(const struct provision *options, const char *environment)
{
    return (struct cli_client_settings){
        .id_scope = options->id_scope,
        .registration_id = options->registration_id,
        .certificate = options->certificate,
        .key = options->key,
        .symmetric = options->symmetric_uri != NULL ? options->symmetric_uri : options->symmetric_file,
        .symmetric_value = environment,
        .group = options->group_uri != NULL ? options->group_uri : options->group_file,
        .tpm = !options->tpm            ? NULL
               : options->token != NULL ? options->token
                                        : "pkcs11:",
        .key_store = options->key_store,
        .tpm_id = options->tpm_id,
        .reprovision = options->reprovision,
        .endpoint = options->endpoint,
        .ca_file = options->ca_file,
        .module = options->module,
        .pin_file = options->pin_file,
        .timeout = options->timeout,
        .verbose = options->verbose,
    };
}

/* With the files that go with a registration. */
static enum cli_status register_with_files(const struct provision *options, const char *payload_file,
                                           struct cli_client_settings *settings)
{
    struct bytes payload = BYTES_EMPTY;
    struct bytes request = BYTES_EMPTY;
    enum cli_status status = CLI_OK;

    if (settings->id_scope == NULL)
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
    const char *payload_file = options->payload_file;
    const char *environment = NULL;
    struct cli_client_settings settings;
    struct cli_config config = {0};
    enum cli_status status = check_ways(options, &environment);

    if (status == CLI_OK)
        status = refuse_pin_values(options);
    settings = settings_of(options, environment);
    if (status == CLI_OK && options->config != NULL) {
        status = cli_config_read(options->config, &config);
        if (status == CLI_OK)
            status = cli_provision_config(options->config, &config, &settings);
        if (payload_file == NULL)
            payload_file = config.payload_file;
    }
    if (status == CLI_OK)
        status = register_with_files(options, payload_file, &settings);
    cli_config_free(&config);
    return status;
}

static const struct cli_option options[] = {
    {"id-scope",                                                     "SCOPE", "id scope of the DPS instance", CLI_TEXT, offsetof(struct provision, id_scope),
     false, "PROVISIONING_IDSCOPE"},
    {"config",                                "FILE", "settings of IoT Edge (config.toml, config.yaml) or devid.conf", CLI_TEXT,
     offsetof(struct provision, config)},
    {"registration-id",                                     "ID", "name to register (default: the certificate's CN, the TPM's)", CLI_TEXT,
     offsetof(struct provision, registration_id), false, "PROVISIONING_REGISTRATION_ID"},
    {"cert",                                                          "URI|FILE", "certificate, with its intermediates", CLI_TEXT,
     offsetof(struct provision, certificate)},
    {"key",                                                              "URI|FILE", "private key", CLI_TEXT, offsetof(struct provision, key)},
    {"symmetric-key-file",                         "FILE", "the device's symmetric key, in a file", CLI_TEXT,
     offsetof(struct provision, symmetric_file)},
    {"symmetric-key-uri",                                                      "URI", "the device's symmetric key, in a token", CLI_TEXT,
     offsetof(struct provision, symmetric_uri)},
    {"group-key-file",                                                       "FILE", "the key of its group, of which its own is made", CLI_TEXT,
     offsetof(struct provision, group_file)},
    {"group-key-uri",                                              "URI", "the same, in a token", CLI_TEXT, offsetof(struct provision, group_uri)},
    {"key-store", "URI", "where in a token the device's symmetric key is kept", CLI_TEXT,
     offsetof(struct provision, key_store)},
    {"tpm",                                      NULL, "the device proves itself by its TPM", CLI_FLAG, offsetof(struct provision, tpm)},
    {"token",                                                         "URI", "the TPM's token (default: the only one)", CLI_TEXT, offsetof(struct provision, token)},
    {"tpm-id",                                                              "base32|hex", "how a TPM is named without --registration-id", CLI_TEXT,
     offsetof(struct provision, tpm_id)},
    {"reprovision","MODE", "dynamic, always or on-error: use what was kept", CLI_TEXT,
     offsetof(struct provision, reprovision)},
    {"endpoint",                                                      "URL", "the service (default: Azure's global endpoint)", CLI_TEXT,
     offsetof(struct provision, endpoint), false, "PROVISIONING_HOST"},
    {"ca-file",                                                  "FILE", "CAs to trust instead of the system's", CLI_TEXT,
     offsetof(struct provision, ca_file)},
    {"payload",                                                          "FILE", "JSON for the service's custom allocation", CLI_TEXT,
     offsetof(struct provision, payload_file)},
    {"csr",                                                 "FILE", "certificate request for the service to issue", CLI_TEXT,
     offsetof(struct provision, csr_file)},
    {"cert-out",                                     "FILE", "where the issued certificates go", CLI_TEXT,
     offsetof(struct provision, certificates_out)},
    {"timeout",                                                              "SECONDS", "give up after so long (default 120)", CLI_NUMBER,
     offsetof(struct provision, timeout)},
    {"out",                                "FILE", "state file to write", CLI_TEXT, offsetof(struct provision, out)},
    {"verbose",                                                      NULL, "tell each step on standard error", CLI_FLAG, offsetof(struct provision, verbose)},
    CLI_OPTION_PIN_FILE(struct provision),
    CLI_OPTION_MODULE(struct provision),
    CLI_OPTION_JSON(struct provision),
    {0                                              },
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
