/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_BOUND_H
#define DEVID_PKCS11_TPM_BOUND_H

#include "pkcs11/tpm/key.h"

/* Keys whose public area names the scheme and hash that they sign with. Restricted ones (attestation keys)
 * sign nothing but what the TPM hashed, which a ticket says (TPM 2.0 part 1, 25.2.3). */

/* The backend's member, see backend.h. */
bool tpm_binding(const void *key, struct key_binding *binding);

/* A tpm_key_use's step: the digest of the message, and the ticket for it. */
TSS2_RC tpm_hash_message(struct tpm *tpm, TPMI_ALG_HASH hash, const uint8_t *message, size_t size,
                         TPM2B_DIGEST *digest, TPMT_TK_HASHCHECK *ticket);

#endif
