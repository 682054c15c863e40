/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/registration.h"

#include "emulator/allocate.h"
#include "emulator/store.h"
#include "emulator/text.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 4.<16 digits, the same for all operations of a service>.<guid> */
static void make_operation_id(const struct emulator *emulator, char out[static EMU_OPERATION_SIZE])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    char instance[17];
    char guid[EMU_GUID_SIZE];

    SHA256((const unsigned char *)emulator->id_scope, strlen(emulator->id_scope), digest);
    bytes_to_hex(digest, 8, instance);
    emu_guid(guid);
    snprintf(out, EMU_OPERATION_SIZE, "4.%s.%s", instance, guid);
}

static json_t *make_etag(void)
{
    char guid[EMU_GUID_SIZE];

    emu_guid(guid);
    return json_sprintf("\"%s\"", guid);
}

static const char *text_or(const char *text, const char *otherwise)
{
    return text != NULL && text[0] != '\0' ? text : otherwise;
}

/* What a first registration decides for good: device id and hub. */
static json_t *first_state(const struct emulator *emulator, const struct emu_verdict *verdict,
                           const char *registration_id, const char *now)
{
    const char *hub = emu_allocate(emulator, verdict->enrollment, registration_id);

    if (hub == NULL)
        return json_pack("{s:s, s:s, s:s, s:i, s:s}", "registrationId", registration_id, "createdDateTimeUtc",
                         now, "status", "failed", "errorCode", emu_error_code(EMU_ERROR_HUB_NOT_SPECIFIED),
                         "errorMessage", "No hub is linked that the allocation policy could choose.");
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "registrationId", registration_id,
                     "createdDateTimeUtc", now, "assignedHub", hub, "deviceId",
                     text_or(emu_json_text(verdict->enrollment, "deviceId"), registration_id), "status",
                     "assigned", "substatus", "initialAssignment");
}

/* The state of the record that is there if it was assigned, which then stays; else a first one. */
static json_t *next_state(const struct emulator *emulator, const struct emu_verdict *verdict,
                          const char *registration_id, const char *now)
{
    json_t *record;
    json_t *state = NULL;
    enum emu_found found = emu_store_get(emulator->store, EMU_REGISTRATIONS, registration_id, &record);

    if (found == EMU_PRESENT && emu_json_text(json_object_get(record, "state"), "assignedHub") != NULL)
        state = json_deep_copy(json_object_get(record, "state"));
    else if (found != EMU_FAILED)
        state = first_state(emulator, verdict, registration_id, now);
    json_decref(record);
    return state;
}

static json_t *make_record(const struct emulator *emulator, const struct emu_verdict *verdict,
                           const char *registration_id)
{
    json_t *state;
    char operation[EMU_OPERATION_SIZE];
    char now[EMU_TIME_SIZE];

    emu_time_text(emu_now(emulator), now);
    make_operation_id(emulator, operation);
    state = next_state(emulator, verdict, registration_id, now);
    if (state == NULL || json_object_set_new(state, "lastUpdatedDateTimeUtc", json_string(now)) != 0 ||
        json_object_set_new(state, "etag", make_etag()) != 0 ||
        json_object_set(state, verdict->type, verdict->report) != 0) {
        json_decref(state);
        return NULL;
    }
    return json_pack("{s:o, s:{s:s, s:i}, s:s*}", "state", state, "operation", "id", operation, "polls",
                     (int)emulator->polls, "group", verdict->group);
}

/* The device in its hub, with what it is recognised by. */
static bool store_device(const struct emulator *emulator, const struct emu_verdict *verdict,
                         const json_t *state)
{
    const char *hub = emu_json_text(state, "assignedHub");
    const char *device = emu_json_text(state, "deviceId");
    char *key = hub != NULL && device != NULL ? emu_hub_key(emulator, hub, device) : NULL;
    json_t *document =
        json_pack("{s:s, s:s, s:s, s:O}", "deviceId", device != NULL ? device : "", "hub",
                  hub != NULL ? hub : "", "type", verdict->type, "credential", verdict->credential);
    bool stored = hub == NULL || (key != NULL && document != NULL &&
                                  emu_store_put(emulator->store, EMU_DEVICES, key, document));

    json_decref(document);
    free(key);
    return stored;
}

bool emu_registration_make(const struct emulator *emulator, const struct emu_verdict *verdict,
                           const char *registration_id, json_t **out, struct emu_refusal *refusal)
{
    *out = NULL;
    if (emu_store_begin(emulator->store)) {
        *out = make_record(emulator, verdict, registration_id);
        if (*out != NULL && emu_store_put(emulator->store, EMU_REGISTRATIONS, registration_id, *out) &&
            store_device(emulator, verdict, json_object_get(*out, "state")) &&
            emu_store_commit(emulator->store))
            return true;
        emu_store_rollback(emulator->store);
    }
    json_decref(*out);
    *out = NULL;
    return emu_refuse(refusal, EMU_ERROR_INTERNAL, "The registration cannot be stored.");
}

bool emu_registration_get(const struct emulator *emulator, const char *registration_id, json_t **out,
                          struct emu_refusal *refusal)
{
    enum emu_found found = emu_store_get(emulator->store, EMU_REGISTRATIONS, registration_id, out);

    if (found == EMU_FAILED)
        return emu_refuse(refusal, EMU_ERROR_INTERNAL, "The registrations cannot be read.");
    if (found == EMU_ABSENT)
        return emu_refuse(refusal, EMU_ERROR_NO_REGISTRATION,
                          "Registration not found: %s has not registered.", registration_id);
    return true;
}

json_t *emu_registration_show(const struct emulator *emulator, const json_t *record)
{
    json_t *state = json_deep_copy(json_object_get(record, "state"));
    const char *hub = emu_json_text(state, "assignedHub");
    char *address = hub != NULL ? emu_hub_address(emulator, hub) : NULL;

    if (hub != NULL &&
        (address == NULL || json_object_set_new(state, "assignedHub", json_string(address)) != 0)) {
        json_decref(state);
        state = NULL;
    }
    free(address);
    return state;
}
