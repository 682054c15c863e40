/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/provider.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *dps_provider_find(char *path, size_t size)
{
    const char *directory = secure_getenv("OPENSSL_MODULES");

    if (directory != NULL) {
        snprintf(path, size, "%s/" DPS_PROVIDER_NAME ".so", directory);
        if (access(path, R_OK) == 0)
            return path;
    }
    snprintf(path, size, "%s", DEVID_PROVIDER);
    return path;
}

/* Adds "name = value", the value's characters protected that mean something in a configuration. */
static void add_setting(struct buffer *text, const char *name, const char *value)
{
    buffer_addf(text, "%s = ", name);
    for (; *value != '\0'; value++) {
        if (strchr("\\$#\"'`;", *value) != NULL)
            buffer_add_text(text, "\\");
        buffer_add(text, value, 1);
    }
    buffer_add_text(text, "\n");
}

bool dps_provider_configure(struct buffer *text, const char *path, const char *module)
{
    buffer_add_text(text, DPS_PROVIDER_APPLICATION " = application\n"
                                                   "[application]\nproviders = providers\n"
                                                   "[providers]\n" DPS_PROVIDER_NAME " = settings\n"
                                                   "[settings]\n");
    add_setting(text, "module", path);
    if (module != NULL)
        add_setting(text, "pkcs11-module-path", module);
    return buffer_add_text(text, "activate = 1\n");
}
