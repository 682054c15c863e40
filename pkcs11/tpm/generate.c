/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/failure.h"
#include "pkcs11/tpm/auth.h"
#include "pkcs11/tpm/create.h"
#include "pkcs11/tpm/public.h"

#include <string.h>

/* Keys have an empty auth value, or one that nobody guesses, so noDA: a lockout of the TPM does not stop
 * them. */
#define KEY_ATTRIBUTES                                                                                       \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |                      \
     TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA)

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

/* A private key of a token with a PIN carries the token secret, so that the TPM itself asks for it. */
static CK_RV create(const struct tpm_token *token, const struct key_request *request,
                    const TPM2B_PUBLIC *template, struct tpm_created *created)
{
    TPM2B_SENSITIVE_CREATE sensitive = {0};
    struct bytes secret = BYTES_EMPTY;
    CK_RV rv;

    if (!token->has_pin || !request->private)
        return tpm_create(token, "generate a key", NULL, template, created);
    rv = tpm_secret_copy(token, &secret);
    if (rv == CKR_OK) {
        memcpy(sensitive.sensitive.userAuth.buffer, secret.data, secret.size);
        sensitive.sensitive.userAuth.size = (UINT16)secret.size;
        rv = tpm_create(token, "generate a key", &sensitive, template, created);
    }
    bytes_free(&secret);
    bytes_wipe(&sensitive, sizeof sensitive);
    return rv;
}

CK_RV tpm_generate_pair(void *instance, const struct key_request *request, struct bytes *block)
{
    const struct tpm_token *token = instance;
    TPM2B_PUBLIC template = {0};
    struct tpm_created created;
    CK_RV rv = check_size(token, request);

    if (rv == CKR_OK)
        rv = make_template(request, &template.publicArea);
    if (rv == CKR_OK)
        rv = create(token, request, &template, &created);
    if (rv == CKR_OK)
        rv =
            tpm_created_block(token, &created, TSS_KEY_LOADABLE, !token->has_pin || !request->private, block);
    return rv;
}
