/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/connection.h"

#include "cli/sas.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TEXT_MAXIMUM 4096
#define HOST_MAXIMUM 255
#define DEVICE_MAXIMUM 128

static const char host_letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:[]";
static const char device_letters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-:.+%_#*?!(),=@$'";

static bool refuse(char *message, size_t size, const char *what)
{
    snprintf(message, size, "%s", what);
    return false;
}

static bool consists_of(const char *text, const char *letters, size_t maximum)
{
    size_t length = strlen(text);

    return length != 0 && length <= maximum && text[strspn(text, letters)] == '\0';
}

/* One Name=value. Names are compared without regard to case. */
static bool take(struct cli_connection *out, const char *name, size_t length, const char *value, size_t size,
                 char *message, size_t message_size)
{
    const struct {
        const char *name;
        char **where;
    } names[] = {
        {"HostName",            &out->host     },
        {"DeviceId",            &out->device_id},
        {"SharedAccessKeyName", &out->policy   },
        {"SharedAccessKey",     &out->key_text },
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i].name) != length || strncasecmp(names[i].name, name, length) != 0)
            continue;
        if (*names[i].where != NULL) {
            snprintf(message, message_size, "has %s twice", names[i].name);
            return false;
        }
        *names[i].where = strndup(value, size);
        return *names[i].where != NULL || refuse(message, message_size, "finds no memory");
    }
    return true;
}

static bool split(const char *text, struct cli_connection *out, char *message, size_t size)
{
    while (*text != '\0') {
        size_t length = strcspn(text, ";");
        const char *equals = memchr(text, '=', length);

        if (length == 0) {
            text++;
            continue;
        }
        if (equals == NULL)
            return refuse(message, size, "is no list of Name=value with semicolons between");
        if (!take(out, text, (size_t)(equals - text), equals + 1, length - (size_t)(equals + 1 - text),
                  message, size))
            return false;
        text += length;
    }
    return true;
}

static bool check(enum cli_connection_kind kind, struct cli_connection *out, char *message, size_t size)
{
    if (out->host == NULL || !consists_of(out->host, host_letters, HOST_MAXIMUM))
        return refuse(message, size, "has no HostName, or one that is none");
    if (kind == CLI_CONNECTION_DEVICE &&
        (out->device_id == NULL || !consists_of(out->device_id, device_letters, DEVICE_MAXIMUM)))
        return refuse(message, size,
                      out->policy != NULL
                          ? "has no DeviceId: it is a service's, and a device needs one of its own"
                          : "has no DeviceId, or one that is none");
    if (kind == CLI_CONNECTION_SERVICE && (out->policy == NULL || out->policy[0] == '\0'))
        return refuse(message, size,
                      out->device_id != NULL
                          ? "has no SharedAccessKeyName: it is a device's, and this needs that of the service"
                          : "has no SharedAccessKeyName");
    if (out->key_text == NULL || !cli_sas_key(out->key_text, &out->key))
        return refuse(message, size, "has no SharedAccessKey, or one that is no base64");
    return true;
}

bool cli_connection_read(const char *text, enum cli_connection_kind kind, struct cli_connection *out,
                         char *message, size_t size)
{
    size_t length = strlen(text);
    char *copy;
    bool good;

    *out = (struct cli_connection){0};
    while (length != 0 && isspace((unsigned char)text[length - 1]))
        length--;
    if (length == 0 || length > TEXT_MAXIMUM)
        return refuse(message, size, length == 0 ? "is empty" : "is too long");
    copy = strndup(text, length);
    if (copy == NULL)
        return refuse(message, size, "finds no memory");
    good = split(copy, out, message, size) && check(kind, out, message, size);
    bytes_wipe(copy, length);
    free(copy);
    if (!good)
        cli_connection_free(out);
    return good;
}

void cli_connection_free(struct cli_connection *connection)
{
    if (connection->key_text != NULL)
        bytes_wipe(connection->key_text, strlen(connection->key_text));
    free(connection->key_text);
    free(connection->host);
    free(connection->device_id);
    free(connection->policy);
    bytes_free(&connection->key);
    *connection = (struct cli_connection){0};
}
