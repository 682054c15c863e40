/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/policy.h"

#include "common/log.h"
#include "pkcs11/failure.h"
#include "pkcs11/tpm/command.h"
#include "pkcs11/tpm/rc.h"

#include <stdlib.h>
#include <string.h>

/* --- reading
 * ------------------------------------------------------------------------------------------------- */

static CK_RV read_chain(const struct tss_policy *from, size_t count, struct tpm_policy_chain *chain)
{
    CK_RV rv = CKR_OK;

    chain->count = count;
    for (size_t i = 0; rv == CKR_OK && i < count; i++) {
        rv = tpm_policy_step_read(&from[i], &chain->steps[i]);
        if (rv == CKR_OK && tpm_policy_step_needs_auth(&chain->steps[i]))
            chain->auth_needed = true;
    }
    return rv;
}

static CK_RV read_authorize(const struct tss_policy *from, struct tpm_authority *authority,
                            TPMT_SIGNATURE *signature, bool wants_signature)
{
    bool is_signed;

    if (!tpm_authorize_read(&from->command, authority, signature, &is_signed))
        return p11_fail(CKR_DATA_INVALID, "the parameters of the TSS2 key's PolicyAuthorize are broken");
    if (is_signed == wants_signature)
        return CKR_OK;
    return p11_fail(CKR_DATA_INVALID, wants_signature
                                          ? "PolicyAuthorize at the end of a signed policy has no signature"
                                          : "PolicyAuthorize at the begin of the TSS2 key's policy has a "
                                            "signature, of nothing that comes before");
}

static bool same_authority(const struct tpm_authority *a, const struct tpm_authority *b)
{
    return bytes_equal(a->name.name, a->name.size, b->name.name, b->name.size) &&
           bytes_equal(a->reference.buffer, a->reference.size, b->reference.buffer, b->reference.size);
}

/* A policy that ends with PolicyAuthorize of the key's authority. Without a PolicyAuthorize in the key's own
 * policy the first signed one tells who that is; what the key was made for, the TPM knows. */
static CK_RV read_signed(const struct tss_auth_policy *from, struct tpm_policy *policy,
                         struct tpm_signed_policy *to)
{
    const struct tss_policy *last = from->policy_count != 0 ? &from->policy[from->policy_count - 1] : NULL;
    struct tpm_authority authority = {0};
    CK_RV rv;

    if (last == NULL || last->code != TPM2_CC_PolicyAuthorize)
        return p11_fail(CKR_DATA_INVALID,
                        "a signed policy of the TSS2 key does not end with PolicyAuthorize");
    rv = read_authorize(last, &authority, &to->approval.signature, true);
    if (rv == CKR_OK && policy->authority.name.size == 0)
        policy->authority = authority;
    if (rv == CKR_OK && !same_authority(&authority, &policy->authority))
        rv =
            p11_fail(CKR_DATA_INVALID, "a signed policy of the TSS2 key ends with PolicyAuthorize of another "
                                       "key or policyRef than the key's own");
    return rv == CKR_OK ? read_chain(from->policy, from->policy_count - 1, &to->chain) : rv;
}

static CK_RV add_signed(void *data, const struct tss_auth_policy *from)
{
    struct tpm_policy *policy = data;
    struct tpm_signed_policy **place = &policy->signed_policies[policy->signed_count];
    CK_RV rv;

    if (policy->signed_count == TPM_SIGNED_POLICIES)
        return p11_fail(CKR_DATA_INVALID, "the TSS2 key has more than %d signed policies",
                        TPM_SIGNED_POLICIES);
    *place = calloc(1, sizeof **place);
    if (*place == NULL)
        return CKR_HOST_MEMORY;
    rv = read_signed(from, policy, *place);
    if (rv == CKR_OK) {
        policy->signed_count++;
        policy->auth_needed |= (*place)->chain.auth_needed;
        return CKR_OK;
    }
    free(*place);
    *place = NULL;
    if (rv == CKR_DATA_INVALID)
        log_info("signed policy '%.*s' is not used: %s", (int)from->name.size,
                 from->name.size != 0 ? (const char *)from->name.data : "", p11_failure_text());
    return rv == CKR_DATA_INVALID ? CKR_OK : rv;
}

static CK_RV read_signed_policies(const struct tss_key *file, struct tpm_policy *policy)
{
    CK_RV rv;

    if (file->auth_policies.size == 0)
        return p11_fail(CKR_DATA_INVALID,
                        "the TSS2 key is used by what an authority signs (PolicyAuthorize), "
                        "and its file has nothing that is signed (authPolicy)");
    policy->signed_policies = calloc(TPM_SIGNED_POLICIES, sizeof *policy->signed_policies);
    if (policy->signed_policies == NULL)
        return CKR_HOST_MEMORY;
    rv = soft_tss_auth_policies(&file->auth_policies, add_signed, policy);
    if (rv == CKR_OK && policy->signed_count == 0)
        return CKR_DATA_INVALID; /* why was said of the last one */
    if (rv == CKR_OK)
        p11_failure_clear();
    return rv;
}

/* PolicyAuthorize forgets what was executed before it, so it is the first, or it is in the way. */
static CK_RV read_policy(const struct tss_key *file, struct tpm_policy *policy)
{
    bool begins = file->policy_count != 0 && file->policy[0].code == TPM2_CC_PolicyAuthorize;
    size_t skip = begins ? 1 : 0;
    TPMT_SIGNATURE none;
    CK_RV rv = CKR_OK;

    if (begins)
        rv = read_authorize(&file->policy[0], &policy->authority, &none, false);
    if (rv == CKR_OK && (begins || file->policy_count == 0))
        rv = read_signed_policies(file, policy);
    if (rv == CKR_OK)
        rv = read_chain(file->policy + skip, file->policy_count - skip, &policy->chain);
    policy->auth_needed |= policy->chain.auth_needed;
    return rv;
}

CK_RV tpm_policy_read(const struct tss_key *file, struct tpm_policy **policy)
{
    CK_RV rv;

    *policy = NULL;
    if (file->policy_count == 0 && file->auth_policies.size == 0)
        return CKR_OK;
    *policy = calloc(1, sizeof **policy);
    if (*policy == NULL)
        return CKR_HOST_MEMORY;
    rv = read_policy(file, *policy);
    if (rv != CKR_OK) {
        tpm_policy_free(*policy);
        *policy = NULL;
    }
    return rv;
}

void tpm_policy_free(struct tpm_policy *policy)
{
    if (policy == NULL)
        return;
    for (size_t i = 0; i < policy->signed_count; i++)
        free(policy->signed_policies[i]);
    free(policy->signed_policies);
    free(policy);
}

/* --- execution
 * --------------------------------------------------------------------------------------------------- */

static TSS2_RC execute_chain(struct tpm *tpm, const struct tpm_bus *bus, const struct tpm_policy_chain *chain,
                             struct tpm_session *session)
{
    TSS2_RC rc = TSS2_RC_SUCCESS;

    for (size_t i = 0; rc == TSS2_RC_SUCCESS && i < chain->count; i++)
        rc = tpm_policy_step_execute(tpm, bus, &chain->steps[i], session->handle);
    if (chain->auth_needed)
        session->auth_needed = true;
    return rc;
}

static TSS2_RC prepare_restart(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    return Tss2_Sys_PolicyRestart_Prepare(sys, ((const struct tpm_session *)arguments)->handle);
}

static TSS2_RC restart(struct tpm *tpm, struct tpm_session *session)
{
    static const struct tpm_command command = {"PolicyRestart", prepare_restart, NULL, 0};

    session->auth_needed = false;
    return tpm_execute(tpm, &command, session, NULL);
}

/* Whether the policy is at fault, and another one may fit. */
static bool is_misfit(TSS2_RC rc)
{
    static const TSS2_RC codes[] = {TPM2_RC_VALUE,     TPM2_RC_POLICY, TPM2_RC_POLICY_FAIL, TPM2_RC_LOCALITY,
                                    TPM2_RC_SIGNATURE, TPM2_RC_SCHEME, TPM2_RC_HASH,        TPM2_RC_RANGE,
                                    TPM2_RC_CURVE,     TPM2_RC_SIZE,   TPM2_RC_KEY_SIZE};

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (tpm_rc_is(rc, codes[i]))
            return true;
    return rc == TPM_RC_PCRS_CHANGED || rc == TPM_RC_HIERARCHY_REFUSED;
}

static TSS2_RC execute_signed(struct tpm *tpm, const struct tpm_bus *bus, const struct tpm_policy *policy,
                              struct tpm_session *session)
{
    TSS2_RC first = TSS2_RC_SUCCESS;

    for (size_t i = 0; i < policy->signed_count; i++) {
        struct tpm_signed_policy *one = policy->signed_policies[i];
        TSS2_RC rc = i != 0 ? restart(tpm, session) : TSS2_RC_SUCCESS;

        if (rc == TSS2_RC_SUCCESS)
            rc = execute_chain(tpm, bus, &one->chain, session);
        if (rc == TSS2_RC_SUCCESS)
            rc = tpm_authorize_execute(tpm, session->handle, &policy->authority, &one->approval);
        if (rc == TSS2_RC_SUCCESS || !is_misfit(rc))
            return rc;
        if (first == TSS2_RC_SUCCESS)
            first = rc;
    }
    return first;
}

TSS2_RC tpm_policy_execute(struct tpm *tpm, const struct tpm_bus *bus, const struct tpm_policy *policy,
                           struct tpm_session *session)
{
    TSS2_RC rc;

    session->auth_needed = false;
    rc = execute_signed(tpm, bus, policy, session);
    return rc == TSS2_RC_SUCCESS ? execute_chain(tpm, bus, &policy->chain, session) : rc;
}
