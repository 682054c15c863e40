/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/internal.h"
#include "pkcs11/soft/pkcs8.h"
#include "pkcs11/soft/private.h"
#include "pkcs11/soft/rejection.h"

#include "pkcs11/failure.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <string.h>

static bool set_up(EVP_PKEY_CTX *context, enum p11_scheme scheme, const struct p11_parameters *parameters)
{
    if (EVP_PKEY_decrypt_init(context) != 1)
        return false;
    if (scheme == SCHEME_OAEP)
        return soft_set_oaep(context, parameters);
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING) == 1;
}

/* libcrypto takes OAEP off in constant time; the padding of PKCS#1 v1.5 is not its business here. */
static CK_RV decrypt_block(struct soft_private *key, enum p11_scheme scheme,
                           const struct p11_parameters *parameters, const uint8_t *input, size_t size,
                           struct bytes *out)
{
    EVP_PKEY *pkey = soft_private_pkey(key);
    EVP_PKEY_CTX *context = pkey != NULL ? EVP_PKEY_CTX_new_from_pkey(soft_libctx(), pkey, NULL) : NULL;
    size_t made = size;
    CK_RV rv = CKR_OK;

    if (context == NULL || !set_up(context, scheme, parameters))
        rv = p11_fail(CKR_DEVICE_ERROR, "the numbers in the key's file do not make a key");
    else if (!bytes_alloc(out, size))
        rv = CKR_HOST_MEMORY;
    else if (EVP_PKEY_decrypt(context, out->data, &made, input, size) != 1)
        rv = p11_fail(CKR_ENCRYPTED_DATA_INVALID, "the block was not encrypted for this key so");
    EVP_PKEY_CTX_free(context);
    if (rv == CKR_OK)
        out->size = made;
    else
        bytes_free(out);
    return rv;
}

static CK_RV decrypt_pkcs1(struct soft_private *key, const struct p11_parameters *parameters,
                           const uint8_t *input, size_t size, struct bytes *out)
{
    struct bytes block = BYTES_EMPTY;
    CK_RV rv = decrypt_block(key, SCHEME_RAW, parameters, input, size, &block);

    if (rv == CKR_OK)
        rv = soft_unpad_pkcs1(&block, input, &soft_private_parts(key)->rsa[RSA_PRIVATE_EXPONENT], out);
    bytes_free(&block);
    return rv;
}

CK_RV soft_private_decrypt(struct soft_private *key, enum p11_scheme scheme,
                           const struct p11_parameters *parameters, const uint8_t *input, size_t input_size,
                           struct bytes *out)
{
    const struct bytes *modulus = &soft_private_parts(key)->rsa[RSA_MODULUS];

    *out = BYTES_EMPTY;
    if (soft_private_parts(key)->type != CKK_RSA)
        return CKR_KEY_TYPE_INCONSISTENT;
    if (input_size != modulus->size)
        return p11_fail(CKR_ENCRYPTED_DATA_LEN_RANGE, "the key decrypts blocks of %zu bytes, not %zu bytes",
                        modulus->size, input_size);
    if (memcmp(input, modulus->data, input_size) >= 0)
        return p11_fail(CKR_ENCRYPTED_DATA_INVALID, "the block was not encrypted for this key");
    if (scheme == SCHEME_PKCS1)
        return decrypt_pkcs1(key, parameters, input, input_size, out);
    if (scheme == SCHEME_RAW || scheme == SCHEME_OAEP)
        return decrypt_block(key, scheme, parameters, input, input_size, out);
    return CKR_MECHANISM_INVALID;
}
