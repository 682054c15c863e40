/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_POLICYSTEP_H
#define DEVID_PKCS11_TPM_POLICYSTEP_H

#include "pkcs11/soft/tsskey.h"
#include "pkcs11/tpm/bus.h"

struct tpm_policy_row;

/* A policy command of a key, ready to be executed. Which members count is the row's matter. */
struct tpm_policy_step {
    const struct tpm_policy_row *row;
    TPM2B_DIGEST digest;     /* PolicyPCR: of the PCRs' values; size 0: whatever they are */
    TPML_PCR_SELECTION pcrs; /* PolicyPCR */
    TPM2_HANDLE hierarchy;   /* PolicySecret */
    TPM2B_NONCE reference;   /* PolicySecret; PolicyCounterTimer: the operand */
    TPM2_CC code;            /* PolicyCommandCode */
    TPMA_LOCALITY locality;  /* PolicyLocality */
    UINT16 offset;           /* PolicyCounterTimer */
    TPM2_EO operation;       /* PolicyCounterTimer */
};

/* CKR_DATA_INVALID: a command that is broken, or that is not executed here (said, with the command's name).
 */
CK_RV tpm_policy_step_read(const struct tss_policy *from, struct tpm_policy_step *step);

/* Under the lock, with no guard: executes it in the session. TPM_RC_PCRS_CHANGED, among others. */
TSS2_RC tpm_policy_step_execute(struct tpm *tpm, const struct tpm_bus *bus,
                                const struct tpm_policy_step *step, TPM2_HANDLE session);
/* Whether the key's auth value is asked for besides. */
bool tpm_policy_step_needs_auth(const struct tpm_policy_step *step);

#endif
