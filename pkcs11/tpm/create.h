/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_CREATE_H
#define DEVID_PKCS11_TPM_CREATE_H

#include "pkcs11/soft/tsskey.h"
#include "pkcs11/tpm/key.h"

/* What the areas of an HMAC key, or of a sealed one, do not say of it. */
struct tpm_secret {
    CK_KEY_TYPE type;
    size_t size; /* in bytes; 0: it is another kind of object */
};

/* What TPM2_Create makes: the halves of an object that can be loaded under the token's parent. */
struct tpm_created {
    TPM2B_PUBLIC public_area;
    TPM2B_PRIVATE private_area;
    struct tpm_secret secret;
    size_t policy_count;             /* 0: no policy */
    const struct tss_policy *policy; /* the caller's */
};

/* TPM2_Create under the token's parent. `sensitive` (auth value, data to seal) crosses the bus encrypted;
 * NULL: there is nothing in it. Failure of `step` is said. */
CK_RV tpm_create(const struct tpm_token *token, const char *step, const TPM2B_SENSITIVE_CREATE *sensitive,
                 const TPM2B_PUBLIC *template, struct tpm_created *created);

/* The DER of the TSS2 block for it. */
CK_RV tpm_created_block(const struct tpm_token *token, const struct tpm_created *created,
                        enum tss_key_kind kind, bool empty_auth, struct bytes *block);
/* What the file's description says of a secret key; of size 0 when it says nothing. */
struct tpm_secret tpm_created_secret(const struct tss_key *file);
/* And back. CKR_DATA_INVALID: its areas are broken (said). */
CK_RV tpm_created_read(const struct tss_key *file, TPM2B_PUBLIC *public_area, TPM2B_PRIVATE *private_area);

#endif
