/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_DEVICE_H
#define DEVID_EMULATOR_DEVICE_H

#include "emulator/attest.h"

/*
 * A hub's device as stored: {"deviceId", "hub", "type", "credential", "issued": the credential of a
 * certificate that the service issued, if any, "capabilities", "twin", "etag"}.
 */

/* What becomes of a device's twin and capabilities when it registers. */
enum emu_device_move {
    EMU_DEVICE_STAY,    /* it is in its hub, and keeps them */
    EMU_DEVICE_MIGRATE, /* it comes from another hub, with them */
    EMU_DEVICE_RESET,   /* it comes from another hub, and gets those of the enrollment */
};

/* A device that was assigned. */
struct emu_assignment {
    const struct emu_verdict *verdict;
    const char *hub;
    const char *device_id;
    const char *old_hub; /* for a move: where it was */
    enum emu_device_move move;
    const json_t *issued; /* or NULL */
};

/* Puts the device into its hub and takes it out of the old one. A device that no hub knows gets twin and
 * capabilities of the enrollment. False: failed and logged. */
__attribute__((warn_unused_result)) bool emu_device_assign(const struct emulator *emulator,
                                                           const struct emu_assignment *assignment);

/* The device of that id in the hub that the request is addressed to; *out is the caller's. */
__attribute__((warn_unused_result)) bool emu_device_find(const struct emulator *emulator,
                                                         const struct emu_request *request,
                                                         const char *device_id, json_t **out,
                                                         struct emu_refusal *refusal);

/* The request is from that device. */
__attribute__((warn_unused_result)) bool emu_device_authenticate(const struct emulator *emulator,
                                                                 const struct emu_request *request,
                                                                 const json_t *device,
                                                                 struct emu_refusal *refusal);

/* Takes the device out of its hub, with the messages that wait for it. */
__attribute__((warn_unused_result)) bool emu_device_remove(const struct emulator *emulator,
                                                           const json_t *device, struct emu_refusal *refusal);

#endif
