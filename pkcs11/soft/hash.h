/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_HASH_H
#define DEVID_PKCS11_SOFT_HASH_H

#include "pkcs11/scheme.h"

#include <p11-kit/pkcs11.h>

#include <stdint.h>

/* A running digest. */
struct soft_hash;

/* Bytes of a digest; 0 for HASH_NONE. */
size_t soft_hash_size(enum p11_hash hash);

/* CKR_HOST_MEMORY or CKR_GENERAL_ERROR on failure; *out is freed with soft_hash_free, also after final. */
CK_RV soft_hash_new(enum p11_hash hash, struct soft_hash **out);
CK_RV soft_hash_update(struct soft_hash *running, const void *data, size_t size);
/* Writes soft_hash_size bytes. */
CK_RV soft_hash_final(struct soft_hash *running, uint8_t *digest);
void soft_hash_free(struct soft_hash *running);

CK_RV soft_hash_once(enum p11_hash hash, const void *data, size_t size, uint8_t *digest);

#endif
