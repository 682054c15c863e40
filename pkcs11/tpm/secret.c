/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/secret.h"

#include "pkcs11/failure.h"
#include "pkcs11/secrettype.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/hmac.h"
#include "pkcs11/tpm/auth.h"
#include "pkcs11/tpm/create.h"
#include "pkcs11/tpm/duplicate.h"
#include "pkcs11/tpm/keyarea.h"
#include "pkcs11/tpm/public.h"
#include "pkcs11/tpm/sealed.h"

#include <string.h>
#include <sys/random.h>

#define NAME_HASH HASH_SHA256

bool tpm_is_secret(CK_KEY_TYPE type)
{
    return type == CKK_AES || tpm_hmac_hash(type) != HASH_NONE;
}

static CK_RV check(const struct tpm_token *token, CK_KEY_TYPE type, size_t size)
{
    enum p11_hash hash = tpm_hmac_hash(type);

    if (type == CKK_AES && !tpm_has_aes(&token->capability, 8 * size))
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID,
                        "TPM %s does not encrypt with AES keys of %zu bits; with 'software-secrets = sealed' "
                        "in token.conf it keeps them, and software uses them",
                        tpm_name(token->tpm), 8 * size);
    if (type != CKK_AES && (hash == HASH_NONE || (token->capability.hashes & 1U << hash) == 0))
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "TPM %s does not have the hash of keys of type 0x%lx",
                        tpm_name(token->tpm), type);
    return CKR_OK;
}

/* --- made here
 * ----------------------------------------------------------------------------------------------- */

/* TPMs choose the size of the HMAC keys that they make: the digest's (part 1, 27.5). A key that is longer
 * than the hash's block is hashed before use, so one that is made so is as good. */
static bool tpm_makes(const struct key_request *request)
{
    enum p11_hash hash = tpm_hmac_hash(request->type);

    return hash == HASH_NONE || request->size == soft_hash_size(hash) || request->size > tpm_hash_block(hash);
}

/* Of another size it is random numbers of the kernel, and crosses the bus encrypted. */
static CK_RV bring(const struct key_request *request, TPMT_PUBLIC *area, TPMS_SENSITIVE_CREATE *sensitive)
{
    if (request->size > sizeof sensitive->data.buffer)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    area->objectAttributes &= ~(TPMA_OBJECT)TPMA_OBJECT_SENSITIVEDATAORIGIN;
    sensitive->data.size = (UINT16)request->size;
    return getrandom(sensitive->data.buffer, request->size, 0) == (ssize_t)request->size
               ? CKR_OK
               : p11_fail(CKR_GENERAL_ERROR, "the kernel gives no random numbers");
}

static CK_RV generate_sealed(const struct tpm_token *token, const struct key_request *request,
                             struct bytes *block)
{
    struct bytes value = BYTES_EMPTY;
    CK_RV rv = bytes_alloc(&value, request->size) ? CKR_OK : CKR_HOST_MEMORY;

    if (rv == CKR_OK && getrandom(value.data, value.size, 0) != (ssize_t)value.size)
        rv = p11_fail(CKR_GENERAL_ERROR, "the kernel gives no random numbers");
    if (rv == CKR_OK)
        rv = tpm_sealed_make(token, request->type, &value, request->private, block);
    bytes_free(&value);
    return rv;
}

CK_RV tpm_generate(void *instance, const struct key_request *request, struct bytes *block)
{
    const struct tpm_token *token = instance;
    TPM2B_SENSITIVE_CREATE sensitive = {0};
    TPMS_SENSITIVE_CREATE *given = &sensitive.sensitive;
    TPM2B_PUBLIC template = {0};
    struct tpm_created created;
    CK_RV rv;

    if (tpm_sealed_wanted(token, request->type, request->size))
        return generate_sealed(token, request, block);
    rv = check(token, request->type, request->size);
    if (rv == CKR_OK)
        rv = tpm_key_area(request, &template.publicArea);
    if (rv == CKR_OK && !tpm_makes(request))
        rv = bring(request, &template.publicArea, given);
    if (rv == CKR_OK)
        rv = tpm_new_auth(token, request->private, &given->userAuth);
    if (rv == CKR_OK)
        rv = tpm_create(token, "generate a key",
                        given->userAuth.size != 0 || given->data.size != 0 ? &sensitive : NULL, &template,
                        &created);
    if (rv == CKR_OK) {
        created.secret = (struct tpm_secret){request->type, request->size};
        rv = tpm_created_block(token, &created, TSS_KEY_LOADABLE, given->userAuth.size == 0, block);
    }
    bytes_wipe(&sensitive, sizeof sensitive);
    return rv;
}

/* --- taken in
 * -------------------------------------------------------------------------------------------- */

static size_t taken_whole(CK_KEY_TYPE type)
{
    return type == CKK_GENERIC_SECRET ? TPM_HMAC_ANY_MAXIMUM : tpm_hash_block(tpm_hmac_hash(type));
}

/* A key that is longer than its hash's block is hashed first, as HMAC would do it (RFC 2104). */
static CK_RV fill(CK_KEY_TYPE type, const CK_ATTRIBUTE *value, TPMT_SENSITIVE *sensitive)
{
    TPM2B_SENSITIVE_DATA *bits = &sensitive->sensitive.bits;
    enum p11_hash hash = tpm_hmac_hash(type);

    if (hash != HASH_NONE && value->ulValueLen > taken_whole(type)) {
        bits->size = (UINT16)soft_hash_size(hash);
        return soft_hash_once(hash, value->pValue, value->ulValueLen, bits->buffer);
    }
    if (value->ulValueLen > sizeof bits->buffer)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    bits->size = (UINT16)value->ulValueLen;
    memcpy(bits->buffer, value->pValue, value->ulValueLen);
    return CKR_OK;
}

/* Part 1, 27.5.3: the public area has a digest of the key, with random numbers so that nobody guesses it. */
static CK_RV bind(TPMT_SENSITIVE *sensitive, TPMT_PUBLIC *area)
{
    TPM2B_DIGEST *seed = &sensitive->seedValue;
    TPM2B_SENSITIVE_DATA *bits = &sensitive->sensitive.bits;
    const struct soft_piece pieces[] = {
        {seed->buffer, soft_hash_size(NAME_HASH)},
        {bits->buffer, bits->size               }
    };

    seed->size = (UINT16)soft_hash_size(NAME_HASH);
    if (getrandom(seed->buffer, seed->size, 0) != (ssize_t)seed->size)
        return p11_fail(CKR_GENERAL_ERROR, "the kernel gives no random numbers");
    area->unique.keyedHash.size = seed->size;
    return soft_hash_pieces(NAME_HASH, pieces, 2, area->unique.keyedHash.buffer);
}

CK_RV tpm_import_secret(const struct tpm_token *token, const struct attributes *attributes,
                        struct bytes *block)
{
    CK_KEY_TYPE type = attributes_get_ulong(attributes, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION);
    const CK_ATTRIBUTE *value = attributes_find(attributes, CKA_VALUE);
    const struct key_request request =
        secret_type_request(type, value != NULL ? value->ulValueLen : 0, attributes);
    TPM2B_PUBLIC area = {0};
    TPM2B_SENSITIVE sensitive = {0};
    CK_RV rv;

    if (value != NULL && tpm_sealed_wanted(token, type, request.size))
        return tpm_sealed_make(token, type, &(struct bytes){value->pValue, value->ulValueLen},
                               request.private, block);
    rv = check(token, type, request.size);
    if (rv == CKR_OK && request.size == 0)
        rv = p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "an empty key is none");
    if (rv == CKR_OK)
        rv = tpm_key_area(&request, &area.publicArea);
    area.publicArea.objectAttributes &= ~(TPMA_OBJECT)TPM_MADE_INSIDE;
    sensitive.sensitiveArea.sensitiveType = area.publicArea.type;
    if (rv == CKR_OK)
        rv = fill(type, value, &sensitive.sensitiveArea);
    if (rv == CKR_OK)
        rv = bind(&sensitive.sensitiveArea, &area.publicArea);
    if (rv == CKR_OK)
        rv = tpm_take_in(token, &area, &sensitive, request.private, (struct tpm_secret){type, request.size},
                         block);
    bytes_wipe(&sensitive, sizeof sensitive);
    return rv;
}
