/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/config.h"
#include "provider/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A parser makes the value its own; false: the value is not one of this option's, or there is no memory. */
typedef bool parser(struct prov_config *config, size_t offset, const char *value);

struct option {
    const char *name;
    const char *alias;
    const char *environment[2];
    parser *parse;
    size_t offset;
    const char *expected;
};

static char **text_at(struct prov_config *config, size_t offset)
{
    return (char **)(void *)((char *)config + offset);
}

static bool parse_text(struct prov_config *config, size_t offset, const char *value)
{
    char **field = text_at(config, offset);

    free(*field);
    *field = strdup(value);
    return *field != NULL && value[0] != '\0';
}

static bool parse_pin(struct prov_config *config, size_t offset, const char *value)
{
    (void)offset;
    if (strncmp(value, "file:", strlen("file:")) == 0)
        return parse_text(config, offsetof(struct prov_config, pin_source), value);
    bytes_free(&config->pin);
    return bytes_copy(&config->pin, value, strlen(value)) && value[0] != '\0';
}

static bool parse_login(struct prov_config *config, size_t offset, const char *value)
{
    static const char *const names[] = {
        [PROV_LOGIN_AUTO] = "auto", [PROV_LOGIN_ALWAYS] = "always", [PROV_LOGIN_NEVER] = "never"};

    (void)offset;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(value, names[i]) == 0) {
            config->login = (enum prov_login)i;
            return true;
        }
    }
    return false;
}

static bool parse_sessions(struct prov_config *config, size_t offset, const char *value)
{
    char *end = NULL;
    unsigned long number;

    (void)offset;
    errno = 0;
    number = strtoul(value, &end, 10);
    if (errno != 0 || value[0] < '0' || value[0] > '9' || *end != '\0' || number < 1 || number > 1024)
        return false;
    config->sessions = (unsigned)number;
    return true;
}

#define OPTION(option, other, first, second, parser, member, values)                                         \
    {                                                                                                        \
        .name = option, .alias = other, .environment = {first, second}, .parse = parser,                     \
        .offset = offsetof(struct prov_config, member), .expected = values                                   \
    }

/* The longer names are those of pkcs11-provider. */
static const struct option options[] = {
    OPTION("pkcs11-module-path", "pkcs11-module", "DEVID_PKCS11_MODULE", "PKCS11_PROVIDER_MODULE", parse_text,
           module, "the path of a PKCS#11 module"),
    OPTION("pkcs11-module-init-args", "init-args", "DEVID_PKCS11_INIT_ARGS", NULL, parse_text, init_args,
           "some text"),
    OPTION("pkcs11-module-token-pin", "pin", NULL, NULL, parse_pin, pin, "a PIN, or file: and a path"),
    OPTION("pkcs11-module-pin-source", "pin-source", "DEVID_PKCS11_PIN_SOURCE", NULL, parse_text, pin_source,
           "file: and a path"),
    OPTION("pkcs11-module-login-behavior", "login", "DEVID_PKCS11_LOGIN", NULL, parse_login, login,
           "auto, always or never"),
    OPTION("pkcs11-module-cache-sessions", "sessions", "DEVID_PKCS11_SESSIONS", NULL, parse_sessions,
           sessions, "a number from 1 to 1024"),
};

/* Where the value comes from, in this order; *from becomes the name that an error should mention. */
static const char *look_up(const struct option *option, const struct prov_core *core, const char **from)
{
    const char *const in_file[] = {option->name, option->alias};
    const char *value = NULL;

    for (size_t i = 0; value == NULL && i < 2; i++) {
        *from = in_file[i];
        value = prov_core_parameter(core, in_file[i]);
    }
    for (size_t i = 0; value == NULL && i < 2 && option->environment[i] != NULL; i++) {
        *from = option->environment[i];
        value = secure_getenv(option->environment[i]);
    }
    return value;
}

static void raise_bad_option(const struct prov_core *core, const struct option *option, const char *from,
                             const char *value)
{
    if (option->parse == parse_pin)
        prov_raise(core, PROV_R_BAD_OPTION, "%s: expected %s", from, option->expected);
    else
        prov_raise(core, PROV_R_BAD_OPTION, "%s = %s: expected %s", from, value, option->expected);
}

bool prov_config_read(struct prov_config *config, const struct prov_core *core)
{
    *config = (struct prov_config){.sessions = 8, .module = strdup(DEVID_PKCS11_MODULE)};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        const char *from = NULL;
        const char *value = look_up(&options[i], core, &from);

        if (value != NULL && !options[i].parse(config, options[i].offset, value)) {
            raise_bad_option(core, &options[i], from, value);
            return false;
        }
    }
    return config->module != NULL;
}

void prov_config_free(struct prov_config *config)
{
    free(config->module);
    free(config->init_args);
    bytes_free(&config->pin);
    free(config->pin_source);
    *config = (struct prov_config){0};
}
