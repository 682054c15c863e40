/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_DIGEST_H
#define DEVID_PKCS11_SOFT_DIGEST_H

#include "common/buffer.h"
#include "pkcs11/scheme.h"

#include <p11-kit/pkcs11.h>

/* A running digest whose state can be taken out and put back (C_GetOperationState); struct soft_hash is the
 * one for everything else. */
struct soft_digest;

CK_RV soft_digest_new(enum p11_hash hash, struct soft_digest **out);
CK_RV soft_digest_update(struct soft_digest *running, const void *data, size_t size);
/* Writes soft_hash_size bytes. */
CK_RV soft_digest_final(struct soft_digest *running, uint8_t *digest);
void soft_digest_free(struct soft_digest *running); /* NULL is accepted */

/* Adds the state to `out`: numbers big-endian, the same on every machine. CKR_STATE_UNSAVEABLE: SHA-3. */
CK_RV soft_digest_save(const struct soft_digest *running, struct buffer *out);
/* The digest that a state was taken of. CKR_SAVED_STATE_INVALID: it cannot have been one of that hash. */
CK_RV soft_digest_restore(enum p11_hash hash, struct reader *state, struct soft_digest **out);

#endif
