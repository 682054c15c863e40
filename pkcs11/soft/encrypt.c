/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/encrypt.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/internal.h"
#include "pkcs11/soft/key.h"

#include "pkcs11/failure.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <string.h>

bool soft_set_oaep(EVP_PKEY_CTX *context, const struct p11_parameters *parameters)
{
    const struct bytes *label = &parameters->label;
    void *copy = NULL;

    if (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) != 1 ||
        EVP_PKEY_CTX_set_rsa_oaep_md(context, soft_md(parameters->hash)) != 1 ||
        EVP_PKEY_CTX_set_rsa_mgf1_md(context, soft_md(parameters->mgf_hash)) != 1)
        return false;
    if (label->size == 0)
        return true;
    copy = OPENSSL_memdup(label->data, label->size);
    if (copy != NULL && EVP_PKEY_CTX_set0_rsa_oaep_label(context, copy, (int)label->size) == 1)
        return true; /* transferred */
    OPENSSL_free(copy);
    return false;
}

/* How many bytes fit; a scheme that does not encrypt has none. */
static CK_RV check_size(const struct public_key *key, enum p11_scheme scheme,
                        const struct p11_parameters *parameters, size_t input_size)
{
    size_t size = key->modulus.size;
    size_t overhead = size;

    if (scheme == SCHEME_RAW)
        overhead = 0;
    else if (scheme == SCHEME_PKCS1)
        overhead = RSA_PKCS1_PADDING_SIZE;
    else if (scheme == SCHEME_OAEP)
        overhead = 2 * soft_hash_size(parameters->hash) + 2;
    if (input_size + overhead > size)
        return p11_fail(CKR_DATA_LEN_RANGE, "%zu bytes do not fit into a block of %zu bytes", input_size,
                        size);
    return CKR_OK;
}

static bool set_up(EVP_PKEY_CTX *context, enum p11_scheme scheme, const struct p11_parameters *parameters)
{
    if (EVP_PKEY_encrypt_init(context) != 1)
        return false;
    if (scheme == SCHEME_OAEP)
        return soft_set_oaep(context, parameters);
    return EVP_PKEY_CTX_set_rsa_padding(context, scheme == SCHEME_RAW ? RSA_NO_PADDING : RSA_PKCS1_PADDING) ==
           1;
}

static EVP_PKEY *public_pkey(const struct public_key *key)
{
    struct bytes info;
    const unsigned char *end;
    EVP_PKEY *pkey;

    if (soft_public_info(key, &info) != CKR_OK)
        return NULL;
    end = info.data;
    pkey = d2i_PUBKEY_ex(NULL, &end, (long)info.size, soft_libctx(), NULL);
    bytes_free(&info);
    return pkey;
}

static CK_RV encrypt_block(const struct public_key *key, enum p11_scheme scheme,
                           const struct p11_parameters *parameters, const uint8_t *input, size_t input_size,
                           struct bytes *out)
{
    EVP_PKEY *pkey = public_pkey(key);
    EVP_PKEY_CTX *context = pkey != NULL ? EVP_PKEY_CTX_new_from_pkey(soft_libctx(), pkey, NULL) : NULL;
    bool good = context != NULL && set_up(context, scheme, parameters) &&
                bytes_alloc(out, key->modulus.size) &&
                EVP_PKEY_encrypt(context, out->data, &out->size, input, input_size) == 1;

    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(pkey);
    if (good)
        return CKR_OK;
    bytes_free(out);
    return p11_fail(CKR_FUNCTION_FAILED, "libcrypto does not encrypt with this key");
}

CK_RV soft_encrypt(const struct public_key *key, enum p11_scheme scheme,
                   const struct p11_parameters *parameters, const uint8_t *input, size_t input_size,
                   struct bytes *out)
{
    struct bytes block = BYTES_EMPTY;
    CK_RV rv = check_size(key, scheme, parameters, input_size);

    *out = BYTES_EMPTY;
    if (rv != CKR_OK)
        return rv;
    if (scheme != SCHEME_RAW)
        return encrypt_block(key, scheme, parameters, input, input_size, out);
    if (!bytes_alloc(&block, key->modulus.size))
        return CKR_HOST_MEMORY;
    if (input_size != 0)
        memcpy(block.data + (block.size - input_size), input, input_size);
    if (memcmp(block.data, key->modulus.data, block.size) >= 0)
        rv = p11_fail(CKR_DATA_INVALID, "the bare RSA operation takes a number below the modulus");
    else
        rv = encrypt_block(key, scheme, parameters, block.data, block.size, out);
    bytes_free(&block);
    return rv;
}
