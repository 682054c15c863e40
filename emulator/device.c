/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/device.h"

#include "emulator/allocate.h"
#include "emulator/store.h"
#include "emulator/text.h"

#include <stdlib.h>
#include <string.h>

/* A copy of an object's member, or an empty object. */
static json_t *object_of(const json_t *object, const char *name)
{
    const json_t *member = json_object_get(object, name);

    return json_is_object(member) ? json_deep_copy(member) : json_object();
}

static json_t *first_twin(const json_t *enrollment)
{
    const json_t *initial = json_object_get(enrollment, "initialTwin");

    return json_pack("{s:o, s:{s:o, s:{}}}", "tags", object_of(initial, "tags"), "properties", "desired",
                     object_of(json_object_get(initial, "properties"), "desired"), "reported");
}

/* Twin and capabilities: those of `old` if there is one, else the enrollment's. */
static bool add_data(json_t *device, const json_t *old, const json_t *enrollment)
{
    json_t *twin = old != NULL ? object_of(old, "twin") : first_twin(enrollment);

    return json_object_set_new(device, "twin", twin) == 0 &&
           json_object_set_new(device, "capabilities",
                               object_of(old != NULL ? old : enrollment, "capabilities")) == 0;
}

/* What is stored of the device in that hub; *out is NULL when there is nothing. */
static bool look(const struct emulator *emulator, const char *hub, const char *device_id, json_t **out)
{
    char *key = emu_hub_key(emulator, hub, device_id);
    bool good = key != NULL && emu_store_get(emulator->store, EMU_DEVICES, key, out) != EMU_FAILED;

    if (key == NULL)
        *out = NULL;
    free(key);
    return good;
}

static bool forget(const struct emulator *emulator, const char *hub, const char *device_id)
{
    char *key = emu_hub_key(emulator, hub, device_id);
    bool good = key != NULL && emu_store_remove(emulator->store, EMU_DEVICES, key) != EMU_FAILED &&
                emu_store_remove(emulator->store, EMU_COMMANDS, key) != EMU_FAILED;

    free(key);
    return good;
}

/* A device that was switched off stays so. */
static bool keep_status(json_t *device, const json_t *old)
{
    json_t *status = json_object_get(old, "status");

    return status == NULL || json_object_set(device, "status", status) == 0;
}

static json_t *make_device(const struct emu_assignment *assignment, const json_t *old)
{
    const struct emu_verdict *verdict = assignment->verdict;
    char guid[EMU_GUID_SIZE];
    json_t *device;

    emu_guid(guid);
    device = json_pack("{s:s, s:s, s:s, s:O, s:O*, s:s}", "deviceId", assignment->device_id, "hub",
                       assignment->hub, "type", verdict->type, "credential", verdict->credential, "issued",
                       assignment->issued, "etag", guid);
    if (device != NULL && !(add_data(device, old, verdict->enrollment) && keep_status(device, old))) {
        json_decref(device);
        device = NULL;
    }
    return device;
}

bool emu_device_assign(const struct emulator *emulator, const struct emu_assignment *assignment)
{
    bool moves = assignment->move != EMU_DEVICE_STAY;
    json_t *old = NULL;
    json_t *device;
    char *key = emu_hub_key(emulator, assignment->hub, assignment->device_id);
    bool good = look(emulator, moves ? assignment->old_hub : assignment->hub, assignment->device_id, &old);

    device = make_device(assignment, assignment->move == EMU_DEVICE_RESET ? NULL : old);
    good = good && key != NULL && device != NULL &&
           (!moves || forget(emulator, assignment->old_hub, assignment->device_id)) &&
           emu_store_put(emulator->store, EMU_DEVICES, key, device);
    json_decref(device);
    json_decref(old);
    free(key);
    return good;
}

bool emu_device_find(const struct emulator *emulator, const struct emu_request *request,
                     const char *device_id, json_t **out, struct emu_refusal *refusal)
{
    const char *host = emu_field_find(request->headers, "Host");

    if (!look(emulator, host != NULL ? host : EMU_OWN_HUB, device_id, out))
        return emu_refuse(refusal, EMU_ERROR_HUB_INTERNAL, "The devices cannot be read.");
    return *out != NULL || emu_refuse(refusal, EMU_ERROR_HUB_NO_DEVICE,
                                      "The device %.130s is not registered with the hub %.130s.", device_id,
                                      host != NULL ? host : EMU_OWN_HUB);
}

bool emu_device_authenticate(const struct emulator *emulator, const struct emu_request *request,
                             const json_t *device, struct emu_refusal *refusal)
{
    const char *type = emu_json_text(device, "type");
    const char *id = emu_json_text(device, "deviceId");
    const struct emu_attestation *row = type != NULL ? emu_attest_find(type) : NULL;
    const char *status = emu_json_text(device, "status");
    const json_t *issued = json_object_get(device, "issued");

    if (row == NULL)
        return emu_refuse(refusal, EMU_ERROR_HUB_INTERNAL, "The device has an unknown kind of credential.");
    if (status != NULL && strcmp(status, "disabled") == 0)
        return emu_refuse(refusal, EMU_ERROR_HUB_UNAUTHORIZED, "The device %.130s is disabled.", id);
    if ((issued != NULL && request->peer_count != 0 &&
         emu_attest_x509.authenticate(emulator, request, id, issued, refusal)) ||
        row->authenticate(emulator, request, id, json_object_get(device, "credential"), refusal))
        return true;
    refusal->error = EMU_ERROR_HUB_UNAUTHORIZED; /* the judges speak for DPS */
    return false;
}

bool emu_device_remove(const struct emulator *emulator, const json_t *device, struct emu_refusal *refusal)
{
    return forget(emulator, emu_json_text(device, "hub"), emu_json_text(device, "deviceId")) ||
           emu_refuse(refusal, EMU_ERROR_HUB_INTERNAL, "The device cannot be removed.");
}
