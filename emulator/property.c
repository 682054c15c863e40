/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/property.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char application_prefix[] = "iothub-app-";

static const struct {
    const char *header;
    const char *name;
} system_properties[] = {
    {"iothub-messageid",       "messageId"      },
    {"iothub-correlationid",   "correlationId"  },
    {"iothub-userid",          "userId"         },
    {"iothub-contenttype",     "contentType"    },
    {"iothub-contentencoding", "contentEncoding"},
    {"iothub-to",              "to"             },
    {"iothub-expiry",          "expiryTimeUtc"  },
    {"iothub-ack",             "ack"            },
};
#define SYSTEM_COUNT (sizeof system_properties / sizeof system_properties[0])

bool emu_property_add(json_t *application, json_t *system, const char *name, const char *value)
{
    size_t prefix = strlen(application_prefix);

    if (strncasecmp(name, application_prefix, prefix) == 0)
        return json_object_set_new(application, name + prefix, json_string(value)) == 0;
    for (size_t i = 0; i < SYSTEM_COUNT; i++)
        if (strcasecmp(system_properties[i].header, name) == 0)
            return json_object_set_new(system, system_properties[i].name, json_string(value)) == 0;
    return true;
}

bool emu_property_read(const struct emu_request *request, json_t *application, json_t *system, char *message,
                       size_t size)
{
    for (const struct emu_field *field = request->headers; field != NULL && field->name != NULL; field++) {
        if (!emu_property_add(application, system, field->name, field->value)) {
            snprintf(message, size, "The header %.80s is not UTF-8.", field->name);
            return false;
        }
    }
    return true;
}

void emu_property_write(const json_t *application, const json_t *system, struct emu_response *response)
{
    const char *name;
    json_t *value;
    char header[300];

    for (size_t i = 0; i < SYSTEM_COUNT; i++) {
        const char *text = json_string_value(json_object_get(system, system_properties[i].name));

        if (text != NULL)
            emu_response_header(response, system_properties[i].header, "%s", text);
    }
    json_object_foreach((json_t *)(uintptr_t)application, name, value)
    {
        if (!json_is_string(value))
            continue;
        snprintf(header, sizeof header, "%s%.200s", application_prefix, name);
        emu_response_header(response, header, "%s", json_string_value(value));
    }
}
