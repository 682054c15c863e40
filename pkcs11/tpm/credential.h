/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_CREDENTIAL_H
#define DEVID_PKCS11_TPM_CREDENTIAL_H

#include "pkcs11/tpm/key.h"

/*
 * The blob by which a provisioning service hands an HMAC key to one TPM (Azure DPS, TPM attestation): what
 * TPM2_MakeCredential makes for the endorsement key, bound to the storage root key, around the key of the
 * inner wrapper of a duplicate for the storage root key.
 */
struct tpm_credential {
    TPM2B_ID_OBJECT credential;
    TPM2B_ENCRYPTED_SECRET credential_seed;
    TPM2B_PRIVATE duplicate;
    TPM2B_ENCRYPTED_SECRET duplicate_seed;
    TPM2B_PUBLIC public_area;
    /* a sixth field, text encrypted with the inner key, is of no use to a device and passed over */
};

/* CKR_WRAPPED_KEY_LEN_RANGE, CKR_WRAPPED_KEY_INVALID: it is no such blob, and why is said. No TPM is asked.
 */
CK_RV tpm_credential_parse(const struct bytes *blob, struct tpm_credential *out);

/*
 * Opens a blob: *block is an HMAC key under the token's parent, which `srk` (NULL: the same) must be, for a
 * later load. CKR_WRAPPED_KEY_INVALID: it was made for other keys, or was changed on the way. All is parsed
 * before the first TPM command.
 */
CK_RV tpm_credential_open(const struct tpm_token *token, const struct tpm_key *ek, const struct tpm_key *srk,
                          const struct bytes *blob, struct bytes *block);

#endif
