/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/client.h"
#include "cli/session.h"

#include <signal.h>
#include <stdio.h>
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

static dps_status configure(const struct cli_client_settings *settings, dps_client *client)
{
    void *pin_file = (void *)(uintptr_t)settings->pin_file;
    dps_status status = dps_client_use_x509(client, settings->certificate, settings->key);

    if (status == DPS_OK)
        status = dps_client_set_endpoint(client, settings->endpoint);
    if (status == DPS_OK)
        status = dps_client_set_trust(client, settings->ca_file);
    if (status == DPS_OK)
        status = dps_client_set_module(client, settings->module);
    if (status == DPS_OK)
        status = dps_client_set_payload(client, settings->payload);
    if (status == DPS_OK && settings->timeout != 0)
        status = dps_client_set_timeout(client, settings->timeout);
    if (status == DPS_OK && settings->pin_file != NULL)
        status = dps_client_set_pin(client, answer_pin, pin_file);
    if (status == DPS_OK)
        status = dps_client_set_log(client, settings->verbose ? print_all : print_warnings, NULL);
    return status;
}

enum cli_status cli_client_open(const struct cli_client_settings *settings, dps_client **client)
{
    dps_status status;

    *client = dps_client_new(settings->id_scope, settings->registration_id);
    if (*client == NULL)
        return cli_no_memory();
    status = configure(settings, *client);
    if (status != DPS_OK)
        return cli_client_failed(*client, "settings", status);
    running = *client;
    catch_signals();
    return CLI_OK;
}

void cli_client_close(dps_client *client)
{
    running = NULL;
    dps_client_free(client);
}
