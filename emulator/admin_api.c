/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/admin_api.h"

#include "emulator/check.h"
#include "emulator/emulator.h"
#include "emulator/fault.h"
#include "emulator/route.h"

static bool enter(const struct emulator *emulator, const struct emu_request *request,
                  struct emu_refusal *refusal)
{
    if (!request->local)
        return emu_refuse(refusal, EMU_ERROR_NOT_LOCAL,
                          "This is for programs on the emulator's machine only.");
    return emulator->faults != NULL || emu_refuse(refusal, EMU_ERROR_INTERNAL, "Out of memory.");
}

static bool add(struct emulator *emulator, const json_t *body, struct emu_refusal *refusal)
{
    char message[200];

    return emu_faults_add(emulator->faults, body, emu_route_known, message, sizeof message) ||
           emu_refuse(refusal, EMU_ERROR_BAD_REQUEST, "%s", message);
}

void emu_admin_add_fault(struct emulator *emulator, const struct emu_request *request,
                         const struct emu_parameters *parameters, struct emu_response *response)
{
    struct emu_refusal refusal;
    json_t *body = NULL;

    (void)parameters;
    if (enter(emulator, request, &refusal) && emu_check_object(request, &body, &refusal) &&
        add(emulator, body, &refusal))
        emu_response_json(response, 201, emu_faults_show(emulator->faults));
    else
        emu_response_refuse(response, &refusal);
    json_decref(body);
}

void emu_admin_show(struct emulator *emulator, const struct emu_request *request,
                    const struct emu_parameters *parameters, struct emu_response *response)
{
    struct emu_refusal refusal;

    (void)parameters;
    if (enter(emulator, request, &refusal))
        emu_response_json(response, 200, emu_faults_show(emulator->faults));
    else
        emu_response_refuse(response, &refusal);
}

void emu_admin_clear(struct emulator *emulator, const struct emu_request *request,
                     const struct emu_parameters *parameters, struct emu_response *response)
{
    struct emu_refusal refusal;

    (void)parameters;
    if (!enter(emulator, request, &refusal)) {
        emu_response_refuse(response, &refusal);
        return;
    }
    emu_faults_clear(emulator->faults);
    response->status = 204;
}
