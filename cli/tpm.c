/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"
#include "cli/session.h"

#include "devid/pkcs11.h"

#include <string.h>

/* ---- tpm setup */

struct setup {
    const char *token;
    const char *pin_file;
    const char *module;
    bool persist;
};

/* The vendor function came with version 1.1 of the vendor interface. */
static bool can_set_up(const struct cli_module *module)
{
    const struct devid_functions *devid = module->devid;

    return devid != NULL && (devid->version.major > 1 || devid->version.minor >= 1);
}

static enum cli_status setup_in(struct cli_module *module, const struct setup *options)
{
    const struct cli_pin pin = {.file = options->pin_file};
    struct cli_session session = {0};
    enum cli_status status = cli_session_start(module, options->token, true, &pin, &session);
    char thing[CLI_THING_SIZE];

    if (status == CLI_OK && !can_set_up(module))
        status = cli_fail(CLI_INPUT, "module: is not DevID's, which alone knows the TPM's own keys; leave "
                                     "--module out");
    if (status == CLI_OK) {
        CK_RV rv = module->devid->setup_device(session.handle, options->persist ? DEVID_SETUP_PERSIST : 0);

        cli_token_thing(options->token, thing);
        if (rv != CKR_OK)
            status = cli_call_failed(module, "setup_device", thing, rv);
        else
            cli_module_warn(module);
    }
    cli_session_close(&session);
    return status;
}

static enum cli_status setup(const void *values)
{
    const struct setup *options = values;
    struct cli_module module;
    enum cli_status status = cli_module_open(options->module, &module);

    if (status == CLI_OK)
        status = setup_in(&module, options);
    cli_module_close(&module);
    return status;
}

static const struct cli_option setup_options[] = {
    {"token",                               "LABEL", "token that shows the TPM's objects", CLI_TEXT, offsetof(struct setup, token), true},
    {"persist", NULL, "keep the endorsement keys in the TPM, at 0x81010001 and 0x81010002", CLI_FLAG,
     offsetof(struct setup, persist)},
    CLI_OPTION_PIN_FILE(struct setup),
    CLI_OPTION_MODULE(struct setup),
    {0               },
};

static const struct setup setup_defaults = {0};

const struct cli_command cli_tpm_setup = {
    .name = "tpm setup",
    .summary = "read the TPM's own keys and certificates into a token",
    .details =
        "A new token has them already: the endorsement keys (EK), the storage root key (SRK) and the EK\n"
        "certificates. This reads them anew, as for a token of an earlier version, after the TPM's\n"
        "passwords were configured, or to make the endorsement keys persistent: then they need not be\n"
        "made anew for each registration. Keys that are in the TPM already are never replaced.",
    .options = setup_options,
    .defaults = &setup_defaults,
    .size = sizeof setup_defaults,
    .run = setup,
};
