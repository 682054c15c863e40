/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/identity.h"

#include "cli/provision_config.h"
#include "cli/uri.h"

#include <stdlib.h>

/* The state file is no place for a PIN. */
static enum cli_status refuse_pin_value(const char *text)
{
    P11KitUri *uri = NULL;
    enum cli_status status = CLI_OK;

    if (text == NULL || !cli_is_uri(text))
        return CLI_OK;
    status = cli_uri_parse(text, &uri);
    if (status == CLI_OK && p11_kit_uri_get_pin_value(uri) != NULL)
        status = cli_fail(
            CLI_INPUT, "URI: has a pin-value, which the state file would keep; use pin-source or --pin-file");
    p11_kit_uri_free(uri);
    return status;
}

static enum cli_status refuse_pin_values(const struct cli_identity_options *options, const char *key_store)
{
    const char *const texts[] = {options->key,       options->certificate, options->symmetric_uri,
                                 options->group_uri, options->token,       key_store};
    enum cli_status status = CLI_OK;

    for (size_t i = 0; status == CLI_OK && i < sizeof texts / sizeof texts[0]; i++)
        status = refuse_pin_value(texts[i]);
    return status;
}

/* Each way, by the options that ask for it. */
static unsigned count_ways(const struct cli_identity_options *options)
{
    return (options->certificate != NULL || options->key != NULL) + (options->symmetric_file != NULL) +
           (options->symmetric_uri != NULL) + (options->group_file != NULL) + (options->group_uri != NULL) +
           (options->tpm ? 1U : 0U) + (options->config != NULL);
}

/* NULL: it is not set. */
static const char *environment_key(void)
{
    const char *key = getenv("PROVISIONING_SYMMETRIC_KEY");

    return key != NULL && key[0] != '\0' ? key : NULL;
}

bool cli_identity_given(const struct cli_identity_options *options)
{
    return count_ways(options) > 0 || environment_key() != NULL;
}

/* One way, and all that it needs. *environment: none of them, but $PROVISIONING_SYMMETRIC_KEY. */
static enum cli_status check_ways(const struct cli_identity_options *options, const char **environment)
{
    unsigned ways = count_ways(options);

    *environment = NULL;
    if (ways > 1)
        return cli_fail(CLI_USAGE, "options: say in several ways how the device proves who it is; leave one");
    if (ways == 1 && (options->certificate == NULL) != (options->key == NULL))
        return cli_fail(CLI_USAGE, "--cert and --key: belong together; give both");
    if (ways == 1)
        return CLI_OK;
    *environment = environment_key();
    if (*environment == NULL)
        return cli_fail(CLI_USAGE,
                        "--cert: is missing; the device needs --cert and --key, or --symmetric-key-file, "
                        "--symmetric-key-uri, --group-key-file, --group-key-uri, "
                        "$PROVISIONING_SYMMETRIC_KEY, --tpm, or --config");
    return CLI_OK;
}

static void take_options(const struct cli_identity_options *options, const char *environment,
                         struct cli_client_settings *settings)
{
    settings->id_scope = options->id_scope;
    settings->registration_id = options->registration_id;
    settings->certificate = options->certificate;
    settings->key = options->key;
    settings->symmetric = options->symmetric_uri != NULL ? options->symmetric_uri : options->symmetric_file;
    settings->symmetric_value = environment;
    settings->group = options->group_uri != NULL ? options->group_uri : options->group_file;
    if (options->tpm)
        settings->tpm = options->token != NULL ? options->token : "pkcs11:";
    settings->tpm_id = options->tpm_id;
}

enum cli_status cli_identity_settle(const struct cli_identity_options *options, struct cli_config *config,
                                    struct cli_client_settings *settings)
{
    const char *environment = NULL;
    enum cli_status status = check_ways(options, &environment);

    *config = (struct cli_config){0};
    if (status == CLI_OK)
        status = refuse_pin_values(options, settings->key_store);
    take_options(options, environment, settings);
    if (status == CLI_OK && options->config != NULL)
        status = cli_config_read(options->config, config);
    if (status == CLI_OK && options->config != NULL)
        status = cli_provision_config(config, settings);
    return status;
}
