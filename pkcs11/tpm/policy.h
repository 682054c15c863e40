/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_POLICY_H
#define DEVID_PKCS11_TPM_POLICY_H

#include "pkcs11/soft/tsskey.h"
#include "pkcs11/tpm/authorize.h"
#include "pkcs11/tpm/policystep.h"

/* How many signed policies a key has at most; of more it is refused. */
#define TPM_SIGNED_POLICIES 16

struct tpm_policy_chain {
    bool auth_needed; /* it asks for the key's auth value too */
    size_t count;
    struct tpm_policy_step steps[TSS_POLICY_COMMANDS];
};

/* A policy that the key's authority has signed. */
struct tpm_signed_policy {
    struct tpm_policy_chain chain;
    struct tpm_approval approval;
};

/* The policy of a key: immutable, but for what the approvals keep. */
struct tpm_policy {
    bool auth_needed;               /* it may ask for the key's auth value */
    struct tpm_authority authority; /* of the signed policies */
    size_t signed_count;            /* one of them must fit; 0: there are none */
    struct tpm_signed_policy **signed_policies;
    struct tpm_policy_chain chain; /* is executed after that */
};

/* *policy is NULL for a file without a policy; the caller frees it. Signed policies that cannot be used are
 * left out (logged). CKR_DATA_INVALID: nothing that can be used is left; it has a command that is broken, or
 * that is not executed here (said, with the command's name). */
CK_RV tpm_policy_read(const struct tss_key *file, struct tpm_policy **policy);
void tpm_policy_free(struct tpm_policy *policy); /* NULL is accepted */

/* Under the lock, with no guard: executes the policy in the session. Signed policies are tried in their
 * order. TPM_RC_PCRS_CHANGED, among others; of signed policies the first one's. */
TSS2_RC tpm_policy_execute(struct tpm *tpm, const struct tpm_bus *bus, const struct tpm_policy *policy,
                           struct tpm_session *session);

#endif
