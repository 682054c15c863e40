/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_ENCRYPT_H
#define DEVID_PKCS11_SOFT_ENCRYPT_H

#include "pkcs11/publickey.h"
#include "pkcs11/scheme.h"

/* Encrypts with an RSA public key: SCHEME_PKCS1, SCHEME_OAEP, SCHEME_RAW. *out is freed with bytes_free.
 * CKR_DATA_LEN_RANGE, CKR_DATA_INVALID (not below the modulus); each is said. */
CK_RV soft_encrypt(const struct public_key *key, enum p11_scheme scheme,
                   const struct p11_parameters *parameters, const uint8_t *input, size_t input_size,
                   struct bytes *out);

#endif
