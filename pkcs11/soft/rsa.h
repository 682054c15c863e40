/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_RSA_H
#define DEVID_PKCS11_SOFT_RSA_H

#include "pkcs11/publickey.h"
#include "pkcs11/scheme.h"

/* The padded block of `out_size` bytes (the modulus's size) that the bare private operation turns into an
 * RSASSA-PKCS1-v1_5 signature over `data` (RFC 8017, 9.2). CKR_DATA_LEN_RANGE: it does not fit. */
CK_RV soft_rsa_pad_pkcs1(const uint8_t *data, size_t size, uint8_t *out, size_t out_size);

/* The same for RSASSA-PSS over a digest (RFC 8017, 9.1.1) under a modulus of `bits` bits, with a salt of the
 * length asked. */
CK_RV soft_rsa_pad_pss(const struct p11_parameters *parameters, const uint8_t *digest, size_t bits,
                       uint8_t *out, size_t out_size);

/* Whether the signature is a PSS signature over the digest with exactly the parameters' salt length. */
bool soft_rsa_verify_pss(const struct public_key *key, const struct p11_parameters *parameters,
                         const uint8_t *digest, const uint8_t *signature, size_t size);

/* RSAES-OAEP (RFC 8017, 7.1) with MGF1 over the same hash; `label` goes in with its NUL, as a TPM wants it.
 * *out is the caller's, modulus-sized. CKR_GENERAL_ERROR: libcrypto refuses. */
CK_RV soft_rsa_encrypt_oaep(const struct public_key *key, enum p11_hash hash, const char *label,
                            const uint8_t *data, size_t size, struct bytes *out);

#endif
