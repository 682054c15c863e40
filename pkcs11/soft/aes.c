/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/aes.h"
#include "pkcs11/soft/internal.h"

#include <openssl/evp.h>

#include <limits.h>

static CK_RV crypt(const EVP_CIPHER *cipher, bool encrypt, const uint8_t *key, const uint8_t *iv,
                   uint8_t *data, size_t size)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    CK_RV rv = CKR_GENERAL_ERROR;
    int written;

    if (context == NULL)
        return CKR_HOST_MEMORY;
    if (size <= INT_MAX && EVP_CipherInit_ex2(context, cipher, key, iv, encrypt, NULL) == 1 &&
        EVP_CipherUpdate(context, data, &written, data, (int)size) == 1 && (size_t)written == size)
        rv = CKR_OK;
    EVP_CIPHER_CTX_free(context);
    return rv;
}

CK_RV soft_aes128_cfb(bool encrypt, const uint8_t key[16], const uint8_t iv[SOFT_AES_BLOCK], uint8_t *data,
                      size_t size)
{
    return crypt(soft_aes128_cfb_cipher(), encrypt, key, iv, data, size);
}

/* Few parents want it: fetched anew each time. */
CK_RV soft_aes256_cfb(bool encrypt, const uint8_t key[32], const uint8_t iv[SOFT_AES_BLOCK], uint8_t *data,
                      size_t size)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(soft_libctx(), "AES-256-CFB", NULL);
    CK_RV rv = cipher != NULL ? crypt(cipher, encrypt, key, iv, data, size) : CKR_GENERAL_ERROR;

    EVP_CIPHER_free(cipher);
    return rv;
}

CK_RV soft_aes_block(const uint8_t *key, size_t key_size, uint8_t block[SOFT_AES_BLOCK])
{
    const EVP_CIPHER *cipher = soft_aes_cipher(MODE_ECB, key_size);

    return cipher != NULL ? crypt(cipher, true, key, NULL, block, SOFT_AES_BLOCK) : CKR_GENERAL_ERROR;
}
