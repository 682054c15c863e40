/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_PUBLIC_H
#define DEVID_PKCS11_SOFT_PUBLIC_H

#include "pkcs11/publickey.h"

/* Whether the numbers make a public key: a modulus and an odd exponent, a point on its curve. */
bool soft_public_valid(const struct public_key *key);

/* Reads a SubjectPublicKeyInfo, the content of a PUBLIC KEY block. CKR_DATA_INVALID: it is none, or of a type
 * or curve that is not used here. */
CK_RV soft_public_read(const struct bytes *der, struct public_key *key);

#endif
