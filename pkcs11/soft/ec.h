/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_EC_H
#define DEVID_PKCS11_SOFT_EC_H

#include "pkcs11/publickey.h"

/*
 * One half of an ECDH with a key made for it: *point is the new key's public point (uncompressed), *secret
 * the x coordinate that both sides come to, field_size bytes. Both are the caller's. CKR_DATA_INVALID: the
 * peer's point is not on its curve.
 */
CK_RV soft_ecdh_ephemeral(const struct public_key *peer, struct bytes *point, struct bytes *secret);

#endif
