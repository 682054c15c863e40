/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/cipher.h"

#include "pkcs11/failure.h"
#include "pkcs11/tpm/command.h"
#include "pkcs11/tpm/loaded.h"

#include <string.h>

#define PIECE TPM2_MAX_DIGEST_BUFFER
/* One hold of the TPM's lock and one session, so that a large request does not keep other threads waiting. */
#define BURST ((size_t)64 * PIECE)

/* A burst: nothing of the cipher or of the caller's memory changes before it has succeeded, so that it can be
 * tried once more. */
struct run {
    struct tpm_cipher *cipher;
    const uint8_t *input;
    uint8_t *out;
    size_t size;
    TPM2_HANDLE key;
    TPM2B_IV iv;
    TPM2B_MAX_BUFFER in;
    TPM2B_MAX_BUFFER result;
};

static TSS2_RC prepare_crypt(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const struct run *run = arguments;

    return Tss2_Sys_EncryptDecrypt2_Prepare(
        sys, run->key, &run->in, run->cipher->encrypt ? TPM2_NO : TPM2_YES, run->cipher->mode, &run->iv);
}

static TSS2_RC complete_crypt(TSS2_SYS_CONTEXT *sys, void *result)
{
    struct run *run = result;

    run->result.size = 0;
    run->iv.size = 0;
    return Tss2_Sys_EncryptDecrypt2_Complete(sys, &run->result, &run->iv);
}

/* The plain text is what goes in of an encryption, and what comes out of a decryption. */
static TSS2_RC crypt_with(struct tpm *tpm, TPM2_HANDLE key, void *data)
{
    static const struct tpm_command encrypt = {"EncryptDecrypt2", prepare_crypt, complete_crypt, 1,
                                               TPM_SECRET_IN};
    static const struct tpm_command decrypt = {"EncryptDecrypt2", prepare_crypt, complete_crypt, 1,
                                               TPM_SECRET_OUT};
    struct run *run = data;
    TSS2_RC rc = TSS2_RC_SUCCESS;

    run->key = key;
    run->iv = run->cipher->iv;
    for (size_t done = 0; rc == TSS2_RC_SUCCESS && done < run->size; done += run->in.size) {
        size_t left = run->size - done;

        run->in.size = (UINT16)(left < PIECE ? left : PIECE);
        memcpy(run->in.buffer, run->input + done, run->in.size);
        tpm->guard->more = left > PIECE;
        rc = tpm_execute(tpm, run->cipher->encrypt ? &encrypt : &decrypt, run, run);
        if (rc == TSS2_RC_SUCCESS && run->result.size != run->in.size)
            rc = TSS2_SYS_RC_MALFORMED_RESPONSE;
        if (rc == TSS2_RC_SUCCESS)
            memcpy(run->out + done, run->result.buffer, run->result.size);
    }
    return rc;
}

/* Whole blocks, up to a burst. */
static CK_RV crypt_blocks(struct tpm_cipher *cipher, const uint8_t *input, size_t size, uint8_t *out)
{
    struct run run = {.cipher = cipher, .input = input, .size = size};
    struct bytes made = BYTES_EMPTY;
    CK_RV rv;

    if (!bytes_alloc(&made, size))
        return CKR_HOST_MEMORY;
    run.out = made.data;
    rv = tpm_with_key_auth(cipher->token, cipher->key, cipher->auth, cipher->encrypt ? "encrypt" : "decrypt",
                           crypt_with, &run);
    if (rv == CKR_OK && run.iv.size != cipher->iv.size)
        rv = p11_fail(CKR_DEVICE_ERROR, "TPM %s answers with an initialisation vector of a wrong length",
                      tpm_name(cipher->token->tpm));
    if (rv == CKR_OK) {
        memcpy(out, made.data, size);
        cipher->iv = run.iv;
    }
    bytes_free(&made);
    bytes_wipe(&run, sizeof run);
    return rv;
}

/* CTR's last block, when it is not whole: with zeros behind, which come out as what is left of the key
 * stream. */
static CK_RV crypt_part(struct tpm_cipher *cipher, const uint8_t *input, size_t size, uint8_t *out)
{
    uint8_t block[TPM_AES_BLOCK] = {0};
    CK_RV rv;

    if (size == 0)
        return CKR_OK;
    memcpy(block, input, size);
    rv = crypt_blocks(cipher, block, sizeof block, block);
    if (rv == CKR_OK) {
        memcpy(out, block, size);
        memcpy(cipher->rest, block, sizeof block);
        cipher->rest_size = sizeof block - size;
    }
    bytes_wipe(block, sizeof block);
    return rv;
}

/* What the last block of the call before has left. */
static size_t use_rest(struct tpm_cipher *cipher, const uint8_t *input, size_t size, uint8_t *out)
{
    const uint8_t *stream = cipher->rest + (sizeof cipher->rest - cipher->rest_size);
    size_t used = size < cipher->rest_size ? size : cipher->rest_size;

    for (size_t i = 0; i < used; i++)
        out[i] = input[i] ^ stream[i];
    cipher->rest_size -= used;
    return used;
}

CK_RV tpm_cipher_run(struct tpm_cipher *cipher, const uint8_t *input, size_t size, uint8_t *out)
{
    size_t done = use_rest(cipher, input, size, out);
    CK_RV rv = CKR_OK;

    while (rv == CKR_OK && size - done >= TPM_AES_BLOCK) {
        size_t blocks = (size - done) / TPM_AES_BLOCK * TPM_AES_BLOCK;
        size_t part = blocks < BURST ? blocks : BURST;

        rv = crypt_blocks(cipher, input + done, part, out + done);
        done += part;
    }
    return rv == CKR_OK ? crypt_part(cipher, input + done, size - done, out + done) : rv;
}
