/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_SEAL_H
#define DEVID_PKCS11_TPM_SEAL_H

#include "pkcs11/tpm/create.h"

/*
 * Seals data under an auth value that is guarded against guessing: each wrong one counts in the TPM's
 * dictionary attack counter. *block is the DER of a sealed TSS2 object, the caller's.
 */
CK_RV tpm_seal(const struct tpm_token *token, const struct bytes *auth, const struct bytes *data,
               struct bytes *block);

/*
 * Opens it: StartAuthSession, Load, Unseal, FlushContext. CKR_PIN_INCORRECT: the auth value is wrong, and was
 * counted. CKR_PIN_LOCKED: the TPM is in lockout. *data is the caller's.
 */
CK_RV tpm_unseal(const struct tpm_token *token, const struct bytes *block, const struct bytes *auth,
                 struct bytes *data);

/* Opens an object that holds a key, with the token's secret where it has that for its auth value: the same
 * commands. Failure of `step` is said; CKR_USER_NOT_LOGGED_IN. *data is the caller's. */
CK_RV tpm_unseal_key(const struct tpm_token *token, const struct tpm_key *key, const char *step,
                     struct bytes *data);

#endif
