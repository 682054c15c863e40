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

/* CKA_CHECK_VALUE of a secret key (PKCS#11 2.40, 4.10.2; current mechanisms, 2.8.4). */
#define SOFT_CHECK_VALUE 3
CK_RV soft_check_value(CK_KEY_TYPE type, const struct bytes *secret, uint8_t check[SOFT_CHECK_VALUE]);

#endif
