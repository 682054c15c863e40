/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/failure.h"
#include "pkcs11/tpm/auth.h"
#include "pkcs11/tpm/create.h"
#include "pkcs11/tpm/keyarea.h"
#include "pkcs11/tpm/pcr.h"

#include <string.h>

static CK_RV check_size(const struct tpm_token *token, const struct key_request *request)
{
    const struct tpm_capability *capability = &token->capability;

    if (request->type == CKK_EC && request->curve->bits > capability->curve_maximum)
        return p11_fail(CKR_CURVE_NOT_SUPPORTED, "TPM %s does not have the curve %s", tpm_name(token->tpm),
                        request->curve->name);
    if (request->hash != HASH_NONE && (capability->hashes & 1U << request->hash) == 0)
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID,
                        "TPM %s does not have the hash that the key is to be for", tpm_name(token->tpm));
    if (request->type == CKK_RSA && !tpm_has_rsa(capability, request->bits))
        return p11_fail(
            CKR_KEY_SIZE_RANGE, "TPM %s makes RSA keys of some sizes from %zu to %zu bits, not of %zu",
            tpm_name(token->tpm), capability->rsa_minimum, capability->rsa_maximum, request->bits);
    return CKR_OK;
}

/* Without the zeros at its end, as TPMs keep it (part 1, 17.6.4.3). */
static CK_RV own_auth(const struct tpm_token *token, const struct key_request *request, TPM2B_AUTH *auth)
{
    size_t size = request->auth.size;

    if (token->has_pin && request->private)
        return p11_fail(CKR_TEMPLATE_INCONSISTENT, "a private key of a token with a PIN has the token's "
                                                   "authorization, and no CKA_DEVID_AUTH");
    while (size > 0 && request->auth.data[size - 1] == 0)
        size--;
    if (size == 0 || size > TPM2_SHA256_DIGEST_SIZE)
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_DEVID_AUTH has 1 to %d bytes",
                        TPM2_SHA256_DIGEST_SIZE);
    memcpy(auth->buffer, request->auth.data, size);
    auth->size = (UINT16)size;
    return CKR_OK;
}

static CK_RV create(const struct tpm_token *token, const struct key_request *request,
                    const TPM2B_PUBLIC *template, struct tpm_created *created)
{
    TPM2B_SENSITIVE_CREATE sensitive = {0};
    TPM2B_AUTH *auth = &sensitive.sensitive.userAuth;
    CK_RV rv = request->auth.size != 0 ? own_auth(token, request, auth)
                                       : tpm_new_auth(token, request->private, auth);

    if (rv == CKR_OK)
        rv = tpm_create(token, "generate a key", sensitive.sensitive.userAuth.size != 0 ? &sensitive : NULL,
                        template, created);
    bytes_wipe(&sensitive, sizeof sensitive);
    return rv;
}

/* The key is used by its policy, and by nothing else. */
static void bind(const struct tpm_pcr_policy *policy, TPMT_PUBLIC *area)
{
    area->authPolicy = policy->digest;
    area->objectAttributes &= ~(TPMA_OBJECT)TPMA_OBJECT_USERWITHAUTH;
}

CK_RV tpm_generate_pair(void *instance, const struct key_request *request, struct bytes *block)
{
    const struct tpm_token *token = instance;
    bool has_auth = request->auth.size != 0 || (token->has_pin && request->private);
    struct tpm_pcr_policy policy = {0};
    TPM2B_PUBLIC template = {0};
    struct tpm_created created;
    CK_RV rv = check_size(token, request);

    if (rv == CKR_OK)
        rv = tpm_key_area(request, &template.publicArea);
    if (rv == CKR_OK && request->pcrs.size != 0) {
        rv = tpm_pcr_policy(token, &request->pcrs, has_auth, &policy);
        bind(&policy, &template.publicArea);
    }
    if (rv == CKR_OK)
        rv = create(token, request, &template, &created);
    if (rv != CKR_OK)
        return rv;
    created.policy = policy.commands;
    created.policy_count = policy.count;
    rv = tpm_created_block(token, &created, TSS_KEY_LOADABLE, !has_auth, block);
    return rv;
}
