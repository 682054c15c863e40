/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/aes.h"
#include "pkcs11/soft/internal.h"

#include <openssl/evp.h>

#include <limits.h>

CK_RV soft_aes128_cfb(bool encrypt, const uint8_t key[16], const uint8_t iv[SOFT_AES_BLOCK], uint8_t *data,
                      size_t size)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    CK_RV rv = CKR_GENERAL_ERROR;
    int written;

    if (context == NULL)
        return CKR_HOST_MEMORY;
    if (size <= INT_MAX &&
        EVP_CipherInit_ex2(context, soft_aes128_cfb_cipher(), key, iv, encrypt, NULL) == 1 &&
        EVP_CipherUpdate(context, data, &written, data, (int)size) == 1 && (size_t)written == size)
        rv = CKR_OK;
    EVP_CIPHER_CTX_free(context);
    return rv;
}
