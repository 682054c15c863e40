/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/route.h"

#include "emulator/device_api.h"
#include "emulator/error.h"
#include "emulator/hub_api.h"
#include "emulator/service_api.h"
#include "emulator/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* A segment in braces stands for any one segment, which becomes a parameter. The first row that fits is
 * taken. */
static const struct row {
    const char *method;
    const char *pattern;
    emu_handler *handler;
} rows[] = {
    {"PUT",    "/{scope}/registrations/{id}/register",               emu_device_register                   },
    {"GET",    "/{scope}/registrations/{id}/operations/{operation}", emu_device_operation                  },
    {"POST",   "/registrations/{id}/query",                          emu_service_query_registrations       },
    {"POST",   "/{scope}/registrations/{id}",                        emu_device_status                     },
    {"POST",   "/devices/{id}/messages/events",                      emu_hub_events                        },
    {"POST",   "/enrollments/query",                                 emu_service_query_enrollments         },
    {"POST",   "/enrollments",                                       emu_service_bulk_enrollments          },
    {"POST",   "/enrollments/{id}/attestationmechanism",             emu_service_get_enrollment_attestation},
    {"PUT",    "/enrollments/{id}",                                  emu_service_put_enrollment            },
    {"GET",    "/enrollments/{id}",                                  emu_service_get_enrollment            },
    {"DELETE", "/enrollments/{id}",                                  emu_service_delete_enrollment         },
    {"POST",   "/enrollmentGroups/query",                            emu_service_query_groups              },
    {"POST",   "/enrollmentGroups",                                  emu_service_bulk_groups               },
    {"POST",   "/enrollmentGroups/{id}/attestationmechanism",        emu_service_get_group_attestation     },
    {"PUT",    "/enrollmentGroups/{id}",                             emu_service_put_group                 },
    {"GET",    "/enrollmentGroups/{id}",                             emu_service_get_group                 },
    {"DELETE", "/enrollmentGroups/{id}",                             emu_service_delete_group              },
    {"GET",    "/registrations/{id}",                                emu_service_get_registration          },
    {"DELETE", "/registrations/{id}",                                emu_service_delete_registration       },
};
#define ROW_COUNT (sizeof rows / sizeof rows[0])

/* The next segment of *path (without its slash), or false at the end. */
static bool next_segment(const char **path, const char **segment, size_t *length)
{
    if (**path != '/' || (*path)[1] == '\0')
        return false;
    *segment = *path + 1;
    *length = strcspn(*segment, "/");
    *path = *segment + *length;
    return true;
}

static bool match_segment(const char *pattern, size_t pattern_length, const char *segment, size_t length,
                          struct emu_parameters *parameters)
{
    char *value;

    if (pattern[0] != '{')
        return pattern_length == length && strncasecmp(pattern, segment, length) == 0;
    if (length == 0 || parameters->count == EMU_PARAMETERS_MAXIMUM)
        return false;
    value = emu_percent_decode(segment, length);
    if (value == NULL)
        return false;
    parameters->values[parameters->count++] = value;
    return true;
}

/* On false the parameters are empty again. */
static bool match(const char *pattern, const char *path, struct emu_parameters *parameters)
{
    const char *wanted;
    const char *given;
    size_t wanted_length;
    size_t given_length;

    while (next_segment(&pattern, &wanted, &wanted_length)) {
        if (!next_segment(&path, &given, &given_length) ||
            !match_segment(wanted, wanted_length, given, given_length, parameters))
            goto no;
    }
    if (path[0] == '\0' || strcmp(path, "/") == 0)
        return true;
no:
    emu_parameters_free(parameters);
    return false;
}

/* Nobody took the request: because of its method, or because of its path. */
static void refuse(const struct emu_request *request, struct emu_response *response)
{
    struct emu_parameters parameters = {0};
    char allowed[80] = "";
    size_t length = 0;

    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (!match(rows[i].pattern, request->path, &parameters))
            continue;
        emu_parameters_free(&parameters);
        if (strstr(allowed, rows[i].method) == NULL && length < sizeof allowed)
            length += (size_t)snprintf(allowed + length, sizeof allowed - length, "%s%s",
                                       length != 0 ? ", " : "", rows[i].method);
    }
    if (length == 0) {
        emu_response_fail(response, EMU_ERROR_NO_ROUTE, "There is nothing at %.200s.", request->path);
        return;
    }
    emu_response_fail(response, EMU_ERROR_METHOD, "%.200s takes %s, not %.20s.", request->path, allowed,
                      request->method);
    emu_response_header(response, "Allow", "%s", allowed);
}

void emu_route(struct emulator *emulator, const struct emu_request *request, struct emu_response *response)
{
    struct emu_parameters parameters = {0};

    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (strcmp(rows[i].method, request->method) == 0 &&
            match(rows[i].pattern, request->path, &parameters)) {
            rows[i].handler(emulator, request, &parameters, response);
            emu_parameters_free(&parameters);
            return;
        }
    }
    refuse(request, response);
}
