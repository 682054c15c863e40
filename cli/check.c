/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/check.h"
#include "cli/command.h"
#include "cli/output.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void take(struct cli_checks *checks, const char *result, const char *what, const char *format,
                 va_list arguments)
{
    char text[CLI_CHECK_TEXT];
    json_t *finding;

    vsnprintf(text, sizeof text, format, arguments);
    if (!checks->json) {
        printf("%-4s  %-12s %s\n", result, what, text);
        return;
    }
    finding = json_pack("{s:s, s:s, s:s}", "result", result, "check", what, "text", text);
    if (finding == NULL) /* text that is not UTF-8 */
        finding = json_pack("{s:s, s:s, s:n}", "result", result, "check", what, "text");
    json_array_append_new(checks->list, finding);
}

void cli_check_ok(struct cli_checks *checks, const char *what, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    take(checks, "ok", what, format, arguments);
    va_end(arguments);
}

void cli_check_warn(struct cli_checks *checks, const char *what, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    take(checks, "warn", what, format, arguments);
    va_end(arguments);
}

void cli_check_fail(struct cli_checks *checks, enum cli_status status, const char *what, const char *format,
                    ...)
{
    va_list arguments;

    va_start(arguments, format);
    take(checks, "fail", what, format, arguments);
    va_end(arguments);
    if (checks->status == CLI_OK)
        checks->status = status;
}

#define PUBLIC_ENDPOINT "https://global.azure-devices-provisioning.net"

static bool has_connection(const struct cli_check_options *options)
{
    const char *text = getenv(CLI_SERVICE_CONNECTION);

    return options->connection_file != NULL || (text != NULL && text[0] != '\0');
}

/* The device's credentials, the service, and both together. */
static void check_registration(struct cli_checks *checks, struct cli_check_options *options,
                               const struct cli_client_settings *settings)
{
    const struct cli_service_options service = {options->connection_file, options->ca_file, options->timeout};
    struct dps_proof proof;
    dps_client *client = NULL;
    bool ready = cli_check_credentials(checks, settings, &client, &proof);

    options->endpoint = settings->endpoint != NULL ? settings->endpoint : PUBLIC_ENDPOINT;
    cli_check_endpoint(checks, options);
    if (ready && has_connection(options))
        cli_check_match(checks, &service, client, &proof);
    cli_client_close(client);
}

/* What the options say of the device; false: that was told as a failure. */
static bool settle(struct cli_checks *checks, const struct cli_check_options *options,
                   struct cli_config *config, struct cli_client_settings *settings)
{
    char text[CLI_CHECK_TEXT / 2];
    enum cli_status status;

    cli_capture(text, sizeof text);
    status = cli_identity_settle(&options->identity, config, settings);
    cli_capture(NULL, 0);
    if (status != CLI_OK)
        cli_check_fail(checks, status, "credentials", "%s", text);
    return status == CLI_OK;
}

static void check_all(struct cli_checks *checks, struct cli_check_options *options)
{
    struct cli_client_settings settings = {
        .endpoint = options->endpoint,
        .ca_file = options->ca_file,
        .module = options->module,
        .pin_file = options->pin_file,
    };
    struct cli_config config = {0};
    bool given = cli_identity_given(&options->identity);
    bool settled = given && settle(checks, options, &config, &settings); /* may name the TPM */

    options->ca_file = settings.ca_file;
    cli_check_system(checks);
    cli_check_tokens(checks, options);
    cli_check_tpm(checks);
    if (settled)
        check_registration(checks, options, &settings);
    else if (options->endpoint != NULL)
        cli_check_endpoint(checks, options);
    cli_config_free(&config);
}

static enum cli_status check(const void *values)
{
    struct cli_check_options options = *(const struct cli_check_options *)values;
    struct cli_checks checks = {.list = json_array(), .json = options.json};
    enum cli_status shown = CLI_OK;

    if (checks.list == NULL)
        return cli_no_memory();
    check_all(&checks, &options);
    if (options.json)
        shown = cli_show_list(checks.list, NULL, "", true);
    else
        json_decref(checks.list);
    return shown != CLI_OK ? shown : checks.status;
}

#define FIELD(name) offsetof(struct cli_check_options, name)

static const struct cli_option options[] = {
    CLI_OPTIONS_IDENTITY(struct cli_check_options, identity),
    {"connection",                                                          "FILE", "file with the service's connection string: is the device enrolled?", CLI_TEXT,
                                          FIELD(connection_file)},
    {"endpoint", "URL", "look at the service there, too", CLI_TEXT, FIELD(endpoint), false,
                                          "PROVISIONING_HOST"},
    {"ca-file",                                                "FILE", "CAs to trust instead of the system's", CLI_TEXT, FIELD(ca_file)},
    {"timeout",                                                            "SECONDS", "wait so long for the service (default 20)", CLI_NUMBER, FIELD(timeout)},
    CLI_OPTION_PIN_FILE(struct cli_check_options),
    CLI_OPTION_MODULE(struct cli_check_options),
    CLI_OPTION_JSON(struct cli_check_options),
    {0                                    },
};

static const struct cli_check_options defaults = {0};

const struct cli_command cli_check = {
    .name = "check",
    .summary = "look for what is wrong with this device, and say what to do",
    .details =
        "Looks at the TPM, the tokens, the PKCS#11 module, the OpenSSL provider, p11-kit and the clock,\n"
        "and with --endpoint at name, TLS certificate and clock of the service. Told how the device proves\n"
        "who it is (as 'devid provision' is, or by --config), also at its credentials; with --connection or\n"
        "$" CLI_SERVICE_CONNECTION " at its enrollment, too. Changes nothing.\n"
        "Each line begins with ok, warn or fail; a failure's class is the exit code.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = check,
};
