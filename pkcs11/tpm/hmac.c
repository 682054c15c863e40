/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/hmac.h"

#include "pkcs11/failure.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/tpm/command.h"
#include "pkcs11/tpm/loaded.h"
#include "pkcs11/tpm/public.h"

#include <string.h>

#define PIECE TPM2_MAX_DIGEST_BUFFER

struct run {
    const uint8_t *message;
    size_t size;
    TPMI_ALG_HASH hash;
    TPM2_HANDLE handle; /* of the key, then of the sequence */
    TPM2B_MAX_BUFFER piece;
    TPM2B_DIGEST mac;
};

/* The next bytes of the message. */
static void take_piece(struct run *run)
{
    run->piece.size = (UINT16)(run->size < PIECE ? run->size : PIECE);
    if (run->piece.size != 0)
        memcpy(run->piece.buffer, run->message, run->piece.size);
    run->message += run->piece.size;
    run->size -= run->piece.size;
}

static TSS2_RC prepare_hmac(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const struct run *run = arguments;

    return Tss2_Sys_HMAC_Prepare(sys, run->handle, &run->piece, run->hash);
}

static TSS2_RC complete_hmac(TSS2_SYS_CONTEXT *sys, void *result)
{
    struct run *run = result;

    run->mac.size = 0;
    return Tss2_Sys_HMAC_Complete(sys, &run->mac);
}

static TSS2_RC prepare_start(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    static const TPM2B_AUTH no_auth;
    const struct run *run = arguments;

    return Tss2_Sys_HMAC_Start_Prepare(sys, run->handle, &no_auth, run->hash);
}

static TSS2_RC complete_start(TSS2_SYS_CONTEXT *sys, void *result)
{
    struct run *run = result;

    return Tss2_Sys_HMAC_Start_Complete(sys, &run->handle);
}

static TSS2_RC prepare_update(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const struct run *run = arguments;

    return Tss2_Sys_SequenceUpdate_Prepare(sys, run->handle, &run->piece);
}

static TSS2_RC prepare_complete(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const struct run *run = arguments;

    return Tss2_Sys_SequenceComplete_Prepare(sys, run->handle, &run->piece, TPM2_RH_NULL);
}

static TSS2_RC complete_sequence(TSS2_SYS_CONTEXT *sys, void *result)
{
    struct run *run = result;
    TPMT_TK_HASHCHECK ticket;

    run->mac.size = 0;
    return Tss2_Sys_SequenceComplete_Complete(sys, &run->mac, &ticket);
}

/* A sequence has neither a Name nor an auth value (part 1, 32.4.5). */
static TSS2_RC run_sequence(struct tpm *tpm, struct run *run)
{
    static const struct tpm_command update = {"SequenceUpdate", prepare_update, NULL, 1};
    static const struct tpm_command complete = {"SequenceComplete", prepare_complete, complete_sequence, 1};
    TSS2_RC rc = TSS2_RC_SUCCESS;

    tpm->guard->names[0].size = 0;
    tpm->guard->auth = NULL;
    while (rc == TSS2_RC_SUCCESS && run->size > PIECE) {
        take_piece(run);
        rc = tpm_execute(tpm, &update, run, NULL);
    }
    take_piece(run);
    tpm->guard->more = false;
    if (rc == TSS2_RC_SUCCESS)
        rc = tpm_execute(tpm, &complete, run, run);
    if (rc != TSS2_RC_SUCCESS)
        tpm_flush(tpm, run->handle);
    return rc;
}

/* A second attempt begins from the start of the message. */
static TSS2_RC hmac_with(struct tpm *tpm, TPM2_HANDLE key, void *data)
{
    static const struct tpm_command whole = {"HMAC", prepare_hmac, complete_hmac, 1};
    static const struct tpm_command start = {"HMAC_Start", prepare_start, complete_start, 1};
    struct run run = *(const struct run *)data;
    TSS2_RC rc;

    run.handle = key;
    if (run.size <= PIECE) {
        take_piece(&run);
        rc = tpm_execute(tpm, &whole, &run, &run);
    } else {
        tpm->guard->more = tpm->guard->bus->protection == TPM_PROTECT_ALWAYS;
        rc = tpm_execute(tpm, &start, &run, &run);
        if (rc == TSS2_RC_SUCCESS)
            rc = run_sequence(tpm, &run);
    }
    ((struct run *)data)->mac = run.mac;
    bytes_wipe(&run, sizeof run);
    return rc;
}

static bool takes_hash(const struct tpm_token *token, const struct tpm_key *key, enum p11_hash hash)
{
    const TPMT_PUBLIC *area = &key->public_area.publicArea;

    return area->parameters.keyedHashDetail.scheme.scheme == TPM2_ALG_NULL
               ? (token->capability.hashes & 1U << hash) != 0 && tpm_hash_number(hash) != TPM2_ALG_NULL
               : tpm_hash(area->parameters.keyedHashDetail.scheme.details.hmac.hashAlg) == hash;
}

CK_RV tpm_hmac(const struct tpm_token *token, const struct tpm_key *key,
               const struct p11_parameters *parameters, const uint8_t *message, size_t message_size,
               uint8_t *mac, size_t size)
{
    struct run run = {.message = message, .size = message_size, .hash = tpm_hash_number(parameters->hash)};
    CK_RV rv;

    if (!takes_hash(token, key, parameters->hash))
        return p11_fail(CKR_KEY_FUNCTION_NOT_PERMITTED,
                        "this key in the TPM is not for that hash: generic ones of more than %d bytes are "
                        "for SHA-256, and "
                        "others for what the TPM has; import or generate it as a key of its hash, such as "
                        "CKK_SHA512_HMAC",
                        TPM_HMAC_ANY_MAXIMUM);
    if (size > soft_hash_size(parameters->hash))
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "the MAC has %zu bytes, not %zu",
                        soft_hash_size(parameters->hash), size);
    rv = tpm_with_key_auth(token, key, &parameters->auth, "make a MAC", hmac_with, &run);
    if (rv == CKR_OK && run.mac.size != soft_hash_size(parameters->hash))
        rv = p11_fail(CKR_DEVICE_ERROR, "TPM %s answers with a MAC of a wrong length", tpm_name(token->tpm));
    if (rv == CKR_OK)
        memcpy(mac, run.mac.buffer, size);
    bytes_wipe(&run, sizeof run);
    return rv;
}
