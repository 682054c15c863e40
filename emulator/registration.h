/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_REGISTRATION_H
#define DEVID_EMULATOR_REGISTRATION_H

#include "emulator/attest.h"

/*
 * A registration record as stored: {"state": DeviceRegistrationResult, "operation": {"id", "polls"}, "group":
 * its id, if one admitted the device}. It holds the last operation only: a new register replaces the one
 * before. In the record, assignedHub is the stored hub name.
 */

#define EMU_OPERATION_SIZE 64

/* A device that was let in, and what it asked with. */
struct emu_registering {
    const struct emu_verdict *verdict;
    const char *registration_id;
    const char *version; /* the api-version: old ones know no re-provisioning */
    json_t *chain;       /* of the certificate that it was issued, leaf first, base64; or NULL */
};

/* Registers it: record and hub device, in one transaction. *out is the caller's record. */
__attribute__((warn_unused_result)) bool emu_registration_make(const struct emulator *emulator,
                                                               const struct emu_registering *registering,
                                                               json_t **out, struct emu_refusal *refusal);

/* The stored record; *out is the caller's. False: there is none (404202), or it cannot be read. */
__attribute__((warn_unused_result)) bool emu_registration_get(const struct emulator *emulator,
                                                              const char *registration_id, json_t **out,
                                                              struct emu_refusal *refusal);

/* Who looks at a registration, and so what of it is shown. */
enum emu_viewer {
    EMU_VIEWER_OPERATION, /* the device, at the end of its operation: all */
    EMU_VIEWER_LOOKUP,    /* the device, later: not the certificates issued */
    EMU_VIEWER_SERVICE,   /* a back end: nor the device's credentials */
};

/* The DeviceRegistrationResult as the outside sees it. NULL: no memory. */
__attribute__((warn_unused_result)) json_t *emu_registration_show(const struct emulator *emulator,
                                                                  const json_t *record,
                                                                  enum emu_viewer viewer);

#endif
