/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_SERVICE_AUTH_H
#define DEVID_EMULATOR_SERVICE_AUTH_H

#include "emulator/emulator.h"
#include "emulator/error.h"

/* The policy that the service key belongs to; it may do everything. */
#define EMU_SERVICE_POLICY "provisioningserviceowner"

/* What every request of the service API needs: an api-version and a token by the service key. */
__attribute__((warn_unused_result)) bool emu_service_authorize(const struct emulator *emulator,
                                                               const struct emu_request *request,
                                                               struct emu_refusal *refusal);

#endif
