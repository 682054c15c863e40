/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_VERIFY_H
#define DEVID_PKCS11_SOFT_VERIFY_H

#include "pkcs11/publickey.h"
#include "pkcs11/scheme.h"

/*
 * Checks a signature of public_key_signature_size bytes. `input` is what backend.sign takes. CKR_OK,
 * CKR_SIGNATURE_INVALID, CKR_DATA_LEN_RANGE (said why), CKR_HOST_MEMORY.
 */
CK_RV soft_verify(const struct public_key *key, enum p11_scheme scheme,
                  const struct p11_parameters *parameters, const uint8_t *input, size_t input_size,
                  const uint8_t *signature);

/* What an RSA signature with SCHEME_PKCS1 or SCHEME_RAW was made of. CKR_SIGNATURE_INVALID: it is none. *data
 * is the caller's, empty on failure. */
CK_RV soft_recover(const struct public_key *key, enum p11_scheme scheme, const uint8_t *signature,
                   struct bytes *data);

#endif
