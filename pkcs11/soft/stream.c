/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/stream.h"
#include "pkcs11/soft/aes.h"
#include "pkcs11/soft/internal.h"
#include "pkcs11/soft/pkcs8.h"

#include "pkcs11/failure.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libcrypto's ciphers count in int; whole blocks. */
#define PIECE_MAXIMUM ((size_t)1 << 30)

/* struct soft_stream is a context that is taken from its key, by another name. */
static struct soft_context *context_of(struct soft_stream *stream)
{
    return (struct soft_context *)stream;
}

static CK_RV failed(const char *what)
{
    return p11_fail(CKR_FUNCTION_FAILED, "libcrypto does not %s with this key", what);
}

/* --- contexts: made once for a kind of work, with the key in them; a start costs no key schedule
 * ------------------ */

static bool set_up_hmac(struct soft_context *context, const struct bytes *secret)
{
    context->mac = EVP_MAC_CTX_dup(soft_mac(context->hash));
    return context->mac != NULL && EVP_MAC_init(context->mac, secret->data, secret->size, NULL) == 1;
}

static bool set_up_cmac(struct soft_context *context, const struct bytes *secret)
{
    char name[16];
    OSSL_PARAM params[] = {OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(soft_libctx(), "CMAC", NULL);

    snprintf(name, sizeof name, "AES-%zu-CBC", secret->size * 8);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, name, 0);
    context->mac = EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac);
    return context->mac != NULL && EVP_MAC_init(context->mac, secret->data, secret->size, params) == 1;
}

static bool set_up_cipher(struct soft_context *context, const struct bytes *secret)
{
    static const enum soft_mode modes[] = {
        [SCHEME_ECB] = MODE_ECB,
        [SCHEME_CBC] = MODE_CBC,
        [SCHEME_CTR] = MODE_CTR,
        [SCHEME_GCM] = MODE_GCM,
    };
    const EVP_CIPHER *cipher = soft_aes_cipher(modes[context->scheme], secret->size);
    /* EVP_CIPHER_CTX_set_padding would be repeated by libcrypto for every message */
    unsigned padding = 0;
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_uint(OSSL_CIPHER_PARAM_PADDING, &padding),
                                 OSSL_PARAM_construct_end()};

    context->cipher = cipher != NULL ? EVP_CIPHER_CTX_new() : NULL;
    return context->cipher != NULL &&
           EVP_CipherInit_ex2(context->cipher, cipher, secret->data, NULL, context->encrypt, params) == 1;
}

/* One row a scheme. */
static const struct {
    bool aes;
    bool (*set_up)(struct soft_context *context, const struct bytes *secret);
} schemes[] = {
    [SCHEME_HMAC] = {false, set_up_hmac  },
      [SCHEME_CMAC] = {true,  set_up_cmac  },
    [SCHEME_ECB] = {true,  set_up_cipher},
      [SCHEME_CBC] = {true,  set_up_cipher},
    [SCHEME_CTR] = {true,  set_up_cipher},
      [SCHEME_GCM] = {true,  set_up_cipher},
};

static CK_RV check(const struct soft_private *key, enum p11_scheme scheme)
{
    CK_KEY_TYPE type = soft_private_parts(key)->type;

    if (scheme >= sizeof schemes / sizeof schemes[0] || schemes[scheme].set_up == NULL)
        return CKR_MECHANISM_INVALID;
    return secret_type(type) != NULL && schemes[scheme].aes == (type == CKK_AES) ? CKR_OK
                                                                                 : CKR_KEY_TYPE_INCONSISTENT;
}

static struct soft_context *context_for(struct soft_private *key, enum p11_scheme scheme,
                                        const struct p11_parameters *parameters, bool encrypt)
{
    struct soft_context *context = soft_context_take(key, scheme, parameters, encrypt);

    if (context != NULL)
        return context;
    context = calloc(1, sizeof *context);
    if (context == NULL)
        return NULL;
    *context = (struct soft_context){.scheme = scheme, .hash = parameters->hash, .encrypt = encrypt};
    if (schemes[scheme].set_up(context, &soft_private_parts(key)->secret))
        return context;
    soft_context_free(context);
    return NULL;
}

/* --- MACs
 * ---------------------------------------------------------------------------------------------------------
 */

static bool finish_mac(EVP_MAC_CTX *mac, uint8_t *out, size_t size)
{
    uint8_t whole[HASH_SIZE_MAXIMUM];
    size_t made;
    bool good = EVP_MAC_final(mac, whole, &made, sizeof whole) == 1 && made >= size;

    if (good)
        memcpy(out, whole, size);
    bytes_wipe(whole, sizeof whole);
    return good;
}

CK_RV soft_mac_once(struct soft_private *key, enum p11_scheme scheme, const struct p11_parameters *parameters,
                    const uint8_t *data, size_t data_size, uint8_t *out, size_t size)
{
    CK_RV rv = check(key, scheme);
    struct soft_context *context = rv == CKR_OK ? context_for(key, scheme, parameters, true) : NULL;

    if (rv != CKR_OK)
        return rv;
    if (context == NULL || context->mac == NULL || EVP_MAC_init(context->mac, NULL, 0, NULL) != 1 ||
        EVP_MAC_update(context->mac, data, data_size) != 1 || !finish_mac(context->mac, out, size)) {
        soft_context_free(context);
        return failed("make a MAC");
    }
    soft_context_return(key, context);
    return CKR_OK;
}

/* --- streams
 * ------------------------------------------------------------------------------------------------------ */

/* The nonce's length goes before the nonce; additional data comes before any other. */
static bool start_gcm(struct soft_context *context, const struct p11_parameters *parameters)
{
    EVP_CIPHER_CTX *cipher = context->cipher;
    int made;

    if (context->iv_size != parameters->iv.size &&
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_IVLEN, (int)parameters->iv.size, NULL) != 1)
        return false;
    context->iv_size = parameters->iv.size;
    return EVP_CipherInit_ex2(cipher, NULL, NULL, parameters->iv.data, context->encrypt, NULL) == 1 &&
           (parameters->aad.size == 0 ||
            EVP_CipherUpdate(cipher, NULL, &made, parameters->aad.data, (int)parameters->aad.size) == 1);
}

static bool start(struct soft_context *context, const struct p11_parameters *parameters)
{
    if (context->mac != NULL)
        return EVP_MAC_init(context->mac, NULL, 0, NULL) == 1;
    if (context->scheme == SCHEME_GCM)
        return start_gcm(context, parameters);
    return EVP_CipherInit_ex2(context->cipher, NULL, NULL, parameters->iv.data, context->encrypt, NULL) == 1;
}

CK_RV soft_stream_begin(struct soft_private *key, enum p11_scheme scheme,
                        const struct p11_parameters *parameters, bool encrypt, struct soft_stream **out)
{
    CK_RV rv = check(key, scheme);
    struct soft_context *context = rv == CKR_OK ? context_for(key, scheme, parameters, encrypt) : NULL;

    if (rv != CKR_OK)
        return rv;
    if (context == NULL || !start(context, parameters)) {
        soft_context_free(context);
        return failed("work");
    }
    context->key = key;
    *out = (struct soft_stream *)context;
    return CKR_OK;
}

CK_RV soft_stream_update(struct soft_stream *stream, const uint8_t *input, size_t size, uint8_t *out)
{
    struct soft_context *context = context_of(stream);

    if (context->mac != NULL)
        return EVP_MAC_update(context->mac, input, size) == 1 ? CKR_OK : failed("make a MAC");
    while (size != 0) {
        size_t piece = size < PIECE_MAXIMUM ? size : PIECE_MAXIMUM;
        int made;

        if (EVP_CipherUpdate(context->cipher, out, &made, input, (int)piece) != 1 || (size_t)made != piece)
            return failed("encrypt or decrypt");
        input += piece;
        out += piece;
        size -= piece;
    }
    return CKR_OK;
}

CK_RV soft_stream_final(struct soft_stream *stream, uint8_t *tag, size_t size)
{
    const struct soft_context *context = context_of(stream);
    EVP_CIPHER_CTX *cipher = context->cipher;
    uint8_t nothing[SOFT_AES_BLOCK];
    int made;

    if (context->mac != NULL)
        return finish_mac(context->mac, tag, size) ? CKR_OK : failed("make a MAC");
    if (!context->encrypt && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, (int)size, tag) != 1)
        return failed("check a tag");
    if (EVP_CipherFinal_ex(cipher, nothing, &made) != 1)
        return context->encrypt ? failed("make a tag")
                                : p11_fail(CKR_ENCRYPTED_DATA_INVALID,
                                           "the data was not encrypted with this key, nonce and additional "
                                           "data, or was changed since");
    return !context->encrypt || EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, (int)size, tag) == 1
               ? CKR_OK
               : failed("make a tag");
}

void soft_stream_end(struct soft_stream *stream)
{
    if (stream != NULL)
        soft_context_return(context_of(stream)->key, context_of(stream));
}
