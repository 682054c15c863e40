/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/hmac.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/internal.h"

#include <openssl/evp.h>

/* libcrypto takes a NULL key for "the one before"; an empty one needs an address. */
static bool authenticate(EVP_MAC_CTX *context, const void *key, size_t key_size,
                         const struct soft_piece *pieces, size_t count, uint8_t *mac, size_t size)
{
    size_t written;

    if (EVP_MAC_init(context, key_size != 0 ? key : (const void *)"", key_size, NULL) != 1)
        return false;
    for (size_t i = 0; i < count; i++)
        if (EVP_MAC_update(context, pieces[i].data, pieces[i].size) != 1)
            return false;
    return EVP_MAC_final(context, mac, &written, size) == 1 && written == size;
}

CK_RV soft_hmac(enum p11_hash hash, const void *key, size_t key_size, const struct soft_piece *pieces,
                size_t count, uint8_t *mac)
{
    const EVP_MAC_CTX *keyless = soft_mac(hash);
    EVP_MAC_CTX *context = keyless != NULL ? EVP_MAC_CTX_dup(keyless) : NULL;
    CK_RV rv = CKR_GENERAL_ERROR;

    if (context == NULL)
        return keyless != NULL ? CKR_HOST_MEMORY : CKR_GENERAL_ERROR;
    if (authenticate(context, key, key_size, pieces, count, mac, soft_hash_size(hash)))
        rv = CKR_OK;
    EVP_MAC_CTX_free(context);
    return rv;
}

CK_RV soft_hash_pieces(enum p11_hash hash, const struct soft_piece *pieces, size_t count, uint8_t *digest)
{
    struct soft_hash *running;
    CK_RV rv = soft_hash_new(hash, &running);

    if (rv != CKR_OK)
        return rv;
    for (size_t i = 0; rv == CKR_OK && i < count; i++)
        rv = soft_hash_update(running, pieces[i].data, pieces[i].size);
    if (rv == CKR_OK)
        rv = soft_hash_final(running, digest);
    soft_hash_free(running);
    return rv;
}
