/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/bound.h"

#include "pkcs11/tpm/command.h"
#include "pkcs11/tpm/public.h"

#include <string.h>

/* --- what the public area says
 * -------------------------------------------------------------------------------- */

static const struct {
    TPM2_ALG_ID algorithm;
    enum p11_scheme scheme;
} schemes[] = {
    {TPM2_ALG_RSASSA, SCHEME_PKCS1},
    {TPM2_ALG_RSAPSS, SCHEME_PSS  },
    {TPM2_ALG_ECDSA,  SCHEME_ECDSA},
};

bool tpm_binding(const void *material, struct key_binding *binding)
{
    const struct tpm_key *key = material;
    const TPMT_PUBLIC *area = &key->public_area.publicArea;
    TPM2_ALG_ID algorithm = area->type == TPM2_ALG_RSA   ? area->parameters.rsaDetail.scheme.scheme
                            : area->type == TPM2_ALG_ECC ? area->parameters.eccDetail.scheme.scheme
                                                         : TPM2_ALG_NULL;
    TPMI_ALG_HASH hash = area->type == TPM2_ALG_RSA
                             ? area->parameters.rsaDetail.scheme.details.anySig.hashAlg
                             : area->parameters.eccDetail.scheme.details.anySig.hashAlg;
    size_t i = 0;

    while (i < sizeof schemes / sizeof schemes[0] && schemes[i].algorithm != algorithm)
        i++;
    if ((area->objectAttributes & TPMA_OBJECT_SIGN_ENCRYPT) == 0 || i == sizeof schemes / sizeof schemes[0] ||
        tpm_hash(hash) == HASH_NONE)
        return false;
    binding->scheme = schemes[i].scheme;
    binding->hash = tpm_hash(hash);
    binding->hashes = (area->objectAttributes & TPMA_OBJECT_RESTRICTED) != 0;
    return true;
}

/* --- hashing in the TPM
 * --------------------------------------------------------------------------------------- */

struct piece {
    TPMI_ALG_HASH hash;
    TPM2_HANDLE sequence;
    TPM2B_MAX_BUFFER buffer;
};

struct hashed {
    TPM2B_DIGEST *digest;
    TPMT_TK_HASHCHECK *ticket;
};

static TSS2_RC prepare_hash(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const struct piece *piece = arguments;

    return Tss2_Sys_Hash_Prepare(sys, &piece->buffer, piece->hash, TPM2_RH_OWNER);
}

static TSS2_RC complete_hash(TSS2_SYS_CONTEXT *sys, void *result)
{
    struct hashed *hashed = result;

    return Tss2_Sys_Hash_Complete(sys, hashed->digest, hashed->ticket);
}

static TSS2_RC prepare_start(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    static const TPM2B_AUTH empty;
    const struct piece *piece = arguments;

    return Tss2_Sys_HashSequenceStart_Prepare(sys, &empty, piece->hash);
}

static TSS2_RC complete_start(TSS2_SYS_CONTEXT *sys, void *result)
{
    return Tss2_Sys_HashSequenceStart_Complete(sys, result);
}

static TSS2_RC prepare_update(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const struct piece *piece = arguments;

    return Tss2_Sys_SequenceUpdate_Prepare(sys, piece->sequence, &piece->buffer);
}

static TSS2_RC prepare_end(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const struct piece *piece = arguments;

    return Tss2_Sys_SequenceComplete_Prepare(sys, piece->sequence, &piece->buffer, TPM2_RH_OWNER);
}

static TSS2_RC complete_end(TSS2_SYS_CONTEXT *sys, void *result)
{
    struct hashed *hashed = result;

    return Tss2_Sys_SequenceComplete_Complete(sys, hashed->digest, hashed->ticket);
}

static size_t take(struct piece *piece, const uint8_t *message, size_t size)
{
    piece->buffer.size = (UINT16)(size < TPM2_MAX_DIGEST_BUFFER ? size : TPM2_MAX_DIGEST_BUFFER);
    if (piece->buffer.size != 0)
        memcpy(piece->buffer.buffer, message, piece->buffer.size);
    return piece->buffer.size;
}

/* What is signed is no secret, and the sequence has no authorization. */
static TSS2_RC run(struct tpm *tpm, const struct tpm_command *command, const struct piece *piece,
                   void *result)
{
    static const struct tpm_bus open_bus = {.protection = TPM_PROTECT_NEVER};
    struct tpm_guard guard = {.bus = &open_bus};

    return tpm_bus_execute(tpm, &guard, command, piece, result);
}

static TSS2_RC hash_in_pieces(struct tpm *tpm, struct piece *piece, const uint8_t *message, size_t size,
                              struct hashed *hashed)
{
    static const struct tpm_command start = {"HashSequenceStart", prepare_start, complete_start, 0};
    static const struct tpm_command update = {"SequenceUpdate", prepare_update, NULL, 1};
    static const struct tpm_command end = {"SequenceComplete", prepare_end, complete_end, 1};
    TSS2_RC rc = run(tpm, &start, piece, &piece->sequence);
    size_t taken;

    if (rc != TSS2_RC_SUCCESS)
        return rc;
    while (rc == TSS2_RC_SUCCESS && size > TPM2_MAX_DIGEST_BUFFER) {
        taken = take(piece, message, size);
        rc = run(tpm, &update, piece, NULL);
        message += taken;
        size -= taken;
    }
    if (rc == TSS2_RC_SUCCESS) {
        take(piece, message, size);
        rc = run(tpm, &end, piece, hashed);
    }
    if (rc != TSS2_RC_SUCCESS)
        tpm_flush(tpm, piece->sequence);
    return rc;
}

TSS2_RC tpm_hash_message(struct tpm *tpm, TPMI_ALG_HASH hash, const uint8_t *message, size_t size,
                         TPM2B_DIGEST *digest, TPMT_TK_HASHCHECK *ticket)
{
    static const struct tpm_command at_once = {"Hash", prepare_hash, complete_hash, 0};
    struct hashed hashed = {digest, ticket};
    struct piece piece = {.hash = hash};

    digest->size = 0;
    memset(ticket, 0, sizeof *ticket);
    if (size > TPM2_MAX_DIGEST_BUFFER)
        return hash_in_pieces(tpm, &piece, message, size, &hashed);
    take(&piece, message, size);
    return run(tpm, &at_once, &piece, &hashed);
}
