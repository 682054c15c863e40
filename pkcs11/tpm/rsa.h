/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_RSA_H
#define DEVID_PKCS11_TPM_RSA_H

#include "pkcs11/tpm/key.h"

/* One TPM2_RSA_Decrypt. */
struct tpm_rsa {
    const char *step;         /* what it is for, as tpm_failed says it */
    const struct bytes *auth; /* given for this use, see tpm_with_key_auth */
    bool secret;              /* the result is one: it crosses the bus encrypted */
    TPMT_RSA_DECRYPT scheme;
    TPM2B_DATA label;            /* OAEP's, with its NUL */
    TPM2B_PUBLIC_KEY_RSA result; /* to be wiped by the caller when it is a secret */
    TSS2_RC rc;                  /* the TPM's own answer about the block; success when it was not asked */
};

/* `block` has `size` bytes, those of the modulus, and is a smaller number. CKR_KEY_FUNCTION_NOT_PERMITTED:
 * the key may only sign. */
CK_RV tpm_rsa_decrypt(const struct tpm_token *token, const struct tpm_key *key, const uint8_t *block,
                      size_t size, struct tpm_rsa *rsa);

/* The bare private operation, to sign or to decrypt; `size` bytes are written to `out`. */
CK_RV tpm_rsa_sign(const struct tpm_token *token, const struct tpm_key *key, const struct bytes *auth,
                   const uint8_t *block, uint8_t *out, size_t size);
CK_RV tpm_rsa_open(const struct tpm_token *token, const struct tpm_key *key, const struct bytes *auth,
                   const uint8_t *block, uint8_t *out, size_t size);

#endif
