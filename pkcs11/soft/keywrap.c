/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/keywrap.h"
#include "pkcs11/soft/internal.h"

#include "pkcs11/failure.h"

#include <openssl/evp.h>

#define BLOCK 8
#define INPUT_MAXIMUM 65536

/* One row a size of key; both forms by their names in libcrypto. */
static const struct {
    size_t key_size;
    const char *names[2];
} ciphers[] = {
    {16, {"AES-128-WRAP", "AES-128-WRAP-PAD"}},
    {24, {"AES-192-WRAP", "AES-192-WRAP-PAD"}},
    {32, {"AES-256-WRAP", "AES-256-WRAP-PAD"}},
};

static EVP_CIPHER *fetch(bool padded, size_t key_size)
{
    for (size_t i = 0; i < sizeof ciphers / sizeof ciphers[0]; i++)
        if (ciphers[i].key_size == key_size)
            return EVP_CIPHER_fetch(soft_libctx(), ciphers[i].names[padded], NULL);
    return NULL;
}

/* `written` is what came out; false: libcrypto refuses, for a value that does not come right. */
static bool run(EVP_CIPHER_CTX *context, const struct bytes *input, struct bytes *out)
{
    int written = 0;
    int rest = 0;

    if (EVP_CipherUpdate(context, out->data, &written, input->data, (int)input->size) != 1 ||
        EVP_CipherFinal_ex(context, out->data + written, &rest) != 1)
        return false;
    bytes_wipe(out->data + written + rest, out->size - (size_t)(written + rest));
    out->size = (size_t)(written + rest);
    return true;
}

/* *refused: everything was there, and the cipher said no. */
static CK_RV process(bool encrypt, bool padded, const struct bytes *key, const struct bytes *iv,
                     const struct bytes *input, struct bytes *out, bool *refused)
{
    EVP_CIPHER *cipher = fetch(padded, key->size);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    size_t room = input->size + 2 * BLOCK + EVP_MAX_BLOCK_LENGTH;
    CK_RV rv = CKR_HOST_MEMORY;

    *out = BYTES_EMPTY;
    *refused = false;
    if (cipher != NULL && context != NULL && bytes_alloc(out, room)) {
        EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
        rv = EVP_CipherInit_ex2(context, cipher, key->data, iv->size != 0 ? iv->data : NULL, encrypt, NULL) ==
                     1
                 ? CKR_OK
                 : CKR_GENERAL_ERROR;
        *refused = rv == CKR_OK && !run(context, input, out);
    }
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(cipher);
    if (rv != CKR_OK || *refused)
        bytes_free(out);
    return rv;
}

CK_RV soft_key_wrap(bool padded, const struct bytes *key, const struct bytes *iv, const struct bytes *input,
                    struct bytes *out)
{
    bool refused;
    CK_RV rv;

    *out = BYTES_EMPTY;
    if (input->size == 0 || input->size > INPUT_MAXIMUM ||
        (!padded && (input->size % BLOCK != 0 || input->size < 2 * BLOCK)))
        return p11_fail(CKR_KEY_SIZE_RANGE, "AES key wrap %s does not take a key of %zu bytes",
                        padded ? "with padding" : "without padding", input->size);
    rv = process(true, padded, key, iv, input, out, &refused);
    return refused ? CKR_GENERAL_ERROR : rv;
}

CK_RV soft_key_unwrap(bool padded, const struct bytes *key, const struct bytes *iv, const struct bytes *input,
                      struct bytes *out)
{
    bool refused;
    CK_RV rv;

    *out = BYTES_EMPTY;
    if (input->size % BLOCK != 0 || input->size < (padded ? 2U : 3U) * BLOCK || input->size > INPUT_MAXIMUM)
        return p11_fail(CKR_WRAPPED_KEY_LEN_RANGE, "%zu bytes are no key in AES key wrap", input->size);
    rv = process(false, padded, key, iv, input, out, &refused);
    return refused ? p11_fail(CKR_WRAPPED_KEY_INVALID,
                              "the key was wrapped with another key, or it was changed since")
                   : rv;
}
