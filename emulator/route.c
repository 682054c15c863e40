/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/route.h"

#include "emulator/admin_api.h"
#include "emulator/device_api.h"
#include "emulator/emulator.h"
#include "emulator/error.h"
#include "emulator/fault.h"
#include "emulator/hub_api.h"
#include "emulator/hub_owner.h"
#include "emulator/service_api.h"
#include "emulator/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* A segment in braces stands for any one segment, which becomes a parameter. The first row that fits is
 * taken. Rows with one name are one route for faults; without a name there are none. */
/* clang-format off */
static const struct row {
    const char *method;
    const char *pattern;
    emu_handler *handler;
    const char *name;
} rows[] = {
    {"PUT", "/{scope}/registrations/{id}/register", emu_device_register, "register"},
    {"GET", "/{scope}/registrations/{id}/operations/{operation}", emu_device_operation, "operation"},
    {"POST", "/registrations/{id}/query", emu_service_query_registrations, "service"},
    {"POST", "/emulator/faults", emu_admin_add_fault, NULL},
    {"GET", "/emulator/faults", emu_admin_show, NULL},
    {"DELETE", "/emulator/faults", emu_admin_clear, NULL},
    {"POST", "/{scope}/registrations/{id}", emu_device_status, "status"},
    {"POST", "/devices/{id}/messages/events", emu_hub_events, "events"},
    {"GET", "/devices/{id}/messages/devicebound", emu_hub_receive, "receive"},
    {"DELETE", "/devices/{id}/messages/devicebound/{lock}", emu_hub_complete, "settle"},
    {"POST", "/devices/{id}/messages/devicebound/{lock}/abandon", emu_hub_abandon, "settle"},
    {"POST", "/devices/{id}/messages/devicebound", emu_hub_send_command, "hub"},
    {"GET", "/devices/{id}", emu_hub_get_device, "hub"},
    {"PUT", "/devices/{id}", emu_hub_put_device, "hub"},
    {"DELETE", "/devices/{id}", emu_hub_delete_device, "hub"},
    {"GET", "/twins/{id}", emu_hub_get_twin, "hub"},
    {"POST", "/enrollments/query", emu_service_query_enrollments, "service"},
    {"POST", "/enrollments", emu_service_bulk_enrollments, "service"},
    {"POST", "/enrollments/{id}/attestationmechanism", emu_service_get_enrollment_attestation, "service"},
    {"PUT", "/enrollments/{id}", emu_service_put_enrollment, "service"},
    {"GET", "/enrollments/{id}", emu_service_get_enrollment, "service"},
    {"DELETE", "/enrollments/{id}", emu_service_delete_enrollment, "service"},
    {"POST", "/enrollmentGroups/query", emu_service_query_groups, "service"},
    {"POST", "/enrollmentGroups", emu_service_bulk_groups, "service"},
    {"POST", "/enrollmentGroups/{id}/attestationmechanism", emu_service_get_group_attestation, "service"},
    {"PUT", "/enrollmentGroups/{id}", emu_service_put_group, "service"},
    {"GET", "/enrollmentGroups/{id}", emu_service_get_group, "service"},
    {"DELETE", "/enrollmentGroups/{id}", emu_service_delete_group, "service"},
    {"GET", "/registrations/{id}", emu_service_get_registration, "service"},
    {"DELETE", "/registrations/{id}", emu_service_delete_registration, "service"},
};
/* clang-format on */
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

bool emu_route_known(const char *name)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (rows[i].name != NULL && strcmp(rows[i].name, name) == 0)
            return true;
    return false;
}

/* With the fault that waits for this route, if any. */
static void run(const struct row *row, struct emulator *emulator, const struct emu_request *request,
                const struct emu_parameters *parameters, struct emu_response *response)
{
    const json_t *fault =
        row->name != NULL && emulator->faults != NULL ? emu_faults_take(emulator->faults, row->name) : NULL;

    if (fault == NULL || emu_fault_handles(fault))
        row->handler(emulator, request, parameters, response);
    if (fault != NULL)
        emu_fault_apply(fault, parameters->count > 2 ? parameters->values[2] : NULL, response);
}

void emu_route(struct emulator *emulator, const struct emu_request *request, struct emu_response *response)
{
    struct emu_parameters parameters = {0};

    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (strcmp(rows[i].method, request->method) == 0 &&
            match(rows[i].pattern, request->path, &parameters)) {
            run(&rows[i], emulator, request, &parameters, response);
            emu_parameters_free(&parameters);
            return;
        }
    }
    refuse(request, response);
}
