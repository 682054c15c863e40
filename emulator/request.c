/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *emu_field_find(const struct emu_field *fields, const char *name)
{
    for (; fields != NULL && fields->name != NULL; fields++)
        if (strcasecmp(fields->name, name) == 0)
            return fields->value;
    return NULL;
}

bool emu_request_has_type(const struct emu_request *request, const char *type)
{
    const char *value = emu_field_find(request->headers, "Content-Type");
    size_t length = value != NULL ? strcspn(value, "; \t") : 0;

    return length == strlen(type) && length != 0 && strncasecmp(value, type, length) == 0;
}

/* What is left to say without memory. */
static void make_empty_error(struct emu_response *response)
{
    emu_response_free(response);
    response->status = 500;
}

void emu_response_header(struct emu_response *response, const char *name, const char *format, ...)
{
    char *copy = strdup(name);
    char *value = NULL;
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(&value, format, arguments) < 0)
        value = NULL;
    va_end(arguments);
    if (copy == NULL || value == NULL || response->header_count == EMU_HEADERS_MAXIMUM) {
        free(copy);
        free(value);
        make_empty_error(response);
        return;
    }
    response->headers[response->header_count].name = copy;
    response->headers[response->header_count].value = value;
    response->header_count++;
}

void emu_response_json(struct emu_response *response, unsigned status, json_t *body)
{
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;

    json_decref(body);
    bytes_free(&response->body);
    response->status = status;
    if (text == NULL || !bytes_copy(&response->body, text, strlen(text)))
        make_empty_error(response);
    else
        emu_response_header(response, "Content-Type", "application/json; charset=utf-8");
    free(text);
}

void emu_response_free(struct emu_response *response)
{
    for (size_t i = 0; i < response->header_count; i++) {
        free(response->headers[i].name);
        free(response->headers[i].value);
    }
    bytes_free(&response->body);
    *response = (struct emu_response){0};
}

void emu_parameters_free(struct emu_parameters *parameters)
{
    for (size_t i = 0; i < parameters->count; i++)
        free(parameters->values[i]);
    *parameters = (struct emu_parameters){0};
}
