/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/attest.h"

#include "emulator/store.h"
#include "emulator/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct emu_attestation *const rows[] = {
    &emu_attest_x509,
    &emu_attest_symmetric,
    &emu_attest_tpm,
};
#define ROW_COUNT (sizeof rows / sizeof rows[0])

const struct emu_attestation *emu_attest_find(const char *type)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (strcmp(rows[i]->type, type) == 0)
            return rows[i];
    return NULL;
}

const char *emu_attest_types(void)
{
    static char list[64];
    size_t length = 0;

    for (size_t i = 0; i < ROW_COUNT; i++)
        length +=
            (size_t)snprintf(list + length, sizeof list - length, "%s%s", i != 0 ? ", " : "", rows[i]->type);
    return list;
}

void emu_verdict_free(struct emu_verdict *verdict)
{
    json_decref(verdict->enrollment);
    json_decref(verdict->report);
    json_decref(verdict->credential);
    free(verdict->challenge);
    *verdict = (struct emu_verdict){0};
}

static bool is_disabled(const json_t *enrollment)
{
    const char *status = emu_json_text(enrollment, "provisioningStatus");

    return status != NULL && strcmp(status, "disabled") == 0;
}

static bool judge_individual(const struct emulator *emulator, const struct emu_request *request,
                             const char *registration_id, struct emu_verdict *verdict,
                             struct emu_refusal *refusal)
{
    const char *type = emu_json_text(json_object_get(verdict->enrollment, "attestation"), "type");
    const struct emu_attestation *row = type != NULL ? emu_attest_find(type) : NULL;

    if (is_disabled(verdict->enrollment))
        return emu_refuse(refusal, EMU_ERROR_DISABLED,
                          "Unauthorized. The individual enrollment %s is disabled.", registration_id);
    if (row == NULL)
        return emu_refuse(refusal, EMU_ERROR_INTERNAL, "The enrollment %s has an unknown attestation type.",
                          registration_id);
    verdict->type = row->type;
    return row->judge(emulator, request, registration_id, verdict->enrollment, verdict, refusal) ==
           EMU_ADMITTED;
}

static bool find_group(const struct emulator *emulator, const struct emu_request *request,
                       const char *registration_id, struct emu_verdict *verdict, struct emu_refusal *refusal)
{
    enum emu_judgement judgement = EMU_NOT_MINE;

    emu_refuse(refusal, EMU_ERROR_NO_ENROLLMENT,
               "Enrollment not found. No individual enrollment is named %s, and the "
               "device shows nothing that an enrollment group could know.",
               registration_id);
    for (size_t i = 0; judgement == EMU_NOT_MINE && i < ROW_COUNT; i++) {
        judgement = rows[i]->find_group(emulator, request, registration_id, verdict, refusal);
        verdict->type = rows[i]->type;
    }
    if (judgement != EMU_ADMITTED)
        return false;
    verdict->group = emu_json_text(verdict->enrollment, "enrollmentGroupId");
    if (is_disabled(verdict->enrollment))
        return emu_refuse(refusal, EMU_ERROR_DISABLED, "Unauthorized. The enrollment group %s is disabled.",
                          verdict->group);
    return true;
}

bool emu_attest(const struct emulator *emulator, const struct emu_request *request,
                const char *registration_id, struct emu_verdict *verdict, struct emu_refusal *refusal)
{
    enum emu_found found;
    bool admitted = false;

    *verdict = (struct emu_verdict){0};
    found = emu_store_get(emulator->store, EMU_ENROLLMENTS, registration_id, &verdict->enrollment);
    if (found == EMU_PRESENT)
        admitted = judge_individual(emulator, request, registration_id, verdict, refusal);
    else if (found == EMU_ABSENT)
        admitted = find_group(emulator, request, registration_id, verdict, refusal);
    else
        emu_refuse(refusal, EMU_ERROR_INTERNAL, "The enrollments cannot be read.");
    if (admitted && (verdict->report == NULL || verdict->credential == NULL))
        admitted = emu_refuse(refusal, EMU_ERROR_INTERNAL, "Out of memory.");
    if (!admitted) {
        char *challenge = verdict->challenge;

        verdict->challenge = NULL; /* transferred */
        emu_verdict_free(verdict);
        verdict->challenge = challenge;
    }
    return admitted;
}
