/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/hub_api.h"

#include "emulator/check.h"
#include "emulator/device.h"
#include "emulator/property.h"
#include "emulator/store.h"
#include "emulator/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char batch_type[] = "application/vnd.microsoft.iothub.json";

/* What goes to the store with each message of one request. */
struct delivery {
    struct emulator *emulator;
    const char *hub;
    const char *device;
    char now[EMU_TIME_SIZE];
};

static bool store_message(const struct delivery *delivery, const json_t *application, const json_t *system,
                          struct bytes body, struct emu_refusal *refusal)
{
    struct emu_message message = {
        .hub = delivery->hub,
        .device = delivery->device,
        .enqueued = delivery->now,
        .properties = application,
        .system = system,
        .body = body,
    };

    return emu_store_add_message(delivery->emulator->store, &message) ||
           emu_refuse(refusal, EMU_ERROR_HUB_INTERNAL, "The message cannot be stored.");
}

/* One message: properties in the headers, the body is the body. */
static bool deliver_single(const struct delivery *delivery, const struct emu_request *request,
                           struct emu_refusal *refusal)
{
    json_t *application = json_object();
    json_t *system = json_object();
    char message[200];
    bool good = emu_property_read(request, application, system, message, sizeof message) ||
                emu_refuse(refusal, EMU_ERROR_HUB_ARGUMENT, "%s", message);

    good = good && store_message(delivery, application, system, request->body, refusal);
    json_decref(application);
    json_decref(system);
    return good;
}

/* The body of a batch element: base64, unless it says otherwise. */
static bool read_element_body(const json_t *element, struct bytes *out)
{
    const json_t *encoded = json_object_get(element, "base64Encoded");
    const char *text = emu_json_text(element, "body");

    *out = BYTES_EMPTY;
    if (text == NULL)
        return false;
    return json_is_false(encoded) ? bytes_copy(out, text, strlen(text)) : emu_base64_decode(text, out);
}

static bool deliver_element(const struct delivery *delivery, size_t index, json_t *element,
                            struct emu_refusal *refusal)
{
    json_t *application = json_object();
    json_t *system = json_object();
    struct bytes body;
    const char *name;
    json_t *value;
    bool good = true;

    if (!read_element_body(element, &body))
        good = emu_refuse(refusal, EMU_ERROR_HUB_ARGUMENT,
                          "Element %zu of the batch has no body, or one that is no base64.", index);
    json_object_foreach(json_object_get(element, "properties"), name, value)
    {
        if (good && (!json_is_string(value) ||
                     !emu_property_add(application, system, name, json_string_value(value))))
            good = emu_refuse(refusal, EMU_ERROR_HUB_ARGUMENT,
                              "The property %.80s of element %zu of the batch is no string.", name, index);
    }
    good = good && store_message(delivery, application, system, body, refusal);
    bytes_free(&body);
    json_decref(application);
    json_decref(system);
    return good;
}

/* Several messages in one JSON array: all of them are stored, or none. */
static bool deliver_batch(const struct delivery *delivery, const struct emu_request *request,
                          struct emu_refusal *refusal)
{
    char message[EMU_MESSAGE_SIZE] = "The batch must be a JSON array.";
    json_t *batch = emu_json_read(&request->body, message, sizeof message);
    bool good = json_is_array(batch) || emu_refuse(refusal, EMU_ERROR_HUB_ARGUMENT, "%s", message);
    size_t index;
    json_t *element;

    if (good && !emu_store_begin(delivery->emulator->store))
        good = emu_refuse(refusal, EMU_ERROR_HUB_INTERNAL, "The batch cannot be stored.");
    if (good) {
        json_array_foreach(batch, index, element)
        {
            good = good && deliver_element(delivery, index, element, refusal);
        }
        if (good && !emu_store_commit(delivery->emulator->store))
            good = emu_refuse(refusal, EMU_ERROR_HUB_INTERNAL, "The batch cannot be stored.");
        if (!good)
            emu_store_rollback(delivery->emulator->store);
    }
    json_decref(batch);
    return good;
}

void emu_hub_events(struct emulator *emulator, const struct emu_request *request,
                    const struct emu_parameters *parameters, struct emu_response *response)
{
    struct delivery delivery = {.emulator = emulator};
    struct emu_refusal refusal;
    json_t *device = NULL;
    bool good;

    emu_time_text(emu_now(emulator), delivery.now);
    good = emu_check_hub_version(request, &refusal) &&
           emu_device_find(emulator, request, parameters->values[0], &device, &refusal) &&
           emu_device_authenticate(emulator, request, device, &refusal);
    if (good && request->body.size > EMU_HUB_MESSAGE_MAXIMUM)
        good = emu_refuse(&refusal, EMU_ERROR_HUB_TOO_LARGE, "A message may have %d bytes.",
                          EMU_HUB_MESSAGE_MAXIMUM);
    if (good) {
        delivery.hub = emu_json_text(device, "hub");
        delivery.device = emu_json_text(device, "deviceId");
        good = (emu_request_has_type(request, batch_type) ? deliver_batch
                                                          : deliver_single)(&delivery, request, &refusal);
    }
    if (good)
        response->status = 204;
    else
        emu_response_refuse(response, &refusal);
    json_decref(device);
}
