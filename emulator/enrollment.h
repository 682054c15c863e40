/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_ENROLLMENT_H
#define DEVID_EMULATOR_ENROLLMENT_H

#include "emulator/attest.h"
#include "emulator/store.h"

/* What differs between the two kinds: one row each. */
struct emu_enrollment_kind {
    enum emu_kind kind;
    enum emu_collection collection;
    const char *id_member; /* registrationId or enrollmentGroupId */
    const char *what;      /* for messages */
    const char *list;      /* the member of a bulk request that holds them */
    const char *item_type; /* x-ms-item-type */
};

extern const struct emu_enrollment_kind emu_individual_kind;
extern const struct emu_enrollment_kind emu_group_kind;

/* Checks what a client wants to put under `id`. Members that nobody here knows are no offence. */
__attribute__((warn_unused_result)) bool emu_enrollment_check(const struct emu_enrollment_kind *kind,
                                                              const char *id, const json_t *enrollment,
                                                              struct emu_refusal *refusal);

/* Makes a checked enrollment what is stored: defaults, dates, a new etag. `old` is the one it replaces, or
 * NULL. */
__attribute__((warn_unused_result)) bool emu_enrollment_complete(const struct emulator *emulator,
                                                                 const struct emu_enrollment_kind *kind,
                                                                 const char *id, const json_t *old,
                                                                 json_t *enrollment);

/* The enrollment as the service API shows it: a new object. NULL: no memory. */
__attribute__((warn_unused_result)) json_t *emu_enrollment_show(const struct emulator *emulator,
                                                                const struct emu_enrollment_kind *kind,
                                                                const json_t *enrollment);

#endif
