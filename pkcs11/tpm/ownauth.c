/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/failure.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/tpm/command.h"
#include "pkcs11/tpm/loaded.h"
#include "pkcs11/tpm/public.h"
#include "pkcs11/tpm/rc.h"

/* Keys of other programs, with an auth value that is not the token's. */

bool tpm_has_own_auth(const void *key)
{
    return ((const struct tpm_key *)key)->own_auth;
}

void tpm_disown(void *material)
{
    struct tpm_key *key = material;

    key->own_auth = key->own_auth || key->auth != NULL;
    key->auth = NULL;
}

/* A signature that no TPM makes, of nothing and by no scheme; but it looks at the authorization first (part
 * 3, 5.5, before the command's own checks in 5.8). So what else it complains of says that the authorization
 * is right, and nothing is signed that was not asked for. */
static TSS2_RC prepare_probe(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    static const TPMT_TK_HASHCHECK no_ticket = {.tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL};
    static const TPMT_SIG_SCHEME no_scheme = {.scheme = TPM2_ALG_NULL};
    static const TPM2B_DIGEST nothing;
    const TPM2_HANDLE *key = arguments;

    return Tss2_Sys_Sign_Prepare(sys, *key, &nothing, &no_scheme, &no_ticket);
}

static TSS2_RC probe_with(struct tpm *tpm, TPM2_HANDLE key, void *data)
{
    static const struct tpm_command command = {"Sign", prepare_probe, NULL, 1};
    TSS2_RC *rc = data;
    TSS2_RC opened = tpm_bus_open(tpm, &command);

    if (opened != TSS2_RC_SUCCESS)
        return opened;
    *rc = tpm_execute(tpm, &command, &key, NULL);
    return *rc;
}

static bool is_complaint(TSS2_RC rc)
{
    static const TSS2_RC codes[] = {TPM2_RC_SCHEME, TPM2_RC_SIZE,       TPM2_RC_KEY,
                                    TPM2_RC_TICKET, TPM2_RC_ATTRIBUTES, TPM2_RC_VALUE};

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (tpm_rc_is(rc, codes[i]))
            return true;
    return false;
}

CK_RV tpm_authenticate(void *instance, void *material, const struct bytes *pin)
{
    const struct tpm_token *token = instance;
    const struct tpm_key *key = material;
    TSS2_RC rc = TSS2_RC_SUCCESS;
    CK_RV rv;

    if (pin->size > soft_hash_size(tpm_hash(key->public_area.publicArea.nameAlg)))
        return p11_fail(CKR_PIN_INCORRECT, "no authorization of this key can be of %zu bytes", pin->size);
    rv = tpm_with_key_auth(token, key, pin, "check the key's authorization", probe_with, &rc);
    if (is_complaint(rc))
        return CKR_OK;
    if (tpm_rc_is_auth(rc))
        return p11_fail(CKR_PIN_INCORRECT, "the TPM says that this is not the key's authorization");
    return rv != CKR_OK
               ? rv
               : p11_fail(CKR_DEVICE_ERROR, "TPM %s does not check authorizations", tpm_name(token->tpm));
}
