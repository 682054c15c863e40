/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/config.h"
#include "provider/option.h"

#include <openssl/core_names.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A variable that is set to nothing is one that is not set. */
static const char *variable(const char *name)
{
    const char *value = name != NULL ? secure_getenv(name) : NULL;

    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* Where the value comes from, in this order; *from becomes the name that an error should mention. */
static const char *look_up(const struct prov_option *option, const struct prov_core *core, const char **from)
{
    const char *value = variable(*from = option->override);

    if (value == NULL)
        value = prov_core_parameter(core, *from = option->name);
    if (value == NULL)
        value = prov_core_parameter(core, *from = option->alias);
    if (value == NULL)
        value = variable(*from = option->variable);
    return value;
}

static char *describe(const struct prov_option *option, const char *from, const char *value)
{
    char *text = NULL;
    int length = option->secret ? asprintf(&text, "%s: expected %s", from, option->expected)
                                : asprintf(&text, "%s = %s: expected %s", from, value, option->expected);

    return length >= 0 ? text : NULL;
}

/* Who loads it by the name of the provider for TPMs has set-ups that mean its keys and random numbers. */
static void set_defaults(struct prov_config *config, const struct prov_core *core)
{
    const char *name = prov_core_parameter(core, OSSL_PROV_PARAM_CORE_PROV_NAME);
    bool as_tpm2 = name != NULL && strcmp(name, "tpm2") == 0;

    *config = (struct prov_config){.sessions = 8,
                                   .new_keys = as_tpm2 ? PROV_NEW_KEYS_TSS2 : PROV_NEW_KEYS_SOFTWARE,
                                   .random_by_default = as_tpm2};
}

static bool read_options(struct prov_config *config, const struct prov_core *core, char **problem)
{
    for (size_t i = 0; i < prov_option_count; i++) {
        const struct prov_option *option = &prov_options[i];
        const char *from = NULL;
        const char *value = look_up(option, core, &from);

        if (value == NULL || option->parse(option, config, value))
            continue;
        *problem = describe(option, from, value);
        return false;
    }
    return true;
}

bool prov_config_read(struct prov_config *config, const struct prov_core *core, char **problem)
{
    bool ok;

    set_defaults(config, core);
    *problem = NULL;
    ok = read_options(config, core, problem);
    if (config->module_count == 0)
        config->modules[config->module_count++] = strdup(DEVID_PKCS11_MODULE);
    return ok && config->modules[0] != NULL;
}

void prov_config_free(struct prov_config *config)
{
    for (size_t i = 0; i < config->module_count; i++)
        free(config->modules[i]);
    free(config->init_args);
    bytes_free(&config->pin);
    free(config->pin_source);
    free(config->log);
    free(config->random_token);
    free(config->tss2_token);
    *config = (struct prov_config){0};
}
