/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/public.h"
#include "pkcs11/soft/internal.h"

#include <openssl/asn1.h>
#include <openssl/asn1t.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

static EVP_PKEY *from_parameters(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(soft_libctx(), type, NULL);
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY *pkey = NULL;

    if (context != NULL && parameters != NULL && EVP_PKEY_fromdata_init(context) == 1 &&
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        pkey = NULL;
    OSSL_PARAM_free(parameters);
    EVP_PKEY_CTX_free(context);
    return pkey;
}

static EVP_PKEY *rsa_pkey(const struct public_key *key, OSSL_PARAM_BLD *build)
{
    BIGNUM *n = BN_bin2bn(key->modulus.data, (int)key->modulus.size, NULL);
    BIGNUM *e = BN_bin2bn(key->exponent.data, (int)key->exponent.size, NULL);
    EVP_PKEY *pkey = NULL;

    if (n != NULL && e != NULL && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        pkey = from_parameters("RSA", build);
    BN_free(n);
    BN_free(e);
    return pkey;
}

/* libcrypto checks that the point is on the curve when it reads it. */
static EVP_PKEY *ec_pkey(const struct public_key *key, OSSL_PARAM_BLD *build)
{
    if (OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, key->curve->name, 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, key->point.data, key->point.size) !=
            1)
        return NULL;
    return from_parameters("EC", build);
}

EVP_PKEY *soft_public_pkey(const struct public_key *key)
{
    OSSL_PARAM_BLD *build;
    EVP_PKEY *pkey = NULL;

    if (key->type != CKK_EC && key->type != CKK_RSA)
        return EVP_PKEY_new_raw_public_key_ex(soft_libctx(), key->curve->name, NULL, key->point.data,
                                              key->point.size);
    build = OSSL_PARAM_BLD_new();
    if (build != NULL)
        pkey = key->type == CKK_EC ? ec_pkey(key, build) : rsa_pkey(key, build);
    OSSL_PARAM_BLD_free(build);
    return pkey;
}

bool soft_public_valid(const struct public_key *key)
{
    EVP_PKEY *pkey = soft_public_pkey(key);
    bool valid = pkey != NULL;

    if (key->type == CKK_RSA)
        valid = valid && key->exponent.size != 0 && (key->exponent.data[key->exponent.size - 1] & 1) != 0 &&
                (key->exponent.size > 1 || key->exponent.data[0] > 1) &&
                (key->modulus.data[key->modulus.size - 1] & 1) != 0;
    EVP_PKEY_free(pkey);
    return valid;
}

/* --- SubjectPublicKeyInfo
 * ---------------------------------------------------------------------------------- */

/* Read by templates of its own: d2i_PUBKEY asks all decoders of all providers, which takes longer than
 * everything else that is done to load a file. */
typedef struct {
    X509_ALGOR *algorithm;
    ASN1_BIT_STRING *bits;
} SUBJECT_PUBLIC;

typedef struct {
    ASN1_INTEGER *modulus;
    ASN1_INTEGER *exponent;
} RSA_NUMBERS;

/* clang-format off */
ASN1_SEQUENCE(SUBJECT_PUBLIC) = {
    ASN1_SIMPLE(SUBJECT_PUBLIC, algorithm, X509_ALGOR),
    ASN1_SIMPLE(SUBJECT_PUBLIC, bits, ASN1_BIT_STRING),
} static_ASN1_SEQUENCE_END(SUBJECT_PUBLIC)

ASN1_SEQUENCE(RSA_NUMBERS) = {
    ASN1_SIMPLE(RSA_NUMBERS, modulus, ASN1_INTEGER),
    ASN1_SIMPLE(RSA_NUMBERS, exponent, ASN1_INTEGER),
} static_ASN1_SEQUENCE_END(RSA_NUMBERS)
    /* clang-format on */

    static CK_RV read_number(const ASN1_INTEGER *number, struct bytes *out)
{
    if (ASN1_STRING_type(number) == V_ASN1_NEG_INTEGER || ASN1_STRING_length(number) == 0 ||
        ASN1_STRING_get0_data(number)[0] == 0)
        return CKR_DATA_INVALID;
    return bytes_copy(out, ASN1_STRING_get0_data(number), (size_t)ASN1_STRING_length(number))
               ? CKR_OK
               : CKR_HOST_MEMORY;
}

static CK_RV read_rsa(const ASN1_BIT_STRING *bits, struct public_key *key)
{
    const unsigned char *data = ASN1_STRING_get0_data(bits);
    const unsigned char *end = data;
    RSA_NUMBERS *numbers =
        (RSA_NUMBERS *)ASN1_item_d2i(NULL, &end, ASN1_STRING_length(bits), ASN1_ITEM_rptr(RSA_NUMBERS));
    CK_RV rv = CKR_DATA_INVALID;

    if (numbers != NULL && end == data + ASN1_STRING_length(bits))
        rv = read_number(numbers->modulus, &key->modulus);
    if (rv == CKR_OK)
        rv = read_number(numbers->exponent, &key->exponent);
    ASN1_item_free((ASN1_VALUE *)numbers, ASN1_ITEM_rptr(RSA_NUMBERS));
    return rv;
}

static const struct p11_curve *curve_of(const X509_ALGOR *algorithm)
{
    const struct p11_curve *curve = NULL;
    unsigned char *encoded = NULL;
    const void *value;
    int type;
    int size;

    X509_ALGOR_get0(NULL, &type, &value, algorithm);
    if (type != V_ASN1_OBJECT)
        return NULL;
    size = i2d_ASN1_OBJECT(value, &encoded);
    if (size > 0)
        curve = p11_curve_by_params(encoded, (size_t)size);
    OPENSSL_free(encoded);
    return curve;
}

static CK_RV read_ec(const SUBJECT_PUBLIC *info, struct public_key *key)
{
    const uint8_t *point = ASN1_STRING_get0_data(info->bits);
    size_t size = (size_t)ASN1_STRING_length(info->bits);

    key->curve = curve_of(info->algorithm);
    if (key->curve == NULL || size != 1 + 2 * key->curve->field_size || point[0] != 0x04)
        return CKR_DATA_INVALID;
    return bytes_copy(&key->point, point, size) ? CKR_OK : CKR_HOST_MEMORY;
}

/* RFC 8410: the algorithm is the curve. */
static CK_RV read_25519(const SUBJECT_PUBLIC *info, const ASN1_OBJECT *algorithm, struct public_key *key)
{
    unsigned char *encoded = NULL;
    int size = i2d_ASN1_OBJECT(algorithm, &encoded);

    if (size > 0)
        key->curve = p11_curve_by_params(encoded, (size_t)size);
    OPENSSL_free(encoded);
    if (key->curve == NULL || key->curve->key_type == CKK_EC ||
        (size_t)ASN1_STRING_length(info->bits) != key->curve->field_size)
        return CKR_DATA_INVALID;
    key->type = key->curve->key_type;
    return bytes_copy(&key->point, ASN1_STRING_get0_data(info->bits), key->curve->field_size)
               ? CKR_OK
               : CKR_HOST_MEMORY;
}

static CK_RV read_info(const SUBJECT_PUBLIC *info, struct public_key *key)
{
    const ASN1_OBJECT *type;

    X509_ALGOR_get0(&type, NULL, NULL, info->algorithm);
    if (OBJ_obj2nid(type) == NID_rsaEncryption) {
        key->type = CKK_RSA;
        return read_rsa(info->bits, key);
    }
    if (OBJ_obj2nid(type) != NID_X9_62_id_ecPublicKey)
        return read_25519(info, type, key);
    key->type = CKK_EC;
    return read_ec(info, key);
}

CK_RV soft_public_read(const struct bytes *der, struct public_key *key)
{
    const unsigned char *end = der->data;
    SUBJECT_PUBLIC *info =
        (SUBJECT_PUBLIC *)ASN1_item_d2i(NULL, &end, (long)der->size, ASN1_ITEM_rptr(SUBJECT_PUBLIC));
    CK_RV rv = CKR_DATA_INVALID;

    *key = (struct public_key){0};
    if (info != NULL && end == der->data + der->size)
        rv = read_info(info, key);
    ASN1_item_free((ASN1_VALUE *)info, ASN1_ITEM_rptr(SUBJECT_PUBLIC));
    if (rv != CKR_OK)
        public_key_free(key);
    return rv;
}
