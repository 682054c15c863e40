/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_HMAC_H
#define DEVID_PKCS11_SOFT_HMAC_H

#include "pkcs11/scheme.h"

#include <p11-kit/pkcs11.h>

#include <stdbool.h>
#include <stdint.h>

/* One of the pieces of a message that stand behind one another. */
struct soft_piece {
    const void *data;
    size_t size;
};

/* HMAC (RFC 2104) over the pieces; soft_hash_size(hash) bytes are written. An empty key is one of zeros.
 * CKR_HOST_MEMORY, CKR_GENERAL_ERROR. */
CK_RV soft_hmac(enum p11_hash hash, const void *key, size_t key_size, const struct soft_piece *pieces,
                size_t count, uint8_t *mac);

/* The plain digest of the pieces. */
CK_RV soft_hash_pieces(enum p11_hash hash, const struct soft_piece *pieces, size_t count, uint8_t *digest);

#endif
