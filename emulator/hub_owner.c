/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/hub_owner.h"

#include "emulator/allocate.h"
#include "emulator/check.h"
#include "emulator/command.h"
#include "emulator/property.h"
#include "emulator/service_auth.h"
#include "emulator/store.h"
#include "emulator/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The device that a back end asks for; *out is the caller's. */
static bool enter(struct emulator *emulator, const struct emu_request *request, const char *device_id,
                  json_t **out, struct emu_refusal *refusal)
{
    *out = NULL;
    return emu_hub_authorize(emulator, request, refusal) &&
           emu_device_find(emulator, request, device_id, out, refusal);
}

/* --- devices ------------------------------------------------------------------------------------------- */

static json_t *show_keys(const json_t *device)
{
    json_t *keys = json_object_get(json_object_get(device, "credential"), "keys");
    json_t *primary = json_array_get(keys, 0);
    json_t *secondary = json_array_get(keys, 1);

    if (primary == NULL)
        return json_pack("{s:s}", "type", "certificate");
    return json_pack("{s:s, s:{s:O, s:O}}", "type", "sas", "symmetricKey", "primaryKey", primary,
                     "secondaryKey", secondary != NULL ? secondary : primary);
}

static json_t *show_device(const json_t *device)
{
    const char *status = emu_json_text(device, "status");

    return json_pack("{s:O, s:O, s:s, s:O, s:o}", "deviceId", json_object_get(device, "deviceId"), "etag",
                     json_object_get(device, "etag"), "status", status != NULL ? status : "enabled",
                     "capabilities", json_object_get(device, "capabilities"), "authentication",
                     show_keys(device));
}

void emu_hub_get_device(struct emulator *emulator, const struct emu_request *request,
                        const struct emu_parameters *parameters, struct emu_response *response)
{
    struct emu_refusal refusal;
    json_t *device;

    if (enter(emulator, request, parameters->values[0], &device, &refusal))
        emu_response_json(response, 200, show_device(device));
    else
        emu_response_refuse(response, &refusal);
    json_decref(device);
}

/* What a back end may say of a device: status, and (for one that is not there) symmetric keys. */
static bool check_device(const json_t *body, const char *device_id, struct emu_refusal *refusal)
{
    const char *named = emu_json_text(body, "deviceId");
    const char *status = emu_json_text(body, "status");
    const char *type = emu_json_text(json_object_get(body, "authentication"), "type");

    if (named != NULL && strcmp(named, device_id) != 0)
        return emu_refuse(refusal, EMU_ERROR_HUB_ARGUMENT,
                          "The deviceId of the body is not that of the path.");
    if (status != NULL && strcmp(status, "enabled") != 0 && strcmp(status, "disabled") != 0)
        return emu_refuse(refusal, EMU_ERROR_HUB_ARGUMENT, "status must be enabled or disabled.");
    if (type != NULL && strcmp(type, "sas") != 0)
        return emu_refuse(refusal, EMU_ERROR_HUB_ARGUMENT,
                          "authentication.type %.40s is not offered here, only sas.", type);
    return true;
}

/* A new device with symmetric keys; what is not given is made. */
static json_t *make_device(const struct emu_request *request, const char *device_id, const json_t *body,
                           struct emu_refusal *refusal)
{
    const json_t *given = json_object_get(json_object_get(body, "authentication"), "symmetricKey");
    json_t *keys = json_is_object(given) ? json_deep_copy(given) : json_object();
    const char *host = emu_field_find(request->headers, "Host");
    char guid[EMU_GUID_SIZE];
    json_t *device = NULL;

    emu_guid(guid);
    if (!emu_attest_symmetric.validate(EMU_INDIVIDUAL, keys, refusal))
        refusal->error = EMU_ERROR_HUB_ARGUMENT;
    else if (!emu_attest_symmetric.complete(keys, NULL))
        emu_refuse(refusal, EMU_ERROR_HUB_INTERNAL, "The keys cannot be made.");
    else
        device = json_pack("{s:s, s:s, s:s, s:s, s:{s:[O, O]}, s:{s:b}, s:{s:{}, s:{s:{}, s:{}}}}",
                           "deviceId", device_id, "hub", host != NULL ? host : EMU_OWN_HUB, "etag", guid,
                           "type", emu_attest_symmetric.type, "credential", "keys",
                           json_object_get(keys, "primaryKey"), json_object_get(keys, "secondaryKey"),
                           "capabilities", "iotEdge", 0, "twin", "tags", "properties", "desired", "reported");
    json_decref(keys);
    return device;
}

static bool put_device(struct emulator *emulator, const struct emu_request *request, const char *device_id,
                       const json_t *body, json_t **device, struct emu_refusal *refusal)
{
    const char *status = emu_json_text(body, "status");
    const char *host = emu_field_find(request->headers, "Host");
    char *key = emu_hub_key(emulator, host != NULL ? host : EMU_OWN_HUB, device_id);
    enum emu_found found =
        key != NULL ? emu_store_get(emulator->store, EMU_DEVICES, key, device) : EMU_FAILED;
    bool good =
        found != EMU_FAILED || emu_refuse(refusal, EMU_ERROR_HUB_INTERNAL, "The devices cannot be read.");

    if (found == EMU_ABSENT) {
        *device = make_device(request, device_id, body, refusal);
        good = *device != NULL;
    }
    if (good && ((status != NULL && json_object_set_new(*device, "status", json_string(status)) != 0) ||
                 !emu_store_put(emulator->store, EMU_DEVICES, key, *device)))
        good = emu_refuse(refusal, EMU_ERROR_HUB_INTERNAL, "The device cannot be stored.");
    free(key);
    return good;
}

void emu_hub_put_device(struct emulator *emulator, const struct emu_request *request,
                        const struct emu_parameters *parameters, struct emu_response *response)
{
    const char *id = parameters->values[0];
    struct emu_refusal refusal;
    json_t *body = NULL;
    json_t *device = NULL;

    if (emu_hub_authorize(emulator, request, &refusal) && emu_check_object(request, &body, &refusal) &&
        emu_check_id("device id", id, &refusal) && check_device(body, id, &refusal) &&
        put_device(emulator, request, id, body, &device, &refusal)) {
        emu_response_json(response, 200, show_device(device));
    } else {
        if (refusal.error == EMU_ERROR_BAD_REQUEST) /* from the checks that DPS has too */
            refusal.error = EMU_ERROR_HUB_ARGUMENT;
        emu_response_refuse(response, &refusal);
    }
    json_decref(body);
    json_decref(device);
}

void emu_hub_delete_device(struct emulator *emulator, const struct emu_request *request,
                           const struct emu_parameters *parameters, struct emu_response *response)
{
    struct emu_refusal refusal;
    json_t *device;

    if (enter(emulator, request, parameters->values[0], &device, &refusal) &&
        emu_device_remove(emulator, device, &refusal))
        response->status = 204;
    else
        emu_response_refuse(response, &refusal);
    json_decref(device);
}

void emu_hub_get_twin(struct emulator *emulator, const struct emu_request *request,
                      const struct emu_parameters *parameters, struct emu_response *response)
{
    struct emu_refusal refusal;
    json_t *device;
    const json_t *twin;

    if (enter(emulator, request, parameters->values[0], &device, &refusal)) {
        twin = json_object_get(device, "twin");
        emu_response_json(
            response, 200,
            json_pack("{s:O, s:O, s:O, s:O, s:O}", "deviceId", json_object_get(device, "deviceId"), "etag",
                      json_object_get(device, "etag"), "capabilities",
                      json_object_get(device, "capabilities"), "tags", json_object_get(twin, "tags"),
                      "properties", json_object_get(twin, "properties")));
    } else {
        emu_response_refuse(response, &refusal);
    }
    json_decref(device);
}

/* --- messages to a device ------------------------------------------------------------------------------ */

void emu_hub_send_command(struct emulator *emulator, const struct emu_request *request,
                          const struct emu_parameters *parameters, struct emu_response *response)
{
    json_t *application = json_object();
    json_t *system = json_object();
    struct emu_refusal refusal;
    json_int_t sequence = 0;
    char message[200];
    json_t *device;

    if (!enter(emulator, request, parameters->values[0], &device, &refusal))
        emu_response_refuse(response, &refusal);
    else if (!emu_property_read(request, application, system, message, sizeof message))
        emu_response_fail(response, EMU_ERROR_HUB_ARGUMENT, "%s", message);
    else if (!emu_command_add(emulator, device, application, system, &request->body, &sequence, &refusal))
        emu_response_refuse(response, &refusal);
    else
        emu_response_json(response, 201, json_pack("{s:I}", "sequenceNumber", sequence));
    json_decref(device);
    json_decref(application);
    json_decref(system);
}
