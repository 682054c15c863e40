/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/failure.h"
#include "pkcs11/file/key.h"
#include "pkcs11/soft/private.h"

CK_RV file_generate_pair(void *instance, const struct key_request *request, struct bytes *block)
{
    (void)instance;
    if (request->pcrs.size != 0)
        return p11_fail(CKR_TEMPLATE_INCONSISTENT,
                        "only keys in a TPM are bound to PCRs; make the key in a TPM token, or leave "
                        "CKA_DEVID_POLICY_PCR out");
    if (request->auth.size != 0)
        return p11_fail(CKR_TEMPLATE_INCONSISTENT,
                        "only keys in a TPM have an authorization (CKA_DEVID_AUTH)");
    if (request->curve != NULL)
        return soft_generate_on_curve(request->curve, block);
    return soft_generate_rsa(request->bits, block);
}

CK_RV file_generate(void *instance, const struct key_request *request, struct bytes *block)
{
    (void)instance;
    return soft_generate_secret(request->type, request->size, block);
}
