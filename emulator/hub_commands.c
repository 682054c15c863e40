/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/hub_api.h"

#include "emulator/check.h"
#include "emulator/command.h"
#include "emulator/property.h"
#include "emulator/text.h"

#include <string.h>

/* The device's side of cloud-to-device messages. */

/* The device that the request is from; *out is the caller's. */
static bool enter(struct emulator *emulator, const struct emu_request *request, const char *device_id,
                  json_t **out, struct emu_refusal *refusal)
{
    *out = NULL;
    return emu_check_hub_version(request, refusal) &&
           emu_device_find(emulator, request, device_id, out, refusal) &&
           emu_device_authenticate(emulator, request, *out, refusal);
}

static void respond_message(const json_t *message, struct emu_response *response)
{
    const char *body = emu_json_text(message, "body");
    json_t *sequence = json_object_get(message, "sequenceNumber");
    json_t *count = json_object_get(message, "deliveryCount");

    if (body == NULL || !emu_base64_decode(body, &response->body)) {
        emu_response_fail(response, EMU_ERROR_HUB_INTERNAL, "The message cannot be read.");
        return;
    }
    response->status = 200;
    emu_response_header(response, "Content-Type", "application/octet-stream");
    emu_response_header(response, "ETag", "\"%s\"", emu_json_text(message, "lockToken"));
    emu_response_header(response, "iothub-sequencenumber", "%lld", (long long)json_integer_value(sequence));
    emu_response_header(response, "iothub-deliverycount", "%lld", (long long)json_integer_value(count));
    emu_response_header(response, "iothub-enqueuedtime", "%s", emu_json_text(message, "enqueuedTime"));
    emu_property_write(json_object_get(message, "properties"), json_object_get(message, "systemProperties"),
                       response);
}

void emu_hub_receive(struct emulator *emulator, const struct emu_request *request,
                     const struct emu_parameters *parameters, struct emu_response *response)
{
    struct emu_refusal refusal;
    json_t *device;
    json_t *message = NULL;

    if (!enter(emulator, request, parameters->values[0], &device, &refusal) ||
        !emu_command_receive(emulator, device, &message, &refusal))
        emu_response_refuse(response, &refusal);
    else if (message != NULL)
        respond_message(message, response);
    else
        response->status = 204;
    json_decref(message);
    json_decref(device);
}

static void settle(struct emulator *emulator, const struct emu_request *request,
                   const struct emu_parameters *parameters, enum emu_outcome outcome,
                   struct emu_response *response)
{
    struct emu_refusal refusal;
    json_t *device;

    if (enter(emulator, request, parameters->values[0], &device, &refusal) &&
        emu_command_settle(emulator, device, parameters->values[1], outcome, &refusal))
        response->status = 204;
    else
        emu_response_refuse(response, &refusal);
    json_decref(device);
}

/* DELETE completes; with the query parameter `reject` it rejects. */
void emu_hub_complete(struct emulator *emulator, const struct emu_request *request,
                      const struct emu_parameters *parameters, struct emu_response *response)
{
    settle(emulator, request, parameters,
           emu_field_find(request->query, "reject") != NULL ? EMU_REJECTED : EMU_COMPLETED, response);
}

void emu_hub_abandon(struct emulator *emulator, const struct emu_request *request,
                     const struct emu_parameters *parameters, struct emu_response *response)
{
    settle(emulator, request, parameters, EMU_ABANDONED, response);
}
