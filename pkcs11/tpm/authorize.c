/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/authorize.h"

#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/hmac.h"
#include "pkcs11/tpm/command.h"
#include "pkcs11/tpm/public.h"
#include "pkcs11/tpm/rc.h"

#include <tss2/tss2_mu.h>

bool tpm_authorize_read(const struct bytes *wire, struct tpm_authority *authority, TPMT_SIGNATURE *signature,
                        bool *is_signed)
{
    TPM2B_DIGEST reference = {0};
    size_t used = 0;

    *is_signed = false;
    if (Tss2_MU_TPM2B_PUBLIC_Unmarshal(wire->data, wire->size, &used, &authority->area) != TSS2_RC_SUCCESS ||
        tpm_public_name(&authority->area, &authority->name) != CKR_OK ||
        Tss2_MU_TPM2B_DIGEST_Unmarshal(wire->data, wire->size, &used, &reference) != TSS2_RC_SUCCESS)
        return false;
    authority->reference = reference;
    if (used == wire->size)
        return true;
    if (Tss2_MU_TPMT_SIGNATURE_Unmarshal(wire->data, wire->size, &used, signature) != TSS2_RC_SUCCESS ||
        used != wire->size)
        return false;
    *is_signed = signature->sigAlg != TPM2_ALG_NULL;
    return true;
}

/* --- commands
 * ------------------------------------------------------------------------------------------------ */

struct work {
    TPM2_HANDLE session;
    TPM2_HANDLE key;
    const struct tpm_authority *authority;
    struct tpm_approval *approval;
    TPM2B_DIGEST digest; /* what is signed */
};

static TSS2_RC prepare_get_digest(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    return Tss2_Sys_PolicyGetDigest_Prepare(sys, ((const struct work *)arguments)->session);
}

static TSS2_RC complete_get_digest(TSS2_SYS_CONTEXT *sys, void *result)
{
    struct work *work = result;

    work->approval->policy.size = 0;
    return Tss2_Sys_PolicyGetDigest_Complete(sys, &work->approval->policy);
}

/* Into the owner's hierarchy: in none the TPM gives no ticket. */
static TSS2_RC prepare_load(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    return Tss2_Sys_LoadExternal_Prepare(sys, NULL, &((const struct work *)arguments)->authority->area,
                                         TPM2_RH_OWNER);
}

static TSS2_RC complete_load(TSS2_SYS_CONTEXT *sys, void *result)
{
    TPM2B_NAME name = {.size = 0};

    return Tss2_Sys_LoadExternal_Complete(sys, &((struct work *)result)->key, &name);
}

static TSS2_RC prepare_verify(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const struct work *work = arguments;

    return Tss2_Sys_VerifySignature_Prepare(sys, work->key, &work->digest, &work->approval->signature);
}

static TSS2_RC complete_verify(TSS2_SYS_CONTEXT *sys, void *result)
{
    struct work *work = result;

    work->approval->ticket.digest.size = 0;
    return Tss2_Sys_VerifySignature_Complete(sys, &work->approval->ticket);
}

static TSS2_RC prepare_authorize(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const struct work *work = arguments;

    return Tss2_Sys_PolicyAuthorize_Prepare(sys, work->session, &work->approval->policy,
                                            &work->authority->reference, &work->authority->name,
                                            &work->approval->ticket);
}

/* --- a signed policy
 * --------------------------------------------------------------------------------------------- */

/* Of policy and policyRef, by the hash of the authority's Name. */
static TSS2_RC hash_policy(struct work *work)
{
    enum p11_hash hash = tpm_hash(work->authority->area.publicArea.nameAlg);
    const struct soft_piece pieces[] = {
        {work->approval->policy.buffer,     work->approval->policy.size    },
        {work->authority->reference.buffer, work->authority->reference.size},
    };

    work->digest.size = (UINT16)soft_hash_size(hash);
    return soft_hash_pieces(hash, pieces, 2, work->digest.buffer) == CKR_OK ? TSS2_RC_SUCCESS
                                                                            : TSS2_SYS_RC_GENERAL_FAILURE;
}

static TSS2_RC verify(struct tpm *tpm, struct work *work)
{
    static const struct tpm_command get_digest = {"PolicyGetDigest", prepare_get_digest, complete_get_digest,
                                                  0};
    static const struct tpm_command load = {"LoadExternal", prepare_load, complete_load, 0};
    static const struct tpm_command check = {"VerifySignature", prepare_verify, complete_verify, 0};
    TSS2_RC rc = tpm_execute(tpm, &get_digest, work, work);

    if (rc == TSS2_RC_SUCCESS)
        rc = hash_policy(work);
    if (rc == TSS2_RC_SUCCESS)
        rc = tpm_execute(tpm, &load, work, work);
    if (rc != TSS2_RC_SUCCESS)
        return rc;
    rc = tpm_execute(tpm, &check, work, work);
    tpm_flush(tpm, work->key);
    work->approval->has_ticket = rc == TSS2_RC_SUCCESS;
    return rc;
}

/* A ticket is good for as long as the TPM is not cleared. */
TSS2_RC tpm_authorize_execute(struct tpm *tpm, TPM2_HANDLE session, const struct tpm_authority *authority,
                              struct tpm_approval *approval)
{
    static const struct tpm_command command = {"PolicyAuthorize", prepare_authorize, NULL, 0};
    struct work work = {.session = session, .authority = authority, .approval = approval};
    bool former = approval->has_ticket;
    TSS2_RC rc = former ? TSS2_RC_SUCCESS : verify(tpm, &work);

    if (rc == TSS2_RC_SUCCESS)
        rc = tpm_execute(tpm, &command, &work, NULL);
    if (former && tpm_rc_is(rc, TPM2_RC_VALUE)) {
        approval->has_ticket = false;
        rc = verify(tpm, &work);
        if (rc == TSS2_RC_SUCCESS)
            rc = tpm_execute(tpm, &command, &work, NULL);
    }
    return rc;
}
