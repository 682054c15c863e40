/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/client.h"
#include "cli/session.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The one client of this process, for the signal handler. */
static dps_client *volatile running;
static volatile sig_atomic_t interrupted;

static const struct status_row {
    dps_status dps;
    enum cli_status cli;
} statuses[] = {
    {DPS_INVALID,   CLI_INPUT   },
    {DPS_NO_MEMORY, CLI_INTERNAL},
    {DPS_TRANSPORT, CLI_NETWORK },
    {DPS_TLS,       CLI_NETWORK },
    {DPS_KEY,       CLI_INPUT   },
    {DPS_PROTOCOL,  CLI_NETWORK },
    {DPS_REJECTED,  CLI_REFUSED },
    {DPS_TIMEOUT,   CLI_TIMEOUT },
    {DPS_CANCELLED, CLI_TIMEOUT },
};

enum cli_status cli_client_failed(const dps_client *client, const char *thing, dps_status status)
{
    const char *text = client != NULL ? dps_client_error(client) : "";
    enum cli_status code = CLI_INTERNAL;

    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        if (statuses[i].dps == status)
            code = statuses[i].cli;
    if (status == DPS_KEY && strstr(text, "CKR_") != NULL)
        code = CLI_TOKEN; /* the file and the URI are right, the token said no */
    return cli_fail(code, "%s: %s", thing, text[0] != '\0' ? text : dps_strstatus(status));
}

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
    if (running != NULL)
        dps_client_cancel(running);
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool cli_client_interrupted(void)
{
    return interrupted != 0;
}

static void print_all(void *data, dps_log_level level, const char *line)
{
    (void)data;
    fprintf(stderr, "devid: %s%s\n", level == DPS_LOG_WARNING ? "warning: " : "", line);
}

static void print_warnings(void *data, dps_log_level level, const char *line)
{
    if (level == DPS_LOG_WARNING) /* errors are told by the command itself */
        print_all(data, level, line);
}

/* The library asks for a PIN; data is the path of the file with it. */
static int answer_pin(void *data, const char *what, char *pin, size_t size)
{
    struct bytes value = BYTES_EMPTY;
    int length = -1;

    (void)what;
    if (cli_pin_read(data, &value) == CLI_OK && value.size <= size) {
        memcpy(pin, value.data, value.size);
        length = (int)value.size;
    }
    bytes_free(&value);
    return length;
}

/* Options that say a thing in words, and what the library calls it. */
struct word {
    const char *text;
    int value;
};

static const struct word tpm_ids[] = {
    {"base32",        DPS_TPM_ID_BASE32},
    {"hex",               DPS_TPM_ID_HEX},
    {0}
};
static const struct word modes[] = {
    {"dynamic",                          DPS_REPROVISION_DYNAMIC},
    {"always",                                  DPS_REPROVISION_ALWAYS_ON_STARTUP},
    {"on-error",DPS_REPROVISION_ON_ERROR_ONLY},
    {0                        }
};

/* The first word when nothing was said. */
static enum cli_status find_word(const struct word *words, const char *option, const char *text, int *out)
{
    *out = words->value;
    if (text == NULL)
        return CLI_OK;
    for (; words->text != NULL; words++)
        if (strcmp(words->text, text) == 0) {
            *out = words->value;
            return CLI_OK;
        }
    return cli_fail(CLI_USAGE, "%s: does not take '%s'; see --help", option, text);
}

static dps_status use_credentials(const struct cli_client_settings *settings, dps_client *client)
{
    if (settings->tpm != NULL)
        return dps_client_use_tpm(client, settings->tpm);
    if (settings->group != NULL)
        return dps_client_use_group(client, settings->group);
    if (settings->symmetric != NULL)
        return dps_client_use_symmetric(client, settings->symmetric);
    if (settings->symmetric_value != NULL)
        return dps_client_use_symmetric_value(client, settings->symmetric_value);
    return dps_client_use_x509(client, settings->certificate, settings->key);
}

/* What a client from a state file takes as well. */
static dps_status adjust(const struct cli_client_settings *settings, dps_client *client)
{
    void *pin_file = (void *)(uintptr_t)settings->pin_file;
    dps_status status = DPS_OK;

    if (settings->ca_file != NULL)
        status = dps_client_set_trust(client, settings->ca_file);
    if (status == DPS_OK && settings->module != NULL)
        status = dps_client_set_module(client, settings->module);
    if (status == DPS_OK && settings->timeout != 0)
        status = dps_client_set_timeout(client, settings->timeout);
    if (status == DPS_OK && settings->pin_file != NULL)
        status = dps_client_set_pin(client, answer_pin, pin_file);
    if (status == DPS_OK)
        status = dps_client_set_log(client, settings->verbose ? print_all : print_warnings, NULL);
    return status;
}

static dps_status configure(const struct cli_client_settings *settings, int tpm_id, int mode,
                            dps_client *client)
{
    dps_status status = use_credentials(settings, client);

    if (status == DPS_OK)
        status = dps_client_set_key_store(client, settings->key_store);
    if (status == DPS_OK)
        status = dps_client_set_tpm_id(client, (dps_tpm_id)tpm_id);
    if (status == DPS_OK)
        status = dps_client_set_reprovision(client, (dps_reprovision)mode);
    if (status == DPS_OK)
        status = dps_client_set_endpoint(client, settings->endpoint);
    if (status == DPS_OK)
        status = dps_client_set_payload(client, settings->payload);
    if (status == DPS_OK)
        status = dps_client_set_csr(client, settings->request, settings->request_size);
    return status == DPS_OK ? adjust(settings, client) : status;
}

static enum cli_status begin(dps_client *client)
{
    running = client;
    catch_signals();
    return CLI_OK;
}

enum cli_status cli_client_open(const struct cli_client_settings *settings, dps_client **client)
{
    int tpm_id = 0;
    int mode = 0;
    enum cli_status status = find_word(tpm_ids, "--tpm-id", settings->tpm_id, &tpm_id);
    dps_status configured;

    *client = NULL;
    if (status == CLI_OK)
        status = find_word(modes, "--reprovision", settings->reprovision, &mode);
    if (status != CLI_OK)
        return status;
    *client = dps_client_new(settings->id_scope, settings->registration_id);
    if (*client == NULL)
        return cli_no_memory();
    configured = configure(settings, tpm_id, mode, *client);
    return configured == DPS_OK ? begin(*client) : cli_client_failed(*client, "settings", configured);
}

bool cli_client_lacks_key(const char *path)
{
    json_t *state = json_load_file(path, 0, NULL);
    const char *kind = json_string_value(json_object_get(state, "attestation"));
    bool lacks = kind != NULL && strcmp(kind, "symmetric") == 0 && json_object_get(state, "key") == NULL &&
                 json_object_get(state, "key_store") == NULL;

    json_decref(state);
    return lacks;
}

enum cli_status cli_client_load(const char *state, const struct cli_client_settings *settings,
                                dps_client **client, dps_registration **registration)
{
    const char *key =
        settings->symmetric_value != NULL ? settings->symmetric_value : getenv("PROVISIONING_SYMMETRIC_KEY");
    dps_status status = dps_client_load(state, client, registration);

    if (*client == NULL)
        return cli_no_memory();
    if (status != DPS_OK)
        return cli_fail(CLI_INPUT, "%s ('devid provision')", dps_client_error(*client));
    if (key != NULL && key[0] != '\0' && cli_client_lacks_key(state))
        status = dps_client_use_symmetric_value(*client, key);
    if (status == DPS_OK)
        status = adjust(settings, *client);
    return status == DPS_OK ? begin(*client) : cli_client_failed(*client, "settings", status);
}

void cli_client_close(dps_client *client)
{
    running = NULL;
    dps_client_free(client);
}
