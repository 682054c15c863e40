/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_ENROLLMENT_CHANGE_H
#define DEVID_EMULATOR_ENROLLMENT_CHANGE_H

#include "emulator/enrollment.h"

/* What a caller supposes of the enrollment that is there already. */
enum emu_supposition { EMU_SUPPOSE_NOTHING, EMU_SUPPOSE_ABSENT, EMU_SUPPOSE_PRESENT };

/* *out is the stored enrollment, for the caller to release. False: there is none (404201), or it cannot be
 * read. */
__attribute__((warn_unused_result)) bool emu_enrollment_get(const struct emulator *emulator,
                                                            const struct emu_enrollment_kind *kind,
                                                            const char *id, json_t **out,
                                                            struct emu_refusal *refusal);

/* Checks, completes and stores what a client sent; `enrollment` becomes what is stored. `if_match` may be
 * NULL. */
__attribute__((warn_unused_result)) bool emu_enrollment_put(const struct emulator *emulator,
                                                            const struct emu_enrollment_kind *kind,
                                                            const char *id, enum emu_supposition supposition,
                                                            const char *if_match, json_t *enrollment,
                                                            struct emu_refusal *refusal);

__attribute__((warn_unused_result)) bool emu_enrollment_remove(const struct emulator *emulator,
                                                               const struct emu_enrollment_kind *kind,
                                                               const char *id, const char *if_match,
                                                               struct emu_refusal *refusal);

#endif
