/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/internal.h"

#include <openssl/evp.h>

/* struct soft_hash is libcrypto's context by another name, so that callers see no OpenSSL type. */
static EVP_MD_CTX *context_of(struct soft_hash *running)
{
    return (EVP_MD_CTX *)running;
}

size_t soft_hash_size(enum p11_hash hash)
{
    static const size_t sizes[HASH_COUNT] = {
        [HASH_SHA1] = 20,     [HASH_SHA224] = 28,   [HASH_SHA256] = 32,
        [HASH_SHA384] = 48,   [HASH_SHA512] = 64,   [HASH_SHA3_224] = 28,
        [HASH_SHA3_256] = 32, [HASH_SHA3_384] = 48, [HASH_SHA3_512] = 64,
    };

    return hash < HASH_COUNT ? sizes[hash] : 0;
}

CK_RV soft_hash_new(enum p11_hash hash, struct soft_hash **out)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    *out = NULL;
    if (context == NULL)
        return CKR_HOST_MEMORY;
    if (EVP_DigestInit_ex2(context, soft_md(hash), NULL) != 1) {
        EVP_MD_CTX_free(context);
        return CKR_GENERAL_ERROR;
    }
    *out = (struct soft_hash *)context;
    return CKR_OK;
}

CK_RV soft_hash_update(struct soft_hash *running, const void *data, size_t size)
{
    return EVP_DigestUpdate(context_of(running), data, size) == 1 ? CKR_OK : CKR_GENERAL_ERROR;
}

CK_RV soft_hash_final(struct soft_hash *running, uint8_t *digest)
{
    return EVP_DigestFinal_ex(context_of(running), digest, NULL) == 1 ? CKR_OK : CKR_GENERAL_ERROR;
}

void soft_hash_free(struct soft_hash *running)
{
    EVP_MD_CTX_free(context_of(running));
}

CK_RV soft_hash_once(enum p11_hash hash, const void *data, size_t size, uint8_t *digest)
{
    return EVP_Digest(data, size, digest, NULL, soft_md(hash), NULL) == 1 ? CKR_OK : CKR_GENERAL_ERROR;
}
