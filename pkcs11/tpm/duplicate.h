/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_DUPLICATE_H
#define DEVID_PKCS11_TPM_DUPLICATE_H

#include "pkcs11/tpm/create.h"

/* An object on its way into a TPM (part 1, 23): encrypted for one storage key, so that it may cross any bus.
 */
struct tpm_duplicate {
    TPM2B_PUBLIC public_area;
    TPM2B_PRIVATE wrapped;       /* integrity value and encrypted sensitive area */
    TPM2B_ENCRYPTED_SECRET seed; /* what the keys for both come from, for the storage key alone */
};

/* Wraps an object for the storage key `parent`; out->public_area is the object's and must be there.
 * CKR_HOST_MEMORY, CKR_GENERAL_ERROR, CKR_FUNCTION_NOT_SUPPORTED (no such storage key); each is said. */
CK_RV tpm_duplicate_wrap(const TPM2B_PUBLIC *parent, const TPM2B_SENSITIVE *sensitive,
                         struct tpm_duplicate *out);

/* TPM2_Import with the storage key's handle, the lock held: *private_area can be loaded under it. */
TSS2_RC tpm_duplicate_import(struct tpm *tpm, TPM2_HANDLE parent, const struct tpm_duplicate *duplicate,
                             TPM2B_PRIVATE *private_area);

/* Makes an object whose sensitive area came from outside a key of the token: wraps it, with the auth value
 * that a new key has (see tpm_new_auth), and has it imported by one command. `secret` as in struct
 * tpm_created. *block is what a later load takes. */
CK_RV tpm_take_in(const struct tpm_token *token, const TPM2B_PUBLIC *area, TPM2B_SENSITIVE *sensitive,
                  bool private, struct tpm_secret secret, struct bytes *block);

#endif
