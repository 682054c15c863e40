/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/service_auth.h"

#include "emulator/check.h"
#include "emulator/sas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The token is for this service, under the name that the client used for it or the one we publish. */
static bool covers_us(const struct emulator *emulator, const struct emu_request *request,
                      const struct emu_sas *sas)
{
    const char *host = emu_field_find(request->headers, "Host");
    const char *const names[] = {host != NULL ? host : emulator->host, emulator->host};
    bool covered = false;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *bare = strndup(names[i], strcspn(names[i], ":"));
        char *full = NULL;

        if (asprintf(&full, "%s:%u", bare != NULL ? bare : "", emulator->port) < 0)
            full = NULL;
        covered |= emu_sas_covers(sas, names[i]) || (bare != NULL && emu_sas_covers(sas, bare)) ||
                   (full != NULL && emu_sas_covers(sas, full));
        free(bare);
        free(full);
    }
    return covered;
}

static bool check_token(const struct emulator *emulator, const struct emu_request *request,
                        const struct emu_sas *sas, const char *policy, const struct bytes *key,
                        struct emu_refusal *refusal)
{
    if (sas->policy == NULL || strcmp(sas->policy, policy) != 0)
        return emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                          "Unauthorized. The token's policy (skn) must be %s.", policy);
    switch (emu_sas_verify(sas, key, 1, emu_now(emulator).tv_sec)) {
    case EMU_SAS_WRONG_KEY:
        return emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                          "Unauthorized. The token is not signed with the key of the "
                          "policy.");
    case EMU_SAS_EXPIRED:
        return emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED, "Unauthorized. The token has expired.");
    case EMU_SAS_VALID:
        break;
    }
    return covers_us(emulator, request, sas) ||
           emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                      "Unauthorized. The token is for %.200s, not for this service.", sas->resource);
}

static bool authorize(const struct emulator *emulator, const struct emu_request *request, const char *policy,
                      const struct bytes *key, struct emu_refusal *refusal)
{
    const char *authorization = emu_field_find(request->headers, "Authorization");
    struct emu_sas sas;
    bool good;

    if (authorization == NULL)
        return emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                          "Unauthorized. The Authorization header is missing.");
    if (!emu_sas_parse(authorization, &sas))
        return emu_refuse(
            refusal, EMU_ERROR_UNAUTHORIZED,
            "Unauthorized. The Authorization header is no SharedAccessSignature with sr, sig and se.");
    good = check_token(emulator, request, &sas, policy, key, refusal);
    emu_sas_free(&sas);
    return good;
}

bool emu_service_authorize(const struct emulator *emulator, const struct emu_request *request,
                           struct emu_refusal *refusal)
{
    return emu_check_version(request, refusal) &&
           authorize(emulator, request, EMU_SERVICE_POLICY, &emulator->service_key, refusal);
}

bool emu_hub_authorize(const struct emulator *emulator, const struct emu_request *request,
                       struct emu_refusal *refusal)
{
    if (!emu_check_hub_version(request, refusal))
        return false;
    if (authorize(emulator, request, EMU_HUB_POLICY, &emulator->hub_key, refusal))
        return true;
    refusal->error = EMU_ERROR_HUB_UNAUTHORIZED;
    return false;
}
