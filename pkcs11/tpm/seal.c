/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/seal.h"

#include "pkcs11/failure.h"
#include "pkcs11/tpm/loaded.h"
#include "pkcs11/tpm/public.h"
#include "pkcs11/tpm/rc.h"

#include <string.h>

/* Without noDA: wrong guesses count. */
static const TPM2B_PUBLIC template = {
    .publicArea =
        {
                     .type = TPM2_ALG_KEYEDHASH,
                     .nameAlg = TPM2_ALG_SHA256,
                     .objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_USERWITHAUTH,
                     .parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL,
                     },
};

CK_RV tpm_seal(const struct tpm_token *token, const struct bytes *auth, const struct bytes *data,
               struct bytes *block)
{
    TPM2B_SENSITIVE_CREATE sensitive = {
        .sensitive = {.userAuth.size = (UINT16)auth->size, .data.size = (UINT16)data->size}
    };
    struct tpm_created created;
    CK_RV rv = CKR_DATA_LEN_RANGE;

    *block = BYTES_EMPTY;
    if (auth->size <= TPM_SESSION_DIGEST && data->size <= sizeof sensitive.sensitive.data.buffer) {
        memcpy(sensitive.sensitive.userAuth.buffer, auth->data, auth->size);
        memcpy(sensitive.sensitive.data.buffer, data->data, data->size);
        rv = tpm_create(token, "seal the token's secret", &sensitive, &template, &created);
    }
    bytes_wipe(&sensitive, sizeof sensitive);
    return rv == CKR_OK ? tpm_created_block(token, &created, TSS_KEY_SEALED, false, block) : rv;
}

/* --- opening
 * ------------------------------------------------------------------------------------------------- */

struct unseal {
    TPM2_HANDLE handle;
    TPM2B_SENSITIVE_DATA data;
    TSS2_RC rc;
};

static TSS2_RC prepare_unseal(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const struct unseal *unseal = arguments;

    return Tss2_Sys_Unseal_Prepare(sys, unseal->handle);
}

static TSS2_RC complete_unseal(TSS2_SYS_CONTEXT *sys, void *result)
{
    return Tss2_Sys_Unseal_Complete(sys, result);
}

/* What is unsealed is not unsealed again soon: no burst of it is waited for. */
static TSS2_RC unseal_with(struct tpm *tpm, TPM2_HANDLE handle, void *data)
{
    static const struct tpm_command command = {"Unseal", prepare_unseal, complete_unseal, 1, TPM_SECRET_OUT};
    struct unseal *unseal = data;

    tpm->guard->burst = false;
    unseal->handle = handle;
    unseal->data.size = 0;
    unseal->rc = tpm_execute(tpm, &command, unseal, &unseal->data);
    return unseal->rc;
}

/* The sealed object, as a key that is loaded for one use. */
static CK_RV read_block(const struct bytes *block, struct tpm_key *key)
{
    struct tss_key file;
    CK_RV rv = soft_tss_key_read(block, &file);

    if (rv == CKR_OK && file.kind != TSS_KEY_SEALED)
        rv = CKR_DATA_INVALID;
    if (rv == CKR_OK)
        rv = tpm_created_read(&file, &key->public_area, &key->private_area);
    if (rv == CKR_OK)
        rv = tpm_public_name(&key->public_area, &key->name);
    key->parent = file.parent;
    tss_key_free(&file);
    return rv == CKR_DATA_INVALID ? p11_fail(CKR_DEVICE_ERROR, "the sealed secret is broken") : rv;
}

/* What is opened stays nowhere in the TPM. */
static CK_RV open_key(const struct tpm_token *token, const struct tpm_key *key, const char *step,
                      struct bytes *data, TSS2_RC *rc)
{
    struct unseal unseal = {0};
    CK_RV rv = tpm_with_key(token, key, step, unseal_with, &unseal);

    tpm_flush_key(token->tpm, key);
    if (rv == CKR_OK && !bytes_copy(data, unseal.data.buffer, unseal.data.size))
        rv = CKR_HOST_MEMORY;
    *rc = unseal.rc;
    bytes_wipe(&unseal, sizeof unseal);
    return rv;
}

CK_RV tpm_unseal(const struct tpm_token *token, const struct bytes *block, const struct bytes *auth,
                 struct bytes *data)
{
    struct tpm_key key = {.auth = auth};
    TSS2_RC rc = TSS2_RC_SUCCESS;
    CK_RV rv = read_block(block, &key);

    *data = BYTES_EMPTY;
    if (rv == CKR_OK)
        rv = open_key(token, &key, "open the token's secret with the PIN", data, &rc);
    return rv != CKR_OK && tpm_rc_is(rc, TPM2_RC_AUTH_FAIL) ? CKR_PIN_INCORRECT : rv;
}

CK_RV tpm_unseal_key(const struct tpm_token *token, const struct tpm_key *key, const char *step,
                     struct bytes *data)
{
    TSS2_RC rc;

    *data = BYTES_EMPTY;
    return open_key(token, key, step, data, &rc);
}
