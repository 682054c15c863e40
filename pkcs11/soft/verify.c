/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/verify.h"
#include "pkcs11/failure.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/internal.h"
#include "pkcs11/soft/rsa.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <string.h>

typedef CK_RV scheme_verify(const struct public_key *key, const struct p11_parameters *parameters,
                            const uint8_t *input, size_t input_size, const uint8_t *signature);

static CK_RV verdict(bool good)
{
    return good ? CKR_OK : CKR_SIGNATURE_INVALID;
}

/* --- RSA
 * -------------------------------------------------------------------------------------------------------
 */

/* The public operation, taking off what `padding` says. */
static CK_RV recover(const struct public_key *key, int padding, const uint8_t *signature, struct bytes *data)
{
    EVP_PKEY *pkey = soft_public_pkey(key);
    EVP_PKEY_CTX *context = pkey != NULL ? EVP_PKEY_CTX_new_from_pkey(soft_libctx(), pkey, NULL) : NULL;
    CK_RV rv = CKR_HOST_MEMORY;

    *data = BYTES_EMPTY;
    if (context != NULL && bytes_alloc(data, key->modulus.size))
        rv = verdict(
            EVP_PKEY_verify_recover_init(context) == 1 &&
            EVP_PKEY_CTX_set_rsa_padding(context, padding) == 1 &&
            EVP_PKEY_verify_recover(context, data->data, &data->size, signature, key->modulus.size) == 1);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(pkey);
    if (rv != CKR_OK)
        bytes_free(data);
    return rv;
}

static CK_RV matches_block(const struct public_key *key, const struct bytes *expected,
                           const uint8_t *signature)
{
    struct bytes block;
    CK_RV rv = recover(key, RSA_NO_PADDING, signature, &block);

    if (rv == CKR_OK)
        rv = verdict(bytes_equal(block.data, block.size, expected->data, expected->size));
    bytes_free(&block);
    return rv;
}

/* The one block that signs this data is made and compared (RFC 8017, 8.2.2, step 3 and 4): nothing of the
 * signature's own padding is parsed. */
static CK_RV verify_data(const struct public_key *key, const uint8_t *input, size_t input_size,
                         const uint8_t *signature)
{
    struct bytes expected;
    CK_RV rv = bytes_alloc(&expected, key->modulus.size) ? CKR_OK : CKR_HOST_MEMORY;

    if (rv == CKR_OK)
        rv = soft_rsa_pad_pkcs1(input, input_size, expected.data, expected.size);
    if (rv == CKR_DATA_LEN_RANGE)
        p11_fail(rv, "%zu bytes do not fit a PKCS#1 signature of %zu bytes", input_size, expected.size);
    if (rv == CKR_OK)
        rv = matches_block(key, &expected, signature);
    bytes_free(&expected);
    return rv;
}

static CK_RV verify_pkcs1(const struct public_key *key, const struct p11_parameters *parameters,
                          const uint8_t *input, size_t input_size, const uint8_t *signature)
{
    EVP_PKEY *pkey;
    EVP_PKEY_CTX *context;
    CK_RV rv = CKR_HOST_MEMORY;

    if (parameters->hash == HASH_NONE)
        return verify_data(key, input, input_size, signature);
    pkey = soft_public_pkey(key);
    context = pkey != NULL ? EVP_PKEY_CTX_new_from_pkey(soft_libctx(), pkey, NULL) : NULL;
    if (context != NULL)
        rv = verdict(EVP_PKEY_verify_init(context) == 1 &&
                     EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
                     EVP_PKEY_CTX_set_signature_md(context, soft_md(parameters->hash)) == 1 &&
                     EVP_PKEY_verify(context, signature, key->modulus.size, input, input_size) == 1);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(pkey);
    return rv;
}

static CK_RV verify_pss(const struct public_key *key, const struct p11_parameters *parameters,
                        const uint8_t *input, size_t input_size, const uint8_t *signature)
{
    if (input_size != soft_hash_size(parameters->hash))
        return p11_fail(CKR_DATA_LEN_RANGE, "PSS signs a digest of %zu bytes here, not %zu bytes",
                        soft_hash_size(parameters->hash), input_size);
    return verdict(soft_rsa_verify_pss(key, parameters, input, signature, key->modulus.size));
}

static CK_RV verify_raw(const struct public_key *key, const struct p11_parameters *parameters,
                        const uint8_t *input, size_t input_size, const uint8_t *signature)
{
    struct bytes expected;
    CK_RV rv;

    (void)parameters;
    if (input_size > key->modulus.size)
        return p11_fail(CKR_DATA_LEN_RANGE, "the bare RSA operation takes up to %zu bytes",
                        key->modulus.size);
    if (!bytes_alloc(&expected, key->modulus.size))
        return CKR_HOST_MEMORY;
    if (input_size != 0)
        memcpy(expected.data + (expected.size - input_size), input, input_size);
    rv = matches_block(key, &expected, signature);
    bytes_free(&expected);
    return rv;
}

/* --- ECDSA
 * -----------------------------------------------------------------------------------------------------
 */

/* r || s as the SEQUENCE that libcrypto takes. */
static int encode_signature(const struct public_key *key, const uint8_t *signature, unsigned char **der)
{
    int half = (int)key->curve->field_size;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, half, NULL);
    BIGNUM *s = BN_bin2bn(signature + half, half, NULL);
    int size = -1;

    if (pair != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1) {
        size = i2d_ECDSA_SIG(pair, der); /* r and s are transferred */
    } else {
        BN_free(r);
        BN_free(s);
    }
    ECDSA_SIG_free(pair);
    return size;
}

static CK_RV verify_ecdsa(const struct public_key *key, const struct p11_parameters *parameters,
                          const uint8_t *input, size_t input_size, const uint8_t *signature)
{
    unsigned char *der = NULL;
    EVP_PKEY_CTX *context = NULL;
    EVP_PKEY *pkey;
    CK_RV rv = CKR_HOST_MEMORY;
    int size;

    (void)parameters;
    if (input_size == 0 || input_size > HASH_SIZE_MAXIMUM)
        return p11_fail(CKR_DATA_LEN_RANGE, "ECDSA signs a digest of 1 to %d bytes, not %zu bytes",
                        HASH_SIZE_MAXIMUM, input_size);
    pkey = soft_public_pkey(key);
    size = encode_signature(key, signature, &der);
    if (pkey != NULL)
        context = EVP_PKEY_CTX_new_from_pkey(soft_libctx(), pkey, NULL);
    if (context != NULL && size > 0)
        rv = verdict(EVP_PKEY_verify_init(context) == 1 &&
                     EVP_PKEY_verify(context, der, (size_t)size, input, input_size) == 1);
    OPENSSL_free(der);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(pkey);
    return rv;
}

static CK_RV verify_eddsa(const struct public_key *key, const struct p11_parameters *parameters,
                          const uint8_t *input, size_t input_size, const uint8_t *signature)
{
    EVP_PKEY *pkey = soft_public_pkey(key);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    CK_RV rv = CKR_HOST_MEMORY;

    (void)parameters;
    if (pkey != NULL && context != NULL &&
        EVP_DigestVerifyInit_ex(context, NULL, NULL, soft_libctx(), NULL, pkey, NULL) == 1)
        rv = verdict(
            EVP_DigestVerify(context, signature, public_key_signature_size(key), input, input_size) == 1);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pkey);
    return rv;
}

/* --- by scheme
 * -------------------------------------------------------------------------------------------------
 */

CK_RV soft_verify(const struct public_key *key, enum p11_scheme scheme,
                  const struct p11_parameters *parameters, const uint8_t *input, size_t input_size,
                  const uint8_t *signature)
{
    static scheme_verify *const schemes[] = {
        [SCHEME_PKCS1] = verify_pkcs1, [SCHEME_PSS] = verify_pss,     [SCHEME_RAW] = verify_raw,
        [SCHEME_ECDSA] = verify_ecdsa, [SCHEME_EDDSA] = verify_eddsa,
    };

    if (scheme >= sizeof schemes / sizeof schemes[0] || schemes[scheme] == NULL)
        return CKR_MECHANISM_INVALID;
    return schemes[scheme](key, parameters, input, input_size, signature);
}

CK_RV soft_recover(const struct public_key *key, enum p11_scheme scheme, const uint8_t *signature,
                   struct bytes *data)
{
    return recover(key, scheme == SCHEME_RAW ? RSA_NO_PADDING : RSA_PKCS1_PADDING, signature, data);
}
