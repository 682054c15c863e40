/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tokenconf.h"

#include "common/buffer.h"
#include "common/file.h"
#include "common/settings.h"
#include "pkcs11/failure.h"
#include "pkcs11/store.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAXIMUM 65536
#define FORMAT "1"

void token_conf_free(struct token_conf *conf)
{
    for (size_t i = 0; i < conf->count; i++) {
        free(conf->settings[i].name);
        bytes_wipe(conf->settings[i].value, strlen(conf->settings[i].value)); /* it may be a password */
        free(conf->settings[i].value);
    }
    free(conf->settings);
    *conf = (struct token_conf){0};
}

static struct token_setting *find(const struct token_conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->count; i++)
        if (strcmp(conf->settings[i].name, name) == 0)
            return &conf->settings[i];
    return NULL;
}

const char *token_conf_get(const struct token_conf *conf, const char *name)
{
    const struct token_setting *setting = find(conf, name);

    return setting != NULL ? setting->value : NULL;
}

static CK_RV append(struct token_conf *conf, const char *name, char *value)
{
    struct token_setting *grown = realloc(conf->settings, (conf->count + 1) * sizeof *grown);
    char *copy = strdup(name);

    if (grown != NULL)
        conf->settings = grown;
    if (grown == NULL || copy == NULL) {
        free(copy);
        free(value);
        return CKR_HOST_MEMORY;
    }
    grown[conf->count++] = (struct token_setting){copy, value}; /* transferred */
    return CKR_OK;
}

CK_RV token_conf_set(struct token_conf *conf, const char *name, const char *value)
{
    struct token_setting *setting = find(conf, name);
    char *copy;

    if (strchr(value, '\n') != NULL)
        return p11_fail(CKR_ARGUMENTS_BAD, "%s cannot have a line break in its value", name);
    copy = strdup(value);
    if (copy == NULL)
        return CKR_HOST_MEMORY;
    if (setting == NULL)
        return append(conf, name, copy);
    free(setting->value);
    setting->value = copy;
    return CKR_OK;
}

CK_RV token_conf_setf(struct token_conf *conf, const char *name, const char *format, ...)
{
    char value[1024];
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof value)
        return p11_fail(CKR_GENERAL_ERROR, "the value of %s is too long for %s", name, TOKEN_CONF_FILE);
    return token_conf_set(conf, name, value);
}

bool token_conf_get_number(const struct token_conf *conf, const char *name, unsigned long maximum,
                           unsigned long *value)
{
    const char *text = token_conf_get(conf, name);
    char *end;

    if (text == NULL || text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *value = strtoul(text, &end, 0);
    return errno == 0 && *end == '\0' && *value <= maximum;
}

bool token_conf_lists(const struct token_conf *conf, const char *name, const char *word)
{
    const char *list = token_conf_get(conf, name);
    size_t length = strlen(word);

    while (list != NULL && *list != '\0') {
        size_t step = strcspn(list, " ");

        if (step == length && memcmp(list, word, length) == 0)
            return true;
        list += step;
        list += strspn(list, " ");
    }
    return false;
}

static bool keep(void *data, unsigned line, const char *name, const char *value)
{
    struct token_conf *conf = data;

    (void)line;
    return token_conf_get(conf, name) == NULL && token_conf_set(conf, name, value) == CKR_OK;
}

/* What must be there before a backend looks at the rest. */
static CK_RV check(const struct token_conf *conf, const char *path)
{
    static const char *const needed[] = {"label", "serial", "slot", "backend"};
    const char *format = token_conf_get(conf, "format");

    if (format == NULL || strcmp(format, FORMAT) != 0)
        return p11_fail(CKR_TOKEN_NOT_RECOGNIZED,
                        "%s/" TOKEN_CONF_FILE " has format '%s', this version reads " FORMAT, path,
                        format != NULL ? format : "");
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (token_conf_get(conf, needed[i]) == NULL)
            return p11_fail(CKR_TOKEN_NOT_RECOGNIZED, "%s/" TOKEN_CONF_FILE " lacks the line '%s = ...'",
                            path, needed[i]);
    return CKR_OK;
}

CK_RV token_conf_read(int directory, const char *path, struct token_conf *conf)
{
    struct bytes text;
    int error = file_read(directory, TOKEN_CONF_FILE, FILE_MAXIMUM, &text);
    unsigned line;
    CK_RV rv;

    *conf = (struct token_conf){0};
    if (error == ENOENT)
        return CKR_TOKEN_NOT_RECOGNIZED;
    if (error != 0)
        return p11_fail(CKR_TOKEN_NOT_RECOGNIZED, "%s/" TOKEN_CONF_FILE " cannot be read: %s", path,
                        strerror(error));
    line = settings_read((const char *)text.data, text.size, keep, conf);
    bytes_free(&text);
    rv = line == 0 ? check(conf, path)
                   : p11_fail(CKR_TOKEN_NOT_RECOGNIZED,
                              "%s/" TOKEN_CONF_FILE ":%u is not a 'name = value' line, or repeats a name",
                              path, line);
    if (rv != CKR_OK)
        token_conf_free(conf);
    return rv;
}

CK_RV token_conf_write(int directory, const char *path, const struct token_conf *conf)
{
    struct buffer text;
    int error;

    buffer_init(&text, FILE_MAXIMUM);
    buffer_addf(&text, "format = " FORMAT "\n");
    for (size_t i = 0; i < conf->count; i++)
        if (strcmp(conf->settings[i].name, "format") != 0)
            buffer_addf(&text, "%s = %s\n", conf->settings[i].name, conf->settings[i].value);
    error = text.failed ? ENOMEM : file_replace(directory, TOKEN_CONF_FILE, text.data, text.size, 0600);
    buffer_free(&text);
    return error == 0 ? CKR_OK
                      : p11_fail(store_failure(error), "%s/" TOKEN_CONF_FILE " cannot be written: %s", path,
                                 strerror(error));
}
