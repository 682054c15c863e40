/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/attest.h"

#include "emulator/sas_check.h"
#include "emulator/store.h"
#include "emulator/text.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/*
 * A device shows that it has a key by a token that it signed. An enrollment has two keys, either of which
 * will do, so that one can be changed at a time; a device of a group has the two that are derived from the
 * group's with its registration id.
 */

static const char *const slots[] = {"primaryKey", "secondaryKey"};
#define SLOT_COUNT (sizeof slots / sizeof slots[0])

#define KEY_MINIMUM 16
#define KEY_MAXIMUM 64
#define MAC_SIZE 32
#define ID_MAXIMUM 256

struct keys {
    struct bytes slot[SLOT_COUNT];
};

static void keys_free(struct keys *keys)
{
    for (size_t i = 0; i < SLOT_COUNT; i++)
        bytes_free(&keys->slot[i]);
}

/* --- what an enrollment holds -------------------------------------------------------------------------- */

static bool is_given(const json_t *member, const char *slot)
{
    const json_t *value = json_object_get(member, slot);

    return value != NULL && !json_is_null(value) && json_string_length(value) != 0;
}

static bool validate(enum emu_kind kind, const json_t *member, struct emu_refusal *refusal)
{
    (void)kind;
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        const json_t *value = json_object_get(member, slots[i]);
        struct bytes key = BYTES_EMPTY;
        bool good;

        if (value == NULL || json_is_null(value) || (json_is_string(value) && json_string_length(value) == 0))
            continue; /* the service makes it */
        good = json_is_string(value) && emu_base64_decode(json_string_value(value), &key) &&
               key.size >= KEY_MINIMUM && key.size <= KEY_MAXIMUM;
        bytes_free(&key);
        if (!good)
            return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST,
                              "attestation.symmetricKey.%s must be %d to %d bytes in base64.", slots[i],
                              KEY_MINIMUM, KEY_MAXIMUM);
    }
    return true;
}

static json_t *random_key(void)
{
    unsigned char random[KEY_MAXIMUM];
    char *text = RAND_bytes(random, sizeof random) == 1 ? emu_base64_encode(random, sizeof random) : NULL;
    json_t *key = text != NULL ? json_string(text) : NULL;

    if (text != NULL)
        bytes_wipe(text, strlen(text));
    bytes_wipe(random, sizeof random);
    free(text);
    return key;
}

/* A key that is not given stays what it was, as one reads an enrollment without its keys and puts it back. */
static bool complete(json_t *member, const json_t *old)
{
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        json_t *key;

        if (is_given(member, slots[i]))
            continue;
        key = is_given(old, slots[i]) ? json_incref(json_object_get(old, slots[i])) : random_key();
        if (key == NULL || json_object_set_new(member, slots[i], key) != 0)
            return false;
    }
    return true;
}

/* Keys are told by the attestation mechanism's own request only. */
static json_t *show(enum emu_kind kind, const json_t *member)
{
    (void)kind;
    (void)member;
    return json_object();
}

static bool read_keys(const json_t *enrollment, struct keys *out)
{
    const json_t *member = json_object_get(json_object_get(enrollment, "attestation"), "symmetricKey");

    *out = (struct keys){0};
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        const char *text = emu_json_text(member, slots[i]);

        if (text == NULL || !emu_base64_decode(text, &out->slot[i])) {
            keys_free(out);
            return false;
        }
    }
    return true;
}

/* --- individual ---------------------------------------------------------------------------------------- */

static enum emu_judgement judge(const struct emulator *emulator, const struct emu_request *request,
                                const char *registration_id, const json_t *enrollment,
                                struct emu_verdict *verdict, struct emu_refusal *refusal)
{
    enum emu_judgement judgement = EMU_REFUSED;
    struct keys keys;

    if (!read_keys(enrollment, &keys)) {
        emu_refuse(refusal, EMU_ERROR_INTERNAL, "The keys of the enrollment %s cannot be read.",
                   registration_id);
        return EMU_REFUSED;
    }
    if (emu_sas_check_registration(emulator, request, registration_id, keys.slot, SLOT_COUNT, refusal)) {
        verdict->report = json_object();
        verdict->credential = emu_sas_credential(keys.slot, SLOT_COUNT);
        judgement = EMU_ADMITTED;
    }
    keys_free(&keys);
    return judgement;
}

/* --- group --------------------------------------------------------------------------------------------- */

struct search {
    const struct emulator *emulator;
    const struct emu_request *request;
    const char *registration_id; /* as the device spells it */
    char folded[ID_MAXIMUM];     /* in lower case, as the documentation has it */
    bool any;                    /* there is such a group at all */
    json_t *group;
    json_t *credential;
    struct emu_refusal *refusal;
};

static bool derive(const struct keys *from, const char *id, struct keys *out)
{
    *out = (struct keys){0};
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        unsigned length = MAC_SIZE;

        if (!bytes_alloc(&out->slot[i], MAC_SIZE) || from->slot[i].size > INT_MAX ||
            HMAC(EVP_sha256(), from->slot[i].data, (int)from->slot[i].size, (const unsigned char *)id,
                 strlen(id), out->slot[i].data, &length) == NULL) {
            keys_free(out);
            return false;
        }
    }
    return true;
}

static bool try_id(struct search *search, const struct keys *group_keys, const char *id)
{
    struct keys keys;
    bool good = derive(group_keys, id, &keys) &&
                emu_sas_check_registration(search->emulator, search->request, search->registration_id,
                                           keys.slot, SLOT_COUNT, search->refusal);

    if (good)
        search->credential = emu_sas_credential(keys.slot, SLOT_COUNT);
    keys_free(&keys);
    return good;
}

/* False ends the walk: this group made the key. */
static bool consider_group(void *data, const char *id, json_t *group)
{
    struct search *search = data;
    struct keys keys;
    bool found = false;

    (void)id;
    if (json_object_get(json_object_get(group, "attestation"), "symmetricKey") != NULL &&
        read_keys(group, &keys)) {
        search->any = true;
        found =
            try_id(search, &keys, search->registration_id) ||
            (strcmp(search->folded, search->registration_id) != 0 && try_id(search, &keys, search->folded));
        keys_free(&keys);
    }
    if (found)
        search->group = json_incref(group);
    json_decref(group);
    return !found;
}

static enum emu_judgement find_group(const struct emulator *emulator, const struct emu_request *request,
                                     const char *registration_id, struct emu_verdict *verdict,
                                     struct emu_refusal *refusal)
{
    struct emu_refusal why = {.error = EMU_ERROR_NONE};
    struct search search = {
        .emulator = emulator, .request = request, .registration_id = registration_id, .refusal = &why};

    if (!emu_sas_is_sent(request))
        return EMU_NOT_MINE;
    for (size_t i = 0; i < sizeof search.folded - 1 && registration_id[i] != '\0'; i++)
        search.folded[i] = (char)tolower((unsigned char)registration_id[i]);
    if (!emu_store_each(emulator->store, EMU_GROUPS, consider_group, &search)) {
        emu_refuse(refusal, EMU_ERROR_INTERNAL, "The enrollment groups cannot be read.");
        return EMU_REFUSED;
    }
    if (search.group == NULL) {
        if (search.any)
            *refusal = why;
        return search.any ? EMU_REFUSED : EMU_NOT_MINE;
    }
    verdict->enrollment = search.group;
    verdict->credential = search.credential;
    verdict->report =
        json_pack("{s:s}", "enrollmentGroupId", emu_json_text(search.group, "enrollmentGroupId"));
    return EMU_ADMITTED;
}

const struct emu_attestation emu_attest_symmetric = {
    .type = "symmetricKey",
    .validate = validate,
    .complete = complete,
    .show = show,
    .judge = judge,
    .find_group = find_group,
    .authenticate = emu_sas_authenticate,
};
