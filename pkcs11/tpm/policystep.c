/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/policy.h"

#include "pkcs11/failure.h"
#include "pkcs11/tpm/command.h"
#include "pkcs11/tpm/hierarchy.h"
#include "pkcs11/tpm/rc.h"

#include <tss2/tss2_mu.h>

#include <stdlib.h>
#include <string.h>

struct execution {
    const struct tpm_policy_step *step;
    TPM2_HANDLE session;
};

struct tpm_policy_row {
    TPM2_CC code;
    bool (*read)(const struct bytes *wire, struct tpm_policy_step *step);
    TSS2_RC (*execute)(struct tpm *tpm, const struct tpm_bus *bus, const struct execution *execution);
};

/* --- PolicyPCR
 * ------------------------------------------------------------------------------------------------- */

/* As the command has them: TPM2B_DIGEST, TPML_PCR_SELECTION. */
static bool read_digest_first(const struct bytes *wire, struct tpm_policy_step *step)
{
    size_t used = 0;

    return Tss2_MU_TPM2B_DIGEST_Unmarshal(wire->data, wire->size, &used, &step->digest) == TSS2_RC_SUCCESS &&
           Tss2_MU_TPML_PCR_SELECTION_Unmarshal(wire->data, wire->size, &used, &step->pcrs) ==
               TSS2_RC_SUCCESS &&
           used == wire->size;
}

/* As the policy's digest has them: TPML_PCR_SELECTION, and the bare digest. */
static bool read_selection_first(const struct bytes *wire, struct tpm_policy_step *step)
{
    size_t used = 0;

    if (Tss2_MU_TPML_PCR_SELECTION_Unmarshal(wire->data, wire->size, &used, &step->pcrs) != TSS2_RC_SUCCESS ||
        wire->size - used > sizeof step->digest.buffer)
        return false;
    step->digest.size = (UINT16)(wire->size - used);
    memcpy(step->digest.buffer, wire->data + used, step->digest.size);
    return true;
}

/* Programs write both. */
static bool read_pcr(const struct bytes *wire, struct tpm_policy_step *step)
{
    return (read_digest_first(wire, step) || read_selection_first(wire, step)) && step->pcrs.count != 0;
}

static TSS2_RC prepare_pcr(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const struct execution *execution = arguments;

    return Tss2_Sys_PolicyPCR_Prepare(sys, execution->session, &execution->step->digest,
                                      &execution->step->pcrs);
}

static TSS2_RC execute_pcr(struct tpm *tpm, const struct tpm_bus *bus, const struct execution *execution)
{
    static const struct tpm_command command = {"PolicyPCR", prepare_pcr, NULL, 0};
    TSS2_RC rc = tpm_execute(tpm, &command, execution, NULL);

    (void)bus;
    return tpm_rc_is(rc, TPM2_RC_VALUE) ? TPM_RC_PCRS_CHANGED : rc;
}

/* --- PolicySecret
 * ---------------------------------------------------------------------------------------------- */

/* The hierarchy, as a handle or as a Name, which is the same with a size; then policyRef, which may be left
 * out when it is empty. */
static bool read_secret(const struct bytes *wire, struct tpm_policy_step *step)
{
    static const TPM2_HANDLE hierarchies[] = {TPM2_RH_OWNER, TPM2_RH_ENDORSEMENT};
    struct reader reader;
    const uint8_t *reference;

    reader_init(&reader, wire->data, wire->size);
    if (wire->size > 2 && wire->data[0] == 0 && reader_u16(&reader) != sizeof step->hierarchy)
        return false;
    step->hierarchy = reader_u32(&reader);
    if (reader_done(&reader))
        step->reference.size = 0;
    else {
        step->reference.size = reader_u16(&reader);
        reference = reader_take(&reader, step->reference.size);
        if (reference == NULL || step->reference.size > sizeof step->reference.buffer ||
            !reader_done(&reader))
            return false;
        memcpy(step->reference.buffer, reference, step->reference.size);
    }
    for (size_t i = 0; i < sizeof hierarchies / sizeof hierarchies[0]; i++)
        if (hierarchies[i] == step->hierarchy)
            return true;
    return false;
}

static TSS2_RC prepare_secret(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    static const TPM2B_NONCE no_nonce;
    static const TPM2B_DIGEST no_digest;
    const struct execution *execution = arguments;

    return Tss2_Sys_PolicySecret_Prepare(sys, execution->step->hierarchy, execution->session, &no_nonce,
                                         &no_digest, &execution->step->reference, 0);
}

static TSS2_RC execute_secret(struct tpm *tpm, const struct tpm_bus *bus, const struct execution *execution)
{
    static const struct tpm_command command = {"PolicySecret", prepare_secret, NULL, 1};
    const TPM2B_NAME name = tpm_handle_name(execution->session);
    TSS2_RC rc =
        tpm_hierarchy_execute(tpm, bus, execution->step->hierarchy, &name, &command, execution, NULL);

    return tpm_rc_is_auth(rc) ? TPM_RC_HIERARCHY_REFUSED : rc;
}

/* --- PolicyAuthValue and PolicyCommandCode
 * ------------------------------------------------------------------------------------------------- */

static bool read_nothing(const struct bytes *wire, struct tpm_policy_step *step)
{
    (void)step;
    return wire->size == 0;
}

static TSS2_RC prepare_auth_value(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    return Tss2_Sys_PolicyAuthValue_Prepare(sys, ((const struct execution *)arguments)->session);
}

static TSS2_RC execute_auth_value(struct tpm *tpm, const struct tpm_bus *bus,
                                  const struct execution *execution)
{
    static const struct tpm_command command = {"PolicyAuthValue", prepare_auth_value, NULL, 0};

    (void)bus;
    return tpm_execute(tpm, &command, execution, NULL);
}

static bool read_code(const struct bytes *wire, struct tpm_policy_step *step)
{
    struct reader reader;

    reader_init(&reader, wire->data, wire->size);
    step->code = reader_u32(&reader);
    return reader_done(&reader);
}

static TSS2_RC prepare_code(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const struct execution *execution = arguments;

    return Tss2_Sys_PolicyCommandCode_Prepare(sys, execution->session, execution->step->code);
}

static TSS2_RC execute_code(struct tpm *tpm, const struct tpm_bus *bus, const struct execution *execution)
{
    static const struct tpm_command command = {"PolicyCommandCode", prepare_code, NULL, 0};

    (void)bus;
    return tpm_execute(tpm, &command, execution, NULL);
}

/* --- a policy
 * -------------------------------------------------------------------------------------------------- */

static const struct tpm_policy_row rows[] = {
    {TPM2_CC_PolicyPCR,         read_pcr,     execute_pcr       },
    {TPM2_CC_PolicySecret,      read_secret,  execute_secret    },
    {TPM2_CC_PolicyAuthValue,   read_nothing, execute_auth_value},
    {TPM2_CC_PolicyCommandCode, read_code,    execute_code      },
};

/* Commands of other policies, by name. */
static const struct {
    TPM2_CC code;
    const char *name;
} others[] = {
    {TPM2_CC_PolicyAuthorize,        "PolicyAuthorize"       },
    {TPM2_CC_PolicyAuthorizeNV,      "PolicyAuthorizeNV"     },
    {TPM2_CC_PolicyCounterTimer,     "PolicyCounterTimer"    },
    {TPM2_CC_PolicyCpHash,           "PolicyCpHash"          },
    {TPM2_CC_PolicyLocality,         "PolicyLocality"        },
    {TPM2_CC_PolicyNV,               "PolicyNV"              },
    {TPM2_CC_PolicyNameHash,         "PolicyNameHash"        },
    {TPM2_CC_PolicyOR,               "PolicyOR"              },
    {TPM2_CC_PolicyPassword,         "PolicyPassword"        },
    {TPM2_CC_PolicyPhysicalPresence, "PolicyPhysicalPresence"},
    {TPM2_CC_PolicySigned,           "PolicySigned"          },
    {TPM2_CC_PolicyTemplate,         "PolicyTemplate"        },
};

static const char *other_name(TPM2_CC code)
{
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (others[i].code == code)
            return others[i].name;
    return "something unknown";
}

static CK_RV read_step(const struct tss_policy *from, struct tpm_policy_step *step)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].code == from->code)
            step->row = &rows[i];
    if (step->row == NULL)
        return p11_fail(CKR_DATA_INVALID,
                        "the TSS2 key's policy asks for %s (command 0x%x), which is not done here",
                        other_name(from->code), from->code);
    if (!step->row->read(&from->command, step))
        return p11_fail(
            CKR_DATA_INVALID,
            "the TSS2 key's policy has a command 0x%x with parameters that are broken, or that are "
            "not used here",
            from->code);
    return CKR_OK;
}

CK_RV tpm_policy_read(const struct tss_key *file, struct tpm_policy **policy)
{
    CK_RV rv = CKR_OK;

    *policy = NULL;
    if (file->policy_count == 0 && file->auth_policies.size != 0)
        return p11_fail(CKR_DATA_INVALID,
                        "the TSS2 key is used by what an authority signs (PolicyAuthorize), "
                        "which is not done here");
    if (file->policy_count == 0)
        return CKR_OK;
    *policy = calloc(1, sizeof **policy);
    if (*policy == NULL)
        return CKR_HOST_MEMORY;
    (*policy)->count = file->policy_count;
    for (size_t i = 0; rv == CKR_OK && i < file->policy_count; i++) {
        rv = read_step(&file->policy[i], &(*policy)->steps[i]);
        (*policy)->auth_needed |= file->policy[i].code == TPM2_CC_PolicyAuthValue;
    }
    if (rv != CKR_OK) {
        free(*policy);
        *policy = NULL;
    }
    return rv;
}

TSS2_RC tpm_policy_execute(struct tpm *tpm, const struct tpm_bus *bus, const struct tpm_policy *policy,
                           struct tpm_session *session)
{
    TSS2_RC rc = TSS2_RC_SUCCESS;

    for (size_t i = 0; rc == TSS2_RC_SUCCESS && i < policy->count; i++) {
        const struct execution execution = {&policy->steps[i], session->handle};

        rc = execution.step->row->execute(tpm, bus, &execution);
    }
    session->auth_needed = policy->auth_needed;
    return rc;
}
