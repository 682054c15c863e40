/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_POLICY_H
#define DEVID_PKCS11_TPM_POLICY_H

#include "pkcs11/soft/tsskey.h"
#include "pkcs11/tpm/bus.h"

struct tpm_policy_row;

/* A policy command of a key, ready to be executed. Which members count is the row's matter. */
struct tpm_policy_step {
    const struct tpm_policy_row *row;
    TPM2B_DIGEST digest;     /* PolicyPCR: of the PCRs' values; size 0: whatever they are */
    TPML_PCR_SELECTION pcrs; /* PolicyPCR */
    TPM2_HANDLE hierarchy;   /* PolicySecret */
    TPM2B_NONCE reference;   /* PolicySecret */
    TPM2_CC code;            /* PolicyCommandCode */
};

/* The policy of a key: immutable. */
struct tpm_policy {
    bool auth_needed; /* it asks for the key's auth value too (PolicyAuthValue) */
    size_t count;
    struct tpm_policy_step steps[TSS_POLICY_COMMANDS];
};

/* *policy is NULL for a file without a policy; the caller frees it. CKR_DATA_INVALID: it has a command that
 * is broken, or that is not executed here (said, with the command's name). */
CK_RV tpm_policy_read(const struct tss_key *file, struct tpm_policy **policy);

/* Under the lock, with no guard: executes the policy in the session. TPM_RC_PCRS_CHANGED, among others. */
TSS2_RC tpm_policy_execute(struct tpm *tpm, const struct tpm_bus *bus, const struct tpm_policy *policy,
                           struct tpm_session *session);

#endif
