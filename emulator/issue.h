/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_ISSUE_H
#define DEVID_EMULATOR_ISSUE_H

#include "emulator/registration.h"

/*
 * Certificates for devices that send a certificate request with their registration. An authority of two
 * levels is made at the first use and kept in the store.
 *
 * `csr` is the request's member, NULL: nothing is issued, and that is well. Else *chain is the new
 * certificate and those above it up to the root, base64 of DER, which the caller releases. The enrollment has
 * to name a credential policy, whatever its name.
 */
__attribute__((warn_unused_result)) bool emu_issue(const struct emulator *emulator,
                                                   const struct emu_registering *registering,
                                                   const json_t *csr, json_t **chain,
                                                   struct emu_refusal *refusal);

#endif
