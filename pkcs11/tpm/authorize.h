/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_AUTHORIZE_H
#define DEVID_PKCS11_TPM_AUTHORIZE_H

#include "common/bytes.h"
#include "pkcs11/tpm/context.h"

/*
 * TPM2_PolicyAuthorize: what was executed in a policy session counts as what the key was made for, because
 * the authority that the key names has signed it (TPM 2.0 part 3, 23.16).
 */
struct tpm_authority {
    TPM2B_PUBLIC area; /* of its public key */
    TPM2B_NAME name;
    TPM2B_NONCE reference; /* policyRef, which is signed with the policy */
};

/* Of one signed policy. */
struct tpm_approval {
    TPMT_SIGNATURE signature;
    /* What the TPM made of it at its first use, good for further ones; under the TPM's lock. */
    bool has_ticket;
    TPM2B_DIGEST policy;
    TPMT_TK_VERIFIED ticket;
};

/* From a command's parameters as key files have them (draft-bottomley-tpm2-keys): TPM2B_PUBLIC, TPM2B_DIGEST,
 * TPMT_SIGNATURE, which is empty (of TPM_ALG_NULL, or left out) where the key only names its authority.
 * *is_signed: it is not. False: broken, or a key whose Name is of an unknown hash. */
bool tpm_authorize_read(const struct bytes *wire, struct tpm_authority *authority, TPMT_SIGNATURE *signature,
                        bool *is_signed);

/*
 * Under the lock, with no guard, in a session where the signed policy was executed: PolicyGetDigest,
 * LoadExternal, VerifySignature, FlushContext, PolicyAuthorize; the last one only from the second time on.
 */
TSS2_RC tpm_authorize_execute(struct tpm *tpm, TPM2_HANDLE session, const struct tpm_authority *authority,
                              struct tpm_approval *approval);

#endif
