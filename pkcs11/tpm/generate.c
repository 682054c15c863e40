/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/failure.h"
#include "pkcs11/soft/tsskey.h"
#include "pkcs11/tpm/command.h"
#include "pkcs11/tpm/loaded.h"
#include "pkcs11/tpm/public.h"

#include <tss2/tss2_mu.h>

#include <string.h>

/* Keys have an empty auth, so noDA: a lockout of the TPM does not stop them. */
#define KEY_ATTRIBUTES                                                                                       \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |                      \
     TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA)

struct created {
    TPM2B_PUBLIC public_area;
    TPM2B_PRIVATE private_area;
};

struct create {
    TPM2_HANDLE parent;
    TPM2B_PUBLIC template;
    struct created created;
};

static TSS2_RC prepare_create(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    static const TPM2B_SENSITIVE_CREATE empty;
    static const TPM2B_DATA no_data;
    static const TPML_PCR_SELECTION no_pcrs;
    const struct create *create = arguments;

    return Tss2_Sys_Create_Prepare(sys, create->parent, &empty, &create->template, &no_data, &no_pcrs);
}

static TSS2_RC complete_create(TSS2_SYS_CONTEXT *sys, void *result)
{
    struct created *created = result;

    memset(created, 0, sizeof *created);
    return Tss2_Sys_Create_Complete(sys, &created->private_area, &created->public_area, NULL, NULL, NULL);
}

static TSS2_RC create_under(struct tpm *tpm, TPM2_HANDLE parent, void *data)
{
    static const struct tpm_command command = {"Create", prepare_create, complete_create, 1};
    struct create *create = data;

    create->parent = parent;
    return tpm_execute(tpm, &command, create, &create->created);
}

/* Scheme and symmetric algorithm are NULL: the scheme is chosen when the key is used. */
static CK_RV make_template(const struct key_request *request, TPMT_PUBLIC *area)
{
    memset(area, 0, sizeof *area);
    area->nameAlg = TPM2_ALG_SHA256;
    area->objectAttributes = KEY_ATTRIBUTES | (request->sign ? TPMA_OBJECT_SIGN_ENCRYPT : 0);
    if (request->type == CKK_EC) {
        area->type = TPM2_ALG_ECC;
        area->objectAttributes |= request->derive ? TPMA_OBJECT_DECRYPT : 0;
        area->parameters.eccDetail = (TPMS_ECC_PARMS){.symmetric.algorithm = TPM2_ALG_NULL,
                                                      .scheme.scheme = TPM2_ALG_NULL,
                                                      .curveID = tpm_curve_number(request->curve),
                                                      .kdf.scheme = TPM2_ALG_NULL};
    } else {
        area->type = TPM2_ALG_RSA;
        area->objectAttributes |= request->decrypt ? TPMA_OBJECT_DECRYPT : 0;
        area->parameters.rsaDetail = (TPMS_RSA_PARMS){.symmetric.algorithm = TPM2_ALG_NULL,
                                                      .scheme.scheme = TPM2_ALG_NULL,
                                                      .keyBits = (TPMI_RSA_KEY_BITS)request->bits};
    }
    if ((area->objectAttributes & (TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_DECRYPT)) == 0)
        return p11_fail(CKR_TEMPLATE_INCONSISTENT,
                        "a key that may neither sign nor decrypt nor derive is of no use");
    return CKR_OK;
}

static CK_RV check_size(const struct tpm_token *token, const struct key_request *request)
{
    const struct tpm_capability *capability = &token->capability;

    if (request->type == CKK_EC && request->curve->bits > capability->curve_maximum)
        return p11_fail(CKR_CURVE_NOT_SUPPORTED, "TPM %s does not have the curve %s", tpm_name(token->tpm),
                        request->curve->name);
    if (request->type == CKK_RSA && !tpm_has_rsa(capability, request->bits))
        return p11_fail(
            CKR_KEY_SIZE_RANGE, "TPM %s makes RSA keys of some sizes from %zu to %zu bits, not of %zu",
            tpm_name(token->tpm), capability->rsa_minimum, capability->rsa_maximum, request->bits);
    return CKR_OK;
}

static CK_RV write_block(const struct tpm_token *token, const struct created *created, struct bytes *block)
{
    uint8_t public_wire[sizeof created->public_area];
    uint8_t private_wire[sizeof created->private_area];
    struct tss_key file = {
        .kind = TSS_KEY_LOADABLE,
        .empty_auth = true,
        .parent = token->parent,
        .public = {public_wire,  0},
        .private = {private_wire, 0},
    };

    if (Tss2_MU_TPM2B_PUBLIC_Marshal(&created->public_area, public_wire, sizeof public_wire,
                                     &file.public.size) != TSS2_RC_SUCCESS ||
        Tss2_MU_TPM2B_PRIVATE_Marshal(&created->private_area, private_wire, sizeof private_wire,
                                      &file.private.size) != TSS2_RC_SUCCESS)
        return p11_fail(CKR_GENERAL_ERROR, "the TPM made a key that cannot be written down");
    return soft_tss_key_write(&file, block);
}

CK_RV tpm_generate_pair(void *instance, const struct key_request *request, struct bytes *block)
{
    const struct tpm_token *token = instance;
    struct create create = {0};
    CK_RV rv = check_size(token, request);

    if (rv == CKR_OK)
        rv = make_template(request, &create.template.publicArea);
    if (rv == CKR_OK)
        rv = tpm_with_parent(token, "generate a key", create_under, &create);
    return rv == CKR_OK ? write_block(token, &create.created, block) : rv;
}
