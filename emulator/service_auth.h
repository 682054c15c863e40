/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_SERVICE_AUTH_H
#define DEVID_EMULATOR_SERVICE_AUTH_H

#include "emulator/emulator.h"
#include "emulator/error.h"

/* The policies that the keys of the connection strings belong to; either may do everything. */
#define EMU_SERVICE_POLICY "provisioningserviceowner"
#define EMU_HUB_POLICY "iothubowner"

/* What every request of a service API needs: an api-version, and a token by the key of DPS or of the hub. */
__attribute__((warn_unused_result)) bool emu_service_authorize(const struct emulator *emulator,
                                                               const struct emu_request *request,
                                                               struct emu_refusal *refusal);
__attribute__((warn_unused_result)) bool emu_hub_authorize(const struct emulator *emulator,
                                                           const struct emu_request *request,
                                                           struct emu_refusal *refusal);

#endif
