/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/internal.h"
#include "pkcs11/soft/pkcs8.h"
#include "pkcs11/soft/private.h"

#include "pkcs11/failure.h"

#include <openssl/encoder.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include <string.h>

CK_RV soft_pkey_write(const EVP_PKEY *pkey, struct bytes *der)
{
    OSSL_ENCODER_CTX *context =
        OSSL_ENCODER_CTX_new_for_pkey(pkey, EVP_PKEY_KEYPAIR, "DER", "PrivateKeyInfo", NULL);
    unsigned char *data = NULL;
    size_t size = 0;
    CK_RV rv = CKR_HOST_MEMORY;

    *der = BYTES_EMPTY;
    if (context != NULL && OSSL_ENCODER_to_data(context, &data, &size) == 1 && bytes_copy(der, data, size))
        rv = CKR_OK;
    OPENSSL_clear_free(data, size);
    OSSL_ENCODER_CTX_free(context);
    return rv;
}

/* Ends the context, and the key after it is written. `pkey` is NULL when the generation failed. */
static CK_RV finish(EVP_PKEY_CTX *context, EVP_PKEY *pkey, struct bytes *der)
{
    CK_RV rv = pkey != NULL ? soft_pkey_write(pkey, der)
                            : p11_fail(CKR_FUNCTION_FAILED, "libcrypto does not make the key");

    EVP_PKEY_free(pkey);
    EVP_PKEY_CTX_free(context);
    return rv;
}

CK_RV soft_generate_rsa(size_t bits, struct bytes *der)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(soft_libctx(), "RSA", NULL);
    EVP_PKEY *pkey = NULL;

    *der = BYTES_EMPTY;
    if (context != NULL && EVP_PKEY_keygen_init(context) == 1 &&
        EVP_PKEY_CTX_set_rsa_keygen_bits(context, (int)bits) == 1)
        EVP_PKEY_generate(context, &pkey);
    return finish(context, pkey, der);
}

/* libcrypto has one algorithm for all the NIST curves, and one for each other. */
CK_RV soft_generate_on_curve(const struct p11_curve *curve, struct bytes *der)
{
    bool named = curve->key_type == CKK_EC;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(soft_libctx(), named ? "EC" : curve->name, NULL);
    EVP_PKEY *pkey = NULL;

    *der = BYTES_EMPTY;
    if (context != NULL && EVP_PKEY_keygen_init(context) == 1 &&
        (!named || EVP_PKEY_CTX_set_group_name(context, curve->name) == 1))
        EVP_PKEY_generate(context, &pkey);
    return finish(context, pkey, der);
}

CK_RV soft_generate_secret(CK_KEY_TYPE type, size_t size, struct bytes *der)
{
    struct bytes value = BYTES_EMPTY;
    CK_RV rv = bytes_alloc(&value, size) ? CKR_OK : CKR_HOST_MEMORY;

    *der = BYTES_EMPTY;
    if (rv == CKR_OK && RAND_priv_bytes_ex(soft_libctx(), value.data, size, 0) != 1)
        rv = p11_fail(CKR_FUNCTION_FAILED, "libcrypto has no random numbers for the key");
    if (rv == CKR_OK)
        rv = soft_pkcs8_write_secret(secret_type(type), &value, der);
    bytes_free(&value);
    return rv;
}
