/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/enrollment.h"

#include "emulator/allocate.h"
#include "emulator/check.h"
#include "emulator/registration.h"
#include "emulator/text.h"

#include <string.h>
#include <strings.h>

const struct emu_enrollment_kind emu_individual_kind = {
    .kind = EMU_INDIVIDUAL,
    .collection = EMU_ENROLLMENTS,
    .id_member = "registrationId",
    .what = "enrollment",
    .list = "enrollments",
    .item_type = "enrollment",
};

const struct emu_enrollment_kind emu_group_kind = {
    .kind = EMU_GROUP,
    .collection = EMU_GROUPS,
    .id_member = "enrollmentGroupId",
    .what = "enrollment group",
    .list = "enrollmentGroups",
    .item_type = "enrollmentGroup",
};

/* --- rules of single members --------------------------------------------------------------------------- */

static bool check_status(const char *name, const json_t *value, struct emu_refusal *refusal)
{
    const char *text = json_string_value(value);

    if (strcmp(text, "enabled") == 0 || strcmp(text, "disabled") == 0)
        return true;
    return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST, "%s must be enabled or disabled, not %.40s.", name,
                      text);
}

static bool check_policy(const char *name, const json_t *value, struct emu_refusal *refusal)
{
    const char *text = json_string_value(value);

    if (emu_allocate_knows(text))
        return true;
    return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST,
                      "%s %.40s is not offered: hashed, static or geoLatency.", name, text);
}

static bool check_device_id(const char *name, const json_t *value, struct emu_refusal *refusal)
{
    return emu_check_id(name, json_string_value(value), refusal);
}

static bool is_host(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:[]";

    return text != NULL && text[0] != '\0' && strlen(text) < 256 && text[strspn(text, allowed)] == '\0';
}

static bool check_hub(const char *name, const json_t *value, struct emu_refusal *refusal)
{
    if (json_string_length(value) == 0 || is_host(json_string_value(value)))
        return true;
    return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST, "%s is not a host name.", name);
}

static bool check_hubs(const char *name, const json_t *value, struct emu_refusal *refusal)
{
    size_t index;
    json_t *hub;

    json_array_foreach(value, index, hub)
    {
        if (!is_host(json_string_value(hub)))
            return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST, "%s[%zu] is not a host name.", name, index);
    }
    return true;
}

static bool check_booleans(const char *name, const json_t *value, struct emu_refusal *refusal)
{
    const char *member;
    json_t *flag;

    json_object_foreach((json_t *)(uintptr_t)value, member, flag)
    {
        if (!json_is_boolean(flag))
            return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST, "%s.%.40s must be true or false.", name,
                              member);
    }
    return true;
}

static bool check_twin(const char *name, const json_t *value, struct emu_refusal *refusal)
{
    const json_t *tags = json_object_get(value, "tags");
    const json_t *properties = json_object_get(value, "properties");

    if ((tags == NULL || json_is_object(tags) || json_is_null(tags)) &&
        (properties == NULL || json_is_object(properties) || json_is_null(properties)))
        return true;
    return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST,
                      "%s must have the form {\"tags\":{},\"properties\":{\"desired\":{}}}.", name);
}

/* --- the members --------------------------------------------------------------------------------------- */

#define BOTH (1U << EMU_INDIVIDUAL | 1U << EMU_GROUP)

static const struct rule {
    const char *name;
    unsigned kinds;
    json_type type;
    const char *type_name;
    bool (*check)(const char *name, const json_t *value, struct emu_refusal *refusal); /* or NULL */
} rules[] = {
    {"deviceId",                  1U << EMU_INDIVIDUAL, JSON_STRING, "a string",  check_device_id},
    {"provisioningStatus",        BOTH,                 JSON_STRING, "a string",  check_status   },
    {"allocationPolicy",          BOTH,                 JSON_STRING, "a string",  check_policy   },
    {"iotHubHostName",            BOTH,                 JSON_STRING, "a string",  check_hub      },
    {"iotHubs",                   BOTH,                 JSON_ARRAY,  "an array",  check_hubs     },
    {"capabilities",              BOTH,                 JSON_OBJECT, "an object", check_booleans },
    {"reprovisionPolicy",         BOTH,                 JSON_OBJECT, "an object", check_booleans },
    {"initialTwin",               BOTH,                 JSON_OBJECT, "an object", check_twin     },
    {"credentialPolicyName",      BOTH,                 JSON_STRING, "a string",  NULL           },
    {"optionalDeviceInformation", 1U << EMU_INDIVIDUAL, JSON_OBJECT, "an object", NULL           },
};

static bool check_members(const struct emu_enrollment_kind *kind, const json_t *enrollment,
                          struct emu_refusal *refusal)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const struct rule *rule = &rules[i];
        const json_t *value = json_object_get(enrollment, rule->name);

        if (value == NULL || json_is_null(value))
            continue;
        if ((rule->kinds & 1U << kind->kind) == 0)
            return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST, "An %s has no %s.", kind->what, rule->name);
        if (json_typeof(value) != rule->type)
            return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST, "%s must be %s.", rule->name, rule->type_name);
        if (rule->check != NULL && !rule->check(rule->name, value, refusal))
            return false;
    }
    return true;
}

static bool check_attestation(const struct emu_enrollment_kind *kind, const json_t *enrollment,
                              struct emu_refusal *refusal)
{
    const json_t *attestation = json_object_get(enrollment, "attestation");
    const char *type = emu_json_text(attestation, "type");
    const struct emu_attestation *row;
    const json_t *member;

    if (!json_is_object(attestation) || type == NULL)
        return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST, "attestation with its type is missing.");
    row = emu_attest_find(type);
    if (row == NULL)
        return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST,
                          "attestation.type %.40s is not offered by this emulator, only %s.", type,
                          emu_attest_types());
    member = json_object_get(attestation, type);
    if (!json_is_object(member))
        return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST, "attestation.%s is missing.", type);
    return row->validate(kind->kind, member, refusal);
}

bool emu_enrollment_check(const struct emu_enrollment_kind *kind, const char *id, const json_t *enrollment,
                          struct emu_refusal *refusal)
{
    const char *named = emu_json_text(enrollment, kind->id_member);

    if (!emu_check_id(kind->id_member, id, refusal))
        return false;
    if (named == NULL)
        return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST, "%s is missing, or no string.", kind->id_member);
    if (strcasecmp(named, id) != 0)
        return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST,
                          "The %s %.130s of the body is not %s, that of the path.", kind->id_member, named,
                          id);
    return check_members(kind, enrollment, refusal) && check_attestation(kind, enrollment, refusal);
}

/* --- stored and shown ---------------------------------------------------------------------------------- */

/* Members that the service alone decides; what a client sends of them is dropped. */
static const char *const read_only[] = {"etag", "createdDateTimeUtc", "lastUpdatedDateTimeUtc",
                                        "registrationState"};

static bool set_default(json_t *enrollment, const char *name, json_t *value)
{
    const json_t *present = json_object_get(enrollment, name);

    if (present == NULL || json_is_null(present))
        return json_object_set_new(enrollment, name, value) == 0;
    json_decref(value);
    return true;
}

static bool complete_attestation(const json_t *old, json_t *enrollment)
{
    json_t *attestation = json_object_get(enrollment, "attestation");
    const char *type = emu_json_text(attestation, "type");
    const struct emu_attestation *row = type != NULL ? emu_attest_find(type) : NULL;

    return row == NULL || row->complete == NULL ||
           row->complete(json_object_get(attestation, type),
                         json_object_get(json_object_get(old, "attestation"), type));
}

bool emu_enrollment_complete(const struct emulator *emulator, const struct emu_enrollment_kind *kind,
                             const char *id, const json_t *old, json_t *enrollment)
{
    json_t *created = json_object_get(old, "createdDateTimeUtc");
    char now[EMU_TIME_SIZE];
    char guid[EMU_GUID_SIZE];

    emu_guid(guid);
    emu_time_text(emu_now(emulator), now);
    for (size_t i = 0; i < sizeof read_only / sizeof read_only[0]; i++)
        json_object_del(enrollment, read_only[i]);
    return complete_attestation(old, enrollment) &&
           set_default(enrollment, kind->id_member, json_string(id)) &&
           set_default(enrollment, "provisioningStatus", json_string("enabled")) &&
           set_default(enrollment, "allocationPolicy", json_string("hashed")) &&
           set_default(enrollment, "capabilities", json_pack("{s:b}", "iotEdge", 0)) &&
           set_default(enrollment, "reprovisionPolicy",
                       json_pack("{s:b, s:b}", "updateHubAssignment", 1, "migrateDeviceData", 1)) &&
           json_object_set_new(enrollment, "createdDateTimeUtc",
                               created != NULL ? json_incref(created) : json_string(now)) == 0 &&
           json_object_set_new(enrollment, "lastUpdatedDateTimeUtc", json_string(now)) == 0 &&
           json_object_set_new(enrollment, "etag", json_sprintf("\"%s\"", guid)) == 0;
}

json_t *emu_enrollment_show(const struct emulator *emulator, const struct emu_enrollment_kind *kind,
                            const json_t *enrollment)
{
    json_t *shown = json_deep_copy(enrollment);
    json_t *attestation = json_object_get(shown, "attestation");
    const char *type = emu_json_text(attestation, "type");
    const struct emu_attestation *row = type != NULL ? emu_attest_find(type) : NULL;
    json_t *record;

    if (row != NULL)
        json_object_set_new(attestation, type, row->show(kind->kind, json_object_get(attestation, type)));
    if (kind->kind == EMU_INDIVIDUAL &&
        emu_store_get(emulator->store, EMU_REGISTRATIONS, emu_json_text(enrollment, kind->id_member),
                      &record) == EMU_PRESENT) {
        json_object_set_new(shown, "registrationState",
                            emu_registration_show(emulator, record, EMU_VIEWER_SERVICE));
        json_decref(record);
    }
    return shown;
}
