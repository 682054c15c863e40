/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/registration.h"

#include "emulator/allocate.h"
#include "emulator/device.h"
#include "emulator/store.h"
#include "emulator/text.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Members of the state named after the kinds of attestation. */
static const char *const credentials[] = {"tpm", "symmetricKey", "x509"};
static const char issued_chain[] = "issuedCertificateChain";

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

/* The operation fails: the device is told so with a number. */
static json_t *failed_state(const char *registration_id, const char *created)
{
    return json_pack("{s:s, s:s, s:s, s:i, s:s}", "registrationId", registration_id, "createdDateTimeUtc",
                     created, "status", "failed", "errorCode", emu_error_code(EMU_ERROR_HUB_NOT_SPECIFIED),
                     "errorMessage", "No hub is linked that the allocation policy could choose.");
}

static json_t *first_state(const struct emulator *emulator, const struct emu_registering *registering,
                           const char *now)
{
    const json_t *enrollment = registering->verdict->enrollment;
    const char *hub = emu_allocate(emulator, enrollment, registering->registration_id);

    if (hub == NULL)
        return failed_state(registering->registration_id, now);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "registrationId", registering->registration_id,
                     "createdDateTimeUtc", now, "assignedHub", hub, "deviceId",
                     text_or(emu_json_text(enrollment, "deviceId"), registering->registration_id), "status",
                     "assigned", "substatus", "initialAssignment");
}

/* A member of the enrollment's reprovisionPolicy; both are true unless they say otherwise. */
static bool policy_says(const json_t *enrollment, const char *name)
{
    return !json_is_false(json_object_get(json_object_get(enrollment, "reprovisionPolicy"), name));
}

/* Versions up to 2018-04-01 know no re-provisioning: the first assignment stays. */
static bool is_sticky(const struct emu_registering *registering)
{
    return strncmp(registering->version, "2018-04-01", strlen("2018-04-01")) <= 0 ||
           !policy_says(registering->verdict->enrollment, "updateHubAssignment");
}

/* A step from one registration to the next. */
struct step {
    json_t *state;   /* the new one; NULL: failed */
    json_t *old_hub; /* where the device was, when it moves; owned */
    enum emu_device_move move;
};

static void step_again(const struct emulator *emulator, const struct emu_registering *registering,
                       const json_t *old, struct step *out)
{
    const json_t *enrollment = registering->verdict->enrollment;
    const char *old_hub = emu_json_text(old, "assignedHub");
    const char *hub;
    const char *substatus = "reprovisionedToInitialAssignment";

    out->state = json_deep_copy(old);
    if (is_sticky(registering))
        return;
    hub = emu_allocate(emulator, enrollment, registering->registration_id);
    if (hub == NULL) {
        json_decref(out->state);
        out->state = failed_state(registering->registration_id, emu_json_text(old, "createdDateTimeUtc"));
        return;
    }
    if (strcasecmp(hub, old_hub) != 0) {
        bool migrates = policy_says(enrollment, "migrateDeviceData");

        out->move = migrates ? EMU_DEVICE_MIGRATE : EMU_DEVICE_RESET;
        substatus = migrates ? "deviceDataMigrated" : "deviceDataReset";
        out->old_hub = json_string(old_hub);
    }
    json_object_set_new(out->state, "assignedHub", json_string(hub));
    json_object_set_new(out->state, "substatus", json_string(substatus));
}

/* From the record that is there, if it was assigned; else a first one. */
static bool take_step(const struct emulator *emulator, const struct emu_registering *registering,
                      const char *now, struct step *out)
{
    json_t *record;
    enum emu_found found =
        emu_store_get(emulator->store, EMU_REGISTRATIONS, registering->registration_id, &record);
    const json_t *old = json_object_get(record, "state");

    *out = (struct step){.move = EMU_DEVICE_STAY};
    if (found == EMU_PRESENT && emu_json_text(old, "assignedHub") != NULL)
        step_again(emulator, registering, old, out);
    else if (found != EMU_FAILED)
        out->state = first_state(emulator, registering, now);
    json_decref(record);
    return out->state != NULL;
}

/* What every registration says anew, whatever became of it. */
static bool complete_state(const struct emu_registering *registering, const char *now, json_t *state)
{
    const struct emu_verdict *verdict = registering->verdict;

    for (size_t i = 0; i < sizeof credentials / sizeof credentials[0]; i++)
        json_object_del(state, credentials[i]);
    return json_object_set_new(state, "lastUpdatedDateTimeUtc", json_string(now)) == 0 &&
           json_object_set_new(state, "etag", make_etag()) == 0 &&
           json_object_set(state, verdict->type, verdict->report) == 0 &&
           (registering->chain == NULL || json_object_set(state, issued_chain, registering->chain) == 0);
}

/* The state is taken. */
static json_t *make_record(const struct emulator *emulator, const struct emu_registering *registering,
                           json_t *state)
{
    char operation[EMU_OPERATION_SIZE];

    make_operation_id(emulator, operation);
    return json_pack("{s:o, s:{s:s, s:i}, s:s*}", "state", state, "operation", "id", operation, "polls",
                     (int)emulator->polls, "group", registering->verdict->group);
}

/* The certificate above the issued one is what the hub will know it by. */
static json_t *issued_credential(const struct emu_registering *registering)
{
    json_t *issuer = json_array_get(registering->chain, 1);

    return issuer != NULL ? json_pack("{s:O}", "signer", issuer) : NULL;
}

static bool assign_device(const struct emulator *emulator, const struct emu_registering *registering,
                          const json_t *state, const struct step *step)
{
    json_t *issued = issued_credential(registering);
    const struct emu_assignment assignment = {
        .verdict = registering->verdict,
        .hub = emu_json_text(state, "assignedHub"),
        .device_id = emu_json_text(state, "deviceId"),
        .old_hub = json_string_value(step->old_hub),
        .move = step->move,
        .issued = issued,
    };
    bool assigned = assignment.hub == NULL || emu_device_assign(emulator, &assignment);

    json_decref(issued);
    return assigned;
}

bool emu_registration_make(const struct emulator *emulator, const struct emu_registering *registering,
                           json_t **out, struct emu_refusal *refusal)
{
    struct step step = {0};
    char now[EMU_TIME_SIZE];
    bool made = false;

    *out = NULL;
    emu_time_text(emu_now(emulator), now);
    if (emu_store_begin(emulator->store)) {
        if (take_step(emulator, registering, now, &step) && complete_state(registering, now, step.state))
            *out = make_record(emulator, registering, json_incref(step.state));
        made = *out != NULL &&
               emu_store_put(emulator->store, EMU_REGISTRATIONS, registering->registration_id, *out) &&
               assign_device(emulator, registering, step.state, &step) && emu_store_commit(emulator->store);
        if (!made)
            emu_store_rollback(emulator->store);
    }
    json_decref(step.state);
    json_decref(step.old_hub);
    if (made)
        return true;
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

json_t *emu_registration_show(const struct emulator *emulator, const json_t *record, enum emu_viewer viewer)
{
    json_t *state = json_deep_copy(json_object_get(record, "state"));
    const char *hub = emu_json_text(state, "assignedHub");
    char *address = hub != NULL ? emu_hub_address(emulator, hub) : NULL;

    if (viewer != EMU_VIEWER_OPERATION)
        json_object_del(state, issued_chain);
    if (viewer == EMU_VIEWER_SERVICE)
        json_object_del(state, "tpm");
    if (hub != NULL &&
        (address == NULL || json_object_set_new(state, "assignedHub", json_string(address)) != 0)) {
        json_decref(state);
        state = NULL;
    }
    free(address);
    return state;
}
