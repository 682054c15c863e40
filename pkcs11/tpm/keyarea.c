/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/keyarea.h"

#include "pkcs11/failure.h"
#include "pkcs11/tpm/public.h"

#include <string.h>

/* Keys have an empty auth value, or one that nobody guesses, so noDA: a lockout of the TPM does not stop
 * them. */
#define KEY_ATTRIBUTES (TPM_MADE_INSIDE | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA)

/* Scheme and symmetric algorithm are NULL: the scheme is chosen when the key is used. */
CK_RV tpm_key_area(const struct key_request *request, TPMT_PUBLIC *area)
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
