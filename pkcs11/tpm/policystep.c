/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/policystep.h"

#include "pkcs11/failure.h"
#include "pkcs11/tpm/command.h"
#include "pkcs11/tpm/hierarchy.h"
#include "pkcs11/tpm/rc.h"

#include <tss2/tss2_mu.h>

#include <string.h>

struct execution {
    const struct tpm_policy_step *step;
    TPM2_HANDLE session;
};

struct tpm_policy_row {
    TPM2_CC code;
    bool (*read)(const struct bytes *wire, struct tpm_policy_step *step);
    TSS2_RC (*execute)(struct tpm *tpm, const struct tpm_bus *bus, const struct execution *execution);
    bool auth_needed;
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

static bool is_hierarchy(TPM2_HANDLE handle)
{
    return handle == TPM2_RH_OWNER || handle == TPM2_RH_ENDORSEMENT;
}

/* policyRef, at the end. */
static bool read_reference(struct reader *reader, struct tpm_policy_step *step)
{
    const uint8_t *reference;

    step->reference.size = reader_u16(reader);
    reference = reader_take(reader, step->reference.size);
    if (reference == NULL || step->reference.size > sizeof step->reference.buffer || !reader_done(reader))
        return false;
    memcpy(step->reference.buffer, reference, step->reference.size);
    return true;
}

/* As the draft has it: a handle, which may be zero, the Name, policyRef. A hierarchy's Name is its handle. */
static bool read_secret_with_name(const struct bytes *wire, struct tpm_policy_step *step)
{
    struct reader reader;
    TPM2_HANDLE hint;

    reader_init(&reader, wire->data, wire->size);
    hint = reader_u32(&reader);
    if (reader_u16(&reader) != sizeof step->hierarchy)
        return false;
    step->hierarchy = reader_u32(&reader);
    return (hint == 0 || hint == step->hierarchy) && read_reference(&reader, step);
}

/* As other programs have it: the hierarchy, as a handle or as a Name, which is the same with a size; then
 * policyRef, which may be left out when it is empty. */
static bool read_secret_bare(const struct bytes *wire, struct tpm_policy_step *step)
{
    struct reader reader;

    reader_init(&reader, wire->data, wire->size);
    if (wire->size > 2 && wire->data[0] == 0 && reader_u16(&reader) != sizeof step->hierarchy)
        return false;
    step->hierarchy = reader_u32(&reader);
    step->reference.size = 0;
    return reader_done(&reader) || read_reference(&reader, step);
}

static bool read_secret(const struct bytes *wire, struct tpm_policy_step *step)
{
    return (read_secret_with_name(wire, step) || read_secret_bare(wire, step)) &&
           is_hierarchy(step->hierarchy);
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

/* --- PolicyLocality and PolicyCounterTimer
 * ------------------------------------------------------------------------------------ */

static bool read_locality(const struct bytes *wire, struct tpm_policy_step *step)
{
    step->locality = wire->size == 1 ? wire->data[0] : 0;
    return step->locality != 0;
}

static TSS2_RC prepare_locality(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const struct execution *execution = arguments;

    return Tss2_Sys_PolicyLocality_Prepare(sys, execution->session, execution->step->locality);
}

static TSS2_RC execute_locality(struct tpm *tpm, const struct tpm_bus *bus, const struct execution *execution)
{
    static const struct tpm_command command = {"PolicyLocality", prepare_locality, NULL, 0};

    (void)bus;
    return tpm_execute(tpm, &command, execution, NULL);
}

/* The operand, as the command has it or without its size; offset; operation. */
static bool read_timer(const struct bytes *wire, struct tpm_policy_step *step)
{
    const uint8_t *operand = wire->data;
    size_t size = wire->size >= 4 ? wire->size - 4 : 0;
    struct reader reader;

    if (size > 2 && ((size_t)wire->data[0] << 8 | wire->data[1]) == size - 2) {
        operand += 2;
        size -= 2;
    }
    if (size == 0 || size > sizeof step->reference.buffer)
        return false;
    step->reference.size = (UINT16)size;
    memcpy(step->reference.buffer, operand, size);
    reader_init(&reader, wire->data + wire->size - 4, 4);
    step->offset = reader_u16(&reader);
    step->operation = reader_u16(&reader);
    return true;
}

static TSS2_RC prepare_timer(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const struct execution *execution = arguments;
    const struct tpm_policy_step *step = execution->step;

    return Tss2_Sys_PolicyCounterTimer_Prepare(sys, execution->session, &step->reference, step->offset,
                                               step->operation);
}

static TSS2_RC execute_timer(struct tpm *tpm, const struct tpm_bus *bus, const struct execution *execution)
{
    static const struct tpm_command command = {"PolicyCounterTimer", prepare_timer, NULL, 0};

    (void)bus;
    return tpm_execute(tpm, &command, execution, NULL);
}

/* --- by code
 * -------------------------------------------------------------------------------------------------- */

/* PolicyPassword leads to the same policy as PolicyAuthValue, and has the auth value cross the bus. */
static const struct tpm_policy_row rows[] = {
    {TPM2_CC_PolicyPCR,       read_pcr,     execute_pcr          },
    {TPM2_CC_PolicySecret,    read_secret,  execute_secret       },
    {TPM2_CC_PolicyAuthValue, read_nothing, execute_auth_value,    .auth_needed = true},
    {TPM2_CC_PolicyPassword,                       read_nothing,              execute_auth_value, .auth_needed = true},
    {TPM2_CC_PolicyCommandCode,    read_code,                execute_code            },
    {TPM2_CC_PolicyLocality,           read_locality,        execute_locality},
    {TPM2_CC_PolicyCounterTimer,       read_timer,            execute_timer            },
};

/* Commands of other policies, by name. */
static const struct {
    TPM2_CC code;
    const char *name;
} others[] = {
    {TPM2_CC_PolicyAuthorize,         "PolicyAuthorize"        },
    {TPM2_CC_PolicyAuthorizeNV,       "PolicyAuthorizeNV"      },
    {TPM2_CC_PolicyCpHash,            "PolicyCpHash"           },
    {TPM2_CC_PolicyDuplicationSelect, "PolicyDuplicationSelect"},
    {TPM2_CC_PolicyNvWritten,         "PolicyNvWritten"        },
    {TPM2_CC_PolicyTicket,            "PolicyTicket"           },
    {TPM2_CC_PolicyNV,                "PolicyNV"               },
    {TPM2_CC_PolicyNameHash,          "PolicyNameHash"         },
    {TPM2_CC_PolicyOR,                "PolicyOR"               },
    {TPM2_CC_PolicyPhysicalPresence,  "PolicyPhysicalPresence" },
    {TPM2_CC_PolicySigned,            "PolicySigned"           },
    {TPM2_CC_PolicyTemplate,          "PolicyTemplate"         },
};

static const char *other_name(TPM2_CC code)
{
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (others[i].code == code)
            return others[i].name;
    return "something unknown";
}

CK_RV tpm_policy_step_read(const struct tss_policy *from, struct tpm_policy_step *step)
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

TSS2_RC tpm_policy_step_execute(struct tpm *tpm, const struct tpm_bus *bus,
                                const struct tpm_policy_step *step, TPM2_HANDLE session)
{
    const struct execution execution = {step, session};

    return step->row->execute(tpm, bus, &execution);
}

bool tpm_policy_step_needs_auth(const struct tpm_policy_step *step)
{
    return step->row->auth_needed;
}
