/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/section.h"
#include "provider/option.h"

#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

/* config(5): what stands before the first dot only makes names different. */
static const char *behind_dot(const char *name)
{
    const char *dot = strchr(name, '.');

    return dot != NULL ? dot + 1 : name;
}

/* What libcrypto itself reads in the section of a provider. */
static bool is_libcryptos(const char *name)
{
    static const char *const names[] = {"activate", "identity", "module", "soft_load"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

/* The line is in force: libcrypto took it for this provider. */
static bool counts(const struct prov_core *core, const CONF_VALUE *line)
{
    const char *value = prov_core_parameter(core, line->name);

    return value != NULL && line->value != NULL && strcmp(value, line->value) == 0;
}

static const CONF_VALUE *find_unknown_line(const struct prov_core *core, const STACK_OF(CONF_VALUE) * lines)
{
    for (int i = 0; i < sk_CONF_VALUE_num(lines); i++) {
        const CONF_VALUE *line = sk_CONF_VALUE_value(lines, i);

        if (!is_libcryptos(behind_dot(line->name)) && !prov_option_is_known(line->name) && counts(core, line))
            return line;
    }
    return NULL;
}

/* The name that a section gives to its provider. */
static const char *name_of(const CONF *conf, const CONF_VALUE *provider)
{
    const char *identity = NCONF_get_string(conf, provider->value, "identity");

    return identity != NULL ? identity : behind_dot(provider->name);
}

static const CONF_VALUE *find_unknown(const struct prov_core *core, const CONF *conf, const char *name)
{
    const char *start = NCONF_get_string(conf, NULL, "openssl_conf");
    const char *list = start != NULL ? NCONF_get_string(conf, start, "providers") : NULL;
    const STACK_OF(CONF_VALUE) *providers = list != NULL ? NCONF_get_section(conf, list) : NULL;
    const CONF_VALUE *line = NULL;

    for (int i = 0; line == NULL && i < sk_CONF_VALUE_num(providers); i++) {
        const CONF_VALUE *provider = sk_CONF_VALUE_value(providers, i);

        if (strcmp(name_of(conf, provider), name) == 0)
            line = find_unknown_line(core, NCONF_get_section(conf, provider->value));
    }
    return line;
}

bool prov_section_check(const struct prov_core *core, OSSL_LIB_CTX *libctx, const char *name, char **problem)
{
    const CONF_VALUE *line = NULL;
    char *file;
    CONF *conf;

    ERR_set_mark();
    file = CONF_get1_default_config_file();
    conf = NCONF_new_ex(libctx, NULL);
    if (file != NULL && conf != NULL && NCONF_load(conf, file, NULL) > 0)
        line = find_unknown(core, conf, name);
    ERR_pop_to_mark();
    *problem = NULL;
    if (line != NULL &&
        asprintf(problem, "%s, section [%s]: there is no option %s", file, line->section, line->name) < 0)
        *problem = NULL;
    NCONF_free(conf);
    OPENSSL_free(file);
    return line == NULL;
}

bool prov_section_activates(const struct prov_core *core)
{
    return prov_core_parameter(core, "activate") != NULL;
}
