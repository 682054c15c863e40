/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_KEY_H
#define DEVID_PKCS11_SOFT_KEY_H

#include "pkcs11/publickey.h"

#define SOFT_KEY_ID_SIZE 20

/* SubjectPublicKeyInfo in DER, for CKA_PUBLIC_KEY_INFO. */
CK_RV soft_public_info(const struct public_key *key, struct bytes *der);

/* The identifier of a key without a CKA_ID of its own: SHA-1 of the subjectPublicKey bits (RFC 5280, 4.2.1.2
 * (1)), the same for private key, public key and certificate. */
CK_RV soft_public_id(const struct public_key *key, uint8_t id[SOFT_KEY_ID_SIZE]);

#endif
