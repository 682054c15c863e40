/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/rsa.h"

#include "pkcs11/failure.h"
#include "pkcs11/tpm/command.h"
#include "pkcs11/tpm/loaded.h"

#include <string.h>

struct decryption {
    TPM2_HANDLE key;
    TPM2B_PUBLIC_KEY_RSA block;
    struct tpm_rsa *rsa;
};

static TSS2_RC prepare_decrypt(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const struct decryption *decryption = arguments;

    return Tss2_Sys_RSA_Decrypt_Prepare(sys, decryption->key, &decryption->block, &decryption->rsa->scheme,
                                        &decryption->rsa->label);
}

static TSS2_RC complete_decrypt(TSS2_SYS_CONTEXT *sys, void *result)
{
    TPM2B_PUBLIC_KEY_RSA *number = result;

    number->size = 0;
    return Tss2_Sys_RSA_Decrypt_Complete(sys, number);
}

/* A session that does not come about says nothing of the block, so it is made first. */
static TSS2_RC decrypt_with(struct tpm *tpm, TPM2_HANDLE key, void *data)
{
    static const struct tpm_command commands[] = {
        {"RSA_Decrypt",    prepare_decrypt,  complete_decrypt, 1             },
        { "RSA_Decrypt", prepare_decrypt, complete_decrypt,                1, TPM_SECRET_OUT},
    };
    struct decryption *decryption = data;
    const struct tpm_command *command = &commands[decryption->rsa->secret ? 1 : 0];
    TSS2_RC rc = tpm_bus_open(tpm, command);

    decryption->key = key;
    if (rc != TSS2_RC_SUCCESS)
        return rc;
    decryption->rsa->rc = tpm_execute(tpm, command, decryption, &decryption->rsa->result);
    return decryption->rsa->rc;
}

CK_RV tpm_rsa_decrypt(const struct tpm_token *token, const struct tpm_key *key, const uint8_t *block,
                      size_t size, struct tpm_rsa *rsa)
{
    struct decryption decryption = {.rsa = rsa, .block.size = (UINT16)size};

    rsa->rc = TSS2_RC_SUCCESS;
    if ((key->public_area.publicArea.objectAttributes & TPMA_OBJECT_DECRYPT) == 0)
        return p11_fail(CKR_KEY_FUNCTION_NOT_PERMITTED,
                        "the key may only sign, and the TPM cannot %s with it; make the key with CKA_DECRYPT "
                        "true, then it does, and what the TPM cannot pad is padded here",
                        rsa->step);
    if (size > sizeof decryption.block.buffer)
        return CKR_DATA_LEN_RANGE;
    memcpy(decryption.block.buffer, block, size);
    return tpm_with_key_auth(token, key, rsa->auth, rsa->step, decrypt_with, &decryption);
}

static CK_RV raw(const struct tpm_token *token, const struct tpm_key *key, struct tpm_rsa *rsa,
                 const uint8_t *block, uint8_t *out, size_t size)
{
    CK_RV rv;

    rsa->scheme.scheme = TPM2_ALG_NULL;
    rv = tpm_rsa_decrypt(token, key, block, size, rsa);
    if (rv == CKR_OK && rsa->result.size > size)
        rv = p11_fail(CKR_DEVICE_ERROR, "TPM %s answers with a number of a wrong length",
                      tpm_name(token->tpm));
    if (rv == CKR_OK) {
        memset(out, 0, size - rsa->result.size);
        memcpy(out + (size - rsa->result.size), rsa->result.buffer, rsa->result.size);
    }
    bytes_wipe(rsa, sizeof *rsa);
    return rv;
}

CK_RV tpm_rsa_sign(const struct tpm_token *token, const struct tpm_key *key, const struct bytes *auth,
                   const uint8_t *block, uint8_t *out, size_t size)
{
    struct tpm_rsa rsa = {.step = "sign", .auth = auth};

    return raw(token, key, &rsa, block, out, size);
}

CK_RV tpm_rsa_open(const struct tpm_token *token, const struct tpm_key *key, const struct bytes *auth,
                   const uint8_t *block, uint8_t *out, size_t size)
{
    struct tpm_rsa rsa = {.step = "decrypt", .auth = auth, .secret = true};

    return raw(token, key, &rsa, block, out, size);
}
