/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/duplicate.h"

#include "pkcs11/failure.h"
#include "pkcs11/soft/aes.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/kdf.h"
#include "pkcs11/tpm/auth.h"
#include "pkcs11/tpm/command.h"
#include "pkcs11/tpm/create.h"
#include "pkcs11/tpm/loaded.h"
#include "pkcs11/tpm/public.h"
#include "pkcs11/tpm/rc.h"
#include "pkcs11/tpm/share.h"

#include <tss2/tss2_mu.h>

#include <string.h>

#define TAKE_IN "take the key in"

/* --- the outer wrapper (part 1, 23.3.2.3)
 * ---------------------------------------------------------------------- */

/* The symmetric algorithm of a storage key. */
static const TPMT_SYM_DEF_OBJECT *symmetric(const TPM2B_PUBLIC *parent)
{
    return parent->publicArea.type == TPM2_ALG_RSA ? &parent->publicArea.parameters.rsaDetail.symmetric
                                                   : &parent->publicArea.parameters.eccDetail.symmetric;
}

/* Encrypts a sensitive area in place, with a key that belongs to this object's Name. */
static CK_RV encrypt(const TPM2B_PUBLIC *parent, const struct tpm_shared *seed, const TPM2B_NAME *name,
                     uint8_t *data, size_t size)
{
    static const uint8_t no_iv[SOFT_AES_BLOCK];
    const TPMT_SYM_DEF_OBJECT *cipher = symmetric(parent);
    const struct soft_kdf_input input = {
        "STORAGE", {name->name, name->size},
         {"",         0         }
    };
    size_t key_size = cipher->keyBits.aes / 8;
    uint8_t key[32];
    CK_RV rv;

    if (cipher->algorithm != TPM2_ALG_AES || cipher->mode.aes != TPM2_ALG_CFB ||
        (key_size != 16 && key_size != sizeof key))
        return p11_fail(
            CKR_FUNCTION_NOT_SUPPORTED,
            "the storage key does not encrypt by AES-128 or AES-256 in CFB mode; keys cannot be taken "
            "in under it");
    rv = soft_kdfa(tpm_hash(parent->publicArea.nameAlg), seed->value, seed->size, &input, key, key_size);
    if (rv == CKR_OK)
        rv = key_size == 16 ? soft_aes128_cfb(true, key, no_iv, data, size)
                            : soft_aes256_cfb(true, key, no_iv, data, size);
    bytes_wipe(key, sizeof key);
    return rv;
}

/* HMAC over the encrypted area and the Name. */
static CK_RV make_integrity(const TPM2B_PUBLIC *parent, const struct tpm_shared *seed, const TPM2B_NAME *name,
                            const uint8_t *data, size_t size, TPM2B_DIGEST *integrity)
{
    static const struct soft_kdf_input input = {
        "INTEGRITY", {"", 0},
         {"", 0}
    };
    const struct soft_piece pieces[] = {
        {data,       size      },
        {name->name, name->size}
    };
    enum p11_hash hash = tpm_hash(parent->publicArea.nameAlg);
    uint8_t key[HASH_SIZE_MAXIMUM];
    CK_RV rv;

    integrity->size = (UINT16)soft_hash_size(hash);
    rv = soft_kdfa(hash, seed->value, seed->size, &input, key, integrity->size);
    if (rv == CKR_OK)
        rv = soft_hmac(hash, key, integrity->size, pieces, 2, integrity->buffer);
    bytes_wipe(key, sizeof key);
    return rv;
}

static CK_RV wrap(const TPM2B_PUBLIC *parent, const struct tpm_shared *seed, const TPM2B_SENSITIVE *sensitive,
                  struct tpm_duplicate *out)
{
    uint8_t wire[sizeof *sensitive];
    TPM2B_DIGEST integrity = {0};
    size_t wire_size = 0;
    size_t size = 0;
    TPM2B_NAME name;
    CK_RV rv = tpm_public_name(&out->public_area, &name);

    if (rv == CKR_OK &&
        Tss2_MU_TPM2B_SENSITIVE_Marshal(sensitive, wire, sizeof wire, &wire_size) != TSS2_RC_SUCCESS)
        rv = CKR_GENERAL_ERROR;
    if (rv == CKR_OK)
        rv = encrypt(parent, seed, &name, wire, wire_size);
    if (rv == CKR_OK)
        rv = make_integrity(parent, seed, &name, wire, wire_size, &integrity);
    if (rv == CKR_OK && (Tss2_MU_TPM2B_DIGEST_Marshal(&integrity, out->wrapped.buffer,
                                                      sizeof out->wrapped.buffer, &size) != TSS2_RC_SUCCESS ||
                         wire_size > sizeof out->wrapped.buffer - size))
        rv = CKR_GENERAL_ERROR;
    if (rv == CKR_OK) {
        memcpy(out->wrapped.buffer + size, wire, wire_size);
        out->wrapped.size = (UINT16)(size + wire_size);
    }
    bytes_wipe(wire, sizeof wire);
    return rv;
}

CK_RV tpm_duplicate_wrap(const TPM2B_PUBLIC *parent, const TPM2B_SENSITIVE *sensitive,
                         struct tpm_duplicate *out)
{
    struct tpm_shared seed;
    CK_RV rv = CKR_GENERAL_ERROR;

    if (tpm_share(parent, "DUPLICATE", &seed) == TSS2_RC_SUCCESS) {
        out->seed = seed.wrapped;
        rv = wrap(parent, &seed, sensitive, out);
    }
    bytes_wipe(&seed, sizeof seed);
    return rv == CKR_GENERAL_ERROR ? p11_fail(rv, "the key cannot be wrapped for the TPM") : rv;
}

/* --- the command
 * --------------------------------------------------------------------------------------------- */

struct import {
    TPM2_HANDLE parent;
    const struct tpm_duplicate *duplicate;
};

static TSS2_RC prepare_import(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    static const TPMT_SYM_DEF_OBJECT no_inner_wrapper = {.algorithm = TPM2_ALG_NULL};
    static const TPM2B_DATA no_key;
    const struct import *import = arguments;

    return Tss2_Sys_Import_Prepare(sys, import->parent, &no_key, &import->duplicate->public_area,
                                   &import->duplicate->wrapped, &import->duplicate->seed, &no_inner_wrapper);
}

static TSS2_RC complete_import(TSS2_SYS_CONTEXT *sys, void *result)
{
    TPM2B_PRIVATE *private_area = result;

    private_area->size = 0;
    return Tss2_Sys_Import_Complete(sys, private_area);
}

TSS2_RC tpm_duplicate_import(struct tpm *tpm, TPM2_HANDLE parent, const struct tpm_duplicate *duplicate,
                             TPM2B_PRIVATE *private_area)
{
    static const struct tpm_command command = {"Import", prepare_import, complete_import, 1};
    const struct import import = {parent, duplicate};

    return tpm_execute(tpm, &command, &import, private_area);
}

/* --- a key of the token
 * ---------------------------------------------------------------------------------------------- */

struct arrival {
    struct tpm_duplicate duplicate;
    TPM2B_PRIVATE private_area;
};

static TSS2_RC import_under(struct tpm *tpm, TPM2_HANDLE parent, void *data)
{
    struct arrival *arrival = data;

    return tpm_duplicate_import(tpm, parent, &arrival->duplicate, &arrival->private_area);
}

CK_RV tpm_take_in(const struct tpm_token *token, const TPM2B_PUBLIC *area, TPM2B_SENSITIVE *sensitive,
                  bool private, struct tpm_secret secret, struct bytes *block)
{
    struct arrival arrival = {.duplicate.public_area = *area};
    struct tpm_created created = {.public_area = *area, .secret = secret};
    CK_RV rv = tpm_new_auth(token, private, &sensitive->sensitiveArea.authValue);

    if (rv == CKR_OK && token->bus.area.size == 0)
        rv = tpm_failed(token->tpm, TAKE_IN, TPM_RC_NO_PINNED_PARENT);
    if (rv == CKR_OK)
        rv = tpm_duplicate_wrap(&token->bus.area, sensitive, &arrival.duplicate);
    if (rv == CKR_OK)
        rv = tpm_with_parent(token, TAKE_IN, import_under, &arrival);
    if (rv != CKR_OK)
        return rv;
    created.private_area = arrival.private_area;
    return tpm_created_block(token, &created, TSS_KEY_LOADABLE, sensitive->sensitiveArea.authValue.size == 0,
                             block);
}
