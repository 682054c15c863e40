/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/der.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/internal.h"
#include "pkcs11/soft/pkcs8.h"
#include "pkcs11/soft/private.h"
#include "pkcs11/soft/stream.h"

#include "pkcs11/failure.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <stdlib.h>
#include <string.h>

#define MODULUS_MAXIMUM 2048
#define ECDSA_DER_MAXIMUM 160
#define PKCS1_OVERHEAD 11

static CK_RV no_key(void)
{
    return p11_fail(CKR_DEVICE_ERROR, "the numbers in the key's file do not make a key");
}

/* --- contexts: one kind of signature each
 * -------------------------------------------------------------------- */

static bool set_up(const struct soft_context *context)
{
    static const int paddings[] = {
        [SCHEME_PKCS1] = RSA_PKCS1_PADDING,
        [SCHEME_PSS] = RSA_PKCS1_PSS_PADDING,
        [SCHEME_RAW] = RSA_NO_PADDING,
    };
    EVP_PKEY_CTX *evp = context->evp;

    if (EVP_PKEY_sign_init(evp) != 1)
        return false;
    if (context->scheme == SCHEME_ECDSA)
        return true;
    if (EVP_PKEY_CTX_set_rsa_padding(evp, paddings[context->scheme]) != 1)
        return false;
    if (context->hash != HASH_NONE && EVP_PKEY_CTX_set_signature_md(evp, soft_md(context->hash)) != 1)
        return false;
    return context->scheme != SCHEME_PSS ||
           (EVP_PKEY_CTX_set_rsa_mgf1_md(evp, soft_md(context->mgf_hash)) == 1 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(evp, (int)context->salt_length) == 1);
}

static struct soft_context *new_context(struct soft_private *key, enum p11_scheme scheme,
                                        const struct p11_parameters *parameters)
{
    struct soft_context *context = calloc(1, sizeof *context);
    EVP_PKEY *pkey = soft_private_pkey(key);

    if (context == NULL)
        return NULL;
    *context = (struct soft_context){.scheme = scheme,
                                     .encrypt = true,
                                     .hash = parameters->hash,
                                     .mgf_hash = parameters->mgf_hash,
                                     .salt_length = parameters->salt_length};
    if (pkey != NULL)
        context->evp = EVP_PKEY_CTX_new_from_pkey(soft_libctx(), pkey, NULL);
    if (context->evp != NULL && set_up(context))
        return context;
    soft_context_free(context);
    return NULL;
}

/* One signature with a context of its kind, at rest or new. *size is room, then the length. */
static CK_RV sign_with_context(struct soft_private *key, enum p11_scheme scheme,
                               const struct p11_parameters *parameters, const uint8_t *input,
                               size_t input_size, uint8_t *out, size_t *size)
{
    struct soft_context *context = soft_context_take(key, scheme, parameters, true);

    if (context == NULL)
        context = new_context(key, scheme, parameters);
    if (context == NULL)
        return no_key();
    if (EVP_PKEY_sign(context->evp, out, size, input, input_size) != 1) {
        soft_context_free(context);
        return p11_fail(CKR_FUNCTION_FAILED, "libcrypto does not sign with this key");
    }
    soft_context_return(key, context);
    return CKR_OK;
}

/* --- RSA
 * ----------------------------------------------------------------------------------------------------- */

static CK_RV sign_rsa(struct soft_private *key, enum p11_scheme scheme,
                      const struct p11_parameters *parameters, const uint8_t *input, size_t input_size,
                      uint8_t *out, size_t size)
{
    size_t made = size;
    CK_RV rv = sign_with_context(key, scheme, parameters, input, input_size, out, &made);

    if (rv == CKR_OK && made != size)
        rv = p11_fail(CKR_FUNCTION_FAILED, "libcrypto signs with a wrong length");
    return rv;
}

static CK_RV sign_pkcs1(struct soft_private *key, const struct p11_parameters *parameters,
                        const uint8_t *input, size_t input_size, uint8_t *out, size_t size)
{
    if (input_size + PKCS1_OVERHEAD > size)
        return p11_fail(CKR_DATA_LEN_RANGE, "%zu bytes do not fit a PKCS#1 signature of %zu bytes",
                        input_size, size);
    return sign_rsa(key, SCHEME_PKCS1, parameters, input, input_size, out, size);
}

/* The bits of a modulus without leading zeros. */
static size_t modulus_bits(const struct soft_private *key)
{
    const struct bytes *modulus = &soft_private_parts(key)->rsa[RSA_MODULUS];
    size_t bits = modulus->size * 8;

    for (uint8_t top = modulus->data[0]; (top & 0x80) == 0; top = (uint8_t)(top << 1))
        bits--;
    return bits;
}

static CK_RV sign_pss(struct soft_private *key, const struct p11_parameters *parameters, const uint8_t *input,
                      size_t input_size, uint8_t *out, size_t size)
{
    size_t hash_size = soft_hash_size(parameters->hash);
    size_t room = (modulus_bits(key) + 6) / 8; /* RFC 8017, 9.1.1: emLen */

    if (input_size != hash_size)
        return p11_fail(CKR_DATA_LEN_RANGE, "PSS signs a digest of %zu bytes here, not %zu bytes", hash_size,
                        input_size);
    if (room < hash_size + 2 || parameters->salt_length > room - hash_size - 2)
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "a PSS salt of %zu bytes does not fit a key of %zu bits",
                        parameters->salt_length, modulus_bits(key));
    return sign_rsa(key, SCHEME_PSS, parameters, input, input_size, out, size);
}

static CK_RV sign_raw(struct soft_private *key, const struct p11_parameters *parameters, const uint8_t *input,
                      size_t input_size, uint8_t *out, size_t size)
{
    static const struct p11_parameters none;
    const struct bytes *modulus = &soft_private_parts(key)->rsa[RSA_MODULUS];
    uint8_t block[MODULUS_MAXIMUM] = {0};
    CK_RV rv;

    (void)parameters;
    if (input_size > size || size > sizeof block || size != modulus->size)
        return p11_fail(CKR_DATA_LEN_RANGE, "the bare RSA operation takes up to %zu bytes", size);
    memcpy(block + (size - input_size), input, input_size);
    if (memcmp(block, modulus->data, size) >= 0)
        rv = p11_fail(CKR_DATA_INVALID, "the bare RSA operation takes a number below the modulus");
    else
        rv = sign_rsa(key, SCHEME_RAW, &none, block, size, out, size);
    bytes_wipe(block, sizeof block);
    return rv;
}

/* --- elliptic curves
 * ----------------------------------------------------------------------------------------- */

static bool put_number(const struct bytes *number, uint8_t *out, size_t size)
{
    if (number->size > size)
        return false;
    memset(out, 0, size - number->size);
    if (number->size != 0)
        memcpy(out + (size - number->size), number->data, number->size);
    return true;
}

/* ECDSA-Sig-Value of RFC 3279 as r || s. */
static bool put_signature(const uint8_t *der, size_t der_size, uint8_t *out, size_t size)
{
    struct reader from;
    struct reader pair;
    struct bytes r;
    struct bytes s;

    reader_init(&from, der, der_size);
    pair = der_enter(&from, DER_SEQUENCE);
    r = der_number(&pair);
    s = der_number(&pair);
    return reader_done(&pair) && reader_done(&from) && put_number(&r, out, size / 2) &&
           put_number(&s, out + size / 2, size / 2);
}

static CK_RV sign_ecdsa(struct soft_private *key, const struct p11_parameters *parameters,
                        const uint8_t *input, size_t input_size, uint8_t *out, size_t size)
{
    static const struct p11_parameters none;
    uint8_t der[ECDSA_DER_MAXIMUM];
    size_t der_size = sizeof der;
    CK_RV rv;

    (void)parameters;
    if (input_size == 0 || input_size > HASH_SIZE_MAXIMUM)
        return p11_fail(CKR_DATA_LEN_RANGE, "ECDSA signs a digest of 1 to %d bytes, not %zu bytes",
                        HASH_SIZE_MAXIMUM, input_size);
    rv = sign_with_context(key, SCHEME_ECDSA, &none, input, input_size, der, &der_size);
    /* Without memory libcrypto 3.0 says that it signed, and gives a size of its error code. */
    if (rv == CKR_OK && (der_size > sizeof der || !put_signature(der, der_size, out, size)))
        rv = p11_fail(CKR_FUNCTION_FAILED, "libcrypto signs with a wrong length");
    return rv;
}

/* Ed25519 hashes the message twice, so it comes whole; libcrypto's context is used once. */
static CK_RV sign_eddsa(struct soft_private *key, const struct p11_parameters *parameters,
                        const uint8_t *input, size_t input_size, uint8_t *out, size_t size)
{
    EVP_PKEY *pkey = soft_private_pkey(key);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t made = size;
    bool good;

    (void)parameters;
    good = pkey != NULL && context != NULL &&
           EVP_DigestSignInit_ex(context, NULL, NULL, soft_libctx(), NULL, pkey, NULL) == 1 &&
           EVP_DigestSign(context, out, &made, input, input_size) == 1 && made == size;
    EVP_MD_CTX_free(context);
    return good ? CKR_OK : no_key();
}

/* --- by scheme
 * ----------------------------------------------------------------------------------------------- */

typedef CK_RV scheme_sign(struct soft_private *key, const struct p11_parameters *parameters,
                          const uint8_t *input, size_t input_size, uint8_t *out, size_t size);

CK_RV soft_private_sign(struct soft_private *key, enum p11_scheme scheme,
                        const struct p11_parameters *parameters, const uint8_t *input, size_t input_size,
                        uint8_t *out, size_t size)
{
    static const struct {
        CK_KEY_TYPE type;
        scheme_sign *sign;
    } schemes[] = {
        [SCHEME_PKCS1] = {CKK_RSA,        sign_pkcs1},
        [SCHEME_PSS] = {CKK_RSA,        sign_pss  },
        [SCHEME_RAW] = {CKK_RSA,        sign_raw  },
        [SCHEME_ECDSA] = {CKK_EC,         sign_ecdsa},
        [SCHEME_EDDSA] = {CKK_EC_EDWARDS, sign_eddsa},
    };

    if (scheme == SCHEME_HMAC || scheme == SCHEME_CMAC)
        return soft_mac_once(key, scheme, parameters, input, input_size, out, size);
    if (scheme >= sizeof schemes / sizeof schemes[0] || schemes[scheme].sign == NULL)
        return CKR_MECHANISM_INVALID;
    if (schemes[scheme].type != soft_private_parts(key)->type)
        return CKR_KEY_TYPE_INCONSISTENT;
    return schemes[scheme].sign(key, parameters, input, input_size, out, size);
}
