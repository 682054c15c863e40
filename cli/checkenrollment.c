/* SPDX-License-Identifier: Apache-2.0 */
/* What an enrollment needs of the device: a name, credentials that fit together, an id scope. */
#include "cli/check.h"

#include <stdlib.h>
#include <string.h>

#define WHAT "credentials"

/* What the library warns of, as a gap in the chain; failures are told by the check itself. */
static void hear(void *data, dps_log_level level, const char *line)
{
    if (level == DPS_LOG_WARNING)
        cli_check_warn(data, WHAT, "%s", line);
}

static void tell(struct cli_checks *checks, const struct dps_proof *proof)
{
    static const struct {
        const char *attestation;
        const char *text;
    } rows[] = {
        {"x509",         "certificate and key belong together, and the certificate is valid now"},
        {"symmetricKey", "the symmetric key is there"                                           },
        {"tpm",          "the TPM shows the keys that an enrollment needs"                      },
    };

    cli_check_ok(checks, "registration", "the device registers as \"%s\"", proof->registration_id);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].attestation, proof->attestation) == 0)
            cli_check_ok(checks, WHAT, "%s", rows[i].text);
    if (proof->issuer[0] != '\0')
        cli_check_ok(checks, WHAT, "the chain that is sent ends below \"%s\"", proof->issuer);
}

bool cli_check_credentials(struct cli_checks *checks, const struct cli_client_settings *settings,
                           dps_client **client, struct dps_proof *proof)
{
    char text[CLI_CHECK_TEXT / 2];
    enum cli_status status;
    dps_status checked = DPS_OK;

    cli_capture(text, sizeof text);
    status = cli_client_open(settings, client);
    if (status == CLI_OK) {
        dps_client_set_log(*client, hear, checks);
        checked = dps_client_check(*client, proof);
    }
    if (checked != DPS_OK)
        status = cli_client_failed(*client, "enrollment", checked);
    cli_capture(NULL, 0);
    if (status != CLI_OK) {
        cli_check_fail(checks, status, WHAT, "%s", checked != DPS_OK ? dps_client_error(*client) : text);
        return false;
    }
    tell(checks, proof);
    if (settings->id_scope == NULL || settings->id_scope[0] == '\0')
        cli_check_warn(checks, "registration",
                       "no id scope is known; name the one that the service shows with --id-scope");
    return true;
}
