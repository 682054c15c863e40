/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/enrollment_change.h"

#include "emulator/check.h"

/* *out is NULL when there is none; that is no refusal. */
static bool look(const struct emulator *emulator, const struct emu_enrollment_kind *kind, const char *id,
                 json_t **out, struct emu_refusal *refusal)
{
    return emu_store_get(emulator->store, kind->collection, id, out) != EMU_FAILED ||
           emu_refuse(refusal, EMU_ERROR_INTERNAL, "The %s cannot be read.", kind->what);
}

static bool refuse_absent(const struct emu_enrollment_kind *kind, const char *id, struct emu_refusal *refusal)
{
    return emu_refuse(refusal, EMU_ERROR_NO_ENROLLMENT, "Enrollment not found: there is no %s %.130s.",
                      kind->what, id);
}

bool emu_enrollment_get(const struct emulator *emulator, const struct emu_enrollment_kind *kind,
                        const char *id, json_t **out, struct emu_refusal *refusal)
{
    return look(emulator, kind, id, out, refusal) && (*out != NULL || refuse_absent(kind, id, refusal));
}

static bool check_supposition(const struct emu_enrollment_kind *kind, const char *id,
                              enum emu_supposition supposition, const json_t *old,
                              struct emu_refusal *refusal)
{
    if (supposition == EMU_SUPPOSE_ABSENT && old != NULL)
        return emu_refuse(refusal, EMU_ERROR_CONFLICT, "There is an %s %s already.", kind->what, id);
    if (supposition == EMU_SUPPOSE_PRESENT && old == NULL)
        return refuse_absent(kind, id, refusal);
    return true;
}

bool emu_enrollment_put(const struct emulator *emulator, const struct emu_enrollment_kind *kind,
                        const char *id, enum emu_supposition supposition, const char *if_match,
                        json_t *enrollment, struct emu_refusal *refusal)
{
    json_t *old = NULL;
    bool good =
        emu_enrollment_check(kind, id, enrollment, refusal) && look(emulator, kind, id, &old, refusal) &&
        check_supposition(kind, id, supposition, old, refusal) && emu_check_match(if_match, old, refusal);

    if (good && !(emu_enrollment_complete(emulator, kind, id, old, enrollment) &&
                  emu_store_put(emulator->store, kind->collection, id, enrollment)))
        good = emu_refuse(refusal, EMU_ERROR_INTERNAL, "The %s cannot be stored.", kind->what);
    json_decref(old);
    return good;
}

bool emu_enrollment_remove(const struct emulator *emulator, const struct emu_enrollment_kind *kind,
                           const char *id, const char *if_match, struct emu_refusal *refusal)
{
    json_t *old = NULL;
    bool good =
        emu_enrollment_get(emulator, kind, id, &old, refusal) && emu_check_match(if_match, old, refusal);

    if (good && emu_store_remove(emulator->store, kind->collection, id) == EMU_FAILED)
        good = emu_refuse(refusal, EMU_ERROR_INTERNAL, "The %s cannot be removed.", kind->what);
    json_decref(old);
    return good;
}
