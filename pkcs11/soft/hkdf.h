/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_HKDF_H
#define DEVID_PKCS11_SOFT_HKDF_H

#include "pkcs11/scheme.h"

#include <p11-kit/pkcs11.h>

/* A bound of RFC 5869, 2.3. */
#define SOFT_HKDF_BLOCKS 255

/*
 * HKDF (RFC 5869) in its two steps. Extraction makes a key of the hash's size (soft_hash_size); an empty salt
 * is one of zeros. Expansion makes `size` bytes of such a key, 255 times the hash's size at most.
 * CKR_HOST_MEMORY, CKR_GENERAL_ERROR.
 */
CK_RV soft_hkdf_extract(enum p11_hash hash, const struct bytes *secret, const struct bytes *salt,
                        uint8_t *out);
CK_RV soft_hkdf_expand(enum p11_hash hash, const struct bytes *key, const struct bytes *info, uint8_t *out,
                       size_t size);

#endif
