/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_SIGN_H
#define DEVID_PROVIDER_SIGN_H

#include "provider/key.h"

/*
 * Signs `data` with the private half: C_SignInit and C_Sign, once more from the start when what was held
 * turns out to be stale. `*signature_size` is the room in `signature`, then what was written. No error is
 * raised, and the answer is the module's, when C_SignInit refuses the mechanism; else an error is raised
 * unless CKR_OK.
 */
CK_RV prov_key_sign(struct prov_key *key, CK_MECHANISM *mechanism, const uint8_t *data, size_t size,
                    uint8_t *signature, size_t *signature_size);

#endif
