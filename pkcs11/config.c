/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/config.h"

#include "common/buffer.h"
#include "common/file.h"
#include "common/settings.h"
#include "pkcs11/failure.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAXIMUM 65536

static bool set_text(void *field, const char *value)
{
    char **text = field;
    char *copy = strdup(value);

    if (copy == NULL)
        return false;
    free(*text);
    *text = copy;
    return true;
}

static bool set_switch(void *field, const char *value)
{
    bool *on = field;

    *on = strcmp(value, "yes") == 0;
    return *on || strcmp(value, "no") == 0;
}

static bool set_protection(void *field, const char *value)
{
    static const char *const words[] = {"auto", "always", "never"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i], value) == 0)
            return set_text(field, value);
    return false;
}

/* One row a setting: its name in devid.conf, its variable, its member. */
static const struct {
    const char *name;
    const char *variable;
    bool (*set)(void *field, const char *value);
    size_t offset;
} rows[] = {
    {"tokens",           "DEVID_TOKENS",           set_text,       offsetof(struct config, tokens)          },
    {"tcti",             "DEVID_TCTI",             set_text,       offsetof(struct config, tcti)            },
    {"empty-slots",      "DEVID_EMPTY_SLOTS",      set_switch,     offsetof(struct config, empty_slots)     },
    {"parent",           "DEVID_PARENT",           set_text,       offsetof(struct config, parent)          },
    {"bus-protection",   "DEVID_BUS_PROTECTION",   set_protection, offsetof(struct config, bus_protection)  },
    {"owner-auth",       "DEVID_OWNER_AUTH",       set_text,       offsetof(struct config, owner_auth)      },
    {"endorsement-auth", "DEVID_ENDORSEMENT_AUTH", set_text,       offsetof(struct config, endorsement_auth)},
    {"pin-source",       "DEVID_PIN_SOURCE",       set_text,       offsetof(struct config, pin_source)      },
    {"software-secrets", "DEVID_SOFTWARE_SECRETS", set_text,       offsetof(struct config, software_secrets)},
    {"device-objects",   "DEVID_DEVICE_OBJECTS",   set_switch,     offsetof(struct config, device_objects)  },
};

#define ROWS (sizeof rows / sizeof rows[0])

/* What `devid provision` reads in the same file. */
static const char others_prefix[] = "provisioning-";

static bool read_setting(void *data, unsigned line, const char *name, const char *value)
{
    (void)line;
    if (strncmp(name, others_prefix, strlen(others_prefix)) == 0)
        return true;
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].set((char *)data + rows[i].offset, value);
    return false;
}

static CK_RV read_file(struct config *config)
{
    const char *path = secure_getenv("DEVID_CONF");
    bool named = path != NULL && path[0] != '\0';
    struct bytes text;
    unsigned line;
    int error;

    if (!named)
        path = DEVID_SYSCONFDIR "/devid.conf";
    else if (strcmp(path, "/dev/null") == 0)
        return CKR_OK;
    error = file_read(AT_FDCWD, path, FILE_MAXIMUM, &text);
    if (error == ENOENT && !named)
        return CKR_OK;
    if (error != 0)
        return p11_fail(CKR_GENERAL_ERROR, "configuration file %s cannot be read: %s", path, strerror(error));
    line = settings_read((const char *)text.data, text.size, read_setting, config);
    bytes_free(&text);
    if (line != 0)
        return p11_fail(CKR_GENERAL_ERROR, "%s:%u: no such setting or value; see devid.conf(5)", path, line);
    return CKR_OK;
}

static CK_RV read_environment(struct config *config)
{
    for (size_t i = 0; i < ROWS; i++) {
        const char *value = secure_getenv(rows[i].variable);

        if (value != NULL && value[0] != '\0' && !rows[i].set((char *)config + rows[i].offset, value))
            return p11_fail(CKR_GENERAL_ERROR, "environment variable %s=%s is not understood",
                            rows[i].variable, value);
    }
    return CKR_OK;
}

/* Root's tokens belong to the machine; others keep theirs where the XDG base directories say. */
static CK_RV default_tokens(struct config *config)
{
    const char *data = secure_getenv("XDG_DATA_HOME");
    const char *home = secure_getenv("HOME");
    struct buffer path;

    buffer_init(&path, PATH_MAX);
    if (geteuid() == 0)
        buffer_addf(&path, "%s/tokens", DEVID_STATEDIR);
    else if (data != NULL && data[0] == '/')
        buffer_addf(&path, "%s/devid/tokens", data);
    else if (home != NULL && home[0] == '/')
        buffer_addf(&path, "%s/.local/share/devid/tokens", home);
    else
        buffer_addf(&path, "%s/tokens", DEVID_STATEDIR);
    config->tokens = buffer_take_text(&path);
    buffer_free(&path);
    return config->tokens != NULL ? CKR_OK : CKR_HOST_MEMORY;
}

CK_RV config_load(struct config *config)
{
    CK_RV rv;

    *config = (struct config){.empty_slots = true, .device_objects = true};
    rv = read_file(config);
    if (rv == CKR_OK)
        rv = read_environment(config);
    if (rv == CKR_OK && config->tokens == NULL)
        rv = default_tokens(config);
    if (rv != CKR_OK)
        config_free(config);
    return rv;
}

static void free_secret(char *text)
{
    if (text != NULL)
        bytes_wipe(text, strlen(text));
    free(text);
}

void config_free(struct config *config)
{
    free_secret(config->owner_auth);
    free_secret(config->endorsement_auth);
    free(config->tokens);
    free(config->tcti);
    free(config->parent);
    free(config->pin_source);
    free(config->bus_protection);
    free(config->software_secrets);
    *config = (struct config){0};
}
