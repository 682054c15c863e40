/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/sealedbox.h"
#include "pkcs11/soft/internal.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <limits.h>

#define NONCE 12
#define TAG 16

struct box {
    EVP_CIPHER *cipher;
    EVP_CIPHER_CTX *context;
};

static void end(struct box *box)
{
    EVP_CIPHER_CTX_free(box->context);
    EVP_CIPHER_free(box->cipher);
}

static bool begin(struct box *box, bool encrypt, const uint8_t *key, const uint8_t *nonce,
                  const struct bytes *about)
{
    int length;

    box->cipher = EVP_CIPHER_fetch(soft_libctx(), "AES-256-GCM", NULL);
    box->context = EVP_CIPHER_CTX_new();
    return box->cipher != NULL && box->context != NULL && about->size <= INT_MAX &&
           EVP_CipherInit_ex2(box->context, box->cipher, key, nonce, encrypt, NULL) == 1 &&
           EVP_CipherUpdate(box->context, NULL, &length, about->data, (int)about->size) == 1;
}

CK_RV soft_box_close(const uint8_t key[SOFT_BOX_KEY], const struct bytes *about, const struct bytes *data,
                     struct bytes *out)
{
    struct box box = {0};
    int length = 0;
    int rest = 0;
    bool good;

    if (data->size > INT_MAX / 2 || !bytes_alloc(out, data->size + SOFT_BOX_OVERHEAD))
        return CKR_HOST_MEMORY;
    good = RAND_bytes_ex(soft_libctx(), out->data, NONCE, 0) == 1 &&
           begin(&box, true, key, out->data, about) &&
           EVP_CipherUpdate(box.context, out->data + NONCE, &length, data->data, (int)data->size) == 1 &&
           EVP_CipherFinal_ex(box.context, out->data + NONCE + length, &rest) == 1 &&
           EVP_CIPHER_CTX_ctrl(box.context, EVP_CTRL_AEAD_GET_TAG, TAG, out->data + NONCE + data->size) == 1;
    end(&box);
    if (!good)
        bytes_free(out);
    return good ? CKR_OK : CKR_GENERAL_ERROR;
}

CK_RV soft_box_open(const uint8_t key[SOFT_BOX_KEY], const struct bytes *about, const struct bytes *in,
                    struct bytes *data)
{
    struct box box = {0};
    size_t size = in->size - SOFT_BOX_OVERHEAD;
    int length = 0;
    int rest = 0;
    bool good;

    *data = BYTES_EMPTY;
    if (in->size < SOFT_BOX_OVERHEAD || in->size > INT_MAX / 2)
        return CKR_ENCRYPTED_DATA_INVALID;
    if (!bytes_alloc(data, size))
        return CKR_HOST_MEMORY;
    good = begin(&box, false, key, in->data, about) &&
           EVP_CipherUpdate(box.context, data->data, &length, in->data + NONCE, (int)size) == 1 &&
           EVP_CIPHER_CTX_ctrl(box.context, EVP_CTRL_AEAD_SET_TAG, TAG, in->data + NONCE + size) == 1 &&
           EVP_CipherFinal_ex(box.context, data->data + length, &rest) == 1;
    end(&box);
    if (!good)
        bytes_free(data);
    return good ? CKR_OK : CKR_ENCRYPTED_DATA_INVALID;
}
