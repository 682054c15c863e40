/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/client.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/uri.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct info {
    const char *token;
    const char *tpm_id;
    const char *pin_file;
    const char *module;
    bool azure;
    bool json;
};

static const struct cli_column columns[] = {
    {"registration_id_base32", "Registration id (base32)"},
    {"registration_id_hex",                        "Registration id (hex)"},
    {"endorsement_key","Endorsement key"},
    {0       },
};

/* The two headings of Azure's tools, which scripts cut apart. */
static void print_headings(const struct dps_tpm_identity *identity, bool hex)
{
    printf("Registration Id:\n%s\n\nEndorsement Key:\n%s\n",
           hex ? identity->registration_id_hex : identity->registration_id_base32, identity->endorsement_key);
}

static enum cli_status show(const struct info *options, const struct dps_tpm_identity *identity)
{
    if (options->azure) {
        print_headings(identity, options->tpm_id != NULL && strcmp(options->tpm_id, "hex") == 0);
        return CLI_OK;
    }
    return cli_show_object(json_pack("{s:s, s:s, s:s}", "registration_id_base32",
                                     identity->registration_id_base32, "registration_id_hex",
                                     identity->registration_id_hex, "endorsement_key",
                                     identity->endorsement_key),
                           columns, options->json);
}

/* The URI of the token: as it was given, or made of the label that was. *text is malloc'ed. */
static enum cli_status token_uri(const char *given, char **text)
{
    if (given == NULL)
        *text = strdup("pkcs11:");
    else if (cli_is_uri(given))
        *text = strdup(given);
    else
        *text = cli_uri_token_format(given);
    return *text != NULL ? CLI_OK : cli_no_memory();
}

static enum cli_status info(const void *values)
{
    const struct info *options = values;
    struct dps_tpm_identity identity;
    dps_client *client = NULL;
    char *token = NULL;
    enum cli_status status = CLI_OK;
    dps_status read;

    if (options->azure && options->json)
        return cli_fail(CLI_USAGE, "--azure and --json: are two forms of the same; leave one out");
    if (options->tpm_id != NULL && !options->azure)
        return cli_fail(CLI_USAGE, "--tpm-id: belongs to --azure; without it both names are shown");
    status = token_uri(options->token, &token);
    if (status == CLI_OK) {
        const struct cli_client_settings settings = {.tpm = token,
                                                     .tpm_id = options->tpm_id,
                                                     .module = options->module,
                                                     .pin_file = options->pin_file};

        status = cli_client_open(&settings, &client);
    }
    if (status == CLI_OK) {
        read = dps_client_tpm_identity(client, &identity);
        status = read == DPS_OK ? show(options, &identity) : cli_client_failed(client, "TPM", read);
    }
    cli_client_close(client);
    free(token);
    return status;
}

static const struct cli_option options[] = {
    {"token",                                    "URI|LABEL", "the TPM's token (default: the only one)", CLI_TEXT, offsetof(struct info, token)},
    {"azure", NULL, "print in the form of Azure's tool, with one id", CLI_FLAG, offsetof(struct info, azure)},
    {"tpm-id",                      "base32|hex", "which id that is (default base32)", CLI_TEXT, offsetof(struct info, tpm_id)},
    CLI_OPTION_PIN_FILE(struct info),
    CLI_OPTION_MODULE(struct info),
    CLI_OPTION_JSON(struct info),
    {0                                         },
};

static const struct info defaults = {0};

const struct cli_command cli_tpm_info = {
    .name = "tpm info",
    .summary = "show what an enrollment of the TPM needs",
    .details = "The endorsement key as an individual enrollment takes it, and the two registration ids that\n"
               "tools make of it: base32 (tpm_device_provision of Azure's SDK, and 'devid provision --tpm')\n"
               "and hex (the script of the IoT Edge manual, and --tpm-id hex). Any other id will do, too.\n"
               "No network is needed.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = info,
};
