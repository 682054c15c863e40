/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_SAS_CHECK_H
#define DEVID_EMULATOR_SAS_CHECK_H

#include "emulator/attest.h"

/* Judging a device by the token in its Authorization header. The refusals are those of DPS. */

/* Keys as they stand in JSON, base64 in an array, at most this many. */
#define EMU_SAS_KEYS_MAXIMUM 2

/* True when the request has an Authorization header at all. */
bool emu_sas_is_sent(const struct emu_request *request);

/* The token is for this service and registration, was made with one of the keys, and has not expired. */
__attribute__((warn_unused_result)) bool emu_sas_check_registration(
    const struct emulator *emulator, const struct emu_request *request, const char *registration_id,
    const struct bytes *keys, size_t key_count, struct emu_refusal *refusal);

/* What the hub keeps of a device that signs tokens: {"keys": [base64, ...]}. NULL: no memory. */
__attribute__((warn_unused_result)) json_t *emu_sas_credential(const struct bytes *keys, size_t key_count);

/* The `authenticate` of such a device: the token is for it, by the name of the hub that the request is sent
 * to, or for something that contains it. */
__attribute__((warn_unused_result)) bool emu_sas_authenticate(const struct emulator *emulator,
                                                              const struct emu_request *request,
                                                              const char *device_id, const json_t *credential,
                                                              struct emu_refusal *refusal);

#endif
