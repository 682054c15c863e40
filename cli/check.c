/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/check.h"
#include "cli/command.h"
#include "cli/output.h"

#include <stdarg.h>
#include <stdio.h>

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

static enum cli_status check(const void *values)
{
    const struct cli_check_options *options = values;
    struct cli_checks checks = {.list = json_array(), .json = options->json};
    enum cli_status shown = CLI_OK;

    if (checks.list == NULL)
        return cli_no_memory();
    cli_check_system(&checks, options);
    cli_check_tokens(&checks, options);
    if (options->endpoint != NULL)
        cli_check_endpoint(&checks, options);
    if (options->json)
        shown = cli_show_list(checks.list, NULL, "", true);
    else
        json_decref(checks.list);
    return shown != CLI_OK ? shown : checks.status;
}

#define FIELD(name) offsetof(struct cli_check_options, name)

static const struct cli_option options[] = {
    {"endpoint",                        "URL", "look at the service there, too", CLI_TEXT, FIELD(endpoint), false,
     "PROVISIONING_HOST"},
    {"ca-file", "FILE", "CAs to trust instead of the system's", CLI_TEXT, FIELD(ca_file)},
    {"timeout",                  "SECONDS", "wait so long for the service (default 20)", CLI_NUMBER, FIELD(timeout)},
    CLI_OPTION_MODULE(struct cli_check_options),
    CLI_OPTION_JSON(struct cli_check_options),
    {0              },
};

static const struct cli_check_options defaults = {0};

const struct cli_command cli_check = {
    .name = "check",
    .summary = "look for what is wrong with this device, and say what to do",
    .details =
        "Looks at the TPM, the tokens, the PKCS#11 module, the OpenSSL provider, p11-kit and the clock,\n"
        "and with --endpoint at name, TLS certificate and clock of the service. Changes nothing.\n"
        "Each line begins with ok, warn or fail; a failure's class is the exit code.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = check,
};
