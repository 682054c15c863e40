/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/sas_check.h"

#include "emulator/allocate.h"
#include "emulator/sas.h"
#include "emulator/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REGISTRATION_POLICY "registration"

bool emu_sas_is_sent(const struct emu_request *request)
{
    return emu_field_find(request->headers, "Authorization") != NULL;
}

static bool read_token(const struct emu_request *request, struct emu_sas *sas, struct emu_refusal *refusal)
{
    const char *authorization = emu_field_find(request->headers, "Authorization");

    *sas = (struct emu_sas){0};
    if (authorization == NULL)
        return emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                          "Unauthorized. The Authorization header is missing.");
    return emu_sas_parse(authorization, sas) ||
           emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                      "Unauthorized. The Authorization header is no SharedAccessSignature with sr, sig and "
                      "se.");
}

/* Signature and expiry. `whose` says in a refusal what the keys belong to. */
static bool check_signature(const struct emulator *emulator, const struct emu_sas *sas,
                            const struct bytes *keys, size_t key_count, const char *whose,
                            struct emu_refusal *refusal)
{
    long long now = (long long)emu_now(emulator).tv_sec;

    switch (emu_sas_verify(sas, keys, key_count, (time_t)now)) {
    case EMU_SAS_WRONG_KEY:
        return emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                          "Unauthorized. The token is not signed with a key of %.150s.", whose);
    case EMU_SAS_EXPIRED:
        return emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                          "Unauthorized. The token has expired, %lld seconds ago by this service's clock.",
                          now - sas->expiry);
    case EMU_SAS_VALID:
        break;
    }
    return true;
}

bool emu_sas_check_registration(const struct emulator *emulator, const struct emu_request *request,
                                const char *registration_id, const struct bytes *keys, size_t key_count,
                                struct emu_refusal *refusal)
{
    struct emu_sas sas;
    char resource[256];
    bool good = read_token(request, &sas, refusal);

    snprintf(resource, sizeof resource, "%s/registrations/%s", emulator->id_scope, registration_id);
    good = good && check_signature(emulator, &sas, keys, key_count, registration_id, refusal);
    if (good && strcasecmp(sas.resource, resource) != 0)
        good = emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                          "Unauthorized. The token is for %.200s, not for %s.", sas.resource, resource);
    if (good && sas.policy != NULL && strcmp(sas.policy, REGISTRATION_POLICY) != 0)
        good = emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                          "Unauthorized. The token's policy (skn) is %.80s, not " REGISTRATION_POLICY ".",
                          sas.policy);
    emu_sas_free(&sas);
    return good;
}

json_t *emu_sas_credential(const struct bytes *keys, size_t key_count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < key_count; i++) {
        char *text = emu_base64_encode(keys[i].data, keys[i].size);
        bool added = text != NULL && json_array_append_new(list, json_string(text)) == 0;

        if (text != NULL)
            bytes_wipe(text, strlen(text));
        free(text);
        if (!added) {
            json_decref(list);
            return NULL;
        }
    }
    return json_pack("{s:o}", "keys", list);
}

/* The resource is the hub of the request, or a path in it that leads to the device. */
static bool covers_device(const struct emulator *emulator, const struct emu_request *request,
                          const struct emu_sas *sas, const char *device_id)
{
    const char *host = emu_field_find(request->headers, "Host");
    char *named = strndup(sas->resource, strcspn(sas->resource, "/"));
    char *wanted = NULL;
    char *used = emu_hub_key(emulator, host != NULL ? host : EMU_OWN_HUB, "");
    char *given = named != NULL ? emu_hub_key(emulator, named, "") : NULL;
    bool covers = given != NULL && used != NULL && strcasecmp(given, used) == 0 &&
                  asprintf(&wanted, "%s/devices/%s", named, device_id) >= 0 && emu_sas_covers(sas, wanted);

    free(named);
    free(used);
    free(given);
    free(wanted);
    return covers;
}

bool emu_sas_authenticate(const struct emulator *emulator, const struct emu_request *request,
                          const char *device_id, const json_t *credential, struct emu_refusal *refusal)
{
    const json_t *list = json_object_get(credential, "keys");
    struct bytes keys[EMU_SAS_KEYS_MAXIMUM] = {BYTES_EMPTY, BYTES_EMPTY};
    struct emu_sas sas;
    bool good = read_token(request, &sas, refusal);

    for (size_t i = 0; i < EMU_SAS_KEYS_MAXIMUM; i++) {
        const char *text = json_string_value(json_array_get(list, i));

        if (text != NULL && !emu_base64_decode(text, &keys[i]))
            good = emu_refuse(refusal, EMU_ERROR_INTERNAL, "The keys of %.130s cannot be read.", device_id);
    }
    good = good && check_signature(emulator, &sas, keys, EMU_SAS_KEYS_MAXIMUM, device_id, refusal);
    if (good && !covers_device(emulator, request, &sas, device_id))
        good = emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                          "The token is for %.200s, not for the device %.130s of this hub.", sas.resource,
                          device_id);
    for (size_t i = 0; i < EMU_SAS_KEYS_MAXIMUM; i++)
        bytes_free(&keys[i]);
    emu_sas_free(&sas);
    return good;
}
