/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_PCR_H
#define DEVID_PKCS11_TPM_PCR_H

#include "pkcs11/tpm/create.h"

#define TPM_PCR_WIRE 128 /* room for the parameters of PolicyPCR */

/* The policy of a new key that is bound to PCRs. */
struct tpm_pcr_policy {
    size_t count; /* of the commands; 0: no policy */
    struct tss_policy commands[2];
    uint8_t wire[TPM_PCR_WIRE]; /* under the first command */
    TPM2B_DIGEST digest;        /* for TPM2_Create */
};

/*
 * Reads what the PCRs that `text` names ("sha256:0,7") hold now, and makes the policy that wants them to hold
 * it, and the key's auth value too if `auth`. CKR_ATTRIBUTE_VALUE_INVALID: the text is not of this form, or
 * the TPM has no such PCRs (said).
 */
CK_RV tpm_pcr_policy(const struct tpm_token *token, const struct bytes *text, bool auth,
                     struct tpm_pcr_policy *policy);

#endif
